"""What flat tables are made of: columns with their meaning, and the functions that read them from a row.

Pure. Invariants: a missing number is null; a column's type is the same in every row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import msgspec

from consilience.evaluation import joint_result as jr
from consilience.reporting.messages import sentence

ColumnType = Literal["text", "number", "integer", "boolean"]
Value = str | float | int | bool | None


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column with what it means."""

    name: str
    type: ColumnType
    description: str


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A flat table."""

    name: str
    description: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """Columns with the function that reads their values from a row of the result."""

    columns: tuple[Column, ...]
    read: Callable[[Any], Sequence[Value]]


def _plain(name: str, type_: ColumnType, description: str, read: Callable[[Any], Any] | None = None) -> Field:
    reader = read or (lambda row: getattr(row, name))
    return Field(
        columns=(Column(name=name, type=type_, description=description),),
        read=lambda row: (_typed(reader(row), type_),),
    )


def _typed(value: Any, type_: ColumnType) -> Value:
    if value is None:
        return None
    if type_ == "number":
        return float(value)
    if type_ == "text":
        return str(value)
    if type_ == "boolean":
        return bool(value)
    return int(value)


def text_column(name: str, description: str, read: Callable[[Any], Any] | None = None) -> Field:
    """Return a column of words."""
    return _plain(name, "text", description, read)


def number_column(name: str, description: str, read: Callable[[Any], Any] | None = None) -> Field:
    """Return a column of numbers."""
    return _plain(name, "number", description, read)


def integer_column(name: str, description: str, read: Callable[[Any], Any] | None = None) -> Field:
    """Return a column of whole numbers."""
    return _plain(name, "integer", description, read)


def boolean_column(name: str, description: str, read: Callable[[Any], Any] | None = None) -> Field:
    """Return a column of yes and no."""
    return _plain(name, "boolean", description, read)


def reason_text(reason: jr.Message | None) -> str | None:
    """Return why something is missing, in English words; None where nothing is."""
    return None if reason is None else sentence(reason, "en")


def reason_column(name: str = "reason") -> Field:
    """Return the column that says why a number of its row is missing."""
    return text_column(name, "why a number of this row is missing", lambda row: reason_text(row.reason))


def interval_columns(prefix: str, what: str, read: Callable[[Any], jr.Interval | None]) -> Field:
    """Return the four columns of an interval."""
    columns = (
        Column(name=f"{prefix}_low", type="number", description=f"lower end of the interval of {what}"),
        Column(name=f"{prefix}_high", type="number", description="upper end"),
        Column(name=f"{prefix}_level", type="number", description="confidence level of the interval"),
        Column(
            name=f"{prefix}_method",
            type="text",
            description="method of the interval; key of the table methods",
        ),
    )

    def values(row: Any) -> Sequence[Value]:
        found = read(row)
        return (
            (None, None, None, None) if found is None else (found.low, found.high, found.level, found.method)
        )

    return Field(columns=columns, read=values)


def estimate_columns(name: str, what: str, read: Callable[[Any], jr.Estimate | None]) -> Field:
    """Return the ten columns of an estimate."""

    def interval(row: Any) -> jr.Interval | None:
        found = read(row)
        return None if found is None else found.interval

    ends = interval_columns(name, what, interval)
    columns = (
        Column(name=name, type="number", description=f"{what}, in units of the score"),
        *ends.columns,
        Column(name=f"{name}_se", type="number", description="standard error"),
        Column(name=f"{name}_n_items", type="integer", description="items (independent units) that entered"),
        Column(name=f"{name}_n_scores", type="integer", description="scored attempts that entered"),
        Column(
            name=f"{name}_estimand",
            type="text",
            description="benchmark (exactly these items) or generalized (items like these)",
        ),
        Column(name=f"{name}_reason", type="text", description="why the number or its interval is missing"),
    )

    def values(row: Any) -> Sequence[Value]:
        found = read(row)
        if found is None:
            return (None,) * len(columns)
        return (
            found.value,
            *ends.read(row),
            found.standard_error,
            found.n_items,
            found.n_scores,
            found.estimand,
            reason_text(found.reason),
        )

    return Field(columns=columns, read=values)


def as_json(value: Any) -> str:
    """Return a value as JSON, its keys in order."""
    return msgspec.json.encode(value, order="sorted").decode()


def make_table(name: str, description: str, fields: Iterable[Field], rows: Iterable[Any]) -> Table:
    """Return a table of rows, its columns read by `fields`."""
    fields = tuple(fields)
    return Table(
        name=name,
        description=description,
        columns=tuple(column for field in fields for column in field.columns),
        rows=tuple(tuple(value for field in fields for value in field.read(row)) for row in rows),
    )
