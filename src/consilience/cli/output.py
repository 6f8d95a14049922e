"""How commands speak: one JSON document or plain text on stdout, talk on stderr."""

from __future__ import annotations

import json
from typing import Any

import click
import msgspec

from consilience.errors import ConsilienceError

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")


def show_json(document: Any) -> None:
    """Print one document as indented JSON; structs become objects, NaN cannot occur.

    Args:
        document: Builtin types or msgspec structs.

    Raises:
        ValueError: A NaN or infinity is inside.
    """
    builtin = msgspec.to_builtins(document, enc_hook=str)
    click.echo(json.dumps(builtin, ensure_ascii=False, indent=2, allow_nan=False))


def say(text: str) -> None:
    """Say something to the person, on stderr."""
    click.echo(text, err=True)


def show_problem(error: ConsilienceError, *, as_json: bool) -> None:
    """Print a problem: the RFC 9457 document on stdout with `--json`, else words on stderr."""
    if as_json:
        show_json(error.problem())
    else:
        click.echo(f"{error.title}: {error}", err=True)
