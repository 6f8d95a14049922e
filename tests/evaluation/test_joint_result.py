"""The published schema of the joint result is the one of the types, and accepts what the analysis writes."""

from __future__ import annotations

import datetime
import json
from importlib import resources
from pathlib import Path

import jsonschema
import msgspec
import pytest
from tests.simulators.scores import Design, write

from consilience.evaluation.analysis import analyse
from consilience.evaluation.joint_result import schema

PUBLISHED = resources.files("consilience.evaluation") / "schemas" / "joint-result.json"


def test_the_published_schema_is_current() -> None:
    """To renew it: python -m consilience.evaluation.joint_result >
    src/consilience/evaluation/schemas/joint-result.json"""
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == schema()


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_a_result_fits_the_schema_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    result = analyse(write(Design(items=12), tmp_path), protocol=None, now=now)
    document = json.loads(msgspec.json.encode(result))
    validator = jsonschema.Draft202012Validator(schema())
    validator.validate(document)
    document["cells"][0]["generalized"]["n_items"] = "many"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(document)
