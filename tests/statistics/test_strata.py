"""Strata from sums: the corrected mean of a stratum is that of its rows, and bad input is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.statistics import strata as module
from consilience.statistics.prediction import ppi_mean
from consilience.statistics.strata import MAX_STRATA, fit_strata


def rows(*, n: int = 60, attempts: int = 1, labels: int = 30, seed: int = 1) -> dict[str, np.ndarray]:
    """Scores of a judge and a human, shape (items, attempts), and which of them humans rated."""
    rng = np.random.default_rng(seed)
    human = (rng.random((n, attempts)) < rng.random(n)[:, None]).astype(float)
    judge = np.where(human == 1, rng.random(human.shape) < 0.9, rng.random(human.shape) < 0.3).astype(float)
    rated = np.zeros(human.size, dtype=bool)
    rated[rng.permutation(human.size)[:labels]] = True
    return {"judge": judge, "human": human, "rated": rated.reshape(human.shape)}


def sums(one: dict[str, np.ndarray]) -> list[np.ndarray]:
    judge, human, rated = one["judge"], one["human"], one["rated"]
    counts = np.full(len(judge), float(judge.shape[1]))
    return [judge.sum(1), counts, rated.sum(1), (judge * rated).sum(1), (human * rated).sum(1)]


def fit(*parts: dict[str, np.ndarray], **changes: Any) -> module.Strata:
    stratum = np.repeat(np.arange(len(parts)), [len(one["judge"]) for one in parts])
    item = np.concatenate([np.arange(len(one["judge"])) for one in parts])
    arrays = [np.concatenate(column) for column in zip(*map(sums, parts), strict=True)]
    return fit_strata(stratum, item, *arrays, **({"group": np.zeros(len(parts), int)} | changes))


@given(st.integers(0, 10_000), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_one_stratum_has_the_value_and_weight_of_its_rows(seed: int, attempts: int) -> None:
    one = rows(seed=seed, attempts=attempts, labels=40)
    seen = np.where(one["rated"], one["human"], np.nan).ravel()
    item = np.repeat(np.arange(60), attempts)
    plain = ppi_mean(one["judge"].ravel(), seen, item, weight=float(fit(one).weight[0]))
    found = fit(one)
    assert found.value[0] == pytest.approx(plain.estimate.value if not plain.clipped else found.value[0])
    assert found.raw[0] == pytest.approx(one["judge"].mean())
    assert (found.n_human[0], found.n_judge[0]) == (40, 60 * attempts)
    tuned = ppi_mean(one["judge"].ravel(), seen, item).weight
    assert found.weight[0] == pytest.approx(tuned, abs=0.05)


def test_the_weight_is_common_to_a_group_and_a_useless_judge_has_none() -> None:
    good, useless = rows(seed=2), rows(seed=3)
    useless["judge"][:] = 1.0
    apart = fit(good, useless, group=[0, 1])
    together = fit(good, rows(seed=4), group=[0, 0])
    assert apart.weight[1] == 0.0
    assert 0.0 < apart.weight[0] <= 1.0
    assert together.weight[0] == together.weight[1]
    assert apart.value[1] == pytest.approx(useless["human"][useless["rated"]].mean())


def test_an_item_weight_makes_items_count_the_same() -> None:
    """Two items, one with three attempts: the judge's mean is that of the items, not of the attempts, and so
    is that of the humans (the second judge is constant, so that its weight is 0)."""
    known = {"group": [0], "row_weight": [1 / 3, 1]}
    able = fit_strata([0, 0], [0, 1], [3, 0], [3, 1], [1, 1], [1, 0], [1, 0], **known)
    assert able.raw[0] == pytest.approx(0.5)
    constant = fit_strata([0, 0], [0, 1], [3, 1], [3, 1], [1, 1], [1, 1], [1, 0], **known)
    assert constant.weight[0] == 0.0
    assert constant.value[0] == pytest.approx((1 / 3) / (1 / 3 + 1))


def test_fewer_than_two_rated_items_give_no_value() -> None:
    found = fit_strata(
        [0, 0, 1, 1], [0, 1, 0, 1], [2, 1, 2, 1], [2, 2, 2, 2], [2, 0, 1, 1], [2, 0, 1, 0], [2, 0, 1, 1],
        group=[0, 0],
    )  # fmt: skip
    assert found.usable.tolist() == [False, True]
    assert np.isnan(found.value[0])
    assert found.n_human.tolist() == [2, 2]


def test_where_humans_rated_everything_theirs_is_the_value() -> None:
    one = rows(n=30, labels=30)
    found = fit(one)
    assert found.weight[0] == 0.0
    assert found.value[0] == pytest.approx(one["human"].mean())


def test_rows_without_a_score_change_nothing_and_order_does_not_matter() -> None:
    one = rows()
    columns = [np.zeros(60, int), np.arange(60), *sums(one)]
    order = np.random.default_rng(0).permutation(60)
    shuffled = fit_strata(*(column[order] for column in columns), group=[0])
    empty = [np.append(column, value) for column, value in zip(columns, (0, 99, 0, 0, 0, 0, 0), strict=True)]
    for found in (shuffled, fit_strata(*empty, group=[0])):
        assert found.value[0] == pytest.approx(fit(one).value[0])
        assert found.products == pytest.approx(fit(one).products)
    assert fit_strata(*empty, group=[0]).items.count(np.array([True])) == 60


def test_products_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = (rows(seed=5), rows(seed=6), rows(seed=7))
    whole = fit(*parts)
    monkeypatch.setattr(module, "MAX_BLOCK", 21)
    assert fit(*parts).products == pytest.approx(whole.products)
    assert fit(*parts).share_products == pytest.approx(whole.share_products)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({2: [1.0]}, "one shape"),
        ({2: [np.nan, 1.0]}, "finite"),
        ({4: [2, 1]}, "more scores"),
        ({1: [0, 0]}, "same stratum and item"),
        ({0: [0, 1]}, "needs its group"),
    ],
)
def test_bad_rows_are_refused(change: dict[int, Any], told: str) -> None:
    columns: list[Any] = [[0, 0], [0, 1], [1.0, 0.0], [1, 1], [1, 1], [1, 0], [1, 0]]
    for place, value in change.items():
        columns[place] = value
    with pytest.raises(ValueError, match=told):
        fit_strata(*columns, group=[0])


def test_strata_are_limited() -> None:
    with pytest.raises(ValueError, match="limit of 2000"):
        fit_strata([], [], [], [], [], [], [], group=np.zeros(MAX_STRATA + 1, dtype=int))
