"""One `.eval` file: its header, its summaries and its samples, in whichever of the two speeds.

Responsible for which entry is read when. Invariants: a sample whose entry cannot be read comes from its
summary, and one whose summary is not enough from its entry; every sample is taken once; what is broken is a
finding at its offset.
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, BinaryIO, Literal

import msgspec

from consilience.evaluation.importers.imported import Options
from consilience.evaluation.importers.inspect_header import KEYS, MAX_MEMBER_BYTES, LogHeader, read_header
from consilience.evaluation.importers.inspect_rows import SampleRows
from consilience.evaluation.importers.inspect_samples import (
    FIELDS,
    Prompt,
    Sample,
    Summary,
    Tongue,
    decode_generic,
    decode_member,
    decode_sample,
    sample_of_members,
)
from consilience.evaluation.importers.inspect_summaries import needs_sample, summaries_of
from consilience.evaluation.importers.json_elements import elements, has_too_many_values
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source
from consilience.evaluation.importers.zip_directory import Entry, EntryError
from consilience.evaluation.importers.zip_entries import MAX_WHOLE_BYTES, ZipEntries

Speed = Literal["by need", "summaries", "samples"]
SMALL_BYTES = 64 * 2**20
"""Of all samples: up to here they are read even where the summaries would do."""
MIN_DURATION_S = 60.0
"""Of a run whose log's dates can show that nobody wrote it anew."""
DATE_TOLERANCE_S = 10.0
MAX_WAITING = 10_000
"""Summaries that wait for their samples."""
MAX_FAILED = 100_000
"""Entries that cannot be read and are looked for in the summaries."""
LOOKED_AT = 3
"""Samples whose fields are listed where they are not read."""
_SAMPLE = re.compile(r"samples/.*_epoch_-?[0-9]+(?:\.json|/sample\.json)", re.DOTALL)
_PART = re.compile(
    r"samples/.*_epoch_-?[0-9]+/(?:metadata\.json|skeleton\.json|(?:messages|events|calls)/\w+\.json"
    r"|attachments/(?P<start>[0-9]{1,9})\.json)", re.DOTALL,
)  # fmt: skip
_KNOWN = re.compile(r"(?:header|summaries|reductions)\.json|_journal/.*", re.DOTALL)
_JOURNAL = re.compile(r"_journal/summaries/([0-9]{1,9})\.json")


class EvalArchive:
    """Reads one file into the sink."""

    def __init__(self, source: Source, stream: BinaryIO, sink: Sink, options: Options) -> None:
        """List its entries and read its header.

        Raises:
            LimitError: Of the sink.
        """
        self._source = source
        self._sink = sink
        self._entries = ZipEntries(stream, source.size)
        for fault in self._entries.faults:
            self._say(fault, "What is whole was read; ask for the file again.")
        self._starts: dict[str, list[int]] = defaultdict(list)
        self._journal: list[tuple[int, str]] = []
        self._n_samples, self._bytes = self._survey()
        self._header = self._read_header()
        self._rows = SampleRows(sink, self._header, options)
        self._failed: set[str] = set()
        self._looked_at = 0
        self._attached: tuple[str, list[Any]] = ("", [])

    def _say(self, fault: EntryError, step: str | None = None) -> None:
        self._sink.add_finding(
            "error", fault.code, fault.text, file=self._source.name, offset=fault.offset, next_step=step
        )

    def _note(self, code: str, text: str, offset: int | None = None) -> None:
        self._sink.add_finding("warning", code, text, file=self._source.name, offset=offset)

    def _survey(self) -> tuple[int, int]:
        """Return the number of samples and what they unpack to; note where pieces of samples are."""
        samples, size = 0, 0
        for entry in self._entries:
            if _SAMPLE.fullmatch(entry.name):
                samples += 1
                size += entry.size
            elif part := _PART.fullmatch(entry.name):
                if part["start"]:
                    self._starts[entry.name.rpartition("/attachments/")[0]].append(int(part["start"]))
            elif journal := _JOURNAL.fullmatch(entry.name):
                self._journal.append((int(journal[1]), entry.name))
            elif not _KNOWN.fullmatch(entry.name) and not entry.name.endswith("/"):
                self._note("unknown_entry", "an entry is none of a log's and was not read", entry.offset)
        for starts in self._starts.values():
            starts.sort()
        return samples, size

    def _read_header(self) -> LogHeader:
        members = self._members("header.json")
        if "eval" not in members:
            members = {**self._members("_journal/start.json"), "status": "started"}
            if "eval" in members:
                self._note("interrupted", "the log has no header: the run did not end, or is still running")
        if not isinstance(members.get("eval"), dict):
            fault = EntryError("no_header", "the log does not say which task and model it is of")
            self._say(fault, "Name them with --as and --model.")
        return read_header(members, self._source.name, "eval")

    def _members(self, name: str) -> dict[str, Any]:
        entry = self._entries.get(name)
        found: dict[str, Any] = {}
        if entry is None:
            return found
        try:
            pieces = self._entries.pieces(entry)
            for piece in elements(
                pieces, wanted=KEYS.__contains__, spread=lambda _: False, max_bytes=MAX_MEMBER_BYTES
            ):
                if piece.fault is not None:
                    self._note("header_broken", f"{name} is {piece.fault}", entry.offset)
                elif piece.key is not None and piece.raw is not None:
                    found[piece.key] = decode_member(piece.key, piece.raw)
        except EntryError as error:
            self._say(error)
        return found

    def read(self, speed: Speed) -> None:
        """Read every sample.

        Raises:
            LimitError: Of the sink.
        """
        if (speed if speed != "by need" else self._speed()) == "summaries":
            self._read_summaries()
        else:
            self._read_samples()
        if not self._rows.samples:
            fault = EntryError("no_samples", "the log has no samples: only what it tells of itself was read")
            self._say(fault, "Ask for the log with its samples (Inspect writes them unless told not to).")
        self._rows.finish()

    def _speed(self) -> Speed:
        if self._entries.get("summaries.json") is None:
            return "samples"
        if not self._n_samples:
            return "summaries"
        doubtful = self._header.invalidated or bool(self._entries.superseded) or not self._entries.whole
        if doubtful or self._bytes <= SMALL_BYTES:
            return "samples"
        return "summaries" if self._as_the_run_wrote_it() else "samples"

    def _as_the_run_wrote_it(self) -> bool:
        """Say whether the dates of the first and last entry are as far apart as the run took.

        Inspect edits scores by writing the log anew, all entries at once. Where this cannot be told, no.
        """
        first, last = self._entries.get("_journal/start.json"), self._entries.get("header.json")
        took = self._header.duration_s
        if first is None or last is None or took is None or took < MIN_DURATION_S:
            return False
        return abs(_seconds(last.modified) - _seconds(first.modified) - took) <= DATE_TOLERANCE_S

    @cached_property
    def _checked(self) -> Entry | None:
        """`summaries.json`, unpacked once to its end before any of it is taken; None: missing or broken."""
        entry = self._entries.get("summaries.json")
        try:
            if entry is not None:
                self._entries.check(entry)
        except EntryError as error:
            self._say(error, "The journal was read instead.")
            return None
        return entry

    def _summaries(self) -> Iterator[Summary]:
        if self._checked is not None:
            yield from self._summaries_of(self._checked)
            return
        seen: set[int] = set()
        for _, name in sorted(self._journal, reverse=True):
            part = self._entries.get(name)
            for summary in self._summaries_of(part) if part is not None else ():
                key = hash(_name_of(summary))
                if key not in seen:
                    seen.add(key)
                    yield summary

    def _summaries_of(self, entry: Entry) -> Iterator[Summary]:
        try:
            for found in summaries_of(self._entries.pieces(entry)):
                if isinstance(found, Summary):
                    yield found
                else:
                    text = f"a summary, or their list, is {found.fault}"
                    self._note("summary_broken", text, entry.offset)
        except EntryError as error:
            self._say(error)

    def _read_summaries(self) -> None:
        waiting: list[Summary] = []
        for summary in self._summaries():
            prompt = Prompt(summary)
            if needs_sample(summary, prompt):
                waiting.append(summary)
                if len(waiting) >= MAX_WAITING:
                    self._read_waiting(waiting)
            else:
                self._rows.take(summary, prompt, None)
        self._read_waiting(waiting)
        if self._rows.samples < self._n_samples:
            self._note("summary_missing", "samples are missing in the summaries; they were read as such")
            known = {hash(_name_of(summary)) for summary in self._summaries()}
            for entry in self._samples():
                if hash(_monolith(entry.name)) not in known:
                    self._read_sample(entry)

    def _read_waiting(self, waiting: list[Summary]) -> None:
        for summary in waiting:
            entry = self._entry_of(summary)
            if entry is None or not self._read_sample(entry):
                self._rows.take(summary, Prompt(summary), None)
        waiting.clear()

    def _entry_of(self, summary: Summary) -> Entry | None:
        name = _name_of(summary)
        found = self._entries.get(name)
        return found or self._entries.get(name.removesuffix(".json") + "/sample.json")

    def _samples(self) -> Iterator[Entry]:
        return (entry for entry in self._entries if _SAMPLE.fullmatch(entry.name))

    def _read_samples(self) -> None:
        for entry in self._samples():
            if not self._read_sample(entry) and len(self._failed) < MAX_FAILED:
                self._failed.add(_monolith(entry.name))
        if self._failed or self._header.samples is None or self._header.samples > self._rows.samples:
            for summary in self._summaries():
                if self._entry_of(summary) is None or _name_of(summary) in self._failed:
                    self._note("from_summary", "a sample cannot be read; what its summary says was taken")
                    self._rows.take(summary, Prompt(summary), None)

    def _read_sample(self, entry: Entry) -> bool:
        """Take one sample; False: it cannot be read, and there is a finding."""
        try:
            sample = self._decoded(entry)
        except EntryError as error:
            self._say(error)
            return False
        attached = None
        if entry.name.endswith("/sample.json"):
            prefix = entry.name.removesuffix("/sample.json")
            sample.metadata = sample.metadata or self._tongue(prefix)
            attached = self._attachments(prefix)
        self._rows.take(sample, Prompt(sample, attached), entry.offset)
        return True

    def _decoded(self, entry: Entry) -> Sample:
        if entry.size > MAX_WHOLE_BYTES:
            return self._large(entry)
        raw = self._entries.read(entry)
        if has_too_many_values(raw):
            return self._large(entry)
        sample = decode_sample(raw)
        if sample is None:
            raise EntryError("sample_broken", "a sample is no JSON, or is nested too deep", entry.offset)
        if self._looked_at < LOOKED_AT:
            self._list_unread(raw)
        return sample

    def _large(self, entry: Entry) -> Sample:
        members: dict[str, bytes] = {}
        for piece in elements(
            self._entries.pieces(entry), wanted=FIELDS.__contains__, spread=lambda _: False
        ):
            if piece.raw is not None and piece.key is not None and not has_too_many_values(piece.raw):
                members[piece.key] = piece.raw
            elif piece.fault in {"truncated", "malformed"}:
                raise EntryError("sample_broken", f"a sample is {piece.fault}", entry.offset)
            else:
                self._note(
                    "field_too_large", "a field of a sample is too large and was left out", entry.offset
                )
        return sample_of_members(members)

    def _list_unread(self, raw: bytes) -> None:
        self._looked_at += 1
        try:
            fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        empty = {b"[]", b"{}", b"null"}
        unread = {f"samples.{name[:100]}" for name, value in fields.items()
                  if name not in FIELDS and bytes(value) not in empty}  # fmt: skip
        run = self._sink.runs[self._rows.run]
        self._sink.change_run(self._rows.run, unmapped=tuple(sorted({*run.unmapped, *sorted(unread)[:50]})))

    def _tongue(self, prefix: str) -> Tongue | None:
        entry = self._entries.get(f"{prefix}/metadata.json")
        if entry is None:
            return None
        try:
            return msgspec.convert(decode_generic(self._entries.read(entry)), Tongue)
        except (EntryError, msgspec.ValidationError):
            self._note("metadata_broken", "the metadata of a sample cannot be read", entry.offset)
            return None

    def _attachments(self, prefix: str) -> Callable[[str], str | None]:
        starts = self._starts.get(prefix, [])

        def attached(name: str) -> str | None:
            index = int(name) if name.isascii() and name.isdigit() and len(name) <= 9 else -1
            rank = bisect_right(starts, index) - 1
            if rank < 0:
                return None
            texts = self._chunk(f"{prefix}/attachments/{starts[rank]}.json")
            at = index - starts[rank]
            return texts[at] if at < len(texts) and isinstance(texts[at], str) else None

        return attached

    def _chunk(self, name: str) -> list[Any]:
        if self._attached[0] != name:
            entry = self._entries.get(name)
            try:
                found = decode_generic(self._entries.read(entry)) if entry is not None else None
            except EntryError as error:
                self._say(error)
                found = None
            self._attached = (name, found if isinstance(found, list) else [])
        return self._attached[1]


def _name_of(summary: Summary) -> str:
    return f"samples/{summary.id}_epoch_{summary.epoch}.json"


def _monolith(name: str) -> str:
    """Return the name of a sample's entry as it is in one piece."""
    return name.removesuffix("/sample.json") + ".json" if name.endswith("/sample.json") else name


def _seconds(modified: int) -> float:
    """Return an MS-DOS date and time in seconds since some day; only differences mean something."""
    date, time = modified >> 16, modified & 0xFFFF
    year, month, day = 1980 + (date >> 9), max(1, date >> 5 & 15), max(1, date & 31)
    midnight = calendar.timegm((year, month, day, 0, 0, 0))
    return float(midnight + (time >> 11) * 3600 + (time >> 5 & 63) * 60 + (time & 31) * 2)
