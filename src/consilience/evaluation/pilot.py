"""Variances of differences from the scores of a pilot run, for the power analysis.

Responsible for reading one scores file and for pairing its items; the estimate is `statistics.power`'s.
Invariant: a variance that the pilot cannot show is a reason, not a guess.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import msgspec

from consilience.errors import InputError, LimitError, NotFoundError, Where
from consilience.evaluation.planning import AXES, Axis, PilotVariances, Variances
from consilience.evaluation.protocol import Protocol, primary_rater
from consilience.statistics.power import PairedVariances, piloted_variances

MAX_PILOT_ROWS = 5_000_000
MEMORY = "1GB"
MIN_ITEMS = 5
MAX_SCORE = 1e9
"""A score beyond it, or one that is not finite, is left out."""
MAX_PAIRS = 200
COLUMNS = ("laboratory", "model", "language", "concept", "item", "rater", "score", "status")


class ItemSums(msgspec.Struct, frozen=True):
    """The scores of one item under one laboratory, model and language."""

    laboratory: str
    model: str
    language: str
    item: str
    total: float
    attempts: int
    squares: float


def read_pilot(path: Path, protocol: Protocol) -> PilotVariances:
    """Return what the scores of a pilot show, for every axis and concept of the protocol.

    Args:
        path: A scores file (Parquet; columns as in `scores`).
        protocol: Its primary raters are the ones whose scores count.

    Raises:
        NotFoundError: There is no such file.
        InputError: It is no scores file.
        LimitError: It has too many items.
    """
    found: dict[tuple[Axis, str], Variances | str] = {}
    for concept in protocol.concepts:
        rater = primary_rater(protocol, concept)
        sums = _item_sums(path, concept.id, rater.id if rater else "")
        for axis in AXES:
            found[axis, concept.id] = estimate_variances(sums, axis)
    return found


def _item_sums(path: Path, concept: str, rater: str) -> list[ItemSums]:
    import duckdb

    where = Where(file=str(path))
    if not path.is_file():
        raise NotFoundError("there is no such scores file", where=where, next_step="Check the path.")
    if any(sign in str(path) for sign in "*?["):
        raise InputError(
            "the name of a scores file must not hold `*`, `?` or `[`", where=where, next_step="Rename it."
        )
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "threads": "2",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    query = (
        "SELECT laboratory::VARCHAR, model::VARCHAR, language::VARCHAR, item::VARCHAR, sum(score), "
        "count(score), sum(score * score) FROM read_parquet(?) WHERE concept = ? AND rater = ? "
        "AND status = 'scored' AND abs(score) <= ? GROUP BY ALL ORDER BY ALL LIMIT ?"
    )
    try:
        with duckdb.connect(":memory:", config=settings) as connection:
            columns = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
            missing = sorted(set(COLUMNS) - {column[0] for column in columns})
            if missing:
                raise InputError(
                    f"the scores file has no column `{missing[0]}`",
                    where=where,
                    next_step="Give the pilot's scores.parquet.",
                )
            rows = connection.execute(
                query, [str(path), concept, rater, MAX_SCORE, MAX_PILOT_ROWS + 1]
            ).fetchall()
    except duckdb.Error as error:
        raise InputError(
            f"this cannot be read as a scores file: {type(error).__name__}",
            where=where,
            next_step="Give the pilot's scores.parquet.",
        ) from error
    if len(rows) > MAX_PILOT_ROWS:
        raise LimitError(
            f"the pilot has more than {MAX_PILOT_ROWS:,} item means",
            where=where,
            next_step="Give the scores of fewer items or laboratories.",
        )
    return [ItemSums(*row) for row in rows]


def estimate_variances(sums: Iterable[ItemSums], axis: Axis) -> Variances | str:
    """Return the variances of a difference along an axis, or why these scores do not show them.

    Every pair of levels of the axis under otherwise equal conditions gives one estimate over their common
    items; the result is their mean, weighted by the number of items.

    Args:
        sums: Scores of one concept, per item and conditions.
        axis: Along which differences are taken.
    """
    groups: dict[tuple[str, ...], dict[str, dict[str, ItemSums]]] = {}
    for row in sums:
        levels = {name: getattr(row, name) for name in AXES}
        level = levels.pop(axis)
        groups.setdefault(tuple(levels.values()), {}).setdefault(level, {})[row.item] = row
    estimates: list[tuple[PairedVariances, int]] = []
    for by_level in groups.values():
        for left, right in itertools.islice(itertools.combinations(sorted(by_level), 2), MAX_PAIRS):
            common = sorted(by_level[left].keys() & by_level[right].keys())
            if len(common) >= MIN_ITEMS:
                estimate = _pair(
                    [by_level[left][item] for item in common], [by_level[right][item] for item in common]
                )
                if estimate is not None:
                    estimates.append((estimate, len(common)))
    if not estimates:
        return f"the pilot has no two levels of {axis} with {MIN_ITEMS} common items"
    weight = sum(count for _, count in estimates)
    return Variances(
        item=sum(found.item * count for found, count in estimates) / weight,
        within_left=sum(found.within_left * count for found, count in estimates) / weight,
        within_right=sum(found.within_right * count for found, count in estimates) / weight,
        basis="pilot",
        pilot_items=max(count for _, count in estimates),
    )


def _pair(left: list[ItemSums], right: list[ItemSums]) -> PairedVariances | None:
    return piloted_variances(
        [row.total for row in left], [row.attempts for row in left],
        [row.total for row in right], [row.attempts for row in right],
        [row.squares for row in left], [row.squares for row in right],
    )  # fmt: skip
