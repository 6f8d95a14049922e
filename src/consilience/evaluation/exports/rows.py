"""The rows of the score files in one fixed order, and what they come to, with bounded memory.

Responsible for opening the files as one table without doubled rows. Invariants: rows are read once and never
all held; a rater has one kind and a laboratory's model one protocol, or the export stops; the order depends
on the rows alone.
"""

# ruff: noqa: S608 - every name in a query is a constant of ours or went through `quoted`

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from consilience.errors import IncompatibleError, InputError, LimitError
from consilience.evaluation.exports.material import Material
from consilience.evaluation.merge_census import row_rule, take_census
from consilience.evaluation.merge_engine import Engine, open_engine, quoted
from consilience.evaluation.merge_inputs import FoundFile
from consilience.evaluation.merge_reading import read_rows
from consilience.evaluation.scores import COLUMN_TYPES

MAX_TASKS = 10_000
"""Laboratory × model × concept in one export."""
MAX_RESULTS = 200_000
"""Laboratory × model × concept × language × split × rater in one export."""
BATCH = 20_000
MEMORY_LIMIT = "256MB"
"""Of the columnar engine; what does not fit goes to disk."""
KEY = ("laboratory", "model", "language", "concept", "item", "attempt", "rater")
TASK = ("exercise", "laboratory", "model", "concept")
RESULT = ("language", "split", "rater")


class Task(NamedTuple):
    """One laboratory's model on one concept: one file of most formats."""

    exercise: str
    laboratory: str
    model: str
    concept: str


class Result(NamedTuple):
    """What one rater's scores in one language come to."""

    task: Task
    language: str
    split: str | None
    rater: str
    rater_kind: str
    simulated: bool
    protocol_digest: str | None
    run: str | None
    """None: not told, or several."""
    runs: int
    """Different ones that are named."""
    rows: int
    scored: int
    items: int
    """With a score."""
    mean: float | None
    """Of all scores."""
    item_mean: float | None
    """Of the items' means."""
    lowest: float | None
    highest: float | None
    binary: bool
    """Whether all scores are 0 or 1."""


class Row(NamedTuple):
    """One rating, without what its result says."""

    language: str
    split: str | None
    rater: str
    item: str
    attempt: int
    score: float | None
    status: str
    cause: str | None
    item_digest: str | None
    generation: str | None
    prompt: str | None
    """Only where texts were asked for."""


class Rows:
    """The score files as one table. Make it with `open_rows`."""

    def __init__(self, engine: Engine) -> None:
        """Take an engine with the tables `single` and `prompts`."""
        self.engine = engine

    def results(self) -> list[Result]:
        """Return what the rows come to, in order.

        Raises:
            IncompatibleError: A rater has two kinds, or a task two protocols.
            LimitError: More than MAX_TASKS or MAX_RESULTS.
        """
        found = self.engine.rows(
            f"""
            WITH means AS (
              SELECT {", ".join(TASK + RESULT)}, item, avg(score) AS item_mean FROM single
              WHERE score IS NOT NULL GROUP BY ALL
            ), together AS (
              SELECT {", ".join(TASK + RESULT)}, avg(item_mean ORDER BY item) AS item_mean FROM means
              GROUP BY ALL
            )
            SELECT {", ".join(f"s.{name}" for name in TASK + RESULT)}, min(rater_kind), max(rater_kind),
              bool_or(coalesce(simulated, false)), min(protocol_digest), max(protocol_digest),
              CASE WHEN min(run) = max(run) THEN min(run) END, count(DISTINCT run), count(*), count(score),
              count(DISTINCT CASE WHEN score IS NOT NULL THEN item END),
              avg(score ORDER BY item, attempt), any_value(t.item_mean), min(score), max(score),
              coalesce(bool_and(score IN (0, 1)), false)
            FROM single AS s LEFT JOIN together AS t ON
              {" AND ".join(f"s.{name} IS NOT DISTINCT FROM t.{name}" for name in TASK + RESULT)}
            GROUP BY {", ".join(f"s.{name}" for name in TASK + RESULT)}
            ORDER BY {", ".join(f"s.{name}" for name in TASK)}, s.language, s.split NULLS FIRST, s.rater
            LIMIT {MAX_RESULTS + 1}
            """
        )
        results = [_result(row) for row in found]
        if len(results) > MAX_RESULTS or len({result.task for result in results}) > MAX_TASKS:
            raise LimitError(
                f"more than {MAX_RESULTS:,} results or {MAX_TASKS:,} tasks",
                next_step="Export fewer laboratories, models or concepts at once.",
            )
        return results

    def of_tasks(self) -> Iterator[tuple[Task, Iterator[Row]]]:
        """Yield the tasks, each with its rows in order; the rows of one are read before the next is asked."""
        names = ", ".join((*TASK, *RESULT, "item", "attempt", "score", "status", "cause", "item_digest"))
        query = (
            f"SELECT {names}, generation, prompt FROM single LEFT JOIN prompts USING (item, language, "
            "item_digest) ORDER BY exercise, laboratory, model, concept, language, split NULLS FIRST, rater, "
            "item, attempt"
        )
        rows = self.engine.batches(query, BATCH)
        for task, members in groupby(rows, key=lambda row: Task(*row[:4])):
            yield task, (Row(*row[4:]) for row in members)


def _result(row: Sequence[object]) -> Result:
    task = Task(*row[:4])  # type: ignore[arg-type]
    language, split, rater, kind, other_kind, simulated, plan, other_plan, run, *rest = row[4:]
    if kind != other_kind:
        raise IncompatibleError(
            f"a rater of {task.laboratory} stands there as {kind} and as {other_kind}",
            next_step="Give different raters different names.",
        )
    if plan != other_plan:
        raise IncompatibleError(
            f"scores of {task.laboratory} were made under different protocols",
            next_step="Export those of one protocol at a time.",
        )
    return Result(task, language, split, rater, kind, simulated, plan, run, *rest)  # type: ignore[arg-type]


@contextmanager
def open_rows(material: Material, *, with_texts: bool) -> Iterator[Rows]:
    """Open the score files of an export as one table, rows that are there twice once.

    Args:
        material: With at least one score file.
        with_texts: Whether prompts go out too.

    Raises:
        InputError: There is no score file, or one cannot be read.
        IncompatibleError: One rating is there twice, differently.
    """
    if not material.scores:
        raise InputError(
            "this export needs scores, and only a result or a protocol is named",
            next_step="Name the run folders or the folders of imports.",
        )
    files = dict(enumerate(material.scores))
    items = [path.resolve() for path in material.items] if with_texts else []
    with TemporaryDirectory(prefix="consilience-export-") as folder:
        allowed = [file.path for file in material.scores] + items
        with open_engine(Path(folder), allowed, memory_limit=MEMORY_LIMIT) as engine:
            _single(engine, files)
            _prompts(engine, items, material if with_texts else None)
            yield Rows(engine)


def _single(engine: Engine, files: dict[int, FoundFile]) -> None:
    sources = read_rows(engine, files, row_rule)
    take_census(engine, sources)
    columns = ", ".join(COLUMN_TYPES)
    engine.run(f"CREATE TEMP TABLE single AS SELECT DISTINCT {columns} FROM rows")
    differing = engine.rows(
        f"SELECT laboratory, model FROM single GROUP BY {', '.join(KEY)} HAVING count(*) > 1 LIMIT 1"
    )
    if differing:
        raise IncompatibleError(
            f"ratings of the laboratory {differing[0][0]!r} for {differing[0][1]!r} are there twice with "
            "different results",
            next_step="Name each run once, or give a second run a laboratory name of its own.",
        )


def _prompts(engine: Engine, files: Sequence[Path], material: Material | None) -> None:
    """Make the table of prompts: those of imports by their digests, those of the protocol by their items."""
    import numpy as np

    from consilience.evaluation.protocol import item_digest

    engine.run(
        "CREATE TEMP TABLE prompts (item VARCHAR, language VARCHAR, item_digest VARCHAR, prompt VARCHAR)"
    )
    for number, path in enumerate(files):
        linked = engine.path(f"items-{number}.parquet")
        linked.symlink_to(path)
        engine.run(
            "INSERT INTO prompts SELECT item, language, item_digest, any_value(prompt) FROM "
            f"read_parquet({quoted(str(linked))}) WHERE prompt IS NOT NULL AND item_digest IS NOT NULL "
            "GROUP BY ALL"
        )
    if material is not None and material.protocol is not None:
        items = material.protocol.items
        columns = {
            "item": [item.id for item in items],
            "language": [item.language for item in items],
            "item_digest": [item_digest(item) for item in items],
            "prompt": [item.prompt for item in items],
        }
        engine.register("planned", {k: np.asarray(v, dtype=object) for k, v in columns.items()})
        engine.run("INSERT INTO prompts SELECT item, language, item_digest, prompt FROM planned")
    engine.run(
        "CREATE OR REPLACE TEMP TABLE prompts AS SELECT item, language, item_digest, "
        "any_value(prompt) AS prompt FROM prompts GROUP BY ALL"
    )
