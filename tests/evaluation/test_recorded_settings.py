"""Recorded settings: only what differs, unknown as unknown, and no manifest that could break it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.exercises import make_manifest, make_protocol

from consilience.evaluation import recorded_settings as module
from consilience.evaluation.deviations import deviations
from consilience.evaluation.protocol import RaterKind
from consilience.evaluation.recorded_settings import MAX_LEVEL_CHARS, RecordedSetting, recorded_settings
from consilience.evaluation.run_record import Manifest, RaterIdentity

PLAN = make_protocol()
LABORATORIES = ("a", "b", "c", "d")


def found(*manifests: Manifest, laboratories: tuple[str, ...] = LABORATORIES) -> list[RecordedSetting]:
    departures = [one for manifest in manifests for one in deviations(PLAN, manifest)]
    return list(
        recorded_settings(manifests, laboratories, model="model-0", rater="exact", departures=departures)
    )


def sampling(laboratory: str, **changes: Any) -> Manifest:
    return make_manifest(PLAN, laboratory, sampling={"temperature": 0.0, "max_tokens": 8} | changes)


def test_equal_manifests_have_no_setting_that_differs() -> None:
    assert found(*(make_manifest(PLAN, lab) for lab in LABORATORIES)) == []
    assert found() == []


def test_a_number_stays_a_number_and_a_missing_manifest_is_unknown() -> None:
    (one,) = found(sampling("a"), sampling("b"), sampling("c", temperature=1))
    assert one == RecordedSetting("sampling.temperature", None, (0.0, 0.0, 1.0, None))


def test_the_token_limit_has_one_name_under_any_key() -> None:
    other = make_manifest(
        PLAN,
        "b",
        sampling={"temperature": 0.0, "max_completion_tokens": 16},
        max_tokens_key="max_completion_tokens",
    )
    (one,) = found(sampling("a"), other)
    assert (one.name, one.values) == ("sampling.max_tokens", (8.0, 16.0, None, None))


def test_a_key_that_was_not_sent_is_a_name_and_no_number() -> None:
    manifests = [sampling("a", top_p=0.9), sampling("b", top_p=0.5), sampling("c"), sampling("d", top_p=None)]
    number, absent = found(*manifests)
    assert (number.level, number.values) == (None, (0.9, 0.5, None, None))
    assert (absent.level, absent.values) == ("not sent", (0.0, 0.0, 1.0, 1.0))


def test_names_are_held_against_the_planned_one() -> None:
    """Most laboratories deviate; the name that counts as 1 is still theirs."""
    other = "sha256:" + "2" * 64
    manifests = [
        make_manifest(PLAN, lab, system_prompt_digest=other if lab != "a" else None) for lab in "abc"
    ]
    plan = make_protocol(generation=msgspec.structs.replace(PLAN.generation, system_prompt="Be brief."))
    departures = [one for manifest in manifests for one in deviations(plan, manifest)]
    (one,) = recorded_settings(manifests, LABORATORIES, model="model-0", rater="exact", departures=departures)
    assert (one.name, one.level, one.values) == ("system_prompt", "none", (1.0, 0.0, 0.0, None))
    planned = make_manifest(plan, "a").system_prompt_digest
    assert planned is not None
    mostly = [make_manifest(plan, lab, system_prompt_digest=other) for lab in "bcd"]
    departures = [one for manifest in mostly for one in deviations(plan, manifest)]
    (one,) = recorded_settings(
        [make_manifest(plan, "a"), *mostly], LABORATORIES, model="model-0", rater="exact",
        departures=departures,
    )  # fmt: skip
    assert one.values == (0.0, 1.0, 1.0, 1.0)


def test_a_name_that_each_has_for_itself_says_only_who_it_is() -> None:
    own = [make_manifest(PLAN, lab, endpoint=f"https://{lab}.example/v1") for lab in LABORATORIES]
    assert found(*own) == []
    shared = [
        make_manifest(PLAN, lab, endpoint=f"https://{host}.example/v1")
        for lab, host in zip(LABORATORIES, "xxyy", strict=True)
    ]
    (one,) = found(*shared)
    assert (one.name, one.level, one.values) == ("endpoint", "y.example", (0.0, 0.0, 1.0, 1.0))


def test_the_date_counts_in_days_and_minutes_do_not() -> None:
    same_day = [make_manifest(PLAN, "a"), make_manifest(PLAN, "b", started_at="2026-02-01T23:00:00Z")]
    assert found(*same_day) == []
    later = make_manifest(PLAN, "c", started_at="2026-02-11T01:00:00+02:00")
    (one,) = found(*same_day, later)
    assert (one.name, one.values) == ("started_at", (0.0, 0.0, 10.0, None))


def test_a_language_left_out_is_a_setting_of_its_own() -> None:
    manifests = [
        make_manifest(PLAN, "a"),
        make_manifest(PLAN, "b"),
        make_manifest(PLAN, "c", languages=("en",)),
    ]
    (one,) = found(*manifests)
    assert (one.name, one.level, one.values) == ("languages.fr", "left out", (0.0, 0.0, 1.0, None))


def test_only_the_rater_whose_scores_are_looked_at_matters() -> None:
    def rated(laboratory: str, rater: str, version: str) -> Manifest:
        known = make_manifest(PLAN, laboratory)
        one = RaterIdentity(id=rater, kind=RaterKind.JUDGE, version=version)
        return msgspec.structs.replace(known, raters=(*known.raters, one))

    assert found(rated("a", "judge", "v1"), rated("b", "judge", "v2")) == []
    changed = [
        msgspec.structs.replace(
            m, raters=tuple(msgspec.structs.replace(r, version=v, model=v) for r in m.raters)
        )
        for m, v in ((make_manifest(PLAN, lab), "v1" if lab < "c" else "v2") for lab in LABORATORIES)
    ]
    assert {(one.name, one.level) for one in found(*changed)} == {
        ("rater.exact.version", "v2"),
        ("rater.exact.model", "v2"),
    }


def test_two_manifests_of_one_laboratory_are_known_where_they_agree() -> None:
    halves = [
        make_manifest(PLAN, "a", languages=("en",), sampling={"temperature": 0.0, "max_tokens": 8}),
        make_manifest(PLAN, "a", languages=("fr",), sampling={"temperature": 0.5, "max_tokens": 8}),
    ]
    others = [sampling("b"), sampling("c", temperature=1.0)]
    (one,) = found(*halves, *others)
    assert (one.name, one.values) == ("sampling.temperature", (None, 0.0, 1.0, None))


def test_settings_that_deviate_come_first() -> None:
    manifests = [sampling("a", top_k=5), sampling("b", top_k=6, temperature=0.7), sampling("c", top_k=7)]
    assert [one.name for one in found(*manifests)] == ["sampling.temperature", "sampling.top_k"]


@pytest.mark.parametrize(
    "value",
    [
        "x" * 2**20,
        "\ud800",
        float("nan"),
        float("inf"),
        10**400,
        -(10**400),
        ["y" * 2**20, "z"],
        True,
        "",
        "\x1f",
    ],
    ids=lambda value: type(value).__name__ + str(len(str(value)) if not isinstance(value, int) else 0),
)
def test_hostile_values_are_cut_or_unknown(value: object) -> None:
    manifests = [
        sampling("a"),
        sampling("b", **{"temperature": value, "k" * 2**20: value}),
        make_manifest(
            PLAN,
            "c",
            software={"s" * 2**20: str(value)[:99]},
            started_at=str(value)[:50],
            endpoint="http://[",
        ),
    ]
    for one in found(*manifests):
        assert len(one.name) <= len("sampling.") + MAX_LEVEL_CHARS
        assert one.level is None or len(one.level) <= MAX_LEVEL_CHARS
        assert len({number for number in one.values if number is not None}) > 1


def test_long_names_that_begin_alike_stay_different() -> None:
    names = {module.shortened("x" * 100 + tail) for tail in "ab"}
    assert len(names) == 2
    assert all(len(name) == MAX_LEVEL_CHARS for name in names)


def test_a_manifest_with_very_many_keys_is_looked_at_in_part() -> None:
    many = {f"key{n}": float(n) for n in range(5_000)}
    few = {name: value + 1.0 for name, value in many.items()}
    assert len(found(sampling("a", **many), sampling("b", **few))) == module.MAX_KEYS - 2


facts = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))


@settings(max_examples=60, deadline=None)
@given(st.lists(facts, min_size=1, max_size=4))
def test_settings_always_differ_and_are_finite(values: list[Any]) -> None:
    manifests = [sampling(lab, temperature=value) for lab, value in zip(LABORATORIES, values, strict=False)]
    for one in found(*manifests):
        known = [value for value in one.values if value is not None]
        assert len(one.values) == len(LABORATORIES)
        assert len(set(known)) > 1
        assert all(abs(value) <= module.MAX_MAGNITUDE for value in known)
        assert (one.level is None) or set(known) == {0.0, 1.0}
