"""Claims of an import point to the files that their scores came from, and to no others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.evaluation.importers.imports import NOW, OPTIONS
from tests.simulators import jsonl_logs as logs

from consilience.errors import VerificationError
from consilience.evaluation.analysis import analyse
from consilience.evaluation.importers.archive import curie_of, keep_import
from consilience.evaluation.importers.importing import import_paths
from consilience.evaluation.importers.placing import originals
from consilience.node import Node
from consilience.records import Origin, new_concept
from consilience.records.claim import Claim
from consilience.records.kinds import ConceptType
from consilience.records.marking import Marking


def write_logs(root: Path) -> list[Path]:
    """Reports of models whose names begin alike, two of one name in two folders, and a letter."""
    for folder, name, model, seed in (
        ("x", "run", "gpt-4", 1), ("y", "run", "gpt-4o", 2), ("x", "again", "gpt-4", 3),
    ):  # fmt: skip
        (root / folder / name).mkdir(parents=True)
        entries = list(logs.garak_entries(12, seed=seed, model=model, rate=0.5))
        logs.write_lines(root / folder / name / "a.report.jsonl", iter(entries))
    (root / "x" / "run" / "letter.txt").write_text("a private letter")
    return [root / "x" / "run", root / "y" / "run", root / "x" / "again"]


def kept(node: Node, paths: list[Path], target: Path) -> list[Claim]:
    imported = import_paths(paths, OPTIONS, target=target, now=NOW)
    result = analyse([target], protocol=None, now=NOW)
    keep_import(node, target, imported, result, originals(paths, imported))
    return [e.record for e in node.records.iterate("claim") if isinstance(e.record, Claim)]


def names_of(node: Node, claim: Claim, paths: list[Path]) -> set[str]:
    contents = {
        f.read_bytes(): str(f.relative_to(paths[0].parent.parent))
        for path in paths for f in path.rglob("*") if f.is_file()
    }  # fmt: skip
    return {name for digest in claim.evidence if (name := contents.get(node.evidence.read(digest)))}


def test_a_claim_cites_the_files_of_its_model_and_no_others(tmp_path: Path) -> None:
    paths = write_logs(tmp_path)
    with Node.open(tmp_path / "node", create=True, party="North") as node:
        claims = kept(node, paths, tmp_path / "out")
        subjects = {e.record.id: e.record.name for e in node.records.iterate("subject")}  # type: ignore[union-attr]
        found = {subjects[claim.subject]: names_of(node, claim, paths) for claim in claims}
        stored = {node.evidence.read(file.digest) for file in node.evidence.iterate()}
    assert found == {
        "gpt-4": {"x/run/a.report.jsonl", "x/again/a.report.jsonl"},
        "gpt-4o": {"y/run/a.report.jsonl"},
    }
    assert b"a private letter" not in stored


def test_samples_and_their_results_are_cited(tmp_path: Path) -> None:
    folder = tmp_path / "logs" / "run"
    folder.mkdir(parents=True)
    samples = list(logs.lm_eval_samples(12, seed=1))
    logs.write_lines(folder / "samples_task_2026-11-22T10-51-00.jsonl", iter(samples))
    document = logs.lm_eval_results(samples, model="org/a")
    (folder / "results_2026-11-22T10-51-00.json").write_text(json.dumps(document))
    with Node.open(tmp_path / "node", create=True, party="North") as node:
        claims = kept(node, [folder], tmp_path / "out")
        assert claims
        for claim in claims:
            assert len(names_of(node, claim, [folder])) == 2


def test_an_archive_is_cited_for_its_entries(tmp_path: Path) -> None:
    import zipfile

    write_logs(tmp_path)
    with zipfile.ZipFile(tmp_path / "logs.zip", "w") as archive:
        archive.write(tmp_path / "x" / "run" / "a.report.jsonl", "r/a.report.jsonl")
    with Node.open(tmp_path / "node", create=True, party="North") as node:
        (claim,) = kept(node, [tmp_path / "logs.zip"], tmp_path / "out")
        assert (tmp_path / "logs.zip").read_bytes() in [node.evidence.read(d) for d in claim.evidence]


def test_an_original_that_changed_meanwhile_is_not_cited(tmp_path: Path) -> None:
    paths = write_logs(tmp_path)
    imported = import_paths(paths, OPTIONS, target=tmp_path / "out", now=NOW)
    result = analyse([tmp_path / "out"], protocol=None, now=NOW)
    with Node.open(tmp_path / "node", create=True, party="North") as node:
        files = originals(paths, imported)
        with (paths[0] / "a.report.jsonl").open("a") as file:
            file.write("\n")
        with pytest.raises(VerificationError, match="was changed while it was imported"):
            keep_import(node, tmp_path / "out", imported, result, files)
        (paths[0] / "a.report.jsonl").unlink()
        files = {name: path for name, path in files.items() if path.is_file()}
        with pytest.raises(VerificationError, match="is gone since it was imported"):
            keep_import(node, tmp_path / "out", imported, result, files)
        assert list(node.records.iterate("claim")) == []


def test_a_concept_is_named_by_task_and_rater_whatever_signs_they_have() -> None:
    origin = Origin(created_by="party--00000000-0000-4000-8000-000000000001", now=NOW, marking=Marking.CLEAR)
    assert curie_of(["lm-eval"], "arc_easy", "acc") == "imported:lm-eval/arc_easy/acc"
    names = [
        curie_of(["lm-eval"], concept, rater)
        for concept in ("my concept", "my_concept", "é" * 300, "x" * 300)
        for rater in ("acc,none", "acc;none", "judge[0]")
    ]
    assert len(set(names)) == len(names)
    for name in names:
        assert new_concept(origin, name, "label", concept_type=ConceptType.RISK).curie == name
