from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.records.examples import CLAIM, EXAMPLES, NOW, VALUES, claim_of
from tests.records.test_parse import _LEFT_OUT

from consilience import records
from consilience.errors import InputError, NotFoundError
from consilience.records import as_document, parse, withdraw
from consilience.records.kinds import KINDS
from consilience.records.schema import published_schema, schema, schema_text, write_schemas

FOLDER = Path(records.__file__).parent / "schemas"


def _validator(kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(published_schema(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_the_published_file_is_current(kind: str) -> None:
    assert (FOLDER / f"{kind}.json").read_text() == schema_text(kind), (
        "run python -m consilience.records.schema"
    )


def test_nothing_else_is_published(tmp_path: Path) -> None:
    written = {file.name for file in write_schemas(tmp_path / "schemas")}
    assert written == {file.name for file in FOLDER.iterdir()} == {f"{kind}.json" for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_good_schemas_and_take_the_examples(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(published_schema(kind))
    document = as_document(EXAMPLES[kind])
    _validator(kind).validate(document)
    _validator(kind).validate(document | {"x_new": {"deep": [None]}})
    assert schema(kind)["$id"] == f"urn:consilience:schema:{kind}:1"


@pytest.mark.parametrize("kind", KINDS)
def test_patterns_use_only_escapes_that_every_reader_knows(kind: str) -> None:
    patterns = re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', schema_text(kind))
    assert len(patterns) > 5
    for pattern in map(json.loads, patterns):  # ECMA-262 with the flag `u` refuses other escapes
        escapes = re.findall(r"\\(?:u[0-9a-f]{4}|.)", pattern)
        assert [escape for escape in escapes if not re.fullmatch(r"\\(?:u[0-9a-f]{4}|[.sn])", escape)] == []


@pytest.mark.parametrize("name", VALUES)
def test_the_schema_takes_every_value(name: str) -> None:
    _validator("claim").validate(as_document(claim_of(VALUES[name])))


def test_the_schema_takes_a_withdrawal() -> None:
    _validator("claim").validate(as_document(withdraw(CLAIM, now=NOW, reason="wrong")))


@pytest.mark.parametrize("kind", KINDS)
def test_neither_schema_nor_parser_does_without_a_required_member(kind: str) -> None:
    required = published_schema(kind)["required"]
    assert {"kind", "format", "id", "version", "created", "modified", "created_by", "marking"} <= set(
        required
    )
    for name in required:
        document = {key: value for key, value in as_document(EXAMPLES[kind]).items() if key != name}
        assert not _validator(kind).is_valid(document)
        with pytest.raises(InputError):
            parse(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("kind", "party"),
        ("format", 2),
        ("version", 0),
        ("version", 2),
        ("id", CLAIM.subject),
        ("id", CLAIM.id + "\n"),
        ("created", "yesterday"),
        ("marking", "TLP:WHITE"),
        ("evidence", []),
        ("evidence", ["md5:0"]),
        ("measured_by", None),
        ("conditions", {}),
        ("conditions.language", "English"),
        ("value", 0),
        ("value", {"state": "unknown"}),
        ("value.number", "0.8"),
        ("value.uncertainty", _LEFT_OUT),
        ("value.uncertainty", {"form": "none"}),
        ("value.uncertainty.level", 1.0),
        ("statement", "\x1b[31m"),
        ("withdrawal", {"reason": "early"}),
        ("previous", "sha256:" + "0" * 64),
    ],
)
def test_what_the_parser_refuses_the_schema_refuses(path: str, value: Any) -> None:
    document = as_document(CLAIM)
    place: dict[str, Any] = document
    *folders, name = path.split(".")
    for folder in folders:
        place = place[folder]
    if value is _LEFT_OUT:
        del place[name]
    else:
        place[name] = value
    assert not _validator("claim").is_valid(document)
    with pytest.raises(InputError):
        parse(json.dumps(document).encode())


def test_there_is_no_schema_of_something_else() -> None:
    for function in (schema, published_schema):
        with pytest.raises(NotFoundError, match="essay"):
            function("essay")
        with pytest.raises(NotFoundError):
            function("../schemas/claim")
