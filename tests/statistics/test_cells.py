"""Cell means of both estimands against statsmodels, scipy and brute force; degenerate designs."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from consilience.statistics.cells import (
    estimate_averages,
    estimate_benchmark,
    estimate_both,
    estimate_cells,
    estimate_generalized,
)
from consilience.statistics.estimate import Reason
from consilience.statistics.intervals import choose_rate_interval
from consilience.statistics.item_rows import compact, scored_rows


@pytest.mark.parametrize(("successes", "n"), [(0, 12), (12, 12), (5, 40), (20, 40), (700, 1000)])
def test_one_binary_attempt_per_item_is_the_binomial_interval(successes: int, n: int) -> None:
    sums = np.r_[np.ones(successes), np.zeros(n - successes)]
    got = estimate_generalized(sums, np.ones(n))
    assert got.value == pytest.approx(successes / n)
    assert got.interval == choose_rate_interval(successes, n)


def test_clustered_error_equals_statsmodels() -> None:
    rng = np.random.default_rng(1)
    n, k = 40, 5
    scores = (rng.random((n, k)) < rng.beta(2, 2, n)[:, None]).astype(float)
    got = estimate_generalized(scores.sum(1), np.full(n, k))
    fit = sm.OLS(scores.ravel(), np.ones(n * k)).fit(
        cov_type="cluster", cov_kwds={"groups": np.repeat(np.arange(n), k), "use_correction": True}
    )
    assert got.standard_error == pytest.approx(fit.bse[0], rel=1e-9)
    assert got.n_items == n
    assert got.n_scores == n * k


def test_scale_without_bounds_is_students_interval_of_item_means() -> None:
    rng = np.random.default_rng(2)
    scores = rng.normal(3, 10, (25, 4))
    got = estimate_generalized(scores.sum(1), np.full(25, 4), (scores**2).sum(1), bounds=None, level=0.9)
    means = scores.mean(1)
    expected = stats.t.interval(0.9, 24, means.mean(), stats.sem(means))
    assert (got.interval.low, got.interval.high) == pytest.approx(expected, rel=1e-9)
    assert got.df == 24


def test_items_weigh_the_same_whatever_their_attempts() -> None:
    got = estimate_generalized([1.0, 0.0], [1, 9])
    assert got.value == pytest.approx(0.5)


def test_benchmark_variance_is_that_of_strata() -> None:
    rng = np.random.default_rng(4)
    counts = rng.integers(2, 7, 30)
    scores = [rng.random(k) for k in counts]
    got = estimate_benchmark([s.sum() for s in scores], counts, [(s**2).sum() for s in scores])
    parts = [s.var(ddof=1) / s.size for s in scores]
    assert got.standard_error == pytest.approx(np.sqrt(sum(parts)) / 30, rel=1e-9)
    df = sum(parts) ** 2 / sum(v**2 / (s.size - 1) for v, s in zip(parts, scores, strict=True))
    assert got.df == pytest.approx(df, rel=1e-9)
    assert got.value == pytest.approx(np.mean([s.mean() for s in scores]))


def test_benchmark_is_narrower_than_generalized_where_items_differ() -> None:
    sums, counts = np.r_[np.full(20, 5.0), np.zeros(20), [1.0, 2.0, 4.0]], np.full(43, 5)
    fixed, sampled = estimate_benchmark(sums, counts), estimate_generalized(sums, counts)
    assert fixed.value == sampled.value
    assert fixed.interval.high - fixed.interval.low < 0.6 * (sampled.interval.high - sampled.interval.low)


def test_benchmark_with_one_attempt_is_not_estimable() -> None:
    got = estimate_benchmark([1.0, 0.0, 1.0], [1, 1, 1])
    assert got.value == pytest.approx(2 / 3)
    assert got.interval is None
    assert got.standard_error is None
    assert got.reason is Reason.ONE_ATTEMPT_PER_ITEM


def test_benchmark_takes_the_pooled_variance_for_a_lost_attempt() -> None:
    whole = estimate_benchmark([1, 2, 1, 0], [3, 3, 3, 3])
    lost = estimate_benchmark([1, 2, 1, 0], [3, 3, 3, 1])
    assert lost.interval is not None
    assert lost.standard_error > whole.standard_error


def test_averages_over_laboratories_cluster_by_item() -> None:
    """Complete data: the same as the t error of the items' means over laboratories and languages."""
    rng = np.random.default_rng(5)
    scores = rng.random((30, 6)) * 0.5 + rng.random((30, 1)) * 0.5
    item, part = (x.ravel() for x in np.indices(scores.shape))
    got = estimate_averages(
        np.zeros(item.size, int),
        part,
        item,
        scores.ravel(),
        np.ones(item.size),
        scores.ravel() ** 2,
        1,
        bounds=None,
    ).estimate(0)
    means = scores.mean(1)
    expected = stats.t.interval(0.95, 29, means.mean(), stats.sem(means))
    assert (got.interval.low, got.interval.high) == pytest.approx(expected, rel=1e-9)
    naive = stats.sem(scores.ravel())
    assert got.standard_error > 1.5 * naive
    assert got.n_items == 30


def test_averages_weigh_parts_the_same() -> None:
    part = np.r_[np.zeros(10, int), np.ones(2, int)]
    item = np.r_[np.arange(10), np.arange(2)]
    got = estimate_averages(
        np.zeros(12, int), part, item, np.r_[np.ones(10), np.zeros(2)], np.ones(12), None, 1
    )
    assert got.estimate(0).value == pytest.approx(0.5)


def test_averages_of_disjoint_items_add_variances() -> None:
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=50), rng.normal(size=50)
    item, part = np.arange(100), np.repeat([0, 1], 50)
    values = np.r_[a, b]
    got = estimate_averages(
        np.zeros(100, int), part, item, values, np.ones(100), values**2, 1, bounds=None
    ).estimate(0)
    expected = np.sqrt((a.var() / 50 + b.var() / 50) / 4 * 100 / 99)
    assert got.standard_error == pytest.approx(expected, rel=1e-9)


def test_many_cells_at_once_equal_one_by_one() -> None:
    rng = np.random.default_rng(7)
    cell = rng.integers(0, 60, 2000)
    counts = rng.integers(0, 4, 2000)
    sums = rng.binomial(counts, 0.3)
    for estimand, single in (("generalized", estimate_generalized), ("benchmark", estimate_benchmark)):
        many = estimate_cells(cell, sums, counts, None, 61, estimand=estimand)
        for c in range(61):
            one = single(sums[cell == c], counts[cell == c])
            got = many.estimate(c)
            assert got.reason == one.reason
            assert got.method == one.method
            assert (got.value is None) == (one.value is None)
            if one.interval is not None:
                assert (got.interval.low, got.interval.high) == pytest.approx(
                    (one.interval.low, one.interval.high)
                )
        assert many.estimates()[60].reason is Reason.NO_SCORES


def test_a_million_cells() -> None:
    n = 1_000_000
    cell = np.repeat(np.arange(n), 2)
    sums = np.arange(2 * n) % 4
    got = estimate_cells(cell, sums, np.full(2 * n, 3), None, n)
    assert np.isfinite(got.low).all()
    assert got.estimate(n - 1).value == pytest.approx((2 + 3) / 6)


@given(st.lists(st.tuples(st.integers(1, 5), st.floats(0, 1)), min_size=2, max_size=40), st.randoms())
def test_order_of_rows_does_not_matter(rows: list[tuple[int, float]], random) -> None:
    counts = np.array([k for k, _ in rows])
    sums = np.round([k * share for k, share in rows])
    order = list(range(len(rows)))
    random.shuffle(order)
    for single in (estimate_generalized, estimate_benchmark):
        first, second = single(sums, counts), single(sums[order], counts[order])
        assert second.value == pytest.approx(first.value)
        assert second.reason == first.reason
        if first.interval is not None:
            assert second.interval.low == pytest.approx(first.interval.low, abs=1e-9)
            assert second.interval.high == pytest.approx(first.interval.high, abs=1e-9)
            assert second.interval.low <= second.value + 1e-12
            assert second.interval.high >= second.value - 1e-12
            assert second.interval.high > second.interval.low


@given(st.lists(st.integers(0, 3), min_size=2, max_size=30), st.integers(2, 5))
def test_copied_attempts_do_not_shrink_the_clustered_error(sums: list[int], copies: int) -> None:
    once = estimate_generalized(sums, np.full(len(sums), 3))
    copied = estimate_generalized(np.array(sums) * copies, np.full(len(sums), 3 * copies))
    assert copied.value == pytest.approx(once.value)
    assert (copied.standard_error or 0.0) == pytest.approx(once.standard_error or 0.0)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=30))
def test_exchanging_success_and_failure_mirrors_the_interval(sums: list[int]) -> None:
    for single in (estimate_generalized, estimate_benchmark):
        got = single(sums, np.full(len(sums), 4)).interval
        mirrored = single(4 - np.array(sums), np.full(len(sums), 4)).interval
        assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((got.low, got.high), abs=1e-9)


def test_another_scale_is_the_unit_scale_stretched() -> None:
    rng = np.random.default_rng(8)
    unit = rng.random((20, 3))
    scaled = 1 + 4 * unit
    a = estimate_generalized(unit.sum(1), np.full(20, 3), (unit**2).sum(1))
    b = estimate_generalized(scaled.sum(1), np.full(20, 3), (scaled**2).sum(1), bounds=(1, 5))
    assert (b.interval.low, b.interval.high) == pytest.approx(
        (1 + 4 * a.interval.low, 1 + 4 * a.interval.high)
    )
    assert b.standard_error == pytest.approx(4 * a.standard_error)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_equal_at_an_end_has_an_exact_interval(value: float) -> None:
    for estimand, units in (("generalized", 15), ("benchmark", 45)):
        got = estimate_cells(
            np.zeros(15, int), np.full(15, 3 * value), np.full(15, 3), None, 1, estimand=estimand
        )
        interval = got.estimate(0).interval
        assert interval.high - interval.low == pytest.approx(1 - 0.025 ** (1 / units))
        assert got.estimate(0).standard_error is None


def test_all_equal_within_the_scale_still_has_width() -> None:
    got = estimate_generalized(np.full(10, 0.5), np.ones(10), np.full(10, 0.25))
    assert got.value == pytest.approx(0.5)
    assert got.interval.high - got.interval.low > 0.3


def test_all_equal_without_bounds_is_stated() -> None:
    got = estimate_generalized(np.full(10, 7.0), np.ones(10), np.full(10, 49.0), bounds=None)
    assert (got.value, got.interval, got.standard_error) == (7.0, None, None)
    assert got.reason is Reason.ALL_EQUAL


def test_one_item_and_no_item_are_stated() -> None:
    one = estimate_generalized([1.0], [1])
    assert (one.value, one.interval, one.reason) == (1.0, None, Reason.ONE_ITEM)
    none = estimate_generalized([0.0], [0])
    assert (none.value, none.interval, none.reason) == (None, None, Reason.NO_SCORES)
    assert estimate_generalized([], []).reason is Reason.NO_SCORES


def test_one_item_with_attempts_has_a_benchmark() -> None:
    got = estimate_benchmark([3.0], [10])
    assert got.interval == pytest.approx(got.interval)
    assert got.interval.low < 0.3 < got.interval.high


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0], [2.0], [1], None, 1), "outside the bounds"),
        (([0], [-1.0], [1], None, 1), "outside the bounds"),
        (([0, 0], [1.0], [1], None, 1), "shape"),
        (([3], [1.0], [1], None, 1), "cells"),
        (([-1], [1.0], [1], None, 1), "integers from 0"),
        (([0], [np.nan], [1], [1.0], 1), "finite"),
    ],
)
def test_wrong_input_is_refused(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate_cells(*arguments)


def test_unknown_estimand_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown estimand"):
        estimate_cells([0], [1.0], [1], None, 1, estimand="mean")


def _coverage(n: int, k: int, p: float, spread: float | None, estimand: str, seed: int) -> float:
    rng = np.random.default_rng(seed)
    replications = 2000
    shape = (replications, n) if estimand == "generalized" else (1, n)
    rate = np.full(shape, p) if spread is None else rng.beta(p * spread, (1 - p) * spread, shape)
    truth = p if estimand == "generalized" else rate.mean()
    sums = rng.binomial(k, np.broadcast_to(rate, (replications, n)))
    cell = np.repeat(np.arange(replications), n)
    got = estimate_cells(cell, sums.ravel(), np.full(cell.size, k), None, replications, estimand=estimand)
    return float(((got.low <= truth) & (truth <= got.high)).mean())


@pytest.mark.parametrize("spread", [None, 2.0])
@pytest.mark.parametrize("k", [1, 5, 20])
@pytest.mark.parametrize("p", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("n", [10, 30, 100])
def test_coverage_of_generalized_means(n: int, p: float, k: int, spread: float | None) -> None:
    """At least 93.5 % less two Monte-Carlo errors; at most 97 % where many items carry the rarer outcome."""
    coverage = _coverage(n, k, p, spread, "generalized", seed=1000 * n + 10 * k + int(100 * p))
    assert coverage >= 0.935 - 0.011
    if n * p >= 40:
        assert coverage <= 0.97


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("p", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("n", [10, 100])
def test_coverage_of_benchmark_means(n: int, p: float, k: int) -> None:
    coverage = _coverage(n, k, p, 2.0, "benchmark", seed=7 * n + k)
    assert coverage >= 0.935 - 0.011


@pytest.mark.parametrize(("items", "parts", "p"), [(20, 6, 0.5), (50, 12, 0.1), (20, 12, 0.02)])
def test_coverage_of_averages_over_laboratories_and_languages(items: int, parts: int, p: float) -> None:
    rng = np.random.default_rng(items)
    replications = 1000
    rate = np.broadcast_to(
        rng.beta(2 * p, 2 * (1 - p), (replications, items, 1)), (replications, items, parts)
    )
    group, item, part = (x.ravel() for x in np.indices(rate.shape))
    got = estimate_averages(
        group, part, item, rng.binomial(1, rate).ravel(), np.ones(group.size), None, replications
    )
    coverage = float(((got.low <= p) & (p <= got.high)).mean())
    assert coverage >= 0.935 - 0.015
    assert p != 0.5 or coverage <= 0.98


@pytest.mark.parametrize("parts", [1, 3])
def test_both_estimands_at_once_equal_one_by_one(parts: int) -> None:
    rng = np.random.default_rng(3)
    n = 600
    group, item = rng.integers(0, 4, n), rng.integers(0, 30, n)
    part = rng.integers(0, parts, n)
    group, part, item = np.unique(np.stack([group, part, item]), axis=1)
    counts = rng.integers(0, 4, group.size).astype(float)
    sums = np.minimum(rng.random(group.size) * 4.0, counts)
    squares = sums**2 / np.maximum(counts, 1.0)
    rows = scored_rows(sums, counts, squares, (0.0, 1.0))
    for one, both in zip(
        (
            estimate_averages(group, part, item, sums, counts, squares, 5, estimand=estimand)
            for estimand in ("benchmark", "generalized")
        ),
        estimate_both(rows, group, part, item, 5),
        strict=True,
    ):
        assert one.estimates() == both.estimates()
    assert estimate_both(rows, group, part, item, 5)[0].estimate(4).value is None


def test_codes_are_compacted_the_same_by_counting_and_by_sorting() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 50, 40)
    counted, sorted_ = compact(codes, 50), compact(codes, 10**12)
    for one, other, expected in zip(counted, sorted_, np.unique(codes, return_inverse=True), strict=True):
        assert np.array_equal(one, other)
        assert np.array_equal(one, expected)
    full = np.array([2, 0, 1, 1])
    assert [array.tolist() for array in compact(full, 3)] == [[0, 1, 2], [2, 0, 1, 1]]
    assert [array.tolist() for array in compact(np.zeros(0, dtype=np.int64), 0)] == [[], []]
