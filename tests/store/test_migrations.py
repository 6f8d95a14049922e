from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.records.examples import CLAIM

from consilience.errors import StoreError
from consilience.store.migrations import STEPS, migrate
from consilience.store.sqlite_records import SqliteRecords

NEXT = "ALTER TABLE record ADD COLUMN note TEXT; CREATE INDEX by_note ON record (note);"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "records.sqlite"


@pytest.fixture
def connection(file: Path) -> Iterator[sqlite3.Connection]:
    opened = sqlite3.connect(file, isolation_level=None)
    yield opened
    opened.close()


def _versions(connection: sqlite3.Connection) -> list[tuple[int]]:
    return connection.execute("SELECT version FROM schema_version ORDER BY version").fetchall()


def test_a_new_database_goes_through_every_step(connection: sqlite3.Connection) -> None:
    assert migrate(connection, file="f", now="t") == len(STEPS)
    assert _versions(connection) == [(number,) for number in range(1, len(STEPS) + 1)]
    assert migrate(connection, file="f", now="later") == len(STEPS)
    assert connection.execute("SELECT DISTINCT applied_at FROM schema_version").fetchall() == [("t",)]


def test_an_older_database_is_brought_forward_with_its_records(
    file: Path, connection: sqlite3.Connection
) -> None:
    store = SqliteRecords(file)
    store.put(CLAIM)
    store.close()
    assert migrate(connection, file="f", now="t", steps=(*STEPS, NEXT)) == len(STEPS) + 1
    assert connection.execute("SELECT id, note FROM record").fetchall() == [(CLAIM.id, None)]


def test_a_step_that_fails_leaves_the_version_before(connection: sqlite3.Connection) -> None:
    migrate(connection, file="f", now="t")
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, file="f", now="t", steps=(*STEPS, NEXT + "SELECT nonsense FROM nowhere;"))
    assert _versions(connection) == [(number,) for number in range(1, len(STEPS) + 1)]
    assert "note" not in {row[1] for row in connection.execute("PRAGMA table_info(record)")}


def test_a_later_version_is_refused_and_left_as_it_is(file: Path, connection: sqlite3.Connection) -> None:
    migrate(connection, file="f", now="t", steps=(*STEPS, NEXT))
    before = file.read_bytes()
    with pytest.raises(StoreError, match=f"version {len(STEPS) + 1}, and this software knows") as caught:
        SqliteRecords(file)
    assert "Install" in caught.value.next_step
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE other (a)",
        "CREATE TABLE schema_version (version); INSERT INTO schema_version VALUES (1)",
    ],
)
def test_a_foreign_database_is_refused_and_left_as_it_is(file: Path, script: str) -> None:
    foreign = sqlite3.connect(file)
    foreign.executescript(script)
    foreign.close()
    before = file.read_bytes()
    with pytest.raises(StoreError, match="some other software"):
        SqliteRecords(file)
    assert file.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(file: Path) -> None:
    file.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="not a database"):
        SqliteRecords(file)
    assert file.read_bytes() == b"not a database" * 100
