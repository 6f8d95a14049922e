"""What would settle it: how far more items, attempts, raters or laboratories narrow the interval; their cost.

Pure. Invariants: every facet has a row, with its number or the reason why there is none; a half width is
never told without the margin that it is held against; a cost that is not known is said to be so.
"""

from __future__ import annotations

import msgspec
from markupsafe import Markup

from consilience.evaluation.joint_result import DecisionStudy, MoreOfOne
from consilience.reporting import names, numbers, palette
from consilience.reporting.charts.axis import Axis
from consilience.reporting.charts.forest import axis_row
from consilience.reporting.charts.narrowing import Track, track_row, width_axis
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.context import Context
from consilience.reporting.sections.view import DataTable, Forest, ForestGroup, ForestRow, Reading, data_table

NO_NUMBER = "no_number_suffices"
DEFAULT_STEP = 1.0
MORE_DIGITS = 3
"""Digits after the usual ones that tell a half width from the margin."""


class DecisionBlock(msgspec.Struct, frozen=True, kw_only=True):
    """One model and concept, by one rater or by several."""

    heading: Markup
    lead: Markup
    sentences: tuple[Markup, ...]
    forest: Forest | None
    table: DataTable | None


def decision_blocks(context: Context) -> list[DecisionBlock]:
    """Return a block for each decision study."""
    return [_block(context, study, number) for number, study in enumerate(context.result.decisions)]


def _block(context: Context, study: DecisionStudy, number: int) -> DecisionBlock:
    heading = context.concept_and_model(study.concept, study.model)
    return DecisionBlock(
        heading=heading,
        lead=Markup(" ").join([_lead(context, study), *context.as_given(*(study.raters or (study.rater,)))]),
        sentences=tuple(_sentences(context, study)),
        forest=_forest(context, study, number) if study.more else None,
        table=_table(context, study, number, heading) if study.more else None,
    )


def _lead(context: Context, study: DecisionStudy) -> Markup:
    voice = context.voice
    if len(study.raters) > 1:
        return voice.t("For the mean over raters like {raters}.", raters=list(study.raters))
    return voice.t("For the mean by {rater}.", rater=study.rater)


def _width(context: Context, study: DecisionStudy, value: float | None) -> Markup:
    """Write a half width as ± points, or ± units of the score, with so many digits that one beside the margin
    is not read as the margin."""
    voice, binary = context.voice, context.is_binary(study.rater)
    if value is None or not numbers.is_known(value):
        return voice.t("not known")

    def written(width: float, more: int) -> str:
        if binary:
            return numbers.points(width, voice.style, places=1 + more)
        return numbers.decimal(width, voice.style, places=3 + more)

    margin = value if study.margin is None else study.margin
    same = (more for more in range(MORE_DIGITS) if written(value, more) != written(margin, more))
    return names.left_to_right("±" + written(value, 0 if value == margin else next(same, 0)))


def _sentences(context: Context, study: DecisionStudy) -> list[Markup]:
    if not study.more:
        return [context.not_estimable(study.reason)]
    told = [_now(context, study), *_universe(context, study)]
    if study.half_width is not None and study.margin is not None:
        if study.half_width <= study.margin:
            told.append(context.voice.t("That is within it: nothing more is needed."))
        else:
            told += _ways(context, study)
    told += _limits(context, study)
    if study.reason is not None:
        told.append(
            context.voice.t("What limits this plan: {reason}.", reason=context.voice.reason(study.reason))
        )
    return told


def _now(context: Context, study: DecisionStudy) -> Markup:
    voice = context.voice
    counts = [facet_count(context, facet, number) for facet, number in study.design.items()]
    aim = {
        "laboratory margin": voice.t("the margin between laboratories that the protocol fixed"),
        "wanted difference": voice.t("the difference that the protocol wants to see"),
        "default": voice.t("a twentieth of the scale, since the protocol fixes none"),
    }[study.margin_basis]
    return voice.t(
        "With {counts} the interval of the mean is expected to reach {width} to both sides; the aim is "
        "{margin} ({aim}).",
        counts=voice.listed(counts),
        width=_width(context, study, study.half_width),
        margin=_width(context, study, study.margin),
        aim=aim,
    )


def _universe(context: Context, study: DecisionStudy) -> list[Markup]:
    """Say what the mean is of whose width is told, and where the width says nothing."""
    voice, told = context.voice, []
    if study.speaks_of_further:
        told.append(
            voice.t(
                "All half widths here speak of a mean over further {further:source} like these, not of these "
                "alone; so they are wider than the intervals of the means above.",
                further=list(study.speaks_of_further),
            )
        )
    if study.capped:
        told.append(
            voice.t(
                "The half width is half of the scale, the most there is: these data say next to nothing of "
                "such a mean."
            )
        )
    return told


def facet_count(context: Context, facet: str, number: int) -> Markup:
    """Write how many levels of a facet there are: `40 items`."""
    voice = context.voice
    known = {
        "item": lambda: voice.tn("{n:count} item", "{n:count} items", number),
        "laboratory": lambda: voice.tn("{n:count} laboratory", "{n:count} laboratories", number),
        "language": lambda: voice.tn("{n:count} language", "{n:count} languages", number),
        "rater": lambda: voice.tn("{n:count} rater", "{n:count} raters", number),
        "attempt": lambda: voice.tn("{n:count} attempt per item", "{n:count} attempts per item", number),
    }
    return known[facet]() if facet in known else voice.t("{n:count} × {facet}", n=number, facet=facet)


def _more_of(context: Context, one: MoreOfOne) -> Markup:
    voice, extra = context.voice, (one.needed or 0) - one.now
    known = {
        "item": lambda: voice.tn("{n:count} more item", "{n:count} more items", extra),
        "laboratory": lambda: voice.tn("{n:count} more laboratory", "{n:count} more laboratories", extra),
        "language": lambda: voice.tn("{n:count} more language", "{n:count} more languages", extra),
        "rater": lambda: voice.tn("{n:count} more rater", "{n:count} more raters", extra),
        "attempt": lambda: voice.tn(
            "{n:count} more attempt per item", "{n:count} more attempts per item", extra
        ),
    }
    return (
        known[one.facet]() if one.facet in known else voice.t("{n:count} × {facet}", n=extra, facet=one.facet)
    )


def _cost(context: Context, study: DecisionStudy, one: MoreOfOne) -> Markup:
    voice = context.voice
    calls = voice.tn("{n:count} more call", "{n:count} more calls", one.extra_calls or 0)
    if one.extra_calls == 0:
        return voice.t("no calls: people or programs rate")
    if one.extra_tokens is None:
        return voice.t("{calls}; their tokens are not known", calls=calls)
    tokens = _rounded(one.extra_tokens)
    if tokens == 0 and study.tokens_leave_out_judges:
        return voice.t("{calls} of judge models; their tokens are not known", calls=calls)
    if study.tokens_leave_out_judges:
        return voice.t(
            "{calls}, about {tokens:count} tokens without those of judge models", calls=calls, tokens=tokens
        )
    return voice.t("{calls}, about {tokens:count} tokens", calls=calls, tokens=tokens)


def _rounded(value: float) -> int:
    """Two digits are all that an expectation is worth."""
    return int(float(f"{value:.2g}"))


def _ways(context: Context, study: DecisionStudy) -> list[Markup]:
    """Say what would do, the cheapest first."""
    voice = context.voice
    able = sorted(
        (one for one in study.more if one.needed is not None and one.needed > one.now),
        key=lambda one: (one.facet != study.cheapest, one.extra_calls or 0),
    )
    told = []
    for number, one in enumerate(able):
        params = {
            "more": _more_of(context, one), "cost": _cost(context, study, one),
            "margin": _width(context, study, study.margin),
        }  # fmt: skip
        if number == 0:
            told.append(voice.t("With {more} ({cost}) the interval would come under {margin}.", **params))
        else:
            told.append(voice.t("{more} ({cost}) would do it too.", **params))
    if not able:
        told.append(voice.t("More of one source alone does not bring it there."))
    return told


def _limits(context: Context, study: DecisionStudy) -> list[Markup]:
    """Say what cannot do it, what makes the mean unsure, and what is not in these numbers."""
    voice = context.voice
    told = [
        voice.t(
            "More of “{facet:source}” alone cannot: with endlessly many it would stay at {left}.",
            facet=one.facet,
            left=_width(context, study, one.left),
        )
        for one in study.more
        if one.reason is not None and one.reason.code == NO_NUMBER
    ]
    if study.parts:
        source, part = max(study.parts.items(), key=lambda entry: entry[1])
        told.append(
            voice.t(
                "What makes the mean unsure is above all “{source:source}”: {part:rate} of its variance.",
                source=source,
                part=part,
            )
        )
    if study.generalizability is not None and study.dependability is not None:
        told.append(
            voice.t(
                "How far would items keep their place if this were repeated elsewhere? Generalizability "
                "(their order): {order:number} of 1; dependability (their values): {values:number} of 1.",
                order=study.generalizability,
                values=study.dependability,
            )
        )
    if study.left_out:
        told.append(
            voice.t(
                "Not in these numbers, since these data do not show it: {sources:source}.",
                sources=list(study.left_out),
            )
        )
    return told


def _forest(context: Context, study: DecisionStudy, number: int) -> Forest:
    voice, binary = context.voice, context.is_binary(study.rater)
    widths = [point.half_width for one in study.more for point in one.curve]
    axis = width_axis([*widths, *(one.left for one in study.more)], margin=study.margin)
    rows = tuple(_row(context, study, one, axis, place) for place, one in enumerate(study.more))
    title = voice.plain("Half width of the interval with more of each source")
    how = voice.t(
        "A circle now, bars with 2, 4, 8 and 16 times as many, a square with endlessly many. The shaded part "
        "is the aim."
    )
    step = axis.ticks[1] - axis.ticks[0] if len(axis.ticks) > 1 else DEFAULT_STEP
    return Forest(
        id=f"decision-{number}",
        caption=voice.t(
            "Half width of the interval with more of each source{unit}. {how}",
            unit=voice.t(", in points") if binary else Markup(""),
            how=how,
        ),
        axis=axis_row(
            axis,
            lambda tick: _tick(context, tick, step, binary=binary),
            title=title,
            description=without_markup(how),
        ),
        label_head=voice.t("More of"),
        reading_heads=(voice.t("needed"), voice.t("half width"), voice.t("cost")),
        groups=(ForestGroup(heading=Markup(""), rows=rows),),
    )


def _tick(context: Context, value: float, step: float, *, binary: bool) -> str:
    if not binary:
        return context.tick(value, binary=False, step=step)
    places = 0 if abs(step * 100 - round(step * 100)) < 1e-9 else 1
    return numbers.decimal(value * 100, context.voice.style, places=places)


def _row(context: Context, study: DecisionStudy, one: MoreOfOne, axis: Axis, place: int) -> ForestRow:
    voice = context.voice
    label = voice.word("source", one.facet)
    reading = _reading(context, study, one)
    told = ", ".join(without_markup(part) for part in (label, reading.value, reading.interval) if part)
    return ForestRow(
        label=Markup(" ").join([label, voice.t("({n:count} now)", n=one.now)]),
        plot=track_row(
            Track(widths=tuple(point.half_width for point in one.curve), left=one.left),
            axis,
            tone=f"series-{place % palette.SERIES + 1}",
            title=told,
        ),
        reading=reading,
        strong=one.facet == study.cheapest,
    )


def _reading(context: Context, study: DecisionStudy, one: MoreOfOne) -> Reading:
    voice = context.voice
    if one.needed is None:
        why = voice.reason(one.reason)
        if one.left is not None:
            why = voice.t("none is enough: {left} would remain", left=_width(context, study, one.left))
        return Reading(value=why, interval=Markup(""), n=Markup(""), has_interval=False, known=False)
    return Reading(
        value=voice.write("count", one.needed),
        interval=_width(context, study, one.half_width),
        n=_cost(context, study, one) if one.needed > one.now else voice.t("nothing more"),
    )


def _table(context: Context, study: DecisionStudy, number: int, heading: Markup) -> DataTable:
    voice = context.voice
    multiples = sorted(
        {round(point.levels / one.now) for one in study.more for point in one.curve if one.now}
    )
    rows = []
    for one in study.more:
        at = {round(point.levels / one.now): point.half_width for point in one.curve if one.now}
        unknown = voice.t("none")
        rows.append(
            (
                voice.word("source", one.facet),
                context.count(one.now),
                unknown if one.needed is None else context.count(one.needed),
                *(_width(context, study, at[times]) if times in at else unknown for times in multiples),
                unknown if one.left is None else _width(context, study, one.left),
                unknown if one.extra_calls is None else context.count(one.extra_calls),
                voice.t("not known") if one.extra_tokens is None else context.count(round(one.extra_tokens)),
                voice.t("none") if one.reason is None else voice.reason(one.reason),
            )
        )
    return data_table(
        f"table-decision-{number}",
        voice.t("Half widths with more of each source: {title}", title=heading),
        [
            (voice.t("Source"), False),
            (voice.t("Now"), True),
            (voice.t("Needed"), True),
            *((_times(context, times), True) for times in multiples),
            (voice.t("Endlessly many"), True),
            (voice.t("More calls"), True),
            (voice.t("More tokens"), True),
            (voice.t("Remark"), False),
        ],
        rows,
    )


def _times(context: Context, times: int) -> Markup:
    return context.voice.t("As now") if times == 1 else context.voice.t("{n:count} times", n=times)
