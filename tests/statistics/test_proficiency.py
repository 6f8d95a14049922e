"""ISO 13528: Algorithm A by its fixed point, scores and their classes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.statistics.estimate import Reason
from consilience.statistics.proficiency import algorithm_a, proficiency, z_scores, zeta_scores


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
    assert algorithm_a([1.0, 1.0, 1.0, 1.0, 2.0]).sd > 0


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
