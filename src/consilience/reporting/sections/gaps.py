"""Gaps: paired differences between languages, models or laboratories, with what they mean in words.

Pure. Invariants: the verdict is the one of the joint result, never recomputed here; "inconclusive" is never
shown as "equal"; pairs are drawn with the larger side first, so that every difference reads as "A minus B".
"""

from __future__ import annotations

import msgspec
from markupsafe import Markup

from consilience.evaluation.joint_result import Contrast, Estimate, Interval
from consilience.reporting.charts.axis import Axis, difference_axis
from consilience.reporting.charts.forest import axis_row, row
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.context import Context, mark_of
from consilience.reporting.sections.view import DataTable, Forest, ForestGroup, ForestRow, data_table

MAX_PAIRS = 45
"""Pairs of one plot: all pairs of ten languages."""

VERDICT_CLASS = {
    "equivalent": "good",
    "different": "alarm",
    "inconclusive": "notice",
    "not estimable": "plain",
}


class GapBlock(msgspec.Struct, frozen=True, kw_only=True):
    """All pairs along one axis for one concept and model."""

    heading: Markup
    summary: Markup
    forest: Forest
    table: DataTable


def turned(contrast: Contrast) -> Contrast:
    """Return the contrast with its larger side first."""
    difference = contrast.difference
    if difference.value is None or difference.value >= 0:
        return contrast
    interval = difference.interval
    other: Estimate = msgspec.structs.replace(
        difference,
        value=-difference.value,
        interval=None
        if interval is None
        else Interval(low=-interval.high, high=-interval.low, level=interval.level, method=interval.method),
    )
    return msgspec.structs.replace(
        contrast,
        left=contrast.right,
        right=contrast.left,
        difference=other,
        n_left_only=contrast.n_right_only,
        n_right_only=contrast.n_left_only,
    )


def gap_blocks(context: Context, axis: str) -> list[GapBlock]:
    """Return the blocks of one axis: `language`, `model` or `laboratory`."""
    groups: dict[tuple[str, str | None], list[Contrast]] = {}
    for contrast in context.result.contrasts:
        if contrast.axis == axis:
            groups.setdefault((contrast.concept, contrast.model), []).append(turned(contrast))
    return [_block(context, axis, concept, model, found) for (concept, model), found in groups.items()]


def _block(
    context: Context, axis: str, concept: str, model: str | None, contrasts: list[Contrast]
) -> GapBlock:
    pooled = [c for c in contrasts if (c.laboratory is None or axis == "laboratory") and c.language is None]
    shown = sorted(
        pooled or contrasts, key=lambda c: -(c.difference.value if c.difference.value is not None else -1.0)
    )
    heading = context.title(concept) if model is None else context.concept_and_model(concept, model)
    key = f"{axis}-{context.key(concept, model)}"
    return GapBlock(
        heading=heading,
        summary=_summary(context, pooled or contrasts),
        forest=_forest(context, axis, key, shown[:MAX_PAIRS]),
        table=_table(context, axis, key, contrasts, heading=heading),
    )


def _summary(context: Context, contrasts: list[Contrast]) -> Markup:
    voice = context.voice
    counts = {verdict: sum(c.verdict == verdict for c in contrasts) for verdict in VERDICT_CLASS}
    parts = [
        voice.t("{n:count} different", n=counts["different"]),
        voice.t("{n:count} equivalent", n=counts["equivalent"]),
        voice.t("{n:count} inconclusive", n=counts["inconclusive"]),
    ]
    if counts["not estimable"]:
        parts.append(voice.t("{n:count} not estimable", n=counts["not estimable"]))
    head = voice.tn(
        "Of {n:count} pair: {parts}.",
        "Of {n:count} pairs: {parts}.",
        len(contrasts),
        parts=voice.listed(parts),
    )
    margins = {contrast.margin for contrast in contrasts}
    margin = next(iter(margins)) if len(margins) == 1 else None
    if margin is None:
        return head
    scale = {"scale": "binary" if context.is_binary(contrasts[0].rater) else "continuous"}
    told = voice.t("The margin fixed in advance is {margin:spread}.", margin=margin, **scale)
    return Markup(" ").join([head, told])


def side(context: Context, axis: str, name: str) -> Markup:
    """Write one side of a pair."""
    return context.voice.language_name(name) if axis == "language" else context.name(name)


def verdict_word(context: Context, verdict: str) -> Markup:
    """Write a verdict."""
    words = {
        "equivalent": context.voice.t("equivalent"),
        "different": context.voice.t("different"),
        "inconclusive": context.voice.t("inconclusive"),
        "not estimable": context.voice.t("not estimable"),
    }
    return words[verdict]


def _forest(context: Context, axis_name: str, key: str, contrasts: list[Contrast]) -> Forest:
    voice = context.voice
    binary = context.is_binary(contrasts[0].rater)
    margins = [contrast.margin for contrast in contrasts if contrast.margin is not None]
    values: list[float | None] = [contrast.difference.value for contrast in contrasts]
    for contrast in contrasts:
        if contrast.difference.interval is not None:
            values += [contrast.difference.interval.low, contrast.difference.interval.high]
    axis = difference_axis(values, margin=min(margins) if margins else None, least=0.1)
    unit = voice.t("percentage points") if binary else voice.t("units of the score")
    step = axis.ticks[1] - axis.ticks[0] if len(axis.ticks) > 1 else 1.0
    return Forest(
        id=f"gap-{key}",
        caption=_caption(context, contrasts[0], unit=unit, has_margin=bool(margins)),
        axis=axis_row(
            axis,
            lambda tick: context.tick(tick, binary=binary, kind="gap", step=step),
            title=voice.plain("Paired differences"),
            description=voice.plain(
                "Forest plot around no difference. Every number is written at the end of its row."
            ),
        ),
        label_head=voice.t("Pair"),
        wide_labels=True,
        reading_heads=(voice.t("difference"), voice.t("interval"), voice.t("items, p")),
        groups=(
            ForestGroup(
                heading=Markup(""),
                rows=tuple(_row(context, axis_name, contrast, axis, binary=binary) for contrast in contrasts),
            ),
        ),
    )


def _caption(context: Context, first: Contrast, *, unit: Markup, has_margin: bool) -> Markup:
    voice = context.voice
    told = voice.t(
        "Paired difference in {unit}, {estimand}, with {level:level} interval; "
        "p is adjusted for many comparisons.",
        unit=unit,
        estimand=context.estimand(first.difference.estimand),
        level=context.result.exercise.confidence_level,
    )
    if has_margin:
        band = voice.t("Shaded: the margin within which a difference does not matter.")
    else:
        band = voice.t("The protocol fixes no margin, so equivalence cannot be shown.")
    return Markup(" ").join([told, band])


def _row(context: Context, axis_name: str, contrast: Contrast, axis: Axis, *, binary: bool) -> ForestRow:
    voice = context.voice
    left, right = side(context, axis_name, contrast.left), side(context, axis_name, contrast.right)
    label = voice.t("{left} minus {right}", left=left, right=right)
    reading = context.reading(contrast.difference, binary=binary, kind="gap")
    counted = context.count(contrast.n_common)
    if contrast.p_adjusted is not None:
        counted = voice.t("{items}, p {p}", items=counted, p=context.equation(contrast.p_adjusted))
    mark = mark_of(
        contrast.difference, shape="square", tone="alarm" if contrast.verdict == "different" else "pooled"
    )
    return ForestRow(
        label=label,
        plot=row(mark, axis, title=f"{without_markup(label)}: {without_markup(reading.value)}"),
        reading=msgspec.structs.replace(reading, n=counted),
        tag=verdict_word(context, contrast.verdict),
        tag_class=VERDICT_CLASS[contrast.verdict],
    )


def _table(context: Context, axis: str, key: str, contrasts: list[Contrast], *, heading: Markup) -> DataTable:
    voice = context.voice
    rows = []
    for contrast in contrasts:
        reading = context.reading(contrast.difference, binary=context.is_binary(contrast.rater), kind="gap")
        rows.append(
            (
                voice.t(
                    "{left} minus {right}",
                    left=side(context, axis, contrast.left),
                    right=side(context, axis, contrast.right),
                ),
                context.laboratory(contrast.laboratory),
                context.language(contrast.language),
                reading.value,
                reading.interval,
                context.probability(contrast.p_value),
                context.probability(contrast.p_adjusted),
                verdict_word(context, contrast.verdict),
                context.count(contrast.n_common),
                context.count(contrast.n_left_only),
                context.count(contrast.n_right_only),
            )
        )
    return data_table(
        f"table-gap-{key}",
        voice.t("Every pair: {title}", title=heading),
        [
            (voice.t("Pair"), False),
            (voice.t("Laboratory"), False),
            (voice.t("Language"), False),
            (voice.t("Difference"), True),
            (voice.t("Interval"), True),
            (voice.t("p"), True),
            (voice.t("p, adjusted"), True),
            (voice.t("Verdict"), False),
            (voice.t("Common items"), True),
            (voice.t("Only on the left"), True),
            (voice.t("Only on the right"), True),
        ],
        rows,
    )
