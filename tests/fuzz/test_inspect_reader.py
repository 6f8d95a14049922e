"""The reader of Inspect's logs under a coverage-guided fuzzer: nothing that it is given makes it raise."""

from __future__ import annotations

import io
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.evaluation.importers.imports import OPTIONS, a_sink, finish
from tests.fuzz.coverage_guided import fuzz
from tests.simulators import inspect_log as logs

from consilience.evaluation.importers import (
    inspect_archive,
    inspect_header,
    inspect_log,
    inspect_rows,
    inspect_samples,
    inspect_summaries,
    json_elements,
    zip_directory,
    zip_entries,
)
from consilience.evaluation.importers.inspect_log import InspectReader
from consilience.evaluation.importers.source import Source

WATCHED = [
    inspect_archive,
    inspect_header,
    inspect_log,
    inspect_rows,
    inspect_samples,
    inspect_summaries,
    json_elements,
    zip_directory,
    zip_entries,
]
ITERATIONS = int(os.environ.get("CONSILIENCE_FUZZ", "60"))
SAMPLES = [
    logs.a_sample(1, events=[]),
    logs.a_sample(2, events=[], scores={"odd": logs.a_score(float("nan")), "parts": logs.a_score({"a": 1})}),
    logs.a_sample(3, events=[], scores={}, error={"message": "ValueError('x')"}, limit={"type": "token"}),
]


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Callable[[bytes], None]]:
    """Reads bytes as a log, twice: by need, and from the summaries; in the end, all of it is written."""
    path = tmp_path / "log.eval"
    with a_sink() as sink:

        def read(data: bytes) -> None:
            path.write_bytes(data)
            source = Source("log.eval", path, len(data))
            InspectReader().recognise(source, data[:65_536])
            InspectReader().read([source], sink, OPTIONS)
            InspectReader("summaries").read([source], sink, OPTIONS)

        yield read
        assert finish(sink, tmp_path)[0].rows > 0


def eval_bytes(*, crashed: bool = False, method: int = logs.ZSTD) -> bytes:
    """A small log, stored so that changes reach what is in the entries."""
    stream = io.BytesIO()
    zipped = logs.ZipWriter(stream)
    header = logs.a_header(results=logs.results_of(3, 0.5))
    zipped.add("_journal/start.json", logs.raw(header), method=method, crc=None)
    for sample in SAMPLES:
        zipped.add(f"samples/{sample['id']}_epoch_1.json", logs.raw(sample), method=method)
    zipped.add(
        "samples/x_epoch_1/sample.json", logs.raw(logs.a_sample(9, input="attachment://1")), method=method
    )
    zipped.add("samples/x_epoch_1/attachments/0.json", b'["a","b"]', method=method)
    rows = logs.raw([logs.summary_of(sample) for sample in SAMPLES])
    zipped.add("_journal/summaries/1.json" if crashed else "summaries.json", rows, method=method)
    if not crashed:
        zipped.add("header.json", logs.raw(header), method=method)
    zipped.close()
    return stream.getvalue()


def json_bytes() -> bytes:
    """A small JSON log."""
    return logs.raw({**logs.a_header(results=logs.results_of(3, 0.5)), "samples": SAMPLES})


def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let changed content through, as if its checksum had been written with it."""
    monkeypatch.setattr(zip_entries.zlib, "crc32", lambda data, value=0: 0)


@pytest.mark.parametrize("seed", range(3))
def test_no_zip_file_makes_it_raise(target: Callable[[bytes], None], seed: int) -> None:
    seeds = [eval_bytes(), eval_bytes(crashed=True), eval_bytes(method=logs.STORED)]
    found = fuzz(target, seeds, rng=random.Random(seed), iterations=ITERATIONS, watched=WATCHED)
    assert [crash.error for crash in found.crashes] == []
    assert len(found.corpus) > len(seeds)


@pytest.mark.parametrize("seed", range(3))
def test_no_content_of_entries_makes_it_raise(
    target: Callable[[bytes], None], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    unchecked(monkeypatch)
    seeds = [eval_bytes(method=logs.STORED), eval_bytes(crashed=True, method=logs.STORED)]
    assert b"mockllm" in seeds[0]
    found = fuzz(target, seeds, rng=random.Random(seed), iterations=ITERATIONS, watched=WATCHED)
    assert [crash.error for crash in found.crashes] == []


@pytest.mark.parametrize("seed", range(3))
def test_no_json_makes_it_raise(target: Callable[[bytes], None], seed: int) -> None:
    found = fuzz(target, [json_bytes()], rng=random.Random(seed), iterations=ITERATIONS, watched=WATCHED)
    assert [crash.error for crash in found.crashes] == []
    assert len(found.corpus) > 5
