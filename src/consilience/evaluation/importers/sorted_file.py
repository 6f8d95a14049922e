"""Tables of the scratch database as sorted Parquet files, in memory that does not grow with them.

The engine's own sort needs more than its limit where it sorts into a file, or where rows are wide. So a large
table is sorted into another table first; and where texts of any length belong to the rows, only the rows are
sorted, and the texts are added slice by slice. Invariant: a file depends on the rows alone, not on their
order.
"""

# ruff: noqa: S608 - every name in a query is a constant of ours or a quoted path

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from consilience.evaluation.importers.prompt_file import PromptFile

if TYPE_CHECKING:
    import duckdb

DIRECT_ROWS = 20_000
"""Rows of a table that is sorted into the file at once."""
ROW_GROUP = 20_480
"""Rows of a row group."""
SLICE_BYTES = 12 * 2**20
"""Of the rows of one slice, with their texts."""
ROW_BYTES = 400
"""That a row counts beside its text."""
GROUP_BYTES = 4 * 2**20
"""Of the texts of a row group, about."""
LEAST_ROWS = 32
"""Rows that a row group has at least."""


def write_sorted(
    database: duckdb.DuckDBPyConnection,
    table: str,
    columns: Sequence[str],
    order: Sequence[str],
    target: Path,
) -> None:
    """Write a table or view of short values.

    Args:
        database: The scratch database.
        table: Its name.
        columns: Of the file, by their names in the table.
        order: Columns by which rows are sorted.
        target: The file.
    """
    query = f"SELECT {', '.join(columns)} FROM {table} ORDER BY {', '.join(order)}"
    if _count(database, table) > DIRECT_ROWS:
        database.execute(f"CREATE OR REPLACE TABLE in_order AS {query}")
        query = "SELECT * FROM in_order"
    _copy(database, query, target, ROW_GROUP)
    database.execute("DROP TABLE IF EXISTS in_order")


def write_with_texts(
    database: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], prompts: PromptFile, target: Path
) -> None:
    """Write a table with the prompts that belong to its rows.

    Args:
        database: The scratch database.
        table: Its name; beside `columns` it has `place` and `size` of the prompt, NULL where there is none.
        columns: Of the file, by their names in the table, and the order of the rows; `prompt` comes behind.
        prompts: The texts.
        target: The file.
    """
    names = ", ".join(columns)
    database.execute(
        f"CREATE OR REPLACE TABLE in_order AS SELECT {names}, place, size FROM {table} ORDER BY {names}"
    )
    database.execute(
        "CREATE OR REPLACE TABLE sliced AS SELECT *, rowid AS rank, floor((sum(coalesce(size, 0) + "
        f"{ROW_BYTES}) OVER (ORDER BY rowid ROWS UNBOUNDED PRECEDING) - 1) / {SLICE_BYTES})::BIGINT AS part "
        "FROM in_order"
    )
    mean = database.execute("SELECT coalesce(avg(size), 0) FROM sliced").fetchone() or (0.0,)
    group = min(ROW_GROUP, max(LEAST_ROWS, int(GROUP_BYTES / max(float(mean[0]), 1.0))))
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".sorting-") as folder:
        numbers = database.execute("SELECT DISTINCT part FROM sliced ORDER BY part").fetchall() or [(0,)]
        parts = [Path(folder) / f"{part}.parquet" for (part,) in numbers]
        for (part,), file in zip(numbers, parts, strict=True):
            _write_slice(database, names, int(part), prompts, (file, group))
        if len(parts) == 1:
            parts[0].rename(target)
        else:
            files = ", ".join(map(_quoted, parts))
            _copy(database, f"SELECT * FROM read_parquet([{files}])", target, group)
    for used in ("in_order", "sliced"):
        database.execute(f"DROP TABLE {used}")


def _write_slice(
    database: duckdb.DuckDBPyConnection, names: str, part: int, prompts: PromptFile, to: tuple[Path, int]
) -> None:
    import numpy as np

    found = database.execute(f"SELECT rank, place, size FROM sliced WHERE part = {part}").fetchall()
    texts = [None if place is None else prompts.read(place, size) for _, place, size in found]
    columns = {
        "rank": np.array([rank for rank, _, _ in found], dtype=np.int64),
        "prompt": np.array(texts, dtype=object) if found else np.array([], dtype=str),
    }
    database.register("texts", columns)
    query = (
        f"SELECT {names}, prompt::VARCHAR AS prompt FROM (SELECT * FROM sliced WHERE part = {part}) "
        "JOIN texts USING (rank) ORDER BY rank"
    )
    _copy(database, query, *to)
    database.unregister("texts")


def _count(database: duckdb.DuckDBPyConnection, table: str) -> int:
    found = database.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(found[0]) if found is not None else 0


def _copy(database: duckdb.DuckDBPyConnection, query: str, target: Path, group: int) -> None:
    database.execute(
        f"COPY ({query}) TO {_quoted(target)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {group})"
    )


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
