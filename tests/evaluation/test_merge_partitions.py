"""However the rows are partitioned, the tables are the same to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.exercises import make_protocol
from tests.evaluation.score_tables import assert_same_tables
from tests.simulators.scores import Design, row, write, write_rows

from consilience.errors import IncompatibleError
from consilience.evaluation import merge_columns, merge_layout, merge_units
from consilience.evaluation.merge import Merged, merge
from consilience.evaluation.merge_census import Group
from consilience.evaluation.merge_partitions import make_partitions
from consilience.evaluation.protocol import Aggregation, Rater, RaterKind, Scale

RATERS = ("a", "b", "c")
SCORES = st.one_of(st.none(), st.sampled_from([0.0, 0.1, 1 / 3, 0.7, 1.0, 2.9]))
KEYS = st.tuples(
    st.sampled_from(["lab-a", "lab-b", "lab-c"]),
    st.sampled_from(["en", "sw"]),
    st.sampled_from(["i1", "i2", "i3"]),
    st.integers(1, 6),
    st.sampled_from(RATERS),
)
DESIGNS = st.dictionaries(KEYS, SCORES, min_size=1, max_size=60)


def _rows(design: dict[tuple[str, str, str, int, str], float | None]) -> list[dict[str, Any]]:
    return [
        row(
            laboratory=lab, language=language, item=item, attempt=attempt, rater=rater, score=value,
            rater_kind="human" if rater == "c" else "program",
            status="failed" if value is None else "scored", cause="timeout" if value is None else None,
        )
        for (lab, language, item, attempt, rater), value in design.items()
    ]  # fmt: skip


def _protocol(per_item: str) -> Any:
    scale = Scale(kind="continuous", minimum=0.0, maximum=3.0)
    raters = [Rater(id=name, kind=RaterKind.PROGRAM, program="exact", scale=scale) for name in RATERS]
    return make_protocol(
        items=("i1", "i2", "i3"), languages=("en", "sw"), raters=raters,
        aggregation=Aggregation(per_item=per_item),
    )  # fmt: skip


def _assert_same(left: Merged, right: Merged) -> None:
    assert_same_tables(left.tables, right.tables)
    assert left.groups == right.groups
    assert (left.doubled, left.other_rows, left.files) == (right.doubled, right.other_rows, right.files)


@settings(max_examples=25)
@given(
    DESIGNS, st.sampled_from(["mean", "majority", "any", "all", "first"]), st.integers(0, 4),
    st.integers(1, 9), st.booleans(), st.integers(1, 4),
)  # fmt: skip
def test_partitioned_tables_are_those_of_one_partition(
    tmp_path_factory: pytest.TempPathFactory,
    design: dict[tuple[str, str, str, int, str], float | None],
    per_item: str,
    doubled: int,
    partition_rows: int,
    by_generation: bool,
    n_files: int,
) -> None:
    folder, rows = tmp_path_factory.mktemp("t"), _rows(design)
    rows += rows[:doubled]
    files = [rows[number::n_files] for number in range(n_files)]
    for number, part in enumerate(files):
        if part:
            write_rows(part, folder / f"{number}.parquet")
    with pytest.MonkeyPatch.context() as patch:
        if by_generation:
            patch.setattr(merge_layout, "BITS", 0)
        patch.setattr(merge_units, "MAX_UNITS", 3)
        plan = _protocol(per_item)
        whole = merge([folder], protocol=plan)
        patch.setattr(merge_columns, "SEGMENT_BYTES", 8)
        patch.setattr(merge_columns, "KEPT_NUMBERS", 4)
        _assert_same(whole, merge([folder], protocol=plan, partition_rows=partition_rows))
    assert whole.doubled == min(doubled, len(design))


@pytest.mark.parametrize("binary", [True, False])
def test_the_sample_of_units_does_not_depend_on_partitions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, binary: bool
) -> None:
    design = Design(laboratories=3, languages=2, concepts=2, items=40, attempts=3, raters=4, binary=binary)
    paths = write(design, tmp_path)
    monkeypatch.setattr(merge_units, "MAX_UNITS", 50)
    whole = merge(paths)
    assert whole.tables.units.sampled
    human = np.isfinite(whole.tables.units.scores[2])
    assert 0 < human.sum() < 500
    for partition_rows in (1, 900, 2_000):
        _assert_same(whole, merge(paths, partition_rows=partition_rows))


def test_few_human_ratings_stay_in_the_sample_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    design = Design(
        laboratories=3, languages=1, items=60, attempts=2, raters=2, rater_kinds=("program", "judge")
    )
    human = [
        row(
            laboratory=f"lab-0{k % 3}",
            concept="concept-0",
            item=f"item-{k:05d}",
            rater="human",
            rater_kind="human",
        )
        for k in range(20)
    ]
    paths = (*write(design, tmp_path), write_rows(human, tmp_path / "human.csv"))
    monkeypatch.setattr(merge_units, "MAX_UNITS", 30)
    for partition_rows in (1, 10_000):
        units = merge(paths, partition_rows=partition_rows).tables.units
        assert np.isfinite(units.scores[0]).sum() == 20
    monkeypatch.setattr(merge_units, "MAX_UNITS", 19)
    assert np.isfinite(merge(paths, partition_rows=1).tables.units.scores[0]).sum() < 20


def test_other_splits_are_left_out_of_every_partition(tmp_path: Path) -> None:
    rows = [
        row(laboratory=lab, item=f"i{k}", split="tuning" if k < 2 else "evaluation")
        for lab in ("lab-a", "lab-b")
        for k in range(5)
    ]
    path = write_rows(rows, tmp_path / "s.parquet")
    merged = merge([path], partition_rows=1)
    assert merged.tables.item_names == ("i2", "i3", "i4")
    assert merged.other_rows == 4
    _assert_same(merge([path]), merged)


def test_a_rating_that_is_there_twice_and_differs_is_refused_in_any_partition(tmp_path: Path) -> None:
    rows = [row(laboratory=lab, item=f"i{k}") for lab in ("lab-a", "lab-b") for k in range(3)]
    path = write_rows([*rows, row(laboratory="lab-b", item="i1", score=0.0)], tmp_path / "s.parquet")
    for partition_rows in (1, 100):
        with pytest.raises(IncompatibleError, match=r"`lab-b` is there twice .* item `i1`"):
            merge([path], partition_rows=partition_rows)


def _group(cell: Sequence[str], source: int, rows: int) -> Group:
    filled: dict[str, Any] = dict.fromkeys(Group._fields)
    known = dict(zip(("laboratory", "model", "language", "concept"), cell, strict=True))
    return Group(**(filled | known | {"source": source, "rows": rows}))


def test_laboratories_stay_whole_where_they_fit() -> None:
    groups = [_group((lab, "m", tag, "c"), n, 10) for n, lab in enumerate("abc") for tag in ("en", "fr")]
    found = make_partitions(groups, 40)
    assert [(one.sources, one.rows) for one in found] == [((0, 1), 40), ((2,), 20)]
    assert found[0].condition == "(laboratory IN ('a', 'b'))"
    assert [one.condition for one in make_partitions(groups, 60)] == ["TRUE"]


def test_a_large_laboratory_is_parted_by_what_tells_its_cells_apart() -> None:
    groups = [_group(("it's", "m", tag, "c"), 0, 10) for tag in ("en", "fr", "sw")]
    first, second = make_partitions(groups, 20)
    assert first.condition == "((laboratory = 'it''s' AND language IN ('en', 'fr')))"
    assert second.condition == "((laboratory = 'it''s' AND language IN ('sw')))"
    groups += [_group(("it's", "m", "en", "d"), 1, 5)]
    found = make_partitions(groups, 20)
    assert (
        found[0].condition == "((laboratory = 'it''s' AND (language, concept) IN (('en', 'c'), ('en', 'd'))))"
    )
    assert found[0].sources == (0, 1)
    assert sum(one.rows for one in found) == 35


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(*(st.sampled_from("xyz") for _ in range(4)), st.integers(0, 3), st.integers(1, 50)),
        min_size=1,
    ),
    st.integers(1, 120),
)
def test_every_cell_is_in_one_partition(cells: list[tuple[str, str, str, str, int, int]], limit: int) -> None:
    groups = [_group(cell[:4], *cell[4:]) for cell in cells]
    found = make_partitions(groups, limit)
    assert sum(one.rows for one in found) == sum(group.rows for group in groups)
    sizes: dict[tuple[str, ...], int] = {}
    for cell in cells:
        sizes[cell[:4]] = sizes.get(cell[:4], 0) + cell[5]
    assert all(one.rows <= max(limit, *sizes.values()) for one in found)
    assert {number for one in found for number in one.sources} == {cell[4] for cell in cells}
