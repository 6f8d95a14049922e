"""Lines of the conformance list on judges: held against humans, several of them, their error carried on.

Pure. Invariants: a simulated judge is no judge that was examined, and simulated humans examine nobody, so
that neither meets a line; what is counted is combinations of judge, concept and language, and pairs of
judges, each once, whatever the number of humans or statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from consilience.evaluation.checklist_evidence import Evidence, Line, State
from consilience.evaluation.joint_result import Correction, Message
from consilience.evaluation.message_codes import say
from consilience.evaluation.protocol import RaterKind
from consilience.evaluation.verdict_limits import items_needed


def _judges(e: Evidence, *, simulated: bool) -> list[str]:
    return [
        rater.id
        for rater in e.setting.raters
        if rater.kind is RaterKind.JUDGE and rater.n_scored and rater.simulated == simulated
    ]


def validated(e: Evidence) -> Line:
    """2. Judges validated against humans on a representative sample, per language."""
    judges, simulated = (_judges(e, simulated=flag) for flag in (False, True))
    if not judges:
        return _no_judge(simulated)
    wanted = {
        (cell.rater, cell.concept, cell.language)
        for cell in e.cells
        if cell.rater in judges and cell.laboratory is None and cell.language is not None
        and cell.generalized.value is not None
    }  # fmt: skip
    rows = [row for row in e.judges if row.rater in judges and row.laboratory is None]
    shared: dict[tuple[str, str, str], int] = {}
    for row in rows:
        if not row.simulated and row.language is not None:
            place = (row.rater, row.concept, row.language)
            shared[place] = max(shared.get(place, 0), row.n_shared)
    if not shared:
        return "not met", _none_real(e, judges, held=bool(rows))
    missing = sorted(wanted - set(shared))
    if missing:
        languages = {language for _, _, language in missing}
        return "not met", say(
            "check_humans_partial",
            held=len(wanted) - len(missing),
            of=len(wanted),
            raters=sorted({rater for rater, _, _ in missing}),
            languages=[language for language in e.merged.tables.languages if language in languages],
        )
    languages = {language for _, _, language in shared}
    return "met", say(
        "check_humans_per_language",
        raters=[*judges],
        languages=[language for language in e.merged.tables.languages if language in languages],
        of=len(wanted),
        n_shared=min(shared.values()),
    )


def _no_judge(simulated: Sequence[str]) -> Line:
    if simulated:
        return "not met", say("check_judges_simulated", raters=[*simulated])
    return "not applicable", say("check_humans_no_judge")


def _none_real(e: Evidence, judges: Sequence[str], *, held: bool) -> Message:
    if not held:
        return say("check_humans_none", raters=[*judges])
    humans = [rater for rater in e.setting.raters if rater.kind is RaterKind.HUMAN and rater.simulated]
    return say("check_humans_simulated", n_ratings=sum(rater.n_scored for rater in humans))


def agreed(e: Evidence) -> Line:
    """3. More than one judge, agreement reported."""
    judges, simulated = (_judges(e, simulated=flag) for flag in (False, True))
    if not judges:
        return _no_judge(simulated)
    if len(judges) == 1:
        return "not met", say("check_judges_one", rater=judges[0], simulated=[*simulated])
    pairs = {
        pair
        for row in e.agreement
        if row.percent_agreement is not None
        for pair in combinations(sorted(set(row.raters) & set(judges)), 2)
    }
    state: State = "met" if {name for pair in pairs for name in pair} == set(judges) else "not met"
    every = len(judges) * (len(judges) - 1) // 2
    return state, say(
        "check_judges_agreement", raters=[*judges], n_pairs=len(pairs), of=every, simulated=[*simulated]
    )


def carried(e: Evidence) -> Line:
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
    """Say what is missing to correct every judge, and how many human ratings or items would do."""
    needed = [row.human_needed for row in missing if row.human_needed is not None]
    items = [found for row in missing if (found := items_needed(row)) is not None]
    if not (needed or items):
        return say("check_correction_missing", raters=[*judges])
    raters = sorted({row.rater for row in missing})
    most = {"needed": None if items else max(needed), "items": max(items, default=None)}
    if not any(row.n_human for row in e.corrections if row.rater in raters):
        return say("check_correction_no_human", raters=[*raters], **most)
    places = {row.language for row in missing}
    return say(
        "check_correction_partial",
        raters=[*raters],
        languages=[language for language in e.merged.tables.languages if language in places],
        n_human=min(row.n_human for row in missing),
        **most,
    )
