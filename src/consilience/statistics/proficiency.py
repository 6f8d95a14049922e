"""Robust mean of laboratories and their proficiency scores (ISO 13528).

Invariants: order does not matter; no distance is given in units of a spread that is zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from consilience.statistics.estimate import ArrayLike, FloatArray, Reason

MAX_ITERATIONS = 2_000
"""Algorithm A stops after so many steps, with what it has then."""
COLLAPSED = 1e-9
"""A deviation that falls below this part of where it began is none: nearly all values are equal."""
ROBUST_MEAN_FACTOR = 1.25
"""Standard error of a robust mean: this times the robust standard deviation over the root of n (7.7.3)."""
MIN_ZETA = 3
"""With two values a robust mean lies between them and says nothing about either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustMean:
    """Robust mean and standard deviation; None with a reason where they are not defined."""

    mean: float | None
    sd: float | None
    n: int
    iterations: int
    reason: Reason | None


def algorithm_a(values: ArrayLike) -> RobustMean:
    """Return the robust mean and standard deviation of Algorithm A (ISO 13528:2015, C.3).

    Start: median and 1.483 × median absolute deviation. Values farther than 1.5 sd are pulled in to that
    distance; the mean of the result and 1.134 × its standard deviation are taken, until nothing changes.

    Args:
        values: Laboratory means, shape (n,), NaN where missing. Where more than half are equal the start's
            deviation is 0 and that of the plain standard deviation is used. Where so many are equal that the
            deviation goes to 0, there is none: `zero_spread`.
    """
    x = np.asarray(values, dtype=np.float64)
    x = np.sort(x[np.isfinite(x)])
    if x.size == 0:
        return RobustMean(mean=None, sd=None, n=0, iterations=0, reason=Reason.NO_SCORES)
    if x.size < 2:
        return RobustMean(mean=float(x[0]), sd=None, n=1, iterations=0, reason=Reason.ONE_LABORATORY)
    mean = float(np.median(x))
    sd = 1.483 * float(np.median(np.abs(x - mean)))
    if not sd > 0.0:
        sd = float(np.std(x, ddof=1))
    if not sd > 1e-12 * max(1.0, abs(mean)):
        return RobustMean(mean=mean, sd=None, n=x.size, iterations=0, reason=Reason.ZERO_SPREAD)
    return _iterated(x, mean, sd)


def _iterated(x: FloatArray, mean: float, sd: float) -> RobustMean:
    """Pull far values in until nothing changes, or until it is clear that the deviation goes to 0."""
    start, ratio = sd, 0.0
    for iteration in range(1, MAX_ITERATIONS + 1):
        low, high = mean - 1.5 * sd, mean + 1.5 * sd
        pulled = np.clip(x, low, high)
        new_mean, new_sd = float(pulled.mean()), 1.134 * float(np.std(pulled, ddof=1))
        done = abs(new_mean - mean) < 1e-12 * max(1.0, abs(mean)) and abs(new_sd - sd) < 1e-10 * sd
        inner = x[(x >= low) & (x <= high)]
        alike = inner.size > 0 and inner[0] == inner[-1] and new_sd < sd
        steady = alike and abs(new_sd / sd - ratio) < 1e-9
        if not done and (steady or new_sd < COLLAPSED * start):
            # Only equal values are left inside; the deviation shrinks by the same factor for ever.
            at = float(inner[0]) if inner.size else new_mean
            return RobustMean(mean=at, sd=None, n=x.size, iterations=iteration, reason=Reason.ZERO_SPREAD)
        ratio = new_sd / sd if alike else 0.0
        mean, sd = new_mean, new_sd
        if done:
            break
    return RobustMean(mean=mean, sd=sd, n=x.size, iterations=iteration, reason=None)


def z_scores(values: ArrayLike, assigned: float, sd: float) -> FloatArray:
    """Return `z = (x_i - assigned) / sd` (ISO 13528:2015, 9.4).

    Args:
        values: Laboratory means.
        assigned: Assigned value.
        sd: Standard deviation for proficiency assessment, above 0; from the protocol, not from the data.

    Raises:
        ValueError: If `sd` is not above 0.
    """
    if not sd > 0.0:
        raise ValueError(f"the standard deviation for proficiency assessment must be above 0, not {sd!r}")
    return (np.asarray(values, dtype=np.float64) - assigned) / sd


def zeta_scores(values: ArrayLike, errors: ArrayLike, assigned: float, assigned_error: float) -> FloatArray:
    """Return `zeta = (x_i - assigned) / sqrt(u_i^2 + u_assigned^2)` (ISO 13528:2015, 9.6).

    Args:
        values: Laboratory means.
        errors: Standard errors of the laboratory means.
        assigned: Assigned value.
        assigned_error: Its standard error.

    Raises:
        ValueError: If a denominator is 0.
    """
    scale = np.sqrt(np.asarray(errors, dtype=np.float64) ** 2 + assigned_error**2)
    if not np.all(scale > 0.0):
        raise ValueError("zeta scores need standard errors above 0")
    return np.asarray((np.asarray(values, dtype=np.float64) - assigned) / scale, dtype=np.float64)


def consensus_zeta(values: ArrayLike, errors: ArrayLike, robust: RobustMean) -> FloatArray | None:
    """Return the zeta scores of laboratories against their own robust mean (ISO 13528:2015, 9.6 and 7.7.3).

    The robust mean's standard error is `1.25 s* / sqrt(n)`. A laboratory is part of the mean that it is held
    against, so the scores are a little small (by about 1 / (2n)).

    Args:
        values: Laboratory means, shape (n,).
        errors: Their standard errors, above 0.
        robust: Algorithm A of the same values.

    Returns:
        The scores, or None for fewer than `MIN_ZETA` laboratories or where no robust spread is defined.
    """
    if robust.mean is None or robust.sd is None or robust.n < MIN_ZETA:
        return None
    return zeta_scores(values, errors, robust.mean, ROBUST_MEAN_FACTOR * robust.sd / math.sqrt(robust.n))


def proficiency(score: float) -> str:
    """Return `satisfactory` (|score| <= 2), `questionable` (below 3) or `unsatisfactory` (ISO 13528:2022,
    9.4.2)."""
    size = abs(score)
    return "satisfactory" if size <= 2.0 else "questionable" if size < 3.0 else "unsatisfactory"
