from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.evaluation.small_protocol import small_plan, small_protocol
from tests.evaluation.test_manifest import session

from consilience.errors import IncompatibleError, NotFoundError, StoreError
from consilience.evaluation.manifest import Served, build_manifest, tally
from consilience.evaluation.protocol import protocol_digest
from consilience.evaluation.run_folder import (
    claim_folder,
    read_manifest,
    read_protocol_copy,
    write_manifest,
)
from consilience.evaluation.run_record import Manifest


def manifest() -> Manifest:
    return build_manifest(
        small_plan(),
        served=Served(endpoint="http://h/v1"),
        raters=(),
        counts=tally([], []),
        sessions=[session(1)],
        finished_at=None,
    )


def test_a_new_folder_gets_the_protocol_and_keeps_its_digest(tmp_path: Path) -> None:
    assert claim_folder(tmp_path, small_plan()) is None
    assert read_protocol_copy(tmp_path) == small_protocol()
    assert protocol_digest(read_protocol_copy(tmp_path)) == small_plan().protocol_digest


def test_a_folder_is_found_again(tmp_path: Path) -> None:
    claim_folder(tmp_path, small_plan())
    write_manifest(tmp_path, manifest())
    assert claim_folder(tmp_path, small_plan()) == manifest()
    assert read_manifest(tmp_path) == manifest()


def test_a_folder_of_another_run_is_refused_and_says_which(tmp_path: Path) -> None:
    claim_folder(tmp_path, small_plan())
    write_manifest(tmp_path, manifest())
    with pytest.raises(IncompatibleError) as caught:
        claim_folder(tmp_path, small_plan(laboratory="Lab B"))
    assert small_plan().run in str(caught.value)
    assert small_plan(laboratory="Lab B").run in str(caught.value)


def test_answers_without_a_manifest_belong_to_nobody(tmp_path: Path) -> None:
    """The copy of a protocol does not say which model answered."""
    claim_folder(tmp_path, small_plan())
    (tmp_path / "generations.jsonl").write_bytes(b"{}\n")
    with pytest.raises(IncompatibleError, match="nothing that says of which run"):
        claim_folder(tmp_path, small_plan(laboratory="Lab B"))


def test_a_folder_left_before_its_manifest_takes_the_protocol_of_who_comes_next(tmp_path: Path) -> None:
    claim_folder(tmp_path, small_plan(msgspec.structs.replace(small_protocol(), title="Another exercise")))
    (tmp_path / "generations.jsonl").touch()
    assert claim_folder(tmp_path, small_plan()) is None
    assert read_protocol_copy(tmp_path) == small_protocol()


def test_a_manifest_of_a_later_version_keeps_readable(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest())
    path = tmp_path / "manifest.json"
    content = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode(content | {"a_later_field": 1}))
    assert read_manifest(tmp_path) == manifest()


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no manifest\.json"):
        read_manifest(tmp_path)
    for content in (b"", b"\xff", b"[1]", b'{"run": 7}', b'{"run": NaN}'):
        (tmp_path / "manifest.json").write_bytes(content)
        with pytest.raises(StoreError, match="damaged"):
            read_manifest(tmp_path)
    (tmp_path / "protocol.json").write_bytes(b"{}")
    with pytest.raises(StoreError, match=r"protocol\.json is damaged"):
        read_protocol_copy(tmp_path)
