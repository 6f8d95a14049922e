"""What a node signs and publishes in its log, and how others can check it.

Works on any `LogStore`. Invariants: nothing is signed with a key that the log does not hold as in force; the
head is signed in the transaction that adds the entries; what goes into a bundle was proved against a head of
this log first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TypeVar

from consilience.errors import IncompatibleError, InputError, NotFoundError, StoreError, VerificationError
from consilience.records.canonical import canonical_bytes, digest
from consilience.records.strict_json import read_json
from consilience.store.log import TILE_BITS, Draft, LogEntry, LogStore, MovedError, leaf_of
from consilience.trust.bundle import NamedFile, ProvenEntry, bundle_document, write_bundle
from consilience.trust.checkpoint import (
    COSIGNATURE_ML_DSA_44,
    Checkpoint,
    cosign,
    read_checkpoint,
    verify_checkpoint,
)
from consilience.trust.envelope import Envelope, envelope_bytes, read_envelope, read_statement
from consilience.trust.keyring import KEY_PREDICATE, Keyring, add, introduce, keyring_of, revoke
from consilience.trust.keys import Algorithm, PrivateKey, PublicKey
from consilience.trust.merkle import Tree, inclusion_proof, verify_inclusion
from consilience.trust.notes import ED25519, Note, NoteKey, sign_text
from consilience.trust.signing import RECORD_PREDICATE, SignedRecord, read_signed_record, sign_record

T = TypeVar("T")
TRIES = 20
"""How often an addition is prepared anew when another process added to the log in between."""


@dataclass(frozen=True)
class Signer:
    """Who signs: a party, the name of its log, and its keys, an Ed25519 key first."""

    party: str
    origin: str
    keys: tuple[PrivateKey, ...]
    now: Callable[[], int]
    """Seconds since 1970-01-01 UTC."""

    def __post_init__(self) -> None:
        if not self.keys or self.keys[0].public.algorithm is not Algorithm.ED25519:
            raise InputError(
                "a log is signed with an ed25519 key", next_step="consilience key new makes one."
            )

    def head(self, size: int, root: bytes) -> bytes:
        """Return the note of a signed head (see `store.log.HeadSigner`)."""
        head = Checkpoint(self.origin, size, root)
        second = [key for key in self.keys if key.public.algorithm is Algorithm.ML_DSA_44]
        lines = [cosign(head, self.origin, key, at=self.now()) for key in second]
        return bytes(Note(head.text, (sign_text(head.text, self.origin, self.keys[0]), *lines)))


def keyring(log: LogStore) -> Keyring:
    """Return the keys of the log's party, as its entries about keys tell them.

    Raises:
        NotFoundError: The log has no key yet.
        VerificationError: The entries do not follow from each other.
    """
    if not log.size():
        raise NotFoundError("this node has no key yet", next_step="`consilience key new` makes one.")
    about = log.iterate(predicate_type=KEY_PREDICATE)
    return keyring_of((entry.position, read_envelope(entry.content)) for entry in about)


def introduce_keys(log: LogStore, signer: Signer) -> None:
    """Begin a log with the keys of its party.

    Raises:
        IncompatibleError: The log has begun already.
    """
    first = signer.keys[0]
    drafts = [introduce(signer.party, first)]
    drafts += [add(signer.party, key, by=first) for key in signer.keys[1:]]
    try:
        log.append([_draft(envelope) for envelope in drafts], signer.head, at=0)
    except MovedError:
        raise IncompatibleError(
            "the log has a key already", next_step="`consilience key rotate` changes it."
        ) from None


def rotate_keys(
    log: LogStore, new: Sequence[PrivateKey], signer: Signer, *, reason: str = "rotated"
) -> Signer:
    """Put new keys in the place of the signer's, all or nothing; return who signs now.

    Args:
        log: Of the node.
        new: A key for each of the signer's, of the same algorithms in the same order.
        signer: With keys that are in force.
        reason: Why the old keys end, in words that partners read.
    """
    after = replace(signer, keys=tuple(new))
    told = [add(signer.party, key, by=signer.keys[0]) for key in new]
    told += [revoke(signer.party, key.public, by=new[0], reason=reason) for key in signer.keys]
    drafts = [_draft(envelope) for envelope in told]

    def attempt(size: int) -> None:
        _check_in_force(log, signer, size)
        log.append(drafts, after.head, at=size)

    _tried(log, attempt)
    return after


def revoke_key(log: LogStore, key: PublicKey, signer: Signer, *, reason: str | None) -> None:
    """Revoke a key, signed by the signer's first key.

    Raises:
        IncompatibleError: It is the key that signs: then nobody could sign the head that has the revocation.
        VerificationError: The key does not count now.
    """
    if key == signer.keys[0].public:
        raise IncompatibleError(
            "this key would sign its own revocation, and nothing could follow it",
            next_step="`consilience key rotate --reason …` puts a new key in its place and ends it.",
        )
    after = replace(signer, keys=tuple(own for own in signer.keys if own.public != key))
    told = revoke(signer.party, key, by=signer.keys[0], reason=reason)

    def attempt(size: int) -> None:
        _check_in_force(log, signer, size).follow(told, size)
        log.append([_draft(told)], after.head, at=size)

    _tried(log, attempt)


def publish(log: LogStore, contents: Sequence[bytes], signer: Signer) -> list[int]:
    """Sign records and add them to the log; one that is there already keeps its position.

    Args:
        log: Of the node.
        contents: Bytes of records.
        signer: With keys that are in force.

    Returns:
        Their positions.
    """

    def attempt(size: int) -> list[int]:
        ring = _check_in_force(log, signer, size)
        here = [_standing(log, digest(canonical_bytes(read_json(content))), ring) for content in contents]
        drafts = [
            _draft(sign_record(content, signer.keys))
            for content, position in zip(contents, here, strict=True)
            if position is None
        ]
        new = iter(log.append(drafts, signer.head, at=size))
        return [next(new) if position is None else position for position in here]

    return _tried(log, attempt)


def _tried(log: LogStore, attempt: Callable[[int], T]) -> T:
    """Do what rests on the log as it is, anew where another process added to it in between."""
    for _ in range(TRIES):
        try:
            return attempt(log.size())
        except MovedError:
            continue
    raise StoreError(
        "other processes add to the log faster than this one", next_step="Let one process at a time sign."
    )


def signed_record(log: LogStore, entry: LogEntry) -> SignedRecord:
    """Return the record of an entry, verified with the keys that count at its position.

    Raises:
        VerificationError: It is not signed by such a key, or holds another record than it says.
    """
    ring = keyring(log)
    found = read_signed_record(ring.verify(read_envelope(entry.content), entry.position))
    _check_author(found, ring)
    return found


def _check_author(found: SignedRecord, ring: Keyring) -> None:
    if found.parsed.record.created_by != ring.party:
        raise VerificationError("the record was made by another party than the one that signed it")


def write_evidence_bundle(
    log: LogStore, entry: LogEntry, target: BinaryIO, *, files: Mapping[str, Path], sizes: Mapping[str, int]
) -> None:
    """Write the bundle of an entry under the latest head.

    Args:
        log: Of the node.
        entry: That holds a record.
        target: A new file, seekable.
        files: Digest → evidence file that goes along.
        sizes: Digest → bytes, of the files that are known here.
    """
    note = log.head()
    if note is None:
        raise NotFoundError("the log has no head")
    head, _ = read_checkpoint(note)
    record = signed_record(log, entry).parsed.record
    about = [
        _proven(log, one, head)
        for one in log.iterate(predicate_type=KEY_PREDICATE)
        if one.position < head.size
    ]
    rests_on: tuple[str, ...] = getattr(record, "evidence", ())
    named = [NamedFile(digest, sizes.get(digest)) for digest in rests_on]
    document = bundle_document(_proven(log, entry, head), about, note, named)
    write_bundle(target, document, {name: files[name] for name in rests_on if name in files})


def entry_checks(log: LogStore, subject: str, origin: str) -> tuple[int, list[tuple[str, bool, str]]]:
    """Check what the log says of a record, and return its position and (check, passed, detail) for each.

    Raises:
        VerificationError: The record is not in the log, or its signature does not count.
    """
    entries = log.about(subject)
    if not entries:
        raise VerificationError("the record is not signed")
    entry, note = entries[-1], log.head()
    signed_record(log, entry)
    checks = [("record", True, f"signed, entry {entry.position}")]
    if note is None:
        raise VerificationError("the log has no signed head")
    head, _ = read_checkpoint(note)
    try:
        verify_checkpoint(note, note_keys(keyring(log), origin, head.size))
        checks.append(("head", True, f"of {head.size} entries"))
    except VerificationError as error:
        checks.append(("head", False, error.detail))
    proof = inclusion_proof(log.node, entry.position, head.size)
    good = verify_inclusion(leaf_of(entry.content), entry.position, head.size, proof, head.root)
    checks.append(("inclusion", good, f"entry {entry.position} under the head of {head.size}"))
    return entry.position, checks


@dataclass(frozen=True)
class Audit:
    """What an audit of a log found."""

    size: int
    keys: int
    records: int
    faults: tuple[str, ...]


def audit(log: LogStore, origin: str, *, signatures: bool = True) -> Audit:
    """Read a log from its beginning: every hash, every key, the head, and every signature.

    Args:
        log: Any log.
        origin: That its heads must have.
        signatures: False: only those of keys and of the head, which is several times faster.
    """
    tree, faults, records, ring = Tree(), [], 0, None
    try:
        ring = keyring(log) if log.size() else None
    except (VerificationError, InputError) as error:
        faults.append(f"keys: {error.detail}; so no signature can be checked")
    for entry in log.iterate():
        try:
            if entry.position != tree.size or digest(entry.content) != entry.digest:
                raise VerificationError("a position is missing, or the bytes are not those of the digest")
            if ring is not None and (signatures or entry.predicate_type == KEY_PREDICATE):
                _check_entry(entry, ring)
        except (VerificationError, InputError) as error:
            faults.append(f"entry {entry.position}: {error.detail}")
        records += entry.predicate_type == RECORD_PREDICATE
        tree.append(leaf_of(entry.content))
    faults += _head_faults(log, tree, ring, origin)
    return Audit(tree.size, len(ring.keys) if ring else 0, records, tuple(faults))


def _check_entry(entry: LogEntry, ring: Keyring) -> None:
    """Check one entry against all that is known of the party's keys by now, later revocations too."""
    envelope = read_envelope(entry.content)
    if envelope_bytes(envelope) != entry.content:
        raise VerificationError("the envelope is not in its canonical form")
    told = read_statement(envelope.content)
    if (told.digest, told.predicate_type) != (entry.subject, entry.predicate_type):
        raise VerificationError("it is filed under another subject than it has")
    if told.predicate_type != KEY_PREDICATE:  # those about keys were checked in their order
        verified = ring.verify(envelope, entry.position)
        if told.predicate_type == RECORD_PREDICATE:
            _check_author(read_signed_record(verified), ring)


def _head_faults(log: LogStore, tree: Tree, ring: Keyring | None, origin: str) -> list[str]:
    note = log.head()
    if note is None:
        return ["the log has entries and no signed head"] if tree.size else []
    if ring is None:
        return []
    try:
        head = verify_checkpoint(note, note_keys(ring, origin, read_checkpoint(note)[0].size))
    except (VerificationError, InputError) as error:
        return [f"head: {error.detail}"]
    if head.size != tree.size or head.root != tree.root():
        return [f"head: it is of {head.size} entries with another root than these {tree.size}"]
    try:
        same = all(
            log.node(level, place) == tree.node(level, place)
            for level in range(0, head.size.bit_length(), TILE_BITS)
            for place in range(head.size >> level)
        )
    except StoreError:
        same = False
    return [] if same else ["the stored hashes are not those of the entries"]


def note_keys(ring: Keyring, origin: str, size: int) -> list[NoteKey]:
    """Return the keys that may have signed the head of a log of this size."""
    keys = ring.at(size - 1)
    found = [NoteKey(origin, ED25519, key) for key in keys if key.algorithm is Algorithm.ED25519]
    return found + [
        NoteKey(origin, COSIGNATURE_ML_DSA_44, key) for key in keys if key.algorithm is Algorithm.ML_DSA_44
    ]


def _check_in_force(log: LogStore, signer: Signer, size: int) -> Keyring:
    ring = keyring(log)
    here = ring.at(size)
    if {key.algorithm for key in here} - {key.public.algorithm for key in signer.keys}:
        raise IncompatibleError(
            "a key of the other algorithm is in force, and its private key is not here",
            next_step="Put its file back, or end it: consilience key revoke FINGERPRINT --reason lost.",
        )
    for key in signer.keys:
        if key.public not in here:
            raise IncompatibleError(
                f"the key {key.public.fingerprint} is not in force in this log",
                next_step="`consilience key list` shows the keys that are.",
            )
    return ring


def _standing(log: LogStore, subject: str, ring: Keyring) -> int | None:
    """Return the position of a record that is in the log and whose signature still counts."""
    for entry in log.about(subject):
        try:
            ring.verify(read_envelope(entry.content), entry.position)
        except VerificationError:
            continue
        return entry.position
    return None


def _proven(log: LogStore, entry: LogEntry, head: Checkpoint) -> ProvenEntry:
    proof = inclusion_proof(log.node, entry.position, head.size)
    return ProvenEntry(entry.position, read_envelope(entry.content), proof)


def _draft(envelope: Envelope) -> Draft:
    told = read_statement(envelope.content)
    return Draft(
        subject=told.digest,
        name=told.subject[0].name,
        predicate_type=told.predicate_type,
        content=envelope_bytes(envelope),
    )
