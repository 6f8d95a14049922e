"""An import as text for a terminal: what was found, what disagrees, what could not be read."""

from __future__ import annotations

from rich.table import Table

from consilience.cli.exercise.analysis_text import _console, _said
from consilience.cli.output import counted
from consilience.evaluation.importers.imported import Finding, Imported

MAX_ROWS = 60
"""Rows of one table; the rest is counted, and is in the document."""


def print_import(imported: Imported) -> None:
    """Print an import: its runs, the told numbers that disagree, the findings."""
    console = _console()
    files = sum(file.format is not None for file in imported.files)
    console.print(
        _said(
            f"{counted(len(imported.runs), 'run')} in {counted(files, 'file')}: "
            f"{counted(imported.rows, 'rating')} of {counted(imported.items, 'item')}, "
            f"{imported.scored:,} scored",
            style="bold",
        )
    )
    table = Table("task", "model", "harness", "language", "raters", "direction", box=None)
    for run in imported.runs[:MAX_ROWS]:
        told = ", ".join(run.languages[:6]) or "not known"
        if run.language is not None:
            told += f" ({run.language_basis})"
        raters = [metric.rater for metric in run.metrics]
        shown = ", ".join(raters[:4]) + (f" and {len(raters) - 4} more" if len(raters) > 4 else "")
        directions = sorted({metric.direction for metric in run.metrics})
        table.add_row(*map(_said, (run.task, run.model, run.harness, told, shown, ", ".join(directions))))
    console.print(table)
    if len(imported.runs) > MAX_ROWS:
        console.print(f"and {len(imported.runs) - MAX_ROWS:,} more runs")
    for cause, count in imported.unscored.items():
        console.print(_said(f"Without a score, {cause.replace('_', ' ')}: {count:,}"))
    if imported.summaries:
        states = [summary.agrees for summary in imported.summaries]
        console.print(
            f"Numbers that the source tells of its items: {states.count(True):,} agree with them, "
            f"{states.count(False):,} do not, {states.count(None):,} cannot be compared."
        )
    for finding in imported.findings[:MAX_ROWS]:
        console.print(_said(_line(finding)))
    if len(imported.findings) > MAX_ROWS:
        console.print(f"and {len(imported.findings) - MAX_ROWS:,} more findings; --json shows all")


def _line(finding: Finding) -> str:
    place = finding.file
    if finding.line is not None:
        place += f", line {finding.line}"
    if finding.offset is not None:
        place += f", byte {finding.offset}"
    often = f" ({finding.count:,} times)" if finding.count > 1 else ""
    step = f" {finding.next_step}" if finding.next_step else ""
    return f"{finding.severity.capitalize()}: {place}: {finding.text}{often}.{step}"
