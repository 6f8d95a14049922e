"""From a sink to files: `scores.parquet`, `items.parquet` and `import.json` in one folder.

Responsible for the names in the scores table and for what happens where rows meet. Invariants:
- one laboratory, model, language, concept, item, attempt and rater has one row: of equal rows one stays; of
  rows that contradict each other the first stays, and a finding counts the others;
- a task that was run several times on a model gives further attempts, in the order of the runs' dates, where
  all was measured in the same way (`repetitions`);
- an item is named by the digest of its normalised prompt, so that it has the same name whatever harness
  asked it; where the source has no prompt, by its id there; prompts that stand under several ids of one run
  stay several items, with a finding;
- nothing is half-written: every file is replaced as a whole, `import.json` last.
"""

# ruff: noqa: S608 - every name in a query is a constant of ours or a quoted path

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from consilience import __version__
from consilience.evaluation.importers.clean_names import clean_name
from consilience.evaluation.importers.imported import (
    Imported,
    ImportedCell,
    ImportedFile,
    ImportedRun,
    Options,
    Summary,
)
from consilience.evaluation.importers.planned import place_by_plan
from consilience.evaluation.importers.prompt import DIGITS
from consilience.evaluation.importers.repetitions import keep_apart, number_attempts
from consilience.evaluation.importers.sink import MAX_NAME, Sink, encodable
from consilience.evaluation.importers.sorted_file import write_sorted, write_with_texts
from consilience.evaluation.journal import write_atomically
from consilience.evaluation.protocol import Protocol
from consilience.evaluation.scores import COLUMN_TYPES

SCORES = "scores.parquet"
ITEMS = "items.parquet"
IMPORT = "import.json"
UNDETERMINED = "und"
"""The language tag of what is not known (BCP 47, ISO 639-2)."""
TOLERANCE = 1e-6
"""Relative difference up to which a told number agrees with the items, beside the rounding of the source."""
KEY = "spoken, about, item, attempt, rater"
KEY_HASH = f"hash(run, {KEY})"


def settle(sink: Sink, options: Options, protocol: Protocol | None = None) -> None:
    """Make the table `settled` from the rows: names, attempts, one row of each rating; say what met.

    Args:
        sink: With all rows.
        options: What the user decided.
        protocol: Gives items that it plans their names there, see `planned`; None: all rows stay.
    """
    _decide(sink, options)
    keep_apart(sink)
    _name_rows(sink)
    if protocol is not None:
        place_by_plan(sink, protocol)
    _say_twins(sink)
    _find_doubled(sink)
    number_attempts(sink)
    sink.database.execute(
        """
        CREATE OR REPLACE TABLE settled AS
        SELECT n.* REPLACE ((n.attempt + coalesce(s.before, 0))::INTEGER AS attempt)
        FROM named AS n LEFT JOIN shift AS s USING (run)
        WHERE n.number NOT IN (SELECT number FROM further)
        """
    )
    sink.database.execute("DROP TABLE named")


def _decide(sink: Sink, options: Options) -> None:
    """Give all runs the names that the user decided, as the scores table can hold them."""
    for number, run in enumerate(sink.runs):
        changes: dict[str, object] = {
            "model": clean_name(options.model or run.model),
            "concept": clean_name(options.concept or run.concept),
        }  # fmt: skip
        if options.language is not None:
            changes |= {"language": options.language, "language_basis": "declared"}
        sink.change_run(number, **changes)


def _name_rows(sink: Sink) -> None:
    _register_runs(sink)
    named = "regexp_replace(r.source_item, '[\\x00-\\x1f\\x7f]', ' ', 'g')"
    short = (
        f"CASE WHEN length({named}) BETWEEN 1 AND {MAX_NAME} THEN {named} "
        "ELSE 'i-' || substr(sha256(r.source_item), 1, 32) END"
    )
    database = sink.database
    database.execute(
        f"""
        CREATE OR REPLACE TEMP VIEW placed AS
        SELECT r.*, run.model, coalesce(r.language, run.language, '{UNDETERMINED}') AS spoken,
          coalesce(r.concept, run.concept) AS about, {short} AS short_item,
          run.returned, run.told_split, run.told_plan, run.told_run,
          hash(r.run, coalesce(r.language, run.language), r.item_digest) AS h
        FROM row AS r JOIN run ON run.number = r.run
        """
    )
    database.execute(
        """
        CREATE OR REPLACE TEMP TABLE twin AS
        SELECT *, row_number() OVER (PARTITION BY run, spoken, item_digest ORDER BY short_item) AS twin
        FROM (
          SELECT DISTINCT run, spoken, item_digest, short_item FROM placed
          WHERE item_digest IS NOT NULL AND NOT returned AND h IN (
            SELECT h FROM placed WHERE item_digest IS NOT NULL AND NOT returned
            GROUP BY h HAVING min(hash(short_item)) <> max(hash(short_item)))
        )
        """
    )
    database.execute(
        f"""
        CREATE OR REPLACE TABLE named AS
        SELECT p.* EXCLUDE (h), k.twin, p.told_split AS split, p.told_plan AS plan, p.item_digest AS asked,
          CASE WHEN p.item_digest IS NULL OR p.returned THEN p.short_item
               WHEN coalesce(k.twin, 1) = 1 THEN 'p-' || substr(p.item_digest, 8, {DIGITS})
               ELSE 'p-' || substr(p.item_digest, 8, {DIGITS}) || '.' || k.twin END AS item
        FROM placed AS p LEFT JOIN twin AS k
          ON k.run = p.run AND k.spoken = p.spoken AND k.item_digest = p.item_digest
            AND k.short_item = p.short_item AND NOT p.returned
        """
    )


def _register_runs(sink: Sink) -> None:
    database = sink.database
    database.execute(
        "CREATE OR REPLACE TABLE run (number INTEGER, model VARCHAR, concept VARCHAR, language VARCHAR, "
        "returned BOOLEAN, told_plan VARCHAR, told_split VARCHAR, told_run VARCHAR)"
    )
    rows = []
    for number, run in enumerate(sink.runs):
        told = (None, None, None) if run.returned is None else msgspec.structs.astuple(run.returned)
        texts = (run.model, run.concept, run.language, *told)
        known = [None if text is None else encodable(text) for text in texts]
        rows.append((number, *known[:3], run.returned is not None, *known[3:]))
    if rows:
        database.executemany("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _say_twins(sink: Sink) -> None:
    if sink.database.execute("SELECT 1 FROM named WHERE twin > 1 LIMIT 1").fetchone() is None:
        return
    query = (
        "SELECT run, count(DISTINCT item_digest), count(DISTINCT short_item) FROM named "
        "WHERE (run, spoken, item_digest) IN (SELECT run, spoken, item_digest FROM named WHERE twin > 1) "
        "GROUP BY run ORDER BY run"
    )
    for run, prompts, ids in sink.database.execute(query).fetchall():
        sink.add_finding(
            "warning",
            "same_prompt_twice",
            f"{sink.runs[run].task}: {prompts:,} prompts stand under {ids:,} ids; they are kept as "
            f"{ids:,} items",
            file=sink.runs[run].file,
            next_step="Say in the protocol whether they are one item or several.",
        )


def _find_doubled(sink: Sink) -> None:
    """Make the table `further` of the numbers of rows that stand there again, and say what they are. Rows are
    compared by the hash of their key first, so that only the few that may be double are looked at."""
    database = sink.database
    database.execute(
        f"CREATE OR REPLACE TEMP TABLE alike AS SELECT {KEY_HASH} AS h FROM named GROUP BY h "
        "HAVING count(*) > 1"
    )
    database.execute(
        f"CREATE OR REPLACE TEMP TABLE double AS SELECT number, run, {KEY}, (score, status, cause)::VARCHAR "
        f"AS said FROM named WHERE {KEY_HASH} IN (SELECT h FROM alike)"
    )
    database.execute(
        "CREATE OR REPLACE TEMP TABLE further AS SELECT number FROM double QUALIFY "
        f"row_number() OVER (PARTITION BY run, {KEY} ORDER BY number) > 1"
    )
    query = (
        "SELECT run, sum(n - 1), sum(CASE WHEN kinds > 1 THEN n - 1 ELSE 0 END) FROM (SELECT run, count(*) "
        f"AS n, count(DISTINCT said) AS kinds FROM double GROUP BY run, {KEY} HAVING count(*) > 1) "
        "GROUP BY run ORDER BY run"
    )
    for run, more, other in database.execute(query).fetchall():
        at = sink.runs[run]
        if more - other:
            sink.add_finding(
                "note", "doubled", f"{at.task}: {int(more - other):,} rows stand there twice, equal, and "
                "count once", file=at.file,
            )  # fmt: skip
        if other:
            sink.add_finding(
                "error", "contradictory", f"{at.task}: {int(other):,} rows say something else than an "
                "earlier row of the same item, attempt and rater; the first counts", file=at.file,
                next_step="Look at the source: were two runs written into one file?",
            )  # fmt: skip


def summaries(sink: Sink) -> tuple[Summary, ...]:
    """Return what the source told of its items beside what they say, after `settle`."""
    found = {
        (run, rater): (n, mean, items)
        for run, rater, n, mean, items in sink.database.execute(
            "SELECT run, rater, count(score), avg(score), count(DISTINCT item) "
            "FROM settled GROUP BY run, rater"
        ).fetchall()
    }
    return tuple(_held(summary, found.get((summary.run, summary.rater))) for summary in sink.summaries)


def _held(summary: Summary, found: tuple[int, float | None, int] | None) -> Summary:
    if summary.reason or summary.told is None:
        return summary
    if found is None:
        return msgspec.structs.replace(summary, reason="there are no scores of it")
    n, mean, items = found
    computed = {"n": float(n), "mean": mean, "items": float(items)}.get(summary.statistic)
    if computed is None:
        return msgspec.structs.replace(summary, reason="it is not computed here")
    rounding = 0.0 if summary.decimals is None else 0.5 * 10.0**-summary.decimals
    room = max(rounding, TOLERANCE * max(1.0, abs(computed)))
    return msgspec.structs.replace(
        summary, computed=computed, agrees=abs(computed - summary.told) <= room * (1 + TOLERANCE)
    )


def write_scores(sink: Sink, options: Options, target: Path) -> None:
    """Write `scores.parquet` from the table `settled`."""
    sink.database.execute(
        "CREATE OR REPLACE TABLE rater (run INTEGER, name VARCHAR, kind VARCHAR, simulated BOOLEAN)"
    )
    kinds = [
        (number, encodable(name), metric.kind.value, metric.simulated)
        for number, metrics in enumerate(sink.metrics)
        for name, metric in metrics.items()
    ]
    if kinds:
        sink.database.executemany("INSERT INTO rater VALUES (?, ?, ?, ?)", kinds)
    values = {
        "exercise": _text(clean_name(options.exercise)),
        "laboratory": _text(clean_name(options.laboratory)), "model": "s.model", "language": "s.spoken",
        "concept": "s.about", "item": "s.item", "attempt": "s.attempt", "rater": "s.rater",
        "rater_kind": "r.kind", "score": "s.score", "status": "s.status", "cause": "s.cause",
        "protocol_digest": "s.plan", "item_digest": "s.asked", "generation": "s.generation",
        "split": "s.split", "simulated": "coalesce(r.simulated, false)", "run": "s.told_run",
    }  # fmt: skip
    typed = ", ".join(f"CAST({values[name]} AS {kind}) AS {name}" for name, kind in COLUMN_TYPES.items())
    sink.database.execute(
        f"CREATE OR REPLACE TEMP VIEW score AS SELECT {typed}, s.source_item FROM settled AS s "
        "LEFT JOIN rater AS r ON r.run = s.run AND r.name = s.rater"
    )
    order = ("model", "concept", "language", "item", "attempt", "rater")
    write_sorted(sink.database, "score", (*COLUMN_TYPES, "source_item"), order, target)


def _text(text: str) -> str:
    """Return a text as it stands in a query."""
    return "'" + text.replace("'", "''") + "'"


def write_items(sink: Sink, target: Path) -> None:
    """Write `items.parquet`: the prompts by their digests, for matching."""
    database = sink.database
    database.execute(
        "CREATE OR REPLACE TABLE item AS SELECT s.*, p.place, p.size FROM (SELECT DISTINCT item, "
        "item_digest, source_item, spoken AS language, about AS concept FROM settled) AS s LEFT JOIN prompt "
        "AS p USING (item_digest)"
    )
    columns = ("item", "item_digest", "source_item", "language", "concept")
    write_with_texts(database, "item", columns, sink.prompts, target)


def account(
    sink: Sink,
    options: Options,
    files: Sequence[ImportedFile],
    *,
    now: datetime.datetime,
    scores: Path | None,
) -> Imported:
    """Return the document of an import, after `settle`.

    Args:
        sink: With everything.
        options: What the user decided.
        files: Of the source.
        now: UTC.
        scores: The file that `write_scores` wrote; None: a dry run.
    """
    held = summaries(sink)
    for summary in held:
        if summary.agrees is False:
            run = sink.runs[summary.run]
            sink.add_finding(
                "warning", "summary_disagrees", f"{run.task}, {summary.rater}: the source says "
                f"{summary.statistic} {summary.told:.6g}, its items say {summary.computed:.6g}",
                file=run.file,
            )  # fmt: skip
    counts = sink.database.execute(
        "SELECT count(*), count(DISTINCT item), count(score) FROM settled"
    ).fetchone() or (0, 0, 0)
    causes = sink.database.execute(
        "SELECT coalesce(cause, 'unknown'), count(*) FROM settled WHERE score IS NULL GROUP BY 1 ORDER BY 1"
    ).fetchall()
    imported = Imported(
        exercise=clean_name(options.exercise),
        laboratory=clean_name(options.laboratory),
        imported_at=now.astimezone(datetime.UTC).isoformat(timespec="seconds"),
        software={"consilience": __version__},
        files=tuple(files),
        runs=_runs(sink),
        findings=sink.findings(),
        summaries=held,
        rows=counts[0],
        items=counts[1],
        scored=counts[2],
        unscored=dict(causes),
        scores_sha256="" if scores is None else file_digest(scores),
        cells=_cells(sink),
    )
    return _writable(imported)


def _runs(sink: Sink) -> tuple[ImportedRun, ...]:
    spoken = "SELECT run, list_sort(list(DISTINCT spoken)) FROM settled GROUP BY run"
    languages = {run: tuple(tags) for run, tags in sink.database.execute(spoken).fetchall()}
    return tuple(
        msgspec.structs.replace(
            run, metrics=tuple(metrics[name] for name in sorted(metrics)), languages=languages.get(number, ())
        )
        for number, (run, metrics) in enumerate(zip(sink.runs, sink.metrics, strict=True))
    )


def _cells(sink: Sink) -> tuple[ImportedCell, ...]:
    query = (
        "SELECT model, spoken, about, rater, list_sort(list(DISTINCT run)) FROM settled "
        "GROUP BY model, spoken, about, rater ORDER BY model, about, spoken, rater"
    )
    return tuple(
        ImportedCell(model=model, language=spoken, concept=about, rater=rater, runs=tuple(runs))
        for model, spoken, about, rater, runs in sink.database.execute(query).fetchall()
    )


def _writable(imported: Imported) -> Imported:
    """Return the account as UTF-8 can hold it."""
    try:
        msgspec.json.encode(imported)
    except UnicodeEncodeError:
        return msgspec.convert(_escaped(msgspec.to_builtins(imported)), Imported)
    return imported


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {encodable(str(key)): _escaped(inner) for key, inner in value.items()}
    return [_escaped(inner) for inner in value] if isinstance(value, list | tuple) else value


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_account(imported: Imported, target: Path) -> None:
    """Write `import.json`."""
    write_atomically(target, msgspec.json.format(msgspec.json.encode(imported), indent=1))
