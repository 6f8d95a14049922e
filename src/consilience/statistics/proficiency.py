"""Robust mean of laboratories and their proficiency scores (ISO 13528).

Invariants: order does not matter; no distance is given in units of a spread that is zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from consilience.statistics.estimate import ArrayLike, FloatArray, Reason

MAX_ITERATIONS = 200


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
            deviation is 0 and that of the plain standard deviation is used.
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
    iteration, done = 0, False
    while not done and iteration < MAX_ITERATIONS:
        iteration += 1
        pulled = np.clip(x, mean - 1.5 * sd, mean + 1.5 * sd)
        new_mean, new_sd = float(pulled.mean()), 1.134 * float(np.std(pulled, ddof=1))
        done = abs(new_mean - mean) < 1e-12 * max(1.0, abs(mean)) and abs(new_sd - sd) < 1e-10 * sd
        mean, sd = new_mean, new_sd
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


def proficiency(score: float) -> str:
    """Return `satisfactory` (|score| <= 2), `questionable` (below 3) or `unsatisfactory` (ISO 13528:2022,
    9.4.2)."""
    size = abs(score)
    return "satisfactory" if size <= 2.0 else "questionable" if size < 3.0 else "unsatisfactory"
