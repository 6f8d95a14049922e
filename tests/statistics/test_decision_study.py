"""Decision studies: raters who share generations, designs that are not complete, and what they cost."""

from __future__ import annotations

import numpy as np
import pytest

from consilience.statistics.components import Component, VarianceComponents
from consilience.statistics.decision_study import MULTIPLES, CallCost, PlanReason, decision_study, design_cost
from consilience.statistics.estimate import Reason
from consilience.statistics.generalizability import MAX_LEVELS, coefficients


def _components(**variances: float | None) -> VarianceComponents:
    """Components given as numbers; `__` stands for the colon of an interaction, None for not estimated."""
    parts = tuple(
        Component(
            source=name.replace("__", ":"), variance=variance, interval=None, share=None, share_interval=None,
            levels=2, df=None, reason=Reason.CONFOUNDED if variance is None else None,
        )
        for name, variance in variances.items()
    )  # fmt: skip
    return VarianceComponents(components=parts, n_scores=1, n_cells=1, method="rater_strata", reason=None)


RATED = _components(item=0.25, laboratory=0.01, rater=0.02, item__rater=0.06, attempt=0.3, residual=0.2)
DESIGN = {"item": 50, "laboratory": 5, "rater": 4, "attempt": 2}


def test_the_variance_of_the_mean_over_raters_is_that_of_simulated_exercises() -> None:
    """Raters of one generation share its attempt and not the residual."""
    rng = np.random.default_rng(3)
    n, sizes = 3000, DESIGN
    i, lab, r, a = (sizes[name] for name in ("item", "laboratory", "rater", "attempt"))
    means = (
        rng.normal(0, np.sqrt(0.25 / i), n) + rng.normal(0, np.sqrt(0.01 / lab), n)
        + rng.normal(0, np.sqrt(0.02 / r), n) + rng.normal(0, np.sqrt(0.06 / (i * r)), n)
        + rng.normal(0, np.sqrt(0.3), (n, i * lab * a)).mean(1)
        + rng.normal(0, np.sqrt(0.2), (n, i * lab * a * r)).mean(1)
    )  # fmt: skip
    study = decision_study(RATED, DESIGN, 0.1)
    assert study.standard_error == pytest.approx(means.std(), rel=0.05)
    assert study.parts["attempt"] == pytest.approx(0.3 / 500 / study.standard_error**2)
    assert study.parts["residual"] == pytest.approx(0.2 / 2000 / study.standard_error**2)
    assert sum(study.parts.values()) == pytest.approx(1.0)


def test_more_raters_take_the_residual_away_and_leave_the_attempt() -> None:
    only = _components(item=0.0, rater=0.0, attempt=0.3, residual=0.2)
    raters = next(
        m
        for m in decision_study(only, {"item": 10, "rater": 2, "attempt": 3}, 1e-6).more
        if m.facet == "rater"
    )
    attempt = _components(item=0.0, rater=0.0, attempt=0.3, residual=0.0)
    assert raters.left == pytest.approx(
        decision_study(attempt, {"item": 10, "rater": 2, "attempt": 3}, 1.0).half_width
    )


def test_coefficients_divide_the_residual_by_raters_and_the_attempt_not() -> None:
    found = coefficients(RATED, {"laboratory": 5, "rater": 4, "attempt": 2})
    error = 0.06 / 4 + 0.3 / 10 + 0.2 / 40
    assert found.relative == pytest.approx(0.25 / (0.25 + error))
    assert found.absolute == pytest.approx(0.25 / (0.25 + error + 0.01 / 5 + 0.02 / 4))


def test_sources_count_with_the_levels_that_are_present() -> None:
    """Items that each have one of four languages: as many item × attempt as generations, not four times."""
    nested = _components(item=0.2, laboratory=0.0, language=0.0, attempt=0.4)
    design = {"item": 80, "laboratory": 5, "language": 4, "attempt": 2}
    complete = decision_study(nested, design, 0.05, fixed=["language"])
    present = decision_study(nested, design, 0.05, fixed=["language"], present={"item": 80, "attempt": 800})
    assert present.standard_error**2 == pytest.approx(0.2 / 80 + 0.4 / 800)
    assert complete.standard_error**2 == pytest.approx(0.2 / 80 + 0.4 / 3200)
    assert (present.cost.generations, complete.cost.generations) == (800, 3200)
    items = next(m for m in present.more if m.facet == "item")
    assert items.cost.calls == round(800 * items.needed / 80) - 800
    per_item = coefficients(nested, design, present={"item": 80, "attempt": 800})
    assert per_item.relative == pytest.approx(0.2 / (0.2 + 0.4 / 10))


def test_a_curve_shows_multiples_and_ends_at_what_is_left() -> None:
    study = decision_study(RATED, DESIGN, 0.1)
    for more in study.more:
        assert [levels for levels, _ in more.curve] == [more.now * times for times in MULTIPLES]
        widths = [width for _, width in more.curve]
        assert widths[0] == pytest.approx(study.half_width)
        assert widths == sorted(widths, reverse=True)
        assert widths[-1] > more.left
        at = {**DESIGN, more.facet: more.now * 4}
        assert widths[2] == pytest.approx(decision_study(RATED, at, 0.1).half_width)
    near = decision_study(RATED, {**DESIGN, "item": MAX_LEVELS // 3}, 0.1)
    assert len(next(m for m in near.more if m.facet == "item").curve) == 2


def test_ratings_by_judges_are_calls_and_unknown_tokens_stay_unknown() -> None:
    half = CallCost(generation_tokens=100, judges=0.5, judge_tokens=10)
    cost = design_cost(DESIGN, half)
    assert (cost.generations, cost.ratings, cost.calls) == (500, 1000, 1500)
    assert cost.tokens == 500 * 100 + 1000 * 10
    assert design_cost(DESIGN, CallCost(generation_tokens=100, judges=0.5)).tokens == 50_000
    assert design_cost(DESIGN, CallCost(judges=0.5, judge_tokens=10)).tokens is None
    study = decision_study(RATED, DESIGN, 0.15, cost=CallCost(judges=0.5))
    assert all(more.cost.tokens is None for more in study.more if more.cost is not None)


def test_the_cheapest_is_named_only_where_one_is_needed_and_costs_calls() -> None:
    assert decision_study(RATED, DESIGN, 0.5).cheapest is None
    assert decision_study(RATED, DESIGN, 1e-6).cheapest is None
    raters = _components(item=0.0, rater=1.0, attempt=0.0, residual=0.0)
    people = decision_study(raters, {"item": 10, "rater": 4, "attempt": 2}, 0.5)
    assert next(m for m in people.more if m.facet == "rater").needed is not None
    assert people.cheapest is None
    judges = decision_study(raters, {"item": 10, "rater": 4, "attempt": 2}, 0.5, cost=CallCost(judges=1.0))
    assert judges.cheapest == "rater"


def test_one_attempt_says_nothing_about_more() -> None:
    once = VarianceComponents(
        components=RATED.components, n_scores=8, n_cells=2, method="rater_strata", reason=None
    )
    more = {m.facet: m.reason for m in decision_study(once, {**DESIGN, "attempt": 1}, 1e-6).more}
    assert more["attempt"] is PlanReason.NOT_ESTIMATED
    assert more["rater"] is PlanReason.NO_NUMBER_SUFFICES


def test_no_half_width_goes_beyond_half_of_the_scale_and_it_is_told() -> None:
    """Three laboratories that differ much: t with 2 degrees of freedom makes the width ± 1.4."""
    wild = _components(item=0.02, laboratory=0.32, attempt=0.1)
    design = {"item": 30, "laboratory": 3, "attempt": 2}
    free = decision_study(wild, design, 0.05)
    assert free.half_width == pytest.approx(1.4, abs=0.02)
    assert (free.widest, free.capped) == (None, False)
    bounded = decision_study(wild, design, 0.05, span=1.0)
    assert (bounded.half_width, bounded.widest, bounded.capped) == (0.5, 0.5, True)
    assert all(point <= 0.5 for one in bounded.more for _, point in one.curve)
    items = next(one for one in bounded.more if one.facet == "item")
    assert items.left == 0.5
    assert items.reason is PlanReason.NO_NUMBER_SUFFICES
    assert bounded.standard_error == free.standard_error
    laboratories = [next(one for one in study.more if one.facet == "laboratory") for study in (free, bounded)]
    assert laboratories[0].needed == laboratories[1].needed
    assert laboratories[0].half_width == laboratories[1].half_width
    assert not decision_study(wild, design | {"laboratory": 100}, 0.05, span=1.0).capped
    with pytest.raises(ValueError, match="width of a scale"):
        decision_study(wild, design, 0.05, span=0.0)


def test_what_widths_speak_of_is_told() -> None:
    study = decision_study(RATED, DESIGN, 0.1)
    assert (study.random, study.fixed) == (("item", "laboratory", "rater", "attempt"), ())
    held = decision_study(RATED, DESIGN, 0.1, fixed=["laboratory"])
    assert (held.random, held.fixed) == (("item", "rater", "attempt"), ("laboratory",))
    assert held.half_width < study.half_width
