"""`consilience exercise match`: which items two imports have in common."""

from __future__ import annotations

from pathlib import Path

import click

from consilience.cli.output import counted, harmless, json_option, say, show_json

SHOWN = 20


@click.command("match")
@click.argument("left", type=click.Path(path_type=Path, file_okay=False))
@click.argument("right", type=click.Path(path_type=Path, file_okay=False))
@json_option
def command(left: Path, right: Path, as_json: bool) -> None:
    """Say which items two imports, LEFT and RIGHT, have in common.

    Both are folders that `consilience exercise import` wrote. Items are the same where their prompts are,
    apart from case and white space. Near matches are proposed and never taken for the same.
    """
    from consilience.evaluation.importers.matching import match

    found = match(left, right)
    if as_json:
        show_json(found)
        return
    for side in (found.left, found.right):
        more = f", {side.without_prompt:,} without a prompt" if side.without_prompt else ""
        click.echo(
            harmless(f"{side.folder}: {counted(side.items, 'item')}, {side.only_here:,} only here{more}")
        )
    click.echo(f"In common: {counted(found.common, 'item')}")
    for concept, count in found.common_by_concept.items():
        click.echo(harmless(f"  {concept}: {count:,}"))
    if found.near:
        click.echo("Nearly the same, to be looked at:")
        for near in found.near[:SHOWN]:
            click.echo(harmless(f"  {near.left}  {near.right}  overlap {near.overlap:.0%}"))
        rest = len(found.near) - SHOWN + found.near_not_shown
        if rest > 0:
            click.echo(f"  and {rest:,} more; --json shows up to 1,000")
    if found.common:
        say(f"Next: consilience exercise analyse {left} {right}")
