"""Effects of laboratories from differences within the items that they share, with errors clustered by item.

Additive model laboratory + item (× language) by least squares on item means. Items' own variance drops out.
The covariance of the effects comes from how the differences vary over items, so that laboratories may differ
in their noise, and the translations of an item count as one cluster. Languages are fixed: a laboratory's own
language profile is no noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from consilience.statistics.estimate import ArrayLike, BoolArray, FloatArray, IntArray, finite
from consilience.statistics.item_rows import compact


@dataclass(frozen=True, slots=True)
class LaboratoryRows:
    """Scored rows; `unit` is item × part."""

    laboratory: IntArray
    unit: IntArray
    item: IntArray
    part: IntArray
    mean: FloatArray
    count: FloatArray
    within: FloatArray
    """Sum of squares of the attempts around the row's mean."""
    n_units: int


def laboratory_rows(
    laboratory: ArrayLike, item: ArrayLike, part: ArrayLike | None, sums: ArrayLike, counts: ArrayLike,
    squares: ArrayLike | None, n_laboratories: int,
) -> LaboratoryRows:  # fmt: skip
    """Return scored rows with codes of units (item × part); arguments as
    `interlaboratory.between_laboratories`."""
    s, n = np.asarray(sums, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    q = s if squares is None else np.asarray(squares, dtype=np.float64)
    parts = np.zeros(s.shape, dtype=np.int64) if part is None else np.asarray(part)
    arrays = [np.asarray(laboratory), np.asarray(item), parts, s, n, q]
    if s.ndim != 1 or any(array.shape != s.shape for array in arrays):
        raise ValueError("laboratory, item, part, sums, counts and squares need one shape (rows,)")
    scored = n > 0
    keep: slice | BoolArray = slice(None) if scored.all() else scored
    codes, items, kept_parts = (array[keep].astype(np.int64) for array in arrays[:3])
    s, n, q = s[keep], n[keep], q[keep]
    del arrays, parts
    if codes.size and not 0 <= codes.min() <= codes.max() < n_laboratories:
        raise ValueError(f"laboratory codes must lie in [0, {n_laboratories})")
    item_codes, n_items = _ranked(items)
    part_codes, n_parts = _ranked(kept_parts)
    del items, kept_parts
    units, unit = compact(item_codes * n_parts + part_codes, n_items * n_parts)
    return LaboratoryRows(
        codes, unit, item_codes, part_codes, s / n, n, np.maximum(q - s * s / n, 0.0), units.size
    )


def _ranked(codes: IntArray) -> tuple[IntArray, int]:
    """Return codes counted from 0 without gaps, in their order, and how many there are."""
    low = int(codes.min(initial=0))
    found, place = compact(codes - low, int(codes.max(initial=0)) - low + 1)
    return place, found.size


def shared_rows(rows: LaboratoryRows) -> LaboratoryRows:
    """Return the rows of units that at least two laboratories scored."""
    keep = (np.bincount(rows.unit, minlength=rows.n_units) > 1)[rows.unit]
    if keep.all():
        return rows
    unit, n_units = _ranked(rows.unit[keep])
    item, _ = _ranked(rows.item[keep])
    return LaboratoryRows(
        rows.laboratory[keep], unit, item, rows.part[keep], rows.mean[keep], rows.count[keep],
        rows.within[keep],
        n_units,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class LaboratoryEffects:
    """Effects of the laboratories that share items, summing to 0, with their covariance clustered by item."""

    present: IntArray
    effect: FloatArray
    covariance: FloatArray
    residual: FloatArray
    residual_df: float
    n_items: int

    def pairwise(self) -> FloatArray:
        """Variance of the difference of every two effects."""
        diagonal = np.diag(self.covariance)
        return np.asarray(diagonal[:, None] + diagonal[None, :] - 2.0 * self.covariance, dtype=np.float64)

    def own(self) -> FloatArray:
        """Variances v_l such that v_l + v_m is the variance of a difference (quasi-variances, Firth & de
        Menezes 2004)."""
        pairwise = self.pairwise()
        size = self.effect.size
        sums = pairwise.sum(axis=1)
        if size == 2:
            return np.asarray(sums / 2.0, dtype=np.float64)
        total = float(sums.sum()) / (2.0 * (size - 1.0))
        own = (sums - total) / (size - 2.0)
        return np.asarray(own if (own > 0.0).all() else np.full(size, total / size), dtype=np.float64)


def _centred(values: FloatArray, index: IntArray) -> FloatArray:
    counts = np.bincount(index)
    means = np.bincount(index, weights=values) / np.maximum(counts, 1)
    return np.asarray(values - means[index], dtype=np.float64)


def laboratory_effects(rows: LaboratoryRows) -> LaboratoryEffects | None:
    """Least squares of laboratory + unit on row means; None where the laboratories are not linked by shared
    items."""
    present, code = compact(rows.laboratory, int(rows.laboratory.max(initial=-1)) + 1)
    size = present.size
    if size < 2:
        return None
    incidence = np.zeros((rows.n_units, size))
    incidence[rows.unit, code] = 1.0
    scaled = incidence / np.sqrt(incidence.sum(axis=1))[:, None]
    information = np.diag(incidence.sum(axis=0)) - scaled.T @ scaled
    del incidence, scaled
    if np.linalg.matrix_rank(information, tol=1e-9 * rows.n_units) < size - 1:
        return None
    inverse = np.linalg.pinv(information, rcond=1e-11, hermitian=True)
    effect = inverse @ np.bincount(code, weights=_centred(rows.mean, rows.unit), minlength=size)
    n_parts = int(rows.part.max()) + 1
    residual = _centred(_centred(rows.mean - effect[code], rows.unit), code * n_parts + rows.part)
    n_items = int(rows.item.max()) + 1
    scores = np.bincount(rows.item * size + code, weights=residual, minlength=n_items * size).reshape(
        n_items, size
    )
    influence = scores @ inverse
    covariance = n_items / max(n_items - 1.0, 1.0) * influence.T @ influence
    blocks = compact(code * n_parts + rows.part, size * n_parts)[0].size
    df = rows.mean.size - rows.n_units - blocks + compact(rows.part, n_parts)[0].size
    return LaboratoryEffects(
        present.astype(np.int64),
        np.asarray(effect, dtype=np.float64),
        np.asarray(covariance, dtype=np.float64),
        residual,
        float(df),
        n_items,
    )


def homogeneity(effects: LaboratoryEffects) -> float | None:
    """Hotelling's test that all laboratories have one mean, from differences within items (Hotelling
    1931)."""
    size, n = effects.effect.size, effects.n_items
    df2 = n - size + 1.0
    if df2 < 1.0 or np.linalg.matrix_rank(effects.covariance, tol=1e-14) < size - 1:
        return None
    inverse = np.linalg.pinv(effects.covariance, rcond=1e-10, hermitian=True)
    t2 = float(effects.effect @ inverse @ effects.effect)
    return finite(special.fdtrc(size - 1.0, df2, t2 * df2 / ((n - 1.0) * (size - 1.0))))
