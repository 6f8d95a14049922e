"""Raters with other names, all at once; files that are copies, and files that only look so."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from tests.evaluation.importers.imports import NOW, OPTIONS, a_metric, a_run, a_sink, finish
from tests.simulators import jsonl_logs as logs

from consilience.errors import InputError
from consilience.evaluation.importers.importing import import_paths
from consilience.evaluation.importers.renaming import declare_directions, rename_raters
from consilience.evaluation.importers.sink import Sink


def two_raters(sink: Sink) -> None:
    run = sink.add_run(a_run(metrics=(a_metric("A"), a_metric("B"))))
    sink.add_score(run, "q", rater="A", score=1.0)
    sink.add_score(run, "q", rater="B", score=0.0)
    sink.add_summary(run, "A", "mean", 1.0)


def test_two_raters_may_change_places(tmp_path: Path) -> None:
    with a_sink() as sink:
        two_raters(sink)
        rename_raters(sink, {"A": "B", "B": "A"})
        imported, rows = finish(sink, tmp_path)
    assert [(row["rater"], row["score"]) for row in rows] == [("A", 0.0), ("B", 1.0)]
    assert [(metric.rater, metric.name) for metric in imported.runs[0].metrics] == [("A", "B"), ("B", "A")]
    assert [(summary.rater, summary.agrees) for summary in imported.summaries] == [("B", True)]


def test_a_direction_is_declared_where_the_source_tells_none(tmp_path: Path) -> None:
    with a_sink() as sink:
        run = sink.add_run(a_run(metrics=(a_metric("A", direction="unknown"), a_metric("B"))))
        for rater in ("A", "B"):
            sink.add_score(run, "q", rater=rater, score=1.0)
        declare_directions(sink, {"A": "lower is better", "B": "higher is better"})
        with pytest.raises(InputError, match="B the source says that higher is better"):
            declare_directions(sink, {"B": "lower is better"})
        with pytest.raises(InputError, match="no run has the metric 'C'"):
            declare_directions(sink, {"C": "lower is better"})
        imported, _ = finish(sink, tmp_path)
    assert [metric.direction for metric in imported.runs[0].metrics] == [
        "lower is better",
        "higher is better",
    ]


@pytest.mark.parametrize("names", [{"A": "x", "B": "x"}, {"A": "B"}])
def test_two_metrics_of_a_run_are_never_one_rater(names: dict[str, str]) -> None:
    with a_sink() as sink:
        two_raters(sink)
        with pytest.raises(InputError, match="A, B of sums would be one rater"):
            rename_raters(sink, names)
        assert set(sink.metrics[0]) == {"A", "B"}


def test_metrics_of_two_harnesses_may_be_one_rater() -> None:
    with a_sink() as sink:
        sink.add_run(a_run(metrics=(a_metric("A"),)))
        sink.add_run(a_run(harness="other", metrics=(a_metric("B"),)))
        rename_raters(sink, {"A": "x", "B": "x"})
        assert [set(metrics) for metrics in sink.metrics] == [{"x"}, {"x"}]


def lm_eval_run(folder: Path, model: str | None, stamp: str = "2026-11-22T10-51-00") -> None:
    """A run folder of lm-eval; the samples are the same for every model."""
    folder.mkdir(parents=True)
    samples = list(logs.lm_eval_samples(6, seed=1))
    logs.write_lines(folder / f"samples_task_{stamp}.jsonl", iter(samples))
    if model is not None:
        document = logs.lm_eval_results(samples, model=model)
        (folder / f"results_{stamp}.json").write_text(json.dumps(document))


def test_equal_samples_of_two_models_count_for_both(tmp_path: Path) -> None:
    for model in ("a", "b"):
        lm_eval_run(tmp_path / "logs" / model, f"org/{model}")
    imported = import_paths([tmp_path / "logs"], OPTIONS, target=None, now=NOW)
    assert sorted(run.model for run in imported.runs) == ["org/a", "org/b"]
    assert {cell.model for cell in imported.cells} == {"org/a", "org/b"}
    assert "same_file" not in {finding.code for finding in imported.findings}


def test_a_copy_of_a_run_folder_counts_once(tmp_path: Path) -> None:
    for folder in ("org__a", "backup/org__a"):
        lm_eval_run(tmp_path / "logs" / folder, "org/a")
    imported = import_paths([tmp_path / "logs"], OPTIONS, target=None, now=NOW)
    assert [run.model for run in imported.runs] == ["org/a"]
    assert [f.severity for f in imported.findings if f.code == "same_file"] == ["note"]
    alone = import_paths([tmp_path / "logs" / "org__a"], OPTIONS, target=None, now=NOW)
    assert (imported.rows, imported.items) == (alone.rows, alone.items)


def test_equal_samples_of_models_that_nobody_told_stay_apart(tmp_path: Path) -> None:
    for model in ("a", "b"):
        lm_eval_run(tmp_path / "logs" / model, None)
    imported = import_paths([tmp_path / "logs"], OPTIONS, target=None, now=NOW)
    assert len({cell.model for cell in imported.cells}) == 2
    named = msgspec.structs.replace(OPTIONS, model="mine")
    once = import_paths([tmp_path / "logs"], named, target=None, now=NOW)
    assert once.rows * 2 == imported.rows


def test_a_later_run_of_the_same_model_with_equal_answers_is_a_repetition(tmp_path: Path) -> None:
    lm_eval_run(tmp_path / "logs" / "first", "org/a")
    lm_eval_run(tmp_path / "logs" / "again", "org/a", "2026-11-23T10-51-00")
    results = next((tmp_path / "logs" / "again").glob("results_*"))
    document = json.loads(results.read_text())
    results.write_text(json.dumps(document | {"date": float(document.get("date") or 1_790_000_000) + 86_400}))
    imported = import_paths([tmp_path / "logs"], OPTIONS, target=None, now=NOW)
    assert len(imported.runs) == 2
    assert {cell.runs for cell in imported.cells} == {(0, 1)}
