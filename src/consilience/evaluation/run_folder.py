"""The folder of one run: which files it has, and how its fixed parts are read and written.

Files: `protocol.json` (the plan as carried into the run), `generations.jsonl`, `ratings.jsonl` (final
records, append only), `generations.failed.jsonl`, `ratings.failed.jsonl` (what is asked again at the next
start), `sessions.jsonl`, `manifest.json`, `scores.parquet`, `local-model.log`, `run.lock`. Invariant: a
folder belongs to one run for ever.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from consilience.errors import IncompatibleError, NotFoundError, StoreError, Where
from consilience.evaluation.journal import write_atomically
from consilience.evaluation.protocol import Protocol
from consilience.evaluation.run_plan import RunPlan
from consilience.evaluation.run_record import Manifest

PROTOCOL = "protocol.json"
GENERATIONS = "generations.jsonl"
RATINGS = "ratings.jsonl"
FAILED_GENERATIONS = "generations.failed.jsonl"
FAILED_RATINGS = "ratings.failed.jsonl"
SESSIONS = "sessions.jsonl"
MANIFEST = "manifest.json"
SCORES = "scores.parquet"
LOCAL_MODEL_LOG = "local-model.log"
SEALED = (PROTOCOL, GENERATIONS, RATINGS, SCORES)
"""Files whose digests stand in the manifest of a finished run."""


Kind = TypeVar("Kind", Manifest, Protocol)


def claim_folder(folder: Path, plan: RunPlan) -> Manifest | None:
    """Make the folder of a run, or find it again. Hold `journal.only_one` of it meanwhile.

    Returns:
        The manifest of earlier sessions, or None.

    Raises:
        IncompatibleError: The folder belongs to another run.
    """
    earlier = read_manifest(folder) if (folder / MANIFEST).exists() else None
    if earlier is not None and earlier.run != plan.run:
        raise IncompatibleError(
            f"this folder belongs to the run {earlier.run}, and this command is the run {plan.run}: "
            "protocol, laboratory, model or settings differ",
            where=Where(file=str(folder)),
            next_step="Give another folder by --out, or leave --out away.",
        )
    answers = folder / GENERATIONS
    if earlier is None and answers.exists() and answers.stat().st_size > 0:
        raise IncompatibleError(
            "this folder has answers, and nothing that says of which run",
            where=Where(file=str(folder)),
            next_step="Give another folder by --out.",
        )
    copy = folder / PROTOCOL
    if earlier is None or not copy.exists():
        write_atomically(copy, msgspec.json.encode(plan.protocol))
    return earlier


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a run.

    Raises:
        NotFoundError: There is none.
        StoreError: It is not a manifest.
    """
    return _read(folder / MANIFEST, Manifest)


def read_protocol_copy(folder: Path) -> Protocol:
    """Read the protocol as it was carried into a run.

    Raises:
        NotFoundError: There is none.
        StoreError: It is not a protocol.
    """
    return _read(folder / PROTOCOL, Protocol)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest as a whole."""
    write_atomically(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")


def _read(path: Path, kind: type[Kind]) -> Kind:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"{path.parent.name} is not the folder of a run: it has no {path.name}",
            where=Where(file=str(path)),
            next_step="Name the folder that `consilience exercise run` wrote.",
        ) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, OSError) as error:
        raise StoreError(
            f"{path.name} is damaged: {error}",
            where=Where(file=str(path)),
            next_step="Take it from a copy; the answers are in generations.jsonl and not touched.",
        ) from error
