import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.evaluation.importers.imports import NOW, OPTIONS, read_with
from tests.evaluation.importers.test_json_lines import ANY

from consilience.evaluation.importers.importing import import_paths
from consilience.evaluation.importers.promptfoo import Promptfoo
from consilience.evaluation.importers.source import Source


def a_result(test: int, *, passes: bool = True, question: str = "Q", **more: Any) -> dict[str, Any]:
    return {
        "id": f"r{test}",
        "promptIdx": 0,
        "testIdx": test,
        "provider": {"id": "openai:gpt", "label": "gpt"},
        "prompt": {"raw": f"Answer: {question}"},
        "vars": {"q": question, "lang": "fr"},
        "success": passes,
        "score": 1 if passes else 0.5,
        "namedScores": {"OnTopic": 1},
        "failureReason": 0 if passes else 1,
        "gradingResult": {
            "componentResults": [
                {"score": 1, "assertion": {"type": "icontains", "metric": "OnTopic"}},
                {"score": 0.5, "assertion": {"type": "llm-rubric"}},
            ]
        },
    } | more


def a_document(*results: dict[str, Any], passed: int = 1, failed: int = 1) -> dict[str, Any]:
    told = {"testPassCount": passed, "testFailCount": failed}
    return {
        "evalId": "eval-1",
        "results": {
            "version": 3,
            "timestamp": "2026-11-22T10:51:49.624Z",
            "prompts": [{"provider": "gpt", "metrics": told}],
            "results": list(results),
        },
        "config": {"description": "smoke"},
        "metadata": {"promptfooVersion": "0.121.20"},
    }


def write(folder: Path, document: Any) -> list[Path]:
    path = folder / "out.json"
    path.write_text(json.dumps(document, indent=1))
    return [path]


def test_every_score_is_a_rater_and_a_repetition_an_attempt(tmp_path: Path) -> None:
    document = a_document(a_result(0), a_result(1, passes=False))
    imported, rows = read_with(Promptfoo(), write(tmp_path, document), tmp_path)
    assert sorted((row["rater"], row["rater_kind"], row["attempt"], row["score"]) for row in rows) == [
        ("OnTopic", "program", 1, 1.0),
        ("OnTopic", "program", 2, 1.0),
        ("llm-rubric#2", "judge", 1, 0.5),
        ("llm-rubric#2", "judge", 2, 0.5),
        ("pass", "judge", 1, 1.0),
        ("pass", "judge", 2, 0.0),
        ("score", "judge", 1, 1.0),
        ("score", "judge", 2, 0.5),
    ]
    (run,) = imported.runs
    assert (run.model, run.task, run.harness_version) == ("gpt", "smoke", "0.121.20")
    assert run.created == "2026-11-22T10:51:49+00:00"
    assert {row["language"] for row in rows} == {"fr"}
    assert [summary.agrees for summary in imported.summaries] == [True, True]


def test_a_real_error_is_no_score_and_a_failed_assertion_is_one(tmp_path: Path) -> None:
    broken = a_result(0, failureReason=2, error="timeout", success=False, score=0)
    document = a_document(broken, a_result(1, passes=False, question="R"), passed=0, failed=1)
    imported, rows = read_with(Promptfoo(), write(tmp_path, document), tmp_path)
    told = {(row["status"], row["cause"]) for row in rows if row["score"] is None}
    assert told == {("failed", "provider_error")}
    assert [row["score"] for row in rows if row["rater"] == "pass" and row["score"] is not None] == [0.0]
    assert all(summary.agrees for summary in imported.summaries)


def test_told_passes_that_the_results_do_not_have_are_a_finding(tmp_path: Path) -> None:
    imported, _ = read_with(Promptfoo(), write(tmp_path, a_document(a_result(0), passed=5)), tmp_path)
    assert {finding.code for finding in imported.findings} == {"summary_disagrees"}


def test_lines_are_read_like_a_document(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("".join(json.dumps(a_result(n)) + "\n" for n in range(3)))
    assert Promptfoo().recognise(Source("x", path, 1), path.read_bytes())
    imported, rows = read_with(Promptfoo(), [path], tmp_path)
    assert {row["attempt"] for row in rows} == {1, 2, 3}
    assert imported.items == 1


def test_the_real_file_has_the_counts_of_its_source(data_folder: Path, tmp_path: Path) -> None:
    imported = import_paths(
        [data_folder / "harness-samples/promptfoo"], OPTIONS, target=tmp_path / "o", now=NOW
    )
    assert imported.items == 4
    assert imported.findings == ()
    assert {s.statistic: s.computed for s in imported.summaries} == {"n": 8.0, "mean": 0.5}


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(st.sampled_from([*a_result(0)]), ANY, max_size=11), max_size=4), ANY)
def test_whatever_stands_in_the_file_nothing_breaks(results: list[dict[str, Any]], other: Any) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for document in (
            a_document(*results),
            a_document() | {"results": other},
            {"results": {"results": other}},
        ):
            read_with(Promptfoo(), write(Path(folder), document), Path(folder))


def test_a_document_in_one_line_is_a_document_and_no_line(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text(json.dumps(a_document(a_result(0), a_result(1, passes=False)), separators=(",", ":")))
    assert Promptfoo().recognise(Source("x", path, 1), path.read_bytes()[:65_536])
    imported, rows = read_with(Promptfoo(), [path], tmp_path)
    assert (imported.findings, len(rows)) == ((), 8)
    assert imported.runs[0].format == "promptfoo results 3"


def test_a_first_line_beyond_the_head_is_known_by_its_members(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    long = a_result(0, response={"output": "x" * 70_000})
    path.write_text("".join(json.dumps(result) + "\n" for result in (long, a_result(1))))
    head = path.read_bytes()[:65_536]
    assert Promptfoo().recognise(Source("x", path, 1), head)
    assert len(read_with(Promptfoo(), [path], tmp_path)[1]) == 8


def test_of_a_cut_document_what_is_whole_is_read(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    whole = json.dumps(a_document(a_result(0), a_result(1)))
    path.write_text(whole[: whole.index('"r1"')])
    imported, rows = read_with(Promptfoo(), [path], tmp_path)
    assert {found.code: found.count for found in imported.findings}["truncated"] == 1
    assert {row["attempt"] for row in rows} == {1}
    assert imported.runs[0].state == "interrupted"


def test_bounds_are_told_of_no_score_that_may_lie_beyond_them(tmp_path: Path) -> None:
    document = a_document(a_result(0, score=3, namedScores={"OnTopic": 2}))
    imported, _ = read_with(Promptfoo(), write(tmp_path, document), tmp_path)
    bounds = {metric.rater: (metric.minimum, metric.maximum) for metric in imported.runs[0].metrics}
    assert bounds == {"pass": (0.0, 1.0), "score": (None, None), "OnTopic": (None, None),
                      "llm-rubric#2": (None, None)}  # fmt: skip
