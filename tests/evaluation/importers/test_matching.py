from pathlib import Path

import pytest
from tests.evaluation.importers.imports import OPTIONS, a_run, a_sink

from consilience.errors import InputError, LimitError, NotFoundError
from consilience.evaluation.importers import matching, writing
from consilience.evaluation.importers.matching import match, near_matches

WORDS = "Which of the following towns is the capital of the country of Kenya"


def _import(folder: Path, prompts: list[str | None]) -> Path:
    folder.mkdir()
    with a_sink() as sink:
        run = sink.add_run(a_run(concept=folder.name))
        for number, prompt in enumerate(prompts):
            digest = None if prompt is None else sink.add_prompt(prompt)
            sink.add_score(run, str(number), rater="acc", score=1.0, item_digest=digest)
        writing.settle(sink, OPTIONS)
        writing.write_items(sink, folder / writing.ITEMS)
    return folder


def test_items_with_the_same_prompt_are_found_and_near_ones_proposed(tmp_path: Path) -> None:
    left = _import(tmp_path / "left", ["Same prompt here", f"{WORDS}?", None, "All alone"])
    right = _import(tmp_path / "right", ["same  PROMPT here", f"{WORDS} please?", "Nothing alike in it"])
    found = match(left, right)
    assert (found.common, found.common_by_concept) == (1, {"left": 1})
    assert (found.left.items, found.left.without_prompt, found.left.only_here) == (4, 1, 2)
    assert (found.right.items, found.right.only_here) == (3, 2)
    (near,) = found.near
    assert 0.6 <= near.overlap < 1
    assert near.left.startswith("p-")


def test_near_is_symmetric_and_short_texts_are_compared_too() -> None:
    one, two = {"a": f"{WORDS}?", "b": "Yes"}, {"x": f"{WORDS} now?", "y": "No"}
    assert [(a, b) for a, b, _ in near_matches(one, two)] == [("a", "x")]
    assert [(b, a) for a, b, _ in near_matches(two, one)] == [("a", "x")]


def test_no_text_is_told(tmp_path: Path) -> None:
    import msgspec

    left = _import(tmp_path / "left", [f"{WORDS}?"])
    right = _import(tmp_path / "right", [f"{WORDS} now?"])
    assert b"Kenya" not in msgspec.json.encode(match(left, right))


def test_what_is_no_import_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = _import(tmp_path / "left", ["one thing", "another thing"])
    with pytest.raises(NotFoundError):
        match(left, tmp_path)
    (tmp_path / writing.ITEMS).write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match="cannot be read"):
        match(left, tmp_path)
    monkeypatch.setattr(matching, "MAX_ITEMS", 1)
    with pytest.raises(LimitError):
        match(left, left)
