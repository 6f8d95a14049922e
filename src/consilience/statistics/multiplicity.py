"""Correction of p values over a family of comparisons, and groups of ties in place of ranks.

Invariants: a missing p value (None or NaN) stays missing and does not count in the family; order is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consilience.statistics.estimate import FloatArray

MAX_TIE_GROUPS = 60
"""Groups of ties that are listed; where there are more, the ranks that the data leave open are told."""


def _present(p_values: Sequence[float | None]) -> tuple[list[int], FloatArray]:
    positions, values = [], []
    for position, value in enumerate(p_values):
        if value is None or math.isnan(value):
            continue
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"p value {position} is {value!r}; p values lie in [0, 1]")
        positions.append(position)
        values.append(float(value))
    return positions, np.asarray(values, dtype=np.float64)


def _spread(adjusted: FloatArray, positions: list[int], length: int) -> list[float | None]:
    result: list[float | None] = [None] * length
    for position, value in zip(positions, adjusted, strict=True):
        result[position] = float(value)
    return result


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p values adjusted for the family-wise error rate (Holm 1979, sequentially rejective procedure).

    Raises:
        ValueError: If a p value lies outside [0, 1].
    """
    positions, values = _present(p_values)
    order = np.argsort(values, kind="stable")
    m = values.size
    stepped = np.maximum.accumulate(values[order] * (m - np.arange(m)))
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(stepped, 1.0)
    return _spread(adjusted, positions, len(p_values))


def benjamini_hochberg(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p values adjusted for the false discovery rate (Benjamini & Hochberg 1995, sec. 3.1).

    Raises:
        ValueError: If a p value lies outside [0, 1].
    """
    positions, values = _present(p_values)
    order = np.argsort(values, kind="stable")[::-1]
    m = values.size
    stepped = np.minimum.accumulate(values[order] * m / (m - np.arange(m)))
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(stepped, 1.0)
    return _spread(adjusted, positions, len(p_values))


def adjust(p_values: Sequence[float | None], method: str) -> list[float | None]:
    """Return adjusted p values by the method's name: `holm` or `benjamini-hochberg`.

    Raises:
        ValueError: If the method is another one.
    """
    if method == "holm":
        return holm(p_values)
    if method in {"benjamini-hochberg", "benjamini_hochberg"}:
        return benjamini_hochberg(p_values)
    raise ValueError(f"unknown correction {method!r}; use 'holm' or 'benjamini-hochberg'")


@dataclass(frozen=True, slots=True, kw_only=True)
class TieGroups:
    """Who cannot be told apart.

    `groups` are sets of positions, best first; a member may stand in several groups (groups overlap as
    letters of a compact letter display do); None: more than the limit. `best_rank` and `worst_rank` give
    each position the ranks that the data leave open: 1 + the number significantly better, and n - the number
    significantly worse.
    """

    groups: tuple[tuple[int, ...], ...] | None
    best_rank: tuple[int, ...]
    worst_rank: tuple[int, ...]


def _absorbed(kept: list[int], split: list[int]) -> list[int]:
    """Return the groups without those of `split` that lie within another; groups are sets of bits."""
    result = list(kept)
    for group in sorted(set(split), key=int.bit_count, reverse=True):
        if not any(group & other == group for other in result):
            result.append(group)
    return result


def _letters(n: int, pairs: Sequence[tuple[int, int]], limit: int) -> list[int] | None:
    groups = [(1 << n) - 1]
    for left, right in pairs:
        both = (1 << left) | (1 << right)
        holding = [group for group in groups if group & both == both]
        if holding:
            split = [group & ~(1 << one) for group in holding for one in (left, right)]
            groups = _absorbed([group for group in groups if group & both != both], split)
        if len(groups) > limit:
            return None
    return groups


def tie_groups(
    values: Sequence[float], better: Sequence[tuple[int, int]], *, limit: int = MAX_TIE_GROUPS
) -> TieGroups:
    """Return groups of results that no comparison tells apart (insert-and-absorb, Piepho 2004).

    Args:
        values: One value per result, the highest first in the order of groups.
        better: Pairs of positions (better, worse) whose difference is significant after correction over the
            family.
        limit: More groups than this (comparisons can make exponentially many) are not listed.
    """
    n = len(values)
    pairs = dict.fromkeys(better)
    above, below = [0] * n, [0] * n
    for high, low in pairs:
        above[low] += 1
        below[high] += 1
    found = _letters(n, sorted({(min(pair), max(pair)) for pair in pairs}), limit) if n else []
    order = sorted(range(n), key=lambda position: (-values[position], position))
    groups = None
    if found is not None:
        ranked = [[rank for rank, position in enumerate(order) if group >> position & 1] for group in found]
        groups = tuple(tuple(order[rank] for rank in group) for group in sorted(ranked))
    return TieGroups(
        groups=groups,
        best_rank=tuple(1 + count for count in above),
        worst_rank=tuple(n - count for count in below),
    )
