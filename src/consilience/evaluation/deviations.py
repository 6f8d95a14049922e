"""How a run departed from the protocol: computed from its manifest, never declared by the laboratory.

Pure. Invariants: a protocol that was followed gives no deviation; every deviation names what was planned and
what was done; where the manifest does not tell, the severity is `unknown`, not "none". Severities: `major`
can change what is measured or whether laboratories can be compared; `minor` can change precision only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from consilience.evaluation.joint_result import Deviation, Value
from consilience.evaluation.protocol import (
    Generation,
    Item,
    Protocol,
    Rater,
    RaterKind,
    Split,
    protocol_digest,
)
from consilience.evaluation.raters.identity import prompt_digest, rater_version
from consilience.evaluation.run_plan import items_digest, text_digest
from consilience.evaluation.run_record import Manifest, RaterIdentity

Severity = Literal["major", "minor", "unknown"]
Difference = tuple[str, Value, Value, Severity]
"""(field, planned, actual, severity)"""

SHOWN_DIGEST = 19
"""Characters of a digest that are shown: `sha256:` and 12 digits."""


def deviations(protocol: Protocol, manifest: Manifest) -> tuple[Deviation, ...]:
    """Return every difference between a protocol and a run, in the order of the protocol's parts.

    Args:
        protocol: The plan.
        manifest: Of one laboratory and model.
    """
    found = [
        *_protocol(protocol, manifest),
        *_sampling(protocol.generation, manifest),
        *_system_prompt(protocol.generation, manifest),
        *_attempts(protocol, manifest),
        *_languages(protocol, manifest),
        *_items(protocol, manifest),
        *_raters(protocol, manifest),
        *_course(manifest),
    ]
    return tuple(
        Deviation(
            laboratory=manifest.laboratory,
            model=manifest.model,
            field=field,
            planned=planned,
            actual=actual,
            severity=severity,
        )
        for field, planned, actual, severity in found
    )


def _protocol(protocol: Protocol, manifest: Manifest) -> Iterator[Difference]:
    planned = protocol_digest(protocol)
    if manifest.protocol_digest != planned:
        yield "protocol", _short(planned), _short(manifest.protocol_digest), "major"


def _sampling(planned: Generation, manifest: Manifest) -> Iterator[Difference]:
    sent = manifest.sampling
    keys: tuple[tuple[str, object, str, Severity], ...] = (
        ("temperature", planned.temperature, "temperature", "major"),
        ("top_p", planned.top_p, "top_p", "major"),
        ("max_tokens", planned.max_tokens, manifest.max_tokens_key, "major"),
        ("stop", list(planned.stop) or None, "stop", "major"),
        ("seed", planned.seed, "seed", "minor"),
    )
    for name, wanted, key, severity in keys:
        actual = sent.get(key)
        if actual != wanted:
            yield f"sampling.{name}", _value(wanted), _value(actual), severity


def _system_prompt(planned: Generation, manifest: Manifest) -> Iterator[Difference]:
    wanted = text_digest(planned.system_prompt)
    if wanted != manifest.system_prompt_digest:
        yield "system_prompt", _short(wanted), _short(manifest.system_prompt_digest), "major"


def _attempts(protocol: Protocol, manifest: Manifest) -> Iterator[Difference]:
    if manifest.attempts != protocol.attempts:
        only_precision = protocol.aggregation.per_item in {"mean", "first"}
        yield "attempts", protocol.attempts, manifest.attempts, "minor" if only_precision else "major"


def _languages(protocol: Protocol, manifest: Manifest) -> Iterator[Difference]:
    asked = {item.language for item in protocol.items} | {task.language for task in protocol.tasks}
    planned = [language.tag for language in protocol.languages if language.tag in asked]
    if set(planned) != set(manifest.languages):
        yield "languages", ", ".join(planned), ", ".join(manifest.languages), "major"


def _items(protocol: Protocol, manifest: Manifest) -> Iterator[Difference]:
    """Items within the languages that were asked; a language that is missing is a deviation of its own."""
    if protocol.tasks:  # what they ask was not known before
        if manifest.selection.limit is not None:
            yield "items", None, manifest.selection.limit, "major"
        return
    planned = [item for item in protocol.items if item.language in manifest.languages]
    if items_digest(planned) == manifest.items_digest:
        return
    if len(planned) == manifest.items:
        yield "items", _short(items_digest(planned)), _short(manifest.items_digest), "major"
    elif _is_evaluation_only(planned, manifest):
        yield "items", len(planned), manifest.items, "minor"
    else:
        yield "items", len(planned), manifest.items, "major"


def _is_evaluation_only(planned: list[Item], manifest: Manifest) -> bool:
    return items_digest([item for item in planned if item.split is Split.EVALUATION]) == manifest.items_digest


def _raters(protocol: Protocol, manifest: Manifest) -> Iterator[Difference]:
    real = {rater.id: rater for rater in manifest.raters}
    for rater in protocol.raters:
        if rater.kind is not RaterKind.HUMAN:
            yield from _rater(rater, real.get(rater.id))
    known = {rater.id for rater in protocol.raters}
    for identity in manifest.raters:
        if identity.id not in known and identity.kind is not RaterKind.HUMAN:
            yield f"rater.{identity.id}", None, identity.kind.value, "minor"


def _rater(planned: Rater, real: RaterIdentity | None) -> Iterator[Difference]:
    name = f"rater.{planned.id}"
    if real is None:
        yield name, planned.kind.value, None, "major"
        return
    if real.kind is not planned.kind:
        yield f"{name}.kind", planned.kind.value, real.kind.value, "major"
    if real.simulated is not planned.simulated:
        yield f"{name}.simulated", planned.simulated, real.simulated, "major"
    if planned.scorer is not None:
        if planned.model is not None and real.model != planned.model:
            yield f"{name}.model", planned.model, real.model, "unknown" if real.model is None else "major"
        return
    made_up = planned.simulated and real.simulated
    if (made_up or planned.kind is RaterKind.PROGRAM) and real.version != rater_version(planned):
        yield f"{name}.version", _short(rater_version(planned)), _short(real.version), "major"
    if planned.kind is RaterKind.JUDGE and real.prompt_digest != prompt_digest(planned):
        yield f"{name}.prompt", _short(prompt_digest(planned)), _short(real.prompt_digest), "major"
    if planned.kind is RaterKind.JUDGE and planned.model is not None and real.model != planned.model:
        yield f"{name}.model", planned.model, real.model, "unknown" if real.model is None else "major"


def _course(manifest: Manifest) -> Iterator[Difference]:
    """What happened on the way: a run that is not complete, a model that changed under its name."""
    if manifest.finished_at is None:
        planned = manifest.items * manifest.attempts
        yield "finished", planned, manifest.answers, "major"
    if len(manifest.served_models) > 1:
        yield "served_model", manifest.model, ", ".join(manifest.served_models), "unknown"


def _value(value: object) -> Value:
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return value if isinstance(value, str | int | float | bool) else None


def _short(digest: str | None) -> str | None:
    return None if digest is None else digest[:SHOWN_DIGEST]
