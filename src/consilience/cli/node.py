"""`consilience node`: set up this node and say how it stands."""

from __future__ import annotations

from pathlib import Path

import click

from consilience.cli.output import json_option, say, show_json

node_option = click.option(
    "--node",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The node's folder; else CONSILIENCE_NODE, else consilience-node here.",
)
"""The option of every command that works in a node; gives `folder` (Path or None) for `Node.open`."""


@click.group()
def command() -> None:
    """Set up this node and say how it stands."""


@command.command()
@node_option
@click.option("--party", help="Name of the party; else CONSILIENCE_PARTY, else the folder's name.")
@click.option(
    "--party-type",
    default="institute",
    show_default=True,
    help="What the party is: institute, developer, ngo …",
)
@json_option
def init(folder: Path | None, party: str | None, party_type: str, as_json: bool) -> None:
    """Make a node in a folder. A node that is there already is left as it is."""
    from consilience.errors import InputError
    from consilience.node import Node
    from consilience.records.kinds import PartyType

    if party_type not in list(PartyType):
        raise InputError(
            f"{party_type!r} is not one of {', '.join(PartyType)}", next_step="Correct --party-type."
        )
    with Node.open(folder, create=True, party=party, party_type=PartyType(party_type)) as node:
        document = {
            "node": str(node.folder),
            "party": node.settings.party,
            "party_id": node.settings.party_id,
            "settings": str(node.folder / "node.toml"),
        }
    if as_json:
        show_json(document)
        return
    click.echo(document["node"])
    say(
        f"This is the node of {document['party']} ({document['party_id']}). "
        f"Its settings: {document['settings']}"
    )


@command.command()
@node_option
@json_option
def status(folder: Path | None, as_json: bool) -> None:
    """Say what the node holds."""
    from consilience.node import Node
    from consilience.records.kinds import KINDS

    with Node.open(folder) as node:
        files = list(node.evidence.iterate())
        runs = node.folder / "runs"
        counts = {kind: node.records.count(kind) for kind in KINDS}
        document = {
            "node": str(node.folder),
            "party": node.settings.party,
            "party_id": node.settings.party_id,
            "marking": node.settings.marking,
            "records": counts,
            "quarantined": sum(1 for _ in node.records.refused()),
            "evidence": {"files": len(files), "bytes": sum(file.size for file in files)},
            "runs": sum(1 for path in runs.iterdir() if path.is_dir()) if runs.is_dir() else 0,
        }
    if as_json:
        show_json(document)
        return
    click.echo(f"node         {document['node']}\nparty        {document['party']} ({document['party_id']})")
    click.echo(f"marking      {document['marking']} for new records")
    for kind, count in counts.items():
        if count:
            click.echo(f"{kind:<12} {count}")
    click.echo(f"evidence     {len(files)} files, {sum(file.size for file in files)} bytes")
    click.echo(f"runs         {document['runs']}\nquarantined  {document['quarantined']}")
