"""Reading item files: JSONL, CSV, Parquet and the JSON data set form, each to the same rows.

Responsible for one file at a time: bytes to `ItemRow`, with the line of each. How rows of several files
become the items of a protocol is decided by `item_pairing`. Invariants: a row has an id and a prompt (which
may be empty, and is then found by `lint`); no text is longer than its limit; every mistake names file and
line.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from consilience.errors import InputError, LimitError, Where
from consilience.evaluation.bounded_file import lines_of, read_text
from consilience.evaluation.faults import Faults
from consilience.evaluation.item_json import decode_object
from consilience.evaluation.protocol import MAX_ITEM_CHARS, MAX_ITEMS
from consilience.evaluation.protocol_form import suggestion
from consilience.records.canonical import canonical_bytes, digest

MAX_ID_CHARS = 200
MAX_SHORT_CHARS = 10_000
"""Of a target, a choice, an accepted answer, a note."""
MAX_LIST = 1_000
"""Choices or accepted answers of one item."""
MAX_DATA_SET_BYTES = 64 * 1024 * 1024
MAX_CSV_COLUMNS = 1_000

Format = Literal["jsonl", "csv", "parquet", "dataset"]
ENDINGS: dict[str, Format] = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv", ".parquet": "parquet",
    ".json": "dataset",
}  # fmt: skip
TEXT_FIELDS = {
    "id": MAX_ID_CHARS, "translation_of": MAX_ID_CHARS, "language": 35, "concept": 100, "split": 20,
    "translation": 20, "prompt": MAX_ITEM_CHARS, "target": MAX_SHORT_CHARS, "note": MAX_SHORT_CHARS,
}  # fmt: skip
LIST_FIELDS = ("accept", "choices")
FIELDS = (*TEXT_FIELDS, *LIST_FIELDS)
NUMBER_FIELDS = frozenset({"id", "translation_of", "target"})
"""Text fields that may be written as numbers."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class ItemRow(msgspec.Struct, frozen=True, kw_only=True):
    """One item as its file has it. None: the file says nothing."""

    line: int
    """Line of the file; of a Parquet file, the row."""
    id: str
    prompt: str
    language: str | None = None
    concept: str | None = None
    split: str | None = None
    translation: str | None = None
    translation_of: str | None = None
    target: str | None = None
    accept: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    note: str = ""


class DataSetAbout(msgspec.Struct, frozen=True, kw_only=True):
    """What a file in the data set form says of itself."""

    name: str = ""
    description: str = ""
    license: str = ""
    reference: str = ""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is to be read; see `protocol_form.ItemsTable`."""

    format: Format | None = None
    columns: dict[str, str] = {}
    without: tuple[str, ...] = ()
    delimiter: str | None = None


def file_format(name: str, reading: Reading, where: Where) -> Format:
    """Return the format of a file by what is said of it, else by the ending of its name.

    Raises:
        InputError: Neither says it.
    """
    if reading.format is not None:
        return reading.format
    ending = Path(name).suffix.lower()
    if ending not in ENDINGS:
        raise InputError(
            f"the format of {name[:200]!r} is not known by its ending",
            where=where,
            next_step='Add `format = "jsonl"`, "csv", "parquet" or "dataset".',
        )
    return ENDINGS[ending]


def read_item_file(
    path: Path, label: str, format_: Format, reading: Reading, faults: Faults
) -> tuple[list[ItemRow], DataSetAbout | None]:
    """Return the rows of a file and what it says of itself; mistakes of rows go to `faults`.

    Args:
        path: The file.
        label: Its name in messages.
        format_: See `file_format`.
        reading: Names of columns, fields left out.
        faults: Mistakes are added; reading stops when it is full.

    Raises:
        InputError: The file as a whole cannot be read (not UTF-8, not JSON, no header).
        LimitError: A line, the file or the number of items passes its limit.
    """
    about: DataSetAbout | None = None
    names = _Names(reading, format_)
    if format_ == "jsonl":
        found = _jsonl_rows(path, label, faults)
    elif format_ == "csv":
        found = _csv_rows(path, label, reading, faults)
    elif format_ == "parquet":
        from consilience.evaluation.item_parquet import parquet_rows

        found = parquet_rows(path, label, names.known)
    else:
        about, found = _data_set_rows(path, label)
    rows: list[ItemRow] = []
    for line, record in found:
        if len(rows) >= MAX_ITEMS:
            raise LimitError(f"there are more than {MAX_ITEMS:,} items", where=Where(file=label, line=line))
        row = _row(record, line, label, names, faults)
        if row is not None:
            rows.append(row)
        if faults.is_full:
            break
    if not rows and not faults.count:
        faults.add(Where(file=label), "the file has no items", "Add items, or take it out of the protocol.")
    return rows, about


class _Names:
    """Which key of a record holds which field."""

    def __init__(self, reading: Reading, format_: Format) -> None:
        self.key_of = {field: field for field in FIELDS}
        if format_ == "dataset":
            self.key_of["prompt"] = "input"
        self.key_of |= reading.columns
        self.key_of = {field: key for field, key in self.key_of.items() if key not in reading.without}
        self.known = {*self.key_of.values(), *reading.without}
        self.cells_are_text = format_ == "csv"
        self.makes_ids = format_ == "dataset"
        self.seen: dict[str, int] = {}

    def content_id(self, prompt: str) -> str:
        """Return an id made of the content, for items of a data set that have none."""
        name = "sha-" + digest(canonical_bytes(prompt)).removeprefix("sha256:")[:16]
        self.seen[name] = self.seen.get(name, 0) + 1
        return name if self.seen[name] == 1 else f"{name}-{self.seen[name]}"


def _row(record: dict[str, Any], line: int, label: str, names: _Names, faults: Faults) -> ItemRow | None:
    where = Where(file=label, line=line)
    before = faults.count
    for key in record:
        if key not in names.known:
            faults.add(
                where, f"unknown key `{_shown(key)}`", suggestion(key, names.known) + _HOW_TO_LEAVE_OUT
            )
    values: dict[str, Any] = {}
    for field, key in names.key_of.items():
        value = record.get(key)
        if value is None or (value == "" and field != "prompt"):
            continue
        try:
            values[field] = (
                _list(value, names.cells_are_text) if field in LIST_FIELDS else _text(field, value)
            )
        except ValueError as error:
            faults.add(where, f"`{_shown(key)}` {error}")
    if "prompt" not in values and faults.count == before:
        faults.add(
            where, f"the item has no `{names.key_of.get('prompt', 'prompt')}`", "Every item needs a prompt."
        )
    if "id" not in values and names.makes_ids and "prompt" in values:
        values["id"] = names.content_id(values["prompt"])
    if "id" not in values and faults.count == before:
        faults.add(where, "the item has no `id`", "Give each item an id; translations of one item share it.")
    return ItemRow(line=line, **values) if faults.count == before else None


_HOW_TO_LEAVE_OUT = " A field that is not meant for the protocol is named in `without` of its `[[items]]`."


def _text(field: str, value: Any) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and field in NUMBER_FIELDS:
        value = _number(value)
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {type(value).__name__}")
    limit = TEXT_FIELDS[field]
    if len(value) > limit:
        raise ValueError(f"has {len(value):,} characters; the limit is {limit:,}")
    if limit <= MAX_ID_CHARS and _CONTROL.search(value):
        raise ValueError("has control characters")
    return value.strip() if limit <= MAX_ID_CHARS else _lines(value)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")


def _number(value: float) -> str:
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise ValueError("is not a finite number")
    return json.dumps(value)


def _list(value: Any, cells_are_text: bool) -> tuple[str, ...]:
    if isinstance(value, str) and cells_are_text:
        value = _list_of_cell(value)
    if not isinstance(value, (list, tuple)):
        raise ValueError("must be a list of texts")
    if len(value) > MAX_LIST:
        raise ValueError(f"has {len(value):,} members; the limit is {MAX_LIST:,}")
    members = []
    for member in value:
        if isinstance(member, (int, float)) and not isinstance(member, bool):
            member = _number(member)
        if not isinstance(member, str):
            raise ValueError("must be a list of texts")
        if len(member) > MAX_SHORT_CHARS:
            raise ValueError(f"has a member of {len(member):,} characters; the limit is {MAX_SHORT_CHARS:,}")
        members.append(_lines(member))
    return tuple(members)


def _list_of_cell(cell: str) -> list[Any]:
    if cell.lstrip().startswith("["):
        try:
            members = msgspec.json.decode(cell)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ValueError("begins with `[` and is no JSON list") from error
        return members if isinstance(members, list) else [cell]
    return [part.strip() for part in cell.split("|")]


def _shown(key: Any) -> str:
    return _CONTROL.sub("�", str(key)[:60])


def _jsonl_rows(path: Path, label: str, faults: Faults) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in lines_of(path, label):
        if text.strip():
            try:
                record = decode_object(text, label=label, line=line)
            except InputError as error:
                faults.take(error)
                if faults.is_full:
                    return
            else:
                yield line, record


def _csv_rows(
    path: Path, label: str, reading: Reading, faults: Faults
) -> Iterator[tuple[int, dict[str, Any]]]:
    lines = lines_of(path, label)
    number, header_text = next(lines, (1, ""))
    names = _Names(reading, "csv").known
    delimiter = reading.delimiter or _delimiter(header_text, names)
    if len(delimiter) != 1:
        raise InputError(
            "`delimiter` must be one character",
            where=Where(file=label),
            next_step='Write `delimiter = ";"`, or leave it away.',
        )
    consumed = [number]

    def texts() -> Iterator[str]:
        yield header_text
        for line, text in lines:
            consumed[0] = line
            yield text

    reader = csv.reader(texts(), delimiter=delimiter, strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
        _check_header(header, label)
        start = consumed[0] + 1
        for cells in reader:
            if any(cells):
                if len(cells) == len(header):
                    yield start, dict(zip(header, cells, strict=True))
                else:
                    faults.add(
                        Where(file=label, line=start),
                        f"the row has {len(cells)} cells; the header has {len(header)}",
                        "Put texts that hold the delimiter or quotes between double quotes.",
                    )
            start = consumed[0] + 1
    except csv.Error as error:
        raise InputError(
            f"this is no CSV: {error}",
            where=Where(file=label, line=consumed[0]),
            next_step="Close every double quote; a quote inside a text is written twice.",
        ) from error


def _delimiter(header: str, known: set[str]) -> str:
    def fields(delimiter: str) -> int:
        return sum(cell.strip().strip('"') in known for cell in header.split(delimiter))

    return max(",;\t", key=fields)


def _check_header(header: list[str], label: str) -> None:
    where = Where(file=label, line=1)
    if not any(header):
        raise InputError("the file has no header", where=where, next_step="The first line names the columns.")
    if len(header) > MAX_CSV_COLUMNS:
        raise LimitError(f"there are more than {MAX_CSV_COLUMNS:,} columns", where=where)
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InputError(
            f"the column `{_shown(twice[0])}` stands twice in the header",
            where=where,
            next_step="Rename one of the two, and name it in `without` if it is not meant.",
        )


def _data_set_rows(path: Path, label: str) -> tuple[DataSetAbout, Iterator[tuple[int, dict[str, Any]]]]:
    text = read_text(path, label, MAX_DATA_SET_BYTES)
    document = decode_object(text, label=label, line=None)
    examples = document.get("examples")
    if not isinstance(examples, list) or not all(isinstance(example, dict) for example in examples):
        raise InputError(
            "`examples` must be a list of objects",
            where=Where(file=label),
            next_step=(
                "Its form is {name, description, license, reference, examples: [{id, input, target}]}."
            ),
        )
    about = DataSetAbout(
        **{
            key: value[:MAX_SHORT_CHARS]
            for key in ("name", "description", "license", "reference")
            if isinstance(value := document.get(key), str)
        }
    )
    return about, zip(_example_lines(text), examples, strict=False)


_MARK = re.compile(r'"((?:[^"\\]|\\.)*+)"|[{}\[\]\n]')


def _example_lines(text: str) -> Iterator[int]:
    """Yield the lines on which the objects of the top-level list `examples` begin, then line 1 for ever."""
    line, depth, inside, name = 1, 0, False, ""
    for match in _MARK.finditer(text):
        mark = match.group()
        if mark == "\n":
            line += 1
        elif mark in "{[":
            depth += 1
            inside = inside or (depth == 2 and mark == "[" and name == "examples")
            if inside and depth == 3 and mark == "{":
                yield line
        elif mark in "}]":
            depth -= 1
            inside = inside and depth >= 2
        elif depth == 1:
            name = match.group(1)
    while True:
        yield 1
