"""What templates show: small frozen shapes whose texts are ready HTML.

Pure. Invariant: a reading always has words: a number, or why there is none.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from markupsafe import Markup


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A number with what must stand beside it."""

    value: Markup
    interval: Markup
    n: Markup
    has_interval: bool = True
    known: bool = True
    """False: `value` says why there is no number."""


class ForestRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a forest plot."""

    label: Markup
    plot: Markup
    reading: Reading
    indent: bool = False
    strong: bool = False
    tag: Markup | None = None
    """A word after the label, such as a verdict."""
    tag_class: str = ""


class ForestGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Rows under a common heading; the heading may be empty."""

    heading: Markup
    rows: tuple[ForestRow, ...]


class Forest(msgspec.Struct, frozen=True, kw_only=True):
    """A forest plot with everything that its table needs."""

    id: str
    caption: Markup
    axis: Markup
    label_head: Markup
    reading_heads: tuple[Markup, Markup, Markup]
    groups: tuple[ForestGroup, ...]
    note: Markup | None = None
    wide_labels: bool = False


class DataTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table of ready cells. The first cell of each row is its heading."""

    id: str
    caption: Markup
    heads: tuple[Markup, ...]
    numeric: tuple[bool, ...]
    """Which columns hold numbers, to align them."""
    rows: tuple[tuple[Markup, ...], ...]
    total: int
    """Rows that there are; more than `rows` where the table was cut."""
    classes: tuple[str, ...] = ()
    """Class of each row; empty: none has one."""


MAX_TABLE_ROWS = 500
"""Rows of one table in the page; the data folder holds them all."""
MAX_FOREST_ROWS = 150
"""Rows of one forest plot."""


def data_table(
    table_id: str,
    caption: Markup,
    heads: list[tuple[Markup, bool]],
    rows: Sequence[tuple[Markup, ...]],
    *,
    classes: list[str] | None = None,
) -> DataTable:
    """Return a table cut to `MAX_TABLE_ROWS`.

    Args:
        table_id: Unique in the page.
        caption: What the table shows.
        heads: Head of each column and whether it holds numbers.
        rows: Ready cells.
        classes: Class of each row, or None.
    """
    return DataTable(
        id=table_id,
        caption=caption,
        heads=tuple(head for head, _ in heads),
        numeric=tuple(number for _, number in heads),
        rows=tuple(rows[:MAX_TABLE_ROWS]),
        total=len(rows),
        classes=tuple((classes or [])[:MAX_TABLE_ROWS]),
    )
