"""Names of foreign documents as the tables may hold them: of raters, models, tasks, concepts and items.

Pure. A name is printable in the sense of Unicode (UAX #44: no control, format, surrogate, private or
unassigned character, so none that turns the direction of writing), without white space at its ends, and of at
most MAX_NAME characters. Invariants: a sound name stays as it is; two names that differ stay different,
unless in white space alone: where something else is changed or cut, digits of the original's digest follow.
What a spreadsheet would take for a formula is a sound name here: the tables that are written for one mark it.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

MAX_NAME = 200
"""Characters of a name."""
DIGITS = 16
"""Of the digest behind a name that was changed or cut."""
UNKNOWN = "unknown"
REMEMBERED = 4_096
"""Names whose clean form is remembered."""


@lru_cache(REMEMBERED)
def clean_name(text: str) -> str:
    """Return a name as it may stand in a table, and be shown."""
    if text.isprintable() and len(text) <= MAX_NAME and text == text.strip():
        return text or UNKNOWN
    spaced = "".join(" " if c.isspace() else c for c in text)
    clean = "".join(c if c.isprintable() else " " for c in spaced).strip()
    if spaced.isprintable() and len(clean) <= MAX_NAME:
        return clean or UNKNOWN
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]
    return f"{clean[: MAX_NAME - DIGITS - 1].strip() or UNKNOWN}~{digest}"
