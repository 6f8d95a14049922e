"""Variance components as they are given: the types, and the intervals that stand beside them.

Responsible for what one component says. Invariants: a raw estimate is kept as it is and may be negative (its
share counts it as 0); no interval goes below 0; what has no number has a reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from consilience.statistics.estimate import FloatArray, Interval, Reason, finite
from consilience.statistics.henderson import Subset
from consilience.statistics.intervals import t_quantile

MIN_LEVELS = 4
"""Fewer laboratories (or languages, or raters) than this do not estimate their component with useful
precision."""
CLEAR = 8.0
"""Standard errors above 0 from which a component's interval is the chi-squared one alone."""
ATTEMPT = "attempt"
RATER = "rater"
RESIDUAL = "residual"
"""Rater × generation, where the attempt stands apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One source of spread. `variance` is the raw estimate and may be negative; None where it is not
    estimable.

    `reason` may stand beside numbers: `few_laboratories` and `few_levels` say that they are not useful
    precisely.
    """

    source: str
    variance: float | None
    interval: Interval | None
    """Of the variance; its lower end is not below 0."""
    share: float | None
    """Of the sum of all components, negative ones counted as 0."""
    share_interval: Interval | None
    levels: int
    df: float | None
    reason: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceComponents:
    """Components in the order: factors, their pairs, all factors together, attempt. With raters the rater,
    its interactions with these and `residual` come before and after the attempt."""

    components: tuple[Component, ...]
    n_scores: int
    n_cells: int
    method: str
    reason: Reason | None

    def get(self, source: str) -> Component:
        """Return one component by its source, such as `item:laboratory`."""
        return next(component for component in self.components if component.source == source)


def jackknife_interval(
    value: float, left_out: FloatArray, level: float
) -> tuple[tuple[float, float] | None, float | None]:
    """Interval of a component from delete-a-group jackknife values (Shao & Wu 1989), and its df.

    The jackknife variance gives Satterthwaite's degrees of freedom 2 value^2 / variance of a chi-squared
    interval; near 0 it is value ± t standard errors. From 2 to 4 standard errors it is the wider of both,
    since a difference of mean squares close to 0 is not chi-squared; up to `CLEAR` it passes over to the one.
    """
    g = left_out.size
    if g < 3:
        return None, None
    error = float(np.sqrt((g - 1.0) / g * np.sum((left_out - left_out.mean()) ** 2)))
    if not error > 0.0:
        return None, None
    half = float(t_quantile(level, g - 1.0)) * error
    low, high = max(value - half, 0.0), max(value + half, 0.0)
    if value <= 2.0 * error:
        return (low, high), None
    df = 2.0 * (value / error) ** 2
    bounds = _chi_squared(df * value, df, level)
    near = min(max((CLEAR - value / error) / 4.0, 0.0), 1.0)
    wide = min(bounds[0], low), max(bounds[1], high)
    return (near * wide[0] + (1.0 - near) * bounds[0], near * wide[1] + (1.0 - near) * bounds[1]), df


def _chi_squared(scaled: float, df: float, level: float) -> tuple[float, float]:
    tail = 0.5 * (1.0 - level)
    return scaled / float(special.chdtri(df, tail)), scaled / float(special.chdtri(df, 1.0 - tail))


def williams_tukey(
    position: int, term: Subset, terms: list[Subset], matrix: FloatArray, solution: FloatArray, level: float,
    *, times: float = 1.0, beside: float = 0.0,
) -> tuple[tuple[float, float] | None, float | None]:  # fmt: skip
    """Interval of a component without the item (Williams 1962), and its df.

    The mean square of its levels, less that of the terms it contains, is taken as chi-squared with levels - 1
    degrees of freedom (products for interactions); the noise of the other components in it is subtracted from
    its bounds.

    Args:
        position: Of the term in the equations.
        term: Its factors.
        terms: All terms, in the order of the equations.
        matrix: Coefficients of the equations, shape (terms + 1, terms + 1).
        solution: Components, shape (terms + 1,).
        level: Confidence level.
        times: How many independent variables the equations are the mean of; multiplies the df.
        beside: A part of the solved component that is another component's and is subtracted.
    """
    row = matrix[position].copy()
    for other_position, other in enumerate(terms):
        if set(other) < set(term):
            row -= matrix[other_position]
    df = float(row[-1]) * times
    if df < 1.0 or row[position] <= 0.0:
        return None, None
    noise = float(row @ solution) / row[position] - float(solution[position])
    return chi_squared_interval(float(solution[position]) + noise, noise + beside, df, level)


def chi_squared_interval(
    observed: float, noise: float, df: float, level: float
) -> tuple[tuple[float, float] | None, float | None]:
    """Interval of a component from a scaled mean square that holds it and a noise, and its df."""
    if observed <= 0.0:
        return None, None
    low, high = _chi_squared(df * observed, df, level)
    return (max(low - noise, 0.0), max(high - noise, 0.0)), df


def _share(value: float, rest: float) -> float | None:
    return finite(value / (value + rest)) if value + rest > 0.0 else None


def few_levels(names: tuple[str, ...], term: Subset, sizes: list[int]) -> Reason | None:
    """Return why a component without the item is not useful precisely: a factor of it has few levels."""
    for factor in term if 0 not in term else ():
        if sizes[factor] < MIN_LEVELS:
            return Reason.FEW_LABORATORIES if names[factor] == "laboratory" else Reason.FEW_LEVELS
    return None


def make_component(
    source: str, value: float, bounds: tuple[float, float] | None, df: float | None, rest: float, levels: int,
    level: float, reason: Reason | None, method: str,
) -> Component:  # fmt: skip
    """Return a component with its share; `shares.with_share_intervals` adds the interval of the share.

    Args:
        source: Its name.
        value: The raw estimate.
        bounds: Of its interval, or None.
        df: Of the interval, or None.
        rest: Sum of the other components, negative ones counted as 0.
        levels: How many there are.
        level: Confidence level.
        reason: Why it is not useful precisely, or None.
        method: Of the interval.
    """
    interval = None
    if bounds is not None:
        interval = Interval(low=float(bounds[0]), high=float(bounds[1]), level=level, method=method)
    return Component(
        source=source, variance=value, interval=interval, share=_share(max(value, 0.0), rest),
        share_interval=None, levels=levels, df=finite(df),
        reason=reason if reason is not None or interval is not None else Reason.NO_INTERVAL,
    )  # fmt: skip


def source_name(names: tuple[str, ...], term: Subset) -> str:
    """Return the name of a term, such as `item:laboratory`."""
    return ":".join(names[factor] for factor in term)


def missing_component(source: str, levels: int, reason: Reason) -> Component:
    """Return a component that these data do not estimate."""
    return Component(
        source=source, variance=None, interval=None, share=None, share_interval=None, levels=levels, df=None,
        reason=reason,
    )  # fmt: skip
