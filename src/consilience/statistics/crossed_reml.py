"""Mixed model with two crossed random factors, score = mean + object + rater + error, by REML.

The objects, which are many, are swept out of the mixed-model equations; what is left has the size of the
raters. Variances are sought as ratios of standard deviations to that of the error, in which the likelihood is
smooth down to 0.

Invariant: a variance may be 0 and is then 0, not a small number that the search stopped at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import linalg, sparse

from consilience.statistics.estimate import FloatArray
from consilience.statistics.ratings import Ratings

CHUNK = 4_000_000
"""Most numbers held at once while the objects' errors are computed."""
MAX_RATIO = 1e4
"""Largest ratio of a standard deviation to the error's that is searched."""
DENSE = 200_000
"""Tables objects × raters up to this size are held dense."""
GRID = 24
"""Values of the raters' spread over which its uncertainty is averaged."""
DROP = 12.0
"""The grid ends where -2 log likelihood has risen by so much."""
NEGLIGIBLE = 1e-5


@dataclass(frozen=True, slots=True)
class CrossedFit:
    """Predictions (BLUP) and their error variances; object values include the mean."""

    mean: float
    object_value: FloatArray
    object_variance: FloatArray
    """Prediction error variance of mean + object."""
    rater_effect: FloatArray
    rater_variance: FloatArray
    object_var: float
    rater_var: float
    error_var: float


@dataclass(frozen=True, slots=True)
class _Swept:
    """The equations of mean and raters after the objects are swept out, at given ratios."""

    factor: tuple[FloatArray, bool]
    """Cholesky factor, shape (1 + raters, 1 + raters)."""
    solution: FloatArray
    shrinkage: FloatArray
    """g^2 / (1 + g^2 n) per object."""
    scale: float
    """Residual quadratic form y'Py divided by n - 1: the error's variance."""
    criterion: float
    """-2 log restricted likelihood, without constants."""


class CrossedEquations:
    """Henderson's mixed-model equations of one table of ratings, solved at any ratios."""

    def __init__(self, rows: Ratings) -> None:
        """Compute what does not depend on the ratios."""
        self.rows = rows
        self.counts = rows.object_counts
        table = rows.incidence()
        small = rows.n_objects * rows.n_raters <= DENSE
        self.incidence: Any = table.toarray() if small else table
        """Ratings by object and rater; a dense table where it is small, which is faster."""
        self.centre = float(rows.score.mean())
        self.score = rows.score - self.centre
        self.object_totals = np.bincount(rows.object, weights=self.score, minlength=rows.n_objects)
        self.rater_totals = np.bincount(rows.rater, weights=self.score, minlength=rows.n_raters)
        self.squares = float(self.score @ self.score)

    def at(self, object_ratio: float, rater_ratio: float) -> _Swept:
        """Solve at ratios of standard deviations (Searle, Casella & McCulloch 1992, ch. 7; Bates et al.
        2015, eqs. 30-42: the profiled restricted likelihood)."""
        n, r = self.rows.score.size, rater_ratio
        diagonal = 1.0 + object_ratio**2 * self.counts
        shrinkage = object_ratio**2 / diagonal
        weighted = self.incidence.T @ (self.incidence * shrinkage[:, None])
        coupling = self.incidence.T @ (shrinkage * self.counts)
        size = self.rows.n_raters
        matrix = np.empty((size + 1, size + 1))
        matrix[0, 0] = n - float(shrinkage @ self.counts**2)
        matrix[0, 1:] = matrix[1:, 0] = r * (self.rows.rater_counts - coupling)
        cross = -_dense(weighted)
        cross[np.diag_indices(size)] += self.rows.rater_counts
        matrix[1:, 1:] = r**2 * cross + np.eye(size)
        right = np.empty(size + 1)
        right[0] = self.score.sum() - float((shrinkage * self.counts) @ self.object_totals)
        right[1:] = r * (self.rater_totals - self.incidence.T @ (shrinkage * self.object_totals))
        factor = linalg.cho_factor(matrix, lower=True)
        solution = linalg.cho_solve(factor, right)
        rest = self.squares - float(shrinkage @ self.object_totals**2) - float(solution @ right)
        scale = max(rest, 1e-300) / (n - 1.0)
        log_determinant = float(np.log(diagonal).sum() + 2.0 * np.log(np.diag(factor[0])).sum())
        return _Swept(factor, solution, shrinkage, scale, (n - 1.0) * np.log(scale) + log_determinant)

    def predictions(self, swept: _Swept, object_ratio: float, rater_ratio: float) -> CrossedFit:
        """Return the BLUPs and their error variances (Henderson 1975)."""
        size, scale = self.rows.n_raters, swept.scale
        inverse = linalg.cho_solve(swept.factor, np.eye(size + 1))
        spread = np.concatenate([[1.0], np.full(size, rater_ratio)])
        mean, effect = float(swept.solution[0]), rater_ratio * swept.solution[1:]
        taken = self.counts * mean + self.incidence @ effect
        objects = swept.shrinkage * (self.object_totals - taken)
        value = self.centre + mean + objects
        variance = np.empty(self.rows.n_objects)
        step = max(1, CHUNK // (size + 1))
        for start in range(0, self.rows.n_objects, step):
            block = slice(start, start + step)
            rows = np.zeros((variance[block].size, size + 1))
            rows[:, 0] = 1.0 - swept.shrinkage[block] * self.counts[block]
            rows[:, 1:] = -_dense(self.incidence[block]) * swept.shrinkage[block][:, None]
            rows *= spread
            variance[block] = swept.shrinkage[block] + np.einsum("ij,ij->i", rows @ inverse, rows)
        return CrossedFit(
            mean=self.centre + mean, object_value=value, object_variance=variance * scale,
            rater_effect=effect, rater_variance=rater_ratio**2 * np.diag(inverse)[1:] * scale,
            object_var=object_ratio**2 * scale, rater_var=rater_ratio**2 * scale, error_var=scale,
        )  # fmt: skip


def _dense(table: Any) -> FloatArray:
    return np.asarray(table.toarray() if sparse.issparse(table) else table, dtype=np.float64)


def fit_crossed(rows: Ratings) -> CrossedFit | None:
    """Fit the model by restricted maximum likelihood (Patterson & Thompson 1971).

    Returns:
        None where all scores are equal or there are fewer than three.
    """
    equations = CrossedEquations(rows)
    n = rows.score.size
    if n < 3 or equations.squares <= 1e-24 * max(1.0, n * equations.centre**2):
        return None

    def criterion(ratios: FloatArray) -> float:
        return equations.at(float(ratios[0]), float(ratios[1])).criterion

    ratios = _lowest(criterion)
    best = equations.predictions(equations.at(*ratios), *ratios)
    return _with_uncertain_spread(equations, best, ratios, criterion)


def _lowest(criterion: Callable[[FloatArray], float]) -> tuple[float, float]:
    """Return the ratios of the lowest criterion, 0 where that is as good."""
    from scipy import optimize  # costs more than all else here, and least squares do without

    limits = [(0.0, MAX_RATIO)] * 2
    options = {"ftol": 1e-13, "gtol": 1e-7}
    found = [
        optimize.minimize(criterion, np.array(start), (), "L-BFGS-B", bounds=limits, options=options)
        for start in ((1.0, 0.5), (0.1, 0.1))
    ]
    best = min(found, key=lambda result: float(result.fun)).x
    tried = [best, *(np.where(drop, 0.0, best) for drop in ((True, False), (False, True), (True, True)))]
    values = [criterion(ratios) for ratios in tried]
    lowest = min(values) + 1e-9 * max(1.0, abs(min(values)))
    final = [ratios for ratios, value in zip(tried, values, strict=True) if value <= lowest][-1]
    return float(final[0]), float(final[1])


def _with_uncertain_spread(
    equations: CrossedEquations, best: CrossedFit, ratios: tuple[float, float],
    criterion: Callable[[FloatArray], float],
) -> CrossedFit:  # fmt: skip
    """Widen the error variances by what is not known of the raters' spread.

    The ratio of the raters' standard deviation is weighed by its restricted likelihood on a grid (a flat
    prior on the standard deviation: Gelman 2006); the error of a prediction is its mean squared distance from
    the plug-in prediction. A spread that was estimated as 0 does not count as known to be 0.
    """
    lowest = criterion(np.array(ratios))

    def above(ratio: float) -> float:
        return criterion(np.array([ratios[0], ratio])) - lowest

    high = max(2.0 * ratios[1], 1.0 / float(np.sqrt(equations.rows.rater_counts.mean())))
    while above(high) < DROP and high < MAX_RATIO:
        high *= 1.5
    grid = np.linspace(0.0, high, GRID)
    weight = np.exp(-0.5 * np.array([max(above(float(ratio)), 0.0) for ratio in grid]))
    weight[[0, -1]] *= 0.5
    weight /= weight.sum()
    rater, value = np.zeros(best.rater_effect.size), np.zeros(best.object_value.size)
    for ratio, share in zip(grid, weight, strict=True):
        if share > NEGLIGIBLE:
            swept = equations.at(ratios[0], float(ratio))
            fit = equations.predictions(swept, ratios[0], float(ratio))
            rater += share * (fit.rater_variance + (fit.rater_effect - best.rater_effect) ** 2)
            value += share * (fit.object_variance + (fit.object_value - best.object_value) ** 2)
    return replace(best, rater_variance=rater, object_variance=value)
