"""Where the variance comes from: shares of the components, with intervals, and reasons where there is none.

Pure. Invariant: a component without a share is listed with its reason and is no part of the bar.
"""

from __future__ import annotations

import string

import msgspec
from markupsafe import Markup

from consilience.evaluation.joint_result import Component, VarianceTable
from consilience.reporting import names, numbers, palette
from consilience.reporting.charts.axis import rate_axis
from consilience.reporting.charts.forest import axis_row
from consilience.reporting.charts.variance import Part, share_bar, stacked_bar
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.context import Context
from consilience.reporting.sections.view import DataTable, data_table


class ShareRow(msgspec.Struct, frozen=True, kw_only=True):
    """One component."""

    letter: str
    tone: str
    source: Markup
    meaning: Markup
    bar: Markup
    share: Markup
    interval: Markup
    has_interval: bool
    levels: Markup


class VarianceBlock(msgspec.Struct, frozen=True, kw_only=True):
    """One concept, model and rater."""

    heading: Markup
    lead: Markup
    bar: Markup | None
    axis: Markup
    rows: tuple[ShareRow, ...]
    table: DataTable
    reason: Markup | None


def variance_blocks(context: Context) -> list[VarianceBlock]:
    """Return a block for each variance table."""
    return [_block(context, table, number) for number, table in enumerate(context.result.variance)]


def _block(context: Context, table: VarianceTable, number: int) -> VarianceBlock:
    voice = context.voice
    rows = tuple(_row(context, component, index) for index, component in enumerate(table.components))
    parts = tuple(
        Part(letter=row.letter, share=component.share, tone=row.tone)
        for row, component in zip(rows, table.components, strict=True)
        if component.share is not None and component.share > 0
    )
    described = "; ".join(
        f"{row.letter} {without_markup(row.source)}: {without_markup(row.share)}" for row in rows
    )
    heading = context.concept_and_model(table.concept, table.model)
    return VarianceBlock(
        heading=heading,
        lead=_lead(context, table),
        bar=stacked_bar(
            parts, title=voice.plain("Shares of the variance of single scores"), description=described
        )
        if parts
        else None,
        axis=axis_row(
            rate_axis(),
            lambda tick: context.tick(tick, binary=True),
            title=voice.plain("Shares of the variance of single scores"),
            description=voice.plain("Bars. Every share and interval is written at the end of its row."),
        ),
        rows=rows,
        table=_table(context, table, number, heading=heading),
        reason=context.not_estimable(table.reason)
        if table.reason is not None or not table.components
        else None,
    )


def _lead(context: Context, table: VarianceTable) -> Markup:
    voice = context.voice
    known = [component for component in table.components if component.share is not None]
    text = voice.t("From {n:count} single scores by {rater}.", n=table.n_scores, rater=table.rater)
    if not known:
        return text
    largest = max(known, key=lambda component: component.share or 0.0)
    told = voice.t(
        "The largest part, {share:rate}, comes from: {meaning}.",
        share=largest.share,
        meaning=meaning(context, largest.source),
    )
    return Markup(" ").join([told, text])


def meaning(context: Context, source: str) -> Markup:
    """Say in plain words what a source of variance is."""
    voice = context.voice
    parts = source.split(":")
    if source in {"attempt", "residual"} or parts[-1] in {"attempt", "residual"}:
        return voice.t("chance from one attempt to the next, and what nothing else explains")
    single = {
        "item": voice.t("some items are harder than others"),
        "laboratory": voice.t("laboratories measure differently"),
        "language": voice.t("some languages go better than others"),
        "rater": voice.t("raters are more or less strict"),
    }
    if source in single:
        return single[source]
    if len(parts) > 1:
        return voice.t("{sources:source} act together in particular combinations", sources=parts)
    return voice.word("source", source)


def _row(context: Context, component: Component, index: int) -> ShareRow:
    voice, style = context.voice, context.voice.style
    letter = string.ascii_uppercase[index % 26]
    tone = f"series-{index % palette.SERIES + 1}"
    known = component.share is not None and numbers.is_known(component.share)
    share = (
        names.left_to_right(numbers.percent(component.share or 0.0, style))
        if known
        else context.not_estimable(component.reason)
    )
    interval = component.share_interval if known else None
    if interval is not None:
        told = context.interval(interval, binary=True)
    elif known:
        told = voice.t("no interval: {reason}", reason=voice.reason(component.reason))
    else:
        told = Markup("")
    source = voice.word("source", component.source)
    return ShareRow(
        letter=letter,
        tone=tone,
        source=source,
        meaning=meaning(context, component.source),
        bar=share_bar(
            component.share if known else None,
            interval.low if interval else None,
            interval.high if interval else None,
            axis=rate_axis(),
            tone=tone,
            title=f"{without_markup(source)}: {without_markup(share)}",
        ),
        share=share,
        interval=told,
        has_interval=interval is not None,
        levels=voice.tn("{n:count} level", "{n:count} levels", component.levels),
    )


def _table(context: Context, table: VarianceTable, number: int, *, heading: Markup) -> DataTable:
    voice = context.voice
    rows = []
    for index, component in enumerate(table.components):
        view = _row(context, component, index)
        note = Markup("")
        if component.variance is not None and component.variance < 0:
            note = voice.t("negative, shown as 0 in the share")
        rows.append(
            (
                view.source,
                context.number(component.variance, component.reason, places=5),
                view.share,
                view.interval or voice.t("no interval"),
                context.count(component.levels),
                note or voice.t("none"),
            )
        )
    return data_table(
        f"table-variance-{number}",
        voice.t("Variance components: {title}", title=heading),
        [
            (voice.t("Source"), False),
            (voice.t("Variance"), True),
            (voice.t("Share"), True),
            (voice.t("Interval"), True),
            (voice.t("Levels"), True),
            (voice.t("Remark"), False),
        ],
        rows,
    )
