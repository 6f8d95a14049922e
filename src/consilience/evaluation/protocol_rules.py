"""Rules of a well-formed plan: names are unique, what is named exists, numbers lie where they make sense.

Responsible for mistakes that make a protocol unusable. Pure. What is usable but unwise is for `lint`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from consilience.errors import InputError
from consilience.evaluation.protocol import FORMAT, RaterKind
from consilience.evaluation.protocol_form import Problem, ProtocolForm, RaterTable, suggestion
from consilience.evaluation.protocol_tasks import task_problems
from consilience.evaluation.raters.pattern import Pattern
from consilience.evaluation.simulated_ratings import error_problems
from consilience.evaluation.toml_lines import Path
from consilience.languages import is_tag

MAX_ATTEMPTS = 10_000
MAX_RATERS = 100
MAX_CONCEPTS = 1_000
MAX_LANGUAGES = 500
MAX_ITEM_FILES = 5_000
MAX_PATTERN_CHARS = 2_000
MARKINGS = ("TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED")
"""FIRST, Traffic Light Protocol 2.0."""
IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")

Row = TypeVar("Row")


def plan_problems(form: ProtocolForm, today: datetime.date) -> list[Problem]:
    """Return every mistake of the plan, in the order of the file's usual tables.

    Args:
        form: A file whose keys and types are right.
        today: A protocol that was created later than the day after is refused (the day after: time zones).
    """
    return [
        *_exercise_problems(form, today),
        *_count_problems(form),
        *_concept_problems(form),
        *_language_problems(form),
        *_generation_problems(form),
        *_rater_problems(form),
        *task_problems(form),
        *_analysis_problems(form),
    ]


def _range(path: Path, value: float | None, low: float, high: float) -> Iterator[Problem]:
    if value is not None and not low <= value <= high:
        yield Problem(
            path,
            f"`{path[-1]}` is {_plain(value)}; it must lie between {_plain(low)} and {_plain(high)}",
            "Write a number in this range.",
        )


def _plain(value: float) -> str:
    """Return a number without an exponent where it is a whole one."""
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e16 else f"{value:g}"


def _positive(path: Path, value: float | None) -> Iterator[Problem]:
    if value is not None and not value > 0:
        yield Problem(path, f"`{path[-1]}` is {value:g}; it must be greater than 0")


def _exercise_problems(form: ProtocolForm, today: datetime.date) -> Iterator[Problem]:
    table = form.exercise
    if form.consilience != FORMAT:
        yield Problem(
            ("consilience",),
            f"the file's format is {form.consilience}; this software reads format {FORMAT}",
            "Use a version of consilience that reads this format.",
        )
    if not NAME.fullmatch(table.name):
        yield Problem(
            ("exercise", "name"),
            "`name` is not a short name",
            "Use lower-case letters, digits and hyphens, at most 80, such as `general-knowledge-2026`.",
        )
    for key in ("title", "construct", "estimand"):
        if not getattr(table, key).strip():
            yield Problem(("exercise", key), f"`{key}` is empty", "Say it in words.")
    if table.handling not in MARKINGS:
        yield Problem(
            ("exercise", "handling"),
            f"`{table.handling[:40]}` is no marking",
            suggestion(table.handling, MARKINGS),
        )
    yield from _range(("exercise", "attempts"), table.attempts, 1, MAX_ATTEMPTS)
    yield from _date_problems(table.created, today)
    for tag in table.titles:
        if not is_tag(tag):
            yield Problem(("exercise", "titles", tag), f"`{tag[:40]}` is no language tag in canonical case")


def _date_problems(created: str, today: datetime.date) -> Iterator[Problem]:
    path = ("exercise", "created")
    try:
        day = datetime.datetime.fromisoformat(created).date()
    except ValueError:
        yield Problem(path, f"`created` is no date: {created[:40]!r}", "Write a date such as 2026-01-31.")
        return
    if day > today + datetime.timedelta(days=1):
        yield Problem(
            path,
            f"`created` is {day.isoformat()}, which lies in the future (today is {today.isoformat()})",
            "Write the day on which the plan was made, or set the clock of this machine right.",
        )


def _count_problems(form: ProtocolForm) -> Iterator[Problem]:
    tables: tuple[tuple[str, Sequence[object], int], ...] = (
        ("concepts", form.concepts, MAX_CONCEPTS),
        ("languages", form.languages, MAX_LANGUAGES),
        ("items", form.items, MAX_ITEM_FILES),
        ("raters", form.raters, MAX_RATERS),
    )
    for name, rows, limit in tables:
        if not rows and not (name == "items" and form.tasks):
            yield Problem((name,), f"there is no `[[{name}]]`", f"Add at least one `[[{name}]]` table.")
        if len(rows) > limit:
            yield Problem((name, limit), f"there are {len(rows)} `[[{name}]]`; the limit is {limit}")


def _repeated(rows: Iterable[Row], table: str, key: str) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for place, row in enumerate(rows):
        name = getattr(row, key)
        if name in seen:
            yield Problem(
                (table, place, key),
                f"`{name[:100]}` stands twice as `{key}` of `[[{table}]]` (first: number {seen[name] + 1})",
                "Give each its own.",
            )
        seen.setdefault(name, place)


def _identifier(path: Path, name: str) -> Iterator[Problem]:
    if not IDENTIFIER.fullmatch(name):
        yield Problem(
            path, f"`{name[:60]}` is no id", "Use lower-case letters, digits, `-`, `_` and `.`, at most 100."
        )


def _concept_problems(form: ProtocolForm) -> Iterator[Problem]:
    yield from _repeated(form.concepts, "concepts", "id")
    for place, concept in enumerate(form.concepts):
        path: Path = ("concepts", place)
        yield from _identifier((*path, "id"), concept.id)
        if not concept.title.strip():
            yield Problem((*path, "title"), "`title` is empty")
        for axis in ("language", "model", "laboratory", "rater"):
            yield from _positive((*path, "margins", axis), getattr(concept.margins, axis))
        rates = [
            rater.id
            for rater in form.raters
            if not rater.simulated and (not rater.concepts or concept.id in rater.concepts)
        ]
        if not rates and not _has_unknown_concepts(form):
            yield Problem(
                path,
                f"no rater rates the concept `{concept.id}`",
                "Add a `[[raters]]` table for it; a simulated rater carries no verdict.",
            )
        elif rates and concept.rater is not None and concept.rater not in rates:
            yield Problem(
                (*path, "rater"),
                f"`{concept.rater[:100]}` is no rater of the concept `{concept.id}`",
                suggestion(concept.rater, rates),
            )


def _has_unknown_concepts(form: ProtocolForm) -> bool:
    """Say whether a rater names a concept that is not there, which is told where the rater stands."""
    known = {concept.id for concept in form.concepts}
    return any(set(rater.concepts) - known for rater in form.raters)


def _language_problems(form: ProtocolForm) -> Iterator[Problem]:
    yield from _repeated(form.languages, "languages", "tag")
    for place, language in enumerate(form.languages):
        if not is_tag(language.tag):
            yield Problem(
                ("languages", place, "tag"),
                f"`{language.tag[:40]}` is no language tag in canonical case",
                "Use BCP 47, such as `sw`, `fr-CA` or `zh-Hant`.",
            )


def _generation_problems(form: ProtocolForm) -> Iterator[Problem]:
    generation = form.generation
    yield from _range(("generation", "temperature"), generation.temperature, 0, 10)
    yield from _range(("generation", "top_p"), generation.top_p, 0, 1)
    yield from _range(("generation", "max_tokens"), generation.max_tokens, 1, 10_000_000)
    yield from _range(("generation", "seed"), generation.seed, 0, 2**31 - 1)
    if len(generation.stop) > 16:
        yield Problem(("generation", "stop"), "more than 16 stop texts")


def _rater_problems(form: ProtocolForm) -> Iterator[Problem]:
    yield from _repeated(form.raters, "raters", "id")
    concepts = [concept.id for concept in form.concepts]
    for place, rater in enumerate(form.raters):
        path: Path = ("raters", place)
        yield from _identifier((*path, "id"), rater.id)
        for number, concept in enumerate(rater.concepts):
            if concept not in concepts:
                yield Problem(
                    (*path, "concepts", number),
                    f"there is no concept `{concept[:100]}`",
                    suggestion(concept, concepts),
                )
        yield from _scale_problems(rater, path)
        yield from _kind_problems(rater, path)


def _scale_problems(rater: RaterTable, path: Path) -> Iterator[Problem]:
    scale = rater.scale
    if not scale.minimum < scale.maximum:
        yield Problem((*path, "scale", "minimum"), "the scale's `minimum` is not below its `maximum`")
    if scale.kind == "binary" and (scale.minimum, scale.maximum) != (0.0, 1.0):
        yield Problem(
            (*path, "scale", "maximum"), "a binary scale goes from 0 to 1", 'Set `kind = "ordinal"`.'
        )
    for label, score in scale.labels.items():
        if not scale.minimum <= score <= scale.maximum:
            yield Problem(
                (*path, "scale", "labels", label), f"the score {score:g} of a label lies outside the scale"
            )


def _kind_problems(rater: RaterTable, path: Path) -> Iterator[Problem]:
    name = rater.id[:100]
    if rater.scorer is not None:
        return
    if rater.kind is RaterKind.PROGRAM and rater.program is None:
        yield Problem(
            path, f"the program rater `{name}` names no `program`", 'Add such as `program = "exact"`.'
        )
    if rater.kind is not RaterKind.PROGRAM and rater.program is not None:
        yield Problem(
            (*path, "program"), f"`{name}` is a {rater.kind.value}; `program` is for program raters"
        )
    if rater.simulated:
        yield from _simulated_problems(rater, path)
    elif rater.kind is RaterKind.JUDGE and not (rater.prompt or rater.prompt_file):
        yield Problem(path, f"the judge `{name}` has no prompt", "Add `prompt` or `prompt_file`.")
    for key in ("prompt", "system_prompt", "guideline"):
        if getattr(rater, key) is not None and getattr(rater, f"{key}_file") is not None:
            yield Problem((*path, f"{key}_file"), f"`{name}` has both `{key}` and `{key}_file`", "Keep one.")
    yield from _range((*path, "temperature"), rater.temperature, 0, 10)
    yield from _range((*path, "max_tokens"), rater.max_tokens, 1, 10_000_000)
    yield from _pattern((*path, "parser"), rater.parser)
    pattern = rater.options.get("pattern")
    if rater.program == "regex":
        if not isinstance(pattern, str):
            yield Problem(path, f"the rater `{name}` has no pattern", "Add `options = { pattern = '…' }`.")
        else:
            yield from _pattern((*path, "options", "pattern"), pattern)


def _simulated_problems(rater: RaterTable, path: Path) -> Iterator[Problem]:
    name = rater.id[:100]
    if rater.kind is RaterKind.PROGRAM:
        yield Problem((*path, "simulated"), f"`{name}` is a program; it rates by itself", "Leave it away.")
        return
    for key in ("prompt", "prompt_file", "system_prompt", "system_prompt_file", "model", "parser"):
        if getattr(rater, key) is not None:
            yield Problem(
                (*path, key), f"`{name}` is simulated, so nothing is asked with `{key}`", "Leave it away."
            )
    for option, message, step in error_problems(rater.options):
        yield Problem((*path, "options", option) if option else path, f"`{name}`: {message}", step)


def _pattern(path: Path, pattern: str | None) -> Iterator[Problem]:
    if pattern is None:
        return
    if len(pattern) > MAX_PATTERN_CHARS:
        yield Problem(path, f"the regular expression is longer than {MAX_PATTERN_CHARS} characters")
        return
    try:
        Pattern(pattern, owner="the rater")
    except InputError as error:
        yield Problem(
            path,
            f"the regular expression cannot be read: {error.detail}",
            "RE2 syntax is meant: no look-around, no back-references.",
        )


def _analysis_problems(form: ProtocolForm) -> Iterator[Problem]:
    plan = form.analysis
    yield from _range(("analysis", "confidence_level"), plan.confidence_level, 0.5, 0.9999)
    yield from _range(("analysis", "power"), plan.power, 0.5, 0.9999)
    yield from _range(("analysis", "wanted_difference"), plan.wanted_difference, 1e-4, 1e6)
    yield from _range(("analysis", "laboratories"), plan.laboratories, 1, 10_000)
    yield from _range(("analysis", "models"), plan.models, 1, 10_000)
    yield from _range(("analysis", "seed"), plan.seed, 0, 2**53 - 1)
    sample = form.human_sample
    if sample is not None:
        yield from _range(("human_sample", "per_cell"), sample.per_cell, 1, 1_000_000)
        yield from _range(("human_sample", "ratings_per_generation"), sample.ratings_per_generation, 1, 1_000)
        yield from _range(("human_sample", "seed"), sample.seed, 0, 2**53 - 1)
