"""The list of summaries of an Inspect log, in bounded memory and fast where it is as Inspect writes it.

Invariant: the fast way (cut between two summaries, decode all up to there at once) and the exact one (find
every element, decode each) yield the same; where the fast one fails, the rest is read by the exact one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import msgspec

from consilience.evaluation.importers.inspect_samples import (
    SUMMARIES,
    Prompt,
    Summary,
    SummaryScore,
    decode_summary,
    mend,
)
from consilience.evaluation.importers.inspect_values import NAN
from consilience.evaluation.importers.json_elements import Piece, elements, has_too_many_values

WINDOW = 1 << 20
"""Bytes that are decoded at once."""
TAIL = 1 << 16
"""Bytes at the end of a window in which the cut is looked for."""
_BETWEEN = re.compile(
    rb'\}\s*+(,)\s*+\{\s*+"id"\s*+:\s*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?[0-9]++)\s*+,\s*+"epoch"', re.DOTALL
)


def summaries_of(pieces: Iterator[bytes]) -> Iterator[Summary | Piece]:
    """Yield the summaries of a list, and what is wrong with it as pieces with a fault.

    Args:
        pieces: `summaries.json`, or one file of the journal.
    """
    window = next(pieces, b"").lstrip()
    if not window.startswith(b"["):
        yield from _exact(iter([window]), pieces)
        return
    window = window[1:]
    while piece := next(pieces, b""):
        window += piece
        if len(window) < WINDOW:
            continue
        cut = _cut(window)
        found = None if cut is None else _decode(b"[" + window[:cut] + b"]")
        if cut is None or found is None:
            yield from _exact(iter([b"[" + window]), pieces)
            return
        yield from found
        window = window[cut + 1 :]
    found = _decode(b"[" + window)
    yield from _exact(iter([b"[" + window]), iter(())) if found is None else found


def _cut(window: bytes) -> int | None:
    """Return where the last comma between two summaries stands."""
    last = None
    for found in _BETWEEN.finditer(window, max(0, len(window) - TAIL)):
        last = found
    return None if last is None else last.start(1)


def _decode(raw: bytes) -> list[Summary] | None:
    if has_too_many_values(raw):
        return None
    for attempt in (raw, None):
        try:
            return SUMMARIES.decode(raw if attempt is not None else mend(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return None


def _exact(first: Iterator[bytes], rest: Iterator[bytes]) -> Iterator[Summary | Piece]:
    for piece in elements(chain(first, rest), wanted=lambda _: False, spread=lambda _: False):
        if piece.raw is None:
            yield piece
        else:
            yield decode_summary(piece.raw) or Piece(None, None, piece.offset, "malformed")


def needs_sample(summary: Summary, prompt: Prompt) -> bool:
    """Say whether the sample must be read: its input is shortened, or nothing tells why it has no score."""
    if not prompt.whole:
        return True
    if not summary.scores:
        return summary.error is None and summary.limit is None
    return any(score.reason is None and _has_none(score) for score in summary.scores.values())


def _has_none(score: SummaryScore) -> bool:
    value: Any = score.value
    if isinstance(value, dict):
        return not value or None in value.values() or NAN in value.values()
    if isinstance(value, list):
        return not value or NAN in value
    return value is None or value == NAN
