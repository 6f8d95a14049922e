"""Sorted files of tables that are larger than the memory of the scratch database."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from consilience.evaluation.importers import sorted_file
from consilience.evaluation.importers.prompt_file import PromptFile
from consilience.evaluation.importers.sorted_file import write_sorted, write_with_texts


@pytest.fixture
def prompts(tmp_path: Path) -> Iterator[PromptFile]:
    """An empty file of prompts."""
    with closing(PromptFile(tmp_path)) as file:
        yield file


def a_database(folder: Path, limit: str = "112MB") -> duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": limit, "threads": "1", "temp_directory": str(folder / "spill"),
    }  # fmt: skip
    return duckdb.connect(str(folder / "scratch.duckdb"), config=config)


@pytest.mark.parametrize("direct", [0, 10**6])
def test_rows_are_sorted_whichever_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direct: int) -> None:
    monkeypatch.setattr(sorted_file, "DIRECT_ROWS", direct)
    database = a_database(tmp_path)
    database.execute(
        "CREATE TABLE t AS SELECT 'm' || i % 7 AS a, (i * 37) % 1000 AS b FROM range(1000) AS r(i)"
    )
    write_sorted(database, "t", ("b", "a"), ("a", "b"), tmp_path / "t.parquet")
    found = database.execute("SELECT a, b FROM read_parquet(?)", [str(tmp_path / "t.parquet")]).fetchall()
    assert found == sorted(found)
    assert len(found) == 1000
    assert database.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'in_order'"
    ).fetchone() == (0,)


@pytest.mark.parametrize("slice_bytes", [1, 3_000, 10**9])
def test_texts_stand_beside_their_rows_whatever_the_slices(
    tmp_path: Path, prompts: PromptFile, monkeypatch: pytest.MonkeyPatch, slice_bytes: int
) -> None:
    monkeypatch.setattr(sorted_file, "SLICE_BYTES", slice_bytes)
    monkeypatch.setattr(sorted_file, "GROUP_BYTES", 2_000)
    database = a_database(tmp_path)
    texts: dict[str, str | None] = {f"item-{n:03}": f"é{n} " * (n % 90) for n in range(200)}
    texts["none"] = None
    names = list(texts)
    random.Random(1).shuffle(names)
    rows = [
        [name, "digest", *((None, None) if (text := texts[name]) is None else prompts.append(text))]
        for name in names
    ]
    database.execute("CREATE TABLE t (item VARCHAR, item_digest VARCHAR, place BIGINT, size INTEGER)")
    database.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
    write_with_texts(database, "t", ("item", "item_digest"), prompts, tmp_path / "t.parquet")
    found = database.execute(
        "SELECT item, prompt FROM read_parquet(?)", [str(tmp_path / "t.parquet")]
    ).fetchall()
    assert found == [(name, texts[name]) for name in sorted(texts)]
    assert sorted(path.name for path in tmp_path.glob(".sorting-*")) == []


def test_no_rows_are_a_file_with_columns(tmp_path: Path, prompts: PromptFile) -> None:
    database = a_database(tmp_path)
    database.execute("CREATE TABLE t (item VARCHAR, place BIGINT, size INTEGER)")
    write_with_texts(database, "t", ("item",), prompts, tmp_path / "t.parquet")
    found = database.execute(
        "DESCRIBE SELECT * FROM read_parquet(?)", [str(tmp_path / "t.parquet")]
    ).fetchall()
    assert [(name, kind) for name, kind, *_ in found] == [("item", "VARCHAR"), ("prompt", "VARCHAR")]


def test_long_texts_need_no_more_memory_than_short_ones(tmp_path: Path, prompts: PromptFile) -> None:
    database = a_database(tmp_path, "80MB")
    database.execute("CREATE TABLE t (item VARCHAR, place BIGINT, size INTEGER)")
    for number in range(3_000):
        place, size = prompts.append(f"{number} " * 10_000)
        database.execute("INSERT INTO t VALUES (?, ?, ?)", [f"{number * 7919 % 3001:05}", place, size])
    write_with_texts(database, "t", ("item",), prompts, tmp_path / "t.parquet")
    query = "SELECT count(*), min(length(prompt)) FROM read_parquet(?)"
    assert database.execute(query, [str(tmp_path / "t.parquet")]).fetchone() == (3_000, 20_000)
