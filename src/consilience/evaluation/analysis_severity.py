"""How severe the raters of a concept are beside each other: over all languages, and in each.

The raters of an exercise are those that are spoken of, no sample of raters, so that the additive model is
fitted by least squares and draws nobody to the mean; few ratings show as a wide interval. Answers to one item
are one cluster (CR2 with Satterthwaite's degrees of freedom), since a rater that misreads an item misreads
all answers to it. It rests on the answers of `tables.units`, those that two raters or more scored, or a
sample of them.

Invariants: only raters on one scale are compared; a language enters where MIN_ITEMS items were rated by two
raters; fewer than MIN_SHARED answers that two raters scored give no number; raters that share no answers have
different numbers of `connected_set`, and the table says why their numbers do not compare; simulated ratings
are marked on the rater.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from consilience.evaluation.analysis_setting import RaterSetting, Setting, reason_message, to_estimate
from consilience.evaluation.joint_result import Estimate, Message, RaterSeverity, SeverityTable
from consilience.evaluation.merge_tables import ScoreTables
from consilience.evaluation.message_codes import say
from consilience.statistics.agreement import MIN_SHARED
from consilience.statistics.estimate import Reason
from consilience.statistics.severity import Severity, rater_severity

MIN_ITEMS = 10
"""Items that two raters or more rated, from which on a language has a table of its own."""
MAX_TABLES = 1_000
"""Tables of one document; those over all languages come first."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Task:
    raters: tuple[int, ...]
    concept: int
    language: int | None


def make_severity(tables: ScoreTables, setting: Setting) -> tuple[SeverityTable, ...]:
    """Compare the raters of every concept on the answers that several of them scored."""
    tasks = sorted(_tasks(tables, setting), key=lambda task: task.language is not None)
    return tuple(_table(tables, setting, task) for task in tasks[:MAX_TABLES])


def _tasks(tables: ScoreTables, setting: Setting) -> Iterator[_Task]:
    units = tables.units
    for concept in range(len(tables.concepts)):
        here = units.concept == concept
        by_scale: dict[object, list[int]] = {}
        for rater, one in enumerate(setting.raters):
            if np.isfinite(units.scores[rater][here]).any():
                by_scale.setdefault((one.scale, one.bounds), []).append(rater)
        for raters in by_scale.values():
            if len(raters) > 1:
                yield _Task(tuple(raters), concept, None)
                yield from _by_language(tables, tuple(raters), concept)


def _by_language(tables: ScoreTables, raters: tuple[int, ...], concept: int) -> Iterator[_Task]:
    units = tables.units
    here = units.concept == concept
    present = np.unique(units.language[here]).tolist()
    for language in present if len(present) > 1 else []:
        rows = here & (units.language == language)
        shared = np.isfinite(units.scores[list(raters)][:, rows]).sum(axis=0) >= 2
        if np.unique(units.item[rows][shared]).size >= MIN_ITEMS:
            yield _Task(raters, concept, language)


def _table(tables: ScoreTables, setting: Setting, task: _Task) -> SeverityTable:
    units = tables.units
    here = units.concept == task.concept
    if task.language is not None:
        here &= units.language == task.language
    scores = units.scores[list(task.raters)][:, here]
    shared = np.isfinite(scores).sum(axis=0) >= 2
    scores, item = scores[:, shared], units.item[here][shared]
    enough = item.size >= MIN_SHARED
    found = _fitted(scores if enough else np.full_like(scores, np.nan), item, setting.level)
    reason = _reason(found, scores, item)
    return SeverityTable(
        concept=tables.concepts[task.concept],
        language=None if task.language is None else tables.languages[task.language],
        raters=tuple(
            _rater(found, place, setting.raters[rater], reason) for place, rater in enumerate(task.raters)
        ),
        residual_sd=found.residual_sd,
        p_equal=found.p_equal,
        n_objects=int(item.size),
        n_sets=found.n_sets,
        method=found.method,
        reason=reason,
    )


def _fitted(scores: Floats, item: NDArray[np.int64], level: float) -> Severity:
    rater, answer = np.indices(scores.shape)
    return rater_severity(
        answer.ravel(), rater.ravel(), scores.ravel(), clusters=np.tile(item, scores.shape[0]),
        n_objects=scores.shape[1], n_raters=scores.shape[0], level=level,
    )  # fmt: skip


def _reason(found: Severity, scores: Floats, item: NDArray[np.int64]) -> Message | None:
    """Why the table, or its test of equal raters, says less than it could."""
    if found.reason is Reason.NO_SCORES:
        return say("too_few_shared", n_shared=int(item.size), needed=MIN_SHARED)
    if found.n_sets > 1:
        return say("raters_unlinked", n_sets=found.n_sets)
    if bool((np.nanmax(scores, axis=0) == np.nanmin(scores, axis=0)).all()):
        return reason_message(Reason.PERFECT_AGREEMENT)
    if found.p_equal is None:
        n_raters = sum(entry.n_ratings > 0 for entry in found.raters)
        return say("raters_few_items", n_items=int(np.unique(item).size), n_raters=n_raters)
    return None


def _rater(found: Severity, place: int, one: RaterSetting, of_table: Message | None) -> RaterSeverity:
    """A rater's number; where it has no reason of its own that readers understand, it takes the table's."""
    entry = found.raters[place]
    severity = _within(to_estimate(entry.severity, "generalized"), one.span)
    if severity.interval is not None:
        severity = msgspec.structs.replace(severity, reason=None)
    elif entry.severity.reason is Reason.NO_INTERVAL or found.reason is Reason.NO_SCORES:
        severity = msgspec.structs.replace(severity, reason=of_table or severity.reason)
    return RaterSeverity(
        rater=one.id,
        severity=severity,
        n_ratings=entry.n_ratings,
        connected_set=entry.connected_set,
        simulated=one.simulated,
    )


def _within(estimate: Estimate, span: float | None) -> Estimate:
    """Cut an interval at what the scale allows: nobody lies further from the mean than the scale is wide."""
    interval = estimate.interval
    if interval is None or span is None:
        return estimate
    cut = msgspec.structs.replace(interval, low=max(interval.low, -span), high=min(interval.high, span))
    return msgspec.structs.replace(estimate, interval=cut)
