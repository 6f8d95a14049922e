"""The programs exact and contains."""

from __future__ import annotations

import pytest

from consilience.errors import InputError
from consilience.evaluation.protocol import Item, Rater, RaterKind, Scale
from consilience.evaluation.raters.matching import contains, exact
from consilience.evaluation.scores import Cause


def item(language: str = "en", target: str | None = "Paris", accept: tuple[str, ...] = ()) -> Item:
    return Item(id="1", language=language, concept="c", prompt="?", target=target, accept=accept)


def rater(program: str, scale: Scale | None = None, **options: str | bool) -> Rater:
    return Rater(
        id="r",
        kind=RaterKind.PROGRAM,
        program=program,
        options=options,
        scale=scale or Scale(),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("answer", "options", "score"),
    [
        ("  paris. ", {}, 1.0),
        ("“Paris”", {}, 1.0),
        ("Paris, France", {}, 0.0),
        ("Let me think.\n\nParis\n", {"part": "last_line"}, 1.0),
        ("Paris\nbecause …", {"part": "first_line"}, 1.0),
        ("Paris\nbecause …", {}, 0.0),
        ("paris", {"case": "keep"}, 0.0),
        ("Paris.", {"punctuation": "keep"}, 0.0),
        ("Pâris", {}, 0.0),
        ("Pâris", {"diacritics": "strip"}, 1.0),
    ],
)
def test_exact(answer: str, options: dict[str, str], score: float) -> None:
    assert exact(rater("exact", **options))(item(), answer).score == score


def test_exact_takes_every_right_answer() -> None:
    program = exact(rater("exact"))
    assert program(item(target="USA", accept=("United States",)), "united states!").score == 1.0


def test_exact_in_arabic_forgives_vowel_signs_and_forms_of_alef() -> None:
    program = exact(rater("exact"))
    assert program(item("ar", "الأردن"), "الْأُرْدُن").score == 1.0
    assert program(item("ar", "الأردن"), "لبنان").score == 0.0


def test_exact_uses_the_ends_of_the_scale() -> None:
    program = exact(rater("exact", Scale(kind="ordinal", minimum=1.0, maximum=5.0)))
    assert (program(item(), "Paris").score, program(item(), "Rome").score) == (5.0, 1.0)


def test_no_target_gives_no_score() -> None:
    for program in (exact(rater("exact")), contains(rater("contains"))):
        assert program(item(target=None), "Paris").cause == Cause.NO_TARGET
        assert program(item(target="…"), "Paris").cause == Cause.NO_TARGET


def test_an_answer_of_punctuation_is_unparsable() -> None:
    assert exact(rater("exact"))(item(), "?!").cause == Cause.UNPARSABLE


@pytest.mark.parametrize(
    ("answer", "options", "score"),
    [
        ("It is Paris, of course.", {}, 1.0),
        ("It is Parisian.", {}, 0.0),
        ("It is Parisian.", {"words": False}, 1.0),
        ("Lyon", {}, 0.0),
        ("Lyon", {"invert": True}, 1.0),
        ("In Lutetia", {}, 1.0),
        ("In Lutetia", {"mode": "all"}, 0.0),
        ("Lutetia is Paris", {"mode": "all"}, 1.0),
    ],
)
def test_contains(answer: str, options: dict[str, str | bool], score: float) -> None:
    program = contains(rater("contains", **options))
    assert program(item(accept=("Lutetia",)), answer).score == score


def test_contains_finds_words_behind_arabic_prefixes() -> None:
    assert contains(rater("contains"))(item("ar", "القاهرة"), "أسكن بالقاهرة.").score == 1.0
    assert contains(rater("contains", clitics=False))(item("ar", "القاهرة"), "أسكن بالقاهرة.").score == 0.0


def test_contains_names_what_it_found() -> None:
    assert contains(rater("contains"))(item(), "Paris").label == "paris"


@pytest.mark.parametrize(
    ("program", "options"),
    [
        (exact, {"part": "middle"}),
        (exact, {"tolerance": "1"}),
        (contains, {"mode": "none"}),
        (contains, {"words": "yes"}),
        (contains, {"diacritics": "drop"}),
    ],
)
def test_wrong_options_are_refused(program: object, options: dict[str, str]) -> None:
    with pytest.raises(InputError, match="rater r"):
        program(rater("exact", **options))  # type: ignore[operator]
