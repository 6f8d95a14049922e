"""From Inspect's logs of a run to its scores: read by our own reader, filed as the protocol says.

Invariants: a log is whole where its header says `success`; every attempt, score and error of the logs becomes
a row; concept and language are those of the plan, and a scorer has the name of the protocol's rater.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import duckdb
import msgspec

from consilience.errors import InputError
from consilience.evaluation.importers import writing
from consilience.evaluation.importers.imported import Imported, ImportedFile, Metric, Options
from consilience.evaluation.importers.inspect_log import InspectReader
from consilience.evaluation.importers.json_elements import elements
from consilience.evaluation.importers.placing import put
from consilience.evaluation.importers.renaming import rename
from consilience.evaluation.importers.scratch import scratch_folder
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source
from consilience.evaluation.importers.zip_directory import PIECE, EntryError
from consilience.evaluation.importers.zip_entries import ZipEntries
from consilience.evaluation.manifest import Tally
from consilience.evaluation.protocol import Rater, Task
from consilience.evaluation.run_plan import RunPlan
from consilience.evaluation.run_record import RaterIdentity
from consilience.records.canonical import canonical_bytes, digest

MAX_STATUS_BYTES = 100
"""Of the word that says the state of a log."""


def log_status(log: Path) -> str | None:
    """Return what a log says of its state: `success`, `error`, `cancelled`; `started` where it has no header;
    None where it cannot be read.
    """
    try:
        with log.open("rb", buffering=PIECE) as stream:
            entries = ZipEntries(stream, log.stat().st_size)
            header = entries.get("header.json")
            if header is None:
                return "started" if entries.get("_journal/start.json") is not None else None
            for piece in elements(
                entries.pieces(header), wanted=lambda key: key == "status", spread=lambda _: False,
                max_bytes=MAX_STATUS_BYTES,
            ):  # fmt: skip
                if piece.raw is not None:
                    return msgspec.json.decode(piece.raw, type=str)
    except (EntryError, OSError, msgspec.DecodeError):
        return None
    return None


def newest_log(folder: Path) -> Path | None:
    """Return the log that was begun last; Inspect's names begin with the time."""
    return max(folder.glob("*.eval"), default=None, key=lambda path: path.name)


def write_task_scores(
    plan: RunPlan, logs: Sequence[tuple[Task, Path]], folder: Path, *, now: datetime.datetime
) -> Imported:
    """Write `scores.parquet`, `items.parquet` and `import.json` of a run.

    Args:
        plan: What was run.
        logs: The whole log of each task, below `folder`.
        folder: Of the run.
        now: UTC.

    Raises:
        InputError: A task has no such scorer as the protocol names.
    """
    options = Options(exercise=plan.protocol.name, laboratory=plan.laboratory, model=plan.model)
    with scratch_folder() as scratch:
        sink = Sink(scratch)
        try:
            files = [_read(sink, task, log, folder, plan.protocol.raters, options) for task, log in logs]
            writing.settle(sink, options)
            sink.database.execute(
                "UPDATE settled SET plan = $plan, split = 'evaluation'", {"plan": plan.protocol_digest}
            )

            def write(place: Path) -> Imported:
                writing.write_scores(sink, options, place / writing.SCORES)
                writing.write_items(sink, place / writing.ITEMS)
                scores = place / writing.SCORES
                imported = writing.account(sink, options, files, now=now, scores=scores)
                writing.write_account(imported, place / writing.IMPORT)
                return imported

            return put(folder, write)
        finally:
            sink.close()


def _read(
    sink: Sink, task: Task, log: Path, folder: Path, raters: Sequence[Rater], options: Options
) -> ImportedFile:
    first = len(sink.runs)
    source = Source(name=log.relative_to(folder).as_posix(), path=log, size=log.stat().st_size)
    told = msgspec.structs.replace(options, language=task.language, concept=task.concept)
    InspectReader().read([source], sink, told)
    changes: dict[tuple[int, str], str] = {}
    for run in range(first, len(sink.runs)):
        sink.change_run(run, concept=task.concept, language=task.language, language_basis="declared")
        wanted = {
            rater.scorer: rater.id for rater in raters if not rater.concepts or task.concept in rater.concepts
        }
        missing = sorted(str(name) for name in wanted if name not in sink.metrics[run])
        if missing:
            raise InputError(
                f"the task {task.task} has no scorer {missing[0]!r}",
                next_step=f"It has: {', '.join(sorted(sink.metrics[run])) or 'none'}. Correct `scorer`.",
            )
        changes |= {(run, str(scorer)): name for scorer, name in wanted.items()}
    rename(sink, changes)
    return ImportedFile(
        name=source.name, sha256=writing.file_digest(log), bytes=source.size, format=InspectReader.name
    )


def rater_identities(imported: Imported) -> list[RaterIdentity]:
    """Return the raters as they were, each once."""
    found: dict[str, Metric] = {}
    for run in imported.runs:
        for metric in run.metrics:
            found.setdefault(metric.rater, metric)
    return [
        RaterIdentity(
            id=name,
            kind=metric.kind,
            version=digest(canonical_bytes(msgspec.to_builtins(metric))),
            model=metric.judge_model,
            prompt_digest=metric.prompt_digest,
            simulated=metric.simulated,
        )
        for name, metric in sorted(found.items())
    ]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the scores of a run say was asked."""

    items: int
    """Items, in each of their languages."""
    items_digest: str
    counts: Tally


def asked(scores: Path) -> Asked:
    """Count items and answers of a run, from its scores."""
    with duckdb.connect(":memory:") as database:
        database.execute(
            "CREATE TABLE answer AS SELECT concept, language, item, attempt, "
            "any_value(item_digest) AS asked, bool_and(status = 'failed') AS failed, "
            "any_value(cause) FILTER (status = 'failed') AS cause "
            "FROM read_parquet($1) GROUP BY ALL",
            [str(scores)],
        )
        items = database.execute(
            "SELECT DISTINCT concept, language, item, asked FROM answer ORDER BY ALL"
        ).fetchall()
        failed = database.execute(
            "SELECT coalesce(cause, 'unknown'), count(*) FROM answer WHERE failed GROUP BY 1"
        ).fetchall()
        (answers,) = database.execute("SELECT count(*) FROM answer").fetchall()[0]
    counts = Tally(
        answers=answers, answered=answers - sum(count for _, count in failed), failed_by_cause=dict(failed)
    )
    lines = sorted(str(known or f"{concept}/{language}/{item}") for concept, language, item, known in items)
    return Asked(items=len(items), items_digest=digest("\n".join(lines).encode()), counts=counts)
