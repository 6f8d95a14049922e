"""Patterns run in linear time, whoever wrote them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.errors import InputError, LimitError
from consilience.evaluation.protocol import Item, Rater, RaterKind
from consilience.evaluation.raters.pattern import MAX_PATTERN_CHARS, Pattern, count_groups, regex
from consilience.evaluation.scores import Cause


@pytest.mark.parametrize(
    "source", ["(a+)+b", "(a|a)*b", "(.*)*x", "(?:a?){60}a{60}b", "^(([a-z])+.)+[A-Z]([a-z])+$"]
)
def test_patterns_that_explode_elsewhere_do_not_here(source: str) -> None:
    pattern = Pattern(source, owner="test")
    before = time.process_time()
    assert pattern.search("a" * 100_000) is None
    assert time.process_time() - before < 5.0


def test_group_1_or_the_whole_match() -> None:
    assert Pattern(r"answer: (\w+)", owner="test").search("the answer: yes.") == "yes"
    assert Pattern(r"answer: \w+", owner="test").search("the answer: yes.") == "answer: yes"
    assert Pattern(r"(x)?answer", owner="test").search("answer") == ""
    assert Pattern("q", owner="test").search("answer") is None


def test_flags() -> None:
    assert Pattern("É.x", flags="is", owner="test").search("é\nx") == "é\nx"
    assert Pattern("^b$", owner="test").search("a\nb") is None
    assert Pattern("^b$", flags="m", owner="test").search("a\nb") == "b"


def test_quotes_in_a_pattern_stay_in_the_pattern() -> None:
    assert Pattern("it's'; DROP", owner="test").search("it'sx") is None
    assert Pattern("it's (.)", owner="test").search("it's x") == "x"


@given(text=st.text(max_size=300))
def test_any_text_can_be_searched(text: str) -> None:
    assert (Pattern("zebra(q)", owner="test").search(text) is None) or "zebraq" in text


def test_lone_surrogates_are_searched() -> None:
    assert Pattern("a.b", owner="test").search("a\ud800b") == "a?b"


@pytest.mark.parametrize("source", ["(", "(?=a)b", r"(a)\1", "[z-a]", "a\x00b", "((a{100}){100}){100}"])
def test_what_is_no_pattern_is_refused(source: str) -> None:
    with pytest.raises(InputError, match="rater r"):
        Pattern(source, owner="rater r")


def test_long_patterns_are_refused() -> None:
    Pattern("a" * MAX_PATTERN_CHARS, owner="test")
    with pytest.raises(LimitError):
        Pattern("a" * (MAX_PATTERN_CHARS + 1), owner="test")


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("a", 0),
        ("(a)", 1),
        ("(?:a)(b)", 1),
        (r"\(a\)", 0),
        ("[(]", 0),
        ("[]()](x)", 1),
        ("(?P<n>a)(?i:b)(c)", 2),
    ],
)
def test_groups_are_counted(source: str, count: int) -> None:
    assert count_groups(source) == count


def rated(answer: str, *, language: str = "en", target: str | None = "Yes", **options: str | bool) -> object:
    rater = Rater(id="r", kind=RaterKind.PROGRAM, program="regex", options=options)
    verdict = regex(rater)(Item(id="1", language=language, concept="c", prompt="?", target=target), answer)
    return verdict.cause if verdict.score is None else verdict.score


def test_rating_by_match() -> None:
    assert rated("it is 42", pattern=r"\b42\b") == 1.0
    assert rated("it is 421", pattern=r"\b42\b") == 0.0
    assert rated("it is 421", pattern=r"\b42\b", invert=True) == 1.0


def test_rating_by_target() -> None:
    options = {"pattern": r"(?i)answer: *(\w+)", "expect": "target"}
    assert rated("Answer: YES", **options) == 1.0
    assert rated("Answer: no", **options) == 0.0
    assert rated("nothing", **options) == 0.0
    assert rated("Answer: yes", target=None, **options) == Cause.NO_TARGET


def test_patterns_per_language() -> None:
    options = {"pattern": "yes", "pattern_fr": "oui"}
    assert rated("oui", language="fr-CA", **options) == 1.0
    assert rated("oui", language="en", **options) == 0.0


@pytest.mark.parametrize(
    "options", [{}, {"pattern": ""}, {"pattern": "a", "flags": "x"}, {"pattern": "a", "patern_fr": "b"}]
)
def test_wrong_options_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(InputError, match="rater r"):
        rated("a", **options)
