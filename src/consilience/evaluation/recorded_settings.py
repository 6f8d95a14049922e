"""What was recorded of how each laboratory ran a model, as numbers to hold against its results.

Pure. A setting that is a number stays one (temperature, token limit, date of the start); a named one (prompt
digest, judge version, software) becomes one 0/1 setting for each name other than the usual one: the planned
name where it occurs, else the most frequent. Invariants: only settings that differ between laboratories; a
laboratory without manifest or import, or whose manifests for the model contradict each other, is unknown
(None), never 0; what an import does not tell is unknown too, where a manifest without it says that it was not
sent or not used; a name that each laboratory has for itself (an own endpoint) is left out, since it says no
more than who the laboratory is; names are cut to a length, however long a manifest makes them.

A seed is left out: its size means nothing.
"""

from __future__ import annotations

import datetime
import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from consilience.evaluation.joint_result import Deviation
from consilience.evaluation.run_record import Manifest

MAX_SETTINGS = 40
"""Settings that are held against the results of one model and concept; those from which a laboratory deviates
go first, and a note says how many are left out."""
MAX_KEYS = 100
"""Keys of a manifest's sampling settings, and of its software, that are looked at."""
MAX_LEVEL_CHARS = 48
"""Characters of a name of a setting; a longer one is cut and gets the beginning of its digest."""
MAX_MAGNITUDE = 1e12
"""A larger number is taken for a name."""
NOT_SENT, NOT_USED = "not sent", "not used"
LEFT_OUT = "left out"
OWN_HARNESS = "consilience"
"""Who runs what a manifest tells of."""
FIRST_KEYS = ("temperature", "top_p", "max_tokens", "top_k", "min_p")
LEFT_OUT_KEYS = frozenset({"seed", "model"})

Fact = float | str | None
"""A number, a name, or not known."""


@dataclass(frozen=True)
class RecordedSetting:
    """One setting with its number at each laboratory."""

    name: str
    """As the field of a deviation, such as `sampling.temperature`."""
    level: str | None
    """The name that counts as 1; None where the setting is a number."""
    values: tuple[float | None, ...]
    """In the order of the laboratories; None where it is not known."""


def recorded_settings(
    manifests: Iterable[Manifest],
    laboratories: Sequence[str],
    *,
    model: str,
    rater: str,
    departures: Iterable[Deviation] = (),
    told: Iterable[tuple[str, Mapping[str, Fact]]] = (),
) -> tuple[RecordedSetting, ...]:
    """Return the settings that differ between laboratories, those from which one deviates first.

    Args:
        manifests: Of any laboratories and models.
        laboratories: Whose settings are wanted.
        model: Under test.
        rater: Whose scores are looked at; versions of other raters cannot matter.
        departures: Deviations from the protocol, for the order and the planned names.
        told: Laboratories with what imports tell of their runs of the model (see `imported_settings`).
    """
    by_laboratory: dict[str, dict[str, Fact]] = {}
    for manifest in manifests:
        if manifest.model == model and manifest.laboratory in laboratories:
            shown = dict(_facts(manifest, rater))
            first = by_laboratory.setdefault(manifest.laboratory, shown)
            if first is not shown:
                by_laboratory[manifest.laboratory] = _agreed(first, shown)
    recorded = list(by_laboratory.values())
    partly: dict[str, dict[str, Fact]] = {}
    for laboratory, facts in told:
        if laboratory in laboratories:
            known = partly.get(laboratory)
            partly[laboratory] = dict(facts) if known is None else _agreed(known, facts)
    for laboratory, own in partly.items():
        known = by_laboratory.get(laboratory)
        by_laboratory[laboratory] = own if known is None else _agreed(known, own)
    every = list(by_laboratory.values())
    _fill(recorded, every, "sampling.", NOT_SENT)
    _fill(recorded, every, "software.", NOT_USED)
    _other_harnesses(every)
    _add_left_out(every)
    planned = {one.field: one.planned for one in departures if one.model == model}
    names = list(dict.fromkeys(name for facts in by_laboratory.values() for name in facts))
    found = [
        setting
        for name in sorted(names, key=lambda one: one not in planned)
        for setting in _settings(
            name, [by_laboratory.get(lab, {}).get(name) for lab in laboratories], planned.get(name)
        )
    ]
    return tuple(found)


def _facts(manifest: Manifest, rater: str) -> Iterator[tuple[str, Fact]]:
    sent = {
        "max_tokens" if key == manifest.max_tokens_key else key: value
        for key, value in manifest.sampling.items()
    }
    for key in sorted(sent, key=lambda one: (one not in FIRST_KEYS, one))[:MAX_KEYS]:
        if key not in LEFT_OUT_KEYS:
            yield f"sampling.{shortened(key)}", as_fact(sent[key])
    yield "harness", OWN_HARNESS
    yield "system_prompt", shortened(manifest.system_prompt_digest or "none")
    for one in manifest.raters:
        if one.id == rater:
            for part, value in (
                ("version", one.version), ("model", one.model), ("prompt", one.prompt_digest),
            ):  # fmt: skip
                yield f"rater.{shortened(rater)}.{part}", None if value is None else shortened(value)
    if manifest.served_models:
        yield "served_model", shortened(", ".join(sorted(manifest.served_models)))
    if manifest.weights_digest:
        yield "weights", shortened(manifest.weights_digest)
    yield "attempts", as_fact(manifest.attempts)
    yield "languages", "\x1f".join(sorted({shortened(tag) for tag in manifest.languages}))
    yield "items", shortened(manifest.items_digest)
    yield "finished", "no" if manifest.finished_at is None else "yes"
    yield "endpoint", _place(manifest.endpoint)
    yield "started_at", as_day(manifest.started_at)
    for key in sorted(manifest.software)[:MAX_KEYS]:
        yield f"software.{shortened(key)}", shortened(manifest.software[key])


def as_fact(value: object) -> Fact:
    """Return a setting as a number, or else as a name; one that was sent as nothing counts as not sent."""
    if value is None:
        return NOT_SENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if isinstance(value, float) and not math.isfinite(value):
            return None
        return float(value) if abs(value) <= MAX_MAGNITUDE else shortened(str(value)[:1_000])
    if isinstance(value, str):
        return shortened(value)
    return shortened(", ".join(str(part) for part in value)) if isinstance(value, list | tuple) else None


def shortened(text: str) -> str:
    """Return a name of at most `MAX_LEVEL_CHARS` characters; different names stay different."""
    if len(text) <= MAX_LEVEL_CHARS:
        return text
    mark = "…" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
    return text[: MAX_LEVEL_CHARS - len(mark)] + mark


def _place(endpoint: str) -> str | None:
    """Where the model was asked: `local`, or the host."""
    if endpoint.startswith("local:"):
        return "local"
    try:
        return shortened(urlsplit(endpoint).hostname or endpoint)
    except ValueError:
        return None


def as_day(text: str) -> float | None:
    """Return the date of a moment as a number of days; minutes between laboratories are no setting."""
    try:
        return float(datetime.datetime.fromisoformat(text[:40]).toordinal())
    except ValueError:
        return None


def _agreed(first: Mapping[str, Fact], second: Mapping[str, Fact]) -> dict[str, Fact]:
    """Facts of two runs of one laboratory and model: what both say; languages together, the earlier start."""
    agreed: dict[str, Fact] = {}
    for name in {**first, **second}:
        a, b = first.get(name), second.get(name)
        agreed[name] = a if a == b else None
        if name == "languages":
            agreed[name] = "\x1f".join(
                sorted({*str(a or "").split("\x1f"), *str(b or "").split("\x1f")} - {""})
            )
        if name == "started_at" and isinstance(a, float) and isinstance(b, float):
            agreed[name] = min(a, b)
    return agreed


def _fill(
    recorded: Sequence[dict[str, Fact]], every: Sequence[dict[str, Fact]], beginning: str, word: str
) -> None:
    """Say of keys that another laboratory has that this one, whose manifest tells all, does without."""
    keys = sorted({name for facts in every for name in facts if name.startswith(beginning)})
    for facts in recorded:
        for key in keys:
            facts.setdefault(key, word)


def _other_harnesses(every: Sequence[dict[str, Fact]]) -> None:
    """Say of a harness that another laboratory ran that one with a known harness did without."""
    names = {str(facts["harness"]) for facts in every if facts.get("harness") is not None}
    for facts in every:
        if facts.get("harness") is not None:
            for name in names - {str(facts["harness"])}:
                facts.setdefault(f"software.{name}", NOT_USED)


def _add_left_out(every: Sequence[dict[str, Fact]]) -> None:
    """In place of the languages asked: for each that somebody asked, who left it out."""
    asked = [set(str(facts.pop("languages", "") or "").split("\x1f")) - {""} for facts in every]
    for tag in sorted(set().union(*asked) if asked else ())[:MAX_KEYS]:
        for facts, own in zip(every, asked, strict=True):
            facts[f"languages.{tag}"] = None if not own else "asked" if tag in own else LEFT_OUT


def _settings(name: str, facts: Sequence[Fact], planned: object) -> Iterator[RecordedSetting]:
    """Turn one fact of all laboratories into settings that differ."""
    numbers = tuple(fact if isinstance(fact, float) else None for fact in facts)
    known = [number for number in numbers if number is not None]
    if known and max(known) > min(known):
        earliest = min(known) if name == "started_at" else 0.0
        yield RecordedSetting(name, None, tuple(None if n is None else n - earliest for n in numbers))
    counts = Counter(fact for fact in facts if isinstance(fact, str))
    different = len(counts) + bool(known)
    if different < 2 or (len(counts) > 2 and different == counts.total() + len(known)):
        return
    usual = None if known else _usual(counts, planned)
    for level in sorted(set(counts) - {usual}):
        yield RecordedSetting(
            name, level, tuple(None if fact is None else float(fact == level) for fact in facts)
        )


def _usual(counts: Counter[str], planned: object) -> str:
    """The name that the others are held against."""
    if isinstance(planned, str):
        for name in counts:
            if name.startswith(planned):
                return name
    if "asked" in counts:
        return "asked"
    return min(counts, key=lambda name: (-counts[name], name))
