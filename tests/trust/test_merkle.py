"""The Merkle tree: against RFC vectors, against a tree that is computed anew, and against every change."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.trust import merkle
from consilience.trust.merkle import Tree, verify_consistency, verify_inclusion

LEAVES = [
    b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43", bytes(range(0x50, 0x58)),
    bytes(range(0x60, 0x70)),
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Of the first 0 to 8 leaves: the published vectors of the certificate-transparency reference code."""


def of(count: int) -> Tree:
    return Tree(merkle.leaf_hash(b"leaf %d" % number) for number in range(count))


def plain_root(hashes: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, as it stands there."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + plain_root(hashes[:k]) + plain_root(hashes[k:])).digest()


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_the_published_vectors(size: int) -> None:
    tree = Tree(map(merkle.leaf_hash, LEAVES[:size]))
    assert tree.root().hex() == ROOTS[size]
    assert Tree(map(merkle.leaf_hash, LEAVES)).root(size).hex() == ROOTS[size]


def test_the_proofs_are_those_of_the_published_vectors() -> None:
    tree = Tree(map(merkle.leaf_hash, LEAVES))
    assert [one.hex()[:8] for one in tree.inclusion(5, 8)] == ["bc1a0643", "ca854ea1", "d37ee418"]
    assert [one.hex()[:8] for one in tree.consistency(6, 8)] == ["0ebc5d34", "ca854ea1", "d37ee418"]
    assert tree.inclusion(0, 1) == ()
    assert tree.consistency(1, 1) == ()


def test_every_leaf_of_every_tree_of_up_to_70_leaves() -> None:
    tree = of(70)
    for size in range(1, 71):
        root = tree.root(size)
        assert root == plain_root([tree.node(0, index) for index in range(size)])
        for index in range(size):
            proof = tree.inclusion(index, size)
            assert verify_inclusion(tree.node(0, index), index, size, proof, root)
            assert not verify_inclusion(tree.node(0, index), index, size, (*proof, root), root)
            assert not verify_inclusion(tree.node(0, index), index, size + 1, proof, tree.root(size - 1))
            if proof:
                assert not verify_inclusion(tree.node(0, index), index, size, proof[:-1], root)


def test_every_pair_of_trees_of_up_to_70_leaves() -> None:
    tree = of(70)
    for new in range(71):
        for old in range(new + 1):
            proof = tree.consistency(old, new)
            roots = tree.root(old), tree.root(new)
            assert verify_consistency(old, roots[0], new, roots[1], proof)
            assert not verify_consistency(old, roots[0], new, roots[1], (*proof, roots[0]))
            if proof:
                assert not verify_consistency(old, roots[0], new, roots[1], proof[:-1])
            if old < new:
                assert not verify_consistency(old, roots[1], new, roots[1], proof)


@given(st.integers(2, 300), st.data())
def test_another_history_has_no_proof(size: int, data: st.DataObject) -> None:
    honest = of(size)
    old = data.draw(st.integers(1, size - 1))
    changed = data.draw(st.integers(0, old - 1))
    other = Tree(
        merkle.leaf_hash(b"forged") if index == changed else honest.node(0, index) for index in range(size)
    )
    assert not verify_consistency(old, honest.root(old), size, other.root(), other.consistency(old))
    assert not verify_inclusion(
        honest.node(0, changed), changed, size, other.inclusion(changed), other.root()
    )


@given(
    st.integers(-2, 70),
    st.integers(-2, 70),
    st.lists(st.binary(max_size=40), max_size=70),
    st.binary(max_size=40),
)
def test_what_is_no_proof_is_refused_and_nothing_is_raised(
    one: int, other: int, proof: list[bytes], root: bytes
) -> None:
    assert not verify_inclusion(root, one, other, tuple(proof), b"\x00" * 32)
    assert not verify_consistency(one, root, other, b"\x00" * 32, tuple(proof))


def test_a_proof_has_a_limit() -> None:
    root = b"\x00" * 32
    assert not verify_inclusion(root, 0, 2**64, (root,) * (merkle.MAX_PROOF + 1), root)


def test_what_is_not_there_is_refused() -> None:
    tree = of(3)
    for wrong in (lambda: tree.inclusion(3), lambda: tree.inclusion(-1), lambda: tree.consistency(4),
                  lambda: tree.root(4), lambda: tree.append(b"short")):  # fmt: skip
        with pytest.raises(ValueError, match=r"leaves|32 bytes"):
            wrong()
