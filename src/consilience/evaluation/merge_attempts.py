"""The items of a partition with few attempts, which stand side by side in one row per item.

Responsible for the shorter way from rows to a part of the tables: rows are grouped by item at once, not first
by generation. Which attempts there are, have a score and scored 1 are the bits of one number per rater;
raters whose scores are not all 0 or 1 have one column per attempt, a slot, instead. It is taken where
`merge_layout.attempts_fit`.
Invariants: the part is the one that `merge_generations` makes of the same rows; sums are taken in the order
of the attempts.
"""

# ruff: noqa: S608 - every name in a query is a constant of ours or went through `quoted`

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from consilience.evaluation.merge_columns import narrow
from consilience.evaluation.merge_engine import Engine, quoted
from consilience.evaluation.merge_layout import BITS, NAMES, Aggregate, Layout
from consilience.evaluation.merge_tables import CODES, Part, in_order
from consilience.evaluation.merge_units import Units, bound, hashed, humans_stay

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_ALL = (1 << BITS) - 1


def group_items(engine: Engine, layout: Layout) -> int:
    """Group the view `part` into the table `tallied`, one row per item of a laboratory, and return how many
    rows are doubled."""
    columns, counted = _of_bits(layout)
    names, slot = ", ".join(NAMES), "NULL::UTINYINT"
    slots = [number for number, is_binary in enumerate(layout.binary) if not is_binary]
    if slots:
        firsts = [
            f"WHEN {quoted(layout.raters[rater])} THEN {place}" for rater, place in _first_slots(layout)
        ]
        slot = f"((CASE rater {' '.join(firsts)} END) + attempt)::UTINYINT"
        given = [f"s{number}_{attempt}" for number in slots for attempt in range(1, layout.attempts + 1)]
        columns += [
            f"max(CASE WHEN slot = {place} THEN score END) AS {name}"
            for place, name in enumerate(given, start=1)
        ]
        if layout.all_scored:
            counted += [f"({name} IS NOT NULL)::INTEGER" for name in given]
        else:
            columns.append("coalesce(bit_or(1::BIGINT << slot), 0) AS there")
            counted.append("bit_count(there)")
    rows = f"(SELECT {names}, attempt, rater, score, {slot} AS slot FROM part)"
    grouped = f"SELECT {names}, count(*) AS n, {', '.join(columns)} FROM {rows} GROUP BY {names}"
    engine.run(f"CREATE OR REPLACE TEMP TABLE tallied AS {grouped}")
    return int(engine.one(f"SELECT coalesce(sum(n - ({' + '.join(counted)})), 0) FROM tallied"))


def _of_bits(layout: Layout) -> tuple[list[str], list[str]]:
    """SQL of the columns of raters whose scores are all 0 or 1, and of how many attempts each counts."""
    scored, one = "(score IS NOT NULL)::BIGINT", "(coalesce(score, 0) = 1)::BIGINT"
    bit = f"(1::BIGINT + ({scored} << {BITS}) + ({one} << {2 * BITS})) << (attempt - 1)"
    raters = [number for number, is_binary in enumerate(layout.binary) if is_binary]
    columns = [
        f"coalesce(bit_or({bit}) FILTER (rater = {quoted(layout.raters[number])}), 0) AS b{number}"
        for number in raters
    ]
    return columns, [f"bit_count(b{number} & {_ALL})" for number in raters]


def _first_slots(layout: Layout) -> list[tuple[int, int]]:
    """Raters whose scores are not all 0 or 1, and the slot before their first."""
    raters = [number for number, is_binary in enumerate(layout.binary) if not is_binary]
    return [(number, layout.attempts * place) for place, number in enumerate(raters)]


@dataclass(frozen=True, eq=False)
class _Scores:
    """The scores of one rater; items stand in the order of the item table."""

    there: Ints
    """Bits of the attempts that have a row."""
    scored: Ints
    """Bits of the attempts that have a score."""
    ones: Ints
    """Bits of the attempts whose score is 1; nothing where scores are not all 0 or 1."""
    values: Floats | None
    """Shape (attempts, items), 0 where there is no score; None: all are 0 or 1."""

    def of_attempt(self, number: int) -> Floats:
        """Return the scores of one attempt (from 0), 0 where there is none."""
        if self.values is not None:
            return np.asarray(self.values[number])
        return (self.ones >> number & 1).astype(np.float64)

    def sum_of(self, bits: Ints) -> Floats:
        """Return the sum over attempts that are in the bits and have a score."""
        if self.values is None:
            return np.asarray(np.bitwise_count(self.ones & bits), dtype=np.float64)
        total = np.zeros(bits.size)
        for number, row in enumerate(self.values):
            np.add(total, row, out=total, where=((self.scored & bits) >> number & 1).astype(np.bool_))
        return total

    def products(self, other: _Scores) -> Floats:
        """Return the sums of products with another rater's scores of the same attempts; with itself: of
        squares."""
        if self.values is None and other.values is None:
            return np.asarray(np.bitwise_count(self.ones & other.ones), dtype=np.float64)
        values = self.values if self.values is not None else other.values
        total = np.zeros(self.scored.size)
        for number in range(0 if values is None else values.shape[0]):
            total += self.of_attempt(number) * other.of_attempt(number)
        return total

    def at(self, item: Ints, attempt: Ints) -> Floats:
        """Return single scores, NaN where there is none."""
        values = self.ones[item] >> attempt & 1 if self.values is None else self.values[attempt, item]
        return np.asarray(np.where(self.scored[item] >> attempt & 1, values, np.nan), dtype=np.float64)

    def one_score(self, aggregate: Aggregate) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the score of each item by an aggregate other than the mean, and where there is one."""
        given = (self.scored & 1 if aggregate == "first" else self.scored) > 0
        if aggregate == "first":
            return np.where(given, self.sum_of(np.ones_like(self.scored)), 0.0), given
        last = int(self.scored.max(initial=1)).bit_length()
        every = np.arange(given.size)
        ordered = np.sort([self.at(every, np.full_like(every, number)) for number in range(last)], axis=0)
        top = np.maximum(np.bitwise_count(self.scored).astype(np.int64) - 1, 0)
        ends = {"any": (top, top), "all": (0 * top, 0 * top), "majority": (top // 2, (top + 1) // 2)}
        low, high = (np.take_along_axis(ordered, end[None], axis=0)[0] for end in ends[aggregate])
        return np.where(given, (low + high) / 2.0, 0.0), given


def items_part(engine: Engine, layout: Layout) -> Part:
    """Return the part of the tables that the table `tallied` holds, and drop it."""
    tallies = [f", b{number}" for number, is_binary in enumerate(layout.binary) if is_binary]
    tallies += [] if all(layout.binary) or layout.all_scored else [", there"]
    query = f"SELECT {CODES}, rowid AS place{''.join(tallies)} FROM tallied"
    columns = in_order(engine.arrays(query), layout)
    codes = {name: columns[name].astype(np.int64) for name in NAMES}
    scores = _scores(engine, layout, columns)
    engine.run("DROP TABLE tallied")
    there = np.bitwise_or.reduce([one.there for one in scores])
    found: dict[str, NDArray[Any]] = {name: narrow(values) for name, values in codes.items()}
    for number, one in enumerate(scores):
        _fill(found, number, one, layout.aggregate)
    for a, b in layout.pairs:
        _fill_pair(found, (a, b), (scores[a], scores[b]), layout.aggregate)
    return Part(found, _units(codes, scores, layout), int(_count(there).sum()))


def _scores(engine: Engine, layout: Layout, columns: dict[str, NDArray[Any]]) -> list[_Scores]:
    """Return the scores of every rater."""
    first_slots, found = dict(_first_slots(layout)), []
    for number in range(len(layout.raters)):
        if number not in first_slots:
            tally = columns.pop(f"b{number}")
            bits = (tally & _ALL, tally >> BITS & _ALL, tally >> (2 * BITS))
            found.append(_Scores(*bits, None))
            continue
        values = _values(engine, layout, number, columns["place"])
        scored = np.zeros(columns["place"].size, dtype=np.int64)
        for attempt, row in enumerate(values):
            given = np.isfinite(row)
            scored |= given.astype(np.int64) << attempt
            row[~given] = 0.0
        there = scored
        if not layout.all_scored:
            there = columns["there"] >> (first_slots[number] + 1) & (1 << layout.attempts) - 1
        found.append(_Scores(there, scored, np.zeros_like(scored), values))
    return found


def _count(bits: Ints) -> Ints:
    return np.bitwise_count(bits).astype(np.int64)


def _values(engine: Engine, layout: Layout, rater: int, place: Ints) -> Floats:
    """Return the scores of one rater, shape (attempts, items), in the order of the item table, NaN where
    there is none."""
    names = [f"s{rater}_{attempt}" for attempt in range(1, layout.attempts + 1)]
    values = engine.arrays(f"SELECT rowid AS place, {', '.join(names)} FROM tallied")
    order = np.empty(place.size, dtype=np.int64)
    order[values["place"]] = np.arange(place.size)
    order = order[place]
    return np.stack([values.pop(name)[order] for name in names]).astype(np.float64, copy=False)


def _fill(found: dict[str, NDArray[Any]], rater: int, scores: _Scores, aggregate: Aggregate) -> None:
    """Add the columns of one rater."""
    found[f"attempts.{rater}"] = narrow(_count(scores.scored))
    if aggregate == "mean":
        found[f"sums.{rater}"] = narrow(scores.sum_of(scores.scored))
        if scores.values is not None:
            found[f"squares.{rater}"] = narrow(scores.products(scores))
        return
    sums, counts = scores.one_score(aggregate)
    found[f"sums.{rater}"], found[f"squares.{rater}"] = narrow(sums), narrow(sums**2)
    found[f"counts.{rater}"] = counts.astype(np.uint8)


def _fill_pair(
    found: dict[str, NDArray[Any]],
    pair: tuple[int, int],
    scores: tuple[_Scores, _Scores],
    aggregate: Aggregate,
) -> None:
    """Add the columns of two raters, but for those that are equal to columns of the raters."""
    a, b = pair
    both = scores[0].scored & scores[1].scored
    found[f"cross.{a}.{b}"] = narrow(scores[0].products(scores[1]))
    together = [bool(np.array_equal(both, one.scored)) for one in scores]
    if not all(together):
        found[f"count.{a}.{b}"] = narrow(_count(both))
    for name, one, same in zip(("first", "second"), scores, together, strict=True):
        if not same or aggregate != "mean":
            found[f"{name}.{a}.{b}"] = narrow(one.sum_of(both))


def _units(codes: dict[str, Ints], scores: Sequence[_Scores], layout: Layout) -> Units:
    """Return the generations with two scores or more that may be drawn."""
    once, several = np.zeros_like(codes["item"]), np.zeros_like(codes["item"])
    for one in scores:
        several |= once & one.scored
        once |= one.scored
    by_human = np.zeros_like(several)
    for human in layout.humans:
        by_human |= scores[human].scored
    by_human &= several
    cell = codes["language"] * len(layout.concepts) + codes["concept"]
    size = len(layout.languages) * len(layout.concepts)
    counts, human_counts = (
        np.bincount(cell, weights=_count(bits), minlength=size).astype(np.int64)
        for bits in (several, by_human)
    )
    drawn, limit = several, bound(counts)
    if limit is not None:
        drawn = _drawn(codes, several, limit, layout.attempts)
        drawn |= by_human if humans_stay(human_counts) else 0
    places = [np.flatnonzero(drawn >> number & 1) for number in range(layout.attempts)]
    item = np.concatenate(places).astype(np.int64)
    attempt = np.repeat(np.arange(layout.attempts, dtype=np.int64), [place.size for place in places])
    order = np.argsort(item * BITS + attempt)
    item, attempt = item[order], attempt[order]
    return Units(
        codes={name: values[item] for name, values in codes.items()},
        attempt=attempt + 1,
        human=(by_human[item] >> attempt & 1).astype(np.bool_),
        scores=np.stack([one.at(item, attempt) for one in scores]),
        counts=counts,
        human_counts=human_counts,
    )


def _drawn(codes: dict[str, Ints], several: Ints, limit: int, attempts: int) -> Ints:
    """Return the bits of the generations that are drawn."""
    drawn = np.zeros_like(several)
    for number in range(attempts):
        below = hashed(codes, np.full_like(several, number + 1)) < np.uint64(limit)
        drawn |= below.astype(np.int64) << number
    return drawn & several
