"""Score files as one table of typed rows: columns checked, text files turned into Parquet first.

Responsible for the columns of each file. Invariant: after `read_rows` there is a view `rows` with every
column of `scores.COLUMN_TYPES` in its type, and `source`, the number of the file; a column that a file
does not have is NULL.
"""

# ruff: noqa: S608 - every name in a query is a constant of ours or went through `quoted`

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from consilience.errors import InputError, LimitError, Where
from consilience.evaluation.merge_engine import Engine, EngineInputError, quoted
from consilience.evaluation.merge_inputs import MAX_LINE_BYTES, FoundFile
from consilience.evaluation.merge_text import RowRule, csv_columns, first_wrong_row, jsonl_columns
from consilience.evaluation.scores import COLUMN_TYPES, REQUIRED_COLUMNS

MAX_ROWS = 2_000_000_000
"""Of all files together, as Parquet announces them."""
MAX_COLUMNS = 500
WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
NUMBERS = WHOLE | {"FLOAT", "DOUBLE"}


class Source:
    """One score file as the engine sees it."""

    def __init__(self, number: int, file: FoundFile, parquet: Path) -> None:
        self.number = number
        self.file = file
        self.parquet = parquet
        """A link to the file under a name of ours, or the Parquet file that was made from it. Names of
        users never reach the engine: it would read `*`, `?` and `[` in them as patterns."""
        self.expressions: tuple[str, ...] = ()


Sources = Mapping[int, Source]
"""Files by their numbers."""


def read_rows(engine: Engine, files: Mapping[int, FoundFile], rule: RowRule) -> Sources:
    """Make the view `rows` over all score files.

    Args:
        engine: An open engine that may read the files.
        files: By their numbers.
        rule: What is wrong with one row; used to find the line in a text file that cannot be read.

    Raises:
        InputError: A file cannot be read, lacks a column, or holds one of a wrong type.
        LimitError: More rows or columns than the limits.
    """
    sources = {}
    for number, file in files.items():
        linked = engine.path(f"source-{number}.{file.format}")
        linked.symlink_to(file.path)
        parquet = linked if file.format == "parquet" else _stage(engine, number, file, linked, rule)
        source = Source(number, file, parquet)
        source.expressions = _expressions(engine, source)
        sources[number] = source
    _check_size(engine, sources.values())
    engine.run(f"CREATE OR REPLACE TEMP VIEW rows AS {union(sources.values())}")
    return sources


def union(sources: Iterable[Source]) -> str:
    """Return SQL of the rows of files: one scan per set of equal expressions, so that many files of one shape
    are one scan."""
    groups: dict[tuple[str, ...], list[Source]] = {}
    for source in sources:
        groups.setdefault(source.expressions, []).append(source)
    parts = []
    for expressions, members in groups.items():
        paths = ", ".join(quoted(str(member.parquet)) for member in members)
        numbers = ", ".join(f"{quoted(str(m.parquet))}: {m.number}" for m in members)
        number = str(members[0].number) if len(members) == 1 else f"(MAP {{{numbers}}})[filename]"
        scan = f"read_parquet([{paths}], filename = true, hive_partitioning = false)"
        parts.append(f"SELECT {', '.join(expressions)}, ({number})::INTEGER AS source FROM {scan}")
    return " UNION ALL ".join(parts)


def _check_size(engine: Engine, sources: Iterable[Source]) -> None:
    rows = 0
    for source in sources:
        path = quoted(str(source.parquet))
        count = int(engine.one(f"SELECT coalesce(sum(num_rows), 0) FROM parquet_file_metadata({path})"))
        if count <= 0:
            raise InputError(
                "this file has no rows",
                where=Where(file=source.file.name),
                next_step="Leave it out or write it again.",
            )
        rows += count
        if rows > MAX_ROWS:
            raise LimitError(f"more than {MAX_ROWS} rows", where=Where(file=source.file.name))


def _stage(engine: Engine, number: int, file: FoundFile, linked: Path, rule: RowRule) -> Path:
    """Write a text file as Parquet with the types of the contract."""
    if file.format == "csv":
        columns = csv_columns(file.path, file.name)
        known = _known_columns(columns, file.name)
        types = "{" + ", ".join(f"{quoted(column)}: 'VARCHAR'" for column in columns) + "}"
        scan = (
            f"read_csv({quoted(str(linked))}, header = true, auto_detect = false, "
            f"columns = {types}, "
            f"delim = ',', quote = '\"', escape = '\"', strict_mode = true, max_line_size = {MAX_LINE_BYTES})"
        )
    else:
        known = _known_columns(jsonl_columns(file.path, file.name), file.name)
        types = "{" + ", ".join(f"{quoted(column)}: 'JSON'" for column in known) + "}"
        scan = (
            f"read_json({quoted(str(linked))}, format = 'newline_delimited', columns "
            f"= {types}, "
            f"maximum_object_size = {MAX_LINE_BYTES})"
        )
    target = engine.path(f"staged-{number}.parquet")
    chosen = ", ".join(_cast_text(column, file.format) for column in known)
    try:
        engine.run(
            f"COPY (SELECT {chosen} FROM {scan}) TO {quoted(str(target))} (FORMAT parquet, COMPRESSION "
            "snappy)"
        )
    except EngineInputError as error:
        raise first_wrong_row(file.path, file.name, file.format, rule) or _unreadable(file, error) from None
    return target


def _cast_text(column: str, format_: str) -> str:
    """SQL that turns the text of a column into its type, or fails."""
    text = f'"{column}"'
    type_ = COLUMN_TYPES[column]
    failed = f"error('{column}')"
    if format_ == "jsonl":
        wanted = {"VARCHAR": "'VARCHAR'", "BOOLEAN": "'BOOLEAN'"}.get(type_, "'UBIGINT', 'BIGINT', 'DOUBLE'")
        value = f"({text} ->> '$')"
        fits = f"json_type({text}) IN ({wanted})"
        none = f"{text} IS NULL OR json_type({text}) = 'NULL'"
        text = f"CASE WHEN {none} THEN NULL WHEN {fits} THEN {value} ELSE {failed} END"
    if type_ == "INTEGER":
        whole = f"({text})::DOUBLE"
        return f'CASE WHEN {whole} = floor({whole}) THEN {whole}::BIGINT ELSE {failed} END AS "{column}"'
    return f'({text})::{type_} AS "{column}"'


def _unreadable(file: FoundFile, error: EngineInputError) -> InputError:
    kind = {"parquet": "Parquet", "csv": "CSV", "jsonl": "JSONL"}[file.format]
    return InputError(
        f"this is not a readable {kind} file", where=Where(file=file.name), next_step=error.next_step
    )


def _known_columns(columns: Sequence[str], name: str) -> list[str]:
    """Return the columns of the contract that a file has; others are ignored.

    Raises:
        InputError: A required column is missing; a column with nearly its name is pointed at.
    """
    if len(columns) > MAX_COLUMNS:
        raise LimitError(f"{len(columns)} columns are more than {MAX_COLUMNS}", where=Where(file=name))
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing:
        spare = [column for column in columns if column not in COLUMN_TYPES and len(column) <= 64]
        hints = []
        for column in missing:
            near = difflib.get_close_matches(column, [s.strip().lower() for s in spare], n=1, cutoff=0.7)
            real = [s for s in spare if near and s.strip().lower() == near[0]]
            hints.append(f"`{column}`" + (f" (there is `{real[0]}`)" if real else ""))
        raise InputError(
            f"columns are missing: {', '.join(hints)}",
            where=Where(file=name, line=1 if name.endswith((".csv", ".jsonl")) else None),
            next_step=_advice(columns),
        )
    return [column for column in COLUMN_TYPES if column in columns]


def _advice(columns: Sequence[str]) -> str:
    if len(columns) == 1 and (";" in columns[0] or "\t" in columns[0]):
        return "The columns seem to be separated by another character; separate them by commas."
    return "The columns of a score file are in docs/reference/scores.md."


def _expressions(engine: Engine, source: Source) -> tuple[str, ...]:
    """SQL of every column of the contract for one file, types checked."""
    path = quoted(str(source.parquet))
    try:
        described = engine.rows(f"DESCRIBE SELECT * FROM read_parquet({path}, hive_partitioning = false)")
    except EngineInputError as error:
        raise _unreadable(source.file, error) from None
    types = {str(row[0]): str(row[1]) for row in described}
    _known_columns(list(types), source.file.name)
    return tuple(_typed(column, types, source.file.name) for column in COLUMN_TYPES)


def _typed(column: str, types: dict[str, str], name: str) -> str:
    wanted = COLUMN_TYPES[column]
    if column not in types:
        return f'NULL::{wanted} AS "{column}"'
    found = types[column]
    if found == wanted or (wanted == "INTEGER" and found in WHOLE):
        return f'"{column}"'
    number = found in NUMBERS or found.startswith("DECIMAL")
    fits = {
        "VARCHAR": found.startswith("ENUM")
        or (column not in REQUIRED_COLUMNS and (number or found == "UUID")),
        "DOUBLE": number,
        "INTEGER": False,
        "BOOLEAN": False,
    }[wanted]
    if not fits:
        kind = {
            "VARCHAR": "text",
            "DOUBLE": "numbers",
            "INTEGER": "whole numbers",
            "BOOLEAN": "true and false",
        }[wanted]
        raise InputError(
            f"column `{column}` holds {found}, not {kind}",
            where=Where(file=name),
            next_step="Write the column again.",
        )
    return f'"{column}"::{wanted} AS "{column}"'
