from __future__ import annotations

import datetime
import email.utils
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.endpoint import completion

from consilience.evaluation.endpoint_reply import MAX_SERVED_NAME_CHARS, Verdict, interpret
from consilience.evaluation.scores import Cause


def judged(status: int, body: Any, retry_after: str | None = None, now_s: float = 0.0) -> Verdict:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return interpret(status, content, retry_after=retry_after, now_s=now_s, tries=2, seconds=0.5)


def problem(code: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": "You sent sk-secret and a terrible question", "code": code, **more}}


def test_a_good_answer_is_read() -> None:
    reply = judged(200, completion("Tokyo.")).reply
    assert (reply.text, reply.cause, reply.finish_reason) == ("Tokyo.", None, "stop")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.served_model) == (7, 3, "simulated-1")
    assert (reply.tries, reply.seconds, reply.final) == (2, 0.5, True)


def test_a_cut_off_answer_keeps_its_text() -> None:
    reply = judged(200, completion("The answer i", finish_reason="length")).reply
    assert (reply.text, reply.cause) == ("The answer i", Cause.CUT_OFF)
    reply = judged(200, completion("", finish_reason="length")).reply
    assert (reply.text, reply.cause) == (None, Cause.CUT_OFF)


@pytest.mark.parametrize("text", ["", None, "  \n\t ", []])
def test_nothing_is_empty(text: Any) -> None:
    reply = judged(200, completion(text)).reply
    assert (reply.text, reply.cause, reply.final) == (None, Cause.EMPTY, True)


def test_parts_of_a_text_are_joined_and_a_refusal_is_an_answer() -> None:
    parts = [{"type": "text", "text": "To"}, {"type": "text", "text": "kyo"}]
    assert judged(200, completion(parts)).reply.text == "Tokyo"
    body = completion(None)
    body["choices"][0]["message"]["refusal"] = "I cannot help with that."
    assert judged(200, body).reply.text == "I cannot help with that."


def test_a_filtered_answer_is_not_kept() -> None:
    reply = judged(200, completion("half an ans", finish_reason="content_filter")).reply
    assert (reply.text, reply.cause) == (None, Cause.REFUSED_BY_ENDPOINT)
    assert reply.final


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 0}, (3, 0)),
        ({"prompt_tokens": -1, "completion_tokens": "9"}, (None, None)),
        ({"prompt_tokens": True, "completion_tokens": 1.5}, (None, None)),
        ({"prompt_tokens": 10**9, "completion_tokens": 10**9 + 1}, (10**9, None)),
        ({"prompt_tokens": 2**53 + 1}, (None, None)),
        (None, (None, None)),
        ("many", (None, None)),
    ],
)
def test_token_counts_that_are_none_are_unknown(usage: Any, expected: tuple[int | None, int | None]) -> None:
    reply = judged(200, completion("yes", usage=usage)).reply
    assert (reply.prompt_tokens, reply.completion_tokens) == expected
    assert reply.text == "yes"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"", "no body"),
        (b'{"choices": []}', "other JSON"),
        (b'{"choices": [{}]}', "other JSON"),
        (b'{"choices": [{"message": {"content": 7}}]}', "other JSON"),
        (b'{"choices": [{"message": {"content": "yes"}}], "usage": {"prompt_tokens": NaN}}', "other JSON"),
        (b"[" * 100_000, "other JSON"),
        (b'{"a":' * 100_000, "other JSON"),
        (b"\xff\xfe\x00", "no JSON"),
        (b'{"choices": [{"message": {"content": "\xff"}}]}', "other JSON"),
        (rb'{"choices": [{"message": {"content": "\ud800"}}]}', "other JSON"),
        (b"yes", "no JSON"),
    ],
)
def test_what_is_not_of_the_interface_is_malformed(body: bytes, kind: str) -> None:
    verdict = judged(200, body)
    assert verdict.reply.cause is Cause.MALFORMED_RESPONSE
    assert verdict.reply.text is None
    assert verdict.reply.detail == f"not an answer of the interface: {kind}"
    assert verdict.retry
    assert not verdict.reply.final


@pytest.mark.parametrize(
    ("status", "code", "cause"),
    [
        (429, "rate_limit_exceeded", Cause.RATE_LIMITED),
        (500, "server_error", Cause.PROVIDER_ERROR),
        (502, "bad_gateway", Cause.PROVIDER_ERROR),
        (503, "loading", Cause.PROVIDER_ERROR),
        (529, "overloaded", Cause.PROVIDER_ERROR),
        (408, "", Cause.TIMEOUT),
        (504, "", Cause.TIMEOUT),
        (409, "conflict", Cause.PROVIDER_ERROR),
    ],
)
def test_overload_is_tried_again(status: int, code: str, cause: Cause) -> None:
    verdict = judged(status, problem(code))
    assert (verdict.retry, verdict.overload, verdict.fatal) == (True, True, None)
    assert (verdict.reply.cause, verdict.reply.final) == (cause, False)


@pytest.mark.parametrize(
    ("status", "word"), [(401, "key"), (402, "key"), (403, "key"), (404, "model"), (405, "path")]
)
def test_what_every_request_would_meet_is_fatal(status: int, word: str) -> None:
    verdict = judged(status, problem("nope"))
    assert word in (verdict.fatal or "")
    assert verdict.next_step


def test_a_used_up_quota_is_fatal() -> None:
    assert "quota" in (judged(429, problem("insufficient_quota")).fatal or "")


@pytest.mark.parametrize("status", [400, 403, 422])
def test_a_policy_refusal_is_final(status: int) -> None:
    verdict = judged(status, problem("content_policy_violation"))
    assert verdict.fatal is None
    assert not verdict.retry
    assert (verdict.reply.cause, verdict.reply.final) == (Cause.REFUSED_BY_ENDPOINT, True)


def test_the_message_does_not_make_a_policy_refusal() -> None:
    body = {"error": {"message": "the question was about content_filter safety", "code": "invalid_value"}}
    assert judged(403, body).fatal is not None


def test_other_refusals_may_be_asked_again_later() -> None:
    verdict = judged(400, problem("unsupported_parameter", param="seed"))
    assert (verdict.reply.cause, verdict.reply.final) == (Cause.REFUSED_BY_ENDPOINT, False)
    assert verdict.reply.detail == "HTTP 400 unsupported_parameter seed"


@pytest.mark.parametrize("code", ["context_length_exceeded", "exceed_context_size_error"])
def test_a_question_that_is_too_long_has_its_own_cause(code: str) -> None:
    assert judged(400, problem(code)).reply.cause is Cause.LIMIT_REACHED


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503, 299, 302])
def test_the_words_of_the_endpoint_are_never_repeated(status: int) -> None:
    body = problem("bad code with spaces sk-secret", type="sk secret", param="a question?")
    verdict = judged(status, body)
    assert "secret" not in str(verdict)
    assert "question" not in str(verdict).replace("asking", "")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/opt/models/m-7b.gguf", "m-7b.gguf"),
        ("..\\weights\\m.gguf", "m.gguf"),
        ("org/model", "org/model"),
        ("a\x1b[31mb", "a[31mb"),
        ("x" * 999, "x" * MAX_SERVED_NAME_CHARS),
        (7, None),
        ("", None),
    ],
)
def test_the_served_name_shows_no_path_and_no_control_characters(name: Any, shown: str | None) -> None:
    assert judged(200, completion("yes", model=name)).reply.served_model == shown


def test_an_odd_finish_reason_is_not_kept() -> None:
    assert judged(200, completion("yes", finish_reason="a b\n")).reply.finish_reason is None


NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).timestamp()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        (" 2.5 ", 2.5),
        ("-1", None),
        ("soon", None),
        ("9" * 100, None),
        (None, None),
        (email.utils.formatdate(NOW + 30, usegmt=True), 30.0),
        (email.utils.formatdate(NOW - 30, usegmt=True), 0.0),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert judged(429, problem("x"), header, NOW).wait_s == seconds


@given(st.integers(100, 599), st.binary(max_size=300), st.one_of(st.none(), st.text(max_size=40)))
def test_any_response_has_a_verdict(status: int, body: bytes, retry_after: str | None) -> None:
    verdict = judged(status, body, retry_after)
    reply = verdict.reply
    assert (reply.text is None) == (reply.cause is not None)
    if verdict.wait_s is not None:
        assert verdict.wait_s >= 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["choices", "usage", "model", "error"]), JSON), JSON, JSON)
def test_any_json_has_a_verdict(body: dict[str, Any], message: Any, finish: Any) -> None:
    for one in (body, {**body, "choices": [{"message": message, "finish_reason": finish}]}):
        reply = judged(200, one).reply
        assert reply.text is not None or reply.cause is not None
