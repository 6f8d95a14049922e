"""Read JSON from hostile bytes: strict, bounded, and only what RFC 8785 can write again.

Pure. What is refused, and would otherwise let one record be read in two ways: invalid UTF-8, names that
occur twice, NaN and infinities, numbers that a double cannot hold, lone surrogates (RFC 7493, sections 2.1
to 2.3), and everything beyond the limits. Invariant: what is returned has canonical bytes.
"""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from typing import Any

import msgspec

from consilience.errors import InputError, LimitError, Where
from consilience.records.canonical import canonical_bytes

MAX_SAFE_INTEGER = 2**53 - 1


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How large a document may be."""

    bytes: int = 1_048_576
    depth: int = 32
    """Objects and arrays inside each other."""
    number_chars: int = 40
    string_chars: int = 100_000
    name_chars: int = 250
    members: int = 10_000
    """Members of one object, or elements of one array."""


LIMITS = Limits()

# A string (closed or not: the scan stays linear on a string that never ends) or a bracket.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def read_json(content: bytes, *, limits: Limits = LIMITS, source: str | None = None) -> Any:
    """Return the value of one JSON document.

    Args:
        content: The bytes, UTF-8 without a byte order mark.
        limits: Sizes beyond which the document is refused.
        source: Name of the file or sender, for messages.

    Raises:
        LimitError: A limit was passed.
        InputError: The bytes are no JSON document, or one that has no canonical form.
    """
    if len(content) > limits.bytes:
        raise LimitError(
            f"the document has {len(content)} bytes; at most {limits.bytes} are read",
            where=Where(file=source),
            next_step="Keep large data in an evidence file and name it by its digest.",
        )
    _check_depth(content, limits, source)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"byte 0x{content[error.start]:02x} is not valid UTF-8",
            where=Where(file=source, line=content.count(b"\n", 0, error.start) + 1, offset=error.start + 1),
            next_step="Save the file as UTF-8.",
        ) from error
    value = _load(text, limits, source)
    _check_strings(value, limits, source)
    return value


def _check_depth(content: bytes, limits: Limits, source: str | None) -> None:
    depth = 0
    for token in _TOKEN.finditer(content):
        mark = content[token.start()]
        if mark in b"[{":
            depth += 1
            if depth > limits.depth:
                raise LimitError(
                    f"objects and arrays are nested more than {limits.depth} deep",
                    where=Where(file=source, offset=token.start() + 1),
                    next_step="Flatten the document.",
                )
        elif mark in b"]}":
            depth -= 1


def _load(text: str, limits: Limits, source: str | None) -> Any:
    where = Where(file=source)
    try:
        return json.loads(
            text,
            object_pairs_hook=functools.partial(_members, limits, where),
            parse_int=functools.partial(_integer, limits, where),
            parse_float=functools.partial(_real, limits, where),
            parse_constant=functools.partial(_constant, where),
        )
    except json.JSONDecodeError as error:
        offset = len(text[: error.pos].encode(errors="replace")) + 1
        raise InputError(
            f"this is not JSON: {error.msg}",
            where=Where(file=source, line=error.lineno, offset=offset),
            next_step="Send one JSON document (RFC 8259).",
        ) from error


def _members(limits: Limits, where: Where, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > limits.members:
        raise LimitError(f"an object has more than {limits.members} members", where=where)
    members = dict(pairs)
    if len(members) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise InputError(
            f"the name {twice[:80]!r} occurs twice in one object",
            where=where,
            next_step="Keep one of the two: readers differ in which one they take.",
        )
    return members


def _refuse_long(text: str, limits: Limits, where: Where) -> None:
    if len(text) > limits.number_chars:
        raise LimitError(
            f"a number has {len(text)} characters; at most {limits.number_chars} are read", where=where
        )


def _integer(limits: Limits, where: Where, text: str) -> int | float:
    _refuse_long(text, limits, where)
    value = int(text)
    if abs(value) <= MAX_SAFE_INTEGER:
        return value
    real = float(value)
    if canonical_bytes(real) == text.encode():
        return real  # how RFC 8785 writes a double such as 1e20
    raise InputError(
        f"the whole number {text} cannot be held by a double without loss",
        where=where,
        next_step="Write it as text.",
    )


def _real(limits: Limits, where: Where, text: str) -> float:
    _refuse_long(text, limits, where)
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise InputError(f"the number {text} is larger than a double can hold", where=where)
    return value


def _constant(where: Where, text: str) -> Any:
    raise InputError(
        f"{text} is not a number of JSON", where=where, next_step="Leave an unknown value out and say why."
    )


def _check_strings(value: Any, limits: Limits, source: str | None) -> None:
    stack: list[Any] = [value]
    while stack:
        current = stack.pop()
        if isinstance(current, str):
            _check_string(current, limits.string_chars, "a text", source)
        elif isinstance(current, dict):
            for name in current:
                _check_string(name, limits.name_chars, "a name", source)
            stack.extend(current.values())
        elif isinstance(current, list):
            if len(current) > limits.members:
                raise LimitError(
                    f"an array has more than {limits.members} elements", where=Where(file=source)
                )
            stack.extend(current)


def _check_string(text: str, longest: int, what: str, source: str | None) -> None:
    if len(text) > longest:
        raise LimitError(
            f"{what} has {len(text)} characters; at most {longest} are read",
            where=Where(file=source),
            next_step="Keep long texts in an evidence file and name it by its digest.",
        )
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"{what} holds half of a surrogate pair",
                where=Where(file=source),
                next_step="Write whole characters.",
            ) from error
