"""Whole logs: what becomes a row, what becomes a finding, which speed; limits and broken files."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.importers.imports import OPTIONS, a_sink, read_with
from tests.simulators import inspect_log as logs

from consilience.errors import LimitError
from consilience.evaluation.importers import (
    inspect_archive,
    inspect_log,
    inspect_rows,
    inspect_samples,
    inspect_summaries,
    json_elements,
    zip_entries,
)
from consilience.evaluation.importers import sink as sinks
from consilience.evaluation.importers.imported import Imported, Options
from consilience.evaluation.importers.inspect_archive import Speed
from consilience.evaluation.importers.inspect_log import InspectReader
from consilience.evaluation.importers.prompt import prompt_digest
from consilience.evaluation.importers.source import Source
from consilience.evaluation.protocol import RaterKind

NAN = float("nan")
SPEEDS: list[Speed] = ["samples", "summaries"]
Rows = list[dict[str, Any]]


def codes(imported: Imported) -> dict[str, int]:
    return {finding.code: finding.count for finding in imported.findings}


def scores(rows: Rows) -> dict[tuple[str, int, str], float | None]:
    return {(row["source_item"], row["attempt"], row["rater"]): row["score"] for row in rows}


def causes(rows: Rows) -> dict[tuple[str, str], tuple[str, str | None]]:
    return {(row["source_item"], row["rater"]): (row["status"], row["cause"]) for row in rows if row["cause"]}


def of_eval(
    tmp_path: Path,
    samples: list[dict[str, Any]],
    speed: Speed = "by need",
    options: Options = OPTIONS,
    **told: Any,
) -> tuple[Imported, Rows]:
    path = tmp_path / "log.eval"
    logs.write_eval(path, samples, **told)
    return read_with(InspectReader(speed), [path], tmp_path, options)


def of_json(tmp_path: Path, samples: list[dict[str, Any]], **header: Any) -> tuple[Imported, Rows]:
    path = tmp_path / "log.json"
    logs.write_json(path, samples, logs.a_header(**header))
    return read_with(InspectReader(), [path], tmp_path)


def made(tmp_path: Path, entries: list[tuple[str, Any]], **how: Any) -> Path:
    path = tmp_path / "made.eval"
    with path.open("wb") as stream:
        zipped = logs.ZipWriter(stream)
        for name, content in entries:
            zipped.add(name, content if isinstance(content, bytes) else logs.raw(content), **how)
        zipped.close()
    return path


def entries_of(samples: list[dict[str, Any]], header: dict[str, Any] | None = None) -> list[tuple[str, Any]]:
    return [
        *((f"samples/{s['id']}_epoch_{s['epoch']}.json", s) for s in samples),
        ("summaries.json", [logs.summary_of(s) for s in samples]),
        ("header.json", header or logs.a_header()),
    ]


@pytest.mark.parametrize("speed", SPEEDS)
def test_the_real_log_is_read_whole(data_folder: Path, tmp_path: Path, speed: Speed) -> None:
    (path,) = (data_folder / "harness-samples" / "inspect").glob("*.eval")
    imported, rows = read_with(InspectReader(speed), [path], tmp_path)
    assert (imported.rows, imported.items, imported.scored) == (2_000, 2_000, 2_000)
    assert sum(row["score"] for row in rows) / len(rows) == 0.6025
    assert {summary.statistic: summary.agrees for summary in imported.summaries} == {
        "n": True,
        "mean": True,
        "stderr": None,
    }
    assert len({row["language"] for row in rows}) == 10
    assert imported.findings == ()


@pytest.mark.parametrize("speed", SPEEDS)
def test_a_log_becomes_rows_with_prompts_and_generations(tmp_path: Path, speed: Speed) -> None:
    samples = [logs.a_sample(i, epoch) for i in range(5) for epoch in (1, 2)]
    header = logs.a_header(logs.a_spec(config={"epochs": 2}), results=logs.results_of(5, 0.6))
    imported, rows = of_eval(tmp_path, samples, speed, header=header)
    assert scores(rows) == {(f"s{i}", e, "includes"): float(i < 3) for i in range(5) for e in (1, 2)}
    first = next(row for row in rows if (row["source_item"], row["attempt"]) == ("s0", 2))
    assert first["item_digest"] == prompt_digest(samples[0]["input"])
    assert (first["generation"], first["rater_kind"], first["language"]) == ("uuid0e2", "program", "en")
    (metric,) = imported.runs[0].metrics
    assert (metric.direction, metric.scale, metric.values) == (
        "higher is better",
        "binary",
        {"C": 1.0, "I": 0.0},
    )
    told = {summary.statistic: summary for summary in imported.summaries}
    assert told["mean"].agrees is True
    assert "attempts" in told["n"].reason


def test_unread_fields_of_samples_are_listed(tmp_path: Path) -> None:
    unmapped = of_eval(tmp_path, [logs.a_sample(1)])[0].runs[0].unmapped
    assert {"samples.events", "samples.messages", "samples.target"} <= set(unmapped)
    assert "samples.role_usage" not in unmapped


MIXED = [
    logs.a_sample(1, scores={"a": logs.a_score("P"), "b": logs.a_score({"x": 1, "y": "C"})}),
    logs.a_sample(
        2, scores={"a": logs.a_score(NAN, reason="grader_failed"), "b": logs.a_score({"x": NAN, "y": 0.5})}
    ),
    logs.a_sample(3, scores={"a": logs.a_score("N")}),
    logs.a_sample(4, scores={}, error={"message": "RateLimitError('x')"}),
    logs.a_sample(5, scores={}, limit={"type": "token", "limit": 5}),
    logs.a_sample(6, scores={"a": logs.a_score("maybe"), "b": logs.a_score(NAN)}, limit={"type": "time"}),
    logs.a_sample(7, scores={"a": logs.a_score("C"), "b": logs.a_score({"x": 2, "y": float("inf")})}),
    logs.a_sample(8, scores={}),
]
PLANNED = logs.a_spec(scorers=[{"name": "a"}, {"name": "b"}])


@pytest.mark.parametrize("form", ["samples", "summaries", "json"])
def test_every_planned_score_has_a_row_with_a_value_or_a_cause(tmp_path: Path, form: Any) -> None:
    if form == "json":
        imported, rows = of_json(tmp_path, MIXED, eval=PLANNED)
    else:
        imported, rows = of_eval(tmp_path, MIXED, form, header=logs.a_header(PLANNED))
    assert {(row["source_item"], row["rater"]) for row in rows} == {
        (f"s{i}", rater) for i in range(1, 9) for rater in ("a", "b.x", "b.y")
    }
    assert {key: score for key, score in scores(rows).items() if score is not None} == {
        ("s1", 1, "a"): 0.5,
        ("s1", 1, "b.x"): 1.0,
        ("s1", 1, "b.y"): 1.0,
        ("s2", 1, "b.y"): 0.5,
        ("s3", 1, "a"): 0.0,
        ("s7", 1, "a"): 1.0,
        ("s7", 1, "b.x"): 2.0,
    }
    both = [("s3", "b.x"), ("s3", "b.y")]
    assert causes(rows) == {
        ("s2", "a"): ("unscored", "judge_unparsable"),
        ("s2", "b.x"): ("unscored", "unknown"),
        **dict.fromkeys(both, ("unscored", "not_rated")),
        **{("s4", r): ("failed", "rate_limited") for r in ("a", "b.x", "b.y")},
        **{("s5", r): ("unscored", "limit_reached") for r in ("a", "b.x", "b.y")},
        ("s6", "a"): ("unscored", "unknown"),
        ("s6", "b.x"): ("unscored", "limit_reached"),
        ("s6", "b.y"): ("unscored", "limit_reached"),
        ("s7", "b.y"): ("unscored", "unknown"),
        **{("s8", r): ("unscored", "not_rated") for r in ("a", "b.x", "b.y")},
    }
    assert codes(imported) == {"unmapped_value": 1, "infinite_value": 1, "limit": 1, "direction_unknown": 1}
    assert {m.rater: m.scale for m in imported.runs[0].metrics} == {
        "a": "ordinal",
        "b.x": "unknown",
        "b.y": "continuous",
    }


def test_the_user_says_what_a_word_is_and_which_scorers_are_taken(tmp_path: Path) -> None:
    options = Options(exercise="e", laboratory="l", values={"maybe": 0.25}, scorers=("a", "b.y"))
    imported, rows = of_eval(tmp_path, MIXED, options=options, header=logs.a_header(PLANNED))
    assert {row["rater"] for row in rows} == {"a", "b.y"}
    assert scores(rows)[("s6", 1, "a")] == 0.25
    assert "unmapped_value" not in codes(imported)


@pytest.mark.parametrize("stop", [("max_tokens", "cut_off"), ("content_filter", "refused_by_endpoint")])
def test_an_answer_without_a_score_says_why_by_how_it_stopped(tmp_path: Path, stop: tuple[str, str]) -> None:
    output = {"choices": [{"stop_reason": stop[0]}], "completion": "text"}
    samples = [logs.a_sample(1, output=output, scores={"includes": logs.a_score(NAN)})]
    for speed in SPEEDS:
        assert causes(of_eval(tmp_path, samples, speed)[1]) == {("s1", "includes"): ("unscored", stop[1])}


def test_without_any_scorer_the_samples_are_still_there(tmp_path: Path) -> None:
    spec = logs.a_spec(scorers=None)
    _, rows = of_eval(tmp_path, [logs.a_sample(i, scores={}) for i in range(3)], header=logs.a_header(spec))
    assert causes(rows) == {(f"s{i}", "score"): ("unscored", "not_rated") for i in range(3)}


def test_edited_scores_are_counted_and_the_last_value_counts(tmp_path: Path) -> None:
    history = [{"value": "I"}, {"value": "C", "provenance": {"author": "joe"}}]
    samples = [logs.a_sample(i, scores={"includes": logs.a_score("C", history=history)}) for i in range(4)]
    imported, rows = of_eval(tmp_path, samples)
    assert set(scores(rows).values()) == {1.0}
    (finding,) = imported.findings
    assert (finding.code, finding.count, finding.severity) == ("edited", 4, "note")
    assert finding.offset
    assert "joe" not in finding.text


def test_samples_that_are_marked_invalid_are_told(tmp_path: Path) -> None:
    samples = [logs.a_sample(1, invalidation={"author": "joe"}), logs.a_sample(2)]
    assert codes(of_eval(tmp_path, samples)[0]) == {"invalidated": 1}


def test_ids_of_every_kind(tmp_path: Path) -> None:
    ids = ["a/b/../c", 17, "x" * 250, "ü \n", "q_epoch_3", "d/sample"]
    _, rows = of_json(
        tmp_path, [logs.a_sample(i, id=name, input=f"question {i}") for i, name in enumerate(ids)]
    )
    assert {row["source_item"] for row in rows} == {str(name).strip() for name in ids}
    eval_rows = of_eval(tmp_path, [logs.a_sample(i, id=n, input=f"question {i}") for i, n in enumerate(ids)])[
        1
    ]
    assert scores(eval_rows) == scores(rows)


@pytest.mark.parametrize("form", ["samples", "summaries", "json"])
def test_samples_without_an_id_or_epoch_are_left_out_with_a_finding(tmp_path: Path, form: Any) -> None:
    bad = [logs.a_sample(1, id=value) for value in (None, True, "", [1], 1.5)]
    bad += [logs.a_sample(2, epoch=value) for value in (0, -1, True, "1", 10**9, 1.0)]
    good = [logs.a_sample(3), logs.a_sample(4)]
    if form == "json":
        imported, rows = of_json(tmp_path, [*bad, *good])
    else:
        imported, rows = of_eval(tmp_path, [*bad, *good], form)
    assert {row["source_item"] for row in rows} == {"s3", "s4"}
    assert (codes(imported)["bad_sample_id"], codes(imported)["bad_epoch"] >= 4) == (5, True)


def test_a_language_that_is_no_tag_is_told_once(tmp_path: Path) -> None:
    samples = [logs.a_sample(i, metadata={"language": "Swahili"}) for i in range(3)]
    imported, rows = of_eval(tmp_path, samples)
    assert codes(imported) == {"language_not_tag": 3}
    assert {row["language"] for row in rows} == {"und"}


@pytest.mark.parametrize("speed", SPEEDS)
def test_the_digest_is_of_the_whole_input_in_both_speeds(tmp_path: Path, speed: Speed) -> None:
    long = "a long question " * 1_000
    samples = [logs.a_sample(1, input=long), logs.a_sample(2)]
    path = tmp_path / "log.eval"
    short = [{**logs.summary_of(samples[0]), "input": long[:5_120] + "...\n(content truncated)"}]
    made(
        tmp_path,
        [
            *entries_of(samples)[:2],
            ("summaries.json", [*short, logs.summary_of(samples[1])]),
            ("header.json", logs.a_header()),
        ],
    ).rename(path)
    _, rows = read_with(InspectReader(speed), [path], tmp_path)
    assert {row["item_digest"] for row in rows} == {prompt_digest(s["input"]) for s in samples}


def test_a_shortened_input_without_its_sample_goes_by_its_id(tmp_path: Path) -> None:
    row = {**logs.summary_of(logs.a_sample(1)), "input": "shortened..."}
    path = made(tmp_path, [("summaries.json", [row]), ("header.json", logs.a_header())])
    imported, rows = read_with(InspectReader(), [path], tmp_path)
    assert [(row["item"], row["item_digest"], row["score"]) for row in rows] == [("s1", None, 1.0)]
    assert codes(imported) == {"prompt_not_whole": 1}


def test_summaries_are_used_for_a_large_log_that_nobody_wrote_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    whole = inspect_archive.EvalArchive._read_sample
    monkeypatch.setattr(
        inspect_archive.EvalArchive, "_read_sample", lambda self, e: [read.append(e.name), whole(self, e)][1]
    )
    samples = [logs.a_sample(i) for i in range(3)]

    def number_read(**told: Any) -> int:
        read.clear()
        assert of_eval(tmp_path, samples, **told)[0].rows == 3
        return len(read)

    assert number_read() == 3
    monkeypatch.setattr(inspect_archive, "SMALL_BYTES", 100)
    assert number_read() == 0
    assert number_read(header=logs.a_header(invalidated=True)) == 3
    assert number_read(crashed=True) == 3
    later = {"started_at": logs.iso(0), "completed_at": logs.iso(10 * logs.DURATION_S)}
    assert number_read(header=logs.a_header(stats=later)) == 3
    short = {"started_at": logs.iso(0), "completed_at": logs.iso(5)}
    assert number_read(header=logs.a_header(stats=short)) == 3
    assert number_read(header=logs.a_header(stats={})) == 3


def test_a_crashed_run_is_read_and_called_interrupted(tmp_path: Path) -> None:
    samples = [logs.a_sample(i) for i in range(250)]
    imported, rows = of_eval(tmp_path, samples, crashed=True)
    assert (imported.runs[0].state, imported.runs[0].task, len(rows)) == ("interrupted", "simple", 250)
    assert codes(imported) == {"interrupted": 1}


def test_a_crashed_run_without_samples_is_read_from_its_journal_the_last_row_counting(tmp_path: Path) -> None:
    first, again = logs.a_sample(1, scores={"includes": logs.a_score("I")}), logs.a_sample(1)
    path = made(
        tmp_path,
        [
            ("_journal/start.json", logs.a_header()),
            ("_journal/summaries/10.json", [logs.summary_of(again)]),
            ("_journal/summaries/9.json", [logs.summary_of(first), logs.summary_of(logs.a_sample(2))]),
        ],
    )
    imported, rows = read_with(InspectReader(), [path], tmp_path)
    assert scores(rows) == {("s1", 1, "includes"): 1.0, ("s2", 1, "includes"): 1.0}
    assert "contradictory" not in codes(imported)


@pytest.mark.parametrize("cut", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_log_that_is_cut_off_gives_what_is_whole(tmp_path: Path, cut: float) -> None:
    whole = tmp_path / "whole.eval"
    logs.write_eval(whole, [logs.a_sample(i) for i in range(300)])
    data = whole.read_bytes()
    path = tmp_path / "log.eval"
    path.write_bytes(data[: int(len(data) * cut)])
    imported, rows = read_with(InspectReader(), [path], tmp_path)
    assert abs(len(rows) - 300 * min(cut * 1.15, 1)) < 45
    assert set(scores(rows).values()) <= {0.0, 1.0}
    truncated = [f for f in imported.findings if f.code == "truncated"]
    assert truncated[0].severity == "error"
    assert all(finding.offset and finding.offset <= len(data) for finding in truncated)


def test_a_damaged_sample_comes_from_its_summary(tmp_path: Path) -> None:
    path = tmp_path / "log.eval"
    logs.write_eval(path, [logs.a_sample(i) for i in range(5)])
    data = bytearray(path.read_bytes())
    at = data.find(b"samples/s3_epoch_1.json")
    data[at + 200] ^= 1
    path.write_bytes(bytes(data))
    imported, rows = read_with(InspectReader(), [path], tmp_path)
    assert scores(rows) == {(f"s{i}", 1, "includes"): float(i < 3) for i in range(5)}
    assert codes(imported) == {"entry_broken": 1, "from_summary": 1}
    assert imported.findings[0].offset == at - 30


def test_damaged_summaries_are_not_used(tmp_path: Path) -> None:
    path = made(tmp_path, entries_of([logs.a_sample(i) for i in range(5)]), method=logs.STORED)
    data = bytearray(path.read_bytes())
    data[data.rfind(b'"value":"C"') + 9] = ord("I")
    path.write_bytes(bytes(data))
    imported, rows = read_with(InspectReader("summaries"), [path], tmp_path)
    assert scores(rows) == {(f"s{i}", 1, "includes"): float(i < 3) for i in range(5)}
    assert codes(imported) == {"entry_broken": 1, "summary_missing": 1}


def test_samples_that_the_summaries_forgot_are_read(tmp_path: Path) -> None:
    samples = [logs.a_sample(i) for i in range(4)]
    entries = [
        *entries_of(samples)[:4],
        ("summaries.json", [logs.summary_of(s) for s in samples[:2]]),
        ("header.json", logs.a_header()),
    ]
    imported, rows = read_with(InspectReader("summaries"), [made(tmp_path, entries)], tmp_path)
    assert {row["source_item"] for row in rows} == {"s0", "s1", "s2", "s3"}
    assert codes(imported) == {"summary_missing": 1}


def test_summaries_without_samples_and_a_header_alone(tmp_path: Path) -> None:
    rows_only = made(tmp_path, entries_of([logs.a_sample(1)])[1:])
    assert len(read_with(InspectReader(), [rows_only], tmp_path)[1]) == 1
    header_only = made(tmp_path, [("header.json", logs.a_header(results=logs.results_of(5, 0.5)))])
    imported, rows = read_with(InspectReader(), [header_only], tmp_path)
    assert (rows, codes(imported)) == ([], {"no_samples": 1})
    assert {summary.reason for summary in imported.summaries} == {"there are no scores of it"}


def test_without_a_header_the_samples_are_read(tmp_path: Path) -> None:
    path = made(tmp_path, entries_of([logs.a_sample(1)])[:1])
    imported, rows = read_with(InspectReader(), [path], tmp_path)
    assert [(row["model"], row["concept"], row["score"]) for row in rows] == [("unknown", "unknown", 1.0)]
    assert codes(imported)["no_header"] == 1


def test_a_sample_that_was_run_again_counts_once(tmp_path: Path) -> None:
    first = logs.a_sample(1, scores={"includes": logs.a_score("I")})
    entries = [("samples/s1_epoch_1.json", first), *entries_of([logs.a_sample(1)])]
    imported, rows = read_with(InspectReader(), [made(tmp_path, entries)], tmp_path)
    assert scores(rows) == {("s1", 1, "includes"): 1.0}
    assert imported.findings == ()


def test_samples_in_pieces_are_read_with_their_metadata_and_attachments(tmp_path: Path) -> None:
    shell = logs.a_sample(1, id="a/b", input="attachment://12")
    del shell["metadata"], shell["messages"], shell["events"]
    other = {**shell, "id": "c", "input": "attachment://99", "uuid": "other"}
    path = made(
        tmp_path,
        [
            ("samples/a/b_epoch_1/sample.json", shell),
            ("samples/a/b_epoch_1/metadata.json", {"lang": "fr"}),
            ("samples/a/b_epoch_1/skeleton.json", {}),
            ("samples/a/b_epoch_1/events/0.json", []),
            ("samples/a/b_epoch_1/events/uuids.json", []),
            ("samples/a/b_epoch_1/messages/0.json", []),
            ("samples/a/b_epoch_1/attachments/0.json", ["no"] * 10),
            ("samples/a/b_epoch_1/attachments/10.json", ["no", "no", "the question"]),
            ("samples/c_epoch_1/sample.json", other),
            ("samples/d_epoch_1.json", logs.a_sample(4, id="d")),
            ("header.json", logs.a_header()),
        ],
    )
    imported, rows = read_with(InspectReader(), [path], tmp_path)
    found = {row["source_item"]: (row["language"], row["item_digest"]) for row in rows}
    assert found["a/b"] == ("fr", prompt_digest("the question"))
    assert found["c"] == ("und", None)
    assert found["d"][0] == "en"
    assert codes(imported) == {"prompt_not_whole": 1}


def test_a_sample_too_large_to_be_held_is_read_in_passing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspect_archive, "MAX_WHOLE_BYTES", 1_000)
    monkeypatch.setattr(zip_entries, "MAX_WHOLE_BYTES", 1_000)
    samples = [logs.a_sample(1, events=["x" * 10_000]), logs.a_sample(2)]
    imported, rows = of_eval(tmp_path, samples)
    assert scores(rows) == {("s1", 1, "includes"): 1.0, ("s2", 1, "includes"): 1.0}
    assert imported.findings == ()


def test_a_field_beyond_the_limit_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_archive, "MAX_WHOLE_BYTES", 1_000)
    samples = [logs.a_sample(1, attachments={"x": [[]] * 10}, metadata={"deep": _deep(500)})]
    imported, rows = of_eval(tmp_path, samples)
    assert len(rows) == 1
    assert codes(imported) == {"field_too_large": 1}


def _deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("depth", [5_000, 200_000])
def test_deep_nesting_costs_its_sample_only(tmp_path: Path, depth: int) -> None:
    deep = logs.raw({**logs.a_sample(2), "store": "HERE"}).replace(b'"HERE"', b"[" * depth + b"]" * depth)
    entries = entries_of([logs.a_sample(1), logs.a_sample(2)])
    entries[1] = (entries[1][0], deep)
    imported, rows = read_with(InspectReader(), [made(tmp_path, entries)], tmp_path)
    assert {row["source_item"] for row in rows} == {"s1", "s2"}
    assert codes(imported) == {"sample_broken": 1, "from_summary": 1}
    path = tmp_path / "log.json"
    path.write_bytes(
        logs.raw(logs.a_header())[:-1] + b',"samples":[' + deep + b"," + logs.raw(logs.a_sample(1)) + b"]}"
    )
    imported, rows = read_with(InspectReader(), [path], tmp_path)
    assert [row["source_item"] for row in rows] == ["s1"]
    assert codes(imported) == {"too_deep": 1}


def test_a_bomb_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    entries = [
        ("samples/bomb_epoch_1.json", b"[" + b" " * 64 * 2**20 + b"]"),
        *entries_of([logs.a_sample(1)]),
    ]
    path = made(tmp_path, entries)
    tracemalloc.start()
    imported, rows = read_with(InspectReader(), [path], tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(rows) == 1
    assert codes(imported) == {"entry_too_large": 1}
    assert peak < 32 * 2**20


def test_foreign_and_climbing_entries_are_named_and_not_written(tmp_path: Path) -> None:
    entries = [("../../evil.sh", b"x"), ("/etc/passwd", b"x"), *entries_of([logs.a_sample(1)])]
    (tmp_path / "in").mkdir()
    path = made(tmp_path / "in", entries)
    imported, rows = read_with(InspectReader(), [path], tmp_path)
    assert codes(imported) == {"unknown_entry": 2}
    assert len(rows) == 1
    assert not list(tmp_path.rglob("evil.sh"))


@pytest.mark.parametrize(
    ("told", "code"), [({"flags": 1}, "encrypted"), ({"method": 99, "packed": b"x"}, "unknown_compression")]
)
def test_encrypted_and_unknown_entries_are_refused_clearly(
    tmp_path: Path, told: dict[str, Any], code: str
) -> None:
    imported, rows = read_with(
        InspectReader(), [made(tmp_path, entries_of([logs.a_sample(1)]), **told)], tmp_path
    )
    assert rows == []
    assert code in codes(imported)


def test_more_raters_than_the_limit_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_rows, "MAX_RATERS", 3)
    samples = [logs.a_sample(i, scores={f"r{i}": logs.a_score("C")}) for i in range(6)]
    spec = logs.a_spec(scorers=[{"name": "r0"}])
    imported, rows = of_eval(tmp_path, samples, header=logs.a_header(spec))
    assert {row["rater"] for row in rows} == {"r0", "r1", "r2"}
    assert codes(imported)["too_many_raters"] == 3


def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[int] = []
    write, read = inspect_rows.SampleRows._write_pending, inspect_archive.EvalArchive._read_waiting
    monkeypatch.setattr(inspect_rows, "MAX_PENDING", 2)
    monkeypatch.setattr(inspect_archive, "MAX_WAITING", 2)
    monkeypatch.setattr(
        inspect_rows.SampleRows,
        "_write_pending",
        lambda self: [waited.append(len(self._pending)), write(self)][1],
    )
    monkeypatch.setattr(
        inspect_archive.EvalArchive,
        "_read_waiting",
        lambda self, waiting: [waited.append(len(waiting)), read(self, waiting)][1],
    )
    failed = [logs.a_sample(i, scores={}, error={"message": "x"}) for i in range(7)]
    assert len(of_eval(tmp_path, failed)[1]) == 7
    unscored = [logs.a_sample(i, scores={"includes": logs.a_score(NAN)}) for i in range(7)]
    assert len(of_eval(tmp_path, unscored, "summaries")[1]) == 7
    assert max(waited) == 2


def test_entries_that_cannot_be_read_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_archive, "MAX_FAILED", 1)
    entries = [
        (name, b"{") if name.startswith("samples/") else (name, value)
        for name, value in entries_of([logs.a_sample(i) for i in range(7)])
    ]
    imported, rows = read_with(InspectReader(), [made(tmp_path, entries)], tmp_path)
    assert len(rows) == 1
    assert codes(imported)["sample_broken"] == 7


def test_a_limit_of_the_sink_goes_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "MAX_RUNS", 0)
    with pytest.raises(LimitError):
        of_eval(tmp_path, [logs.a_sample(1)])


def test_the_ids_of_all_samples_in_the_header_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspect_samples, "MAX_GENERIC_BYTES", 10_000)
    ids = [f"sample-{i}" for i in range(5_000)]
    spec = logs.a_spec(
        dataset={"name": "sums", "samples": 5_000, "sample_ids": ids}, metadata={"x": "y" * 20_000}
    )
    header = logs.a_header(spec, plan={"x": "y" * 20_000})
    imported, _ = of_eval(tmp_path, [logs.a_sample(1)], header=header)
    assert (imported.runs[0].items_declared, imported.runs[0].task) == (5_000, "simple")
    assert imported.runs[0].settings["dataset.name"] == "sums"
    assert of_json(tmp_path, [logs.a_sample(1)], **header)[0].runs[0].items_declared == 5_000


def test_a_json_log_in_any_order_and_with_a_mark(tmp_path: Path) -> None:
    header = logs.a_header(PLANNED, results=logs.results_of(2, 0.5, name="a", scorer="a"))
    turned = {"samples": MIXED, **dict(reversed(header.items()))}
    path = tmp_path / "log.json"
    path.write_bytes(b"\xef\xbb\xbf" + logs.raw(turned))
    imported, rows = read_with(InspectReader(), [path], tmp_path)
    straight = of_json(tmp_path, MIXED, **header)
    assert scores(rows) == scores(straight[1])
    assert imported.runs == (straight[0].runs[0],)
    assert [s.told for s in imported.summaries] == [2.0, 0.5]


def test_a_json_log_of_2024_has_one_score(tmp_path: Path) -> None:
    sample = logs.a_sample(1)
    sample["score"] = sample.pop("scores")["includes"]
    spec = {key: value for key, value in logs.a_spec().items() if key != "scorers"}
    results = {"scorer": {"name": "includes"}, "metrics": {"accuracy": {"name": "accuracy", "value": 1}}}
    imported, rows = of_json(tmp_path, [sample], eval=spec, results=results)
    assert scores(rows) == {("s1", 1, "includes"): 1.0}
    assert [summary.agrees for summary in imported.summaries] == [True]


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9])
def test_a_json_log_that_is_cut_off_gives_what_is_whole(tmp_path: Path, cut: float) -> None:
    path = tmp_path / "log.json"
    logs.write_json(path, [logs.a_sample(i) for i in range(100)])
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut)])
    imported, rows = read_with(InspectReader(), [path], tmp_path)
    assert abs(len(rows) - 100 * cut) < 4
    assert imported.runs[0].state == "interrupted"
    fault = imported.findings[0]
    assert (fault.code, fault.severity) == ("truncated", "error")
    assert fault.offset is not None
    assert len(data) * cut - 2 <= fault.offset <= len(data) * cut


def test_a_line_without_end_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect_log, "MAX_MEMBER_BYTES", 10_000)
    path = tmp_path / "log.json"
    long = b'{"id":"long","events":"' + b"x" * 30_000_000 + b'"}'
    path.write_bytes(
        logs.raw(logs.a_header())[:-1] + b',"samples":[' + long + b"," + logs.raw(logs.a_sample(1)) + b"]}"
    )
    tracemalloc.start()
    imported, rows = read_with(InspectReader(), [path], tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [row["source_item"] for row in rows] == ["s1"]
    assert codes(imported) == {"oversized": 1}
    assert peak < 12 * 2**20


def test_a_judge_is_a_judge(tmp_path: Path) -> None:
    spec = logs.a_spec(scorers=[{"name": "model_graded_qa", "options": {"model": "a/b", "template": "T"}}])
    samples = [logs.a_sample(1, scores={"model_graded_qa": logs.a_score("C")})]
    imported, rows = of_eval(tmp_path, samples, header=logs.a_header(spec))
    assert rows[0]["rater_kind"] == "judge"
    (metric,) = imported.runs[0].metrics
    assert (metric.kind, metric.judge_model, metric.prompt_digest) == (
        RaterKind.JUDGE,
        "a/b",
        prompt_digest("T\n"[:1]),
    )


def test_a_told_mean_that_its_items_contradict_is_a_finding(tmp_path: Path) -> None:
    header = logs.a_header(results=logs.results_of(5, 0.9))
    imported, _ = of_eval(tmp_path, [logs.a_sample(i) for i in range(5)], header=header)
    assert "summary_disagrees" in codes(imported)


def source(path: Path) -> tuple[Source, bytes]:
    data = path.read_bytes()
    return Source(path.name, path, len(data)), data[:65_536]


def test_what_is_recognised(tmp_path: Path) -> None:
    reader = InspectReader()
    whole, log, other = tmp_path / "a.eval", tmp_path / "b.json", tmp_path / "c"
    logs.write_eval(whole, [logs.a_sample(1)])
    logs.write_json(log, [logs.a_sample(1)])
    assert reader.recognise(*source(whole))
    assert reader.recognise(*source(log))
    turned = made(tmp_path, list(reversed(entries_of([logs.a_sample(1)]))))
    assert reader.recognise(*source(turned))
    hidden = made(tmp_path, [("readme.txt", b"x"), *entries_of([logs.a_sample(1)])])
    assert reader.recognise(*source(hidden))
    for content in (b"", b"PK", b"PK\x03\x04", b'{"eval": 3}', b'{"results": {}}', b"[]", b"\xff\xfe{"):
        other.write_bytes(content)
        assert not reader.recognise(*source(other))
    foreign = made(tmp_path, [("results.json", b"{}"), ("samples.jsonl", b"{}")])
    assert not reader.recognise(*source(foreign))


def test_memory_does_not_grow_with_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "FLUSH_ROWS", 100)
    monkeypatch.setattr(zip_entries, "PIECE", 32_768)
    monkeypatch.setattr(inspect_summaries, "WINDOW", 32_768)
    peaks = []
    for n in (500, 4_000):
        path = tmp_path / f"{n}.eval"
        logs.large_log(path, n)
        for speed in SPEEDS:
            with a_sink() as sink:
                tracemalloc.start()
                InspectReader(speed).read([Source("log", path, path.stat().st_size)], sink, OPTIONS)
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.stop()
                assert sink.n_rows == n
    assert max(peaks[2:]) - max(peaks[:2]) < 3_500 * 600


def test_the_dates_of_entries_are_seconds_apart(tmp_path: Path) -> None:
    path = tmp_path / "log.eval"
    logs.write_eval(path, [])
    with path.open("rb") as stream:
        entries = zip_entries.ZipEntries(stream, path.stat().st_size)
    first, last = entries.get("_journal/start.json"), entries.get("header.json")
    assert first is not None
    assert last is not None
    assert (
        inspect_archive._seconds(last.modified) - inspect_archive._seconds(first.modified) == logs.DURATION_S
    )


def test_broken_metadata_and_attachments_of_a_sample_in_pieces(tmp_path: Path) -> None:
    shell = logs.a_sample(1, id="a", input="attachment://0")
    del shell["metadata"]
    entries = [
        ("samples/a_epoch_1/sample.json", shell),
        ("samples/a_epoch_1/metadata.json", b"[1]"),
        ("samples/a_epoch_1/attachments/0.json", ["THE QUESTION"]),
        ("header.json", logs.a_header()),
    ]
    path = made(tmp_path, entries, method=logs.STORED)
    path.write_bytes(path.read_bytes().replace(b"THE QUESTION", b"the question"))
    imported, rows = read_with(InspectReader(), [path], tmp_path)
    assert [(row["source_item"], row["item_digest"], row["score"]) for row in rows] == [("a", None, 1.0)]
    assert codes(imported) == {"metadata_broken": 1, "entry_broken": 1, "prompt_not_whole": 1}


def test_a_broken_header_is_told(tmp_path: Path) -> None:
    entries = entries_of([logs.a_sample(1)])
    imported, rows = read_with(
        InspectReader(), [made(tmp_path, [*entries[:2], ("header.json", b'{"eval":')])], tmp_path
    )
    assert (len(rows), codes(imported)) == (1, {"header_broken": 1, "no_header": 1})


def test_a_json_log_that_ends_before_its_samples(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_bytes(logs.raw({"version": 2, "status": "success"})[:-1] + b',"eval":{"task":"x","run_id":')
    imported, rows = read_with(InspectReader(), [path], tmp_path)
    assert (rows, imported.runs[0].state) == ([], "interrupted")
    assert codes(imported) == {"truncated": 1, "no_header": 1, "no_samples": 1}


def test_an_archive_that_unpacks_to_too_much_in_all_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zip_entries, "MAX_UNPACKED_BYTES", 12_000)
    imported, rows = of_eval(tmp_path, [logs.a_sample(i) for i in range(20)])
    assert len(rows) < 20
    assert codes(imported)["archive_too_large"] > 1


def two_logs(
    tmp_path: Path, first: list[dict[str, Any]], second: list[dict[str, Any]], **how: Any
) -> tuple[Imported, Rows]:
    paths = []
    for number, samples in enumerate((first, second)):
        spec = logs.a_spec(created=f"2026-11-2{number}T10:00:00+00:00")
        header = logs.a_header(spec, results=logs.results_of(len(samples), 1.0))
        paths.append(tmp_path / f"log{number}.eval")
        logs.write_eval(paths[-1], samples, header=header)
    return read_with(InspectReader(**how), paths, tmp_path)


def right(number: int, **changes: Any) -> dict[str, Any]:
    return logs.a_sample(number, scores={"includes": logs.a_score("C")}, **changes)


@pytest.mark.parametrize("speed", SPEEDS)
def test_samples_that_a_retried_run_takes_over_count_once(tmp_path: Path, speed: Speed) -> None:
    failed = logs.a_sample(2, scores={}, error={"message": "TimeoutError('x')"}, uuid="first try")
    imported, rows = two_logs(
        tmp_path, [right(0), right(1), failed], [right(0), right(1), right(2)], speed=speed
    )
    assert scores(rows) == {(f"s{number}", 1, "includes"): 1.0 for number in range(3)}
    assert codes(imported) == {"repeated_sample": 1, "asked_again": 1}
    texts = {finding.code: finding.text for finding in imported.findings}
    assert texts["repeated_sample"].startswith("2 samples")
    assert texts["asked_again"].startswith("1 samples")
    assert {summary.agrees for summary in imported.summaries if summary.run == 1} == {True}


def test_of_a_repeated_sample_the_later_log_counts(tmp_path: Path) -> None:
    wrong = logs.a_sample(0, scores={"includes": logs.a_score("I")})
    imported, rows = two_logs(tmp_path, [wrong], [right(0)])
    assert scores(rows) == {("s0", 1, "includes"): 1.0}
    assert codes(imported) == {"repeated_sample": 1, "repeated_differs": 1}


def test_what_only_the_earlier_log_has_is_kept(tmp_path: Path) -> None:
    other = logs.a_sample(0, scores={"judge": logs.a_score("P")})
    imported, rows = two_logs(tmp_path, [other, right(1)], [right(0)])
    assert scores(rows) == {("s0", 1, "includes"): 1.0, ("s0", 1, "judge"): 0.5, ("s1", 1, "includes"): 1.0}
    assert {metric.rater for metric in imported.runs[1].metrics} == {"includes", "judge"}
    assert {row["rater_kind"] for row in rows} == {"program"}


def test_another_generation_of_the_same_item_is_another_attempt(tmp_path: Path) -> None:
    imported, rows = two_logs(tmp_path, [right(0)], [right(0, uuid="another")])
    assert sorted(row["attempt"] for row in rows) == [1, 2]
    assert codes(imported) == {}


def test_repeated_samples_are_found_whoever_read_the_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.evaluation.importers.imports import NOW

    from consilience.evaluation.importers import reading
    from consilience.evaluation.importers.importing import import_paths

    two_logs(tmp_path, [right(0), right(1)], [right(0), right(1), right(2)])
    for name in ("PAYS_BYTES", "REST_BYTES", "SHARE_BYTES"):
        monkeypatch.setattr(reading, name, 1)
    paths = [tmp_path / "log0.eval", tmp_path / "log1.eval"]
    imported = import_paths(paths, OPTIONS, target=tmp_path / "out", now=NOW)
    assert (imported.rows, codes(imported)) == (3, {"repeated_sample": 1})


@pytest.mark.parametrize(
    ("scorer", "value", "options", "direction"),
    [
        ("includes", "C", OPTIONS, "higher is better"),
        ("f1", 0.3, OPTIONS, "higher is better"),
        ("toxicity", 0.3, OPTIONS, "unknown"),
        ("refusal", "yes", OPTIONS, "unknown"),
        ("custom", "P", OPTIONS, "higher is better"),
        ("custom", "P", Options(exercise="e", laboratory="l", values={"P": 3.0}), "unknown"),
        ("includes", {"part": 1}, OPTIONS, "unknown"),
    ],
)
def test_a_direction_is_only_told_where_it_is_known(
    tmp_path: Path, scorer: str, value: Any, options: Options, direction: str
) -> None:
    header = logs.a_header(logs.a_spec(scorers=[{"name": scorer}]), results=logs.results_of(1, 0.3))
    samples = [logs.a_sample(0, scores={scorer: logs.a_score(value)})]
    imported, _ = of_eval(tmp_path, samples, options=options, header=header)
    (metric,) = imported.runs[0].metrics
    assert metric.direction == direction
    assert ("direction_unknown" in codes(imported)) is (direction == "unknown")
    if options.values:
        assert (metric.minimum, metric.maximum) == (None, None)


@pytest.mark.parametrize("form", ["samples", "summaries", "json"])
def test_a_sample_of_too_many_values_is_told(
    tmp_path: Path, form: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_elements, "MAX_VALUES", 3_000)
    many = logs.a_sample(0, choices=[[]] * 4_000)
    if form == "json":
        imported, rows = of_json(tmp_path, [many, right(1)])
        assert codes(imported) == {"not_an_object": 1}
    else:
        imported, rows = of_eval(tmp_path, [many, right(1)], form)
        assert codes(imported)["field_too_large"] == 1
        assert ("s0", 1, "includes") in scores(rows)
    assert ("s1", 1, "includes") in scores(rows)


def test_a_log_of_nothing_but_spaces_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_entries, "SUM_FROM", 2**20)
    entries = [("header.json", logs.a_header())]
    entries += [(f"samples/{number}_epoch_1.json", b" " * 2**18) for number in range(200)]
    imported, _ = read_with(InspectReader(), [made(tmp_path, entries)], tmp_path)
    assert codes(imported)["archive_too_large"] > 1
