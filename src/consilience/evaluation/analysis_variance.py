"""Where the spread of single scores comes from, and the smallest differences that these data could have
shown.

For each model and concept there are components of item, laboratory, language, their interactions and the
attempt by the rater that carries the verdict; and where others rated beside it, components with the rater.
Aggregated attempts (majority, any …) leave nothing of the attempt's spread; it is then missing.

Which raters enter beside the one that carries the verdict: those on its scale, from the one with the most
ratings on, as long as the rows in which all of them scored the same generations hold more than half of its
generations, and every laboratory and language that it saw. So a sample that humans rated, or a judge that saw
one language, does not shrink the table. Simulated raters do not enter beside a real one.
"""

from __future__ import annotations

import itertools
import statistics as plain
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from consilience.evaluation.analysis_contrasts import AXES
from consilience.evaluation.analysis_setting import Setting, reason_message, to_interval
from consilience.evaluation.joint_result import Component, Contrast, MinimumDifference, VarianceTable
from consilience.evaluation.merge_tables import ScoreTables
from consilience.evaluation.message_codes import say
from consilience.statistics.power import PairedVariances, minimum_detectable_difference
from consilience.statistics.rated_variance import rated_variance_components
from consilience.statistics.variance import VarianceComponents, variance_components

MAX_ROWS = 1_000_000
"""Rows (items in a laboratory and language) of one model and concept that the components are estimated from.
Above it, items are drawn by a multiplicative hash of their numbers (Knuth 1998, sec. 6.4)."""
HASH = 2_654_435_769
MIN_KEPT = 0.5
"""Share of the generations that must stay for another rater to enter the table with raters."""
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Rows = slice | NDArray[np.int64]
"""Where the rows of a table stand: a slice that holds all, or their numbers."""


@dataclass(frozen=True, eq=False)
class Spread:
    """The components of one model and concept; numbers point into the tables."""

    model: int
    concept: int
    raters: tuple[int, ...]
    """The rater that carries the verdict, then the others that enter."""
    found: VarianceComponents
    n_items: int
    n_generations: int
    """All of them, also where the components rest on drawn items."""
    attempts: int
    """Of an item in one laboratory and language, rounded to whole ones."""
    drawn: bool
    """Whether the components rest on drawn items."""


def estimate_spread(tables: ScoreTables, setting: Setting) -> tuple[Spread, ...]:
    """Estimate the variance components of every model and concept that has scores of its primary rater, by
    that rater alone and, where others enter, with raters."""
    return tuple(_spreads(tables, setting))


def _spreads(tables: ScoreTables, setting: Setting) -> Iterator[Spread]:
    items = tables.items
    for concept, chosen in enumerate(setting.concepts):
        for model in range(len(tables.models)):
            rows = (items.concept == concept) & (items.model == model) & (items.counts[chosen.primary] > 0)
            if not rows.any():
                continue
            yield _spread(tables, setting, (model, concept), (chosen.primary,), rows)
            raters, complete = entering_raters(tables, setting, chosen.primary, rows)
            if len(raters) > 1:
                yield _spread(tables, setting, (model, concept), raters, complete)


def entering_raters(
    tables: ScoreTables, setting: Setting, primary: int, rows: Mask
) -> tuple[tuple[int, ...], Mask]:
    """Return the raters that enter a table with raters, and the rows in which all scored the same answers.

    Args:
        tables: All tables.
        setting: Kinds and scales of the raters.
        primary: The rater that carries the verdict.
        rows: The rows that it scored, of one model and concept.
    """
    items, one = tables.items, setting.raters[primary]
    candidates = [
        (-int(items.attempts[rater][rows].sum()), rater)
        for rater, other in enumerate(setting.raters)
        if rater != primary
        and (other.scale, other.bounds) == (one.scale, one.bounds)
        and (one.simulated or not other.simulated)
    ]
    needed = MIN_KEPT * items.attempts[primary][rows].sum()
    raters: tuple[int, ...] = (primary,)
    complete = rows
    for given, rater in sorted(candidates):
        if -given <= needed or not all(_pair(rater, other) in tables.pairs for other in raters):
            continue
        kept = complete & _same_generations(tables, primary, rater)
        if items.attempts[primary][kept].sum() > needed and _keeps_levels(tables, rows, kept):
            raters, complete = (*raters, rater), kept
    return raters, complete


def _pair(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a < b else (b, a)


def _same_generations(tables: ScoreTables, a: int, b: int) -> Mask:
    items = tables.items
    same = (items.attempts[a] == items.attempts[b]) & (items.counts[a] == items.counts[b])
    return np.asarray(same & (tables.pairs[_pair(a, b)].count == items.attempts[a]))


def _keeps_levels(tables: ScoreTables, rows: Mask, kept: Mask) -> bool:
    items = tables.items
    return all(
        np.array_equal(np.bincount(codes[rows]) > 0, np.bincount(codes[kept]) > 0)
        for codes in (items.laboratory, items.language)
    )


def _spread(
    tables: ScoreTables, setting: Setting, which: tuple[int, int], raters: tuple[int, ...], rows: Mask
) -> Spread:
    items, first = tables.items, raters[0]
    n_generations, n_items = int(items.counts[first][rows].sum()), _n_items(items.item[rows])
    drawn = _drawn(items.item, rows)
    at: Rows = slice(None) if drawn.all() else np.flatnonzero(drawn)
    factors = {"item": items.item[at], "laboratory": items.laboratory[at]}
    if len(tables.languages) > 1:
        factors["language"] = items.language[at]
    counts = items.counts[first][at]
    if len(raters) == 1:
        found = variance_components(
            factors, items.sums[first][at], counts, items.squares[first][at], level=setting.level
        )
    else:
        squares = sum((items.squares[rater][at] for rater in raters), start=np.zeros(counts.size))
        found = rated_variance_components(
            factors, _Sums(tables, raters, at), counts, squares, _cross(tables, raters, at),
            level=setting.level,
        )  # fmt: skip
    attempts = max(1, round(float(counts.sum()) / counts.size))
    return Spread(*which, raters, found, n_items, n_generations, attempts, drawn is not rows)


def _n_items(codes: NDArray[np.int64]) -> int:
    return int(np.count_nonzero(np.bincount(codes)))


def _drawn(item: NDArray[np.int64], rows: Mask) -> Mask:
    """Return the rows of the items that are drawn; the rows themselves where they are few enough."""
    number = int(np.count_nonzero(rows))
    if number <= MAX_ROWS:
        return rows
    mixed = (item.astype(np.uint64) + np.uint64(1)) * np.uint64(HASH) % np.uint64(2**32)
    return rows & (mixed < np.uint64(2**32 * MAX_ROWS / number))


class _Sums(Sequence[Floats]):
    """Sums of the rows of each rater, read when asked for."""

    def __init__(self, tables: ScoreTables, raters: tuple[int, ...], at: Rows) -> None:
        self._tables, self._raters, self._at = tables, raters, at

    def __len__(self) -> int:
        return len(self._raters)

    @overload
    def __getitem__(self, place: int) -> Floats: ...
    @overload
    def __getitem__(self, place: slice) -> list[Floats]: ...
    def __getitem__(self, place: int | slice) -> Floats | list[Floats]:
        if isinstance(place, slice):
            return [self[number] for number in range(len(self))[place]]
        return np.asarray(self._tables.items.sums[self._raters[place]][self._at], dtype=np.float64)


def _cross(tables: ScoreTables, raters: tuple[int, ...], at: Rows) -> Floats:
    """Sum over pairs of raters of the products of their scores. Aggregated attempts are one score a row."""
    items = tables.items
    if np.array_equal(items.counts[raters[0]][at], items.attempts[raters[0]][at]):
        pairs = [tables.pairs[_pair(a, b)] for a, b in itertools.combinations(raters, 2)]
        return np.asarray(sum(pair.cross[at] for pair in pairs), dtype=np.float64)
    sums = [items.sums[rater][at] for rater in raters]
    return np.asarray((sum(sums) ** 2 - sum(one**2 for one in sums)) / 2.0)


def make_variance(
    spreads: Sequence[Spread], tables: ScoreTables, setting: Setting
) -> tuple[VarianceTable, ...]:
    """Return the components as the document holds them."""
    n_laboratories = len(tables.laboratories)
    return tuple(
        VarianceTable(
            model=tables.models[one.model],
            concept=tables.concepts[one.concept],
            rater=setting.raters[one.raters[0]].id,
            raters=tuple(setting.raters[rater].id for rater in one.raters),
            drawn=one.drawn,
            simulated=any(setting.raters[rater].simulated for rater in one.raters),
            components=_components(one.found, n_laboratories),
            method=one.found.method,
            n_scores=one.found.n_scores,
            reason=reason_message(one.found.reason, n_laboratories=n_laboratories),
        )
        for one in spreads
    )


def _components(found: VarianceComponents, n_laboratories: int) -> tuple[Component, ...]:
    return tuple(
        Component(
            source=one.source,
            variance=one.variance,
            interval=to_interval(one.interval),
            share=one.share,
            share_interval=to_interval(one.share_interval),
            levels=one.levels,
            reason=reason_message(one.reason, n_laboratories=n_laboratories),
        )
        for one in found.components
    )


def make_minimum_differences(
    contrasts: Sequence[Contrast], setting: Setting
) -> tuple[MinimumDifference, ...]:
    """Return, per axis and concept, the smallest difference that the middle one of the pairs could have
    shown.

    The standard error of a paired difference over n items stands for the variance of the differences;
    correction over the family is not taken into account.
    """
    result = []
    for axis in AXES:
        for concept in setting.concepts:
            pairs = [c for c in contrasts if (c.axis, c.concept, c.language) == (axis, concept.id, None)]
            found = [_detectable(pair, setting) for pair in pairs]
            known = [value for value in found if value is not None]
            difference = plain.median_low(known) if known else None
            reason = None if known else say("no_contrast" if not found else "no_interval")
            result.append(
                MinimumDifference(
                    axis=axis, concept=concept.id, difference=difference, power=setting.power, reason=reason
                )
            )
    return tuple(result)


def _detectable(contrast: Contrast, setting: Setting) -> float | None:
    error, n = contrast.difference.standard_error, contrast.difference.n_items
    if error is None or n < 2 or not np.isfinite(error):
        return None
    variances = PairedVariances(item=error**2 * n, within_left=0.0, within_right=0.0)
    return minimum_detectable_difference(n, variances, power=setting.power, level=setting.level)
