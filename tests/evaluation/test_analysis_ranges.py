"""Ranges of use in a joint result: every interval is counted, and what may be too narrow is told."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest
from tests.evaluation.test_analysis import every, run
from tests.simulators.joint_result import joint_result
from tests.simulators.scores import Components, Design, write

from consilience.evaluation.analysis_ranges import make_ranges, uses, with_ranges
from consilience.evaluation.joint_result import Estimate, Interval, JointResult
from consilience.statistics.ranges import RANGES, range_of

EMPTY = dict.fromkeys(
    (
        "agreement", "judges", "variance", "between", "severity", "corrections", "corrected_differences",
        "attributions", "decisions", "notes", "ranges",
    ),
    (),
)  # fmt: skip
"""Everything but cells and contrasts."""


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> JointResult:
    """Few items, so that some methods are outside their range."""
    design = Design(
        laboratories=4, languages=2, items=24, attempts=2, raters=3, rater_error=(0.0, 0.1, 0.2),
        rater_kinds=("program", "judge", "human"), components=Components(item=0.2),
    )  # fmt: skip
    return run(write(design, tmp_path_factory.mktemp("few")))


@pytest.mark.parametrize("which", ["analysed", "simulated"])
def test_every_interval_of_the_document_is_counted(which: str, analysed: JointResult) -> None:
    """The document is walked as a whole, so that no part can be forgotten."""
    result = analysed if which == "analysed" else joint_result()
    result = msgspec.structs.replace(result, bayes=())
    there = Counter(interval.method for interval in every(result, Interval))
    counted = Counter(method for method, _ in uses(result))
    assert there
    assert {method for method in there if counted[method] < there[method]} == set()


def test_counts_and_the_note_follow_from_the_units(analysed: JointResult) -> None:
    ranges = {one.method: one for one in analysed.ranges}
    assert set(ranges) <= set(RANGES)
    alpha = ranges["krippendorff_alpha_nominal"]
    rows = [a for a in analysed.agreement if a.interval is not None and a.statistic == alpha.method]
    assert {row.n_items for row in rows} == {24}
    assert all(row.n_shared > 100 for row in rows)
    assert (alpha.n_estimates, alpha.n_outside, alpha.narrow) == (len(rows), len(rows), True)
    note = next(n for n in analysed.notes if n.code == "note_narrow")
    narrow = [one for one in analysed.ranges if one.narrow and one.n_outside]
    assert note.params["methods"] == [one.method for one in narrow]
    outside = sum(one.n_outside for one in analysed.ranges)
    n_narrow = sum(one.n_outside for one in narrow)
    assert (note.params["n_narrow"], note.params["n_wide"]) == (n_narrow, outside - n_narrow)
    every = sum(1 for _ in uses(analysed))
    assert every > sum(one.n_estimates for one in analysed.ranges), "methods that held everywhere count too"
    assert (note.params["n_all"], note.params["n_inside"]) == (every, every - outside)


def test_cells_are_counted_by_family_and_items(analysed: JointResult) -> None:
    cells = [e for c in analysed.cells for e in (c.benchmark, c.generalized) if e.interval is not None]
    effective = [e for e in cells if e.interval and range_of(e.interval.method) is RANGES["effective_wilson"]]
    row = next(one for one in analysed.ranges if one.method == "effective_wilson")
    assert row.n_estimates >= len(effective) > 0
    assert not row.narrow
    assert row.n_outside > 0


def test_where_nothing_is_too_narrow_there_is_no_note(analysed: JointResult) -> None:
    bare = msgspec.structs.replace(analysed, **EMPTY)
    assert make_ranges(bare)
    assert all(not (one.narrow and one.n_outside) for one in make_ranges(bare))
    assert with_ranges(bare).notes == ()


def test_what_has_no_interval_is_not_counted() -> None:
    nothing = Estimate(value=0.5, interval=None, n_items=3, n_scores=3, estimand="benchmark")
    base = joint_result()
    cell = msgspec.structs.replace(base.cells[0], benchmark=nothing, generalized=nothing)
    assert list(uses(msgspec.structs.replace(base, **EMPTY | {"cells": (cell,), "contrasts": ()}))) == []


def test_analysis_of_one_laboratory_has_its_ranges(tmp_path: Path) -> None:
    result = run(write(Design(laboratories=1, languages=1, items=200, attempts=1, raters=1), tmp_path))
    assert "wilson" in {one.method for one in result.ranges}
    assert all(one.n_outside <= one.n_estimates for one in result.ranges)
    assert not any(note.code == "note_narrow" for note in result.notes)
