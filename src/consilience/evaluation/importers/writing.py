"""From a sink to files: `scores.parquet`, `items.parquet` and `import.json` in one folder.

Responsible for the names in the scores table and for what happens where rows meet. Invariants:
- one laboratory, model, language, concept, item, attempt and rater has one row: of equal rows one stays; of
  rows that contradict each other the first stays, and a finding counts the others;
- a task that was run several times on a model gives further attempts, in the order of the runs' dates;
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

import msgspec

from consilience import __version__
from consilience.evaluation.importers.imported import (
    Imported,
    ImportedFile,
    ImportedRun,
    Metric,
    Options,
    Summary,
)
from consilience.evaluation.importers.planned import place_by_plan
from consilience.evaluation.importers.prompt import DIGITS
from consilience.evaluation.importers.sink import MAX_NAME, Sink
from consilience.evaluation.journal import write_atomically
from consilience.evaluation.protocol import Protocol
from consilience.evaluation.scores import COLUMN_TYPES

SCORES = "scores.parquet"
ITEMS = "items.parquet"
IMPORT = "import.json"
UNDETERMINED = "und"
"""The language tag of what is not known (BCP 47, ISO 639-2)."""
TOLERANCE = 1e-6
"""Relative difference up to which a told mean agrees with that of the items, beside its own rounding."""


def settle(sink: Sink, options: Options, protocol: Protocol | None = None) -> None:
    """Make the table `settled` from the rows: names, attempts, one row of each rating; say what met.

    Args:
        sink: With all rows.
        options: What the user decided.
        protocol: Gives items that it plans their names there, see `planned`; None: all rows stay.
    """
    _name_rows(sink, options)
    if protocol is not None:
        place_by_plan(sink, protocol)
    _say_twins(sink)
    _say_doubled(sink)
    sink.database.execute(
        """
        CREATE OR REPLACE TABLE settled AS
        WITH once AS (
          SELECT * FROM named QUALIFY
            row_number() OVER (PARTITION BY run, spoken, about, item, attempt, rater ORDER BY number) = 1
        ), tried AS (
          SELECT run, model, place, spoken, about, item, max(attempt) AS attempts
          FROM once GROUP BY ALL
        ), earlier AS (
          SELECT run, spoken, about, item, coalesce(sum(attempts) OVER (
            PARTITION BY model, spoken, about, item ORDER BY place
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::INTEGER AS before
          FROM tried
        )
        SELECT o.* REPLACE (o.attempt + e.before AS attempt)
        FROM once AS o JOIN earlier AS e USING (run, spoken, about, item)
        """
    )


def _name_rows(sink: Sink, options: Options) -> None:
    _register_runs(sink, options)
    named = "regexp_replace(r.source_item, '[\\x00-\\x1f\\x7f]', ' ', 'g')"
    short = (
        f"CASE WHEN length({named}) BETWEEN 1 AND {MAX_NAME} THEN {named} "
        "ELSE 'i-' || substr(sha256(r.source_item), 1, 32) END"
    )
    sink.database.execute(
        f"""
        CREATE OR REPLACE TABLE named AS
        WITH placed AS (
          SELECT r.*, run.model, run.place, coalesce(r.language, run.language, '{UNDETERMINED}') AS spoken,
            coalesce(r.concept, run.concept) AS about, {short} AS short_item,
            run.returned, run.told_split, run.told_plan, run.told_run
          FROM row AS r JOIN run ON run.number = r.run
        ), ids AS (
          SELECT DISTINCT run, spoken, item_digest, short_item FROM placed
          WHERE item_digest IS NOT NULL AND NOT returned
        ), ranked AS (
          SELECT *, row_number() OVER (PARTITION BY run, spoken, item_digest ORDER BY short_item) AS twin
          FROM ids
        )
        SELECT p.*, k.twin, p.told_split AS split, p.told_plan AS plan, p.item_digest AS asked,
          CASE WHEN p.item_digest IS NULL OR p.returned THEN p.short_item
               WHEN k.twin = 1 THEN 'p-' || substr(p.item_digest, 8, {DIGITS})
               ELSE 'p-' || substr(p.item_digest, 8, {DIGITS}) || '.' || k.twin END AS item
        FROM placed AS p LEFT JOIN ranked AS k
          ON k.run = p.run AND k.spoken = p.spoken AND k.item_digest = p.item_digest
            AND k.short_item = p.short_item
        """
    )


def _register_runs(sink: Sink, options: Options) -> None:
    database = sink.database
    database.execute(
        "CREATE OR REPLACE TABLE run (number INTEGER, model VARCHAR, concept VARCHAR, language VARCHAR, "
        "place INTEGER, returned BOOLEAN, told_plan VARCHAR, told_split VARCHAR, told_run VARCHAR)"
    )
    order = sorted(range(len(sink.runs)), key=lambda n: (sink.runs[n].created or "", sink.runs[n].file, n))
    place = {number: at for at, number in enumerate(order)}
    rows = [
        (
            number,
            _name(options.model or run.model),
            _name(options.concept or run.concept),
            options.language or run.language,
            place[number],
            run.returned is not None,
            *(msgspec.structs.astuple(run.returned) if run.returned is not None else (None, None, None)),
        )
        for number, run in enumerate(sink.runs)
    ]
    if rows:
        database.executemany("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _name(text: str) -> str:
    """Return a name as the scores table can hold it."""
    clean = "".join(c if c.isprintable() else " " for c in text).strip()
    if not clean:
        return "unknown"
    if len(clean) <= MAX_NAME:
        return clean
    return clean[: MAX_NAME - 17] + "~" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def _say_twins(sink: Sink) -> None:
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


def _say_doubled(sink: Sink) -> None:
    query = (
        "SELECT run, sum(n - 1), sum(CASE WHEN kinds > 1 THEN n - 1 ELSE 0 END) "
        "FROM (SELECT run, count(*) AS n, count(DISTINCT (score, status, cause)::VARCHAR) AS kinds "
        "FROM named GROUP BY run, spoken, about, item, attempt, rater HAVING count(*) > 1) "
        "GROUP BY run ORDER BY run"
    )
    for run, more, other in sink.database.execute(query).fetchall():
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
    room = max(_rounding(summary.told), TOLERANCE * max(1.0, abs(computed)))
    return msgspec.structs.replace(summary, computed=computed, agrees=abs(computed - summary.told) <= room)


def _rounding(told: float) -> float:
    """Half of the last digit that a number was written with; exact numbers have many digits."""
    text = repr(told)
    if "e" in text or "." not in text:
        return 0.0
    digits = len(text.partition(".")[2])
    return 0.5 * 10.0**-digits if digits <= 6 else 0.0


def write_scores(sink: Sink, options: Options, target: Path) -> None:
    """Write `scores.parquet` from the table `settled`."""
    sink.database.execute(
        "CREATE OR REPLACE TABLE rater (run INTEGER, name VARCHAR, kind VARCHAR, simulated BOOLEAN)"
    )
    kinds = [
        (number, name, metric.kind.value, metric.simulated)
        for number, metrics in enumerate(sink.metrics)
        for name, metric in metrics.items()
    ]
    if kinds:
        sink.database.executemany("INSERT INTO rater VALUES (?, ?, ?, ?)", kinds)
    values = {
        "exercise": "$exercise", "laboratory": "$laboratory", "model": "s.model", "language": "s.spoken",
        "concept": "s.about", "item": "s.item", "attempt": "s.attempt", "rater": "s.rater",
        "rater_kind": "r.kind", "score": "s.score", "status": "s.status", "cause": "s.cause",
        "protocol_digest": "s.plan", "item_digest": "s.asked", "generation": "s.generation",
        "split": "s.split", "simulated": "coalesce(r.simulated, false)", "run": "s.told_run",
    }  # fmt: skip
    typed = ", ".join(f"CAST({values[name]} AS {kind}) AS {name}" for name, kind in COLUMN_TYPES.items())
    query = (
        f"SELECT {typed}, s.source_item FROM settled AS s LEFT JOIN rater AS r ON r.run = s.run AND "
        "r.name = s.rater ORDER BY s.model, s.about, s.spoken, s.item, s.attempt, s.rater"
    )
    _copy(sink, query, target, {"exercise": _name(options.exercise), "laboratory": _name(options.laboratory)})


def write_items(sink: Sink, target: Path) -> None:
    """Write `items.parquet`: the prompts by their digests, for matching."""
    query = (
        "SELECT DISTINCT s.item, s.item_digest, s.source_item, s.spoken AS language, s.about AS concept, "
        "p.text AS prompt FROM settled AS s LEFT JOIN prompt AS p ON p.item_digest = s.item_digest "
        "ORDER BY ALL"
    )
    _copy(sink, query, target, {})


def _copy(sink: Sink, query: str, target: Path, values: dict[str, str]) -> None:
    part = target.with_name(target.name + ".part")
    place = "'" + str(part).replace("'", "''") + "'"
    sink.database.execute(
        f"COPY ({query}) TO {place} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480)", values
    )
    part.replace(target)


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
    return Imported(
        exercise=_name(options.exercise),
        laboratory=_name(options.laboratory),
        imported_at=now.astimezone(datetime.UTC).isoformat(timespec="seconds"),
        software={"consilience": __version__},
        files=tuple(files),
        runs=_runs(sink, options),
        findings=sink.findings(),
        summaries=held,
        rows=counts[0],
        items=counts[1],
        scored=counts[2],
        unscored=dict(causes),
        scores_sha256="" if scores is None else file_digest(scores),
    )


def _runs(sink: Sink, options: Options) -> tuple[ImportedRun, ...]:
    spoken = "SELECT run, list_sort(list(DISTINCT spoken)) FROM settled GROUP BY run"
    languages = {run: tuple(tags) for run, tags in sink.database.execute(spoken).fetchall()}
    return tuple(
        msgspec.structs.replace(
            _told(run, options, tuple(metrics[name] for name in sorted(metrics))),
            languages=languages.get(number, ()),
        )
        for number, (run, metrics) in enumerate(zip(sink.runs, sink.metrics, strict=True))
    )


def _told(run: ImportedRun, options: Options, metrics: tuple[Metric, ...]) -> ImportedRun:
    changes: dict[str, object] = {"metrics": metrics}
    if options.model is not None:
        changes["model"] = options.model
    if options.concept is not None:
        changes["concept"] = options.concept
    if options.language is not None:
        changes |= {"language": options.language, "language_basis": "declared"}
    return msgspec.structs.replace(run, **changes)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_account(imported: Imported, target: Path) -> None:
    """Write `import.json`."""
    write_atomically(target, msgspec.json.format(msgspec.json.encode(imported), indent=1))
