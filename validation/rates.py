"""Designs for means of cells: rates, ordinal and continuous scores, both estimands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from consilience.statistics.cells import CellEstimates, estimate_averages, estimate_cells
from validation.study import COVERAGE, Hits, Row, Study

Array = npt.NDArray[np.float64]
GROUP = "Means of cells"
MAX_ROWS = 1_000_000
CONSISTENCY = 1.0 / 3.0
"""Share of the variance p (1 - p) that lies between items, where items differ."""


def _in_blocks(
    items: int, block: Callable[[int], tuple[CellEstimates, Array | float]], row: Row, n: int
) -> Hits:
    hits: list[float | None] = []
    step = max(1, MAX_ROWS // items)
    for start in range(0, n, step):
        found, truth = block(min(step, n - start))
        known = np.isfinite(found.low)
        inside = (found.low <= truth + 1e-12) & (truth - 1e-12 <= found.high)
        hits += [float(ok) if there else None for ok, there in zip(inside, known, strict=True)]
    return {row: hits}


def chances(rng: np.random.Generator, p: float, shape: tuple[int, ...], *, differ: bool) -> Array:
    """Return success probabilities of items: all p, or from a beta distribution with mean p."""
    if not differ:
        return np.full(shape, p)
    strength = 1.0 / CONSISTENCY - 1.0
    return rng.beta(p * strength, (1.0 - p) * strength, shape)


def _binary(
    items: int, p: float, attempts: int, n: int, *, differ: bool, estimand: str = "generalized"
) -> Study:
    def simulate(rng: np.random.Generator, n: int) -> Hits:
        def block(cells: int) -> tuple[CellEstimates, Array | float]:
            chance = chances(rng, p, (cells, items), differ=differ)
            sums = rng.binomial(attempts, chance).ravel().astype(float)
            index = np.repeat(np.arange(cells), items)
            found = estimate_cells(
                index, sums, np.full(sums.size, float(attempts)), None, cells, estimand=estimand
            )
            return found, chance.mean(1) if estimand == "benchmark" else p

        method = (
            "stratified_wilson"
            if estimand == "benchmark"
            else ("wilson" if attempts == 1 else "effective_wilson")
        )
        return _in_blocks(items, block, (method, "mean", COVERAGE), n)

    kind = "items differ, " if differ else ""
    name = f"{items:,} items, {attempts} attempt{'s' if attempts > 1 else ''}, {kind}rate {p:.1%}"
    return Study(GROUP, f"{name}{', on these items' if estimand == 'benchmark' else ''}", n, simulate)


def _unbalanced(items: int, p: float, n: int) -> Study:
    def simulate(rng: np.random.Generator, n: int) -> Hits:
        def block(cells: int) -> tuple[CellEstimates, Array | float]:
            chance = chances(rng, p, (cells, items), differ=True)
            counts = rng.integers(1, 6, (cells, items)) * (rng.random((cells, items)) >= 0.2)
            sums = rng.binomial(counts, chance).ravel().astype(float)
            index = np.repeat(np.arange(cells), items)
            return estimate_cells(index, sums, counts.ravel().astype(float), None, cells), p

        return _in_blocks(items, block, ("effective_wilson", "mean", COVERAGE), n)

    return Study(
        GROUP, f"{items:,} items, 1 to 5 attempts, 20 % missing, items differ, rate {p:.1%}", n, simulate
    )


def _clustered(items: int, p: float, n: int) -> Study:
    """Five translations share each item: its difficulty is the same in all."""

    def simulate(rng: np.random.Generator, n: int) -> Hits:
        def block(groups: int) -> tuple[CellEstimates, Array | float]:
            chance = np.broadcast_to(chances(rng, p, (groups, items, 1), differ=True), (groups, items, 5))
            sums = rng.binomial(1, chance).ravel().astype(float)
            group, item, part = (x.ravel() for x in np.indices((groups, items, 5)))
            return estimate_averages(group, part, item, sums, np.ones(sums.size), None, groups), p

        return _in_blocks(5 * items, block, ("effective_wilson", "mean", COVERAGE), n)

    return Study(GROUP, f"{items:,} items × 5 translations (clustered), rate {p:.1%}", n, simulate)


def _scores(
    name: str, items: int, draw: Callable[[np.random.Generator, tuple[int, int]], Array], truth: float,
    bounds: tuple[float, float] | None, n: int,
) -> Study:  # fmt: skip
    def simulate(rng: np.random.Generator, n: int) -> Hits:
        def block(cells: int) -> tuple[CellEstimates, Array | float]:
            scores = draw(rng, (cells, items)).ravel()
            index = np.repeat(np.arange(cells), items)
            return estimate_cells(index, scores, np.ones(scores.size), scores**2, cells, bounds=bounds), truth

        method = "student_t" if bounds is None else "effective_wilson"
        return _in_blocks(items, block, (method, "mean", COVERAGE), n)

    return Study(GROUP, f"{items:,} items, {name}", n, simulate)


def _ordinal(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return rng.choice(5, p=[0.4, 0.25, 0.15, 0.12, 0.08], size=shape).astype(float) + 1.0


def studies() -> list[Study]:
    """Return the studies of cells, n from 10 to 5,000 items."""
    ordinal = 1 * 0.4 + 2 * 0.25 + 3 * 0.15 + 4 * 0.12 + 5 * 0.08
    plain = [(10, 0.5), (10, 0.1), (30, 0.5), (30, 0.1), (100, 0.5), (100, 0.1), (1_000, 0.02), (5_000, 0.5)]
    rare = [(30, 0.005), (100, 0.005), (1_000, 0.005), (5_000, 0.005)]
    spread = [(10, 0.5), (30, 0.1), (100, 0.5), (100, 0.1), (1_000, 0.1), (1_000, 0.005), (5_000, 0.005)]
    return [
        *(_binary(items, p, 1, 4_000, differ=False) for items, p in [*plain, *rare]),
        *(_binary(items, p, 5, 4_000 if items < 5_000 else 2_000, differ=True) for items, p in spread),
        *(_binary(items, 0.3, 5, 4_000, differ=True, estimand="benchmark") for items in (10, 30, 300)),
        *(_unbalanced(items, 0.3, 4_000) for items in (30, 300)),
        *(_clustered(items, 0.3, 4_000) for items in (10, 30, 300)),
        *(_scores("ordinal 1 to 5", items, _ordinal, ordinal, (1.0, 5.0), 4_000) for items in (10, 30, 300)),
        *(
            _scores("continuous without bounds, normal", n, lambda g, s: g.normal(0, 1, s), 0.0, None, 4_000)
            for n in (10, 100)
        ),
        *(
            _scores(
                "continuous without bounds, skewed (log-normal)", items, lambda g, s: g.lognormal(0, 1, s),
                float(np.exp(0.5)), None, 4_000,
            )
            for items in (10, 100, 1_000)
        ),
    ]  # fmt: skip
