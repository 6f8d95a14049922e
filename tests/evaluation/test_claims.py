"""Claims from a run: who measured, on what basis, and what becomes of a missing number."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from tests.evaluation.exercises import make_manifest, make_protocol, planned_rows, write_run

from consilience.errors import InputError
from consilience.evaluation.analysis import analyse
from consilience.evaluation.claims import RunRecords, records_of_run
from consilience.evaluation.joint_result import JointResult
from consilience.evaluation.protocol import Protocol, protocol_digest
from consilience.evaluation.run_archive import keep_run
from consilience.node import Node
from consilience.records.claim import Basis, Claim, Interval, NoInterval, NotAssessed, Number
from consilience.records.making import Origin, party_id

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
LABORATORY = party_id("A")
ITEMS = tuple(f"i{number}" for number in range(8))


def analysed(folder: Path, protocol: Protocol, **changes: object) -> JointResult:
    rows = planned_rows(protocol, "A", **changes)
    return analyse([write_run(folder / "run", protocol, "A", rows)], protocol=protocol, now=NOW, seed=1)


def records(result: JointResult, protocol: Protocol) -> RunRecords:
    return records_of_run(
        result,
        protocol,
        make_manifest(protocol, "A"),
        origin=Origin(created_by=LABORATORY, now=NOW),
        measured_by=LABORATORY,
        evidence=["sha256:" + "b" * 64, "sha256:" + "a" * 64, "sha256:" + "b" * 64],
    )


def test_one_claim_for_each_language_and_one_over_all(tmp_path: Path) -> None:
    protocol = make_protocol(items=ITEMS)
    made = records(analysed(tmp_path, protocol), protocol)
    languages = [claim.conditions.language for claim in made.claims if claim.conditions is not None]
    assert sorted(languages, key=str) == [None, "en", "fr"]
    for claim in made.claims:
        assert isinstance(claim.value, Number)
        assert isinstance(claim.value.uncertainty, Interval)
        assert claim.value.sample_size == len(ITEMS)
        assert claim.basis is Basis.TESTED
        assert claim.measured_by == LABORATORY
        assert claim.commissioned_by is None
        assert claim.evidence == ("sha256:" + "a" * 64, "sha256:" + "b" * 64)
        assert claim.subject == made.subject.id
        assert claim.protocol == made.protocol.id
    assert made.protocol.plan_digest == protocol_digest(protocol)


def test_a_number_without_interval_says_why(tmp_path: Path) -> None:
    protocol = make_protocol(items=("only",), languages=("en",))
    made = records(analysed(tmp_path, protocol), protocol)
    values = [claim.value for claim in made.claims]
    assert values
    for value in values:
        assert isinstance(value, Number)
        assert isinstance(value.uncertainty, NoInterval)
        assert value.uncertainty.reason == "one item"


def test_what_has_no_score_is_not_assessed_and_never_zero(tmp_path: Path) -> None:
    protocol = make_protocol(items=ITEMS)
    result = analysed(tmp_path, protocol, score=None, status="unscored", cause="empty")
    made = records(result, protocol)
    assert made.claims
    for claim in made.claims:
        assert isinstance(claim.value, NotAssessed)
        assert claim.value.note == "no scores"


def test_simulated_scores_become_no_claim(tmp_path: Path) -> None:
    protocol = make_protocol(items=ITEMS)
    made = records(analysed(tmp_path, protocol, simulated=True), protocol)
    assert made.claims == ()


def test_a_run_is_kept_once(tmp_path: Path) -> None:
    protocol = make_protocol(items=ITEMS)
    result = analysed(tmp_path, protocol)
    with Node.open(tmp_path / "node", create=True, party="A") as node:
        first = keep_run(node, tmp_path / "run", result=result, protocol=protocol)
        size = node.records.count()
        second = keep_run(node, tmp_path / "run", result=result, protocol=protocol)
        assert node.records.count() == size
        assert second == first
        assert len(first.claims) == 3
        for digest in first.evidence:
            assert node.evidence.read(digest)
        assert node.records.latest(first.claims[0]) is not None


def test_a_run_of_another_laboratory_was_not_measured_by_the_node(tmp_path: Path) -> None:
    protocol = make_protocol(items=ITEMS)
    result = analysed(tmp_path, protocol)
    with Node.open(tmp_path / "node", create=True, party="B") as node:
        kept = keep_run(node, tmp_path / "run", result=result, protocol=protocol)
        for name in kept.claims:
            claim = node.records.get(name).record
            assert isinstance(claim, Claim)
            assert claim.published_by == node.party.id != claim.measured_by
            assert node.records.get(str(claim.measured_by)).record.title == "A"


def test_an_unfinished_run_makes_no_claim(tmp_path: Path) -> None:
    protocol = make_protocol(items=ITEMS)
    result = analysed(tmp_path, protocol)
    write_run(tmp_path / "run", protocol, "A", finished_at=None)
    with (
        Node.open(tmp_path / "node", create=True, party="A") as node,
        pytest.raises(InputError, match="not complete"),
    ):
        keep_run(node, tmp_path / "run", result=result, protocol=protocol)
