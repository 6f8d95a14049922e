"""A JSON document in pieces: the elements of its list, or the members of its object, in bounded memory.

Finds where values begin and end and leaves their decoding to others. Invariants: at most `max_bytes` of one
value are held; nesting is counted and never recursed into; a string that holds braces is a string; what is
too large, too deep, cut off or no JSON is a `Piece` with a fault and its offset, and whole values before and
after it are still found where the document lets them be. Follows RFC 8259; `NaN` and `Infinity` pass as any
other bare word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

MAX_VALUE_BYTES = 16 * 2**20
"""Of one value that is held."""
MAX_NESTING = 200
"""Lists and objects within each other in one value."""
MAX_KEY_BYTES = 65_536
"""Of the name of a member."""
MAX_VALUES = 2_000_000
"""Values (lists, objects, words) in one document that is decoded as a whole: an empty list takes two bytes in
a file and some seventy in memory, an object with one member some 250."""

_INERT = re.compile(rb'(?:[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+', re.DOTALL)
"""Everything up to a bracket or a string that does not end in the buffer."""
_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_BARE = re.compile(rb'[^\s,\]}\[{":]*+')
_SPACE = re.compile(rb"\s*+")


@dataclass(frozen=True, slots=True)
class Piece:
    """One value, or what is wrong with it."""

    key: str | None
    """Name of the member; None in a list at the top."""
    raw: bytes | None
    """None: see `fault`."""
    offset: int
    """Of its first byte."""
    fault: str | None = None
    """`truncated`, `malformed` (nothing follows), `oversized`, `too_deep`."""


class _CutError(Exception):
    """The document ends in the middle."""


class _WrongError(Exception):
    """What stands here is no JSON."""


def elements(
    pieces: Iterator[bytes],
    *,
    wanted: Callable[[str], bool],
    spread: Callable[[str], bool],
    max_bytes: int = MAX_VALUE_BYTES,
    within: str | None = None,
) -> Iterator[Piece]:
    """Yield the elements of the list, or the wanted members of the object, that the document is.

    Args:
        pieces: The document's bytes, UTF-8.
        wanted: Of an object: whether the member of this name is yielded.
        spread: Whether the elements of the list that is this member are yielded one by one.
        max_bytes: Of a value that is yielded.
        within: An object of the document whose members are yielded too, named `within.member`.
    """
    scan = _Scan(pieces, max_bytes)
    try:
        first = scan.skip_space()
        if first == b"[":
            yield from scan.list_of(None)
        elif first == b"{":
            yield from scan.members(wanted, spread, within)
        else:
            raise _WrongError
        if scan.skip_space():
            raise _WrongError
    except _CutError:
        yield Piece(None, None, scan.offset, "truncated")
    except _WrongError:
        yield Piece(None, None, scan.offset, "malformed")


class _Scan:
    """A window that moves over the document."""

    def __init__(self, pieces: Iterator[bytes], max_bytes: int) -> None:
        self._pieces = pieces
        self._max = max_bytes
        self._window = b""
        self._at = 0
        self._base = 0

    @property
    def offset(self) -> int:
        return self._base + self._at

    def _more(self, keep: int) -> int:
        """Add a piece behind the window, drop what is before `keep`; return where `keep` is now."""
        piece = next(self._pieces, b"")
        while not piece:
            piece = next(self._pieces, None) or b""
            if not piece:
                raise _CutError
        self._window = self._window[keep:] + piece
        self._base += keep
        self._at -= keep
        return 0

    def skip_space(self) -> bytes:
        """Return the next byte that is no white space, not taken; empty at the end."""
        while True:
            found = _SPACE.match(self._window, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._window):
                return self._window[self._at : self._at + 1]
            try:
                self._more(self._at)
            except _CutError:
                return b""

    def _expect(self, *allowed: bytes) -> bytes:
        byte = self.skip_space()
        if not byte:
            raise _CutError
        if byte not in allowed:
            raise _WrongError
        self._at += 1
        return byte

    def list_of(self, key: str | None) -> Iterator[Piece]:
        self._expect(b"[")
        if self.skip_space() == b"]":
            self._at += 1
            return
        while True:
            self.skip_space()
            start = self.offset
            raw, fault = self._value(hold=True)
            yield Piece(key, raw, start, fault)
            if self._expect(b",", b"]") == b"]":
                return

    def members(
        self,
        wanted: Callable[[str], bool],
        spread: Callable[[str], bool],
        within: str | None,
        above: str = "",
    ) -> Iterator[Piece]:
        self._expect(b"{")
        if self.skip_space() == b"}":
            self._at += 1
            return
        while True:
            key = above + self._key()
            self._expect(b":")
            opening = self.skip_space()
            start = self.offset
            if spread(key) and opening == b"[":
                yield from self.list_of(key)
            elif key == within and opening == b"{":
                yield from self.members(wanted, spread, None, f"{key}.")
            else:
                hold = wanted(key)
                raw, fault = self._value(hold=hold)
                if hold:
                    yield Piece(key, raw, start, fault)
            if self._expect(b",", b"}") == b"}":
                return

    def _key(self) -> str:
        if self.skip_space() != b'"':
            raise (_WrongError if self.skip_space() else _CutError)
        raw, _ = self._value(hold=True)
        if raw is None or len(raw) > MAX_KEY_BYTES:
            raise _WrongError
        try:
            return msgspec.json.decode(raw, type=str)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise _WrongError from None

    def _value(self, *, hold: bool) -> tuple[bytes | None, str | None]:
        """Pass over the value that begins here; return its bytes, or what is wrong with it."""
        first = self.skip_space()
        self._start = self._at if hold else -1
        self._fault: str | None = None
        if not first:
            raise _CutError
        if first == b'"':
            self._at += 1
            self._string()
        elif first in b"[{":
            self._brackets()
        else:
            self._word()
        if not hold:
            return None, None
        if self._fault or self._at - self._start > self._max:
            return None, self._fault or "oversized"
        return self._window[self._start : self._at], None

    def _grow(self) -> None:
        """Get more of a value; what is not held, or too much, is dropped from the window."""
        if self._start >= 0 and self._fault is None and len(self._window) - self._start > self._max:
            self._fault = "oversized"
        held = self._start >= 0 and self._fault is None
        keep = self._start if held else self._at
        self._more(keep)
        self._start = 0 if self._start >= 0 else -1

    def _string(self) -> None:
        while True:
            found = _STRING.match(self._window, self._at)
            self._at = found.end() if found else self._at
            if self._window[self._at : self._at + 1] == b'"':
                self._at += 1
                return
            self._grow()

    def _brackets(self) -> None:
        depth = 0
        while True:
            found = _INERT.match(self._window, self._at)
            self._at = found.end() if found else self._at
            byte = self._window[self._at : self._at + 1]
            self._at += len(byte)
            if byte == b'"':
                self._string()
            elif not byte:
                self._grow()
            elif byte in b"[{":
                depth += 1
                if depth > MAX_NESTING and self._fault is None:
                    self._fault = "too_deep"
            else:
                depth -= 1
                if not depth:
                    return

    def _word(self) -> None:
        taken = False
        while True:
            found = _BARE.match(self._window, self._at)
            end = found.end() if found else self._at
            taken = taken or end > self._at
            self._at = end
            if end < len(self._window):
                break
            self._grow()
        if not taken:
            raise _WrongError


def has_too_many_values(raw: bytes) -> bool:
    """Say whether JSON may hold more than MAX_VALUES values; commas and brackets in texts are counted too."""
    if len(raw) <= MAX_VALUES:
        return False
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MAX_VALUES
