"""A witness's answer to a log that asks for a cosignature (C2SP tlog-witness, `add-checkpoint`).

Pure: what was witnessed comes in as an argument, and what has to be remembered goes out, to be stored before
the answer is sent. Invariants: a witness cosigns only a head that is consistent with the largest that it
cosigned of this log; a head that is signed by the log and contradicts it is kept as evidence of a fork.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from consilience.errors import ConsilienceError, InputError, LimitError, VerificationError
from consilience.trust.checkpoint import MAX_SIZE, Checkpoint, cosign, read_checkpoint, verify_checkpoint
from consilience.trust.keys import PrivateKey
from consilience.trust.merkle import EMPTY_ROOT, HASH_BYTES, MAX_PROOF, verify_consistency
from consilience.trust.notes import MAX_NOTE_BYTES, Note, NoteKey

MAX_REQUEST_BYTES = MAX_NOTE_BYTES + 8_192
"""Of a request."""
SIZE_TYPE = "text/x.tlog.size"
"""Media type of an answer that tells the size that the witness knows."""
_OLD = re.compile("old (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True)
class Request:
    """What a log asks."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    def __bytes__(self) -> bytes:
        lines = [f"old {self.old}", *(base64.b64encode(one).decode() for one in self.proof), "", ""]
        return "\n".join(lines).encode() + self.note


@dataclass(frozen=True)
class Answer:
    """The witness's answer over HTTP, and what follows from it."""

    status: int
    body: bytes
    media_type: str = "text/plain"
    remember: bytes | None = None
    """Note of the head to store before the answer is sent."""
    fork: bytes | None = None
    """Note of a head that the log signed and that contradicts another of the same size: a proof of a fork."""
    unproven: bytes | None = None
    """Note of a head that the log signed and did not show to follow from what it signed before."""


def read_request(content: bytes) -> Request:
    """Read the body of a request.

    Raises:
        InputError: It is none.
        LimitError: It is too long, or the proof is.
    """
    if len(content) > MAX_REQUEST_BYTES:
        raise LimitError(f"a request for a cosignature has at most {MAX_REQUEST_BYTES:,} bytes")
    head, gap, note = content.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        lines = [""]
    told = _OLD.fullmatch(lines[0])
    if not gap or not told or int(told[1]) > MAX_SIZE:
        raise InputError("the request does not begin with an old size, a proof and an empty line")
    if len(lines) - 1 > MAX_PROOF:
        raise LimitError(f"a consistency proof has at most {MAX_PROOF} hashes")
    return Request(int(told[1]), tuple(_hash(line) for line in lines[1:]), note)


def answer(
    content: bytes,
    *,
    known: bytes | None,
    keys: Sequence[NoteKey] | None,
    name: str,
    signers: Sequence[PrivateKey],
    at: int,
) -> Answer:
    """Answer a request for a cosignature.

    Args:
        content: Body of the request.
        known: Note of the largest head of this log that this witness cosigned; None: none yet.
        keys: Of the log, as they are trusted here; None: the log is not known.
        name: Of this witness.
        signers: Its keys.
        at: Now, in seconds since 1970-01-01 UTC.
    """
    try:
        request = read_request(content)
        read_checkpoint(request.note)
    except ConsilienceError as error:
        return Answer(400, f"{error.detail}\n".encode())
    if keys is None:
        return Answer(404, b"this log is not known here\n")
    try:
        head = verify_checkpoint(request.note, keys)
    except VerificationError as error:
        return Answer(403, f"{error.detail}\n".encode())
    return _decided(request, head, known, name, signers, at)


def origin_of(content: bytes) -> str | None:
    """Return the origin that a request speaks of, so that what is known of it can be looked up."""
    try:
        return read_checkpoint(read_request(content).note)[0].origin
    except ConsilienceError:
        return None


def _decided(
    request: Request, head: Checkpoint, known: bytes | None, name: str, signers: Sequence[PrivateKey], at: int
) -> Answer:
    last = read_checkpoint(known)[0] if known is not None else None
    size = 0 if last is None else last.size
    if request.old > head.size:
        return Answer(400, b"the old size is larger than the new one\n")
    if last is not None and head.size == size and head.root != last.root:
        return Answer(409, f"{size}\n".encode(), SIZE_TYPE, fork=request.note)
    if not head.size and head.root != EMPTY_ROOT:
        return Answer(422, b"the root of an empty log is another\n", unproven=request.note)
    if request.old != size:
        return Answer(409, f"{size}\n".encode(), SIZE_TYPE)
    if (
        last is not None
        and size
        and not verify_consistency(size, last.root, head.size, head.root, request.proof)
    ):
        return Answer(422, b"the consistency proof does not fit\n", unproven=request.note)
    if (last is None or not size) and request.proof:
        return Answer(422, b"from nothing, a consistency proof is empty\n")
    lines = "".join(str(cosign(head, name, key, at=at)) for key in signers)
    own = Note(head.text, read_checkpoint(request.note)[1].signatures)
    return Answer(200, lines.encode(), remember=bytes(own))


def _hash(line: str) -> bytes:
    try:
        found = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if len(found) != HASH_BYTES or base64.b64encode(found).decode() != line:
        raise InputError("a line of the consistency proof is no hash")
    return found
