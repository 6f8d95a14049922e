"""Intervals for rates and means from their sufficient statistics, each as an array function.

Invariants: an interval for a rate lies in [0, 1], contains the rate, and is never of width zero, also at 0 of
n and n of n. Only `scipy.special` is used (importing `scipy.stats` costs more than a second).
"""

from __future__ import annotations

import numpy as np
from scipy import special

from consilience.statistics.estimate import ArrayLike, BoolArray, FloatArray, Interval, check_level

WILSON_FROM = 10.0
"""Wilson is chosen from this many successes and failures on, Clopper-Pearson below."""


def normal_quantile(level: float) -> float:
    """Return z such that a standard normal variable lies within ±z with probability `level`."""
    return float(special.ndtri(0.5 + 0.5 * check_level(level)))


def t_quantile(level: float, df: ArrayLike) -> FloatArray:
    """Return t such that a Student variable with `df` degrees of freedom lies within ±t with probability
    `level`.

    Args:
        level: Confidence level.
        df: Any shape; infinite gives the normal quantile, 0 or less gives infinity.
    """
    degrees = np.asarray(df, dtype=np.float64)
    unique, inverse = np.unique(degrees, return_inverse=True)
    z = normal_quantile(level)
    result = np.full(unique.shape, np.inf)
    usable = unique > 0.0
    large = unique > 1e8
    result[large] = z
    middle = usable & ~large
    result[middle] = special.stdtrit(unique[middle], 0.5 + 0.5 * level)
    return np.asarray(result[inverse].reshape(degrees.shape), dtype=np.float64)


def wilson_bounds(successes: ArrayLike, n: ArrayLike, level: float) -> tuple[FloatArray, FloatArray]:
    """Return Wilson's score interval (Wilson 1927; Brown, Cai & DasGupta 2001, sec. 3.1).

    Args:
        successes: Number of successes, also fractional (effective numbers).
        n: Number of trials, above 0.
        level: Confidence level.
    """
    x = np.asarray(successes, dtype=np.float64)
    size = np.asarray(n, dtype=np.float64)
    z2 = normal_quantile(level) ** 2
    rate = x / size
    centre = (rate + z2 / (2.0 * size)) / (1.0 + z2 / size)
    half = np.sqrt(z2 * (rate * (1.0 - rate) / size + z2 / (4.0 * size**2))) / (1.0 + z2 / size)
    low = np.where(x <= 0.0, 0.0, np.clip(centre - half, 0.0, 1.0))
    high = np.where(x >= size, 1.0, np.clip(centre + half, 0.0, 1.0))
    return low, high


def _beta_bounds(
    low_shape: tuple[FloatArray, FloatArray], high_shape: tuple[FloatArray, FloatArray], level: float
) -> tuple[FloatArray, FloatArray]:
    tail = 0.5 * (1.0 - check_level(level))
    tiny = 1e-300
    low = special.betaincinv(np.maximum(low_shape[0], tiny), low_shape[1], tail)
    high = special.betainccinv(high_shape[0], np.maximum(high_shape[1], tiny), tail)
    return np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)


def clopper_pearson_bounds(successes: ArrayLike, n: ArrayLike, level: float) -> tuple[FloatArray, FloatArray]:
    """Return the exact interval of Clopper & Pearson (1934), also for fractional effective numbers.

    Args:
        successes: Number of successes.
        n: Number of trials, above 0.
        level: Confidence level; the coverage is never below it.
    """
    x = np.asarray(successes, dtype=np.float64)
    size = np.asarray(n, dtype=np.float64)
    failures = np.maximum(size - x, 0.0)
    low, high = _beta_bounds((x, failures + 1.0), (x + 1.0, failures), level)
    return np.where(x <= 0.0, 0.0, low), np.where(failures <= 0.0, 1.0, high)


def jeffreys_bounds(successes: ArrayLike, n: ArrayLike, level: float) -> tuple[FloatArray, FloatArray]:
    """Return the equal-tailed interval under Jeffreys' prior Beta(1/2, 1/2) (Brown, Cai & DasGupta 2001, sec.
    3.1).

    At 0 successes the lower and at n successes the upper bound is replaced by 0 and 1, as in the paper.
    """
    x = np.asarray(successes, dtype=np.float64)
    size = np.asarray(n, dtype=np.float64)
    shape = (x + 0.5, size - x + 0.5)
    low, high = _beta_bounds(shape, shape, level)
    return np.where(x <= 0.0, 0.0, low), np.where(x >= size, 1.0, high)


def wilson_holds(successes: ArrayLike, n: ArrayLike) -> BoolArray:
    """Return where Wilson's interval is chosen: from `WILSON_FROM` successes and as many failures on."""
    x = np.asarray(successes, dtype=np.float64)
    return np.asarray(np.minimum(x, np.asarray(n, dtype=np.float64) - x) >= WILSON_FROM * (1.0 - 1e-12))


def automatic_bounds(successes: ArrayLike, n: ArrayLike, level: float) -> tuple[FloatArray, FloatArray]:
    """Return Wilson's interval from `WILSON_FROM` successes and failures on, else Clopper and Pearson's.

    Wilson's coverage falls to 84 % at 95 % where the expected number of successes is small; there the exact
    interval, which is conservative, stands in.
    """
    x = np.asarray(successes, dtype=np.float64)
    size = np.asarray(n, dtype=np.float64)
    low, high = wilson_bounds(x, size, level)
    exact = ~wilson_holds(x, size)
    if np.any(exact):
        low, high = np.atleast_1d(low), np.atleast_1d(high)
        where = np.atleast_1d(exact)
        pairs = np.stack(
            [np.broadcast_to(x, exact.shape)[exact], np.broadcast_to(size, exact.shape)[exact]], axis=-1
        )
        unique, inverse = np.unique(pairs.reshape(-1, 2), axis=0, return_inverse=True)
        exact_low, exact_high = clopper_pearson_bounds(unique[:, 0], unique[:, 1], level)
        low[where], high[where] = exact_low[inverse.ravel()], exact_high[inverse.ravel()]
        low, high = low.reshape(exact.shape), high.reshape(exact.shape)
    return low, high


def effective_size(
    rate: ArrayLike, variance: ArrayLike, df: ArrayLike, floor: ArrayLike, cap: ArrayLike, level: float
) -> FloatArray:
    """Return the number of independent Bernoulli trials that would give a mean of this variance.

    After Korn & Graubard (1998): `rate (1 - rate) / variance`, times `(z / t_df)^2` for the
    uncertainty of the variance. For scores in [0, 1] it cannot be below `floor` (each unit's variance is at
    most that of a Bernoulli
    variable) nor, for binary scores, above `cap` (the number of attempts).

    Args:
        rate: Means in [0, 1].
        variance: Estimated variances of the means; 0 where all units agree, which gives `floor`.
        df: Degrees of freedom of the variances.
        floor: Smallest number, above 0.
        cap: Largest number; infinity for scores that are not binary.
        level: Confidence level.
    """
    z = normal_quantile(level)
    quantile = t_quantile(level, df)
    p, v = np.asarray(rate, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        size = p * (1.0 - p) / v * (z / quantile) ** 2
    size = np.where((v > 0.0) & np.isfinite(size), size, floor)
    return np.asarray(np.maximum(np.minimum(size, cap), floor), dtype=np.float64)


def effective_interval(
    rate: float, variance: float, df: float, floor: float, cap: float, *, level: float = 0.95
) -> Interval:
    """Return the interval of one rate with a variance of its own: `automatic_bounds` at its
    `effective_size`."""
    size = effective_size(rate, variance, df, floor, cap, level)
    method = "effective_wilson" if bool(wilson_holds(rate * size, size)) else "effective_clopper_pearson"
    return _interval(automatic_bounds(rate * size, size, level), level, method)


def t_bounds(
    mean: ArrayLike, standard_error: ArrayLike, df: ArrayLike, level: float
) -> tuple[FloatArray, FloatArray]:
    """Return Student's interval `mean ± t_df standard_error`."""
    centre = np.asarray(mean, dtype=np.float64)
    half = t_quantile(level, df) * np.asarray(standard_error, dtype=np.float64)
    return centre - half, centre + half


def _interval(bounds: tuple[FloatArray, FloatArray], level: float, method: str) -> Interval:
    return Interval(low=float(bounds[0]), high=float(bounds[1]), level=level, method=method)


def _check_counts(successes: float, n: float) -> None:
    if not (n > 0 and 0 <= successes <= n):
        raise ValueError(f"need 0 <= successes <= n and n > 0, not {successes!r} of {n!r}")


def wilson(successes: float, n: float, *, level: float = 0.95) -> Interval:
    """Return Wilson's interval of one rate; see `wilson_bounds`."""
    _check_counts(successes, n)
    return _interval(wilson_bounds(successes, n, level), level, "wilson")


def clopper_pearson(successes: float, n: float, *, level: float = 0.95) -> Interval:
    """Return the exact interval of one rate; see `clopper_pearson_bounds`."""
    _check_counts(successes, n)
    return _interval(clopper_pearson_bounds(successes, n, level), level, "clopper_pearson")


def jeffreys(successes: float, n: float, *, level: float = 0.95) -> Interval:
    """Return Jeffreys' interval of one rate; see `jeffreys_bounds`."""
    _check_counts(successes, n)
    return _interval(jeffreys_bounds(successes, n, level), level, "jeffreys")


def choose_rate_interval(successes: float, n: float, *, level: float = 0.95) -> Interval:
    """Return the interval that is right for these counts; see `automatic_bounds`."""
    _check_counts(successes, n)
    if bool(wilson_holds(successes, n)):
        return wilson(successes, n, level=level)
    return clopper_pearson(successes, n, level=level)


def t_interval(mean: float, standard_error: float, df: float, *, level: float = 0.95) -> Interval:
    """Return Student's interval of one mean.

    Raises:
        ValueError: If the standard error or the degrees of freedom are not above 0.
    """
    if not (standard_error > 0.0 and df > 0.0):
        raise ValueError(
            f"need a standard error and degrees of freedom above 0, not {standard_error!r} and {df!r}"
        )
    return _interval(t_bounds(mean, standard_error, df, level), level, "student_t")
