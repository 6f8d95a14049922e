"""A simulator of laboratories: score files with known components, the same bytes for the same seed.

Each laboratory's rows are drawn with a generator of its own (seed, laboratory), so a design with one
laboratory more leaves the others' rows as they were. The truth of an answer is drawn once per attempt;
raters see that truth and err, so raters agree to a known degree. One Parquet file per laboratory, written
in slices of one language at a time.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

LANGUAGES = ("en", "fr", "ar", "sw", "ko", "ja", "hi", "te", "zh", "fa", "de", "es", "it", "ms", "yue", "th")


@dataclass(frozen=True, kw_only=True)
class Components:
    """Standard deviations on the scale of the score; `mean` is the grand mean."""

    mean: float = 0.6
    item: float = 0.2
    laboratory: float = 0.0
    language: float = 0.05
    item_laboratory: float = 0.0
    item_language: float = 0.05
    attempt: float = 0.1
    """Of a continuous score; a binary score has the Bernoulli spread of its probability instead."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """What to simulate."""

    laboratories: int = 3
    models: int = 1
    languages: int = 4
    concepts: int = 1
    items: int = 50
    """Per concept."""
    attempts: int = 2
    raters: int = 2
    binary: bool = True
    components: Components = Components()
    shifts: dict[int, float] = field(default_factory=dict)
    """Laboratory number → planted difference."""
    rater_error: tuple[float, ...] = (0.0, 0.1, 0.05, 0.02)
    """Share of scores that the rater gets wrong (binary) or the spread of its error (continuous), by rater
    number."""
    rater_kinds: tuple[str, ...] = ("program", "judge", "human", "judge")
    unscored: float = 0.0
    """Share of attempts that failed with the cause `timeout`."""
    digests: bool = False
    """Also write protocol_digest, item_digest, generation and split, as a run does."""
    seed: int = 0


def _effects(design: Design) -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng([design.seed, 0])
    c, n_items = design.components, design.items * design.concepts
    return {
        "item": rng.normal(0.0, c.item, n_items),
        "laboratory": rng.normal(0.0, c.laboratory, design.laboratories),
        "language": rng.normal(0.0, c.language, design.languages),
        "item_language": rng.normal(0.0, c.item_language, (design.languages, n_items)),
    }


def _slice(
    design: Design, laboratory: int, language: int, effects: dict[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.generic]]:
    """Rows of one laboratory and language: every model, item, attempt and rater."""
    rng = np.random.default_rng([design.seed, 1, laboratory, language])
    c, n_items = design.components, design.items * design.concepts
    interaction = np.random.default_rng([design.seed, 2, laboratory]).normal(0.0, c.item_laboratory, n_items)
    level = c.mean + effects["item"] + effects["laboratory"][laboratory] + effects["language"][language]
    level = level + effects["item_language"][language] + interaction + design.shifts.get(laboratory, 0.0)
    shape = (design.models, n_items, design.attempts)
    spread = np.broadcast_to(level[None, :, None], shape)
    if design.binary:
        truth = (rng.random(shape) < np.clip(spread, 0.0, 1.0)).astype(np.float64)
    else:
        truth = spread + rng.normal(0.0, c.attempt, shape)
    failed = rng.random(shape) < design.unscored
    full = (*shape, design.raters)
    scores = np.repeat(truth[..., None], design.raters, axis=-1)
    for rater in range(design.raters):
        error = design.rater_error[rater % len(design.rater_error)]
        if design.binary:
            wrong = rng.random(shape) < error
            scores[..., rater] = np.where(wrong, 1.0 - truth, truth)
        elif error:
            scores[..., rater] += rng.normal(0.0, error, shape)
    index = np.indices(full, dtype=np.int32).reshape(4, -1)
    return {
        "m": index[0],
        "i": index[1],
        "a": index[2] + np.int32(1),
        "r": index[3],
        "s": scores.reshape(-1),
        "f": np.repeat(failed[..., None], design.raters, axis=-1).reshape(-1),
    }


def _select(design: Design, laboratory: int, language: int, exercise: str, protocol_digest: str) -> str:
    kinds = (
        "["
        + ",".join(f"'{design.rater_kinds[r % len(design.rater_kinds)]}'" for r in range(design.raters))
        + "]"
    )
    extra = ""
    if design.digests:
        tag = LANGUAGES[language]
        extra = f""", '{protocol_digest}' AS protocol_digest,
            'sha256:' || sha256('item-' || i || '-{tag}') AS item_digest,
            md5('{laboratory}-{tag}-' || m || '-' || i || '-' || a) AS generation, 'evaluation' AS split"""
    return f"""SELECT '{exercise}' AS exercise, 'lab-{laboratory:02d}' AS laboratory, 'model-' || m AS model,
        '{LANGUAGES[language]}' AS language, 'concept-' || (i // {design.items}) AS concept,
        printf('item-%05d', i) AS item, a AS attempt, 'rater-' || r AS rater, ({kinds})[r + 1] AS rater_kind,
        CASE WHEN f THEN NULL ELSE s END AS score, CASE WHEN f THEN 'failed' ELSE 'scored' END AS status,
        CASE WHEN f THEN 'timeout' END AS cause{extra} FROM rows"""


def write(
    design: Design, folder: Path, *, exercise: str = "simulated", protocol_digest: str = "sha256:" + "0" * 64
) -> tuple[Path, ...]:
    """Write one Parquet file per laboratory and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    effects = _effects(design)
    paths = []
    for laboratory in range(design.laboratories):
        path = folder / f"lab-{laboratory:02d}.parquet"
        with duckdb.connect() as connection:
            connection.execute("SET threads = 1")
            for language in range(design.languages):
                rows = _slice(design, laboratory, language, effects)  # noqa: F841 - DuckDB reads it by name
                query = _select(design, laboratory, language, exercise, protocol_digest)
                verb = "CREATE TABLE written AS" if language == 0 else "INSERT INTO written"
                connection.execute(f"{verb} {query}")
            connection.execute(f"COPY written TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
        paths.append(path)
    return tuple(paths)


def rows_of(design: Design) -> int:
    """How many rows `write` makes."""
    return (
        design.laboratories * design.models * design.languages * design.concepts * design.items
        * design.attempts * design.raters
    )  # fmt: skip


COLUMNS = (
    "exercise", "laboratory", "model", "language", "concept", "item", "attempt", "rater", "rater_kind",
    "score", "status",
)  # fmt: skip


def row(**changes: Any) -> dict[str, Any]:
    """One good row of a score file, with changes."""
    values = ("simulated", "lab-a", "model-0", "en", "maths", "item-1", 1, "exact", "program", 1.0, "scored")
    return dict(zip(COLUMNS, values, strict=True)) | changes


def table(
    scores: Mapping[tuple[str, str, str], Sequence[float | None]],
    *,
    raters: Sequence[str] = ("exact",),
    **changes: Any,
) -> list[dict[str, Any]]:
    """Rows from (laboratory, language, item) → scores of the attempts; None: failed by timeout."""
    rows = []
    for (laboratory, language, item), attempts in scores.items():
        for attempt, score in enumerate(attempts, start=1):
            known = {"laboratory": laboratory, "language": language, "item": item, "attempt": attempt}
            for rater in raters:
                given = {"score": score, "status": "scored" if score is not None else "failed"}
                rows.append(
                    row(
                        **known,
                        **given,
                        rater=rater,
                        cause=None if score is not None else "timeout",
                        **changes,
                    )
                )
    return rows


def write_rows(rows: Iterable[Mapping[str, Any]], path: Path, columns: Sequence[str] | None = None) -> Path:
    """Write rows as Parquet, CSV or JSONL, by the ending of the path."""
    rows = list(rows)
    names = list(columns or dict.fromkeys(name for one in rows for name in one))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jsonl":
        path.write_text(
            "".join(json.dumps(dict(one), ensure_ascii=False) + "\n" for one in rows), encoding="utf-8"
        )
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, names)
            writer.writeheader()
            writer.writerows(rows)
    else:
        _write_parquet(rows, names, path)
    return path


PARQUET_TYPES = {"attempt": "INTEGER", "score": "DOUBLE", "simulated": "BOOLEAN"}


def _write_parquet(rows: Sequence[Mapping[str, Any]], names: Sequence[str], path: Path) -> None:
    with duckdb.connect() as connection:
        columns = ", ".join(f'"{name}" {PARQUET_TYPES.get(name, "VARCHAR")}' for name in names)
        connection.execute(f"CREATE TABLE written ({columns})")
        marks = ", ".join("?" for _ in names)
        if rows:
            connection.executemany(
                f"INSERT INTO written VALUES ({marks})", [[one.get(n) for n in names] for one in rows]
            )
        target = str(path).replace("'", "''")
        connection.execute(f"COPY written TO '{target}' (FORMAT parquet)")
