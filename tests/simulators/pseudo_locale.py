"""A pseudo-language written from right to left: every English text in Arabic letters, its placeholders kept.

It shows what no one has marked for translation (it stays in Latin letters) and how a page looks from right
to left.
"""

from __future__ import annotations

import re

PLACEHOLDER = re.compile(r"(\{[^{}]*\})")
LETTERS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "ابجدهفغحيقكلمنوبقرستعظوخيز" * 2,
)


class PseudoArabic:
    """A catalogue that translates letter by letter."""

    def gettext(self, message: str) -> str:
        """Return the text in Arabic letters."""
        parts = PLACEHOLDER.split(message)
        return "".join(part if part.startswith("{") else part.translate(LETTERS) for part in parts)

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """Return the form for `n` in Arabic letters."""
        return self.gettext(singular if n == 1 else plural)
