"""Paired differences between two sides (languages, models, laboratories, raters) over the items that both
have.

The test and the interval follow the data:

| data | test | interval |
|---|---|---|
| one binary score per item and side, no clusters | exact McNemar | Newcombe's method 10 |
| few items, or scores on a lattice | exact sign-flip permutation | Student t on the differences |
| otherwise | Student t (clusters: CR2, Satterthwaite) | the same |

Invariants: swapping the sides changes the sign and nothing else; the order of items does not matter;
differences that are all zero never give an interval of width zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from consilience.statistics.estimate import (
    ArrayLike,
    Estimate,
    FloatArray,
    IntArray,
    Interval,
    Reason,
    check_level,
    empty,
)
from consilience.statistics.intervals import t_quantile, wilson_bounds

EXACT_UNITS = 14
"""All 2^n sign flips are enumerated up to this many non-zero differences."""
LATTICE_UNITS = 200
"""Up to this many differences on a lattice the exact distribution is computed by convolution."""
RANDOM_UNITS = 30
"""Up to this many differences random sign flips are drawn, where `rng` is given."""
RANDOM_FLIPS = 9_999
MAX_DENOMINATOR = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A paired difference `left - right` with its test.

    `wide_interval` stands at confidence 1 - 2 (1 - level): the one that two one-sided tests look at.
    """

    difference: Estimate
    wide_interval: Interval | None
    p_value: float | None
    test: str | None
    """Key of `references.METHODS`."""
    n_common: int
    n_units: int
    """Independent units: common items, or clusters of them."""


def _two_sided_binomial(smaller: int, n: int) -> float:
    return 1.0 if n == 0 else min(1.0, 2.0 * float(special.bdtr(smaller, n, 0.5)))


def mcnemar_exact(left_only: int, right_only: int) -> float:
    """Return the exact two-sided p value of McNemar's test (McNemar 1947; binomial form).

    Args:
        left_only: Items that succeed on the left side only.
        right_only: Items that succeed on the right side only.
    """
    return _two_sided_binomial(min(left_only, right_only), left_only + right_only)


def newcombe_paired(
    both: int, left_only: int, right_only: int, neither: int, *, level: float = 0.95
) -> Interval:
    """Return the interval of a difference of two paired proportions (Newcombe 1998, Stat. Med. 17:2635,
    method 10).

    Args:
        both: Items that succeed on both sides.
        left_only: On the left side only.
        right_only: On the right side only.
        neither: On none.
        level: Confidence level.
    """
    n = both + left_only + right_only + neither
    if n < 1:
        raise ValueError("newcombe_paired needs at least one item")
    left, right = both + left_only, both + right_only
    low_l, high_l = (float(bound) for bound in wilson_bounds(left, n, level))
    low_r, high_r = (float(bound) for bound in wilson_bounds(right, n, level))
    p_l, p_r = left / n, right / n
    product = float(left) * (n - left) * right * (n - right)
    cross = float(both * neither - left_only * right_only)
    if cross > 0:
        cross = max(cross - n / 2.0, 0.0)
    phi = cross / math.sqrt(product) if product > 0 else 0.0
    below = (p_l - low_l) ** 2 - 2.0 * phi * (p_l - low_l) * (high_r - p_r) + (high_r - p_r) ** 2
    above = (high_l - p_l) ** 2 - 2.0 * phi * (high_l - p_l) * (p_r - low_r) + (p_r - low_r) ** 2
    difference = (left_only - right_only) / n
    low = max(-1.0, difference - math.sqrt(max(below, 0.0)))
    high = min(1.0, difference + math.sqrt(max(above, 0.0)))
    return Interval(low=low, high=high, level=level, method="newcombe_paired")


def _lattice(units: FloatArray) -> IntArray | None:
    """Return the differences as whole multiples of one step, or None where there is no common step."""
    scaled = units / np.max(np.abs(units))
    for denominator in range(1, MAX_DENOMINATOR + 1):
        whole = np.rint(scaled * denominator)
        if np.max(np.abs(scaled * denominator - whole)) < 1e-7:
            return np.asarray(whole, dtype=np.int64)
    return None


def _lattice_p(whole: IntArray) -> float:
    steps = np.abs(whole)
    total = int(steps.sum())
    mass = np.ones(1)
    for step in steps:
        nxt = np.zeros(mass.size + 2 * int(step))
        nxt[: mass.size] += 0.5 * mass
        nxt[2 * int(step) :] += 0.5 * mass
        mass = nxt
    distance = np.abs(np.arange(mass.size) - total)
    return float(min(1.0, mass[distance >= abs(int(whole.sum()))].sum()))


def _observed(units: FloatArray) -> float:
    """Return |sum of the differences|, less the rounding that could hide a tie."""
    return float(abs(units.sum()) - 1e-10 * np.abs(units).sum())


def _enumerated_p(units: FloatArray) -> float:
    flips = np.array([0.0])
    for unit in np.abs(units):
        flips = np.concatenate([flips + unit, flips - unit])
    return float(np.mean(np.abs(flips) >= _observed(units)))


def sign_flip_p(units: ArrayLike, rng: np.random.Generator | None = None) -> tuple[float | None, str]:
    """Return the p value of the sign-flip permutation test of "no difference on any item" and its method.

    Under it each difference is as likely to have either sign (Fisher 1935, sec. 21; Pitman 1937). The
    distribution of the sum is exact: enumerated for up to `EXACT_UNITS` non-zero differences, by convolution
    where they lie on a
    lattice (means of few attempts do). Otherwise `RANDOM_FLIPS` random flips are drawn from `rng`, with the
    observed one counted (Phipson & Smyth 2010). Without `rng`, or beyond the limits: None.

    Args:
        units: Differences, one per independent unit, shape (n,).
        rng: Generator of the random flips.
    """
    values = np.asarray(units, dtype=np.float64)
    moving = np.sort(values[values != 0.0])
    if moving.size == 0:
        return 1.0, "sign_flip_exact"
    if moving.size <= EXACT_UNITS:
        return _enumerated_p(moving), "sign_flip_exact"
    if moving.size <= LATTICE_UNITS:
        whole = _lattice(moving)
        if whole is not None:
            return _lattice_p(whole), "sign_flip_exact"
    if rng is None or moving.size > RANDOM_UNITS:
        return None, "sign_flip_random"
    signs = rng.integers(0, 2, size=(RANDOM_FLIPS, moving.size)) * 2.0 - 1.0
    extreme = np.abs(signs @ moving) >= _observed(moving)
    return float((1 + extreme.sum()) / (RANDOM_FLIPS + 1)), "sign_flip_random"


@dataclass(frozen=True, slots=True)
class _Moments:
    """Mean of the differences, its standard error and degrees of freedom, and the sums of each unit."""

    mean: float
    error: float
    df: float
    units: FloatArray


def _moments(differences: FloatArray, clusters: IntArray | None) -> _Moments:
    """CR2 variance of a mean with Satterthwaite degrees of freedom (Bell & McCaffrey 2002; Pustejovsky &
    Tipton 2018).

    For the mean the adjustment is 1 / (1 - n_c / n); with one item per cluster both reduce to `s / sqrt(n)`
    and n - 1.
    """
    n = differences.size
    mean = float(differences.mean())
    residual = differences - mean
    if clusters is None:
        return _Moments(mean, float(np.sqrt((residual**2).sum() / (n - 1.0) / n)), n - 1.0, differences)
    sizes = np.bincount(clusters).astype(np.float64)
    share = 1.0 - sizes / n
    sums = np.bincount(clusters, weights=residual)
    variance = float(np.sum(sums**2 / share) / n**2)
    b = sizes**2 / share
    df = n**2 / (float(np.sum(sizes**2)) + (float(b.sum()) ** 2 - float(np.sum(b**2))) / n**2)
    return _Moments(
        mean, math.sqrt(variance), df, np.bincount(clusters, weights=differences).astype(np.float64)
    )


def _bounded(low: float, high: float, span: float | None) -> tuple[float, float]:
    return (low, high) if span is None else (max(low, -span), min(high, span))


def _zero_bound(n_units: int, span: float, level: float) -> Interval:
    """Bound of a mean of differences that were zero on all units: `span` times the exact bound of 0 of n."""
    share = 1.0 - (0.5 * (1.0 - level)) ** (1.0 / n_units)
    return Interval(low=-span * share, high=span * share, level=level, method="zero_differences")


def _continuous(
    moments: _Moments, n_scores: int, level: float, span: float | None, rng: np.random.Generator | None
) -> tuple[Estimate, Interval | None, float | None, str | None]:
    n_units = moments.units.size
    wide_level = round(2.0 * level - 1.0, 12)
    flat = not moments.error > 1e-12 * max(1.0, abs(moments.mean))
    if flat:
        zero = abs(moments.mean) < 1e-12
        if zero and span is not None:
            interval = _zero_bound(n_units, span, level)
            estimate = Estimate(
                value=0.0, interval=interval, standard_error=None, n_items=n_units, n_scores=n_scores,
                method="zero_differences",
            )  # fmt: skip
            return estimate, _zero_bound(n_units, span, wide_level), 1.0, "sign_flip_exact"
        reason = Reason.ALL_DIFFERENCES_ZERO if zero else Reason.ALL_EQUAL
        p_value, test = sign_flip_p(moments.units, rng)
        estimate = Estimate(
            value=0.0 if zero else moments.mean, interval=None, standard_error=None, n_items=n_units,
            n_scores=n_scores, method="paired_t", reason=reason,
        )  # fmt: skip
        return estimate, None, p_value, test if p_value is not None else None
    intervals = []
    for at in (level, wide_level):
        half = float(t_quantile(at, moments.df)) * moments.error
        low, high = _bounded(moments.mean - half, moments.mean + half, span)
        intervals.append(Interval(low=low, high=high, level=at, method="paired_t"))
    estimate = Estimate(
        value=moments.mean, interval=intervals[0], standard_error=moments.error, n_items=n_units,
        n_scores=n_scores,
        method="paired_t", df=moments.df,
    )  # fmt: skip
    p_value, test = sign_flip_p(moments.units, rng)
    if p_value is None:
        p_value = float(2.0 * special.stdtr(moments.df, -abs(moments.mean) / moments.error))
        test = "paired_t"
    return estimate, intervals[1], p_value, test


def _binary(left: FloatArray, right: FloatArray, level: float) -> Contrast:
    both = int(np.sum((left == 1.0) & (right == 1.0)))
    left_only = int(np.sum((left == 1.0) & (right == 0.0)))
    right_only = int(np.sum((left == 0.0) & (right == 1.0)))
    n = left.size
    neither = n - both - left_only - right_only
    difference = left - right
    error = float(np.sqrt(np.var(difference, ddof=1) / n)) if n > 1 else 0.0
    interval = newcombe_paired(both, left_only, right_only, neither, level=level) if n > 1 else None
    wide = (
        newcombe_paired(both, left_only, right_only, neither, level=round(2.0 * level - 1.0, 12))
        if n > 1
        else None
    )
    estimate = Estimate(
        value=float(difference.mean()), interval=interval, standard_error=error if error > 0.0 else None,
        n_items=n,
        n_scores=2 * n, method="newcombe_paired", reason=None if n > 1 else Reason.ONE_ITEM,
    )  # fmt: skip
    return Contrast(
        difference=estimate, wide_interval=wide, p_value=mcnemar_exact(left_only,
        right_only) if n > 1 else None,
        test="mcnemar_exact" if n > 1 else None, n_common=n, n_units=n,
    )  # fmt: skip


def _check(left: FloatArray, right: FloatArray, clusters: ArrayLike | None) -> None:
    if left.ndim != 1 or left.shape != right.shape:
        raise ValueError(f"left and right need one shape (items,), not {left.shape} and {right.shape}")
    if clusters is not None and np.shape(clusters) != left.shape:
        raise ValueError(f"clusters need the shape {left.shape}, not {np.shape(clusters)}")


def paired_difference(
    left: ArrayLike,
    right: ArrayLike,
    *,
    single_binary: bool = False,
    clusters: ArrayLike | None = None,
    n_scores: int | None = None,
    level: float = 0.95,
    span: float | None = 1.0,
    rng: np.random.Generator | None = None,
) -> Contrast:
    """Compare two sides on their common items (Miller 2024: paired differences of item means).

    Args:
        left: Item means on the left side, shape (items,), aligned with `right`; NaN where the side has none.
        right: Item means on the right side.
        single_binary: Whether every mean is one binary score (one attempt per item and side).
        clusters: Labels of items that belong together (translations, templates), shape (items,).
        n_scores: Scored attempts on both sides over the common items; None: two per common item.
        level: Confidence level of the interval; `wide_interval` stands at 2 level - 1.
        span: Width of the scale, which bounds a difference to ±span; None where the scale has no bounds.
        rng: Generator for random sign flips; without it mid-size samples take the t test.

    Raises:
        ValueError: If shapes differ, the level is not in (0.5, 1), or `single_binary` scores are not 0 or 1.
    """
    if check_level(level) <= 0.5:
        raise ValueError("the level of a paired difference must be above 0.5")
    a, b = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    _check(a, b, clusters)
    common = np.isfinite(a) & np.isfinite(b)
    n = int(common.sum())
    scores = 2 * n if n_scores is None else int(n_scores)
    if n == 0:
        nothing = empty(Reason.NO_PAIRS, "paired_t")
        return Contrast(
            difference=nothing, wide_interval=None, p_value=None, test=None, n_common=0, n_units=0
        )
    a, b = a[common], b[common]
    if single_binary and not (np.isin(a, (0.0, 1.0)).all() and np.isin(b, (0.0, 1.0)).all()):
        raise ValueError("single_binary needs scores that are 0 or 1")
    if single_binary and clusters is None:
        return _binary(a, b, level)
    codes = (
        None if clusters is None else np.unique(np.asarray(clusters)[common], return_inverse=True)[1].ravel()
    )
    n_units = n if codes is None else int(codes.max()) + 1
    differences = np.where(np.abs(a - b) < 1e-12, 0.0, a - b)
    if n_units < 2:
        reason = Reason.ONE_ITEM if n == 1 else Reason.ONE_CLUSTER
        estimate = Estimate(
            value=float(differences.mean()), interval=None, standard_error=None, n_items=n_units,
            n_scores=scores,
            method="paired_t", reason=reason,
        )  # fmt: skip
        return Contrast(
            difference=estimate, wide_interval=None, p_value=None, test=None, n_common=n, n_units=n_units
        )
    estimate, wide, p_value, test = _continuous(_moments(differences, codes), scores, level, span, rng)
    return Contrast(
        difference=estimate, wide_interval=wide, p_value=p_value, test=test, n_common=n, n_units=n_units
    )
