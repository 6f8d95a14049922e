"""Near prompts: found, measured as sets of triples, the same every time, and in no more memory than said."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.evaluation.importers import near_prompts
from consilience.evaluation.importers.near_prompts import Proposed, overlap, propose, triples

WORDS = "Which of the following towns is the capital of the country of Kenya"
TEXTS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=60).map(" ".join)


def proposed(left: dict[str, str], right: dict[str, str], folder: Path) -> Proposed:
    return propose(left.items(), right.items(), folder)


def as_set(text: str) -> set[tuple[str, ...]]:
    words = ["", *text.lower().split(), ""]
    return set(zip(words, words[1:], words[2:], strict=False))


@given(TEXTS, TEXTS)
def test_the_overlap_is_that_of_the_sets_of_triples(a: str, b: str) -> None:
    one, two = as_set(a), as_set(b)
    assert overlap(triples(a, {}), triples(b, {})) == pytest.approx(len(one & two) / len(one | two))


def test_a_long_prompt_is_estimated_closely() -> None:
    rng = random.Random(7)
    words = [f"w{rng.randrange(10**6)}" for _ in range(9_000)]
    one, two = " ".join(words), " ".join(words[:7_000] + [w + "x" for w in words[7_000:]])
    sets = as_set(one), as_set(two)
    real = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
    kept = triples(one, {}), triples(two, {})
    assert [len(numbers) for numbers in kept] == [near_prompts.MAX_TRIPLES] * 2
    # Standard error of a proportion of 1,024 draws: 0.015.
    assert overlap(*kept) == pytest.approx(real, abs=0.05)


def test_near_is_symmetric_and_short_texts_are_compared_too(tmp_path: Path) -> None:
    one, two = {"a": f"{WORDS}?", "b": "Yes", "c": ""}, {"x": f"{WORDS} now?", "y": "No", "z": " "}
    (there,) = proposed(one, two, tmp_path).pairs
    (back,) = proposed(two, one, tmp_path).pairs
    assert there[:2] == ("a", "x")
    assert back == ("x", "a", there[2])


def templated(side: str, number: int) -> Iterator[tuple[str, str]]:
    """Prompts with a long text in common and a short one of their own."""
    shared = "You answer with one word and do not explain why you say so in any way at all now"
    for n in range(number):
        own = f"item{n} alpha{n} beta{n} gamma{n} delta{n} epsilon{n} zeta{n} eta{n}"
        yield f"{side}{n:06}", f"{shared} {own}" + (" please" if side == "r" else "")


def test_prompts_with_a_template_are_told_apart_by_what_is_their_own(tmp_path: Path) -> None:
    found = propose(templated("l", 400), templated("r", 400), tmp_path)
    assert {(a[1:], b[1:]) for a, b, _ in found.pairs} == {(f"{n:06}", f"{n:06}") for n in range(400)}
    assert (found.more, found.not_compared) == (0, 0)


def test_prompts_without_anything_of_their_own_are_counted_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_prompts, "MAX_COMMON", 1)
    found = proposed({"a": f"{WORDS}?", "b": f"{WORDS}!"}, {"x": f"{WORDS} now"}, tmp_path)
    assert found.not_compared == 0, "their ends are their own"
    found = proposed({"a": "one two three"}, {"x": "one two three"}, tmp_path)
    assert (found.pairs, found.not_compared) == ((), 1)


def test_the_number_of_comparisons_and_of_answers_is_limited_and_the_rest_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_prompts, "MAX_PROPOSED", 10)
    monkeypatch.setattr(near_prompts, "MAX_COMMON", 20)
    found = propose(templated("l", 50), templated("r", 50), tmp_path)
    assert (len(found.pairs), found.more) == (10, 40)
    assert [a for a, _, _ in found.pairs] == [f"l{n:06}" for n in range(10)], "the nearest, then by name"
    monkeypatch.setattr(near_prompts, "MAX_COMPARED", 30)
    found = propose(templated("l", 50), templated("r", 50), tmp_path)
    assert (len(found.pairs) + found.more, found.not_compared) == (30, 20)


def test_the_same_prompts_give_the_same_answer(tmp_path: Path) -> None:
    first = propose(templated("l", 60), templated("r", 60), tmp_path)
    assert propose(templated("l", 60), templated("r", 60), tmp_path) == first
    assert int(triples("one two", {})[0]) == int(triples("ONE  two", {"two": int(_number("two"))})[0])


def _number(word: str) -> int:
    return near_prompts._number(word)


def test_memory_holds_the_seeds_of_a_prompt_and_never_its_text(tmp_path: Path) -> None:
    prompts, length = 1_000, 2_000
    rng = random.Random(3)
    words = [f"w{n}" for n in range(5_000)]

    def texts(side: str) -> Iterator[tuple[str, str]]:
        for n in range(prompts):
            yield f"{side}{n}", " ".join(rng.choices(words, k=length))

    tracemalloc.start()
    propose(texts("l"), texts("r"), tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    on_disk = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert on_disk == 2 * prompts * near_prompts.MAX_TRIPLES * 8
    counters = near_prompts.COUNTERS * np.dtype(np.uint32).itemsize
    assert peak - counters < 0.35 * on_disk
