"""The conformance list: twelve lines of the Network's practice of July 2026, each with its state and its
evidence.

Responsible for what can be said of each line from the protocol, the manifests and the result; lines on judges
stand in `checklist_judges`, those that count numbers in `checklist_numbers`. Pure. Invariants: what cannot be
seen X
"""

from __future__ import annotations

from collections.abc import Callable

from consilience.evaluation.checklist_evidence import Evidence as Evidence
from consilience.evaluation.checklist_evidence import Line, without_protocol
from consilience.evaluation.checklist_judges import agreed, carried, validated
from consilience.evaluation.checklist_numbers import powered, uncertain
from consilience.evaluation.joint_result import Checkpoint
from consilience.evaluation.message_codes import say
from consilience.evaluation.protocol import Protocol, Split


def make_checklist(evidence: Evidence) -> tuple[Checkpoint, ...]:
    """Return the twelve lines."""
    lines: tuple[Callable[[Evidence], Line], ...] = (
        _construct, validated, agreed, carried, powered, _aggregation,
        _splits, _logs, _modules, _pilot, uncertain, _transcripts,
    )  # fmt: skip
    return tuple(
        Checkpoint(line=number, state=state, evidence=message)
        for number, (state, message) in enumerate((line(evidence) for line in lines), start=1)
    )


def _construct(e: Evidence) -> Line:
    """1. Construct and estimand stated before the run."""
    protocol = e.merged.protocol
    if protocol is None:
        return without_protocol(1)
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


def _aggregation(e: Evidence) -> Line:
    """6. Aggregation per item documented."""
    protocol = e.merged.protocol
    if protocol is None:
        return without_protocol(6)
    return "met", say("check_aggregation", per_item=protocol.aggregation.per_item, attempts=protocol.attempts)


def _splits(e: Evidence) -> Line:
    """7. Separate exploratory, tuning and evaluation items, disjoint."""
    protocol = e.merged.protocol
    if protocol is None:
        return without_protocol(7)
    if e.merged.splits_overlap:
        return "not met", say("check_splits_overlap", n_overlap=e.merged.splits_overlap)
    sizes = _split_sizes(protocol)
    if protocol.tasks:  # all their items are for evaluation, and known from the runs only
        sizes[Split.EVALUATION] = max((manifest.items for manifest in e.merged.manifests), default=0)
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
        return "not met", say("check_logs_partial", runs=len(kept), of=len(manifests), without=[*without])
    return "met", say("check_logs_kept", runs=len(kept), of=len(manifests))


def _modules(e: Evidence) -> Line:
    """9. Interchangeable modules."""
    if e.merged.protocol is None:
        return without_protocol(9)
    return "met", say(
        "check_modules", raters=len(e.merged.protocol.raters), models=len(e.merged.tables.models)
    )


def _pilot(e: Evidence) -> Line:
    """10. Small pilot before the main run."""
    if e.merged.other_rows:
        return "met", say("check_pilot_rows", rows=e.merged.other_rows)
    return "not assessed", say("check_pilot_unknown")


def _transcripts(_: Evidence) -> Line:
    """12. Transcripts reviewed, scanners used."""
    return "not assessed", say("check_transcripts_unknown")
