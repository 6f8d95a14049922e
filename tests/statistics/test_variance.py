"""Variance components against the analysis of variance, REML and planted values; degenerate designs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.statistics.estimate import Reason
from consilience.statistics.variance import variance_components

SOURCES = (
    "item", "laboratory", "language", "item:laboratory", "item:language", "laboratory:language",
    "item:laboratory:language", "attempt",
)  # fmt: skip
PLANTED = dict(zip(SOURCES, (1.0, 0.25, 0.16, 0.36, 0.09, 0.04, 0.25, 1.0), strict=True))


def _design(
    items: int, labs: int, languages: int, attempts: int, seed: int, missing: float = 0.0, planted=PLANTED
):
    """Return factors, sums, counts, sums of squares of normal scores with planted components."""
    rng = np.random.default_rng(seed)
    sd = {source: np.sqrt(planted[source]) for source in SOURCES}
    i, lab, g = (x.ravel() for x in np.indices((items, labs, languages)))
    mean = (
        rng.normal(0, sd["item"], items)[i] + rng.normal(0, sd["laboratory"], labs)[lab]
        + rng.normal(0, sd["language"], languages)[g]
        + rng.normal(0, sd["item:laboratory"], (items, labs))[i, lab]
        + rng.normal(0, sd["item:language"], (items, languages))[i, g]
        + rng.normal(0, sd["laboratory:language"], (labs, languages))[lab, g]
        + rng.normal(0, sd["item:laboratory:language"], i.size)
    )  # fmt: skip
    counts = np.full(i.size, attempts)
    if missing:
        counts = rng.integers(1, attempts + 1, i.size) * (rng.random(i.size) >= missing)
    there = np.arange(attempts) < counts[:, None]
    scores = (mean[:, None] + rng.normal(0, sd["attempt"], (i.size, attempts))) * there
    return {"item": i, "laboratory": lab, "language": g}, scores.sum(1), counts, (scores**2).sum(1)


def _values(result) -> dict[str, float]:
    return {component.source: component.variance for component in result.components}


def _anova_two_factors(scores: np.ndarray) -> dict[str, float]:
    """Expected mean squares of a balanced item × laboratory design with attempts, written out."""
    items, labs, k = scores.shape
    grand, cell = scores.mean(), scores.mean(2)
    item, lab = cell.mean(1), cell.mean(0)
    ms_item = k * labs * ((item - grand) ** 2).sum() / (items - 1)
    ms_lab = k * items * ((lab - grand) ** 2).sum() / (labs - 1)
    rest = cell - item[:, None] - lab[None, :] + grand
    ms_both = k * (rest**2).sum() / ((items - 1) * (labs - 1))
    ms_error = ((scores - cell[:, :, None]) ** 2).sum() / (items * labs * (k - 1))
    return {
        "item": (ms_item - ms_both) / (k * labs), "laboratory": (ms_lab - ms_both) / (k * items),
        "item:laboratory": (ms_both - ms_error) / k, "attempt": ms_error,
    }  # fmt: skip


def test_balanced_design_is_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(15, 5, 3)) + rng.normal(size=(15, 1, 1)) + rng.normal(size=(1, 5, 1)) + 100
    i, lab = (x.ravel() for x in np.indices((15, 5)))
    flat = scores.reshape(75, 3)
    got = variance_components({"item": i, "laboratory": lab}, flat.sum(1), np.full(75, 3), (flat**2).sum(1))
    expected = _anova_two_factors(scores)
    for source, value in expected.items():
        assert got.get(source).variance == pytest.approx(value, rel=1e-8)
    assert [component.source for component in got.components] == [
        "item",
        "laboratory",
        "item:laboratory",
        "attempt",
    ]


def test_balanced_design_equals_reml() -> None:
    """For complete data with positive components REML and the analysis of variance agree."""
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(20, 6, 1)) + 1.5 * rng.normal(size=(20, 1, 1)) + rng.normal(size=(1, 6, 1))
    i, lab = (x.ravel() for x in np.indices((20, 6)))
    got = variance_components(
        {"item": i, "laboratory": lab}, scores.ravel(), np.ones(120), scores.ravel() ** 2
    )
    frame = pd.DataFrame({"y": scores.ravel(), "item": i, "lab": lab, "one": 1})
    model = smf.mixedlm("y ~ 1", frame, groups="one", vc_formula={"item": "0 + C(item)", "lab": "0 + C(lab)"})
    fit = model.fit(reml=True)
    named = dict(zip(model.exog_vc.names, fit.vcomp, strict=True))
    assert got.get("item").variance == pytest.approx(named["item"], rel=2e-3)
    assert got.get("laboratory").variance == pytest.approx(named["lab"], rel=2e-3)
    assert got.get("attempt").variance == pytest.approx(fit.scale, rel=2e-3)
    assert got.get("item:laboratory").reason is Reason.CONFOUNDED


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_planted_components_are_recovered(missing: float) -> None:
    """Means over 12 simulated exercises come within 10 %, of few levels within 3 Monte-Carlo errors."""
    results = [_values(variance_components(*_design(300, 10, 8, 3, seed, missing))) for seed in range(12)]
    for source, planted in PLANTED.items():
        values = np.array([result[source] for result in results])
        tolerance = (
            0.1 * planted if source not in {"laboratory", "language"} else 3 * values.std() / np.sqrt(12)
        )
        assert values.mean() == pytest.approx(planted, abs=tolerance), source


def test_zero_components_come_out_as_zero() -> None:
    planted = dict.fromkeys(SOURCES, 0.0) | {"item": 1.0, "attempt": 1.0}
    got = variance_components(*_design(200, 6, 5, 3, 3, planted=planted))
    for source in SOURCES[1:7]:
        component = got.get(source)
        assert component.variance == pytest.approx(0.0, abs=0.03)
        assert component.interval.low <= 0.001
        assert component.share < 0.02


def test_negative_estimates_are_shown_and_count_nothing() -> None:
    planted = dict.fromkeys(SOURCES, 0.0) | {"attempt": 1.0}
    results = [variance_components(*_design(12, 4, 4, 2, seed, planted=planted)) for seed in range(10)]
    components = [component for result in results for component in result.components]
    assert any(component.variance < 0 for component in components)
    assert all(component.share >= 0.0 for component in components)
    for result in results:
        assert sum(component.share for component in result.components) == pytest.approx(1.0)


def test_coverage_of_intervals() -> None:
    hits = dict.fromkeys(SOURCES, 0)
    for seed in range(150):
        got = variance_components(*_design(60, 6, 5, 2, 500 + seed))
        for source in SOURCES:
            interval = got.get(source).interval
            hits[source] += interval.low <= PLANTED[source] <= interval.high
    for source in SOURCES:
        assert hits[source] / 150 >= 0.90, (source, hits[source])


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_rows_may_come_in_any_order_and_split(seed: int) -> None:
    factors, sums, counts, squares = _design(20, 4, 3, 2, seed, missing=0.2)
    once = variance_components(factors, sums, counts, squares)
    rng = np.random.default_rng(seed)
    order = rng.permutation(2 * sums.size)
    part = rng.random(sums.size) < 0.5
    double = {name: np.tile(code, 2)[order] for name, code in factors.items()}
    halves = [
        np.concatenate([np.where(part, x, 0), np.where(part, 0, x)])[order] for x in (sums, counts, squares)
    ]
    split = variance_components(double, *halves)
    for a, b in zip(once.components, split.components, strict=True):
        assert b.source == a.source
        assert b.variance == pytest.approx(a.variance, rel=1e-6, abs=1e-9)
        assert (b.interval is None) == (a.interval is None)
        if a.interval is not None:
            assert (b.interval.low, b.interval.high) == pytest.approx(
                (a.interval.low, a.interval.high), rel=1e-4, abs=1e-8
            )


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_permuting_laboratories_or_shifting_scores_changes_nothing(seed: int) -> None:
    factors, sums, counts, squares = _design(20, 5, 3, 2, seed, missing=0.1)
    once = variance_components(factors, sums, counts, squares)
    relabelled = {**factors, "laboratory": np.random.default_rng(seed).permutation(5)[factors["laboratory"]]}
    shifted = (sums + 10.0 * counts, counts, squares + 20.0 * sums + 100.0 * counts)
    for other in (
        variance_components(relabelled, sums, counts, squares),
        variance_components(factors, *shifted),
    ):
        for a, b in zip(once.components, other.components, strict=True):
            assert b.variance == pytest.approx(a.variance, rel=1e-6, abs=1e-7)


def test_a_constant_added_by_one_laboratory_changes_only_the_laboratory() -> None:
    factors, sums, counts, squares = _design(50, 5, 4, 2, 4)
    added = np.where(factors["laboratory"] == 2, 1.0, 0.0)
    moved = variance_components(factors, sums + added * counts, counts, squares + added * (2 * sums + counts))
    once = variance_components(factors, sums, counts, squares)
    for source in SOURCES:
        same = moved.get(source).variance == pytest.approx(once.get(source).variance, abs=1e-9)
        assert same == (source != "laboratory")


def test_few_laboratories_are_marked() -> None:
    got = variance_components(*_design(40, 3, 5, 2, 5))
    assert got.get("laboratory").reason is Reason.FEW_LABORATORIES
    assert got.get("laboratory").variance is not None
    assert got.get("laboratory:language").reason is Reason.FEW_LABORATORIES
    assert got.get("item:laboratory").reason is None
    assert got.get("language").reason is None
    assert variance_components(*_design(40, 5, 3, 2, 5)).get("language").reason is Reason.FEW_LEVELS


def test_one_laboratory_has_no_component() -> None:
    got = variance_components(*_design(40, 1, 5, 2, 6))
    laboratory = got.get("laboratory")
    assert (laboratory.variance, laboratory.share, laboratory.reason) == (None, None, Reason.ONE_LABORATORY)
    assert got.get("item").variance is not None
    one_language = variance_components(*_design(40, 5, 1, 2, 6)).get("language")
    assert one_language.reason is Reason.ONE_LEVEL


def test_one_score_per_cell_joins_the_last_two() -> None:
    got = variance_components(*_design(60, 5, 4, 1, 7))
    assert got.get("item:laboratory:language").reason is Reason.CONFOUNDED
    assert got.get("attempt").variance == pytest.approx(1.25, rel=0.15)


def test_items_that_each_have_one_language_are_confounded() -> None:
    factors, sums, counts, squares = _design(60, 4, 4, 2, 8)
    keep = factors["item"] % 4 == factors["language"]
    got = variance_components(
        {n: c[keep] for n, c in factors.items()}, sums[keep], counts[keep], squares[keep]
    )
    assert got.get("item:language").reason is Reason.CONFOUNDED
    assert got.get("item").variance is not None


def test_two_names_of_one_factor_are_confounded() -> None:
    item, lab = (x.ravel() for x in np.indices((20, 5)))
    scores = np.random.default_rng(9).normal(size=100)
    got = variance_components(
        {"item": item, "laboratory": lab, "language": lab}, scores, np.ones(100), scores**2
    )
    assert all(component.variance is None for component in got.components)
    assert got.get("laboratory").reason is Reason.CONFOUNDED


def test_nothing_and_one_item_are_stated() -> None:
    none = variance_components({"item": [0], "laboratory": [0]}, [0.0], [0], [0.0])
    assert (none.reason, none.n_scores) == (Reason.NO_SCORES, 0)
    one = variance_components({"item": [0, 0], "laboratory": [0, 1]}, [1.0, 0.0], [2, 2], None)
    assert one.reason is Reason.ONE_ITEM
    assert all(component.variance is None for component in one.components)


def test_all_scores_equal_have_no_shares() -> None:
    factors, sums, counts, _ = _design(10, 4, 4, 2, 10)
    got = variance_components(factors, np.ones_like(sums) * 2, counts, np.ones_like(sums) * 2)
    for component in got.components:
        assert component.variance == pytest.approx(0.0, abs=1e-12)
        assert component.share is None or 0 <= component.share <= 1


def test_four_factors_with_raters() -> None:
    rng = np.random.default_rng(11)
    shape = (60, 5, 4, 3)
    codes = [x.ravel() for x in np.indices(shape)]
    scores = (
        rng.normal(size=(60, 1, 1, 1)) + 0.5 * rng.normal(size=(1, 5, 1, 1))
        + 0.8 * rng.normal(size=(1, 1, 1, 3))
        + rng.normal(size=shape)
    ).ravel()  # fmt: skip
    names = ("item", "laboratory", "language", "rater")
    got = variance_components(dict(zip(names, codes, strict=True)), scores, np.ones(scores.size), scores**2)
    assert got.get("item").variance == pytest.approx(1.0, rel=0.5)
    assert got.get("attempt").variance == pytest.approx(1.0, rel=0.1)
    assert got.get("item:rater").variance == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"item": [0, 1]}, "two to four"),
        ({"item": [0, 1], "laboratory": [0]}, "shape"),
        ({"item": [0, 1], "laboratory": [0.5, 1.0]}, "integers"),
        ({"item": [0, -1], "laboratory": [0, 1]}, "integers"),
    ],
)
def test_wrong_input_is_refused(factors, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        variance_components(factors, [0.0, 1.0], [1, 1], None)


def test_intervals_of_components_near_zero_cover() -> None:
    """A difference of mean squares near 0 is not chi-squared; the chi-squared interval alone covers 83 %."""
    planted = dict.fromkeys(SOURCES, 0.1) | {"item": 1.0, "attempt": 1.0}
    inside = []
    for seed in range(150):
        component = variance_components(*_design(30, 4, 3, 2, seed, planted=planted)).get(
            "item:laboratory:language"
        )
        inside.append(component.interval.low <= 0.1 <= component.interval.high)
    assert np.mean(inside) > 0.88
