"""Envelopes: bytes are verified before they are parsed, and any change is noticed."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.errors import InputError, LimitError, VerificationError
from consilience.records.canonical import digest
from consilience.trust import envelope as module
from consilience.trust.envelope import (
    Envelope,
    Signature,
    envelope_bytes,
    pae,
    read_envelope,
    read_statement,
    seal,
    statement,
    verify,
)
from consilience.trust.keys import Algorithm, PrivateKey

KEY = PrivateKey.from_seed(b"k" * 32)
SECOND = PrivateKey.from_seed(b"k" * 32, Algorithm.ML_DSA_44)
OTHER = PrivateKey.from_seed(b"o" * 32)


def test_the_signed_bytes_are_those_of_the_specification() -> None:
    """The example of DSSE, protocol.md."""
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(st.binary(max_size=300))
def test_what_is_sealed_comes_back(content: bytes) -> None:
    found = read_envelope(envelope_bytes(seal(content, [KEY])))
    assert verify(found, [KEY.public]).content == content
    assert verify(found, [OTHER.public, KEY.public]).signers == (KEY.public,)
    with pytest.raises(VerificationError):
        verify(found, [OTHER.public])


def test_a_large_record_has_an_envelope() -> None:
    content = statement("a", digest(b""), "urn:x", {"text": ["x" * 90_000] * 10})
    found = verify(read_envelope(envelope_bytes(seal(content, [KEY]))), [KEY.public])
    assert read_statement(found.content).predicate["text"][9] == "x" * 90_000


def test_two_algorithms_sign_side_by_side() -> None:
    found = verify(seal(b"x", [KEY, SECOND]), [SECOND.public, KEY.public])
    assert set(found.signers) == {KEY.public, SECOND.public}


def test_type_and_content_are_signed() -> None:
    sealed = seal(b"content", [KEY])
    for changed in (
        msgspec.structs.replace(sealed, payload=base64.b64encode(b"contenu").decode()),
        msgspec.structs.replace(sealed, payload_type="text/plain"),
        msgspec.structs.replace(
            sealed, signatures=(Signature(OTHER.public.fingerprint, sealed.signatures[0].sig),)
        ),
    ):
        with pytest.raises(VerificationError):
            verify(changed, [KEY.public])
    no_hint = msgspec.structs.replace(sealed, signatures=(Signature("", sealed.signatures[0].sig),))
    assert verify(no_hint, [KEY.public]).content == b"content"


def test_the_same_bytes_on_every_machine() -> None:
    assert digest(envelope_bytes(seal(b"{}", [KEY]))) == digest(envelope_bytes(seal(b"{}", [KEY])))
    assert list(json.loads(envelope_bytes(seal(b"{}", [KEY])))) == ["payload", "payloadType", "signatures"]


@pytest.mark.parametrize(
    "change",
    [
        {"payload": "not base64"}, {"payload": "QQ"}, {"payload": "QR=="}, {"payload": 1},
        {"payloadType": ""},
        {"payloadType": "a\nb"}, {"signatures": []}, {"signatures": [{"keyid": ""}]}, {"signatures": None},
        {"payloadType": "x" * 256},
    ],
)  # fmt: skip
def test_another_form_is_refused(change: dict[str, object]) -> None:
    document = json.loads(envelope_bytes(seal(b"x", [KEY]))) | change
    with pytest.raises(InputError):
        read_envelope(json.dumps(document).encode())


def test_it_has_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Signature("", "QUJD")
    many = Envelope("QQ==", "text/plain", (one,) * (module.MAX_SIGNATURES + 1))
    with pytest.raises(LimitError, match="signatures"):
        read_envelope(envelope_bytes(many))
    monkeypatch.setattr(module, "MAX_ENVELOPE_BYTES", 100)
    with pytest.raises(LimitError, match="bytes"):
        read_envelope(b"x" * 101)
    with pytest.raises(LimitError, match="bytes"):
        seal(b"x" * 51, [KEY])
    with pytest.raises(InputError, match="signature"):
        seal(b"x", [])


@given(st.binary(max_size=200))
def test_any_bytes_are_an_envelope_or_a_clear_error(content: bytes) -> None:
    with pytest.raises(InputError):
        read_envelope(content)


def test_a_statement_has_one_subject() -> None:
    name = digest(b"record")
    found = read_statement(statement("claim--1", name, "urn:x", {"a": 1}))
    assert (found.digest, found.predicate_type, found.predicate) == (name, "urn:x", {"a": 1})
    assert found.subject[0].name == "claim--1"


@pytest.mark.parametrize(
    "change",
    [{"_type": "https://in-toto.io/Statement/v0.1"}, {"subject": []},
     {"subject": [{"name": "a", "digest": {}}]},
     {"subject": [{"name": "a", "digest": {"sha256": "x"}}] * 2}, {"subject": 1}],
)  # fmt: skip
def test_another_statement_is_refused(change: dict[str, object]) -> None:
    document = json.loads(statement("a", digest(b""), "urn:x", {})) | change
    with pytest.raises(InputError):
        read_statement(json.dumps(document).encode())
