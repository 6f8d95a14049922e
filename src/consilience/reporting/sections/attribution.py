"""What goes with the spread between laboratories: each recorded setting beside the results.

Pure. Associations are told over the range that the laboratories have (from the lowest to the highest
setting), so that settings with different units stand on one axis. Invariants: "goes with", never "because"; a
setting that one laboratory alone has, or that cannot be told from another, is told so; no interval without
its n.
"""

from __future__ import annotations

import msgspec
from markupsafe import Markup

from consilience.evaluation.joint_result import Attribution, BetweenLaboratories, Estimate, Interval
from consilience.reporting.charts.axis import Axis, difference_axis
from consilience.reporting.charts.forest import axis_row, row
from consilience.reporting.language_names import N_
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.context import Context, mark_of
from consilience.reporting.sections.setting_words import level_words, setting_value, setting_words
from consilience.reporting.sections.view import DataTable, Forest, ForestGroup, ForestRow, data_table

MAX_ROWS = 15
"""Settings of one picture; the table has them all."""
LEAST = 0.02
"""Smallest half width of the picture, so that small differences look small."""
COARSE = 0.01
"""A permutation test whose smallest p value is not below this is told with it."""

HOW = {
    (True, True): N_("from {setting} {low} to {high} scores rise by {size:spread} ({interval})"),
    (True, False): N_("from {setting} {low} to {high} scores fall by {size:spread} ({interval})"),
    (False, True): N_("with {setting} {level} scores are {size:spread} higher ({interval})"),
    (False, False): N_("with {setting} {level} scores are {size:spread} lower ({interval})"),
}
"""(whether the setting is a number, whether scores go up) → words."""


FALLS = N_(
    "With it taken into account, the spread between laboratories falls from {before:spread} to "
    "{after:spread}."
)
STAYS = N_(
    "With it taken into account, the spread between laboratories does not fall ({before:spread}, then "
    "{after:spread})."
)


class AttributionBlock(msgspec.Struct, frozen=True, kw_only=True):
    """One concept and model."""

    heading: Markup
    sentences: tuple[Markup, ...]
    forest: Forest | None
    table: DataTable | None


def attribution_blocks(context: Context) -> list[AttributionBlock]:
    """Return one block for each comparison of two laboratories or more."""
    result = context.result
    blocks = []
    for number, table in enumerate(result.between):
        if table.language is None and len(table.laboratories) > 1:
            found = [
                one for one in result.attributions if (one.model, one.concept) == (table.model, table.concept)
            ]
            blocks.append(_block(context, table, found, number))
    return blocks


def _block(
    context: Context, table: BetweenLaboratories, found: list[Attribution], number: int
) -> AttributionBlock:
    ordered = sorted(found, key=_strength)
    return AttributionBlock(
        heading=context.voice.t(
            "What goes with the spread: {title}", title=context.concept_and_model(table.concept, table.model)
        ),
        sentences=(*_sentences(context, table, ordered), *context.as_given(table.rater)),
        forest=_forest(context, ordered, number) if ordered else None,
        table=_table(context, ordered, number) if ordered else None,
    )


def over_range(one: Attribution) -> Estimate:
    """Return the association from the lowest to the highest setting that the laboratories have."""
    known = [value for value in one.values.values() if value is not None]
    width, association = max(known) - min(known), one.association
    interval = association.interval
    return msgspec.structs.replace(
        association,
        value=None if association.value is None else association.value * width,
        interval=None
        if interval is None
        else Interval(
            low=interval.low * width, high=interval.high * width, level=interval.level, method=interval.method
        ),
    )


def _strength(one: Attribution) -> tuple[bool, float, float]:
    """Strongest first: by p value; without one by size."""
    size = abs(over_range(one).value or 0.0)
    return one.p_value is None, one.p_value if one.p_value is not None else 0.0, -size


def _sentences(context: Context, table: BetweenLaboratories, found: list[Attribution]) -> list[Markup]:
    voice, result = context.voice, context.result
    if not found:
        with_manifest = {r.laboratory for r in result.runs if r.has_manifest and r.model == table.model}
        if len(with_manifest) < 2:
            return [
                voice.t(
                    "Fewer than two laboratories sent a manifest, so nothing can be held against the results."
                )
            ]
        return [voice.t("The manifests show no setting that differs between laboratories.")]
    first = found[0]
    if first.association.value is None:
        return [context.not_estimable(first.association.reason)]
    clear = first.p_adjusted is not None and first.p_adjusted < 1 - result.exercise.confidence_level
    how = _how(context, first)
    if clear:
        told = [voice.t("One recorded setting goes with the spread: {how}.", how=how)]
    elif first.association.interval is None:
        told = [
            voice.t(
                "{how}; with so few laboratories the link to the setting cannot be told from chance.",
                how=_capital(how),
            )
        ]
    else:
        told = [voice.t("No recorded setting clearly goes with the spread. The closest: {how}.", how=how)]
    told += _more(context, first)
    if first.equal_weights:
        told.append(voice.t("All laboratories count the same here, whatever their errors."))
    told.append(
        voice.t(
            "This is an association and no proof: whatever else differs between these laboratories may be "
            "behind it."
        )
    )
    return told


def _capital(text: Markup) -> Markup:
    return text[:1].upper() + text[1:]


def _how(context: Context, one: Attribution) -> Markup:
    """Say what the scores do where the setting changes."""
    voice, estimate = context.voice, over_range(one)
    value = estimate.value or 0.0
    known = [number for number in one.values.values() if number is not None]
    scale = {"scale": "binary" if context.is_binary(one.rater) else "continuous"}
    interval = estimate.interval
    if interval is None:
        told = voice.t("no interval: {reason}", reason=voice.reason(estimate.reason))
    else:
        low, high = (interval.low, interval.high) if value >= 0 else (-interval.high, -interval.low)
        told = voice.t(
            "{level:level} interval {range}; {n:count} laboratories",
            level=interval.level,
            range=voice.range(low, high, "spread", scale),
            n=one.n_laboratories,
        )
    return voice.t(
        HOW[one.level is None, value >= 0],
        setting=setting_words(context, one),
        low=setting_value(context, one, min(known)),
        high=setting_value(context, one, max(known)),
        level=level_words(context, one),
        size=abs(value),
        interval=told,
        **scale,
    )


def _more(context: Context, one: Attribution) -> list[Markup]:
    """What limits the association, and what it would leave of the spread."""
    voice = context.voice
    scale = {"scale": "binary" if context.is_binary(one.rater) else "continuous"}
    told = []
    if one.only is not None:
        told.append(
            voice.t(
                "{laboratory} alone differs in it, so it cannot be told from anything else about "
                "{laboratory}.",
                laboratory=one.only,
            )
        )
    if one.same_as:
        same = [setting_words(context, one, name) for name in one.same_as]
        told.append(
            voice.t("These laboratories cannot tell it from: {settings}.", settings=voice.listed(same))
        )
    if one.between_sd is not None and one.between_sd_with is not None:
        text = FALLS if one.between_sd_with < one.between_sd else STAYS
        told.append(voice.t(text, before=one.between_sd, after=one.between_sd_with, **scale))
    if one.sign_holds is not None:
        told.append(
            voice.t("Its direction stays the same whichever laboratory is left out.")
            if one.sign_holds
            else voice.t("Its direction turns when one laboratory is left out.")
        )
    if one.p_permutation is not None and one.p_smallest is not None:
        p = context.equation(one.p_permutation)
        told.append(
            voice.t("Test by dealing the setting out to the laboratories at random: p {p}.", p=p)
            if one.p_smallest < COARSE
            else voice.t(
                "Test by dealing the setting out to the laboratories at random: p {p}; with these "
                "laboratories it could not be below {least:p}.",
                p=p,
                least=one.p_smallest,
            )
        )
    return told


def _forest(context: Context, found: list[Attribution], number: int) -> Forest:
    voice = context.voice
    binary = context.is_binary(found[0].rater)
    shown = found[:MAX_ROWS]
    estimates = [over_range(one) for one in shown]
    ends = [end for e in estimates if e.interval for end in (e.interval.low, e.interval.high)]
    limit = 1.0 if binary else None
    axis = difference_axis(
        [value if limit is None or value is None else max(-limit, min(limit, value))
         for value in [*(e.value for e in estimates), *ends]],
        margin=None, least=LEAST,
    )  # fmt: skip
    step = axis.ticks[1] - axis.ticks[0] if len(axis.ticks) > 1 else 1.0
    rows = [_row(context, one, e, axis, binary=binary) for one, e in zip(shown, estimates, strict=True)]
    unit = voice.t("percentage points") if binary else voice.t("units of the score")
    caption = voice.t(
        "How scores differ, in {unit}, from the lowest to the highest setting that the laboratories have, "
        "with {level:level} interval.",
        unit=unit,
        level=context.result.exercise.confidence_level,
    )
    if len(found) > len(shown):
        caption += Markup(" ") + voice.t(
            "The {shown:count} closest of {total:count} settings.", shown=len(shown), total=len(found)
        )
    return Forest(
        id=f"attribution-{number}",
        caption=caption,
        axis=axis_row(
            axis,
            lambda tick: context.tick(tick, binary=binary, kind="gap", step=step),
            title=voice.plain("Settings beside the results"),
            description=voice.plain(
                "Forest plot around no difference. Every number is written at the end of its row."
            ),
        ),
        label_head=voice.t("Setting"),
        wide_labels=True,
        reading_heads=(voice.t("difference"), voice.t("interval"), voice.t("laboratories, p")),
        groups=(ForestGroup(heading=Markup(""), rows=tuple(rows)),),
    )


def _row(context: Context, one: Attribution, estimate: Estimate, axis: Axis, *, binary: bool) -> ForestRow:
    voice = context.voice
    reading = context.reading(estimate, binary=binary, kind="gap")
    counted = context.count(one.n_laboratories)
    if one.p_adjusted is not None:
        counted = voice.t("{items}, p {p}", items=counted, p=context.equation(one.p_adjusted))
    clear = one.p_adjusted is not None and one.p_adjusted < 1 - context.result.exercise.confidence_level
    label = _label(context, one)
    tag = None
    if one.only is not None:
        tag = voice.t("one laboratory")
    elif clear:
        tag = voice.t("goes with it")
    return ForestRow(
        label=label,
        plot=row(
            mark_of(estimate, shape="square", tone="alarm" if clear else "pooled"),
            axis,
            title=f"{without_markup(label)}: {without_markup(reading.value)}",
        ),
        reading=msgspec.structs.replace(reading, n=counted),
        tag=tag,
        tag_class="alarm" if clear and one.only is None else "notice",
    )


def _label(context: Context, one: Attribution) -> Markup:
    voice = context.voice
    if one.level is not None:
        return voice.t(
            "{setting}: {level}", setting=setting_words(context, one), level=level_words(context, one)
        )
    known = [number for number in one.values.values() if number is not None]
    return voice.t(
        "{setting}: {low} to {high}",
        setting=setting_words(context, one),
        low=setting_value(context, one, min(known)),
        high=setting_value(context, one, max(known)),
    )


def _table(context: Context, found: list[Attribution], number: int) -> DataTable:
    voice = context.voice
    rows = []
    for one in found:
        binary = context.is_binary(one.rater)
        scale = {"scale": "binary" if binary else "continuous"}
        reading = context.reading(over_range(one), binary=binary, kind="gap")
        held = voice.t("not known")
        if one.sign_holds is not None:
            held = voice.t("yes") if one.sign_holds else voice.t("no")
        rows.append(
            (
                _label(context, one),
                _values(context, one),
                reading.value,
                reading.interval,
                context.probability(one.p_adjusted),
                context.probability(one.p_permutation),
                voice.write("spread", one.between_sd, scale),
                voice.write("spread", one.between_sd_with, scale),
                held,
                voice.listed([setting_words(context, one, name) for name in one.same_as]),
            )
        )
    return data_table(
        f"table-attribution-{number}",
        voice.t("Every recorded setting that differs between laboratories"),
        [
            (voice.t("Setting"), False),
            (voice.t("At the laboratories"), False),
            (voice.t("Difference"), True),
            (voice.t("Interval"), True),
            (voice.t("p, adjusted"), True),
            (voice.t("p by permutation"), True),
            (voice.t("Spread"), True),
            (voice.t("Spread with it"), True),
            (voice.t("Same direction without any one"), False),
            (voice.t("Not told from"), False),
        ],
        rows,
    )


def _values(context: Context, one: Attribution) -> Markup:
    voice = context.voice
    parts = []
    for laboratory, value in one.values.items():
        if value is None:
            told = voice.t("not known")
        elif one.level is None:
            told = setting_value(context, one, value)
        else:
            told = voice.t("yes") if value else voice.t("no")
        parts.append(voice.t("{laboratory}: {value}", laboratory=laboratory, value=told))
    return voice.listed(parts)
