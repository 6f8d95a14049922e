"""Keys over time: rotation and revocation count from their place in the log on; nobody else makes them."""

from __future__ import annotations

import base64

import msgspec
import pytest

from consilience.errors import ConsilienceError, InputError, VerificationError
from consilience.records.canonical import digest
from consilience.trust import keyring as module
from consilience.trust.envelope import Envelope, seal, statement
from consilience.trust.keyring import KEY_PREDICATE, Keyring, add, introduce, keyring_of, revoke
from consilience.trust.keys import Algorithm, PrivateKey

PARTY = "party--00000000-0000-4000-8000-000000000001"
OTHER_PARTY = "party--00000000-0000-4000-8000-000000000002"
FIRST, SECOND, STRANGER = (PrivateKey.from_seed(letter * 32) for letter in (b"1", b"2", b"3"))
QUANTUM = PrivateKey.from_seed(b"4" * 32, Algorithm.ML_DSA_44)


def entry(*keys: PrivateKey) -> Envelope:
    return seal(statement("a", digest(b"a"), "urn:x", {}), keys)


def rotated() -> Keyring:
    """SECOND from entry 3 on, FIRST to before entry 5."""
    return keyring_of([
        (0, introduce(PARTY, FIRST)),
        (3, add(PARTY, SECOND, by=FIRST)),
        (5, revoke(PARTY, FIRST.public, by=SECOND, reason="lost laptop")),
    ])  # fmt: skip


def test_each_key_counts_where_the_log_says() -> None:
    ring = rotated()
    assert ring.first == FIRST.public
    assert [ring.at(position) for position in (0, 2, 3, 4, 5, 9)] == [
        (FIRST.public,), (FIRST.public,), (FIRST.public, SECOND.public), (FIRST.public, SECOND.public),
        (SECOND.public,), (SECOND.public,),
    ]  # fmt: skip
    assert ring.verify(entry(FIRST), 4).signers == (FIRST.public,)
    assert ring.verify(entry(SECOND), 7).signers == (SECOND.public,)
    with pytest.raises(VerificationError):
        ring.verify(entry(SECOND), 2)
    with pytest.raises(VerificationError, match=r"revoked from entry 5 on \(lost laptop\)"):
        ring.verify(entry(FIRST), 5)
    with pytest.raises(VerificationError, match="no key that is trusted"):
        ring.verify(entry(STRANGER), 5)


def test_what_was_signed_before_a_revocation_keeps_counting() -> None:
    ring = rotated()
    assert ring.verify(entry(FIRST), 4).signers == (FIRST.public,)


def test_a_second_algorithm_is_a_key_like_others() -> None:
    ring = keyring_of([(0, introduce(PARTY, FIRST)), (1, add(PARTY, QUANTUM, by=FIRST))])
    assert ring.verify(entry(FIRST, QUANTUM), 2).signers == (FIRST.public, QUANTUM.public)
    for alone in (FIRST, QUANTUM):
        with pytest.raises(VerificationError, match="is missing"):
            ring.verify(entry(alone), 2)
    after = ring.follow(revoke(PARTY, QUANTUM.public, by=FIRST, reason="lost"), 3)
    assert after.verify(entry(FIRST), 4).signers == (FIRST.public,)


@pytest.mark.parametrize(
    ("position", "envelope"),
    [
        (1, add(PARTY, SECOND, by=STRANGER)),
        (1, seal(add(PARTY, SECOND, by=FIRST).content, [FIRST])),
        (1, add(PARTY, FIRST, by=FIRST)),
        (1, add(OTHER_PARTY, SECOND, by=FIRST)),
        (1, revoke(PARTY, SECOND.public, by=FIRST)),
        (1, revoke(PARTY, FIRST.public, by=STRANGER)),
        (1, introduce(PARTY, FIRST)),
        (1, seal(introduce(PARTY, SECOND).content, [FIRST, SECOND])),
        (1, entry(FIRST)),
    ],
    ids=["stranger adds", "key does not sign itself", "key twice", "other party", "unknown key revoked",
         "stranger revokes", "introduced twice", "another introduced", "no statement about a key"],
)  # fmt: skip
def test_what_does_not_follow_is_refused(position: int, envelope: Envelope) -> None:
    with pytest.raises(ConsilienceError):
        Keyring.begin(introduce(PARTY, FIRST)).follow(envelope, position)


def test_a_log_begins_with_a_key_that_signed() -> None:
    forged = seal(introduce(PARTY, FIRST).content, [STRANGER])
    for wrong in (forged, add(PARTY, FIRST, by=FIRST), entry(FIRST)):
        with pytest.raises(VerificationError):
            Keyring.begin(wrong)
    with pytest.raises(VerificationError, match="first entry"):
        keyring_of([(1, introduce(PARTY, FIRST))])
    with pytest.raises(VerificationError, match="no key"):
        keyring_of([])


@pytest.mark.parametrize(
    "change",
    [{"key": "QQ=="}, {"key": "?"}, {"algorithm": "rsa"}, {"party": "me"}, {"action": "x"},
     {"key": base64.b64encode(b"2" * 32).decode()}],
)  # fmt: skip
def test_another_form_is_refused(change: dict[str, object]) -> None:
    told = {"action": "introduce", "party": PARTY, "algorithm": "ed25519",
            "key": base64.b64encode(FIRST.public.raw).decode()} | change  # fmt: skip
    content = statement(PARTY, FIRST.public.fingerprint, KEY_PREDICATE, told)
    with pytest.raises((InputError, VerificationError)):
        Keyring.begin(seal(content, [FIRST]))


def test_statements_stand_in_the_order_of_the_log() -> None:
    begun = [(0, introduce(PARTY, FIRST)), (3, add(PARTY, SECOND, by=FIRST))]
    with pytest.raises(VerificationError, match="order"):
        keyring_of([*begun, (3, add(PARTY, QUANTUM, by=FIRST))])


def test_a_party_has_a_limit_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KEYS", 2)
    ring = keyring_of([(0, introduce(PARTY, FIRST)), (1, add(PARTY, SECOND, by=FIRST))])
    with pytest.raises(VerificationError, match="more than 2 keys"):
        ring.follow(add(PARTY, STRANGER, by=FIRST), 2)


def test_what_is_not_said_is_left_out() -> None:
    told = introduce(PARTY, FIRST)
    assert b"reason" not in told.content
    assert msgspec.json.decode(told.content)["subject"][0]["name"] == PARTY
