from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.importers.imports import a_sink

from consilience.evaluation.importers import json_lines as lines
from consilience.evaluation.importers import plain
from consilience.evaluation.importers.source import Source


def read(
    path: Path, content: bytes
) -> tuple[list[tuple[int, int, object]], list[tuple[str, int | None, int | None]]]:
    path.write_bytes(content)
    with a_sink() as sink:
        found = [tuple(line) for line in lines.json_lines(Source("f", path, len(content)), sink)]
        return found, [(f.code, f.line, f.offset) for f in sink.findings()]  # type: ignore[return-value]


def test_lines_have_their_places_and_empty_ones_are_passed_over(tmp_path: Path) -> None:
    found, findings = read(tmp_path / "f", b'\xef\xbb\xbf{"a": 1}\n\n  \n[2]\r\n')
    assert found == [(1, 0, {"a": 1}), (4, 16, [2])]
    assert findings == []


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"{no json}\n", "malformed_line"),
        (b'{"a": "\xff"}\n', "encoding"),
        (b"[" * 10_000 + b"]" * 10_000 + b"\n", "too_deep"),
        (b'{"a": NaN, "b": ' + b"[" * 150 + b"\n", "malformed_line"),
        (b'{"a": ' + b"9" * 5_000 + b", NaN}\n", "malformed_line"),
    ],
)
def test_a_bad_line_is_told_with_its_place_and_the_next_is_read(
    tmp_path: Path, bad: bytes, code: str
) -> None:
    found, findings = read(tmp_path / "f", b'{"a": 1}\n' + bad + b'{"a": 2}\n')
    assert [value for _, _, value in found] == [{"a": 1}, {"a": 2}]
    assert findings == [(code, 2, 9)]


def test_the_end_in_the_middle_of_a_line_is_told_as_such(tmp_path: Path) -> None:
    found, findings = read(tmp_path / "f", b'{"a": 1}\n{"a": ')
    assert len(found) == 1
    assert findings == [("truncated", 2, 9)]


def test_a_line_that_is_too_long_is_never_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 100)
    found, findings = read(tmp_path / "f", b'"' + b"x" * 1_000 + b'"\n{"a": 2}\n')
    assert found == [(2, 1_003, {"a": 2})]
    assert findings == [("line_too_long", 1, 0)]


def test_numbers_that_are_none_become_none(tmp_path: Path) -> None:
    found, _ = read(tmp_path / "f", b'{"a": NaN, "b": [Infinity, -Infinity, 1], "c": "NaN"}\n')
    assert found[0][2] == {"a": None, "b": [None, None, 1], "c": "NaN"}


def test_brackets_in_strings_are_not_depth() -> None:
    assert not lines.is_deep(b'{"a": "' + b"[" * 500 + b'\\"[["}')
    assert lines.is_deep(b"[" * 201)


def test_a_document_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_DOCUMENT_BYTES", 10)
    (tmp_path / "f").write_bytes(b'{"a": "long enough"}')
    with a_sink() as sink:
        assert lines.document(Source("f", tmp_path / "f", 20), sink) is None
        assert [f.code for f in sink.findings()] == ["too_large"]


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        read(Path(folder) / "f", content)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(ANY)
def test_plain_values_are_taken_or_none(value: object) -> None:
    import math

    for take in (plain.table, plain.rows, plain.text, plain.whole, plain.setting, plain.moment):
        take(value)
    found = plain.number(value)
    assert found is None or math.isfinite(found)


def test_paths_of_a_machine_are_not_kept() -> None:
    assert plain.setting("/srv/somebody/models/llama") == "llama"
    assert plain.setting("C:\\Users\\somebody\\llama") == "llama"
    assert plain.setting("org/model") == "org/model"


def test_times_without_a_zone_are_not_known() -> None:
    assert plain.moment("2025-08-28T14:06:47") is None
    assert plain.moment("2025-08-28T14:06:47+02:00") == "2025-08-28T12:06:47+00:00"
    assert plain.moment(1795344659.27) == "2026-11-22T10:50:59+00:00"
    assert plain.moment(1e300) is None


def depth_of(raw: bytes) -> int:
    """The deepest place of a text, byte by byte."""
    depth, most, inside, escaped = 0, 0, False, False
    for byte in raw.decode("latin-1"):
        if inside:
            inside, escaped = escaped or byte != '"', byte == "\\" and not escaped
        elif byte == '"':
            inside = True
        else:
            depth += (byte in "[{") - (byte in "]}")
            most = max(most, depth)
    return most


@given(
    st.recursive(
        st.sampled_from(['"[[', 'a\\"b{', "\\", "\\\\", 1, None, "}]"]),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from('a"[\\'), inner, max_size=3)
        ),
        max_leaves=12,
    ),
    st.sampled_from([0, *range(190, 206), 400]),
)
def test_depth_is_that_of_the_brackets_outside_of_strings(value: object, more: int) -> None:
    import json

    for number in range(more):
        value = [value] if number % 2 else {"[": value}
    raw = json.dumps(value).encode()
    assert lines.is_deep(raw) == (depth_of(raw) > lines.MAX_DEPTH)


def test_depth_is_counted_on_through_a_long_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_CHUNK", 7)
    assert lines.is_deep(b'["["' * 201)
    assert not lines.is_deep(b'["["' * 200)
    assert not lines.is_deep(b'{"a": [1, "]["]}, ' * 5_000)


def test_half_a_surrogate_pair_becomes_the_mark_of_what_cannot_be_written(tmp_path: Path) -> None:
    found, findings = read(
        tmp_path / "f", b'{"a": "\\ud83d x \\\\ud800 \\uD83D\\ude00", "b": 1}\n{"a": "\\udc00", "b": NaN}\n'
    )
    assert [value for _, _, value in found] == [
        {"a": "\ufffd x \\ud800 😀", "b": 1},
        {"a": "\ufffd", "b": None},
    ]
    assert findings == []
