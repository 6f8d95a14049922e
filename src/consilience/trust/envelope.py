"""Envelopes: signed bytes with their type (DSSE v1), and the in-toto Statement inside.

Pure. Invariants: what is verified is the exact bytes of the payload, before anything in it is parsed; a
signature counts only for a key that was given; an envelope is read in one form of base64 only; a statement of
ours has exactly one subject, whose digest is that of the record's canonical bytes.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from consilience.errors import InputError, LimitError, VerificationError
from consilience.records.canonical import canonical_bytes
from consilience.records.strict_json import Limits, read_json
from consilience.trust.keys import PrivateKey, PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
"""Media type of an in-toto Statement (in-toto Attestation Framework, envelope)."""
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
"""`_type` of a Statement (in-toto Attestation Framework v1.1)."""
MAX_ENVELOPE_BYTES = 8 * 2**20
"""Of an envelope."""
MAX_SIGNATURES = 16
"""Of one envelope."""
MAX_PAYLOAD_TYPE = 255
"""Characters of a payload's type."""


_LIMITS = Limits(bytes=MAX_ENVELOPE_BYTES, string_chars=MAX_ENVELOPE_BYTES, depth=Limits().depth + 4)


class Signature(msgspec.Struct, frozen=True):
    """One signature of an envelope."""

    keyid: str
    """The key's fingerprint; a hint and no proof."""
    sig: str
    """Base64."""


class Envelope(msgspec.Struct, frozen=True, rename={"payload_type": "payloadType"}):
    """A DSSE envelope (secure-systems-lab/dsse, envelope.md)."""

    payload: str
    """Base64."""
    payload_type: str
    signatures: tuple[Signature, ...]

    @property
    def content(self) -> bytes:
        """Return the payload's bytes, which nobody has vouched for before `verify`."""
        return _decoded(self.payload)


@dataclass(frozen=True)
class Verified:
    """A payload that trusted keys signed."""

    payload_type: str
    content: bytes
    signers: tuple[PublicKey, ...]


def pae(payload_type: str, content: bytes) -> bytes:
    """Return the bytes that are signed: the pre-authentication encoding (DSSE, protocol.md)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(content), content)


def seal(content: bytes, keys: Sequence[PrivateKey], *, payload_type: str = PAYLOAD_TYPE) -> Envelope:
    """Sign bytes with every key given.

    Raises:
        InputError: No key was given.
        LimitError: The payload is too large.
    """
    if not keys:
        raise InputError("an envelope has a signature", next_step="Make a key: consilience key new.")
    if len(content) > MAX_ENVELOPE_BYTES // 2:
        raise LimitError(f"what is signed has at most {MAX_ENVELOPE_BYTES // 2:,} bytes")
    message = pae(payload_type, content)
    signatures = tuple(
        Signature(key.public.fingerprint, base64.b64encode(key.sign(message)).decode()) for key in keys
    )
    return Envelope(base64.b64encode(content).decode(), payload_type, signatures)


def envelope_bytes(envelope: Envelope) -> bytes:
    """Return the canonical bytes of an envelope; its SHA-256 names it, and the log's leaf holds it."""
    return canonical_bytes(envelope)


def read_envelope(content: bytes) -> Envelope:
    """Read an envelope; nothing is verified.

    Raises:
        InputError: It is none.
        LimitError: It is too large or has too many signatures.
    """
    if len(content) > MAX_ENVELOPE_BYTES:
        raise LimitError(f"an envelope has at most {MAX_ENVELOPE_BYTES:,} bytes")
    try:
        found = msgspec.convert(read_json(content, limits=_LIMITS), Envelope)
    except msgspec.ValidationError as error:
        raise InputError(f"this is no DSSE envelope: {error}") from None
    if not 1 <= len(found.signatures) <= MAX_SIGNATURES:
        raise LimitError(f"an envelope has 1 to {MAX_SIGNATURES} signatures")
    if not 1 <= len(found.payload_type) <= MAX_PAYLOAD_TYPE or not found.payload_type.isprintable():
        raise InputError("the type of the envelope's payload is not a media type")
    for text in (found.payload, *(one.sig for one in found.signatures)):
        _decoded(text)
    return found


def verify(envelope: Envelope, keys: Sequence[PublicKey], *, each_algorithm: bool = False) -> Verified:
    """Return the payload, signed by at least one of the keys.

    Args:
        envelope: As it was read.
        keys: That are trusted.
        each_algorithm: A key of each algorithm that is among them must have signed, so that an ML-DSA-44
            key protects where Ed25519 is broken.

    Raises:
        VerificationError: None of them signed these bytes, or none of one algorithm.
    """
    content = envelope.content
    message = pae(envelope.payload_type, content)
    signatures = [(one.keyid, _decoded(one.sig)) for one in envelope.signatures]
    signers = tuple(
        key
        for key in dict.fromkeys(keys)
        if any(told in {"", key.fingerprint} and key.verify(found, message) for told, found in signatures)
    )
    if not signers:
        raise VerificationError(
            "no key that is trusted signed this envelope",
            next_step="Ask the party for its key's fingerprint over another way, and compare.",
        )
    missing = {key.algorithm for key in keys} - {key.algorithm for key in signers}
    if each_algorithm and missing:
        raise VerificationError(f"the signature with {', '.join(sorted(missing))} is missing")
    return Verified(envelope.payload_type, content, signers)


def statement(name: str, digest: str, predicate_type: str, predicate: Any) -> bytes:
    """Return the canonical bytes of an in-toto Statement about one subject.

    Args:
        name: Of the subject.
        digest: Of the subject, `sha256:` and 64 hexadecimal digits.
        predicate_type: URI that says what the predicate is.
        predicate: JSON types.
    """
    return canonical_bytes({
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    })  # fmt: skip


class _Subject(msgspec.Struct, frozen=True):
    name: str
    digest: dict[str, str]


class Statement(msgspec.Struct, frozen=True, rename={"kind": "_type", "predicate_type": "predicateType"}):
    """An in-toto Statement, read after its envelope was verified."""

    kind: str
    subject: tuple[_Subject, ...]
    predicate_type: str
    predicate: Any

    @property
    def digest(self) -> str:
        """Return the digest of its one subject, as `sha256:…`."""
        return "sha256:" + self.subject[0].digest["sha256"]


def read_statement(content: bytes) -> Statement:
    """Read a Statement about one subject.

    Raises:
        InputError: It is none, or has other than one subject with a SHA-256.
    """
    try:
        found = msgspec.convert(read_json(content, limits=_LIMITS), Statement)
    except msgspec.ValidationError as error:
        raise InputError(f"this is no in-toto Statement: {error}") from None
    if found.kind != STATEMENT_TYPE or len(found.subject) != 1 or "sha256" not in found.subject[0].digest:
        raise InputError("this is no in-toto Statement v1 about one subject with a SHA-256")
    return found


def _decoded(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InputError("the envelope holds text that is not base64") from None
    if base64.b64encode(raw).decode() != text:
        raise InputError("the envelope holds base64 that is not in its one form")
    return raw
