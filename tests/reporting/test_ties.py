"""Groups in place of ranks: who stands together, in words, letters and ranges; never a bare rank."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from tests.simulators.joint_result import joint_result

from consilience.evaluation import joint_result as jr
from consilience.reporting.joint_report import render
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.context import Context
from consilience.reporting.sections.ties import TieBlock, letter, tie_blocks
from consilience.reporting.tables import tables


def ties(
    groups: Sequence[Sequence[str]], best: dict[str, int], worst: dict[str, int], **changes
) -> jr.TieGroups:
    known = jr.TieGroups(
        axis="laboratory", concept="arithmetic", rater="exact", model="SmolLM2-135M-Instruct",
        groups=tuple(tuple(group) for group in groups), best_rank=best, worst_rank=worst,
    )  # fmt: skip
    return msgspec.structs.replace(known, **changes)


OVERLAP = ties([["a", "b"], ["b", "c"]], {"a": 1, "b": 1, "c": 2}, {"a": 2, "b": 3, "c": 3})


def block(one: jr.TieGroups) -> TieBlock:
    result = msgspec.structs.replace(joint_result(), ties=(one,))
    (found,) = tie_blocks(Context(result), one.axis)
    return found


def said(one: jr.TieGroups) -> list[str]:
    return [without_markup(text) for text in block(one).sentences]


def test_groups_are_named_from_the_best_and_not_called_equal() -> None:
    assert said(OVERLAP) == [
        "Within each of these groups the data tell nobody from another; groups from the best: a and b; "
        "b and c.",
        "Not told apart does not mean equal.",
    ]


def test_one_group_of_all_and_groups_of_one_each() -> None:
    names = {"a": 1, "b": 1, "c": 1}
    all_in_one = ties([["a", "b", "c"]], names, dict.fromkeys(names, 3))
    assert said(all_in_one)[0] == "These data cannot tell any of the 3 laboratories from another."
    apart = ties([["a"], ["b"], ["c"]], {"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 2, "c": 3})
    assert said(apart) == ["Each is told from every other; from the best: a; b; c."]


def test_too_many_groups_are_told() -> None:
    reason = jr.Message(code="too_many_groups", params={"limit": 60})
    told = said(ties([], {"a": 1, "b": 1}, {"a": 2, "b": 2}, reason=reason))
    assert len(told) == 1
    assert "there are more than 60 overlapping groups" in told[0]
    rows = block(ties([], {"a": 1, "b": 1}, {"a": 2, "b": 2}, reason=reason)).forest.groups[0].rows
    assert {without_markup(row.reading.interval) for row in rows} == {"not listed"}


def test_ranks_are_ranges_and_members_share_letters() -> None:
    rows = block(OVERLAP).forest.groups[0].rows
    read = [
        tuple(
            without_markup(x).replace("\u00a0", " ") for x in (r.label, r.reading.value, r.reading.interval)
        )
        for r in rows
    ]
    assert read == [("a", "1 to 2", "a"), ("b", "1 to 3", "a b"), ("c", "2 to 3", "b")]
    sure = ties([["a"], ["b"]], {"a": 1, "b": 2}, {"a": 1, "b": 2})
    rows = block(sure).forest.groups[0].rows
    assert [without_markup(row.reading.value) for row in rows] == ["1", "2"]


@pytest.mark.parametrize(("at", "expected"), [(0, "a"), (25, "z"), (26, "aa"), (59, "bh")])
def test_letters_go_on_after_z(at: int, expected: str) -> None:
    assert letter(at) == expected


def test_languages_are_named_in_the_language_of_the_report() -> None:
    one = ties([["en", "sw"]], {"en": 1, "sw": 1}, {"en": 2, "sw": 2}, axis="language")
    assert [without_markup(row.label) for row in block(one).forest.groups[0].rows] == ["English", "Swahili"]


def test_page_and_table_hold_every_axis() -> None:
    result = joint_result(models=("m1", "m2"))
    page = render(result)
    assert page.count("Groups instead of ranks") == len(result.ties)
    (found,) = (one for one in tables(result) if one.name == "ties")
    columns = [column.name for column in found.columns]
    rows = [dict(zip(columns, row, strict=True)) for row in found.rows]
    assert {row["axis"] for row in rows} == {"laboratory", "language", "model"}
    assert len(rows) == sum(len(one.best_rank) for one in result.ties)
    middle = [r for r in rows if (r["axis"], r["name"], r["concept"]) == ("language", "fr", "arithmetic")]
    assert {row["groups"] for row in middle} == {"a b"}


def test_nothing_is_shown_without_comparisons() -> None:
    assert tie_blocks(Context(msgspec.structs.replace(joint_result(), ties=())), "laboratory") == []
