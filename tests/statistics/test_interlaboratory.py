"""Laboratories on shared items against the analysis of variance, paired tests and planted deviations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from consilience.statistics.estimate import Reason
from consilience.statistics.interlaboratory import between_laboratories


def _table(scores: np.ndarray):
    """Scores (items, laboratories, attempts) as laboratory, item, sums, counts, squares."""
    item, lab = (x.ravel() for x in np.indices(scores.shape[:2]))
    flat = scores.reshape(-1, scores.shape[2])
    return lab, item, flat.sum(1), np.full(lab.size, scores.shape[2]), (flat**2).sum(1)


def _scores(
    items: int, labs: int, attempts: int, seed: int, lab_sd: float = 0.0, both_sd: float = 0.0
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (
        rng.normal(0, 1, (items, 1, 1)) + rng.normal(0, lab_sd, (1, labs, 1))
        + rng.normal(0, both_sd, (items, labs, 1)) + rng.normal(0, 0.5, (items, labs, attempts))
    )  # fmt: skip


def test_complete_data_equal_the_two_way_analysis_of_variance() -> None:
    scores = _scores(30, 6, 3, 1, lab_sd=0.3, both_sd=0.2)
    got = between_laboratories(*_table(scores), 6, bounds=None)
    cell = scores.mean(2)
    lab = cell.mean(0)
    rest = cell - cell.mean(1, keepdims=True) - lab + cell.mean()
    ms_rest = (rest**2).sum() / (29 * 5)
    within = scores.var(axis=2, ddof=1).mean()
    assert got.between_variance_raw == pytest.approx(lab.var(ddof=1) - ms_rest / 30, rel=1e-8)
    assert got.repeatability_sd == pytest.approx(math.sqrt(within), rel=1e-9)
    assert got.item_laboratory_variance_raw == pytest.approx(ms_rest - within / 3, rel=1e-8)
    total = got.between_sd**2 + got.item_laboratory_variance_raw + within
    assert got.reproducibility_sd == pytest.approx(math.sqrt(total))
    assert [x.mean.value for x in got.laboratories] == pytest.approx(list(lab))
    assert [x.deviation.value for x in got.laboratories] == pytest.approx(list(lab - lab.mean()), abs=1e-12)


def test_item_variance_is_not_error() -> None:
    """Items 20 times as variable change neither the spread nor its interval."""
    scores = _scores(40, 5, 2, 2, lab_sd=0.2)
    hard = scores + 20 * np.random.default_rng(3).normal(size=(40, 1, 1))
    first = between_laboratories(*_table(scores), 5, bounds=None)
    second = between_laboratories(*_table(hard), 5, bounds=None)
    assert second.between_variance_raw == pytest.approx(first.between_variance_raw, rel=1e-6)
    assert second.between_sd_interval.high == pytest.approx(first.between_sd_interval.high, rel=1e-6)
    assert second.laboratories[0].mean.standard_error > 5 * first.laboratories[0].mean.standard_error


def test_two_laboratories_are_the_paired_t_test() -> None:
    scores = _scores(25, 2, 2, 4, lab_sd=0.1)
    got = between_laboratories(*_table(scores), 2, bounds=None)
    expected = stats.ttest_rel(scores[:, 0].mean(1), scores[:, 1].mean(1))
    assert got.p_homogeneous == pytest.approx(expected.pvalue, rel=1e-8)
    half = got.laboratories[0].deviation
    assert half.value == pytest.approx((scores[:, 0].mean() - scores[:, 1].mean()) / 2)
    assert half.value / half.standard_error == pytest.approx(expected.statistic, rel=1e-8)
    assert got.laboratories[0].odd is None
    assert got.reason is Reason.FEW_LABORATORIES


def test_homogeneity_is_hotellings_test() -> None:
    scores = _scores(20, 4, 1, 5)
    got = between_laboratories(*_table(scores), 4, bounds=None)
    contrast = scores[:, 1:, 0] - scores[:, :1, 0]
    mean = contrast.mean(0)
    t2 = 20 * mean @ np.linalg.solve(np.cov(contrast.T), mean)
    assert got.p_homogeneous == pytest.approx(stats.f.sf(t2 * 17 / (19 * 3), 3, 17), rel=1e-7)


def test_repeatability_without_repeats_comes_from_items() -> None:
    got = between_laboratories(*_table(_scores(30, 4, 1, 6)), 4, bounds=None)
    assert got.repeatability_basis == "items"
    assert got.item_laboratory_variance_raw is None
    assert got.repeatability_sd == pytest.approx(0.5, rel=0.2)
    assert (
        between_laboratories(*_table(_scores(30, 4, 2, 6)), 4, bounds=None).repeatability_basis == "attempts"
    )


def test_the_odd_laboratory_is_found_and_named() -> None:
    scores = _scores(60, 4, 2, 7)
    scores[:, 2] += 0.8
    got = between_laboratories(*_table(scores), 4, bounds=None)
    assert [x.odd for x in got.laboratories] == [False, False, True, False]
    assert [x.differs_from for x in got.laboratories] == [1, 1, 3, 1]
    assert got.p_homogeneous < 1e-6
    assert got.leave_one_out[2] < 0.3 * min(got.leave_one_out[i] for i in (0, 1, 3))


def test_where_all_differ_the_isolated_one_is_odd() -> None:
    scores = _scores(60, 3, 2, 8)
    scores[:, 1] += 0.6
    scores[:, 2] += 4.0
    got = between_laboratories(*_table(scores), 3, bounds=None)
    assert [x.differs_from for x in got.laboratories] == [2, 2, 2]
    assert [x.odd for x in got.laboratories] == [False, False, True]


def test_where_all_differ_evenly_nobody_is_odd() -> None:
    scores = _scores(60, 4, 2, 9)
    scores += np.array([0.0, 2.0, 4.0, 6.0])[None, :, None]
    got = between_laboratories(*_table(scores), 4, bounds=None)
    assert [x.differs_from for x in got.laboratories] == [3, 3, 3, 3]
    assert not any(x.odd for x in got.laboratories)


def test_equal_laboratories_are_rarely_odd() -> None:
    odd = sum(
        any(
            x.odd
            for x in between_laboratories(*_table(_scores(40, 3, 2, 100 + seed)), 3, bounds=None).laboratories
        )
        for seed in range(200)
    )
    assert odd / 200 < 0.06


def test_two_equal_laboratories_do_not_make_the_third_odd() -> None:
    """With three laboratories h is at its largest when two are equal, however small the gap to the third."""
    scores = np.zeros((3, 3, 2))
    scores[0, 1:, 0] = 1.0
    got = between_laboratories(*_table(scores), 3, bounds=(0.0, 1.0))
    assert abs(got.laboratories[0].h) > got.h_critical
    assert [x.odd for x in got.laboratories] == [False, False, False]


def test_a_spread_of_bounded_scores_is_at_most_half_the_scale() -> None:
    rng = np.random.default_rng(5)
    scores = (rng.random((8, 3, 2)) < np.array([0.1, 0.5, 0.9])[None, :, None]).astype(float)
    bounded = between_laboratories(*_table(scores), 3).between_sd_interval
    free = between_laboratories(*_table(scores), 3, bounds=None).between_sd_interval
    assert free.high > 0.5
    assert bounded.high == 0.5
    assert bounded.low == free.low


@pytest.mark.parametrize("lab_sd", [0.0, 0.1, 0.4])
def test_coverage_of_the_between_laboratory_sd(lab_sd: float) -> None:
    covered = 0
    for seed in range(300):
        interval = between_laboratories(
            *_table(_scores(40, 5, 2, 1000 + seed, lab_sd=lab_sd, both_sd=0.3)), 5, bounds=None
        ).between_sd_interval
        covered += interval.low <= lab_sd <= interval.high
    assert covered / 300 >= 0.92


def test_type_one_error_of_homogeneity() -> None:
    p_values = [
        between_laboratories(*_table(_scores(25, 4, 1, 5000 + seed)), 4, bounds=None).p_homogeneous
        for seed in range(500)
    ]
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.03)


def test_languages_are_fixed_and_items_are_clusters() -> None:
    """A laboratory's own language profile is no noise: only items and attempts are."""
    rng = np.random.default_rng(8)
    profile = np.array([[0.0, 0.0], [0.0, 0.0], [0.5, -0.5]])
    item, lab, language = (x.ravel() for x in np.indices((50, 3, 2)))
    scores = rng.normal(size=50)[item] + profile[lab, language] + rng.normal(0, 0.3, item.size)
    got = between_laboratories(
        lab, item, scores, np.ones(item.size), scores**2, 3, part=language, bounds=None
    )
    assert got.n_items == 50
    # noise per laboratory mean: attempts 0.3^2 / 100
    assert got.noise_sd == pytest.approx(math.sqrt(0.09 / 100), rel=0.25)


def test_unequal_items_are_compared_where_they_are_shared() -> None:
    """A laboratory that has only the hard items does not look worse."""
    scores = _scores(60, 3, 2, 9)
    hard = scores.mean((1, 2)) < np.median(scores.mean((1, 2)))
    lab, item, sums, counts, squares = _table(scores)
    counts = np.where((lab == 2) & ~hard[item], 0, counts)
    got = between_laboratories(lab, item, sums, counts, squares, 3, bounds=None)
    worst = got.laboratories[2]
    assert worst.mean.value < got.laboratories[0].mean.value - 0.4
    assert worst.deviation.interval.low < 0.0 < worst.deviation.interval.high


def test_z_scores_against_the_protocol_or_the_robust_spread() -> None:
    scores = _scores(50, 6, 2, 10, lab_sd=0.2)
    planned = between_laboratories(*_table(scores), 6, bounds=None, proficiency_sd=0.1)
    robust = between_laboratories(*_table(scores), 6, bounds=None)
    assert (planned.z_basis, robust.z_basis) == ("protocol", "robust")
    ratio = [a.z / b.z for a, b in zip(planned.laboratories, robust.laboratories, strict=True)]
    assert np.ptp(ratio) == pytest.approx(0.0, abs=1e-9)
    few = between_laboratories(*_table(scores[:, :3]), 3, bounds=None)
    assert (few.z_basis, few.laboratories[0].z) == (None, None)


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_permuting_laboratories_permutes_results(seed: int) -> None:
    scores = (np.random.default_rng(seed).random((15, 4, 3)) < 0.6).astype(float)
    lab, item, sums, counts, squares = _table(scores)
    counts = counts * (np.random.default_rng(seed).random(lab.size) < 0.9)
    sums, squares = sums * (counts > 0), squares * (counts > 0)
    order = np.random.default_rng(seed).permutation(4)
    rows = np.random.default_rng(seed + 1).permutation(lab.size)
    first = between_laboratories(lab, item, sums, counts, squares, 4)
    second = between_laboratories(order[lab][rows], item[rows], sums[rows], counts[rows], squares[rows], 4)
    assert second.between_variance_raw == pytest.approx(first.between_variance_raw, abs=1e-9)
    for code in range(4):
        a, b = first.laboratories[code], second.laboratories[order[code]]
        assert b.mean.value == pytest.approx(a.mean.value)
        assert b.deviation.value == pytest.approx(a.deviation.value, abs=1e-9)
        assert b.odd == a.odd


def test_degenerate_designs_are_stated() -> None:
    one = between_laboratories([0, 0], [0, 1], [1.0, 0.0], [1, 1], None, 1)
    assert (one.between_sd, one.reason) == (None, Reason.ONE_LABORATORY)
    assert one.laboratories[0].mean.value == 0.5
    none = between_laboratories([], [], [], [], None, 2)
    assert none.reason is Reason.NO_SCORES
    disjoint = between_laboratories([0, 0, 1, 1], [0, 1, 2, 3], [1.0, 0.0, 1.0, 1.0], [1] * 4, None, 2)
    assert (disjoint.between_sd, disjoint.reason) == (None, Reason.NO_PAIRS)
    single = between_laboratories([0, 1], [0, 0], [1.0, 0.0], [1, 1], None, 2)
    assert single.reason is Reason.ONE_ITEM
    islands = between_laboratories(
        [0, 1, 2, 3] * 2, [0, 0, 1, 1, 2, 2, 3, 3], np.ones(8), np.ones(8), None, 4
    )
    assert islands.reason is Reason.NO_PAIRS


def test_equal_results_are_no_certainty() -> None:
    scores = np.repeat((np.arange(20) % 2).astype(float)[:, None, None], 3, axis=1)
    got = between_laboratories(*_table(scores), 3)
    assert (got.between_sd_interval, got.reason) == (None, Reason.ALL_DIFFERENCES_ZERO)
    assert got.p_homogeneous is None
    assert got.laboratories[0].deviation.interval is None
    assert got.laboratories[0].mean.interval is not None


def test_a_laboratory_without_scores_stays_visible() -> None:
    scores = _scores(20, 2, 2, 12)
    got = between_laboratories(*_table(scores), 3, bounds=None)
    assert got.laboratories[2].mean.reason is Reason.NO_SCORES
    assert got.laboratories[2].deviation.reason is Reason.NO_PAIRS
    assert len(got.leave_one_out) == 3


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        between_laboratories([0, 1], [0], [1.0, 0.0], [1, 1], None, 2)
    with pytest.raises(ValueError, match="reaches 2"):
        between_laboratories([0, 2], [0, 0], [1.0, 0.0], [1, 1], None, 2)
