import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.evaluation.importers.imports import NOW, OPTIONS, a_run, a_sink, scores_of
from tests.evaluation.importers.toy import LOG, TOY, Toy

from consilience.errors import InputError, LimitError, NotFoundError
from consilience.evaluation.importers import finding, formats, importing, writing
from consilience.evaluation.importers.sink import Sink


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
    assert [finding.code for finding in imported.findings] == ["same_file"]


def test_a_file_of_no_known_format_is_listed(tmp_path: Path) -> None:
    (tmp_path / "a.toy").write_bytes(LOG)
    (tmp_path / "notes.txt").write_text("hello")
    imported = importing.import_paths([tmp_path], OPTIONS, target=None, now=NOW)
    assert [(file.name.rpartition("/")[2], file.format) for file in imported.files] == [
        ("a.toy", "toy"),
        ("notes.txt", None),
    ]
    assert [finding.code for finding in imported.findings] == ["unknown_format"]


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
    assert [found.code for found in imported.findings] == ["link"]


def test_limits_of_files_depth_and_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path
    for _ in range(4):
        deep = deep / "d"
        deep.mkdir()
    for name in "abc":
        (deep / name).write_bytes(LOG + name.encode())
    for limit, value, words in (
        ("MAX_DEPTH", 2, "deep"),
        ("MAX_FILES", 2, "more than 2 files"),
        ("MAX_FILE_BYTES", 2, "GiB"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(finding, limit, value)
            with pytest.raises(LimitError, match=words):
                importing.import_paths([tmp_path], OPTIONS, target=None, now=NOW)


def test_every_format_names_a_reader() -> None:
    for name, reader in zip(formats.READERS, formats.readers(OPTIONS), strict=True):
        assert reader.name == name


def test_the_language_is_identified_from_the_prompts_and_said_so() -> None:
    from consilience.evaluation.importers.languages import identify_languages

    class Model:
        labels = frozenset({"fr"})

        def rank(self, text: str) -> list[tuple[str, float]]:
            return [("fr", 0.99 if "pas" in text else 0.3)]

    def prompts(sink: Sink, text: str) -> None:
        run = sink.add_run(a_run(file=text[:5]))
        for number in range(8):
            digest = sink.add_prompt(f"{text} et encore une question numéro {number}")
            sink.add_score(run, str(number), rater="acc", score=1.0, item_digest=digest)

    with a_sink() as sink:
        prompts(sink, "Ne dites pas cela")
        prompts(sink, "Autre chose encore")
        identify_languages(sink, OPTIONS, Model())
        assert [(run.language, run.language_basis) for run in sink.runs] == [
            ("fr", "identified"),
            (None, "unknown"),
        ]
        assert [found.code for found in sink.findings()] == ["language_unknown"]
