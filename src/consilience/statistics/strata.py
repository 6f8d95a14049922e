"""Strata with few human and many judge ratings: the corrected mean of each, and what every average of them
needs.

A stratum is a part of the data within which humans rated a simple random sample of what the judge rated,
such as one laboratory and language. Averages and differences are in `stratified_prediction`. Invariants:
items that stand in several strata are one cluster; only sums per stratum and item are needed, since
influences are linear in the scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consilience.statistics.estimate import ArrayLike, BoolArray, FloatArray, IntArray
from consilience.statistics.human_ratings import MIN_PER_STRATUM
from consilience.statistics.item_rows import compact, group_sum

MAX_STRATA = 2_000
"""Strata that are looked at together; sums of products of all pairs of them are held."""
MAX_BLOCK = 4_000_000
"""Numbers of one block of strata × items."""
SMALL_PRODUCT = 250_000
"""Multiplications of one product of matrices: so few that OpenBLAS wakes no further thread, whose waiting
costs more than the work."""


@dataclass(frozen=True, slots=True)
class ItemSets:
    """The items of every stratum, one stratum after the other."""

    codes: NDArray[np.integer]
    starts: IntArray
    """Where each stratum begins in `codes`, and the end, shape (strata + 1,)."""
    span: int
    """All codes lie below it."""

    def count(self, chosen: BoolArray) -> int:
        """Return how many different items the chosen strata have together."""
        present = np.zeros(self.span, dtype=np.bool_)
        for stratum in np.flatnonzero(chosen).tolist():
            present[self.codes[self.starts[stratum] : self.starts[stratum + 1]]] = True
        return int(np.count_nonzero(present))


def _item_sets(stratum: IntArray, item: IntArray, size: int) -> ItemSets:
    if stratum.size and np.any(np.diff(stratum) < 0):
        item = item[np.argsort(stratum, kind="stable")]
    starts = np.concatenate([[0], np.cumsum(np.bincount(stratum, minlength=size))]).astype(np.int64)
    span = int(item.max(initial=-1)) + 1
    return ItemSets(item.astype(np.int32) if span < 2**31 else item, starts, span)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strata:
    """What `fit_strata` found, one entry per stratum; every average of strata follows from it."""

    raw: FloatArray
    """The judge's mean; NaN where it rated nothing."""
    value: FloatArray
    """The corrected mean; NaN where there are too few human ratings."""
    weight: FloatArray
    n_human: IntArray
    n_judge: IntArray
    products: FloatArray
    """Sums over items of products of the influences of two strata, shape (strata, strata)."""
    sampling: FloatArray
    """Part of the variance of each value that comes from which of endlessly many answers humans rated."""
    share_products: FloatArray
    """The same of each item's share of the human ratings."""
    items: ItemSets
    """Of every stratum."""
    human_items: ItemSets
    """Of every stratum, those with human ratings."""
    binary: bool

    @property
    def usable(self) -> BoolArray:
        """Which strata have enough human ratings to enter an average."""
        return np.isfinite(self.value)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows with a score of the judge, in weighted sums: `u` over what humans did not rate, for every row; `l`
    over what they did, for the rows `here` only."""

    stratum: IntArray
    item: IntArray
    n_u: FloatArray
    judge_u: FloatArray
    here: IntArray
    n_l: FloatArray
    judge_l: FloatArray
    human_l: FloatArray
    weight_l: FloatArray
    products_l: tuple[FloatArray, FloatArray, FloatArray]
    """Unweighted sums of judge², judge × human, human²."""
    n_judge: IntArray
    """Unweighted number of scores of each stratum."""
    n_human: IntArray


@dataclass(frozen=True, slots=True)
class _Parts:
    """Means per stratum, and influences per row (`judge_u`) or rated row, with small-sample factors in
    them."""

    raw: FloatArray
    labels: FloatArray
    mean_judge_l: FloatArray
    mean_judge_u: FloatArray
    mean_human: FloatArray
    usable: BoolArray
    others: BoolArray
    human: FloatArray
    judge_l: FloatArray
    judge_u: FloatArray


def fit_strata(
    stratum: ArrayLike,
    item: ArrayLike,
    judge_sum: ArrayLike,
    judge_count: ArrayLike,
    shared_count: ArrayLike,
    shared_judge: ArrayLike,
    shared_human: ArrayLike,
    *,
    group: ArrayLike,
    row_weight: ArrayLike | None = None,
    shared_products: Sequence[ArrayLike] | None = None,
    binary: bool = False,
) -> Strata:
    """Return the corrected mean of every stratum, `mean_u(w f) + mean_l(y - w f)`, and what averages need.

    Stratified prediction-powered inference (Fisch et al. 2024, StratPPI, arXiv 2406.04291, sec. 4) with the
    weight w of PPI++ (Angelopoulos, Duchi & Zrnic 2023, arXiv 2311.01453), in [0, 1] and common to the
    strata of a group, tuned on the mean of the group's strata. Influences are summed by item over all strata
    (linearised, clustered). The part of each stratum is scaled by `m / (m - 1)`, with m the effective number
    of items `(sum n_i)^2 / sum n_i^2` (Kish 1965, sec. 11.7), for the labelled and the other rows apart.

    Args:
        stratum: Number of the stratum of each row, from 0, shape (rows,); no two rows share stratum and item.
        item: Number of the item of each row, from 0.
        judge_sum: Sum of the judge's scores of the row.
        judge_count: How many there are; rows with 0 are left out.
        shared_count: How many of them humans rated too.
        shared_judge: Sum of the judge's scores over these.
        shared_human: Sum of the human scores over these.
        group: Number of the group of each stratum, shape (strata,).
        row_weight: Weight of each score of the row, such as 1 / `judge_count` so that every item counts the
            same; None: every score counts the same.
        shared_products: Sums of judge², judge × human and human² over the scores that humans rated too; None:
            a row shares one score at most, or equal ones.
        binary: Whether scores are at one of two ends; then one disagreement of each sign is added (see
            `prediction.ppi_mean`).

    Raises:
        ValueError: If shapes differ, numbers are not finite, more is shared than there is, rows are doubled,
            or there are more than MAX_STRATA strata.
    """
    groups = np.asarray(group, dtype=np.int64)
    if groups.size > MAX_STRATA:
        raise ValueError(f"{groups.size} strata are more than the limit of {MAX_STRATA}")
    counts = np.asarray(judge_count, dtype=np.float64)
    shared = np.asarray(shared_count, dtype=np.float64)
    rows = _rows(
        stratum, item, judge_sum, counts, shared, shared_judge, shared_human, row_weight, groups.size,
        shared_products,
    )  # fmt: skip
    del counts, shared
    parts = _parts(rows, groups.size)
    weight = np.where(parts.others, _tuned(rows, parts, groups)[groups], 0.0)
    of_judge = np.where(parts.others, weight * (parts.mean_judge_u - parts.mean_judge_l), 0.0)
    at, rated = rows.stratum[rows.here], rows.item[rows.here]
    where = compact(rated, int(rated.max(initial=0)) + 1)[1]
    by_human = parts.human + weight[at] * parts.judge_l
    influence = weight[rows.stratum] * parts.judge_u
    influence[rows.here] += by_human
    return Strata(
        raw=parts.raw,
        value=np.where(parts.usable, parts.mean_human + of_judge, np.nan),
        weight=weight,
        n_human=rows.n_human,
        n_judge=rows.n_judge,
        products=_products(rows.stratum, rows.item, influence, groups.size),
        sampling=_sampling(rows, parts, weight),
        share_products=_products(at, where, rows.n_l / parts.labels[at], groups.size),
        items=_item_sets(rows.stratum, rows.item, groups.size),
        human_items=_item_sets(at, where, groups.size),
        binary=binary,
    )


def _rows(
    stratum: ArrayLike, item: ArrayLike, judge_sum: ArrayLike, counts: FloatArray, shared: FloatArray,
    shared_judge: ArrayLike, shared_human: ArrayLike, row_weight: ArrayLike | None, n_strata: int,
    shared_products: Sequence[ArrayLike] | None,
) -> _Rows:  # fmt: skip
    place, code = np.asarray(stratum, dtype=np.int64), np.asarray(item, dtype=np.int64)
    f, f_l, y = (np.asarray(x, dtype=np.float64) for x in (judge_sum, shared_judge, shared_human))
    weight = np.ones(counts.shape) if row_weight is None else np.asarray(row_weight, dtype=np.float64)
    if counts.ndim != 1 or any(x.shape != counts.shape for x in (place, code, f, shared, f_l, y, weight)):
        raise ValueError("all arrays of rows need one shape (rows,)")
    kept = counts > 0
    arrays = (place, code, f, counts, shared, f_l, y, weight)
    if not kept.all():
        place, code, f, counts, shared, f_l, y, weight = (x[kept] for x in arrays)  # type: ignore[assignment]
    del arrays
    if not all(np.isfinite(x).all() for x in (f, counts, shared, f_l, y, weight)):
        raise ValueError("sums, counts and weights of rows must be finite")
    if np.any(shared < 0) or np.any(shared > counts):
        raise ValueError("a row cannot share fewer than 0 or more scores than it has")
    if place.size and (place.min() < 0 or place.max() >= n_strata or code.min() < 0):
        raise ValueError("strata and items are numbered from 0, and every stratum needs its group")
    span = int(code.max(initial=0)) + 1
    if compact(place * span + code, n_strata * span)[0].size != place.size:
        raise ValueError("two rows have the same stratum and item; add them up first")
    here = np.flatnonzero(shared > 0)
    if shared_products is None:
        products = tuple(x[here] / shared[here] for x in (f_l * f_l, f_l * y, y * y))
    else:
        products = tuple(np.asarray(x, dtype=np.float64)[kept][here] for x in shared_products)
    f_l, y, w_l, at = f_l[here], y[here], weight[here], place[here]
    judge_u = weight * f
    judge_u[here] -= w_l * f_l
    return _Rows(
        place, code, weight * (counts - shared), judge_u, here, w_l * shared[here], w_l * f_l, w_l * y,
        w_l, (products[0], products[1], products[2]),
        group_sum(place, counts, n_strata).astype(np.int64),
        group_sum(at, shared[here], n_strata).astype(np.int64),
    )  # fmt: skip


def _parts(rows: _Rows, size: int) -> _Parts:
    s, at = rows.stratum, rows.stratum[rows.here]
    n_l, n_u = group_sum(at, rows.n_l, size), group_sum(s, rows.n_u, size)
    sum_l, sum_u = group_sum(at, rows.judge_l, size), group_sum(s, rows.judge_u, size)
    usable = group_sum(at, None, size) >= MIN_PER_STRATUM
    others = usable & (n_u > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        raw, y = (sum_l + sum_u) / (n_l + n_u), group_sum(at, rows.human_l, size) / n_l
        f_l, f_u = sum_l / n_l, sum_u / n_u
    scale_l = np.where(usable, _scale(at, rows.n_l, n_l), 0.0)
    scale_u = np.where(others, _scale(s, rows.n_u, n_u), 0.0)
    f_l, f_u, y = (np.nan_to_num(mean, nan=0.0) for mean in (f_l, f_u, y))
    return _Parts(
        raw=raw, labels=n_l, mean_judge_l=f_l, mean_judge_u=f_u, mean_human=y, usable=usable, others=others,
        human=scale_l[at] * (rows.human_l - rows.n_l * y[at]),
        judge_l=np.where(others, -scale_l, 0.0)[at] * (rows.judge_l - rows.n_l * f_l[at]),
        judge_u=scale_u[s] * (rows.judge_u - rows.n_u * f_u[s]),
    )  # fmt: skip


def _sampling(rows: _Rows, parts: _Parts, weight: FloatArray) -> FloatArray:
    """Return `S^2 / n` of each stratum, S the spread of `y - w' f` over the answers that humans rated.

    With `w' = w N / (N - n)` the value is `mean_l(y - w' f)` plus w' times the judge's mean over all answers,
    so that this, less `S^2 / N`, is its variance over draws of the answers that humans rate (Cochran 1977,
    eq. 2.11). NaN where there are too few.
    """
    at, n, k = rows.stratum[rows.here], parts.labels, rows.n_human
    n_u = group_sum(rows.stratum, rows.n_u, n.size)
    full = np.where(parts.others, weight * (n + n_u) / np.where(parts.others, n_u, 1.0), 0.0)
    mean, w = parts.mean_human - full * parts.mean_judge_l, full[at]
    judge2, both, human2 = rows.products_l
    square = rows.weight_l**2 * (human2 - 2.0 * w * both + w * w * judge2)
    total = rows.weight_l * (rows.human_l - w * rows.judge_l)
    inner = square - 2.0 * mean[at] * total + rows.weight_l * rows.n_l * mean[at] ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.maximum(group_sum(at, inner, n.size), 0.0) / n**2 * k / (k - 1.0)
    return np.where(parts.usable, found, np.nan)


def _scale(stratum: IntArray, n: FloatArray, total: FloatArray) -> FloatArray:
    """Return `sqrt(m / (m - 1)) / total` of each stratum, with m the effective number of its items; where
    there is one item, 1 / total."""
    safe = np.where(total > 0, total, 1.0)
    left = 1.0 - group_sum(stratum, n * n, total.size) / (safe * safe)
    several = left > 1e-9
    return np.where(several, 1.0 / np.sqrt(np.where(several, left, 1.0)), 1.0) / safe


def _tuned(rows: _Rows, parts: _Parts, groups: IntArray) -> FloatArray:
    """Return the weight of every group: that of the smallest variance of the mean of its strata."""
    n_groups, span = int(groups.max(initial=-1)) + 1, int(rows.item.max(initial=0)) + 1
    found, place = compact(groups[rows.stratum] * span + rows.item, n_groups * span)
    rated = place[rows.here]
    entering = parts.others[rows.stratum[rows.here]]
    a = group_sum(rated, np.where(entering, parts.human, 0.0), found.size)
    b = group_sum(place, parts.judge_u, found.size) + group_sum(rated, parts.judge_l, found.size)
    of_group = found // span
    spread, together = group_sum(of_group, b * b, n_groups), group_sum(of_group, a * b, n_groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 1e-24, np.clip(-together / spread, 0.0, 1.0), 0.0)


def _products(stratum: IntArray, item: IntArray, values: FloatArray, size: int) -> FloatArray:
    """Return sums over items of products of the values of two strata, block by block of items."""
    total = np.zeros((size, size))
    width = max(1, MAX_BLOCK // max(size, 1))
    slice_width = max(16, SMALL_PRODUCT // max(size * size, 1))
    span = int(item.max(initial=-1)) + 1
    if span > width:
        order = np.argsort(item, kind="stable")
        stratum, item, values = stratum[order], item[order], values[order]
    for start in range(0, span, width):
        first, last = (
            (0, item.size) if span <= width else np.searchsorted(item, (start, start + width)).tolist()
        )
        block = np.zeros((size, min(width, span - start)))
        block[stratum[first:last], item[first:last] - start] = values[first:last]
        turned = np.ascontiguousarray(block.T)
        for at in range(0, block.shape[1], slice_width):
            total += block[:, at : at + slice_width] @ turned[at : at + slice_width]
    return total
