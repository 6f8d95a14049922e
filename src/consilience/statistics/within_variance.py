"""Variance within laboratories: of attempts, or of items where nothing was repeated.

Invariants: a laboratory without degrees of freedom gives no variance for any; degrees of freedom are never
more than those of attempts that spread alike on all items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from consilience.statistics.estimate import FloatArray
from consilience.statistics.laboratory_effects import LaboratoryEffects, LaboratoryRows

ROUNDING = 1e-12
"""Squares around a mean below this part of those around 0 are rounding."""


@dataclass(frozen=True, slots=True)
class WithinVariance:
    """Per laboratory: variance and degrees of freedom; pooled, its basis, and the mean of 1 / attempts.

    `effective_df` are Satterthwaite's: fewer than `df` where some items spread far more than others.
    """

    variance: FloatArray
    df: FloatArray
    effective_df: FloatArray
    pooled: float
    basis: str
    inverse_attempts: float


def within_variance(rows: LaboratoryRows, effects: LaboratoryEffects) -> WithinVariance | None:
    """Return the variance within each laboratory; None where one of them has no degrees of freedom.

    Args:
        rows: Rows of items that laboratories share.
        effects: Of the same rows.
    """
    code = np.searchsorted(effects.present, rows.laboratory)
    size = effects.present.size
    freedom, basis = rows.count - 1.0, "attempts"
    squares = np.where(rows.within > ROUNDING * rows.count * rows.mean**2, rows.within, 0.0)
    df = np.bincount(code, weights=freedom, minlength=size)
    if not (df > 0.0).all():
        basis, squares = "items", effects.residual**2
        freedom = np.full(code.size, effects.residual_df / rows.mean.size)
        df = np.bincount(code, weights=freedom, minlength=size)
    if not (df > 0.0).all():
        return None
    variance = np.bincount(code, weights=squares, minlength=size) / df
    expected = variance[code]
    expected *= freedom
    squares -= expected
    del expected, freedom
    place = rows.item * size + code
    per_item = np.bincount(place, weights=squares, minlength=(int(rows.item.max()) + 1) * size)
    error = (per_item.reshape(-1, size) ** 2).sum(axis=0) / df**2
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = np.where(error > 0.0, 2.0 * variance**2 / error, df)
    pooled = float((variance * df).sum() / df.sum())
    return WithinVariance(
        np.asarray(variance, dtype=np.float64), np.asarray(df, dtype=np.float64),
        np.asarray(np.clip(effective, 1.0, np.maximum(df, 1.0)), dtype=np.float64),
        pooled, basis, float(np.mean(1.0 / rows.count)),
    )  # fmt: skip
