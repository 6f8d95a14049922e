"""Prediction-powered inference: formulas by hand, tuned weight by search, coverage with clusters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.statistics.estimate import Reason
from consilience.statistics.prediction import MIN_HUMAN_ITEMS, ppi_difference, ppi_mean


def _data(n: int, labelled: int, seed: int, bounds: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    human = rng.normal(size=n)
    judge = 0.8 * human + rng.normal(0.2, 0.5, n)
    human[labelled:] = np.nan
    return judge, human


def test_weight_one_is_plain_ppi() -> None:
    judge, human = _data(500, 60, 1)
    got = ppi_mean(judge, human, weight=1.0, bounds=None).estimate
    f, y = judge[:60], human[:60]
    assert got.value == pytest.approx(judge[60:].mean() + (y - f).mean(), rel=1e-12)
    variance = judge[60:].var() / 440 + (y - f).var() / 60
    assert got.standard_error == pytest.approx(math.sqrt(variance * 500 / 499), rel=1e-9)


def test_weight_zero_is_the_human_mean() -> None:
    judge, human = _data(500, 60, 2)
    got = ppi_mean(judge, human, weight=0.0, bounds=None).estimate
    assert got.value == pytest.approx(np.nanmean(human))
    assert got.standard_error == pytest.approx(np.nanstd(human) / math.sqrt(60) * math.sqrt(500 / 499))


def test_tuned_weight_has_the_smallest_error() -> None:
    judge, human = _data(400, 50, 3)
    tuned = ppi_mean(judge, human, bounds=None)
    errors = [
        ppi_mean(judge, human, weight=w, bounds=None).estimate.standard_error for w in np.linspace(0, 1, 101)
    ]
    assert tuned.estimate.standard_error <= min(errors) + 1e-12
    assert tuned.weight == pytest.approx(np.argmin(errors) / 100, abs=0.011)


def test_all_labelled_is_the_human_mean() -> None:
    rng = np.random.default_rng(4)
    human = rng.random(40)
    got = ppi_mean(rng.random(40), human)
    assert got.estimate.value == pytest.approx(human.mean())
    assert got.weight == 0.0


def test_a_judge_that_says_the_opposite_is_ignored() -> None:
    judge, human = _data(300, 40, 5)
    got = ppi_mean(-judge, human, bounds=None)
    assert got.weight == 0.0
    assert got.estimate.value == pytest.approx(np.nanmean(human))


def test_a_good_judge_narrows_the_interval() -> None:
    rng = np.random.default_rng(6)
    truth = (rng.random(3000) < 0.4).astype(float)
    judge = np.where(rng.random(3000) < 0.95, truth, 1 - truth)
    human = np.where(np.arange(3000) < 200, truth, np.nan)
    got, alone = ppi_mean(judge, human), ppi_mean(judge, human, weight=0.0)
    width, plain = (x.estimate.interval.high - x.estimate.interval.low for x in (got, alone))
    assert width < 0.75 * plain


def test_too_few_human_ratings_cannot_be_corrected() -> None:
    judge, human = np.ones(100), np.full(100, np.nan)
    none = ppi_mean(judge, human)
    assert (none.estimate.value, none.estimate.reason) == (None, Reason.NO_HUMAN_RATINGS)
    assert none.human_needed is None
    assert none.need.left == pytest.approx(0.098, abs=1e-3)
    assert ppi_mean(np.ones(1_000), np.full(1_000, np.nan)).human_needed == 385
    human[:19] = 1.0
    few = ppi_mean(judge, human)
    assert (few.estimate.value, few.estimate.interval) == (None, None)
    assert few.estimate.reason is Reason.TOO_FEW_HUMAN_RATINGS
    assert few.raw == 1.0


def test_many_ratings_of_few_items_are_few() -> None:
    rng = np.random.default_rng(7)
    judge = rng.integers(0, 2, 300).astype(float)
    human = np.where(np.arange(300) < 90, judge, np.nan)
    got = ppi_mean(judge, human, clusters=np.arange(300) // 10)
    assert MIN_HUMAN_ITEMS > 90 / 10
    assert got.estimate.reason is Reason.TOO_FEW_HUMAN_RATINGS


def test_human_ratings_that_would_do() -> None:
    rng = np.random.default_rng(8)
    truth = (rng.random(20_000) < 0.4).astype(float)
    judge = np.where(rng.random(20_000) < 0.9, truth, 1 - truth)
    few = ppi_mean(judge, np.where(np.arange(20_000) < 100, truth, np.nan), wanted=0.03)
    enough = ppi_mean(judge, np.where(np.arange(20_000) < few.human_needed, truth, np.nan))
    half = (enough.estimate.interval.high - enough.estimate.interval.low) / 2
    assert half == pytest.approx(0.03, rel=0.2)
    assert few.human_needed > 100
    assert (
        ppi_mean(judge[:300], np.where(np.arange(300) < 100, truth[:300], np.nan), wanted=1e-4).human_needed
        is None
    )


def test_no_disagreement_in_a_small_sample_is_no_certainty() -> None:
    judge = np.r_[np.ones(10), np.zeros(15), np.ones(400), np.zeros(600)]
    human = np.r_[np.ones(10), np.zeros(15), np.full(1000, np.nan)]
    got = ppi_mean(judge, human)
    assert got.estimate.interval.high - got.estimate.interval.low > 0.1


def test_all_human_ratings_equal_still_have_width() -> None:
    got = ppi_mean(np.zeros(300), np.where(np.arange(300) < 30, 0.0, np.nan))
    assert got.estimate.value == 0.0
    assert got.estimate.interval.high == pytest.approx(1 - 0.025 ** (1 / 30))
    unbounded = ppi_mean(np.zeros(300), np.where(np.arange(300) < 30, 0.0, np.nan), bounds=None)
    assert (unbounded.estimate.interval, unbounded.estimate.reason) == (None, Reason.ALL_EQUAL)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_order_of_rows_does_not_matter(seed: int) -> None:
    judge, human = _data(120, 40, seed)
    clusters = np.arange(120) % 30
    order = np.random.default_rng(seed).permutation(120)
    first = ppi_mean(judge, human, clusters, bounds=None)
    second = ppi_mean(judge[order], human[order], clusters[order], bounds=None)
    assert second.estimate.value == pytest.approx(first.estimate.value)
    assert second.estimate.standard_error == pytest.approx(first.estimate.standard_error)


def test_copied_rows_in_one_cluster_do_not_shrink_the_error() -> None:
    judge, human = _data(200, 60, 9)
    once = ppi_mean(judge, human, np.arange(200), bounds=None)
    twice = ppi_mean(np.tile(judge, 2), np.tile(human, 2), np.tile(np.arange(200), 2), bounds=None)
    assert twice.estimate.value == pytest.approx(once.estimate.value)
    assert twice.estimate.standard_error == pytest.approx(once.estimate.standard_error)


def test_difference_of_disjoint_sides_adds_variances() -> None:
    (f1, y1), (f2, y2) = _data(300, 50, 10), _data(300, 50, 11)
    got = ppi_difference(f1, y1, None, f2, y2, None, span=None).estimate
    a, b = ppi_mean(f1, y1, bounds=None).estimate, ppi_mean(f2, y2, bounds=None).estimate
    assert got.value == pytest.approx(a.value - b.value)
    assert got.standard_error == pytest.approx(math.hypot(a.standard_error, b.standard_error), rel=2e-3)


def test_difference_on_shared_items_is_paired() -> None:
    rng = np.random.default_rng(12)
    base = rng.normal(size=400)
    sides = []
    for shift in (0.3, 0.0):
        human = base + shift + rng.normal(0, 0.1, 400)
        judge = human + rng.normal(0, 0.3, 400)
        human[100:] = np.nan
        sides += [judge, human, np.arange(400)]
    paired = ppi_difference(*sides, span=None).estimate
    sides[2] = sides[5] = None
    apart = ppi_difference(*sides, span=None).estimate
    assert paired.value == pytest.approx(apart.value)
    assert paired.standard_error < 0.5 * apart.standard_error
    assert paired.interval.low < 0.3 < paired.interval.high


def test_difference_needs_human_ratings_on_both_sides() -> None:
    judge, human = _data(100, 50, 13)
    got = ppi_difference(judge, human, None, judge, np.full(100, np.nan), None, span=None)
    assert (got.estimate.value, got.estimate.reason) == (None, Reason.NO_HUMAN_RATINGS)
    assert got.raw == pytest.approx(0.0)


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        ppi_mean([1.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="clusters"):
        ppi_mean([1.0, 0.0], [1.0, 0.0], [1])


def _simulate(rng: np.random.Generator, p: float, items: int, attempts: int, n_human: int, sp: float):
    rate = rng.beta(2 * p, 2 * (1 - p), items)
    item = np.repeat(np.arange(items), attempts)
    truth = (rng.random(item.size) < rate[item]).astype(float)
    judge = np.where(truth == 1, rng.random(item.size) < 0.9, rng.random(item.size) < 1 - sp).astype(float)
    human = np.full(item.size, np.nan)
    chosen = rng.choice(item.size, n_human, replace=False)
    human[chosen] = truth[chosen]
    return judge, human, item


@pytest.mark.parametrize(("p", "n_human"), [(0.1, 50), (0.5, 50), (0.1, 200), (0.5, 200)])
def test_coverage_and_bias_of_the_mean(p: float, n_human: int) -> None:
    rng = np.random.default_rng(n_human + int(100 * p))
    covered, errors = 0, []
    for _ in range(600):
        got = ppi_mean(*_simulate(rng, p, 300, 4, n_human, 0.85)).estimate
        covered += got.interval.low <= p <= got.interval.high
        errors.append(got.value - p)
    assert covered / 600 >= 0.935 - 0.02
    assert abs(np.mean(errors)) < 0.006


def test_coverage_where_one_language_has_a_worse_judge() -> None:
    """The raw difference is biased by 7 points; the corrected one is not."""
    rng = np.random.default_rng(21)
    covered, raw, corrected = 0, [], []
    for _ in range(500):
        left, right = _simulate(rng, 0.3, 300, 2, 100, 0.95), _simulate(rng, 0.3, 300, 2, 100, 0.85)
        got = ppi_difference(*left, *(right[0], right[1], right[2] + 1000))
        covered += got.estimate.interval.low <= 0 <= got.estimate.interval.high
        raw.append(got.raw)
        corrected.append(got.estimate.value)
    assert np.mean(raw) == pytest.approx(-0.07, abs=0.01)
    assert abs(np.mean(corrected)) < 0.008
    assert covered / 500 >= 0.93
