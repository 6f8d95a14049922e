"""Scores as CSV and Parquet: the same rows, in order, and no formula."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.exports.exported import NOW, scores_in
from tests.simulators.scores import row, write_rows

from consilience.evaluation.annotation import protected
from consilience.evaluation.exports.exporting import Request, export
from consilience.evaluation.exports.score_tables import protected_sql
from consilience.evaluation.scores import COLUMN_TYPES

ROWS = [
    row(item=item, score=score, status="scored" if score is not None else "failed",
        cause=None if score is not None else "timeout", simulated=False)
    for item, score in (("q2", 1 / 3), ("=1+1", None), ("q1", 0.0))
]  # fmt: skip


def exported(folder: Path, ending: str) -> Path:
    write_rows(ROWS, folder / "in" / "scores.parquet", list(COLUMN_TYPES))
    target = folder / f"all.{ending}"
    format_ = "csv" if ending == "csv" else "parquet"
    done = export([folder / "in"], Request(format=format_), target, now=NOW)
    assert (done.rows, len(done.files)) == (3, 1)
    assert {loss.code for loss in done.not_held} == ({"apostrophe"} if ending == "csv" else set())
    return target


def test_parquet_has_the_same_rows(tmp_path: Path) -> None:
    target = exported(tmp_path, "parquet")
    assert scores_in(target) == scores_in(tmp_path / "in/scores.parquet")


def test_csv_has_the_same_rows_in_order_and_no_formula(tmp_path: Path) -> None:
    target = exported(tmp_path, "csv")
    with target.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == list(COLUMN_TYPES)
    assert [one["item"] for one in rows] == ["'=1+1", "q1", "q2"]
    assert [one["score"] for one in rows] == ["", "0.0", "0.3333333333333333"]
    assert rows[0]["cause"] == "timeout"


def test_rows_named_twice_are_there_once(tmp_path: Path) -> None:
    write_rows(ROWS, tmp_path / "a" / "scores.parquet", list(COLUMN_TYPES))
    write_rows(ROWS[:2], tmp_path / "b" / "scores.parquet", list(COLUMN_TYPES))
    done = export(
        [tmp_path / "a", tmp_path / "b"], Request(format="parquet"), tmp_path / "all.parquet", now=NOW
    )
    assert done.rows == 3


@pytest.fixture(scope="module")
def database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:")


@given(
    st.text(
        st.sampled_from("=+-@'\t\r\n \u00a0\u2003\x1c\x85＝＋－＠a1 ") | st.characters(codec="utf-8"),
        max_size=6,
    )
)
def test_sql_protects_what_the_sheets_of_raters_protect(
    database: duckdb.DuckDBPyConnection, text: str
) -> None:
    if "\x00" in text:
        return
    (found,) = database.execute(f"SELECT {protected_sql('t')} FROM (SELECT ? AS t)", [text]).fetchone() or ()
    assert found == protected(text)
