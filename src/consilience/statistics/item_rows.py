"""Item tables checked and brought to the scale [0, 1]: per row the scored attempts of one item in one cell,
with its weight in the mean of the cell, and sums over items.

Invariants: rows without a score are left out; every sum is finite and lies within the bounds of the scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from consilience.statistics.estimate import ArrayLike, BoolArray, FloatArray, IntArray

Bounds = tuple[float, float]
UNIT: Bounds = (0.0, 1.0)
DENSE = 4
"""Codes are counted rather than sorted where they lie below this many times their number."""


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """What the scores of rows are, on [0, 1] where the scale has bounds; the same in whatever cell they
    stand."""

    kept: BoolArray | None
    """Which of the given rows have a score; None: all."""
    size: int
    """How many rows were given."""
    count: FloatArray
    mean: FloatArray
    within: FloatArray
    """Variance of the attempts of the row's item; NaN where there is one attempt."""
    fractional: BoolArray
    """Whether a score of the row is neither 0 nor 1."""


@dataclass(frozen=True, slots=True)
class ItemRows:
    """Item rows with at least one score, rescaled to [0, 1] where the scale has bounds."""

    cell: IntArray
    part: IntArray | None
    """None: one part in each cell."""
    item: IntArray | None
    """None: every row is an item of its own."""
    count: FloatArray
    mean: FloatArray
    within: FloatArray
    """See `ScoredRows`."""
    binary: BoolArray
    """Per cell: whether all scores are 0 or 1 on the rescaled scale."""


def group_sum(index: IntArray, weights: FloatArray | BoolArray | None, size: int) -> FloatArray:
    """Return the sum of weights (None: the number) per index, shape (size,)."""
    return np.bincount(index, weights=weights, minlength=size).astype(np.float64, copy=False)


def _codes(values: ArrayLike, length: int, name: str) -> IntArray:
    array = np.asarray(values)
    if array.shape != (length,):
        raise ValueError(f"{name} has shape {array.shape}, expected ({length},)")
    if array.size and (not np.issubdtype(array.dtype, np.integer) or array.min() < 0):
        raise ValueError(f"{name} must hold integers from 0 on")
    return array.astype(np.int64, copy=False)


def scored_rows(
    sums: ArrayLike, counts: ArrayLike, squares: ArrayLike | None, bounds: Bounds | None
) -> ScoredRows:
    """Return what the rows with a score hold; arguments as `cells.estimate_averages`, raising ValueError
    where they do not fit."""
    s = np.asarray(sums, dtype=np.float64)
    n = np.asarray(counts, dtype=np.float64)
    q = s if squares is None else np.asarray(squares, dtype=np.float64)
    if not (s.ndim == 1 and s.shape == n.shape == q.shape):
        raise ValueError(
            f"sums, counts and squares need one shape (rows,), not {s.shape}, {n.shape}, {q.shape}"
        )
    size, kept = s.size, n > 0
    every = bool(kept.all())
    if not every:
        s, n, q = s[kept], n[kept], q[kept]
    if not (np.isfinite(s).all() and np.isfinite(q).all() and np.isfinite(n).all()):
        raise ValueError("sums, counts and squares of scored rows must be finite")
    if bounds is not None:
        s, q = _rescale(s, n, q, bounds)
    mean = s / n
    with np.errstate(divide="ignore", invalid="ignore"):
        within = np.where(n > 1, np.maximum(q - s * mean, 0.0) / (n - 1.0), np.nan)
    within[within < 1e-12 * np.maximum(q / n, 1e-300)] = 0.0
    return ScoredRows(None if every else kept, size, n, mean, within, np.abs(q - s) > 1e-9 * n)


def placed_rows(
    scored: ScoredRows, cell: ArrayLike, part: ArrayLike | None, item: ArrayLike | None, n_cells: int
) -> ItemRows:
    """Return scored rows in their cells, parts and items; codes have the shape of the rows that were given
    to `scored_rows`."""
    index = _codes(cell, scored.size, "cell index")
    if index.size and index.max() >= n_cells:
        raise ValueError(f"cell index reaches {index.max()}, but there are {n_cells} cells")
    parts = None if part is None else _codes(part, scored.size, "part index")
    items = None if item is None else _codes(item, scored.size, "item index")
    if scored.kept is not None:
        index = index[scored.kept]
        parts = None if parts is None else parts[scored.kept]
        items = None if items is None else items[scored.kept]
    binary = np.ones(n_cells, dtype=np.bool_)
    binary[index[scored.fractional]] = False
    return ItemRows(index, parts, items, scored.count, scored.mean, scored.within, binary)


def _rescale(s: FloatArray, n: FloatArray, q: FloatArray, bounds: Bounds) -> tuple[FloatArray, FloatArray]:
    low, high = float(bounds[0]), float(bounds[1])
    if not low < high:
        raise ValueError(f"bounds must be (low, high) with low < high, not {bounds!r}")
    if (low, high) != UNIT:
        width = high - low
        s, q = (s - n * low) / width, (q - 2.0 * low * s + n * low * low) / width**2
    slack = 1e-9 * n
    if np.any(s < -slack) or np.any(np.maximum(s - n, q - s) > slack):
        raise ValueError(f"scores lie outside the bounds {bounds!r}; give the scale's bounds, or None")
    return np.clip(s, 0.0, n), q


@dataclass(frozen=True, slots=True)
class Weights:
    """How rows enter the mean of their cell: every part the same, every item within a part the same."""

    row: FloatArray
    """Weight per row; the weights of a cell add to 1."""
    residual: FloatArray
    """Row's mean minus the mean of its part."""
    value: FloatArray
    """Per cell; NaN where there are no scores."""
    several: bool
    """Whether a cell may have more than one part, so that its items may stand in several rows."""


def row_weights(rows: ItemRows, n_cells: int) -> Weights:
    """Return the weights of rows in their cells."""
    n_parts = int(rows.part.max()) + 1 if rows.part is not None and rows.part.size else 1
    block = rows.cell if rows.part is None or n_parts == 1 else rows.cell * n_parts + rows.part
    size = group_sum(block, None, n_cells * n_parts)
    total = group_sum(block, rows.mean, n_cells * n_parts)
    parts = (size.reshape(n_cells, n_parts) > 0).sum(axis=1).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        block_mean = total / size
        value = np.nansum(block_mean.reshape(n_cells, n_parts), axis=1) / parts
        block_weight = 1.0 / (size * np.repeat(parts, n_parts))
    return Weights(
        block_weight[block], rows.mean - block_mean[block], np.where(parts > 0, value, np.nan), n_parts > 1
    )


@dataclass(frozen=True, slots=True)
class ItemSums:
    """Sums over the items of each cell."""

    n: FloatArray
    influence2: FloatArray
    """Sum of squared influences."""
    influence4: FloatArray
    weight2: FloatArray
    """Sum of squared weights."""
    above: FloatArray
    """Items with a mean above 0 (on the scale [0, 1])."""
    below: FloatArray
    """Items with a mean below 1."""


def sums_by_item(rows: ItemRows, weights: Weights, n_cells: int) -> ItemSums:
    """Return sums over items, the rows of an item in several parts of a cell taken together."""
    u, w, total = weights.row * weights.residual, weights.row, weights.row * rows.mean
    cell = rows.cell
    if weights.several and rows.item is not None:
        span = int(rows.item.max()) + 1
        found, place = compact(cell * span + rows.item, n_cells * span)
        cell = found // span
        u, w, total = (group_sum(place, x, found.size) for x in (u, w, total))
    above = group_sum(cell, total > 1e-12 * w, n_cells)
    below = group_sum(cell, total < (1.0 - 1e-12) * w, n_cells)
    del total
    weight2 = group_sum(cell, w * w, n_cells)
    u *= u
    influence2 = group_sum(cell, u, n_cells)
    u *= u
    return ItemSums(
        group_sum(cell, None, n_cells), influence2, group_sum(cell, u, n_cells), weight2, above, below
    )


def compact(codes: IntArray, span: int) -> tuple[IntArray, IntArray]:
    """Return the different codes in order, and the place of each code among them.

    Where `span` (all codes lie below it) is not much larger than the number of codes they are counted, not
    sorted.
    """
    if span > DENSE * codes.size:
        found, place = np.unique(codes, return_inverse=True)
        return found, place.ravel()
    present = np.zeros(span, dtype=np.bool_)
    present[codes] = True
    found = np.flatnonzero(present)
    if found.size == span:
        return found, codes
    return found, (np.cumsum(present) - 1)[codes]
