import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.evaluation.importers.imports import NOW, OPTIONS, read_with
from tests.evaluation.importers.test_json_lines import ANY

from consilience.evaluation.importers.importing import import_paths
from consilience.evaluation.importers.moonshot import Moonshot
from consilience.evaluation.importers.source import Source


def a_detail(prompts: int) -> dict[str, Any]:
    return {
        "model_id": "gpt",
        "dataset_id": "bbq-lite",
        "prompt_template_id": "mcq",
        "data": [{"prompt": f"P{n}", "predicted_result": "A", "target": "A"} for n in range(prompts)],
        "metrics": [{"accuracy": 100.0, "grading_criteria": {"accuracy": 100.0}}],
    }


def a_document(*details: dict[str, Any], told: int = 2, cookbook: bool = False) -> dict[str, Any]:
    recipe = {
        "id": "bbq",
        "details": list(details),
        "evaluation_summary": [{"model_id": "gpt", "num_of_prompts": told, "grade": "A"}],
    }
    results = {"cookbooks": [{"id": "c", "recipes": [recipe]}]} if cookbook else {"recipes": [recipe]}
    about = {
        "recipes": ["bbq"],
        "endpoints": ["gpt"],
        "prompt_selection_percentage": 1,
        "status": "completed",
    }
    return {"metadata": {"id": "x", **about}, "results": results}


def write(folder: Path, document: Any) -> list[Path]:
    path = folder / "result.json"
    path.write_text(json.dumps(document))
    return [path]


def test_prompts_have_no_score_and_the_told_metric_stays_told(tmp_path: Path) -> None:
    for cookbook in (False, True):
        document = a_document(a_detail(2), cookbook=cookbook)
        imported, rows = read_with(Moonshot(), write(tmp_path, document), tmp_path)
        assert [(row["score"], row["status"], row["cause"]) for row in rows] == [
            (None, "unscored", "not_rated")
        ] * 2
        assert imported.runs[0].task == "bbq/bbq-lite"
        told = {summary.statistic: (summary.told, summary.agrees) for summary in imported.summaries}
        assert told == {"mean": (100.0, None), "items": (2.0, True)}
        assert [finding.code for finding in imported.findings] == ["no_verdicts"]


def test_a_number_of_prompts_that_is_not_in_the_file_is_a_finding(tmp_path: Path) -> None:
    imported, _ = read_with(Moonshot(), write(tmp_path, a_document(a_detail(1), told=22)), tmp_path)
    (finding,) = [found for found in imported.findings if found.code == "summary_disagrees"]
    assert "22" in finding.text
    assert "say 1" in finding.text


def test_the_real_file_has_the_counts_of_its_source(data_folder: Path, tmp_path: Path) -> None:
    imported = import_paths(
        [data_folder / "harness-samples/moonshot"], OPTIONS, target=tmp_path / "o", now=NOW
    )
    told = [(s.told, s.computed) for s in imported.summaries if s.agrees is False]
    assert told == [(22.0, 1.0)]


def test_it_is_recognised_by_content() -> None:
    source = Source("any", Path("any"), 1)
    assert Moonshot().recognise(source, json.dumps(a_document()).encode())
    assert not Moonshot().recognise(source, b'{"metadata": {}}')


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*a_detail(1)]), ANY, max_size=5), ANY)
def test_whatever_stands_in_the_file_nothing_breaks(detail: dict[str, Any], other: Any) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for document in (a_document(detail), a_document() | {"results": other}, {"metadata": other}):
            read_with(Moonshot(), write(Path(folder), document), Path(folder))
