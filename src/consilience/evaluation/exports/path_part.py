"""A name from a table as the name of one folder or file, on every system.

Pure. Invariant: nothing that comes out climbs, is hidden, or is reserved anywhere; names that had to change
keep apart by a digest.
"""

from __future__ import annotations

import hashlib
import re

MAX_PART = 100
"""Characters of a folder's name; a longer one is cut and gets a digest."""
RESERVED = {"con", "prn", "aux", "nul", *(f"{a}{n}" for a in ("com", "lpt") for n in range(1, 10)), "data"}


def part_of_path(text: str) -> str:
    """Return a text as the name of one folder on every system; what had to change gets a digest."""
    plain = re.sub(r"[^\w.+=-]", "_", text, flags=re.ASCII).rstrip(". ")
    stem = plain.partition(".")[0].lower()
    if plain == text and 0 < len(plain) <= MAX_PART and stem not in RESERVED and plain[0] != ".":
        return plain
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
    kept = plain.lstrip(".")[:MAX_PART] or "unnamed"
    return f"{'_' if stem in RESERVED else ''}{kept}-{digest}"
