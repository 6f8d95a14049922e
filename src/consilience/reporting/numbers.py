"""How numbers are written in a language: decimal mark, grouping, percent, ranges.

Pure. Invariants: None and what is not finite never come out as digits (the callers say why instead);
a number that is not zero is never written as zero (`<0.1%`, and with a sign `+0.0`);
the minus sign is U+2212.
What comes out is plain text; `names.left_to_right` makes it safe in a right-to-left line.
"""

from __future__ import annotations

import math

import msgspec

MINUS = "\u2212"
NARROW_SPACE = "\u202f"
NO_BREAK_SPACE = "\u00a0"


class NumberStyle(msgspec.Struct, frozen=True, kw_only=True):
    """The marks of a language (CLDR 46, `numbers`)."""

    decimal: str = "."
    group: str = ","
    percent: str = "%"
    """With the space before it, where the language has one."""
    to: str = "{low}\u00a0to\u00a0{high}"
    point: str = "point"
    points: str = "points"
    singular_below: float | None = None
    """Numbers below it take the singular (French: 2); None: only a number written as 1 does."""


STYLES = {
    "en": NumberStyle(),
    "fr": NumberStyle(
        decimal=",",
        group=NARROW_SPACE,
        percent=NARROW_SPACE + "%",
        to="{low}\u00a0à\u00a0{high}",
        singular_below=2.0,
    ),
}


def style_of(language: str) -> NumberStyle:
    """Return the marks of a language; those of English where the language is not known here."""
    return STYLES.get(language.split("-", 1)[0], STYLES["en"])


def is_known(value: float | None) -> bool:
    """Say whether there is a finite number."""
    return value is not None and math.isfinite(value)


def decimal(value: float, style: NumberStyle, *, places: int, signed: bool = False) -> str:
    """Return a finite number with a fixed number of decimal places.

    Args:
        value: Finite.
        style: Marks of the language.
        places: Digits after the decimal mark.
        signed: Whether a positive number gets its plus sign.
    """
    floor = 10.0**-places
    if value != 0 and not signed and float(f"{value:.{places}f}") == 0:
        smallest = _marked(f"{floor:.{places}f}", style)
        return f"<{smallest}" if value > 0 else f">{MINUS}{smallest}"
    body = _marked(f"{abs(value):,.{places}f}", style)
    if value < 0:
        return MINUS + body
    return f"+{body}" if signed and value > 0 else body


def _marked(english: str, style: NumberStyle) -> str:
    return "".join({",": style.group, ".": style.decimal}.get(character, character) for character in english)


def integer(value: float, style: NumberStyle) -> str:
    """Return a whole number, grouped by thousands."""
    return decimal(round(value), style, places=0)


def percent(share: float, style: NumberStyle, *, places: int = 1, signed: bool = False) -> str:
    """Return a share (0 to 1) as percent; less than all is never written as 100."""
    if share < 1 and round(share * 100, places) >= 100:
        return ">" + decimal(100 - 10.0**-places, style, places=places) + style.percent
    return decimal(share * 100, style, places=places, signed=signed) + style.percent


def points(share: float, style: NumberStyle, *, places: int = 1, signed: bool = False) -> str:
    """Return a difference of shares as percentage points."""
    number = decimal(share * 100, style, places=places, signed=signed)
    if style.singular_below is None:
        singular = number.lstrip("+" + MINUS) == "1"
    else:
        singular = abs(round(share * 100, places)) < style.singular_below
    return number + NO_BREAK_SPACE + (style.point if singular else style.points)


def probability(value: float, style: NumberStyle) -> str:
    """Return a p value: three places, `<0.001` below."""
    return decimal(value, style, places=3) if value >= 0.001 else f"<{_marked('0.001', style)}"


def score(value: float, style: NumberStyle, *, binary: bool, places: int = 1) -> str:
    """Return a score: percent on a binary scale, else a plain number with two places more."""
    return percent(value, style, places=places) if binary else decimal(value, style, places=places + 2)


def gap(value: float, style: NumberStyle, *, binary: bool, places: int = 1) -> str:
    """Return a difference of scores with its sign, without the word for its unit."""
    return decimal(
        value * 100 if binary else value, style, places=places if binary else places + 2, signed=True
    )


def range_of(low: str, high: str, style: NumberStyle) -> str:
    """Return `low to high` from two written numbers; a unit that both have is written once, after the
    second."""
    units = (style.percent, NO_BREAK_SPACE + style.points, NO_BREAK_SPACE + style.point)
    unit = next((unit for unit in units if low.endswith(unit)), "")
    if unit and high.endswith(units):
        low = low.removesuffix(unit)
    return style.to.format(low=low, high=high)


def seconds(value: float, style: NumberStyle) -> str:
    """Return a duration: `12.3 s` below two minutes, else minutes or hours."""
    if value < 120:
        return decimal(value, style, places=1) + NO_BREAK_SPACE + "s"
    if value < 7200:
        return decimal(value / 60, style, places=1) + NO_BREAK_SPACE + "min"
    return decimal(value / 3600, style, places=1) + NO_BREAK_SPACE + "h"


def data_size(count: int, style: NumberStyle) -> str:
    """Return a number of bytes in decimal units (IEC 80000-13, clause 4)."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return decimal(size, style, places=0 if unit == "B" else 1) + NO_BREAK_SPACE + unit
        size /= 1000
    return decimal(size, style, places=1) + NO_BREAK_SPACE + "GB"
