"""Cells and their averages: equal weights of laboratories and languages, clusters of items, limits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.simulators.scores import Design, row, table, write, write_rows

from consilience.errors import LimitError
from consilience.evaluation import analysis_cells
from consilience.evaluation.analysis_cells import make_cells
from consilience.evaluation.analysis_setting import make_setting
from consilience.evaluation.joint_result import Cell
from consilience.evaluation.merge import merge
from consilience.statistics.cells import estimate_generalized


def cells(path: Path) -> dict[tuple[str | None, str, str | None, str, str], Cell]:
    merged = merge([path])
    found = make_cells(merged, make_setting(merged))
    return {(c.laboratory, c.model, c.language, c.concept, c.rater): c for c in found}


def test_each_cell_equals_the_statistics_of_its_rows(tmp_path: Path) -> None:
    write(Design(laboratories=2, models=2, languages=2, concepts=2, items=15, attempts=3, raters=2), tmp_path)
    merged = merge([tmp_path])
    items, tables = merged.tables.items, merged.tables
    found = cells(tmp_path)
    assert len(found) == (2 + 1) * 2 * (2 + 1) * 2 * 2
    for (laboratory, model, language, concept, rater), cell in found.items():
        if laboratory is None or language is None:
            continue
        number = tables.raters.index(rater)
        rows = (
            (items.laboratory == tables.laboratories.index(laboratory))
            & (items.model == tables.models.index(model))
            & (items.language == tables.languages.index(language))
            & (items.concept == tables.concepts.index(concept))
        )
        expected = estimate_generalized(items.sums[number][rows], items.counts[number][rows])
        assert cell.generalized.value == pytest.approx(expected.value)
        assert cell.generalized.n_items == int(rows.sum()) == 15
        assert cell.generalized.interval is not None
        assert expected.interval is not None
        assert cell.generalized.interval.low == pytest.approx(expected.interval.low)


def test_a_large_laboratory_weighs_no_more_than_a_small_one(tmp_path: Path) -> None:
    scores = {("big", "en", f"i{k}"): [1.0] * 3 for k in range(40)}
    scores |= {("small", "en", f"i{k}"): [0.0] for k in range(4)}
    found = cells(write_rows(table(scores), tmp_path / "s.csv"))
    assert found[None, "model-0", "en", "maths", "exact"].generalized.value == pytest.approx(0.5)


def test_repeating_laboratories_does_not_make_items(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    answers = {f"i{k}": [float(rng.random() < 0.5)] for k in range(30)}
    one = cells(write_rows(table({("a", "en", k): v for k, v in answers.items()}), tmp_path / "one.csv"))
    several = {(lab, "en", k): v for lab in "abcde" for k, v in answers.items()}
    five = cells(write_rows(table(several), tmp_path / "five.csv"))
    key = (None, "model-0", None, "maths", "exact")
    assert five[key].generalized.n_items == 30
    assert five[key].generalized.standard_error == pytest.approx(one[key].generalized.standard_error)


def test_only_the_primary_rater_is_marked(tmp_path: Path) -> None:
    rows = [row(rater=r, rater_kind=k) for r, k in (("exact", "program"), ("judge", "judge"))]
    found = cells(write_rows(rows, tmp_path / "s.csv"))
    assert {key[4]: cell.primary for key, cell in found.items()} == {"exact": True, "judge": False}


def test_a_cell_whose_rows_all_failed_is_there(tmp_path: Path) -> None:
    rows = [row(), row(language="fr", score=None, status="failed", cause="timeout")]
    cell = cells(write_rows(rows, tmp_path / "s.csv"))["lab-a", "model-0", "fr", "maths", "exact"]
    assert (cell.generalized.value, cell.n_unscored) == (None, 1)
    assert cell.generalized.reason is not None
    assert cell.generalized.reason.code == "no_scores"


def test_too_many_cells_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_rows([row(model=f"m{k}") for k in range(3)], tmp_path / "s.csv")
    assert len(cells(path)) == 12
    monkeypatch.setattr(analysis_cells, "MAX_CELLS", 2)
    with pytest.raises(LimitError, match="3 cells are more than the limit of 2"):
        cells(path)
