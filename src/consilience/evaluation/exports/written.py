"""What an export wrote, and what its format could not hold.

Pure types; they are the document of `exercise export --json`. Invariant: whatever the scores have and the
format has not is listed here, with how often.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class WrittenFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of an export."""

    name: str
    """Below the target; of a single file its own name."""
    sha256: str
    bytes: int


class NotHeld(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Something that the format has no place for."""

    code: str
    """Such as `unscored`, `direction_unknown`, `answers`."""
    text: str
    count: int = 1


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """One export."""

    format: str
    target: str
    handling: str | None
    """Strictest marking of what was exported; None: nothing says."""
    rows: int
    """Ratings that went out."""
    results: int
    """Numbers of cells that went out."""
    files: tuple[WrittenFile, ...]
    not_held: tuple[NotHeld, ...]


def together(found: Iterable[NotHeld]) -> tuple[NotHeld, ...]:
    """Return losses with equal ones counted as one, in the order of their codes."""
    counts: dict[tuple[str, str], int] = {}
    for loss in found:
        counts[loss.code, loss.text] = counts.get((loss.code, loss.text), 0) + loss.count
    return tuple(NotHeld(code=code, text=text, count=n) for (code, text), n in sorted(counts.items()))
