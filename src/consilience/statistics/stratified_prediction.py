"""Prediction-powered inference over strata: what humans would give, for any average or difference of strata.

Stands on `strata.fit_strata`. Invariants: every stratum that enters an average has the same weight; strata
with too few human ratings give no value, a reason, and how many ratings would do; a difference pairs the
items that both sides share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from consilience.statistics.estimate import (
    ArrayLike,
    BoolArray,
    Estimate,
    FloatArray,
    Interval,
    Reason,
    check_level,
    positive,
)
from consilience.statistics.human_ratings import MIN_HUMAN, HumanNeed, ratings_needed, ratings_planned
from consilience.statistics.intervals import effective_interval, t_quantile
from consilience.statistics.item_rows import UNIT, Bounds
from consilience.statistics.judges import Corrected, uncorrected
from consilience.statistics.prediction import MIN_HUMAN_ITEMS
from consilience.statistics.strata import Strata

METHOD = "ppi_stratified"


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectedContrast:
    """A corrected difference with what a verdict on it needs."""

    corrected: Corrected
    wide_interval: Interval | None
    """At `1 - 2 alpha`, for two one-sided tests."""
    p_value: float | None
    """Of: no difference (two-sided t)."""


def _coefficients(strata: Strata, chosen: ArrayLike) -> FloatArray:
    flags = np.asarray(chosen, dtype=np.bool_)
    if flags.shape != strata.value.shape:
        raise ValueError(f"chosen strata need the shape {strata.value.shape}, not {flags.shape}")
    return flags / max(int(flags.sum()), 1)


def _refused(strata: Strata, chosen: BoolArray) -> Reason | None:
    labels = int(strata.n_human[chosen].sum())
    if not strata.n_judge[chosen].sum():
        return Reason.NO_SCORES
    if labels == 0:
        return Reason.NO_HUMAN_RATINGS
    few = labels < MIN_HUMAN or strata.human_items.count(chosen) < MIN_HUMAN_ITEMS
    return Reason.TOO_FEW_HUMAN_RATINGS if few or not strata.usable[chosen].all() else None


def _unseen(strata: Strata, c: FloatArray, span: float) -> float:
    """Variance of one unseen disagreement of each sign, each as heavy as a human rating of the average."""
    used = (c != 0.0) & (strata.n_human > 0)
    part = c[used] ** 2 / strata.n_human[used]
    w = strata.weight[used]
    return float(part.sum() * np.sum(part * (1.0 + w * w) * (w > 0.0)) * span**2) if strata.binary else 0.0


def average(
    strata: Strata,
    chosen: ArrayLike,
    *,
    level: float = 0.95,
    bounds: Bounds | None = UNIT,
    wanted: float | None = 0.05,
    spread: float | None = None,
    raw_error: float | None = None,
) -> Corrected:
    """Return the mean of strata, each with the same weight, that humans would give.

    Args:
        strata: Of `strata.fit_strata`.
        chosen: Which strata enter, shape (strata,).
        level: Confidence level.
        bounds: Smallest and largest score, or None.
        wanted: Half width of the interval that `need` aims at; None: nothing is.
        spread: Width of the scores, for `need` where nothing is known of the judge's errors; None: that of
            `bounds`.
        raw_error: Standard error of the judge's own mean, for the same.

    Raises:
        ValueError: If the shape differs.
    """
    check_level(level)
    flags, c = np.asarray(chosen, dtype=np.bool_), _coefficients(strata, chosen)
    n_human, n_judge = int(strata.n_human[flags].sum()), int(strata.n_judge[flags].sum())
    reason = _refused(strata, flags)
    rated = flags & (strata.n_judge > 0)
    raw = float(strata.raw[rated].mean()) if rated.any() else None
    width = None if bounds is None else bounds[1] - bounds[0]
    if reason is not None:
        need = ratings_planned(
            width if spread is None else spread, wanted, n_judge, raw_error=raw_error, level=level,
            n_strata=int(flags.sum()),
        )  # fmt: skip
        return uncorrected(reason, raw, n_human, n_judge, METHOD, need, strata.items.count(flags))
    value = float(strata.value[flags].mean())
    extra = _unseen(strata, c, width or 1.0)
    variance = float(c @ strata.products @ c) + extra
    labelled = strata.human_items.count(flags)
    interval = _mean_interval(
        value, variance, labelled - 1.0, 1.0 / float(c @ strata.share_products @ c), level, bounds
    )
    inside = value if bounds is None else min(max(value, bounds[0]), bounds[1])
    estimate = Estimate(
        value=inside, interval=interval, standard_error=positive(math.sqrt(variance)),
        n_items=strata.items.count(flags), n_scores=n_judge, method=METHOD, df=labelled - 1.0,
        reason=Reason.ALL_EQUAL if interval is None else None,
    )  # fmt: skip
    return Corrected(
        estimate=estimate, raw=raw, weight=float(c @ strata.weight), clipped=inside != value, n_human=n_human,
        n_judge=n_judge, need=_need(strata, c, variance - extra, extra, level, wanted),
    )  # fmt: skip


def _need(
    strata: Strata, c: FloatArray, variance: float, unseen: float, level: float, wanted: float | None
) -> HumanNeed:
    used = c != 0.0
    return ratings_needed(
        strata.n_human[used], strata.n_judge[used], c[used] ** 2 * strata.sampling[used], variance,
        quantile=float(t_quantile(level, max(strata.items.count(used) - 1.0, 1.0))), wanted=wanted,
        unseen=unseen,
    )  # fmt: skip


def _planned_apart(
    span: float | None, wanted: float | None, n_judge: int, level: float, n_strata: int
) -> HumanNeed:
    """Both sides of a difference, each with the same number, where nothing is known of the judge's errors."""
    apart = None if span is None else span * math.sqrt(2.0)
    side = ratings_planned(apart, wanted, n_judge, level=level, n_strata=n_strata)
    return side if side.ratings is None else HumanNeed(2 * side.ratings)


def _mean_interval(
    value: float, variance: float, df: float, floor: float, level: float, bounds: Bounds | None
) -> Interval | None:
    if bounds is None:
        return _t_interval(value, variance, df, level, None)
    width = bounds[1] - bounds[0]
    rate = min(max((value - bounds[0]) / width, 0.0), 1.0)
    inner = effective_interval(rate, variance / width**2, df, floor, math.inf, level=level)
    low, high = (bounds[0] + width * end for end in (inner.low, inner.high))
    return Interval(low=low, high=high, level=level, method=METHOD)


def _t_interval(
    value: float, variance: float, df: float, level: float, span: float | None
) -> Interval | None:
    if not variance > 1e-24:
        return None
    half = float(t_quantile(level, df)) * math.sqrt(variance)
    low, high = value - half, value + half
    if span is not None:
        low, high = max(low, -span), min(high, span)
    return Interval(low=low, high=high, level=level, method=METHOD)


def difference(
    strata: Strata,
    left: ArrayLike,
    right: ArrayLike,
    *,
    level: float = 0.95,
    span: float | None = 1.0,
    wanted: float | None = 0.05,
    spread: float | None = None,
) -> CorrectedContrast:
    """Return the difference of two averages of strata; items that both sides share are paired.

    Args:
        strata: Of `strata.fit_strata`.
        left: Which strata the left side averages, shape (strata,).
        right: Which the right side; the sides share no stratum.
        level: Confidence level.
        span: Width of the scale, or None.
        wanted: See `average`.
        spread: See `average`.

    Raises:
        ValueError: If a shape differs or the sides share a stratum.
    """
    check_level(level)
    sides = [np.asarray(side, dtype=np.bool_) for side in (left, right)]
    c_left, c_right = (_coefficients(strata, side) for side in sides)
    if (sides[0] & sides[1]).any():
        raise ValueError("a stratum cannot stand on both sides of a difference")
    every = sides[0] | sides[1]
    n_human, n_judge = int(strata.n_human[every].sum()), int(strata.n_judge[every].sum())
    rated = [side & (strata.n_judge > 0) for side in sides]
    raw = (
        float(strata.raw[rated[0]].mean() - strata.raw[rated[1]].mean()) if all(map(np.any, rated)) else None
    )
    reason = _refused(strata, sides[0]) or _refused(strata, sides[1])
    if reason is not None:
        least = min(int(strata.n_judge[side].sum()) for side in sides)
        need = _planned_apart(span if spread is None else spread, wanted, least, level, int(every.sum()))
        return CorrectedContrast(
            corrected=uncorrected(reason, raw, n_human, n_judge, METHOD, need, strata.items.count(every)),
            wide_interval=None,
            p_value=None,
        )
    c = c_left - c_right
    extra = sum(_unseen(strata, side, span or 1.0) for side in (c_left, c_right))
    variance = float(c @ strata.products @ c) + extra
    value = float(strata.value[sides[0]].mean() - strata.value[sides[1]].mean())
    df = min(strata.human_items.count(side) for side in sides) - 1.0
    return _contrast(strata, c, value, variance, extra, df, (raw, n_human, n_judge), level, span, wanted)


def _contrast(
    strata: Strata, c: FloatArray, value: float, variance: float, extra: float, df: float,
    known: tuple[float | None, int, int], level: float, span: float | None, wanted: float | None,
) -> CorrectedContrast:  # fmt: skip
    raw, n_human, n_judge = known
    inside = value if span is None else min(max(value, -span), span)
    interval = _t_interval(value, variance, df, level, span)
    estimate = Estimate(
        value=inside, interval=interval, standard_error=positive(math.sqrt(variance)),
        n_items=strata.items.count(c != 0.0), n_scores=n_judge, method=METHOD, df=df,
        reason=Reason.ALL_DIFFERENCES_ZERO if interval is None else None,
    )  # fmt: skip
    corrected = Corrected(
        estimate=estimate, raw=raw, weight=float(np.abs(c) @ strata.weight / 2.0), clipped=inside != value,
        n_human=n_human, n_judge=n_judge,
        need=_need(strata, c, variance - extra, extra, level, wanted),
    )  # fmt: skip
    p_value = None
    if interval is not None:
        p_value = min(1.0, 2.0 * float(special.stdtr(df, -abs(value) / math.sqrt(variance))))
    return CorrectedContrast(
        corrected=corrected, p_value=p_value,
        wide_interval=_t_interval(value, variance, df, round(2.0 * level - 1.0, 12), span),
    )  # fmt: skip
