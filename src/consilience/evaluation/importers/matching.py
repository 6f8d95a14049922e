"""Which items two imports have in common, so that they can be compared in pairs.

The same item is one whose normalised prompt has the same digest. It pairs in an analysis where both sides
have it in the same exercise, concept and language and with the same rater; `apart` says what stands between.
Near matches are proposed, never assumed (`near_prompts`). Invariants: no text of a prompt enters the answer;
an item that stands under several concepts counts once in all and once in each of them; prompts are read one
block at a time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import duckdb
import msgspec

from consilience.errors import InputError, LimitError, NotFoundError, Where
from consilience.evaluation.importers.near_prompts import Proposed, propose
from consilience.evaluation.importers.writing import ITEMS, SCORES

MAX_ITEMS = 200_000
"""Items of one import that are matched."""
MEMORY_LIMIT = "256MB"
BATCH = 200

Apart = Literal["item", "exercise", "concept", "language", "rater"]
KEYS: tuple[Apart, ...] = ("item", "exercise", "concept", "language", "rater")
"""What two rows must share to pair, in the order in which it is looked at."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One import."""

    folder: str
    items: int
    """Different prompts, and items without a prompt."""
    without_prompt: int
    """Items that the source gave no prompt of; they cannot be recognised."""
    only_here: int
    """Prompts that the other side has not."""


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """Two items that may be the same."""

    left: str
    right: str
    overlap: float
    """Jaccard overlap of word triples; an estimate for prompts of more than 1,024."""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """What two imports have in common."""

    left: Side
    right: Side
    common: int
    """Prompts that both have."""
    common_by_concept: dict[str, int]
    """Concept on the left → prompts in common; one that stands under several counts in each."""
    pairs: int
    """Prompts in common whose scores an analysis compares."""
    apart: Apart | None
    """Where nothing pairs although prompts are in common: the first of KEYS that differs everywhere."""
    near: tuple[Near, ...]
    near_not_shown: int
    near_not_compared: int
    """Prompts of the left that were not compared with all that may be near them (`near_prompts`)."""


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
    folders = {"left": left, "right": right}
    for folder in folders.values():
        _check_files(folder)
    with tempfile.TemporaryDirectory(prefix="consilience-match-") as place:
        settings: dict[str, Any] = {"memory_limit": MEMORY_LIMIT, "threads": 1, "temp_directory": place}
        with duckdb.connect(":memory:", config=settings) as database:
            tables = _Tables(database)
            for name, folder in folders.items():
                tables.load(name, folder)
            tables.compare()
            near = propose(tables.texts(left), tables.texts(right), Path(place))
            return _answer(tables, folders, near)


def _answer(tables: _Tables, folders: dict[str, Path], near: Proposed) -> Match:
    common = tables.one("SELECT count(*) FROM common")
    pairs, apart = tables.pairs() if common else (0, None)
    names = {side: tables.names(side) for side in folders}
    return Match(
        left=tables.side("left", folders["left"]),
        right=tables.side("right", folders["right"]),
        common=common,
        common_by_concept=tables.by_concept(),
        pairs=pairs,
        apart=apart,
        near=tuple(
            Near(left=names["left"][a], right=names["right"][b], overlap=overlap)
            for a, b, overlap in near.pairs
        ),
        near_not_shown=near.more,
        near_not_compared=near.not_compared,
    )


def _check_files(folder: Path) -> None:
    for name in (ITEMS, SCORES):
        if not (folder / name).is_file():
            raise NotFoundError(
                f"this folder holds no {name}",
                where=Where(file=str(folder)),
                next_step="Name a folder that `consilience exercise import` wrote.",
            )


class _Tables:
    """Two imports in a database: `items_SIDE`, `scores_SIDE` (the names of its rows), `common` (digests)."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database = database

    def one(self, query: str) -> int:
        row = self._database.execute(query).fetchone()
        return int(row[0]) if row is not None and row[0] is not None else 0

    def load(self, side: str, folder: Path) -> None:
        try:
            self._database.execute(
                f"CREATE TABLE items_{side} AS SELECT DISTINCT item_digest AS digest, item, concept "  # noqa: S608
                "FROM read_parquet(?)",
                [str(folder / ITEMS)],
            )
            self._database.execute(
                f"CREATE TABLE scores_{side} AS SELECT DISTINCT {', '.join(KEYS)} FROM read_parquet(?)",  # noqa: S608
                [str(folder / SCORES)],
            )
        except duckdb.Error as error:
            raise InputError(
                "these items cannot be read",
                where=Where(file=str(folder)),
                next_step="Import the logs again.",
            ) from error
        if self.one(f"SELECT count(DISTINCT item) FROM items_{side}") > MAX_ITEMS:  # noqa: S608
            raise LimitError(f"more than {MAX_ITEMS:,} items", where=Where(file=str(folder / ITEMS)))

    def compare(self) -> None:
        self._database.execute(
            "CREATE TABLE common AS SELECT DISTINCT digest FROM items_left JOIN items_right USING (digest)"
        )

    def side(self, side: str, folder: Path) -> Side:
        prompts = self.one(f"SELECT count(DISTINCT digest) FROM items_{side}")  # noqa: S608
        without = self.one(f"SELECT count(DISTINCT item) FROM items_{side} WHERE digest IS NULL")  # noqa: S608
        common = self.one("SELECT count(*) FROM common")
        return Side(
            folder=folder.name, items=prompts + without, without_prompt=without, only_here=prompts - common
        )

    def by_concept(self) -> dict[str, int]:
        rows = self._database.execute(
            "SELECT concept, count(DISTINCT digest) FROM items_left JOIN common USING (digest) "
            "GROUP BY 1 ORDER BY 1"
        ).fetchall()
        return dict(rows)

    def names(self, side: str) -> dict[str, str]:
        """Return the first name of each prompt."""
        return dict(
            self._database.execute(
                f"SELECT digest, min(item) FROM items_{side} WHERE digest IS NOT NULL GROUP BY 1"  # noqa: S608
            ).fetchall()
        )

    def pairs(self) -> tuple[int, Apart | None]:
        """Return how many prompts in common pair, and what stands between where none does."""
        named = "SELECT DISTINCT digest, item FROM items_{} JOIN common USING (digest)"
        paired = 0
        for number, key in enumerate(KEYS):
            using = ", ".join(KEYS[: number + 1])
            paired = self.one(
                f"SELECT count(DISTINCT l.digest) FROM ({named.format('left')}) AS l "  # noqa: S608
                f"JOIN ({named.format('right')}) AS r USING (digest, item) JOIN (SELECT DISTINCT item FROM "
                f"scores_left JOIN scores_right USING ({using})) USING (item)"
            )
            if not paired:
                return 0, key
        return paired, None

    def texts(self, folder: Path) -> Iterator[tuple[str, str]]:
        """Yield digest and prompt of what the other side has not, each once."""
        found: Any = self._database.cursor().execute(
            "SELECT item_digest, prompt FROM read_parquet(?) WHERE prompt IS NOT NULL AND item_digest NOT IN "
            "(SELECT digest FROM common)",
            [str(folder / ITEMS)],
        )
        seen: set[str] = set()
        while batch := found.fetchmany(BATCH):
            for digest, text in batch:
                if digest not in seen:
                    seen.add(digest)
                    yield digest, text
