"""Which generations humans rate, and ratings of simulated humans for a demonstration.

Pure. Invariants:
- the sample is a function of the protocol, the run and the set of answered generations: the order of files,
  the time and the machine do not matter, and a larger `per_cell` contains the smaller sample;
- within a cell every generation has the same chance: order by a keyed SHA-256, which stands for a random
  permutation;
- a simulated rating says so.

Reference: simple random sampling without replacement in strata, W. G. Cochran, Sampling Techniques (1977),
ch. 5; the weight of a stratum is N/n (eq. 5.1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from consilience.errors import InputError
from consilience.evaluation.protocol import Item, Protocol, Rater, RaterKind, protocol_digest
from consilience.evaluation.raters.identity import rater_version
from consilience.evaluation.run_record import Answer, Rating, rating_id
from consilience.evaluation.scores import Status

if TYPE_CHECKING:
    import numpy as np


class Stratum(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of the sample: a language and concept of one laboratory's run of one model."""

    language: str
    concept: str
    generations: tuple[str, ...]
    """Drawn, in the order of the draw."""
    population: int
    """Answered generations in the cell."""

    @property
    def weight(self) -> float | None:
        """How many generations each drawn one stands for (N/n); None where none was drawn."""
        return self.population / len(self.generations) if self.generations else None


def draw_strata(
    protocol: Protocol, answers: Iterable[Answer], *, laboratory: str, model: str
) -> tuple[Stratum, ...]:
    """Draw the human sample of one run, cell by cell.

    Args:
        protocol: With its `human_sample`.
        answers: Of the run, in any order; those without text, or with blank text, are left out.
        laboratory: Of the run.
        model: Of the run.

    Returns:
        One stratum per language and concept that has answers, sorted; at most `per_cell` generations in each.

    Raises:
        InputError: The protocol plans no human sample.
    """
    plan = protocol.human_sample
    if plan is None:
        raise InputError(
            "the protocol plans no human sample",
            next_step="Add `[human_sample]` with `per_cell` before the exercise starts.",
        )
    key = "\x1f".join(["human-sample", str(plan.seed), protocol_digest(protocol), laboratory, model])
    cells: dict[tuple[str, str], set[str]] = {}
    for answer in answers:
        if answer.text is not None and answer.text.strip():
            cells.setdefault((answer.language, answer.concept), set()).add(answer.generation)
    return tuple(
        Stratum(
            language=language,
            concept=concept,
            generations=tuple(
                sorted(cells[language, concept], key=lambda name: _rank(key, name))[: plan.per_cell]
            ),
            population=len(cells[language, concept]),
        )
        for language, concept in sorted(cells)
    )


def draw_sample(
    protocol: Protocol, answers: Iterable[Answer], *, laboratory: str, model: str
) -> tuple[str, ...]:
    """Return the ids of the generations that humans rate in one run; see `draw_strata`.

    Raises:
        InputError: The protocol plans no human sample.
    """
    strata = draw_strata(protocol, answers, laboratory=laboratory, model=model)
    return tuple(generation for stratum in strata for generation in stratum.generations)


def _rank(key: str, generation: str) -> bytes:
    return hashlib.sha256(f"{key}\x1f{generation}".encode()).digest()


def human_raters(protocol: Protocol) -> tuple[Rater, ...]:
    """Return the human raters of a protocol."""
    return tuple(rater for rater in protocol.raters if rater.kind is RaterKind.HUMAN)


def simulate_human_ratings(
    protocol: Protocol,
    items: Iterable[Item],
    answers: Sequence[Answer],
    reference_scores: Mapping[str, float],
    *,
    sensitivity: float,
    specificity: float,
    rng: np.random.Generator,
    rated_at: str = "",
) -> tuple[Rating, ...]:
    """Make up the ratings of humans who see the reference score through errors. Only for a demonstration.

    A generation is a positive where its reference score lies in the upper half of the rater's scale. A
    positive is called positive with probability `sensitivity`, another one with probability 1 -
    `specificity`.

    Args:
        protocol: Whose human raters are simulated, each with draws of its own.
        items: The items that were asked; answers to others are left out.
        answers: The sample.
        reference_scores: Generation id → score; answers without one are left out.
        sensitivity: From 0 to 1.
        specificity: From 0 to 1.
        rng: Source of the errors.
        rated_at: UTC, ISO 8601.

    Returns:
        Ratings with `simulated` true, in the order of raters and answers.

    Raises:
        InputError: A probability is out of range, or the protocol has no human rater.
    """
    if not (0.0 <= sensitivity <= 1.0 and 0.0 <= specificity <= 1.0):
        raise InputError(f"sensitivity {sensitivity} and specificity {specificity} must lie between 0 and 1")
    raters = human_raters(protocol)
    if not raters:
        raise InputError("the protocol has no human rater", next_step='Add a rater with `kind = "human"`.')
    asked = {(item.id, item.language) for item in items}
    ratings = []
    for rater in raters:
        middle = (rater.scale.minimum + rater.scale.maximum) / 2
        for answer in answers:
            reference = reference_scores.get(answer.generation)
            rates = not rater.concepts or answer.concept in rater.concepts
            if reference is None or not rates or (answer.item, answer.language) not in asked:
                continue
            chance = sensitivity if reference >= middle else 1.0 - specificity
            ratings.append(_simulated(rater, answer, positive=bool(rng.random() < chance), rated_at=rated_at))
    return tuple(ratings)


def _simulated(rater: Rater, answer: Answer, *, positive: bool, rated_at: str) -> Rating:
    version = rater_version(rater)
    score = rater.scale.maximum if positive else rater.scale.minimum
    return Rating(
        rating=rating_id(generation=answer.generation, rater=rater.id, version=version),
        generation=answer.generation,
        rater=rater.id,
        rater_kind=RaterKind.HUMAN,
        version=version,
        status=Status.SCORED,
        score=score,
        label=next((label for label, value in rater.scale.labels.items() if value == score), None),
        explanation="simulated",
        simulated=True,
        rated_at=rated_at,
    )
