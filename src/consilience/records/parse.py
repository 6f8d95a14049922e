"""From hostile bytes to a record: verify, then parse, and keep the bytes.

Pure. Invariants:
- nothing is built from bytes that do not match the digest that was asked for;
- writing what was parsed gives the canonical form of what was read, unknown members included; a document for
  which this would not hold (a `null`, an empty list, a missing `format`) is refused.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from consilience.errors import InputError, VerificationError, Where
from consilience.records.canonical import canonical_bytes, digest
from consilience.records.fields import read_moment
from consilience.records.kinds import KINDS
from consilience.records.part import UNKNOWN
from consilience.records.record import Record
from consilience.records.strict_json import LIMITS, Limits, read_json
from consilience.records.writing import as_document

CLOCK_TOLERANCE = timedelta(days=1)
"""How far `modified` may lie in the future before a record is refused."""

Lift = Callable[[Any], Any]


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """A record with the bytes that it came as."""

    record: Record
    content: bytes
    digest: str
    """Of the canonical bytes, which are those of `content` only where `content` is canonical."""


def parse(
    content: bytes,
    *,
    expected_digest: str | None = None,
    now: datetime | None = None,
    limits: Limits = LIMITS,
    source: str | None = None,
) -> Parsed:
    """Read one record.

    Args:
        content: One JSON document.
        expected_digest: Digest that the record must have; checked before anything is built from the bytes.
        now: If given, a record modified more than a day after it is refused.
        limits: Sizes beyond which the document is refused.
        source: Name of the file or sender, for messages.

    Raises:
        VerificationError: The bytes are not those of `expected_digest`.
        LimitError: A limit was passed.
        InputError: The document is not a valid record.
    """
    document = read_json(content, limits=limits, source=source)
    name = digest(canonical_bytes(document))
    if expected_digest is not None and name != expected_digest:
        raise VerificationError(
            f"the record has the digest {name} and not {expected_digest}",
            where=Where(file=source),
            next_step="Fetch it again; if it differs again, tell the sender.",
        )
    record = read_record(document, source=source)
    if now is not None and read_moment(record.modified) > now + CLOCK_TOLERANCE:
        raise InputError(
            f"{record.id} says that it was modified in the future, at {record.modified}",
            where=Where(file=source, path="modified"),
            next_step="Correct the clock of the machine that wrote it, or of this one.",
        )
    return Parsed(record=record, content=content, digest=name)


def read_record(document: Any, *, source: str | None = None) -> Record:
    """Return the record that a JSON document holds.

    Args:
        document: Builtins as `read_json` returns them.
        source: Name of the file or sender, for messages.

    Raises:
        InputError: The document is not a valid record.
    """
    if not isinstance(document, dict):
        raise InputError("a record is a JSON object", where=Where(file=source))
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError(
            f"the kind {str(kind)[:40]!r} is not one of {', '.join(KINDS)}",
            where=Where(file=source, path="kind"),
            next_step="`consilience record schema KIND` shows what a record looks like.",
        )
    cls = KINDS[kind]
    try:
        record = msgspec.convert(_lift_of(cls)(document), cls)
    except ValueError as error:
        raise InputError(
            f"this is not a valid {kind}: {_message(error)}",
            where=Where(file=source, path=_path(error)),
            next_step=f"`consilience record schema {kind}` shows what it looks like.",
        ) from error
    written = as_document(record)
    if written != document:
        raise InputError(
            f"this is not a valid {kind}: write every field that has a value, and leave out the others",
            where=Where(file=source, path=_difference(written, document)),
            next_step="A field without a value is left out; it is never null and never an empty list.",
        )
    return record


_PLACE = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")


def _message(error: ValueError) -> str:
    return _PLACE.sub("", str(error))[:500]


def _path(error: ValueError) -> str | None:
    found = _PLACE.search(str(error))
    return found["path"][:200] if found else None


def _difference(written: Any, read: Any, path: str = "") -> str:
    """Return the path of the first place where two documents differ."""
    if isinstance(written, dict) and isinstance(read, dict):
        for name in sorted(written.keys() | read.keys()):
            if name not in written or name not in read or written[name] != read[name]:
                place = f"{path}.{name}" if path else name
                return _difference(written.get(name), read.get(name), place)
    if isinstance(written, list) and isinstance(read, list):
        for index, (left, right) in enumerate(zip(written, read, strict=False)):
            if left != right:
                return _difference(left, right, f"{path}[{index}]")
    return path[:200]


@functools.cache
def _lift_of(cls: type[Record]) -> Lift:
    """Return a function that moves unknown members, at every depth, to where `Part` keeps them."""
    shape = msgspec.inspect.type_info(cls)
    return _struct_lift(shape) if isinstance(shape, msgspec.inspect.StructType) else _same


def _same(value: Any) -> Any:
    return value


def _lift_for(shape: msgspec.inspect.Type) -> Lift:
    match shape:
        case msgspec.inspect.StructType():
            return _struct_lift(shape)
        case msgspec.inspect.UnionType():
            return _union_lift(shape)
        case msgspec.inspect.VarTupleType():
            return _list_lift(_lift_for(shape.item_type))
        case _:
            return _same


def _struct_lift(shape: msgspec.inspect.StructType) -> Lift:
    known = {
        field.encode_name: _lift_for(field.type) for field in shape.fields if field.encode_name != UNKNOWN
    }
    if shape.tag_field is not None:
        known[shape.tag_field] = _same

    def lift(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        lifted = {name: known[name](member) for name, member in value.items() if name in known}
        if len(lifted) < len(value):
            unknown = {name: member for name, member in value.items() if name not in known}
            lifted[UNKNOWN] = canonical_bytes(unknown).decode()
        return lifted

    return lift


def _union_lift(shape: msgspec.inspect.UnionType) -> Lift:
    structs = [member for member in shape.types if isinstance(member, msgspec.inspect.StructType)]
    by_tag = {member.tag: _struct_lift(member) for member in structs}
    tag_field = structs[0].tag_field if structs else None
    other = [_lift_for(member) for member in shape.types if isinstance(member, msgspec.inspect.VarTupleType)]

    def lift(value: Any) -> Any:
        if isinstance(value, dict) and structs:
            tag = value.get(tag_field) if tag_field is not None else None
            chosen = by_tag.get(tag) if tag is None or isinstance(tag, str | int) else None
            return chosen(value) if chosen else value
        return other[0](value) if isinstance(value, list) and other else value

    return lift


def _list_lift(lift_member: Lift) -> Lift:
    def lift(value: Any) -> Any:
        return [lift_member(member) for member in value] if isinstance(value, list) else value

    return lift
