"""`consilience exercise annotate` as a person meets it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import openpyxl
import pytest
from tests.evaluation.annotated_runs import make_run

from consilience.cli import main


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    make_run(tmp_path / "north", laboratory="North")
    make_run(tmp_path / "south", laboratory="South")
    return [tmp_path / "north", tmp_path / "south"]


def call(*words: object) -> int:
    with pytest.raises(SystemExit) as done:
        main(["exercise", "annotate", *(str(word) for word in words)])
    return int(done.value.code or 0)


def fill_csv(path: Path, score: str, rows: int | None = None) -> None:
    with path.open(encoding="utf-8-sig", newline="") as file:
        delimiter = ";" if ";" in file.readline() else ","
        file.seek(0)
        table = list(csv.DictReader(file, delimiter=delimiter))
    for row in table[:rows]:
        row["score"] = score
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, table[0].keys(), delimiter=";")
        writer.writeheader()
        writer.writerows(table)


def of_runs(runs: list[Path]) -> list[object]:
    return [word for run in runs for word in ("--run", run)]


def test_from_export_to_status_by_csv(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.csv"
    assert call("export", *runs, "--rater", "people", "--out", sheet) == 0
    assert capsys.readouterr().out.splitlines() == [str(sheet), str(tmp_path / "sheet.guideline.txt")]
    fill_csv(sheet, "yes", rows=5)
    assert call("import", sheet, *of_runs(runs), "--rater", "people", "--annotator", "ann-1") == 0
    out = capsys.readouterr().out
    assert "new ratings              5" in out
    assert "without score            7" in out
    assert call("status", *runs, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["rated"], document["sampled"]) == (5, 12)
    assert call("status", *runs) == 0
    assert "people" in capsys.readouterr().out


def test_from_export_to_import_by_xlsx(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.xlsx"
    assert call("export", *runs, "--rater", "people", "--out", sheet, "--language", "ar", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["rows"], document["languages"], document["files"]) == (6, ["ar"], [str(sheet)])
    workbook = openpyxl.load_workbook(sheet)
    page = workbook["rating"]
    column = [cell.value for cell in page[1]].index("score") + 1
    for row in range(2, page.max_row + 1):
        page.cell(row, column, "no")
    workbook.save(sheet)
    assert call("import", sheet, *of_runs(runs), "--rater", "people", "--simulated", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {"imported": 6, "replaced": 0, "unchanged": 0, "not_rated": 0, "findings": []}


def test_findings_are_listed_and_the_exit_code_says_so(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.csv"
    call("export", *runs, "--rater", "people", "--out", sheet)
    fill_csv(sheet, "yes")
    fill_csv(sheet, "perhaps", rows=2)
    capsys.readouterr()
    assert call("import", sheet, *of_runs(runs), "--rater", "people") == 1
    out = capsys.readouterr().out
    assert out.count("bad_score") == 2
    assert "new ratings             10" in out
    assert call("import", sheet, *of_runs(runs), "--rater", "people", "--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["imported"], document["unchanged"], len(document["findings"])) == (0, 10, 2)
    assert document["findings"][0]["line"] == 2


def test_replace(runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "sheet.csv"
    call("export", *runs, "--rater", "people", "--out", sheet)
    fill_csv(sheet, "yes")
    assert call("import", sheet, *of_runs(runs), "--rater", "people") == 0
    fill_csv(sheet, "no")
    assert call("import", sheet, *of_runs(runs), "--rater", "people") == 1
    capsys.readouterr()
    assert call("import", sheet, *of_runs(runs), "--rater", "people", "--replace", "--json") == 0
    assert json.loads(capsys.readouterr().out)["replaced"] == 12


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["export", "RUN", "--rater", "nobody", "--out", "OUT/s.csv"], "no human rater"),
        (["export", "RUN", "--rater", "people", "--out", "OUT/s.ods"], "neither .csv nor .xlsx"),
        (["export", "OUT", "--rater", "people", "--out", "OUT/s.csv"], "not the folder of a run"),
        (["status", "RUN"], "no sheet was exported"),
    ],
)
def test_wrong_input_is_said_with_exit_code_2(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], problem: str
) -> None:
    filled = [word.replace("RUN", str(runs[0])).replace("OUT", str(tmp_path)) for word in words]
    assert call(*filled, "--json") == 2
    document = json.loads(capsys.readouterr().out)
    assert problem in document["detail"]
    assert call(*filled) == 2
    assert problem in capsys.readouterr().err


def test_a_sheet_with_scores_is_not_overwritten(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.csv"
    assert call("export", *runs, "--rater", "people", "--out", sheet) == 0
    assert call("export", *runs, "--rater", "people", "--out", sheet) == 2
    assert "is there already" in capsys.readouterr().err
    assert call("export", *runs, "--rater", "people", "--out", sheet, "--force") == 0


def test_names_of_people_are_not_pseudonyms(
    runs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.csv"
    call("export", *runs, "--rater", "people", "--out", sheet)
    assert call("import", sheet, *of_runs(runs), "--rater", "people", "--annotator", "Ana Maria Lopez") == 2
    assert "pseudonym" in capsys.readouterr().err
