"""Builds sinks and imports for tests: rows in, tables out."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from consilience.evaluation.importers import writing
from consilience.evaluation.importers.imported import Direction, Imported, ImportedRun, Metric, Options
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Reader, Source
from consilience.evaluation.protocol import RaterKind

NOW = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
OPTIONS = Options(exercise="exercise", laboratory="North")


def a_run(**changes: Any) -> ImportedRun:
    """A run with one metric `acc`."""
    fields: dict[str, Any] = {
        "harness": "toy",
        "format": "toy",
        "file": "log.toy",
        "task": "sums",
        "model": "model-a",
        "concept": "sums",
        "metrics": (a_metric(),),
    }
    return ImportedRun(**{**fields, **changes})


def a_metric(rater: str = "acc", direction: Direction = "higher is better") -> Metric:
    """A binary metric of a program."""
    return Metric(rater=rater, name=rater, kind=RaterKind.PROGRAM, direction=direction, scale="binary")


@contextmanager
def a_sink() -> Iterator[Sink]:
    """A sink in a scratch folder."""
    with TemporaryDirectory() as folder:
        sink = Sink(Path(folder))
        try:
            yield sink
        finally:
            sink.close()


def finish(sink: Sink, target: Path, options: Options = OPTIONS) -> tuple[Imported, list[dict[str, Any]]]:
    """Write what the sink holds and return the account and the rows of the scores table."""
    writing.settle(sink, options)
    writing.write_scores(sink, options, target / writing.SCORES)
    writing.write_items(sink, target / writing.ITEMS)
    imported = writing.account(sink, options, (), now=NOW, scores=target / writing.SCORES)
    return imported, scores_of(target)


def scores_of(folder: Path) -> list[dict[str, Any]]:
    """The rows of `scores.parquet` in a folder."""
    with duckdb.connect(":memory:") as database:
        found = database.execute("SELECT * FROM read_parquet(?)", [str(folder / writing.SCORES)])
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def read_with(
    reader: Reader, files: Sequence[Path], target: Path, options: Options = OPTIONS
) -> tuple[Imported, list[dict[str, Any]]]:
    """Let one reader read files, and return the account and the rows."""
    with a_sink() as sink:
        reader.read([Source(file.name, file, file.stat().st_size) for file in files], sink, options)
        return finish(sink, target, options)
