"""Which language a run is in, where the source does not tell: identified from a sample of its prompts.

Invariant: a language that the source tells is never replaced; an identified one says so (`language_basis`),
and is only given where nearly all of the sample agree; runs that asked the same prompts, at least half of
those of the smaller one, are looked at together and get the same language.
"""

# ruff: noqa: S608 - the only value in a query is a constant of ours

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from consilience.evaluation.importers.imported import Options
from consilience.evaluation.importers.repetitions import connected
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.language_identification import LanguageModel, packaged_model
from consilience.languages import is_tag

SAMPLE = 60
"""Prompts of runs with the same prompts that are looked at."""
MIN_SAMPLE = 5
MIN_SHARE = 0.9
"""Share of the sample that must agree."""
MIN_CHANCE = 0.8
MIN_LETTERS = 20
LOOKED_AT = 1_000
"""Characters of a prompt that are looked at."""
SHARED = 0.5
"""Share of the prompts of the smaller of two runs from which they are looked at together."""


def identify_languages(sink: Sink, options: Options, model: LanguageModel | None = None) -> None:
    """Tell the language of every run that has none, where it can be identified.

    Args:
        sink: With the rows and prompts of all runs.
        options: A language that the user declares is taken for all.
        model: Of languages; None: the packaged one.
    """
    if options.language is not None:
        return
    for group in _groups(sink):
        texts = _sample(sink, group)
        if len(texts) < MIN_SAMPLE:
            few = f"only {len(texts):,} prompts" if texts else "no prompts"
            _say(
                sink, group, f"there are {few} of {MIN_LETTERS} letters or more to identify the language from"
            )
            continue
        model = model or packaged_model()
        found = _agreed(texts, model)
        if found is None:
            _say(sink, group, "the language of the prompts is not clear")
            continue
        for number in group:
            sink.change_run(number, language=found, language_basis="identified")


def _say(sink: Sink, group: Sequence[int], why: str) -> None:
    for number in group:
        run = sink.runs[number]
        sink.add_finding(
            "note", "language_unknown", f"{run.task}: {why}", file=run.file,
            next_step="Name it with --language.",
        )  # fmt: skip


def _groups(sink: Sink) -> list[list[int]]:
    """Return the runs without a language that have rows without one; those of the same prompts together."""
    unknown = {number for number, run in enumerate(sink.runs) if run.language is None}
    _among(sink, sorted(unknown))
    sink.database.execute(
        "CREATE OR REPLACE TEMP TABLE asked AS SELECT DISTINCT run, item_digest FROM row "
        "WHERE language IS NULL AND run IN (SELECT run FROM among)"
    )
    counts = dict(sink.database.execute("SELECT run, count(item_digest) FROM asked GROUP BY run").fetchall())
    shared = sink.database.execute(
        "SELECT before, run, count(*) FROM (SELECT run, lag(run) OVER (PARTITION BY item_digest ORDER BY "
        "run) AS before FROM asked WHERE item_digest IS NOT NULL) WHERE before IS NOT NULL "
        "GROUP BY before, run"
    ).fetchall()
    pairs = [
        (before, run) for before, run, both in shared if both >= SHARED * min(counts[before], counts[run])
    ]
    return [group for group in connected(len(sink.runs), pairs) if group[0] in counts]


def _among(sink: Sink, runs: Sequence[int]) -> None:
    sink.database.execute("CREATE OR REPLACE TEMP TABLE among (run INTEGER)")
    if runs:
        sink.database.executemany("INSERT INTO among VALUES (?)", [[number] for number in runs])


def _sample(sink: Sink, group: Sequence[int]) -> list[str]:
    _among(sink, group)
    places = sink.database.execute(
        "SELECT p.place, p.size FROM (SELECT DISTINCT item_digest FROM asked WHERE item_digest IS NOT NULL "
        f"AND run IN (SELECT run FROM among) ORDER BY item_digest LIMIT {SAMPLE}) AS r "
        "JOIN prompt AS p USING (item_digest) ORDER BY p.item_digest"
    ).fetchall()
    texts = [sink.prompts.read(place, size)[:LOOKED_AT] for place, size in places]
    return [text for text in texts if sum(c.isalpha() for c in text) >= MIN_LETTERS]


def _agreed(texts: list[str], model: LanguageModel) -> str | None:
    ranked = [model.rank(text)[0] for text in texts]
    sure = Counter(tag for tag, chance in ranked if chance >= MIN_CHANCE)
    if not sure:
        return None
    tag, count = sure.most_common(1)[0]
    return tag if is_tag(tag) and count >= MIN_SHARE * len(texts) else None
