"""Henderson's Method I on sufficient statistics of cells: uncorrected sums of squares and their expectations.

For every subset A of the crossed factors `T_A = sum total^2 / n` over the levels of A; its expectation is
linear in the variance components (Henderson 1953; Searle, Casella & McCulloch 1992, ch. 5). All quantities
are computed once for all items and once with each group of items left out, from the same tables.

Invariants: the first factor (position 0) is the item; work and memory are linear in the number of cells, of
which there are fewer than 2^31.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from consilience.statistics.estimate import FloatArray, IntArray

DENSE_KEYS = 20_000_000
"""Combinations of levels up to this number are numbered by a table, more by sorting."""

Subset = tuple[int, ...]
Places = npt.NDArray[np.int32]
"""Numbers of cells, levels or groups; half as large as other integers, since there are many."""


@dataclass(frozen=True, slots=True)
class Level:
    """The levels of one subset of factors."""

    index: Places
    """Level of each full cell."""
    first: Places
    """One full cell of each level."""
    n: FloatArray


@dataclass(frozen=True, slots=True)
class Cells:
    """Full cells (all factors crossed) with centred sums."""

    n_factors: int
    n: FloatArray
    total: FloatArray
    squares: float
    square_groups: FloatArray
    group: Places
    """Group of items of each full cell; one group is left out at a time."""
    n_groups: int
    row_cell: Places
    """Full cell of each row."""
    levels: dict[Subset, Level]

    def summed(self, values: FloatArray) -> FloatArray:
        """Return the sums of values of rows over full cells."""
        return _bin(self.row_cell, values, self.n.size)


def compact(keys: IntArray, span: int) -> tuple[Places, int]:
    """Return keys numbered 0..n-1 without gaps, in the order of the keys, and n."""
    if span <= max(DENSE_KEYS, 4 * keys.size):
        present = np.bincount(keys, minlength=1) > 0
        number = np.cumsum(present, dtype=np.int32) - np.int32(1)
        return number[keys], int(number[-1]) + 1 if number.size else 0
    unique, inverse = np.unique(keys, return_inverse=True)
    return inverse.ravel().astype(np.int32), int(unique.size)


def _combine(codes: list[tuple[Places, int]]) -> tuple[Places, int]:
    key, span = codes[0][0].astype(np.int64), codes[0][1]
    for code, size in codes[1:]:
        if span * size > 2**62:
            compacted, span = compact(key, span)
            key = compacted.astype(np.int64)
        key, span = key * size + code, span * size
    return compact(key, span)


def _bin(index: IntArray | Places, weights: FloatArray, size: int) -> FloatArray:
    return np.bincount(index, weights=weights, minlength=size).astype(np.float64)


def _level(index: Places, size: int, n: FloatArray) -> Level:
    first = np.empty(size, dtype=np.int32)
    first[index] = np.arange(index.size, dtype=np.int32)
    return Level(index, first, _bin(index, n, size))


def crossed_cells(
    factors: list[tuple[Places, int]],
    sums: FloatArray,
    counts: FloatArray,
    squares: FloatArray,
    groups: int,
) -> Cells:
    """Return full cells with centred sums, and the levels of every subset of the factors."""
    full, n_cells = _combine(factors)
    n, s = _bin(full, counts, n_cells), _bin(full, sums, n_cells)
    if n_cells == full.size:
        first = np.empty(n_cells, dtype=np.int32)
        first[full] = np.arange(full.size, dtype=np.int32)
    else:
        first = np.unique(full, return_index=True)[1].astype(np.int32)
    codes = tuple(code[first] for code, _ in factors)
    centre = float(sums.sum() / counts.sum())
    centred = s - n * centre
    n_groups = min(groups, factors[0][1])
    group = np.asarray(codes[0] % n_groups, dtype=np.int32)
    row_squares = squares - 2.0 * centre * sums + counts * centre**2
    square_groups = _bin(factors[0][0] % n_groups, row_squares, n_groups)
    levels: dict[Subset, Level] = {}
    for size in range(len(factors) + 1):
        for subset in itertools.combinations(range(len(factors)), size):
            if not subset:
                index, number = np.zeros(n_cells, dtype=np.int32), 1
            elif size == len(factors):
                index, number = np.arange(n_cells, dtype=np.int32), n_cells
            else:
                index, number = _combine([(codes[factor], factors[factor][1]) for factor in subset])
            levels[subset] = _level(index, number, n)
    return Cells(
        len(factors), n, centred, float(row_squares.sum()), square_groups, group, n_groups,
        full, levels,
    )  # fmt: skip


def _left_out(groups: Places, values: FloatArray, n_groups: int) -> FloatArray:
    """Return the total of `values`, then the total without each group; shape (1 + n_groups,)."""
    parts = _bin(groups, values, n_groups)
    return np.concatenate([[parts.sum()], parts.sum() - parts])


def _left_out_table(
    index: Places, size: int, groups: Places, values: FloatArray, n_groups: int
) -> FloatArray:
    """The same per level: shape (1 + n_groups, size)."""
    parts = _bin(groups * np.int64(size) + index, values, n_groups * size).reshape(n_groups, size)
    total = parts.sum(axis=0)
    return np.concatenate([total[None, :], total[None, :] - parts])


def _ratio(numerator: FloatArray, n: FloatArray) -> FloatArray:
    """Return numerator / n, and 0 for levels that have no scores."""
    return np.divide(numerator, n, out=np.zeros_like(n), where=n > 0.5)


def _total(values: FloatArray) -> FloatArray:
    return np.asarray(values.sum(axis=1), dtype=np.float64)


class HendersonSums:
    """Henderson's quantities, each for all items and with each group of items left out."""

    def __init__(self, cells: Cells) -> None:
        """Take the cells; nothing is computed yet."""
        self.cells = cells
        self._tables: dict[Subset, FloatArray] = {}
        self._coefficients: dict[tuple[Subset, Subset], FloatArray] = {}
        self._rest: Subset = tuple(range(1, cells.n_factors))

    def _groups(self, level: Level) -> Places:
        return self.cells.group[level.first]

    def _finest(self, values: FloatArray) -> FloatArray:
        """Sums of values of full cells over the items, for all other factors crossed."""
        cells, level = self.cells, self.cells.levels[self._rest]
        return _left_out_table(level.index, level.n.size, cells.group, values, cells.n_groups)

    def _marginal(self, finest: FloatArray, subset: Subset) -> FloatArray:
        """Sum a table of `_finest` up to a subset without the item; shape (1 + groups, levels)."""
        if subset == self._rest:
            return finest
        level = self.cells.levels[subset]
        table = np.zeros((level.n.size, finest.shape[0]))
        np.add.at(table, level.index[self.cells.levels[self._rest].first], finest.T)
        return table.T

    def counts(self, subset: Subset) -> FloatArray:
        """Scores per level of a subset without the item; shape (1 + groups, levels)."""
        if subset not in self._tables:
            finest = self._finest(self.cells.n) if subset == self._rest else self.counts(self._rest)
            self._tables[subset] = np.maximum(self._marginal(finest, subset), 0.0)
        return self._tables[subset]

    def uncorrected(self, total: FloatArray, subsets: list[Subset]) -> FloatArray:
        """T_A of each subset A, the sum over levels of total^2 / n (Searle, Casella & McCulloch 1992, ch. 5).

        Args:
            total: Centred sum of each full cell.
            subsets: Of the factors.

        Returns:
            Shape (1 + groups, subsets).
        """
        cells, finest = self.cells, self._finest(total)
        found = np.empty((cells.n_groups + 1, len(subsets)))
        for column, subset in enumerate(subsets):
            level = cells.levels[subset]
            if 0 in subset:
                totals = total if level.n.size == total.size else _bin(level.index, total, level.n.size)
                found[:, column] = _left_out(self._groups(level), totals**2 / level.n, cells.n_groups)
            else:
                totals = self._marginal(finest, subset)
                found[:, column] = _total(_ratio(totals**2, self.counts(subset)))
        return found

    def coefficient(self, subset: Subset, other: Subset) -> FloatArray:
        """Coefficient of the variance of `other` in E[T_subset]: sum of n_c^2 / n_a over the levels c of
        both."""
        both = tuple(sorted(set(subset) | set(other)))
        key = (subset, both)
        if key not in self._coefficients:
            self._coefficients[key] = self._coefficient(subset, both)
        return self._coefficients[key]

    def _coefficient(self, subset: Subset, both: Subset) -> FloatArray:
        cells, level, joint = self.cells, self.cells.levels[subset], self.cells.levels[both]
        parent = level.index[joint.first]
        if 0 in subset:
            return _left_out(self._groups(joint), joint.n**2 / level.n[parent], cells.n_groups)
        n = self.counts(subset)
        if 0 in both:
            table = _left_out_table(parent, level.n.size, self._groups(joint), joint.n**2, cells.n_groups)
            return _total(_ratio(table, n))
        return _total(self.counts(both) ** 2 * _ratio(np.ones_like(n), n)[:, parent])

    def levels(self, subset: Subset) -> FloatArray:
        """Number of levels."""
        level = self.cells.levels[subset]
        if 0 in subset:
            return _left_out(self._groups(level), np.ones(level.n.size), self.cells.n_groups)
        return _total((self.counts(subset) > 0.5).astype(np.float64))


@dataclass(frozen=True, slots=True)
class System:
    """E[T_A - T_mean] = matrix @ components, for all items and with each group left out."""

    matrix: FloatArray
    """Shape (1 + groups, terms + 1, terms + 1); the last row and column are the attempts."""
    right: FloatArray


def expected_matrix(sums: HendersonSums, terms: list[Subset]) -> FloatArray:
    """Return the coefficients of `System.matrix`."""
    size = len(terms) + 1
    matrix = np.zeros((sums.cells.n_groups + 1, size, size))
    total = sums.counts(())[:, 0]
    for row, term in enumerate(terms):
        matrix[:, row, -1] = sums.levels(term) - 1.0
        for column, other in enumerate(terms):
            matrix[:, row, column] = sums.coefficient(term, other) - sums.coefficient((), other)
    matrix[:, -1, -1] = total - 1.0
    for column, other in enumerate(terms):
        matrix[:, -1, column] = total - sums.coefficient((), other)
    return matrix


def expected_system(cells: Cells, terms: list[Subset]) -> System:
    """Return the equations E[T_A - T_mean] = coefficients @ components of the terms and the attempts."""
    sums = HendersonSums(cells)
    squares = np.concatenate([[cells.squares], cells.squares - cells.square_groups])
    found = np.column_stack([sums.uncorrected(cells.total, [*terms, ()]), squares])
    right = np.delete(found - found[:, [len(terms)]], len(terms), axis=1)
    return System(expected_matrix(sums, terms), right)


def solve(system: System) -> tuple[FloatArray | None, FloatArray]:
    """Return the components, and those with each group left out (rows that cannot be solved are dropped).

    `system.right` may have a further axis: several variables with the same coefficients.
    """
    solutions: list[FloatArray | None] = []
    for matrix, right in zip(system.matrix, system.right, strict=True):
        scale = np.abs(matrix).max(axis=1)
        if not (scale > 0.0).all() or np.linalg.cond(matrix / scale[:, None]) > 1e10:
            solutions.append(None)
        else:
            solutions.append(np.linalg.solve(matrix, right))
    rest = [solution for solution in solutions[1:] if solution is not None]
    return solutions[0], np.array(rest).reshape(len(rest), *system.right.shape[1:])


def estimable_terms(cells: Cells, n_factors: int) -> tuple[list[Subset], list[Subset]]:
    """Return the terms that the design can tell apart, and those that it cannot."""
    subsets = [s for size in (1, 2) for s in itertools.combinations(range(n_factors), size)]
    full = tuple(range(n_factors))
    if full not in subsets:
        subsets.append(full)
    kept: list[Subset] = []
    confounded: list[Subset] = []
    n_scores = int(cells.n.sum())
    for subset in subsets:
        size = cells.levels[subset].n.size
        same = any(cells.levels[k].n.size == size for k in kept if set(k) < set(subset))
        (confounded if same or size == n_scores else kept).append(subset)
    return kept, confounded
