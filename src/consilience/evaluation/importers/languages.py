"""Which language a run is in, where the source does not tell: identified from a sample of its prompts.

Invariant: a language that the source tells is never replaced; an identified one says so (`language_basis`),
and is only given where nearly all of the sample agree.
"""

# ruff: noqa: S608 - the only value in the query is a constant of ours

from __future__ import annotations

from collections import Counter

from consilience.evaluation.importers.imported import Options
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.language_identification import LanguageModel, packaged_model
from consilience.languages import is_tag

SAMPLE = 60
"""Prompts of a run that are looked at, spread over its items."""
MIN_SAMPLE = 5
MIN_SHARE = 0.9
"""Share of the sample that must agree."""
MIN_CHANCE = 0.8
MIN_LETTERS = 20
LOOKED_AT = 1_000
"""Characters of a prompt that are looked at."""


def identify_languages(sink: Sink, options: Options, model: LanguageModel | None = None) -> None:
    """Tell the language of every run that has none, where it can be identified.

    Args:
        sink: With the rows and prompts of all runs.
        options: A language that the user declares is taken for all.
        model: Of languages; None: the packaged one.
    """
    if options.language is not None:
        return
    for number, run in enumerate(sink.runs):
        if run.language is not None:
            continue
        texts = _sample(sink, number)
        if len(texts) < MIN_SAMPLE:
            continue
        model = model or packaged_model()
        found = _agreed(texts, model)
        if found is not None:
            sink.change_run(number, language=found, language_basis="identified")
        else:
            sink.add_finding(
                "note", "language_unknown", f"{run.task}: the language of its prompts is not clear",
                file=run.file, next_step="Name it with --language.",
            )  # fmt: skip


def _sample(sink: Sink, run: int) -> list[str]:
    rows = sink.database.execute(
        "SELECT p.text FROM (SELECT DISTINCT item_digest FROM row WHERE run = ? AND language IS NULL "
        f"ORDER BY item_digest LIMIT {SAMPLE}) AS r "
        "JOIN prompt AS p USING (item_digest) ORDER BY p.item_digest",
        [run],
    ).fetchall()
    return [str(text)[:LOOKED_AT] for (text,) in rows if sum(c.isalpha() for c in str(text)) >= MIN_LETTERS]


def _agreed(texts: list[str], model: LanguageModel) -> str | None:
    ranked = [model.rank(text)[0] for text in texts]
    sure = Counter(tag for tag, chance in ranked if chance >= MIN_CHANCE)
    if not sure:
        return None
    tag, count = sure.most_common(1)[0]
    return tag if is_tag(tag) and count >= MIN_SHARE * len(texts) else None
