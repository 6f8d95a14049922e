"""Evidence files, named by their digest: `sha256/ab/abcd…`.

Invariants:
- a file under its name is whole: it is written beside, brought to the disk, renamed, and the folder brought
  to the disk;
- nothing is read that does not match its name; a damaged file is put right by putting the same content again;
- what `put` returned is there after any crash. What a crash left half-written is removed by `sweep`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

import msgspec

from consilience.errors import InputError, LimitError, NotFoundError, StoreError, VerificationError, Where
from consilience.records.fields import is_digest

CHUNK = 1_048_576
DEFAULT_LIMIT = 4 * 1024**3
PARQUET = "application/vnd.apache.parquet"
_PARQUET_MARK = b"PAR1"
_PARQUET_LEAST = 12  # the mark, the length of the footer, the mark


class EvidenceFile(msgspec.Struct, frozen=True, kw_only=True):
    """The acknowledgement of a file: from now on it is there."""

    digest: str
    size: int
    """Bytes."""
    added: bool
    """False: it was there already."""


class EvidenceFiles:
    """The evidence files of a node. Several processes may put the same or other files at the same time."""

    def __init__(self, folder: Path, *, limit_bytes: int = DEFAULT_LIMIT) -> None:
        """Use a folder, made if it is missing. `limit_bytes` is the largest file that is taken."""
        self._folder = folder
        self._limit = limit_bytes
        self._incoming = folder / "incoming"
        with _errors(folder):
            self._incoming.mkdir(parents=True, exist_ok=True)
            (folder / "sha256").mkdir(exist_ok=True)
            _sync_folder(folder)
            _sync_folder(folder.parent)

    def put(self, content: bytes, *, expected_digest: str | None = None) -> EvidenceFile:
        """Store bytes (see `put_chunks`)."""
        return self.put_chunks((content,), expected_digest=expected_digest)

    def put_file(self, file: Path, *, expected_digest: str | None = None) -> EvidenceFile:
        """Store a copy of a file (see `put_chunks`).

        Raises:
            InputError: The file cannot be read.
        """
        try:
            with file.open("rb") as stream:
                return self.put_chunks(_chunks(stream), expected_digest=expected_digest)
        except OSError as error:
            raise InputError(
                f"the file cannot be read: {error.strerror}", where=Where(file=str(file))
            ) from error

    def put_chunks(self, chunks: Iterable[bytes], *, expected_digest: str | None = None) -> EvidenceFile:
        """Store content that comes in pieces; storing it again changes nothing.

        Args:
            chunks: The content. Only one piece is held in memory.
            expected_digest: If given, other content is refused and not kept.

        Raises:
            LimitError: The content is larger than the limit.
            VerificationError: The content does not have the expected digest.
            StoreError: The disk did not take it.
        """
        with self._temporary() as (stream, path):
            name, size = self._write(chunks, stream)
            if expected_digest is not None and name != expected_digest:
                raise VerificationError(
                    f"the content has the digest {name} and not {expected_digest}",
                    next_step="Fetch it again; if it differs again, tell the sender.",
                )
            there = self.is_intact(name)
            with _errors(path):
                self._settle(stream, path, None if there else name, self._path(name).parent)
            return EvidenceFile(digest=name, size=size, added=not there)

    def put_scores_file(self, file: Path) -> EvidenceFile:
        """Store a scores table (Parquet, media type `PARQUET`).

        Raises:
            InputError: The file does not begin and end as a Parquet file does.
        """
        try:
            with file.open("rb") as stream:
                first = stream.read(4)
                stream.seek(-4, os.SEEK_END)
                last = stream.read(4)
        except OSError as error:
            raise InputError(
                f"the scores cannot be read: {error.strerror}", where=Where(file=str(file))
            ) from error
        if first != _PARQUET_MARK or last != _PARQUET_MARK or file.stat().st_size < _PARQUET_LEAST:
            raise InputError(
                "this is not a Parquet file, or not a whole one",
                where=Where(file=str(file)),
                next_step="Wait until the run has finished, or write the scores again.",
            )
        return self.put_file(file)

    def read(self, digest: str, *, limit_bytes: int = 256 * 1024**2) -> bytes:
        """Return the content of a file, checked.

        Raises:
            NotFoundError: It is not here.
            LimitError: It is larger than `limit_bytes`; use `open`.
            VerificationError: It is damaged.
        """
        with self.open(digest) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > limit_bytes:
                raise LimitError(f"{digest} has {size} bytes; at most {limit_bytes} are read at once")
            return stream.read()

    @contextlib.contextmanager
    def open(self, digest: str) -> Iterator[BinaryIO]:
        """Open a file for reading, after all of it was checked.

        Raises:
            NotFoundError: It is not here.
            VerificationError: It is damaged.
        """
        path = self.path(digest)
        with _errors(path):
            opened = path.open("rb")
        with opened as stream:
            with _errors(path):
                found = _digest_of(stream)
            if found != digest:
                raise VerificationError(
                    f"the file of {digest} is damaged",
                    where=Where(file=str(path)),
                    next_step="Put the same content again, or fetch it from a partner that has it.",
                )
            stream.seek(0)
            yield stream

    def path(self, digest: str) -> Path:
        """Return where a file lies. What is read from there is not checked.

        Raises:
            InputError: `digest` is not written as a digest.
            NotFoundError: It is not here.
        """
        if not is_digest(digest):
            raise InputError(
                f"{digest[:80]!r} is not a digest", next_step="Write sha256: and 64 hexadecimal digits."
            )
        path = self._path(digest)
        if not path.is_file():
            raise NotFoundError(f"the evidence {digest} is not here", next_step="Fetch it from who named it.")
        return path

    def is_intact(self, digest: str) -> bool:
        """Say whether a file is here and matches its name."""
        path = self._path(digest)
        if not is_digest(digest) or not path.is_file():
            return False
        with _errors(path), path.open("rb") as stream:
            return _digest_of(stream) == digest

    def iterate(self) -> Iterator[EvidenceFile]:
        """Yield the files that are here, in the order of their digests, unchecked."""
        with _errors(self._folder):
            for path in sorted((self._folder / "sha256").glob("[0-9a-f][0-9a-f]/*")):
                if is_digest(name := f"sha256:{path.name}"):
                    yield EvidenceFile(digest=name, size=path.stat().st_size, added=False)

    def sweep(self) -> int:
        """Remove what writers that no longer live left half-written; return how many files that were."""
        removed = 0
        with _errors(self._folder):
            for path in self._incoming.iterdir():
                with contextlib.suppress(FileNotFoundError, BlockingIOError), path.open("rb") as stream:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a living writer holds this lock
                    path.unlink()
                    removed += 1
        return removed

    def _path(self, digest: str) -> Path:
        hexadecimal = digest.removeprefix("sha256:")
        return self._folder / "sha256" / hexadecimal[:2] / hexadecimal

    @contextlib.contextmanager
    def _temporary(self) -> Iterator[tuple[IO[bytes], Path]]:
        with _errors(self._incoming):
            stream, path = self._create()
        try:
            yield stream, path
        finally:
            with _errors(path):
                path.unlink(missing_ok=True)
                stream.close()

    def _create(self) -> tuple[IO[bytes], Path]:
        while True:
            path = self._incoming / uuid.uuid4().hex
            stream = path.open("xb", buffering=0)
            fcntl.flock(stream, fcntl.LOCK_EX)
            if os.fstat(stream.fileno()).st_nlink:
                return stream, path
            stream.close()  # `sweep` came between the two lines above

    def _settle(self, stream: IO[bytes], path: Path, name: str | None, folder: Path) -> None:
        """Bring a whole file (none where it is there already) and the names that lead to it to the disk."""
        if name is not None:
            os.fchmod(stream.fileno(), 0o444)
            os.fsync(stream.fileno())
            folder.mkdir(exist_ok=True)
            path.replace(self._path(name))
        _sync_folder(folder)
        _sync_folder(folder.parent)

    def _write(self, chunks: Iterable[bytes], stream: IO[bytes]) -> tuple[str, int]:
        hashing, size = hashlib.sha256(), 0
        for chunk in chunks:
            size += len(chunk)
            if size > self._limit:
                raise LimitError(
                    f"the content has more than {self._limit} bytes, the limit of this node",
                    next_step="Split it, or raise evidence_limit_mb in node.toml.",
                )
            hashing.update(chunk)
            with _errors(self._incoming):
                rest = memoryview(chunk)
                while rest:
                    rest = rest[stream.write(rest) :]
        return "sha256:" + hashing.hexdigest(), size


@contextlib.contextmanager
def _errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"the disk answered: {error.strerror or error}",
            where=Where(file=str(error.filename or path)),
            next_step="Check that the folder can be written and that the disk has room.",
        ) from error


def _chunks(stream: io.BufferedIOBase | BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def _digest_of(stream: io.BufferedReader) -> str:
    return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
