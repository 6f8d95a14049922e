from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "import_logs.py"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("benchmark_of_importing", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "benchmark_of_importing", module)
    spec.loader.exec_module(module)
    return module


def test_the_benchmark_of_importing_works_at_a_tiny_size_without_peers() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--sizes", "20,40", "--formats", "inspect", "--no-peer", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode in {0, 1}, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [(row["reader"], row["records"]) for row in rows] == [
        ("inspect summaries", 20),
        ("inspect samples", 20),
        ("inspect summaries", 40),
        ("inspect samples", 40),
    ]
    for row in rows:
        assert row["per_cpu_s"] == pytest.approx(row["records"] / row["cpu_s"])
        assert row["peak_mb"] > 10


def test_a_reader_that_fails_or_loses_records_stops_the_benchmark(
    benchmark: ModuleType, tmp_path: Path
) -> None:
    here = Path(sys.executable)
    with pytest.raises(SystemExit, match="no module"):
        benchmark.measured("x", here, "raise SystemExit('no module')", tmp_path, 3)
    with pytest.raises(SystemExit, match="x read 2 of 3"):
        benchmark.measured("x", here, "print(0.5, 2, 1024)", tmp_path, 3)
    found = benchmark.measured("x", here, "print(0.5, 3, 307200)", tmp_path, 3, target=6)
    assert (found.per_cpu_s, found.peak_mb, found.met) == (6.0, 300.0, True)
    assert not benchmark.measured("x", here, "print(0.5, 3, 307200)", tmp_path, 3, target=7).met
    assert not benchmark.measured("x", here, "print(0.5, 3, 308300)", tmp_path, 3, target=6).met
