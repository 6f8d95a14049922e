"""Tables as files: CSV for people, JSON and Parquet for programs, and a README that says what each column
means.

Writes files; the bytes of CSV, JSON and README are made by pure functions and depend on the tables only.
Invariants: a text cell of a CSV that a spreadsheet would take for a formula begins with an apostrophe (OWASP,
"CSV Injection"); numbers are never touched; there is no NaN; every file appears whole or not at all.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from consilience.errors import StoreError, Where
from consilience.reporting.tables import Table, Value

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
DUCKDB_TYPES = {"text": "VARCHAR", "number": "DOUBLE", "integer": "BIGINT", "boolean": "BOOLEAN"}
FORMATS = ("csv", "json", "parquet")


def safe_cell(value: Value) -> str:
    """Return a value as a CSV cell that no spreadsheet runs as a formula.

    Args:
        value: None becomes an empty cell; booleans `true` and `false`; numbers their shortest exact form.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = value.replace("\x00", "\ufffd")
    return "'" + text if text.lstrip(" \u00a0").startswith(FORMULA_STARTS) or text.startswith("'") else text


def csv_bytes(table: Table) -> bytes:
    """Return a table as CSV (RFC 4180), UTF-8, with a head line."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerows([safe_cell(value) for value in row] for row in table.rows)
    return buffer.getvalue().encode("utf-8", "replace")


def row_objects(table: Table) -> list[dict[str, Any]]:
    """Return the rows as objects; a missing value is null."""
    keys = [column.name for column in table.columns]
    return [dict(zip(keys, row, strict=True)) for row in table.rows]


def json_bytes(table: Table) -> bytes:
    """Return a table as one JSON document: name, description, columns, rows."""
    document = {
        "table": table.name,
        "description": table.description,
        "columns": [{"name": c.name, "type": c.type, "description": c.description} for c in table.columns],
        "rows": row_objects(table),
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1).encode("utf-8", "replace")


def readme_bytes(tables: Sequence[Table], *, title: str, digest: str) -> bytes:
    """Return the README of a data folder, in Markdown.

    Args:
        tables: The tables in the folder.
        title: Title of the exercise.
        digest: Digest of the joint result.
    """
    lines = [
        f"# Data of the joint report: {_markdown(title)}",
        "",
        f"Result: `{_markdown(digest)}`. `result.json` is the whole result; its schema is `JointResult`.",
        "Each table is there as CSV, JSON and Parquet with the same columns. Scores are in units of the "
        "scale; on a",
        "binary scale 0.57 is 57 %. An empty cell (null) is a number that is not known; the column that "
        "ends in `reason`",
        "says why. In the CSV files, texts that a spreadsheet could take for a formula begin with an "
        "apostrophe.",
        "",
    ]
    for table in tables:
        lines += [f"## {table.name}", "", f"{table.description} Rows: {len(table.rows)}.", ""]
        lines += ["| column | type | meaning |", "|---|---|---|"]
        lines += [f"| `{column.name}` | {column.type} | {column.description} |" for column in table.columns]
        lines.append("")
    return "\n".join(lines).encode("utf-8", "replace")


def _markdown(text: str) -> str:
    return "".join(f"\\{character}" if character in "\\`*_[]<>#|" else character for character in text)


def write_tables(
    tables: Sequence[Table], folder: Path, *, title: str, digest: str, result: bytes
) -> list[Path]:
    """Write all tables, the result and the README into a folder, which is made if need be.

    Args:
        tables: What to write.
        folder: Where to.
        title: Title of the exercise.
        digest: Digest of the joint result.
        result: The joint result as JSON.

    Returns:
        The files, in the order of writing.

    Raises:
        StoreError: The folder cannot be written.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table in tables:
            written.append(write_whole(folder / f"{table.name}.csv", csv_bytes(table)))
            written.append(write_whole(folder / f"{table.name}.json", json_bytes(table)))
        written += _write_parquet(tables, folder)
        written.append(write_whole(folder / "result.json", result))
        written.append(write_whole(folder / "README.md", readme_bytes(tables, title=title, digest=digest)))
    except (OSError, duckdb.IOException) as error:
        raise StoreError(
            f"the data folder cannot be written: {getattr(error, 'strerror', None) or type(error).__name__}",
            where=Where(file=str(folder)),
            next_step="Choose another folder with --data-folder, or make room.",
        ) from error
    return written


def write_whole(path: Path, content: bytes) -> Path:
    """Write a file so that it is there whole or not at all; returns its path.

    Who may read it is decided by the umask of the process: a report can be confidential.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def _write_parquet(tables: Sequence[Table], folder: Path) -> list[Path]:
    """Write Parquet by way of JSON lines, which DuckDB reads with the types of the columns."""
    written = []
    with tempfile.TemporaryDirectory() as room, duckdb.connect() as connection:
        source, target = Path(room) / "rows.jsonl", Path(room) / "table.parquet"
        for table in tables:
            columns = {column.name: DUCKDB_TYPES[column.type] for column in table.columns}
            lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in row_objects(table))
            source.write_bytes("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))
            declared = ", ".join(f'"{name}" {type_}' for name, type_ in columns.items())
            connection.execute(f"CREATE OR REPLACE TABLE t ({declared})")
            if table.rows:
                connection.execute(
                    "INSERT INTO t SELECT * FROM read_json(?, format='newline_delimited', columns=?, "
                    "maximum_object_size=?)",
                    [str(source), columns, 64 * 1024 * 1024],
                )
            connection.execute("COPY t TO ? (FORMAT parquet)", [str(target)])
            written.append(write_whole(folder / f"{table.name}.parquet", target.read_bytes()))
    return written
