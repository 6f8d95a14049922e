"""Precision between laboratories in a joint result: summary, proficiency and outlier tests, or why not."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from scipy import stats
from tests.evaluation.test_analysis import check_document, run
from tests.simulators.scores import Components, Design, row, write, write_rows

from consilience.evaluation.joint_result import BetweenLaboratories, JointResult
from consilience.statistics.random_effects import random_effects


def whole(result: JointResult) -> BetweenLaboratories:
    return next(table for table in result.between if table.language is None)


def analysed(folder: Path, **design: object) -> JointResult:
    known = {"laboratories": 6, "languages": 2, "items": 60, "attempts": 3, "raters": 1, "shifts": {5: -0.3}}
    return run(write(Design(**(known | design)), folder))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def continuous(tmp_path_factory: pytest.TempPathFactory) -> JointResult:
    components = Components(item=0.1, laboratory=0.01, item_language=0.0)
    return analysed(tmp_path_factory.mktemp("continuous"), binary=False, components=components)


def test_the_summary_is_that_of_the_laboratories(continuous: JointResult) -> None:
    check_document(continuous)
    table = whole(continuous)
    summary = table.summary
    assert summary is not None
    assert summary.mean.interval is not None
    assert (summary.n_laboratories, summary.mean.n_items) == (6, 6)
    assert summary.mean.n_scores == 6 * 2 * 60 * 3
    assert summary.mean.estimand == "benchmark"
    assert summary.prediction is not None
    assert summary.prediction.low < summary.mean.interval.low < summary.mean.interval.high
    assert summary.mean.interval.high < summary.prediction.high
    assert summary.tau == pytest.approx(table.between_sd, rel=0.2)
    assert summary.tau_interval == table.between_sd_interval
    assert summary.i_squared is not None
    assert summary.i_squared_interval is not None
    assert 0.9 < summary.i_squared_interval.low < summary.i_squared < summary.i_squared_interval.high < 1
    assert {"hartung_knapp", "prediction", "q_profile", "algorithm_a", "zeta_score"} <= set(
        continuous.methods
    )


def test_the_robust_mean_is_hardly_moved_by_the_odd_laboratory(continuous: JointResult) -> None:
    table = whole(continuous)
    means = [score.mean.value for score in table.laboratories]
    assert table.robust_mean is not None
    assert table.robust_sd is not None
    assert all(mean is not None for mean in means)
    others = [mean for mean in means[:5] if mean is not None]
    assert (
        abs(table.robust_mean - sum(others) / 5)
        < 0.02
        < 0.04
        < abs(table.robust_mean - sum(m or 0 for m in means) / 6)
    )
    odd = table.laboratories[5]
    assert odd.zeta is not None
    assert odd.z is not None
    assert odd.zeta < -3
    assert odd.z < -3
    assert all(abs(score.zeta or 9) < 3 for score in table.laboratories[:5])


def test_grubbs_names_the_odd_laboratory(continuous: JointResult) -> None:
    cochran, grubbs = whole(continuous).outlier_tests
    assert (grubbs.test, grubbs.laboratory, grubbs.found) == ("grubbs", "lab-05", "outlier")
    assert grubbs.statistic is not None
    assert grubbs.critical_1 is not None
    assert grubbs.critical_5 is not None
    assert grubbs.critical_5 < grubbs.critical_1 < grubbs.statistic
    t = stats.t.ppf(1 - 0.01 / 12, 4)
    assert grubbs.critical_1 == pytest.approx(5 / math.sqrt(6) * math.sqrt(t**2 / (4 + t**2)))
    assert (cochran.test, cochran.found, cochran.reason) == ("cochran", "none", None)


def test_scores_of_yes_and_no_have_no_test_of_their_spread(tmp_path: Path) -> None:
    cochran, grubbs = whole(analysed(tmp_path, laboratories=4)).outlier_tests
    assert cochran.reason is not None
    assert (cochran.found, cochran.statistic, cochran.reason.code) == (
        "not estimable", None, "spread_follows_mean",
    )  # fmt: skip
    assert grubbs.found != "not estimable"


def test_one_attempt_has_no_test_of_its_spread(tmp_path: Path) -> None:
    cochran, _ = whole(analysed(tmp_path, attempts=1, binary=False)).outlier_tests
    assert cochran.reason is not None
    assert cochran.reason.code == "one_attempt_per_item"


def test_a_laboratory_whose_attempts_spread_more_is_found(tmp_path: Path) -> None:
    """Scores that lie 0.05 or, in one laboratory, 0.2 around the item's own."""
    rows = [
        row(
            laboratory=lab,
            item=f"i{k}",
            attempt=a,
            score=0.3 + 0.01 * k + size * ((-1) ** a) * (1 + (k % 3) / 10),
        )
        for lab, size in (("a", 0.05), ("b", 0.05), ("c", 0.2), ("d", 0.05))
        for k in range(20)
        for a in (1, 2)
    ]
    cochran, grubbs = whole(run([write_rows(rows, tmp_path / "s.jsonl")])).outlier_tests
    assert (cochran.laboratory, cochran.found) == ("c", "outlier")
    assert grubbs.reason is not None
    assert grubbs.reason.code == "zero_spread"


@pytest.mark.parametrize(("laboratories", "code"), [(1, "one_laboratory"), (2, "few_laboratories")])
def test_few_laboratories_are_told(laboratories: int, code: str, tmp_path: Path) -> None:
    result = analysed(tmp_path, laboratories=laboratories, shifts={})
    check_document(result)
    table = whole(result)
    assert table.summary is not None
    assert table.summary.reason is not None
    assert table.summary.reason.code == code
    assert table.summary.prediction is None
    assert (table.robust_mean, table.robust_sd) == (None, None)
    assert all(score.zeta is None and score.reason is not None for score in table.laboratories)
    assert all(test.found == "not estimable" and test.reason is not None for test in table.outlier_tests)


def test_three_laboratories_leave_everything_open_and_say_so(tmp_path: Path) -> None:
    table = whole(analysed(tmp_path, laboratories=3, shifts={2: -0.2}))
    assert table.summary is not None
    assert table.summary.reason is not None
    assert table.summary.reason.code == "few_laboratories"
    assert table.summary.prediction is not None
    assert (table.summary.prediction.low, table.summary.prediction.high) == (0.0, 1.0)
    assert all(score.zeta is not None for score in table.laboratories)
    assert [score.z for score in table.laboratories] == [None] * 3


def test_equal_laboratories_have_no_spread_to_explain(tmp_path: Path) -> None:
    rows = [row(laboratory=lab, item=f"i{k}", score=float(k % 2)) for lab in "abcd" for k in range(12)]
    table = whole(run([write_rows(rows, tmp_path / "s.jsonl")]))
    assert table.summary is not None
    assert table.summary.reason is not None
    assert (table.summary.tau, table.summary.reason.code) == (None, "all_differences_zero")


def test_i_squared_is_the_share_beyond_the_errors() -> None:
    """By hand: three results with variance 1 and spread 4 leave (4 - 1) / 4."""
    found = random_effects([0.0, 2.0, 4.0], [1.0, 1.0, 1.0])
    assert found.tau2 == pytest.approx(3.0)
    assert found.i_squared == pytest.approx(0.75)


@pytest.mark.parametrize("count", [3, 4, 5])
@pytest.mark.parametrize("same_items", [True, False])
def test_equal_laboratories_have_no_distances_since_there_is_no_spread(
    tmp_path: Path, count: int, same_items: bool
) -> None:
    """With the same answers, and with as many right ones on other items."""
    rows = [
        row(
            laboratory=f"lab-{lab}",
            item=f"i{n}",
            attempt=1,
            score=float((n + lab * (not same_items)) % 5 < 2),
        )
        for lab in range(count)
        for n in range(20)
    ]
    table = whole(run([write_rows(rows, tmp_path / "s.csv")]))
    for score in table.laboratories:
        assert (score.z, score.zeta) == (None, None)
        assert score.reason is not None
        assert score.reason.code == "zero_spread"


def test_three_laboratories_that_differ_have_zeta_and_too_few_for_z(tmp_path: Path) -> None:
    table = whole(analysed(tmp_path, laboratories=3, shifts={2: -0.3}))
    for score in table.laboratories:
        assert score.zeta is not None
        assert score.z is None
        assert score.reason is not None
        assert score.reason.code == "few_laboratories"
