"""Partitions of the rows, none of which holds more rows than fit into memory when they are grouped.

Responsible for which cells (laboratory × model × language × concept) are grouped together, and which files
hold them. Pure. Invariants: every cell is in exactly one partition, so that the rows of an item are never
apart; partitions stand in the order of the item table, so that their tables need only be put one after the
other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from consilience.evaluation.merge_census import Group
from consilience.evaluation.merge_engine import quoted

PARTITION_ROWS = 5_000_000
"""Rows that are grouped at once; a single cell may have more."""
Cell = tuple[str, str, str, str]
AXES = ("laboratory", "model", "language", "concept")


@dataclass(frozen=True)
class Partition:
    """Rows that are grouped together."""

    sources: tuple[int, ...]
    """Numbers of the files that hold them."""
    condition: str
    """SQL of what these rows are among the rows of the files."""
    rows: int


def make_partitions(groups: Iterable[Group], partition_rows: int = PARTITION_ROWS) -> list[Partition]:
    """Partition the rows of a census.

    Laboratories stay whole where they can, so that a file of one laboratory is read once.

    Args:
        groups: The census.
        partition_rows: Rows of a partition, at most, where a cell does not have more.
    """
    rows: dict[Cell, int] = {}
    sources: dict[Cell, set[int]] = {}
    for group in groups:
        cell = (group.laboratory, group.model, group.language, group.concept)
        rows[cell] = rows.get(cell, 0) + group.rows
        sources.setdefault(cell, set()).add(group.source)
    blocks = list(_blocks(sorted(rows), rows, partition_rows))
    return [
        Partition(
            sources=tuple(sorted(set[int]().union(*(sources[cell] for cell in cells)))),
            condition="TRUE" if len(blocks) == 1 else _condition(cells, rows),
            rows=sum(rows[cell] for cell in cells),
        )
        for cells in blocks
    ]


def _blocks(cells: Sequence[Cell], rows: dict[Cell, int], limit: int) -> Iterable[list[Cell]]:
    """Runs of cells in order, whole laboratories where they fit."""
    block: list[Cell] = []
    held = 0
    for _, members in groupby(cells, key=lambda cell: cell[0]):
        whole = list(members)
        size = sum(rows[cell] for cell in whole)
        for unit in [whole] if size <= limit else [[cell] for cell in whole]:
            more = sum(rows[cell] for cell in unit)
            if block and held + more > limit:
                yield block
                block, held = [], 0
            block += unit
            held += more
    if block:
        yield block


def _condition(cells: Sequence[Cell], rows: dict[Cell, int]) -> str:
    """SQL of the rows of cells."""
    sizes: dict[str, int] = {}
    for cell in rows:
        sizes[cell[0]] = sizes.get(cell[0], 0) + 1
    whole, parts = [], []
    for laboratory, members in groupby(cells, key=lambda cell: cell[0]):
        mine = list(members)
        if len(mine) == sizes[laboratory]:
            whole.append(quoted(laboratory))
        else:
            parts.append(f"(laboratory = {quoted(laboratory)} AND {_within(laboratory, mine, rows)})")
    if whole:
        parts.insert(0, f"laboratory IN ({', '.join(whole)})")
    return f"({' OR '.join(parts)})"


def _within(laboratory: str, cells: Sequence[Cell], rows: dict[Cell, int]) -> str:
    """SQL of some cells of one laboratory, by the axes that tell its cells apart."""
    every = [cell for cell in rows if cell[0] == laboratory]
    telling = [axis for axis in (1, 2, 3) if len({cell[axis] for cell in every}) > 1]
    values = [", ".join(quoted(cell[axis]) for axis in telling) for cell in cells]
    if len(telling) == 1:
        return f"{AXES[telling[0]]} IN ({', '.join(values)})"
    columns = ", ".join(AXES[axis] for axis in telling)
    return f"({columns}) IN ({', '.join(f'({value})' for value in values)})"
