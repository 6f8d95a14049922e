"""Reading items from Parquet through DuckDB, with bounded memory and no network.

Responsible for one Parquet file. Invariants: at most `BATCH` rows beyond what the caller keeps are in memory,
DuckDB holds at most `MEMORY`; nothing but the named file is opened and no extension is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.errors import InputError, LimitError, Where
from consilience.evaluation.faults import without_control
from consilience.evaluation.protocol import MAX_ITEM_CHARS, MAX_ITEMS

if TYPE_CHECKING:
    import duckdb

BATCH = 64
MEMORY = "1GB"
MAX_FILE_BYTES = 2 * 1024**3
MAX_COLUMNS = 1_000
MAX_TEXT_BYTES = 4 * MAX_ITEM_CHARS
"""A character has at most four bytes in UTF-8."""
MAX_LIST_BYTES = 2 * 1024**2
"""Of all texts in one list."""
MAX_MEMBERS = 1_000
"""Of a list."""
MAX_ALL_BYTES = 1024**3
"""Of all texts of a file together, unpacked: a file of some kilobytes can hold gigabytes."""
NUMBERS = frozenset(
    {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
     "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE"}
)  # fmt: skip
SCAN = "read_parquet(?, hive_partitioning = false)"


def parquet_rows(path: Path, label: str, known: Set[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (row number from 1, record) of a Parquet file.

    Args:
        path: The file.
        label: Its name in messages.
        known: The columns that are read; the others are in the records without their values.

    Raises:
        LimitError: The file, the number of its rows, a text, a list or all texts together pass a limit.
        InputError: The file is no Parquet file, a column holds neither texts nor numbers nor lists of them,
            or its name has a character that means a pattern.
    """
    import duckdb

    where = Where(file=label)
    if any(sign in str(path) for sign in "*?["):
        raise InputError(
            "the name of a Parquet file must not hold `*`, `?` or `[`", where=where, next_step="Rename it."
        )
    if path.stat().st_size > MAX_FILE_BYTES:
        raise LimitError("the file is larger than 2 GiB", where=where, next_step="Split it.")
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY, "threads": "1", "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }  # fmt: skip
    try:
        with duckdb.connect(":memory:", config=settings) as connection:
            chosen = _checked_columns(connection, str(path), known, where)
            result = connection.execute(f"SELECT {', '.join(chosen)} FROM {SCAN}", [str(path)])  # noqa: S608
            names = [column[0] for column in result.description or ()]
            number = 0
            while batch := result.fetchmany(BATCH):
                for cells in batch:
                    number += 1
                    yield number, dict(zip(names, cells, strict=True))
    except duckdb.OutOfMemoryException as error:
        raise LimitError(
            f"the file needs more than {MEMORY} of memory",
            where=where,
            next_step="Write it with smaller row groups, or split it.",
        ) from error
    except duckdb.Error as error:
        raise InputError(
            f"this cannot be read as Parquet: {type(error).__name__}",
            where=where,
            next_step="Write the file again.",
        ) from error


def _checked_columns(
    connection: duckdb.DuckDBPyConnection, path: str, known: Set[str], where: Where
) -> list[str]:
    """Return SQL of the columns; refuse what is too much before any row is in Python's memory."""
    described = connection.execute(f"DESCRIBE SELECT * FROM {SCAN}", [path]).fetchall()  # noqa: S608
    if len(described) > MAX_COLUMNS:
        raise LimitError(
            f"there are more than {MAX_COLUMNS:,} columns",
            where=where,
            next_step="Keep the columns of items.",
        )
    chosen, sizes = [], ["0", "0"]
    for name, type_ in (row[:2] for row in described):
        column = '"' + name.replace('"', '""') + '"'
        chosen.append(column if name in known else f"NULL AS {column}")
        if name in known:
            sizes += _sizes(column, type_, name, where)
    query = f"SELECT count(*), {', '.join(sizes)} FROM {SCAN}"  # noqa: S608
    items, *found = connection.execute(query, [path]).fetchone() or (0,)
    if items > MAX_ITEMS:
        raise LimitError(
            f"there are {items:,} items; the limit is {MAX_ITEMS:,}",
            where=where,
            next_step="Take fewer items.",
        )
    if any(over is not None and over > 0 for over in found[0::2]):
        raise LimitError(
            f"a text has more than {MAX_ITEM_CHARS:,} characters, or a list has more than "
            f"{MAX_MEMBERS:,} members",
            where=where,
        )
    if sum(size or 0 for size in found[1::2]) > MAX_ALL_BYTES:
        raise LimitError(f"the texts together have more than {MAX_ALL_BYTES // 2**20:,} MiB", where=where)
    return chosen


def _sizes(column: str, type_: str, name: str, where: Where) -> list[str]:
    """Return SQL of by how much the largest value of a column passes its limit, and of all bytes in it.

    Raises:
        InputError: The column holds neither texts nor numbers nor lists of these.
    """
    if type_ == "VARCHAR":
        return [f"max(strlen({column})) - {MAX_TEXT_BYTES}", f"sum(strlen({column}))"]
    if type_ in NUMBERS:
        return []
    if type_.endswith("[]") and type_.removesuffix("[]") in NUMBERS | {"VARCHAR"}:
        texts = f"strlen(array_to_string({column}::VARCHAR[], ''))"
        most = f"greatest(max(len({column})) - {MAX_MEMBERS}, max({texts}) - {MAX_LIST_BYTES})"
        return [most, f"sum({texts})"]
    raise InputError(
        f"the column `{without_control(name[:60])}` holds neither texts nor numbers nor lists of these",
        where=where,
        next_step="Write the column again.",
    )
