"""Who measured: one party for one name, and never the developer under a second one."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from consilience.evaluation.measurer import NOT_VERIFIED, measurer
from consilience.node import Node
from consilience.records.claim import Basis
from consilience.records.independence import Relation, independence
from consilience.records.kinds import Party, PartyType
from consilience.records.making import (
    Origin,
    new_claim,
    new_concept,
    new_own_party,
    new_party,
    new_subject,
    unknown,
)

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


def a_node(folder: Path) -> Node:
    return Node.open(folder, create=True, party="Institute A", environment={}, clock=lambda: NOW)


def parties(node: Node) -> int:
    return node.records.count("party")


@pytest.mark.parametrize("name", ["Institute A", " institute  a ", "INSTITUTE A"])
def test_the_nodes_own_name_is_the_node(tmp_path: Path, name: str) -> None:
    with a_node(tmp_path / "n") as node:
        assert measurer(node, name) == node.party
        assert parties(node) == 1


def test_another_laboratory_is_another_party_once_and_nobody_says_that_it_was_verified(
    tmp_path: Path,
) -> None:
    with a_node(tmp_path / "n") as node:
        first = measurer(node, "North")
        assert (first.name, first.party_type, first.description) == (
            "North",
            PartyType.EVALUATOR,
            NOT_VERIFIED,
        )
        assert first.created_by == node.party.id != first.id
        assert measurer(node, "  NORTH") == first
        assert measurer(node, "South").id != first.id
        assert parties(node) == 3


def test_a_party_that_describes_itself_is_found_and_what_others_say_of_it_is_not(tmp_path: Path) -> None:
    with a_node(tmp_path / "n") as node:
        node.records.put(
            new_party(
                Origin(created_by="party--00000000-0000-5000-8000-000000000001", now=NOW),
                "North",
                party_type=PartyType.PRESS,
            )
        )
        own = new_own_party("North", party_type=PartyType.INSTITUTE, now=NOW)
        node.records.put(own)
        assert measurer(node, "north") == own


def test_a_developer_that_measures_its_own_model_never_looks_independent(tmp_path: Path) -> None:
    with a_node(tmp_path / "n") as node:
        developer = new_party(node.origin(), "OpenModel Inc.", party_type=PartyType.DEVELOPER)
        node.keep(developer)
        found = measurer(node, "openmodel inc.")
        assert found == developer
        subject = new_subject(node.origin(), "m-1", developer=developer.id)
        concept = new_concept(node.origin(), "s:c", "c", concept_type="capability")  # type: ignore[arg-type]
        claim = new_claim(
            node.origin(), subject=subject.id, concept=concept.id, value=unknown("not-assessed"),
            basis=Basis.TESTED, published_by=node.party.id, measured_by=found.id,
        )  # fmt: skip
        known = {p.id: p for p in (node.party, developer)}
        told = independence(claim, subject, known)
        assert (told.relation, told.looks_independent) == (Relation.SAME, False)
        assert isinstance(developer, Party)
