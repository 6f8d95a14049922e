"""Raw and corrected side by side: every number with its interval, every gap with its reason, simulation
labelled."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.simulators import joint_result as simulator

from consilience.evaluation import joint_result as jr
from consilience.reporting.joint_report import render
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.context import Context
from consilience.reporting.sections.corrections import CorrectionBlock, correction_blocks
from consilience.reporting.sections.summary import summary
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


@pytest.mark.parametrize(
    ("needed", "told"),
    [
        (None, "How many would do is not known."),
        (481, "about 481 would be needed, more than the 480 answers there are."),
    ],
)
def test_a_number_that_is_not_known_or_not_to_be_had_is_said(needed: int | None, told: str) -> None:
    assert sentences(changed(human_needed=needed))[0].endswith(told)


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


def test_the_key_number_names_the_corrected_one_only_with_real_humans() -> None:
    def remarks(result: jr.JointResult) -> str:
        return " ".join(
            without_markup(key.remark) for key in summary(Context(result), "sha256:0").key_numbers
        )

    assert "61.0% (55.0\u00a0to\u00a071.0%) with the rater’s errors taken out" in remarks(
        whole(simulated=False)
    )
    assert "errors taken out" not in remarks(whole())
    assert "errors taken out" not in remarks(changed(simulated=False))


def test_the_tables_hold_every_row() -> None:
    result = simulator.joint_result()
    found = {table.name: table for table in tables(result)}
    assert len(found["corrections"].rows) == len(result.corrections) == 9
    assert len(found["corrected_differences"].rows) == len(result.corrected_differences) == 6
    names = [column.name for column in found["corrections"].columns]
    last = dict(zip(names, found["corrections"].rows[4], strict=True))
    assert (last["language"], last["corrected"], last["human_needed"]) == ("sw", None, 140)
    assert last["corrected_reason"] == "no human rated this"
