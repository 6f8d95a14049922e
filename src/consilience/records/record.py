"""Record: what all eleven kinds have in common, and how one version follows another.

Pure. Invariants:
- version 1 has no predecessor; every later version names the digest of the one before it;
- a change is a new version, a withdrawal is the last version; nothing follows a withdrawal;
- id, creator and time of creation stay the same through all versions.
"""

from __future__ import annotations

from typing import Literal

from consilience.errors import IncompatibleError
from consilience.records.fields import Digest, Moment, PartyId, RecordId, Text, Version, read_moment
from consilience.records.identity import kind_of
from consilience.records.marking import Marking
from consilience.records.part import Part

FORMAT = 1
"""Version of the record format (member `format`)."""


class Withdrawal(Part, frozen=True, kw_only=True):
    """That the record no longer stands, and why."""

    reason: Text


class Record(Part, frozen=True, kw_only=True, tag_field="kind"):
    """Common fields. Only the eleven kinds are ever built."""

    format: Literal[1] = 1
    id: RecordId
    version: Version = 1
    created: Moment
    modified: Moment
    created_by: PartyId
    """The party that made the record; of a party that describes itself, its own id."""
    marking: Marking
    previous: Digest | None = None
    """Digest of the version before this one."""
    withdrawal: Withdrawal | None = None

    @property
    def kind(self) -> str:
        """Return the kind, such as `claim`."""
        return str(self.__struct_config__.tag)

    @property
    def title(self) -> str:
        """Return a line by which a person knows the record."""
        return self.id

    def check(self) -> None:
        """Raise ValueError where the common fields contradict each other."""
        if kind_of(self.id) != self.kind:
            raise ValueError(f"id names the kind {kind_of(self.id)!r} and the record is a {self.kind}")
        if read_moment(self.modified) < read_moment(self.created):
            raise ValueError("modified lies before created")
        if (self.version == 1) != (self.previous is None):
            raise ValueError("version 1 has no previous; every later version has one")
        if self.withdrawal is not None and self.version == 1:
            raise ValueError("a withdrawal is a later version of a record, never the first")


def check_follows(earlier: Record, earlier_digest: str, later: Record) -> None:
    """Check that one version may follow another.

    Args:
        earlier: Version n.
        earlier_digest: Its digest.
        later: Version n + 1.

    Raises:
        IncompatibleError: It may not; the message says which rule it breaks.
    """
    rules = {
        f"is not version {earlier.version + 1}": later.version == earlier.version + 1,
        "has another id": later.id == earlier.id,
        "has another creator (created_by)": later.created_by == earlier.created_by,
        "has another time of creation": later.created == earlier.created,
        "was modified before it": read_moment(later.modified) >= read_moment(earlier.modified),
        "names another digest as previous": later.previous == earlier_digest,
        "follows a withdrawal": earlier.withdrawal is None,
    }
    broken = [rule for rule, kept in rules.items() if not kept]
    if broken:
        raise IncompatibleError(
            f"{later.id} version {later.version} cannot follow version {earlier.version}: it {broken[0]}",
            next_step="Make the new version from the latest one (`revise`).",
        )
