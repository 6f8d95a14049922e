"""The census of the rows: what stands in the tables, counted in one cheap scan, and the rules of single rows.

Responsible for what a row may hold (ids, statuses, causes, numbers) and for the counts by laboratory,
model, language, concept, rater, status and cause. Invariant: after `take_census` every row keeps the
invariants of `scores`.
"""

# ruff: noqa: S608 - every name in a query is a constant of ours or went through `quoted`

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from consilience.errors import InputError, LimitError, Where
from consilience.evaluation.merge_engine import Engine, quoted
from consilience.evaluation.merge_reading import Source, Sources
from consilience.evaluation.merge_text import Cells, first_wrong_row
from consilience.evaluation.protocol import RaterKind, Split
from consilience.evaluation.scores import Cause, Status
from consilience.languages import is_tag

MAX_NAME_CHARS = 200
"""Of an exercise, laboratory, model, concept, item, rater or run name."""
MAX_ATTEMPT = 100_000
MAX_SCORE = 1_000_000_000
"""Largest score, either side of 0: beyond it the squares of scores lose their digits."""
MAX_GROUPS = 500_000
"""Laboratory × model × language × concept × rater × status × cause combinations in one analysis."""

NAMES = ("exercise", "laboratory", "model", "concept", "rater")
WORDS = {
    "rater_kind": frozenset(kind.value for kind in RaterKind),
    "status": frozenset(status.value for status in Status),
    "cause": frozenset(cause.value for cause in Cause),
    "split": frozenset(split.value for split in Split),
}
OPTIONAL_WORDS = frozenset({"cause", "split"})
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, line separators and those that turn the direction of writing."""
KEYS = (
    "source", "exercise", "laboratory", "model", "language", "concept", "rater", "rater_kind", "status",
    "cause", "protocol_digest", "split", "simulated",
)  # fmt: skip


class Group(NamedTuple):
    """Rows that are equal in all these columns, counted."""

    source: int
    exercise: str
    laboratory: str
    model: str
    language: str
    concept: str
    rater: str
    rater_kind: str
    status: str
    cause: str | None
    protocol_digest: str | None
    split: str | None
    simulated: bool | None
    rows: int
    scores: int
    not_finite: int
    lowest: float | None
    highest: float | None
    fractions: bool | None
    """Whether a score is neither 0 nor 1."""
    whole: bool | None
    """Whether all scores are whole numbers."""
    attempts_given: int
    first_attempt: int | None
    last_attempt: int | None
    items_missing: int
    item_chars: int | None


CELL = slice(Group._fields.index("laboratory"), Group._fields.index("concept") + 1)
"""Laboratory, model, language and concept of a group."""
CENSUS = f"""SELECT {", ".join(KEYS)}, count(*), count(score),
    count(*) FILTER (NOT isfinite(score)), min(score), max(score),
    bool_or(score <> 0 AND score <> 1), bool_and(score = floor(score)),
    count(attempt), min(attempt), max(attempt),
    count(*) FILTER (item IS NULL OR item = ''), max(length(item))
    FROM {{view}} GROUP BY ALL LIMIT {MAX_GROUPS + 1}"""


def take_census(engine: Engine, sources: Sources, *, view: str = "rows") -> list[Group]:
    """Count the rows of the view `rows` (or another) and check every rule of single rows.

    Raises:
        InputError: A row breaks a rule; the error names file and row.
        LimitError: More combinations than MAX_GROUPS.
    """
    groups = [Group(*row) for row in engine.rows(CENSUS.format(view=view))]
    if len(groups) > MAX_GROUPS:
        raise LimitError(
            f"more than {MAX_GROUPS} combinations of laboratory, model, language, concept, rater and cause",
            next_step="Check that items or generation ids do not stand in one of these columns.",
        )
    for group in groups:
        wrong = _wrong_group(group)
        if wrong is not None:
            raise _located(engine, sources[group.source], *wrong)
    return in_order(groups)


def in_order(groups: Iterable[Group]) -> list[Group]:
    """Return groups in the order of their keys."""
    return sorted(groups, key=lambda group: tuple(str(value) for value in group[: len(KEYS)]))


def row_rule(cells: Cells) -> str | None:
    """Say what is wrong with one row of a text file, or None; the same rules as for the census."""
    return _wrong_words(cells) or _wrong_item(cells.get("item")) or _wrong_numbers(cells)


def shown(value: Any) -> str:
    """Return a short name as it may stand in a message; anything else is not shown (it may be a text of an
    item)."""
    text = str(value)
    return f"`{text}`" if re.fullmatch(r"[\w.:/@+-]{1,64}", text) else "(a value that is not shown here)"


def _wrong_words(cells: Cells) -> str | None:
    for column in NAMES:
        wrong = _wrong_name(column, cells.get(column))
        if wrong:
            return wrong
    language = cells.get("language")
    if not language:
        return "`language` is empty"
    if not is_tag(language):
        return f"language {shown(language)} is not a tag such as `en`, `sw` or `zh-Hant` (BCP 47)"
    for column, allowed in WORDS.items():
        value = cells.get(column)
        if value in allowed or (not value and column in OPTIONAL_WORDS):
            continue
        if not value:
            return f"`{column}` is empty"
        return f"unknown {column} {shown(value)}; it is one of {', '.join(sorted(allowed))}"
    return None


def _wrong_name(column: str, value: Any) -> str | None:
    if not value:
        return f"`{column}` is empty"
    if len(value) > MAX_NAME_CHARS:
        return f"`{column}` is longer than {MAX_NAME_CHARS} characters"
    if CONTROL.search(value):
        return f"`{column}` holds a control character"
    return None


def _wrong_item(value: Any) -> str | None:
    return _wrong_name("item", value)


def _wrong_numbers(cells: Cells) -> str | None:
    """For text files: number fields are known to be numbers where they are given."""
    attempt, score = cells.get("attempt"), cells.get("score")
    if attempt is None or not 1 <= float(attempt) <= MAX_ATTEMPT:
        return _ATTEMPT
    if score is not None and abs(float(score)) > MAX_SCORE:
        return _TOO_LARGE
    if cells.get("status") == Status.SCORED and score is None:
        return _NO_SCORE
    if cells.get("status") != Status.SCORED and score is not None:
        return _EXTRA_SCORE
    return None


_ATTEMPT = f"`attempt` is not a whole number from 1 to {MAX_ATTEMPT}"
_NO_SCORE = "the status is `scored` and there is no score"
_EXTRA_SCORE = "there is a score and the status is not `scored`"
_NOT_FINITE = "`score` is not a finite number"
_TOO_LARGE = f"`score` lies beyond {MAX_SCORE:,}"


def _wrong_group(group: Group) -> tuple[str, str] | None:
    """Return what is wrong and the SQL condition of the rows that it is wrong with."""
    same = " AND ".join(
        f"{column} IS NOT DISTINCT FROM {_literal(getattr(group, column))}"
        for column in (*NAMES, "language", *WORDS)
    )
    wrong = _wrong_words(group._asdict())
    if wrong:
        return wrong, same
    if group.items_missing:
        return "`item` is empty", f"{same} AND (item IS NULL OR item = '')"
    if (group.item_chars or 0) > MAX_NAME_CHARS:
        return (
            f"`item` is longer than {MAX_NAME_CHARS} characters",
            f"{same} AND length(item) > {MAX_NAME_CHARS}",
        )
    if group.not_finite:
        return _NOT_FINITE, f"{same} AND NOT isfinite(score)"
    if max(abs(group.lowest or 0.0), abs(group.highest or 0.0)) > MAX_SCORE:
        return _TOO_LARGE, f"{same} AND abs(score) > {MAX_SCORE}"
    if group.status == Status.SCORED and group.scores < group.rows:
        return _NO_SCORE, f"{same} AND score IS NULL"
    if group.status != Status.SCORED and group.scores:
        return _EXTRA_SCORE, f"{same} AND score IS NOT NULL"
    if (
        group.attempts_given < group.rows
        or not 1 <= (group.first_attempt or 0) <= (group.last_attempt or 0) <= MAX_ATTEMPT
    ):
        return _ATTEMPT, f"{same} AND (attempt IS NULL OR attempt < 1 OR attempt > {MAX_ATTEMPT})"
    return None


def _literal(value: Any) -> str:
    return "NULL" if value is None else quoted(str(value))


def _located(engine: Engine, source: Source, wrong: str, condition: str) -> InputError:
    """Find the first row that a group's rule is broken by, in the file itself."""
    name = source.file.name
    if source.file.format != "parquet":
        found = first_wrong_row(source.file.path, name, source.file.format, row_rule)
        if found is not None:
            return found
    path = quoted(str(source.parquet))
    columns = ", ".join(source.expressions)
    row = engine.one(
        f"SELECT min(row) FROM (SELECT {columns}, file_row_number + 1 AS row FROM "
        f"read_parquet({path}, file_row_number = true, hive_partitioning = false)) WHERE {condition}"
    )
    place = f"row {row}: " if row is not None else ""
    return InputError(
        place + wrong,
        where=Where(file=name),
        next_step="The columns and words are in docs/reference/scores.md.",
    )
