"""`consilience exercise`: run a protocol, rate, analyse, report. Each verb is a module, imported on use."""

from __future__ import annotations

import importlib

import click

VERBS = {
    "run": ("consilience.cli.exercise.run", "Ask a model the items of a protocol and rate its answers."),
    "import": ("consilience.cli.exercise.importing", "Make scores of what other harnesses wrote."),
    "match": ("consilience.cli.exercise.matching", "Say which items two imports have in common."),
    "annotate": ("consilience.cli.exercise.annotate", "Give humans a blind sheet to rate, and take it back."),
    "analyse": ("consilience.cli.exercise.analyse", "Merge scores of laboratories into the joint result."),
    "export": ("consilience.cli.exercise.exporting", "Write scores and results in formats that others read."),
    "report": ("consilience.cli.exercise.report", "Write the joint report as one HTML file."),
}


class VerbGroup(click.Group):
    """A group that imports a verb's module on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in their order of use."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module and return its `command`."""
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(VERBS[cmd_name][0]).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{VERBS[cmd_name][0]}.command is not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of verbs without importing their modules."""
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, text) for verb, (_, text) in VERBS.items()])


@click.group(cls=VerbGroup)
def command() -> None:
    """Run a protocol, rate, analyse and report."""
