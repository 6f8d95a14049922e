"""A node's log in its SQLite file: entries, tiles of hashes, signed heads.

Invariants: entries, tiles and the head over them are written in one transaction, and only by the one process
that holds it, so that two writers never sign two heads of one size; whole tiles never change.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

from consilience.errors import IncompatibleError, NotFoundError, StoreError
from consilience.records.canonical import digest
from consilience.records.fields import moment
from consilience.store.log import TILE, TILE_BITS, Draft, HeadSigner, LogEntry, MovedError, leaf_of, whole
from consilience.store.sqlite_file import SqliteFile
from consilience.trust.checkpoint import read_checkpoint
from consilience.trust.merkle import HASH_BYTES, root

PAGE = 1_000
"""Entries that are read at a time."""
CACHED_TILES = 256
"""Whole tiles that are held in memory, 8 KiB each."""
_COLUMNS = "position, digest, subject, name, predicate_type, added_at, content"


class SqliteLog(SqliteFile):
    """A `LogStore` in one file."""

    @functools.cached_property
    def _tiles(self) -> dict[tuple[int, int], bytes]:
        return {}

    def append(self, drafts: Sequence[Draft], sign: HeadSigner, *, at: int | None = None) -> list[int]:
        """Add entries and the head over them (see `LogStore.append`)."""
        with self._transaction():
            before = size = self.size()
            if at is not None and at != size:
                raise MovedError(
                    "another process added entries to the log", next_step="Give the command again."
                )
            self._check_head(size)
            positions: list[int] = []
            for draft in drafts:
                name = digest(draft.content)
                here = self._rows("SELECT position FROM log_entry WHERE digest = ?", name)
                if here:
                    positions.append(int(here[0][0]))
                    continue
                self._add(size, name, draft)
                positions.append(size)
                size += 1
            if size > before:
                self._sign(size, sign)
            return positions

    def _check_head(self, size: int) -> None:
        """Refuse to build on stored hashes that are not those of the last signed head."""
        note = self.head()
        if note is not None:
            head, _ = read_checkpoint(note)
            if (head.size, head.root) != (size, root(self._uncached, size)):
                raise StoreError(
                    "the hashes of the log do not fit its head", next_step="Run `consilience log audit`."
                )

    def _add(self, position: int, name: str, draft: Draft) -> None:
        now = moment(self._clock())
        self._connection.execute(
            f"INSERT INTO log_entry ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 (constants)
            (position, name, draft.subject, draft.name, draft.predicate_type, now, draft.content),
        )
        level, place, hashed = 0, position, leaf_of(draft.content)
        while True:
            tile = self._extend(level, place, hashed)
            if len(tile) < TILE * HASH_BYTES:
                return
            level, place, hashed = level + 1, place >> TILE_BITS, whole(tile)

    def _extend(self, level: int, place: int, hashed: bytes) -> bytes:
        """Put one more hash into its tile, and return the tile."""
        number, before = place >> TILE_BITS, (place % TILE) * HASH_BYTES
        tile = (self._tile(level, number) if before else b"") + hashed
        if len(tile) != before + HASH_BYTES:
            raise StoreError(
                "the hashes of the log do not fit its entries", next_step="Run `consilience log audit`."
            )
        self._connection.execute(
            "INSERT INTO log_tile (level, number, hashes) VALUES (?, ?, ?) "
            "ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes",
            (level, number, tile),
        )
        return tile

    def _sign(self, size: int, sign: HeadSigner) -> None:
        found = root(self._uncached, size)
        note = sign(size, found)
        head, _ = read_checkpoint(note)
        if (head.size, head.root) != (size, found):
            raise StoreError("the head that was signed is not that of the log")
        self._connection.execute(
            "INSERT INTO log_head (size, signed_at, note) VALUES (?, ?, ?)",
            (size, moment(self._clock()), note),
        )

    def size(self) -> int:
        """Return the number of entries."""
        return int(self._rows("SELECT coalesce(max(position) + 1, 0) FROM log_entry")[0][0])

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a whole subtree (see `trust.merkle.Nodes`)."""
        return self._node(level, index, self._kept)

    def _uncached(self, level: int, index: int) -> bytes:
        return self._node(level, index, self._tile)

    def _node(self, level: int, index: int, tiles: Any) -> bytes:
        tall, rest = divmod(level, TILE_BITS)
        first = index << rest
        start = (first % TILE) * HASH_BYTES
        hashes = tiles(tall, first >> TILE_BITS)[start : start + (HASH_BYTES << rest)]
        if len(hashes) != HASH_BYTES << rest:
            raise StoreError(
                f"the log has no whole subtree {index} of level {level}",
                next_step="Run `consilience log audit`.",
            )
        return whole(hashes)

    def _kept(self, level: int, number: int) -> bytes:
        """Return a tile; whole ones, which never change, are kept in memory."""
        found = self._tiles.get((level, number))
        if found is None:
            found = self._tile(level, number)
            if len(found) == TILE * HASH_BYTES:
                if len(self._tiles) >= CACHED_TILES:
                    self._tiles.pop(next(iter(self._tiles)), None)
                self._tiles[level, number] = found
        return found

    def _tile(self, level: int, number: int) -> bytes:
        rows = self._rows("SELECT hashes FROM log_tile WHERE level = ? AND number = ?", level, number)
        return bytes(rows[0][0]) if rows else b""

    def entry(self, position: int) -> LogEntry:
        """Return an entry (see `LogStore.entry`)."""
        found = self._select("WHERE position = ?", position)
        if not found:
            raise NotFoundError(
                f"the log has no entry {position}",
                next_step="`consilience log status` tells how many there are.",
            )
        return found[0]

    def about(self, subject: str) -> list[LogEntry]:
        """Return the entries about a digest, oldest first."""
        return self._select("WHERE subject = ? ORDER BY position", subject)

    def iterate(self, *, after: int = -1, predicate_type: str | None = None) -> Iterator[LogEntry]:
        """Yield entries in their order (see `LogStore.iterate`)."""
        condition = "WHERE position > ?" + ("" if predicate_type is None else " AND predicate_type = ?")
        while True:
            more = [] if predicate_type is None else [predicate_type]
            page = self._select(f"{condition} ORDER BY position LIMIT {PAGE}", after, *more)
            yield from page
            if len(page) < PAGE:
                return
            after = page[-1].position

    def head(self) -> bytes | None:
        """Return the note of the latest head (see `LogStore.head`)."""
        rows = self._rows("SELECT note FROM log_head ORDER BY size DESC LIMIT 1")
        return bytes(rows[0][0]) if rows else None

    def add_cosignatures(self, size: int, note: bytes) -> None:
        """Replace the note of a head by the same head with more signatures.

        Raises:
            IncompatibleError: There is no such head, the text is another, or a signature is missing.
        """
        new = read_checkpoint(note)[1]
        with self._transaction():
            rows = self._rows("SELECT note FROM log_head WHERE size = ?", size)
            old = read_checkpoint(bytes(rows[0][0]))[1] if rows else None
            if old is None or old.text != new.text or not set(old.signatures) <= set(new.signatures):
                raise IncompatibleError("these signatures do not belong to a head of this log")
            self._connection.execute("UPDATE log_head SET note = ? WHERE size = ?", (note, size))

    def _select(self, conditions: str, *parameters: Any) -> list[LogEntry]:
        query = f"SELECT {_COLUMNS} FROM log_entry {conditions}"  # noqa: S608 (conditions are constants)
        return [
            LogEntry(**dict(zip(LogEntry.__struct_fields__, row, strict=True)))
            for row in self._rows(query, *parameters)
        ]
