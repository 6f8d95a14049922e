"""Checks an evidence bundle without a network, a database or the rest of Consilience.

    python -m consilience_verifier BUNDLE --key sha256:… [--witness VERIFIER_KEY …] [--quorum N]

Needs only Python, `cryptography` and `rfc8785`, and is short so that it can be audited. Everything in a
bundle is hostile until it is checked. Shown are: which key signed the record, that the party's log contained
it under that head, which witnesses countersigned that head and when. Not shown: that a run was honest, or
that nothing was revoked after that head.

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
STATEMENT = "https://in-toto.io/Statement/v1"
MAX_DOCUMENT_BYTES = 16 * 2**20  # of `bundle.json`
MAX_FILE_BYTES = 4 * 2**30  # of all files together
MAX_ENTRIES = 1_000  # files of the archive; entries about keys
MAX_PROOF, MAX_SIGNATURES = 63, 64  # hashes of a proof; signatures of an envelope or a head
NOTE, COSIGNATURE, COSIGNATURE_ML_DSA = 1, 4, 6
PublicKey = Ed25519PublicKey | MLDSA44PublicKey
ALGORITHMS: dict[str, Any] = {"ed25519": Ed25519PublicKey, "ml-dsa-44": MLDSA44PublicKey}


class UnreadableError(Exception):
    """The bundle is not in the form that it must have."""


class FailedError(Exception):
    """A check did not pass."""


class Check(NamedTuple):
    """One check: `ok`, `failed`, or `not made`, with what was found."""

    what: str
    state: str
    detail: str


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


class Head(NamedTuple):
    """A checkpoint (C2SP tlog-checkpoint), not yet verified."""

    origin: str
    size: int
    root: bytes
    text: str
    signatures: list[tuple[str, bytes, bytes]]


def _decoded(text: Any) -> bytes:
    """Decode base64 in its one form (RFC 4648, section 4)."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        raw = b"?"
    if base64.b64encode(raw).decode() == text:
        return raw
    raise UnreadableError("there is text that is not base64 in its one form")


def _public_key(algorithm: str, raw: bytes) -> PublicKey:
    try:
        return ALGORITHMS[algorithm].from_public_bytes(raw)  # type: ignore[no-any-return]
    except (ValueError, KeyError):
        raise UnreadableError(f"there is no key of {algorithm[:40]!r} where one must be") from None


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


def _json(content: bytes) -> Any:
    try:  # NaN and infinities are read here and refused where they have no canonical form
        return json.loads(content.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise UnreadableError("there is JSON that cannot be read") from None


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
    """Return the statement of an envelope that one of the keys signed, or every one of them."""
    kind, content = _of(envelope, "payloadType", str).encode(), _decoded(_of(envelope, "payload", str))
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(content), content)
    told = _of(envelope, "signatures", list)[:MAX_SIGNATURES]
    signatures = [_decoded(_of(one, "sig", str)) for one in told]
    good = [any(_signed(key, one, message) for one in signatures) for key in keys]
    if not any(good) or (every and not all(good)):
        raise FailedError("no key that counts here signed the entry")
    found = _json(content)
    subjects = _of(found, "subject", list)
    if _of(found, "_type", str) != STATEMENT or len(subjects) != 1:
        raise UnreadableError("the envelope holds no in-toto Statement about one subject")
    return {
        "type": _of(found, "predicateType", str),
        "name": _of(subjects[0], "name", str),
        "digest": "sha256:" + _of(_of(subjects[0], "digest", dict), "sha256", str),
        "predicate": _of(found, "predicate", dict),
    }


class Keys:
    """The keys of a party by the positions of its log at which they count."""

    def __init__(self) -> None:
        """Begin without a key."""
        self.party, self.last = "", -1
        self.spans: list[tuple[PublicKey, int, float]] = []

    def at(self, position: int) -> list[PublicKey]:
        """Return the keys that count at a position."""
        return [key for key, first, end in self.spans if first <= position < end]

    def follow(self, position: int, envelope: Any) -> None:
        """Take in an entry about a key, in the order of the log."""
        told = _of(_json(_decoded(_of(envelope, "payload", str))), "predicate", dict)
        action = _of(told, "action", str)
        key = _public_key(_of(told, "algorithm", str), _decoded(_of(told, "key", str)))
        known = [one for one, _, _ in self.spans]
        if action not in ({"add", "revoke"} if known else {"introduce"}) or position <= self.last:
            raise FailedError("the entries about keys do not begin with one introduction, or not in order")
        if (position == 0) == bool(known) or (key in known) != (action == "revoke"):
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
            end = min(_of(told, "since", int) if "since" in told else position, position)
            self.spans[known.index(key)] = (key, self.spans[known.index(key)][1], end)
        else:
            raise FailedError("a key is revoked that does not count")


def _head(note: str) -> Head:
    text, gap, lines = note.rpartition("\n\n")
    parts = text.split("\n")
    if not gap or len(parts) != 3 or not parts[1].isdecimal() or str(int(parts[1][:20])) != parts[1]:
        raise UnreadableError("the head of the log is no checkpoint of three lines")
    signatures = []
    for line in lines.split("\n")[:-1][:MAX_SIGNATURES]:
        name, raw = [*line.removeprefix("— ").split(" "), ""][:2]
        signatures.append((name, _decoded(raw)[:4], _decoded(raw)[4:]))
    return Head(parts[0], int(parts[1]), _decoded(parts[2]), text + "\n", signatures)


def _key_id(name: str, kind: int, raw: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + raw).digest()[:4]


def _cosigned(head: Head, witness: str) -> int:
    """Return when a witness cosigned the head, in seconds since 1970 (C2SP tlog-cosignature)."""
    name, _, rest = witness.partition("+")
    raw = _decoded(rest.partition("+")[2])
    if raw[:1] not in {bytes([COSIGNATURE]), bytes([COSIGNATURE_ML_DSA])}:
        raise UnreadableError("a witness's key is a verifier key of type 4 or 6: NAME+ID+KEY")
    kind, key = raw[0], _public_key("ed25519" if raw[0] == COSIGNATURE else "ml-dsa-44", raw[1:])
    times = []
    for told, found, signature in head.signatures:
        if told == name and found == _key_id(name, kind, raw[1:]) and len(signature) > 8:
            (at,) = struct.unpack(">Q", signature[:8])
            message = f"cosignature/v1\ntime {at}\n{head.text}".encode()
            if kind == COSIGNATURE_ML_DSA:
                message = b"".join((
                    b"subtree/v1\n\0", bytes([len(name.encode())]), name.encode(), signature[:8],
                    bytes([len(head.origin.encode())]), head.origin.encode(),
                    struct.pack(">QQ", 0, head.size), head.root,
                ))  # fmt: skip
            if not _signed(key, signature[8:], message):
                raise FailedError(f"the cosignature of {name} does not fit")
            times.append(int(at))
    if not times:
        raise FailedError(f"{name} did not cosign this head")
    return max(times)


class _Bundle:
    """The document of a bundle, and its checks in their order."""

    def __init__(self, document: Any) -> None:
        if _of(document, "format", str) != FORMAT:
            raise UnreadableError("the bundle is of another format")
        self.head = _head(_of(document, "checkpoint", str))
        self.entry, self.about = _of(document, "entry", dict), _of(document, "keys", list)
        self.position, self.evidence = _of(self.entry, "position", int), _of(document, "evidence", list)
        self.keys, self.outcome = Keys(), Outcome()
        if len(self.about) > MAX_ENTRIES:
            raise UnreadableError("there are too many entries about keys")
        self.outcome.facts |= {"log": self.head.origin, "size": self.head.size, "position": self.position}

    def history(self) -> str:
        for one in self.about:
            self.keys.follow(_of(one, "position", int), _of(one, "envelope", dict))
        if not self.keys.spans:
            raise FailedError("there is no entry about a key")
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
        for key in self.keys.at(self.head.size - 1):
            about = self.head.origin, _key_id(self.head.origin, NOTE, key.public_bytes_raw())
            for name, told, found in self.head.signatures:
                if (name, told) == about and _signed(key, found, self.head.text.encode()):
                    return _fingerprint(key)
        raise FailedError("no key of the party signed the head")

    def record(self) -> str:
        found = _statement(_of(self.entry, "envelope", dict), self.keys.at(self.position))
        name = "sha256:" + hashlib.sha256(rfc8785.dumps(found["predicate"])).hexdigest()
        if (found["type"], found["digest"], found["name"]) != (RECORD, name, found["predicate"].get("id")):
            raise FailedError("the entry does not hold the record that it names")
        self.outcome.record = found["predicate"]
        self.outcome.facts |= {"digest": name, "signed_by": self.keys.party}
        return str(found["name"])

    def party(self, expected: str | None) -> None:
        first = self.outcome.facts.get("first_key", "not known")
        self.say("party", None if expected is None else first == expected, f"the first key is {first}")

    def witnesses(self, trusted: list[str], quorum: int | None) -> None:
        names = {witness.partition("+")[0] for witness in trusted}
        wanted, times, said = len(names) if quorum is None else quorum, {}, []
        for witness in trusted:
            try:
                times[witness.partition("+")[0]] = _cosigned(self.head, witness)
            except FailedError as error:
                said.append(str(error))
        self.outcome.facts["cosigned"] = times
        if wanted:
            self.say("witnesses", len(times) >= wanted, "; ".join(said) or f"{len(times)} of {wanted}")

    def files(self, archive: zipfile.ZipFile) -> None:
        told = [_of(one, "digest", str) for one in self.evidence]
        if self.outcome.record and not set(map(str, self.outcome.record.get("evidence", []))) <= set(told):
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
        state = "not made" if good is None else "ok" if good else "failed"
        self.outcome.checks.append(Check(what, state, detail))

    def made(self, what: str, how: Callable[[], str]) -> None:
        try:
            self.say(what, True, how())
        except FailedError as error:
            self.say(what, False, str(error))


def verify(bundle: Path, *, key: str | None, witnesses: list[str], quorum: int | None = None) -> Outcome:
    """Check a bundle against the fingerprint of the party's first key and verifier keys of witnesses.

    Without a key nothing shows who the party is. `quorum`: how many witnesses must have cosigned; None: all.
    Raises UnreadableError where it is no bundle.
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
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, KeyError, ValueError) as error:
        raise UnreadableError(f"the bundle cannot be read ({type(error).__name__})") from error
    if any(check.state == "failed" for check in found.outcome.checks):
        found.outcome.record = None
    return found.outcome


def _document(archive: zipfile.ZipFile) -> bytes:
    entries = archive.infolist()
    if len({entry.filename for entry in entries}) != len(entries) or len(entries) > MAX_ENTRIES:
        raise UnreadableError("the archive holds too many files, or one name twice")
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 for entry in entries):
        raise UnreadableError("the files of a bundle are stored, not compressed or encrypted")
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
    parser.add_argument("--quorum", type=int, help="how many of them must have cosigned; default: all")
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
