import hashlib
import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.evaluation.importers.imports import NOW, OPTIONS, read_with
from tests.evaluation.importers.test_json_lines import ANY

from consilience.evaluation.importers.importing import import_paths
from consilience.evaluation.importers.lm_eval import LmEval
from consilience.evaluation.importers.source import Source

STAMP = "2026-11-22T10-51-00.365950"


def a_sample(
    doc: int, score: Any, *, filter_: str | None = "none", metric: str = "acc", **more: Any
) -> dict[str, Any]:
    sample = {
        "doc_id": doc,
        "doc": {"q": f"Question {doc}?", "lang": "en"},
        "target": "1",
        "arguments": {"gen_args_0": {"arg_0": f"Question {doc}?", "arg_1": {"until": []}}},
        "resps": [["a"]],
        "filtered_resps": ["a"],
        "metrics": [metric],
        "doc_hash": f"d{doc}",
        "prompt_hash": f"p{doc}",
        "target_hash": "t",
        metric: score,
    }
    if filter_ is not None:
        sample["filter"] = filter_
    return sample | more


def task_hash(samples: list[dict[str, Any]]) -> str:
    told = "".join(s["doc_hash"] + s["prompt_hash"] + s["target_hash"] for s in samples)
    return hashlib.sha256(told.encode()).hexdigest()


def results(samples: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "results": {"sums": {"alias": "sums", "acc,none": 0.5, "acc_stderr,none": "N/A", "sample_len": 2}},
        "configs": {"sums": {"metric_list": [{"metric": "acc", "aggregation": "mean"}],
                             "generation_kwargs": {"temperature": 0.0, "until": ["\n"]}}},
        "versions": {"sums": 1.0},
        "n-shot": {"sums": 2},
        "higher_is_better": {"sums": {"acc": True}},
        "n-samples": {"sums": {"original": 9, "effective": 2}},
        "config": {"model": "hf", "model_args": "pretrained=/srv/me/models/llama,dtype=float", "limit": 2.0},
        "date": 1795344659.27,
        "lm_eval_version": "0.4.13",
        "task_hashes": {"sums": task_hash(samples)},
        "something_new": 1,
    } | more  # fmt: skip


def write(folder: Path, samples: list[dict[str, Any]], document: dict[str, Any] | None,
          name: str = f"results_{STAMP}.json") -> list[Path]:  # fmt: skip
    files = [folder / f"samples_sums_{STAMP}.jsonl"]
    files[0].write_text("".join(json.dumps(sample) + "\n" for sample in samples))
    if document is not None:
        files.append(folder / name)
        files[1].write_text(json.dumps(document, indent=1))
    return files


def test_samples_are_joined_with_results_by_content_however_they_are_named(tmp_path: Path) -> None:
    samples = [a_sample(0, 1.0), a_sample(1, 0.0)]
    files = write(tmp_path, samples, results(samples), "my best run.json")
    renamed = files[0].rename(tmp_path / "other.jsonl")
    imported, rows = read_with(LmEval(), [renamed, files[1]], tmp_path)
    (run,) = imported.runs
    assert (run.task, run.model, run.harness_version, run.state) == ("sums", "llama", "0.4.13", "complete")
    assert (run.task_version, run.created, run.items_declared) == ("1.0", "2026-11-22T10:50:59+00:00", 2)
    assert run.sampling == {"temperature": 0.0}
    assert run.settings["num_fewshot"] == 2
    assert "something_new" in run.unmapped
    assert [(m.rater, m.direction, m.scale) for m in run.metrics] == [
        ("acc,none", "higher is better", "binary")
    ]
    assert {(s.statistic, s.told, s.agrees) for s in imported.summaries} == {
        ("mean", 0.5, True),
        ("items", 2.0, True),
    }
    assert {(row["rater"], row["score"], row["language"], row["source_item"]) for row in rows} == {
        ("acc,none", 1.0, "en", "0"),
        ("acc,none", 0.0, "en", "1"),
    }
    assert imported.findings == ()


def test_each_filter_is_a_rater_and_repeats_stand_in_the_settings(tmp_path: Path) -> None:
    samples = [a_sample(0, s, filter_=f, resps=[["a", "b"]]) for f, s in (("strict", 0.0), ("flex", 1.0))]
    imported, rows = read_with(LmEval(), write(tmp_path, samples, results(samples)), tmp_path)
    assert {(row["rater"], row["attempt"], row["score"]) for row in rows} == {
        ("acc,strict", 1, 0.0),
        ("acc,flex", 1, 1.0),
    }
    assert imported.runs[0].settings["repeats"] == 2


def test_pairs_and_lists_are_not_averaged(tmp_path: Path) -> None:
    samples = [
        a_sample(0, [1, 0.5], metric="f1"),
        a_sample(1, 0.25, metric="f1"),
        a_sample(2, float("nan"), metric="f1"),
    ]
    imported, rows = read_with(LmEval(), write(tmp_path, samples, None), tmp_path)
    assert sorted((row["source_item"], row["score"], row["status"]) for row in rows) == [
        ("0", None, "unscored"),
        ("1", 0.25, "scored"),
        ("2", None, "unscored"),
    ]
    assert {found.code for found in imported.findings} == {"not_a_number", "samples_without_results"}
    assert imported.runs[0].metrics[0].scale == "continuous"


def test_a_summary_that_disagrees_is_told_with_both_numbers(tmp_path: Path) -> None:
    samples = [a_sample(0, 1.0), a_sample(1, 1.0)]
    imported, _ = read_with(LmEval(), write(tmp_path, samples, results(samples)), tmp_path)
    (finding,) = imported.findings
    assert finding.code == "summary_disagrees"
    assert "0.5" in finding.text
    assert "1" in finding.text


def test_results_without_samples_and_groups_are_told(tmp_path: Path) -> None:
    document = results([], groups={"g": {"acc,none": 0.5}}, group_subtasks={"g": ["sums"]})
    document["results"]["g"] = {"acc,none": 0.5, "alias": "g"}
    path = tmp_path / "results.json"
    path.write_text(json.dumps(document))
    imported, rows = read_with(LmEval(), [path], tmp_path)
    assert rows == []
    assert {found.code for found in imported.findings} == {"results_without_samples", "groups"}


def test_a_metric_that_is_not_a_mean_is_not_compared(tmp_path: Path) -> None:
    samples = [a_sample(0, 1.0)]
    document = results(samples)
    document["configs"]["sums"]["metric_list"][0]["aggregation"] = "perplexity"
    imported, _ = read_with(LmEval(), write(tmp_path, samples, document), tmp_path)
    assert "aggregated by perplexity" in {summary.reason for summary in imported.summaries}


def test_the_forms_of_older_versions(tmp_path: Path) -> None:
    sample = a_sample(0, 1.0, filter_=None)
    del sample["metrics"]
    sample["arguments"] = [["Question 0?", {"until": []}]]
    sample["acc"] = True
    imported, rows = read_with(LmEval(), write(tmp_path, [sample], None), tmp_path)
    assert [(row["rater"], row["score"]) for row in rows] == [("acc", 1.0)]
    assert rows[0]["item_digest"] is not None
    assert imported.items == 1


def test_the_real_files_have_the_counts_of_their_source(data_folder: Path, tmp_path: Path) -> None:
    imported = import_paths(
        [data_folder / "harness-samples/lm-eval"], OPTIONS, target=tmp_path / "o", now=NOW
    )
    assert {run.task: run.items_declared for run in imported.runs} == {"tiny_gen": 4, "tiny_mc": 4}
    assert (imported.rows, imported.items, imported.scored) == (12, 4, 12)
    assert all(summary.agrees for summary in imported.summaries)
    assert [run.languages for run in imported.runs] == [("en", "fr"), ("en", "fr")]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(st.sampled_from([*a_sample(0, 1.0), "lang"]), ANY, max_size=12), max_size=4),
       st.dictionaries(st.sampled_from([*results([])]), ANY, max_size=10))  # fmt: skip
def test_whatever_stands_in_the_files_nothing_breaks(
    samples: list[dict[str, Any]], document: dict[str, Any]
) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        files = write(Path(folder), [{"doc_id": 0, **sample} for sample in samples], document)
        read_with(LmEval(), files, Path(folder))


def test_it_is_recognised_by_content() -> None:
    source = Source("any", Path("any"), 1)
    assert LmEval().recognise(source, json.dumps(results([])).encode())
    assert LmEval().recognise(source, json.dumps(a_sample(0, 1.0)).encode())
    assert not LmEval().recognise(source, b'{"results": {"version": 3}, "evalId": "e"}')
    assert not LmEval().recognise(source, b"\x00\x01")
