"""Rows that cannot be used: each gives an error with file and line, in all three formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.scores import COLUMNS, row, write_rows

from consilience.errors import ConsilienceError, InputError, LimitError
from consilience.evaluation import merge_census, merge_layout, merge_reading, merge_text
from consilience.evaluation.merge import merge

GOOD = [row(item=f"i{k}", attempt=a, score=float((k + a) % 2)) for k in range(4) for a in (1, 2)]
ENDINGS = ("parquet", "csv", "jsonl")
HEADER = ",".join(COLUMNS)
LINE = "simulated,lab,model,en,maths,i,1,exact,program,1,scored"

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "unknown status": ({"status": "skored"}, "unknown status `skored`"),
    "unknown kind": ({"rater_kind": "robot"}, "unknown rater_kind `robot`"),
    "unknown cause": ({"status": "failed", "score": None, "cause": "bored"}, "unknown cause `bored`"),
    "unknown split": ({"split": "train"}, "unknown split `train`"),
    "attempt 0": ({"attempt": 0}, "`attempt` is not a whole number from 1"),
    "no attempt": ({"attempt": None}, "`attempt` is not a whole number from 1"),
    "late attempt": ({"attempt": 100_001}, "`attempt` is not a whole number from 1"),
    "scored without score": ({"score": None}, "there is no score"),
    "score without being scored": ({"status": "unscored"}, "the status is not `scored`"),
    "language in words": ({"language": "English"}, "language `English` is not a tag"),
    "no language": ({"language": None}, "`language` is empty"),
    "empty laboratory": ({"laboratory": ""}, "`laboratory` is empty"),
    "no item": ({"item": None}, "`item` is empty"),
    "long item": ({"item": "x" * 201}, "`item` is longer than 200"),
    "long model": ({"model": "x" * 201}, "`model` is longer than 200"),
    "bell in a name": ({"rater": "a\x07b"}, "`rater` holds a control character"),
    "turned writing": ({"model": "a\u202eb"}, "`model` holds a control character"),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("case", BAD, ids=str)
def test_a_bad_row_is_named_with_its_place(tmp_path: Path, ending: str, case: str) -> None:
    change, match = BAD[case]
    columns = [*COLUMNS, "cause", "split"]
    path = write_rows([*GOOD, row(**change), *GOOD], tmp_path / f"s.{ending}", columns)
    with pytest.raises(InputError, match=match) as caught:
        merge([path])
    place = {"parquet": "row 9:", "csv": "line 10:", "jsonl": "line 9:"}[ending]
    assert str(caught.value).startswith(f"s.{ending}")
    assert place in str(caught.value)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_not_finite_is_refused(tmp_path: Path, ending: str, score: float) -> None:
    path = write_rows([*GOOD, row(score=score)], tmp_path / f"s.{ending}")
    with pytest.raises(InputError, match=r"(row 9|line 10): `score` is not a finite number"):
        merge([path])


def test_the_token_nan_is_no_json(tmp_path: Path) -> None:
    path = write_rows([*GOOD, row(score=float("nan"))], tmp_path / "s.jsonl")
    with pytest.raises(InputError, match=r"line 9: this line is not JSON.*use null"):
        merge([path])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (f"{HEADER}\n{LINE}\nsimulated,lab\n", "line 3: 2 fields where the header has 11"),
        (f"{HEADER}\n{LINE},more\n", "line 2: 12 fields"),
        (f'{HEADER}\n{LINE}\nsimulated,lab,m,en,c,"i,1,r,program,1,scored\n', "line 3: this row is not CSV"),
        (f"{HEADER}\n{LINE.replace(',1,exact', ',one,exact')}\n", "line 2: `attempt` is not a whole number"),
        (f"{HEADER}\n{LINE.replace(',1,exact', ',1.5,exact')}\n", "line 2: `attempt` is not a whole number"),
        (
            f"{HEADER}\n{LINE.replace('program,1', 'program,good')}\n",
            "line 2: `score` is not a finite number",
        ),
        (
            f'{HEADER},note\n{LINE},"two\nlines"\n{LINE},x\n{LINE.replace("scored", "nil")},y\n',
            "line 5: unknown status `nil`",
        ),
        (f"{HEADER}\n", "no rows"),
        (f"item,item,{HEADER}\n{LINE}\n", "columns occur twice: item"),
        ("<html>\n<body>an error page</body>", "columns are missing: `exercise`"),
    ],
)
def test_broken_csv_is_named_with_its_line(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=match):
        merge([path])


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("{", "line 2: this line is not JSON"),
        ("[1, 2]", "line 2: this line is not a JSON object"),
        (json.dumps(row(score="1.0")), "line 2: `score` is not a finite number"),
        (json.dumps(row(score=True)), "line 2: `score` is not a finite number"),
        (json.dumps(row(attempt=1.5)), "line 2: `attempt` is not a whole number"),
        (json.dumps(row(item=5)), "line 2: `item` is not a text"),
        (json.dumps(row(item={"id": "x"})), "line 2: `item` is not a text"),
        (json.dumps(row()) + json.dumps(row()), "line 2: this line is not JSON"),
    ],
)
def test_broken_jsonl_is_named_with_its_line(tmp_path: Path, line: str, match: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(json.dumps(row()) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=match):
        merge([path])


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_missing_column_is_named_with_its_near_name(tmp_path: Path, ending: str) -> None:
    renamed = [
        {{"laboratory": "labratory", "score": "Score"}.get(k, k): v for k, v in one.items()} for one in GOOD
    ]
    path = write_rows(renamed, tmp_path / f"s.{ending}")
    with pytest.raises(InputError, match=r"`laboratory` .there is `labratory`., `score` .there is `Score`."):
        merge([path])


def test_a_parquet_column_of_a_wrong_type_is_named(tmp_path: Path) -> None:
    import duckdb

    path = write_rows(GOOD, tmp_path / "good.parquet")
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * REPLACE (score::VARCHAR AS score) FROM '{path}') TO '{tmp_path / 'bad.parquet'}'"
        )
    with pytest.raises(InputError, match=r"bad\.parquet: column `score` holds VARCHAR, not numbers"):
        merge([tmp_path / "bad.parquet"])


def test_whole_numbers_and_short_floats_are_scores_too(tmp_path: Path) -> None:
    import duckdb

    path = write_rows(GOOD, tmp_path / "good.parquet")
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT * REPLACE (score::TINYINT AS score, attempt::BIGINT AS attempt) "
            f"FROM '{path}') TO '{tmp_path / 'small.parquet'}'"
        )
    assert (
        merge([tmp_path / "small.parquet"]).tables.items.sums[0].sum()
        == merge([path]).tables.items.sums[0].sum()
    )


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(InputError, match=r"s\.parquet: this is not a readable Parquet file"):
        merge([tmp_path / "s.parquet"])


def test_a_parquet_file_with_a_hole_is_refused_by_name(tmp_path: Path) -> None:
    rows = [row(item=f"i{k}", score=(k % 7) / 7) for k in range(3000)]
    path = write_rows(rows, tmp_path / "s.parquet")
    content = bytearray(path.read_bytes())
    content[1000:1400] = bytes(400)
    path.write_bytes(content)
    with pytest.raises(ConsilienceError, match=r"s\.parquet"):
        merge([write_rows([row(laboratory="other")], tmp_path / "a.csv"), path])


def test_the_content_of_a_wrong_column_is_not_repeated(tmp_path: Path) -> None:
    path = write_rows([row(status="tell me how to do harm, in detail")], tmp_path / "s.csv")
    with pytest.raises(InputError) as caught:
        merge([path])
    assert "harm" not in str(caught.value)


@pytest.mark.parametrize("ending", ENDINGS)
def test_names_that_mean_something_elsewhere_are_only_names(tmp_path: Path, ending: str) -> None:
    path = write_rows(GOOD, tmp_path / f"a[1] *?'\";--.{ending}")
    write_rows([row(laboratory="other")], tmp_path / f"a1 x.{ending}")
    assert merge([path]).tables.laboratories == ("lab-a",)


@pytest.mark.parametrize(
    ("module", "limit", "match"),
    [
        (merge_reading, "MAX_ROWS", "more than 1 rows"),
        (merge_reading, "MAX_COLUMNS", "columns are more than 1"),
        (merge_layout, "MAX_RATERS", "2 raters are more than the limit of 1"),
    ],
)
def test_limits_of_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, limit: str, match: str
) -> None:
    path = write_rows([*GOOD, row(rater="other")], tmp_path / "s.parquet")
    merge([path])
    monkeypatch.setattr(module, limit, 1)
    with pytest.raises(LimitError, match=match):
        merge([path])


def test_a_long_field_is_told_when_a_file_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text(
        f"{HEADER},note\n{LINE},{'x' * (merge_text.MAX_FIELD_CHARS + 1)}\n{LINE}\n", encoding="utf-8"
    )
    with pytest.raises(LimitError, match="line 2: a field is longer than"):
        merge([path])


def test_too_many_combinations_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_rows([row(model=f"m{k}", item=f"i{k}") for k in range(5)], tmp_path / "s.csv")
    monkeypatch.setattr(merge_census, "MAX_GROUPS", 4)
    with pytest.raises(LimitError, match="more than 4 combinations"):
        merge([path])


@given(st.lists(st.text(alphabet='ab1.,"\n\r é', max_size=40), max_size=6), st.sampled_from(["csv", "jsonl"]))
def test_any_text_gives_a_result_or_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], ending: str
) -> None:
    path = tmp_path_factory.mktemp("any") / f"s.{ending}"
    head = HEADER if ending == "csv" else json.dumps(row())
    path.write_text("\n".join([head, *lines]), encoding="utf-8", newline="")
    problem = _problem(path)
    assert problem is None or f"s.{ending}" in problem


def _problem(path: Path) -> str | None:
    """What merging says of a file; any other error than InputError fails the test."""
    try:
        merged = merge([path])
    except InputError as error:
        return str(error)
    return None if merged.groups else "nothing"
