"""Verdicts by intervals, and two one-sided tests against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_paired

from consilience.statistics.contrasts import paired_difference
from consilience.statistics.equivalence import equivalence, tost, tost_p
from consilience.statistics.estimate import Estimate, Interval, Reason


def _pair(shift: float, n: int = 60, seed: int = 3):
    rng = np.random.default_rng(seed)
    base = rng.normal(size=n)
    return base + shift + rng.normal(0, 0.3, n), base


@pytest.mark.parametrize("margin", [0.05, 0.2, 0.5])
def test_p_value_equals_statsmodels(margin: float) -> None:
    left, right = _pair(0.1)
    contrast = paired_difference(left, right, span=None)
    expected = ttost_paired(left, right, -margin, margin)[0]
    assert tost_p(contrast.difference, margin) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("margin", [0.05, 0.12, 0.2, 0.5])
def test_verdict_equals_the_tests_decision(margin: float) -> None:
    left, right = _pair(0.1)
    result = tost(paired_difference(left, right, span=None), margin)
    assert (result.verdict == "equivalent") == (result.p_value < 0.05)


def _estimate(low: float, high: float) -> Estimate:
    middle = (low + high) / 2
    interval = Interval(low=low, high=high, level=0.95, method="paired_t")
    return Estimate(
        value=middle,
        interval=interval,
        standard_error=0.01,
        n_items=50,
        n_scores=100,
        method="paired_t",
        df=49,
    )


@pytest.mark.parametrize(
    ("low", "high", "margin", "verdict", "beyond"),
    [
        (-0.03, 0.04, 0.05, "equivalent", False),
        (0.01, 0.04, 0.05, "equivalent", False),
        (0.01, 0.08, 0.05, "different", False),
        (-0.09, -0.06, 0.05, "different", True),
        (-0.03, 0.08, 0.05, "inconclusive", False),
        (0.01, 0.04, None, "different", False),
        (-0.01, 0.04, None, "inconclusive", False),
    ],
)
def test_verdicts(low: float, high: float, margin: float | None, verdict: str, beyond: bool) -> None:
    estimate = _estimate(low, high)
    result = equivalence(estimate, estimate.interval, margin)
    assert (result.verdict, result.beyond_margin) == (verdict, beyond)


def test_a_difference_that_falls_to_correction_is_inconclusive() -> None:
    estimate = _estimate(0.01, 0.08)
    assert equivalence(estimate, estimate.interval, 0.05, different=False).verdict == "inconclusive"


def test_no_interval_is_not_estimable() -> None:
    contrast = paired_difference([1.0], [0.0])
    result = tost(contrast, 0.1)
    assert (result.verdict, result.p_value, result.reason) == ("not estimable", None, Reason.NO_INTERVAL)


def test_without_a_margin_nothing_is_equivalent_and_the_reason_is_said() -> None:
    estimate = _estimate(-0.001, 0.001)
    result = equivalence(estimate, estimate.interval, None)
    assert (result.verdict, result.reason) == ("inconclusive", Reason.NO_MARGIN)


def test_equal_scores_on_every_item_are_equivalent_only_within_what_n_can_show() -> None:
    few, many = np.full(5, 0.4), np.full(300, 0.4)
    assert tost(paired_difference(few, few), 0.1).verdict == "inconclusive"
    assert tost(paired_difference(many, many), 0.1).verdict == "equivalent"


def test_margin_must_be_positive() -> None:
    estimate = _estimate(0, 1)
    with pytest.raises(ValueError, match="above 0"):
        equivalence(estimate, estimate.interval, 0.0)


def test_type_one_error_at_the_margin_is_nominal() -> None:
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(2000):
        difference = rng.normal(0.1, 0.2, 60)
        wrong += tost(paired_difference(difference, np.zeros(60), span=None), 0.1).verdict == "equivalent"
    assert wrong / 2000 == pytest.approx(0.05, abs=0.015)
