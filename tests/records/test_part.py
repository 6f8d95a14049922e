from __future__ import annotations

import msgspec
import pytest
from tests.records.examples import CLAIM, EXAMPLES

from consilience.records.claim import Basis, Claim, Interval, NoInterval, Number
from consilience.records.part import known_names


def _replaced(**changes: object) -> Claim:
    return msgspec.structs.replace(CLAIM, **changes)


def test_a_constructor_checks_as_the_parser_does() -> None:
    with pytest.raises(ValueError, match=r"\$\.reason"):
        NoInterval(reason="")
    with pytest.raises(ValueError, match=r"\$\.low"):
        Interval(low="0", high=1.0, level=0.95, method="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\$\.subject"):
        _replaced(subject=CLAIM.concept)


def test_replacing_a_field_checks_too() -> None:
    with pytest.raises(ValueError, match="version 1 has no previous"):
        _replaced(version=2)


def test_loose_values_become_exact_ones() -> None:
    claim = _replaced(basis="tested", evidence=list(CLAIM.evidence))
    assert claim.basis is Basis.TESTED
    assert claim.evidence == CLAIM.evidence
    assert isinstance(claim.evidence, tuple)
    assert claim == CLAIM


@pytest.mark.parametrize("kind", EXAMPLES)
def test_nothing_can_be_changed(kind: str) -> None:
    with pytest.raises(AttributeError):
        EXAMPLES[kind].version = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"b":1,"a":2}', '{"a": 1}', '{"number":1}', '{"state":"x"}', '{"a":NaN}']
)
def test_unknown_members_are_canonical_and_unknown(text: str) -> None:
    with pytest.raises(ValueError, match="unknown_json"):
        Number(number=1.0, unit="1", uncertainty=NoInterval(reason="one"), unknown_json=text)


def test_unknown_members_can_be_read() -> None:
    part = NoInterval(reason="one", unknown_json='{"a":[1]}')
    part.unknown_members()["a"].append(2)
    assert part.unknown_members() == {"a": [1]}
    assert NoInterval(reason="one").unknown_members() == {}


def test_known_names_have_the_tag() -> None:
    assert known_names(NoInterval) == {"form", "reason"}
