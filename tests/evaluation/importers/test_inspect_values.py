"""Values of Inspect in numbers, and causes where there is none."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.optional import optional

from consilience.evaluation.importers.inspect_values import (
    INFINITE,
    MAX_PARTS,
    NAN,
    cause_of_error,
    cause_of_unscored,
    number_of,
    parts_of,
)
from consilience.evaluation.scores import Cause


@pytest.mark.parametrize(
    ("value", "score", "fault"),
    [
        ("C", 1.0, None),
        ("I", 0.0, None),
        ("P", 0.5, None),
        ("N", 0.0, None),
        ("c", None, "unmapped_value"),
        ("yes", 1.0, None),
        ("No", 0.0, None),
        ("TRUE", 1.0, None),
        ("false", 0.0, None),
        (True, 1.0, None),
        (False, 0.0, None),
        (1, 1.0, None),
        (0.25, 0.25, None),
        ("0.75", 0.75, None),
        ("-3e1", -30.0, None),
        ("maybe", None, "unmapped_value"),
        ("nan", None, "unmapped_value"),
        ("inf", None, "unmapped_value"),
        ("x" * 101, None, "unmapped_value"),
        (None, None, None),
        (NAN, None, None),
        (float("nan"), None, None),
        (INFINITE, None, "infinite_value"),
        (float("inf"), None, "infinite_value"),
        (10**400, None, "infinite_value"),
        ({}, None, "nested_value"),
        ([], None, "nested_value"),
    ],
)
def test_a_value_is_a_number_or_says_why_not(value: Any, score: float | None, fault: str | None) -> None:
    found = number_of(value, {})
    assert (found.score, found.fault) == (score, fault)


def test_the_words_of_the_user_go_before_those_of_inspect() -> None:
    assert number_of("C", {"C": 3.0}).score == 3.0
    assert number_of("maybe", {"maybe": 0.5}).score == 0.5
    assert number_of("x" * 300, {"x" * 300: 0.5}).score == 0.5


def test_only_a_short_plain_word_is_spoken_of() -> None:
    assert number_of("maybe", {}).word == "maybe"
    assert number_of("how to make a", {}).word is None


@given(
    st.sampled_from("CIPN") | st.text(max_size=6) | st.integers() | st.floats(allow_nan=False) | st.booleans()
)
def test_it_agrees_with_inspect_wherever_inspect_has_a_number(value: Any) -> None:
    theirs = optional("inspect_ai.scorer").value_to_float()
    found = number_of(value, {})
    if found.score is not None:
        assert theirs(value) == found.score
    else:
        assert found.fault is not None
        assert isinstance(value, str) or not math.isfinite(value) or abs(value) > 1e308


def test_parts_of_a_value_are_raters_of_their_own() -> None:
    assert list(parts_of("s", {"a": 1, "b": "C"})) == [("s.a", 1), ("s.b", "C")]
    assert list(parts_of("s", [1, None])) == [("s[0]", 1), ("s[1]", None)]
    assert list(parts_of("s", "C")) == [("s", "C")]
    assert len(list(parts_of("s", [1] * 10_000))) == MAX_PARTS
    assert len(list(parts_of("s", dict.fromkeys(map(str, range(10_000)))))) == MAX_PARTS


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("RateLimitError('x')", Cause.RATE_LIMITED),
        ("Error code: 429 - {}", Cause.RATE_LIMITED),
        ("Error code: 503 - overloaded", Cause.PROVIDER_ERROR),
        ("Error code: 400", Cause.REFUSED_BY_ENDPOINT),
        ("Error code: 504", Cause.TIMEOUT),
        ("Connection error.", Cause.PROVIDER_ERROR),
        ("Request timed out.", Cause.TIMEOUT),
        ("APITimeoutError('x')", Cause.TIMEOUT),
        ("openai.APIConnectionError('timeout')", Cause.PROVIDER_ERROR),
        ("ValueError('timeout')", Cause.HARNESS_BUG),
        ("KeyError('429')", Cause.HARNESS_BUG),
        ("SandboxError('x')", Cause.ENVIRONMENT_FAULT),
        ("ToolParsingError('x')", Cause.TOOL_FAULT),
        ("RuntimeError('boom')", Cause.UNKNOWN),
        ("something else about a timeout", Cause.UNKNOWN),
        ("", Cause.UNKNOWN),
        (None, Cause.UNKNOWN),
        (17, Cause.UNKNOWN),
        ("(" * 10_000, Cause.UNKNOWN),
    ],
)
def test_an_error_is_a_cause_by_its_name_and_not_by_its_text(message: Any, cause: Cause) -> None:
    assert cause_of_error(message) is cause


@pytest.mark.parametrize(
    ("reason", "stop", "completion", "cause"),
    [
        ("grader_failed", "max_tokens", "", Cause.JUDGE_UNPARSABLE),
        ("refusal", None, None, Cause.UNPARSABLE),
        ("no_response", None, None, Cause.EMPTY),
        ("scoring_failed", None, None, Cause.HARNESS_BUG),
        ("of my own", "max_tokens", "", Cause.CUT_OFF),
        (None, "content_filter", "", Cause.REFUSED_BY_ENDPOINT),
        (None, "stop", " \n", Cause.EMPTY),
        (None, "stop", "text", Cause.UNKNOWN),
        (None, None, None, Cause.UNKNOWN),
        ([], {}, 3, Cause.UNKNOWN),
    ],
)
def test_the_cause_of_what_is_not_scored(reason: Any, stop: Any, completion: Any, cause: Cause) -> None:
    assert cause_of_unscored(reason, stop, completion) is cause
