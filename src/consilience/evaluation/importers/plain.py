"""Values of foreign documents taken at the edge: a text, a number, a table, or nothing.

Pure. Invariant: nothing here raises, whatever stands in the document.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any

from consilience.evaluation.importers.imported import Plain

MAX_TEXT = 500
"""Characters of a setting that are kept."""
EARLIEST, LATEST = 946_684_800.0, 4_102_444_800.0
"""Years 2000 to 2100 as seconds; a time outside is none."""


def table(value: Any) -> dict[str, Any]:
    """Return an object of the document, or an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[Any]:
    """Return a list of the document, or an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str | None:
    """Return a text that is not empty, or None."""
    return value if isinstance(value, str) and value else None


def number(value: Any) -> float | None:
    """Return a finite number (true is 1), or None; texts that are numbers count."""
    if isinstance(value, str):
        if len(value) > 40:
            return None
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def whole(value: Any) -> int | None:
    """Return a whole number, or None."""
    found = number(value)
    return int(found) if found is not None and found.is_integer() and abs(found) < 2**53 else None


def setting(value: Any) -> Plain:
    """Return a value as a setting may be kept: short, and without a path of somebody's machine."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else None
    if isinstance(value, float):
        return number(value)
    if isinstance(value, str):
        return without_path(value)[:MAX_TEXT]
    return None


def settings(values: Mapping[str, Any]) -> dict[str, Plain]:
    """Return the plain values that are given."""
    kept = {name: setting(value) for name, value in values.items()}
    return {name: value for name, value in kept.items() if value is not None}


def without_path(value: str) -> str:
    """Return the last part of an absolute path; other texts as they are."""
    first = value.split(",", 1)[0]
    if first.startswith(("/", "~", "\\\\")) or (len(first) > 2 and first[1:3] in {":\\", ":/"}):
        return value.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return value


def moment(value: Any) -> str | None:
    """Return a time as UTC ISO 8601: from seconds, or from a text that has a zone; else None."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not EARLIEST <= value <= LATEST:
            return None
        return datetime.datetime.fromtimestamp(value, datetime.UTC).isoformat(timespec="seconds")
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        found = datetime.datetime.fromisoformat(value)
        if found.tzinfo is None:
            return None
        return found.astimezone(datetime.UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        return None
