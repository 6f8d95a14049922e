"""What more of each facet would bring: decision studies of G theory (Brennan 2001).

A facet's levels are a sample of such levels unless it is held fixed.

Invariants: more levels of a facet never widen the expected interval; no half width goes beyond half of a
scale with ends, and it is told where it would; a source that was not estimated is named and never counts as 0
silently; where no number suffices, the answer says so, and what width would be left; a
cost that is not known is None.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from consilience.statistics.components import ATTEMPT, RATER, VarianceComponents
from consilience.statistics.estimate import Reason, check_level
from consilience.statistics.generalizability import (
    MAX_LEVELS,
    Design,
    Source,
    checked_levels,
    divisors_of,
    facets_of,
    is_rated,
    known_variances,
    label_of,
    left_out_of,
)
from consilience.statistics.intervals import t_quantile

MULTIPLES = (1, 2, 4, 8, 16)
"""How many times as many levels of a facet its curve shows."""


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
class CallCost:
    """What one call costs. Calls of the model give generations; ratings by judge models are calls too."""

    generation_tokens: float | None = None
    """None: not known."""
    judges: float = 0.0
    """Share of the raters that are judge models."""
    judge_tokens: float | None = None
    """Per rating by a judge model. None: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCost:
    """Calls and tokens, of the whole design or of what it adds."""

    generations: int
    ratings: int
    """By judge models."""
    tokens: float | None
    """Of the calls whose cost is known; None where that of generations is not."""

    @property
    def calls(self) -> int:
        """Calls of the model and of judges."""
        return self.generations + self.ratings


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreOfOne:
    """What more levels of one facet alone would do.

    `needed` is the number of levels in all that bring the half width to the margin (None: see `reason`);
    `extra` how many more that is; `half_width` what it then is; `left` the half width with endless levels.
    `curve` holds numbers of levels (`MULTIPLES` of now) with their half widths.
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
    curve: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionStudy:
    """Expected half width of the interval of the mean under a design, and what would bring it under a margin.

    `cheapest` is the facet whose extra levels cost the fewest tokens, then calls; None where none is needed
    or none will do. `parts` are the sources' shares of the variance of the mean. `left_out` names sources
    that were not estimated. Widths speak of a mean over further levels of the `random` facets, such as
    laboratories like these; those that are `fixed` are all that is spoken of.
    """

    half_width: float | None
    standard_error: float | None
    parts: Mapping[str, float]
    more: tuple[MoreOfOne, ...]
    cheapest: str | None
    cost: PlanCost
    left_out: tuple[str, ...]
    reason: Reason | None
    random: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    widest: float | None = None
    """Half of the scale, which no half width passes; None: the scale has no ends."""
    capped: bool = False
    """Whether the half width as computed passes it: the design tells next to nothing of such a mean."""
    method: str = "decision_study"


@dataclass(frozen=True, slots=True)
class _Plan:
    """Components and rules of one decision study."""

    known: Mapping[Source, float]
    now: Mapping[str, int]
    divisors: Mapping[Source, float]
    """Levels of each source now."""
    fixed: frozenset[str]
    rated: bool
    shared: bool
    level: float
    cost: CallCost
    generations: float
    split: bool
    """Whether attempts are repeated, so that their spread stands apart."""
    widest: float = math.inf
    """Half widths go no further."""

    def parts(self, levels: Mapping[str, int]) -> dict[Source, float]:
        """Each source's part of the variance of the mean; sources of fixed facets alone have none."""
        return {
            source: variance / (self.divisors[source] * self._times(source, levels))
            for source, variance in self.known.items()
            if not set(source) <= self.fixed
        }

    def _times(self, source: Source, levels: Mapping[str, int]) -> float:
        """How many times as many levels of a source there are as now."""
        counted = [f for f in source if not (self._sharing and f == RATER and ATTEMPT in source)]
        return math.prod(levels[facet] / self.now[facet] for facet in counted)

    @property
    def _sharing(self) -> bool:
        return self.shared and not self.rated

    def price(self, levels: Mapping[str, int]) -> PlanCost:
        """Return the calls and tokens of a design like the present one."""
        times = math.prod(n / self.now[facet] for facet, n in levels.items() if facet != RATER)
        return _price(self.generations * times, levels.get(RATER, 1), self.cost)

    def half_width(self, levels: Mapping[str, int], endless: str | None = None) -> float | None:
        """Half width, or None where a source with a spread is seen at one level only."""
        found = self.computed(levels, endless)
        return None if found is None else min(found, self.widest)

    def computed(self, levels: Mapping[str, int], endless: str | None = None) -> float | None:
        """The same, however wide the scale is."""
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

    def _averaged_out(self, source: Source, endless: str | None) -> bool:
        if endless is None or endless not in source:
            return False
        return not (self._sharing and endless == RATER and ATTEMPT in source)


def _price(generations: float, raters: int, cost: CallCost) -> PlanCost:
    ratings, tokens = generations * raters * cost.judges, None
    if cost.generation_tokens is not None:
        tokens = generations * cost.generation_tokens + ratings * (cost.judge_tokens or 0.0)
    return PlanCost(generations=round(generations), ratings=round(ratings), tokens=tokens)


def design_cost(levels: Mapping[str, int], cost: CallCost) -> PlanCost:
    """Return the calls and tokens of a complete design: a generation per item, laboratory, language and
    attempt, and a rating of it per rater."""
    generations = math.prod(n for facet, n in levels.items() if facet != RATER)
    return _price(float(generations), levels.get(RATER, 1), cost)


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


def _own_spread(plan: _Plan, facet: str) -> bool:
    if facet == ATTEMPT:
        return plan.split and any(facet in source for source in plan.known)
    return (facet,) in plan.known


def _more(plan: _Plan, facet: str, margin: float) -> MoreOfOne:
    now, levels = plan.now[facet], plan.now

    def answer(reason: PlanReason, left: float | None = None) -> MoreOfOne:
        return MoreOfOne(
            facet=facet, now=now, needed=None, extra=None, half_width=None, left=left, cost=None,
            reason=reason, curve=() if left is None else _curve(plan, facet),
        )  # fmt: skip

    if facet in plan.fixed:
        return answer(PlanReason.HELD_FIXED)
    if not _own_spread(plan, facet):
        return answer(PlanReason.NOT_ESTIMATED)
    left = plan.half_width({**levels, facet: max(now, 2)}, endless=facet)
    if left is None:
        return answer(PlanReason.ONE_LEVEL_ELSEWHERE)
    needed = _smallest(plan, levels, facet, margin)
    if needed is None:
        return answer(PlanReason.NO_NUMBER_SUFFICES, left)
    return MoreOfOne(
        facet=facet, now=now, needed=needed, extra=needed - now,
        half_width=plan.half_width({**levels, facet: needed}), left=left,
        cost=_added(plan.price(levels), plan.price({**levels, facet: needed})), reason=None,
        curve=_curve(plan, facet),
    )  # fmt: skip


def _added(before: PlanCost, after: PlanCost) -> PlanCost:
    tokens = None if before.tokens is None or after.tokens is None else after.tokens - before.tokens
    return PlanCost(
        generations=after.generations - before.generations, ratings=after.ratings - before.ratings,
        tokens=tokens,
    )  # fmt: skip


def _curve(plan: _Plan, facet: str) -> tuple[tuple[int, float], ...]:
    numbers = [plan.now[facet] * times for times in MULTIPLES]
    widths = [(n, plan.half_width({**plan.now, facet: n})) for n in numbers if n <= MAX_LEVELS]
    return tuple((n, width) for n, width in widths if width is not None)


def _cheapest(more: Collection[MoreOfOne]) -> str | None:
    """The facet whose extra levels cost least; nobody needs one where a facet needs no more."""
    if any(one.extra == 0 for one in more):
        return None
    able = [(one.cost, one.facet) for one in more if one.cost is not None and one.cost.calls > 0]
    found = min(able, key=lambda pair: (pair[0].tokens or 0.0, pair[0].calls), default=None)
    return None if found is None else found[1]


def decision_study(
    components: VarianceComponents, design: Design, margin: float, *, cost: CallCost | None = None,
    fixed: Collection[str] = (), present: Mapping[str, int] | None = None,
    raters_share_generations: bool = True, level: float = 0.95, span: float | None = None,
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
        cost: What a call costs; None: not known, calls are counted.
        fixed: Facets whose levels are all that is spoken of (often the languages).
        present: How many levels of each source there are in all (`attempt`: generations), where the design
            is not complete; more of a facet multiplies them.
        raters_share_generations: See `coefficients`.
        level: Confidence level.
        span: Width of the scale: half widths are cut at half of it; None: the scale has no ends.

    Raises:
        ValueError: If the margin or the scale's width is not above 0, or the design does not fit the
            components.
    """
    check_level(level)
    if not (margin > 0.0 and math.isfinite(margin)):
        raise ValueError(f"a margin must be above 0, not {margin!r}")
    if span is not None and not (span > 0.0 and math.isfinite(span)):
        raise ValueError(f"the width of a scale must be above 0, not {span!r}")
    facets = facets_of(components)
    levels = checked_levels(design, facets)
    unknown = [facet for facet in fixed if facet not in facets]
    if unknown:
        raise ValueError(f"cannot hold {unknown[0]!r} fixed; the components have {', '.join(facets)}")
    plan = _plan(components, levels, present, raters_share_generations, frozenset(fixed), level, cost)
    plan = plan if span is None else replace(plan, widest=span / 2.0)
    parts = plan.parts(levels)
    total = sum(parts.values())
    half = plan.half_width(levels) if plan.known else None
    more = tuple(_more(plan, facet, margin) for facet in (*facets, ATTEMPT) if plan.known)
    return DecisionStudy(
        half_width=half if half else None, standard_error=math.sqrt(total) if total > 0.0 else None,
        parts={label_of(s, rated=plan.rated): p / total for s, p in parts.items() if total > 0.0},
        more=more, cheapest=_cheapest(more), cost=plan.price(levels),
        left_out=left_out_of(components), reason=_reason(components, half, total),
        random=tuple(facet for facet in (*facets, ATTEMPT) if facet not in plan.fixed),
        fixed=tuple(facet for facet in facets if facet in plan.fixed),
        widest=None if span is None else plan.widest,
        capped=plan.known != {} and (plan.computed(levels) or 0.0) > plan.widest,
    )  # fmt: skip


def _plan(
    components: VarianceComponents, levels: Mapping[str, int], present: Mapping[str, int] | None,
    shared: bool, fixed: frozenset[str], level: float, cost: CallCost | None,
) -> _Plan:  # fmt: skip
    known, rated = known_variances(components), is_rated(components)
    generations = (present or {}).get(ATTEMPT)
    if generations is None:
        generations = math.prod(n for facet, n in levels.items() if facet != RATER)
    repeated = any(c.source == ATTEMPT and c.levels > components.n_cells for c in components.components)
    return _Plan(
        known=known, now=levels, divisors=divisors_of(known, levels, present, rated=rated, shared=shared),
        fixed=fixed, rated=rated, shared=shared, level=level, cost=cost or CallCost(),
        generations=float(generations), split=repeated,
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
