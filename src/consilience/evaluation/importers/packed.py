"""A file that is packed with Zstandard, read as its content from the start to the end.

Invariants: the content is never held as a whole; what it unpacks to is bounded, in all and by its packed
size; a window larger than MAX_WINDOW_BYTES is refused.
"""

from __future__ import annotations

import io
from typing import BinaryIO

import zstandard

from consilience.evaluation.importers.finding import MAX_RATIO, MAX_UNPACKED_BYTES, RATIO_FROM
from consilience.evaluation.importers.source import HEAD_BYTES, Source

MAGIC = b"\x28\xb5\x2f\xfd"
MAX_WINDOW_BYTES = 2**26
"""That a packed file may make its reader remember."""
BUFFER_BYTES = 1 << 18


class PackedError(Exception):
    """The content cannot be unpacked further; the text says why."""


class Packed(Source):
    """A packed file; `open` gives its content, not seekable."""

    def open(self) -> BinaryIO:
        """Open the content; reading raises PackedError where it cannot go on."""
        return io.BufferedReader(_Content(self.path.open("rb"), self.size), BUFFER_BYTES)


class _Content(io.RawIOBase):
    """The content, counted while it is read."""

    def __init__(self, raw: BinaryIO, size: int) -> None:
        self._raw, self._size, self._read = raw, size, 0
        self._stream = _decompressor().stream_reader(raw, read_across_frames=True)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            chunk = self._stream.read(len(buffer))
        except zstandard.ZstdError:
            raise PackedError("the packed content is broken from here on") from None
        self._read += len(chunk)
        if self._read > MAX_UNPACKED_BYTES:
            raise PackedError(f"the content has more than {MAX_UNPACKED_BYTES // 2**30} GiB")
        if self._read > RATIO_FROM and self._read > MAX_RATIO * max(self._size, 1):
            raise PackedError(f"the content has more than {MAX_RATIO} times its packed size")
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _decompressor() -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)


def unpacked_head(head: bytes) -> bytes:
    """Return the first bytes of the content, as far as the first packed bytes give them."""
    try:
        return _decompressor().stream_reader(head).read(HEAD_BYTES)
    except zstandard.ZstdError:
        return b""
