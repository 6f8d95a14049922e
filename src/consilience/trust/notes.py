"""Signed notes: text with signature lines (C2SP signed-note).

Pure. Responsible for the bytes of a note and for whose signature is on it. Invariants: what is parsed and
formatted again has the same bytes; a signature of a key that is not trusted is ignored; a note of which a
trusted key's signature does not verify is refused as a whole.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from consilience.errors import InputError, LimitError, VerificationError
from consilience.trust.keys import Algorithm, PrivateKey, PublicKey

MAX_NOTE_BYTES = 262_144
"""Of a note with all its signatures."""
MAX_SIGNATURES = 64
"""Of one note; the specification asks for at least 16."""
MAX_KEY_NAME = 255
"""Bytes of a key's name."""
ED25519 = 0x01
"""Signature type: Ed25519 over the text."""
_DASH = "— "
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


@dataclass(frozen=True)
class SignatureLine:
    """One signature as it stands in a note."""

    name: str
    key_id: bytes
    """4 bytes."""
    signature: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True)
class Note:
    """A text and the signatures under it, not yet verified."""

    text: str
    """Ends in a line break."""
    signatures: tuple[SignatureLine, ...]

    def __bytes__(self) -> bytes:
        return (self.text + "\n" + "".join(map(str, self.signatures))).encode()

    def with_signatures(self, more: Iterable[SignatureLine]) -> Note:
        """Return the note with further signatures; one that it has already is not added again."""
        new = tuple(dict.fromkeys((*self.signatures, *more)))
        if len(new) > MAX_SIGNATURES:
            raise LimitError(f"a note has at most {MAX_SIGNATURES} signatures")
        return Note(self.text, new)


@dataclass(frozen=True)
class NoteKey:
    """A public key under the name and the signature type that it signs notes with."""

    name: str
    kind: int
    """Signature type, one byte."""
    key: PublicKey

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def key_id(self) -> bytes:
        """Return the first 4 bytes of SHA-256 over name, line break, type and key."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.key.raw).digest()[:4]

    def __str__(self) -> str:
        """Return the verifier key: `name+id+key`, as other programs of C2SP read it."""
        material = base64.b64encode(bytes([self.kind]) + self.key.raw).decode()
        return f"{self.name}+{self.key_id.hex()}+{material}"


def read_note_key(text: str) -> NoteKey:
    """Read a verifier key.

    Raises:
        InputError: It is none, of an unknown type, or its id does not belong to it.
    """
    name, _, rest = text.strip().partition("+")
    told, _, material = rest.partition("+")
    raw = _decoded(material)
    algorithm = {ED25519: Algorithm.ED25519, 0x04: Algorithm.ED25519, 0x06: Algorithm.ML_DSA_44}.get(
        raw[:1][0]
    )
    if algorithm is None:
        raise InputError(
            "the verifier key is of a type that is not known", next_step="Ask for an Ed25519 key."
        )
    found = NoteKey(name, raw[0], PublicKey(algorithm, raw[1:]))
    if told != found.key_id.hex():
        raise InputError(
            "the verifier key's id does not belong to its key", next_step="Copy it again, whole."
        )
    return found


def check_name(name: str) -> None:
    """Raise InputError where this cannot be a key's name: empty, too long, with white space or `+`."""
    plain = name and not any(c.isspace() or c == "+" or not c.isprintable() for c in name)
    if not plain or len(name.encode()) > MAX_KEY_NAME:
        raise InputError(
            "a key's name has 1 to 255 bytes, and no white space or `+`",
            next_step="Take a name such as institute.example/log.",
        )


def read_note(content: bytes) -> Note:
    """Read a note; nothing is verified.

    Raises:
        InputError: It is no note.
        LimitError: It is too long or has too many signatures.
    """
    if len(content) > MAX_NOTE_BYTES:
        raise LimitError(f"a note has at most {MAX_NOTE_BYTES:,} bytes")
    try:
        whole = content.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("the note is not UTF-8") from None
    if any(c < " " and c != "\n" for c in whole):
        raise InputError("the note has control characters")
    text, gap, lines = whole.rpartition("\n\n")
    if not gap or not lines.endswith("\n"):
        raise InputError("this is no signed note: there are no signatures after an empty line")
    return Note(text + "\n", read_signatures(lines))


def read_signatures(lines: str) -> tuple[SignatureLine, ...]:
    """Read signature lines, each with its line break.

    Raises:
        InputError: A line is none.
        LimitError: There are too many.
    """
    found = lines.split("\n")[:-1]
    if len(found) > MAX_SIGNATURES:
        raise LimitError(f"a note has at most {MAX_SIGNATURES} signatures")
    return tuple(_signature(line) for line in found)


def _signature(line: str) -> SignatureLine:
    parts = line.removeprefix(_DASH).split(" ")
    if not line.startswith(_DASH) or len(parts) != 2:
        raise InputError("a signature line of the note is none")
    check_name(parts[0])
    raw = _decoded(parts[1])
    return SignatureLine(parts[0], raw[:4], raw[4:])


def _decoded(text: str) -> bytes:
    """Decode base64 (RFC 4648, section 4) in its one canonical form, of more than four bytes."""
    try:
        raw = base64.b64decode(text, validate=True) if _BASE64.fullmatch(text) else b""
    except binascii.Error:
        raw = b""
    if len(raw) < 5 or base64.b64encode(raw).decode() != text:
        raise InputError("a signature or key of the note is not base64, or is too short")
    return raw


def sign_text(text: str, name: str, key: PrivateKey) -> SignatureLine:
    """Sign a text with Ed25519 under a name (C2SP signed-note, "Ed25519 signatures")."""
    if key.public.algorithm is not Algorithm.ED25519:
        raise InputError("a note's text is signed with ed25519")
    about = NoteKey(name, ED25519, key.public)
    return SignatureLine(name, about.key_id, key.sign(text.encode()))


def matching(note: Note, keys: Sequence[NoteKey]) -> list[tuple[NoteKey, SignatureLine]]:
    """Return the signatures of known keys, each with its key, not yet verified."""
    known = {(key.name, key.key_id): key for key in keys}
    return [
        (known[line.name, line.key_id], line) for line in note.signatures if (line.name, line.key_id) in known
    ]


def verify_text(note: Note, keys: Sequence[NoteKey]) -> tuple[NoteKey, ...]:
    """Return the Ed25519 keys (type 0x01) that signed the note's text, of those given.

    Raises:
        VerificationError: A known key's signature does not verify, or no known key signed.
    """
    found = matching(note, [key for key in keys if key.kind == ED25519])
    for key, line in found:
        if not key.key.verify(line.signature, note.text.encode()):
            raise VerificationError(f"the signature of {key.name} does not fit the note")
    if not found:
        raise VerificationError("no key that is trusted signed this note")
    return tuple(key for key, _ in found)
