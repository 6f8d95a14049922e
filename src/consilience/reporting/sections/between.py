"""Between laboratories: how far they lie apart, who stands apart, and what becomes of the spread without each
of them.

Pure. Invariants: nothing is computed here but distances from a mean for the matrix; a deviation is named
beside a laboratory that stands apart and not called the cause; a spread that is not known is said to be so.
"""

from __future__ import annotations

import msgspec
from markupsafe import Markup

from consilience.evaluation.joint_result import BetweenLaboratories, LaboratoryScore
from consilience.reporting import numbers
from consilience.reporting.charts.axis import rate_axis, value_axis
from consilience.reporting.charts.forest import axis_row, row
from consilience.reporting.charts.matrix import MatrixCell, distances
from consilience.reporting.messages import without_markup
from consilience.reporting.sections.context import Context, mark_of
from consilience.reporting.sections.further import (
    further_sentences,
    outlier_table,
    summary_ends,
    summary_group,
)
from consilience.reporting.sections.view import DataTable, Forest, ForestGroup, ForestRow, data_table
from consilience.reporting.verdict import departures, without_it

CRITICAL = 0.01
"""Level of the critical values of h and k."""
DEFAULT_STEP = 0.1
MAX_MATRIX_COLUMNS = 24


class MatrixView(msgspec.Struct, frozen=True, kw_only=True):
    """The matrix of distances, ready to show: heads, then rows of (text, tone)."""

    caption: Markup
    heads: tuple[Markup, ...]
    rows: tuple[tuple[Markup, tuple[tuple[Markup, str], ...]], ...]


class BetweenBlock(msgspec.Struct, frozen=True, kw_only=True):
    """One concept, model and rater."""

    heading: Markup
    sentences: tuple[Markup, ...]
    forest: Forest | None
    scores: DataTable | None
    leave_one_out: DataTable | None
    outliers: DataTable | None
    matrix: MatrixView | None


def between_blocks(context: Context) -> list[BetweenBlock]:
    """Return one block for each table over all languages, or for each table where there is none over all."""
    tables = context.result.between
    whole = [table for table in tables if table.language is None]
    return [_block(context, table, number) for number, table in enumerate(whole or tables)]


def _block(context: Context, table: BetweenLaboratories, number: int) -> BetweenBlock:
    heading = context.concept_and_model(table.concept, table.model)
    if table.language is not None:
        heading = context.voice.t("{title}, {language:language}", title=heading, language=table.language)
    several = len(table.laboratories) > 1
    key = f"{context.key(table.concept, table.model)}-{number}"
    return BetweenBlock(
        heading=heading,
        sentences=(*context.as_given(table.rater), *_sentences(context, table)),
        forest=_forest(context, table, key) if table.laboratories else None,
        scores=_score_table(context, table, key) if several else None,
        leave_one_out=_leave_one_out(context, table, key) if several and table.leave_one_out else None,
        outliers=outlier_table(context, table, key) if several else None,
        matrix=_matrix(context, table) if table.language is None else None,
    )


def _scale(context: Context, table: BetweenLaboratories) -> dict[str, str]:
    return {"scale": "binary" if context.is_binary(table.rater) else "continuous"}


def _sentences(context: Context, table: BetweenLaboratories) -> list[Markup]:
    voice, scale = context.voice, _scale(context, table)
    flagged = [score for score in table.laboratories if score.flagged]
    told = [_apart(context, table, score) for score in flagged]
    if not flagged and len(table.laboratories) > 1:
        told.append(voice.t("No laboratory stands apart from the others."))
    if table.between_sd is None:
        told.append(voice.t("Spread between laboratories: {why}.", why=context.not_estimable(table.reason)))
    else:
        told.append(_spread(context, table, scale))
    if table.repeatability_sd is not None:
        told.append(_repeatability(context, table, scale))
    if table.reproducibility_sd is not None:
        told.append(
            voice.t(
                "Within and between laboratories together: {sd:spread} (reproducibility).",
                sd=table.reproducibility_sd,
                **scale,
            )
        )
    told += further_sentences(context, table)
    if table.p_homogeneous is not None:
        told.append(
            voice.t(
                "Test of “all laboratories have the same mean”: p {p}.",
                p=context.equation(table.p_homogeneous),
            )
        )
    return told


def _repeatability(context: Context, table: BetweenLaboratories, scale: dict[str, str]) -> Markup:
    if table.repeatability_basis == "items":
        return context.voice.t(
            "Within one laboratory single scores spread by {sd:spread}; nothing was repeated, "
            "so this holds differences between items too.",
            sd=table.repeatability_sd,
            **scale,
        )
    return context.voice.t(
        "Repeating the measurement within one laboratory gives a spread of {sd:spread} (repeatability).",
        sd=table.repeatability_sd,
        **scale,
    )


def _spread(context: Context, table: BetweenLaboratories, scale: dict[str, str]) -> Markup:
    voice, interval = context.voice, table.between_sd_interval
    told = context.not_estimable(table.reason)
    if interval is not None:
        told = voice.t(
            "{level:level} interval {range}",
            level=interval.level,
            range=voice.range(interval.low, interval.high, "spread", scale),
        )
    text = voice.t(
        "Spread between laboratories: {sd:spread} (standard deviation of {n:count} laboratories; "
        "{interval}).",
        sd=table.between_sd,
        n=len(table.laboratories),
        interval=told if interval is not None else voice.t("interval {told}", told=told),
        **scale,
    )
    if table.between_variance_raw is not None and table.between_variance_raw < 0:
        text += Markup(" ") + voice.t("The estimate was negative before it was set to 0.")
    return text


def _apart(context: Context, table: BetweenLaboratories, score: LaboratoryScore) -> Markup:
    """Say that a laboratory stands apart, what its manifest shows, and what becomes of the spread without
    it."""
    voice, laboratory = context.voice, score.laboratory
    found = [d for d in context.result.deviations if d.laboratory == laboratory and d.model == table.model]
    shown = ([d for d in found if d.severity == "major"] or found)[:3]
    if shown:
        why = departures(
            voice,
            {
                "fields": [d.field for d in shown],
                "planned": [d.planned for d in shown],
                "actual": [d.actual for d in shown],
            },
        )
    elif any(run.laboratory == laboratory and run.has_manifest for run in context.result.runs):
        why = voice.t("its manifest shows no deviation from the protocol")
    else:
        why = voice.t("there is no manifest that could say why")
    rest = without_it(
        voice,
        {
            "laboratory": laboratory,
            "spread": table.between_sd,
            "spread_without": table.leave_one_out.get(laboratory),
            **_scale(context, table),
        },
    )
    if not rest:
        return voice.t("{laboratory} stands apart; {why}.", laboratory=laboratory, why=why)
    return voice.t("{laboratory} stands apart; {why}; {rest}.", laboratory=laboratory, why=why, rest=rest)


def _forest(context: Context, table: BetweenLaboratories, key: str) -> Forest:
    voice, binary = context.voice, context.is_binary(table.rater)
    estimates = [score.mean for score in table.laboratories]
    ends = [end for e in estimates if e.interval for end in (e.interval.low, e.interval.high)]
    values = [*(e.value for e in estimates), *ends, *summary_ends(table)]
    axis = rate_axis() if binary else value_axis(values)
    step = axis.ticks[1] - axis.ticks[0] if len(axis.ticks) > 1 else 1.0
    rows = []
    for score in table.laboratories:
        reading = context.reading(score.mean, binary=binary)
        label = context.name(score.laboratory)
        mark = mark_of(
            score.mean,
            shape=context.shape(score.laboratory),
            tone="alarm" if score.flagged else context.tone(score.laboratory),
        )
        rows.append(
            ForestRow(
                label=label,
                plot=row(mark, axis, title=f"{without_markup(label)}: {without_markup(reading.value)}"),
                reading=reading,
                tag=voice.t("stands apart") if score.flagged else None,
                tag_class="alarm",
            )
        )
    return Forest(
        id=f"laboratories-{key}",
        caption=voice.t(
            "Mean of each laboratory {estimand}, with {level:level} interval.",
            estimand=context.estimand(estimates[0].estimand),
            level=context.result.exercise.confidence_level,
        ),
        axis=axis_row(
            axis,
            lambda tick: context.tick(tick, binary=binary, step=step),
            title=voice.plain("Means of the laboratories"),
            description=voice.plain("Forest plot. Every mark and interval is written at the end of its row."),
        ),
        label_head=voice.t("Laboratory"),
        reading_heads=(voice.t("score"), voice.t("interval"), voice.t("items (scores)")),
        groups=(
            ForestGroup(heading=Markup(""), rows=tuple(rows)),
            *summary_group(context, table, axis),
        ),
    )


def _score_table(context: Context, table: BetweenLaboratories, key: str) -> DataTable:
    voice, binary = context.voice, context.is_binary(table.rater)
    rows, classes = [], []
    for score in table.laboratories:
        mean = context.reading(score.mean, binary=binary)
        rows.append(
            (
                context.name(score.laboratory),
                mean.value,
                mean.interval,
                context.number(score.h, score.reason, signed=True),
                context.number(score.k, score.reason),
                context.number(score.z, score.reason, signed=True),
                context.number(score.zeta, score.reason, signed=True),
                _differs_from(context, table, score),
                voice.t("stands apart") if score.flagged else voice.t("with the others"),
            )
        )
        classes.append("flagged" if score.flagged else "")
    bases = sorted({score.z_basis for score in table.laboratories if score.z_basis})
    caption = voice.t(
        "Laboratory scores: Mandel’s h and k (ISO 5725-2); distances z and ζ from the robust mean "
        "(ISO 13528), ζ in units of the errors of both"
    )
    if bases:
        caption += voice.t("; unit of z: {bases:basis}", bases=bases)
    if table.h_critical is not None and table.k_critical is not None:
        caption += voice.t(
            "; critical at {level:level}: h beyond {h:number}, k above {k:number}",
            level=CRITICAL,
            h=table.h_critical,
            k=table.k_critical,
        )
    return data_table(
        f"table-laboratories-{key}",
        caption,
        [
            (voice.t("Laboratory"), False),
            (voice.t("Mean"), True),
            (voice.t("Interval"), True),
            (voice.t("h, between"), True),
            (voice.t("k, within"), True),
            (voice.t("z"), True),
            (voice.t("ζ"), True),
            (voice.t("Differs from"), True),
            (voice.t("Reading"), False),
        ],
        rows,
        classes=classes,
    )


def _differs_from(context: Context, table: BetweenLaboratories, score: LaboratoryScore) -> Markup:
    """From how many of the others it differs, pair by pair."""
    if score.differs_from is None:
        return context.voice.t("not known")
    others = len(table.laboratories) - 1
    return context.voice.t("{n:count} of {others:count}", n=score.differs_from, others=others)


def _leave_one_out(context: Context, table: BetweenLaboratories, key: str) -> DataTable:
    voice, scale = context.voice, _scale(context, table)
    rows = []
    for laboratory in sorted(table.leave_one_out):
        rest = table.leave_one_out[laboratory]
        told = (
            voice.t("not estimable: too few laboratories remain")
            if rest is None
            else voice.write("spread", rest, scale)
        )
        rows.append((context.name(laboratory), told, context.count(len(table.laboratories) - 1)))
    return data_table(
        f"table-leave-one-out-{key}",
        voice.t(
            "Spread between the other laboratories when one is left out. No interval stands beside it: the "
            "rows share all laboratories but one, and who is left out is chosen after looking; read the "
            "interval of the spread of all."
        ),
        [
            (voice.t("Left out"), False),
            (voice.t("Spread of the others"), True),
            (voice.t("Laboratories in it"), True),
        ],
        rows,
    )


def _matrix(context: Context, table: BetweenLaboratories) -> MatrixView | None:
    """The matrix over laboratories and languages; None where there is nothing to compare or no room."""
    laboratories, languages = context.result.laboratories, context.result.languages
    if len(laboratories) < 2 or len(languages) < 2 or len(languages) > MAX_MATRIX_COLUMNS:
        return None
    values = {
        (cell.laboratory, cell.language): context.verdict_estimate(cell).value
        for cell in context.result.cells
        if cell.concept == table.concept
        and cell.model == table.model
        and cell.rater == table.rater
        and cell.laboratory is not None
        and cell.language is not None
    }
    margin = next(
        (c.margins.get("laboratory") for c in context.result.concepts if c.id == table.concept), None
    )
    step = margin or DEFAULT_STEP
    cells = distances(values, laboratories, languages, step=step)
    voice, binary = context.voice, context.is_binary(table.rater)
    return MatrixView(
        caption=voice.t(
            "Distance of each laboratory from the mean of the laboratories, by language, in {unit}. "
            "Tinted from {step:spread} on; darker from twice that.",
            unit=voice.t("percentage points") if binary else voice.t("units of the score"),
            step=step,
            **_scale(context, table),
        ),
        heads=tuple(context.language(tag) for tag in languages),
        rows=tuple(
            (
                context.name(lab),
                tuple(_matrix_cell(context, cells[lab, tag], binary=binary) for tag in languages),
            )
            for lab in laboratories
        ),
    )


def _matrix_cell(context: Context, cell: MatrixCell, *, binary: bool) -> tuple[Markup, str]:
    if cell.value is None or cell.tone is None or not numbers.is_known(cell.value):
        return context.voice.t("not measured"), "none"
    told = context.value(cell.value, binary=binary, kind="gap")
    return told if told is not None else context.voice.t("not measured"), cell.tone
