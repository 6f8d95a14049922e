"""How many human ratings would do: what items leave over is held fixed, and the promise is kept."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from consilience.statistics.estimate import Interval
from consilience.statistics.human_ratings import MIN_HUMAN, ratings_needed, ratings_planned
from consilience.statistics.judges import Corrected
from consilience.statistics.prediction import ppi_mean
from consilience.statistics.strata import Strata, fit_strata
from consilience.statistics.stratified_prediction import average, difference

Z = stats.norm.ppf(0.975)
Parts = list[tuple[np.ndarray, np.ndarray, np.ndarray]]


def exercise(
    rng: np.random.Generator, *, items: int, attempts: int, strata: int, error: float = 0.2
) -> Parts:
    """Human and judged scores of the same items in each stratum, and an order in which humans rate them."""
    chance = rng.beta(0.8, 1.2, items)
    parts = []
    for _ in range(strata):
        human = (rng.random((items, attempts)) < chance[:, None]).astype(float)
        judge = np.where(rng.random(human.shape) < error, 1.0 - human, human)
        parts.append((human, judge, rng.permutation(human.size).reshape(human.shape)))
    return parts


def rated(parts: Parts, labels: int) -> Strata:
    """The strata after humans rated the first `labels` answers of each."""
    items, attempts = parts[0][0].shape
    columns: list[list[np.ndarray]] = [[] for _ in range(8)]
    for human, judge, order in parts:
        seen = order < labels
        sums = (
            judge, np.ones_like(judge), seen, judge * seen, human * seen, judge**2 * seen,
            judge * human * seen, human**2 * seen,
        )  # fmt: skip
        for column, values in zip(columns, sums, strict=True):
            column.append(values.sum(axis=1))
    arrays = [np.concatenate(column) for column in columns]
    stratum, item = np.repeat(np.arange(len(parts)), items), np.tile(np.arange(items), len(parts))
    return fit_strata(
        stratum, item, *arrays[:5], group=np.zeros(len(parts), int), shared_products=arrays[5:],
        row_weight=np.full(stratum.size, 1.0 / attempts), binary=True,
    )  # fmt: skip


def half(found: Corrected) -> float:
    interval = found.estimate.interval
    assert isinstance(interval, Interval)
    return (interval.high - interval.low) / 2.0


@pytest.mark.parametrize(
    ("design", "labels", "wanted"),
    [
        ({"items": 200, "attempts": 5, "strata": 6, "error": 0.3}, 25, 0.055),
        ({"items": 100, "attempts": 2, "strata": 6}, 25, 0.075),
        ({"items": 400, "attempts": 2, "strata": 3}, 40, 0.045),
        ({"items": 1000, "attempts": 1, "strata": 1}, 60, 0.04),
    ],
)
def test_with_the_number_told_the_interval_has_the_wanted_width(
    design: dict[str, float], labels: int, wanted: float
) -> None:
    """Told from a pilot of so many labels, then really drawn: within 5 % in the middle of 40 exercises.

    With the whole variance taken as falling with the number, the first design ends 15 % too wide.
    """
    rng = np.random.default_rng(11)
    halves, told = [], 0
    for _ in range(40):
        parts = exercise(rng, **design)  # type: ignore[arg-type]
        strata = len(parts)
        first = average(rated(parts, labels), [True] * strata, wanted=wanted)
        if first.human_needed is None:
            continue
        told += 1
        then = rated(parts, min(math.ceil(first.human_needed / strata), parts[0][0].size))
        halves.append(half(average(then, [True] * strata, wanted=wanted)))
    assert told >= 32
    assert np.median(halves) == pytest.approx(wanted, rel=0.05)


def test_items_leave_a_width_that_no_human_rating_takes_away() -> None:
    """30 items in 6 strata: with every answer rated, the width is what was said to be left."""
    rng = np.random.default_rng(2)
    left, full = [], []
    for _ in range(30):
        parts = exercise(rng, items=30, attempts=2, strata=6)
        found = average(rated(parts, 25), [True] * 6, wanted=0.05)
        assert found.human_needed is None
        assert found.need.left is not None
        left.append(found.need.left)
        full.append(half(average(rated(parts, 60), [True] * 6, wanted=0.05)))
    assert np.median(left) == pytest.approx(np.median(full), rel=0.12)
    assert np.median(left) > 0.08


def test_a_difference_over_shared_items_can_be_known_better_than_its_means() -> None:
    """Items are hard on both sides, so their part leaves the difference and stays in the means."""
    rng = np.random.default_rng(3)
    means, halves = 0, []
    for _ in range(25):
        parts = exercise(rng, items=60, attempts=10, strata=2)
        strata = rated(parts, 150)
        means += average(strata, [True, False], wanted=0.075).human_needed is not None
        apart = difference(strata, [True, False], [False, True], wanted=0.075).corrected
        if apart.human_needed is not None:
            then = rated(parts, math.ceil(apart.human_needed / 2))
            halves.append(half(difference(then, [True, False], [False, True]).corrected))
    assert means <= 14
    assert len(halves) >= 21
    assert np.median(halves) == pytest.approx(0.075, rel=0.1)


def test_a_mean_over_rows_keeps_its_promise_too() -> None:
    rng = np.random.default_rng(4)
    (human, judge, order), = exercise(rng, items=900, attempts=1, strata=1)  # fmt: skip
    first = ppi_mean(judge.ravel(), np.where(order < 60, human, np.nan).ravel(), wanted=0.04)
    assert first.human_needed is not None
    then = ppi_mean(judge.ravel(), np.where(order < first.human_needed, human, np.nan).ravel())
    assert half(then) == pytest.approx(0.04, rel=0.1)


def test_the_number_solves_the_equation_of_its_docstring() -> None:
    """Two strata, one of which is soon rated altogether: by hand."""
    found = ratings_needed([10, 10], [20, 1000], [4e-4, 4e-4], 1e-3, quantile=2.0, wanted=0.05)
    fixed = 1e-3 - 8e-4 + 4e-4 / 2 + 4e-4 / 100
    times = 4e-4 / (0.05**2 / 4 - fixed + 4e-4 / 100)
    assert times > 1.0
    both = 8e-4 / (0.05**2 / 4 - fixed + 4e-4 / 2 + 4e-4 / 100)
    assert both < 2.0
    assert found.ratings == 2 * math.ceil(10 * both)
    tight = ratings_needed([10, 10], [20, 1000], [4e-4, 4e-4], 1e-3, quantile=2.0, wanted=0.044)
    times = 4e-4 / (0.044**2 / 4 - fixed + 4e-4 / 100)
    assert times > 2.0
    assert tight.ratings == 20 + math.ceil(10 * times)


@given(
    st.lists(st.tuples(st.integers(2, 50), st.integers(0, 500), st.floats(0, 1e-3)), min_size=1, max_size=6),
    st.floats(0.0, 1e-3), st.floats(0.005, 0.5), st.floats(0.0, 1e-4),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_never_more_than_there_are_and_enough_where_a_number_is_told(
    strata: list[tuple[int, int, float]], items: float, wanted: float, unseen: float
) -> None:
    rated_, more, parts = (np.array(column, dtype=float) for column in zip(*strata, strict=True))
    total = rated_ + more
    variance = items + float(parts.sum())
    found = ratings_needed(rated_, total, parts, variance, quantile=2.0, wanted=wanted, unseen=unseen)
    if found.ratings is None:
        assert found.left is not None
        assert found.left >= wanted * (1 - 1e-9)
        return
    assert found.ratings <= total.sum()
    assert found.left is None
    looser = ratings_needed(rated_, total, parts, variance, quantile=2.0, wanted=2 * wanted, unseen=unseen)
    assert looser.ratings is not None
    assert looser.ratings <= found.ratings


def test_what_is_planned_without_knowledge() -> None:
    assert ratings_planned(1.0, 0.05, 1_000).ratings == 385
    assert ratings_planned(4.0, 0.2, 1_000).ratings == 385
    assert ratings_planned(1.0, 0.4, 1_000, n_strata=12).ratings == 24
    assert ratings_planned(1.0, 0.4, 1_000).ratings == MIN_HUMAN
    nothing = ratings_planned(None, 0.05, 1_000)
    assert (nothing.ratings, nothing.left) == (None, None)
    assert ratings_planned(1.0, None, 1_000).ratings is None
    assert ratings_planned(1.0, 0.05, 0).left is None


def test_a_plan_never_asks_for_more_than_there_is_and_says_what_would_be_left() -> None:
    few = ratings_planned(1.0, 0.05, 100)
    assert few.ratings is None
    assert few.left == pytest.approx(Z * 0.05)
    spread = ratings_planned(1.0, 0.05, 10_000, raw_error=0.04)
    assert spread.ratings is None
    assert spread.left == pytest.approx(Z * 0.04)
    some = ratings_planned(1.0, 0.05, 10_000, raw_error=0.02).ratings
    assert some is not None
    assert Z**2 * (0.02**2 + 0.25 / some - 0.25 / 10_000) == pytest.approx(0.05**2, rel=0.01)


def test_a_half_width_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        ratings_needed([10], [20], [1e-3], 1e-3, quantile=2.0, wanted=0.0)
    assert ratings_needed([10], [20], [1e-3], 1e-3, quantile=2.0, wanted=None).ratings is None
