"""Gaps: paired differences between languages, models or laboratories, with what they mean in words.

Pure. Invariants: the verdict is the one of the joint result, never recomputed here; "inconclusive" is never
shown as "equal"; pairs are drawn with the larger side first, so that every difference reads as "A minus B".
"""

from __future__ import annotations

import msgspec
from markupsafe import Markup

from consilience.evaluation.joint_result import Contrast, CorrectedDifference, Estimate, Interval
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


Corrected = list[tuple[Contrast, CorrectedDifference]]
"""Gaps, each with the corrected one of the same pair."""


class GapBlock(msgspec.Struct, frozen=True, kw_only=True):
    """All pairs along one axis for one concept and model."""

    heading: Markup
    summary: Markup
    remarks: tuple[Markup, ...]
    """What the errors of the rater make of these gaps."""
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
        remarks=tuple(_remarks(context, axis, pooled or contrasts)),
        forest=_forest(context, axis, key, shown[:MAX_PAIRS]),
        table=_table(context, axis, key, contrasts, heading=heading),
    )


def _summary(context: Context, contrasts: list[Contrast]) -> Markup:
    voice = context.voice
    head = voice.tn(
        "Of {n:count} pair: {parts}.",
        "Of {n:count} pairs: {parts}.",
        len(contrasts),
        parts=_verdicts(context, [one.verdict for one in contrasts]),
    )
    margins = {contrast.margin for contrast in contrasts}
    margin = next(iter(margins)) if len(margins) == 1 else None
    if margin is None:
        return head
    scale = {"scale": "binary" if context.is_binary(contrasts[0].rater) else "continuous"}
    told = voice.t("The margin fixed in advance is {margin:spread}.", margin=margin, **scale)
    return Markup(" ").join([head, told])


def _verdicts(context: Context, verdicts: list[str]) -> Markup:
    """Count the verdicts in words."""
    voice, counts = context.voice, {verdict: verdicts.count(verdict) for verdict in VERDICT_CLASS}
    parts = [
        voice.t("{n:count} different", n=counts["different"]),
        voice.t("{n:count} equivalent", n=counts["equivalent"]),
        voice.t("{n:count} inconclusive", n=counts["inconclusive"]),
    ]
    if counts["not estimable"]:
        parts.append(voice.t("{n:count} not estimable", n=counts["not estimable"]))
    return voice.listed(parts)


def _remarks(context: Context, axis: str, contrasts: list[Contrast]) -> list[Markup]:
    """Say that the gaps are those of the scores as given, what they are once corrected, and which change
    their sign."""
    told = context.as_given(contrasts[0].rater or "")
    known = _corrected(context, axis, contrasts)
    if known:
        verdicts = _verdicts(context, [one.verdict for _, one in known])
        told.append(
            context.voice.t(
                "With the rater’s errors taken out, as “Judge against human” shows: {parts}.", parts=verdicts
            )
        )
    return [*told, *(_turned(context, axis, *pair) for pair in known if _other_sign(*pair))]


def _corrected(context: Context, axis: str, contrasts: list[Contrast]) -> Corrected:
    """Return gaps with the corrected one of the same pair, where real humans rated enough."""
    known = {
        (one.concept, one.model, one.rater, frozenset((one.left, one.right))): one
        for one in context.result.corrected_differences
        if one.axis == axis and not one.simulated and one.corrected.value is not None
    }
    keys = ((one.concept, one.model, one.rater or "", frozenset((one.left, one.right))) for one in contrasts)
    return [(one, known[key]) for one, key in zip(contrasts, keys, strict=True) if key in known][:MAX_PAIRS]


def _other_sign(contrast: Contrast, one: CorrectedDifference) -> bool:
    sign = 1.0 if one.left == contrast.left else -1.0
    return sign * (one.corrected.value or 0.0) * (contrast.difference.value or 0.0) < 0.0


def _turned(context: Context, axis: str, contrast: Contrast, one: CorrectedDifference) -> Markup:
    binary = context.is_binary(contrast.rater)
    raw = contrast.difference.value or 0.0
    if one.left != contrast.left:
        raw = -raw
    return context.voice.t(
        "{left} minus {right} changes its sign: {raw} as scored, {corrected} ({range}) with the rater’s "
        "errors taken out, as human ratings of {n:count} answers show them.",
        left=side(context, axis, one.left),
        right=side(context, axis, one.right),
        raw=context.value(raw, binary=binary, kind="gap"),
        corrected=context.value(one.corrected.value, binary=binary, kind="gap"),
        range=context.interval(one.corrected.interval, binary=binary, kind="gap"),
        n=one.n_human,
    )


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
