"""Checkpoints and cosignatures: one form only, bound to name, time, size and root."""

from __future__ import annotations

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.errors import InputError, VerificationError
from consilience.trust import checkpoint as module
from consilience.trust.checkpoint import (
    COSIGNATURE_ED25519,
    COSIGNATURE_ML_DSA_44,
    Checkpoint,
    cosign,
    read_checkpoint,
    verify_checkpoint,
    verify_cosignatures,
)
from consilience.trust.keys import Algorithm, PrivateKey
from consilience.trust.notes import ED25519, Note, NoteKey, SignatureLine, sign_text

ORIGIN = "north.example/log"
ROOT = bytes(range(32))
LOG = PrivateKey.from_seed(b"l" * 32)
LOG_KEY = NoteKey(ORIGIN, ED25519, LOG.public)
SECOND = PrivateKey.from_seed(b"s" * 32, Algorithm.ML_DSA_44)
SECOND_KEY = NoteKey(ORIGIN, COSIGNATURE_ML_DSA_44, SECOND.public)
HEAD = Checkpoint(ORIGIN, 20_852_163, ROOT)
AT = 1_679_315_147


def signed(head: Checkpoint = HEAD) -> Note:
    return Note(head.text, (sign_text(head.text, ORIGIN, LOG),))


def witness(algorithm: Algorithm, seed: bytes = b"w" * 32) -> tuple[PrivateKey, NoteKey]:
    key = PrivateKey.from_seed(seed, algorithm)
    return key, NoteKey("south.example/witness", module.KINDS[algorithm], key.public)


def test_the_text_is_origin_size_and_root() -> None:
    assert HEAD.text == f"{ORIGIN}\n20852163\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert read_checkpoint(bytes(signed()))[0] == HEAD
    assert verify_checkpoint(bytes(signed()), [LOG_KEY]) == HEAD


def test_the_published_checkpoint_is_read() -> None:
    """The example of C2SP tlog-checkpoint."""
    content = (
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— example.com/behind-the-sofa "
        "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    ).encode()
    found, note = read_checkpoint(content)
    assert (found.origin, found.size, bytes(note)) == ("example.com/behind-the-sofa", 20_852_163, content)


@pytest.mark.parametrize(
    "text",
    [
        "a\n", "a\n1\n", "a\n01\nROOT\n", "a\n-1\nROOT\n", "a\n+1\nROOT\n", "a\n 1\nROOT\n", "a\n1\nROOT=\n",
        "a\n1\nAAAA\n", "\n1\nROOT\n", "a\n1\nROOT\n\n", "a\n99999999999999999999\nROOT\n", "a\n١\nROOT\n",
        "a\n9223372036854775808\nROOT\n",
    ],
)  # fmt: skip
def test_another_form_is_refused(text: str) -> None:
    text = text.replace("ROOT", base64.b64encode(ROOT).decode())
    with pytest.raises(InputError):
        read_checkpoint(Note(text, (sign_text(text, ORIGIN, LOG),)))


def test_a_log_s_key_has_the_log_s_name() -> None:
    other = NoteKey("east.example/log", ED25519, LOG.public)
    note = Note(HEAD.text, (sign_text(HEAD.text, other.name, LOG),))
    with pytest.raises(VerificationError):
        verify_checkpoint(note, [other])
    with pytest.raises(VerificationError):
        verify_checkpoint(signed(), [other])


def test_a_second_key_of_the_log_must_have_signed() -> None:
    with pytest.raises(VerificationError, match="ML-DSA-44 signature is missing"):
        verify_checkpoint(signed(), [LOG_KEY, SECOND_KEY])
    both = signed().with_signatures([cosign(HEAD, ORIGIN, SECOND, at=AT)])
    assert verify_checkpoint(bytes(both), [LOG_KEY, SECOND_KEY]) == HEAD
    assert verify_checkpoint(bytes(both), [LOG_KEY]) == HEAD


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_cosignature_binds_time_size_and_root(algorithm: Algorithm) -> None:
    key, about = witness(algorithm)
    line = cosign(HEAD, about.name, key, at=AT)
    note = signed().with_signatures([line])
    (found,) = verify_cosignatures(HEAD, note, [about])
    assert (found.witness, found.at) == (about, AT)
    later = SignatureLine(line.name, line.key_id, struct.pack(">Q", AT + 1) + line.signature[8:])
    wrong = [
        (HEAD, later),
        (Checkpoint(ORIGIN, HEAD.size + 1, ROOT), line),
        (Checkpoint(ORIGIN, HEAD.size, ROOT[::-1]), line),
        (Checkpoint("east.example/log", HEAD.size, ROOT), line),
        (HEAD, SignatureLine(line.name, line.key_id, line.signature[:8])),
        (HEAD, SignatureLine(line.name, line.key_id, line.signature[:4])),
    ]
    for head, bad in wrong:
        with pytest.raises(VerificationError, match="does not fit"):
            verify_cosignatures(head, Note(head.text, (bad,)), [about])


def test_an_ml_dsa_cosignature_binds_the_witness_s_name() -> None:
    key, about = witness(Algorithm.ML_DSA_44)
    renamed = NoteKey("east.example/witness", COSIGNATURE_ML_DSA_44, key.public)
    line = cosign(HEAD, about.name, key, at=AT)
    with pytest.raises(VerificationError):
        verify_cosignatures(
            HEAD, Note(HEAD.text, (SignatureLine(renamed.name, renamed.key_id, line.signature),)), [renamed]
        )


def test_a_log_s_signature_is_no_cosignature_and_the_other_way_round() -> None:
    about = NoteKey(ORIGIN, COSIGNATURE_ED25519, LOG.public)
    assert about.key_id != LOG_KEY.key_id
    assert verify_cosignatures(HEAD, signed(), [about]) == ()
    with pytest.raises(VerificationError):
        verify_checkpoint(Note(HEAD.text, (cosign(HEAD, ORIGIN, LOG, at=AT),)), [LOG_KEY])


def test_the_latest_of_a_witness_counts_and_strangers_do_not() -> None:
    key, about = witness(Algorithm.ED25519)
    stranger, _ = witness(Algorithm.ED25519, b"x" * 32)
    lines = [cosign(HEAD, about.name, key, at=at) for at in (AT, AT + 60, AT + 30)]
    note = signed().with_signatures([*lines, cosign(HEAD, about.name, stranger, at=AT + 90)])
    (found,) = verify_cosignatures(HEAD, note, [about])
    assert found.at == AT + 60


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.integers(0, 2**63 - 1))
def test_every_head_comes_back(size: int, root: bytes, at: int) -> None:
    head = Checkpoint(ORIGIN, size, root)
    key, about = witness(Algorithm.ED25519)
    note = signed(head).with_signatures([cosign(head, about.name, key, at=at)])
    found, again = read_checkpoint(bytes(note))
    assert found == head
    assert verify_cosignatures(found, again, [about])[0].at == at


def test_extension_lines_of_other_logs_are_kept() -> None:
    head = Checkpoint(ORIGIN, 1, ROOT, ("x",))
    assert read_checkpoint(bytes(signed(head)))[0].extensions == ("x",)
    for bad in (("",), ("a\nb",)):
        with pytest.raises(InputError, match="extension"):
            Checkpoint(ORIGIN, 1, ROOT, bad)
    with pytest.raises(InputError, match="origin"):
        Checkpoint("x" * 256, 1, ROOT)
