"""Evidence bundles: one file that shows a record's signature, its place in the log and who witnessed it.

Responsible for the document `bundle.json` (pure) and the archive around it. The archive is a zip file whose
files are stored and not compressed: `bundle.json`, and evidence files as `evidence/` and 64 digits. It is
checked by `consilience_verifier`, which shares no code with this package. Invariants: equal content gives
equal bytes; a file that does not go along is still named by its digest.
"""

from __future__ import annotations

import base64
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from consilience.errors import LimitError
from consilience.records.canonical import canonical_bytes
from consilience.trust.envelope import Envelope

FORMAT = "urn:consilience:evidence-bundle:1"
"""What `bundle.json` says that it is."""
MAX_BUNDLE_BYTES = 4 * 2**30
"""Of all files of a bundle together."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class ProvenEntry:
    """An entry of a log with the proof that it is under a head."""

    position: int
    envelope: Envelope
    proof: tuple[bytes, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "position": self.position,
            "envelope": msgspec.to_builtins(self.envelope),
            "proof": [base64.b64encode(one).decode() for one in self.proof],
        }


@dataclass(frozen=True)
class NamedFile:
    """An evidence file that a record rests on."""

    digest: str
    size: int | None
    """Bytes; None: not known here."""
    name: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it as JSON types, without what is not known."""
        told = {"digest": self.digest, "size": self.size, "name": self.name}
        return {name: value for name, value in told.items() if value is not None}


def bundle_document(
    entry: ProvenEntry, keys: Sequence[ProvenEntry], checkpoint: bytes, evidence: Sequence[NamedFile]
) -> bytes:
    """Return the canonical bytes of `bundle.json`.

    Args:
        entry: That the bundle is about.
        keys: All entries about keys up to the head, in their order.
        checkpoint: Note of the head, with its cosignatures.
        evidence: Files that the record rests on, whether they go along or not.
    """
    return canonical_bytes({
        "format": FORMAT,
        "checkpoint": checkpoint.decode(),
        "keys": [one.document() for one in keys],
        "entry": entry.document(),
        "evidence": [file.document() for file in evidence],
    })  # fmt: skip


def write_bundle(target: BinaryIO, document: bytes, files: Mapping[str, Path]) -> None:
    """Write the archive.

    Args:
        target: A new file, seekable.
        document: Of `bundle_document`.
        files: Digest → evidence file that goes along.

    Raises:
        LimitError: The files have more than MAX_BUNDLE_BYTES together; the verifier would refuse them.
    """
    if sum(path.stat().st_size for path in files.values()) + len(document) > MAX_BUNDLE_BYTES:
        raise LimitError(
            f"the files of a bundle have at most {MAX_BUNDLE_BYTES // 2**30} GiB together",
            next_step="Leave --files away, and send the files apart; their digests are in the bundle.",
        )
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("bundle.json", _EPOCH), document)
        for digest in sorted(files):
            place = zipfile.ZipInfo("evidence/" + digest.removeprefix("sha256:"), _EPOCH)
            place.file_size = files[digest].stat().st_size
            with files[digest].open("rb") as source, archive.open(place, "w") as file:
                while chunk := source.read(1 << 20):
                    file.write(chunk)
