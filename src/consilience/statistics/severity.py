"""Severity of raters by an additive model: score = object + rater + error, on incomplete data.

The same model serves judges, human raters, and reviewers of a call. Objects are items (or proposals); each is
rated by some of the raters. `fixed` compares raters by least squares and assumes nothing about them; `mixed`
takes objects and raters as drawn from populations (REML) and draws estimates from few ratings to the mean.

Invariants: severities of a connected set add to 0; a constant added to all scores changes nothing but the
objects' values; a constant added to one rater's scores leaves the order of the objects as it is (fixed);
raters that share no objects are not compared without saying so; one rater has no severity; objects that
belong together (answers to one item) do not count as independent where `clusters` says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from consilience.statistics.clustered_raters import cluster_codes, clustered_errors, equality_p
from consilience.statistics.crossed_reml import fit_crossed
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
from consilience.statistics.ratings import Ratings, connected_sets, rating_rows

CHUNK = 4_000_000
"""Most numbers held at once while the objects' errors are computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterSeverity:
    """One rater. Severity above 0: gives lower scores than the mean rater of the set to the same objects."""

    rater: int
    severity: Estimate
    n_ratings: int
    connected_set: int | None
    """Raters with the same number are linked by shared objects; None: rated nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectValues:
    """Objects' values as a mean rater would score them; arrays of length n_objects, NaN where not rated."""

    value: FloatArray
    raw: FloatArray
    """Mean of the scores as they were given."""
    standard_error: FloatArray
    n_ratings: IntArray
    connected_set: IntArray
    """-1 where not rated."""
    df: float | None
    level: float
    method: str
    reason: Reason | None

    def estimate(self, number: int) -> Estimate:
        """Return the value of one object."""
        value, error = finite(self.value[number]), positive(self.standard_error[number])
        n = int(self.n_ratings[number])
        if value is None:
            return empty(Reason.NO_SCORES, self.method)
        interval = None
        if error is not None and self.df is not None:
            half = float(t_quantile(self.level, self.df)) * error
            interval = Interval(low=value - half, high=value + half, level=self.level, method=self.method)
        return Estimate(
            value=value, interval=interval, standard_error=error, n_items=n, n_scores=n, method=self.method,
            reason=self.reason or (Reason.NO_INTERVAL if interval is None else None),
            df=self.df if interval is not None else None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Severity:
    """Severity of all raters and adjusted values of all objects.

    `rater_sd` and `object_sd` are known in the mixed model only. `p_equal` tests that all raters are equally
    severe (fixed model). `reason` may stand beside numbers: `confounded` says that there are several
    connected sets (`n_sets`), and that numbers compare only within one; in the mixed model they compare
    across sets if objects went to raters at random.
    """

    raters: tuple[RaterSeverity, ...]
    objects: ObjectValues
    residual_sd: float | None
    rater_sd: float | None
    object_sd: float | None
    p_equal: float | None
    n_sets: int
    n_ratings: int
    method: str
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class _Fit:
    """What either model found; variances are of estimates, NaN where unknown."""

    effect: FloatArray
    effect_variance: FloatArray
    value: FloatArray
    value_variance: FloatArray
    error_var: float | None
    df: float | None
    method: str
    rater_var: float | None = None
    object_var: float | None = None
    p_equal: float | None = None
    effect_df: FloatArray | None = None
    """By rater, where they differ."""
    n_units: IntArray | None = None
    """Clusters that each rater rated."""


def _least_squares(rows: Ratings, sets: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rater effects, generalised inverse of their information matrix, and right-hand sides."""
    incidence = rows.incidence()
    share = incidence * (1.0 / rows.object_counts)[:, None]
    information = np.diag(rows.rater_counts) - (incidence.T @ share).toarray()
    right = np.bincount(rows.rater, weights=rows.centred(), minlength=rows.n_raters)
    inverse = np.zeros_like(information)
    for number in range(int(sets.max()) + 1):
        members = np.flatnonzero(sets == number)
        where = np.ix_(members, members)
        inverse[where] = np.linalg.pinv(information[where], rcond=1e-11, hermitian=True)
    return np.asarray(inverse @ right, dtype=np.float64), inverse, np.asarray(right, dtype=np.float64)


def _fixed(rows: Ratings, sets: IntArray, of_object: IntArray | None) -> _Fit:
    """Least squares after the objects are swept out (Searle 1971, ch. 7: two-way, no interaction)."""
    method = "additive_raters" if of_object is None else "additive_raters_clustered"
    effect, inverse, right = _least_squares(rows, sets)
    value = rows.object_means(rows.score - effect[rows.rater])
    df_raters = float(rows.n_raters - int(sets.max()) - 1)
    df = float(rows.score.size - rows.n_objects) - df_raters
    between = float(effect @ right)
    residual = rows.score - effect[rows.rater] - value[rows.object]
    rest = float(residual @ residual)
    unknown = np.full(rows.n_raters, np.nan), np.full(rows.n_objects, np.nan)
    if df < 1.0 or rest <= 1e-20 * max(float((rows.score**2).sum()), 1e-300):
        return _Fit(effect, unknown[0], value, unknown[1], None, None, method)
    error = rest / df
    if of_object is not None:
        found = clustered_errors(rows, inverse, residual, of_object)
        return _Fit(
            effect, np.diag(found.covariance), value, error * _object_variances(rows, inverse), error, df,
            method, p_equal=equality_p(effect, found, int(df_raters)), effect_df=found.df,
            n_units=found.n_clusters,
        )  # fmt: skip
    p_equal = special.fdtrc(df_raters, df, between / df_raters / error) if df_raters else None
    return _Fit(
        effect, error * np.diag(inverse), value, error * _object_variances(rows, inverse), error, df, method,
        p_equal=finite(p_equal),
    )  # fmt: skip


def _object_variances(rows: Ratings, inverse: FloatArray) -> FloatArray:
    """Variance of each adjusted object mean, in units of the error's: 1 / n plus that of its raters' mean."""
    incidence, counts = rows.incidence(), rows.object_counts
    result = np.empty(rows.n_objects)
    step = max(1, CHUNK // max(rows.n_raters, 1))
    for start in range(0, rows.n_objects, step):
        block = slice(start, start + step)
        share = incidence[block].toarray() / counts[block][:, None]
        result[block] = 1.0 / counts[block] + np.einsum("ij,ij->i", share @ inverse, share)
    return result


def _mixed(rows: Ratings) -> _Fit | None:
    fit = fit_crossed(rows)
    if fit is None:
        return None
    return _Fit(
        fit.rater_effect, fit.rater_variance, fit.object_value, fit.object_variance, fit.error_var,
        max(float(rows.score.size - 1), 1.0), "mixed_raters", rater_var=fit.rater_var,
        object_var=fit.object_var,
    )  # fmt: skip


def _rater(
    code: int, fit: _Fit, place: int, rows: Ratings, sets: IntArray, level: float, reason: Reason | None
) -> RaterSeverity:
    number, n = int(sets[place]), int(rows.rater_counts[place])
    alone = fit.method != "mixed_raters" and int((sets == number).sum()) < 2
    if fit.n_units is None:
        objects = int(np.unique(rows.object[rows.rater == place]).size)
    else:
        objects = int(fit.n_units[place])
        reason = reason or (Reason.ONE_CLUSTER if objects < 2 else None)
    if alone or rows.n_raters < 2:
        severity = empty(Reason.ONE_LEVEL, fit.method, n_items=objects, n_scores=n)
        return RaterSeverity(rater=code, severity=severity, n_ratings=n, connected_set=number)
    value = -float(fit.effect[place]) + 0.0
    df = fit.df if fit.effect_df is None else float(fit.effect_df[place])
    error = positive(math.sqrt(max(float(fit.effect_variance[place]), 0.0)) if df is not None else None)
    if reason is Reason.ONE_CLUSTER:
        error = None
    interval = None
    if error is not None and df is not None:
        half = float(t_quantile(level, df)) * error
        interval = Interval(low=value - half, high=value + half, level=level, method=fit.method)
    severity = Estimate(
        value=value, interval=interval, standard_error=error, n_items=objects, n_scores=n, method=fit.method,
        reason=reason or (Reason.NO_INTERVAL if interval is None else None),
        df=df if interval is not None else None,
    )  # fmt: skip
    return RaterSeverity(rater=code, severity=severity, n_ratings=n, connected_set=number)


def _objects(
    fit: _Fit, rows: Ratings, sets: IntArray, n_objects: int, level: float, reason: Reason | None
) -> ObjectValues:
    value, raw, error = (np.full(n_objects, np.nan) for _ in range(3))
    counts, numbers = np.zeros(n_objects, dtype=np.int64), np.full(n_objects, -1, dtype=np.int64)
    value[rows.objects] = fit.value
    raw[rows.objects] = rows.object_means(rows.score)
    error[rows.objects] = np.sqrt(fit.value_variance)
    counts[rows.objects] = rows.object_counts.astype(np.int64)
    numbers[rows.objects] = sets
    return ObjectValues(
        value=value, raw=raw, standard_error=error, n_ratings=counts, connected_set=numbers, df=fit.df,
        level=level, method=fit.method, reason=reason,
    )  # fmt: skip


def _nothing(n_raters: int, n_objects: int, level: float, method: str) -> Severity:
    missing = np.full(n_objects, np.nan)
    objects = ObjectValues(
        value=missing, raw=missing, standard_error=missing, n_ratings=np.zeros(n_objects, dtype=np.int64),
        connected_set=np.full(n_objects, -1, dtype=np.int64), df=None, level=level, method=method,
        reason=Reason.NO_SCORES,
    )  # fmt: skip
    raters = tuple(
        RaterSeverity(rater=code, severity=empty(Reason.NO_SCORES, method), n_ratings=0, connected_set=None)
        for code in range(n_raters)
    )
    return Severity(
        raters=raters, objects=objects, residual_sd=None, rater_sd=None, object_sd=None, p_equal=None,
        n_sets=0, n_ratings=0, method=method, reason=Reason.NO_SCORES,
    )  # fmt: skip


def rater_severity(
    objects: ArrayLike,
    raters: ArrayLike,
    scores: ArrayLike,
    *,
    model: Literal["fixed", "mixed"] = "fixed",
    clusters: ArrayLike | None = None,
    n_objects: int | None = None,
    n_raters: int | None = None,
    level: float = 0.95,
) -> Severity:
    """Return the severity of each rater and the value of each object, adjusted for who rated it.

    Fixed: least squares of score = object + rater (the additive, many-facet model; Linacre 1989 for the
    idea, Searle 1971, ch. 7, for the estimates), with Student's interval; severities of a connected set
    (Weeks & Williams 1964) add to 0. Mixed: both random, variances by REML (Patterson & Thompson 1971),
    predictions by the mixed-model equations (Henderson 1975); for few ratings per object or rater. Its errors
    are averaged over what the restricted likelihood leaves open of the raters' spread (Gelman 2006).
    Fixed with clusters: errors of the raters' effects by CR2 with Satterthwaite's degrees of freedom (Bell &
    McCaffrey 2002); a rater's `n_items` are then the clusters that it rated.

    Args:
        objects: Code of the rated object, integers from 0 on, shape (ratings,).
        raters: Code of the rater, shape (ratings,).
        scores: The scores; NaN: not scored.
        model: `fixed` or `mixed`.
        clusters: Label of what the object belongs to (the item of an answer), shape (ratings,); fixed only.
        n_objects: Number of objects, also those without a score; None: as the codes say.
        n_raters: Number of raters.
        level: Confidence level.

    Raises:
        ValueError: If shapes or codes are wrong, the model is unknown, or there are too many raters.
    """
    check_level(level)
    method = _method(model, clustered=clusters is not None)
    rows = rating_rows(objects, raters, scores)
    total_raters = _size(n_raters, np.asarray(raters), "raters")
    total_objects = _size(n_objects, np.asarray(objects), "objects")
    if rows.score.size == 0:
        return _nothing(total_raters, total_objects, level, method)
    rater_sets, object_sets = connected_sets(rows)
    n_sets = int(rater_sets.max()) + 1
    fit = _mixed(rows) if model == "mixed" else None
    if fit is None:
        scored = ~np.isnan(np.asarray(scores, dtype=np.float64))
        of_object = None if clusters is None else cluster_codes(rows, clusters, scored)
        fit = _fixed(rows, rater_sets, of_object)
    reason = Reason.ONE_LEVEL if rows.n_raters < 2 else Reason.CONFOUNDED if n_sets > 1 else None
    places = {int(code): place for place, code in enumerate(rows.raters)}
    entries = tuple(
        _rater(code, fit, places[code], rows, rater_sets, level, reason)
        if code in places
        else RaterSeverity(
            rater=code, severity=empty(Reason.NO_SCORES, method), n_ratings=0, connected_set=None
        )
        for code in range(total_raters)
    )
    return Severity(
        raters=entries, objects=_objects(fit, rows, object_sets, total_objects, level, reason),
        residual_sd=_root(fit.error_var), rater_sd=_root(fit.rater_var), object_sd=_root(fit.object_var),
        p_equal=fit.p_equal, n_sets=n_sets, n_ratings=int(rows.score.size), method=fit.method, reason=reason,
    )  # fmt: skip


def _method(model: str, *, clustered: bool) -> str:
    if model not in {"fixed", "mixed"}:
        raise ValueError(f"unknown model {model!r}; use 'fixed' or 'mixed'")
    if model == "mixed" and clustered:
        raise ValueError("the mixed model takes no clusters; use model='fixed'")
    if model == "mixed":
        return "mixed_raters"
    return "additive_raters_clustered" if clustered else "additive_raters"


def _size(given: int | None, codes: IntArray, name: str) -> int:
    needed = int(codes.max()) + 1 if codes.size else 0
    if given is not None and given < needed:
        raise ValueError(f"the codes of {name} reach {needed - 1}, but there are {given} {name}")
    return needed if given is None else given


def _root(variance: float | None) -> float | None:
    return None if variance is None else math.sqrt(max(variance, 0.0))
