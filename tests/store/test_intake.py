from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.records.examples import CLAIM, EXAMPLES, NOW, SUBJECT

from consilience.errors import InputError, LimitError
from consilience.records import as_document, record_bytes, revise
from consilience.store import SqliteRecords, intake, take_in
from consilience.store.intake import read_documents


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteRecords]:
    opened = SqliteRecords(tmp_path / "records.sqlite")
    yield opened
    opened.close()


def test_a_bad_document_never_stops_the_rest(store: SqliteRecords) -> None:
    good = [(kind, record_bytes(record)) for kind, record in EXAMPLES.items()]
    bad = [
        ("bomb", b"[" * 100_000),
        ("bytes", b"\xff\xfe"),
        ("NaN", b'{"kind":NaN}'),
        ("large", b" " * 2_000_000),
        ("future", record_bytes(revise(CLAIM, now=NOW + timedelta(days=3)))),
        ("other content", record_bytes(msgspec.structs.replace(SUBJECT, name="Another"))),
    ]
    mixed = [good[0], *bad[:3], *good[1:], *bad[3:]]
    taken = take_in(store, mixed, now=NOW)
    assert [receipt.id for receipt in taken.receipts] == [record.id for record in EXAMPLES.values()]
    assert [refused.source for refused in taken.refused] == [source for source, _ in bad]
    assert store.count() == len(good)
    kept = {each.source: each for each in store.refused()}
    assert [kept[refused.source].reason for refused in taken.refused] == [
        refused.reason for refused in taken.refused
    ]
    assert kept["bytes"].content == b"\xff\xfe"
    again = take_in(store, mixed, now=NOW)
    assert not any(receipt.added for receipt in again.receipts)
    assert len(list(store.refused())) == len(bad)


def test_one_object(tmp_path: Path, store: SqliteRecords) -> None:
    file = tmp_path / "record.json"
    content = json.dumps(as_document(CLAIM), indent=2).encode()
    file.write_bytes(content)
    assert read_documents(file) == [(str(file), content)]


def test_an_array_keeps_the_bytes_of_each(tmp_path: Path, store: SqliteRecords) -> None:
    file = tmp_path / "records.json"
    inner = json.dumps(as_document(CLAIM), indent=2).encode()
    file.write_bytes(b" [\n" + inner + b", 7 ,{}]")
    documents = read_documents(file)
    assert [content for _, content in documents] == [inner, b"7", b"{}"]
    assert documents[1][0] == f"{file}, element 2"
    taken = take_in(store, documents, now=NOW)
    assert (len(taken.receipts), len(taken.refused)) == (1, 2)
    assert store.get(CLAIM.id).content == inner


@pytest.mark.parametrize("content", [b"[{]", b"[" * 1_000_000, b"[1,", b"[\xff]"])
def test_an_array_that_cannot_be_taken_apart_is_one_bad_document(
    tmp_path: Path, store: SqliteRecords, content: bytes
) -> None:
    file = tmp_path / "records.json"
    file.write_bytes(content)
    taken = take_in(store, read_documents(file), now=NOW)
    assert taken.receipts == ()
    assert taken.refused


def test_lines_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_bytes(b'{"a":1}\n\n  \nbad\r\n')
    assert read_documents(file) == [(f"{file}, line 1", b'{"a":1}'), (f"{file}, line 4", b"bad\r")]


def test_a_file_that_is_too_large_or_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "records.jsonl"
    file.write_bytes(b"123456")
    monkeypatch.setattr(intake, "MAX_FILE_BYTES", 5)
    with pytest.raises(LimitError, match="more than 5 bytes"):
        read_documents(file)
    with pytest.raises(InputError, match="cannot be read"):
        read_documents(tmp_path / "missing")
    monkeypatch.setattr(intake, "MAX_FILE_BYTES", 6)
    assert len(read_documents(file)) == 1
