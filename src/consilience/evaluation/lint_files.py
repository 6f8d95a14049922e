"""Checks of what data sets say of themselves: names, descriptions, licences, endings of file names.

Pure. Data sets are packed by hand, file after file, and the words of one stay in the next.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import PurePath

from consilience.evaluation.findings import Findings, Severity
from consilience.evaluation.language_identification import confused_with
from consilience.evaluation.language_names import COUNTRY_LANGUAGES, NAMES, languages_named_in, shown
from consilience.evaluation.lint_items import normalised
from consilience.evaluation.lint_languages import LanguageOf
from consilience.evaluation.lint_view import LintView
from consilience.evaluation.protocol import Item
from consilience.languages import primary

MIN_WORD = 4
_WORD = re.compile(r"[^\W\d_]+")


def lint_files(view: LintView, identified: LanguageOf, found: Findings) -> None:
    """Note findings about files as a whole.

    Args:
        view: The protocol.
        identified: What the texts of each file are identified as.
        found: Findings are added.
    """
    words = _words_of_concepts(view)
    for label, items in view.by_file.items():
        if not items:
            continue
        languages = {primary(item.language) for item in items}
        seen = {group.best for (file, _), group in identified.items() if file == label and group}
        _check_name_language(view, label, languages | seen, found)
        _check_name_concept(view, label, items, words, found)
        _check_ending(view, label, languages | seen, found)
    _check_descriptions(view, found)
    _check_sources(view, found)


def _check_name_language(view: LintView, label: str, languages: set[str], found: Findings) -> None:
    about = view.files[label].about
    if about is None:
        return
    named = languages_named_in(about.name)
    near = set().union(*(confused_with(tag) for tag in languages))
    if named and not named & near:
        message = f"the data set's name names {_all(named)}, and its items are {_all(languages)}"
        found.add(
            view.of_file(
                "data-set-language",
                Severity.WARNING,
                label,
                message,
                "Correct the name, or take the right file.",
            )
        )


def _all(tags: set[str]) -> str:
    return " and ".join(shown(tag) for tag in sorted(tags))


def _words_of_concepts(view: LintView) -> dict[str, set[str]]:
    """Return the words of each concept's title and id that no other concept has."""
    words = {
        concept.id: {
            word.casefold()
            for word in _WORD.findall(f"{concept.title} {concept.id}")
            if len(word) >= MIN_WORD
        }
        for concept in view.protocol.concepts
    }
    return {
        concept: own - set().union(*(other for name, other in words.items() if name != concept))
        for concept, own in words.items()
    }


def _check_name_concept(
    view: LintView, label: str, items: list[Item], words: dict[str, set[str]], found: Findings
) -> None:
    about = view.files[label].about
    concepts = {item.concept for item in items}
    if about is None or len(concepts) != 1:
        return
    concept = next(iter(concepts))
    said = {word.casefold() for word in _WORD.findall(about.name)}
    others = [name for name, own in words.items() if name != concept and own & said]
    if others and not words[concept] & said:
        message = (
            f"the data set's name {about.name[:100]!r} names the concept `{others[0]}`, and its items have "
            f"`{concept}`"
        )
        step = "Check which of the two is right: were two files exchanged?"
        found.add(view.of_file("data-set-concept", Severity.WARNING, label, message, step))


def _check_ending(view: LintView, label: str, languages: set[str], found: Findings) -> None:
    """Note a file name whose last part is the code of another language than the file's."""
    if len(languages) != 1:
        return
    parts = re.split(r"[-_.]", PurePath(label).stem)
    last, language = parts[-1], next(iter(languages))
    is_code = last in NAMES or last in COUNTRY_LANGUAGES
    if len(parts) > 1 and is_code and language not in confused_with(last):
        what = f"which is {shown(last)}" if last in NAMES else "which is no code of a language"
        message = f"the file's name ends in `{last}`, {what}, and its items are {shown(language)}"
        found.add(
            view.of_file("file-name-language", Severity.NOTE, label, message, f"Let it end in `{language}`.")
        )


def _check_descriptions(view: LintView, found: Findings) -> None:
    concepts_of: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for label, items in view.by_file.items():
        about = view.files[label].about
        concepts = {item.concept for item in items}
        if about is not None and about.description.strip() and len(concepts) == 1:
            concepts_of[normalised(about.description)][next(iter(concepts))].append(label)
    for by_concept in concepts_of.values():
        if len(by_concept) < 2:
            continue
        labels = [label for files in by_concept.values() for label in files]
        message = (
            f"the same description stands in {len(labels)} data sets of different concepts "
            f"({', '.join(sorted(by_concept))})"
        )
        for label in labels:
            step = "Describe what this data set holds."
            found.add(view.of_file("copied-description", Severity.WARNING, label, message, step))


def _check_sources(view: LintView, found: Findings) -> None:
    abouts = [file.about for file in view.source.files]
    if view.protocol.sources:
        return
    if not any(about and about.reference.strip() for about in abouts):
        message = "nothing says where the items come from"
        step = "Say it in `sources` of `[exercise]`, with the licence: own writing is a source too."
        found.add(view.of_plan("no-source", Severity.WARNING, message, step, "exercise"))
    for file in view.source.files:
        if file.about is None or not file.about.license.strip():
            message = "nothing says under which licence the items may be used"
            step = "Name source and licence in `sources` of `[exercise]`."
            found.add(view.of_file("no-license", Severity.WARNING, file.label, message, step))
