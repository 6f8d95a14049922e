"""The Merkle tree of an append-only log: roots, inclusion proofs, consistency proofs.

Pure. After RFC 9162, section 2.1 (SHA-256; the same tree as RFC 6962). Invariants: a leaf and an inner node
never have the same hash input (prefixes 0x00 and 0x01); a verifying function answers False for every proof
that is too short, too long or wrong, and never raises for its content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

HASH_BYTES = 32
MAX_PROOF = 63
"""Hashes of one proof: a tree that had more would have over 2^63 leaves."""
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves (RFC 9162, section 2.1.1)."""
Nodes = Callable[[int, int], bytes]
"""(level, index) → hash of the whole subtree of 2^level leaves that begins at leaf index · 2^level."""


def leaf_hash(content: bytes) -> bytes:
    """Return the hash of a leaf's content (RFC 9162, section 2.1.1)."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 9162, section 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree in memory: the hashes of all whole subtrees, 64 bytes for each leaf."""

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        """Begin with some leaves, given by their hashes."""
        self._levels: list[bytearray] = [bytearray()]
        for one in leaf_hashes:
            self.append(one)

    @property
    def size(self) -> int:
        """Return the number of leaves."""
        return len(self._levels[0]) // HASH_BYTES

    def append(self, hashed: bytes) -> int:
        """Add a leaf by its hash, and return its index.

        Raises:
            ValueError: It is no hash of 32 bytes.
        """
        if len(hashed) != HASH_BYTES:
            raise ValueError("a leaf's hash has 32 bytes")
        index = self.size
        level, place = 0, index
        self._levels[0] += hashed
        while place & 1:
            hashed = node_hash(self.node(level, place - 1), hashed)
            level, place = level + 1, place >> 1
            if level == len(self._levels):
                self._levels.append(bytearray())
            self._levels[level] += hashed
        return index

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a whole subtree (see `Nodes`)."""
        start = index * HASH_BYTES
        return bytes(self._levels[level][start : start + HASH_BYTES])

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the tree as it was with `size` leaves; None: as it is."""
        return root(self.node, self.size if size is None else _within(size, self.size))

    def inclusion(self, index: int, size: int | None = None) -> tuple[bytes, ...]:
        """Return the proof that leaf `index` is in the tree of `size` leaves; None: as it is."""
        return inclusion_proof(self.node, index, self.size if size is None else _within(size, self.size))

    def consistency(self, old: int, size: int | None = None) -> tuple[bytes, ...]:
        """Return the proof that the tree of `old` leaves is a beginning of that of `size`; None: as it is."""
        return consistency_proof(self.node, old, self.size if size is None else _within(size, self.size))


def root(nodes: Nodes, size: int) -> bytes:
    """Return the root of the tree of the first `size` leaves (RFC 9162, section 2.1.1)."""
    return _span(nodes, 0, size) if size else EMPTY_ROOT


def inclusion_proof(nodes: Nodes, index: int, size: int) -> tuple[bytes, ...]:
    """Return the path from a leaf to the root, lowest first (RFC 9162, section 2.1.3.1).

    Raises:
        ValueError: There is no such leaf in a tree of that size.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_span(nodes, middle, end))
            end = middle
        else:
            path.append(_span(nodes, start, middle))
            start = middle
    return tuple(reversed(path))


def consistency_proof(nodes: Nodes, old: int, new: int) -> tuple[bytes, ...]:
    """Return the proof that the first `old` leaves of `new` are the old tree (RFC 9162, section 2.1.4.1).

    Empty where the sizes are equal or `old` is 0.

    Raises:
        ValueError: `old` is larger than `new` or negative.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} leaves never had {old}")
    if old in {0, new}:
        return ()
    path: list[bytes] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_span(nodes, middle, end))
            end = middle
        else:
            path.append(_span(nodes, start, middle))
            start, whole = middle, False
    if not whole:
        path.append(_span(nodes, start, end))
    return tuple(reversed(path))


def verify_inclusion(hashed: bytes, index: int, size: int, proof: tuple[bytes, ...], root: bytes) -> bool:
    """Say whether a proof shows the leaf in the tree with this root (RFC 9162, section 2.1.3.2).

    Args:
        hashed: Hash of the leaf.
        index: Of the leaf, from 0.
        size: Leaves of the tree.
        proof: As `inclusion_proof` gives it.
        root: Of the tree.
    """
    if not 0 <= index < size or len(proof) > MAX_PROOF or not _hashes(hashed, root, *proof):
        return False
    place, last, found = index, size - 1, hashed
    for one in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = node_hash(one, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, one)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: tuple[bytes, ...]
) -> bool:
    """Say whether a proof shows one tree as a beginning of the other (RFC 9162, section 2.1.4.2).

    A tree without leaves is a beginning of every tree; its root must be that of the empty tree.
    """
    if not 0 <= old <= new or len(proof) > MAX_PROOF or not _hashes(old_root, new_root, *proof):
        return False
    if old == new:
        return not proof and old_root == new_root and (old > 0 or old_root == EMPTY_ROOT)
    if old == 0:
        return not proof and old_root == EMPTY_ROOT
    path = (old_root, *proof) if old & (old - 1) == 0 else proof
    return bool(path) and _climb(old - 1, new - 1, path) == (old_root, new_root)


def _climb(place: int, last: int, path: tuple[bytes, ...]) -> tuple[bytes, bytes] | None:
    """Return both roots that a path leads to, or None where it has the wrong length."""
    while place & 1:
        place, last = place >> 1, last >> 1
    one = other = path[0]
    for found in path[1:]:
        if last == 0:
            return None
        if place & 1 or place == last:
            one, other = node_hash(found, one), node_hash(found, other)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            other = node_hash(other, found)
        place, last = place >> 1, last >> 1
    return (one, other) if last == 0 else None


def _span(nodes: Nodes, start: int, end: int) -> bytes:
    """Return the root over leaves start to end; `start` is where a subtree of that size begins."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return nodes(level, start >> level)
    middle = start + _split(size)
    return node_hash(_span(nodes, start, middle), _span(nodes, middle, end))


def _split(size: int) -> int:
    """Return the largest power of two that is smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _hashes(*found: bytes) -> bool:
    return all(len(one) == HASH_BYTES for one in found)


def _within(size: int, largest: int) -> int:
    if not 0 <= size <= largest:
        raise ValueError(f"the tree has {largest} leaves, not {size}")
    return size
