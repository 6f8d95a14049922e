"""Records: the eleven kinds, their ids, versions and markings, and their canonical bytes. Pure: no I/O.

Start with `kinds` and `claim` (the types), then `making` (how to make them), `parse` and `writing` (bytes).
"""

from consilience.records.canonical import canonical_bytes, digest
from consilience.records.claim import (
    Basis,
    Claim,
    Conditions,
    Interval,
    Level,
    NoInterval,
    NotApplicable,
    NotAssessed,
    NotDisclosed,
    NotMet,
    Number,
    Value,
)
from consilience.records.kinds import (
    KINDS,
    Concept,
    ConceptType,
    Evidence,
    Incident,
    Link,
    LinkType,
    Opinion,
    Party,
    PartyType,
    Protocol,
    Remedy,
    Report,
    Stance,
    Subject,
    SubjectType,
)
from consilience.records.making import (
    Origin,
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
    revise,
    unknown,
    withdraw,
)
from consilience.records.marking import Marking, may_be_shown_at
from consilience.records.parse import Parsed, parse
from consilience.records.record import Record, Withdrawal
from consilience.records.writing import as_document, record_bytes, record_digest

__all__ = [
    "KINDS", "Basis", "Claim", "Concept", "ConceptType", "Conditions", "Evidence", "Incident",
    "Interval", "Level", "Link", "LinkType", "Marking", "NoInterval", "NotApplicable", "NotAssessed",
    "NotDisclosed", "NotMet", "Number", "Opinion", "Origin", "Parsed", "Party", "PartyType", "Protocol",
    "Record", "Remedy", "Report", "Stance", "Subject", "SubjectType", "Value", "Withdrawal",
    "as_document", "canonical_bytes", "digest", "level", "may_be_shown_at", "new_claim", "new_concept",
    "new_evidence", "new_incident", "new_link", "new_opinion", "new_own_party", "new_party",
    "new_protocol", "new_remedy", "new_report", "new_subject", "number", "parse", "record_bytes",
    "record_digest", "revise", "unknown", "withdraw",
]  # fmt: skip
