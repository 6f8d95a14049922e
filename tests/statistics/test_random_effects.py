"""Random-effects summaries against statsmodels and their defining equations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from consilience.statistics.estimate import Reason
from consilience.statistics.random_effects import (
    dersimonian_laird,
    paule_mandel,
    q_profile,
    random_effects,
    within_bounds,
)

VALUES = np.array([0.61, 0.55, 0.70, 0.42, 0.66, 0.58])
VARIANCES = np.array([0.001, 0.002, 0.0015, 0.001, 0.003, 0.0008])


def test_estimators_equal_statsmodels() -> None:
    laird = combine_effects(VALUES, VARIANCES, method_re="chi2", use_t=True)
    mandel = combine_effects(VALUES, VARIANCES, method_re="iterated", use_t=True, atol=1e-14)
    assert dersimonian_laird(VALUES, VARIANCES) == pytest.approx(laird.tau2, rel=1e-9)
    assert paule_mandel(VALUES, VARIANCES) == pytest.approx(mandel.tau2, rel=1e-6)


def test_hartung_knapp_equals_statsmodels() -> None:
    expected = combine_effects(VALUES, VARIANCES, method_re="chi2", use_t=True)
    got = random_effects(VALUES, VARIANCES, estimator=dersimonian_laird)
    assert got.mean.value == pytest.approx(expected.mean_effect_re, rel=1e-9)
    assert got.q == pytest.approx(expected.q, rel=1e-9)
    assert got.i_squared == pytest.approx(expected.i2, rel=1e-9)
    assert got.p_homogeneous == pytest.approx(stats.chi2.sf(expected.q, 5), rel=1e-9)
    error = expected.sd_eff_w_re_hksj if expected.scale_hksj_re > 1 else expected.sd_eff_w_re
    assert got.mean.standard_error == pytest.approx(error, rel=1e-9)


def test_i_squared_of_any_spread_is_on_the_scale_of_statsmodels() -> None:
    """With the moment estimator it is statsmodels' I2; with Paule and Mandel's, the same typical variance."""
    expected = combine_effects(VALUES, VARIANCES, method_re="chi2", use_t=True)
    typical = expected.tau2 * (1 - expected.i2) / expected.i2
    mandel = combine_effects(VALUES, VARIANCES, method_re="iterated", use_t=True, atol=1e-14)
    got = random_effects(VALUES, VARIANCES)
    assert got.tau2 == pytest.approx(mandel.tau2, rel=1e-6)
    assert got.i_squared == pytest.approx(mandel.tau2 / (mandel.tau2 + typical), rel=1e-6)
    ends = [got.tau2_interval.low, got.tau2_interval.high]
    assert [got.i_squared_interval.low, got.i_squared_interval.high] == pytest.approx(
        [end / (end + typical) for end in ends]
    )


def test_intervals_are_cut_where_the_scale_ends() -> None:
    got = random_effects([0.1, 0.5, 0.9], [0.001] * 3)
    cut = within_bounds(got, (0.0, 1.0))
    assert got.prediction.low < 0 < 1 < got.prediction.high
    assert (cut.prediction.low, cut.prediction.high) == (0.0, 1.0)
    assert (cut.mean.interval.low, cut.mean.interval.high) == (0.0, 1.0)
    assert cut.tau2_interval.high == 0.25 < got.tau2_interval.high
    assert within_bounds(got, None) is got
    one = random_effects([0.5], [0.01])
    assert within_bounds(one, (0.0, 1.0)) == one


def test_paule_mandel_and_q_profile_solve_their_equations() -> None:
    def q(tau2: float) -> float:
        w = 1 / (VARIANCES + tau2)
        return float((w * (VALUES - (w * VALUES).sum() / w.sum()) ** 2).sum())

    assert q(paule_mandel(VALUES, VARIANCES)) == pytest.approx(5, rel=1e-9)
    interval = q_profile(VALUES, VARIANCES)
    assert q(interval.low) == pytest.approx(stats.chi2.ppf(0.975, 5), rel=1e-9)
    assert q(interval.high) == pytest.approx(stats.chi2.ppf(0.025, 5), rel=1e-9)


def test_prediction_is_wider_than_the_mean() -> None:
    got = random_effects(VALUES, VARIANCES)
    assert got.prediction.low < got.mean.interval.low
    assert got.prediction.high > got.mean.interval.high
    half = stats.t.ppf(0.975, 4) * np.sqrt(got.tau2 + got.mean.standard_error**2)
    assert got.prediction.high - got.mean.value == pytest.approx(half)


def test_results_that_agree_by_chance_do_not_narrow_the_interval() -> None:
    got = random_effects([0.5, 0.5, 0.5], [0.01, 0.01, 0.01])
    assert got.mean.standard_error == pytest.approx(np.sqrt(0.01 / 3))
    assert (got.tau2, got.i_squared) == (0.0, 0.0)
    assert got.tau2_raw < 0
    assert got.tau2_interval.low == 0.0


def test_one_and_no_result_are_stated() -> None:
    one = random_effects([0.5], [0.01])
    assert (one.mean.value, one.mean.interval, one.tau2, one.reason) == (
        0.5,
        None,
        None,
        Reason.ONE_LABORATORY,
    )
    none = random_effects([], [])
    assert (none.mean.value, none.reason) == (None, Reason.NO_SCORES)
    two = random_effects([0.5, 0.7], [0.01, 0.01])
    assert two.prediction is None


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        random_effects([0.5, 0.6], [0.01, 0.0])


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.001, 0.1)), min_size=2, max_size=12), st.randoms())
def test_order_does_not_matter(rows, random) -> None:
    y, v = np.array(rows).T
    order = list(range(len(rows)))
    random.shuffle(order)
    first, second = random_effects(y, v), random_effects(y[order], v[order])
    assert second.mean.value == pytest.approx(first.mean.value)
    assert second.tau2 == pytest.approx(first.tau2, rel=1e-6, abs=1e-10)
    assert first.tau2_interval.low <= first.tau2 + 1e-9
    assert first.tau2 <= first.tau2_interval.high + 1e-9


def test_coverage_of_the_mean_and_the_spread() -> None:
    rng = np.random.default_rng(3)
    mean_hits = spread_hits = 0
    for _ in range(1000):
        v = rng.uniform(0.0005, 0.003, 8)
        got = random_effects(rng.normal(0.5, 0.05, 8) + rng.normal(0, np.sqrt(v)), v)
        mean_hits += got.mean.interval.low <= 0.5 <= got.mean.interval.high
        spread_hits += got.tau2_interval.low <= 0.0025 <= got.tau2_interval.high
    assert mean_hits / 1000 == pytest.approx(0.955, abs=0.02)
    assert spread_hits / 1000 == pytest.approx(0.95, abs=0.02)
