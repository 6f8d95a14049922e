"""Signed notes: published notes verify, every other form is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.errors import ConsilienceError, InputError, LimitError, VerificationError
from consilience.trust import notes
from consilience.trust.keys import Algorithm, PrivateKey
from consilience.trust.notes import (
    Note,
    NoteKey,
    SignatureLine,
    read_note,
    read_note_key,
    sign_text,
    verify_text,
)

PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()
"""The note and key in the documentation of golang.org/x/mod/sumdb/note."""
KEY = PrivateKey.from_seed(b"k" * 32)
MINE = NoteKey("institute.example/log", notes.ED25519, KEY.public)


def signed(text: str = "one line\n") -> Note:
    return Note(text, (sign_text(text, MINE.name, KEY),))


def test_the_published_note_verifies_and_its_key_has_the_published_id() -> None:
    key = read_note_key(PUBLISHED_KEY)
    note = read_note(PUBLISHED)
    assert str(key) == PUBLISHED_KEY
    assert bytes(note) == PUBLISHED
    assert verify_text(note, [key]) == (key,)


def test_any_changed_byte_of_the_published_note_is_noticed() -> None:
    key = read_note_key(PUBLISHED_KEY)
    for place in range(len(PUBLISHED)):
        changed = bytearray(PUBLISHED)
        changed[place] ^= 1
        with pytest.raises(ConsilienceError):
            verify_text(read_note(bytes(changed)), [key])


@given(
    st.text(alphabet=st.characters(exclude_characters="\r", exclude_categories=["Cs", "Cc"]), max_size=200)
)
def test_what_is_signed_comes_back(text: str) -> None:
    note = signed(text + "\n")
    again = read_note(bytes(note))
    assert again == note
    assert verify_text(again, [MINE]) == (MINE,)


def test_empty_lines_in_the_text_are_text() -> None:
    note = read_note(bytes(signed("first\n\nsecond\n")))
    assert note.text == "first\n\nsecond\n"


def test_signatures_of_unknown_keys_are_ignored() -> None:
    stranger = sign_text("one line\n", "stranger.example", PrivateKey.generate())
    same_name = sign_text("one line\n", MINE.name, PrivateKey.generate())
    note = signed().with_signatures([stranger, same_name])
    assert verify_text(read_note(bytes(note)), [MINE]) == (MINE,)
    with pytest.raises(VerificationError, match="no key that is trusted"):
        verify_text(Note("one line\n", (stranger, same_name)), [MINE])


def test_a_known_key_whose_signature_does_not_fit_spoils_the_note() -> None:
    good = signed().signatures[0]
    bad = SignatureLine(MINE.name, MINE.key_id, b"\x00" * 64)
    with pytest.raises(VerificationError, match="does not fit"):
        verify_text(Note("one line\n", (good, bad)), [MINE])


@pytest.mark.parametrize(
    "content",
    [
        b"", b"text\n", b"text\n\n", b"text\n\n\xe2\x80\x94 a AAAAAAAA", b"text\n\n- a AAAAAAAA\n",
        b"text\n\n\xe2\x80\x94 a\n", b"text\n\n\xe2\x80\x94 a AAAA\n", b"text\n\n\xe2\x80\x94 a AAAAAAAB=\n",
        b"text\n\n\xe2\x80\x94  AAAAAAAA\n", b"text\n\n\xe2\x80\x94 a+b AAAAAAAA\n",
        b"t\r\n\n\xe2\x80\x94 a AAAAAAAA\n",
        b"\xff\n\n\xe2\x80\x94 a AAAAAAAA\n", b"text\n\n\xe2\x80\x94 a AAAAAA==\n",
        b"text\n\n\xe2\x80\x94 a AAAAAAB=\n",
    ],
)  # fmt: skip
def test_what_is_no_note_is_refused(content: bytes) -> None:
    with pytest.raises(InputError):
        read_note(content)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_note_or_a_clear_error(content: bytes) -> None:
    with contextlib.suppress(InputError):
        assert bytes(read_note(content)) == content


def test_a_note_has_limits() -> None:
    line = signed().signatures[0]
    with pytest.raises(LimitError, match="signatures"):
        read_note(b"text\n\n" + str(line).encode() * (notes.MAX_SIGNATURES + 1))
    with pytest.raises(LimitError, match="bytes"):
        read_note(b"x" * (notes.MAX_NOTE_BYTES + 1))
    many = [SignatureLine("a", b"1234", bytes([n])) for n in range(notes.MAX_SIGNATURES)]
    with pytest.raises(LimitError, match="signatures"):
        signed().with_signatures(many)
    assert signed().with_signatures(signed().signatures) == signed()


@pytest.mark.parametrize("name", ["", "two words", "a+b", "x" * 256, "line\nbreak", "a\u00a0b"])
def test_a_name_has_one_form(name: str) -> None:
    with pytest.raises(InputError, match="name"):
        NoteKey(name, notes.ED25519, KEY.public)


@pytest.mark.parametrize(
    "text",
    ["", "a", "a+b", "a+00000000+", "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
     "PeterNeumann+c74f20a3+AhpcT2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"],
)  # fmt: skip
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        read_note_key(text)


def test_a_note_is_not_signed_with_ml_dsa() -> None:
    with pytest.raises(InputError, match="ed25519"):
        sign_text("text\n", "a", PrivateKey.from_seed(b"k" * 32, Algorithm.ML_DSA_44))
