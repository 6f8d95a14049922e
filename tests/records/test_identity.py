from __future__ import annotations

import re
import uuid

import hypothesis.strategies as st
from hypothesis import given

from consilience.records.identity import derived_id, kind_of, random_id

parts = st.lists(st.none() | st.text(max_size=5), max_size=3)


@given(parts, parts)
def test_equal_parts_and_only_they_have_equal_ids(left: list[str | None], right: list[str | None]) -> None:
    assert (derived_id("claim", *left) == derived_id("claim", *right)) == (left == right)


def test_a_derived_id_never_changes() -> None:
    assert derived_id("party", "Institute A") == "party--30b08ee6-9ef0-5515-a936-f2ee62e66581"
    assert uuid.UUID(derived_id("party", "x").split("--")[1]).version == 5


def test_kinds_do_not_share_ids() -> None:
    assert derived_id("party", "x").split("--")[1] != derived_id("subject", "x").split("--")[1]


def test_a_random_id_is_the_given_one() -> None:
    value = uuid.UUID(int=5)
    assert random_id("incident", value) == f"incident--{value}"
    assert re.fullmatch(r"incident--[0-9a-f-]{36}", random_id("incident", value))
    assert kind_of(random_id("incident", value)) == "incident"
