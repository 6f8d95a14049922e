"""Journals and records of modelbench, built from its documentation (no public sample is known)."""

import json
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.evaluation.importers.imports import OPTIONS, a_sink, finish, read_with
from tests.evaluation.importers.test_json_lines import ANY

from consilience.evaluation.importers import modelbench, packed
from consilience.evaluation.importers.imported import Imported
from consilience.evaluation.importers.modelbench import Modelbench
from consilience.evaluation.importers.prompt import prompt_digest
from consilience.evaluation.importers.source import Source

Entry = dict[str, Any]


def entry(message: str, **fields: Any) -> Entry:
    return {
        "timestamp": "2026-11-22T10:00:00+00:00",
        "message": message,
        "class": "X",
        "method": "y",
        **fields,
    }


def item(message: str, number: int, **fields: Any) -> Entry:
    return entry(message, test="test-1", prompt_id=f"p{number}", **fields)


def an_item(number: int, safe: bool, *, cached: bool = False, **of: Any) -> list[Entry]:
    way = "using cached" if cached else "fetched"
    return [
        item("queuing item", number, prompt_text=f"Prompt {number}", **of),
        item(f"{way} sut response", number, request={}, response={}, **of),
        item("translated sut response", number, response_text="An answer", **of),
        item(f"{way} annotator response", number, annotator="guard-a", response={}, **of),
        item("translated annotation", number, annotator="guard-a", annotation={"is_safe": safe}, **of),
        item("translated annotation", number, annotator="guard-b",
             annotation={"is_safe": True, "score": 0.25, "labels": ["x"]}, **of),
        item("measured item quality", number, measurements={"is_safe": float(safe)}, run_time=1.0, **of),
    ]  # fmt: skip


def a_journal(items: list[Entry], *, kind: str = "starting run", n: int = 2, **told: Any) -> list[Entry]:
    return [
        entry("starting journal"),
        entry(kind, run_id="run-1", benchmarks=["b-1"], tests=["test-1"], suts=["sut-1"], max_items=10),
        entry("hazard info", hazard="h-1", benchmark="b-1", tests=["test-1"]),
        entry("test info", test="test-1", initialization={}, dependencies={}),
        entry("using test items", test="test-1", using=n, total=9),
        entry("running pipeline"),
        *items,
        entry("test scored", sut="sut-1", test="test-1", items_finished=n, result={}),
        entry("hazard scored", benchmark="b-1", sut="sut-1", hazard="h-1", score=0.5, samples=n,
              reference=0.9, numeric_grade=3, text_grade="G", **told),
        entry("benchmark scored", benchmark="b-1", sut="sut-1", numeric_grade=3, text_grade="G"),
        entry("finished run", run_id="run-1"),
        entry("cache info", type="sut_cache"),
    ]  # fmt: skip


def raw(entries: list[Entry]) -> bytes:
    return "".join(json.dumps(one) + "\n" for one in entries).encode()


def read(folder: Path, content: bytes, name: str = "journal-run-1.jsonl") -> tuple[Imported, list[Entry]]:
    path = folder / name
    path.write_bytes(content)
    assert Modelbench().recognise(Source(name, path, len(content)), content[:65_536])
    return read_with(Modelbench(), [path], folder)


WHOLE = a_journal([*an_item(1, True), *an_item(2, False, cached=True)])


@pytest.mark.parametrize("pack", [bytes, zstandard.ZstdCompressor().compress])
def test_annotators_and_measurements_are_raters_of_their_own(tmp_path: Path, pack: Any) -> None:
    imported, rows = read(tmp_path, pack(raw(WHOLE)))
    assert sorted((row["source_item"], row["rater"], row["score"]) for row in rows) == [
        ("p1", "guard-a", 1.0), ("p1", "guard-b", 1.0), ("p1", "guard-b.score", 0.25), ("p1", "is_safe", 1.0),
        ("p2", "guard-a", 0.0), ("p2", "guard-b", 1.0), ("p2", "guard-b.score", 0.25), ("p2", "is_safe", 0.0),
    ]  # fmt: skip
    assert {row["item_digest"] for row in rows} == {prompt_digest("Prompt 1"), prompt_digest("Prompt 2")}
    (run,) = imported.runs
    assert (run.task, run.model, run.state, run.items_declared) == ("test-1", "sut-1", "complete", 2)
    assert run.created == "2026-11-22T10:00:00+00:00"
    assert run.settings == {
        "run_id": "run-1", "max_items": 10, "hazard": "h-1", "benchmark": "b-1", "numeric_grade": 3,
        "text_grade": "G", "reference": 0.9,
    }  # fmt: skip
    assert {(m.rater, m.kind.value, m.direction, m.scale, m.judge_model) for m in run.metrics} == {
        ("guard-a", "judge", "higher is better", "binary", "guard-a"),
        ("guard-b", "judge", "higher is better", "binary", "guard-b"),
        ("guard-b.score", "judge", "unknown", "continuous", "guard-b"),
        ("is_safe", "judge", "higher is better", "binary", None),
    }
    assert {(s.statistic, s.told, s.agrees) for s in imported.summaries} == {
        ("n", 2.0, True),
        ("mean", 0.5, True),
    }
    assert imported.findings == ()


def test_older_journals_name_the_model_in_every_item(tmp_path: Path) -> None:
    journal = a_journal([*an_item(1, True, sut="sut-1"), *an_item(1, False, sut="sut-2")], n=1)
    journal[1]["suts"] = ["sut-1", "sut-2"]
    imported, rows = read(tmp_path, raw(journal))
    assert {(r["model"], r["score"]) for r in rows if r["rater"] == "is_safe"} == {
        ("sut-1", 1.0),
        ("sut-2", 0.0),
    }
    assert [s.agrees for s in imported.summaries if s.statistic == "mean"] == [False]


def test_what_failed_has_rows_without_a_score(tmp_path: Path) -> None:
    items = [
        *an_item(1, True),
        *an_item(2, True)[:1],
        item("sut exception", 2, exception={"class": "X", "message": "secret", "variables": {}}),
        *an_item(3, True)[:4],
        item("annotator exception", 3, annotator="guard-a", exception={}),
        item("queuing item", 4, prompt_text="Prompt 4"),
        item("measured item quality", 5, measurements={"is_safe": None}),
    ]
    imported, rows = read(tmp_path, raw(a_journal(items)[:-2]))
    found = {
        (r["source_item"], r["status"], r["cause"])
        for r in rows
        if r["rater"] in {"is_safe", "guard-a"} and r["score"] is None
    }
    assert found == {
        ("p2", "failed", "unknown"),
        ("p3", "unscored", "judge_error"),
        ("p4", "unscored", "not_rated"),
        ("p5", "unscored", "judge_unparsable"),
        ("p5", "unscored", "not_rated"),
    }
    assert "interrupted" in {f.code for f in imported.findings}
    assert imported.runs[0].state == "interrupted"
    assert b"secret" not in msgspec.json.encode(imported)


def test_a_run_in_which_all_failed_still_has_its_items(tmp_path: Path) -> None:
    items = [item("queuing item", 1, prompt_text="P"), item("sut exception", 1, exception={})]
    imported, rows = read(tmp_path, raw(a_journal(items)))
    assert [(row["rater"], row["status"]) for row in rows] == [("is_safe", "failed")]
    assert imported.unscored == {"unknown": 1}


def test_a_calibration_says_that_it_is_one(tmp_path: Path) -> None:
    journal = a_journal([*an_item(1, True), *an_item(2, False)], kind="starting calibration run")
    for one in journal:
        if one["message"] in {"hazard scored", "benchmark scored"}:
            one["message"] = one["message"].replace("scored", "calibrated")
            one.pop("numeric_grade", None)
            one.pop("text_grade", None)
    imported, _ = read(tmp_path, raw(journal))
    assert [found.code for found in imported.findings] == ["calibration"]
    assert imported.runs[0].settings["calibration"] is True
    assert "text_grade" not in imported.runs[0].settings
    assert all(summary.agrees for summary in imported.summaries)


def test_a_hazard_of_several_tests_is_not_held_against_one(tmp_path: Path) -> None:
    journal = a_journal([*an_item(1, True), *an_item(2, True)])
    journal[2]["tests"] = ["test-1", "test-2"]
    imported, _ = read(tmp_path, raw(journal))
    assert {(s.statistic, s.agrees, s.reason) for s in imported.summaries} == {
        ("n", True, ""),
        ("mean", None, "over several tests"),
    }


def test_an_unknown_message_and_one_without_item_are_told(tmp_path: Path) -> None:
    entries = [entry("something new"), entry("queuing item", test="test-1"), entry("starting journal")]
    imported, _ = read(tmp_path, raw([*WHOLE[:2], *entries, *WHOLE[2:]]))
    assert {(found.code, found.line) for found in imported.findings} == {
        ("unknown_message", 3),
        ("no_prompt_id", None),
    }


def test_a_packed_journal_that_is_cut_gives_what_it_has(tmp_path: Path) -> None:
    lines = [one for number in range(3_000) for one in an_item(number, True)]
    content = zstandard.ZstdCompressor().compress(raw(a_journal(lines, n=3_000)))
    imported, rows = read(tmp_path, content[: len(content) // 2])
    assert rows
    assert imported.runs[0].state == "interrupted"
    broken = bytearray(content)
    broken[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    imported, rows = read(tmp_path, bytes(broken))
    assert rows
    assert "broken_archive" in {found.code for found in imported.findings}


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = zstandard.ZstdCompressor().compress(raw(WHOLE) + b"\n" * 5_000_000)
    monkeypatch.setattr(packed, "RATIO_FROM", 1_000_000)
    imported, rows = read(tmp_path, content)
    assert len(rows) == 8
    assert "broken_archive" in {found.code for found in imported.findings}
    monkeypatch.setattr(packed, "RATIO_FROM", 10**9)
    monkeypatch.setattr(packed, "MAX_UNPACKED_BYTES", 1_000_000)
    imported, _ = read(tmp_path, content)
    assert "GiB" in " ".join(found.text for found in imported.findings)


def test_a_window_that_is_too_large_is_refused(tmp_path: Path) -> None:
    made = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=made).compressobj()
    content = packer.compress(raw(WHOLE)) + packer.flush()
    path = tmp_path / "j.jsonl.zst"
    path.write_bytes(content)
    assert not Modelbench().recognise(Source(path.name, path, len(content)), content)
    imported, rows = read_with(Modelbench(), [path], tmp_path)
    assert rows == []
    assert "broken_archive" in {found.code for found in imported.findings}


def test_items_beyond_the_limit_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modelbench, "MAX_ITEMS", 1)
    imported, rows = read(tmp_path, raw(WHOLE))
    assert len(rows) == 8
    assert "too_many_items" in {found.code for found in imported.findings}


def test_a_record_tells_grades_and_no_scores(tmp_path: Path) -> None:
    hazard = {
        "hazard_definition": {"uid": "h-1", "reference_standard": 0.9},
        "score": {"estimate": 0.5, "lower": 0.4, "upper": 0.6, "samples": 100},
        "numeric_grade": 3, "text_grade": "G",
    }  # fmt: skip
    record = {
        "_metadata": {"format_version": 1, "run": {"user": "somebody", "node": "a-host", "python": "3.12"}},
        "benchmark": {"uid": "b-1", "hazards": [{"uid": "h-1"}]},
        "run_uid": "run-b-1-20261122",
        "scores": [{"sut": {"uid": "sut-1"}, "hazard_scores": [hazard], "numeric_grade": 3}],
    }
    imported, rows = read(tmp_path, json.dumps(record, indent=4).encode(), "record.json")
    assert rows == []
    (run,) = imported.runs
    assert (run.task, run.model, run.settings["text_grade"]) == ("h-1", "sut-1", "G")
    assert {(s.statistic, s.told, s.reason) for s in imported.summaries} == {
        ("mean", 0.5, "a record has no items"),
        ("n", 100.0, "a record has no items"),
    }
    assert [found.code for found in imported.findings] == ["record_without_items"]
    told = msgspec.json.encode(imported)
    assert b"somebody" not in told
    assert b"a-host" not in told


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b'{"message": "hello", "timestamp": 1}\n', b"\x28\xb5\x2f\xfd" + bytes(20), b"[]",
     zstandard.ZstdCompressor().compress(b"hello")],
)  # fmt: skip
def test_other_files_are_not_taken_for_journals(tmp_path: Path, content: bytes) -> None:
    assert not Modelbench().recognise(Source("x", tmp_path / "x", len(content)), content)


MESSAGES = st.sampled_from(sorted({one["message"] for one in WHOLE} | {"sut exception", "hazard calibrated"}))
FIELDS = sorted({name for one in WHOLE for name in one} - {"message"})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(MESSAGES, st.dictionaries(st.sampled_from(FIELDS), ANY, max_size=6)), max_size=8))
def test_whatever_stands_in_a_journal_nothing_breaks(entries: list[tuple[str, Entry]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "j.jsonl"
        path.write_bytes(raw([*WHOLE[:2], *({**fields, "message": name} for name, fields in entries)]))
        read_with(Modelbench(), [path], Path(folder))


@settings(max_examples=40, deadline=None)
@given(ANY, ANY)
def test_whatever_stands_in_a_record_nothing_breaks(one: Any, other: Any) -> None:
    for whole in (
        {"benchmark": one, "scores": other, "run_uid": one},
        {"benchmark": {"uid": one}, "scores": [{"sut": other, "hazard_scores": [{"score": one}, other]}]},
    ):
        with tempfile.TemporaryDirectory() as folder, a_sink() as sink:
            path = Path(folder) / "record.json"
            path.write_text(json.dumps(whole))
            Modelbench().read([Source("record.json", path, path.stat().st_size)], sink, OPTIONS)
            finish(sink, Path(folder))
