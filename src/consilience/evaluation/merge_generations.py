"""The items of a partition with many attempts: rows are grouped by generation, and items from that.

Responsible for the longer way from rows to a part of the tables, which any number of attempts can go: one row
per laboratory, model, language, concept, item and attempt, with one column per rater. Invariant: sums are
taken in the order of the attempts, so that they are the same however the rows are partitioned.
"""

# ruff: noqa: S608 - every name in a query is a constant of ours or went through `quoted`

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilience.evaluation.merge_columns import narrow
from consilience.evaluation.merge_engine import Engine, quoted
from consilience.evaluation.merge_layout import NAMES, Aggregate, Layout, Pair
from consilience.evaluation.merge_tables import CODES, Part, in_order
from consilience.evaluation.merge_units import Units, bound, hash_expression, humans_stay


def group_generations(engine: Engine, layout: Layout) -> int:
    """Group the view `part` into the table `wide`, one row per generation, and return how many rows are
    doubled."""
    raters = layout.raters
    scores = "".join(f", max(score) FILTER (rater = {quoted(r)}) AS s{i}" for i, r in enumerate(raters))
    masks = " ".join(f"WHEN {quoted(r)} THEN {1 << i}" for i, r in enumerate(raters))
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE wide AS SELECT laboratory, model, language, concept, item, attempt, "
        f"count(*) AS n, bit_or((CASE rater {masks} END)::BIGINT) AS present{scores} FROM part GROUP BY ALL"
    )
    return int(engine.one("SELECT coalesce(sum(n - bit_count(present)), 0) FROM wide"))


def generations_part(engine: Engine, layout: Layout) -> Part:
    """Return the part of the tables that the table `wide` holds, and drop it."""
    apart = _apart(engine, layout) if layout.aggregate == "mean" else list(layout.pairs)
    columns = in_order(engine.arrays(_item_query(layout, apart)), layout)
    found: dict[str, NDArray[Any]] = {name: narrow(columns[name].astype(np.int64)) for name in NAMES}
    for rater, is_binary in enumerate(layout.binary):
        _fill(found, columns, rater, layout.aggregate, is_binary=is_binary)
    for a, b in layout.pairs:
        found[f"cross.{a}.{b}"] = _sums(columns, f"x{a}_{b}")
    for a, b in apart:
        found[f"count.{a}.{b}"] = narrow(columns.pop(f"c{a}_{b}").astype(np.int64))
        found[f"first.{a}.{b}"] = _sums(columns, f"f{a}_{b}")
        found[f"second.{a}.{b}"] = _sums(columns, f"g{a}_{b}")
    part = Part(found, _units(engine, layout), int(engine.one("SELECT count(*) FROM wide")))
    engine.run("DROP TABLE wide")
    return part


def _sums(columns: dict[str, NDArray[Any]], name: str) -> NDArray[Any]:
    return narrow(np.nan_to_num(np.asarray(columns.pop(name), dtype=np.float64), nan=0.0))


def _apart(engine: Engine, layout: Layout) -> list[Pair]:
    """Return the pairs of raters that did not score the same generations, so that their common ones must
    be summed."""
    mask = " + ".join(f"((s{r} IS NOT NULL)::BIGINT << {r})" for r in range(len(layout.raters)))
    masks = [int(row[0]) for row in engine.rows(f"SELECT {mask} FROM wide GROUP BY 1")]
    return [(a, b) for a, b in layout.pairs if any((m >> a & 1) != (m >> b & 1) for m in masks)]


def _item_query(layout: Layout, apart: Sequence[Pair]) -> str:
    parts = [_rater_columns(rater, one, layout.aggregate) for rater, one in enumerate(layout.binary)]
    parts += [f"sum(s{a} * s{b} ORDER BY attempt) AS x{a}_{b}" for a, b in layout.pairs]
    for a, b in apart:
        both = f"FILTER (s{a} IS NOT NULL AND s{b} IS NOT NULL)"
        parts.append(
            f"(count(*) {both})::INTEGER AS c{a}_{b}, sum(s{a} ORDER BY attempt) {both} AS f{a}_{b}, "
            f"sum(s{b} ORDER BY attempt) {both} AS g{a}_{b}"
        )
    inner = f"SELECT {', '.join([*NAMES, *parts])} FROM wide GROUP BY ALL"
    return f"SELECT {CODES}, * EXCLUDE ({', '.join(NAMES)}) FROM ({inner})"


def _rater_columns(rater: int, binary: bool, aggregate: Aggregate) -> str:
    """SQL of one rater: attempts `a`, value `t` (NULL where there is none), squares `q` unless they equal
    `t`."""
    s = f"s{rater}"
    value = {
        "mean": f"sum({s} ORDER BY attempt)", "any": f"max({s})", "all": f"min({s})",
        "majority": f"median({s})", "first": f"max({s}) FILTER (attempt = 1)",
    }[aggregate]  # fmt: skip
    squares = f", sum({s} * {s} ORDER BY attempt) AS q{rater}" if aggregate == "mean" and not binary else ""
    return f"count({s})::INTEGER AS a{rater}, {value} AS t{rater}{squares}"


def _fill(
    found: dict[str, NDArray[Any]], columns: dict[str, NDArray[Any]], rater: int, aggregate: Aggregate, *,
    is_binary: bool,
) -> None:  # fmt: skip
    """Add the columns of one rater."""
    found[f"attempts.{rater}"] = narrow(columns.pop(f"a{rater}").astype(np.int64))
    value = np.asarray(columns.pop(f"t{rater}"), dtype=np.float64)
    given = np.isfinite(value)
    sums = np.where(given, value, 0.0)
    found[f"sums.{rater}"] = narrow(sums)
    if aggregate != "mean":
        found[f"counts.{rater}"], found[f"squares.{rater}"] = given.astype(np.uint8), narrow(sums**2)
    elif not is_binary:
        found[f"squares.{rater}"] = _sums(columns, f"q{rater}")


def _units(engine: Engine, layout: Layout) -> Units:
    """Return the generations with two scores or more that may be drawn."""
    n_raters = len(layout.raters)
    several = " + ".join(f"(s{r} IS NOT NULL)::INTEGER" for r in range(n_raters))
    by_human = " OR ".join(f"s{r} IS NOT NULL" for r in layout.humans) or "FALSE"
    scores = "".join(f", s{r}" for r in range(n_raters))
    counts, human_counts = (np.zeros(len(layout.languages) * len(layout.concepts), np.int64) for _ in "ab")
    sizes = engine.arrays(
        f"SELECT {CODES}, units, humans FROM (SELECT any_value(laboratory) AS laboratory, any_value(model) "
        f"AS model, language, concept, any_value(item) AS item, count(*) AS units, count(*) FILTER "
        f"({by_human}) AS humans FROM wide WHERE {several} >= 2 GROUP BY language, concept)"
    )
    cell = sizes["language"].astype(np.int64) * len(layout.concepts) + sizes["concept"]
    counts[cell], human_counts[cell] = sizes["units"], sizes["humans"]
    limit, keep = bound(counts), ""
    if limit is not None:
        codes = {name: f"enum_code({name}::code_{name})" for name in NAMES}
        rare = f" OR {by_human}" if humans_stay(human_counts) else ""
        keep = f"AND ({hash_expression(codes, 'attempt')} < {limit}{rare})"
    columns = engine.arrays(
        f"SELECT {CODES}, attempt, ({by_human}) AS human{scores} FROM wide WHERE {several} >= 2 {keep}"
    )
    attempt = columns["attempt"].astype(np.int64)
    order = np.lexsort((attempt, *(columns[name] for name in reversed(NAMES))))
    return Units(
        codes={name: columns[name].astype(np.int64)[order] for name in NAMES},
        attempt=attempt[order],
        human=columns["human"].astype(np.bool_)[order],
        scores=np.array([columns[f"s{rater}"][order] for rater in range(n_raters)], dtype=np.float64),
        counts=counts,
        human_counts=human_counts,
    )
