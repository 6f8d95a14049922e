"""The shape of the SQLite database and its steps from version to version.

Invariants: a database has the version of the last step that was carried out, whole or not at all; a database
that is not ours, or was written by a later version of the software, is left as it is and refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from consilience.errors import StoreError, Where

APPLICATION_ID = 0x434E534C  # "CNSL", in the header of the file (SQLite's `application_id`)

_FIRST = """
CREATE TABLE record (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    digest TEXT NOT NULL UNIQUE,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    kind TEXT NOT NULL,
    created_by TEXT NOT NULL,
    marking TEXT NOT NULL,
    modified TEXT NOT NULL,
    withdrawn INTEGER NOT NULL,
    added_at TEXT NOT NULL,
    content BLOB NOT NULL,
    row_digest TEXT NOT NULL,
    UNIQUE (id, version)
);
CREATE INDEX record_by_kind ON record (kind, sequence);
CREATE TRIGGER record_is_never_changed BEFORE UPDATE ON record
    BEGIN SELECT RAISE(ABORT, 'records are immutable'); END;
CREATE TRIGGER record_is_never_removed BEFORE DELETE ON record
    BEGIN SELECT RAISE(ABORT, 'records are immutable'); END;
CREATE TABLE refused (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    refused_at TEXT NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    content BLOB NOT NULL,
    UNIQUE (digest, reason)
)
"""

_LOG = """
CREATE TABLE log_entry (
    position INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    name TEXT NOT NULL,
    predicate_type TEXT NOT NULL,
    added_at TEXT NOT NULL,
    content BLOB NOT NULL CHECK (typeof(content) = 'blob')
);
CREATE INDEX log_entry_by_subject ON log_entry (subject, position);
CREATE INDEX log_entry_by_type ON log_entry (predicate_type, position);
CREATE TRIGGER log_entry_is_never_changed BEFORE UPDATE ON log_entry
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER log_entry_is_never_removed BEFORE DELETE ON log_entry
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TABLE log_tile (
    level INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hashes BLOB NOT NULL CHECK (typeof(hashes) = 'blob'),
    PRIMARY KEY (level, number)
) WITHOUT ROWID;
CREATE TABLE log_head (
    size INTEGER PRIMARY KEY,
    signed_at TEXT NOT NULL,
    note BLOB NOT NULL CHECK (typeof(note) = 'blob')
);
CREATE TRIGGER log_head_is_never_removed BEFORE DELETE ON log_head
    BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END
"""

STEPS: tuple[str, ...] = (_FIRST, _LOG)
"""Step n (from 1) brings a database from version n - 1 to version n. A published step is never changed."""


def migrate(connection: sqlite3.Connection, *, file: str, now: str, steps: Sequence[str] = STEPS) -> int:
    """Bring a database to the version of this software and return that version.

    Args:
        connection: In autocommit mode. Two processes may do this at the same time.
        file: Name of the database file, for messages.
        now: Moment that is written beside the step.
        steps: The steps; others only in tests.

    Raises:
        StoreError: The database is not ours, or is of a later version.
    """
    if _version(connection, file, len(steps)) == len(steps):
        return len(steps)
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _version(connection, file, len(steps))  # another process may have been first
        if found == 0:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(
                "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL)"
            )
        for version in range(found + 1, len(steps) + 1):
            for statement in _statements(steps[version - 1]):
                connection.execute(statement)
            connection.execute("INSERT INTO schema_version VALUES (?, ?)", (version, now))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return len(steps)


def _version(connection: sqlite3.Connection, file: str, newest: int) -> int:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return 0
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID or "schema_version" not in tables:
        raise StoreError(
            "this is an SQLite database of some other software",
            where=Where(file=file),
            next_step="Give the node a folder of its own.",
        )
    (found,) = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    if not isinstance(found, int) or found > newest:
        raise StoreError(
            f"the records are of schema version {found}, and this software knows versions up to {newest}",
            where=Where(file=file),
            next_step="Install the version that wrote them, or a later one. Nothing was changed.",
        )
    return found


def _statements(script: str) -> list[str]:
    """Split a step at the semicolons that end statements (a trigger's body has semicolons of its own)."""
    statements, begun = [], ""
    for part in script.split(";"):
        begun += part + ";"
        if sqlite3.complete_statement(begun):
            statements.append(begun.strip().removesuffix(";"))
            begun = ""
    return [*statements, begun.strip().removesuffix(";")] if begun.strip(" \n;") else statements
