"""The export as a whole: what may leave, where it is written, and what belongs together."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.evaluation.exercises import make_protocol, write_run
from tests.evaluation.exports.exported import NOW, back, documents, instance_rows, scores_in
from tests.evaluation.exports.schemas import cyclonedx, every_eval_ever, faults
from tests.simulators.joint_result import joint_result
from tests.simulators.scores import row, write_rows

from consilience.errors import IncompatibleError, InputError, LimitError, PolicyError, StoreError
from consilience.evaluation.analysis import analyse
from consilience.evaluation.exports import exporting, material, rows, target
from consilience.evaluation.exports.exporting import FORMATS, Request, export
from consilience.evaluation.importers.imported import Options
from consilience.evaluation.importers.importing import import_paths
from consilience.evaluation.protocol import Protocol, item_digest


def a_run(folder: Path, laboratory: str = "north", **changes: Any) -> tuple[Path, Protocol]:
    protocol = make_protocol(items=tuple(f"i{n}" for n in range(6)), sources=("CC0-1.0",), **changes)
    return write_run(folder / laboratory, protocol, laboratory, files={}), protocol


def exported(paths: list[Path], folder: Path, format_: Any = "every-eval-ever", **said: Any) -> Any:
    return export(paths, Request(format=format_, creator="Us", **said), folder / "out", now=NOW)


@pytest.mark.parametrize("format_", FORMATS)
def test_every_format_is_written_whole_and_listed(tmp_path: Path, format_: Any) -> None:
    run, _ = a_run(tmp_path)
    done = exported([run], tmp_path, format_)
    out = tmp_path / "out"
    assert done.format == format_
    for file in done.files:
        path = out if out.is_file() else out / file.name
        assert path.stat().st_size == file.bytes
        assert target.file_sha256(path) == file.sha256
    assert {path.name for path in tmp_path.iterdir()} == {"north", "out"}


def test_intervals_are_those_of_the_joint_result(tmp_path: Path) -> None:
    run, protocol = a_run(tmp_path)
    result = analyse([run], protocol=protocol, now=NOW)
    (tmp_path / "result.json").write_bytes(msgspec.json.encode(result))
    exported([run, tmp_path / "result.json"], tmp_path)
    cells = {c.language: c.generalized for c in result.cells if c.laboratory == "north" and c.language}
    (document,) = documents(tmp_path / "out")
    assert faults(every_eval_ever("eval"), document) == []
    for entry in document["evaluation_results"]:
        language = entry["metric_config"]["additional_details"]["consilience_language"]
        interval = entry["score_details"]["uncertainty"]["confidence_interval"]
        told = cells[language].interval
        assert told is not None
        assert (interval["lower"], interval["upper"]) == (told.low, told.high)
        assert entry["score_details"]["score"] == cells[language].value
        assert entry["metric_config"]["lower_is_better"] is False
        assert "consilience_protocol_digest" in entry["metric_config"]["additional_details"]


def test_a_run_comes_back_with_its_items_splits_and_protocol(tmp_path: Path) -> None:
    run, _ = a_run(tmp_path, splits={"i0": "tuning"})
    exported([run], tmp_path)
    back(tmp_path / "out", tmp_path / "again", exercise="simulated", laboratory="north")
    after = [one | {"simulated": None} for one in scores_in(tmp_path / "again/scores.parquet")]
    assert after == scores_rows(run)
    assert {one["split"] for one in after} == {"tuning", "evaluation"}


def scores_rows(run: Path) -> list[dict[str, Any]]:
    import duckdb

    from consilience.evaluation.scores import COLUMN_TYPES

    with duckdb.connect(":memory:") as database:
        path = str(run / "scores.parquet")
        found = database.execute("SELECT * FROM read_parquet(?)", [path])
        names = [column[0] for column in found.description or ()]
        known = [dict(zip(names, one, strict=True)) for one in found.fetchall()]
    whole = [{column: one.get(column) for column in COLUMN_TYPES} for one in known]
    return sorted(whole, key=lambda one: [str(value) for value in one.values()])


def test_a_result_of_other_scores_is_refused(tmp_path: Path) -> None:
    run, _ = a_run(tmp_path)
    (tmp_path / "result.json").write_bytes(msgspec.json.encode(joint_result(handling="TLP:CLEAR")))
    with pytest.raises(IncompatibleError, match="did not go into"):
        exported([run, tmp_path / "result.json"], tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_result_alone_is_enough_for_cards_and_not_for_rows(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_bytes(msgspec.json.encode(joint_result()))
    exported([tmp_path / "result.json"], tmp_path, "cyclonedx")
    assert faults(cyclonedx(), json.loads((tmp_path / "out").read_bytes())) == []
    (tmp_path / "out").unlink()
    for format_, words in (
        ("every-eval-ever", "needs scores"),
        ("csv", "needs scores"),
        ("croissant", "items"),
    ):
        with pytest.raises(InputError, match=words):
            exported([tmp_path / "result.json"], tmp_path, format_)


@pytest.mark.parametrize("handling", ["TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED", "made up"])
@pytest.mark.parametrize("format_", FORMATS)
def test_what_is_marked_above_green_needs_a_word(tmp_path: Path, handling: str, format_: Any) -> None:
    run, _ = a_run(tmp_path, handling=handling)
    with pytest.raises(PolicyError):
        exported([run], tmp_path, format_)
    assert not (tmp_path / "out").exists()


def test_with_the_word_it_goes_and_says_its_marking(tmp_path: Path) -> None:
    run, _ = a_run(tmp_path, handling="TLP:AMBER")
    done = exported([run], tmp_path, acknowledged=True)
    assert done.handling == "TLP:AMBER"
    (document,) = documents(tmp_path / "out")
    assert document["source_metadata"]["additional_details"]["consilience_handling"] == "TLP:AMBER"


def test_the_strictest_marking_counts(tmp_path: Path) -> None:
    run, protocol = a_run(tmp_path)
    result = analyse([run], protocol=protocol, now=NOW)
    exercise = msgspec.structs.replace(result.exercise, handling="TLP:RED")
    content = msgspec.json.encode(msgspec.structs.replace(result, exercise=exercise))
    (tmp_path / "result.json").write_bytes(content)
    with pytest.raises(PolicyError, match="TLP:RED"):
        exported([run, tmp_path / "result.json"], tmp_path)


def test_texts_stay_here_unless_they_are_asked_for(tmp_path: Path) -> None:
    run, protocol = a_run(tmp_path)
    exported([run], tmp_path)
    digests = {item_digest(item) for item in protocol.items}
    assert {one["input"]["raw"] for one in instance_rows(tmp_path / "out")} == digests
    whole = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert all(item.prompt.encode() not in whole for item in protocol.items)
    done = export([run], Request(format="every-eval-ever", with_texts=True), tmp_path / "texts", now=NOW)
    assert "texts" not in {loss.code for loss in done.not_held}
    found = instance_rows(tmp_path / "texts")
    assert {one["input"]["raw"] for one in found} == {item.prompt for item in protocol.items}
    assert all(faults(every_eval_ever("instance_level_eval"), one) == [] for one in found)


def test_texts_without_any_marking_need_a_word(tmp_path: Path) -> None:
    from tests.evaluation.importers.test_promptfoo import a_document, a_result, write

    source = write(tmp_path, a_document(a_result(0), a_result(1, question="R")))
    options = Options(exercise="e", laboratory="North")
    import_paths(source, options, target=tmp_path / "import", now=NOW)
    with pytest.raises(PolicyError, match="nothing says"):
        exported([tmp_path / "import"], tmp_path, with_texts=True)
    exported([tmp_path / "import"], tmp_path, with_texts=True, acknowledged=True)
    assert {one["input"]["raw"] for one in instance_rows(tmp_path / "out")} == {"Answer: Q", "Answer: R"}
    again = back(tmp_path / "out", tmp_path / "again", exercise="e", laboratory="North")
    assert scores_in(tmp_path / "again/scores.parquet") == scores_in(tmp_path / "import/scores.parquet")
    assert {m.direction for run in again.runs for m in run.metrics} == {"higher is better"}
    assert {run.harness for run in again.runs} == {"promptfoo"}


def test_a_result_without_a_protocol_does_not_say_how_far_its_items_may_go(tmp_path: Path) -> None:
    write_rows([row(item=f"q{n}", score=n % 2) for n in range(4)], tmp_path / "a" / "scores.parquet")
    result = analyse([tmp_path / "a"], protocol=None, now=NOW)
    (tmp_path / "result.json").write_bytes(msgspec.json.encode(result))
    paths = [tmp_path / "a", tmp_path / "result.json"]
    with pytest.raises(PolicyError, match="nothing says"):
        exported(paths, tmp_path, with_texts=True)
    done = exported(paths, tmp_path, "hugging-face")
    assert done.handling is None
    (card,) = (tmp_path / "out").rglob("*.md")
    assert "Marking: not known." in card.read_text()


def test_nothing_is_overwritten_and_a_failure_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = a_run(tmp_path)
    (tmp_path / "out").mkdir()
    exported([run], tmp_path)
    with pytest.raises(InputError, match="overwrites nothing"):
        exported([run], tmp_path)
    with pytest.raises(InputError, match="overwrites nothing"):
        export([run], Request(format="csv"), run / "scores.parquet", now=NOW)

    def fails(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(exporting.WRITERS, "csv", fails)
    with pytest.raises(StoreError, match="No space"):
        export([run], Request(format="csv"), tmp_path / "s.csv", now=NOW)
    assert {path.name for path in tmp_path.iterdir()} == {"north", "out"}


def test_a_file_is_not_written_into_a_folder(tmp_path: Path) -> None:
    run, _ = a_run(tmp_path)
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="one file"):
        exported([run], tmp_path, "csv")


def test_contradictory_ratings_and_two_protocols_are_refused(tmp_path: Path) -> None:
    for name, score in (("a", 1.0), ("b", 0.0)):
        write_rows([row(score=score)], tmp_path / name / "scores.parquet")
    with pytest.raises(IncompatibleError, match="twice"):
        exported([tmp_path / "a", tmp_path / "b"], tmp_path, "csv")
    first, _ = a_run(tmp_path)
    other = write_run(tmp_path / "south", make_protocol(attempts=3), "south", files={})
    with pytest.raises(IncompatibleError, match="different protocols"):
        exported([first, other], tmp_path, "csv")


def test_a_rater_of_two_kinds_and_scores_of_two_protocols_are_refused(tmp_path: Path) -> None:
    two = [row(item="q1"), row(item="q2", rater_kind="human")]
    write_rows(two, tmp_path / "a" / "scores.parquet")
    with pytest.raises(IncompatibleError):
        exported([tmp_path / "a"], tmp_path)
    two = [row(item=f"q{n}", protocol_digest="sha256:" + str(n) * 64) for n in range(2)]
    write_rows(two, tmp_path / "b" / "scores.parquet")
    with pytest.raises(IncompatibleError):
        exported([tmp_path / "b"], tmp_path)


def test_a_folder_may_be_read_by_those_that_the_umask_allows(tmp_path: Path) -> None:
    run, _ = a_run(tmp_path)
    exported([run], tmp_path)
    (tmp_path / "like").mkdir()
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "like").stat().st_mode


def test_rows_that_break_the_rules_do_not_leave(tmp_path: Path) -> None:
    write_rows([row(status="scored", score=None)], tmp_path / "a" / "scores.parquet")
    with pytest.raises(InputError):
        exported([tmp_path / "a"], tmp_path, "csv")


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://x.org/> <b>", "no address", "https://" + "x" * 3000]
)
def test_what_is_no_address_is_refused(tmp_path: Path, url: str) -> None:
    run, _ = a_run(tmp_path)
    with pytest.raises(InputError, match="no address"):
        exported([run], tmp_path, "hugging-face", url=url)


def test_limits_stop_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = a_run(tmp_path)
    for name in ("MAX_TASKS", "MAX_RESULTS"):
        with monkeypatch.context() as patch:
            patch.setattr(rows, name, 0)
            with pytest.raises(LimitError):
                exported([run], tmp_path)
    (tmp_path / "result.json").write_bytes(msgspec.json.encode(joint_result()))
    monkeypatch.setattr(material, "MAX_RESULT_BYTES", 100)
    with pytest.raises(LimitError):
        exported([tmp_path / "result.json"], tmp_path, "cyclonedx")
    (run / "import.json").write_bytes(b"{}" * 100)
    monkeypatch.setattr(material, "MAX_ACCOUNT_BYTES", 100)
    with pytest.raises(LimitError):
        exported([run], tmp_path)


def test_a_file_that_is_no_result_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_bytes(b'{"format": 1}')
    with pytest.raises(InputError, match=r"result\.json"):
        exported([tmp_path / "result.json"], tmp_path, "cyclonedx")


def test_the_same_export_at_the_same_time_has_the_same_bytes(tmp_path: Path) -> None:
    run, _ = a_run(tmp_path)
    first = export([run], Request(format="every-eval-ever"), tmp_path / "a", now=NOW)
    second = export([run], Request(format="every-eval-ever"), tmp_path / "b", now=NOW)
    assert first.files == second.files
    later = NOW + datetime.timedelta(days=1)
    third = export([run], Request(format="every-eval-ever"), tmp_path / "c", now=later)
    assert {file.name for file in first.files} & {file.name for file in third.files} == set()


@pytest.mark.parametrize("harness", ["lm-eval", "garak", "promptfoo", "helm", "inspect", "pyrit"])
def test_real_logs_go_out_and_come_back_the_same(data_folder: Path, tmp_path: Path, harness: str) -> None:
    source = data_folder / "harness-samples" / harness
    options = Options(exercise="e", laboratory="North")
    first = import_paths([source], options, target=tmp_path / "import", now=NOW)
    done = exported([tmp_path / "import"], tmp_path)
    for document in documents(tmp_path / "out"):
        assert faults(every_eval_ever("eval"), document) == []
    found = instance_rows(tmp_path / "out")
    assert all(faults(every_eval_ever("instance_level_eval"), one) == [] for one in found[:500])
    assert done.rows == len(found) == first.scored
    again = back(tmp_path / "out", tmp_path / "again", exercise="e", laboratory="North")
    assert scores_in(tmp_path / "again/scores.parquet") == scores_in(tmp_path / "import/scores.parquet")
    assert again.unscored == first.unscored
    assert [f for f in again.findings if f.severity != "note"] == []
    before = {(run.model, run.concept, m.rater): m for run in first.runs for m in run.metrics}
    for run in again.runs:
        for metric in run.metrics:
            assert metric == before[run.model, run.concept, metric.rater]
