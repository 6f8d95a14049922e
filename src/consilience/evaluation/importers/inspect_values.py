"""What a value of Inspect's scorers is in numbers, and why there is none.

Follows Inspect's own `value_to_float` (`inspect_ai/scorer/_metric.py`): C is 1, P 0.5, I and N 0, yes and
true 1, no and false 0, numbers as text are numbers. Invariants: a word that is neither among these nor
declared by the user is no number here (Inspect makes it 0); NaN is Inspect's mark of what was not scored;
infinity is no score.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from consilience.evaluation.scores import Cause

WORDS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
TRUTHS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
MAX_PARTS = 256
"""Numbers in one value: keys of a dictionary, positions of a list."""
MAX_WORD = 100
"""Characters of a word that is taken for a value."""
NAN, INFINITE = "\x00NaN", "\x00Infinity"
"""What stands for the bare words, which are no JSON, in decoded values."""

_LABEL = re.compile(r"[A-Za-z0-9_.+-]{1,24}")


class Number(NamedTuple):
    """One value in numbers."""

    score: float | None
    word: str | None = None
    """The word that it was."""
    fault: str | None = None
    """Why it is none, as a code of a finding; None: it was not scored."""


def number_of(value: Any, declared: Mapping[str, float]) -> Number:
    """Return the number that a single value is.

    Args:
        value: As decoded from JSON, bare words as NAN and INFINITE.
        declared: The user's words, which go before Inspect's.
    """
    if isinstance(value, str):
        return _number_of_word(value, declared)
    if isinstance(value, bool):
        return Number(float(value), "true" if value else "false")
    if isinstance(value, int | float):
        return _finite(value)
    if value is None:
        return Number(None)
    return Number(None, fault="nested_value")


def _finite(value: float) -> Number:
    try:
        number = float(value)
    except OverflowError:
        return Number(None, fault="infinite_value")
    if math.isnan(number):
        return Number(None)
    return Number(number) if math.isfinite(number) else Number(None, fault="infinite_value")


def _number_of_word(value: str, declared: Mapping[str, float]) -> Number:
    known = declared.get(value)
    if known is None:
        known = WORDS.get(value)
    if known is not None:
        return Number(known, value)
    if value.startswith("\x00"):
        return Number(None, fault=None if value == NAN else "infinite_value")
    if len(value) > MAX_WORD:
        return Number(None, fault="unmapped_value")
    truth = TRUTHS.get(value.lower())
    if truth is not None:
        return Number(truth, value)
    try:
        number = float(value)
    except ValueError:
        return Number(None, value if _LABEL.fullmatch(value) else None, "unmapped_value")
    return Number(number) if math.isfinite(number) else Number(None, fault="unmapped_value")


def parts_of(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the raters of a value and their parts: one of each key or position, else the value itself.

    Args:
        name: Of the score.
        value: As decoded; what is beyond MAX_PARTS is left out.
    """
    if isinstance(value, dict):
        for key, part in list(value.items())[:MAX_PARTS]:
            yield f"{name}.{key}", part
    elif isinstance(value, list):
        for place, part in enumerate(value[:MAX_PARTS]):
            yield f"{name}[{place}]", part
    else:
        yield name, value


REASONS = {
    "invalid_response_format": Cause.UNPARSABLE,
    "refusal": Cause.UNPARSABLE,
    "no_response": Cause.EMPTY,
    "grader_failed": Cause.JUDGE_UNPARSABLE,
    "scoring_failed": Cause.HARNESS_BUG,
}
"""Inspect's standard reasons of a score that is none."""
STOPS = {
    "max_tokens": Cause.CUT_OFF,
    "model_length": Cause.CUT_OFF,
    "content_filter": Cause.REFUSED_BY_ENDPOINT,
}
"""Why the model stopped, where that says why there is no score."""
_ERRORS = (
    (re.compile(r"rate.?limit|too.?many.?requests|\b429\b", re.IGNORECASE), Cause.RATE_LIMITED),
    (re.compile(r"timeout|timed.?out", re.IGNORECASE), Cause.TIMEOUT),
    (re.compile(r"content.?(filter|policy)|refusal", re.IGNORECASE), Cause.REFUSED_BY_ENDPOINT),
    (re.compile(r"sandbox|docker|container|oserror|memoryerror|permissionerror", re.IGNORECASE),
     Cause.ENVIRONMENT_FAULT),
    (re.compile(r"tool", re.IGNORECASE), Cause.TOOL_FAULT),
    (re.compile(r"connect|api|serviceunavailable|internalserver|\b50[0-9]\b", re.IGNORECASE),
     Cause.PROVIDER_ERROR),
)  # fmt: skip
_BUGS = frozenset(
    {
        "AssertionError", "AttributeError", "IndexError", "KeyError", "NameError", "NotImplementedError",
        "TypeError", "UnicodeDecodeError", "UnicodeEncodeError", "ValidationError", "ValueError",
        "ZeroDivisionError",
    }
)  # fmt: skip
_EXCEPTION = re.compile(r"\s*([A-Za-z_][\w.]{0,200})\s*\(")
_CODE = re.compile(r"\s*(?:Error code|HTTP|status code)\W{0,3}([45][0-9][0-9])\b", re.IGNORECASE)
_SENTENCE = re.compile(r"\s*(?:(Connection error)|(Request timed out))", re.IGNORECASE)


def cause_of_error(message: Any) -> Cause:
    """Return the cause that the error of a sample is, told by its exception's name or its HTTP status.

    Args:
        message: As the log has it, such as `APITimeoutError('…')` or `Error code: 429 - …`; the rest of the
            text is not looked at, since it may quote anything.
    """
    text = message[:1_000] if isinstance(message, str) else ""
    if code := _CODE.match(text):
        return _cause_of_status(int(code[1]))
    if sentence := _SENTENCE.match(text):
        return Cause.PROVIDER_ERROR if sentence[1] else Cause.TIMEOUT
    found = _EXCEPTION.match(text)
    if found is None:
        return Cause.UNKNOWN
    name = found[1].rpartition(".")[2]
    if name in _BUGS:
        return Cause.HARNESS_BUG
    return next((cause for pattern, cause in _ERRORS if pattern.search(name)), Cause.UNKNOWN)


def _cause_of_status(status: int) -> Cause:
    if status == 429:
        return Cause.RATE_LIMITED
    if status in {408, 504}:
        return Cause.TIMEOUT
    return Cause.PROVIDER_ERROR if status >= 500 else Cause.REFUSED_BY_ENDPOINT


def cause_of_unscored(reason: Any, stop: Any, completion: Any) -> Cause:
    """Return why an answer has no score.

    Args:
        reason: The score's own reason, Inspect's words or others.
        stop: Why the model stopped.
        completion: The answer; None: not known.
    """
    if isinstance(reason, str) and reason in REASONS:
        return REASONS[reason]
    if isinstance(stop, str) and stop in STOPS:
        return STOPS[stop]
    if isinstance(completion, str) and not completion.strip():
        return Cause.EMPTY
    return Cause.UNKNOWN
