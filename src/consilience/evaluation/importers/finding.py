"""Which files an import is given: named files, folders and archives, each as a `Source`.

Responsible for limits and for names. Invariants: an entry's name in an archive is only spoken of and never a
path; a link inside a folder or an archive is not followed; what an archive unpacks to is bounded in all and
for each entry; archives inside archives stay closed, with a finding; the order does not depend on how the
file system lists.
"""

from __future__ import annotations

import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from consilience.errors import LimitError, NotFoundError, Where
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import HEAD_BYTES, Source

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
CHUNK = 1 << 20
Unpack = Callable[[IO[bytes]], Iterator[tuple[str, int, IO[bytes]]]]


class Finder:
    """Finds the sources; entries of archives are unpacked into numbered files of the scratch folder."""

    def __init__(self, scratch: Path, sink: Sink) -> None:
        """Take an empty folder for what is unpacked, and where findings go."""
        self._scratch = scratch
        self._sink = sink
        self._seen: set[Path] = set()
        self.sources: list[Source] = []

    def find(self, paths: Sequence[Path]) -> list[Source]:
        """Return what the paths stand for; archives are still closed (see `open_archive`).

        Raises:
            NotFoundError: A named path is not there.
            LimitError: Too many files, too deep, or one too large.
        """
        for path in paths:
            if not path.exists():
                raise NotFoundError(
                    "there is no such file or folder",
                    where=Where(file=str(path)),
                    next_step="Check the path.",
                )
            if path.is_dir():
                self._walk(path.resolve(), path.resolve().name, 0)
            else:
                self._take(path.resolve(), path.name)
        return self.sources

    def _walk(self, folder: Path, name: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise LimitError(
                f"folders lie more than {MAX_DEPTH} deep",
                where=Where(file=name),
                next_step="Name a folder below.",
            )
        for entry in sorted(os.scandir(folder), key=lambda found: found.name):
            place = f"{name}/{entry.name}"
            if entry.is_symlink():
                self._sink.add_finding("note", "link", "this is a link and was not followed", file=place)
            elif entry.is_dir():
                if not entry.name.startswith(".") or entry.name in HIDDEN:
                    self._walk(Path(entry.path), place, depth + 1)
            elif entry.is_file():
                self._take(Path(entry.path), place)

    def _take(self, path: Path, name: str) -> None:
        if path in self._seen:
            return
        self._seen.add(path)
        if not path.is_file():
            self._sink.add_finding("warning", "not_a_file", "this is not a regular file", file=name)
            return
        self._add(Source(name, path, path.stat().st_size))

    def _add(self, source: Source) -> None:
        if len(self.sources) >= MAX_FILES:
            raise LimitError(
                f"more than {MAX_FILES:,} files",
                where=Where(file=source.name),
                next_step="Import fewer at once.",
            )
        if source.size > MAX_FILE_BYTES:
            raise LimitError(
                f"the file has more than {MAX_FILE_BYTES // 2**30} GiB", where=Where(file=source.name)
            )
        self.sources.append(source)

    def open_archive(self, source: Source, head: bytes) -> list[Source] | None:
        """Unpack a zip or tar archive that no reader recognised.

        Returns:
            Its entries as sources (also added to `sources`), or None where it is no archive. What cannot be
            unpacked is a finding; what was unpacked before stays.
        """
        unpack = _unpacker(head)
        if unpack is None or "!/" in source.name:
            if unpack is not None:
                self._sink.add_finding(
                    "warning", "nested_archive", "an archive inside an archive is not opened",
                    file=source.name, next_step="Unpack it, and import the folder.",
                )  # fmt: skip
                return []
            return None
        before, room = len(self.sources), MAX_UNPACKED_BYTES
        try:
            with source.open() as stream:
                for name, packed, content in unpack(stream):
                    room -= self._store(f"{source.name}!/{name}", packed, content, room)
        except _BombError as error:
            self._sink.add_finding(
                "error", "archive_too_large", str(error), file=source.name,
                next_step="Unpack it yourself if you trust it, and import the folder.",
            )  # fmt: skip
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, ValueError,
                NotImplementedError, RuntimeError) as error:  # fmt: skip
            self._sink.add_finding(
                "error", "archive_broken", f"the archive cannot be read to its end ({type(error).__name__})",
                file=source.name, next_step="Make it again; what could be read was taken.",
            )  # fmt: skip
        return self.sources[before:]

    def _store(self, name: str, packed: int, content: IO[bytes], room: int) -> int:
        target = self._scratch / f"entry-{len(self.sources)}"
        written = 0
        with target.open("wb") as file:
            while chunk := content.read(CHUNK):
                written += len(chunk)
                if written > room:
                    raise _BombError(f"the archive unpacks to more than {MAX_UNPACKED_BYTES // 2**30} GiB")
                if written > RATIO_FROM and written > MAX_RATIO * max(packed, 1):
                    raise _BombError(f"an entry unpacks to more than {MAX_RATIO} times its size")
                file.write(chunk)
        self._add(Source(name, target, written))
        return written


class _BombError(Exception):
    """An archive unpacks to more than is allowed."""


def _unpacker(head: bytes) -> Unpack | None:
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_entries
    compressed = head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"))
    if compressed or head[257:262] == b"ustar":
        return _tar_entries
    return None


def _spoken(name: str) -> str:
    """Return an entry's name as it may be shown: no climbing, no control characters."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
    return "".join(c if c.isprintable() else "?" for c in "/".join(parts))[:1_000] or "unnamed"


def _zip_entries(stream: IO[bytes]) -> Iterator[tuple[str, int, IO[bytes]]]:
    with zipfile.ZipFile(stream) as archive:
        for entry in sorted(archive.infolist(), key=lambda found: found.filename):
            if not entry.is_dir():
                with archive.open(entry) as content:
                    yield _spoken(entry.filename), entry.compress_size, content


def _tar_entries(stream: IO[bytes]) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Entries in their order; the packed size of one is not known, so the whole archive's stands for it."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    with tarfile.open(fileobj=stream, mode="r:*") as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isreg() else None
            if content is not None:
                with content:
                    yield _spoken(entry.name), size, content


def head_of(source: Source) -> bytes:
    """Return the first bytes of a source."""
    with source.open() as stream:
        return stream.read(HEAD_BYTES)
