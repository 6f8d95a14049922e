"""The cross-check in the report and in its data: what is drawn, what is said, and what is not there."""

from __future__ import annotations

import re

import msgspec
import pytest
from tests.simulators.joint_result import joint_result

from consilience.evaluation import joint_result as jr
from consilience.reporting.joint_report import render
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.bayes import BayesBlock, bayes_blocks
from consilience.reporting.sections.context import Context
from consilience.reporting.sections.view import MAX_FOREST_ROWS
from consilience.reporting.tables import tables


@pytest.fixture(scope="module")
def result() -> jr.JointResult:
    return joint_result()


def blocks(result: jr.JointResult) -> list[BayesBlock]:
    return bayes_blocks(Context(result))


def said(block: BayesBlock) -> str:
    return " ".join(without_markup(sentence) for sentence in block.sentences)


def with_table(result: jr.JointResult, **changes: object) -> jr.JointResult:
    table = msgspec.structs.replace(result.bayes[0], **changes)
    return msgspec.structs.replace(result, bayes=(table,))


def test_averages_are_drawn_with_both_ways_beside_each_other(result: jr.JointResult) -> None:
    block = blocks(result)[0]
    assert block.forest is not None
    n_laboratories, n_languages = len(result.laboratories), len(result.languages)
    assert len(block.forest.groups) == 1 + n_laboratories + n_languages
    first = block.forest.groups[0]
    assert without_markup(first.heading) == "all languages, all laboratories"
    assert [without_markup(row.label) for row in first.rows] == ["this report", "hierarchical model"]
    total = next(c for c in result.bayes[0].cells if c.laboratory is None and c.language is None)
    assert total.core_generalized.value is not None
    assert without_markup(first.rows[0].reading.value) == f"{100 * total.core_generalized.value:.1f}%"
    assert first.rows[0].reading.value != first.rows[1].reading.value
    assert block.table.total == len(result.bayes[0].cells)


def test_the_estimand_of_the_verdict_is_drawn(result: jr.JointResult) -> None:
    exercise = msgspec.structs.replace(result.exercise, verdict_estimand="benchmark")
    block = blocks(msgspec.structs.replace(result, exercise=exercise))[0]
    assert block.forest is not None
    model = block.forest.groups[0].rows[1].reading
    assert "only a random part of the items" in without_markup(model.value)


def test_intervals_that_do_not_overlap_are_counted_and_the_reader_warned(result: jr.JointResult) -> None:
    n = len(result.bayes[0].cells)
    told = said(blocks(result)[0])
    assert f"In {n - 1} of {n} scores the two intervals overlap: where they do not, trust neither." in told
    assert "(Swahili Kiswahili, all laboratories)" in told
    assert "worst R-hat 1.004" in told
    assert "30 of 40 items, drawn at random" in told


def test_all_intervals_overlap(result: jr.JointResult) -> None:
    agreement = tuple(msgspec.structs.replace(a, n_overlapping=a.n_cells) for a in result.bayes[0].agreement)
    told = said(blocks(with_table(result, agreement=agreement))[0])
    assert f"In all {agreement[0].n_cells} scores the two intervals overlap" in told
    assert "trust neither" not in told


def test_no_interval_on_both_sides_is_said(result: jr.JointResult) -> None:
    agreement = tuple(
        msgspec.structs.replace(a, n_cells=0, n_overlapping=0, n_inside=0, largest_difference=None)
        for a in result.bayes[0].agreement
    )
    assert "cannot be held against each other" in said(blocks(with_table(result, agreement=agreement))[0])


def test_a_model_without_numbers_says_why_and_draws_nothing(result: jr.JointResult) -> None:
    block = blocks(result)[1]
    assert block.forest is None
    assert block.spreads is None
    assert "No cross-check: the chains of the sampler do not agree" in said(block)
    assert "divergences 71" in said(block)


def test_a_sampler_that_did_not_run_has_no_line_of_its_own(result: jr.JointResult) -> None:
    reason = jr.Message(code="not_binary", params={"rater": "exact"})
    told = said(blocks(with_table(result, reason=reason, chains=None, n_items=40))[0])
    assert told == "No cross-check: the scale of exact is not yes or no."


def test_a_source_without_a_spread_has_its_reason(result: jr.JointResult) -> None:
    table = blocks(result)[0].spreads
    assert table is not None
    laboratory, interaction = ([without_markup(cell) for cell in row] for row in table.rows)
    assert laboratory[:3] == ["laboratory", "not estimable: these data have only one of it", "no interval"]
    assert interaction[:3] == ["item × language", "0.41", "0.02\u00a0to\u00a00.90"]


def test_many_averages_are_cut_and_the_page_says_so(result: jr.JointResult) -> None:
    cell = next(c for c in result.bayes[0].cells if c.laboratory is None)
    block = blocks(with_table(result, cells=(cell,) * MAX_FOREST_ROWS))[0]
    assert block.forest is not None
    assert sum(len(group.rows) for group in block.forest.groups) == MAX_FOREST_ROWS
    assert block.forest.note is not None


def test_the_data_hold_every_number(result: jr.JointResult) -> None:
    found = {table.name: table for table in tables(result)}
    cells = found["bayes"]
    assert len(cells.rows) == sum(len(table.cells) for table in result.bayes)
    names = [column.name for column in cells.columns]
    first = dict(zip(names, cells.rows[0], strict=True))
    assert first["generalized"] == result.bayes[0].cells[0].generalized.value
    assert first["core_generalized"] == result.bayes[0].cells[0].core_generalized.value
    assert "random part" in str(first["benchmark_reason"])
    fits = [column.name for column in found["bayes_fits"].columns]
    assert [row[fits.index("r_hat")] for row in found["bayes_fits"].rows] == [1.004, 1.31]
    assert len(found["bayes_agreement"].rows) == 4
    assert len(found["bayes_spreads"].rows) == 2


def test_without_a_cross_check_nothing_of_it_is_there(result: jr.JointResult) -> None:
    without = msgspec.structs.replace(result, bayes=())
    assert not [table.name for table in tables(without) if table.name.startswith("bayes")]
    assert not re.search(r"bayes|hierarchical", render(without))
