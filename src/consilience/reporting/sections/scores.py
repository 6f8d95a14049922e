"""The scores: one forest plot for each concept and model, pooled per language and then per laboratory.

Pure. Invariants: one plot shows one estimand only, named in its caption; rates stand on an axis from 0 to 100
%; both estimands of every cell stand in the table under the plot.
"""

from __future__ import annotations

import itertools

import msgspec
from markupsafe import Markup

from consilience.evaluation.joint_result import Cell, ConceptSummary, Estimate
from consilience.reporting.charts.axis import Axis, rate_axis, value_axis
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


class ScoreBlock(msgspec.Struct, frozen=True, kw_only=True):
    """One concept on one model."""

    heading: Markup
    lead: Markup
    forest: Forest | None
    table: DataTable


def score_blocks(context: Context) -> list[ScoreBlock]:
    """Return the blocks of all concepts and models that have cells."""
    blocks = []
    for concept in context.result.concepts:
        for model in context.result.models:
            cells = [
                cell for cell in context.result.cells if cell.concept == concept.id and cell.model == model
            ]
            if cells:
                blocks.append(_block(context, concept, model, cells))
    return blocks


def _block(context: Context, concept: ConceptSummary, model: str, cells: list[Cell]) -> ScoreBlock:
    voice = context.voice
    primary = [cell for cell in cells if cell.primary]
    direction = voice.t("Higher is better.") if concept.higher_is_better else voice.t("Lower is better.")
    lead = Markup(" ").join(
        part
        for part in (
            voice.write("text", concept.definition) if concept.definition else Markup(""),
            direction,
            voice.t("Rated by {rater}.", rater=concept.primary_rater),
            voice.t("These ratings are simulated.")
            if concept.primary_rater in context.simulated
            else Markup(""),
            *context.as_given(concept.primary_rater),
        )
        if part
    )
    return ScoreBlock(
        heading=context.concept_and_model(concept.id, model),
        lead=lead,
        forest=_forest(context, concept, model, primary) if primary else None,
        table=_cell_table(context, concept, model, cells),
    )


def _axis(context: Context, estimates: list[Estimate], *, binary: bool) -> Axis:
    if binary:
        return rate_axis()
    ends = [end for e in estimates if e.interval for end in (e.interval.low, e.interval.high)]
    return value_axis([*(estimate.value for estimate in estimates), *ends])


def _forest(context: Context, concept: ConceptSummary, model: str, cells: list[Cell]) -> Forest:
    voice = context.voice
    binary = context.is_binary(cells[0].rater)
    axis = _axis(context, [context.verdict_estimate(cell) for cell in cells], binary=binary)
    by_place = {(cell.laboratory, cell.language): cell for cell in cells}
    groups, shown = [], 0
    for language in _language_groups(context):
        places = [(laboratory, language) for laboratory in _laboratory_rows(context)]
        rows = [_row(context, by_place[place], axis, binary=binary) for place in places if place in by_place]
        if shown + len(rows) > MAX_FOREST_ROWS:
            rows = rows[:1]
        if rows and shown < MAX_FOREST_ROWS:
            shown += len(rows)
            groups.append(ForestGroup(heading=Markup(""), rows=tuple(rows)))
    step = axis.ticks[1] - axis.ticks[0] if len(axis.ticks) > 1 else 1.0
    estimand = context.estimand(context.result.exercise.verdict_estimand)
    title = voice.plain("Scores on “{concept:concept}”", concept=concept.id)
    return Forest(
        id=f"forest-{context.key(concept.id, model)}",
        caption=voice.t(
            "Score {estimand}, with {level:level} interval. Diamonds: all laboratories together.",
            estimand=estimand,
            level=context.result.exercise.confidence_level,
        ),
        axis=axis_row(
            axis,
            lambda tick: context.tick(tick, binary=binary, step=step),
            title=title,
            description=voice.plain("Forest plot. Every mark and interval is written at the end of its row."),
        ),
        label_head=voice.t("Language and laboratory"),
        reading_heads=(voice.t("score"), voice.t("interval"), voice.t("items (scores)")),
        groups=tuple(groups),
        note=voice.t("Not all rows fit; the table in the data folder has every one.")
        if _is_cut(context, groups, cells)
        else None,
    )


def _language_groups(context: Context) -> list[str | None]:
    """All languages together, then each; one language alone is not shown twice."""
    languages = list(context.result.languages)
    return [None, *languages] if len(languages) > 1 else [*languages]


def _laboratory_rows(context: Context) -> list[str | None]:
    laboratories = list(context.result.laboratories)
    return [None, *laboratories] if len(laboratories) > 1 else [None]


def _is_cut(context: Context, groups: list[ForestGroup], cells: list[Cell]) -> bool:
    wanted = set(itertools.product(_laboratory_rows(context), _language_groups(context)))
    there = sum((cell.laboratory, cell.language) in wanted for cell in cells)
    return sum(len(group.rows) for group in groups) < there


def _row(context: Context, cell: Cell, axis: Axis, *, binary: bool) -> ForestRow:
    estimate = context.verdict_estimate(cell)
    pooled = cell.laboratory is None
    reading = context.reading(estimate, binary=binary)
    label = context.language(cell.language) if pooled else context.laboratory(cell.laboratory)
    laboratory = cell.laboratory or ""
    mark = mark_of(
        estimate,
        shape="diamond" if pooled else context.shape(laboratory),
        tone="pooled" if pooled else context.tone(laboratory),
    )
    flagged = (
        not pooled and cell.language is None and is_flagged(context, laboratory, cell.model, cell.concept)
    )
    return ForestRow(
        label=label,
        plot=row(mark, axis, title=f"{without_markup(label)}: {without_markup(reading.value)}"),
        reading=reading,
        indent=not pooled,
        strong=pooled,
        tag=context.voice.t("differs") if flagged else None,
        tag_class="alarm",
    )


def is_flagged(context: Context, laboratory: str, model: str, concept: str) -> bool:
    """Say whether a laboratory stands apart from the others over all languages."""
    return any(
        score.laboratory == laboratory and score.flagged
        for table in context.result.between
        if table.model == model and table.concept == concept and table.language is None
        for score in table.laboratories
    )


def _cell_table(context: Context, concept: ConceptSummary, model: str, cells: list[Cell]) -> DataTable:
    voice = context.voice
    rows = []
    for cell in cells:
        binary = context.is_binary(cell.rater)
        benchmark, generalized = (
            context.reading(e, binary=binary) for e in (cell.benchmark, cell.generalized)
        )
        rater = context.name(cell.rater)
        if cell.rater in context.simulated:
            rater = voice.t("{rater} (simulated)", rater=rater)
        rows.append(
            (
                context.laboratory(cell.laboratory),
                context.language(cell.language),
                rater,
                benchmark.value,
                benchmark.interval,
                generalized.value,
                generalized.interval,
                context.count(cell.generalized.n_items),
                context.count(cell.generalized.n_scores),
                context.count(cell.n_unscored),
            )
        )
    return data_table(
        f"table-scores-{context.key(concept.id, model)}",
        voice.t("Every score on “{concept:concept}”, both estimands", concept=concept.id),
        [
            (voice.t("Laboratory"), False),
            (voice.t("Language"), False),
            (voice.t("Rater"), False),
            (voice.t("On exactly these items"), True),
            (voice.t("Interval"), True),
            (voice.t("On items like these"), True),
            (voice.t("Interval"), True),
            (voice.t("Items"), True),
            (voice.t("Scores"), True),
            (voice.t("Without score"), True),
        ],
        rows,
    )
