"""Outlier tests of laboratories on shared items: who, and why a test cannot be made."""

from __future__ import annotations

import numpy as np
import pytest

from consilience.statistics.estimate import Reason
from consilience.statistics.interlaboratory import between_laboratories
from consilience.statistics.outliers import Outliers


def found(scores: np.ndarray, labs: list[int] | None = None, n_labs: int | None = None) -> Outliers:
    item, lab = (x.ravel() for x in np.indices(scores.shape[:2]))
    codes = lab if labs is None else np.array(labs)[lab]
    flat = scores.reshape(-1, scores.shape[2])
    return between_laboratories(
        codes, item, flat.sum(1), np.full(lab.size, scores.shape[2]), (flat**2).sum(1),
        n_labs or scores.shape[1], bounds=None if scores.max() > 1 or scores.min() < 0 else (0.0, 1.0),
    ).outliers  # fmt: skip


def normal(labs: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(40, labs, 3))


def test_both_tests_name_the_laboratory_by_its_code() -> None:
    """The laboratories have the codes 1, 3, 4 and 6 of eight."""
    scores = normal(4)
    scores[:, 2] += 5.0
    scores[:, 1] += np.random.default_rng(2).normal(0, 3, (40, 3))
    got = found(scores, [1, 3, 4, 6], 8)
    assert got.grubbs is not None
    assert got.cochran is not None
    assert (got.grubbs.position, got.grubbs.verdict) == (4, "outlier")
    assert (got.cochran.position, got.cochran.verdict) == (3, "outlier")
    assert (got.grubbs_reason, got.cochran_reason) == (None, None)


@pytest.mark.parametrize(
    ("scores", "cochran", "grubbs"),
    [
        (normal(2), None, Reason.FEW_LABORATORIES),
        (normal(4)[:, :, :1], Reason.ONE_ATTEMPT_PER_ITEM, None),
        ((normal(4) > 0).astype(float), Reason.SPREAD_FOLLOWS_MEAN, None),
        (np.repeat(normal(4)[:, :, :1], 3, axis=2), Reason.ZERO_SPREAD, None),
        (np.repeat(normal(1), 4, axis=1), None, Reason.ZERO_SPREAD),
        (normal(1), Reason.ONE_LABORATORY, Reason.ONE_LABORATORY),
    ],
    ids=["two", "one attempt", "yes and no", "attempts equal", "laboratories equal", "one"],
)
def test_a_test_that_cannot_be_made_says_why(
    scores: np.ndarray, cochran: Reason | None, grubbs: Reason | None
) -> None:
    got = found(scores)
    assert (got.cochran_reason, got.grubbs_reason) == (cochran, grubbs)
    assert (got.cochran is None) == (cochran is not None)
    assert (got.grubbs is None) == (grubbs is not None)


def test_scores_on_a_lattice_with_quiet_items_rarely_alarm() -> None:
    """Judges' scores: most items never change; nominal degrees of freedom would alarm far too often."""
    rng = np.random.default_rng(6)
    alarms = 0
    for _ in range(300):
        loud = rng.random(60) < 0.15
        moves = rng.integers(-2, 3, (60, 5, 3)) * loud[:, None, None]
        test = found(moves + rng.normal(0, 1, (60, 1, 1))).cochran
        alarms += test is not None and test.statistic > test.critical_5
    assert alarms / 300 < 0.09
