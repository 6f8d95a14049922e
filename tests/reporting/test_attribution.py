"""What goes with the spread, as it is told: over the range there is, with its limits, never as a cause."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.simulators.joint_result import interval, joint_result, missing

from consilience.evaluation import joint_result as jr
from consilience.reporting.joint_report import render
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.attribution import AttributionBlock, attribution_blocks, over_range
from consilience.reporting.sections.context import Context
from consilience.reporting.tables import tables

SIX = ("a", "b", "c", "d", "e", "f")
MODEL = "SmolLM2-135M-Instruct"


def attribution(value: float | None = -0.25, **changes: Any) -> jr.Attribution:
    told = jr.Estimate(
        value=value,
        interval=None if value is None else interval(value - 0.1, value + 0.1, "setting_regression"),
        n_items=6, n_scores=6, estimand="benchmark",
    )  # fmt: skip
    known = jr.Attribution(
        model=MODEL, concept="arithmetic", rater="exact", setting="sampling.temperature", level=None,
        unit="per unit", values={"a": 0.2, "b": 0.2, "c": 0.6, "d": 0.6, "e": 1.0, "f": None},
        association=told, p_value=0.002, p_adjusted=0.004, p_permutation=0.033, p_smallest=0.0083,
        between_sd=0.12, between_sd_with=0.02, sign_holds=True, same_as=(), n_laboratories=5,
    )  # fmt: skip
    return msgspec.structs.replace(known, **changes)


def block(*found: jr.Attribution, language: str = "en", **changes: Any) -> AttributionBlock:
    result = msgspec.structs.replace(joint_result(laboratories=SIX), attributions=found, **changes)
    return attribution_blocks(Context(result, language))[0]


def said(*found: jr.Attribution, **changes: Any) -> list[str]:
    return [without_markup(text).replace("\u00a0", " ") for text in block(*found, **changes).sentences]


def test_a_clear_association_is_told_over_the_range_with_interval_and_n() -> None:
    told = said(attribution())
    assert told[0] == (
        "One recorded setting goes with the spread: from temperature 0.2 to 1 scores fall by 20 points "
        "(95% interval 12 to 28 points; 5 laboratories)."
    )
    assert told[1] == (
        "With it taken into account, the spread between laboratories falls from 12 points to 2 points."
    )
    assert told[2] == "Its direction stays the same whichever laboratory is left out."
    assert told[3] == "Test by dealing the setting out to the laboratories at random: p = 0.033."
    assert told[-1].startswith("This is an association and no proof")


def test_the_words_never_say_because() -> None:
    for one in (attribution(), attribution(0.1), attribution(p_adjusted=0.5), attribution(only="e")):
        assert not any(
            word in " ".join(said(one)).lower() for word in ("because", "caused", "due to", "explains")
        )


def test_an_unclear_one_is_the_closest_and_not_more() -> None:
    told = said(attribution(p_value=0.2, p_adjusted=0.4, sign_holds=False, between_sd_with=0.13))
    assert told[0].startswith(
        "No recorded setting clearly goes with the spread. The closest: from temperature"
    )
    assert told[1].endswith("does not fall (12 points, then 13 points).")
    assert told[2] == "Its direction turns when one laboratory is left out."


def test_few_laboratories_give_a_difference_and_why_no_more() -> None:
    few = jr.Message(code="few_laboratories", params={"n_laboratories": 3})
    bare = msgspec.structs.replace(attribution().association, interval=None, reason=few)
    told = said(
        attribution(
            association=bare,
            p_value=None,
            p_adjusted=None,
            p_permutation=None,
            p_smallest=None,
            between_sd=None,
            between_sd_with=None,
            sign_holds=None,
            n_laboratories=3,
        )
    )
    assert told[0] == (
        "From temperature 0.2 to 1 scores fall by 20 points (no interval: only 3 laboratories: too few for a "
        "useful precision); with so few laboratories the link to the setting "
        "cannot be told from chance."
    )
    assert len(told) == 2


def test_limits_are_told() -> None:
    told = said(attribution(only="e", same_as=("software.harness", "started_at"), p_smallest=0.2))
    assert told[1] == "e alone differs in it, so it cannot be told from anything else about e."
    assert told[2] == "These laboratories cannot tell it from: software harness and date of the start."
    assert told[5].endswith("with these laboratories it could not be below 0.200.")


@pytest.mark.parametrize(
    ("setting", "level", "words"),
    [
        ("system_prompt", "none", "with system prompt none scores are 25 points lower"),
        ("languages.sw", "left out", "with language Swahili left out scores are"),
        ("software.harness", "0.3", "with software harness 0.3 scores are"),
        (
            "rater.judge-a.version",
            "sha256:" + "a" * 64,
            "with version of rater judge-a sha256:aaaaaaaaaaaa… scores",
        ),
        ("endpoint", "<b>x</b>", "with place where the model ran <b>x</b> scores are"),
    ],
)
def test_named_settings_are_told_with_their_name(setting: str, level: str, words: str) -> None:
    values = {"a": 1.0, "b": 1.0, "c": 0.0, "d": 0.0, "e": 0.0, "f": None}
    one = attribution(setting=setting, level=level, unit="present or not", values=values)
    assert words in said(one)[0]
    assert "<b>" not in str(block(one).sentences[0])


def test_dates_are_days() -> None:
    values = {"a": 0.0, "b": 0.0, "c": 3.0, "d": 5.0, "e": 9.0, "f": None}
    assert (
        "from date of the start day 0 to day 9"
        in said(attribution(-0.01, setting="started_at", values=values))[0]
    )


def test_the_strongest_comes_first_and_pictures_are_cut() -> None:
    many = [
        attribution(-0.01 * k, p_value=0.9 - 0.01 * k, p_adjusted=1.0, setting=f"s{k}") for k in range(20)
    ]
    found = block(*many)
    assert found.forest is not None
    assert found.table is not None
    rows = found.forest.groups[0].rows
    assert len(rows) == 15
    assert without_markup(rows[0].label).startswith("s19")
    assert "15 closest of 20" in without_markup(found.forest.caption)
    assert found.table.total == 20


def test_the_range_scales_value_and_interval_alike() -> None:
    got = over_range(attribution(-0.25))
    assert got.value == pytest.approx(-0.2)
    assert got.interval is not None
    assert (got.interval.low, got.interval.high) == (pytest.approx(-0.28), pytest.approx(-0.12))


def test_what_is_missing_is_told() -> None:
    assert said() == ["The manifests show no setting that differs between laboratories."]
    assert said(runs=()) == [
        "Fewer than two laboratories sent a manifest, so nothing can be held against the results."
    ]
    none = attribution(None, association=missing("one_level"))
    assert said(none) == ["not estimable: these data have only one of it"]
    alone = joint_result(laboratories=("only",))
    assert attribution_blocks(Context(alone)) == []


def test_page_and_table_hold_every_setting() -> None:
    result = msgspec.structs.replace(
        joint_result(laboratories=SIX),
        attributions=(attribution(), attribution(0.1, setting="sampling.top_p")),
    )
    assert "What goes with the spread" in render(result)
    (found,) = (one for one in tables(result) if one.name == "attributions")
    columns = [column.name for column in found.columns]
    rows = [dict(zip(columns, row, strict=True)) for row in found.rows]
    assert [row["setting"] for row in rows] == ["sampling.temperature", "sampling.top_p"]
    assert rows[0]["association"] == -0.25
    assert rows[0]["values"] == '{"a":0.2,"b":0.2,"c":0.6,"d":0.6,"e":1.0,"f":null}'
