"""Variances from a pilot: planted ones are found, missing ones have a reason, files are read with care."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest
from tests.evaluation.protocol_folder import read, write

from consilience.errors import InputError, LimitError, NotFoundError
from consilience.evaluation.pilot import ItemSums, estimate_variances, read_pilot
from consilience.evaluation.planning import Variances, analyse_power
from consilience.evaluation.protocol import Protocol


@pytest.fixture
def protocol(tmp_path: Path) -> Protocol:
    return read(write(tmp_path)).protocol


def sums(level: str, scores: np.ndarray, axis: str = "language") -> list[ItemSums]:
    """One row per item; `scores` has shape (items, attempts)."""
    base = {"laboratory": "a", "model": "m", "language": "en"} | {axis: level}
    return [
        ItemSums(
            item=f"q{n}", total=float(row.sum()), attempts=len(row), squares=float((row**2).sum()), **base
        )
        for n, row in enumerate(scores)
    ]


@pytest.mark.parametrize("axis", ["language", "model", "laboratory"])
def test_planted_variances_are_found(axis: str) -> None:
    rng = np.random.default_rng(7)
    difference = rng.normal(0.1, 0.3, size=4000)
    left = rng.normal(0.5, 0.4, size=(4000, 5))
    right = 0.5 - difference[:, None] + rng.normal(0, 0.2, size=(4000, 5))
    found = estimate_variances(sums("en", left, axis) + sums("fr", right, axis), axis)  # type: ignore[arg-type]
    assert isinstance(found, Variances)
    assert found.item == pytest.approx(0.09, rel=0.1)
    assert found.within_left == pytest.approx(0.16, rel=0.05)
    assert found.within_right == pytest.approx(0.04, rel=0.05)
    assert (found.basis, found.pilot_items, found.correlation) == ("pilot", 4000, None)


def test_pairs_are_weighted_by_their_items() -> None:
    rng = np.random.default_rng(1)
    many, few = rng.normal(0, 1, size=(300, 1)), rng.normal(0, 1, size=(10, 1))
    both = estimate_variances(sums("en", many) + sums("fr", many * 3) + sums("de", few), "language")
    assert isinstance(both, Variances)
    assert both.item == pytest.approx(4.0, rel=0.3)


@pytest.mark.parametrize("axis", ["language", "model", "laboratory"])
def test_a_pilot_without_two_levels_says_so(axis: str) -> None:
    rows = sums("en", np.ones((30, 2)), "language") + sums("fr", np.ones((4, 2)), "language")
    found = estimate_variances(rows, axis)  # type: ignore[arg-type]
    assert found == f"the pilot has no two levels of {axis} with 5 common items"


def scores_file(folder: Path, select: str) -> Path:
    path = folder / "scores.parquet"
    duckdb.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
    return path


ROWS = """
SELECT 'pilot' AS exercise, 'a' AS laboratory, 'm' AS model, l.tag AS language, 'knowledge' AS concept,
  'q' || i AS item, k AS attempt, 'says-it' AS rater, 'program' AS rater_kind,
  CASE WHEN l.tag = 'en' THEN ((i + k) % 2)::DOUBLE ELSE ((i * k) % 3 = 0)::INTEGER::DOUBLE END AS score,
  'scored' AS status
FROM range(60) a(i), range(4) b(k), (VALUES ('en'), ('fr')) l(tag)
"""


def test_a_scores_file_replaces_the_assumptions_where_it_can(tmp_path: Path, protocol: Protocol) -> None:
    junk = (
        f"{ROWS} UNION ALL SELECT 'pilot', 'a', 'm', 'en', 'knowledge', 'q0', 9, 'says-it', 'program', v, s "
        "FROM (VALUES ('nan'::DOUBLE, 'scored'), ('inf'::DOUBLE, 'scored'), (5.0, 'unscored'), (1e300, "
        "'scored')) t(v, s)"
    )
    pilot = read_pilot(scores_file(tmp_path, junk), protocol)
    found = pilot["language", "knowledge"]
    assert isinstance(found, Variances)
    assert found.pilot_items == 60
    assert found.within_left == pytest.approx(1 / 3)
    assert pilot["laboratory", "knowledge"] == "the pilot has no two levels of laboratory with 5 common items"
    rows = {row.axis: row for row in analyse_power(protocol, pilot).rows}
    assert rows["language"].variances.basis == "pilot"
    assert rows["laboratory"].variances.basis == "assumed"
    assert "no two levels" in rows["laboratory"].variances.reason


def test_other_raters_and_concepts_do_not_count(tmp_path: Path, protocol: Protocol) -> None:
    for column, value in (("concept", "other"), ("rater", "other"), ("status", "withheld")):
        path = scores_file(tmp_path, f"SELECT * REPLACE ('{value}' AS {column}) FROM ({ROWS})")
        assert isinstance(read_pilot(path, protocol)["language", "knowledge"], str)


def test_bad_files_are_told(tmp_path: Path, protocol: Protocol) -> None:
    with pytest.raises(NotFoundError):
        read_pilot(tmp_path / "no.parquet", protocol)
    (tmp_path / "bad.parquet").write_text("nothing")
    with pytest.raises(InputError, match="cannot be read"):
        read_pilot(tmp_path / "bad.parquet", protocol)
    with pytest.raises(InputError, match="no column `concept`"):
        read_pilot(scores_file(tmp_path, "SELECT 1 AS laboratory"), protocol)
    (tmp_path / "a*.parquet").write_text("nothing")
    with pytest.raises(InputError, match="must not hold"):
        read_pilot(tmp_path / "a*.parquet", protocol)


def test_a_pilot_has_a_limit(tmp_path: Path, protocol: Protocol, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consilience.evaluation.pilot.MAX_PILOT_ROWS", 119)
    with pytest.raises(LimitError, match="more than 119"):
        read_pilot(scores_file(tmp_path, ROWS), protocol)
    monkeypatch.setattr("consilience.evaluation.pilot.MAX_PILOT_ROWS", 120)
    assert read_pilot(scores_file(tmp_path, ROWS), protocol)
