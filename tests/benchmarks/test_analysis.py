from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "analysis.py"


def _module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_of_the_analysis", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_benchmark_of_the_analysis_works_at_a_tiny_size_without_its_peers() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--sizes", "4000,8e3", "--rounds", "1", "--no-peers", "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [(row["scale"], row["rows"]) for row in document["rows"]] == [
        ("binary", 4_000), ("binary", 8_000), ("continuous", 4_000), ("continuous", 8_000)
    ]  # fmt: skip
    for row in document["rows"]:
        assert row["program"] == "consilience"
        assert row["cpu_s"] > 0
        assert row["peak_mb"] > 10
        assert row["rows_per_cpu_s"] == pytest.approx(row["rows"] / row["cpu_s"])
        assert row["times"] == {}
    assert document["met"] == {}


def test_the_means_of_peers_must_be_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = _module()
    monkeypatch.setattr(module, "PEER", Path(sys.executable))
    monkeypatch.setattr(module, "PEERS", {"duckdb": module.MEANS_DUCKDB})
    folder = tmp_path / "scores"
    module.generate(4_000, "continuous", folder)
    _, document = module.own(4_000, "continuous", folder, 1)
    means = module.cell_means(document)
    assert len(means) == 400
    (row,) = module.peers(4_000, "continuous", folder, 1, means)
    assert (row["program"], row["rows"]) == ("duckdb", 4_000)
    changed = means | {("lab-00", "en", "rater-0"): 0.123}
    with pytest.raises(SystemExit, match="the means of duckdb are not ours"):
        module.peers(4_000, "continuous", folder, 1, changed)


def test_a_command_that_fails_stops_the_benchmark(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no module"):
        _module().measured([sys.executable, "-c", "raise SystemExit('no module')"], tmp_path / "out.txt")


@pytest.mark.parametrize("sizes", ["0", "1e5,1001"])
def test_sizes_that_make_no_whole_design_are_refused(sizes: str) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--sizes", sizes], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "multiples of 2000" in done.stderr
