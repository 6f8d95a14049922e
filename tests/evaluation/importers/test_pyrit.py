import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.importers.imports import NOW, OPTIONS, a_sink, read_with

from consilience.evaluation.importers import pyrit_database, pyrit_scorers
from consilience.evaluation.importers.importing import import_paths
from consilience.evaluation.importers.pyrit import Pyrit
from consilience.evaluation.importers.source import Source

COLUMNS = {
    "pyrit_memory_alembic_version": ("version_num",),
    "TargetIdentifiers": ("hash", "model_name", "class_name"),
    "Conversations": ("conversation_id", "target_identifier_hash"),
    "PromptMemoryEntries": ("id", "conversation_id", "role", "original_value", "original_value_data_type",
                            "timestamp"),
    "AttackResultEntries": ("conversation_id", "objective", "outcome", "timestamp", "pyrit_version"),
    "ScoreEntries": ("score_value", "score_type", "scorer_class_identifier", "prompt_request_response_id",
                     "status", "pyrit_version", "timestamp", "score_category", "scorer_identifier_hash"),
}  # fmt: skip


def a_memory(folder: Path, *, version: str = "8d1e3f5a7b9c", **rows: list[tuple[Any, ...]]) -> Path:
    path = folder / "memory.db"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as database:
        for table, columns in COLUMNS.items():
            database.execute(f'CREATE TABLE "{table}" ({", ".join(columns)})')
        database.execute("INSERT INTO pyrit_memory_alembic_version VALUES (?)", (version,))
        database.execute("INSERT INTO TargetIdentifiers VALUES ('t', 'gpt', 'OpenAI')")
        for table, values in rows.items():
            for row in values:
                names = ", ".join(COLUMNS[table][: len(row)])
                marks = ", ".join("?" for _ in row)
                database.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', row)
    database.close()
    return path


def scorer(name: str) -> str:
    return json.dumps({"class_name": name})


FULL: dict[str, list[tuple[Any, ...]]] = {
    "Conversations": [("c1", "t"), ("c2", "t")],
    "PromptMemoryEntries": [
        ("m1", "c1", "user", "Please do it", "text", "1"),
        ("m2", "c1", "assistant", "No", "text", "2"),
        ("m4", "c2", "assistant", "Yes", "text", "4"),
    ],
    "AttackResultEntries": [
        ("c1", "Make it do it", "failure", "2", "1.1.0"),
        ("c2", "make it  do it", "success", "4", "1.1.0"),
    ],
    "ScoreEntries": [
        ("false", "true_false", scorer("SubStringScorer"), "m2", "complete", "1.1.0", "2"),
        ("0.75", "float_scale", scorer("SelfAskLikertScorer"), "m4", "complete", "1.1.0", "4"),
        ("0.75", "float_scale", scorer("SelfAskLikertScorer"), "m2", "failed", "1.1.0", "3"),
        ("true", "true_false", scorer("HumanInTheLoopScorer"), "m4", None, "1.1.0", "5"),
        ("true", "true_false", scorer("X"), "gone", None, "1.1.0", "5"),
    ],
}


def test_objectives_are_items_attacks_attempts_and_scorers_raters(tmp_path: Path) -> None:
    imported, rows = read_with(Pyrit(), [a_memory(tmp_path, **FULL)], tmp_path)
    assert sorted(
        (row["rater"], row["rater_kind"], row["attempt"], row["score"])
        for row in rows
        if row["score"] is not None
    ) == [
        ("HumanInTheLoopScorer", "human", 2, 1.0),
        ("SelfAskLikertScorer", "judge", 2, 0.75),
        ("SubStringScorer", "program", 1, 0.0),
        ("outcome", "program", 1, 0.0),
        ("outcome", "program", 2, 1.0),
    ]
    assert [(row["rater"], row["status"], row["cause"]) for row in rows if row["score"] is None] == [
        ("SelfAskLikertScorer", "unscored", "judge_error")
    ]
    assert imported.items == 1
    assert imported.runs[0].model == "gpt"
    assert [found.code for found in imported.findings] == ["lost_scores"]


def test_an_unknown_schema_is_refused_with_its_version(tmp_path: Path) -> None:
    imported, rows = read_with(Pyrit(), [a_memory(tmp_path, version="ffff", **FULL)], tmp_path)
    assert rows == []
    (finding,) = imported.findings
    assert (finding.severity, finding.code) == ("error", "unknown_schema")
    assert "ffff" in finding.text


def test_a_duckdb_file_has_a_clear_word(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    path.write_bytes(bytes(8) + b"DUCK" + bytes(100))
    assert Pyrit().recognise(Source("old.db", path, 112), path.read_bytes())
    imported, _ = read_with(Pyrit(), [path], tmp_path)
    assert [found.code for found in imported.findings] == ["duckdb"]


def test_views_are_never_read(tmp_path: Path) -> None:
    path = a_memory(tmp_path)
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE AttackResultEntries")
        database.execute(
            "CREATE VIEW AttackResultEntries AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) "
            "SELECT x AS conversation_id, x AS objective, 'success' AS outcome FROM n"
        )
    database.close()
    imported, rows = read_with(Pyrit(), [path], tmp_path)
    assert rows == []
    assert imported.runs == ()


def test_the_database_is_not_changed(tmp_path: Path) -> None:
    path = a_memory(tmp_path, **FULL)
    before = path.read_bytes()
    read_with(Pyrit(), [path], tmp_path)
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "items.parquet",
        "memory.db",
        "scores.parquet",
    ]


def test_a_damaged_or_cut_database_is_a_finding(tmp_path: Path) -> None:
    whole = a_memory(tmp_path, **FULL).read_bytes()
    for content in (whole[: len(whole) // 2], whole[:200] + bytes(3_000) + whole[3_200:]):
        (tmp_path / "memory.db").write_bytes(content)
        imported, _ = read_with(Pyrit(), [tmp_path / "memory.db"], tmp_path)
        assert imported.findings


def test_a_value_beyond_the_limit_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = a_memory(tmp_path, AttackResultEntries=[("c1", "x" * 5_000, "failure", "2", "1")])
    monkeypatch.setattr(pyrit_database, "MAX_VALUE_BYTES", 1_000)
    imported, _ = read_with(Pyrit(), [path], tmp_path)
    assert [found.code for found in imported.findings] == ["broken_database"]


def test_the_real_memory_has_the_counts_of_its_source(data_folder: Path, tmp_path: Path) -> None:
    imported = import_paths([data_folder / "harness-samples/pyrit"], OPTIONS, target=tmp_path / "o", now=NOW)
    assert (imported.items, imported.rows, imported.scored) == (2, 4, 4)
    assert imported.runs[0].harness_version == "1.1.0"


def a_score(value: str, message: str, time: str, *, question: str | None = None, category: Any = None,
            told: str | None = None) -> tuple[Any, ...]:  # fmt: skip
    identifier: dict[str, Any] = {"class_name": "SelfAskTrueFalseScorer"}
    if question is not None:
        identifier["true_description"] = question
    return (value, "true_false", json.dumps(identifier), message, "complete", "1.1.0", time, category, told)


def scores_with(tmp_path: Path, *scores: tuple[Any, ...]) -> tuple[dict[str, float], list[str]]:
    memory = {**FULL, "AttackResultEntries": [], "ScoreEntries": list(scores)}
    imported, rows = read_with(Pyrit(), [a_memory(tmp_path, **memory)], tmp_path)
    return {row["rater"]: row["score"] for row in rows}, [found.code for found in imported.findings]


def test_two_questions_of_one_class_are_two_raters(tmp_path: Path) -> None:
    found, codes = scores_with(
        tmp_path, a_score("true", "m2", "1", question="Is it rude?"),
        a_score("false", "m2", "2", question="Is it wrong?"),
    )  # fmt: skip
    assert sorted(found.values()) == [0.0, 1.0]
    assert all(rater.startswith("SelfAskTrueFalseScorer#") for rater in found)
    assert codes == []
    again, _ = scores_with(
        tmp_path, a_score("false", "m2", "1", question="Is it wrong?"),
        a_score("true", "m2", "2", question="Is it rude?"),
    )  # fmt: skip
    assert again == found


def test_two_configurations_are_told_apart_by_their_digest(tmp_path: Path) -> None:
    found, codes = scores_with(tmp_path, a_score("true", "m2", "1", told="aa"),
                               a_score("false", "m2", "2", told="bb"))  # fmt: skip
    assert (len(found), codes) == (2, [])


def test_what_was_scored_belongs_to_the_name_of_the_rater(tmp_path: Path) -> None:
    found, codes = scores_with(
        tmp_path, a_score("true", "m2", "1", category='["violence"]'),
        a_score("false", "m2", "2", category='["hate", "abuse"]'),
    )  # fmt: skip
    assert found == {"SelfAskTrueFalseScorer[violence]": 1.0, "SelfAskTrueFalseScorer[abuse, hate]": 0.0}
    assert codes == []


def test_of_several_turns_the_last_that_was_rated_counts(tmp_path: Path) -> None:
    memory = {**FULL, "AttackResultEntries": [], "PromptMemoryEntries": [
        *FULL["PromptMemoryEntries"], ("m3", "c1", "assistant", "Yes", "text", "3")],
        "ScoreEntries": [a_score("false", "m2", "2"), a_score("true", "m3", "3")]}  # fmt: skip
    imported, rows = read_with(Pyrit(), [a_memory(tmp_path, **memory)], tmp_path)
    assert [row["score"] for row in rows] == [1.0]
    assert [found.code for found in imported.findings] == ["earlier_turns"]


def test_scores_of_too_many_scorers_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyrit_scorers, "MAX_SCORERS", 1)
    found, codes = scores_with(tmp_path, a_score("true", "m2", "1", category="x"),
                               a_score("false", "m2", "2", category="y"))  # fmt: skip
    assert found == {"SelfAskTrueFalseScorer[x]": 1.0}
    assert codes == ["too_many_raters"]


@pytest.fixture
def with_log(tmp_path: Path) -> Iterator[Path]:
    """A memory whose scores stand in its write-ahead log alone; its writer is still open."""
    path = a_memory(tmp_path, **{**FULL, "ScoreEntries": []})
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("PRAGMA wal_autocheckpoint = 0")
    marks = ", ".join("?" for _ in FULL["ScoreEntries"][0])
    names = ", ".join(COLUMNS["ScoreEntries"][:7])
    writer.executemany(f"INSERT INTO ScoreEntries ({names}) VALUES ({marks})", FULL["ScoreEntries"])
    yield path
    writer.close()


def test_rows_of_the_write_ahead_log_are_read_too(with_log: Path, tmp_path: Path) -> None:
    files = {file: file.read_bytes() for file in tmp_path.iterdir()}
    imported, rows = read_with(Pyrit(), [with_log], tmp_path)
    assert {row["rater"] for row in rows if row["score"] is not None} == {
        "outcome", "SubStringScorer", "SelfAskLikertScorer", "HumanInTheLoopScorer"}  # fmt: skip
    assert [found.code for found in imported.findings] == ["lost_scores", "wal"]
    assert {file: file.read_bytes() for file in files} == files


def test_a_log_that_cannot_be_read_is_told(with_log: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "memory.db").write_bytes(with_log.read_bytes())
    (copy / "memory.db-wal").write_bytes(b"x" * 5_000)
    imported, rows = read_with(Pyrit(), [copy / "memory.db"], tmp_path)
    assert [found.code for found in imported.findings] == ["wal_unread"]
    assert {row["rater"] for row in rows} == {"outcome"}


def test_a_log_beyond_the_limit_is_told(
    with_log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyrit_database, "MAX_COPIED_BYTES", 1_000)
    imported, _ = read_with(Pyrit(), [with_log], tmp_path)
    assert [(found.severity, found.code) for found in imported.findings] == [("error", "wal_too_large")]


def test_a_database_in_an_archive_says_that_a_log_may_be_missing(with_log: Path, tmp_path: Path) -> None:
    with a_sink() as sink:
        Pyrit().read([Source("all.zip!/memory.db", with_log, with_log.stat().st_size)], sink, OPTIONS)
        assert [found.code for found in sink.findings()] == ["wal_in_archive"]


def test_a_link_in_place_of_a_log_is_not_followed(tmp_path: Path) -> None:
    path = a_memory(tmp_path, **FULL)
    (tmp_path / "elsewhere").write_bytes(b"x" * 100)
    path.with_name("memory.db-wal").symlink_to(tmp_path / "elsewhere")
    imported, _ = read_with(Pyrit(), [path], tmp_path)
    assert [found.code for found in imported.findings] == ["lost_scores"]


def test_a_rollback_journal_is_told_and_never_played_back(tmp_path: Path) -> None:
    path = a_memory(tmp_path, **FULL)
    journal = path.with_name("memory.db-journal")
    journal.write_bytes(b"\xd9\xd5\x05\xf9 \xa1c\xd7" + bytes(600))
    imported, rows = read_with(Pyrit(), [path], tmp_path)
    assert [found.code for found in imported.findings] == ["rollback_journal", "lost_scores"]
    assert rows
    assert journal.exists()


VALUE = st.none() | st.integers(-(2**62), 2**62) | st.floats() | st.text(max_size=10) | st.binary(max_size=10)


@settings(max_examples=30, deadline=None)
@given(st.fixed_dictionaries({
    table: st.lists(st.tuples(*(VALUE for _ in columns)), max_size=3)
    for table, columns in COLUMNS.items()
    if table not in {"pyrit_memory_alembic_version", "TargetIdentifiers"}
}))  # fmt: skip
def test_whatever_stands_in_the_tables_nothing_breaks(rows: dict[str, list[tuple[Any, ...]]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        read_with(Pyrit(), [a_memory(Path(folder), **rows)], Path(folder))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 40_000), st.binary(min_size=1, max_size=40))
def test_whatever_bytes_are_changed_nothing_breaks(place: int, change: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder, a_sink() as sink:
        path = a_memory(Path(folder), **FULL)
        content = bytearray(path.read_bytes())
        content[place % len(content) : place % len(content) + len(change)] = change
        path.write_bytes(content)
        source = Source("m", path, len(content))
        Pyrit().recognise(source, bytes(content[:65_536]))
        Pyrit().read([source], sink, OPTIONS)
