"""Variance within laboratories: pooled attempts, and degrees of freedom that know when items differ."""

from __future__ import annotations

import numpy as np
import pytest

from consilience.statistics.laboratory_effects import laboratory_effects, laboratory_rows, shared_rows
from consilience.statistics.within_variance import WithinVariance, within_variance


def found(scores: np.ndarray) -> WithinVariance | None:
    """Of scores (items, laboratories, attempts)."""
    item, lab = (x.ravel() for x in np.indices(scores.shape[:2]))
    flat = scores.reshape(-1, scores.shape[2])
    counts = np.full(lab.size, scores.shape[2])
    rows = shared_rows(
        laboratory_rows(lab, item, None, flat.sum(1), counts, (flat**2).sum(1), scores.shape[1])
    )
    effects = laboratory_effects(rows)
    assert effects is not None
    return within_variance(rows, effects)


def test_attempts_are_pooled_over_items() -> None:
    scores = np.random.default_rng(1).normal(size=(30, 3, 4))
    got = found(scores)
    assert got is not None
    assert got.basis == "attempts"
    assert got.df == pytest.approx([90.0] * 3)
    assert got.variance == pytest.approx(scores.var(axis=2, ddof=1).mean(axis=0))
    assert got.pooled == pytest.approx(scores.var(axis=2, ddof=1).mean())


def test_normal_attempts_have_about_their_own_degrees_of_freedom() -> None:
    got = found(np.random.default_rng(2).normal(size=(4_000, 3, 3)))
    assert got is not None
    assert got.effective_df == pytest.approx(got.df, rel=0.15)
    assert (got.effective_df <= got.df).all()


def test_items_that_spread_far_more_than_others_leave_few() -> None:
    """One item in twenty carries nearly all of the spread: some 10 items' worth and not 200."""
    size = np.where(np.arange(200) % 20 == 0, 10.0, 0.1)[:, None, None]
    got = found(size * np.random.default_rng(3).normal(size=(200, 3, 2)))
    assert got is not None
    assert (got.effective_df < 20).all()


def test_without_repeats_it_comes_from_items() -> None:
    scores = np.random.default_rng(4).normal(size=(50, 3, 1))
    got = found(scores)
    assert got is not None
    assert got.basis == "items"
    assert got.df.sum() == pytest.approx(49 * 2)


def test_attempts_that_never_differ_have_no_variance() -> None:
    got = found(np.repeat(np.random.default_rng(5).normal(size=(10, 3, 1)), 2, axis=2))
    assert got is not None
    assert got.variance == pytest.approx([0.0] * 3, abs=1e-12)
    assert np.isfinite(got.effective_df).all()
