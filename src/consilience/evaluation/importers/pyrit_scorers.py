"""Who scored in a memory of PyRIT: names and kinds of raters.

Pure. Invariants: two scorers of one class that ask different questions have different names; the name of a
scorer does not depend on the order in which its scores stand.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from consilience.evaluation.importers import plain
from consilience.evaluation.protocol import RaterKind

MAX_SCORERS = 1_000
"""Different configurations of scorers in one memory; scores of further ones are left out."""
MAX_CATEGORIES = 10
"""Categories of one score that are part of its rater's name."""
MAX_NAME = 150
"""Characters of a class, and of its categories."""
DIGITS = 8
"""Of a configuration's digest in a name."""
COLUMNS = ("scorer_class_identifier", "scorer_identifier_hash", "score_category")
CHOOSES = frozenset({"SelfAskCategoryScorer"})
"""Scorers whose category is their answer and not their question."""
VOLATILE = frozenset(
    {"hash", "eval_hash", "pyrit_version", "unique_name", "id", "__module__", "class_module"}
)
"""Members of an identifier that are no configuration."""
JUDGED = re.compile(r"(SelfAsk|LLM|Gandalf|AzureContentFilter|Likert|Refusal|Insecure)")
HUMAN = re.compile(r"Human")


class Scorer(NamedTuple):
    """A scorer as a score tells it."""

    kind: RaterKind
    name: str
    """Class and category."""
    configuration: str
    """Digest of everything that it was told."""


class Scorers:
    """The scorers of one memory."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[tuple[str, str, str], Scorer] = {}
        self._configurations: dict[str, set[str]] = {}
        self.dropped = 0
        """Scores of more scorers than are allowed."""

    def see(self, rows: Iterable[dict[str, Any]]) -> None:
        """Take all scores into account, before any is named."""
        for row in rows:
            scorer = self._scorer(row)
            if scorer is None:
                self.dropped += 1
            else:
                self._configurations.setdefault(scorer.name, set()).add(scorer.configuration)

    def rater_of(self, row: dict[str, Any]) -> tuple[str, RaterKind] | None:
        """Return name and kind of a score's rater; None: it is beyond MAX_SCORERS."""
        scorer = self._scorer(row)
        if scorer is None:
            return None
        several = len(self._configurations.get(scorer.name, ())) > 1
        name = f"{scorer.name}#{scorer.configuration[:DIGITS]}" if several else scorer.name
        return name, scorer.kind

    def _scorer(self, row: dict[str, Any]) -> Scorer | None:
        key = tuple(_word(row.get(column)) for column in COLUMNS)
        identifier, told, category = key
        known = self._known.get((identifier, told, category))
        if known is None and len(self._known) < MAX_SCORERS:
            known = self._known[identifier, told, category] = _made(identifier, told, category)
        return known


def _word(value: Any) -> str:
    return "" if value is None else str(value)


def _made(identifier: str, told: str, category: str) -> Scorer:
    whole = plain.table(_decoded(identifier))
    base = (plain.text(whole.get("class_name")) or plain.text(whole.get("__type__")) or "scorer")[:MAX_NAME]
    kind = RaterKind.HUMAN if HUMAN.search(base) else RaterKind.PROGRAM
    if kind is RaterKind.PROGRAM and JUDGED.search(base):
        kind = RaterKind.JUDGE
    about = "" if base in CHOOSES else _category(category)
    name = f"{base}[{about}]" if about else base
    configuration = {key: value for key, value in whole.items() if key not in VOLATILE}
    given = plain.text(whole.get("eval_hash")) or plain.text(whole.get("hash")) or told
    if not given and configuration:
        given = msgspec.json.encode(configuration, order="sorted").decode()
    return Scorer(kind, name, hashlib.sha256(given.encode("utf-8", "replace")).hexdigest())


def _category(value: str) -> str:
    """Return the categories of a score: a JSON list, or a text in older versions."""
    found = _decoded(value)
    names = [name for name in found if isinstance(name, str)] if isinstance(found, list) else [value]
    if isinstance(found, str):
        names = [found]
    told = sorted({name.strip() for name in names[:MAX_CATEGORIES]} - {"", "null", "None"})
    return ", ".join(told)[:MAX_NAME]


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
