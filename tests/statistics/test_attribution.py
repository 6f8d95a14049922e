"""Attribution against weighted least squares, the BCG trials and brute-force permutation; guards."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.statistics import attribution, meta_regression
from consilience.statistics.attribution import (
    attribute,
    attribute_laboratories,
    within_laboratories,
)
from consilience.statistics.contrasts import paired_difference
from consilience.statistics.estimate import Reason
from consilience.statistics.references import METHODS

BCG = np.array([
    [4, 119, 11, 128, 44], [6, 300, 29, 274, 55], [3, 228, 11, 209, 42], [62, 13536, 248, 12619, 52],
    [33, 5036, 47, 5761, 13], [180, 1361, 372, 1079, 44], [8, 2537, 10, 619, 19],
    [505, 87886, 499, 87892, 13], [29, 7470, 45, 7232, 27], [17, 1699, 65, 1600, 42],
    [186, 50448, 141, 27197, 18], [5, 2493, 3, 2338, 33],
    [27, 16886, 29, 17825, 33],
])  # fmt: skip
"""BCG vaccine trials (tpos, tneg, cpos, cneg, latitude): Berkey et al. (1995), Stat. Med. 14:395-411."""


def _bcg():
    a, b, c, d, latitude = BCG.T.astype(float)
    return np.log(a / (a + b)) - np.log(c / (c + d)), 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d), latitude


def _exercise(labs: int, items: int, setting, effect: float, seed: int, spread: float = 0.0):
    rng = np.random.default_rng(seed)
    logit = (
        rng.normal(0, 1, items)[:, None] + effect * np.asarray(setting)[None, :] + rng.normal(0, spread, labs)
    )
    scores = rng.random((items, labs)) < 1 / (1 + np.exp(-logit))
    item, lab = (x.ravel() for x in np.indices(scores.shape))
    return lab, item, scores.ravel().astype(float), np.ones(scores.size)


def test_the_bcg_trials_and_weighted_least_squares() -> None:
    """Latitude: -0.029 per degree, the published value by moments and by REML (Berkey et al. 1995)."""
    y, v, latitude = _bcg()
    found = attribute(y, np.diag(v), {"latitude": latitude})[0]
    assert round(found.association.value, 3) == -0.029
    tau2 = found.between_sd_with**2
    fit = sm.WLS(y, sm.add_constant(latitude), weights=1 / (v + tau2)).fit()
    assert found.association.value == pytest.approx(fit.params[1], rel=1e-9)
    error = np.sqrt(fit.normalized_cov_params[1, 1] * max(1.0, fit.scale))
    assert found.association.standard_error == pytest.approx(error, rel=1e-6)
    assert float(fit.scale) == pytest.approx(1.0, rel=1e-6)
    assert found.association.df == 11
    assert found.between_sd > found.between_sd_with > 0
    assert found.p_value < 0.01
    assert found.sign_holds


def _pairs(y: np.ndarray, x: np.ndarray) -> list[float]:
    return [
        (y[i] - y[j]) / (x[i] - x[j]) for i, j in itertools.combinations(range(len(y)), 2) if x[i] != x[j]
    ]


def test_three_laboratories_give_what_lies_between_their_pairs() -> None:
    """Errors that go closely together: generalised least squares alone falls, where both pairs rise."""
    y, x = np.array([0.1, 0.3, 0.7]), np.array([0.0, 1.0, 1.0])
    v = np.array([[0.01, 0.0, 0.0], [0.0, 0.200, 0.398], [0.0, 0.398, 0.800]])
    assert np.linalg.eigvalsh(v).min() > 0
    plain = meta_regression.regress(meta_regression.contrasts(y, v, x[:, None]))
    assert plain.coefficient[0] < 0.0 < min(_pairs(y, x))
    found = attribute(y, v, {"x": x})[0]
    assert found.association.value == pytest.approx(0.4)
    assert found.equal_weights
    assert found.association.reason is Reason.FEW_LABORATORIES


def test_a_nearly_singular_covariance_does_not_lead_beyond_the_pairs() -> None:
    y, x = np.array([0.1, 0.15, 0.3, 0.7]), np.array([0.0, 0.0, 1.0, 1.0])
    v = 0.0001 * np.eye(4)
    v[2:, 2:] = [[0.200, 0.398], [0.398, 0.800]]
    plain = meta_regression.regress(meta_regression.contrasts(y, v, x[:, None]))
    assert plain.coefficient[0] < min(_pairs(y, x))
    found = attribute(y, v, {"x": x})[0]
    assert found.equal_weights
    assert found.association.value == pytest.approx(y[2:].mean() - y[:2].mean())
    assert found.association.interval is not None
    assert found.association.interval.low < plain.coefficient[0]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 100_000), st.integers(2, 7))
def test_an_association_lies_between_those_of_the_pairs(seed: int, labs: int) -> None:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(labs, 2))
    v = common @ common.T + np.diag(rng.random(labs) * 10.0 ** rng.uniform(-6, 0))
    y = rng.multivariate_normal(np.zeros(labs), v)
    x = rng.integers(0, 3, labs).astype(float)
    if np.ptp(x) == 0:
        x[0] += 1.0
    found = attribute(y, v, {"x": x})[0]
    slopes = _pairs(y, x)
    slack = 1e-6 * max(1.0, max(map(abs, slopes)))
    assert min(slopes) - slack <= found.association.value <= max(slopes) + slack
    for place, value in enumerate(found.leave_one_out):
        if value is not None:
            rest = _pairs(np.delete(y, place), np.delete(x, place))
            assert min(rest) - slack <= value <= max(rest) + slack


def test_errors_of_their_own_keep_their_weights() -> None:
    y, v, latitude = _bcg()
    assert not attribute(y, np.diag(v), {"latitude": latitude})[0].equal_weights


def test_only_differences_between_laboratories_count() -> None:
    """A shared error (a constant added to the covariance) and a shared shift change nothing."""
    y, v, latitude = _bcg()
    one = attribute(y, np.diag(v), {"x": latitude})[0]
    other = attribute(y + 5, np.diag(v) + 0.3, {"x": latitude + 100})[0]
    centring = np.eye(13) - 1 / 13
    projected = attribute(centring @ y, centring @ np.diag(v) @ centring, {"x": latitude})[0]
    for found in (other, projected):
        assert found.association.value == pytest.approx(one.association.value, rel=1e-6)
        assert found.association.standard_error == pytest.approx(one.association.standard_error, rel=1e-6)


def test_the_permutation_p_is_that_of_brute_force() -> None:
    y = np.array([0.1, 0.4, 0.35, 0.9, 0.2])
    x = np.array([0.0, 1.0, 1.0, 2.0, 0.0])
    p, smallest = meta_regression.permutation_p(y, np.zeros((5, 5)), x, None)
    found = [abs(np.corrcoef(np.array(order), y)[0, 1]) for order in itertools.permutations(x)]
    assert p == pytest.approx(np.mean(np.array(found) >= abs(np.corrcoef(x, y)[0, 1]) - 1e-9))
    assert smallest == pytest.approx(np.mean(np.array(found) >= max(found) - 1e-9))


def test_random_arrangements_need_a_generator_and_agree() -> None:
    rng = np.random.default_rng(0)
    y, x = rng.normal(size=12), rng.normal(size=12)
    assert meta_regression.permutation_p(y, 0.1 * np.eye(12), x, None) == (None, None)
    p, smallest = meta_regression.permutation_p(y, 0.1 * np.eye(12), x, rng)
    t = attribute(y, 0.1 * np.eye(12), {"x": x}, rng=rng)[0].p_value
    assert p == pytest.approx(t, abs=0.05)
    assert smallest == pytest.approx(1e-4)


def test_a_planted_deviation_is_found_and_takes_the_spread_with_it() -> None:
    hot = np.array([0, 0, 0, 0, 1, 1, 1, 1.0])
    rows = _exercise(8, 400, hot, 0.9, 3)
    found = attribute_laboratories(*rows, 8, {"temperature": hot, "date": np.arange(8) % 3})
    temperature, date = found
    assert temperature.p_value < 0.001
    assert temperature.p_permutation == pytest.approx(temperature.p_smallest) == pytest.approx(2 / 70)
    assert temperature.association.interval.low > 0.05
    assert temperature.between_sd_with < 0.3 * temperature.between_sd
    assert temperature.sign_holds
    assert temperature.p_adjusted == pytest.approx(2 * temperature.p_value)
    assert date.p_value > 0.05
    assert temperature.association.method in METHODS


def test_one_laboratory_alone_with_a_setting_is_told_so() -> None:
    hot = np.array([0, 0, 0, 0, 0, 1.0])
    found = attribute_laboratories(*_exercise(6, 300, hot, 1.2, 5), 6, {"temperature": hot})[0]
    assert found.association.reason is Reason.CONFOUNDED
    assert found.association.interval is not None
    assert found.p_smallest == pytest.approx(1 / 6)
    assert found.p_permutation == pytest.approx(1 / 6)
    assert found.leave_one_out[5] is None


def test_settings_that_go_together_are_named() -> None:
    y, v, latitude = _bcg()
    columns = {"a": latitude, "b": 3 - 2 * latitude, "c": latitude + np.arange(13), "d": np.arange(13.0) % 2}
    found = {entry.setting: entry for entry in attribute(y, np.diag(v), columns)}
    assert found["a"].same_as == ("b",)
    assert found["a"].close_to == ("c",)
    assert found["d"].same_as == found["d"].close_to == ()


def test_leaving_one_out_shows_a_laboratory_that_carries_it_all() -> None:
    y = np.array([0.0, 0.02, 0.03, 0.01, 0.0, 0.9])
    x = np.array([1.0, 2, 2, 1, 1, 2])
    y[[0, 3, 4]] += 0.05
    found = attribute(y, 0.0001 * np.eye(6), {"x": x})[0]
    assert found.association.value > 0
    assert found.leave_one_out[5] < 0
    assert found.sign_holds is False


def test_too_few_laboratories_and_unknown_settings_have_stated_answers() -> None:
    y, v = np.array([0.1, 0.2, 0.6, 0.1, 0.3]), 0.001 * np.eye(5)
    few = attribute(y[:3], v[:3, :3], {"x": [0, 0, 1]})[0]
    assert few.association.reason is Reason.FEW_LABORATORIES
    assert few.association.value == pytest.approx(0.45)
    assert few.association.interval is None
    assert few.p_value is None
    two = attribute(y[:2], v[:2, :2], {"x": [0, 1]})[0]
    assert two.association.value == pytest.approx(0.1)
    assert two.association.interval is None
    same = attribute(y, v, {"x": [1, 1, 1, 1, 1]})[0]
    assert same.association.reason is Reason.ONE_LEVEL
    assert same.association.value is None
    unknown = attribute(y, v, {"x": [np.nan, 0, 1, 1, 0]})[0]
    assert unknown.n_laboratories == 4
    assert unknown.association.value == pytest.approx(
        attribute(y[1:], v[1:, 1:], {"x": [0, 1, 1, 0]})[0].association.value
    )
    assert unknown.leave_one_out[0] is None
    nobody = attribute(y, v, {"x": [np.nan] * 5})[0]
    assert nobody.association.value is None
    absent = attribute([np.nan, *y[1:]], v, {"x": [0, 0, 1, 1, 0]})[0]
    assert absent.n_laboratories == 4


def test_disjoint_items_and_one_laboratory() -> None:
    lab, item = np.repeat(np.arange(4), 5), np.arange(20)
    found = attribute_laboratories(lab, item, np.ones(20), np.ones(20), 4, {"x": [0, 1, 0, 1]})[0]
    assert found.association.value is None
    assert found.association.reason is Reason.NO_SCORES
    one = attribute_laboratories(np.zeros(5, int), np.arange(5), np.ones(5), np.ones(5), 1, {"x": [1]})[0]
    assert one.association.value is None


def test_equal_laboratories_without_error_do_not_break() -> None:
    found = attribute(np.zeros(5), np.zeros((5, 5)), {"x": [0, 0, 1, 1, 0]})[0]
    assert found.association.value == pytest.approx(0.0)
    assert found.association.interval is None
    assert found.association.reason is Reason.ALL_DIFFERENCES_ZERO
    assert found.p_value is None


def test_within_a_laboratory_the_difference_is_the_paired_one() -> None:
    rng = np.random.default_rng(2)
    lab = np.repeat([0, 1, 2], 40)
    left, right = rng.random(120), rng.random(120) - 0.2
    right[lab == 1] = np.nan
    found = within_laboratories(lab, left, right, 4, rng=rng)
    alone = paired_difference(left[:40], right[:40], rng=rng)
    assert found.contrasts[0].difference.value == pytest.approx(alone.difference.value)
    assert found.contrasts[0].difference.interval == alone.difference.interval
    assert found.contrasts[1] is found.contrasts[3] is None
    assert found.n_laboratories == 2
    assert found.summary.mean.n_items == 2
    single = within_laboratories(lab[:40], left[:40], right[:40], 1, rng=rng)
    assert single.reason is Reason.ONE_LABORATORY
    assert single.summary is None
    nobody = within_laboratories(lab, left, np.full(120, np.nan), 3)
    assert nobody.reason is Reason.NO_PAIRS


def test_wrong_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="shape"):
        attribute([1.0, 2.0], np.eye(3), {})
    with pytest.raises(ValueError, match="finite"):
        attribute([1.0, 2.0], np.full((2, 2), np.nan), {})
    with pytest.raises(ValueError, match="needs 2 finite"):
        attribute([1.0, 2.0], np.eye(2), {"x": [1.0]})
    with pytest.raises(ValueError, match="one shape"):
        within_laboratories([0], [1.0, 2.0], [1.0, 2.0], 1)
    with pytest.raises(ValueError, match="codes"):
        within_laboratories([3], [1.0], [1.0], 1)
    monkeypatch.setattr(attribution, "MAX_SETTINGS", 1)
    with pytest.raises(ValueError, match="at most 1"):
        attribute([1.0, 2.0], np.eye(2), {"x": [1.0, 2], "z": [1.0, 2]})


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_order_and_scale_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, x, v = rng.normal(size=7), rng.normal(size=7), np.diag(rng.random(7) + 0.01)
    order = rng.permutation(7)
    one = attribute(y, v, {"x": x})[0]
    two = attribute(y[order], v[np.ix_(order, order)], {"x": 1000 * x[order]})[0]
    assert two.association.value * 1000 == pytest.approx(one.association.value, rel=1e-6, abs=1e-9)
    assert two.p_value == pytest.approx(one.p_value, rel=1e-5)
    assert two.p_permutation == pytest.approx(one.p_permutation)


def test_a_setting_without_effect_is_rejected_rarely() -> None:
    rejected = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        v = rng.random(8) * 0.02 + 0.005
        y = rng.normal(0, np.sqrt(v + 0.01))
        found = attribute(y, np.diag(v), {"x": [0, 0, 0, 1, 1, 1, 0, 1]})[0]
        rejected.append([found.p_value < 0.05, found.p_permutation <= 0.05])
    assert (np.mean(rejected, axis=0) < 0.11).all()
