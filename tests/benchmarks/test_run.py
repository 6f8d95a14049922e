from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "run.py"


def test_the_benchmark_of_the_runner_works_at_a_tiny_size_without_its_peer() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--items", "20", "--attempts", "1,2", "--no-peer", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode in {0, 1}, done.stderr
    document = json.loads(done.stdout)
    assert [row["samples"] for row in document["rows"]] == [20, 40]
    for row in document["rows"]:
        assert row["program"] == "consilience"
        assert row["cpu_s"] > 0
        assert row["peak_mb"] > 10
        assert row["per_cpu_s"] == pytest.approx(row["samples"] / row["cpu_s"])
    assert document["ratio_to_inspect"] is None
    assert document["slowest_per_cpu_s"] == min(row["per_cpu_s"] for row in document["rows"])


def test_a_command_that_fails_stops_the_benchmark(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("benchmark_of_the_runner", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(SystemExit, match="no module"):
        module.measured([sys.executable, "-c", "raise SystemExit('no module')"], tmp_path)
