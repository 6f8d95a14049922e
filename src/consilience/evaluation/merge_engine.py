"""The columnar engine of an analysis: one DuckDB in memory with limits, and files under names of our own.

Responsible for opening the engine and for saying its failures in our words. Invariants: no extension is
ever fetched or loaded, nothing but the named files and the scratch folder can be read, and a failure never
repeats the content of a row (it may be a harmful text in the wrong column).
"""

# ruff: noqa: S608 - every name in a query is a constant of ours or went through `quoted`

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from consilience.errors import InputError, LimitError

MEMORY_LIMIT = "640MB"
THREADS = 2
Row = tuple[Any, ...]


def quoted(text: str) -> str:
    """Return a text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


class Engine:
    """A DuckDB connection with what the analysis asks of it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, scratch: Path) -> None:
        self._connection = connection
        self.scratch = scratch

    def run(self, query: str, parameters: list[Any] | None = None) -> None:
        """Run a statement."""
        with _in_our_words():
            self._connection.execute(query, parameters)

    def rows(self, query: str, parameters: list[Any] | None = None) -> list[Row]:
        """Return all rows of a small result."""
        with _in_our_words():
            return self._connection.execute(query, parameters).fetchall()

    def batches(self, query: str, size: int) -> Iterator[Row]:
        """Yield the rows of a large result, so many held at once; nothing else is asked meanwhile."""
        with _in_our_words():
            found = self._connection.execute(query)
            while batch := found.fetchmany(size):
                yield from batch

    def one(self, query: str, parameters: list[Any] | None = None) -> Any:
        """Return the first value of the first row, or None."""
        rows = self.rows(query, parameters)
        return rows[0][0] if rows else None

    def arrays(self, query: str) -> dict[str, NDArray[Any]]:
        """Return a result as one array per column; a missing number is NaN, of other types there must be
        none."""
        with _in_our_words():
            columns = self._connection.execute(query).fetchnumpy()
        return {name: _plain(values) for name, values in columns.items()}

    def register(self, name: str, columns: dict[str, NDArray[Any]]) -> None:
        """Make arrays readable as a table."""
        self._connection.register(name, columns)

    def save(self, table: str) -> bytes:
        """Return a table as the bytes of a Parquet file."""
        target = self.path(f"saved-{table}.parquet")
        self.run(f"COPY {table} TO {quoted(str(target))} (FORMAT parquet, COMPRESSION zstd)")
        content = target.read_bytes()
        target.unlink()
        return content

    def load(self, table: str, saved: Sequence[bytes]) -> None:
        """Make a table of what `save` returned, once or several times."""
        targets = [self.path(f"loaded-{table}-{number}.parquet") for number in range(len(saved))]
        for target, content in zip(targets, saved, strict=True):
            target.write_bytes(content)
        paths = ", ".join(quoted(str(target)) for target in targets)
        self.run(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM read_parquet([{paths}])")
        for target in targets:
            target.unlink()

    def path(self, name: str) -> Path:
        """Return a file name in the scratch folder."""
        return self.scratch / name


def _plain(values: Any) -> NDArray[Any]:
    if isinstance(values, np.ma.MaskedArray):
        if values.mask is np.ma.nomask or not np.any(values.mask):
            return np.asarray(values.data)
        return np.where(np.ma.getmaskarray(values), np.nan, np.asarray(values.data, dtype=np.float64))
    return np.asarray(values)


@contextmanager
def open_engine(
    scratch: Path, files: list[Path], *, memory_limit: str = MEMORY_LIMIT, threads: int = THREADS
) -> Iterator[Engine]:
    """Open the engine.

    Args:
        scratch: An empty folder for what does not fit in memory.
        files: The only other files that may be read.
        memory_limit: As DuckDB writes it.
        threads: Of the engine.
    """
    scratch = scratch.resolve()
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "memory_limit": memory_limit,
        "threads": str(threads),
        "temp_directory": str(scratch / "spill"),
        "preserve_insertion_order": "false",
    }
    with duckdb.connect(":memory:", config=config) as connection:
        paths = ", ".join(quoted(str(path)) for path in files)
        connection.execute(f"SET allowed_directories = [{quoted(str(scratch) + '/')}]")
        if paths:
            connection.execute(f"SET allowed_paths = [{paths}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET lock_configuration = true")
        yield Engine(connection, scratch)


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise LimitError(
            "the tables do not fit into the memory allowed for the analysis",
            next_step="Free disk space for temporary files, or analyse fewer files at once.",
        ) from error
    except (duckdb.IOException, duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise EngineInputError("the file cannot be read", next_step="Write the file again.") from error
    except duckdb.Error as error:
        if type(error) is not duckdb.Error:
            raise
        # what the readers of files throw has no type of its own
        raise EngineInputError("the file cannot be read", next_step="Write the file again.") from error


class EngineInputError(InputError):
    """DuckDB cannot read a file; `merge_reading` finds the line and says it in words."""
