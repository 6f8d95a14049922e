"""From a record to its document, its canonical bytes and its digest.

Pure. Invariants: a field that has nothing is left out (STIX 2.1, section 2.9, forbids empty lists for the
same
reason: one meaning, one form); unknown members stand where they stood.
"""

from __future__ import annotations

import enum
import functools
from typing import Any

import msgspec

from consilience.records.canonical import canonical_bytes, digest
from consilience.records.part import UNKNOWN, Part


def as_document(part: Part) -> dict[str, Any]:
    """Return a record, or a part of one, as JSON builtins with its unknown members."""
    config = part.__struct_config__
    document: dict[str, Any] = {config.tag_field: config.tag} if config.tag_field else {}
    for attribute, name in _names(type(part)):
        value = getattr(part, attribute)
        if value is not None and value != ():
            document[name] = _plain(value)
    if part.unknown_json:
        document.update(part.unknown_members())
    return document


def record_bytes(record: Part) -> bytes:
    """Return the canonical bytes (RFC 8785) of a record."""
    return canonical_bytes(as_document(record))


def record_digest(record: Part) -> str:
    """Return the digest of a record: SHA-256 over its canonical bytes, as `sha256:HEX`."""
    return digest(record_bytes(record))


@functools.cache
def _names(cls: type[Part]) -> tuple[tuple[str, str], ...]:
    fields = msgspec.structs.fields(cls)
    return tuple((field.name, field.encode_name) for field in fields if field.encode_name != UNKNOWN)


def _plain(value: Any) -> Any:
    if isinstance(value, Part):
        return as_document(value)
    if isinstance(value, tuple):
        return [_plain(member) for member in value]
    if isinstance(value, enum.Enum):
        return value.value
    return value
