"""Ranges of use: every entry names a method, and an estimate outside its range is told."""

from __future__ import annotations

import pytest

from consilience.statistics.cells import estimate_generalized
from consilience.statistics.estimate import Estimate, Interval, Reason, empty
from consilience.statistics.ranges import RANGES, outside, range_of
from consilience.statistics.references import METHODS


def _estimate(method: str, n: int) -> Estimate:
    interval = Interval(low=0.1, high=0.4, level=0.95, method=method)
    return Estimate(value=0.2, interval=interval, standard_error=0.1, n_items=n, n_scores=n, method=method)


@pytest.mark.parametrize("method", sorted(RANGES))
def test_below_its_number_an_estimate_is_outside_and_from_it_on_inside(method: str) -> None:
    entry = RANGES[method]
    assert method in METHODS
    assert outside(_estimate(method, entry.n_holds - 1)) == entry
    assert outside(_estimate(method, entry.n_holds)) is None


def test_exact_variants_share_the_range_of_their_method() -> None:
    few = estimate_generalized([1.0] * 9 + [0.0], [1.0] * 10)
    assert few.method == "clopper_pearson"
    assert outside(few) == RANGES["wilson"]
    assert range_of("effective_clopper_pearson") == RANGES["effective_wilson"]
    assert range_of("hotelling") is None


def test_what_has_no_interval_is_not_outside() -> None:
    assert outside(empty(Reason.NO_SCORES, "wilson")) is None
    assert outside(_estimate("laboratory_deviation", 3)) is None
