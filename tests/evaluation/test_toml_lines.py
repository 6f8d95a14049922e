"""The line of every value of a TOML text."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from consilience.evaluation.toml_lines import Path, TomlLines, format_path, parse_path

TEXT = '''\
# comment = 1
consilience = 1
[exercise]          # with a comment
name = "a # no comment"
"quoted key" = 'x'
text = """
[not.a.table]
key = 1 \\" """
last = 5
[[rows]]
id = 1
list = [
  1, # one
  { a = 2, b = [3,
    4] },
]
[[rows]]
id = 2
[rows.inner]
deep.deeper = true
[[rows.more]]
x = 1
[[rows.more]]
x = 2
'''


def test_lines_of_a_document() -> None:
    tomllib.loads(TEXT)
    lines = TomlLines(TEXT)
    expected: dict[Path, int] = {
        ("consilience",): 2, ("exercise",): 3, ("exercise", "name"): 4, ("exercise", "quoted key"): 5,
        ("exercise", "text"): 6, ("exercise", "last"): 9, ("rows", 0): 10, ("rows", 0, "id"): 11,
        ("rows", 0, "list", 0): 13, ("rows", 0, "list", 1, "a"): 14, ("rows", 0, "list", 1, "b", 1): 15,
        ("rows", 1, "id"): 18, ("rows", 1, "inner"): 19, ("rows", 1, "inner", "deep", "deeper"): 20,
        ("rows", 1, "more", 0, "x"): 22, ("rows", 1, "more", 1, "x"): 24,
    }  # fmt: skip
    assert {path: lines.line(path) for path in expected} == expected


def test_a_missing_value_has_the_line_of_its_table() -> None:
    lines = TomlLines(TEXT)
    assert lines.line(("rows", 1, "missing")) == 17
    assert lines.line(("nothing",)) is None


def test_paths_are_read_and_written() -> None:
    assert parse_path("$.concepts[0].id") == ("concepts", 0, "id")
    assert parse_path("") == ()
    assert format_path(("concepts", 0, "margins", "language")) == "concepts[0].margins.language"


_KEYS = st.text(st.sampled_from("abcé \"'.#[]=\\\n"), max_size=5)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.integers(-9, 9), st.booleans(), st.text(st.sampled_from("ab\"'#[]{},=\\\n"), max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=8,
)


def _quoted(text: str) -> str:
    return '"' + "".join(f"\\u{ord(sign):04x}" if sign in '"\\\n' else sign for sign in text) + '"'


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"""\n{value.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"""'
    if isinstance(value, list):
        return "[\n" + ",\n".join(_toml(member) for member in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(key)} = {_toml(member)}" for key, member in value.items()) + "}"
    return str(value)


@given(st.lists(st.tuples(_KEYS, _VALUES), max_size=6, unique_by=lambda pair: pair[0]))
def test_every_top_level_key_is_found_on_its_line(pairs: list[tuple[str, Any]]) -> None:
    text, expected = "", {}
    for key, value in pairs:
        expected[(key,)] = text.count("\n") + 1
        text += f"{_quoted(key)} = {_toml(value)}\n"
    if pairs:
        tomllib.loads(text)
    lines = TomlLines(text)
    raw = {(_escaped(key),): line for (key,), line in expected.items()}
    assert {path: lines.line(path) for path in raw} == raw


def _escaped(key: str) -> str:
    """Keys are kept as they are written."""
    return _quoted(key)[1:-1]


@given(st.text(st.sampled_from("ab=[]{}\"'#,.\n\\ "), max_size=60))
def test_it_never_fails_on_what_is_no_toml(text: str) -> None:
    assert TomlLines(text).line(("a",)) in {None, *range(1, text.count("\n") + 2)}
