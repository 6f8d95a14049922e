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
from dataclasses import dataclass

import numpy as np
from scipy import special

from consilience.statistics.estimate import (
    ArrayLike,
    FloatArray,
    IntArray,
    Interval,
    Reason,
    check_level,
    finite,
)
from consilience.statistics.henderson import (
    Cells,
    Subset,
    System,
    compact,
    crossed_cells,
    estimable_terms,
    expected_system,
    solve,
)
from consilience.statistics.intervals import t_quantile

MIN_LEVELS = 4
"""Fewer laboratories (or languages, or raters) than this do not estimate their component with useful
precision."""
CLEAR = 8.0
"""Standard errors above 0 from which a component's interval is the chi-squared one alone."""
ATTEMPT = "attempt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One source of spread. `variance` is the raw estimate and may be negative; None where it is not
    estimable.

    `reason` may stand beside numbers: `few_laboratories` and `few_levels` say that they are not useful
    precisely.
    """

    source: str
    variance: float | None
    interval: Interval | None
    """Of the variance; its lower end is not below 0."""
    share: float | None
    """Of the sum of all components, negative ones counted as 0."""
    share_interval: Interval | None
    levels: int
    df: float | None
    reason: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceComponents:
    """Components in the order: factors, their pairs, all factors together, attempt."""

    components: tuple[Component, ...]
    n_scores: int
    n_cells: int
    method: str
    reason: Reason | None

    def get(self, source: str) -> Component:
        """Return one component by its source, such as `item:laboratory`."""
        return next(component for component in self.components if component.source == source)


def _jackknife_interval(
    value: float, left_out: FloatArray, level: float
) -> tuple[tuple[float, float] | None, float | None]:
    """Interval of a component from delete-a-group jackknife values (Shao & Wu 1989), and its df.

    The jackknife variance gives Satterthwaite's degrees of freedom 2 value^2 / variance of a chi-squared
    interval; near 0 it is value ± t standard errors. From 2 to 4 standard errors it is the wider of both,
    since a difference of mean squares close to 0 is not chi-squared; up to `CLEAR` it passes over to the one.
    """
    g = left_out.size
    if g < 3:
        return None, None
    error = float(np.sqrt((g - 1.0) / g * np.sum((left_out - left_out.mean()) ** 2)))
    if not error > 0.0:
        return None, None
    half = float(t_quantile(level, g - 1.0)) * error
    low, high = max(value - half, 0.0), max(value + half, 0.0)
    if value <= 2.0 * error:
        return (low, high), None
    df = 2.0 * (value / error) ** 2
    bounds = _chi_squared(df * value, df, level)
    near = min(max((CLEAR - value / error) / 4.0, 0.0), 1.0)
    wide = min(bounds[0], low), max(bounds[1], high)
    return (near * wide[0] + (1.0 - near) * bounds[0], near * wide[1] + (1.0 - near) * bounds[1]), df


def _chi_squared(scaled: float, df: float, level: float) -> tuple[float, float]:
    tail = 0.5 * (1.0 - level)
    return scaled / float(special.chdtri(df, tail)), scaled / float(special.chdtri(df, 1.0 - tail))


def _williams_tukey(
    position: int, term: Subset, terms: list[Subset], system: System, solution: FloatArray, level: float
) -> tuple[tuple[float, float] | None, float | None]:
    """Interval of a component of laboratories or languages (Williams 1962).

    The mean square of its levels, less that of the terms it contains, is taken as chi-squared with levels - 1
    degrees of freedom (products for interactions); the noise of the other components in it is subtracted from
    its bounds.
    """
    row = system.matrix[0, position].copy()
    for other_position, other in enumerate(terms):
        if set(other) < set(term):
            row -= system.matrix[0, other_position]
    df = float(row[-1])
    if df < 1.0 or row[position] <= 0.0:
        return None, None
    noise = float(row @ solution) / row[position] - float(solution[position])
    observed = float(solution[position]) + noise
    if observed <= 0.0:
        return None, None
    low, high = _chi_squared(df * observed, df, level)
    return (max(low - noise, 0.0), max(high - noise, 0.0)), df


def _share(value: float, rest: float) -> float | None:
    return finite(value / (value + rest)) if value + rest > 0.0 else None


def _few(names: tuple[str, ...], term: Subset, sizes: list[int]) -> Reason | None:
    for factor in term if 0 not in term else ():
        if sizes[factor] < MIN_LEVELS:
            return Reason.FEW_LABORATORIES if names[factor] == "laboratory" else Reason.FEW_LEVELS
    return None


def _component(
    source: str, value: float, bounds: tuple[float, float] | None, df: float | None, rest: float, levels: int,
    level: float, reason: Reason | None, method: str,
) -> Component:  # fmt: skip
    interval = share_interval = None
    if bounds is not None:
        interval = Interval(low=float(bounds[0]), high=float(bounds[1]), level=level, method=method)
        shares = [_share(bound, rest) for bound in bounds]
        if shares[0] is not None and shares[1] is not None:
            share_interval = Interval(low=shares[0], high=shares[1], level=level, method=method)
    return Component(
        source=source, variance=value, interval=interval, share=_share(max(value, 0.0), rest),
        share_interval=share_interval, levels=levels, df=finite(df),
        reason=reason if reason is not None or interval is not None else Reason.NO_INTERVAL,
    )  # fmt: skip


def _name(names: tuple[str, ...], term: Subset) -> str:
    return ":".join(names[factor] for factor in term)


def _missing(source: str, levels: int, reason: Reason) -> Component:
    return Component(
        source=source, variance=None, interval=None, share=None, share_interval=None, levels=levels, df=None,
        reason=reason,
    )  # fmt: skip


def _estimated(names: tuple[str, ...], sizes: list[int], cells: Cells, level: float) -> list[Component]:
    terms, confounded = estimable_terms(cells, len(names))
    system = expected_system(cells, terms)
    solution, left_out = solve(system)
    result = []
    n_scores = int(cells.n.sum())
    for position, term in enumerate([*terms, None]):
        source = ATTEMPT if term is None else _name(names, term)
        levels = n_scores if term is None else cells.levels[term].n.size
        if solution is None:
            result.append(_missing(source, levels, Reason.CONFOUNDED))
            continue
        value = float(solution[position])
        rest = float(np.maximum(np.delete(solution, position), 0.0).sum())
        few = None if term is None else _few(names, term, sizes)
        if term is not None and 0 not in term:
            bounds, df = _williams_tukey(position, term, terms, system, solution, level)
            method = "williams_tukey"
        else:
            bounds, df = _jackknife_interval(value, left_out[:, position], level)
            method = "group_jackknife"
        result.append(_component(source, value, bounds, df, rest, levels, level, few, method))
    result += [
        _missing(_name(names, term), cells.levels[term].n.size, Reason.CONFOUNDED) for term in confounded
    ]
    return result


def _prepare(
    factors: Mapping[str, ArrayLike], sums: ArrayLike, counts: ArrayLike, squares: ArrayLike | None
) -> tuple[list[tuple[IntArray, int]], FloatArray, FloatArray, FloatArray]:
    s, n = np.asarray(sums, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    q = s if squares is None else np.asarray(squares, dtype=np.float64)
    if not (s.ndim == 1 and s.shape == n.shape == q.shape):
        raise ValueError(
            f"sums, counts and squares need one shape (rows,), not {s.shape}, {n.shape}, {q.shape}"
        )
    keep = n > 0
    everything = bool(keep.all())
    codes = []
    for name, values in factors.items():
        code = np.asarray(values)
        if code.shape != s.shape:
            raise ValueError(f"the codes of {name} have shape {code.shape}, expected {s.shape}")
        if code.size and (not np.issubdtype(code.dtype, np.integer) or code.min() < 0):
            raise ValueError(f"the codes of {name} must be integers from 0 on")
        kept = (code if everything else code[keep]).astype(np.int64, copy=False)
        codes.append(compact(kept, int(kept.max()) + 1 if kept.size else 0))
    return codes, *((s, n, q) if everything else (s[keep], n[keep], q[keep]))


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
    of laboratories, languages and their interaction by Williams and Tukey's chi-squared interval. Share
    intervals hold the other components at their estimates.

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
        nothing = tuple(_missing(name, 0, Reason.NO_SCORES) for name in (*names, ATTEMPT))
        return VarianceComponents(
            components=nothing, n_scores=0, n_cells=0, method="henderson_1", reason=Reason.NO_SCORES
        )
    used = [position for position, (_, size) in enumerate(codes) if size > 1]
    missing = [_alone(names[position]) for position in range(len(names)) if position not in used]
    if 0 not in used:
        components = [_missing(name, codes[i][1], Reason.ONE_ITEM) for i, name in enumerate(names)]
        return VarianceComponents(
            components=(*components, _missing(ATTEMPT, int(n.sum()), Reason.ONE_ITEM)), n_scores=int(n.sum()),
            n_cells=int(n.size), method="henderson_1", reason=Reason.ONE_ITEM,
        )  # fmt: skip
    cells = crossed_cells([codes[position] for position in used], s, n, q, groups)
    sizes = [codes[position][1] for position in used]
    estimated = _estimated(tuple(names[position] for position in used), sizes, cells, level)
    order = {_name(names, subset): place for place, subset in enumerate(_all_subsets(len(names)))}
    components = sorted([*estimated, *missing], key=lambda component: order.get(component.source, len(order)))
    return VarianceComponents(
        components=tuple(components),
        n_scores=int(n.sum()),
        n_cells=int(cells.n.size),
        method="henderson_1",
        reason=None,
    )


def _alone(name: str) -> Component:
    return _missing(name, 1, Reason.ONE_LABORATORY if name == "laboratory" else Reason.ONE_LEVEL)


def _all_subsets(n_factors: int) -> list[Subset]:
    return [s for size in range(1, n_factors + 1) for s in itertools.combinations(range(n_factors), size)]
