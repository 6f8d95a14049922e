"""Reading a protocol: one TOML file and the item files beside it.

Responsible for opening files and for telling every mistake with file and line. Invariants: what comes out is
a well-formed `Protocol`; files outside the protocol's folder are never opened; up to twenty mistakes are told
together.

References:
    TOML 1.0.0; RFC 8259 (JSON); RFC 4180 (CSV).
"""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from consilience.errors import ConsilienceError, InputError, LimitError, NotFoundError, Where
from consilience.evaluation import toml_lines
from consilience.evaluation.bounded_file import inside, read_text
from consilience.evaluation.faults import Faults
from consilience.evaluation.item_file import Reading, file_format, read_item_file
from consilience.evaluation.item_pairing import Key, Place, ReadFile, pair_items
from consilience.evaluation.protocol import Generation, Protocol, Rater
from consilience.evaluation.protocol_form import (
    ItemsTable,
    Problem,
    ProtocolForm,
    plain_tree,
    read_table,
)
from consilience.evaluation.protocol_rules import plan_problems
from consilience.evaluation.protocol_tasks import read_tasks

MAX_PROTOCOL_BYTES = 2 * 1024 * 1024
MAX_TEXT_FILE_BYTES = 1024 * 1024
"""Of a prompt, system prompt or guideline in a file of its own."""
MAX_KEY_PARTS = 32
"""Of one key; `tomllib` needs quadratic time for a key of many parts."""

_MANY_KEYS = re.compile(
    r"""(?<![A-Za-z0-9_-])(?:(?:[A-Za-z0-9_-]{1,200}|"[^"\n]{0,200}"|'[^'\n]{0,200}')[ \t]*\.[ \t]*){32}"""
)
_TOML_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$| \(at end of document\)$")

Progress = Callable[[str, int, int], None]
"""Called with (what is done, how many are done, of how many)."""


class ProtocolSource(msgspec.Struct, frozen=True, kw_only=True):
    """A protocol and where its parts stand, so that findings can name file and line."""

    protocol: Protocol
    label: str
    """Name of the protocol file in messages."""
    lines: Any
    """A `toml_lines.TomlLines`."""
    files: tuple[ReadFile, ...]
    places: dict[Key, Place]

    def line(self, *path: str | int) -> int | None:
        """Return the line of a value of the protocol file, or of the nearest table around it."""
        found = self.lines.line(path)
        return found if isinstance(found, int) else None


def load_protocol(path: Path, *, now: datetime.datetime | None = None) -> Protocol:
    """Return the protocol in a TOML file, with the items of the files that it names.

    Args:
        path: The TOML file.
        now: The present; a protocol from the future is refused. None: the clock of this machine.

    Raises:
        InputError: Something in the files is wrong; up to twenty mistakes are told together, with file and
            line.
        LimitError: A documented limit is passed.
        NotFoundError: A file is not there.
    """
    return read_protocol(path, now=now or datetime.datetime.now(datetime.UTC)).protocol


def read_protocol(path: Path, *, now: datetime.datetime, progress: Progress | None = None) -> ProtocolSource:
    """Return the protocol in a TOML file together with the places of its parts.

    Args:
        path: The TOML file.
        now: The present; a protocol from the future is refused.
        progress: Told of every item file.

    Raises:
        InputError: As for `load_protocol`.
    """
    label = str(path)
    if not path.is_file():
        raise NotFoundError(
            "there is no such protocol file",
            where=Where(file=label),
            next_step="`consilience protocol new NAME` writes one.",
        )
    text = read_text(path, label, MAX_PROTOCOL_BYTES)
    tree = parse_toml(text, label)
    reader = _Reader(path.parent, label, toml_lines.TomlLines(text))
    form = reader.form(tree, now.date())
    generation = reader.generation(form)
    raters = reader.raters(form)
    reader.faults.raise_any()
    tasks = read_tasks(form.tasks, path.parent, label, reader.where, reader.faults)
    files = reader.item_files(form, progress or (lambda _what, _done, _of: None))
    paired = pair_items(
        files,
        concepts=[concept.id for concept in form.concepts],
        languages=[language.tag for language in form.languages],
        faults=reader.faults,
    )
    reader.faults.raise_any()
    table = form.exercise
    protocol = Protocol(
        name=table.name, title=table.title, construct=table.construct, estimand=table.estimand,
        created=table.created, version=table.version, titles=table.titles, concepts=form.concepts,
        languages=form.languages, items=paired.items, generation=generation, attempts=table.attempts,
        raters=raters, analysis=form.analysis, aggregation=form.aggregation, human_sample=form.human_sample,
        handling=table.handling, sources=table.sources, tasks=tasks,
    )  # fmt: skip
    return ProtocolSource(
        protocol=protocol, label=label, lines=reader.lines, files=tuple(files), places=paired.places
    )


def parse_toml(text: str, label: str) -> dict[str, Any]:
    """Return the tree of a TOML text.

    Raises:
        InputError: It is no TOML; the error names the line.
        LimitError: It is nested too deeply.
    """
    dotted = _MANY_KEYS.search(text)
    if dotted:
        line = text.count("\n", 0, dotted.start()) + 1
        raise LimitError(
            f"a key has {MAX_KEY_PARTS} parts or more",
            where=Where(file=label, line=line),
            next_step="The keys of a protocol have at most four parts.",
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        message = _TOML_PLACE.sub("", str(error))
        at_line = int(place.group(1)) if place and place.group(1) else text.count("\n") + 1
        column = f", column {place.group(2)}" if place and place.group(2) else ", at the end of the file"
        raise InputError(
            f"this is no TOML: {message}{column}",
            where=Where(file=label, line=at_line),
            next_step=(
                "Texts stand between quotes, lists between brackets; each key stands once in its table."
            ),
        ) from error
    except RecursionError as error:
        raise LimitError(
            "lists or tables are nested too deeply",
            where=Where(file=label),
            next_step="The values of a protocol are texts, numbers, lists and tables of these.",
        ) from error
    except ValueError as error:  # an integer of thousands of digits, an impossible date
        raise InputError(
            f"a value cannot be read: {str(error)[:200]}",
            where=Where(file=label),
            next_step="Look for a date that does not exist or a number of very many digits.",
        ) from error


class _Reader:
    """Reads one protocol and collects its mistakes."""

    def __init__(self, folder: Path, label: str, lines: toml_lines.TomlLines) -> None:
        self.folder = folder
        self.label = label
        self.lines = lines
        self.faults = Faults()

    def where(self, path: toml_lines.Path) -> Where:
        return Where(file=self.label, line=self.lines.line(path), path=toml_lines.format_path(path))

    def form(self, tree: dict[str, Any], today: datetime.date) -> ProtocolForm:
        """Return the file as its types, with the rules of a plan checked."""
        problems: list[Problem] = []
        plain = plain_tree(tree, problems)
        form = read_table(ProtocolForm, plain, (), problems)
        if form is not None and not problems:
            problems += plan_problems(form, today)
        self._note(problems)
        self.faults.raise_any()
        assert form is not None  # no problems, so it was read
        return form

    def _note(self, problems: list[Problem]) -> None:
        seen = set()
        for problem in sorted(problems, key=lambda problem: self.lines.line(problem.path) or 0):
            if (problem.path, problem.message) not in seen:
                self.faults.add(self.where(problem.path), problem.message, problem.next_step)
            seen.add((problem.path, problem.message))

    def generation(self, form: ProtocolForm) -> Generation:
        """Return the settings of the generation with a system prompt from its file."""
        table = form.generation
        system_prompt = self._text(
            ("generation",), table.system_prompt, "system_prompt", table.system_prompt_file
        )
        return Generation(
            system_prompt=system_prompt, temperature=table.temperature, top_p=table.top_p,
            max_tokens=table.max_tokens, stop=table.stop, seed=table.seed,
        )  # fmt: skip

    def raters(self, form: ProtocolForm) -> tuple[Rater, ...]:
        """Return the raters with their texts from files."""
        raters = []
        for place, table in enumerate(form.raters):
            path: toml_lines.Path = ("raters", place)
            values = {name: getattr(table, name) for name in Rater.__struct_fields__}
            for key in ("prompt", "system_prompt", "guideline"):
                values[key] = self._text(path, values[key], key, getattr(table, f"{key}_file"))
            raters.append(Rater(**values))
        return tuple(raters)

    def _text(self, path: toml_lines.Path, text: str | None, key: str, file: str | None) -> str | None:
        if file is None:
            return text
        place = (*path, f"{key}_file")
        if text is not None:
            self.faults.add(self.where(place), f"both `{key}` and `{key}_file` are there", "Keep one.")
            return text
        try:
            real = inside(self.folder, file, where=self.where(place))
            return read_text(real, self._label(file), MAX_TEXT_FILE_BYTES)
        except ConsilienceError as error:
            self.faults.take(error)
            return None

    def _label(self, name: str) -> str:
        return str(self.folder / name)

    def item_files(self, form: ProtocolForm, progress: Progress) -> list[ReadFile]:
        """Return every item file that can be read."""
        files: list[ReadFile] = []
        seen: dict[Path, str] = {}
        for number, table in enumerate(form.items):
            progress("reading item files", number, len(form.items))
            where = self.where(("items", number, "path"))
            try:
                real = inside(self.folder, table.path, where=where)
                if real in seen:
                    raise InputError(
                        f"the file {table.path[:200]!r} is named twice", where=where, next_step="Keep one."
                    )
                seen[real] = table.path
                files.append(self._item_file(table, real, where))
            except ConsilienceError as error:
                self.faults.take(error)
        return files

    def _item_file(self, table: ItemsTable, real: Path, where: Where) -> ReadFile:
        reading = Reading(
            format=table.format, columns=table.columns, without=table.without, delimiter=table.delimiter
        )
        label = self._label(table.path)
        format_ = file_format(table.path, reading, where)
        rows, about = read_item_file(real, label, format_, reading, self.faults)
        return ReadFile(table=table, label=label, rows=rows, about=about)
