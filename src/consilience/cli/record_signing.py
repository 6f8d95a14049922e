"""`consilience record sign | verify | withdraw`: who vouches for a record, and that it no longer stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from consilience.cli.key import passphrase
from consilience.cli.node import node_option
from consilience.cli.output import counted, harmless, json_option, say, show_json
from consilience.errors import InputError, NotFoundError, UsageError, Where

if TYPE_CHECKING:
    from consilience.node import Node
    from consilience.store.records import Entry

FINDING_EXIT = 1
_ID = re.compile("[a-z]+--[0-9a-f-]{36}")


@click.command(short_help="Sign records of this party, and add them to its log.")
@click.argument("record_ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every record of this party that is not signed yet.")
@node_option
@json_option
def sign(record_ids: tuple[str, ...], every: bool, folder: Path | None, as_json: bool) -> None:
    """Sign records that this party made, and add them to the node's log.

    The latest version of each is signed. One that is signed already stays as it is.
    """
    from consilience.node import Node
    from consilience.store.publication import publish

    if bool(record_ids) == every:
        raise UsageError("which records?", next_step="Name records by their ids, or give --all.")
    with Node.open(folder) as node:
        signer = node.signer(passphrase())
        entries = list(_own(node)) if every else [_made_here(node, each) for each in record_ids]
        before = node.log.size()
        positions = publish(node.log, [entry.content for entry in entries], signer)
        rows = [
            {"id": entry.id, "version": entry.version, "digest": entry.digest, "marking": entry.marking,
             "entry": position, "added": position >= before}
            for entry, position in zip(entries, positions, strict=True)
        ]  # fmt: skip
    if as_json:
        show_json({"signed": rows})
        return
    for row in rows:
        click.echo(
            f"{row['id']}  v{row['version']}  entry {row['entry']}  {'' if row['added'] else 'was signed'}"
        )
    say(f"{counted(sum(bool(row['added']) for row in rows), 'record')} signed")


@click.command(short_help="Check a record, or an evidence bundle, offline.")
@click.argument("what", metavar="ID|BUNDLE")
@click.option(
    "--key", metavar="FINGERPRINT", help="Of the party's first key, as it told you over another way."
)
@click.option("--witness", "witnesses", multiple=True, metavar="VERIFIER_KEY",
              help="A witness that you trust; may be repeated.")  # fmt: skip
@click.option(
    "--quorum", type=click.IntRange(min=1), help="How many of them must have cosigned; default: all."
)
@node_option
@json_option
@click.pass_context
def verify(
    context: click.Context, what: str, key: str | None, witnesses: tuple[str, ...], quorum: int | None,
    folder: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Check a record of this node by its ID, or an evidence BUNDLE from anywhere, without a network.

    The exit code is 1 where a check fails, and where one could not be made: a bundle whose party you cannot
    name by --key shows a signature of nobody in particular.
    """
    if not _ID.fullmatch(what):
        document = _bundle(Path(what), key, witnesses, quorum)
    else:
        if key or witnesses or quorum:
            raise UsageError(
                "--key, --witness and --quorum are for bundles", next_step="Name a bundle, or leave them out."
            )
        from consilience.node import Node

        with Node.open(folder) as node:
            document = _here(node, what)
    if as_json:
        show_json(document)
    else:
        for check in document["checks"]:
            detail = harmless(check["detail"]).replace("\n", "\\n")
            click.echo(f"{check['state']:<9} {check['what']:<10} {detail}")
        say("Every check passed" if document["ok"] else "Not every check passed")
    if not document["ok"]:
        context.exit(FINDING_EXIT)


@click.command()
@click.argument("record_id", metavar="ID")
@click.option("--reason", required=True, help="Why it no longer stands, in words that others read.")
@node_option
@json_option
def withdraw(record_id: str, reason: str, folder: Path | None, as_json: bool) -> None:
    """Say that a record of this party no longer stands. It stays readable, with the reason."""
    from consilience.node import Node
    from consilience.records.making import withdraw as withdrawn

    with Node.open(folder) as node:
        entry = _made_here(node, record_id)
        receipt = node.records.put(withdrawn(entry.record, now=node.now(), reason=reason))
    if as_json:
        show_json(receipt)
        return
    click.echo(f"{receipt.id}  v{receipt.version}  withdrawn")
    say(f"Sign it, so that others can rely on it: consilience record sign {receipt.id}")


def _made_here(node: Node, record_id: str) -> Entry:
    from consilience.errors import PolicyError

    entry = node.records.get(record_id)
    if entry.created_by != node.settings.party_id:
        raise PolicyError(
            f"{record_id} was made by {entry.created_by}, and a party signs and withdraws its own records",
            next_step="Say what you think of it with an opinion.",
        )
    return entry


def _own(node: Node) -> Iterator[Entry]:
    for entry in node.records.iterate(latest_only=True):
        if entry.created_by == node.settings.party_id and not node.log.about(entry.digest):
            yield entry


def _bundle(file: Path, key: str | None, witnesses: tuple[str, ...], quorum: int | None) -> dict[str, Any]:
    import consilience_verifier

    if not file.is_file():
        raise NotFoundError(
            "there is no such file, and it is not the id of a record",
            where=Where(file=str(file)), next_step="`consilience record list` shows ids.",
        )  # fmt: skip
    try:
        found = consilience_verifier.verify(file, key=key, witnesses=list(witnesses), quorum=quorum)
    except consilience_verifier.UnreadableError as error:
        raise InputError(
            str(error), where=Where(file=str(file)), next_step="Ask for the bundle again."
        ) from None
    checks = [check._asdict() for check in found.checks]
    return {"ok": found.ok, "checks": checks, **found.facts, "record": found.record}


def _here(node: Node, record_id: str) -> dict[str, Any]:
    from consilience.errors import VerificationError
    from consilience.store.publication import entry_checks

    entry = node.records.get(record_id)
    try:
        position, checks = entry_checks(node.log, entry.digest, node.log_origin)
    except VerificationError as error:
        position, checks = None, [("record", False, error.detail)]
    return {
        "ok": all(good for _, good, _ in checks),
        "checks": [
            {"what": what, "state": "ok" if good else "failed", "detail": detail}
            for what, good, detail in checks
        ],
        "digest": entry.digest,
        "position": position,
    }
