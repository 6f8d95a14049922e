from __future__ import annotations

import json
import time

import hypothesis.strategies as st
import pytest
from hypothesis import given

from consilience.errors import InputError, LimitError
from consilience.records.canonical import canonical_bytes
from consilience.records.strict_json import Limits, read_json

numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_canonical_bytes_come_back_exactly(value: object) -> None:
    content = canonical_bytes(value)
    assert canonical_bytes(read_json(content)) == content


@given(values)
def test_any_json_reads_as_the_standard_library_reads_it(value: object) -> None:
    assert canonical_bytes(read_json(json.dumps(value, indent=1).encode())) == canonical_bytes(value)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_a_clear_error(content: bytes) -> None:
    try:
        value = read_json(content)
    except InputError:
        return
    assert read_json(canonical_bytes(value)) == value


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": 1, "a": 2}', "'a' occurs twice"),
        (b'{"a": NaN}', "NaN is not a number"),
        (b"[-Infinity]", "-Infinity is not a number"),
        (b"[1e999]", "larger than a double"),
        (b"[9007199254740993]", "cannot be held"),
        (b'["\\ud800"]', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b'"a\nb"', "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"{} {}", "not JSON"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_json(content)


def test_invalid_utf8_names_line_and_byte() -> None:
    with pytest.raises(InputError) as caught:
        read_json(b'{\n"a": "\xff"}', source="x.json")
    assert (caught.value.where.file, caught.value.where.line, caught.value.where.offset) == ("x.json", 2, 9)


def test_a_fault_names_line_and_byte() -> None:
    with pytest.raises(InputError) as caught:
        read_json('{"é": 1,\n oops}'.encode(), source="x.json")
    assert (caught.value.where.line, caught.value.where.offset) == (2, 12)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b'"' + b"a" * 18 + b'"', b'"' + b"a" * 19 + b'"'),  # 20 bytes
        (b"[[[0]]]", b"[[[[0]]]]"),
        (b"[12345678]", b"[123456789]"),
        (b"[1.234567]", b"[1.2345678]"),
        (b'["' + b"a" * 10 + b'"]', b'["' + b"a" * 11 + b'"]'),
        (b'{"' + b"a" * 5 + b'":0}', b'{"' + b"a" * 6 + b'":0}'),
        (b"[0,0,0,0]", b"[0,0,0,0,0]"),
        (b'{"a":0,"b":0}', b'{"a":0,"b":0,"c":0,"d":0,"e":0}'),
    ],
    ids=["bytes", "depth", "whole number", "number", "text", "name", "elements", "members"],
)
def test_every_limit(good: bytes, bad: bytes) -> None:
    size = 20 if len(good) == 20 else 100
    limits = Limits(bytes=size, depth=3, number_chars=8, string_chars=10, name_chars=5, members=4)
    if size == 20:
        limits = Limits(bytes=20)
    read_json(good, limits=limits)
    with pytest.raises(LimitError):
        read_json(bad, limits=limits)


@pytest.mark.parametrize(
    "bomb",
    [b"[" * 1_000_000, b'{"a":' * 200_000, b"[" * 500_000 + b"]" * 500_000],
    ids=["open arrays", "objects", "closed arrays"],
)
def test_nesting_bombs_are_refused(bomb: bytes) -> None:
    with pytest.raises(LimitError, match="nested"):
        read_json(bomb)


@pytest.mark.parametrize(
    "bomb",
    [
        b'"' + b'\\"' * 500_000,
        b'"' * 1_000_000,
        b"{" + b",".join(b'"a":0' for _ in range(9_999)) + b"}",
        b"1" * 1_000_000,
    ],
    ids=["quotes escaped", "quotes", "one name", "digits"],
)
def test_bombs_of_time_are_refused_in_time(bomb: bytes) -> None:
    started = time.process_time()
    with pytest.raises(InputError):
        read_json(bomb)
    assert time.process_time() - started < 2


def test_brackets_inside_texts_do_not_count() -> None:
    assert read_json(b'["[[[[\\"[[[["]', limits=Limits(depth=1)) == ['[[[["[[[[']


def test_large_doubles_of_rfc_8785_are_read() -> None:
    assert read_json(b"[100000000000000000000]") == [1e20]
    assert read_json(b"[-9007199254740992]") == [-9007199254740992.0]
