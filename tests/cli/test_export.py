"""`consilience exercise export`: what is printed, written, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.evaluation.exercises import make_protocol, write_run

from consilience.cli import main
from consilience.cli.exercise import exporting as verb
from consilience.evaluation.exports import every_eval_ever, exporting


def call(*words: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["exercise", "export", *(str(word) for word in words)])
    return int(stop.value.code or 0)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "north", make_protocol(), "north", files={})


def test_it_says_what_it_wrote_and_what_it_could_not_hold(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(run, "--to", "every-eval-ever", "--out", tmp_path / "out") == 0
    told = capsys.readouterr()
    assert "every-eval-ever: 8 ratings, 2 results, 2 files" in told.out
    assert "Not held: texts of items stay here; their digests stand in their place (8)" in told.out
    assert "Marking: TLP:CLEAR" in told.err


def test_json_is_one_document(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(run, "--to", "csv", "--out", tmp_path / "s.csv", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["format"], document["rows"], document["handling"]) == ("csv", 8, "TLP:CLEAR")
    assert [file["name"] for file in document["files"]] == ["s.csv"]


def test_a_marking_that_does_not_allow_it_ends_with_4(tmp_path: Path) -> None:
    red = write_run(tmp_path / "red", make_protocol(handling="TLP:RED"), "north", files={})
    assert call(red, "--to", "parquet", "--out", tmp_path / "s.parquet") == 4
    assert not (tmp_path / "s.parquet").exists()
    assert call(red, "--to", "parquet", "--out", tmp_path / "s.parquet", "--handling-acknowledged") == 0


def test_what_is_there_is_not_overwritten(run: Path, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("mine")
    assert call(run, "--to", "csv", "--out", tmp_path / "s.csv") == 2
    assert (tmp_path / "s.csv").read_text() == "mine"


def test_croissant_asks_for_what_the_protocol_does_not_say(run: Path, tmp_path: Path) -> None:
    words = (run, "--to", "croissant", "--out", tmp_path / "out")
    assert call(*words) == 2
    assert call(*words, "--creator", "The institutes", "--license", "CC0-1.0") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"croissant.json", "items.jsonl"}


def test_the_words_of_the_options_are_those_of_the_code() -> None:
    assert exporting.FORMATS == verb.FORMATS
    assert every_eval_ever.RELATIONSHIPS == verb.RELATIONSHIPS
