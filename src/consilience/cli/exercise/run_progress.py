"""What a person sees of a run: a line that moves on a terminal, plain lines elsewhere, and a table at the
end."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table

from consilience.evaluation.joint_result import Deviation
from consilience.evaluation.progress import Progress
from consilience.evaluation.run_record import Manifest

PLAIN_EVERY_S = 10.0


@contextlib.contextmanager
def shown_progress(
    console: Console | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[Progress], None]]:
    """Show progress on stderr while the block runs.

    Args:
        console: Where it is shown; a moving line if that is a terminal, else a line every ten seconds.
        clock: Seconds, monotonic.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield _plain(console, clock)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[more]}"),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("generations", total=None, more="")

        def watch(progress: Progress) -> None:
            bar.update(task, total=progress.total, completed=progress.done, more=escape(_more(progress)))

        yield watch


def _plain(console: Console, clock: Callable[[], float]) -> Callable[[Progress], None]:
    last = clock() - PLAIN_EVERY_S

    def watch(progress: Progress) -> None:
        nonlocal last
        if clock() - last >= PLAIN_EVERY_S or progress.done == progress.total:
            last = clock()
            line = f"{progress.done} of {progress.total} generations {_more(progress)}".rstrip()
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    return watch


def _more(progress: Progress) -> str:
    parts = []
    if progress.rate is not None:
        parts.append(f"{progress.rate:.1f}/s")
    if progress.seconds_left:
        parts.append(f"{_span(progress.seconds_left)} left")
    if progress.failed:
        parts.append(
            "failed: " + ", ".join(f"{cause} {count}" for cause, count in sorted(progress.failed.items()))
        )
    return " · ".join(parts)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def show_summary(manifest: Manifest, found: tuple[Deviation, ...], folder: Path, scores: Path) -> None:
    """Print what was done as a table on stdout, and what to do next on stderr."""
    usage = manifest.usage
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    rows = [
        ("run", manifest.run),
        ("model", f"{manifest.model} at {manifest.endpoint}"),
        ("answers", f"{manifest.answered} of {manifest.items * manifest.attempts}"),
        ("without answer", _counts(manifest.failed_by_cause)),
        ("tokens", _tokens(manifest)),
        ("CPU seconds", _cpu(manifest)),
        ("energy", f"{usage.energy.joules:.0f} J" if usage.energy.joules is not None else "not measured"),
        ("sessions", str(manifest.sessions)),
        ("deviations", ", ".join(f"{one.field} ({one.severity})" for one in found) or "none"),
        ("scores", str(scores)),
    ]
    for name, value in rows:
        table.add_row(name, escape(value))
    Console(soft_wrap=True, highlight=False).print(table)
    again = [note for note in manifest.notes if "fault" in note]
    for note in again:
        click.echo(f"{note}. The same command asks them again.", err=True)
    click.echo(
        f"Next: `consilience exercise analyse {folder}` with the folders of the other laboratories, then "
        "`consilience exercise report`.",
        err=True,
    )


def _counts(failed: dict[str, int]) -> str:
    return ", ".join(f"{cause} {count}" for cause, count in failed.items()) or "none"


def _tokens(manifest: Manifest) -> str:
    usage = manifest.usage
    if usage.prompt_tokens is None:
        return "not reported by the endpoint"
    text = f"{usage.prompt_tokens} in, {usage.completion_tokens} out"
    missing = usage.answers - usage.answers_with_tokens
    return text + (f" ({missing} answers did not report them)" if missing else "")


def _cpu(manifest: Manifest) -> str:
    usage = manifest.usage
    model = "" if usage.model_cpu_seconds is None else f", model {usage.model_cpu_seconds:.1f}"
    return f"runner {usage.runner_cpu_seconds:.1f}{model}"
