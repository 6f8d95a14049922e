"""What a reader must know before reading a number: the limits of these data, each as one note.

Pure. The order is that of importance: what was not measured, what is simulated, what was left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from consilience.evaluation.analysis_cells import CellKey
from consilience.evaluation.analysis_setting import Setting
from consilience.evaluation.joint_result import Counts, Failure, JudgeAgainstHuman, Message
from consilience.evaluation.merge import Merged
from consilience.evaluation.message_codes import say
from consilience.evaluation.protocol import RaterKind
from consilience.statistics.interlaboratory import MIN_LABORATORIES


@dataclass(frozen=True, eq=False)
class Noted:
    """What the notes are made from."""

    merged: Merged
    setting: Setting
    counts: Counts
    failures: Sequence[Failure]
    judges: Sequence[JudgeAgainstHuman]
    sampled: Sequence[tuple[str, ...]]
    """Sets of raters whose agreement rests on a sample."""
    filled: frozenset[CellKey]
    """Cells that have a row."""


def make_notes(noted: Noted) -> tuple[Message, ...]:
    """Return the notes."""
    return (
        *_of_raters(noted),
        *_of_laboratories(noted),
        *_of_plan(noted),
        *_of_humans(noted),
        *_of_rows(noted),
    )


def _of_raters(n: Noted) -> Iterator[Message]:
    simulated = [rater for rater in n.setting.raters if rater.simulated]
    if simulated:
        yield say(
            "note_simulated",
            raters=[rater.id for rater in simulated],
            n_scores=sum(g.scores for g in n.merged.groups if g.simulated),
        )
    if len(n.setting.raters) == 1:
        yield say("note_one_rater", rater=n.setting.raters[0].id)
    for concept in n.setting.concepts:
        if concept.planned_primary is not None:
            used = n.setting.raters[concept.primary].id
            yield say("note_primary_absent", concept=concept.id, planned=concept.planned_primary, used=used)
        if n.merged.imports and concept.planned is None and concept.told_direction is None:
            yield say(
                "note_direction_unknown", rater=n.setting.raters[concept.primary].id, concept=concept.id
            )
    unplanned = [rater.id for rater in n.setting.raters if not rater.planned]
    if unplanned and n.merged.protocol is not None:
        yield say("note_unplanned_raters", raters=[*unplanned])
    most = max(n.sampled, key=len, default=None)
    if most is not None:
        yield say("note_agreement_sampled", raters=[*most], n_units=int(n.merged.tables.units.item.size))


def _of_laboratories(n: Noted) -> Iterator[Message]:
    tables = n.merged.tables
    if len(tables.laboratories) == 1:
        yield say("note_one_laboratory", laboratory=tables.laboratories[0])
    else:
        yield say("note_pooled_laboratories", n_laboratories=len(tables.laboratories))
        if len(tables.laboratories) < MIN_LABORATORIES:
            yield say("note_few_laboratories", n_laboratories=len(tables.laboratories))
    if len(tables.languages) == 1:
        yield say("note_one_language", language=tables.languages[0])
    if tables.items.attempts.size and int(tables.items.attempts.max()) == 1:
        yield say("note_one_attempt")
    places = {(key.laboratory, key.model, key.language, key.concept) for key in n.filled}
    everything = len(tables.laboratories) * len(tables.models) * len(tables.languages) * len(tables.concepts)
    if len(places) < everything:
        yield say("note_missing_cells", n_missing=everything - len(places), of=everything)


def _of_plan(n: Noted) -> Iterator[Message]:
    merged = n.merged
    if merged.protocol is None:
        yield say("note_no_protocol")
    else:
        without = [c.id for c in n.setting.concepts if c.margins.laboratory is None]
        if without and len(merged.tables.laboratories) > 1:
            yield say("note_no_margin", concepts=[*without])
    has = {manifest.laboratory for manifest in merged.manifests}
    missing = [name for name in merged.tables.laboratories if name not in has]
    if missing:
        yield say("note_no_manifest", laboratories=[*missing])
    unfinished = sorted(
        {manifest.laboratory for manifest in merged.manifests if manifest.finished_at is None}
    )
    if unfinished:
        yield say("note_unfinished", laboratories=[*unfinished])
    unnamed = [file.name for file in merged.files if file.kind == "scores" and not file.named_protocol]
    if unnamed and merged.protocol_digest is not None:
        yield say("note_no_digest", files=[*unnamed])


def _of_humans(n: Noted) -> Iterator[Message]:
    others = [rater for rater in n.setting.raters if rater.kind is not RaterKind.HUMAN]
    if not others:
        return
    real = {row.language for row in n.judges if not row.simulated and row.language is not None}
    if not real:
        simulated = dict.fromkeys(row.human for row in n.judges if row.simulated)
        if simulated:
            yield say("note_human_sample_simulated", raters=[*simulated])
        else:
            yield say("note_no_human_sample")
        return
    missing = [language for language in n.merged.tables.languages if language not in real]
    if missing:
        yield say("note_human_sample_partial", languages=[*missing])


def _of_rows(n: Noted) -> Iterator[Message]:
    if n.merged.doubled:
        yield say("note_doubled", rows=n.merged.doubled)
    if n.counts.withheld:
        yield say("note_withheld", rows=n.counts.withheld)
    if n.merged.other_rows:
        yield say("note_other_splits", rows=n.merged.other_rows)
    if n.merged.stand_in_splits:
        yield say("note_only_other_splits", splits=[*n.merged.stand_in_splits])
    lost = sum(failure.count for failure in n.failures if failure.environment)
    if lost:
        yield say("note_environment", count=lost, of=n.counts.rows, rate=lost / n.counts.rows)
