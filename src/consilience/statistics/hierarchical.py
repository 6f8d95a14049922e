"""A hierarchical logistic model of successes: the same cells as `cells`, by another road, as a cross-check.

Successes of laboratory k, language l, item i are binomial with logit

    intercept + laboratory_k + language_l + laboratory:language_kl + item_i + item:language_il
    + item:laboratory_ik

where every spread is estimated (HiBayES, arXiv 2505.05602; NIST AI 800-3 for the two estimands). Priors: the
intercept is normal with SD 2.5; spreads of items and their interactions half-normal with scale 2, of
laboratories and languages with scale 1 (weakly informative: Gelman 2006, Bayesian Anal. 1:515-534). Effects
of laboratories and languages sum to zero, so that the intercept is the mean of those that are there. Effects
are sampled as standard normals times their spread (non-centred: Papaspiliopoulos, Roberts & Sköld 2007, Stat.
Sci. 22:59-73), except those of items with many attempts, whose data speak louder than the prior.

Invariants: jax and numpyro are imported inside functions only; chains that do not agree give no number but a
reason; the same arguments give the same result on the same kind of device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from consilience.statistics.convergence import Convergence, assess
from consilience.statistics.estimate import Estimate, Interval, Reason, check_level, empty
from consilience.statistics.hierarchical_draws import Flags, Grid, Ints, Quantities, quantities_of
from consilience.statistics.hierarchical_model import (
    GRID_AXES,
    Floats,
    Structure,
    sample,
)

METHOD = "hierarchical_logistic"
MAX_ENTRIES = 20_000
"""Laboratories × languages × items of one fit; above, a random subset of the items is drawn."""
MIN_SAMPLED_ITEMS = 20
"""Fewer than so many items within MAX_ENTRIES: no fit."""
TRIES = ((0.9, 1), (0.98, 4))
"""Wanted acceptance and thinning of the first fit, and of the second one where chains did not agree."""
CENTRED_ATTEMPTS = 12.0
"""Attempts per item from which the effects of items are sampled on their own scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Standard deviation of one source on the logit scale."""

    source: str
    value: float | None
    interval: Interval | None
    levels: int
    reason: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HierarchicalFit:
    """Estimates of the groups asked for, spreads, and how well the chains agree."""

    benchmark: tuple[Estimate, ...]
    """On exactly the items that were fitted."""
    generalized: tuple[Estimate, ...]
    """On a new item, drawn from the items' population."""
    spreads: tuple[Spread, ...]
    between: Estimate
    """Standard deviation of the compared groups' probabilities (finite population: Gelman 2005, Ann. Stat.
    33:1-53, sec. 3.5)."""
    n_items: int
    n_items_all: int
    """More than `n_items` where a subset was drawn."""
    n_scores: int
    convergence: Convergence | None
    reason: Reason | None = None


def fit_hierarchical(
    laboratory: ArrayLike,
    language: ArrayLike,
    item: ArrayLike,
    successes: ArrayLike,
    attempts: ArrayLike,
    groups: ArrayLike,
    *,
    compared: ArrayLike = (),
    level: float = 0.95,
    rng: np.random.Generator,
    max_entries: int = MAX_ENTRIES,
) -> HierarchicalFit:
    """Fit the model by NUTS (Hoffman & Gelman 2014, JMLR 15:1593-1623) and summarise it.

    Args:
        laboratory: Code of each row, integers from 0, shape (rows,).
        language: The same.
        item: Code of the item that laboratories and languages share.
        successes: Attempts that succeeded; whole numbers.
        attempts: Attempts of the row; rows with 0 are left out.
        groups: Which cells are averaged, with equal weights, for each estimate: shape (groups, laboratories,
            languages), true or false. Cells without a row are left out. Every laboratory and every
            language should have a row: those without one loosen the estimate of the spread.
        compared: Numbers of the groups whose standard deviation is `between`, such as one per laboratory.
        level: Confidence level of equal-tailed intervals.
        rng: Seeds the sampler and draws the subset of items.
        max_entries: See MAX_ENTRIES.

    Returns:
        Values are posterior means; all are missing, with a reason, where the design is too large, has no
        score, or the chains do not agree.

    Raises:
        ValueError: Successes are not whole numbers between 0 and the attempts, or shapes differ.
        ImportError: numpyro is not installed.
    """
    check_level(level)
    masks = np.asarray(groups, dtype=np.bool_)
    rows = _rows(laboratory, language, item, successes, attempts, masks)
    if not rows[0].size:
        return _nothing(masks, Reason.NO_SCORES, rows)
    grid = _grid(rows, masks.shape[1:], rng, max_entries)
    if grid is None:
        return _nothing(masks, Reason.TOO_LARGE, rows)
    kept, reasons = _sources(grid.attempts)
    per_item = grid.attempts.sum() / grid.n_items
    structure = Structure(grid.shape, kept, "item" in kept and per_item >= CENTRED_ATTEMPTS)
    seeds = rng.integers(0, 2**31, len(TRIES)).tolist()
    chosen = np.asarray(compared, dtype=np.int64)
    for (acceptance, thinning), seed in zip(TRIES, seeds, strict=True):
        draws, divergences = sample(structure, grid.successes, grid.attempts, acceptance, thinning, seed)
        quantities = quantities_of(draws, structure, grid, masks, chosen)
        convergence = assess(quantities.stacked(), divergences)
        if convergence.holds:
            return _summary(quantities, structure, grid, masks, reasons, convergence, level)
    return _nothing(masks, Reason.NOT_CONVERGED, rows, grid=grid, convergence=convergence)


def _rows(
    laboratory: ArrayLike, language: ArrayLike, item: ArrayLike, successes: ArrayLike, attempts: ArrayLike,
    masks: Flags,
) -> tuple[Ints, Ints, Ints, Floats, Floats]:  # fmt: skip
    codes = [np.asarray(values, dtype=np.int64) for values in (laboratory, language, item)]
    won, tried = (np.asarray(values, dtype=np.float64) for values in (successes, attempts))
    if any(values.shape != tried.shape for values in (*codes, won)) or tried.ndim != 1 or masks.ndim != 3:
        raise ValueError("rows must have one shape (rows,), and groups (groups, laboratories, languages)")
    if np.any(won != np.rint(won)) or np.any(tried != np.rint(tried)) or np.any((won < 0) | (won > tried)):
        raise ValueError("successes must be whole numbers between 0 and the attempts")
    used = tried > 0
    return codes[0][used], codes[1][used], codes[2][used], won[used], tried[used]


def _grid(
    rows: tuple[Ints, Ints, Ints, Floats, Floats],
    cells: tuple[int, ...],
    rng: np.random.Generator,
    max_entries: int,
) -> Grid | None:
    """Spread the rows over the grid of what occurs; None where too few items fit."""
    laboratory, language, item, won, tried = rows
    whole = np.zeros(cells, dtype=np.bool_)
    whole[laboratory, language] = True
    names = np.unique(item)
    room = max_entries // int(np.prod(cells))
    chosen = names
    if names.size > room:
        if room < MIN_SAMPLED_ITEMS:
            return None
        chosen = np.sort(rng.choice(names, room, replace=False))
    place = np.minimum(np.searchsorted(chosen, item), chosen.size - 1)
    used = chosen[place] == item
    grid = np.zeros((2, *cells, chosen.size))
    at = (laboratory[used], language[used], place[used])
    np.add.at(grid[0], at, won[used])
    np.add.at(grid[1], at, tried[used])
    return Grid(grid[0], grid[1], int(names.size), whole)


def _sources(attempts: Floats) -> tuple[tuple[str, ...], dict[str, Reason]]:
    """Return the sources that the design can tell apart, and why the others are left out.

    An effect of items needs two attempts in half of its levels or more: one yes or no cannot tell an effect
    from chance. An interaction needs items that half of them have in two levels of the other factor.
    """
    filled = attempts > 0
    cells = np.asarray(filled.any(axis=2))
    levels = {"laboratory": int(cells.any(axis=1).sum()), "language": int(cells.any(axis=0).sum())}
    levels["item"] = attempts.shape[2]
    known: dict[str, bool] = dict.fromkeys(("laboratory", "language"), True)
    known["laboratory:language"] = int(cells.sum()) > sum(levels[name] for name in known) - 1
    known["item"] = _repeated(attempts.sum(axis=(0, 1)))
    for name, other in (("language", 0), ("laboratory", 1)):
        pairs = attempts.sum(axis=other)
        shared = float(np.mean((pairs > 0).sum(axis=0) > 1)) >= 0.5
        known[f"item:{name}"] = known["item"] and shared and _repeated(pairs)
    reasons: dict[str, Reason] = {}
    for source in GRID_AXES:
        if min(levels[part] for part in source.split(":")) < 2:
            reasons[source] = Reason.ONE_LEVEL
        elif not known[source]:
            reasons[source] = Reason.CONFOUNDED
    return tuple(source for source in GRID_AXES if source not in reasons), reasons


def _repeated(trials: Floats) -> bool:
    there = trials[trials > 0]
    return bool(np.mean(there > 1) >= 0.5)


def _summary(
    quantities: Quantities, structure: Structure, grid: Grid, masks: Flags,
    reasons: Mapping[str, Reason], convergence: Convergence, level: float,
) -> HierarchicalFit:  # fmt: skip
    spreads = []
    for source, axes in GRID_AXES.items():
        found = None
        if source in structure.sources:
            found = _estimate(quantities.spreads[:, :, structure.sources.index(source)], 0, 0, level)
        spreads.append(
            Spread(
                source=source,
                value=found.value if found else None,
                interval=found.interval if found else None,
                levels=_levels(grid, axes),
                reason=reasons.get(source),
            )
        )
    benchmark, generalized = [], []
    for number, mask in enumerate(masks):
        n_items, n_scores = _size(grid, mask)
        missing = _missing(grid, mask, n_items, structure)
        generalized.append(
            _estimate(quantities.generalized[:, :, number], n_items, n_scores, level, missing.generalized)
        )
        benchmark.append(
            _estimate(quantities.benchmark[:, :, number], n_items, n_scores, level, missing.benchmark)
        )
    n_items, n_scores = _size(grid, np.ones(masks.shape[1:], dtype=np.bool_))
    return HierarchicalFit(
        benchmark=tuple(benchmark),
        generalized=tuple(generalized),
        spreads=tuple(spreads),
        between=_estimate(
            quantities.between[:, :, 0],
            n_items,
            n_scores,
            level,
            None if np.isfinite(quantities.between).all() else Reason.ONE_LABORATORY,
        ),
        n_items=n_items,
        n_items_all=grid.n_items_all,
        n_scores=n_scores,
        convergence=convergence,
    )


class _Missing(NamedTuple):
    benchmark: Reason | None
    generalized: Reason | None


def _missing(grid: Grid, mask: Flags, n_items: int, structure: Structure) -> _Missing:
    """Return why estimates of a group are missing, if they are."""
    there = (grid.attempts > 0).any(axis=2)
    if not (mask & grid.whole).any():
        return _Missing(Reason.NO_SCORES, Reason.NO_SCORES)
    generalized = Reason.ONE_ITEM if n_items < 2 else None
    if (mask & grid.whole & ~there).any():
        generalized = Reason.ITEMS_SAMPLED
    if grid.n_items < grid.n_items_all:
        return _Missing(Reason.ITEMS_SAMPLED, generalized)
    alone = "item" not in structure.sources and grid.n_items > 1
    return _Missing(Reason.ONE_ATTEMPT_PER_ITEM if alone else None, generalized)


def _levels(grid: Grid, axes: tuple[int, ...]) -> int:
    others = tuple(axis for axis in range(3) if axis not in axes)
    return int(np.asarray((grid.attempts > 0).any(axis=others)).sum())


def _size(grid: Grid, mask: Flags) -> tuple[int, int]:
    """Items and attempts of a group."""
    used = grid.attempts[mask]
    return int((used > 0).any(axis=0).sum()), int(used.sum())


def _estimate(
    draws: Floats, n_items: int, n_scores: int, level: float, reason: Reason | None = None
) -> Estimate:
    """Return posterior mean, standard deviation and equal-tailed interval; empty where there is a reason."""
    if reason is not None:
        return empty(reason, METHOD, n_items=n_items, n_scores=n_scores)
    low, high = np.quantile(draws, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Estimate(
        value=float(draws.mean()),
        interval=Interval(low=float(low), high=float(high), level=level, method=METHOD),
        standard_error=float(draws.std(ddof=1)) or None,
        n_items=n_items,
        n_scores=n_scores,
        method=METHOD,
    )


def _nothing(
    masks: Flags,
    reason: Reason,
    rows: tuple[Ints, Ints, Ints, Floats, Floats],
    *,
    grid: Grid | None = None,
    convergence: Convergence | None = None,
) -> HierarchicalFit:
    """Return a fit without numbers."""
    items = int(np.unique(rows[2]).size)
    none = tuple(empty(reason, METHOD) for _ in masks)
    return HierarchicalFit(
        benchmark=none,
        generalized=none,
        spreads=tuple(
            Spread(source=source, value=None, interval=None, levels=0, reason=reason) for source in GRID_AXES
        ),
        between=empty(reason, METHOD),
        n_items=items if grid is None else grid.n_items,
        n_items_all=items,
        n_scores=int(rows[4].sum() if grid is None else grid.attempts.sum()),
        convergence=convergence,
        reason=reason,
    )
