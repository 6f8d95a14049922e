"""The shared result types: nothing that is missing passes as a number."""

from __future__ import annotations

import math

import pytest

from consilience.statistics.estimate import Reason, check_level, empty, finite, positive


@pytest.mark.parametrize("missing", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_none(missing) -> None:
    assert finite(missing) is None
    assert positive(missing) is None


def test_zero_is_a_value_but_no_standard_error() -> None:
    assert finite(0.0) == 0.0
    assert positive(0.0) is None
    assert positive(0.25) == 0.25


def test_an_empty_estimate_has_a_reason() -> None:
    got = empty(Reason.NO_SCORES, "item_mean", n_items=3)
    assert (got.value, got.interval, got.standard_error, got.reason) == (None, None, None, "no_scores")
    assert got.n_items == 3


@pytest.mark.parametrize("level", [0, 1, -0.5, 95])
def test_levels_out_of_range_are_refused(level) -> None:
    with pytest.raises(ValueError, match="strictly between"):
        check_level(level)
