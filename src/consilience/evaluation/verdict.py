"""The verdict in two sentences, what was measured of the models and how far the laboratories agree, and what
it must be read with.

Responsible for choosing the sentence and its numbers; `reporting` says it. The rules, in this order:

1. Sentence one gives each model × concept by its primary rater over all laboratories and languages, under
   the estimand that the protocol fixed beforehand, and beside it the number after the rater's errors are
   taken out where real humans rated enough; with more than MAX_RESULTS of them, the lowest and the highest.
2. Sentence two (`verdict_laboratories`) looks at the paired differences between laboratories, with the
   rater's errors taken out where real humans rated enough and corrected over their family: if any pair
   differs, the laboratory that is farthest from the mean of the others is named with what its manifest
   shows; if all are equivalent within the margin, they agree; else it is not settled. "No significant
   difference" is never called agreement.
3. The limits (`verdict_limits`) name every judge whose errors could not be taken out, why, and how many human
   ratings would do, and the laboratory that stands apart in the raw scores alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from consilience.evaluation.joint_result import Cell, Correction, Estimate, Message
from consilience.evaluation.message_codes import say
from consilience.evaluation.verdict_findings import Findings as Findings
from consilience.evaluation.verdict_findings import Params, high, low
from consilience.evaluation.verdict_laboratories import agreement
from consilience.evaluation.verdict_limits import make_limits as make_limits

MAX_RESULTS = 6


def make_verdict(findings: Findings) -> tuple[Message, Message]:
    """Return the two sentences."""
    return _measured(findings), agreement(findings)


def _measured(f: Findings) -> Message:
    results = [
        cell
        for cell in f.cells
        if cell.primary
        and cell.laboratory is None
        and cell.language is None
        and _chosen(f, cell).value is not None
    ]
    results.sort(key=lambda cell: (cell.model, [c.id for c in f.setting.concepts].index(cell.concept)))
    if not results:
        return say(
            "measured_nothing",
            rows=f.counts.rows,
            unscored=f.counts.unscored,
            failed=f.counts.failed,
            withheld=f.counts.withheld,
        )
    common: Params = {
        "level": f.setting.level,
        "estimand": f.setting.estimand,
        "n_laboratories": len(f.tables.laboratories),
        "n_languages": len(f.tables.languages),
    }
    if len(results) > MAX_RESULTS:
        return _measured_many(f, results, common)
    estimates = [_chosen(f, cell) for cell in results]
    raters = {rater.id: rater for rater in f.setting.raters}
    higher = {concept.id: concept.higher_is_better for concept in f.setting.concepts}
    return say(
        "measured",
        models=[cell.model for cell in results],
        concepts=[cell.concept for cell in results],
        values=[estimate.value for estimate in estimates],
        lows=[low(estimate) for estimate in estimates],
        highs=[high(estimate) for estimate in estimates],
        n_items=[estimate.n_items for estimate in estimates],
        n_scores=[estimate.n_scores for estimate in estimates],
        raters=[cell.rater for cell in results],
        scales=[raters[cell.rater].scale for cell in results],
        higher_is_better=[higher[cell.concept] for cell in results],
        simulated=[raters[cell.rater].simulated for cell in results],
        **_corrected(f, results),
        **common,
    )


def _known(f: Findings) -> dict[tuple[str, str, str], Correction]:
    """Return the corrected numbers over everything, where real humans rated enough."""
    return {
        (one.model, one.concept, one.rater): one
        for one in f.corrections
        if one.laboratory is None
        and one.language is None
        and not one.simulated
        and one.corrected.value is not None
    }


def _corrected(f: Findings, results: Sequence[Cell]) -> Params:
    """Return the corrected numbers beside the results, where real humans rated enough; else None."""
    known = _known(f)
    found = [known.get((cell.model, cell.concept, cell.rater)) for cell in results]
    return {
        "corrected": [None if one is None else one.corrected.value for one in found],
        "corrected_lows": [None if one is None else low(one.corrected) for one in found],
        "corrected_highs": [None if one is None else high(one.corrected) for one in found],
        "corrected_humans": [None if one is None else one.n_human for one in found],
    }


def _measured_many(f: Findings, results: Sequence[Cell], common: Params) -> Message:
    """Return the ends of many results, in the order of the number that is told last: the corrected one."""
    known = _known(f)

    def place(cell: Cell) -> float:
        one = known.get((cell.model, cell.concept, cell.rater))
        return (_chosen(f, cell).value if one is None else one.corrected.value) or 0.0

    ordered = sorted(results, key=place)
    scales = {rater.id: rater.scale for rater in f.setting.raters}
    params: Params = {}
    for name, cell in (("lowest", ordered[0]), ("highest", ordered[-1])):
        estimate, one = _chosen(f, cell), known.get((cell.model, cell.concept, cell.rater))
        params |= {
            f"{name}_model": cell.model,
            f"{name}_concept": cell.concept,
            f"{name}_value": estimate.value,
            f"{name}_low": low(estimate),
            f"{name}_high": high(estimate),
            f"{name}_corrected": None if one is None else one.corrected.value,
            f"{name}_corrected_low": None if one is None else low(one.corrected),
            f"{name}_corrected_high": None if one is None else high(one.corrected),
            f"{name}_humans": None if one is None else one.n_human,
        }
    return say(
        "measured_many",
        n_results=len(results),
        n_models=len({cell.model for cell in results}),
        n_concepts=len({cell.concept for cell in results}),
        n_corrected=sum((cell.model, cell.concept, cell.rater) in known for cell in results),
        scales=[scales[ordered[0].rater], scales[ordered[-1].rater]],
        **params,
        **common,
    )


def _chosen(f: Findings, cell: Cell) -> Estimate:
    return cell.benchmark if f.setting.estimand == "benchmark" else cell.generalized
