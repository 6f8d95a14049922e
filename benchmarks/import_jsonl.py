"""Reading JSONL logs of other harnesses (lm-eval samples, garak reports): MB per CPU second and peak memory,
beside reading the same lines without looking at them.

Every reader is a process of its own. Counted is the CPU time, user and system, from opening the file to
having every row in the scratch database; the start of Python and imports are not counted, on either side.
The peers do less: `json.loads` and pandas only decode, nothing is named, checked, digested or kept. Peak
memory is that of the whole process; pandas reads in pieces of 10,000 lines.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from import_logs import PEER, measured, ours, simulator

SIZES_MB = (50, 200)
TARGET_MB_PER_CPU_S = 50.0
MAX_PEAK_MB = 300.0
SAMPLE = 200
"""Entries from which the number for a size is estimated."""

JSON_LOADS = """\
import json, resource, sys, time
start = time.process_time()
with open(sys.argv[1], "rb") as file:
    rows = sum(json.loads(line) is not None for line in file)
print(time.process_time() - start, rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
PANDAS = """\
import resource, sys, time
import pandas
start = time.process_time()
rows = sum(len(piece) for piece in pandas.read_json(sys.argv[1], lines=True, chunksize=10_000))
print(time.process_time() - start, rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@dataclass(frozen=True)
class Rate:
    """One reader on one file."""

    reader: str
    mb: float
    cpu_s: float
    mb_per_cpu_s: float
    peak_mb: float
    target: float | None = None

    @property
    def met(self) -> bool:
        """Whether it reaches what is asked of it; a peer always does."""
        return self.target is None or (self.mb_per_cpu_s >= self.target and self.peak_mb <= MAX_PEAK_MB)


@dataclass(frozen=True)
class Format:
    """A harness: its reader here, what writes its entries, and how many scores a number of entries has."""

    module: str
    reader: str
    name: str
    entries: Callable[[int], Iterator[dict[str, Any]]]


def formats() -> dict[str, Format]:
    """The formats that are measured."""
    logs = simulator("jsonl_logs")
    return {
        "lm-eval": Format("lm_eval", "LmEval", "samples_task.jsonl", logs.lm_eval_samples),
        "garak": Format("garak", "Garak", "run.report.jsonl", logs.garak_entries),
    }


def rates(name: str, of: Format, folder: Path, mb: float, *, peer: bool) -> Iterator[Rate]:
    """Measure one format on a log of about so many MB."""
    path = folder / of.name
    sample = sum(len(json.dumps(entry)) + 1 for entry in of.entries(SAMPLE)) / SAMPLE
    n = max(10, int(mb * 1e6 / sample))
    lines = simulator("jsonl_logs").write_lines(path, of.entries(n))
    size = path.stat().st_size / 1e6
    here = Path(sys.executable)
    jobs = [
        (f"{name}, ours", here, ours(of.module, of.reader), n, TARGET_MB_PER_CPU_S),
        (f"{name}, json.loads", here, JSON_LOADS, lines, None),
    ]
    if peer:
        jobs.append((f"{name}, pandas.read_json", PEER, PANDAS, lines, None))
    for reader, python, script, records, target in jobs:
        found = measured(reader, python, script, path, records)
        yield Rate(reader, size, found.cpu_s, size / found.cpu_s, found.peak_mb, target)
    path.unlink()


def table(rows: list[Rate]) -> None:
    """Print the rows."""
    print(f"{'reader':30}{'MB':>8}{'CPU-s':>9}{'MB/CPU-s':>10}{'peak MB':>9}{'target':>8}")
    for row in rows:
        target = "" if row.target is None else f"{row.target:.0f}"
        print(
            f"{row.reader:30}{row.mb:>8.0f}{row.cpu_s:>9.2f}{row.mb_per_cpu_s:>10.0f}{row.peak_mb:>9.0f}"
            f"{target:>8}"
        )


def main() -> int:
    """Measure and print a table, or with `--json` one document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = formats()
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--mb", default=",".join(map(str, SIZES_MB)), help="sizes of a log in MB")
    parser.add_argument("--formats", default=",".join(known))
    parser.add_argument("--no-peer", action="store_true", help="leave pandas out")
    options = parser.parse_args()
    peer = not options.no_peer and PEER.exists()
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            row
            for name in options.formats.split(",")
            for mb in map(float, options.mb.split(","))
            for row in rates(name, known[name], Path(folder), mb, peer=peer)
        ]
    met = all(row.met for row in rows)
    if options.json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "met": met}, indent=2))
        return 0 if met else 1
    table(rows)
    if not peer and not options.no_peer:
        print("pandas is not installed: `make bench-setup`")
    print(f"targets, and peak memory <= {MAX_PEAK_MB:.0f} MB: {'met' if met else 'not met'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
