"""Kill a writer at random moments, many times: nothing acknowledged is lost, damaged or doubled."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from consilience.records import Evidence, digest, parse, record_bytes
from consilience.store import EvidenceFiles, SqliteRecords

KILLS = 25
# Acknowledges each record and each file on a line of its own. Every start repeats the last few numbers.
WRITER = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from consilience.records import Origin, new_evidence
from consilience.store import EvidenceFiles, SqliteRecords
folder, start = Path(sys.argv[1]), int(sys.argv[2])
party = "party--00000000-0000-0000-0000-000000000000"
origin = Origin(created_by=party, now=datetime(2026, 7, 1, tzinfo=UTC))
os.write(1, b"started\\n")
files = EvidenceFiles(folder / "evidence")
files.sweep()
records = SqliteRecords(folder / "records.sqlite")
for number in range(start, start + 100_000):
    content = (f"evidence {number} " * (20_000 if number % 3 == 0 else 20)).encode()
    stored = files.put(content)
    os.write(1, f"file {number} {stored.digest}\\n".encode())
    size, name = stored.size, str(number)
    receipt = records.put(
        new_evidence(origin, digest=stored.digest, media_type="text/plain", size=size, name=name)
    )
    os.write(1, f"record {number} {receipt.digest}\\n".encode())
"""


def _acknowledged(folder: Path, start: int, *, least: int, delay_s: float) -> list[list[str]]:
    """Start a writer, kill it some time after its `least` acknowledgements, return all that were whole."""
    command = [sys.executable, "-c", WRITER, str(folder), str(start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline() for _ in range(1 + least)]
        try:
            process.wait(timeout=delay_s)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.readlines()
        errors = process.stderr.read()
    assert process.returncode == -signal.SIGKILL, errors.decode()
    assert lines[0] == b"started\n"
    return [line.decode().split() for line in lines[1:] if line.endswith(b"\n")]


def _check(folder: Path, records: dict[int, str], contents: dict[int, str]) -> None:
    """Look at everything that is there, acknowledged or not."""
    files = EvidenceFiles(folder / "evidence")
    store = SqliteRecords(folder / "records.sqlite")
    entries = list(store.iterate())
    assert {entry.digest for entry in entries} >= set(records.values())
    assert len({entry.id for entry in entries}) == len(entries) == store.count()
    for entry in entries:
        record = parse(entry.content, expected_digest=entry.digest).record
        assert record_bytes(record) == entry.content
        assert isinstance(record, Evidence)
        assert digest(files.read(record.digest)) == record.digest
    store.close()
    names = [file.digest for file in files.iterate()]
    assert set(names) >= set(contents.values())
    assert [name for name in names if not files.is_intact(name)] == []


def test_kill_loses_nothing_acknowledged_and_doubles_nothing(tmp_path: Path) -> None:
    source = random.Random(20_240_521)
    records: dict[int, str] = {}
    contents: dict[int, str] = {}
    for _ in range(KILLS):
        start = max(0, max(contents, default=0) - 2)
        least, delay_s = source.randrange(20), source.choice([0, source.uniform(0, 0.05)])
        for kind, number, name in _acknowledged(tmp_path, start, least=least, delay_s=delay_s):
            (records if kind == "record" else contents)[int(number)] = name
        _check(tmp_path, records, contents)
    assert len(records) > KILLS, "the writers were killed before they did anything"
    EvidenceFiles(tmp_path / "evidence").sweep()
    assert list((tmp_path / "evidence" / "incoming").iterdir()) == []
    with sqlite3.connect(tmp_path / "records.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_a_kill_while_the_store_is_made_leaves_one_that_can_be_opened(tmp_path: Path) -> None:
    source = random.Random(7)
    for attempt in range(8):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        acknowledged = _acknowledged(folder, 0, least=0, delay_s=source.uniform(0, 0.1))
        store = SqliteRecords(folder / "records.sqlite")
        assert store.count() >= sum(kind == "record" for kind, _, _ in acknowledged)
        store.close()
