"""How the rows of an analysis are tallied: names, raters, attempts, pairs and the order of them, for every
partition of the rows the same.

Responsible for what the census decides before the rows are grouped. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from consilience.errors import LimitError
from consilience.evaluation.merge_census import Group
from consilience.evaluation.protocol import RaterKind

Aggregate = Literal["mean", "majority", "any", "all", "first"]
Pair = tuple[int, int]

MAX_RATERS = 60
MAX_PAIRS = 40
"""Pairs of raters that are compared item by item."""
BITS = 20
"""Attempts of one item that stand side by side in one row; each has three bits in a number: there is a row,
it has a score, the score is 1."""
SLOTS = 60
"""Attempts × raters whose scores are not all 0 or 1 that stand side by side in one row."""
NAMES = ("laboratory", "model", "language", "concept", "item")


@dataclass(frozen=True)
class Layout:
    """What every partition is tallied by. Codes of names and raters are their places in the tuples."""

    laboratories: tuple[str, ...]
    models: tuple[str, ...]
    languages: tuple[str, ...]
    concepts: tuple[str, ...]
    n_items: int
    raters: tuple[str, ...]
    binary: tuple[bool, ...]
    """Whether all scores of a rater are 0 or 1, so that sums are also sums of squares."""
    all_scored: bool
    """Whether every row has a score."""
    humans: tuple[int, ...]
    """Numbers of the human raters, whose ratings are rare and never left out of a sample."""
    pairs: tuple[Pair, ...]
    """Pairs of raters that are compared item by item."""
    attempts: int
    """How many attempts stand side by side; 0: they are too many and rows are grouped by generation."""
    aggregate: Aggregate
    """How the attempts of an item become its score."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many names there are, in the order of NAMES."""
        named = (self.laboratories, self.models, self.languages, self.concepts)
        return (*(len(names) for names in named), self.n_items)


def make_layout(groups: Sequence[Group], *, n_items: int, aggregate: Aggregate) -> Layout:
    """Decide how the rows of a census are tallied.

    Raises:
        LimitError: More raters than MAX_RATERS.
    """
    raters = tuple(sorted({group.rater for group in groups}))
    if len(raters) > MAX_RATERS:
        raise LimitError(
            f"{len(raters)} raters are more than the limit of {MAX_RATERS}",
            next_step="Give the annotators of one guideline one rater name.",
        )
    binary = tuple(_is_binary(groups, rater) for rater in raters)
    humans = {raters.index(group.rater) for group in groups if group.rater_kind == RaterKind.HUMAN}
    return Layout(
        laboratories=_names(groups, "laboratory"),
        models=_names(groups, "model"),
        languages=_names(groups, "language"),
        concepts=_names(groups, "concept"),
        n_items=n_items,
        raters=raters,
        binary=binary,
        all_scored=all(group.scores == group.rows for group in groups),
        humans=tuple(sorted(humans)),
        pairs=tuple(rater_pairs(groups, raters)),
        attempts=attempts_fit(groups, binary),
        aggregate=aggregate,
    )


def _names(groups: Iterable[Group], column: str) -> tuple[str, ...]:
    return tuple(sorted({getattr(group, column) for group in groups}))


def _is_binary(groups: Iterable[Group], rater: str) -> bool:
    """Say whether all scores of a rater are 0 or 1."""
    return all(not group.fractions for group in groups if group.rater == rater)


def attempts_fit(groups: Iterable[Group], binary: Sequence[bool]) -> int:
    """Return how many attempts stand side by side, or 0 where they are too many.

    Args:
        groups: The census.
        binary: Whether all scores of each rater are 0 or 1.
    """
    last = max((group.last_attempt or 0 for group in groups), default=0)
    return last if last <= BITS and last * (len(binary) - sum(binary)) <= SLOTS else 0


def rater_pairs(groups: Iterable[Group], raters: Sequence[str]) -> list[Pair]:
    """Return the pairs of raters that share a concept, those with a human first, at most MAX_PAIRS."""
    concepts: dict[str, set[str]] = {rater: set() for rater in raters}
    kinds: dict[str, str] = {}
    for group in groups:
        kinds[group.rater] = group.rater_kind
        if group.scores:
            concepts[group.rater].add(group.concept)
    pairs = [
        (a, b)
        for a in range(len(raters))
        for b in range(a + 1, len(raters))
        if concepts[raters[a]] & concepts[raters[b]]
    ]
    human = RaterKind.HUMAN
    pairs.sort(key=lambda pair: not any(kinds[raters[number]] == human for number in pair))
    return pairs[:MAX_PAIRS]
