"""Checks for answers that the model is told: in the prompt, in the prompt of another item, in the system
prompt.

Pure. A target that several items of a language share is a label ("yes", "safe"), which prompts may well name;
it never counts as leaked. Neither does a target that stands among other choices.
"""

from __future__ import annotations

from collections import Counter

from consilience.evaluation.findings import Findings, Severity
from consilience.evaluation.lint_items import bare
from consilience.evaluation.lint_targets import NEEDS_TARGET
from consilience.evaluation.lint_view import LintView
from consilience.evaluation.protocol import Item
from consilience.evaluation.raters.normalise import fold, is_unspaced, word_position

LABEL_SHARED_BY = 3
MIN_TARGET_CHARS = 4
MIN_TARGET_CHARS_UNSPACED = 2
"""In scripts that write no spaces, where two signs are often a word."""
MIN_SYSTEM_TARGET_CHARS = 5
MIN_QUESTION_CHARS = 30


def lint_leaks(view: LintView, found: Findings) -> None:
    """Note findings about answers that are given away."""
    for language, items in view.by_language.items():
        rated = [
            item
            for item in items
            if any(rater.program in NEEDS_TARGET for rater in view.raters(item.concept))
        ]
        labels = _labels(rated)
        for item in rated:
            _check_own_prompt(view, item, labels, found)
        _check_other_prompts(view, language, items, found)
    _check_system_prompt(view, found)


def _labels(items: list[Item]) -> set[str]:
    counts = Counter(fold(item.target, item.language) for item in items if item.target)
    return {target for target, count in counts.items() if count >= LABEL_SHARED_BY}


def _is_long_enough(target: str, minimum: int) -> bool:
    if target and is_unspaced(target[0]):
        return len(target) >= MIN_TARGET_CHARS_UNSPACED
    letters = sum(sign.isalnum() for sign in target)
    return letters >= minimum or (letters >= 3 and target.isdigit())


def _check_own_prompt(view: LintView, item: Item, labels: set[str], found: Findings) -> None:
    if item.target is None:
        return
    target = fold(item.target, item.language)
    if target in labels or not _is_long_enough(target, MIN_TARGET_CHARS):
        return
    prompt = fold(item.prompt, item.language)
    if word_position(prompt, target, item.language, clitics=False) is None or _lists_choices(
        item, prompt, target
    ):
        return
    found.add(
        view.of_item(
            "leaked-answer",
            Severity.WARNING,
            item,
            "the target stands in the prompt, outside its choices",
            "Ask without the answer; where the item is to choose between named things, list them as "
            "`choices`.",
        )
    )


def _lists_choices(item: Item, prompt: str, target: str) -> bool:
    """Say whether the prompt names another choice too, so that the target is one of several."""
    others = {fold(choice, item.language) for choice in item.choices} - {target, ""}
    return any(word_position(prompt, other, item.language, clitics=False) is not None for other in others)


def _check_other_prompts(view: LintView, language: str, items: list[Item], found: Findings) -> None:
    """Note items whose whole prompt is a line of another item's prompt that also holds its target."""
    whole = {bare(item.prompt): item for item in items if len(item.prompt) >= MIN_QUESTION_CHARS}
    for item in items:
        lines = item.prompt.split("\n")
        if len(lines) < 2:
            continue
        for line in lines:
            asked = whole.get(bare(_without_cue(line))) if len(line) >= MIN_QUESTION_CHARS else None
            if asked is None or asked is item or not asked.target:
                continue
            if fold(asked.target, language) in fold(item.prompt, language):
                file, at_line = view.place(asked)
                message = f"the prompt shows item {asked.id} ({file}, line {at_line}) with its answer"
                step = "Take examples from items that are not asked themselves."
                found.add(view.of_item("few-shot-leak", Severity.ERROR, item, message, step))


def _without_cue(line: str) -> str:
    """Drop a short word with a colon at the beginning of a line, such as `Q:`."""
    cue, colon, rest = line.partition(":")
    return rest if colon and len(cue.strip()) <= 12 else line


def _check_system_prompt(view: LintView, found: Findings) -> None:
    text = view.protocol.generation.system_prompt
    if not text:
        return
    squeezed = bare(text)
    for language, items in view.by_language.items():
        labels = _labels(items)
        folded = fold(text, language)
        for item in items:
            question = bare(item.prompt)
            if len(item.prompt) >= MIN_QUESTION_CHARS and question in squeezed:
                what = "the item itself"
            elif _tells(folded, item, labels):
                what = "the item's target"
            else:
                continue
            step = "Take it out of `system_prompt`, which is sent with every item."
            found.add(
                view.of_item(
                    "system-prompt-leak", Severity.WARNING, item, f"the system prompt holds {what}", step
                )
            )


def _tells(system_prompt: str, item: Item, labels: set[str]) -> bool:
    target = fold(item.target or "", item.language)
    if target in labels or not _is_long_enough(target, MIN_SYSTEM_TARGET_CHARS):
        return False
    return word_position(system_prompt, target, item.language, clitics=False) is not None
