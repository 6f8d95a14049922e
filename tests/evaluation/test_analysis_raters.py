"""Raters beside each other, on data whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.simulators.scores import row, write_rows

from consilience.evaluation import analysis_raters
from consilience.evaluation.analysis_raters import make_agreement, make_judges
from consilience.evaluation.analysis_setting import make_setting
from consilience.evaluation.joint_result import Agreement, JudgeAgainstHuman
from consilience.evaluation.merge import merge

HUMAN = [1, 1, 1, 1, 0, 0, 0, 0, 1, 0, 1, 0]
JUDGE = [1, 1, 1, 0, 0, 0, 1, 0, 1, 0, 1, 0]


def rated(scores: dict[str, Sequence[float]], **changes: Any) -> list[dict[str, Any]]:
    kinds = {"human": "human", "other": "human"}
    return [
        row(item=f"i{k}", rater=rater, rater_kind=kinds.get(rater, "judge"), score=float(score)) | changes
        for rater, values in scores.items()
        for k, score in enumerate(values)
    ]


def compute(
    tmp_path: Path, rows: list[dict[str, Any]]
) -> tuple[tuple[Agreement, ...], tuple[JudgeAgainstHuman, ...]]:
    merged = merge([write_rows(rows, tmp_path / "s.jsonl")])
    setting = make_setting(merged)
    agreement, _ = make_agreement(merged.tables, setting, np.random.default_rng(1))
    return agreement, make_judges(merged.tables, setting)


def test_a_judge_is_held_against_the_human(tmp_path: Path) -> None:
    _, judges = compute(tmp_path, rated({"human": HUMAN, "judge": JUDGE}))
    overall = next(j for j in judges if j.language is None)
    assert (overall.rater, overall.human, overall.n_shared) == ("judge", "human", 12)
    assert overall.sensitivity.value == pytest.approx(5 / 6)
    assert overall.specificity.value == pytest.approx(5 / 6)
    assert overall.agreement.value == pytest.approx(10 / 12)
    assert overall.bias.value == pytest.approx(0.0)
    assert [(j.language, j.laboratory) for j in judges] == [(None, None), ("en", None)]


def test_languages_and_laboratories_have_their_own_rows(tmp_path: Path) -> None:
    rows = [
        *rated({"human": HUMAN, "judge": JUDGE}, laboratory="a", language="en"),
        *rated({"human": HUMAN, "judge": HUMAN}, laboratory="b", language="fr"),
    ]
    agreement, judges = compute(tmp_path, rows)
    rates = {(j.language, j.laboratory): j.agreement.value for j in judges}
    assert rates == pytest.approx(
        {
            (None, None): 22 / 24,
            ("en", None): 10 / 12,
            ("fr", None): 1.0,
            (None, "a"): 10 / 12,
            (None, "b"): 1.0,
        }
    )
    assert {(a.language, a.statistic) for a in agreement} >= {
        (None, "krippendorff_alpha_nominal"), (None, "gwet_ac1"), (None, "cohen_kappa"),
        ("en", "krippendorff_alpha_nominal"), ("fr", "krippendorff_alpha_nominal"),
    }  # fmt: skip


def test_kappa_is_that_of_the_table(tmp_path: Path) -> None:
    agreement, _ = compute(tmp_path, rated({"human": HUMAN, "judge": JUDGE}))
    (kappa,) = [a for a in agreement if a.statistic == "cohen_kappa"]
    assert kappa.value == pytest.approx((10 / 12 - 0.5) / 0.5)
    assert kappa.percent_agreement == pytest.approx(10 / 12)
    assert kappa.n_shared == 12


def test_fewer_than_ten_shared_generations_give_no_coefficient(tmp_path: Path) -> None:
    agreement, _ = compute(tmp_path, rated({"human": HUMAN[:9], "judge": JUDGE[:9]}))
    assert all(a.value is None and a.reason is not None for a in agreement)
    assert agreement[0].reason is not None
    assert agreement[0].reason.params == {"n_shared": 9, "needed": 10}


def test_an_ordinal_judge_has_agreement_and_bias_and_no_sensitivity(tmp_path: Path) -> None:
    human = [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 2, 2]
    agreement, judges = compute(tmp_path, rated({"human": human, "judge": [min(4, h + 1) for h in human]}))
    assert judges[0].sensitivity.reason is not None
    assert judges[0].sensitivity.reason.code == "not_binary"
    assert judges[0].bias.value == pytest.approx(10 / 12)
    assert judges[0].agreement.value == pytest.approx(2 / 12)
    assert agreement[0].statistic == "krippendorff_alpha_ordinal"


def test_scales_that_differ_are_not_compared(tmp_path: Path) -> None:
    agreement, judges = compute(tmp_path, rated({"human": HUMAN, "judge": [4 * s for s in JUDGE]}))
    assert agreement == ()
    assert judges[0].bias.reason is not None
    assert judges[0].bias.reason.code == "different_scales"


def test_two_humans_are_two_references(tmp_path: Path) -> None:
    _, judges = compute(tmp_path, rated({"human": HUMAN, "judge": JUDGE, "other": JUDGE}))
    rates = {j.human: j.agreement.value for j in judges if j.language is None}
    assert rates == pytest.approx({"human": 10 / 12, "other": 1.0})


def test_rows_of_agreement_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis_raters, "MAX_AGREEMENTS", 2)
    agreement, _ = compute(tmp_path, rated({"human": HUMAN, "judge": JUDGE}))
    assert len(agreement) == 2
    assert all(a.language is None for a in agreement)
