"""ISO 13528: Algorithm A by its fixed point, a published example and pt13528; scores and their classes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.optional import optional

from consilience.statistics.estimate import Reason
from consilience.statistics.proficiency import (
    algorithm_a,
    consensus_zeta,
    proficiency,
    z_scores,
    zeta_scores,
)


@given(st.lists(st.floats(-100, 100), min_size=5, max_size=30, unique=True))
def test_algorithm_a_is_at_its_fixed_point(values: list[float]) -> None:
    got = algorithm_a(values)
    if got.sd is None or got.iterations == 200:
        return
    pulled = np.clip(values, got.mean - 1.5 * got.sd, got.mean + 1.5 * got.sd)
    assert got.mean == pytest.approx(pulled.mean(), rel=1e-6, abs=1e-6 * got.sd)
    assert got.sd == pytest.approx(1.134 * pulled.std(ddof=1), rel=1e-6)


def test_algorithm_a_resists_an_outlier() -> None:
    values = [9.8, 10.0, 10.1, 10.2, 9.9, 10.05, 50.0]
    got = algorithm_a(values)
    assert got.mean == pytest.approx(10.04, abs=0.1)
    assert got.sd < 0.4


def test_algorithm_a_of_a_normal_sample_is_near_its_moments() -> None:
    values = np.random.default_rng(1).normal(5, 2, 4000)
    got = algorithm_a(values)
    assert got.mean == pytest.approx(5, abs=0.1)
    assert got.sd == pytest.approx(2, rel=0.03)


def test_degenerate_samples_are_stated() -> None:
    assert algorithm_a([]).reason is Reason.NO_SCORES
    assert algorithm_a([math.nan, 3.0]).reason is Reason.ONE_LABORATORY
    equal = algorithm_a([2.0, 2.0, 2.0])
    assert (equal.mean, equal.sd, equal.reason) == (2.0, None, Reason.ZERO_SPREAD)
    mostly = algorithm_a([1.0, 1.0, 1.0, 1.0, 2.0])
    assert (mostly.mean, mostly.sd, mostly.reason) == (1.0, None, Reason.ZERO_SPREAD)
    assert algorithm_a([1.0, 1.0, 1.0, 1.5, 2.0]).sd > 0


@pytest.mark.parametrize(
    ("score", "verdict"),
    [
        (0.0, "satisfactory"),
        (-2.0, "satisfactory"),
        (2.01, "questionable"),
        (-2.99, "questionable"),
        (3.0, "unsatisfactory"),
    ],
)
def test_classes(score: float, verdict: str) -> None:
    assert proficiency(score) == verdict


def test_scores() -> None:
    assert z_scores([1.0, 4.0], 2.0, 0.5) == pytest.approx([-2, 4])
    assert zeta_scores([1.0, 4.0], [0.3, 0.0], 2.0, 0.4) == pytest.approx([-2, 5])
    with pytest.raises(ValueError, match="above 0"):
        z_scores([1.0], 1.0, 0.0)
    with pytest.raises(ValueError, match="above 0"):
        zeta_scores([1.0], [0.0], 1.0, 0.0)


CHEM = (
    2.9, 3.1, 3.4, 3.4, 3.7, 3.7, 2.8, 2.5, 2.4, 2.4, 2.7, 2.2, 5.28, 3.37, 3.03, 3.03, 28.95, 3.77, 3.4, 2.2,
    3.5, 3.6, 3.7, 3.7,
)  # fmt: skip
"""Copper in wholemeal flour, in ppm: Analytical Methods Committee (1989), Analyst 114:1693-1697."""


def test_the_published_example_of_copper_in_flour() -> None:
    """Huber's proposal 2 of these data is 3.2055 and 0.67365: Venables & Ripley (2002), Modern Applied
    Statistics with S, sec. 5.5. Algorithm A is the same but for the rounding of its constant to 1.134."""
    got = algorithm_a(CHEM)
    assert got.mean == pytest.approx(3.2055, abs=2e-4)
    assert got.sd == pytest.approx(0.67365, rel=1e-3)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.floats(-50, 50), st.integers(-3, 3)), min_size=2, max_size=20))
def test_algorithm_a_equals_pt13528(values: list[float]) -> None:
    robust = optional("pt13528.robust")
    x = [round(float(value), 6) for value in values]
    expected, got = robust.algorithm_a(x), algorithm_a(x)
    scale = max(1.0, *(abs(value) for value in x))
    if expected.degenerate:
        assert got.sd is None
        assert got.mean == pytest.approx(expected.location, abs=1e-6 * scale)
    else:
        assert got.sd == pytest.approx(expected.scale, rel=1e-5)
        assert got.mean == pytest.approx(expected.location, abs=1e-5 * expected.scale)


def test_scores_equal_pt13528() -> None:
    scores = optional("pt13528.scores")
    consensus = optional("pt13528.assigned_value").consensus
    values, errors = list(CHEM[:9]), [0.1, 0.2, 0.1, 0.3, 0.1, 0.1, 0.2, 0.1, 0.15]
    assigned = consensus(values)
    robust = algorithm_a(values)
    got = consensus_zeta(values, errors, robust)
    assert got is not None
    assert list(got) == pytest.approx(
        [
            scores.zeta_score(x, assigned.x_pt, u, assigned.u_x_pt)
            for x, u in zip(values, errors, strict=True)
        ],
        rel=1e-6,
    )
    assert robust.mean is not None
    expected = [scores.z_score(x, robust.mean, 0.4) for x in values]
    assert list(z_scores(values, robust.mean, 0.4)) == pytest.approx(expected)
    for score in (0.0, 1.99, -2.0, 2.5, -3.0, 7.0):
        words = {"acceptable": "satisfactory", "warning": "questionable", "action": "unsatisfactory"}
        assert proficiency(score) == words[scores.classify_z(score)]


def test_zeta_against_the_laboratories_own_mean_needs_three_that_differ() -> None:
    two = [1.0, 2.0]
    assert consensus_zeta(two, [0.1, 0.1], algorithm_a(two)) is None
    equal = [1.0, 1.0, 1.0]
    assert consensus_zeta(equal, [0.1] * 3, algorithm_a(equal)) is None
    three = [1.0, 1.2, 1.4]
    robust = algorithm_a(three)
    got = consensus_zeta(three, [0.1, 0.2, 0.3], robust)
    assert robust.sd is not None
    assert got is not None
    error = 1.25 * robust.sd / math.sqrt(3)
    assert got[2] == pytest.approx(0.2 / math.hypot(0.3, error))
