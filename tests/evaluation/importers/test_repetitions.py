"""Runs that give further attempts, and runs that are kept apart since they were measured differently."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.importers.imports import OPTIONS, a_metric, a_run, a_sink, finish

from consilience.errors import LimitError
from consilience.evaluation.importers import repetitions
from consilience.evaluation.importers.imported import Imported, Metric
from consilience.evaluation.importers.repetitions import connected
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.protocol import RaterKind


def rated(sink: Sink, number: int, items: str = "q", each: int = 1, **changes: Any) -> int:
    """A run of its own file and date, with a score of each item."""
    told = {"file": f"f{number}", "created": f"2026-01-0{number}T00:00:00+00:00"}
    run = sink.add_run(a_run(**(told | changes)))
    for item in items:
        digest = sink.add_prompt(f"prompt of {item}")
        for attempt in range(1, each + 1):
            sink.add_score(run, item, rater="acc", score=1.0, attempt=attempt, item_digest=digest)
    return run


def told(imported: Imported) -> dict[str, str]:
    return {finding.code: finding.severity for finding in imported.findings}


def judge(model: str | None = "judge-1", **changes: Any) -> tuple[Metric, ...]:
    metric = msgspec.structs.replace(a_metric(), kind=RaterKind.JUDGE, judge_model=model, **changes)
    return (metric,)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {}),
        ({"sampling": {"temperature": 0.5}}, {"sampling": {"temperature": 0.5}}),
        ({"sampling": {"seed": 1}}, {"sampling": {"seed": 2}}),
        ({"settings": {"fewshot_seed": 1, "limit": 5}}, {"settings": {"fewshot_seed": 2, "limit": 9}}),
        ({"settings": {"run_id": "a", "stats.started_at": "x"}}, {"settings": {"run_id": "b"}}),
        ({"state": "complete"}, {"state": "interrupted"}),
        ({"metrics": judge()}, {"metrics": judge()}),
        ({"metrics": judge(values={"C": 1.0})}, {"metrics": judge(values={"I": 0.0})}),
        ({"metrics": judge(direction="unknown")}, {"metrics": judge()}),
    ],
)
def test_runs_that_agree_are_further_attempts(
    tmp_path: Path, one: Mapping[str, Any], other: Mapping[str, Any]
) -> None:
    with a_sink() as sink:
        rated(sink, 1, **one)
        rated(sink, 2, **other)
        imported, rows = finish(sink, tmp_path)
    assert [(row["model"], row["rater"], row["attempt"]) for row in rows] == [
        ("model-a", "acc", 1),
        ("model-a", "acc", 2),
    ]
    assert told(imported) == {}


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        ({"sampling": {"temperature": 0.0}}, {"sampling": {"temperature": 1.0}},
         ["model-a [temperature=0.0]", "model-a [temperature=1.0]"]),
        ({"sampling": {"temperature": 0.0}}, {},
         ["model-a [temperature=0.0]", "model-a [temperature=not told]"]),
        ({"settings": {"num_fewshot": 0}}, {"settings": {"num_fewshot": 5}},
         ["model-a [num_fewshot=0]", "model-a [num_fewshot=5]"]),
        ({"task_version": "1"}, {"task_version": "2"},
         ["model-a [task version=1]", "model-a [task version=2]"]),
        ({"harness_version": "1"}, {"harness_version": "2"},
         ["model-a [harness version=1]", "model-a [harness version=2]"]),
        ({"harness": "a"}, {"harness": "b"}, ["model-a [harness=a]", "model-a [harness=b]"]),
    ],
)  # fmt: skip
def test_runs_that_were_measured_differently_are_different_models(
    tmp_path: Path, one: Mapping[str, Any], other: Mapping[str, Any], names: list[str]
) -> None:
    with a_sink() as sink:
        rated(sink, 1, **one)
        rated(sink, 2, **other)
        imported, rows = finish(sink, tmp_path)
    assert [row["model"] for row in rows] == names
    assert [row["attempt"] for row in rows] == [1, 1]
    assert sorted(run.model for run in imported.runs) == names
    assert told(imported) == {"settings_differ": "error"}


def test_another_task_of_the_concept_may_have_settings_of_its_own(tmp_path: Path) -> None:
    with a_sink() as sink:
        rated(sink, 1, "ab", task="t1", settings={"dataset": "x"}, sampling={"max_tokens": 5})
        rated(sink, 2, "cd", task="t2", settings={"dataset": "y"}, sampling={"max_tokens": 9})
        imported, rows = finish(sink, tmp_path)
    assert {(row["model"], row["attempt"]) for row in rows} == {("model-a", 1)}
    assert told(imported) == {}


def test_other_tasks_that_share_a_prompt_need_the_same_sampling(tmp_path: Path) -> None:
    with a_sink() as sink:
        rated(sink, 1, "ab", task="t1", settings={"dataset": "x"}, sampling={"temperature": 0.0})
        rated(sink, 2, "bc", task="t2", settings={"dataset": "y"}, sampling={"temperature": 1.0})
        imported, rows = finish(sink, tmp_path)
    assert {row["model"] for row in rows} == {"model-a [temperature=0.0]", "model-a [temperature=1.0]"}
    assert told(imported) == {"settings_differ": "error"}


def test_another_revision_of_the_code_is_joined_and_said(tmp_path: Path) -> None:
    with a_sink() as sink:
        rated(sink, 1, settings={"revision.commit": "a"})
        rated(sink, 2, settings={"revision.commit": "b"})
        imported, rows = finish(sink, tmp_path)
    assert [row["attempt"] for row in rows] == [1, 2]
    assert told(imported) == {"revisions_differ": "warning"}


@pytest.mark.parametrize(
    "other",
    [
        judge("judge-2"), judge(None), judge(prompt_digest="sha256:" + "1" * 64), (a_metric(),),
        judge(direction="lower is better"), judge(values={"P": 0.7}),
    ],
)  # fmt: skip
def test_another_judge_under_one_name_is_another_rater(tmp_path: Path, other: tuple[Metric, ...]) -> None:
    with a_sink() as sink:
        rated(sink, 1, metrics=judge(values={"P": 0.5}))
        run = rated(sink, 2, metrics=other)
        sink.add_summary(run, "acc", "mean", 1.0)
        imported, rows = finish(sink, tmp_path)
    assert {row["model"] for row in rows} == {"model-a"}
    raters = [row["rater"] for row in rows]
    assert len(set(raters)) == 2
    assert all(rater.startswith("acc [") for rater in raters)
    assert {metric.rater for one in imported.runs for metric in one.metrics} == set(raters)
    assert [summary.agrees for summary in imported.summaries] == [True]
    assert {row["rater_kind"] for row in rows} <= {"judge", "program"}
    assert told(imported) == {"raters_differ": "error"}


def test_models_that_are_not_told_are_never_one(tmp_path: Path) -> None:
    with a_sink() as sink:
        for number in (1, 2):
            rated(sink, number, model="unknown")
        rated(sink, 3, model="unknown", concept="other", file="f1")
        imported, rows = finish(sink, tmp_path)
    assert [(row["model"], row["concept"], row["attempt"]) for row in rows] == [
        ("unknown [f1]", "other", 1),
        ("unknown [f1]", "sums", 1),
        ("unknown [f2]", "sums", 1),
    ]
    assert told(imported) == {"model_unknown": "error"}


def test_a_model_that_the_user_names_is_known(tmp_path: Path) -> None:
    with a_sink() as sink:
        for number in (1, 2):
            rated(sink, number, model="unknown")
        options = msgspec.structs.replace(OPTIONS, model="mine")
        imported, rows = finish(sink, tmp_path, options)
    assert [(row["model"], row["attempt"]) for row in rows] == [("mine", 1), ("mine", 2)]
    assert told(imported) == {}


def test_one_unknown_model_and_runs_without_rows_stay_as_they_are(tmp_path: Path) -> None:
    with a_sink() as sink:
        rated(sink, 1, model="unknown")
        rated(sink, 2, "", model="unknown")
        rated(sink, 3, "", sampling={"temperature": 1.0})
        rated(sink, 4, "q")
        imported, _ = finish(sink, tmp_path)
    assert [run.model for run in imported.runs] == ["unknown", "unknown", "model-a", "model-a"]
    assert told(imported) == {}


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2)])
def test_a_repetition_begins_after_the_planned_attempts_whatever_rows_are_there(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    with a_sink() as sink:
        for number in order:
            items = {1: "ab", 2: "bc", 3: "cd"}[number]
            rated(sink, number, items, each=2 if number == 2 else 1, attempts=5 if number == 1 else None)
        _, rows = finish(sink, tmp_path)
    found = {(row["source_item"], row["attempt"]) for row in rows}
    assert found == {("a", 1), ("b", 1), ("b", 6), ("b", 7), ("c", 6), ("c", 7), ("c", 8), ("d", 8)}


def test_runs_without_a_common_item_keep_their_attempts(tmp_path: Path) -> None:
    with a_sink() as sink:
        rated(sink, 1, "ab")
        rated(sink, 2, "cd")
        _, rows = finish(sink, tmp_path)
    assert {row["attempt"] for row in rows} == {1}


def test_a_plan_that_nobody_can_mean_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_sink() as sink:
        rated(sink, 1, attempts=10**9)
        rated(sink, 2)
        _, rows = finish(sink, tmp_path)
    assert [row["attempt"] for row in rows] == [1, 2]
    monkeypatch.setattr(repetitions, "MAX_ATTEMPT", 1)
    with a_sink() as sink:
        rated(sink, 1)
        rated(sink, 2)
        with pytest.raises(LimitError, match="more than 1 attempts"):
            finish(sink, tmp_path)


def test_a_long_list_of_differences_becomes_a_digest(tmp_path: Path) -> None:
    with a_sink() as sink:
        for number in (1, 2):
            rated(sink, number, settings={f"setting-{n}": f"{number}" * 20 for n in range(9)})
        _, rows = finish(sink, tmp_path)
    names = {row["model"] for row in rows}
    assert len(names) == 2
    assert all(len(name) < 40 and name.startswith("model-a [settings ") for name in names)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=15))
def test_connected_groups_are_a_partition_that_the_pairs_do_not_cross(pairs: list[tuple[int, int]]) -> None:
    groups = connected(10, pairs)
    assert sorted(one for group in groups for one in group) == list(range(10))
    of = {one: place for place, group in enumerate(groups) for one in group}
    assert all(of[left] == of[right] for left, right in pairs)
    assert len(groups) >= 10 - len(pairs)
