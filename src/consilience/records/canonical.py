"""Canonical bytes and digests: JSON by RFC 8785 (JCS), digests by SHA-256 written `sha256:HEX`.

Pure. Invariant: equal values have equal bytes on every machine; NaN and infinities have no bytes.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import rfc8785

from consilience.errors import InputError


def canonical_bytes(value: Any) -> bytes:
    """Return the JCS bytes of a value (RFC 8785, section 3.2).

    Args:
        value: Builtin JSON types or msgspec structs. Integers beyond 2^53 and non-finite floats are refused.

    Raises:
        InputError: The value has no canonical form.
    """
    try:
        return rfc8785.dumps(msgspec.to_builtins(value))
    except rfc8785.CanonicalizationError as error:
        raise InputError(
            f"this value has no canonical JSON form: {error}",
            next_step="Use finite numbers below 2^53 and valid Unicode text.",
        ) from error


def digest(content: bytes) -> str:
    """Return the digest of bytes as `sha256:` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
