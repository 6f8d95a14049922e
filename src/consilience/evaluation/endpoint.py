"""A model behind an OpenAI-compatible URL, asked over HTTP with tries, backoff and a limit that adapts.

Invariants:
- the key goes to the given host only: redirects are not followed, proxies and credentials of the environment
  (netrc) are not used, cookies are not kept; the key is in no error, reply or log;
- no response is read beyond `max_response_bytes`, and none is decompressed;
- what one request met becomes the cause of its reply; only what makes every further request useless is
  raised.

Waiting between tries is "full jitter" backoff: uniform between 0 and min(cap, base · 2^tries) (Brooker 2015,
"Exponential backoff and jitter"), and at least what the endpoint asks for by Retry-After, up to a cap.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import msgspec
from yarl import URL

from consilience import __version__
from consilience.errors import InputError, PartnerError
from consilience.evaluation.concurrency import AdaptiveLimit, Outcome
from consilience.evaluation.endpoint_reply import Verdict, failure, interpret
from consilience.evaluation.model import ChatReply, ChatRequest, ModelSpec, sampling_keys
from consilience.evaluation.scores import Cause

LARGE_BODY = 512 * 1024
ANSWERED_CAUSES = frozenset({None, Cause.CUT_OFF, Cause.EMPTY})
GO_ON = "The answers so far are kept; the same command goes on where it stopped."


class EndpointSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How patient and how careful the client is."""

    timeout_s: float = 120.0
    """Of one try, from sending to the last byte."""
    max_response_bytes: int = 1024 * 1024
    max_tries: int = 5
    backoff_s: float = 0.5
    backoff_cap_s: float = 30.0
    retry_after_cap_s: float = 120.0
    """A longer Retry-After is shortened to this."""
    give_up_after: int = 10
    """So many requests in a row that failed after all tries: the endpoint is down."""
    max_tokens_key: str = "max_tokens"
    """Some endpoints want `max_completion_tokens`."""


class EndpointChat:
    """A model at an endpoint. Make it with `open_endpoint`.

    Args:
        spec: The endpoint.
        session: Of this endpoint alone; its headers carry the key.
        limit: How many requests may be under way.
        settings: Patience and limits.
        rng: Draws the waiting times.
        clock: Seconds, monotonic.
        sleep: Waits so many seconds.
        shown_endpoint: What stands in the manifest.
        extra: Keys added to every request.
    """

    def __init__(
        self,
        spec: ModelSpec,
        session: aiohttp.ClientSession,
        *,
        limit: AdaptiveLimit,
        settings: EndpointSettings,
        rng: random.Random,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        shown_endpoint: str | None = None,
        extra: dict[str, object] | None = None,
    ) -> None:
        self.spec = spec.name
        self.endpoint = shown_endpoint or spec.shown_endpoint
        self.limit = limit
        self._session = session
        self._settings = settings
        self._rng = rng
        self._clock = clock
        self._sleep = sleep
        self._url = URL(chat_url(spec.url or ""))
        self._fixed = {"model": spec.sent_name or spec.name} | (extra or {})
        self._reached = False
        self._succeeded = False
        self._failed_in_a_row = 0

    async def chat(self, request: ChatRequest) -> ChatReply:
        """Ask once, with as many tries as the settings allow.

        Raises:
            PartnerError: Wrong key, unknown model, nobody there at the start, a redirect, or everything
            fails.
        """
        body = encode_request(request, self._fixed, self._settings.max_tokens_key)
        tries = 0
        while True:
            tries += 1
            verdict = await self._try(body, tries)
            if verdict.fatal is not None:
                raise PartnerError(f"{self.endpoint}: {verdict.fatal}", next_step=verdict.next_step)
            if not verdict.retry or tries >= self._allowed_tries(verdict):
                return self._counted(verdict.reply)
            await self._sleep(self._waiting_time(tries, verdict.wait_s))

    async def _try(self, body: bytes, tries: int) -> Verdict:
        taken = await self.limit.acquire()
        outcome = Outcome.NEUTRAL
        began = self._clock()
        try:
            verdict = await self._post(body, tries, began)
            if verdict.overload:
                outcome = Outcome.OVERLOAD
                if verdict.wait_s is not None:
                    self.limit.pause(min(verdict.wait_s, self._settings.retry_after_cap_s))
            elif verdict.reply.final:
                outcome = Outcome.SUCCESS
            return verdict
        finally:
            self.limit.release(taken, outcome)

    async def _post(self, body: bytes, tries: int, began: float) -> Verdict:
        data = body if len(body) < LARGE_BODY else io.BytesIO(body)
        try:
            async with self._session.post(self._url, data=data, allow_redirects=False) as response:
                self._reached = True
                if 300 <= response.status < 400:
                    return self._redirected(response, tries)
                content = await self._read(response)
                if content is None:
                    reply = failure(
                        Cause.OVERSIZED,
                        f"more than {self._settings.max_response_bytes} bytes",
                        tries=tries,
                        seconds=self._clock() - began,
                        final=True,
                    )
                    return Verdict(reply=reply)
                return interpret(
                    response.status,
                    content,
                    retry_after=response.headers.get("Retry-After"),
                    now_s=time.time(),
                    tries=tries,
                    seconds=self._clock() - began,
                )
        except TimeoutError:
            return self._broken(Cause.TIMEOUT, f"no answer in {self._settings.timeout_s:g} s", tries, began)
        except aiohttp.ClientConnectorError as error:
            return self._unreachable(error, tries, began)
        except aiohttp.ClientResponseError:
            return self._broken(Cause.MALFORMED_RESPONSE, "not HTTP", tries, began)
        except (aiohttp.ClientError, OSError) as error:
            return self._broken(Cause.PROVIDER_ERROR, type(error).__name__, tries, began)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes | None:
        """The body, or None where it is too large; then the connection is closed and not used again."""
        most = self._settings.max_response_bytes
        if (response.content_length or 0) > most:
            response.close()
            return None
        first = await response.content.readany()
        if response.content.at_eof() and len(first) <= most:
            return first
        blocks, size = [first], len(first)
        while block := await response.content.readany():
            blocks.append(block)
            size += len(block)
            if size > most:
                response.close()
                return None
        return b"".join(blocks) if size <= most else None

    def _broken(self, cause: Cause, detail: str, tries: int, began: float) -> Verdict:
        reply = failure(cause, detail, tries=tries, seconds=self._clock() - began)
        return Verdict(reply=reply, retry=True, overload=True)

    def _unreachable(self, error: aiohttp.ClientConnectorError, tries: int, began: float) -> Verdict:
        kind = type(error.os_error).__name__ if error.os_error is not None else type(error).__name__
        verdict = self._broken(Cause.PROVIDER_ERROR, kind, tries, began)
        if self._reached:
            return verdict
        return msgspec.structs.replace(
            verdict,
            fatal=f"nobody answers there ({kind})",
            next_step="Check that the endpoint runs and that its URL is right; then run the same again.",
        )

    def _redirected(self, response: aiohttp.ClientResponse, tries: int) -> Verdict:
        response.close()
        reply = failure(Cause.MALFORMED_RESPONSE, f"HTTP {response.status}, a redirect", tries=tries)
        if self._succeeded:
            return Verdict(reply=reply, retry=True, overload=True)
        return Verdict(
            reply=reply,
            fatal="it redirects elsewhere; redirects are not followed, so that the key stays with this host",
            next_step="Give the address that finally answers (often https instead of http).",
        )

    def _allowed_tries(self, verdict: Verdict) -> int:
        malformed = verdict.reply.cause is Cause.MALFORMED_RESPONSE
        return min(2, self._settings.max_tries) if malformed else self._settings.max_tries

    def _waiting_time(self, tries: int, asked: float | None) -> float:
        settings = self._settings
        jitter = self._rng.uniform(0.0, min(settings.backoff_cap_s, settings.backoff_s * 2.0**tries))
        return jitter + min(asked or 0.0, settings.retry_after_cap_s)

    def _counted(self, reply: ChatReply) -> ChatReply:
        """Count failures in a row, and stop where nothing works.

        A refused request (400, 422) speaks of the question once others were answered, and is final; before
        that it may speak of our settings. A question that is too long says nothing about the endpoint.
        """
        if reply.cause in ANSWERED_CAUSES:
            self._succeeded = True
        elif reply.cause is Cause.REFUSED_BY_ENDPOINT and self._succeeded:
            reply = msgspec.structs.replace(reply, final=True)
        if reply.final or reply.cause is Cause.LIMIT_REACHED:
            self._failed_in_a_row = 0
            return reply
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= self._settings.give_up_after:
            raise PartnerError(
                f"{self.endpoint}: {self._failed_in_a_row} requests in a row failed, the last by "
                f"{reply.cause} ({reply.detail})",
                next_step=GO_ON,
            )
        return reply


def chat_url(base: str) -> str:
    """Return the URL of chat completions under a base URL, its query kept."""
    parts = urlsplit(base)
    return urlunsplit((parts.scheme, parts.netloc, parts.path + "/chat/completions", parts.query, ""))


def encode_request(request: ChatRequest, fixed: dict[str, object], max_tokens_key: str) -> bytes:
    """Return the JSON body of a request; keys whose value is None are not in it."""
    body: dict[str, object] = {
        **fixed,
        "messages": [{"role": role, "content": text} for role, text in request.messages],
        **sampling_keys(request, max_tokens_key),
    }
    return msgspec.json.encode(body)


def checked_key(key: str | None, variable: str) -> str | None:
    """Return the key, or None where it is empty; never shows it.

    Raises:
        InputError: It cannot be sent in a header.
    """
    if not key:
        return None
    if not key.isascii() or not key.isprintable() or " " in key or len(key) > 8192:
        raise InputError(
            f"the key in {variable} cannot be sent: it has spaces, line breaks or characters beyond ASCII",
            next_step=f"Set {variable} again, without a line break at its end.",
        )
    return key


@contextlib.asynccontextmanager
async def open_endpoint(
    spec: ModelSpec,
    *,
    key: str | None = None,
    concurrency: int = 16,
    settings: EndpointSettings | None = None,
    rng: random.Random | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    shown_endpoint: str | None = None,
    extra: dict[str, object] | None = None,
) -> AsyncIterator[EndpointChat]:
    """Open connections to an endpoint for the length of the block.

    Args:
        spec: Of kind `endpoint`.
        key: Sent as bearer token to this host only; None: no key.
        concurrency: Most requests under way at once.
        settings: Patience and limits.
        rng: Draws the waiting times; they are not part of any result.
        clock: Seconds, monotonic.
        sleep: Waits so many seconds.
        shown_endpoint: What stands in the manifest instead of the URL.
        extra: Keys added to every request.
    """
    settings = settings or EndpointSettings()
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": f"consilience/{__version__}",
    }
    if key:
        headers["Authorization"] = f"Bearer {key}"
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=headers,
        auto_decompress=False,
        trust_env=False,
        timeout=aiohttp.ClientTimeout(total=settings.timeout_s),
    )
    async with session:
        yield EndpointChat(
            spec,
            session,
            limit=AdaptiveLimit(concurrency, clock=clock, sleep=sleep),
            settings=settings,
            rng=rng or random.Random(),
            clock=clock,
            sleep=sleep,
            shown_endpoint=shown_endpoint,
            extra=extra,
        )
