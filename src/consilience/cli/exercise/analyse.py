"""`consilience exercise analyse`: merge the scores of laboratories and compute the joint result."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from consilience.cli.output import json_option, say, show_json
from consilience.errors import InputError, Where

if TYPE_CHECKING:
    from consilience.evaluation.joint_result import JointResult

OUT_NAME = "joint-result.json"
FORMAT_MARK = b"consilience-joint-result-"
HEAD_BYTES = 4096


@click.command("analyse")
@click.argument("scores", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--protocol",
    "protocol_path",
    type=click.Path(path_type=Path),
    help="Protocol that the scores were made under.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"File of the result; default: {OUT_NAME} beside the scores.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), help="Seed of resampling; default: the protocol's."
)
@click.option(
    "--bayes",
    is_flag=True,
    help="Cross-check by a hierarchical model (extra `bayes`; takes a minute or more).",
)
@click.option(
    "--engine",
    default="duckdb",
    show_default=True,
    metavar="ENGINE",
    help="Who reads the rows: duckdb, ray (a cluster on this machine) or ray://HOST:PORT.",
)
@json_option
def command(
    scores: tuple[Path, ...],
    protocol_path: Path | None,
    out: Path | None,
    seed: int | None,
    bayes: bool,
    engine: str,
    as_json: bool,
) -> None:
    """Merge SCORES of any number of laboratories and compute the joint result.

    SCORES are Parquet, CSV or JSONL files, run folders, or folders of these. Without --protocol the
    protocol in the run folders is used, if there is one. With --json the document is printed; a file is
    then written only with
    --out. Every --engine gives the same result; Ray needs the extra `ray`.
    """
    from consilience.evaluation.analysis import analyse
    from consilience.evaluation.merge_choice import check_engine
    from consilience.evaluation.protocol_file import load_protocol

    check_engine(engine)
    now = datetime.datetime.now(datetime.UTC)
    protocol = load_protocol(protocol_path, now=now) if protocol_path is not None else None
    target = out or (None if as_json else _beside(scores))
    if target is not None:
        _check_target(target)
    result = analyse(
        scores,
        protocol=protocol,
        now=now,
        seed=seed,
        progress=None if as_json else say,
        engine=engine,
        bayes=bayes,
    )
    if target is not None:
        write_result(result, target)
    if as_json:
        show_json(result)
        return
    from consilience.cli.exercise.analysis_text import print_result

    print_result(result)
    click.echo(f"\nThe joint result is in {target}")
    say(f"Next: consilience exercise report {target}")


def _beside(scores: tuple[Path, ...]) -> Path:
    """The file beside what was named: in the folder that holds all of it."""
    parents = [
        str((path if path.is_dir() and len(scores) == 1 else path.parent).absolute()) for path in scores
    ]
    return Path(os.path.commonpath(parents)) / OUT_NAME


def _check_target(target: Path) -> None:
    """Refuse to overwrite what is not a joint result, before the work is done."""
    if not target.parent.is_dir():
        raise InputError(
            "there is no such folder",
            where=Where(file=str(target.parent)),
            next_step="Make it, or name another.",
        )
    if target.exists():
        head = b""
        if target.is_file():
            with target.open("rb") as stream:
                head = stream.read(HEAD_BYTES)
        if FORMAT_MARK not in head:
            raise InputError(
                "this is there already and is not a joint result",
                where=Where(file=str(target)),
                next_step="Name another file with --out.",
            )


def write_result(result: JointResult, target: Path) -> None:
    """Write the document as JSON, whole or not at all.

    Raises:
        InputError: The file cannot be written.
    """
    import msgspec

    content = msgspec.json.format(msgspec.json.encode(result), indent=1)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_bytes(content + b"\n")
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise InputError(
            f"the result cannot be written: {error.strerror}",
            where=Where(file=str(target)),
            next_step="Name another file with --out.",
        ) from error
