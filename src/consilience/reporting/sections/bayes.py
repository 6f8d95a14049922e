"""The cross-check: the intervals of a hierarchical model beside those of the report.

Pure. Invariants: nothing is drawn or said where the result holds no cross-check; the picture shows the
averages under the verdict's estimand, the table every cell under both; a model without numbers says why.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from markupsafe import Markup

from consilience.evaluation.joint_result import BayesAgreement, BayesCell, BayesTable, Estimate
from consilience.reporting.charts.axis import rate_axis
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


class BayesBlock(msgspec.Struct, frozen=True, kw_only=True):
    """One concept and model."""

    heading: Markup
    sentences: tuple[Markup, ...]
    forest: Forest | None
    """None where the model gives no number."""
    table: DataTable
    spreads: DataTable | None


def bayes_blocks(context: Context) -> list[BayesBlock]:
    """Return a block for each table of the cross-check."""
    return [_block(context, number, table) for number, table in enumerate(context.result.bayes)]


def _block(context: Context, number: int, table: BayesTable) -> BayesBlock:
    heading = context.concept_and_model(table.concept, table.model)
    known = table.reason is None
    return BayesBlock(
        heading=heading,
        sentences=tuple(_sentences(context, table)),
        forest=_forest(context, number, table) if known else None,
        table=_cell_table(context, number, table, heading),
        spreads=_spread_table(context, number, table, heading) if known else None,
    )


def _pair(context: Context, cell: BayesCell) -> tuple[Estimate, Estimate]:
    """The report's estimate and the model's, under the estimand of the verdict."""
    if context.result.exercise.verdict_estimand == "benchmark":
        return cell.core_benchmark, cell.benchmark
    return cell.core_generalized, cell.generalized


def _sentences(context: Context, table: BayesTable) -> Iterator[Markup]:
    voice = context.voice
    if table.reason is not None:
        yield voice.t("No cross-check: {reason}.", reason=voice.reason(table.reason))
    else:
        estimand = context.result.exercise.verdict_estimand
        yield from (_agreement_sentence(context, one) for one in table.agreement if one.estimand == estimand)
        told = _between_sentence(context, table)
        if told is not None:
            yield told
    if table.n_items < table.n_items_all:
        yield voice.t(
            "The model was fitted to {n:count} of {all:count} items, drawn at random.",
            n=table.n_items,
            all=table.n_items_all,
        )
    yield from _fit_sentence(context, table)


def _agreement_sentence(context: Context, one: BayesAgreement) -> Markup:
    voice = context.voice
    if not one.n_cells or one.largest_difference is None:
        return voice.t("No score has both intervals, so the two ways cannot be held against each other.")
    params = {
        "n": one.n_cells,
        "overlapping": one.n_overlapping,
        "inside": one.n_inside,
        "difference": one.largest_difference,
        "where": _where(context, one),
    }
    if one.n_overlapping == one.n_cells:
        return voice.t(
            "In all {n:count} scores the two intervals overlap; in {inside:count} the report's number lies "
            "inside the model's interval. The largest difference is {difference:gap} ({where}).",
            **params,
        )
    return voice.t(
        "In {overlapping:count} of {n:count} scores the two intervals overlap: where they do not, trust "
        "neither. In {inside:count} the report's number lies inside the model's interval. The largest "
        "difference is {difference:gap} ({where}).",
        **params,
    )


def _between_sentence(context: Context, table: BayesTable) -> Markup | None:
    voice, found = context.voice, table.between
    if found.value is None or found.interval is None:
        return None
    return voice.t(
        "Standard deviation between these laboratories, by the model: {sd:spread} ({range}; {n:count} "
        "items); in this report: {core:spread}.",
        sd=found.value,
        range=voice.range(found.interval.low, found.interval.high, "spread"),
        n=found.n_items,
        core=table.core_between_sd,
    )


def _fit_sentence(context: Context, table: BayesTable) -> Iterator[Markup]:
    if table.chains is None:
        return
    yield context.voice.t(
        "From {scores:count} scores of {items:count} items by {rater}: {chains:count} chains of "
        "{draws:count} draws, worst R-hat {r_hat}, smallest effective sample {size:count}, "
        "divergences {divergences:count}.",
        scores=table.n_scores,
        items=table.n_items,
        rater=table.rater,
        chains=table.chains,
        draws=table.draws,
        r_hat=context.number(table.r_hat, table.reason, places=3),
        size=table.effective_size,
        divergences=table.divergences,
    )


def _forest(context: Context, number: int, table: BayesTable) -> Forest:
    voice, axis = context.voice, rate_axis()
    averages = [cell for cell in table.cells if cell.laboratory is None or cell.language is None]
    averages.sort(key=lambda cell: (cell.language is not None, cell.laboratory is not None))
    shown = averages[: MAX_FOREST_ROWS // 2]
    title = voice.plain("Cross-check of the scores on “{concept:concept}”", concept=table.concept)
    return Forest(
        id=f"forest-bayes-{number}",
        caption=voice.t(
            "Score {estimand}, averages, with {level:level} interval. Diamonds: this report. Circles: the "
            "hierarchical model.",
            estimand=context.estimand(context.result.exercise.verdict_estimand),
            level=context.result.exercise.confidence_level,
        ),
        axis=axis_row(
            axis,
            lambda tick: context.tick(tick, binary=True),
            title=title,
            description=voice.plain("Forest plot. Every mark and interval is written at the end of its row."),
        ),
        label_head=voice.t("Language and laboratory"),
        reading_heads=(voice.t("score"), voice.t("interval"), voice.t("items (scores)")),
        groups=tuple(_group(context, cell) for cell in shown),
        note=voice.t("Not all rows fit; the table in the data folder has every one.")
        if len(shown) < len(averages)
        else None,
    )


def _where(context: Context, cell: BayesCell | BayesAgreement) -> Markup:
    return context.voice.t(
        "{language}, {laboratory}",
        language=context.language(cell.language),
        laboratory=context.laboratory(cell.laboratory),
    )


def _group(context: Context, cell: BayesCell) -> ForestGroup:
    voice, axis = context.voice, rate_axis()
    heading = _where(context, cell)
    rows = []
    core, model = _pair(context, cell)
    for label, estimate, shape, tone in (
        (voice.t("this report"), core, "diamond", "pooled"),
        (voice.t("hierarchical model"), model, "circle", "series-1"),
    ):
        reading = context.reading(estimate, binary=True)
        title = f"{without_markup(heading)}, {without_markup(label)}: {without_markup(reading.value)}"
        plot = row(mark_of(estimate, shape=shape, tone=tone), axis, title=title)
        rows.append(ForestRow(label=label, plot=plot, reading=reading, indent=True))
    return ForestGroup(heading=heading, rows=tuple(rows))


def _cell_table(context: Context, number: int, table: BayesTable, heading: Markup) -> DataTable:
    voice = context.voice
    rows = []
    for cell in table.cells:
        readings = [
            context.reading(one, binary=True)
            for one in (cell.core_benchmark, cell.benchmark, cell.core_generalized, cell.generalized)
        ]
        rows.append(
            (
                context.laboratory(cell.laboratory),
                context.language(cell.language),
                *(part for reading in readings for part in (reading.value, reading.interval)),
                context.count(cell.core_generalized.n_items),
                context.count(cell.core_generalized.n_scores),
            )
        )
    columns = (
        voice.t("On exactly these items: this report"),
        voice.t("On exactly these items: the model"),
        voice.t("On items like these: this report"),
        voice.t("On items like these: the model"),
    )
    return data_table(
        f"table-bayes-{number}",
        voice.t("Every score of this report beside that of the hierarchical model: {title}", title=heading),
        [
            (voice.t("Laboratory"), False),
            (voice.t("Language"), False),
            *((head, True) for column in columns for head in (column, voice.t("Interval"))),
            (voice.t("Items"), True),
            (voice.t("Scores"), True),
        ],
        rows,
    )


def _spread_table(context: Context, number: int, table: BayesTable, heading: Markup) -> DataTable:
    voice = context.voice
    rows = []
    for one in table.spreads:
        told = voice.t("no interval")
        if one.interval is not None:
            told = voice.range(one.interval.low, one.interval.high, "number")
        rows.append(
            (
                voice.word("source", one.source),
                context.number(one.sd, one.reason),
                told,
                context.count(one.levels),
            )
        )
    return data_table(
        f"table-bayes-spreads-{number}",
        voice.t("Standard deviations of the sources in the model, in log-odds: {title}", title=heading),
        [
            (voice.t("Source"), False),
            (voice.t("Standard deviation"), True),
            (voice.t("Interval"), True),
            (voice.t("Levels"), True),
        ],
        rows,
    )
