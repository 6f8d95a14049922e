"""Checks an evidence bundle without a network, a database or the rest of Consilience.

    python -m consilience_verifier BUNDLE --key sha256:… [--witness VERIFIER_KEY …] [--quorum N]

Needs only Python, `cryptography` and `rfc8785`, and is short so that it can be audited. Everything in a
bundle is hostile until it is checked. Shown are: which key signed the record, that the party's log contained
it under that head, which witnesses countersigned that head and when. Not shown: that a run was honest, or
that no revocation was left out or came later.

Sources: DSSE v1 (envelope, PAE), in-toto Statement v1, RFC 8785 (canonical JSON), RFC 9162, section 2.1
(Merkle proofs), C2SP signed-note, tlog-checkpoint and tlog-cosignature, RFC 8032, FIPS 204.
Exit codes: 0 every check passed, 1 one failed or could not be made, 2 it cannot be read.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import struct
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

FORMAT = "urn:consilience:evidence-bundle:1"
RECORD, KEY = "urn:consilience:record:1", "urn:consilience:key:1"
STATEMENT, PAYLOAD_TYPE = "https://in-toto.io/Statement/v1", b"application/vnd.in-toto+json"
MAX_DOCUMENT_BYTES = 16 * 2**20  # of `bundle.json`
MAX_FILE_BYTES = 4 * 2**30  # of all files together
MAX_FILES, MAX_KEYS = 1_000, 100  # files of the archive; entries about keys
MAX_PROOF, MAX_SIGNATURES, MAX_SIZE = 63, 16, 2**63 - 1  # hashes; signatures of an envelope; leaves
NOTE, COSIGNATURE, COSIGNATURE_ML_DSA = 1, 4, 6
PublicKey = Ed25519PublicKey | MLDSA44PublicKey
ALGORITHMS: dict[str, Any] = {"ed25519": Ed25519PublicKey, "ml-dsa-44": MLDSA44PublicKey}
Check = NamedTuple("Check", [("what", str), ("state", str), ("detail", str)])  # noqa: UP014
"""One check: `ok`, `failed`, or `not made`, with what was found."""
Signatures = list[tuple[str, bytes, bytes]]
Head = NamedTuple(  # noqa: UP014
    "Head", [("origin", str), ("size", int), ("root", bytes), ("text", str), ("signatures", Signatures)]
)
"""A checkpoint (C2SP tlog-checkpoint), not yet verified."""


class UnreadableError(Exception):
    """The bundle is not in the form that it must have."""


class FailedError(Exception):
    """A check did not pass."""


@dataclass
class Outcome:
    """What a bundle shows; `record` is None where a check failed."""

    checks: list[Check] = field(default_factory=list)
    record: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Say whether every check was made and passed."""
        return bool(self.checks) and all(check.state == "ok" for check in self.checks)


def _decoded(text: Any) -> bytes:
    """Decode base64 in its one form (RFC 4648, section 4)."""
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise UnreadableError("there is text that is not base64 in its one form")
    return raw


def _public_key(algorithm: str, raw: bytes) -> PublicKey:
    return ALGORITHMS[algorithm].from_public_bytes(raw)  # type: ignore[no-any-return]


def _fingerprint(key: PublicKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return "sha256:" + hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).hexdigest()


def _signed(key: PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise UnreadableError("a name stands twice in an object")
    return found


def _whole(text: str) -> int | float:
    return int(text) if len(text) < 17 and abs(int(text)) < 2**53 else float(text)


def _json(content: bytes) -> Any:
    return json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_int=_whole)


def _of(document: Any, name: str, kind: type) -> Any:
    """Return a member of an object, which must be there and of this type; numbers are not negative."""
    found = document.get(name) if isinstance(document, dict) else None
    if type(found) is not kind or (isinstance(found, int) and found < 0):
        raise UnreadableError(f"the member {name!r} is missing or of another type")
    return found


def _included(leaf: bytes, position: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """Say whether a proof leads from a leaf to the root (RFC 9162, section 2.1.3.2)."""
    if position >= size or len(proof) > MAX_PROOF or any(len(one) != 32 for one in proof):
        return False
    place, last, found = position, size - 1, hashlib.sha256(b"\x00" + leaf).digest()
    for one in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = hashlib.sha256(b"\x01" + one + found).digest()
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + one).digest()
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def _statement(envelope: Any, keys: list[PublicKey], *, every: bool = False) -> dict[str, Any]:
    """Return the statement of an envelope that one of the keys signed, or one of each algorithm."""
    kind, content = _of(envelope, "payloadType", str).encode(), _decoded(_of(envelope, "payload", str))
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(content), content)
    told = _of(envelope, "signatures", list)
    if len(told) > MAX_SIGNATURES or kind != PAYLOAD_TYPE:
        raise UnreadableError("an envelope is of another type or has too many signatures")
    signatures = [_decoded(_of(one, "sig", str)) for one in told]
    good = {type(key) for key in keys if any(_signed(key, one, message) for one in signatures)}
    if not good or (every and good != {type(key) for key in keys}):
        raise FailedError("no key that counts here signed the entry, or not one of each algorithm")
    found = _json(content)
    subjects = _of(found, "subject", list)
    if _of(found, "_type", str) != STATEMENT or len(subjects) != 1:
        raise UnreadableError("the envelope holds no in-toto Statement about one subject")
    return {
        "type": _of(found, "predicateType", str), "name": _of(subjects[0], "name", str),
        "digest": "sha256:" + _of(_of(subjects[0], "digest", dict), "sha256", str),
        "predicate": _of(found, "predicate", dict),
    }  # fmt: skip


class _Keys:
    """The keys of a party by the positions of its log at which they count."""

    def __init__(self) -> None:
        self.party, self.last = "", -1
        self.spans: list[tuple[PublicKey, int, float]] = []

    def at(self, position: int) -> list[PublicKey]:
        return [key for key, first, end in self.spans if first <= position < end]

    def follow(self, position: int, envelope: Any) -> None:
        told = _of(_json(_decoded(_of(envelope, "payload", str))), "predicate", dict)
        action = _of(told, "action", str)
        key = _public_key(_of(told, "algorithm", str), _decoded(_of(told, "key", str)))
        known = [one for one, _, _ in self.spans]
        if action not in ({"add", "revoke"} if known else {"introduce"}) or position <= self.last:
            raise FailedError("the entries about keys do not begin with one introduction, or not in order")
        if (position == 0) == bool(known) or (key in known) != (action == "revoke") or not told.get("party"):
            raise FailedError("a key is added twice, revoked without being there, or not introduced first")
        if known:
            _statement(envelope, self.at(position))
        about = _statement(envelope, [key] if action != "revoke" else self.at(position))
        self.party, self.last = self.party or about["name"], position
        said = about["type"], about["digest"], about["name"], told.get("party")
        if said != (KEY, _fingerprint(key), self.party, self.party):
            raise FailedError("an entry about a key speaks of another key or party")
        if action != "revoke":
            self.spans.append((key, position, float("inf")))
        elif key in self.at(position):
            self.spans[known.index(key)] = (key, self.spans[known.index(key)][1], position)
        else:
            raise FailedError("a key is revoked that does not count")


def _head(note: str) -> Head:
    text, gap, lines = note.rpartition("\n\n")
    parts = text.split("\n")
    if (
        not gap
        or len(parts) != 3
        or not parts[1].isdecimal()
        or str(int(parts[1][:20])) != parts[1]
        or int(parts[1]) > MAX_SIZE
    ):
        raise UnreadableError("the head of the log is no checkpoint of three lines")
    signatures = []
    for line in lines.split("\n")[:-1][:64]:
        name, raw = [*line.removeprefix("— ").split(" "), ""][:2]
        signatures.append((name, _decoded(raw)[:4], _decoded(raw)[4:]))
    return Head(parts[0], int(parts[1]), _decoded(parts[2]), text + "\n", signatures)


def _key_id(name: str, kind: int, raw: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + raw).digest()[:4]


def _cosigned(head: Head, name: str, kind: int, raw: bytes) -> int:
    """Return when a key cosigned the head, in seconds since 1970 (C2SP tlog-cosignature)."""
    key = _public_key("ed25519" if kind == COSIGNATURE else "ml-dsa-44", raw)
    for told, found, signature in head.signatures:
        if (told, found) == (name, _key_id(name, kind, raw)) and len(signature) > 8:
            (at,) = struct.unpack(">Q", signature[:8])
            message = f"cosignature/v1\ntime {at}\n{head.text}".encode()
            if kind == COSIGNATURE_ML_DSA:
                message = b"".join((
                    b"subtree/v1\n\0", bytes([len(name.encode())]), name.encode(), signature[:8],
                    bytes([len(head.origin.encode())]), head.origin.encode(),
                    struct.pack(">QQ", 0, head.size), head.root,
                ))  # fmt: skip
            if _signed(key, signature[8:], message):
                return int(at)
    raise FailedError(f"{name} did not cosign this head")


class _Bundle:
    """The document of a bundle, and its checks in their order."""

    def __init__(self, document: Any) -> None:
        if _of(document, "format", str) != FORMAT:
            raise UnreadableError("the bundle is of another format")
        self.head = _head(_of(document, "checkpoint", str))
        self.entry, self.about = _of(document, "entry", dict), _of(document, "keys", list)
        self.position, self.evidence = _of(self.entry, "position", int), _of(document, "evidence", list)
        self.keys, self.outcome = _Keys(), Outcome()
        if not 0 < len(self.about) <= MAX_KEYS:
            raise UnreadableError("there are no entries about keys, or too many")
        self.outcome.facts |= {"log": self.head.origin, "size": self.head.size, "position": self.position}

    def history(self) -> str:
        for one in self.about:
            self.keys.follow(_of(one, "position", int), _of(one, "envelope", dict))
        self.outcome.facts["first_key"] = _fingerprint(self.keys.spans[0][0])
        return self.keys.party

    def inclusion(self) -> str:
        for one in (*self.about, self.entry):
            leaf = hashlib.sha256(rfc8785.dumps(_of(one, "envelope", dict))).digest()
            proof = [_decoded(each) for each in _of(one, "proof", list)]
            if not _included(leaf, _of(one, "position", int), self.head.size, proof, self.head.root):
                raise FailedError(f"entry {one['position']} is not under this head")
        return f"{len(self.about) + 1} entries under the head of {self.head.size}"

    def signature(self) -> str:
        head, keys = self.head, self.keys.at(self.head.size - 1)
        if head.origin != f"{self.keys.party}/log":
            raise FailedError("the head is of another log than the party's")
        for key in keys:
            if isinstance(key, MLDSA44PublicKey):
                _cosigned(head, head.origin, COSIGNATURE_ML_DSA, key.public_bytes_raw())
        for key in (one for one in keys if isinstance(one, Ed25519PublicKey)):
            about = head.origin, _key_id(head.origin, NOTE, key.public_bytes_raw())
            for name, told, found in head.signatures:
                if (name, told) == about and _signed(key, found, head.text.encode()):
                    return _fingerprint(key)
        raise FailedError("no key of the party signed the head")

    def record(self) -> str:
        found = _statement(_of(self.entry, "envelope", dict), self.keys.at(self.position), every=True)
        name = "sha256:" + hashlib.sha256(rfc8785.dumps(found["predicate"])).hexdigest()
        if (found["type"], found["digest"], found["name"]) != (RECORD, name, found["predicate"].get("id")):
            raise FailedError("the entry does not hold the record that it names")
        if found["predicate"].get("created_by") != self.keys.party:
            raise FailedError("the record was made by another party than the one that signed it")
        self.outcome.record = found["predicate"]
        self.outcome.facts |= {"digest": name, "signed_by": self.keys.party}
        return str(found["name"])

    def party(self, expected: str | None) -> None:
        first = self.outcome.facts.get("first_key")
        self.say("party", None if expected is None else first == expected, f"the first key is {first}")

    def witnesses(self, trusted: list[str], quorum: int | None) -> None:
        wanted = len({witness.partition("+")[0] for witness in trusted}) if quorum is None else quorum
        own = {key.public_bytes_raw() for key, _, _ in self.keys.spans}
        times, said = dict[str, int](), list[str]()
        for witness in trusted:
            name, _, rest = witness.partition("+")
            raw = _decoded(rest.partition("+")[2])
            if raw[:1] not in {b"\4", b"\6"} or name == self.head.origin or raw[1:] in own:
                raise UnreadableError(
                    "a witness is a verifier key NAME+ID+KEY of type 4 or 6, not of this log"
                )
            own.add(raw[1:])  # one key under two names is not two witnesses
            try:
                times[name] = _cosigned(self.head, name, raw[0], raw[1:])
            except FailedError as error:
                said.append(str(error))
        self.outcome.facts["cosigned"] = times
        if wanted:
            self.say("witnesses", len(times) >= wanted, "; ".join(said) or f"{len(times)} of {wanted}")

    def files(self, archive: zipfile.ZipFile) -> None:
        told = [_of(one, "digest", str) for one in self.evidence]
        record = self.outcome.record or {}
        if len(set(told)) < len(told):
            raise UnreadableError("a file is named twice")
        if not set(map(str, _of(record, "evidence", list) if "evidence" in record else [])) <= set(told):
            self.say("evidence", False, "the record rests on a file that is not named here")
        for name in told:
            place = "evidence/" + name.removeprefix("sha256:")
            if place not in archive.namelist():
                self.outcome.facts.setdefault("withheld", []).append(name)
                continue
            with archive.open(place) as file:
                found = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]
            self.say("evidence", "sha256:" + found.hexdigest() == name, name)

    def say(self, what: str, good: bool | None, detail: str) -> None:
        self.outcome.checks.append(Check(what, {None: "not made", True: "ok", False: "failed"}[good], detail))

    def made(self, what: str, how: Callable[[], str]) -> None:
        try:
            self.say(what, True, how())
        except FailedError as error:
            self.say(what, False, str(error))


def verify(bundle: Path, *, key: str | None, witnesses: list[str], quorum: int | None = None) -> Outcome:
    """Check a bundle against the fingerprint of the party's first key and verifier keys of witnesses.

    `quorum`: how many witnesses must have cosigned; None: all. Raises UnreadableError where it is no bundle.
    """
    try:
        with zipfile.ZipFile(bundle) as archive:
            found = _Bundle(_json(_document(archive)))
            found.made("keys", found.history)
            found.party(key)
            found.made("inclusion", found.inclusion)
            found.made("head", found.signature)
            found.made("record", found.record)
            found.witnesses(witnesses, quorum)
            found.files(archive)
    except UnreadableError:
        raise
    except Exception as error:  # whatever a hostile file brings about is no traceback
        raise UnreadableError(f"the bundle cannot be read ({type(error).__name__})") from error
    if any(check.state == "failed" for check in found.outcome.checks):
        found.outcome.record = None
    return found.outcome


def _document(archive: zipfile.ZipFile) -> bytes:
    entries = archive.infolist()
    packed = any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 for entry in entries)
    if packed or len({entry.filename for entry in entries}) != len(entries) or len(entries) > MAX_FILES:
        raise UnreadableError("a bundle has stored files, none packed or encrypted, none twice, not too many")
    whole = archive.getinfo("bundle.json")
    if sum(entry.file_size for entry in entries) > MAX_FILE_BYTES or whole.file_size > MAX_DOCUMENT_BYTES:
        raise UnreadableError("the files of the bundle are too large")
    return archive.read(whole)


def main(arguments: list[str] | None = None) -> int:
    """Check a bundle from the command line, print what was found as JSON, and return the exit code."""
    parser = argparse.ArgumentParser(prog="consilience_verifier", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--key", metavar="FINGERPRINT", help="of the party's first key, sha256:…")
    parser.add_argument("--witness", action="append", default=[], metavar="VERIFIER_KEY")
    parser.add_argument(
        "--quorum",
        type=int,
        choices=range(1, 65),
        metavar="N",
        help="how many of them must have cosigned; default: all",
    )
    given = parser.parse_args(arguments)
    try:
        found = verify(given.bundle, key=given.key, witnesses=given.witness, quorum=given.quorum)
    except UnreadableError as error:
        sys.stderr.write(f"{given.bundle}: {error}\n")
        return 2
    document = {"ok": found.ok, "checks": [check._asdict() for check in found.checks]}
    sys.stdout.write(json.dumps(document | found.facts | {"record": found.record}, indent=2) + "\n")
    return 0 if found.ok else 1


if __name__ == "__main__":
    sys.exit(main())
