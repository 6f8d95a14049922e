"""Which files an import is given: named files, folders and archives, each as a `Source`.

Responsible for limits and for names. Invariants: an entry's name in an archive is only spoken of and never a
path; a link inside a folder or an archive is not followed; what an archive unpacks to is bounded in all and
for each entry; archives inside archives stay closed, with a finding; no two sources have the same name; what
an import of ours wrote is not imported again; the order does not depend on how the file system lists.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from consilience.errors import InputError, LimitError, NotFoundError, Where
from consilience.evaluation.importers.imported import Severity
from consilience.evaluation.importers.naming import named_paths, shown, unlike
from consilience.evaluation.importers.scratch import check_room
from consilience.evaluation.importers.source import HEAD_BYTES, Source
from consilience.evaluation.importers.unpacking import (
    BombError,
    BrokenError,
    Content,
    EntryBrokenError,
    unpacker,
)

MAX_FILES = 20_000
"""Files in one import, entries of archives counted."""
MAX_DEPTH = 12
"""Folders below a named folder."""
MAX_FILE_BYTES = 64 * 2**30
"""Of one file."""
MAX_UNPACKED_BYTES = 8 * 2**30
"""That one archive may unpack to."""
MAX_RATIO = 200
"""Times its packed size that an entry above RATIO_FROM may unpack to."""
RATIO_FROM = 16 * 2**20
"""Bytes below which the ratio of an entry is not looked at."""
HIDDEN = {".eval_results"}
"""Folders that are looked into though their names begin with a dot: a format has its files there."""
OURS = ("import.json", "scores.parquet")
"""Files of a folder that an import wrote."""
MARK = b'"consilience-import-'
"""In the first bytes of our `import.json`."""
CHUNK = 1 << 20


class Findings(Protocol):
    """Where findings go, such as a sink."""

    def add_finding(
        self, severity: Severity, code: str, text: str, *, file: str, next_step: str | None = None
    ) -> None:
        """Take a finding."""
        ...


class Finder:
    """Finds the sources; entries of archives are unpacked into numbered files of the scratch folder."""

    def __init__(self, scratch: Path, sink: Findings) -> None:
        """Take an empty folder for what is unpacked, and where findings go."""
        self._scratch = scratch
        self._sink = sink
        self._seen: set[Path] = set()
        self._names: set[str] = set()
        self.sources: list[Source] = []

    def find(self, paths: Sequence[Path]) -> list[Source]:
        """Return what the paths stand for; archives are still closed (see `open_archive`).

        Raises:
            NotFoundError: A named path is not there.
            InputError: A named folder is what an import of ours wrote.
            LimitError: Too many files.
        """
        for path in paths:
            if not path.exists():
                raise NotFoundError(
                    "there is no such file or folder",
                    where=Where(file=shown(path)),
                    next_step="Check the path.",
                )
        for path, name in named_paths(paths):
            if not path.is_dir():
                self._take(path, name)
            elif is_own_import(path):
                raise InputError(
                    "this folder holds an import, and no logs",
                    where=Where(file=name),
                    next_step=f"Analyse it: consilience exercise analyse {name}. To import, name the logs.",
                )
            else:
                self._walk(path, name, 0)
        return self.sources

    def _walk(self, folder: Path, name: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            self._say(
                "error", "too_deep", f"folders lie more than {MAX_DEPTH} deep; what lies below was left out",
                name, "Name a folder below.",
            )  # fmt: skip
            return
        if is_own_import(folder):
            self._say("note", "own_import", "this folder holds an import of ours and was left out", name)
            return
        try:
            entries = sorted(os.scandir(folder), key=lambda found: found.name)
        except OSError as error:
            self._say("error", "unreadable", f"the system refuses it ({error.strerror})", name)
            return
        for entry in entries:
            place = f"{name}/{shown(entry.name)}"
            if entry.is_symlink():
                self._say("note", "link", "this is a link and was not followed", place)
            elif entry.is_dir():
                if not entry.name.startswith(".") or entry.name in HIDDEN:
                    self._walk(Path(entry.path), place, depth + 1)
            elif entry.is_file():
                self._take(Path(entry.path), place)

    def _say(self, severity: Severity, code: str, text: str, name: str, step: str | None = None) -> None:
        self._sink.add_finding(severity, code, text, file=name, next_step=step)

    def _take(self, path: Path, name: str) -> None:
        if path in self._seen:
            return
        self._seen.add(path)
        if not path.is_file():
            self._say("warning", "not_a_file", "this is not a regular file", name)
            return
        self._add(name, path, path.stat().st_size)

    def _add(self, name: str, path: Path, size: int) -> None:
        if len(self.sources) >= MAX_FILES:
            raise LimitError(
                f"more than {MAX_FILES:,} files",
                where=Where(file=name),
                next_step="Import fewer at once.",
            )
        name = unlike(name, self._names)
        self._names.add(name)
        if size > MAX_FILE_BYTES:
            self._say("error", "too_large", f"the file has more than {MAX_FILE_BYTES // 2**30} GiB", name)
            return
        self.sources.append(Source(name, path, size))

    def open_archive(self, source: Source, head: bytes) -> list[Source] | None:
        """Unpack a zip or tar archive that no reader recognised.

        Returns:
            Its entries as sources (also added to `sources`), or None where it is no archive. What cannot be
            unpacked is a finding; what was unpacked before stays.

        Raises:
            LimitError: There is no room for what it unpacks to.
        """
        unpack = unpacker(head)
        if unpack is None:
            return None
        if source.path.parent == self._scratch:
            self._say(
                "warning", "nested_archive", "an archive inside an archive is not opened", source.name,
                "Unpack it, and import the folder.",
            )  # fmt: skip
            return []
        before, room = len(self.sources), MAX_UNPACKED_BYTES
        try:
            with source.open() as stream:
                for entry, packed, content in unpack(stream):
                    name = f"{source.name}!/{entry}"
                    try:
                        room -= self._store(name, packed, content, room)
                    except EntryBrokenError as error:
                        self._say("error", "entry_broken", f"{error}; it was left out", name)
        except BombError as error:
            self._say(
                "error", "archive_too_large", str(error), source.name,
                "Unpack it yourself if you trust it, and import the folder.",
            )  # fmt: skip
        except (BrokenError, OSError) as error:
            if isinstance(error, OSError):
                check_room(error)
            self._say(
                "error", "archive_broken", f"the archive cannot be read to its end ({_why(error)})",
                source.name, "Make it again; what could be read was taken.",
            )  # fmt: skip
        return self.sources[before:]

    def _store(self, name: str, packed: int, content: Content, room: int) -> int:
        target = self._scratch / f"entry-{len(self._names)}"
        written = 0
        with target.open("wb") as file:
            while chunk := content.read(CHUNK):
                written += len(chunk)
                if written > room:
                    raise BombError(f"the archive unpacks to more than {MAX_UNPACKED_BYTES // 2**30} GiB")
                if written > RATIO_FROM and written > MAX_RATIO * max(packed, 1):
                    raise BombError(f"an entry unpacks to more than {MAX_RATIO} times its size")
                file.write(chunk)
        self._add(name, target, written)
        return written


def is_own_import(folder: Path) -> bool:
    """Say whether a folder holds what an import of ours wrote."""
    try:
        if not all((folder / name).is_file() for name in OURS):
            return False
        with (folder / OURS[0]).open("rb") as file:
            return MARK in file.read(256)
    except OSError:
        return False


def named_files(paths: Sequence[Path]) -> dict[str, Path]:
    """Return the files on disk that paths stand for now, by the names that `Finder.find` gives them.

    Raises:
        NotFoundError, InputError, LimitError: As `Finder.find`.
    """
    finder = Finder(Path(os.devnull), _Unheard())
    return {source.name: source.path for source in finder.find(paths)}


class _Unheard:
    """Takes findings when files are found again: they were told the first time."""

    def add_finding(
        self, severity: Severity, code: str, text: str, *, file: str, next_step: str | None = None
    ) -> None:
        pass


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, BrokenError) else type(error).__name__


def head_of(source: Source) -> bytes:
    """Return the first bytes of a source."""
    with source.open() as stream:
        return stream.read(HEAD_BYTES)
