"""`consilience exercise annotate`: give humans a blind sheet, take it back, say how far they are."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from consilience.cli.output import json_option, say, show_json
from consilience.errors import InputError

if TYPE_CHECKING:
    from consilience.evaluation.annotation_import import Judged

PSEUDONYM = re.compile(r"[\w.-]{1,60}")
MAX_SHOWN_FINDINGS = 50

folders_argument = click.argument(
    "folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)


@click.group()
def command() -> None:
    """Give humans a blind sheet to rate, and take it back."""


@command.command(short_help="Write a blind sheet of the human sample.")
@folders_argument
@click.option("--rater", "rater_name", required=True, help="A human rater of the protocol.")
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="sheet.csv or sheet.xlsx"
)
@click.option(
    "--language", "languages", multiple=True, help="Only this language; may be given several times."
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@json_option
def export(
    folders: tuple[Path, ...],
    rater_name: str,
    out: Path,
    languages: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Write a blind sheet of the human sample of finished runs (FOLDERS), in random order."""
    from consilience.evaluation.annotation_file import write_sheet
    from consilience.evaluation.annotation_run import make_sheet, open_samples

    if out.exists() and not force:
        raise InputError(
            f"{out.name} is there already; scores that were written into it would be lost",
            next_step="Give another name by --out, or --force to replace it.",
        )
    runs = open_samples(folders, draw=True)
    sheet = make_sheet(runs, rater_name, languages=languages)
    files = write_sheet(sheet, out)
    if as_json:
        show_json(
            {
                "rater": sheet.rater.id,
                "protocol_digest": sheet.protocol_digest,
                "runs": [run.name for run in runs],
                "rows": len(sheet.rows),
                "languages": sorted({row.language for row in sheet.rows}),
                "files": [str(file) for file in files],
            }
        )
        return
    for file in files:
        click.echo(str(file))
    say(f"{len(sheet.rows)} rows for {sheet.rater.id}. Neither laboratory nor model stands in the sheet.")
    say("Fill in score and comment; then: consilience exercise annotate import SHEET --run FOLDER …")


@command.command("import")
@click.argument("sheet", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--run",
    "folders",
    multiple=True,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of a run whose answers the sheet shows; give each of them.",
)
@click.option("--rater", "rater_name", required=True, help="The human rater for whom the sheet was exported.")
@click.option("--annotator", help="Pseudonym of the person who rated; never a name.")
@click.option(
    "--replace", is_flag=True, help="Let changed scores replace earlier ones; both stay written down."
)
@click.option("--simulated", is_flag=True, help="Mark these ratings as not really given by a human.")
@json_option
def import_(
    sheet: Path,
    folders: tuple[Path, ...],
    rater_name: str,
    annotator: str | None,
    replace: bool,
    simulated: bool,
    as_json: bool,
) -> int:
    """Take a filled SHEET back into the runs. Good rows are taken, others are listed; exit code 1 if there
    are any.
    """
    from consilience.evaluation.annotation import human_rater
    from consilience.evaluation.annotation_file import read_sheet
    from consilience.evaluation.annotation_import import Import
    from consilience.evaluation.annotation_run import open_samples, take_in

    if annotator is not None and not PSEUDONYM.fullmatch(annotator):
        raise InputError(
            "this pseudonym cannot be used", next_step="Use up to 60 letters, digits, `.`, `-` and `_`."
        )
    runs = open_samples(folders, draw=False)
    rater = human_rater(runs[0].protocol, rater_name)
    settings = Import(
        rater=rater,
        annotator=annotator,
        simulated=simulated or rater.simulated,
        replace=replace,
        now=datetime.datetime.now(datetime.UTC),
    )
    judged = take_in(runs, read_sheet(sheet), settings)
    if as_json:
        show_json(_import_document(judged))
    else:
        _show_import(judged)
    return 1 if judged.findings else 0


def _import_document(judged: Judged) -> dict[str, Any]:
    return {
        "imported": len(judged.ratings),
        "replaced": judged.replaced,
        "unchanged": judged.unchanged,
        "not_rated": judged.not_rated,
        "findings": list(judged.findings),
    }


def _show_import(judged: Judged) -> None:
    numbers = [
        ("new ratings", len(judged.ratings) - judged.replaced),
        ("replaced ratings", judged.replaced),
        ("there already", judged.unchanged),
        ("without score", judged.not_rated),
        ("rows not taken", len(judged.findings)),
    ]
    for name, number in numbers:
        click.echo(f"{name:<18}{number:>8}")
    if judged.findings:
        click.echo("")
        rows = [(str(f.line), f.code, f.kind, f.detail) for f in judged.findings[:MAX_SHOWN_FINDINGS]]
        _show_table(("line", "code", "finding", "detail"), rows)
        if len(judged.findings) > MAX_SHOWN_FINDINGS:
            say(f"and {len(judged.findings) - MAX_SHOWN_FINDINGS} more; --json lists them all")


@command.command(short_help="Say how much of the sample is rated.")
@folders_argument
@json_option
def status(folders: tuple[Path, ...], as_json: bool) -> None:
    """Say how many of the sampled answers of runs (FOLDERS) each human rater has rated."""
    from consilience.evaluation.annotation_run import open_samples, progress

    lines = progress(open_samples(folders, draw=False))
    if as_json:
        show_json(
            {
                "cells": list(lines),
                "sampled": sum(line.sampled for line in lines),
                "rated": sum(line.rated for line in lines),
            }
        )
        return
    rows = [
        (
            line.run,
            line.rater,
            line.language,
            line.concept,
            str(line.rated),
            str(line.sampled),
            str(line.population),
            "simulated" if line.simulated else "",
        )
        for line in lines
    ]
    _show_table(("run", "rater", "language", "concept", "rated", "sampled", "answers", ""), rows)


def _show_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[place]) for row in [header, *rows]) for place in range(len(header))]
    for row in [header, *rows]:
        cells = (_printable(cell).ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in text)
