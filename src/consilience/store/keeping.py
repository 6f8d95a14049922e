"""Keep what a record says: nothing new, nothing stored; something new, a new version.

Works on any `RecordStore`. Made for work that is done again and makes the same records again.
"""

from __future__ import annotations

from datetime import datetime

from consilience.errors import IncompatibleError, StoreError
from consilience.records.making import OF_THE_VERSION, revise, says_the_same
from consilience.records.record import Record
from consilience.store.records import Receipt, RecordStore

TRIES = 10
"""How often a version is made anew when another process stored one in between."""
_FIXED = OF_THE_VERSION | {"format", "id", "created_by"}


def keep(store: RecordStore, record: Record, *, now: datetime) -> Receipt:
    """Store a record that may be here already in an earlier version.

    Args:
        store: Where to.
        record: As the functions of `records.making` return it.
        now: When the next version is made, if one is.

    Returns:
        The receipt of the version that says what `record` says.

    Raises:
        IncompatibleError: The record here was made by another party, or was withdrawn.
        StoreError: Other processes were faster, again and again.
    """
    for _ in range(TRIES):
        receipt = _keep(store, record, now)
        if receipt is not None:
            return receipt
    raise StoreError(
        f"other processes store versions of {record.id} faster than this one",
        next_step="Let one process at a time write this record.",
    )


def _keep(store: RecordStore, record: Record, now: datetime) -> Receipt | None:
    """Return the receipt, or None where another process stored the next version first."""
    entry = store.latest(record.id)
    if entry is None:
        return _put(store, record)
    here = entry.record
    if says_the_same(here, record):
        return Receipt(
            id=entry.id, version=entry.version, digest=entry.digest, sequence=entry.sequence, added=False
        )
    if here.created_by != record.created_by:
        raise IncompatibleError(
            f"{record.id} was made by {here.created_by}, not by {record.created_by}",
            next_step="Say what you think of it with an opinion, or make a record of your own.",
        )
    changes = {name: getattr(record, name) for name in type(record).__struct_fields__ if name not in _FIXED}
    return _put(store, revise(here, now=now, **changes))


def _put(store: RecordStore, record: Record) -> Receipt | None:
    try:
        return store.put(record)
    except IncompatibleError:
        latest = store.latest(record.id)
        if latest is not None and latest.version >= record.version:
            return None
        raise
