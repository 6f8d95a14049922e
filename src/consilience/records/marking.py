"""Markings: the Traffic Light Protocol 2.0 (FIRST, August 2022) and its order.

Pure. Invariant: what is not a known marking is treated as RED, never as something wider.
"""

from __future__ import annotations

import enum


class Marking(enum.StrEnum):
    """How far a record may go, from everyone to named persons only."""

    CLEAR = "TLP:CLEAR"
    GREEN = "TLP:GREEN"
    AMBER = "TLP:AMBER"
    AMBER_STRICT = "TLP:AMBER+STRICT"
    RED = "TLP:RED"

    @property
    def rank(self) -> int:
        """Return the place in the order: 0 for CLEAR to 4 for RED."""
        return _ORDER.index(self)


_ORDER = (Marking.CLEAR, Marking.GREEN, Marking.AMBER, Marking.AMBER_STRICT, Marking.RED)
_EARLIER_NAMES = {"TLP:WHITE": Marking.CLEAR}  # TLP 1.0; its other four words are the same in 2.0


def may_be_shown_at(marking: Marking, ceiling: Marking) -> bool:
    """Say whether a record of `marking` may be shown where records up to `ceiling` may be seen."""
    return marking.rank <= ceiling.rank


def strictest(*markings: Marking) -> Marking:
    """Return the marking of something made of several parts; CLEAR for no part at all."""
    return max(markings, key=lambda marking: marking.rank, default=Marking.CLEAR)


def read_marking(text: str) -> Marking | None:
    """Return the marking that a text names, or None where it names none.

    Reads `TLP:AMBER+STRICT`, `amber+strict` and the word WHITE of TLP 1.0. A caller that meets None treats
    the content as RED and keeps it from partners.
    """
    name = text.strip().upper()
    if not name.startswith("TLP:"):
        name = f"TLP:{name}"
    if name in _EARLIER_NAMES:
        return _EARLIER_NAMES[name]
    return next((marking for marking in _ORDER if marking.value == name), None)
