"""Generalizability coefficients against published intraclass correlations, decision studies by simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.statistics.decision_study import CallCost, PlanReason, decision_study, design_cost
from consilience.statistics.estimate import Reason
from consilience.statistics.generalizability import MAX_LEVELS, coefficients
from consilience.statistics.references import METHODS
from consilience.statistics.variance import Component, VarianceComponents, variance_components

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
)
"""Six targets rated by four judges: Shrout & Fleiss (1979), Psychol. Bull. 86:420-428, table 2."""


def _components(**variances: float | None) -> VarianceComponents:
    """Components given as numbers; `__` stands for the colon of an interaction, None for not estimated."""
    parts = tuple(
        Component(
            source=name.replace("__", ":"), variance=variance, interval=None, share=None, share_interval=None,
            levels=2, df=None, reason=Reason.CONFOUNDED if variance is None else None,
        )
        for name, variance in variances.items()
    )  # fmt: skip
    return VarianceComponents(components=parts, n_scores=1, n_cells=1, method="henderson_1", reason=None)


FULL = _components(
    item=0.04, laboratory=0.0004, rater=0.0002, item__laboratory=0.01, item__rater=0.004,
    laboratory__rater=0.0001, item__laboratory__rater=0.005, attempt=0.09,
)  # fmt: skip
DESIGN = {"item": 200, "laboratory": 5, "rater": 3, "attempt": 2}


def _table(scores: np.ndarray) -> VarianceComponents:
    i, r = (x.ravel() for x in np.indices(scores.shape))
    y = scores.ravel().astype(float)
    return variance_components({"item": i, "rater": r}, y, np.ones(y.size), y**2)


def test_coefficients_are_the_published_intraclass_correlations() -> None:
    """ICC(2,1), ICC(2,4), ICC(3,1), ICC(3,4) of Shrout & Fleiss (1979), table 4."""
    components = _table(SHROUT_FLEISS)
    one, four = (
        coefficients(components, {}),
        coefficients(components, {"rater": 4}, raters_share_generations=False),
    )
    assert (round(one.absolute, 2), round(four.absolute, 2)) == (0.29, 0.62)
    assert (round(one.relative, 2), round(four.relative, 2)) == (0.71, 0.91)


def test_the_relative_coefficient_is_cronbachs_alpha() -> None:
    """Hoyt 1941: Eρ² of complete item × rater data is alpha."""
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(30, 1)) + rng.normal(size=(1, 5)) + rng.normal(size=(30, 5))
    alpha = 5 / 4 * (1 - scores.var(0, ddof=1).sum() / scores.sum(1).var(ddof=1))
    found = coefficients(_table(scores), {"rater": 5}, raters_share_generations=False)
    assert found.relative == pytest.approx(alpha, rel=1e-9)
    assert found.absolute < found.relative
    assert found.left_out == ("item:rater",)


def test_a_laboratory_can_be_the_object() -> None:
    found = coefficients(FULL, DESIGN, object_facet="laboratory")
    error = 0.01 / 200 + 0.0001 / 3 + 0.005 / 600 + 0.09 / 400
    assert found.relative_error_variance == pytest.approx(error)
    assert found.relative == pytest.approx(0.0004 / (0.0004 + error))
    other = error + 0.04 / 200 + 0.0002 / 3 + 0.004 / 600
    assert found.absolute == pytest.approx(0.0004 / (0.0004 + other))


def test_the_variance_of_the_mean_is_that_of_simulated_exercises() -> None:
    """Means of simulated exercises with the same components vary as the decision study expects."""
    rng = np.random.default_rng(5)
    items, labs, attempts, n = 20, 4, 2, 4000
    sd = {"item": 0.5, "lab": 0.2, "both": 0.3, "attempt": 0.8}
    means = (
        rng.normal(0, sd["item"], (n, items)).mean(1) + rng.normal(0, sd["lab"], (n, labs)).mean(1)
        + rng.normal(0, sd["both"], (n, items * labs)).mean(1)
        + rng.normal(0, sd["attempt"], (n, items * labs * attempts)).mean(1)
    )  # fmt: skip
    components = _components(item=0.25, laboratory=0.04, item__laboratory=0.09, attempt=0.64)
    study = decision_study(components, {"item": items, "laboratory": labs, "attempt": attempts}, 0.1)
    assert study.standard_error == pytest.approx(means.std(), rel=0.04)
    covered = np.abs(means) <= study.half_width
    assert 0.95 <= covered.mean() <= 1.0
    assert sum(study.parts.values()) == pytest.approx(1.0)
    assert study.parts["laboratory"] == pytest.approx(0.01 / study.standard_error**2)


def test_one_random_facet_gives_students_interval() -> None:
    study = decision_study(
        _components(item=0.25, laboratory=0.0, attempt=0.0), {"item": 9, "laboratory": 2}, 1.0
    )
    assert study.half_width == pytest.approx(scipy.stats.t.ppf(0.975, 8) * np.sqrt(0.25 / 9))
    laboratories = decision_study(
        _components(item=0.0, laboratory=0.04, attempt=0.0), {"item": 9, "laboratory": 3}, 1
    )
    assert laboratories.half_width == pytest.approx(scipy.stats.t.ppf(0.975, 2) * np.sqrt(0.04 / 3))


@pytest.mark.parametrize("margin", [0.045, 0.05, 0.08])
def test_the_needed_number_is_the_smallest(margin: float) -> None:
    study = decision_study(
        FULL, DESIGN, margin, cost=CallCost(generation_tokens=300, judges=1.0, judge_tokens=500)
    )
    found = 0
    for more in study.more:
        if more.needed is None:
            assert more.reason is PlanReason.NO_NUMBER_SUFFICES
            assert more.left > margin
            continue
        found += 1
        at = {**DESIGN, more.facet: more.needed}
        assert decision_study(FULL, at, margin).half_width == pytest.approx(more.half_width)
        assert more.half_width <= margin
        if more.extra:
            below = {**DESIGN, more.facet: more.needed - 1}
            assert decision_study(FULL, below, margin).half_width > margin
    assert found


def test_where_no_number_suffices_the_answer_says_so_and_what_is_left() -> None:
    study = decision_study(FULL, DESIGN, 0.03)
    items = next(m for m in study.more if m.facet == "item")
    assert items.reason is PlanReason.NO_NUMBER_SUFFICES
    assert items.needed is None
    t = scipy.stats.t.ppf
    left = t(0.975, 4) ** 2 * 0.0004 / 5 + t(0.975, 2) ** 2 * 0.0002 / 3 + t(0.975, 8) ** 2 * 0.0001 / 15
    assert items.left == pytest.approx(np.sqrt(left))
    assert decision_study(FULL, {**DESIGN, "item": MAX_LEVELS}, 0.03).half_width > 0.03


def test_cost_counts_calls_and_tokens_of_what_is_added() -> None:
    cost = CallCost(generation_tokens=100, judges=1.0, judge_tokens=10)
    levels = {"item": 10, "laboratory": 2, "rater": 3, "attempt": 4}
    assert design_cost(levels, cost).calls == 80 + 240
    assert design_cost(levels, cost).tokens == 80 * 100 + 240 * 10
    assert design_cost(levels, CallCost()).calls == 80
    study = decision_study(FULL, DESIGN, 0.05, cost=cost)
    assert study.cheapest is not None
    for more in study.more:
        if more.cost is not None:
            after = design_cost({**DESIGN, more.facet: more.needed}, cost)
            assert more.cost.tokens == after.tokens - study.cost.tokens
    able = {m.facet: m.cost.tokens for m in study.more if m.cost is not None}
    assert able[study.cheapest] == min(able.values())


def test_raters_of_the_same_generation_do_not_average_the_attempt_out() -> None:
    components = _components(item=0.0, rater=0.0, attempt=1.0)
    shared = decision_study(components, {"item": 10, "rater": 5}, 0.1)
    own = decision_study(components, {"item": 10, "rater": 5}, 0.1, raters_share_generations=False)
    assert shared.standard_error == pytest.approx(np.sqrt(0.1))
    assert own.standard_error == pytest.approx(np.sqrt(0.02))


def test_fixed_facets_have_no_spread_of_their_own_and_are_not_added() -> None:
    components = _components(item=0.04, language=0.01, item__language=0.02, attempt=0.1)
    random = decision_study(components, {"item": 100, "language": 4}, 0.05)
    fixed = decision_study(components, {"item": 100, "language": 4}, 0.05, fixed=("language",))
    assert fixed.standard_error**2 == pytest.approx(random.standard_error**2 - 0.01 / 4)
    assert next(m for m in fixed.more if m.facet == "language").reason is PlanReason.HELD_FIXED
    assert "language" not in fixed.parts


def test_degenerate_designs_have_stated_answers() -> None:
    i, lab = (x.ravel() for x in np.indices((20, 1)))
    rng = np.random.default_rng(0)
    sums = rng.binomial(3, 0.5, 20).astype(float)
    one = variance_components({"item": i, "laboratory": lab}, sums, np.full(20, 3.0), None)
    study = decision_study(one, {"item": 20, "attempt": 3}, 0.05)
    assert "laboratory" in study.left_out
    assert next(m for m in study.more if m.facet == "laboratory").reason is PlanReason.NOT_ESTIMATED
    assert coefficients(one, {}, object_facet="laboratory").reason is Reason.ONE_LABORATORY
    single = decision_study(FULL, {"item": 200, "laboratory": 1, "rater": 3}, 0.06)
    assert single.half_width is None
    assert single.reason is Reason.ONE_LEVEL
    reasons = {m.facet: m.reason for m in single.more}
    assert reasons["item"] is PlanReason.ONE_LEVEL_ELSEWHERE
    assert next(m for m in single.more if m.facet == "laboratory").needed is not None
    nothing = variance_components({"item": [0], "laboratory": [0]}, [0.0], [0.0], None)
    assert decision_study(nothing, {}, 0.05).reason is Reason.NO_SCORES
    assert decision_study(nothing, {}, 0.05).half_width is None
    flat = _components(item=0.0, laboratory=-0.1, attempt=0.0)
    assert decision_study(flat, {"item": 5, "laboratory": 2}, 0.05).reason is Reason.ALL_EQUAL
    assert coefficients(flat, {"laboratory": 2}).reason is Reason.ALL_EQUAL


def test_one_attempt_says_nothing_about_more_attempts() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(30, 1)) + rng.normal(size=(30, 6))
    study = decision_study(_table(scores), {"item": 30, "rater": 6}, 0.05)
    assert study.left_out == ("item:rater",)
    assert next(m for m in study.more if m.facet == "attempt").reason is PlanReason.NOT_ESTIMATED


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match="margin"):
        decision_study(FULL, DESIGN, 0.0)
    with pytest.raises(ValueError, match="no facet"):
        decision_study(FULL, {"judge": 3}, 0.1)
    with pytest.raises(ValueError, match="levels of item"):
        decision_study(FULL, {"item": 0}, 0.1)
    with pytest.raises(ValueError, match="levels of item"):
        decision_study(FULL, {"item": MAX_LEVELS + 1}, 0.1)
    with pytest.raises(ValueError, match="fixed"):
        decision_study(FULL, DESIGN, 0.1, fixed=("judge",))
    with pytest.raises(ValueError, match="no facet"):
        coefficients(FULL, DESIGN, object_facet="judge")


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1), min_size=8, max_size=8), st.data())
def test_more_levels_never_widen_the_interval(variances: list[float], data: st.DataObject) -> None:
    names = [c.source.replace(":", "__") for c in FULL.components]
    components = _components(**dict(zip(names, variances, strict=True)))
    levels = {facet: data.draw(st.integers(2, 40)) for facet in DESIGN}
    facet = data.draw(st.sampled_from(list(DESIGN)))
    now = decision_study(components, levels, 0.1).half_width
    then = decision_study(
        components, {**levels, facet: levels[facet] + data.draw(st.integers(1, 50))}, 0.1
    ).half_width
    assert (then or 0.0) <= (now or 0.0) * (1 + 1e-9)


def test_components_of_data_predict_the_spread_of_new_data() -> None:
    """Components estimated once, then means of further exercises with other items and laboratories."""
    rng = np.random.default_rng(11)

    def exercise(items: int, labs: int) -> np.ndarray:
        mean = (
            rng.normal(0, 0.5, items)[:, None]
            + rng.normal(0, 0.15, labs)[None, :]
            + rng.normal(0, 0.2, (items, labs))
        )
        return mean[:, :, None] + rng.normal(0, 0.4, (items, labs, 2))

    pilot = exercise(400, 40)
    i, lab = (x.ravel() for x in np.indices(pilot.shape[:2]))
    components = variance_components(
        {"item": i, "laboratory": lab}, pilot.sum(2).ravel(), np.full(i.size, 2.0), (pilot**2).sum(2).ravel()
    )
    study = decision_study(components, {"item": 50, "laboratory": 6, "attempt": 2}, 0.1)
    means = [exercise(50, 6).mean() for _ in itertools.repeat(None, 1500)]
    assert study.standard_error == pytest.approx(np.std(means), rel=0.15)


def test_method_has_a_reference() -> None:
    assert decision_study(FULL, DESIGN, 0.1).method in METHODS
