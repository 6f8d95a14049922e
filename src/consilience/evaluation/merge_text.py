"""CSV and JSONL score files: the exact line of the first row that is wrong.

Responsible for the rules of single rows in text files. The engine reads the file fast; when it, or a rule,
refuses, this module reads the file again, line by line, and says what is wrong in which line. Pure but for
reading the file.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import msgspec

from consilience.errors import ConsilienceError, InputError, LimitError, Where
from consilience.evaluation.scores import COLUMN_TYPES

MAX_FIELD_CHARS = 131_072
"""Of one field of a CSV file (the limit of the standard library's reader)."""
KEYS_FROM_LINES = 1_000
"""Lines of a JSONL file whose keys are taken as its columns."""

Cells = Mapping[str, Any]
RowRule = Callable[[Cells], str | None]
"""Takes the values of one row by column and returns what is wrong with it, or None."""


def csv_columns(path: Path, name: str) -> list[str]:
    """Return the header of a CSV file.

    Raises:
        InputError: There is no header, or a column occurs twice.
    """
    with _open(path) as stream:
        header = next(_csv_rows(stream, name), (0, []))[1]
    doubled = sorted(column for column, times in Counter(header).items() if times > 1)
    if not header or doubled:
        what = f"columns occur twice: {', '.join(doubled)}" if doubled else "there is no header"
        raise InputError(
            what, where=Where(file=name, line=1), next_step="Write one header line with column names."
        )
    return header


def jsonl_columns(path: Path, name: str) -> list[str]:
    """Return the keys of the first lines of a JSONL file, in order of appearance.

    Raises:
        InputError: A line is not a JSON object.
    """
    keys: dict[str, None] = {}
    with path.open("rb") as stream:
        for count, (_, row) in enumerate(_jsonl_rows(stream, name)):
            keys.update(dict.fromkeys(row))
            if count >= KEYS_FROM_LINES:
                break
    return list(keys)


def first_wrong_row(path: Path, name: str, format_: str, rule: RowRule) -> InputError | None:
    """Read a text file line by line and return the error of its first wrong row.

    Args:
        path: The file.
        name: How it is spoken of.
        format_: `csv` or `jsonl`.
        rule: What is wrong with a row, or None.
    """
    try:
        for line, row in _rows(path, name, format_):
            wrong = _wrong_type(row, typed=format_ == "jsonl") or rule(row)
            if wrong:
                return InputError(wrong, where=Where(file=name, line=line), next_step="Correct this line.")
    except ConsilienceError as error:
        return error if isinstance(error, InputError) else None
    return None


def _rows(path: Path, name: str, format_: str) -> Iterator[tuple[int, Cells]]:
    if format_ == "jsonl":
        with path.open("rb") as stream:
            yield from _jsonl_rows(stream, name)
        return
    with _open(path) as stream:
        rows = _csv_rows(stream, name)
        header = next(rows)[1]
        for line, fields in rows:
            if len(fields) != len(header):
                raise InputError(
                    f"{len(fields)} fields where the header has {len(header)}",
                    where=Where(file=name, line=line),
                    next_step="Correct this line; a text with a comma stands in double quotes.",
                )
            yield line, dict(zip(header, [field or None for field in fields], strict=True))


def _open(path: Path) -> TextIO:
    return path.open(encoding="utf-8-sig", newline="")


def _csv_rows(stream: TextIO, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line on which it begins."""
    reader = csv.reader(stream, strict=True)
    begin = 1
    try:
        for row in reader:
            if row:
                yield begin, row
            begin = reader.line_num + 1
    except csv.Error as error:
        if "field limit" in str(error):
            raise LimitError(
                f"a field is longer than {MAX_FIELD_CHARS} characters", where=Where(file=name, line=begin)
            ) from None
        raise InputError(
            f"this row is not CSV: {error}",
            where=Where(file=name, line=begin),
            next_step="Correct this line; a text with a comma, quote or line end stands in double quotes.",
        ) from None


def _jsonl_rows(stream: Iterable[bytes], name: str) -> Iterator[tuple[int, Cells]]:
    for line, content in enumerate(stream, start=1):
        if not content.strip():
            continue
        try:
            row = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            hint = (
                " (NaN and Infinity are no JSON; use null)"
                if b"NaN" in content or b"Infinity" in content
                else ""
            )
            raise InputError(
                f"this line is not JSON: {error}{hint}",
                where=Where(file=name, line=line),
                next_step="Correct this line.",
            ) from None
        if not isinstance(row, dict):
            raise InputError(
                "this line is not a JSON object",
                where=Where(file=name, line=line),
                next_step="Write one object with the columns as keys on every line.",
            )
        yield line, row


def _wrong_type(row: Cells, *, typed: bool) -> str | None:
    """What is wrong with the types of a row; `typed`: values have types (JSON), else all are texts (CSV)."""
    for column, type_ in COLUMN_TYPES.items():
        value = row.get(column)
        if value is None:
            continue
        if type_ == "VARCHAR" and not isinstance(value, str):
            return f"`{column}` is not a text"
        if type_ == "BOOLEAN" and not (
            isinstance(value, bool) or (not typed and value.lower() in {"true", "false"})
        ):
            return f"`{column}` is neither true nor false"
        text_for_number = typed and isinstance(value, str)
        if type_ in {"INTEGER", "DOUBLE"} and (
            text_for_number or _number(value, whole=type_ == "INTEGER") is None
        ):
            kind = "a whole number" if type_ == "INTEGER" else "a finite number"
            return f"`{column}` is not {kind}"
    return None


def _number(value: Any, *, whole: bool) -> float | None:
    """Read a number of a text file as the engine does, or return None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number) or (whole and number != int(number)):
        return None
    return number
