"""Severity of raters in a joint result, on data whose answer is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.simulators.scores import row, write_rows

from consilience.evaluation import analysis_severity
from consilience.evaluation.analysis_setting import make_setting
from consilience.evaluation.analysis_severity import make_severity
from consilience.evaluation.joint_result import SeverityTable
from consilience.evaluation.merge import merge

SHIFTS = {"harsh": -0.2, "mild": 0.1, "middle": 0.1}


def rated(
    shifts: Mapping[str, float], *, items: int = 30, seed: int = 1, scale: float = 1.0, **changes: Any
) -> list[dict[str, Any]]:
    """Continuous scores of raters who see an answer's worth with a shift of their own."""
    rng = np.random.default_rng(seed)
    rows = []
    for item in range(items):
        worth = rng.uniform(0.3, 0.7)
        for rater, shift in shifts.items():
            score = scale * float(np.clip(worth + shift + rng.normal(0, 0.03), 0.0, 1.0))
            rows.append(row(item=f"i{item}", rater=rater, rater_kind="judge", score=score) | changes)
    return rows


def compute(tmp_path: Path, rows: list[dict[str, Any]]) -> tuple[SeverityTable, ...]:
    merged = merge([write_rows(rows, tmp_path / "s.jsonl")])
    return make_severity(merged.tables, make_setting(merged))


def test_a_planted_severity_is_found_with_its_interval(tmp_path: Path) -> None:
    (table,) = compute(tmp_path, rated(SHIFTS))
    assert (table.concept, table.language, table.n_objects, table.n_sets) == ("maths", None, 30, 1)
    assert table.method == "additive_raters_clustered"
    assert table.p_equal is not None
    assert table.p_equal < 1e-6
    for one in table.raters:
        interval = one.severity.interval
        assert interval is not None
        assert interval.low < -SHIFTS[one.rater] < interval.high
        assert one.n_ratings == one.severity.n_items == 30
        assert not one.simulated
    assert sum(one.severity.value or 0.0 for one in table.raters) == pytest.approx(0.0)


def test_copied_answers_to_one_item_do_not_narrow_the_interval(tmp_path: Path) -> None:
    rows = rated(SHIFTS)
    again = [one | {"attempt": attempt} for one in rows for attempt in range(1, 6)]
    (once,) = compute(tmp_path / "a", rows)
    (copied,) = compute(tmp_path / "b", again)
    assert copied.n_objects == 150
    for one, other in zip(once.raters, copied.raters, strict=True):
        assert other.severity.n_items == 30
        assert other.severity.value == pytest.approx(one.severity.value)
        assert other.severity.standard_error == pytest.approx(one.severity.standard_error)


def test_languages_have_tables_where_enough_items_are_shared(tmp_path: Path) -> None:
    rows = [
        *rated(SHIFTS, language="en"),
        *rated({"harsh": -0.1, "mild": 0.1}, language="fr", items=12),
        *rated(SHIFTS, language="de", items=analysis_severity.MIN_ITEMS - 1),
    ]
    tables = compute(tmp_path, rows)
    assert [table.language for table in tables] == [None, "en", "fr"]
    french = {one.rater: one.severity for one in tables[2].raters}
    assert french["harsh"].value == pytest.approx(0.1, abs=0.02)
    assert french["middle"].value is None
    assert french["middle"].reason is not None
    assert french["middle"].reason.code == "no_scores"


def test_simulated_raters_are_marked(tmp_path: Path) -> None:
    rows = [one | {"simulated": one["rater"] == "mild"} for one in rated(SHIFTS)]
    (table,) = compute(tmp_path, rows)
    assert [one.rater for one in table.raters if one.simulated] == ["mild"]


def test_raters_on_different_scales_are_not_compared(tmp_path: Path) -> None:
    rows = [*rated({"a": 0.0, "b": 0.1}), *rated({"ten": 0.0, "five": -0.2}, scale=10.0)]
    binary = [one | {"rater": "yes-or-no", "score": float(one["score"] > 0.5)} for one in rows[::2][:30]]
    found = compute(tmp_path, rows + binary)
    assert [tuple(one.rater for one in table.raters) for table in found] == [("a", "b", "five", "ten")]


def test_unlinked_raters_say_so(tmp_path: Path) -> None:
    rows = [*rated({"a": 0.0, "b": 0.1}), *rated({"c": 0.0, "d": -0.2}, laboratory="lab-b")]
    (table,) = compute(tmp_path, rows)
    assert table.n_sets == 2
    assert table.reason is not None
    assert table.reason.code == "raters_unlinked"
    assert {one.rater: one.connected_set for one in table.raters} in (
        {"a": 0, "b": 0, "c": 1, "d": 1}, {"a": 1, "b": 1, "c": 0, "d": 0},
    )  # fmt: skip


def test_raters_that_always_agree_have_no_interval_and_say_why(tmp_path: Path) -> None:
    rows = [
        row(item=f"i{k}", rater=rater, rater_kind="judge", score=float(k % 2))
        for k in range(20)
        for rater in ("a", "b")
    ]
    (table,) = compute(tmp_path, rows)
    assert table.p_equal is None
    assert table.reason is not None
    assert table.reason.code == "perfect_agreement"
    for one in table.raters:
        assert one.severity.value == 0.0
        assert one.severity.interval is None
        assert one.severity.reason == table.reason


def test_one_item_is_no_evidence_and_few_answers_give_no_number(tmp_path: Path) -> None:
    rows = [one | {"item": "i0", "attempt": k + 1} for k, one in enumerate(rated({"a": 0.0}, items=12))]
    both = rows + [one | {"rater": "b", "score": one["score"] * 0.9} for one in rows]
    (table,) = compute(tmp_path / "one", both)
    assert [one.severity.reason.code for one in table.raters if one.severity.reason] == ["one_cluster"] * 2
    assert table.p_equal is None
    assert table.reason is not None
    assert table.reason.code == "raters_few_items"
    (few,) = compute(tmp_path / "few", rated(SHIFTS, items=9))
    assert few.reason is not None
    assert few.reason.code == "too_few_shared"
    assert few.reason.params == {"n_shared": 9, "needed": 10}
    assert all(one.severity.value is None and one.severity.reason == few.reason for one in few.raters)


def test_one_rater_and_disjoint_answers_have_no_table(tmp_path: Path) -> None:
    assert compute(tmp_path / "one", rated({"a": 0.0})) == ()
    apart = [*rated({"a": 0.0}), *rated({"b": 0.0}, laboratory="lab-b")]
    assert compute(tmp_path / "apart", apart) == ()


def test_the_interval_ends_at_the_width_of_the_scale(tmp_path: Path) -> None:
    rows = [
        row(item=f"i{k % 2}", attempt=k // 2 + 1, rater=rater, rater_kind="judge", score=score)
        for k in range(12)
        for rater, score in (("a", 1.0), ("b", float(k % 2 and k > 3)))
    ]
    (table,) = compute(tmp_path, rows)
    for one in table.raters:
        assert one.severity.interval is not None
        assert -1.0 <= one.severity.interval.low < one.severity.interval.high <= 1.0


def test_the_number_of_tables_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis_severity, "MAX_TABLES", 2)
    rows = [one for tag in ("en", "fr", "de") for one in rated(SHIFTS, language=tag)]
    assert [table.language for table in compute(tmp_path, rows)] == [None, "de"]
