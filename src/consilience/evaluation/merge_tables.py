"""The tables that all statistics are computed from, and how the parts of the partitions become them.

Invariants:
- a row of the item table is one laboratory × model × language × concept × item, in the order of these names;
- scores of the attempts are aggregated as the protocol says; `attempts` counts the scored attempts all the
  same;
- arrays are sorted, so nothing depends on the order of rows or files, nor on how the rows were partitioned;
- codes are read as int64 and scores as float64, however they are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from consilience.evaluation.merge_columns import Column, RaterColumns, Segment, Spool
from consilience.evaluation.merge_layout import NAMES, Aggregate, Layout, Pair
from consilience.evaluation.merge_units import Units, UnitTable, join, unit_table

__all__ = ["Aggregate", "ItemTable", "PairTable", "Part", "ScoreTables", "TableBuilder", "UnitTable"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
CODES = ", ".join(f"enum_code({name}::code_{name})::INTEGER AS {name}" for name in NAMES)
"""SQL of the codes of names; the types are made by `merge_passes`."""


class PairTable:
    """Two raters on the generations that both scored, per row of the item table."""

    def __init__(self, count: Column, first: Column, second: Column, cross: Column) -> None:
        self._count, self._first, self._second, self._cross = count, first, second, cross

    @property
    def count(self) -> Ints:
        """How many generations there are."""
        return self._count.read()

    @property
    def first(self) -> Floats:
        """Sum of the first rater's scores on them."""
        return self._first.read()

    @property
    def second(self) -> Floats:
        """Sum of the second rater's scores on them."""
        return self._second.read()

    @property
    def cross(self) -> Floats:
        """Sum of the products of their scores of the same generation."""
        return self._cross.read()


class ItemTable:
    """One row per laboratory × model × language × concept × item; codes point into the name tuples.

    Attributes:
        sums: Shape (raters, rows).
        counts: Shape (raters, rows): what `sums` is divided by: attempts, or 1 where they are aggregated
            otherwise.
        squares: Shape (raters, rows).
        attempts: Shape (raters, rows): scored attempts.
    """

    def __init__(
        self, codes: dict[str, Column], sums: RaterColumns, counts: RaterColumns, squares: RaterColumns,
        attempts: RaterColumns,
    ) -> None:  # fmt: skip
        self._codes = codes
        self.sums, self.counts, self.squares, self.attempts = sums, counts, squares, attempts

    @property
    def laboratory(self) -> Ints:
        """Code of the laboratory, shape (rows,)."""
        return self._codes["laboratory"].read()

    @property
    def model(self) -> Ints:
        """Code of the model, shape (rows,)."""
        return self._codes["model"].read()

    @property
    def language(self) -> Ints:
        """Code of the language, shape (rows,)."""
        return self._codes["language"].read()

    @property
    def concept(self) -> Ints:
        """Code of the concept, shape (rows,)."""
        return self._codes["concept"].read()

    @property
    def item(self) -> Ints:
        """Code of the item, shape (rows,)."""
        return self._codes["item"].read()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self._codes["item"].size


@dataclass(frozen=True, eq=False)
class ScoreTables:
    """All tables with the names that their codes stand for."""

    laboratories: tuple[str, ...]
    models: tuple[str, ...]
    languages: tuple[str, ...]
    concepts: tuple[str, ...]
    item_names: tuple[str, ...]
    raters: tuple[str, ...]
    items: ItemTable
    pairs: dict[Pair, PairTable]
    units: UnitTable
    generations: int


@dataclass(frozen=True, eq=False)
class Part:
    """The tables of one partition.

    `columns` holds the codes by name and, by rater or pair of raters, such as `sums.0` or `first.0.1`, the
    numbers of `ItemTable` and `PairTable`. One that is equal to another (see `EQUALS`) may be absent.
    """

    columns: dict[str, NDArray[Any]]
    units: Units
    generations: int


EQUALS = {
    "counts": ("attempts", 0), "squares": ("sums", 0), "count": ("attempts", 0), "first": ("sums", 0),
    "second": ("sums", 1),
}  # fmt: skip
"""Where a column is absent, it equals this one: of which rater of a pair."""


class TableBuilder:
    """Puts parts together, in the order of the partitions."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._spool = Spool()
        self._segments: list[dict[str, Segment]] = []
        self._units: Units | None = None
        self._generations = 0

    def add(self, part: Part) -> None:
        """Add the next part."""
        self._segments.append({name: self._spool.add(values) for name, values in part.columns.items()})
        self._units = join([part.units] if self._units is None else [self._units, part.units])
        self._generations += part.generations

    def tables(self, item_names: Sequence[str]) -> ScoreTables:
        """Return the tables of all parts; there must be one."""
        layout, raters = self._layout, range(len(self._layout.raters))
        if self._units is None:
            raise ValueError("there is no part")
        items = ItemTable(
            {name: self._column(name, (), np.int64) for name in NAMES},
            *(
                RaterColumns([self._column(name, (rater,), dtype) for rater in raters])
                for name, dtype in (
                    ("sums", np.float64), ("counts", np.float64), ("squares", np.float64),
                    ("attempts", np.int64),
                )
            ),
        )  # fmt: skip
        return ScoreTables(
            laboratories=layout.laboratories,
            models=layout.models,
            languages=layout.languages,
            concepts=layout.concepts,
            item_names=tuple(item_names),
            raters=layout.raters,
            items=items,
            pairs={
                pair: PairTable(
                    self._column("count", pair, np.int64),
                    *(self._column(name, pair, np.float64) for name in ("first", "second", "cross")),
                )
                for pair in layout.pairs
            },
            units=unit_table(self._units),
            generations=self._generations,
        )

    def _column(self, name: str, raters: tuple[int, ...], dtype: DTypeLike) -> Column:
        key = ".".join([name, *map(str, raters)])
        other, place = EQUALS.get(name, (name, 0))
        instead = f"{other}.{raters[place]}" if raters else key
        return Column([s[key] if key in s else s[instead] for s in self._segments], dtype)


def in_order(columns: dict[str, NDArray[Any]], layout: Layout) -> dict[str, NDArray[Any]]:
    """Return the columns of item rows in the order of the names; no two rows share all codes."""
    key = np.zeros(columns["item"].size, dtype=np.int64)
    for name, size in zip(NAMES, layout.sizes, strict=True):
        key = key * size + columns[name]
    order = np.argsort(key, kind="stable")
    return {name: values[order] for name, values in columns.items()}
