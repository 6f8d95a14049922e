"""How names that others chose are shown: laboratories, models, items, raters, endpoints.

Pure. Every such name is hostile until it went through here. Invariants of what comes out:
- no control character, no bidirectional override or isolate (shown as U+FFFD), no line break;
- at most `limit` characters (an ellipsis marks the cut; the title holds up to `MAX_TITLE`);
- as HTML it is escaped and stands in a `bdi` element, so that it cannot turn the text around it.
"""

from __future__ import annotations

import unicodedata

from markupsafe import Markup, escape

MAX_NAME = 48
"""Characters of a name in a sentence, a label or a table."""
MAX_TITLE = 300
"""Characters of the full name that is kept in a `title` attribute."""
MAX_TEXT = 2_000
"""Characters of a longer text, such as a construct or a definition."""

REPLACEMENT = "\ufffd"
DROPPED = frozenset("\u200e\u200f\u061c\u200b\ufeff\u00ad")
"""Direction marks and zero-width characters that `bdi` makes needless; they go without a trace."""
KEPT = frozenset("\u200c\u200d")
"""The joiners, which Persian and the scripts of India need."""


def clean(text: str, *, limit: int = MAX_NAME) -> str:
    """Return `text` as one safe line of at most `limit` characters.

    Args:
        text: Anything.
        limit: Greatest length of the result in characters, at least 2.
    """
    # Look at a bounded part only: white space may shrink, so take more than the limit.
    head = text[: limit * 4 + 64]
    spaced = "".join(_safe_character(character) for character in head)
    joined = " ".join(spaced.split())
    cut = len(text) > len(head) or len(joined) > limit
    return joined[: limit - 1].rstrip() + "…" if cut else joined


def _safe_character(character: str) -> str:
    if character.isspace():
        return " "
    if character in DROPPED:
        return ""
    if character in KEPT:
        return character
    category = unicodedata.category(character)
    return REPLACEMENT if category in {"Cc", "Cf", "Cs", "Co", "Cn"} else character


def isolated(text: str, *, limit: int = MAX_NAME) -> Markup:
    """Return a name as a `bdi` element, cut to `limit`, with the longer form as its title."""
    short = clean(text, limit=limit)
    whole = clean(text, limit=MAX_TITLE)
    if not short:
        return Markup("<bdi>“”</bdi>")
    if whole == short:
        return Markup("<bdi>{}</bdi>").format(short)
    return Markup('<bdi title="{}">{}</bdi>').format(whole, short)


def left_to_right(text: str | Markup) -> Markup:
    """Return a number, a range or a digest as an element that always reads from left to right."""
    return Markup('<bdi dir="ltr">{}</bdi>').format(escape(text))


def short_digest(digest: str) -> str:
    """Return the first twelve digits of a digest, after its algorithm: `sha256:0123456789ab…`."""
    algorithm, mark, digits = digest.partition(":")
    if not mark:
        algorithm, digits = "", digest
    cut = digits[:12] + ("…" if len(digits) > 12 else "")
    return clean(f"{algorithm}{mark}{cut}", limit=MAX_NAME)
