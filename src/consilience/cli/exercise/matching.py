"""`consilience exercise match`: which items two imports have in common."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from consilience.cli.output import counted, harmless, json_option, say, show_json

if TYPE_CHECKING:
    from consilience.evaluation.importers.matching import Match

SHOWN = 20
APART = {
    "item": "they stand there under other names; import the logs again",
    "exercise": "the imports are of two exercises; import one of them again with the other's --as",
    "concept": "they stand under other concepts; import again with one --concept for both",
    "language": "they stand under other languages; import again with --language",
    "rater": "they have other raters; import again with --rater METRIC=RATER",
}
"""What stands between two imports, and what to do."""


@click.command("match")
@click.argument("left", type=click.Path(path_type=Path, file_okay=False))
@click.argument("right", type=click.Path(path_type=Path, file_okay=False))
@json_option
def command(left: Path, right: Path, as_json: bool) -> None:
    """Say which items two imports, LEFT and RIGHT, have in common.

    Both are folders that `consilience exercise import` wrote. Items are the same where their prompts are,
    apart from case and white space. Near matches are proposed and never taken for the same. The exit code is
    0 whether or not they have anything in common, and 2 where a folder holds no import.
    """
    from consilience.evaluation.importers.matching import match

    found = match(left, right)
    if as_json:
        show_json(found)
        return
    _print(found)
    if found.pairs:
        say(f"Next: consilience exercise analyse {left} {right}")


def _print(found: Match) -> None:
    for side in (found.left, found.right):
        more = f", {side.without_prompt:,} without a prompt" if side.without_prompt else ""
        click.echo(
            harmless(f"{side.folder}: {counted(side.items, 'item')}, {side.only_here:,} only here{more}")
        )
    _print_common(found)
    if found.near:
        _print_near(found)
    if found.near_not_compared:
        alike = counted(found.near_not_compared, "item")
        click.echo(f"Not compared with all that may be near: {alike} of LEFT; too many prompts are alike")


def _print_common(found: Match) -> None:
    click.echo(f"In common: {counted(found.common, 'item')}")
    for concept, count in found.common_by_concept.items():
        click.echo(harmless(f"  {concept}: {count:,}"))
    if found.apart is not None:
        click.echo(f"None of them pairs: {APART[found.apart]}")
    elif found.common:
        click.echo(f"Of these, an analysis compares {counted(found.pairs, 'item')}")


def _print_near(found: Match) -> None:
    click.echo("Nearly the same, to be looked at:")
    for near in found.near[:SHOWN]:
        click.echo(harmless(f"  {near.left}  {near.right}  overlap {near.overlap:.0%}"))
    rest = len(found.near) - SHOWN + found.near_not_shown
    if rest > 0:
        click.echo(f"  and {rest:,} more; --json shows up to 1,000")
