"""What a row of Every Eval Ever says of its attempt and of its error, where the schema has only texts.

Pure.
"""

from __future__ import annotations

import re
from typing import Any

from consilience.evaluation.exports.own_keys import PREFIX
from consilience.evaluation.importers import plain
from consilience.evaluation.scores import Cause

MAX_ATTEMPT = 100_000
"""Number of an attempt that a row may tell."""
ATTEMPT_KEYS = (f"{PREFIX}attempt", "epoch", "attempt", "trial", "repeat", "attempt_number")
CAUSES = (
    (re.compile(r"time.{0,4}out|timed out|deadline", re.IGNORECASE), Cause.TIMEOUT),
    (re.compile(r"rate.?limit|too many requests|\b429\b", re.IGNORECASE), Cause.RATE_LIMITED),
    (re.compile(r"content.?filter|content.?policy|moderation", re.IGNORECASE), Cause.REFUSED_BY_ENDPOINT),
    (re.compile(r"sandbox|docker|container", re.IGNORECASE), Cause.ENVIRONMENT_FAULT),
    (re.compile(r"\btool\b", re.IGNORECASE), Cause.TOOL_FAULT),
    (re.compile(r"(token|message|time|context).{0,10}limit", re.IGNORECASE), Cause.LIMIT_REACHED),
    (re.compile(r"\b5\d\d\b|api.?error|connection|server error", re.IGNORECASE), Cause.PROVIDER_ERROR),
)
LOOKED_AT = 2_000
"""Characters of an error that are looked at."""


def cause_of(error: str) -> Cause:
    """Return the cause that the words of an error point to, else `unknown`."""
    start = error[:LOOKED_AT]
    return next((cause for pattern, cause in CAUSES if pattern.search(start)), Cause.UNKNOWN)


def attempt_of(metadata: dict[str, Any]) -> int | None:
    """Return which attempt a row is, from 1, or None where it does not tell.

    Args:
        metadata: Of the row.
    """
    for key in ATTEMPT_KEYS:
        value = metadata.get(key)
        if value is None or isinstance(value, bool):
            continue
        number = plain.whole(value)
        if number is not None and 1 <= number <= MAX_ATTEMPT:
            return number
    return None
