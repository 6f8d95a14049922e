"""The other ten kinds: Party, Subject, Concept, Protocol, Incident, Report, Remedy, Opinion, Evidence, Link.

Pure. Invariant: there are eleven kinds and no more (`KINDS`); new knowledge needs a new concept scheme, not
a kind.
"""

from __future__ import annotations

import enum
from typing import Literal

from consilience.records.claim import Claim
from consilience.records.fields import (
    Address,
    Addresses,
    ConceptId,
    Concepts,
    Count,
    Countries,
    Country,
    Curie,
    Day,
    Digest,
    Digests,
    EvidenceId,
    IncidentId,
    Language,
    Languages,
    Line,
    LinkId,
    MediaType,
    Moment,
    OpinionId,
    Parties,
    PartyId,
    ProtocolId,
    RecordId,
    RemedyId,
    ReportId,
    Score,
    SubjectId,
    Subjects,
    Text,
    read_moment,
)
from consilience.records.identity import kind_of
from consilience.records.record import Record


def _check_order(earlier: str | None, later: str | None, names: str) -> None:
    times = [read_moment(text) for text in (earlier, later) if text is not None]
    if times != sorted(times):
        raise ValueError(f"{names}: the second lies before the first")


class PartyType(enum.StrEnum):
    """What a party is."""

    INSTITUTE = "institute"
    DEVELOPER = "developer"
    EVALUATOR = "evaluator"
    AUDITOR = "auditor"
    ACADEMIC = "academic"
    NGO = "ngo"
    COMPANY = "company"
    GOVERNMENT = "government"
    PRESS = "press"
    PERSON = "person"


class Party(Record, frozen=True, kw_only=True, tag="party"):
    """Who acts: institute, developer, evaluator, auditor."""

    id: PartyId
    name: Line
    party_type: PartyType
    country: Country | None = None
    funded_by: Parties = ()
    affiliated_with: Parties = ()
    website: Address | None = None
    description: Text | None = None

    @property
    def title(self) -> str:
        """Return the name."""
        return self.name


class SubjectType(enum.StrEnum):
    """What a subject is."""

    MODEL = "model"
    SYSTEM = "system"
    DATASET = "dataset"
    ORGANISATION = "organisation"
    INSTRUMENT = "instrument"
    """A text with commitments, such as the Seoul Frontier AI Safety Commitments."""


class Subject(Record, frozen=True, kw_only=True, tag="subject"):
    """What is spoken of: model, system, dataset, organisation, instrument."""

    id: SubjectId
    name: Line
    subject_type: SubjectType
    developer: PartyId | None = None
    """Who made it (of an organisation: itself). Absent: not known; then no claim looks independent."""
    release: Line | None = None
    """The maker's name of the version."""
    weights_digest: Digest | None = None
    endpoint: Address | None = None
    endpoint_seen: Moment | None = None
    """When the endpoint was looked at; what it serves may change."""
    derived_from: Subjects = ()
    licence: Line | None = None
    description: Text | None = None

    @property
    def title(self) -> str:
        """Return name and release."""
        return self.name if self.release is None else f"{self.name} {self.release}"

    def check(self) -> None:
        """Raise ValueError where the fields contradict each other."""
        super().check()
        if self.id in self.derived_from:
            raise ValueError("a subject is not derived from itself")
        if self.endpoint_seen is not None:
            read_moment(self.endpoint_seen)


class ConceptType(enum.StrEnum):
    """What a concept speaks of."""

    CAPABILITY = "capability"
    SAFEGUARD = "safeguard"
    LIMIT = "limit"
    RISK = "risk"
    CONTROL = "control"
    COMMITMENT = "commitment"
    FOOTPRINT = "footprint"


class Concept(Record, frozen=True, kw_only=True, tag="concept"):
    """A term of a scheme: risk, capability, control, clause of a commitment."""

    id: ConceptId
    curie: Curie
    """`scheme:code`, the term's name in its scheme."""
    label: Line
    concept_type: ConceptType
    scheme_version: Line | None = None
    definition: Text | None = None
    unit: Line | None = None
    higher_is_better: bool | None = None
    broader: Concepts = ()
    language: Language | None = None
    """Of label and definition."""

    @property
    def title(self) -> str:
        """Return label and term."""
        return f"{self.label} ({self.curie})"


class Protocol(Record, frozen=True, kw_only=True, tag="protocol"):
    """The plan of a joint exercise, fixed before any result."""

    id: ProtocolId
    name: Line
    label: Line
    plan_digest: Digest
    """Digest over the plan and all its items."""
    construct: Text | None = None
    estimand: Text | None = None
    concepts: Concepts = ()
    languages: Languages = ()
    items: Count | None = None
    attempts: Count | None = None
    evidence: Digests = ()
    """The protocol file and item files, where they may be shared."""

    @property
    def title(self) -> str:
        """Return the label."""
        return self.label


class Incident(Record, frozen=True, kw_only=True, tag="incident"):
    """An event in which a system did harm, or came near to it."""

    id: IncidentId
    label: Line
    status: Literal["alleged", "confirmed", "refuted"]
    severity: Literal["hazard", "serious-hazard", "incident", "serious-incident", "disaster"] | None = None
    """The OECD's words (Defining AI incidents and related terms, 2024)."""
    description: Text | None = None
    occurred_from: Day | None = None
    occurred_until: Day | None = None
    countries: Countries = ()
    subjects: Subjects = ()
    concepts: Concepts = ()
    evidence: Digests = ()

    @property
    def title(self) -> str:
        """Return the label."""
        return self.label

    def check(self) -> None:
        """Raise ValueError where the fields contradict each other."""
        super().check()
        _check_order(self.occurred_from, self.occurred_until, "occurred_from, occurred_until")


class Report(Record, frozen=True, kw_only=True, tag="report"):
    """A document about something that happened or was found."""

    id: ReportId
    label: Line
    published_by: PartyId | None = None
    publisher: Line | None = None
    """Name of the publisher where no party record exists."""
    published: Day | None = None
    address: Address | None = None
    retrieved: Moment | None = None
    language: Language | None = None
    summary: Text | None = None
    evidence: Digests = ()

    @property
    def title(self) -> str:
        """Return the label."""
        return self.label

    def check(self) -> None:
        """Raise ValueError where the fields contradict each other."""
        super().check()
        _check_order(self.published, None, "published")
        _check_order(self.retrieved, None, "retrieved")


class Remedy(Record, frozen=True, kw_only=True, tag="remedy"):
    """What lowers a risk."""

    id: RemedyId
    name: Line
    remedy_type: Literal["guard", "detector", "other"]
    """A guard stands before or behind a model; a detector inspects content."""
    release: Line | None = None
    developer: PartyId | None = None
    concepts: Concepts = ()
    """The risks it is meant to lower."""
    licence: Line | None = None
    addresses: Addresses = ()
    description: Text | None = None
    evidence: Digests = ()

    @property
    def title(self) -> str:
        """Return name and release."""
        return self.name if self.release is None else f"{self.name} {self.release}"


class Stance(enum.StrEnum):
    """The five points of STIX 2.1, section 4.13 (opinion-enum)."""

    STRONGLY_DISAGREE = "strongly-disagree"
    DISAGREE = "disagree"
    NEUTRAL = "neutral"
    AGREE = "agree"
    STRONGLY_AGREE = "strongly-agree"


class Opinion(Record, frozen=True, kw_only=True, tag="opinion"):
    """A party's stated agreement or disagreement with a record."""

    id: OpinionId
    about: RecordId
    about_digest: Digest | None = None
    """The version that the party read."""
    held_by: PartyId
    stance: Stance
    explanation: Text | None = None

    @property
    def title(self) -> str:
        """Return the stance and what it is about."""
        return f"{self.stance} with {self.about}"

    def check(self) -> None:
        """Raise ValueError where the fields contradict each other."""
        super().check()
        if self.about == self.id:
            raise ValueError("an opinion is not about itself")


class Evidence(Record, frozen=True, kw_only=True, tag="evidence"):
    """A file, named by its digest. The bytes lie beside the records."""

    id: EvidenceId
    digest: Digest
    media_type: MediaType
    size: Count
    """Bytes."""
    name: Line | None = None
    """A file name without folders, for people."""
    description: Text | None = None
    hosted_by: PartyId | None = None
    address: Address | None = None
    retrieved: Moment | None = None
    licence: Line | None = None

    @property
    def title(self) -> str:
        """Return name and type."""
        return f"{self.name or self.digest[:19]} ({self.media_type}, {self.size} bytes)"

    def check(self) -> None:
        """Raise ValueError where the fields contradict each other."""
        super().check()
        if self.name is not None and ("/" in self.name or "\\" in self.name or self.name in {".", ".."}):
            raise ValueError("name is a file name without folders")
        _check_order(self.retrieved, None, "retrieved")


class LinkType(enum.StrEnum):
    """How the source stands to the target. The last five are SKOS mapping relations between concepts."""

    SAME_AS = "same-as"
    DUPLICATE_OF = "duplicate-of"
    ABOUT = "about"
    PART_OF = "part-of"
    DERIVED_FROM = "derived-from"
    REPRODUCES = "reproduces"
    SUPPORTS = "supports"
    CONTRADICTS = "contradicts"
    MITIGATES = "mitigates"
    EXACT_MATCH = "exact-match"
    CLOSE_MATCH = "close-match"
    BROAD_MATCH = "broad-match"
    NARROW_MATCH = "narrow-match"
    RELATED_MATCH = "related-match"


class Link(Record, frozen=True, kw_only=True, tag="link"):
    """A typed, scored relation between any two records."""

    id: LinkId
    source: RecordId
    target: RecordId
    link_type: LinkType
    made_by: Literal["human", "machine", "rule"]
    score: Score | None = None
    """How sure the maker is. Absent: not said, which is not 0."""
    method: Line | None = None
    note: Text | None = None

    @property
    def title(self) -> str:
        """Return the relation."""
        return f"{self.source} {self.link_type} {self.target}"

    def check(self) -> None:
        """Raise ValueError where the fields contradict each other."""
        super().check()
        if self.source == self.target:
            raise ValueError("a link leads from one record to another")
        if self.link_type.endswith("-match") and {kind_of(self.source), kind_of(self.target)} != {"concept"}:
            raise ValueError(f"{self.link_type} relates two concepts")


KINDS: dict[str, type[Record]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (
        Party, Subject, Concept, Protocol, Claim, Incident, Report, Remedy, Opinion, Evidence, Link,
    )
}  # fmt: skip
"""Every kind by its name in documents."""
