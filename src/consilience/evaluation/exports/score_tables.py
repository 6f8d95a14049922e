"""The scores themselves as one CSV or Parquet file with the columns of the scores table.

Invariants: rows come in a fixed order; a text of a CSV that a spreadsheet would take for a formula begins
with an apostrophe (OWASP, CSV Injection; the rule of `annotation.protected`, as SQL); numbers are never
touched.
"""

# ruff: noqa: S608 - every name in a query is a constant of ours or went through `quoted`

from __future__ import annotations

import duckdb

from consilience.evaluation.exports.rows import MEMORY_LIMIT, Rows
from consilience.evaluation.exports.target import Target
from consilience.evaluation.exports.written import NotHeld
from consilience.evaluation.merge_engine import quoted
from consilience.evaluation.scores import COLUMN_TYPES

RISKY = r"^'*[\s\x00-\x20\x{85}\p{Z}]*[=+\-@\t\r＝＋－＠]"
"""Texts that `annotation.protected` protects, as RE2 writes it."""
ORDER = "exercise, laboratory, model, language, concept, item, attempt, rater"


def protected_sql(column: str) -> str:
    """Return SQL of a text column that no spreadsheet takes for a formula."""
    return f"CASE WHEN regexp_matches({column}, {quoted(RISKY)}) THEN '''' || {column} ELSE {column} END"


def write_score_table(target: Target, rows: Rows, *, name: str, format_: str) -> tuple[int, list[NotHeld]]:
    """Write all rows as one file.

    Args:
        target: Where to.
        rows: The scores.
        name: Of the file.
        format_: `csv` or `parquet`.

    Returns:
        The number of rows, and what the format cannot hold.
    """
    whole = rows.engine.path("whole.parquet")
    rows.engine.run(f"COPY single TO {quoted(str(whole))} (FORMAT parquet, COMPRESSION snappy)")
    texts = {column for column, kind in COLUMN_TYPES.items() if kind == "VARCHAR"}
    columns = list(COLUMN_TYPES)
    if format_ == "csv":
        columns = [f"{protected_sql(c)} AS {c}" if c in texts else c for c in COLUMN_TYPES]
    options = (
        "FORMAT csv, HEADER" if format_ == "csv" else "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480"
    )
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "temp_directory": str(rows.engine.path("sort")),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with duckdb.connect(":memory:", config=config) as database:
        query = f"SELECT {', '.join(columns)} FROM read_parquet({quoted(str(whole))}) ORDER BY {ORDER}"
        found = database.execute(f"COPY ({query}) TO {quoted(str(target.path(name)))} ({options})").fetchone()
    count = int(found[0]) if found else 0
    return count, [] if format_ != "csv" else _changed(rows, texts)


def _changed(rows: Rows, texts: set[str]) -> list[NotHeld]:
    """Texts that came to begin with an apostrophe."""
    risky = " OR ".join(f"regexp_matches({column}, {quoted(RISKY)})" for column in sorted(texts))
    count = int(rows.engine.one(f"SELECT count(*) FROM single WHERE {risky}") or 0)
    if not count:
        return []
    return [
        NotHeld(
            code="apostrophe", text="a text that a spreadsheet could take for a formula begins with an "
            "apostrophe", count=count,
        )
    ]  # fmt: skip
