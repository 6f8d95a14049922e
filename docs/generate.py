"""Writes the pages of the reference that are made from the code: commands (from the click tree) and limits.

Usage: `python docs/generate.py` writes; with `--check` it only compares and fails on a difference.
The pages hold nothing that is not in the code, so they cannot grow old; a test holds them equal.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import limits_page

from consilience.cli import cli

REFERENCE = Path(__file__).resolve().parent / "reference"
HEAD = """# Commands

This page is made from the commands themselves (`make reference`).
Data go to stdout, talk and progress to stderr.
Exit codes are in [Exit codes and problems](exit-codes.md).
"""


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its full name, groups before what is in them."""
    yield from _below("consilience", cli, click.Context(cli, info_name="consilience"))


def _below(name: str, command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for word in command.list_commands(context):
            inner = command.get_command(context, word)
            if inner is not None and not inner.hidden:
                yield from _below(
                    f"{name} {word}", inner, click.Context(inner, info_name=word, parent=context)
                )


def page() -> str:
    """Return the page of all commands as Markdown."""
    return HEAD + "".join(_section(name, command) for name, command in commands())


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    parts = [f"\n## {name}\n", f"\n{_paragraphs(command.help or '')}\n", f"\n```text\n{usage}\n```\n"]
    rows = [_row(parameter, context) for parameter in command.get_params(context)]
    rows = [row for row in rows if row is not None]
    if rows:
        parts.append("\n| Argument or option | Value | Meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    return "".join(parts)


def _paragraphs(text: str) -> str:
    """Return a help text without the marks of click: `\\b` keeps a block's lines, `\\f` ends the text."""
    blocks = inspect.cleandoc(text).split("\f", 1)[0].strip().split("\n\n")
    return "\n\n".join(_block(block) for block in blocks)


def _block(block: str) -> str:
    if block.startswith("\b"):
        return "```text\n" + block.removeprefix("\b").strip("\n") + "\n```"
    return " ".join(line.strip() for line in block.splitlines())


def _row(parameter: click.Parameter, context: click.Context) -> str | None:
    if isinstance(parameter, click.Option):
        if parameter.hidden or "--help" in parameter.opts:
            return None
        names = ", ".join(f"`{opt}`" for opt in [*parameter.opts, *parameter.secondary_opts])
        value = "" if parameter.is_flag else f"`{parameter.make_metavar(context)}`"
        return f"| {names} | {_cell(value)} | {_cell(_meaning(parameter, context))} |"
    metavar = parameter.make_metavar(context)
    return f"| `{metavar}` | | {'required' if parameter.required else 'optional'} |"


def _meaning(option: click.Option, context: click.Context) -> str:
    extra = []
    if option.required:
        extra.append("required")
    if option.multiple:
        extra.append("may be given more than once")
    default = option.get_default(context, call=False)
    plain = isinstance(default, (str, int, float, Path)) and not isinstance(default, bool)
    if plain and default != "" and not option.required:
        extra.append(f"default `{default}`")
    if span := option.get_help_extra(context).get("range"):
        extra.append(f"`{span}`")
    if option.envvar:
        names = [option.envvar] if isinstance(option.envvar, str) else option.envvar
        extra.append("variable " + ", ".join(f"`{name}`" for name in names))
    text = " ".join((option.help or "").split())
    return f"{text} ({'; '.join(extra)})" if extra else text


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> int:
    """Write the pages, or with `--check` say which are not current."""
    stale = []
    for name, text in (("cli.md", page()), ("limits.md", limits_page.page())):
        path = REFERENCE / name
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        print(f"not current: {', '.join(stale)}; run `make reference`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
