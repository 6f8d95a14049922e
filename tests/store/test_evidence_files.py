from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from consilience.errors import InputError, LimitError, NotFoundError, StoreError, VerificationError
from consilience.records.canonical import digest
from consilience.store.evidence_files import CHUNK, EvidenceFiles

CONTENT = b"scores"
NAME = digest(CONTENT)


@pytest.fixture
def files(tmp_path: Path) -> EvidenceFiles:
    return EvidenceFiles(tmp_path / "evidence")


def _all_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_file_lies_under_its_digest(files: EvidenceFiles, tmp_path: Path) -> None:
    stored = files.put(CONTENT)
    hexadecimal = NAME.removeprefix("sha256:")
    assert (stored.digest, stored.size, stored.added) == (NAME, 6, True)
    assert files.path(NAME) == tmp_path / "evidence" / "sha256" / hexadecimal[:2] / hexadecimal
    assert files.read(NAME) == CONTENT
    assert stat.S_IMODE(files.path(NAME).stat().st_mode) == 0o444


def test_putting_again_changes_nothing(files: EvidenceFiles, tmp_path: Path) -> None:
    files.put(CONTENT)
    before = files.path(NAME).stat()
    assert not files.put(CONTENT).added
    assert files.path(NAME).stat().st_ino == before.st_ino
    assert _all_files(tmp_path) == [files.path(NAME)]


@given(chunks=st.lists(st.binary(max_size=50), max_size=5))
def test_pieces_make_the_whole(tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]) -> None:
    files = EvidenceFiles(tmp_path_factory.mktemp("e"))
    stored = files.put_chunks(iter(chunks))
    assert stored.digest == digest(b"".join(chunks))
    assert files.read(stored.digest) == b"".join(chunks)


def test_a_large_file_is_read_in_pieces(files: EvidenceFiles, tmp_path: Path) -> None:
    source = tmp_path / "large"
    source.write_bytes(os.urandom(CHUNK) * 2 + b"end")
    stored = files.put_file(source)
    assert stored.size == 2 * CHUNK + 3
    with files.open(stored.digest) as stream:
        assert stream.read() == source.read_bytes()


def test_the_expected_digest_is_checked_before_anything_is_kept(files: EvidenceFiles, tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="and not"):
        files.put(b"other", expected_digest=NAME)
    assert _all_files(tmp_path) == []
    assert files.put(CONTENT, expected_digest=NAME).added


def test_limits(tmp_path: Path) -> None:
    files = EvidenceFiles(tmp_path, limit_bytes=6)
    files.put(CONTENT)
    with pytest.raises(LimitError, match="more than 6 bytes"):
        files.put_chunks([b"1234", b"567"])
    with pytest.raises(LimitError, match="at most 5"):
        files.read(NAME, limit_bytes=5)
    assert _all_files(tmp_path) == [files.path(NAME)]


def test_an_endless_source_is_cut_off(tmp_path: Path) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 100

    with pytest.raises(LimitError):
        EvidenceFiles(tmp_path, limit_bytes=1_000).put_chunks(endless())
    assert _all_files(tmp_path) == []


def _damage(files: EvidenceFiles) -> None:
    files.path(NAME).chmod(0o600)
    files.path(NAME).write_bytes(b"Scores")


def test_damage_is_found_and_put_right(files: EvidenceFiles) -> None:
    files.put(CONTENT)
    assert files.is_intact(NAME)
    _damage(files)
    assert not files.is_intact(NAME)
    with pytest.raises(VerificationError, match="damaged"):
        files.read(NAME)
    with pytest.raises(VerificationError), files.open(NAME):
        pytest.fail("damaged content was handed out")
    assert files.put(CONTENT).added
    assert files.read(NAME) == CONTENT


def test_what_is_not_here(files: EvidenceFiles) -> None:
    with pytest.raises(NotFoundError):
        files.read(NAME)
    assert not files.is_intact(NAME)


@pytest.mark.parametrize(
    "name", ["", "sha256:", "sha256:../../etc/passwd", "../x", "sha256:" + "A" * 64, NAME + "\n"]
)
def test_a_name_leads_nowhere_else(files: EvidenceFiles, name: str) -> None:
    with pytest.raises(InputError, match="is not a digest"):
        files.path(name)
    assert not files.is_intact(name)


def test_a_source_that_fails_leaves_nothing(files: EvidenceFiles, tmp_path: Path) -> None:
    def failing() -> Iterator[bytes]:
        yield b"half"
        raise RuntimeError("the connection broke")

    with pytest.raises(RuntimeError, match="broke"):
        files.put_chunks(failing())
    assert _all_files(tmp_path) == []
    with pytest.raises(InputError, match="cannot be read"):
        files.put_file(tmp_path / "missing")
    with pytest.raises(InputError, match="cannot be read"):
        files.put_file(tmp_path)


def test_a_full_disk_is_told_and_leaves_nothing(
    files: EvidenceFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="No space left"):
            files.put(CONTENT)
    assert _all_files(tmp_path) == []
    assert files.put(CONTENT).added


def test_content_is_on_the_disk_before_its_name_and_the_name_before_the_acknowledgement(
    files: EvidenceFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "content")
        fsync(descriptor)

    def watched_replace(self: Path, target: Path) -> Path:
        steps.append("name")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    files.put(CONTENT)
    assert steps == ["content", "name", "folder", "folder"]
    steps.clear()
    files.put(CONTENT)  # another process may have died between the name and the folder
    assert steps == ["folder", "folder"]


def test_iterate(files: EvidenceFiles, tmp_path: Path) -> None:
    stored = [files.put(bytes([number])) for number in range(20)]
    (tmp_path / "evidence" / "sha256" / "ab").mkdir(exist_ok=True)
    (tmp_path / "evidence" / "sha256" / "ab" / "notes.txt").write_text("not ours")
    assert [each.digest for each in files.iterate()] == sorted(each.digest for each in stored)
    assert all(each.size == 1 for each in files.iterate())


def test_sweep_removes_what_the_dead_left_and_nothing_of_the_living(
    files: EvidenceFiles, tmp_path: Path
) -> None:
    left = tmp_path / "evidence" / "incoming" / "left"
    left.write_bytes(b"half")

    def chunks() -> Iterator[bytes]:
        yield b"sco"
        assert files.sweep() == 1
        yield b"res"

    assert files.put_chunks(chunks()).digest == NAME
    assert not left.exists()
    assert files.read(NAME) == CONTENT
    assert files.sweep() == 0


def test_scores_are_whole_parquet_files(files: EvidenceFiles, tmp_path: Path) -> None:
    import duckdb

    scores = tmp_path / "scores.parquet"
    duckdb.sql(f"COPY (SELECT 1 AS score) TO '{scores}' (FORMAT parquet)")
    stored = files.put_scores_file(scores)
    assert files.read(stored.digest) == scores.read_bytes()
    for content in (b"", b"PAR", b"PAR1", scores.read_bytes()[:-1], b"score\n1\nPAR1"):
        scores.write_bytes(content)
        with pytest.raises(InputError, match=r"Parquet|cannot be read"):
            files.put_scores_file(scores)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"Not a directory|File exists"):
        EvidenceFiles(tmp_path / "file")
