"""The tables of items with few attempts, which stand side by side in one row per item.

Responsible for the shorter way from rows to `ScoreTables`: rows are grouped by item at once, not first by
generation. Which attempts there are, have a score and scored 1 are the bits of one number per rater; raters
whose scores are not all 0 or 1 have one column per attempt, a slot, instead. It is taken where
`attempts_fit`.
Invariant: the tables are those that `merge_tables` makes of the same rows.
"""

# ruff: noqa: S608 - every name in a query is a constant of ours or went through `quoted`

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from consilience.evaluation import merge_tables
from consilience.evaluation.merge_census import Group
from consilience.evaluation.merge_engine import Engine, quoted
from consilience.evaluation.merge_tables import (
    CODES,
    MIXED,
    MIXED_ATTEMPT,
    NAMES,
    SPREAD,
    Aggregate,
    ItemTable,
    PairTable,
    ScoreTables,
    UnitTable,
    dictionary,
    in_order,
    sample_bound,
)

BITS = 20
"""Attempts of one item; each has three bits in a number: there is a row, it has a score, the score is 1."""
SLOTS = 60
"""Attempts × raters whose scores are not all 0 or 1."""
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_ALL = (1 << BITS) - 1
_LOW_32 = np.uint64(2**32 - 1)


def attempts_fit(groups: Iterable[Group], raters: Sequence[str], binary: Sequence[bool]) -> int:
    """Return how many attempts stand side by side, or 0 where they are too many.

    Args:
        groups: The census.
        raters: All raters.
        binary: Whether all scores of each rater are 0 or 1.
    """
    last = max(group.last_attempt or 0 for group in groups)
    columns = last * (len(binary) - sum(binary))
    fits = len(raters) <= merge_tables.MAX_RATERS and last <= BITS and columns <= SLOTS
    return last if fits else 0


def group_items(engine: Engine, raters: Sequence[str], binary: Sequence[bool], attempts: int) -> int:
    """Group the view `chosen` into the table `tallied`, one row per item of a laboratory, and return how many
    rows are doubled."""
    scored, one = "(score IS NOT NULL)::BIGINT", "(coalesce(score, 0) = 1)::BIGINT"
    bit = f"(1::BIGINT + ({scored} << {BITS}) + ({one} << {2 * BITS})) << (attempt - 1)"
    columns: list[str] = []
    counted: list[str] = []
    first_slots: list[str] = []
    for number, rater in enumerate(raters):
        if binary[number]:
            columns.append(f"coalesce(bit_or({bit}) FILTER (rater = {quoted(rater)}), 0) AS b{number}")
            counted.append(f"bit_count(b{number} & {_ALL})")
            continue
        first = attempts * len(first_slots)
        first_slots.append(f"WHEN {quoted(rater)} THEN {first}")
        columns += [
            f"max(score) FILTER (slot = {first + attempt}) AS s{number}_{attempt}"
            for attempt in range(1, attempts + 1)
        ]
    names, slot = ", ".join(NAMES), "NULL::UTINYINT"
    if first_slots:
        slot = f"((CASE rater {' '.join(first_slots)} END) + attempt)::UTINYINT"
        columns.append("coalesce(bit_or(1::BIGINT << slot), 0) AS there")
        columns.append("coalesce(bit_or(1::BIGINT << slot) FILTER (score IS NOT NULL), 0) AS scored")
        counted.append("bit_count(there)")
    rows = f"(SELECT {names}, attempt, rater, score, {slot} AS slot FROM chosen)"
    grouped = f"SELECT {names}, count(*) AS n, {', '.join(columns)} FROM {rows} GROUP BY {names}"
    engine.run(f"CREATE OR REPLACE TEMP TABLE tallied AS {grouped}")
    return int(engine.one(f"SELECT coalesce(sum(n - ({' + '.join(counted)})), 0) FROM tallied"))


@dataclass(frozen=True, eq=False)
class _Bits:
    """Attempts of one rater as bits, per item."""

    there: Ints
    scored: Ints
    ones: Ints
    """Of the attempts that scored 1; nothing where scores are not all 0 or 1."""


def _bits(columns: dict[str, NDArray[np.int64]], binary: Sequence[bool], attempts: int) -> list[_Bits]:
    bits, before = [], 0
    for number, is_binary in enumerate(binary):
        if is_binary:
            tally = columns.pop(f"b{number}")
            bits.append(_Bits(tally & _ALL, tally >> BITS & _ALL, tally >> (2 * BITS)))
            continue
        there, scored = (columns[n] >> (before + 1) & (1 << attempts) - 1 for n in ("there", "scored"))
        bits.append(_Bits(there, scored, np.zeros_like(there)))
        before += attempts
    return bits


@dataclass(frozen=True, eq=False)
class _Scores:
    """The scores of one rater; items stand in the order of the item table."""

    scored: Ints
    """Bits of the attempts that have a score."""
    ones: Ints
    """Bits of the attempts whose score is 1."""
    values: Floats | None
    """Shape (attempts, items), NaN where there is no score; None: all are 0 or 1."""

    def sum_of(self, bits: Ints) -> Floats:
        """Return the sum over attempts that are in the bits and have a score."""
        if self.values is None:
            return np.asarray(np.bitwise_count(self.ones & bits), dtype=np.float64)
        total = np.zeros(bits.size)
        for number, row in enumerate(self.values):
            np.add(total, row, out=total, where=((self.scored & bits) >> number & 1).astype(np.bool_))
        return total

    def squares(self) -> Floats:
        """Return the sum of squares."""
        if self.values is None:
            return self.sum_of(self.scored)
        return np.asarray(np.nansum(self.values**2, axis=0), dtype=np.float64)

    def at(self, item: Ints, attempt: Ints) -> Floats:
        """Return single scores, NaN where there is none."""
        if self.values is not None:
            return np.asarray(self.values[attempt, item], dtype=np.float64)
        found = np.where(self.scored[item] >> attempt & 1, self.ones[item] >> attempt & 1, np.nan)
        return np.asarray(found, dtype=np.float64)

    def one_score(self, aggregate: Aggregate) -> tuple[Floats, NDArray[np.bool_]]:
        """Return the score of each item by an aggregate other than the mean, and where there is one."""
        given = (self.scored & 1 if aggregate == "first" else self.scored) > 0
        if aggregate == "first":
            return np.where(given, self.sum_of(np.ones_like(self.scored)), 0.0), given
        values = self.values
        if values is None:
            last = int(self.scored.max(initial=1)).bit_length()
            every = np.arange(given.size)
            values = np.stack([self.at(every, np.full_like(every, number)) for number in range(last)])
        ordered = np.sort(values, axis=0)
        top = np.maximum(np.bitwise_count(self.scored).astype(np.int64) - 1, 0)
        ends = {"any": (top, top), "all": (0 * top, 0 * top), "majority": (top // 2, (top + 1) // 2)}
        low, high = (np.take_along_axis(ordered, end[None], axis=0)[0] for end in ends[aggregate])
        return np.where(given, (low + high) / 2.0, 0.0), given


def build_item_tables(
    engine: Engine,
    raters: Sequence[str],
    pairs: Sequence[tuple[int, int]],
    *,
    attempts: int,
    aggregate: Aggregate,
    binary: Sequence[bool],
    humans: Sequence[int] = (),
) -> ScoreTables:
    """Build the tables from `tallied`; arguments as `merge_tables.build_tables` and `group_items`."""
    names = {name: dictionary(engine, name, "tallied") for name in NAMES}
    tallies = [f"b{number}" for number in range(len(raters)) if binary[number]]
    tallies += [] if all(binary) else ["there", "scored"]
    query = f"SELECT {CODES}, rowid AS place, {', '.join(tallies)} FROM tallied"
    columns = in_order(engine.arrays(query), names)
    codes = {name: columns[name].astype(np.int64) for name in NAMES}
    bits = _bits(columns, binary, attempts)
    scored = [one.scored for one in bits]
    unit_item, unit_attempt, sampled = _units(codes, scored, humans)
    items = _empty_items(codes, len(raters))
    pair_sums: dict[tuple[int, int], list[Floats]] = {pair: [] for pair in pairs}
    unit_scores = np.empty((len(raters), unit_item.size))
    for number in range(len(raters)):
        values = None if binary[number] else _values(engine, number, attempts, columns["place"])
        one = _Scores(scored[number], bits[number].ones, values)
        _fill(items, number, one, aggregate)
        unit_scores[number] = one.at(unit_item, unit_attempt)
        total = one.sum_of(one.scored)
        for a, b in pairs:
            if number in (a, b):
                both = scored[a] & scored[b]
                pair_sums[a, b].append(total if np.array_equal(both, one.scored) else one.sum_of(both))
    return ScoreTables(
        laboratories=names["laboratory"],
        models=names["model"],
        languages=names["language"],
        concepts=names["concept"],
        item_names=names["item"],
        raters=tuple(raters),
        items=items,
        pairs={(a, b): PairTable(_count(scored[a] & scored[b]), *pair_sums[a, b]) for a, b in pairs},
        units=UnitTable(
            **{name: values[unit_item] for name, values in codes.items()}, scores=unit_scores, sampled=sampled
        ),
        generations=int(_count(np.bitwise_or.reduce([one.there for one in bits])).sum()),
    )


def _count(bits: Ints) -> Ints:
    return np.bitwise_count(bits).astype(np.int64)


def _values(engine: Engine, rater: int, attempts: int, place: Ints) -> Floats:
    """Return the scores of one rater, shape (attempts, items), in the order of the item table.

    Args:
        engine: With the table `tallied`.
        rater: Number of the rater.
        attempts: How many columns there are.
        place: Row of the table that each item stands in.
    """
    names = [f"s{rater}_{attempt}" for attempt in range(1, attempts + 1)]
    columns = engine.arrays(f"SELECT rowid AS place, {', '.join(names)} FROM tallied")
    order = np.empty(place.size, dtype=np.int64)
    order[columns["place"]] = np.arange(place.size)
    order = order[place]
    return np.stack([columns[name][order] for name in names])


def _empty_items(codes: dict[str, Ints], n_raters: int) -> ItemTable:
    shape = (n_raters, codes["item"].size)
    sums, counts, squares = (np.empty(shape) for _ in range(3))
    attempts = np.empty(shape, dtype=np.int64)
    return ItemTable(**codes, sums=sums, counts=counts, squares=squares, attempts=attempts)


def _fill(items: ItemTable, rater: int, scores: _Scores, aggregate: Aggregate) -> None:
    items.attempts[rater] = _count(scores.scored)
    if aggregate == "mean":
        items.sums[rater], items.counts[rater] = scores.sum_of(scores.scored), items.attempts[rater]
        items.squares[rater] = scores.squares()
    else:
        items.sums[rater], items.counts[rater] = scores.one_score(aggregate)
        items.squares[rater] = items.sums[rater] ** 2


def _units(codes: dict[str, Ints], scored: Sequence[Ints], humans: Sequence[int]) -> tuple[Ints, Ints, bool]:
    """Return item and attempt (from 0) of the generations with two scores or more, and whether they are a
    sample: where a language and concept has too many, one is drawn."""
    once, several = np.zeros_like(codes["item"]), np.zeros_like(codes["item"])
    for bits in scored:
        several |= once & bits
        once |= bits
    by_human = np.zeros_like(several)
    for human in humans:
        by_human |= scored[human]
    sample = _sampled(codes, several, several & by_human)
    drawn = several if sample is None else sample
    places = [np.flatnonzero(drawn >> number & 1) for number in range(BITS)]
    item = np.concatenate(places).astype(np.int64)
    attempt = np.repeat(np.arange(BITS, dtype=np.int64), [place.size for place in places])
    order = np.argsort(item * BITS + attempt)
    return item[order], attempt[order], sample is not None


def _sampled(codes: dict[str, Ints], several: Ints, by_human: Ints) -> Ints | None:
    """Return the bits of the generations in the sample, or None where all fit."""
    cell = codes["language"] * (int(codes["concept"].max()) + 1) + codes["concept"]
    sizes, human_sizes = (np.bincount(cell, weights=_count(bits)) for bits in (several, by_human))
    units, human_units = max(zip(sizes.tolist(), human_sizes.tolist(), strict=True))
    if units <= merge_tables.MAX_UNITS:
        return None
    mixed = np.ones_like(several)
    for name, factor in MIXED.items():
        mixed += codes[name] * factor
    drawn = np.zeros_like(several)
    for number in range(BITS):
        code = (mixed + (number + 1) * MIXED_ATTEMPT).astype(np.uint64) & _LOW_32
        below = (code * np.uint64(SPREAD) & _LOW_32) < np.uint64(sample_bound(int(units)))
        drawn |= below.astype(np.int64) << number
    drawn &= several
    return drawn | by_human if human_units <= merge_tables.MAX_UNITS else drawn
