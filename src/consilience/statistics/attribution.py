"""Which recorded setting goes with the spread between laboratories. An association, never a proof.

Between laboratories, effects are regressed on settings that were recorded for each (temperature, judge
version, harness as 0/1, date as a number). Within a laboratory that ran both settings on the same items the
difference is a paired one, and far stronger evidence, since nothing else differs.

Invariants: an association lies between those that pairs of laboratories show; fewer than four laboratories
give no interval and no p value; a setting that is the same
everywhere has no association; a setting that a single laboratory has is told as one with that laboratory;
settings that go together are named together; an unknown setting is left out, never taken as 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from consilience.statistics.contrasts import Contrast, paired_difference
from consilience.statistics.estimate import (
    ArrayLike,
    BoolArray,
    Estimate,
    FloatArray,
    Interval,
    Reason,
    check_level,
    empty,
)
from consilience.statistics.intervals import t_quantile
from consilience.statistics.laboratory_effects import laboratory_effects, laboratory_rows, shared_rows
from consilience.statistics.meta_regression import Regression, contrasts, permutation_p, regress
from consilience.statistics.multiplicity import holm
from consilience.statistics.random_effects import RandomEffects, random_effects

MIN_LABORATORIES = 4
"""Fewer laboratories with a known setting than this give no interval."""
CLOSE = 0.9
"""Settings with a correlation from this on cannot be told apart well."""
FLAT = 1e-12
"""Errors up to this size are rounding: the laboratories do not differ beyond the setting at all."""
MAX_SETTINGS = 200
"""More settings than this are refused."""
METHOD = "setting_regression"

Settings = Mapping[str, ArrayLike]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """How one setting goes with the laboratories' effects.

    `association` is per unit of the setting; for 0/1 the difference between laboratories with and without
    it. Its reason `confounded` stands beside numbers where a single laboratory has the setting. `between_sd`
    is the spread between these laboratories, `between_sd_with` what is left of it with the setting taken into
    account. `p_smallest` is the smallest p value that arrangements of the setting over these laboratories
    could give: above 0.05 they can show nothing at 5 %.
    """

    setting: str
    association: Estimate
    p_value: float | None
    p_adjusted: float | None
    """Holm over the settings."""
    p_permutation: float | None
    p_smallest: float | None
    between_sd: float | None
    between_sd_with: float | None
    n_laboratories: int
    """With a known setting."""
    leave_one_out: tuple[float | None, ...]
    """Per laboratory: the association of the others; None where it cannot be estimated."""
    sign_holds: bool | None
    """Whether the association keeps its sign whichever laboratory is left out."""
    same_as: tuple[str, ...]
    """Settings that the laboratories cannot tell apart from this one."""
    close_to: tuple[str, ...]
    """Settings that go closely with this one (correlation from `CLOSE` on)."""
    equal_weights: bool
    """Whether all laboratories count the same, whatever their errors (see `attribute`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WithinLaboratories:
    """Paired differences between two settings in the laboratories that ran both, and their summary.

    `reason` is `one_laboratory` where one laboratory alone ran both: the difference is that laboratory's.
    """

    contrasts: tuple[Contrast | None, ...]
    """Per laboratory; None where it did not run both."""
    summary: RandomEffects | None
    n_laboratories: int
    reason: Reason | None


def _columns(settings: Settings, size: int) -> dict[str, FloatArray]:
    if len(settings) > MAX_SETTINGS:
        raise ValueError(f"{len(settings)} settings; at most {MAX_SETTINGS} can be compared at once")
    columns = {}
    for name, values in settings.items():
        column = np.asarray(values, dtype=np.float64)
        if column.shape != (size,) or np.isinf(column).any():
            raise ValueError(f"setting {name!r} needs {size} finite numbers, or NaN where it is not known")
        columns[name] = column
    return columns


def _check(effects: ArrayLike, covariance: ArrayLike) -> tuple[FloatArray, FloatArray]:
    y, v = np.asarray(effects, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    if y.ndim != 1 or v.shape != (y.size, y.size):
        raise ValueError(f"effects need the shape (k,) and covariance (k, k), not {y.shape} and {v.shape}")
    known = np.isfinite(y)
    if not np.isfinite(v[np.ix_(known, known)]).all():
        raise ValueError("the covariance of known effects must be finite")
    return y, v


def _varies(column: FloatArray) -> bool:
    return bool(column.size > 1 and np.ptp(column) > 1e-12 * max(1.0, float(np.abs(column).max())))


@dataclass(frozen=True, slots=True)
class _Fit:
    """A regression on one setting brought to unit spread; `scale` is that spread in its own units."""

    regression: Regression
    scale: float
    equal_weights: bool

    @property
    def slope(self) -> float:
        """Per unit of the setting."""
        return float(self.regression.coefficient[0]) / self.scale


def _regression(y: FloatArray, v: FloatArray, x: FloatArray) -> _Fit:
    """Regress by generalised least squares, or with equal weights where that is no average of pairs.

    With errors of their own and no correlation the slope is a weighted mean of the slopes between pairs of
    laboratories. Correlated errors can give pairs weights below 0, so that the slope lies beyond all of them;
    few laboratories, or a nearly singular covariance, leave nothing to hold against that.
    """
    scale = float(x.std())
    column = ((x - x.mean()) / scale)[:, None]
    if y.size >= MIN_LABORATORIES:
        fit = _Fit(regress(contrasts(y, v, column)), scale, equal_weights=False)
        if _between_pairs(fit.slope, y, x):
            return fit
    spread = float(np.trace(v) - v.sum() / y.size) / (y.size - 1.0)
    even = max(spread, 0.0) * np.eye(y.size)
    return _Fit(regress(contrasts(y, even, column)), scale, equal_weights=True)


def _between_pairs(slope: float, y: FloatArray, x: FloatArray) -> bool:
    """Whether a slope lies between the smallest and the largest slope of two laboratories."""
    left, right = np.triu_indices(y.size, 1)
    run, rise = x[left] - x[right], y[left] - y[right]
    apart = np.abs(run) > 1e-12 * max(1.0, float(np.abs(x).max()))
    slopes = rise[apart] / run[apart]
    slack = 1e-9 * max(float(np.abs(slopes).max()), FLAT)
    return bool(slopes.min() - slack <= slope <= slopes.max() + slack)


def _slope(y: FloatArray, v: FloatArray, x: FloatArray) -> float | None:
    """Association without its error, from two laboratories on."""
    if not _varies(x):
        return None
    if y.size == 2:
        return float((y[1] - y[0]) / (x[1] - x[0]))
    return _regression(y, v, x).slope


def _association(found: _Fit, n: int, level: float, reason: Reason | None) -> tuple[Estimate, float | None]:
    value, error = found.slope, float(found.regression.error[0]) / found.scale
    if not float(found.regression.error[0]) > FLAT:
        flat = Estimate(
            value=value, interval=None, standard_error=None, n_items=n, n_scores=n, method=METHOD,
            reason=Reason.ALL_DIFFERENCES_ZERO,
        )  # fmt: skip
        return flat, None
    df = found.regression.df
    half = float(t_quantile(level, df)) * error
    estimate = Estimate(
        value=value, interval=Interval(low=value - half, high=value + half, level=level, method=METHOD),
        standard_error=error, n_items=n, n_scores=n, method=METHOD, reason=reason, df=df,
    )  # fmt: skip
    return estimate, float(2.0 * special.stdtr(df, -abs(value) / error))


def _one(
    name: str, columns: dict[str, FloatArray], y: FloatArray, v: FloatArray, level: float,
    rng: np.random.Generator | None,
) -> Attribution:  # fmt: skip
    column = columns[name]
    known = np.flatnonzero(np.isfinite(column) & np.isfinite(y))
    x, y_k, v_k, n = column[known], y[known], v[np.ix_(known, known)], known.size
    same, close = _companions(name, columns, np.isfinite(y))
    p_value = p_permutation = p_smallest = before = after = None
    equal_weights = n < MIN_LABORATORIES
    left: list[float | None] = [None] * y.size
    if not _varies(x):
        association = empty(Reason.ONE_LEVEL if n else Reason.NO_SCORES, METHOD, n_items=n, n_scores=n)
    elif n < MIN_LABORATORIES:
        association = Estimate(
            value=_slope(y_k, v_k, x), interval=None, standard_error=None, n_items=n, n_scores=n,
            method=METHOD, reason=Reason.FEW_LABORATORIES,
        )  # fmt: skip
    else:
        fit = _regression(y_k, v_k, x)
        equal_weights = fit.equal_weights
        alone = np.unique(x).size == 2 and min(np.unique(x, return_counts=True)[1]) == 1
        reason = Reason.CONFOUNDED if alone else None
        association, p_value = _association(fit, n, level, reason)
        p_permutation, p_smallest = permutation_p(y_k, v_k, x, rng)
        before = math.sqrt(regress(contrasts(y_k, v_k, np.zeros((n, 0)))).tau2)
        after = math.sqrt(fit.regression.tau2)
        for place, laboratory in enumerate(known):
            rest = np.delete(np.arange(n), place)
            left[laboratory] = _slope(y_k[rest], v_k[np.ix_(rest, rest)], x[rest])
    signs = [np.sign(value) for value in left if value is not None]
    holds = None
    if p_value is not None and signs and association.value is not None:
        holds = all(sign == np.sign(association.value) for sign in signs)
    return Attribution(
        setting=name, association=association, p_value=p_value, p_adjusted=None, p_permutation=p_permutation,
        p_smallest=p_smallest, between_sd=before, between_sd_with=after, n_laboratories=n,
        leave_one_out=tuple(left), sign_holds=holds, same_as=same, close_to=close,
        equal_weights=equal_weights,
    )  # fmt: skip


def _companions(
    name: str, columns: dict[str, FloatArray], used: BoolArray
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    same, close = [], []
    for other, column in columns.items():
        both = np.isfinite(columns[name]) & np.isfinite(column) & used
        if other == name or not (_varies(columns[name][both]) and _varies(column[both])):
            continue
        alike = abs(float(np.corrcoef(columns[name][both], column[both])[0, 1]))
        if alike > 1.0 - 1e-9:
            same.append(other)
        elif alike >= CLOSE:
            close.append(other)
    return tuple(same), tuple(close)


def attribute(
    effects: ArrayLike, covariance: ArrayLike, settings: Settings, *, level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> tuple[Attribution, ...]:  # fmt: skip
    """Return the association of each setting, one at a time, with the laboratories' effects.

    Random-effects meta-regression (Thompson & Higgins 2002) with Paule and Mandel's variance, Knapp and
    Hartung's errors (2003) and Student's t with laboratories - 2 degrees of freedom; beside it a permutation
    test (Higgins & Thompson 2004). An association always lies between those that pairs of laboratories show:
    where correlated errors would take it beyond, and with fewer than `MIN_LABORATORIES`, all laboratories
    count the same (ordinary least squares).

    Args:
        effects: Effect of each laboratory, shape (k,), NaN where it has none.
        covariance: Covariance of their errors, shape (k, k); it may be singular (effects that add to 0).
        settings: Per setting a number per laboratory, shape (k,): 0/1, or numeric; NaN where not known. A
            setting with several names is given as one 0/1 setting per name.
        level: Confidence level.
        rng: Generator for random arrangements where they are too many to enumerate.

    Raises:
        ValueError: If shapes differ or there are more than `MAX_SETTINGS` settings.
    """
    check_level(level)
    y, v = _check(effects, covariance)
    columns = _columns(settings, y.size)
    found = [_one(name, columns, y, v, level, rng) for name in columns]
    adjusted = holm([entry.p_value for entry in found])
    return tuple(replace(entry, p_adjusted=p) for entry, p in zip(found, adjusted, strict=True))


def attribute_laboratories(
    laboratory: ArrayLike, item: ArrayLike, sums: ArrayLike, counts: ArrayLike, n_laboratories: int,
    settings: Settings, *, part: ArrayLike | None = None, level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> tuple[Attribution, ...]:  # fmt: skip
    """Return `attribute` of the laboratory effects of item rows, those that `between_laboratories` reports.

    Args:
        laboratory: Code of each row, as `interlaboratory.between_laboratories`; so are the next arguments.
        item: Code of the item.
        sums: Sum of the scores.
        counts: Number of scores.
        n_laboratories: Number of laboratories.
        settings: Per setting a number per laboratory code, shape (n_laboratories,).
        part: Code of the language.
        level: Confidence level.
        rng: See `attribute`.

    Raises:
        ValueError: If shapes or codes are wrong.
    """
    rows = laboratory_rows(laboratory, item, part, sums, counts, None, n_laboratories)
    shared = shared_rows(rows)
    found = laboratory_effects(shared) if shared.unit.size else None
    effect = np.full(n_laboratories, np.nan)
    covariance = np.full((n_laboratories, n_laboratories), np.nan)
    if found is not None:
        effect[found.present] = found.effect
        covariance[np.ix_(found.present, found.present)] = found.covariance
    return attribute(effect, covariance, settings, level=level, rng=rng)


def within_laboratories(
    laboratory: ArrayLike, left: ArrayLike, right: ArrayLike, n_laboratories: int, *,
    clusters: ArrayLike | None = None, single_binary: bool = False, span: float | None = 1.0,
    level: float = 0.95, rng: np.random.Generator | None = None,
) -> WithinLaboratories:  # fmt: skip
    """Return the paired difference `left - right` of two settings in each laboratory that ran both.

    Args:
        laboratory: Code of each row, shape (rows,), one row per laboratory × item.
        left: Item means with the one setting, NaN where it was not run.
        right: Item means with the other setting.
        n_laboratories: Number of laboratories.
        clusters: Labels of rows that belong together, such as translations; see `paired_difference`.
        single_binary: See `paired_difference`.
        span: See `paired_difference`.
        level: Confidence level.
        rng: See `paired_difference`.

    Raises:
        ValueError: If shapes or codes are wrong.
    """
    codes = np.asarray(laboratory)
    a, b = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if a.ndim != 1 or not codes.shape == a.shape == b.shape:
        raise ValueError("laboratory, left and right need one shape (rows,)")
    if codes.size and not 0 <= codes.min() <= codes.max() < n_laboratories:
        raise ValueError(f"laboratory codes must lie in [0, {n_laboratories})")
    labels = None if clusters is None else np.asarray(clusters)
    found: list[Contrast | None] = []
    for code in range(n_laboratories):
        mine = codes == code
        result = paired_difference(
            a[mine], b[mine], single_binary=single_binary, clusters=None if labels is None else labels[mine],
            level=level, span=span, rng=rng,
        )  # fmt: skip
        found.append(result if result.n_common else None)
    both = [c.difference for c in found if c is not None]
    usable = [d for d in both if d.value is not None and d.standard_error is not None]
    summary = None
    if len(usable) > 1:
        values = np.array([d.value for d in usable], dtype=np.float64)
        errors = np.array([d.standard_error for d in usable], dtype=np.float64)
        summary = random_effects(values, errors**2, level=level)
    reason = Reason.NO_PAIRS if not both else Reason.ONE_LABORATORY if len(both) == 1 else None
    return WithinLaboratories(
        contrasts=tuple(found), summary=summary, n_laboratories=len(both), reason=reason
    )
