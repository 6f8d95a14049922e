"""Which generations humans rate.

Pure. Invariants:
- the sample is a function of the protocol, the run and the set of answered generations: the order of files,
  the time and the machine do not matter, and a larger `per_cell` contains the smaller sample;
- within a cell every generation has the same chance: order by a keyed SHA-256, which stands for a random
  permutation.

Reference: simple random sampling without replacement in strata, W. G. Cochran, Sampling Techniques (1977),
ch. 5; the weight of a stratum is N/n (eq. 5.1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from consilience.errors import InputError
from consilience.evaluation.protocol import Protocol, Rater, RaterKind, protocol_digest
from consilience.evaluation.run_record import Answer


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
