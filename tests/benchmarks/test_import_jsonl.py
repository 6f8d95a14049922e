from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "import_jsonl.py"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), "--mb", "0.2", "--no-peer", *words],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_it_measures_every_format_at_a_tiny_size() -> None:
    done = run("--json")
    assert done.returncode in {0, 1}, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert [row["reader"] for row in rows] == [
        "lm-eval, ours", "lm-eval, json.loads", "garak, ours", "garak, json.loads",
    ]  # fmt: skip
    assert all(0.1 < row["mb"] < 0.4 and row["mb_per_cpu_s"] > 0 and row["peak_mb"] > 1 for row in rows)


def test_the_table_names_the_target_and_says_whether_it_is_met() -> None:
    done = run("--formats", "garak")
    assert "target" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("targets, and peak memory <= 300 MB: ")
