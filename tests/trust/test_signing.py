"""Signed records: the envelope gives back the record, and nothing else passes for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from consilience.errors import InputError, VerificationError
from consilience.records import PartyType, as_document, new_own_party, record_bytes, record_digest
from consilience.records.canonical import canonical_bytes, digest
from consilience.trust.envelope import envelope_bytes, read_envelope, seal, statement, verify
from consilience.trust.keys import PrivateKey
from consilience.trust.signing import RECORD_PREDICATE, read_signed_record, sign_record

KEY = PrivateKey.from_seed(b"k" * 32)
PARTY = new_own_party("North", party_type=PartyType.INSTITUTE, now=datetime(2026, 11, 22, tzinfo=UTC))
OTHER = "party--00000000-0000-4000-8000-000000000009"


def test_a_record_comes_back_with_its_digest() -> None:
    envelope = read_envelope(envelope_bytes(sign_record(record_bytes(PARTY), [KEY])))
    found = read_signed_record(verify(envelope, [KEY.public]))
    assert found.parsed.record == PARTY
    assert found.parsed.digest == record_digest(PARTY)
    assert found.content == canonical_bytes(as_document(PARTY))


def test_members_that_nobody_knows_are_signed_too() -> None:
    document = as_document(PARTY) | {"x_colour": "green"}
    content = json.dumps(document, indent=3).encode()
    found = read_signed_record(verify(sign_record(content, [KEY]), [KEY.public]))
    assert found.content == canonical_bytes(document)
    assert found.parsed.digest == digest(canonical_bytes(document))


def test_the_same_record_has_the_same_envelope_however_it_is_written() -> None:
    spaced = json.dumps(as_document(PARTY), indent=3).encode()
    assert sign_record(spaced, [KEY]) == sign_record(record_bytes(PARTY), [KEY])


@pytest.mark.parametrize(
    ("name", "told", "kind", "error"),
    [
        (PARTY.id, digest(b"other"), RECORD_PREDICATE, VerificationError),
        (
            OTHER,
            record_digest(PARTY),
            RECORD_PREDICATE,
            VerificationError,
        ),
        (PARTY.id, record_digest(PARTY), "urn:x", VerificationError),
    ],
    ids=["digest", "id", "type"],
)
def test_a_statement_that_says_otherwise_is_refused(
    name: str, told: str, kind: str, error: type[Exception]
) -> None:
    sealed = seal(statement(name, told, kind, as_document(PARTY)), [KEY])
    with pytest.raises(error):
        read_signed_record(verify(sealed, [KEY.public]))


def test_what_is_no_record_is_not_signed() -> None:
    for content in (b"", b"{}", b'{"kind":"party"}', b"[1]"):
        with pytest.raises(InputError):
            sign_record(content, [KEY])
