"""The published schemas that exports are held against; see the SOURCE.md beside each."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

VECTORS = Path(__file__).resolve().parent.parent.parent / "vectors"


def _read(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


@functools.cache
def every_eval_ever(name: str) -> jsonschema.Draft7Validator:
    """The validator of `eval` or `instance_level_eval`."""
    schema = _read(f"every-eval-ever/{name}.schema.json")
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@functools.cache
def cyclonedx() -> jsonschema.Draft7Validator:
    """The validator of CycloneDX 1.6 with the schemas that it refers to; formats are checked."""
    schema = _read("cyclonedx/bom-1.6.SNAPSHOT.schema.json")
    base = schema["$id"].rpartition("/")[0]
    beside = ("spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json")
    resources = [
        (f"{base}/{name}", Resource.from_contents(_read(f"cyclonedx/{name}"), default_specification=DRAFT7))
        for name in beside
    ]
    return jsonschema.Draft7Validator(
        schema, registry=Registry().with_resources(resources), format_checker=jsonschema.FormatChecker()
    )


def faults(validator: jsonschema.Draft7Validator, document: Any) -> list[str]:
    """Say what is wrong with a document, nothing if it is valid."""
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(document)]
