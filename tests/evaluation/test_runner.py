from __future__ import annotations

import asyncio
import collections
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from tests.evaluation.small_protocol import JUDGE, ScriptedChat, small_plan, small_protocol, surroundings

from consilience.errors import IncompatibleError, PartnerError, StoreError
from consilience.evaluation.journal import only_one, open_journal, read_records
from consilience.evaluation.manifest import Served
from consilience.evaluation.model import ChatReply
from consilience.evaluation.progress import Progress
from consilience.evaluation.raters.rating import build_raters
from consilience.evaluation.run_folder import read_manifest, write_manifest
from consilience.evaluation.run_order import Alarm
from consilience.evaluation.run_plan import RunPlan
from consilience.evaluation.run_record import Answer, Manifest, Rating, Session
from consilience.evaluation.runner import RunSettings, carry_out
from consilience.evaluation.scores import Cause, Status

SERVED = Served(endpoint="http://127.0.0.1:1/v1")
ONE_BY_ONE = RunSettings(concurrency=1, judge_concurrency=1)


def run(
    folder: Path,
    chat: ScriptedChat,
    plan: RunPlan | None = None,
    *,
    judge: ScriptedChat | None = None,
    settings: RunSettings | None = None,
    raters: Sequence[Any] | None = None,
    watched: list[tuple[int, int]] | None = None,
) -> Manifest:
    plan = plan or small_plan()
    alarm = Alarm(judge) if judge else None

    def watch(progress: Progress) -> None:
        if watched is not None:
            watched.append((progress.done, progress.total))

    return asyncio.run(
        carry_out(
            plan,
            folder,
            model=chat,
            served=SERVED,
            raters=build_raters(plan.protocol, judge_clients={"judge": alarm} if alarm else {})
            if raters is None
            else raters,
            surroundings=surroundings(watch, lambda: alarm.error if alarm else None),
            settings=settings,
        )
    )


def answers(folder: Path, name: str = "generations.jsonl") -> list[Answer]:
    return list(read_records(folder / name, msgspec.json.Decoder(Answer)))


def ratings(folder: Path, name: str = "ratings.jsonl") -> list[Rating]:
    return list(read_records(folder / name, msgspec.json.Decoder(Rating)))


def scores(folder: Path) -> list[tuple[Any, ...]]:
    query = "SELECT item, language, attempt, rater, status, cause, score FROM read_parquet(?) ORDER BY ALL"
    return duckdb.execute(query, [str(folder / "scores.parquet")]).fetchall()


def test_every_generation_is_asked_once_and_rated_by_who_applies(tmp_path: Path) -> None:
    chat = ScriptedChat()
    watched: list[tuple[int, int]] = []
    manifest = run(tmp_path, chat, watched=watched)
    plan = small_plan()
    assert {answer.generation for answer in answers(tmp_path)} == {asked.generation for asked in plan.asked()}
    assert len(answers(tmp_path)) == len(chat.requests) == plan.total == 12
    assert collections.Counter(rating.rater for rating in ratings(tmp_path)) == {"exact": 12, "contains": 4}
    assert {rating.score for rating in ratings(tmp_path)} == {1.0}
    assert (manifest.answers, manifest.answered, manifest.sessions) == (12, 12, 1)
    assert manifest.finished_at == "2026-01-02T03:04:05.000Z"
    assert manifest == read_manifest(tmp_path)
    assert watched[0] == (0, 12)
    assert watched[-1] == (12, 12)


def test_requests_are_what_the_protocol_says_and_seeds_differ(tmp_path: Path) -> None:
    chat = ScriptedChat()
    run(tmp_path, chat)
    request = chat.requests[0]
    assert request.messages == (("system", "Be short."), ("user", "Question 0 in en?"))
    assert (request.temperature, request.max_tokens, request.top_p) == (0.5, 8, None)
    assert len({request.seed for request in chat.requests}) == 12
    assert {answer.seed for answer in answers(tmp_path)} == {request.seed for request in chat.requests}


def test_the_same_command_again_asks_nothing_and_changes_nothing(tmp_path: Path) -> None:
    run(tmp_path, ScriptedChat())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = ScriptedChat()
    run(tmp_path, again)
    assert again.requests == []
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_run_killed_between_scores_and_manifest_is_sealed_by_the_next_command(tmp_path: Path) -> None:
    run(tmp_path, ScriptedChat())
    manifest = read_manifest(tmp_path)
    write_manifest(tmp_path, msgspec.structs.replace(manifest, files={}))
    again = ScriptedChat()
    run(tmp_path, again)
    assert again.requests == []
    assert "scores.parquet" in manifest.files
    assert read_manifest(tmp_path).files == manifest.files


def test_a_stopped_run_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    def stop(_request: Any, number: int) -> ChatReply | Exception:
        return ChatReply(text="yes") if number <= 5 else PartnerError("down")

    first = ScriptedChat(stop)
    with pytest.raises(PartnerError, match="down"):
        run(tmp_path, first, settings=ONE_BY_ONE)
    assert len(answers(tmp_path)) == 5
    stopped = read_manifest(tmp_path)
    assert (stopped.finished_at, stopped.answers) == (None, 5)
    assert not (tmp_path / "scores.parquet").exists()
    second = ScriptedChat()
    watched: list[tuple[int, int]] = []
    manifest = run(tmp_path, second, watched=watched)
    assert watched[0] == (5, 12)
    assert len(second.requests) == 7
    asked = [request.seed for request in (*first.requests[:5], *second.requests)]
    assert len(set(asked)) == 12
    assert (manifest.sessions, manifest.answers) == (2, 12)
    assert manifest.started_at
    states = list(read_records(tmp_path / "sessions.jsonl", msgspec.json.Decoder(Session)))
    assert [(line.number, line.state) for line in states if line.state != "running"] == [
        (1, "stopped"),
        (2, "finished"),
    ]


def test_what_the_endpoint_failed_at_is_asked_again_and_what_the_model_did_is_not(tmp_path: Path) -> None:
    causes = [Cause.TIMEOUT, Cause.RATE_LIMITED, Cause.PROVIDER_ERROR, Cause.EMPTY, Cause.OVERSIZED]

    def faulty(_request: Any, number: int) -> ChatReply:
        if number > len(causes):
            return ChatReply(text="yes")
        return ChatReply(cause=causes[number - 1], detail="x", final=number > 3)

    manifest = run(tmp_path, ScriptedChat(faulty), settings=ONE_BY_ONE)
    assert manifest.failed_by_cause == {
        "empty": 1,
        "oversized": 1,
        "provider_error": 1,
        "rate_limited": 1,
        "timeout": 1,
    }
    assert (manifest.answers, manifest.answered) == (12, 7)
    assert manifest.finished_at is not None
    assert "3 generations failed by the fault of endpoint" in manifest.notes[0]
    failed = {row[4:6] for row in scores(tmp_path) if row[4] != "scored"}
    assert failed == {("failed", cause.value) for cause in causes}
    again = ScriptedChat()
    manifest = run(tmp_path, again)
    assert len(again.requests) == 3
    assert manifest.failed_by_cause == {"empty": 1, "oversized": 1}
    assert manifest.notes == ()
    assert len(answers(tmp_path)) == 12
    assert {row[5] for row in scores(tmp_path)} == {None, "empty", "oversized"}


def test_failures_may_be_left_as_they_are(tmp_path: Path) -> None:
    faulty = ScriptedChat(
        lambda _r, number: (
            ChatReply(text="yes") if number == 1 else ChatReply(cause=Cause.TIMEOUT, final=False)
        )
    )
    run(tmp_path, faulty)
    again = ScriptedChat()
    manifest = run(tmp_path, again, settings=RunSettings(retry_failed=False))
    assert again.requests == []
    assert manifest.failed_by_cause == {"timeout": 11}


def test_a_session_in_which_nothing_was_answered_is_not_finished(tmp_path: Path) -> None:
    faulty = ScriptedChat(lambda _r, _n: ChatReply(cause=Cause.TIMEOUT, final=False))
    with pytest.raises(PartnerError, match=r"none of 12 requests was answered \(timeout 12\)"):
        run(tmp_path, faulty)
    assert read_manifest(tmp_path).finished_at is None
    assert run(tmp_path, ScriptedChat()).answered == 12


def test_a_cut_off_answer_is_rated_and_its_cause_kept(tmp_path: Path) -> None:
    chat = ScriptedChat(lambda _r, _n: ChatReply(text="yes", cause=Cause.CUT_OFF, finish_reason="length"))
    manifest = run(tmp_path, chat)
    assert {answer.cause for answer in answers(tmp_path)} == {Cause.CUT_OFF}
    assert {row[4:] for row in scores(tmp_path)} == {("scored", None, 1.0)}
    assert manifest.failed_by_cause == {}


def test_judges_rate_and_are_asked_later_where_they_are_missing(tmp_path: Path) -> None:
    protocol = small_protocol()
    plan = small_plan(msgspec.structs.replace(protocol, raters=(*protocol.raters, JUDGE)))
    run(tmp_path, ScriptedChat(), plan)
    assert [row[4:] for row in scores(tmp_path) if row[3] == "judge"] == [("unscored", "not_rated", None)] * 6
    model, judge = ScriptedChat(), ScriptedChat()
    manifest = run(tmp_path, model, plan, judge=judge)
    assert model.requests == []
    assert len(judge.requests) == 6, "the first attempts"
    assert [row[4:] for row in scores(tmp_path) if row[3] == "judge"] == [("scored", None, 1.0)] * 6
    assert [rater.id for rater in manifest.raters] == ["exact", "contains", "judge"]
    again = ScriptedChat()
    run(tmp_path, ScriptedChat(), plan, judge=again)
    assert again.requests == []


def test_a_judge_that_failed_is_asked_again(tmp_path: Path) -> None:
    protocol = small_protocol()
    plan = small_plan(msgspec.structs.replace(protocol, raters=(*protocol.raters, JUDGE)))
    broken = ScriptedChat(lambda _r, _n: ChatReply(cause=Cause.TIMEOUT, final=False))
    run(tmp_path, ScriptedChat(), plan, judge=broken)
    assert len(ratings(tmp_path, "ratings.failed.jsonl")) == 6
    rows = [row for row in scores(tmp_path) if row[3] == "judge"]
    assert {row[4] for row in rows} == {"unscored"}
    assert all(row[5] not in {None, "not_rated"} for row in rows)
    judge = ScriptedChat()
    run(tmp_path, ScriptedChat(), plan, judge=judge)
    assert len(judge.requests) == 6
    assert {row[4] for row in scores(tmp_path)} == {"scored"}
    names = [rating.rating for rating in ratings(tmp_path)]
    assert len(names) == len(set(names)) == 22


def test_a_judge_that_cannot_be_asked_stops_the_run_and_keeps_the_answers(tmp_path: Path) -> None:
    protocol = small_protocol()
    plan = small_plan(msgspec.structs.replace(protocol, raters=(*protocol.raters, JUDGE)))
    with pytest.raises(PartnerError, match="no key"):
        run(tmp_path, ScriptedChat(), plan, judge=ScriptedChat(lambda _r, _n: PartnerError("no key")))
    assert answers(tmp_path)
    names = [rating.rating for rating in ratings(tmp_path)]
    assert len(names) == len(set(names))


def test_ratings_lost_between_answer_and_rating_are_made_up_for(tmp_path: Path) -> None:
    run(tmp_path, ScriptedChat())
    lines = (tmp_path / "ratings.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "ratings.jsonl").write_bytes(b"".join(lines[:5]) + lines[5][:20])
    chat = ScriptedChat()
    run(tmp_path, chat)
    assert chat.requests == []
    assert len({rating.rating for rating in ratings(tmp_path)}) == len(ratings(tmp_path)) == 16
    assert {row[4] for row in scores(tmp_path)} == {"scored"}


def test_a_lost_answer_is_asked_again(tmp_path: Path) -> None:
    run(tmp_path, ScriptedChat())
    lines = (tmp_path / "generations.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "generations.jsonl").write_bytes(b"".join(lines[:11]))
    (tmp_path / "ratings.jsonl").write_bytes(b"")
    chat = ScriptedChat()
    run(tmp_path, chat)
    assert len(chat.requests) == 1
    assert len(answers(tmp_path)) == 12
    assert len(ratings(tmp_path)) == 16


def test_a_run_in_use_is_refused(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(StoreError, match="another process"):
        run(tmp_path, ScriptedChat())


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    run(tmp_path, ScriptedChat())
    with pytest.raises(IncompatibleError, match="belongs to the run small-lab-a"):
        run(tmp_path, ScriptedChat(), small_plan(laboratory="Lab B"))


def test_answers_without_a_manifest_are_refused(tmp_path: Path) -> None:
    (tmp_path / "generations.jsonl").write_bytes(b'{"generation":"x"}\n')
    with pytest.raises(IncompatibleError, match="nothing that says"):
        run(tmp_path, ScriptedChat())


def test_a_bug_in_a_rater_stops_loudly_and_keeps_the_answer(tmp_path: Path) -> None:
    class Broken:
        is_async = False
        identity = build_raters(small_protocol(), judge_clients={})[0].identity

        def applies(self, _item: Any, _answer: Any) -> bool:
            return True

        def rate_now(self, *_: Any) -> Rating:
            raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError):
        run(tmp_path, ScriptedChat(), raters=[Broken()], settings=ONE_BY_ONE)
    assert len(answers(tmp_path)) == 1


def test_a_cancelled_run_keeps_what_it_has_and_says_so(tmp_path: Path) -> None:
    async def work() -> None:
        plan = small_plan()
        reached = asyncio.Event()

        class Slow(ScriptedChat):
            async def chat(self, request: Any) -> ChatReply:
                reply = await super().chat(request)
                if len(self.requests) > 4:
                    reached.set()
                    await asyncio.Event().wait()
                return reply

        task = asyncio.create_task(
            carry_out(
                plan,
                tmp_path,
                model=Slow(),
                served=SERVED,
                raters=build_raters(plan.protocol, judge_clients={}),
                surroundings=surroundings(),
                settings=ONE_BY_ONE,
            )
        )
        await reached.wait()
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(work())
    assert len(answers(tmp_path)) == 4
    assert read_manifest(tmp_path).finished_at is None
    chat = ScriptedChat()
    assert run(tmp_path, chat).sessions == 2
    assert len(chat.requests) == 8


def test_statuses_of_ratings_of_failed_answers_are_not_written(tmp_path: Path) -> None:
    run(tmp_path, ScriptedChat(lambda _r, _n: ChatReply(cause=Cause.EMPTY)))
    assert ratings(tmp_path) == []
    assert {row[4:] for row in scores(tmp_path)} == {(Status.FAILED.value, "empty", None)}


def test_human_ratings_in_the_journal_do_not_disturb(tmp_path: Path) -> None:
    run(tmp_path, ScriptedChat())
    human = msgspec.structs.replace(
        ratings(tmp_path)[0], rating="h1", rater="person", rater_kind="human", version="v", score=0.0
    )
    journal = open_journal(tmp_path / "ratings.jsonl", Rating, "rating")
    journal.append(human)
    journal.close()
    chat = ScriptedChat()
    run(tmp_path, chat)
    assert chat.requests == []
    assert len(ratings(tmp_path)) == 17
