"""Averages and differences of strata: equal to known methods where those apply, refused where too little is
known, and right as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.optional import optional
from tests.statistics.test_strata import fit, rows, sums

from consilience.statistics.estimate import Reason
from consilience.statistics.prediction import ppi_mean
from consilience.statistics.strata import Strata, fit_strata
from consilience.statistics.stratified_prediction import average, difference


def test_one_stratum_agrees_with_ppi_of_its_rows() -> None:
    """They differ in small-sample factors only: of labelled and other items here, of all items there."""
    one = rows(n=400, labels=150)
    seen = np.where(one["rated"], one["human"], np.nan).ravel()
    plain = ppi_mean(one["judge"].ravel(), seen, np.arange(400))
    found = average(fit(one, binary=True), [True])
    assert found.estimate.value == pytest.approx(plain.estimate.value, abs=1e-3)
    assert found.estimate.standard_error == pytest.approx(plain.estimate.standard_error, rel=0.01)
    assert found.estimate.interval is not None
    assert plain.estimate.interval is not None
    assert found.estimate.interval.low == pytest.approx(plain.estimate.interval.low, abs=2e-3)
    assert found.raw == pytest.approx(plain.raw)
    assert (found.n_human, found.n_judge) == (150, 400)
    assert found.human_needed == pytest.approx(plain.human_needed, rel=0.1)


def test_unclustered_rows_agree_with_the_published_implementation() -> None:
    """`ppi_mean_pointestimate` with the same weight, and its z interval up to n / (n - 1) and Student's t."""
    ppi_py = optional("ppi_py")
    rng = np.random.default_rng(3)
    y = rng.normal(0.3, 1.0, 600)
    f = y + rng.normal(0.2, 0.7, 600)
    rated = np.arange(600) < 200
    zero = np.where(rated, 1, 0)
    strata = fit_strata(
        np.zeros(600, int), np.arange(600), f, np.ones(600), zero, f * zero, y * zero, group=[0]
    )
    found = average(strata, [True], bounds=None)
    weight = float(strata.weight[0])
    point = ppi_py.ppi_mean_pointestimate(y[rated], f[rated], f[~rated], lam=weight)
    low, high = ppi_py.ppi_mean_ci(y[rated], f[rated], f[~rated], alpha=0.05, lam=weight)
    assert found.estimate.value == pytest.approx(float(point[0]), abs=1e-12)
    z, part_l, part_u = 1.959964, np.var(y[rated] - weight * f[rated]), np.var(weight * f[~rated])
    assert float(high[0] - low[0]) / 2 == pytest.approx(z * math.sqrt(part_l / 200 + part_u / 400), rel=1e-6)
    expected = math.sqrt(part_l / 199 + part_u / 399)
    assert found.estimate.standard_error == pytest.approx(expected, rel=1e-9)


def two(*, shared: bool, seed: int = 8) -> Strata:
    left, right = rows(n=100, labels=60, seed=seed), rows(n=100, labels=60, seed=seed + 1)
    if shared:
        right = {name: values.copy() for name, values in left.items()}
    return fit(left, right, group=[0, 1])


def test_items_that_both_sides_share_are_paired() -> None:
    same = difference(two(shared=True), [True, False], [False, True])
    assert same.corrected.estimate.value == pytest.approx(0.0)
    assert same.corrected.estimate.interval is None
    assert same.corrected.estimate.reason is Reason.ALL_DIFFERENCES_ZERO
    assert same.p_value is None


def test_a_difference_is_that_of_the_averages_and_turns_with_its_sides() -> None:
    strata = two(shared=False)
    one, other = difference(strata, [1, 0], [0, 1]), difference(strata, [0, 1], [1, 0])
    left, right = average(strata, [1, 0]), average(strata, [0, 1])
    assert left.estimate.value is not None
    assert right.estimate.value is not None
    value = left.estimate.value - right.estimate.value
    assert one.corrected.estimate.value == pytest.approx(value)
    assert other.corrected.estimate.value == pytest.approx(-value)
    assert one.p_value == pytest.approx(other.p_value)
    assert one.corrected.raw == pytest.approx(float(strata.raw[0] - strata.raw[1]))
    interval, wide = one.corrected.estimate.interval, one.wide_interval
    assert interval is not None
    assert wide is not None
    assert interval.low < wide.low < value < wide.high < interval.high
    assert wide.level == pytest.approx(0.9)


def test_doubling_every_item_of_a_stratum_does_not_make_it_surer() -> None:
    """The same answers under the same items in a second stratum add nothing."""
    one = rows(n=100, labels=60)
    alone, doubled = average(fit(one), [True]), average(fit(one, one), [True, True])
    assert doubled.estimate.value == pytest.approx(alone.estimate.value)
    assert doubled.estimate.standard_error == pytest.approx(alone.estimate.standard_error)
    assert doubled.estimate.n_items == 100


@pytest.mark.parametrize(
    ("labels", "reason"), [(0, Reason.NO_HUMAN_RATINGS), (19, Reason.TOO_FEW_HUMAN_RATINGS), (20, None)]
)
def test_too_few_human_ratings_give_no_value_and_say_how_many_would_do(
    labels: int, reason: Reason | None
) -> None:
    found = average(fit(rows(n=500, labels=labels)), [True])
    assert found.estimate.reason is reason
    assert (found.estimate.value is None) == (reason is not None)
    if reason is not None:
        assert found.human_needed == 385
        assert found.raw is not None


def test_one_stratum_without_human_ratings_stops_the_average_and_the_difference() -> None:
    strata = fit(rows(labels=60), rows(labels=0))
    assert average(strata, [True, False]).estimate.value is not None
    assert average(strata, [True, True]).estimate.reason is Reason.TOO_FEW_HUMAN_RATINGS
    apart = difference(strata, [True, False], [False, True])
    assert apart.corrected.estimate.reason is Reason.NO_HUMAN_RATINGS
    assert (apart.wide_interval, apart.p_value) == (None, None)


def test_ten_ratings_of_one_item_are_not_ten_items() -> None:
    one = rows(n=60, attempts=10, labels=0)
    one["rated"][:9] = True
    assert average(fit(one), [True]).estimate.reason is Reason.TOO_FEW_HUMAN_RATINGS


def test_nothing_chosen_is_refused_and_sides_may_not_share_a_stratum() -> None:
    strata = two(shared=False)
    assert average(strata, [False, False]).estimate.reason is Reason.NO_SCORES
    with pytest.raises(ValueError, match="both sides"):
        difference(strata, [True, True], [False, True])
    with pytest.raises(ValueError, match="shape"):
        average(strata, [True])


def test_no_disagreement_in_the_sample_is_not_certainty() -> None:
    one = rows(n=200, labels=40)
    one["human"] = one["judge"].copy()
    plain, binary = (average(fit(one, binary=flag), [True]) for flag in (False, True))
    assert plain.estimate.standard_error is not None
    assert binary.estimate.standard_error is not None
    assert binary.estimate.standard_error**2 - plain.estimate.standard_error**2 == pytest.approx(
        (1 + binary.weight**2 if binary.weight else 0.0) / 40**2
    )


def test_more_human_ratings_reach_the_wanted_half_width() -> None:
    """What is promised of `human_needed` holds where so many are drawn from the same answers."""
    few = average(fit(rows(n=3_000, labels=100, seed=11)), [True], wanted=0.06)
    assert few.human_needed is not None
    many = average(fit(rows(n=3_000, labels=few.human_needed, seed=11)), [True], wanted=0.06)
    assert many.estimate.interval is not None
    half = (many.estimate.interval.high - many.estimate.interval.low) / 2
    assert half == pytest.approx(0.06, rel=0.15)


def test_a_scale_moves_with_its_bounds() -> None:
    one = rows(n=200, labels=80)
    graded = {**one, "judge": 1 + 4 * one["judge"], "human": 1 + 4 * one["human"]}
    plain, wide = average(fit(one), [True]), average(fit(graded), [True], bounds=(1.0, 5.0), wanted=0.2)
    assert plain.estimate.interval is not None
    assert wide.estimate.interval is not None
    assert plain.estimate.value is not None
    assert wide.estimate.value == pytest.approx(1 + 4 * plain.estimate.value)
    assert wide.estimate.interval.low == pytest.approx(1 + 4 * plain.estimate.interval.low)
    assert wide.human_needed == plain.human_needed


def test_the_interval_of_an_average_covers() -> None:
    """12 strata of 20 items twice, 10 answers rated in each, the judge says yes to half of the noes."""
    rng = np.random.default_rng(5)
    hits = []
    for _ in range(150):
        chance = rng.beta(0.8, 1.2, 20)
        parts = []
        for _ in range(12):
            human = (rng.random((20, 2)) < chance[:, None]).astype(float)
            judge = np.where(human == 1, 1.0, rng.random(human.shape) < 0.5).astype(float)
            rated = rng.permutation(40).reshape(20, 2) < 10
            parts.append({"judge": judge, "human": human, "rated": rated})
        found = average(fit(*parts, group=np.arange(12) % 4, binary=True), np.ones(12, bool))
        assert found.estimate.interval is not None
        hits.append(found.estimate.interval.low <= 0.4 <= found.estimate.interval.high)
    assert 0.9 <= np.mean(hits) <= 0.995
    assert sums(parts[0])[1][0] == 2
