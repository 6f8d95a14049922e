"""Declared numbers of the Hub: told, never scores."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.evaluation.importers.imports import NOW, OPTIONS, read_with
from tests.evaluation.importers.test_json_lines import ANY
from tests.simulators.joint_result import joint_result

from consilience.evaluation.exports import hugging_face as exports
from consilience.evaluation.importers import hugging_face as reader
from consilience.evaluation.importers.hugging_face import HuggingFace
from consilience.evaluation.importers.importing import import_paths
from consilience.evaluation.importers.source import Source

ENTRIES = """\
- dataset:
    id: cais/hle
    task_id: default
    revision: 5503434ddd753f426f4b38109466949a1217c2bb
  value: 20.90
  verifyToken: secret
  date: 2025-01-15T10:30:00Z
  source:
    url: https://huggingface.co/datasets/cais/hle
    name: CAIS HLE
    user: someone
  notes: no-tools
- dataset: {id: Idavidrein/gpqa, task_id: gpqa_diamond}
  value: 0.412
"""
README = """\
---
license: mit
model-index:
- name: my-model
  results:
  - task: {type: text-generation}
    dataset: {name: ARC, type: ai2_arc, config: ARC-Challenge, split: test}
    metrics:
    - {type: acc_norm, value: 61.2, name: normalized accuracy}
    - {type: acc, value: n/a}
    - {type: acc, value: 1}
---
# A model
model-index: not this
"""


def write(folder: Path, text: str, name: str = "org--model/.eval_results/hle.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_entries_are_told_numbers_and_no_scores(tmp_path: Path) -> None:
    imported, scores = read_with(HuggingFace(), [write(tmp_path, ENTRIES)], tmp_path)
    assert scores == []
    assert [(s.told, s.computed, s.agrees, s.reason) for s in imported.summaries] == [
        (20.9, None, None, reader.DECLARED), (0.412, None, None, reader.DECLARED),
    ]  # fmt: skip
    first, second = imported.runs
    assert (first.task, second.task) == ("cais/hle/default", "Idavidrein/gpqa/gpqa_diamond")
    assert first.created == "2025-01-15T10:30:00+00:00"
    assert first.settings["notes"] == "no-tools"
    assert first.unmapped == ("verifyToken", "source.user", "source.url")
    told = repr(imported)
    assert "secret" not in told
    assert "someone" not in told
    assert [f.code for f in imported.findings] == ["declared"]


def test_the_repository_is_the_model_where_the_path_tells_it(tmp_path: Path) -> None:
    write(tmp_path / "in", ENTRIES)
    imported = import_paths([tmp_path / "in"], OPTIONS, target=tmp_path / "out", now=NOW)
    assert {run.model for run in imported.runs} == {"org--model"}
    assert (imported.rows, imported.scored) == (0, 0)
    assert {file.format for file in imported.files} == {"hugging-face"}


def test_a_model_index_is_read_from_the_front_matter(tmp_path: Path) -> None:
    path = write(tmp_path, README, "README.md")
    assert HuggingFace().recognise(Source("README.md", path, 1), path.read_bytes())
    imported, scores = read_with(HuggingFace(), [path], tmp_path)
    assert scores == []
    (run,) = imported.runs
    assert (run.model, run.task, run.format) == ("my-model", "ARC", "model-index")
    assert {(s.rater, s.told) for s in imported.summaries} == {
        ("normalized accuracy", 61.2), ("acc", None), ("acc #2", 1.0),
    }  # fmt: skip
    assert {f.code for f in imported.findings} == {"declared", "no_number"}


def test_what_we_export_is_recognised_and_comes_back_declared(tmp_path: Path) -> None:
    found, _ = exports.entries(joint_result(), "SmolLM2-135M-Instruct", exports.Setting(dataset="org/set"))
    path = write(tmp_path, exports.yaml_text(found))
    assert HuggingFace().recognise(Source("x", path, 1), path.read_bytes())
    imported, _ = read_with(HuggingFace(), [path], tmp_path)
    assert [summary.told for summary in imported.summaries] == [entry["value"] for entry in found]
    assert all("interval" in str(run.settings["notes"]) for run in imported.runs)


@pytest.mark.parametrize(
    "text",
    ["# A model\n", "---\nlicense: mit\n---\n", '{"dataset": 1, "task_id": 2, "value": 3}', "a,b\n1,2\n"],
)
def test_other_files_are_not_taken(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    assert not HuggingFace().recognise(Source("x", path, 1), path.read_bytes())


BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("- dataset: {id: [}\n", "malformed"),
        ("- !!python/object/apply:os.system [x]\n", "malformed"),
        ("- !!int ''\n", "malformed"),
        ("- ? [a]\n  : b\n", "malformed"),
        ("- " * 5_000 + "x\n", "too_deep"),
        ("[" * 5_000, "too_deep"),
        ("".join(" " * n + "a:\n" for n in range(500)), "too_deep"),
        ("- " + "9" * 5_000 + "\n", "malformed"),
        ("- 1: 2\n" * 100_000, "too_large"),
    ],
)
def test_hostile_yaml_is_a_finding(tmp_path: Path, text: str, code: str) -> None:
    imported, _ = read_with(HuggingFace(), [write(tmp_path, text)], tmp_path)
    assert [finding.code for finding in imported.findings] == [code]


def test_a_document_that_expands_is_read_as_what_it_is(tmp_path: Path) -> None:
    imported, scores = read_with(HuggingFace(), [write(tmp_path, BOMB + ENTRIES.replace("- ", "z:\n- ", 1))],
                                 tmp_path)  # fmt: skip
    assert (scores, imported.runs) == ([], ())


def test_bytes_that_are_no_text_are_a_finding(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    path.write_bytes(ENTRIES.encode() + b"\xff\xfe")
    imported, _ = read_with(HuggingFace(), [path], tmp_path)
    assert [(f.code, f.offset) for f in imported.findings] == [("encoding", len(ENTRIES))]


def test_more_numbers_than_the_limit_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_ENTRIES", 1)
    imported, _ = read_with(HuggingFace(), [write(tmp_path, ENTRIES)], tmp_path)
    assert len(imported.summaries) == 1
    assert "too_many_entries" in {finding.code for finding in imported.findings}


ENTRY = st.dictionaries(
    st.sampled_from(["dataset", "value", "source", "date", "notes", "data", "verifyToken"]), ANY, max_size=5
)
MODEL = st.fixed_dictionaries(
    {
        "name": ANY,
        "results": st.lists(st.fixed_dictionaries({"metrics": ANY, "dataset": ANY, "task": ANY})) | ANY,
    }
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ENTRY, max_size=4), st.lists(MODEL, max_size=2), ANY)
def test_whatever_stands_in_the_file_nothing_breaks(
    entries: list[Any], models: list[Any], other: Any
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for document in (entries, {"model-index": models}, {"model-index": other}, other):
            text = yaml.safe_dump(document, allow_unicode=True)
            read_with(HuggingFace(), [write(Path(folder), text)], Path(folder))


@given(st.text(max_size=60))
def test_no_text_makes_it_raise(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), "")
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        read_with(HuggingFace(), [path], Path(folder))
