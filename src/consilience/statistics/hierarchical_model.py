"""The hierarchical logistic model as numpyro samples it, and its logit for any array of numpy or jax.

Responsible for priors, parameterisation and sampler; `hierarchical` has the formula, the sources and all
judgement. Invariant: jax and numpyro are imported inside functions only.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CHAINS = 4
WARMUP = 500
DRAWS = 1_000
"""Kept draws of each chain."""
INTERCEPT_SD = 2.5
ITEM_SCALE = 2.0
GROUP_SCALE = 1.0
GRID_AXES: dict[str, tuple[int, ...]] = {
    "laboratory": (0,), "language": (1,), "laboratory:language": (0, 1),
    "item": (2,), "item:language": (1, 2), "item:laboratory": (0, 2),
}  # fmt: skip
"""Source → its axes in the grid laboratory × language × item."""

Floats = NDArray[np.float64]
Draws = Mapping[str, NDArray[np.float32]]


class Structure(NamedTuple):
    """What makes one model different from another one."""

    shape: tuple[int, int, int]
    """Laboratories, languages, items."""
    sources: tuple[str, ...]
    """Keys of GRID_AXES that have an effect."""
    centred: bool
    """Whether effects of items are sampled on their own scale."""


def device() -> str:
    """Return what JAX computes on, such as `cpu` or `gpu: NVIDIA H100`.

    Raises:
        ImportError: jax is not installed.
    """
    import jax

    first = jax.devices()[0]
    kind = str(first.device_kind)
    return str(first.platform) if kind == first.platform else f"{first.platform}: {kind}"


def logit(values: Mapping[str, Any], structure: Structure, *, items: bool) -> Any:
    """Return the logit, shape (…, laboratories, languages, items), from values with any leading axes.

    Works on arrays of numpy and of jax. Without `items`, that of an item of no effect; its last axis is 1.
    """
    intercept = values["intercept"][..., None, None, None]
    total = intercept
    for source in structure.sources:
        axes = GRID_AXES[source]
        if 2 in axes and not items:
            continue
        effect = values[f"z_{source}"]
        if source == "item" and structure.centred:
            effect = effect - values["intercept"][..., None]
        else:
            effect = effect * values[f"sd_{source}"][(..., *(None for _ in axes))]
        total = total + effect[(..., *(slice(None) if axis in axes else None for axis in range(3)))]
    return total


def _model(structure: Structure) -> Any:
    """Return the model as a function of successes and attempts, arrays of the grid."""
    import jax
    import jax.numpy as jnp
    import numpyro
    from numpyro import distributions as dist

    def effects(source: str, sd: Any, intercept: Any) -> Any:
        shape = tuple(structure.shape[axis] for axis in GRID_AXES[source])
        if 2 not in GRID_AXES[source]:
            return dist.ZeroSumNormal(1.0, event_shape=shape)
        if source == "item" and structure.centred:
            return dist.Normal(intercept, sd).expand(shape).to_event(1)
        return dist.Normal(0.0, 1.0).expand(shape).to_event(len(shape))

    def model(successes: Any, attempts: Any) -> None:
        values = {"intercept": numpyro.sample("intercept", dist.Normal(0.0, INTERCEPT_SD))}
        for source in structure.sources:
            scale = ITEM_SCALE if 2 in GRID_AXES[source] else GROUP_SCALE
            sd = values[f"sd_{source}"] = numpyro.sample(f"sd_{source}", dist.HalfNormal(scale))
            values[f"z_{source}"] = numpyro.sample(f"z_{source}", effects(source, sd, values["intercept"]))
        odds = logit(values, structure, items=True)
        numpyro.factor("successes", jnp.sum(successes * odds - attempts * jax.nn.softplus(odds)))

    return model


@functools.lru_cache(maxsize=1)
def _sampler(structure: Structure, acceptance: float, thinning: int) -> Any:
    """Return a sampler, kept for the next table of the same structure, since compiling it takes seconds."""
    from numpyro.infer import MCMC, NUTS

    return MCMC(
        NUTS(_model(structure), target_accept_prob=acceptance),
        num_warmup=WARMUP * thinning,
        num_samples=DRAWS * thinning,
        thinning=thinning,
        num_chains=CHAINS,
        chain_method="vectorized",
        progress_bar=False,
        jit_model_args=True,
    )


def sample(
    structure: Structure, successes: Floats, attempts: Floats, acceptance: float, thinning: int, seed: int
) -> tuple[dict[str, NDArray[np.float32]], int]:
    """Return draws by name, shape (chains, draws, …), and the number of divergences."""
    import jax
    import jax.numpy as jnp

    sampler = _sampler(structure, acceptance, thinning)
    data = (jnp.asarray(part, dtype=jnp.float32) for part in (successes, attempts))
    sampler.run(jax.random.key(seed), *data, extra_fields=("diverging",))
    draws = {name: np.asarray(values) for name, values in sampler.get_samples(group_by_chain=True).items()}
    return draws, int(np.sum(sampler.get_extra_fields()["diverging"]))
