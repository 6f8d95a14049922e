"""The human sample: random, reproducible, of answered generations only."""

from __future__ import annotations

import collections

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.annotated_runs import answers_of, plan

from consilience.errors import InputError
from consilience.evaluation.human_sample import draw_sample, draw_strata
from consilience.evaluation.protocol import HumanSample, Protocol
from consilience.evaluation.run_record import Answer

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
