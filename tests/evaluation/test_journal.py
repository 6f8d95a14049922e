from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consilience.errors import StoreError
from consilience.evaluation import journal as module
from consilience.evaluation.journal import (
    MAX_LINE_BYTES,
    GroupCommit,
    Journal,
    only_one,
    open_journal,
    read_records,
    write_atomically,
)


class Line(msgspec.Struct, frozen=True):
    name: str
    text: str = ""


def opened(path: Path) -> Journal[Line]:
    return open_journal(path, Line, "name")


def names(path: Path) -> list[str]:
    return [line.name for line in read_records(path, msgspec.json.Decoder(Line))]


def test_what_was_committed_is_read_again_in_order(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal = opened(path)
    for name in "abc":
        journal.append(Line(name, "é\n\u2028\x00"))
    assert path.read_bytes() == b"", "nothing is written before the commit"
    journal.commit()
    assert names(path) == ["a", "b", "c"]
    journal.append(Line("d"))
    journal.close()
    again = opened(path)
    assert [line.name for line in again.records()] == ["a", "b", "c", "d"]
    assert len(again) == 4
    assert "d" in again
    assert "e" not in again
    again.close()


def test_an_id_is_never_there_twice(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    journal = opened(path)
    journal.append(Line("a", "first"))
    with pytest.raises(StoreError, match="already"):
        journal.append(Line("a", "second"))
    journal.close()
    journal = opened(path)
    with pytest.raises(StoreError, match="already"):
        journal.append(Line("a", "third"))
    journal.close()
    assert [line.text for line in read_records(path, msgspec.json.Decoder(Line))] == ["first"]


def test_without_an_id_records_may_repeat(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j.jsonl", Line, None)
    journal.append(Line("a"))
    journal.append(Line("a"))
    journal.close()
    assert names(tmp_path / "j.jsonl") == ["a", "a"]


@pytest.mark.parametrize("cut", range(1, 24))
def test_a_torn_last_line_is_moved_aside_wherever_it_was_cut(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "j.jsonl"
    good = b'{"name":"a","text":"1"}\n'
    torn = b'{"name":"b","text":"2"}\n'[:-cut]
    path.write_bytes(good + torn)
    journal = opened(path)
    assert "b" not in journal
    journal.append(Line("b", "again"))
    journal.close()
    assert names(path) == ["a", "b"]
    aside = tmp_path / "j.jsonl.torn"
    assert (aside.read_bytes() if aside.exists() else b"") == (torn + b"\n" if torn else b"")


def test_broken_and_doubled_lines_in_the_middle_are_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    bad = [b"\x00" * 30, b"<html>", b'{"name":7}', b'{"name":"a","text":"doubled"}', b"\xff\xfe", b"[" * 5000]
    path.write_bytes(
        b'{"name":"a"}\n' + b"\n".join(bad) + b'\n{"name":"b"}\n' + b"{}\n" + b'{"name":"c"}\n{"na'
    )
    journal = opened(path)
    journal.append(Line("d"))
    journal.close()
    assert names(path) == ["a", "b", "c", "d"]
    assert (tmp_path / "j.jsonl.torn").read_bytes().splitlines() == [*bad, b"{}", b'{"na']
    assert not list(tmp_path.glob("*.mending"))


def test_reading_a_broken_line_names_it(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'{"name":"a"}\nbroken\n')
    with pytest.raises(StoreError, match="line 2"):
        names(path)


def test_reading_stops_at_a_byte(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(b'{"name":"a"}\n{"name":"b"}\n')
    decoder = msgspec.json.Decoder(Line)
    assert [line.name for line in read_records(path, decoder, until=13)] == ["a"]
    assert [line.name for line in read_records(path, decoder, until=0)] == []


def test_a_line_at_the_limit_is_taken_and_a_longer_one_refused(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.jsonl")
    room = MAX_LINE_BYTES - len(b'{"name":"a","text":""}\n')
    with pytest.raises(StoreError, match="most for a line"):
        journal.append(Line("a", "x" * (room + 1)))
    journal.append(Line("a", "x" * room))
    journal.close()
    again = opened(tmp_path / "j.jsonl")
    assert "a" in again
    again.close()


def test_a_line_of_a_hundred_megabytes_is_moved_aside_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    with path.open("wb") as file:
        file.write(b'{"name":"a"}\n')
        for _ in range(100):
            file.write(b"x" * 1024 * 1024)
        file.write(b'\n{"name":"b"}\n')
        file.write(b"x" * (MAX_LINE_BYTES + 1) + b'{"name":"not a line of its own"}\n')
    journal = opened(path)
    journal.close()
    assert names(path) == ["a", "b"]


def test_a_full_disk_is_an_error_of_ours_and_nothing_more_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(tmp_path / "j.jsonl")
    journal.append(Line("a"))
    journal.commit()
    journal.append(Line("b"))

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(module.os, "write", full)
        with pytest.raises(StoreError, match="No space left"):
            journal.commit()
    with pytest.raises(StoreError, match="nothing more"):
        journal.append(Line("c"))
    journal.close()
    assert names(tmp_path / "j.jsonl") == ["a"]


def test_no_line_follows_a_torn_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was buffered while a write failed is neither written behind the torn line nor acknowledged."""
    acknowledged: list[int] = []
    journal = opened(tmp_path / "j.jsonl")
    commit = GroupCommit([journal], committed=lambda lines: acknowledged.extend(lines))
    real = os.write
    calls: list[int] = []

    def torn(file: int, content: Any) -> int:
        calls.append(1)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        journal.append(Line("during"))
        return real(file, bytes(content[:5]))

    journal.append(Line("torn"))
    with monkeypatch.context() as patched:
        patched.setattr(module.os, "write", torn)
        with pytest.raises(StoreError, match="No space left"):
            asyncio.run(commit.flush())
    with pytest.raises(StoreError, match=r"No space left.*nothing more"):
        asyncio.run(commit.flush())
    journal.close()
    assert acknowledged == []
    assert (tmp_path / "j.jsonl").stat().st_size == 5


def test_a_write_that_takes_only_a_part_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = opened(tmp_path / "j.jsonl")
    journal.append(Line("a", "long enough to be cut"))
    real = os.write
    monkeypatch.setattr(module.os, "write", lambda file, content: real(file, bytes(content[:7])))
    journal.close()
    assert names(tmp_path / "j.jsonl") == ["a"]


def test_a_sync_follows_every_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    write, sync = os.write, os.fdatasync
    monkeypatch.setattr(module.os, "write", lambda *a: (order.append("write"), write(*a))[1])
    monkeypatch.setattr(module.os, "fdatasync", lambda *a: (order.append("sync"), sync(*a))[1])
    journal = opened(tmp_path / "j.jsonl")
    journal.append(Line("a"))
    journal.append(Line("b"))
    journal.commit()
    journal.commit()
    journal.close()
    assert order == ["write", "sync"]


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=30)), max_size=12), st.integers(0, 400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_a_cut_anywhere_what_is_left_is_a_prefix(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str]], cut: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "j.jsonl"
    journal = opened(path)
    kept = list(dict(lines))
    for name in kept:
        journal.append(Line(name, dict(lines)[name]))
    journal.close()
    content = path.read_bytes()
    path.write_bytes(content[: max(0, len(content) - cut)])
    again = opened(path)
    left = [line.name for line in again.records()]
    again.close()
    assert left == kept[: len(left)]
    assert path.read_bytes() == content[: path.stat().st_size]


# -- group commit


def test_records_reach_the_disk_in_the_order_of_the_journals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = opened(tmp_path / "1"), opened(tmp_path / "2")
    order: list[str] = []
    real = Journal.write

    def noted(self: Journal[Any], lines: Any) -> None:
        order.append(self.path.name)
        real(self, lines)

    monkeypatch.setattr(Journal, "write", noted)
    counts: list[list[int]] = []
    commit = GroupCommit([first, second], committed=lambda lines: counts.append(list(lines)))
    second.append(Line("rating"))
    first.append(Line("generation"))
    asyncio.run(commit.flush())
    asyncio.run(commit.flush())
    assert order == ["1", "2"]
    assert counts == [[1, 1]]
    assert names(tmp_path / "1") == ["generation"]
    first.close()
    second.close()


def test_a_record_is_acknowledged_after_the_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    sync = os.fdatasync
    monkeypatch.setattr(module.os, "fdatasync", lambda *a: (order.append("sync"), sync(*a))[1])
    journal = opened(tmp_path / "j")
    commit = GroupCommit([journal], committed=lambda _: order.append("acknowledged"))
    journal.append(Line("a"))
    asyncio.run(commit.flush())
    journal.close()
    assert order == ["sync", "acknowledged"]


def test_it_commits_by_itself_and_a_cancelled_commit_loses_nothing(tmp_path: Path) -> None:
    async def work() -> int:
        journal = opened(tmp_path / "j")
        arrived = asyncio.Event()
        commit = GroupCommit([journal], committed=lambda _: arrived.set(), interval_s=0.001)
        running = asyncio.create_task(commit.run())
        journal.append(Line("first"))
        await arrived.wait()
        for number in range(200):
            journal.append(Line(str(number)))
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await commit.flush()
        journal.close()
        return len(names(tmp_path / "j"))

    assert asyncio.run(work()) == 201


def test_who_writes_too_fast_waits_for_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BUFFERED_BYTES", 1000)

    async def work() -> int:
        journal = opened(tmp_path / "j")
        commit = GroupCommit([journal], interval_s=0.001)
        running = asyncio.create_task(commit.run())
        most = 0
        for number in range(50):
            journal.append(Line(str(number), "x" * 300))
            most = max(most, journal.buffered_bytes)
            await commit.room()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await commit.flush()
        journal.close()
        return most

    assert asyncio.run(work()) < 2000
    assert len(names(tmp_path / "j")) == 50


# -- the folder


def test_two_processes_cannot_hold_a_folder(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from consilience.evaluation.journal import only_one\n"
        "with only_one(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match="another process"), only_one(tmp_path):
            raise AssertionError("held twice")
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    with only_one(tmp_path):
        pass


def test_a_file_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.json"
    write_atomically(path, b"old")

    def broken(*_: Any) -> None:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patched:
        patched.setattr(module.os, "fsync", broken)
        with pytest.raises(StoreError, match=r"m\.json"):
            write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
