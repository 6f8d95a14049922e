"""Severity of raters against closed forms, OLS and MixedLM; linked sets; degenerate designs; coverage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.statistics import ratings
from consilience.statistics.crossed_reml import CrossedEquations
from consilience.statistics.estimate import Reason
from consilience.statistics.ratings import rating_rows
from consilience.statistics.references import METHODS
from consilience.statistics.severity import rater_severity


def _balanced(objects: int, raters: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (
        rng.normal(0, 1, objects)[:, None] - rng.normal(0, 0.6, raters)[None, :]
        + rng.normal(3, 0.7, (objects, raters))
    )  # fmt: skip


def _sparse(objects: int, raters: int, each: int, seed: int):
    rng = np.random.default_rng(seed)
    truth, severity = rng.normal(0, 1, objects), rng.normal(0, 0.5, raters)
    o = np.repeat(np.arange(objects), each)
    r = np.concatenate([rng.choice(raters, each, replace=False) for _ in range(objects)])
    return o, r, truth[o] - severity[r] + rng.normal(2, 0.8, o.size), truth, severity


def _severities(result) -> np.ndarray:
    return np.array([entry.severity.value for entry in result.raters])


def _errors(result) -> np.ndarray:
    return np.array([entry.severity.standard_error for entry in result.raters])


def test_balanced_ratings_have_the_closed_form() -> None:
    table = _balanced(12, 4, 1)
    o, r = (x.ravel() for x in np.indices(table.shape))
    result = rater_severity(o, r, table.ravel())
    residual = table - table.mean(1)[:, None] - table.mean(0)[None, :] + table.mean()
    error = (residual**2).sum() / (11 * 3)
    assert _severities(result) == pytest.approx(table.mean() - table.mean(0), rel=1e-12)
    assert _errors(result) == pytest.approx(np.full(4, np.sqrt(error / 12 * 3 / 4)), rel=1e-12)
    assert result.objects.value == pytest.approx(table.mean(1), rel=1e-12)
    assert result.objects.standard_error == pytest.approx(np.full(12, np.sqrt(error / 4)), rel=1e-12)
    assert result.residual_sd == pytest.approx(np.sqrt(error))
    f = 12 * ((table.mean(0) - table.mean()) ** 2).sum() / 3 / error
    assert result.p_equal == pytest.approx(scipy.stats.f.sf(f, 3, 33), rel=1e-9)
    assert result.raters[0].severity.df == 33.0


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_incomplete_ratings_agree_with_least_squares_of_statsmodels(seed: int) -> None:
    o, r, y, _, _ = _sparse(40, 7, 3, seed)
    result = rater_severity(o, r, y)
    objects = np.eye(40)[o]
    raters = np.eye(7)[r][:, :6] - np.eye(7)[r][:, [6]]
    fit = sm.OLS(y, np.hstack([objects, raters])).fit()
    assert -_severities(result)[:6] == pytest.approx(fit.params[40:], rel=1e-9)
    assert _errors(result)[:6] == pytest.approx(fit.bse[40:], rel=1e-9)
    assert result.objects.value == pytest.approx(fit.params[:40], rel=1e-9)
    assert result.objects.standard_error == pytest.approx(fit.bse[:40], rel=1e-9)
    assert result.raters[0].severity.df == fit.df_resid
    restriction = np.hstack([np.zeros((6, 40)), np.eye(6)])
    assert result.p_equal == pytest.approx(float(fit.f_test(restriction).pvalue), rel=1e-8)
    interval = result.raters[2].severity.interval
    assert (-interval.high, -interval.low) == pytest.approx(tuple(fit.conf_int()[42]), rel=1e-8)


def test_mixed_agrees_with_mixedlm() -> None:
    o, r, y, _, _ = _sparse(40, 8, 3, 4)
    frame = pd.DataFrame({"o": o, "r": r, "y": y, "all": 1})
    model = smf.mixedlm(
        "y ~ 1", frame, groups="all", re_formula="0", vc_formula={"o": "0 + C(o)", "r": "0 + C(r)"}
    )
    fit = model.fit(reml=True)
    result = rater_severity(o, r, y, model="mixed")
    assert result.residual_sd**2 == pytest.approx(fit.scale, rel=1e-3)
    assert [result.object_sd**2, result.rater_sd**2] == pytest.approx(list(fit.vcomp), rel=3e-3)
    effects = fit.random_effects[1]
    raters = np.array([effects[f"r[C(r)[{code}]]"] for code in range(8)])
    objects = np.array([effects[f"o[C(o)[{code}]]"] for code in range(40)])
    assert -_severities(result) == pytest.approx(raters, abs=2e-3)
    assert result.objects.value == pytest.approx(float(fit.fe_params.iloc[0]) + objects, abs=2e-3)


def test_mixed_predictions_and_errors_agree_with_the_dense_equations() -> None:
    """Predictions at the fitted variances, and error variances at fixed ratios, from the whole matrix."""
    o, r, y, _, _ = _sparse(25, 6, 2, 5)
    result = rater_severity(o, r, y, model="mixed")
    w = np.hstack([np.ones((y.size, 1)), np.eye(25)[o], np.eye(6)[r]])
    pick = np.hstack([np.ones((25, 1)), np.eye(25), np.zeros((25, 6))])
    error = result.residual_sd**2
    a, b = error / result.object_sd**2, error / result.rater_sd**2
    inverse = np.linalg.inv(w.T @ w + np.diag([0.0, *np.full(25, a), *np.full(6, b)]))
    solution = inverse @ w.T @ y
    assert -_severities(result) == pytest.approx(solution[26:], rel=1e-7)
    assert result.objects.value == pytest.approx(pick @ solution, rel=1e-7)
    equations = CrossedEquations(rating_rows(o, r, y))
    plain = equations.predictions(equations.at(a**-0.5, b**-0.5), a**-0.5, b**-0.5)
    assert plain.error_var == pytest.approx(error, rel=1e-6)
    assert plain.rater_variance == pytest.approx(error * np.diag(inverse)[26:], rel=1e-6)
    assert plain.object_variance == pytest.approx(error * np.diag(pick @ inverse @ pick.T), rel=1e-6)
    assert (_errors(result) > 0.99 * np.sqrt(plain.rater_variance)).all()


def test_balanced_reml_is_the_analysis_of_variance() -> None:
    table = _balanced(30, 5, 7)
    o, r = (x.ravel() for x in np.indices(table.shape))
    result = rater_severity(o, r, table.ravel(), model="mixed")
    residual = table - table.mean(1)[:, None] - table.mean(0)[None, :] + table.mean()
    error = (residual**2).sum() / (29 * 4)
    assert result.residual_sd**2 == pytest.approx(error, rel=1e-5)
    assert result.rater_sd**2 == pytest.approx(table.mean(0).var(ddof=1) - error / 30, rel=1e-4)
    assert result.object_sd**2 == pytest.approx(table.mean(1).var(ddof=1) - error / 5, rel=1e-4)


def test_mixed_sets_a_variance_to_zero_where_raters_do_not_differ() -> None:
    rng = np.random.default_rng(3)
    table = rng.normal(0, 1, 60)[:, None] + rng.normal(0, 1, (60, 4))
    table -= table.mean(0)
    o, r = (x.ravel() for x in np.indices(table.shape))
    result = rater_severity(o, r, table.ravel(), model="mixed")
    assert result.rater_sd == 0.0
    assert all(e.severity.value == 0.0 for e in result.raters)
    assert 0.0 < result.raters[0].severity.standard_error < 1.0 / np.sqrt(60)


def test_few_reviews_are_drawn_to_the_mean_and_recover_the_order_better() -> None:
    raw, adjusted, mixed = [], [], []
    for seed in range(6):
        o, r, y, truth, _ = _sparse(300, 25, 2, 100 + seed)
        fixed, shrunk = rater_severity(o, r, y), rater_severity(o, r, y, model="mixed")
        raw.append(np.corrcoef(fixed.objects.raw, truth)[0, 1])
        adjusted.append(np.corrcoef(fixed.objects.value, truth)[0, 1])
        mixed.append(np.corrcoef(shrunk.objects.value, truth)[0, 1])
        assert shrunk.objects.value.std() < fixed.objects.value.std()
    assert np.mean(mixed) > np.mean(adjusted) > np.mean(raw)


def test_unlinked_raters_are_told_apart_and_not_compared_silently() -> None:
    o = np.array([0, 0, 1, 1, 2, 2, 5, 5, 6, 6])
    r = np.array([0, 1, 0, 1, 0, 1, 2, 3, 2, 3])
    y = np.array([1.0, 2, 1, 2.5, 3, 4, 7, 9, 8, 9.5])
    result = rater_severity(o, r, y, n_objects=8)
    assert result.n_sets == 2
    assert result.reason is Reason.CONFOUNDED
    assert [e.connected_set for e in result.raters] == [0, 0, 1, 1]
    assert list(result.objects.connected_set) == [0, 0, 0, -1, -1, 1, 1, -1]
    assert {e.severity.reason for e in result.raters} == {Reason.CONFOUNDED}
    values = _severities(result)
    assert values[0] + values[1] == pytest.approx(0)
    assert values[2] + values[3] == pytest.approx(0)
    alone = rater_severity(o[:6], r[:6], y[:6])
    assert _severities(alone) == pytest.approx(values[:2])
    assert result.objects.estimate(3).reason is Reason.NO_SCORES
    assert result.objects.estimate(0).reason is Reason.CONFOUNDED
    mixed = rater_severity(o, r, y, model="mixed")
    assert mixed.n_sets == 2
    assert mixed.reason is Reason.CONFOUNDED


def test_a_rater_whose_objects_nobody_else_saw_has_no_severity() -> None:
    o, r, y, _, _ = _sparse(20, 4, 2, 8)
    result = rater_severity(np.append(o, [20, 21]), np.append(r, [4, 4]), np.append(y, [1.0, 2.0]))
    assert result.raters[4].severity.value is None
    assert result.raters[4].severity.reason is Reason.ONE_LEVEL
    assert result.raters[4].connected_set == 1
    assert _severities(result)[:4] == pytest.approx(_severities(rater_severity(o, r, y)))


def test_degenerate_designs_have_stated_answers() -> None:
    one = rater_severity([0, 1, 2], [0, 0, 0], [1.0, 2.0, 3.0])
    assert one.reason is Reason.ONE_LEVEL
    assert one.raters[0].severity.value is None
    assert one.p_equal is None
    assert one.objects.estimate(1).value == 2.0
    assert one.objects.estimate(1).interval is None
    nothing = rater_severity([0, 1], [0, 1], [np.nan, np.nan])
    assert nothing.reason is Reason.NO_SCORES
    assert nothing.raters[1].severity.reason is Reason.NO_SCORES
    assert nothing.objects.estimate(0).value is None
    equal = rater_severity([0, 0, 1, 1], [0, 1, 0, 1], [1.0] * 4)
    assert [e.severity.value for e in equal.raters] == [0.0, 0.0]
    assert equal.raters[0].severity.interval is None
    assert equal.raters[0].severity.reason is Reason.NO_INTERVAL
    same = rater_severity([0, 0, 1, 1], [0, 1, 0, 1], [1.0] * 4, model="mixed")
    assert same.raters[0].severity.value == 0.0
    absent = rater_severity([0, 0, 1, 1], [0, 2, 0, 2], [1.0, 2, 3, 5])
    assert absent.raters[1].severity.reason is Reason.NO_SCORES
    no_rest = rater_severity([0, 0], [0, 1], [1.0, 2.0])
    assert [e.severity.value for e in no_rest.raters] == pytest.approx([0.5, -0.5])
    assert no_rest.raters[0].severity.reason is Reason.NO_INTERVAL
    assert rater_severity([], [], []).reason is Reason.NO_SCORES


def test_wrong_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="shape"):
        rater_severity([0, 1], [0], [1.0, 2.0])
    with pytest.raises(ValueError, match="integers"):
        rater_severity([0, -1], [0, 1], [1.0, 2.0])
    with pytest.raises(ValueError, match="finite"):
        rater_severity([0, 1], [0, 1], [1.0, np.inf])
    with pytest.raises(ValueError, match="model"):
        rater_severity([0, 1], [0, 1], [1.0, 2.0], model="bayes")
    with pytest.raises(ValueError, match="raters"):
        rater_severity([0, 1], [0, 1], [1.0, 2.0], n_raters=1)
    monkeypatch.setattr(ratings, "MAX_RATERS", 3)
    with pytest.raises(ValueError, match="at most 3"):
        rater_severity([0, 0, 0, 0], [0, 1, 2, 3], [1.0, 2, 3, 4])


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from(["fixed", "mixed"]))
def test_order_labels_and_shifts_change_only_what_they_should(seed: int, model: str) -> None:
    rng = np.random.default_rng(seed)
    o, r, y, _, _ = _sparse(15, 5, 3, seed)
    base = rater_severity(o, r, y, model=model)
    shuffle, rename = rng.permutation(o.size), rng.permutation(5)
    other = rater_severity(o[shuffle], rename[r[shuffle]], y[shuffle] + 7.0, model=model)
    assert _severities(other)[rename] == pytest.approx(_severities(base), abs=1e-4)
    assert other.objects.value == pytest.approx(base.objects.value + 7.0, abs=1e-4)
    if model == "fixed":
        harsher = rater_severity(o, r, y - 2.0 * (r == 1), model=model)
        gap = _severities(harsher) - _severities(base)
        assert gap[1] - np.delete(gap, 1) == pytest.approx(np.full(4, 2.0))
        assert np.ptp(harsher.objects.value - base.objects.value) == pytest.approx(0.0, abs=1e-9)


def test_intervals_cover() -> None:
    hits = {"fixed": [], "mixed": []}
    for seed in range(120):
        o, r, y, _, severity = _sparse(60, 10, 2, 1000 + seed)
        for model, found in hits.items():
            result = rater_severity(o, r, y, model=model)
            target = severity - severity.mean() if model == "fixed" else severity
            for entry, true in zip(result.raters, target, strict=True):
                interval = entry.severity.interval
                found.append(interval is not None and interval.low <= true <= interval.high)
    assert 0.92 < np.mean(hits["fixed"]) < 0.98
    assert 0.92 < np.mean(hits["mixed"]) < 0.99


def test_methods_have_references() -> None:
    o, r, y, _, _ = _sparse(10, 3, 2, 0)
    assert {rater_severity(o, r, y, model=m).method for m in ("fixed", "mixed")} <= set(METHODS)
