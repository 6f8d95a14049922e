"""Judge against human, and how far raters agree.

Pure. Invariant: simulated human ratings are labelled in the heading and in the caption of every chart and
table that rests on them, and in the row where only some are.
"""

from __future__ import annotations

import msgspec
from markupsafe import Markup

from consilience.evaluation.joint_result import Agreement, Estimate, JudgeAgainstHuman
from consilience.reporting import names, numbers
from consilience.reporting.charts.axis import Axis, difference_axis, rate_axis
from consilience.reporting.charts.forest import axis_row, row
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.context import Context, mark_of
from consilience.reporting.sections.view import DataTable, Forest, ForestGroup, ForestRow, data_table


class JudgeBlock(msgspec.Struct, frozen=True, kw_only=True):
    """One rater held against one human rater on one concept."""

    heading: Markup
    simulated: bool
    rates: Forest
    bias: Forest


def judge_blocks(context: Context) -> list[JudgeBlock]:
    """Return a block for each rater, human and concept, over all laboratories where there is such a row."""
    groups: dict[tuple[str, str, str], list[JudgeAgainstHuman]] = {}
    for found in context.result.judges:
        groups.setdefault((found.rater, found.human, found.concept), []).append(found)
    return [_block(context, number, rows) for number, rows in enumerate(groups.values())]


def _block(context: Context, number: int, rows: list[JudgeAgainstHuman]) -> JudgeBlock:
    voice = context.voice
    shown = [found for found in rows if found.laboratory is None] or rows
    order = {tag: position for position, tag in enumerate(context.result.languages)}
    shown = sorted(
        shown, key=lambda found: -1 if found.language is None else order.get(found.language, len(order))
    )
    first = shown[0]
    return JudgeBlock(
        heading=voice.t(
            "{rater} against {human}, on “{concept:concept}”",
            rater=first.rater,
            human=first.human,
            concept=first.concept,
        ),
        simulated=any(found.simulated for found in shown),
        rates=_rates(context, number, shown),
        bias=_bias(context, number, shown),
    )


def _row_label(context: Context, found: JudgeAgainstHuman) -> Markup:
    label = context.language(found.language)
    if found.laboratory is not None:
        label = context.voice.t("{language}, {laboratory}", language=label, laboratory=found.laboratory)
    return label


def _rows(
    context: Context, judged: list[tuple[JudgeAgainstHuman, Estimate]], axis: Axis, *, binary: bool, kind: str
) -> tuple[ForestRow, ...]:
    rows = []
    mixed = len({found.simulated for found, _ in judged}) > 1
    for found, estimate in judged:
        reading = context.reading(estimate, binary=binary, kind=kind)
        pooled = found.language is None
        label = _row_label(context, found)
        mark = mark_of(
            estimate, shape="diamond" if pooled else "circle", tone="pooled" if pooled else "series-1"
        )
        rows.append(
            ForestRow(
                label=label,
                plot=row(mark, axis, title=f"{without_markup(label)}: {without_markup(reading.value)}"),
                reading=reading,
                strong=pooled,
                indent=not pooled,
                tag=context.voice.t("simulated") if found.simulated and mixed else None,
                tag_class="notice",
            )
        )
    return tuple(rows)


def _labelled(context: Context, judged: list[JudgeAgainstHuman], caption: Markup) -> Markup:
    """Put the label on a caption where human ratings of its rows are simulated."""
    if not any(found.simulated for found in judged):
        return caption
    return context.voice.t("{caption} (simulated human ratings)", caption=caption)


def _rates(context: Context, number: int, judged: list[JudgeAgainstHuman]) -> Forest:
    voice, axis = context.voice, rate_axis()
    groups = [
        (voice.t("Agreement: both say the same"), [(found, found.agreement) for found in judged]),
        (
            voice.t("Sensitivity: of what humans call positive, the rater calls positive"),
            [(found, found.sensitivity) for found in judged],
        ),
        (
            voice.t("Specificity: of what humans call negative, the rater calls negative"),
            [(found, found.specificity) for found in judged],
        ),
    ]
    return Forest(
        id=f"judge-rates-{number}",
        caption=_labelled(
            context,
            judged,
            voice.t(
                "Shares of answers that both rated, with {level:level} interval",
                level=context.result.exercise.confidence_level,
            ),
        ),
        axis=axis_row(
            axis,
            lambda tick: context.tick(tick, binary=True),
            title=voice.plain("Rater against human"),
            description=voice.plain("Forest plot. Every mark and interval is written at the end of its row."),
        ),
        label_head=voice.t("Language"),
        reading_heads=(voice.t("share"), voice.t("interval"), voice.t("items (answers)")),
        groups=tuple(
            ForestGroup(heading=heading, rows=_rows(context, rows, axis, binary=True, kind="score"))
            for heading, rows in groups
        ),
    )


def _bias(context: Context, number: int, judged: list[JudgeAgainstHuman]) -> Forest:
    voice = context.voice
    binary = context.is_binary(judged[0].rater)
    values: list[float | None] = [found.bias.value for found in judged]
    for found in judged:
        if found.bias.interval is not None:
            values += [found.bias.interval.low, found.bias.interval.high]
    axis = difference_axis(values, margin=None, least=0.1)
    step = axis.ticks[1] - axis.ticks[0] if len(axis.ticks) > 1 else 1.0
    return Forest(
        id=f"judge-bias-{number}",
        caption=_labelled(
            context,
            judged,
            voice.t(
                "Bias: mean of rater minus human, in {unit}, with {level:level} interval",
                unit=voice.t("percentage points") if binary else voice.t("units of the score"),
                level=context.result.exercise.confidence_level,
            ),
        ),
        axis=axis_row(
            axis,
            lambda tick: context.tick(tick, binary=binary, kind="gap", step=step),
            title=voice.plain("Bias of the rater"),
            description=voice.plain(
                "Forest plot around no difference. Every number is written at the end of its row."
            ),
        ),
        label_head=voice.t("Language"),
        reading_heads=(voice.t("bias"), voice.t("interval"), voice.t("items (answers)")),
        groups=(
            ForestGroup(
                heading=Markup(""),
                rows=_rows(
                    context, [(found, found.bias) for found in judged], axis, binary=binary, kind="gap"
                ),
            ),
        ),
    )


def agreement_tables(context: Context) -> list[DataTable]:
    """Return one table for each set of raters, concept and statistic; its rows are the languages."""
    groups: dict[tuple[tuple[str, ...], str, str, bool], list[Agreement]] = {}
    for found in context.result.agreement:
        groups.setdefault((found.raters, found.concept, found.statistic, found.simulated), []).append(found)
    return [_agreement_table(context, number, rows) for number, rows in enumerate(groups.values())]


def _agreement_table(context: Context, number: int, found: list[Agreement]) -> DataTable:
    voice, first = context.voice, found[0]
    caption = voice.t(
        "{raters} on “{concept:concept}”: {statistic}",
        raters=list(first.raters),
        concept=first.concept,
        statistic=statistic_name(context, first.statistic),
    )
    if first.simulated:
        caption = voice.t("{caption} (simulated ratings)", caption=caption)
    return data_table(
        f"table-agreement-{number}",
        caption,
        [
            (voice.t("Language"), False),
            (voice.t("Value"), True),
            (voice.t("Interval"), True),
            (voice.t("Same rating"), True),
            (voice.t("Answers"), True),
        ],
        [_agreement_row(context, row) for row in found],
    )


def _agreement_row(context: Context, found: Agreement) -> tuple[Markup, ...]:
    voice = context.voice
    interval = voice.t("no interval")
    if found.value is not None and found.interval is None and found.reason is not None:
        interval = voice.t("no interval: {reason}", reason=voice.reason(found.reason))
    if found.interval is not None:
        ends = [
            numbers.decimal(end, voice.style, places=2) for end in (found.interval.low, found.interval.high)
        ]
        interval = names.left_to_right(numbers.range_of(ends[0], ends[1], voice.style))
    same = voice.t("not known")
    if found.percent_agreement is not None:
        same = names.left_to_right(numbers.percent(found.percent_agreement, voice.style))
    return (
        context.language(found.language),
        context.number(found.value, found.reason),
        interval,
        same,
        context.count(found.n_shared),
    )


def statistic_name(context: Context, key: str) -> Markup:
    """Write the name of an agreement statistic."""
    voice = context.voice
    known = {
        "krippendorff_alpha_nominal": voice.t("Krippendorff’s alpha, nominal"),
        "krippendorff_alpha_ordinal": voice.t("Krippendorff’s alpha, ordinal"),
        "krippendorff_alpha_interval": voice.t("Krippendorff’s alpha, interval"),
        "gwet_ac1": voice.t("Gwet’s AC1"),
        "gwet_ac2": voice.t("Gwet’s AC2"),
        "cohen_kappa": voice.t("Cohen’s kappa"),
        "cohen_kappa_weighted": voice.t("Cohen’s weighted kappa"),
        "percent_agreement": voice.t("share of same ratings"),
    }
    return known.get(key, context.name(key))
