"""From draws of the hierarchical model to draws of what is reported: probabilities of cells, averages.

Pure numpy. Benchmark: the mean probability of the items that are there. Generalized: the probability of a new
item, the normal effects of items integrated out by Gauss-Hermite quadrature. Invariant: what a group has no
cell for is NaN in every draw, and nothing else is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from consilience.statistics.hierarchical_model import CHAINS, DRAWS, Draws, Floats, Structure, logit

_NODES = 41
_CHUNK = 4_000_000

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Grid(NamedTuple):
    """Successes and attempts, shape (laboratories, languages, items)."""

    successes: Floats
    attempts: Floats
    n_items_all: int
    whole: Flags
    """Cells that have a row before a subset of items was drawn, shape (laboratories, languages)."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Laboratories, languages, items."""
        laboratories, languages, items = self.attempts.shape
        return laboratories, languages, items

    @property
    def n_items(self) -> int:
        """Items that are in the grid."""
        return self.shape[2]


class Quantities(NamedTuple):
    """Draws of what is reported, shape (chains, draws, …)."""

    benchmark: Floats
    generalized: Floats
    spreads: Floats
    between: Floats

    def stacked(self) -> Floats:
        """All of them side by side; a group without cells has no draws and is left out."""
        every = np.concatenate(self, axis=2)
        return every[:, :, np.isfinite(every).all(axis=(0, 1))]


def quantities_of(draws: Draws, structure: Structure, grid: Grid, masks: Flags, compared: Ints) -> Quantities:
    """Return the draws of all quantities.

    Args:
        draws: By name, shape (chains, draws, …).
        structure: Of the model.
        grid: What was fitted.
        masks: Cells of each group, shape (groups, laboratories, languages); they weigh the same.
        compared: Groups whose standard deviation is `between`.
    """
    values = {name: draw.reshape(CHAINS * DRAWS, *draw.shape[2:]) for name, draw in draws.items()}
    step = max(1, _CHUNK // grid.attempts.size)
    parts = [
        cell_probabilities({name: value[at : at + step] for name, value in values.items()}, structure, grid)
        for at in range(0, CHAINS * DRAWS, step)
    ]
    weights = _weights(grid, masks)
    benchmark, generalized = (np.concatenate(part) @ weights.T for part in zip(*parts, strict=True))
    benchmark, generalized = (np.where(weights.any(axis=1), one, np.nan) for one in (benchmark, generalized))
    if "item" not in structure.sources and grid.n_items > 1:
        benchmark = np.full_like(benchmark, np.nan)
    sds = [values[f"sd_{source}"].astype(np.float64) for source in structure.sources]
    spreads = np.stack(sds, axis=1) if sds else np.zeros((CHAINS * DRAWS, 0))
    between = generalized[:, compared].std(axis=1, ddof=1, keepdims=True) if compared.size > 1 else None
    if between is None:
        between = np.full((CHAINS * DRAWS, 1), np.nan)
    return Quantities(*(one.reshape(CHAINS, DRAWS, -1) for one in (benchmark, generalized, spreads, between)))


def _weights(grid: Grid, masks: Flags) -> Floats:
    """Return the weight of every cell in every group, shape (groups, cells), 0 for cells without a row; all
    0 where the subset of items lost a cell of the group."""
    there = (grid.attempts > 0).any(axis=2)
    used = masks & there
    lost = (masks & grid.whole & ~there).any(axis=(1, 2))
    sizes = used.sum(axis=(1, 2))
    weights = used / np.maximum(sizes, 1)[:, None, None]
    weights[lost] = 0.0
    return np.asarray(weights.reshape(masks.shape[0], -1), dtype=np.float64)


def cell_probabilities(values: Draws, structure: Structure, grid: Grid) -> tuple[Floats, Floats]:
    """Return benchmark and generalized probabilities of all cells, shape (draws, laboratories × languages).

    Generalized: the mean over a normal item effect with the variance of all sources of items, by
    Gauss-Hermite quadrature.
    """
    there = grid.attempts > 0
    number = np.maximum(there.sum(axis=2), 1)
    shape = structure.shape
    odds = np.broadcast_to(logit(values, structure, items=True), (values["intercept"].shape[0], *shape))
    benchmark = (_expit(odds) * there).sum(axis=3, dtype=np.float64) / number
    centre = logit(values, structure, items=False)[..., 0].astype(np.float64)
    variance = sum(
        (values[f"sd_{source}"].astype(np.float64) ** 2 for source in structure.sources if "item" in source),
        start=np.zeros(centre.shape[0]),
    )
    scale = np.sqrt(variance)[:, None, None]
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    generalized = np.zeros(centre.shape)
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        generalized = generalized + weight * _expit(centre + scale * node)
    cells = shape[0] * shape[1]
    generalized = np.broadcast_to(generalized, (generalized.shape[0], *shape[:2]))
    return benchmark.reshape(-1, cells), generalized.reshape(-1, cells)


def _expit(odds: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * odds)))
