from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.records.examples import NOW, ORIGIN

from consilience.errors import IncompatibleError, StoreError
from consilience.records import Origin, Record, new_own_party, new_subject, revise, withdraw
from consilience.records.kinds import PartyType
from consilience.store import Receipt, SqliteRecords, keep
from consilience.store.keeping import TRIES

LATER = NOW + timedelta(days=1)
LATER_ORIGIN = msgspec.structs.replace(ORIGIN, now=LATER)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteRecords]:
    opened = SqliteRecords(tmp_path / "records.sqlite")
    yield opened
    opened.close()


def test_the_same_is_kept_once(store: SqliteRecords) -> None:
    first = keep(store, new_subject(ORIGIN, "M"), now=NOW)
    again = keep(store, new_subject(LATER_ORIGIN, "M"), now=LATER)
    assert again == msgspec.structs.replace(first, added=False)
    assert store.get(first.id).version == 1


def test_something_new_is_a_new_version(store: SqliteRecords) -> None:
    first = keep(store, new_subject(ORIGIN, "M", description="old", licence="MIT"), now=NOW)
    second = keep(store, new_subject(LATER_ORIGIN, "M", description="new"), now=LATER)
    record = store.get(first.id).record
    assert (second.version, second.added) == (2, True)
    assert (record.description, record.licence, record.created) == ("new", None, "2026-07-01T12:00:00Z")
    assert record.modified == "2026-07-02T12:00:00Z"
    assert not keep(store, new_subject(ORIGIN, "M", description="new"), now=LATER).added


def test_what_was_withdrawn_or_is_anothers_is_not_kept(store: SqliteRecords) -> None:
    subject = new_subject(ORIGIN, "M")
    keep(store, subject, now=NOW)
    other = new_own_party("B", party_type=PartyType.NGO, now=NOW).id
    foreign = msgspec.structs.replace(new_subject(Origin(created_by=other, now=NOW), "M"), id=subject.id)
    with pytest.raises(IncompatibleError, match="made by"):
        keep(store, foreign, now=LATER)
    store.put(withdraw(subject, now=LATER, reason="wrong"))
    with pytest.raises(IncompatibleError, match="withdrawn"):
        keep(store, new_subject(ORIGIN, "M", description="again"), now=LATER)


def test_a_version_stored_by_another_in_between_is_followed(store: SqliteRecords) -> None:
    subject = new_subject(ORIGIN, "M")
    keep(store, subject, now=NOW)

    class Overtaken:
        """A store in which somebody else is faster, once."""

        def __init__(self) -> None:
            self.done = False

        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

        def put(self, record: Record) -> Receipt:
            if not self.done:
                self.done = True
                store.put(revise(subject, now=LATER, description="faster"))
            return store.put(record)

    receipt = keep(Overtaken(), new_subject(ORIGIN, "M", description="mine"), now=LATER)  # type: ignore[arg-type]
    assert receipt.version == 3
    assert [entry.record.description for entry in store.versions(subject.id)] == [None, "faster", "mine"]


def test_it_does_not_try_for_ever(store: SqliteRecords) -> None:
    subject = new_subject(ORIGIN, "M")
    keep(store, subject, now=NOW)

    class AlwaysOvertaken:
        """A store in which somebody else is always faster."""

        tries = 0

        def __getattr__(self, name: str) -> object:
            return getattr(store, name)

        def put(self, record: Record) -> Receipt:
            self.tries += 1
            store.put(revise(store.get(subject.id).record, now=LATER, description=f"faster {self.tries}"))
            return store.put(record)

    overtaken = AlwaysOvertaken()
    with pytest.raises(StoreError, match="faster"):
        keep(overtaken, new_subject(ORIGIN, "M", description="mine"), now=LATER)  # type: ignore[arg-type]
    assert overtaken.tries == TRIES
