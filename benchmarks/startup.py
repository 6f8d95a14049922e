"""The first command: CPU seconds of `consilience --help`, with Inspect beside it in the same run.

CPU seconds (user and system, of the process and its children) are given, because wall time is noise on a
shared machine. Each program runs once to fill the caches, then in turn with its peers; the median counts.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET_S = 0.25
ROUNDS = 7


def cpu_seconds(command: list[str]) -> float:
    """Run a command and return what it used."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def environment() -> dict[str, str]:
    """Return the environment without what would change Python's start."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def programs() -> dict[str, list[str]]:
    """Return what is measured: a name and its command."""
    here, peers = ROOT / ".venv" / "bin", ROOT / ".venv-bench" / "bin"
    found = {
        "python -c pass": [str(here / "python"), "-c", "pass"],
        "consilience --help": [str(here / "consilience"), "--help"],
        "consilience exercise run --help": [str(here / "consilience"), "exercise", "run", "--help"],
    }
    if (peers / "inspect").exists():
        found["inspect --version"] = [str(peers / "inspect"), "--version"]
        found["import inspect_ai"] = [str(peers / "python"), "-c", "import inspect_ai"]
    return found


def main() -> int:
    """Measure in turn and print a table, or with `--json` one document."""
    commands = programs()
    for command in commands.values():
        cpu_seconds(command)
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            taken[name].append(cpu_seconds(command))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    own = medians["consilience --help"]
    ratios = {name: value / own for name, value in medians.items() if "inspect" in name}
    if "--json" in sys.argv:
        document = {
            "cpu_seconds": medians,
            "ratio_to_help": ratios,
            "target_s": TARGET_S,
            "met": own <= TARGET_S,
        }
        print(json.dumps(document, indent=2))
    else:
        for name, value in medians.items():
            low, high = min(taken[name]), max(taken[name])
            ratio = f"   {ratios[name]:.1f} times `consilience --help`" if name in ratios else ""
            print(f"{name:34} {value:6.3f} CPU-s  ({low:.3f} to {high:.3f}, {ROUNDS} rounds){ratio}")
        if not ratios:
            print("Inspect is not installed: `make bench-setup`")
        print(f"target: consilience --help <= {TARGET_S} CPU-s: {'met' if own <= TARGET_S else 'not met'}")
    return 0 if own <= TARGET_S else 1


if __name__ == "__main__":
    sys.exit(main())
