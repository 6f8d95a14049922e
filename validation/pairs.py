"""Designs for paired contrasts, families of them, equivalence, and planning."""

from __future__ import annotations

import itertools

import numpy as np

from consilience.statistics.contrasts import paired_difference
from consilience.statistics.equivalence import tost
from consilience.statistics.multiplicity import benjamini_hochberg, holm
from consilience.statistics.power import items_needed, piloted_variances
from validation.rates import Array, chances
from validation.study import COVERAGE, POWER, TYPE_I, Row, Study, each, inside, rejects

GROUP = "Paired contrasts"


def _sides(
    rng: np.random.Generator, items: int, attempts: int, p: float, shift: float = 0.0
) -> tuple[Array, Array]:
    """Return item means of two sides that find the items equally hard, the right one lower by `shift`."""
    chance = chances(rng, p, (items,), differ=True)
    other = chance * (1.0 - shift / p)
    return rng.binomial(attempts, chance) / attempts, rng.binomial(attempts, other) / attempts


def _contrast(items: int, attempts: int, p: float, shift: float, n: int) -> Study:
    single = attempts == 1
    method = "newcombe_paired" if single else "paired_t"
    test = "mcnemar_exact" if single else "sign_flip_exact" if items <= 100 else "paired_t"

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        left, right = _sides(rng, items, attempts, p, shift)
        found = paired_difference(left, right, single_binary=single, rng=rng)
        hits: dict[Row, float | None] = {(method, "difference", COVERAGE): inside(found.difference, shift)}
        if shift == 0.0:
            hits[(test, "no difference", TYPE_I)] = rejects(found.p_value)
        return hits

    name = f"{items:,} items, {attempts} attempt{'s' if attempts > 1 else ''}, rate {p:.1%}"
    return Study(
        GROUP, f"{name}, difference {shift:.0%}" if shift else f"{name}, no difference", n, each(one)
    )


def _clustered(clusters: int, n: int) -> Study:
    """Unequal clusters of 1 to 5 translations whose differences share a part."""

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        labels = np.repeat(np.arange(clusters), rng.integers(1, 6, clusters))
        shared = rng.normal(0, 0.15, clusters)[labels]
        base = rng.normal(0.5, 0.1, labels.size)
        left = base + shared + rng.normal(0, 0.1, labels.size)
        found = paired_difference(left, base, clusters=labels, span=None)
        return {
            ("paired_t", "difference", COVERAGE): inside(found.difference, 0.0),
            ("paired_t", "no difference", TYPE_I): rejects(found.p_value),
        }

    return Study(GROUP, f"{clusters} clusters of 1 to 5 translations", n, each(one))


def _family(labs: int, n: int) -> Study:
    """All pairs of laboratories; the first half are equal, the others differ from them."""
    pairs = list(itertools.combinations(range(labs), 2))
    half = labs // 2

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        chance = chances(rng, 0.4, (200,), differ=True)[:, None]
        equal = rng.binomial(5, np.broadcast_to(chance, (200, labs))) / 5
        p_equal = [paired_difference(equal[:, a], equal[:, b]).p_value for a, b in pairs]
        factor = np.where(np.arange(labs) < half, 1.0, np.linspace(0.7, 0.9, labs))
        mixed = rng.binomial(5, chance * factor) / 5
        p_mixed = [paired_difference(mixed[:, a], mixed[:, b]).p_value for a, b in pairs]
        found = [p is not None and p <= 0.05 for p in benjamini_hochberg(p_mixed)]
        false = sum(hit for hit, (a, b) in zip(found, pairs, strict=True) if factor[a] == factor[b])
        return {
            ("holm", "any false alarm, all equal", TYPE_I): rejects(
                min(p for p in holm(p_equal) if p is not None)
            ),
            ("benjamini-hochberg", "share of false discoveries", TYPE_I): false / max(sum(found), 1),
        }

    return Study(GROUP, f"family of {len(pairs)} pairs of {labs} laboratories, 200 items × 5", n, each(one))


def _tost(items: int, n: int) -> Study:
    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        left, right = _sides(rng, items, 5, 0.5, 0.05)
        at_margin = tost(paired_difference(left, right), 0.05)
        same = tost(paired_difference(*_sides(rng, items, 5, 0.5)), 0.05)
        return {
            ("tost", "equivalent, though at the margin", TYPE_I): float(at_margin.verdict == "equivalent"),
            ("tost", "equivalent where equal", POWER): float(same.verdict == "equivalent"),
        }

    return Study(GROUP, f"equivalence within 5 points, {items:,} items × 5 attempts", n, each(one))


def _power(shift: float, n: int) -> Study:
    pilot = np.random.default_rng(1)
    left, right = _sides(pilot, 200_000, 5, 0.5, shift)
    counts = np.full(200_000, 5.0)
    variances = piloted_variances(left * 5, counts, right * 5, counts)
    items = items_needed(shift, variances, 5, 5, power=0.8) if variances else 0

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        found = paired_difference(*_sides(rng, items, 5, 0.5, shift))
        return {("paired_power", "planned for 80 %", POWER): rejects(found.p_value)}

    return Study(GROUP, f"{items:,} items planned for a difference of {shift:.0%}, 5 attempts", n, each(one))


def studies() -> list[Study]:
    """Return the studies of contrasts."""
    return [
        *(_contrast(items, 1, 0.4, 0.0, 3_000) for items in (10, 30, 100, 1_000)),
        *(_contrast(items, 1, 0.4, 0.1, 3_000) for items in (10, 30, 100, 1_000)),
        *(_contrast(items, 5, 0.4, 0.0, 2_000) for items in (10, 30, 100, 1_000)),
        *(_contrast(items, 5, 0.4, 0.1, 3_000) for items in (30, 300)),
        *(_contrast(items, 5, 0.005, 0.0, 2_000) for items in (300, 5_000)),
        *(_clustered(clusters, 3_000) for clusters in (10, 40, 200)),
        _family(8, 600),
        *(_tost(items, 3_000) for items in (100, 400, 2_000)),
        *(_power(shift, 3_000) for shift in (0.05, 0.1)),
    ]
