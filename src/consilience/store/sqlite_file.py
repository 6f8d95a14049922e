"""One SQLite file of the node: opened, brought to this version, written in transactions.

Write-ahead log with `synchronous=FULL`: a transaction that has ended is on the disk. Several processes may
read and write at the same time; a writer waits for its turn up to `busy_timeout_s`. The folder must be on a
local disk, as the log needs shared memory (sqlite.org/wal.html, section 2.2).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from consilience.errors import StoreError, Where
from consilience.records.fields import moment
from consilience.store.migrations import migrate


def _utc_now() -> datetime:
    return datetime.now(UTC)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time prepare a database: SQLite does not wait when the journal mode changes."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class SqliteFile:
    """One open file. One object may be used by several threads, not by a forked child."""

    def __init__(
        self, file: Path, *, busy_timeout_s: float = 30.0, clock: Callable[[], datetime] = _utc_now
    ) -> None:
        """Open the file, or make it, and bring it to this version.

        Raises:
            StoreError: The file cannot be opened, is not ours, or was written by a later version.
        """
        self._file = file
        self._clock = clock
        self._lock = threading.RLock()
        with self._errors():
            self._connection = sqlite3.connect(
                file, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False
            )
        try:
            with self._errors(), _alone(file.parent):
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA trusted_schema = OFF")
        self.schema_version = migrate(self._connection, file=str(self._file), now=moment(self._clock()))
        (mode,) = self._connection.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal":
            (mode,) = self._connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreError(
                "the disk does not allow a write-ahead log",
                where=Where(file=str(self._file)),
                next_step="Put the node's folder on a local disk.",
            )

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(
                f"the database answered: {error}",
                where=Where(file=str(self._file)),
                next_step="Check that the folder can be written, that the disk has room, and that no other "
                "process holds the file for long.",
            ) from error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self._lock, self._errors():
            return self._connection.execute(query, parameters).fetchall()

    def close(self) -> None:
        """Let go of the database."""
        with self._lock, self._errors():
            self._connection.close()
