"""Archives that somebody made to break their readers: limits, and what is read in spite of faults."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import random
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.importers.imports import a_sink
from tests.fuzz.coverage_guided import fuzz

from consilience.evaluation.importers import unpacking, zip_directory, zip_entries
from consilience.evaluation.importers.finding import Finder, head_of
from consilience.evaluation.importers.unpacking import BombError, BrokenError, EntryBrokenError, unpacker

FILES = {"a.txt": b"alpha" * 100, "b/c.txt": b"beta"}
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


def a_tar(files: dict[str, bytes] | None = None, **how: Any) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", **how) as archive:
        for name, content in (FILES if files is None else files).items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def a_zip(files: dict[str, bytes] | None = None, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in (FILES if files is None else files).items():
            archive.writestr(name, content)
    return stream.getvalue()


def unpacked(data: bytes) -> dict[str, bytes]:
    unpack = unpacker(data[:65_536])
    assert unpack is not None
    found: dict[str, bytes] = {}
    for name, _, content in unpack(io.BytesIO(data)):
        found[name] = b"".join(iter(lambda content=content: content.read(1 << 20), b""))  # type: ignore[misc]
    return found


def opened(folder: Path, data: bytes) -> tuple[dict[str, bytes], list[str]]:
    path = folder / "logs.archive"
    path.write_bytes(data)
    (folder / "scratch").mkdir(exist_ok=True)
    with a_sink() as sink:
        finder = Finder(folder / "scratch", sink)
        (source,) = finder.find([path])
        inside = finder.open_archive(source, head_of(source)) or []
        found = {entry.name.partition("!/")[2]: entry.path.read_bytes() for entry in inside}
        return found, [finding.code for finding in sink.findings()]


@pytest.mark.parametrize("packer", PACKERS)
def test_tar_files_are_unpacked(packer: str) -> None:
    assert unpacked(PACKERS[packer](a_tar())) == FILES


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip_files_are_unpacked(method: int) -> None:
    assert unpacked(a_zip(method=method)) == FILES


def test_xz_files_of_several_streams_are_read_whole() -> None:
    whole = a_tar()
    assert unpacked(lzma.compress(whole[:700]) + bytes(8) + lzma.compress(whole[700:])) == FILES


def test_what_is_no_archive_is_none() -> None:
    assert unpacker(b"{}") is None


def test_of_a_zip_file_one_broken_entry_does_not_lose_the_others(tmp_path: Path) -> None:
    data = bytearray(a_zip(method=zipfile.ZIP_STORED))
    data[data.index(b"alpha")] ^= 1
    assert opened(tmp_path, bytes(data)) == ({"b/c.txt": b"beta"}, ["entry_broken"])


def test_a_cut_zip_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    data = a_zip(method=zipfile.ZIP_STORED)
    assert opened(tmp_path, data[: data.index(b"PK\x01\x02")]) == (FILES, ["archive_broken"])


@pytest.mark.parametrize("packer", PACKERS)
def test_a_cut_tar_file_is_read_as_far_as_it_goes(tmp_path: Path, packer: str) -> None:
    rng = random.Random(1)
    files = {"a": rng.randbytes(300_000), "b": rng.randbytes(300_000)}
    data = PACKERS[packer](a_tar(files))
    found, codes = opened(tmp_path, data[: int(len(data) * 0.9)])
    assert found == ({} if packer == "bzip2" and not found else {"a": files["a"]})
    assert codes == ["archive_broken"]


@pytest.mark.parametrize("packer", ["gzip", "bzip2", "xz"])
def test_a_damaged_stream_is_a_finding(tmp_path: Path, packer: str) -> None:
    data = bytearray(PACKERS[packer](a_tar({"a": random.Random(2).randbytes(200_000)})))
    data[len(data) // 2 : len(data) // 2 + 50] = bytes(50)
    assert opened(tmp_path, bytes(data))[1] == ["archive_broken"]


def header(name: bytes, size: int, kind: bytes) -> bytes:
    fields = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2
    octal = b"%011o\0" % size if size < 8**11 else b"\x80" + size.to_bytes(11, "big")
    block = (fields + octal + b"0" * 11 + b"\0" + b" " * 8 + kind).ljust(257, b"\0") + b"ustar\x0000"
    block = block.ljust(512, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_a_header_beyond_the_limit_is_never_held(kind: bytes) -> None:
    size = 200 * 2**20
    data = gzip.compress(header(b"long", size, kind) + bytes(size) + a_tar(), 1)
    tracemalloc.start()
    with pytest.raises(BombError, match="header"):
        unpacked(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * 2**20


def test_headers_that_follow_each_other_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_HEADER_BYTES", 4_000)
    with pytest.raises(BombError):
        unpacked((header(b"long", 600, b"L") + b"n" * 600 + bytes(424)) * 10 + a_tar())


def test_headers_without_end_do_not_exhaust_the_stack() -> None:
    with pytest.raises((BrokenError, BombError)):
        unpacked((header(b"long", 1, b"x") + bytes(512)) * 3_000)


def test_a_sparse_file_counts_as_what_it_unpacks_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "SUM_FROM", 1_000_000)
    pax = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "holes",
           "GNU.sparse.size": str(2**40), "GNU.sparse.numblocks": "1", "GNU.sparse.map": "0,0"}  # fmt: skip
    records = b"".join(
        next(b"%d %s=%s\n" % (n, k.encode(), v.encode()) for n in range(99)
             if len(b"%d %s=%s\n" % (n, k.encode(), v.encode())) == n) for k, v in pax.items()
    )  # fmt: skip
    data = (
        header(b"p", len(records), b"x") + records.ljust(512, b"\0") + header(b"holes", 0, b"0") + bytes(1024)
    )
    with pytest.raises(BombError):
        unpacked(data)


def test_entries_beyond_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_ENTRIES", 1)
    for data in (a_tar(), a_zip()):
        with pytest.raises(BombError, match="entries"):
            unpacked(data)


@pytest.mark.parametrize("make", [a_zip, lambda files: gzip.compress(a_tar(files))])
def test_what_all_entries_unpack_to_is_bounded_by_the_size(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "SUM_FROM", 1_000_000)
    with pytest.raises(BombError, match="times its size"):
        unpacked(make({f"{number}": b" " * 500_000 for number in range(50)}))


def test_memory_that_an_xz_file_asks_for_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_XZ_BYTES", 1_000_000)
    with pytest.raises(BrokenError):
        unpacked(lzma.compress(a_tar()))


@pytest.mark.parametrize(
    "error", [struct.error, MemoryError, RecursionError, OverflowError, lzma.LZMAError, KeyError]
)
def test_whatever_an_unpacker_raises_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(tarfile.TarFile, "next", fails)
    assert opened(tmp_path, a_tar()) == ({}, ["archive_broken"])


@pytest.mark.parametrize("name", ["zip", *PACKERS])
def test_no_bytes_make_an_archive_raise_anything_else(name: str) -> None:
    seeds = [a_zip(), a_zip(method=zipfile.ZIP_STORED)] if name == "zip" else [PACKERS[name](a_tar())]
    if name == "plain":
        seeds += [a_tar(format=tarfile.PAX_FORMAT, pax_headers={"a": "b"}),
                  a_tar({"n" * 150: b"1"}, format=tarfile.GNU_FORMAT)]  # fmt: skip

    def read(data: bytes) -> None:
        with contextlib.suppress(BombError, BrokenError, EntryBrokenError, AssertionError):
            unpacked(data)

    watched = (
        [unpacking, zip_entries, zip_directory, tarfile] if name == "plain" else [unpacking, zip_entries]
    )
    found = fuzz(read, seeds, rng=random.Random(3), iterations=150, watched=watched)
    assert [crash.error for crash in found.crashes] == []
