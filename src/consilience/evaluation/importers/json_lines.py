"""JSON documents line by line, from files that may be cut, mixed or made to break readers.

Responsible for bounded memory and for naming the place of a fault. Invariants: at most MAX_LINE_BYTES of a
line are held; a line that cannot be read is a finding, and the next one is read; no number comes out that is
not finite (a bare `NaN` or `Infinity` becomes None, as unscored values are written); no text comes out that
cannot be written as UTF-8.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from consilience.evaluation.importers.json_elements import (
    MAX_VALUE_BYTES,
    MAX_VALUES,
    has_too_many_values,
)
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source

MAX_LINE_BYTES = 16 * 2**20
"""Of one line of a log."""
MAX_DOCUMENT_BYTES = 256 * 2**20
"""Of a JSON document that is read as a whole."""
MAX_DEPTH = 200
"""Lists and objects within each other."""
NOT_NUMBERS = (b"NaN", b"Infinity")
_QUOTE, _CHUNK = 2, 1 << 18
_MARKS = bytes.maketrans(b'"[{]}', bytes((_QUOTE, 1, 1, 255, 255)))
_NOT_MARKS = bytes(byte for byte in range(256) if byte not in b'"[]{}')
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<lone>u[dD][89a-fA-F]..)|.)", re.DOTALL)


class Line(NamedTuple):
    """One line and where it stands."""

    number: int
    """From 1."""
    offset: int
    """Of its first byte, from 0."""
    value: Any
    """As JSON has it."""


def json_lines(source: Source, sink: Sink) -> Iterator[Line]:
    """Yield the values of the lines of a file; what cannot be read is told to the sink.

    Args:
        source: A file of JSON documents, one in each line; empty lines are passed over.
        sink: Hears of `line_too_long`, `truncated`, `malformed_line`, `too_deep`, `too_many_values`.
    """
    decoder = msgspec.json.Decoder()
    with source.open() as stream:
        number, offset = 0, 0
        while raw := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            at = offset
            offset += len(raw)
            if len(raw) > MAX_LINE_BYTES:
                while raw and not raw.endswith(b"\n"):
                    raw = stream.readline(MAX_LINE_BYTES)
                    offset += len(raw)
                sink.add_finding(
                    "error", "line_too_long", f"a line has more than {MAX_LINE_BYTES // 2**20} MiB and was "
                    "left out", file=source.name, line=number, offset=at,
                )  # fmt: skip
                continue
            if raw.isspace():
                continue
            if at == 0 and raw.startswith(b"\xef\xbb\xbf"):
                raw = raw[3:]
            value = value_of(raw, decoder)
            if isinstance(value, Fault):
                code = value.code
                if code == "malformed_line" and not raw.endswith(b"\n"):
                    code = "truncated"
                sink.add_finding("error", code, TEXTS[code], file=source.name, line=number, offset=at)
                continue
            yield Line(number, at, value)


class Fault(msgspec.Struct, frozen=True):
    """Why a document cannot be read."""

    code: str


TEXTS = {
    "truncated": "the file ends in the middle of a line",
    "malformed_line": "this line is no JSON and was left out",
    "too_deep": f"lists and objects stand more than {MAX_DEPTH} deep within each other",
    "encoding": "the text is not UTF-8",
    "malformed": "this is no JSON",
    "too_many_values": f"there are more than {MAX_VALUES:,} values in one document or line",
    "oversized": f"a value has more than {MAX_VALUE_BYTES // 2**20} MiB and was left out",
    "too_large": f"the document has more than {MAX_DOCUMENT_BYTES // 2**20} MiB",
}


def value_of(raw: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Return the value of a JSON text, or a `Fault`."""
    try:
        if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and is_deep(raw):
            return Fault("too_deep")
        if has_too_many_values(raw):
            return Fault("too_many_values")
        return decoder.decode(raw)
    except RecursionError:
        return Fault("too_deep")
    except MemoryError:
        return Fault("too_large")
    except msgspec.DecodeError as error:
        if any(word in raw for word in NOT_NUMBERS) or b"\\ud" in raw or b"\\uD" in raw:
            return _with_odd_words(raw)
        return Fault("encoding" if "utf-8" in str(error).lower() else "malformed_line")
    except UnicodeDecodeError:
        return Fault("encoding")


def _with_odd_words(raw: bytes) -> Any:
    """Return the value of a text with bare `NaN` or `Infinity` (None), or with half a surrogate pair (the
    replacement character), as the json module of Python writes them."""
    try:
        mended = _ESCAPE.sub(lambda m: b"\\ufffd" if m["lone"] else m[0], raw)
        return json.loads(mended, parse_constant=lambda _: None)
    except RecursionError:
        return Fault("too_deep")
    except UnicodeDecodeError:
        return Fault("encoding")
    except ValueError:
        return Fault("malformed_line")


def is_deep(raw: bytes) -> bool:
    """Say whether brackets outside strings stand more than MAX_DEPTH deep."""
    import numpy as np

    marks = raw.replace(rb"\\", b"").replace(rb"\"", b"").translate(_MARKS, _NOT_MARKS)
    quotes, depth = 0, 0
    for start in range(0, len(marks), _CHUNK):
        step = np.frombuffer(marks, np.int8, min(_CHUNK, len(marks) - start), start)
        outside = (quotes + np.cumsum(step == _QUOTE, dtype=np.int32)) % 2 == 0
        depths = depth + np.cumsum(np.where(outside & (step != _QUOTE), step, 0), dtype=np.int32)
        if depths.max() > MAX_DEPTH:
            return True
        quotes += int(np.count_nonzero(step == _QUOTE))
        depth = int(depths[-1])
    return False


def say_fault(fault: Fault, source: Source, sink: Sink, offset: int | None = None) -> None:
    """Tell the sink why a document, or a value in it, cannot be read."""
    code = "malformed" if fault.code == "malformed_line" else fault.code
    sink.add_finding(
        "error", code, TEXTS[code], file=source.name, offset=offset,
        next_step="Write the file again, or leave it out.",
    )  # fmt: skip


def document(source: Source, sink: Sink) -> Any:
    """Return the value of a file that is one JSON document, or None with a finding."""
    if source.size > MAX_DOCUMENT_BYTES:
        sink.add_finding("error", "too_large", TEXTS["too_large"], file=source.name)
        return None
    with source.open() as stream:
        raw = stream.read()
    value = value_of(raw.removeprefix(b"\xef\xbb\xbf"), msgspec.json.Decoder())
    if isinstance(value, Fault):
        say_fault(value, source, sink)
        return None
    return value
