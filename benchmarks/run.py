"""The runner against a loopback endpoint: samples per CPU second and peak memory, with Inspect beside it in
the same run.

The whole command is counted (`consilience exercise run`: start, protocol, asking over HTTP, one program
rater, journals with sync, scores), user and system time of its process. The endpoint simulator is a process
of its own and is not counted. Inspect gets its mock model inside its own process, without HTTP, with
explicit outputs and usage, the realtime log and the log of API calls off. CPU seconds, because wall time is
noise on a shared machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SIMULATOR = ROOT / "tests" / "simulators" / "endpoint.py"
PEER = ROOT / ".venv-bench" / "bin" / "python"
ITEMS = 2_000
ATTEMPTS = (1, 4, 16)
TARGET = 1_000.0
FLAT = 1.25
"""Peak memory of the largest size may be so many times that of the smallest."""

PROTOCOL = """\
consilience = 1

[exercise]
name = "benchmark"
title = "Trivial samples"
construct = "Whether the endpoint answers yes."
estimand = "The share of answers that are yes."
created = 2026-01-01
attempts = {attempts}

[[concepts]]
id = "agreement"
title = "Agreement"
kind = "capability"

[[languages]]
tag = "en"
translation = "source"

[[items]]
path = "items.jsonl"
concept = "agreement"
split = "evaluation"

[generation]
temperature = 0.0
max_tokens = 8
seed = 1

[[raters]]
id = "says-yes"
kind = "program"
program = "exact"

[analysis]
estimand = "benchmark"
"""

INSPECT = """\
import sys
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import match

n, folder = int(sys.argv[1]), sys.argv[2]
def output():
    one = ModelOutput.from_content("mockllm/model", "yes")
    one.usage = ModelUsage(input_tokens=7, output_tokens=3, total_tokens=10)
    return one
samples = [Sample(id=i, input=f"Question {i}: say yes.", target="yes") for i in range(n)]
model = get_model("mockllm/model", custom_outputs=[output() for _ in range(n)])
log = eval(Task(dataset=MemoryDataset(samples), scorer=match()), model=model, log_dir=folder, display="none",
           max_connections=100, log_realtime=False, log_model_api=False)[0]
assert log.status == "success" and log.results.completed_samples == n, log.error
"""


@contextlib.contextmanager
def endpoint() -> Iterator[str]:
    """Run the simulator as a process of its own; give its URL."""
    process = subprocess.Popen(
        [sys.executable, str(SIMULATOR), "--answer", "yes"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def measured(command: list[str], folder: Path) -> dict[str, Any]:
    """Run a command and return the CPU seconds and the peak memory of its process."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    errors = folder / "stderr.txt"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[1]} failed:\n{errors.read_text(errors='replace')[-2000:]}")
    peak_mb = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "peak_mb": peak_mb}


def own(items: int, attempts: int, url: str) -> dict[str, Any]:
    """Measure the runner on so many items and attempts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "protocol.toml").write_text(PROTOCOL.format(attempts=attempts), encoding="utf-8")
        lines = [
            json.dumps(
                {"id": f"q{i}", "language": "en", "prompt": f"Question {i}: say yes.", "target": "yes"}
            )
            for i in range(items)
        ]
        (folder / "items.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        run = folder / "run"
        command = [sys.executable, "-m", "consilience", "exercise", "run", str(folder / "protocol.toml")]
        command += ["--model", f"simulated@{url}", "--laboratory", "benchmark", "--out", str(run), "--json"]
        result = measured(command, folder)
        manifest = json.loads((run / "manifest.json").read_bytes())
        samples = items * attempts
        kept = sum(1 for _ in (run / "ratings.jsonl").open("rb"))
        if manifest["answered"] != samples or kept != samples:
            raise SystemExit(f"{manifest['answered']} answers and {kept} ratings of {samples}")
    return {"program": "consilience", "samples": samples, "per_cpu_s": samples / result["cpu_s"], **result}


def inspect(samples: int) -> dict[str, Any] | None:
    """Measure Inspect on so many samples, or return None where it is not installed."""
    if not PEER.exists():
        return None
    with tempfile.TemporaryDirectory() as name:
        script = Path(name) / "peer.py"
        script.write_text(INSPECT, encoding="utf-8")
        result = measured([str(PEER), str(script), str(samples), name], Path(name))
    return {"program": "inspect", "samples": samples, "per_cpu_s": samples / result["cpu_s"], **result}


def benchmark(items: int, attempts: tuple[int, ...], *, peer: bool) -> dict[str, Any]:
    """Measure every size and the peer; say whether the targets are met."""
    with endpoint() as url:
        own(min(items, 50), 1, url)  # fills the caches of the disk
        rows = [own(items, count, url) for count in attempts]
    beside = inspect(items) if peer else None
    slowest = min(row["per_cpu_s"] for row in rows)
    growth = rows[-1]["peak_mb"] / rows[0]["peak_mb"]
    return {
        "rows": rows + ([beside] if beside else []),
        "target_per_cpu_s": TARGET,
        "slowest_per_cpu_s": slowest,
        "memory_growth": growth,
        "ratio_to_inspect": rows[0]["per_cpu_s"] / beside["per_cpu_s"] if beside else None,
        "met": slowest >= TARGET and growth <= FLAT,
    }


def main() -> int:
    """Measure and print a table, or with `--json` one document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument(
        "--attempts", default=",".join(map(str, ATTEMPTS)), help="sizes, in attempts per item"
    )
    parser.add_argument("--no-peer", action="store_true", help="leave Inspect out")
    options = parser.parse_args()
    sizes = tuple(int(word) for word in options.attempts.split(","))
    result = benchmark(options.items, sizes, peer=not options.no_peer)
    if options.json:
        print(json.dumps(result, indent=2))
        return 0 if result["met"] else 1
    print(f"{'program':14}{'samples':>10}{'CPU-s':>10}{'samples/CPU-s':>16}{'peak MB':>10}")
    for row in result["rows"]:
        numbers = f"{row['cpu_s']:>10.2f}{row['per_cpu_s']:>16.0f}{row['peak_mb']:>10.0f}"
        print(f"{row['program']:14}{row['samples']:>10}{numbers}")
    if result["ratio_to_inspect"] is not None:
        print(f"the runner does {result['ratio_to_inspect']:.0f} times as many samples per CPU-s as Inspect")
    elif not options.no_peer:
        print("Inspect is not installed: `make bench-setup`")
    print(f"memory of the largest size: {result['memory_growth']:.2f} times that of the smallest")
    verdict = "met" if result["met"] else "not met"
    print(f"target: >= {TARGET:.0f} samples per CPU second at every size, memory flat (<= {FLAT}): {verdict}")
    return 0 if result["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
