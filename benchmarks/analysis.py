"""The whole of `consilience exercise analyse` at several sizes, beside peers that do a part of it.

The scores are drawn with known components (seeded): 10 laboratories × 10 languages × 4 raters × items × 5
attempts, one Parquet file per laboratory. Every program is a process of its own; its CPU seconds are user and
system time of the process and its children (`wait4`), imports included, because wall time is noise on a
shared machine. Peers read the same files: DuckDB, Polars and pandas give the mean of every cell and nothing
else, and their means must equal ours; statsmodels fits one linear model with covariance clustered by item on
at most a million rows. Each program runs `--rounds` times; the median counts.

`--large` adds 10^8 rows, more than fit into the memory that the analysis may use; pandas, which reads all
of them, is left out there. `--ray` also runs the analysis with a Ray cluster on this machine and holds its
document against the other engine's: all of it must be equal. A cluster's workers are no children of ours, so
that only the time on the clock is given for it.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SIMULATOR = ROOT / "tests" / "simulators" / "scores.py"
PEER = ROOT / ".venv-bench" / "bin" / "python"
SIZES = (100_000, 1_000_000, 10_000_000)
SCALES = ("binary", "continuous")
PER_ITEM = 10 * 10 * 4 * 5
"""Scores of one item."""
LARGE = 100_000_000
TARGET_ROWS = 10_000_000
TARGET_CPU_S = 5.0
TARGET_MB = 1024.0
MAX_REGRESSION_ROWS = 1_000_000
MAX_PANDAS_ROWS = 10_000_000
SEED = 7
SHIFT = 0.05
"""Planted difference of the last laboratory."""

MEANS_DUCKDB = """\
import duckdb, json, sys
query = f"SELECT laboratory, language, rater, avg(score) FROM '{sys.argv[1]}/*.parquet' GROUP BY ALL"
connection = duckdb.connect(config={"threads": "2"})
print(json.dumps(connection.execute(query).fetchall()))
"""
MEANS_POLARS = """\
import json, polars, sys
rows = polars.scan_parquet(f"{sys.argv[1]}/*.parquet")
means = rows.group_by("laboratory", "language", "rater").agg(polars.col("score").mean()).collect()
print(json.dumps(means.rows()))
"""
MEANS_PANDAS = """\
import json, pandas, sys
rows = pandas.read_parquet(sys.argv[1], columns=["laboratory", "language", "rater", "score"])
means = rows.groupby(["laboratory", "language", "rater"], observed=True)["score"].mean().reset_index()
print(json.dumps(means.values.tolist()))
"""
REGRESSION = """\
import json, sys
import duckdb, numpy as np
from statsmodels.regression.linear_model import OLS
query = f"SELECT laboratory, language, rater, item, score FROM '{sys.argv[1]}/*.parquet'"
rows = duckdb.execute(query).fetchnumpy()
columns = [np.ones(rows["score"].size)]
for name in ("laboratory", "language", "rater"):
    names, codes = np.unique(rows[name].astype(str), return_inverse=True)
    columns += [(codes == code).astype(float) for code in range(1, names.size)]
items = np.unique(rows["item"].astype(str), return_inverse=True)[1]
fit = OLS(rows["score"], np.column_stack(columns)).fit(cov_type="cluster", cov_kwds={"groups": items})
print(json.dumps([fit.params.tolist(), fit.bse.tolist()]))
"""
PEERS = {"duckdb": MEANS_DUCKDB, "polars": MEANS_POLARS, "pandas": MEANS_PANDAS}
Row = dict[str, Any]
Document = dict[str, Any]


def simulator() -> ModuleType:
    """Load the simulator of laboratories."""
    spec = importlib.util.spec_from_file_location("simulated_scores", SIMULATOR)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def generate(rows: int, scale: str, folder: Path) -> None:
    """Write the scores of a design of so many rows, a multiple of PER_ITEM."""
    simulated = simulator()
    design = simulated.Design(
        laboratories=10,
        languages=10,
        items=rows // PER_ITEM,
        attempts=5,
        raters=4,
        binary=scale == "binary",
        components=simulated.Components(item=0.2, laboratory=0.02, language=0.05, item_laboratory=0.02),
        shifts={9: SHIFT},
        seed=SEED,
    )
    simulated.write(design, folder)


def _generate_apart(rows: int, scale: str, folder: Path) -> None:
    """Generate in a process of its own: the peak memory of this one counts for the processes that it
    starts."""
    command = [sys.executable, __file__, "--generate", str(folder), "--sizes", str(rows), "--scales", scale]
    subprocess.run(command, check=True)


def measured(command: list[str], output: Path) -> Row:
    """Run a command, keep what it prints, and return its CPU seconds and peak memory."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    errors = output.with_suffix(".stderr")
    begin = time.monotonic()
    with output.open("wb") as stdout, errors.open("wb") as stderr:
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} failed:\n{errors.read_text(errors='replace')[-2000:]}")
    peak_mb = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)
    wall_s = time.monotonic() - begin
    return {"cpu_s": usage.ru_utime + usage.ru_stime, "peak_mb": peak_mb, "wall_s": wall_s}


def median(command: list[str], output: Path, rounds: int) -> Row:
    """Measure a command so many times and return the medians."""
    taken = [measured(command, output) for _ in range(rounds)]
    return {key: statistics.median(one[key] for one in taken) for key in ("cpu_s", "peak_mb", "wall_s")}


def own(rows: int, scale: str, folder: Path, rounds: int, engine: str = "duckdb") -> tuple[Row, Document]:
    """Measure the analysis of a folder; return its row, and its document but for the date."""
    result = folder.parent / "joint-result.json"
    command = [sys.executable, "-m", "consilience", "exercise", "analyse", str(folder), "--out", str(result)]
    taken = median([*command, "--engine", engine], folder.parent / "own.txt", rounds)
    document = json.loads(result.read_bytes())
    if document["counts"]["rows"] != rows:
        raise SystemExit(f"the result rests on {document['counts']['rows']} rows of {rows}")
    document.pop("generated_at")
    return _row("consilience" if engine == "duckdb" else f"with {engine}", rows, scale, taken), document


def cell_means(document: Document) -> dict[tuple[str, ...], float]:
    """Return the mean of every cell of a document."""
    return {
        (cell["laboratory"], cell["language"], cell["rater"]): cell["benchmark"]["value"]
        for cell in document["cells"]
        if cell["laboratory"] and cell["language"]
    }


def by_ray(rows: int, scale: str, folder: Path, document: Document) -> Row:
    """Measure the analysis with a Ray cluster on this machine, once, and hold its document against ours."""
    row, other = own(rows, scale, folder, 1, "ray")
    if other != document:
        raise SystemExit("the document of the engine `ray` is not that of the engine `duckdb`")
    return row | {"cpu_s": None, "rows_per_cpu_s": None, "peak_mb": None}


def _row(program: str, rows: int, scale: str, taken: Row) -> Row:
    return {
        "program": program,
        "rows": rows,
        "scale": scale,
        "rows_per_cpu_s": rows / taken["cpu_s"],
        **taken,
    }


def peers(rows: int, scale: str, folder: Path, rounds: int, means: dict[tuple[str, ...], float]) -> list[Row]:
    """Measure the means of cells by DuckDB, Polars and pandas, and hold them against ours."""
    found = []
    for name, script in PEERS.items():
        if name == "pandas" and rows > MAX_PANDAS_ROWS:
            continue
        path, output = folder.parent / f"means_{name}.py", folder.parent / f"{name}.json"
        path.write_text(script, encoding="utf-8")
        row = _row(name, rows, scale, median([str(PEER), str(path), str(folder)], output, rounds))
        theirs = {tuple(cell[:3]): cell[3] for cell in json.loads(output.read_bytes())}
        if theirs.keys() != means.keys() or any(abs(theirs[key] - means[key]) > 1e-9 for key in means):
            raise SystemExit(f"the means of {name} are not ours")
        found.append(row)
    return found


def regression(rows: int, scale: str, folder: Path, rounds: int) -> Row:
    """Measure statsmodels' linear model with clustered covariance."""
    path = folder.parent / "regression.py"
    path.write_text(REGRESSION, encoding="utf-8")
    command = [sys.executable, str(path), str(folder)]
    return _row("statsmodels", rows, scale, median(command, folder.parent / "regression.json", rounds))


def benchmark(
    sizes: list[int], scales: list[str], *, rounds: int, with_peers: bool, with_ray: bool = False
) -> dict[str, Any]:
    """Measure every scale and size, and say which targets are met."""
    found: list[Row] = []
    for scale in scales:
        for rows in sizes:
            with tempfile.TemporaryDirectory() as name:
                found += _of_size(rows, scale, Path(name) / "scores", rounds, with_peers, with_ray)
    judged = [row for row in found if row["program"] == "consilience" and row["rows"] >= TARGET_ROWS]
    met = {
        f"{row['scale']}, {row['rows']:,} rows": row["peak_mb"] <= TARGET_MB
        and (row["cpu_s"] <= TARGET_CPU_S or row["rows"] > TARGET_ROWS)
        for row in judged
    }
    return {"rows": found, "target_cpu_s": TARGET_CPU_S, "target_mb": TARGET_MB, "met": met}


def _of_size(rows: int, scale: str, folder: Path, rounds: int, with_peers: bool, with_ray: bool) -> list[Row]:
    """Measure one scale and size."""
    times = rounds if rows < LARGE else 1
    _generate_apart(rows, scale, folder)
    row, document = own(rows, scale, folder, times)
    beside = []
    if with_peers and PEER.exists():
        beside = peers(rows, scale, folder, times, cell_means(document))
    if with_peers and rows <= MAX_REGRESSION_ROWS:
        beside.append(regression(rows, scale, folder, times))
    row["times"] = {one["program"]: row["cpu_s"] / one["cpu_s"] for one in beside}
    return [row, *beside, *([by_ray(rows, scale, folder, document)] if with_ray else [])]


def _sizes(text: str) -> list[int]:
    sizes = [int(float(word)) for word in text.split(",")]
    if any(size <= 0 or size % PER_ITEM for size in sizes):
        raise argparse.ArgumentTypeError(f"sizes are multiples of {PER_ITEM}")
    return sizes


def main() -> int:
    """Measure and print a table, or with `--json` one document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--sizes", type=_sizes, default=list(SIZES), help="rows, as 1e5,1e6,1e7")
    parser.add_argument("--scales", default=",".join(SCALES), help="of the scores")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", action="store_true", help=f"add {LARGE:,} rows")
    parser.add_argument("--ray", action="store_true", help="also with a Ray cluster on this machine")
    parser.add_argument("--no-peers", action="store_true", help="leave the other programs out")
    parser.add_argument("--generate", type=Path, metavar="FOLDER", help="only write the scores of one size")
    options = parser.parse_args()
    scales = options.scales.split(",")
    if not set(scales) <= set(SCALES):
        parser.error(f"scales are {', '.join(SCALES)}")
    if options.generate is not None:
        generate(options.sizes[0], scales[0], options.generate)
        return 0
    sizes = [*options.sizes, LARGE] if options.large else options.sizes
    result = benchmark(
        sizes, scales, rounds=options.rounds, with_peers=not options.no_peers, with_ray=options.ray
    )
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        show(result, missing=not options.no_peers and not PEER.exists())
    return 0 if all(result["met"].values()) else 1


def show(result: dict[str, Any], *, missing: bool) -> None:
    """Print the rows, how they grow, the ratios and the verdict."""
    print(
        f"{'scores':12}{'program':14}{'rows':>12}{'CPU-s':>9}{'rows/CPU-s':>14}{'peak MB':>10}{'wall s':>9}"
    )
    for row in result["rows"]:
        numbers = (_number(row[key], form) for key, form in COLUMNS.items())
        print(f"{row['scale']:12}{row['program']:14}{row['rows']:>12,}{''.join(numbers)}")
    ours = [row for row in result["rows"] if row["program"] == "consilience"]
    for before, row in itertools.pairwise(ours):
        if before["scale"] == row["scale"]:
            print(
                f"{row['scale']}: {row['rows'] / before['rows']:g} times the rows take "
                f"{row['cpu_s'] / before['cpu_s']:.2g} times the CPU seconds and "
                f"{row['peak_mb'] / before['peak_mb']:.2g} times the memory"
            )
    for row in ours:
        if row["times"]:
            times = ", ".join(f"{value:.2g} times {name}" for name, value in row["times"].items())
            print(f"{row['scale']}, {row['rows']:,} rows: the CPU seconds of the whole analysis are {times}")
    if missing:
        print("DuckDB, Polars and pandas are not measured: `make bench-setup`")
    target = f"<= {TARGET_MB:g} MB, and <= {TARGET_CPU_S:g} CPU-s at {TARGET_ROWS:,} rows"
    for what, met in result["met"].items():
        print(f"target, {what}: {target}: {'met' if met else 'not met'}")


COLUMNS = {"cpu_s": "9.2f", "rows_per_cpu_s": "14,.0f", "peak_mb": "10.0f", "wall_s": "9.1f"}


def _number(value: float | None, form: str) -> str:
    return format(value, f">{form}") if value is not None else f"{'-':>{form.split(',')[0].split('.')[0]}}"


if __name__ == "__main__":
    sys.exit(main())
