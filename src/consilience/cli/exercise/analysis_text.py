"""A joint result as text for a terminal: the verdict, the cells, the differences, deviations and failures.

Responsible for plain words and aligned tables; ids are printed as text, never as markup or as commands to the
terminal.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from consilience.cli.output import counted, harmless
from consilience.evaluation.joint_result import Contrast, Estimate, JointResult
from consilience.reporting.messages import sentence

MAX_ROWS = 60
"""Rows of one table; the rest is counted, and is in the document."""
MAX_COLUMNS = 4
"""Laboratories that stand beside each other in one table."""
Row = Sequence[str]
Place = tuple[str | None, str | None]
"""Language and laboratory; None: all."""


def print_result(result: JointResult, console: Console | None = None) -> None:
    """Print a joint result.

    Args:
        result: The document.
        console: Where to; standard output by default, wide enough for the tables where it is no terminal.
    """
    console = console or _console()
    titles = {concept.id: concept.titles.get("en", concept.id) for concept in result.concepts}
    console.print(_said(f"Exercise {result.exercise.name}", style="bold"))
    for message in (*result.verdict, *result.verdict_limits):
        console.print(_said(sentence(message, "en", titles=titles)))
    counts = result.counts
    console.print(
        _said(
            f"{counted(len(result.laboratories), 'laboratory')}, {counted(len(result.models), 'model')}, "
            f"{counted(len(result.languages), 'language')}, {counted(counts.items, 'item')}, "
            f"{counted(counts.generations, 'generation')}, {counts.scored} of "
            f"{counted(counts.rows, 'rating')} scored."
        )
    )
    _print_cells(result, console)
    _print_contrasts(result, console)
    _print_deviations(result, console)
    _print_failures(result, console)
    for message in result.notes:
        console.print(_said("Note: " + sentence(message, "en", titles=titles)))


def _said(text: str, style: str = "") -> Text:
    """A text with names in it that others chose, as it may stand on a terminal."""
    return Text(harmless(text), style=style)


def _console() -> Console:
    console = Console(no_color=True if os.environ.get("NO_COLOR") else None, highlight=False)
    return console if console.is_terminal else Console(width=160, highlight=False, force_terminal=False)


def _table(title: str, columns: Row, rows: Iterable[Row], console: Console) -> None:
    everything = list(rows)
    if not everything:
        return
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(_said(column), overflow="fold")
    for row in everything[:MAX_ROWS]:
        table.add_row(*(_said(cell) for cell in row))
    console.print()
    console.print(_said(title, style="bold"))
    console.print(table)
    if len(everything) > MAX_ROWS:
        console.print(_said(f"… and {len(everything) - MAX_ROWS} more rows in the document"))


def _print_cells(result: JointResult, console: Console) -> None:
    """Language × laboratory, one table per model and concept, by the primary rater."""
    scales = {rater.id: rater.scale for rater in result.raters}
    benchmark = result.exercise.verdict_estimand == "benchmark"
    for model in result.models:
        for concept in result.concepts:
            found = {
                (cell.language, cell.laboratory): cell.benchmark if benchmark else cell.generalized
                for cell in result.cells
                if cell.model == model and cell.concept == concept.id and cell.primary
            }
            if not found:
                continue
            rate = scales[concept.primary_rater] == "binary"
            what = "these items" if benchmark else "items like these"
            title = f"{concept.id}, {model}, by {concept.primary_rater} (on {what})"
            _print_grid(title, result, found, rate, console)


def _print_grid(
    title: str, result: JointResult, found: dict[Place, Estimate], rate: bool, console: Console
) -> None:
    """Language × laboratory; where that is too wide, languages over all laboratories and laboratories over
    all."""
    languages: list[str | None] = [*result.languages, None]
    places: list[str | None] = [*result.laboratories, None]
    if len(result.laboratories) > MAX_COLUMNS:
        rows = [[tag or "all languages", _estimate(found.get((tag, None)), rate)] for tag in languages]
        _table(title, ["language", "all laboratories"], rows, console)
        rows = [[lab or "all laboratories", _estimate(found.get((None, lab)), rate)] for lab in places]
        _table(title, ["laboratory", "all languages"], rows, console)
        return
    columns = ["language", *result.laboratories, "all laboratories"]
    rows = [
        [tag or "all languages", *(_estimate(found.get((tag, lab)), rate) for lab in places)]
        for tag in languages
    ]
    _table(title, columns, rows, console)


def _estimate(estimate: Estimate | None, rate: bool, *, signed: bool = False) -> str:
    if estimate is None:
        return "–"
    if estimate.value is None:
        return "not known"
    number = _number(estimate.value, rate, signed=signed)
    if estimate.interval is None:
        return f"{number} (no interval; n {estimate.n_items})"
    low, high = (_number(end, rate, signed=signed) for end in (estimate.interval.low, estimate.interval.high))
    return f"{number} ({low.removesuffix(' %')} to {high.removesuffix(' %')}; n {estimate.n_items})"


def _number(value: float, rate: bool, *, signed: bool) -> str:
    sign = "+" if signed else ""
    if not rate:
        return f"{value:{sign}.3f}"
    return f"{100 * value:{sign}.1f}" if signed else f"{100 * value:.1f} %"


def _print_contrasts(result: JointResult, console: Console) -> None:
    scales = {rater.id: rater.scale for rater in result.raters}
    primary = {concept.id: concept.primary_rater for concept in result.concepts}

    def row(c: Contrast) -> Row:
        rater = c.left if c.axis == "rater" else c.rater or primary[c.concept]
        p = "–" if c.p_adjusted is None else f"{c.p_adjusted:.3g}"
        difference = _estimate(c.difference, scales.get(rater) == "binary", signed=True)
        return [c.axis, f"{c.left} − {c.right}", c.model or "", c.concept, difference, p, c.verdict]

    columns = [
        "axis",
        "difference of",
        "model",
        "concept",
        "points (interval; common items)",
        "p, corrected",
        "verdict",
    ]
    order = {"laboratory": 0, "language": 1, "model": 2, "rater": 3}
    whole = [c for c in result.contrasts if c.language is None]
    rows = [row(c) for c in sorted(whole, key=lambda c: (order[c.axis], c.verdict != "different"))]
    _table("Paired differences", columns, rows, console)


def _print_deviations(result: JointResult, console: Console) -> None:
    rows = [
        [d.laboratory, d.model, d.field, _plain(d.planned), _plain(d.actual), d.severity]
        for d in result.deviations
    ]
    _table(
        "Deviations from the protocol",
        ["laboratory", "model", "field", "planned", "actual", "severity"],
        rows,
        console,
    )


def _plain(value: object) -> str:
    return "none" if value is None else str(value)


def _print_failures(result: JointResult, console: Console) -> None:
    totals: dict[tuple[str, str, str, bool], int] = {}
    for failure in result.failures:
        key = (failure.laboratory, failure.rater, failure.cause, failure.environment)
        totals[key] = totals.get(key, 0) + failure.count
    rows = [
        [laboratory, rater, cause, str(count), "environment" if environment else ""]
        for (laboratory, rater, cause, environment), count in sorted(totals.items())
    ]
    _table("Ratings without a score", ["laboratory", "rater", "cause", "count", ""], rows, console)
