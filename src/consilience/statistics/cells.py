"""Means of cells of scores under the two estimands of NIST AI 800-3, one cell or a million at once.

Input are item tables: per (cell, item) the number of scored attempts n, their sum s and their sum of squares
q. Every item weighs the same, however many attempts it has.

- generalized: items are a sample of items like these. The item is the unit; attempts within it are clustered.
- benchmark: exactly these items. Only attempts vary; without repeated attempts it is not estimable.

Invariants: row order does not matter; a cell's interval is never of width zero; nothing is known from one
    item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consilience.statistics.estimate import (
    ArrayLike,
    Estimate,
    FloatArray,
    IntArray,
    Interval,
    Reason,
    check_level,
    finite,
    positive,
)
from consilience.statistics.intervals import automatic_bounds, effective_size, t_bounds, wilson_holds
from consilience.statistics.item_rows import (
    UNIT,
    Bounds,
    ItemRows,
    ItemSums,
    ScoredRows,
    Weights,
    group_sum,
    placed_rows,
    row_weights,
    scored_rows,
    sums_by_item,
)

RARE_ITEMS = 10.0
"""Where fewer items than this, and at most half of them, show the rarer outcome, they bound the effective
size."""

_REASONS: tuple[Reason | None, ...] = (
    None,
    Reason.NO_SCORES,
    Reason.ONE_ITEM,
    Reason.ONE_ATTEMPT_PER_ITEM,
    Reason.ALL_EQUAL,
)
_METHODS = (
    "item_mean",
    "clopper_pearson",
    "wilson",
    "effective_clopper_pearson",
    "effective_wilson",
    "student_t",
)
_STRATIFIED = (
    "item_mean", "clopper_pearson", "wilson", "stratified_clopper_pearson", "stratified_wilson",
    "stratified_t",
)  # fmt: skip
_NONE, _CP, _WILSON, _ECP, _EWILSON, _T = range(6)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellEstimates:
    """Estimates of many cells as arrays of length n_cells; NaN marks what `reason` explains.

    `estimate(i)` and `estimates()` give them as `Estimate`, where nothing is NaN.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    standard_error: FloatArray
    df: FloatArray
    n_items: IntArray
    n_scores: IntArray
    reason: IntArray
    method: IntArray
    level: float
    stratified: bool = False

    def estimate(self, cell: int) -> Estimate:
        """Return the estimate of one cell."""
        method = (_STRATIFIED if self.stratified else _METHODS)[int(self.method[cell])]
        low, high = finite(self.low[cell]), finite(self.high[cell])
        interval = (
            None
            if low is None or high is None
            else Interval(low=low, high=high, level=self.level, method=method)
        )
        return Estimate(
            value=finite(self.value[cell]),
            interval=interval,
            standard_error=positive(self.standard_error[cell]),
            n_items=int(self.n_items[cell]),
            n_scores=int(self.n_scores[cell]),
            method=method,
            reason=_REASONS[int(self.reason[cell])],
            df=positive(self.df[cell]),
        )

    def estimates(self) -> list[Estimate]:
        """Return the estimates of all cells in order."""
        return [self.estimate(cell) for cell in range(self.value.size)]


def _finish(
    rows: ItemRows, value: FloatArray, variance: FloatArray, df: FloatArray, floor: FloatArray,
    cap: FloatArray,
    reason: IntArray, n_items: IntArray, level: float, bounds: Bounds | None, *, stratified: bool,
) -> CellEstimates:  # fmt: skip
    n_cells = value.size
    n_scores = group_sum(rows.cell, rows.count, n_cells)
    low, high = np.full(n_cells, np.nan), np.full(n_cells, np.nan)
    method = np.zeros(n_cells, dtype=np.int64)
    usable = reason == 0
    if bounds is None:
        flat = usable & ~(variance > 0.0)
        reason = np.where(flat, _REASONS.index(Reason.ALL_EQUAL), reason)
        usable &= ~flat
        low[usable], high[usable] = t_bounds(value[usable], np.sqrt(variance[usable]), df[usable], level)
        method[usable] = _T
        scale, shift = 1.0, 0.0
    else:
        rate = np.clip(value[usable], 0.0, 1.0)
        size = effective_size(rate, variance[usable], df[usable], floor[usable], cap[usable], level)
        low[usable], high[usable] = automatic_bounds(rate * size, size, level)
        wilson = wilson_holds(rate * size, size)
        plain = rows.binary[usable] & (n_scores[usable] == n_items[usable])
        method[usable] = np.where(plain, np.where(wilson, _WILSON, _CP), np.where(wilson, _EWILSON, _ECP))
        scale, shift = bounds[1] - bounds[0], bounds[0]
    error = np.sqrt(np.where(usable, variance, np.nan)) * scale
    return CellEstimates(
        value=value * scale + shift, low=low * scale + shift, high=high * scale + shift, standard_error=error,
        df=np.where(usable & (variance > 0.0), df, np.nan), n_items=n_items,
        n_scores=n_scores.astype(np.int64),
        reason=reason.astype(np.int64), method=method, level=level, stratified=stratified,
    )  # fmt: skip


def _inverse(weights: FloatArray) -> FloatArray:
    """Return 1 / weights, the rounding of sums removed where it is a whole number; 1 for empty cells."""
    size = np.divide(1.0, weights, out=np.ones_like(weights), where=weights > 0.0)
    whole = np.rint(size)
    return np.where(np.abs(size - whole) < 1e-9 * whole, whole, size)


def _rare_cap(value: FloatArray, items: ItemSums) -> FloatArray:
    """Return the largest effective size where only a few items show the rarer outcome.

    These items carry all that is known of it, so that the effective number of rare outcomes is at most their
    number.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        rare = np.where(value <= 0.5, items.above, items.below)
        cap = rare / np.minimum(value, 1.0 - value)
    return np.where((rare < RARE_ITEMS) & (2.0 * rare <= items.n) & (rare > 0), cap, np.inf)


def _generalized(
    rows: ItemRows, weights: Weights, items: ItemSums, level: float, bounds: Bounds | None
) -> CellEstimates:
    n, n_cells = items.n, items.n.size
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = items.influence2 * n / (n - 1.0)
        kurtosis = n * items.influence4 / items.influence2**2
        spread_df = 2.0 * n / np.maximum(kurtosis - (n - 3.0) / (n - 1.0), 1e-9)
    df = n - 1.0 if bounds is None else np.fmin(n - 1.0, spread_df)
    floor = _inverse(items.weight2)
    variance[variance < 1e-24 * np.maximum(1.0, weights.value**2)] = 0.0
    cap = np.where(rows.binary, group_sum(rows.cell, rows.count, n_cells), np.inf)
    if bounds is not None:
        cap = np.minimum(cap, _rare_cap(weights.value, items))
    reason = np.where(n < 1, 1, np.where(n < 2, 2, 0))
    return _finish(
        rows, weights.value, variance, df, floor, np.maximum(cap, floor), reason, n.astype(np.int64), level,
        bounds, stratified=False,
    )  # fmt: skip


def _benchmark(
    rows: ItemRows, weights: Weights, items: ItemSums, level: float, bounds: Bounds | None
) -> CellEstimates:
    cell, n_cells = rows.cell, items.n.size
    repeated = np.isfinite(rows.within)
    every = bool(repeated.all())
    n_rows = group_sum(cell, None, n_cells)
    n_repeated = n_rows if every else group_sum(cell, repeated.astype(np.float64), n_cells)
    within = rows.within
    if not every:
        with np.errstate(divide="ignore", invalid="ignore"):
            pooled = group_sum(cell, np.where(repeated, within, 0.0), n_cells) / n_repeated
        within = np.where(repeated, within, pooled[cell])
    share = weights.row**2 / rows.count
    part = share * within
    variance = group_sum(cell, part, n_cells)
    own = part if every else np.where(repeated, part, 0.0)
    squared = group_sum(cell, own**2 / np.maximum(rows.count - 1.0, 1.0), n_cells)
    with np.errstate(divide="ignore", invalid="ignore"):
        repeated_variance = variance if every else group_sum(cell, own, n_cells)
        df = np.where(squared > 0.0, repeated_variance**2 / squared, np.inf)
    floor = _inverse(group_sum(cell, share, n_cells))
    reason = np.where(n_rows < 1, 1, np.where(2.0 * n_repeated < n_rows, 3, 0))
    return _finish(
        rows, weights.value, variance, df, floor, np.full(n_cells, np.inf), reason, items.n.astype(np.int64),
        level, bounds, stratified=True,
    )  # fmt: skip


_BY_ESTIMAND = {"generalized": _generalized, "benchmark": _benchmark}


def _estimate(
    rows: ItemRows, n_cells: int, estimands: Sequence[str], level: float, bounds: Bounds | None
) -> tuple[CellEstimates, ...]:
    for estimand in estimands:
        if estimand not in _BY_ESTIMAND:
            raise ValueError(f"unknown estimand {estimand!r}; use 'generalized' or 'benchmark'")
    weights = row_weights(rows, n_cells)
    items = sums_by_item(rows, weights, n_cells)
    return tuple(_BY_ESTIMAND[estimand](rows, weights, items, level, bounds) for estimand in estimands)


def estimate_cells(
    cell_index: ArrayLike,
    sums: ArrayLike,
    counts: ArrayLike,
    squares: ArrayLike | None,
    n_cells: int,
    *,
    estimand: str = "generalized",
    level: float = 0.95,
    bounds: Bounds | None = UNIT,
) -> CellEstimates:
    """Estimate the mean of every cell, each (cell, item) being one row.

    Generalized: variance `sum (m_i - m)^2 / (n (n - 1))` of item means, equal to the cluster-robust CR2
    variance with the item as cluster (Miller 2024; Bell & McCaffrey 2002). Scores with bounds get the
    interval of the effective number of trials (Korn & Graubard 1998); it equals the binomial interval where
    each item has one binary attempt. Its degrees of freedom are those of the variance of a sample variance
    with the items' kurtosis, `2 n / (kurtosis - (n - 3) / (n - 1))`, at most n - 1; where fewer than
    `RARE_ITEMS` items show the rarer outcome, their number bounds the effective one. Without bounds:
    Student's interval, n - 1.

    Benchmark: stratified variance `sum_i s_i^2 / k_i / n^2` with items as strata (Cochran 1977, ch. 5) and
    Satterthwaite's degrees of freedom. Items with one attempt take the mean variance of the
    others; it is not estimable where more than half of the items have one attempt. For binary scores the
    effective number is never below the number of attempts (Hoeffding 1956).

    Args:
        cell_index: Cell of each row, integers in [0, n_cells), shape (rows,).
        sums: Sum of the scored attempts of each row, shape (rows,).
        counts: Number of scored attempts, shape (rows,); rows with 0 are left out.
        squares: Sum of squared scores, shape (rows,); None: scores are 0 or 1.
        n_cells: Number of cells, also empty ones.
        estimand: `generalized` or `benchmark` (NIST AI 800-3).
        level: Confidence level.
        bounds: Smallest and largest score of the scale, or None where it has none.

    Raises:
        ValueError: If shapes differ, a score lies outside the bounds, or the estimand is unknown.
    """
    check_level(level)
    rows = placed_rows(scored_rows(sums, counts, squares, bounds), cell_index, None, None, n_cells)
    return _estimate(rows, n_cells, (estimand,), level, bounds)[0]


def estimate_averages(
    group_index: ArrayLike,
    part_index: ArrayLike,
    item_index: ArrayLike,
    sums: ArrayLike,
    counts: ArrayLike,
    squares: ArrayLike | None,
    n_groups: int,
    *,
    estimand: str = "generalized",
    level: float = 0.95,
    bounds: Bounds | None = UNIT,
) -> CellEstimates:
    """Estimate means averaged over parts (laboratories, languages or both) that ask the same items.

    Each part weighs the same. Items that several parts share are one cluster: the variance is the linearised
    `C/(C-1) sum_i u_i^2` with `u_i` the sum over parts of `(m_ip - m_p) / (n_p parts)` (Liang & Zeger 1986,
    sandwich), which for complete data is that of the items' means over parts. Laboratories and languages
    count as fixed: how far other laboratories may lie is told by `interlaboratory`.

    Args:
        group_index: Group of each row, shape (rows,).
        part_index: Part within the group (code of laboratory × language), shape (rows,).
        item_index: Code of the item that translations and laboratories share, shape (rows,).
        sums: See `estimate_cells`; one row per (group, part, item).
        counts: See `estimate_cells`.
        squares: See `estimate_cells`.
        n_groups: Number of groups.
        estimand: See `estimate_cells`.
        level: Confidence level.
        bounds: See `estimate_cells`.

    Raises:
        ValueError: As `estimate_cells`.
    """
    check_level(level)
    rows = scored_rows(sums, counts, squares, bounds)
    placed = placed_rows(rows, group_index, part_index, item_index, n_groups)
    return _estimate(placed, n_groups, (estimand,), level, bounds)[0]


def estimate_both(
    rows: ScoredRows,
    group_index: ArrayLike,
    part_index: ArrayLike | None,
    item_index: ArrayLike | None,
    n_groups: int,
    *,
    level: float = 0.95,
    bounds: Bounds | None = UNIT,
) -> tuple[CellEstimates, CellEstimates]:
    """Estimate means under both estimands at once, as `estimate_cells` and `estimate_averages` do one by one.

    Args:
        rows: Of `item_rows.scored_rows`, with the same bounds; they can be grouped in several ways.
        group_index: Cell or group of each row, shape (rows,).
        part_index: See `estimate_averages`; None: rows are the items of cells, as in `estimate_cells`.
        item_index: See `estimate_averages`.
        n_groups: Number of groups.
        level: Confidence level.
        bounds: See `estimate_cells`.

    Returns:
        The estimates on this benchmark, and those over items like these.

    Raises:
        ValueError: As `estimate_cells`.
    """
    check_level(level)
    placed = placed_rows(rows, group_index, part_index, item_index, n_groups)
    benchmark, generalized = _estimate(placed, n_groups, ("benchmark", "generalized"), level, bounds)
    return benchmark, generalized


def estimate_generalized(
    sums: ArrayLike,
    counts: ArrayLike,
    squares: ArrayLike | None = None,
    *,
    level: float = 0.95,
    bounds: Bounds | None = UNIT,
) -> Estimate:
    """Estimate one cell as a sample of items like these; arguments as `estimate_cells`, shape (items,)."""
    zeros = np.zeros(np.shape(sums), dtype=np.int64)
    return estimate_cells(zeros, sums, counts, squares, 1, level=level, bounds=bounds).estimate(0)


def estimate_benchmark(
    sums: ArrayLike,
    counts: ArrayLike,
    squares: ArrayLike | None = None,
    *,
    level: float = 0.95,
    bounds: Bounds | None = UNIT,
) -> Estimate:
    """Estimate one cell on exactly these items; arguments as `estimate_cells`, shape (items,)."""
    zeros = np.zeros(np.shape(sums), dtype=np.int64)
    cells = estimate_cells(zeros, sums, counts, squares, 1, estimand="benchmark", level=level, bounds=bounds)
    return cells.estimate(0)
