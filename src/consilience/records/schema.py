"""The published JSON Schemas (2020-12), one for each kind, made from the types.

The files in `schemas/` are what other software reads; `write_schemas` makes them, and a test holds them
current.
Invariant: what the parser takes, the schema takes. The parser also checks what a schema cannot say (order of
times, digests of evidence named twice, limits of the whole document).
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from consilience.errors import NotFoundError
from consilience.records.kinds import KINDS
from consilience.records.part import UNKNOWN

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ALWAYS_WRITTEN = ("format", "version")
_VERSION_RULE = {
    "if": {"properties": {"version": {"const": 1}}},
    "then": {"not": {"anyOf": [{"required": ["previous"]}, {"required": ["withdrawal"]}]}},
    "else": {"required": ["previous"]},
}


def schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of one kind, made from its type.

    Raises:
        NotFoundError: There is no such kind.
    """
    if kind not in KINDS:
        raise NotFoundError(f"there is no kind {kind[:40]!r}", next_step=f"The kinds are {', '.join(KINDS)}.")
    document = msgspec.json.schema(KINDS[kind], ref_template="#/$defs/{name}")
    definitions = document["$defs"]
    for definition in definitions.values():
        if definition.get("type") == "object":
            _as_written(definition)
    record = definitions.pop(KINDS[kind].__name__)
    required = [
        "kind",
        *ALWAYS_WRITTEN,
        *(n for n in record["required"] if n not in {"kind", *ALWAYS_WRITTEN}),
    ]
    return {
        "$schema": DIALECT,
        "$id": f"urn:consilience:schema:{kind}:1",
        **record,
        "required": required,
        **_VERSION_RULE,
        "$defs": definitions,
    }


def published_schema(kind: str) -> dict[str, Any]:
    """Return the schema of one kind as it was published with this version.

    Raises:
        NotFoundError: There is no such kind.
    """
    if kind not in KINDS:
        raise NotFoundError(f"there is no kind {kind[:40]!r}", next_step=f"The kinds are {', '.join(KINDS)}.")
    text = (
        resources.files("consilience.records").joinpath("schemas", f"{kind}.json").read_text(encoding="utf-8")
    )
    document: dict[str, Any] = json.loads(text)
    return document


def schema_text(kind: str) -> str:
    """Return the text of the published file of one kind."""
    return json.dumps(schema(kind), ensure_ascii=True, indent=2) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """Write the schema of every kind into a folder and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for kind in KINDS:
        file = folder / f"{kind}.json"
        file.write_text(schema_text(kind), encoding="utf-8")
        files.append(file)
    return files


def _as_written(definition: dict[str, Any]) -> None:
    """Say of one object what documents look like: no null, no empty list, no default."""
    properties: dict[str, Any] = definition["properties"]
    properties.pop(UNKNOWN, None)
    if not definition.get("required"):
        definition["minProperties"] = 1
    for name, member in properties.items():
        member.pop("discriminator", None)
        member.pop("default", None)
        options = [option for option in member.get("anyOf", []) if option != {"type": "null"}]
        if len(options) == 1:
            properties[name] = member = options[0]
        elif options:
            member["anyOf"] = options
        if member.get("type") == "array":
            member["minItems"] = max(1, member.get("minItems", 0))


if __name__ == "__main__":  # python -m consilience.records.schema
    write_schemas(Path(__file__).parent / "schemas")
