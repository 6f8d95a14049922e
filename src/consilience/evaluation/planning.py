"""Power analysis of a protocol: which differences can this design see, and how many items would see the
wanted one?

Responsible for turning a plan into designs (how many items, attempts, comparisons) and for saying what was
assumed. The formulas are `statistics.power`. Pure. Invariants: every number stands beside its assumptions;
what cannot be computed is None with a reason.

References:
    Miller 2024, "Adding error bars to evals" (arXiv 2411.00640), section 5; the item variance counts only for
    the estimand "generalized" (NIST AI 800-3). The family's level is Bonferroni's, which is Holm's first
    step.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from consilience.evaluation.protocol import Concept, Protocol, Split, primary_rater
from consilience.statistics.power import (
    MAX_ITEMS,
    PairedVariances,
    assumed_variances,
    items_needed,
    minimum_detectable_difference,
)

Axis = Literal["language", "model", "laboratory"]
AXES: tuple[Axis, ...] = ("language", "model", "laboratory")
WORST_RATE = 0.5
"""A rate of one half has the largest variance."""
ASSUMED_CORRELATION: dict[Axis, float] = {"language": 0.5, "model": 0.5, "laboratory": 0.9}
"""Between an item's chances of success on the two sides. Two laboratories ask the same model the same items,
so what is left is their method; translations and models share the item's difficulty only in part.
"""
ASSUMED_CONSISTENCY = 0.5
"""Share of the variance of single scores that lies between items; the rest is between attempts."""
MAX_PAIRED_LANGUAGES = 60
"""Of more languages, each is compared with the first only, to find the smallest number of common items."""


class Variances(msgspec.Struct, frozen=True, kw_only=True):
    """Variances of one difference, in squared units of the score."""

    item: float
    """Of the item's true difference between the two sides."""
    within_left: float
    within_right: float
    basis: Literal["assumed", "pilot"]
    rate: float | None = None
    correlation: float | None = None
    consistency: float | None = None
    """The assumptions; None where the pilot gave the variances."""
    pilot_items: int | None = None
    reason: str = ""
    """Why an assumption stands although there is a pilot."""

    def paired(self) -> PairedVariances:
        """Return them as the formulas take them."""
        return PairedVariances(item=self.item, within_left=self.within_left, within_right=self.within_right)


PilotVariances = Mapping[tuple[Axis, str], Variances | str]
"""(axis, concept) → what a pilot shows, or why it shows nothing."""


class PowerRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of comparison can see, in one concept."""

    axis: Axis
    concept: str
    sides: str
    """Which two things are compared."""
    items: int
    """Evaluation items that both sides have (the smallest number over the pairs)."""
    attempts: int
    """Per item and side."""
    comparisons: int
    """In the family of this axis and concept."""
    smallest_difference: float | None
    """Of one comparison."""
    smallest_difference_family: float | None
    """When all comparisons of the family are corrected for."""
    wanted_difference: float | None
    items_needed: int | None
    """To see the wanted difference in one comparison."""
    items_needed_family: int | None
    enough: bool | None
    """Whether `items` see the wanted difference in one comparison; None: not said, or not computable."""
    variances: Variances
    reason: str = ""
    """Why a number is missing."""


class PowerAnalysis(msgspec.Struct, frozen=True, kw_only=True):
    """What the design can see, and what was assumed."""

    confidence_level: float
    power: float
    estimand: str
    multiplicity: str
    wanted_difference: float | None
    rows: tuple[PowerRow, ...]
    assumptions: tuple[str, ...]


def analyse_power(protocol: Protocol, pilot: PilotVariances | None = None) -> PowerAnalysis:
    """Return the power analysis of a protocol.

    Args:
        protocol: The plan; its evaluation items are counted. Of tasks they are not known, and no row is told.
        pilot: Variances from a pilot (see `pilot.read_pilot`); None: the worst case is assumed.
    """
    plan = protocol.analysis
    concepts = () if protocol.tasks else protocol.concepts  # the items of tasks are not known yet
    rows = [row for concept in concepts for axis in AXES for row in _rows(protocol, concept, axis, pilot)]
    return PowerAnalysis(
        confidence_level=plan.confidence_level,
        power=plan.power,
        estimand=plan.estimand,
        multiplicity=plan.multiplicity,
        wanted_difference=plan.wanted_difference,
        rows=tuple(rows),
        assumptions=_assumptions(protocol, rows),
    )


def _rows(protocol: Protocol, concept: Concept, axis: Axis, pilot: PilotVariances | None) -> list[PowerRow]:
    plan = protocol.analysis
    counts = {"language": len(protocol.languages), "model": plan.models, "laboratory": plan.laboratories}
    if counts[axis] < 2:
        return []
    if axis == "language":
        items = common_items(protocol, concept.id)
    else:
        items = min(evaluation_counts(protocol, concept.id).values(), default=0)
    variances = _variances(protocol, concept, axis, pilot)
    pairs = counts[axis] * (counts[axis] - 1) // 2
    kept = protocol.attempts if protocol.aggregation.per_item == "mean" else 1
    sides = {
        "language": "two languages, one laboratory and model",
        "model": "two models, one laboratory and language",
        "laboratory": "two laboratories, one language and model",
    }
    rows = [_row(protocol, concept, axis, sides[axis], items, kept, pairs, variances)]
    if axis != "laboratory" and plan.laboratories > 1 and protocol.aggregation.per_item == "mean":
        together = f"{sides[axis].split(',', maxsplit=1)[0]}, mean of {plan.laboratories} laboratories"
        rows.append(
            _row(protocol, concept, axis, together, items, kept * plan.laboratories, pairs, variances)
        )
    return rows


def _row(
    protocol: Protocol,
    concept: Concept,
    axis: Axis,
    sides: str,
    items: int,
    attempts: int,
    pairs: int,
    variances: Variances,
) -> PowerRow:
    plan = protocol.analysis
    level = plan.confidence_level
    family = 1 - (1 - level) / pairs
    wanted = plan.wanted_difference
    single = _smallest(items, attempts, variances, plan.power, level)
    needed = _needed(wanted, attempts, variances, plan.power, level)
    return PowerRow(
        axis=axis, concept=concept.id, sides=sides, items=items, attempts=attempts, comparisons=pairs,
        smallest_difference=single,
        smallest_difference_family=_smallest(items, attempts, variances, plan.power, family),
        wanted_difference=wanted, items_needed=needed,
        items_needed_family=_needed(wanted, attempts, variances, plan.power, family),
        enough=None if needed is None else items >= needed, variances=variances,
        reason=_reason(items, attempts, variances, wanted, needed),
    )  # fmt: skip


def _reason(items: int, attempts: int, variances: Variances, wanted: float | None, needed: int | None) -> str:
    """Say why a number of a row is missing; empty where none is."""
    if variances.paired().per_item(attempts, attempts) <= 0.0:
        return "these scores have no spread, so nothing is known about the error"
    if items < 2:
        return f"there are {items} common evaluation items; two are the least"
    if wanted is not None and needed is None:
        return f"more than {MAX_ITEMS:,} items"
    return ""


def _smallest(items: int, attempts: int, variances: Variances, power: float, level: float) -> float | None:
    if items < 2:
        return None
    return minimum_detectable_difference(
        items, variances.paired(), attempts, attempts, power=power, level=level
    )


def _needed(
    wanted: float | None, attempts: int, variances: Variances, power: float, level: float
) -> int | None:
    paired = variances.paired()
    if wanted is None or paired.per_item(attempts, attempts) <= 0.0:
        return None
    needed = items_needed(wanted, paired, attempts, attempts, power=power, level=level)
    return needed if needed < MAX_ITEMS else None


def _variances(protocol: Protocol, concept: Concept, axis: Axis, pilot: PilotVariances | None) -> Variances:
    """Return the variances of a difference: from the pilot where it shows them, else of the worst case."""
    shown = (
        pilot.get((axis, concept.id), "the pilot has no scores of this concept") if pilot is not None else ""
    )
    if isinstance(shown, Variances):
        found = shown
    else:
        correlation = ASSUMED_CORRELATION[axis]
        assumed = assumed_variances(
            WORST_RATE, WORST_RATE, consistency=ASSUMED_CONSISTENCY, correlation=correlation
        )
        square = _span(protocol, concept) ** 2
        found = Variances(
            item=assumed.item * square, within_left=assumed.within_left * square,
            within_right=assumed.within_right * square, basis="assumed", rate=WORST_RATE,
            correlation=correlation,
            consistency=ASSUMED_CONSISTENCY, reason=shown,
        )  # fmt: skip
    if protocol.analysis.estimand == "benchmark":
        return msgspec.structs.replace(found, item=0.0)
    return found


def _span(protocol: Protocol, concept: Concept) -> float:
    rater = primary_rater(protocol, concept)
    return rater.scale.maximum - rater.scale.minimum if rater else 1.0


def evaluation_ids(protocol: Protocol, concept: str) -> dict[str, set[str]]:
    """Return the ids of a concept's evaluation items in every language of the plan."""
    ids: dict[str, set[str]] = {language.tag: set() for language in protocol.languages}
    for item in protocol.items:
        if item.concept == concept and item.split is Split.EVALUATION:
            ids[item.language].add(item.id)
    return ids


def evaluation_counts(protocol: Protocol, concept: str) -> dict[str, int]:
    """Return how many evaluation items a concept has in every language of the plan."""
    return {tag: len(ids) for tag, ids in evaluation_ids(protocol, concept).items()}


def common_items(protocol: Protocol, concept: str) -> int:
    """Return the smallest number of evaluation items that two languages have in common."""
    ids = list(evaluation_ids(protocol, concept).values())
    pairs: Sequence[tuple[set[str], set[str]]]
    if len(ids) > MAX_PAIRED_LANGUAGES:
        pairs = [(ids[0], other) for other in ids[1:]]
    else:
        pairs = list(itertools.combinations(ids, 2))
    return min((len(left & right) for left, right in pairs), default=0)


def _assumptions(protocol: Protocol, rows: Sequence[PowerRow]) -> tuple[str, ...]:
    plan = protocol.analysis
    said = [
        f"Two-sided tests at level {1 - plan.confidence_level:.3g}, power {plan.power:.0%}, paired by item, "
        "t test "
        "(Miller 2024, section 5).",
    ]
    assumed = {row.axis: row.variances for row in rows if row.variances.basis == "assumed"}
    if assumed:
        correlations = ", ".join(f"{axis} {variances.correlation:g}" for axis, variances in assumed.items())
        said.append(
            f"No pilot for {', '.join(assumed)}: both sides at a rate of {WORST_RATE:g} (the worst case), "
            "correlation of an "
            f"item's score between the two sides: {correlations}; {ASSUMED_CONSISTENCY:.0%} of the variance "
            "lies between items."
        )
    if plan.estimand == "benchmark":
        said.append('Estimand "benchmark": the items are fixed, so only the spread between attempts counts.')
    else:
        said.append(
            'Estimand "generalized": the items are a sample, so the spread between items counts as well.'
        )
    if protocol.aggregation.per_item != "mean" and protocol.attempts > 1:
        said.append(
            f'Attempts are joined by "{protocol.aggregation.per_item}": counted as one attempt, which '
            "overstates the error."
        )
    if len(rows) and max(row.comparisons for row in rows) > 1:
        said.append(
            "The family's values correct for all comparisons of one axis and concept at once (the first "
            "step of Holm)."
        )
    return tuple(said)
