"""ISO 5725-2 against the standard's printed tables, scipy and hand computation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from tests.optional import optional

from consilience.statistics.estimate import Reason
from consilience.statistics.precision import (
    cochran_test,
    grubbs_test,
    mandel_h,
    mandel_h_critical,
    mandel_k,
    mandel_k_critical,
    precision,
)


@pytest.mark.parametrize(
    ("p", "one", "five"), [(3, 1.15, 1.15), (5, 1.72, 1.57), (8, 2.06, 1.75), (10, 2.18, 1.80)]
)
def test_h_has_the_printed_critical_values(p: int, one: float, five: float) -> None:
    """ISO 5725-2:1994, tables 6 and 7."""
    assert round(mandel_h_critical(p, 0.01), 2) == one
    assert round(mandel_h_critical(p, 0.05), 2) == five


@pytest.mark.parametrize("p", [3, 5, 8, 20])
@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_h_and_k_have_the_beta_distribution(p: int, alpha: float) -> None:
    """h^2 p / (p - 1)^2 is Beta(1/2, (p - 2)/2); k^2 / p is Beta(df / 2, (p - 1) df / 2)."""
    h = (p - 1) / math.sqrt(p) * math.sqrt(stats.beta.ppf(1 - alpha, 0.5, (p - 2) / 2))
    assert mandel_h_critical(p, alpha) == pytest.approx(h, rel=1e-9)
    for df in (1, 3, 10):
        k = math.sqrt(p * stats.beta.ppf(1 - alpha, df / 2, (p - 1) * df / 2))
        assert mandel_k_critical(p, df, alpha) == pytest.approx(k, rel=1e-9)


@pytest.mark.parametrize(
    ("p", "n", "one", "five"), [(8, 3, 0.615, 0.516), (5, 2, 0.928, 0.841), (10, 4, 0.447, 0.373)]
)
def test_cochran_has_the_printed_critical_values(p: int, n: int, one: float, five: float) -> None:
    """ISO 5725-2:1994, table 4."""
    test = cochran_test(np.ones(p), n - 1)
    assert (round(test.critical_1, 3), round(test.critical_5, 3)) == (one, five)


@pytest.mark.parametrize(("p", "one", "five"), [(3, 1.155, 1.155), (8, 2.274, 2.126), (10, 2.482, 2.290)])
def test_grubbs_has_the_printed_critical_values(p: int, one: float, five: float) -> None:
    """ISO 5725-2:1994, table 5."""
    test = grubbs_test(np.arange(float(p)))
    assert (test.critical_1, test.critical_5) == pytest.approx((one, five), abs=0.0011)


def test_precision_of_equal_replicates_is_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(1)
    data = rng.normal(size=(7, 4)) + rng.normal(0, 2, (7, 1))
    got = precision(data.mean(1), data.var(1, ddof=1), np.full(7, 4))
    within = data.var(1, ddof=1).mean()
    f_ratio = stats.f_oneway(*data).statistic
    assert got.repeatability_sd == pytest.approx(math.sqrt(within))
    assert got.between_variance_raw == pytest.approx((f_ratio - 1) * within / 4)
    assert got.reproducibility_sd == pytest.approx(math.hypot(got.repeatability_sd, got.between_sd))


def test_precision_of_unequal_replicates_is_unbiased() -> None:
    rng = np.random.default_rng(2)
    counts = np.array([2, 3, 5, 8, 4, 2])
    raw = []
    for _ in range(4000):
        groups = [rng.normal(rng.normal(0, 0.5), 1.0, n) for n in counts]
        raw.append(
            precision(
                [g.mean() for g in groups], [g.var(ddof=1) for g in groups], counts
            ).between_variance_raw
        )
    assert np.mean(raw) == pytest.approx(0.25, abs=4 * np.std(raw) / math.sqrt(4000))


def test_negative_between_variance_is_shown_and_set_to_zero() -> None:
    got = precision([1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [4, 4, 4])
    assert got.between_variance_raw == pytest.approx(-0.5)
    assert got.between_sd == 0.0
    assert got.reproducibility_sd == got.repeatability_sd


def test_degenerate_designs_are_stated() -> None:
    assert precision([], [], []).reason is Reason.NO_SCORES
    assert precision([1.0], [0.5], [3]).reason is Reason.ONE_LABORATORY
    single = precision([1.0, 2.0], [math.nan, math.nan], [1, 1])
    assert (single.repeatability_sd, single.reason) == (None, Reason.ONE_ATTEMPT_PER_ITEM)
    with pytest.raises(ValueError, match="one shape"):
        precision([1.0], [0.5, 0.1], [3])


def test_h_and_k_by_hand() -> None:
    h = mandel_h([1.0, 2.0, 6.0])
    assert h == pytest.approx([-2 / math.sqrt(7), -1 / math.sqrt(7), 3 / math.sqrt(7)])
    assert mandel_k([1.0, 2.0, 6.0]) == pytest.approx(np.sqrt([1 / 3, 2 / 3, 2]))
    assert mandel_h([1.0, 2.0]) is None
    assert mandel_h([2.0, 2.0, 2.0]) is None
    assert mandel_k([0.0, 0.0]) is None
    assert mandel_k([1.0]) is None
    with pytest.raises(ValueError, match="at least 3"):
        mandel_h_critical(2)


def test_outlier_tests_find_the_planted_laboratory() -> None:
    assert cochran_test([1, 1, 1, 1, 1, 1, 1, 30], 2).verdict == "outlier"
    assert cochran_test([1, 1, 1, 1, 1, 1, 1, 1.5], 2).verdict == "correct"
    grubbs = grubbs_test([0.1, 0.0, -0.1, 0.05, -0.05, 0.02, 0.03, 2.0])
    assert (grubbs.position, grubbs.verdict) == (7, "outlier")
    assert cochran_test([1.0], 2) is None
    assert cochran_test([0.0, 0.0], 2) is None
    assert grubbs_test([1.0, 1.0, 1.0]) is None


def test_cochran_and_grubbs_equal_pt13528() -> None:
    outliers = optional("pt13528.outliers")
    variances, means = [1.0, 2.0, 0.5, 4.0, 1.5], [0.1, 0.0, -0.2, 0.05, 0.9]
    cochran, grubbs = cochran_test(variances, 3), grubbs_test(means)
    statistic, critical, position = outliers.cochran(variances, 4, 0.05)
    assert (cochran.statistic, cochran.critical_5) == pytest.approx((statistic, critical))
    assert cochran.position == position
    high, _, critical = outliers.grubbs(means, 0.01)
    assert (grubbs.statistic, grubbs.critical_1) == pytest.approx((high, critical))


def test_cochran_with_unequal_numbers_tests_the_least_likely_share() -> None:
    """The share of squares of one laboratory is Beta(df_i / 2, rest / 2); by Bonferroni over all."""
    df = np.array([2.0, 8.0, 4.0])
    got = cochran_test([3.0, 1.0, 1.2], df)
    squares = df * [3.0, 1.0, 1.2]
    shares = squares / squares.sum()
    tails = stats.beta.sf(shares, df / 2, (14 - df) / 2)
    assert got.position == int(np.argmin(tails)) == 0
    assert got.statistic == pytest.approx(shares[0])
    assert got.critical_5 == pytest.approx(stats.beta.ppf(1 - 0.05 / 3, 1.0, 6.0))
    assert cochran_test([1.0, 2.0], [0.0, 3.0]) is None


def test_cochran_with_unequal_numbers_keeps_its_level() -> None:
    rng = np.random.default_rng(4)
    df = np.array([2, 4, 12, 6, 3])
    wrong = [
        test.statistic > test.critical_5
        for test in (cochran_test(rng.chisquare(df) / df, df) for _ in range(4_000))
    ]
    assert np.mean(wrong) == pytest.approx(0.05, abs=0.011)


def test_straggler_lies_between_the_two_levels() -> None:
    test = grubbs_test([0.0, 0.1, -0.1, 0.2, -0.2, 0.15, -0.15, 0.75])
    assert test.critical_5 < test.statistic < test.critical_1
    assert test.verdict == "straggler"
