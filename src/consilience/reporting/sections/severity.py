"""How severe the raters are beside each other, on the same answers.

Pure. Invariants: a rater is named as more or less severe only where the raters as a whole differ and its own
interval excludes 0; raters that share no answers stand in groups of their own; simulated raters are marked in
their row.
"""

from __future__ import annotations

import msgspec
from markupsafe import Markup

from consilience.evaluation.joint_result import Interval, RaterSeverity, SeverityTable
from consilience.reporting.charts.axis import Axis, difference_axis
from consilience.reporting.charts.forest import axis_row, row
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.context import Context, mark_of
from consilience.reporting.sections.view import (
    MAX_FOREST_ROWS,
    DataTable,
    Forest,
    ForestGroup,
    ForestRow,
    data_table,
)

ALPHA = 0.05
"""Level of the test that all raters are equally severe."""
MAX_NAMED = 2
"""Raters that a sentence names; the picture has them all."""
DEFAULT_STEP = 1.0


class SeverityBlock(msgspec.Struct, frozen=True, kw_only=True):
    """The raters of one concept that use one scale."""

    heading: Markup
    sentences: tuple[Markup, ...]
    forest: Forest
    table: DataTable | None
    """By language; None where there is one table only."""


def severity_blocks(context: Context) -> list[SeverityBlock]:
    """Return a block for each concept and scale, its languages in a table below the picture."""
    groups: dict[tuple[str, tuple[str, ...]], list[SeverityTable]] = {}
    for found in context.result.severity:
        raters = tuple(one.rater for one in found.raters)
        groups.setdefault((found.concept, raters), []).append(found)
    return [_block(context, number, tables) for number, tables in enumerate(groups.values())]


def _block(context: Context, number: int, tables: list[SeverityTable]) -> SeverityBlock:
    first = next((table for table in tables if table.language is None), tables[0])
    rest = [table for table in tables if table.language is not None]
    return SeverityBlock(
        heading=context.title(first.concept),
        sentences=tuple(_sentences(context, first)),
        forest=_forest(context, number, first),
        table=_by_language(context, number, rest) if rest else None,
    )


def _binary(context: Context, table: SeverityTable) -> bool:
    return context.is_binary(table.raters[0].rater) if table.raters else True


def _apart(table: SeverityTable) -> list[tuple[float, Interval, RaterSeverity]]:
    """Raters whose interval excludes 0, the furthest first, each with its severity."""
    found = []
    for one in table.raters:
        value, interval = one.severity.value, one.severity.interval
        if value is not None and interval is not None and not interval.low <= 0.0 <= interval.high:
            found.append((value, interval, one))
    return sorted(found, key=lambda entry: -abs(entry[0]))


def _sentences(context: Context, table: SeverityTable) -> list[Markup]:
    voice = context.voice
    rated = [one for one in table.raters if one.severity.value is not None]
    if not rated:
        return [voice.t("Not estimated: {reason}.", reason=voice.reason(table.reason))]
    told = []
    if table.p_equal is not None and table.p_equal < ALPHA:
        named = sorted(_apart(table)[:MAX_NAMED], key=lambda entry: -entry[0])
        told += [_rater_sentence(context, table, *one) for one in (named if len(rated) > 2 else named[:1])]
        told.append(_all_sentence(context, table, rated))
    elif table.p_equal is not None:
        told.append(
            voice.t(
                "On the {n:count} answers that they share, no difference in severity between the "
                "{raters:count} raters is shown (p {p}).",
                n=table.n_objects,
                raters=len(rated),
                p=context.equation(table.p_equal),
            )
        )
    simulated = [one.rater for one in rated if one.simulated]
    if simulated:
        told.append(
            voice.t(
                "The mean rater is the mean of all {n:count} raters, of whom {raters} are simulated.",
                n=len(rated),
                raters=simulated,
            )
        )
    if table.reason is not None:
        told.append(voice.t("What limits this comparison: {reason}.", reason=voice.reason(table.reason)))
    return told


def _rater_sentence(
    context: Context, table: SeverityTable, value: float, interval: Interval, one: RaterSeverity
) -> Markup:
    voice = context.voice
    scale = {"scale": "binary" if _binary(context, table) else "continuous"}
    ends = sorted((abs(interval.low), abs(interval.high)))
    params = {
        "rater": _name(context, one),
        "size": abs(value),
        "range": voice.range(ends[0], ends[1], "spread", scale),
        "n": one.n_ratings,
        "items": one.severity.n_items,
        **scale,
    }
    if value > 0:
        return voice.t(
            "{rater} scores {size:spread} lower than the mean rater on the same answers ({range}; {n:count} "
            "answers to {items:count} items).",
            **params,
        )
    return voice.t(
        "{rater} scores {size:spread} higher than the mean rater on the same answers ({range}; {n:count} "
        "answers to {items:count} items).",
        **params,
    )


def _name(context: Context, one: RaterSeverity) -> Markup:
    """Write a rater, and that it is simulated."""
    name = context.name(one.rater)
    return context.voice.t("{rater} (simulated)", rater=name) if one.simulated else name


def _all_sentence(context: Context, table: SeverityTable, rated: list[RaterSeverity]) -> Markup:
    voice, p = context.voice, context.equation(table.p_equal or 0.0)
    if len(_apart(table)) == len(rated) > 2:
        return voice.t(
            "All {n:count} raters differ from their mean; chance would hardly do that (p {p}).",
            n=len(rated),
            p=p,
        )
    return voice.t(
        "The {n:count} raters are not all equally severe; chance would hardly do that (p {p}).",
        n=len(rated),
        p=p,
    )


def _axis(table: SeverityTable) -> Axis:
    values: list[float | None] = [one.severity.value for one in table.raters]
    for one in table.raters:
        if one.severity.interval is not None:
            values += [one.severity.interval.low, one.severity.interval.high]
    return difference_axis(values, margin=None, least=0.05)


def _forest(context: Context, number: int, table: SeverityTable) -> Forest:
    voice, binary, axis = context.voice, _binary(context, table), _axis(table)
    step = axis.ticks[1] - axis.ticks[0] if len(axis.ticks) > 1 else DEFAULT_STEP
    shown = table.raters[:MAX_FOREST_ROWS]
    left_out = len(table.raters) - len(shown)
    return Forest(
        id=f"severity-{number}",
        caption=voice.t(
            "Severity of each rater, in {unit}, with {level:level} interval; right of 0: lower scores than "
            "the mean rater",
            unit=voice.t("percentage points") if binary else voice.t("units of the score"),
            level=context.result.exercise.confidence_level,
        ),
        axis=axis_row(
            axis,
            lambda tick: context.tick(tick, binary=binary, kind="gap", step=step),
            title=voice.plain("Severity of the raters"),
            description=voice.plain(
                "Forest plot around the mean rater. Every number is written at the end of its row."
            ),
        ),
        label_head=voice.t("Rater"),
        reading_heads=(voice.t("severity"), voice.t("interval"), voice.t("items (answers)")),
        groups=_groups(context, table, shown, axis),
        note=voice.t("{n:count} more raters are in the data.", n=left_out) if left_out else None,
    )


def _groups(
    context: Context, table: SeverityTable, shown: tuple[RaterSeverity, ...], axis: Axis
) -> tuple[ForestGroup, ...]:
    """Raters by connected set, with a heading where there are several."""
    by_set: dict[int | None, list[RaterSeverity]] = {}
    for one in shown:
        by_set.setdefault(one.connected_set, []).append(one)
    groups = []
    for place, (number, raters) in enumerate(
        sorted(by_set.items(), key=lambda pair: (pair[0] is None, pair[0]))
    ):
        heading = Markup("")
        if table.n_sets > 1 and number is not None:
            heading = context.voice.t("Group {n:count}: raters that share answers", n=place + 1)
        rows = tuple(_row(context, table, one, axis) for one in raters)
        groups.append(ForestGroup(heading=heading, rows=rows))
    return tuple(groups)


def _row(context: Context, table: SeverityTable, one: RaterSeverity, axis: Axis) -> ForestRow:
    reading = context.reading(one.severity, binary=_binary(context, table), kind="gap")
    label = context.name(one.rater)
    return ForestRow(
        label=label,
        plot=row(
            mark_of(one.severity, shape="circle", tone="series-1"),
            axis,
            title=f"{without_markup(label)}: {without_markup(reading.value)}",
        ),
        reading=reading,
        tag=context.voice.t("simulated") if one.simulated else None,
        tag_class="notice",
    )


def _by_language(context: Context, number: int, tables: list[SeverityTable]) -> DataTable:
    voice = context.voice
    order = {tag: place for place, tag in enumerate(context.result.languages)}
    tables = sorted(tables, key=lambda table: order.get(table.language or "", len(order)))
    heads = [
        (voice.t("Language"), False),
        (voice.t("Rater"), False),
        (voice.t("Severity"), True),
        (voice.t("Interval"), True),
        (voice.t("items (answers)"), True),
        (voice.t("All equally severe? p"), True),
    ]
    rows = []
    for table in tables:
        for one in table.raters:
            reading = context.reading(one.severity, binary=_binary(context, table), kind="gap")
            rows.append(
                (
                    context.language(table.language),
                    _name(context, one),
                    reading.value,
                    reading.interval,
                    reading.n,
                    context.probability(table.p_equal),
                )
            )
    return data_table(f"table-severity-{number}", voice.t("Severity by language"), heads, rows)
