"""The values of a large JSON document one by one: elements of its lists, and single members.

Responsible for bounded memory where a document may hold millions of elements. Invariants: at most
MAX_VALUE_BYTES of one value and MAX_VALUES values in it are held; what is too large, too deep, cut off or no
JSON is a finding with its byte, and what is whole before and after it is still yielded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain
from typing import Any

import msgspec

from consilience.evaluation.importers.json_elements import MAX_VALUE_BYTES, Piece, elements
from consilience.evaluation.importers.json_lines import Fault, say_fault, value_of
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source

MAX_ELEMENTS = 5_000_000
"""Of the lists of one document."""
PIECE_BYTES = 1 << 20
"""That are read at once."""
MARK = b"\xef\xbb\xbf"


def parts(
    source: Source, sink: Sink, *, lists: Collection[str] = (), members: Collection[str] = ()
) -> Iterator[tuple[str | None, Any]]:
    """Yield values of a document with the names of their members.

    Args:
        source: A file that is one JSON document.
        sink: Hears of `truncated`, `malformed`, `oversized`, `too_deep`, `too_many_values`,
            `too_many_elements` and `encoding`.
        lists: Members whose elements are yielded one by one; none: the document itself is a list, and the
            name of its elements is None. `outer.inner` is a member within a member.
        members: Members that are yielded as a whole. Where these alone are asked for, a document that is cut
            or no JSON is not told: whoever reads its lists too is told then.
    """
    decoder = msgspec.json.Decoder()
    count = 0
    for piece in _pieces(source, lists, members):
        if piece.key is None and members and not lists:
            continue
        if piece.fault is None and piece.key is None and lists:
            continue
        value = Fault(piece.fault or "malformed") if piece.raw is None else value_of(piece.raw, decoder)
        if isinstance(value, Fault):
            say_fault(value, source, sink, piece.offset)
            continue
        count += piece.key is None or piece.key in lists
        if count > MAX_ELEMENTS:
            sink.add_finding(
                "error", "too_many_elements", f"a list has more than {MAX_ELEMENTS:,} elements; the rest was "
                "left out", file=source.name, offset=piece.offset,
            )  # fmt: skip
            return
        yield piece.key, value


def _pieces(source: Source, lists: Collection[str], members: Collection[str]) -> Iterator[Piece]:
    within = next((name.partition(".")[0] for name in (*lists, *members) if "." in name), None)
    with source.open() as stream:
        content = iter(lambda: stream.read(PIECE_BYTES), b"")
        yield from elements(
            chain([next(content, b"").removeprefix(MARK)], content),
            wanted=members.__contains__,
            spread=lists.__contains__,
            max_bytes=MAX_VALUE_BYTES,
            within=within,
        )
