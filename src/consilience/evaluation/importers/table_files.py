"""Records of CSV, JSONL and Parquet files, one by one, each with its place in the file.

Responsible for the form of a table, not for what its columns mean. Invariants: a record that cannot be read
is a finding with its place, and the next one is read; no cell is run, evaluated or turned into a number here;
at most MAX_RECORD_BYTES of a text file are held.
"""

# ruff: noqa: S608 - every name in a query went through `_quoted`

from __future__ import annotations

import csv
import glob
import re
from collections.abc import Collection, Generator, Iterator, Sequence
from typing import Any, BinaryIO, Literal, NamedTuple

import msgspec

from consilience.evaluation.importers.json_lines import Fault, json_lines, value_of
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source

MAX_RECORD_BYTES = 16 * 2**20
"""Of one record of a CSV table, all its lines together; of one cell of a Parquet table."""
MAX_COLUMNS = 1_000
"""Of a table."""
MAX_BROKEN_QUOTES = 20
"""Quotation marks without an end, after which the rest of a CSV table is left out."""
LOOKED_AT = 20
"""Lines of a JSONL table whose members are its columns."""
DELIMITERS = (",", ";", "\t", "|")
MARK = b"\xef\xbb\xbf"
TOO_LONG = f"a record has more than {MAX_RECORD_BYTES // 2**20} MiB: is a quotation mark missing?"
NO_END = "a quotation mark has no end: the file is cut here, or the mark is wrong"
MEMORY = "512MB"
BATCH = 64
NUMBERS = re.compile(r"BOOLEAN|U?(?:TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE")
NESTED = re.compile(r"\[|STRUCT|MAP|UNION|VARIANT")
NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f]")

Cells = dict[str, Any]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The form of a table."""

    form: Literal["CSV", "JSONL", "Parquet"]
    columns: tuple[str, ...]
    delimiter: str = ","
    comments: tuple[str, ...] = ()
    """Lines before the header that begin with `#`."""


class Record(NamedTuple):
    """One record and where it begins."""

    line: int
    """Of a text file, or the number of the row, from 1."""
    offset: int | None
    cells: Cells


def look(source: Source, head: bytes, wanted: Collection[str] = ()) -> Table | None:
    """Return the form of a file that is a table, as far as its beginning shows it.

    Args:
        source: The file.
        head: Its first bytes.
        wanted: Columns that are looked for; where several delimiters are possible, the one that finds most
            of them counts.
    """
    if head.startswith(b"PAR1"):
        columns = _parquet_columns(source)
        return None if columns is None else Table(form="Parquet", columns=tuple(columns))
    start = head.removeprefix(MARK)
    if start.lstrip().startswith(b"{"):
        names = _members(start)
        return Table(form="JSONL", columns=names) if names else None
    return _look_at_csv(head, wanted)


def wrong_encoding(head: bytes) -> tuple[str, int] | None:
    """Return the encoding that a text seems to have and the byte where it is not UTF-8; None: it is UTF-8."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16", 0
    line = head.split(b"\n", 1)[0]
    if line.count(0) * 3 > len(line) > 8:
        return "UTF-16", line.index(0)
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return "Latin-1 or another", error.start
    return None


def _members(start: bytes) -> tuple[str, ...]:
    names: dict[str, None] = {}
    decoder = msgspec.json.Decoder()
    lines = start.split(b"\n")
    for line in lines[: LOOKED_AT if len(lines) > LOOKED_AT else max(1, len(lines) - 1)]:
        value = value_of(line, decoder) if line.strip() else None
        if isinstance(value, Fault) or (value is not None and not isinstance(value, dict)):
            break
        names.update(dict.fromkeys(value or ()))
    return tuple(names)[:MAX_COLUMNS]


def _look_at_csv(head: bytes, wanted: Collection[str]) -> Table | None:
    comments, line = [], ""
    for raw in head.removeprefix(MARK).split(b"\n"):
        try:
            line = raw.decode()
        except UnicodeDecodeError:
            return None
        if line.startswith("#"):
            comments.append(line.strip()[:500])
        elif line.strip():
            break
    if not line.strip() or line.startswith(("#", "[", "<")) or NO_TEXT.search(line):
        return None
    best, best_rank = None, (-1, -1)
    for delimiter in DELIMITERS:
        names = _header(line, delimiter)
        rank = (len(set(names) & set(wanted)), len(names))
        if rank > best_rank:
            best, best_rank = (delimiter, names), rank
    if best is None or len(best[1]) > MAX_COLUMNS:
        return None
    return Table(form="CSV", columns=best[1], delimiter=best[0], comments=tuple(comments[:20]))


def _header(line: str, delimiter: str) -> tuple[str, ...]:
    try:
        return tuple(name.strip() for name in next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:
        return ()


def records(table: Table, source: Source, sink: Sink, wanted: Sequence[str]) -> Iterator[Record]:
    """Yield the records of a table; what cannot be read is told to the sink.

    Args:
        table: From `look`.
        source: The file.
        sink: Hears of `encoding`, `nul`, `ragged`, `malformed_record`, `record_too_long`, `broken_quote`,
            `unreadable_rest`, `broken_table` and of the faults of JSONL.
        wanted: Columns that are read; those of a Parquet file that hold lists or objects are left empty.
    """
    if table.form == "CSV":
        yield from _CsvFile(table, source, sink).records()
    elif table.form == "Parquet":
        yield from _parquet_records(table, source, sink, wanted)
    else:
        for line in json_lines(source, sink):
            if isinstance(line.value, dict):
                yield Record(line.number, line.offset, line.value)
            else:
                sink.add_finding(
                    "warning", "no_row", "this line is no object and was left out", file=source.name,
                    line=line.number, offset=line.offset,
                )  # fmt: skip


class _LongRecordError(Exception):
    """A record has more bytes than is allowed, or no end."""


class _Lines:
    """Lines of a stream as text, with their places; a record of several lines asks for more than one."""

    def __init__(self, stream: BinaryIO, offset: int, number: int) -> None:
        self.stream, self.offset, self.number = stream, offset, number
        self.begin()

    def begin(self) -> None:
        """Begin a record here."""
        self.first = (self.number + 1, self.offset)
        self.second: tuple[int, int] | None = None
        """Where the record's second line would begin: here reading goes on after a broken one."""
        self.bytes = 0
        self.bad_byte: int | None = None
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        raw = self.stream.readline(MAX_RECORD_BYTES + 1 - self.bytes)
        if not raw:
            self.ended = True
            raise StopIteration
        self.bytes += len(raw)
        self.number += 1
        at, self.offset = self.offset, self.offset + len(raw)
        if self.bytes > MAX_RECORD_BYTES:
            raise _LongRecordError
        if self.second is None:
            self.second = (self.number, self.offset)
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            if self.bad_byte is None:
                self.bad_byte = at + error.start
            return raw.decode("utf-8", "replace")


class _CsvFile:
    """One CSV file: a header, perhaps below comments, then records."""

    def __init__(self, table: Table, source: Source, sink: Sink) -> None:
        self.table, self.source, self.sink = table, source, sink
        self.broken = 0

    def records(self) -> Iterator[Record]:
        """Yield the records below the header."""
        before = csv.field_size_limit(MAX_RECORD_BYTES)
        try:
            with self.source.open() as stream:
                place: tuple[int, int] | None = self._skip_header(stream)
                while place is not None and self.broken < MAX_BROKEN_QUOTES:
                    number, offset = place
                    stream.seek(offset)
                    place = yield from self._from(_Lines(stream, offset, number))
                if place is not None:
                    self._say("unreadable_rest", "too many quotation marks have no end; from here on nothing "
                              "was read", place[0], place[1])  # fmt: skip
        finally:
            csv.field_size_limit(before)

    def _skip_header(self, stream: BinaryIO) -> tuple[int, int]:
        """Return number and end of the header's line."""
        number, offset = 0, 0
        for raw in iter(lambda: stream.readline(MAX_RECORD_BYTES), b""):
            number, offset = number + 1, offset + len(raw)
            text = raw.removeprefix(MARK) if number == 1 else raw
            if text.strip() and not text.startswith(b"#"):
                break
        return number, offset

    def _from(self, lines: _Lines) -> Generator[Record, None, tuple[int, int] | None]:
        """Yield records from here on; return where to go on behind a broken one, or None at the end."""
        reader = csv.reader(lines, delimiter=self.table.delimiter)
        while True:
            lines.begin()
            try:
                cells = next(reader)
            except StopIteration:
                return None
            except csv.Error:
                return self._behind(lines, "malformed_record", "this record is no CSV and was left out")
            except _LongRecordError:
                return self._behind(lines, "record_too_long", TOO_LONG)
            if lines.ended and lines.second is not None:
                return self._behind(lines, "broken_quote", NO_END)
            record = self._checked(cells, lines)
            if record is not None:
                yield record

    def _behind(self, lines: _Lines, code: str, text: str) -> tuple[int, int]:
        self.broken += 1
        self._say(code, text, *lines.first)
        if lines.second is not None:
            return lines.second
        while (raw := lines.stream.readline(MAX_RECORD_BYTES)) and not raw.endswith(b"\n"):
            lines.offset += len(raw)
        return lines.number, lines.offset + len(raw)

    def _checked(self, cells: list[str], lines: _Lines) -> Record | None:
        number, offset = lines.first
        columns = self.table.columns
        if not any(cell.strip() for cell in cells):
            return None
        if lines.bad_byte is not None:
            self._say("encoding", "this record is not UTF-8 and was left out", number, lines.bad_byte)
        elif any("\0" in cell for cell in cells):
            self._say("nul", "this record holds a NUL byte and was left out", number, offset)
        elif len(cells) < len(columns) or any(cell.strip() for cell in cells[len(columns) :]):
            self._say("ragged", f"records have another number of cells than the header's {len(columns)} and "
                      "were left out", number, offset)  # fmt: skip
        else:
            return Record(number, offset, dict(zip(columns, cells, strict=False)))
        return None

    def _say(self, code: str, text: str, line: int, offset: int) -> None:
        step = "Save the table as UTF-8." if code == "encoding" else None
        self.sink.add_finding(
            "error", code, text, file=self.source.name, line=line, offset=offset, next_step=step
        )


def _parquet_columns(source: Source) -> dict[str, str] | None:
    """Return the columns of a Parquet file with their types, or None where it cannot be read."""
    import duckdb

    try:
        with duckdb.connect(":memory:", config=_settings()) as database:
            found = database.execute(f"DESCRIBE SELECT * FROM {_scan(source)}").fetchall()
    except (duckdb.Error, UnicodeDecodeError, MemoryError, OverflowError, ValueError):
        return None
    return {str(row[0]): str(row[1]) for row in found} if len(found) <= MAX_COLUMNS else None


def _parquet_records(table: Table, source: Source, sink: Sink, wanted: Sequence[str]) -> Iterator[Record]:
    import duckdb

    types = _parquet_columns(source) or {}
    chosen = [name for name in table.columns if name in wanted and not NESTED.search(types.get(name, "["))]
    texts = [name for name in chosen if not NUMBERS.fullmatch(types[name])]
    sizes = [f"coalesce(strlen(CAST({_quoted(name)} AS VARCHAR)), 0)" for name in texts]
    long = f"greatest({', '.join(sizes)}, 0) > {MAX_RECORD_BYTES}"
    values = [
        f"CASE WHEN {long} THEN NULL ELSE CAST({_quoted(name)} AS VARCHAR) END" if name in texts else
        _quoted(name) for name in chosen
    ]  # fmt: skip
    number = 0
    try:
        with duckdb.connect(":memory:", config=_settings()) as database:
            query = f"SELECT {', '.join([*values, long])} FROM {_scan(source)}"
            result = database.execute(query)
            while batch := result.fetchmany(BATCH):
                for *cells, is_long in batch:
                    number += 1
                    if is_long:
                        sink.add_finding(
                            "error", "record_too_long", f"a cell has more than {MAX_RECORD_BYTES // 2**20} "
                            "MiB; its row was left out", file=source.name, line=number,
                        )  # fmt: skip
                    else:
                        yield Record(number, None, dict(zip(chosen, cells, strict=True)))
    except (duckdb.Error, UnicodeDecodeError, MemoryError, OverflowError, ValueError) as error:
        sink.add_finding(
            "error", "broken_table", f"the file cannot be read beyond row {number:,} "
            f"({type(error).__name__})", file=source.name, next_step="Write it again.",
        )  # fmt: skip


def _settings() -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": MEMORY, "threads": "1", "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }  # fmt: skip


def _scan(source: Source) -> str:
    place = "'" + glob.escape(str(source.path)).replace("'", "''") + "'"
    return f"read_parquet({place}, hive_partitioning = false)"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
