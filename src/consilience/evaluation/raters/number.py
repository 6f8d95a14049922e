"""The program `number`: find the number in the answer and compare it with the target's.

Pure. Numbers are read in every decimal script of Unicode (Arabic-Indic, Persian, Devanagari, full width …),
with the decimal and group marks of the item's language; arithmetic is decimal, so 0.1 is 0.1. Number words,
fractions such as 1/2 and units are not understood; a percent sign is ignored on both sides.

Source: CLDR number symbols (UTS #35, part 3) for the marks per language; the table keeps only the difference
between point and comma, and which languages group by spaces.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Context, Decimal
from functools import lru_cache

from consilience.evaluation.protocol import Item, Rater
from consilience.evaluation.raters.matching import right_answers
from consilience.evaluation.raters.normalise import digit_of
from consilience.evaluation.raters.program import NO_TARGET, Options, Program, Verdict, scored, unparsable
from consilience.languages import primary

NUMBER_VERSION = "1"
MAX_DIGITS = 100
"""A longer run of digits is not read as a number."""
MAX_EXPONENT = 400

COMMA_LANGUAGES = frozenset(
    [
        "af",
        "az",
        "be",
        "bg",
        "bs",
        "ca",
        "cs",
        "da",
        "de",
        "el",
        "es",
        "et",
        "eu",
        "fi",
        "fr",
        "gl",
        "hr",
        "hu",
        "hy",
        "id",
        "is",
        "it",
        "ka",
        "kk",
        "lt",
        "lv",
        "mk",
        "nb",
        "nl",
        "nn",
        "no",
        "pl",
        "pt",
        "ro",
        "ru",
        "sk",
        "sl",
        "sq",
        "sr",
        "sv",
        "tr",
        "uk",
        "uz",
        "vi",
    ]
)
"""Decimal comma. Their group mark is the point, or a space (`SPACE_LANGUAGES`)."""
POINT_REGIONS = frozenset({"es-MX", "es-US", "es-419", "de-CH", "de-LI", "it-CH"})
SPACE_LANGUAGES = frozenset(
    [
        "be",
        "bg",
        "cs",
        "et",
        "fi",
        "fr",
        "hu",
        "hy",
        "ka",
        "kk",
        "lt",
        "lv",
        "nb",
        "nn",
        "no",
        "pl",
        "pt",
        "ru",
        "sk",
        "sq",
        "sv",
        "uk",
        "uz",
    ]
)
"""Groups of three are separated by spaces, so a point in them is a decimal mark."""

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_GROUP_MARK = "\x1f"
"""Stands for a mark that can only group: the no-break spaces and the Arabic thousands separator."""


def _number_pattern(group: str) -> re.Pattern[str]:
    return re.compile(
        r"(?<![A-Za-z_0-9])(?<![0-9][.,])"
        r"(?P<sign>[-+](?=\.?[0-9])|)"
        rf"(?P<body>(?:[0-9]{{1,3}}(?:[{group}][0-9]{{3}})+(?![0-9])|[0-9]+)(?:[.,][0-9]+)*|(?<!\.)\.[0-9]+)"
        r"(?P<exponent>[eE][-+]?[0-9]{1,4}(?![0-9A-Za-z])|)"
        r"(?P<power>[ ]?[×x*·][ ]?10(?:\^[ ]?[-+]?[0-9]{1,4}|[⁻⁺]?[⁰¹²³⁴-⁹]{1,4})|)"
    )


_WITH_SPACES = _number_pattern(f" '{_GROUP_MARK}")
_WITHOUT_SPACES = _number_pattern(f"'{_GROUP_MARK}")
_GROUPED = re.compile(r"[0-9]{1,3}(?:([.,])[0-9]{2,3}(?:\1[0-9]{2,3})*)?(?<=[0-9]{3})|[0-9]{1,3}")
_CONTEXT = Context(prec=120)


class _Characters(dict[int, str]):
    """Code point → what it is in a number, worked out on first use."""

    def __missing__(self, code_point: int) -> str:
        character = chr(code_point)
        digit = digit_of(code_point)
        if digit is not None:
            character = digit
        elif unicodedata.category(character) == "Cf":
            character = ""
        elif unicodedata.category(character) in {"Zs", "Zl", "Zp", "Cc"}:
            character = "\n" if character == "\n" else " "
        self[code_point] = character
        return character


_CHARACTERS = _Characters(
    {
        0x066B: ".", 0x066C: _GROUP_MARK, 0xFF0E: ".", 0xFF0C: ",", 0xFE52: ".", 0xFE50: ",",
        0x2212: "-", 0xFE63: "-", 0xFF0D: "-", 0x2013: "-", 0x2012: "-", 0x2010: "-", 0x2011: "-",
        0xFF0B: "+", 0x2019: "'",
        0x00A0: _GROUP_MARK, 0x202F: _GROUP_MARK, 0x2009: _GROUP_MARK, 0x2007: _GROUP_MARK,
    }
)  # fmt: skip


def find_numbers(text: str, language: str, *, decimal: str = "auto") -> list[Decimal]:
    """Return the numbers of a text in their order.

    Args:
        text: Any text.
        language: BCP 47 tag that decides what a lone point or comma before three digits means.
        decimal: `.` or `,` instead of the language's decimal mark; `auto`: the language's.
    """
    mark = decimal if decimal in {".", ","} else decimal_mark(language)
    by_space = primary(language) in SPACE_LANGUAGES and decimal == "auto"
    plain = text.translate(_CHARACTERS)
    found: list[Decimal] = []
    for match in (_WITH_SPACES if by_space else _WITHOUT_SPACES).finditer(plain):
        if match.end() - match.start() > MAX_DIGITS:
            continue
        sign = match["sign"]
        if sign and match.start() > 0 and plain[match.start() - 1].isalnum():
            sign = ""
        parts = _read(match["body"], mark, by_space)
        shift = _shift(match["exponent"], match["power"])
        if abs(shift) <= MAX_EXPONENT:
            values = [Decimal(part) for part in parts]
            values[0] = -values[0] if sign == "-" else values[0]
            values[-1] = values[-1].scaleb(shift, _CONTEXT)
            found.extend(values)
    return found


def decimal_mark(language: str) -> str:
    """Return the decimal mark of a language: point or comma."""
    if language in POINT_REGIONS:
        return "."
    return "," if primary(language) in COMMA_LANGUAGES else "."


def _read(body: str, mark: str, by_space: bool) -> list[str]:
    """Turn digits with marks into digits with at most one point; a list such as 1,2,3 gives several."""
    body = body.translate(_NO_GROUPS)
    points, commas = body.count("."), body.count(",")
    if points + commas == 0:
        return [body]
    if points and commas:
        return _read_two_marks(body, mark, by_space)
    used = "." if points else ","
    if points + commas > 1:
        return [body.replace(used, "")] if _GROUPED.fullmatch(body) else body.split(used)
    before, after = body.split(used)
    looks_grouped = len(after) == 3 and 1 <= len(before) <= 3 and not before.startswith("0")
    if looks_grouped and used != mark and not (used == "." and by_space):
        return [before + after]
    return [(before or "0") + "." + after]


_NO_GROUPS = str.maketrans("", "", f" '{_GROUP_MARK}")


def _read_two_marks(body: str, mark: str, by_space: bool) -> list[str]:
    """Read digits with points and commas: the last mark is the decimal one if what is before it is well
    grouped.
    """
    last = max(body.rfind("."), body.rfind(","))
    whole = body[:last]
    if body[last] not in whole and _GROUPED.fullmatch(whole):
        return [whole.replace(".", "").replace(",", "") + "." + body[last + 1 :]]
    other = "," if mark == "." else "."
    return [number for part in body.split(other) for number in _read(part, mark, by_space)]


def _shift(exponent: str, power: str) -> int:
    """Return the power of ten of `e5` and of `× 10^5` or `× 10⁵`, added."""
    shift = int(exponent[1:]) if exponent else 0
    if power:
        after_ten = power.lstrip(" ×x*·")[2:]
        shift += int(after_ten.removeprefix("^").strip().translate(_SUPERSCRIPTS))
    return shift


def number(rater: Rater) -> Program:
    """Make the program `number`.

    Options: `which` (last, first, only; default last; only: several different numbers are unparsable),
    `tolerance` (absolute, default 0), `relative_tolerance` (share of the target, default 0), `decimal` (auto,
    `.` or `,`).

    Raises:
        InputError: An option is unknown or wrong.
    """
    options = Options(rater)
    which = options.one_of("which", "last", ("last", "first", "only"))
    absolute = Decimal(repr(options.number("tolerance", 0.0, minimum=0.0, maximum=1e300)))
    relative = Decimal(repr(options.number("relative_tolerance", 0.0, minimum=0.0, maximum=1.0)))
    decimal = options.one_of("decimal", "auto", ("auto", ".", ","))
    options.finish()

    @lru_cache(maxsize=65_536)
    def targets(language: str, texts: tuple[str, ...]) -> tuple[Decimal, ...]:
        values = (find_numbers(text, language, decimal=decimal) for text in texts)
        return tuple(found[0] for found in values if len(found) == 1)

    def rate(item: Item, answer: str) -> Verdict:
        right = targets(item.language, right_answers(item))
        if not right:
            return Verdict(cause=NO_TARGET.cause, explanation="the item's target is not one number")
        found = find_numbers(answer, item.language, decimal=decimal)
        if not found:
            return unparsable("no number in the answer")
        if which == "only" and len(set(found)) > 1:
            return unparsable("several different numbers in the answer")
        value = found[0] if which == "first" else found[-1]
        hit = any(_is_near(value, target, absolute, relative) for target in right)
        return scored(rater, hit, label=f"{value.normalize(_CONTEXT):g}")

    return rate


def _is_near(value: Decimal, target: Decimal, absolute: Decimal, relative: Decimal) -> bool:
    margin = _CONTEXT.add(absolute, _CONTEXT.multiply(relative, abs(target)))
    return abs(_CONTEXT.subtract(value, target)) <= margin
