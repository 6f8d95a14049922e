"""Generations that several raters scored: those from which agreement between raters is computed.

Responsible for the sample that is drawn where a language and concept has more than MAX_UNITS of them. A
generation is drawn by a hash of its codes, so that the same data give the same sample on every machine,
however the rows were partitioned: a partition draws with the numbers that it knows, which never leaves out
what all of them together would draw. Ratings by humans are rare and stay whole where no language and concept
has more than MAX_UNITS of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MAX_UNITS = 4_000
"""Generations per language and concept from which agreement is computed; above, a sample is drawn."""
MIXED = {"item": 40_503, "laboratory": 97_531, "model": 60_493}
"""A generation is drawn by a multiplicative hash of its codes (Knuth 1998, sec. 6.4), so that the sample is
spread over items, laboratories and attempts."""
MIXED_ATTEMPT = 31_337
SPREAD = 2_654_435_769
LOW_32 = 2**32 - 1
NAMES = ("laboratory", "model", "language", "concept", "item")


@dataclass(frozen=True, eq=False)
class UnitTable:
    """Generations that at least two raters scored (or a sample of them)."""

    laboratory: Ints
    model: Ints
    language: Ints
    concept: Ints
    item: Ints
    scores: Floats
    """Shape (raters, units); NaN where the rater gave no score."""
    sampled: bool


@dataclass(frozen=True, eq=False)
class Units:
    """Generations of a partition that may enter the table of units, with how many they were drawn from."""

    codes: dict[str, Ints]
    attempt: Ints
    """From 1."""
    human: Flags
    """Whether a human scored it."""
    scores: Floats
    """Shape (raters, units); NaN where the rater gave no score."""
    counts: Ints
    """Generations with two scores or more per language and concept."""
    human_counts: Ints
    """Those of them that a human scored."""


def bound(counts: Ints) -> int | None:
    """Return the bound below which the hash of a generation is drawn, or None where all fit."""
    most = int(counts.max(initial=0))
    return None if most <= MAX_UNITS else int(2**32 * MAX_UNITS / most)


def humans_stay(human_counts: Ints) -> bool:
    """Say whether ratings by humans are few enough to be kept whole."""
    return int(human_counts.max(initial=0)) <= MAX_UNITS


def hashed(codes: dict[str, Ints], attempt: Ints) -> NDArray[np.uint64]:
    """Return the hashes of generations, below 2^32; `attempt` from 1."""
    mixed = 1 + attempt * MIXED_ATTEMPT
    for name, factor in MIXED.items():
        mixed = mixed + codes[name] * factor
    low = np.uint64(LOW_32)
    return np.asarray((mixed.astype(np.uint64) & low) * np.uint64(SPREAD) & low, dtype=np.uint64)


def hash_expression(codes: dict[str, str], attempt: str) -> str:
    """Return SQL of the same hash from SQL of codes."""
    mixed = " + ".join(f"({codes[name]})::UBIGINT * {factor}" for name, factor in MIXED.items())
    mixed = f"(1 + {mixed} + ({attempt})::UBIGINT * {MIXED_ATTEMPT}) % 4294967296::UBIGINT"
    return f"(({mixed}) * {SPREAD}::UBIGINT % 4294967296::UBIGINT)"


def join(parts: Sequence[Units]) -> Units:
    """Put the units of several partitions together, in their order, and leave out what they do not draw
    together."""
    counts = np.stack([part.counts for part in parts]).sum(axis=0)
    human_counts = np.stack([part.human_counts for part in parts]).sum(axis=0)
    codes = {name: np.concatenate([part.codes[name] for part in parts]) for name in NAMES}
    attempt = np.concatenate([part.attempt for part in parts])
    human = np.concatenate([part.human for part in parts])
    scores = np.concatenate([part.scores for part in parts], axis=1)
    limit = bound(counts)
    if limit is None:
        return Units(codes, attempt, human, scores, counts, human_counts)
    drawn = hashed(codes, attempt) < np.uint64(limit)
    if humans_stay(human_counts):
        drawn |= human
    codes = {name: values[drawn] for name, values in codes.items()}
    return Units(codes, attempt[drawn], human[drawn], scores[:, drawn], counts, human_counts)


def unit_table(units: Units) -> UnitTable:
    """Return the table of the units of all partitions, joined."""
    return UnitTable(**units.codes, scores=units.scores, sampled=bound(units.counts) is not None)
