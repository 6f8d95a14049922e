"""What is in a zip file: its entries, listed from the central directory or, where that is lost, from what
stands before each entry.

Python's own `zipfile` needs a whole central directory and holds one large object per entry. Follows PKWARE
APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14-16 (end records) and 4.5.3
(zip64). Invariants: an entry's name is only compared and spoken of, never a path; of several entries of one
name the last counts, as for every zip reader; what is told of sizes is held against nothing here.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

MAX_ENTRIES = 2_000_000
"""Entries of one zip file that are listed."""
MAX_DIRECTORY_BYTES = 512 * 2**20
"""Of the central directory."""
MAX_NAME_BYTES = 4_096
"""Of the name of an entry."""
PIECE = 1 << 20
"""Bytes that are read at once."""

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_FULL = 0xFFFFFFFF


class EntryError(Exception):
    """An entry, or the list of entries, cannot be read; `code` and `offset` are those of a finding."""

    def __init__(self, code: str, text: str, offset: int | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as the directory tells it."""

    name: str
    method: int
    encrypted: bool
    crc: int
    packed: int
    size: int
    """Bytes that it says it unpacks to."""
    offset: int
    """Of its local header, from the start of the file."""
    modified: int
    """MS-DOS date and time, date in the upper 16 bits; local time, no zone, even seconds."""


class ZipDirectory:
    """The entries of an open zip file in their order there, superseded ones left out."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        """List the entries.

        Args:
            stream: Seekable; used for every later read.
            size: Of the file, bytes.
        """
        self._stream = stream
        self.size = size
        self._names = bytearray()
        self._ends = array("Q", [0])
        self._columns = {
            "flags": array("H"), "method": array("H"), "modified": array("I"), "crc": array("I"),
            "packed": array("Q"), "size": array("Q"), "offset": array("Q"),
        }  # fmt: skip
        self.faults: list[EntryError] = []
        """What was wrong with the list itself."""
        self.whole = True
        """The file has its central directory."""
        self._list()
        self._hashes = np.fromiter((hash(name) for name in self._each_name()), np.int64, len(self))
        self._order = np.argsort(self._hashes, kind="stable")
        self._sorted = self._hashes[self._order]
        self.superseded = self._find_superseded()
        """Places of entries of whose name there is a later one."""

    def __len__(self) -> int:
        """Entries of the directory, superseded ones counted."""
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[Entry]:
        """Yield every entry that counts."""
        for place in range(len(self)):
            if place not in self.superseded:
                yield self._at(place)

    def get(self, name: str) -> Entry | None:
        """Return the entry of a name that counts, or None."""
        wanted = name.encode("utf-8", "surrogateescape")
        key = hash(wanted)
        for rank in range(int(np.searchsorted(self._sorted, key, "right")) - 1, -1, -1):
            place = int(self._order[rank])
            if self._hashes[place] != key:
                return None
            if self._name(place) == wanted:
                return self._at(place)
        return None

    def _name(self, place: int) -> bytes:
        return bytes(self._names[self._ends[place] : self._ends[place + 1]])

    def _each_name(self) -> Iterator[bytes]:
        return (self._name(place) for place in range(len(self)))

    def _at(self, place: int) -> Entry:
        column = self._columns
        return Entry(
            self._name(place).decode("utf-8", "surrogateescape"), column["method"][place],
            bool(column["flags"][place] & 1), column["crc"][place], column["packed"][place],
            column["size"][place], column["offset"][place], column["modified"][place],
        )  # fmt: skip

    def _find_superseded(self) -> frozenset[int]:
        same = np.flatnonzero(self._sorted[1:] == self._sorted[:-1])
        return frozenset(
            int(self._order[i])
            for i in same
            if self._name(int(self._order[i])) == self._name(int(self._order[i + 1]))
        )

    def _list(self) -> None:
        try:
            self._take_directory(*self._find_directory())
        except EntryError as error:
            self.whole = False
            self._clear()
            self.faults.append(error)
            self._walk()

    def _clear(self) -> None:
        self._names.clear()
        del self._ends[1:]
        for column in self._columns.values():
            del column[:]

    def _add(self, name: bytes, *values: int) -> None:
        if len(self) >= MAX_ENTRIES:
            raise EntryError("too_many_entries", f"the zip file has more than {MAX_ENTRIES:,} entries")
        self._names += name
        self._ends.append(len(self._names))
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)

    def bytes_at(self, start: int, length: int) -> bytes:
        """Return what stands there in the file; less at its end."""
        if start < 0 or start > self.size:
            return b""
        self._stream.seek(start)
        return self._stream.read(length)

    def _find_directory(self) -> tuple[int, int, int, int]:
        """Return the directory's start, length, count of entries, and what stands before the zip file."""
        tail_start = max(0, self.size - _END.size - 0xFFFF)
        tail = self.bytes_at(tail_start, self.size - tail_start)
        at = tail.rfind(END)
        if at < 0 or len(tail) - at < _END.size:
            raise EntryError("truncated", "the zip file has no central directory: it was cut off", self.size)
        end = tail_start + at
        count, length, start = _END.unpack_from(tail, at)[4:7]
        if _FULL in (length, start) or count == 0xFFFF:
            found = self._find_zip64(end)
            if found is not None:
                end, start, length, count = found
        real = end - length
        if real < 0 or start > real:
            raise EntryError("directory_broken", "the zip file's central directory does not fit in it", end)
        if length > MAX_DIRECTORY_BYTES:
            raise EntryError("directory_too_large", "the zip file's central directory is too large", real)
        return real, length, count, real - start

    def _find_zip64(self, end: int) -> tuple[int, int, int, int] | None:
        locator = self.bytes_at(end - _LOCATOR.size, _LOCATOR.size)
        if len(locator) < _LOCATOR.size or not locator.startswith(b"PK\x06\x07"):
            return None
        at = _LOCATOR.unpack(locator)[2]
        record = self.bytes_at(at, _END64.size)
        if len(record) < _END64.size or not record.startswith(b"PK\x06\x06"):
            return None
        count, length, start = _END64.unpack(record)[7:10]
        return at, start, length, count

    def _take_directory(self, real: int, length: int, count: int, shift: int) -> None:
        data = self.bytes_at(real, length)
        at = 0
        while at < len(data):
            if len(data) - at < _CENTRAL.size or not data.startswith(CENTRAL, at):
                raise EntryError("directory_broken", "the central directory is damaged", real + at)
            (_, _, _, flags, method, time, date, crc, packed, size, n_name, n_extra, n_comment, _, _, _,
             offset) = _CENTRAL.unpack_from(data, at)  # fmt: skip
            name_at = at + _CENTRAL.size
            at = name_at + n_name + n_extra + n_comment
            if n_name > MAX_NAME_BYTES or at > len(data):
                raise EntryError("directory_broken", "the central directory is damaged", real + name_at)
            if _FULL in (packed, size, offset):
                extra = data[name_at + n_name : name_at + n_name + n_extra]
                size, packed, offset = _zip64(extra, size, packed, offset)
            if offset + shift > real:
                raise EntryError("directory_broken", "the central directory is damaged", real + name_at)
            self._add(
                data[name_at : name_at + n_name], flags, method, date << 16 | time, crc, packed, size,
                offset + shift,
            )  # fmt: skip
        if len(self) != count and count != 0xFFFF:
            text = f"the zip file says {count:,} entries, its directory has {len(self):,}"
            self.faults.append(EntryError("directory_count", text, real))

    def _walk(self) -> None:
        at = 0
        while at < self.size:
            header = self.bytes_at(at, LOCAL_HEADER.size)
            if header.startswith((CENTRAL, END)):
                return
            try:
                following = self._take_local(at, header)
            except EntryError as error:
                self.faults.append(error)
                if error.code in {"truncated", "too_many_entries"}:
                    return
                following = self._next_local(at + 1)
            at = following

    def _take_local(self, at: int, header: bytes) -> int:
        if len(header) < LOCAL_HEADER.size:
            raise EntryError("truncated", "the last entry is cut off", at)
        if not header.startswith(LOCAL):
            raise EntryError("entry_broken", "there is no entry where one should begin", at)
        _, _, flags, method, time, date, crc, packed, size, n_name, n_extra = LOCAL_HEADER.unpack(header)
        name = self.bytes_at(at + LOCAL_HEADER.size, n_name)
        extra = self.bytes_at(at + LOCAL_HEADER.size + n_name, n_extra)
        if _FULL in (packed, size):
            size, packed, _ = _zip64(extra, size, packed, 0)
        if n_name > MAX_NAME_BYTES or (flags & 8 and not packed):
            raise EntryError("entry_broken", "an entry does not say its size", at)
        following: int = at + LOCAL_HEADER.size + n_name + n_extra + packed
        if following > self.size:
            raise EntryError("truncated", "the last entry is cut off", at)
        self._add(name, flags, method, date << 16 | time, crc, packed, size, at)
        return following

    def _next_local(self, at: int) -> int:
        while at < self.size:
            piece = self.bytes_at(at, PIECE)
            found = piece.find(LOCAL)
            if found >= 0:
                return at + found
            if len(piece) < PIECE:
                break
            at += PIECE - 3
        return self.size


def _zip64(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Return size, packed size and offset with those from the zip64 extra field (4.5.3)."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        body = extra[at + 4 : at + 4 + length]
        if kind == 1:
            values = iter(struct.unpack_from(f"<{min(len(body) // 8, 3)}Q", body))
            size, packed, offset = (
                next(values, value) if value == _FULL else value for value in (size, packed, offset)
            )
        at += 4 + length
    return size, packed, offset
