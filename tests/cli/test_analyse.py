"""`consilience exercise analyse`: what is printed, what is written, and with which exit code it ends."""

from __future__ import annotations

import io
import json
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner, Result
from rich.console import Console
from tests.evaluation.exercises import make_protocol, write_run
from tests.simulators.joint_result import joint_result
from tests.simulators.scores import Design, row, table, write, write_rows

from consilience.cli import main
from consilience.cli.exercise.analyse import command
from consilience.cli.exercise.analysis_text import print_result
from consilience.errors import ConsilienceError, InputError
from consilience.evaluation.joint_result import JointResult

SCORES = {
    (lab, tag, f"i{k}"): [float((k + n) % 3 > 0), 1.0 if k else None]
    for n, lab in enumerate(("lab-a", "lab-b"))
    for tag in ("en", "ar")
    for k in range(8)
}


def call(*words: object) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words], standalone_mode=False)


def test_it_prints_the_verdict_and_the_tables_and_writes_the_document(tmp_path: Path) -> None:
    path = write_rows(table(SCORES), tmp_path / "in" / "s.csv")
    result = call(path)
    assert result.exception is None
    for words in (
        "Exercise simulated",
        "all laboratories",
        "lab-a",
        "Paired differences",
        "timeout",
        "Note:",
    ):
        assert words in result.stdout
    written = tmp_path / "in" / "joint-result.json"
    assert str(written) in result.stdout
    document = msgspec.json.decode(written.read_bytes(), type=JointResult)
    assert document.laboratories == ("lab-a", "lab-b")
    assert "Next: consilience exercise report" in result.stderr
    assert [name.name for name in (tmp_path / "in").iterdir() if name.name.startswith(".")] == []


def test_many_laboratories_get_tables_that_fit(tmp_path: Path) -> None:
    paths = write(Design(laboratories=6, items=12, languages=2), tmp_path)
    result = call(tmp_path, "--out", tmp_path / "out.json")
    assert len(paths) == 6
    assert result.exception is None
    assert result.stdout.count("lab-05") >= 2
    assert max(len(line) for line in result.stdout.splitlines()) <= 160


def test_json_prints_the_document_and_writes_nothing(tmp_path: Path) -> None:
    path = write_rows(table(SCORES), tmp_path / "s.parquet")
    result = call(path, "--json")
    document = json.loads(result.stdout)
    assert document["format"] == "consilience-joint-result-1"
    assert document["inputs"][0]["name"] == "s.parquet"
    assert result.stderr == ""
    assert [p.name for p in tmp_path.iterdir()] == ["s.parquet"]


def test_out_names_the_file_and_is_the_printed_document(tmp_path: Path) -> None:
    path = write_rows(table(SCORES), tmp_path / "s.jsonl")
    result = call(path, "--json", "--out", tmp_path / "here.json", "--seed", 5)
    assert json.loads(result.stdout) == json.loads((tmp_path / "here.json").read_text())
    assert json.loads(result.stdout)["seed"] == 5


def test_the_result_of_an_earlier_call_is_replaced(tmp_path: Path) -> None:
    path = write_rows(table(SCORES), tmp_path / "s.csv")
    call(path)
    assert call(path).exception is None


def test_a_file_that_is_something_else_is_kept(tmp_path: Path) -> None:
    path = write_rows(table(SCORES), tmp_path / "s.csv")
    (tmp_path / "mine.json").write_text("{}")
    result = call(path, "--out", tmp_path / "mine.json")
    assert isinstance(result.exception, InputError)
    assert "is not a joint result" in str(result.exception)
    assert (tmp_path / "mine.json").read_text() == "{}"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write_rows(table(SCORES), tmp_path / "s.csv")
    result = call(path, "--out", tmp_path / "gone" / "x.json")
    assert isinstance(result.exception, InputError)


def test_run_folders_are_analysed_with_their_protocol(tmp_path: Path) -> None:
    plan = make_protocol(items=[f"i{k}" for k in range(30)])
    for name in ("lab-a", "lab-b"):
        write_run(tmp_path / name, plan, name, sampling={"temperature": 0.7, "max_tokens": 8})
    result = call(tmp_path)
    assert "Deviations from the protocol" in result.stdout
    assert "sampling.temperature" in result.stdout
    assert (tmp_path / "joint-result.json").exists()


def test_markup_in_names_is_printed_as_it_is(tmp_path: Path) -> None:
    path = write_rows(
        [row(item=f"i{k}", model="[red]m[/red]", score=float(k % 2)) for k in range(4)], tmp_path / "s.csv"
    )
    assert "[red]m[/red]" in call(path).stdout


def test_unusable_input_ends_with_code_2_and_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_rows([row(status="skored")], tmp_path / "s.csv")
    with pytest.raises(SystemExit) as ended:
        main(["exercise", "analyse", str(path), "--json"])
    problem = json.loads(capsys.readouterr().out)
    assert ended.value.code == 2
    assert (problem["exit_code"], problem["where"]) == (2, {"file": "s.csv", "line": 2})
    assert "unknown status" in problem["detail"]


def test_without_scores_it_is_a_usage_error() -> None:
    result = call()
    assert isinstance(result.exception, click.UsageError)
    assert not isinstance(result.exception, ConsilienceError)


def test_names_of_others_cannot_drive_the_terminal() -> None:
    result = joint_result()
    (first, *_) = result.deviations
    hostile = msgspec.structs.replace(first, actual="\x1b]0;owned\x07", planned="\x9b31m")
    stream = io.StringIO()
    print_result(
        msgspec.structs.replace(result, deviations=(hostile,)),
        Console(file=stream, width=400, force_terminal=True, color_system=None),
    )
    assert "owned" in stream.getvalue()
    assert not set("\x1b\x07\x9b") & set(stream.getvalue())
