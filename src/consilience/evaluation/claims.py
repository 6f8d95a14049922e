"""Claims: what one laboratory's run says of a model, as records.

Pure. Invariants:
- one claim for each concept and language (and one over all languages), by the rater that carries the verdict;
- `measured_by` is the laboratory; the developer of the model is never filled in for it;
- a cell without a number becomes "not assessed" with its reason, never 0; simulated scores become no claim.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from consilience.evaluation.joint_result import Cell, Estimate, JointResult
from consilience.evaluation.protocol import Protocol, RaterKind, protocol_digest
from consilience.evaluation.run_record import Manifest
from consilience.records.canonical import canonical_bytes, digest
from consilience.records.claim import Basis, Claim, Conditions, NotAssessed, Value
from consilience.records.kinds import Concept as ConceptRecord
from consilience.records.kinds import ConceptType, Subject
from consilience.records.kinds import Protocol as ProtocolRecord
from consilience.records.making import (
    Origin,
    build,
    new_claim,
    new_concept,
    new_protocol,
    new_subject,
    number,
)

HARNESS = "consilience"
INSPECT, INSPECT_PACKAGE = "inspect", "inspect_ai"


class RunRecords(msgspec.Struct, frozen=True, kw_only=True):
    """The records of one run, in the order in which they refer to each other."""

    subject: Subject
    concepts: tuple[ConceptRecord, ...]
    protocol: ProtocolRecord
    claims: tuple[Claim, ...]


def records_of_run(
    result: JointResult,
    protocol: Protocol,
    manifest: Manifest,
    *,
    origin: Origin,
    measured_by: str,
    evidence: Iterable[str],
) -> RunRecords:
    """Return the records of one run.

    Args:
        result: The analysis of this run's scores.
        protocol: The plan that it carried out.
        manifest: How it was carried out.
        origin: Who writes the records down, when and under which marking.
        measured_by: Party id of the laboratory.
        evidence: Digests (`sha256:HEX`) of the run's files.
    """
    subject = new_subject(origin, manifest.model, weights_digest=manifest.weights_digest)
    concepts = {concept.id: _concept(origin, protocol, concept.id) for concept in protocol.concepts}
    plan = new_protocol(
        origin,
        protocol.name,
        protocol.title,
        plan_digest=protocol_digest(protocol),
        construct=protocol.construct,
        estimand=protocol.estimand,
        concepts=tuple(concept.id for concept in concepts.values()),
        languages=tuple(language.tag for language in protocol.languages),
        items=None if protocol.tasks else len({item.id for item in protocol.items}),
        attempts=protocol.attempts,
    )
    digests = tuple(sorted(set(evidence)))
    kinds = {rater.id: rater.kind for rater in result.raters}
    claims = tuple(
        new_claim(
            origin,
            subject=subject.id,
            concept=concepts[cell.concept].id,
            value=value_of(_verdict_estimate(result, cell)),
            basis=Basis.TESTED if kinds.get(cell.rater) == RaterKind.PROGRAM else Basis.JUDGED,
            published_by=origin.created_by,
            measured_by=measured_by,
            protocol=plan.id,
            conditions=_conditions(cell, manifest),
            evidence=digests,
        )
        for cell in _claimed_cells(result, manifest)
        if cell.concept in concepts
    )
    return RunRecords(subject=subject, concepts=tuple(concepts.values()), protocol=plan, claims=claims)


def _claimed_cells(result: JointResult, manifest: Manifest) -> list[Cell]:
    simulated = {rater.id for rater in result.raters if rater.simulated}
    return [
        cell
        for cell in result.cells
        if cell.primary
        and cell.laboratory == manifest.laboratory
        and cell.model == manifest.model
        and cell.rater not in simulated
    ]


def _verdict_estimate(result: JointResult, cell: Cell) -> Estimate:
    return cell.benchmark if result.exercise.verdict_estimand == "benchmark" else cell.generalized


def value_of(estimate: Estimate) -> Value:
    """Return an estimate as the value of a claim: a number with interval or reason, or "not assessed"."""
    reason = (
        estimate.reason.code.replace("_", " ") if estimate.reason is not None else "no reason was recorded"
    )
    if estimate.value is None:
        return build(NotAssessed, note=reason)
    if estimate.interval is None:
        return number(estimate.value, sample_size=estimate.n_items, no_interval=reason)
    interval = estimate.interval
    return number(
        estimate.value,
        low=interval.low,
        high=interval.high,
        level=interval.level,
        method=interval.method,
        sample_size=estimate.n_items,
    )


def _conditions(cell: Cell, manifest: Manifest) -> Conditions:
    return build(
        Conditions,
        language=cell.language,
        rater=cell.rater,
        system_prompt_digest=manifest.system_prompt_digest,
        sampling_digest=digest(canonical_bytes(manifest.sampling)),
        harness=INSPECT if INSPECT_PACKAGE in manifest.software else HARNESS,
        harness_version=manifest.software.get(INSPECT_PACKAGE) or manifest.software.get(HARNESS),
    )


def _concept(origin: Origin, protocol: Protocol, name: str) -> ConceptRecord:
    planned = next(concept for concept in protocol.concepts if concept.id == name)
    return new_concept(
        origin,
        f"{protocol.name}:{planned.id}",
        planned.title,
        concept_type=ConceptType(planned.kind.value),
        scheme_version=protocol.version,
        definition=planned.definition or None,
        unit="1",
        higher_is_better=planned.higher_is_better,
    )
