"""Where the spread of single scores comes from, with several raters of the same generations.

Model: score = mean + item + laboratory + language + their interactions + rater + the rater's interactions
with all of these + attempt + residual, all random and independent. The attempt is what the raters of one
generation share; the residual is rater × generation.

In every row all raters scored the same generations, so that raters are orthogonal to everything else and the
data fall into two strata (Nelder 1965): the means over raters, and the contrasts between raters. Each is
solved by Henderson's Method I with the same coefficients (`henderson`); rows may be missing and unbalanced.
Sums per row do not tell the attempt from the residual; the products of two raters' scores of one generation
do.

Invariants: those of `variance`; adding a constant to all scores of one rater changes only the rater.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from consilience.statistics.components import (
    ATTEMPT,
    MIN_LEVELS,
    RATER,
    RESIDUAL,
    Component,
    VarianceComponents,
    chi_squared_interval,
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
    HendersonSums,
    Subset,
    System,
    crossed_cells,
    estimable_terms,
    expected_matrix,
    solve,
)
from consilience.statistics.shares import with_share_intervals
from consilience.statistics.variance import all_subsets, factor_codes, missing_alone, variance_components

METHOD = "rater_strata"


@dataclass(frozen=True, slots=True)
class _Ratings:
    """Rows that have scores; the sums of one rater at a time, since there may be many rows."""

    sums: Sequence[ArrayLike] | FloatArray
    keep: BoolArray | None
    """Which rows have scores; None: all."""
    counts: FloatArray
    mean: FloatArray
    """Sum over the row's generations of the mean over raters."""
    mean_squares: FloatArray
    """Sum over the row's generations of the squared mean over raters."""
    squares: FloatArray
    """Sum of squares over generations and raters."""

    @property
    def raters(self) -> int:
        return len(self.sums)

    def of(self, rater: int) -> FloatArray:
        """Return the sums of one rater."""
        values = np.asarray(self.sums[rater], dtype=np.float64)
        return values if self.keep is None else values[self.keep]


@dataclass(frozen=True, slots=True)
class _Strata:
    """Solved equations. Position -1 is the generation: attempt + residual / raters, and residual."""

    terms: list[Subset]
    matrix: FloatArray
    between: FloatArray
    """Components of the means over raters, shape (terms + 1,)."""
    within: FloatArray
    """Components of a contrast between raters."""
    left_between: FloatArray
    """The same with each group of items left out, shape (groups, terms + 1)."""
    left_within: FloatArray
    rater_square: float
    """Mean square of the raters' means, per score."""
    rater_noise: float
    """Its expectation where raters do not differ."""


def _checked(
    sums: Sequence[ArrayLike] | FloatArray, counts: ArrayLike, squares: ArrayLike | None, cross: ArrayLike
) -> tuple[_Ratings, BoolArray]:
    n, x = np.asarray(counts, dtype=np.float64), np.asarray(cross, dtype=np.float64)
    total = np.zeros(n.shape)
    for one in sums:
        values = np.asarray(one, dtype=np.float64)
        if n.ndim != 1 or values.shape != n.shape:
            raise ValueError(
                f"the sums of each rater need the shape of the counts, {n.shape}, not {values.shape}"
            )
        total += values
    q = total.copy() if squares is None else np.asarray(squares, dtype=np.float64)
    if not n.shape == q.shape == x.shape:
        raise ValueError(
            f"squares and cross need the shape of the counts, {n.shape}, not {q.shape}, {x.shape}"
        )
    keep, raters = n > 0, max(len(sums), 1)
    if not keep.all():
        n, x, q, total = n[keep], x[keep], q[keep], total[keep]
    rows = _Ratings(sums, None if keep.all() else keep, n, total / raters, (q + 2.0 * x) / raters**2, q)
    return rows, keep


def _stratum_sums(sums: HendersonSums, rows: _Ratings, subsets: list[Subset]) -> FloatArray:
    """Uncorrected sums of squares of the raters' deviations from the mean over raters, per contrast.

    Returns:
        Shape (1 + groups, subsets + 1); the last column is that of single scores.
    """
    cells, found = sums.cells, np.zeros((sums.cells.n_groups + 1, len(subsets) + 1))
    for rater in range(rows.raters):
        found[:, :-1] += sums.uncorrected(cells.summed(rows.of(rater) - rows.mean), subsets)
    rest = rows.squares - rows.raters * rows.mean_squares
    groups = np.bincount(cells.group[cells.row_cell], weights=rest, minlength=cells.n_groups)
    found[:, -1] = np.concatenate([[groups.sum()], groups.sum() - groups])
    return found / (rows.raters - 1)


def _solved(cells: Cells, terms: list[Subset], rows: _Ratings) -> _Strata | None:
    sums, subsets = HendersonSums(cells), [*terms, ()]
    squares = np.concatenate([[cells.squares], cells.squares - cells.square_groups])
    between = np.column_stack([sums.uncorrected(cells.total, subsets), squares])
    within = _stratum_sums(sums, rows, subsets)
    mean = len(terms)
    found = np.stack([between, within], axis=2)
    right = np.delete(found - found[:, [mean]], mean, axis=1)
    matrix = expected_matrix(sums, terms)
    solution, left_out = solve(System(matrix, right))
    if solution is None:
        return None
    total = float(cells.n.sum())
    share = np.array([float(sums.coefficient((), term)[0]) for term in terms] + [1.0]) / total
    return _Strata(
        terms, matrix[0], solution[:, 0], solution[:, 1], left_out[:, :, 0], left_out[:, :, 1],
        float(within[0, mean]) / total, float(share @ solution[:, 1]),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Found:
    """A component before its share is known."""

    source: str
    value: float
    levels: int
    bounds: tuple[float, float] | None
    df: float | None
    method: str
    reason: Reason | None


class _Describer:
    """Values and intervals of the components of solved strata."""

    def __init__(
        self,
        strata: _Strata,
        cells: Cells,
        names: tuple[str, ...],
        sizes: list[int],
        raters: int,
        level: float,
    ) -> None:
        self.strata, self.cells, self.names, self.sizes = strata, cells, names, sizes
        self.raters, self.level = raters, level
        self.left_between = strata.left_between - strata.left_within / raters

    def all(self) -> list[_Found]:
        """Return every component."""
        found = [self._plain(position) for position in range(len(self.strata.terms))]
        found.append(self._rater())
        found += [self._with_rater(position) for position in range(len(self.strata.terms))]
        n = int(self.cells.n.sum())
        return [*found, self._jackknifed(ATTEMPT, -1, n), self._jackknifed(RESIDUAL, -1, n * self.raters)]

    def _few(self, term: Subset, *, rated: bool) -> Reason | None:
        few = few_levels(self.names, term, self.sizes)
        return Reason.FEW_LEVELS if few is None and rated and self.raters < MIN_LEVELS else few

    def _jackknifed(self, source: str, position: int, levels: int) -> _Found:
        strata, rated = self.strata, source == RESIDUAL or source.endswith(f":{RATER}")
        value = float(strata.within[position])
        left_out = strata.left_within[:, position]
        if not rated:
            value = float(strata.between[position]) - value / self.raters
            left_out = self.left_between[:, position]
        bounds, df = jackknife_interval(value, left_out, self.level)
        return _Found(source, value, levels, bounds, df, "group_jackknife", None)

    def _plain(self, position: int) -> _Found:
        strata, term = self.strata, self.strata.terms[position]
        source, levels = source_name(self.names, term), self.cells.levels[term].n.size
        if 0 in term:
            return self._jackknifed(source, position, levels)
        beside = float(strata.within[position]) / self.raters
        bounds, df = williams_tukey(
            position, term, strata.terms, strata.matrix, strata.between, self.level, beside=beside
        )
        value = float(strata.between[position]) - beside
        return _Found(source, value, levels, bounds, df, "williams_tukey", self._few(term, rated=False))

    def _with_rater(self, position: int) -> _Found:
        strata, term = self.strata, self.strata.terms[position]
        source = f"{source_name(self.names, term)}:{RATER}"
        levels = self.cells.levels[term].n.size * self.raters
        if 0 in term:
            return self._jackknifed(source, position, levels)
        bounds, df = williams_tukey(
            position, term, strata.terms, strata.matrix, strata.within, self.level, times=self.raters - 1.0
        )
        value = float(strata.within[position])
        return _Found(source, value, levels, bounds, df, "williams_tukey", self._few(term, rated=True))

    def _rater(self) -> _Found:
        observed, noise = self.strata.rater_square, self.strata.rater_noise
        bounds, df = chi_squared_interval(observed, noise, self.raters - 1.0, self.level)
        few = self._few((), rated=True)
        return _Found(RATER, observed - noise, self.raters, bounds, df, "williams_tukey", few)


def _with_shares(found: list[_Found], level: float) -> list[Component]:
    whole = math.fsum(max(one.value, 0.0) for one in found)
    parts = [
        make_component(
            one.source, one.value, one.bounds, one.df, max(whole - max(one.value, 0.0), 0.0), one.levels,
            level, one.reason, one.method,
        )
        for one in found
    ]  # fmt: skip
    return with_share_intervals(parts)


def _rated_sources(names: tuple[str, ...]) -> list[str]:
    plain = [source_name(names, subset) for subset in all_subsets(len(names))]
    return [*plain, RATER, *(f"{source}:{RATER}" for source in plain), ATTEMPT, RESIDUAL]


def _nothing(names: tuple[str, ...], rows: _Ratings, reason: Reason) -> VarianceComponents:
    parts = [missing_component(source, 0, reason) for source in (*names, RATER, ATTEMPT, RESIDUAL)]
    return VarianceComponents(
        components=tuple(parts), n_scores=int(rows.counts.sum()) * rows.raters, n_cells=rows.counts.size,
        method=METHOD, reason=reason,
    )  # fmt: skip


def _one_rater(
    factors: Mapping[str, ArrayLike], sums: ArrayLike, counts: ArrayLike, squares: ArrayLike | None,
    level: float, groups: int,
) -> VarianceComponents:  # fmt: skip
    """Components of a single rater: the attempt holds the residual too."""
    found = variance_components(factors, sums, counts, squares, level=level, groups=groups)
    *rest, attempt = found.components
    parts = (
        *rest, missing_component(RATER, 1, Reason.ONE_LEVEL), attempt,
        missing_component(RESIDUAL, found.n_scores, Reason.CONFOUNDED),
    )  # fmt: skip
    return VarianceComponents(
        components=parts, n_scores=found.n_scores, n_cells=found.n_cells, method=METHOD, reason=found.reason
    )


def rated_variance_components(
    factors: Mapping[str, ArrayLike], sums: Sequence[ArrayLike] | FloatArray, counts: ArrayLike,
    squares: ArrayLike | None, cross: ArrayLike, *, level: float = 0.95, groups: int = 40,
) -> VarianceComponents:  # fmt: skip
    """Estimate variance components of crossed factors and of raters who scored the same generations.

    Estimated are those of `variance.variance_components`, the rater, the rater with each of these
    (`…:rater`), the attempt (common to the raters of a generation) and the residual (rater × generation).
    With one generation per row the last interactions cannot be told from attempt and residual, which then
    hold them.

    Intervals: components with the item, attempt and residual by a delete-a-group jackknife over items, for
    these raters; the others by Williams and Tukey's chi-squared interval.

    Args:
        factors: Codes of each row, as for `variance.variance_components`; two or three, the item first.
        sums: Sum of the scores in each row, shape (rows,), for each rater; read one rater at a time, so that
            a sequence may load them when asked.
        counts: Number of generations, shape (rows,); every rater scored all of them. Rows with 0 are left
            out.
        squares: Sum of squared scores of all raters, shape (rows,); None: scores are 0 or 1.
        cross: Sum over the row's generations, and over the pairs of raters, of the product of two raters'
            scores; shape (rows,).
        level: Confidence level.
        groups: Groups of items for the jackknife.

    Raises:
        ValueError: If shapes differ, codes are not integers from 0 on, a factor is called `rater`, or there
            are not two or three factors.

    References:
        Henderson (1953), Biometrics 9:226-252, Method I; Nelder (1965), Proc. R. Soc. A 283:147-162 (strata).
    """
    check_level(level)
    if not 2 <= len(factors) <= 3 or RATER in factors:
        raise ValueError(f"two or three factors beside the rater are needed, not {', '.join(factors)}")
    rows, keep = _checked(sums, counts, squares, cross)
    codes, names = factor_codes(factors, keep), tuple(factors)
    if rows.counts.size == 0 or rows.raters == 0:
        return _nothing(names, rows, Reason.NO_SCORES)
    if codes[0][1] < 2:
        return _nothing(names, rows, Reason.ONE_ITEM)
    if rows.raters == 1:
        return _one_rater(factors, sums[0], counts, squares, level, groups)
    used = [position for position, (_, size) in enumerate(codes) if size > 1]
    missing = [missing_alone(names[position]) for position in range(len(names)) if position not in used]
    cells = crossed_cells([codes[p] for p in used], rows.mean, rows.counts, rows.mean_squares, groups)
    found = _estimated(tuple(names[p] for p in used), [codes[p][1] for p in used], cells, rows, level)
    order = {source: place for place, source in enumerate(_rated_sources(names))}
    return VarianceComponents(
        components=tuple(sorted([*found, *missing], key=lambda component: order[component.source])),
        n_scores=int(rows.counts.sum()) * rows.raters, n_cells=int(cells.n.size), method=METHOD, reason=None,
    )  # fmt: skip


def _estimated(
    names: tuple[str, ...], sizes: list[int], cells: Cells, rows: _Ratings, level: float
) -> list[Component]:
    terms, confounded = estimable_terms(cells, len(names))
    strata = _solved(cells, terms, rows)
    lost = confounded if strata is not None else [*terms, *confounded]
    missing = [
        missing_component(f"{source_name(names, term)}{suffix}", cells.levels[term].n.size, Reason.CONFOUNDED)
        for term in lost
        for suffix in ("", f":{RATER}")
    ]
    if strata is None:
        n = int(cells.n.sum())
        last = ((RATER, rows.raters), (ATTEMPT, n), (RESIDUAL, n * rows.raters))
        return missing + [missing_component(source, number, Reason.CONFOUNDED) for source, number in last]
    return _with_shares(_Describer(strata, cells, names, sizes, rows.raters, level).all(), level) + missing
