"""Digests of protocols and items: what they cover, and what they do not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.protocol_folder import TOML, clean_items, jsonl, read, write

from consilience.errors import InputError
from consilience.evaluation.protocol import (
    Item,
    Protocol,
    Split,
    item_digest,
    plan_document,
    primary_rater,
    protocol_digest,
)


@pytest.fixture
def protocol(tmp_path: Path) -> Protocol:
    return read(write(tmp_path)).protocol


def digest_of(folder: Path, toml: str = TOML, items: str | None = None) -> str:
    return protocol_digest(read(write(folder, toml, items=items)).protocol)


def test_a_digest_is_known_bytes() -> None:
    item = Item(id="a", language="en", concept="k", prompt="Why?", target="So.", choices=("So.", "No."))
    import hashlib

    canonical = (
        '{"accept":[],"choices":["So.","No."],"concept":"k","language":"en","prompt":"Why?","target":"So."}'
    )
    assert item_digest(item) == "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def test_an_item_digest_covers_what_is_asked_and_nothing_else() -> None:
    item = Item(
        id="a", language="en", concept="k", prompt="Why?", target="So.", accept=("Thus",), choices=("x",)
    )
    same = {"id": "b", "split": Split.TUNING, "note": "n", "own_id": "o", "translation_of": "t"}
    for field, value in same.items():
        assert item_digest(msgspec.structs.replace(item, **{field: value})) == item_digest(item), field
    other = {
        "language": "fr",
        "concept": "l",
        "prompt": "Why ?",
        "target": None,
        "accept": (),
        "choices": ("x", "y"),
    }
    digests = {item_digest(msgspec.structs.replace(item, **{field: value})) for field, value in other.items()}
    assert len(digests | {item_digest(item)}) == len(other) + 1


@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_item_digests_differ_when_contents_do(first: str, second: str, choices: list[str]) -> None:
    left = Item(id="a", language="en", concept="k", prompt=first, target=second, choices=tuple(choices))
    right = Item(id="a", language="en", concept="k", prompt=second, target=first, choices=tuple(choices))
    assert (item_digest(left) == item_digest(right)) == (first == second)


def test_a_lone_surrogate_has_no_digest() -> None:
    with pytest.raises(InputError, match="canonical"):
        item_digest(Item(id="a", language="en", concept="k", prompt="\ud800"))


def test_file_names_comments_and_order_do_not_enter(tmp_path: Path) -> None:
    first = digest_of(tmp_path / "one")
    rows = clean_items()
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "b.jsonl").write_text(jsonl(reversed(rows[:5])))
    (tmp_path / "two" / "a.jsonl").write_text(jsonl(rows[5:]))
    toml = "# a comment\n" + TOML.replace(
        'path = "items.jsonl"\nconcept = "knowledge"',
        'path = "b.jsonl"\nconcept = "knowledge"\n[[items]]\npath = "a.jsonl"\nconcept = "knowledge"',
    )
    assert digest_of(tmp_path / "two", toml) == first


def test_order_of_languages_and_written_defaults_do_not_enter(tmp_path: Path) -> None:
    english = '[[languages]]\ntag = "en"\ntranslation = "source"\n\n'
    moved = TOML.replace(english, "").replace("[[items]]", english + "[[items]]")
    written = moved.replace('estimand = "generalized"', 'estimand = "generalized"\npower = 0.8\nmodels = 1')
    written = written.replace('title = "Small"', 'title = "Small"\nversion = "1"')
    assert moved != TOML
    assert digest_of(tmp_path / "a", written) == digest_of(tmp_path / "b")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("attempts = 2", "attempts = 3"),
        ("temperature = 0.7", "temperature = 0.8"),
        ("temperature = 0.7\n", ""),
        ('checked_by = "A. Reader"', 'checked_by = "B. Reader"'),
        ('program = "contains"', 'program = "exact"'),
        ("language = 0.1", "language = 0.2"),
        ('title = "Small"', 'title = "Other"'),
        ('concept = "knowledge"', 'concept = "knowledge"\nsplit = "tuning"'),
        ("wanted_difference = 0.8", "wanted_difference = 0.7"),
    ],
)
def test_the_plan_enters(tmp_path: Path, old: str, new: str) -> None:
    assert old in TOML
    assert digest_of(tmp_path / "a", TOML.replace(old, new)) != digest_of(tmp_path / "b")


def test_every_item_enters(tmp_path: Path) -> None:
    rows = clean_items()
    first = digest_of(tmp_path / "a")
    assert digest_of(tmp_path / "b", items=jsonl(rows[:-1])) != first
    rows[-1]["id"] = "other"
    assert digest_of(tmp_path / "c", items=jsonl(rows)) != first


def test_prompt_files_enter_by_their_content(tmp_path: Path) -> None:
    inline = TOML.replace("temperature = 0.7", 'temperature = 0.7\nsystem_prompt = "Be short.\\nAlways."')
    by_file = TOML.replace("temperature = 0.7", 'temperature = 0.7\nsystem_prompt_file = "system.txt"')
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "system.txt").write_bytes(b"\xef\xbb\xbfBe short.\r\nAlways.")
    (tmp_path / "b" / "system.txt").write_text("Be long.")
    expected = digest_of(tmp_path / "c", inline)
    assert digest_of(tmp_path / "a", by_file) == expected
    assert digest_of(tmp_path / "b", by_file) != expected


def test_the_first_rater_is_primary_unless_another_is_named(protocol: Protocol) -> None:
    second = msgspec.structs.replace(protocol.raters[0], id="second")
    other = msgspec.structs.replace(protocol.raters[0], id="other", concepts=("elsewhere",))
    both = msgspec.structs.replace(protocol, raters=(other, second, *protocol.raters))
    concept = protocol.concepts[0]
    found = primary_rater(both, concept)
    assert found is not None
    assert found.id == "second"
    named = msgspec.structs.replace(concept, rater="says-it")
    explicit = primary_rater(both, named)
    assert explicit is not None
    assert explicit.id == "says-it"
    assert plan_document(both)["concepts"][0]["rater"] == "second"
    assert primary_rater(msgspec.structs.replace(protocol, raters=(other,)), concept) is None


def test_naming_the_first_rater_changes_nothing_but_swapping_raters_does(protocol: Protocol) -> None:
    second = msgspec.structs.replace(protocol.raters[0], id="second")
    both = msgspec.structs.replace(protocol, raters=(*protocol.raters, second))
    swapped = msgspec.structs.replace(both, raters=both.raters[::-1])
    named = msgspec.structs.replace(
        both, concepts=(msgspec.structs.replace(both.concepts[0], rater="says-it"),)
    )
    assert protocol_digest(named) == protocol_digest(both)
    assert protocol_digest(swapped) != protocol_digest(both)
