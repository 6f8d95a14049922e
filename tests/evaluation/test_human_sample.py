"""The human sample: random, reproducible, of answered generations only."""

from __future__ import annotations

import collections

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.annotated_runs import EXACT, HUMAN, answers_of, plan

from consilience.errors import InputError
from consilience.evaluation.human_sample import draw_sample, draw_strata, simulate_human_ratings
from consilience.evaluation.protocol import HumanSample, Protocol, Rater, RaterKind, Scale
from consilience.evaluation.run_record import Answer
from consilience.evaluation.scores import Status

PLAN = plan(items=40, per_cell=6)
ANSWERS = answers_of(PLAN, laboratory="North")


def drawn(
    protocol: Protocol = PLAN, answers: list[Answer] = ANSWERS, laboratory: str = "North"
) -> tuple[str, ...]:
    return draw_sample(protocol, answers, laboratory=laboratory, model="a-model")


def with_plan(per_cell: int, seed: int = 7) -> Protocol:
    return msgspec.structs.replace(PLAN, human_sample=HumanSample(per_cell=per_cell, seed=seed))


def test_so_many_of_each_cell() -> None:
    strata = draw_strata(PLAN, ANSWERS, laboratory="North", model="a-model")
    assert [(s.language, s.concept, len(s.generations), s.population) for s in strata] == [
        ("ar", "knowledge", 6, 40),
        ("en", "knowledge", 6, 40),
    ]
    assert strata[0].weight == pytest.approx(40 / 6)
    languages = {answer.generation: answer.language for answer in ANSWERS}
    for stratum in strata:
        assert {languages[name] for name in stratum.generations} == {stratum.language}


@given(order=st.permutations(ANSWERS))
def test_the_order_of_answers_does_not_matter(order: list[Answer]) -> None:
    assert drawn(answers=order) == drawn()


def test_doubled_answers_count_once() -> None:
    assert drawn(answers=ANSWERS + ANSWERS) == drawn()


def test_seed_laboratory_and_protocol_change_the_sample() -> None:
    assert drawn(with_plan(6, seed=8)) != drawn()
    assert drawn(laboratory="South") != drawn()
    assert drawn(msgspec.structs.replace(PLAN, title="Another title")) != drawn()


def test_answers_without_text_are_never_drawn() -> None:
    answers = [
        msgspec.structs.replace(answer, text=[None, "", " \n", "an answer"][place % 4])
        for place, answer in enumerate(ANSWERS)
    ]
    texts = {answer.generation: answer.text for answer in answers}
    sample = drawn(with_plan(100), answers)
    assert len(sample) == 20
    assert {texts[name] for name in sample} == {"an answer"}


def test_every_generation_has_the_same_chance() -> None:
    counts: collections.Counter[str] = collections.Counter()
    for seed in range(400):
        counts.update(drawn(with_plan(6, seed=seed)))
    expected = 400 * 6 / 40
    chi_square = sum((counts[answer.generation] - expected) ** 2 / expected for answer in ANSWERS)
    # Without replacement: (1 - n/N) N/(N-1) times chi-square with 2 (N-1) = 78 degrees: 34.7 to 116.1.
    assert 34.7 < chi_square < 116.1  # 0.01 % and 99.99 %


def test_no_plan_is_an_error() -> None:
    with pytest.raises(InputError, match="plans no human sample"):
        drawn(msgspec.structs.replace(PLAN, human_sample=None))


def simulate(
    sensitivity: float, specificity: float, protocol: Protocol = PLAN
) -> dict[str, list[float | None]]:
    answers = answers_of(plan(items=1500), laboratory="North")
    reference = {answer.generation: float(place % 3 == 0) for place, answer in enumerate(answers)}
    ratings = simulate_human_ratings(
        protocol,
        plan(items=1500).items,
        answers,
        reference,
        sensitivity=sensitivity,
        specificity=specificity,
        rng=np.random.default_rng(1),
    )
    assert all(rating.simulated and rating.rater_kind is RaterKind.HUMAN for rating in ratings)
    assert all(rating.status is Status.SCORED for rating in ratings)
    return {
        "positive": [rating.score for rating in ratings if reference[rating.generation] == 1.0],
        "negative": [rating.score for rating in ratings if reference[rating.generation] == 0.0],
    }


def test_simulated_humans_err_as_often_as_said() -> None:
    scores = simulate(0.9, 0.8)
    assert (len(scores["positive"]), len(scores["negative"])) == (1000, 2000)
    assert np.mean(scores["positive"]) == pytest.approx(0.9, abs=0.035)  # 3.7 standard errors
    assert np.mean(scores["negative"]) == pytest.approx(0.2, abs=0.033)


def test_simulated_humans_without_error_repeat_the_reference() -> None:
    scores = simulate(1.0, 1.0)
    assert set(scores["positive"]) == {1.0}
    assert set(scores["negative"]) == {0.0}


def test_simulated_ratings_follow_rater_concepts_scale_and_reference() -> None:
    grader = Rater(id="grader", kind=RaterKind.HUMAN, scale=Scale(kind="ordinal", minimum=1, maximum=5))
    other = Rater(id="other", kind=RaterKind.HUMAN, concepts=("safety",))
    protocol = msgspec.structs.replace(PLAN, raters=(EXACT, HUMAN, grader, other))
    reference = {answer.generation: 5.0 for answer in ANSWERS[:3]}
    ratings = simulate_human_ratings(
        protocol,
        PLAN.items[:2],
        ANSWERS,
        reference,
        sensitivity=1,
        specificity=1,
        rng=np.random.default_rng(1),
    )
    assert [(rating.rater, rating.score, rating.label) for rating in ratings] == [
        ("people", 1.0, "yes"), ("people", 1.0, "yes"), ("grader", 5.0, None), ("grader", 5.0, None),
    ]  # fmt: skip


@pytest.mark.parametrize(("sensitivity", "specificity"), [(1.1, 0.5), (0.5, -0.1), (float("nan"), 0.5)])
def test_chances_out_of_range_are_refused(sensitivity: float, specificity: float) -> None:
    with pytest.raises(InputError):
        simulate(sensitivity, specificity)


def test_without_human_rater_nothing_is_simulated() -> None:
    with pytest.raises(InputError, match="no human rater"):
        simulate(1, 1, msgspec.structs.replace(PLAN, raters=(EXACT,)))
