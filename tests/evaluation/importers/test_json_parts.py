"""Documents that are never held as a whole: which parts come, what is told, within which limits."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.importers.imports import a_sink

from consilience.evaluation.importers import json_elements, json_parts
from consilience.evaluation.importers.json_lines import document, json_lines
from consilience.evaluation.importers.json_parts import parts
from consilience.evaluation.importers.source import Source

WHOLE = {"a": 1, "in": {"list": [1, {"x": [2]}], "list2": 0, "in": {"list": [9]}}, "list": [3], "z": [4]}


def read(folder: Path, content: str | bytes, **asked: Any) -> tuple[list[tuple[str | None, Any]], list[str]]:
    path = folder / "whole.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with a_sink() as sink:
        found = list(parts(Source("whole.json", path, path.stat().st_size), sink, **asked))
        return found, [finding.code for finding in sink.findings()]


def test_members_and_elements_come_with_their_names(tmp_path: Path) -> None:
    text = json.dumps(WHOLE)
    asked = {"lists": ("in.list",), "members": ("a", "in.list2")}
    assert read(tmp_path, text, **asked) == ([("a", 1), ("in.list", 1), ("in.list", {"x": [2]}),
                                              ("in.list2", 0)], [])  # fmt: skip
    assert read(tmp_path, text, lists=("list",)) == ([("list", 3)], [])
    assert read(tmp_path, "\ufeff[1, [2]]") == ([(None, 1), (None, [2])], [])


def test_a_document_of_another_shape_gives_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "[1, 2]", lists=("list",)) == ([], [])
    assert read(tmp_path, "[1, 2]", members=("list",)) == ([], [])
    assert read(tmp_path, '{"list": {"in": [1]}}', lists=("list",)) == ([], [])
    assert read(tmp_path, '{"list": [1]}') == ([], [])


@pytest.mark.parametrize(
    ("text", "found", "code"),
    [
        ('{"l": [1, 2', [("l", 1)], "truncated"),
        ('{"l": [1, 2}', [("l", 1), ("l", 2)], "malformed"),
        ('{"l": [1, nul, 2]}', [("l", 1), ("l", 2)], "malformed"),
        ('{"l": [1, ' + "[" * 300 + "]" * 300 + ", 2]}", [("l", 1), ("l", 2)], "too_deep"),
        (b'{"l": [1, "\xff", 2]}', [("l", 1), ("l", 2)], "encoding"),
    ],
)
def test_what_is_whole_beside_a_fault_is_read(tmp_path: Path, text: str, found: Any, code: str) -> None:
    assert read(tmp_path, text, lists=("l",)) == (found, [code])


def test_elements_beyond_the_limit_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_parts, "MAX_ELEMENTS", 2)
    assert read(tmp_path, "[1,2,3,4]") == ([(None, 1), (None, 2)], ["too_many_elements"])


def test_an_element_beyond_the_limit_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_parts, "MAX_VALUE_BYTES", 10)
    assert read(tmp_path, '[1,"12345678901",2]') == ([(None, 1), (None, 2)], ["oversized"])


def test_values_beyond_the_limit_are_never_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_elements, "MAX_VALUES", 1_000)
    text = "[" + ",".join(["[]"] * 400_000) + "]"
    path = tmp_path / "many.json"
    path.write_text(text)
    source = Source("many.json", path, len(text))
    with a_sink() as sink:
        tracemalloc.start()
        assert document(source, sink) is None
        assert list(json_lines(source, sink)) == []
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert [(finding.code, finding.count) for finding in sink.findings()] == [("too_many_values", 2)]
    assert peak < 15 * len(text)  # built, they would take more than 30 times as much


def test_flat_values_stay_apart(tmp_path: Path) -> None:
    text = '[{},[],{"a":"]}"},[1,"[{"],[[],{}],{"b":{"c":[]}}]'
    assert read(tmp_path, text) == ([(None, value) for value in json.loads(text)], [])
