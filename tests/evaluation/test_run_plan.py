from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.small_protocol import small_plan, small_protocol

from consilience.errors import InputError
from consilience.evaluation.protocol import Generation, Split, item_digest
from consilience.evaluation.run_plan import MAX_ATTEMPTS, Overrides, items_digest, seed_of, select_items
from consilience.evaluation.run_record import Selection
from consilience.records.canonical import digest


def test_the_name_of_a_run_is_the_same_for_the_same_command() -> None:
    assert small_plan().run == small_plan().run
    assert small_plan(laboratory="Institut für KI", model="org/Model 7B").run.startswith(
        "small-institut-f-r-ki-org-model-7b-"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"laboratory": "Lab B"},
        {"model": "m-2"},
        {"overrides": Overrides(temperature=0.0)},
        {"overrides": Overrides(max_tokens=9)},
        {"overrides": Overrides(system_prompt="Other.")},
        {"overrides": Overrides(system_prompt="")},
        {"overrides": Overrides(attempts=3)},
        {"overrides": Overrides(selection=Selection(limit=1))},
        {"overrides": Overrides(selection=Selection(languages=("fr",)))},
        {"protocol": small_protocol(4)},
    ],
)
def test_what_changes_what_is_asked_makes_another_run(changes: dict[str, Any]) -> None:
    assert small_plan(**changes).run != small_plan().run


def test_an_override_that_says_what_was_planned_is_the_same_run() -> None:
    assert small_plan(overrides=Overrides(temperature=0.5, attempts=2)).run == small_plan().run


def test_seeds_differ_between_laboratories_and_attempts_and_stay_when_asked_again() -> None:
    here = [small_plan().request(asked).seed for asked in small_plan().asked()]
    there = [
        small_plan(laboratory="Lab B").request(asked).seed for asked in small_plan(laboratory="Lab B").asked()
    ]
    assert len({*here, *there}) == 24
    assert here == [small_plan().request(asked).seed for asked in small_plan().asked()]


def test_without_a_planned_seed_none_is_sent() -> None:
    plan = small_plan(small_protocol(generation=Generation()))
    assert {plan.request(asked).seed for asked in plan.asked()} == {None}
    assert plan.sampling() == {}
    assert plan.system_prompt_digest() is None
    assert [role for role, _ in plan.request(next(plan.asked())).messages] == ["user"]


@given(st.integers(0, 2**63), st.text(max_size=40))
def test_a_seed_fits_every_endpoint(base: int, generation: str) -> None:
    assert 0 <= (seed_of(base, generation) or 0) < 2**31


def test_the_manifest_gets_the_keys_as_sent() -> None:
    plan = small_plan(overrides=Overrides(temperature=0.0, top_p=0.9))
    assert plan.sampling() == {"temperature": 0.0, "top_p": 0.9, "max_tokens": 8, "seed": 7}
    renamed = msgspec.structs.replace(plan, max_tokens_key="max_completion_tokens")
    assert renamed.sampling()["max_completion_tokens"] == 8
    assert "max_tokens" not in renamed.sampling()


def test_an_empty_system_prompt_is_none() -> None:
    plan = small_plan(overrides=Overrides(system_prompt=""))
    assert plan.system_prompt_digest() is None
    assert small_plan().system_prompt_digest() == digest(b"Be short.")


def test_every_attempt_comes_after_the_one_before_for_all_items() -> None:
    order = [(asked.attempt, asked.item.id, asked.item.language) for asked in small_plan().asked()]
    assert [attempt for attempt, _, _ in order] == [1] * 6 + [2] * 6
    assert order[0][1:] == ("q0", "en")


def test_a_limit_takes_items_in_turn_from_each_concept_with_all_translations() -> None:
    protocol = small_protocol(9)
    chosen = select_items(protocol, Selection(limit=3))
    assert [(item.id, item.language) for item in chosen] == [
        (name, language) for name in ("q0", "q1", "q2") for language in ("en", "fr")
    ]
    grouped = small_protocol(items=6)
    ordered = tuple(sorted(grouped.items, key=lambda item: item.concept))
    chosen = select_items(msgspec.structs.replace(grouped, items=ordered), Selection(limit=2))
    assert {item.concept for item in chosen} == {"knowledge", "harm"}


def test_a_limit_beyond_the_items_takes_all() -> None:
    assert len(select_items(small_protocol(), Selection(limit=1000))) == 6


def test_languages_and_splits_select() -> None:
    protocol = small_protocol()
    assert {item.language for item in select_items(protocol, Selection(languages=("fr",)))} == {"fr"}
    kept = select_items(protocol, Selection(splits=(Split.EVALUATION,)))
    assert {item.id for item in kept} == {"q1", "q2"}
    with pytest.raises(InputError, match="no language de"):
        select_items(protocol, Selection(languages=("de",)))
    with pytest.raises(InputError, match="no item"):
        select_items(protocol, Selection(splits=(Split.TUNING,)))


@pytest.mark.parametrize(
    "overrides",
    [
        Overrides(temperature=-0.1),
        Overrides(temperature=float("nan")),
        Overrides(temperature=float("inf")),
        Overrides(top_p=1.1),
        Overrides(max_tokens=0),
        Overrides(attempts=0),
        Overrides(attempts=MAX_ATTEMPTS + 1),
        Overrides(selection=Selection(limit=0)),
    ],
)
def test_values_out_of_range_are_refused(overrides: Overrides) -> None:
    with pytest.raises(InputError, match="not between"):
        small_plan(overrides=overrides)


def test_a_value_out_of_range_says_the_range_in_plain_numbers_and_what_to_do() -> None:
    with pytest.raises(InputError) as caught:
        small_plan(overrides=Overrides(max_tokens=0))
    assert "between 1 and 10,000,000" in caught.value.detail
    assert "--max-tokens" in caught.value.next_step


def test_the_largest_number_of_attempts_is_taken() -> None:
    assert small_plan(overrides=Overrides(attempts=MAX_ATTEMPTS)).total == 6 * MAX_ATTEMPTS


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201])
def test_unusable_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="laboratory"):
        small_plan(laboratory=name)
    with pytest.raises(InputError, match="model"):
        small_plan(model=name)


def test_the_items_digest_does_not_depend_on_order() -> None:
    items = small_protocol().items
    assert items_digest(items) == items_digest(tuple(reversed(items)))
    assert items_digest(items) != items_digest(items[1:])
    assert items_digest(items[:1]) == digest(item_digest(items[0]).encode())
