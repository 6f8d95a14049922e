"""Samples from bytes: bare words, surrogates, other shapes, prompts of every form; summaries in two ways."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulators import inspect_log as logs

from consilience.evaluation.importers import inspect_samples, inspect_summaries
from consilience.evaluation.importers.inspect_samples import (
    Prompt,
    Sample,
    Summary,
    decode_generic,
    decode_sample,
    decode_summary,
    language_of,
    mend,
    sample_of_members,
    told_language,
)
from consilience.evaluation.importers.inspect_summaries import needs_sample, summaries_of
from consilience.evaluation.importers.inspect_values import INFINITE, NAN
from consilience.evaluation.importers.json_elements import Piece

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["NaN", ": NaN,", '"NaN"', "-Infinity", "\\", 'x"', "\ud800", "\\ud800", "\udc00\ud800"]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def expected(value: Any) -> Any:
    """What decoding with marks and without lone surrogates gives."""
    if isinstance(value, float) and not math.isfinite(value):
        return NAN if math.isnan(value) else INFINITE if value > 0 else INFINITE.replace("I", "-I", 1)
    if isinstance(value, str):
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in value)
    if isinstance(value, list):
        return [expected(part) for part in value]
    if isinstance(value, dict):
        return {expected(key): expected(part) for key, part in value.items()}
    return value


@given(VALUES)
def test_what_python_writes_and_json_does_not_have_is_read(value: Any) -> None:
    if any("\ud800" <= c <= "\udbff" and "\udc00" <= d <= "\udfff" for c, d in _pairs(json.dumps(value))):
        return
    assert decode_generic(json.dumps(value).encode()) == expected(value)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    return itertools.pairwise(text)


def test_bare_words_in_strings_stay() -> None:
    raw = b'{"a":": NaN, Infinity","b":NaN,"c":[-Infinity,-1],"d":"\\"NaN"}'
    assert decode_generic(raw) == {"a": ": NaN, Infinity", "b": NAN, "c": ["\x00-Infinity", -1], "d": '"NaN'}


@pytest.mark.parametrize(
    "raw", [b"", b"NaN NaN", b"{", b"[" * 100_000, b'"\\u', b"\xff", b"-", b"NaNI" * 50_000]
)
def test_what_is_no_json_is_none_quickly(raw: bytes) -> None:
    assert decode_generic(raw) is None
    assert decode_sample(raw) is None
    assert decode_summary(raw) is None
    mend(raw)


def test_a_field_of_another_shape_does_not_lose_the_others() -> None:
    strange = {**logs.a_sample(1), "metadata": [1], "output": "x", "error": NAN, "attachments": {"a": "b"}}
    sample = decode_sample(logs.raw(strange))
    assert sample is not None
    assert (sample.id, sample.metadata, sample.output) == ("s1", None, None)
    assert sample.scores is not None
    assert sample.scores["includes"].value == "C"
    assert decode_sample(b"[1]") is None
    lost = decode_sample(logs.raw({**strange, "scores": 3}))
    assert lost is not None
    assert lost.scores is None


def test_a_sample_beyond_the_limit_is_not_given_to_the_slow_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = logs.raw({**logs.a_sample(1), "metadata": [1]})
    assert decode_sample(raw) is not None
    monkeypatch.setattr(inspect_samples, "MAX_GENERIC_BYTES", 100)
    assert decode_sample(raw) is None


def test_a_sample_of_members() -> None:
    sample = sample_of_members(
        {"id": b'"x"', "epoch": b"2", "scores": b'{"a":{"value":NaN}}', "input": b'"in"'}
    )
    assert (sample.id, sample.epoch, sample.input) == ("x", 2, "in")
    assert sample.scores is not None
    assert sample.scores["a"].value == NAN


def text_of(given: Any, **changes: Any) -> tuple[str, bool]:
    sample = decode_sample(logs.raw(logs.a_sample(1, input=given, **changes)))
    assert sample is not None
    prompt = Prompt(sample)
    return prompt.text, prompt.whole


def test_the_prompt_is_the_input() -> None:
    assert text_of("a question") == ("a question", True)
    assert text_of("a question that ends in ...") == ("a question that ends in ...", True)
    turns = [
        {"role": "system", "content": "rules"},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": [{"type": "text", "text": "three"}]},
    ]
    assert text_of(turns) == ("one\nthree", True)
    assert text_of(turns[:1]) == ("rules", True)
    assert text_of("which?", choices=["A", "B"]) == ("which?\nA\nB", True)


@pytest.mark.parametrize("given", [None, 3, [], [3], [{}], {"a": 1}, "", [{"role": "user", "content": 3}]])
def test_an_input_without_text_has_no_prompt(given: Any) -> None:
    assert text_of(given, choices=["A"])[0] == ""


def test_attachments_are_put_in_and_media_told_by_digest() -> None:
    part = {"type": "image", "image": "attachment://abc"}
    turn = [{"role": "user", "content": [{"type": "text", "text": "what is this?"}, part]}]
    one, whole = text_of(turn, attachments={"abc": "data:image/png;base64,AAAA"})
    other, _ = text_of(turn, attachments={"abc": "data:image/png;base64,BBBB"})
    assert whole
    assert one.startswith("what is this?\n[image ")
    assert one != other
    assert text_of("tc://abc", attachments={"abc": "the text"}) == ("the text", True)
    assert text_of("attachment://abc", attachments={}) == ("attachment://abc", False)
    assert text_of("attachment://abc", attachments={"abc": 3})[1] is False


@pytest.mark.parametrize(
    ("metadata", "tag", "told"),
    [
        ({"lang": "sw"}, "sw", True),
        ({"language": "zh-Hant"}, "zh-Hant", True),
        ({"lang": "English"}, None, True),
        ({"lang": "English", "language": "en"}, "en", True),
        ({"lang": 3}, None, True),
        ({}, None, False),
        (None, None, False),
    ],
)
def test_a_language_is_a_tag_or_none(metadata: Any, tag: str | None, told: bool) -> None:
    sample = decode_sample(logs.raw(logs.a_sample(1, metadata=metadata)))
    assert sample is not None
    assert (language_of(sample), told_language(sample)) == (tag, told)


def rows(n: int, **changes: Any) -> list[dict[str, Any]]:
    return [logs.summary_of(logs.a_sample(i, **changes)) for i in range(n)]


def read(raw: bytes, size: int = 500) -> list[Summary | Piece]:
    return list(summaries_of(raw[at : at + size] for at in range(0, len(raw), size)))


def ids(found: list[Summary | Piece]) -> list[Any]:
    return [f.id if isinstance(f, Summary) else f.fault for f in found]


@given(
    n=st.integers(0, 30),
    size=st.integers(1, 3_000),
    window=st.integers(1, 3_000),
    indent=st.sampled_from([None, 2]),
)
@settings(max_examples=40)
def test_the_fast_way_gives_what_the_exact_one_gives(
    n: int, size: int, window: int, indent: int | None
) -> None:
    trap = [{"id": "inner", "epoch": 1}, {"id": "inner", "epoch": 2}]
    values = rows(n, metadata={"lang": "en", "trap": trap, "text": '},{"id":1,"epoch":2'})
    data = json.dumps(values, indent=indent).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspect_summaries, "WINDOW", window)
        found = read(data, size)
    assert ids(found) == [f"s{i}" for i in range(n)]
    assert all(
        isinstance(f, Summary) and f.scores and f.scores["includes"].value in {"C", "I"} for f in found
    )


def test_a_broken_summary_loses_itself_only() -> None:
    values = rows(20, scores={"odd": logs.a_score(float("nan"))})
    data = logs.raw(values)
    at = data.find(b'"id":"s7"')
    assert ids(read(data[: at + 5] + b"[" * 300 + b"]" * 300 + b',"x":' + data[at + 5 :], 10**6))[:7] == [
        f"s{i}" for i in range(7)
    ]
    broken = data.replace(b'"id":"s7"', b'"id":s7')
    found = ids(read(broken))
    assert found.count("malformed") == 1
    assert [f for f in found if f != "malformed"] == [f"s{i}" for i in range(20) if i != 7]
    assert ids(read(data[:-700]))[-1] == "truncated"
    assert ids(read(b"[null," + data[1:]))[:2] == ["malformed", "s0"]
    assert ids(read(b'{"a":1}')) == []
    assert ids(read(b"")) == ["malformed"]


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({}, False),
        ({"input": "x" * 99 + "...\n(content truncated)"}, True),
        ({"input": "shortened..."}, True),
        ({"input": [{"role": "user", "content": [{"type": "text", "text": "(Image)"}]}]}, True),
        ({"scores": {}}, True),
        ({"scores": {}, "error": {"message": "X('y')"}}, False),
        ({"scores": {"a": logs.a_score(float("nan"))}}, True),
        ({"scores": {"a": logs.a_score({"k": None})}}, True),
        ({"scores": {"a": logs.a_score([float("nan")])}}, True),
        ({"scores": {"a": logs.a_score({})}}, True),
        ({"scores": {"a": logs.a_score(float("nan"), reason="refusal")}}, False),
        ({"scores": {"a": logs.a_score({"k": 1})}}, False),
    ],
)
def test_which_summaries_are_not_enough(changes: dict[str, Any], needed: bool) -> None:
    summary = decode_summary(logs.raw(logs.summary_of(logs.a_sample(1, **changes))))
    assert summary is not None
    assert needs_sample(summary, Prompt(summary)) is needed


def test_a_default_sample_is_empty() -> None:
    assert Prompt(Sample()).text == ""
