"""Reading the logs of other harnesses: records per CPU second and peak memory, each harness's own reader
beside ours on the same file.

Every reader is a process of its own. Counted is the CPU time, user and system, from opening the file to
having every row (ours: in the scratch database); the start of Python and imports are not counted, on either
side. Peak memory is that of the whole process. CPU seconds, because wall time is noise on a shared machine.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
PEER = ROOT / ".venv-bench" / "bin" / "python"
SIZES = (10_000, 100_000)
MAX_PEAK_MB = 300.0

OURS = """\
import resource, sys, tempfile, time
from pathlib import Path
from consilience.evaluation.importers.imported import Options
from consilience.evaluation.importers.{module} import {reader}
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source

path = Path(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    sink = Sink(Path(folder))
    start = time.process_time()
    {reader}({arguments}).read([Source(path.name, path, path.stat().st_size)], sink,
                               Options(exercise="benchmark", laboratory="benchmark"))
    (rows,) = sink.database.execute("SELECT count(*) FROM row WHERE score IS NOT NULL").fetchone()
    print(time.process_time() - start, rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    sink.close()
"""
SAMPLES_DF = """\
import resource, sys, time
from inspect_ai.analysis import samples_df
start = time.process_time()
rows = len(samples_df(sys.argv[1], quiet=True))
print(time.process_time() - start, rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
READ_EVAL_LOG = """\
import resource, sys, time
from inspect_ai.log import read_eval_log
start = time.process_time()
rows = len(read_eval_log(sys.argv[1]).samples)
print(time.process_time() - start, rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@dataclass(frozen=True)
class Measured:
    """One reader on one file."""

    reader: str
    records: int
    cpu_s: float
    per_cpu_s: float
    peak_mb: float
    target_per_cpu_s: float | None = None
    peer: str | None = None
    """The reader of the same file that it is held against."""

    @property
    def met(self) -> bool:
        """Whether it reaches what is asked of it; a peer always does."""
        return self.target_per_cpu_s is None or (
            self.per_cpu_s >= self.target_per_cpu_s and self.peak_mb <= MAX_PEAK_MB
        )


def measured(
    reader: str, python: Path, script: str, path: Path, records: int, *, target: float | None = None,
    peer: str | None = None,
) -> Measured:  # fmt: skip
    """Run a script that prints CPU seconds, rows and peak memory."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [str(python), "-c", script, str(path)], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        raise SystemExit(f"{reader} failed:\n{done.stderr[-2000:]}")
    cpu_s, rows, peak = done.stdout.split()[-3:]
    if int(rows) != records:
        raise SystemExit(f"{reader} read {rows} of {records}")
    peak_mb = int(peak) / (1024 if sys.platform != "darwin" else 1024 * 1024)
    return Measured(reader, records, float(cpu_s), records / float(cpu_s), peak_mb, target, peer)


def simulator(name: str) -> ModuleType:
    """Load a writer of logs from the tests' simulators."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "simulators" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ours(module: str, reader: str, arguments: str = "") -> str:
    """The script that reads a file with one of our readers."""
    return OURS.format(module=module, reader=reader, arguments=arguments)


def inspect(folder: Path, n: int, *, peer: bool) -> Iterator[Measured]:
    """An Inspect log: its summaries, its samples, and both of Inspect's own ways."""
    path = folder / f"{n}.eval"
    simulator("inspect_log").large_log(path, n)
    here = Path(sys.executable)
    summaries, samples = (ours("inspect_log", "InspectReader", repr(way)) for way in ("summaries", "samples"))
    yield measured(
        "inspect summaries", here, summaries, path, n, target=30_000, peer="Inspect samples_df"
    )  # fmt: skip
    yield measured("inspect samples", here, samples, path, n, target=8_000, peer="Inspect read_eval_log")
    if peer:
        yield measured("Inspect samples_df", PEER, SAMPLES_DF, path, n)
        yield measured("Inspect read_eval_log", PEER, READ_EVAL_LOG, path, n)
    path.unlink()


FORMATS: dict[str, Callable[..., Iterator[Measured]]] = {"inspect": inspect}
"""Format → what measures it on a log of so many records."""


def table(rows: list[Measured]) -> None:
    """Print the rows, and how many times faster than its peer each reader is."""
    print(f"{'reader':24}{'records':>10}{'CPU-s':>10}{'records/CPU-s':>16}{'peak MB':>10}{'target':>10}")
    rates = {(row.reader, row.records): row.per_cpu_s for row in rows}
    for row in rows:
        target = "" if row.target_per_cpu_s is None else f"{row.target_per_cpu_s:.0f}"
        print(
            f"{row.reader:24}{row.records:>10}{row.cpu_s:>10.2f}{row.per_cpu_s:>16.0f}{row.peak_mb:>10.0f}"
            f"{target:>10}"
        )
        beside = rates.get((row.peer or "", row.records))
        if beside:
            print(f"{'':24}{row.per_cpu_s / beside:.1f} times {row.peer}")


def main() -> int:
    """Measure and print a table, or with `--json` one document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="records in a log")
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--no-peer", action="store_true", help="leave the harnesses' own readers out")
    options = parser.parse_args()
    peer = not options.no_peer and PEER.exists()
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            row
            for name in options.formats.split(",")
            for n in map(int, options.sizes.split(","))
            for row in FORMATS[name](Path(folder), n, peer=peer)
        ]
    met = all(row.met for row in rows)
    if options.json:
        print(json.dumps({"rows": [asdict(row) for row in rows], "met": met}, indent=2))
        return 0 if met else 1
    table(rows)
    if not peer and not options.no_peer:
        print("the harnesses are not installed: `make bench-setup`")
    print(f"targets, and peak memory <= {MAX_PEAK_MB:.0f} MB: {'met' if met else 'not met'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
