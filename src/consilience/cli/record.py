"""`consilience record`: show the records of this node, take records in, sign and check them."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from consilience.cli import record_signing
from consilience.cli.node import node_option
from consilience.cli.output import counted, json_option, say, show_json

if TYPE_CHECKING:
    from consilience.store.records import Entry


@click.group()
def command() -> None:
    """Show, sign, check and withdraw the records of this node."""


command.add_command(record_signing.sign)
command.add_command(record_signing.verify)
command.add_command(record_signing.withdraw)


@command.command("list")
@click.option("--kind", help="Only this kind, such as claim.")
@click.option("--versions", is_flag=True, help="Every version, not only the latest.")
@node_option
@json_option
def list_(kind: str | None, versions: bool, folder: Path | None, as_json: bool) -> None:
    """List the records of the node, oldest first."""
    from consilience.node import Node

    if kind is not None:
        _known(kind)
    with Node.open(folder) as node:
        rows = [_row(entry) for entry in node.records.iterate(kind, latest_only=not versions)]
    if as_json:
        show_json({"count": len(rows), "records": rows})
        return
    for row in rows:
        withdrawn = " WITHDRAWN" if row["withdrawn"] else ""
        line = f"{row['id']}  v{row['version']}  {row['marking']}  {row['modified']}{withdrawn}"
        click.echo(_harmless(f"{line}  {row['title']}"))
    say(counted(len(rows), "version" if versions else "record"))


@command.command()
@click.argument("record_id", metavar="ID")
@click.option("--version", type=click.IntRange(min=1), help="This version; else the latest.")
@node_option
@json_option
def show(record_id: str, version: int | None, folder: Path | None, as_json: bool) -> None:
    """Show one record as it is stored."""
    from consilience.node import Node

    with Node.open(folder) as node:
        entry = node.records.get(record_id, version)
        versions = [each.version for each in node.records.versions(record_id)]
    document = json.loads(entry.content)
    if as_json:
        show_json(
            {
                "digest": entry.digest,
                "sequence": entry.sequence,
                "added_at": entry.added_at,
                "versions": versions,
                "record": document,
            }
        )
        return
    click.echo(_harmless(json.dumps(document, ensure_ascii=False, indent=2)))
    say(f"{entry.digest}, added {entry.added_at}, versions here: {', '.join(map(str, versions))}")


@command.command()
@click.argument("kind")
@json_option
def schema(kind: str, as_json: bool) -> None:  # the schema is JSON either way; every verb takes --json
    """Print the JSON Schema (2020-12) of a kind."""
    from consilience.records.schema import published_schema

    show_json(published_schema(kind))


@command.command(short_help="Take in the records of a file.")
@click.argument("file", type=click.Path(path_type=Path))
@node_option
@json_option
@click.pass_context
def add(context: click.Context, file: Path, folder: Path | None, as_json: bool) -> None:
    """Take in the records of a FILE: one JSON object, an array of them, or JSON Lines (.jsonl).

    Bad ones go to quarantine with the reason, and the exit code is 1; the good ones are stored all the same.
    """
    from consilience.node import Node
    from consilience.store.intake import read_documents, take_in

    documents = read_documents(file)
    with Node.open(folder) as node:
        intake = take_in(node.records, documents, now=node.now())
    if as_json:
        show_json(intake)
    else:
        for receipt in intake.receipts:
            click.echo(f"{receipt.id}  v{receipt.version}  {'added' if receipt.added else 'was here'}")
        for refused in intake.refused:
            say(_harmless(f"quarantined ({refused.quarantine}): {refused.source}: {refused.reason}"))
    if intake.refused:
        context.exit(1)


@command.command()
@node_option
@json_option
def quarantine(folder: Path | None, as_json: bool) -> None:
    """List what was refused, and why."""
    from consilience.node import Node

    names = ("sequence", "refused_at", "source", "reason", "digest", "size")
    with Node.open(folder) as node:
        rows = [{name: getattr(each, name) for name in names} for each in node.records.refused()]
    if as_json:
        show_json({"count": len(rows), "refused": rows})
        return
    for row in rows:
        click.echo(_harmless(f"{row['sequence']}  {row['refused_at']}  {row['source']}: {row['reason']}"))
    say(counted(len(rows), "document"))


def _known(kind: str) -> None:
    from consilience.errors import InputError
    from consilience.records.kinds import KINDS

    if kind not in KINDS:
        raise InputError(f"there is no kind {kind[:40]!r}", next_step=f"The kinds are {', '.join(KINDS)}.")


def _row(entry: Entry) -> dict[str, Any]:
    names: tuple[str, ...] = ("id", "kind", "version", "marking", "modified", "withdrawn", "digest")
    return {name: getattr(entry, name) for name in names} | {"title": entry.record.title}


def _harmless(text: str) -> str:
    """Return text that cannot drive a terminal: control characters but line breaks become escapes."""
    return "".join(
        char if char == "\n" or unicodedata.category(char) not in {"Cc", "Cf"} else _escape(char)
        for char in text
    )


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}" if char.isascii() else json.dumps(char)[1:-1]
