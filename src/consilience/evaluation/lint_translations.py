"""Checks between languages: missing translations, untranslated copies, splits and concepts that do not fit
together.

Pure. Two languages with the same language part (such as `fr` and `fr-CA`) may have the same texts.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from consilience.evaluation.findings import Findings, Severity
from consilience.evaluation.language_identification import script_counts, weight
from consilience.evaluation.language_names import shown
from consilience.evaluation.lint_items import normalised
from consilience.evaluation.lint_view import LintView, named
from consilience.evaluation.protocol import Item, Split, Translation
from consilience.languages import primary

MIN_LETTERS = 20
MIN_WORDS = 3
FEW_ITEMS = 10
SHARE_TOLERANCE = 0.1
PRACTICE_SHARES = (0.15, 0.35)
"""Evaluation items of tuning and evaluation together; the practice says 20 to 30 %."""


def lint_translations(view: LintView, found: Findings) -> None:
    """Note findings about languages held against each other."""
    _check_missing(view, found)
    _check_checkers(view, found)
    for items in view.translations.values():
        _check_same(view, items, found)
        _check_copies(view, items, found)
    _check_numbers(view, found)
    _check_splits(view, found)


def _check_missing(view: LintView, found: Findings) -> None:
    for concept in view.protocol.concepts:
        wanted: dict[str, Item] = {}
        for language in view.protocol.languages:
            for item in view.by_group.get((language.tag, concept.id), []):
                wanted.setdefault(item.id, item)
        if not wanted:
            place = view.concept_place(concept.id)
            message = f"the concept `{concept.id}` has no items"
            found.add(
                view.of_plan(
                    "no-items", Severity.ERROR, message, "Add items, or take it out.", "concepts", place
                )
            )
            continue
        for language in view.protocol.languages:
            missing = [name for name in wanted if language.tag not in view.translations[name]]
            if missing:
                _add_missing(view, language.tag, concept.id, missing, len(wanted), found)


def _add_missing(
    view: LintView, tag: str, concept: str, missing: list[str], of: int, found: Findings
) -> None:
    place = view.language_place(tag)
    step = 'Translate them, or pair files whose ids differ by `translation_of` or `pair_by = "position"`.'
    if len(missing) == of:
        message = f"there are no items in {shown(tag)} for `{concept}`"
        found.add(view.of_plan("no-items", Severity.ERROR, message, step, "languages", place, language=tag))
        return
    message = f"{len(missing)} of {of} items of `{concept}` are missing in {shown(tag)}: {named(missing)}"
    found.add(
        view.of_plan("missing-translation", Severity.WARNING, message, step, "languages", place, language=tag)
    )


def _check_checkers(view: LintView, found: Findings) -> None:
    sources = [row.tag for row in view.protocol.languages if row.translation is Translation.SOURCE]
    if len(sources) > 1:
        message = f"several languages are declared as source: {', '.join(sources)}"
        step = "Only if the items were written in parallel; else say how each translation came to be."
        found.add(
            view.of_plan(
                "several-sources", Severity.NOTE, message, step, "languages", view.language_place(sources[1])
            )
        )
    for place, row in enumerate(view.protocol.languages):
        if row.translation is not Translation.SOURCE and not (row.checked_by or "").strip():
            message = (
                f"nobody is named who checked the {row.translation.value} translation into {shown(row.tag)}"
            )
            step = "Have it checked by a speaker who knows the field, and name them in `checked_by`."
            finding = view.of_plan(
                "unchecked-translation", Severity.WARNING, message, step, "languages", place, language=row.tag
            )
            found.add(finding)


def _check_same(view: LintView, items: dict[str, Item], found: Findings) -> None:
    original = items.get(view.source_language) or next(iter(items.values()))
    for item in items.values():
        if item.split is not original.split:
            message = (
                f"the item is in the split {item.split.value}, and in {original.split.value} in "
                f"{shown(original.language)}"
            )
            step = "Put all translations of an item into one split: they give each other away."
            found.add(view.of_item("split-differs", Severity.ERROR, item, message, step))
        if item.concept != original.concept:
            message = (
                f"the item has the concept `{item.concept}`, and `{original.concept}` in "
                f"{shown(original.language)}"
            )
            found.add(
                view.of_item(
                    "concept-differs", Severity.ERROR, item, message, "Give all translations one concept."
                )
            )


def _check_copies(view: LintView, items: dict[str, Item], found: Findings) -> None:
    original = items.get(view.source_language)
    if original is None or not _has_words(original.prompt):
        return
    text = normalised(original.prompt)
    for item in items.values():
        if primary(item.language) != primary(original.language) and normalised(item.prompt) == text:
            message = f"the prompt is the same text as in {shown(original.language)}"
            step = f"Translate it into {shown(item.language)}."
            found.add(view.of_item("untranslated", Severity.WARNING, item, message, step))


def _has_words(text: str) -> bool:
    """Say whether a text has enough words that a translation must differ; formulas and code have not."""
    counts = script_counts(text)
    is_unspaced = bool(counts.keys() & {"Hani", "Hira", "Kana", "Thai", "Laoo", "Khmr", "Mymr"})
    words = [word for word in text.split() if word.isalpha() or word.strip(".,;:!?\"'()").isalpha()]
    return weight(counts) >= MIN_LETTERS and (is_unspaced or len(words) >= MIN_WORDS)


def _check_numbers(view: LintView, found: Findings) -> None:
    for concept in view.protocol.concepts:
        place = view.concept_place(concept.id)
        for language in view.protocol.languages:
            if not view.by_group.get((language.tag, concept.id)):
                continue
            count = len(view.evaluation(language.tag, concept.id))
            where = f"the concept `{concept.id}` in {shown(language.tag)}"
            if count == 0:
                step = 'Give items the split "evaluation": only those carry the verdict.'
                finding = view.of_plan(
                    "no-evaluation-items", Severity.ERROR, f"{where} has no evaluation items", step,
                    "concepts", place,
                    language=language.tag,
                )  # fmt: skip
                found.add(finding)
            elif count < FEW_ITEMS:
                step = f"Add items, at least {FEW_ITEMS}; see the power analysis for how many are needed."
                finding = view.of_plan(
                    "few-items", Severity.WARNING, f"{where} has {count} evaluation items", step,
                    "concepts", place,
                    language=language.tag,
                )  # fmt: skip
                found.add(finding)


def _check_splits(view: LintView, found: Findings) -> None:
    for concept in view.protocol.concepts:
        shares: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
        for language in view.protocol.languages:
            counts = Counter(item.split for item in view.by_group.get((language.tag, concept.id), []))
            if counts:
                shares[language.tag] = (
                    counts[Split.EVALUATION],
                    counts[Split.EVALUATION] + counts[Split.TUNING],
                )
        evaluation = sum(share[0] for share in shares.values())
        total = sum(share[1] for share in shares.values())
        if total == 0 or evaluation == total:
            continue
        place = view.concept_place(concept.id)
        _check_balance(view, concept.id, shares, evaluation / total, found)
        if not PRACTICE_SHARES[0] <= evaluation / total <= PRACTICE_SHARES[1]:
            message = (
                f"{evaluation / total:.0%} of the tuning and evaluation items of `{concept.id}` are for "
                "evaluation"
            )
            step = (
                "The Network's practice of July 2026 is 70 to 80 % for tuning and 20 to 30 % for evaluation."
            )
            found.add(view.of_plan("split-shares", Severity.NOTE, message, step, "concepts", place))


def _check_balance(
    view: LintView, concept: str, shares: dict[str, tuple[int, int]], overall: float, found: Findings
) -> None:
    for tag, (evaluation, total) in shares.items():
        if total and abs(evaluation / total - overall) > SHARE_TOLERANCE:
            message = (
                f"{evaluation / total:.0%} of the items of `{concept}` in {shown(tag)} are for evaluation, "
                f"and {overall:.0%} over all languages"
            )
            step = "Give the translations of an item the same split."
            finding = view.of_plan(
                "unbalanced-splits",
                Severity.WARNING,
                message,
                step,
                "concepts",
                view.concept_place(concept),
                language=tag,
            )
            found.add(finding)
