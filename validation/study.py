"""A study simulates one design many times and counts, for each method, how often it was right.

Invariants: each study has a generator of its own, seeded by the seed and the study's name, so that studies
can be added or left out without changing the others; what a method declines to answer is counted apart.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from consilience.statistics.estimate import Estimate, Interval

SEED = 20_260
COVERAGE, TYPE_I, POWER = "coverage", "type I", "power"
BANDS = {COVERAGE: (0.93, 0.97), TYPE_I: (0.03, 0.07)}
"""Where a 95 % interval covers, and a 5 % test rejects, as often as it should."""
QUICK = 12
"""Replications of every study with --quick, at least."""

Row = tuple[str, str, str]
"""Method (key of `references.METHODS`), what of it is judged, and kind."""
Hits = dict[Row, list[float | None]]


@dataclass(frozen=True)
class Study:
    """One design: its group on the page, name, replications, and a function that simulates so many."""

    group: str
    design: str
    replications: int
    simulate: Callable[[np.random.Generator, int], Hits]


@dataclass(frozen=True)
class Outcome:
    """How often one method was right in one design. `rate` and `error` are None where it never answered."""

    group: str
    design: str
    method: str
    quantity: str
    kind: str
    rate: float | None
    error: float | None
    """Monte-Carlo standard error."""
    answered: int
    replications: int

    @property
    def verdict(self) -> str:
        """`holds`, `conservative`, `misses`, or `-` where there is no band (power, no answer)."""
        if self.rate is None or self.kind not in BANDS:
            return "-"
        low, high = BANDS[self.kind]
        if low <= self.rate <= high:
            return "holds"
        safe = self.rate > high if self.kind == COVERAGE else self.rate < low
        return "conservative" if safe else "misses"


def each(function: Callable[[np.random.Generator], dict[Row, float | None]]) -> Callable[..., Hits]:
    """Return a study's function that simulates one exercise at a time."""

    def simulate(rng: np.random.Generator, n: int) -> Hits:
        found: Hits = {}
        for _ in range(n):
            for row, hit in function(rng).items():
                found.setdefault(row, []).append(hit)
        return found

    return simulate


def covers(interval: Interval | None, truth: float) -> float | None:
    """Return 1.0 if the interval holds the truth, 0.0 if not, None if there is none."""
    return None if interval is None else float(interval.low <= truth <= interval.high)


def inside(estimate: Estimate, truth: float) -> float | None:
    """Return `covers` of an estimate's interval."""
    return covers(estimate.interval, truth)


def rejects(p_value: float | None, alpha: float = 0.05) -> float | None:
    """Return 1.0 if the p value is at most alpha."""
    return None if p_value is None else float(p_value <= alpha)


def share(hits: Iterable[float | None]) -> float | None:
    """Return the mean of what was answered, as one replication's share of several intervals."""
    answered = [hit for hit in hits if hit is not None]
    return float(np.mean(answered)) if answered else None


def run(study: Study, replications: int, seed: int = SEED) -> list[Outcome]:
    """Simulate a study and return its outcomes."""
    name = f"{study.group}/{study.design}"
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    outcomes = []
    for (method, quantity, kind), hits in study.simulate(rng, replications).items():
        answered = np.array([hit for hit in hits if hit is not None], dtype=np.float64)
        rate = float(answered.mean()) if answered.size else None
        error = float(answered.std() / math.sqrt(answered.size)) if answered.size else None
        outcome = Outcome(
            study.group, study.design, method, quantity, kind, rate, error, answered.size, len(hits)
        )
        outcomes.append(outcome)
    return outcomes
