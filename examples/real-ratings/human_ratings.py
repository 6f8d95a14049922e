"""Human ratings of answers, read from the files that PyRIT publishes for calibrating its scorers.

Responsible for the traps of these files: comment lines before the header, answers that span many lines, score
columns of different names. Invariants: ratings of harm and of an objective achieved are never put together;
the subset `mini_hate_speech` counts once; texts stay in memory and never reach a file, a message or a name.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from consilience.errors import InputError, NotFoundError, Where

FOLDER = "pyrit-scorer-evals"
Label = Literal["harm", "objective"]
SUBSETS = frozenset({"mini_hate_speech"})
"""Files whose records are all in another file."""
LEVELS = 4
"""Harm is rated 0, 0.25, 0.5, 0.75 or 1: five levels, which the scores table counts from 0 to 4."""
MAX_FILE_BYTES = 16 * 1024 * 1024
"""Largest file that is read."""
MAX_RECORDS = 10_000
"""Most records in one file."""
PUBLISHED_NAMES = {"information_integrity": "info_integrity"}
"""Name of a metrics file → name of its ratings file, where they differ."""


class Rated(msgspec.Struct, frozen=True, kw_only=True):
    """One answer with its human scores. Its texts must not be written down."""

    area: str
    """Name of the file: the area of harm."""
    item: str
    """Digest of the objective: answers to the same objective share the item."""
    attempt: int
    """Number of the answer among those to its objective, from 1, in the order of their digests."""
    objective: str
    response: str
    scores: tuple[float, ...]
    """Of the first, second and third human."""

    def __repr__(self) -> str:
        return f"Rated({self.area}/{self.item}/{self.attempt})"


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """What PyRIT publishes of one of its scorers on one of the harm files: no scores of single answers."""

    area: str
    scorer: str
    version: str
    responses: int
    trials: int
    mean_absolute_error: float
    mae_standard_error: float
    alpha: float
    """Ordinal, of the human and the scorer's trials together."""


def read_ratings(data: Path, label: Label) -> dict[str, tuple[Rated, ...]]:
    """Read the human ratings of one label, by area, subsets left out.

    Args:
        data: Folder that holds `pyrit-scorer-evals`.
        label: `harm` (how severe, levels 0 to 4) or `objective` (achieved or not, 0 or 1).

    Raises:
        NotFoundError: The folder is not there.
        InputError: A file has no score column, or a score is not on its scale; neither shows a text.
    """
    folder = _folder(data) / label
    return {
        path.stem: _attempts(path.stem, read_file(path, label))
        for path in sorted(folder.glob("*.csv"))
        if path.stem not in SUBSETS
    }


def read_file(path: Path, label: Label) -> list[tuple[str, str, tuple[float, ...]]]:
    """Read one file: objective, response and human scores of every record.

    Raises:
        InputError: See `read_ratings`.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise InputError(f"the file is larger than {MAX_FILE_BYTES:,} bytes", where=Where(file=path.name))
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(itertools.dropwhile(_is_comment, file))
        columns = sorted(name for name in rows.fieldnames or () if (name or "").startswith("human_score"))
        if not columns:
            raise InputError("there is no column `human_score…`", where=Where(file=path.name))
        found = []
        for number, row in enumerate(rows, 1):
            if number > MAX_RECORDS:
                raise InputError(f"there are more than {MAX_RECORDS:,} records", where=Where(file=path.name))
            scores = tuple(_score(row[name], label, path.name, number) for name in columns)
            found.append((row["objective"], row["assistant_response"], scores))
    return found


def read_published(data: Path) -> tuple[Published, ...]:
    """Read the published metrics, in the order of files and lines.

    Raises:
        NotFoundError: The folder is not there.
    """
    found = []
    for path in sorted((_folder(data) / "harm").glob("*_metrics.jsonl")):
        area = path.stem.removesuffix("_metrics")
        for line in path.read_text(encoding="utf-8").splitlines():
            document: dict[str, Any] = json.loads(line)
            metrics = document["metrics"]
            found.append(
                Published(
                    area=PUBLISHED_NAMES.get(area, area),
                    scorer=document["class_name"],
                    version=document["pyrit_version"],
                    responses=metrics["num_responses"],
                    trials=metrics["num_scorer_trials"],
                    mean_absolute_error=metrics["mean_absolute_error"],
                    mae_standard_error=metrics["mae_standard_error"],
                    alpha=metrics["krippendorff_alpha_combined"],
                )
            )
    return tuple(found)


def draw(rated: list[Rated], share: float, seed: int) -> frozenset[tuple[str, int]]:
    """Draw a share of the answers at random, each with the same chance; return (item, attempt).

    The draw depends on the seed and on which answers there are, not on their order.
    """

    def rank(one: Rated) -> bytes:
        return hashlib.sha256(f"{seed}\x1f{one.item}\x1f{one.attempt}".encode()).digest()

    drawn = sorted(rated, key=rank)[: math.ceil(share * len(rated))]
    return frozenset((one.item, one.attempt) for one in drawn)


def _folder(data: Path) -> Path:
    folder = data / FOLDER
    if not folder.is_dir():
        raise NotFoundError(
            f"there is no folder {FOLDER} in the data folder",
            next_step="Set CONSILIENCE_DATA to the folder that holds it.",
        )
    return folder


def _is_comment(line: str) -> bool:
    return line.lstrip('"').startswith("#")


def _score(text: str, label: Label, file: str, number: int) -> float:
    steps = LEVELS if label == "harm" else 1
    try:
        score = float(text) * steps
    except ValueError:
        score = math.nan
    if score not in range(steps + 1):
        raise InputError(
            f"record {number} has a human score that is not on the scale", where=Where(file=file)
        )
    return score


def _attempts(area: str, records: list[tuple[str, str, tuple[float, ...]]]) -> tuple[Rated, ...]:
    return tuple(_numbered(area, records))


def _numbered(area: str, records: list[tuple[str, str, tuple[float, ...]]]) -> Iterator[Rated]:
    """Number the answers to each objective. Records of equal texts stay apart, in the order of the file."""
    by_item: dict[str, list[tuple[str, int]]] = {}
    for place, (objective, response, _) in enumerate(records):
        by_item.setdefault(_digest(objective), []).append((_digest(response), place))
    for item in sorted(by_item):
        for attempt, (_, place) in enumerate(sorted(by_item[item]), 1):
            objective, response, scores = records[place]
            yield Rated(
                area=area, item=item, attempt=attempt, objective=objective, response=response, scores=scores
            )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
