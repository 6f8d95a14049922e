"""Zip files as they should be, and as they should not: cut off, damaged, bombs, climbing names."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulators import inspect_log as logs

from consilience.evaluation.importers import zip_directory, zip_entries
from consilience.evaluation.importers.zip_directory import EntryError
from consilience.evaluation.importers.zip_entries import ZipEntries

CONTENT = {
    "a.json": b'{"a":1}',
    "samples/x/y_epoch_1.json": b"x" * 5_000,
    "empty": b"",
    "ünï.json": b"\x00\xff",
}


def packed(
    content: dict[str, bytes], *, method: int = logs.ZSTD, before: bytes = b"", comment: bytes = b""
) -> bytes:
    stream = io.BytesIO()
    stream.write(before)
    zipped = logs.ZipWriter(stream)
    for name, data in content.items():
        zipped.add(name, data, method=method)
    zipped.close(comment)
    return stream.getvalue()


def opened(data: bytes) -> ZipEntries:
    return ZipEntries(io.BytesIO(data), len(data))


def readable(entries: ZipEntries) -> dict[str, bytes]:
    found = {}
    for entry in entries:
        try:
            found[entry.name] = entries.read(entry)
        except EntryError:
            continue
    return found


@pytest.mark.parametrize("method", [logs.ZSTD, logs.DEFLATE, logs.STORED])
def test_every_method_gives_back_what_was_packed(method: int) -> None:
    entries = opened(packed(CONTENT, method=method))
    assert readable(entries) == CONTENT
    assert entries.whole
    assert entries.faults == []
    assert {name: b"".join(entries.pieces(entries.get(name))) for name in CONTENT} == CONTENT  # type: ignore[arg-type]
    assert entries.get("no such") is None


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_what_python_writes_is_read(method: int) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in CONTENT.items():
            archive.writestr(name, data)
        with archive.open("large", "w", force_zip64=True) as file:
            file.write(b"z" * 100_000)
    assert readable(opened(stream.getvalue())) == {**CONTENT, "large": b"z" * 100_000}


@pytest.mark.parametrize("method", [logs.DEFLATE, logs.STORED])
def test_python_reads_what_the_simulator_writes(method: int) -> None:
    with zipfile.ZipFile(io.BytesIO(packed(CONTENT, method=method, comment=b"note"))) as archive:
        assert {info.filename.encode("cp437"): archive.read(info) for info in archive.infolist()} == {
            name.encode(): data for name, data in CONTENT.items()
        }
        assert archive.infolist()[0].date_time == (2026, 11, 22, 10, 40, 54)


def test_more_entries_than_a_plain_end_can_count() -> None:
    content = {f"{i}": b"%d" % i for i in range(70_000)}
    entries = opened(packed(content, method=logs.STORED))
    assert len(entries) == 70_000
    assert entries.faults == []
    wanted = entries.get("69999")
    assert wanted is not None
    assert entries.read(wanted) == b"69999"


@pytest.mark.parametrize(
    ("before", "comment"), [(b"#!/bin/sh\n", b""), (b"", b"a note PK\x05"), (b"x" * 99, b"y")]
)
def test_what_stands_before_and_after_does_no_harm(before: bytes, comment: bytes) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.json", CONTENT["a.json"])
        archive.comment = comment
    assert readable(opened(before + stream.getvalue())) == {"a.json": CONTENT["a.json"]}


def test_of_two_entries_of_one_name_the_last_counts() -> None:
    stream = io.BytesIO()
    zipped = logs.ZipWriter(stream)
    for data in (b"first", b"second", b"third"):
        zipped.add("same", data)
        zipped.add(f"other {data!r}", data)
    zipped.close()
    entries = opened(stream.getvalue())
    assert [entries.read(entry) for entry in entries if entry.name == "same"] == [b"third"]
    assert len(entries.superseded) == 2
    assert len(entries) == 6
    last = entries.get("same")
    assert last is not None
    assert entries.read(last) == b"third"


def test_several_zstd_frames_are_one_content() -> None:
    packer = zstandard.ZstdCompressor()
    data = packer.compress(b"one ") + packer.compress(b"two") + packer.compress(b"")
    stream = io.BytesIO()
    zipped = logs.ZipWriter(stream)
    zipped.add("a", b"one two", packed=data)
    zipped.close()
    assert readable(opened(stream.getvalue())) == {"a": b"one two"}


@given(at=st.integers(0, 10_000))
@settings(max_examples=60)
def test_a_file_cut_anywhere_gives_the_entries_that_are_whole(at: int) -> None:
    data = packed(CONTENT)
    at %= len(data)
    entries = opened(data[:at])
    found = readable(entries)
    assert not entries.whole
    assert entries.faults[0].code == "truncated"
    assert entries.faults[0].offset == at
    assert found.items() <= CONTENT.items()
    ends = [data.find(b"PK\x03\x04", 1), data.find(b"PK\x01\x02")]
    if at >= ends[0]:
        assert "a.json" in found
    if at >= ends[1]:
        assert found == CONTENT


def test_after_a_damaged_entry_the_walk_goes_on() -> None:
    data = bytearray(packed(CONTENT)[:-60])
    data[0:4] = b"XXXX"
    entries = opened(bytes(data))
    assert [fault.code for fault in entries.faults] == ["truncated", "entry_broken"]
    assert entries.faults[1].offset == 0
    assert readable(entries) == {name: content for name, content in CONTENT.items() if name != "a.json"}


def test_a_broken_directory_is_replaced_by_a_walk() -> None:
    data = bytearray(packed(CONTENT))
    second = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 1)
    data[second : second + 4] = b"XXXX"
    entries = opened(bytes(data))
    assert [fault.code for fault in entries.faults] == ["directory_broken"]
    assert readable(entries) == CONTENT


def one(content: bytes = b"content", **told: object) -> ZipEntries:
    stream = io.BytesIO()
    zipped = logs.ZipWriter(stream)
    zipped.add("a", content, **told)  # type: ignore[arg-type]
    zipped.close()
    return opened(stream.getvalue())


def fault_of(entries: ZipEntries, *, whole: bool = True) -> str:
    entry = entries.get("a")
    assert entry is not None
    with pytest.raises(EntryError) as caught:
        (entries.read if whole else entries.check)(entry)
    assert caught.value.offset == entry.offset
    return caught.value.code


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"flags": 1}, "encrypted"),
        ({"method": 14, "packed": b"xx"}, "unknown_compression"),
        ({"crc": 1}, "entry_broken"),
        ({"size": 3}, "entry_broken"),
        ({"size": 30}, "entry_broken"),
        ({"packed": b"no zstd"}, "entry_broken"),
        ({"packed": b""}, "entry_broken"),
        ({"method": logs.DEFLATE, "packed": b"\xff\xff"}, "entry_broken"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_what_cannot_be_unpacked_is_told(told: dict[str, object], code: str, whole: bool) -> None:
    assert fault_of(one(**told), whole=whole) == code


@pytest.mark.parametrize("method", [logs.ZSTD, logs.DEFLATE, logs.STORED])
def test_every_changed_bit_of_an_entry_is_noticed(method: int) -> None:
    data = packed({"a": b"some content that is long enough " * 3}, method=method)
    start, end = 31, data.find(b"PK\x01\x02")
    for place in range(start, end):
        changed = bytearray(data)
        changed[place] ^= 4
        assert readable(opened(bytes(changed))) in ({}, {"a": b"some content that is long enough " * 3})


def bomb(method: int) -> bytes:
    stream = io.BytesIO()
    zipped = logs.ZipWriter(stream)
    zipped.add("a", bytes(64 * 2**20), method=method)
    zipped.close()
    return stream.getvalue()


@pytest.mark.parametrize("method", [logs.ZSTD, logs.DEFLATE])
def test_a_bomb_is_not_unpacked(method: int) -> None:
    entries = opened(bomb(method))
    assert fault_of(entries) == "entry_too_large"
    if method == logs.ZSTD:
        assert fault_of(entries, whole=False) == "entry_too_large"


@pytest.mark.parametrize("method", [logs.ZSTD, logs.DEFLATE])
def test_a_bomb_that_says_it_is_small_stops_at_what_it_says(method: int) -> None:
    data = bytearray(bomb(method))
    for place in (22, data.find(b"PK\x01\x02") + 24):
        struct.pack_into("<L", data, place, 1_000)
    entries = opened(bytes(data))
    entry = entries.get("a")
    assert entry is not None
    taken: list[bytes] = []
    with pytest.raises(EntryError, match="checksum"):
        taken.extend(entries.pieces(entry))
    assert sum(map(len, taken)) <= 1_000
    assert fault_of(entries) == "entry_broken"


def test_a_frame_that_wants_much_memory_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True, write_content_size=False)
    content = random.Random(1).randbytes(200_000)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = packer.compress(content) + packer.flush()
    assert zstandard.get_frame_parameters(data).window_size > zip_entries.MAX_WINDOW_BYTES
    assert fault_of(one(content, packed=data), whole=False) == "entry_broken"


def test_entries_may_not_unpack_to_too_much_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_entries, "MAX_UNPACKED_BYTES", 10_000)
    entries = opened(packed({"a": b"x" * 6_000, "b": b"y" * 6_000}))
    assert readable(entries) == {"a": b"x" * 6_000}


def test_what_all_entries_unpack_to_is_bounded_by_the_size_of_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(zip_entries, "SUM_FROM", 1_000_000)
    entries = opened(packed({f"{number}": b" " * 500_000 for number in range(50)}))
    read = readable(entries)
    assert 2 <= len(read) < 50
    assert sum(map(len, read.values())) <= max(1_000_000, zip_entries.MAX_SUM_RATIO * entries.size)


def test_more_entries_than_the_limit_are_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_directory, "MAX_ENTRIES", 3)
    entries = opened(packed({f"{i}": b"" for i in range(10)}))
    assert len(entries) == 3
    assert "too_many_entries" in {fault.code for fault in entries.faults}


@pytest.mark.parametrize(
    ("limit", "code"),
    [("MAX_DIRECTORY_BYTES", "directory_too_large"), ("MAX_NAME_BYTES", "directory_broken")],
)
def test_the_directory_and_names_have_limits(limit: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_directory, limit, 3)
    assert code in {fault.code for fault in opened(packed(CONTENT)).faults}


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a/../../b", "C:\\x", "a\x00b", "\udcff"]
)
def test_names_that_climb_are_only_names(name: str) -> None:
    entries = opened(packed({name: b"x"}))
    assert [entry.name for entry in entries] == [name]
    assert readable(entries) == {name: b"x"}


def test_entries_that_lie_on_each_other_are_not_one_another() -> None:
    data = bytearray(packed({"a": b"one", "b": b"two"}))
    second = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 1)
    struct.pack_into("<L", data, second + 42, 0)
    assert readable(opened(bytes(data))) == {"a": b"one"}


@given(st.binary(max_size=400))
@settings(max_examples=200)
def test_any_bytes_are_listed_without_an_exception(data: bytes) -> None:
    for start in (b"", b"PK\x03\x04", packed({"a": b"x"})[:40]):
        readable(opened(start + data))


@given(st.data())
@settings(max_examples=150)
def test_any_change_of_a_file_is_read_without_an_exception(data: st.DataObject) -> None:
    changed = bytearray(packed(CONTENT))
    for _ in range(data.draw(st.integers(1, 6))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    found = readable(opened(bytes(changed)))
    assert all(content in CONTENT.values() for content in found.values())


def with_zip64(content: bytes, *, offset: int = 0) -> bytes:
    """One stored entry whose sizes and place stand in zip64 fields only, in both headers."""
    full, name = 0xFFFFFFFF, b"a"
    sizes = struct.pack("<2Q", len(content), len(content))
    filler = struct.pack("<2H", 0x5455, 4) + b"time"
    told = struct.pack("<4H3L2H", 0, 0, 0, 0, zlib.crc32(content), full, full, len(name), 20 + len(filler))
    local = b"PK\x03\x04" + struct.pack("<H", 45) + told + name + filler + struct.pack("<2H", 1, 16) + sizes
    extra = filler + struct.pack("<2H", 1, 24) + sizes + struct.pack("<Q", offset)
    told = struct.pack("<4H3L2H", 0, 0, 0, 0, zlib.crc32(content), full, full, len(name), len(extra))
    central = b"PK\x01\x02" + struct.pack("<2H", 45, 45) + told + struct.pack("<3H2L", 0, 0, 0, 0, full)
    central += name + extra
    start = len(local) + len(content)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(central), start, 0)
    return local + content + central + end


def test_sizes_and_places_of_zip64() -> None:
    data = with_zip64(b"content")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.read("a") == b"content"
    assert readable(opened(data)) == {"a": b"content"}
    walked = opened(data[:-10])
    assert not walked.whole
    assert readable(walked) == {"a": b"content"}


def test_a_place_beyond_the_file_is_a_broken_directory() -> None:
    entries = opened(with_zip64(b"content", offset=2**63))
    assert [fault.code for fault in entries.faults] == ["directory_broken"]
    assert readable(entries) == {"a": b"content"}


def test_an_entry_without_its_size_is_skipped_in_a_walk() -> None:
    stream = io.BytesIO()
    zipped = logs.ZipWriter(stream)
    zipped.add("streamed", b"", packed=b"", flags=8)
    zipped.add("b", b"two")
    entries = opened(stream.getvalue())
    assert [fault.code for fault in entries.faults] == ["truncated", "entry_broken"]
    assert readable(entries) == {"b": b"two"}


def test_a_count_that_is_not_that_of_the_directory_is_told() -> None:
    data = bytearray(packed(CONTENT))
    end = data.rfind(b"PK\x05\x06")
    struct.pack_into("<2H", data, end + 8, 9, 9)
    entries = opened(bytes(data))
    assert [fault.code for fault in entries.faults] == ["directory_count"]
    assert readable(entries) == CONTENT
