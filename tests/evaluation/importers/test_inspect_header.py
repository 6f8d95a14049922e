"""What a header says of a run: settings without places and persons, scorers, told numbers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators import inspect_log as logs

from consilience.evaluation.importers.inspect_header import MAX_SETTINGS, MAX_UNMAPPED, LogHeader, read_header
from consilience.evaluation.importers.prompt import prompt_digest
from consilience.evaluation.protocol import RaterKind


def header(**spec: Any) -> LogHeader:
    return read_header(logs.a_header(logs.a_spec(**spec)), "log.eval", "eval")


def told(**results: Any) -> LogHeader:
    return read_header(logs.a_header(results=logs.results_of(10, 0.5, **results)), "log.eval", "eval")


def test_the_run_is_told() -> None:
    run = header(task_version=3, config={"epochs": 4, "limit": [0, 20], "epochs_reducer": ["mean"]}).run
    assert (run.harness, run.harness_version, run.format) == ("inspect", "0.3.285", "inspect-eval-2")
    assert (run.task, run.task_version, run.model, run.concept) == ("simple", "3", "mockllm/model", "simple")
    assert (run.created, run.state, run.attempts) == ("2026-11-22T10:40:54+00:00", "complete", 4)
    assert run.sampling == {"temperature": 0.5, "max_tokens": 64}
    assert run.settings["config.limit"] == "0, 20"
    assert run.settings["config.epochs_reducer"] == "mean"


def test_the_plan_goes_before_the_model_in_sampling() -> None:
    assert header(model_generate_config={"max_tokens": 5, "seed": 7}).run.sampling == {
        "max_tokens": 64,
        "seed": 7,
    }


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("success", "complete"),
        ("error", "interrupted"),
        ("cancelled", "interrupted"),
        ("started", "interrupted"),
        ("new", "unknown"),
        (None, "unknown"),
        ([], "unknown"),
    ],
)
def test_the_state_follows_the_status(status: Any, state: str) -> None:
    assert read_header(logs.a_header(status=status), "f", "eval").run.state == state


@pytest.mark.parametrize(
    "created", ["2026-11-22T10:40:54", "yesterday", 17, None, "0001-01-01T00:00:00+14:00"]
)
def test_a_time_without_a_zone_or_none_is_not_a_time(created: Any) -> None:
    assert header(created=created).run.created is None


@pytest.mark.parametrize(
    "private",
    [
        "/srv/joe/data.json",
        "C:\\Users\\joe",
        "~/x",
        "s3://bucket/x",
        "joe@example.org",
        "file:x",
        "../x",
        "a\nb",
        "x" * 300,
        {"deep": 1},
        float("inf"),
        2**80,
    ],
)
def test_places_and_persons_are_named_as_unmapped_and_not_kept(private: Any) -> None:
    run = header(
        task_args={"data": private, "n": 3},
        model_base_url="http://host",
        metadata={"by": "joe"},
        dataset={"name": private, "location": "/srv/x"},
    ).run
    assert run.settings["task_args.n"] == 3
    assert str(private) not in {str(value) for value in run.settings.values()}
    assert {"eval.task_args.data", "eval.model_base_url", "eval.metadata", "eval.dataset.location"} <= set(
        run.unmapped
    )


def test_settings_and_unmapped_paths_have_limits() -> None:
    many = {f"key{i}": i for i in range(5_000)}
    run = header(task_args=many, **{f"unknown{i}": "x" for i in range(5_000)}).run
    assert len(run.settings) == MAX_SETTINGS
    assert len(run.unmapped) == MAX_UNMAPPED


def test_two_scorers_of_one_name_are_numbered() -> None:
    scorers = [{"name": name} for name in ("match", "pkg/match", "includes", "match")]
    assert [s.name for s in header(scorers=scorers).scorers] == ["match", "match1", "includes", "match2"]
    assert {s.kind for s in header(scorers=scorers).scorers} == {RaterKind.PROGRAM}


def judge(options: dict[str, Any], name: str = "model_graded_qa", **spec: Any) -> Any:
    return header(scorers=[{"name": name, "options": options}], **spec).scorers[0]


def test_a_judge_is_told_with_its_model_and_prompt() -> None:
    found = judge({"model": "openai/gpt-4o", "template": "Grade {answer}", "instructions": "Be fair."})
    assert (found.kind, found.model, found.note) == (RaterKind.JUDGE, "openai/gpt-4o", "")
    assert found.prompt == prompt_digest("Grade {answer}\nBe fair.")
    assert judge({"model": ["a/b", "c/d"]}).model == "a/b, c/d"
    assert judge({"model": "a/b"}).prompt is None
    assert judge({"grader_model": "a/b"}, "of_my_own").kind is RaterKind.JUDGE
    assert judge({"threshold": 3}, "of_my_own").kind is RaterKind.PROGRAM


def test_a_judge_that_is_not_named_is_the_role_or_the_tested_model() -> None:
    assert judge({}, model_roles={"grader": {"model": "a/b"}}).model == "a/b"
    assert judge({"model_role": "second"}, model_roles={"second": [{"model": "c/d"}]}).model == "c/d"
    alone = judge({})
    assert alone.model == "mockllm/model"
    assert "judge itself" in alone.note


def test_told_numbers_say_whether_they_can_be_compared() -> None:
    found = {t.statistic: t for t in told().told}
    assert (found["n"].value, found["mean"].value, found["mean"].reason) == (10.0, 0.5, "")
    assert "at_least_2" in {t.statistic: t for t in told(reducer="at_least_2").told}["mean"].reason
    metrics = {
        "accuracy": {"value": 0.5, "params": {"to_float": "x"}},
        "stderr": {"value": 0.1},
        "mean": {"value": "\x00NaN"},
        "group": {"value": 1, "group": "g"},
    }
    reasons = [t.reason for t in told(metrics=metrics).told if t.statistic != "n"]
    assert len(reasons) == 4
    assert all(reasons)


def test_a_part_of_a_value_is_told_under_its_scorer() -> None:
    assert {t.rater for t in told(name="harm", scorer="judge").told} == {"judge.harm"}


def test_a_header_of_2024_has_one_scorer_in_its_results() -> None:
    results = {
        "scorer": {"name": "match", "params": {}},
        "metrics": {"accuracy": {"name": "accuracy", "value": 0.25}},
    }
    spec = {key: value for key, value in logs.a_spec().items() if key != "scorers"}
    found = read_header(logs.a_header(spec, results=results), "f", "json")
    assert [scorer.name for scorer in found.scorers] == ["match"]
    assert [(t.rater, t.statistic, t.value) for t in found.told] == [("match", "mean", 0.25)]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(sorted(logs.a_header(results={}))), ANY),
    st.dictionaries(st.sampled_from([*sorted(logs.a_spec()), "model_roles", "revision", "sandbox"]), ANY),
    st.dictionaries(st.sampled_from(["scores", "scorer", "metrics", "total_samples"]), ANY),
)
def test_any_shape_of_a_header_is_read(
    members: dict[str, Any], spec: dict[str, Any], results: dict[str, Any]
) -> None:
    whole = logs.a_header({**logs.a_spec(), **spec}, results=results)
    assert read_header({**whole, **members}, "f", "eval").run.harness == "inspect"
    assert read_header(whole, "f", "eval").run.task
