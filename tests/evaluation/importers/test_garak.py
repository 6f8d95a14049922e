import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.evaluation.importers.imports import NOW, OPTIONS, read_with
from tests.evaluation.importers.test_json_lines import ANY

from consilience.evaluation.importers.garak import Garak
from consilience.evaluation.importers.importing import import_paths
from consilience.evaluation.importers.source import Source


def an_attempt(
    number: int, status: int, scores: dict[str, list[Any]] | None = None, **more: Any
) -> dict[str, Any]:
    text = {"text": f"Prompt {number}", "lang": "en"}
    return {
        "entry_type": "attempt",
        "uuid": f"u{number}",
        "seq": number,
        "status": status,
        "probe_classname": "test.Probe",
        "prompt": {
            "turns": [{"role": "system", "content": {"text": "Be good"}}, {"role": "user", "content": text}]
        },
        "outputs": [{"text": "a", "lang": "en"}, {"text": "b", "lang": "en"}],
        "detector_results": scores or {},
    } | more  # fmt: skip


SETUP = {
    "entry_type": "start_run setup", "_config.version": "0.13", "run.seed": 7, "run.generations": 2,
    "plugins.target_type": "openai", "plugins.target_name": "qwen2",
    "transient.report_filename": "/srv/somebody/y",
}  # fmt: skip
END = {"entry_type": "completion", "end_time": "2025-11-21T10:08:02"}


def write(folder: Path, *entries: dict[str, Any]) -> list[Path]:
    path = folder / "run.report.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return [path]


def test_of_an_attempt_the_last_status_counts_and_a_hit_is_bad(tmp_path: Path) -> None:
    entries = [an_attempt(0, 1), an_attempt(0, 2, {"d.One": [0.0, 1.0], "d.Two": [None, 0.5]})]
    told = {
        "entry_type": "eval",
        "probe": "test.Probe",
        "detector": "d.One",
        "passed": 1,
        "fails": 1,
        "total_evaluated": 2,
    }
    imported, rows = read_with(Garak(), write(tmp_path, SETUP, *entries, told, END), tmp_path)
    assert sorted((row["rater"], row["attempt"], row["score"], row["status"]) for row in rows) == [
        ("d.One", 1, 0.0, "scored"),
        ("d.One", 2, 1.0, "scored"),
        ("d.Two", 1, None, "unscored"),
        ("d.Two", 2, 0.5, "scored"),
    ]
    (run,) = imported.runs
    assert (run.task, run.model, run.state, run.attempts) == ("test.Probe", "qwen2", "complete", 2)
    assert run.settings == {"seed": 7, "generations": 2, "target_type": "openai"}
    assert {(m.rater, m.direction, m.scale) for m in run.metrics} == {
        ("d.One", "lower is better", "binary"),
        ("d.Two", "lower is better", "continuous"),
    }
    assert all(summary.agrees for summary in imported.summaries)
    assert rows[0]["language"] == "en"


def test_an_interrupted_run_has_unscored_rows_and_a_finding(tmp_path: Path) -> None:
    files = write(
        tmp_path, SETUP, an_attempt(0, 2, {"d": [0.0, 0.0]}), an_attempt(1, 1, outputs=[{"text": "a"}, None])
    )
    imported, rows = read_with(Garak(), files, tmp_path)
    assert sorted((row["status"], row["cause"]) for row in rows if row["score"] is None) == [
        ("failed", "unknown"),
        ("unscored", "not_rated"),
    ]
    assert imported.runs[0].state == "interrupted"
    assert {found.code for found in imported.findings} == {"interrupted", "not_scored"}


def test_the_forms_of_older_versions(tmp_path: Path) -> None:
    old = {
        "entry_type": "attempt", "uuid": "u", "seq": 0, "status": 2, "probe_classname": "p.P",
        "prompt": "Old prompt", "outputs": ["x"], "detector_results": {"d.D": [1.0]},
    }  # fmt: skip
    setup = {"entry_type": "start_run setup", "plugins.model_type": "hf", "plugins.model_name": "gpt2"}
    told = {"entry_type": "eval", "probe": "p.P", "detector": "detector.d.D", "passed": 0, "total": 1}
    imported, rows = read_with(Garak(), write(tmp_path, setup, old, told, END), tmp_path)
    assert [(row["model"], row["score"], row["attempt"]) for row in rows] == [("gpt2", 1.0, 1)]
    assert [summary.agrees for summary in imported.summaries] == [True, True]


def test_a_told_number_that_the_attempts_do_not_have_is_a_finding(tmp_path: Path) -> None:
    told = {
        "entry_type": "eval",
        "probe": "test.Probe",
        "detector": "d",
        "passed": 9,
        "fails": 1,
        "total_evaluated": 10,
    }
    imported, _ = read_with(
        Garak(), write(tmp_path, an_attempt(0, 2, {"d": [0.0, 0.0]}), told, END), tmp_path
    )
    assert {found.code for found in imported.findings} == {"summary_disagrees"}


def test_a_hit_log_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "run.hitlog.jsonl"
    names = ("goal", "prompt", "output", "run_id", "attempt_id", "generator", "probe", "detector")
    path.write_text(json.dumps(dict.fromkeys(names, "x") | {"score": 1.0}))
    assert Garak().recognise(Source("x", path, 1), path.read_bytes())
    imported, rows = read_with(Garak(), [path], tmp_path)
    assert rows == []
    assert [found.code for found in imported.findings] == ["hit_log"]


def test_no_path_or_name_of_a_machine_is_kept(tmp_path: Path) -> None:
    import msgspec

    imported, _ = read_with(Garak(), write(tmp_path, SETUP, an_attempt(0, 2, {"d": [0.0]}), END), tmp_path)
    assert b"somebody" not in msgspec.json.encode(imported)


def test_the_real_reports_have_the_counts_of_their_source(data_folder: Path, tmp_path: Path) -> None:
    imported = import_paths([data_folder / "harness-samples/garak"], OPTIONS, target=tmp_path / "o", now=NOW)
    assert sorted(run.model for run in imported.runs) == ["qwen2", "test", "test"]
    assert (imported.rows, imported.scored) == (17, 17)
    assert all(summary.agrees for summary in imported.summaries)
    assert {run.state for run in imported.runs} == {"complete"}


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["attempt", "eval", "start_run setup", "init", "completion", "other"]),
            st.dictionaries(
                st.sampled_from([*an_attempt(0, 1), *SETUP, "probe", "detector", "passed", "total"]),
                ANY,
                max_size=12,
            ),
        ),
        max_size=6,
    )
)
def test_whatever_stands_in_the_file_nothing_breaks(entries: list[tuple[str, dict[str, Any]]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        files = write(Path(folder), *({**entry, "entry_type": kind} for kind, entry in entries))
        read_with(Garak(), files, Path(folder))
