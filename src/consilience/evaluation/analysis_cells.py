"""Cells: every laboratory × model × language × concept × rater, and their averages, under both estimands.

Averages weigh laboratories and languages the same; their intervals take the laboratories and languages as
they are, so they speak of these, not of further ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from consilience.errors import LimitError
from consilience.evaluation.analysis_setting import Setting, to_estimate
from consilience.evaluation.joint_result import Cell
from consilience.evaluation.merge import Merged
from consilience.evaluation.merge_tables import ItemTable
from consilience.statistics.cells import CellEstimates, estimate_averages, estimate_cells

MAX_CELLS = 200_000
"""Cells in one document, averages not counted."""

Ints = NDArray[np.int64]


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
    cells: list[Cell] = []
    for drop_laboratory, drop_language in ((False, False), (True, False), (False, True), (True, True)):
        counts = _dropped(unscored, drop_laboratory, drop_language)
        for rater in range(len(setting.raters)):
            keys = sorted((key for key in counts if key.rater == rater), key=_order)
            if keys:
                cells += _cells_of_rater(merged, setting, keys, counts)
    return tuple(cells)


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


def _cells_of_rater(
    merged: Merged, setting: Setting, keys: Sequence[CellKey], unscored: dict[CellKey, int]
) -> Iterable[Cell]:
    tables = merged.tables
    rater = keys[0].rater
    both = _estimates(tables.items, setting, rater, keys)
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
    items: ItemTable, setting: Setting, rater: int, keys: Sequence[CellKey]
) -> tuple[CellEstimates, CellEstimates]:
    """Return benchmark and generalized estimates of the cells, which all drop the same axes."""
    drop_laboratory, drop_language = keys[0].laboratory is None, keys[0].language is None
    used = items.counts[rater] > 0
    laboratory, language = items.laboratory[used], items.language[used]
    cell = _cell_index(items, used, keys)
    sums, counts, squares = (array[rater][used] for array in (items.sums, items.counts, items.squares))
    level, bounds = setting.level, setting.raters[rater].bounds
    if not drop_laboratory and not drop_language:
        args = (cell, sums, counts, squares, len(keys))
        return (
            estimate_cells(*args, estimand="benchmark", level=level, bounds=bounds),
            estimate_cells(*args, estimand="generalized", level=level, bounds=bounds),
        )
    width = int(items.language.max()) + 1 if items.rows else 1
    part = (laboratory * width if drop_laboratory else 0) + (language if drop_language else 0)
    averages = (cell, part, items.item[used], sums, counts, squares, len(keys))
    return (
        estimate_averages(*averages, estimand="benchmark", level=level, bounds=bounds),
        estimate_averages(*averages, estimand="generalized", level=level, bounds=bounds),
    )


def _cell_index(items: ItemTable, used: NDArray[np.bool_], keys: Sequence[CellKey]) -> Ints:
    """Return the number of the cell of every used row."""
    sizes = [int(array.max(initial=0)) + 1 for array in (items.model, items.language, items.concept)]

    def code(laboratory: Ints, model: Ints, language: Ints, concept: Ints) -> Ints:
        return ((laboratory * sizes[0] + model) * sizes[1] + language) * sizes[2] + concept

    zero = np.zeros(1, dtype=np.int64)
    of_rows = code(
        items.laboratory[used] if keys[0].laboratory is not None else zero,
        items.model[used],
        items.language[used] if keys[0].language is not None else zero,
        items.concept[used],
    )
    columns = np.array([[key.laboratory or 0, key.model, key.language or 0, key.concept] for key in keys])
    of_keys = code(*columns.T.astype(np.int64))
    order = np.argsort(of_keys)
    return np.asarray(order[np.searchsorted(of_keys[order], of_rows)], dtype=np.int64)
