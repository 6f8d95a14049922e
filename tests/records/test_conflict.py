from __future__ import annotations

import itertools

import hypothesis.strategies as st
import pytest
from hypothesis import given
from tests.records.examples import DEVELOPER, LABORATORY, NOW, SUBJECT, claim_of

from consilience.records import (
    Claim,
    Conditions,
    Interval,
    Number,
    Value,
    level,
    number,
    revise,
    unknown,
    withdraw,
)
from consilience.records.conflict import conflicts, in_conflict

ELSEWHERE = SUBJECT.id[:-1] + ("0" if SUBJECT.id[-1] != "0" else "1")
SCALE = ("absent", "mentioned", "partial", "thorough")


def _number(low: float, high: float, unit: str = "1") -> Number:
    return number((low + high) / 2, low=low, high=high, unit=unit, method="t")


def _by(measurer: str | None, value: Value, **fields: object) -> Claim:
    return claim_of(value, measured_by=measurer, **fields)


LOW = _by(LABORATORY.id, _number(0.1, 0.3))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (_by(DEVELOPER.id, _number(0.4, 0.5)), True),
        (_by(DEVELOPER.id, _number(0.0, 0.05)), True),
        (_by(DEVELOPER.id, _number(0.3, 0.5)), False),  # they touch
        (_by(DEVELOPER.id, _number(0.0, 1.0)), False),
        (_by(LABORATORY.id, _number(0.4, 0.5), statement="another"), False),  # the same measurer
        (_by(None, _number(0.4, 0.5)), False),
        (_by(DEVELOPER.id, _number(0.4, 0.5, unit="J")), False),
        (_by(DEVELOPER.id, _number(0.4, 0.5), conditions=Conditions(language="sw")), False),
        (
            _by(
                DEVELOPER.id,
                _number(0.4, 0.5),
                subject=ELSEWHERE,
            ),
            False,
        ),
        (_by(DEVELOPER.id, number(0.9, no_interval="one run")), False),
        (_by(DEVELOPER.id, unknown("not-met")), False),
        (_by(DEVELOPER.id, level("absent", SCALE)), False),
    ],
)
def test_numbers(other: Claim, expected: bool) -> None:
    assert in_conflict(LOW, other) is expected
    assert in_conflict(other, LOW) is expected


def test_levels() -> None:
    one, other = _by(LABORATORY.id, level("partial", SCALE)), _by(DEVELOPER.id, level("absent", SCALE))
    assert in_conflict(one, other)
    assert not in_conflict(one, _by(DEVELOPER.id, level("partial", SCALE)))
    assert not in_conflict(one, _by(DEVELOPER.id, level("absent", SCALE[::-1])))


def test_only_what_stands_counts() -> None:
    high = _by(DEVELOPER.id, _number(0.4, 0.5))
    assert not in_conflict(LOW, withdraw(high, now=NOW, reason="wrong"))
    mended = revise(high, now=NOW, value=_number(0.2, 0.3))
    assert list(conflicts([LOW, high, mended])) == []
    assert list(conflicts([LOW, mended, high])) == []


def test_records_that_mean_the_same() -> None:
    other = _by(DEVELOPER.id, _number(0.4, 0.5), subject=ELSEWHERE)
    assert not in_conflict(LOW, other)
    assert in_conflict(LOW, other, same={ELSEWHERE: SUBJECT.id})


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=6))
def test_pairs_are_found_as_by_looking_at_all(bounds: list[tuple[int, int]]) -> None:
    claims = [
        _by(f"party--00000000-0000-0000-0000-{index:012d}", _number(min(pair), max(pair)))
        for index, pair in enumerate(bounds)
    ]
    found = {frozenset({left.id, right.id}) for left, right in conflicts(claims)}
    expected = {
        frozenset({left.id, right.id})
        for left, right in itertools.combinations(claims, 2)
        if max(_low(left), _low(right)) > min(_high(left), _high(right))
    }
    assert found == expected


def _interval(claim: Claim) -> Interval:
    assert isinstance(claim.value, Number)
    assert isinstance(claim.value.uncertainty, Interval)
    return claim.value.uncertainty


def _low(claim: Claim) -> float:
    return _interval(claim).low


def _high(claim: Claim) -> float:
    return _interval(claim).high
