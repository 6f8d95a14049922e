"""What these laboratories say of a further one: their mean as a sample, and where the next would likely lie.

Pure. Invariants: a mean of laboratories speaks of these items; where nothing can be said of a further
laboratory, the reason stands there; an outlier by a test is told with the test and its level.
"""

from __future__ import annotations

from markupsafe import Markup

from consilience.evaluation.joint_result import BetweenLaboratories, OutlierTest, RandomEffects
from consilience.reporting.charts.axis import Axis
from consilience.reporting.charts.forest import Mark, row
from consilience.reporting.language_names import N_
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.context import Context, mark_of
from consilience.reporting.sections.view import DataTable, ForestGroup, ForestRow, Reading, data_table

TESTS = {
    "cochran": N_("Cochran’s test of the largest spread within"),
    "grubbs": N_("Grubbs’ test of the mean farthest off"),
}
LEVELS = {"outlier": 0.01, "straggler": 0.05}
"""Levels of the tests (ISO 5725-2, 7.3.2.1)."""
FOUND = {
    "outlier": N_("outlier (beyond the {outlier:level} value)"),
    "straggler": N_("straggler (beyond the {straggler:level} value)"),
    "none": N_("nothing found"),
}


def summary_ends(table: BetweenLaboratories) -> list[float | None]:
    """Return the ends that an axis should hold beside those of the laboratories themselves."""
    summary = table.summary
    if summary is None or summary.mean.interval is None:
        return []
    return [summary.mean.interval.low, summary.mean.interval.high]


def summary_group(context: Context, table: BetweenLaboratories, axis: Axis) -> tuple[ForestGroup, ...]:
    """Return the rows of the mean over laboratories and of a further laboratory; none for fewer than two."""
    summary = table.summary
    if summary is None or summary.mean.value is None:
        return ()
    voice, binary = context.voice, context.is_binary(table.rater)
    counted = voice.tn("{n:count} laboratory", "{n:count} laboratories", summary.n_laboratories)
    mean = context.reading(summary.mean, binary=binary)
    label = voice.t("Mean of the laboratories")
    rows = [
        ForestRow(
            label=label,
            plot=row(
                mark_of(summary.mean, shape="diamond", tone="pooled"),
                axis,
                title=f"{without_markup(label)}: {without_markup(mean.value)}",
            ),
            reading=Reading(
                value=mean.value, interval=mean.interval, n=counted, has_interval=mean.has_interval
            ),
            strong=True,
        )
    ]
    if summary.prediction is not None:
        label = voice.t("A further laboratory")
        told = context.interval(summary.prediction, binary=binary)
        rows.append(
            ForestRow(
                label=label,
                plot=row(
                    Mark(value=None, low=summary.prediction.low, high=summary.prediction.high),
                    axis,
                    title=f"{without_markup(label)}: {without_markup(told)}",
                ),
                reading=Reading(
                    value=voice.t("open") if _says_nothing(summary, binary=binary) else voice.t("likely"),
                    interval=told,
                    n=counted,
                ),
            )
        )
    return (
        ForestGroup(
            heading=voice.t(
                "Over laboratories like these (random-effects mean; how hard the items are is held fixed)"
            ),
            rows=tuple(rows),
        ),
    )


def further_sentences(context: Context, table: BetweenLaboratories) -> list[Markup]:
    """Say how much of the spread is more than chance, what a further laboratory would find, and outliers."""
    summary = table.summary
    if summary is None or len(table.laboratories) < 2:
        return []
    told = []
    if summary.i_squared is not None:
        told.append(_more_than_chance(context, summary))
    told.append(_further(context, table, summary))
    told += [
        _outlying(context, test) for test in table.outlier_tests if test.found in {"outlier", "straggler"}
    ]
    return told


def _more_than_chance(context: Context, summary: RandomEffects) -> Markup:
    voice, interval = context.voice, summary.i_squared_interval
    if summary.i_squared == 0:
        head = voice.t("The laboratories’ results differ no more than chance alone would make them differ")
    else:
        head = voice.t(
            "About {share:rate} of how far the laboratories’ results lie apart is more than chance",
            share=summary.i_squared,
        )
    if interval is None:
        return voice.t("{said}.", said=head)
    return voice.t(
        "{said} (I²; {level:level} interval {range}; {n:count} laboratories).",
        said=head,
        level=interval.level,
        range=voice.range(interval.low, interval.high, "rate"),
        n=summary.n_laboratories,
    )


def _further(context: Context, table: BetweenLaboratories, summary: RandomEffects) -> Markup:
    voice, binary, interval = context.voice, context.is_binary(table.rater), summary.prediction
    if interval is None:
        return voice.t(
            "What a further laboratory would find cannot be said: {reason}.",
            reason=voice.reason(summary.reason),
        )
    if _says_nothing(summary, binary=binary):
        return voice.t(
            "What a further laboratory would find, {n:count} laboratories cannot tell: "
            "its {level:level} prediction interval is the whole scale.",
            n=summary.n_laboratories,
            level=interval.level,
        )
    scale = {"scale": "binary" if binary else "continuous"}
    return voice.t(
        "A further laboratory that works like these would likely find a result between {low:score} and "
        "{high:score} on these items ({level:level} prediction interval from {n:count} laboratories).",
        low=interval.low,
        high=interval.high,
        level=interval.level,
        n=summary.n_laboratories,
        **scale,
    )


def _says_nothing(summary: RandomEffects, *, binary: bool) -> bool:
    """Whether a further laboratory could lie anywhere on a scale of rates."""
    interval = summary.prediction
    return binary and interval is not None and interval.low <= 0 and interval.high >= 1


def _outlying(context: Context, test: OutlierTest) -> Markup:
    voice = context.voice
    if test.found == "outlier":
        return voice.t(
            "{laboratory} is an outlier: {test} goes beyond its {outlier:level} value (ISO 5725-2).",
            laboratory=test.laboratory,
            test=voice.t(TESTS[test.test]),
            **LEVELS,
        )
    return voice.t(
        "{laboratory} is a straggler: {test} goes beyond its {straggler:level} value, not its "
        "{outlier:level} value (ISO 5725-2).",
        laboratory=test.laboratory,
        test=voice.t(TESTS[test.test]),
        **LEVELS,
    )


def outlier_table(context: Context, table: BetweenLaboratories, key: str) -> DataTable | None:
    """Return the outlier tests with their critical values, or why one could not be made."""
    if not table.outlier_tests:
        return None
    voice = context.voice
    rows = []
    for test in table.outlier_tests:
        found = (
            voice.t(FOUND[test.found], **LEVELS)
            if test.found in FOUND
            else context.not_estimable(test.reason)
        )
        rows.append(
            (
                voice.t(TESTS[test.test]),
                context.name(test.laboratory) if test.laboratory is not None else voice.t("none"),
                *(_plain(context, number) for number in (test.statistic, test.critical_5, test.critical_1)),
                found,
            )
        )
    return data_table(
        f"table-outliers-{key}",
        voice.t("Tests for a laboratory that stands out (ISO 5725-2)"),
        [
            (voice.t("Test"), False),
            (voice.t("Farthest off"), False),
            (voice.t("Statistic"), True),
            (voice.t("{straggler:level} value", **LEVELS), True),
            (voice.t("{outlier:level} value", **LEVELS), True),
            (voice.t("Reading"), False),
        ],
        rows,
    )


def _plain(context: Context, number: float | None) -> Markup:
    return context.voice.t("none") if number is None else context.number(number, places=3)
