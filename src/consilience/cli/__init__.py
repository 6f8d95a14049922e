"""The command line: `consilience NOUN VERB`. One module per noun; each is imported only when it is asked for.

Contract: data go to stdout, talk and progress to stderr; every verb takes `--json` and then prints one
document; a problem is the document of RFC 9457; exit codes are 0 ok, 1 finding or verification failed,
2 usage, 3 partner or network, 4 refused by policy, 130 interrupted.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

from consilience import __version__
from consilience.errors import ConsilienceError, StoreError, UsageError, Where

NOUNS = {
    "demo": ("consilience.cli.demo", "Three laboratories test a real model; one joint report."),
    "protocol": ("consilience.cli.protocol", "Write, check and show the plan of an exercise."),
    "exercise": ("consilience.cli.exercise", "Run a protocol, rate, analyse and report."),
    "record": ("consilience.cli.record", "Show, sign, check and withdraw the records of this node."),
    "key": ("consilience.cli.key", "Make, list, change and revoke the keys with which this node signs."),
    "log": ("consilience.cli.log", "Show, prove and audit the log of what this node signed."),
    "node": ("consilience.cli.node", "Set up this node and say how it stands."),
}


class LazyGroup(click.Group):
    """A group whose commands are modules, imported on first use so that `--help` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the nouns in their order of use."""
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the noun's module and return its `command`."""
        if cmd_name not in NOUNS:
            return None
        module = importlib.import_module(NOUNS[cmd_name][0])
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.command is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of nouns without importing their modules."""
        with formatter.section("Nouns"):
            formatter.write_dl([(noun, text) for noun, (_, text) in NOUNS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="consilience")
def cli() -> None:
    """Joint evaluations of AI models: many laboratories, comparable records, one verdict with its error."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code of the contract.

    Args:
        arguments: The words after the program's name; those of the process if None.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = cli.main(args=words, prog_name="consilience", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except ConsilienceError as error:
        from consilience.cli.output import show_problem

        show_problem(error, as_json="--json" in words)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        if "--json" in words:
            from consilience.cli.output import show_problem

            show_problem(UsageError(error.format_message(), next_step=_help_of(error)), as_json=True)
        else:
            error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. What was acknowledged is kept; the same command goes on there.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        sys.exit(_refused_by_system(error, words))


def _help_of(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    name = "consilience" if context is None else context.command_path
    return f"`{name} --help` shows how the command is written."


def _refused_by_system(error: OSError, words: Sequence[str]) -> int:
    """Tell of a file or a device that the system refused, such as a full disk; return the exit code."""
    from consilience.cli.output import show_problem

    name = error.filename if isinstance(error.filename, str) else None
    problem = StoreError(
        f"the system refused a file: {error.strerror or type(error).__name__}",
        where=Where(file=name) if name else None,
        next_step="Check the path, its rights and the free space, then give the same command again.",
    )
    try:
        show_problem(problem, as_json="--json" in words)
    except OSError:  # stdout itself cannot be written
        show_problem(problem, as_json=False)
    return problem.exit_code
