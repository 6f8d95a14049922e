"""Corrections: what judges said with their errors taken out, where humans rated enough, else why not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.evaluation.corrected_exercise import LABORATORIES, judged_rows, merged_rows
from tests.evaluation.exercises import make_protocol

from consilience.evaluation import analysis_correction, analysis_judged
from consilience.evaluation.analysis_cells import make_cells
from consilience.evaluation.analysis_correction import make_corrections
from consilience.evaluation.analysis_judged import judged_raters
from consilience.evaluation.analysis_setting import make_setting
from consilience.evaluation.joint_result import Correction
from consilience.evaluation.protocol import Aggregation, AnalysisPlan, Protocol, Rater, RaterKind

Where = tuple[str | None, str | None]


def corrections(
    folder: Path, rows: Sequence[dict[str, Any]], protocol: Protocol | None = None
) -> tuple[Correction, ...]:
    merged = merged_rows(folder, rows, protocol)
    setting = make_setting(merged)
    found, _ = make_corrections(merged, setting, judged_raters(merged, setting), make_cells(merged, setting))
    return found


def by_place(found: Sequence[Correction], rater: str = "judge") -> dict[Where, Correction]:
    return {(one.laboratory, one.language): one for one in found if one.rater == rater}


def planned(*, per_item: Any = "mean", margin: float | None = None, wanted: float | None = None) -> Protocol:
    raters = [
        Rater(id="judge", kind=RaterKind.JUDGE, prompt="{answer}"),
        Rater(id="human", kind=RaterKind.HUMAN),
    ]
    plan = AnalysisPlan(estimand="generalized", wanted_difference=wanted)
    items = tuple(f"i{k}" for k in range(20))
    return make_protocol(
        items=items, raters=raters, margin=margin, analysis=plan, aggregation=Aggregation(per_item=per_item)
    )


def test_the_error_of_a_judge_is_taken_out(tmp_path: Path) -> None:
    """The judge says yes to half of the noes; the humans' mean over everything is known here."""
    rows = judged_rows(items=40, per_cell=30, rate=0.4)
    complete = judged_rows(items=40, per_cell=80, rate=0.4)
    truth = np.mean([one["score"] for one in complete if one["rater"] == "human"])
    total = by_place(corrections(tmp_path, rows))[None, None]
    assert total.raw.value is not None
    assert total.corrected.value is not None
    assert total.corrected.interval is not None
    assert total.raw.value - truth > 0.2
    assert abs(total.corrected.value - truth) < 0.1
    assert total.corrected.interval.low <= truth <= total.corrected.interval.high < total.raw.value
    assert total.corrected.interval.method == "ppi_stratified"
    assert (total.n_human, total.n_judge, total.humans) == (180, 480, ("human",))
    assert (total.primary, total.simulated) == (True, False)
    assert 0.0 < (total.weight or 0.0) <= 1.0


def test_rows_stand_for_averages_and_for_single_laboratories_and_languages(tmp_path: Path) -> None:
    found = by_place(corrections(tmp_path, judged_rows()))
    assert set(found) == {
        (None, None), (None, "en"), (None, "fr"), *((lab, None) for lab in LABORATORIES),
        *((lab, tag) for lab in LABORATORIES for tag in ("en", "fr")),
    }  # fmt: skip
    cell = found["lab-a", "en"]
    assert cell.corrected.reason is not None
    assert cell.corrected.reason.code == "too_few_human_ratings"
    assert (cell.n_human, cell.human_needed) == (10, None)
    assert cell.human_needed_reason is not None
    assert cell.human_needed_reason.code == "more_items_needed"
    assert cell.human_needed_reason.params["answers"] == 40
    assert found[None, "en"].corrected.value is not None


def test_the_raw_number_is_that_of_the_cells_and_of_the_correction(tmp_path: Path) -> None:
    rows = judged_rows(attempts=3)
    merged = merged_rows(tmp_path, [one for k, one in enumerate(rows) if k % 11])
    setting = make_setting(merged)
    judged, cells = judged_raters(merged, setting), make_cells(merged, setting)
    found = by_place(make_corrections(merged, setting, judged, cells)[0])
    strata = judged[0].strata
    assert strata is not None
    known = {(c.laboratory, c.language): c.generalized for c in cells if c.rater == "judge"}
    assert all(one.raw == known[place] for place, one in found.items())
    raw = [found[lab, tag].raw.value for lab in LABORATORIES for tag in ("en", "fr")]
    assert strata.raw.tolist() == pytest.approx(raw)


def test_a_language_without_human_ratings_has_no_corrected_number_and_no_average_over_it(
    tmp_path: Path,
) -> None:
    found = by_place(corrections(tmp_path, judged_rows(per_cell={"en": 10})))
    assert found[None, "en"].corrected.value is not None
    french, total = found[None, "fr"].corrected, found[None, None].corrected
    assert (french.value, total.value) == (None, None)
    assert french.reason is not None
    assert french.reason.code == "no_human_ratings"
    assert total.reason is not None
    assert (total.reason.code, total.reason.params) == ("human_ratings_missing_in", {"languages": ["fr"]})


def test_a_laboratory_with_one_rated_answer_is_named(tmp_path: Path) -> None:
    rows = judged_rows()
    seen = 0
    kept = []
    for one in rows:
        if one["rater"] == "human" and (one["laboratory"], one["language"]) == ("lab-b", "fr"):
            seen += 1
            if seen > 1:
                continue
        kept.append(one)
    found = by_place(corrections(tmp_path, kept))
    reason = found[None, "fr"].corrected.reason
    assert reason is not None
    assert (reason.code, reason.params) == (
        "human_ratings_few_in", {"laboratories": ["lab-b"], "languages": ["fr"], "needed": 2},
    )  # fmt: skip
    assert found["lab-a", None].corrected.value is not None


def test_averages_use_the_languages_that_every_laboratory_has(tmp_path: Path) -> None:
    kept = [
        one for one in judged_rows(per_cell=20) if (one["laboratory"], one["language"]) != ("lab-c", "fr")
    ]
    found = by_place(corrections(tmp_path, kept))
    assert found[None, None].n_judge == found[None, "en"].n_judge == 120
    assert found[None, None].corrected.value == pytest.approx(found[None, "en"].corrected.value)
    assert found[None, "fr"].n_judge == 80


def test_rogan_gladen_stands_beside_it_in_one_language_and_on_0_and_1_only(tmp_path: Path) -> None:
    found = by_place(corrections(tmp_path, judged_rows(items=40, per_cell=30)))
    french = found[None, "fr"]
    assert french.rogan_gladen.value == pytest.approx(french.corrected.value, abs=0.1)
    assert french.rogan_gladen.interval is not None
    assert found["lab-a", "fr"].rogan_gladen.value is not None
    reason = found[None, None].rogan_gladen.reason
    assert reason is not None
    assert reason.code == "rogan_gladen_one_language"
    graded = by_place(corrections(tmp_path / "graded", judged_rows(items=40, per_cell=30, scale=4.0)))
    reason = graded[None, "fr"].rogan_gladen.reason
    assert reason is not None
    assert reason.code == "not_binary"
    assert graded[None, "fr"].corrected.value is not None


def test_an_answer_that_two_humans_rated_counts_once(tmp_path: Path) -> None:
    one = by_place(corrections(tmp_path / "1", judged_rows()))
    two = by_place(corrections(tmp_path / "2", judged_rows(humans=("human", "other"))))
    assert two[None, None].humans == ("human", "other")
    assert two[None, None].n_human == one[None, None].n_human == 60
    assert two[None, None].corrected == one[None, None].corrected


def test_simulated_humans_are_marked_and_never_mixed_with_real_ones(tmp_path: Path) -> None:
    made_up = by_place(corrections(tmp_path / "1", judged_rows(human={"simulated": True})))
    assert made_up[None, None].simulated
    rows = judged_rows()
    others = [
        one | {"rater": "panel", "simulated": True, "score": 1.0 - one["score"]}
        for one in rows
        if one["rater"] == "human"
    ]
    mixed = by_place(corrections(tmp_path / "2", [*rows, *others]))
    plain = by_place(corrections(tmp_path / "3", rows))
    assert mixed[None, None].humans == ("human",)
    assert not mixed[None, None].simulated
    assert mixed[None, None].corrected == plain[None, None].corrected


def test_a_judge_that_carries_a_concept_without_humans_is_told_how_many_would_do(tmp_path: Path) -> None:
    found = by_place(corrections(tmp_path, judged_rows(per_cell=0)))
    assert set(found) == {(None, None), (None, "en"), (None, "fr"), *((lab, None) for lab in LABORATORIES)}
    total = found[None, None]
    assert total.corrected.reason is not None
    assert total.corrected.reason.code == "no_human_ratings"
    assert (total.n_human, total.human_needed, total.humans) == (0, None, ())
    why = total.human_needed_reason
    assert why is not None
    assert (why.code, why.params["answers"]) == ("more_items_needed", 240)
    assert isinstance(why.params["left"], float)
    assert isinstance(why.params["items"], int)
    assert why.params["left"] > total.wanted
    assert why.params["items"] > 20
    many = by_place(corrections(tmp_path / "many", judged_rows(per_cell=0, items=600)))[None, None]
    assert many.human_needed is not None
    assert 385 <= many.human_needed < 800
    assert many.human_needed_reason is None
    program = judged_rows(per_cell=0, judge={"rater_kind": "program"})
    assert corrections(tmp_path / "program", program) == ()


def test_humans_on_another_scale_correct_nothing(tmp_path: Path) -> None:
    rows = [one | {"score": one["score"] * 4} if one["rater"] == "human" else one for one in judged_rows()]
    total = by_place(corrections(tmp_path, rows))[None, None]
    assert total.corrected.reason is not None
    assert total.corrected.reason.code == "different_scales"


def test_only_means_of_attempts_are_corrected(tmp_path: Path) -> None:
    plan = planned(per_item="majority")
    found = by_place(corrections(tmp_path, judged_rows(), plan))
    reason = found[None, "en"].corrected.reason
    assert reason is not None
    assert (reason.code, reason.params) == ("correction_needs_mean", {"per_item": "majority"})
    assert found[None, "en"].human_needed is None
    assert found[None, "en"].human_needed_reason == reason


def test_where_an_item_has_one_score_the_items_that_humans_rated_are_counted(tmp_path: Path) -> None:
    rows = judged_rows()
    seen = {(one["laboratory"], one["language"], one["item"]) for one in rows if one["rater"] == "human"}
    assert len(seen) < sum(one["rater"] == "human" for one in rows)
    for per_item in ("majority", "any"):
        found = by_place(corrections(tmp_path / per_item, rows, planned(per_item=per_item)))
        assert found[None, None].n_human == len(seen)
        assert found[None, "en"].n_human == sum(language == "en" for _, language, _ in seen)
        assert found[None, None].n_judge == 120
        assert found["lab-a", None].n_human < found[None, None].n_human


def test_an_ordinal_scale_that_nobody_told_aims_at_a_share_of_the_scores_range(tmp_path: Path) -> None:
    rows = [one | {"score": 1.0 + 4.0 * one["score"]} for one in judged_rows(items=600, per_cell=30)]
    graded = by_place(corrections(tmp_path / "graded", rows))[None, None]
    assert (graded.wanted, graded.wanted_basis) == (pytest.approx(0.2), "observed range")
    plain = by_place(corrections(tmp_path / "plain", judged_rows(items=600, per_cell=30)))[None, None]
    assert (plain.wanted, plain.wanted_basis) == (pytest.approx(0.05), "scale")
    assert graded.human_needed == pytest.approx(plain.human_needed, rel=0.05)
    nothing = [one for one in rows if one["rater"] == "judge"]
    unrated = by_place(corrections(tmp_path / "unrated", nothing))[None, None]
    assert unrated.human_needed is not None
    assert unrated.wanted_basis == "observed range"


def test_equal_scores_on_a_scale_that_nobody_told_aim_at_nothing(tmp_path: Path) -> None:
    rows = [one | {"score": 3.0} for one in judged_rows()]
    found = by_place(corrections(tmp_path, rows))[None, None]
    assert (found.wanted, found.human_needed) == (None, None)
    assert found.human_needed_reason is not None
    assert found.human_needed_reason.code == "all_equal"


@pytest.mark.parametrize(
    ("margin", "wanted", "half", "basis"),
    [
        (None, None, 0.05, "scale"),
        (0.12, 0.3, 0.06, "margin"),
        (None, 0.3, 0.15, "wanted difference"),
    ],
)
def test_the_wanted_half_width_is_that_of_the_protocol(
    tmp_path: Path, margin: float | None, wanted: float | None, half: float, basis: str
) -> None:
    plan = planned(margin=margin, wanted=wanted)
    found = by_place(corrections(tmp_path, judged_rows(), plan))[None, None]
    assert (found.wanted, found.wanted_basis) == (pytest.approx(half), basis)


def test_corrected_means_are_limited_and_averages_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis_correction, "MAX_CORRECTIONS", 7)
    merged = merged_rows(tmp_path, judged_rows())
    setting = make_setting(merged)
    found, notes = make_corrections(
        merged, setting, judged_raters(merged, setting), make_cells(merged, setting)
    )
    assert len(found) == 7
    assert [one.laboratory is not None and one.language is not None for one in found] == [False] * 6 + [True]
    assert notes[0].params == {"rows": 12, "limit": 7}


def test_too_many_laboratories_and_languages_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis_judged, "MAX_STRATA", 5)
    reason = by_place(corrections(tmp_path, judged_rows()))[None, None].corrected.reason
    assert reason is not None
    assert (reason.code, reason.params["limit"]) == ("too_many_levels", 5)
