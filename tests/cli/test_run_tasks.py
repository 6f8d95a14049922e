"""`consilience exercise run` of tasks: whole, killed, interrupted, failing; equal to Inspect's own log."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.evaluation.task_protocol import write_task_protocol
from tests.interruptible import CONSILIENCE
from tests.optional import optional

from consilience.cli import main
from consilience.evaluation import inspect_process
from consilience.evaluation.inspect_scores import log_status, newest_log
from consilience.node import Node
from consilience.records.claim import Claim

WAIT_S = 90


class Bench:
    """A protocol with a task and the command on it, in this process or in one of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self.out, self.capsys = folder / "plan", folder / "run", capsys
        self.protocol = write_task_protocol(self.home)

    def words(self, *more: str) -> list[str]:
        return [
            "exercise", "run", str(self.protocol), "--model", "mockllm/model", "--laboratory", "Lab A", *more
        ]  # fmt: skip

    def run(self, *more: str) -> tuple[int, str, str]:
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as leave:
            main(self.words(*(more or ("--out", str(self.out)))))
        printed = self.capsys.readouterr()
        return int(leave.value.code or 0), printed.out, printed.err

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*CONSILIENCE, *self.words("--out", str(self.out))],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def wait_until_blocked(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + WAIT_S
        while not (self.home / "blocked").exists() and time.monotonic() < until:
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            break
        assert (self.home / "blocked").exists()

    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.out / "manifest.json").read_bytes())
        return found

    def logs(self) -> list[Path]:
        return sorted((self.out / "inspect" / "01" / "logs").glob("*.eval"))

    def rows(self) -> set[tuple[str, int, str, float | None]]:
        query = "SELECT source_item, attempt, rater, score FROM read_parquet(?)"
        return set(duckdb.execute(query, [str(self.out / "scores.parquet")]).fetchall())


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Bench:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optional("inspect_ai.log")
    for name in [name for name in os.environ if name.startswith(("CONSILIENCE_", "INSPECT_"))]:
        monkeypatch.delenv(name)
    for name in ("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return Bench(tmp_path, capsys)


def theirs(log: Path) -> set[tuple[str, int, str, float | None]]:
    """The scores of a log as Inspect's own interface tells them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from inspect_ai.log import read_eval_log

        samples = read_eval_log(str(log)).samples or []
    names, words = {"includes": "says-it", "match": "says-only-it"}, {"C": 1.0, "I": 0.0}
    return {
        (str(sample.id), sample.epoch, names[name], words[str(score.value)])
        for sample in samples
        for name, score in (sample.scores or {}).items()
    }


def test_a_run_has_the_scores_of_the_log_and_the_files_of_any_run(bench: Bench) -> None:
    code, _, said = bench.run()
    assert code == 0, said
    (log,) = bench.logs()
    assert log_status(log) == "success"
    assert bench.rows() == theirs(log)
    assert len(bench.rows()) == 5 * 2 * 2, "items × epochs × scorers"
    manifest = bench.manifest()
    assert (manifest["items"], manifest["attempts"], manifest["answers"]) == (5, 2, 10)
    assert manifest["sampling"] == {"temperature": 0.5, "max_tokens": 8, "seed": 7}
    assert manifest["finished_at"] is not None
    assert {"scores.parquet", "protocol.json"} <= set(manifest["files"])
    assert manifest["software"]["inspect_ai"]
    assert {rater["id"] for rater in manifest["raters"]} == {"says-it", "says-only-it"}
    header = subprocess.run(
        [sys.executable, "-m", "inspect_ai", "log", "dump", "--header-only", str(log)],
        capture_output=True, check=True,
    )  # fmt: skip
    given = json.loads(header.stdout)["eval"]
    settings = {"max_tokens": 8, "temperature": 0.5, "seed": 7}
    assert settings.items() <= given["model_generate_config"].items()
    assert (given["task_args"]["number"], given["config"]["epochs"]) == (5, 2)
    code, out, said = bench.run("--out", str(bench.out), "--json")
    assert (code, json.loads(out)["deviations"], bench.logs()) == (0, [], [log]), "nothing is run twice"


def test_in_a_node_it_makes_claims_with_the_log_as_evidence(bench: Bench, tmp_path: Path) -> None:
    code, out, said = bench.run("--node", str(tmp_path / "node"), "--json")
    assert code == 0, said
    document = json.loads(out)
    (log,) = Path(document["folder"]).glob("inspect/*/logs/*.eval")
    with Node.open(tmp_path / "node") as node:
        claims = [entry.record for entry in node.records.iterate("claim")]
        assert len(claims) == document["claims"] == 2
        for claim in claims:
            assert isinstance(claim, Claim)
            assert claim.conditions is not None
            assert (claim.conditions.harness, claim.measured_by) == ("inspect", node.party.id)
            assert log.read_bytes() in [node.evidence.read(digest) for digest in claim.evidence]


def test_two_laboratories_are_analysed_together_under_the_protocol(bench: Bench, tmp_path: Path) -> None:
    assert bench.run()[0] == 0
    bench.capsys.readouterr()
    words = bench.words("--out", str(tmp_path / "b"))
    words[words.index("Lab A")] = "Lab B"
    with pytest.raises(SystemExit) as left:
        main(words)
    assert not left.value.code
    bench.capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main(["exercise", "analyse", str(bench.out), str(tmp_path / "b"), "--json"])
    result = json.loads(bench.capsys.readouterr().out)
    assert not left.value.code
    assert result["laboratories"] == ["Lab A", "Lab B"]
    assert [concept["id"] for concept in result["concepts"]] == ["capitals"]
    assert {cell["rater"] for cell in result["cells"] if cell["primary"]} == {"says-it"}
    splits = next(line for line in result["checklist"] if line["line"] == 7)
    assert (splits["state"], splits["evidence"]["params"]["items"]) == ("not met", 5)


def test_killed_it_goes_on_from_the_log(bench: Bench) -> None:
    (bench.home / "block").touch()
    process = bench.start()
    bench.wait_until_blocked(process)
    process.kill()
    process.communicate(timeout=WAIT_S)
    (first,) = bench.logs()
    assert log_status(first) == "started"
    assert bench.manifest()["finished_at"] is None
    (bench.home / "block").unlink()
    code, _, said = bench.run()
    assert code == 0, said
    assert "goes on from its log" in said
    newest = newest_log(first.parent)
    assert newest is not None
    assert newest != first
    assert bench.rows() == theirs(newest)
    assert (len(bench.rows()), bench.manifest()["sessions"]) == (20, 2)


@pytest.mark.parametrize("signal_sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_inspect_is_stopped_and_it_goes_on(bench: Bench, signal_sent: signal.Signals) -> None:
    (bench.home / "block").touch()
    process = bench.start()
    bench.wait_until_blocked(process)
    process.send_signal(signal_sent)
    _, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 130, errors.decode()
    assert b"the same command goes on" in errors
    assert b"Traceback" not in errors
    (bench.home / "block").unlink()
    assert bench.run()[0] == 0
    assert len(bench.rows()) == 20


def test_a_task_that_fails_is_told_and_tried_again(bench: Bench) -> None:
    (bench.home / "fail").touch()
    code, _, said = bench.run()
    assert code == 3
    assert "did not come to its end (error)" in said
    assert "output.log" in said
    assert not (bench.out / "scores.parquet").exists()
    (bench.home / "fail").unlink()
    assert bench.run()[0] == 0
    assert len(bench.rows()) == 20


def test_a_log_that_cannot_be_read_is_left_aside(bench: Bench) -> None:
    logs = bench.out / "inspect" / "01" / "logs"
    logs.mkdir(parents=True)
    (logs / "2000-01-01T00-00-00-00-00_x_y.eval").write_bytes(b"PK\x03\x04 cut")
    assert bench.run()[0] == 0
    assert len(bench.rows()) == 20


def test_another_grader_does_not_go_into_the_same_folder(bench: Bench) -> None:
    judge = ('id = "says-it"\nkind = "program"', 'id = "says-it"\nkind = "judge"')
    write_task_protocol(bench.home, judge)
    assert bench.run()[0] == 0
    (bench.out / "scores.parquet").unlink()
    code, _, said = bench.run("--out", str(bench.out), "--judge", "says-it=openai/gpt-x")
    assert (code, "another --judge" in said) == (2, True), said


def test_a_limit_is_passed_on_and_recorded(bench: Bench) -> None:
    code, out, _ = bench.run("--out", str(bench.out), "--limit", "2", "--attempts", "1", "--json")
    assert code == 0
    assert {item for item, *_ in bench.rows()} == {"q0", "q1"}
    assert {one["field"] for one in json.loads(out)["deviations"]} == {"items", "attempts"}


@pytest.mark.parametrize(
    ("change", "code", "word"),
    [
        (("capitals.py@capitals", "capitals.py@rivers"), 2, "could not start"),
        (("inspect:capitals.py@capitals", "inspect:no_such_package/task"), 2, "could not start"),
        (('scorer = "match"', 'scorer = "exact"'), 2, "no scorer 'exact'"),
    ],
)
def test_what_inspect_does_not_know_is_told(
    bench: Bench, change: tuple[str, str], code: int, word: str
) -> None:
    write_task_protocol(bench.home, change)
    found, _, said = bench.run()
    assert (found, word in said) == (code, True), said


# -- without Inspect


@pytest.fixture
def plain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(tmp_path, capsys)


def test_without_the_extra_it_says_what_to_install(plain: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        inspect_process.importlib.util,
        "find_spec",
        lambda name, *more: None if name == "inspect_ai" else real(name, *more),
    )
    code, _, said = plain.run()
    assert code == 2
    assert "pip install 'consilience[inspect]'" in said


def test_a_dry_run_tells_what_is_passed_and_what_is_not(plain: Bench) -> None:
    code, out, _ = plain.run("--dry-run", "--json", "--temperature", "1")
    document = json.loads(out)
    assert code == 0
    assert document["generation"] == {"temperature": 1.0, "max_tokens": 8, "seed": 7}
    assert (document["items"], document["tasks"]) == (None, ["inspect:capitals.py@capitals"])
    assert len(document["not_passed"]) == 4
    assert not plain.out.exists()
    assert plain.run("--dry-run")[0] == 0


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--model", "local:"], "no model that Inspect can ask"),
        (["--model", "gpt"], "no model that Inspect can ask"),
        (["--split", "tuning"], "a task says itself"),
        (["--judge", "nobody=openai/x"], "no judge nobody"),
        (["--language", "de"], "no task in the language de"),
    ],
)
def test_wrong_words_are_exit_code_2(plain: Bench, more: list[str], word: str) -> None:
    code, _, said = plain.run("--out", str(plain.out), *more)
    assert (code, word in said) == (2, True), said
    assert not plain.out.exists()
