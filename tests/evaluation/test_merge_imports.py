"""The account beside imported scores: direction and scale enter the analysis, changed scores do not."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.importers.imports import a_metric, a_run, a_sink, finish

from consilience.errors import IncompatibleError, InputError, LimitError, VerificationError
from consilience.evaluation import merge_inputs
from consilience.evaluation.analysis import analyse
from consilience.evaluation.analysis_setting import Setting, make_setting
from consilience.evaluation.importers import writing
from consilience.evaluation.importers.imported import Options
from consilience.evaluation.merge import merge
from consilience.evaluation.merge_inputs import find_inputs

NOW = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)


def an_import(
    folder: Path, scores: list[float], *, laboratory: str = "North", model: str = "m", concept: str = "sums",
    **of: Any,
) -> Path:  # fmt: skip
    """An import of one rater `acc`, whose metric has what is given."""
    folder.mkdir()
    metric = {"direction": "lower is better", "scale": "unknown"} | of
    with a_sink() as sink:
        kept = writing.msgspec.structs.replace(a_metric(), **metric)
        run = sink.add_run(a_run(metrics=(kept,), model=model, concept=concept, language="en"))
        for number, score in enumerate(scores):
            sink.add_score(run, f"q{number}", rater="acc", score=score)
        imported, _ = finish(sink, folder, Options(exercise="e", laboratory=laboratory))
        writing.write_account(imported, folder / writing.IMPORT)
    return folder


def setting(*paths: Path) -> Setting:
    return make_setting(merge(paths))


def test_the_account_enters_beside_its_scores_however_they_are_named(tmp_path: Path) -> None:
    folder = an_import(tmp_path / "a", [1.0, 0.0])
    for named in (folder, folder / "scores.parquet", tmp_path):
        found = find_inputs([named])
        assert [file.name.rpartition("/")[2] for file in found.scores] == ["scores.parquet"]
        assert [file.format for file in found.imports] == ["import"]
    merged = merge([folder])
    assert [imported.laboratory for imported in merged.imports] == ["North"]
    told = {file.name: (file.kind, file.laboratories) for file in merged.files}
    assert told["a/import.json"] == ("manifest", ("North",))


@pytest.mark.parametrize(
    ("direction", "higher"), [("lower is better", False), ("higher is better", True), ("unknown", True)]
)
def test_the_direction_is_that_of_the_import(tmp_path: Path, direction: str, higher: bool) -> None:
    folder = an_import(tmp_path / "a", [1.0, 0.0], direction=direction)
    assert setting(folder).concepts[0].higher_is_better is higher
    result = analyse([folder], protocol=None, now=NOW)
    assert result.concepts[0].higher_is_better is higher
    codes = [note.code for note in result.notes]
    assert ("note_direction_unknown" in codes) is (direction == "unknown")


@pytest.mark.parametrize(
    ("scores", "metric", "expected"),
    [
        ([0.0, 1.0], {}, ("binary", (0.0, 1.0))),
        ([0.5, 1.0], {}, ("continuous", None)),
        ([0.5, 1.0], {"scale": "continuous", "minimum": 0.0, "maximum": 1.0}, ("continuous", (0.0, 1.0))),
        ([0.0, 1.0], {"scale": "ordinal", "minimum": 0.0, "maximum": 1.0}, ("ordinal", (0.0, 1.0))),
        ([0.5, 1.0], {"scale": "binary", "minimum": 0.0, "maximum": 1.0}, ("continuous", (0.0, 1.0))),
        ([1.0, 5.0], {"scale": "ordinal", "minimum": 1.0, "maximum": 5.0}, ("ordinal", (1.0, 5.0))),
        ([1.0, 7.0], {"scale": "ordinal", "minimum": 1.0, "maximum": 5.0}, ("ordinal", None)),
        ([1.0, 2.5], {"scale": "ordinal", "minimum": 5.0, "maximum": 1.0}, ("continuous", None)),
        ([1.0, 2.0, 5.0], {"scale": "continuous"}, ("ordinal", None)),
    ],
)
def test_the_scale_is_that_of_the_import_where_the_scores_fit(
    tmp_path: Path, scores: list[float], metric: dict[str, Any], expected: tuple[str, Any]
) -> None:
    found = setting(an_import(tmp_path / "a", scores, **metric)).raters[0]
    assert (found.scale, found.bounds) == expected


def test_accounts_that_disagree_on_the_scale_leave_it_to_the_scores(tmp_path: Path) -> None:
    one = an_import(tmp_path / "a", [0.5, 1.0], scale="continuous", minimum=0.0, maximum=1.0)
    other = an_import(
        tmp_path / "b", [0.5, 1.0], scale="continuous", minimum=0.0, maximum=10.0, laboratory="South"
    )
    assert setting(one, other).raters[0].bounds is None


def test_opposite_directions_of_one_rater_and_concept_are_refused(tmp_path: Path) -> None:
    one = an_import(tmp_path / "a", [1.0, 0.0])
    other = an_import(tmp_path / "b", [1.0, 0.0], laboratory="South", direction="higher is better")
    with pytest.raises(IncompatibleError, match="high as good in one import"):
        setting(one, other)


def test_each_concept_has_the_direction_that_is_told_of_it(tmp_path: Path) -> None:
    one = an_import(tmp_path / "a", [1.0, 0.0], concept="harm")
    other = an_import(tmp_path / "b", [1.0, 0.0], concept="skill", direction="higher is better")
    assert {c.id: c.higher_is_better for c in setting(one, other).concepts} == {"harm": False, "skill": True}


def test_changed_scores_are_not_shown_with_the_account(tmp_path: Path) -> None:
    one, other = an_import(tmp_path / "a", [1.0, 0.0]), an_import(tmp_path / "b", [1.0, 1.0])
    (one / "scores.parquet").write_bytes((other / "scores.parquet").read_bytes())
    with pytest.raises(VerificationError, match="not the ones that the import wrote"):
        merge([one])


@pytest.mark.parametrize(
    "content", [b"{}", b"[", b"\xff", b"[" * 100_000, b'{"format": "consilience-import-2"}', b"null"]
)
def test_a_damaged_account_is_an_error_with_its_file(tmp_path: Path, content: bytes) -> None:
    folder = an_import(tmp_path / "a", [1.0, 0.0])
    (folder / "import.json").write_bytes(content)
    with pytest.raises(InputError, match="not the account of an import") as stop:
        merge([folder])
    assert stop.value.where is not None
    assert stop.value.where.file == "a/import.json"


def test_an_account_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = an_import(tmp_path / "a", [1.0, 0.0])
    monkeypatch.setattr(merge_inputs, "MAX_IMPORT_BYTES", 10)
    with pytest.raises(LimitError):
        merge([folder])


def test_bounds_that_are_not_finite_are_not_taken(tmp_path: Path) -> None:
    folder = an_import(tmp_path / "a", [0.5, 1.0], scale="continuous", minimum=0.0, maximum=1.0)
    document = json.loads((folder / "import.json").read_text())
    document["runs"][0]["metrics"][0] |= {"minimum": -1.7e308, "maximum": 1.7e308}
    (folder / "import.json").write_text(json.dumps(document))
    assert setting(folder).raters[0].bounds is None
