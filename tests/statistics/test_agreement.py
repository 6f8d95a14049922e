"""Agreement against the krippendorff package, statsmodels, published values and hand computation."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa

from consilience.statistics import agreement
from consilience.statistics.agreement import MAX_DRAWN, krippendorff_alpha
from consilience.statistics.estimate import Reason
from consilience.statistics.kappa import cohen_kappa, gwet_ac1, percent_agreement

NAN = float("nan")
CANONICAL = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)


def _rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def _ratings(n: int, raters: int = 3, categories: int = 4, missing: float = 0.2, seed: int = 0) -> np.ndarray:
    rng = _rng(seed)
    truth = rng.integers(0, categories, n)
    matrix = np.where(rng.random((raters, n)) < 0.7, truth, rng.integers(0, categories, (raters, n))).astype(
        float
    )
    matrix[rng.random(matrix.shape) < missing] = NAN
    return matrix


@pytest.mark.parametrize(
    ("metric", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_of_the_published_example(metric: str, published: float) -> None:
    """Krippendorff 2011, Computing Krippendorff's alpha-reliability, four observers with missing data."""
    got = krippendorff_alpha(CANONICAL, metric=metric, rng=_rng())
    assert round(got.value, 3) == published
    assert got.n_shared == 11
    assert got.n_ratings == 40


@pytest.mark.parametrize("metric", ["nominal", "ordinal", "interval"])
@pytest.mark.parametrize("n", [15, 400])
def test_alpha_equals_the_krippendorff_package(metric: str, n: int) -> None:
    matrix = _ratings(n, seed=n)
    expected = krippendorff.alpha(reliability_data=matrix, level_of_measurement=metric)
    assert krippendorff_alpha(matrix, metric=metric, rng=_rng(), replicates=50).value == pytest.approx(
        expected, rel=1e-9
    )


def test_alpha_of_continuous_scores_equals_the_krippendorff_package() -> None:
    rng = _rng(1)
    truth = rng.normal(100, 3, 80)
    matrix = truth + rng.normal(0, 1, (3, 80))
    matrix[0, :20] = NAN
    expected = krippendorff.alpha(reliability_data=matrix, level_of_measurement="interval")
    got = krippendorff_alpha(matrix, metric="interval", rng=_rng())
    assert got.value == pytest.approx(expected, rel=1e-9)
    assert got.interval.low < got.value < got.interval.high
    assert got.percent_agreement == 0.0


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_kappa_equals_statsmodels(weights: str) -> None:
    matrix = _ratings(300, raters=2, missing=0.0, seed=3)
    table = np.zeros((4, 4))
    np.add.at(table, (matrix[0].astype(int), matrix[1].astype(int)), 1)
    wt = {"none": None, "linear": "linear", "quadratic": "quadratic"}[weights]
    expected = cohens_kappa(table, wt=wt)
    got = cohen_kappa(matrix[0], matrix[1], weights=weights, rng=_rng(), replicates=4000)
    assert got.value == pytest.approx(expected.kappa, rel=1e-9)
    if wt is None:
        assert (got.interval.low, got.interval.high) == pytest.approx(
            (expected.kappa_low, expected.kappa_upp), abs=0.015
        )


def test_ac1_by_hand_where_kappa_fails() -> None:
    """118 and 0 equal, 5 and 2 apart: agreement 94 %, kappa below 0, AC1 = 0.9408 (Gwet 2008)."""
    first = np.r_[np.ones(118), np.ones(5), np.zeros(2)]
    second = np.r_[np.ones(118), np.zeros(5), np.ones(2)]
    ac1 = gwet_ac1(np.stack([first, second]), rng=_rng())
    share = (123 + 120) / 250
    chance = 2 * share * (1 - share)
    assert ac1.value == pytest.approx((118 / 125 - chance) / (1 - chance), rel=1e-12)
    assert round(ac1.value, 4) == 0.9408
    assert cohen_kappa(first, second, rng=_rng()).value < 0
    assert ac1.percent_agreement == pytest.approx(118 / 125)


def test_percent_agreement_by_brute_force() -> None:
    matrix = _ratings(60, raters=4, seed=5)
    shares = []
    for unit in matrix.T:
        seen = unit[np.isfinite(unit)]
        if seen.size > 1:
            pairs = [a == b for i, a in enumerate(seen) for j, b in enumerate(seen) if i != j]
            shares.append(np.mean(pairs))
    got = percent_agreement(matrix, rng=_rng())
    assert got.value == pytest.approx(np.mean(shares))
    assert got.n_shared == len(shares)


def test_few_shared_units_give_no_estimate() -> None:
    for function in (krippendorff_alpha, gwet_ac1, percent_agreement):
        got = function(np.ones((2, 9)), rng=_rng())
        assert (got.value, got.interval, got.n_shared, got.reason) == (None, None, 9, Reason.TOO_FEW_SHARED)
    assert krippendorff_alpha(_ratings(9), metric="interval", rng=_rng()).value is None
    assert cohen_kappa([1.0], [1.0], rng=_rng()).reason is Reason.TOO_FEW_SHARED
    assert cohen_kappa([], [], rng=_rng()).n_shared == 0


def test_one_rater_shares_nothing() -> None:
    got = krippendorff_alpha(np.ones((1, 50)), rng=_rng())
    assert (got.n_shared, got.reason, got.percent_agreement) == (0, Reason.TOO_FEW_SHARED, None)


def test_all_the_same_category_is_stated() -> None:
    for metric in ("nominal", "ordinal", "interval"):
        got = krippendorff_alpha(np.ones((2, 20)), metric=metric, rng=_rng())
        assert (got.value, got.reason, got.percent_agreement) == (None, Reason.ALL_SAME_CATEGORY, 1.0)
    assert cohen_kappa(np.ones(20), np.ones(20), rng=_rng()).reason is Reason.ALL_SAME_CATEGORY
    assert gwet_ac1(np.ones((2, 20)), rng=_rng()).reason is Reason.ALL_SAME_CATEGORY
    percent = percent_agreement(np.ones((2, 20)), rng=_rng())
    assert percent.value == 1.0
    assert percent.interval.low == pytest.approx(0.025 ** (1 / 20))


def test_perfect_agreement_has_no_interval_but_a_reason() -> None:
    ratings = np.tile(np.arange(30) % 3, (2, 1)).astype(float)
    got = krippendorff_alpha(ratings, rng=_rng())
    assert (got.value, got.interval, got.reason) == (1.0, None, Reason.PERFECT_AGREEMENT)


def test_never_agreeing_has_an_exact_percent_interval() -> None:
    got = percent_agreement(np.stack([np.zeros(15), np.ones(15)]), rng=_rng())
    assert (got.value, got.interval.low) == (0.0, 0.0)
    assert got.interval.high == pytest.approx(1 - 0.025 ** (1 / 15))


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from(["nominal", "ordinal", "interval"]))
def test_order_of_raters_and_units_does_not_matter(seed: int, metric: str) -> None:
    matrix = _ratings(40, seed=seed)
    rng = _rng(seed)
    shuffled = matrix[rng.permutation(3)][:, rng.permutation(40)]
    first = krippendorff_alpha(matrix, metric=metric, rng=_rng(), replicates=30)
    second = krippendorff_alpha(shuffled, metric=metric, rng=_rng(), replicates=30)
    assert second.value == pytest.approx(first.value)
    assert second.n_shared == first.n_shared


def test_intervals_depend_on_the_generator_only() -> None:
    matrix = _ratings(50)
    assert krippendorff_alpha(matrix, rng=_rng(4)) == krippendorff_alpha(matrix, rng=_rng(4))


def test_units_of_one_item_widen_the_interval() -> None:
    matrix = np.repeat(_ratings(40, missing=0.0), 10, axis=1)
    free = krippendorff_alpha(matrix, rng=_rng())
    clustered = krippendorff_alpha(matrix, rng=_rng(), clusters=np.repeat(np.arange(40), 10))
    assert clustered.value == free.value
    ratio = (clustered.interval.high - clustered.interval.low) / (free.interval.high - free.interval.low)
    assert ratio == pytest.approx(np.sqrt(10), rel=0.2)


@pytest.mark.parametrize("metric", ["nominal", "interval"])
def test_coverage_of_alpha(metric: str) -> None:
    """The alpha of a large population lies in the bootstrap interval of samples of 60 units."""
    population = _ratings(20_000, missing=0.0, seed=8)
    truth = krippendorff_alpha(population, metric=metric, rng=_rng(), replicates=20).value
    rng = _rng(9)
    covered = 0
    for _ in range(300):
        sample = population[:, rng.integers(0, 20_000, 60)]
        interval = krippendorff_alpha(sample, metric=metric, rng=rng, replicates=300).interval
        covered += interval.low <= truth <= interval.high
    assert covered / 300 == pytest.approx(0.945, abs=0.035)


def test_a_hundred_thousand_units_with_clusters() -> None:
    matrix = _ratings(100_000, raters=4, seed=10)
    got = krippendorff_alpha(matrix, metric="ordinal", rng=_rng(), clusters=np.arange(100_000) // 5)
    assert got.n_shared > MAX_DRAWN
    assert 0.001 < got.interval.high - got.interval.low < 0.02


def test_clusters_are_drawn_with_replacement() -> None:
    drawn = agreement._draw(50, 4_000, _rng(11))
    assert drawn.shape == (4_000, 50)
    assert np.all(drawn.sum(axis=1) == 50)
    assert drawn.mean(axis=0) == pytest.approx(1.0, abs=0.08)
    assert drawn.var(axis=0) == pytest.approx(1.0 - 1.0 / 50, abs=0.12)
    assert np.cov(drawn[:, 0], drawn[:, 1])[0, 1] == pytest.approx(-1.0 / 50, abs=0.06)


def test_patterns_of_ratings_are_the_same_as_numbers_and_as_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = _ratings(300, raters=4, seed=12)
    first = krippendorff_alpha(matrix, metric="ordinal", rng=_rng())
    monkeypatch.setattr(agreement, "KEY_SPAN", 1)
    assert krippendorff_alpha(matrix, metric="ordinal", rng=_rng()) == first


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: krippendorff_alpha(np.ones(5), rng=_rng()), "shape"),
        (lambda: krippendorff_alpha(np.ones((2, 20)), metric="ratio", rng=_rng()), "unknown metric"),
        (lambda: krippendorff_alpha(np.full((2, 20), np.inf), rng=_rng()), "finite"),
        (lambda: krippendorff_alpha(np.arange(600.0).reshape(2, 300), rng=_rng()), "at most 200"),
        (lambda: krippendorff_alpha(np.ones((2, 20)), rng=_rng(), clusters=[1, 2]), "clusters"),
        (lambda: cohen_kappa(np.ones(20), np.zeros(20), weights="cubic", rng=_rng()), "unknown weights"),
    ],
)
def test_wrong_input_is_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("levels", [2, 4])
def test_ac1_by_counting_pairs_of_ratings(levels: int) -> None:
    """By its definition (Gwet 2008): agreement pair by pair; chance from how likely each category is."""
    matrix = np.random.default_rng(31).integers(0, levels, (4, 50)).astype(float)
    matrix[np.random.default_rng(32).random((4, 50)) < 0.25] = np.nan
    columns = [[x for x in column if x == x] for column in matrix.T]
    columns = [column for column in columns if len(column) > 1]
    agree = np.mean(
        [np.mean([a == b for i, a in enumerate(c) for j, b in enumerate(c) if i != j]) for c in columns]
    )
    share = [np.mean([np.mean([x == level for x in c]) for c in columns]) for level in range(levels)]
    chance = sum(p * (1 - p) for p in share) / (levels - 1)
    got = gwet_ac1(matrix, rng=_rng(), replicates=50)
    assert got.value == pytest.approx((agree - chance) / (1 - chance), rel=1e-12)
