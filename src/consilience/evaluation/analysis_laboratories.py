"""Laboratories beside each other: precision of the exercise, who stands apart, and what it would be
without one.

For each model and concept by its primary rater, over all languages (each language the same weight) and in
each language.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from consilience.evaluation.analysis_setting import Setting, reason_message, to_estimate, to_interval
from consilience.evaluation.joint_result import (
    BetweenLaboratories,
    LaboratoryScore,
    OutlierTest,
    RandomEffects,
)
from consilience.evaluation.merge_columns import narrow
from consilience.evaluation.merge_tables import ScoreTables
from consilience.statistics import estimate as statistics
from consilience.statistics import interlaboratory, precision
from consilience.statistics.item_rows import compact

_FOUND: dict[str, Literal["outlier", "straggler", "none"]] = {
    "outlier": "outlier", "straggler": "straggler", "correct": "none",
}  # fmt: skip
_SCORES = {"mandel_h": "h", "mandel_k": "k", "z_score": "z", "zeta_score": "zeta"}
MARGIN_IN_SD = 2.0
"""The margin is taken for two standard deviations of proficiency, so that |z| = 2 stands at the margin
(ISO 13528, 8.2: a value by perception of experts)."""


def make_between(tables: ScoreTables, setting: Setting) -> tuple[BetweenLaboratories, ...]:
    """Compute the precision between laboratories for every model and concept, over all languages and in
    each."""
    return tuple(_all(tables, setting))


def method_keys(tables: Iterable[BetweenLaboratories]) -> set[str]:
    """Return the keys of the methods behind the numbers of these tables."""
    keys: set[str] = set()
    for table in tables:
        numbers = {
            "item_paired_laboratories": table.between_sd,
            "hotelling": table.p_homogeneous,
            "algorithm_a": table.robust_mean,
            "hartung_knapp": None if table.summary is None else table.summary.tau,
            "prediction": None if table.summary is None else table.summary.prediction,
        }
        for score in table.laboratories:
            numbers |= {
                name: getattr(score, field)
                for name, field in _SCORES.items()
                if getattr(score, field) is not None
            }
        keys |= {name for name, number in numbers.items() if number is not None}
        keys |= {test.test for test in table.outlier_tests if test.found != "not estimable"}
    return keys


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
    present, laboratory = compact(items.laboratory[rows], len(tables.laboratories))
    found = interlaboratory.between_laboratories(
        narrow(laboratory),
        narrow(items.item[rows]),
        narrow(items.sums[rater][rows]),
        narrow(items.counts[rater][rows]),
        narrow(items.squares[rater][rows]),
        present.size,
        part=narrow(items.language[rows]) if language is None else None,
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
            _score(name, one, found) for name, one in zip(names, found.laboratories, strict=True)
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
        summary=_summary(found),
        outlier_tests=_outlier_tests(found, names),
        **_robust(found),
    )


def _robust(found: interlaboratory.BetweenLaboratories) -> dict[str, float | None]:
    if found.robust is None:
        return {}
    return {"robust_mean": found.robust.mean, "robust_sd": found.robust.sd}


def _score(
    name: str, one: interlaboratory.LaboratoryResult, found: interlaboratory.BetweenLaboratories
) -> LaboratoryScore:
    why = one.deviation.reason
    if one.deviation.value is not None and one.zeta is None and found.robust is not None:
        why = found.robust.reason or found.reason
    elif why is None and one.z is None:
        why = found.reason or statistics.Reason.ZERO_SPREAD
    return LaboratoryScore(
        laboratory=name,
        mean=to_estimate(one.mean, "generalized"),
        h=one.h,
        k=one.k,
        z=one.z,
        z_basis=found.z_basis if one.z is not None else None,
        flagged=bool(one.odd),
        reason=reason_message(why, n_laboratories=len(found.laboratories)),
        deviation=to_estimate(one.deviation, "generalized"),
        differs_from=one.differs_from,
        zeta=one.zeta,
    )


def _summary(found: interlaboratory.BetweenLaboratories) -> RandomEffects:
    """The random-effects mean; on these items, since the items' own spread is not in the errors."""
    count, summary = len(found.laboratories), found.summary
    if summary is None:
        mean = statistics.empty(found.reason or statistics.Reason.NO_SCORES, "hartung_knapp")
        return RandomEffects(
            mean=to_estimate(mean, "benchmark"), tau=None, tau_interval=None,
            i_squared=None, i_squared_interval=None, prediction=None, n_laboratories=count,
            method="hartung_knapp", reason=reason_message(found.reason, n_laboratories=count),
        )  # fmt: skip
    scores = sum(one.mean.n_scores for one in found.laboratories if one.deviation.value is not None)
    return RandomEffects(
        mean=to_estimate(replace(summary.mean, n_scores=scores), "benchmark"),
        tau=None if summary.tau2 is None else math.sqrt(summary.tau2),
        tau_interval=to_interval(found.between_sd_interval),
        i_squared=summary.i_squared,
        i_squared_interval=to_interval(summary.i_squared_interval),
        prediction=to_interval(summary.prediction),
        n_laboratories=summary.mean.n_items,
        method="hartung_knapp",
        reason=reason_message(found.reason, n_laboratories=count),
    )


def _outlier_tests(
    found: interlaboratory.BetweenLaboratories, names: Sequence[str]
) -> tuple[OutlierTest, ...]:
    tests = found.outliers
    return (
        _outlier_test("cochran", tests.cochran, tests.cochran_reason, names),
        _outlier_test("grubbs", tests.grubbs, tests.grubbs_reason, names),
    )


def _outlier_test(
    key: str, test: precision.OutlierTest | None, reason: statistics.Reason | None, names: Sequence[str]
) -> OutlierTest:
    if test is None:
        return OutlierTest(
            test=key, laboratory=None, statistic=None, critical_5=None, critical_1=None,
            found="not estimable", reason=reason_message(reason, n_laboratories=len(names)),
        )  # fmt: skip
    return OutlierTest(
        test=key,
        laboratory=names[test.position],
        statistic=test.statistic,
        critical_5=test.critical_5,
        critical_1=test.critical_1,
        found=_FOUND[test.verdict],
    )
