"""The import: from named paths to one folder with scores, prompts and the account of both.

Responsible for the order of the work. Invariants: a file is read once however often it was named or copied;
a file that no reader recognises is listed; importing the same files again gives the same files; a dry run
writes nothing; an import is there as a whole or not at all.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import msgspec

from consilience.errors import InputError, Where
from consilience.evaluation.importers import writing
from consilience.evaluation.importers.finding import Finder, head_of
from consilience.evaluation.importers.formats import readers
from consilience.evaluation.importers.imported import Imported, ImportedFile, Options
from consilience.evaluation.importers.languages import identify_languages
from consilience.evaluation.importers.naming import shown
from consilience.evaluation.importers.placing import put
from consilience.evaluation.importers.reading import read_format
from consilience.evaluation.importers.renaming import declare_directions, drop_copies, listed, rename_raters
from consilience.evaluation.importers.scratch import check_room, room_told, scratch_folder
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Progress, Reader, Source
from consilience.evaluation.importers.tables import Tables
from consilience.evaluation.protocol import Protocol

WHOLE = frozenset({"inspect", "garak", "promptfoo", "moonshot", "pyrit", "modelbench"})
"""Formats of which a file itself tells what it measured, so that an equal file is a copy and is not read.
Files of other formats can be equal and of different models; they are read, and copies are seen afterwards."""
TOLD = ("archive_broken", "archive_too_large", "too_large", "too_deep", "unreadable", "unmapped_table",
        "encoding", "nested_archive", "own_import")  # fmt: skip
"""Findings that say why nothing could be read, the most telling first."""

MANY_WORDS = 50
"""Words of a rater from which not all are told, so that none can be said to be missing."""


def import_paths(
    paths: Sequence[Path],
    options: Options,
    *,
    target: Path | None,
    now: datetime.datetime,
    protocol: Protocol | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Import what the paths stand for.

    Args:
        paths: Files, folders and archives.
        options: What the user decides.
        target: Folder for the files, made if it is not there; None: a dry run.
        now: For the account's date, UTC.
        protocol: Only items that it plans are taken, under the names that they have there.
        progress: Told what is being done.

    Returns:
        The account, also written to `import.json`.

    Raises:
        NotFoundError: A path is not there.
        InputError: No file is of a known format, or no run has a metric that the options name.
        LimitError: A documented limit is passed, or there is no room for the work.
    """
    tell = progress or (lambda _: None)
    with room_told(), scratch_folder() as scratch:
        (scratch / "unpacked").mkdir()
        sink = Sink(scratch)
        try:
            work = _Reading(options, sink, scratch, tell)
            files = work.read(paths)
            drop_copies(sink, files, known=options.model is not None)
            work.check_options()
            tell("names of items")
            declare_directions(sink, options.directions)
            rename_raters(sink, options.raters)
            identify_languages(sink, options)
            writing.settle(sink, options, protocol)
            return _written(sink, options, files, target, now)
        finally:
            sink.close()


def _written(
    sink: Sink, options: Options, files: Sequence[ImportedFile], target: Path | None, now: datetime.datetime
) -> Imported:
    if target is None:
        return writing.account(sink, options, files, now=now, scores=None)

    def write(folder: Path) -> Imported:
        writing.write_scores(sink, options, folder / writing.SCORES)
        writing.write_items(sink, folder / writing.ITEMS)
        imported = writing.account(sink, options, files, now=now, scores=folder / writing.SCORES)
        writing.write_account(imported, folder / writing.IMPORT)
        return imported

    return put(target, write)


class _Reading:
    """The files of one import on their way into the sink."""

    def __init__(self, options: Options, sink: Sink, scratch: Path, tell: Progress) -> None:
        self.options, self.sink, self.scratch, self.tell = options, sink, scratch, tell
        self.known = list(readers(options))
        self.taken: dict[str, list[Source]] = {reader.name: [] for reader in self.known}
        self.files: list[ImportedFile] = []
        self.digests: dict[str, str] = {}

    def read(self, paths: Sequence[Path]) -> tuple[ImportedFile, ...]:
        """Find, recognise and read all files; return those that were found."""
        finder = Finder(self.scratch / "unpacked", self.sink)
        waiting = list(finder.find(paths))
        while waiting:
            source = waiting.pop(0)
            try:
                waiting[:0] = self._take(source, finder)
            except OSError as error:
                check_room(error)
                self.sink.add_finding(
                    "error", "unreadable", f"the system refuses it ({error.strerror})", file=source.name
                )
        if not any(self.taken.values()):
            self._refuse(paths)
        self._read_all(self.options, self.sink)
        return tuple(self.files)

    def _take(self, source: Source, finder: Finder) -> list[Source]:
        """Recognise a file; return what an archive holds."""
        digest, head = writing.file_digest(source.path), head_of(source)
        reader = self._reader_of(source, head)
        known = reader is None or reader.name in WHOLE
        if digest in self.digests and source.size and known:
            self.sink.add_finding(
                "note", "same_file", f"this is a copy of {self.digests[digest][:200]}, and was taken once",
                file=source.name,
            )  # fmt: skip
            return []
        self.digests.setdefault(digest, source.name)
        name = reader.name if reader else None
        self.files.append(ImportedFile(name=source.name, sha256=digest, bytes=source.size, format=name))
        if reader is not None:
            self.taken[reader.name].append(source)
            return []
        inside = finder.open_archive(source, head)
        if inside is None and not self._said_why(source, head):
            self.sink.add_finding("note", "unknown_format", "no reader knows this format", file=source.name)
        return inside or []

    def _reader_of(self, source: Source, head: bytes) -> Reader | None:
        if not source.size:
            return None
        return next((reader for reader in self.known if reader.recognise(source, head)), None)

    def _said_why(self, source: Source, head: bytes) -> bool:
        """Let the reader of tables say which columns a table has that nobody knows the meaning of."""
        return any(
            isinstance(reader, Tables) and reader.say_why_not(source, head, self.sink)
            for reader in self.known
        )

    def _refuse(self, paths: Sequence[Path]) -> None:
        found = [finding for finding in self.sink.findings() if finding.code in TOLD]
        if found:
            told = min(found, key=lambda finding: TOLD.index(finding.code))
            raise InputError(
                told.text, where=Where(file=told.file),
                next_step=told.next_step or "No other file could be read.",
            )  # fmt: skip
        raise InputError(
            "none of these files is of a format that can be read",
            where=Where(file=", ".join(shown(path) for path in paths)[:500]),
            next_step="See `consilience exercise import --help` for the formats.",
        )

    def _read_all(self, options: Options, sink: Sink) -> None:
        for reader in self.known:
            if self.taken[reader.name]:
                self.tell(f"{reader.name}: {len(self.taken[reader.name]):,} files")
                sources = self.taken[reader.name]
                read_format(reader, sources, sink, options, scratch=self.scratch / "unpacked", tell=self.tell)

    def check_options(self) -> None:
        """Refuse a metric of the options that no run has; tell of a word that no score was.

        Raises:
            InputError: It says which there are.
        """
        names = {
            name for metrics in self.sink.metrics for m in metrics.values() for name in (m.rater, m.name)
        }
        names |= set(self.options.columns.get("score", "").split(","))
        missing = [only for only in self.options.scorers if not any(_is_of(only, name) for name in names)]
        if missing:
            raise InputError(
                f"--only: no run has the metric {missing[0][:100]!r}",
                next_step=f"There are: {listed(self._without_choice())}.",
            )
        words = [m.values for metrics in self.sink.metrics for m in metrics.values()]
        found = {word for values in words for word in values}
        for word in sorted(set(self.options.values) - found):
            if max(map(len, words), default=0) < MANY_WORDS:
                self.sink.add_finding(
                    "error", "unused_value", f"no score is the word {word[:100]!r} of --value; words that "
                    f"became numbers: {listed(found)}", file=self.files[0].name,
                )  # fmt: skip

    def _without_choice(self) -> set[str]:
        """Return all metrics of the source; what was left out by --only is read once more for it."""
        scratch = self.scratch / "again"
        scratch.mkdir()
        sink = Sink(scratch)
        try:
            again = msgspec.structs.replace(self.options, scorers=())
            self.tell("all metrics")
            for reader in readers(again):
                if self.taken.get(reader.name):
                    reader.read(self.taken[reader.name], sink, again)
            return {metric for metrics in sink.metrics for metric in metrics}
        finally:
            sink.close()


def _is_of(only: str, name: str) -> bool:
    """Say whether a metric is the named one or a part of it: `acc,none` of `acc`, `judge.harm` of `judge`."""
    return name == only or name.startswith((f"{only},", f"{only}.", f"{only}["))
