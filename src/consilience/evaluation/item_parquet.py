"""Reading items from Parquet through DuckDB, with bounded memory and no network.

Responsible for one Parquet file. Invariants: at most `BATCH` rows beyond what the caller keeps are in memory,
DuckDB holds at most `MEMORY`; nothing but the named file is opened and no extension is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.errors import InputError, LimitError, Where
from consilience.evaluation.protocol import MAX_ITEM_CHARS, MAX_ITEMS

if TYPE_CHECKING:
    import duckdb

BATCH = 1_000
MEMORY = "1GB"
MAX_FILE_BYTES = 2 * 1024**3
MAX_COLUMNS = 1_000
MAX_TEXT_BYTES = 4 * MAX_ITEM_CHARS
"""A character has at most four bytes in UTF-8."""


def parquet_rows(path: Path, label: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (row number from 1, record) of a Parquet file.

    Raises:
        LimitError: The file, the number of its rows or a text passes its limit.
        InputError: The file is no Parquet file, or its name has a character that means a pattern.
    """
    import duckdb

    where = Where(file=label)
    if any(sign in str(path) for sign in "*?["):
        raise InputError(
            "the name of a Parquet file must not hold `*`, `?` or `[`", where=where, next_step="Rename it."
        )
    if path.stat().st_size > MAX_FILE_BYTES:
        raise LimitError("the file is larger than 2 GiB", where=where)
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY, "threads": "1", "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }  # fmt: skip
    try:
        with duckdb.connect(":memory:", config=settings) as connection:
            _check_size(connection, str(path), where)
            result = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
            names = [column[0] for column in result.description or ()]
            number = 0
            while batch := result.fetchmany(BATCH):
                for cells in batch:
                    number += 1
                    yield number, dict(zip(names, cells, strict=True))
    except duckdb.OutOfMemoryException as error:
        raise LimitError(f"the file needs more than {MEMORY} of memory", where=where) from error
    except duckdb.Error as error:
        raise InputError(
            f"this cannot be read as Parquet: {type(error).__name__}",
            where=where,
            next_step="Write the file again.",
        ) from error


def _check_size(connection: duckdb.DuckDBPyConnection, path: str, where: Where) -> None:
    """Refuse too many rows, and texts that are too long, before any row is in Python's memory."""
    described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [path]).fetchall()
    if len(described) > MAX_COLUMNS:
        raise LimitError(f"there are more than {MAX_COLUMNS:,} columns", where=where)
    texts = ['"' + row[0].replace('"', '""') + '"' for row in described if row[1] == "VARCHAR"]
    longest = ", ".join(["count(*)", *(f"max(strlen({name}))" for name in texts)])
    sizes = connection.execute(f"SELECT {longest} FROM read_parquet(?)", [path]).fetchone() or (0,)  # noqa: S608
    if sizes[0] > MAX_ITEMS:
        raise LimitError(f"there are {sizes[0]:,} items; the limit is {MAX_ITEMS:,}", where=where)
    if any(size is not None and size > MAX_TEXT_BYTES for size in sizes[1:]):
        raise LimitError(f"a text has more than {MAX_ITEM_CHARS:,} characters", where=where)
