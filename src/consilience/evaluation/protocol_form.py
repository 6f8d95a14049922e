"""The TOML form of a protocol: its tables as types, and a reader that collects every mistake instead of the
first.

Responsible for the keys of the file and their types. Pure. What keys mean together is checked by
`protocol_rules`, files are opened by `protocol_file`. Invariant: a table that was read has only known keys
and values of their type; each mistake is a `Problem` with the path of its value, so that a line can be named.
"""

from __future__ import annotations

import datetime
import difflib
import enum
import math
import re
from collections.abc import Iterable
from typing import Any, Literal, TypeVar

import msgspec

from consilience.evaluation.protocol import (
    Aggregation,
    AnalysisPlan,
    Concept,
    Generation,
    HumanSample,
    Language,
    Rater,
    Split,
    Translation,
)
from consilience.evaluation.toml_lines import Path, format_path, parse_path

MAX_DEPTH = 16
MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8785, appendix D)."""

Table = TypeVar("Table", bound=msgspec.Struct)


class Problem(msgspec.Struct, frozen=True):
    """One mistake in the file: where, what, and what to do."""

    path: Path
    message: str
    next_step: str = ""


class ExerciseTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[exercise]`: what is measured, in words, and how often each item is asked."""

    name: str
    title: str
    construct: str
    estimand: str
    created: str
    attempts: int
    version: str = "1"
    titles: dict[str, str] = {}
    handling: str = "TLP:CLEAR"
    sources: tuple[str, ...] = ()


class ItemsTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[items]]`: one item file, what holds for all its items, and how it is to be read."""

    path: str
    format: Literal["jsonl", "csv", "parquet", "dataset"] | None = None
    """None: by the ending of the name (.jsonl, .csv or .tsv, .parquet, .json)."""
    concept: str | None = None
    language: str | None = None
    split: Split | None = None
    translation: Translation | None = None
    columns: dict[str, str] = {}
    """Field of an item → name of the column or key that holds it in this file."""
    without: tuple[str, ...] = ()
    """Fields of this file that are not taken over, such as a `target` that is only a label of the data set.
    """
    delimiter: str | None = None
    """Of a CSV file; None: the one of `,` `;` and tabulator that splits the header into known names."""
    pair_by: Literal["id", "position"] = "id"
    pair_with: str | None = None
    """Path of another item file whose ids these items take over, the first from the first, and so on."""


class TaskTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[tasks]]`: one task of Inspect in the place of items."""

    task: str
    concept: str
    language: str
    args: dict[str, str | int | float | bool] = {}


class GenerationTable(Generation, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[generation]`: how the model is asked."""

    system_prompt_file: str | None = None


class RaterTable(Rater, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[raters]]`: who gives scores; long texts may stand in files of their own."""

    prompt_file: str | None = None
    system_prompt_file: str | None = None
    guideline_file: str | None = None


class ProtocolForm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    consilience: int
    """Version of the format: 1."""
    exercise: ExerciseTable
    concepts: tuple[Concept, ...]
    languages: tuple[Language, ...]
    raters: tuple[RaterTable, ...]
    analysis: AnalysisPlan
    items: tuple[ItemsTable, ...] = ()
    """Needed where there are no tasks."""
    tasks: tuple[TaskTable, ...] = ()
    generation: GenerationTable = GenerationTable()
    aggregation: Aggregation = Aggregation()
    human_sample: HumanSample | None = None


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the TOML form, read as JSON."""
    document = msgspec.json.schema(ProtocolForm)
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    document["title"] = "Consilience protocol file, format 1"
    return document


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return a sentence that names the nearest known word, or all of them where none is near."""
    words = sorted(known)
    near = nearest(name, words)
    return f"Did you mean `{near}`?" if near else f"Known here: {', '.join(words)}."


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known word that a misspelt name most likely means, or None where none is near."""
    near = difflib.get_close_matches(name[:100], sorted(known), n=1, cutoff=0.6)
    return near[0] if near else None


def plain_tree(value: Any, problems: list[Problem]) -> Any:
    """Return a TOML tree as JSON types: dates as ISO 8601 text; numbers without a place in JSON become
    problems.
    """
    return _plain(value, (), problems)


def _plain(value: Any, path: Path, problems: list[Problem]) -> Any:
    if len(path) > MAX_DEPTH:
        problems.append(Problem(path[:MAX_DEPTH], f"tables are nested deeper than {MAX_DEPTH}"))
        return None
    if isinstance(value, dict):
        return {key: _plain(member, (*path, key), problems) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(member, (*path, place), problems) for place, member in enumerate(value)]
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        problems.append(
            Problem(path, f"`{value}` is not a number that can be used", "Write a finite number.")
        )
        return 0.0
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_INTEGER:
        problems.append(Problem(path, "the integer is larger than 2^53 - 1", "Write a smaller number."))
        return 0
    return value


def read_table(kind: type[Table], value: Any, path: Path, problems: list[Problem]) -> Table | None:
    """Return a table as its type, or None after having noted every mistake in it.

    Args:
        kind: A struct.
        value: What the file has at `path`.
        path: Where it stands.
        problems: Mistakes are appended here.
    """
    if not isinstance(value, dict):
        problems.append(Problem(path, f"{format_path(path)} must be a table, not {_kind_name(value)}"))
        return None
    before = len(problems)
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    problems += [
        Problem((*path, key), f"unknown key `{key}`{_in(path)}", suggestion(key, fields))
        for key in value
        if key not in fields
    ]
    misspelt = {nearest(key, fields) for key in value if key not in fields}
    members: dict[str, Any] = {}
    for name, field in fields.items():
        if name in value:
            members[field.name] = _read_member(field.type, value[name], (*path, name), problems)
        elif field.required and name not in misspelt:
            problems.append(Problem(path, f"the key `{name}` is missing{_in(path)}", f"Add `{name} = …`."))
    return kind(**members) if len(problems) == before else None


def _read_member(kind: Any, value: Any, path: Path, problems: list[Problem]) -> Any:
    struct = _struct_of(kind)
    if struct is not None:
        return read_table(struct, value, path, problems)
    element = _struct_of(kind.__args__[0]) if getattr(kind, "__origin__", None) is tuple else None
    if element is not None and isinstance(value, list):
        return tuple(
            read_table(element, member, (*path, place), problems) for place, member in enumerate(value)
        )
    try:
        return msgspec.convert(value, type=kind)
    except msgspec.ValidationError as error:
        text, _, inner = str(error).partition(" - at `")
        known = _words_of(kind) if text.startswith("Invalid enum value") else []
        step = f"Known here: {', '.join(known)}." if known else ""
        problems.append(Problem((*path, *parse_path(inner.rstrip("`"))), _said(text, path), step))
        return None


def _words_of(kind: Any) -> list[str]:
    """Return the words that `Enum`, `Literal`, or either `| None` takes, in their order."""
    if isinstance(kind, str):
        return [kind]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return [str(member.value) for member in kind]
    return [word for part in getattr(kind, "__args__", ()) for word in _words_of(part)]


def _said(text: str, path: Path) -> str:
    """Put msgspec's words into the file's words."""
    text = re.sub(r"^Invalid enum value '(.*)'$", rf"`{format_path(path[-1:])}` cannot be `\1`", text)
    text = re.sub(r"^Expected", f"`{format_path(path[-1:])}`: expected", text)
    for machine, human in (
        ("`str`", "text"),
        ("`int`", "an integer"),
        ("`float`", "a number"),
        ("`bool`", "true or false"),
    ):
        text = text.replace(machine, human)
    return text.replace("`array`", "a list").replace("`object`", "a table")


def _struct_of(kind: Any) -> type[msgspec.Struct] | None:
    """Return the struct in `Struct` or `Struct | None`."""
    for part in (kind, *getattr(kind, "__args__", ())):
        if isinstance(part, type) and issubclass(part, msgspec.Struct):
            return part if getattr(kind, "__origin__", None) is not tuple else None
    return None


def _kind_name(value: Any) -> str:
    names = {str: "text", int: "an integer", float: "a number", bool: "true or false", list: "a list"}
    return names.get(type(value), "nothing" if value is None else type(value).__name__)


def _in(path: Path) -> str:
    return f" in `{format_path(path)}`" if path else ""
