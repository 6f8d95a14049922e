"""Designs for raters: agreement, judges that err and their correction, severity."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import betaincinv

from consilience.statistics.agreement import AgreementEstimate, krippendorff_alpha
from consilience.statistics.cells import estimate_generalized
from consilience.statistics.judges import judge_accuracy, rogan_gladen
from consilience.statistics.kappa import cohen_kappa, gwet_ac1, percent_agreement
from consilience.statistics.prediction import ppi_difference, ppi_mean
from consilience.statistics.severity import rater_severity
from consilience.statistics.strata import Strata, fit_strata
from consilience.statistics.stratified_prediction import average, difference
from validation.rates import CONSISTENCY, Array, chances
from validation.study import COVERAGE, POWER, TYPE_I, Hits, Row, Study, covers, each, inside, rejects, share

GROUP = "Raters and judges"
LARGE = 200_000
"""Units of the sample that stands for the truth of a coefficient of agreement."""
SENSITIVITY, SPECIFICITY = 0.85, 0.92

Coefficient = Callable[[Array, np.random.Generator], AgreementEstimate]


def _ratings(rng: np.random.Generator, units: int, levels: int, missing: float) -> Array:
    """Three raters who see a unit's true level with errors of their own; binary levels are 20 % ones."""
    if levels == 2:
        truth = (rng.random(units) < 0.2).astype(float)
        wrong = rng.random((3, units)) < 0.1
        ratings = np.abs(truth - wrong)
    else:
        truth = rng.integers(0, levels, units)
        ratings = np.clip(truth + rng.integers(-1, 2, (3, units)), 0, levels - 1).astype(float)
    ratings[rng.random((3, units)) < missing] = np.nan
    return ratings


def _agreement(units: int, levels: int, missing: float, n: int) -> Study:
    metric = "nominal" if levels == 2 else "ordinal"
    coefficients: dict[str, Coefficient] = {
        f"krippendorff_alpha_{metric}": lambda r, g: krippendorff_alpha(
            r, metric=metric, rng=g, replicates=400
        ),
        "gwet_ac1": lambda r, g: gwet_ac1(r, rng=g, replicates=400),
        "cohen_kappa": lambda r, g: cohen_kappa(r[0], r[1], rng=g, replicates=400),
        "percent_agreement": lambda r, g: percent_agreement(r, rng=g, replicates=400),
    }
    if levels > 2:
        coefficients = {f"krippendorff_alpha_{metric}": coefficients[f"krippendorff_alpha_{metric}"]}

    def simulate(rng: np.random.Generator, n: int) -> Hits:
        large = _ratings(np.random.default_rng(7), LARGE, levels, missing)
        truths = {}
        for name, coefficient in coefficients.items():
            truths[name] = coefficient(large, np.random.default_rng(0)).value
        hits: Hits = {(name, "coefficient", COVERAGE): [] for name in coefficients}
        for _ in range(n):
            ratings = _ratings(rng, units, levels, missing)
            for name, coefficient in coefficients.items():
                truth = truths[name]
                found = coefficient(ratings, rng)
                hits[(name, "coefficient", COVERAGE)].append(
                    None if truth is None else covers(found.interval, truth)
                )
        return hits

    lack = f", {missing:.0%} missing" if missing else ""
    return Study(GROUP, f"3 raters, {units} units, {levels} levels{lack}", n, simulate)


def _judged(
    rng: np.random.Generator, items: int, each_item: int, p: float, *, sensitivity: float = SENSITIVITY
) -> tuple[Array, Array, Array]:
    """Return item labels, true (human) and judged scores; an item's rows share its success probability."""
    item = np.repeat(np.arange(items), each_item)
    human = (rng.random(item.size) < chances(rng, p, (items,), differ=True)[item]).astype(float)
    judge = np.where(
        human == 1.0, rng.random(item.size) < sensitivity, rng.random(item.size) >= SPECIFICITY
    ).astype(float)
    return item, human, judge


def _labelled(rng: np.random.Generator, item: Array, human: Array, labels: int) -> Array:
    """Hide the human scores of all but `labels` rows, taken as whole items at random."""
    items = int(item.max()) + 1
    chosen = rng.permutation(items)[: labels * items // item.size]
    return np.where(np.isin(item, chosen), human, np.nan)


def _correction(labels: int, rows: int, each_item: int, p: float, n: int) -> Study:
    """The judge's rate over all rows, corrected from a human sample; sensitivity 85 %, specificity 92 %."""

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        item, human, judge = _judged(rng, rows // each_item, each_item, p)
        seen = _labelled(rng, item, human, labels)
        clusters = item if each_item > 1 else None
        accuracy = judge_accuracy(np.where(np.isnan(seen), np.nan, judge), seen, clusters)
        totals = np.bincount(item.astype(np.int64), weights=judge)
        raw = estimate_generalized(totals, np.full(totals.size, float(each_item)))
        return {
            ("clustered_share", "sensitivity", COVERAGE): inside(accuracy.sensitivity, SENSITIVITY),
            ("clustered_share", "specificity", COVERAGE): inside(accuracy.specificity, SPECIFICITY),
            ("rogan_gladen", "corrected rate", COVERAGE): inside(rogan_gladen(raw, accuracy).estimate, p),
            ("ppi_plus_plus", "corrected rate", COVERAGE): inside(
                ppi_mean(judge, seen, clusters).estimate, p
            ),
        }

    shared = f", {each_item} rows per item" if each_item > 1 else ""
    return Study(
        GROUP, f"judge errs, {labels:,} of {rows:,} rated by humans, rate {p:.1%}{shared}", n, each(one)
    )


def _difference(labels: int, p: float, n: int) -> Study:
    """Two languages on the same 600 items; the judge is worse in the second (sensitivity 60 %)."""

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        item, human, judge = _judged(rng, 600, 2, p)
        other, human_2, judge_2 = _judged(rng, 600, 2, p, sensitivity=0.6)
        found = ppi_difference(
            judge, _labelled(rng, item, human, labels), item,
            judge_2, _labelled(rng, other, human_2, labels), other,
        )  # fmt: skip
        return {("ppi_plus_plus", "difference of languages", COVERAGE): inside(found.estimate, 0.0)}

    return Study(
        GROUP, f"judge worse in one language, {labels} of 1,200 rated in each, rate {p:.0%}", n, each(one)
    )


def _strata(
    name: str, labels: int, n: int, *, items: int = 20, attempts: int = 2, rate: float = 0.4,
    sensitivity: tuple[float, ...] = (SENSITIVITY,), specificity: tuple[float, ...] = (SPECIFICITY,),
    constant: bool = False,
) -> Study:  # fmt: skip
    """Three laboratories × four languages on the same items; humans rate `labels` random answers in each.

    An item is as hard, compared with others, in every language; the languages' rates lie 10 points around
    `rate`. Sensitivity and specificity go through the languages in turn. `constant`: the judge always says
    yes.
    """
    group = np.arange(12) % 4
    rates = rate + (np.linspace(-0.1, 0.1, 4) if rate > 0.2 else np.linspace(-0.02, 0.02, 4))
    strength = 1.0 / CONSISTENCY - 1.0

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        hard = rng.random(items)
        parts = []
        for language in group.tolist():
            p = rates[language]
            chance = betaincinv(p * strength, (1.0 - p) * strength, hard)[:, None]
            human = (rng.random((items, attempts)) < chance).astype(float)
            yes = rng.random(human.shape) < sensitivity[language % len(sensitivity)]
            no = rng.random(human.shape) < specificity[language % len(specificity)]
            judge = np.ones_like(human) if constant else np.where(human == 1.0, yes, ~no).astype(float)
            parts.append((human, judge, rng.permutation(human.size).reshape(human.shape)))
        strata = _fitted(parts, labels)
        found = {
            "all laboratories and languages": (average(strata, group >= 0), rates.mean()),
            "one language": (average(strata, group == 0), rates[0]),
            "one laboratory": (average(strata, np.arange(12) < 4), rates.mean()),
        }
        pairs = {
            "difference of languages": (difference(strata, group == 0, group == 3), rates[0] - rates[3]),
            "difference of laboratories": (
                difference(strata, np.arange(12) < 4, np.arange(12) >= 8), 0.0
            ),
        }  # fmt: skip
        hits = {what: inside(mean.estimate, truth) for what, (mean, truth) in found.items()}
        hits |= {what: inside(gap.corrected.estimate, truth) for what, (gap, truth) in pairs.items()}
        return {("ppi_stratified", what, COVERAGE): hit for what, hit in hits.items()}

    shape = f"3 laboratories × 4 languages × {items} items × {attempts}"
    return Study(GROUP, f"{name}: {shape}, {labels} rated in each, rate {rate:.0%}", n, each(one))


def _fitted(parts: list[tuple[Array, Array, Array]], labels: int) -> Strata:
    """Strata of human and judged scores of the same items; humans rated the first `labels` in the order."""
    sums = []
    for human, judge, order in parts:
        seen = (order < labels).astype(float)
        sums.append([judge, np.ones_like(judge), seen, judge * seen, human * seen])
    rows = np.array(sums, dtype=np.float64).sum(axis=3).transpose(1, 0, 2).reshape(5, -1)
    stratum, item = (x.ravel() for x in np.indices((len(parts), parts[0][0].shape[0])))
    return fit_strata(stratum, item, *rows, group=np.arange(len(parts)) % 4, binary=True)


def _as_told(labels: int, items: int, attempts: int, wanted: float, n: int) -> Study:
    """Four languages on the same items: from `labels` ratings in each it is told how many would do for a half
    width of `wanted`, and so many are then drawn. No answer: more items are needed."""
    rate, strength = 0.4, 1.0 / CONSISTENCY - 1.0

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        chance = betaincinv(rate * strength, (1.0 - rate) * strength, rng.random(items))[:, None]
        parts = []
        for _ in range(4):
            human = (rng.random((items, attempts)) < chance).astype(float)
            yes, no = rng.random(human.shape) < SENSITIVITY, rng.random(human.shape) < SPECIFICITY
            judge = np.where(human == 1.0, yes, ~no).astype(float)
            parts.append((human, judge, rng.permutation(human.size).reshape(human.shape)))
        every = np.ones(4, dtype=np.bool_)
        told = average(_fitted(parts, labels), every, wanted=wanted).human_needed
        then = None if told is None else average(_fitted(parts, -(-told // 4)), every).estimate
        interval = None if then is None else then.interval
        close = None
        if interval is not None:
            close = float(abs((interval.high - interval.low) / 2.0 - wanted) <= 0.15 * wanted)
        return {
            ("ppi_stratified", "mean", COVERAGE): None if then is None else inside(then, rate),
            ("ppi_stratified", "half width within 15 % of the wanted", POWER): close,
        }

    shape = f"4 languages × {items} items × {attempts}"
    return Study(
        GROUP, f"as many human ratings as told from {labels} for ±{wanted:.0%}: {shape}", n, each(one)
    )


def _severity(
    name: str, objects: int, raters: int, reviews: int, spread: float, n: int, *, binary: bool = False
) -> Study:
    """Objects each rated by `reviews` raters at random; severity has the given standard deviation."""

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        value, severity = rng.normal(0, 1, objects), rng.normal(0, spread, raters)
        o = np.repeat(np.arange(objects), reviews)
        r = np.argsort(rng.random((objects, raters)), axis=1)[:, :reviews].ravel()
        if binary:
            chance = np.clip(0.5 + 0.15 * value[o] - 0.15 * severity[r], 0.02, 0.98)
            score, scale = (rng.random(o.size) < chance).astype(float), 0.15
        else:
            score, scale = value[o] - severity[r] + rng.normal(0, 0.8, o.size), 1.0
        hits: dict[Row, float | None] = {}
        for model, method in (("fixed", "additive_raters"), ("mixed", "mixed_raters")):
            found = rater_severity(o, r, score, model=model)  # type: ignore[arg-type]
            centre = severity.mean() if model == "fixed" else 0.0
            truth = scale * (severity - centre)
            hits[(method, "severity", COVERAGE)] = share(
                inside(entry.severity, float(true)) for entry, true in zip(found.raters, truth, strict=True)
            )
            if not binary:
                level = value - (centre if model == "fixed" else 0.0)
                hits[(method, "adjusted value", COVERAGE)] = share(
                    inside(found.objects.estimate(number), float(level[number]))
                    for number in range(0, objects, max(1, objects // 40))
                )
            if model == "fixed" and spread == 0.0:
                hits[(method, "raters equal", TYPE_I)] = rejects(found.p_equal)
        return hits

    return Study(
        GROUP, f"severity: {name}, {raters} raters, {objects} objects, {reviews} ratings each", n, each(one)
    )


def studies() -> list[Study]:
    """Return the studies of raters and judges."""
    return [
        *(_agreement(units, 2, 0.0, 1_500) for units in (30, 100, 500)),
        _agreement(100, 2, 0.2, 1_500),
        *(_agreement(units, 5, 0.0, 1_500) for units in (30, 200)),
        *(_correction(labels, 2_000, 1, 0.3, 1_500) for labels in (50, 200, 1_000)),
        *(_correction(labels, 2_000, 1, 0.05, 1_500) for labels in (200, 1_000)),
        _correction(300, 2_000, 4, 0.3, 1_500),
        _correction(600, 5_000, 1, 0.005, 1_500),
        *(_difference(labels, 0.3, 1_500) for labels in (100, 400)),
        _strata("judge errs", 10, 1_500),
        _strata("judge says yes too often", 10, 1_500, sensitivity=(0.95,), specificity=(0.6,)),
        _strata(
            "judge worse in one language",
            10,
            1_500,
            sensitivity=(0.9, 0.9, 0.9, 0.5),
            specificity=(0.95, 0.95, 0.95, 0.7),
        ),
        _strata("judge always says yes", 10, 1_500, constant=True),
        _strata("judge nearly right", 10, 1_500, sensitivity=(0.98,), specificity=(0.98,)),
        _strata("judge errs", 10, 1_500, items=100, attempts=1),
        _strata("judge errs", 60, 1_500, items=100),
        _strata("judge errs", 60, 1_500, items=200, rate=0.05),
        _as_told(30, 200, 2, 0.05, 600),
        _as_told(60, 1_000, 1, 0.03, 400),
        _severity("judges, complete", 100, 4, 4, 0.5, 600),
        _severity("judges equally severe", 100, 4, 4, 0.0, 1_000),
        _severity("judges, 0/1 scores", 300, 4, 4, 0.5, 600, binary=True),
        _severity("few ratings", 40, 10, 2, 0.5, 400),
        _severity("a call", 770, 60, 3, 0.5, 100),
    ]
