"""An append-only file of records, one JSON line each, that survives `kill -9` at any instruction.

Invariants:
- a record is acknowledged only after its line has been written and synced to disk; acknowledged records are
  never lost, changed or doubled: an id that is in the file is refused;
- what a crash or a hand left that is no record (a torn last line, a broken or doubled line) is moved to a
  file `.torn` beside the journal when it is opened, and never stops the run;
- of several journals committed together, the records of an earlier one are on disk before those of a later
  one that were appended after them (generations before their ratings).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

import msgspec

from consilience.errors import StoreError, Where

MAX_LINE_BYTES = 16 * 1024 * 1024
COMMIT_INTERVAL_S = 0.05
MAX_BUFFERED_BYTES = 8 * 1024 * 1024
BLOCK = 1024 * 1024
MAKE_ROOM = "Make room on the disk, then run the same command: it goes on where it stopped."

Record = TypeVar("Record", bound=msgspec.Struct)


class Journal(Generic[Record]):
    """One append-only file of records of one type. Open it with `open_journal`.

    Args:
        path: The file; it exists.
        record_type: A msgspec struct.
        id_field: Name of the field that is the record's id; None: ids may repeat, the last record counts.
        known: The ids that are in the file.
    """

    def __init__(self, path: Path, record_type: type[Record], id_field: str | None, known: set[str]) -> None:
        self.path = path
        self._decoder = msgspec.json.Decoder(record_type)
        self._encode = msgspec.json.Encoder().encode
        self._id_field = id_field
        self._known = known
        self._buffer: list[bytes] = []
        self._buffered_bytes = 0
        self._failure = ""
        """Why a write failed; then nothing more is written."""
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)

    def __contains__(self, record_id: object) -> bool:
        """Whether a record of this id was appended, on disk or still on its way there."""
        return record_id in self._known

    def __len__(self) -> int:
        """How many ids are known."""
        return len(self._known)

    @property
    def buffered_bytes(self) -> int:
        """How large the records are that wait for the next commit."""
        return self._buffered_bytes

    def append(self, record: Record) -> None:
        """Put a record into the next commit. It is not acknowledged yet.

        Raises:
            StoreError: Its id is known already, it is too large, or an earlier write failed.
        """
        self._refuse_after_failure()
        line = self._encode(record) + b"\n"
        if len(line) > MAX_LINE_BYTES:
            raise StoreError(
                f"a record of {len(line)} bytes is more than {MAX_LINE_BYTES}, the most for a line"
            )
        if self._id_field is not None:
            record_id = getattr(record, self._id_field)
            if record_id in self._known:
                raise StoreError(f"{self.path.name} has a record {record_id} already; none is added twice")
            self._known.add(record_id)
        self._buffer.append(line)
        self._buffered_bytes += len(line)

    def take(self) -> list[bytes]:
        """Return the lines that wait, and forget them; `write` them at once."""
        lines, self._buffer, self._buffered_bytes = self._buffer, [], 0
        return lines

    def write(self, lines: Sequence[bytes]) -> None:
        """Write lines and sync them to disk. Blocks.

        Raises:
            StoreError: The disk is full or failed. Nothing more is written then: a line after a torn one
                would be lost with it.
        """
        if not lines:
            return
        self._refuse_after_failure()
        content = memoryview(b"".join(lines))
        try:
            while content:
                content = content[os.write(self._file, content) :]
            os.fdatasync(self._file)
        except OSError as error:
            self._failure = error.strerror or type(error).__name__
            raise StoreError(
                f"{self.path.name} cannot be written: {self._failure}", next_step=MAKE_ROOM
            ) from error

    def _refuse_after_failure(self) -> None:
        if self._failure:
            raise StoreError(
                f"{self.path.name} cannot be written: {self._failure}; nothing more is added to it",
                next_step=MAKE_ROOM,
            )

    def commit(self) -> None:
        """Write what waits and sync it. Blocks."""
        self.write(self.take())

    def records(self, *, until: int | None = None) -> Iterator[Record]:
        """Read the records on disk, one at a time, up to the byte `until`."""
        yield from read_records(self.path, self._decoder, until=until)

    def close(self) -> None:
        """Commit what waits, and close the file."""
        try:
            if not self._failure:
                self.commit()
        finally:
            os.close(self._file)


def read_records(
    path: Path, decoder: msgspec.json.Decoder[Record], *, until: int | None = None
) -> Iterator[Record]:
    """Read the records of a journal, one at a time; a torn last line is left out.

    Args:
        path: The journal.
        decoder: Of its record type.
        until: Read the lines that begin before this byte; None: all.

    Raises:
        StoreError: A line in the middle is no record; opening the journal for a run mends that.
    """
    left = path.stat().st_size if until is None else until
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if left <= 0 or not line.endswith(b"\n"):
                return
            left -= len(line)
            try:
                yield decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise StoreError(
                    "this line is no record of a run",
                    where=Where(file=path.name, line=number),
                    next_step="Run the same command again: it moves broken lines aside and goes on.",
                ) from error


def open_journal(path: Path, record_type: type[Record], id_field: str | None) -> Journal[Record]:
    """Open a journal, made if it is not there, and mend what a crash left.

    Args:
        path: The file.
        record_type: What its lines are.
        id_field: See `Journal`.

    Raises:
        StoreError: The file cannot be read or written.
    """
    try:
        path.touch(exist_ok=True)
        known, bad = _scan(path, msgspec.json.Decoder(record_type), id_field)
        if bad:
            _move_aside(path, bad)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"{path.name} cannot be opened: {error.strerror}") from error
    return Journal(path, record_type, id_field, known)


def _scan(
    path: Path, decoder: msgspec.json.Decoder[Record], id_field: str | None
) -> tuple[set[str], list[tuple[int, int]]]:
    """Return the ids in a file, and where (from, to) it has bytes that are no record or a doubled one."""
    known: set[str] = set()
    bad: list[tuple[int, int]] = []
    at = 0
    whole = True
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE_BYTES + 1):
            end = at + len(line)
            record_id = _id_of(line, decoder, id_field) if whole else None
            whole = line.endswith(b"\n")
            if record_id is None or (id_field is not None and record_id in known):
                bad.append((at, end))
            elif id_field is not None:
                known.add(record_id)
            at = end
    return known, bad


def _id_of(line: bytes, decoder: msgspec.json.Decoder[Record], id_field: str | None) -> str | None:
    if not line.endswith(b"\n"):
        return None
    try:
        record = decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return "" if id_field is None else getattr(record, id_field)


def _move_aside(path: Path, bad: list[tuple[int, int]]) -> None:
    """Copy the bad bytes to `.torn`, then take them out; a tail by truncation, others by a new file."""
    with path.open("rb") as file, path.with_suffix(path.suffix + ".torn").open("ab") as torn:
        for begin, end in bad:
            file.seek(begin)
            torn.write(file.read(end - begin).rstrip(b"\n") + b"\n")
        torn.flush()
        os.fsync(torn.fileno())
    size = path.stat().st_size
    if len(bad) == 1 and bad[0][1] == size:
        with path.open("r+b") as file:
            file.truncate(bad[0][0])
            os.fsync(file.fileno())
        return
    mended = path.with_suffix(path.suffix + ".mending")
    with path.open("rb") as file, mended.open("wb") as good:
        begin = 0
        for bad_begin, bad_end in [*bad, (size, size)]:
            _copy(file, good, begin, bad_begin)
            begin = bad_end
        good.flush()
        os.fsync(good.fileno())
    mended.replace(path)


def _copy(source: BinaryIO, target: BinaryIO, begin: int, end: int) -> None:
    source.seek(begin)
    left = end - begin
    while left > 0 and (block := source.read(min(BLOCK, left))):
        target.write(block)
        left -= len(block)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk.

    Raises:
        OSError: The disk failed.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file as a whole: after a crash it is the old one or the new one, never a part.

    Raises:
        StoreError: It cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"{path.name} cannot be written: {error.strerror}") from error


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone. The lock ends with the process, however that ends.

    Raises:
        StoreError: Another process holds it.
    """
    descriptor = os.open(folder / "run.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(
                f"another process is carrying out this run: {folder.name}",
                next_step="Wait until it has ended, or end it; then run the same command again.",
            ) from error
        yield
    finally:
        os.close(descriptor)


class GroupCommit:
    """Writes several journals together, some times per second, so that a sync serves many records.

    Args:
        journals: In the order in which they must reach the disk.
        sleep: Waits so many seconds.
        committed: Called after each commit with the number of lines of every journal.
        interval_s: Longest wait of a record, apart from the disk itself.
    """

    def __init__(
        self,
        journals: Sequence[Journal[Any]],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        committed: Callable[[Sequence[int]], None] | None = None,
        interval_s: float = COMMIT_INTERVAL_S,
    ) -> None:
        self._journals = tuple(journals)
        self._sleep = sleep
        self._committed = committed
        self._interval_s = interval_s
        self._room = asyncio.Event()
        self._room.set()

    async def room(self) -> None:
        """Wait while more bytes are buffered than `MAX_BUFFERED_BYTES`."""
        if sum(journal.buffered_bytes for journal in self._journals) >= MAX_BUFFERED_BYTES:
            self._room.clear()
            await self._room.wait()

    async def run(self) -> None:
        """Commit again and again until cancelled; what waits then is left to `flush`."""
        while True:
            await self._sleep(self._interval_s)
            await self.flush()

    async def flush(self) -> None:
        """Commit what waits now. Cancelling waits for the disk, so that no line is lost between buffer and
        file."""
        batches = [journal.take() for journal in self._journals]
        if any(batches):
            writing = asyncio.ensure_future(asyncio.to_thread(self._write, batches))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await writing
                self._acknowledge(batches)
                raise
        self._acknowledge(batches)

    def _write(self, batches: Sequence[Sequence[bytes]]) -> None:
        for journal, lines in zip(self._journals, batches, strict=True):
            journal.write(lines)

    def _acknowledge(self, batches: Sequence[Sequence[bytes]]) -> None:
        self._room.set()
        if self._committed is not None and any(batches):
            self._committed([len(lines) for lines in batches])
