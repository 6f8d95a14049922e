"""Reading hostile text files: never more than a limit in memory, never invalid UTF-8, every place known.

Responsible for bytes of files on disk. Invariants: at most `limit` bytes of one line are ever held; a path
given in a protocol never leads out of the protocol's folder.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from consilience.errors import InputError, LimitError, NotFoundError, Where

MAX_LINE_BYTES = 2 * 1024 * 1024
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def inside(folder: Path, name: str, *, where: Where) -> Path:
    """Return the file that `name` means, which must lie in `folder` (links are followed before it is judged).

    Raises:
        InputError: The path is absolute or leads out of the folder.
        NotFoundError: There is no such regular file.
    """
    refused = InputError(
        f"the path {name[:200]!r} leads out of the protocol's folder",
        where=where,
        next_step="Put the file beside the protocol or below it, and name it by its relative path.",
    )
    if not name or "\0" in name or "\\" in name or Path(name).is_absolute():
        raise refused
    try:
        real = (folder / name).resolve()
        if not real.is_relative_to(folder.resolve()):
            raise refused
        if not real.is_file():
            raise NotFoundError(
                f"there is no file {name[:200]!r}",
                where=where,
                next_step="Check the path; it is relative to the protocol.",
            )
    except (OSError, RuntimeError) as error:  # a loop of links, a name that is too long
        raise InputError(f"the path {name[:200]!r} cannot be followed: {error}", where=where) from error
    return real


def read_bytes(path: Path, label: str, limit: int) -> bytes:
    """Return the bytes of a file.

    Args:
        path: The file.
        label: Its name in messages.
        limit: In bytes.

    Raises:
        LimitError: The file is larger.
        InputError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", where=Where(file=label)) from error
    if len(content) > limit:
        raise LimitError(
            f"the file is larger than {limit // 1024:,} KiB",
            where=Where(file=label),
            next_step="Split it, or use another format (JSONL and Parquet are read piece by piece).",
        )
    return content


def read_text(path: Path, label: str, limit: int) -> str:
    """Return the text of a UTF-8 file without a byte order mark, its line ends as `\\n`.

    Raises:
        LimitError: The file is larger than `limit` bytes.
        InputError: It cannot be read or is not UTF-8; the error names the line and the byte.
    """
    content = read_bytes(path, label, limit)
    return decode(content, label=label, line=1, offset=0, whole=True).replace("\r\n", "\n")


def decode(content: bytes, *, label: str, line: int, offset: int, whole: bool = False) -> str:
    """Return bytes as text.

    Args:
        content: Bytes that begin at `offset` (from 0) of the file.
        label: The file's name in messages.
        line: The line (from 1) on which they begin.
        offset: See `content`.
        whole: Whether `content` may hold several lines.

    Raises:
        InputError: They are not UTF-8; the byte is counted from 1.
    """
    if offset == 0:
        if content.startswith(UTF16_MARKS):
            raise InputError(
                "the file is UTF-16, not UTF-8",
                where=Where(file=label),
                next_step="Save it as UTF-8 (in Excel: CSV UTF-8).",
            )
        content_start = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
    else:
        content_start = 0
    try:
        return content[content_start:].decode("utf-8")
    except UnicodeDecodeError as error:
        position = content_start + error.start
        at_line = line + content.count(b"\n", 0, position) if whole else line
        raise InputError(
            "these bytes are not UTF-8",
            where=Where(file=label, line=at_line, offset=offset + position + 1),
            next_step="Save the file as UTF-8 (in Excel: CSV UTF-8).",
        ) from error


def lines_of(path: Path, label: str, *, limit: int = MAX_LINE_BYTES) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text with its line end) of a UTF-8 file, one line in memory at a time.

    Raises:
        LimitError: A line has more than `limit` bytes; no more than that is read of it.
        InputError: The file cannot be read or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            offset, number = 0, 0
            while raw := file.readline(limit + 1):
                number += 1
                if len(raw) > limit:
                    raise LimitError(
                        f"the line has more than {limit // 1024:,} KiB",
                        where=Where(file=label, line=number),
                        next_step="Is a line end missing? One item stands on one line.",
                    )
                yield number, decode(raw, label=label, line=number, offset=offset)
                offset += len(raw)
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", where=Where(file=label)) from error
