"""JSON in pieces is the same JSON, wherever the pieces end; what is wrong with it is told and bounded."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.evaluation.importers import json_elements
from consilience.evaluation.importers.json_elements import Piece, elements

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def found(data: bytes, size: int = 7, *, spread: str | None = None, limit: int = 10_000) -> list[Piece]:
    return list(
        elements(cut(data, size), wanted=lambda _: True, spread=lambda key: key == spread, max_bytes=limit)
    )


def same(one: Any, two: Any) -> bool:
    return json.dumps(one) == json.dumps(two)


@given(st.lists(VALUES, max_size=5), st.integers(1, 40), st.sampled_from([None, 2]))
def test_the_elements_of_a_list(values: list[Any], size: int, indent: int | None) -> None:
    data = json.dumps(values, indent=indent).encode()
    pieces = found(data, size)
    assert same([json.loads(piece.raw or b"") for piece in pieces], values)
    assert all(data[p.offset : p.offset + len(p.raw or b"")] == p.raw for p in pieces)


@given(st.dictionaries(st.text(max_size=6), VALUES, max_size=5), st.integers(1, 40), st.booleans())
def test_the_members_of_an_object(values: dict[str, Any], size: int, ascii_only: bool) -> None:
    data = json.dumps(values, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert same({piece.key: json.loads(piece.raw or b"") for piece in found(data, size)}, values)


@given(st.lists(VALUES, max_size=5), st.integers(1, 40))
def test_one_member_is_spread(values: list[Any], size: int) -> None:
    data = json.dumps({"before": 1, "samples": values, "after": {"samples": [1]}}).encode()
    pieces = found(data, size, spread="samples")
    assert [p.key for p in pieces] == ["before", *["samples"] * len(values), "after"]
    assert same([json.loads(p.raw or b"") for p in pieces[1:-1]], values)


def test_members_that_are_not_wanted_are_passed_over() -> None:
    data = b'{"skip": {"x": "]}"}, "take": 2, "spread": 3}'
    pieces = list(
        elements(cut(data, 3), wanted=lambda key: key == "take", spread=lambda key: key == "spread")
    )
    assert [(piece.key, piece.raw) for piece in pieces] == [("take", b"2")]


@given(st.lists(VALUES, min_size=1, max_size=4), st.data())
def test_a_document_cut_anywhere_gives_what_is_whole(values: list[Any], data: st.DataObject) -> None:
    whole = json.dumps(values).encode()
    at = data.draw(st.integers(0, len(whole) - 1))
    pieces = found(whole[:at])
    assert pieces[-1].fault in ({"truncated", "malformed"} if not at else {"truncated"})
    assert at - 1 <= pieces[-1].offset <= at
    complete = [piece.raw for piece in pieces[:-1]]
    assert len(complete) <= len(values)
    assert all(
        same(json.loads(raw or b""), value) for raw, value in list(zip(complete, values, strict=False))[:-1]
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"  ",
        b"nonsense",
        b"1",
        b"\xff\xfe[",
        b"[1,,2]",
        b"[1 2]",
        b'{"a" 1}',
        b"{1:2}",
        b"[1]x",
        b'{"a":1,}',
        b'{"\\ud800":1}',
    ],
)
def test_what_is_no_json_is_told(data: bytes) -> None:
    assert found(data)[-1].fault in {"malformed", "truncated"}


def test_a_value_that_is_too_large_is_left_out_and_the_rest_is_read() -> None:
    data = json.dumps([1, "x" * 500, ["y"] * 500, 2]).encode()
    pieces = found(data, 50, limit=100)
    assert [(piece.raw, piece.fault) for piece in pieces] == [
        (b"1", None),
        (None, "oversized"),
        (None, "oversized"),
        (b"2", None),
    ]
    assert pieces[1].offset == data.find(b'"x')


@pytest.mark.parametrize("depth", [json_elements.MAX_NESTING + 1, 10_000, 200_000])
def test_nesting_is_counted_and_not_recursed_into(depth: int) -> None:
    data = b'[{"a":1},' + b"[" * depth + b"]" * depth + b',{"b":2}]'
    pieces = found(data, 4_096, limit=10**6)
    assert [(piece.raw, piece.fault) for piece in pieces] == [
        (b'{"a":1}', None),
        (None, "too_deep"),
        (b'{"b":2}', None),
    ]


def test_a_very_long_string_takes_little_memory() -> None:
    def document() -> Iterator[bytes]:
        yield b'["'
        for _ in range(200):
            yield b'\\"x' * 50_000
        yield b'", 1]'

    tracemalloc.start()
    pieces = list(elements(document(), wanted=lambda _: True, spread=lambda _: False, max_bytes=10**6))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [piece.fault or piece.raw for piece in pieces] == ["oversized", b"1"]
    assert peak < 4 * 10**6


@given(st.binary(max_size=60), st.integers(1, 9))
def test_any_bytes_pass_without_an_exception(data: bytes, size: int) -> None:
    for start in (b"", b"[", b'{"a":', b'["\\'):
        found(start + data, size)
