"""Where the variance comes from: shares of the components, with intervals, and reasons where there is none.

Pure. Invariants: a component without a share is listed with its reason and is no part of the bar; of a long
list the picture leaves out shares below SMALL, says how many, and the table has them.
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

SMALL = 0.005
"""Least share of a component that is drawn where there are more than LONG."""
LONG = 10


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
    note: Markup | None
    """How many components are too small to be drawn."""
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
    shown = tuple(component for component in table.components if not _left_out(table, component))
    rated = len(table.raters) > 1
    rows = tuple(_row(context, component, index, rated=rated) for index, component in enumerate(shown))
    parts = tuple(
        Part(letter=row.letter, share=component.share, tone=row.tone)
        for row, component in zip(rows, shown, strict=True)
        if component.share is not None and component.share > 0
    )
    described = "; ".join(
        f"{row.letter} {without_markup(row.source)}: {without_markup(row.share)}" for row in rows
    )
    heading = context.concept_and_model(table.concept, table.model)
    if rated:
        heading = voice.t("{title}, {n:count} raters together", title=heading, n=len(table.raters))
    small = len(table.components) - len(shown)
    return VarianceBlock(
        heading=heading,
        lead=Markup(" ").join([_lead(context, table), *context.as_given(*(table.raters or (table.rater,)))]),
        note=voice.tn(
            "{n:count} further source has less than half a percent; it is in the table.",
            "{n:count} further sources have less than half a percent each; they are in the table.",
            small,
        )
        if small
        else None,
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


def _left_out(table: VarianceTable, component: Component) -> bool:
    return len(table.components) > LONG and component.share is not None and component.share < SMALL


def _lead(context: Context, table: VarianceTable) -> Markup:
    voice = context.voice
    known = [component for component in table.components if component.share is not None]
    text = voice.t("From {n:count} single scores by {rater}.", n=table.n_scores, rater=table.rater)
    if len(table.raters) > 1:
        text = voice.t(
            "From {n:count} single scores: {raters} scored the same answers.",
            n=table.n_scores,
            raters=list(table.raters),
        )
    if table.drawn:
        text = Markup(" ").join([text, voice.t("They are those of drawn items, since there are very many.")])
    if table.simulated:
        text = Markup(" ").join([text, voice.t("Simulated ratings enter: nobody gave them.")])
    if not known:
        return text
    largest = max(known, key=lambda component: component.share or 0.0)
    told = voice.t(
        "The largest part, {share:rate}, comes from: {meaning}.",
        share=largest.share,
        meaning=meaning(context, largest.source, rated=len(table.raters) > 1),
    )
    return Markup(" ").join([told, text])


def meaning(context: Context, source: str, *, rated: bool = False) -> Markup:
    """Say in plain words what a source of variance is.

    Args:
        context: The result and its language.
        source: Name of the component.
        rated: Whether the raters' own errors stand apart from the attempt.
    """
    voice = context.voice
    parts = source.split(":")
    if rated and source == "attempt":
        return voice.t("chance from one answer of the model to the next, as all raters see it")
    if rated and source == "residual":
        return voice.t("raters judge one answer differently, beyond everything else")
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


def _row(context: Context, component: Component, index: int, *, rated: bool = False) -> ShareRow:
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
        meaning=meaning(context, component.source, rated=rated),
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


def _interval(context: Context, component: Component) -> Markup:
    """Write the interval of the variance itself."""
    if component.interval is None:
        return context.voice.t("no interval")
    style = context.voice.style
    low, high = (
        numbers.decimal(end, style, places=5) for end in (component.interval.low, component.interval.high)
    )
    return names.left_to_right(numbers.range_of(low, high, style))


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
                _interval(context, component),
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
            (voice.t("Interval of the variance"), True),
            (voice.t("Share"), True),
            (voice.t("Interval"), True),
            (voice.t("Levels"), True),
            (voice.t("Remark"), False),
        ],
        rows,
    )
