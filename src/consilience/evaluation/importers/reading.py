"""Reading the files of a format: in turn, or, where it pays, apart in several processes.

Responsible for who reads what, and for telling how far it is. Files of most formats stand for themselves;
those of lm-eval are read apart and joined with their results at the end; a format whose reader needs all of
its files at once is read in this process. Invariant: the sink holds the same afterwards, in the same order,
whoever read. A worker is given paths and options and hands over files; nothing of the content is pickled.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from consilience.evaluation.importers.formats import reader_of
from consilience.evaluation.importers.imported import Options
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Progress, Reader, Source

ALONE = frozenset({"inspect", "garak", "promptfoo", "moonshot", "pyrit", "modelbench", "table"})
"""Formats of which every file can be read without the others."""
PAYS_BYTES = 128 * 2**20
"""Of the files of a format together, from which several processes read them."""
REST_BYTES = 16 * 2**20
"""That there must be beside the largest share."""
SHARE_BYTES = 32 * 2**20
"""Smallest share of a process; smaller files are read together. To begin a process takes as long as to read
some 30 MiB."""
SHARES = 2
"""Shares of each process, so that none waits long for another at the end."""
MAX_PROCESSES = 8
"""That read at the same time."""
TELL_S = 2.0
"""Seconds between two words on how far it is."""
POLL_S = 0.02
WORK, DONE, ROWS = "work.json", "done.json", "rows"


@runtime_checkable
class Joined(Protocol):
    """A reader whose files are read apart and joined at the end."""

    def read_part(self, source: Source, sink: Sink, options: Options) -> bytes:
        """Read one file, and return what `finish` needs of it."""
        ...

    def finish(self, parts: Sequence[tuple[int, bytes]], sources: Sequence[Source], sink: Sink) -> None:
        """Join all files: of each, the number of its first run and what `read_part` returned."""
        ...


class _Work(msgspec.Struct, frozen=True):
    """What a worker is to do."""

    format: str
    options: Options
    sources: tuple[tuple[str, str, int], ...]
    """Name, path, size."""


class _Share:
    """Files that one process reads together."""

    def __init__(self, sources: list[Source], first: int) -> None:
        self.sources, self.first = sources, first
        self.folder: Path | None = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def bytes(self) -> int:
        return sum(source.size for source in self.sources)

    def rows(self) -> int:
        """Rows that the worker has read so far."""
        try:
            return int((self.folder / ROWS).read_bytes() or b"0") if self.folder is not None else 0
        except (OSError, ValueError):
            return 0


class Pace:
    """Tells how far reading is, at most every TELL_S seconds."""

    def __init__(self, tell: Progress, name: str, files: int) -> None:
        """Begin: so many files of this format."""
        self.tell, self.name, self.files = tell, name, files
        self.done = 0
        self.last = time.monotonic()

    def step(self, rows: int) -> None:
        """Tell files and rows, if it is time."""
        if time.monotonic() - self.last >= TELL_S:
            self.last = time.monotonic()
            self.tell(f"{self.name}: {self.done:,} of {self.files:,} files read, {rows:,} ratings")


def read_format(
    reader: Reader,
    sources: Sequence[Source],
    sink: Sink,
    options: Options,
    *,
    scratch: Path,
    tell: Progress,
    processes: int | None = None,
) -> None:
    """Read all files of one format.

    Args:
        reader: Of the format.
        sources: Its files, in order.
        sink: Takes everything.
        options: What the user decided.
        scratch: Folder for what workers hand over.
        tell: Told how far it is.
        processes: That may read at the same time; None: as many as there are cores for this process.

    Raises:
        LimitError: Of the sink.
    """
    pace = Pace(tell, reader.name, len(sources))
    sink.on_rows = pace.step
    try:
        if isinstance(reader, Joined):
            shares = _shares(sources, processes)
            reader.finish(_read_shares(reader, shares, sink, options, scratch, pace), sources, sink)
        elif reader.name in ALONE:
            _read_shares(reader, _shares(sources, processes), sink, options, scratch, pace)
        else:
            reader.read(sources, sink, options)
    finally:
        sink.on_rows = None


def _shares(sources: Sequence[Source], processes: int | None) -> tuple[list[_Share], int]:
    """Return the shares and how many processes read them; 1: this one alone."""
    count = min(processes or _cores(), MAX_PROCESSES)
    total = sum(source.size for source in sources)
    target = max(SHARE_BYTES, total // (count * SHARES))
    shares: list[_Share] = []
    for number, source in enumerate(sources):
        if not shares or shares[-1].bytes + source.size > target:
            shares.append(_Share([], number))
        shares[-1].sources.append(source)
    pays = total >= PAYS_BYTES and total - max((share.bytes for share in shares), default=0) >= REST_BYTES
    return shares, min(count, len(shares)) if pays else 1


def _cores() -> int:
    """Cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def _read_shares(
    reader: Reader, divided: tuple[list[_Share], int], sink: Sink, options: Options, scratch: Path,
    pace: Pace,
) -> list[tuple[int, bytes]]:  # fmt: skip
    shares, count = divided
    parts: list[tuple[int, bytes]] = []
    if count < 2:
        for share in shares:
            parts += read_sources(reader, share.sources, sink, options, pace)
        return parts
    waiting = iter(shares)
    running: list[_Share] = []
    try:
        for share in shares:
            while share.process is None or share.process.poll() is None:
                _start(waiting, running, count, reader.name, options, scratch)
                time.sleep(POLL_S)
                pace.step(sink.n_rows + sum(other.rows() for other in running))
            parts += _taken(reader, share, sink, options, pace)
            running.remove(share)
    finally:
        for share in running:
            if share.process is not None:
                share.process.kill()
                share.process.wait()
    return parts


def _start(
    waiting: Iterator[_Share], running: list[_Share], count: int, name: str, options: Options, scratch: Path
) -> None:
    """Start workers while fewer than `count` are at work."""
    while sum(share.process is not None and share.process.poll() is None for share in running) < count:
        share = next(waiting, None)
        if share is None:
            return
        share.folder = scratch / f"share-{name}-{share.first}"
        share.folder.mkdir()
        sources = tuple((source.name, str(source.path), source.size) for source in share.sources)
        (share.folder / WORK).write_bytes(msgspec.json.encode(_Work(name, options, sources)))
        share.process = subprocess.Popen(  # noqa: S603 - this Python, a module of ours, a folder of ours
            [sys.executable, "-P", "-m", __name__, str(share.folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        running.append(share)


def _taken(
    reader: Reader, share: _Share, sink: Sink, options: Options, pace: Pace
) -> list[tuple[int, bytes]]:
    """Take over what a worker read; where it failed, read here, so that the reason shows."""
    if share.process is None or share.process.returncode or share.folder is None:
        return read_sources(reader, share.sources, sink, options, pace)
    first = len(sink.runs)
    parts = msgspec.json.decode((share.folder / DONE).read_bytes(), type=list[tuple[int, bytes]])
    sink.join(share.folder)
    for file in share.folder.iterdir():
        if file.is_file():
            file.unlink()
    pace.done += len(share.sources)
    return [(run + first, part) for run, part in parts]


def read_sources(
    reader: Reader, sources: Sequence[Source], sink: Sink, options: Options, pace: Pace | None = None
) -> list[tuple[int, bytes]]:
    """Read files one after the other; return of each the number of its first run, and its part."""
    parts = []
    for source in sources:
        first, part = len(sink.runs), b""
        if isinstance(reader, Joined):
            part = reader.read_part(source, sink, options)
        else:
            reader.read([source], sink, options)
        parts.append((first, part))
        if pace is not None:
            pace.done += 1
            pace.step(sink.n_rows)
    return parts


def work(folder: Path) -> None:
    """Do what stands in the folder's `work.json`, and leave there what `Sink.join` takes."""
    todo = msgspec.json.decode((folder / WORK).read_bytes(), type=_Work)
    reader = reader_of(todo.format, todo.options)

    def on_rows(rows: int) -> None:
        (folder / ROWS).write_bytes(str(rows).encode())

    sink = Sink(folder, on_rows)
    try:
        sources = [Source(name, Path(path), size) for name, path, size in todo.sources]
        parts = read_sources(reader, sources, sink, todo.options)
        sink.save(folder)
        (folder / DONE).write_bytes(msgspec.json.encode(parts))
    finally:
        sink.close()


if __name__ == "__main__":
    work(Path(sys.argv[1]))
