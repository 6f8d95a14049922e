"""Designs whose answers share items: agreement and severity of raters, shares of variance; planned power."""

from __future__ import annotations

import math

import numpy as np

from consilience.statistics.agreement import krippendorff_alpha
from consilience.statistics.kappa import cohen_kappa, gwet_ac1
from consilience.statistics.power import PairedVariances, paired_power, simulate_power
from consilience.statistics.severity import rater_severity
from consilience.statistics.variance import variance_components
from validation.rates import Array
from validation.study import COVERAGE, TYPE_I, Hits, Row, Study, covers, each, inside, rejects, share

GROUP = "Answers that share items"
ANSWERS = 5
LARGE = 40_000
"""Items of the sample that stands for the truth of a coefficient of agreement."""
SEVERITIES = np.array([-0.10, -0.01, 0.03, 0.08])
"""Of four raters of 0/1 scores; they add to 0."""
REPLICATES = 400
POWER_RUNS = 1_000


def _ratings(rng: np.random.Generator, items: int) -> tuple[Array, Array]:
    """Two raters who misread an item as a whole with 8 %, and each answer with 5 %; a third is right."""
    item = np.repeat(np.arange(items), ANSWERS)
    truth = (rng.random(item.size) < rng.beta(1.0, 2.0, items)[item]).astype(float)
    misread = (rng.random((3, items)) < 0.08)[:, item] | (rng.random((3, item.size)) < 0.05)
    return np.abs(truth - misread), item


def _agreement(items: int, n: int) -> Study:
    def simulate(rng: np.random.Generator, n: int) -> Hits:
        large, _ = _ratings(np.random.default_rng(7), LARGE)
        g = np.random.default_rng(0)
        truths = {
            "krippendorff_alpha_nominal": krippendorff_alpha(large, rng=g, replicates=20).value,
            "gwet_ac1": gwet_ac1(large, rng=g, replicates=20).value,
            "cohen_kappa": cohen_kappa(large[0], large[1], rng=g, replicates=20).value,
        }
        hits: Hits = {(name, "coefficient", COVERAGE): [] for name in truths}
        for _ in range(n):
            ratings, item = _ratings(rng, items)
            found = {
                "krippendorff_alpha_nominal": krippendorff_alpha(
                    ratings, rng=rng, clusters=item, replicates=REPLICATES
                ),
                "gwet_ac1": gwet_ac1(ratings, rng=rng, clusters=item, replicates=REPLICATES),
                "cohen_kappa": cohen_kappa(
                    ratings[0], ratings[1], rng=rng, clusters=item, replicates=REPLICATES
                ),
            }
            for name, estimate in found.items():
                truth = truths[name]
                hit = None if truth is None else covers(estimate.interval, truth)
                hits[(name, "coefficient", COVERAGE)].append(hit)
        return hits

    return Study(GROUP, f"agreement of 3 raters, {items} items of {ANSWERS} answers", n, simulate)


def _scores(rng: np.random.Generator, items: int, severity: Array, *, binary: bool) -> tuple[Array, ...]:
    """Answer, rater, item and score; every rater leans its own way on every item."""
    answers = np.repeat(np.arange(items), rng.integers(1, 2 * ANSWERS, items))
    answer, rater = (axis.ravel() for axis in np.indices((answers.size, severity.size)))
    item = answers[answer]
    lean = rng.uniform(-0.15, 0.15, (items, severity.size))[item, rater]
    level = 0.5 + rng.uniform(-0.2, 0.2, items)[item] - severity[rater] + lean
    if binary:
        return answer, rater, item, (rng.random(item.size) < level).astype(float)
    return answer, rater, item, level + rng.normal(0, 0.1, item.size)


def _severity(items: int, n: int, *, equal: bool, binary: bool, seen: float = 1.0) -> Study:
    severity = np.zeros(4) if equal else SEVERITIES

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        answer, rater, item, score = _scores(rng, items, severity, binary=binary)
        score = np.where(rng.random(score.size) < seen, score, np.nan)
        found = rater_severity(answer, rater, score, clusters=item, n_raters=4)
        hits: dict[Row, float | None] = {
            ("additive_raters_clustered", "severity", COVERAGE): share(
                inside(entry.severity, float(true))
                for entry, true in zip(found.raters, severity, strict=True)
            )
        }
        if equal:
            hits[("additive_raters_clustered", "raters equal", TYPE_I)] = rejects(found.p_equal)
        return hits

    kind = "0/1 scores" if binary else "continuous scores"
    rest = "" if seen == 1.0 else f", {seen:.0%} of the answers rated"
    lead = "equally severe raters" if equal else "raters who differ"
    return Study(GROUP, f"{lead}, 4 raters, {items} items of 1 to 9 answers, {kind}{rest}", n, each(one))


def _shares(items: int, laboratories: int, n: int) -> Study:
    """Share of each component in single scores."""
    spread = {"item": 0.5, "laboratory": 0.2, "item:laboratory": 0.3, "attempt": 0.6}
    total = sum(sd**2 for sd in spread.values())

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        item, laboratory = (axis.ravel() for axis in np.indices((items, laboratories)))
        mean = (
            rng.normal(0, spread["item"], items)[item]
            + rng.normal(0, spread["laboratory"], laboratories)[laboratory]
            + rng.normal(0, spread["item:laboratory"], item.size)
        )
        scores = mean[:, None] + rng.normal(0, spread["attempt"], (item.size, 3))
        found = variance_components(
            {"item": item, "laboratory": laboratory},
            scores.sum(1),
            np.full(item.size, 3.0),
            (scores**2).sum(1),
        )
        hits: dict[Row, float | None] = {}
        for source, sd in spread.items():
            interval = found.get(source).share_interval
            if interval is not None:
                hits[(interval.method, f"share of {source}", COVERAGE)] = covers(interval, sd**2 / total)
        return hits

    return Study(
        GROUP, f"shares of variance, {items} items, {laboratories} laboratories, 3 attempts", n, each(one)
    )


def _power(items: int, difference: float, n: int) -> Study:
    """How often the formula lies within 1.96 Monte-Carlo errors of a simulated power."""
    variances = PairedVariances(item=0.04, within_left=0.15, within_right=0.15)
    power = paired_power(items, difference, variances, 2, 2)
    error = 1.96 * math.sqrt(power * (1.0 - power) / POWER_RUNS)

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        found = simulate_power(items, difference, variances, 2, 2, rng=rng, replicates=POWER_RUNS)
        return {("paired_power", "simulated power", COVERAGE): float(abs(found - power) <= error)}

    return Study(GROUP, f"power of {items} items, difference {difference:g}", n, each(one))


def studies() -> list[Study]:
    """Return the studies of answers that share items, of shares of variance and of planned power."""
    return [
        *(_agreement(items, 1_500) for items in (30, 100, 200)),
        *(_severity(items, 800, equal=False, binary=False) for items in (10, 30)),
        _severity(200, 200, equal=False, binary=False),
        *(_severity(items, 800, equal=False, binary=True) for items in (10, 30)),
        _severity(30, 800, equal=False, binary=False, seen=0.6),
        *(_severity(items, 1_500, equal=True, binary=False) for items in (10, 30)),
        _severity(100, 600, equal=True, binary=False),
        *(_shares(items, laboratories, 500) for items, laboratories in ((40, 3), (60, 4), (200, 10))),
        *(_power(items, difference, 400) for items, difference in ((20, 0.2), (100, 0.1), (400, 0.05))),
    ]
