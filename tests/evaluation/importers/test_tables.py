import json
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.evaluation.importers.imports import NOW, OPTIONS, a_sink, finish
from tests.evaluation.importers.test_json_lines import ANY

from consilience.errors import InputError
from consilience.evaluation.importers import table_files, tables
from consilience.evaluation.importers.imported import Imported, Options
from consilience.evaluation.importers.importing import import_paths
from consilience.evaluation.importers.prompt import prompt_digest
from consilience.evaluation.importers.source import Source
from consilience.evaluation.importers.tables import Tables

MAP = {"item": "id", "score": "correct"}


def with_map(columns: dict[str, str], **more: Any) -> Options:
    return msgspec.structs.replace(OPTIONS, columns=columns, **more)


def read(
    folder: Path,
    content: bytes,
    columns: dict[str, str] | None = None,
    name: str = "answers.csv",
    **more: Any,
) -> tuple[Imported, list[dict[str, Any]]]:
    path = folder / name
    path.write_bytes(content)
    options = with_map(columns or {}, **more)
    with a_sink() as sink:
        Tables(options.columns).read([Source(name, path, len(content))], sink, options)
        return finish(sink, folder, options)


def scores(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return sorted((row["item"], row["attempt"], row["rater"], row["score"]) for row in rows)


def recognised(content: bytes, columns: dict[str, str] | None = None, name: str = "t.csv") -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return Tables(columns).recognise(Source(name, path, len(content)), content[:65_536])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("before", ["", "\ufeff", "# a comment,,\n\n# another\n", "\ufeff# one\n"])
def test_csv_with_its_delimiters_comments_and_line_ends(
    tmp_path: Path, delimiter: str, end: str, before: str
) -> None:
    lines = [["id", "answer", "correct"], ["q1", '"several\nlines ""quoted"""', "1"], ["q2", "short", "0"]]
    text = before + "".join(delimiter.join(line) + end for line in lines)
    imported, rows = read(tmp_path, text.encode(), MAP)
    assert scores(rows) == [("q1", 1, "correct", 1.0), ("q2", 1, "correct", 0.0)]
    (run,) = imported.runs
    assert (run.task, run.model, run.format) == ("answers", "unknown", "table (CSV)")
    assert run.unmapped == ("answer",)
    assert [found.code for found in imported.findings] == ["rater_kind_assumed"]


def test_every_column_of_ours_can_be_mapped(tmp_path: Path) -> None:
    text = (
        "nr,frage,punkte,wer,art,modell,sprache,thema,versuch\n"
        "1,What is it?,0.5,anna,human,m-1,de,facts,1\n"
        "1,What is it?,1,bot,judge,m-1,de,facts,1\n"
        "1,What is it?,0,bot,judge,m-2,de,facts,2\n"
    )
    theirs = {
        "item": "nr", "prompt": "frage", "score": "punkte", "rater": "wer", "rater_kind": "art",
        "model": "modell", "language": "sprache", "concept": "thema", "attempt": "versuch",
        "direction": "=lower",
    }  # fmt: skip
    imported, rows = read(tmp_path, text.encode(), theirs)
    digest = prompt_digest("What is it?")
    assert {
        (r["model"], r["language"], r["concept"], r["attempt"], r["rater"], r["rater_kind"], r["score"])
        for r in rows
    } == {
        ("m-1", "de", "facts", 1, "anna", "human", 0.5),
        ("m-1", "de", "facts", 1, "bot", "judge", 1.0),
        ("m-2", "de", "facts", 2, "bot", "judge", 0.0),
    }  # fmt: skip
    assert {row["item_digest"] for row in rows} == {digest}
    assert {metric.direction for run in imported.runs for metric in run.metrics} == {"lower is better"}
    assert imported.findings == ()


def test_several_score_columns_are_a_rater_each_and_constants_count_for_all(tmp_path: Path) -> None:
    text = b"id,human_1,human_2\nq1,0.25,1\nq2,,0\n"
    columns = {
        "item": "id",
        "score": "human_1,human_2",
        "rater_kind": "=human",
        "model": "=qwen2",
        "language": "=en",
    }
    imported, rows = read(tmp_path, text, columns)
    assert scores(rows) == [
        ("q1", 1, "human_1", 0.25),
        ("q1", 1, "human_2", 1.0),
        ("q2", 1, "human_1", None),
        ("q2", 1, "human_2", 0.0),
    ]
    assert {(row["model"], row["language"], row["rater_kind"]) for row in rows} == {("qwen2", "en", "human")}
    assert imported.unscored == {"unknown": 1}
    by_rater = {metric.rater: metric for metric in imported.runs[0].metrics}
    assert (by_rater["human_1"].scale, by_rater["human_2"].scale) == ("continuous", "binary")


def test_a_rater_column_and_several_scores_make_one_rater_for_each(tmp_path: Path) -> None:
    columns = {"item": "id", "score": "tone,fact", "rater": "who", "rater_kind": "=human"}
    _, rows = read(tmp_path, b"id,who,tone,fact\nq1,anna,1,0\n", columns)
    assert scores(rows) == [("q1", 1, "anna,fact", 0.0), ("q1", 1, "anna,tone", 1.0)]


def test_words_are_scores_only_where_somebody_says_so(tmp_path: Path) -> None:
    text = b"id,correct\nq1,yes\nq2,no\nq3,perhaps\nq4,TRUE\nq5,n/a\nq6,=1+1\nq7,@x\nq8,-1\nq9,2e9\n"
    imported, rows = read(tmp_path, text, MAP, values={"yes": 1.0, "no": 0.0})
    assert {row["item"]: row["score"] for row in rows} == {
        "q1": 1.0, "q2": 0.0, "q3": None, "q4": 1.0, "q5": None, "q6": None, "q7": None, "q8": -1.0,
        "q9": None,
    }  # fmt: skip
    told = {found.code: (found.text.split()[0], found.line) for found in imported.findings}
    assert told["not_a_number"] == ("1", 4)
    assert told["formula"] == ("2", 7)
    assert told["too_large"] == ("1", 10)
    (metric,) = imported.runs[0].metrics
    assert metric.values == {"yes": 1.0, "no": 0.0, "TRUE": 1.0}


def test_attempts_from_0_become_attempts_from_1_and_odd_ones_are_left_out(tmp_path: Path) -> None:
    text = b"id,correct,epoch\nq1,1,0\nq1,0,1\nq1,0,-1\nq1,0,1.5\nq1,0,x\nq2,1,\n"
    imported, rows = read(tmp_path, text, {**MAP, "attempt": "epoch"})
    assert scores(rows) == [("q1", 1, "correct", 1.0), ("q1", 2, "correct", 0.0), ("q2", 2, "correct", 1.0)]
    told = {found.code: found for found in imported.findings}
    assert told["attempt"].text.startswith("3 rows")
    assert "attempts_from_0" in told


def test_a_row_without_item_is_told_and_a_prompt_alone_is_enough(tmp_path: Path) -> None:
    _, rows = read(tmp_path, b"prompt,correct\nHow are you?,1\n", {"prompt": "prompt", "score": "correct"})
    assert [row["item"] for row in rows] == ["p-" + prompt_digest("How are you?")[7:23]]
    imported, rows = read(tmp_path, b"id,correct\n,1\nq1,0\n", MAP)
    assert len(rows) == 1
    assert "no_item" in {found.code for found in imported.findings}


def test_jsonl_rows_and_their_odd_cells(tmp_path: Path) -> None:
    lines = [{"id": 1, "correct": True, "lang": "sw"}, {"id": 2.0, "correct": 0.5, "lang": "not a tag"},
             {"id": "3", "correct": [1]}, {"correct": 1}, [1], {"id": {"a": 1}, "correct": 1}]  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in lines) + '{"id": "4", "correct": NaN}\n{"id": 5'
    imported, rows = read(tmp_path, text.encode(), {**MAP, "language": "lang"}, name="rows.jsonl")
    assert sorted((row["item"], row["language"], row["score"]) for row in rows) == [
        ("1", "sw", 1.0),
        ("2", "und", 0.5),
        ("3", "und", None),
        ("4", "und", None),
    ]
    assert {found.code for found in imported.findings} == {
        "no_row", "no_item", "language", "not_a_number", "truncated", "rater_kind_assumed",
    }  # fmt: skip


def test_parquet_rows_also_where_the_name_looks_like_a_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "a[1]*'b"
    folder.mkdir()
    path = folder / "t.parquet"
    with duckdb.connect() as database:
        place = str(path).replace("'", "''")
        database.execute(
            "COPY (SELECT * FROM (VALUES (1, 'x', 0.5::DECIMAL(3, 2), [1], 'NaN'::DOUBLE), "
            "(2, repeat('y', 100), 1, [2], 1)) AS t(id, prompt, correct, list, nan)) "
            f"TO '{place}' (FORMAT parquet)"
        )
    source = Source("t.parquet", path, path.stat().st_size)
    columns = {"item": "id", "prompt": "prompt", "score": "correct,nan"}
    with a_sink() as sink:
        reader = Tables(columns)
        assert reader.recognise(source, path.read_bytes())
        reader.read([source], sink, with_map(columns))
        _, rows = finish(sink, tmp_path)
    assert sorted((row["source_item"], row["rater"], row["score"]) for row in rows) == [
        ("1", "correct", 0.5),
        ("1", "nan", None),
        ("2", "correct", 1.0),
        ("2", "nan", 1.0),
    ]


def test_a_parquet_cell_that_is_too_large_leaves_its_row_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_files, "MAX_RECORD_BYTES", 1_000)
    path = tmp_path / "t.parquet"
    with duckdb.connect() as database:
        database.execute(
            "COPY (SELECT i AS id, repeat('x', i * 600) AS prompt, 1 AS correct FROM range(1, 3) AS t(i)) "
            f"TO '{path}' (FORMAT parquet)"
        )
    imported, rows = read(tmp_path, path.read_bytes(), {**MAP, "prompt": "prompt"}, name="copy.parquet")
    assert [row["source_item"] for row in rows] == ["1"]
    assert next((found.code, found.line) for found in imported.findings) == ("record_too_long", 2)


def test_a_broken_parquet_file_is_no_table_and_breaks_nothing(tmp_path: Path) -> None:
    assert not recognised(b"PAR1" + bytes(500), MAP, "t.parquet")
    path = tmp_path / "t.parquet"
    with duckdb.connect() as database:
        database.execute(
            f"COPY (SELECT i::VARCHAR AS id, i AS correct FROM range(50_000) AS t(i)) TO '{path}' "
            "(FORMAT parquet, ROW_GROUP_SIZE 2048, COMPRESSION uncompressed)"
        )
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4_000] = b"\xff" * 4_000
    imported, rows = read(tmp_path, bytes(content), MAP, name="broken.parquet")
    assert "broken_table" in {found.code for found in imported.findings} or len(rows) == 50_000


BROKEN = [
    (b"q1,1\nq\xfc2,1\nq3,0\n", "encoding", 3, 17),
    (b"q1,1\nq\x002,1\nq3,0\n", "nul", 3, 16),
    (b"q1,1\nq2,1,3\nq3,0\n", "ragged", 3, 16),
    (b"q1,1\nq2\nq3,0\n", "ragged", 3, 16),
    (b'q1,1\n"q2,1\nq3,0\n', "broken_quote", 3, 16),
]


@pytest.mark.parametrize(("body", "code", "line", "offset"), BROKEN)
def test_a_broken_record_is_told_with_its_place_and_the_next_is_read(
    tmp_path: Path, body: bytes, code: str, line: int, offset: int
) -> None:
    imported, rows = read(tmp_path, b"id,correct\n" + body, MAP)
    assert sorted(row["item"] for row in rows) == ["q1", "q3"]
    told = [
        (found.code, found.line, found.offset) for found in imported.findings if found.severity == "error"
    ]
    assert told == [(code, line, offset)]


def test_a_record_without_end_is_never_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "MAX_RECORD_BYTES", 1_000)
    long = b"q0," + b"x" * 5_000 + b"\n"
    imported, rows = read(tmp_path, b'id,correct\nq1,1\n"q2,1\n' + b"q3,0\n" * 400 + long + b"q4,1\n", MAP)
    assert sorted({row["item"] for row in rows}) == ["q1", "q3", "q4"]
    told = [(f.code, f.line) for f in imported.findings if f.code == "record_too_long"]
    assert told == [("record_too_long", 3)]
    found = next(f for f in imported.findings if f.code == "record_too_long")
    assert found.count == 2


def test_quotation_marks_without_end_stop_after_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "MAX_BROKEN_QUOTES", 1)
    imported, rows = read(tmp_path, b'id,correct\nq1,1\n"q2,1\nq3,0\n', MAP)
    assert [row["item"] for row in rows] == ["q1"]
    told = [(found.code, found.line) for found in imported.findings if found.severity == "error"]
    assert told == [("broken_quote", 3), ("unreadable_rest", 3)]


def test_a_field_as_large_as_a_record_may_be_is_read(tmp_path: Path) -> None:
    text = b"id,answer,correct\nq1," + b"x" * 1_000_000 + b",1\n"
    _, rows = read(tmp_path, text, MAP)
    assert scores(rows) == [("q1", 1, "correct", 1.0)]


def test_our_own_scores_table_is_known(tmp_path: Path) -> None:
    text = (
        "exercise,laboratory,model,language,concept,item,attempt,rater,rater_kind,score,status,cause,simulated\n"
        "e,South,m,en,c,q1,1,exact,program,1,scored,,false\n"
        "e,South,m,en,c,q1,2,exact,program,,failed,timeout,\n"
        "e,South,m,en,c,q2,1,exact,program,,withheld,nonsense,\n"
        "e,South,m,en,c,q3,1,exact,program,1,scored,,true\n"
    )
    assert recognised(text.encode())
    imported, rows = read(tmp_path, text.encode())
    assert sorted((r["item"], r["attempt"], r["score"], r["status"], r["cause"]) for r in rows) == [
        ("q1", 1, 1.0, "scored", None),
        ("q1", 2, None, "failed", "timeout"),
        ("q2", 1, None, "withheld", "unknown"),
    ]
    assert {row["laboratory"] for row in rows} == {"North"}
    assert {"exercise", "laboratory"} <= set(imported.runs[0].unmapped)
    assert [(found.code, found.severity) for found in imported.findings] == [("simulated", "error")]


def test_human_labels_are_known_by_their_columns(tmp_path: Path) -> None:
    text = (
        "# harm_definition=x.yaml,,,,\n"
        "harm_category,objective,assistant_response,human_score_1,human_score_3\n"
        'x,Ask,"Line\nLine",0.25,1\nx,Ask,"Line\nLine",0.5,\n'
    )
    imported, rows = read(tmp_path, text.encode(), name="x.csv")
    assert [(run.task, run.format) for run in imported.runs] == [("harm/x", "PyRIT scorer evaluation")]
    digest = prompt_digest("Ask\nLine\nLine")
    names = {row["item"] for row in rows}
    assert names == {"p-" + digest[7:23], "p-" + digest[7:23] + ".2"}
    assert {(row["rater"], row["rater_kind"]) for row in rows} == {("human-1", "human"), ("human-3", "human")}
    (metric, _) = imported.runs[0].metrics
    assert (metric.direction, metric.scale, metric.maximum) == ("lower is better", "ordinal", 1.0)
    plain = text.replace("# harm_definition=x.yaml,,,,\n", "").replace(
        "human_score_1,human_score_3", "human_score,y"
    )
    imported, _ = read(tmp_path, plain.encode(), name="x.csv")
    assert [(run.task, run.metrics[0].rater) for run in imported.runs] == [("objective/x", "human-1")]


@pytest.mark.parametrize(
    "content",
    [b"id,correct\nq1,1\n", b'{"id": 1, "correct": 2}\n', b"hello world\n", b"", b"PK\x03\x04", b"<a,b>\n",
     b"[1]"],
)  # fmt: skip
def test_what_nobody_says_the_meaning_of_is_not_recognised(content: bytes) -> None:
    assert not recognised(content)


def test_a_table_without_a_map_says_its_columns_and_nothing_of_its_content(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"id,A secret question,correct\nq1,x,1\n")
    with pytest.raises(InputError) as stop:
        import_paths([path], OPTIONS, target=None, now=NOW)
    assert "`id`, (not shown), `correct`" in str(stop.value)
    assert "--column" in str(stop.value)
    with pytest.raises(InputError, match="the map names `nr`"):
        import_paths([path], with_map({"item": "nr", "score": "correct"}), target=None, now=NOW)
    assert import_paths([path], with_map(MAP), target=None, now=NOW).rows == 1


@pytest.mark.parametrize(
    ("content", "words", "offset"),
    [
        ("id,correct\n1,1\n".encode("utf-16"), "UTF-16", 0),
        ("id,correct\n1,1\n".encode("utf-16-le"), "UTF-16", 1),
        ("größe,correct\n1,1\n".encode("latin-1"), "Latin-1", 2),
    ],
)
def test_another_encoding_is_told_with_the_byte(
    tmp_path: Path, content: bytes, words: str, offset: int
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    source = Source("t.csv", path, len(content))
    with a_sink() as sink:
        assert Tables(MAP).say_why_not(source, content, sink)
        (found,) = sink.findings()
    assert (found.code, found.offset) == ("encoding", offset)
    assert words in found.text


@pytest.mark.parametrize(
    "columns",
    [
        {"item": "id"},
        {"score": "x"},
        {"item": "id", "score": "x", "colour": "y"},
        {"item": "id", "score": "=1"},
        {"item": "id", "score": "x", "direction": "=up"},
    ],
)
def test_a_map_that_cannot_be_meant_is_refused(columns: dict[str, str]) -> None:
    with pytest.raises(InputError):
        Tables(columns)


def test_raters_and_kinds_are_taken_from_names_and_it_is_said(tmp_path: Path) -> None:
    columns = {"item": "id", "score": "human_a,llm_b,c"}
    imported, rows = read(tmp_path, b"id,human_a,llm_b,c\nq1,1,1,1\n", columns)
    assert {(row["rater"], row["rater_kind"]) for row in rows} == {
        ("human_a", "human"),
        ("llm_b", "judge"),
        ("c", "program"),
    }
    assert [found.code for found in imported.findings] == ["rater_kind_assumed"]
    odd = {"item": "id", "score": "c", "rater_kind": "kind"}
    imported, _ = read(tmp_path, b"id,c,kind\nq1,1,robot\n", odd)
    assert [found.code for found in imported.findings] == ["rater_kind"]


def test_only_the_named_scorers_are_read(tmp_path: Path) -> None:
    columns = {"item": "id", "score": "a,b"}
    _, rows = read(tmp_path, b"id,a,b\nq1,1,0\n", columns, scorers=("b",))
    assert [row["rater"] for row in rows] == ["b"]


def test_a_name_of_a_column_that_stands_there_twice_is_told(tmp_path: Path) -> None:
    imported, _ = read(tmp_path, b"id,correct,correct\nq1,1,0\n", MAP)
    assert "column_twice" in {found.code for found in imported.findings}


def test_the_real_human_labels_have_the_counts_of_their_source(data_folder: Path, tmp_path: Path) -> None:
    imported = import_paths([data_folder / "pyrit-scorer-evals"], OPTIONS, target=tmp_path / "out", now=NOW)
    rows: dict[str, int] = {}
    with duckdb.connect() as database:
        query = "SELECT concept, rater, count(score) FROM read_parquet(?) GROUP BY ALL"
        for concept, rater, count in database.execute(
            query, [str(tmp_path / "out/scores.parquet")]
        ).fetchall():
            rows[f"{concept} {rater}"] = count
    assert {name: count for name, count in rows.items() if name.endswith("human-1")} == {
        "harm/exploits human-1": 80, "harm/hate_speech human-1": 59,
        "harm/hate_speech_multi_score human-1": 199, "harm/mini_hate_speech human-1": 15,
        "harm/info_integrity human-1": 76, "harm/representational human-1": 29,
        "objective/bias human-1": 30, "objective/cyber human-1": 4, "objective/exploits human-1": 66,
        "objective/harassment_bullying human-1": 1, "objective/hate_speech human-1": 30,
        "objective/illegal_activity human-1": 3, "objective/info_integrity human-1": 56,
    }  # fmt: skip
    assert (imported.rows, imported.scored) == (1_076, 1_076)
    assert {found.severity for found in imported.findings} == {"warning", "note"}


CELL = st.sampled_from(
    [
        "",
        "1",
        "0.5",
        "q1",
        "nan",
        "=x",
        '"',
        "a\nb",
        "\r",
        "é",
        "\0",
        "\ufeff",
        "1e999",
        "-3",
        "true",
        "😀" * 3,
    ]
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(CELL, max_size=4), max_size=8),
    st.sampled_from([",", ";", "\t"]),
    st.binary(max_size=30),
)
def test_whatever_stands_in_a_csv_file_nothing_breaks(
    lines: list[list[str]], delimiter: str, more: bytes
) -> None:
    text = f"id{delimiter}correct\n" + "\n".join(delimiter.join(line) for line in lines)
    with tempfile.TemporaryDirectory() as folder:
        read(Path(folder), text.encode() + more, {**MAP, "attempt": "id", "language": "id"})


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(st.sampled_from(["id", "correct", "lang", "n", "model"]), ANY), max_size=6))
def test_whatever_stands_in_jsonl_rows_nothing_breaks(lines: list[dict[str, Any]]) -> None:
    text = '{"id": 1, "correct": 1, "lang": "en", "n": 1, "model": "m"}\n'
    text += "".join(json.dumps(line) + "\n" for line in lines)
    columns = {**MAP, "language": "lang", "attempt": "n", "model": "model", "concept": "lang", "prompt": "id"}
    with tempfile.TemporaryDirectory() as folder:
        read(Path(folder), text.encode(), columns, name="rows.jsonl")


@given(st.binary(max_size=300))
def test_no_bytes_make_looking_raise(content: bytes) -> None:
    for name in ("t.csv", "t.jsonl", "t.parquet"):
        recognised(content, MAP, name)
        assert tables.Tables(MAP) is not None


DIRECTED = {"item": "id", "score": "s", "rater": "r", "concept": "c", "direction": "d"}


def directions(
    folder: Path, rows: str, columns: dict[str, str] | None = None
) -> tuple[dict[str, str], list[str]]:
    imported, _ = read(folder, ("id,s,r,c,d\n" + rows).encode(), columns or DIRECTED)
    told = {metric.rater: metric.direction for run in imported.runs for metric in run.metrics}
    return told, [finding.code for finding in imported.findings if finding.severity != "note"]


def test_a_column_tells_the_direction_of_each_rater(tmp_path: Path) -> None:
    told, codes = directions(
        tmp_path, "1,1,acc,c,Higher\n1,0,harm,c,lower is better\n2,0,acc,c,\n1,1,other,c,\n"
    )
    assert told == {"acc": "higher is better", "harm": "lower is better", "other": "unknown"}
    assert codes == []


def test_a_rater_that_is_told_both_ways_has_no_direction(tmp_path: Path) -> None:
    told, codes = directions(tmp_path, "1,1,acc,c,higher\n2,0,acc,c,lower\n1,1,b,c,lower\n1,1,b,d,lower\n")
    assert told == {"acc": "unknown", "b": "lower is better"}
    assert codes == ["direction_contradicts"]


def test_a_direction_that_is_none_is_told(tmp_path: Path) -> None:
    told, codes = directions(tmp_path, "1,1,acc,c,sideways\n")
    assert (told, codes) == ({"acc": "unknown"}, ["direction"])


def test_one_direction_counts_for_all_raters(tmp_path: Path) -> None:
    for value in ("=lower", "lower"):
        columns = {**DIRECTED, "direction": value}
        assert directions(tmp_path, "1,1,acc,c,x\n", columns) == ({"acc": "lower is better"}, [])


def test_a_column_of_directions_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("id,s\n1,1\n")
    columns = {"item": "id", "score": "s", "direction": "way"}
    with pytest.raises(InputError, match="`way`"):
        import_paths([path], with_map(columns), target=None, now=NOW)


def test_ends_of_a_scale_that_nobody_tells_are_not_known(tmp_path: Path) -> None:
    imported, _ = read(tmp_path, b"id,correct\n1,0\n2,1\n", MAP)
    (metric,) = imported.runs[0].metrics
    assert (metric.scale, metric.minimum, metric.maximum) == ("binary", None, None)


@pytest.mark.parametrize(
    "error", [duckdb.OutOfMemoryException, duckdb.InternalException, MemoryError, OverflowError]
)
def test_an_engine_that_gives_up_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    path = tmp_path / "answers.parquet"
    duckdb.sql("SELECT 1 AS id, 1.0 AS correct").write_parquet(str(path))
    source = Source("answers.parquet", path, path.stat().st_size)
    table = table_files.look(source, path.read_bytes())
    assert table is not None

    class Failing:
        def execute(self, _: str) -> None:
            raise error("x")

        def __enter__(self) -> "Failing":
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(duckdb, "connect", lambda *_, **__: Failing())
    assert table_files.look(source, path.read_bytes()) is None
    monkeypatch.setattr(table_files, "_parquet_columns", lambda _: {"id": "INTEGER", "correct": "DOUBLE"})

    class Heard:
        codes: list[str] = []  # noqa: RUF012 - of this test alone

        def add_finding(self, _: str, code: str, *__: object, **___: object) -> None:
            self.codes.append(code)

    heard = Heard()
    assert list(table_files.records(table, source, heard, ["id", "correct"])) == []  # type: ignore[arg-type]
    assert heard.codes == ["broken_table"]
