"""Prompts that are nearly the same: proposed by the overlap of their word triples, in bounded memory.

Responsible for finding pairs of two sides whose sets of word triples overlap by at least NEAR (Jaccard). A
triple is a 64-bit number (BLAKE2b of its words, mixed), so the answer is the same on every machine. Of a
prompt its MAX_TRIPLES smallest numbers are kept (a bottom-k sketch): the overlap is exact where a prompt has
no more triples, and an estimate beyond. Pairs are looked for where two prompts share one of their SEEDS
smallest rare triples. Invariants: the numbers are on disk; memory holds SEEDS of each prompt, one block of
prompts and MAX_PROPOSED pairs, and never a text; what was not compared is counted.

References:
    Broder, A. (1997). On the resemblance and containment of documents, sections 2 and 3 (shingles, sketches).
    Beyer, K. et al. (2007). On synopses for distinct-value estimation, section 4 (bottom-k of a union).
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from consilience.evaluation.importers.prompt import normalised

NEAR = 0.6
"""Jaccard overlap of word triples from which two prompts are proposed as near."""
SEEDS = 16
"""Rare triples of a prompt through which near prompts are looked for."""
MAX_COMMON = 200
"""Prompts that share a triple; more say nothing of each other."""
MAX_TRIPLES = 1_024
"""Word triples of a prompt that are kept; where it has more, the overlap is an estimate."""
MAX_COMPARED = 1_000_000
"""Pairs of prompts whose overlap is computed; the rest is counted as not compared."""
MAX_PROPOSED = 1_000
"""Near matches in one answer."""
MAX_WORDS = 100_000
"""Words whose numbers are remembered at a time."""
COUNTERS = 2**22
"""Counters of how many prompts have a triple; triples that share one look less rare than they are."""

Numbers = NDArray[np.uint64]


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """What was found."""

    pairs: tuple[tuple[str, str, float], ...]
    """(key on the left, key on the right, overlap), the nearest first."""
    more: int
    """Pairs beyond MAX_PROPOSED."""
    not_compared: int
    """Prompts of the left that were not compared, or not with all: every one of their triples stands in more
    than MAX_COMMON prompts, or MAX_COMPARED was reached."""


def propose(left: Iterable[tuple[str, str]], right: Iterable[tuple[str, str]], scratch: Path) -> Proposed:
    """Return pairs of keys whose texts are nearly the same.

    Args:
        left: Key and text, each key once.
        right: Key and text, each key once.
        scratch: A folder for working files.
    """
    counts = np.zeros(COUNTERS, dtype=np.uint32)
    here = Sketches.of(left, scratch / "left", counts)
    there = Sketches.of(right, scratch / "right", counts)
    return _proposed(here, there, counts)


class Sketches:
    """The triples of the prompts of one side: their numbers in a file, where each begins in memory."""

    def __init__(self, keys: list[str], starts: NDArray[np.int64], file: Path) -> None:
        """Open the numbers in `file`; `starts` has one place more than there are keys."""
        self.keys = keys
        self.starts = starts
        empty = not starts[-1]
        self._numbers = np.zeros(0, np.uint64) if empty else np.memmap(file, dtype=np.uint64, mode="r")

    @classmethod
    def of(cls, texts: Iterable[tuple[str, str]], file: Path, counts: NDArray[np.uint32]) -> Sketches:
        """Write the triples of texts to a file, and count in `counts` how many prompts have each."""
        keys: list[str] = []
        starts = [0]
        words: dict[str, int] = {}
        with file.open("wb") as target:
            for key, text in texts:
                numbers = triples(text, words)
                np.add.at(counts, numbers % np.uint64(COUNTERS), 1)
                target.write(numbers.tobytes())
                keys.append(key)
                starts.append(starts[-1] + len(numbers))
        return cls(keys, np.asarray(starts, dtype=np.int64), file)

    def __len__(self) -> int:
        """How many prompts there are."""
        return len(self.keys)

    def numbers(self, at: int) -> Numbers:
        """Return the numbers of one prompt, sorted."""
        return np.asarray(self._numbers[self.starts[at] : self.starts[at + 1]])

    def seeds(self, at: int, counts: NDArray[np.uint32]) -> Numbers:
        """Return the smallest rare numbers of a prompt."""
        numbers = self.numbers(at)
        rare: Numbers = numbers[counts[numbers % np.uint64(COUNTERS)] <= MAX_COMMON]
        return rare[:SEEDS].copy()  # a view would hold all of them


def triples(text: str, words: dict[str, int]) -> Numbers:
    """Return the numbers of a text's word triples, sorted, each once, at most MAX_TRIPLES.

    Args:
        text: The text; its two ends count as words.
        words: Numbers of words that were met, for speed; emptied when it has MAX_WORDS.
    """
    if len(words) >= MAX_WORDS:
        words.clear()
    spoken = normalised(text).split()
    if not spoken:
        return np.zeros(0, np.uint64)
    met = [words[word] if word in words else words.setdefault(word, _number(word)) for word in spoken]
    row = np.asarray([1, *met, 1], dtype=np.uint64)
    mixed = row[:-2] * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(29))) + row[1:-1]
    mixed = mixed * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(32))) + row[2:]
    mixed = mixed * np.uint64(0x94D049BB133111EB)
    return np.unique(mixed ^ (mixed >> np.uint64(31)))[:MAX_TRIPLES]


def _number(word: str) -> int:
    return int.from_bytes(
        hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
    )


def overlap(a: Numbers, b: Numbers) -> float:
    """Return the Jaccard overlap of two sets of numbers as `triples` returns them."""
    both = np.concatenate((a, b))
    both.sort()
    doubled = both[1:] == both[:-1]
    union = len(both) - int(doubled.sum())
    if union > MAX_TRIPLES and MAX_TRIPLES in {len(a), len(b)}:
        union = MAX_TRIPLES
        last = np.unique(both)[MAX_TRIPLES - 1]
        doubled = doubled & (both[1:] <= last)
    return int(doubled.sum()) / union if union else 0.0


def _proposed(left: Sketches, right: Sketches, counts: NDArray[np.uint32]) -> Proposed:
    best: list[tuple[float, _Reversed, tuple[str, str]]] = []
    found, room, not_compared = 0, MAX_COMPARED, 0
    for at, others in _candidates(left, right, counts):
        taken = others[:room]
        room -= len(taken)
        not_compared += len(taken) < len(others) or not len(left.seeds(at, counts))
        mine = left.numbers(at)
        for other in taken:
            share = overlap(mine, right.numbers(other))
            if share >= NEAR:
                found += 1
                pair = (left.keys[at], right.keys[other])
                _keep_best(best, (share, _Reversed(pair), pair))
    pairs = sorted(((*pair, share) for share, _, pair in best), key=lambda p: (-p[2], p[0], p[1]))
    return Proposed(pairs=tuple(pairs), more=found - len(pairs), not_compared=not_compared)


class _Reversed(tuple[str, str]):
    """A pair that is larger where it sorts earlier, so that a heap gives up the last first."""

    def __lt__(self, other: tuple[str, ...]) -> bool:
        return tuple(self) > tuple(other)


def _keep_best(
    best: list[tuple[float, _Reversed, tuple[str, str]]], entry: tuple[float, _Reversed, tuple[str, str]]
) -> None:
    if len(best) < MAX_PROPOSED:
        heapq.heappush(best, entry)
    else:
        heapq.heappushpop(best, entry)


def _candidates(
    left: Sketches, right: Sketches, counts: NDArray[np.uint32]
) -> Iterator[tuple[int, NDArray[np.int32]]]:
    """Yield each prompt of the left that has triples, with those of the right that share a seed, sorted."""
    seeds, owners = _index(right, counts)
    for at in range(len(left)):
        mine = left.seeds(at, counts)
        if not len(left.numbers(at)):
            continue
        low, high = (np.searchsorted(seeds, mine, side) for side in ("left", "right"))
        shared = [owners[a:b] for a, b in zip(low, high, strict=True) if b > a]
        yield at, np.unique(np.concatenate(shared)) if shared else owners[:0]


def _index(side: Sketches, counts: NDArray[np.uint32]) -> tuple[Numbers, NDArray[np.int32]]:
    """Return all seeds of a side in order, and beside each the prompt that has it."""
    rows = [side.seeds(at, counts) for at in range(len(side))]
    owners = np.repeat(np.arange(len(side), dtype=np.int32), [len(row) for row in rows])
    seeds = np.concatenate(rows) if rows else np.zeros(0, np.uint64)
    order = np.argsort(seeds, kind="stable")
    return seeds[order], owners[order]
