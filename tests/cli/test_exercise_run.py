from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from rich.console import Console
from tests.evaluation.small_protocol import JUDGE_TOML, write_small_protocol
from tests.interruptible import CONSILIENCE
from tests.simulators.endpoint import numbered, running_endpoint

from consilience.cli import main
from consilience.cli.exercise.run_progress import shown_progress
from consilience.evaluation.journal import read_records
from consilience.evaluation.progress import Progress
from consilience.evaluation.run_record import Answer, Rating


class Outcome(msgspec.Struct):
    code: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document


class Bench:
    """A protocol and a folder, and the command on them in this process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], **protocol: Any) -> None:
        self.folder = folder
        self.out = folder / "run"
        self.capsys = capsys
        self.protocol = write_small_protocol(folder, **protocol)

    def words(self, url: str, *more: str) -> list[str]:
        return [
            "exercise", "run", str(self.protocol), "--model", f"m-1@{url}", "--laboratory", "Lab A",
            "--out", str(self.out), *more,
        ]  # fmt: skip

    def run(self, url: str, *more: str) -> Outcome:
        return self.call(*self.words(url, *more))

    def call(self, *words: str) -> Outcome:
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as leave:
            main(words)
        printed = self.capsys.readouterr()
        return Outcome(int(leave.value.code or 0), printed.out, printed.err)

    def answers(self) -> list[Answer]:
        return list(read_records(self.out / "generations.jsonl", msgspec.json.Decoder(Answer)))

    def ratings(self) -> list[Rating]:
        return list(read_records(self.out / "ratings.jsonl", msgspec.json.Decoder(Rating)))


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Bench:
    for name in [name for name in os.environ if name.startswith("CONSILIENCE_") and name.endswith("KEY")]:
        monkeypatch.delenv(name)
    return Bench(tmp_path, capsys)


def test_a_run_writes_its_files_and_says_what_to_do_next(bench: Bench) -> None:
    with running_endpoint() as endpoint:
        outcome = bench.run(endpoint.url)
    assert outcome.code == 0
    assert {path.name for path in bench.out.iterdir()} >= {
        "protocol.json", "generations.jsonl", "ratings.jsonl", "manifest.json", "scores.parquet",
    }  # fmt: skip
    assert re.search(r"answers +12 of 12", outcome.out)
    assert re.search(r"deviations +none", outcome.out)
    assert "12 of 12 generations" in outcome.err
    assert "consilience exercise analyse" in outcome.err
    (count,) = duckdb.execute(
        "SELECT count(*) FROM read_parquet(?) WHERE status = 'scored' AND score = 1",
        [str(bench.out / "scores.parquet")],
    ).fetchall()[0]
    assert count == 12


def test_json_is_one_document(bench: Bench) -> None:
    with running_endpoint() as endpoint:
        document = bench.run(endpoint.url, "--json").document()
    assert set(document) == {"folder", "scores", "claims", "manifest", "deviations"}
    assert document["manifest"]["laboratory"] == "Lab A"
    assert document["manifest"]["usage"]["prompt_tokens"] == 84
    assert document["deviations"] == []


def test_without_out_the_run_is_in_the_node(bench: Bench) -> None:
    words = bench.words("", "--node", str(bench.folder / "node"), "--json")
    at = words.index("--out")
    with running_endpoint() as endpoint:
        words[words.index("m-1@")] = f"m-1@{endpoint.url}"
        document = bench.call(*words[:at], *words[at + 2 :]).document()
    folder = Path(document["folder"])
    assert folder.parent == bench.folder / "node" / "runs"
    assert folder.name == document["manifest"]["run"]
    assert (folder / "scores.parquet").exists()
    assert (bench.folder / "node" / "node.toml").exists()
    listed = bench.call("record", "list", "--kind", "claim", "--node", str(bench.folder / "node"), "--json")
    assert document["claims"] == len(listed.document()["records"]) > 0


def test_a_pilot_makes_no_claims(bench: Bench) -> None:
    words = bench.words("", "--node", str(bench.folder / "node"), "--json", "--limit", "1")
    at = words.index("--out")
    with running_endpoint() as endpoint:
        words[words.index("m-1@")] = f"m-1@{endpoint.url}"
        outcome = bench.call(*words[:at], *words[at + 2 :])
    assert outcome.code == 0
    assert outcome.document()["claims"] is None
    assert "a pilot" in outcome.err


def test_the_same_command_again_asks_nothing(bench: Bench) -> None:
    with running_endpoint() as endpoint:
        bench.run(endpoint.url)
        asked = endpoint.count
        assert bench.run(endpoint.url).code == 0
        assert endpoint.count == asked == 12


def test_overrides_are_recorded_and_shown_as_deviations(bench: Bench) -> None:
    (bench.folder / "prompt.txt").write_text("Be long.\n")
    with running_endpoint() as endpoint:
        document = bench.run(
            endpoint.url, "--temperature", "1.5", "--max-tokens", "3", "--attempts", "1", "--limit", "2",
            "--system-prompt-file", str(bench.folder / "prompt.txt"), "--json",
        ).document()  # fmt: skip
    assert {one["field"] for one in document["deviations"]} == {
        "sampling.temperature", "sampling.max_tokens", "attempts", "items", "system_prompt",
    }  # fmt: skip
    assert endpoint.count == 4
    assert endpoint.requests[0]["messages"][0] == {"role": "system", "content": "Be long."}
    assert endpoint.requests[0]["max_tokens"] == 3
    assert document["manifest"]["selection"] == {"languages": [], "splits": [], "limit": 2}


def test_another_setting_does_not_go_into_the_same_folder(bench: Bench) -> None:
    with running_endpoint() as endpoint:
        bench.run(endpoint.url)
        outcome = bench.run(endpoint.url, "--temperature", "1")
    assert outcome.code == 2
    assert "belongs to the run" in outcome.err
    assert "--out" in outcome.err


def test_a_dry_run_asks_nothing_and_writes_nothing(bench: Bench) -> None:
    with running_endpoint() as endpoint:
        text = bench.run(endpoint.url, "--dry-run")
        document = bench.run(endpoint.url, "--dry-run", "--json").document()
        assert endpoint.count == 0
    assert not bench.out.exists()
    assert re.search(r"generations +12", text.out)
    assert ("none: no system prompt" in text.out) == (document["system_prompt_digest"] is None)
    assert (document["generations"], document["prompt_tokens"]) == (12, None)
    assert document["sampling"] == {"temperature": 0.5, "max_tokens": 8, "seed": 7}


def test_the_key_goes_to_the_endpoint_and_nowhere_else(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIR_KEY", "sk-very-secret")
    with running_endpoint() as endpoint:
        outcome = bench.run(endpoint.url, "--key-env", "THEIR_KEY")
    assert {headers["authorization"] for headers in endpoint.headers} == {"Bearer sk-very-secret"}
    assert "secret" not in outcome.out + outcome.err
    for path in bench.out.iterdir():
        assert b"secret" not in path.read_bytes(), path.name


@pytest.mark.parametrize(
    ("fault", "word"),
    [("unauthorized", "key"), ("not_found", "model"), ("redirect", "redirects"), ("no_quota", "quota")],
)
def test_what_every_request_would_meet_is_exit_code_3_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, fault: str, word: str
) -> None:
    monkeypatch.setenv("CONSILIENCE_API_KEY", "sk-very-secret")
    with running_endpoint(script=lambda _n, _b: fault) as endpoint:
        outcome = bench.run(endpoint.url)
        assert endpoint.count <= 12
    assert outcome.code == 3
    assert word in outcome.err
    assert "secret" not in outcome.err
    assert bench.answers() == []
    with running_endpoint() as endpoint:
        assert bench.run(endpoint.url).code == 0
        assert endpoint.count == 12


def test_nobody_there_is_exit_code_3(bench: Bench) -> None:
    outcome = bench.run("http://127.0.0.1:9/v1", "--json")
    assert outcome.code == 3
    assert "nobody answers" in outcome.document()["detail"]


def test_faults_are_told_by_cause_and_the_run_comes_to_its_end(bench: Bench) -> None:
    faults = {
        "empty": [1],
        "content_filter": [2],
        "cut_off": [3],
        "flood": [4],
        "html": [5, 6],
        "nan_tokens": [7],
    }
    with running_endpoint(script=numbered(faults, "ye")) as endpoint:
        outcome = bench.run(endpoint.url, "--concurrency", "1", "--json")
    assert outcome.code == 0
    failed = outcome.document()["manifest"]["failed_by_cause"]
    assert failed == {"empty": 1, "malformed_response": 1, "oversized": 1, "refused_by_endpoint": 1}
    with running_endpoint() as endpoint:
        document = bench.run(endpoint.url, "--json").document()
        assert endpoint.count == 1, "only what failed by the fault of the endpoint"
    assert document["manifest"]["failed_by_cause"] == {"empty": 1, "oversized": 1, "refused_by_endpoint": 1}


def test_a_judge_rates_with_its_own_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, capsys, raters=JUDGE_TOML)
    monkeypatch.setenv("CONSILIENCE_API_KEY", "sk-model")
    monkeypatch.delenv("CONSILIENCE_JUDGE_API_KEY", raising=False)
    with running_endpoint() as model, running_endpoint(answer="yes") as judge:
        document = bench.run(model.url, "--judge", f"judge=judge-1@{judge.url}", "--json").document()
        assert (model.count, judge.count) == (12, 12)
        assert not any("authorization" in headers for headers in judge.headers), (
            "the model's key stays with it"
        )
    assert document["deviations"] == []
    assert Counter(rating.rater for rating in bench.ratings()) == {"exact": 12, "judge": 12}


def test_a_judge_on_the_models_own_host_gets_the_models_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, capsys, raters=JUDGE_TOML)
    monkeypatch.setenv("CONSILIENCE_API_KEY", "sk-model")
    monkeypatch.delenv("CONSILIENCE_JUDGE_API_KEY", raising=False)
    with running_endpoint() as endpoint:
        assert bench.run(endpoint.url, "--judge", f"judge=judge-1@{endpoint.url}").code == 0
        assert {headers["authorization"] for headers in endpoint.headers} == {"Bearer sk-model"}


def test_a_judge_that_does_not_accept_the_key_stops_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(tmp_path, capsys, raters=JUDGE_TOML)
    with running_endpoint() as model, running_endpoint(script=lambda _n, _b: "unauthorized") as judge:
        outcome = bench.run(model.url, "--judge", f"judge=judge-1@{judge.url}")
    assert outcome.code == 3
    assert "does not accept the key" in outcome.err


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--judge", "judge"], "RATER=SPEC"),
        (["--judge", "nobody=m@http://127.0.0.1:9/v1"], "no judge nobody"),
        (["--language", "de"], "no language de"),
        (["--temperature", "nan"], "not between"),
        (["--system-prompt-file", "no-such-file"], "cannot be read"),
        (["--concurrency", "0"], "range"),
        (["--concurrency", "1025"], "range"),
    ],
)
def test_wrong_words_are_exit_code_2(bench: Bench, more: list[str], word: str) -> None:
    outcome = bench.run("http://127.0.0.1:9/v1", *more)
    assert outcome.code == 2
    assert word in outcome.err
    assert not bench.out.exists()


@pytest.mark.parametrize(
    ("content", "word"), [(b"\xff\xfe", "not UTF-8"), (b"x" * (1024 * 1024 + 1), "at most")]
)
def test_a_system_prompt_that_cannot_be_sent_is_refused(bench: Bench, content: bytes, word: str) -> None:
    (bench.folder / "prompt").write_bytes(content)
    outcome = bench.run("http://127.0.0.1:9/v1", "--system-prompt-file", str(bench.folder / "prompt"))
    assert outcome.code == 2
    assert word in outcome.err


def test_credentials_in_the_url_are_refused_and_not_repeated(bench: Bench) -> None:
    words = bench.words("https://user:s3cret@host/v1")
    outcome = bench.call(*words)
    assert outcome.code == 2
    assert "s3cret" not in outcome.err + outcome.out


# -- kill -9 and Ctrl-C, on the real command


def start(bench: Bench, url: str) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONSILIENCE_")}
    return subprocess.Popen(
        [*CONSILIENCE, *bench.words(url, "--concurrency", "6")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )


KILLS = 22


def test_killed_at_any_moment_nothing_acknowledged_is_lost_asked_again_or_doubled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Bench(tmp_path, capsys, items=100, attempts=4)
    rng = random.Random(20_240_521)
    acknowledged: set[int] = set()
    asked_again: list[int] = []
    now: dict[str, Any] = {"seen": 0, "kill_at": 0, "process": None}

    def script(_number: int, body: dict[str, Any]) -> tuple[str, float]:
        if body["seed"] in acknowledged:
            asked_again.append(body["seed"])
        now["seen"] += 1
        if now["seen"] == now["kill_at"]:
            os.kill(now["process"].pid, signal.SIGKILL)
        return "slow", rng.uniform(0.0, 0.02)

    killed = 0
    with running_endpoint(script=script) as endpoint:
        while True:
            now |= {"seen": 0, "kill_at": rng.randint(1, 40) if killed < KILLS else 0}
            now["process"] = process = start(bench, endpoint.url)
            _, errors = process.communicate(timeout=120)
            if process.returncode == 0:
                break
            assert process.returncode == -signal.SIGKILL, errors.decode()
            killed += 1
            path = bench.out / "generations.jsonl"
            whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
            acknowledged |= {msgspec.json.decode(line, type=Answer).seed or 0 for line in whole.splitlines()}
    answers, ratings = bench.answers(), bench.ratings()
    assert killed == KILLS
    assert asked_again == []
    assert len(answers) == len({answer.generation for answer in answers}) == 800
    assert len({(answer.item, answer.language, answer.attempt) for answer in answers}) == 800
    assert len(ratings) == len({rating.rating for rating in ratings}) == 800
    assert {rating.generation for rating in ratings} == {answer.generation for answer in answers}
    rows = duckdb.execute(
        "SELECT status, count(*) FROM read_parquet(?) GROUP BY 1", [str(bench.out / "scores.parquet")]
    )
    assert rows.fetchall() == [("scored", 800)]
    manifest = msgspec.json.decode((bench.out / "manifest.json").read_bytes())
    assert manifest["answers"] == 800
    assert manifest["sessions"] <= killed + 1


@pytest.mark.parametrize("signal_sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_how_to_go_on_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], signal_sent: signal.Signals
) -> None:
    bench = Bench(tmp_path, capsys, items=20)
    now: dict[str, Any] = {"seen": 0, "process": None, "ended": False}

    def script(_number: int, _body: dict[str, Any]) -> tuple[str, Any] | None:
        now["seen"] += 1
        if now["seen"] == 30:
            os.kill(now["process"].pid, signal_sent)
        return ("hang", None) if now["seen"] >= 30 and not now["ended"] else None

    with running_endpoint(script=script) as endpoint:
        now["process"] = process = start(bench, endpoint.url)
        _, errors = process.communicate(timeout=120)
        now["ended"] = True
        assert process.returncode == 130, errors.decode()
        assert b"the same command goes on" in errors
        assert b"Traceback" not in errors
        kept = len(bench.answers())
        assert 20 <= kept <= 30, "what was on its way is asked again, and nothing else"
        manifest = msgspec.json.decode((bench.out / "manifest.json").read_bytes())
        assert (manifest["finished_at"], manifest["answers"]) == (None, kept)
        seeds = {answer.seed for answer in bench.answers()}
        before = len(endpoint.requests)
        assert bench.run(endpoint.url).code == 0
    assert not seeds & {request["seed"] for request in endpoint.requests[before:]}, "asked again"
    assert len(bench.answers()) == 80


# -- what a person sees


def progress(**changes: Any) -> Progress:
    values: dict[str, Any] = {"total": 100, "kept": 10, "answered": 30, "seconds": 6.0}
    return Progress(**(values | changes))


def test_progress_says_rate_time_left_and_failures_by_cause(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(stderr=True, width=200, force_terminal=False)
    with shown_progress(console, clock=lambda: 0.0) as watch:
        watch(progress(failed={"timeout": 2, "empty": 1}))
        watch(progress(answered=31))
    line = capsys.readouterr().err
    assert line == "40 of 100 generations 5.0/s · 12 s left · failed: empty 1, timeout 2\n", (
        "one line in ten seconds"
    )


def test_progress_on_a_terminal_moves(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(stderr=True, width=200, force_terminal=True)
    with shown_progress(console) as watch:
        watch(progress())
    shown = capsys.readouterr().err
    assert "40/100" in shown
    assert "5.0/s" in shown


@pytest.mark.parametrize(
    ("seconds", "text"), [(6.0, "12 s left"), (600.0, "20 min 0 s left"), (6000.0, "3 h 20 min left")]
)
def test_time_left_is_said_in_words(seconds: float, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress(Console(stderr=True, width=200, force_terminal=False), clock=lambda: 0.0) as watch:
        watch(progress(seconds=seconds))
    assert text in capsys.readouterr().err


def test_before_the_first_answer_there_is_no_rate() -> None:
    early = progress(answered=0)
    assert (early.rate, early.seconds_left, early.done) == (None, None, 10)
