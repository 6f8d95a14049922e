"""Signed records: a record, its digest and its statement in one envelope.

Pure. Invariants: the statement's subject is the digest of the record's canonical bytes, and its predicate is
the record itself with every member that it came with; so an envelope alone is enough to have the record, and
the same record signed by the same key has the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consilience.errors import VerificationError
from consilience.records.canonical import canonical_bytes, digest
from consilience.records.parse import Parsed, parse
from consilience.records.strict_json import read_json
from consilience.trust.envelope import Envelope, Verified, read_statement, seal, statement
from consilience.trust.keys import PrivateKey

RECORD_PREDICATE = "urn:consilience:record:1"
"""Predicate type of a statement that holds a record."""


@dataclass(frozen=True)
class SignedRecord:
    """A record that came out of a verified envelope."""

    parsed: Parsed
    content: bytes
    """Canonical bytes."""


def sign_record(content: bytes, keys: Sequence[PrivateKey]) -> Envelope:
    """Return the envelope of a record.

    Args:
        content: Bytes of the record, as they are stored.
        keys: That sign it.

    Raises:
        InputError: The bytes are no record.
    """
    record = parse(content).record
    document = read_json(content)
    name = digest(canonical_bytes(document))
    return seal(statement(record.id, name, RECORD_PREDICATE, document), keys)


def read_signed_record(verified: Verified) -> SignedRecord:
    """Return the record of a verified payload.

    Raises:
        VerificationError: It holds another record than it says, or none.
        InputError: It is no statement, or the record cannot be read.
    """
    found = read_statement(verified.content)
    if found.predicate_type != RECORD_PREDICATE:
        raise VerificationError(f"the envelope holds no record but {found.predicate_type[:80]!r}")
    content = canonical_bytes(found.predicate)
    if digest(content) != found.digest:
        raise VerificationError("the record in the envelope does not have the digest that was signed")
    parsed = parse(content)
    if parsed.record.id != found.subject[0].name:
        raise VerificationError("the record in the envelope has another id than its statement says")
    return SignedRecord(parsed, content)
