"""Intervals of the shares of variance: how sure it is that so much of the spread goes with one source.

A share is unsure through its own component and through all others: 500,000 single scores fix the variance
between attempts to three digits, and still nobody knows its share if the items' variance is not known. Each
interval is put together from the intervals of all components (MOVER, variance estimates recovery).

Invariants: an interval lies in [0, 1] and holds its share; it is never narrower than with the other
components known; a component without an interval counts as known, as nothing is known of its error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from consilience.statistics.components import Component
from consilience.statistics.estimate import Interval


def with_share_intervals(components: Sequence[Component]) -> list[Component]:
    """Return the components with the intervals of their shares.

    The sum of the other components gets its interval by Zou & Donner (2008, Stat. Med. 27:1693, eq. 5); the
    ratio of the component to it by the same on the scale of logarithms, where chi-squared intervals are
    nearly symmetric (Zou, Huo & Taleban 2009, Environmetrics 20:172; Donner & Zou 2012, Stat. Methods Med.
    Res. 21:347); a ratio r is the share r / (1 + r).

    Args:
        components: All components of one table, with their own intervals.
    """
    return [replace(one, share_interval=_interval(one, components)) for one in components]


def _interval(one: Component, components: Sequence[Component]) -> Interval | None:
    if one.interval is None or one.variance is None or one.share is None:
        return None
    others = [other for other in components if other.source != one.source and other.variance is not None]
    rest, rest_low, rest_high = _sum(others)
    value = max(one.variance, 0.0)
    low, high = min(one.interval.low, value), max(one.interval.high, value)
    below = math.hypot(_logarithm(value, low), _logarithm(rest_high, rest))
    above = math.hypot(_logarithm(high, value), _logarithm(rest, rest_low))
    least, most = value * math.exp(-below), value * math.exp(min(above, 700.0))
    ends = _share(least, rest), _share(most if value > 0.0 else high, rest)
    if not ends[1] > ends[0]:
        return None
    return replace(one.interval, low=ends[0], high=ends[1], method="variance_recovery")


def _sum(others: Sequence[Component]) -> tuple[float, float, float]:
    """Sum of components, negative ones counted as 0, and the ends of its interval."""
    total, below, above, least = 0.0, 0.0, 0.0, 0.0
    for other in others:
        value = max(other.variance or 0.0, 0.0)
        low, high = value, value
        if other.interval is not None:
            low, high = min(other.interval.low, value), max(other.interval.high, value)
        total += value
        below = math.hypot(below, value - low)
        above = math.hypot(above, high - value)
        least += low
    return total, max(total - below, least), total + above


def _logarithm(larger: float, smaller: float) -> float:
    """log(larger / smaller), without end where the smaller is 0; 0 where both are."""
    if larger <= 0.0:
        return 0.0
    return math.inf if smaller <= 0.0 else math.log(larger / smaller)


def _share(value: float, rest: float) -> float:
    return value / (value + rest) if value + rest > 0.0 else 0.0
