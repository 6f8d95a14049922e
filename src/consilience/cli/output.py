"""How commands speak: one JSON document or plain text on stdout, talk on stderr."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import click
import msgspec

from consilience.errors import ConsilienceError

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")


def with_options(*groups: tuple[Callable[[Any], Any], ...]) -> Callable[[Any], Any]:
    """Return a decorator that gives a command all options of the groups, in their order."""

    def decorate(function: Any) -> Any:
        for option in reversed([option for group in groups for option in group]):
            function = option(function)
        return function

    return decorate


def show_json(document: Any) -> None:
    """Print one document as indented JSON; structs become objects, NaN cannot occur.

    Args:
        document: Builtin types or msgspec structs.

    Raises:
        ValueError: A NaN or infinity is inside.
    """
    builtin = msgspec.to_builtins(document, enc_hook=str)
    click.echo(harmless(json.dumps(builtin, ensure_ascii=False, indent=2, allow_nan=False)))


def say(text: str) -> None:
    """Say something to the person, on stderr."""
    click.echo(harmless(text), err=True)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as "1 item" and "2 laboratories"."""
    if number != 1:
        noun = noun[:-1] + "ies" if noun.endswith("y") and noun[-2] not in "aeiou" else noun + "s"
    return f"{number:,} {noun}"


def show_problem(error: ConsilienceError, *, as_json: bool) -> None:
    """Print a problem: the RFC 9457 document on stdout with `--json`, else words on stderr."""
    if as_json:
        show_json(error.problem())
    else:
        say(f"{error.title}: {error}")


UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
"""Characters that can drive a terminal or turn the order of what stands around them, and others that are not
seen; without tabs, line breaks, and the joiners that Persian and the scripts of India need."""


def harmless(text: str) -> str:
    """Return text that cannot drive a terminal: what is not seen becomes `\\u` escapes, as in JSON.

    Names of laboratories and models, and what an error quotes, come from others. Inside a JSON document the
    escapes change nothing of what it says.
    """
    return UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text)
