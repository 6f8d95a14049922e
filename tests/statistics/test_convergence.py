"""Whether chains agree: against theory, against numpyro's own diagnostics, and on chains that do not."""

from __future__ import annotations

import numpy as np
import pytest
from tests.optional import optional

from consilience.statistics.convergence import (
    DIVERGENT_SHARE,
    Convergence,
    assess,
    effective_size,
    r_hat,
    rank_scores,
    split,
)


def autoregressive(correlation: float, *, chains: int = 4, draws: int = 4_000, seed: int = 0) -> np.ndarray:
    """Chains of a stationary first-order process with unit variance, shape (chains, draws, 1)."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(chains, draws))
    found = np.empty((chains, draws))
    found[:, 0] = noise[:, 0]
    for step in range(1, draws):
        found[:, step] = correlation * found[:, step - 1] + np.sqrt(1 - correlation**2) * noise[:, step]
    return found[:, :, None]


@pytest.mark.parametrize("correlation", [-0.4, 0.0, 0.5, 0.9])
def test_the_effective_size_of_an_autoregressive_process_is_known(correlation: float) -> None:
    draws = autoregressive(correlation)
    expected = draws.size * (1 - correlation) / (1 + correlation)
    assert effective_size(split(draws))[0] == pytest.approx(expected, rel=0.15)


def test_diagnostics_are_those_of_numpyro() -> None:
    optional("numpyro")
    from numpyro import diagnostics

    draws = np.concatenate([autoregressive(c, draws=500, seed=n) for n, c in enumerate((0.0, 0.7))], axis=2)
    halves = split(draws)
    np.testing.assert_allclose(r_hat(halves), diagnostics.split_gelman_rubin(draws), rtol=1e-6)
    np.testing.assert_allclose(effective_size(halves), diagnostics.effective_sample_size(halves), rtol=0.02)


def test_independent_chains_hold() -> None:
    found = assess(np.random.default_rng(1).normal(size=(4, 1_000, 5)), 0)
    assert found.holds
    assert found.r_hat is not None
    assert found.r_hat < 1.01
    assert found.effective_size is not None
    assert 2_500 < found.effective_size < 6_000


@pytest.mark.parametrize("trouble", ["shifted", "wider", "slow", "divergent"])
def test_chains_that_do_not_agree_do_not_hold(trouble: str) -> None:
    draws = np.random.default_rng(2).normal(size=(4, 1_000, 3))
    divergences = 0
    if trouble == "shifted":
        draws[0, :, 1] += 0.5
    elif trouble == "wider":  # same mean: only the folded ranks see it
        draws[0, :, 1] *= 2.0
    elif trouble == "slow":
        draws[:, :, 2] = autoregressive(0.99, draws=1_000)[:, :, 0]
    else:
        divergences = int(DIVERGENT_SHARE * 4_000) + 1
    assert not assess(draws, divergences).holds


def test_heavy_tails_do_not_hide_a_shift() -> None:
    draws = np.random.default_rng(3).standard_cauchy(size=(4, 1_000, 1))
    assert assess(draws, 0).holds
    draws[0] += 1.0
    assert not assess(draws, 0).holds


def test_what_does_not_vary_is_left_out_and_nothing_else_gives_no_answer() -> None:
    draws = np.random.default_rng(4).normal(size=(2, 500, 2))
    draws[:, :, 0] = 1.0
    assert assess(draws, 0).r_hat is not None
    still = assess(np.ones((2, 500, 1)), 0)
    assert still == Convergence(chains=2, draws=500, divergences=0, r_hat=None, effective_size=None)
    assert not still.holds


def test_rank_scores_do_not_depend_on_the_scale() -> None:
    draws = np.random.default_rng(5).normal(size=(2, 50, 2))
    np.testing.assert_allclose(rank_scores(draws), rank_scores(np.exp(draws)))
    assert abs(rank_scores(draws).mean()) < 1e-12


@pytest.mark.parametrize("shape", [(1, 100, 1), (2, 7, 1), (2, 100)])
def test_draws_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        assess(np.zeros(shape), 0)


def test_draws_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        assess(np.full((2, 10, 1), np.nan), 0)
