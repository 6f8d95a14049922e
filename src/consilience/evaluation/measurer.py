"""Who measured: the party record of a laboratory that is known by its name alone.

Invariants: one name is one party, however it is spaced and whatever the case of its letters, so that a
developer who measures its own model stays the same party and never looks independent; the node's own party
is taken for a laboratory only where it has its name; a party that is made here says that nobody verified it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consilience.evaluation.importers.prompt import normalised
from consilience.records.kinds import Party, PartyType
from consilience.records.making import new_party

if TYPE_CHECKING:
    from consilience.evaluation.run_archive import Archive

NOT_VERIFIED = "Known by the name that was given with its results; nobody verified who this is."


def measurer(archive: Archive, laboratory: str) -> Party:
    """Find the party that a laboratory's name means, or make a record of it; it is in the store then.

    Looked for in this order: the node's own party; a party that this node has described; a party that
    describes itself. What others say of a party is not taken for it.

    Args:
        archive: The node.
        laboratory: The name, as it was given with the results.

    Raises:
        InputError: The name cannot be a party's.
        StoreError: The store cannot be read or written.
    """
    own = archive.party
    name = " ".join(laboratory.split())
    if _same(own, name):
        return own
    entries = archive.records.iterate("party", latest_only=True)
    parties = [entry.record for entry in entries if entry.created_by in {own.id, entry.id}]
    known = [party for party in parties if isinstance(party, Party) and _same(party, name)]
    if known:
        return min(known, key=lambda party: (party.created_by != own.id, party.id))
    party = new_party(archive.origin(), name, party_type=PartyType.EVALUATOR, description=NOT_VERIFIED)
    archive.keep(party)
    return party


def _same(party: Party, name: str) -> bool:
    return normalised(party.name) == normalised(name)
