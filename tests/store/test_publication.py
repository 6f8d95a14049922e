"""What a node signs: keys change in the log, records are signed once, an audit finds what was changed."""

from __future__ import annotations

import contextlib
import io
import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.records.examples import CLAIM, EXAMPLES, LABORATORY

import consilience_verifier
from consilience.errors import IncompatibleError, InputError, NotFoundError, VerificationError
from consilience.records import record_bytes, record_digest
from consilience.store import publication
from consilience.store.log import Draft
from consilience.store.publication import (
    Signer,
    audit,
    entry_checks,
    introduce_keys,
    keyring,
    publish,
    revoke_key,
    rotate_keys,
    signed_record,
    write_evidence_bundle,
)
from consilience.store.sqlite_log import SqliteLog
from consilience.trust.checkpoint import read_checkpoint, verify_checkpoint
from consilience.trust.envelope import envelope_bytes, read_envelope, seal, statement
from consilience.trust.keys import Algorithm, PrivateKey
from consilience.trust.signing import RECORD_PREDICATE

PARTY = LABORATORY.id
ORIGIN = f"{PARTY}/log"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIRST, SECOND, STRANGER = (PrivateKey.from_seed(letter * 32) for letter in (b"1", b"2", b"3"))
QUANTUM = PrivateKey.from_seed(b"4" * 32, Algorithm.ML_DSA_44)
SIGNER = Signer(PARTY, ORIGIN, (FIRST,), lambda: 1_800_000_000)
CONTENTS = [record_bytes(record) for record in EXAMPLES.values() if record.created_by == PARTY]


@pytest.fixture
def log(tmp_path: Path) -> SqliteLog:
    found = SqliteLog(tmp_path / "records.sqlite", clock=lambda: NOW)
    introduce_keys(found, SIGNER)
    return found


def test_records_are_signed_once_and_come_back(log: SqliteLog) -> None:
    positions = publish(log, CONTENTS, SIGNER)
    assert positions == list(range(1, len(CONTENTS) + 1))
    assert publish(log, CONTENTS, SIGNER) == positions
    assert log.size() == len(CONTENTS) + 1
    assert [signed_record(log, log.entry(place)).content for place in positions] == CONTENTS
    assert audit(log, ORIGIN) == publication.Audit(len(CONTENTS) + 1, 1, len(CONTENTS), ())


def test_a_second_algorithm_signs_heads_and_records_and_makes_no_doubles(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "records.sqlite")
    signer = replace(SIGNER, keys=(FIRST, QUANTUM))
    introduce_keys(log, signer)
    assert publish(log, CONTENTS[:2], signer) == [2, 3]
    assert publish(log, CONTENTS[:2], signer) == [2, 3]
    head = verify_checkpoint(log.head() or b"", publication.note_keys(keyring(log), ORIGIN, 4))
    assert head.size == 4
    assert len(read_envelope(log.entry(2).content).signatures) == 2
    assert audit(log, ORIGIN).faults == ()


def test_a_new_key_takes_over(log: SqliteLog) -> None:
    publish(log, CONTENTS[:1], SIGNER)
    after = rotate_keys(log, [SECOND], SIGNER)
    assert publish(log, CONTENTS[1:2], after) == [4]
    assert keyring(log).at(log.size()) == (SECOND.public,)
    with pytest.raises(IncompatibleError, match="not in force"):
        publish(log, CONTENTS[2:3], SIGNER)
    assert signed_record(log, log.entry(1)).content == CONTENTS[0]
    assert audit(log, ORIGIN).faults == ()
    assert audit(log, ORIGIN, signatures=False).faults == ()


def test_both_keys_rotate_together_and_a_lost_second_key_is_ended(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "records.sqlite")
    signer = replace(SIGNER, keys=(FIRST, QUANTUM))
    introduce_keys(log, signer)
    publish(log, CONTENTS[:1], signer)
    other = PrivateKey.from_seed(b"5" * 32, Algorithm.ML_DSA_44)
    after = rotate_keys(log, [SECOND, other], signer, reason="stolen")
    assert keyring(log).at(log.size()) == (SECOND.public, other.public)
    assert {known.reason for known in keyring(log).keys} == {None, "stolen"}
    publish(log, CONTENTS[1:2], after)
    alone = replace(after, keys=(SECOND,))
    with pytest.raises(IncompatibleError, match="other algorithm"):
        publish(log, CONTENTS[2:3], alone)
    revoke_key(log, other.public, after, reason="lost")
    publish(log, CONTENTS[2:3], alone)
    assert audit(log, ORIGIN).faults == ()


def test_what_others_add_in_between_is_seen(log: SqliteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rotation lands between the look at the keys and the addition: the addition is prepared anew."""
    plain, turns = log.append, iter([True])

    def append(drafts: list[Draft], sign: Any, *, at: int | None = None) -> list[int]:
        if next(turns, False):
            rotate_keys(log, [SECOND], SIGNER)
        return plain(drafts, sign, at=at)

    monkeypatch.setattr(log, "append", append)
    with pytest.raises(IncompatibleError, match="not in force"):
        publish(log, CONTENTS[:1], SIGNER)
    assert audit(log, ORIGIN).faults == ()
    assert keyring(log).at(log.size()) == (SECOND.public,)


def test_several_at_once_make_one_history(tmp_path: Path) -> None:
    logs = [SqliteLog(tmp_path / "records.sqlite") for _ in range(4)]
    begun: list[bool] = []

    def begin(log: SqliteLog, key: PrivateKey) -> None:
        with contextlib.suppress(IncompatibleError):
            introduce_keys(log, replace(SIGNER, keys=(key,)))
            begun.append(True)

    threads = [
        threading.Thread(target=begin, args=(log, PrivateKey.from_seed(bytes([n]) * 32)))
        for n, log in enumerate(logs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert begun == [True]
    assert audit(logs[0], ORIGIN).faults == ()


def test_a_key_does_not_revoke_itself_and_a_log_begins_once(log: SqliteLog) -> None:
    with pytest.raises(IncompatibleError, match="its own revocation"):
        revoke_key(log, FIRST.public, SIGNER, reason="x")
    with pytest.raises(IncompatibleError, match="already"):
        introduce_keys(log, SIGNER)
    with pytest.raises(VerificationError, match="not in force"):
        revoke_key(log, SECOND.public, SIGNER, reason="x")
    with pytest.raises(InputError, match="ed25519"):
        replace(SIGNER, keys=())
    with pytest.raises(InputError, match="ed25519"):
        replace(SIGNER, keys=(QUANTUM,))


def test_a_log_without_a_key_says_so(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "records.sqlite")
    with pytest.raises(NotFoundError, match="no key yet"):
        publish(log, CONTENTS[:1], SIGNER)
    assert audit(log, ORIGIN) == publication.Audit(0, 0, 0, ())


def test_what_the_log_says_of_a_record(log: SqliteLog) -> None:
    publish(log, CONTENTS[:3], SIGNER)
    position, checks = entry_checks(log, log.entry(2).subject, ORIGIN)
    assert position == 2
    assert [(what, good) for what, good, _ in checks] == [
        ("record", True),
        ("head", True),
        ("inclusion", True),
    ]
    with pytest.raises(VerificationError, match="not signed"):
        entry_checks(log, "sha256:" + "0" * 64, ORIGIN)
    assert entry_checks(log, log.entry(2).subject, "other/log")[1][1][:2] == ("head", False)


def _edited(folder: Path, script: str) -> None:
    connection = sqlite3.connect(folder / "records.sqlite")
    connection.executescript(
        "DROP TRIGGER log_entry_is_never_changed; DROP TRIGGER log_entry_is_never_removed;" + script
    )
    connection.close()


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        (
            "UPDATE log_entry SET content = CAST(replace(content, 'p', 'q') AS BLOB) WHERE position = 2",
            "entry 2: ",
        ),
        (
            "UPDATE log_entry SET subject = 'sha256:x' WHERE position = 2",
            "entry 2: it is filed under another",
        ),
        ("DELETE FROM log_entry WHERE position = 3", "head: it is of 4 entries with another root"),
        ("DELETE FROM log_entry WHERE position = 2", "entry 3: a position is missing"),
        ("UPDATE log_tile SET hashes = zeroblob(length(hashes))", "the stored hashes are not those"),
        ("UPDATE log_head SET note = CAST(replace(note, 'log\n4', 'log\n3') AS BLOB)", "head: "),
        ("DROP TRIGGER log_head_is_never_removed; DELETE FROM log_head", "no signed head"),
    ],
    ids=["changed", "filed", "cut", "hole", "tiles", "head", "no head"],
)
def test_an_audit_finds_what_was_changed(log: SqliteLog, tmp_path: Path, script: str, fault: str) -> None:
    publish(log, CONTENTS[:3], SIGNER)
    _edited(tmp_path, script)
    assert fault in " / ".join(audit(log, ORIGIN).faults)


def test_an_audit_finds_what_a_stranger_added(log: SqliteLog) -> None:
    forged = seal(statement("a", record_digest(CLAIM), RECORD_PREDICATE, {}), [STRANGER])
    log.append(
        [Draft(subject=record_digest(CLAIM), name="a", predicate_type=RECORD_PREDICATE,
               content=envelope_bytes(forged))], SIGNER.head,
    )  # fmt: skip
    assert "no key that is trusted" in audit(log, ORIGIN).faults[0]
    assert audit(log, ORIGIN, signatures=False).faults == ()


def test_a_bundle_is_checked_by_the_verifier(log: SqliteLog, tmp_path: Path) -> None:
    positions = publish(log, CONTENTS, SIGNER)
    for position in positions:
        with (tmp_path / "bundle").open("wb") as stream:
            write_evidence_bundle(log, log.entry(position), stream, files={}, sizes={})
        found = consilience_verifier.verify(tmp_path / "bundle", key=FIRST.public.fingerprint, witnesses=[])
        assert found.ok, found.checks
        assert found.facts["position"] == position


def test_the_bundle_of_what_is_no_record_is_refused(log: SqliteLog) -> None:
    with pytest.raises(VerificationError, match="no record"):
        write_evidence_bundle(log, log.entry(0), io.BytesIO(), files={}, sizes={})


def test_a_head_is_that_of_the_log(log: SqliteLog) -> None:
    assert read_checkpoint(log.head() or b"")[0].origin == ORIGIN
