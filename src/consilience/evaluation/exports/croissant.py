"""Croissant 1.0 (MLCommons, http://mlcommons.org/croissant/1.0): a description of a protocol's item set.

Pure. Invariants: every property that the specification requires is there ("Dataset-level Information",
"Required"), and none is made up: what nobody told is asked for; a text of an item stands in the item file
only where it was asked for and the items are TLP:CLEAR; without it an item is its digest.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from consilience.errors import InputError, PolicyError
from consilience.evaluation.exports.written import NotHeld
from consilience.evaluation.protocol import Protocol, item_digest, protocol_digest
from consilience.records.marking import Marking, read_marking

LICENSE = re.compile(r"[A-Za-z0-9.+-]{1,100}|https?://[\w.~:/?#@!$&'()*+,;=%-]{1,1000}", re.ASCII)
CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
ITEMS = "items.jsonl"
REQUIRED = (
    "@context",
    "@type",
    "conformsTo",
    "description",
    "license",
    "name",
    "url",
    "creator",
    "datePublished",
)
"""Properties that a dataset must have; `distribution` besides."""
FIELDS = {
    "id": "The item's id, the same in all languages.",
    "language": "Language tag (BCP 47).",
    "concept": "What the item measures.",
    "split": "What the item may be used for: exploratory, tuning or evaluation.",
    "translation": "How the text of this language came to be.",
    "item_digest": "SHA-256 over language, concept, prompt, target and choices (RFC 8785).",
    "prompt": "What is asked.",
}
TERMS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty",
    "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path",
    "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator", "source",
    "subField", "transform",
)  # fmt: skip
"""Words of the vocabulary that the specification's context names (its appendix 1)."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What the person says of an item set, since a protocol does not."""

    creator: str | None = None
    license: str | None = None
    """Address or SPDX id; None: the protocol's sources say it in words."""
    url: str | None = None
    """Page of the item set; None: its name as a URN."""
    with_texts: bool = False


def context() -> dict[str, Any]:
    """Return the JSON-LD context that makes our keys words of schema.org and Croissant."""
    return {
        "@language": "en",
        "@vocab": "https://schema.org/",
        "sc": "https://schema.org/",
        "cr": "http://mlcommons.org/croissant/",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "dct": "http://purl.org/dc/terms/",
        "conformsTo": "dct:conformsTo",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "examples": {"@id": "cr:examples", "@type": "@json"},
        **{term: f"cr:{term}" for term in TERMS},
    }


def check(protocol: Protocol, setting: Setting) -> None:
    """Refuse what cannot be described without making something up, or may not go out.

    Raises:
        InputError: Creator or licence are not known.
        PolicyError: Texts are asked for, and the items are not TLP:CLEAR.
    """
    if setting.creator is None:
        raise InputError(
            "Croissant demands who made the item set, and a protocol does not say it",
            next_step="Name the creator with --creator.",
        )
    if setting.license is None and not protocol.sources:
        raise InputError(
            "Croissant demands a licence, and the protocol names no sources",
            next_step="Name it with --license, as an address or an SPDX id, or fill in `sources`.",
        )
    if setting.license is not None and not LICENSE.fullmatch(setting.license):
        raise InputError(
            "this is no licence", next_step="Write --license as an SPDX id, such as CC-BY-4.0, or an address."
        )
    if setting.with_texts and read_marking(protocol.handling) is not Marking.CLEAR:
        raise PolicyError(
            f"the items are {protocol.handling}; texts of items leave in Croissant only under TLP:CLEAR",
            next_step="Leave out --with-texts; the items then stand there by their digests.",
        )


def item_lines(protocol: Protocol, *, with_texts: bool) -> bytes:
    """Return the item file as JSON lines, sorted by id and language."""
    translations = {language.tag: language.translation.value for language in protocol.languages}
    lines = []
    for item in sorted(protocol.items, key=lambda one: (one.id, one.language)):
        row: dict[str, Any] = {
            "id": item.id,
            "language": item.language,
            "concept": item.concept,
            "split": item.split.value,
            "translation": item.translation.value if item.translation else translations.get(item.language),
            "item_digest": item_digest(item),
        }
        if with_texts:
            row["prompt"] = item.prompt
        lines.append(msgspec.json.encode(row))
    return b"".join(line + b"\n" for line in lines)


def description(protocol: Protocol, setting: Setting, *, sha256: str, size: int) -> dict[str, Any]:
    """Return the JSON-LD document.

    Args:
        protocol: Whose items are described.
        setting: What the person says; `check` has passed.
        sha256: Of the item file, hexadecimal.
        size: Of the item file, in bytes.
    """
    plan = protocol_digest(protocol)
    names = [name for name in FIELDS if name != "prompt" or setting.with_texts]
    return {
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": protocol.name,
        "description": f"{protocol.title}. {protocol.construct}".strip(),
        "license": _license(protocol, setting),
        "url": setting.url or f"urn:consilience:protocol:{plan.removeprefix('sha256:')}",
        "creator": {"@type": "sc:Organization", "name": setting.creator},
        "datePublished": protocol.created,
        "version": protocol.version,
        "inLanguage": [language.tag for language in protocol.languages],
        "keywords": [concept.id for concept in protocol.concepts],
        "identifier": plan,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": ITEMS,
                "name": ITEMS,
                "contentUrl": ITEMS,
                "contentSize": f"{size} B",
                "encodingFormat": "application/jsonlines",
                "sha256": sha256,
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "items",
                "name": "items",
                "description": f"{len(protocol.items)} items, one record for each language.",
                "key": [{"@id": "items/id"}, {"@id": "items/language"}],
                "field": [_field(name) for name in names],
            }
        ],
    }


def _license(protocol: Protocol, setting: Setting) -> Any:
    if setting.license is None:
        return {"@type": "sc:CreativeWork", "name": "; ".join(protocol.sources)}
    if "://" in setting.license:
        return setting.license
    return f"https://spdx.org/licenses/{setting.license}.html"


def _field(name: str) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"items/{name}",
        "name": name,
        "description": FIELDS[name],
        "dataType": "sc:Text",
        "source": {"fileObject": {"@id": ITEMS}, "extract": {"column": name}},
    }


def losses_of(protocol: Protocol, setting: Setting) -> list[NotHeld]:
    """Return what the description does not hold of the item set."""
    n = len(protocol.items)
    found = [
        NotHeld(code="targets", text="right answers do not leave with a description", count=n),
        NotHeld(
            code="date_published", text="a date of publication is demanded; the protocol's date stands there"
        ),
    ]
    if not setting.with_texts:
        found.append(
            NotHeld(
                code="texts", text="texts of items stay here; their digests stand in their place", count=n
            )
        )
    if read_marking(protocol.handling) is not Marking.CLEAR:
        found.append(
            NotHeld(code="handling", text="the marking has no property; it stands in the output only")
        )
    return found
