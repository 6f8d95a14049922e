"""Make records: a function for each kind fills in id, times, creator and marking; others make new versions.

Pure: the time comes with the `Origin`. Ids follow from what the record speaks of and who made it, so that
the same call made twice names the same record; an incident, which nothing names, takes a random id from the
caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from consilience.errors import IncompatibleError, InputError, Where
from consilience.records.canonical import canonical_bytes, digest
from consilience.records.claim import (
    UNKNOWNS,
    Basis,
    Claim,
    Conditions,
    Interval,
    Level,
    NoInterval,
    Number,
    Value,
)
from consilience.records.fields import moment, read_moment
from consilience.records.identity import derived_id
from consilience.records.kinds import (
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
from consilience.records.marking import Marking
from consilience.records.record import Record, Withdrawal
from consilience.records.writing import as_document, record_digest

R = TypeVar("R", bound=Record)
P = TypeVar("P", bound=msgspec.Struct)

OF_THE_VERSION = frozenset({"version", "modified", "previous", "created"})
"""Members that say which version this is, and not what the record says."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes records, when, and how far they may go."""

    created_by: str
    now: datetime
    marking: Marking = Marking.AMBER_STRICT


def build(cls: type[P], **fields: Any) -> P:
    """Build a record, or a part of one, from values that came from outside.

    Raises:
        InputError: They make no valid one; the message names the field.
    """
    try:
        return cls(**fields)
    except ValueError as error:
        message, _, place = str(error).partition(" - at `$.")
        raise InputError(
            f"this is not a valid {cls.__name__.lower()}: {message}",
            where=Where(path=place.rstrip("`") or None),
        ) from error


def _new(cls: type[R], origin: Origin, identity: str, **fields: Any) -> R:
    now = moment(origin.now)
    return build(
        cls,
        id=identity,
        created=now,
        modified=now,
        created_by=origin.created_by,
        marking=origin.marking,
        **fields,
    )


def party_id(name: str, *, created_by: str | None = None) -> str:
    """Return the id of a party: from its name where it speaks for itself, else also from its writer."""
    return derived_id("party", name) if created_by is None else derived_id("party", name, created_by)


def new_own_party(name: str, *, party_type: PartyType, now: datetime, **fields: Any) -> Party:
    """Return a party that describes itself. It is CLEAR unless `marking` says otherwise.

    Args:
        name: What the party calls itself.
        party_type: What it is.
        now: When the record is made.
        fields: Further fields of `Party`, and `id` where the party already has one.
    """
    identity = fields.pop("id", None) or party_id(name)
    origin = Origin(created_by=identity, now=now, marking=fields.pop("marking", Marking.CLEAR))
    return _new(Party, origin, identity, name=name, party_type=party_type, **fields)


def new_party(origin: Origin, name: str, *, party_type: PartyType, **fields: Any) -> Party:
    """Return a record about another party, such as the developer of a model."""
    identity = party_id(name, created_by=origin.created_by)
    return _new(Party, origin, identity, name=name, party_type=party_type, **fields)


def new_subject(
    origin: Origin,
    name: str,
    *,
    subject_type: SubjectType = SubjectType.MODEL,
    release: str | None = None,
    weights_digest: str | None = None,
    endpoint: str | None = None,
    **fields: Any,
) -> Subject:
    """Return a subject, named by type, name, release, digest of the weights and endpoint."""
    identity = derived_id("subject", origin.created_by, subject_type, name, release, weights_digest, endpoint)
    return _new(
        Subject, origin, identity, name=name, subject_type=subject_type, release=release,
        weights_digest=weights_digest, endpoint=endpoint, **fields,
    )  # fmt: skip


def new_concept(
    origin: Origin, curie: str, label: str, *, concept_type: ConceptType, **fields: Any
) -> Concept:
    """Return a concept, named by its `scheme:code` and the version of the scheme."""
    identity = derived_id("concept", origin.created_by, curie, fields.get("scheme_version"))
    return _new(Concept, origin, identity, curie=curie, label=label, concept_type=concept_type, **fields)


def new_protocol(origin: Origin, name: str, label: str, *, plan_digest: str, **fields: Any) -> Protocol:
    """Return the record of a protocol, named by the digest of its plan."""
    identity = derived_id("protocol", origin.created_by, plan_digest)
    return _new(Protocol, origin, identity, name=name, label=label, plan_digest=plan_digest, **fields)


def number(
    value: float,
    *,
    unit: str = "1",
    low: float | None = None,
    high: float | None = None,
    level: float = 0.95,
    method: str = "",
    sample_size: int | None = None,
    no_interval: str = "",
) -> Number:
    """Return a measured number with its interval, or with the reason why it has none.

    Raises:
        InputError: Neither an interval with its method nor a reason was given, or both.
    """
    given = (low is not None, high is not None, bool(method))
    if any(given) == bool(no_interval) or any(given) != all(given):
        raise InputError(
            "a number needs an interval with its method, or a reason why it has none",
            next_step="Give low, high and method, or no_interval.",
        )
    uncertainty = (
        build(Interval, low=low, high=high, level=level, method=method)
        if all(given)
        else build(NoInterval, reason=no_interval)
    )
    return build(Number, number=value, unit=unit, uncertainty=uncertainty, sample_size=sample_size)


def level(word: str, scale: Sequence[str]) -> Level:
    """Return a level on an ordered scale of words, lowest first."""
    return build(Level, level=word, scale=tuple(scale))


def unknown(state: str, note: str | None = None) -> Value:
    """Return one of the four unknowns: not-assessed, not-disclosed, not-applicable, not-met.

    Raises:
        InputError: There is no such state.
    """
    if state not in UNKNOWNS:
        raise InputError(f"{state!r} is not one of {', '.join(UNKNOWNS)}")
    return build(UNKNOWNS[state], note=note)


def new_claim(
    origin: Origin,
    *,
    subject: str,
    concept: str,
    value: Value,
    basis: Basis,
    published_by: str,
    measured_by: str | None = None,
    commissioned_by: str | None = None,
    protocol: str | None = None,
    conditions: Conditions | None = None,
    **fields: Any,
) -> Claim:
    """Return a claim, named by all but its value, times and evidence: a new value is a new version."""
    under = digest(canonical_bytes(as_document(conditions))) if conditions is not None else None
    identity = derived_id(
        "claim", origin.created_by, subject, concept, basis, measured_by, commissioned_by, published_by,
        protocol, under, fields.get("valid_from"), fields.get("valid_until"),
    )  # fmt: skip
    return _new(
        Claim, origin, identity, subject=subject, concept=concept, value=value, basis=basis,
        published_by=published_by, measured_by=measured_by, commissioned_by=commissioned_by,
        protocol=protocol, conditions=conditions, **fields,
    )  # fmt: skip


def new_incident(origin: Origin, label: str, *, id: str, status: str = "alleged", **fields: Any) -> Incident:  # noqa: A002 (the field's name)
    """Return an incident. `id` is given: two incidents may share every word (see `identity.random_id`)."""
    return _new(Incident, origin, id, label=label, status=status, **fields)


def new_report(origin: Origin, label: str, **fields: Any) -> Report:
    """Return a report, named by its label, publisher, day and address."""
    parts = [fields.get(name) for name in ("published_by", "publisher", "published", "address")]
    return _new(Report, origin, derived_id("report", origin.created_by, label, *parts), label=label, **fields)


def new_remedy(
    origin: Origin, name: str, *, remedy_type: str, release: str | None = None, **fields: Any
) -> Remedy:
    """Return a remedy, named by its type, name and release."""
    identity = derived_id("remedy", origin.created_by, remedy_type, name, release)
    return _new(Remedy, origin, identity, name=name, remedy_type=remedy_type, release=release, **fields)


def new_opinion(
    origin: Origin, about: str, stance: Stance, *, held_by: str | None = None, **fields: Any
) -> Opinion:
    """Return an opinion of the origin's party, or of `held_by`; a party has one opinion about a record."""
    holder = held_by or origin.created_by
    identity = derived_id("opinion", origin.created_by, holder, about)
    return _new(Opinion, origin, identity, about=about, stance=stance, held_by=holder, **fields)


def new_evidence(origin: Origin, *, digest: str, media_type: str, size: int, **fields: Any) -> Evidence:
    """Return the record of a file, named by the file's digest."""
    identity = derived_id("evidence", origin.created_by, digest)
    return _new(Evidence, origin, identity, digest=digest, media_type=media_type, size=size, **fields)


def new_link(
    origin: Origin, source: str, link_type: LinkType, target: str, *, made_by: str, **fields: Any
) -> Link:
    """Return a link, named by its two ends, its type and how it was made."""
    identity = derived_id("link", origin.created_by, source, link_type, target, made_by)
    return _new(
        Link, origin, identity, source=source, link_type=link_type, target=target, made_by=made_by, **fields
    )


def says_the_same(left: Record, right: Record) -> bool:
    """Say whether two records differ at most in which version they are."""
    documents = (as_document(left), as_document(right))
    first, second = ({k: v for k, v in each.items() if k not in OF_THE_VERSION} for each in documents)
    return first == second


def revise(earlier: R, *, now: datetime, **changes: Any) -> R:
    """Return the next version of a record.

    Args:
        earlier: The latest version.
        now: When the change is made; the new version is never older than the one before it.
        changes: Fields with their new values.

    Raises:
        IncompatibleError: The record was withdrawn, or a change touches what stays the same through all
            versions.
        InputError: The changes make no valid record.
    """
    if earlier.withdrawal is not None:
        raise IncompatibleError(
            f"{earlier.id} was withdrawn; nothing follows a withdrawal", next_step="Make a new record."
        )
    fixed = {"id", "created", "created_by", "version", "modified", "previous", "format"} & changes.keys()
    if fixed:
        raise IncompatibleError(f"{min(fixed)} of {earlier.id} is not changed by hand")
    modified = max(now, read_moment(earlier.modified))
    fields = {name: getattr(earlier, name) for name in earlier.__struct_fields__} | changes
    fields |= {
        "version": earlier.version + 1,
        "modified": moment(modified),
        "previous": record_digest(earlier),
    }
    return build(type(earlier), **fields)


def withdraw(earlier: R, *, now: datetime, reason: str) -> R:
    """Return the last version of a record: that it no longer stands, and why."""
    return revise(earlier, now=now, withdrawal=build(Withdrawal, reason=reason))
