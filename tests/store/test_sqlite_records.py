from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.records.examples import CLAIM, DIGEST, EXAMPLES, NOW, ORIGIN, SUBJECT

from consilience.errors import IncompatibleError, NotFoundError, StoreError, VerificationError
from consilience.records import Marking, digest, parse, record_bytes, record_digest, revise, withdraw
from consilience.store import RecordStore, SqliteRecords
from consilience.store.records import MAX_REFUSED_BYTES, MAX_WORDS
from consilience.store.sqlite_records import PAGE

SECOND = revise(CLAIM, now=NOW + timedelta(hours=1), statement="Again.")
LAST = withdraw(SECOND, now=NOW + timedelta(hours=2), reason="Wrong model.")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "records.sqlite"


@pytest.fixture
def store(file: Path) -> Iterator[SqliteRecords]:
    opened = SqliteRecords(file, clock=lambda: NOW)
    yield opened
    opened.close()


def test_it_is_a_record_store(store: SqliteRecords) -> None:
    interface: RecordStore = store
    assert interface.count() == 0


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_record_comes_back_with_its_bytes(store: SqliteRecords, kind: str) -> None:
    record = EXAMPLES[kind]
    receipt = store.put(record)
    entry = store.get(record.id)
    assert entry.record == record
    assert entry.content == record_bytes(record)
    assert (receipt.digest, receipt.added) == (record_digest(record), True)
    assert (entry.id, entry.version, entry.kind) == (record.id, 1, kind)
    assert (entry.marking, entry.withdrawn, entry.added_at) == (record.marking, False, "2026-07-01T12:00:00Z")
    assert store.find(receipt.digest) == entry == store.latest(record.id)
    assert isinstance(entry.marking, Marking)


def test_exact_bytes_are_kept(store: SqliteRecords) -> None:
    content = json.dumps(json.loads(record_bytes(CLAIM)) | {"x_new": 1.0}, indent=3).encode()
    store.put(parse(content))
    assert store.get(CLAIM.id).content == content


def test_putting_again_changes_nothing(store: SqliteRecords) -> None:
    first = store.put(CLAIM)
    again = store.put(parse(json.dumps(json.loads(record_bytes(CLAIM)), indent=1).encode()))
    assert again == msgspec.structs.replace(first, added=False)
    assert store.get(CLAIM.id).content == record_bytes(CLAIM)
    assert store.count() == len(store.versions(CLAIM.id)) == 1


def test_versions(store: SqliteRecords) -> None:
    receipts = store.put_all([CLAIM, SUBJECT, SECOND, LAST])
    assert [receipt.sequence for receipt in receipts] == sorted({receipt.sequence for receipt in receipts})
    assert [entry.version for entry in store.versions(CLAIM.id)] == [1, 2, 3]
    assert store.get(CLAIM.id).record == LAST
    assert store.get(CLAIM.id).withdrawn
    assert store.get(CLAIM.id, 2).record == SECOND
    assert (store.count(), store.count("claim"), store.count("party")) == (2, 1, 0)


def test_a_version_has_one_content(store: SqliteRecords) -> None:
    store.put(CLAIM)
    other = msgspec.structs.replace(CLAIM, statement="Something else.")
    with pytest.raises(IncompatibleError, match="other content"):
        store.put(other)
    assert store.get(CLAIM.id).record == CLAIM


@pytest.mark.parametrize("order", [(CLAIM, SECOND), (SECOND, CLAIM)], ids=["first first", "second first"])
def test_a_forged_version_is_refused_whichever_comes_first(
    store: SqliteRecords, order: tuple[object, ...]
) -> None:
    forged = msgspec.structs.replace(SECOND, previous=DIGEST)
    first, second = (forged if each is SECOND else each for each in order)
    store.put(first)  # type: ignore[arg-type]
    with pytest.raises(IncompatibleError, match="another digest"):
        store.put(second)  # type: ignore[arg-type]


def test_versions_may_arrive_late(store: SqliteRecords) -> None:
    store.put_all([LAST, CLAIM])
    assert store.get(CLAIM.id).version == 3
    store.put(SECOND)
    assert [entry.version for entry in store.versions(CLAIM.id)] == [1, 2, 3]


def test_all_or_none(store: SqliteRecords) -> None:
    with pytest.raises(IncompatibleError):
        store.put_all([SUBJECT, CLAIM, msgspec.structs.replace(CLAIM, statement="x")])
    assert store.count() == 0
    assert store.put_all([]) == []


def test_what_is_not_here(store: SqliteRecords) -> None:
    store.put(CLAIM)
    assert store.latest(SUBJECT.id) is None
    assert store.find(DIGEST) is None
    assert store.versions("nonsense") == []
    with pytest.raises(NotFoundError, match="is not here"):
        store.get(SUBJECT.id)
    with pytest.raises(NotFoundError, match="version 2"):
        store.get(CLAIM.id, 2)


def test_iterate(store: SqliteRecords) -> None:
    store.put_all([CLAIM, SUBJECT, SECOND])
    assert [entry.record for entry in store.iterate()] == [CLAIM, SUBJECT, SECOND]
    assert [entry.record for entry in store.iterate(latest_only=True)] == [SUBJECT, SECOND]
    assert [entry.record for entry in store.iterate("claim")] == [CLAIM, SECOND]
    first = next(store.iterate())
    assert [entry.record for entry in store.iterate(after=first.sequence)] == [SUBJECT, SECOND]
    assert list(store.iterate("party")) == []


def test_iterate_over_pages_while_others_write(store: SqliteRecords) -> None:
    from consilience.records import new_subject

    subjects = [new_subject(ORIGIN, f"Model {number}") for number in range(PAGE + 2)]
    store.put_all(subjects[:-1])
    entries = store.iterate()
    seen = [next(entries)]
    store.put(subjects[-1])
    seen += entries
    assert [entry.record for entry in seen] == subjects
    assert [entry.sequence for entry in seen] == sorted({entry.sequence for entry in seen})


def test_records_cannot_be_changed_or_removed_even_by_hand(store: SqliteRecords, file: Path) -> None:
    store.put(CLAIM)
    with sqlite3.connect(file) as connection:
        for statement in ("UPDATE record SET marking = 'TLP:CLEAR'", "DELETE FROM record"):
            with pytest.raises(sqlite3.IntegrityError, match="immutable"):
                connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "change",
    [
        "content = CAST(replace(CAST(content AS TEXT), '0.8', '0.9') AS BLOB)",
        "content = CAST(content AS TEXT)",
        "content = 7",
        "marking = 'TLP:CLEAR'",
        "marking = 'TLP:PINK'",
        "withdrawn = 1",
    ],
)
def test_damage_is_found_and_others_can_be_read(store: SqliteRecords, file: Path, change: str) -> None:
    store.put_all([CLAIM, SUBJECT])
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TRIGGER record_is_never_changed")
        connection.execute(f"UPDATE record SET {change} WHERE kind = 'claim'")
    connection.close()
    with pytest.raises(VerificationError, match="damaged"):
        store.get(CLAIM.id)
    assert store.get(SUBJECT.id).record == SUBJECT


def test_quarantine_keeps_content_and_reason(store: SqliteRecords) -> None:
    first = store.refuse(b"\xff{", reason="not UTF-8", source="peer")
    assert store.refuse(b"\xff{", reason="not UTF-8", source="other peer") == first
    second = store.refuse(b"\xff{", reason="another reason", source="peer")
    found = list(store.refused())
    assert [each.sequence for each in found] == [first, second]
    assert (found[0].content, found[0].reason, found[0].source) == (b"\xff{", "not UTF-8", "peer")
    assert (found[0].digest, found[0].size) == (digest(b"\xff{"), 2)
    assert [each.sequence for each in store.refused(after=first)] == [second]


def test_quarantine_keeps_the_beginning_of_what_is_too_large(store: SqliteRecords) -> None:
    content = b"x" * (MAX_REFUSED_BYTES + 1)
    store.refuse(content, reason="r" * (MAX_WORDS + 1), source="s" * (MAX_WORDS + 1))
    store.refuse(content, reason="r" * (MAX_WORDS + 1), source="s")
    (found,) = store.refused()
    assert (len(found.content), found.size, found.digest) == (
        MAX_REFUSED_BYTES,
        len(content),
        digest(content),
    )
    assert (len(found.reason), len(found.source)) == (MAX_WORDS, MAX_WORDS)


def test_quarantine_in_pages(store: SqliteRecords) -> None:
    for number in range(PAGE + 1):
        store.refuse(str(number).encode(), reason="r", source="s")
    assert [each.content for each in store.refused()] == [str(number).encode() for number in range(PAGE + 1)]


def test_it_survives_closing_and_opening(file: Path) -> None:
    for record in (CLAIM, SECOND):
        store = SqliteRecords(file, clock=lambda: NOW)
        store.put(record)
        store.close()
    store = SqliteRecords(file)
    assert store.get(CLAIM.id).record == SECOND
    store.close()


def test_every_acknowledged_write_is_brought_to_the_disk(store: SqliteRecords) -> None:
    assert store._rows("PRAGMA synchronous") == [(2,)]  # FULL
    assert store._rows("PRAGMA journal_mode") == [("wal",)]


def test_a_closed_or_missing_store_says_so(store: SqliteRecords, tmp_path: Path) -> None:
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.count()
    with pytest.raises(StoreError, match="unable to open") as caught:
        SqliteRecords(tmp_path / "nowhere" / "records.sqlite")
    assert "folder" in caught.value.next_step


def test_a_busy_store_gives_a_clear_error(store: SqliteRecords, file: Path) -> None:
    impatient = SqliteRecords(file, busy_timeout_s=0)
    with store._transaction(), pytest.raises(StoreError, match="locked"):
        impatient.put(CLAIM)
    impatient.put(CLAIM)
    impatient.close()


def test_threads_share_a_store(store: SqliteRecords) -> None:
    from consilience.records import new_subject

    records = [[new_subject(ORIGIN, f"{thread} {number}") for number in range(20)] for thread in range(4)]
    threads = [threading.Thread(target=lambda own=own: [store.put(each) for each in own]) for own in records]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {entry.id for entry in store.iterate()} == {each.id for own in records for each in own}


WRITER = """
import sys
from pathlib import Path
from datetime import UTC, datetime
from consilience.records import Origin, Subject, new_subject
from consilience.store import SqliteRecords
name, file = sys.argv[1], Path(sys.argv[2])
party = "party--00000000-0000-0000-0000-000000000000"
origin = Origin(created_by=party, now=datetime(2026, 7, 1, tzinfo=UTC))
store = SqliteRecords(file)
for number in range(60):
    store.put(new_subject(origin, f"{name} {number}"))
    store.put(new_subject(origin, f"shared {number}"))
store.close()
"""


def test_processes_write_at_the_same_time(file: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, name, str(file)], stderr=subprocess.PIPE)
        for name in ("a", "b", "c")
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    store = SqliteRecords(file)
    titles = [entry.record.title for entry in store.iterate()]
    store.close()
    assert sorted(titles) == sorted(
        f"{name} {number}" for name in ("a", "b", "c", "shared") for number in range(60)
    )
