"""Charts: places on an axis, marks only where there are values, shares that fill the bar."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.reporting.charts import svg
from consilience.reporting.charts.axis import Axis, difference_axis, rate_axis, value_axis
from consilience.reporting.charts.forest import Mark, axis_row, row
from consilience.reporting.charts.matrix import distances, tone_of
from consilience.reporting.charts.variance import Part, share_bar, stacked_bar

FINITE = st.floats(min_value=-1e9, max_value=1e9)


def parsed(markup: object) -> ElementTree.Element:
    return ElementTree.fromstring(str(markup))


@given(st.lists(st.one_of(st.none(), FINITE), max_size=20))
def test_a_value_axis_holds_all_values_between_round_ticks(values: list[float | None]) -> None:
    axis = value_axis(values)
    assert axis.low < axis.high
    assert len(axis.ticks) >= 2
    assert all(axis.holds(value) for value in values if value is not None)
    assert all(axis.holds(tick) for tick in axis.ticks)


@given(st.lists(FINITE, max_size=20), st.one_of(st.none(), st.floats(0.001, 1e6)))
def test_a_difference_axis_is_symmetrical(values: list[float], margin: float | None) -> None:
    axis = difference_axis(values, margin=margin, least=0.1)
    assert axis.low == -axis.high
    assert all(axis.holds(value) for value in values)
    assert axis.place(0.0) == pytest.approx(50.0)
    assert axis.band == ((-margin, margin) if margin else None)


@given(FINITE)
def test_a_place_is_always_on_the_drawing(value: float) -> None:
    assert 0 <= rate_axis().place(value) <= 100


def test_rates_stand_on_the_whole_axis() -> None:
    axis = rate_axis()
    assert (axis.low, axis.high) == (0.0, 1.0)
    assert axis.place(0.5) == pytest.approx(50.0)


def test_a_range_without_a_value_is_drawn_without_a_mark() -> None:
    drawn = str(row(Mark(value=None, low=0.2, high=0.6), rate_axis(), title="a range"))
    assert 'class="whisker pooled"' in drawn
    assert "mark" not in drawn
    assert drawn.count('class="end pooled"') == 2


def test_a_row_without_a_value_has_no_mark() -> None:
    drawn = str(row(Mark(value=None), rate_axis(), title="not known"))
    assert "mark" not in drawn
    assert "whisker" not in drawn
    assert "<title>not known</title>" in drawn


def test_a_value_without_an_interval_has_a_mark_and_no_whisker() -> None:
    drawn = str(row(Mark(value=0.5), rate_axis(), title="x"))
    assert 'class="mark pooled"' in drawn
    assert "whisker" not in drawn


def test_an_interval_beyond_the_axis_ends_in_an_arrow() -> None:
    axis = Axis(low=0.0, high=1.0, ticks=(0.0, 1.0))
    drawn = str(row(Mark(value=0.5, low=-2.0, high=0.7), axis, title="x"))
    assert "M4-4 0 0 4 4" in drawn  # pointing left
    assert "M0-4V4" in drawn  # a bar at the right end


def test_the_mark_lies_where_the_axis_says() -> None:
    axis = rate_axis()
    drawn = parsed(row(Mark(value=0.25, low=0.2, high=0.3), axis, title="x"))
    marks = [part for part in drawn.iter() if (part.get("class") or "").startswith("mark")]
    assert [part.get("x") for part in marks] == [svg.percent(axis.place(0.25))]


def test_drawings_have_role_title_and_description() -> None:
    drawn = parsed(axis_row(rate_axis(), str, title="Scores", description="How to read"))
    assert drawn.get("role") == "img"
    assert [part.tag for part in drawn[:2]] == ["title", "desc"]
    assert len(drawn.findall("text")) == 5


def test_texts_and_attributes_are_escaped() -> None:
    drawn = str(svg.element("text", "<b>&", class_='"><script>'))
    assert drawn == '<text class="&#34;&gt;&lt;script&gt;">&lt;b&gt;&amp;</text>'


def test_coordinates_are_short() -> None:
    assert svg.number(1 / 3) == "0.33"
    assert svg.number(-0.001) == "0"
    assert svg.number(20.0) == "20"


SHARES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8)


@given(SHARES)
def test_parts_do_not_overlap_and_stay_inside(shares: list[float]) -> None:
    parts = tuple(Part(letter="A", share=share, tone="series-1") for share in shares)
    drawn = parsed(stacked_bar(parts, title="x", description="y"))
    end = 0.0
    for rect in drawn.findall("rect"):
        x, width = (float((rect.get(name) or "").removesuffix("%")) for name in ("x", "width"))
        assert x >= end - 0.02
        end = x + min(width, max(width, 0.0))
        assert x <= 100.0


def test_parts_carry_letters_where_there_is_room() -> None:
    parts = (Part(letter="A", share=0.9, tone="series-1"), Part(letter="B", share=0.01, tone="series-2"))
    assert re.findall(r"<text[^>]*>(\w)</text>", str(stacked_bar(parts, title="x", description=""))) == ["A"]


def test_an_unknown_share_draws_no_bar() -> None:
    drawn = str(share_bar(None, None, None, axis=rate_axis(), tone="series-1", title="x"))
    assert "slice" not in drawn
    assert "whisker" not in drawn


def test_distances_are_from_the_mean_of_the_column() -> None:
    values = {("A", "en"): 0.5, ("B", "en"): 0.7, ("A", "fr"): 0.4, ("B", "fr"): None}
    cells = distances(values, ["A", "B"], ["en", "fr", "sw"], step=0.05)
    assert cells["A", "en"].value == pytest.approx(-0.1)
    assert cells["A", "en"].tone == "lower"
    assert cells["B", "en"].tone == "higher"
    assert cells["A", "fr"].value is None  # nothing to compare with
    assert cells["A", "sw"].tone is None


@pytest.mark.parametrize(
    ("value", "tone"),
    [
        (0.0, "near"),
        (0.1, "near"),
        (0.15, "higher"),
        (-0.15, "lower"),
        (0.3, "much-higher"),
        (-9, "much-lower"),
    ],
)
def test_tones(value: float, tone: str) -> None:
    assert tone_of(value, 0.1) == tone
