"""What more of each facet would bring, as the report tells and draws it."""

from __future__ import annotations

import re

import msgspec
import pytest
from tests.simulators.joint_result import joint_result

from consilience.evaluation import joint_result as jr
from consilience.reporting.charts.narrowing import Track, track_row, width_axis
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.context import Context
from consilience.reporting.sections.decisions import DecisionBlock, decision_blocks
from consilience.reporting.sections.variance import variance_blocks
from consilience.reporting.tables import tables


@pytest.fixture(scope="module")
def result() -> jr.JointResult:
    return joint_result()


def _blocks(result: jr.JointResult, **changes: object) -> list[DecisionBlock]:
    first, *rest = result.decisions
    first = msgspec.structs.replace(first, **changes)
    return decision_blocks(Context(msgspec.structs.replace(result, decisions=(first, *rest))))


def _said(block: DecisionBlock) -> str:
    return " ".join(without_markup(sentence) for sentence in block.sentences)


def test_sentences_tell_what_would_do_what_cannot_and_what_it_costs(result: jr.JointResult) -> None:
    said = _said(_blocks(result)[0])
    assert "With 40 items, 3 laboratories, 4 languages and 3 attempts per item" in said
    assert (
        "reach ±13.1\u00a0points to both sides; the aim is ±10.0\u00a0points (the margin between laboratories"
        in said
    )
    assert "With 18 more items (648 more calls, about 43,000 tokens) the interval would come under" in said
    assert "5 more laboratories (2,400 more calls, about 160,000 tokens) would do it too." in said
    assert "More of “attempt” alone cannot: with endlessly many it would stay at ±12.7\u00a0points." in said
    assert "above all “item”: 61% of its variance" in said
    assert "Generalizability (their order): 0.91 of 1; dependability (their values): 0.84 of 1." in said
    assert "item × laboratory × language" in said
    assert "only 3 laboratories" in said


def test_unknown_tokens_and_nothing_estimated_are_told(result: jr.JointResult) -> None:
    _, rated, nothing = _blocks(result)
    assert "4,320 more calls; their tokens are not known" in _said(rated)
    assert "over raters like judge-a and judge-b" in without_markup(rated.lead)
    assert "only one item" in _said(nothing)
    assert nothing.forest is None
    assert nothing.table is None


@pytest.mark.parametrize(
    ("calls", "tokens", "judges", "told"),
    [
        (648, 42_768.0, True, "648 more calls, about 43,000 tokens without those of judge models"),
        (648, 0.0, True, "648 more calls of judge models; their tokens are not known"),
        (1, 66.0, False, "1 more call, about 66 tokens"),
        (0, 0.0, False, "no calls: people or programs rate"),
        (648, None, True, "648 more calls; their tokens are not known"),
    ],
)
def test_costs(result: jr.JointResult, calls: int, tokens: float | None, judges: bool, told: str) -> None:
    items, *rest = result.decisions[0].more
    items = msgspec.structs.replace(items, extra_calls=calls, extra_tokens=tokens)
    blocks = _blocks(result, more=(items, *rest), tokens_leave_out_judges=judges)
    assert f"With 18 more items ({told})" in _said(blocks[0])


def test_within_the_margin_nothing_is_asked_for(result: jr.JointResult) -> None:
    more = tuple(
        msgspec.structs.replace(one, needed=one.now, extra_calls=0, extra_tokens=0.0, half_width=0.04)
        if one.needed
        else one
        for one in result.decisions[0].more
    )
    block = _blocks(result, half_width=0.04, cheapest=None, more=more)[0]
    assert "That is within it: nothing more is needed." in _said(block)
    assert "more items" not in _said(block)
    assert block.forest is not None
    assert "nothing more" in without_markup(block.forest.groups[0].rows[0].reading.n)


def test_where_none_does_it_alone_the_report_says_so(result: jr.JointResult) -> None:
    lack = jr.Message(code="no_number_suffices")
    more = tuple(
        msgspec.structs.replace(one, needed=None, extra_calls=None, extra_tokens=None, reason=lack)
        for one in result.decisions[0].more
        if one.left is not None
    )
    said = _said(_blocks(result, more=more, cheapest=None)[0])
    assert "More of one source alone does not bring it there." in said
    assert said.count("alone cannot") == 3


def test_every_facet_has_a_row_with_its_number_or_its_reason(result: jr.JointResult) -> None:
    for block, study in zip(_blocks(result), result.decisions, strict=True):
        if block.forest is None or block.table is None:
            continue
        rows = block.forest.groups[0].rows
        assert len(rows) == len(block.table.rows) == len(study.more)
        for row, one in zip(rows, study.more, strict=True):
            assert row.reading.known == (one.needed is not None)
            assert without_markup(row.reading.value)
            assert row.plot.count('class="mark') == len(one.curve) + (one.left is not None)


def test_a_scale_that_is_no_rate_is_told_in_its_units(result: jr.JointResult) -> None:
    raters = tuple(msgspec.structs.replace(one, scale="continuous") for one in result.raters)
    said = _said(_blocks(msgspec.structs.replace(result, raters=raters))[0])
    assert "±0.131" in said
    assert "points" not in said


def test_a_width_just_beside_the_margin_is_not_written_as_the_margin(result: jr.JointResult) -> None:
    said = _said(_blocks(result, half_width=0.1004)[0])
    assert "reach ±10.04\u00a0points to both sides; the aim is ±10.0\u00a0points" in said
    assert "reach ±10.0\u00a0points" in _said(_blocks(result, half_width=0.1)[0])
    assert "reach ±12.3\u00a0points" in _said(_blocks(result, half_width=0.1234)[0])


def test_the_track_goes_from_now_to_what_is_left() -> None:
    axis = width_axis([0.2, 0.1], margin=0.05)
    assert (axis.low, axis.reference, axis.band) == (0.0, 0.05, (0.0, 0.05))
    assert axis.high >= 0.2
    drawn = track_row(Track(widths=(0.2, 0.15), left=0.1), axis, tone="series-1", title="items")
    line = re.search(r'<line x1="([\d.]+)%" x2="([\d.]+)%"[^>]*whisker', drawn)
    assert line is not None
    assert float(line[1]) == pytest.approx(axis.place(0.1), abs=0.01)
    assert float(line[2]) == pytest.approx(axis.place(0.2), abs=0.01)
    assert drawn.count('class="mark series-1"') == 3
    empty = track_row(Track(widths=(), left=None), axis, tone="series-1", title="nothing")
    assert "mark" not in empty
    assert 'class="band"' in empty
    assert width_axis([0.2], margin=None).band is None


def test_a_table_with_raters_says_so_and_leaves_small_shares_to_the_table(result: jr.JointResult) -> None:
    block = variance_blocks(Context(result))[-1]
    table = result.variance[-1]
    assert "2 raters together" in without_markup(block.heading)
    assert "judge-a and judge-b scored the same answers" in without_markup(block.lead)
    small = [one for one in table.components if one.share is not None and one.share < 0.005]
    assert len(small) == 5
    assert block.note is not None
    assert "5 further sources have less than half a percent each" in without_markup(block.note)
    assert len(block.rows) == len(table.components) - 5
    assert len(block.table.rows) == len(table.components)
    told = {without_markup(row.source): without_markup(row.meaning) for row in block.rows}
    assert told["attempt"] == "chance from one answer of the model to the next, as all raters see it"
    assert told["residual"] == "raters judge one answer differently, beyond everything else"
    drawn = msgspec.structs.replace(
        result, variance=(msgspec.structs.replace(table, drawn=True, simulated=True),)
    )
    lead = without_markup(variance_blocks(Context(drawn))[0].lead)
    assert "drawn items" in lead
    assert "Simulated ratings enter" in lead


def test_the_data_folder_has_every_point(result: jr.JointResult) -> None:
    found = {table.name: table for table in tables(result)}
    points = sum(len(one.curve) for study in result.decisions for one in study.more)
    assert len(found["decision_curves"].rows) == points
    assert len(found["decisions"].rows) == sum(len(study.more) or 1 for study in result.decisions)
    names = [column.name for column in found["decisions"].columns]
    last = dict(zip(names, found["decisions"].rows[-1], strict=True))
    assert (last["facet"], last["needed"], last["reason"]) == (
        None,
        None,
        "only one item, so its spread cannot be seen",
    )
