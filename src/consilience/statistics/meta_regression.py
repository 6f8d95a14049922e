"""Regression of correlated results, each with its own error, on settings: random-effects meta-regression.

Results are known up to a common constant only (laboratory effects add to 0), so everything is computed on
orthonormal contrasts between them; that leaves the intercept out exactly.

Invariants: a constant added to all results, or to a setting, changes nothing; order does not matter.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from consilience.statistics.estimate import FloatArray

MAX_ARRANGEMENTS = 20_000
"""Up to this many different arrangements of a setting over the laboratories are enumerated."""
RANDOM_ARRANGEMENTS = 9_999


@dataclass(frozen=True, slots=True)
class Regression:
    """Coefficients per unit of each setting, their errors, and the variance between results left over."""

    coefficient: FloatArray
    error: FloatArray
    tau2: float
    df: float


@dataclass(frozen=True, slots=True)
class Contrasts:
    """Results and settings on orthonormal contrasts; the covariance is that of the errors."""

    result: FloatArray
    settings: FloatArray
    covariance: FloatArray
    basis: FloatArray


def contrasts(results: FloatArray, covariance: FloatArray, settings: FloatArray) -> Contrasts:
    """Return the contrasts of results, shape (k,), and settings, shape (k, p)."""
    k = results.size
    basis = np.asarray(linalg.helmert(k), dtype=np.float64)
    inner = basis @ covariance @ basis.T
    spread = float(np.var(results)) + float(np.trace(inner)) / max(k - 1, 1)
    inner = 0.5 * (inner + inner.T) + 1e-12 * max(spread, 1e-30) * np.eye(k - 1)
    return Contrasts(basis @ results, basis @ settings, inner, basis)


def _residual_form(data: Contrasts, tau2: float) -> tuple[float, FloatArray, FloatArray]:
    """Return the weighted sum of squared residuals, the coefficients and their covariance."""
    factor = linalg.cho_factor(data.covariance + tau2 * np.eye(data.result.size), lower=True)
    weighted = linalg.cho_solve(factor, data.result)
    if data.settings.shape[1] == 0:
        return float(data.result @ weighted), np.zeros(0), np.zeros((0, 0))
    inverse = np.linalg.inv(data.settings.T @ linalg.cho_solve(factor, data.settings))
    coefficient = inverse @ (data.settings.T @ weighted)
    rest = data.result - data.settings @ coefficient
    return float(rest @ linalg.cho_solve(factor, rest)), coefficient, inverse


def regress(data: Contrasts) -> Regression:
    """Fit by generalised least squares with Paule and Mandel's variance between results.

    tau2 solves `Q(tau2) = k - 1 - p` (Paule & Mandel 1982; for regression: DerSimonian & Kacker 2007), 0
    where Q(0) is below it. Errors: Knapp & Hartung (2003), eq. 10, with a factor not below 1.

    Raises:
        ValueError: If there are no degrees of freedom left.
    """
    from scipy import optimize  # costs more than all else here, and few analyses come to this

    df = float(data.result.size - data.settings.shape[1])
    if df < 1.0:
        raise ValueError("a regression needs more results than settings and intercept")
    tau2, high = 0.0, max(float(data.result @ data.result) / df, 1e-300)
    if _residual_form(data, 0.0)[0] > df:
        while _residual_form(data, high)[0] > df:
            high *= 4.0
        tau2 = float(
            optimize.brentq(lambda t: _residual_form(data, t)[0] - df, 0.0, high, xtol=1e-300, rtol=1e-12)
        )
    q, coefficient, inverse = _residual_form(data, tau2)
    error = np.sqrt(max(1.0, q / df) * np.diag(inverse))
    return Regression(coefficient, np.asarray(error, dtype=np.float64), tau2, df)


def _arrangements(values: FloatArray) -> FloatArray | None:
    """Return all different arrangements of the values, shape (n, k), or None where there are too many."""
    unique, counts = np.unique(values, return_counts=True)
    k = values.size
    number = math.factorial(k) // math.prod(math.factorial(int(count)) for count in counts)
    if number > MAX_ARRANGEMENTS:
        return None
    if unique.size == 2:
        chosen = list(itertools.combinations(range(k), int(counts[1])))
        table = np.full((len(chosen), k), unique[0])
        table[np.arange(len(chosen))[:, None], np.array(chosen)] = unique[1]
        return table
    return np.array(sorted(_different(tuple(values))))


def _different(values: tuple[float, ...]) -> set[tuple[float, ...]]:
    found: set[tuple[float, ...]] = {()}
    for value in values:
        found = {(*old[:at], value, *old[at:]) for old in found for at in range(len(old) + 1)}
    return found


def permutation_p(
    results: FloatArray, covariance: FloatArray, setting: FloatArray, rng: np.random.Generator | None
) -> tuple[float | None, float | None]:
    """Return the permutation p value of one setting, and the smallest that this design could give.

    The setting's values are arranged anew over the results (Higgins & Thompson 2004); the statistic is the
    score `|x' W y| / sqrt(x' W x)` with the weights of the model without the setting. All arrangements are
    enumerated up to `MAX_ARRANGEMENTS`; beyond that random ones are drawn from `rng` (None: no answer).
    """
    plain = contrasts(results, covariance, np.zeros((results.size, 0)))
    tau2 = regress(plain).tau2
    weights = np.linalg.inv(plain.covariance + tau2 * np.eye(plain.result.size))

    def statistic(arranged: FloatArray) -> FloatArray:
        x = arranged @ plain.basis.T
        size = np.einsum("ij,jk,ik->i", x, weights, x, optimize=True)
        return np.asarray(np.abs(x @ (weights @ plain.result)) / np.sqrt(size), dtype=np.float64)

    observed = float(statistic(setting[None, :])[0]) * (1.0 - 1e-9)
    arranged = _arrangements(setting)
    if arranged is not None:
        found = statistic(arranged)
        return float(np.mean(found >= observed)), float(np.mean(found >= found.max() * (1.0 - 1e-9)))
    if rng is None:
        return None, None
    found = statistic(rng.permuted(np.tile(setting, (RANDOM_ARRANGEMENTS, 1)), axis=1))
    drawn = RANDOM_ARRANGEMENTS + 1.0
    return float((1.0 + np.sum(found >= observed)) / drawn), 1.0 / drawn
