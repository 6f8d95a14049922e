"""From variance components: how dependable a mean is, and what more of each facet would bring.

Generalizability coefficients and decision studies of G theory (Brennan 2001). A facet is a source of
conditions: items, laboratories, languages, raters, attempts. Levels of a facet are a sample of such levels
unless it is held fixed.

Invariants: more levels of a facet never widen the expected interval; a negative component counts as 0; a
source that was not estimated is named and never counts as 0 silently; where no number suffices, the answer
says so, and what width would be left.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from consilience.statistics.estimate import Reason, check_level
from consilience.statistics.intervals import t_quantile
from consilience.statistics.variance import ATTEMPT, VarianceComponents

MAX_LEVELS = 1_000_000
"""More levels of a facet than this are not proposed."""
RATER = "rater"

Design = Mapping[str, int]


class PlanReason(enum.StrEnum):
    """Why more of a facet is no answer."""

    NO_NUMBER_SUFFICES = "no_number_suffices"
    """However many levels are added, the other sources keep the interval wider than the margin."""
    NOT_ESTIMATED = "not_estimated"
    """The source was not estimated, so that nobody can say what more of it would bring."""
    HELD_FIXED = "held_fixed"
    """The facet is held fixed: its levels are all that is spoken of."""
    ONE_LEVEL_ELSEWHERE = "one_level_elsewhere"
    """Another facet has a single level and its spread cannot be seen from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """Generalizability coefficients of the levels of `object` as they are ordered and as they are.

    `relative` (Eρ²) is that of comparisons between levels, `absolute` (Φ) that of their values. None where
    the object's component is not estimated or nothing varies; `left_out` names sources that were not
    estimated, so that coefficients are no higher than these numbers.
    """

    object: str
    relative: float | None
    absolute: float | None
    relative_error_variance: float | None
    absolute_error_variance: float | None
    left_out: tuple[str, ...]
    reason: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCost:
    """What one call costs. Calls of the model give generations; `judge_tokens` is per rating by a model
    judge, None where raters cost no calls."""

    generation_tokens: float = 0.0
    judge_tokens: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCost:
    """Calls and tokens, of the whole design or of what it adds."""

    calls: int
    tokens: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreOfOne:
    """What more levels of one facet alone would do.

    `needed` is the number of levels in all that bring the half width to the margin (None: see `reason`);
    `extra` how many more that is; `half_width` what it then is; `left` the half width with endless levels.
    """

    facet: str
    now: int
    needed: int | None
    extra: int | None
    half_width: float | None
    left: float | None
    cost: PlanCost | None
    """Of the extra levels."""
    reason: PlanReason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionStudy:
    """Expected half width of the interval of the mean under a design, and what would bring it under a margin.

    `cheapest` is the facet whose extra levels cost the fewest tokens, then calls. `parts` are the sources'
    shares of the variance of the mean. `left_out` names sources that were not estimated.
    """

    half_width: float | None
    standard_error: float | None
    parts: Mapping[str, float]
    more: tuple[MoreOfOne, ...]
    cheapest: str | None
    cost: PlanCost
    left_out: tuple[str, ...]
    reason: Reason | None
    method: str = "decision_study"


def _facets(components: VarianceComponents) -> tuple[str, ...]:
    names: list[str] = []
    for component in components.components:
        if component.source != ATTEMPT:
            names += [name for name in component.source.split(":") if name not in names]
    return tuple(names)


def _known(components: VarianceComponents) -> dict[tuple[str, ...], float]:
    """Estimated components by their facets, negative ones as 0; the attempt is crossed with all facets."""
    facets = _facets(components)
    known: dict[tuple[str, ...], float] = {}
    for component in components.components:
        if component.variance is None:
            continue
        source = (*facets, ATTEMPT) if component.source == ATTEMPT else tuple(component.source.split(":"))
        known[source] = max(component.variance, 0.0)
    return known


def _left_out(components: VarianceComponents) -> tuple[str, ...]:
    return tuple(component.source for component in components.components if component.variance is None)


def _levels(design: Design, facet: str) -> int:
    number = design.get(facet, 1)
    if isinstance(number, bool) or number != int(number) or not 1 <= number <= MAX_LEVELS:
        raise ValueError(f"the design needs 1 to {MAX_LEVELS} levels of {facet}, not {number!r}")
    return int(number)


def _check(design: Design, facets: Collection[str]) -> dict[str, int]:
    for facet in design:
        if facet not in facets and facet != ATTEMPT:
            raise ValueError(
                f"the components know no facet {facet!r}; they have {', '.join(facets)}, {ATTEMPT}"
            )
    return {facet: _levels(design, facet) for facet in (*facets, ATTEMPT)}


def _divisor(source: tuple[str, ...], levels: Mapping[str, int], *, shared: bool) -> float:
    """Product of the numbers of levels. Raters who rate the same generation share what happened in it."""
    counted = [f for f in source if not (shared and f == RATER and ATTEMPT in source)]
    return math.prod(float(levels[facet]) for facet in counted)


def coefficients(
    components: VarianceComponents, design: Design, *, object_facet: str = "item",
    raters_share_generations: bool = True,
) -> Coefficients:  # fmt: skip
    """Return the generalizability coefficients of one facet's levels (Brennan 2001, ch. 4).

    `Eρ² = σ²(o) / (σ²(o) + σ²(δ))` and `Φ = σ²(o) / (σ²(o) + σ²(Δ))`: δ holds the components that contain the
    object and other facets, Δ all others, each divided by the numbers of levels of its other facets.

    Args:
        components: From `variance.variance_components`.
        design: Levels of each facet that a value is averaged over, by name (`laboratory`, `attempt`, …);
            facets that are not named have one level.
        object_facet: The facet whose levels are compared, such as the item, or the laboratory.
        raters_share_generations: Whether raters rate the same generation, so that more raters do not average
            out the attempt; the part of the attempt that is the raters' own is then counted too high.

    Raises:
        ValueError: If a facet is not one of the components', or a number of levels is not a positive integer.
    """
    facets = _facets(components)
    levels = _check({facet: n for facet, n in design.items() if facet != object_facet}, facets)
    if object_facet not in facets:
        raise ValueError(f"the components know no facet {object_facet!r}; they have {', '.join(facets)}")
    known, left_out = _known(components), _left_out(components)
    levels[object_facet] = 1
    if (object_facet,) not in known:
        reason = components.get(object_facet).reason or components.reason
        return Coefficients(
            object=object_facet, relative=None, absolute=None, relative_error_variance=None,
            absolute_error_variance=None, left_out=left_out, reason=reason,
        )  # fmt: skip
    universe, relative, absolute = known[(object_facet,)], 0.0, 0.0
    for source, variance in known.items():
        part = variance / _divisor(source, levels, shared=raters_share_generations)
        if source != (object_facet,):
            absolute += part
            relative += part if object_facet in source else 0.0
    return Coefficients(
        object=object_facet,
        relative=universe / (universe + relative) if universe + relative > 0.0 else None,
        absolute=universe / (universe + absolute) if universe + absolute > 0.0 else None,
        relative_error_variance=relative, absolute_error_variance=absolute, left_out=left_out,
        reason=None if universe + absolute > 0.0 else Reason.ALL_EQUAL,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Plan:
    """Components and rules of one decision study."""

    known: Mapping[tuple[str, ...], float]
    fixed: frozenset[str]
    shared: bool
    level: float

    def parts(self, levels: Mapping[str, int]) -> dict[tuple[str, ...], float]:
        """Each source's part of the variance of the mean; sources of fixed facets alone have none."""
        return {
            source: variance / _divisor(source, levels, shared=self.shared)
            for source, variance in self.known.items()
            if not set(source) <= self.fixed
        }

    def half_width(self, levels: Mapping[str, int], endless: str | None = None) -> float | None:
        """Half width, or None where a source with a spread is seen at one level only."""
        total = 0.0
        for source, part in self.parts(levels).items():
            if part == 0.0 or self._averaged_out(source, endless):
                continue
            df = math.prod(levels[f] - 1.0 for f in source if levels[f] > 1 and f not in self.fixed)
            seen = any(levels[f] > 1 and f not in self.fixed for f in source)
            if not seen:
                return None
            total += float(t_quantile(self.level, df)) ** 2 * part
        return math.sqrt(total)

    def _averaged_out(self, source: tuple[str, ...], endless: str | None) -> bool:
        if endless is None or endless not in source:
            return False
        return not (self.shared and endless == RATER and ATTEMPT in source)


def design_cost(levels: Mapping[str, int], cost: CallCost) -> PlanCost:
    """Return the calls and tokens of a design: a generation per item, laboratory, language and attempt, and a
    rating of it per rater."""
    generations = math.prod(n for facet, n in levels.items() if facet != RATER)
    calls, tokens = generations, generations * cost.generation_tokens
    if cost.judge_tokens is not None:
        ratings = generations * levels.get(RATER, 1)
        calls, tokens = calls + ratings, tokens + ratings * cost.judge_tokens
    return PlanCost(calls=calls, tokens=float(tokens))


def _smallest(plan: _Plan, levels: Mapping[str, int], facet: str, margin: float) -> int | None:
    """Smallest number of levels of one facet whose half width is not above the margin, by bisection."""

    def wide(number: int) -> bool:
        half = plan.half_width({**levels, facet: number})
        return half is None or half > margin

    low, high = levels[facet], levels[facet]
    while wide(high):
        if high >= MAX_LEVELS:
            return None
        low, high = high, min(2 * high, MAX_LEVELS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if wide(middle) else (low, middle)
    return high if wide(low) else low


def _own_spread(known: Mapping[tuple[str, ...], float], facet: str) -> bool:
    return any(facet in source for source in known) if facet == ATTEMPT else (facet,) in known


def _more(
    plan: _Plan, levels: Mapping[str, int], facet: str, margin: float, cost: CallCost, *, split: bool
) -> MoreOfOne:
    now = levels[facet]

    def answer(reason: PlanReason, left: float | None = None) -> MoreOfOne:
        return MoreOfOne(
            facet=facet,
            now=now,
            needed=None,
            extra=None,
            half_width=None,
            left=left,
            cost=None,
            reason=reason,
        )

    if facet in plan.fixed:
        return answer(PlanReason.HELD_FIXED)
    if not _own_spread(plan.known, facet) or (facet == ATTEMPT and not split):
        return answer(PlanReason.NOT_ESTIMATED)
    left = plan.half_width({**levels, facet: max(now, 2)}, endless=facet)
    if left is None:
        return answer(PlanReason.ONE_LEVEL_ELSEWHERE)
    needed = _smallest(plan, levels, facet, margin)
    if needed is None:
        return answer(PlanReason.NO_NUMBER_SUFFICES, left)
    before, after = design_cost(levels, cost), design_cost({**levels, facet: needed}, cost)
    return MoreOfOne(
        facet=facet, now=now, needed=needed, extra=needed - now,
        half_width=plan.half_width({**levels, facet: needed}), left=left,
        cost=PlanCost(calls=after.calls - before.calls, tokens=after.tokens - before.tokens), reason=None,
    )  # fmt: skip


def decision_study(
    components: VarianceComponents, design: Design, margin: float, *, cost: CallCost | None = None,
    fixed: Collection[str] = (), raters_share_generations: bool = True, level: float = 0.95,
) -> DecisionStudy:  # fmt: skip
    """Return the expected half width of the interval of the mean, and the extra of each facet that would do.

    Variance of the mean: `Σ σ²(source) / Π levels` over the sources with a random facet (Brennan 2001, ch. 4
    and 5, the absolute error of the grand mean). Half width: `sqrt(Σ t² part)`, each part with the t quantile
    of its own degrees of freedom, the product of levels - 1 (an upper form of Cochran and Cox's weighted t).
    So spread seen at three laboratories weighs more than the same spread seen at thirty.

    Args:
        components: From `variance.variance_components`.
        design: Levels of each facet now; facets that are not named have one level.
        margin: Half width that is aimed at, in units of the score, above 0.
        cost: What a call costs; None: calls are counted, tokens are 0.
        fixed: Facets whose levels are all that is spoken of (often the languages).
        raters_share_generations: See `coefficients`.
        level: Confidence level.

    Raises:
        ValueError: If the margin is not above 0, or the design does not fit the components.
    """
    check_level(level)
    if not (margin > 0.0 and math.isfinite(margin)):
        raise ValueError(f"a margin must be above 0, not {margin!r}")
    facets = _facets(components)
    levels = _check(design, facets)
    unknown = [facet for facet in fixed if facet not in facets]
    if unknown:
        raise ValueError(f"cannot hold {unknown[0]!r} fixed; the components have {', '.join(facets)}")
    known, price = _known(components), cost if cost is not None else CallCost()
    plan = _Plan(known, frozenset(fixed), raters_share_generations, level)
    parts = plan.parts(levels)
    total = sum(parts.values())
    half = plan.half_width(levels) if known else None
    split = ":".join(facets) in {":".join(source) for source in known}
    more = tuple(
        _more(plan, levels, facet, margin, price, split=split) for facet in (*facets, ATTEMPT) if known
    )
    able = [m for m in more if m.cost is not None]
    best = min(able, key=lambda m: (m.cost.tokens, m.cost.calls) if m.cost else (0.0, 0), default=None)
    return DecisionStudy(
        half_width=half if half else None, standard_error=math.sqrt(total) if total > 0.0 else None,
        parts={ATTEMPT if ATTEMPT in s else ":".join(s): p / total for s, p in parts.items() if total > 0.0},
        more=more, cheapest=None if best is None else best.facet, cost=design_cost(levels, price),
        left_out=_left_out(components), reason=_reason(components, half, total),
    )  # fmt: skip


def _reason(components: VarianceComponents, half: float | None, total: float) -> Reason | None:
    if components.reason is not None:
        return components.reason
    if not total > 0.0:
        return Reason.ALL_EQUAL
    if half is None:
        return Reason.ONE_LEVEL
    reasons = [component.reason for component in components.components]
    return Reason.FEW_LABORATORIES if Reason.FEW_LABORATORIES in reasons else None
