"""Counts, failures by cause, runs and inputs: what can be said of the exercise by counting.

Pure. A failure's `of` is the number of ratings of its cell, so that rates with and without environment
faults can be
formed: with, count / of; without, leave the environment causes out of both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from consilience.evaluation.analysis_setting import ConceptSetting, Setting
from consilience.evaluation.joint_result import (
    ConceptSummary,
    Counts,
    Exercise,
    Failure,
    InputFile,
    RaterSummary,
    RunSummary,
)
from consilience.evaluation.merge import Merged
from consilience.evaluation.protocol import Protocol
from consilience.evaluation.run_record import Manifest
from consilience.evaluation.scores import ENVIRONMENT_CAUSES, Cause, Status


def make_counts(merged: Merged) -> Counts:
    """Count the rows that carry the results, each once."""
    rows: Counter[str] = Counter()
    for group in merged.groups:
        rows[group.status] += group.rows
    return Counts(
        rows=sum(rows.values()),
        generations=merged.tables.generations,
        items=len(merged.tables.item_names),
        scored=rows[Status.SCORED],
        unscored=rows[Status.UNSCORED],
        failed=rows[Status.FAILED],
        withheld=rows[Status.WITHHELD],
        doubled=merged.doubled,
    )


def make_failures(merged: Merged) -> tuple[Failure, ...]:
    """Return the ratings without a score by cell and cause; withheld ones are no failures. No cause:
    `unknown`."""
    of: Counter[tuple[str, ...]] = Counter()
    failures: Counter[tuple[str, ...]] = Counter()
    for group in merged.groups:
        cell = (group.laboratory, group.model, group.language, group.concept, group.rater)
        of[cell] += group.rows
        if group.status in {Status.UNSCORED, Status.FAILED}:
            failures[*cell, group.cause or Cause.UNKNOWN.value] += group.rows
    return tuple(
        Failure(
            laboratory=key[0],
            model=key[1],
            language=key[2],
            concept=key[3],
            rater=key[4],
            cause=key[5],
            count=count,
            of=of[key[:5]],
            environment=Cause(key[5]) in ENVIRONMENT_CAUSES,
        )
        for key, count in sorted(failures.items())
    )


def make_runs(merged: Merged) -> tuple[RunSummary, ...]:
    """Return one summary per manifest, and one per laboratory and model that has rows and no manifest."""
    runs = [_with_manifest(manifest) for manifest in merged.manifests]
    has = {(run.laboratory, run.model) for run in runs}
    measured = {(group.laboratory, group.model) for group in merged.groups}
    runs += [_without_manifest(*one) for one in measured - has]
    return tuple(sorted(runs, key=lambda run: (run.laboratory, run.model, run.started_at or "")))


def _with_manifest(manifest: Manifest) -> RunSummary:
    usage = manifest.usage
    seconds = [usage.runner_cpu_seconds, usage.model_cpu_seconds or 0.0]
    return RunSummary(
        laboratory=manifest.laboratory,
        model=manifest.model,
        has_manifest=True,
        endpoint=manifest.endpoint,
        started_at=manifest.started_at,
        finished_at=manifest.finished_at,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cpu_seconds=sum(seconds),
        energy_joules=usage.energy.joules,
        energy_note=usage.energy.boundary if usage.energy.joules is not None else usage.energy.reason,
        software=dict(manifest.software),
        sampling=dict(manifest.sampling),
    )


def _without_manifest(laboratory: str, model: str) -> RunSummary:
    return RunSummary(
        laboratory=laboratory,
        model=model,
        has_manifest=False,
        endpoint=None,
        started_at=None,
        finished_at=None,
        prompt_tokens=None,
        completion_tokens=None,
        cpu_seconds=None,
        energy_joules=None,
        energy_note="",
        software={},
        sampling={},
    )


def make_inputs(merged: Merged) -> tuple[InputFile, ...]:
    """Return the files that entered."""
    return tuple(
        InputFile(
            name=file.name,
            sha256=file.sha256,
            bytes=file.bytes,
            rows=file.rows,
            laboratories=file.laboratories,
            kind=file.kind,
        )
        for file in merged.files
    )


def make_exercise(merged: Merged, setting: Setting) -> Exercise:
    """Return what was planned."""
    protocol = merged.protocol
    return Exercise(
        name=merged.exercise,
        titles={} if protocol is None else {"en": protocol.title, **protocol.titles},
        protocol_digest=merged.protocol_digest,
        construct=None if protocol is None else protocol.construct,
        estimand=None if protocol is None else protocol.estimand,
        verdict_estimand=setting.estimand,
        confidence_level=setting.level,
        multiplicity=setting.multiplicity,
        created=None if protocol is None else protocol.created,
        handling="TLP:CLEAR" if protocol is None else protocol.handling,
        translations={} if protocol is None else _translations(protocol),
    )


def _translations(protocol: Protocol) -> dict[str, str]:
    return {
        language.tag: language.translation.value
        + (f" ({language.checked_by})" if language.checked_by else "")
        for language in protocol.languages
    }


def make_raters(setting: Setting) -> tuple[RaterSummary, ...]:
    """Return the raters as they appear in the table."""
    return tuple(
        RaterSummary(
            id=rater.id,
            kind=rater.kind.value,
            simulated=rater.simulated,
            n_scored=rater.n_scored,
            n_unscored=rater.n_unscored,
            scale=rater.scale,
        )
        for rater in setting.raters
    )


def make_concepts(setting: Setting, protocol: Protocol | None) -> tuple[ConceptSummary, ...]:
    """Return the concepts in the protocol's order, with what it says of them."""
    order = [concept.id for concept in protocol.concepts] if protocol is not None else []
    place = {name: number for number, name in enumerate(order)}
    concepts = sorted(setting.concepts, key=lambda one: (place.get(one.id, len(order)), one.id))
    return tuple(_concept(one, setting) for one in concepts)


def _concept(one: ConceptSetting, setting: Setting) -> ConceptSummary:
    planned = one.planned
    return ConceptSummary(
        id=one.id,
        titles={} if planned is None else {"en": planned.title, **planned.titles},
        kind=None if planned is None else planned.kind.value,
        higher_is_better=one.higher_is_better,
        definition="" if planned is None else planned.definition,
        primary_rater=setting.raters[one.primary].id,
        margins={axis: getattr(one.margins, axis) for axis in ("language", "model", "laboratory", "rater")},
    )


def language_order(languages: Sequence[str], protocol: Protocol | None) -> tuple[str, ...]:
    """Return the languages in the protocol's order, others after them."""
    order = [language.tag for language in protocol.languages] if protocol is not None else []
    place = {tag: number for number, tag in enumerate(order)}
    return tuple(sorted(languages, key=lambda tag: (place.get(tag, len(order)), tag)))
