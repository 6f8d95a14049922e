"""The raters of a protocol, made ready, and what a program makes of any answer."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.annotated_runs import plan

from consilience.errors import InputError
from consilience.evaluation.model import ChatReply, ChatRequest
from consilience.evaluation.protocol import Item, Protocol, Rater, RaterKind
from consilience.evaluation.raters.program import MAX_ANSWER_CHARS
from consilience.evaluation.raters.rating import PROGRAMS, ProgramRater, build_raters
from consilience.evaluation.run_record import Answer, rating_id
from consilience.evaluation.scores import Cause, Status

OPTIONS: dict[str, dict[str, str | int | float | bool]] = {"regex": {"pattern": "(a+)+b"}}


class Client:
    spec = "m"
    endpoint = "http://127.0.0.1:1/v1"

    async def chat(self, request: ChatRequest) -> ChatReply:
        return ChatReply(text="yes")


def ready(program: str) -> ProgramRater:
    return ProgramRater(
        Rater(id=program, kind=RaterKind.PROGRAM, program=program, options=OPTIONS.get(program, {}))  # type: ignore[arg-type]
    )


def item(target: str | None = "4", choices: tuple[str, ...] = ("3", "4")) -> Item:
    return Item(id="i", language="en", concept="knowledge", prompt="?", target=target, choices=choices)


def answer(text: str | None, cause: Cause | None = None) -> Answer:
    return Answer(
        generation="g", item="i", language="en", concept="knowledge", attempt=1, text=text, cause=cause
    )


def protocol() -> Protocol:
    return plan()


def with_raters(*raters: Rater) -> Protocol:
    return msgspec.structs.replace(plan(), raters=raters)


JUDGE = Rater(id="j", kind=RaterKind.JUDGE, prompt="{answer}")
EXACT = Rater(id="e", kind=RaterKind.PROGRAM, program="exact")
HUMAN = Rater(id="h", kind=RaterKind.HUMAN)


def test_programs_and_judges_in_the_order_of_the_protocol_and_no_humans() -> None:
    runners = build_raters(with_raters(HUMAN, JUDGE, EXACT), judge_clients={"j": Client()})
    assert [(runner.identity.id, runner.is_async) for runner in runners] == [("j", True), ("e", False)]


def test_a_judge_without_client_is_left_out() -> None:
    assert [runner.identity.id for runner in build_raters(with_raters(JUDGE, EXACT), judge_clients={})] == [
        "e"
    ]


def test_a_client_for_no_judge_is_refused() -> None:
    with pytest.raises(InputError, match="no judge e, x"):
        build_raters(with_raters(JUDGE, EXACT), judge_clients={"x": Client(), "e": Client()})


def test_a_program_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="rater e"):
        build_raters(with_raters(msgspec.structs.replace(EXACT, program=None)), judge_clients={})


def test_a_rating_names_generation_rater_and_version() -> None:
    runner = ready("exact")
    rating = runner.rate_now(protocol(), item(), answer("4"))
    version = runner.identity.version
    assert rating.rating == rating_id(generation="g", rater="exact", version=version)
    assert (rating.generation, rating.rater_kind, rating.version) == ("g", RaterKind.PROGRAM, version)
    assert (rating.status, rating.score, rating.cause) == (Status.SCORED, 1.0, None)
    assert asyncio.run(runner.rate(protocol(), item(), answer("4"))) == rating


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("text", ["", "  \n\t"])
def test_an_empty_answer_is_neither_right_nor_wrong(program: str, text: str) -> None:
    rating = ready(program).rate_now(protocol(), item(), answer(text))
    assert (rating.status, rating.cause, rating.score) == (Status.UNSCORED, Cause.EMPTY, None)


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_answer_has_the_cause_of_the_failure(program: str) -> None:
    runner = ready(program)
    rating = runner.rate_now(protocol(), item(), answer(None, Cause.TIMEOUT))
    assert (rating.status, rating.cause) == (Status.FAILED, Cause.TIMEOUT)
    assert not runner.applies(item(), answer(None, Cause.TIMEOUT))


def test_a_cut_off_answer_is_rated_where_it_can_be() -> None:
    assert ready("number").rate_now(protocol(), item(), answer("It is 4", Cause.CUT_OFF)).score == 1.0


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_answer_beyond_the_limit_is_not_scored(program: str) -> None:
    runner = ready(program)
    long = runner.rate_now(protocol(), item(), answer("4" * (MAX_ANSWER_CHARS + 1)))
    assert (long.status, long.cause) == (Status.UNSCORED, Cause.LIMIT_REACHED)
    assert (
        runner.rate_now(protocol(), item(), answer("4 " * (MAX_ANSWER_CHARS // 2))).cause
        != Cause.LIMIT_REACHED
    )


@pytest.mark.parametrize("program", PROGRAMS)
@given(text=st.text(max_size=300), target=st.one_of(st.none(), st.text(max_size=20)))
def test_any_answer_has_a_score_or_a_cause(program: str, text: str, target: str | None) -> None:
    rating = ready(program).rate_now(protocol(), item(target), answer(text))
    assert (rating.score is None) == (rating.cause is not None)
    assert (rating.status is Status.SCORED) == (rating.score is not None)
    assert rating.score in {None, 0.0, 1.0}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "1",
        "1,",
        "1 ",
        "A) ",
        "answer is ",
        "i can't ",
        "'",
        "(",
        " \n",
        "ا",
        "لا أستطيع ",
        "不能",
        "é",
        '"',
        "- ",
        "B",
        "and ",
        "4 ",
        "B 4 ",
        "(4) ",
    ],
)
def test_hostile_answers_cost_little(program: str, unit: str) -> None:
    text = (unit * MAX_ANSWER_CHARS)[:MAX_ANSWER_CHARS]
    runner = ready(program)
    before = time.process_time()
    runner.rate_now(protocol(), item(), answer(text))
    assert time.process_time() - before < 3.0


def test_concepts_decide_what_is_rated() -> None:
    runner = ProgramRater(msgspec.structs.replace(EXACT, concepts=("safety",)))
    assert not runner.applies(item(), answer("4"))
    assert runner.applies(msgspec.structs.replace(item(), concept="safety"), answer("4"))
