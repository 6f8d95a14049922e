"""Paired contrasts against scipy, statsmodels, brute force and a published example; coverage."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg, stats
from statsmodels.stats.contingency_tables import mcnemar

from consilience.statistics import contrasts
from consilience.statistics.contrasts import mcnemar_exact, newcombe_paired, paired_difference, sign_flip_p
from consilience.statistics.estimate import Reason

COUNTS = st.integers(0, 30)


@given(COUNTS, COUNTS)
def test_mcnemar_equals_statsmodels(left_only: int, right_only: int) -> None:
    expected = mcnemar([[5, left_only], [right_only, 5]], exact=True).pvalue
    assert mcnemar_exact(left_only, right_only) == pytest.approx(expected, rel=1e-9)


def test_newcombe_equals_the_published_example() -> None:
    """Airway hyper-responsiveness before and after transplantation (Fagerland et al. 2014, Stat. Med. 33)."""
    got = newcombe_paired(1, 1, 7, 12)
    assert (round(got.low, 3), round(got.high, 3)) == (-0.507, -0.026)


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_newcombe_is_antisymmetric_and_has_width(a: int, b: int, c: int, d: int) -> None:
    if a + b + c + d < 2:
        return
    got, swapped = newcombe_paired(a, b, c, d), newcombe_paired(a, c, b, d)
    assert (-swapped.high, -swapped.low) == pytest.approx((got.low, got.high), abs=1e-12)
    assert -1.0 <= got.low <= (b - c) / (a + b + c + d) <= got.high <= 1.0
    assert got.high > got.low


def test_newcombe_needs_items() -> None:
    with pytest.raises(ValueError, match="at least one"):
        newcombe_paired(0, 0, 0, 0)


def test_t_test_equals_scipy() -> None:
    rng = np.random.default_rng(1)
    left, right = rng.random(80), rng.random(80)
    got = paired_difference(left, right, span=None, level=0.9)
    expected = stats.ttest_rel(left, right)
    assert got.test == "paired_t"
    assert got.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    interval = expected.confidence_interval(0.9)
    assert (got.difference.interval.low, got.difference.interval.high) == pytest.approx(
        tuple(interval), rel=1e-9
    )
    wide = expected.confidence_interval(0.8)
    assert (got.wide_interval.low, got.wide_interval.high) == pytest.approx(tuple(wide), rel=1e-9)


@pytest.mark.parametrize("n", [2, 5, 9, 12])
def test_exact_permutation_equals_scipy(n: int) -> None:
    units = np.random.default_rng(n).normal(0.3, 1, n)
    expected = stats.permutation_test(
        (units,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    ).pvalue
    got, method = sign_flip_p(units)
    assert method == "sign_flip_exact"
    # scipy doubles the smaller tail: the two-sided count of |sum| of a symmetric null distribution
    assert got == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=12))
def test_convolution_equals_enumeration(steps: list[int]) -> None:
    units = np.array(steps) / 6.0
    moving = units[units != 0]
    if moving.size == 0:
        return
    whole = contrasts._lattice(moving)
    assert whole is not None
    assert contrasts._lattice_p(whole) == pytest.approx(contrasts._enumerated_p(moving), rel=1e-9)


def test_sign_flip_on_signs_is_mcnemar() -> None:
    units = np.r_[np.ones(13), -np.ones(4), np.zeros(20)]
    assert sign_flip_p(units)[0] == pytest.approx(mcnemar_exact(13, 4), rel=1e-9)


def test_random_flips_come_near_the_t_test_and_need_a_generator() -> None:
    units = np.random.default_rng(2).normal(0.4, 1, 25)
    assert sign_flip_p(units) == (None, "sign_flip_random")
    got, method = sign_flip_p(units, np.random.default_rng(3))
    assert method == "sign_flip_random"
    assert got == pytest.approx(stats.ttest_1samp(units, 0).pvalue, abs=0.02)
    assert got == sign_flip_p(units, np.random.default_rng(3))[0]


def _cr2(differences: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Bell and McCaffrey's matrices, written out: variance of a mean and its degrees of freedom."""
    n = differences.size
    x = np.ones((n, 1))
    residual_maker = np.eye(n) - x @ x.T / n
    meat, columns = 0.0, []
    for label in np.unique(labels):
        rows = labels == label
        block = residual_maker[np.ix_(rows, rows)]
        root = linalg.fractional_matrix_power(block, -0.5).real
        weight = root @ x[rows] / n
        meat += float((weight.T @ (differences[rows] - differences.mean())[:, None]).item()) ** 2
        columns.append(residual_maker[:, rows] @ weight)
    gram = np.hstack(columns).T @ np.hstack(columns)
    values = np.linalg.eigvalsh(gram)
    return meat, values.sum() ** 2 / (values**2).sum()


def test_clusters_equal_bell_and_mccaffrey() -> None:
    rng = np.random.default_rng(4)
    labels = np.repeat(np.arange(9), [1, 2, 3, 4, 5, 6, 2, 2, 7])
    differences = rng.normal(size=labels.size) + rng.normal(size=9)[labels]
    got = paired_difference(differences, np.zeros(labels.size), clusters=labels, span=None)
    variance, df = _cr2(differences, labels)
    assert got.difference.standard_error == pytest.approx(math.sqrt(variance), rel=1e-9)
    assert got.difference.df == pytest.approx(df, rel=1e-9)
    assert got.n_units == 9


def test_clusters_of_one_are_no_clusters() -> None:
    rng = np.random.default_rng(5)
    left, right = rng.random(40), rng.random(40)
    plain = paired_difference(left, right)
    clustered = paired_difference(left, right, clusters=rng.permutation(40))
    assert clustered.difference.standard_error == pytest.approx(plain.difference.standard_error)
    assert clustered.difference.df == pytest.approx(39)
    assert clustered.p_value == pytest.approx(plain.p_value)


def test_copied_items_in_one_cluster_do_not_shrink_the_error() -> None:
    rng = np.random.default_rng(6)
    left, right = rng.random(30), rng.random(30)
    once = paired_difference(left, right)
    twice = paired_difference(np.tile(left, 2), np.tile(right, 2), clusters=np.tile(np.arange(30), 2))
    assert twice.difference.standard_error == pytest.approx(once.difference.standard_error)
    assert twice.n_units == 30


def test_only_common_items_enter() -> None:
    nan = math.nan
    got = paired_difference([0.5, nan, 1.0, 0.2, nan], [0.25, 1.0, nan, 0.4, nan])
    assert got.n_common == 2
    assert got.difference.value == pytest.approx(0.025)


def test_disjoint_items_and_single_items_are_stated() -> None:
    none = paired_difference([1.0, math.nan], [math.nan, 0.0])
    assert (none.difference.value, none.p_value, none.difference.reason) == (None, None, Reason.NO_PAIRS)
    one = paired_difference([1.0], [0.5])
    assert (one.difference.value, one.difference.interval, one.difference.reason) == (
        0.5,
        None,
        Reason.ONE_ITEM,
    )
    binary = paired_difference([1.0], [0.0], single_binary=True)
    assert (binary.difference.interval, binary.p_value, binary.difference.reason) == (
        None,
        None,
        Reason.ONE_ITEM,
    )
    cluster = paired_difference([1.0, 0.2], [0.5, 0.1], clusters=[7, 7])
    assert cluster.difference.reason is Reason.ONE_CLUSTER


def test_no_difference_anywhere_is_no_certainty() -> None:
    same = np.array([0.2, 0.4, 0.9, 1.0, 0.0, 0.6])
    got = paired_difference(same, same)
    assert got.difference.interval.high == pytest.approx(1 - 0.025 ** (1 / 6))
    assert got.difference.interval.low == -got.difference.interval.high
    assert (got.p_value, got.difference.standard_error) == (1.0, None)
    unbounded = paired_difference(same, same, span=None)
    assert (unbounded.difference.interval, unbounded.difference.reason) == (None, Reason.ALL_DIFFERENCES_ZERO)


def test_the_same_difference_everywhere_is_no_certainty() -> None:
    got = paired_difference(np.full(8, 0.75), np.full(8, 0.25))
    assert (got.difference.value, got.difference.interval) == (0.5, None)
    assert got.difference.reason is Reason.ALL_EQUAL
    assert got.p_value == pytest.approx(2 / 2**8)


def test_single_binary_scores_take_mcnemar_and_newcombe() -> None:
    left, right = np.r_[np.ones(20), np.zeros(10)], np.r_[np.ones(12), np.zeros(18)]
    got = paired_difference(left, right, single_binary=True)
    assert got.p_value == mcnemar_exact(8, 0)
    assert got.difference.interval == newcombe_paired(12, 8, 0, 10)
    assert got.wide_interval == newcombe_paired(12, 8, 0, 10, level=0.9)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0.5], [0.5, 0.1]), {}, "shape"),
        (([0.5, 1.0], [1.0, 0.0]), {"single_binary": True}, "0 or 1"),
        (([0.5, 1.0], [1.0, 0.0]), {"level": 0.4}, "above 0.5"),
        (([0.5, 1.0], [1.0, 0.0]), {"clusters": [1]}, "clusters"),
    ],
)
def test_wrong_input_is_refused(arguments, options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        paired_difference(*arguments, **options)


SCORES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=40)


@given(SCORES, st.randoms())
def test_swapping_sides_changes_the_sign_and_order_nothing(pairs, random) -> None:
    left, right = np.array(pairs).T / 5
    got = paired_difference(left, right)
    shuffled = list(range(len(pairs)))
    random.shuffle(shuffled)
    swapped = paired_difference(right[shuffled], left[shuffled])
    assert swapped.difference.value == pytest.approx(-got.difference.value, abs=1e-12)
    assert swapped.p_value == pytest.approx(got.p_value, rel=1e-9)
    assert swapped.difference.reason == got.difference.reason
    if got.difference.interval is not None:
        mirrored = swapped.difference.interval
        assert (-mirrored.high, -mirrored.low) == pytest.approx(
            (got.difference.interval.low, got.difference.interval.high), abs=1e-9
        )
        assert mirrored.high > mirrored.low


@pytest.mark.parametrize(("n", "k"), [(10, 1), (10, 5), (30, 1), (30, 5), (100, 5)])
def test_coverage_and_type_one_error_under_no_difference(n: int, k: int) -> None:
    rng = np.random.default_rng(100 * n + k)
    replications = 1000
    covered = rejected = 0
    for _ in range(replications):
        rate = rng.beta(1.5, 1.5, n)
        left, right = rng.binomial(k, rate) / k, rng.binomial(k, rate) / k
        got = paired_difference(left, right, single_binary=k == 1)
        covered += got.difference.interval.low <= 0 <= got.difference.interval.high
        rejected += got.p_value <= 0.05
    assert covered / replications >= 0.935 - 0.014
    assert rejected / replications <= 0.065


def test_coverage_of_a_true_difference_with_clusters() -> None:
    rng = np.random.default_rng(77)
    covered = 0
    labels = np.repeat(np.arange(12), 4)
    for _ in range(1000):
        shift = rng.normal(0.1, 0.2, 12)[labels] + rng.normal(0, 0.1, 48)
        interval = paired_difference(shift, np.zeros(48), clusters=labels, span=None).difference.interval
        covered += interval.low <= 0.1 <= interval.high
    assert covered / 1000 == pytest.approx(0.95, abs=0.021)


def test_exact_p_values_of_small_samples_are_all_reachable() -> None:
    seen = {
        round(sign_flip_p(np.array(signs) * [1.0, 2.0, 4.0])[0], 6)
        for signs in itertools.product([1, -1], repeat=3)
    }
    assert seen == {0.25, 0.5, 0.75, 1.0}
