from __future__ import annotations

import json
from pathlib import Path

import pytest

from consilience.cli import main
from consilience.node import Node
from consilience.records import new_subject


def _run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    output = capsys.readouterr()
    assert isinstance(caught.value.code, int)
    return caught.value.code, output.out, output.err


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NODE", "PARTY", "MARKING", "EVIDENCE_LIMIT_MB", "BUSY_TIMEOUT_S"):
        monkeypatch.delenv(f"CONSILIENCE_{name}", raising=False)


def test_init_and_status(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "n"
    code, out, err = _run(capsys, "node", "init", "--node", folder, "--party", "Institute A")
    assert (code, out) == (0, f"{folder}\n")
    assert "Institute A" in err
    code, out, _ = _run(capsys, "node", "status", "--node", folder)
    assert code == 0
    assert "party        1" in out
    assert "TLP:AMBER+STRICT" in out
    assert "claim" not in out


def test_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ("--node", tmp_path / "n", "--json")
    code, out, err = _run(capsys, "node", "init", "--party", "A", "--party-type", "ngo", *arguments)
    made = json.loads(out)
    assert (code, err, made["party"]) == (0, "", "A")
    with Node.open(tmp_path / "n") as node:
        assert node.party.party_type == "ngo"
        node.keep(new_subject(node.origin(), "M"))
        node.keep_evidence(b"12345", media_type="text/plain")
        node.records.refuse(b"x", reason="r", source="s")
        (node.runs_folder / "run-1").mkdir()
    _, out, _ = _run(capsys, "node", "status", *arguments)
    document = json.loads(out)
    assert document["party_id"] == made["party_id"]
    assert document["evidence"] == {"files": 1, "bytes": 5}
    assert (document["runs"], document["quarantined"]) == (1, 1)
    assert {kind: count for kind, count in document["records"].items() if count} == {
        "party": 1, "subject": 1, "evidence": 1,
    }  # fmt: skip
    assert len(document["records"]) == 11


def test_init_again_leaves_the_node_as_it_is(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for _ in range(2):
        assert _run(capsys, "node", "init", "--node", tmp_path / "n", "--party", "A")[0] == 0
    code, out, _ = _run(capsys, "node", "init", "--node", tmp_path / "n", "--party", "B", "--json")
    assert code == 2
    assert json.loads(out)["type"].endswith("incompatible")


def test_a_party_type_that_does_not_exist(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = _run(capsys, "node", "init", "--node", tmp_path / "n", "--party-type", "club")
    assert code == 2
    assert "institute, developer" in err
    assert not (tmp_path / "n").exists()


def test_status_without_a_node(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = _run(capsys, "node", "status", "--node", tmp_path)
    assert (code, out) == (2, "")
    assert "consilience node init" in err


def test_the_variable_names_the_node(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSILIENCE_NODE", str(tmp_path / "n"))
    assert _run(capsys, "node", "init")[1] == f"{tmp_path / 'n'}\n"
    assert _run(capsys, "node", "status")[0] == 0
