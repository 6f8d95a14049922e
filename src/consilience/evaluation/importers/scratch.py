"""Folders for what an import needs while it works, and what is said where memory or disk do not suffice.

Invariants: such a folder is gone when its process ends in order, by Ctrl-C or by SIGTERM; one that a killed
process left is removed by the next import beside it. A folder is held by a lock of its process, so that
nobody removes one that is in use; a folder of another user, or without our lock file, is left alone.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from consilience.errors import LimitError

PREFIX = "consilience-import-"
"""Of a folder among the temporary files of the system."""
HIDDEN_PREFIX = ".import-"
"""Of a folder beside the place where an import goes."""
OWNER = "owner.lock"
"""The file that the process locks."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextlib.contextmanager
def scratch_folder(parent: Path | None = None, prefix: str = PREFIX) -> Iterator[Path]:
    """Make an empty folder that nobody else can read, and remove it afterwards.

    Args:
        parent: Where; None: among the temporary files of the system.
        prefix: Of its name; stale folders of this prefix are removed first.
    """
    place = Path(tempfile.gettempdir()) if parent is None else parent
    remove_stale(place, prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    try:
        with _held(folder):
            work = folder / "work"
            work.mkdir(mode=0o700)
            yield work
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Lock the folder. The lock file gets its name when it is locked, so none is seen without its lock."""
    part = folder / f"{OWNER}.part"
    with part.open("xb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        part.rename(folder / OWNER)
        yield


def remove_stale(place: Path, prefix: str) -> int:
    """Remove the folders of processes that are gone; return how many."""
    removed = 0
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if entry.name.startswith(prefix) and _is_stale(entry):
                shutil.rmtree(entry.path, ignore_errors=True)
                removed += 1
    return removed


def _is_stale(entry: os.DirEntry[str]) -> bool:
    try:
        ours = entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.getuid()
        if not ours:
            return False
        descriptor = os.open(Path(entry.path) / OWNER, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def check_room(error: OSError) -> None:
    """Raise LimitError where an error of the system says that the disk is full."""
    if error.errno in FULL:
        raise no_room("disk") from error


def no_room(what: str) -> LimitError:
    """Return what is said where memory or disk do not suffice; nothing was written then."""
    return LimitError(
        f"the import needs more {what} than there is; nothing was written",
        next_step="Import fewer files at once, or name a folder with more room in the variable TMPDIR.",
    )


@contextlib.contextmanager
def room_told() -> Iterator[None]:
    """Turn what the scratch database and the system say of a full memory or disk into one error.

    Raises:
        LimitError: There is no room. Other errors pass.
    """
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise no_room("memory or disk") from error
    except duckdb.IOException as error:
        raise no_room("disk") from error
    except MemoryError as error:
        raise no_room("memory") from error
    except OSError as error:
        check_room(error)
        raise
