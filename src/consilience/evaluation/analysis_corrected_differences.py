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

from consilience.evaluation.analysis_contrasts import MAX_CONTRASTS
from consilience.evaluation.analysis_correction import Judged, lacking, wanted_half_width
from consilience.evaluation.analysis_setting import Setting, no_estimate, to_estimate
from consilience.evaluation.joint_result import Axis, CorrectedDifference, Message
from consilience.evaluation.merge import Merged
from consilience.evaluation.message_codes import say
from consilience.evaluation.protocol import RaterKind
from consilience.statistics.equivalence import equivalence
from consilience.statistics.multiplicity import adjust
from consilience.statistics.stratified_prediction import CorrectedContrast, difference

AXES: tuple[Axis, ...] = ("language", "laboratory", "model")
Mask = NDArray[np.bool_]


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
        wanted=_wanted(merged, setting, one, axis),
    )  # fmt: skip


def _wanted(merged: Merged, setting: Setting, one: Judged, axis: Axis) -> float:
    return wanted_half_width(merged, setting, one, getattr(setting.concepts[one.concept].margins, axis))


def _family(merged: Merged, setting: Setting, pairs: Sequence[_Pair]) -> Iterator[CorrectedDifference]:
    adjusted = adjust([pair.found.p_value for pair in pairs], setting.multiplicity)
    for pair, p_adjusted in zip(pairs, adjusted, strict=True):
        yield _written(merged, setting, pair, p_adjusted)


def _written(merged: Merged, setting: Setting, pair: _Pair, p_adjusted: float | None) -> CorrectedDifference:
    tables, one, found = merged.tables, pair.judged, pair.found.corrected
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
        wanted=_wanted(merged, setting, one, pair.axis),
        primary=concept.primary == one.rater,
        simulated=one.simulated,
    )
