"""`consilience exercise report`: write the joint report as one HTML file, and the folder of its data."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from consilience.cli.output import json_option, say, show_json
from consilience.errors import InputError, LimitError, Where

if TYPE_CHECKING:
    from consilience.evaluation.joint_result import JointResult

MAX_RESULT_BYTES = 256 * 1024 * 1024
"""Largest joint result that is read."""
OUT_NAME = "joint-report.html"
PAGE_MARK = b'<meta name="generator" content="Consilience">'
HEAD_BYTES = 4096


@click.command("report")
@click.argument(
    "inputs", metavar="RESULT|SCORES...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"The HTML file; default: {OUT_NAME} beside the input.",
)
@click.option(
    "--language", type=click.Choice(["en", "fr"]), default="en", show_default=True, help="Of the report."
)
@click.option(
    "--data-folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for all tables as CSV, JSON and Parquet; default: beside the report, ending in -data.",
)
@click.option(
    "--protocol",
    "protocol_path",
    type=click.Path(path_type=Path),
    help="Protocol of the scores; only with SCORES.",
)
@json_option
def command(
    inputs: tuple[Path, ...],
    out: Path | None,
    language: str,
    data_folder: Path | None,
    protocol_path: Path | None,
    as_json: bool,
) -> None:
    """Write the joint report: one HTML file that needs no network, and a folder with its data.

    Give the RESULT of `exercise analyse` (one JSON file), or SCORES of the laboratories (files, run
    folders, or folders of these), which are analysed first.
    """
    result = _result(inputs, protocol_path, quiet=as_json)
    from consilience.reporting.joint_report import write_report

    target = out or _folder_of(inputs[0]) / OUT_NAME
    _check_target(target, inputs)
    folder = data_folder or target.with_name(f"{target.stem}-data")
    written = write_report(result, target, language=language, data_folder=folder)
    if as_json:
        show_json(
            {
                "report": str(written.report),
                "sha256": written.sha256,
                "bytes": written.bytes,
                "language": language,
                "data_folder": str(folder),
                "data_files": written.data_files,
            }
        )
        return
    click.echo(f"The joint report is in {written.report}")
    click.echo(f"Its data are in {folder}")
    say("Open it in any browser; it needs no network. Print it from there for a PDF.")


def _folder_of(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _result(inputs: tuple[Path, ...], protocol_path: Path | None, *, quiet: bool) -> JointResult:
    """Read the result, or analyse the scores."""
    if len(inputs) == 1 and inputs[0].suffix.lower() == ".json" and not inputs[0].is_dir():
        if protocol_path is not None:
            raise InputError(
                "--protocol was given with a result, which holds its protocol already",
                next_step="Leave --protocol out, or give the score files instead of the result.",
            )
        return read_result(inputs[0])
    from consilience.evaluation.analysis import analyse
    from consilience.evaluation.protocol_file import load_protocol

    now = datetime.datetime.now(datetime.UTC)
    protocol = load_protocol(protocol_path, now=now) if protocol_path is not None else None
    return analyse(inputs, protocol=protocol, now=now, progress=None if quiet else say)


def read_result(path: Path) -> JointResult:
    """Read a joint result from its JSON file.

    Args:
        path: The file that `exercise analyse` wrote.

    Raises:
        LimitError: The file is larger than `MAX_RESULT_BYTES`.
        InputError: It cannot be read, or is not a joint result.
    """
    import msgspec

    from consilience.evaluation.joint_result import JointResult

    where = Where(file=str(path))
    try:
        with path.open("rb") as file:
            content = file.read(MAX_RESULT_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"the result cannot be read: {error.strerror}",
            where=where,
            next_step="Name the file that `consilience exercise analyse` wrote.",
        ) from error
    if len(content) > MAX_RESULT_BYTES:
        raise LimitError(
            f"the result is larger than {MAX_RESULT_BYTES} bytes",
            where=where,
            next_step="Analyse fewer laboratories, models or languages at once.",
        )
    try:
        return msgspec.json.decode(content, type=JointResult)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"this is not a joint result: {str(error)[:300]}",
            where=where,
            next_step="Make it with `consilience exercise analyse SCORES...` of this version.",
        ) from error


def _check_target(target: Path, inputs: tuple[Path, ...]) -> None:
    """Refuse to overwrite an input, or what is not a joint report."""
    if any(path.resolve() == target.resolve() for path in inputs):
        raise InputError(
            "the report would overwrite its own input",
            where=Where(file=str(target)),
            next_step="Name another file with --out.",
        )
    if target.is_file():
        with target.open("rb") as file:
            head = file.read(HEAD_BYTES)
        if head.strip() and PAGE_MARK not in head:
            raise InputError(
                "this is there already and is not a joint report",
                where=Where(file=str(target)),
                next_step="Name another file with --out.",
            )
