"""Folding: what counts as the same spelling, and what does not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.errors import InputError
from consilience.evaluation.raters.normalise import checked_diacritics, fold, word_position

SAME = [
    ("en", "The  Capital,\n of France!", "the capital of france"),
    ("en", "ＡＢＣ　１２", "abc 12"),
    ("en", "“Paris”", "Paris"),
    ("en", "don’t", "don't"),
    ("en", "so\u00adft hy\u200bphen", "soft hyphen"),
    ("en", "a−5", "a-5"),
    ("de", "STRASSE", "straße"),
    ("fr", "e\u0301te\u0301", "été"),
    ("ar", "باريسُ", "باريس"),
    ("ar", "الـــقاهرة", "القاهره"),
    ("ar", "أحمد إلى آدم", "احمد الي ادم"),
    ("ar", "٣٫١٤", "3٫14"),
    ("fa", "می‌شود", "ميشود"),
    ("fa", "۱۲۳", "123"),
    ("he", "שָׁלוֹם", "שלום"),
    ("hi", "१२", "12"),
    ("tr", "İSTANBUL ILIK", "istanbul ılık"),
    ("yo", "ọjọ́", "ọjọ"),
]
DIFFERENT = [
    ("en", "3.14", "314"),
    ("en", "-5", "5"),
    ("en", "C#", "C"),
    ("en", "50%", "50"),
    ("es", "año", "ano"),
    ("vi", "má", "ma"),
    ("tr", "I", "i"),
    ("ar", "باريس", "بارس"),
    ("hi", "कि", "क"),
]


@pytest.mark.parametrize(("language", "one", "other"), SAME)
def test_same_after_folding(language: str, one: str, other: str) -> None:
    assert fold(one, language) == fold(other, language) != ""


@pytest.mark.parametrize(("language", "one", "other"), DIFFERENT)
def test_different_after_folding(language: str, one: str, other: str) -> None:
    assert fold(one, language) != fold(other, language)


def test_strip_drops_marks_of_latin_letters_and_keep_keeps_them() -> None:
    assert fold("Año été", "es", diacritics="strip") == "ano ete"
    assert fold("ọjọ́", "yo", diacritics="keep") != fold("ọjọ", "yo", diacritics="keep")


def test_marks_of_indic_letters_are_never_stripped() -> None:
    assert fold("कि", "hi", diacritics="strip") == "कि"


def test_case_and_punctuation_can_be_kept() -> None:
    assert fold("A, b!", "en", keep_case=True, keep_punctuation=True) == "A, b!"


@given(text=st.text(), language=st.sampled_from(["en", "ar", "tr", "zh", "yo", "he"]))
def test_folding_twice_changes_nothing(text: str, language: str) -> None:
    once = fold(text, language)
    assert fold(once, language) == once


@given(text=st.text())
def test_folded_text_has_single_spaces_no_controls_and_ascii_digits(text: str) -> None:
    folded = fold(text, "en")
    assert folded == folded.strip()
    assert "  " not in folded
    for character in folded:
        category = unicodedata.category(character)
        assert category not in {"Cc", "Cf", "Zl", "Zp"}
        assert category != "Nd" or character in "0123456789"


def test_unknown_diacritics_option_is_refused() -> None:
    with pytest.raises(InputError, match="rater r"):
        checked_diacritics("none", rater="r")


@pytest.mark.parametrize(
    ("text", "phrase", "language", "found"),
    [
        ("the art of art", "art", "en", True),
        ("a party", "art", "en", False),
        ("start", "art", "en", False),
        ("l eau", "eau", "fr", True),
        ("ذهبت الي باريس", "باريس", "ar", True),
        ("وبالرياض", "الرياض", "ar", True),
        ("مدينه للقاهره", "قاهره", "ar", True),
        ("بغرياض", "رياض", "ar", False),
        ("首都是巴黎市", "巴黎", "zh", True),
        ("กรุงปารีสสวย", "ปารีส", "th", True),
    ],
)
def test_words_are_found_as_words(text: str, phrase: str, language: str, found: bool) -> None:
    assert (word_position(text, phrase, language) is not None) is found


def test_prefixes_can_be_refused() -> None:
    assert word_position("بباريس", "باريس", "ar", clitics=False) is None
