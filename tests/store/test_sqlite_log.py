"""The log in its file: against a tree in memory, with two writers, with a writer that fails."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.errors import IncompatibleError, NotFoundError, StoreError
from consilience.records.canonical import digest
from consilience.store import sqlite_log as module
from consilience.store.log import TILE, Draft, leaf_of, whole
from consilience.store.sqlite_log import SqliteLog
from consilience.trust.checkpoint import Checkpoint, cosign, read_checkpoint, verify_checkpoint
from consilience.trust.keys import PrivateKey
from consilience.trust.merkle import (
    Tree,
    consistency_proof,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from consilience.trust.notes import ED25519, Note, NoteKey, sign_text

KEY = PrivateKey.from_seed(b"k" * 32)
ORIGIN = "north.example/log"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def sign(size: int, root: bytes) -> bytes:
    text = Checkpoint(ORIGIN, size, root).text
    return bytes(Note(text, (sign_text(text, ORIGIN, KEY),)))


def draft(number: int, kind: str = "urn:x") -> Draft:
    content = b"envelope %d" % number
    return Draft(subject=digest(content), name=f"name {number}", predicate_type=kind, content=content)


def opened(folder: Path) -> SqliteLog:
    return SqliteLog(folder / "records.sqlite", clock=lambda: NOW)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=4))
@settings(deadline=None, max_examples=15)
def test_its_roots_and_proofs_are_those_of_a_tree_in_memory(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int]
) -> None:
    log, tree = opened(tmp_path_factory.mktemp("log")), Tree()
    for step in steps:
        drafts = [draft(tree.size + number) for number in range(step)]
        before = tree.size
        assert log.append(drafts, sign) == list(range(before, before + step))
        for one in drafts:
            tree.append(leaf_of(one.content))
        head, note = read_checkpoint(log.head() or b"")
        assert (head.size, head.root) == (tree.size, tree.root())
        assert verify_checkpoint(note, [NoteKey(ORIGIN, ED25519, KEY.public)]) == head
        for index in (0, before, tree.size - 1):
            proof = inclusion_proof(log.node, index, tree.size)
            assert verify_inclusion(tree.node(0, index), index, tree.size, proof, head.root)
        proof = consistency_proof(log.node, before, tree.size)
        assert verify_consistency(before, tree.root(before), tree.size, head.root, proof)
    log.close()


def test_it_grows_over_two_levels_of_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHED_TILES", 3)
    log, tree = opened(tmp_path), Tree()
    size = TILE * TILE + TILE + 3
    log.append([draft(number) for number in range(size)], sign)
    for number in range(size):
        tree.append(leaf_of(b"envelope %d" % number))
    assert read_checkpoint(log.head() or b"")[0].root == tree.root()
    assert log.node(16, 0) == tree.node(16, 0)
    assert log.node(9, 3) == tree.node(9, 3)


def test_an_entry_stands_there_once(tmp_path: Path) -> None:
    log = opened(tmp_path)
    assert log.append([draft(1), draft(2)], sign) == [0, 1]
    head = log.head()
    assert log.append([draft(2), draft(1)], sign) == [1, 0]
    assert (log.size(), log.head()) == (2, head)
    assert log.append([draft(3), draft(1), draft(3)], sign) == [2, 0, 2]


def test_what_was_put_in_comes_out(tmp_path: Path) -> None:
    log = opened(tmp_path)
    assert (log.size(), log.head(), list(log.iterate())) == (0, None, [])
    log.append([draft(1, "urn:a"), draft(2, "urn:b"), draft(3, "urn:a")], sign)
    log.close()
    log = opened(tmp_path)
    entry = log.entry(1)
    assert (entry.position, entry.content, entry.name) == (1, b"envelope 2", "name 2")
    assert entry.digest == digest(b"envelope 2")
    assert entry.added_at == "2026-11-22T12:00:00Z"
    assert [one.position for one in log.iterate(predicate_type="urn:a")] == [0, 2]
    assert [one.position for one in log.iterate(after=0)] == [1, 2]
    assert log.about(digest(b"envelope 3"))[0].position == 2
    with pytest.raises(NotFoundError, match="no entry 3"):
        log.entry(3)


def test_what_cannot_be_signed_is_not_there(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append([draft(1)], sign)

    def refuse(size: int, root: bytes) -> bytes:
        raise RuntimeError("no key")

    def lie(size: int, root: bytes) -> bytes:
        return sign(size + 1, root)

    with pytest.raises(RuntimeError):
        log.append([draft(2)], refuse)
    with pytest.raises(StoreError, match="not that of the log"):
        log.append([draft(2)], lie)
    assert log.size() == 1
    assert log.append([draft(3)], sign) == [1]
    assert (
        read_checkpoint(log.head() or b"")[0].root
        == Tree([leaf_of(b"envelope 1"), leaf_of(b"envelope 3")]).root()
    )


def test_two_writers_make_one_log(tmp_path: Path) -> None:
    logs = [opened(tmp_path), opened(tmp_path)]

    def write(log: SqliteLog, first: int) -> None:
        for number in range(first, first + 60):
            log.append([draft(number)], sign)

    threads = [threading.Thread(target=write, args=(log, 1_000 * n)) for n, log in enumerate(logs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = list(logs[0].iterate())
    assert [entry.position for entry in entries] == list(range(120))
    tree = Tree(leaf_of(entry.content) for entry in entries)
    assert read_checkpoint(logs[1].head() or b"")[0].root == tree.root()


def test_the_database_refuses_to_forget(tmp_path: Path) -> None:
    opened(tmp_path).append([draft(1)], sign)
    connection = sqlite3.connect(tmp_path / "records.sqlite")
    for statement in ("DELETE FROM log_entry", "UPDATE log_entry SET name = 'x'", "DELETE FROM log_head"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


def test_cosignatures_are_added_and_none_is_lost(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append([draft(1)], sign)
    head, note = read_checkpoint(log.head() or b"")
    more = note.with_signatures([cosign(head, "south.example/w", PrivateKey.from_seed(b"w" * 32), at=1)])
    log.add_cosignatures(1, bytes(more))
    assert log.head() == bytes(more)
    with pytest.raises(IncompatibleError):
        log.add_cosignatures(1, bytes(note))
    with pytest.raises(IncompatibleError):
        log.add_cosignatures(2, bytes(more))
    with pytest.raises(IncompatibleError):
        log.add_cosignatures(1, sign(1, b"\x01" * 32))


def test_damaged_hashes_are_told(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.append([draft(1), draft(2)], sign)
    connection = sqlite3.connect(tmp_path / "records.sqlite")
    connection.execute("UPDATE log_tile SET hashes = x'00'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="audit"):
        log.append([draft(3)], sign)
    with pytest.raises(StoreError, match="no whole subtree"):
        log.node(0, 1)
    with pytest.raises(StoreError, match="not whole"):
        whole(b"\x00" * 96)
