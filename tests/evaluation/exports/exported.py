"""Makes exports for tests: rows in, files out, and back through the import."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
from tests.simulators.scores import write_rows

from consilience.evaluation.exports.estimates import Estimates
from consilience.evaluation.exports.every_eval_ever_files import write_every_eval_ever
from consilience.evaluation.exports.material import load_material
from consilience.evaluation.exports.rows import open_rows
from consilience.evaluation.exports.target import open_target
from consilience.evaluation.exports.written import NotHeld
from consilience.evaluation.importers.imported import Imported, Options
from consilience.evaluation.importers.importing import import_paths
from consilience.evaluation.joint_result import JointResult
from consilience.evaluation.scores import COLUMN_TYPES

NOW = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.UTC)


def as_every_eval_ever(
    rows: Iterable[Mapping[str, Any]], folder: Path, *, result: JointResult | None = None,
    with_texts: bool = False,
) -> tuple[Path, list[NotHeld]]:  # fmt: skip
    """Export rows, without an analysis of them, and return where the files are and what was not held."""
    scores = write_rows(rows, folder / "in" / "scores.parquet", list(COLUMN_TYPES))
    material = load_material([scores.parent])
    out = folder / "out"
    with open_target(out) as target, open_rows(material, with_texts=with_texts) as table:
        _, losses = write_every_eval_ever(
            target, material, table, estimates=Estimates(result), relationship="third_party",
            with_texts=with_texts, now=NOW,
        )  # fmt: skip
    return out, losses


def back(folder: Path, target: Path, *, exercise: str, laboratory: str) -> Imported:
    """Import an export again."""
    return import_paths([folder], Options(exercise=exercise, laboratory=laboratory), target=target, now=NOW)


def scores_in(path: Path) -> list[dict[str, Any]]:
    """The rows of a scores file with the columns of the scores table, sorted."""
    with duckdb.connect(":memory:") as database:
        columns = ", ".join(COLUMN_TYPES)
        found = database.execute(f"SELECT {columns} FROM read_parquet(?) ORDER BY ALL", [str(path)])
        return [dict(zip(COLUMN_TYPES, row, strict=True)) for row in found.fetchall()]


def documents(folder: Path) -> list[Any]:
    """The aggregate documents of an export."""
    return [json.loads(path.read_bytes()) for path in sorted((folder / "data").rglob("*.json"))]


def instance_rows(folder: Path) -> list[Any]:
    """The instance rows of an export."""
    paths = sorted((folder / "data").rglob("*_samples.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]
