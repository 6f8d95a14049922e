"""`consilience key`: the keys with which this node signs."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from consilience.cli.node import node_option
from consilience.cli.output import json_option, say, show_json

if TYPE_CHECKING:
    from consilience.node import Node

VARIABLE = "CONSILIENCE_PASSPHRASE"


def passphrase(*, new: bool = False) -> Callable[[], bytes]:
    """Return how a passphrase is had: from CONSILIENCE_PASSPHRASE, else by asking, without showing it."""

    def ask() -> bytes:
        from consilience.errors import UsageError

        given = os.environ.get(VARIABLE)
        if given:
            return os.fsencode(given)
        if not sys.stdin.isatty():
            raise UsageError(
                "the key needs a passphrase, and nobody can be asked here",
                next_step=f"Put it into {VARIABLE}, or give the command in a terminal.",
            )
        return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True)).encode(
            "utf-8", "surrogateescape"
        )

    return ask


@click.group()
def command() -> None:
    """Make, list, change and revoke the keys with which this node signs."""


@command.command("new")
@click.option("--second", is_flag=True, help="Also make an ML-DSA-44 key, which no quantum computer breaks.")
@click.option("--unencrypted", is_flag=True, help="Store the keys without a passphrase.")
@node_option
@json_option
def new_(second: bool, unencrypted: bool, folder: Path | None, as_json: bool) -> None:
    """Make the node's first key, and begin its log with it.

    The private key is encrypted with the passphrase in CONSILIENCE_PASSPHRASE, or one that you are asked for.
    Tell partners the fingerprint over another way than the network.
    """
    from consilience.errors import IncompatibleError
    from consilience.node import Node
    from consilience.store.publication import introduce_keys
    from consilience.trust.keys import Algorithm, PrivateKey

    with Node.open(folder) as node:
        if node.log.size():
            raise IncompatibleError(
                "this node has a key already", next_step="`consilience key rotate` changes it."
            )
        secret = None if unencrypted else passphrase(new=True)()
        keys = [PrivateKey.generate()]
        keys += [PrivateKey.generate(Algorithm.ML_DSA_44)] if second else []
        with node.keys.written(keys, secret):
            introduce_keys(node.log, node.signer_of(keys))
        _show(node, as_json, f"Partners know this node by {keys[0].public.fingerprint}.")


@command.command("list")
@node_option
@json_option
def list_(folder: Path | None, as_json: bool) -> None:
    """List the keys of this node, those that no longer count too."""
    from consilience.node import Node

    with Node.open(folder) as node:
        _show(node, as_json, "")


@command.command(short_help="Put new keys in the place of those that count, and end these.")
@click.option("--reason", default="rotated", show_default=True, help="Why, in words that partners read.")
@click.option("--unencrypted", is_flag=True, help="Store the new keys without a passphrase.")
@node_option
@json_option
def rotate(reason: str, unencrypted: bool, folder: Path | None, as_json: bool) -> None:
    """Make new keys, signed by those that count now, and end these: also after one was stolen.

    What the old keys signed before keeps counting; withdraw what you do not stand behind, and end
    further keys that a thief may have added. The new keys have the same passphrase.
    """
    from consilience.node import Node
    from consilience.store.publication import rotate_keys
    from consilience.trust.keys import PrivateKey

    with Node.open(folder) as node:
        once = functools.cache(passphrase())
        signer = node.signer(once)
        new = [PrivateKey.generate(key.public.algorithm) for key in signer.keys]
        with node.keys.written(new, None if unencrypted else once()):
            rotate_keys(node.log, new, signer, reason=reason)
        old = ", ".join(key.public.fingerprint for key in signer.keys)
        _show(node, as_json, f"{old} ended; {new[0].public.fingerprint} signs from now on.")


@command.command(short_help="End a key that this node does not sign with.")
@click.argument("fingerprint")
@click.option("--reason", required=True, help="Why, in words that partners read.")
@node_option
@json_option
def revoke(fingerprint: str, reason: str, folder: Path | None, as_json: bool) -> None:
    """End a key: a second one that was lost, or one that a thief added. Your own is ended by `key rotate`."""
    from consilience.errors import NotFoundError
    from consilience.node import Node
    from consilience.store.publication import keyring, revoke_key

    with Node.open(folder) as node:
        known = {each.key.fingerprint: each.key for each in keyring(node.log).keys}
        if fingerprint not in known:
            raise NotFoundError(
                f"this node has no key {fingerprint[:80]}", next_step="`consilience key list` shows them."
            )
        revoke_key(node.log, known[fingerprint], node.signer(passphrase()), reason=reason)
        _show(node, as_json, f"{fingerprint} no longer counts.")


def _show(node: Node, as_json: bool, last: str) -> None:
    from consilience.store.publication import keyring
    from consilience.trust.keyring import KnownKey

    here = set(node.keys.names())

    def row(known: KnownKey) -> dict[str, Any]:
        return {
            "fingerprint": known.key.fingerprint,
            "algorithm": known.key.algorithm,
            "first_entry": known.first,
            "end_entry": known.end,
            "reason": known.reason,
            "private_key_here": known.key.fingerprint in here,
        }

    rows = [row(known) for known in keyring(node.log).keys]
    if as_json:
        show_json({"party": node.settings.party, "log": node.log_origin, "keys": rows})
        return
    for each in rows:
        end = "counts" if each["end_entry"] is None else f"ended at entry {each['end_entry']}"
        why = f" ({each['reason']})" if each["reason"] else ""
        place = "" if each["private_key_here"] else ", private key not here"
        click.echo(
            f"{each['fingerprint']}  {each['algorithm']}  from entry {each['first_entry']}, {end}{why}{place}"
        )
    if last:
        say(last)
