"""Names of records: `KIND--UUID`.

Pure. Invariant: a derived id is the same on every machine for the same kind and the same parts (UUID version
5, RFC 9562, section 5.5); a random id comes from a UUID that the caller gives.
"""

from __future__ import annotations

import uuid

from consilience.records.canonical import canonical_bytes

NAMESPACE = uuid.UUID("5d0a1a5e-6f0c-5c07-9c53-6f1b4d3b7d11")
"""Namespace of derived ids. Never changes: ids that were given out rest on it."""


def derived_id(kind: str, *parts: str | None) -> str:
    """Return the id that follows from what a record speaks of.

    Args:
        kind: One of the eleven kinds, in lower case.
        parts: What makes the record this one, in a fixed order. None and the empty text are different parts.

    Returns:
        Such as `party--0b1e…`; equal for equal arguments.
    """
    name = canonical_bytes([kind, *parts]).decode()
    return f"{kind}--{uuid.uuid5(NAMESPACE, name)}"


def random_id(kind: str, value: uuid.UUID) -> str:
    """Return an id from a UUID that the caller drew, such as `uuid.uuid4()`."""
    return f"{kind}--{value}"


def kind_of(record_id: str) -> str:
    """Return the kind that an id names: `claim` of `claim--…`."""
    return record_id.split("--", 1)[0]
