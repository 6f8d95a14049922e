"""The interface of a node's log: what was signed, in order, and the signed heads over it.

A second database fills `LogStore`. What an implementation keeps:
- an entry is the bytes of an envelope, never changed and never removed, and stands in the log once;
- positions count from 0 without a gap, and an entry and the head over it become visible together;
- a head is stored only where it is the head of what is here, so that the log never contradicts itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from consilience.errors import StoreError
from consilience.trust.merkle import leaf_hash

TILE_BITS = 8
"""Hashes are kept in tiles of 2^8, one level of tiles for every eighth level (C2SP tlog-tiles)."""
TILE = 1 << TILE_BITS
"""Hashes in a whole tile."""
HeadSigner = Callable[[int, bytes], bytes]
"""(size, root) → the note of the signed head."""


class MovedError(StoreError):
    """Another process added entries after this one looked at the log."""


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the log."""

    position: int
    digest: str
    """Of the envelope's bytes."""
    subject: str
    """Digest of what the statement speaks of."""
    name: str
    """Name of what the statement speaks of, such as a record's id."""
    predicate_type: str
    added_at: str
    content: bytes
    """The envelope."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An envelope that is to be an entry."""

    subject: str
    name: str
    predicate_type: str
    content: bytes


class LogStore(Protocol):
    """Keeps a log. Every method raises StoreError where the store cannot do its part."""

    def append(self, drafts: Sequence[Draft], sign: HeadSigner, *, at: int | None = None) -> list[int]:
        """Add entries and the head over them, all or nothing; return the positions of the entries.

        An envelope that is in the log already keeps its position. Where all are, nothing is signed.

        Args:
            drafts: The entries.
            sign: Signs the head.
            at: Size that the log must still have; None: any.

        Raises:
            MovedError: The log has another size than `at`.
        """
        ...

    def size(self) -> int:
        """Return the number of entries."""
        ...

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a whole subtree (see `trust.merkle.Nodes`)."""
        ...

    def entry(self, position: int) -> LogEntry:
        """Return an entry.

        Raises:
            NotFoundError: There is none at this position.
        """
        ...

    def about(self, subject: str) -> list[LogEntry]:
        """Return the entries about a digest, oldest first."""
        ...

    def iterate(self, *, after: int = -1, predicate_type: str | None = None) -> Iterator[LogEntry]:
        """Yield entries in their order, those after a position, of one type or of all."""
        ...

    def head(self) -> bytes | None:
        """Return the note of the latest head, with the cosignatures it has by now; None: no entry yet."""
        ...

    def add_cosignatures(self, size: int, note: bytes) -> None:
        """Replace the note of a head of this size by the same head with more signatures."""
        ...


def leaf_of(content: bytes) -> bytes:
    """Return the hash of an entry's leaf: the leaf holds SHA-256 of the envelope, not the envelope.

    So inclusion can be shown to somebody who may not see the envelope.
    """
    return leaf_hash(hashlib.sha256(content).digest())


def whole(hashes: bytes) -> bytes:
    """Return the hash over a run of neighbouring hashes, as many as a power of two."""
    from consilience.trust.merkle import HASH_BYTES, node_hash

    level = [hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)]
    if not level or len(level) & (len(level) - 1):
        raise StoreError("a tile of the log is not whole", next_step="Run `consilience log audit`.")
    while len(level) > 1:
        level = [node_hash(*pair) for pair in zip(level[::2], level[1::2], strict=True)]
    return level[0]
