"""A horizontal axis: its range, its ticks, and where a value lies in percent of the width.

Pure. Invariants: low < high; ticks lie inside and are round numbers; every place is between 0 and 100.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec

SMALLEST = 1e-6
"""Below it a lone value counts as 0."""
MARGIN = 4.0
"""Percent of the width kept free at both ends, so that marks at the ends are whole."""


class Axis(msgspec.Struct, frozen=True, kw_only=True):
    """A range with its ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]
    reference: float | None = None
    """Where a heavier line stands, such as no difference."""
    band: tuple[float, float] | None = None
    """A shaded range, such as the margin of equivalence."""

    def place(self, value: float) -> float:
        """Return where a value lies, in percent of the width; what lies outside is put at the edge."""
        share = (value - self.low) / (self.high - self.low)
        return MARGIN + min(1.0, max(0.0, share)) * (100 - 2 * MARGIN)

    def holds(self, value: float) -> bool:
        """Say whether a value lies inside the range."""
        slack = (self.high - self.low) * 1e-9
        return self.low - slack <= value <= self.high + slack


def _finite(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def round_step(width: float, steps: int) -> float:
    """Return a step of 1, 2, 2.5 or 5 times a power of ten that divides `width` into about `steps` parts."""
    raw = width / steps
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * (1 - 1e-9)) * power


def _ticks(low: float, high: float, step: float) -> tuple[float, ...]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(round(count * step, 12) for count in range(first, last + 1))


def rate_axis() -> Axis:
    """Return the axis of rates: always 0 to 1, so that no picture exaggerates."""
    return Axis(low=0.0, high=1.0, ticks=(0.0, 0.25, 0.5, 0.75, 1.0))


def value_axis(values: Iterable[float | None]) -> Axis:
    """Return an axis that holds all finite values with round ends."""
    known = _finite(values) or [0.0, 1.0]
    low, high = min(known), max(known)
    if high - low < 1e-9 * max(1.0, abs(low), abs(high)):
        spread = abs(low) * 0.1 if abs(low) > SMALLEST else 0.5
        low, high = low - spread, high + spread
    step = round_step(high - low, 4)
    low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return Axis(low=low, high=high, ticks=_ticks(low, high, step))


def difference_axis(values: Iterable[float | None], *, margin: float | None, least: float) -> Axis:
    """Return a symmetrical axis around no difference.

    Args:
        values: Differences and ends of their intervals.
        margin: Margin of equivalence, shaded on both sides of 0.
        least: Smallest half width, so that small differences look small.
    """
    known = [abs(value) for value in _finite(values)]
    half = max([least, *known, *([margin * 1.2] if margin else [])])
    step = round_step(2 * half, 5)
    half = math.ceil(half / step - 1e-9) * step
    return Axis(
        low=-half,
        high=half,
        ticks=_ticks(-half, half, step),
        reference=0.0,
        band=(-margin, margin) if margin else None,
    )
