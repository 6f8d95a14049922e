"""`consilience exercise export`: scores, results and item sets in the formats that others read."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from consilience.cli.output import counted, harmless, json_option, say, show_json, with_options

if TYPE_CHECKING:
    from consilience.evaluation.exports.written import Export

FORMATS = ("every-eval-ever", "hugging-face", "cyclonedx", "croissant", "csv", "parquet")
RELATIONSHIPS = ("first_party", "third_party", "collaborative", "other")
WHERE = (
    click.option("--to", "format_", required=True, type=click.Choice(FORMATS), help="The format."),
    click.option("--out", required=True, type=click.Path(path_type=Path), metavar="PATH",
                 help="A new file (cyclonedx, csv, parquet), or a new or empty folder."),
)  # fmt: skip
LEAVING = (
    click.option("--with-texts", is_flag=True, help="Let prompts go out too; else items are their digests."),
    click.option("--handling-acknowledged", "acknowledged", is_flag=True,
                 help="Everybody who gets it may see what is marked above TLP:GREEN, or not marked."),
)  # fmt: skip
SAID = (
    click.option("--relationship", type=click.Choice(RELATIONSHIPS), default="other", show_default=True,
                 help="Every Eval Ever: who evaluated, seen from the model's maker."),
    click.option("--dataset", metavar="ID", help="Hugging Face: id of the data set on the Hub."),
    click.option("--url", metavar="ADDRESS", help="Hugging Face: of the record; Croissant: of the items."),
    click.option("--creator", metavar="NAME", help="Croissant: who made the items."),
    click.option("--license", metavar="ID", help="Croissant: SPDX id or address; default: the sources."),
)  # fmt: skip


@click.command("export")
@click.argument("inputs", metavar="RUN|RESULT...", nargs=-1, required=True, type=click.Path(path_type=Path))
@with_options(WHERE, LEAVING, SAID)
@json_option
def command(inputs: tuple[Path, ...], as_json: bool, format_: Any, out: Path, **given: Any) -> None:
    """Export RUN folders, imports, or the RESULT of an analysis in a format that others read.

    RUN is the folder of a run or an import, or a score file; RESULT the file of `exercise analyse`, for its
    intervals; a protocol file may be named too. What the format cannot hold is listed. Nothing that is
    there is overwritten. The exit code is 4 where a marking does not allow it.
    """
    from consilience.evaluation.exports.exporting import Request, export

    request = Request(format=format_, **given)
    now = datetime.datetime.now(datetime.UTC)
    done = export(inputs, request, out, now=now, progress=None if as_json else say)
    if as_json:
        show_json(done)
        return
    _print(done, out)


def _print(done: Export, out: Path) -> None:
    numbers = [counted(done.rows, "rating")] if done.rows else []
    numbers += [counted(done.results, "result")] if done.results else []
    numbers.append(counted(len(done.files), "file"))
    click.echo(f"{done.format}: {', '.join(numbers)}")
    for loss in done.not_held:
        click.echo(harmless(f"Not held: {loss.text} ({loss.count:,})"))
    if done.handling is not None:
        say(f"Marking: {done.handling}")
    click.echo(harmless(f"The export is in {out}"))
