"""Severity in the report: who is named, what is said where nothing is shown, groups that do not compare."""

from __future__ import annotations

import msgspec
import pytest
from tests.simulators.joint_result import joint_result

from consilience.evaluation import joint_result as jr
from consilience.reporting.joint_report import render
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.context import Context
from consilience.reporting.sections.severity import SeverityBlock, severity_blocks
from consilience.reporting.tables import tables


def rater(name: str, value: float | None, half: float = 0.03, *, number: int | None = 0) -> jr.RaterSeverity:
    interval = None
    if value is not None:
        interval = jr.Interval(
            low=value - half, high=value + half, level=0.95, method="additive_raters_clustered"
        )
    told = jr.Estimate(
        value=value, interval=interval, n_items=40, n_scores=480, estimand="generalized",
        reason=None if value is not None else jr.Message(code="no_scores"),
    )  # fmt: skip
    return jr.RaterSeverity(rater=name, severity=told, n_ratings=480, connected_set=number, simulated=False)


def table(raters: list[jr.RaterSeverity], p: float | None, **changes: object) -> jr.SeverityTable:
    known = {
        "concept": "refusal", "language": None, "raters": tuple(raters), "residual_sd": 0.2, "p_equal": p,
        "n_objects": 480, "n_sets": 1, "method": "additive_raters_clustered", "reason": None,
    }  # fmt: skip
    return jr.SeverityTable(**(known | changes))  # type: ignore[arg-type]


def block(one: jr.SeverityTable, language: str = "en") -> SeverityBlock:
    result = msgspec.structs.replace(joint_result(), severity=(one,))
    (found,) = severity_blocks(Context(result, language))
    return found


def said(one: jr.SeverityTable) -> list[str]:
    return [without_markup(sentence) for sentence in block(one).sentences]


def test_the_raters_furthest_off_are_named_with_range_and_n() -> None:
    told = said(table([rater("a", 0.12), rater("b", -0.07), rater("c", -0.05)], 0.0001))
    assert told[0].replace("\u00a0", " ") == (
        "a scores 12 points lower than the mean rater on the same answers (9 to 15 points; 480 answers to "
        "40 items)."
    )
    assert told[1].startswith("b scores 7")
    assert "higher" in told[1]
    assert told[2].startswith("All 3 raters differ from their mean")
    assert len(told) == 3


def test_a_simulated_rater_is_called_so_and_its_part_in_the_mean_is_said() -> None:
    odd = msgspec.structs.replace(rater("a", 0.12), simulated=True)
    told = said(table([odd, rater("b", -0.07), rater("c", -0.05)], 0.0001))
    assert told[0].startswith("a (simulated) scores 12")
    assert "The mean rater is the mean of all 3 raters, of whom a are simulated." in told
    assert not any("simulated" in one for one in said(table([rater("a", 0.1), rater("b", -0.1)], 0.001)))


def test_of_two_raters_the_more_severe_one_is_named_once() -> None:
    told = said(table([rater("a", -0.06), rater("b", 0.06)], 0.001))
    assert told[0].startswith("b scores 6")
    assert told[1].startswith("The 2 raters are not all equally severe")
    assert len(told) == 2


def test_nobody_is_named_where_no_difference_is_shown() -> None:
    told = said(table([rater("a", 0.12), rater("b", -0.12)], 0.3))
    assert len(told) == 1
    assert "no difference in severity" in told[0]
    assert "p = 0.300" in told[0]


def test_where_nothing_is_estimated_the_reason_is_said() -> None:
    reason = jr.Message(code="too_few_shared", params={"n_shared": 4, "needed": 10})
    told = said(table([rater("a", None), rater("b", None)], None, reason=reason))
    assert told == ["Not estimated: only 4 answers were rated by both; 10 are needed."]


def test_groups_of_raters_stand_apart() -> None:
    reason = jr.Message(code="raters_unlinked", params={"n_sets": 2})
    raters = [rater("a", 0.1), rater("b", -0.1), rater("c", 0.1, number=1), rater("d", -0.1, number=1)]
    found = block(table(raters, 0.001, n_sets=2, reason=reason))
    assert [without_markup(group.heading) for group in found.forest.groups] == [
        "Group 1: raters that share answers", "Group 2: raters that share answers",
    ]  # fmt: skip
    assert "compare only within a group" in without_markup(found.sentences[-1])


@pytest.mark.parametrize("count", [3, 400])
def test_long_pictures_are_cut_and_say_so(count: int) -> None:
    found = block(table([rater(f"r{k}", 0.01 * (-1) ** k) for k in range(count)], 0.5))
    rows = sum(len(group.rows) for group in found.forest.groups)
    assert rows == min(count, 150)
    assert (found.forest.note is None) == (count == 3)


def test_languages_stand_in_a_table_below_in_the_order_of_the_protocol() -> None:
    result = joint_result()
    (found,) = severity_blocks(Context(result, "en"))
    assert found.table is not None
    assert found.table.total == 2 * len(result.languages)
    assert "simulated" in found.table.rows[1][1]
    assert found.forest.groups[0].rows[1].tag == "simulated"


def test_the_report_and_the_data_hold_severity_and_ranges() -> None:
    result = joint_result()
    page = render(result)
    assert 'id="severity-0"' in page
    assert 'id="table-ranges"' in page
    assert "4 rest on less and may be too narrow (Krippendorff’s alpha, nominal)" in without_markup(page)  # type: ignore[arg-type]
    named = {one.name: one for one in tables(result)}
    assert len(named["severity"].rows) == sum(len(one.raters) for one in result.severity)
    assert [row[0] for row in named["ranges"].rows] == [one.method for one in result.ranges]


def test_without_severity_and_ranges_the_report_says_so() -> None:
    page = render(msgspec.structs.replace(joint_result(), severity=(), ranges=()))
    assert "no two raters with one scale scored the same answers" in page
    assert "table-ranges" not in page
