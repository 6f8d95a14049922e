"""The readers of JSONL logs and of tables under a coverage-guided fuzzer: nothing makes them raise."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import zstandard
from tests.evaluation.importers.imports import OPTIONS, a_sink, finish
from tests.evaluation.importers.test_modelbench import WHOLE
from tests.fuzz.coverage_guided import fuzz
from tests.simulators import jsonl_logs as logs

from consilience.evaluation.importers import (
    garak,
    json_elements,
    json_lines,
    json_parts,
    lm_eval,
    modelbench,
    packed,
    plain,
    promptfoo,
    table_files,
    table_layout,
    tables,
)
from consilience.evaluation.importers.source import Reader, Source

ITERATIONS = int(os.environ.get("CONSILIENCE_FUZZ", "150"))
RESULT = {
    "id": "r", "promptIdx": 0, "testIdx": 0, "provider": {"id": "echo", "label": "l"}, "success": True,
    "prompt": {"raw": "Say it", "label": "x"}, "vars": {"language": "en"}, "score": 0.5, "failureReason": 0,
    "namedScores": {"tone": 1}, "response": {"output": "it"},
    "gradingResult": {"componentResults": [{"score": 1, "assertion": {"type": "llm-rubric", "metric": "m"}}]},
}  # fmt: skip


DOCUMENT = {"evalId": "e", "results": {"version": 3, "prompts": [], "results": [RESULT, RESULT], "stats": {}},
            "config": {"description": "d"}}  # fmt: skip


def lines(entries: list[dict[str, object]]) -> bytes:
    return "".join(json.dumps(entry) + "\n" for entry in entries).encode()


SAMPLES = list(logs.lm_eval_samples(2))
ATTEMPTS = list(logs.garak_entries(2, outputs=2))
MAP = {"item": "id", "score": "a,b", "attempt": "n", "language": "l", "rater": "r"}
CSV = b'# c,,\n"id",n,l,r,a,b\n1,0,en,x,"1\n2",0.5\n2,1,zz zz,"y ""z""",=1,true\n'
CASES: dict[str, tuple[Reader, list[bytes], list[ModuleType]]] = {
    "lm-eval": (
        lm_eval.LmEval(),
        [lines(SAMPLES), lines([logs.lm_eval_results(SAMPLES)]), lines([{**SAMPLES[0], "exact_match": [1]}])],
        [lm_eval],
    ),
    "garak": (garak.Garak(), [lines(ATTEMPTS), lines(ATTEMPTS[2:])], [garak]),
    "promptfoo": (
        promptfoo.Promptfoo(),
        [lines([RESULT]), lines([{**RESULT, "failureReason": 2}]), lines([DOCUMENT])],
        [promptfoo, json_parts, json_elements],
    ),
    "modelbench": (
        modelbench.Modelbench(),
        [lines(WHOLE), zstandard.ZstdCompressor().compress(lines(WHOLE))],
        [modelbench, packed],
    ),
    "table": (tables.Tables(MAP), [CSV, CSV.replace(b",", b";")], [tables, table_files, table_layout]),
}


@pytest.mark.parametrize("name", CASES)
def test_no_bytes_make_a_reader_raise(tmp_path: Path, name: str) -> None:
    reader, seeds, watched = CASES[name]
    path = tmp_path / "log"
    seeds = [*seeds, seeds[0][: len(seeds[0]) // 2], seeds[0].replace(b"1", b"NaN")]
    with a_sink() as sink:
        found = fuzz(
            _target(reader, path, sink), seeds, rng=random.Random(7), iterations=ITERATIONS,
            watched=[*watched, json_lines, plain],
        )  # fmt: skip
        assert [crash.error for crash in found.crashes] == []
        assert len(found.corpus) > len(seeds)
        assert finish(sink, tmp_path)[0].rows > 0


def _target(reader: Reader, path: Path, sink: object) -> Callable[[bytes], None]:
    def read(data: bytes) -> None:
        path.write_bytes(data)
        source = Source("log", path, len(data))
        reader.recognise(source, data[:65_536])
        reader.read([source], sink, OPTIONS)  # type: ignore[arg-type]

    return read
