from __future__ import annotations

import math

import pytest
from tests.records.examples import CLAIM, DIGEST, VALUES, claim_of

from consilience.errors import InputError
from consilience.records import (
    Basis,
    Conditions,
    Interval,
    Level,
    NoInterval,
    Number,
    as_document,
    level,
    number,
    unknown,
)
from consilience.records.claim import UNKNOWNS, say_value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_is_finite(value: float) -> None:
    with pytest.raises(InputError, match="four unknowns"):
        number(value, no_interval="none")
    with pytest.raises(ValueError, match="finite"):
        Interval(low=-1.0, high=value, level=0.95, method="x")


def test_an_interval_has_its_bounds_in_order() -> None:
    with pytest.raises(ValueError, match="low <= high"):
        Interval(low=0.2, high=0.1, level=0.95, method="x")
    assert Interval(low=0.1, high=0.1, level=0.95, method="x").low == 0.1


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"low": 0.1},
        {"low": 0.1, "high": 0.2},
        {"low": 0.1, "high": 0.2, "method": "m", "no_interval": "why"},
        {"high": 0.2, "no_interval": "why"},
        {"method": "m", "no_interval": "why"},
    ],
)
def test_a_number_has_an_interval_or_a_reason(arguments: dict[str, object]) -> None:
    with pytest.raises(InputError, match="interval with its method, or a reason"):
        number(0.5, **arguments)  # type: ignore[arg-type]


def test_a_number_without_uncertainty_cannot_be_built() -> None:
    with pytest.raises((TypeError, ValueError)):
        Number(number=0.5, unit="1")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="uncertainty"):
        Number(number=0.5, unit="1", uncertainty=None)  # type: ignore[arg-type]


def test_unknown_is_not_zero() -> None:
    zero = as_document(VALUES["zero"])
    assert zero["number"] == 0
    assert all("number" not in as_document(unknown(state)) for state in UNKNOWNS)
    assert len({unknown(state) for state in UNKNOWNS}) == 4
    with pytest.raises(InputError, match="not-assessed, not-disclosed, not-applicable, not-met"):
        unknown("0")


def test_a_level_is_on_its_scale() -> None:
    assert level("partial", ["absent", "partial"]) == Level(level="partial", scale=("absent", "partial"))
    for scale in (["absent", "thorough"], ["partial"], ["partial", "partial"]):
        with pytest.raises(InputError):
            level("partial", scale)


def test_the_three_roles_stay_apart() -> None:
    claim = claim_of(VALUES["number"], measured_by=None)
    document = as_document(claim)
    assert "measured_by" not in document
    assert "commissioned_by" not in document
    assert document["published_by"] == CLAIM.published_by


def test_a_claim_names_its_publisher_and_its_basis() -> None:
    with pytest.raises(InputError, match="Expected `str`"):
        claim_of(VALUES["number"], published_by=None)
    with pytest.raises(InputError, match="enum"):
        claim_of(VALUES["number"], basis="guessed")


def test_conditions_say_something() -> None:
    with pytest.raises(ValueError, match="leave them out"):
        Conditions()
    assert Conditions(unknown_json='{"temperature":0}').unknown_members() == {"temperature": 0}


def test_times_and_evidence_make_sense() -> None:
    with pytest.raises(InputError, match="valid_until"):
        claim_of(VALUES["number"], valid_from="2026-02-01T00:00:00Z", valid_until="2026-01-01T00:00:00Z")
    with pytest.raises(InputError, match="twice"):
        claim_of(VALUES["number"], evidence=(DIGEST, DIGEST))


def test_words_never_hide_the_interval() -> None:
    said = {name: say_value(value) for name, value in VALUES.items()}
    assert said == {
        "number": "0.8 [0.7, 0.9] 1",
        "bare number": "3 J, no interval: one reading",
        "zero": "0 [0, 0.05] 1",
        "level": "partial",
        "not-assessed": "not assessed",
        "not-disclosed": "not disclosed",
        "not-applicable": "not applicable",
        "not-met": "not met",
    }
    assert CLAIM.title == "0.8 [0.7, 0.9] 1 (tested)"
    assert isinstance(CLAIM.value, Number)
    assert not isinstance(CLAIM.value.uncertainty, NoInterval)
    assert CLAIM.basis is Basis.TESTED
