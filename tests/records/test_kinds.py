from __future__ import annotations

import uuid

import pytest
from tests.records.examples import CLAIM, CONCEPT, DIGEST, OPINION, ORIGIN, SUBJECT

from consilience.errors import InputError
from consilience.records import (
    LinkType,
    PartyType,
    Stance,
    SubjectType,
    new_evidence,
    new_incident,
    new_link,
    new_opinion,
    new_party,
    new_remedy,
    new_report,
    new_subject,
)  # fmt: skip
from consilience.records.identity import random_id
from consilience.records.kinds import Opinion, Subject
from consilience.records.making import build
from consilience.records.writing import as_document

ID = random_id("incident", uuid.UUID(int=1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: new_party(ORIGIN, "A", party_type="club"),  # type: ignore[arg-type]
        lambda: new_party(ORIGIN, "A\nB", party_type=PartyType.NGO),
        lambda: new_party(ORIGIN, "A", party_type=PartyType.NGO, country="Kenya"),
        lambda: new_subject(ORIGIN, "M", subject_type="thing"),  # type: ignore[arg-type]
        lambda: new_subject(ORIGIN, "M", endpoint="localhost"),
        lambda: new_subject(ORIGIN, "M", endpoint_seen="2026-02-30T00:00:00Z"),
        lambda: new_incident(ORIGIN, "X", id=CLAIM.id),
        lambda: new_incident(ORIGIN, "X", id=ID, status="sure"),
        lambda: new_incident(ORIGIN, "X", id=ID, occurred_from="2026-02-30"),
        lambda: new_incident(ORIGIN, "X", id=ID, occurred_from="2026-02-02", occurred_until="2026-02-01"),
        lambda: new_report(ORIGIN, "R", published="2026-02-30"),
        lambda: new_report(ORIGIN, "R", retrieved="2026-02-30T00:00:00Z"),
        lambda: new_remedy(ORIGIN, "R", remedy_type="wish"),
        lambda: new_opinion(ORIGIN, CLAIM.id, "rather-not"),  # type: ignore[arg-type]
        lambda: new_evidence(ORIGIN, digest=DIGEST, media_type="text/plain", size=-1),
        lambda: new_evidence(ORIGIN, digest=DIGEST, media_type="text/plain", size=1, name="../a"),
        lambda: new_evidence(ORIGIN, digest=DIGEST, media_type="text/plain", size=1, name="a\\b"),
        lambda: new_evidence(ORIGIN, digest=DIGEST, media_type="text/plain", size=1, name=".."),
        lambda: new_evidence(ORIGIN, digest="abc", media_type="text/plain", size=1),
        lambda: new_link(ORIGIN, CLAIM.id, LinkType.SAME_AS, CLAIM.id, made_by="human"),
        lambda: new_link(ORIGIN, CLAIM.id, LinkType.EXACT_MATCH, CONCEPT.id, made_by="human"),
        lambda: new_link(ORIGIN, CLAIM.id, LinkType.ABOUT, CONCEPT.id, made_by="human", score=1.5),
        lambda: new_link(ORIGIN, CLAIM.id, LinkType.ABOUT, CONCEPT.id, made_by="oracle"),
        lambda: build(Subject, **_fields(SUBJECT, derived_from=(SUBJECT.id,))),
        lambda: build(Opinion, **_fields(OPINION, about=OPINION.id)),
    ],
)
def test_illegal_states_cannot_be_built(make: object) -> None:
    with pytest.raises(InputError):
        make()  # type: ignore[operator]


def _fields(record: object, **changes: object) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__struct_fields__} | changes  # type: ignore[attr-defined]


def test_a_score_that_was_not_given_is_not_zero() -> None:
    link = new_link(ORIGIN, CLAIM.id, LinkType.ABOUT, CONCEPT.id, made_by="human")
    assert link.score is None
    assert "score" not in as_document(link)
    assert (
        as_document(new_link(ORIGIN, CLAIM.id, LinkType.ABOUT, CONCEPT.id, made_by="human", score=0.0))[
            "score"
        ]
        == 0
    )


def test_opinions_have_the_five_points_of_stix() -> None:
    assert [stance.value for stance in Stance] == [
        "strongly-disagree",
        "disagree",
        "neutral",
        "agree",
        "strongly-agree",
    ]


def test_subjects_may_be_organisations_and_instruments() -> None:
    assert {SubjectType.ORGANISATION, SubjectType.INSTRUMENT, SubjectType.MODEL} <= set(SubjectType)
