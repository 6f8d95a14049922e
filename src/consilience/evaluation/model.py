"""A model as the run sees it: what is asked, what comes back, and how a person names one on the command line.

Pure. Invariants:
- a reply has a text, or a cause, or both only for `cut_off`; a chat raises not for what one request met, only
  for what makes every further request useless (wrong key, unknown model, nobody there): a `PartnerError`;
- a specification shows no secret: a URL with credentials is refused, the query of a URL is never shown.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Literal, Protocol
from urllib.parse import SplitResult, urlsplit, urlunsplit

import msgspec

from consilience.errors import InputError
from consilience.evaluation.scores import Cause

LOCAL = "local:"
MAX_NAME_CHARS = 200
Sampling = dict[str, str | int | float | bool | list[str] | None]
NAME = re.compile(r"[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*")


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a model. None: the key is not sent."""

    messages: tuple[tuple[str, str], ...]
    """(role, text), the roles being `system`, `user` and `assistant`."""
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None


class ChatReply(msgspec.Struct, frozen=True, kw_only=True):
    """What came back after all tries."""

    text: str | None = None
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    served_model: str | None = None
    cause: Cause | None = None
    """Why there is no answer; also set with a text for `cut_off`."""
    detail: str = ""
    """A short word on the cause; never the answer."""
    final: bool = True
    """False: asking again later may bring an answer (the endpoint's or the network's fault, not the
    model's)."""
    tries: int = 1
    seconds: float | None = None
    """Of the try that brought the reply, without the waiting between tries."""


class Chat(Protocol):
    """A model that can be asked, wherever it is."""

    @property
    def spec(self) -> str:
        """The name of the model in tables."""
        ...

    @property
    def endpoint(self) -> str:
        """The URL without credentials and query, or `local:` with the digest of the weights."""
        ...

    async def chat(self, request: ChatRequest) -> ChatReply:
        """Ask once, with as many tries as it takes; what the request met is the reply's cause.

        Raises:
            PartnerError: Asking on is useless (wrong key, unknown model, nobody there, everything fails).
        """
        ...


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Which model a person means."""

    kind: Literal["endpoint", "local"]
    name: str
    """The name in tables; empty for `local:` until the packaged weights are found."""
    url: str | None = None
    """Base URL of an OpenAI-compatible interface, without trailing slash, query kept."""
    weights: str | None = None
    """Path of a GGUF file; None with kind `local`: the packaged weights."""
    sent_name: str | None = None
    """The value of `model` in requests."""

    @property
    def shown_endpoint(self) -> str:
        """The URL as it may be written down: without query."""
        return LOCAL if self.url is None else without_query(self.url)


def sampling_keys(request: ChatRequest, max_tokens_key: str = "max_tokens") -> Sampling:
    """Return the sampling keys that are really sent."""
    keys: Sampling = {}
    if request.temperature is not None:
        keys["temperature"] = request.temperature
    if request.top_p is not None:
        keys["top_p"] = request.top_p
    if request.max_tokens is not None:
        keys[max_tokens_key] = request.max_tokens
    if request.stop:
        keys["stop"] = list(request.stop)
    if request.seed is not None:
        keys["seed"] = request.seed
    return keys


def without_query(url: str) -> str:
    """Return a URL without credentials, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, _bare_host(parts), parts.path, "", ""))


def parse_model_spec(text: str, *, model_name: str | None = None) -> ModelSpec:
    """Read what a person wrote after `--model`.

    Args:
        text: `http(s)://host/v1`, `NAME@http(s)://host/v1`, `local:` (packaged weights) or `local:FILE.gguf`.
        model_name: The model's name at the endpoint; for `local:` the name in tables.

    Raises:
        InputError: It is none of these, carries credentials, or the name is missing or unusable.
    """
    if text.startswith(LOCAL):
        return _local_spec(text.removeprefix(LOCAL), model_name)
    name, url = _split_name(text)
    name = model_name or name
    if not name:
        raise InputError(
            "an endpoint can serve many models, and no name of one was given",
            next_step="Add `--model-name NAME`, or write the model as NAME@URL.",
        )
    return ModelSpec(kind="endpoint", name=_checked_name(name), url=_checked_url(url), sent_name=name)


def _local_spec(path: str, model_name: str | None) -> ModelSpec:
    name = model_name or (PurePath(path).stem if path else "")
    return ModelSpec(kind="local", name=_checked_name(name) if name else "", weights=path or None)


def _split_name(text: str) -> tuple[str, str]:
    if re.match(r"https?://", text):
        return "", text
    name, at, url = text.partition("@http")
    if not at:
        raise InputError(
            "what was given names no model",
            next_step="Write https://host/v1 with --model-name, or NAME@URL, or `local:` or local:FILE.gguf.",
        )
    return name, "http" + url


def _checked_name(name: str) -> str:
    if len(name) > MAX_NAME_CHARS or not NAME.fullmatch(name):
        raise InputError(
            f"this name of a model cannot be used: {name[:80]!r}",
            next_step=f"Use up to {MAX_NAME_CHARS} characters without line breaks.",
        )
    return name


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InputError(
            f"this is not the URL of an endpoint: {error}", next_step="Write it as https://host:port/v1."
        ) from error
    if "@" in parts.netloc:
        raise InputError(
            "the URL of the model carries credentials; they would end in shell histories and logs",
            next_step="Take them out, and put the key into the environment variable named by --key-env.",
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment or port == 0:
        raise InputError(
            "this is not the URL of an endpoint: it needs http or https, a host, and no fragment",
            next_step="Write it as https://host:port/v1.",
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), parts.query, ""))


def _bare_host(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]
