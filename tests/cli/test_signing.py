"""`consilience key`, `log` and `record sign | verify | withdraw`, as a person meets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.records.examples import EXAMPLES

from consilience.cli import main
from consilience.cli.output import counted
from consilience.node import Node
from consilience.records import Origin, new_claim, new_concept, new_subject, number, record_bytes
from consilience.records.claim import Basis
from consilience.records.kinds import ConceptType, SubjectType
from consilience.store import publication
from consilience.trust.keys import PrivateKey

PASSPHRASE = "a passphrase for tests"


class Shell:
    """Runs commands in one node."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys

    def __call__(self, *words: str | Path, code: int = 0) -> str:
        with pytest.raises(SystemExit) as caught:
            main([*map(str, words), "--node", str(self.folder)])
        self.out, self.err = self._capsys.readouterr()
        assert caught.value.code == code, self.out + self.err
        return self.out

    def json(self, *words: str | Path, code: int = 0) -> Any:
        return json.loads(self(*words, "--json", code=code))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONSILIENCE_PASSPHRASE", PASSPHRASE)
    with Node.open(tmp_path / "node", create=True, party="North") as node:
        for name in ("model-x", "model-y"):
            node.keep(new_subject(node.origin(), name=name, subject_type=SubjectType.MODEL))
    return Shell(tmp_path / "node", capsys)


def ids(run: Shell, kind: str) -> list[str]:
    return [row["id"] for row in run.json("record", "list", "--kind", kind)["records"]]


def test_from_a_key_to_a_bundle_that_others_check(run: Shell, tmp_path: Path) -> None:
    run("key", "new")
    assert "Partners know this node by sha256:" in run.err
    (key,) = run.json("key", "list")["keys"]
    assert key["private_key_here"] is True
    signed = run.json("record", "sign", "--all")["signed"]
    assert [row["entry"] for row in signed] == [1, 2, 3]
    assert run.json("record", "sign", "--all")["signed"] == []
    model = ids(run, "subject")[0]
    bundle = run.json("log", "prove", model, "--out", "a.evidence")["bundle"]
    found = run.json("record", "verify", bundle, "--key", key["fingerprint"])
    assert found["ok"] is True
    assert found["record"]["id"] == model
    run("record", "verify", bundle, code=1)
    assert "Not every check passed" in run.err
    assert run.json("record", "verify", model)["ok"] is True
    status = run.json("log", "status")
    assert status["entries"] == status["head"]["size"] == 4
    run("log", "audit")
    assert "4 entries, 1 key, 3 records: nothing is wrong" in run.err


def test_a_bundle_takes_evidence_along(run: Shell, tmp_path: Path) -> None:
    run("key", "new", "--second")
    with Node.open(run.folder) as node:
        evidence = node.keep_evidence(b"scores", media_type="text/plain")
        concept = new_concept(node.origin(), curie="x:y", label="Y", concept_type=ConceptType.RISK)
        node.keep(concept)
        claim = new_claim(
            node.origin(), subject=ids(run, "subject")[0], concept=concept.id, basis=Basis.TESTED,
            value=number(0.5, no_interval="a test"), published_by=node.settings.party_id,
            evidence=(evidence.digest,),
        )  # fmt: skip
        node.keep(claim)
    run("record", "sign", claim.id)
    run("log", "prove", claim.id, "--out", "with.evidence", "--files")
    run("log", "prove", claim.id, "--out", "without.evidence")
    key = run.json("key", "list")["keys"][0]["fingerprint"]
    assert "withheld" not in run.json("record", "verify", "with.evidence", "--key", key)
    assert run.json("record", "verify", "without.evidence", "--key", key)["withheld"] == [evidence.digest]


def test_a_rotated_key_and_a_wrong_passphrase(run: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    run("key", "new")
    run("record", "sign", ids(run, "subject")[0])
    run("key", "rotate")
    old, new = run.json("key", "list")["keys"]
    assert (old["end_entry"], old["reason"], new["end_entry"]) == (3, "rotated", None)
    run("record", "sign", "--all")
    run("log", "audit")
    assert run.json("record", "verify", ids(run, "subject")[0])["ok"] is True
    run("key", "revoke", new["fingerprint"], "--reason", "x", code=2)
    run("key", "revoke", "sha256:0", "--reason", "x", code=2)
    monkeypatch.setenv("CONSILIENCE_PASSPHRASE", "another passphrase")
    run("record", "sign", ids(run, "subject")[0], code=2)
    assert "passphrase" in run.err
    assert PASSPHRASE not in run.out + run.err
    monkeypatch.delenv("CONSILIENCE_PASSPHRASE")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    run("key", "rotate", code=2)
    assert "CONSILIENCE_PASSPHRASE" in run.err


def test_after_a_theft_the_keys_end_and_a_key_that_the_thief_added_too(run: Shell) -> None:
    run("key", "new", "--unencrypted", "--second")
    run("record", "sign", "--all")
    with Node.open(run.folder) as node:
        thief, signer = PrivateKey.generate(), node.signer(lambda: b"")
        added = publication._draft(publication.add(signer.party, thief, by=signer.keys[0]))
        node.log.append([added], signer.head)
    run("key", "rotate", "--unencrypted", "--reason", "stolen")
    run("key", "revoke", thief.public.fingerprint, "--reason", "added by a thief")
    counting = [key for key in run.json("key", "list")["keys"] if key["end_entry"] is None]
    assert [key["algorithm"] for key in counting] == ["ed25519", "ml-dsa-44"]
    run("key", "revoke", counting[0]["fingerprint"], "--reason", "x", code=2)
    assert "key rotate" in run.err
    run("log", "audit")
    assert run.json("record", "verify", ids(run, "subject")[0])["ok"] is True


def test_a_bundle_is_never_written_over_something(run: Shell, tmp_path: Path) -> None:
    run("key", "new")
    run("record", "sign", "--all")
    model = ids(run, "subject")[0]
    (tmp_path / "there").write_text("mine")
    for target in (tmp_path / "there", run.folder / "records.sqlite", run.folder / "new.evidence"):
        run("log", "prove", model, "--out", target, code=2)
    assert (tmp_path / "there").read_text() == "mine"
    run("record", "verify", model, "--key", "sha256:0", code=2)
    assert "for bundles" in run.err
    run("record", "verify", "no-such-file", code=2)


def test_a_withdrawn_record_stays_readable(run: Shell) -> None:
    run("key", "new")
    model = ids(run, "subject")[0]
    run("record", "withdraw", model, "--reason", "measured with the wrong weights")
    assert "Sign it" in run.err
    shown = run.json("record", "show", model)["record"]
    assert shown["withdrawal"]["reason"] == "measured with the wrong weights"
    run("record", "verify", model, code=1)
    run("record", "sign", model)
    assert run.json("record", "verify", model)["ok"] is True


def test_records_of_others_are_neither_signed_nor_withdrawn(run: Shell, tmp_path: Path) -> None:
    run("key", "new")
    foreign = EXAMPLES["subject"]
    (tmp_path / "a.jsonl").write_bytes(record_bytes(foreign))
    run("record", "add", "a.jsonl")
    run("record", "sign", foreign.id, code=4)
    run("record", "withdraw", foreign.id, "--reason", "x", code=4)
    run("record", "sign", "--all")
    assert foreign.id not in run.out


def test_what_is_missing_is_said(run: Shell, tmp_path: Path) -> None:
    run("log", "status")
    assert "Nothing is signed yet" in run.err
    run("log", "audit")
    for words in (["key", "list"], ["record", "sign", "--all"], ["key", "rotate"]):
        run(*words, code=2)
        assert "consilience key new" in run.err
    run("record", "sign", code=2)
    run("key", "new")
    run("key", "new", code=2)
    assert "rotate" in run.err
    run("log", "prove", ids(run, "subject")[0], code=2)
    assert "consilience record sign" in run.err
    (tmp_path / "bad.evidence").write_bytes(b"no bundle")
    run("record", "verify", "bad.evidence", code=2)
    assert "bad.evidence" in run.err


def test_plurals() -> None:
    assert [counted(n, noun) for n, noun in ((1, "key"), (2, "key"), (2, "entry"), (0, "item"))] == [
        "1 key", "2 keys", "2 entries", "0 items"
    ]  # fmt: skip


def test_the_origin_of_records_is_the_node(run: Shell) -> None:
    with Node.open(run.folder) as node:
        assert isinstance(node.origin(), Origin)
        assert node.log_origin == f"{node.settings.party_id}/log"
