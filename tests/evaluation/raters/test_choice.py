"""Which option an answer chooses, and when it chooses none."""

from __future__ import annotations

import pytest

from consilience.errors import InputError
from consilience.evaluation.protocol import Item, Rater, RaterKind
from consilience.evaluation.raters.choice import MAX_CHOICES, choice
from consilience.evaluation.scores import Cause

CITIES = ("London", "Paris", "New York", "York")
ARABIC = ("لندن", "باريس", "القاهرة", "الرياض")


def chosen(
    answer: str,
    choices: tuple[str, ...] = CITIES,
    language: str = "en",
    target: str = "A",
    prompt: str = "?",
    **options: str | bool,
) -> str | Cause | None:
    rater = Rater(id="c", kind=RaterKind.PROGRAM, program="choice", options=options)
    item = Item(id="1", language=language, concept="c", prompt=prompt, target=target, choices=choices)
    verdict = choice(rater)(item, answer)
    return verdict.label if verdict.score is not None else verdict.cause


@pytest.mark.parametrize(
    "answer",
    [
        "B", "b", "(B)", "B.", "B)", "**B**", "Ｂ", "Answer: B", "The answer is B.", "Final answer: **B**",
        "The correct answer is (B) Paris", "Option B", "B. Paris", "B: Paris is the capital of France.",
        "I choose B because it is.", "I think B because it is", "2", "Option 2", "Paris",
        "It's Paris, not London!",
        "The answer is not A, it is Paris", "\\boxed{B}", "Looking at all of them, [B].", "So: B",
        "Reasoning first.\nB) Paris",
    ],
)  # fmt: skip
def test_option_b_is_found(answer: str) -> None:
    assert chosen(answer) == "B"


@pytest.mark.parametrize(
    "answer",
    [
        "A and B", "Answer: A or B", "B. London", "A. London\nB. Paris\nC. New York",
        "Answer: A. Wait, answer: B",
        "Paris or London", "The answer is a city", "I cannot say", "not B", "A city on a river",
        "I am unsure", "E", "5",
        "Answer: B, C", "...",
    ],
)  # fmt: skip
def test_ambiguous_or_absent_choices_are_unparsable(answer: str) -> None:
    assert chosen(answer) == Cause.UNPARSABLE


def test_the_longer_option_hides_the_shorter_one_inside_it() -> None:
    assert chosen("I choose New York") == "C"
    assert chosen("I choose York") == "D"


def test_a_at_the_end_is_the_letter() -> None:
    assert chosen("I would go with A.") == "A"


@pytest.mark.parametrize(
    ("answer", "language", "label"),
    [
        ("ب", "ar", "B"), ("أ", "ar", "A"), ("الإجابة: ب", "ar", "B"), ("الإجابة هي (ب)", "ar", "B"),
        ("ب) باريس", "ar", "B"), ("الجواب الصحيح هو باريس", "ar", "B"), ("٢", "ar", "B"), ("B", "ar", "B"),
        ("الخيار أ و ب", "ar", Cause.UNPARSABLE), ("الإجابة ليست أ", "ar", Cause.UNPARSABLE),
        ("ج", "ar", "C"), ("د", "ar", "D"),
    ],
)  # fmt: skip
def test_arabic(answer: str, language: str, label: object) -> None:
    assert chosen(answer, ARABIC, language) == label


@pytest.mark.parametrize(
    ("answer", "language", "choices"),
    [
        ("答案是B", "zh", ("伦敦", "巴黎")), ("选乙", "zh", ("伦敦", "巴黎")),
        ("巴黎是法国的首都", "zh", ("伦敦", "巴黎")),
        ("Jibu ni B", "sw", ("Nairobi", "Paris")), ("Jibu sahihi ni Paris.", "sw", ("Nairobi", "Paris")),
        ("La réponse est b) Paris.", "fr", ("Londres", "Paris")), ("Réponse : B", "fr", ("Londres", "Paris")),
        ("La réponse est la lettre B", "fr", ("Londres", "Paris")),
        ("La respuesta correcta es la opción B", "es", ("Londres", "París")),
        ("Ответ: Б", "ru", ("Лондон", "Париж")), ("उत्तर: ख", "hi", ("लंदन", "पेरिस")),
        ("정답은 나", "ko", ("런던", "파리")),
        ("答えはイ", "ja", ("ロンドン", "パリ")), ("คำตอบคือ ข", "th", ("ลอนดอน", "ปารีส")),
    ],
)  # fmt: skip
def test_other_languages(answer: str, language: str, choices: tuple[str, ...]) -> None:
    assert chosen(answer, choices, language) == "B"


def test_letters_that_the_prompt_shows_are_the_only_ones() -> None:
    cyrillic = "А) Лондон Б) Париж В) Рим"
    choices = ("Лондон", "Париж", "Рим")
    assert chosen("В", choices, "ru", target="В", prompt=cyrillic) == "C"
    assert chosen("B", choices, "ru", target="В", prompt=cyrillic) == Cause.UNPARSABLE


def test_score_follows_the_target_by_letter_or_text() -> None:
    rater = Rater(id="c", kind=RaterKind.PROGRAM, program="choice")
    for target in ("B", "Paris", "paris.", "2"):
        item = Item(id="1", language="en", concept="c", prompt="?", target=target, choices=CITIES)
        assert choice(rater)(item, "(B)").score == 1.0
        assert choice(rater)(item, "(C)").score == 0.0


def test_numbers_are_texts_where_an_option_is_a_number() -> None:
    assert chosen("4", ("3", "4", "2")) == "B"
    assert chosen("2", ("3", "4", "2")) == "C"


def test_options_of_the_program() -> None:
    assert chosen("Paris", text=False) == Cause.UNPARSABLE
    assert chosen("2", numbers=False) == Cause.UNPARSABLE
    assert chosen("Y", letters="XYZW", target="X") == "B"
    with pytest.raises(InputError):
        chosen("B", text="yes")


@pytest.mark.parametrize(
    "choices", [(), ("one",), tuple(f"option {number}" for number in range(MAX_CHOICES + 1))]
)
def test_a_wrong_number_of_choices_gives_no_score(choices: tuple[str, ...]) -> None:
    assert chosen("A", choices) == Cause.NO_TARGET


def test_a_target_that_is_no_choice_gives_no_score() -> None:
    assert chosen("B", target="Berlin") == Cause.NO_TARGET
    assert chosen("B", ("same", "same"), target="same") == Cause.NO_TARGET
