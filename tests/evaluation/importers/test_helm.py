import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.evaluation.importers.imports import NOW, OPTIONS, read_with
from tests.evaluation.importers.test_json_lines import ANY

from consilience.evaluation.importers.helm import Helm
from consilience.evaluation.importers.importing import import_paths
from consilience.evaluation.importers.source import Source


def a_stat(name: str, value: float, *, count: int = 1, split: str = "test", **more: Any) -> dict[str, Any]:
    named = {"name": name, "split": split}
    return {"name": named | more, "count": count, "sum": value * count, "mean": value, "sum_squared": 0}


def a_state(number: int, prompt: str, **more: Any) -> dict[str, Any]:
    return {
        "instance": {"input": {"text": f"Input {number}"}, "id": f"id{number}", "split": "test"},
        "train_trial_index": 0,
        "request": {"prompt": prompt},
        "result": {"success": True},
    } | more


def an_entry(number: int, *stats: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"instance_id": f"id{number}", "train_trial_index": 0, "stats": list(stats)} | more


def write(folder: Path, **documents: Any) -> list[Path]:
    adapter = {"method": "generation", "model": "meta/llama", "temperature": 0.0, "max_tokens": 5}
    spec = {"name": "mmlu:subject=all,model=meta_llama", "scenario_spec": {}, "adapter_spec": adapter}
    files = {"run_spec": spec, "scenario_state": {"adapter_spec": adapter, "request_states": []}, "stats": []}
    paths = []
    for name, document in (files | documents).items():
        if document is not None:
            paths.append(folder / f"{name}.json")
            paths[-1].write_text(json.dumps(document))
    return paths


def test_each_statistic_of_an_instance_is_a_rater(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        scenario_state={"request_states": [a_state(0, "Prompt 0"), a_state(1, "Prompt 1")]},
        per_instance_stats=[
            an_entry(0, a_stat("exact_match", 1.0), a_stat("num_references", 3.0), a_stat("toxicity", 0.25)),
            an_entry(1, a_stat("exact_match", 0.0), a_stat("toxicity", 0.75)),
        ],
        stats=[
            a_stat("exact_match", 0.5),
            a_stat("toxicity", 0.9),
            a_stat("exact_match", 0.9, perturbation={"name": "x"}),
        ],
    )
    imported, rows = read_with(Helm(), files, tmp_path)
    (run,) = imported.runs
    assert (run.task, run.concept, run.model) == ("mmlu:subject=all", "mmlu", "meta/llama")
    assert run.sampling == {"temperature": 0.0, "max_tokens": 5}
    assert run.unmapped == ("stats.num_references",)
    assert {(m.rater, m.direction, m.scale) for m in run.metrics} == {
        ("exact_match", "higher is better", "binary"),
        ("toxicity", "unknown", "continuous"),
    }
    assert len({row["item"] for row in rows}) == 2
    assert all(row["item_digest"] for row in rows)
    assert {(s.rater, s.agrees) for s in imported.summaries} == {("exact_match", True), ("toxicity", False)}


def test_perturbed_instances_and_trials_stay_apart(tmp_path: Path) -> None:
    changed = {"name": "misspelling", "seed": 1}
    files = write(
        tmp_path,
        per_instance_stats=[
            an_entry(0, a_stat("exact_match", 1.0)),
            an_entry(0, a_stat("exact_match", 0.0), perturbation=changed),
            an_entry(0, a_stat("exact_match", 0.0), train_trial_index=1),
        ],
    )
    _, rows = read_with(Helm(), files, tmp_path)
    assert sorted((row["item"], row["attempt"], row["score"]) for row in rows) == [
        ("id0", 1, 1.0),
        ("id0", 2, 0.0),
        ("id0/misspelling-1", 1, 0.0),
    ]


def test_values_that_helm_averaged_are_no_scores(tmp_path: Path) -> None:
    files = write(tmp_path, per_instance_stats=[an_entry(0, a_stat("exact_match", 0.5, count=2))])
    imported, rows = read_with(Helm(), files, tmp_path)
    assert [(row["score"], row["status"]) for row in rows] == [(None, "unscored")]
    assert [found.code for found in imported.findings] == ["averaged"]


def test_encrypted_prompts_are_told_and_have_no_digest(tmp_path: Path) -> None:
    state = {"request_states": [a_state(0, "[encrypted_text_1]")]}
    files = write(
        tmp_path, scenario_state=state, per_instance_stats=[an_entry(0, a_stat("exact_match", 1.0))]
    )
    imported, rows = read_with(Helm(), files, tmp_path)
    assert rows[0]["item_digest"] is None
    assert [found.code for found in imported.findings] == ["encrypted"]


def test_a_folder_without_instances_is_told(tmp_path: Path) -> None:
    imported, rows = read_with(Helm(), write(tmp_path), tmp_path)
    assert rows == []
    assert [found.code for found in imported.findings] == ["no_instances"]


def test_the_real_run_has_the_counts_of_its_source(data_folder: Path, tmp_path: Path) -> None:
    imported = import_paths(
        [data_folder / "harness-samples/helm/runs"], OPTIONS, target=tmp_path / "o", now=NOW
    )
    assert (imported.items, len(imported.runs), imported.runs[0].model) == (2, 1, "meta/llama-3-8b")
    assert imported.rows == imported.scored == 16
    assert [summary.agrees for summary in imported.summaries] == [True] * 8


def test_it_is_recognised_by_content_and_name() -> None:
    assert Helm().recognise(Source("a/stats.json", Path("x"), 1), json.dumps([a_stat("a", 1)]).encode())
    assert not Helm().recognise(Source("a/stats.json", Path("x"), 1), b'{"a": 1}')
    assert not Helm().recognise(Source("a/other.json", Path("x"), 1), json.dumps([a_stat("a", 1)]).encode())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["instance_id", "stats", "perturbation", "train_trial_index"]), ANY)
    ),
    st.lists(st.dictionaries(st.sampled_from([*a_state(0, "")]), ANY, max_size=4), max_size=3),
    ANY,
)
def test_whatever_stands_in_the_files_nothing_breaks(
    entries: list[dict[str, Any]], states: list[dict[str, Any]], other: Any
) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        entries.append(an_entry(0, {"name": other, "count": other, "sum": other}))
        documents = {
            "per_instance_stats": entries,
            "scenario_state": {"request_states": states},
            "stats": other,
        }
        read_with(Helm(), write(Path(folder), **documents), Path(folder))
