"""The verdict in two sentences: what was measured of the models, and how far the laboratories agree.

Responsible for choosing the sentence and its numbers; `reporting` says it. The rules, in this order:

1. Sentence one gives each model × concept by its primary rater over all laboratories and languages, under
   the estimand that the protocol fixed beforehand, and beside it the number after the rater's errors are
   taken out where real humans rated enough; with more than MAX_RESULTS of them, the lowest and the highest.
2. Sentence two looks at the paired differences between laboratories, corrected over their family: if any
   pair differs, the laboratory that is farthest from the mean of the others is named with what its
   manifest shows; if all are equivalent within the margin, they agree; else it is not settled. "No
   significant difference" is never called agreement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from consilience.evaluation.analysis_contrasts import Cube, compare, make_cube, side
from consilience.evaluation.analysis_setting import Setting, to_estimate
from consilience.evaluation.joint_result import (
    BetweenLaboratories,
    Cell,
    Contrast,
    Correction,
    Counts,
    Deviation,
    Estimate,
    Message,
    MinimumDifference,
    Value,
)
from consilience.evaluation.merge_tables import ScoreTables
from consilience.evaluation.message_codes import say

MAX_RESULTS = 6
MAX_FIELDS = 3
_SEVERITY = {"major": 0, "minor": 1, "unknown": 2}


@dataclass(frozen=True, eq=False)
class Findings:
    """What the verdict is made from."""

    tables: ScoreTables
    setting: Setting
    counts: Counts
    cells: Sequence[Cell]
    contrasts: Sequence[Contrast]
    between: Sequence[BetweenLaboratories]
    minimum_differences: Sequence[MinimumDifference]
    deviations: Sequence[Deviation]
    with_manifest: frozenset[tuple[str, str]]
    """Laboratory and model of every run whose deviations could be computed."""
    corrections: Sequence[Correction] = ()


def make_verdict(findings: Findings) -> tuple[Message, Message]:
    """Return the two sentences."""
    return _measured(findings), _agreement(findings)


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
    common: dict[str, Value | Sequence[Value]] = {
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
        lows=[_low(estimate) for estimate in estimates],
        highs=[_high(estimate) for estimate in estimates],
        n_items=[estimate.n_items for estimate in estimates],
        n_scores=[estimate.n_scores for estimate in estimates],
        raters=[cell.rater for cell in results],
        scales=[raters[cell.rater].scale for cell in results],
        higher_is_better=[higher[cell.concept] for cell in results],
        simulated=[raters[cell.rater].simulated for cell in results],
        **_corrected(f, results),
        **common,
    )


def _corrected(f: Findings, results: Sequence[Cell]) -> dict[str, Value | Sequence[Value]]:
    """Return the corrected numbers beside the results, where real humans rated enough; else None."""
    known = {
        (one.model, one.concept, one.rater): one
        for one in f.corrections
        if one.laboratory is None
        and one.language is None
        and not one.simulated
        and one.corrected.value is not None
    }
    found = [known.get((cell.model, cell.concept, cell.rater)) for cell in results]
    return {
        "corrected": [None if one is None else one.corrected.value for one in found],
        "corrected_lows": [None if one is None else _low(one.corrected) for one in found],
        "corrected_highs": [None if one is None else _high(one.corrected) for one in found],
        "corrected_humans": [None if one is None else one.n_human for one in found],
    }


def _measured_many(
    f: Findings, results: Sequence[Cell], common: dict[str, Value | Sequence[Value]]
) -> Message:
    ordered = sorted(results, key=lambda cell: _chosen(f, cell).value or 0.0)
    scales = {rater.id: rater.scale for rater in f.setting.raters}
    params: dict[str, Value | Sequence[Value]] = {}
    for name, cell in (("lowest", ordered[0]), ("highest", ordered[-1])):
        estimate = _chosen(f, cell)
        params |= {
            f"{name}_model": cell.model,
            f"{name}_concept": cell.concept,
            f"{name}_value": estimate.value,
            f"{name}_low": _low(estimate),
            f"{name}_high": _high(estimate),
        }
    return say(
        "measured_many",
        n_results=len(results),
        n_models=len({cell.model for cell in results}),
        n_concepts=len({cell.concept for cell in results}),
        scales=[scales[ordered[0].rater], scales[ordered[-1].rater]],
        **params,
        **common,
    )


def _chosen(f: Findings, cell: Cell) -> Estimate:
    return cell.benchmark if f.setting.estimand == "benchmark" else cell.generalized


def _low(estimate: Estimate) -> float | None:
    return None if estimate.interval is None else estimate.interval.low


def _high(estimate: Estimate) -> float | None:
    return None if estimate.interval is None else estimate.interval.high


def _agreement(f: Findings) -> Message:
    laboratories = f.tables.laboratories
    if not laboratories:
        return say("laboratories_none")
    if len(laboratories) == 1:
        return say("laboratories_one", laboratory=laboratories[0])
    pairs = [one for one in f.contrasts if one.axis == "laboratory" and one.language is None]
    usable = [pair for pair in pairs if pair.difference.value is not None]
    if not usable:
        most = max((pair.n_common for pair in pairs), default=0)
        return say("laboratories_not_comparable", n_laboratories=len(laboratories), n_common=most)
    different = [pair for pair in usable if _is_different(pair)]
    if different:
        return _differ(f, different)
    largest = max(usable, key=_size)
    params = {"n_laboratories": len(laboratories), "n_pairs": len(usable), **_pair(f, largest)}
    equivalent = sum(pair.verdict == "equivalent" for pair in usable)
    if equivalent == len(pairs):
        margins = [pair.margin for pair in usable if pair.margin is not None]
        return say("laboratories_agree", margin=max(margins), **params)
    detectable = [
        m.difference for m in f.minimum_differences if m.axis == "laboratory" and m.concept == largest.concept
    ]
    return say(
        "laboratories_inconclusive",
        n_equivalent=equivalent,
        margin=largest.margin,
        detectable=detectable[0] if detectable else None,
        **params,
    )


def _is_different(pair: Contrast) -> bool:
    """Also a difference that is the same on every item, which has a p value and no interval."""
    return pair.verdict == "different" or (pair.verdict == "not estimable" and bool(pair.significant))


def _size(pair: Contrast) -> float:
    return abs(pair.difference.value or 0.0)


def _pair(f: Findings, pair: Contrast) -> dict[str, Value | Sequence[Value]]:
    return {
        "left": pair.left,
        "right": pair.right,
        "model": pair.model,
        "concept": pair.concept,
        "difference": pair.difference.value,
        "low": _low(pair.difference),
        "high": _high(pair.difference),
        "level": f.setting.level,
        "scale": _scale(f, pair.concept),
    }


def _scale(f: Findings, concept: str) -> str:
    chosen = next(one for one in f.setting.concepts if one.id == concept)
    return f.setting.raters[chosen.primary].scale


@dataclass(frozen=True)
class _Odd:
    """A laboratory against the mean of the others."""

    laboratory: str
    model: str
    concept: str
    difference: Estimate
    others: tuple[str, ...]


def _differ(f: Findings, different: Sequence[Contrast]) -> Message:
    """Name the laboratory that stands apart, or the pair where that cannot be said."""
    names = sorted({(pair.model or "", pair.concept) for pair in different})
    candidates = [
        odd
        for model, concept in names
        for odd in _against_others(f, model, concept)
        if any(
            odd.laboratory in (p.left, p.right) and p.model == model and p.concept == concept
            for p in different
        )
    ]
    if len(f.tables.laboratories) < 3 or not candidates:
        return _differing_pair(f, max(different, key=_size))
    odd = max(candidates, key=lambda one: abs(one.difference.value or 0.0))
    rest = {name for p in different if odd.laboratory not in (p.left, p.right) for name in (p.left, p.right)}
    between = next(
        (b for b in f.between if (b.model, b.concept, b.language) == (odd.model, odd.concept, None)), None
    )
    concept = next(c for c in f.setting.concepts if c.id == odd.concept)
    params: dict[str, Value | Sequence[Value]] = {
        "scale": _scale(f, odd.concept),
        "laboratory": odd.laboratory,
        "n_laboratories": len(f.tables.laboratories),
        "model": odd.model,
        "concept": odd.concept,
        "difference": odd.difference.value,
        "low": _low(odd.difference),
        "high": _high(odd.difference),
        "level": f.setting.level,
        "n_items": odd.difference.n_items,
        "others": list(odd.others),
        "also": sorted(rest),
        "margin": concept.margins.laboratory,
        "spread": between.between_sd if between else None,
        "spread_without": between.leave_one_out.get(odd.laboratory) if between else None,
    }
    if (odd.laboratory, odd.model) not in f.with_manifest:
        return say("laboratories_differ_unknown", **params)
    own = _own_deviations(f, odd.laboratory, odd.model, odd.others)
    if not own:
        return say("laboratories_differ_unexplained", **params)
    return say(
        "laboratories_differ_deviation",
        fields=[one.field for one in own[:MAX_FIELDS]],
        planned=[one.planned for one in own[:MAX_FIELDS]],
        actual=[one.actual for one in own[:MAX_FIELDS]],
        n_deviations=len(own),
        **params,
    )


def _against_others(f: Findings, model: str, concept: str) -> list[_Odd]:
    """Compare each laboratory with the mean of the others on the items that it shares with at least one of
    them."""
    number = next(k for k, one in enumerate(f.setting.concepts) if one.id == concept)
    rater = f.setting.concepts[number].primary
    cube = make_cube(f.tables, number, rater)
    if cube is None:
        return []
    one_model = side(cube, (f.tables.models.index(model),))
    found = []
    for code, name in enumerate(f.tables.laboratories):
        rest = [
            k
            for k in range(len(f.tables.laboratories))
            if k != code and np.isfinite(one_model.means[k]).any()
        ]
        if not rest or not np.isfinite(one_model.means[code]).any():
            continue
        contrast, _, _ = compare(
            side(one_model, (code,)), _mean_of(one_model, rest), f.setting.raters[rater], f.setting.level
        )
        if contrast.difference.value is not None:
            others = tuple(f.tables.laboratories[k] for k in rest)
            found.append(_Odd(name, model, concept, to_estimate(contrast.difference, "generalized"), others))
    return found


def _mean_of(cube: Cube, laboratories: Sequence[int]) -> Cube:
    """Return the mean of several laboratories, item by item."""
    means = cube.means[list(laboratories)]
    given = np.isfinite(means)
    number = given.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(given, means, 0.0).sum(axis=0) / number
    return Cube(mean, cube.scores[list(laboratories)].sum(axis=0))


def _own_deviations(f: Findings, laboratory: str, model: str, others: Sequence[str]) -> list[Deviation]:
    """Deviations of one laboratory that not all of the others have in the same way, major ones first."""
    mine = [d for d in f.deviations if (d.laboratory, d.model) == (laboratory, model)]
    theirs: dict[tuple[str, str], set[str]] = {}
    for d in f.deviations:
        if d.model == model and d.laboratory in others:
            theirs.setdefault((d.field, str(d.actual)), set()).add(d.laboratory)
    own = [d for d in mine if not theirs.get((d.field, str(d.actual)))]
    return sorted(own, key=lambda d: _SEVERITY[d.severity])


def _differing_pair(f: Findings, pair: Contrast) -> Message:
    model = pair.model or ""
    own = [
        *_own_deviations(f, pair.left, model, (pair.right,)),
        *_own_deviations(f, pair.right, model, (pair.left,)),
    ]
    own = sorted(own, key=lambda d: _SEVERITY[d.severity])[:MAX_FIELDS]
    return say(
        "laboratories_differ_pair",
        n_laboratories=len(f.tables.laboratories),
        n_items=pair.difference.n_items,
        margin=pair.margin,
        laboratories=[d.laboratory for d in own],
        fields=[d.field for d in own],
        planned=[d.planned for d in own],
        actual=[d.actual for d in own],
        **_pair(f, pair),
    )
