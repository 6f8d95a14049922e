"""Makes the evidence bundles of the tests and of the published vectors, from fixed seeds."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.records.examples import EXAMPLES, LABORATORY

from consilience.records import record_bytes
from consilience.trust.bundle import NamedFile, ProvenEntry, bundle_document, write_bundle
from consilience.trust.checkpoint import KINDS, Checkpoint, cosign
from consilience.trust.envelope import Envelope, envelope_bytes
from consilience.trust.keyring import add, introduce, revoke
from consilience.trust.keys import Algorithm, PrivateKey
from consilience.trust.merkle import Tree, leaf_hash
from consilience.trust.notes import Note, NoteKey, sign_text
from consilience.trust.signing import sign_record

PARTY = LABORATORY.id
ORIGIN = f"{PARTY}/log"
FIRST, SECOND, STRANGER = (PrivateKey.from_seed(letter * 32) for letter in (b"1", b"2", b"3"))
WITNESSES = {
    "south.example/witness": PrivateKey.from_seed(b"5" * 32),
    "east.example/witness": PrivateKey.from_seed(b"6" * 32, Algorithm.ML_DSA_44),
}
AT = 1_800_000_000
RECORD = record_bytes(EXAMPLES["claim"])
NAMED = tuple(NamedFile(name, None) for name in json.loads(RECORD)["evidence"])


def witness_keys() -> dict[str, str]:
    return {
        name: str(NoteKey(name, KINDS[key.public.algorithm], key.public)) for name, key in WITNESSES.items()
    }


def entries() -> list[Envelope]:
    """A log: a key, a record, a second key, the end of the first, four records."""
    others = [record_bytes(record) for kind, record in EXAMPLES.items() if kind not in {"claim", "party"}]
    return [
        introduce(PARTY, FIRST),
        sign_record(others[0], [FIRST]),
        add(PARTY, SECOND, by=FIRST),
        revoke(PARTY, FIRST.public, by=SECOND, reason="rotated"),
        sign_record(RECORD, [SECOND]),
        *(sign_record(other, [SECOND]) for other in others[1:4]),
    ]


def bundle(
    log: list[Envelope] | None = None,
    *,
    position: int = 4,
    about: tuple[int, ...] = (0, 2, 3),
    head_key: PrivateKey = SECOND,
    cosigned: bool = True,
    origin: str = ORIGIN,
    second: PrivateKey | None = None,
    files: Mapping[str, Path] | None = None,
    evidence: tuple[NamedFile, ...] | None = None,
) -> bytes:
    """Return a bundle of an entry; by default the files of the claim are named and withheld."""
    named = NAMED if evidence is None else evidence
    envelopes = entries() if log is None else log
    leaves = [leaf_hash(hashlib.sha256(envelope_bytes(one)).digest()) for one in envelopes]
    tree = Tree(leaves)
    head = Checkpoint(origin, tree.size, tree.root())
    note = Note(head.text, (sign_text(head.text, origin, head_key),))
    if second is not None:
        note = note.with_signatures([cosign(head, origin, second, at=AT)])
    if cosigned:
        note = note.with_signatures(cosign(head, name, key, at=AT) for name, key in WITNESSES.items())

    def proven(place: int) -> ProvenEntry:
        return ProvenEntry(place, envelopes[place], tree.inclusion(place))

    document = bundle_document(proven(position), [proven(place) for place in about], bytes(note), named)
    return archive(document, files or {})


def archive(document: bytes, files: Mapping[str, Any]) -> bytes:
    """Return the archive around a document."""
    target = io.BytesIO()
    write_bundle(target, document, files)
    return target.getvalue()
