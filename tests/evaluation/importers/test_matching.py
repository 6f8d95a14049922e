"""What two imports have in common: counted once, in each concept, and only called a pair where it is one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.evaluation.importers.imports import OPTIONS, a_metric, a_run, a_sink

from consilience.errors import InputError, LimitError, NotFoundError
from consilience.evaluation.importers import matching, writing
from consilience.evaluation.importers.imported import Options
from consilience.evaluation.importers.matching import match

WORDS = "Which of the following towns is the capital of the country of Kenya"


def _import(
    folder: Path,
    prompts: Sequence[str | None],
    *,
    concepts: Sequence[str] = ("sums",),
    rater: str = "acc",
    options: Options = OPTIONS,
) -> Path:
    folder.mkdir()
    with a_sink() as sink:
        for concept in concepts:
            run = sink.add_run(a_run(concept=concept, task=concept, metrics=(a_metric(rater),)))
            for number, prompt in enumerate(prompts):
                digest = None if prompt is None else sink.add_prompt(prompt)
                sink.add_score(run, str(number), rater=rater, score=1.0, item_digest=digest)
        writing.settle(sink, options)
        writing.write_items(sink, folder / writing.ITEMS)
        writing.write_scores(sink, options, folder / writing.SCORES)
    return folder


def test_items_with_the_same_prompt_are_found_and_near_ones_proposed(tmp_path: Path) -> None:
    left = _import(tmp_path / "left", ["Same prompt here", f"{WORDS}?", None, "All alone"])
    right = _import(tmp_path / "right", ["same  PROMPT here", f"{WORDS} please?", "Nothing alike in it"])
    found = match(left, right)
    assert (found.common, found.common_by_concept, found.pairs, found.apart) == (1, {"sums": 1}, 1, None)
    assert (found.left.items, found.left.without_prompt, found.left.only_here) == (4, 1, 2)
    assert (found.right.items, found.right.only_here) == (3, 2)
    (near,) = found.near
    assert 0.6 <= near.overlap < 1
    assert near.left.startswith("p-")


def test_an_item_under_two_concepts_counts_once_in_each_of_them(tmp_path: Path) -> None:
    left = _import(tmp_path / "left", ["One thing", "Another thing", "A third"], concepts=("maths", "sums"))
    right = _import(tmp_path / "right", ["one thing", "another thing"], concepts=("sums",))
    found = match(left, right)
    assert (found.common, found.common_by_concept) == (2, {"maths": 2, "sums": 2})
    assert (found.left.items, found.left.only_here, found.pairs) == (3, 1, 2)


@pytest.mark.parametrize(
    ("changes", "apart"),
    [
        ({"concepts": ("other",)}, "concept"),
        ({"rater": "exact"}, "rater"),
        ({"options": msgspec.structs.replace(OPTIONS, exercise="another")}, "exercise"),
        ({"options": msgspec.structs.replace(OPTIONS, language="sw")}, "language"),
        ({"options": msgspec.structs.replace(OPTIONS, laboratory="South")}, None),
    ],
)
def test_what_an_analysis_would_not_pair_is_not_called_a_pair(
    tmp_path: Path, changes: dict[str, Any], apart: str | None
) -> None:
    left = _import(tmp_path / "left", ["One thing", "Another thing"])
    right = _import(tmp_path / "right", ["One thing"], **changes)
    found = match(left, right)
    assert (found.common, found.apart, found.pairs) == (1, apart, 0 if apart else 1)


def test_no_text_is_told(tmp_path: Path) -> None:
    left = _import(tmp_path / "left", [f"{WORDS}?"])
    right = _import(tmp_path / "right", [f"{WORDS} now?"])
    assert b"Kenya" not in msgspec.json.encode(match(left, right))


def test_what_is_no_import_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = _import(tmp_path / "left", ["one thing", "another thing"])
    with pytest.raises(NotFoundError):
        match(left, tmp_path)
    for name in (writing.ITEMS, writing.SCORES):
        (tmp_path / name).write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match="cannot be read"):
        match(left, tmp_path)
    monkeypatch.setattr(matching, "MAX_ITEMS", 1)
    with pytest.raises(LimitError):
        match(left, left)
