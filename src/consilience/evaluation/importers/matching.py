"""Which items two imports have in common, so that they can be compared in pairs.

The same item is one whose normalised prompt has the same digest. Near matches are proposed, never assumed:
prompts whose sets of word triples overlap by at least NEAR (Jaccard), found through shared rare triples.
Invariant: no text of a prompt enters the answer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from consilience.errors import InputError, LimitError, NotFoundError, Where
from consilience.evaluation.importers.prompt import normalised
from consilience.evaluation.importers.writing import ITEMS

NEAR = 0.6
"""Jaccard overlap of word triples from which two prompts are proposed as near."""
SEEDS = 4
"""Rarest triples of a prompt through which near prompts are looked for."""
MAX_COMMON = 200
"""Prompts that share a triple; more say nothing of each other."""
MAX_ITEMS = 200_000
"""Items of one import that are matched."""
MAX_PROPOSED = 1_000
"""Near matches in one answer."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One import."""

    folder: str
    items: int
    without_prompt: int
    """Items that the source gave no prompt of; they cannot be recognised."""
    only_here: int


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """Two items that may be the same."""

    left: str
    right: str
    overlap: float
    """Jaccard overlap of word triples, below 1."""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """What two imports have in common."""

    left: Side
    right: Side
    common: int
    """Items with the same prompt."""
    common_by_concept: dict[str, int]
    """Concept on the left → items in common."""
    near: tuple[Near, ...]
    near_not_shown: int


def match(left: Path, right: Path) -> Match:
    """Compare the items of two imports.

    Args:
        left: A folder that `exercise import` wrote.
        right: Another one.

    Raises:
        NotFoundError: A folder holds no import.
        InputError: Its items cannot be read.
        LimitError: More items than MAX_ITEMS.
    """
    sides = [_items(folder) for folder in (left, right)]
    common = sides[0].prompts.keys() & sides[1].prompts.keys()
    concepts = Counter(sides[0].concepts[digest] for digest in common)
    rest = [{d: text for d, text in side.prompts.items() if d not in common} for side in sides]
    near = near_matches(*rest)
    return Match(
        left=_side(left, sides[0], len(rest[0])),
        right=_side(right, sides[1], len(rest[1])),
        common=len(common),
        common_by_concept=dict(sorted(concepts.items())),
        near=tuple(
            Near(left=sides[0].names[a], right=sides[1].names[b], overlap=overlap)
            for a, b, overlap in near[:MAX_PROPOSED]
        ),
        near_not_shown=max(0, len(near) - MAX_PROPOSED),
    )


class _Items(msgspec.Struct, frozen=True):
    """The items of one import by prompt digest."""

    prompts: dict[str, str]
    names: dict[str, str]
    concepts: dict[str, str]
    without_prompt: int


def _side(folder: Path, items: _Items, only_here: int) -> Side:
    return Side(
        folder=folder.name,
        items=len(items.prompts) + items.without_prompt,
        without_prompt=items.without_prompt,
        only_here=only_here,
    )


def _items(folder: Path) -> _Items:
    import duckdb

    file = folder / ITEMS
    if not file.is_file():
        raise NotFoundError(
            f"this folder holds no {ITEMS}",
            where=Where(file=str(folder)),
            next_step="Name a folder that `consilience exercise import` wrote.",
        )
    try:
        with duckdb.connect(":memory:") as database:
            rows = database.execute(
                "SELECT item, item_digest, concept, prompt FROM read_parquet(?) ORDER BY item LIMIT ?",
                [str(file), MAX_ITEMS + 1],
            ).fetchall()
    except duckdb.Error as error:
        raise InputError(
            "these items cannot be read", where=Where(file=str(file)), next_step="Import the logs again."
        ) from error
    if len(rows) > MAX_ITEMS:
        raise LimitError(f"more than {MAX_ITEMS:,} items", where=Where(file=str(file)))
    known = [row for row in rows if row[1] is not None and row[3] is not None]
    return _Items(
        {digest: text for _, digest, _, text in known},
        {digest: item for item, digest, _, _ in reversed(known)},
        {digest: concept for _, digest, concept, _ in reversed(known)},
        len({row[0] for row in rows if row[1] is None or row[3] is None}),
    )


def near_matches(left: Mapping[str, str], right: Mapping[str, str]) -> list[tuple[str, str, float]]:
    """Return pairs of keys whose texts are nearly the same, the nearest first.

    Args:
        left: Key → text.
        right: Key → text.
    """
    sets = [{key: _triples(text) for key, text in side.items()} for side in (left, right)]
    rarity = Counter(triple for side in sets for triples in side.values() for triple in triples)
    index: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for key, triples in sets[1].items():
        for triple in triples:
            if rarity[triple] <= MAX_COMMON:
                index[triple].append(key)
    found = []
    for key, triples in sets[0].items():
        rare = sorted((rarity[triple], triple) for triple in triples if triple in index)
        others = {other for _, triple in rare[: max(SEEDS, len(triples) // 2)] for other in index[triple]}
        for other in others:
            overlap = _jaccard(triples, sets[1][other])
            if overlap >= NEAR:
                found.append((key, other, overlap))
    return sorted(found, key=lambda pair: (-pair[2], pair[0], pair[1]))


def _triples(text: str) -> frozenset[tuple[str, ...]]:
    words = ["", *normalised(text).split(), ""]
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def _jaccard(a: Iterable[tuple[str, ...]], b: Iterable[tuple[str, ...]]) -> float:
    first, second = frozenset(a), frozenset(b)
    every = len(first | second)
    return len(first & second) / every if every else 0.0
