"""The description of an item set: what Croissant 1.0 requires, and no text that may not leave."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from tests.evaluation.exercises import make_protocol

from consilience.errors import InputError, PolicyError
from consilience.evaluation.exports import croissant as cr
from consilience.evaluation.protocol import Protocol, item_digest, protocol_digest

SETTING = cr.Setting(creator="The institutes", license="CC-BY-4.0")


def described(protocol: Protocol, setting: cr.Setting = SETTING) -> Any:
    cr.check(protocol, setting)
    items = cr.item_lines(protocol, with_texts=setting.with_texts)
    sha256 = hashlib.sha256(items).hexdigest()
    return json.loads(json.dumps(cr.description(protocol, setting, sha256=sha256, size=len(items))))


def test_all_that_the_specification_requires_is_there() -> None:
    """MLCommons Croissant 1.0, "Dataset-level Information", tables "Required" and "Modified and Added"."""
    document = described(make_protocol())
    for key in (*cr.REQUIRED, "distribution"):
        assert document[key], key
    assert document["@type"] == "sc:Dataset"
    assert document["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert document["license"] == "https://spdx.org/licenses/CC-BY-4.0.html"
    assert document["@context"]["conformsTo"] == "dct:conformsTo"
    assert document["identifier"] == protocol_digest(make_protocol())
    assert document["inLanguage"] == ["en", "fr"]


def test_the_record_set_points_into_the_file() -> None:
    document = described(make_protocol())
    (file,), (records,) = document["distribution"], document["recordSet"]
    assert (file["@type"], file["encodingFormat"]) == ("cr:FileObject", "application/jsonlines")
    rows = [json.loads(line) for line in cr.item_lines(make_protocol(), with_texts=False).splitlines()]
    columns = [field["source"]["extract"]["column"] for field in records["field"]]
    assert all(list(row) == columns for row in rows)
    assert {key["@id"] for key in records["key"]} <= {field["@id"] for field in records["field"]}
    assert all(field["source"]["fileObject"]["@id"] == file["@id"] for field in records["field"])


def test_items_are_their_digests_and_no_text_leaves() -> None:
    protocol = make_protocol()
    content = cr.item_lines(protocol, with_texts=False).decode() + json.dumps(described(protocol))
    assert all(item.prompt not in content for item in protocol.items)
    rows = [json.loads(line) for line in cr.item_lines(protocol, with_texts=False).splitlines()]
    assert {row["item_digest"] for row in rows} == {item_digest(item) for item in protocol.items}


def test_texts_leave_only_when_asked_for_and_public() -> None:
    setting = cr.Setting(creator="Us", license="CC0-1.0", with_texts=True)
    document = described(make_protocol(), setting)
    assert [field["name"] for field in document["recordSet"][0]["field"]][-1] == "prompt"
    for handling in ("TLP:GREEN", "TLP:RED", "unheard of"):
        with pytest.raises(PolicyError):
            cr.check(make_protocol(handling=handling), setting)


def test_nothing_is_made_up() -> None:
    with pytest.raises(InputError, match="who made"):
        cr.check(make_protocol(), cr.Setting(license="CC0-1.0"))
    with pytest.raises(InputError, match="licence"):
        cr.check(make_protocol(), cr.Setting(creator="Us"))
    with pytest.raises(InputError, match="no licence"):
        cr.check(make_protocol(), cr.Setting(creator="Us", license="free for all <b>"))
    sources = make_protocol(sources=("Written by us, CC0-1.0",))
    document = described(sources, cr.Setting(creator="Us"))
    assert document["license"] == {"@type": "sc:CreativeWork", "name": "Written by us, CC0-1.0"}
    assert document["url"].startswith("urn:consilience:protocol:")


def test_a_marking_that_has_no_property_is_listed() -> None:
    codes = {loss.code for loss in cr.losses_of(make_protocol(handling="TLP:GREEN"), SETTING)}
    assert codes == {"targets", "texts", "handling", "date_published"}
