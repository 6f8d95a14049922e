"""A judge against humans, and rates corrected for its errors: formulas, coverage, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from consilience.statistics.cells import estimate_generalized
from consilience.statistics.estimate import Reason
from consilience.statistics.intervals import choose_rate_interval
from consilience.statistics.judges import judge_accuracy, rogan_gladen


def _rows(positives: int, hits: int, negatives: int, correct: int) -> tuple[np.ndarray, np.ndarray]:
    human = np.r_[np.ones(positives), np.zeros(negatives)]
    judge = np.r_[np.ones(hits), np.zeros(positives - hits), np.zeros(correct), np.ones(negatives - correct)]
    return judge, human


def test_shares_of_independent_rows_are_binomial() -> None:
    got = judge_accuracy(*_rows(50, 45, 80, 60))
    assert (got.sensitivity.value, got.specificity.value) == (0.9, 0.75)
    assert got.sensitivity.interval == choose_rate_interval(45, 50)
    assert got.specificity.interval == choose_rate_interval(60, 80)
    assert got.agreement.value == pytest.approx(105 / 130)
    assert got.bias.value == pytest.approx((20 - 5) / 130)
    assert got.n_shared == 130


def test_rows_of_one_item_count_as_one() -> None:
    judge, human = (np.repeat(x, 6) for x in _rows(20, 16, 20, 12))
    free = judge_accuracy(judge, human)
    clustered = judge_accuracy(judge, human, np.repeat(np.arange(40), 6))
    once = judge_accuracy(*_rows(20, 16, 20, 12))
    for name in ("sensitivity", "specificity"):
        wide, narrow, single = (getattr(x, name).interval for x in (clustered, free, once))
        assert (wide.low, wide.high) == pytest.approx((single.low, single.high), abs=0.02)
        assert wide.high - wide.low > 1.8 * (narrow.high - narrow.low)


def test_a_perfect_judge_is_not_certain() -> None:
    got = judge_accuracy(*_rows(12, 12, 12, 12))
    assert got.sensitivity.value == 1.0
    assert got.sensitivity.interval.low == pytest.approx(0.025 ** (1 / 12))
    assert got.bias.value == 0.0
    assert got.bias.interval.high > 0.0


def test_missing_classes_are_stated() -> None:
    no_positives = judge_accuracy(*_rows(0, 0, 20, 18))
    assert (no_positives.sensitivity.value, no_positives.sensitivity.reason) == (None, Reason.NO_POSITIVES)
    no_negatives = judge_accuracy(*_rows(20, 18, 0, 0))
    assert no_negatives.specificity.reason is Reason.NO_NEGATIVES
    nothing = judge_accuracy([1.0, math.nan], [math.nan, 0.0])
    assert (nothing.n_shared, nothing.agreement.reason) == (0, Reason.NO_HUMAN_RATINGS)
    one = judge_accuracy([1.0], [1.0])
    assert (one.sensitivity.value, one.sensitivity.interval, one.sensitivity.reason) == (
        1.0,
        None,
        Reason.ONE_ITEM,
    )


def test_rogan_gladen_value_and_interval_by_hand() -> None:
    """Lang & Reiczigel 2014, eqs. 2, 6, 7, 16 and 17, with 200 tested, Se 45/50 and Sp 72/80."""
    judge, human = _rows(50, 45, 80, 72)
    raw = estimate_generalized(np.r_[np.ones(60), np.zeros(140)], np.ones(200))
    got = rogan_gladen(raw, judge_accuracy(judge, human))
    assert got.estimate.value == pytest.approx((0.3 + 0.9 - 1) / (0.9 + 0.9 - 1))
    z = 1.959963984540054
    q, n_q = (200 * 0.3 + z * z / 2) / (200 + z * z), 200 + z * z
    se, sp = 46 / 52, 73 / 82
    p = (q + sp - 1) / (se + sp - 1)
    v_se, v_sp = se * (1 - se) / 52, sp * (1 - sp) / 82
    shift = 2 * z * z * (p * v_se - (1 - p) * v_sp)
    error = math.sqrt(q * (1 - q) / n_q + p * p * v_se + (1 - p) ** 2 * v_sp) / (se + sp - 1)
    interval = got.estimate.interval
    assert (interval.low, interval.high) == pytest.approx(
        (p + shift - z * error, p + shift + z * error), rel=5e-3
    )


def test_correction_is_clipped_and_says_so() -> None:
    raw = estimate_generalized(np.r_[np.ones(3), np.zeros(197)], np.ones(200))
    got = rogan_gladen(raw, judge_accuracy(*_rows(60, 54, 60, 54)))
    assert (got.estimate.value, got.clipped) == (0.0, True)
    assert got.estimate.interval.low == 0.0


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ((0, 0, 0, 0), Reason.NO_HUMAN_RATINGS),
        ((0, 0, 40, 30), Reason.NO_POSITIVES),
        ((40, 30, 0, 0), Reason.NO_NEGATIVES),
        ((3, 3, 40, 40), Reason.TOO_FEW_HUMAN_RATINGS),
        ((50, 25, 50, 25), Reason.JUDGE_NOT_INFORMATIVE),
        ((50, 10, 50, 10), Reason.JUDGE_NOT_INFORMATIVE),
    ],
)
def test_what_cannot_be_corrected_has_a_reason(rows: tuple[int, int, int, int], reason: Reason) -> None:
    raw = estimate_generalized(np.r_[np.ones(60), np.zeros(140)], np.ones(200))
    got = rogan_gladen(raw, judge_accuracy(*_rows(*rows)))
    assert (got.estimate.value, got.estimate.interval, got.estimate.reason) == (None, None, reason)
    assert got.raw == 0.3


def test_no_raw_rate_is_stated() -> None:
    got = rogan_gladen(estimate_generalized([], []), judge_accuracy(*_rows(50, 45, 50, 45)))
    assert got.estimate.reason is Reason.NO_SCORES


def test_human_ratings_that_would_do() -> None:
    """With as many human ratings as it asks for, the interval has about the wanted half width."""
    raw = estimate_generalized(np.r_[np.ones(1200), np.zeros(2800)], np.ones(4000))
    few = rogan_gladen(raw, judge_accuracy(*_rows(25, 22, 25, 22)), wanted=0.06)
    n = few.human_needed
    half = n // 2
    hits = round(half * 22 / 25)
    enough = rogan_gladen(raw, judge_accuracy(*_rows(half, hits, half, hits)), wanted=0.06)
    assert (enough.estimate.interval.high - enough.estimate.interval.low) / 2 == pytest.approx(0.06, rel=0.15)
    assert rogan_gladen(raw, judge_accuracy(*_rows(25, 22, 25, 22)), wanted=0.001).human_needed is None


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        judge_accuracy([1.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="0 or 1"):
        judge_accuracy([0.5, 1.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="clusters"):
        judge_accuracy([1.0, 1.0], [1.0, 0.0], [1])


@pytest.mark.parametrize(("p", "n_human"), [(0.5, 50), (0.2, 200), (0.5, 200)])
def test_coverage_and_bias_of_rogan_gladen(p: float, n_human: int) -> None:
    rng = np.random.default_rng(int(1000 * p) + n_human)
    covered, used, errors = 0, 0, []
    for _ in range(600):
        truth = (rng.random(1000 + n_human) < p).astype(float)
        judge = np.where(truth == 1, rng.random(truth.size) < 0.9, rng.random(truth.size) < 0.15).astype(
            float
        )
        raw = estimate_generalized(judge[n_human:], np.ones(1000))
        got = rogan_gladen(raw, judge_accuracy(judge[:n_human], truth[:n_human]))
        if got.estimate.interval is None:
            continue
        used += 1
        covered += got.estimate.interval.low <= p <= got.estimate.interval.high
        errors.append(got.estimate.value - p)
    assert used > 500
    assert covered / used >= 0.935 - 0.02
    assert abs(np.mean(errors)) < 0.012
