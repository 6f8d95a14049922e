"""Cells: every laboratory × model × language × concept × rater, and their averages, under both estimands.

Averages weigh laboratories and languages the same; their intervals take the laboratories and languages as
they are, so they speak of these, not of further ones. Averages over languages use the languages that every
laboratory has for that model and concept (all languages, where they share none): otherwise a laboratory that
left out a hard language would look better, and so would the average over laboratories.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from consilience.errors import LimitError
from consilience.evaluation.analysis_setting import Setting, to_estimate
from consilience.evaluation.joint_result import Cell
from consilience.evaluation.merge import Merged
from consilience.evaluation.merge_columns import narrow
from consilience.evaluation.merge_tables import ItemTable, ScoreTables
from consilience.statistics.cells import CellEstimates, estimate_both
from consilience.statistics.item_rows import ScoredRows, compact, scored_rows

MAX_CELLS = 200_000
"""Cells in one document, averages not counted."""

AVERAGED = ((False, False), (True, False), (False, True), (True, True))
"""Whether laboratories and languages are averaged over."""

Ints = NDArray[np.int64]
Codes = NDArray[np.integer]
Flags = NDArray[np.bool_]


class CellKey(NamedTuple):
    """Codes of a cell; None: all of them together."""

    laboratory: int | None
    model: int
    language: int | None
    concept: int
    rater: int


def make_cells(merged: Merged, setting: Setting) -> tuple[Cell, ...]:
    """Estimate all cells that have a row, scored or not, and their averages over laboratories and languages.

    Raises:
        LimitError: More cells than MAX_CELLS.
    """
    unscored = cell_rows(merged)
    if len(unscored) > MAX_CELLS:
        raise LimitError(
            f"{len(unscored)} cells are more than the limit of {MAX_CELLS}",
            next_step="Analyse fewer models or concepts at once.",
        )
    counts = [_dropped(unscored, *drop) for drop in AVERAGED]
    cells: list[list[Cell]] = [[] for _ in AVERAGED]
    for rater in range(len(setting.raters)):
        every = shared = None  # those of the last rater go before these are made
        left_out = _left_out(merged, rater)
        every = _scored(merged.tables.items, setting, rater)
        shared = _scored(merged.tables.items, setting, rater, left_out) if left_out.any() else every
        for number, of_rows in enumerate(counts):
            rows = shared if AVERAGED[number][1] else every
            keys = sorted((key for key in of_rows if key.rater == rater), key=_order)
            if keys:
                cells[number] += _cells_of_rater(merged, setting, rows, keys, of_rows)
    return tuple(chain.from_iterable(cells))


def _order(key: CellKey) -> tuple[int, ...]:
    return tuple(
        -1 if code is None else code for code in (key.concept, key.model, key.language, key.laboratory)
    )


def cell_rows(merged: Merged) -> dict[CellKey, int]:
    """Return, for every cell that has a row, the number of its rows without a score."""
    tables = merged.tables
    codes = [
        {name: code for code, name in enumerate(names)}
        for names in (tables.laboratories, tables.models, tables.languages, tables.concepts, tables.raters)
    ]
    counts: dict[CellKey, int] = {}
    for group in merged.groups:
        names = (group.laboratory, group.model, group.language, group.concept, group.rater)
        key = CellKey(*(code[name] for code, name in zip(codes, names, strict=True)))
        counts[key] = counts.get(key, 0) + group.rows - group.scores
    return counts


def _dropped(counts: dict[CellKey, int], laboratory: bool, language: bool) -> dict[CellKey, int]:
    result: dict[CellKey, int] = {}
    for key, count in counts.items():
        wide = key._replace(
            laboratory=None if laboratory else key.laboratory, language=None if language else key.language
        )
        result[wide] = result.get(wide, 0) + count
    return result


class _Rows(NamedTuple):
    """The item rows that a rater scored; codes but those of items in the narrowest type."""

    scores: ScoredRows
    laboratory: Codes
    model: Codes
    language: Codes
    concept: Codes
    item: Ints


def _left_out(merged: Merged, rater: int) -> Flags:
    """Say which languages do not enter averages over languages, shape (models, concepts, languages)."""
    tables = merged.tables
    model, language, concept = (
        {name: code for code, name in enumerate(names)}
        for names in (tables.models, tables.languages, tables.concepts)
    )
    have: dict[tuple[int, int], dict[str, set[int]]] = {}
    for group in merged.groups:
        if group.rater == tables.raters[rater] and group.scores:
            of_laboratory = have.setdefault((model[group.model], concept[group.concept]), {})
            of_laboratory.setdefault(group.laboratory, set()).add(language[group.language])
    out = np.zeros((len(tables.models), len(tables.concepts), len(tables.languages)), dtype=np.bool_)
    for place, of_laboratory in have.items():
        shared = set.intersection(*of_laboratory.values())
        if shared:
            out[place][sorted(set.union(*of_laboratory.values()) - shared)] = True
    return out


def _scored(items: ItemTable, setting: Setting, rater: int, left_out: Flags | None = None) -> _Rows:
    counts = items.counts[rater]
    used = counts > 0
    if left_out is not None:
        used = used & ~left_out[items.model, items.concept, items.language]
    chosen = slice(None) if used.all() else used
    scores = scored_rows(
        items.sums[rater][chosen], counts[chosen], items.squares[rater][chosen], setting.raters[rater].bounds
    )
    laboratory, model, language, concept = (
        narrow(codes[chosen]) for codes in (items.laboratory, items.model, items.language, items.concept)
    )
    return _Rows(scores, laboratory, model, language, concept, items.item[chosen])


def _cells_of_rater(
    merged: Merged, setting: Setting, rows: _Rows, keys: Sequence[CellKey], unscored: dict[CellKey, int]
) -> Iterable[Cell]:
    tables = merged.tables
    rater = keys[0].rater
    both = _estimates(tables, setting, rows, keys)
    for number, key in enumerate(keys):
        benchmark, generalized = (estimates.estimate(number) for estimates in both)
        yield Cell(
            laboratory=None if key.laboratory is None else tables.laboratories[key.laboratory],
            model=tables.models[key.model],
            language=None if key.language is None else tables.languages[key.language],
            concept=tables.concepts[key.concept],
            rater=tables.raters[rater],
            benchmark=to_estimate(benchmark, "benchmark"),
            generalized=to_estimate(generalized, "generalized"),
            n_unscored=unscored[key],
            primary=setting.concepts[key.concept].primary == rater,
        )


def _estimates(
    tables: ScoreTables, setting: Setting, rows: _Rows, keys: Sequence[CellKey]
) -> tuple[CellEstimates, CellEstimates]:
    """Return benchmark and generalized estimates of the cells, which all drop the same axes."""
    over_laboratories, over_languages = keys[0].laboratory is None, keys[0].language is None
    level, bounds = setting.level, setting.raters[keys[0].rater].bounds
    cell = _cell_index(tables, rows, keys)
    if not over_laboratories and not over_languages:
        return estimate_both(rows.scores, cell, None, None, len(keys), level=level, bounds=bounds)
    part = rows.laboratory if over_laboratories else rows.language
    if over_laboratories and over_languages:
        part = rows.laboratory.astype(np.int64) * len(tables.languages) + rows.language
    return estimate_both(rows.scores, cell, part, rows.item, len(keys), level=level, bounds=bounds)


def _cell_index(tables: ScoreTables, rows: _Rows, keys: Sequence[CellKey]) -> Ints:
    """Return the number of the cell of every row."""
    of_keys = np.zeros(len(keys), dtype=np.int64)
    of_rows = np.zeros(rows.item.size, dtype=np.int64)
    span = 1
    for axis, codes, names in (
        (0, rows.laboratory, tables.laboratories),
        (1, rows.model, tables.models),
        (2, rows.language, tables.languages),
        (3, rows.concept, tables.concepts),
    ):
        if len(names) > 1 and keys[0][axis] is not None:
            of_rows = of_rows * len(names) + codes
            of_keys = of_keys * len(names) + np.array([key[axis] for key in keys], dtype=np.int64)
            span *= len(names)
    found, place = compact(of_rows, span)
    order = np.argsort(of_keys)
    return np.asarray(order[np.searchsorted(of_keys[order], found)], dtype=np.int64)[place]
