"""What could not be scored, by cause: whether it says something about the model or only about the
environment.

Pure. Invariant: a share has its denominator, all ratings of that laboratory; where no cell says how many
there were, only counts are shown.
"""

from __future__ import annotations

import msgspec
from markupsafe import Markup

from consilience.evaluation.joint_result import Failure
from consilience.reporting import names, numbers
from consilience.reporting.charts.variance import Part, stacked_bar
from consilience.reporting.sections.context import Context
from consilience.reporting.sections.view import DataTable, data_table


class FailureBar(msgspec.Struct, frozen=True, kw_only=True):
    """One laboratory."""

    label: Markup
    bar: Markup | None
    text: Markup


class FailureView(msgspec.Struct, frozen=True, kw_only=True):
    """All failures."""

    lead: Markup
    bars: tuple[FailureBar, ...]
    by_cause: DataTable | None
    table: DataTable | None


def failure_view(context: Context) -> FailureView:
    """Return what could not be scored, in words, bars and tables."""
    voice, failures = context.voice, context.result.failures
    if not failures:
        return FailureView(lead=voice.t("Every rating has a score."), bars=(), by_cause=None, table=None)
    model, environment = _sum(failures, environment=False), _sum(failures, environment=True)
    lead = voice.t(
        "{all:count} of {rows:count} ratings have no score: {model:count} for causes that may speak of the "
        "model, "
        "{environment:count} for causes that say nothing about it. None of them counts as wrong; none "
        "enters a score.",
        all=model + environment,
        rows=context.result.counts.rows,
        model=model,
        environment=environment,
    )
    return FailureView(
        lead=lead,
        bars=tuple(_bar(context, laboratory) for laboratory in context.result.laboratories),
        by_cause=_by_cause(context),
        table=_table(context),
    )


def _sum(failures: tuple[Failure, ...] | list[Failure], *, environment: bool) -> int:
    return sum(failure.count for failure in failures if failure.environment == environment)


def _denominator(context: Context, laboratory: str) -> int:
    """All ratings of a laboratory, from its finest cells, and from the failures' own cells where there is
    none."""
    return sum(
        cell.generalized.n_scores + cell.n_unscored
        for cell in context.result.cells
        if cell.laboratory == laboratory and cell.language is not None
    )


def _bar(context: Context, laboratory: str) -> FailureBar:
    voice = context.voice
    found = [failure for failure in context.result.failures if failure.laboratory == laboratory]
    model, environment = _sum(found, environment=False), _sum(found, environment=True)
    of = _denominator(context, laboratory)
    counts = voice.t(
        "{model:count} model, {environment:count} environment", model=model, environment=environment
    )
    if of < model + environment or of == 0:
        return FailureBar(label=context.name(laboratory), bar=None, text=counts)
    share = names.left_to_right(numbers.percent((model + environment) / of, voice.style))
    parts = (
        Part(letter="M", share=model / of, tone="series-2"),
        Part(letter="E", share=environment / of, tone="series-1"),
    )
    bar = stacked_bar(
        parts,
        title=voice.plain("Ratings without a score: {laboratory}", laboratory=laboratory),
        description=voice.plain(
            "{model:count} model, {environment:count} environment", model=model, environment=environment
        ),
    )
    text = voice.t("{share} of {of:count} ratings ({counts})", share=share, of=of, counts=counts)
    return FailureBar(label=context.name(laboratory), bar=bar, text=text)


def kind_of(context: Context, environment: bool) -> Markup:
    """Write what a cause speaks of."""
    return context.voice.t("environment") if environment else context.voice.t("model or rating")


def _by_cause(context: Context) -> DataTable:
    voice = context.voice
    totals: dict[tuple[bool, str], dict[str, int]] = {}
    for failure in context.result.failures:
        counts = totals.setdefault((failure.environment, failure.cause), {})
        counts[failure.laboratory] = counts.get(failure.laboratory, 0) + failure.count
    rows = [
        (
            voice.word("cause", cause),
            kind_of(context, environment),
            *(context.count(counts.get(laboratory, 0)) for laboratory in context.result.laboratories),
            context.count(sum(counts.values())),
        )
        for (environment, cause), counts in sorted(totals.items(), key=lambda entry: -sum(entry[1].values()))
    ]
    return data_table(
        "table-causes",
        voice.t("Ratings without a score, by cause and laboratory"),
        [
            (voice.t("Cause"), False),
            (voice.t("Speaks of"), False),
            *((context.name(laboratory), True) for laboratory in context.result.laboratories),
            (voice.t("All"), True),
        ],
        rows,
    )


def _table(context: Context) -> DataTable:
    voice = context.voice
    ordered = sorted(context.result.failures, key=lambda failure: -failure.count)
    rows = [
        (
            context.name(failure.laboratory),
            context.name(failure.model),
            context.language(failure.language),
            context.title(failure.concept),
            context.name(failure.rater),
            voice.word("cause", failure.cause),
            kind_of(context, failure.environment),
            context.count(failure.count),
            context.count(failure.of),
        )
        for failure in ordered
    ]
    return data_table(
        "table-failures",
        voice.t("Every cell with ratings that have no score"),
        [
            (voice.t("Laboratory"), False),
            (voice.t("Model"), False),
            (voice.t("Language"), False),
            (voice.t("Concept"), False),
            (voice.t("Rater"), False),
            (voice.t("Cause"), False),
            (voice.t("Speaks of"), False),
            (voice.t("Count"), True),
            (voice.t("Of"), True),
        ],
        rows,
    )
