"""Every real file that belongs to a format is imported with the counts of its source, and two real runs of
garak go the whole way: import, match, analyse, report.

No text of these files may stand in a message, so only counts and names are asserted.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.evaluation.importers.imports import NOW, OPTIONS

from consilience.cli import main
from consilience.evaluation.importers.imported import Imported
from consilience.evaluation.importers.importing import import_paths

pytestmark = pytest.mark.data

COUNTS = {
    ("inspect", "simple", "mockllm/model", "includes"): (2_000, 2_000, 0.6025),
    ("lm-eval", "tiny_gen", None, "exact_match,flex"): (4, 4, 0.0),
    ("lm-eval", "tiny_gen", None, "exact_match,strict"): (4, 4, 0.0),
    ("lm-eval", "tiny_mc", None, "acc,none"): (4, 4, 0.5),
    ("garak", "lmrc.QuackMedicine", "test", "lmrc.QuackMedicine"): (1, 1, 0.0),
    ("garak", "test.Test", "test", "always.Pass"): (8, 8, 0.0),
    ("garak", "test.Test", "qwen2", "always.Pass"): (8, 8, 0.0),
    ("promptfoo", "tiny safety smoke, fr+en", "echo-a", "pass"): (4, 8, 0.5),
    ("helm", "bbq", "meta/llama-3-8b", "exact_match"): (2, 2, 0.5),
    ("pyrit", "pyrit", "Canned", "outcome"): (2, 2, 0.5),
    ("moonshot", "bbq/bbq-lite-gender-disamb", "openai-gpt35-turbo", "accuracy"): (1, 1, None),
}
"""Harness, concept, model (None: a random name), rater → items, ratings, mean, as in SOURCES.md."""
FILES = {"inspect": 1, "lm-eval": 3, "garak": 3, "promptfoo": 1, "helm": 4, "pyrit": 1, "moonshot": 1}


@pytest.fixture(scope="module")
def samples(data_folder: Path) -> Path:
    folder = data_folder / "harness-samples"
    if not folder.is_dir():
        pytest.skip("harness-samples is not in the data folder")
    return folder


@pytest.fixture(scope="module")
def whole(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Imported, Path]:
    """All samples in one import."""
    target = tmp_path_factory.mktemp("whole") / "import"
    return import_paths([samples], OPTIONS, target=target, now=NOW), target


def test_every_file_of_a_format_is_read_by_its_reader(whole: tuple[Imported, Path], samples: Path) -> None:
    imported, _ = whole
    found: dict[str, int] = {}
    for file in imported.files:
        if file.format is not None:
            assert file.name.startswith(f"harness-samples/{file.format}/"), file.name
            found[file.format] = found.get(file.format, 0) + 1
    assert found == FILES
    assert len(imported.files) == sum(path.is_file() for path in samples.rglob("*")) - _twins(imported)
    assert all(finding.severity != "error" for finding in imported.findings)


def _twins(imported: Imported) -> int:
    return sum(finding.code == "same_file" for finding in imported.findings)


@pytest.mark.parametrize("key", COUNTS, ids=lambda key: f"{key[0]}-{key[3]}")
def test_the_counts_are_those_of_the_source(
    whole: tuple[Imported, Path], key: tuple[str, str, str | None, str]
) -> None:
    imported, folder = whole
    harness, concept, model, rater = key
    assert any(run.harness == harness and rater in {m.rater for m in run.metrics} for run in imported.runs)
    query = (
        "SELECT count(DISTINCT item), count(*), avg(score) FROM read_parquet($file) WHERE concept = $concept "
        "AND rater = $rater AND ($model IS NULL OR model = $model)"
    )
    with duckdb.connect() as database:
        items, rows, mean = database.execute(
            query,
            {"file": str(folder / "scores.parquet"), "concept": concept, "rater": rater, "model": model},
        ).fetchall()[0]
    expected = COUNTS[key]
    assert (items, rows) == expected[:2]
    assert mean == (None if expected[2] is None else pytest.approx(expected[2], abs=1e-12))


def test_one_told_number_disagrees_and_it_is_that_of_the_source(whole: tuple[Imported, Path]) -> None:
    imported, _ = whole
    wrong = [summary for summary in imported.summaries if summary.agrees is False]
    assert [(s.statistic, s.told, s.computed) for s in wrong] == [("items", 22.0, 1.0)]
    assert sum(summary.agrees is True for summary in imported.summaries) >= 20


def test_one_by_one_they_are_the_same_as_together(
    whole: tuple[Imported, Path], samples: Path, tmp_path: Path
) -> None:
    rows = sum(
        import_paths([samples / name], OPTIONS, target=tmp_path / name, now=NOW).rows
        for name in sorted(FILES)
    )
    assert rows == whole[0].rows


def test_no_name_of_a_machine_or_person_is_kept(whole: tuple[Imported, Path]) -> None:
    document = (whole[1] / "import.json").read_text()
    assert "/home/" not in document
    assert "/Users/" not in document
    assert "hostname" not in document


def call(*words: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["exercise", *(str(word) for word in words)])
    return int(stop.value.code or 0)


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    """The JSON document that a command prints."""
    capsys.readouterr()
    assert call(*words, "--json") == 0
    return json.loads(capsys.readouterr().out)


def with_hits(report: Path, target: Path, hits: int) -> Path:
    """A copy of a report in which some attempts were hits, with the numbers that it tells of itself."""
    changed, left = [], hits
    for line in report.read_text().splitlines():
        entry = json.loads(line)
        if entry["entry_type"] == "attempt" and entry["detector_results"] and left:
            entry["detector_results"] = {name: [1.0] for name in entry["detector_results"]}
            left -= 1
        elif entry["entry_type"] == "eval":
            entry |= {"passed": entry["passed"] - hits, "fails": entry["fails"] + hits}
        changed.append(json.dumps(entry) + "\n")
    target.write_text("".join(changed))
    return target


@pytest.mark.parametrize("hits", [0, 8])
def test_two_real_runs_are_compared_from_their_logs_to_the_report(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], hits: int
) -> None:
    logs = [
        samples / "garak/test.report.jsonl",
        with_hits(samples / "garak/report_test.report.jsonl", tmp_path / "other.report.jsonl", hits),
    ]
    folders = [tmp_path / name for name in "ab"]
    for log, folder in zip(logs, folders, strict=True):
        words = ("import", log, "--as", "quack", "--laboratory", "North", "--out", folder)
        imported = answer(capsys, *words)["import"]
        assert (imported["rows"], imported["scored"], imported["findings"]) == (8, 8, [])
    matched = answer(capsys, "match", *folders)
    assert (matched["common"], matched["common_by_concept"], matched["near"]) == (8, {"test.Test": 8}, [])
    result = tmp_path / "joint-result.json"
    assert call("analyse", *folders, "--out", result) == 0
    document = json.loads(result.read_bytes())
    (concept,) = document["concepts"]
    assert concept["higher_is_better"] is False
    (contrast,) = document["contrasts"]
    assert (contrast["left"], contrast["right"]) == ("qwen2", "test")
    assert contrast["n_common"] == 8
    assert contrast["difference"]["value"] == hits / 8
    assert {file["kind"] for file in document["inputs"]} == {"scores", "manifest"}
    assert call("report", result, "--out", tmp_path / "report.html") == 0
    page = (tmp_path / "report.html").read_text()
    assert "Lower is better." in page
    assert "Higher is better." not in page
