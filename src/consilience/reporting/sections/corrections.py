"""What a rater's numbers become after its own errors are taken out: raw and corrected side by side.

Pure. Invariants: a corrected number never stands without the raw one, its interval and the number of answers
that humans rated; where there is none, the reason and how many human ratings would do; a block that rests on
simulated human ratings says so in its heading and its captions.
"""

from __future__ import annotations

import msgspec
from markupsafe import Markup

from consilience.evaluation.joint_result import CorrectedDifference, Correction, Estimate
from consilience.reporting.charts.axis import Axis, rate_axis, value_axis
from consilience.reporting.charts.forest import axis_row, row
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.context import Context, mark_of
from consilience.reporting.sections.gaps import VERDICT_CLASS, side, verdict_word
from consilience.reporting.sections.view import (
    MAX_FOREST_ROWS,
    DataTable,
    Forest,
    ForestGroup,
    ForestRow,
    Reading,
    data_table,
)


class CorrectionBlock(msgspec.Struct, frozen=True, kw_only=True):
    """One rater on one concept and model."""

    heading: Markup
    simulated: bool
    sentences: tuple[Markup, ...]
    forest: Forest | None
    """None where nothing could be corrected."""
    table: DataTable
    differences: DataTable | None


def correction_blocks(context: Context) -> list[CorrectionBlock]:
    """Return a block for each rater, concept and model that was to be corrected."""
    groups: dict[tuple[str, str, str], list[Correction]] = {}
    for one in context.result.corrections:
        groups.setdefault((one.rater, one.concept, one.model), []).append(one)
    pairs: dict[tuple[str, str, str | None], list[CorrectedDifference]] = {}
    for pair in context.result.corrected_differences:
        pairs.setdefault((pair.rater, pair.concept, pair.model), []).append(pair)
    blocks = []
    for number, ((rater, concept, model), rows) in enumerate(groups.items()):
        between = [*pairs.get((rater, concept, model), ()), *pairs.pop((rater, concept, None), ())]
        blocks.append(_block(context, number, rows, between))
    return blocks


def _block(
    context: Context, number: int, rows: list[Correction], pairs: list[CorrectedDifference]
) -> CorrectionBlock:
    voice, first = context.voice, rows[0]
    order = {tag: position for position, tag in enumerate(context.result.languages)}
    shown = [one for one in rows if one.laboratory is None]
    shown.sort(key=lambda one: -1 if one.language is None else order.get(one.language, len(order)))
    heading = voice.t(
        "{rater} on “{concept:concept}”, its errors taken out", rater=first.rater, concept=first.concept
    )
    if len(context.result.models) > 1:
        heading = voice.t("{heading}: {model}", heading=heading, model=first.model)
    able = any(one.corrected.value is not None for one in rows)
    return CorrectionBlock(
        heading=heading,
        simulated=any(one.simulated for one in rows),
        sentences=(*_sentences(context, shown), *_told_pairs(context, pairs)),
        forest=_forest(context, number, shown) if able else None,
        table=_table(context, number, rows),
        differences=_differences(context, number, pairs) if pairs else None,
    )


def _sentences(context: Context, shown: list[Correction]) -> list[Markup]:
    """Say the number over all languages, and every language that cannot be corrected."""
    told = []
    total = next((one for one in shown if one.language is None), None)
    if total is not None:
        told.append(_told(context, total))
    several = [one for one in shown if one.language is not None]
    if total is None or total.corrected.value is None or any(one.corrected.value is None for one in several):
        told += [_told(context, one) for one in several]
    return told


def _told(context: Context, one: Correction) -> Markup:
    voice, binary = context.voice, context.is_binary(one.rater)
    where = context.voice.t("over all languages") if one.language is None else _in_language(context, one)
    raw, corrected = (context.reading(estimate, binary=binary) for estimate in (one.raw, one.corrected))
    if not corrected.known:
        return voice.t(
            "The score of {rater} {where} cannot be corrected: {reason} ({humans}). {needed}",
            rater=one.rater,
            where=where,
            reason=voice.reason(one.corrected.reason),
            humans=voice.tn(
                "{n:count} answer rated by humans", "{n:count} answers rated by humans", one.n_human
            ),
            needed=_needed(context, one),
        )  # fmt: skip
    text = voice.t(
        "The score of {rater} {where} is {raw} ({raw_interval}); after the errors that human ratings of "
        "{n:count} answers show are taken out, it is {corrected} ({interval}).",
        rater=one.rater,
        where=where,
        raw=raw.value,
        raw_interval=raw.interval,
        n=one.n_human,
        corrected=Markup("<strong>{}</strong>").format(corrected.value),
        interval=corrected.interval,
    )
    if one.clipped:
        text += voice.t(" It lay outside the scale and is set to its end.")
    if one.weight == 0:
        text += voice.t(
            " The rater’s scores have no weight in it: it is the mean of the human ratings alone."
        )
    return text


def _in_language(context: Context, one: Correction) -> Markup:
    return context.voice.t("in {language:language}", language=one.language)


def _needed(context: Context, one: Correction) -> Markup:
    """Say how many human ratings would do, or that rating every answer may not."""
    voice = context.voice
    scale = {"scale": "binary" if context.is_binary(one.rater) else "continuous"}
    if one.human_needed is None:
        if one.human_needed_reason is None:
            return voice.t("How many would do is not known.")
        return voice.t("No number is told: {reason}.", reason=voice.reason(one.human_needed_reason))
    text = voice.t(
        "About {needed:count} would do to know it within {wanted:spread}.",
        wanted=one.wanted,
        needed=one.human_needed,
        **scale,
    )
    if one.wanted_basis == "observed range":
        text += voice.t(" (a twentieth of the range of the scores, since the scale is not known)")
    return text


def _told_pairs(context: Context, pairs: list[CorrectedDifference]) -> list[Markup]:
    """Say what becomes of the differences along each axis."""
    voice, told = context.voice, []
    known = {
        "language": voice.t("languages"),
        "laboratory": voice.t("laboratories"),
        "model": voice.t("models"),
    }
    for axis, name in known.items():
        mine = [pair for pair in pairs if pair.axis == axis]
        if not mine:
            continue
        counts = {verdict: sum(pair.verdict == verdict for pair in mine) for verdict in VERDICT_CLASS}
        parts = [
            voice.t("{n:count} different", n=counts["different"]),
            voice.t("{n:count} equivalent", n=counts["equivalent"]),
            voice.t("{n:count} inconclusive", n=counts["inconclusive"]),
        ]
        if counts["not estimable"]:
            parts.append(voice.t("{n:count} not estimable", n=counts["not estimable"]))
        told.append(
            voice.t("Differences between {axis}, corrected: {parts}.", axis=name, parts=voice.listed(parts))
        )
    return told


def _forest(context: Context, number: int, shown: list[Correction]) -> Forest:
    voice, binary = context.voice, context.is_binary(shown[0].rater)
    axis = rate_axis()
    if not binary:
        ends = [end for one in shown for estimate in (one.raw, one.corrected) for end in _ends(estimate)]
        axis = value_axis(ends)
    caption = voice.t(
        "As {rater} scored, and with its errors taken out, with {level:level} interval",
        rater=shown[0].rater,
        level=context.result.exercise.confidence_level,
    )
    return Forest(
        id=f"corrected-{number}",
        caption=_labelled(context, shown[0].simulated, caption),
        axis=axis_row(
            axis,
            lambda tick: context.tick(tick, binary=binary),
            title=voice.plain("Raw and corrected scores"),
            description=voice.plain("Forest plot. Every mark and interval is written at the end of its row."),
        ),
        label_head=voice.t("Language"),
        reading_heads=(voice.t("score"), voice.t("interval"), voice.t("answers")),
        groups=tuple(_group(context, one, axis, binary=binary) for one in shown[: MAX_FOREST_ROWS // 2]),
    )


def _ends(estimate: Estimate) -> list[float | None]:
    interval = estimate.interval
    return [estimate.value] if interval is None else [estimate.value, interval.low, interval.high]


def _group(context: Context, one: Correction, axis: Axis, *, binary: bool) -> ForestGroup:
    voice, language = context.voice, context.language(one.language)
    rows = []
    for label, estimate, shape, tone, n in (
        (voice.t("as scored"), one.raw, "circle", "series-1", voice.t("{n:count} scored", n=one.n_judge)),
        (
            voice.t("corrected"), one.corrected, "diamond", "pooled",
            voice.t("{n:count} by humans", n=one.n_human),
        ),
    ):  # fmt: skip
        reading = context.reading(estimate, binary=binary)
        title = f"{without_markup(language)}, {without_markup(label)}: {without_markup(reading.value)}"
        rows.append(
            ForestRow(
                label=label,
                plot=row(mark_of(estimate, shape=shape, tone=tone), axis, title=title),
                reading=Reading(
                    value=reading.value,
                    interval=reading.interval,
                    n=n,
                    has_interval=reading.has_interval,
                    known=reading.known,
                ),
                strong=one.language is None,
                indent=one.language is not None,
            )
        )
    return ForestGroup(heading=language, rows=tuple(rows))


def _labelled(context: Context, simulated: bool, caption: Markup) -> Markup:
    if not simulated:
        return caption
    return context.voice.t("{caption} (simulated human ratings)", caption=caption)


def _table(context: Context, number: int, rows: list[Correction]) -> DataTable:
    voice = context.voice
    caption = voice.t(
        "{rater} on “{concept:concept}”: as scored, and with its errors taken out in two ways",
        rater=rows[0].rater,
        concept=rows[0].concept,
    )
    return data_table(
        f"table-corrected-{number}",
        _labelled(context, rows[0].simulated, caption),
        [
            (voice.t("Language and laboratory"), False),
            (voice.t("As scored"), True),
            (voice.t("Corrected (PPI++)"), True),
            (voice.t("Rogan–Gladen"), True),
            (voice.t("Weight of the rater"), True),
            (voice.t("Rated by humans"), True),
            (voice.t("Human ratings that would do"), True),
        ],
        [_table_row(context, one) for one in rows],
    )


def _table_row(context: Context, one: Correction) -> tuple[Markup, ...]:
    voice, binary = context.voice, context.is_binary(one.rater)
    place = voice.t(
        "{language}, {laboratory}",
        language=context.language(one.language),
        laboratory=context.laboratory(one.laboratory),
    )
    numbers = []
    for estimate in (one.raw, one.corrected, one.rogan_gladen):
        reading = context.reading(estimate, binary=binary)
        told = voice.t("{value} ({interval})", value=reading.value, interval=reading.interval)
        if one.clipped if estimate is one.corrected else _at_an_end(one, estimate):
            told = voice.t("{told}, set to the end of the scale", told=told)
        numbers.append(told if reading.known else reading.value)
    weight = voice.t("none") if one.weight is None else voice.write("number", one.weight)
    if one.weight == 0:
        weight = voice.t("{weight} (humans alone)", weight=weight)
    return (place, *numbers, weight, context.count(one.n_human), _would_do(context, one))


def _would_do(context: Context, one: Correction | CorrectedDifference) -> Markup:
    """Write how many human ratings would do, or why no number is told."""
    if one.human_needed is None and one.human_needed_reason is not None:
        return context.voice.reason(one.human_needed_reason)
    return context.count(one.human_needed)


def _at_an_end(one: Correction, estimate: Estimate) -> bool:
    """Whether the estimate of Rogan and Gladen stands at an end of the scale, where what lies beyond is set;
    a rate that was so as scored is at the end by itself."""
    return estimate is one.rogan_gladen and estimate.value in (0.0, 1.0) and estimate.value != one.raw.value


def _differences(context: Context, number: int, pairs: list[CorrectedDifference]) -> DataTable:
    voice = context.voice
    caption = voice.t(
        "Differences of {rater} on “{concept:concept}”, with its errors taken out on each side",
        rater=pairs[0].rater,
        concept=pairs[0].concept,
    )
    return data_table(
        f"table-corrected-differences-{number}",
        _labelled(context, pairs[0].simulated, caption),
        [
            (voice.t("Pair"), False),
            (voice.t("As scored"), True),
            (voice.t("Corrected"), True),
            (voice.t("Interval"), True),
            (voice.t("Verdict"), False),
            (voice.t("Rated by humans"), True),
            (voice.t("Human ratings that would do"), True),
        ],
        [_pair_row(context, pair) for pair in pairs],
    )


def _pair_row(context: Context, pair: CorrectedDifference) -> tuple[Markup, ...]:
    voice, binary = context.voice, context.is_binary(pair.rater)
    name = voice.t(
        "{left} minus {right}",
        left=side(context, pair.axis, pair.left),
        right=side(context, pair.axis, pair.right),
    )
    reading = context.reading(pair.corrected, binary=binary, kind="gap")
    raw = context.value(pair.raw, binary=binary, kind="gap")
    return (
        name,
        voice.t("not known") if raw is None else raw,
        reading.value,
        reading.interval,
        verdict_word(context, pair.verdict),
        context.count(pair.n_human),
        _would_do(context, pair),
    )
