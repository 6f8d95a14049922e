from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.simulators.endpoint import Simulator, running_endpoint

from consilience.errors import InputError, PartnerError
from consilience.evaluation.endpoint import EndpointChat, EndpointSettings, checked_key, open_endpoint
from consilience.evaluation.model import ChatReply, ChatRequest, parse_model_spec
from consilience.evaluation.scores import Cause

ASK = ChatRequest(messages=(("system", "Be short."), ("user", "Yes?")), temperature=0.5, max_tokens=4, seed=9)
QUICK = EndpointSettings(timeout_s=5.0, backoff_s=0.001, backoff_cap_s=0.002)


def asked(
    url: str,
    times: int = 1,
    *,
    key: str | None = None,
    settings: EndpointSettings = QUICK,
    slept: list[float] | None = None,
    one_by_one: bool = True,
    look: Callable[[EndpointChat], None] = lambda _: None,
) -> list[ChatReply]:
    """Ask so many times and return the replies; waiting costs no time and is noted in `slept`."""
    noted: list[float] = [] if slept is None else slept

    async def sleep(seconds: float) -> None:
        noted.append(seconds)
        await asyncio.sleep(0)

    async def work() -> list[ChatReply]:
        async with open_endpoint(
            parse_model_spec(f"m-1@{url}"),
            key=key,
            concurrency=8,
            settings=settings,
            rng=random.Random(1),
            sleep=sleep,
            clock=Ticking(noted),
        ) as chat:
            if one_by_one:
                replies = [await chat.chat(ASK) for _ in range(times)]
            else:
                replies = list(await asyncio.gather(*(chat.chat(ASK) for _ in range(times))))
            look(chat)
            return replies

    return asyncio.run(work())


class Ticking:
    """Real time plus what was slept without sleeping."""

    def __init__(self, slept: list[float]) -> None:
        self.slept = slept

    def __call__(self) -> float:
        return time.monotonic() + sum(self.slept)


def meeting(fault: str, argument: Any = None, *, first: int = 1) -> Callable[[int, dict[str, Any]], Any]:
    """A script: the first so many requests meet a fault."""
    return lambda number, _body: (fault, argument) if number <= first else None


def test_a_request_carries_what_was_asked_and_no_more() -> None:
    with running_endpoint() as endpoint:
        (reply,) = asked(endpoint.url, key="sk-1")
    assert reply.text == "yes"
    assert endpoint.requests == [
        {
            "model": "m-1",
            "messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Yes?"}],
            "temperature": 0.5,
            "max_tokens": 4,
            "seed": 9,
        }
    ]
    (headers,) = endpoint.headers
    assert headers["authorization"] == "Bearer sk-1"
    assert headers[":path"] == "/v1/chat/completions"
    assert headers["accept-encoding"] == "identity"
    assert "cookie" not in headers


def test_without_a_key_no_key_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with running_endpoint() as endpoint:
        asked(endpoint.url)
    assert "authorization" not in endpoint.headers[0]


def test_connections_are_used_again() -> None:
    with running_endpoint() as endpoint:
        replies = asked(endpoint.url, 50)
    assert [reply.text for reply in replies] == ["yes"] * 50


@pytest.mark.parametrize(
    ("fault", "argument"),
    [
        ("rate_limited", None),
        ("server_error", 500),
        ("server_error", 503),
        ("bad_gateway_html", None),
        ("drop", None),
        ("close", None),
        ("wrong_length", None),
        ("html", None),
        ("garbage", None),
        ("nan_tokens", None),
        ("no_body", None),
        ("deep_json", None),
        ("gzip", None),
        ("huge_header", None),
        ("not_http", None),
        ("wrong_json", [1, 2]),
    ],
)
def test_a_passing_fault_is_tried_again(fault: str, argument: Any) -> None:
    slept: list[float] = []
    with running_endpoint(script=meeting(fault, argument)) as endpoint:
        (reply,) = asked(endpoint.url, slept=slept)
    assert (reply.text, reply.tries, endpoint.count) == ("yes", 2, 2)
    assert slept, "it waited before the second try"


@pytest.mark.parametrize(
    ("fault", "cause", "tries"),
    [
        ("rate_limited", Cause.RATE_LIMITED, 3),
        ("server_error", Cause.PROVIDER_ERROR, 3),
        ("drop", Cause.PROVIDER_ERROR, 3),
        ("html", Cause.MALFORMED_RESPONSE, 2),
        ("garbage", Cause.MALFORMED_RESPONSE, 2),
        ("not_http", Cause.MALFORMED_RESPONSE, 2),
    ],
)
def test_a_lasting_fault_is_a_cause_and_may_be_asked_again(fault: str, cause: Cause, tries: int) -> None:
    settings = EndpointSettings(timeout_s=5.0, max_tries=3)
    with running_endpoint(script=meeting(fault, first=999)) as endpoint:
        (reply,) = asked(endpoint.url, settings=settings)
    assert (reply.text, reply.cause, reply.tries, reply.final) == (None, cause, tries, False)
    assert endpoint.count == tries


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("empty", Cause.EMPTY),
        ("null", Cause.EMPTY),
        ("content_filter", Cause.REFUSED_BY_ENDPOINT),
        ("policy", Cause.REFUSED_BY_ENDPOINT),
        ("flood", Cause.OVERSIZED),
        ("claims_gigabyte", Cause.OVERSIZED),
    ],
)
def test_what_the_model_or_its_guard_did_is_final_and_asked_once(fault: str, cause: Cause) -> None:
    with running_endpoint(script=meeting(fault)) as endpoint:
        first, second = asked(endpoint.url, 2)
    assert (first.text, first.cause, first.tries, first.final) == (None, cause, 1, True)
    assert (second.text, endpoint.count) == ("yes", 2)


@pytest.mark.parametrize(("size", "kept"), [(0, True), (1, False)])
def test_the_limit_of_a_response_is_exact(size: int, kept: bool) -> None:
    with running_endpoint() as endpoint:
        assert endpoint.fixed is not None
        length = len(endpoint.fixed.partition(b"\r\n\r\n")[2])
        (reply,) = asked(endpoint.url, settings=EndpointSettings(max_response_bytes=length - size))
    assert (reply.text == "yes") is kept
    assert reply.cause is (None if kept else Cause.OVERSIZED)


def test_a_hanging_endpoint_is_a_timeout() -> None:
    settings = EndpointSettings(timeout_s=0.05, max_tries=2)
    with running_endpoint(script=meeting("hang", first=99)) as endpoint:
        (reply,) = asked(endpoint.url, settings=settings)
    assert (reply.cause, reply.tries, reply.final) == (Cause.TIMEOUT, 2, False)


@pytest.mark.parametrize(("asked_wait", "least"), [("7", 7.0), ("99999", 20.0)])
def test_retry_after_is_honoured_up_to_a_cap(asked_wait: str, least: float) -> None:
    slept: list[float] = []
    settings = EndpointSettings(retry_after_cap_s=20.0, backoff_s=0.1, backoff_cap_s=0.2)
    with running_endpoint(script=meeting("rate_limited", asked_wait)) as endpoint:
        (reply,) = asked(endpoint.url, settings=settings, slept=slept)
    assert reply.text == "yes"
    assert least <= max(slept) <= least + 0.2


def test_waiting_grows_and_is_drawn_below_its_cap() -> None:
    slept: list[float] = []
    settings = EndpointSettings(max_tries=9, backoff_s=1.0, backoff_cap_s=8.0)
    with running_endpoint(script=meeting("server_error", first=8)) as endpoint:
        asked(endpoint.url, settings=settings, slept=slept)
    caps = [min(8.0, 2.0**tries) for tries in range(1, 9)]
    assert len(slept) == 8
    assert all(0.0 <= wait <= cap for wait, cap in zip(slept, caps, strict=True))
    assert len(set(slept)) == 8, "drawn, not fixed"


def test_overload_lowers_the_number_of_requests_at_once() -> None:
    limits: list[int] = []
    with running_endpoint(script=meeting("rate_limited", first=8)) as endpoint:
        asked(endpoint.url, 8, one_by_one=False, look=lambda chat: limits.append(chat.limit.limit))
    assert limits[0] < 8


def test_never_more_requests_are_open_than_allowed() -> None:
    with running_endpoint(script=lambda _n, _b: ("slow", 0.02)) as endpoint:
        asked(endpoint.url, 40, one_by_one=False)
        assert endpoint.most_open == 8


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        ("unauthorized", "key"),
        ("forbidden", "key"),
        ("not_found", "model"),
        ("no_quota", "quota"),
        ("redirect", "redirects"),
    ],
)
def test_what_every_request_would_meet_stops_at_once(fault: str, word: str) -> None:
    with running_endpoint(script=meeting(fault, first=99)) as endpoint:
        with pytest.raises(PartnerError, match=word) as caught:
            asked(endpoint.url, 3, key="sk-very-secret")
        assert endpoint.count == 1
    assert caught.value.exit_code == 3
    assert caught.value.next_step
    assert "secret" not in str(caught.value)


def test_nobody_there_stops_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(PartnerError, match="nobody answers"):
        asked(f"http://127.0.0.1:{port}/v1")


def test_a_redirect_is_not_followed_so_that_the_key_stays() -> None:
    with running_endpoint() as other:
        script = meeting("redirect", other.url, first=99)
        with running_endpoint(script=script) as endpoint, pytest.raises(PartnerError, match="redirects"):
            asked(endpoint.url, key="sk-1")
        assert other.count == 0


def test_a_redirect_in_the_middle_is_a_failure_of_one_request() -> None:
    with running_endpoint(script=lambda number, _b: "redirect" if number == 2 else None) as endpoint:
        replies = asked(endpoint.url, 2)
    assert [reply.text for reply in replies] == ["yes", "yes"]
    assert replies[1].tries == 2


def test_when_everything_fails_it_stops() -> None:
    settings = EndpointSettings(max_tries=1, give_up_after=5)
    with running_endpoint(script=meeting("server_error", first=999)) as endpoint:
        with pytest.raises(PartnerError, match="5 requests in a row"):
            asked(endpoint.url, 50, settings=settings)
        assert endpoint.count == 5


def test_one_answer_between_failures_keeps_it_going() -> None:
    settings = EndpointSettings(max_tries=1, give_up_after=3)
    with running_endpoint(script=lambda number, _b: None if number % 3 == 0 else "server_error") as endpoint:
        replies = asked(endpoint.url, 12, settings=settings)
    assert sum(reply.text == "yes" for reply in replies) == 4


def test_requests_refused_from_the_start_stop_and_are_not_final() -> None:
    settings = EndpointSettings(give_up_after=4)
    with running_endpoint(script=meeting("bad_request", first=99)) as endpoint:
        with pytest.raises(PartnerError, match="unsupported_parameter"):
            asked(endpoint.url, 9, settings=settings)
        (reply,) = asked(endpoint.url, settings=settings)
    assert not reply.final


def test_a_request_refused_after_others_were_answered_is_final() -> None:
    settings = EndpointSettings(give_up_after=2)
    with running_endpoint(script=lambda number, _b: "bad_request" if number > 1 else None) as endpoint:
        replies = asked(endpoint.url, 6, settings=settings)
    assert [reply.final for reply in replies] == [True] * 6
    assert replies[5].cause is Cause.REFUSED_BY_ENDPOINT


def test_the_query_of_the_url_is_sent_and_not_shown() -> None:
    shown: list[str] = []
    with running_endpoint() as endpoint:
        asked(endpoint.url + "?api-version=3", look=lambda chat: shown.append(chat.endpoint))
        assert shown == [endpoint.url]
    assert endpoint.headers[0][":path"] == "/v1/chat/completions?api-version=3"


def test_a_large_question_is_sent() -> None:
    async def work(simulator: Simulator) -> ChatReply:
        async with open_endpoint(parse_model_spec(f"m@{simulator.url}")) as chat:
            return await chat.chat(ChatRequest(messages=(("user", "x" * 3_000_000),)))

    with running_endpoint() as endpoint:
        assert asyncio.run(work(endpoint)).text == "yes"
        assert len(endpoint.requests[0]["messages"][0]["content"]) == 3_000_000


@pytest.mark.parametrize("key", ["sk 1", "sk-1\n", "clé", "x" * 9000])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(InputError, match="THE_KEY") as caught:
        checked_key(key, "THE_KEY")
    assert key.strip() not in str(caught.value)


def test_no_key_is_no_key() -> None:
    assert checked_key("", "K") is None
    assert checked_key(None, "K") is None
    assert checked_key("sk-1", "K") == "sk-1"
