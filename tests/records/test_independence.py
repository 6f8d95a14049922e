from __future__ import annotations

import msgspec
import pytest
from tests.records.examples import CONCEPT, NOW, VALUES

from consilience.records import (
    Basis,
    Claim,
    Origin,
    Party,
    PartyType,
    new_claim,
    new_own_party,
    new_party,
    new_subject,
)
from consilience.records.independence import Relation, affiliates, independence, independent_measurers

MAKER = new_own_party("Maker", party_type=PartyType.DEVELOPER, now=NOW)
ORIGIN = Origin(created_by=MAKER.id, now=NOW)


def _party(name: str, **fields: object) -> Party:
    return new_party(ORIGIN, name, party_type=PartyType.EVALUATOR, **fields)


SUBSIDIARY = _party("Subsidiary", affiliated_with=(MAKER.id,))
FREE = _party("Free")
FREE_BRANCH = _party("Free, branch", affiliated_with=(FREE.id,))
FUNDED = _party("Funded", funded_by=(SUBSIDIARY.id,))
BRANCH_OF_FUNDED = _party("Branch of funded", affiliated_with=(FUNDED.id,))
STATE = _party("State")
INSTITUTE_1 = _party("Institute 1", funded_by=(STATE.id,))
PARTIES = {
    each.id: each
    for each in (MAKER, SUBSIDIARY, FREE, FREE_BRANCH, FUNDED, BRANCH_OF_FUNDED, STATE, INSTITUTE_1)
}
SUBJECT = new_subject(ORIGIN, "M", developer=MAKER.id)
ORPHAN = new_subject(ORIGIN, "Orphan")


def _claim(measurer: Party | None, publisher: Party = FREE, **fields: object) -> Claim:
    arguments = {
        "subject": SUBJECT.id, "concept": CONCEPT.id, "value": VALUES["number"], "basis": Basis.TESTED,
        "measured_by": measurer and measurer.id, "published_by": publisher.id,
    } | fields  # fmt: skip
    return new_claim(ORIGIN, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("measurer", "relation"),
    [
        (MAKER, Relation.SAME),
        (SUBSIDIARY, Relation.AFFILIATED),
        (FUNDED, Relation.FUNDED),
        (BRANCH_OF_FUNDED, Relation.FUNDED),
        (FREE, Relation.NONE_KNOWN),
        (INSTITUTE_1, Relation.NONE_KNOWN),
        (None, Relation.UNKNOWN),
        (_party("Stranger"), Relation.UNKNOWN),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_the_relation_of_measurer_and_developer(measurer: Party | None, relation: Relation) -> None:
    found = independence(_claim(measurer), SUBJECT, PARTIES)
    assert found.relation is relation
    assert found.looks_independent is (relation is Relation.NONE_KNOWN)


@pytest.mark.parametrize("basis", list(Basis))
def test_a_developers_own_claim_never_looks_independent(basis: Basis) -> None:
    for parties in (PARTIES, {}):
        claim = _claim(MAKER, basis=basis, commissioned_by=FREE.id, published_by=FREE.id)
        assert not independence(claim, SUBJECT, parties).looks_independent
        assert independence(claim, SUBJECT, parties).relation is Relation.SAME


def test_what_is_not_known_does_not_look_independent() -> None:
    assert not independence(_claim(FREE), None, PARTIES).looks_independent
    assert not independence(_claim(FREE, subject=ORPHAN.id), ORPHAN, PARTIES).looks_independent
    without_maker = {name: party for name, party in PARTIES.items() if party is not MAKER}
    assert not independence(_claim(FREE), SUBJECT, without_maker).looks_independent


def test_a_commission_of_the_developer_and_a_declaration_do_not_look_independent() -> None:
    bought = independence(_claim(FREE, commissioned_by=SUBSIDIARY.id), SUBJECT, PARTIES)
    assert bought.relation is Relation.NONE_KNOWN
    assert bought.commissioned_by_developer is True
    assert not bought.looks_independent
    assert not independence(_claim(FREE, basis=Basis.DECLARED), SUBJECT, PARTIES).looks_independent


def test_measured_and_published_independently_are_two_things() -> None:
    hosted = independence(_claim(FREE, published_by=MAKER.id), SUBJECT, PARTIES)
    assert hosted.looks_independent
    assert hosted.published_by_developer is True
    assert independence(_claim(FREE), SUBJECT, PARTIES).published_by_developer is False
    assert independence(_claim(FREE), None, PARTIES).published_by_developer is None


def test_one_measurer_counts_once_whoever_published() -> None:
    claims = [
        _claim(FREE),
        _claim(FREE, published_by=MAKER.id),
        _claim(FREE_BRANCH),
        _claim(MAKER),
        _claim(None),
    ]
    assert independent_measurers(claims, {SUBJECT.id: SUBJECT}, PARTIES) == {
        frozenset({FREE.id, FREE_BRANCH.id})
    }
    assert len(independent_measurers([*claims, _claim(INSTITUTE_1)], {SUBJECT.id: SUBJECT}, PARTIES)) == 2


def test_affiliation_is_followed_both_ways_and_over_steps() -> None:
    assert affiliates(FREE.id, PARTIES) == {FREE.id, FREE_BRANCH.id} == affiliates(FREE_BRANCH.id, PARTIES)
    ring = [_party(f"Ring {index}") for index in range(3)]
    chained = [
        msgspec.structs.replace(each, affiliated_with=(ring[index - 1].id,))
        for index, each in enumerate(ring)
    ]
    assert affiliates(ring[0].id, {each.id: each for each in chained}) == {each.id for each in ring}


def test_the_subject_must_be_the_claims() -> None:
    with pytest.raises(ValueError, match="not about"):
        independence(_claim(FREE), ORPHAN, PARTIES)
