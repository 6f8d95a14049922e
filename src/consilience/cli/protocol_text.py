"""Protocols as text for people: tables on a terminal, plain columns in a file or a pipe.

Responsible for words and columns only. Invariant: what stands in a protocol is shown as text, never as
terminal commands or markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from consilience.cli.output import counted
from consilience.evaluation.faults import without_control
from consilience.evaluation.findings import Finding
from consilience.evaluation.language_names import language_name
from consilience.evaluation.lint import CheckResult
from consilience.evaluation.planning import PowerAnalysis
from consilience.evaluation.protocol_summary import ProtocolSummary

SHOWN_PER_CODE = 8
PLAIN_WIDTH = 150
_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def _console(stream: TextIO) -> Console:
    return Console(
        file=stream,
        highlight=False,
        markup=False,
        emoji=False,
        width=None if stream.isatty() else PLAIN_WIDTH,
        soft_wrap=True,
    )


def print_check(result: CheckResult, stream: TextIO) -> None:
    """Print findings and power analysis."""
    console = _console(stream)
    shown: dict[str, int] = {}
    for finding in result.findings:
        shown[finding.code] = shown.get(finding.code, 0) + 1
        if shown[finding.code] <= SHOWN_PER_CODE:
            _print_finding(console, finding)
    for code, count in shown.items():
        more = count - SHOWN_PER_CODE + result.not_shown.get(code, 0)
        if more > 0:
            console.print(Text(f"{code}: {more} more, see --json"))
    if result.findings:
        console.print()
    _print_power(console, result.power)


def _print_finding(console: Console, finding: Finding) -> None:
    place = finding.file or ""
    if finding.line is not None:
        place += f", line {finding.line}"
    if finding.item is not None:
        place += f", item {finding.item}"
    head = Text(finding.severity.value, style=_STYLES[finding.severity.value])
    head.append(f" {finding.code}", style="bold")
    head.append(without_control(f"  {place}"), style="default")
    console.print(head)
    console.print(Text(without_control(f"  {finding.message}.")))
    console.print(Text(without_control(f"  → {finding.what_to_do}")))


def _print_power(console: Console, power: PowerAnalysis) -> None:
    wanted = power.wanted_difference
    columns = ["concept", "compared", "items", "attempts", "smallest", "smallest, corrected"]
    if wanted is not None:
        columns += [f"items for {wanted:g}", "items, corrected"]
    rows = []
    for row in power.rows:
        cells = [
            row.concept, row.sides, str(row.items), str(row.attempts), _number(row.smallest_difference),
            _number(row.smallest_difference_family),
        ]  # fmt: skip
        if wanted is not None:
            cells += [_count(row.items_needed), _count(row.items_needed_family)]
        rows.append(cells)
    if not rows:
        why = "one language, one model, one laboratory; or items that are not known yet"
        console.print(Text(f"Power analysis: nothing is compared ({why})."))
        return
    _print_table(
        console,
        f"Smallest difference seen with power {power.power:.0%}; corrected: for all comparisons at once",
        columns,
        rows,
    )
    for assumption in power.assumptions:
        console.print(Text(f"  {assumption}"))


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"


def _count(value: int | None) -> str:
    return "not known" if value is None else f"{value:,}"


def _print_table(console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(title=Text(title), box=box.SIMPLE, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(Text(column))
    for row in rows:
        table.add_row(*(Text(without_control(cell)) for cell in row))
    console.print(table)


def print_summary(summary: ProtocolSummary, stream: TextIO) -> None:
    """Print what a protocol asks, of whom, and how it is scored."""
    console = _console(stream)
    generation = summary.generation
    facts = {
        "digest": summary.digest,
        "name": f"{summary.name}, version {summary.version}, {summary.created}, {summary.handling}",
        "title": summary.title,
        "construct": summary.construct,
        "estimand": f"{summary.estimand} ({summary.analysis.estimand})",
        "sources": "; ".join(summary.sources) or "not said",
        "asked": _asked(summary),
        "settings": f"temperature {_said(generation.temperature)}, top_p {_said(generation.top_p)}, "
        f"max_tokens {_said(generation.max_tokens)}, seed {_said(generation.seed)}, "
        f"system prompt of {len(generation.system_prompt or '')} characters",
        "analysis": f"level {summary.analysis.confidence_level:g}, {summary.analysis.multiplicity}, "
        f"wanted difference {_said(summary.analysis.wanted_difference)}, "
        f"{counted(summary.analysis.laboratories, 'laboratory')}, "
        f"{counted(summary.analysis.models, 'model')}, items by {summary.aggregation.per_item}",
        "human sample": _human_sample(summary),
    }
    for name, fact in facts.items():
        console.print(Text(f"{name:13}", style="bold") + Text(without_control(fact)))
    _print_tables(console, summary)


def _asked(summary: ProtocolSummary) -> str:
    if summary.tasks:
        names = ", ".join(task.task for task in summary.tasks)
        return f"{names}; {summary.attempts} attempts; the items are known when it has run"
    return (
        f"{summary.different_items} items, {summary.attempts} attempts, "
        f"{summary.generations_per_run:,} generations per run"
    )


def _said(value: float | None) -> str:
    return "not fixed" if value is None else f"{value:g}"


def _human_sample(summary: ProtocolSummary) -> str:
    sample = summary.human_sample
    if sample is None:
        return "none"
    return f"{sample.per_cell} generations per cell, {sample.ratings_per_generation} ratings each"


def _print_tables(console: Console, summary: ProtocolSummary) -> None:
    _print_table(
        console, "Concepts", ["id", "title", "kind", "verdict by", "margins"], _concept_rows(summary)
    )
    _print_table(
        console,
        "Languages",
        ["tag", "language", "translation", "checked by", "items"],
        _language_rows(summary),
    )
    splits = sorted({row.split for row in summary.items})
    _print_table(console, "Items", ["language", "concept", *splits], _item_rows(summary, splits))
    _print_table(
        console, "Raters", ["id", "kind", "program or model", "concepts", "scale"], _rater_rows(summary)
    )


def _concept_rows(summary: ProtocolSummary) -> Iterator[list[str]]:
    for concept in summary.concepts:
        margins = [
            f"{axis} {value:g}"
            for axis in ("language", "model", "laboratory", "rater")
            if (value := getattr(concept.margins, axis)) is not None
        ]
        verdict_by = concept.rater or "nobody"
        yield [concept.id, concept.title, concept.kind.value, verdict_by, ", ".join(margins) or "none"]


def _language_rows(summary: ProtocolSummary) -> Iterator[list[str]]:
    for row in summary.languages:
        name = f"{row.endonym} · {language_name(row.tag)}"
        yield [row.tag, name, row.translation, row.checked_by or "nobody named", str(row.items)]


def _item_rows(summary: ProtocolSummary, splits: Sequence[str]) -> Iterator[list[str]]:
    counts = {(row.language, row.concept, row.split): row.items for row in summary.items}
    for language in summary.languages:
        for concept in summary.concepts:
            cells = [str(counts.get((language.tag, concept.id, split), 0)) for split in splits]
            yield [language.tag, concept.id, *cells]


def _rater_rows(summary: ProtocolSummary) -> Iterator[list[str]]:
    for rater in summary.raters:
        scale = f"{rater.scale.kind} {rater.scale.minimum:g}–{rater.scale.maximum:g}"
        concepts = ", ".join(rater.concepts) or "all"
        yield [rater.id, rater.kind.value, rater.program or rater.model or "—", concepts, scale]
