"""`consilience log`: what this node signed, in order, and the proof of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from consilience.cli.node import node_option
from consilience.cli.output import counted, json_option, say, show_json

if TYPE_CHECKING:
    from consilience.node import Node
    from consilience.store.log import LogEntry

FINDING_EXIT = 1


@click.group()
def command() -> None:
    """Show the log of what this node signed, prove entries, audit it."""


@command.command()
@node_option
@json_option
def status(folder: Path | None, as_json: bool) -> None:
    """Say how long the log is, and what its head is."""
    from consilience.node import Node
    from consilience.trust.checkpoint import read_checkpoint

    with Node.open(folder) as node:
        content = node.log.head()
        document: dict[str, Any] = {"log": node.log_origin, "entries": node.log.size(), "head": None}
        if content is not None:
            head, note = read_checkpoint(content)
            document["head"] = {
                "size": head.size,
                "root": head.root.hex(),
                "signed_by": sorted({line.name for line in note.signatures}),
                "checkpoint": content.decode(),
            }
    if as_json:
        show_json(document)
        return
    click.echo(f"{document['log']}: {counted(document['entries'], 'entry')}")
    if document["head"] is None:
        say("Nothing is signed yet. `consilience key new` makes a key, `consilience record sign` signs.")
    else:
        click.echo(f"head of {document['head']['size']}: {document['head']['root']}")
        click.echo(f"signed by {', '.join(document['head']['signed_by'])}")


@command.command(short_help="Write the evidence bundle of a signed record.")
@click.argument("record_id", metavar="ID")
@click.option("--version", type=click.IntRange(min=1), help="This version of the record; else the latest.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path),
              help="The bundle; else the record's id with .evidence.")  # fmt: skip
@click.option("--files/--no-files", default=False, show_default=True, help="Take evidence files along.")
@node_option
@json_option
def prove(
    record_id: str, version: int | None, out: Path | None, files: bool, folder: Path | None, as_json: bool
) -> None:
    """Write the evidence bundle of a signed record: one file that others check offline.

    It holds the signed record, its proof under the latest head, the entries about keys, and with --files the
    evidence files. `consilience record verify` or `python -m consilience_verifier` checks it.
    """
    from consilience.errors import NotFoundError
    from consilience.node import Node

    with Node.open(folder) as node:
        entry = node.records.get(record_id, version)
        signed = node.log.about(entry.digest)
        if not signed:
            raise NotFoundError(
                f"{record_id} version {entry.version} is not signed",
                next_step=f"`consilience record sign {record_id}` signs it.",
            )
        target = out or Path(f"{record_id}.evidence")
        _check_free(target, node.folder)
        size = _write(node, signed[-1], target, with_files=files)
    document = {"bundle": str(target), "bytes": size, "entry": signed[-1].position, "digest": entry.digest}
    if as_json:
        show_json(document)
        return
    click.echo(str(target))
    say(f"Entry {signed[-1].position}, {entry.digest}. Check it: consilience record verify {target}")


@command.command(short_help="Check every hash, key and signature of the log.")
@click.option("--quick", is_flag=True, help="Hashes, keys and the head, without the signature of each entry.")
@node_option
@json_option
@click.pass_context
def audit(context: click.Context, quick: bool, folder: Path | None, as_json: bool) -> None:
    """Read the log from its beginning and check every hash, key and signature.

    The exit code is 1 where something is wrong.
    """
    from consilience.node import Node
    from consilience.store.publication import audit as audited

    with Node.open(folder) as node:
        found = audited(node.log, node.log_origin, signatures=not quick)
    if as_json:
        show_json({"entries": found.size, "keys": found.keys, "records": found.records,
                   "signatures_checked": not quick, "faults": found.faults})  # fmt: skip
    else:
        for fault in found.faults:
            click.echo(fault)
        parts = [counted(found.size, "entry"), counted(found.keys, "key"), counted(found.records, "record")]
        say(
            ", ".join(parts) + (": nothing is wrong" if not found.faults else f": {len(found.faults)} faults")
        )
    if found.faults:
        context.exit(FINDING_EXIT)


def _check_free(target: Path, node: Path) -> None:
    """Refuse to write over a file, or into the node's own folder."""
    from consilience.errors import InputError, Where

    if target.exists() or target.is_symlink() or target.resolve().is_relative_to(node.resolve()):
        raise InputError(
            "there is a file of this name, or it would lie in the node's own folder",
            where=Where(file=str(target)), next_step="Name another file with --out.",
        )  # fmt: skip


def _write(node: Node, entry: LogEntry, target: Path, *, with_files: bool) -> int:
    from consilience.store.publication import write_evidence_bundle

    here = {file.digest: file for file in node.evidence.iterate()}
    files = {name: node.evidence.path(name) for name in here} if with_files else {}
    try:
        with target.open("xb") as stream:
            sizes = {name: file.size for name, file in here.items()}
            write_evidence_bundle(node.log, entry, stream, files=files, sizes=sizes)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return target.stat().st_size
