"""Independence: whether a claim was measured by somebody without ties to who made its subject.

Pure. Invariants: a claim measured by the developer of its subject never looks independent; neither does one
of which the measurer or the developer is not known. "Independently measured" and "independently published"
stay apart.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

import msgspec

from consilience.records.claim import Basis, Claim
from consilience.records.kinds import Party, Subject


class Relation(enum.StrEnum):
    """How the measurer stands to the developer of the subject."""

    SAME = "same"
    """The developer measured its own subject."""
    AFFILIATED = "affiliated"
    """Measurer and developer belong together, directly or over others."""
    FUNDED = "funded"
    """The measurer, or a party that it belongs to, is funded by the developer or one of its own."""
    NONE_KNOWN = "none known"
    UNKNOWN = "unknown"
    """The measurer or the developer is not known, or the record of one of them is not here."""


class Independence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the ties between a claim and the developer of its subject. None: not known."""

    relation: Relation
    declared: bool
    """The claim's basis is `declared`: stated, not measured."""
    commissioned_by_developer: bool | None
    published_by_developer: bool | None

    @property
    def looks_independent(self) -> bool:
        """Say whether the claim may be shown as independently measured."""
        return (
            self.relation is Relation.NONE_KNOWN
            and not self.declared
            and self.commissioned_by_developer is not True
        )


def independence(claim: Claim, subject: Subject | None, parties: Mapping[str, Party]) -> Independence:
    """Say how independent a claim is of the developer of its subject.

    Args:
        claim: The claim.
        subject: Its subject, or None where that record is not here.
        parties: Known party records by id.

    Raises:
        ValueError: `subject` is not the claim's.
    """
    if subject is not None and subject.id != claim.subject:
        raise ValueError(f"the claim is about {claim.subject}, not about {subject.id}")
    developer = subject.developer if subject is not None else None
    own = affiliates(developer, parties) if developer is not None else None
    return Independence(
        relation=_relation(claim.measured_by, developer, parties),
        declared=claim.basis is Basis.DECLARED,
        commissioned_by_developer=None
        if own is None or claim.commissioned_by is None
        else claim.commissioned_by in own,
        published_by_developer=None if own is None else claim.published_by in own,
    )


def affiliates(party: str, parties: Mapping[str, Party]) -> frozenset[str]:
    """Return a party and all that belong together with it, in either direction, over any number of steps."""
    neighbours: dict[str, set[str]] = {}
    for record in parties.values():
        for other in record.affiliated_with:
            neighbours.setdefault(record.id, set()).add(other)
            neighbours.setdefault(other, set()).add(record.id)
    found, ahead = {party}, [party]
    while ahead:
        for other in neighbours.get(ahead.pop(), set()) - found:
            found.add(other)
            ahead.append(other)
    return frozenset(found)


def independent_measurers(
    claims: Iterable[Claim], subjects: Mapping[str, Subject], parties: Mapping[str, Party]
) -> frozenset[frozenset[str]]:
    """Return the groups of parties that measured independently; parties that belong together are one group.

    Two claims by one measurer count once, whoever published them.
    """
    return frozenset(
        affiliates(claim.measured_by, parties)
        for claim in claims
        if claim.measured_by is not None
        and independence(claim, subjects.get(claim.subject), parties).looks_independent
    )


def _relation(measurer: str | None, developer: str | None, parties: Mapping[str, Party]) -> Relation:
    if measurer is not None and measurer == developer:
        return Relation.SAME
    if measurer is None or developer is None or not {measurer, developer} <= parties.keys():
        return Relation.UNKNOWN
    makers = affiliates(developer, parties)
    if measurer in makers:
        return Relation.AFFILIATED
    group = affiliates(measurer, parties)
    funders = {funder for member in group if member in parties for funder in parties[member].funded_by}
    return Relation.FUNDED if funders & makers else Relation.NONE_KNOWN
