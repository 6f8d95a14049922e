"""Every Eval Ever files of others; our own are in exports/test_every_eval_ever_round_trip."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.evaluation.exports.schemas import every_eval_ever, faults
from tests.evaluation.importers.imports import NOW, OPTIONS, read_with
from tests.evaluation.importers.test_json_lines import ANY

from consilience.evaluation.importers import every_eval_ever as reader
from consilience.evaluation.importers import every_eval_ever_results as results_of
from consilience.evaluation.importers.every_eval_ever import EveryEvalEver
from consilience.evaluation.importers.every_eval_ever_rows import MAX_ATTEMPT, attempt_of, cause_of
from consilience.evaluation.importers.importing import import_paths
from consilience.evaluation.importers.prompt import prompt_digest
from consilience.evaluation.importers.source import Source
from consilience.evaluation.scores import Cause

EVALUATION = "gsm8k/org/model-1/1760000000"
UUID = "12345678-1234-4123-8123-123456789abc"
UNKNOWN = {"deployment_type": "unknown", "model_availability": "unknown"}
JUDGE: dict[str, Any] = {
    "judges": [{"model_info": {"name": "j", "id": "org/judge", "additional_details": UNKNOWN}}],
    "input_prompt": "Is it right?",
}


def a_result(name: str = "gsm8k", result: str | None = "acc", score: float = 0.5, **config: Any) -> Any:
    found: dict[str, Any] = {
        "evaluation_name": name,
        "source_data": {"dataset_name": "GSM8K", "source_type": "hf_dataset", "hf_repo": "openai/gsm8k"},
        "metric_config": {"metric_name": result or "acc", "lower_is_better": False, "score_type": "binary"}
        | config,
        "score_details": {"score": score},
        "generation_config": {"generation_args": {"temperature": 0.5, "max_tokens": 64}},
    }
    return found | ({"evaluation_result_id": result} if result is not None else {})


def a_document(*results: Any, **changes: Any) -> dict[str, Any]:
    return {
        "schema_version": "0.3.0",
        "evaluation_id": EVALUATION,
        "evaluation_timestamp": "1760000000",
        "retrieved_timestamp": "1770000000",
        "source_metadata": {
            "source_type": "evaluation_run",
            "source_organization_name": "A Lab",
            "source_organization_url": "https://lab.example",
            "evaluator_relationship": "third_party",
        },
        "eval_library": {"name": "lm_eval", "version": "0.4.13"},
        "model_info": {
            "name": "model-1",
            "id": "org/model-1",
            "additional_details": dict(UNKNOWN),
        },
        "evaluation_results": list(results),
    } | changes


def a_row(sample: str, score: float, *, result: str | None = "acc", **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "schema_version": "0.3.0",
        "evaluation_id": EVALUATION,
        "model_id": "org/model-1",
        "evaluation_name": "gsm8k",
        "sample_id": sample,
        "interaction_type": "single_turn",
        "input": {"raw": f"How much is {sample}?", "reference": ["4"]},
        "output": {"raw": ["4"]},
        "answer_attribution": [],
        "evaluation": {"score": score, "is_correct": score == 1.0},
    }
    return found | ({"evaluation_result_id": result} if result is not None else {}) | changes


def write(folder: Path, document: Any, rows: Any = (), name: str = UUID) -> list[Path]:
    paths = []
    if rows:
        paths.append(folder / f"{name}_samples.jsonl")
        paths[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
    if document is not None:
        paths.append(folder / f"{name}.json")
        paths[-1].write_text(json.dumps(document, indent=1))
    return paths


def test_the_samples_of_these_tests_are_valid() -> None:
    assert (
        faults(every_eval_ever("eval"), a_document(a_result(), a_result(result="j", llm_scoring=JUDGE))) == []
    )
    assert faults(every_eval_ever("instance_level_eval"), a_row("1", 1.0)) == []


def test_both_files_are_recognised_and_others_are_not(tmp_path: Path) -> None:
    paths = write(tmp_path, a_document(a_result()), [a_row("1", 1.0)])
    for path in paths:
        assert EveryEvalEver().recognise(Source(path.name, path, 1), path.read_bytes())
    other = tmp_path / "other.json"
    assert not EveryEvalEver().recognise(Source("o", other, 1), b'{"schema_version": 1, "results": {}}')
    assert not EveryEvalEver().recognise(Source("o", other, 1), b"evaluation_id,sample_id\n1,2\n")


def test_rows_become_scores_and_results_metrics(tmp_path: Path) -> None:
    document = a_document(a_result(), a_result(result="judge", llm_scoring=JUDGE, lower_is_better=True))
    rows = [a_row("a", 1.0), a_row("b", 0.0), a_row("a", 0.5, result="judge")]
    imported, scores = read_with(EveryEvalEver(), write(tmp_path, document, rows), tmp_path)
    found = sorted((one["rater"], one["rater_kind"], one["score"]) for one in scores)
    assert found == [("acc", "program", 0.0), ("acc", "program", 1.0), ("judge", "judge", 0.5)]
    digests = {one["item_digest"] for one in scores}
    assert digests == {prompt_digest("How much is a?"), prompt_digest("How much is b?")}
    (run,) = imported.runs
    assert (run.harness, run.harness_version, run.model, run.task) == (
        "lm_eval", "0.4.13", "org/model-1", "gsm8k",
    )  # fmt: skip
    assert run.created == "2025-10-09T08:53:20+00:00"
    assert run.sampling == {"temperature": 0.5, "max_tokens": 64}
    assert run.settings["hf_repo"] == "openai/gsm8k"
    assert "source_metadata.source_organization_url" in run.unmapped
    metrics = {metric.rater: metric for metric in run.metrics}
    assert (metrics["acc"].direction, metrics["acc"].scale) == ("higher is better", "binary")
    assert (metrics["judge"].direction, metrics["judge"].judge_model) == ("lower is better", "org/judge")
    expected = "sha256:" + hashlib.sha256(b"Is it right?").hexdigest()
    assert metrics["judge"].prompt_digest == expected
    assert [summary.agrees for summary in imported.summaries] == [True, True]


def test_an_older_schema_without_some_fields_is_read(tmp_path: Path) -> None:
    old = a_document(a_result(min_score=0, max_score=1), schema_version="0.2.2")
    del old["model_info"]["additional_details"]
    old["detailed_evaluation_results"] = {"format": "json", "file_path": "samples.json", "total_rows": 1}
    samples = tmp_path / "samples.json"
    samples.write_text(json.dumps([a_row("a", 1.0, schema_version="instance_level_eval_0.2.2")]))
    paths = [*write(tmp_path, old), samples]
    assert all(EveryEvalEver().recognise(Source("x", p, 1), p.read_bytes()) for p in paths)
    imported, scores = read_with(EveryEvalEver(), paths, tmp_path)
    assert [one["score"] for one in scores] == [1.0]
    assert imported.runs[0].format == "every-eval-ever 0.2.2"
    assert imported.runs[0].metrics[0].maximum == 1.0


def test_a_told_mean_that_its_rows_do_not_have_is_a_finding(tmp_path: Path) -> None:
    paths = write(tmp_path, a_document(a_result(score=0.9)), [a_row("a", 1.0), a_row("b", 0.0)])
    imported, _ = read_with(EveryEvalEver(), paths, tmp_path)
    assert [f.code for f in imported.findings] == ["summary_disagrees"]


def test_results_without_rows_are_told_and_no_scores(tmp_path: Path) -> None:
    imported, scores = read_with(EveryEvalEver(), write(tmp_path, a_document(a_result())), tmp_path)
    assert scores == []
    assert [(s.told, s.agrees, s.reason) for s in imported.summaries] == [
        (0.5, None, "its rows are not in the source")
    ]
    assert [f.code for f in imported.findings] == ["results_without_rows"]


def test_rows_without_their_document_say_what_is_not_known(tmp_path: Path) -> None:
    imported, scores = read_with(EveryEvalEver(), write(tmp_path, None, [a_row("a", 1.0)]), tmp_path)
    assert [(one["rater"], one["model"], one["score"]) for one in scores] == [("acc", "org/model-1", 1.0)]
    assert [f.code for f in imported.findings] == ["rows_without_document"]
    assert imported.runs[0].metrics[0].direction == "unknown"


def test_an_error_with_the_score_zero_is_no_score(tmp_path: Path) -> None:
    rows = [
        a_row("a", 0.0, error="Request timed out after 60 s"),
        a_row("b", 1.0, error="one retry"),
        a_row("c", 0.0),
    ]
    _, scores = read_with(EveryEvalEver(), write(tmp_path, a_document(a_result()), rows), tmp_path)
    told = sorted((one["status"], one["cause"] or "", one["score"] is None) for one in scores)
    assert told == [("failed", "timeout", True), ("scored", "", False), ("scored", "", False)]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("APITimeoutError", Cause.TIMEOUT),
        ("Error 429: Too Many Requests", Cause.RATE_LIMITED),
        ("blocked by content_filter", Cause.REFUSED_BY_ENDPOINT),
        ("docker exited", Cause.ENVIRONMENT_FAULT),
        ("tool bash failed", Cause.TOOL_FAULT),
        ("message limit exceeded", Cause.LIMIT_REACHED),
        ("HTTP 503", Cause.PROVIDER_ERROR),
        ("odd", Cause.UNKNOWN),
    ],
)
def test_the_words_of_an_error_point_to_a_cause(error: str, cause: Cause) -> None:
    assert cause_of(error) is cause


def test_epochs_are_attempts_and_what_does_not_say_is_numbered_in_order(tmp_path: Path) -> None:
    rows = [a_row("a", float(n == 2), metadata={"epoch": str(n)}) for n in (2, 1)]
    _, scores = read_with(EveryEvalEver(), write(tmp_path, a_document(a_result()), rows), tmp_path)
    assert sorted((one["attempt"], one["score"]) for one in scores) == [(1, 0.0), (2, 1.0)]
    plain = [a_row("a", score) for score in (0.0, 1.0, 0.25)]
    _, scores = read_with(EveryEvalEver(), write(tmp_path, a_document(a_result()), plain), tmp_path)
    assert sorted((one["attempt"], one["score"]) for one in scores) == [(1, 0.0), (2, 1.0), (3, 0.25)]
    assert attempt_of({"epoch": str(MAX_ATTEMPT + 1)}) is None
    assert attempt_of({"epoch": True}) is None


def test_two_results_of_one_name_are_two_raters(tmp_path: Path) -> None:
    document = a_document(
        a_result(result="acc:strict", metric_name="acc"), a_result(result="acc:loose", metric_name="acc")
    )
    rows = [a_row("a", 1.0, result="acc:strict"), a_row("a", 0.0, result="acc:loose")]
    _, scores = read_with(EveryEvalEver(), write(tmp_path, document, rows), tmp_path)
    assert sorted((one["rater"], one["score"]) for one in scores) == [("acc", 1.0), ("acc (acc:loose)", 0.0)]


def test_rows_are_joined_by_name_only_where_that_is_clear(tmp_path: Path) -> None:
    one = a_document(a_result(result=None))
    _, scores = read_with(EveryEvalEver(), write(tmp_path, one, [a_row("a", 1.0, result=None)]), tmp_path)
    assert [row["rater"] for row in scores] == ["acc"]
    two = a_document(a_result(result="x"), a_result(result="y"))
    imported, scores = read_with(
        EveryEvalEver(), write(tmp_path, two, [a_row("a", 1.0, result=None)]), tmp_path
    )
    assert scores == []
    assert "no_result" in {finding.code for finding in imported.findings}


def test_bounds_without_end_are_none_and_levels_have_names(tmp_path: Path) -> None:
    document = a_document(
        a_result(
            score_type="levels", level_names=["bad", "good"], has_unknown_level=False,
            min_score="-Infinity", max_score="Infinity",
        )
    )  # fmt: skip
    assert faults(every_eval_ever("eval"), document) == []
    imported, _ = read_with(EveryEvalEver(), write(tmp_path, document, [a_row("a", 1.0)]), tmp_path)
    (metric,) = imported.runs[0].metrics
    assert (metric.scale, metric.minimum, metric.maximum) == ("ordinal", None, None)
    assert metric.values == {"bad": 0.0, "good": 1.0}


def test_a_language_in_the_metadata_is_taken_and_a_word_is_not(tmp_path: Path) -> None:
    rows = [a_row("a", 1.0, metadata={"lang": "sw"}), a_row("b", 1.0, metadata={"language": "English"})]
    _, scores = read_with(EveryEvalEver(), write(tmp_path, a_document(a_result()), rows), tmp_path)
    assert sorted(one["language"] for one in scores) == ["sw", "und"]


def test_a_declared_number_of_rows_and_checksum_are_held_against_the_file(tmp_path: Path) -> None:
    rows = [a_row("a", 1.0), a_row("b", 0.0)]
    (samples,) = write(tmp_path, None, rows)
    told = {
        "format": "jsonl", "file_path": f"data/a/b/c/{samples.name}", "hash_algorithm": "sha256",
        "checksum": hashlib.sha256(samples.read_bytes()).hexdigest(), "total_rows": 2,
    }  # fmt: skip
    good = a_document(a_result(), detailed_evaluation_results=told)
    imported, _ = read_with(EveryEvalEver(), write(tmp_path, good, rows), tmp_path)
    assert imported.findings == ()
    bad = a_document(a_result(), detailed_evaluation_results=told | {"checksum": "0" * 64, "total_rows": 3})
    imported, _ = read_with(EveryEvalEver(), write(tmp_path, bad, rows), tmp_path)
    assert {finding.code for finding in imported.findings} == {"digest_differs", "rows_missing"}


def test_a_folder_of_both_is_imported_as_one_format(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write(tmp_path / "in", a_document(a_result()), [a_row("a", 1.0), a_row("b", 0.0)])
    imported = import_paths([tmp_path / "in"], OPTIONS, target=tmp_path / "out", now=NOW)
    assert {file.format for file in imported.files} == {"every-eval-ever"}
    assert (imported.rows, imported.scored) == (2, 2)
    assert {finding.code for finding in imported.findings} == {"language_unknown"}


def test_a_cut_line_is_told_with_its_place_and_the_rest_is_read(tmp_path: Path) -> None:
    paths = write(tmp_path, a_document(a_result(score=1.0)), [a_row("a", 1.0), a_row("b", 0.0)])
    paths[0].write_bytes(paths[0].read_bytes()[:-20])
    imported, scores = read_with(EveryEvalEver(), paths, tmp_path)
    assert len(scores) == 1
    assert [(f.code, f.line) for f in imported.findings if f.severity == "error"] == [("truncated", 2)]


def test_limits_are_findings_and_the_rest_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results_of, "MAX_RESULTS", 1)
    document = a_document(a_result(), a_result(result="more"))
    imported, scores = read_with(EveryEvalEver(), write(tmp_path, document, [a_row("a", 1.0)]), tmp_path)
    assert "too_many_results" in {finding.code for finding in imported.findings}
    assert len(scores) == 1
    monkeypatch.setattr(reader, "MAX_DOCUMENTS", 0)
    imported, _ = read_with(EveryEvalEver(), write(tmp_path, document), tmp_path)
    assert [finding.code for finding in imported.findings] == ["too_many_documents"]
    judges = a_result(llm_scoring=JUDGE | {"judges": JUDGE["judges"] * 30})
    monkeypatch.undo()
    imported, _ = read_with(EveryEvalEver(), write(tmp_path, a_document(judges)), tmp_path)
    told = imported.runs[0].metrics[0].judge_model or ""
    assert told.count("org/judge") == results_of.MAX_JUDGES
    long = a_result(result="x" * 500)
    imported, _ = read_with(EveryEvalEver(), write(tmp_path, a_document(long)), tmp_path)
    assert len(imported.runs[0].metrics[0].rater) == results_of.MAX_RATER


KEYS = [*a_document(), "evaluation_results", "detailed_evaluation_results"]
RESULT_KEYS = [*a_result(), "uncertainty"]
ROW_KEYS = [*a_row("a", 1.0), "metadata", "error", "format", "result", "status", "cause"]
OWN = st.sampled_from(
    [
        "consilience_rater",
        "consilience_language",
        "consilience_words",
        "consilience_attempt",
        "consilience_input",
    ]
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(KEYS), ANY, max_size=6),
    st.lists(st.dictionaries(st.sampled_from(RESULT_KEYS), ANY, max_size=4), max_size=3),
    st.lists(st.dictionaries(st.sampled_from(ROW_KEYS), ANY, max_size=6), max_size=4),
    st.dictionaries(OWN, ANY | st.text(max_size=5), max_size=4),
)
def test_whatever_stands_in_the_files_nothing_breaks(
    changes: dict[str, Any], results: list[Any], rows: list[Any], own: dict[str, Any]
) -> None:
    broken = [a_result() | one for one in results]
    for one in broken:
        if isinstance(one["metric_config"], dict):
            one["metric_config"]["additional_details"] = own
    odd = [a_row("a", 1.0, metadata=own) | one for one in rows]
    with tempfile.TemporaryDirectory() as folder:
        for document in (a_document(*broken), a_document(*broken) | changes, changes):
            read_with(EveryEvalEver(), write(Path(folder), document, odd or [changes]), Path(folder))
