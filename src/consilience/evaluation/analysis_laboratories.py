"""Laboratories beside each other: precision of the exercise, who stands apart, and what it would be
without one.

For each model and concept by its primary rater, over all languages (each language the same weight) and in
each language.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from consilience.evaluation.analysis_setting import Setting, reason_message, to_estimate, to_interval
from consilience.evaluation.joint_result import BetweenLaboratories, LaboratoryScore
from consilience.evaluation.merge_tables import ScoreTables
from consilience.statistics import interlaboratory

MARGIN_IN_SD = 2.0
"""The margin is taken for two standard deviations of proficiency, so that |z| = 2 stands at the margin
(ISO 13528, 8.2: a value by perception of experts)."""


def make_between(tables: ScoreTables, setting: Setting) -> tuple[BetweenLaboratories, ...]:
    """Compute the precision between laboratories for every model and concept, over all languages and in
    each."""
    return tuple(_all(tables, setting))


def _all(tables: ScoreTables, setting: Setting) -> Iterator[BetweenLaboratories]:
    items = tables.items
    for concept, chosen in enumerate(setting.concepts):
        used = (items.concept == concept) & (items.counts[chosen.primary] > 0)
        for model in range(len(tables.models)):
            rows = used & (items.model == model)
            if not rows.any():
                continue
            yield _one(tables, setting, (model, concept), rows, None)
            languages = np.unique(items.language[rows]).tolist()
            for language in languages if len(languages) > 1 else []:
                yield _one(tables, setting, (model, concept), rows & (items.language == language), language)


def _one(
    tables: ScoreTables,
    setting: Setting,
    what: tuple[int, int],
    rows: NDArray[np.bool_],
    language: int | None,
) -> BetweenLaboratories:
    model, concept = what
    items, chosen = tables.items, setting.concepts[concept]
    rater = chosen.primary
    margin = chosen.margins.laboratory
    present, laboratory = np.unique(items.laboratory[rows], return_inverse=True)
    found = interlaboratory.between_laboratories(
        laboratory.ravel(),
        items.item[rows],
        items.sums[rater][rows],
        items.counts[rater][rows],
        items.squares[rater][rows],
        present.size,
        part=items.language[rows] if language is None else None,
        level=setting.level,
        bounds=setting.raters[rater].bounds,
        proficiency_sd=margin / MARGIN_IN_SD if margin else None,
    )
    names = [tables.laboratories[code] for code in present.tolist()]
    return BetweenLaboratories(
        model=tables.models[model],
        concept=chosen.id,
        rater=setting.raters[rater].id,
        language=None if language is None else tables.languages[language],
        laboratories=tuple(
            _score(name, one, found.z_basis) for name, one in zip(names, found.laboratories, strict=True)
        ),
        repeatability_sd=found.repeatability_sd,
        between_sd=found.between_sd,
        between_sd_interval=to_interval(found.between_sd_interval),
        between_variance_raw=found.between_variance_raw,
        reproducibility_sd=found.reproducibility_sd,
        leave_one_out=dict(zip(names, found.leave_one_out, strict=True)),
        p_homogeneous=found.p_homogeneous,
        reason=reason_message(found.reason, n_laboratories=present.size),
        n_items=found.n_items,
        item_laboratory_variance_raw=found.item_laboratory_variance_raw,
        h_critical=found.h_critical,
        k_critical=found.k_critical,
        repeatability_basis=found.repeatability_basis,
    )


def _score(name: str, one: interlaboratory.LaboratoryResult, z_basis: str | None) -> LaboratoryScore:
    return LaboratoryScore(
        laboratory=name,
        mean=to_estimate(one.mean, "generalized"),
        h=one.h,
        k=one.k,
        z=one.z,
        z_basis=z_basis if one.z is not None else None,
        flagged=bool(one.odd),
        reason=reason_message(one.deviation.reason),
        deviation=to_estimate(one.deviation, "generalized"),
        differs_from=one.differs_from,
    )
