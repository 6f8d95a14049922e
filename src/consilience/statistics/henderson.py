"""Henderson's Method I on sufficient statistics of cells: uncorrected sums of squares and their expectations.

For every subset A of the crossed factors `T_A = sum total^2 / n` over the levels of A; its expectation is
linear in the variance components (Henderson 1953; Searle, Casella & McCulloch 1992, ch. 5). All quantities
are computed once for all items and once with each group of items left out, from the same tables.

Invariants: the first factor (position 0) is the item; work is linear in the number of cells.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from consilience.statistics.estimate import FloatArray, IntArray

DENSE_KEYS = 20_000_000
"""Combinations of levels up to this number are numbered by a table, more by sorting."""

Subset = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """The levels of one subset of factors."""

    index: IntArray
    """Level of each full cell."""
    first: IntArray
    """One full cell of each level."""
    n: FloatArray
    total: FloatArray


@dataclass(frozen=True, slots=True)
class Cells:
    """Full cells (all factors crossed) with centred sums."""

    codes: tuple[IntArray, ...]
    n: FloatArray
    total: FloatArray
    squares: float
    square_groups: FloatArray
    group: IntArray
    """Group of items of each full cell; one group is left out at a time."""
    n_groups: int
    levels: dict[Subset, Level]


def compact(keys: IntArray, span: int) -> tuple[IntArray, int]:
    """Return keys numbered 0..n-1 without gaps, in the order of the keys, and n."""
    if span <= max(DENSE_KEYS, 4 * keys.size):
        present = np.bincount(keys, minlength=1) > 0
        number = np.cumsum(present) - 1
        return number[keys], int(number[-1]) + 1 if number.size else 0
    unique, inverse = np.unique(keys, return_inverse=True)
    return inverse.ravel().astype(np.int64), int(unique.size)


def _combine(codes: list[tuple[IntArray, int]]) -> tuple[IntArray, int]:
    key, span = codes[0]
    for code, size in codes[1:]:
        if span * size > 2**62:
            key, span = compact(key, span)
        key, span = key * size + code, span * size
    return compact(key, span)


def _bin(index: IntArray, weights: FloatArray, size: int) -> FloatArray:
    return np.bincount(index, weights=weights, minlength=size).astype(np.float64)


def _level(index: IntArray, size: int, n: FloatArray, total: FloatArray) -> Level:
    first = np.empty(size, dtype=np.int64)
    first[index] = np.arange(index.size)
    return Level(index, first, _bin(index, n, size), _bin(index, total, size))


def crossed_cells(
    factors: list[tuple[IntArray, int]],
    sums: FloatArray,
    counts: FloatArray,
    squares: FloatArray,
    groups: int,
) -> Cells:
    """Return full cells with centred sums, and the levels of every subset of the factors."""
    full, n_cells = _combine(factors)
    n, s = _bin(full, counts, n_cells), _bin(full, sums, n_cells)
    if n_cells == full.size:
        first = np.empty(n_cells, dtype=np.int64)
        first[full] = np.arange(full.size)
    else:
        first = np.unique(full, return_index=True)[1].astype(np.int64)
    codes = tuple(code[first] for code, _ in factors)
    centre = float(sums.sum() / counts.sum())
    centred = s - n * centre
    n_groups = min(groups, factors[0][1])
    group = codes[0] % n_groups
    row_squares = squares - 2.0 * centre * sums + counts * centre**2
    square_groups = _bin(factors[0][0] % n_groups, row_squares, n_groups)
    levels: dict[Subset, Level] = {}
    for size in range(len(factors) + 1):
        for subset in itertools.combinations(range(len(factors)), size):
            if not subset:
                index, number = np.zeros(n_cells, dtype=np.int64), 1
            elif size == len(factors):
                index, number = np.arange(n_cells), n_cells
            else:
                index, number = _combine([(codes[factor], factors[factor][1]) for factor in subset])
            levels[subset] = _level(index, number, n, centred)
    return Cells(codes, n, centred, float(row_squares.sum()), square_groups, group, n_groups, levels)


def _left_out(groups: IntArray, values: FloatArray, n_groups: int) -> FloatArray:
    """Return the total of `values`, then the total without each group; shape (1 + n_groups,)."""
    parts = _bin(groups, values, n_groups)
    return np.concatenate([[parts.sum()], parts.sum() - parts])


def _left_out_table(
    index: IntArray, size: int, groups: IntArray, values: FloatArray, n_groups: int
) -> FloatArray:
    """The same per level: shape (1 + n_groups, size)."""
    parts = _bin(groups * size + index, values, n_groups * size).reshape(n_groups, size)
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

    def _groups(self, level: Level) -> IntArray:
        return self.cells.group[level.first]

    def counts(self, subset: Subset) -> FloatArray:
        """Scores per level of a subset without the item; shape (1 + groups, levels)."""
        if subset not in self._tables:
            cells, level = self.cells, self.cells.levels[subset]
            table = _left_out_table(level.index, level.n.size, cells.group, cells.n, cells.n_groups)
            self._tables[subset] = np.maximum(table, 0.0)
        return self._tables[subset]

    def uncorrected(self, subset: Subset) -> FloatArray:
        """T_A, the sum over levels of total^2 / n (Searle, Casella & McCulloch 1992, ch. 5)."""
        cells, level = self.cells, self.cells.levels[subset]
        if 0 in subset:
            return _left_out(self._groups(level), level.total**2 / level.n, cells.n_groups)
        totals = _left_out_table(level.index, level.n.size, cells.group, cells.total, cells.n_groups)
        n = self.counts(subset)
        return _total(_ratio(totals**2, n))

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


def expected_system(cells: Cells, terms: list[Subset]) -> System:
    """Return the equations E[T_A - T_mean] = coefficients @ components of the terms and the attempts."""
    sums = HendersonSums(cells)
    size = len(terms) + 1
    matrix = np.zeros((cells.n_groups + 1, size, size))
    right = np.zeros((cells.n_groups + 1, size))
    total = sums.counts(())[:, 0]
    mean = sums.uncorrected(())
    for row, term in enumerate(terms):
        right[:, row] = sums.uncorrected(term) - mean
        matrix[:, row, -1] = sums.levels(term) - 1.0
        for column, other in enumerate(terms):
            matrix[:, row, column] = sums.coefficient(term, other) - sums.coefficient((), other)
    right[:, -1] = np.concatenate([[cells.squares], cells.squares - cells.square_groups]) - mean
    matrix[:, -1, -1] = total - 1.0
    for column, other in enumerate(terms):
        matrix[:, -1, column] = total - sums.coefficient((), other)
    return System(matrix, right)


def solve(system: System) -> tuple[FloatArray | None, FloatArray]:
    """Return the components, and those with each group left out (rows that cannot be solved are dropped)."""
    solutions: list[FloatArray | None] = []
    for matrix, right in zip(system.matrix, system.right, strict=True):
        scale = np.abs(matrix).max(axis=1)
        if not (scale > 0.0).all() or np.linalg.cond(matrix / scale[:, None]) > 1e10:
            solutions.append(None)
        else:
            solutions.append(np.linalg.solve(matrix, right))
    rest = [solution for solution in solutions[1:] if solution is not None]
    return solutions[0], np.array(rest).reshape(len(rest), system.right.shape[1])


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
