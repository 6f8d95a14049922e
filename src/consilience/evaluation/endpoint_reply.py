"""What a response of an OpenAI-compatible endpoint means: an answer, a cause, a reason to try again or to
stop.

Pure: bytes in, verdict out. All that comes in is hostile. Invariants: no text of the response other than the
answer is ever repeated (error messages may echo the key or the question), except codes made of letters,
digits, `.`, `_`, `-`; a body that is not JSON of the interface is `malformed_response`, whatever it is.
"""

from __future__ import annotations

import email.utils
import re
from typing import Any

import msgspec

from consilience.evaluation.model import ChatReply
from consilience.evaluation.scores import Cause

CODE = re.compile(r"[A-Za-z0-9_.\-]{1,60}")
POLICY = re.compile(
    r"content[_ -]?(filter|policy)|policy[_ -]?violation|moderation|safety|responsible_?ai", re.I
)
CONTEXT = re.compile(r"context_?(length|size|window)", re.I)
QUOTA = re.compile(r"insufficient_quota|billing|credit", re.I)
LARGEST_COUNT = 10**9
"""Of tokens; more is no count. The sum over millions of answers stays below 2^53 (RFC 7493, section 2.2)."""
MAX_SERVED_NAME_CHARS = 200


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with one response."""

    reply: ChatReply
    retry: bool = False
    overload: bool = False
    """Whether fewer requests should be under way."""
    wait_s: float | None = None
    """What the endpoint asked to wait (Retry-After)."""
    fatal: str | None = None
    """Why asking on is useless."""
    next_step: str = ""


class _Part(msgspec.Struct):
    type: str = ""
    text: str = ""


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    model: Any = None
    usage: Any = None


class _Error(msgspec.Struct):
    code: Any = None
    type: Any = None
    param: Any = None
    message: Any = None


class _ErrorBody(msgspec.Struct):
    error: _Error


_completions = msgspec.json.Decoder(_Completion)
_errors = msgspec.json.Decoder(_ErrorBody)


def failure(
    cause: Cause, detail: str, *, tries: int = 1, seconds: float | None = None, final: bool = False
) -> ChatReply:
    """Return a reply without an answer."""
    return ChatReply(cause=cause, detail=detail, tries=tries, seconds=seconds, final=final)


def interpret(
    status: int, body: bytes, *, retry_after: str | None, now_s: float, tries: int, seconds: float
) -> Verdict:
    """Judge one complete response.

    Args:
        status: HTTP status.
        body: The whole body, already within the size limit.
        retry_after: The header of that name (RFC 9110, section 10.2.3).
        now_s: Unix time, for a Retry-After that is a date.
        tries: Which try this was.
        seconds: How long it took.
    """
    if status == 200:
        return _answer(body, tries, seconds)
    code = _error_code(body)
    if status in {429, 503, 529}:
        return _overloaded(status, code, _wait(retry_after, now_s), tries, seconds)
    if status == 408 or status >= 500:
        cause = Cause.TIMEOUT if status in {408, 504} else Cause.PROVIDER_ERROR
        reply = failure(cause, _detail(status, code), tries=tries, seconds=seconds)
        return Verdict(reply=reply, retry=True, overload=True)
    if status in {400, 403, 422} and _is_policy(body):
        reply = failure(
            Cause.REFUSED_BY_ENDPOINT, _detail(status, code), tries=tries, seconds=seconds, final=True
        )
        return Verdict(reply=reply)
    return _client_error(status, code, tries, seconds)


def _client_error(status: int, code: str, tries: int, seconds: float) -> Verdict:
    detail = _detail(status, code)
    refused = failure(Cause.REFUSED_BY_ENDPOINT, detail, tries=tries, seconds=seconds)
    if status in {401, 402, 403, 407}:
        return Verdict(
            reply=refused,
            fatal=f"the endpoint does not accept the key ({detail})",
            next_step="Put a valid key into the environment variable named by --key-env, then run again.",
        )
    if status in {404, 405, 410}:
        return Verdict(
            reply=refused,
            fatal=f"the endpoint does not know this model or this path ({detail})",
            next_step="Check --model-name and the URL, which ends before /chat/completions, mostly with /v1.",
        )
    if status in {409, 425}:
        return Verdict(
            reply=failure(Cause.PROVIDER_ERROR, detail, tries=tries, seconds=seconds),
            retry=True,
            overload=True,
        )
    if 400 <= status < 500:
        too_long = CONTEXT.search(code)
        return Verdict(
            reply=msgspec.structs.replace(refused, cause=Cause.LIMIT_REACHED) if too_long else refused
        )
    return Verdict(reply=failure(Cause.MALFORMED_RESPONSE, detail, tries=tries, seconds=seconds))


def _overloaded(status: int, code: str, wait: float | None, tries: int, seconds: float) -> Verdict:
    detail = _detail(status, code)
    cause = Cause.RATE_LIMITED if status == 429 else Cause.PROVIDER_ERROR
    reply = failure(cause, detail, tries=tries, seconds=seconds)
    if status == 429 and QUOTA.search(code):
        return Verdict(
            reply=reply,
            fatal=f"the quota at the endpoint is used up ({detail})",
            next_step="Raise it with the provider, then run the same command: it goes on where it stopped.",
        )
    return Verdict(reply=reply, retry=True, overload=True, wait_s=wait)


def _answer(body: bytes, tries: int, seconds: float) -> Verdict:
    try:
        completion = _completions.decode(body)
        choice = completion.choices[0]
    except (msgspec.MsgspecError, UnicodeDecodeError, IndexError, RecursionError):
        detail = "not an answer of the interface: " + _kind_of(body)
        reply = failure(Cause.MALFORMED_RESPONSE, detail, tries=tries, seconds=seconds)
        return Verdict(reply=reply, retry=True)
    text, cause, detail = _text_and_cause(choice)
    usage = completion.usage if isinstance(completion.usage, dict) else {}
    return Verdict(
        reply=ChatReply(
            text=text,
            finish_reason=_code(choice.finish_reason),
            prompt_tokens=_count(usage.get("prompt_tokens")),
            completion_tokens=_count(usage.get("completion_tokens")),
            served_model=_served(completion.model),
            cause=cause,
            detail=detail,
            tries=tries,
            seconds=seconds,
        )
    )


def _text_and_cause(choice: _Choice) -> tuple[str | None, Cause | None, str]:
    content = choice.message.content
    if isinstance(content, list):
        content = "".join(part.text for part in content)
    text = content or choice.message.refusal or ""
    if choice.finish_reason == "content_filter":
        return None, Cause.REFUSED_BY_ENDPOINT, "content_filter"
    has_text = bool(text) and not text.isspace()
    if choice.finish_reason == "length":
        return text if has_text else None, Cause.CUT_OFF, ""
    if not has_text:
        return None, Cause.EMPTY, _code(choice.finish_reason) or ""
    return text, None, ""


def _count(value: object) -> int | None:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_COUNT
    return value if good else None  # type: ignore[return-value]


def _served(value: object) -> str | None:
    """The name that the endpoint gives, without what may be a path on its machine."""
    if not isinstance(value, str) or not value:
        return None
    name = value.replace("\\", "/").rsplit("/", 1)[-1] if value.startswith(("/", "\\", ".")) else value
    return "".join(c for c in name if c.isprintable())[:MAX_SERVED_NAME_CHARS] or None


def _code(value: object) -> str | None:
    return value if isinstance(value, str) and CODE.fullmatch(value) else None


def _error_code(body: bytes) -> str:
    try:
        error = _errors.decode(body).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    parts = (_code(error.code) or _code(error.type), _code(error.param))
    return " ".join(part for part in parts if part)


def _is_policy(body: bytes) -> bool:
    """Whether an error speaks of a content rule; only its own words are looked at, not the echoed
    question."""
    try:
        error = _errors.decode(body).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return any(isinstance(part, str) and POLICY.search(part) for part in (error.code, error.type))


def _detail(status: int, code: str) -> str:
    return f"HTTP {status}" + (f" {code}" if code else "")


def _kind_of(body: bytes) -> str:
    start = body[:512].lstrip().lower()
    if not start:
        return "no body"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<")):
        return "HTML"
    return "other JSON" if start.startswith((b"{", b"[")) else "no JSON"


def _wait(retry_after: str | None, now_s: float) -> float | None:
    """Seconds of a Retry-After: a number, or an HTTP date."""
    if retry_after is None or len(retry_after) > 64:
        return None
    text = retry_after.strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now_s)
    except (ValueError, OverflowError):
        return None
