"""Writes Every Eval Ever files: for each laboratory, model and concept an aggregate document and its rows.

Invariants: rows are written as they come, never all held; the digest of the rows stands in the aggregate
document, so it is written after them; file names depend on the evaluation alone.
"""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, BinaryIO

import msgspec

from consilience.evaluation.exports import every_eval_ever as documents
from consilience.evaluation.exports.estimates import Estimates
from consilience.evaluation.exports.every_eval_ever import About, result_id
from consilience.evaluation.exports.every_eval_ever_rows import InstanceRows
from consilience.evaluation.exports.material import Material
from consilience.evaluation.exports.meaning import meaning
from consilience.evaluation.exports.own_keys import UNSCORED_FORMAT, own
from consilience.evaluation.exports.rows import Result, Row, Rows, Task
from consilience.evaluation.exports.target import Target
from consilience.evaluation.exports.written import NotHeld
from consilience.evaluation.importers.imported import Metric

OWN_FOLDER = "consilience"


class Counted(msgspec.Struct, kw_only=True):
    """What was written."""

    rows: int = 0
    results: int = 0


class _Lines:
    """A JSONL file that is made when its first line comes."""

    def __init__(self, target: Target, name: str) -> None:
        self.target, self.name = target, name
        self.rows = 0
        self.digest = hashlib.sha256()
        self._file: BinaryIO | None = None

    def add(self, document: Any) -> None:
        line = msgspec.json.encode(document) + b"\n"
        if self._file is None:
            self._file = self.target.path(self.name).open("wb")
        self._file.write(line)
        self.digest.update(line)
        self.rows += 1

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def write_every_eval_ever(
    target: Target,
    material: Material,
    rows: Rows,
    *,
    estimates: Estimates,
    relationship: str,
    with_texts: bool,
    now: datetime.datetime,
) -> tuple[Counted, list[NotHeld]]:
    """Write all tasks.

    Args:
        target: The folder.
        material: What is exported.
        rows: Its scores.
        estimates: Cells with intervals.
        relationship: Between who evaluated and who made the model, one of RELATIONSHIPS.
        with_texts: Whether prompts go out.
        now: UTC.

    Returns:
        What was written, and what could not be held.
    """
    by_task = {task: list(found) for task, found in groupby(rows.results(), key=lambda result: result.task)}
    counted, losses = Counted(), [
        NotHeld(code="decided_on_import", text="an import names its exercise and laboratory itself", count=2)
    ]  # fmt: skip
    for task, members in rows.of_tasks():
        about = _about(material, task, relationship=relationship, now=now)
        losses += _write_task(
            target, material, about, by_task[task], members,
            estimates=estimates, with_texts=with_texts, counted=counted,
        )  # fmt: skip
    return counted, losses


def _about(material: Material, task: Task, *, relationship: str, now: datetime.datetime) -> About:
    concepts = material.protocol.concepts if material.protocol is not None else ()
    return About(
        task=task,
        handling=material.marking.value if material.marking is not None else None,
        relationship=relationship,
        manifest=material.manifest_of(task.laboratory, task.model),
        run=material.run_of(task.laboratory, task.model, task.concept),
        description=next((c.definition for c in concepts if c.id == task.concept), ""),
        retrieved_at=now,
    )


def _write_task(
    target: Target, material: Material, about: About, results: Sequence[Result], rows: Iterator[Row], *,
    estimates: Estimates, with_texts: bool, counted: Counted,
) -> list[NotHeld]:  # fmt: skip
    metrics = {result_id(r.language, r.split, r.rater): meaning(material, r) for r in results}
    losses = [
        loss
        for result in results
        for loss in documents.losses_of(
            result, metrics[result_id(result.language, result.split, result.rater)], texts=with_texts
        )
    ]
    if "/" not in about.task.model:
        losses.append(
            NotHeld(
                code="no_developer", text="a model is filed under its developer; this one's name has none"
            )
        )
    samples = _Lines(target, f"{about.folder}/{about.name}_samples.jsonl")
    unscored = _Lines(target, f"{OWN_FOLDER}/{about.name}_unscored.jsonl")
    try:
        _write_rows(about, results, metrics, rows, (samples, unscored), with_texts=with_texts)
    finally:
        samples.close()
        unscored.close()
    found = [
        documents.aggregate_result(
            r, metrics[result_id(r.language, r.split, r.rater)], _estimate(r, estimates), about=about
        )
        for r in results
    ]
    entries = [entry for entry in found if entry is not None]
    document = documents.aggregate(about, entries, losses, _samples(samples, unscored))
    target.write(
        f"{about.folder}/{about.name}.json", msgspec.json.format(msgspec.json.encode(document), indent=1)
    )
    counted.rows += samples.rows
    counted.results += len(entries)
    return losses


def _estimate(result: Result, estimates: Estimates) -> Any:
    """The joint result speaks of evaluation items only."""
    if result.split not in {None, "evaluation"}:
        return None
    task = result.task
    return estimates.of((task.laboratory, task.model, result.language, task.concept, result.rater))


def _write_rows(
    about: About, results: Sequence[Result], metrics: dict[str, Metric], rows: Iterator[Row],
    files: tuple[_Lines, _Lines], *, with_texts: bool,
) -> None:  # fmt: skip
    samples, unscored = files
    maker = InstanceRows(about, metrics, with_texts=with_texts)
    missing = [result for result in results if result.rows > result.scored]
    for result in missing:
        key = result_id(result.language, result.split, result.rater)
        unscored.add(
            {
                "format": UNSCORED_FORMAT,
                "evaluation_id": about.evaluation_id,
                "model_id": about.task.model,
                "evaluation_result_id": key,
                "laboratory": about.task.laboratory,
                "evaluation_name": documents.result_name(result),
                "result": documents.own_details(result, metrics[key]),
            }
        )
    for row in rows:
        if row.score is None:
            unscored.add(maker.unscored(row))
        else:
            samples.add(maker.scored(row))


def _samples(samples: _Lines, unscored: _Lines) -> dict[str, Any] | None:
    if not samples.rows:
        return None
    details = own(
        {
            "unscored_file": unscored.name if unscored.rows else None,
            "unscored_sha256": unscored.digest.hexdigest() if unscored.rows else None,
        }
    )
    return {
        "format": "jsonl",
        "file_path": samples.name,
        "hash_algorithm": "sha256",
        "checksum": samples.digest.hexdigest(),
        "total_rows": samples.rows,
        "additional_details": details,
    }
