"""Groups that these data cannot tell apart, in place of a ranking: the ranks left open, and who is with whom.

Pure. Invariants: no rank is shown but as the range that the comparisons leave open; "not told apart" is never
said as "equal".
"""

from __future__ import annotations

import string

import msgspec
from markupsafe import Markup

from consilience.evaluation.joint_result import TieGroups
from consilience.reporting import names
from consilience.reporting.charts.axis import Axis, round_step
from consilience.reporting.charts.forest import Mark, axis_row, row
from consilience.reporting.language_names import N_
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.context import Context
from consilience.reporting.sections.gaps import side
from consilience.reporting.sections.view import (
    MAX_FOREST_ROWS,
    Forest,
    ForestGroup,
    ForestRow,
    Reading,
)

MAX_TICKS = 10
"""Ranks that are written on the axis of the picture, about."""

NOT_APART = {
    "laboratory": N_("These data cannot tell any of the {n:count} laboratories from another."),
    "language": N_("These data cannot tell any of the {n:count} languages from another."),
    "model": N_("These data cannot tell any of the {n:count} models from another."),
}
HEADS = {"laboratory": N_("Laboratory"), "language": N_("Language"), "model": N_("Model")}


class TieBlock(msgspec.Struct, frozen=True, kw_only=True):
    """One axis, concept and model."""

    heading: Markup
    sentences: tuple[Markup, ...]
    forest: Forest


def tie_blocks(context: Context, axis: str) -> list[TieBlock]:
    """Return the blocks of one axis: `laboratory`, `language` or `model`."""
    return [
        _block(context, ties, number)
        for number, ties in enumerate(context.result.ties)
        if ties.axis == axis and len(ties.best_rank) > 1
    ]


def _block(context: Context, ties: TieGroups, number: int) -> TieBlock:
    title = (
        context.title(ties.concept)
        if ties.model is None
        else context.concept_and_model(ties.concept, ties.model)
    )
    return TieBlock(
        heading=context.voice.t("Groups instead of ranks: {title}", title=title),
        sentences=(*_sentences(context, ties), *context.as_given(ties.rater)),
        forest=_forest(context, ties, number),
    )


def _sentences(context: Context, ties: TieGroups) -> list[Markup]:
    voice = context.voice
    if not ties.groups:
        return [
            voice.t(
                "The groups are not listed ({reason}); the picture shows the ranks that the data leave open.",
                reason=voice.reason(ties.reason),
            )
        ]
    if len(ties.groups) == 1:
        return [
            voice.t(NOT_APART[ties.axis], n=len(ties.best_rank)),
            voice.t("Not told apart does not mean equal."),
        ]
    told = [voice.listed([side(context, ties.axis, name) for name in group]) for group in ties.groups]
    if all(len(group) == 1 for group in ties.groups):
        return [
            voice.t("Each is told from every other; from the best: {names}.", names=voice.t("; ").join(told))
        ]
    return [
        voice.t(
            "Within each of these groups the data tell nobody from another; groups from the best: {groups}.",
            groups=voice.t("; ").join(told),
        ),
        voice.t("Not told apart does not mean equal."),
    ]


def letter(position: int) -> str:
    """Return the letter of a group: a to z, then aa, ab …"""
    letters = string.ascii_lowercase
    head, rest = divmod(position, len(letters))
    return (letters[head - 1] if head else "") + letters[rest]


def _forest(context: Context, ties: TieGroups, number: int) -> Forest:
    voice, count = context.voice, len(ties.best_rank)
    step = max(1, round(round_step(float(count), MAX_TICKS)))
    ticks = tuple(float(tick) for tick in range(1, count + 1) if (tick - 1) % step == 0)
    axis = Axis(low=1.0, high=float(count), ticks=ticks)
    rows = []
    for name in list(ties.best_rank)[:MAX_FOREST_ROWS]:
        best, worst = ties.best_rank[name], ties.worst_rank[name]
        label = side(context, ties.axis, name)
        ranks = voice.write("count", best) if best == worst else voice.range(best, worst, "count")
        member = [letter(at) for at, group in enumerate(ties.groups) if name in group]
        mark = Mark(value=float(best) if best == worst else None, low=float(best), high=float(worst))
        rows.append(
            ForestRow(
                label=label,
                plot=row(mark, axis, title=f"{without_markup(label)}: {without_markup(ranks)}"),
                reading=Reading(
                    value=ranks,
                    interval=names.left_to_right(" ".join(member)) if member else voice.t("not listed"),
                    n=voice.t("of {n:count}", n=count),
                ),
            )
        )
    return Forest(
        id=f"ties-{number}",
        caption=voice.t(
            "Ranks that the comparisons leave open, best first. Who has a letter in common is not told apart."
        ),
        axis=axis_row(
            axis,
            lambda tick: str(round(tick)),
            title=voice.plain("Ranks left open"),
            description=voice.plain("Range of ranks. Every range is written at the end of its row."),
        ),
        label_head=voice.t(HEADS[ties.axis]),
        reading_heads=(voice.t("ranks"), voice.t("groups"), voice.t("compared")),
        groups=(ForestGroup(heading=Markup(""), rows=tuple(rows)),),
    )
