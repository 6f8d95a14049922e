"""What is said of a further laboratory, of the share beyond chance, and of outliers."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from tests.simulators.joint_result import interval, joint_result

from consilience.evaluation import joint_result as jr
from consilience.reporting.charts.axis import rate_axis
from consilience.reporting.joint_report import render
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.context import Context
from consilience.reporting.sections.further import further_sentences, outlier_table, summary_group
from consilience.reporting.tables import tables

FIVE = ("a", "b", "c", "d", "e")


def table(**changes: Any) -> tuple[Context, jr.BetweenLaboratories]:
    result = joint_result(laboratories=FIVE)
    known = result.between[0]
    summary = changes.pop("summary", {})
    assert known.summary is not None
    one = msgspec.structs.replace(known, summary=msgspec.structs.replace(known.summary, **summary), **changes)
    return Context(result), one


def said(**changes: Any) -> list[str]:
    return [without_markup(text).replace("\u00a0", " ") for text in further_sentences(*table(**changes))]


def test_the_share_beyond_chance_has_its_interval_and_n() -> None:
    told = said(outlier_tests=())
    assert told[0] == (
        "About 83% of how far the laboratories’ results lie apart is more than chance "
        "(I²; 95% interval 40 to 98%; 5 laboratories)."
    )
    assert said(summary={"i_squared": 0.0})[0].startswith(
        "The laboratories’ results differ no more than chance"
    )
    assert "(I²" not in said(summary={"i_squared_interval": None})[0]


def test_a_further_laboratory_has_its_range() -> None:
    told = said(summary={"prediction": interval(0.284, 0.741, "prediction")})[1]
    assert told == (
        "A further laboratory that works like these would likely find a result between 28% and 74% on these "
        "items (95% prediction interval from 5 laboratories)."
    )


def test_a_range_that_is_the_whole_scale_says_nothing_and_is_told_so() -> None:
    told = said(summary={"prediction": interval(0.0, 1.0, "prediction")})[1]
    assert "cannot tell" in told
    context, one = table(summary={"prediction": interval(0.0, 1.0, "prediction")})
    (group,) = summary_group(context, one, rate_axis())
    assert [without_markup(row.reading.value) for row in group.rows][1] == "open"


def test_no_range_has_its_reason() -> None:
    few = jr.Message(code="few_laboratories", params={"n_laboratories": 2})
    told = said(summary={"prediction": None, "reason": few})[1]
    assert told == (
        "What a further laboratory would find cannot be said: "
        "only 2 laboratories: too few for a useful precision."
    )


@pytest.mark.parametrize(
    ("found", "words"), [("outlier", "beyond its 1% value"), ("straggler", "beyond its 5%")]
)
def test_an_outlier_is_told_with_its_test_and_level(found: str, words: str) -> None:
    test = jr.OutlierTest(
        test="grubbs", laboratory="e", statistic=1.78, critical_5=1.71, critical_1=1.76,
        found=found,  # type: ignore[arg-type]
    )  # fmt: skip
    told = said(outlier_tests=(test,))[-1]
    assert told.startswith(f"e is {'an outlier' if found == 'outlier' else 'a straggler'}: Grubbs’ test")
    assert words in told
    quiet = msgspec.structs.replace(test, found="none")
    assert len(said(outlier_tests=(quiet,))) == 2


def test_the_tests_stand_in_a_table_with_critical_values_or_the_reason() -> None:
    context, one = table()
    found = outlier_table(context, one, "k")
    assert found is not None
    cochran, grubbs = ([without_markup(cell) for cell in row] for row in found.rows)
    assert cochran[2:5] == ["none"] * 3
    assert cochran[5].startswith("not estimable: scores of yes and no")
    assert grubbs[1:5] == ["e", "1.155", "1.154", "1.155"]
    assert outlier_table(context, msgspec.structs.replace(one, outlier_tests=()), "k") is None


def test_the_mean_stands_below_the_laboratories_with_how_many_there_are() -> None:
    context, one = table()
    (group,) = summary_group(context, one, rate_axis())
    assert without_markup(group.heading) == (
        "Over laboratories like these (random-effects mean; how hard the items are is held fixed)"
    )
    assert [without_markup(row.label) for row in group.rows] == [
        "Mean of the laboratories",
        "A further laboratory",
    ]
    assert {without_markup(row.reading.n) for row in group.rows} == {"5 laboratories"}
    alone = joint_result(laboratories=("only",))
    assert summary_group(Context(alone), alone.between[0], rate_axis()) == ()
    assert further_sentences(Context(alone), alone.between[0]) == []


def test_page_and_tables_hold_them() -> None:
    result = joint_result(laboratories=FIVE)
    page = without_markup(render(result))  # type: ignore[arg-type]
    assert "A further laboratory" in page
    assert re.search(r"\bζ\b", page)
    by_name = {one.name: one for one in tables(result)}
    summaries = by_name["laboratory_summaries"]
    columns = [column.name for column in summaries.columns]
    first = dict(zip(columns, summaries.rows[0], strict=True))
    summary = result.between[0].summary
    assert summary is not None
    assert summary.prediction is not None
    assert (first["prediction_low"], first["n_laboratories"]) == (summary.prediction.low, 5)
    assert len(by_name["outlier_tests"].rows) == 2 * len(result.between)
    assert "zeta" in {column.name for column in by_name["laboratory_scores"].columns}
