"""Lines of a TOML text: on which line does the value at `concepts[0].id` stand?

Responsible for one question only: it finds places in a text that `tomllib` has already accepted, so that
errors and findings can name a line. Pure. It never judges syntax; where it cannot follow the text it gives
the nearest enclosing line that it knows.

References:
    TOML 1.0.0, sections "Keys", "Table", "Array of Tables", "Inline Table" and "String".
"""

from __future__ import annotations

import re
from bisect import bisect_right

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([A-Za-z0-9_-]+))[ \t]*""")
_STRINGS = (
    re.compile(r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}', re.DOTALL),
    re.compile(r"'''(?:[^']|'(?!''))*'{3,5}", re.DOTALL),
    re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    re.compile(r"'[^'\n]*'"),
)
_ATOM = re.compile(r"[^,\]}#\n]*")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")


def parse_path(text: str) -> Path:
    """Return the steps of a path as msgspec writes it: `$.concepts[0].id` gives `("concepts", 0, "id")`."""
    body = text.removeprefix("$")
    return tuple(int(index) if index else name for name, index in _STEP.findall(body))


def format_path(path: Path) -> str:
    """Return a path as people read it: `concepts[0].id`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


class TomlLines:
    """The lines of every table, key and array element of one TOML text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0] + [match.end() for match in re.finditer("\n", text)]
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        self._position = 0
        self._read()

    def line(self, path: Path) -> int | None:
        """Return the line (from 1) of a value, or of the nearest enclosing value that was found."""
        for length in range(len(path), 0, -1):
            found = self._lines.get(path[:length])
            if found is not None:
                return found
        return None

    def _line_at(self, position: int) -> int:
        return bisect_right(self._starts, position)

    def _mark(self, path: Path, position: int) -> None:
        self._lines.setdefault(path, self._line_at(position))

    def _skip_blank(self) -> None:
        match = _BLANK.match(self._text, self._position)
        if match:
            self._position = match.end()

    def _read(self) -> None:
        table: Path = ()
        while True:
            self._skip_blank()
            if self._position >= len(self._text):
                return
            before = self._position
            if self._text[self._position] == "[":
                table = self._read_header()
            else:
                self._read_pair(table)
            if self._position == before:  # not followed: give up, keep what is known
                return

    def _read_header(self) -> Path:
        start = self._position
        is_array = self._text.startswith("[[", start)
        self._position += 2 if is_array else 1
        path = self._enter(self._read_keys())
        self._position += 2 if is_array else 1
        if is_array:
            number = self._counts.get(path, 0)
            self._counts[path] = number + 1
            path = (*path, number)
        self._mark(path, start)
        return path

    def _enter(self, keys: list[str]) -> Path:
        """Return the path of a header's keys; a key that names an array of tables means its last table."""
        path: Path = ()
        for place, key in enumerate(keys):
            path = (*path, key)
            if path in self._counts and place < len(keys) - 1:
                path = (*path, self._counts[path] - 1)
        return path

    def _read_keys(self) -> list[str]:
        keys: list[str] = []
        while match := _KEY.match(self._text, self._position):
            keys.append(next(group for group in match.groups() if group is not None))
            self._position = match.end()
            if not self._text.startswith(".", self._position):
                break
            self._position += 1
        return keys

    def _read_pair(self, table: Path) -> None:
        start = self._position
        path = (*table, *self._read_keys())
        self._mark(path, start)
        for length in range(len(table) + 1, len(path)):
            self._mark(path[:length], start)
        if self._text.startswith("=", self._position):
            self._position += 1
            self._read_value(path)

    def _read_value(self, path: Path) -> None:
        while self._text[self._position : self._position + 1] in {" ", "\t"}:
            self._position += 1
        opening = self._text[self._position : self._position + 1]
        if opening == "[":
            self._read_array(path)
        elif opening == "{":
            self._read_inline_table(path)
        else:
            self._read_scalar()

    def _read_scalar(self) -> None:
        for pattern in _STRINGS:
            match = pattern.match(self._text, self._position)
            if match:
                self._position = match.end()
                return
        match = _ATOM.match(self._text, self._position)
        if match:
            self._position = match.end()

    def _read_array(self, path: Path) -> None:
        self._position += 1
        number = 0
        while True:
            self._skip_blank()
            if self._at_end("]"):
                return
            before = self._position
            self._mark((*path, number), before)
            self._read_value((*path, number))
            number += 1
            if not self._next_member(before):
                return

    def _read_inline_table(self, path: Path) -> None:
        self._position += 1
        while True:
            self._skip_blank()
            if self._at_end("}"):
                return
            before = self._position
            self._read_pair(path)
            if not self._next_member(before):
                return

    def _at_end(self, closing: str) -> bool:
        if self._text.startswith(closing, self._position):
            self._position += 1
            return True
        return self._position >= len(self._text)

    def _next_member(self, before: int) -> bool:
        """Step over a comma; say whether there was any progress."""
        self._skip_blank()
        if self._text.startswith(",", self._position):
            self._position += 1
        return self._position > before
