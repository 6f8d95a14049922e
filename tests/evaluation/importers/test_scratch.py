"""Scratch folders: gone afterwards, and those of processes that are gone too."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from consilience.errors import LimitError
from consilience.evaluation.importers.scratch import (
    OWNER,
    PREFIX,
    remove_stale,
    room_told,
    scratch_folder,
)

HOLD = (
    "import sys; from pathlib import Path\n"
    "from consilience.evaluation.importers.scratch import scratch_folder\n"
    "with scratch_folder(Path(sys.argv[1])) as folder:\n"
    "    (folder / 'prompts').write_text('x'); print(folder, flush=True); sys.stdin.read()"
)


def test_a_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o077 == 0
        assert folder.parent.stat().st_mode & 0o077 == 0
        (folder / "x").write_text("x")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="y"), scratch_folder(tmp_path):
        raise ValueError("y")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_and_what_is_in_use_stays(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    folder = Path(holder.stdout.readline().strip())
    assert remove_stale(tmp_path, PREFIX) == 0
    assert (folder / "prompts").exists()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()
    assert (folder / "prompts").exists()
    with scratch_folder(tmp_path) as mine:
        assert [path.name for path in tmp_path.iterdir()] == [mine.parent.name]


def test_only_folders_of_ours_are_removed(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}other").mkdir()
    (tmp_path / f"{PREFIX}other" / "file").write_text("x")
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / OWNER).touch()
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "real")
    (tmp_path / f"{PREFIX}file").touch()
    assert remove_stale(tmp_path, PREFIX) == 0
    assert (tmp_path / "real" / OWNER).exists()
    assert len(list(tmp_path.iterdir())) == 4


def test_no_room_is_told_and_other_errors_pass() -> None:
    import duckdb

    for error in (duckdb.OutOfMemoryException("x"), duckdb.IOException("x"), OSError(28, "x"), MemoryError()):
        with pytest.raises(LimitError, match="than there is"), room_told():
            raise error
    with pytest.raises(PermissionError), room_told():
        raise PermissionError(13, os.strerror(13))
    with pytest.raises(duckdb.ParserException), room_told():
        raise duckdb.ParserException("x")
