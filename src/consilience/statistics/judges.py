"""A judge held against humans, and a rate corrected for its sensitivity and specificity (Rogan-Gladen).

The correction that needs no constant sensitivity and specificity, prediction-powered inference, is in
`prediction`.

Invariants: a rate without enough human ratings is not corrected: the value is None with a reason, and
`need` says how many would do. Rows that share an item are one cluster. No disagreement in the sample
is not read as none at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from consilience.statistics.contrasts import paired_difference
from consilience.statistics.estimate import (
    ArrayLike,
    BoolArray,
    Estimate,
    FloatArray,
    IntArray,
    Interval,
    Reason,
    check_level,
    empty,
    positive,
)
from consilience.statistics.human_ratings import HumanNeed, ratings_needed
from consilience.statistics.intervals import choose_rate_interval, effective_interval, normal_quantile

MIN_PER_CLASS = 5
"""Fewer human positives, or negatives, do not estimate sensitivity, or specificity, for Rogan-Gladen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeAccuracy:
    """A judge against the human ratings of the same rows.

    `bias` is the mean of judge minus human. Sensitivity is the share of human positives that the judge calls
    positive, specificity the share of human negatives that it calls negative.
    """

    sensitivity: Estimate
    specificity: Estimate
    agreement: Estimate
    bias: Estimate
    n_shared: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A rate or difference corrected for the judge's errors.

    `need` tells how many human ratings would bring the half width of the interval to `wanted`. `clipped`: the
    corrected value lay outside the scale.
    """

    estimate: Estimate
    raw: float | None
    weight: float | None
    clipped: bool
    n_human: int
    n_judge: int
    need: HumanNeed

    @property
    def human_needed(self) -> int | None:
        """Human ratings that would do; None: no number would, or it is not known (see `need`)."""
        return self.need.ratings


def _codes(clusters: ArrayLike | None, keep: BoolArray, size: int) -> IntArray:
    if clusters is None:
        return np.arange(int(keep.sum()), dtype=np.int64)
    labels = np.asarray(clusters)
    if labels.shape != (size,):
        raise ValueError(f"clusters need the shape ({size},), not {labels.shape}")
    return np.unique(labels[keep], return_inverse=True)[1].ravel().astype(np.int64)


def _share(hits: FloatArray, of: FloatArray, cluster: IntArray, level: float, reason: Reason) -> Estimate:
    """Return the share `sum(hits) / sum(of)` with clusters (ratio estimator, Cochran 1977, ch. 6)."""
    total = float(of.sum())
    if total <= 0:
        return empty(reason, "clustered_share")
    numerator, denominator = np.bincount(cluster, weights=hits), np.bincount(cluster, weights=of)
    used = denominator > 0
    c = int(used.sum())
    value = float(hits.sum()) / total
    if c < 2:
        return Estimate(
            value=value, interval=None, standard_error=None, n_items=c, n_scores=int(total),
            method="clustered_share",
            reason=Reason.ONE_CLUSTER if total > 1 else Reason.ONE_ITEM,
        )  # fmt: skip
    variance = c / (c - 1.0) * float(np.sum((numerator - value * denominator) ** 2)) / total**2
    variance = 0.0 if variance < 1e-24 else variance
    floor = total**2 / float(np.sum(denominator**2))
    if c == total:
        interval = choose_rate_interval(round(value * c), c, level=level)
    else:
        interval = effective_interval(value, variance, c - 1.0, floor, total, level=level)
    return Estimate(
        value=value, interval=interval, standard_error=positive(math.sqrt(variance)), n_items=c,
        n_scores=int(total), method=interval.method, df=c - 1.0,
    )  # fmt: skip


def judge_accuracy(
    judge: ArrayLike, human: ArrayLike, clusters: ArrayLike | None = None, *, level: float = 0.95
) -> JudgeAccuracy:
    """Return sensitivity, specificity, agreement and bias of a binary judge against binary human ratings.

    Args:
        judge: Scores 0 or 1, shape (rows,), NaN where missing. Only rows that both rated enter.
        human: Scores 0 or 1 of the same rows.
        clusters: Labels of rows that share an item, shape (rows,).
        level: Confidence level.

    Raises:
        ValueError: If shapes differ or a score is not 0 or 1.
    """
    check_level(level)
    f, y = np.asarray(judge, dtype=np.float64), np.asarray(human, dtype=np.float64)
    if f.ndim != 1 or f.shape != y.shape:
        raise ValueError(f"judge and human need one shape (rows,), not {f.shape} and {y.shape}")
    keep = np.isfinite(f) & np.isfinite(y)
    cluster = _codes(clusters, keep, f.size)
    f, y = f[keep], y[keep]
    if not (np.isin(f, (0.0, 1.0)).all() and np.isin(y, (0.0, 1.0)).all()):
        raise ValueError(
            "judge and human scores must be 0 or 1; cut other scales at the protocol's threshold first"
        )
    labels = None if clusters is None or np.unique(cluster).size == cluster.size else cluster
    bias = paired_difference(
        f, y, single_binary=labels is None, clusters=labels, n_scores=f.size, level=level
    )
    return JudgeAccuracy(
        sensitivity=_share(f * y, y, cluster, level, Reason.NO_POSITIVES),
        specificity=_share((1.0 - f) * (1.0 - y), 1.0 - y, cluster, level, Reason.NO_NEGATIVES),
        agreement=_share(
            (f == y).astype(np.float64), np.ones(f.size), cluster, level, Reason.NO_HUMAN_RATINGS
        ),
        bias=bias.difference,
        n_shared=int(f.size),
    )


def _trials(estimate: Estimate) -> tuple[float, float]:
    """Return the rate and the number of independent trials that it is worth."""
    rate = float(estimate.value or 0.0)
    if estimate.standard_error is None or not 0.0 < rate < 1.0:
        return rate, float(max(estimate.n_items, 1))
    size = rate * (1.0 - rate) / estimate.standard_error**2
    return rate, float(min(max(size, 1.0), max(estimate.n_scores, 1)))


def _refused(accuracy: JudgeAccuracy, raw: Estimate) -> Reason | None:
    if raw.value is None:
        return Reason.NO_SCORES
    if accuracy.n_shared == 0:
        return Reason.NO_HUMAN_RATINGS
    for share, reason in (
        (accuracy.sensitivity, Reason.NO_POSITIVES),
        (accuracy.specificity, Reason.NO_NEGATIVES),
    ):
        if share.value is None:
            return reason
        if share.n_items < MIN_PER_CLASS:
            return Reason.TOO_FEW_HUMAN_RATINGS
    return None


def rogan_gladen(
    raw: Estimate, accuracy: JudgeAccuracy, *, level: float = 0.95, wanted: float = 0.05
) -> Corrected:
    """Correct a rate for sensitivity and specificity: `(q + Sp - 1) / (Se + Sp - 1)` (Rogan & Gladen 1978;
    Lang & Reiczigel 2014, eq. 2).

    The interval carries the uncertainty of the rate, of Se and of Sp (Lang & Reiczigel 2014, eqs. 6, 7, 16
    and 17, with effective numbers of trials where rows share items). Se and Sp must come from the same
    language and concept as the rate. It is refused where the informedness Se + Sp - 1 is not above 0 with
    confidence `level`.

    Args:
        raw: The judge's rate in [0, 1].
        accuracy: The judge against humans.
        level: Confidence level.
        wanted: Half width of the interval that `human_needed` aims at.
    """
    z = normal_quantile(check_level(level))
    n_human, n_judge = accuracy.n_shared, raw.n_scores
    reason = _refused(accuracy, raw)
    if reason is not None:
        return uncorrected(reason, raw.value, n_human, n_judge, "rogan_gladen", HumanNeed(None))
    q, n_q = _trials(raw)
    (se, n_se), (sp, n_sp) = _trials(accuracy.sensitivity), _trials(accuracy.specificity)
    q_a, m_q = (n_q * q + z * z / 2.0) / (n_q + z * z), n_q + z * z
    se_a, m_se = (n_se * se + 1.0) / (n_se + 2.0), n_se + 2.0
    sp_a, m_sp = (n_sp * sp + 1.0) / (n_sp + 2.0), n_sp + 2.0
    informed = se_a + sp_a - 1.0
    v_se, v_sp = se_a * (1.0 - se_a) / m_se, sp_a * (1.0 - sp_a) / m_sp
    if informed - z * math.sqrt(v_se + v_sp) <= 0.0 or se + sp <= 1.0:
        reason = Reason.JUDGE_NOT_INFORMATIVE
        return uncorrected(reason, raw.value, n_human, n_judge, "rogan_gladen", HumanNeed(None))
    value = (q + sp - 1.0) / (se + sp - 1.0)
    centre = (q_a + sp_a - 1.0) / informed
    shift = 2.0 * z * z * (centre * v_se - (1.0 - centre) * v_sp)
    human_part = (centre**2 * v_se + (1.0 - centre) ** 2 * v_sp) / informed**2
    rate_part = q_a * (1.0 - q_a) / m_q / informed**2
    error = math.sqrt(rate_part + human_part)
    low, high = (
        min(max(bound, 0.0), 1.0) for bound in (centre + shift - z * error, centre + shift + z * error)
    )
    inside = min(max(value, 0.0), 1.0)
    need = ratings_needed(
        [n_human], [n_judge], [human_part], human_part + rate_part, quantile=z, wanted=wanted
    )
    estimate = Estimate(
        value=inside,
        interval=Interval(low=min(low, inside), high=max(high, inside), level=level, method="rogan_gladen"),
        standard_error=positive(error), n_items=raw.n_items, n_scores=raw.n_scores, method="rogan_gladen",
    )  # fmt: skip
    return Corrected(
        estimate=estimate, raw=raw.value, weight=None, clipped=inside != value, n_human=n_human,
        n_judge=n_judge,
        need=need,
    )  # fmt: skip


def uncorrected(
    reason: Reason, raw: float | None, n_human: int, n_judge: int, method: str, need: HumanNeed,
    n_items: int = 0,
) -> Corrected:  # fmt: skip
    """Return the answer "cannot be corrected" with its reason and what would do."""
    return Corrected(
        estimate=empty(reason, method, n_items=n_items, n_scores=n_judge), raw=raw, weight=None,
        clipped=False, n_human=n_human,
        n_judge=n_judge, need=need,
    )  # fmt: skip
