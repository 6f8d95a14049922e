"""Corrections against statsmodels; tie groups by their defining property."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from consilience.statistics.multiplicity import adjust, benjamini_hochberg, holm, tie_groups

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@settings(max_examples=25)
@given(P_VALUES)
def test_holm_equals_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(
        list(multipletests(p_values, method="holm")[1]), rel=1e-9, abs=1e-300
    )


@given(P_VALUES)
def test_benjamini_hochberg_equals_statsmodels(p_values: list[float]) -> None:
    expected = list(multipletests(p_values, method="fdr_bh")[1])
    assert benjamini_hochberg(p_values) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("method", [holm, benjamini_hochberg])
def test_missing_values_stay_missing_and_do_not_count(method) -> None:
    full = method([0.01, 0.04, 0.03])
    assert method([None, 0.01, float("nan"), 0.04, 0.03]) == [None, full[0], None, full[1], full[2]]
    assert method([]) == []
    assert method([None]) == [None]


@given(P_VALUES, st.randoms())
def test_order_does_not_matter(p_values: list[float], random) -> None:
    order = list(range(len(p_values)))
    random.shuffle(order)
    adjusted = holm(p_values)
    assert holm([p_values[i] for i in order]) == [adjusted[i] for i in order]


def test_adjust_by_name() -> None:
    assert adjust([0.02, 0.5], "holm") == holm([0.02, 0.5])
    assert adjust([0.02, 0.5], "benjamini-hochberg") == benjamini_hochberg([0.02, 0.5])
    with pytest.raises(ValueError, match="unknown correction"):
        adjust([0.1], "bonferroni")


@pytest.mark.parametrize("wrong", [-0.1, 1.1])
def test_what_is_no_p_value_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="lie in"):
        holm([0.5, wrong])


def test_holm_keeps_the_family_error_on_true_hypotheses() -> None:
    rng = np.random.default_rng(11)
    families = rng.random((4000, 10))
    wrong = sum(min(holm(list(family))) <= 0.05 for family in families) / 4000
    assert wrong == pytest.approx(0.05, abs=0.0105)


def test_tie_groups_of_two_clear_classes() -> None:
    groups = tie_groups([0.9, 0.2, 0.88, 0.25], [(0, 1), (0, 3), (2, 1), (2, 3), (2, 3)])
    assert groups.groups == ((0, 2), (3, 1))
    assert groups.best_rank == (1, 3, 1, 3)
    assert groups.worst_rank == (2, 4, 2, 4)


def test_tie_groups_overlap_where_the_middle_ties_with_both_ends() -> None:
    groups = tie_groups([3.0, 2.0, 1.0], [(0, 2)])
    assert groups.groups == ((0, 1), (1, 2))
    assert groups.best_rank == (1, 1, 2)
    assert groups.worst_rank == (2, 3, 3)


def test_tie_groups_without_differences_and_without_results() -> None:
    assert tie_groups([1.0, 2.0], []).groups == ((1, 0),)
    assert tie_groups([], []).groups == ()


@given(st.integers(1, 8), st.data())
def test_tie_groups_say_exactly_who_differs(n: int, data) -> None:
    pairs = list(itertools.combinations(range(n), 2))
    different = data.draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    values = data.draw(st.lists(st.floats(0, 1), min_size=n, max_size=n))
    groups = tie_groups(values, different).groups
    together = {pair for group in groups for pair in itertools.combinations(sorted(group), 2)}
    assert together == set(pairs) - set(different)


def test_tie_ranks_follow_the_comparison_and_not_the_order_of_values() -> None:
    """A pair may differ one way on its common items while the means over all items lie the other way."""
    groups = tie_groups([3.0, 2.0], [(1, 0)])
    assert (groups.best_rank, groups.worst_rank) == ((2, 1), (2, 1))


def test_exponentially_many_tie_groups_are_not_listed() -> None:
    """Twenty pairs that differ within themselves only have 2^20 groups."""
    found = tie_groups([float(k) for k in range(40)], [(2 * k + 1, 2 * k) for k in range(20)])
    assert found.groups is None
    assert found.best_rank[:2] == (2, 1)
    few = tie_groups([float(k) for k in range(10)], [(2 * k + 1, 2 * k) for k in range(5)])
    assert len(few.groups) == 32
