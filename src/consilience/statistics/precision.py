"""Repeatability and reproducibility of one measured level, and the tests for odd laboratories (ISO 5725-2).

For laboratories that each have their own replicates of one result. Where laboratories ask the same items, use
`interlaboratory`, which pairs by item.

Invariants: a negative between-laboratory variance is given as it is before it is set to 0; order does not
matter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from consilience.statistics.estimate import ArrayLike, FloatArray, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """Standard deviations of a level; None where the design does not tell them."""

    mean: float | None
    repeatability_sd: float | None
    between_sd: float | None
    between_variance_raw: float | None
    reproducibility_sd: float | None
    n_laboratories: int
    reason: Reason | None


def precision(means: ArrayLike, variances: ArrayLike, counts: ArrayLike) -> Precision:
    """Return repeatability and reproducibility for unequal numbers of replicates (ISO 5725-2:1994, 7.4.5).

    `sr2 = sum (n_i - 1) s_i^2 / sum (n_i - 1)`, `sd2 = sum n_i (m_i - m)^2 / (p - 1)`,
    `n' = (sum n_i - sum n_i^2 / sum n_i) / (p - 1)`, `sL2 = (sd2 - sr2) / n'`, `sR2 = sr2 + max(sL2, 0)`.

    Args:
        means: Mean of each laboratory, shape (laboratories,).
        variances: Variance of its replicates; ignored where it has one.
        counts: Number of its replicates; laboratories with 0 are left out.

    Raises:
        ValueError: If shapes differ.
    """
    m, v, n = (np.asarray(x, dtype=np.float64) for x in (means, variances, counts))
    if not (m.ndim == 1 and m.shape == v.shape == n.shape):
        raise ValueError(f"means, variances and counts need one shape, not {m.shape}, {v.shape}, {n.shape}")
    keep = n > 0
    m, v, n = m[keep], np.where(n[keep] > 1, v[keep], 0.0), n[keep]
    p, total = m.size, float(n.sum())
    if p == 0:
        return Precision(
            mean=None, repeatability_sd=None, between_sd=None, between_variance_raw=None,
            reproducibility_sd=None,
            n_laboratories=0, reason=Reason.NO_SCORES,
        )  # fmt: skip
    mean = float((n * m).sum() / total)
    within_df = float((n - 1.0).sum())
    within = float(((n - 1.0) * v).sum()) / within_df if within_df > 0 else None
    reason = Reason.ONE_ATTEMPT_PER_ITEM if within is None else Reason.ONE_LABORATORY if p < 2 else None
    if within is None or p < 2:
        return Precision(
            mean=mean, repeatability_sd=None if within is None else math.sqrt(within), between_sd=None,
            between_variance_raw=None, reproducibility_sd=None, n_laboratories=p, reason=reason,
        )  # fmt: skip
    spread = float((n * (m - mean) ** 2).sum()) / (p - 1.0)
    size = (total - float((n**2).sum()) / total) / (p - 1.0)
    raw = (spread - within) / size
    between = max(raw, 0.0)
    return Precision(
        mean=mean, repeatability_sd=math.sqrt(within), between_sd=math.sqrt(between),
        between_variance_raw=raw,
        reproducibility_sd=math.sqrt(within + between), n_laboratories=p, reason=None,
    )  # fmt: skip


def mandel_h(means: ArrayLike) -> FloatArray | None:
    """Return Mandel's h of each laboratory, `(m_i - m) / sd` (ISO 5725-2:1994, 7.3.1).

    None for fewer than 3 laboratories or where all means are equal.
    """
    m = np.asarray(means, dtype=np.float64)
    if m.size < 3:
        return None
    deviation = m - m.mean()
    spread = float(np.sqrt((deviation**2).sum() / (m.size - 1.0)))
    if not spread > 1e-12 * max(1.0, float(np.abs(m).max())):
        return None
    return np.asarray(deviation / spread, dtype=np.float64)


def mandel_k(variances: ArrayLike, weights: ArrayLike | None = None) -> FloatArray | None:
    """Return Mandel's k of each laboratory, `s_i / sr` (ISO 5725-2:1994, 7.3.1).

    Args:
        variances: Variance of each laboratory's replicates.
        weights: Degrees of freedom of the variances; None: equal.

    Returns:
        k of each laboratory, or None for fewer than 2 laboratories or where no replicate differs.
    """
    v = np.asarray(variances, dtype=np.float64)
    if v.size < 2:
        return None
    pooled = float(np.average(v, weights=None if weights is None else np.asarray(weights, dtype=np.float64)))
    return np.sqrt(v / pooled) if pooled > 0.0 else None


def mandel_h_critical(n_laboratories: int, alpha: float = 0.01) -> float:
    """Return the critical value of |h|, `(p - 1) t / sqrt(p (t^2 + p - 2))` with t of p - 2 df (ISO 5725-2,
    table 6)."""
    p = n_laboratories
    if p < 3:
        raise ValueError("Mandel's h needs at least 3 laboratories")
    t = float(special.stdtrit(p - 2.0, 1.0 - alpha / 2.0))
    return (p - 1.0) * t / math.sqrt(p * (t * t + p - 2.0))


def mandel_k_critical(n_laboratories: int, df: float, alpha: float = 0.01) -> float:
    """Return the critical value of k, `sqrt(p F / (F + p - 1))` with F of df and (p - 1) df (ISO 5725-2,
    table 7).

    Args:
        n_laboratories: Number of laboratories p.
        df: Degrees of freedom of one laboratory's variance (replicates - 1).
        alpha: Significance level of the one laboratory.
    """
    p = n_laboratories
    f = float(special.fdtri(df, (p - 1.0) * df, 1.0 - alpha))
    return math.sqrt(p * f / (f + p - 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierTest:
    """A test for the most extreme laboratory: its position, the statistic and the critical values."""

    position: int
    statistic: float
    critical_5: float
    critical_1: float
    method: str

    @property
    def verdict(self) -> str:
        """`outlier` beyond the 1 % value, `straggler` beyond the 5 % value, else `correct` (ISO 5725-2,
        7.3.2.1)."""
        if self.statistic > self.critical_1:
            return "outlier"
        return "straggler" if self.statistic > self.critical_5 else "correct"


def _largest_share(df: FloatArray, position: int, alpha: float) -> float:
    """Critical value of one laboratory's share of all squares: a beta quantile, by Bonferroni over all."""
    rest = float(df.sum() - df[position])
    f = float(special.fdtri(df[position], rest, 1.0 - alpha / df.size))
    return 1.0 / (1.0 + rest / (float(df[position]) * f))


def cochran_test(variances: ArrayLike, df: ArrayLike) -> OutlierTest | None:
    """Test the largest within-laboratory variance (Cochran 1941; ISO 5725-2:1994, 7.3.3).

    The statistic is the laboratory's share of all squares, `df_i s_i^2 / sum df_j s_j^2`; with equal degrees
    of freedom that is Cochran's C. With unequal ones the laboratory whose share is least likely is tested
    ('t Lam 2010, Anal. Chim. Acta 659:68-84).

    Args:
        variances: Variance of each laboratory, shape (laboratories,).
        df: Degrees of freedom of each, above 0; one number where they are the same for all.

    Returns:
        The test, or None for fewer than 2 laboratories or where all variances are 0.
    """
    v = np.asarray(variances, dtype=np.float64)
    freedom = np.broadcast_to(np.asarray(df, dtype=np.float64), v.shape)
    squares = freedom * v
    total = float(squares.sum())
    if v.size < 2 or not total > 0.0 or not (freedom > 0.0).all():
        return None
    shares = squares / total
    rest = freedom.sum() - freedom
    tail = special.betaincc(freedom / 2.0, rest / 2.0, shares)
    least = np.flatnonzero(tail <= tail.min())
    position = int(least[np.argmax(shares[least])])
    return OutlierTest(
        position=position, statistic=float(shares[position]),
        critical_5=_largest_share(freedom, position, 0.05),
        critical_1=_largest_share(freedom, position, 0.01), method="cochran",
    )  # fmt: skip


def _grubbs_critical(p: int, alpha: float) -> float:
    t = float(special.stdtrit(p - 2.0, 1.0 - alpha / (2.0 * p)))
    return (p - 1.0) / math.sqrt(p) * math.sqrt(t * t / (p - 2.0 + t * t))


def grubbs_test(means: ArrayLike) -> OutlierTest | None:
    """Test the laboratory mean farthest from the others, two-sided (Grubbs 1969; ISO 5725-2:1994, 7.3.4).

    Returns:
        The test, or None for fewer than 3 laboratories or where all means are equal.
    """
    h = mandel_h(means)
    if h is None:
        return None
    position = int(np.argmax(np.abs(h)))
    return OutlierTest(
        position=position, statistic=float(abs(h[position])), critical_5=_grubbs_critical(h.size, 0.05),
        critical_1=_grubbs_critical(h.size, 0.01), method="grubbs",
    )  # fmt: skip
