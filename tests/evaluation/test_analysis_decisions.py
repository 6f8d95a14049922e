"""Decision studies of an analysis: their margin, their cost, and that what they promise is so."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.evaluation.exercises import make_manifest, make_protocol, write_run
from tests.simulators.scores import Components, Design, row, write, write_rows

from consilience.evaluation import analysis_decisions
from consilience.evaluation import protocol as pr
from consilience.evaluation.analysis import analyse
from consilience.evaluation.joint_result import DecisionStudy, JointResult, MoreOfOne

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ITEMS = tuple(f"i{n}" for n in range(30))


def _result(paths: Any, protocol: pr.Protocol | None = None) -> JointResult:
    return analyse(paths, protocol=protocol, now=NOW)


def _more(study: DecisionStudy, facet: str) -> MoreOfOne:
    return next(one for one in study.more if one.facet == facet)


def _rows(
    protocol: pr.Protocol, laboratory: str, rater: str = "exact", kind: str = "program"
) -> list[dict[str, Any]]:
    rng = np.random.default_rng([len(laboratory), ord(laboratory[-1])])
    chances = np.random.default_rng(1).random(len(protocol.items))
    return [
        row(
            laboratory=laboratory, item=item.id, language=item.language, attempt=attempt, rater=rater,
            rater_kind=kind, score=float(rng.random() < chance),
            protocol_digest=pr.protocol_digest(protocol), item_digest=pr.item_digest(item),
            split="evaluation",
        )
        for item, chance in zip(protocol.items, chances, strict=True)
        for attempt in (1, 2)
    ]  # fmt: skip


def _runs(folder: Path, protocol: pr.Protocol, **changes: Any) -> list[Path]:
    return [
        write_run(folder / lab, protocol, lab, _rows(protocol, lab), **changes)
        for lab in ("a", "b", "c", "d")
    ]


def _study(tmp_path: Path, protocol: pr.Protocol, **changes: Any) -> DecisionStudy:
    return _result(_runs(tmp_path, protocol, **changes)).decisions[0]


@pytest.mark.parametrize(
    ("margin", "wanted", "expected"),
    [
        (0.1, 0.2, (0.1, "laboratory margin")),
        (None, 0.2, (0.2, "wanted difference")),
        (None, None, (0.05, "default")),
    ],
)
def test_the_margin_is_the_first_that_the_protocol_names(
    tmp_path: Path, margin: float | None, wanted: float | None, expected: tuple[float, str]
) -> None:
    plan = pr.AnalysisPlan(estimand="generalized", wanted_difference=wanted)
    study = _study(tmp_path, make_protocol(items=ITEMS, margin=margin, analysis=plan))
    assert (study.margin, study.margin_basis) == expected
    assert study.design == {"item": 30, "laboratory": 4, "language": 2, "attempt": 2}
    assert study.n_generations == 480
    assert _more(study, "language").reason is not None
    assert _more(study, "language").reason.code == "held_fixed"  # type: ignore[union-attr]


def test_cost_is_counted_from_generations_and_manifests(tmp_path: Path) -> None:
    protocol = make_protocol(items=ITEMS, margin=0.07)
    usage = msgspec.structs.replace(
        make_manifest(protocol, "a").usage, answers=120, answers_with_tokens=60, prompt_tokens=3000,
        completion_tokens=600,
    )  # fmt: skip
    study = _study(tmp_path, protocol, usage=usage)
    assert study.tokens_per_generation == pytest.approx(60.0)
    assert not study.tokens_leave_out_judges
    items = _more(study, "item")
    assert items.needed is not None
    calls = 480 / 30 * (items.needed - 30)
    assert items.extra_calls == pytest.approx(calls, abs=1)
    assert items.extra_tokens == pytest.approx(60.0 * calls, rel=0.01)
    assert items.half_width is not None
    assert items.half_width <= 0.07
    assert study.half_width is not None
    assert study.half_width > 0.07
    assert [point.levels for point in items.curve] == [30, 60, 120, 240, 480]
    widths = [point.half_width for point in items.curve]
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == pytest.approx(study.half_width)


def test_without_manifests_tokens_are_not_known(tmp_path: Path) -> None:
    design = Design(laboratories=5, languages=2, items=30, attempts=2, raters=1)
    study = _result(write(design, tmp_path)).decisions[0]
    assert study.tokens_per_generation is None
    assert all(one.extra_tokens is None for one in study.more)
    assert any(one.extra_calls is not None for one in study.more)


def test_judges_cost_calls_too(tmp_path: Path) -> None:
    design = Design(
        laboratories=5, languages=2, items=30, attempts=2, raters=2, rater_kinds=("program", "judge")
    )
    alone, rated = _result(write(design, tmp_path)).decisions
    assert not alone.tokens_leave_out_judges
    assert rated.tokens_leave_out_judges
    assert rated.raters == ("rater-0", "rater-1")
    assert rated.design["rater"] == 2
    items = _more(alone, "item"), _more(rated, "item")
    for one, factor in zip(items, (1.0, 2.0), strict=True):
        if one.needed is not None:
            assert one.extra_calls == pytest.approx(600 / 30 * (one.needed - 30) * factor, abs=2)


def test_items_that_each_have_one_language_count_as_they_are(tmp_path: Path) -> None:
    """Twice as many items in all, half of them in each language, is the same mean of as many generations."""
    rng = np.random.default_rng(5)
    chances = rng.random(80)
    rows = [
        row(laboratory=lab, language="en" if n % 2 else "fr", item=f"i{n}", attempt=attempt,
            score=float(rng.random() < chances[n]))
        for lab in ("a", "b", "c", "d") for n in range(80) for attempt in (1, 2)
    ]  # fmt: skip
    study = _result([write_rows(rows, tmp_path / "s.csv")]).decisions[0]
    assert study.design["item"] == 80
    assert study.n_generations == 640
    assert "item:language" in study.left_out
    items = _more(study, "item")
    if items.needed is not None:
        assert items.extra_calls == pytest.approx(8 * (items.needed - 80), abs=1)
    spread = float(np.var(chances, ddof=1))
    assert study.half_width == pytest.approx(2 * np.sqrt(spread / 80), rel=0.35)


def test_the_promised_half_width_is_what_a_larger_exercise_has(tmp_path: Path) -> None:
    components = Components(item=0.25, laboratory=0.0, language=0.0, item_language=0.0)
    small = Design(laboratories=5, languages=1, items=100, attempts=2, raters=1, components=components)
    large = Design(laboratories=5, languages=1, items=400, attempts=2, raters=1, components=components)
    plan = _result(write(small, tmp_path / "s")).decisions[0]
    later = _result(write(large, tmp_path / "l")).decisions[0]
    promised = {point.levels: point.half_width for point in _more(plan, "item").curve}
    assert later.half_width == pytest.approx(promised[400], rel=0.3)


def test_where_nothing_can_be_said_the_reason_stands_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = [row(item="i1", attempt=attempt, score=float(attempt % 2)) for attempt in (1, 2, 3)]
    study = _result([write_rows(one, tmp_path / "one.csv")]).decisions[0]
    assert study.reason is not None
    assert study.reason.code == "one_item"
    assert (study.half_width, study.more, study.cheapest) == (None, (), None)
    flat = [row(laboratory=lab, item=f"i{n}", score=2.0) for lab in "abcd" for n in range(5)]
    study = _result([write_rows(flat, tmp_path / "flat.csv")]).decisions[0]
    assert study.margin is None
    assert study.reason is not None
    assert study.reason.code == "all_equal"
    monkeypatch.setattr(analysis_decisions, "MAX_LEVELS", 20)
    many = write(Design(laboratories=4, languages=1, items=30, attempts=2, raters=1), tmp_path / "many")
    study = _result(many).decisions[0]
    assert study.reason is not None
    assert study.reason.code == "too_many_levels"
    assert study.half_width is None


def test_no_half_width_is_wider_than_half_of_the_scale(tmp_path: Path) -> None:
    """Three laboratories of which one always fails: what a further one would find is not known at all."""
    rng = np.random.default_rng(4)
    rows = [
        row(laboratory=lab, language=language, item=f"i{n}", attempt=k, score=float(rng.random() < rate))
        for lab, rate in (("a", 0.95), ("b", 0.9), ("c", 0.03))
        for language in ("en", "fr") for n in range(30) for k in (1, 2)
    ]  # fmt: skip
    study = _result([write_rows(rows, tmp_path / "s.csv")]).decisions[0]
    assert (study.half_width, study.widest, study.capped) == (0.5, 0.5, True)
    assert all(point.half_width <= 0.5 for one in study.more for point in one.curve)
    assert all(one.left is None or one.left <= 0.5 for one in study.more)
    assert study.speaks_of_further == ("item", "laboratory", "attempt")
    assert study.speaks_of_these == ("language",)


def test_a_scale_without_ends_has_no_widest_half_width(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    rows = [
        row(laboratory=lab, item=f"i{n}", attempt=attempt, score=float(rng.normal(k * 50.0, 1.0)))
        for k, lab in enumerate("abc") for n in range(20) for attempt in (1, 2)
    ]  # fmt: skip
    study = _result([write_rows(rows, tmp_path / "s.csv")]).decisions[0]
    assert (study.widest, study.capped) == (None, False)
    assert study.half_width is not None
    assert study.half_width > 50.0
