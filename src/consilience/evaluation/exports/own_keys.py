"""The keys under which an export holds what a format has no field for: one prefix, and their meaning.

Pure. They are read again by `importers.every_eval_ever`. Values are texts, since the formats allow nothing
else there; a key that has nothing to say is left out.
"""

from __future__ import annotations

from collections.abc import Mapping

PREFIX = "consilience_"
UNSCORED_FORMAT = "consilience-unscored-1"
"""Of the file beside Every Eval Ever files that holds the rows without a score."""
TRUE = "true"


def own(values: Mapping[str, object]) -> dict[str, str]:
    """Return values under the prefix, as texts, without those that are None, empty or false.

    Args:
        values: Name without prefix → value; true becomes `true`.
    """
    kept: dict[str, str] = {}
    for name, value in values.items():
        if value is None or value is False or value == "":
            continue
        kept[PREFIX + name] = TRUE if value is True else value if isinstance(value, str) else repr(value)
    return kept


def of_own(values: object) -> dict[str, str]:
    """Return what stands under the prefix in foreign values, names without it; what is no text is left out.

    Args:
        values: A table of a document, or anything else (then nothing).
    """
    if not isinstance(values, dict):
        return {}
    return {
        name.removeprefix(PREFIX): value
        for name, value in values.items()
        if isinstance(name, str) and name.startswith(PREFIX) and isinstance(value, str)
    }
