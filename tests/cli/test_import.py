"""`consilience exercise import` and `match`: what is printed, written, kept, and the exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.importers.toy import LOG, TOY, Toy
from tests.interruptible import CONSILIENCE

from consilience.cli import main
from consilience.cli.exercise.importing import _ended_in_order
from consilience.evaluation.importers import importing
from consilience.node import Node
from consilience.records.claim import Claim
from consilience.records.kinds import Party


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importing, "readers", lambda _: iter([Toy()]))
    monkeypatch.chdir(tmp_path)


def call(*words: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["exercise", *(str(word) for word in words)])
    return int(stop.value.code or 0)


def a_log(folder: Path, name: str = "log.toy", content: bytes = LOG) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_it_prints_what_it_found_and_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = a_log(tmp_path / "logs")
    assert call("import", log, "--laboratory", "North", "--language", "en", "--out", tmp_path / "out") == 0
    told = capsys.readouterr()
    for words in ("1 run in 1 file", "2 ratings of 2 items, 2 scored", "model-a", "en (declared)", "acc"):
        assert words in told.out
    assert "Next: consilience exercise analyse" in told.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "scores.parquet", "items.parquet", "import.json",
    }  # fmt: skip


def test_what_is_imported_can_be_analysed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = a_log(tmp_path / "logs", content=LOG + b"A third question of this test\t1\n")
    call("import", log, "--laboratory", "North", "--language", "en", "--out", tmp_path / "a")
    call("import", log, "--laboratory", "South", "--language", "en", "--out", tmp_path / "b")
    capsys.readouterr()
    assert call("analyse", tmp_path / "a", tmp_path / "b", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["laboratories"] == ["North", "South"]
    assert document["between"][0]["n_items"] == 3


def test_a_node_keeps_originals_and_claims_and_a_second_import_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = a_log(tmp_path / "logs")
    Node.open(tmp_path / "node", create=True, party="Institute A").close()
    words = (
        "import",
        log,
        "--laboratory",
        "North",
        "--language",
        "en",
        "--node",
        tmp_path / "node",
        "--json",
    )
    assert call(*words) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["claims"] == 1
    with Node.open(tmp_path / "node") as node:
        before = node.records.count()
        (claim,) = [entry.record for entry in node.records.iterate("claim")]
        assert isinstance(claim, Claim)
        measurer = node.records.get(str(claim.measured_by)).record
        assert isinstance(measurer, Party)
        assert (measurer.name, measurer.created_by, claim.published_by) == ("North", *2 * (node.party.id,))
        assert claim.measured_by != node.party.id == claim.published_by
        assert claim.conditions is not None
        assert (claim.conditions.harness, claim.conditions.language) == ("toy", "en")
        kept = [node.evidence.read(digest) for digest in claim.evidence]
        assert LOG in kept
    assert call(*words) == 0
    assert json.loads(capsys.readouterr().out) == first
    with Node.open(tmp_path / "node") as node:
        assert node.records.count() == before


def test_what_the_nodes_own_laboratory_measured_is_its_own(tmp_path: Path) -> None:
    log = a_log(tmp_path / "logs")
    Node.open(tmp_path / "node", create=True, party="North").close()
    assert call("import", log, "--laboratory", "north", "--language", "en", "--node", tmp_path / "node") == 0
    with Node.open(tmp_path / "node") as node:
        (claim,) = [entry.record for entry in node.records.iterate("claim")]
        assert isinstance(claim, Claim)
        assert claim.measured_by == node.party.id
        assert node.records.count("party") == 1


def test_no_node_is_made_in_the_name_of_whoever_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = a_log(tmp_path / "logs")
    assert call("import", log, "--laboratory", "North", "--node", tmp_path / "node") == 2
    assert "consilience node init --party" in capsys.readouterr().err
    assert not (tmp_path / "node").exists()


def test_a_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = a_log(tmp_path / "logs")
    assert call("import", log, "--laboratory", "North", "--dry-run") == 0
    assert "Nothing was written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_a_file_that_cannot_be_read_as_a_whole_is_told_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = a_log(tmp_path / "logs", content=LOG + b"# odd\n")
    assert call("import", log, "--laboratory", "North", "--out", tmp_path / "out") == 1
    assert "Error: log.toy, line 2: this line is odd" in capsys.readouterr().out
    assert (tmp_path / "out" / "scores.parquet").is_file()


@pytest.mark.parametrize(
    "words",
    [
        ("--language", "English"),
        ("--value", "P"),
        ("--value", "P=much"),
        ("--value", "P=nan"),
        ("--rater", "acc=a", "--rater", "acc=b"),
        ("--rater", "typo=a"),
        ("--only", "typo"),
        ("--as", ""),
        ("--model", " "),
        ("--concept", ""),
        ("--node", "node"),
    ],
)
def test_what_cannot_be_understood_is_a_usage_error(tmp_path: Path, words: tuple[str, ...]) -> None:
    log = a_log(tmp_path / "logs")
    assert call("import", log, "--laboratory", "North", "--out", tmp_path / "out", *words) == 2
    assert not (tmp_path / "out").exists()


def test_an_empty_laboratory_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = a_log(tmp_path / "logs")
    assert call("import", log, "--laboratory", "", "--out", tmp_path / "out") == 2
    assert "--laboratory is empty" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_importing_a_folder_twice_does_not_import_what_the_first_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_log(tmp_path)
    for _ in range(2):
        assert call("import", ".", "--laboratory", "North", "--out", "out", "--json") == 0
        document = json.loads(capsys.readouterr().out)["import"]
        assert [file["name"].rpartition("/")[2] for file in document["files"]] == ["log.toy"]
    assert call("import", "out", "--laboratory", "North", "--dry-run") == 2
    assert "this folder holds an import" in capsys.readouterr().err


def test_a_folder_whose_name_is_no_utf8_is_told_escaped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = a_log(tmp_path / "logs")
    out = Path(os.fsdecode(os.fsencode(tmp_path) + b"/out-\xff"))
    try:
        out.mkdir()
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    assert call("import", log, "--laboratory", "North\udcff", "--out", out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["folder"].endswith("out-\\xff")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_import_that_is_stopped_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    pipe, temporary = tmp_path / "logs" / "a.report.jsonl", tmp_path / "temporary"
    pipe.parent.mkdir()
    temporary.mkdir()
    first = json.dumps({"entry_type": "start_run setup", "_config.version": "0.13.0"}) + "\n"
    attempt = json.dumps({
        "entry_type": "attempt", "uuid": "n", "status": 2, "probe_classname": "p.P", "prompt": "secret words",
        "outputs": ["x"], "detector_results": {"d.D": [1.0]},
    }) + "\n"  # fmt: skip
    with pipe.open("w") as file:
        file.write(first)
        for _ in range(60):
            file.write(attempt * 5_000)
    process = subprocess.Popen(
        [*CONSILIENCE, "exercise", "import", "logs", "--laboratory", "N", "--out", "out"],
        cwd=tmp_path, env={**os.environ, "TMPDIR": str(temporary)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    with process, process.stderr as talk:
        assert talk.readline() == "garak: 1 files\n"
        assert len(list(temporary.glob("consilience-import-*/*/prompts"))) == 1
        process.send_signal(number)
        assert "Interrupted" in talk.read()
    assert process.wait() == 130
    assert list(temporary.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith((".", "out"))] == []


def test_an_import_without_a_terminal_goes_on_when_it_ends() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with _ended_in_order():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) not in {signal.SIG_IGN, signal.SIG_DFL}
    finally:
        signal.signal(signal.SIGHUP, before)


def test_nothing_is_written_among_other_files(tmp_path: Path) -> None:
    log = a_log(tmp_path / "logs")
    assert call("import", log, "--laboratory", "North", "--out", tmp_path / "logs") == 2
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["log.toy"]


def test_match_tells_the_common_items(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_log(tmp_path / "logs")
    a_log(
        tmp_path / "more", content=TOY + b"which is the CAPITAL town of france?\t1\nSomething else again\t1\n"
    )
    for name in ("logs", "more"):
        call("import", tmp_path / name, "--laboratory", "North", "--out", tmp_path / f"{name}-out")
    capsys.readouterr()
    assert call("match", tmp_path / "logs-out", tmp_path / "more-out") == 0
    told = capsys.readouterr()
    assert "In common: 1 item" in told.out
    assert "an analysis compares 1 item" in told.out
    assert "Next: consilience exercise analyse" in told.err
    assert call("match", tmp_path / "logs-out", tmp_path / "more-out", "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (found["common"], found["left"]["only_here"]) == (1, 1)
    assert call("match", tmp_path / "logs", tmp_path / "more-out") != 0


def test_match_does_not_send_anybody_to_an_analysis_that_compares_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_log(tmp_path / "logs")
    for name in ("one", "two"):
        call("import", tmp_path / "logs", "--laboratory", name, "--concept", name, "--out", tmp_path / name)
    capsys.readouterr()
    assert call("match", tmp_path / "one", tmp_path / "two") == 0
    told = capsys.readouterr()
    assert "None of them pairs: they stand under other concepts" in told.out
    assert "Next" not in told.err
    a_log(tmp_path / "other", content=TOY + b"Nothing alike is asked in here\t1\n")
    call("import", tmp_path / "other", "--laboratory", "three", "--out", tmp_path / "three")
    capsys.readouterr()
    assert call("match", tmp_path / "one", tmp_path / "three") == 0
    told = capsys.readouterr()
    assert ("In common: 0 items" in told.out, "Next" in told.err) == (True, False)
