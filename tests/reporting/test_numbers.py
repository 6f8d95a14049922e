"""How numbers are written: marks of a language, nothing lost to rounding, ranges with one unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.reporting import numbers
from consilience.reporting.numbers import STYLES, style_of

EN, FR = STYLES["en"], STYLES["fr"]


@pytest.mark.parametrize(
    ("value", "places", "english", "french"),
    [
        (1234.5, 1, "1,234.5", "1\u202f234,5"),
        (-0.25, 2, "\u22120.25", "\u22120,25"),
        (0.0, 1, "0.0", "0,0"),
        (0.0004, 1, "<0.1", "<0,1"),
        (-0.0004, 1, ">\u22120.1", ">\u22120,1"),
    ],
)
def test_decimal(value: float, places: int, english: str, french: str) -> None:
    assert numbers.decimal(value, EN, places=places) == english
    assert numbers.decimal(value, FR, places=places) == french


def test_a_tiny_signed_number_keeps_its_sign() -> None:
    assert numbers.decimal(0.0004, EN, places=1, signed=True) == "+0.0"
    assert numbers.decimal(-0.0004, EN, places=1, signed=True) == "\u22120.0"
    assert numbers.decimal(0.0, EN, places=1, signed=True) == "0.0"


def test_percent_in_two_languages() -> None:
    assert numbers.percent(0.5731, EN) == "57.3%"
    assert numbers.percent(0.5731, FR) == "57,3\u202f%"


def test_less_than_all_is_never_written_as_all() -> None:
    assert numbers.percent(0.9999, EN, places=0) == ">99%"
    assert numbers.percent(1.0, EN, places=0) == "100%"


def test_points_take_the_singular_where_the_language_does() -> None:
    assert numbers.points(0.01, EN, places=0) == "1\u00a0point"
    assert numbers.points(0.015, EN) == "1.5\u00a0points"
    assert numbers.points(0.015, FR) == "1,5\u00a0point"
    assert numbers.points(0.02, FR) == "2,0\u00a0points"


def test_a_range_has_its_unit_once() -> None:
    written = numbers.range_of(numbers.percent(0.48, EN), numbers.percent(0.66, EN), EN)
    assert written == "48.0\u00a0to\u00a066.0%"
    low, high = (numbers.points(value, FR, places=0) for value in (-0.05, 0.03))
    assert numbers.range_of(low, high, FR) == "\u22125\u00a0à\u00a03\u00a0points"


def test_small_p_values_are_not_zero() -> None:
    assert numbers.probability(0.00002, EN) == "<0.001"
    assert numbers.probability(0.0204, FR) == "0,020"


def test_unknown_languages_take_the_english_marks() -> None:
    assert style_of("xx") is EN
    assert style_of("fr-CA") is FR


@pytest.mark.parametrize(
    ("seconds", "written"), [(12.34, "12.3\u00a0s"), (600.0, "10.0\u00a0min"), (9000.0, "2.5\u00a0h")]
)
def test_durations(seconds: float, written: str) -> None:
    assert numbers.seconds(seconds, EN) == written


def test_sizes() -> None:
    assert numbers.data_size(999, EN) == "999\u00a0B"
    assert numbers.data_size(81_234, EN) == "81.2\u00a0kB"
    assert numbers.data_size(5_000_000_000, EN) == "5.0\u00a0GB"


@given(st.floats(min_value=-1e6, max_value=1e6).filter(lambda value: value != 0.0), st.integers(0, 4))
def test_what_is_not_zero_is_never_written_as_plain_zero(value: float, places: int) -> None:
    written = numbers.decimal(value, EN, places=places)
    digits = written.replace(",", "")
    assert not set(digits) <= {"0", ".", "\u2212"}


@given(st.floats(min_value=0.0, max_value=1.0))
def test_percent_reads_back(share: float) -> None:
    written = numbers.percent(share, EN)
    if written[0] not in "<>":
        assert abs(float(written.removesuffix("%")) / 100 - share) <= 0.0005 + 1e-12
