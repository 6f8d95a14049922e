"""Intervals of shares of variance: their formula, what they must never do, and how often they hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.statistics.components import Component
from consilience.statistics.estimate import Interval
from consilience.statistics.shares import with_share_intervals
from consilience.statistics.variance import variance_components


def _component(
    source: str, value: float | None, low: float | None = None, high: float | None = None
) -> Component:
    interval = None
    if low is not None and high is not None:
        interval = Interval(low=low, high=high, level=0.95, method="group_jackknife")
    return Component(
        source=source, variance=value, interval=interval, share=0.5, share_interval=None, levels=9, df=None,
        reason=None,
    )  # fmt: skip


def _share(one: Component) -> tuple[float, float]:
    assert one.share_interval is not None
    return one.share_interval.low, one.share_interval.high


def test_two_components_by_hand() -> None:
    item, attempt = with_share_intervals(
        [_component("item", 2.0, 1.0, 4.0), _component("attempt", 1.0, 0.5, 2.0)]
    )
    spread = math.hypot(math.log(2), math.log(2))
    ends = [2 * math.exp(-spread), 2 * math.exp(spread)]
    assert _share(item) == pytest.approx([ends[0] / (1 + ends[0]), ends[1] / (1 + ends[1])])
    assert _share(attempt) == pytest.approx([1 / (1 + ends[1]), 1 / (1 + ends[0])])
    assert item.share_interval.method == "variance_recovery"


def test_a_component_that_is_known_is_still_an_unsure_share() -> None:
    known = _component("attempt", 1.0, 0.999, 1.001)
    attempt, _ = with_share_intervals([known, _component("item", 1.0, 0.3, 3.0)])
    low, high = _share(attempt)
    assert low < 0.3
    assert high > 0.7


def test_what_cannot_be_told_has_no_interval() -> None:
    plain, none, sure = with_share_intervals(
        [_component("item", 1.0), _component("laboratory", None), _component("attempt", 2.0, 1.0, 3.0)]
    )
    assert plain.share_interval is None
    assert none.share_interval is None
    assert _share(sure) == pytest.approx((1 / 2, 3 / 4))
    (alone,) = with_share_intervals([_component("attempt", 2.0, 1.0, 3.0)])
    assert alone.share_interval is None


def test_a_negative_component_reaches_from_nothing() -> None:
    negative, _ = with_share_intervals(
        [_component("item", -0.1, 0.0, 0.5), _component("attempt", 1.0, 0.8, 1.2)]
    )
    assert _share(negative) == pytest.approx((0.0, 1 / 3))


VALUES = st.floats(1e-6, 1e6)


@given(st.lists(st.tuples(VALUES, st.floats(0, 1), st.floats(1, 1e3)), min_size=2, max_size=6))
def test_intervals_lie_within_the_whole_and_hold_their_share(parts: list[tuple[float, float, float]]) -> None:
    components = [_component(str(k), v, v * low, v * high) for k, (v, low, high) in enumerate(parts)]
    whole = sum(v for v, _, _ in parts)
    for one, (value, low, high) in zip(with_share_intervals(components), parts, strict=True):
        if one.share_interval is None:
            continue
        ends = _share(one)
        assert 0.0 <= ends[0] <= value / whole * (1 + 1e-9)
        assert value / whole * (1 - 1e-9) <= ends[1] <= 1.0
        rest = whole - value
        assert ends[0] <= value * low / (value * low + rest) * (1 + 1e-6) + 1e-12 if rest > 0 else True
        assert ends[1] >= value * high / (value * high + rest) * (1 - 1e-6)


def test_shares_are_covered_also_that_of_the_attempt() -> None:
    """With the other components taken as known, the share of the attempt was covered 46 % of the time."""
    rng = np.random.default_rng(3)
    item, laboratory = (axis.ravel() for axis in np.indices((60, 4)))
    hits: dict[str, list[bool]] = {"item": [], "attempt": [], "laboratory": []}
    truth = {"item": 0.25, "laboratory": 0.04, "attempt": 0.45}
    for _ in range(150):
        mean = rng.normal(0, 0.5, 60)[item] + rng.normal(0, 0.2, 4)[laboratory]
        scores = mean[:, None] + rng.normal(0, math.sqrt(0.45), (item.size, 3))
        found = variance_components(
            {"item": item, "laboratory": laboratory},
            scores.sum(1),
            np.full(item.size, 3.0),
            (scores**2).sum(1),
        )
        for source, found_hits in hits.items():
            interval = found.get(source).share_interval
            assert interval is not None
            found_hits.append(interval.low <= truth[source] / 0.74 <= interval.high)
    assert all(np.mean(found_hits) > 0.9 for found_hits in hits.values()), hits
