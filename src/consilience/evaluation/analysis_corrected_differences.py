"""Differences between languages, laboratories and models with the judge's own error taken out on each side.

Stands on `analysis_correction`. A side is the mean over the strata (laboratory × language) that both sides
have, each with the same weight; items that both sides share are paired. Families of correction are axis ×
concept × rater, over all models. Invariant: nothing is called equivalent without a margin.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from consilience.evaluation.analysis_aim import Aim, corrected_aim, need_reason, width_of_scores
from consilience.evaluation.analysis_contrasts import MAX_CONTRASTS
from consilience.evaluation.analysis_correction import lacking
from consilience.evaluation.analysis_judged import Judged
from consilience.evaluation.analysis_setting import Setting, no_estimate, to_estimate
from consilience.evaluation.joint_result import Axis, CorrectedDifference, Estimate, Message
from consilience.evaluation.merge import Merged
from consilience.evaluation.message_codes import say
from consilience.evaluation.protocol import RaterKind
from consilience.statistics.equivalence import equivalence
from consilience.statistics.multiplicity import adjust
from consilience.statistics.stratified_prediction import CorrectedContrast, difference

AXES: tuple[Axis, ...] = ("language", "laboratory", "model")
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class CorrectedOdd:
    """One laboratory against the mean of the others, with the rater's errors taken out on both sides."""

    laboratory: str
    model: str
    concept: str
    rater: str
    difference: Estimate
    others: tuple[str, ...]
    n_human: int


@dataclass(frozen=True, eq=False)
class _Pair:
    axis: Axis
    judged: Judged
    model: int | None
    left: int
    right: int
    sides: tuple[Mask, Mask]
    found: CorrectedContrast


def make_corrected_differences(
    merged: Merged, setting: Setting, judged: Sequence[Judged]
) -> tuple[tuple[CorrectedDifference, ...], list[Message]]:
    """Correct the differences of judges, and of raters that carry a concept, along every axis but raters.

    Returns:
        The differences, and notes on axes that have more than MAX_CONTRASTS pairs, of which none is computed.
    """
    rows: list[CorrectedDifference] = []
    notes = []
    able = [one for one in judged if one.strata is not None and _entered(setting, one)]
    for axis in AXES:
        planned = sum(_planned(one, axis) for one in able)
        if planned > MAX_CONTRASTS:
            notes.append(
                say("note_corrected_differences_capped", axis=axis, pairs=planned, limit=MAX_CONTRASTS)
            )
            continue
        for one in able:
            rows += _family(merged, setting, list(_pairs(merged, setting, one, axis)))
    return tuple(rows), notes


def make_corrected_odds(
    merged: Merged, setting: Setting, judged: Sequence[Judged]
) -> tuple[CorrectedOdd, ...]:
    """Hold each laboratory against the mean of the others, for raters that carry a concept and that real
    humans checked; sides are compared in the languages that both have.

    Returns:
        Laboratories whose human ratings and those of the others suffice; none where there are fewer than
        three laboratories, or more of them than MAX_CONTRASTS.
    """
    able = [
        one
        for one in judged
        if one.strata is not None and not one.simulated and setting.concepts[one.concept].primary == one.rater
    ]
    if len(merged.tables.laboratories) < 3 or sum(_n_odds(one) for one in able) > MAX_CONTRASTS:
        return ()
    return tuple(odd for one in able for odd in _odds(merged, setting, one))


def _n_odds(one: Judged) -> int:
    return int(np.unique(one.model).size * np.unique(one.laboratory).size)


def _odds(merged: Merged, setting: Setting, one: Judged) -> Iterator[CorrectedOdd]:
    tables = merged.tables
    for model in np.unique(one.model).tolist():
        here = one.model == model
        for laboratory in np.unique(one.laboratory[here]).tolist():
            mine, rest = here & (one.laboratory == laboratory), here & (one.laboratory != laboratory)
            shared = np.intersect1d(one.language[mine], one.language[rest])
            sides = mine & np.isin(one.language, shared), rest & np.isin(one.language, shared)
            if not shared.size:
                continue
            found = _found(merged, setting, one, "laboratory", sides).corrected
            if found.estimate.value is not None:
                yield CorrectedOdd(
                    laboratory=tables.laboratories[laboratory],
                    model=tables.models[model],
                    concept=setting.concepts[one.concept].id,
                    rater=setting.raters[one.rater].id,
                    difference=to_estimate(found.estimate, "generalized"),
                    others=tuple(tables.laboratories[code] for code in np.unique(one.laboratory[sides[1]])),
                    n_human=found.n_human,
                )


def _entered(setting: Setting, one: Judged) -> bool:
    carries = setting.concepts[one.concept].primary == one.rater
    return carries or setting.raters[one.rater].kind is RaterKind.JUDGE


def _codes(one: Judged, axis: Axis) -> NDArray[np.int64]:
    return {"language": one.language, "laboratory": one.laboratory, "model": one.model}[axis]


def _planned(one: Judged, axis: Axis) -> int:
    n = np.unique(_codes(one, axis)).size
    return int(n * (n - 1) // 2 * (1 if axis == "model" else np.unique(one.model).size))


def _pairs(merged: Merged, setting: Setting, one: Judged, axis: Axis) -> Iterator[_Pair]:
    codes = _codes(one, axis)
    models: list[int | None] = [None] if axis == "model" else [*np.unique(one.model).tolist()]
    for model in models:
        within = np.ones(codes.size, dtype=np.bool_) if model is None else one.model == model
        for left, right in combinations(np.unique(codes[within]).tolist(), 2):
            sides = _common(one, axis, within & (codes == left), within & (codes == right))
            if sides is not None:
                yield _Pair(axis, one, model, left, right, sides, _found(merged, setting, one, axis, sides))


def _common(one: Judged, axis: Axis, left: Mask, right: Mask) -> tuple[Mask, Mask] | None:
    """Cut both sides to the strata whose other codes are the same, such as the laboratories that two
    languages share."""
    others = [_codes(one, other) for other in AXES if other != axis]
    key = others[0] * (int(others[1].max()) + 1) + others[1]
    shared = np.intersect1d(key[left], key[right])
    if not shared.size:
        return None
    here = np.isin(key, shared)
    return left & here, right & here


def _found(
    merged: Merged, setting: Setting, one: Judged, axis: Axis, sides: tuple[Mask, Mask]
) -> CorrectedContrast:
    assert one.strata is not None
    return difference(
        one.strata, *sides, level=setting.level, span=setting.raters[one.rater].span,
        wanted=_aim(merged, setting, one, axis).half_width,
        spread=width_of_scores(merged, setting, one.rater, one.concept),
    )  # fmt: skip


def _aim(merged: Merged, setting: Setting, one: Judged, axis: Axis) -> Aim:
    margin = getattr(setting.concepts[one.concept].margins, axis)
    return corrected_aim(merged, setting, one.rater, one.concept, margin)


def _family(merged: Merged, setting: Setting, pairs: Sequence[_Pair]) -> Iterator[CorrectedDifference]:
    adjusted = adjust([pair.found.p_value for pair in pairs], setting.multiplicity)
    for pair, p_adjusted in zip(pairs, adjusted, strict=True):
        yield _written(merged, setting, pair, p_adjusted)


def _written(merged: Merged, setting: Setting, pair: _Pair, p_adjusted: float | None) -> CorrectedDifference:
    tables, one, found = merged.tables, pair.judged, pair.found.corrected
    aim = _aim(merged, setting, one, pair.axis)
    concept = setting.concepts[one.concept]
    names = {"language": tables.languages, "laboratory": tables.laboratories, "model": tables.models}[
        pair.axis
    ]
    margin = getattr(concept.margins, pair.axis)
    significant = None if p_adjusted is None else p_adjusted < 1.0 - setting.level
    verdict = equivalence(found.estimate, pair.found.wide_interval, margin, different=significant).verdict
    corrected = to_estimate(found.estimate, "generalized")
    if found.estimate.value is None:
        corrected = no_estimate(lacking(tables, one, pair.sides[0] | pair.sides[1]), "generalized")
    return CorrectedDifference(
        axis=pair.axis,
        left=names[pair.left],
        right=names[pair.right],
        model=None if pair.model is None else tables.models[pair.model],
        concept=concept.id,
        rater=setting.raters[one.rater].id,
        raw=found.raw,
        corrected=corrected,
        p_value=pair.found.p_value,
        p_adjusted=p_adjusted,
        margin=margin,
        verdict=verdict,
        n_human=found.n_human,
        human_needed=found.human_needed,
        human_needed_reason=need_reason(
            found.need, aim, n_judge=found.n_judge, n_items=found.estimate.n_items
        ),
        wanted=aim.half_width,
        wanted_basis=aim.basis,
        primary=concept.primary == one.rater,
        simulated=one.simulated,
    )
