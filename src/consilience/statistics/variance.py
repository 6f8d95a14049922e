"""Where the spread of single scores comes from: variance components of crossed random effects.

Model: score = mean + item + laboratory + language + their interactions + attempt, all random and independent.
Estimated from sums per cell by Henderson's Method I, which for complete data is the analysis of variance with
expected mean squares; designs may be unbalanced and cells may be missing.

Invariants: an estimate may be negative and is given as it is (shares set it to 0); adding a constant to all
scores changes nothing; the order of rows changes nothing; a factor with one level, or one that the design
cannot tell from another, has no component and a reason.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from consilience.statistics.components import ATTEMPT as ATTEMPT
from consilience.statistics.components import Component as Component
from consilience.statistics.components import VarianceComponents as VarianceComponents
from consilience.statistics.components import (
    few_levels,
    jackknife_interval,
    make_component,
    missing_component,
    source_name,
    williams_tukey,
)
from consilience.statistics.estimate import ArrayLike, BoolArray, FloatArray, Reason, check_level
from consilience.statistics.henderson import (
    Cells,
    Places,
    Subset,
    compact,
    crossed_cells,
    estimable_terms,
    expected_system,
    solve,
)
from consilience.statistics.shares import with_share_intervals


def _estimated(names: tuple[str, ...], sizes: list[int], cells: Cells, level: float) -> list[Component]:
    terms, confounded = estimable_terms(cells, len(names))
    system = expected_system(cells, terms)
    solution, left_out = solve(system)
    result = []
    n_scores = int(cells.n.sum())
    for position, term in enumerate([*terms, None]):
        source = ATTEMPT if term is None else source_name(names, term)
        levels = n_scores if term is None else cells.levels[term].n.size
        if solution is None:
            result.append(missing_component(source, levels, Reason.CONFOUNDED))
            continue
        value = float(solution[position])
        rest = float(np.maximum(np.delete(solution, position), 0.0).sum())
        few = None if term is None else few_levels(names, term, sizes)
        if term is not None and 0 not in term:
            bounds, df = williams_tukey(position, term, terms, system.matrix[0], solution, level)
            method = "williams_tukey"
        else:
            bounds, df = jackknife_interval(value, left_out[:, position], level)
            method = "group_jackknife"
        result.append(make_component(source, value, bounds, df, rest, levels, level, few, method))
    result += [
        missing_component(source_name(names, term), cells.levels[term].n.size, Reason.CONFOUNDED)
        for term in confounded
    ]
    return with_share_intervals(result)


def _prepare(
    factors: Mapping[str, ArrayLike], sums: ArrayLike, counts: ArrayLike, squares: ArrayLike | None
) -> tuple[list[tuple[Places, int]], FloatArray, FloatArray, FloatArray]:
    s, n = np.asarray(sums, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    q = s if squares is None else np.asarray(squares, dtype=np.float64)
    if not (s.ndim == 1 and s.shape == n.shape == q.shape):
        raise ValueError(
            f"sums, counts and squares need one shape (rows,), not {s.shape}, {n.shape}, {q.shape}"
        )
    keep = n > 0
    return factor_codes(factors, keep), *((s, n, q) if keep.all() else (s[keep], n[keep], q[keep]))


def factor_codes(factors: Mapping[str, ArrayLike], keep: BoolArray) -> list[tuple[Places, int]]:
    """Return the codes of the rows that are kept, without gaps, and their number, for each factor.

    Raises:
        ValueError: If shapes differ, or codes are not integers from 0 on.
    """
    everything, codes = bool(keep.all()), []
    for name, values in factors.items():
        code = np.asarray(values)
        if code.shape != keep.shape:
            raise ValueError(f"the codes of {name} have shape {code.shape}, expected {keep.shape}")
        if code.size and (not np.issubdtype(code.dtype, np.integer) or code.min() < 0):
            raise ValueError(f"the codes of {name} must be integers from 0 on")
        kept = (code if everything else code[keep]).astype(np.int64, copy=False)
        codes.append(compact(kept, int(kept.max()) + 1 if kept.size else 0))
    return codes


def variance_components(
    factors: Mapping[str, ArrayLike],
    sums: ArrayLike,
    counts: ArrayLike,
    squares: ArrayLike | None,
    *,
    level: float = 0.95,
    groups: int = 40,
) -> VarianceComponents:
    """Estimate variance components of crossed random factors (Henderson 1953, Method I).

    Estimated are each factor, each pair, all factors together (what repeats in a cell beyond the pairs) and
    the attempt. With one score per cell the last two cannot be told apart: `attempt` then holds both.

    Intervals: components with the item, and the attempt, by a delete-a-group jackknife over items; components
    of laboratories, languages and their interaction by Williams and Tukey's chi-squared interval. Shares:
    see `shares`.

    Args:
        factors: Codes (integers from 0 on) of each row, shape (rows,), by factor; the first factor must be
            the item, the unit that is sampled. Two to four factors.
        sums: Sum of the scores of each row, shape (rows,). Rows may be cells or parts of cells.
        counts: Number of scores; rows with 0 are left out.
        squares: Sum of squared scores; None: scores are 0 or 1.
        level: Confidence level.
        groups: Groups of items for the jackknife.

    Raises:
        ValueError: If shapes differ, codes are not integers from 0 on, or there are not two to four factors.
    """
    check_level(level)
    if not 2 <= len(factors) <= 4:
        raise ValueError(f"variance components need two to four factors, not {len(factors)}")
    codes, s, n, q = _prepare(factors, sums, counts, squares)
    names = tuple(factors)
    if s.size == 0:
        nothing = tuple(missing_component(name, 0, Reason.NO_SCORES) for name in (*names, ATTEMPT))
        return VarianceComponents(
            components=nothing, n_scores=0, n_cells=0, method="henderson_1", reason=Reason.NO_SCORES
        )
    used = [position for position, (_, size) in enumerate(codes) if size > 1]
    missing = [missing_alone(names[position]) for position in range(len(names)) if position not in used]
    if 0 not in used:
        components = [missing_component(name, codes[i][1], Reason.ONE_ITEM) for i, name in enumerate(names)]
        return VarianceComponents(
            components=(*components, missing_component(ATTEMPT, int(n.sum()), Reason.ONE_ITEM)),
            n_scores=int(n.sum()), n_cells=int(n.size), method="henderson_1", reason=Reason.ONE_ITEM,
        )  # fmt: skip
    cells = crossed_cells([codes[position] for position in used], s, n, q, groups)
    sizes = [codes[position][1] for position in used]
    estimated = _estimated(tuple(names[position] for position in used), sizes, cells, level)
    order = {source_name(names, subset): place for place, subset in enumerate(all_subsets(len(names)))}
    components = sorted([*estimated, *missing], key=lambda component: order.get(component.source, len(order)))
    return VarianceComponents(
        components=tuple(components),
        n_scores=int(n.sum()),
        n_cells=int(cells.n.size),
        method="henderson_1",
        reason=None,
    )


def missing_alone(name: str) -> Component:
    """Return the component of a factor with one level."""
    return missing_component(name, 1, Reason.ONE_LABORATORY if name == "laboratory" else Reason.ONE_LEVEL)


def all_subsets(n_factors: int) -> list[Subset]:
    """Return the subsets of so many factors, small ones first."""
    return [s for size in range(1, n_factors + 1) for s in itertools.combinations(range(n_factors), size)]
