"""Planning against statsmodels, the published example and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower

from consilience.statistics.contrasts import paired_difference
from consilience.statistics.power import (
    PairedVariances,
    assumed_variances,
    items_needed,
    minimum_detectable_difference,
    paired_power,
    piloted_variances,
    simulate_power,
)


@pytest.mark.parametrize("n", [5, 20, 200, 900])
@pytest.mark.parametrize("difference", [0.02, 0.1, 0.3])
def test_power_equals_statsmodels(n: int, difference: float) -> None:
    variances = PairedVariances(item=0.1, within_left=0.2, within_right=0.1)
    sd = math.sqrt(0.1 + 0.2 / 2 + 0.1 / 4)
    expected = TTestPower().power(difference / sd, n, 0.05)
    assert paired_power(n, difference, variances, 2, 4) == pytest.approx(expected, rel=1e-6)


def test_items_needed_of_millers_example() -> None:
    """Miller 2024: 3 points at 80 % power with an item variance of 1/9 need about 969 items (z; here t)."""
    n = items_needed(0.03, PairedVariances(item=1 / 9, within_left=0.0, within_right=0.0))
    assert 969 <= n <= 972


@pytest.mark.parametrize("difference", [0.05, 0.2])
def test_items_needed_reach_the_power_and_no_fewer_do(difference: float) -> None:
    variances = assumed_variances(0.5, 0.5)
    n = items_needed(difference, variances, 3, 3)
    assert paired_power(n, difference, variances, 3, 3) >= 0.8
    assert paired_power(n - max(2, n // 500), difference, variances, 3, 3) < 0.8


def test_smallest_difference_is_seen_with_the_power() -> None:
    variances = assumed_variances(0.6, 0.5)
    for n in (8, 40, 400):
        difference = minimum_detectable_difference(n, variances, 2, 2)
        assert paired_power(n, difference, variances, 2, 2) == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize(("n", "difference"), [(15, 0.3), (60, 0.15), (300, 0.06)])
def test_simulation_agrees_with_the_formula(n: int, difference: float) -> None:
    variances = assumed_variances(0.5, 0.55)
    simulated = simulate_power(n, difference, variances, 3, 3, rng=np.random.default_rng(n))
    assert simulated == pytest.approx(paired_power(n, difference, variances, 3, 3), abs=0.03)


def test_power_of_real_binary_contrasts_is_near_the_formula() -> None:
    rng = np.random.default_rng(3)
    n, k, replications = 80, 4, 500
    seen = 0
    for _ in range(replications):
        left = rng.beta(2, 2, n)
        right = np.clip(left + 0.12, 0, 1)
        contrast = paired_difference(rng.binomial(k, right) / k, rng.binomial(k, left) / k)
        seen += contrast.p_value <= 0.05
    within = 0.2
    shift = 0.117
    formula = paired_power(n, shift, PairedVariances(item=0.0, within_left=within, within_right=0.19), k, k)
    assert seen / replications == pytest.approx(formula, abs=0.07)


def test_pilot_recovers_the_variances() -> None:
    rng = np.random.default_rng(4)
    n, k = 4000, 5
    left = rng.beta(2, 2, n)
    right = np.where(rng.random(n) < 0.5, left, rng.beta(2, 2, n))
    got = piloted_variances(rng.binomial(k, left), np.full(n, k), rng.binomial(k, right), np.full(n, k))
    assert got.item == pytest.approx(np.var(left - right), rel=0.1)
    assert got.within_left == pytest.approx(np.mean(left * (1 - left)), rel=0.05)
    assert got.within_right == pytest.approx(np.mean(right * (1 - right)), rel=0.05)


def test_pilot_with_one_attempt_keeps_the_whole_variance() -> None:
    rng = np.random.default_rng(5)
    left, right = rng.integers(0, 2, 200), rng.integers(0, 2, 200)
    got = piloted_variances(left, np.ones(200), right, np.ones(200))
    assert got.per_item(1, 1) == pytest.approx(np.var(left - right, ddof=1))
    assert piloted_variances([1], [1], [0], [1]) is None
    assert piloted_variances([1, 0], [1, 0], [0, 1], [0, 1]) is None


@given(st.integers(2, 500), st.integers(1, 20), st.floats(0.05, 0.95), st.floats(0, 1), st.floats(0, 1))
def test_more_items_or_attempts_never_hurt(
    n: int, k: int, rate: float, consistency: float, correlation: float
) -> None:
    variances = assumed_variances(rate, rate, consistency=consistency, correlation=correlation)
    base = minimum_detectable_difference(n, variances, k, k)
    if base is None:
        assert variances.per_item(k, k) <= 1e-12
        return
    assert minimum_detectable_difference(n + 1, variances, k, k) <= base
    assert minimum_detectable_difference(n, variances, k + 1, k) <= base + 1e-15


def test_what_cannot_be_planned_is_stated_or_refused() -> None:
    variances = assumed_variances(0.5, 0.5)
    assert minimum_detectable_difference(1, variances) is None
    assert (
        minimum_detectable_difference(50, PairedVariances(item=0.0, within_left=0.0, within_right=0.0))
        is None
    )
    assert paired_power(1, 0.5, variances) == 0.0
    with pytest.raises(ValueError, match="difference of 0"):
        items_needed(0.0, variances)
    with pytest.raises(ValueError, match="power"):
        items_needed(0.1, variances, power=1.0)
    with pytest.raises(ValueError, match="attempts"):
        minimum_detectable_difference(50, variances, 0, 1)
    with pytest.raises(ValueError, match="lie in"):
        assumed_variances(1.5, 0.5)
