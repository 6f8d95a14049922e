"""Reading one JSON object of an item file, strictly (RFC 8259).

Responsible for a text to a dict. Invariants: every key stands once in its object, so that nothing that was
written is dropped; numbers are finite; every mistake names file and line and never quotes more than a key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

from consilience.errors import InputError, LimitError, Where

SHOWN_KEY_CHARS = 60
_KEY_END = re.compile(r'"\s*:')
_NO_NUMBER = re.compile(r"[:,\[]\s*-?(NaN|Infinity)")
_KINDS = {list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


def decode_object(text: str, *, label: str, line: int | None) -> dict[str, Any]:
    """Return one JSON object.

    Args:
        text: The object.
        label: Name of the file, for messages.
        line: Line of the object; None where the object is the whole file.

    Raises:
        InputError: The text is something else, or a key stands twice in an object; NaN and Infinity are no
            JSON (RFC 8259, section 6).
        LimitError: It is nested too deeply.
    """
    where = Where(file=label, line=line)
    one = "One JSON object stands on one line." if line is not None else "The file is one JSON object."
    try:
        found = msgspec.json.decode(text)
        if isinstance(found, dict) and len(_KEY_END.findall(text)) > len(found):
            json.loads(text, object_pairs_hook=_once(where))
    except RecursionError as error:
        raise LimitError(
            "the JSON is nested too deeply", where=where, next_step="Items hold texts and lists of texts."
        ) from error
    except (msgspec.DecodeError, UnicodeEncodeError, ValueError) as error:
        step = one
        if _NO_NUMBER.search(text):
            step = "NaN and Infinity are no JSON: write null, or a finite number."
        raise InputError(f"this is no JSON: {str(error)[:200]}", where=where, next_step=step) from error
    if not isinstance(found, dict):
        kind = _KINDS.get(type(found), "null")
        raise InputError(f"a JSON object is expected, not {kind}", where=where, next_step=one)
    return found


def _once(where: Where) -> Callable[[list[tuple[str, Any]]], None]:
    """Return what refuses an object in which a key stands twice: most readers would keep only the last."""

    def check(members: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in members:
            if key in seen:
                raise InputError(
                    f"the key `{key[:SHOWN_KEY_CHARS]}` stands twice in one object",
                    where=where,
                    next_step="Keep one of the two.",
                )
            seen.add(key)

    return check
