"""The conformance list: twelve lines of the Network's practice of July 2026, each with its state and its
evidence.

Responsible for what can be said of each line from the protocol, the manifests and the result. Pure.
Invariant: what cannot be seen from these is `not assessed`, never guessed; simulated ratings never meet a
line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from consilience.evaluation.analysis_setting import Setting
from consilience.evaluation.joint_result import (
    Agreement,
    Cell,
    Checkpoint,
    Contrast,
    Correction,
    Estimate,
    JudgeAgainstHuman,
    Message,
    MinimumDifference,
)
from consilience.evaluation.merge import Merged
from consilience.evaluation.message_codes import say
from consilience.evaluation.protocol import Protocol, RaterKind, Split

State = Literal["met", "not met", "not applicable", "not assessed"]
Line = tuple[State, Message]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the list is filled from."""

    merged: Merged
    setting: Setting
    cells: Sequence[Cell]
    contrasts: Sequence[Contrast]
    agreement: Sequence[Agreement]
    judges: Sequence[JudgeAgainstHuman]
    minimum_differences: Sequence[MinimumDifference]
    corrections: Sequence[Correction] = ()


def make_checklist(evidence: Evidence) -> tuple[Checkpoint, ...]:
    """Return the twelve lines."""
    lines: tuple[Callable[[Evidence], Line], ...] = (
        _construct, _humans, _judges, _correction, _power, _aggregation,
        _splits, _logs, _modules, _pilot, _uncertainty, _transcripts,
    )  # fmt: skip
    return tuple(
        Checkpoint(line=number, state=state, evidence=message)
        for number, (state, message) in enumerate((line(evidence) for line in lines), start=1)
    )


def _without_protocol(line: int) -> Line:
    return "not assessed", say("check_no_protocol", line=line)


def _construct(e: Evidence) -> Line:
    """1. Construct and estimand stated before the run."""
    protocol = e.merged.protocol
    if protocol is None:
        return _without_protocol(1)
    missing = [name for name in ("construct", "estimand") if not getattr(protocol, name).strip()]
    if missing:
        return "not met", say("check_construct_missing", fields=[*missing])
    digest = e.merged.protocol_digest
    starts = sorted(m.started_at for m in e.merged.manifests if m.started_at)
    if not starts:
        return "not assessed", say("check_construct_undated", created=protocol.created, digest=digest)
    if protocol.created[:10] <= starts[0][:10]:
        return "met", say(
            "check_construct_before", created=protocol.created, first_run=starts[0], digest=digest
        )
    return "not met", say("check_construct_after", created=protocol.created, first_run=starts[0])


def _judge_ids(e: Evidence) -> list[str]:
    return [rater.id for rater in e.setting.raters if rater.kind is RaterKind.JUDGE and rater.n_scored]


def _humans(e: Evidence) -> Line:
    """2. Judges validated against humans on a representative sample, per language."""
    judges = _judge_ids(e)
    if not judges:
        return "not applicable", say("check_humans_no_judge")
    rows = [
        row for row in e.judges if row.rater in judges and row.language is not None and row.laboratory is None
    ]
    if not rows:
        return "not met", say("check_humans_none", raters=[*judges])
    real = [row for row in rows if not row.simulated]
    if not real:
        shared = [
            row.n_shared
            for row in e.judges
            if row.rater in judges and row.language is None and row.laboratory is None
        ]
        return "not met", say("check_humans_simulated", n_shared=sum(shared))
    languages = sorted({row.language for row in real if row.language is not None})
    without = [language for language in e.merged.tables.languages if language not in languages]
    validated = {row.rater for row in real}
    if without or validated != set(judges):
        return "not met", say(
            "check_humans_partial", languages_with=[*languages], languages_without=[*without]
        )
    smallest = min(row.n_shared for row in real)
    return "met", say(
        "check_humans_per_language", raters=sorted(validated), languages=[*languages], n_shared=smallest
    )


def _judges(e: Evidence) -> Line:
    """3. More than one judge, agreement reported."""
    judges = _judge_ids(e)
    if not judges:
        return "not applicable", say("check_judges_none")
    if len(judges) == 1:
        return "not met", say("check_judges_one", rater=judges[0])
    between = [
        row
        for row in e.agreement
        if len(set(row.raters) & set(judges)) > 1 and row.percent_agreement is not None
    ]
    state: State = "met" if between else "not met"
    return state, say("check_judges_agreement", raters=[*judges], n_pairs=len(between))


def _correction(e: Evidence) -> Line:
    """4. Judge error carried into the estimate."""
    primary = {concept.id: e.setting.raters[concept.primary] for concept in e.setting.concepts}
    judges = sorted({rater.id for rater in primary.values() if rater.kind is RaterKind.JUDGE})
    if not judges:
        return "not applicable", say("check_correction_no_judge")
    rows = [
        row
        for row in e.corrections
        if row.primary and row.rater in judges and row.laboratory is None and row.language is not None
    ]
    if any(row.n_human for row in rows) and all(row.simulated for row in rows if row.n_human):
        return "not met", say("check_correction_simulated", raters=[*judges])
    missing = [row for row in rows if row.simulated or row.corrected.value is None]
    if rows and not missing:
        concepts = sorted({row.concept for row in rows})
        return "met", say("check_correction_done", raters=[*judges], concepts=[*concepts])
    return "not met", _uncorrected(e, judges, missing)


def _uncorrected(e: Evidence, judges: Sequence[str], missing: Sequence[Correction]) -> Message:
    """Say what is missing to correct every judge, and how many human ratings would do."""
    needed = [row.human_needed for row in missing if row.human_needed is not None]
    if not needed:
        return say("check_correction_missing", raters=[*judges])
    raters = sorted({row.rater for row in missing})
    if not any(row.n_human for row in e.corrections if row.rater in raters):
        return say("check_correction_no_human", raters=[*raters], needed=max(needed))
    places = {row.language for row in missing}
    return say(
        "check_correction_partial",
        raters=[*raters],
        languages=[language for language in e.merged.tables.languages if language in places],
        n_human=min(row.n_human for row in missing),
        needed=max(needed),
    )


def _power(e: Evidence) -> Line:
    """5. Number of items justified by a power analysis."""
    protocol = e.merged.protocol
    if protocol is None:
        return _without_protocol(5)
    wanted = protocol.analysis.wanted_difference
    if wanted is None:
        return "not met", say("check_power_missing")
    found = [
        m.difference for m in e.minimum_differences if m.axis == "laboratory" and m.difference is not None
    ]
    found = found or [
        m.difference for m in e.minimum_differences if m.axis == "language" and m.difference is not None
    ]
    detectable = max(found, default=None)
    scale = e.setting.raters[e.setting.concepts[0].primary].scale if e.setting.concepts else "binary"
    reached = detectable is None or detectable <= wanted
    return ("met" if reached else "not met"), say(
        "check_power_stated" if reached else "check_power_not_reached",
        wanted=wanted, power=protocol.analysis.power, detectable=detectable, scale=scale,
    )  # fmt: skip


def _aggregation(e: Evidence) -> Line:
    """6. Aggregation per item documented."""
    protocol = e.merged.protocol
    if protocol is None:
        return _without_protocol(6)
    return "met", say("check_aggregation", per_item=protocol.aggregation.per_item, attempts=protocol.attempts)


def _splits(e: Evidence) -> Line:
    """7. Separate exploratory, tuning and evaluation items, disjoint."""
    protocol = e.merged.protocol
    if protocol is None:
        return _without_protocol(7)
    if e.merged.splits_overlap:
        return "not met", say("check_splits_overlap", n_overlap=e.merged.splits_overlap)
    sizes = _split_sizes(protocol)
    used = [split for split, size in sizes.items() if size]
    if len(used) == 1:
        return "not met", say("check_splits_one", split=used[0].value, items=sizes[used[0]])
    return "met", say(
        "check_splits_disjoint",
        exploratory=sizes[Split.EXPLORATORY], tuning=sizes[Split.TUNING], evaluation=sizes[Split.EVALUATION],
    )  # fmt: skip


def _split_sizes(protocol: Protocol) -> dict[Split, int]:
    return {split: len({item.id for item in protocol.items if item.split is split}) for split in Split}


def _logs(e: Evidence) -> Line:
    """8. Task logs and judge logs kept."""
    manifests = e.merged.manifests
    if not manifests:
        return "not assessed", say("check_logs_unknown")
    kept = [manifest for manifest in manifests if manifest.files]
    with_logs = {manifest.laboratory for manifest in kept}
    without = [name for name in e.merged.tables.laboratories if name not in with_logs]
    if without:
        return "not met", say("check_logs_partial", runs=len(kept), without=[*without])
    return "met", say("check_logs_kept", runs=len(kept))


def _modules(e: Evidence) -> Line:
    """9. Interchangeable modules."""
    if e.merged.protocol is None:
        return _without_protocol(9)
    return "met", say(
        "check_modules", raters=len(e.merged.protocol.raters), models=len(e.merged.tables.models)
    )


def _pilot(e: Evidence) -> Line:
    """10. Small pilot before the main run."""
    if e.merged.other_rows:
        return "met", say("check_pilot_rows", rows=e.merged.other_rows)
    return "not assessed", say("check_pilot_unknown")


def _uncertainty(e: Evidence) -> Line:
    """11. Uncertainty on every result: of the estimand that carries the verdict, and of every difference."""
    estimates = list(_verdict_estimates(e))
    with_interval = sum(estimate.interval is not None for estimate in estimates)
    without = len(estimates) - with_interval
    if without:
        return "not met", say("check_uncertainty_some", n=with_interval, without=without)
    state: State = "met" if estimates else "not assessed"
    return state, say("check_uncertainty_all", n=with_interval)


def _verdict_estimates(e: Evidence) -> Iterator[Estimate]:
    for cell in e.cells:
        estimate = cell.benchmark if e.setting.estimand == "benchmark" else cell.generalized
        if estimate.value is not None:
            yield estimate
    for contrast in e.contrasts:
        if contrast.difference.value is not None:
            yield contrast.difference


def _transcripts(_: Evidence) -> Line:
    """12. Transcripts reviewed, scanners used."""
    return "not assessed", say("check_transcripts_unknown")
