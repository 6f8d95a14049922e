"""Numbers in many spellings."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.errors import InputError
from consilience.evaluation.protocol import Item, Rater, RaterKind
from consilience.evaluation.raters.number import find_numbers, number
from consilience.evaluation.scores import Cause

FOUND = [
    ("The answer is 1,234.5.", "en", ["1234.5"]),
    ("1.234,5", "de", ["1234.5"]),
    ("1.234", "de", ["1234"]),
    ("1.234", "en", ["1.234"]),
    ("1.234", "fr", ["1.234"]),
    ("1,234", "fr", ["1.234"]),
    ("1,234", "sw", ["1234"]),
    ("1.234", "es-MX", ["1.234"]),
    ("0.123", "de", ["0.123"]),
    ("1 234,5 euros", "fr", ["1234.5"]),
    ("3 400", "en", ["3", "400"]),
    ("١٢٣٤٫٥", "ar", ["1234.5"]),
    ("١٬٢٣٤", "ar", ["1234"]),
    ("۱۲٫۵", "fa", ["12.5"]),
    ("−5", "en", ["-5"]),
    ("from −5 to +7", "en", ["-5", "7"]),
    ("1990-1995", "en", ["1990", "1995"]),
    ("1,2,3", "en", ["1", "2", "3"]),
    ("12.05.2024", "en", ["12", "5", "2024"]),
    ("3.5,4.5", "en", ["3.5", "4.5"]),
    ("12,34,567", "hi", ["1234567"]),
    ("4,000,000", "fr", ["4000000"]),
    ("1.5×10³", "en", ["1500"]),
    ("2 x 10^-3", "en", ["0.002"]),
    ("1e5", "en", ["100000"]),
    ("answer...5", "en", ["5"]),
    ("B12.5 x", "en", []),
    ("５０％", "ja", ["50"]),
    ("共12个", "zh", ["12"]),
    ("vaut\u00a05", "fr", ["5"]),
    ("1\u202f000\u202f000", "fr", ["1000000"]),
    (".5 and -.5", "en", ["0.5", "-0.5"]),
    ("1'234'567", "de-CH", ["1234567"]),
    ("1e9999", "en", []),
    ("9" * 200, "en", []),
    ("nothing", "en", []),
]


@pytest.mark.parametrize(("text", "language", "values"), FOUND)
def test_numbers_are_found(text: str, language: str, values: list[str]) -> None:
    assert find_numbers(text, language) == [Decimal(value) for value in values]


def test_the_decimal_mark_can_be_given() -> None:
    assert find_numbers("1,234", "en", decimal=",") == [Decimal("1.234")]
    assert find_numbers("1.234", "de", decimal=".") == [Decimal("1.234")]


@given(value=st.integers(-(10**15), 10**15), places=st.integers(0, 6))
def test_english_formatting_is_read_back(value: int, places: int) -> None:
    exact = Decimal(value).scaleb(-places)
    assert find_numbers(f"It is {exact:,f} m", "en") == [exact]


@given(value=st.integers(0, 10**15), places=st.integers(4, 6))
def test_german_formatting_is_read_back(value: int, places: int) -> None:
    exact = Decimal(value).scaleb(-places)
    written = f"{exact:,f}".translate(str.maketrans(",.", ".,"))
    assert find_numbers(f"Es sind {written} m", "de") == [exact]


@given(value=st.integers(0, 10**12))
def test_arabic_digits_are_read_back(value: int) -> None:
    written = f"{value:,}".replace(",", "٬").translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert find_numbers(f"العدد {written} فقط", "ar") == [Decimal(value)]


@given(text=st.text(alphabet="0123456789.,-+ eExX^'_()\n١٢٫٬²³", max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert all(value.is_finite() for value in find_numbers(text, "fr"))


def rated(answer: str, target: str | None = "1000", language: str = "en", **options: str | float) -> object:
    rater = Rater(id="n", kind=RaterKind.PROGRAM, program="number", options=options)
    item = Item(id="1", language=language, concept="c", prompt="?", target=target)
    verdict = number(rater)(item, answer)
    return verdict.cause if verdict.score is None else verdict.score


@pytest.mark.parametrize(
    ("answer", "options", "outcome"),
    [
        ("First 2, then 1,000", {}, 1.0),
        ("First 2, then 1,000", {"which": "first"}, 0.0),
        ("First 2, then 1,000", {"which": "only"}, Cause.UNPARSABLE),
        ("1000, that is 1,000.0", {"which": "only"}, 1.0),
        ("1001", {}, 0.0),
        ("1001", {"tolerance": 1}, 1.0),
        ("1001.1", {"tolerance": 1}, 0.0),
        ("1010", {"relative_tolerance": 0.01}, 1.0),
        ("1010.5", {"relative_tolerance": 0.01}, 0.0),
        ("a thousand", {}, Cause.UNPARSABLE),
    ],
)
def test_rating(answer: str, options: dict[str, str | float], outcome: object) -> None:
    assert rated(answer, **options) == outcome


def test_tolerance_is_exact_in_decimals() -> None:
    assert rated("0.4", target="0.3", tolerance=0.1) == 1.0
    assert rated("0.40000001", target="0.3", tolerance=0.1) == 0.0


def test_a_target_that_is_not_one_number_gives_no_score() -> None:
    assert rated("5", target="five") == Cause.NO_TARGET
    assert rated("5", target=None) == Cause.NO_TARGET
    assert rated("5", target="5 or 6") == Cause.NO_TARGET


def test_target_and_answer_may_be_written_differently() -> None:
    assert rated("١٬٠٠٠", language="ar") == 1.0
    assert rated("1 000,0", language="fr") == 1.0


@pytest.mark.parametrize(
    "options", [{"which": "middle"}, {"tolerance": -1}, {"tolerance": "a"}, {"places": 2}]
)
def test_wrong_options_are_refused(options: dict[str, str | float]) -> None:
    with pytest.raises(InputError, match="rater n"):
        rated("5", **options)
