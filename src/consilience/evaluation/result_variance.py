"""Where the spread comes from, in a joint result, and what more of each facet would bring.

Pure types; `joint_result` holds the document.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from consilience.evaluation.result_values import Interval, Message


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One variance component. `variance` may be negative before it is set to 0 in `share`; both are shown."""

    source: str
    """item, laboratory, language, rater, their interactions (`item:language` …), attempt, residual."""
    variance: float | None
    interval: Interval | None = None
    """Of the variance; its lower end is not below 0."""
    share: float | None
    share_interval: Interval | None
    levels: int
    reason: Message | None = None


class VarianceTable(msgspec.Struct, frozen=True, kw_only=True):
    """Where the spread of single scores comes from, for one model and concept: by the rater that carries the
    verdict alone, and where several raters scored the same generations, by all of them."""

    model: str
    concept: str
    rater: str
    """The rater that carries the verdict."""
    raters: tuple[str, ...] = ()
    """All that enter, `rater` first. With one, `attempt` holds its errors from one generation to the next
    too; with several, these are `residual`, and `attempt` is what the raters of a generation share."""
    simulated: bool = False
    """Whether simulated ratings enter."""
    drawn: bool = False
    """Whether they rest on items that were drawn, since there are very many; `n_scores` counts these."""
    components: tuple[Component, ...]
    method: str
    n_scores: int
    reason: Message | None = None


class WidthAt(msgspec.Struct, frozen=True, kw_only=True):
    """Half width that is expected with so many levels of one facet, the others as now."""

    levels: int
    half_width: float


class MoreOfOne(msgspec.Struct, frozen=True, kw_only=True):
    """What more of one facet alone (items, attempts, raters, laboratories) would do."""

    facet: str
    now: int
    needed: int | None
    """In all, so that the half width is not above the margin; None: `reason` says why."""
    half_width: float | None
    """With `needed`."""
    left: float | None
    """Half width that would be left with endlessly many."""
    extra_calls: int | None
    """Of the model, and of judge models that rate its answers."""
    extra_tokens: float | None
    """None where the cost of a call is not known."""
    curve: tuple[WidthAt, ...] = ()
    """With now, 2, 4, 8 and 16 times as many."""
    reason: Message | None = None


class DecisionStudy(msgspec.Struct, frozen=True, kw_only=True):
    """What would bring the interval of a mean under a margin, from one variance table. Languages are held
    fixed: they are all that is spoken of."""

    model: str
    concept: str
    rater: str
    raters: tuple[str, ...] = ()
    """As in the variance table. With one, the mean is that rater's; with several, that of raters like
    these."""
    margin: float | None
    """None where the scale has no known width and all scores are equal."""
    margin_basis: Literal["laboratory margin", "wanted difference", "default"]
    """`default`: a twentieth of the scale, or of the scores' range where the scale is not known."""
    half_width: float | None
    """Expected now, for a mean over further items, laboratories, attempts (and raters, where there are
    several) like these: wider than the interval of a mean that speaks of these laboratories only."""
    design: dict[str, int]
    """Levels of each facet now."""
    parts: dict[str, float] = {}
    """Source → its share of the variance of the mean."""
    n_generations: int = 0
    tokens_per_generation: float | None = None
    """From the manifests: tokens sent and received, by answers that reported them."""
    tokens_leave_out_judges: bool = False
    """Whether judge models rate, so that their tokens, which no manifest tells, come on top."""
    more: tuple[MoreOfOne, ...]
    cheapest: str | None
    """The facet whose extra levels cost the fewest tokens, then calls; None where none is needed or none
    will do."""
    generalizability: float | None
    """Of the items' order (Brennan 2001: E rho squared)."""
    dependability: float | None
    """Of the items' values (Phi)."""
    left_out: tuple[str, ...]
    """Sources that could not be estimated and are not in these numbers."""
    method: str
    reason: Message | None = None
    speaks_of_further: tuple[str, ...] = ()
    """Facets whose levels stand for others like them; all half widths speak of a mean over such."""
    speaks_of_these: tuple[str, ...] = ()
    """Facets that are held fixed: their levels are all that is spoken of."""
    widest: float | None = None
    """Half of the scale: no half width here is wider. None: the scale has no known ends."""
    capped: bool = False
    """Whether `half_width` would be wider than `widest`: the design tells next to nothing of such a mean."""
