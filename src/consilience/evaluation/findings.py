"""Findings of `protocol check`: what is wrong or unwise in a plan, where, and what to do.

Pure types. Invariants: a finding has a code of `CODES`, names file and line where they are known, and never
repeats the text of an item, since items may be harmful to read; a code has at most `MAX_PER_CODE` findings
written out, and the rest is counted.
"""

from __future__ import annotations

import enum
from collections import Counter

import msgspec

MAX_PER_CODE = 100


class Severity(enum.StrEnum):
    """How grave a finding is; errors and warnings make `check` exit with 1, notes do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}

CODES: dict[str, str] = {
    "duplicate-item": "the same text stands under two ids of one language",
    "near-duplicate-item": "two texts of one language differ only in punctuation, case or spaces",
    "contradicting-targets": "the same text stands under two ids with different targets",
    "split-leak": "the same text stands in two splits",
    "missing-translation": "an item is missing in a language",
    "no-items": "a language or concept has no items",
    "no-evaluation-items": "a concept has no evaluation items in a language",
    "few-items": "a concept has fewer than ten evaluation items in a language",
    "split-differs": "an item is in different splits in different languages",
    "concept-differs": "an item has different concepts in different languages",
    "unbalanced-splits": "a language has another share of evaluation items than the others",
    "split-shares": "tuning and evaluation are not in the shares of the Network's practice",
    "untranslated": "a translation has the same text as its source",
    "unchecked-translation": "nobody is named who checked a translation",
    "wrong-language": "texts are identified as another language than declared",
    "wrong-script": "texts are not in the script of their language",
    "language-code": "a language code does not mean what it is used for",
    "several-sources": "several languages are declared as source",
    "empty-prompt": "an item asks nothing",
    "control-characters": "a text has control characters or overrides of the writing direction",
    "broken-text": "a text was damaged by a wrong conversion",
    "long-prompt": "a prompt may not fit",
    "missing-target": "a rater needs a target that is not there",
    "target-not-scorable": "the rater does not accept the item's own target",
    "target-constant": "all items of a file have the same target",
    "target-differs": "a target differs from that of the other languages",
    "target-script": "a target is not in the script of its language",
    "target-place-differs": "the right choice stands at another place than in the source language",
    "choices-differ": "an item has another number of choices than in the source language",
    "choices-not-shown": "the prompt does not name the choices, which are not sent otherwise",
    "repeated-choice": "two choices of an item are the same",
    "position-bias": "the right choice stands at one place too often",
    "leaked-answer": "the answer stands in the prompt",
    "few-shot-leak": "an item is asked and answered in the prompt of another item",
    "system-prompt-leak": "the system prompt holds an item or its answer",
    "data-set-language": "a data set's name names another language than its items have",
    "data-set-concept": "a data set's name names another concept than its items have",
    "file-name-language": "a file's name ends in the code of another language",
    "copied-description": "a description stands in data sets of different concepts",
    "no-source": "nothing says where the items come from",
    "no-license": "nothing says under which licence the items may be used",
    "settings-not-fixed": "a setting of the generation is left to the endpoint",
    "repeated-greedy": "attempts are repeated without any sampling",
    "no-human-sample": "judges are not held against humans",
    "human-plan": "human raters and the human sample do not fit together",
    "one-judge": "a verdict rests on a single judge",
    "judge-prompt": "a judge's prompt lacks what it must show",
    "judge-model": "a judge's model is not named",
    "simulated-rater": "ratings of a judge or human are made up",
    "rater-options": "a program rater cannot be made from its options",
    "no-margin": "an equivalence margin is missing",
    "no-wanted-difference": "the plan does not say which difference it should see",
    "underpowered": "the plan cannot see the difference that it wants to see",
    "task-items": "the items of a task are known only when it has run",
    "placeholder": "a text of the template was not replaced",
    "sampled": "only a part of the texts was identified",
}  # fmt: skip
"""Every code with what it means; docs/reference/protocol.md lists the same."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was found."""

    code: str
    severity: Severity
    message: str
    what_to_do: str
    file: str | None = None
    line: int | None = None
    item: str | None = None
    language: str | None = None


class Findings:
    """Collects findings, at most `MAX_PER_CODE` of each code, and counts the others."""

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self._counts: Counter[tuple[str, Severity]] = Counter()

    def add(self, finding: Finding) -> None:
        """Note a finding.

        Raises:
            KeyError: Its code is not in `CODES`.
        """
        CODES[finding.code]
        self._counts[finding.code, finding.severity] += 1
        if self._counts[finding.code, finding.severity] <= MAX_PER_CODE:
            self._kept.append(finding)

    def sorted(self) -> tuple[Finding, ...]:
        """Return the findings, the gravest first, then by code, file and line."""
        return tuple(
            sorted(
                self._kept, key=lambda f: (ORDER[f.severity], f.code, f.file or "", f.line or 0, f.item or "")
            )
        )

    def counts(self) -> dict[str, int]:
        """Return how many findings there are of each severity, those not written out included."""
        totals = dict.fromkeys((severity.value for severity in Severity), 0)
        for (_, severity), count in self._counts.items():
            totals[severity.value] += count
        return totals

    def not_shown(self) -> dict[str, int]:
        """Return how many findings of a code were counted and not written out."""
        left: Counter[str] = Counter()
        for (code, _), count in self._counts.items():
            left[code] += max(0, count - MAX_PER_CODE)
        return {code: count for code, count in sorted(left.items()) if count}
