"""Puts an import into a node's store: the source's files and the tables as evidence, what they show as
claims.

Invariants: keeping the same import twice changes nothing; every claim points to the original files and to the
scores; a claim never says that the laboratory measured where only a summary was told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from consilience.evaluation.claims import value_of
from consilience.evaluation.importers.imported import Imported, ImportedRun, Metric
from consilience.evaluation.importers.writing import IMPORT, SCORES
from consilience.evaluation.joint_result import Cell, JointResult
from consilience.evaluation.run_archive import Archive
from consilience.records.canonical import canonical_bytes, digest
from consilience.records.claim import Basis, Claim, Conditions
from consilience.records.kinds import Concept, ConceptType, Subject
from consilience.records.making import Origin, build, new_claim, new_concept, new_subject

SCHEME = "imported"
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
        StoreError: The store cannot be written.
    """
    files = {name: _kept(archive, path) for name, path in originals.items()}
    tables = [_kept(archive, folder / name) for name in (SCORES, IMPORT)]
    origin = archive.origin()
    claims = []
    for cell in _claimed(result):
        run = _run_of(cell, imported)
        if run is None:
            continue
        evidence = tuple(sorted({*tables[:1], *_evidence(run, files)}))
        subject = new_subject(origin, cell.model)
        concept = _concept(origin, run, cell)
        claim = _claim(origin, archive.party.id, (subject, concept), cell, run, evidence)
        for record in (subject, concept, claim):
            archive.keep(record)
        claims.append(claim.id)
    return tuple(claims)


def _kept(archive: Archive, path: Path) -> str:
    media_type = MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")
    return archive.keep_evidence(path, media_type=media_type).digest


def _claimed(result: JointResult) -> Iterator[Cell]:
    """Cells of one laboratory and one language."""
    for cell in result.cells:
        if cell.laboratory is not None and cell.language is not None:
            yield cell


def _run_of(cell: Cell, imported: Imported) -> ImportedRun | None:
    """The latest run that the cell's scores came from."""
    found = None
    for run in imported.runs:
        if cell.rater in {metric.rater for metric in run.metrics} and cell.model.startswith(run.model[:100]):
            same = cell.concept.startswith(run.concept[:100])
            found = run if same or found is None else found
    return found


def _evidence(run: ImportedRun, files: Mapping[str, str]) -> list[str]:
    """Digests of the file that a run stands in, or of all where it cannot be told."""
    outer = run.file.partition("!/")[0]
    return [files[outer]] if outer in files else list(files.values())


def _concept(origin: Origin, run: ImportedRun, cell: Cell) -> Concept:
    metric = _metric(run, cell.rater)
    higher = {"higher is better": True, "lower is better": False}.get(
        metric.direction if metric is not None else "unknown"
    )
    return new_concept(
        origin,
        f"{SCHEME}:{run.harness}/{cell.concept}",
        cell.concept,
        concept_type=ConceptType.CAPABILITY if higher is not False else ConceptType.RISK,
        unit="1",
        **({} if higher is None else {"higher_is_better": higher}),
    )


def _metric(run: ImportedRun, rater: str) -> Metric | None:
    return next((metric for metric in run.metrics if metric.rater == rater), None)


def _claim(
    origin: Origin,
    party: str,
    about: tuple[Subject, Concept],
    cell: Cell,
    run: ImportedRun,
    evidence: tuple[str, ...],
) -> Claim:
    metric = _metric(run, cell.rater)
    judged = metric is not None and metric.kind != "program"
    return new_claim(
        origin,
        subject=about[0].id,
        concept=about[1].id,
        value=value_of(cell.generalized),
        basis=Basis.JUDGED if judged else Basis.TESTED,
        published_by=origin.created_by,
        measured_by=party,
        conditions=build(
            Conditions,
            language=None if cell.language == "und" else cell.language,
            rater=cell.rater,
            sampling_digest=digest(canonical_bytes(run.sampling)) if run.sampling else None,
            harness=run.harness,
            harness_version=run.harness_version,
        ),
        evidence=evidence,
    )
