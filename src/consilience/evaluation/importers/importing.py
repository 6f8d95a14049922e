"""The import: from named paths to one folder with scores, prompts and the account of both.

Responsible for the order of the work. Invariants: a file is read once however often it was named or copied;
a file that no reader recognises is listed; importing the same files again gives the same files; a dry run
writes nothing.
"""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Sequence
from pathlib import Path

from consilience.errors import InputError, Where
from consilience.evaluation.importers import writing
from consilience.evaluation.importers.finding import Finder, head_of
from consilience.evaluation.importers.formats import readers
from consilience.evaluation.importers.imported import Imported, ImportedFile, Options
from consilience.evaluation.importers.languages import identify_languages
from consilience.evaluation.importers.reading import read_format
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Progress, Reader, Source
from consilience.evaluation.importers.tables import Tables
from consilience.evaluation.protocol import Protocol


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
        InputError: No file is of a known format.
        LimitError: A documented limit is passed.
    """
    tell = progress or (lambda _: None)
    with tempfile.TemporaryDirectory(prefix="consilience-import-") as folder:
        scratch = Path(folder)
        (scratch / "unpacked").mkdir()
        sink = Sink(scratch)
        try:
            files = _read(paths, options, sink, scratch / "unpacked", tell)
            tell("names of items")
            sink.rename_raters(options.raters)
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
    target.mkdir(parents=True, exist_ok=True)
    writing.write_scores(sink, options, target / writing.SCORES)
    writing.write_items(sink, target / writing.ITEMS)
    imported = writing.account(sink, options, files, now=now, scores=target / writing.SCORES)
    writing.write_account(imported, target / writing.IMPORT)
    return imported


def _read(
    paths: Sequence[Path], options: Options, sink: Sink, scratch: Path, tell: Progress
) -> tuple[ImportedFile, ...]:
    finder = Finder(scratch, sink)
    known = list(readers(options))
    taken: dict[str, list[Source]] = {reader.name: [] for reader in known}
    files: list[ImportedFile] = []
    waiting = list(finder.find(paths))
    digests: set[str] = set()
    while waiting:
        source = waiting.pop(0)
        digest = writing.file_digest(source.path)
        if digest in digests and source.size:
            sink.add_finding("note", "same_file", "the same file was named before", file=source.name)
            continue
        digests.add(digest)
        head = head_of(source)
        reader = _reader_of(source, head, known)
        files.append(
            ImportedFile(
                name=source.name, sha256=digest, bytes=source.size, format=reader.name if reader else None
            )
        )
        if reader is not None:
            taken[reader.name].append(source)
            continue
        inside = finder.open_archive(source, head)
        if inside is None and not _said_why(known, source, head, sink):
            sink.add_finding("note", "unknown_format", "no reader knows this format", file=source.name)
        waiting[:0] = inside or []
    if not any(taken.values()):
        told = next(
            (found for found in sink.findings() if found.code in {"unmapped_table", "encoding"}), None
        )
        if told is not None:
            raise InputError(told.text, where=Where(file=told.file), next_step=told.next_step or "")
        raise InputError(
            "none of these files is of a format that can be read",
            where=Where(file=", ".join(str(path) for path in paths)[:500]),
            next_step="See `consilience exercise import --help` for the formats.",
        )
    for reader in known:
        if taken[reader.name]:
            tell(f"{reader.name}: {len(taken[reader.name]):,} files")
            read_format(reader, taken[reader.name], sink, options, scratch=scratch, tell=tell)
    return tuple(files)


def _said_why(known: Sequence[Reader], source: Source, head: bytes, sink: Sink) -> bool:
    """Let the reader of tables say which columns a table has that nobody knows the meaning of."""
    return any(isinstance(reader, Tables) and reader.say_why_not(source, head, sink) for reader in known)


def _reader_of(source: Source, head: bytes, known: Sequence[Reader]) -> Reader | None:
    if not source.size:
        return None
    return next((reader for reader in known if reader.recognise(source, head)), None)
