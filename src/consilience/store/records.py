"""The interface of a record store, and what comes out of one.

A second database fills `RecordStore`; everything above the store knows nothing else. What an implementation
keeps:
- a record is stored as the bytes that it came as, and is never changed or removed;
- what `put` returned is there after any crash, once and not twice;
- sequence numbers rise strictly in the order in which records become visible, so a reader that asks for what
  came after the last number that it saw misses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import msgspec

from consilience.records.canonical import digest
from consilience.records.marking import Marking
from consilience.records.parse import Parsed, parse
from consilience.records.record import Record
from consilience.records.writing import record_bytes

MAX_REFUSED_BYTES = 1_048_576
"""How much of a refused document is kept."""
MAX_WORDS = 1_000
"""How many characters of the reason and the source of a refused document are kept."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The acknowledgement of a record: from now on it is there."""

    id: str
    version: int
    digest: str
    sequence: int
    added: bool
    """False: it was there already."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A stored version of a record. The bytes were checked against their digest when they were read."""

    sequence: int
    digest: str
    id: str
    version: int
    kind: str
    created_by: str
    marking: Marking
    modified: str
    withdrawn: bool
    added_at: str
    content: bytes

    @property
    def record(self) -> Record:
        """Return the record that the bytes hold."""
        return parse(self.content).record


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A document in quarantine, with the reason."""

    sequence: int
    refused_at: str
    source: str
    """Where it came from."""
    reason: str
    digest: str
    """Of all its bytes, also where only the first of them are kept."""
    size: int
    content: bytes


class RecordStore(Protocol):
    """Keeps records. Every method raises StoreError where the store cannot do its part."""

    def put(self, record: Record | Parsed) -> Receipt:
        """Store one version of a record; storing it again changes nothing.

        Raises:
            IncompatibleError: Another document holds the same id and version, or it does not follow its
                predecessor.
        """
        ...

    def put_all(self, records: Iterable[Record | Parsed]) -> list[Receipt]:
        """Store several at once: all or, where an error is raised, none."""
        ...

    def get(self, record_id: str, version: int | None = None) -> Entry:
        """Return a version of a record, or the latest.

        Raises:
            NotFoundError: It is not here.
        """
        ...

    def find(self, digest: str) -> Entry | None:
        """Return the version that has a digest, or None."""
        ...

    def latest(self, record_id: str) -> Entry | None:
        """Return the latest version, or None where the record is not here."""
        ...

    def versions(self, record_id: str) -> list[Entry]:
        """Return all versions that are here, oldest first."""
        ...

    def iterate(
        self, kind: str | None = None, *, after: int = 0, latest_only: bool = False
    ) -> Iterator[Entry]:
        """Yield entries in the order of their sequence numbers.

        Args:
            kind: Only this kind.
            after: Only sequence numbers above this one.
            latest_only: Leave out versions that a later one here replaces.
        """
        ...

    def count(self, kind: str | None = None) -> int:
        """Return the number of records (ids, not versions)."""
        ...

    def refuse(self, content: bytes, *, reason: str, source: str) -> int:
        """Put a document into quarantine and return its number; the same document and reason count once."""
        ...

    def refused(self, *, after: int = 0) -> Iterator[Refused]:
        """Yield what is in quarantine, oldest first."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


def as_parsed(record: Record | Parsed) -> Parsed:
    """Return a record with its bytes: those that it came as, or its canonical ones."""
    if isinstance(record, Parsed):
        return record
    content = record_bytes(record)
    return Parsed(record=record, content=content, digest=digest(content))
