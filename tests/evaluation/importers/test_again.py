"""The same files imported again, named in another order, give the same bytes: every format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.evaluation.importers.imports import NOW, OPTIONS
from tests.evaluation.importers.test_modelbench import WHOLE
from tests.evaluation.importers.test_promptfoo import a_document, a_result
from tests.evaluation.importers.test_pyrit import FULL, a_memory, a_score
from tests.simulators import inspect_log, jsonl_logs

from consilience.evaluation.importers.importing import import_paths


def write(folder: Path, name: str) -> None:
    """Write a log of the format with several raters."""
    lines = {
        "garak": lambda: list(jsonl_logs.garak_entries(3, outputs=2)),
        "lm-eval": lambda: list(jsonl_logs.lm_eval_samples(3)),
        "modelbench": lambda: WHOLE,
    }
    if name in lines:
        text = "".join(json.dumps(entry) + "\n" for entry in lines[name]())
        (folder / f"{name}.jsonl").write_text(text)
    elif name == "promptfoo":
        (folder / "out.json").write_text(json.dumps(a_document(a_result(0), a_result(1))))
    elif name == "pyrit":
        scores = [a_score("true", "m2", str(n), question=f"q{n}", category=f"c{n % 2}") for n in range(4)]
        a_memory(folder, **{**FULL, "ScoreEntries": [*FULL["ScoreEntries"], *scores]})
    else:
        for number in range(2):
            inspect_log.write_eval(folder / f"{number}.eval", [inspect_log.a_sample(n) for n in range(4)])


@pytest.mark.parametrize("name", ["garak", "inspect", "lm-eval", "modelbench", "promptfoo", "pyrit"])
def test_the_same_files_give_the_same_scores(tmp_path: Path, name: str) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    write(logs, name)
    files = sorted(logs.iterdir())
    found = []
    for number, paths in enumerate(([*files], [*reversed(files)], [*files])):
        target = tmp_path / f"out{number}"
        imported = import_paths(paths, OPTIONS, target=target, now=NOW)
        metrics = [sorted(run.metrics, key=lambda metric: metric.rater) for run in imported.runs]
        found.append(((target / "scores.parquet").read_bytes(), metrics))
    assert found[0] == found[1] == found[2]
    assert found[0][1][0]
