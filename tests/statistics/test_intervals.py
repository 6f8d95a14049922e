"""Intervals for rates against statsmodels and scipy, and their exact coverage by enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from consilience.statistics import intervals

KINDS = {"wilson": intervals.wilson, "beta": intervals.clopper_pearson}


@pytest.mark.parametrize("kind", ["wilson", "beta"])
@pytest.mark.parametrize(
    ("successes", "n"), [(0, 1), (0, 10), (10, 10), (1, 10), (27, 30), (3, 1000), (500, 1000)]
)
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_rate_intervals_equal_statsmodels(kind: str, successes: int, n: int, level: float) -> None:
    expected = proportion_confint(successes, n, alpha=1 - level, method=kind)
    got = KINDS[kind](successes, n, level=level)
    assert (got.low, got.high) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("successes", "n"), [(1, 10), (27, 30), (3, 1000), (500, 1000)])
def test_jeffreys_equals_statsmodels(successes: int, n: int) -> None:
    expected = proportion_confint(successes, n, method="jeffreys")
    got = intervals.jeffreys(successes, n)
    assert (got.low, got.high) == pytest.approx(expected, rel=1e-9)


def test_jeffreys_is_closed_at_the_ends() -> None:
    assert intervals.jeffreys(0, 12).low == 0.0
    assert intervals.jeffreys(12, 12).high == 1.0


def test_wilson_of_27_of_30_is_the_published_check_value() -> None:
    got = intervals.wilson(27, 30)
    assert (round(got.low, 2), round(got.high, 2)) == (0.74, 0.97)


def test_zero_of_n_and_n_of_n_have_width() -> None:
    assert intervals.choose_rate_interval(0, 20).high == pytest.approx(1 - 0.025 ** (1 / 20))
    assert intervals.choose_rate_interval(20, 20).low == pytest.approx(0.025 ** (1 / 20))


def test_choice_is_exact_for_few_and_wilson_for_many() -> None:
    assert intervals.choose_rate_interval(9, 40).method == "clopper_pearson"
    assert intervals.choose_rate_interval(31, 40).method == "clopper_pearson"
    assert intervals.choose_rate_interval(10, 40).method == "wilson"


@pytest.mark.parametrize("n", [10, 30, 100, 1000])
@pytest.mark.parametrize("p", [0.005, 0.02, 0.1, 0.5, 0.9])
def test_exact_coverage_of_the_chosen_interval(n: int, p: float) -> None:
    """Enumerated: at least 93.5 %, and at most 96.5 % where n p (1 - p) is above 20."""
    x = np.arange(n + 1.0)
    low, high = intervals.automatic_bounds(x, np.full(n + 1, float(n)), 0.95)
    mass = stats.binom.pmf(x, n, p)
    coverage = mass[(low <= p) & (p <= high)].sum()
    assert coverage >= 0.935
    if n * p * (1 - p) > 20:
        assert coverage <= 0.965


def test_plain_wilson_fails_where_it_is_not_chosen() -> None:
    """The reason for the choice: at 0.5 % of 30 items Wilson's interval covers 86 %."""
    x = np.arange(31.0)
    low, high = intervals.wilson_bounds(x, 30.0, 0.95)
    coverage = stats.binom.pmf(x, 30, 0.005)[(low <= 0.005) & (high >= 0.005)].sum()
    assert coverage < 0.87


@given(st.integers(1, 400), st.floats(0, 1), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_bounds_hold_the_rate_and_stay_in_the_unit_interval(n: int, share: float, level: float) -> None:
    x = round(share * n)
    for method in (intervals.wilson, intervals.clopper_pearson, intervals.choose_rate_interval):
        got = method(x, n, level=level)
        assert 0.0 <= got.low <= x / n <= got.high <= 1.0
        assert got.high - got.low > 0.0
        mirrored = method(n - x, n, level=level)
        assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((got.low, got.high), abs=1e-9)


def test_array_form_equals_scalar_form_in_any_order() -> None:
    x, n = np.array([0.0, 3, 10, 50, 3, 100]), np.array([10.0, 10, 40, 100, 10, 100])
    low, high = intervals.automatic_bounds(x, n, 0.9)
    for i in range(x.size):
        one = intervals.choose_rate_interval(x[i], n[i], level=0.9)
        assert (low[i], high[i]) == (one.low, one.high)


def test_t_interval_equals_scipy() -> None:
    got = intervals.t_interval(0.3, 0.05, 7.5, level=0.9)
    assert (got.low, got.high) == pytest.approx(stats.t.interval(0.9, 7.5, 0.3, 0.05), rel=1e-12)


def test_t_quantile_without_and_with_endless_freedom() -> None:
    assert np.isinf(intervals.t_quantile(0.95, 0.0))
    assert intervals.t_quantile(0.95, np.inf) == pytest.approx(stats.norm.ppf(0.975))


@pytest.mark.parametrize("size_of", [(-0.0, 0), (3, 2), (-1, 5)])
def test_impossible_counts_are_refused(size_of: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="successes"):
        intervals.wilson(*size_of)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_in_percent_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        intervals.wilson(1, 2, level=level)


def test_t_interval_refuses_a_zero_error() -> None:
    with pytest.raises(ValueError, match="above 0"):
        intervals.t_interval(0.5, 0.0, 3)


def test_effective_size_is_the_number_of_trials_for_independent_trials() -> None:
    n, p = 200.0, 0.3
    got = intervals.effective_size(p, p * (1 - p) / n, np.inf, 1.0, np.inf, 0.95)
    assert got == pytest.approx(n)


def test_effective_size_stays_between_floor_and_cap() -> None:
    assert intervals.effective_size(0.5, 1e-9, np.inf, 10.0, 50.0, 0.95) == 50.0
    assert intervals.effective_size(0.5, 1.0, np.inf, 10.0, 50.0, 0.95) == 10.0
    assert intervals.effective_size(0.0, 0.0, 3.0, 10.0, 50.0, 0.95) == 10.0
