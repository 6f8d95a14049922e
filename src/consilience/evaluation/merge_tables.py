"""From rows to small tables: one pass over the rows, then items and pairs of raters as arrays.

Responsible for the tables that all statistics are computed from. The pass groups the rows by generation
(laboratory, model, language, concept, item, attempt) with one column per rater; items are grouped from
that. Invariants:
- a row of the item table is one laboratory × model × language × concept × item, in the order of these names;
- scores of the attempts are aggregated as the protocol says; `attempts` counts the scored attempts all the
  same;
- arrays are sorted, so nothing depends on the order of rows or files.
"""

# ruff: noqa: S608 - every name in a query is a constant of ours or went through `quoted`

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from consilience.errors import LimitError
from consilience.evaluation.merge_engine import Engine, quoted

Aggregate = Literal["mean", "majority", "any", "all", "first"]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MAX_RATERS = 60
MAX_PAIRS = 40
"""Pairs of raters that are compared item by item."""
MAX_UNITS = 4_000
"""Generations per language and concept from which agreement is computed; above, a sample is drawn."""
NAMES = ("laboratory", "model", "language", "concept", "item")
MIXED = {"item": 40_503, "laboratory": 97_531, "model": 60_493}
"""A generation is drawn by a multiplicative hash of its codes (Knuth 1998, sec. 6.4), so that the same data
give the same sample on every machine, spread over items, laboratories and attempts."""
MIXED_ATTEMPT = 31_337
SPREAD = 2_654_435_769


@dataclass(frozen=True, eq=False)
class PairTable:
    """Two raters on the generations that both scored, per row of the item table."""

    count: Ints
    first: Floats
    """Sum of the first rater's scores on them."""
    second: Floats


@dataclass(frozen=True, eq=False)
class UnitTable:
    """Generations that at least two raters scored (or a sample of them)."""

    laboratory: Ints
    model: Ints
    language: Ints
    concept: Ints
    item: Ints
    scores: Floats
    """Shape (raters, units); NaN where the rater gave no score."""
    sampled: bool


@dataclass(frozen=True, eq=False)
class ItemTable:
    """One row per laboratory × model × language × concept × item; codes point into the name tuples."""

    laboratory: Ints
    model: Ints
    language: Ints
    concept: Ints
    item: Ints
    sums: Floats
    """Shape (raters, rows)."""
    counts: Floats
    """Shape (raters, rows): what `sums` is divided by: attempts, or 1 where they are aggregated otherwise."""
    squares: Floats
    attempts: Ints
    """Shape (raters, rows): scored attempts."""

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return int(self.item.size)


@dataclass(frozen=True, eq=False)
class ScoreTables:
    """All tables with the names that their codes stand for."""

    laboratories: tuple[str, ...]
    models: tuple[str, ...]
    languages: tuple[str, ...]
    concepts: tuple[str, ...]
    item_names: tuple[str, ...]
    raters: tuple[str, ...]
    items: ItemTable
    pairs: dict[tuple[int, int], PairTable]
    units: UnitTable
    generations: int


def group_generations(engine: Engine, raters: Sequence[str]) -> int:
    """Group the view `chosen` into the table `wide`, one row per generation, and return how many rows are
    doubled.

    Raises:
        LimitError: More raters than MAX_RATERS.
    """
    if len(raters) > MAX_RATERS:
        raise LimitError(
            f"{len(raters)} raters are more than the limit of {MAX_RATERS}",
            next_step="Give the annotators of one guideline one rater name.",
        )
    scores = "".join(f", max(score) FILTER (rater = {quoted(r)}) AS s{i}" for i, r in enumerate(raters))
    masks = " ".join(f"WHEN {quoted(r)} THEN {1 << i}" for i, r in enumerate(raters))
    mask = f"CASE rater {masks} END" if raters else "0"
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE wide AS SELECT laboratory, model, language, concept, item, attempt, "
        f"count(*) AS n, bit_or(({mask})::BIGINT) AS present{scores} FROM chosen GROUP BY ALL"
    )
    return int(engine.one("SELECT coalesce(sum(n - bit_count(present)), 0) FROM wide"))


def build_tables(
    engine: Engine,
    raters: Sequence[str],
    pairs: Sequence[tuple[int, int]],
    *,
    aggregate: Aggregate,
    binary: Sequence[bool],
    humans: Sequence[int] = (),
) -> ScoreTables:
    """Build the tables from `wide`.

    Args:
        engine: After `group_generations`.
        raters: In the order of the columns of `wide`.
        pairs: Pairs of rater numbers to compare item by item.
        aggregate: How the attempts of an item become its score.
        binary: Whether all scores of each rater are 0 or 1, so that sums are also sums of squares.
        humans: Numbers of the human raters, whose ratings are rare and never left out of a sample.
    """
    names = {name: dictionary(engine, name, "wide") for name in NAMES}
    pairs = list(pairs)[:MAX_PAIRS]
    apart = _apart(engine, len(raters), pairs) if aggregate == "mean" else pairs
    columns = engine.arrays(_item_query(binary, apart, aggregate))
    columns = in_order(columns, names)
    items = _item_table(columns, binary, aggregate)
    units = _unit_table(engine, len(raters), humans)
    return ScoreTables(
        laboratories=names["laboratory"],
        models=names["model"],
        languages=names["language"],
        concepts=names["concept"],
        item_names=names["item"],
        raters=tuple(raters),
        items=items,
        pairs={pair: _pair_table(columns, items, pair, apart=pair in apart) for pair in pairs},
        units=units,
        generations=int(engine.one("SELECT count(*) FROM wide")),
    )


def in_order(columns: dict[str, NDArray[Any]], names: dict[str, tuple[str, ...]]) -> dict[str, NDArray[Any]]:
    """Return the columns of item rows in the order of the names; no two rows share all codes."""
    key = np.zeros(columns["item"].size, dtype=np.int64)
    for name in NAMES:
        key = key * len(names[name]) + columns[name]
    order = np.argsort(key, kind="stable")
    return {name: values[order] for name, values in columns.items()}


def dictionary(engine: Engine, name: str, table: str) -> tuple[str, ...]:
    """Make an enumeration type of the names in a column of a table, sorted, and return them."""
    engine.run(f"DROP TYPE IF EXISTS code_{name}")
    engine.run(f"CREATE TYPE code_{name} AS ENUM (SELECT DISTINCT {name} FROM {table} ORDER BY {name})")
    return tuple(str(row[0]) for row in engine.rows(f"SELECT unnest(enum_range(NULL::code_{name}))"))


CODES = ", ".join(f"enum_code({name}::code_{name})::INTEGER AS {name}" for name in NAMES)
"""SQL of the codes of names, after `dictionary`."""


def _apart(engine: Engine, n_raters: int, pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the pairs of raters that did not score the same generations, so that their common ones must
    be summed."""
    mask = " + ".join(f"((s{r} IS NOT NULL)::BIGINT << {r})" for r in range(n_raters)) or "0"
    masks = [int(row[0]) for row in engine.rows(f"SELECT {mask} FROM wide GROUP BY 1")]
    return [(a, b) for a, b in pairs if any((m >> a & 1) != (m >> b & 1) for m in masks)]


def _item_query(binary: Sequence[bool], pairs: Sequence[tuple[int, int]], aggregate: Aggregate) -> str:
    parts = [_rater_columns(rater, is_binary, aggregate) for rater, is_binary in enumerate(binary)]
    for a, b in pairs:
        both = f"FILTER (s{a} IS NOT NULL AND s{b} IS NOT NULL)"
        parts.append(
            f"(count(*) {both})::INTEGER AS c{a}_{b}, sum(s{a}) {both} AS f{a}_{b}, sum(s{b}) {both} AS "
            f"g{a}_{b}"
        )
    inner = f"SELECT {', '.join([*NAMES, *parts])} FROM wide GROUP BY ALL"
    rest = f", * EXCLUDE ({', '.join(NAMES)})" if parts else ""
    return f"SELECT {CODES}{rest} FROM ({inner})"


def _rater_columns(rater: int, binary: bool, aggregate: Aggregate) -> str:
    """SQL of one rater: attempts `a`, value `t` (NULL where there is none), squares `q` unless they equal
    `t`."""
    s = f"s{rater}"
    value = {
        "mean": f"sum({s})", "any": f"max({s})", "all": f"min({s})", "majority": f"median({s})",
        "first": f"max({s}) FILTER (attempt = 1)",
    }[aggregate]  # fmt: skip
    squares = f", sum({s} * {s}) AS q{rater}" if aggregate == "mean" and not binary else ""
    return f"count({s})::INTEGER AS a{rater}, {value} AS t{rater}{squares}"


def _item_table(columns: dict[str, NDArray[Any]], binary: Sequence[bool], aggregate: Aggregate) -> ItemTable:
    size, n_raters = columns["item"].size, len(binary)
    attempts = np.empty((n_raters, size), dtype=np.int64)
    sums, squares, counts = (np.empty((n_raters, size)) for _ in range(3))
    for rater, is_binary in enumerate(binary):
        attempts[rater] = columns.pop(f"a{rater}")
        value = columns.pop(f"t{rater}")
        given = np.isfinite(value)
        sums[rater] = np.where(given, value, 0.0)
        counts[rater] = attempts[rater] if aggregate == "mean" else given
        if aggregate == "mean":
            squares[rater] = sums[rater] if is_binary else np.nan_to_num(columns.pop(f"q{rater}"), nan=0.0)
        else:
            squares[rater] = sums[rater] ** 2
    codes = {name: columns[name].astype(np.int64) for name in NAMES}
    return ItemTable(**codes, sums=sums, counts=counts, squares=squares, attempts=attempts)


def _pair_table(
    columns: dict[str, NDArray[Any]], items: ItemTable, pair: tuple[int, int], *, apart: bool
) -> PairTable:
    a, b = pair
    if apart:
        return PairTable(
            count=columns[f"c{a}_{b}"].astype(np.int64),
            first=np.nan_to_num(columns[f"f{a}_{b}"], nan=0.0),
            second=np.nan_to_num(columns[f"g{a}_{b}"], nan=0.0),
        )
    return PairTable(count=items.attempts[a], first=items.sums[a], second=items.sums[b])


def _unit_table(engine: Engine, n_raters: int, humans: Sequence[int]) -> UnitTable:
    """Generations with two scores or more; where a language and concept has too many, a sample."""
    several = " + ".join(f"(s{r} IS NOT NULL)::INTEGER" for r in range(n_raters)) or "0"
    scores = "".join(f", s{r}" for r in range(n_raters))
    keep = _sampling(engine, several, humans)
    columns = engine.arrays(f"SELECT {CODES}, attempt{scores} FROM wide WHERE {several} >= 2 {keep}")
    order = np.lexsort((columns.pop("attempt"), *(columns[name] for name in reversed(NAMES))))
    matrix = np.empty((n_raters, order.size))
    for rater in range(n_raters):
        matrix[rater] = columns[f"s{rater}"][order]
    codes = {name: columns[name].astype(np.int64)[order] for name in NAMES}
    return UnitTable(**codes, scores=matrix, sampled=bool(keep))


def _sampling(engine: Engine, several: str, humans: Sequence[int]) -> str:
    """Return the SQL condition of the sample, or nothing where all generations fit; as `sampled_attempts`
    draws it."""
    by_human = " OR ".join(f"s{r} IS NOT NULL" for r in humans) or "FALSE"
    cells = engine.rows(
        f"SELECT count(*) AS n, count(*) FILTER ({by_human}) FROM wide WHERE {several} >= 2 "
        "GROUP BY language, concept ORDER BY 1 DESC, 2 DESC LIMIT 1"
    )
    if not cells or cells[0][0] <= MAX_UNITS:
        return ""
    units, human_units = cells[0]
    mixed = " + ".join(
        f"enum_code({name}::code_{name})::UBIGINT * {factor}" for name, factor in MIXED.items()
    )
    mixed = f"(1 + {mixed} + attempt::UBIGINT * {MIXED_ATTEMPT}) % 4294967296::UBIGINT"
    rare = f" OR {by_human}" if human_units <= MAX_UNITS else ""
    return f"AND (({mixed}) * {SPREAD}::UBIGINT % 4294967296::UBIGINT < {sample_bound(units)}{rare})"


def sample_bound(units: int) -> int:
    """Return the bound of the mixed codes below which a generation is drawn, for a share of MAX_UNITS of so
    many."""
    return int(2**32 * MAX_UNITS / units)
