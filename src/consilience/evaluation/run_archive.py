"""Puts a finished run into a node's store: its files as evidence, what it found as claims.

Thin edge between the run's folder and the store. Invariant: keeping the same run twice changes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import msgspec

from consilience.errors import InputError
from consilience.evaluation.claims import records_of_run
from consilience.evaluation.joint_result import JointResult
from consilience.evaluation.measurer import measurer
from consilience.evaluation.protocol import Protocol as Plan
from consilience.evaluation.run_folder import read_manifest
from consilience.records.kinds import Evidence, Party
from consilience.records.making import Origin
from consilience.records.record import Record
from consilience.store.records import RecordStore

MEDIA_TYPES = {
    "manifest.json": "application/json",
    "protocol.json": "application/json",
    "generations.jsonl": "application/jsonl",
    "ratings.jsonl": "application/jsonl",
    "scores.parquet": "application/vnd.apache.parquet",
    "import.json": "application/json",
}
"""The files of a run that are kept as evidence."""
LOGS = "inspect/*/logs/*.eval"
"""The logs of Inspect in a run of tasks; they are evidence too."""


class Archive(Protocol):
    """The part of a node that keeps records and evidence."""

    @property
    def party(self) -> Party:
        """The party whose node this is."""
        ...

    @property
    def records(self) -> RecordStore:
        """Where its records are."""
        ...

    def origin(self) -> Origin:
        """Who makes records now."""
        ...

    def keep(self, record: Record) -> Any:
        """Store a record; the same record again changes nothing."""
        ...

    def keep_evidence(self, content: bytes | Path, *, media_type: str, **fields: Any) -> Evidence:
        """Store a file and its record."""
        ...


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What was put into the store."""

    subject: str
    protocol: str
    claims: tuple[str, ...]
    evidence: tuple[str, ...]


def keep_run(archive: Archive, folder: Path, *, result: JointResult, protocol: Plan) -> Kept:
    """Put a run into the store.

    Args:
        archive: The node.
        folder: Of the run.
        result: The analysis of this run's scores alone, or together with others.
        protocol: The plan.

    Raises:
        InputError: The run is not complete.
        StoreError: The store cannot be written.
    """
    manifest = read_manifest(folder)
    if manifest.finished_at is None:
        raise InputError(
            f"the run {manifest.run} is not complete, and a claim needs a complete run",
            next_step="Start the same `consilience exercise run` again; it goes on where it stopped.",
        )
    digests = [
        archive.keep_evidence(folder / name, media_type=media_type).digest
        for name, media_type in MEDIA_TYPES.items()
        if (folder / name).is_file()
    ]
    digests += [
        archive.keep_evidence(log, media_type="application/zip").digest for log in sorted(folder.glob(LOGS))
    ]
    records = records_of_run(
        result,
        protocol,
        manifest,
        origin=archive.origin(),
        measured_by=measurer(archive, manifest.laboratory).id,
        evidence=digests,
    )
    for record in (records.subject, *records.concepts, records.protocol, *records.claims):
        archive.keep(record)
    return Kept(
        subject=records.subject.id,
        protocol=records.protocol.id,
        claims=tuple(claim.id for claim in records.claims),
        evidence=tuple(digests),
    )
