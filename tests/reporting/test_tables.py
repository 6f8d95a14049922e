"""A statistician can recompute every number: all of them are in the tables, in three formats that agree."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.joint_result import joint_result

from consilience.errors import StoreError
from consilience.evaluation.joint_result import JointResult, Message
from consilience.reporting.table_files import (
    csv_bytes,
    json_bytes,
    readme_bytes,
    row_objects,
    safe_cell,
    write_tables,
    write_whole,
)
from consilience.reporting.tables import Column, Table, tables

NOT_DATA = {"verdict", "notes", "exercise", "counts", "software", "seed", "format", "generated_at"}


@pytest.fixture(scope="module")
def result() -> JointResult:
    return joint_result()


def leaves(value: Any) -> Iterator[Any]:
    """Every number and text of a part of the result; messages are told in words instead."""
    if isinstance(value, Message):
        return
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from leaves(getattr(value, name))
    elif isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from leaves(one)
    elif isinstance(value, tuple | list):
        for one in value:
            yield from leaves(one)
    elif value is not None and not isinstance(value, bool):
        yield value


def test_every_number_of_the_result_is_in_a_table(result: JointResult) -> None:
    there: set[Any] = set()
    texts: list[str] = []
    for table in tables(result):
        for row in table.rows:
            there.update(row)
            texts += [value for value in row if isinstance(value, str)]
    whole = "\n".join(texts)
    for name in result.__struct_fields__:
        if name in NOT_DATA:
            continue
        for leaf in leaves(getattr(result, name)):
            assert leaf in there or str(leaf) in whole or json.dumps(leaf, ensure_ascii=False) in whole, (
                name,
                leaf,
            )


def test_missing_numbers_have_a_reason(result: JointResult) -> None:
    cells = next(table for table in tables(result) if table.name == "cells")
    unknown = [row for row in row_objects(cells) if row["generalized"] is None]
    assert unknown
    assert all(row["generalized_reason"] for row in unknown)


def test_names_of_columns_are_unique_and_described(result: JointResult) -> None:
    for table in tables(result):
        columns = [column.name for column in table.columns]
        assert len(columns) == len(set(columns)), table.name
        assert all(column.description for column in table.columns)
        assert all(len(row) == len(columns) for row in table.rows)


def test_the_three_formats_agree(result: JointResult, tmp_path: Path) -> None:
    every = tables(result)
    write_tables(every, tmp_path, title="x", digest="sha256:1", result=b"{}")
    for table in every:
        document = json.loads((tmp_path / f"{table.name}.json").read_bytes())
        assert document["rows"] == row_objects(table)
        lines = list(
            csv.reader(io.StringIO((tmp_path / f"{table.name}.csv").read_bytes().decode(), newline=""))
        )
        assert lines[0] == [column.name for column in table.columns]
        assert lines[1:] == [[safe_cell(value) for value in row] for row in table.rows]
        with duckdb.connect() as connection:
            parquet = connection.execute(
                "SELECT * FROM read_parquet(?)", [str(tmp_path / f"{table.name}.parquet")]
            )
            assert [tuple(row) for row in parquet.fetchall()] == list(table.rows)


def test_the_readme_names_every_column(result: JointResult) -> None:
    every = tables(result)
    readme = readme_bytes(every, title="A | <b>title</b>", digest="sha256:1").decode()
    assert "A \\| \\<b\\>title" in readme
    for table in every:
        assert f"## {table.name}" in readme
        assert all(f"`{column.name}`" in readme for column in table.columns)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "＝", "\u00a0@"])
def test_formulas_are_disarmed(start: str) -> None:
    assert safe_cell(f"{start}1+1") == f"'{start}1+1"


def test_numbers_are_not_touched() -> None:
    assert safe_cell(-0.5) == "-0.5"
    assert safe_cell(None) == ""
    assert safe_cell(True) == "true"


@given(st.lists(st.lists(st.text(max_size=40), min_size=2, max_size=2), max_size=5))
def test_any_text_survives_csv_and_json(rows: list[list[str]]) -> None:
    columns = tuple(Column(name=name, type="text", description="x") for name in ("a", "b"))
    table = Table(name="t", description="d", columns=columns, rows=tuple(tuple(row) for row in rows))
    read = list(csv.reader(io.StringIO(csv_bytes(table).decode(), newline="")))
    assert read[1:] == [[safe_cell(cell) for cell in row] for row in rows]
    assert [list(row.values()) for row in json.loads(json_bytes(table))["rows"]] == rows


def test_a_folder_that_cannot_be_written_is_a_clear_error(result: JointResult, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="data folder") as caught:
        write_tables(tables(result), tmp_path / "file", title="x", digest="y", result=b"{}")
    assert "--data-folder" in caught.value.next_step


@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o022, 0o644)])
def test_who_may_read_a_report_is_decided_by_the_umask(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        path = write_whole(tmp_path / "report.html", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
