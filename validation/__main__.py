"""Runs the validity suite and writes docs/explanation/validity.md.

Usage: `python -m validation` (minutes) writes the page; `--quick` simulates a few exercises of every design
and writes nothing; `--only TEXT` keeps designs whose group or name holds the text and prints them. Exit code
1: a method is off its band and no range of use is stated for it.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from consilience.statistics.ranges import RANGES
from validation import clusters, components, judging, laboratories, pairs, rates
from validation.page import page
from validation.study import QUICK, Outcome, Study, run

PAGE = Path(__file__).resolve().parent.parent / "docs" / "explanation" / "validity.md"


def all_studies() -> list[Study]:
    """Return every study, in the order of the page."""
    parts = (rates, pairs, judging, clusters, laboratories, components)
    return [study for part in parts for study in part.studies()]


def unexplained(outcomes: list[Outcome]) -> list[Outcome]:
    """Return outcomes off their band whose method has no stated range of use."""
    return [o for o in outcomes if o.verdict in {"misses", "conservative"} and o.method not in RANGES]


def simulate(studies: list[Study], *, quick: bool) -> list[Outcome]:
    """Run the studies, telling on stderr how it goes."""
    outcomes: list[Outcome] = []
    for number, study in enumerate(studies, start=1):
        start = time.process_time()
        outcomes += run(study, min(QUICK, study.replications) if quick else study.replications)
        seconds = time.process_time() - start
        sys.stderr.write(f"{number:3d}/{len(studies)}  {seconds:6.1f} CPU-s  {study.group}: {study.design}\n")
    return outcomes


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m validation", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few exercises per design, nothing is written")
    parser.add_argument("--only", default="", metavar="TEXT", help="designs whose group or name holds TEXT")
    options = parser.parse_args(arguments)
    studies = [s for s in all_studies() if options.only.lower() in f"{s.group}: {s.design}".lower()]
    if not studies:
        parser.error(f"no design holds {options.only!r}")
    outcomes = simulate(studies, quick=options.quick)
    if options.quick or options.only:
        sys.stdout.write(page(outcomes))
        return 0
    PAGE.write_text(page(outcomes), encoding="utf-8")
    left = unexplained(outcomes)
    for o in left:
        sys.stderr.write(f"{o.method}: {o.verdict} in '{o.design}' and has no stated range of use\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
