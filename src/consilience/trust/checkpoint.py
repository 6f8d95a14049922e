"""Checkpoints: the signed head of a log, and the cosignatures of witnesses under it.

Pure. After C2SP tlog-checkpoint and tlog-cosignature. Invariants: origin, size and root stand in exactly one
form; a cosignature says when, in seconds, its witness saw that head as the largest of its log; an
ML-DSA-44 signature covers origin, size and root, not extension lines, so a checkpoint of ours has none.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from consilience.errors import InputError, VerificationError
from consilience.trust.keys import Algorithm, PrivateKey
from consilience.trust.merkle import HASH_BYTES
from consilience.trust.notes import Note, NoteKey, SignatureLine, matching, read_note, verify_text

COSIGNATURE_ED25519 = 0x04
"""Signature type: Ed25519 over `cosignature/v1`, the time and the text."""
COSIGNATURE_ML_DSA_44 = 0x06
"""Signature type: ML-DSA-44 over `subtree/v1`, names, the time, size and root."""
KINDS = {Algorithm.ED25519: COSIGNATURE_ED25519, Algorithm.ML_DSA_44: COSIGNATURE_ML_DSA_44}
MAX_SIZE = 2**63 - 1
"""Leaves of a log."""
MAX_ORIGIN = 255
"""Bytes of an origin line."""
_SIZE = re.compile("0|[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log at one size."""

    origin: str
    """What names the log, such as `institute.example/log`."""
    size: int
    root: bytes
    """32 bytes."""
    extensions: tuple[str, ...] = ()
    """Further lines of other logs, opaque."""

    def __post_init__(self) -> None:
        if not self.origin or "\n" in self.origin or len(self.origin.encode()) > MAX_ORIGIN:
            raise InputError("the origin of a checkpoint is one line of 1 to 255 bytes")
        if not 0 <= self.size <= MAX_SIZE or len(self.root) != HASH_BYTES:
            raise InputError("a checkpoint has a size from 0 to 2^63 - 1 and a root of 32 bytes")
        if any(not line or "\n" in line for line in self.extensions):
            raise InputError("an extension line of a checkpoint is not empty")

    @property
    def text(self) -> str:
        """Return the text that is signed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Cosignature:
    """A verified cosignature."""

    witness: NoteKey
    at: int
    """Seconds since 1970-01-01 UTC; 0: the witness says nothing of time."""


def read_checkpoint(content: bytes | Note) -> tuple[Checkpoint, Note]:
    """Read a checkpoint; nothing is verified.

    Raises:
        InputError: It is none, or not in the one form that it can have.
        LimitError: The note is too long.
    """
    note = content if isinstance(content, Note) else read_note(content)
    lines = note.text.split("\n")[:-1]
    if len(lines) < 3 or not _SIZE.fullmatch(lines[1]):
        raise InputError("this is no checkpoint: it needs origin, size and root, one a line")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except (binascii.Error, ValueError):
        root = b""
    found = Checkpoint(lines[0], int(lines[1]), root, tuple(lines[3:]))
    if found.text != note.text:
        raise InputError("the checkpoint is not in its canonical form")
    return found, note


def verify_checkpoint(content: bytes | Note, keys: Sequence[NoteKey]) -> Checkpoint:
    """Return a checkpoint that its log signed.

    Args:
        content: The note.
        keys: Of the log: Ed25519 (type 0x01), and ML-DSA-44 (0x06) where it has one. A key named otherwise
            than the origin is not used.

    Raises:
        VerificationError: The log's key did not sign, or a signature of one does not fit. Where an ML-DSA-44
            key is given, it must have signed too.
        InputError: It is no checkpoint.
    """
    checkpoint, note = read_checkpoint(content)
    own = [key for key in keys if key.name == checkpoint.origin]
    verify_text(note, own)
    second = [key for key in own if key.kind == COSIGNATURE_ML_DSA_44]
    if len(verify_cosignatures(checkpoint, note, second)) < len(second):
        raise VerificationError("the log's ML-DSA-44 signature is missing")
    return checkpoint


def verify_cosignatures(
    checkpoint: Checkpoint, note: Note, witnesses: Sequence[NoteKey]
) -> tuple[Cosignature, ...]:
    """Return the cosignatures of known witnesses, one for each key: the latest.

    Raises:
        VerificationError: One of a known witness does not verify.
    """
    found: dict[NoteKey, Cosignature] = {}
    for key, line in matching(note, witnesses):
        at = _verified(checkpoint, key, line)
        if key not in found or found[key].at < at:
            found[key] = Cosignature(key, at)
    return tuple(found.values())


def cosign(checkpoint: Checkpoint, name: str, key: PrivateKey, *, at: int) -> SignatureLine:
    """Return a cosignature.

    Args:
        checkpoint: Which the witness has found consistent with all that it saw of this log.
        name: Of the witness; the log's own origin where the log itself signs with ML-DSA-44.
        key: Of the witness.
        at: Now, in seconds since 1970-01-01 UTC.
    """
    about = NoteKey(name, KINDS[key.public.algorithm], key.public)
    signature = key.sign(_message(checkpoint, about, at))
    return SignatureLine(name, about.key_id, struct.pack(">Q", at) + signature)


def _verified(checkpoint: Checkpoint, key: NoteKey, line: SignatureLine) -> int:
    if len(line.signature) > 8 and key.kind in KINDS.values():
        (at,) = struct.unpack(">Q", line.signature[:8])
        if at <= MAX_SIZE and key.key.verify(line.signature[8:], _message(checkpoint, key, at)):
            return int(at)
    raise VerificationError(f"the cosignature of {key.name} does not fit the checkpoint")


def _message(checkpoint: Checkpoint, key: NoteKey, at: int) -> bytes:
    if key.kind == COSIGNATURE_ED25519:
        return f"cosignature/v1\ntime {at}\n{checkpoint.text}".encode()
    name, origin = key.name.encode(), checkpoint.origin.encode()
    return b"".join((
        b"subtree/v1\n\0", bytes([len(name)]), name, struct.pack(">Q", at), bytes([len(origin)]), origin,
        struct.pack(">QQ", 0, checkpoint.size), checkpoint.root,
    ))  # fmt: skip
