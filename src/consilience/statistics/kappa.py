"""Agreement of raters by Gwet's AC1, Cohen's kappa and the plain share of equal ratings.

Conventions, limits and invariants are those of `agreement`, whose bootstrap is used.
"""

from __future__ import annotations

import numpy as np

from consilience.statistics.agreement import (
    AgreementEstimate,
    RatingTable,
    bootstrap_estimate,
    equal_pairs,
    rating_matrix,
    rating_table,
    shared_ratings,
)
from consilience.statistics.estimate import ArrayLike, FloatArray, Interval, check_level


def gwet_ac1(
    ratings: ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    replicates: int = 1000,
) -> AgreementEstimate:
    """Return Gwet's AC1 for any number of raters and missing ratings (Gwet 2008).

    Unlike alpha and kappa it does not fall towards 0 where nearly all ratings are equal. Arguments as
    `krippendorff_alpha`.

    Raises:
        ValueError: If the shapes differ or there are more than `MAX_CATEGORIES` categories.
    """
    check_level(level)
    shared, cluster = shared_ratings(rating_matrix(ratings), clusters)
    table = rating_table(shared, cluster)
    percent = equal_pairs(table)
    shares = table.counts / table.counts.sum(axis=1, keepdims=True)
    size = max(table.categories.size, 2)

    def coefficient(weights: FloatArray) -> FloatArray:
        n = weights.sum(axis=1)
        share = weights @ shares / n[:, None]
        chance = (share * (1.0 - share)).sum(axis=1) / (size - 1.0)
        return np.asarray((weights @ percent / n - chance) / (1.0 - chance), dtype=np.float64)

    return bootstrap_estimate(table, coefficient, level, replicates, rng, "gwet_ac1")


def _kappa_weights(size: int, weights: str) -> FloatArray:
    index = np.arange(size, dtype=np.float64)
    distance = np.abs(index[:, None] - index[None, :]) / max(size - 1.0, 1.0)
    if weights == "none":
        return (distance > 0.0).astype(np.float64)
    if weights == "linear":
        return distance
    if weights == "quadratic":
        return np.asarray(distance**2, dtype=np.float64)
    raise ValueError(f"unknown weights {weights!r}; use 'none', 'linear' or 'quadratic'")


def cohen_kappa(
    first: ArrayLike,
    second: ArrayLike,
    *,
    rng: np.random.Generator,
    weights: str = "none",
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    replicates: int = 1000,
) -> AgreementEstimate:
    """Return Cohen's kappa of two raters (Cohen 1960, eq. 1), or weighted kappa (Cohen 1968).

    Args:
        first: Ratings of the first rater, shape (units,), NaN where missing.
        second: Ratings of the second rater.
        rng: Generator of the bootstrap.
        weights: `none`, `linear` or `quadratic` disagreement in steps between the categories that occur.
        clusters: See `krippendorff_alpha`.
        level: Confidence level.
        replicates: Bootstrap draws.

    Raises:
        ValueError: If shapes differ, the weights are unknown, or there are too many categories.
    """
    check_level(level)
    shared, cluster = shared_ratings(
        rating_matrix(np.stack([np.asarray(first, float), np.asarray(second, float)])), clusters
    )
    table = rating_table(shared, cluster)
    size = table.categories.size
    disagreement = _kappa_weights(size, weights)
    codes = np.searchsorted(table.categories, shared).astype(np.int64)
    cells = np.zeros(0, dtype=np.int64) if codes.size == 0 else codes[0] * size + codes[1]
    used, pattern = np.unique(cells, return_inverse=True)
    rows, columns = np.divmod(used, max(size, 1))

    def coefficient(drawn: FloatArray) -> FloatArray:
        n = drawn.sum(axis=1)
        left = np.stack([drawn[:, rows == code].sum(axis=1) for code in range(size)], axis=1)
        right = np.stack([drawn[:, columns == code].sum(axis=1) for code in range(size)], axis=1)
        chance = np.einsum("bi,ij,bj->b", left, disagreement, right) / n**2
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(1.0 - drawn @ disagreement[rows, columns] / n / chance, dtype=np.float64)

    counts = np.zeros((used.size, size))
    np.add.at(counts, (np.arange(used.size), rows), 1.0)
    np.add.at(counts, (np.arange(used.size), columns), 1.0)
    pairs = RatingTable(counts, pattern.ravel().astype(np.int64), cluster, table.categories)
    name = "cohen_kappa" if weights == "none" else f"cohen_kappa_{weights}"
    return bootstrap_estimate(pairs, coefficient, level, replicates, rng, name)


def percent_agreement(
    ratings: ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    replicates: int = 1000,
) -> AgreementEstimate:
    """Return the share of equal pairs of ratings, averaged over units, without correction for chance.

    Arguments as `krippendorff_alpha`. If every pair agrees, the interval is the exact one of n of n units (or
    clusters), not one of width zero.

    Raises:
        ValueError: If the shapes differ or there are more than `MAX_CATEGORIES` categories.
    """
    check_level(level)
    shared, cluster = shared_ratings(rating_matrix(ratings), clusters)
    table = rating_table(shared, cluster)
    percent = equal_pairs(table)
    result = bootstrap_estimate(
        table, lambda drawn: drawn @ percent / drawn.sum(axis=1), level, replicates, rng, "percent_agreement"
    )
    value = result.value
    if value is None or value not in {0.0, 1.0}:
        return result
    units = result.n_shared if cluster is None else int(cluster.max()) + 1
    share = (0.5 * (1.0 - level)) ** (1.0 / units)
    low, high = (share, 1.0) if value == 1.0 else (0.0, 1.0 - share)
    return AgreementEstimate(
        value=value, interval=Interval(low=low, high=high, level=level, method="clopper_pearson"),
        percent_agreement=value, n_shared=result.n_shared, n_ratings=result.n_ratings,
        method="percent_agreement",
    )  # fmt: skip
