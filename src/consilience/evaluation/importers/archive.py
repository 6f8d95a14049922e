"""Puts an import into a node's store: the source's files and the tables as evidence, what they show as
claims.

Invariants: keeping the same import twice changes nothing; every claim points to the original files and to the
scores; a claim never says that the laboratory measured where only a summary was told.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from consilience.errors import VerificationError, Where
from consilience.evaluation.claims import value_of
from consilience.evaluation.importers.imported import Imported, ImportedRun, Metric
from consilience.evaluation.importers.placing import outer_of
from consilience.evaluation.importers.renaming import Index, files_of, index_of
from consilience.evaluation.importers.writing import IMPORT, SCORES
from consilience.evaluation.joint_result import Cell, JointResult
from consilience.evaluation.measurer import measurer
from consilience.evaluation.run_archive import Archive
from consilience.records.canonical import canonical_bytes, digest
from consilience.records.claim import Basis, Claim, Conditions
from consilience.records.kinds import Concept, ConceptType, Subject
from consilience.records.making import Origin, build, new_claim, new_concept, new_subject

SCHEME = "imported"
MAX_CODE = 150
"""Characters of a concept's code from an import; a longer one is cut and gets a digest."""
MEDIA_TYPES = {
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".parquet": "application/vnd.apache.parquet",
    ".csv": "text/csv",
    ".zip": "application/zip",
    ".eval": "application/zip",
    ".db": "application/vnd.sqlite3",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}


def keep_import(
    archive: Archive, folder: Path, imported: Imported, result: JointResult, originals: Mapping[str, Path]
) -> tuple[str, ...]:
    """Put an import into the store.

    Args:
        archive: The node.
        folder: That `import_paths` wrote.
        imported: Its account.
        result: The analysis of its scores.
        originals: Names of the source's files (archives whole) → where they are.

    Returns:
        Ids of the claims.

    Raises:
        VerificationError: An original is gone, or is not what was imported.
        StoreError: The store cannot be written.
    """
    files = {name: _original(archive, name, path, imported) for name, path in originals.items()}
    scores = _kept(archive, folder / SCORES)
    _kept(archive, folder / IMPORT)
    origin = archive.origin()
    measured_by = measurer(archive, imported.laboratory).id
    index = index_of(imported.files)
    runs_of = {
        (cell.model, cell.language, cell.concept, cell.rater): tuple(imported.runs[run] for run in cell.runs)
        for cell in imported.cells
    }
    claims = []
    for cell in _claimed(result):
        runs = runs_of.get((cell.model, str(cell.language), cell.concept, cell.rater), ())
        if not runs:
            continue
        evidence = tuple(sorted({scores, *_evidence(runs, index, files)}))
        subject = new_subject(origin, cell.model)
        concept = _concept(origin, runs, cell)
        claim = _claim(origin, measured_by, (subject, concept), cell, runs, evidence)
        for record in (subject, concept, claim):
            archive.keep(record)
        claims.append(claim.id)
    return tuple(claims)


def _original(archive: Archive, name: str, path: Path, imported: Imported) -> str:
    kept = _kept(archive, path)
    told = next((file.sha256 for file in imported.files if file.name == name), None)
    if kept.removeprefix("sha256:") != told:
        raise VerificationError(
            "this file was changed while it was imported", where=Where(file=name),
            next_step="Import it again when nothing writes to it.",
        )  # fmt: skip
    return kept


def _kept(archive: Archive, path: Path) -> str:
    media_type = MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")
    return archive.keep_evidence(path, media_type=media_type).digest


def _claimed(result: JointResult) -> Iterator[Cell]:
    """Cells of one laboratory and one language."""
    for cell in result.cells:
        if cell.laboratory is not None and cell.language is not None:
            yield cell


def _evidence(runs: Sequence[ImportedRun], index: Index, files: Mapping[str, str]) -> list[str]:
    """Digests of the files that the runs were read from, an archive for its entries.

    Raises:
        VerificationError: One of them is not there any more.
    """
    named = [outer_of(file.name, files) for run in runs for file in files_of(run, index)]
    gone = sorted(name for name in named if name not in files)
    if gone or not named:
        raise VerificationError(
            "this file is gone since it was imported", where=Where(file=gone[0] if gone else runs[0].file),
            next_step="Import it again.",
        )  # fmt: skip
    return [files[name] for name in named]


def _concept(origin: Origin, runs: Sequence[ImportedRun], cell: Cell) -> Concept:
    ways = {metric.direction for metric in _metrics(runs, cell.rater)}
    higher = {"higher is better": True, "lower is better": False}.get(_only(ways) or "unknown")
    return new_concept(
        origin,
        curie_of(sorted({run.harness for run in runs}), cell.concept, cell.rater),
        cell.concept,
        concept_type=ConceptType.CAPABILITY if higher is not False else ConceptType.RISK,
        unit="1",
        **({} if higher is None else {"higher_is_better": higher}),
    )


def curie_of(harnesses: Sequence[str], concept: str, rater: str) -> str:
    """Return what names a concept that a rater of an import measures.

    Two raters of one task are two concepts, since their directions may differ. Signs that a curie cannot have
    become `_`, and a digest of the whole keeps apart what would then be equal.
    """
    told = "/".join(("-".join(harnesses), concept, rater))
    plain = re.sub(r"[^A-Za-z0-9._~/-]", "_", told)[:MAX_CODE]
    if plain != told:
        plain += "-" + hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:16]
    return f"{SCHEME}:{plain}"


def _metrics(runs: Sequence[ImportedRun], rater: str) -> list[Metric]:
    return [metric for run in runs for metric in run.metrics if metric.rater == rater]


def _only(values: Iterable[str | None]) -> str | None:
    """Return what all runs tell alike; None where they differ."""
    found = set(values)
    return next(iter(found)) if len(found) == 1 else None


def _claim(
    origin: Origin,
    measured_by: str,
    about: tuple[Subject, Concept],
    cell: Cell,
    runs: Sequence[ImportedRun],
    evidence: tuple[str, ...],
) -> Claim:
    judged = any(metric.kind != "program" for metric in _metrics(runs, cell.rater))
    sampling = _only(digest(canonical_bytes(run.sampling)) if run.sampling else None for run in runs)
    return new_claim(
        origin,
        subject=about[0].id,
        concept=about[1].id,
        value=value_of(cell.generalized),
        basis=Basis.JUDGED if judged else Basis.TESTED,
        published_by=origin.created_by,
        measured_by=measured_by,
        conditions=build(
            Conditions,
            language=None if cell.language == "und" else cell.language,
            rater=cell.rater,
            sampling_digest=sampling,
            harness=_only(run.harness for run in runs),
            harness_version=_only(run.harness_version for run in runs),
        ),
        evidence=evidence,
    )
