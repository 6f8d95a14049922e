"""`consilience protocol`: write, check and show the plan of an exercise."""

from __future__ import annotations

import datetime
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from consilience.cli.output import counted, json_option, say, show_json

if TYPE_CHECKING:
    from consilience.evaluation.lint import CheckResult

SHOW_PROGRESS_AFTER_S = 2.0
PROTOCOL = click.Path(path_type=Path)


class Progress:
    """Tells on stderr what is going on, once two seconds have passed, and then once a second."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._told = self._started + SHOW_PROGRESS_AFTER_S - 1.0

    def __call__(self, what: str, done: int, of: int) -> None:
        """Tell that `done` of `of` steps of `what` are done."""
        now = time.monotonic()
        if now - self._told >= 1.0 and now - self._started >= SHOW_PROGRESS_AFTER_S:
            self._told = now
            say(f"{what}: {done} of {of} ({now - self._started:.0f} s)")


@click.group()
def command() -> None:
    """Write, check and show the plan of an exercise."""


@command.command(short_help="Write a first protocol with example items.")
@click.argument("name")
@click.option("--folder", type=PROTOCOL, help="Where to write; default: a folder with the exercise's name.")
@json_option
def new(name: str, folder: Path | None, as_json: bool) -> None:
    """Write a commented protocol NAME with example items in three languages."""
    from consilience.evaluation.protocol_template import write_template

    path = write_template(name, folder or Path(name), today=datetime.datetime.now(datetime.UTC).date())
    if as_json:
        show_json({"protocol": str(path), "items": str(path.parent / "items")})
        return
    click.echo(str(path))
    say(f"Edit it, put your items beside it, then: consilience protocol check {path}")


@command.command(short_help="Find defects, and what it can show.")
@click.argument("protocol", type=PROTOCOL)
@click.option(
    "--pilot",
    type=PROTOCOL,
    help="Scores of a pilot run (Parquet): variances for the power analysis instead of the worst case.",
)
@json_option
def check(protocol: Path, pilot: Path | None, as_json: bool) -> int:
    """Find what is wrong or unwise in a PROTOCOL, and say which differences it can see.

    Exit code 0: nothing, or only notes; 1: findings; 2: the protocol cannot be read.
    """
    progress = Progress()
    from consilience.evaluation.protocol_file import read_protocol

    source = read_protocol(protocol, now=datetime.datetime.now(datetime.UTC), progress=progress)
    from consilience.evaluation.lint import check_protocol

    variances = None
    if pilot is not None:
        from consilience.evaluation.pilot import read_pilot

        variances = read_pilot(pilot, source.protocol)
    result = check_protocol(source, pilot=variances, progress=progress)
    if as_json:
        show_json(result)
    else:
        from consilience.cli.protocol_text import print_check

        print_check(result, sys.stdout)
        say(_verdict(result))
    return 0 if result.is_clean else 1


def _verdict(result: CheckResult) -> str:
    errors, warnings, notes = (result.counts[key] for key in ("error", "warning", "note"))
    if result.is_clean:
        return f"Clean: no errors, no warnings, {counted(notes, 'note')}. Digest {result.digest}"
    found = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}, {counted(notes, 'note')}"
    return f"{found}. What each means: docs/reference/protocol.md"


@command.command(short_help="Show what is asked, and the digest.")
@click.argument("protocol", type=PROTOCOL)
@json_option
def show(protocol: Path, as_json: bool) -> None:
    """Show what a PROTOCOL asks, of whom, and how it is scored; and its digest."""
    from consilience.evaluation.protocol_file import read_protocol
    from consilience.evaluation.protocol_summary import summarise

    source = read_protocol(protocol, now=datetime.datetime.now(datetime.UTC), progress=Progress())
    summary = summarise(source.protocol)
    if as_json:
        show_json(summary)
    else:
        from consilience.cli.protocol_text import print_summary

        print_summary(summary, sys.stdout)


SCHEMAS = ("file", "check", "show")


@command.command(short_help="Print the JSON Schema of a document.")
@click.argument("document", type=click.Choice(SCHEMAS), default="file")
@json_option
def schema(document: str, as_json: bool) -> None:
    """Print the JSON Schema of a DOCUMENT: the protocol file, or what check and show print with --json."""
    import msgspec

    from consilience.evaluation import lint, protocol_form, protocol_summary

    if document == "file":
        show_json(protocol_form.schema())
        return
    kind: type[msgspec.Struct] = lint.CheckResult if document == "check" else protocol_summary.ProtocolSummary
    found = msgspec.json.schema(kind)
    found["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    show_json(found)
