"""Text made comparable: what two spellings must share to count as the same answer.

Pure. Every step is documented in docs/reference/raters.md and belongs to `NORMALISATION_VERSION`, which
enters the version of every rater that uses it. Invariants: folding twice gives what folding once gives; the
result has single spaces, no control characters, and digits 0-9 only.

Standards: Unicode NFKC (UAX #15), default case folding (Unicode 3.13, D145), general categories (UAX #44).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from consilience.errors import InputError
from consilience.languages import primary

NORMALISATION_VERSION = "1"

Diacritics = Literal["auto", "keep", "strip"]
DIACRITICS = ("auto", "keep", "strip")

TURKIC = frozenset({"tr", "az"})
AUTO_STRIP_LATIN = frozenset({"yo"})
"""Languages in Latin letters whose marks are commonly left out in ordinary writing."""

_ARABIC_LETTERS = {
    0x0622: "ا", 0x0623: "ا", 0x0625: "ا", 0x0671: "ا",  # alef with madda, hamza above, hamza below, wasla
    0x0649: "ي", 0x06CC: "ي",  # alef maksura, Farsi yeh
    0x06A9: "ك", 0x06C1: "ه", 0x0629: "ه",  # keheh, heh goal, teh marbuta
    0x0640: "",  # tatweel
}  # fmt: skip
_ARABIC_MARKS = ((0x0610, 0x061A), (0x064B, 0x065F), (0x0670, 0x0670), (0x06D6, 0x06ED))
_HEBREW_POINTS = ((0x0591, 0x05BD), (0x05BF, 0x05BF), (0x05C1, 0x05C2), (0x05C4, 0x05C5), (0x05C7, 0x05C7))
_KEPT_PUNCTUATION = frozenset("%‰&@#.,:/-")
_HYPHENS = frozenset("-‐‑‒–−﹣－")
_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF),  # Thai and Lao, Burmese, Khmer
    (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF),  # Kana, Han
)  # fmt: skip
"""Scripts that write no space between words."""

_LOOSE_MARKS = re.compile(r"[.,:/](?!\d)|(?<!\d)[,:/]|(?<![\d\s])\.|-(?!\d)|(?<=\w)-|(?<!\w)#|#(?=\w)")
_COMBINING = re.compile(r"[\u0300-\u036f]+")


def digit_of(code_point: int) -> str | None:
    """Return the ASCII digit that a decimal digit of any script stands for, or None (UAX #44, Nd)."""
    character = chr(code_point)
    if unicodedata.category(character) != "Nd":
        return None
    return str(unicodedata.digit(character))


def _within(code_point: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(low <= code_point <= high for low, high in ranges)


class _Folding(dict[int, str]):
    """Code point → its folded text, worked out on first use."""

    def __init__(self, *, punctuation: bool) -> None:
        super().__init__()
        self.punctuation = punctuation

    def __missing__(self, code_point: int) -> str:
        self[code_point] = folded = self._fold(code_point)
        return folded

    def _fold(self, code_point: int) -> str:
        if code_point in _ARABIC_LETTERS:
            return _ARABIC_LETTERS[code_point]
        if _within(code_point, _ARABIC_MARKS) or _within(code_point, _HEBREW_POINTS):
            return ""
        character = chr(code_point)
        category = unicodedata.category(character)
        if category == "Nd":
            return digit_of(code_point) or character
        if category == "Cf":
            return ""
        if category in {"Cc", "Cs", "Zs", "Zl", "Zp"}:
            return " "
        if self.punctuation:
            return _fold_mark(character, category)
        return character


def _fold_mark(character: str, category: str) -> str:
    if character in _HYPHENS:
        return "-"
    if category.startswith("P"):
        return character if character in _KEPT_PUNCTUATION else " "
    return " " if character in "`^~|<>" else character


_WITH_PUNCTUATION = _Folding(punctuation=False)
_WITHOUT_PUNCTUATION = _Folding(punctuation=True)


def fold(
    text: str,
    language: str,
    *,
    diacritics: Diacritics = "auto",
    keep_punctuation: bool = False,
    keep_case: bool = False,
) -> str:
    """Return the text as it is compared.

    Args:
        text: Any text.
        language: BCP 47 tag; it decides about dotless i and about marks that may be left out.
        diacritics: `auto` drops only marks that ordinary writing leaves out (Arabic and Hebrew vowel signs,
            Yoruba tones); `strip` also drops the marks on Latin and Greek letters; `keep` keeps the latter in
            any case.
        keep_punctuation: Keep it; else it becomes a space, except inside numbers, before a number (minus) and
            `% & @`.
        keep_case: Keep capital letters apart.
    """
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    if not keep_case:
        if primary(language) in TURKIC:
            plain = plain.replace("İ", "i").replace("I", "ı")
        plain = plain.casefold()
    plain = plain.translate(_WITH_PUNCTUATION if keep_punctuation else _WITHOUT_PUNCTUATION)
    if not keep_punctuation:
        plain = _LOOSE_MARKS.sub(" ", plain)
    if diacritics == "strip" or (diacritics == "auto" and primary(language) in AUTO_STRIP_LATIN):
        plain = strip_marks(plain)
    if not plain.isascii():
        plain = unicodedata.normalize("NFKC", plain)
    return " ".join(plain.split())


def strip_marks(text: str) -> str:
    """Drop combining marks of Latin, Greek and Cyrillic letters (U+0300-U+036F); `ñ` becomes `n`, `й` becomes
    `и`.
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _COMBINING.sub("", unicodedata.normalize("NFD", text)))


def checked_diacritics(value: object, *, rater: str) -> Diacritics:
    """Return the option `diacritics`.

    Raises:
        InputError: It is none of auto, keep and strip.
    """
    if value == "auto" or value == "keep" or value == "strip":
        return value
    raise InputError(
        f"option `diacritics` of rater {rater} is {value!r}", next_step="Write auto, keep or strip."
    )


def is_unspaced(character: str) -> bool:
    """Say whether a character is of a script that writes no space between words."""
    return _within(ord(character), _UNSPACED)


def is_word_character(character: str) -> bool:
    """Say whether a character continues a word: letters, marks, digits."""
    return character.isalnum() or unicodedata.category(character).startswith("M")


_CLITICS = {
    "ar": re.compile(r"(?:[وف]?[بكلس]?(?:ال)?|[وف]?لل)"),
    "he": re.compile(r"[והבכלמש]{1,3}"),
}
"""What stands before a word without a space, in languages that join it: Arabic conjunction, preposition,
article.
"""


def word_position(
    text: str, phrase: str, language: str, *, start: int = 0, clitics: bool = True
) -> int | None:
    """Find a phrase as whole words in a text, both folded.

    Args:
        text: Folded text.
        phrase: Folded phrase, not empty.
        language: BCP 47 tag.
        start: Where to begin.
        clitics: Let Arabic and Hebrew prefixes stand before the phrase.

    Returns:
        The position of the phrase, or None.
    """
    position = text.find(phrase, start)
    prefixes = _CLITICS.get(primary(language)) if clitics else None
    while position >= 0:
        if _ends_well(text, position + len(phrase)) and _begins_well(text, position, prefixes):
            return position
        position = text.find(phrase, position + 1)
    return None


def cut_words(text: str, phrase: str, language: str, *, clitics: bool = True) -> tuple[str, list[int]]:
    """Take a phrase out of a text wherever it stands as words.

    Args:
        text: Folded text.
        phrase: Folded phrase, not empty.
        language: BCP 47 tag.
        clitics: As for `word_position`.

    Returns:
        The text with a mark that is no word in each place, and the places in the text as it was given.
    """
    positions: list[int] = []
    pieces: list[str] = []
    end = 0
    position = word_position(text, phrase, language, clitics=clitics)
    while position is not None:
        positions.append(position)
        pieces.append(text[end:position])
        end = position + len(phrase)
        position = word_position(text, phrase, language, start=end, clitics=clitics)
    pieces.append(text[end:])
    return " \x1f ".join(pieces), positions


def _ends_well(text: str, end: int) -> bool:
    if end >= len(text) or not is_word_character(text[end]):
        return True
    return is_unspaced(text[end]) or is_unspaced(text[end - 1])


def _begins_well(text: str, position: int, prefixes: re.Pattern[str] | None) -> bool:
    if position == 0 or not is_word_character(text[position - 1]):
        return True
    if is_unspaced(text[position]) or is_unspaced(text[position - 1]):
        return True
    if prefixes is None:
        return False
    begin = position
    while begin > 0 and position - begin < 6 and is_word_character(text[begin - 1]):
        begin -= 1
    return prefixes.fullmatch(text, begin, position) is not None
