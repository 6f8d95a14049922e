from __future__ import annotations

import copy
import json
import random
from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from tests.records.examples import CLAIM, EXAMPLES, NOW, VALUES, claim_of
from tests.records.test_strict_json import values

from consilience.errors import InputError, LimitError, VerificationError
from consilience.records import (
    as_document,
    canonical_bytes,
    digest,
    parse,
    record_bytes,
    record_digest,
    revise,
    withdraw,
)
from consilience.records.part import UNKNOWN
from consilience.records.strict_json import Limits

kinds = st.sampled_from(sorted(EXAMPLES))
unknown_names = st.sampled_from([UNKNOWN, "unknown_json", "x_new", "Ω", "", "__class__", "title"])
unknown_members = st.dictionaries(unknown_names | st.text(max_size=5).map("z".__add__), values, max_size=3)


def _objects(value: Any) -> list[dict[str, Any]]:
    """Every object inside a document, itself first."""
    found = [value] if isinstance(value, dict) else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return found + [each for member in inner for each in _objects(member)]


def _shuffled(value: Any, source: random.Random) -> Any:
    if isinstance(value, dict):
        names = list(value)
        source.shuffle(names)
        return {name: _shuffled(value[name], source) for name in names}
    return [_shuffled(each, source) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kind", EXAMPLES)
def test_bytes_to_record_to_bytes(kind: str) -> None:
    content = record_bytes(EXAMPLES[kind])
    parsed = parse(content, now=NOW)
    assert parsed.record == EXAMPLES[kind]
    assert parsed.content == content == record_bytes(parsed.record)
    assert parsed.digest == digest(content) == record_digest(parsed.record)
    assert hash(parsed.record) == hash(EXAMPLES[kind])


@given(kind=kinds, data=st.data())
def test_unknown_members_survive_at_every_depth(kind: str, data: st.DataObject) -> None:
    document = as_document(EXAMPLES[kind])
    for each in _objects(document):
        each.update(data.draw(unknown_members.map(copy.deepcopy)))
    if kind == "party":
        document.pop("title", None)
    content = canonical_bytes(document)
    parsed = parse(content)
    assert record_bytes(parsed.record) == content
    again = parse(record_bytes(revise(parsed.record, now=NOW))).record
    before, after = as_document(parsed.record), as_document(again)
    assert {name for name in before if before[name] != after.get(name)} == {"version"}


@given(kind=kinds, seed=st.integers(0, 2**32), unknown=unknown_members)
def test_the_digest_does_not_depend_on_order_or_spaces(kind: str, seed: int, unknown: dict[str, Any]) -> None:
    document = as_document(EXAMPLES[kind]) | {f"x_{name}": member for name, member in unknown.items()}
    content = json.dumps(_shuffled(document, random.Random(seed)), indent=2).encode()
    parsed = parse(content)
    assert parsed.digest == digest(canonical_bytes(document))
    assert parsed.content == content


@pytest.mark.parametrize("name", VALUES)
def test_every_value_survives_and_no_two_are_alike(name: str) -> None:
    claim = claim_of(VALUES[name])
    assert parse(record_bytes(claim)).record == claim
    assert sum(record_bytes(claim) == record_bytes(claim_of(other)) for other in VALUES.values()) == 1


def test_a_withdrawal_survives() -> None:
    last = withdraw(CLAIM, now=NOW, reason="The scores were mixed up.")
    assert parse(record_bytes(last)).record == last


def test_a_digest_is_checked_before_anything_is_built() -> None:
    content = record_bytes(CLAIM)
    assert parse(content, expected_digest=record_digest(CLAIM)).record == CLAIM
    with pytest.raises(VerificationError):
        parse(content.replace(b"0.8", b"0.9"), expected_digest=record_digest(CLAIM))
    with pytest.raises(VerificationError):  # not a record at all: the digest is what is told
        parse(b'{"kind":"nonsense"}', expected_digest=record_digest(CLAIM))


def _changed(path: str, value: Any) -> bytes:
    document = as_document(CLAIM)
    place = document
    *folders, name = path.split(".")
    for folder in folders:
        place = place[folder]
    if value is _LEFT_OUT:
        del place[name]
    else:
        place[name] = value
    return json.dumps(document).encode()


_LEFT_OUT = object()


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("kind", "essay", "kind"),
        ("kind", 3, "kind"),
        ("kind", ["claim"], "kind"),
        ("kind", "party", "id"),
        ("format", 2, "format"),
        ("format", True, "format"),
        ("format", _LEFT_OUT, "format"),
        ("version", _LEFT_OUT, "version"),
        ("version", 0, "version"),
        ("version", 2, None),
        ("version", "1", "version"),
        ("id", "claim--1", "id"),
        ("id", "claim--00000000-0000-0000-0000-000000000000\n", "id"),
        ("id", CLAIM.subject, "id"),
        ("created", "2026-02-30T00:00:00Z", None),
        ("created", "2026-07-01T12:00:00+00:00", "created"),
        ("modified", "2020-01-01T00:00:00Z", None),
        ("marking", "TLP:WHITE", "marking"),
        ("marking", None, "marking"),
        ("previous", None, "previous"),
        ("evidence", [], "evidence"),
        ("evidence", ["sha256:" + "ab" * 32] * 2, None),
        ("evidence", ["md5:1"], "evidence[0]"),
        ("measured_by", None, "measured_by"),
        ("measured_by", "", "measured_by"),
        ("conditions", {}, "conditions"),
        ("conditions.language", "English", "conditions.language"),
        ("value", None, "value"),
        ("value", 0, "value"),
        ("value", {"state": "unknown"}, "value.state"),
        ("value.number", "0.8", "value.number"),
        ("value.number", True, "value.number"),
        ("value.uncertainty", _LEFT_OUT, "value"),
        ("value.uncertainty", None, "value.uncertainty"),
        ("value.uncertainty.low", 0.95, "value.uncertainty"),
        ("value.uncertainty.level", 1.0, "value.uncertainty.level"),
        ("value.sample_size", 2.5, "value.sample_size"),
        ("valid_until", "2026-05-01T00:00:00Z", None),
        ("statement", "\x1b[31mred", "statement"),
        ("withdrawal", {"reason": "no"}, None),
    ],
)
def test_bad_documents_are_refused_with_the_place(path: str, value: Any, place: str | None) -> None:
    with pytest.raises(InputError) as caught:
        parse(_changed(path, value), source="in.json")
    assert caught.value.where.file == "in.json"
    assert (caught.value.where.path or None) == place
    assert "schema" in caught.value.next_step or "left out" in caught.value.next_step


@pytest.mark.parametrize("content", [b"[]", b"1", b'"claim"', b"null", b"{}"])
def test_what_is_no_record_is_refused(content: bytes) -> None:
    with pytest.raises(InputError):
        parse(content)


def test_a_record_from_the_future_is_refused() -> None:
    late = revise(CLAIM, now=NOW + timedelta(days=2))
    with pytest.raises(InputError, match="future"):
        parse(record_bytes(late), now=NOW)
    assert parse(record_bytes(late), now=NOW + timedelta(days=1)).record == late
    assert parse(record_bytes(late)).record == late


def test_limits_hold_for_records() -> None:
    with pytest.raises(LimitError):
        parse(record_bytes(CLAIM), limits=Limits(bytes=100))


@given(kind=kinds, data=st.data())
def test_damaged_records_give_a_record_or_a_clear_error(kind: str, data: st.DataObject) -> None:
    document = as_document(EXAMPLES[kind])
    place = data.draw(st.sampled_from(_objects(document)))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(values)
    try:
        parsed = parse(canonical_bytes(document))
    except InputError:
        return
    assert record_bytes(parsed.record) == canonical_bytes(document)
