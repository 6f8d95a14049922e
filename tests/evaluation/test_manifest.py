from __future__ import annotations

import getpass
import json
import socket
from pathlib import Path
from typing import Any

import msgspec
from tests.evaluation.small_protocol import small_plan

from consilience.evaluation.manifest import MAX_SERVED_MODELS, Served, build_manifest, machine, tally
from consilience.evaluation.metering import not_measured
from consilience.evaluation.run_record import Answer, Manifest, Session
from consilience.evaluation.scores import Cause


def answer(name: str, **changes: Any) -> Answer:
    return msgspec.structs.replace(
        Answer(generation=name, item="q", language="en", concept="c", attempt=1, text="yes"), **changes
    )


def session(number: int, state: str = "finished", **changes: Any) -> Session:
    return msgspec.structs.replace(
        Session(
            number=number,
            started_at=f"2026-01-0{number}T00:00:00.000Z",
            saved_at=f"2026-01-0{number}T01:00:00.000Z",
            state="running",
            endpoint="http://h/v1",
            runner_cpu_seconds=1.5,
            model_cpu_seconds=2.5,
            wall_seconds=10.0,
            energy=not_measured("no counter"),
        ),
        state=state,
        **changes,
    )


def built(answers: list[Answer], sessions: list[Session], failed: list[Answer] | None = None) -> Manifest:
    return build_manifest(
        small_plan(),
        served=Served(endpoint="http://h/v1"),
        raters=(),
        counts=tally(answers, failed or []),
        sessions=sessions,
        finished_at=None,
    )


def test_tokens_cover_the_answers_that_reported_them() -> None:
    answers = [
        answer("a", prompt_tokens=5, completion_tokens=0),
        answer("b", prompt_tokens=7),
        answer("c"),
        answer("d", prompt_tokens=1, completion_tokens=2),
    ]
    usage = built(answers, [session(1)]).usage
    assert (usage.answers, usage.answers_with_tokens) == (4, 2)
    assert (usage.prompt_tokens, usage.completion_tokens) == (6, 2)


def test_no_reported_tokens_are_unknown_and_not_zero() -> None:
    usage = built([answer("a")], [session(1)]).usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (None, None)


def test_failures_are_counted_once_by_their_last_cause() -> None:
    failed = [
        answer("x", text=None, cause=Cause.TIMEOUT),
        answer("x", text=None, cause=Cause.RATE_LIMITED),
        answer("a", text=None, cause=Cause.TIMEOUT),
    ]
    answers = [answer("a"), answer("b", text=None, cause=Cause.EMPTY), answer("c", cause=Cause.CUT_OFF)]
    manifest = built(answers, [session(1)], failed)
    assert (manifest.answers, manifest.answered) == (4, 2)
    assert manifest.failed_by_cause == {"empty": 1, "rate_limited": 1}


def test_sessions_are_added_and_a_killed_one_is_said() -> None:
    manifest = built([], [session(1, "running"), session(2, "stopped"), session(3)])
    assert (manifest.sessions, manifest.started_at) == (3, "2026-01-01T00:00:00.000Z")
    usage = manifest.usage
    assert (usage.runner_cpu_seconds, usage.model_cpu_seconds, usage.wall_seconds) == (4.5, 7.5, 30.0)
    assert "1 of 3 sessions ended without a last reading" in manifest.notes[0]
    assert built([], [session(1, "stopped"), session(2, "running")]).notes == ()


def test_cpu_seconds_of_the_model_are_unknown_if_one_session_does_not_know_them() -> None:
    manifest = built([], [session(1), session(2, model_cpu_seconds=None)])
    assert manifest.usage.model_cpu_seconds is None


def test_the_names_that_were_served_are_kept_up_to_a_limit() -> None:
    many = [answer(str(number), served_model=f"m{number:02}") for number in range(MAX_SERVED_MODELS + 5)]
    assert built([*many, *many[:3]], [session(1)]).served_models == tuple(
        f"m{number:02}" for number in range(MAX_SERVED_MODELS)
    )


def test_the_manifest_says_what_was_sent_and_asked() -> None:
    plan = small_plan()
    manifest = build_manifest(
        plan,
        served=Served(
            endpoint="local:sha256:1", weights_digest="sha256:1", extra_sampling={"cache_prompt": True},
            software={"xllamacpp": "1"},
        ),
        raters=(),
        counts=tally([], []),
        sessions=[session(1)],
        finished_at=None,
    )  # fmt: skip
    assert manifest.sampling == {"temperature": 0.5, "max_tokens": 8, "seed": 7, "cache_prompt": True}
    assert (manifest.attempts, manifest.items, manifest.languages) == (2, 6, ("en", "fr"))
    assert manifest.items_digest == plan.items_digest()
    assert manifest.software["xllamacpp"] == "1"
    assert {"consilience", "python", "aiohttp", "duckdb", "msgspec"} <= set(manifest.software)


def test_nothing_names_this_machine_its_user_or_a_path() -> None:
    text = json.dumps(msgspec.to_builtins(built([answer("a")], [session(1)])))
    for secret in (socket.gethostname(), str(Path.home()), str(Path.cwd())):
        assert secret not in text
    assert f'"{getpass.getuser()}"' not in text


def test_the_machine_is_described_from_what_the_kernel_says(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n")
    (tmp_path / "meminfo").write_text("MemTotal:       16 kB\nMemFree: 1 kB\n")
    facts = machine(tmp_path / "cpuinfo", tmp_path / "meminfo")
    assert (facts["cpu"], facts["memory_bytes"]) == ("Some CPU @ 2 GHz", 16384)
    assert isinstance(facts["cpus"], int)
    bare = machine(tmp_path / "none", tmp_path / "none")
    assert "cpu" not in bare
    assert "memory_bytes" not in bare
