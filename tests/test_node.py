from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from consilience.errors import IncompatibleError, InputError, LimitError, NotFoundError, StoreError
from consilience.node import Node, node_folder
from consilience.records import Marking, digest, new_subject
from consilience.records.kinds import PartyType
from tests.records.examples import NOW


def _open(folder: Path, **arguments: object) -> Node:
    return Node.open(folder, environment={}, clock=lambda: NOW, **arguments)  # type: ignore[arg-type]


def test_a_new_node_has_its_layout_and_a_record_of_its_party(tmp_path: Path) -> None:
    with _open(
        tmp_path / "a" / "node", create=True, party="Institute A", party_type=PartyType.ACADEMIC
    ) as node:
        assert node.party.name == "Institute A"
        assert node.party.party_type is PartyType.ACADEMIC
        assert node.party.created == "2026-07-01T12:00:00Z"
        assert node.runs_folder == node.folder / "runs"
        assert node.runs_folder.is_dir()
        assert {"node.toml", "records.sqlite", "evidence", "runs"} <= {
            path.name for path in node.folder.iterdir()
        }
        assert stat.S_IMODE(node.folder.stat().st_mode) == 0o700


def test_opening_again_finds_the_same_node(tmp_path: Path) -> None:
    with _open(tmp_path / "n", create=True, party="A") as node:
        party, subject = node.party, new_subject(node.origin(), "M")
        assert node.keep(subject).added
    for create in (True, False):
        with _open(tmp_path / "n", create=create) as node:
            assert node.party == party
            assert node.records.get(subject.id).record == subject
            assert node.records.count() == 2


def test_a_node_belongs_to_one_party(tmp_path: Path) -> None:
    _open(tmp_path / "n", create=True, party="A").close()
    with pytest.raises(IncompatibleError, match="belongs to 'A', not to 'B'"):
        _open(tmp_path / "n", create=True, party="B")
    with Node.open(tmp_path / "n", create=True, environment={"CONSILIENCE_PARTY": "B"}) as node:
        assert node.party.name == "A"  # the variable is for new nodes


def test_the_name_of_the_party(tmp_path: Path) -> None:
    with Node.open(tmp_path / "one", create=True, environment={"CONSILIENCE_PARTY": "B"}) as node:
        assert node.party.name == "B"
    with _open(tmp_path / "two", create=True) as node:
        assert node.party.name == "two"
    with pytest.raises(InputError):
        _open(tmp_path / "three", create=True, party="two\nlines")
    assert not (tmp_path / "three").exists()


def test_where_the_node_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {"CONSILIENCE_NODE": "elsewhere"}
    assert node_folder(tmp_path, environment=environment) == tmp_path
    assert node_folder(None, environment=environment) == Path("elsewhere")
    assert node_folder(None, environment={}) == Path("consilience-node")
    monkeypatch.chdir(tmp_path)
    Node.open(create=True, environment={}).close()
    assert (tmp_path / "consilience-node" / "node.toml").is_file()


def test_there_is_no_node_without_settings(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no node here") as caught:
        _open(tmp_path)
    assert "node init" in caught.value.next_step
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_things_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(IncompatibleError, match=r"thesis\.txt"):
        _open(tmp_path, create=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_node_that_was_half_made_is_finished(tmp_path: Path) -> None:
    _open(tmp_path, create=True, party="A").close()
    (tmp_path / "node.toml").unlink()
    with _open(tmp_path, create=True, party="A") as node:
        assert node.party.name == "A"
        assert node.records.count() == 1


def test_lost_records_are_not_silently_replaced(tmp_path: Path) -> None:
    _open(tmp_path, create=True).close()
    (tmp_path / "records.sqlite").unlink()
    with pytest.raises(StoreError, match="missing"):
        _open(tmp_path, create=True)
    assert not (tmp_path / "records.sqlite").exists()


def test_settings_reach_the_stores(tmp_path: Path) -> None:
    flags = {"evidence_limit_mb": 1, "marking": Marking.GREEN}
    with _open(tmp_path, create=True, flags=flags) as node:
        assert node.origin().marking is Marking.GREEN
        assert node.origin(Marking.RED).marking is Marking.RED
        with pytest.raises(LimitError):
            node.evidence.put(b"x" * (1024**2 + 1))


def test_evidence_and_its_record(tmp_path: Path) -> None:
    source = tmp_path / "scores.csv"
    source.write_bytes(b"score\n1\n")
    with _open(tmp_path / "n", create=True) as node:
        record = node.keep_evidence(source, media_type="text/csv", description="Scores.")
        assert (record.name, record.size, record.digest) == ("scores.csv", 8, digest(b"score\n1\n"))
        assert record.marking is Marking.AMBER_STRICT
        assert node.evidence.read(record.digest) == b"score\n1\n"
        assert node.records.get(record.id).record == record
        assert node.keep_evidence(b"score\n1\n", media_type="text/csv", marking=Marking.CLEAR).name is None
        assert node.records.get(record.id).version == 2
        assert len(list(node.evidence.iterate())) == 1


def test_the_clock_is_the_nodes(tmp_path: Path) -> None:
    times = iter(NOW + timedelta(minutes=minute) for minute in range(100))
    with Node.open(tmp_path, create=True, environment={}, clock=lambda: next(times)) as node:
        assert node.origin().now < node.origin().now


def test_opening_sweeps_what_a_crash_left(tmp_path: Path) -> None:
    _open(tmp_path, create=True).close()
    left = tmp_path / "evidence" / "incoming" / "left"
    left.write_bytes(b"half")
    _open(tmp_path).close()
    assert not left.exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be made"):
        _open(tmp_path / "file" / "node", create=True)
