"""Checks of targets and choices: missing, mislabelled, different between translations, at the same place too
often.

Pure. Program raters are asked about the item's own target: what they do not accept, no model can be scored
on.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable

from consilience.errors import InputError
from consilience.evaluation.findings import Findings, Severity
from consilience.evaluation.language_identification import expected_scripts, script_counts, script_name
from consilience.evaluation.language_names import shown
from consilience.evaluation.lint_items import normalised, repeated_choices
from consilience.evaluation.lint_view import LintView, named
from consilience.evaluation.protocol import Item, Rater, RaterKind
from consilience.evaluation.raters.choice import choice
from consilience.evaluation.raters.matching import contains, exact, right_answers
from consilience.evaluation.raters.normalise import fold
from consilience.evaluation.raters.number import find_numbers, number
from consilience.evaluation.raters.program import Program

NEEDS_TARGET = frozenset({"exact", "choice", "number", "contains"})
MIN_ITEMS_FOR_BIAS = 8
BIAS_P = 0.001
MIN_CONSTANT = 5
ODD_SHARE = 0.5
"""A language whose target differs in this share of items, where all other languages agree, is named."""

_MAKERS: dict[str, Callable[[Rater], Program]] = {
    "exact": exact, "choice": choice, "number": number, "contains": contains,
}  # fmt: skip


def lint_targets(view: LintView, found: Findings) -> None:
    """Note findings about targets and choices."""
    constant = _constant_targets(view, found)
    _check_raters(view, found)
    _check_choices(view, found)
    _check_between_languages(view, found)
    for language in view.by_language:
        if language not in constant:
            _check_scripts(view, language, found)
    for (language, concept), items in view.by_group.items():
        _check_positions(view, language, concept, items, found)


def _constant_targets(view: LintView, found: Findings) -> set[str]:
    """Note files whose items all have the same target, and return their languages."""
    languages = set()
    for label, items in view.by_file.items():
        targets = {item.target for item in items}
        if len(items) >= MIN_CONSTANT and len(targets) == 1 and None not in targets:
            used = _uses_target(view, items)
            languages |= {item.language for item in items}
            found.add(
                view.of_file(
                    "target-constant",
                    Severity.WARNING if used else Severity.NOTE,
                    label,
                    f"all {len(items)} items have the same target",
                    "If it is a label of the data set and no right answer, leave it out: `without = "
                    '["target"]`.',
                )
            )
    return languages


def _uses_target(view: LintView, items: list[Item]) -> bool:
    raters = [rater for concept in {item.concept for item in items} for rater in view.raters(concept)]
    return any(
        rater.program in NEEDS_TARGET or (rater.prompt is not None and "{target}" in rater.prompt)
        for rater in raters
    )


def _check_raters(view: LintView, found: Findings) -> None:
    for place, rater in enumerate(view.protocol.raters):
        items = [item for item in view.protocol.items if not rater.concepts or item.concept in rater.concepts]
        if rater.kind is RaterKind.JUDGE and rater.prompt is not None and "{target}" in rater.prompt:
            _check_judge_targets(view, rater, items, found)
        if rater.program not in NEEDS_TARGET:
            continue
        try:
            program = _MAKERS[str(rater.program)](rater)
        except InputError as error:
            found.add(
                view.of_plan(
                    "rater-options", Severity.ERROR, error.detail, error.next_step, "raters", place, "options"
                )
            )
            continue
        for item in items:
            _check_scorable(view, rater, program, item, found)


def _check_judge_targets(view: LintView, rater: Rater, items: list[Item], found: Findings) -> None:
    for item in items:
        if not (item.target or "").strip():
            message = f"the item has no target, which the judge `{rater.id}` is shown"
            found.add(view.of_item("missing-target", Severity.WARNING, item, message, "Add the target."))


def _check_scorable(view: LintView, rater: Rater, program: Program, item: Item, found: Findings) -> None:
    if not (item.target or "").strip() and not item.accept:
        message = f"the item has no target, so the rater `{rater.id}` cannot score it"
        found.add(view.of_item("missing-target", Severity.ERROR, item, message, "Add the target."))
        return
    answers = right_answers(item)
    verdict = program(item, answers[0])
    best = rater.scale.minimum if rater.options.get("invert") is True else rater.scale.maximum
    if verdict.score != best and program(item, "\n".join(answers)).score != best:
        why = f": {verdict.explanation}" if verdict.explanation else ""
        found.add(
            view.of_item(
                "target-not-scorable",
                Severity.ERROR,
                item,
                f"the rater `{rater.id}` ({rater.program}) does not accept the item's own target{why}",
                "Correct the target or the choices, or use another rater: no model can be right on this "
                "item.",
            )
        )


def right_place(item: Item) -> int | None:
    """Return the index of the right choice, by its text or else its letter; None: it is none of them."""
    if not item.choices or item.target is None:
        return None
    target = fold(item.target, item.language)
    texts = [fold(text, item.language) for text in item.choices]
    if texts.count(target) == 1:
        return texts.index(target)
    place = ord(target) - ord("a") if len(target) == 1 and "a" <= target <= "z" else -1
    return place if target not in texts and 0 <= place < len(texts) else None


def _check_choices(view: LintView, found: Findings) -> None:
    for item in view.protocol.items:
        if repeated_choices(item):
            step = "Make the choices different."
            found.add(
                view.of_item("repeated-choice", Severity.WARNING, item, "two choices are the same", step)
            )
        missing = _choices_not_shown(item)
        if missing:
            message = f"{missing} of {len(item.choices)} choices do not stand in the prompt"
            step = (
                "Write the choices into the prompt: it is sent as it stands, and `choices` only says what "
                "is rated."
            )
            found.add(view.of_item("choices-not-shown", Severity.ERROR, item, message, step))


def _choices_not_shown(item: Item) -> int:
    prompt = fold(item.prompt, item.language)
    return sum(fold(choice, item.language) not in prompt for choice in item.choices)


def _check_between_languages(view: LintView, found: Findings) -> None:
    source = view.source_language
    odd: dict[str, list[Item]] = defaultdict(list)
    for items in view.translations.values():
        if len(items) < 2:
            continue
        _check_places(view, items, source, found)
        _check_numbers(view, items, source, found)
        language = _odd_language(items)
        if language is not None:
            odd[language].append(items[language])
    for language, different in odd.items():
        if len(different) >= max(3, ODD_SHARE * len(view.by_language[language])):
            file, line = view.place(different[0])
            finding = view.of_item(
                "target-differs", Severity.WARNING, different[0],
                f"in {len(different)} of {len(view.by_language[language])} items the target in "
                f"{shown(language)} differs, "
                f"while all other languages have the same one (first: {file}, line {line})",
                "Is the target a code that was translated or transliterated? Then give it as it is "
                "elsewhere.",
            )  # fmt: skip
            found.add(finding)


def _odd_language(items: dict[str, Item]) -> str | None:
    """Return the one language whose target differs where at least two others agree on theirs."""
    if len(items) < 3 or any(item.target is None or item.choices for item in items.values()):
        return None
    counts = Counter(normalised(item.target or "") for item in items.values())
    if len(counts) != 2 or min(counts.values()) != 1:
        return None
    rare = min(counts, key=lambda target: counts[target])
    return next(tag for tag, item in items.items() if normalised(item.target or "") == rare)


def _check_places(view: LintView, items: dict[str, Item], source: str, found: Findings) -> None:
    original = items.get(source) or next(iter(items.values()))
    for item in items.values():
        if item is original or not (item.choices or original.choices):
            continue
        if len(item.choices) != len(original.choices):
            message = (
                f"the item has {len(item.choices)} choices, and {len(original.choices)} in "
                f"{shown(original.language)}"
            )
            found.add(
                view.of_item("choices-differ", Severity.ERROR, item, message, "Translate every choice.")
            )
            continue
        here, there = right_place(item), right_place(original)
        if here is not None and there is not None and here != there:
            message = (
                f"the right choice is number {here + 1}, and number {there + 1} in {shown(original.language)}"
            )
            step = "Check that both targets mean the same answer, and give the choices in the same order."
            found.add(view.of_item("target-place-differs", Severity.WARNING, item, message, step))


def _check_numbers(view: LintView, items: dict[str, Item], source: str, found: Findings) -> None:
    original = items.get(source) or next(iter(items.values()))
    if not any(rater.program == "number" for rater in view.raters(original.concept)):
        return
    wanted = find_numbers(original.target or "", original.language)
    for item in items.values():
        if (
            item is not original
            and item.target
            and wanted
            and find_numbers(item.target, item.language) != wanted
        ):
            message = f"the target is another number than in {shown(original.language)}"
            step = "Check the target, and the decimal mark of the language."
            found.add(view.of_item("target-differs", Severity.ERROR, item, message, step))


def _check_scripts(view: LintView, language: str, found: Findings) -> None:
    """Note targets in a script that is not the language's, where most of its targets are in it."""
    expected = expected_scripts(language)
    if expected is None:
        return
    foreign: list[Item] = []
    own = 0
    for item in view.by_language[language]:
        scripts = script_counts(item.target or "")
        if expected & scripts.keys():
            own += 1
        elif sum(scripts.values()) >= 4:
            foreign.append(item)
    for item in foreign:
        scripts = script_counts(item.target or "")
        if scripts.keys() == {"Latn"} and (own <= len(foreign) or len((item.target or "").split()) < 2):
            continue  # a name, an abbreviation, code: usual in many languages
        names = ", ".join(script_name(script) for script in scripts)
        message = f"the target is in {names} letters, which {shown(language)} is not written in"
        found.add(
            view.of_item(
                "target-script", Severity.WARNING, item, message, "Check that it is the right target."
            )
        )


def _check_positions(view: LintView, language: str, concept: str, items: list[Item], found: Findings) -> None:
    by_count: dict[int, Counter[int]] = defaultdict(Counter)
    for item in items:
        place = right_place(item)
        if place is not None and len(item.choices) > 1:
            by_count[len(item.choices)][place] += 1
    for choices, places in by_count.items():
        total = sum(places.values())
        place, count = places.most_common(1)[0]
        if total >= MIN_ITEMS_FOR_BIAS and choices * upper_tail(count, total, 1 / choices) < BIAS_P:
            file, line = view.place(items[0])
            finding = view.of_plan(
                "position-bias", Severity.WARNING,
                f"in {shown(language)}, `{concept}`, the right choice is number {place + 1} in {count} of "
                f"{total} items "
                f"with {choices} choices (first item: {file}, line {line})",
                "Shuffle the choices: a model that always says the same letter would score.",
                "concepts", view.concept_place(concept), language=language,
            )  # fmt: skip
            found.add(finding)


def upper_tail(successes: int, n: int, p: float) -> float:
    """Return the probability of `successes` or more of n (binomial, exact, summed in logarithms)."""
    terms = (
        math.exp(
            math.lgamma(n + 1)
            - math.lgamma(k + 1)
            - math.lgamma(n - k + 1)
            + k * math.log(p)
            + (n - k) * math.log1p(-p)
        )
        for k in range(successes, n + 1)
    )
    return min(1.0, math.fsum(terms))


__all__ = ["lint_targets", "named", "right_place", "upper_tail"]
