"""Sheets as XLSX. Needs the optional part `[xlsx]` (openpyxl), imported only when it is used.

Text cells are text, never formulas (ECMA-376, 18.3.1.4: type `s`, with quote prefix); the allowed scores are
data validation; right-to-left languages have their reading order. What is read is hostile: before anything is
parsed into anything, the package must unpack to at most 128 MiB in 200 parts with at most 3 million XML
elements, 50,000 of them in one row, one shared string or outside of these (an element costs memory many times
its length), and no part may declare a document type or an entity.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any
from xml.parsers import expat

from consilience.errors import InputError, MissingExtraError, Where
from consilience.evaluation.annotation import MAX_ROWS, Sheet, allowed_scores
from consilience.evaluation.annotation_file import MAX_READ_COLUMNS, Value, guideline_lines, too_large
from consilience.languages import direction

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

MAX_UNPACKED_BYTES = 128 * 1024 * 1024
BLOCK = 1024 * 1024
MAX_PARTS = 200
MAX_ELEMENTS = 3_000_000
"""In all parts together; 50,000 rows of 8 columns have about half as many."""
MAX_ELEMENTS_TOGETHER = 50_000
"""In one row or one shared string, and in one part outside of these."""
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main "
ROW_PATHS = {
    (MAIN + "worksheet", MAIN + "sheetData", MAIN + "row"),
    (MAIN + "sst", MAIN + "si"),
}
_ESCAPABLE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
"""How a character stands in a string of an XLSX (ECMA-376, 22.9.2.19, ST_Xstring)."""
SHEET_NAME, GUIDELINE_NAME = "rating", "guideline"
WIDTHS = {
    "code": 20,
    "language": 10,
    "prompt": 50,
    "answer": 70,
    "target": 30,
    "score": 12,
    "comment": 30,
    "check": 20,
}


def _openpyxl() -> Any:
    try:
        import openpyxl
    except ImportError as error:
        raise MissingExtraError(
            "XLSX needs openpyxl, which is not installed",
            next_step="Install `consilience[xlsx]`, or give the sheet a name that ends with .csv.",
        ) from error
    return openpyxl


def xlsx_bytes(sheet: Sheet) -> bytes:
    """Return a sheet as XLSX, with the guideline as second sheet and the allowed scores as data validation.

    Raises:
        MissingExtraError: openpyxl is not installed.
    """
    openpyxl = _openpyxl()
    workbook = openpyxl.Workbook()
    page = workbook.active
    page.title = SHEET_NAME
    _fill_page(page, sheet)
    guide = workbook.create_sheet(GUIDELINE_NAME)
    lines = guideline_lines(sheet)
    labels = allowed_scores(sheet.rater)
    for number, text in enumerate([*lines, *labels], start=1):
        _set_text(guide.cell(number, 1), text, wrap=number <= len(lines))
    guide.column_dimensions["A"].width = 100
    _add_validation(page, sheet, first_label=len(lines) + 1)
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


def _fill_page(page: Worksheet, sheet: Sheet) -> None:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    for column, name in enumerate(sheet.columns, start=1):
        page.column_dimensions[get_column_letter(column)].width = WIDTHS[name]
        header = page.cell(1, column)
        _set_text(header, name)
        header.font = Font(bold=True)
    for number, row in enumerate(sheet.rows, start=2):
        cells = row.cells()
        for column, name in enumerate(sheet.columns, start=1):
            texts = name in {"prompt", "answer", "target", "comment"}
            right = texts and direction(row.language) == "rtl"
            _set_text(page.cell(number, column), cells[name], wrap=texts, right_to_left=right)
    page.freeze_panes = "A2"
    page.sheet_view.rightToLeft = all(direction(row.language) == "rtl" for row in sheet.rows)


def _set_text(cell: Any, text: str, *, wrap: bool = False, right_to_left: bool = False) -> None:
    """Put a text into a cell as text: typed as string, format @, quote prefix, so that it never becomes a
    formula.
    """
    from openpyxl.styles import Alignment

    cell.number_format = "@"
    cell.alignment = Alignment(
        wrap_text=wrap,
        vertical="top",
        horizontal="right" if right_to_left else None,
        readingOrder=2 if right_to_left else 0,
    )
    if text:
        cell.value = _ESCAPABLE.sub("_x005F_", text)
        cell.data_type = "s"
        cell.quotePrefix = text[0] in "=+-@'"


def _unescaped(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else chr(code)


def _add_validation(page: Worksheet, sheet: Sheet, *, first_label: int) -> None:
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    scale, labels = sheet.rater.scale, allowed_scores(sheet.rater)
    if labels:
        last = first_label + len(labels) - 1
        rule = DataValidation(
            type="list", formula1=f"{GUIDELINE_NAME}!$A${first_label}:$A${last}", allow_blank=True
        )
    else:
        rule = DataValidation(
            type="whole" if scale.kind == "ordinal" else "decimal",
            operator="between",
            formula1=f"{scale.minimum:g}",
            formula2=f"{scale.maximum:g}",
            allow_blank=True,
        )
        number_format = "General"
        for row in range(2, len(sheet.rows) + 2):
            page.cell(row, sheet.columns.index("score") + 1).number_format = number_format
    rule.showErrorMessage = True
    rule.error = "Write one of the allowed scores; see the sheet guideline."
    letter = get_column_letter(sheet.columns.index("score") + 1)
    rule.add(f"{letter}2:{letter}{len(sheet.rows) + 1}")
    page.add_data_validation(rule)


def xlsx_lines(content: bytes, name: str) -> Iterator[tuple[int, list[Value]]]:
    """Yield the rows of the sheet `rating` (or the first one) with their numbers.

    Raises:
        InputError: It is not an XLSX, or a part is broken or hostile.
        LimitError: It is larger than a limit.
        MissingExtraError: openpyxl is not installed.
    """
    openpyxl = _openpyxl()
    _check_package(content, name)
    try:
        workbook = openpyxl.load_workbook(
            io.BytesIO(content), read_only=True, data_only=True, keep_links=False
        )
    except Exception as error:  # openpyxl raises whatever a broken part makes it meet
        raise _broken_package(name, error) from error
    try:
        if not workbook.worksheets:
            raise _broken_package(name, KeyError("no worksheet"))
        page = workbook[SHEET_NAME] if SHEET_NAME in workbook.sheetnames else workbook.worksheets[0]
        yield from _page_lines(page, name)
    finally:
        workbook.close()


def _page_lines(page: Any, name: str) -> Iterator[tuple[int, list[Value]]]:
    page.reset_dimensions()
    rows = iter(page.iter_rows(max_col=MAX_READ_COLUMNS + 1, values_only=True))
    for line in range(1, 2 * MAX_ROWS):
        try:
            values = next(rows, None)
        except Exception as error:  # as above: a hostile part
            raise _broken_package(name, error, line) from error
        if values is None:
            return
        yield (
            line,
            [
                _ESCAPED.sub(_unescaped, value) if isinstance(value, str) else _plain_value(value)
                for value in values
            ],
        )
    raise too_large(name, f"the sheet has more than {MAX_ROWS} rows")


def _plain_value(value: object) -> Value:
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)


def _broken_package(name: str, error: Exception, line: int | None = None) -> InputError:
    return InputError(
        f"the sheet cannot be read as XLSX ({type(error).__name__})",
        where=Where(file=name, line=line),
        next_step="Open it in a spreadsheet program and save it again as XLSX or CSV UTF-8.",
    )


def _check_package(content: bytes, name: str) -> None:
    """Refuse a package that would unpack or be parsed beyond a limit, or that declares entities, before it
    is parsed.

    Python's zipfile reads no more of a part than its declared size, so the sum of declared sizes is a bound.
    The ending of a part's name says nothing: what is read as XML is decided by the package itself.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            parts = package.infolist()
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
                raise too_large(
                    name,
                    f"unpacked, it has more than {MAX_PARTS} parts or {MAX_UNPACKED_BYTES // 2**20} MiB",
                )
            elements = _Elements(name)
            for part in parts:
                with package.open(part) as file:
                    elements.count(file)
    except (
        zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, zlib.error,
    ) as error:  # fmt: skip
        raise _broken_package(name, error) from error


class _Elements:
    """Counts the XML elements of the parts of a package, in constant memory.

    Args:
        name: Of the sheet, for messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._all = 0

    def count(self, part: IO[bytes]) -> None:
        """Count the elements of a part, up to where it stops to be XML; no reader comes further either.

        Raises:
            LimitError: There are too many of them.
            InputError: It declares a document type or an entity.
        """
        self._path: list[str] = []
        self._outside = self._inside = 0
        self._row_depth = 0
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._declared
        tail = b""
        is_xml = True
        while block := part.read(BLOCK):
            seen = tail + block.replace(b"\x00", b"").upper()
            if b"<!DOCTYPE" in seen or b"<!ENTITY" in seen:
                self._declared()
            tail = seen[-16:]
            try:
                if is_xml:
                    parser.Parse(block)
            except expat.ExpatError:
                is_xml = False

    def _start(self, element: str, _attributes: object) -> None:
        self._path.append(element)
        self._all += 1
        if self._row_depth:
            self._inside += 1
        elif len(self._path) in {2, 3} and tuple(self._path) in ROW_PATHS:
            self._row_depth, self._inside = len(self._path), 0
        else:
            self._outside += 1
        if max(self._inside, self._outside) > MAX_ELEMENTS_TOGETHER:
            raise too_large(self._name, f"a row or a part has more than {MAX_ELEMENTS_TOGETHER} XML elements")
        if self._all > MAX_ELEMENTS:
            raise too_large(self._name, f"it has more than {MAX_ELEMENTS} XML elements")

    def _end(self, _element: str) -> None:
        if len(self._path) == self._row_depth:
            self._row_depth = 0
        self._path.pop()

    def _declared(self, *_: object) -> None:
        raise InputError(
            "a part of the sheet declares a document type; no spreadsheet program does that",
            where=Where(file=self._name),
            next_step="Give the sheet as a spreadsheet program saved it.",
        )
