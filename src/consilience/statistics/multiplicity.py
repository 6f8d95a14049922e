"""Correction of p values over a family of comparisons, and groups of ties in place of ranks.

Invariants: a missing p value (None or NaN) stays missing and does not count in the family; order is kept.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consilience.statistics.estimate import FloatArray


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
    letters of a compact letter display do). `best_rank` and `worst_rank` give each position the ranks that
    the data leave open:
    1 + the number significantly better, and n - the number significantly worse.
    """

    groups: tuple[tuple[int, ...], ...]
    best_rank: tuple[int, ...]
    worst_rank: tuple[int, ...]


def _absorb(groups: list[frozenset[int]]) -> list[frozenset[int]]:
    unique = list(dict.fromkeys(groups))
    return [group for group in unique if not any(group < other for other in unique)]


def tie_groups(values: Sequence[float], different: Sequence[tuple[int, int]]) -> TieGroups:
    """Return groups of results that no comparison tells apart (insert-and-absorb, Piepho 2004).

    Args:
        values: One value per result; the highest is the best.
        different: Pairs of positions whose difference is significant after correction over the family.
    """
    n = len(values)
    groups: list[frozenset[int]] = [frozenset(range(n))] if n else []
    better, worse = [0] * n, [0] * n
    for left, right in {(min(pair), max(pair)) for pair in different}:
        high, low = (left, right) if values[left] >= values[right] else (right, left)
        better[low] += 1
        worse[high] += 1
    for left, right in sorted({(min(pair), max(pair)) for pair in different}):
        split: list[frozenset[int]] = []
        for group in groups:
            split += [group - {left}, group - {right}] if {left, right} <= group else [group]
        groups = _absorb(split)
    order = sorted(range(n), key=lambda position: (-values[position], position))
    place = {position: rank for rank, position in enumerate(order)}
    ordered = sorted(
        (sorted(group, key=place.__getitem__) for group in groups), key=lambda g: [place[p] for p in g]
    )
    return TieGroups(
        groups=tuple(tuple(group) for group in ordered),
        best_rank=tuple(1 + count for count in better),
        worst_rank=tuple(n - count for count in worse),
    )
