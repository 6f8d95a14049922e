"""Which raters enter the components, and that what the model does is told from what raters do."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.evaluation.exercises import make_protocol
from tests.simulators.scores import Components, Design, row, write, write_rows

from consilience.evaluation import analysis_variance
from consilience.evaluation.analysis import analyse
from consilience.evaluation.joint_result import JointResult, VarianceTable
from consilience.evaluation.protocol import Aggregation, Rater, RaterKind

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
JUDGES = ("judge", "judge", "judge")


def _result(paths: Any, **options: Any) -> JointResult:
    return analyse(paths, protocol=options.pop("protocol", None), now=NOW, **options)


def _variances(table: VarianceTable) -> dict[str, float | None]:
    return {component.source: component.variance for component in table.components}


def _rows(
    rng: np.random.Generator, raters: tuple[str, ...] = ("a", "b"), **changes: Any
) -> list[dict[str, Any]]:
    """Two laboratories × two languages × 20 items × 2 attempts; raters err on their own."""
    rows = []
    for lab in ("x", "y"):
        for tag in ("en", "fr"):
            for item in range(20):
                for attempt in (1, 2):
                    truth = rng.random() < 0.6
                    for rater in raters:
                        score = float(truth ^ (rng.random() < 0.1))
                        known = {"laboratory": lab, "language": tag, "item": f"i{item}", "attempt": attempt}
                        rows.append(row(**known, rater=rater, rater_kind="judge", score=score, **changes))
    return rows


@pytest.mark.parametrize("binary", [True, False])
def test_attempt_and_residual_are_those_that_were_planted(tmp_path: Path, *, binary: bool) -> None:
    components = Components(item=0.15, laboratory=0.0, language=0.0, item_language=0.0, attempt=0.3)
    design = Design(
        laboratories=4, languages=2, items=300, attempts=3, raters=3, binary=binary, components=components,
        rater_error=(0.0, 0.1, 0.1), rater_kinds=JUDGES, seed=4,
    )  # fmt: skip
    alone, rated = _result(write(design, tmp_path)).variance
    assert (alone.raters, rated.raters) == (("rater-0",), ("rater-0", "rater-1", "rater-2"))
    found = _variances(rated)
    if binary:
        chance = 0.6 * 0.4 - 0.15**2
        slopes = (0.8 + 0.8 + 0.64) / 3
        own = (1 + 0.64 + 0.64) / 3
        assert found["attempt"] == pytest.approx(slopes * chance, rel=0.05)
        assert found["residual"] == pytest.approx((own - slopes) * chance + 0.09 * 2 / 3, rel=0.05)
    else:
        assert found["attempt"] == pytest.approx(0.09, rel=0.05)
        assert found["residual"] == pytest.approx(0.01 * 2 / 3, rel=0.05)
    assert found["item"] == pytest.approx(_variances(alone)["item"] or 0.0, rel=0.5)
    attempt = next(one for one in rated.components if one.source == "attempt")
    assert attempt.interval is not None
    assert attempt.interval.low < (attempt.variance or 0.0) < attempt.interval.high
    assert rated.n_scores == 3 * alone.n_scores
    assert "rater_strata" in _result(write(design, tmp_path)).methods


def test_the_rater_of_the_verdict_keeps_its_table(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = _rows(rng)
    together = _result([write_rows(rows, tmp_path / "ab.csv")]).variance
    alone = _result([write_rows([r for r in rows if r["rater"] == "a"], tmp_path / "a.csv")]).variance
    assert len(together) == 2
    assert together[0] == alone[0]


def test_samples_gaps_and_simulated_raters_stay_out(tmp_path: Path) -> None:
    """A human sample, a judge that saw one language, one with gaps, a simulated one, one on another scale."""
    rng = np.random.default_rng(1)
    rows = _rows(rng)
    first = [r for r in rows if r["rater"] == "a"]
    human = [r | {"rater": "human", "rater_kind": "human"} for r in first[::5]]
    english = [r | {"rater": "english"} for r in first if r["language"] == "en"]
    gaps = [r | {"rater": "gaps"} for n, r in enumerate(first) if n % 3]
    simulated = [r | {"rater": "made-up", "simulated": True} for r in first]
    scale = [r | {"rater": "stars", "score": 1.0 + 4 * r["score"]} for r in first]
    rows = [r | {"simulated": False} for r in [*rows, *human, *english, *gaps, *scale]] + simulated
    tables = _result([write_rows(rows, tmp_path / "s.parquet")]).variance
    assert [table.raters for table in tables] == [("a",), ("a", "b")]
    assert not tables[1].simulated


def test_only_simulated_raters_are_marked(tmp_path: Path) -> None:
    rows = _rows(np.random.default_rng(2), simulated=True)
    tables = _result([write_rows(rows, tmp_path / "s.parquet")]).variance
    assert [table.raters for table in tables] == [("a",), ("a", "b")]
    assert all(table.simulated for table in tables)


def test_a_few_rows_with_a_gap_are_left_out_of_the_table_with_raters(tmp_path: Path) -> None:
    rows = _rows(np.random.default_rng(3))
    missing = [r for r in rows if not (r["rater"] == "b" and r["item"] == "i3" and r["attempt"] == 1)]
    alone, rated = _result([write_rows(missing, tmp_path / "s.csv")]).variance
    assert alone.n_scores == 160
    assert rated.n_scores == 2 * (160 - 8)


def test_aggregated_attempts_are_one_score(tmp_path: Path) -> None:
    raters = [Rater(id=name, kind=RaterKind.PROGRAM, program="exact") for name in ("a", "b")]
    plan = make_protocol(
        items=tuple(f"i{n}" for n in range(20)), aggregation=Aggregation(per_item="any"), raters=raters
    )
    rows = _rows(np.random.default_rng(4))
    rows = [r | {"rater_kind": "program"} for r in rows]
    tables = _result([write_rows(rows, tmp_path / "s.csv")], protocol=plan).variance
    assert tables[1].n_scores == 2 * 80
    found = {one.source: one for one in tables[1].components}
    reason = found["item:laboratory:language"].reason
    assert reason is not None
    assert reason.code == "confounded"
    best = {}
    for r in rows:
        key = (r["laboratory"], r["language"], r["item"], r["rater"])
        best[key] = max(best.get(key, 0.0), r["score"])
    a, b = (np.array([v for k, v in sorted(best.items()) if k[3] == rater]) for rater in "ab")
    total = sum(one.variance for one in found.values() if one.variance is not None)
    assert total == pytest.approx((a.var(ddof=1) + b.var(ddof=1)) / 2, rel=0.1)


def test_very_many_rows_rest_on_drawn_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    design = Design(laboratories=3, languages=2, items=400, attempts=2, raters=2, rater_kinds=JUDGES)
    paths = write(design, tmp_path)
    whole = _result(paths)
    monkeypatch.setattr(analysis_variance, "MAX_ROWS", 1200)
    drawn = _result(paths)
    assert not any(table.drawn for table in whole.variance)
    for table, all_of_it in zip(drawn.variance, whole.variance, strict=True):
        assert table.drawn
        assert table.n_scores == pytest.approx(all_of_it.n_scores / 2, rel=0.15)
        big, small = _variances(all_of_it), _variances(table)
        assert small["attempt"] == pytest.approx(big["attempt"] or 0.0, rel=0.1)
    for study, other in zip(drawn.decisions, whole.decisions, strict=True):
        assert study.design == other.design
        assert study.n_generations == other.n_generations
        assert study.half_width == pytest.approx(other.half_width or 0.0, rel=0.5)
