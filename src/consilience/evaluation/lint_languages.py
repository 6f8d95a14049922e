"""Checks of languages: is a text in the language and script that it is said to be in, and does the code mean
it?

Pure but for the identifier, which is an argument. A file is judged by the majority of its texts; one text is
judged alone only when the identifier is very sure, and script and identifier are independent witnesses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from consilience.evaluation.findings import Findings, Severity
from consilience.evaluation.language_identification import (
    MIN_LETTERS,
    GroupLanguage,
    LanguageModel,
    TextLanguage,
    expected_scripts,
    identify_group,
    identify_text,
    is_other_language,
    is_sure_other,
    script_counts,
    script_name,
    weight,
)
from consilience.evaluation.language_names import COUNTRY_LANGUAGES, ISO_639_1, language_name, shown
from consilience.evaluation.lint_view import LintView
from consilience.evaluation.protocol import Item
from consilience.languages import primary

MAX_IDENTIFIED = 2_000
"""Texts of one file and language that are identified; of more, as many at equal distances."""
FOREIGN_SHARE = 0.05
"""A text with a smaller share of letters in the scripts of its language is in another script."""

Progress = Callable[[str, int, int], None]
LanguageOf = dict[tuple[str, str], GroupLanguage | None]
"""(file, declared tag) → what its texts are identified as."""


def lint_languages(view: LintView, model: LanguageModel, found: Findings, progress: Progress) -> LanguageOf:
    """Note findings about languages and return what each file was identified as."""
    groups: dict[tuple[str, str], list[Item]] = {}
    for label, items in view.by_file.items():
        for item in items:
            groups.setdefault((label, item.language), []).append(item)
    identified: LanguageOf = {}
    wrong: set[tuple[str, str]] = set()
    sampled = False
    for number, ((label, tag), items) in enumerate(groups.items()):
        progress("identifying languages", number, len(groups))
        chosen = _sample(items)
        sampled = sampled or len(chosen) < len(items)
        judged = [identify_text(item.prompt, tag, model) for item in chosen]
        group = identify_group(judged)
        identified[label, tag] = group
        wrong_script = [item for item in items if _is_foreign(item)]
        if group is not None and is_other_language(group, tag, model):
            wrong.add((label, tag))
            _add_group(view, label, tag, group, found)
        elif len(wrong_script) * 2 > len(items) and len(items) > 1:
            _add_script(view, label, tag, wrong_script, found)
        else:
            _add_texts(view, chosen, judged, wrong_script, found)
    if sampled:
        message = f"of files with more texts, {MAX_IDENTIFIED:,} texts at equal distances were identified"
        found.add(
            view.of_plan(
                "sampled", Severity.NOTE, message, "Nothing to do; scripts were checked in all texts."
            )
        )
    _check_codes(view, identified, wrong, found)
    return identified


def _sample(items: Sequence[Item]) -> list[Item]:
    if len(items) <= MAX_IDENTIFIED:
        return list(items)
    return [items[place * len(items) // MAX_IDENTIFIED] for place in range(MAX_IDENTIFIED)]


def _is_foreign(item: Item) -> bool:
    expected = expected_scripts(item.language)
    if expected is None:
        return False
    counts = script_counts(item.prompt)
    own = {script: count for script, count in counts.items() if script in expected}
    return weight(counts) >= MIN_LETTERS and weight(own) < FOREIGN_SHARE * weight(counts)


def _add_group(view: LintView, label: str, tag: str, group: GroupLanguage, found: Findings) -> None:
    message = (
        f"the texts are declared as {shown(tag)} and identified as {shown(group.best)} "
        f"({group.share:.0%} of {group.judged} texts)"
    )
    step = f"Set the language to `{group.best}`, or take the right file."
    found.add(view.of_file("wrong-language", Severity.ERROR, label, message, step, language=tag))


def _add_script(view: LintView, label: str, tag: str, items: list[Item], found: Findings) -> None:
    scripts = sorted({script_name(s) for item in items[:20] for s in script_counts(item.prompt)})
    message = f"{len(items)} texts declared as {shown(tag)} are written in {', '.join(scripts)} letters"
    step = "Check the language, or name the script in the tag, such as `sr-Latn`."
    found.add(view.of_file("wrong-script", Severity.ERROR, label, message, step, language=tag))


def _add_texts(
    view: LintView,
    items: Sequence[Item],
    judged: Sequence[TextLanguage | None],
    wrong_script: Sequence[Item],
    found: Findings,
) -> None:
    for item in wrong_script:
        scripts = ", ".join(script_name(script) for script in script_counts(item.prompt))
        message = (
            f"the prompt is written in {scripts} letters, which {shown(item.language)} is not written in"
        )
        step = "Translate it, or check that it belongs to this language."
        found.add(view.of_item("wrong-script", Severity.WARNING, item, message, step))
    foreign = {id(item) for item in wrong_script}
    for item, text in zip(items, judged, strict=True):
        if text is not None and id(item) not in foreign and is_sure_other(text, item.language):
            message = f"the prompt is declared as {shown(item.language)} and identified as {shown(text.best)}"
            step = "Check the translation of this item."
            found.add(view.of_item("wrong-language", Severity.WARNING, item, message, step))


def _check_codes(
    view: LintView, identified: LanguageOf, wrong: set[tuple[str, str]], found: Findings
) -> None:
    """Note tags whose code is unknown, or means another language than the texts are in."""
    for place, language in enumerate(view.protocol.languages):
        tag, code = language.tag, primary(language.tag)
        seen = {group.best for (_, declared), group in identified.items() if declared == tag and group}
        best = next(iter(seen)) if len(seen) == 1 else None
        is_wrong = best is not None and all(key in wrong for key in identified if key[1] == tag)
        country = COUNTRY_LANGUAGES.get(code)
        if len(code) == 2 and code not in ISO_639_1:
            meant = best or country
            hint = f"; the texts are identified as {shown(best)}" if best else ""
            message = f"`{code}` is no language code of ISO 639-1{hint}"
            step = f"Write `{meant}`." if meant else "Write the code of the language, not of the country."
        elif best is not None and is_wrong:
            message = f"`{code}` is {language_name(code)}; the texts are identified as {shown(best)}"
            hint = f": `{code}` is used as a country's code here" if country else ", if that was meant"
            step = f"Write `{best}`{hint}."
        else:
            continue
        found.add(
            view.of_plan(
                "language-code", Severity.ERROR, message, step, "languages", place, "tag", language=tag
            )
        )
