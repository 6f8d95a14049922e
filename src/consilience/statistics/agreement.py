"""How far raters agree on the units that they share, corrected for chance, with a bootstrap interval.

Ratings are a matrix (raters, units) with NaN for a missing rating. Units enter where at least two raters
rated them. All work is done on the few different patterns of ratings, so that 10^5 units cost little more
than 100.

Invariants: order of raters and units does not matter (kappa: swapping the two raters); fewer than
`MIN_SHARED` shared units give no point estimate; if every rating is equal, agreement beyond chance is not
defined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from consilience.statistics.estimate import (
    ArrayLike,
    FloatArray,
    IntArray,
    Interval,
    Reason,
    check_level,
    finite,
)
from consilience.statistics.item_rows import compact, group_sum

MIN_SHARED = 10
"""Fewer shared units than this give no point estimate."""
MAX_CATEGORIES = 200
"""Most categories for the nominal and ordinal metric, and for kappa and AC1."""
CHUNK_CELLS = 4_000_000
"""Most numbers that the bootstrap draws at once."""
MAX_DRAWN = 2_000
"""More units or clusters than this are first put together at random into so many groups, which are then
drawn."""
KEY_SPAN = 2**62
"""Patterns of ratings are one whole number each where it stays below this."""

Features = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementEstimate:
    """A coefficient of agreement with what it rests on.

    `percent_agreement` is the share of pairs of ratings of a unit that are equal, averaged over units.
    """

    value: float | None
    interval: Interval | None
    percent_agreement: float | None
    n_shared: int
    """Units with at least two ratings."""
    n_ratings: int
    """Ratings of those units."""
    method: str
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class RatingTable:
    """Different patterns of ratings among shared units."""

    counts: FloatArray
    """Ratings per pattern and category, shape (patterns, categories)."""
    pattern: IntArray
    """Pattern of each shared unit."""
    cluster: IntArray | None
    categories: FloatArray

    @property
    def frequency(self) -> FloatArray:
        """Number of units of each pattern."""
        return np.bincount(self.pattern, minlength=self.counts.shape[0]).astype(np.float64)


def rating_matrix(ratings: ArrayLike) -> FloatArray:
    """Return the ratings as a matrix (raters, units), or raise ValueError where they are not one."""
    matrix = np.asarray(ratings, dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"ratings need the shape (raters, units), not {matrix.shape}")
    if np.isinf(matrix).any():
        raise ValueError("ratings must be finite, or NaN where missing")
    return matrix


def shared_ratings(matrix: FloatArray, clusters: ArrayLike | None) -> tuple[FloatArray, IntArray | None]:
    """Return the units that at least two raters rated, and the codes of their clusters."""
    keep = np.isfinite(matrix).sum(axis=0) >= 2
    labels = None
    if clusters is not None:
        given = np.asarray(clusters)
        if given.shape != (matrix.shape[1],):
            raise ValueError(f"clusters need the shape ({matrix.shape[1]},), not {given.shape}")
        labels = np.unique(given[keep], return_inverse=True)[1].ravel().astype(np.int64)
    return matrix[:, keep], labels


def rating_table(shared: FloatArray, cluster: IntArray | None) -> RatingTable:
    """Return the different patterns of ratings among shared units."""
    categories = np.unique(shared[np.isfinite(shared)])
    if categories.size > MAX_CATEGORIES:
        raise ValueError(
            f"{categories.size} different ratings; this coefficient takes at most {MAX_CATEGORIES}. "
            "Use krippendorff_alpha with metric='interval' for continuous scores"
        )
    codes = np.where(np.isfinite(shared), np.searchsorted(categories, shared), -1).astype(np.int64)
    ordered = np.sort(codes, axis=0)
    rows, pattern = _different(ordered, categories.size)
    counts = (rows[:, :, None] == np.arange(categories.size)).sum(axis=1)
    return RatingTable(counts.astype(np.float64), pattern, cluster, categories)


def _different(codes: IntArray, size: int) -> tuple[IntArray, IntArray]:
    """Return the different columns of a matrix of codes in [-1, size), in order, as rows, and the number of
    each column's."""
    span = (size + 1) ** codes.shape[0]
    if span > KEY_SPAN:
        rows, pattern = np.unique(codes.T, axis=0, return_inverse=True)
        return rows, pattern.ravel().astype(np.int64)
    key = np.zeros(codes.shape[1], dtype=np.int64)
    for row in codes:
        key = key * (size + 1) + (row + 1)
    found, pattern = compact(key, span)
    powers = [(size + 1) ** place for place in reversed(range(codes.shape[0]))]
    return np.stack([found // power % (size + 1) - 1 for power in powers], axis=1), pattern


def _gathered(cluster: IntArray, rng: np.random.Generator) -> IntArray:
    """Return cluster codes, put together at random into `MAX_DRAWN` groups of equal size where there are
    more."""
    n_clusters = int(cluster.max()) + 1
    if n_clusters <= MAX_DRAWN:
        return cluster
    return np.asarray((rng.permutation(n_clusters) % MAX_DRAWN)[cluster], dtype=np.int64)


def _replicate_weights(
    units: IntArray, n_columns: int, cluster: IntArray | None, replicates: int, rng: np.random.Generator
) -> FloatArray:
    """Return how often each column (pattern of ratings) is drawn, shape (replicates, columns).

    Units, or whole clusters of them, are drawn with replacement (Field & Welsh 2007, cluster bootstrap).
    """
    if cluster is None:
        frequency = np.bincount(units, minlength=n_columns)
        return rng.multinomial(units.size, frequency / units.size, size=replicates).astype(np.float64)
    cluster = _gathered(cluster, rng)
    n_clusters = int(cluster.max()) + 1
    table = np.bincount(cluster * n_columns + units, minlength=n_clusters * n_columns).astype(np.float64)
    table = table.reshape(n_clusters, n_columns)
    result = np.empty((replicates, n_columns))
    step = max(1, CHUNK_CELLS // n_clusters)
    for start in range(0, replicates, step):
        size = min(step, replicates - start)
        result[start : start + size] = _draw(n_clusters, size, rng) @ table
    return result


def _draw(size: int, replicates: int, rng: np.random.Generator) -> FloatArray:
    """Return how often each of `size` groups is drawn when `size` are drawn with replacement, shape
    (replicates, size)."""
    drawn = rng.integers(0, size, size=(replicates, size))
    drawn += np.arange(0, replicates * size, size)[:, None]
    return group_sum(drawn.ravel(), None, replicates * size).reshape(replicates, size)


def _percentile(
    values: FloatArray, value: float, level: float, method: str
) -> tuple[Interval | None, Reason | None]:
    """Percentile interval (Efron & Tibshirani 1993, ch. 13), widened to hold the estimate."""
    if value >= 1.0 - 1e-12:
        return None, Reason.PERFECT_AGREEMENT
    usable = values[np.isfinite(values)]
    if usable.size < 0.9 * values.size or usable.size < 20:
        return None, Reason.NO_INTERVAL
    tail = 0.5 * (1.0 - level)
    low, high = np.quantile(usable, [tail, 1.0 - tail])
    if not high > low:
        return None, Reason.NO_INTERVAL
    return Interval(
        low=min(float(low), value), high=max(float(high), value), level=level, method=method
    ), None


def equal_pairs(table: RatingTable) -> FloatArray:
    """Share of equal pairs per pattern."""
    counts = table.counts
    m = counts.sum(axis=1)
    return np.asarray((counts * (counts - 1.0)).sum(axis=1) / (m * (m - 1.0)), dtype=np.float64)


def bootstrap_estimate(
    table: RatingTable,
    coefficient: Features,
    level: float,
    replicates: int,
    rng: np.random.Generator,
    method: str,
) -> AgreementEstimate:
    """Return the coefficient with its bootstrap interval; `coefficient` maps weights (b, patterns) to
    (b,)."""
    n_shared = table.pattern.size
    ratings = int(table.frequency @ table.counts.sum(axis=1))
    percent = float(table.frequency @ equal_pairs(table) / n_shared) if n_shared else None
    if n_shared < MIN_SHARED:
        return AgreementEstimate(
            value=None, interval=None, percent_agreement=percent, n_shared=n_shared, n_ratings=ratings,
            method=method, reason=Reason.TOO_FEW_SHARED,
        )  # fmt: skip
    chance = method == "percent_agreement" or table.categories.size > 1
    value = finite(coefficient(table.frequency[None, :])[0]) if chance else None
    interval: Interval | None = None
    reason: Reason | None = Reason.ALL_SAME_CATEGORY
    if value is not None:
        weights = _replicate_weights(table.pattern, table.counts.shape[0], table.cluster, replicates, rng)
        interval, reason = _percentile(coefficient(weights), value, level, method)
    return AgreementEstimate(
        value=value, interval=interval, percent_agreement=percent, n_shared=n_shared, n_ratings=ratings,
        method=method, reason=reason if interval is None else None,
    )  # fmt: skip


def _distances(categories: FloatArray, totals: FloatArray, metric: str) -> FloatArray:
    """Squared differences between categories, shape (b, categories, categories) (Krippendorff 2011)."""
    size = categories.size
    if metric == "nominal":
        return np.broadcast_to(1.0 - np.eye(size), (totals.shape[0], size, size))
    if metric == "interval":
        scaled = categories / np.max(np.abs(categories))
        return np.broadcast_to((scaled[:, None] - scaled[None, :]) ** 2, (totals.shape[0], size, size))
    position = np.cumsum(totals, axis=1) - 0.5 * totals
    return np.asarray((position[:, :, None] - position[:, None, :]) ** 2, dtype=np.float64)


def _alpha(table: RatingTable, metric: str) -> Features:
    counts = table.counts
    size = counts.shape[1]
    m = counts.sum(axis=1)
    pairs = counts[:, :, None] * counts[:, None, :]
    index = np.arange(size)
    pairs[:, index, index] -= counts
    pairs = (pairs / (m - 1.0)[:, None, None]).reshape(counts.shape[0], size * size)

    def coefficient(weights: FloatArray) -> FloatArray:
        result = np.empty(weights.shape[0])
        step = max(1, CHUNK_CELLS // (size * size))
        for start in range(0, weights.shape[0], step):
            block = weights[start : start + step]
            observed = (block @ pairs).reshape(-1, size, size)
            totals = observed.sum(axis=2)
            distances = _distances(table.categories, totals, metric)
            n = totals.sum(axis=1)
            expected = np.einsum("bi,bij,bj->b", totals, distances, totals)
            with np.errstate(divide="ignore", invalid="ignore"):
                disagreement = np.einsum("bij,bij->b", observed, distances)
                result[start : start + step] = 1.0 - (n - 1.0) * disagreement / expected
        return result

    return coefficient


def _interval_alpha(
    shared: FloatArray, cluster: IntArray | None, level: float, replicates: int, rng: np.random.Generator
) -> AgreementEstimate:
    """Alpha with the interval metric from sums per unit, for scores with many different values."""
    present = np.isfinite(shared)
    values = shared[:, present.any(axis=0)] if shared.size else shared
    centre = float(np.nanmean(values)) if values.size else 0.0
    x = np.where(present, shared - centre, 0.0)
    m = present.sum(axis=0).astype(np.float64)
    first, second = x.sum(axis=0), (x**2).sum(axis=0)
    features = np.stack([m, first, second, 2.0 * (m * second - first**2) / (m - 1.0)], axis=1)
    equal = _equal_pairs(shared, m)
    method, n_shared = "krippendorff_alpha_interval", m.size

    def result(value: float | None, interval: Interval | None, reason: Reason | None) -> AgreementEstimate:
        return AgreementEstimate(
            value=value, interval=interval, reason=reason, percent_agreement=equal, n_shared=n_shared,
            n_ratings=int(m.sum()), method=method,
        )  # fmt: skip

    if n_shared < MIN_SHARED:
        return result(None, None, Reason.TOO_FEW_SHARED)
    value = finite(_alpha_from_sums(features.sum(axis=0)[None, :])[0])
    if value is None:
        return result(None, None, Reason.ALL_SAME_CATEGORY)
    groups = _gathered(np.arange(n_shared) if cluster is None else cluster, rng)
    features = np.stack([np.bincount(groups, weights=column) for column in features.T], axis=1)
    drawn = np.empty((replicates, features.shape[1]))
    size = features.shape[0]
    step = max(1, CHUNK_CELLS // size)
    for start in range(0, replicates, step):
        count = min(step, replicates - start)
        drawn[start : start + count] = _draw(size, count, rng) @ features
    return result(value, *_percentile(_alpha_from_sums(drawn), value, level, method))


def _alpha_from_sums(sums: FloatArray) -> FloatArray:
    n, first, second, within = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = n * second - first**2
        result = 1.0 - (n - 1.0) * within / (2.0 * spread)
    return np.asarray(
        np.where(spread > 1e-12 * np.maximum(n * second, 1e-300), result, np.nan), dtype=np.float64
    )


def _equal_pairs(shared: FloatArray, m: FloatArray) -> float | None:
    if m.size == 0:
        return None
    equal = np.zeros(m.size)
    for rater in range(shared.shape[0]):
        equal += (shared == shared[rater]).sum(axis=0) - np.isfinite(shared[rater])
    return float(np.mean(equal / (m * (m - 1.0))))


def krippendorff_alpha(
    ratings: ArrayLike,
    *,
    metric: str = "nominal",
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    replicates: int = 1000,
) -> AgreementEstimate:
    """Return Krippendorff's alpha (Krippendorff 2011; Hayes & Krippendorff 2007).

    Args:
        ratings: Shape (raters, units), NaN where a rater did not rate.
        metric: `nominal`, `ordinal` or `interval`.
        rng: Generator of the bootstrap.
        clusters: Labels of units that belong together (generations of one item), shape (units,); whole
            clusters are then drawn.
        level: Confidence level.
        replicates: Bootstrap draws.

    Raises:
        ValueError: If the metric is unknown, the shapes differ, or a nominal or ordinal scale has more than
            `MAX_CATEGORIES` categories.
    """
    check_level(level)
    if metric not in {"nominal", "ordinal", "interval"}:
        raise ValueError(f"unknown metric {metric!r}; use 'nominal', 'ordinal' or 'interval'")
    shared, cluster = shared_ratings(rating_matrix(ratings), clusters)
    if metric == "interval" and np.unique(shared[np.isfinite(shared)]).size > 20:
        return _interval_alpha(shared, cluster, level, replicates, rng)
    table = rating_table(shared, cluster)
    return bootstrap_estimate(
        table, _alpha(table, metric), level, replicates, rng, f"krippendorff_alpha_{metric}"
    )
