"""Random-effects summary of results that each have their own variance: mean, between-result variance,
prediction.

Invariants: order does not matter; a single result has no between-result variance; equal results do not give
certainty.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from consilience.statistics.estimate import (
    ArrayLike,
    Estimate,
    FloatArray,
    Interval,
    Reason,
    check_level,
    empty,
    finite,
)
from consilience.statistics.intervals import t_quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomEffects:
    """Summary over results. `tau2_raw` may be negative; `prediction` is the interval for a further result's
    true mean. `i_squared` is the share of the spread of results that is more than their own errors; its
    interval is that of `tau2` on the same scale."""

    mean: Estimate
    tau2: float | None
    tau2_raw: float | None
    tau2_interval: Interval | None
    q: float | None
    p_homogeneous: float | None
    i_squared: float | None
    i_squared_interval: Interval | None
    prediction: Interval | None
    reason: Reason | None


def _q(values: FloatArray, variances: FloatArray, tau2: float) -> float:
    weights = 1.0 / (variances + tau2)
    mean = float((weights * values).sum() / weights.sum())
    return float((weights * (values - mean) ** 2).sum())


def _solve_q(values: FloatArray, variances: FloatArray, target: float) -> float:
    """Return tau2 >= 0 with Q(tau2) = target, 0 where Q(0) is below it. Q falls as tau2 grows.

    By halving: importing `scipy.optimize` costs more than all else here.
    """
    if _q(values, variances, 0.0) <= target:
        return 0.0
    high = max(float(np.var(values)), float(variances.max()), 1e-12)
    while _q(values, variances, high) > target:
        high *= 4.0
    low = 0.0
    while high - low > 1e-13 * high:
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        if _q(values, variances, middle) > target:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def paule_mandel(values: ArrayLike, variances: ArrayLike) -> float:
    """Return tau2 with Q(tau2) = k - 1, at least 0 (Paule & Mandel 1982; DerSimonian & Kacker 2007)."""
    y, v = np.asarray(values, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    return _solve_q(y, v, y.size - 1.0)


def dersimonian_laird(values: ArrayLike, variances: ArrayLike) -> float:
    """Return the moment estimate of tau2, which may be negative (DerSimonian & Laird 1986)."""
    y, v = np.asarray(values, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    w = 1.0 / v
    scale = float(w.sum() - (w**2).sum() / w.sum())
    return (_q(y, v, 0.0) - (y.size - 1.0)) / scale


def q_profile(values: ArrayLike, variances: ArrayLike, level: float = 0.95) -> Interval:
    """Return the Q-profile interval of tau2 (Viechtbauer 2007)."""
    y, v = np.asarray(values, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    tail = 0.5 * (1.0 - check_level(level))
    low = _solve_q(y, v, float(special.chdtri(y.size - 1.0, tail)))
    high = _solve_q(y, v, float(special.chdtri(y.size - 1.0, 1.0 - tail)))
    return Interval(low=low, high=high, level=level, method="q_profile")


def _typical_variance(variances: FloatArray) -> float:
    """Return one variance that stands for those of all results (Higgins & Thompson 2002, eq. 9)."""
    weights = 1.0 / variances
    total = float(weights.sum())
    return (variances.size - 1.0) * total / (total**2 - float((weights**2).sum()))


def _share(tau2: float, typical: float) -> float:
    return tau2 / (tau2 + typical)


def _interval(centre: float, half: float, level: float, method: str) -> Interval:
    return Interval(low=centre - half, high=centre + half, level=level, method=method)


def _single(y: FloatArray, v: FloatArray, reason: Reason) -> Estimate:
    if y.size == 0:
        return empty(reason, "hartung_knapp")
    return Estimate(
        value=float(y[0]), interval=None, standard_error=math.sqrt(float(v[0])), n_items=1, n_scores=1,
        method="hartung_knapp", reason=reason,
    )  # fmt: skip


def random_effects(
    values: ArrayLike,
    variances: ArrayLike,
    *,
    level: float = 0.95,
    estimator: Callable[[ArrayLike, ArrayLike], float] = paule_mandel,
) -> RandomEffects:
    """Return the random-effects mean with Hartung and Knapp's interval, tau2, I2, Q test and prediction
    interval.

    Mean: weights 1 / (v_i + tau2), t interval with k - 1 df (Hartung & Knapp 2001), whose factor is
    not allowed below 1 so that results that agree by chance do not narrow it (Röver, Knapp & Friede 2015).
    I2 = tau2 / (tau2 + s2) with the typical variance s2 (Higgins & Thompson 2002, eq. 9; with DerSimonian and
    Laird's tau2 it is (Q - k + 1) / Q); its interval takes the ends of that of tau2. Prediction:
    `mean ± t_(k-2) sqrt(tau2 + se^2)` (Higgins, Thompson & Spiegelhalter 2009).

    Args:
        values: Results, shape (k,).
        variances: Their variances, above 0.
        level: Confidence level.
        estimator: `paule_mandel` or `dersimonian_laird`.

    Raises:
        ValueError: If shapes differ or a variance is not above 0.
    """
    check_level(level)
    y, v = np.asarray(values, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    if y.ndim != 1 or y.shape != v.shape or not np.all(v > 0.0) or not np.isfinite(y).all():
        raise ValueError("values and variances need one shape (k,), finite values and variances above 0")
    k = y.size
    if k < 2:
        reason = Reason.NO_SCORES if k == 0 else Reason.ONE_LABORATORY
        mean = _single(y, v, reason)
        return RandomEffects(
            mean=mean, tau2=None, tau2_raw=None, tau2_interval=None, q=None, p_homogeneous=None,
            i_squared=None, i_squared_interval=None,
            prediction=None, reason=reason,
        )  # fmt: skip
    raw = dersimonian_laird(y, v)
    tau2 = max(float(estimator(y, v)), 0.0)
    weights = 1.0 / (v + tau2)
    centre = float((weights * y).sum() / weights.sum())
    factor = max(1.0, float((weights * (y - centre) ** 2).sum()) / (k - 1.0))
    error = math.sqrt(factor / float(weights.sum()))
    q = _q(y, v, 0.0)
    mean = Estimate(
        value=centre, interval=_interval(centre, float(t_quantile(level, k - 1.0)) * error, level,
        "hartung_knapp"),
        standard_error=error, n_items=k, n_scores=k, method="hartung_knapp", df=k - 1.0,
    )  # fmt: skip
    half = float(t_quantile(level, k - 2.0)) * math.sqrt(tau2 + error**2) if k > 2 else None
    profile, typical = q_profile(y, v, level), _typical_variance(v)
    shares = Interval(
        low=_share(profile.low, typical), high=_share(profile.high, typical), level=level, method="q_profile"
    )
    return RandomEffects(
        mean=mean, tau2=tau2, tau2_raw=raw, tau2_interval=profile, q=q,
        p_homogeneous=finite(special.chdtrc(k - 1.0, q)), i_squared=_share(tau2, typical),
        i_squared_interval=shares,
        prediction=None if half is None else _interval(centre, half, level, "prediction"), reason=None,
    )  # fmt: skip


def within_bounds(summary: RandomEffects, bounds: tuple[float, float] | None) -> RandomEffects:
    """Cut the intervals of mean, spread and prediction at what a scale allows; None: it has no ends.

    The largest standard deviation of values between two bounds is half their distance (Popoviciu 1935).
    """
    if bounds is None:
        return summary
    low, high = bounds
    spread = summary.tau2_interval
    largest = ((high - low) / 2.0) ** 2
    return replace(
        summary,
        mean=replace(summary.mean, interval=_clipped(summary.mean.interval, low, high)),
        tau2_interval=_clipped(spread, 0.0, largest),
        prediction=_clipped(summary.prediction, low, high),
    )


def _clipped(interval: Interval | None, low: float, high: float) -> Interval | None:
    if interval is None:
        return None
    ends = np.clip([interval.low, interval.high], low, high)
    return replace(interval, low=float(ends[0]), high=float(ends[1]))
