"""Spread between laboratories that ask the same items: repeatability, between-laboratory and reproducibility
SD.

All laboratories ask the same items, so an item that is hard is hard for all: the items' variance must not
count as error within a laboratory. Laboratory effects are therefore estimated from differences within items
(additive model laboratory + item), and their error from how these differences vary over items, clustered by
item. What is left over per item and laboratory is laboratory × item interaction and the spread of attempts.

Invariants: permuting laboratories permutes results; an effect common to all laboratories changes nothing but
the means; a negative variance is given before it is set to 0; one laboratory, or disjoint items, give a
reason.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from consilience.statistics.cells import estimate_averages
from consilience.statistics.estimate import (
    ArrayLike,
    Estimate,
    FloatArray,
    IntArray,
    Interval,
    Reason,
    check_level,
    empty,
    finite,
    positive,
)
from consilience.statistics.intervals import t_quantile
from consilience.statistics.item_rows import UNIT, Bounds
from consilience.statistics.laboratory_effects import (
    LaboratoryEffects,
    homogeneity,
    laboratory_effects,
    laboratory_rows,
    shared_rows,
)
from consilience.statistics.multiplicity import holm
from consilience.statistics.outliers import Outliers, outlier_tests
from consilience.statistics.precision import mandel_h, mandel_h_critical, mandel_k, mandel_k_critical
from consilience.statistics.proficiency import MIN_ZETA, RobustMean, algorithm_a, consensus_zeta, z_scores
from consilience.statistics.random_effects import RandomEffects, random_effects, within_bounds
from consilience.statistics.within_variance import WithinVariance, within_variance

MIN_LABORATORIES = 4
"""Fewer than this do not estimate the spread between laboratories with useful precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratoryResult:
    """One laboratory beside the others.

    `deviation` is its distance from the mean of the laboratories on the items that they share. `differs_from`
    counts the other laboratories from which it differs (paired by item, Holm over all pairs); it is `odd` if
    these are more than half of the others, or if h passes its 1 % critical value and there is at least one
    such difference (with three laboratories h alone passes whenever two of them happen to be equal). k is not
    used: the spread of binary scores follows their mean. Where every laboratory differs from most of the
    others, the one that is further from its nearest neighbour than the rest are from each other is odd. With
    two laboratories nobody can say which is odd: None.
    """

    laboratory: int
    mean: Estimate
    deviation: Estimate
    h: float | None
    k: float | None
    z: float | None
    zeta: float | None
    differs_from: int
    odd: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BetweenLaboratories:
    """Precision of an exercise. Standard deviations are in units of the score.

    `repeatability_sd`: of attempts by one laboratory on one item. `between_sd`: of laboratory means, beyond
    what items and attempts explain. `item_laboratory_variance_raw`: of the laboratory × item interaction.
    `reproducibility_sd`: of single scores on one item by different laboratories, the root of the sum of the
    three. `noise_sd`: of a laboratory mean around its true mean on these items.
    """

    laboratories: tuple[LaboratoryResult, ...]
    repeatability_sd: float | None
    repeatability_basis: str | None
    """`attempts`, or `items` where no item was repeated: it then holds the laboratory × item interaction
    too."""
    between_sd: float | None
    between_sd_interval: Interval | None
    between_variance_raw: float | None
    item_laboratory_variance_raw: float | None
    reproducibility_sd: float | None
    noise_sd: float | None
    p_homogeneous: float | None
    leave_one_out: tuple[float | None, ...]
    """Per laboratory: `between_sd` of the others."""
    summary: RandomEffects | None
    """Intervals for means are cut at the ends of the scale."""
    robust: RobustMean | None
    """Of three laboratories or more."""
    outliers: Outliers
    h_critical: float | None
    k_critical: float | None
    z_basis: str | None
    n_items: int
    """Items that at least two laboratories share."""
    method: str
    reason: Reason | None


def _differences(effects: LaboratoryEffects, alpha: float) -> IntArray:
    """Count for each laboratory the others from which it differs, Holm over all pairs."""
    size = effects.effect.size
    pairwise = effects.pairwise()
    pairs = [(left, right) for left in range(size) for right in range(left + 1, size)]
    p_values: list[float | None] = []
    for left, right in pairs:
        variance = float(pairwise[left, right])
        gap = abs(float(effects.effect[left] - effects.effect[right]))
        usable = effects.n_items > 1 and variance > 1e-24
        p_values.append(
            float(2.0 * special.stdtr(effects.n_items - 1.0, -gap / math.sqrt(variance))) if usable else None
        )
    count = np.zeros(size, dtype=np.int64)
    for (left, right), adjusted in zip(pairs, holm(p_values), strict=True):
        if adjusted is not None and adjusted < alpha:
            count[left] += 1
            count[right] += 1
    return count


def _between(effect: FloatArray, own: FloatArray) -> float:
    """Raw variance between laboratories: variance of the effects less the mean of their own variances."""
    return float(np.var(effect, ddof=1) - own.mean())


def _leave_one_out(effects: LaboratoryEffects, n_laboratories: int) -> tuple[float | None, ...]:
    result: list[float | None] = [None] * n_laboratories
    own = effects.own()
    for position, laboratory in enumerate(effects.present):
        rest = np.delete(effects.effect, position)
        if rest.size > 1:
            result[int(laboratory)] = math.sqrt(max(_between(rest, np.delete(own, position)), 0.0))
    return tuple(result)


def _deviation(effects: LaboratoryEffects, position: int, n_scores: int, level: float) -> Estimate:
    value, df = float(effects.effect[position]), effects.n_items - 1.0
    error = positive(math.sqrt(max(float(effects.covariance[position, position]), 0.0)))
    error = error if error is not None and error > 1e-12 and df >= 1.0 else None
    interval = None
    if error is not None:
        half = float(t_quantile(level, df)) * error
        interval = Interval(low=value - half, high=value + half, level=level, method="laboratory_deviation")
    reason = None if interval is not None else Reason.ONE_ITEM if df < 1.0 else Reason.ALL_DIFFERENCES_ZERO
    return Estimate(
        value=value, interval=interval, standard_error=error, n_items=effects.n_items, n_scores=n_scores,
        method="laboratory_deviation", reason=reason, df=df if error is not None else None,
    )  # fmt: skip


def _odd(effect: FloatArray, h: FloatArray | None, h_limit: float | None, differs: IntArray) -> list[bool]:
    """Say which laboratories are odd; see `LaboratoryResult`."""
    size = effect.size
    most = 2 * differs > size - 1
    if most.all():
        gaps = np.abs(effect[:, None] - effect[None, :])
        nearest = np.where(np.eye(size, dtype=np.bool_), np.inf, gaps).min(axis=1)
        rest = np.array([np.ptp(np.delete(effect, position)) for position in range(size)])
        most = nearest > rest
    if h is not None and h_limit is not None:
        most = most | ((np.abs(np.nan_to_num(h)) > h_limit) & (differs > 0))
    return [bool(one) for one in most]


def _laboratories(
    means: list[Estimate], effects: LaboratoryEffects, within: WithinVariance | None, h_limit: float | None,
    z: FloatArray | None, zeta: FloatArray | None, level: float,
) -> tuple[LaboratoryResult, ...]:  # fmt: skip
    size = effects.effect.size
    h = mandel_h(effects.effect)
    k = None if within is None else mandel_k(within.variance, within.df)
    differs = _differences(effects, 1.0 - level)
    odd = None if size < 3 else _odd(effects.effect, h, h_limit, differs)
    place = {int(laboratory): position for position, laboratory in enumerate(effects.present)}
    result = []
    for laboratory, mean in enumerate(means):
        position = place.get(laboratory)
        if position is None:
            result.append(_absent(laboratory, mean, Reason.NO_PAIRS))
            continue
        h_l, k_l = (None if x is None else finite(x[position]) for x in (h, k))
        entry = LaboratoryResult(
            laboratory=laboratory,
            mean=mean,
            deviation=_deviation(effects, position, mean.n_scores, level),
            h=h_l,
            k=k_l,
            z=None if z is None else finite(z[position]),
            zeta=None if zeta is None else finite(zeta[position]),
            differs_from=int(differs[position]),
            odd=None if odd is None else odd[position],
        )  # fmt: skip
        result.append(entry)
    return tuple(result)


def _absent(laboratory: int, mean: Estimate, reason: Reason) -> LaboratoryResult:
    return LaboratoryResult(
        laboratory=laboratory, mean=mean, deviation=empty(reason, "laboratory_deviation"), h=None, k=None,
        z=None, zeta=None,
        differs_from=0, odd=None,
    )  # fmt: skip


def _nothing(means: list[Estimate], reason: Reason) -> BetweenLaboratories:
    return BetweenLaboratories(
        laboratories=tuple(_absent(code, mean, reason) for code, mean in enumerate(means)),
        repeatability_sd=None,
        repeatability_basis=None, between_sd=None, between_sd_interval=None, between_variance_raw=None,
        item_laboratory_variance_raw=None, reproducibility_sd=None, noise_sd=None, p_homogeneous=None,
        leave_one_out=(None,) * len(means), summary=None, robust=None,
        outliers=Outliers(cochran=None, cochran_reason=reason, grubbs=None, grubbs_reason=reason),
        h_critical=None, k_critical=None, z_basis=None,
        n_items=0,
        method="item_paired_laboratories", reason=reason,
    )  # fmt: skip


def between_laboratories(
    laboratory: ArrayLike,
    item: ArrayLike,
    sums: ArrayLike,
    counts: ArrayLike,
    squares: ArrayLike | None,
    n_laboratories: int,
    *,
    part: ArrayLike | None = None,
    level: float = 0.95,
    bounds: Bounds | None = UNIT,
    proficiency_sd: float | None = None,
) -> BetweenLaboratories:
    """Return the precision of an exercise whose laboratories ask the same items (after ISO 5725-2, paired by
    item).

    Between-laboratory variance: variance of the laboratory effects less their mean error variance; interval
    by the Q-profile (Viechtbauer 2007) of effects and error variances, cut at half the scale's width, the
    largest standard deviation that scores within bounds can have (Popoviciu 1935). Equality of all
    laboratories: Hotelling's T2 on differences within items. h and k: ISO 5725-2; robust centre: Algorithm A
    of ISO 13528.

    Args:
        laboratory: Code of each row, in [0, n_laboratories), shape (rows,).
        item: Code of the item, shared by laboratories and translations.
        sums: Sum of the scores; one row per laboratory × item (× part).
        counts: Number of scores; rows with 0 are left out.
        squares: Sum of squares; None: scores are 0 or 1.
        n_laboratories: Number of laboratories, also empty ones.
        part: Code of the language, where several are averaged; they count as fixed, and an item's
            translations are one cluster.
        level: Confidence level.
        bounds: Smallest and largest score, or None.
        proficiency_sd: Standard deviation for z scores, from the protocol; None: the robust one of the
            laboratories.

    Raises:
        ValueError: If shapes or codes are wrong, or scores lie outside the bounds.
    """
    check_level(level)
    parts = np.zeros(np.shape(sums), dtype=np.int8) if part is None else part
    averages = estimate_averages(
        laboratory, parts, item, sums, counts, squares, n_laboratories, level=level, bounds=bounds
    )
    means = averages.estimates()
    with_scores = sum(mean.value is not None for mean in means)
    if with_scores < 2:
        return _nothing(means, Reason.ONE_LABORATORY if with_scores else Reason.NO_SCORES)
    shared = shared_rows(laboratory_rows(laboratory, item, part, sums, counts, squares, n_laboratories))
    effects = laboratory_effects(shared) if shared.unit.size else None
    if effects is None:
        return _nothing(means, Reason.NO_PAIRS)
    if effects.n_items < 2:
        return _nothing(means, Reason.ONE_ITEM)
    within = within_variance(shared, effects)
    single = squares is None or (bounds == UNIT and np.array_equal(np.asarray(sums), np.asarray(squares)))
    return _result(
        means, effects, within, outlier_tests(effects, within, binary=single), level, proficiency_sd, bounds
    )


def _result(
    means: list[Estimate], effects: LaboratoryEffects, within: WithinVariance | None, outliers: Outliers,
    level: float, proficiency_sd: float | None, bounds: Bounds | None,
) -> BetweenLaboratories:  # fmt: skip
    size, own = effects.effect.size, effects.own()
    known = bool((own > 1e-24).all())
    raw = _between(effects.effect, own)
    tau2 = max(raw, 0.0)
    attempts = within if within is not None and within.basis == "attempts" else None
    residual = float((effects.residual**2).sum()) / effects.residual_df if effects.residual_df > 0.0 else None
    interaction = None
    if attempts is not None and residual is not None:
        interaction = residual - attempts.pooled * attempts.inverse_attempts
    single = None if within is None else tau2 + max(interaction or 0.0, 0.0) + within.pooled
    h_limit = mandel_h_critical(size) if size > 2 else None
    k_limit = None if within is None else mandel_k_critical(size, float(within.df.mean()))
    values = effects.effect + float(np.mean([means[code].value or 0.0 for code in effects.present]))
    summary = within_bounds(random_effects(values, own, level=level), bounds) if known else None
    robust = algorithm_a(values)
    sd = proficiency_sd if proficiency_sd is not None else robust.sd if size >= MIN_LABORATORIES else None
    z = None if sd is None or robust.mean is None else z_scores(values, robust.mean, sd)
    zeta = consensus_zeta(values, np.sqrt(own), robust) if known else None
    return BetweenLaboratories(
        laboratories=_laboratories(means, effects, within, h_limit, z, zeta, level),
        repeatability_sd=None if within is None else math.sqrt(within.pooled),
        repeatability_basis=None if within is None else within.basis,
        between_sd=math.sqrt(tau2), between_sd_interval=_root(summary),
        between_variance_raw=raw,
        item_laboratory_variance_raw=interaction,
        reproducibility_sd=None if single is None else math.sqrt(single),
        noise_sd=positive(math.sqrt(float(own.mean()))),
        p_homogeneous=homogeneity(effects), leave_one_out=_leave_one_out(effects, len(means)),
        summary=summary,
        robust=robust if size >= MIN_ZETA else None, outliers=outliers,
        h_critical=h_limit, k_critical=k_limit,
        z_basis=None if z is None else "protocol" if proficiency_sd is not None else "robust",
        n_items=effects.n_items, method="item_paired_laboratories",
        reason=_between_reason(size, known=known),
    )  # fmt: skip


def _between_reason(size: int, *, known: bool) -> Reason | None:
    if not known:
        return Reason.ALL_DIFFERENCES_ZERO
    return Reason.FEW_LABORATORIES if size < MIN_LABORATORIES else None


def _root(summary: RandomEffects | None) -> Interval | None:
    """The interval of the variance between laboratories as one of their standard deviation."""
    spread = None if summary is None else summary.tau2_interval
    if spread is None:
        return None
    return replace(spread, low=math.sqrt(spread.low), high=math.sqrt(spread.high))
