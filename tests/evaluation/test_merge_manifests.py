"""Manifests and the scores beside them: of the same run, and unchanged since."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest
from tests.evaluation.exercises import make_manifest, make_protocol, planned_rows, write_run
from tests.simulators.scores import write_rows

from consilience.errors import IncompatibleError, VerificationError
from consilience.evaluation.merge import merge


def sealed_run(folder: Path) -> Path:
    protocol = make_protocol()
    write_run(folder, protocol, "A")
    digest = hashlib.sha256((folder / "scores.parquet").read_bytes()).hexdigest()
    return write_run(folder, protocol, "A", files={"scores.parquet": f"sha256:{digest}"})


def test_a_sealed_run_is_taken(tmp_path: Path) -> None:
    assert merge([sealed_run(tmp_path / "a")]).tables.laboratories == ("A",)


def test_scores_that_were_changed_after_the_run_are_refused(tmp_path: Path) -> None:
    run = sealed_run(tmp_path / "a")
    rows = [row | {"score": 1.0} for row in planned_rows(make_protocol(), "A")]
    write_rows(rows, run / "scores.parquet")
    with pytest.raises(VerificationError, match="not the ones that the run") as error:
        merge([run])
    assert error.value.exit_code == 1
    assert error.value.where is not None


@pytest.mark.parametrize("change", [{"laboratory": "Z"}, {"model": "another"}])
def test_the_manifest_of_another_run_is_refused(tmp_path: Path, change: dict[str, str]) -> None:
    run = write_run(tmp_path / "a", make_protocol(), "A")
    manifest = msgspec.structs.replace(make_manifest(make_protocol(), "A"), **change)
    (run / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    with pytest.raises(IncompatibleError, match=next(iter(change))):
        merge([run])
