"""How often the intervals of the hierarchical model hold the truth, where the model is right.

Small exercises are fitted side by side in one compiled call, by the model and the summaries of the product;
only the number of draws is smaller. It is made to fail on gross errors: intervals half as wide hold the truth
in some 67 of 100 cases. docs/explanation/statistics.md has the results of longer runs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.optional import optional

from consilience.statistics.hierarchical_draws import Grid, cell_probabilities
from consilience.statistics.hierarchical_model import Structure, _model

LABORATORIES, ITEMS, ATTEMPTS = 2, 16, 4
EXERCISES, WARMUP, DRAWS = 60, 200, 300
CENTRE = 0.3 + np.array([0.4, -0.4])
"""Planted log-odds of the two laboratories."""
ITEM_SD, INTERACTION_SD = 1.0, 0.5
STRUCTURE = Structure((LABORATORIES, 1, ITEMS), ("laboratory", "item", "item:laboratory"), False)


def expit(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def exercises(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and successes, shape (exercises, laboratories, 1, items)."""
    item = rng.normal(0.0, ITEM_SD, (EXERCISES, 1, 1, ITEMS))
    own = rng.normal(0.0, INTERACTION_SD, (EXERCISES, LABORATORIES, 1, ITEMS))
    p = expit(CENTRE[None, :, None, None] + item + own)
    return p, rng.binomial(ATTEMPTS, p).astype(float)


def sampled(successes: np.ndarray) -> dict[str, np.ndarray]:
    """Draws of every exercise, shape (exercises, draws, …)."""
    optional("numpyro")
    import jax
    import jax.numpy as jnp
    from numpyro.infer import MCMC, NUTS

    attempts = jnp.full(successes.shape[1:], float(ATTEMPTS))

    def one(key: Any, won: Any) -> Any:
        sampler = MCMC(
            NUTS(_model(STRUCTURE), target_accept_prob=0.9, max_tree_depth=6), num_warmup=WARMUP,
            num_samples=DRAWS, progress_bar=False,
        )  # fmt: skip
        sampler.run(key, won, attempts)
        return sampler.get_samples()

    keys = jax.random.split(jax.random.key(0), EXERCISES)
    found = jax.jit(jax.vmap(one))(keys, jnp.asarray(successes, dtype=jnp.float32))
    return {name: np.asarray(values) for name, values in found.items()}


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    p, successes = exercises(np.random.default_rng(1))
    draws = sampled(successes)
    nodes = np.random.default_rng(0).normal(0.0, np.hypot(ITEM_SD, INTERACTION_SD), 200_000)
    new = expit(CENTRE[:, None] + nodes).mean(axis=1)
    hits = []
    for number in range(EXERCISES):
        grid = Grid(
            successes[number], np.full(successes.shape[1:], float(ATTEMPTS)), ITEMS,
            np.ones((LABORATORIES, 1), bool),
        )  # fmt: skip
        values = {name: one[number] for name, one in draws.items()}
        truths = (p[number].mean(axis=(1, 2)), new)
        for found, truth in zip(cell_probabilities(values, STRUCTURE, grid), truths, strict=True):
            both = np.column_stack([found, found.mean(axis=1)])
            low, high = np.quantile(both, [0.025, 0.975], axis=0)
            known = np.append(truth, truth.mean())
            hits.append((low <= known) & (known <= high))
    coverage = np.array(hits).reshape(EXERCISES, 2, LABORATORIES + 1).mean(axis=0)
    assert coverage.min() >= 0.85
    assert 0.9 <= coverage.mean() <= 0.995
