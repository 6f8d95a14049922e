"""What is in a zip or tar archive: entries one after the other, each as a stream that is read once.

Zip files are read by `zip_entries`, tar files (plain, or packed with gzip, bzip2 or xz) by Python's `tarfile`
over a stream that only goes forward. Invariants: an entry's name is only spoken of; whatever stands in an
archive, the faults that come out are `BombError` (a limit), `EntryBrokenError` (this entry; the others can
still be read) and `BrokenError` (nothing more can be read); what is unpacked in all is bounded by the size of
the archive; headers of a tar file are bounded before they are held.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, BinaryIO, Protocol, cast

from consilience.evaluation.importers.zip_directory import EntryError
from consilience.evaluation.importers.zip_entries import ZipEntries

MAX_ENTRIES = 200_000
"""Entries of an archive, folders and links counted."""
MAX_HEADER_BYTES = 2**20
"""Between two contents of a tar file: long names, pax headers, maps of sparse files."""
MAX_SUM_RATIO = 200
"""Times its size that an archive above SUM_FROM may unpack to."""
SUM_FROM = 256 * 2**20
"""Unpacked bytes up to which that is not looked at."""
MAX_XZ_BYTES = 256 * 2**20
"""Memory that an xz stream may ask for."""
CHUNK = 1 << 20
GZIP, BZIP2, XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"
_FAULTS = (
    tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, LookupError,
    ArithmeticError, RuntimeError, MemoryError, TypeError, AttributeError,
)  # fmt: skip
"""What `tarfile` and the unpackers raise at content that somebody made to break them."""


class BombError(Exception):
    """An archive unpacks to more than is allowed."""


class BrokenError(Exception):
    """The archive cannot be read further; the text is what went wrong."""


class EntryBrokenError(Exception):
    """An entry cannot be read; the next one can."""


class Content(Protocol):
    """The content of an entry."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most so many or CHUNK; none at the end.

        Raises:
            BombError, BrokenError, EntryBrokenError: See the module.
        """
        ...


Unpack = Callable[[BinaryIO], Iterator[tuple[str, int, Content]]]
"""From an archive to names, packed sizes and contents of its entries."""


def unpacker(head: bytes) -> Unpack | None:
    """Return what unpacks the archive that begins so; None: it is no archive."""
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_entries
    if head.startswith((GZIP, BZIP2, XZ)) or head[257:262] == b"ustar":
        return _tar_entries
    return None


def spoken(name: str) -> str:
    """Return an entry's name as it may be shown: no climbing, no control characters."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
    return "".join(c if c.isprintable() else "?" for c in "/".join(parts))[:1_000] or "unnamed"


class _Room:
    """What an archive may still unpack to."""

    def __init__(self, size: int) -> None:
        self.left = max(SUM_FROM, MAX_SUM_RATIO * size)

    def take(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise BombError(f"the archive unpacks to more than {MAX_SUM_RATIO} times its size")


def _size(stream: BinaryIO) -> int:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    return size


def _zip_entries(stream: BinaryIO) -> Iterator[tuple[str, int, Content]]:
    """Entries by their names; what is wrong with their list is told at the end."""
    size = _size(stream)
    archive = ZipEntries(stream, size)
    if len(archive) > MAX_ENTRIES:
        raise BombError(f"the archive has more than {MAX_ENTRIES:,} entries")
    room = _Room(size)
    for entry in sorted(archive, key=lambda found: found.name):
        if not entry.name.endswith("/"):
            yield spoken(entry.name), entry.packed, _ZipContent(archive.pieces(entry), room)
    for fault in archive.faults:
        raise BrokenError(fault.text)


class _ZipContent:
    """The content of an entry of a zip file."""

    def __init__(self, pieces: Iterator[bytes], room: _Room) -> None:
        self._pieces, self._room = pieces, room

    def read(self, _: int, /) -> bytes:
        try:
            piece = next((piece for piece in self._pieces if piece), b"")
        except EntryError as error:
            raise EntryBrokenError(error.text) from None
        self._room.take(len(piece))
        return piece


def _tar_entries(stream: BinaryIO) -> Iterator[tuple[str, int, Content]]:
    """Entries in their order; the packed size of one is not known, so the whole archive's stands for it."""
    size = _size(stream)
    try:
        forward = _Forward(_unpacked(stream), _Room(size))
        with tarfile.open(fileobj=cast(IO[bytes], forward), mode="r:", errors="replace") as archive:
            for _ in range(MAX_ENTRIES):
                entry = archive.next()
                if entry is None:
                    forward.finish()
                    return
                archive.members.clear()  # type: ignore[attr-defined]  # else all are held
                content = archive.extractfile(entry) if entry.isreg() else None
                if content is not None:
                    yield spoken(entry.name), size, _TarContent(content, forward)
                forward.begin_headers()
        raise BombError(f"the archive has more than {MAX_ENTRIES:,} entries")
    except _FAULTS as error:
        raise BrokenError(type(error).__name__) from None


def _unpacked(stream: BinaryIO) -> BinaryIO:
    magic = stream.read(6)
    stream.seek(0)
    if magic.startswith(GZIP):
        return cast(BinaryIO, gzip.GzipFile(fileobj=stream))
    if magic.startswith(BZIP2):
        return cast(BinaryIO, bz2.BZ2File(stream))
    return cast(BinaryIO, io.BufferedReader(_Xz(stream), CHUNK)) if magic.startswith(XZ) else stream


class _Xz(io.RawIOBase):
    """The content of an xz file, in bounded memory."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_XZ_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while True:
            if self._decoder.eof:
                rest = self._decoder.unused_data.lstrip(b"\x00") or self._stream.read(CHUNK).lstrip(b"\x00")
                if not rest:
                    return 0
                self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_XZ_BYTES)
            else:
                rest = self._stream.read(CHUNK) if self._decoder.needs_input else b""
                if not rest and self._decoder.needs_input:
                    raise EOFError
            piece = self._decoder.decompress(rest, len(buffer))
            if piece:
                buffer[: len(piece)] = piece
                return len(piece)


class _Forward:
    """A stream for `tarfile` that only goes forward, counts what passes, and bounds what headers hold."""

    def __init__(self, stream: BinaryIO, room: _Room) -> None:
        self._stream, self._room = stream, room
        self._at = 0
        self._headers = MAX_HEADER_BYTES
        self.in_content = False

    def begin_headers(self) -> None:
        """What comes is headers, up to the next content."""
        self._headers, self.in_content = MAX_HEADER_BYTES, False

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        if not self.in_content:
            if size < 0 or size > self._headers:
                raise BombError(f"a header in the archive has more than {MAX_HEADER_BYTES // 2**10:,} KiB")
            self._headers -= size
        data = self._stream.read(size)
        self._at += len(data)
        self._room.take(len(data))
        return data

    def seek(self, target: int, whence: int = os.SEEK_SET) -> int:
        if whence != os.SEEK_SET or target < self._at:
            raise BrokenError("an entry points back")
        while self._at < target:
            piece = self._stream.read(min(CHUNK, target - self._at))
            if not piece:
                break
            self._at += len(piece)
            self._room.take(len(piece))
        return self._at

    def finish(self) -> None:
        """Go to the end, where a packed file has its checksum."""
        while piece := self._stream.read(CHUNK):
            self._room.take(len(piece))

    def close(self) -> None:
        """Leave the stream open: it is the caller's."""


class _TarContent:
    """The content of an entry of a tar file; holes of a sparse file are counted as what they unpack to."""

    def __init__(self, content: IO[bytes], forward: _Forward) -> None:
        self._content, self._forward = content, forward
        self._holes = _Room(0)

    def read(self, size: int, /) -> bytes:
        self._forward.in_content = True
        before = self._forward.tell()
        try:
            piece = self._content.read(min(size, CHUNK))
        except _FAULTS as error:
            raise BrokenError(type(error).__name__) from None
        self._holes.take(max(0, len(piece) - (self._forward.tell() - before)))
        return piece
