"""The two sentences: which is said when, and with which numbers."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.corrected_exercise import judged_rows
from tests.evaluation.exercises import make_protocol, planned_rows, write_run
from tests.simulators.scores import row, write_rows

from consilience.evaluation.analysis import analyse
from consilience.evaluation.joint_result import JointResult, Message
from consilience.evaluation.message_codes import say
from consilience.evaluation.protocol import AnalysisPlan, Generation, Rater, RaterKind
from consilience.reporting.messages import sentence

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
ITEMS = tuple(f"i{k}" for k in range(60))
JUDGE = Rater(id="judge", kind=RaterKind.JUDGE, prompt="{answer}")
HUMAN = Rater(id="human", kind=RaterKind.HUMAN)


def result_of(tmp_path: Path, rows: Sequence[dict[str, Any]]) -> JointResult:
    return analyse([write_rows(rows, tmp_path / "s.parquet")], protocol=None, now=NOW)


def shifted(rates: dict[str, int], items: Sequence[str] = ITEMS) -> list[dict[str, Any]]:
    """Rows in which a laboratory succeeds on the first so many items of every ten."""
    return [
        row(laboratory=lab, item=item, attempt=a, score=float(k % 10 < rate))
        for lab, rate in rates.items()
        for k, item in enumerate(items)
        for a in (1, 2)
    ]


def test_laboratories_that_scatter_are_not_called_equal(tmp_path: Path) -> None:
    second = result_of(tmp_path, shifted({"a": 5, "b": 5, "c": 5})).verdict[1]
    assert second.code == "laboratories_inconclusive"
    assert second.params["margin"] is None
    assert second.params["n_pairs"] == 3


def test_the_odd_one_is_the_farthest_from_the_others(tmp_path: Path) -> None:
    second = result_of(tmp_path, shifted({"a": 6, "b": 6, "c": 2, "d": 6})).verdict[1]
    assert second.code == "laboratories_differ_unknown"
    assert second.params["laboratory"] == "c"
    assert second.params["difference"] == pytest.approx(-0.4)
    assert (second.params["others"], second.params["also"], second.params["n_items"]) == (
        ["a", "b", "d"],
        [],
        60,
    )


def test_others_that_differ_among_themselves_are_named_too(tmp_path: Path) -> None:
    second = result_of(tmp_path, shifted({"a": 9, "b": 5, "c": 1, "d": 9})).verdict[1]
    assert second.params["laboratory"] == "c"
    assert second.params["also"] == ["a", "b", "d"]


def test_a_manifest_without_deviations_leaves_it_unexplained(tmp_path: Path) -> None:
    plan = make_protocol(items=ITEMS)
    for name in ("lab-a", "lab-b", "lab-c"):
        rows = planned_rows(plan, name)
        if name == "lab-a":
            rows = [one | {"score": 0.0} for one in rows]
        write_run(tmp_path / name, plan, name, rows)
    second = analyse([tmp_path], protocol=None, now=NOW).verdict[1]
    assert second.code == "laboratories_differ_unexplained"
    assert second.params["laboratory"] == "lab-a"


def test_a_deviation_that_the_others_share_is_not_named(tmp_path: Path) -> None:
    plan = make_protocol(items=ITEMS)
    for name in ("lab-a", "lab-b", "lab-c"):
        rows = planned_rows(plan, name)
        if name == "lab-a":
            rows = [one | {"score": 0.0} for one in rows]
        write_run(tmp_path / name, plan, name, rows, sampling={"temperature": 1.0, "max_tokens": 8})
    result = analyse([tmp_path], protocol=None, now=NOW)
    assert len(result.deviations) == 3
    assert result.verdict[1].code == "laboratories_differ_unexplained"


def test_the_estimand_of_the_protocol_carries_the_verdict(tmp_path: Path) -> None:
    values = {}
    for estimand in ("benchmark", "generalized"):
        plan = make_protocol(items=ITEMS, analysis=AnalysisPlan(estimand=estimand))
        write_run(tmp_path / estimand, plan, "lab-a")
        result = analyse([tmp_path / estimand], protocol=None, now=NOW)
        assert result.verdict[0].params["estimand"] == estimand
        values[estimand] = result.verdict[0].params["lows"]
    assert values["benchmark"] != values["generalized"]


def test_a_corrected_number_stands_beside_the_raw_one(tmp_path: Path) -> None:
    result = result_of(tmp_path, judged_rows(items=40, per_cell=30))
    total = next(one for one in result.corrections if (one.laboratory, one.language) == (None, None))
    first = result.verdict[0].params
    assert total.corrected.value is not None
    assert total.corrected.interval is not None
    assert first["corrected"] == [total.corrected.value]
    assert first["corrected_lows"] == [total.corrected.interval.low]
    assert first["corrected_highs"] == [total.corrected.interval.high]
    assert first["corrected_humans"] == [180]
    assert first["values"] == [total.raw.value]


@pytest.mark.parametrize("changes", [{"human": {"simulated": True}}, {"per_cell": {"en": 30}}])
def test_simulated_humans_and_a_language_without_humans_never_enter_the_verdict(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    first = result_of(tmp_path, judged_rows(items=40, **({"per_cell": 30} | changes))).verdict[0].params
    assert first["corrected"] == first["corrected_lows"] == first["corrected_humans"] == [None]


def lenient_at_c(*, judge: float = 0.9, rate: float = 0.3, **changes: Any) -> list[dict[str, Any]]:
    """Three laboratories; at lab-c the judge says yes to `judge` of the noes, and `rate` of answers are."""
    known = {"items": 60, "per_cell": 60} | changes
    return [
        *judged_rows(laboratories=("lab-a", "lab-b"), rate=0.3, false_yes=0.1, **known),
        *judged_rows(laboratories=("lab-c",), rate=rate, false_yes=judge, **(known | {"seed": 5})),
    ]


def test_a_judge_that_errs_at_one_laboratory_does_not_make_it_differ(tmp_path: Path) -> None:
    result = result_of(tmp_path, lenient_at_c())
    raw = [one for one in result.contrasts if one.axis == "laboratory" and one.language is None]
    assert {one.verdict for one in raw if "lab-c" in (one.left, one.right)} == {"different"}
    second = result.verdict[1]
    assert second.code == "laboratories_inconclusive"
    assert (second.params["basis"], second.params["rater"]) == ("corrected", "judge")
    assert second.params["n_corrected"] == second.params["n_pairs"] == 3
    corrected = {
        (one.left, one.right): one.corrected.value
        for one in result.corrected_differences
        if one.axis == "laboratory"
    }
    left, right = str(second.params["left"]), str(second.params["right"])
    assert second.params["difference"] == corrected[left, right]
    assert second.params["n_human"] == 240


def test_what_correction_hides_is_still_told_with_its_deviation(tmp_path: Path) -> None:
    plan = make_protocol(
        items=ITEMS, raters=[JUDGE, HUMAN], generation=Generation(temperature=0.0, max_tokens=8)
    )
    rows = lenient_at_c()
    for name in ("lab-a", "lab-b", "lab-c"):
        sampling = {"temperature": 1.0 if name == "lab-c" else 0.0, "max_tokens": 8}
        own = [one for one in rows if one["laboratory"] == name]
        write_run(tmp_path / name, plan, name, own, sampling=sampling)
    result = analyse([tmp_path], protocol=None, now=NOW)
    assert result.verdict[1].code == "laboratories_inconclusive"
    (limit,) = result.verdict_limits
    assert (limit.code, limit.params["laboratory"]) == ("verdict_hidden", "lab-c")
    assert (limit.params["fields"], limit.params["actual"]) == (["sampling.temperature"], [1.0])
    assert limit.params["difference"] > 0.3  # type: ignore[operator]
    assert "there temperature was 1.0 where the protocol said 0.0" in sentence(limit)


def test_a_difference_that_humans_confirm_is_told_corrected(tmp_path: Path) -> None:
    result = result_of(tmp_path, lenient_at_c(judge=0.1, rate=0.9))
    second = result.verdict[1]
    assert second.code == "laboratories_differ_unknown"
    assert (second.params["laboratory"], second.params["basis"]) == ("lab-c", "corrected")
    assert second.params["n_human"] == 3 * 2 * 60
    sides = {
        one.laboratory: one.corrected.value
        for one in result.corrections
        if one.language is None and one.laboratory is not None
    }
    expected = sides["lab-c"] - (sides["lab-a"] + sides["lab-b"]) / 2  # type: ignore[operator]
    assert second.params["difference"] == pytest.approx(expected, abs=0.02)
    assert result.verdict_limits == ()


def test_simulated_humans_do_not_correct_the_verdict(tmp_path: Path) -> None:
    result = result_of(tmp_path, lenient_at_c(human={"simulated": True}))
    assert result.verdict[1].params["basis"] == "as_given"
    assert result.verdict[1].params["laboratory"] == "lab-c"
    (limit,) = result.verdict_limits
    assert limit.params["cause"] == "simulated_humans"


@pytest.mark.parametrize(
    ("changes", "cause", "languages"),
    [
        ({"per_cell": 0}, "no_human_ratings", []),
        ({"per_cell": {"en": 30}}, "human_ratings_missing_in", ["fr"]),
        ({"per_cell": {"en": 30, "fr": 1}}, "human_ratings_few_in", ["fr"]),
        ({"judge": {"simulated": True}}, "simulated_rater", []),
    ],
)
def test_a_judge_that_could_not_be_corrected_is_said_with_the_reason(
    tmp_path: Path, changes: dict[str, Any], cause: str, languages: list[str]
) -> None:
    result = result_of(tmp_path, judged_rows(items=200, **({"per_cell": 30} | changes)))
    (limit,) = result.verdict_limits
    assert limit.code == "verdict_uncorrected"
    assert (limit.params["cause"], limit.params["languages"]) == (cause, languages)
    assert (limit.params["raters"], limit.params["concepts"]) == (["judge"], ["maths"])
    row = next(one for one in result.corrections if one.laboratory is None and one.language is None)
    assert limit.params["needed"] == (None if cause == "simulated_rater" else row.human_needed)
    assert result.verdict[1].params["basis"] == "as_given"


def test_where_rating_everything_is_not_enough_the_items_are_said(tmp_path: Path) -> None:
    result = result_of(tmp_path, judged_rows(items=20, per_cell=0))
    (limit,) = result.verdict_limits
    assert limit.params["needed"] is None
    assert limit.params["items"] > 20  # type: ignore[operator]
    assert "would not be enough to know it within 5\u00a0points" in sentence(limit)


def test_programs_are_told_as_they_are(tmp_path: Path) -> None:
    result = result_of(tmp_path, shifted({"a": 6, "b": 6, "c": 2}))
    assert result.verdict[1].params["basis"] == "plain"
    assert result.verdict_limits == ()


@pytest.mark.parametrize(
    ("manifest", "given", "missing"),
    [(True, False, ["protocol"]), (False, True, ["manifest"]), (False, False, ["manifest", "protocol"])],
)
def test_only_what_is_missing_is_said_to_be_missing(
    tmp_path: Path, manifest: bool, given: bool, missing: list[str]
) -> None:
    plan = make_protocol(items=ITEMS)
    for name in ("lab-a", "lab-b", "lab-c"):
        rows = [
            one | ({"score": 0.0} if name == "lab-a" else {})
            for one in planned_rows(plan, name, digests=False)
        ]
        write_run(tmp_path / name, plan, name, rows)
        (tmp_path / name / "protocol.json").unlink()
        if not manifest:
            (tmp_path / name / "manifest.json").unlink()
    result = analyse([tmp_path], protocol=plan if given else None, now=NOW)
    second = result.verdict[1]
    assert (second.code, second.params["missing"]) == ("laboratories_differ_unknown", missing)
    for name in ("manifest", "protocol"):
        assert (name in sentence(second).split("; without ")[1]) == (name in missing)


def test_many_results_are_told_corrected(tmp_path: Path) -> None:
    models = tuple(f"model-{k}" for k in range(7))
    first = result_of(tmp_path, judged_rows(items=40, per_cell=20, models=models)).verdict[0]
    assert (first.code, first.params["n_corrected"], first.params["n_results"]) == ("measured_many", 7, 7)
    low, high = first.params["lowest_corrected"], first.params["highest_corrected"]
    assert low is not None
    assert low < high  # type: ignore[operator]
    assert low < first.params["lowest_value"]  # type: ignore[operator]
    assert sentence(first).count("with the rater’s errors taken out") == 2


def test_a_sentence_needs_exactly_its_parameters() -> None:
    assert say("laboratories_one", laboratory="a") == Message(
        code="laboratories_one", params={"laboratory": "a"}
    )
    with pytest.raises(ValueError, match="laboratories_one takes"):
        say("laboratories_one")
    with pytest.raises(ValueError, match="laboratories_none takes"):
        say("laboratories_none", laboratory="a")
    with pytest.raises(KeyError):
        say("laboratories_happy")
