"""Where an export is written: a folder or a file that is there whole or not at all.

Invariants: nothing that is there is overwritten; everything is made beside the target under another name and
put in place at the end; a failure leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consilience.errors import InputError, StoreError, Where
from consilience.evaluation.exports.written import WrittenFile


class Target:
    """A folder that is being made. Make it with `open_target`."""

    def __init__(self, folder: Path) -> None:
        """Take the folder in which files are made."""
        self.folder = folder

    def path(self, name: str) -> Path:
        """Return where a file of the export goes, its folder made."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, content: bytes) -> None:
        """Write one file."""
        self.path(name).write_bytes(content)

    def files(self) -> tuple[WrittenFile, ...]:
        """Return what was written, in the order of names."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return tuple(
            WrittenFile(
                name=path.relative_to(self.folder).as_posix(),
                sha256=file_sha256(path),
                bytes=path.stat().st_size,
            )
            for path in paths
        )


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_target(path: Path) -> None:
    """Refuse to write over what is there.

    Raises:
        InputError: The target is a file, or a folder with something in it.
    """
    if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
        return
    if path.exists() or path.is_symlink():
        raise InputError(
            "this is there already, and an export overwrites nothing",
            where=Where(file=str(path)),
            next_step="Name a new file or folder with --out, or remove it first.",
        )


@contextmanager
def open_target(path: Path, *, single: str | None = None) -> Iterator[Target]:
    """Make a folder or one file, whole or not at all.

    Args:
        path: The folder, or the file.
        single: Name of the one file that is made, where the target is a file.

    Raises:
        InputError: The target is there already.
        StoreError: It cannot be written.
    """
    check_target(path)
    if single is not None and path.is_dir():
        raise InputError(
            "this is a folder, and the format is one file", where=Where(file=str(path)),
            next_step="Name a file with --out.",
        )  # fmt: skip
    made: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        folder = made / "export"
        folder.mkdir()
        yield Target(folder)
        if single is not None:
            (folder / single).replace(path)
        else:
            if path.is_dir():
                path.rmdir()
            folder.rename(path)
    except OSError as error:
        raise StoreError(
            f"the export cannot be written: {error.strerror or type(error).__name__}",
            where=Where(file=str(path)),
            next_step="Choose another place with --out, or make room.",
        ) from error
    finally:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)
