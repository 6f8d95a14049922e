"""Sheets as CSV and XLSX: round trips, what spreadsheet programs do to them, and hostile files."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import msgspec
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.annotated_runs import GUIDELINE, HUMAN

from consilience.errors import InputError, LimitError, MissingExtraError
from consilience.evaluation import annotation_file, annotation_xlsx
from consilience.evaluation.annotation import MAX_ROWS, Sheet, SheetRow, shown, unprotected
from consilience.evaluation.annotation_file import (
    MAX_CELL_CHARS,
    MAX_LINE_CHARS,
    MAX_READ_COLUMNS,
    csv_bytes,
    read_sheet,
    write_sheet,
)
from consilience.evaluation.annotation_xlsx import MAX_ELEMENTS_TOGETHER, MAX_PARTS, xlsx_bytes
from consilience.evaluation.protocol import Rater, RaterKind, Scale

HEADER = "code,language,prompt,answer,score,comment,check"
TRICKY = [
    "=1+1", "'=1", "-5", "+x", "@a", "\t=x", "00123", "1E5", "2024-01-02",
    'a "quote"', "a,b;c\td", "line\nline", "_x0041_", "مرحبا", " pad ",
]  # fmt: skip


def a_sheet(texts: list[str], rater: Rater = HUMAN, language: str = "en") -> Sheet:
    rows = tuple(
        SheetRow(
            code=f"CODE{chr(66 + place)}",
            language=language,
            prompt=text,
            answer=text,
            target=None,
            check=f"x{place}",
        )
        for place, text in enumerate(texts)
    )
    return Sheet(title="A title", guideline=GUIDELINE, protocol_digest="sha256:0", rater=rater, rows=rows)


@pytest.mark.parametrize("name", ["sheet.csv", "sheet.xlsx"])
def test_a_sheet_comes_back_as_it_left(tmp_path: Path, name: str) -> None:
    write_sheet(a_sheet(TRICKY), tmp_path / name)
    rows = read_sheet(tmp_path / name)
    read = unprotected if name.endswith(".csv") else str
    assert [read(row.text("answer")) for row in rows] == TRICKY
    assert [read(row.text("prompt")) for row in rows] == TRICKY
    assert rows[0].text("check") == "x0"
    assert {row.text("score") for row in rows} == {""}


@given(texts=st.lists(st.text(min_size=1, max_size=40).map(shown), min_size=1, max_size=5))
def test_any_shown_text_survives_both_formats(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("sheet")
    for name, read in (("sheet.csv", unprotected), ("sheet.xlsx", str)):
        write_sheet(a_sheet(texts), folder / name)
        assert [read(row.text("answer")) for row in read_sheet(folder / name)] == texts


def test_csv_opens_in_spreadsheet_programs() -> None:
    content = csv_bytes(a_sheet(["=cmd|'/c calc'!A0", "é"]))
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == 3
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert rows[0] == HEADER.split(",")
    for row in rows[1:]:
        assert not [cell for cell in row if cell[:1] in set("=+-@\t\r") and cell]


def test_csv_has_a_guideline_beside_it(tmp_path: Path) -> None:
    files = write_sheet(a_sheet(["x"]), tmp_path / "sheet.csv")
    text = files[1].read_text(encoding="utf-8")
    for part in (GUIDELINE, "yes, no", "sha256:0", "people"):
        assert part in text


def loaded(sheet: Sheet) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(xlsx_bytes(sheet)))


def test_xlsx_cells_are_text_and_never_formulas() -> None:
    page = loaded(a_sheet(TRICKY))["rating"]
    for row in page.iter_rows(min_row=2):
        for cell in row:
            assert cell.data_type in {"s", "n", "inlineStr"}
            assert cell.value is None or isinstance(cell.value, str)
            assert cell.number_format == "@"
    assert page["C2"].value == "=1+1"
    assert page["C2"].data_type == "s"
    assert page["C2"].quotePrefix
    with zipfile.ZipFile(io.BytesIO(xlsx_bytes(a_sheet(TRICKY)))) as package:
        assert b"<f>" not in package.read("xl/worksheets/sheet1.xml")


def test_xlsx_offers_the_labels_and_shows_the_guideline() -> None:
    workbook = loaded(a_sheet(["a", "b"]))
    rule = workbook["rating"].data_validations.dataValidation[0]
    assert (rule.type, str(rule.sqref)) == ("list", "E2:E3")
    first, last = rule.formula1.replace("guideline!", "").replace("$", "").split(":")
    assert [cell.value for row in workbook["guideline"][first:last] for cell in row] == ["yes", "no"]
    assert GUIDELINE in [cell.value for cell in workbook["guideline"]["A"]]


def test_xlsx_bounds_numbers_where_there_are_no_labels() -> None:
    grades = Rater(id="g", kind=RaterKind.HUMAN, scale=Scale(kind="ordinal", minimum=1, maximum=5))
    rule = loaded(a_sheet(["a"], grades))["rating"].data_validations.dataValidation[0]
    assert (rule.type, rule.formula1, rule.formula2) == ("whole", "1", "5")


def test_xlsx_is_laid_out_right_to_left_where_the_language_is() -> None:
    arabic, english = loaded(a_sheet(["أ"], language="ar"))["rating"], loaded(a_sheet(["a"]))["rating"]
    assert arabic.sheet_view.rightToLeft
    assert arabic["D2"].alignment.readingOrder == 2
    assert not english.sheet_view.rightToLeft
    assert english["D2"].alignment.readingOrder == 0


def test_the_target_is_a_column_only_where_it_is_shown() -> None:
    rater = msgspec.structs.replace(HUMAN, options={"show_target": True})
    sheet = a_sheet(["a"], rater)
    sheet = msgspec.structs.replace(sheet, rows=(msgspec.structs.replace(sheet.rows[0], target="=t"),))
    assert b'"\'=t"' in csv_bytes(sheet)
    assert b"target" not in csv_bytes(a_sheet(["a"]))


@pytest.mark.parametrize(
    ("delimiter", "encoding", "first"),
    [(";", "utf-8-sig", ""), ("\t", "utf-16", ""), (",", "utf-8", ""), (";", "utf-8-sig", "sep=;\r\n")],
)
def test_what_spreadsheet_programs_save_is_read(
    tmp_path: Path, delimiter: str, encoding: str, first: str
) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter)
    writer.writerows(
        [HEADER.upper().split(","), ["AB", "fr", "p", "d’été, oui; non", "yes", "", "x"], [""] * 7]
    )
    path = tmp_path / "sheet.csv"
    path.write_bytes((first + buffer.getvalue()).encode(encoding))
    (row,) = read_sheet(path)
    assert (row.text("answer"), row.text("score"), row.line) == ("d’été, oui; non", "yes", 3 if first else 2)


def written(tmp_path: Path, content: bytes, name: str = "sheet.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_a_code_page_is_a_clear_error(tmp_path: Path) -> None:
    path = written(tmp_path, f"{HEADER}\r\nAB,fr,p,été,yes,,x\r\n".encode("cp1252"))
    with pytest.raises(InputError, match="not UTF-8") as error:
        read_sheet(path)
    assert error.value.where is not None
    assert error.value.where.line == 2
    assert "CSV UTF-8" in error.value.next_step


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\r\n\r\n", "empty"),
        (b"code,prompt,answer,check\r\n", "no column score"),
        (b"code,code,prompt,answer,score,check\r\n", "two columns code"),
        (f'{HEADER}\r\n"open'.encode(), "as CSV"),
        (b"PK\x03\x04rest", r"named \.csv"),
        (b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_what_is_no_sheet_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_sheet(written(tmp_path, content))


@pytest.mark.parametrize("name", ["sheet.ods", "sheet"])
def test_other_kinds_of_files_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"neither \.csv nor \.xlsx"):
        read_sheet(written(tmp_path, b"x", name))
    with pytest.raises(InputError, match=r"neither \.csv nor \.xlsx"):
        write_sheet(a_sheet(["x"]), tmp_path / name)


def test_limits_of_rows_columns_and_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = "AB,fr,p,a,yes,,x\r\n"
    fits = written(tmp_path, (HEADER + "\r\n" + row * MAX_ROWS).encode())
    assert len(read_sheet(fits)) == MAX_ROWS
    for content in (
        HEADER + "\r\n" + row * (MAX_ROWS + 1),
        HEADER + "\r\nAB,fr,p," + "a" * (MAX_CELL_CHARS + 1) + ",yes,,x\r\n",
        HEADER + "\r\nAB,fr,p," + "a" * 200_000 + ",yes,,x\r\n",
        HEADER + "\r\nAB" + "," * MAX_READ_COLUMNS + "x\r\n",
        HEADER + "\r\n" + "," * MAX_LINE_CHARS + "\r\n",
    ):
        with pytest.raises(LimitError):
            read_sheet(written(tmp_path, content.encode()))
    monkeypatch.setattr(annotation_file, "MAX_FILE_BYTES", 10)
    with pytest.raises(LimitError, match="larger than"):
        read_sheet(fits)


def package(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def parts_of(sheet: Sheet) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(xlsx_bytes(sheet))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotation_xlsx, "MAX_UNPACKED_BYTES", 1_000_000)
    parts = parts_of(a_sheet(["x"])) | {"xl/media/zeros": b"\0" * 1_000_001}
    path = written(tmp_path, package(parts), "sheet.xlsx")
    assert path.stat().st_size < 100_000
    with pytest.raises(LimitError, match="unpacked"):
        read_sheet(path)


def test_too_many_parts_are_refused(tmp_path: Path) -> None:
    parts = parts_of(a_sheet(["x"])) | {f"extra/{number}": b"" for number in range(MAX_PARTS)}
    with pytest.raises(LimitError, match="parts"):
        read_sheet(written(tmp_path, package(parts), "sheet.xlsx"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("padding", [0, 3_000_000])
def test_declared_entities_are_refused(tmp_path: Path, encoding: str, padding: int) -> None:
    parts = parts_of(a_sheet(["x"]))
    start = f"<!--{'x' * padding}--><!doctype a [<!entity b 'c'>]>".encode(encoding)
    parts["xl/worksheets/sheet1.xml"] = start + parts["xl/worksheets/sheet1.xml"]
    with pytest.raises(InputError, match="document type"):
        read_sheet(written(tmp_path, package(parts), "sheet.xlsx"))


def swollen(part: str, before: bytes, more: bytes) -> bytes:
    """A package one part of which has more than it should, in front of a mark; small as a file."""
    parts = {STRINGS: NO_STRINGS} | parts_of(a_sheet(["x"]))
    assert before in parts[part]
    parts[part] = parts[part].replace(before, more + before, 1)
    return package(parts)


SHEET, STYLES, STRINGS = "xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/sharedStrings.xml"
NO_STRINGS = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"></sst>'
FEW = MAX_ELEMENTS_TOGETHER + 1


@pytest.mark.parametrize(
    ("part", "before", "more"),
    [
        (SHEET, b"</row>", b"<c/>" * FEW),
        (SHEET, b"</row>", b"<c/><row/>" * FEW),
        (SHEET, b"</row>", b"<c/><!--<row>-->" * FEW),
        (SHEET, b"</sheetData>", b"<row><row><c/>" + b"<row/>" * FEW + b"</row></row>"),
        (SHEET, b"</sheetData>", b"<a/>" * FEW),
        (SHEET, b"</sheetData>", b"<a>" * FEW + b"</a>" * FEW),
        (STRINGS, b"</sst>", b"<si>" + b"<r><t/></r>" * FEW + b"</si>"),
        (STYLES, b"</cellXfs>", b"<xf/>" * FEW),
        ("[Content_Types].xml", b"</Types>", b"<Default/>" * FEW),
    ],
)
def test_elements_that_would_fill_the_memory_are_refused(
    tmp_path: Path, part: str, before: bytes, more: bytes
) -> None:
    path = written(tmp_path, swollen(part, before, more), "sheet.xlsx")
    assert path.stat().st_size < 50_000
    with pytest.raises(LimitError, match="XML elements"):
        read_sheet(path)


def test_an_ending_does_not_hide_a_part(tmp_path: Path) -> None:
    parts = parts_of(a_sheet(["x"])) | {"xl/picture.png": b"<a>" + b"<b/>" * FEW + b"</a>"}
    with pytest.raises(LimitError, match="XML elements"):
        read_sheet(written(tmp_path, package(parts), "sheet.xlsx"))


def test_all_elements_together_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, swollen(SHEET, b"</sheetData>", b"<row/>" * 5_000), "sheet.xlsx")
    assert len(read_sheet(path)) == 1
    monkeypatch.setattr(annotation_xlsx, "MAX_ELEMENTS", 5_000)
    with pytest.raises(LimitError, match="XML elements"):
        read_sheet(path)


def test_a_cell_far_to_the_right_costs_nothing(tmp_path: Path) -> None:
    cell = b'<row r="9"><c r="XFD9"><v>1</v></c></row>'
    content = swollen(SHEET, b"</sheetData>", cell)
    assert len(read_sheet(written(tmp_path, content, "sheet.xlsx"))) == 1


def test_broken_packages_are_refused(tmp_path: Path) -> None:
    whole = xlsx_bytes(a_sheet(["x"]))
    cases = [b"no package", whole[:100], whole[: len(whole) // 2], package({"a": b""})]
    parts = parts_of(a_sheet(["x"]))
    cases.append(package(parts | {"xl/worksheets/sheet1.xml": b"<worksheet><sheetData><row r='x'>"}))
    cases.append(package(parts | {"xl/worksheets/sheet1.xml": parts["xl/worksheets/sheet1.xml"][:-40]}))
    cases.append(package(parts | {"xl/workbook.xml": b"<html/>"}))
    for content in cases:
        with pytest.raises(InputError):
            read_sheet(written(tmp_path, content, "sheet.xlsx"))


def test_a_row_far_away_is_refused(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    for column, name in enumerate(HEADER.split(","), start=1):
        workbook.active.cell(1, column, name)
    workbook.active.cell(1_048_576, 1, "AB")
    buffer = io.BytesIO()
    workbook.save(buffer)
    with pytest.raises(LimitError, match="rows"):
        read_sheet(written(tmp_path, buffer.getvalue(), "sheet.xlsx"))


def test_values_of_a_spreadsheet_keep_their_types(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.active.append(HEADER.split(","))
    workbook.active.append(["AB", "en", 12, "a", 1.0, True, "x"])
    buffer = io.BytesIO()
    workbook.save(buffer)
    (row,) = read_sheet(written(tmp_path, buffer.getvalue(), "sheet.xlsx"))
    assert (row.cells["score"], row.cells["comment"], row.text("prompt"), row.text("language")) == (
        1.0,
        True,
        "12",
        "en",
    )


def test_without_openpyxl_there_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(MissingExtraError) as error:
        write_sheet(a_sheet(["x"]), tmp_path / "sheet.xlsx")
    assert "consilience[xlsx]" in error.value.next_step
