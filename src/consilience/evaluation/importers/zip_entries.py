"""The content of the entries of a zip file, unpacked within limits: stored, deflate and zstd (method 93).

Python's own `zipfile` does not unpack zstd before 3.14. Invariant: nothing unpacks to more than the directory
says, and that is bounded in ratio, for each entry and in all.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO, BinaryIO, cast

import zstandard

from consilience.evaluation.importers.zip_directory import (
    LOCAL,
    LOCAL_HEADER,
    MAX_NAME_BYTES,
    PIECE,
    Entry,
    EntryError,
    ZipDirectory,
)

MAX_WHOLE_BYTES = 16 * 2**20
"""Of an entry that is unpacked in memory as a whole; larger ones are read in pieces."""
MAX_ENTRY_BYTES = 16 * 2**30
"""That one entry may unpack to."""
MAX_UNPACKED_BYTES = 256 * 2**30
"""That the entries of one zip file may unpack to together."""
MAX_RATIO = 1_000
"""Times its packed size that an entry above RATIO_FROM may unpack to."""
RATIO_FROM = 16 * 2**20
"""Bytes below which the ratio of an entry is not looked at."""
MAX_SUM_RATIO = 400
"""Times its size that a zip file may unpack to, all that is read of it together."""
SUM_FROM = 2**30
"""Bytes below which that is not looked at."""
MAX_WINDOW_BYTES = 64 * 2**20
"""Memory that a zstd frame may ask for."""

STORED, DEFLATE, ZSTD = 0, 8, 93


class ZipEntries(ZipDirectory):
    """The entries of an open zip file and what is in them."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        """List the entries.

        Args:
            stream: Seekable; used for every later read.
            size: Of the file, bytes.
        """
        super().__init__(stream, size)
        self._zstd = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
        self._unpacked = 0
        self._room = min(MAX_UNPACKED_BYTES, max(SUM_FROM, MAX_SUM_RATIO * size))

    def read(self, entry: Entry) -> bytes:
        """Unpack a whole entry of at most MAX_WHOLE_BYTES.

        Raises:
            EntryError: It is larger, damaged, encrypted, or packed in an unknown way.
        """
        if entry.size > MAX_WHOLE_BYTES:
            raise EntryError(
                "entry_too_large", f"an entry has more than {MAX_WHOLE_BYTES // 2**20} MiB", entry.offset
            )
        if entry.method != ZSTD:
            return b"".join(self.pieces(entry))
        start = self._open(entry)
        data = self.bytes_at(start, entry.packed)
        try:
            if zstandard.frame_content_size(data) <= entry.size:
                content = self._zstd.decompress(data, max_output_size=max(entry.size, 1))
                if len(content) == entry.size and zlib.crc32(content) == entry.crc:
                    return content
        except zstandard.ZstdError:
            pass
        self._unpacked -= entry.size
        return b"".join(self.pieces(entry))

    def pieces(self, entry: Entry) -> Iterator[bytes]:
        """Unpack an entry in pieces of at most PIECE bytes.

        Raises:
            EntryError: As `read`; also at the end, where size or checksum do not agree.
        """
        start = self._open(entry)
        taken, crc = 0, 0
        try:
            for piece in self._unpack(entry, start):
                taken += len(piece)
                if taken > entry.size:
                    break
                crc = zlib.crc32(piece, crc)
                yield piece
        except (zstandard.ZstdError, zlib.error, MemoryError):
            raise EntryError("entry_broken", "an entry cannot be unpacked", entry.offset) from None
        if taken != entry.size or crc != entry.crc:
            raise EntryError("entry_broken", "an entry is not what its checksum says", entry.offset)

    def check(self, entry: Entry) -> None:
        """Unpack an entry to its end and hold it against its size and checksum.

        Raises:
            EntryError: As `pieces`.
        """
        for _ in self.pieces(entry):
            pass

    def _open(self, entry: Entry) -> int:
        """Return where an entry's data begin, when all that is told of it is in order."""
        if entry.encrypted:
            raise EntryError("encrypted", "an entry is encrypted", entry.offset)
        if entry.method not in {STORED, DEFLATE, ZSTD}:
            raise EntryError(
                "unknown_compression", f"an entry is packed with the unknown method {entry.method}",
                entry.offset,
            )  # fmt: skip
        bomb = entry.size > RATIO_FROM and entry.size > MAX_RATIO * max(entry.packed, 1)
        if bomb or entry.size > MAX_ENTRY_BYTES:
            raise EntryError("entry_too_large", "an entry unpacks to more than is allowed", entry.offset)
        self._unpacked += entry.size
        if self._unpacked > self._room:
            raise EntryError("archive_too_large", "the entries unpack to more than is allowed", entry.offset)
        header = self.bytes_at(entry.offset, LOCAL_HEADER.size + MAX_NAME_BYTES)
        name = entry.name.encode("utf-8", "surrogateescape")
        if not header.startswith(LOCAL) or header[LOCAL_HEADER.size : LOCAL_HEADER.size + len(name)] != name:
            raise EntryError("entry_broken", "an entry is not where the directory says", entry.offset)
        n_name, n_extra = LOCAL_HEADER.unpack_from(header)[9:11]
        start: int = entry.offset + LOCAL_HEADER.size + n_name + n_extra
        if n_name != len(name) or start + entry.packed > self.size:
            raise EntryError("entry_broken", "an entry does not fit in the file", entry.offset)
        return start

    def _unpack(self, entry: Entry, start: int) -> Iterator[bytes]:
        part = _Part(self._stream, start, entry.packed)
        if entry.method == ZSTD:
            reader = self._zstd.stream_reader(cast(IO[bytes], part), read_size=PIECE, read_across_frames=True)
            while piece := reader.read(PIECE):
                yield piece
        elif entry.method == DEFLATE:
            inflate = zlib.decompressobj(-15)
            data = part.read(PIECE)
            while data and not inflate.eof:
                yield inflate.decompress(data, PIECE)
                data = inflate.unconsumed_tail or part.read(PIECE)
            yield inflate.flush() if not inflate.unconsumed_tail else b""
        else:
            while piece := part.read(PIECE):
                yield piece


class _Part:
    """A part of a file, read from its start; other reads of the file may come between."""

    def __init__(self, stream: BinaryIO, start: int, length: int) -> None:
        self._stream = stream
        self._at = start
        self._left = length

    def read(self, n: int = -1) -> bytes:
        self._stream.seek(self._at)
        data = self._stream.read(self._left if n < 0 else min(n, self._left))
        self._at += len(data)
        self._left -= len(data)
        return data
