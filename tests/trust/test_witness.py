"""A witness cosigns what follows from what it saw, and keeps what contradicts it (C2SP tlog-witness)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.errors import InputError, LimitError
from consilience.trust import merkle, witness
from consilience.trust.checkpoint import (
    COSIGNATURE_ED25519,
    COSIGNATURE_ML_DSA_44,
    Checkpoint,
    verify_cosignatures,
)
from consilience.trust.keys import Algorithm, PrivateKey
from consilience.trust.merkle import Tree
from consilience.trust.notes import ED25519, Note, NoteKey, read_note, read_signatures, sign_text
from consilience.trust.witness import Answer, Request, answer, origin_of, read_request

ORIGIN, NAME, AT = "north.example/log", "south.example/witness", 1_800_000_000
LOG = PrivateKey.from_seed(b"l" * 32)
KEYS = [NoteKey(ORIGIN, ED25519, LOG.public)]
SIGNERS = [PrivateKey.from_seed(b"w" * 32), PrivateKey.from_seed(b"w" * 32, Algorithm.ML_DSA_44)]
WITNESS = [
    NoteKey(NAME, COSIGNATURE_ED25519, SIGNERS[0].public),
    NoteKey(NAME, COSIGNATURE_ML_DSA_44, SIGNERS[1].public),
]


def tree(size: int, salt: bytes = b"") -> Tree:
    return Tree(merkle.leaf_hash(salt + b"%d" % index) for index in range(size))


def note(of: Tree, size: int, key: PrivateKey = LOG, origin: str = ORIGIN) -> bytes:
    text = Checkpoint(origin, size, of.root(size)).text
    return bytes(Note(text, (sign_text(text, origin, key),)))


def ask(of: Tree, old: int, new: int) -> bytes:
    return bytes(Request(old, of.consistency(old, new), note(of, new)))


def told(content: bytes, known: bytes | None, keys: list[NoteKey] | None = KEYS) -> Answer:
    return answer(content, known=known, keys=keys, name=NAME, signers=SIGNERS, at=AT)


@given(st.integers(0, 60), st.integers(0, 60))
@settings(deadline=None, max_examples=40)
def test_a_log_that_grows_is_cosigned(first: int, more: int) -> None:
    log = tree(first + more)
    begun = told(ask(log, 0, first), None)
    assert begun.status == 200
    assert begun.remember == note(log, first)
    grown = told(ask(log, first, first + more), begun.remember)
    assert (grown.status, grown.fork, grown.unproven) == (200, None, None)
    head = Checkpoint(ORIGIN, first + more, log.root())
    signed = read_note(note(log, first + more)).with_signatures(read_signatures(grown.body.decode()))
    assert [one.at for one in verify_cosignatures(head, signed, WITNESS)] == [AT, AT]


def test_the_size_that_is_known_is_told() -> None:
    log = tree(9)
    found = told(ask(log, 4, 9), note(log, 6))
    assert (found.status, found.body, found.media_type) == (409, b"6\n", witness.SIZE_TYPE)
    assert told(ask(log, 3, 9), None).body == b"0\n"


def test_an_old_checkpoint_that_is_played_again_is_not_cosigned() -> None:
    log = tree(9)
    found = told(ask(log, 0, 5), note(log, 9))
    assert (found.status, found.body, found.remember) == (409, b"9\n", None)


def test_a_fork_of_the_same_size_is_kept() -> None:
    honest, other = tree(7), tree(7, b"other")
    found = told(bytes(Request(7, (), note(other, 7))), note(honest, 7))
    assert (found.status, found.remember) == (409, None)
    assert found.fork == note(other, 7)


def test_a_rewritten_log_has_no_proof() -> None:
    honest, other = tree(7), tree(12, b"other")
    found = told(ask(other, 7, 12), note(honest, 7))
    assert (found.status, found.remember) == (422, None)
    assert found.unproven == note(other, 12)


def test_the_same_head_is_cosigned_again() -> None:
    log = tree(5)
    assert told(ask(log, 5, 5), note(log, 5)).status == 200


def test_a_proof_from_nothing_is_empty() -> None:
    log = tree(5)
    assert told(bytes(Request(0, (log.root(),), note(log, 5))), None).status == 422


def test_strangers_and_forgers_are_sent_away() -> None:
    log = tree(5)
    assert told(ask(log, 0, 5), None, keys=None).status == 404
    forged = bytes(Request(0, (), note(log, 5, PrivateKey.from_seed(b"f" * 32))))
    assert told(forged, None).status == 403
    assert told(bytes(Request(9, (), note(log, 5))), note(log, 5)).status == 400


@pytest.mark.parametrize(
    "content",
    [b"", b"old 0\n", b"old 00\n\n", b"old -1\n\n", b"old 0\nAAAA\n\n", b"new 0\n\n", b"old 0\n\nno note",
     b"old 99999999999999999999\n\n", b"\xff\n\n", b"old 9223372036854775808\n\n"],
)  # fmt: skip
def test_what_is_no_request_is_refused(content: bytes) -> None:
    assert told(content, None).status == 400
    assert origin_of(content) is None


@given(st.binary(max_size=300))
def test_any_bytes_have_an_answer(content: bytes) -> None:
    assert told(content, None).status == 400


def test_a_request_has_limits() -> None:
    log = tree(3)
    many = bytes(Request(0, (log.root(),) * (merkle.MAX_PROOF + 1), note(log, 3)))
    with pytest.raises(LimitError, match="hashes"):
        read_request(many)
    with pytest.raises(LimitError, match="bytes"):
        read_request(b"x" * (witness.MAX_REQUEST_BYTES + 1))
    with pytest.raises(InputError):
        read_request(b"old 1\n" + b"A" * 43 + b"\n\n" + note(log, 3))


def test_a_request_comes_back() -> None:
    log = tree(11)
    found = read_request(ask(log, 4, 11))
    assert found == Request(4, log.consistency(4, 11), note(log, 11))
    assert origin_of(bytes(found)) == ORIGIN
