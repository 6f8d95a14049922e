import errno
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

import duckdb
import msgspec
import pytest
from tests.evaluation.importers.imports import NOW, OPTIONS, scores_of
from tests.evaluation.importers.toy import LOG, TOY, Toy

from consilience.errors import InputError, LimitError, NotFoundError
from consilience.evaluation.importers import finding, formats, importing, writing
from consilience.evaluation.importers.imported import Imported


def codes(imported: Imported) -> set[str]:
    """Codes of the findings, but for the language: these logs are too short for it."""
    return {found.code for found in imported.findings} - {"language_unknown"}


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "readers", lambda _: iter([Toy()]))


def test_a_file_becomes_a_folder_that_an_analysis_takes(tmp_path: Path) -> None:
    (tmp_path / "log.toy").write_bytes(LOG)
    imported = importing.import_paths([tmp_path / "log.toy"], OPTIONS, target=tmp_path / "out", now=NOW)
    assert imported.rows == 2
    assert [file.format for file in imported.files] == ["toy"]
    assert len(scores_of(tmp_path / "out")) == 2
    document = json.loads((tmp_path / "out" / writing.IMPORT).read_bytes())
    assert document["scores_sha256"] == writing.file_digest(tmp_path / "out" / writing.SCORES)


def test_importing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "log.toy").write_bytes(LOG)
    contents = []
    for _ in range(2):
        importing.import_paths([tmp_path / "log.toy"], OPTIONS, target=tmp_path / "out", now=NOW)
        contents.append([(tmp_path / "out" / name).read_bytes() for name in (writing.SCORES, writing.IMPORT)])
    assert contents[0] == contents[1]


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "log.toy").write_bytes(LOG)
    imported = importing.import_paths([tmp_path / "log.toy"], OPTIONS, target=None, now=NOW)
    assert imported.rows == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.toy"]


def test_a_copy_of_a_file_is_read_once(tmp_path: Path) -> None:
    for name in ("a.toy", "b.toy"):
        (tmp_path / name).write_bytes(LOG)
    imported = importing.import_paths([tmp_path], OPTIONS, target=None, now=NOW)
    assert imported.rows == 2
    assert codes(imported) == {"same_file"}


def test_a_file_of_no_known_format_is_listed(tmp_path: Path) -> None:
    (tmp_path / "a.toy").write_bytes(LOG)
    (tmp_path / "notes.txt").write_text("hello")
    imported = importing.import_paths([tmp_path], OPTIONS, target=None, now=NOW)
    assert [(file.name.rpartition("/")[2], file.format) for file in imported.files] == [
        ("a.toy", "toy"),
        ("notes.txt", None),
    ]
    assert codes(imported) == {"unknown_format"}


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InputError, match="none of these files"):
        importing.import_paths([tmp_path], OPTIONS, target=None, now=NOW)
    with pytest.raises(NotFoundError):
        importing.import_paths([tmp_path / "gone"], OPTIONS, target=None, now=NOW)


def _zip(entries: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _tar(entries: dict[str, bytes], mode: str = "w:gz") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content", [_zip({"../../up.toy": LOG}), _tar({"/above/../up.toy": LOG}), _tar({"up.toy": LOG}, "w")]
)
def test_archives_are_opened_and_no_entry_climbs(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "logs").write_bytes(content)
    imported = importing.import_paths([tmp_path / "logs"], OPTIONS, target=None, now=NOW)
    assert imported.rows == 2
    assert imported.files[-1].name.endswith("up.toy")
    assert ".." not in imported.files[-1].name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs"]


def test_an_archive_inside_an_archive_stays_closed(tmp_path: Path) -> None:
    (tmp_path / "logs.zip").write_bytes(
        _zip({"a.toy": LOG, "inner.zip": _zip({"b.toy": LOG + b"more\t1\n"})})
    )
    imported = importing.import_paths([tmp_path / "logs.zip"], OPTIONS, target=None, now=NOW)
    assert imported.rows == 2
    assert "nested_archive" in {finding.code for finding in imported.findings}


def test_a_truncated_archive_gives_what_it_has(tmp_path: Path) -> None:
    content = _tar({"a.toy": LOG, "b.toy": TOY + bytes(i % 251 for i in range(200_000))}, "w")
    (tmp_path / "logs.tar").write_bytes(content[:20_000])
    imported = importing.import_paths([tmp_path / "logs.tar"], OPTIONS, target=None, now=NOW)
    assert imported.rows == 2
    assert "archive_broken" in {found.code for found in imported.findings}


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "RATIO_FROM", 1000)
    (tmp_path / "bomb.zip").write_bytes(_zip({"a.toy": LOG, "bomb": bytes(5_000_000)}))
    imported = importing.import_paths([tmp_path / "bomb.zip"], OPTIONS, target=None, now=NOW)
    assert imported.rows == 2
    assert "archive_too_large" in {found.code for found in imported.findings}
    monkeypatch.setattr(finding, "RATIO_FROM", 10**9)
    monkeypatch.setattr(finding, "MAX_UNPACKED_BYTES", 1_000_000)
    imported = importing.import_paths([tmp_path / "bomb.zip"], OPTIONS, target=None, now=NOW)
    assert "archive_too_large" in {found.code for found in imported.findings}


def test_links_in_folders_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.toy").write_bytes(LOG)
    (tmp_path / "secret.toy").write_bytes(LOG + b"secret\t1\n")
    (tmp_path / "logs" / "b.toy").symlink_to(tmp_path / "secret.toy")
    imported = importing.import_paths([tmp_path / "logs"], OPTIONS, target=None, now=NOW)
    assert imported.rows == 2
    assert codes(imported) == {"link"}


def test_a_folder_too_deep_and_a_file_too_large_are_left_out_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "logs"
    for name in "abcd":
        deep.mkdir()
        (deep / f"{name}.toy").write_bytes(LOG + name.encode() + b"\t1\n")
        deep = deep / name
    monkeypatch.setattr(finding, "MAX_DEPTH", 2)
    (tmp_path / "logs" / "large.toy").write_bytes(LOG + bytes(1_000))
    monkeypatch.setattr(finding, "MAX_FILE_BYTES", 500)
    imported = importing.import_paths([tmp_path / "logs"], OPTIONS, target=None, now=NOW)
    assert {file.name for file in imported.files} == {"logs/a.toy", "logs/a/b.toy", "logs/a/b/c.toy"}
    told = {found.code: (found.severity, found.file) for found in imported.findings}
    assert told["too_deep"] == ("error", "logs/a/b/c")
    assert told["too_large"] == ("error", "logs/large.toy")


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(LOG + name.encode())
    monkeypatch.setattr(finding, "MAX_FILES", 2)
    with pytest.raises(LimitError, match="more than 2 files"):
        importing.import_paths([tmp_path], OPTIONS, target=None, now=NOW)


def test_a_file_that_may_not_be_read_is_told_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        (tmp_path / f"{name}.toy").write_bytes(LOG + name.encode() + b"\t1\n")
    real = writing.file_digest

    def refused(path: Path) -> str:
        if path.name == "a.toy":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(writing, "file_digest", refused)
    imported = importing.import_paths([tmp_path], OPTIONS, target=None, now=NOW)
    assert imported.rows == 3
    assert "unreadable" in codes(imported)


def test_folders_of_one_name_stay_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "run").mkdir(parents=True)
        (tmp_path / name / "run" / "log.toy").write_bytes(LOG + name.encode() + b"\t1\n")
    paths = [tmp_path / name / "run" for name in ("a", "b")]
    imported = importing.import_paths(paths, OPTIONS, target=None, now=NOW)
    assert [file.name for file in imported.files] == ["a/run/log.toy", "b/run/log.toy"]
    assert str(tmp_path) not in json.dumps([file.name for file in imported.files])


def test_a_name_that_is_no_utf8_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/logs/\xff.toy")).write_bytes(LOG)
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    imported = importing.import_paths([tmp_path / "logs"], OPTIONS, target=tmp_path / "out", now=NOW)
    assert imported.runs[0].file == "logs/\\xff.toy"
    assert json.loads((tmp_path / "out" / writing.IMPORT).read_bytes())["rows"] == 2


def test_what_an_import_wrote_is_not_imported_again(tmp_path: Path) -> None:
    (tmp_path / "log.toy").write_bytes(LOG)
    first = importing.import_paths([tmp_path], OPTIONS, target=tmp_path / "out", now=NOW)
    again = importing.import_paths([tmp_path], OPTIONS, target=tmp_path / "out", now=NOW)
    assert [file.name for file in again.files] == [file.name for file in first.files]
    assert codes(again) == {"own_import"}
    with pytest.raises(InputError, match="holds an import"):
        importing.import_paths([tmp_path / "out"], OPTIONS, target=None, now=NOW)


def test_a_broken_archive_without_anything_readable_says_so(tmp_path: Path) -> None:
    content = _zip({"a.toy": LOG * 50})
    (tmp_path / "logs.zip").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="cannot be read to its end"):
        importing.import_paths([tmp_path / "logs.zip"], OPTIONS, target=None, now=NOW)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log.toy").write_bytes(LOG)

    def full(*_: object) -> None:
        raise duckdb.IOException("could not write all bytes")

    monkeypatch.setattr(writing, "write_items", full)
    with pytest.raises(LimitError, match="more disk than there is") as told:
        importing.import_paths([tmp_path / "log.toy"], OPTIONS, target=tmp_path / "out", now=NOW)
    assert "TMPDIR" in told.value.next_step
    assert [path.name for path in tmp_path.iterdir()] == ["log.toy"]


def test_a_full_disk_is_no_broken_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "logs.zip").write_bytes(_zip({"a.toy": LOG}))

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(finding.Finder, "_store", full)
    with pytest.raises(LimitError, match="more disk than there is"):
        importing.import_paths([tmp_path / "logs.zip"], OPTIONS, target=None, now=NOW)


def test_an_earlier_import_stays_where_the_new_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log.toy").write_bytes(LOG)
    importing.import_paths([tmp_path / "log.toy"], OPTIONS, target=tmp_path / "out", now=NOW)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (tmp_path / "log.toy").write_bytes(LOG + b"more\t1\n")

    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(writing, "write_account", full)
    with pytest.raises(LimitError, match="more memory than there is"):
        importing.import_paths([tmp_path / "log.toy"], OPTIONS, target=tmp_path / "out", now=NOW)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.toy", "out"]


def test_a_metric_that_no_run_has_is_refused_and_those_there_are_are_named(tmp_path: Path) -> None:
    (tmp_path / "log.toy").write_bytes(LOG)
    for changes, words in (
        ({"scorers": ("typo",)}, "--only: no run has the metric 'typo'"),
        ({"scorers": ("acc", "typo")}, "--only: no run has the metric 'typo'"),
        ({"raters": {"typo": "x"}}, "--rater: no run has the metric 'typo'"),
    ):
        options = msgspec.structs.replace(OPTIONS, **changes)
        with pytest.raises(InputError, match=words) as told:
            importing.import_paths([tmp_path / "log.toy"], options, target=tmp_path / "out", now=NOW)
        assert told.value.next_step == "There are: acc."
    assert not (tmp_path / "out").exists()


def test_a_word_that_no_score_was_is_told(tmp_path: Path) -> None:
    (tmp_path / "log.toy").write_bytes(LOG)
    options = msgspec.structs.replace(OPTIONS, values={"P": 0.5})
    imported = importing.import_paths([tmp_path / "log.toy"], options, target=None, now=NOW)
    assert [(f.severity, f.code) for f in imported.findings if "'P'" in f.text] == [("error", "unused_value")]


def test_every_format_names_a_reader() -> None:
    for name, reader in zip(formats.READERS, formats.readers(OPTIONS), strict=True):
        assert reader.name == name
