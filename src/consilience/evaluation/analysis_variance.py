"""Where the spread of single scores comes from, and the smallest differences that these data could have
shown.

Components are those of item, laboratory, language, their interactions and the attempt, for each model and
concept by its primary rater. Aggregated attempts (majority, any …) leave nothing of the attempt's spread;
it is then missing.
"""

from __future__ import annotations

import statistics as plain
from collections.abc import Iterator, Sequence

import numpy as np

from consilience.evaluation.analysis_contrasts import AXES
from consilience.evaluation.analysis_setting import Setting, reason_message, to_interval
from consilience.evaluation.joint_result import Component, Contrast, MinimumDifference, VarianceTable
from consilience.evaluation.merge_tables import ScoreTables
from consilience.evaluation.message_codes import say
from consilience.statistics.power import PairedVariances, minimum_detectable_difference
from consilience.statistics.variance import VarianceComponents, variance_components


def make_variance(tables: ScoreTables, setting: Setting) -> tuple[VarianceTable, ...]:
    """Estimate the variance components of every model and concept that has scores of its primary rater."""
    return tuple(_tables(tables, setting))


def _tables(tables: ScoreTables, setting: Setting) -> Iterator[VarianceTable]:
    items = tables.items
    for concept, chosen in enumerate(setting.concepts):
        rater = chosen.primary
        for model in range(len(tables.models)):
            rows = (items.concept == concept) & (items.model == model) & (items.counts[rater] > 0)
            if not rows.any():
                continue
            factors = {"item": items.item[rows], "laboratory": items.laboratory[rows]}
            if len(tables.languages) > 1:
                factors["language"] = items.language[rows]
            found = variance_components(
                factors,
                items.sums[rater][rows],
                items.counts[rater][rows],
                items.squares[rater][rows],
                level=setting.level,
            )
            yield VarianceTable(
                model=tables.models[model],
                concept=chosen.id,
                rater=setting.raters[rater].id,
                components=_components(found, len(tables.laboratories)),
                method=found.method,
                n_scores=found.n_scores,
                reason=reason_message(found.reason, n_laboratories=len(tables.laboratories)),
            )


def _components(found: VarianceComponents, n_laboratories: int) -> tuple[Component, ...]:
    return tuple(
        Component(
            source=one.source,
            variance=one.variance,
            share=one.share,
            share_interval=to_interval(one.share_interval),
            levels=one.levels,
            reason=reason_message(one.reason, n_laboratories=n_laboratories),
        )
        for one in found.components
    )


def make_minimum_differences(
    contrasts: Sequence[Contrast], setting: Setting
) -> tuple[MinimumDifference, ...]:
    """Return, per axis and concept, the smallest difference that the middle one of the pairs could have
    shown.

    The standard error of a paired difference over n items stands for the variance of the differences;
    correction over the family is not taken into account.
    """
    result = []
    for axis in AXES:
        for concept in setting.concepts:
            found = [_detectable(c, setting) for c in contrasts if c.axis == axis and c.concept == concept.id]
            known = [value for value in found if value is not None]
            difference = plain.median_low(known) if known else None
            reason = None if known else say("no_contrast" if not found else "no_interval")
            result.append(
                MinimumDifference(
                    axis=axis, concept=concept.id, difference=difference, power=setting.power, reason=reason
                )
            )
    return tuple(result)


def _detectable(contrast: Contrast, setting: Setting) -> float | None:
    error, n = contrast.difference.standard_error, contrast.difference.n_items
    if error is None or n < 2 or not np.isfinite(error):
        return None
    variances = PairedVariances(item=error**2 * n, within_left=0.0, within_right=0.0)
    return minimum_detectable_difference(n, variances, power=setting.power, level=setting.level)
