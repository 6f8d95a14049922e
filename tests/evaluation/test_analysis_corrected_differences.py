"""Corrected differences: each side by its own human ratings, verdicts by margin and corrected p value."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.corrected_exercise import judged_rows, merged_rows
from tests.evaluation.exercises import make_protocol

from consilience.evaluation import analysis_corrected_differences
from consilience.evaluation.analysis_corrected_differences import make_corrected_differences
from consilience.evaluation.analysis_judged import judged_raters
from consilience.evaluation.analysis_setting import make_setting
from consilience.evaluation.joint_result import CorrectedDifference, Message
from consilience.evaluation.protocol import Protocol, Rater, RaterKind
from consilience.statistics.multiplicity import holm


def differences(
    folder: Path, rows: Sequence[dict[str, Any]], protocol: Protocol | None = None
) -> tuple[tuple[CorrectedDifference, ...], list[Message]]:
    merged = merged_rows(folder, rows, protocol)
    setting = make_setting(merged)
    return make_corrected_differences(merged, setting, judged_raters(merged, setting))


def planned(margin: float | None) -> Protocol:
    raters = [
        Rater(id="judge", kind=RaterKind.JUDGE, prompt="{answer}"),
        Rater(id="human", kind=RaterKind.HUMAN),
    ]
    return make_protocol(items=tuple(f"i{k}" for k in range(60)), raters=raters, margin=margin)


def uneven(**changes: Any) -> list[dict[str, Any]]:
    """The judge errs in French only: it says yes to all noes there."""
    known = {"items": 60, "per_cell": 60, "seed": 4} | changes
    english = judged_rows(languages=("en",), false_yes=0.0, **known)
    french = judged_rows(languages=("fr",), false_yes=1.0, **known)
    return [*english, *french]


def test_a_gap_that_the_judge_made_is_taken_out(tmp_path: Path) -> None:
    found, notes = differences(tmp_path, uneven(), planned(0.3))
    (gap,) = [one for one in found if one.axis == "language"]
    assert notes == []
    assert (gap.left, gap.right, gap.model, gap.rater) == ("en", "fr", "model-0", "judge")
    assert gap.raw is not None
    assert gap.raw < -0.4
    assert gap.corrected.interval is not None
    assert gap.corrected.interval.low < 0.0 < gap.corrected.interval.high
    assert (gap.verdict, gap.margin, gap.n_human) == ("equivalent", 0.3, 360)
    assert gap.wanted == pytest.approx(0.15)


def test_without_a_margin_nothing_is_equivalent(tmp_path: Path) -> None:
    found, _ = differences(tmp_path, uneven(), planned(None))
    assert {one.verdict for one in found if one.axis == "language"} == {"inconclusive"}


def test_a_true_gap_stays(tmp_path: Path) -> None:
    rows = [
        *judged_rows(languages=("en",), rate=0.9, items=60, per_cell=60),
        *judged_rows(languages=("fr",), rate=0.2, items=60, per_cell=60),
    ]
    found, _ = differences(tmp_path, rows)
    (gap,) = [one for one in found if one.axis == "language"]
    assert gap.verdict == "different"
    assert gap.corrected.value is not None
    assert gap.corrected.value > 0.4


def test_p_values_are_corrected_over_axis_concept_and_rater(tmp_path: Path) -> None:
    found, _ = differences(tmp_path, judged_rows(items=40, per_cell=30, models=("m0", "m1")))
    for axis, number in (("laboratory", 6), ("language", 2), ("model", 1)):
        mine = [one for one in found if one.axis == axis]
        assert len(mine) == number
        assert [one.p_adjusted for one in mine] == pytest.approx(holm([one.p_value for one in mine]))
    assert [one.model for one in found if one.axis == "model"] == [None]


def test_sides_are_cut_to_what_both_have(tmp_path: Path) -> None:
    rows = judged_rows(items=40, per_cell=30)
    kept = [one for one in rows if (one["laboratory"], one["language"]) != ("lab-c", "fr")]
    found, _ = differences(tmp_path, kept)
    numbers = {(one.axis, one.left, one.right): one.n_human for one in found}
    assert numbers["language", "en", "fr"] == 120
    assert numbers["laboratory", "lab-a", "lab-b"] == 120
    assert numbers["laboratory", "lab-a", "lab-c"] == 60


def test_a_side_without_human_ratings_is_not_estimable(tmp_path: Path) -> None:
    found, _ = differences(tmp_path, judged_rows(per_cell={"en": 20}))
    (gap,) = [one for one in found if one.axis == "language"]
    assert gap.verdict == "not estimable"
    assert (gap.corrected.value, gap.p_value, gap.p_adjusted) == (None, None, None)
    assert gap.corrected.reason is not None
    assert gap.corrected.reason.params == {"languages": ["fr"]}
    assert gap.raw is not None
    assert gap.human_needed is None
    assert gap.human_needed_reason is not None
    assert gap.human_needed_reason.code == "more_items_needed"
    assert gap.human_needed_reason.params["answers"] == 240


def test_a_program_that_carries_nothing_is_left_out(tmp_path: Path) -> None:
    rows = judged_rows()
    beside = [
        one | {"rater": "pattern", "rater_kind": "program"}
        for one in rows
        if one["rater"] == "judge" and one["attempt"] == 1
    ]
    found, _ = differences(tmp_path, [*rows, *beside])
    assert {one.rater for one in found} == {"judge"}


def test_pairs_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis_corrected_differences, "MAX_CONTRASTS", 2)
    found, notes = differences(tmp_path, judged_rows())
    assert {one.axis for one in found} == {"language"}
    assert [note.params for note in notes] == [{"axis": "laboratory", "pairs": 3, "limit": 2}]
