"""`consilience exercise import`: what other harnesses wrote becomes scores and claims."""

from __future__ import annotations

import contextlib
import datetime
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from consilience.cli.output import json_option, say, show_json, with_options
from consilience.errors import ConsilienceError, InputError, UsageError, Where

if TYPE_CHECKING:
    from consilience.evaluation.importers.imported import Direction, Imported, Options
    from consilience.evaluation.protocol import Protocol

FINDING_EXIT = 1
MEANING = (
    click.option("--as", "exercise", metavar="NAME", help="Name of the exercise; default: imported."),
    click.option("--laboratory", required=True, metavar="NAME", help="Who measured."),
    click.option("--model", metavar="NAME", help="Its name in tables; default: as the source has it."),
    click.option("--concept", metavar="NAME", help="What the items measure; default: the task's name."),
    click.option("--language", metavar="TAG", help="Of all items; default: as told, else identified."),
    click.option("--protocol", "protocol_path", type=click.Path(path_type=Path),
                 help="Take only items that this protocol plans, under their names there."),
    click.option("--rater", "raters", multiple=True, metavar="METRIC=RATER",
                 help="Name of a metric in the scores; may be repeated."),
    click.option("--direction", "directions", multiple=True, metavar="METRIC=WAY",
                 help="Whether higher or lower is better, such as toxicity=lower; may be repeated."),
    click.option("--only", "scorers", multiple=True, metavar="METRIC",
                 help="Only this metric; may be repeated."),
    click.option("--value", "values", multiple=True, metavar="WORD=NUMBER",
                 help="What a word counts as, such as P=0.5; may be repeated."),
    click.option("--column", "columns", multiple=True, metavar="OURS=THEIRS",
                 help="Of CSV and Parquet: which column is ours, or OURS==VALUE; may be repeated."),
)  # fmt: skip
PLACE = (
    click.option("--node", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
                 help="The node that keeps files as evidence and results as claims."),
    click.option("--out", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
                 help="Folder for the import; nothing is then kept in a node."),
    click.option("--dry-run", is_flag=True, help="Say what would be imported, and write nothing."),
)  # fmt: skip


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@with_options(MEANING, PLACE)
@json_option
def command(paths: tuple[Path, ...], as_json: bool, **given: Any) -> None:
    """Import what other harnesses wrote: PATHS are files, folders and archives.

    Formats are found by content: Inspect (.eval, .json), lm-eval, HELM, garak, promptfoo, PyRIT, Moonshot,
    modelbench, Every Eval Ever, Hugging Face .eval_results, CSV and Parquet. Nothing is averaged; what
    cannot be mapped is listed. The exit code is 1 where a file could not be read as a whole.
    """
    from consilience.evaluation.protocol_file import load_protocol

    now = datetime.datetime.now(datetime.UTC)
    if given["node"] is not None and given["out"] is not None:
        raise UsageError(
            "--node and --out name two places", next_step="Name one: a node, or a folder outside of nodes."
        )
    path = given["protocol_path"]
    protocol = load_protocol(path, now=now) if path is not None else None
    options = _options(given, protocol)
    work = _Work(paths, options, protocol, now, quiet=as_json)
    with _ended_in_order():
        imported, folder, claims = work.into(given)
    _show(imported, folder, claims, as_json=as_json)
    if any(finding.severity == "error" for finding in imported.findings):
        click.get_current_context().exit(FINDING_EXIT)


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM and the end of the terminal stop the work as Ctrl-C does: its scratch is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        for number in stops:
            signal.signal(number, signal.SIG_IGN)  # once is enough; the folders are being removed
        raise KeyboardInterrupt

    ignored = signal.SIG_IGN  # as under `nohup`: then it stays so
    stops = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not ignored]
    before = {number: signal.signal(number, stop) for number in stops}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Work:
    """One import and where it goes."""

    def __init__(
        self,
        paths: Sequence[Path],
        options: Options,
        protocol: Protocol | None,
        now: datetime.datetime,
        *,
        quiet: bool,
    ) -> None:
        self.paths, self.options, self.protocol, self.now = paths, options, protocol, now
        self.tell = None if quiet else say

    def into(self, given: dict[str, Any]) -> tuple[Imported, Path | None, int | None]:
        """Import to where the options say; return the account, the folder and the number of claims."""
        if given["dry_run"]:
            return self.carry_out(None), None, None
        if given["out"] is not None:
            _check_folder(given["out"])
            return self.carry_out(given["out"]), given["out"], None
        return self.into_node(given["node"])

    def carry_out(self, target: Path | None) -> Imported:
        from consilience.evaluation.importers.importing import import_paths

        return import_paths(
            self.paths, self.options, target=target, now=self.now, protocol=self.protocol, progress=self.tell
        )

    def into_node(self, node: Path | None) -> tuple[Imported, Path, int | None]:
        """Import into the node's folder of runs, and keep evidence and claims."""
        from consilience.evaluation.importers.placing import placed
        from consilience.node import Node, node_folder

        with Node.open(node_folder(node)) as opened:
            imported, folder = placed(opened.runs_folder, self.options, self.protocol, self.carry_out)
            return imported, folder, self._keep(opened, folder, imported)

    def _keep(self, opened: Any, folder: Path, imported: Imported) -> int | None:
        from consilience.evaluation.analysis import analyse
        from consilience.evaluation.importers.archive import keep_import
        from consilience.evaluation.importers.placing import originals

        if not imported.scored:
            return 0
        try:
            result = analyse([folder], protocol=self.protocol, now=self.now)
            return len(keep_import(opened, folder, imported, result, originals(self.paths, imported)))
        except ConsilienceError as error:
            say(f"The scores are imported; no claims were made of them: {error}")
            return None


def _options(given: dict[str, Any], protocol: Protocol | None) -> Options:
    from consilience.evaluation.importers.imported import Options
    from consilience.languages import is_tag

    language = given["language"]
    if language is not None and not is_tag(language):
        raise InputError(
            f"{language[:40]!r} is not a language tag", next_step="Write it as in BCP 47: sw, zh-Hant, fr-CA."
        )
    for name in ("exercise", "laboratory", "model", "concept"):
        if given[name] is not None and not given[name].strip():
            option = "as" if name == "exercise" else name
            raise UsageError(f"--{option} is empty", next_step=f"Write a name behind --{option}.")
    named = protocol.name if protocol is not None else "imported"
    return Options(
        exercise=given["exercise"] or named,
        laboratory=given["laboratory"],
        model=given["model"],
        concept=given["concept"],
        language=language,
        columns=_pairs(given["columns"], "--column"),
        values={word: _number(value) for word, value in _pairs(given["values"], "--value").items()},
        raters=_pairs(given["raters"], "--rater"),
        directions={
            metric: _direction(word) for metric, word in _pairs(given["directions"], "--direction").items()
        },
        scorers=tuple(given["scorers"]),
    )


def _pairs(words: Sequence[str], option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in words:
        left, equals, right = word.partition("=")
        if not equals or not left or not right or left in pairs:
            raise InputError(
                f"{option} {word[:80]!r} is not NAME=VALUE, or is given twice",
                next_step=f"Write {option} NAME=VALUE, once for each name.",
            )
        pairs[left] = right
    return pairs


def _direction(word: str) -> Direction:
    from consilience.evaluation.importers.table_layout import DIRECTIONS

    if word not in DIRECTIONS:
        raise InputError(
            f"{word[:40]!r} is no direction", next_step="Write --direction METRIC=lower, or =higher."
        )
    return DIRECTIONS[word]


def _number(text: str) -> float:
    import math

    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(
            f"{text[:40]!r} is not a number", next_step="Write --value WORD=NUMBER, such as P=0.5."
        )
    return value


def _check_folder(folder: Path) -> None:
    """Refuse to write among files that are not an import's, before the work is done."""
    from consilience.evaluation.importers.naming import shown
    from consilience.evaluation.importers.writing import IMPORT, ITEMS, SCORES

    if folder.exists() and (
        not folder.is_dir() or {p.name for p in folder.iterdir()} - {IMPORT, ITEMS, SCORES}
    ):
        raise InputError(
            "this holds other things than an import", where=Where(file=shown(folder)),
            next_step="Name an empty or a new folder with --out.",
        )  # fmt: skip


def _show(imported: Imported, folder: Path | None, claims: int | None, *, as_json: bool) -> None:
    from consilience.evaluation.importers.naming import shown

    if as_json:
        show_json({"folder": None if folder is None else shown(folder), "claims": claims, "import": imported})
        return
    from consilience.cli.exercise.import_text import print_import

    print_import(imported)
    if folder is None:
        say("Nothing was written. Leave --dry-run away to import.")
        return
    if claims is not None:
        click.echo(f"Claims kept: {claims:,}")
    click.echo(f"The import is in {shown(folder)}")
    say(f"Next: consilience exercise analyse {shown(folder)}")
