"""Degenerate designs, from score files to the report in both languages: each has a stated answer.

The answers are those of the table in docs/explanation/statistics.md ("Degenerate designs").
"""

from __future__ import annotations

import re
import time
import tracemalloc
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from tests.evaluation.test_analysis import check_document, every, run
from tests.simulators.scores import row, table, write_rows

from consilience.errors import LimitError
from consilience.evaluation import analysis_cells, merge_census
from consilience.evaluation.joint_result import Cell, Estimate, JointResult
from consilience.reporting.joint_report import render
from consilience.statistics.cells import estimate_cells
from consilience.statistics.components import VarianceComponents
from consilience.statistics.prediction import ppi_mean
from consilience.statistics.variance import variance_components

ITEMS = [f"i{k:02d}" for k in range(20)]
LABORATORIES = ("lab-a", "lab-b", "lab-c")


def told(tmp_path: Path, rows: list[dict[str, Any]]) -> JointResult:
    """Analyse the rows, and check that the document holds and both reports can be drawn without a gap."""
    result = run([write_rows(rows, tmp_path / "scores.parquet")])
    check_document(result)
    for language in ("en", "fr"):
        page = render(result, language=language)
        assert "No wording for" not in page
        assert not re.search(r">[-−+]?(nan|inf)\b|NaN", page), language
        assert ">None<" not in page.replace(">None</", "")
    return result


def cell(result: JointResult, laboratory: str | None, language: str | None, rater: str = "exact") -> Cell:
    return next(
        c for c in result.cells if (c.laboratory, c.language, c.rater) == (laboratory, language, rater)
    )


def why(estimate: Estimate) -> str | None:
    return None if estimate.reason is None else estimate.reason.code


def notes(result: JointResult) -> set[str]:
    return {note.code for note in result.notes}


def scores(seed: int = 0) -> dict[tuple[str, str, str], list[float | None]]:
    """Three laboratories, two languages, 20 items, two attempts, rates that differ by item."""
    rng = np.random.default_rng(seed)
    return {
        (laboratory, language, item): [float(rng.random() < 0.3 + 0.02 * k) for _ in range(2)]
        for laboratory in LABORATORIES
        for language in ("en", "fr")
        for k, item in enumerate(ITEMS)
    }


def write_cells(path: Path, n: int) -> None:
    """A score file in which every row is a cell of its own."""
    with duckdb.connect() as connection:
        connection.execute(
            f"""COPY (SELECT 'simulated' AS exercise, 'lab-a' AS laboratory, 'model-' || i AS model,
            'en' AS language, 'maths' AS concept, 'item-1' AS item, 1 AS attempt, 'exact' AS rater,
            'program' AS rater_kind, 1.0 AS score, 'scored' AS status FROM range({n}) t(i))
            TO '{path}' (FORMAT parquet)"""
        )


def test_one_laboratory(tmp_path: Path) -> None:
    result = told(tmp_path, table({key: value for key, value in scores().items() if key[0] == "lab-a"}))
    assert result.verdict[1].code == "laboratories_one"
    assert "note_one_laboratory" in notes(result)
    for between in result.between:
        assert between.between_sd is None
        assert between.between_sd_interval is None
        assert between.p_homogeneous is None
        assert between.reason is not None
        assert between.reason.code == "one_laboratory"
    shares = {one.source: one for one in result.variance[0].components}
    assert all(one.reason is not None for source, one in shares.items() if "laboratory" in source)
    assert not [c for c in result.contrasts if c.axis == "laboratory"]


def test_one_rater(tmp_path: Path) -> None:
    result = told(tmp_path, table(scores()))
    assert "note_one_rater" in notes(result)
    assert (result.agreement, result.judges, result.severity) == ((), (), ())
    assert "no two raters with one scale scored the same answers" in render(result)


def test_one_item(tmp_path: Path) -> None:
    result = told(tmp_path, table({key: value for key, value in scores().items() if key[2] == "i00"}))
    one = cell(result, None, None)
    assert one.generalized.value is not None
    assert one.generalized.interval is None
    assert why(one.generalized) == "one_item"
    for contrast in result.contrasts:
        assert contrast.difference.interval is None
        assert contrast.p_value is None
        assert contrast.verdict == "not estimable"
    for table_ in result.variance:
        assert all(component.share_interval is None for component in table_.components)


@pytest.mark.parametrize("score", [1.0, 0.0])
def test_all_equal_on_a_scale_with_ends(tmp_path: Path, score: float) -> None:
    result = told(tmp_path, table({key: [score, score] for key in scores()}, raters=("exact", "judge")))
    one = cell(result, None, None)
    assert one.generalized.value == score
    assert one.generalized.interval is not None
    assert one.generalized.interval.high - one.generalized.interval.low > 0.05
    for contrast in result.contrasts:
        assert contrast.difference.value == 0.0
        assert contrast.difference.interval is not None
        assert contrast.difference.interval.low < 0 < contrast.difference.interval.high
        assert contrast.verdict != "different"
    assert {row.reason.code for row in result.agreement if row.reason} == {"all_same_category"}
    assert {row.reason.code for row in result.severity if row.reason} == {"perfect_agreement"}
    assert all(between.between_sd in {None, 0.0} for between in result.between)


def test_all_equal_without_ends(tmp_path: Path) -> None:
    result = told(tmp_path, table({key: [1.5, 1.5] for key in scores()}))
    one = cell(result, None, None)
    assert one.generalized.value == 1.5
    assert one.generalized.interval is None
    assert why(one.generalized) == "all_equal"
    assert {why(c.difference) for c in result.contrasts} == {"all_differences_zero"}
    assert all(c.verdict != "equivalent" for c in result.contrasts)


def test_all_missing(tmp_path: Path) -> None:
    result = told(tmp_path, table({key: [None, None] for key in scores()}))
    assert result.verdict[0].code == "measured_nothing"
    assert result.counts.scored == 0
    assert {e.value for e in every(result, Estimate)} == {None}
    assert why(cell(result, None, None).generalized) == "no_scores"
    assert sum(failure.count for failure in result.failures) == result.counts.rows


def test_disjoint_items(tmp_path: Path) -> None:
    rows = table(
        {
            (laboratory, language, f"{laboratory}-{item}"): value
            for (laboratory, language, item), value in scores().items()
        }
    )
    result = told(tmp_path, rows)
    assert result.verdict[1].code == "laboratories_not_comparable"
    pairs = [c for c in result.contrasts if c.axis == "laboratory"]
    assert pairs
    for contrast in pairs:
        assert (contrast.n_common, contrast.p_value, contrast.verdict) == (0, None, "not estimable")
        assert why(contrast.difference) == "no_pairs"
    assert all(between.between_sd is None for between in result.between)
    assert cell(result, None, None).generalized.interval is not None


def test_a_rater_who_saw_one_language(tmp_path: Path) -> None:
    rows = table(scores(), raters=("exact", "judge"))
    rng = np.random.default_rng(1)
    human = [
        one | {"rater": "panel", "rater_kind": "human", "score": float(rng.random() < 0.5)}
        for one in rows
        if one["rater"] == "exact" and one["language"] == "en"
    ]
    result = told(tmp_path, rows + human)
    partial = next(note for note in result.notes if note.code == "note_human_sample_partial")
    assert partial.params["languages"] == ["fr"]
    assert {row.language for row in result.judges if row.human == "panel"} == {None, "en"}
    tables = {severity.language: severity for severity in result.severity}
    assert set(tables) == {None, "en", "fr"}
    seen = {one.rater: one.severity for one in tables["fr"].raters}
    assert seen["panel"].value is None
    assert why(seen["panel"]) == "no_scores"
    there = {one.rater: one.severity for one in tables["en"].raters}
    assert there["panel"].interval is not None
    assert not [c for c in result.cells if c.rater == "panel" and c.language == "fr"]


def test_a_laboratory_without_weight(tmp_path: Path) -> None:
    """All its answers failed: it has no number, and the average is that of the others."""
    known = scores()
    failed = {key: [None, None] if key[0] == "lab-c" else value for key, value in known.items()}
    result = told(tmp_path / "failed", table(failed))
    without = told(tmp_path / "without", table({k: v for k, v in known.items() if k[0] != "lab-c"}))
    assert why(cell(result, "lab-c", "en").generalized) == "no_scores"
    both = [cell(one, None, None).generalized for one in (result, without)]
    assert both[0].value == pytest.approx(both[1].value)
    assert both[0].standard_error == pytest.approx(both[1].standard_error)
    assert cell(result, None, None).n_unscored == 80


def test_weights_of_zero_in_the_statistics() -> None:
    """Rows of no attempts count nothing; a judge of no use has weight 0 and leaves the human mean."""
    with_zeros = estimate_cells([0, 0, 0, 0], [2, 1, 0, 0], [3, 3, 0, 3], None, 1).estimate(0)
    assert with_zeros == estimate_cells([0, 0, 0], [2, 1, 0], [3, 3, 3], None, 1).estimate(0)
    rng = np.random.default_rng(2)
    human = np.where(np.arange(200) < 60, rng.integers(0, 2, 200), np.nan)
    useless = ppi_mean(1.0 - np.nan_to_num(human, nan=0.5).round(), human)
    assert useless.weight == 0.0
    assert useless.estimate.value == pytest.approx(np.nanmean(human))


def test_one_score_of_everything(tmp_path: Path) -> None:
    result = told(tmp_path, [row()])
    assert {e.interval for e in every(result, Estimate)} == {None}
    assert result.ranges == ()


def test_more_cells_than_the_census_takes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As 10⁶ cells are: the query itself stops one past the limit, so that nothing grows with the cells."""
    assert f"LIMIT {merge_census.MAX_GROUPS + 1}" in merge_census.CENSUS
    monkeypatch.setattr(
        merge_census, "CENSUS", merge_census.CENSUS.replace(f"{merge_census.MAX_GROUPS + 1}", "1001")
    )
    monkeypatch.setattr(merge_census, "MAX_GROUPS", 1_000)
    path = tmp_path / "many.parquet"
    write_cells(path, 5_000)
    with pytest.raises(LimitError, match="more than 1000 combinations") as stop:
        run([path])
    assert stop.value.next_step


def test_a_million_cells_in_files_are_refused_before_anything_is_computed(tmp_path: Path) -> None:
    """Refused within 20 CPU-s (measured: 3), where a table of them would take minutes."""
    path = tmp_path / "million.parquet"
    write_cells(path, 1_000_000)
    start = time.process_time()
    with pytest.raises(LimitError, match="more than 500000 combinations"):
        run([path])
    assert time.process_time() - start < 20.0


def million(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two items of three attempts in each cell."""
    cell = np.repeat(np.arange(n), 2)
    return cell, np.random.default_rng(0).integers(0, 4, 2 * n).astype(float), np.full(2 * n, 3.0)


def test_a_million_cells_in_arrays_take_time_and_memory_as_their_number() -> None:
    """Ten times as many: at most 30 times the time (a quadratic method would take 100 times), and less than
    1 KiB of memory for each cell. Every cell is that of an exercise with this cell alone."""
    seconds = []
    for n in (100_000, 1_000_000):
        cell, sums, counts = million(n)
        tracemalloc.start()
        before = time.process_time()
        found = estimate_cells(cell, sums, counts, None, n)
        seconds.append(time.process_time() - before)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak / n < 1_024
    assert seconds[1] < 30 * seconds[0]
    assert seconds[1] < 30.0
    for one in (0, 777_777, 999_999):
        mine = cell == one
        alone = estimate_cells(np.zeros(2, int), sums[mine], counts[mine], None, 1).estimate(0)
        assert found.estimate(one).value == pytest.approx(alone.value)
        assert found.estimate(one).interval == alone.interval


def components(n: int) -> tuple[VarianceComponents, float]:
    """Components of items × 10 laboratories × 10 languages with a planted item spread of 0.04, and CPU-s."""
    rng = np.random.default_rng(3)
    item, laboratory, language = (code.ravel() for code in np.indices((n // 100, 10, 10)))
    sums = 3.0 * rng.normal(0.0, 0.2, n // 100)[item] + rng.normal(0.0, 0.5, n)
    factors = {"item": item, "laboratory": laboratory, "language": language}
    start = time.process_time()
    found = variance_components(factors, sums, np.full(n, 3.0), sums**2 / 3.0 + 0.5)
    return found, time.process_time() - start


def test_a_million_cells_have_their_components_in_linear_time() -> None:
    (_, few), (found, many) = components(100_000), components(1_000_000)
    assert many < max(30 * few, 1.0)
    assert found.get("item").variance == pytest.approx(0.04, rel=0.1)
    assert found.get("laboratory").variance == pytest.approx(0.0, abs=1e-3)


def test_more_cells_than_one_document_holds_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis_cells, "MAX_CELLS", 5)
    with pytest.raises(LimitError, match="6 cells are more than the limit of 5"):
        run([write_rows(table(scores()), tmp_path / "scores.parquet")])
