"""Grouping by item with attempts side by side gives the tables that grouping by generation gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.exercises import make_protocol
from tests.evaluation.score_tables import assert_same_tables
from tests.simulators.scores import Design, row, write, write_rows

from consilience.evaluation import merge_layout, merge_passes, merge_units
from consilience.evaluation.merge import merge
from consilience.evaluation.merge_tables import ScoreTables
from consilience.evaluation.protocol import Aggregation, Rater, RaterKind, Scale

RATERS = ("a", "b", "c")
BINARY = st.one_of(st.none(), st.sampled_from([0.0, 1.0]))
ANY = st.one_of(st.none(), st.sampled_from([0.0, 0.25, 1.0, 3.0]))
KEYS = st.tuples(
    st.sampled_from(["lab-a", "lab-b"]),
    st.sampled_from(["en", "sw"]),
    st.sampled_from(["i1", "i2", "i3"]),
    st.integers(1, 4),
    st.sampled_from(RATERS),
)


def _by_generation(paths: Sequence[Path], **options: Any) -> ScoreTables:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merge_layout, "BITS", 0)
        return merge(paths, **options).tables


def _assert_equal(left: ScoreTables, right: ScoreTables) -> None:
    assert_same_tables(left, right, rtol=1e-14)


def _rater(name: str) -> Rater:
    scale = Scale(kind="continuous", minimum=0.0, maximum=3.0)
    return Rater(id=name, kind=RaterKind.PROGRAM, program="exact", scale=scale)


@settings(max_examples=40)
@given(
    st.dictionaries(KEYS, BINARY, min_size=1),
    st.dictionaries(KEYS, ANY),
    st.sampled_from(["mean", "majority", "any", "all", "first"]),
    st.integers(0, 3),
)
def test_both_ways_give_the_same_tables(
    tmp_path_factory: pytest.TempPathFactory,
    binary: dict[tuple[str, str, str, int, str], float | None],
    more: dict[tuple[str, str, str, int, str], float | None],
    per_item: str,
    doubled: int,
) -> None:
    scores = binary | {key: value for key, value in more.items() if key[4] == "a"}
    rows = [
        row(
            laboratory=lab, language=language, item=item, attempt=attempt, rater=rater, score=value,
            status="failed" if value is None else "scored", cause="timeout" if value is None else None,
        )
        for (lab, language, item, attempt, rater), value in scores.items()
    ]  # fmt: skip
    plan = make_protocol(
        items=("i1", "i2", "i3"), languages=("en", "sw"), aggregation=Aggregation(per_item=per_item),
        raters=[_rater(name) for name in RATERS],
    )  # fmt: skip
    path = write_rows([*rows, *rows[:doubled]], tmp_path_factory.mktemp("t") / "s.csv")
    merged = merge([path], protocol=plan)
    assert merged.doubled == min(doubled, len(rows))
    _assert_equal(merged.tables, _by_generation([path], protocol=plan))


@pytest.mark.parametrize("binary", [True, False])
def test_both_ways_draw_the_same_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, binary: bool
) -> None:
    design = Design(
        laboratories=2, languages=2, items=60, attempts=3, raters=2, binary=binary, unscored=0.1,
        rater_kinds=("program", "judge"),
    )  # fmt: skip
    human = [
        row(laboratory="lab-00", concept="concept-0", item=f"item-{k:05d}", rater="human", rater_kind="human")
        for k in range(7)
    ]
    paths = (*write(design, tmp_path), write_rows(human, tmp_path / "human.csv"))
    everything = merge(paths).tables
    _assert_equal(everything, _by_generation(paths))
    assert not everything.units.sampled
    monkeypatch.setattr(merge_units, "MAX_UNITS", 50)
    sample = merge(paths).tables
    assert sample.units.sampled
    assert 50 < sample.units.item.size < 200
    _assert_equal(sample, _by_generation(paths))


def test_the_sample_is_drawn_from_any_number_of_items(tmp_path: Path) -> None:
    paths = write(
        Design(laboratories=1, languages=1, items=90_000, attempts=1, raters=2, binary=False), tmp_path
    )
    units = _by_generation(paths).units
    assert units.sampled
    assert units.item.size == pytest.approx(merge_units.MAX_UNITS, rel=0.1)
    assert units.item.max() > 86_000


@pytest.mark.parametrize(
    ("attempts", "binary", "fits"),
    [(20, True, True), (21, True, False), (20, False, True), (21, False, False)],
)
def test_items_of_many_attempts_are_grouped_by_generation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, attempts: int, binary: bool, fits: bool
) -> None:
    paths = write(Design(laboratories=1, items=3, attempts=attempts, raters=3, binary=binary), tmp_path)
    expected = _by_generation(paths)
    used = []
    grouped = merge_passes.group_items

    def watched(*arguments: Any) -> int:
        used.append(True)
        return grouped(*arguments)

    monkeypatch.setattr("consilience.evaluation.merge_passes.group_items", watched)
    _assert_equal(merge(paths).tables, expected)
    assert bool(used) == fits


def test_many_raters_with_other_scores_are_grouped_by_generation(tmp_path: Path) -> None:
    paths = write(Design(laboratories=1, items=2, attempts=16, raters=4, binary=False), tmp_path)
    groups = merge(paths).groups
    assert merge_layout.attempts_fit(groups, [False] * 4) == 0
    assert merge_layout.attempts_fit(groups, [True, False, False, False]) == 16
