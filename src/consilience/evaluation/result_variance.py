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
    """item, laboratory, language, attempt (residual), their interactions: `item:language` …"""
    variance: float | None
    share: float | None
    share_interval: Interval | None
    levels: int
    reason: Message | None = None


class VarianceTable(msgspec.Struct, frozen=True, kw_only=True):
    """Where the spread of single scores comes from, for one model, concept and rater."""

    model: str
    concept: str
    rater: str
    components: tuple[Component, ...]
    method: str
    n_scores: int
    reason: Message | None = None


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
    extra_tokens: float | None
    """None where the cost of a call is not known."""
    reason: Message | None = None


class DecisionStudy(msgspec.Struct, frozen=True, kw_only=True):
    """What would bring the interval of a mean under a margin, from the variance components of one model,
    concept and rater."""

    model: str
    concept: str
    rater: str
    margin: float
    margin_basis: Literal["laboratory margin", "wanted difference", "default"]
    half_width: float | None
    """Expected now."""
    design: dict[str, int]
    """Levels of each facet now."""
    more: tuple[MoreOfOne, ...]
    cheapest: str | None
    """The facet whose extra levels cost the fewest tokens, then calls."""
    generalizability: float | None
    """Of the items' order (Brennan 2001: E rho squared)."""
    dependability: float | None
    """Of the items' values (Phi)."""
    left_out: tuple[str, ...]
    """Sources that could not be estimated and are not in these numbers."""
    method: str
    reason: Message | None = None
