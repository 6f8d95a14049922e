"""Checks of single texts: empty prompts, hidden characters, damage, length, and the same text twice.

Pure. Findings name ids and lines and never repeat texts.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict

from consilience.evaluation.findings import Findings, Severity
from consilience.evaluation.language_identification import script_counts, weight
from consilience.evaluation.lint_view import LintView
from consilience.evaluation.protocol import Item

LONG_PROMPT_CHARS = 20_000
MIN_NEAR_LETTERS = 20
"""Shorter texts are compared as they are, since there every sign counts."""

_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\U000e0000-\U000e007f]|(?<=.)\ufeff"
)
"""Controls, overrides and embeddings of the writing direction, interlinear marks, tags (Unicode TR 36,
section 3).
"""
_DAMAGED = re.compile("\ufffd|Ã[\x80-\xbf©¨ª§¡³´¶º¼±]|â€[™œ\x9d“”˜¦]|Â[\xa0«»°§]|Ð[°-¿]Ñ[\x80-\x8f€]")
"""The replacement character, and UTF-8 that was read as Windows-1252."""
_PUNCTUATION = re.compile(r"(?<!\d)[.,;:!?\"'()\[\]{}¿¡。、，．！？「」『』“”‘’«»…·؟،؛।–—-]+(?!\d)")


def lint_items(view: LintView, found: Findings) -> None:
    """Note findings about single texts and about texts that stand twice."""
    for item in view.protocol.items:
        _check_prompt(view, item, found)
        _check_characters(view, item, found)
    for items in view.by_language.values():
        _check_duplicates(view, items, found)


def normalised(text: str) -> str:
    """Return a text with its spaces and case levelled (NFC, case folded)."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def bare(text: str) -> str:
    """Return a normalised text without punctuation, except beside digits, and without spaces."""
    return "".join(_PUNCTUATION.sub(" ", normalised(text)).split())


def _check_prompt(view: LintView, item: Item, found: Findings) -> None:
    if not item.prompt.strip():
        found.add(
            view.of_item(
                "empty-prompt", Severity.ERROR, item, "the prompt is empty", "Write it, or take the item out."
            )
        )
    elif len(item.prompt) > LONG_PROMPT_CHARS:
        message = f"the prompt has {len(item.prompt):,} characters"
        step = "Make sure that it fits into the context of every model that will be tested."
        found.add(view.of_item("long-prompt", Severity.WARNING, item, message, step))


def _check_characters(view: LintView, item: Item, found: Findings) -> None:
    texts = (item.prompt, item.target or "", *item.choices, *item.accept)
    hidden = sorted({f"U+{ord(sign):04X}" for text in texts for sign in _HIDDEN.findall(text)})
    if hidden:
        found.add(
            view.of_item(
                "control-characters",
                Severity.ERROR,
                item,
                f"hidden characters: {', '.join(hidden[:8])}",
                "Remove them: the model reads something else than people see.",
            )
        )
    if any(_DAMAGED.search(text) for text in texts):
        found.add(
            view.of_item(
                "broken-text",
                Severity.WARNING,
                item,
                "the text has signs of a wrong conversion",
                "Take the text from its source again, as UTF-8.",
            )
        )


def _check_duplicates(view: LintView, items: list[Item], found: Findings) -> None:
    exact: dict[tuple[str, frozenset[str]], Item] = {}
    near: dict[tuple[str, frozenset[str]], Item] = {}
    for item in items:
        choices = frozenset(map(normalised, item.choices))
        key = (normalised(item.prompt), choices)
        if not key[0]:
            continue
        first = exact.setdefault(key, item)
        if first is not item:
            _add_duplicate(view, item, first, "duplicate-item", found)
            continue
        if weight(script_counts(item.prompt)) >= MIN_NEAR_LETTERS:
            other = near.setdefault((bare(item.prompt), choices), item)
            if other is not item:
                _add_duplicate(view, item, other, "near-duplicate-item", found)


def _add_duplicate(view: LintView, item: Item, first: Item, code: str, found: Findings) -> None:
    file, line = view.place(first)
    other = f"item {first.id} ({file}, line {line})"
    same = "the same text as" if code == "duplicate-item" else "nearly the same text as"
    if normalised(item.target or "") != normalised(first.target or ""):
        found.add(
            view.of_item(
                "contradicting-targets",
                Severity.ERROR,
                item,
                f"{same} {other}, with another target",
                "Decide which target is right and keep one item.",
            )
        )
    if item.split is not first.split:
        found.add(
            view.of_item(
                "split-leak",
                Severity.ERROR,
                item,
                f"{same} {other}, which is in the split {first.split.value}, not {item.split.value}",
                "Keep the item in one split: what was tuned on cannot evaluate.",
            )
        )
    found.add(
        view.of_item(
            code,
            Severity.WARNING,
            item,
            f"{same} {other}",
            "Keep one of them, or make them different: counted twice, an item makes the errors look smaller.",
        )
    )


def repeated_choices(item: Item) -> bool:
    """Say whether two choices of an item are the same after normalisation."""
    counts: dict[str, int] = defaultdict(int)
    for choice in item.choices:
        counts[normalised(choice)] += 1
    return any(count > 1 for count in counts.values())
