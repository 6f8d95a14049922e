"""What a run writes down: generations, ratings and the manifest, as frozen types.

Pure. The files are `generations.jsonl` and `ratings.jsonl` (append-only; see `journal`), `manifest.json` and
`scores.parquet`, all in the run's folder; what failed by the fault of endpoint or network, and is asked
again at the next start, is in `generations.failed.jsonl` and `ratings.failed.jsonl`. Invariants:

- a generation id is a function of (protocol digest, laboratory, model, language, item, attempt), a rating id
  of (generation id, rater, rater version); so nothing can be counted twice;
- an answer has text and no cause of failure, or a cause and no score; unknown counts are None, never 0.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from consilience.evaluation.protocol import RaterKind, Split
from consilience.evaluation.scores import Cause, Status


def _short_digest(*parts: str) -> str:
    joined = "\x1f".join(parts)
    return hashlib.sha256(joined.encode()).hexdigest()[:32]


def generation_id(
    *, protocol_digest: str, laboratory: str, model: str, language: str, item: str, attempt: int
) -> str:
    """Return the name of one generation: 32 hexadecimal digits."""
    return _short_digest("generation", protocol_digest, laboratory, model, language, item, str(attempt))


def rating_id(*, generation: str, rater: str, version: str) -> str:
    """Return the name of one rating. `version` is the digest of the rater's prompt, model and settings."""
    return _short_digest("rating", generation, rater, version)


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One generation: what the model answered, or why it did not."""

    generation: str
    item: str
    language: str
    concept: str
    attempt: int
    text: str | None = None
    cause: Cause | None = None
    """Why there is no answer; also set with a text for `cut_off`."""
    detail: str = ""
    """A short word on the cause; never the answer."""
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seed: int | None = None
    started_at: str = ""
    """UTC, ISO 8601."""
    seconds: float | None = None
    tries: int = 1
    served_model: str | None = None
    """What the endpoint says that it served."""


class Rating(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One score given to one generation by one rater, or why there is none."""

    rating: str
    generation: str
    rater: str
    rater_kind: RaterKind
    version: str
    status: Status
    score: float | None = None
    cause: Cause | None = None
    label: str | None = None
    explanation: str = ""
    simulated: bool = False
    rated_at: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    annotator: str | None = None
    """Pseudonym of the person who gave a human rating."""


class Energy(msgspec.Struct, frozen=True, kw_only=True):
    """Energy of a run. `joules` is None where no counter exists, and `reason` then says so."""

    joules: float | None
    basis: Literal["metered", "not measured"]
    counter: str | None
    """RAPL or NVML, with the domains read."""
    boundary: str
    """What the counter covers, such as "whole CPU package of the runner's machine, other processes
    included"."""
    reason: str = ""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a run consumed. Token counts cover the answers that reported them: `answers_with_tokens` of
    `answers`."""

    answers: int
    answers_with_tokens: int
    prompt_tokens: int | None
    completion_tokens: int | None
    runner_cpu_seconds: float
    model_cpu_seconds: float | None
    """Of a local model served by this command; None for a remote one."""
    wall_seconds: float
    energy: Energy


class RaterIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """A rater as it really was in this run."""

    id: str
    kind: RaterKind
    version: str
    """Digest of prompt, model, parser and settings."""
    model: str | None = None
    endpoint: str | None = None
    prompt_digest: str | None = None
    simulated: bool = False


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which of the protocol's items a run asks; empty and None: all."""

    languages: tuple[str, ...] = ()
    splits: tuple[Split, ...] = ()
    limit: int | None = None
    """So many item ids, each with all its translations."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One start of the command for a run; a line of `sessions.jsonl`. The last line of a number counts."""

    number: int
    started_at: str
    saved_at: str
    state: Literal["running", "stopped", "finished"]
    """`running` in the last line of a number: the process was killed after `saved_at`."""
    endpoint: str
    runner_cpu_seconds: float
    model_cpu_seconds: float | None
    wall_seconds: float
    energy: Energy


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """How a run was really done. Deviations are computed from it (see `deviations`)."""

    run: str
    exercise: str
    protocol_digest: str
    laboratory: str
    model: str
    """The name under which the model appears in tables."""
    endpoint: str
    """`local:` with the weights' digest, or the URL without credentials and query."""
    weights_digest: str | None = None
    served_models: tuple[str, ...] = ()
    sampling: dict[str, str | int | float | bool | list[str] | None]
    """The keys as sent. A key that is absent was not sent."""
    system_prompt_digest: str | None
    attempts: int
    languages: tuple[str, ...]
    items: int
    items_digest: str
    """Digest of the sorted item digests that were really asked."""
    raters: tuple[RaterIdentity, ...]
    answers: int
    answered: int
    failed_by_cause: dict[str, int]
    usage: Usage
    software: dict[str, str]
    machine: dict[str, str | int]
    started_at: str
    finished_at: str | None
    """None: the run is not complete."""
    sessions: int
    """How many times the command was started for this run."""
    files: dict[str, str] = {}
    """File name → SHA-256 of the run's finished files."""
    notes: tuple[str, ...] = ()
    manifest_version: int = 1
    selection: Selection = Selection()
    """Which items were to be asked."""
    max_tokens_key: str = "max_tokens"
    """The key under which the token limit was sent."""
