"""Prediction-powered inference (PPI++): means that humans would give, from few human and many judge ratings.

It takes the human mean on the labelled rows and adds what the judge says of the rest. It is unbiased however
bad the judge is, as long as the labelled rows are a random sample of the rows.

Invariants: too few human ratings give no value, a reason, and how many would do; rows that share an item are
one cluster; no disagreement in the sample is not read as none at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from consilience.statistics.estimate import (
    ArrayLike,
    Estimate,
    FloatArray,
    IntArray,
    Interval,
    Reason,
    check_level,
    positive,
)
from consilience.statistics.human_ratings import MIN_HUMAN, HumanNeed, ratings_needed, ratings_planned
from consilience.statistics.intervals import effective_interval, t_quantile
from consilience.statistics.item_rows import UNIT, Bounds
from consilience.statistics.judges import Corrected, uncorrected

MIN_HUMAN_ITEMS = 10
"""Fewer different items among the human ratings than this do not correct a mean."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One mean estimated with predictions: its value, influence of each cluster, and parts of its
    variance."""

    value: float
    raw: float
    weight: float
    influence: FloatArray
    extra: float
    """Variance added for disagreements that a sample of this size may have missed."""
    sampling: float
    """Part of the variance that comes from which of endlessly many rows humans rated."""
    n_human: int
    n_human_items: int
    n_judge: int


def _by_cluster(cluster: IntArray, values: FloatArray, size: int) -> FloatArray:
    return np.bincount(cluster, weights=values, minlength=size).astype(np.float64)


def _side(
    judge: FloatArray,
    human: FloatArray,
    cluster: IntArray,
    size: int,
    weight: float | None,
    bounds: Bounds | None,
) -> _Side:
    labelled = np.isfinite(human)
    n, others = int(labelled.sum()), int((~labelled).sum())
    y, f_l, f_u = human[labelled], judge[labelled], judge[~labelled]
    in_l, in_u = cluster[labelled], cluster[~labelled]
    a = _by_cluster(in_l, (y - y.mean()) / n, size)
    b_l = _by_cluster(in_l, -(f_l - f_l.mean()) / n, size)
    b_u = _by_cluster(in_u, (f_u - f_u.mean()) / others, size) if others else np.zeros(size)
    b = b_l + b_u
    spread = float(b @ b)
    tuned = min(max(-float(a @ b) / spread, 0.0), 1.0) if spread > 0.0 and others else 0.0
    lam = tuned if weight is None else float(weight)
    if not others:
        lam = 0.0
    value = float(np.mean(y - lam * f_l)) + (lam * float(f_u.mean()) if others else 0.0)
    ends = np.array(bounds if bounds is not None else (np.nan, np.nan))
    binary = bool(np.isin(y, ends).all() and np.isin(judge, ends).all())
    extra = (1.0 + lam**2) * (ends[1] - ends[0]) ** 2 / n**2 if binary and lam > 0.0 else 0.0
    rest = y - lam * (1.0 + n / max(others, 1)) * f_l
    return _Side(
        value=value, raw=float(judge.mean()), weight=lam, influence=a + lam * b, extra=extra,
        sampling=float(np.var(rest, ddof=1)) / n, n_human=n,
        n_human_items=int(np.unique(in_l).size), n_judge=int(judge.size),
    )  # fmt: skip


def _prepare(
    judge: ArrayLike, human: ArrayLike, clusters: ArrayLike | None
) -> tuple[FloatArray, FloatArray, npt.NDArray[Any]]:
    f, y = np.asarray(judge, dtype=np.float64), np.asarray(human, dtype=np.float64)
    if f.ndim != 1 or f.shape != y.shape:
        raise ValueError(f"judge and human need one shape (rows,), not {f.shape} and {y.shape}")
    labels = np.arange(f.size) if clusters is None else np.asarray(clusters)
    if labels.shape != f.shape:
        raise ValueError(f"clusters need the shape {f.shape}, not {labels.shape}")
    keep = np.isfinite(f)
    return f[keep], y[keep], labels[keep]


def _too_few(n_human: int, n_items: int) -> Reason | None:
    if n_human == 0:
        return Reason.NO_HUMAN_RATINGS
    return Reason.TOO_FEW_HUMAN_RATINGS if n_human < MIN_HUMAN or n_items < MIN_HUMAN_ITEMS else None


def _corrected(
    value: float, variance: float, n_items: int, level: float, sides: tuple[_Side, ...], wanted: float,
    interval: Interval | None, ends: Bounds | None,
) -> Corrected:  # fmt: skip
    """Put together what `ppi_mean` and `ppi_difference` found."""
    inside = value if ends is None else min(max(value, ends[0]), ends[1])
    n_human, n_judge = sum(side.n_human for side in sides), sum(side.n_judge for side in sides)
    unseen = sum(side.extra for side in sides)
    need = ratings_needed(
        [side.n_human for side in sides], [side.n_judge for side in sides],
        [side.sampling for side in sides], variance - unseen,
        quantile=float(t_quantile(level, n_items - 1.0)), wanted=wanted, unseen=unseen,
    )  # fmt: skip
    estimate = Estimate(
        value=inside, interval=interval, standard_error=positive(math.sqrt(variance)), n_items=n_items,
        n_scores=n_judge, method="ppi_plus_plus", df=min(side.n_human_items for side in sides) - 1.0,
        reason=Reason.ALL_EQUAL if interval is None else None,
    )  # fmt: skip
    raw = sides[0].raw - (sides[1].raw if len(sides) > 1 else 0.0)
    return Corrected(
        estimate=estimate, raw=raw, weight=float(np.mean([side.weight for side in sides])),
        clipped=inside != value, n_human=n_human, n_judge=n_judge, need=need,
    )  # fmt: skip


def _mean_interval(
    value: float, variance: float, n_human_items: int, level: float, bounds: Bounds | None
) -> Interval | None:
    df = n_human_items - 1.0
    if bounds is None:
        if not variance > 1e-24:
            return None
        half = float(t_quantile(level, df)) * math.sqrt(variance)
        return Interval(low=value - half, high=value + half, level=level, method="ppi_plus_plus")
    width = bounds[1] - bounds[0]
    rate = min(max((value - bounds[0]) / width, 0.0), 1.0)
    inner = effective_interval(rate, variance / width**2, df, float(n_human_items), math.inf, level=level)
    return Interval(
        low=bounds[0] + width * inner.low,
        high=bounds[0] + width * inner.high,
        level=level,
        method="ppi_plus_plus",
    )


def _difference_interval(
    value: float, variance: float, df: float, level: float, span: float | None
) -> Interval | None:
    if not variance > 1e-24:
        return None
    half = float(t_quantile(level, df)) * math.sqrt(variance)
    low, high = value - half, value + half
    if span is not None:
        low, high = max(low, -span), min(high, span)
    return Interval(low=low, high=high, level=level, method="ppi_plus_plus")


def _planned(judge: FloatArray, wanted: float, level: float, bounds: Bounds | None) -> HumanNeed:
    """Human ratings that would do without any knowledge of the judge's errors."""
    width = None if bounds is None else bounds[1] - bounds[0]
    if width is None and judge.size > 1:
        width = 2.0 * float(np.std(judge, ddof=1))
    return ratings_planned(width, wanted, judge.size, level=level)


def ppi_mean(
    judge: ArrayLike,
    human: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    weight: float | None = None,
    level: float = 0.95,
    bounds: Bounds | None = UNIT,
    wanted: float = 0.05,
) -> Corrected:
    """Return the mean that humans would give, from few human and many judge ratings.

    `mean_u(w f) + mean_l(y - w f)` over unlabelled and labelled rows: Angelopoulos et al. 2023 (PPI, arXiv
    2301.09633) with the weight w of PPI++ (arXiv 2311.01453), tuned to the smallest variance and kept in [0,
    1]. The variance is that of the sums per cluster (linearised, C/(C-1)), over labelled and unlabelled rows
    together. For binary scores one disagreement of each sign is added to the variance (after Bonett & Price
    2012), so that a small sample without disagreement does not pass as certainty.

    Args:
        judge: The judge's scores, shape (rows,); rows where it is NaN are left out.
        human: Human scores of the same rows, NaN where nobody rated; a random sample of the rows.
        clusters: Labels of rows that share an item, shape (rows,).
        weight: Fixed weight of the judge; 1 is plain PPI, 0 the human mean alone; None: tuned.
        level: Confidence level.
        bounds: Smallest and largest score, or None.
        wanted: Half width of the interval that `need` aims at.

    Raises:
        ValueError: If shapes differ.
    """
    check_level(level)
    f, y, labels = _prepare(judge, human, clusters)
    labelled = np.isfinite(y)
    n_human, raw = int(labelled.sum()), float(f.mean()) if f.size else None
    reason = _too_few(n_human, np.unique(labels[labelled]).size)
    if reason is not None:
        return uncorrected(reason, raw, n_human, f.size, "ppi_plus_plus", _planned(f, wanted, level, bounds))
    codes = np.unique(labels, return_inverse=True)[1].ravel()
    size = int(codes.max()) + 1
    side = _side(f, y, codes, size, weight, bounds)
    variance = size / (size - 1.0) * float(side.influence @ side.influence) + side.extra
    interval = _mean_interval(side.value, variance, side.n_human_items, level, bounds)
    return _corrected(side.value, variance, size, level, (side,), wanted, interval, bounds)


def ppi_difference(
    left_judge: ArrayLike,
    left_human: ArrayLike,
    left_clusters: ArrayLike | None,
    right_judge: ArrayLike,
    right_human: ArrayLike,
    right_clusters: ArrayLike | None,
    *,
    level: float = 0.95,
    span: float | None = 1.0,
    wanted: float = 0.05,
) -> Corrected:
    """Return the difference `left - right` of two means that humans would give; see `ppi_mean`.

    Items that both sides share are paired: the variance is that of the difference of their influences. Each
    side has its own weight, so that a judge that is worse in one language does not bias the difference.

    Args:
        left_judge: As `judge` of `ppi_mean`, of the left side.
        left_human: As `human`.
        left_clusters: As `clusters`; labels that occur on both sides name the same item. None: nothing is
            shared.
        right_judge: Of the right side.
        right_human: Of the right side.
        right_clusters: Of the right side.
        level: Confidence level.
        span: Width of the scale, or None.
        wanted: See `ppi_mean`.

    Raises:
        ValueError: If shapes differ.
    """
    check_level(level)
    left, right = (
        _prepare(left_judge, left_human, left_clusters),
        _prepare(right_judge, right_human, right_clusters),
    )
    paired = left_clusters is not None and right_clusters is not None
    codes = _joint_codes(left[2], right[2], paired=paired)
    size = max((int(part.max()) + 1 for part in codes if part.size), default=0)
    counts = [int(np.isfinite(side[1]).sum()) for side in (left, right)]
    items = [
        np.unique(code[np.isfinite(side[1])]).size for side, code in zip((left, right), codes, strict=True)
    ]
    reason = _too_few(counts[0], items[0]) or _too_few(counts[1], items[1])
    n_judge = int(left[0].size + right[0].size)
    if reason is not None:
        raw = float(left[0].mean() - right[0].mean()) if left[0].size and right[0].size else None
        return uncorrected(reason, raw, sum(counts), n_judge, "ppi_plus_plus", HumanNeed(None))
    bounds = None if span is None else _ends(np.concatenate([left[0], right[0]]), span)
    sides = tuple(
        _side(side[0], side[1], code, size, None, bounds)
        for side, code in zip((left, right), codes, strict=True)
    )
    influence = sides[0].influence - sides[1].influence
    variance = size / (size - 1.0) * float(influence @ influence) + sides[0].extra + sides[1].extra
    value = sides[0].value - sides[1].value
    interval = _difference_interval(value, variance, min(items) - 1.0, level, span)
    return _corrected(
        value, variance, size, level, sides, wanted, interval, None if span is None else (-span, span)
    )


def _ends(scores: FloatArray, span: float) -> Bounds:
    """Return the ends of a scale of this width that the scores lie on."""
    low = float(scores.min())
    if float(scores.max()) - low < span and float(scores.max()) == 1.0:
        low = 1.0 - span
    return low, low + span


def _joint_codes(
    left: npt.NDArray[Any], right: npt.NDArray[Any], *, paired: bool
) -> tuple[IntArray, IntArray]:
    if paired:
        codes = np.unique(np.concatenate([left, right]), return_inverse=True)[1].ravel().astype(np.int64)
        return codes[: left.size], codes[left.size :]
    first = np.unique(left, return_inverse=True)[1].ravel().astype(np.int64)
    second = np.unique(right, return_inverse=True)[1].ravel().astype(np.int64)
    return first, second + (int(first.max()) + 1 if first.size else 0)
