"""What the verdict must be read with: scores whose rater's errors could not be taken out, and laboratories
that stand apart only as long as those errors are left in.

Pure. Invariants: a judge that carries a verdict is either corrected or named here, with the reason and, where
it is known, how many human ratings would do; simulated ratings correct nothing; a planted or real deviation
that the raw scores show is told here where the corrected ones no longer show it.
"""

from __future__ import annotations

from collections.abc import Sequence

from consilience.evaluation.joint_result import Correction, Message
from consilience.evaluation.message_codes import say
from consilience.evaluation.protocol import RaterKind
from consilience.evaluation.verdict_findings import Findings, scale_of
from consilience.evaluation.verdict_laboratories import (
    farthest,
    named,
    off_params,
    own_deviations,
)
from consilience.evaluation.verdict_pairs import compared, hidden


def make_limits(f: Findings) -> tuple[Message, ...]:
    """Return one sentence for each cause that kept scores uncorrected, and one on what correction hides."""
    return (*_uncorrected(f), *_hidden(f))


def _uncorrected(f: Findings) -> list[Message]:
    kinds = {rater.id: rater.kind for rater in f.setting.raters}
    rows = [
        one
        for one in f.corrections
        if one.primary
        and one.laboratory is None
        and one.language is None
        and (one.simulated or one.corrected.value is None)
        and (kinds[one.rater] is RaterKind.JUDGE or (one.n_human > 0 and not one.simulated))
    ]
    causes: dict[str, list[Correction]] = {}
    for one in rows:
        causes.setdefault(_cause(f, one), []).append(one)
    return [_told(f, cause, found) for cause, found in causes.items()]


def _cause(f: Findings, one: Correction) -> str:
    simulated = {rater.id for rater in f.setting.raters if rater.simulated}
    if one.rater in simulated:
        return "simulated_rater"
    if one.simulated:
        return "simulated_humans"
    return one.corrected.reason.code if one.corrected.reason is not None else "too_few_human_ratings"


def _told(f: Findings, cause: str, rows: Sequence[Correction]) -> Message:
    most = max(rows, key=_need)
    languages, laboratories = (_places(rows, name) for name in ("languages", "laboratories"))
    return say(
        "verdict_uncorrected",
        cause=cause,
        raters=list(dict.fromkeys(one.rater for one in rows)),
        concepts=list(dict.fromkeys(one.concept for one in rows)),
        languages=[name for name in f.tables.languages if name in languages],
        laboratories=[name for name in f.tables.laboratories if name in laboratories],
        n_results=len(rows),
        needed=None if cause == "simulated_rater" else most.human_needed,
        items=None if cause == "simulated_rater" else items_needed(most),
        n_answers=most.n_judge,
        wanted=most.wanted,
        scale=scale_of(f, most.concept),
    )


def items_needed(one: Correction) -> int | None:
    """Return how many items it would take where rating every answer is not enough."""
    reason = one.human_needed_reason
    found = reason.params.get("items") if reason is not None and reason.code == "more_items_needed" else None
    return found if isinstance(found, int) else None


def _need(one: Correction) -> tuple[int, int]:
    return items_needed(one) or 0, one.human_needed or 0


def _places(rows: Sequence[Correction], name: str) -> set[object]:
    reasons = [one.corrected.reason for one in rows if one.corrected.reason is not None]
    lists = [reason.params.get(name) for reason in reasons]
    return {place for found in lists if isinstance(found, list) for place in found}


def _hidden(f: Findings) -> list[Message]:
    """Say who stands apart as scored and is not shown to once the rater's errors are taken out."""
    pairs = compared(f)
    if len(f.tables.laboratories) < 3:
        return []
    told = {(pair.model, pair.raw.concept) for pair in pairs if pair.different}
    lost = [pair for pair in hidden(pairs) if (pair.model, pair.raw.concept) not in told]
    odd = farthest(f, lost, raw=True)
    if odd is None:
        return []
    own = own_deviations(f, odd.laboratory, odd.model, odd.others) if f.has_protocol else []
    return [say("verdict_hidden", **named(own), **off_params(f, odd))]
