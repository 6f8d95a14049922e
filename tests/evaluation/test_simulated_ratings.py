"""Simulated ratings err as often as the protocol says, in each language, and every one says what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
import pytest
from tests.evaluation.annotated_runs import EXACT, HUMAN, answers_of, plan
from tests.evaluation.protocol_folder import TOML, read, write
from tests.evaluation.small_protocol import ScriptedChat, small_plan, small_protocol
from tests.evaluation.test_deviations import found, manifest
from tests.evaluation.test_runner import run

from consilience.errors import InputError
from consilience.evaluation.annotation_run import append_ratings
from consilience.evaluation.findings import Severity
from consilience.evaluation.journal import read_records
from consilience.evaluation.lint import lint_protocol
from consilience.evaluation.protocol import (
    Protocol,
    Rater,
    RaterKind,
    Scale,
    plan_document,
    primary_rater,
    protocol_digest,
)
from consilience.evaluation.raters.identity import prompt_digest, rater_version
from consilience.evaluation.raters.rating import build_raters, judges_to_ask, simulated_judges
from consilience.evaluation.run_folder import GENERATIONS, SCORES
from consilience.evaluation.run_record import Answer, RaterIdentity, Rating
from consilience.evaluation.scores import Status
from consilience.evaluation.simulated_ratings import PlantedError, planted_error, simulate_ratings

ERRORS: dict[str, str | int | float | bool] = {
    "sensitivity": 0.9, "specificity": 0.8, "specificity_ar": 0.5,
}  # fmt: skip
JUDGE = Rater(id="made-up", kind=RaterKind.JUDGE, simulated=True, options=ERRORS, scale=HUMAN.scale)
PLAN = plan(items=1500, raters=(EXACT, HUMAN, JUDGE))
ANSWERS = answers_of(PLAN, laboratory="North")
REFERENCE = {answer.generation: float(place % 3 == 0) for place, answer in enumerate(ANSWERS)}


def simulate(rater: Rater = JUDGE, reference: dict[str, float] = REFERENCE) -> tuple[Rating, ...]:
    protocol = msgspec.structs.replace(PLAN, raters=(EXACT, rater))
    return simulate_ratings(protocol, ANSWERS, reference, rater=rater.id, rng=np.random.default_rng(1))


def with_options(**options: Any) -> Rater:
    return msgspec.structs.replace(JUDGE, options=options)


@pytest.mark.parametrize(("language", "wrong"), [("en", 0.2), ("ar", 0.5)])
def test_it_errs_as_often_as_the_protocol_says_in_each_language(language: str, wrong: float) -> None:
    languages = {answer.generation: answer.language for answer in ANSWERS}
    here = [rating for rating in simulate() if languages[rating.generation] == language]
    positives = [rating.score for rating in here if REFERENCE[rating.generation] == 1.0]
    others = [rating.score for rating in here if REFERENCE[rating.generation] == 0.0]
    assert (len(positives), len(others)) == (500, 1000)
    assert np.mean(positives, dtype=float) == pytest.approx(0.9, abs=0.05)  # 3.7 standard errors
    assert np.mean(others, dtype=float) == pytest.approx(wrong, abs=0.059)


def test_without_error_it_repeats_the_reference() -> None:
    ratings = simulate(with_options(sensitivity=1.0, specificity=1))
    assert [rating.score for rating in ratings] == list(REFERENCE.values())


def test_every_rating_says_that_it_is_simulated_and_of_what_kind() -> None:
    ratings = simulate()
    assert len(ratings) == len(ANSWERS)
    assert {(rating.simulated, rating.status, rating.rater_kind) for rating in ratings} == {
        (True, Status.SCORED, RaterKind.JUDGE)
    }
    assert {(rating.score, rating.label) for rating in ratings} == {(1.0, "yes"), (0.0, "no")}


def test_it_rates_its_concepts_and_attempts_and_known_items_only() -> None:
    assert simulate(msgspec.structs.replace(JUDGE, concepts=("safety",))) == ()
    first = ANSWERS[0].generation
    assert [rating.generation for rating in simulate(reference={first: 1.0})] == [first]
    second = [msgspec.structs.replace(ANSWERS[0], attempt=2)]
    stray = [msgspec.structs.replace(ANSWERS[0], item="of another protocol")]
    for answers, rater, expected in (
        (second, JUDGE, 1),
        (second, msgspec.structs.replace(JUDGE, attempts="first"), 0),
        (stray, JUDGE, 0),
    ):
        protocol = msgspec.structs.replace(PLAN, raters=(EXACT, rater))
        made = simulate_ratings(protocol, answers, REFERENCE, rater=rater.id, rng=np.random.default_rng(1))
        assert len(made) == expected


def test_other_scales_are_cut_in_their_middle() -> None:
    grader = msgspec.structs.replace(
        JUDGE,
        kind=RaterKind.HUMAN,
        scale=Scale(kind="ordinal", minimum=1, maximum=5),
        options={"sensitivity": 1, "specificity": 1},
    )
    names = [answer.generation for answer in ANSWERS[:3]]
    ratings = simulate(grader, dict(zip(names, (5.0, 3.0, 2.0), strict=True)))
    assert [(rating.score, rating.label) for rating in ratings] == [(5.0, None), (5.0, None), (1.0, None)]


def test_the_planted_error_tells_the_expected_rate() -> None:
    assert planted_error(JUDGE, "ar") == PlantedError(sensitivity=0.9, specificity=0.5)
    assert planted_error(JUDGE, "en").expected(0.25) == pytest.approx(0.25 * 0.9 + 0.75 * 0.2)


@pytest.mark.parametrize(
    ("rater", "words"),
    [
        (with_options(specificity=1.0), "needs the option `sensitivity`"),
        (with_options(sensitivity=1.1, specificity=1.0), "from 0 to 1"),
        (with_options(sensitivity=0.5, specificity=float("nan")), "from 0 to 1"),
        (with_options(sensitivity=0.5, specificity=True), "from 0 to 1"),
        (with_options(sensitivity=0.5, specificity=0.5, bias=0.5), "no option `bias`"),
        (with_options(sensitivity=0.5, specificity=0.5, specificity_=0.5), "no option"),
        (msgspec.structs.replace(JUDGE, simulated=False), "is not simulated"),
    ],
)
def test_what_is_not_planted_rightly_is_refused(rater: Rater, words: str) -> None:
    with pytest.raises(InputError, match=words):
        simulate(rater)


def test_a_rater_that_the_protocol_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match="no rater nobody"):
        simulate_ratings(PLAN, ANSWERS, REFERENCE, rater="nobody", rng=np.random.default_rng(1))


# -- in the protocol and the run


def test_the_planted_errors_are_in_the_digests_of_protocol_and_rater() -> None:
    other = msgspec.structs.replace(JUDGE, options=ERRORS | {"specificity_ar": 0.6})
    assert rater_version(other) != rater_version(JUDGE)
    changed = msgspec.structs.replace(PLAN, raters=(EXACT, HUMAN, other))
    assert protocol_digest(changed) != protocol_digest(PLAN)
    assert prompt_digest(JUDGE) is None


def test_a_plan_without_simulated_raters_keeps_its_digest() -> None:
    raters = {rater["id"]: rater for rater in plan_document(PLAN)["raters"]}
    assert raters["made-up"]["simulated"] is True
    assert "simulated" not in raters["exact"]


def test_no_model_is_asked_for_a_simulated_judge() -> None:
    asked = Rater(id="asked", kind=RaterKind.JUDGE, prompt="{answer}")
    protocol = msgspec.structs.replace(PLAN, raters=(EXACT, JUDGE, asked))
    assert [rater.id for rater in judges_to_ask(protocol)] == ["asked"]
    assert [identity.id for identity in simulated_judges(protocol)] == ["made-up"]
    with pytest.raises(InputError, match="no judge made-up"):
        build_raters(protocol, judge_clients={"made-up": None})  # type: ignore[dict-item]


def test_a_simulated_rater_carries_no_verdict() -> None:
    protocol = msgspec.structs.replace(PLAN, raters=(JUDGE, EXACT))
    primary = primary_rater(protocol, protocol.concepts[0])
    assert primary is not None
    assert primary.id == "exact"


def rows(folder: Path) -> list[tuple[Any, ...]]:
    query = "SELECT rater, rater_kind, score, cause, simulated FROM read_parquet(?)"
    return duckdb.execute(query, [str(folder / SCORES)]).fetchall()


def small_with(*raters: Rater) -> Protocol:
    protocol = small_protocol()
    return msgspec.structs.replace(protocol, raters=(*protocol.raters, *raters))


def test_a_run_names_it_and_keeps_its_ratings_when_it_goes_on(tmp_path: Path) -> None:
    protocol = small_with(JUDGE)
    carried_out = run(tmp_path, ScriptedChat(), small_plan(protocol))
    assert [(rater.id, rater.simulated) for rater in carried_out.raters] == [
        ("exact", False), ("contains", False), ("made-up", True),
    ]  # fmt: skip
    unrated = [row for row in rows(tmp_path) if row[0] == "made-up"]
    assert set(unrated) == {("made-up", "judge", None, "not_rated", True)}
    answers = list(read_records(tmp_path / GENERATIONS, msgspec.json.Decoder(Answer)))
    made = simulate_ratings(
        protocol,
        answers,
        dict.fromkeys((answer.generation for answer in answers), 1.0),
        rater="made-up",
        rng=np.random.default_rng(1),
    )
    assert append_ratings(tmp_path, made) == len(answers)
    assert append_ratings(tmp_path, made) == 0
    chat = ScriptedChat()
    run(tmp_path, chat, small_plan(protocol))
    assert chat.requests == []
    rated = [row for row in rows(tmp_path) if row[0] == "made-up"]
    assert len(rated) == len(answers)
    assert {row[2] for row in rated} == {0.0, 1.0}
    assert {row[3:] for row in rated} == {(None, True)}
    assert not any(row[4] for row in rows(tmp_path) if row[0] != "made-up")


def test_a_label_that_a_rating_lacks_is_put_on(tmp_path: Path) -> None:
    run(tmp_path, ScriptedChat(), small_plan(small_with(JUDGE)))
    answer = next(iter(read_records(tmp_path / GENERATIONS, msgspec.json.Decoder(Answer))))
    (made,) = simulate_ratings(
        small_with(JUDGE), [answer], {answer.generation: 1.0}, rater="made-up", rng=np.random.default_rng(1)
    )
    append_ratings(tmp_path, [msgspec.structs.replace(made, simulated=False)])
    (row,) = [row for row in rows(tmp_path) if row[0] == "made-up" and row[2] is not None]
    assert row[4] is True


def test_a_real_judge_in_its_place_is_a_deviation_and_so_is_another_error() -> None:
    protocol = small_with(JUDGE)
    followed = manifest(protocol)
    followed = msgspec.structs.replace(followed, raters=(*followed.raters, *simulated_judges(protocol)))
    assert found(followed, protocol) == []
    real = RaterIdentity(id="made-up", kind=RaterKind.JUDGE, version="sha256:1", model="m")
    replaced = msgspec.structs.replace(followed, raters=(*followed.raters[:2], real))
    assert found(replaced, protocol) == [("rater.made-up.simulated", True, False, "major")]
    milder = small_with(with_options(sensitivity=0.9, specificity=0.9))
    ((field, planned, actual, severity),) = [
        one for one in found(followed, milder) if one[0].startswith("rater")
    ]
    assert (field, severity) == ("rater.made-up.version", "major")
    assert planned != actual


SIMULATED = """[[raters]]
id = "made-up"
kind = "judge"
simulated = true
options = { sensitivity = 0.9, specificity = 0.8 }

[analysis]"""


def written(folder: Path, table: str = SIMULATED) -> Path:
    return write(folder, TOML.replace("[analysis]", table, 1))


def test_the_file_reads_and_the_check_says_what_it_is(tmp_path: Path) -> None:
    source = read(written(tmp_path))
    protocol: Protocol = source.protocol
    assert protocol.raters[-1].simulated
    findings = lint_protocol(source).sorted()
    (noted,) = [one for one in findings if one.code == "simulated-rater"]
    assert noted.severity is Severity.NOTE
    assert "made-up" in noted.message
    assert not {one.code for one in findings} & {"judge-prompt", "judge-model"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sensitivity = 0.9, ", "", "needs the option `sensitivity`"),
        ("0.8 }", "1.5 }", "from 0 to 1"),
        ("simulated = true", 'simulated = true\nprompt = "{answer}"', "nothing is asked with `prompt`"),
        ("simulated = true", 'simulated = true\nmodel = "m"', "nothing is asked with `model`"),
        ('kind = "judge"', 'kind = "program"\nprogram = "exact"', "is a program; it rates by itself"),
    ],
)
def test_a_table_that_cannot_be_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in SIMULATED
    with pytest.raises(InputError, match=words):
        read(written(tmp_path, SIMULATED.replace(old, new)))


def test_a_concept_that_only_simulated_raters_rate_is_refused(tmp_path: Path) -> None:
    real = '[[raters]]\nid = "says-it"\nkind = "program"\nprogram = "contains"\n'
    assert real in TOML
    with pytest.raises(InputError, match="a simulated rater carries no verdict"):
        read(write(tmp_path, TOML.replace(real, "", 1).replace("[analysis]", SIMULATED, 1)))
