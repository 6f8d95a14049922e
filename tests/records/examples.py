"""One good record of every kind, and its document."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from consilience.records import (
    Basis,
    Claim,
    ConceptType,
    Conditions,
    LinkType,
    Marking,
    Origin,
    PartyType,
    Record,
    Stance,
    SubjectType,
    level,
    new_claim,
    new_concept,
    new_evidence,
    new_incident,
    new_link,
    new_opinion,
    new_own_party,
    new_party,
    new_protocol,
    new_remedy,
    new_report,
    new_subject,
    number,
    unknown,
)
from consilience.records.identity import random_id

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
DIGEST = "sha256:" + "ab" * 32
OTHER_DIGEST = "sha256:" + "cd" * 32

LABORATORY = new_own_party(
    "Institute A", party_type=PartyType.INSTITUTE, now=NOW, country="KE", website="https://example.org/"
)
ORIGIN = Origin(created_by=LABORATORY.id, now=NOW, marking=Marking.GREEN)
DEVELOPER = new_party(ORIGIN, "Modelworks", party_type=PartyType.DEVELOPER, description="Makes\nmodels.")
SUBJECT = new_subject(
    ORIGIN,
    "Model M",
    subject_type=SubjectType.MODEL,
    release="1.0",
    weights_digest=DIGEST,
    developer=DEVELOPER.id,
)
CONCEPT = new_concept(
    ORIGIN,
    "demo:arithmetic",
    "Arithmetic",
    concept_type=ConceptType.CAPABILITY,
    unit="1",
    higher_is_better=True,
)
PROTOCOL = new_protocol(
    ORIGIN,
    "joint-1",
    "Joint exercise 1",
    plan_digest=DIGEST,
    concepts=(CONCEPT.id,),
    languages=("en", "sw"),
    items=40,
)
VALUE = number(0.8, low=0.7, high=0.9, method="clustered t", sample_size=40)
CLAIM = new_claim(
    ORIGIN,
    subject=SUBJECT.id,
    concept=CONCEPT.id,
    value=VALUE,
    basis=Basis.TESTED,
    measured_by=LABORATORY.id,
    commissioned_by=LABORATORY.id,
    published_by=LABORATORY.id,
    protocol=PROTOCOL.id,
    conditions=Conditions(language="sw", rater="exact"),
    evidence=(DIGEST, OTHER_DIGEST),
    valid_from="2026-06-01T00:00:00Z",
)
INCIDENT = new_incident(
    ORIGIN,
    "A model gave wrong dosage advice",
    id=random_id("incident", uuid.UUID(int=7)),
    severity="incident",
    occurred_from="2026-05-01",
    occurred_until="2026-05-02",
    countries=("FR",),
    subjects=(SUBJECT.id,),
)
REPORT = new_report(
    ORIGIN,
    "Wrong advice",
    publisher="The Paper",
    published="2026-05-03",
    address="https://example.org/a?b=1",
    language="fr",
)
REMEDY = new_remedy(ORIGIN, "Dosage guard", remedy_type="guard", release="0.2", concepts=(CONCEPT.id,))
OPINION = new_opinion(ORIGIN, CLAIM.id, Stance.DISAGREE, about_digest=DIGEST, explanation="Too few items.")
EVIDENCE = new_evidence(ORIGIN, digest=DIGEST, media_type="application/json", size=12, name="scores.json")
LINK = new_link(
    ORIGIN, REPORT.id, LinkType.ABOUT, INCIDENT.id, made_by="machine", score=0.5, method="words shared"
)

EXAMPLES: dict[str, Record] = {
    "party": LABORATORY,
    "subject": SUBJECT,
    "concept": CONCEPT,
    "protocol": PROTOCOL,
    "claim": CLAIM,
    "incident": INCIDENT,
    "report": REPORT,
    "remedy": REMEDY,
    "opinion": OPINION,
    "evidence": EVIDENCE,
    "link": LINK,
}
VALUES = {
    "number": VALUE,
    "bare number": number(3, unit="J", no_interval="one reading"),
    "zero": number(0, low=0, high=0.05, method="Wilson"),
    "level": level("partial", ("absent", "partial", "thorough")),
    "not-assessed": unknown("not-assessed"),
    "not-disclosed": unknown("not-disclosed", "asked on 1 May"),
    "not-applicable": unknown("not-applicable"),
    "not-met": unknown("not-met"),
}


def claim_of(value: object, **changes: object) -> Claim:
    """A claim like CLAIM with another value and other fields."""
    fields = {
        "subject": SUBJECT.id, "concept": CONCEPT.id, "basis": Basis.TESTED, "measured_by": LABORATORY.id,
        "published_by": LABORATORY.id, "value": value,
    } | changes  # fmt: skip
    return new_claim(ORIGIN, **fields)  # type: ignore[arg-type]
