"""`consilience demo`: three laboratories, a real small model, one joint report."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from consilience.cli.output import json_option, say, show_json

if TYPE_CHECKING:
    from consilience.demo.demonstration import Demonstrated


@click.command("demo")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("consilience-demo"),
    show_default=True,
    help="Gets the protocol, three nodes and the report.",
)
@click.option(
    "--model",
    default="local:",
    show_default=True,
    metavar="SPEC",
    help="Another model: a URL, NAME@URL, or local:FILE.gguf.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Ask only N items with their translations: a quick look.",
)
@click.option("--fresh", is_flag=True, help="Remove an earlier demonstration in the folder first.")
@json_option
def command(folder: Path, model: str, limit: int | None, fresh: bool, as_json: bool) -> None:
    """Three laboratories test a real model in four languages and get one joint report with its errors.

    Nothing is downloaded: the model is packaged. One laboratory departs from the protocol, and the report
    must find it. A second judge is simulated with known errors, and the report must correct them. The human
    ratings are simulated too; all of them are labelled so. Started again, it goes on where it stopped.
    """
    from consilience.cli.exercise.run_progress import shown_progress
    from consilience.demo.demonstration import Told, demonstrate, remove

    if fresh:
        remove(folder)
    with shown_progress() as watch:
        done, _ = demonstrate(
            folder,
            model=model,
            limit=limit,
            told=Told(say=say, watch=watch),
            now=lambda: datetime.datetime.now(datetime.UTC),
        )
    if as_json:
        show_json(done)
    else:
        _tell(done)


def _tell(done: Demonstrated) -> None:
    click.echo()
    for text in done.verdict:
        click.echo(text)
    click.echo(
        f"\n{len(done.laboratories)} laboratories, {len(done.languages)} languages, {done.items} item texts, "
        f"{done.generations} generations, {done.claims} claims kept, {done.seconds:.0f} s."
    )
    click.echo(f"Report:          {done.report}   (French: {done.report_fr})")
    click.echo(f"Every number:    {done.result} and {done.data}/")
    click.echo(
        "\nNext, with your own model:\n"
        f"  consilience exercise run {Path(done.report).parent / 'protocol' / 'protocol.toml'} "
        "--model NAME@https://HOST/v1 --laboratory 'My institute'\n"
        "  consilience protocol new my-exercise\n"
        "  consilience exercise analyse RUN_FOLDER ... --out joint-result.json\n"
        "  consilience exercise report joint-result.json"
    )
