"""Logs of Inspect, without Inspect: `.eval` files and the JSON logs of older versions.

Layout of `.eval` (version 2; inspect_ai 0.3.285, `log/_recorders/eval.py` and `chunked/format.py`): a zip
file with `header.json`, `summaries.json`, `samples/ID_epoch_N.json` or, in pieces,
`samples/ID_epoch_N/sample.json` with `metadata.json` and `attachments/START.json`; a run that did not end has
`_journal/start.json` and `_journal/summaries/N.json` in their stead. Invariants: bad content is a finding and
never an exception; what is whole is read; memory does not grow with the log.

There are two speeds. Summaries are enough where they hold the whole input and every score; they do not tell
whether a score was changed later, so they are only used for a log that is large and is as its run wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from consilience.evaluation.importers.imported import Options
from consilience.evaluation.importers.inspect_archive import EvalArchive, Speed
from consilience.evaluation.importers.inspect_header import KEYS, MAX_MEMBER_BYTES, read_header
from consilience.evaluation.importers.inspect_repeated import join_continued
from consilience.evaluation.importers.inspect_rows import SampleRows
from consilience.evaluation.importers.inspect_samples import Prompt, decode_member, decode_sample
from consilience.evaluation.importers.json_elements import Piece, elements
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source
from consilience.evaluation.importers.zip_directory import PIECE, ZipDirectory

NEEDED = frozenset({"eval", "status", "results"})
"""Members without which samples are not begun; where they stand behind the samples, they are read first."""
FAULTS = {
    "truncated": "the file is cut off",
    "malformed": "the file is no JSON from here on",
    "oversized": "a value is too large and was left out",
    "too_deep": "a value is nested too deep and was left out",
    "not_an_object": "a sample cannot be decoded and was left out",
}
_EVAL = re.compile(rb'"eval"\s*:\s*\{')
_SPEC = re.compile(rb'"(?:task_id|run_id|eval_id|task_args)"\s*:')
_FIRST = re.compile(rb"_journal/|(?:header|summaries|reductions)\.json$|samples/.*_epoch_[0-9]+[./]")


class InspectReader:
    """Reads Inspect's logs."""

    name = "inspect"

    def __init__(self, speed: Speed = "by need") -> None:
        """Choose what is read where a log has both summaries and samples; `by need`: see the module."""
        self._speed = speed

    def recognise(self, source: Source, head: bytes) -> bool:
        """Say whether it is a log of Inspect: by the entries of the zip file, or the members of the JSON."""
        if head.startswith(b"PK\x03\x04"):
            name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
            return _FIRST.match(name) is not None or _has_header(source)
        text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        return text.startswith(b"{") and bool(_EVAL.search(text)) and bool(_SPEC.search(text))

    def read(self, sources: Sequence[Source], sink: Sink, options: Options) -> None:
        """Read logs into the sink.

        Raises:
            LimitError: Of the sink.
        """
        parts = [(len(sink.runs), self.read_part(source, sink, options)) for source in sources]
        self.finish(parts, sources, sink)

    def read_part(self, source: Source, sink: Sink, options: Options) -> bytes:
        """Read one log; what it shares with others waits for `finish`.

        Raises:
            LimitError: Of the sink.
        """
        with source.path.open("rb", buffering=PIECE) as stream:
            if stream.read(2) == b"PK":
                EvalArchive(source, stream, sink, options).read(self._speed)
            else:
                _JsonLog(source, sink, options).read()
        return b""

    def finish(self, parts: Sequence[tuple[int, bytes]], sources: Sequence[Source], sink: Sink) -> None:
        """Count samples that stand in several logs once: a log of `inspect eval-retry` repeats them."""
        join_continued(sink, [run for run, _ in parts])


def _has_header(source: Source) -> bool:
    with source.open() as stream:
        entries = ZipDirectory(stream, source.size)
    return entries.get("_journal/start.json") is not None or (
        entries.get("header.json") is not None and entries.get("summaries.json") is not None
    )


class _JsonLog:
    """A log that is one JSON document; its members may stand in any order."""

    def __init__(self, source: Source, sink: Sink, options: Options) -> None:
        self._source = source
        self._sink = sink
        self._options = options
        self._members: dict[str, Any] = {}
        self._rows: SampleRows | None = None
        self._whole = True

    def read(self) -> None:
        for piece in self._elements(samples=True):
            if piece.key != "samples":
                self._take_member(piece)
                continue
            if self._rows is None and not self._members.keys() >= NEEDED:
                self._read_members()
            self._take_sample(piece)
        rows = self._begun()
        if not self._whole:
            self._sink.change_run(rows.run, state="interrupted")
        if not rows.samples:
            self._say("no_samples", "the log has no samples: only what it tells of itself was read", None)
        rows.finish()

    def _elements(self, *, samples: bool) -> Iterator[Piece]:
        with self._source.path.open("rb", buffering=0) as stream:
            yield from elements(
                _without_mark(iter(lambda: stream.read(PIECE), b"")),
                wanted=KEYS.__contains__,
                spread=lambda key: samples and key == "samples",
                max_bytes=MAX_MEMBER_BYTES,
            )

    def _read_members(self) -> None:
        for piece in self._elements(samples=False):
            if piece.fault is None:
                self._take_member(piece)

    def _take_member(self, piece: Piece) -> None:
        if piece.fault is not None or piece.raw is None:
            self._whole = self._whole and piece.fault not in {"truncated", "malformed"}
            self._say(piece.fault or "malformed", FAULTS[piece.fault or "malformed"], piece.offset)
        elif piece.key is not None:
            self._members[piece.key] = decode_member(piece.key, piece.raw)

    def _begun(self) -> SampleRows:
        if self._rows is None:
            if not isinstance(self._members.get("eval"), dict):
                self._say("no_header", "the log does not say which task and model it is of", None)
            header = read_header(self._members, self._source.name, "json")
            self._rows = SampleRows(self._sink, header, self._options)
        return self._rows

    def _take_sample(self, piece: Piece) -> None:
        sample = None if piece.raw is None else decode_sample(piece.raw)
        if sample is None:
            fault = piece.fault or "not_an_object"
            self._say(fault, FAULTS[fault], piece.offset)
        else:
            self._begun().take(sample, Prompt(sample), piece.offset)

    def _say(self, code: str, text: str, offset: int | None) -> None:
        self._sink.add_finding("error", code, text, file=self._source.name, offset=offset)


def _without_mark(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Leave out the mark of UTF-8 that some programs write first."""
    yield next(pieces, b"").removeprefix(b"\xef\xbb\xbf")
    yield from pieces
