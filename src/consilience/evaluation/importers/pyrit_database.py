"""A SQLite database that somebody else wrote, opened for reading with what its write-ahead log holds.

Invariants: the original is never written to, nor is anything beside it; no schema code is trusted, and only
real tables are read; a database with a write-ahead log beside it is read from a copy of both (SQLite file
format 1.6 and 4: rows in the log go before those in the file), and where that cannot be, it is said.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source

MAGIC = b"SQLite format 3\x00"
MAX_VALUE_BYTES = 4 * 2**20
"""Of one value of the database."""
MAX_ROWS = 5_000_000
"""Of one table."""
MAX_COPIED_BYTES = 8 * 2**30
"""Of a database and its write-ahead log together, which are read from a copy."""
MAX_TABLES = 10_000
"""Of a schema that are looked at."""
LOG, JOURNAL = "-wal", "-journal"
LIES_BESIDE = "a write-ahead log lies beside the database"
CHECKPOINT = (
    "Close the program that writes it, then run `sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)'`, and import "
    "again."
)
WAL_MODE = 2
"""What bytes 18 and 19 of the file say where it is written with a write-ahead log."""


class Database:
    """The tables of an open database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Look at the schema."""
        self._connection = connection
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
        self.tables = {
            str(name)
            for name, sql in found.fetchmany(MAX_TABLES)
            if isinstance(sql, str) and not sql.lstrip().upper().startswith("CREATE VIRTUAL")
        }
        """Names of the real tables: no view stands for one."""

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield rows of a table by its times, with None for columns that it does not have.

        Args:
            table: A name of ours.
            columns: Names of ours.
        """
        if table not in self.tables:
            return
        have = {str(row[1]) for row in self._connection.execute(f'PRAGMA table_info("{table}")')}
        wanted = [column for column in columns if column in have]
        if not wanted:
            return
        names = ", ".join(f'"{column}"' for column in wanted)
        order = ' ORDER BY "timestamp", rowid' if "timestamp" in have else " ORDER BY rowid"
        query = f'SELECT {names} FROM "{table}"{order} LIMIT {MAX_ROWS}'  # noqa: S608 - names of ours
        for row in self._connection.execute(query):
            yield dict.fromkeys(columns) | dict(zip(wanted, row, strict=True))


@contextlib.contextmanager
def opened(source: Source, sink: Sink | None = None) -> Iterator[Database]:
    """Open a database.

    Args:
        source: Its file.
        sink: Hears of a log beside it that was read (`wal`), cannot be (`wal_too_large`, `wal_unread`) or
            may have been there (`wal_in_archive`), and of a `rollback_journal`; None: nothing is told.
    """
    log = _beside(source, LOG)
    if sink is not None:
        _say_journal(source, sink)
    if log is None:
        with _connected(source.path, "mode=ro&immutable=1") as connection:
            yield Database(connection)
        return
    if source.size + log.stat().st_size > MAX_COPIED_BYTES:
        text = f"both have more than {MAX_COPIED_BYTES // 2**30} GiB: its rows were not read"
        _say(sink, source, "error", "wal_too_large", f"{LIES_BESIDE}, and {text}", CHECKPOINT)
        with _connected(source.path, "mode=ro&immutable=1") as connection:
            yield Database(connection)
        return
    with tempfile.TemporaryDirectory(prefix="consilience-import-") as folder:
        copy = Path(folder) / "copy.db"
        shutil.copyfile(source.path, copy)
        shutil.copyfile(log, copy.with_name(copy.name + LOG))
        with _connected(copy, "mode=rw") as connection:
            connection.execute("PRAGMA query_only = ON")
            _say_log(connection, source, sink)
            yield Database(connection)


@contextlib.contextmanager
def _connected(path: Path, how: str) -> Iterator[sqlite3.Connection]:
    address = f"{path.resolve().as_uri()}?{how}"
    connection = sqlite3.connect(address, uri=True, isolation_level=None)
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        yield connection
    finally:
        connection.close()


def _beside(source: Source, ending: str) -> Path | None:
    """Return a file beside the database that is not empty and no link; None: there is none, or it cannot be
    told, since entries of archives lie elsewhere under other names."""
    path = source.path.with_name(source.path.name + ending)
    sound = "!/" not in source.name and path.is_file() and not path.is_symlink()
    return path if sound and path.stat().st_size else None


def _say_log(connection: sqlite3.Connection, source: Source, sink: Sink | None) -> None:
    _, frames, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if frames > 0:
        text = "its rows were read too, from a copy"
        _say(sink, source, "note", "wal", f"{LIES_BESIDE}; {text}", None)
    else:
        text = "nothing in it could be read; unless it is merely left over, the newest rows are missing"
        _say(sink, source, "error", "wal_unread", f"{LIES_BESIDE}, and {text}", CHECKPOINT)


def _say_journal(source: Source, sink: Sink) -> None:
    if _beside(source, JOURNAL) is not None:
        text = "a rollback journal lies beside the database: it was being changed, and may hold half of it"
        step = "Open and close it once with the program that wrote it, and import again."
        _say(sink, source, "error", "rollback_journal", text, step)
    if "!/" in source.name:
        with source.open() as stream:
            written_with_log = stream.read(20)[18:] == bytes((WAL_MODE, WAL_MODE))
        if written_with_log:
            text = "this database is written with a write-ahead log; in an archive one beside it is not read"
            step = "If there is a file of its name with -wal, unpack the archive, and import the folder."
            _say(sink, source, "warning", "wal_in_archive", text, step)


def _say(sink: Sink | None, source: Source, severity: Any, code: str, text: str, step: str | None) -> None:
    if sink is not None:
        sink.add_finding(severity, code, text, file=source.name, next_step=step)
