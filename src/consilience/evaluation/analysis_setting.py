"""What an analysis goes by: level, estimand, primary raters, scales and margins, from the protocol or the
data.

Responsible for every choice that is not arithmetic, so that it is made once and can be read in one place.
Pure. Without a protocol: confidence level 0.95, Holm, the generalized estimand, no margins; the primary
rater of a concept is the one with the most scores (ties: program, judge, human, then by name); direction and
scale are those that an import tells of its raters, else higher is better and the scale is seen from the
scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from consilience.errors import IncompatibleError
from consilience.evaluation.joint_result import Estimate, Interval, Message
from consilience.evaluation.merge import Merged
from consilience.evaluation.merge_census import Group, shown
from consilience.evaluation.merge_imports import told_direction, told_scale
from consilience.evaluation.message_codes import REASON_CODES, say
from consilience.evaluation.protocol import Concept, Margins, Protocol, RaterKind, primary_rater
from consilience.statistics import estimate as statistics
from consilience.statistics.agreement import MIN_SHARED

DEFAULT_SEED = 20_240_521
MAX_ORDINAL = 11
"""Different scores up to which whole-numbered scores are taken for an ordinal scale."""

Estimand = Literal["benchmark", "generalized"]
ScaleKind = Literal["binary", "ordinal", "continuous"]
Bounds = tuple[float, float]
_KIND_ORDER = {RaterKind.PROGRAM: 0, RaterKind.JUDGE: 1, RaterKind.HUMAN: 2}


@dataclass(frozen=True)
class RaterSetting:
    """A rater as the analysis treats it."""

    id: str
    kind: RaterKind
    simulated: bool
    scale: ScaleKind
    bounds: Bounds | None
    """Smallest and largest score of the scale; None where it is not known."""
    planned: bool
    n_scored: int
    n_unscored: int

    @property
    def span(self) -> float | None:
        """Width of the scale."""
        return None if self.bounds is None else self.bounds[1] - self.bounds[0]


@dataclass(frozen=True)
class ConceptSetting:
    """A concept as the analysis treats it."""

    id: str
    planned: Concept | None
    primary: int
    """Number of the rater that carries the verdict."""
    planned_primary: str | None
    """What the protocol says, where that rater gave no score."""

    told_direction: bool | None = None
    """Whether a higher score is better, as the import of the primary rater's scores tells it."""

    @property
    def margins(self) -> Margins:
        """Margins of equivalence; none without a protocol."""
        return self.planned.margins if self.planned is not None else Margins()

    @property
    def higher_is_better(self) -> bool:
        """Direction of the scale: the protocol's, else the import's; true where nobody says otherwise."""
        if self.planned is not None:
            return self.planned.higher_is_better
        return self.told_direction is not False


@dataclass(frozen=True)
class Setting:
    """Everything that an analysis goes by. Raters and concepts stand in the order of the tables' codes."""

    level: float
    multiplicity: Literal["holm", "benjamini-hochberg"]
    estimand: Estimand
    power: float
    seed: int
    raters: tuple[RaterSetting, ...]
    concepts: tuple[ConceptSetting, ...]


def make_setting(merged: Merged, *, seed: int | None = None) -> Setting:
    """Decide what the analysis goes by.

    Args:
        merged: The tables.
        seed: Of resampling; None: the protocol's, else DEFAULT_SEED.

    Raises:
        IncompatibleError: A rater's scores lie outside the scale that the protocol gives it.
    """
    protocol = merged.protocol
    plan = protocol.analysis if protocol is not None else None
    tables = merged.tables
    raters = tuple(_rater(rater, merged, protocol) for rater in tables.raters)
    concepts = tuple(_concept(concept, merged, raters, protocol) for concept in tables.concepts)
    return Setting(
        level=plan.confidence_level if plan else 0.95,
        multiplicity=plan.multiplicity if plan else "holm",
        estimand=plan.estimand if plan else "generalized",
        power=plan.power if plan else 0.8,
        seed=seed if seed is not None else (plan.seed if plan else DEFAULT_SEED),
        raters=raters,
        concepts=concepts,
    )


def _rater(rater: str, merged: Merged, protocol: Protocol | None) -> RaterSetting:
    mine = [group for group in merged.groups if group.rater == rater]
    planned = next((r for r in protocol.raters if r.id == rater), None) if protocol is not None else None
    low = min((g.lowest for g in mine if g.lowest is not None), default=None)
    high = max((g.highest for g in mine if g.highest is not None), default=None)
    binary = (
        low is None or high is None or (low >= 0.0 and high <= 1.0 and all(not g.fractions for g in mine))
    )
    scale: ScaleKind = "binary" if binary else "continuous"
    bounds: Bounds | None = (0.0, 1.0) if binary else None
    if planned is not None and planned.scale.minimum < planned.scale.maximum:
        bounds = (planned.scale.minimum, planned.scale.maximum)
        if not binary or bounds != (0.0, 1.0):
            scale = (
                planned.scale.kind if planned.scale.kind != "binary" or bounds != (0.0, 1.0) else "continuous"
            )
        if low is not None and high is not None and (low < bounds[0] or high > bounds[1]):
            raise IncompatibleError(
                f"the rater {shown(rater)} gave scores from {low:g} to {high:g}; its scale in the "
                "protocol goes from "
                f"{bounds[0]:g} to {bounds[1]:g}",
                next_step="Correct the scores, or give the protocol that they were made under.",
            )
    else:
        scale, bounds = _told_scale(rater, merged, (scale, bounds, low, high))
        if scale == "continuous" and bounds is None and _whole_numbered(mine):
            scale = "ordinal"
    scored = sum(group.scores for group in mine)
    return RaterSetting(
        id=rater,
        kind=RaterKind(mine[0].rater_kind),
        simulated=any(group.simulated for group in mine),
        scale=scale,
        bounds=bounds,
        planned=planned is not None,
        n_scored=scored,
        n_unscored=sum(group.rows for group in mine) - scored,
    )


def _told_scale(
    rater: str, merged: Merged, seen: tuple[ScaleKind, Bounds | None, float | None, float | None]
) -> tuple[ScaleKind, Bounds | None]:
    """Return the scale as the imports tell it, as far as the scores do not contradict."""
    scale, bounds, low, high = seen
    kind, limits = told_scale(merged.imports, rater)
    if limits is not None and low is not None and high is not None and limits[0] <= low <= high <= limits[1]:
        bounds = limits
        if kind in {"ordinal", "continuous"} or (kind == "binary" and scale == "binary"):
            scale = kind
    return scale, bounds


def _whole_numbered(groups: Sequence[Group]) -> bool:
    """Whether the scores look like the steps of an ordinal scale: few whole numbers."""
    lows = {group.lowest for group in groups if group.lowest is not None}
    highs = {group.highest for group in groups if group.highest is not None}
    ends = lows | highs
    return (
        all(float(end).is_integer() for end in ends)
        and max(ends) - min(ends) < MAX_ORDINAL
        and all(group.whole for group in groups if group.whole is not None)
    )


def _concept(
    concept: str, merged: Merged, raters: Sequence[RaterSetting], protocol: Protocol | None
) -> ConceptSetting:
    planned = next((c for c in protocol.concepts if c.id == concept), None) if protocol is not None else None
    scores: dict[str, int] = {}
    for group in merged.groups:
        if group.concept == concept:
            scores[group.rater] = scores.get(group.rater, 0) + group.scores
    numbers = {rater.id: number for number, rater in enumerate(raters)}
    wanted = primary_rater(protocol, planned) if protocol is not None and planned is not None else None
    if wanted is not None and scores.get(wanted.id, 0) > 0:
        return ConceptSetting(concept, planned, numbers[wanted.id], None)
    best = min(scores, key=lambda r: (-scores[r], _KIND_ORDER[raters[numbers[r]].kind], r))
    missing = wanted.id if wanted is not None and wanted.id != best else None
    direction = told_direction(merged.imports, best, concept) if planned is None else None
    return ConceptSetting(concept, planned, numbers[best], missing, direction)


def reason_message(
    reason: statistics.Reason | None, *, n_shared: int = 0, n_laboratories: int = 0
) -> Message | None:
    """Return the sentence of a reason of the statistics."""
    if reason is None:
        return None
    known = {"n_shared": n_shared, "needed": MIN_SHARED, "n_laboratories": n_laboratories}
    return say(reason.value, **{name: known[name] for name in REASON_CODES[reason.value]})


def to_estimate(found: statistics.Estimate, estimand: Estimand, *, n_shared: int = 0) -> Estimate:
    """Return an estimate of the statistics as the document holds it."""
    return Estimate(
        value=found.value,
        interval=to_interval(found.interval),
        n_items=found.n_items,
        n_scores=found.n_scores,
        estimand=estimand,
        standard_error=found.standard_error,
        reason=reason_message(found.reason, n_shared=n_shared),
    )


def to_interval(found: statistics.Interval | None) -> Interval | None:
    """Return an interval of the statistics as the document holds it."""
    if found is None:
        return None
    return Interval(low=found.low, high=found.high, level=found.level, method=found.method)


def no_estimate(reason: Message, estimand: Estimand) -> Estimate:
    """Return an estimate without value."""
    return Estimate(value=None, interval=None, n_items=0, n_scores=0, estimand=estimand, reason=reason)
