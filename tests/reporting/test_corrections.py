"""Raw and corrected side by side: every number with its interval, every gap with its reason, simulation
labelled."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from markupsafe import Markup
from tests.simulators import joint_result as simulator

from consilience.evaluation import joint_result as jr
from consilience.reporting.joint_report import render
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.between import between_blocks
from consilience.reporting.sections.context import Context
from consilience.reporting.sections.corrections import CorrectionBlock, correction_blocks
from consilience.reporting.sections.decisions import decision_blocks
from consilience.reporting.sections.gaps import gap_blocks
from consilience.reporting.sections.summary import summary
from consilience.reporting.sections.ties import tie_blocks
from consilience.reporting.sections.variance import variance_blocks
from consilience.reporting.tables import tables


def changed(**changes: Any) -> jr.JointResult:
    """The simulated result with every correction changed."""
    result = simulator.joint_result()
    return msgspec.structs.replace(
        result, corrections=tuple(msgspec.structs.replace(one, **changes) for one in result.corrections)
    )


def whole(**changes: Any) -> jr.JointResult:
    """The same with a corrected number everywhere."""
    told = jr.Estimate(
        value=0.61,
        interval=simulator.interval(0.55, 0.71, "ppi_stratified"),
        n_items=40,
        n_scores=480,
        estimand="generalized",
    )
    return changed(corrected=told, n_human=120, **changes)


def block(result: jr.JointResult) -> CorrectionBlock:
    (found,) = correction_blocks(Context(result))
    return found


def sentences(result: jr.JointResult) -> list[str]:
    return [without_markup(one).replace("\u00a0", " ") for one in block(result).sentences]


def test_the_number_is_said_raw_and_corrected() -> None:
    told = sentences(whole(simulated=False))
    assert len(told) == 2
    assert told[0].startswith("The score of judge-a over all languages is ")
    assert "human ratings of 120 answers show are taken out, it is 61.0% (55.0 to 71.0%)." in told[0]
    assert told[
        1
    ] == "Differences between languages, corrected: 0 different, 0 equivalent, 3 inconclusive " + (
        "and 3 not estimable."
    )


def test_what_cannot_be_corrected_is_said_with_its_reason_and_what_would_do() -> None:
    told = sentences(simulator.joint_result())
    assert told[0] == (
        "The score of judge-a over all languages cannot be corrected: no human rated in Swahili "
        "(120 answers rated by humans). About 140 would do to know it within 5 points."
    )
    assert told[1].startswith("The score of judge-a in English is ")
    assert told[4].startswith("The score of judge-a in Swahili cannot be corrected: no human rated this")


def test_where_no_number_would_do_the_reason_is_said() -> None:
    assert sentences(changed(human_needed=None))[0].endswith("How many would do is not known.")
    reason = jr.Message(code="more_items_needed", params={"answers": 480, "left": 0.09, "items": 130})
    told = sentences(changed(human_needed=None, human_needed_reason=reason))[0]
    assert told.endswith(
        "No number is told: rating all 480 answers would not be enough; about 130 items would be."
    )
    reason = jr.Message(code="more_items_needed", params={"answers": 480, "left": 0.09, "items": None})
    told = sentences(changed(human_needed=None, human_needed_reason=reason))[0]
    assert told.endswith("No number is told: rating all 480 answers would not be enough.")


def test_a_rater_without_weight_leaves_the_mean_of_the_humans() -> None:
    told = sentences(whole(weight=0.0))[0]
    assert told.endswith(
        "The rater’s scores have no weight in it: it is the mean of the human ratings alone."
    )
    weights = {without_markup(row[4]) for row in block(whole(weight=0.0)).table.rows}
    assert weights == {"0.00 (humans alone)"}
    assert "no weight" not in sentences(whole(weight=0.3))[0]


@pytest.mark.parametrize(("value", "marked"), [(0.0, True), (1.0, True), (0.4, False)])
def test_an_estimate_at_the_end_of_the_scale_is_marked(value: float, marked: bool) -> None:
    told = jr.Estimate(
        value=value,
        interval=simulator.interval(0.0, 1.0, "rogan_gladen"),
        n_items=40,
        n_scores=480,
        estimand="generalized",
    )
    cells = [without_markup(row[3]) for row in block(changed(rogan_gladen=told)).table.rows]
    assert all(("set to the end of the scale" in cell) == marked for cell in cells)


def test_a_clipped_number_is_said() -> None:
    assert "lay outside the scale" in sentences(whole(clipped=True))[0]


def test_simulated_ratings_are_labelled_in_heading_captions_and_text() -> None:
    page = render(simulator.joint_result())
    part = page[page.index("its errors taken out") : page.index('id="table-corrected-differences-0"')]
    assert "enter no verdict" in part
    found = block(simulator.joint_result())
    assert found.simulated
    assert found.forest is not None
    for caption in (found.forest.caption, found.table.caption):
        assert "simulated human ratings" in caption
    real = block(changed(simulated=False))
    assert "simulated" not in real.table.caption


def test_every_language_has_its_raw_and_its_corrected_row() -> None:
    forest = block(simulator.joint_result()).forest
    assert forest is not None
    assert len(forest.groups) == 5
    assert all(len(group.rows) == 2 for group in forest.groups)
    last = forest.groups[-1].rows[1]
    assert not last.reading.known
    assert "<circle" not in last.plot
    assert "60 by humans" in without_markup(forest.groups[1].rows[1].reading.n)


def test_where_nothing_can_be_corrected_there_is_no_picture() -> None:
    nothing = block(changed(corrected=simulator.missing("no_human_ratings"), n_human=0))
    assert nothing.forest is None
    assert len(nothing.table.rows) == 9


def test_a_graded_scale_is_not_written_in_percent() -> None:
    result = whole(simulated=False)
    raters = tuple(
        msgspec.structs.replace(one, scale="ordinal") if one.id == "judge-a" else one for one in result.raters
    )
    told = sentences(msgspec.structs.replace(result, raters=raters))
    assert "it is 0.610 (0.550 to 0.710)." in told[0]


def key(result: jr.JointResult) -> tuple[str, str, str]:
    """Value, range and remark of the number that the judge carries."""
    found = summary(Context(result), "sha256:0").key_numbers[1]
    plain = [
        without_markup(part).replace("\u00a0", " ") for part in (found.value, found.interval, found.remark)
    ]
    return plain[0], plain[1], plain[2]


def test_the_key_number_is_the_corrected_one_only_with_real_humans() -> None:
    value, interval, remark = key(whole(simulated=False))
    assert (value, interval) == ("61.0%", "55.0 to 71.0%")
    assert "the rater’s errors taken out; as judge-a scored: 72.7%" in remark
    for result in (whole(), changed(simulated=False)):
        value, _, remark = key(result)
        assert value == "72.7%"
        assert "errors taken out" not in remark
        assert "as judge-a scored" in remark


def test_how_sure_looks_at_the_range_of_the_corrected_number() -> None:
    wide = jr.Estimate(
        value=0.6,
        interval=simulator.interval(0.3, 0.9, "ppi_stratified"),
        n_items=40,
        n_scores=480,
        estimand="generalized",
    )
    result = changed(corrected=wide, simulated=False)
    assert "30\u00a0points either way or less" in without_markup(summary(Context(result), "sha256:0").sure)
    points = [without_markup(one) for one in summary(Context(result), "sha256:0").sure_points]
    assert "Where a rater’s errors are taken out, the range holds the doubt about them too." in points


def test_sections_that_stand_on_raw_scores_say_so() -> None:
    result, said = simulator.joint_result(), "This speaks of scores as judge-a gave them"
    context = Context(result)
    studies = [one for one in result.decisions if one.rater == "judge-a"]
    assert studies
    by_judge = {
        "ties": [b.sentences for b in tie_blocks(context, "laboratory")],
        "decisions": [(b.lead,) for b in decision_blocks(context)],
        "gaps": [b.remarks for b in gap_blocks(context, "laboratory")],
        "between": [b.sentences for b in between_blocks(context)],
        "variance": [(b.lead,) for b in variance_blocks(context)],
    }
    for name, blocks in by_judge.items():
        told = [any(said in without_markup(one) for one in block) for block in blocks]
        assert any(told), name
        assert not all(told), f"{name}: programs are told as they are"


def test_a_gap_whose_sign_turns_is_told_beside_it() -> None:
    result = simulator.joint_result()
    turned = tuple(
        msgspec.structs.replace(
            one,
            simulated=False,
            corrected=jr.Estimate(
                value=-0.05 * (1 if (one.raw or 0) > 0 else -1),
                interval=simulator.interval(-0.2, 0.1, "ppi_stratified"),
                n_items=40,
                n_scores=480,
                estimand="generalized",
            ),
        )
        for one in result.corrected_differences
    )
    context = Context(msgspec.structs.replace(result, corrected_differences=turned))
    told = [
        without_markup(one)
        for found in gap_blocks(context, "language")
        for one in found.remarks
        if "changes its sign" in one
    ]
    assert len(told) == len(turned) == 6
    (counted,) = [
        without_markup(one)
        for found in gap_blocks(context, "language")
        for one in found.remarks
        if "With the rater’s errors taken out" in one
    ]
    assert counted.endswith("0 different, 0 equivalent, 3 inconclusive and 3 not estimable.")
    assert "taken out, as human ratings of 120 answers show them" in told[0]
    assert not any(
        "changes its sign" in one
        for found in gap_blocks(Context(result), "language")
        for one in found.remarks
    ), "simulated ratings correct nothing here"


def test_the_limits_of_the_verdict_stand_in_it() -> None:
    page = without_markup(Markup(render(simulator.joint_result()))).replace("\u00a0", " ")
    top = page[page.index("The verdict") : page.index("How sure is this?")]
    assert (
        "On Declining what should be declined the verdict speaks of scores as judge-a gave them, errors and "
        "all: the human ratings are simulated, and such ratings correct no verdict. About 140 human ratings "
        "for each score would do to know it within 5 points." in top
    )


def test_the_tables_hold_every_row() -> None:
    result = simulator.joint_result()
    found = {table.name: table for table in tables(result)}
    assert len(found["corrections"].rows) == len(result.corrections) == 9
    assert len(found["corrected_differences"].rows) == len(result.corrected_differences) == 6
    names = [column.name for column in found["corrections"].columns]
    last = dict(zip(names, found["corrections"].rows[4], strict=True))
    assert (last["language"], last["corrected"], last["human_needed"]) == ("sw", None, 140)
    assert last["corrected_reason"] == "no human rated this"
