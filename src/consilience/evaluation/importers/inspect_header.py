"""The header of an Inspect log: task, model, settings, scorers, and what it tells of its own scores.

Pure. Invariants: a field of an unknown shape is left out, not guessed; places, addresses and names of
machines and persons are not kept; what is kept nowhere is listed by its path in `unmapped`.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from consilience.evaluation.importers.imported import Direction, ImportedRun, Plain
from consilience.evaluation.importers.prompt import prompt_digest
from consilience.evaluation.protocol import RaterKind

KEYS = frozenset({"version", "status", "eval", "plan", "results", "stats", "error", "invalidated"})
"""Members of `header.json`, and of a JSON log, that are read."""
MAX_MEMBER_BYTES = 64 * 2**20
"""Of one of them, and of a sample in a JSON log."""
MAX_TEXT = 200
"""Characters of a setting that is kept."""
MAX_SETTINGS = 200
"""Settings of one run that are kept; further ones are listed as unmapped."""
MAX_SCORERS = 200
"""Scorers, and told scores, of one log that are looked at."""
MAX_METRICS = 50
"""Told metrics of one score that are looked at."""
MAX_UNMAPPED = 200
"""Paths of unmapped fields of one header that are listed."""
JUDGES = frozenset({"model_graded_qa", "model_graded_fact"})
"""Inspect's own scorers in which a model judges."""
HIGHER_IS_BETTER = frozenset(
    {"answer", "choice", "exact", "f1", "includes", "match", "math", "pattern", *JUDGES}
)  # fmt: skip
"""Inspect's own scorers that hold an answer against the right one; of others nothing is known."""
_JUDGE_OPTIONS = ("model", "grader_model", "judge_model", "grader", "judge")
_SAMPLING = (
    "temperature", "top_p", "top_k", "max_tokens", "seed", "num_choices", "frequency_penalty",
    "presence_penalty", "repetition_penalty", "best_of", "reasoning_effort", "reasoning_tokens",
    "reasoning_history", "effort", "verbosity",
)  # fmt: skip
_CONFIG = (
    "limit", "sample_shuffle", "epochs_reducer", "fail_on_error", "continue_on_fail", "retry_on_error",
    "score_on_error", "message_limit", "token_limit", "token_limit_type", "turn_limit", "time_limit",
    "working_limit", "cost_limit", "log_samples",
)  # fmt: skip
_EVAL = ("run_id", "eval_id", "task_id", "task_registry_name", "solver")
_READ = frozenset(
    {
        *_EVAL, "created", "task", "task_version", "task_args", "dataset", "model", "model_generate_config",
        "config", "packages", "revision", "scorers", "sandbox", "model_roles", "task_display_name",
        "task_args_passed", "solver_args_passed", "metrics",
    }
)  # fmt: skip
_PLACE = re.compile(r"^[/~.\\]|^[A-Za-z]:\\|://|^file:|@|/(?:home|Users)/")


@dataclass(frozen=True)
class Scorer:
    """Who gives a score."""

    name: str
    """As the scores of a sample are keyed."""
    kind: RaterKind = RaterKind.PROGRAM
    model: str | None = None
    prompt: str | None = None
    """Digest of the judge's prompt, where the log tells it."""
    note: str = ""
    direction: Direction = "unknown"
    """Of its score, where it is a single value."""


@dataclass(frozen=True)
class Told:
    """What the log tells of one score: `n` or a metric."""

    rater: str
    statistic: str
    """`mean` and `n` can be held against the items."""
    value: float | None
    reason: str = ""
    """Why it cannot be compared."""
    scored: int | None = None
    """Items that it is of."""


@dataclass(frozen=True)
class LogHeader:
    """A header as the import needs it."""

    run: ImportedRun
    scorers: tuple[Scorer, ...]
    told: tuple[Told, ...]
    epochs: int
    status: str | None
    invalidated: bool
    duration_s: float | None
    """From start to end, as told."""
    samples: int | None
    """Samples (items × epochs) that it says it logged."""


def read_header(members: Mapping[str, Any], file: str, form: Literal["eval", "json"]) -> LogHeader:
    """Return the header.

    Args:
        members: Decoded members of `header.json`, of `_journal/start.json`, or of a JSON log.
        file: As it is spoken of.
        form: Of the log.
    """
    spec, results, stats = (_dict(members.get(key)) for key in ("eval", "results", "stats"))
    config = _dict(spec.get("config"))
    epochs = _count(config.get("epochs"))
    status = members.get("status") if isinstance(members.get("status"), str) else None
    version = members.get("version")
    told_format = f"inspect-{form}-{version}" if isinstance(version, int | str) else f"inspect-{form}"
    task = _text(spec.get("task")) or "unknown"
    planned, logged = (_count(results.get(key)) for key in ("total_samples", "logged_samples"))
    run = ImportedRun(
        harness="inspect",
        harness_version=_text(_dict(spec.get("packages")).get("inspect_ai")),
        format=told_format[:MAX_TEXT],
        file=file,
        task=task,
        task_version=_version(spec.get("task_version")),
        model=_text(spec.get("model")) or "unknown",
        concept=task,
        created=_moment(spec.get("created")),
        state=_state(status),
        attempts=epochs,
        items_declared=_count(_dict(spec.get("dataset")).get("samples")),
        sampling=_sampling(spec, _dict(members.get("plan"))),
        settings=dict(list(_settings(spec, members))[:MAX_SETTINGS]),
        unmapped=_unmapped(spec),
    )
    return LogHeader(
        run=run,
        scorers=tuple(_scorers(spec, results)),
        told=tuple(_told(results)),
        epochs=epochs or 1,
        status=status,
        invalidated=bool(members.get("invalidated")),
        duration_s=_duration(stats),
        samples=planned if logged is None else logged,
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any, limit: int) -> list[Any]:
    return value[:limit] if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_TEXT else None


def _count(value: Any) -> int | None:
    sound = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return value if sound else None


def _version(value: Any) -> str | None:
    return _text(value) if isinstance(value, str) else (None if _count(value) is None else str(value))


def _moment(value: Any) -> str | None:
    """Return a time in UTC; None where it has no zone, or is none."""
    parsed = _parsed(value)
    return None if parsed is None else parsed.astimezone(datetime.UTC).isoformat(timespec="seconds")


def _parsed(value: Any) -> datetime.datetime | None:
    try:
        parsed = datetime.datetime.fromisoformat(value) if isinstance(value, str) else None
        zone = None if parsed is None else parsed.utcoffset()
        return None if parsed is None or zone is None else parsed.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return None


def _duration(stats: dict[str, Any]) -> float | None:
    start, end = _parsed(stats.get("started_at")), _parsed(stats.get("completed_at"))
    return None if start is None or end is None else (end - start).total_seconds()


def _state(status: str | None) -> Literal["complete", "interrupted", "unknown"]:
    if status == "success":
        return "complete"
    return "interrupted" if status in {"started", "cancelled", "error"} else "unknown"


def _plain(value: Any) -> Plain:
    """Return a value that may be kept, else None: no places, no addresses, nothing long."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**53) <= value <= 2**53 else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list) and 0 < len(value) <= 20 and all(isinstance(v, int | str) for v in value):
        return _plain(", ".join(map(str, value)))
    text = _text(value)
    return None if text is None or _PLACE.search(text) or not text.isprintable() else text


def _sampling(spec: dict[str, Any], plan: dict[str, Any]) -> dict[str, Plain]:
    given = {**_dict(spec.get("model_generate_config")), **_dict(plan.get("config"))}
    return {key: _plain(given[key]) for key in _SAMPLING if _plain(given.get(key)) is not None}


def _settings(spec: dict[str, Any], members: Mapping[str, Any]) -> Iterator[tuple[str, Plain]]:
    dataset, revision = _dict(spec.get("dataset")), _dict(spec.get("revision"))
    config, stats = _dict(spec.get("config")), _dict(members.get("stats"))
    found = [
        *((key, spec.get(key)) for key in _EVAL),
        ("dataset.name", dataset.get("name")),
        ("dataset.shuffled", dataset.get("shuffled")),
        ("revision.commit", revision.get("commit")),
        ("revision.dirty", revision.get("dirty")),
        ("sandbox.type", _dict(spec.get("sandbox")).get("type")),
        ("stats.started_at", stats.get("started_at")),
        ("stats.completed_at", stats.get("completed_at")),
        *((f"config.{key}", config.get(key)) for key in _CONFIG),
        *((f"packages.{key}", value) for key, value in _dict(spec.get("packages")).items()),
        *((f"task_args.{key}", value) for key, value in _dict(spec.get("task_args")).items()),
    ]
    for name, value in found:
        kept = _plain(value)
        if kept is not None and len(name) <= MAX_TEXT:
            yield name, kept


def _unmapped(spec: dict[str, Any]) -> tuple[str, ...]:
    paths = [f"eval.{key}" for key, value in spec.items() if key not in _READ and value not in (None, {}, [])]
    for part in ("task_args", "config", "dataset", "model_generate_config"):
        known = _CONFIG if part == "config" else _SAMPLING if part == "model_generate_config" else ()
        read = {"epochs", "samples", "name", "shuffled", *known}
        paths += [
            f"eval.{part}.{key}"
            for key, value in _dict(spec.get(part)).items()
            if value not in (None, {}, [])
            and (key not in read if part != "task_args" else _plain(value) is None)
        ]
    return tuple(sorted(path[:MAX_TEXT] for path in paths)[:MAX_UNMAPPED])


def _scorers(spec: dict[str, Any], results: dict[str, Any]) -> Iterator[Scorer]:
    """Yield the planned scorers; two of one name are numbered as Inspect does."""
    told = _list(spec.get("scorers"), MAX_SCORERS)
    if not told:
        names = [_text(_dict(s).get("scorer") or _dict(s).get("name")) for s in _told_scores(results)]
        yield from (Scorer(name, direction=_direction(name)) for name in dict.fromkeys(names) if name)
        return
    taken: set[str] = set()
    for scorer in told:
        base = (_text(_dict(scorer).get("name")) or "").rpartition("/")[2]
        if not base:
            continue
        name, count = base, 1
        while name in taken:
            name, count = f"{base}{count}", count + 1
        taken.add(name)
        yield _scorer(name, base, _dict(_dict(scorer).get("options")), spec)


def _direction(base: str) -> Direction:
    return "higher is better" if base in HIGHER_IS_BETTER else "unknown"


def _scorer(name: str, base: str, options: dict[str, Any], spec: dict[str, Any]) -> Scorer:
    named = next((model for key in _JUDGE_OPTIONS if (model := _model_name(options.get(key)))), None)
    if base not in JUDGES and named is None:
        return Scorer(name, direction=_direction(base))
    note = ""
    if named is None:
        role = options.get("model_role")
        roles = _dict(spec.get("model_roles"))
        named = _model_name(roles.get(role if isinstance(role, str) else "grader"))
    if named is None:
        named = _text(spec.get("model"))
        note = "no judge model is named: Inspect then lets the tested model judge itself"
    template = options.get("template")
    instructions = options.get("instructions")
    told = [text for text in (template, instructions) if isinstance(text, str)]
    digest = prompt_digest("\n".join(told)) if isinstance(template, str) else None
    return Scorer(name, RaterKind.JUDGE, named, digest, note, _direction(base))


def _model_name(value: Any) -> str | None:
    """Return the name of a model that is told as text, as a configuration, or as a list of those."""
    if isinstance(value, list):
        names = [name for name in map(_model_name, value[:20]) if name]
        return _text(", ".join(names))
    if isinstance(value, dict):
        return _text(value.get("model")) or _text(value.get("name"))
    return _text(value)


def _told_scores(results: dict[str, Any]) -> list[Any]:
    """Return the scores of the results; logs of 2024 had one, with the metrics beside it."""
    if isinstance(results.get("scorer"), dict):
        return [{**results["scorer"], "metrics": results.get("metrics")}]
    return _list(results.get("scores"), MAX_SCORERS)


def _told(results: dict[str, Any]) -> Iterator[Told]:
    for score in map(_dict, _told_scores(results)):
        name = _text(score.get("name"))
        scorer = _text(score.get("scorer")) or name
        if name is None or scorer is None:
            continue
        rater = name if name == scorer else f"{scorer}.{name}"
        scored = _count(score.get("scored_samples"))
        reducer = _text(score.get("reducer"))
        reason = "" if reducer in {None, "mean"} else f"the source combines attempts by {reducer} first"
        if scored is not None:
            yield Told(rater, "n", float(scored), reason, scored)
        for key, metric in list(_dict(score.get("metrics")).items())[:MAX_METRICS]:
            yield _told_metric(rater, key, _dict(metric), reason, scored)


def _told_metric(rater: str, key: str, metric: dict[str, Any], reason: str, scored: int | None) -> Told:
    value = metric.get("value")
    name = key if len(key) <= MAX_TEXT else "metric"
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e300:
        return Told(rater, name, None, "the source has no number for it", scored)
    if name not in {"accuracy", "mean"} or metric.get("group") is not None:
        return Told(rater, name, float(value), "it is not computed here", scored)
    if metric.get("params"):
        return Told(rater, "mean", float(value), "the source computes it with settings of its own", scored)
    return Told(rater, "mean", float(value), reason, scored)
