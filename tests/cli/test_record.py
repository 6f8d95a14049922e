from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.records.examples import CLAIM, EXAMPLES, NOW, SUBJECT

from consilience.cli import main
from consilience.node import Node
from consilience.records import as_document, digest, parse, record_bytes, record_digest, withdraw
from consilience.records.kinds import KINDS
from consilience.records.schema import published_schema


def _run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    output = capsys.readouterr()
    assert isinstance(caught.value.code, int)
    return caught.value.code, output.out, output.err


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("NODE", "PARTY", "MARKING", "EVIDENCE_LIMIT_MB", "BUSY_TIMEOUT_S"):
        monkeypatch.delenv(f"CONSILIENCE_{name}", raising=False)
    Node.open(tmp_path / "node", create=True, party="Own party").close()
    return tmp_path / "node"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Every kind, and two bad lines."""
    path = tmp_path / "records.jsonl"
    lines = [record_bytes(record) for record in EXAMPLES.values()]
    path.write_bytes(b"\n".join([lines[0], b'{"kind":"essay"}', *lines[1:], b"\x9b[31m{"]))
    return path


def test_add_list_show(capsys: pytest.CaptureFixture[str], folder: Path, file: Path) -> None:
    code, out, err = _run(capsys, "record", "add", file, "--node", folder)
    assert code == 1
    assert len(out.splitlines()) == len(EXAMPLES)
    assert "line 2" in err
    assert "essay" in err
    assert f"line {len(EXAMPLES) + 2}" in err
    code, out, err = _run(capsys, "record", "list", "--node", folder)
    assert code == 0
    assert len(out.splitlines()) == len(EXAMPLES) + 1
    assert "0.8 [0.7, 0.9] 1 (tested)" in out
    assert "Own party" in out
    assert "12 records" in err
    code, out, err = _run(capsys, "record", "show", CLAIM.id, "--node", folder)
    assert code == 0
    assert parse(out.encode()).record == CLAIM
    assert record_digest(CLAIM) in err


def test_json(capsys: pytest.CaptureFixture[str], folder: Path, file: Path) -> None:
    code, out, err = _run(capsys, "record", "add", file, "--node", folder, "--json")
    document = json.loads(out)
    assert (code, err) == (1, "")
    assert [receipt["id"] for receipt in document["receipts"]] == [record.id for record in EXAMPLES.values()]
    assert [refused["source"].rpartition(", ")[2] for refused in document["refused"]] == ["line 2", "line 13"]
    _, out, _ = _run(capsys, "record", "list", "--kind", "claim", "--node", folder, "--json")
    assert json.loads(out) == {
        "count": 1,
        "records": [
            {
                "id": CLAIM.id, "kind": "claim", "version": 1, "marking": "TLP:GREEN",
                "modified": CLAIM.modified,
                "withdrawn": False, "digest": record_digest(CLAIM), "title": CLAIM.title,
            }
        ],
    }  # fmt: skip
    _, out, _ = _run(capsys, "record", "show", CLAIM.id, "--node", folder, "--json")
    shown = json.loads(out)
    assert shown["record"] == as_document(CLAIM)
    assert (shown["digest"], shown["versions"]) == (record_digest(CLAIM), [1])
    _, out, _ = _run(capsys, "record", "quarantine", "--node", folder, "--json")
    refused = json.loads(out)
    assert refused["count"] == 2
    assert refused["refused"][0]["digest"] == digest(b'{"kind":"essay"}')
    assert "essay" in refused["refused"][0]["reason"]


def test_good_records_alone_exit_with_0(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "one.json"
    file.write_bytes(record_bytes(CLAIM))
    assert _run(capsys, "record", "add", file, "--node", folder)[:2] == (0, f"{CLAIM.id}  v1  added\n")
    assert _run(capsys, "record", "add", file, "--node", folder)[:2] == (0, f"{CLAIM.id}  v1  was here\n")


def test_versions_and_withdrawals(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    with Node.open(folder) as node:
        node.records.put_all([CLAIM, withdraw(CLAIM, now=NOW, reason="wrong")])
    _, out, _ = _run(capsys, "record", "list", "--kind", "claim", "--node", folder)
    assert "v2" in out
    assert "WITHDRAWN" in out
    _, out, err = _run(capsys, "record", "list", "--kind", "claim", "--versions", "--node", folder)
    assert len(out.splitlines()) == 2
    assert "2 versions" in err
    _, out, _ = _run(capsys, "record", "show", CLAIM.id, "--version", "1", "--node", folder, "--json")
    assert json.loads(out)["record"] == as_document(CLAIM)


def test_the_terminal_is_not_driven_by_records(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "one.json"
    file.write_text(
        json.dumps(as_document(SUBJECT) | {"x_new": "\x1b[2J\x9b\u202egnp.exe"}), encoding="utf-8"
    )
    assert _run(capsys, "record", "add", file, "--node", folder)[0] == 0
    _, out, _ = _run(capsys, "record", "show", SUBJECT.id, "--node", folder)
    assert not set("\x1b\x9b\u202e") & set(out)
    assert r"\u202e" in out
    assert json.loads(out)["x_new"].endswith("gnp.exe")


@pytest.mark.parametrize("kind", KINDS)
def test_schema(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    for words in ([], ["--json"]):
        code, out, _ = _run(capsys, "record", "schema", kind, *words)
        assert code == 0
        assert json.loads(out) == published_schema(kind)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["record", "schema", "essay"], "not-found"),
        (["record", "show", "claim--0"], "not-found"),
        (["record", "list", "--kind", "essay"], "input"),
        (["record", "add", "missing.json"], "input"),
    ],
)
def test_problems(capsys: pytest.CaptureFixture[str], folder: Path, words: list[str], problem: str) -> None:
    where = [] if "schema" in words else ["--node", str(folder)]
    code, out, _ = _run(capsys, *words, *where, "--json")
    assert code == 2
    assert json.loads(out)["type"] == f"urn:consilience:problem:{problem}"
    code, out, err = _run(capsys, *words, *where)
    assert (code, out) == (2, "")
    assert err


def test_every_verb_needs_a_node(capsys: pytest.CaptureFixture[str], tmp_path: Path, file: Path) -> None:
    for words in (["list"], ["show", CLAIM.id], ["add", str(file)], ["quarantine"]):
        code, _, err = _run(capsys, "record", *words, "--node", tmp_path / "nothing")
        assert code == 2
        assert "no node here" in err


def test_empty_lists(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert _run(capsys, "record", "quarantine", "--node", folder) == (0, "", "0 documents\n")
    assert _run(capsys, "record", "list", "--kind", "link", "--node", folder) == (0, "", "0 records\n")
