"""`consilience exercise report`: what it reads, what it writes, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from tests.simulators.joint_result import joint_result

from consilience.cli.exercise import report
from consilience.errors import InputError, LimitError


@pytest.fixture
def result_file(tmp_path: Path) -> Path:
    path = tmp_path / "result.json"
    path.write_bytes(msgspec.json.encode(joint_result()))
    return path


def run(*words: str | Path) -> tuple[str, str]:
    outcome = CliRunner().invoke(report.command, [str(word) for word in words], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout, outcome.stderr


def test_it_writes_beside_the_input(result_file: Path) -> None:
    stdout, stderr = run(result_file)
    page = result_file.parent / "joint-report.html"
    assert str(page) in stdout
    assert "browser" in stderr
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert (result_file.parent / "joint-report-data" / "cells.parquet").is_file()


def test_json_and_french(result_file: Path, tmp_path: Path) -> None:
    stdout, stderr = run(result_file, "--out", tmp_path / "r.html", "--language", "fr", "--json")
    document = json.loads(stdout)
    assert stderr == ""
    assert document["report"] == str(tmp_path / "r.html")
    assert document["language"] == "fr"
    assert document["bytes"] == (tmp_path / "r.html").stat().st_size
    assert 'lang="fr"' in (tmp_path / "r.html").read_text()


def test_it_writes_over_an_earlier_report_only(result_file: Path, tmp_path: Path) -> None:
    run(result_file, "--out", tmp_path / "r.html")
    run(result_file, "--out", tmp_path / "r.html")
    (tmp_path / "mine.html").write_text("<p>my thesis</p>")
    with pytest.raises(InputError, match="not a joint report"):
        run(result_file, "--out", tmp_path / "mine.html")
    assert (tmp_path / "mine.html").read_text() == "<p>my thesis</p>"


def test_it_never_writes_over_its_input(result_file: Path) -> None:
    with pytest.raises(InputError, match="overwrite its own input"):
        run(result_file, "--out", result_file)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"format": "another"}', b"\xff\xfe", b"[" * 100_000, b'{"seed": NaN}', b'{"seed": 1e999}'],
)
def test_what_is_not_a_result_is_refused_with_its_place(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a joint result") as caught:
        run(path)
    assert caught.value.where is not None
    assert caught.value.where.file == str(path)
    assert "exercise analyse" in caught.value.next_step


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        run(tmp_path / "nothing.json")


def test_a_result_beyond_the_limit(result_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MAX_RESULT_BYTES", 1_000)
    with pytest.raises(LimitError, match="larger than 1000 bytes"):
        run(result_file)


def test_a_protocol_beside_a_result_is_refused(result_file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--protocol"):
        run(result_file, "--protocol", tmp_path / "p.toml")


def test_scores_are_analysed_first(tmp_path: Path) -> None:
    from tests.simulators.scores import Design, write

    write(Design(items=6, languages=2, raters=1), tmp_path)
    stdout, _ = run(tmp_path, "--json")
    document = json.loads(stdout)
    assert document["report"] == str(tmp_path / "joint-report.html")
    assert "lab-00" in Path(document["report"]).read_text()
