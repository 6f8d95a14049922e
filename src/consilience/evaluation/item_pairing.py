"""From rows of item files to the items of a protocol: which rows are translations of which.

Responsible for defaults of a file, for pairing by id, by `translation_of` and by position, and for the rule
that (id, language) is a key. Pure. Invariant: an item that comes out has a language and a concept of the
plan, and an id that all its translations share.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from consilience.errors import Where
from consilience.evaluation.faults import Faults
from consilience.evaluation.item_file import DataSetAbout, ItemRow
from consilience.evaluation.protocol import Item, Split, Translation
from consilience.evaluation.protocol_form import ItemsTable, suggestion

Key = tuple[str, str]
"""(id, language)."""
Choice = TypeVar("Choice", Split, Translation)


class ReadFile(msgspec.Struct, frozen=True, kw_only=True):
    """One item file that was read."""

    table: ItemsTable
    label: str
    rows: Sequence[ItemRow]
    about: DataSetAbout | None = None


class Place(msgspec.Struct, frozen=True):
    """Where an item stands."""

    file: str
    line: int


class PairedItems(msgspec.Struct, frozen=True, kw_only=True):
    """The items, and where each stands."""

    items: tuple[Item, ...]
    places: dict[Key, Place]


class _Draft(msgspec.Struct, frozen=True):
    row: ItemRow
    language: str
    concept: str
    split: Split
    translation: Translation | None
    source: str | None
    """Id of the row that this one translates; None: its own id is the shared one."""
    place: Place


def pair_items(
    files: Sequence[ReadFile], *, concepts: Sequence[str], languages: Sequence[str], faults: Faults
) -> PairedItems:
    """Return the items of all files.

    Args:
        files: In the order of the protocol.
        concepts: Ids that the plan has.
        languages: Tags that the plan has.
        faults: Mistakes are added.
    """
    by_path = {file.table.path: file for file in files}
    drafts: list[_Draft] = []
    for file in files:
        sources = _sources_by_position(file, by_path, faults)
        for number, row in enumerate(file.rows):
            source = sources[number] if sources is not None else row.translation_of
            draft = _draft(file, row, source, set(concepts), set(languages), faults)
            if draft is not None:
                drafts.append(draft)
    return _join(drafts, faults)


def _sources_by_position(file: ReadFile, by_path: dict[str, ReadFile], faults: Faults) -> list[str] | None:
    """Return the ids that the rows of a file take over, or None where it is paired by id."""
    table, where = file.table, Where(file=file.label)
    if table.pair_by != "position":
        return None
    other = by_path.get(table.pair_with or "")
    if other is None or other is file:
        faults.add(
            where,
            "pairing by position needs `pair_with`, the path of another `[[items]]`",
            suggestion(table.pair_with or "", by_path),
        )
        return None
    if other.table.pair_by == "position":
        faults.add(
            where,
            f"`pair_with` names {other.label}, which is itself paired by position",
            "Pair both with the same file.",
        )
        return None
    if len(other.rows) != len(file.rows):
        faults.add(
            where,
            f"the file has {len(file.rows)} items and cannot be paired by position with {other.label}, "
            f"which has {len(other.rows)}",
            "Give the items ids or `translation_of` instead.",
        )
        return None
    return [row.translation_of or row.id for row in other.rows]


def _draft(
    file: ReadFile, row: ItemRow, source: str | None, concepts: set[str], languages: set[str], faults: Faults
) -> _Draft | None:
    where = Where(file=file.label, line=row.line)
    before = faults.count
    language = row.language or file.table.language
    concept = row.concept or file.table.concept
    _check_name("language", language, languages, where, faults)
    _check_name("concept", concept, concepts, where, faults)
    split = _choice(Split, row.split, file.table.split, where, faults)
    translation = _choice(Translation, row.translation, file.table.translation, where, faults)
    if faults.count > before or language is None or concept is None:
        return None
    place = Place(file.label, row.line)
    return _Draft(row, language, concept, split or Split.EVALUATION, translation, source, place)


def _check_name(kind: str, name: str | None, known: set[str], where: Where, faults: Faults) -> None:
    if name is None:
        faults.add(
            where, f"the item has no {kind}", f"Give it one, or set `{kind}` in the file's `[[items]]`."
        )
    elif name not in known:
        faults.add(where, f"the {kind} `{name[:60]}` is not in the protocol", suggestion(name, known))


def _choice(
    kind: type[Choice], text: str | None, default: Choice | None, where: Where, faults: Faults
) -> Choice | None:
    if text is None:
        return default
    try:
        return kind(text)
    except ValueError:
        faults.add(where, f"`{text[:40]}` is no {kind.__name__.lower()}", suggestion(text, list(kind)))
        return None


def _join(drafts: list[_Draft], faults: Faults) -> PairedItems:
    translated = {
        draft.row.id: draft.source
        for draft in drafts
        if draft.source is not None and draft.source != draft.row.id
    }
    roots = {draft.row.id for draft in drafts if draft.source in (None, draft.row.id)}
    items: list[Item] = []
    places: dict[Key, Place] = {}
    for draft in drafts:
        where = Where(file=draft.place.file, line=draft.place.line)
        shared = _root(draft, translated, roots, where, faults)
        if shared is None:
            continue
        first = places.setdefault((shared, draft.language), draft.place)
        if first is not draft.place:
            faults.add(
                where,
                f"the id `{shared}` stands twice in the language {draft.language} (first: {first.file}, "
                f"line {first.line})",
                "Give each item its own id.",
            )
            continue
        items.append(_item(draft, shared))
    return PairedItems(items=tuple(items), places=places)


def _root(
    draft: _Draft, translated: dict[str, str], roots: set[str], where: Where, faults: Faults
) -> str | None:
    """Follow `translation_of` to the id that is nobody's translation."""
    name, seen = draft.source, {draft.row.id}
    if name is None or name == draft.row.id:
        return draft.row.id
    while name not in roots:
        if name in seen:
            faults.add(
                where,
                f"`translation_of` leads in a circle at `{name}`",
                "Name the item it was translated from.",
            )
            return None
        seen.add(name)
        following = translated.get(name)
        if following is None:
            faults.add(
                where, f"`translation_of` names `{name}`, which is not there", "Name the id of an item."
            )
            return None
        name = following
    return name


def _item(draft: _Draft, shared: str) -> Item:
    row = draft.row
    return Item(
        id=shared, language=draft.language, concept=draft.concept, prompt=row.prompt, target=row.target,
        accept=row.accept, choices=row.choices, split=draft.split, translation=draft.translation,
        translation_of=shared if shared != row.id else None, own_id=row.id if shared != row.id else None,
        note=row.note,
    )  # fmt: skip
