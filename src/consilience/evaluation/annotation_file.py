"""Sheets as files: written so that spreadsheet programs show them right, and read as hostile input.

Responsible for files and for CSV; XLSX is `annotation_xlsx`'s, and what the cells mean `annotation_import`'s.
Limits of what is read: file 64 MiB, 50,000 rows, 32 columns, 40,000 characters in a cell. CSV is written as
UTF-8 with a byte order mark, all cells quoted, RFC 4180 line ends; read with comma, semicolon or tab, in
UTF-8 or UTF-16. Text cells of an XLSX are text, never formulas (ECMA-376, 18.3.1.4).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import msgspec

from consilience.errors import InputError, LimitError, Where
from consilience.evaluation.annotation import MAX_ROWS, Sheet, allowed_scores, protected
from consilience.evaluation.journal import write_atomically

MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_READ_COLUMNS = 32
MAX_CELL_CHARS = 40_000
MAX_LINE_CHARS = 2 * MAX_READ_COLUMNS * (MAX_CELL_CHARS + 2)
"""Of one line of a CSV: every column full of quotes, which are written twice."""
NEEDED_COLUMNS = ("code", "prompt", "answer", "score", "check")

Value = str | int | float | bool | None


class FilledRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row as it came back."""

    line: int
    """Row of an XLSX, line of a CSV; the header is 1."""
    cells: dict[str, Value]

    def text(self, column: str) -> str:
        """Return a cell as text; empty where there is none."""
        value = self.cells.get(column)
        return value if isinstance(value, str) else "" if value is None else str(value)


def write_sheet(sheet: Sheet, path: Path) -> tuple[Path, ...]:
    """Write a sheet as CSV or XLSX, by the ending of its name; beside a CSV the guideline as text.

    Returns:
        The files that were written.

    Raises:
        InputError: The name ends otherwise.
        MissingExtraError: XLSX is asked for and openpyxl is not installed.
        StoreError: The file cannot be written.
    """
    kind = path.suffix.lower()
    if kind == ".csv":
        guideline = path.with_suffix(".guideline.txt")
        write_atomically(path, csv_bytes(sheet))
        write_atomically(guideline, guideline_bytes(sheet))
        return path, guideline
    if kind == ".xlsx":
        from consilience.evaluation.annotation_xlsx import xlsx_bytes

        write_atomically(path, xlsx_bytes(sheet))
        return (path,)
    raise _unknown_kind(path)


def _unknown_kind(path: Path) -> InputError:
    return InputError(
        f"{path.name} is neither .csv nor .xlsx",
        next_step="Give the sheet a name that ends with .csv or .xlsx.",
    )


def csv_bytes(sheet: Sheet) -> bytes:
    """Return a sheet as CSV, every text that could be a formula behind an apostrophe."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(sheet.columns)
    for row in sheet.rows:
        cells = row.cells()
        writer.writerow([protected(cells[name]) for name in sheet.columns])
    return b"\xef\xbb\xbf" + buffer.getvalue().encode()


def guideline_bytes(sheet: Sheet) -> bytes:
    """Return what humans are told as a text file."""
    return "\n\n".join(guideline_lines(sheet)).encode() + b"\n"


def guideline_lines(sheet: Sheet) -> list[str]:
    """Return what humans are told, paragraph by paragraph."""
    scale = sheet.rater.scale
    labels = allowed_scores(sheet.rater)
    allowed = ", ".join(labels) if labels else f"a number from {scale.minimum:g} to {scale.maximum:g}"
    return [
        sheet.title,
        sheet.guideline,
        f"Write into the column score: {allowed}. Leave it empty where you cannot say.",
        "Change nothing else; the column comment is yours.",
        f"Protocol {sheet.protocol_digest}, rater {sheet.rater.id}, {len(sheet.rows)} rows.",
    ]


def read_sheet(path: Path) -> tuple[FilledRow, ...]:
    """Read a sheet that came back.

    Returns:
        Rows that are not blank, by column name, texts as they stand in the file (see
        `annotation.unprotected`).

    Raises:
        InputError: It is not a sheet, its text is in no known encoding, or a column is missing.
        LimitError: It is larger than a limit.
        MissingExtraError: It is XLSX and openpyxl is not installed.
    """
    kind = path.suffix.lower()
    if kind not in {".csv", ".xlsx"}:
        raise _unknown_kind(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"the sheet cannot be read: {error.strerror}", where=Where(file=path.name)
        ) from error
    if len(content) > MAX_FILE_BYTES:
        raise too_large(path.name, f"the sheet is larger than {MAX_FILE_BYTES // 2**20} MiB")
    if kind == ".csv":
        return tuple(_named(_csv_lines(content, path.name), path.name))
    from consilience.evaluation.annotation_xlsx import xlsx_lines

    return tuple(_named(xlsx_lines(content, path.name), path.name))


def too_large(name: str, detail: str, line: int | None = None) -> LimitError:
    """Return the error of a passed limit."""
    return LimitError(
        detail,
        where=Where(file=name, line=line),
        next_step="Export smaller sheets by --language, and fill in nothing but score and comment.",
    )


def _named(lines: Iterator[tuple[int, list[Value]]], name: str) -> Iterator[FilledRow]:
    header: list[str] = []
    rows = 0
    for line, values in lines:
        if len(values) > MAX_READ_COLUMNS and any(
            value not in {None, ""} for value in values[MAX_READ_COLUMNS:]
        ):
            raise too_large(name, f"a row has more than {MAX_READ_COLUMNS} columns", line)
        if any(isinstance(value, str) and len(value) > MAX_CELL_CHARS for value in values):
            raise too_large(name, f"a cell has more than {MAX_CELL_CHARS} characters", line)
        if all(value is None or value == "" for value in values):
            continue
        if not header:
            header = _checked_header([str(value or "").strip().lower() for value in values], name)
            continue
        rows += 1
        if rows > MAX_ROWS:
            raise too_large(name, f"the sheet has more than {MAX_ROWS} rows", line)
        cells = {column: value for column, value in zip(header, values, strict=False) if column}
        yield FilledRow(line=line, cells=cells)
    if not header:
        raise InputError(
            "the sheet is empty", where=Where(file=name), next_step="Give the sheet that was exported."
        )


def _checked_header(header: list[str], name: str) -> list[str]:
    missing = [column for column in NEEDED_COLUMNS if column not in header]
    doubled = sorted({column for column in header if column and header.count(column) > 1})
    if missing or doubled:
        what = "no column " + ", ".join(missing) if missing else "two columns " + ", ".join(doubled)
        raise InputError(
            f"the sheet has {what}",
            where=Where(file=name, line=1),
            next_step="Keep the header of the exported sheet as it was.",
        )
    return header


def _csv_lines(content: bytes, name: str) -> Iterator[tuple[int, list[Value]]]:
    text = _decoded(content, name)
    first, _, rest = text.partition("\n")
    skipped = 0
    if first.lower().startswith("sep="):
        text, skipped = rest, 1
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(_short_lines(text, name), delimiter=delimiter, strict=True)
    line = 1 + skipped
    try:
        for values in reader:
            yield line, list(values)
            line = reader.line_num + 1 + skipped
    except csv.Error as error:
        detail = f"this row cannot be read as CSV: {error}"
        if "field larger" in str(error):
            raise too_large(name, f"a cell has more than {MAX_CELL_CHARS} characters", line) from error
        raise InputError(
            detail,
            where=Where(file=name, line=line),
            next_step="Save the sheet again as CSV UTF-8 or as XLSX.",
        ) from error


def _short_lines(text: str, name: str) -> Iterator[str]:
    """Yield the lines of a text; a line of millions of commas would be millions of cells at once."""
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        if len(line) > MAX_LINE_CHARS:
            raise too_large(name, f"a line has more than {MAX_LINE_CHARS} characters", number)
        yield line


def _decoded(content: bytes, name: str) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif content.startswith(b"PK\x03\x04"):
        raise InputError(
            "this is a spreadsheet file named .csv",
            where=Where(file=name),
            next_step="Rename it to end with .xlsx.",
        )
    else:
        encoding = "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            "the sheet is not UTF-8: a spreadsheet program has probably saved it in a Windows or Mac code "
            "page, where letters of other languages are lost",
            where=Where(file=name, line=line, offset=error.start + 1),
            next_step="Save it again as “CSV UTF-8” or as XLSX, from the sheet that still shows all letters.",
        ) from error
