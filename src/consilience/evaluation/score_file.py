"""The scores of one run: from its generations and ratings to `scores.parquet`.

Invariants:
- for every planned item, language and attempt, and every program or judge that the protocol has rate it,
  there is exactly one row, whatever happened; humans have a row for each rating that they gave, and no
  others;
- the file is a function of the run's folder: computed again from the same records it has the same rows in
  the same order; it is replaced as a whole;
- texts of answers never enter.
"""

from __future__ import annotations

import glob
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from consilience.errors import StoreError
from consilience.evaluation.protocol import Protocol, RaterKind, item_digest
from consilience.evaluation.run_folder import (
    FAILED_GENERATIONS,
    FAILED_RATINGS,
    GENERATIONS,
    RATINGS,
    SCORES,
    SEALED,
    read_manifest,
    read_protocol_copy,
    write_manifest,
)
from consilience.evaluation.run_plan import select_items
from consilience.evaluation.run_record import Manifest
from consilience.evaluation.scores import COLUMN_TYPES

if TYPE_CHECKING:
    import duckdb

SMALLEST_BUFFER = 256 * 1024
ENGINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
"""No extension is ever fetched or loaded."""

ANSWER_COLUMNS = (
    "{generation: 'VARCHAR', item: 'VARCHAR', language: 'VARCHAR', attempt: 'INTEGER', text: 'VARCHAR', "
    "cause: 'VARCHAR', started_at: 'VARCHAR'}"
)
RATING_COLUMNS = (
    "{generation: 'VARCHAR', rater: 'VARCHAR', rater_kind: 'VARCHAR', version: 'VARCHAR', status: 'VARCHAR', "
    "score: 'DOUBLE', cause: 'VARCHAR', simulated: 'BOOLEAN', rated_at: 'VARCHAR'}"
)

ANSWERS = """
CREATE TEMP TABLE answer AS
SELECT CAST(generation AS UUID) AS generation, CAST(item AS item_id) AS item, language, attempt,
  text IS NOT NULL AS answered, cause
FROM {generations};
INSERT INTO answer BY NAME
SELECT CAST(generation AS UUID) AS generation, CAST(item AS item_id) AS item, any_value(language) AS language,
  any_value(attempt) AS attempt, false AS answered, max_by(cause, started_at) AS cause
FROM {failed_generations}
WHERE CAST(generation AS UUID) NOT IN (SELECT generation FROM answer)
GROUP BY generation, item
"""

RATINGS_TABLE = """
CREATE TEMP TABLE rating AS
SELECT * EXCLUDE (final, rated_at, version) FROM (
  SELECT * REPLACE (CAST(generation AS UUID) AS generation), true AS final FROM {ratings}
  UNION ALL
  SELECT * REPLACE (CAST(generation AS UUID) AS generation), false AS final FROM {failed_ratings}
)
WHERE rater_kind = 'human' OR version IN (SELECT version FROM rater)
QUALIFY row_number() OVER (PARTITION BY generation, rater ORDER BY final DESC, rated_at DESC) = 1
"""

ROWS = """
WITH planned AS (
  SELECT i.*, CAST(a.attempt AS INTEGER) AS attempt, g.generation, g.answered, g.cause
  FROM item AS i CROSS JOIN range(1, $attempts + 1) AS a(attempt)
  LEFT JOIN answer AS g ON g.item = i.item AND g.language = i.language AND g.attempt = a.attempt
), rated AS (
  SELECT p.*, r.id AS rater, r.kind AS rater_kind, s.score, s.status, s.cause AS rating_cause,
    s.simulated OR r.simulated AS simulated
  FROM planned AS p
  JOIN rater AS r ON (r.concepts IS NULL OR list_contains(r.concepts, p.concept))
    AND (p.attempt = 1 OR NOT r.first_only)
  LEFT JOIN rating AS s ON s.generation = p.generation AND s.rater = r.id AND s.rater_kind <> 'human'
  UNION ALL
  SELECT p.*, s.rater, s.rater_kind, s.score, s.status, s.cause, s.simulated
  FROM planned AS p JOIN rating AS s ON s.generation = p.generation AND s.rater_kind = 'human'
), sorted AS (
  SELECT language, concept, item, attempt, rater, rater_kind,
    CASE WHEN answered AND status = 'scored' THEN score END AS score,
    CASE WHEN generation IS NULL THEN 'unscored' WHEN NOT answered THEN 'failed'
         ELSE coalesce(status, 'unscored') END AS status,
    CASE WHEN generation IS NULL THEN 'not_rated'
         WHEN NOT answered THEN coalesce(cause, 'unknown')
         WHEN status IS NULL THEN 'not_rated'
         WHEN status = 'scored' THEN NULL
         WHEN rating_cause = 'unparsable' AND cause = 'cut_off' THEN 'cut_off'
         ELSE coalesce(rating_cause, 'unknown') END AS cause,
    item_digest, generation, split, coalesce(simulated, false) AS simulated
  FROM rated
  ORDER BY language, concept, item, attempt, rater
)
SELECT *, $exercise AS exercise, $laboratory AS laboratory, $model AS model,
  $protocol_digest AS protocol_digest, $run AS run
FROM sorted
"""
"""Names that repeat are enumerations while the rows are sorted, and what is the same everywhere is added
after it, so that a row is narrow."""


def write_scores(folder: Path) -> int:
    """Compute `scores.parquet` of a run from its folder, replace it, and renew the digests in the manifest.

    Args:
        folder: Of a run, finished or not; what was not asked or not rated yet is in the table with that
            cause.

    Returns:
        The number of rows.

    Raises:
        NotFoundError: It is not the folder of a run.
        StoreError: Its files are damaged or cannot be written.
    """
    import duckdb

    manifest = read_manifest(folder)
    protocol = read_protocol_copy(folder)
    part = folder / (SCORES + ".part")
    try:
        try:
            rows = _compute(folder, manifest, protocol, part, memory_mb=_memory_mb(folder))
        except duckdb.OutOfMemoryException:
            rows = _compute(folder, manifest, protocol, part, memory_mb=16 * _memory_mb(folder))
    except duckdb.Error as error:
        raise StoreError(
            f"the scores of this run cannot be computed: {str(error).splitlines()[0]}",
            next_step="Run the same command again: it moves broken lines aside and asks what is missing.",
        ) from error
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(folder / SCORES)
    write_manifest(folder, sealed(folder, manifest))
    return rows


def _compute(folder: Path, manifest: Manifest, protocol: Protocol, part: Path, *, memory_mb: int) -> int:
    import duckdb

    with (
        tempfile.TemporaryDirectory(dir=folder) as spill,
        duckdb.connect(":memory:", config=ENGINE) as database,
    ):
        database.execute(f"SET memory_limit = '{memory_mb}MB'")
        database.execute(f"SET temp_directory = {_quoted(Path(spill))}")
        database.execute("SET threads = 1")
        _load(database, folder, manifest, protocol)
        return _copy(database, manifest, part)


def _memory_mb(folder: Path) -> int:
    """What the database may use before it goes to disk: an eighth of the journals, within bounds."""
    size = sum((folder / name).stat().st_size for name in (GENERATIONS, RATINGS) if (folder / name).exists())
    return min(1024, max(32, size // 8_000_000))


def sealed(folder: Path, manifest: Manifest) -> Manifest:
    """Return the manifest with the digests of the run's files as they are now."""
    files = {name: _file_digest(folder / name) for name in SEALED if (folder / name).exists()}
    return msgspec.structs.replace(manifest, files=files)


def _load(database: duckdb.DuckDBPyConnection, folder: Path, manifest: Manifest, protocol: Protocol) -> None:
    import numpy as np

    items = select_items(protocol, manifest.selection)
    columns: dict[str, Any] = {
        "item": [item.id for item in items],
        "language": [item.language for item in items],
        "concept": [item.concept for item in items],
        "split": [item.split.value for item in items],
        "item_digest": [item_digest(item) for item in items],
    }
    item_columns = {name: np.array(values, dtype=object) for name, values in columns.items()}  # noqa: F841
    for name, kind in (("item", "item_id"), ("item_digest", "item_digest"), ("concept", "concept_id")):
        values = f"SELECT DISTINCT {name} FROM item_columns ORDER BY {name}"  # noqa: S608
        database.execute(f"CREATE TYPE {kind} AS ENUM ({values})")
    database.execute(
        "CREATE TEMP TABLE item AS SELECT item::item_id AS item, language, concept::concept_id AS concept, "
        "split, item_digest::item_digest AS item_digest FROM item_columns"
    )
    database.execute(
        "CREATE TEMP TABLE rater "
        "(id VARCHAR, kind VARCHAR, concepts VARCHAR[], first_only BOOLEAN, version VARCHAR, "
        "simulated BOOLEAN)"
    )
    versions = {rater.id: rater.version for rater in manifest.raters}
    for rater in protocol.raters:
        if rater.kind is not RaterKind.HUMAN:
            first_only = rater.kind is RaterKind.JUDGE and rater.attempts == "first"
            row = [
                rater.id,
                rater.kind.value,
                list(rater.concepts) or None,
                first_only,
                versions.get(rater.id),
                rater.simulated,
            ]
            database.execute("INSERT INTO rater VALUES (?, ?, ?, ?, ?, ?)", row)
    sources = {
        "generations": _lines(folder / GENERATIONS, ANSWER_COLUMNS),
        "failed_generations": _lines(folder / FAILED_GENERATIONS, ANSWER_COLUMNS),
        "ratings": _lines(folder / RATINGS, RATING_COLUMNS),
        "failed_ratings": _lines(folder / FAILED_RATINGS, RATING_COLUMNS),
    }
    database.execute(ANSWERS.format(**sources))
    database.execute(RATINGS_TABLE.format(**sources))


def _lines(path: Path, columns: str) -> str:
    """SQL that reads a journal, or a table without rows where there is none.

    The engine reads `*`, `?` and `[` in a name as a pattern: unescaped, the folder `lab[1]` would give the
    answers of the folder `lab1`.
    """
    if not path.exists() or path.stat().st_size == 0:
        names = [part.strip(" {}").split(": ") for part in columns.split(",")]
        nothing = ", ".join(f"CAST(NULL AS {kind.strip(chr(39))}) AS {name}" for name, kind in names)
        return f"(SELECT {nothing} WHERE false)"
    name = _quoted(Path(glob.escape(str(path))))
    return (
        f"read_json({name}, format = 'newline_delimited', columns = {columns}, "
        f"maximum_object_size = {_longest_line(path)})"
    )


def _longest_line(path: Path) -> int:
    """How much the database must hold of a file at once; it makes buffers of this size."""
    with path.open("rb") as file:
        longest = max(map(len, file), default=0)
    return max(SMALLEST_BUFFER, longest + 1)


def _copy(database: duckdb.DuckDBPyConnection, manifest: Manifest, part: Path) -> int:
    values = {
        "exercise": manifest.exercise,
        "laboratory": manifest.laboratory,
        "model": manifest.model,
        "protocol_digest": manifest.protocol_digest,
        "run": manifest.run,
        "attempts": manifest.attempts,
    }
    special = {"generation": "replace(CAST(generation AS VARCHAR), '-', '')"}
    typed = ", ".join(
        f"CAST({special.get(name, name)} AS {kind}) AS {name}" for name, kind in COLUMN_TYPES.items()
    )
    query = f"SELECT {typed} FROM ({ROWS})"  # noqa: S608
    options = "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480)"
    found = database.execute(f"COPY ({query}) TO {_quoted(part)} {options}", values).fetchone()
    return int(found[0]) if found else 0


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
