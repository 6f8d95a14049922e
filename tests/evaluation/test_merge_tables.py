"""The tables against plain Python on small random designs, for every aggregation of attempts."""

from __future__ import annotations

import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.exercises import make_protocol
from tests.simulators.scores import Design, row, write, write_rows

from consilience.evaluation import merge_tables, merge_units
from consilience.evaluation.merge import merge
from consilience.evaluation.merge_layout import rater_pairs
from consilience.evaluation.protocol import Aggregation, Rater, RaterKind, Scale

RATERS = ("a", "b")
AGGREGATES = {
    "mean": statistics.fmean,
    "majority": statistics.median,
    "any": max,
    "all": min,
}
score = st.one_of(st.none(), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
designs = st.dictionaries(
    st.tuples(
        st.sampled_from(["lab-a", "lab-b"]),
        st.sampled_from(["i1", "i2", "i3"]),
        st.integers(1, 3),
        st.sampled_from(RATERS),
    ),
    score,
    min_size=1,
)


def _rows(design: dict[tuple[str, str, int, str], float | None]) -> list[dict[str, Any]]:
    return [
        row(
            laboratory=lab, item=item, attempt=attempt, rater=rater, score=value,
            status="unscored" if value is None else "scored", cause="empty" if value is None else None,
        )
        for (lab, item, attempt, rater), value in design.items()
    ]  # fmt: skip


@settings(max_examples=25)
@given(designs, st.sampled_from([*AGGREGATES, "first"]))
def test_items_equal_what_plain_python_gives(
    tmp_path_factory: pytest.TempPathFactory,
    design: dict[tuple[str, str, int, str], float | None],
    per_item: str,
) -> None:
    scale = Scale(kind="continuous")
    plan = make_protocol(
        items=("i1", "i2", "i3"), languages=("en",), aggregation=Aggregation(per_item=per_item),
        raters=[Rater(id=r, kind=RaterKind.PROGRAM, program="exact", scale=scale) for r in RATERS],
    )  # fmt: skip
    path = write_rows(_rows(design), tmp_path_factory.mktemp("t") / "s.csv")
    tables = merge([path], protocol=plan).tables
    expected: dict[tuple[str, str, str], list[tuple[int, float]]] = defaultdict(list)
    for (lab, item, attempt, rater), value in sorted(design.items()):
        if value is not None:
            expected[lab, item, rater].append((attempt, value))
    for number, rater in enumerate(tables.raters):
        for k in range(tables.items.rows):
            key = (
                tables.laboratories[tables.items.laboratory[k]],
                tables.item_names[tables.items.item[k]],
                rater,
            )
            scores = expected.get(key, [])
            used = [v for a, v in scores if a == 1] if per_item == "first" else [v for _, v in scores]
            assert tables.items.attempts[number, k] == len(scores)
            if not used:
                assert tables.items.counts[number, k] == 0
                continue
            mean = tables.items.sums[number, k] / tables.items.counts[number, k]
            assert mean == pytest.approx(AGGREGATES.get(per_item, statistics.fmean)(used))
            squares = sum(v * v for v in used) if per_item == "mean" else mean**2
            assert tables.items.squares[number, k] == pytest.approx(squares)
    _check_pairs(tables, design)


def _check_pairs(
    tables: merge_tables.ScoreTables, design: dict[tuple[str, str, int, str], float | None]
) -> None:
    for (a, b), pair in tables.pairs.items():
        first, second = tables.raters[a], tables.raters[b]
        for k in range(tables.items.rows):
            lab, item = (
                tables.laboratories[tables.items.laboratory[k]],
                tables.item_names[tables.items.item[k]],
            )
            both = [
                (design[lab, item, t, first], design[lab, item, t, second])
                for t in (1, 2, 3)
                if design.get((lab, item, t, first)) is not None
                and design.get((lab, item, t, second)) is not None
            ]
            assert pair.count[k] == len(both)
            assert pair.first[k] == pytest.approx(sum(x for x, _ in both if x is not None))
            assert pair.second[k] == pytest.approx(sum(y for _, y in both if y is not None))
            assert pair.cross[k] == pytest.approx(sum(x * y for x, y in both if None not in (x, y)))


def test_units_are_the_generations_that_two_raters_scored(tmp_path: Path) -> None:
    rows = [row(), row(rater="judge", rater_kind="judge", score=0.0), row(attempt=2)]
    units = merge([write_rows(rows, tmp_path / "s.csv")]).tables.units
    assert units.scores.tolist() == [[1.0], [0.0]]
    assert not units.sampled


def test_many_units_are_sampled_the_same_each_time_and_human_ratings_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = Design(
        laboratories=2, languages=2, items=100, attempts=2, raters=2, rater_kinds=("program", "judge")
    )
    paths = write(design, tmp_path)
    human = [
        row(laboratory="lab-00", concept="concept-0", item=f"item-{k:05d}", rater="human", rater_kind="human")
        for k in range(7)
    ]
    paths = (*paths, write_rows(human, tmp_path / "human.csv"))
    everything = merge(paths).tables.units
    monkeypatch.setattr(merge_units, "MAX_UNITS", 100)
    first, second = merge(paths).tables.units, merge(paths).tables.units
    assert everything.scores.shape[1] == 800
    assert first.sampled
    assert 100 < first.scores.shape[1] < 320
    assert np.array_equal(first.scores, second.scores, equal_nan=True)
    assert np.isfinite(first.scores[0]).sum() == 7
    shares = np.bincount(first.laboratory, minlength=2) / first.laboratory.size
    assert np.all(np.abs(shares - 0.5) < 0.15)


def test_pairs_with_humans_come_first_and_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(rater=f"r{k}", rater_kind="human" if k == 3 else "judge") for k in range(5)]
    merged = merge([write_rows(rows, tmp_path / "s.csv")])
    assert len(merged.tables.pairs) == 10
    assert all(3 in pair for pair in list(merged.tables.pairs)[:4])
    monkeypatch.setattr("consilience.evaluation.merge_layout.MAX_PAIRS", 4)
    assert rater_pairs(merged.groups, merged.tables.raters) == [(0, 3), (1, 3), (2, 3), (3, 4)]


def test_a_sixty_first_rater_is_too_many(tmp_path: Path) -> None:
    rows = [row(rater=f"r{k:02d}") for k in range(60)]
    assert len(merge([write_rows(rows, tmp_path / "s.csv")]).tables.raters) == 60
