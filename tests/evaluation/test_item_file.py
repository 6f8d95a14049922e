"""Item files: the same items from every format, and a clear mistake with file and line for all else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.errors import ConsilienceError, InputError, LimitError, Where
from consilience.evaluation import bounded_file, item_file, item_parquet
from consilience.evaluation.faults import Faults
from consilience.evaluation.item_file import (
    DataSetAbout,
    Format,
    ItemRow,
    Reading,
    file_format,
    read_item_file,
)

PLAIN = Reading()


def rows_of(
    path: Path, format_: Format, reading: Reading = PLAIN
) -> tuple[list[ItemRow], DataSetAbout | None, Faults]:
    faults = Faults()
    rows, about = read_item_file(path, path.name, format_, reading, faults)
    return rows, about, faults


def written(folder: Path, content: str | bytes, name: str = "items.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def mistakes(path: Path, format_: Format, reading: Reading = PLAIN) -> list[tuple[int | None, str]]:
    """Line and message of every mistake, whether collected or raised."""
    try:
        _, _, faults = rows_of(path, format_, reading)
    except ConsilienceError as error:
        where = error.where or Where()
        assert where.file == path.name
        return [(where.line, error.detail)]
    assert all(fault.where.file == path.name for fault in faults.shown)
    return [(fault.where.line, fault.message) for fault in faults.shown]


EXPECTED = [
    {
        "id": "7",
        "language": "en",
        "prompt": "Wie\nviel?",
        "target": "3",
        "choices": ("1", "3"),
        "split": "tuning",
    },
    {
        "id": "b",
        "language": "fr",
        "prompt": "Où, «là» ; ici ?",
        "accept": ("oui", "si"),
        "translation_of": "7",
    },
]


def facts(rows: list[ItemRow]) -> list[dict[str, Any]]:
    fields = ("id", "language", "prompt", "target", "choices", "accept", "split", "translation_of")
    return [{name: value for name in fields if (value := getattr(row, name))} for row in rows]


def test_jsonl(tmp_path: Path) -> None:
    text = (
        "\ufeff"
        + '{"id": 7, "language": "en", "prompt": "Wie\\nviel?", "target": 3, "choices": [1, "3"], '
        + '"split": "tuning"}'
        + "\r\n\n"
        + '{"id": "b", "language": "fr", "prompt": "Où, «là» ; ici ?", "accept": ["oui", "si"], '
        + '"translation_of": 7, "note": null}'
    )
    rows, about, faults = rows_of(written(tmp_path, text), "jsonl")
    assert (facts(rows), about, faults.count) == (EXPECTED, None, 0)
    assert [row.line for row in rows] == [1, 3]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_csv_as_spreadsheets_write_it(tmp_path: Path, delimiter: str, mark: bytes) -> None:
    columns = ["id", "language", "prompt", "target", "choices", "accept", "split", "translation_of"]
    cells = [
        ["7", "en", '"Wie\r\nviel?"', "3", "1 | 3", "", "tuning", ""],
        ["b", "fr", '"Où, «là» ; ici ?"', "", "", '"[""oui"", ""si""]"', "", "7"],
    ]
    text = "\r\n".join(delimiter.join(row) for row in [columns, *cells]) + "\r\n"
    rows, _, faults = rows_of(written(tmp_path, mark + text.encode(), "items.csv"), "csv")
    assert facts(rows) == EXPECTED
    assert faults.count == 0
    assert [row.line for row in rows] == [2, 4]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            "COPY (SELECT * FROM (VALUES (7, 'en', E'Wie\\nviel?', '3', ['1', '3'], NULL, 'tuning', NULL), "
            "(8, 'fr', 'Où, «là» ; ici ?', NULL, NULL, ['oui', 'si'], NULL, 7)) "
            f"t(id, language, prompt, target, choices, accept, split, translation_of)) TO '{path}' (FORMAT "
            "parquet)"
        )
    rows, _, faults = rows_of(path, "parquet")
    assert facts(rows) == [EXPECTED[0], EXPECTED[1] | {"id": "8"}]
    assert faults.count == 0
    assert [row.line for row in rows] == [1, 2]


def test_data_set_form(tmp_path: Path) -> None:
    document = {
        "name": "N",
        "description": "examples [ {",
        "license": "CC-BY-4.0",
        "reference": "r",
        "extra": [{"a": [1]}],
        "examples": [{"id": "a", "input": "Why?\n}", "target": 4}, {"input": "How?"}, {"input": "How?"}],
    }
    path = written(tmp_path, json.dumps(document, indent=1), "set.json")
    rows, about, faults = rows_of(path, "dataset")
    assert about == DataSetAbout(name="N", description="examples [ {", license="CC-BY-4.0", reference="r")
    assert faults.count == 0
    assert [(row.prompt, row.target) for row in rows] == [("Why?\n}", "4"), ("How?", None), ("How?", None)]
    assert rows[0].id == "a"
    assert rows[1].id.startswith("sha-")
    assert rows[2].id == rows[1].id + "-2"
    text = path.read_text().splitlines()
    assert all(text[row.line - 1].strip() == "{" for row in rows)
    assert [row.line for row in rows] == [14, 19, 22]


def test_ids_made_of_content_do_not_depend_on_the_file(tmp_path: Path) -> None:
    one = written(tmp_path, json.dumps({"examples": [{"input": "a"}, {"input": "b"}]}), "one.json")
    two = written(tmp_path, json.dumps({"examples": [{"input": "b"}, {"input": "a"}]}), "two.json")
    assert {row.id for row in rows_of(one, "dataset")[0]} == {row.id for row in rows_of(two, "dataset")[0]}


def test_columns_are_renamed_and_left_out(tmp_path: Path) -> None:
    reading = Reading(columns={"prompt": "question", "id": "nr"}, without=("target", "source"))
    path = written(tmp_path, '{"nr": 1, "question": "Why?", "target": "label", "source": "x"}\n')
    rows, _, faults = rows_of(path, "jsonl", reading)
    assert faults.count == 0
    assert (rows[0].id, rows[0].prompt, rows[0].target) == ("1", "Why?", None)


GOOD = b'{"id": "a", "prompt": "Why?"}\n'


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (GOOD + b'{"id": "b"}\n', 2, "no `prompt`"),
        (GOOD + b'{"prompt": "Why?"}\n', 2, "no `id`"),
        (GOOD + b'{"id": "", "prompt": "Why?"}\n', 2, "no `id`"),
        (GOOD + b'{"id": "b", "promt": "Why?"}\n', 2, "unknown key `promt`"),
        (GOOD + b'{"id": "b", "prompt": 5}\n', 2, "`prompt` must be text"),
        (GOOD + b'{"id": true, "prompt": "Why?"}\n', 2, "`id` must be text"),
        (GOOD + b'{"id": "b", "prompt": "Why?", "choices": "x"}\n', 2, "`choices` must be a list"),
        (GOOD + b'{"id": "b", "prompt": "Why?", "choices": [null]}\n', 2, "`choices` must be a list"),
        (GOOD + b'{"id": "b\\u001b", "prompt": "Why?"}\n', 2, "`id` has control characters"),
        (GOOD + b'{"id": "b", "prompt": "Why?", "target": NaN}\n', 2, "no JSON"),
        (GOOD + b'{"id": "b", "prompt": "Why?", "target": -Infinity}\n', 2, "no JSON"),
        (GOOD + b'{"id": "b", "prompt": "Why?", "target": 1e999}\n', 2, "no JSON"),
        (GOOD + b'{"id": "b", "prompt": "\\ud800"}\n', 2, "no JSON"),
        (GOOD + b'{"id": "b", "prompt": "Why?"\n', 2, "no JSON"),
        (GOOD + b'["id"]\n', 2, "a JSON object is expected, not a list"),
        (GOOD + b'{"id": "b", "id": "c", "prompt": "Why?"}\n', 2, "the key `id` stands twice"),
        (GOOD + b'{"id": "b", "prompt" : "x", "target": {"a": 1, "a": 2}}\n', 2, "the key `a` stands twice"),
        (GOOD + b"[" * 100_000 + b"\n", 2, "nested too deeply"),
        (b"", None, "no items"),
        (b"\n\n", None, "no items"),
    ],
)
def test_bad_jsonl_is_told_with_file_and_line(
    tmp_path: Path, content: bytes, line: int | None, words: str
) -> None:
    found = mistakes(written(tmp_path, content), "jsonl")
    assert [place for place, _ in found] == [line]
    assert words in found[0][1]


def test_nan_is_explained(tmp_path: Path) -> None:
    _, _, faults = rows_of(written(tmp_path, '{"id": 1, "prompt": "x", "target": NaN}\n'), "jsonl")
    assert "NaN and Infinity are no JSON" in faults.shown[0].next_step


def test_a_near_key_is_suggested(tmp_path: Path) -> None:
    _, _, faults = rows_of(written(tmp_path, '{"id": 1, "prompt": "x", "traget": "y"}\n'), "jsonl")
    assert "Did you mean `target`?" in faults.shown[0].next_step


def test_mistakes_are_collected_and_bounded(tmp_path: Path) -> None:
    _, _, faults = rows_of(written(tmp_path, '{"id": 1}\n' * 5_000), "jsonl")
    error = faults.error()
    assert isinstance(error, InputError)
    assert faults.count == 1_000
    assert len(faults.shown) == 20
    assert "items.jsonl, line 20:" in str(error)
    assert "and 980 more" in str(error)


def test_invalid_utf8_names_line_and_byte(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD + b'{"id": "b", "prompt": "caf\xe9"}\n')
    with pytest.raises(InputError) as caught:
        rows_of(path, "jsonl")
    where = caught.value.where
    assert where is not None
    assert (where.file, where.line) == ("items.jsonl", 2)
    assert where.offset is not None
    assert path.read_bytes()[where.offset - 1] == 0xE9


def test_invalid_utf8_of_a_whole_file_names_line_and_byte(tmp_path: Path) -> None:
    path = written(tmp_path, b'{"name": "x",\n "examples": "\xff"}', "set.json")
    with pytest.raises(InputError) as caught:
        rows_of(path, "dataset")
    where = caught.value.where
    assert where is not None
    assert where.line == 2
    assert where.offset is not None
    assert path.read_bytes()[where.offset - 1] == 0xFF


def test_utf16_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "id;prompt\n1;a\n".encode("utf-16"), "items.csv")
    assert "UTF-16" in mistakes(path, "csv")[0][1]


def test_a_line_of_100_megabytes_is_refused_without_being_read(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "items.jsonl"
    with path.open("wb") as file:
        file.write(GOOD)
        file.truncate(100 * 1024 * 1024)
    tracemalloc.start()
    try:
        with pytest.raises(LimitError) as caught:
            rows_of(path, "jsonl")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.where == Where(file="items.jsonl", line=2)
    assert peak < 4 * bounded_file.MAX_LINE_BYTES


def test_the_data_set_form_has_a_size_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, json.dumps({"examples": [{"input": "x" * 500}]}), "set.json")
    assert len(rows_of(path, "dataset")[0]) == 1
    monkeypatch.setattr(item_file, "MAX_DATA_SET_BYTES", 500)
    with pytest.raises(LimitError, match="larger than"):
        rows_of(path, "dataset")


@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
def test_the_number_of_items_has_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: Format
) -> None:
    path = tmp_path / f"items.{format_}"
    if format_ == "jsonl":
        path.write_bytes(GOOD * 4)
    else:
        duckdb.execute(
            f"COPY (SELECT 'a' || i AS id, 'x' AS prompt FROM range(4) r(i)) TO '{path}' (FORMAT parquet)"
        )
    monkeypatch.setattr(item_file, "MAX_ITEMS", 3)
    monkeypatch.setattr(item_parquet, "MAX_ITEMS", 3)
    with pytest.raises(LimitError, match="items"):
        rows_of(path, format_)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("prompt", "x" * 100_001, "100,001 characters; the limit is 100,000"),
        ("id", "x" * 201, "201 characters; the limit is 200"),
        ("target", "x" * 10_001, "10,001 characters; the limit is 10,000"),
        ("choices", ["x"] * 1_001, "1,001 members; the limit is 1,000"),
        ("choices", ["x" * 10_001], "a member of 10,001 characters; the limit is 10,000"),
    ],
)
def test_texts_have_limits(tmp_path: Path, field: str, value: Any, words: str) -> None:
    row = {"id": "a", "prompt": "b"} | {field: value}
    found = mistakes(written(tmp_path, json.dumps(row)), "jsonl")
    assert [line for line, _ in found] == [1]
    assert words in found[0][1]


def test_parquet_texts_have_a_limit_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    duckdb.execute(f"COPY (SELECT 'a' AS id, repeat('x', 500000) AS question) TO '{path}' (FORMAT parquet)")
    with pytest.raises(LimitError, match="characters"):
        rows_of(path, "parquet", Reading(columns={"prompt": "question"}))


def parquet(path: Path, columns: str, rows: int = 1) -> Path:
    path.parent.mkdir(exist_ok=True)
    duckdb.execute(
        f"COPY (SELECT 'a' || i AS id, 'x' AS prompt, {columns} FROM range({rows}) r(i)) TO '{path}' "
        "(FORMAT parquet, COMPRESSION zstd)"
    )
    return path


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("['x'] AS choices", ""),
        ("range(1001) AS choices", "1,000 members"),
        ("[repeat('x', 2200000)] AS accept", "characters"),
        ("['x'::BLOB] AS note", "neither texts nor numbers"),
        ("repeat('x', 10)::BLOB AS note", "neither texts nor numbers"),
    ],
)
def test_parquet_columns_have_limits_before_they_are_read(tmp_path: Path, column: str, words: str) -> None:
    path = parquet(tmp_path / "items.parquet", column)
    if not words:
        assert rows_of(path, "parquet")[0][0].choices == ("x",)
        return
    with pytest.raises(InputError, match=words):
        rows_of(path, "parquet")


def test_parquet_texts_together_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path / "items.parquet", "repeat('x', 1000) AS note, ['yy'] AS accept", rows=100)
    assert len(rows_of(path, "parquet")[0]) == 100
    monkeypatch.setattr(item_parquet, "MAX_ALL_BYTES", 100_000)
    with pytest.raises(LimitError, match="together"):
        rows_of(path, "parquet")


def test_parquet_columns_that_are_not_known_are_told_and_not_read(tmp_path: Path) -> None:
    """Many columns of long texts are kilobytes in the file and gigabytes in memory."""
    names = tuple(f"c{number}" for number in range(5))
    wide = ", ".join(f"repeat('x', 500000)::BLOB AS {name}" for name in names)
    path = parquet(tmp_path / "items.parquet", wide, rows=2)
    assert {f"unknown key `{name}`" for name in names} == {words for _, words in mistakes(path, "parquet")}


def test_a_folder_of_a_parquet_file_makes_no_column(tmp_path: Path) -> None:
    path = parquet(tmp_path / "lang=sw" / "items.parquet", "'n' AS note")
    assert rows_of(path, "parquet")[2].count == 0


def test_what_is_no_parquet_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, b"PAR1" + bytes(100), "items.parquet")
    assert "cannot be read as Parquet" in mistakes(path, "parquet")[0][1]


def test_a_pattern_in_a_parquet_name_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, b"", "item*.parquet")
    assert "must not hold" in mistakes(path, "parquet")[0][1]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("id,prompt\na,b,c\n", 2, "3 cells; the header has 2"),
        ("id,prompt\n\na\n", 3, "1 cells; the header has 2"),
        ('id,prompt\na,"b" c\n', 2, "no CSV"),
        ("id,id\na,b\n", 1, "stands twice"),
        ("\n", 1, "no header"),
        ("id,question\na,b\n", 2, "unknown key `question`"),
        ('id,prompt,choices\na,b,"[1,"\n', 2, "no JSON list"),
        (",".join(f"c{n}" for n in range(1_001)) + "\n", 1, "more than 1,000 columns"),
    ],
)
def test_bad_csv_is_told_with_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    found = mistakes(written(tmp_path, text, "items.csv"), "csv")
    assert found[0][0] == line
    assert words in found[0][1]


def test_a_quote_that_never_ends_is_bounded(tmp_path: Path) -> None:
    path = written(tmp_path, 'id,prompt\na,"' + "x\n" * 200_000, "items.csv")
    assert "no CSV" in mistakes(path, "csv")[0][1]


def test_examples_must_be_objects(tmp_path: Path) -> None:
    assert "list of objects" in mistakes(written(tmp_path, '{"examples": [1]}', "a.json"), "dataset")[0][1]
    assert "list of objects" in mistakes(written(tmp_path, "{}", "b.json"), "dataset")[0][1]


def test_the_format_is_known_by_the_ending(tmp_path: Path) -> None:
    endings = {
        "a.jsonl": "jsonl",
        "a.NDJSON": "jsonl",
        "a.tsv": "csv",
        "a.parquet": "parquet",
        "a.json": "dataset",
    }
    assert {name: file_format(name, PLAIN, Where()) for name in endings} == endings
    assert file_format("a.txt", Reading(format="csv"), Where()) == "csv"
    with pytest.raises(InputError, match="not known by its ending"):
        file_format("a.txt", PLAIN, Where())


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_told(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    for format_, name in (("jsonl", "a.jsonl"), ("csv", "a.csv"), ("dataset", "a.json")):
        path = written(folder, content, name)
        told: InputError | None = None
        try:
            rows, _, faults = rows_of(path, format_)  # type: ignore[arg-type]
        except InputError as error:
            told = error
        if told is None:
            assert rows or faults.count
        else:
            assert told.where is not None
            assert told.where.file == name


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "id": st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True),
                "prompt": st.text(st.characters(codec="utf-8")),
            },
            optional={
                "target": st.text(st.characters(codec="utf-8"), min_size=1, max_size=5),
                "choices": st.lists(st.text(st.characters(codec="utf-8"), max_size=4), max_size=3),
            },
        ),
        min_size=1,
        max_size=4,
    )
)
def test_jsonl_rows_come_out_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    text = "".join(json.dumps(row) + "\n" for row in rows)
    found, _, faults = rows_of(written(folder, text), "jsonl")
    assert faults.count == 0
    assert [(row.id, row.prompt, row.target, row.choices) for row in found] == [
        (
            row["id"],
            row["prompt"].replace("\r\n", "\n"),
            row["target"].replace("\r\n", "\n") if "target" in row else None,
            tuple(choice.replace("\r\n", "\n") for choice in row.get("choices", [])),
        )
        for row in rows
    ]


@pytest.mark.parametrize(("limit", "words"), [("MAX_FILE_BYTES", "larger"), ("MAX_COLUMNS", "columns")])
def test_parquet_files_have_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, words: str
) -> None:
    path = tmp_path / "items.parquet"
    duckdb.execute(f"COPY (SELECT 'a' AS id, 'x' AS prompt) TO '{path}' (FORMAT parquet)")
    assert len(rows_of(path, "parquet")[0]) == 1
    monkeypatch.setattr(item_parquet, limit, 1)
    with pytest.raises(LimitError, match=words):
        rows_of(path, "parquet")


def test_a_text_that_looks_like_a_key_is_no_second_key(tmp_path: Path) -> None:
    line = json.dumps({"id": "a", "prompt": 'What does "id": mean, and "id": again?', "target": '"id":'})
    rows, _, faults = rows_of(written(tmp_path, line + "\n"), "jsonl")
    assert (faults.count, rows[0].target) == (0, '"id":')


def test_a_key_that_stands_twice_in_a_data_set_is_told(tmp_path: Path) -> None:
    content = '{"name": "n", "examples": [{"id": "a", "input": "x", "input": "y"}]}'
    with pytest.raises(InputError, match="`input` stands twice"):
        rows_of(written(tmp_path, content), "dataset")


@pytest.mark.parametrize(
    "content", [b'id,prompt\na,"open\n', b"id,id,prompt\na,b,c\n", b"[1]\n", b"[" * 100_000]
)
def test_every_refusal_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    form: Format = "jsonl" if content.startswith(b"[") else "csv"
    try:
        _, _, faults = rows_of(written(tmp_path, content), form)
        step = faults.shown[0].next_step
    except ConsilienceError as error:
        step = error.next_step
    assert step
