from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.evaluation.small_protocol import HUMAN, JUDGE, ScriptedChat, small_plan, small_protocol
from tests.evaluation.test_manifest import session

from consilience.evaluation.deviations import deviations
from consilience.evaluation.manifest import Served, build_manifest, tally
from consilience.evaluation.protocol import Aggregation, Protocol, Split
from consilience.evaluation.raters.rating import build_raters
from consilience.evaluation.run_plan import Overrides
from consilience.evaluation.run_record import Manifest, RaterIdentity, Selection


def manifest(
    protocol: Protocol | None = None, overrides: Overrides | None = None, **changes: Any
) -> Manifest:
    protocol = protocol or small_protocol()
    plan = small_plan(protocol, overrides=overrides)
    made = build_manifest(
        plan,
        served=Served(endpoint="http://h/v1"),
        raters=[rater.identity for rater in build_raters(protocol, judge_clients={})],
        counts=tally([], []),
        sessions=[session(1)],
        finished_at="2026-01-02T00:00:00.000Z",
    )
    return msgspec.structs.replace(made, **changes)


def found(made: Manifest, protocol: Protocol | None = None) -> list[tuple[Any, ...]]:
    return [
        (one.field, one.planned, one.actual, one.severity)
        for one in deviations(protocol or small_protocol(), made)
    ]


def test_a_protocol_that_was_followed_gives_none() -> None:
    assert found(manifest()) == []


def test_a_deviation_names_who_deviated() -> None:
    (one,) = deviations(small_protocol(), manifest(overrides=Overrides(temperature=1.0)))
    assert (one.laboratory, one.model) == ("Lab A", "m-1")


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (Overrides(temperature=1.0), ("sampling.temperature", 0.5, 1.0, "major")),
        (Overrides(top_p=0.9), ("sampling.top_p", None, 0.9, "major")),
        (Overrides(max_tokens=4), ("sampling.max_tokens", 8, 4, "major")),
        (Overrides(attempts=5), ("attempts", 2, 5, "minor")),
    ],
)
def test_overrides_are_found(overrides: Overrides, expected: tuple[Any, ...]) -> None:
    assert found(manifest(overrides=overrides)) == [expected]


def test_a_key_that_was_not_sent_or_differs_is_found_whatever_made_it() -> None:
    sampling = {"max_tokens": 8, "stop": ["\n", "."], "cache_prompt": True}
    assert found(manifest(sampling=sampling)) == [
        ("sampling.temperature", 0.5, None, "major"),
        ("sampling.stop", None, "\n, .", "major"),
        ("sampling.seed", 7, None, "minor"),
    ]


def test_the_token_limit_is_found_under_the_key_it_was_sent_as() -> None:
    sampling = {"temperature": 0.5, "max_completion_tokens": 8, "seed": 7}
    assert found(manifest(sampling=sampling, max_tokens_key="max_completion_tokens")) == []


@pytest.mark.parametrize("prompt", ["Be long.", ""])
def test_another_system_prompt_is_found_by_its_digest(prompt: str) -> None:
    ((field, planned, actual, severity),) = found(manifest(overrides=Overrides(system_prompt=prompt)))
    assert (field, severity) == ("system_prompt", "major")
    assert planned.startswith("sha256:")
    assert actual != planned
    assert (actual is None) == (prompt == "")


def test_attempts_matter_more_where_they_are_not_averaged() -> None:
    protocol = small_protocol(aggregation=Aggregation(per_item="any"))
    assert found(manifest(protocol, Overrides(attempts=1)), protocol) == [("attempts", 2, 1, "major")]


def test_missing_languages_and_items_are_told_apart() -> None:
    only_french = manifest(overrides=Overrides(selection=Selection(languages=("fr",))))
    assert found(only_french) == [("languages", "en, fr", "fr", "major")]
    pilot = manifest(overrides=Overrides(selection=Selection(limit=2)))
    assert found(pilot) == [("items", 6, 4, "major")]
    evaluation = manifest(overrides=Overrides(selection=Selection(splits=(Split.EVALUATION,))))
    assert found(evaluation) == [("items", 6, 4, "minor")]
    exploratory = manifest(overrides=Overrides(selection=Selection(splits=(Split.EXPLORATORY,))))
    assert found(exploratory) == [("items", 6, 2, "major")]


def test_as_many_other_items_are_found_by_their_digest() -> None:
    ((field, planned, actual, severity),) = found(manifest(items_digest="sha256:" + "0" * 64))
    assert (field, severity) == ("items", "major")
    assert planned != actual == "sha256:" + "0" * 12


def test_another_protocol_is_found() -> None:
    fields = [field for field, *_ in found(manifest(protocol_digest="sha256:" + "1" * 64))]
    assert fields == ["protocol"]


def with_judge() -> Protocol:
    protocol = small_protocol()
    return msgspec.structs.replace(protocol, raters=(*protocol.raters, JUDGE, HUMAN))


def judged(**changes: Any) -> Manifest:
    protocol = with_judge()
    (*_, judge) = build_raters(protocol, judge_clients={"judge": ScriptedChat()})
    identity = msgspec.structs.replace(judge.identity, model="judge-1")
    made = manifest(protocol)
    return msgspec.structs.replace(made, raters=(*made.raters, msgspec.structs.replace(identity, **changes)))


def test_a_judge_as_planned_gives_none_and_humans_come_later() -> None:
    assert found(judged(), with_judge()) == []


def test_a_missing_judge_is_found() -> None:
    assert found(manifest(with_judge()), with_judge()) == [("rater.judge", "judge", None, "major")]


def test_another_judge_model_is_found_and_an_unknown_one_is_unknown() -> None:
    assert found(judged(model="judge-2"), with_judge()) == [
        ("rater.judge.model", "judge-1", "judge-2", "major")
    ]
    assert found(judged(model=None), with_judge()) == [("rater.judge.model", "judge-1", None, "unknown")]


def test_another_judge_prompt_is_found() -> None:
    ((field, _, actual, severity),) = found(judged(prompt_digest="sha256:" + "2" * 64), with_judge())
    assert (field, actual, severity) == ("rater.judge.prompt", "sha256:" + "2" * 12, "major")


def test_another_program_version_is_found() -> None:
    made = manifest()
    other = msgspec.structs.replace(made.raters[0], version="sha256:" + "3" * 64)
    ((field, _, actual, severity),) = found(msgspec.structs.replace(made, raters=(other, made.raters[1])))
    assert (field, actual, severity) == ("rater.exact.version", "sha256:" + "3" * 12, "major")


def test_a_rater_that_was_not_planned_is_found() -> None:
    made = manifest()
    more = RaterIdentity(id="mine", kind=made.raters[0].kind, version="v")
    assert found(msgspec.structs.replace(made, raters=(*made.raters, more))) == [
        ("rater.mine", None, "program", "minor")
    ]


def test_a_run_that_is_not_complete_is_found() -> None:
    assert found(manifest(finished_at=None, answers=5)) == [("finished", 12, 5, "major")]


def test_a_model_that_changed_under_its_name_is_found() -> None:
    assert found(manifest(served_models=("m-1-a", "m-1-b"))) == [
        ("served_model", "m-1", "m-1-a, m-1-b", "unknown")
    ]
