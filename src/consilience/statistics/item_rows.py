"""Item tables checked and brought to the scale [0, 1]: per row the scored attempts of one item in one cell.

Invariants: rows without a score are left out; every sum is finite and lies within the bounds of the scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from consilience.statistics.estimate import ArrayLike, BoolArray, FloatArray, IntArray

Bounds = tuple[float, float]
UNIT: Bounds = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class ItemRows:
    """Item rows with at least one score, rescaled to [0, 1] where the scale has bounds."""

    cell: IntArray
    part: IntArray
    item: IntArray
    count: FloatArray
    mean: FloatArray
    within: FloatArray
    """Variance of the attempts of the row's item; NaN where there is one attempt."""
    binary: BoolArray
    """Per cell: whether all scores are 0 or 1 on the rescaled scale."""


def group_sum(index: IntArray, weights: FloatArray | None, size: int) -> FloatArray:
    """Return the sum of weights (None: the number) per index, shape (size,)."""
    return np.bincount(index, weights=weights, minlength=size).astype(np.float64)


def _codes(values: ArrayLike, length: int, name: str) -> IntArray:
    array = np.asarray(values)
    if array.shape != (length,):
        raise ValueError(f"{name} has shape {array.shape}, expected ({length},)")
    if array.size and (not np.issubdtype(array.dtype, np.integer) or array.min() < 0):
        raise ValueError(f"{name} must hold integers from 0 on")
    return array.astype(np.int64, copy=False)


def item_rows(
    cell: ArrayLike, part: ArrayLike | None, item: ArrayLike | None, sums: ArrayLike, counts: ArrayLike,
    squares: ArrayLike | None, n_cells: int, bounds: Bounds | None,
) -> ItemRows:  # fmt: skip
    """Return the scored rows; arguments as `cells.estimate_averages`, raising ValueError where they do not
    fit."""
    s = np.asarray(sums, dtype=np.float64)
    n = np.asarray(counts, dtype=np.float64)
    q = s if squares is None else np.asarray(squares, dtype=np.float64)
    if not (s.ndim == 1 and s.shape == n.shape == q.shape):
        raise ValueError(
            f"sums, counts and squares need one shape (rows,), not {s.shape}, {n.shape}, {q.shape}"
        )
    index = _codes(cell, s.size, "cell index")
    if index.size and index.max() >= n_cells:
        raise ValueError(f"cell index reaches {index.max()}, but there are {n_cells} cells")
    zeros = np.zeros(s.size, dtype=np.int64)
    parts = zeros if part is None else _codes(part, s.size, "part index")
    items = zeros if item is None else _codes(item, s.size, "item index")
    keep = n > 0
    if not keep.all():
        index, parts, items, s, n, q = index[keep], parts[keep], items[keep], s[keep], n[keep], q[keep]
    if not (np.isfinite(s).all() and np.isfinite(q).all() and np.isfinite(n).all()):
        raise ValueError("sums, counts and squares of scored rows must be finite")
    if bounds is not None:
        s, q = _rescale(s, n, q, bounds)
    mean = s / n
    with np.errstate(divide="ignore", invalid="ignore"):
        within = np.where(n > 1, np.maximum(q - s * mean, 0.0) / (n - 1.0), np.nan)
    within[within < 1e-12 * np.maximum(q / n, 1e-300)] = 0.0
    fractional = np.abs(q - s) > 1e-9 * n
    binary = np.ones(n_cells, dtype=np.bool_)
    binary[index[fractional]] = False
    return ItemRows(index, parts, items, n, mean, within, binary)


def _rescale(s: FloatArray, n: FloatArray, q: FloatArray, bounds: Bounds) -> tuple[FloatArray, FloatArray]:
    low, high = float(bounds[0]), float(bounds[1])
    if not low < high:
        raise ValueError(f"bounds must be (low, high) with low < high, not {bounds!r}")
    if (low, high) != UNIT:
        width = high - low
        s, q = (s - n * low) / width, (q - 2.0 * low * s + n * low * low) / width**2
    slack = 1e-9 * n
    if np.any(s < -slack) or np.any(s > n + slack) or np.any(q > s + slack):
        raise ValueError(f"scores lie outside the bounds {bounds!r}; give the scale's bounds, or None")
    return np.clip(s, 0.0, n), q
