"""Designs for laboratories: variance components, spread between them, summaries, attribution, plans."""

from __future__ import annotations

import math

import numpy as np

from consilience.statistics.attribution import attribute
from consilience.statistics.decision_study import decision_study
from consilience.statistics.interlaboratory import between_laboratories
from consilience.statistics.intervals import t_quantile
from consilience.statistics.precision import cochran_test, grubbs_test
from consilience.statistics.proficiency import ROBUST_MEAN_FACTOR, algorithm_a, consensus_zeta
from consilience.statistics.random_effects import random_effects
from consilience.statistics.variance import Component, VarianceComponents, variance_components
from validation.rates import Array
from validation.study import COVERAGE, POWER, TYPE_I, Row, Study, covers, each, inside, rejects, share

GROUP = "Laboratories"
Z_WARNING = 1.96
"""A zeta score beyond this is one of 5 % under equality (ISO 13528 rounds it to 2)."""
PLANTED = {
    "item": 1.0, "laboratory": 0.04, "language": 0.09, "item:laboratory": 0.25, "item:language": 0.16,
    "laboratory:language": 0.02, "item:laboratory:language": 0.1, "attempt": 1.0,
}  # fmt: skip


def _scores(
    rng: np.random.Generator, planted: dict[str, float], items: int, labs: int, languages: int, attempts: int,
    missing: float,
) -> tuple[dict[str, Array], Array, Array, Array]:  # fmt: skip
    """Return codes, sums, counts and sums of squares of normal scores with planted components."""
    shape = {"item": items, "laboratory": labs, "language": languages}
    codes = dict(zip(shape, (x.ravel() for x in np.indices(tuple(shape.values()))), strict=True))
    mean = np.zeros(codes["item"].size)
    for source, variance in planted.items():
        if source != "attempt":
            names = source.split(":")
            effect = rng.normal(0, math.sqrt(variance), tuple(shape[name] for name in names))
            mean += effect[tuple(codes[name] for name in names)]
    counts = np.full(mean.size, attempts)
    counts[rng.random(mean.size) < missing] = 0
    draws = mean[:, None] + rng.normal(0, math.sqrt(planted["attempt"]), (mean.size, attempts))
    draws *= np.arange(attempts) < counts[:, None]
    return codes, draws.sum(1), counts.astype(float), (draws**2).sum(1)


def _components(
    name: str, items: int, labs: int, languages: int, missing: float, n: int, zero: bool = False
) -> Study:
    planted = {**PLANTED, **({"laboratory": 0.0, "laboratory:language": 0.0} if zero else {})}

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        codes, s, counts, q = _scores(rng, planted, items, labs, languages, 2, missing)
        found = variance_components(codes, s, counts, q)
        hits: dict[Row, float | None] = {}
        for component in found.components:
            many = "item" in component.source.split(":") or component.source == "attempt"
            method = "group_jackknife" if many else "williams_tukey"
            truth = planted[component.source]
            hits[(method, component.source, COVERAGE)] = covers(component.interval, truth)
        return hits

    return Study(
        GROUP,
        f"components: {name}, {items} items × {labs} laboratories × {languages} languages × 2",
        n,
        each(one),
    )


def _exercise(
    name: str, items: int, labs: int, attempts: int, spread: float, odd: float, n: int, missing: float = 0.0
) -> Study:
    """0/1 scores; laboratories shift every item's success probability; an odd one shifts it further."""

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        shift = rng.normal(0, spread, labs) if spread else np.zeros(labs)
        shift[-1] += odd
        base = 0.2 + 0.5 * rng.random(items)
        chance = np.clip(base[:, None] + shift + rng.normal(0, 0.04, (items, labs)), 0.0, 1.0)
        counts = np.full((items, labs), attempts) * (rng.random((items, labs)) >= missing)
        sums = rng.binomial(counts, chance).astype(float)
        item, lab = (x.ravel() for x in np.indices((items, labs)))
        found = between_laboratories(lab, item, sums.ravel(), counts.ravel().astype(float), None, labs)
        hits: dict[Row, float | None] = {}
        deviation = shift - shift.mean()
        hits[("laboratory_deviation", "deviation", COVERAGE)] = share(
            inside(entry.deviation, float(true))
            for entry, true in zip(found.laboratories, deviation, strict=True)
        )
        alarms = [bool(entry.odd) for entry in found.laboratories]
        if odd:
            hits[("item_paired_laboratories", "the odd one found", POWER)] = float(alarms[-1])
            hits[("item_paired_laboratories", "another one called odd", TYPE_I)] = float(any(alarms[:-1]))
            return hits
        hits[("q_profile", "between-laboratory SD", COVERAGE)] = covers(found.between_sd_interval, spread)
        if spread and found.summary is not None:
            hits[("hartung_knapp", "mean over laboratories, these items", COVERAGE)] = inside(
                found.summary.mean, float(base.mean())
            )
            further = float(base.mean()) + rng.normal(0, math.hypot(spread, 0.04 / math.sqrt(items)))
            hits[("prediction", "a further laboratory, these items", COVERAGE)] = covers(
                found.summary.prediction, further
            )
        if not spread:
            hits[("hotelling", "laboratories equal", TYPE_I)] = rejects(found.p_homogeneous)
            hits[("item_paired_laboratories", "any laboratory called odd", TYPE_I)] = float(any(alarms))
        return hits

    lack = f", {missing:.0%} missing" if missing else ""
    return Study(GROUP, f"{name}: {labs} laboratories, {items} items × {attempts}{lack}", n, each(one))


def _summary(results: int, tau: float, n: int) -> Study:
    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        v = rng.uniform(0.2, 2.0, results) * 0.02**2
        found = random_effects(rng.normal(0, np.sqrt(v + tau**2)), v)
        return {
            ("hartung_knapp", "mean", COVERAGE): inside(found.mean, 0.0),
            ("q_profile", "between-result variance", COVERAGE): covers(found.tau2_interval, tau**2),
            ("prediction", "a further result", COVERAGE): covers(
                found.prediction, rng.normal(0, tau) if tau else 0.0
            ),
        }

    return Study(
        GROUP, f"summary of {results} results, SD between them {tau:g}, errors 0.01 to 0.03", n, each(one)
    )


def _outliers(labs: int, n: int) -> Study:
    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        scores = rng.normal(0, 1, (labs, 5))
        cochran, grubbs = cochran_test(scores.var(1, ddof=1), 4), grubbs_test(scores.mean(1))
        hits: dict[Row, float | None] = {}
        for name, found in (("cochran", cochran), ("grubbs", grubbs)):
            hits[(name, "all laboratories equal", TYPE_I)] = (
                None if found is None else float(found.statistic > found.critical_5)
            )
        return hits

    return Study(GROUP, f"outlier tests: {labs} laboratories × 5 replicates, equal", n, each(one))


def _quiet_items(labs: int, n: int) -> Study:
    """Judges' scores of equal laboratories: on most items attempts never differ, on some they jump."""

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        loud = rng.random(80) < 0.15
        scores = (
            3.0 * rng.random(80)[:, None, None] + rng.integers(-2, 3, (80, labs, 3)) * loud[:, None, None]
        )
        item, lab = (x.ravel() for x in np.indices((80, labs)))
        flat = scores.reshape(-1, 3)
        found = between_laboratories(
            lab, item, flat.sum(1), np.full(lab.size, 3.0), (flat**2).sum(1), labs, bounds=None
        )
        test = found.outliers.cochran
        hit = None if test is None else float(test.statistic > test.critical_5)
        return {("cochran", "all laboratories equal", TYPE_I): hit}

    return Study(
        GROUP, f"outlier tests: {labs} laboratories, 3 attempts that mostly agree, equal", n, each(one)
    )


def _proficiency(labs: int, odd: float, n: int) -> Study:
    """Laboratories with one true value and unequal errors; the last may be off by so many of their errors."""

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        errors = rng.uniform(0.5, 1.5, labs)
        values = rng.normal(0, errors)
        values[-1] += odd
        robust = algorithm_a(values)
        zeta = consensus_zeta(values, errors, robust)
        if robust.mean is None or robust.sd is None or zeta is None:
            return {("algorithm_a", "robust mean", COVERAGE): None, ("zeta_score", "beyond 2", TYPE_I): None}
        half = float(t_quantile(0.95, labs - 1.0)) * ROBUST_MEAN_FACTOR * robust.sd / math.sqrt(labs)
        return {
            ("algorithm_a", "robust mean", COVERAGE): float(abs(robust.mean) <= half),
            ("zeta_score", "beyond 2", TYPE_I): float(np.mean(np.abs(zeta[:-1]) > Z_WARNING)),
        }

    name = "one odd" if odd else "equal"
    return Study(GROUP, f"proficiency: {labs} laboratories, {name}, errors 0.5 to 1.5", n, each(one))


def _attribution(labs: int, with_setting: int, effect: float, tau: float, n: int) -> Study:
    """Effects with unequal errors; the setting has no effect, or one of the given size."""
    setting = (np.arange(labs) >= labs - with_setting).astype(float)

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        v = rng.uniform(0.2, 2.0, labs) * 0.02**2
        y = rng.normal(effect * setting, np.sqrt(v + tau**2))
        found = attribute(y, np.diag(v), {"setting": setting})[0]
        hits: dict[Row, float | None] = {
            ("setting_regression", "association", COVERAGE): inside(found.association, effect)
        }
        if effect == 0.0:
            hits[("setting_regression", "no association", TYPE_I)] = rejects(found.p_value)
            hits[("setting_regression", "no association (permutation)", TYPE_I)] = rejects(
                found.p_permutation
            )
        else:
            hits[("setting_regression", "association seen", POWER)] = rejects(found.p_value)
        return hits

    name = f"attribution: {labs} laboratories, {with_setting} with the setting, SD {tau:g}"
    return Study(GROUP, f"{name}, effect {effect:.0%}", n, each(one))


def _plan(labs: int, n: int) -> Study:
    """Means of exercises under known components against the half width that the decision study expects."""
    planted = {"item": 0.06, "laboratory": 0.0009, "item:laboratory": 0.02, "attempt": 0.12}
    parts = tuple(
        Component(
            source=source, variance=variance, interval=None, share=None, share_interval=None, levels=2,
            df=None, reason=None,
        )
        for source, variance in planted.items()
    )  # fmt: skip
    known = VarianceComponents(components=parts, n_scores=1, n_cells=1, method="henderson_1", reason=None)
    study = decision_study(known, {"item": 100, "laboratory": labs, "attempt": 2}, 0.05)
    half = study.half_width or 0.0

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        sizes = {"item": 100, "laboratory": labs, "item:laboratory": 100 * labs, "attempt": 200 * labs}
        mean = sum(rng.normal(0, math.sqrt(planted[source] / size)) for source, size in sizes.items())
        return {("decision_study", "mean within the expected half width", COVERAGE): float(abs(mean) <= half)}

    return Study(
        GROUP, f"decision study: {labs} laboratories × 100 items × 2, components known", n, each(one)
    )


def studies() -> list[Study]:
    """Return the studies of laboratories."""
    return [
        _components("complete", 100, 8, 4, 0.0, 2_000),
        _components("20 % missing", 100, 8, 4, 0.2, 2_000),
        _components("laboratories equal", 100, 8, 4, 0.0, 2_000, zero=True),
        _components("small", 30, 4, 3, 0.0, 2_000),
        _exercise("laboratories equal", 200, 6, 1, 0.0, 0.0, 1_500),
        _exercise("laboratories equal", 30, 4, 5, 0.0, 0.0, 1_500),
        _exercise("laboratories equal", 200, 10, 5, 0.0, 0.0, 800),
        *(_exercise("laboratories differ", 200, labs, 5, 0.03, 0.0, 1_000) for labs in (3, 6, 10)),
        _exercise("laboratories differ", 200, 6, 5, 0.03, 0.0, 1_000, missing=0.2),
        _exercise("laboratories differ", 30, 6, 1, 0.03, 0.0, 1_000),
        _exercise("one odd laboratory, 10 points off", 200, 6, 5, 0.0, -0.1, 1_000),
        *(_summary(results, tau, 3_000) for results in (3, 5, 10) for tau in (0.0, 0.02, 0.1)),
        *(_outliers(labs, 4_000) for labs in (4, 8, 15)),
        _quiet_items(5, 2_000),
        *(_proficiency(labs, 0.0, 4_000) for labs in (3, 5, 10, 20)),
        _proficiency(10, 6.0, 4_000),
        _attribution(4, 2, 0.0, 0.03, 1_500),
        _attribution(8, 4, 0.0, 0.03, 1_500),
        _attribution(8, 1, 0.0, 0.03, 1_500),
        _attribution(8, 4, 0.0, 0.0, 1_500),
        _attribution(8, 4, 0.1, 0.03, 1_500),
        _attribution(20, 10, 0.05, 0.03, 800),
        *(_plan(labs, 10_000) for labs in (3, 10)),
    ]
