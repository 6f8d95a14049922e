"""The twelve lines: what is there is seen, what is not there is `not assessed`, simulated ratings meet
nothing."""

from __future__ import annotations

import datetime
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.evaluation.corrected_exercise import judged_rows
from tests.evaluation.exercises import make_protocol, planned_rows, write_run
from tests.simulators.scores import row, write_rows

from consilience.evaluation.analysis import analyse
from consilience.evaluation.joint_result import Checkpoint, JointResult
from consilience.evaluation.protocol import Aggregation, AnalysisPlan, Protocol, Rater, RaterKind

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
ITEMS = tuple(f"i{k}" for k in range(30))
JUDGE = Rater(id="judge", kind=RaterKind.JUDGE, prompt="{answer}")
SECOND = Rater(id="judge-b", kind=RaterKind.JUDGE, prompt="{answer}")
HUMAN = Rater(id="human", kind=RaterKind.HUMAN)


def lines(result: JointResult) -> dict[int, Checkpoint]:
    return {checkpoint.line: checkpoint for checkpoint in result.checklist}


def exercise(
    tmp_path: Path, plan: Protocol, rows: Sequence[dict[str, Any]] = (), **changes: Any
) -> dict[int, Checkpoint]:
    """The list of an exercise of two laboratories that followed the plan, with further rows of lab-a."""
    for name in ("lab-a", "lab-b"):
        own = planned_rows(plan, name, rater=plan.raters[0].id, rater_kind=plan.raters[0].kind.value)
        write_run(tmp_path / name, plan, name, [*own, *(rows if name == "lab-a" else ())], **changes)
    return lines(analyse([tmp_path], protocol=None, now=NOW))


def rated(
    plan: Protocol, rater: str, kind: str, *, languages: Sequence[str] = ("en", "fr"), **changes: Any
) -> list[dict[str, Any]]:
    own = planned_rows(plan, "lab-a", rater=rater, rater_kind=kind, **changes)
    return [one for one in own if one["language"] in languages and one["attempt"] == 1]


def test_without_a_protocol_nothing_is_guessed(tmp_path: Path) -> None:
    path = write_rows([row(item=f"i{k}", score=float(k % 2)) for k in range(9)], tmp_path / "s.csv")
    states = {line: point.state for line, point in lines(analyse([path], protocol=None, now=NOW)).items()}
    assert [states[line] for line in range(1, 13)] == [
        "not assessed", "not applicable", "not applicable", "not applicable", "not assessed", "not assessed",
        "not assessed", "not assessed", "not assessed", "not assessed", "met", "not assessed",
    ]  # fmt: skip


def test_a_protocol_before_the_runs_meets_line_1(tmp_path: Path) -> None:
    found = exercise(tmp_path, make_protocol(items=ITEMS))
    assert (found[1].state, found[1].evidence.code) == ("met", "check_construct_before")
    assert (found[6].state, found[8].state, found[9].state) == ("met", "met", "met")
    assert found[6].evidence.params == {"per_item": "mean", "attempts": 2}
    assert found[8].evidence.params == {"runs": 2, "of": 2}


def test_a_protocol_after_the_runs_does_not(tmp_path: Path) -> None:
    found = exercise(tmp_path, make_protocol(items=ITEMS, created="2026-02-02"))
    assert (found[1].state, found[1].evidence.code) == ("not met", "check_construct_after")


def test_an_empty_construct_does_not(tmp_path: Path) -> None:
    found = exercise(tmp_path, make_protocol(items=ITEMS, construct="  "))
    assert found[1].evidence.params == {"fields": ["construct"]}


def test_a_plan_without_manifests_is_not_assessed(tmp_path: Path) -> None:
    plan = make_protocol(items=ITEMS)
    path = write_rows(planned_rows(plan, "lab-a"), tmp_path / "s.parquet")
    found = lines(analyse([path], protocol=plan, now=NOW))
    assert (found[1].state, found[1].evidence.code) == ("not assessed", "check_construct_undated")
    assert found[8].evidence.code == "check_logs_unknown"


def test_logs_of_every_laboratory_are_needed(tmp_path: Path) -> None:
    found = exercise(tmp_path, make_protocol(items=ITEMS), files={})
    assert (found[8].state, found[8].evidence.params["without"]) == ("not met", ["lab-a", "lab-b"])


@pytest.mark.parametrize(
    ("languages", "simulated", "state", "code"),
    [
        (("en", "fr"), False, "met", "check_humans_per_language"),
        (("en",), False, "not met", "check_humans_partial"),
        (("en", "fr"), True, "not met", "check_humans_simulated"),
        ((), False, "not met", "check_humans_none"),
    ],
)
def test_a_judge_needs_humans_in_every_language(
    tmp_path: Path, languages: tuple[str, ...], simulated: bool, state: str, code: str
) -> None:
    plan = make_protocol(items=ITEMS, raters=[JUDGE, HUMAN])
    rows = rated(plan, "human", "human", languages=languages, simulated=simulated)
    found = exercise(tmp_path, plan, rows)
    assert (found[2].state, found[2].evidence.code) == (state, code)
    expected = "check_correction_partial" if languages else "check_correction_no_human"
    expected = "check_correction_simulated" if simulated else expected
    assert (found[4].state, found[4].evidence.code) == ("not met", expected)


def corrected(tmp_path: Path, protocol: Protocol | None = None, **changes: Any) -> Checkpoint:
    path = write_rows(judged_rows(**changes), tmp_path / "s.csv")
    return lines(analyse([path], protocol=protocol, now=NOW))[4]


def test_line_4_is_met_where_humans_rated_enough_in_every_language(tmp_path: Path) -> None:
    line = corrected(tmp_path)
    assert (line.state, line.evidence.code) == ("met", "check_correction_done")
    assert line.evidence.params == {"raters": ["judge"], "concepts": ["maths"]}


def test_line_4_says_which_language_lacks_what(tmp_path: Path) -> None:
    line = corrected(tmp_path, per_cell={"en": 10, "fr": 3})
    assert (line.state, line.evidence.code) == ("not met", "check_correction_partial")
    assert line.evidence.params == {
        "raters": ["judge"], "languages": ["fr"], "n_human": 9, "needed": None, "items": 84,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"human": {"simulated": True}}, "check_correction_simulated"),
        ({"per_cell": 0}, "check_correction_no_human"),
    ],
)
def test_line_4_needs_real_human_ratings(tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    line = corrected(tmp_path, **changes)
    assert (line.state, line.evidence.code) == ("not met", code)


def test_line_4_cannot_be_met_where_only_means_could_be_corrected(tmp_path: Path) -> None:
    items = tuple(f"i{k}" for k in range(20))
    raters = [Rater(id="judge", kind=RaterKind.JUDGE, prompt="{answer}"), HUMAN]
    plan = make_protocol(items=items, raters=raters, aggregation=Aggregation(per_item="any"))
    line = corrected(tmp_path, plan)
    assert (line.state, line.evidence.code) == ("not met", "check_correction_missing")


def test_two_judges_meet_line_3_and_one_does_not(tmp_path: Path) -> None:
    plan = make_protocol(items=ITEMS, raters=[JUDGE, SECOND])
    two = exercise(tmp_path / "two", plan, rated(plan, "judge-b", "judge"))
    assert (two[3].state, two[3].evidence.code) == ("met", "check_judges_agreement")
    one = exercise(tmp_path / "one", plan)
    assert (one[3].state, one[3].evidence.params) == ("not met", {"rater": "judge", "simulated": []})


def test_each_pair_of_judges_counts_once_and_simulated_ones_not_at_all(tmp_path: Path) -> None:
    plan = make_protocol(items=ITEMS, raters=[JUDGE, SECOND, msgspec.structs.replace(SECOND, id="lenient")])
    rows = [*rated(plan, "judge-b", "judge"), *rated(plan, "lenient", "judge", simulated=True)]
    found = exercise(tmp_path / "two", plan, rows)
    assert found[3].state == "met"
    assert found[3].evidence.params == {
        "raters": ["judge", "judge-b"], "n_pairs": 1, "of": 1, "simulated": ["lenient"],
    }  # fmt: skip
    alone = exercise(tmp_path / "one", plan, rated(plan, "lenient", "judge", simulated=True))
    assert (alone[3].state, alone[3].evidence.params) == (
        "not met",
        {"rater": "judge", "simulated": ["lenient"]},
    )


def test_a_simulated_judge_is_none(tmp_path: Path) -> None:
    path = write_rows(judged_rows(judge={"simulated": True}), tmp_path / "s.csv")
    found = lines(analyse([path], protocol=None, now=NOW))
    for line in (2, 3):
        assert (found[line].state, found[line].evidence.code) == ("not met", "check_judges_simulated")


def test_human_ratings_are_counted_once_and_combinations_have_their_number(tmp_path: Path) -> None:
    names = ("human", "human-b")
    simulated = write_rows(judged_rows(human={"simulated": True}, humans=names), tmp_path / "s.csv")
    found = lines(analyse([simulated], protocol=None, now=NOW))[2]
    assert found.evidence.params == {"n_ratings": 2 * 6 * 10}
    real = write_rows(judged_rows(humans=names), tmp_path / "r.csv")
    found = lines(analyse([real], protocol=None, now=NOW))[2]
    assert (found.state, found.evidence.params) == (
        "met",
        {"raters": ["judge"], "languages": ["en", "fr"], "of": 2, "n_shared": 30},
    )
    partly = write_rows(judged_rows(per_cell={"en": 10}, humans=names), tmp_path / "p.csv")
    found = lines(analyse([partly], protocol=None, now=NOW))[2]
    assert found.evidence.params == {"held": 1, "of": 2, "raters": ["judge"], "languages": ["fr"]}


def test_the_wanted_difference_is_held_against_every_axis(tmp_path: Path) -> None:
    plan = make_protocol(items=ITEMS, analysis=AnalysisPlan(estimand="generalized", wanted_difference=0.2))
    draws = random.Random(1)
    for name in ("lab-a", "lab-b"):
        rows = [one | {"score": float(draws.random() < 0.5)} for one in planned_rows(plan, name)]
        write_run(tmp_path / name, plan, name, rows)
    result = analyse([tmp_path], protocol=None, now=NOW)
    found = lines(result)[5]
    worst = {m.axis: m.difference for m in result.minimum_differences}
    assert found.evidence.params["axes"] == ["laboratory", "language"]
    assert found.evidence.params["detectable"] == [worst["laboratory"], worst["language"]]
    assert (worst["laboratory"] or 1.0) < (worst["language"] or 0.0), "the axis that was looked at alone"
    assert found.state == "not met"
    assert found.evidence.params["n_compared"] == 2


def test_what_nothing_can_be_compared_on_meets_no_power(tmp_path: Path) -> None:
    plan = make_protocol(
        items=ITEMS,
        languages=("en",),
        analysis=AnalysisPlan(estimand="generalized", wanted_difference=0.2),
    )
    write_run(tmp_path / "lab-a", plan, "lab-a")
    found = lines(analyse([tmp_path], protocol=None, now=NOW))[5]
    assert (found.state, found.evidence.params["axes"]) == ("not assessed", [])


def test_every_kind_of_number_is_counted_with_what_it_is_out_of(tmp_path: Path) -> None:
    path = write_rows(judged_rows(), tmp_path / "s.csv")
    result = analyse([path], protocol=None, now=NOW)
    params = lines(result)[11].evidence.params
    counts = dict(zip(params["kinds"], params["of"], strict=True))  # type: ignore[arg-type]
    assert counts["score"] == sum(cell.generalized.value is not None for cell in result.cells)
    assert counts["corrected_difference"] == sum(
        one.corrected.value is not None for one in result.corrected_differences
    )
    assert counts["corrected_score"] == sum(
        (one.corrected.value is not None) + (one.rogan_gladen.value is not None) for one in result.corrections
    )
    assert {"severity", "judge_rate", "agreement", "laboratory_mean", "variance_share"} <= set(counts)
    assert all(n <= of for n, of in zip(params["with_interval"], params["of"], strict=True))  # type: ignore


@pytest.mark.parametrize(
    ("wanted", "state", "code"),
    [
        (None, "not met", "check_power_missing"),
        (0.9, "met", "check_power"),
        (0.001, "not met", "check_power"),
    ],
)
def test_the_wanted_difference_is_held_against_the_data(
    tmp_path: Path, wanted: float | None, state: str, code: str
) -> None:
    plan = make_protocol(items=ITEMS, analysis=AnalysisPlan(estimand="generalized", wanted_difference=wanted))
    flipped = [one | {"score": float(n % 3 == 0)} for n, one in enumerate(planned_rows(plan, "lab-b"))]
    write_run(tmp_path / "lab-a", plan, "lab-a")
    write_run(tmp_path / "lab-b", plan, "lab-b", flipped)
    found = lines(analyse([tmp_path], protocol=None, now=NOW))
    assert (found[5].state, found[5].evidence.code) == (state, code)


def test_splits_are_counted(tmp_path: Path) -> None:
    splits = {"i0": "exploratory", "i1": "tuning", "i2": "tuning"}
    found = exercise(tmp_path / "a", make_protocol(items=ITEMS, splits=splits))
    assert found[7].state == "met"
    assert found[7].evidence.params == {"exploratory": 1, "tuning": 2, "evaluation": 27}
    assert (found[10].state, found[10].evidence.code) == ("met", "check_pilot_rows")
    one = exercise(tmp_path / "b", make_protocol(items=ITEMS))
    assert (one[7].state, one[7].evidence.code, one[10].state) == (
        "not met",
        "check_splits_one",
        "not assessed",
    )


def test_an_item_in_two_splits_is_an_overlap(tmp_path: Path) -> None:
    plan = make_protocol(items=ITEMS)
    other = msgspec.structs.replace(plan.items[0], split="tuning")
    path = write_rows(planned_rows(plan, "lab-a", digests=False), tmp_path / "s.parquet")
    mixed = msgspec.structs.replace(
        plan, items=(msgspec.convert(msgspec.to_builtins(other), type=type(other)), *plan.items[1:])
    )
    found = lines(analyse([path], protocol=mixed, now=NOW))
    assert (found[7].state, found[7].evidence.params) == ("not met", {"n_overlap": 1})


def test_an_estimate_without_interval_is_seen(tmp_path: Path) -> None:
    path = write_rows([row()], tmp_path / "s.csv")
    found = lines(analyse([path], protocol=None, now=NOW))
    assert (found[11].state, found[11].evidence.params) == (
        "not met",
        {"kinds": ["score", "laboratory_mean"], "with_interval": [0, 0], "of": [4, 1]},
    )
