"""Designs for variance components with raters who scored the same generations: normal scores and 0/1."""

from __future__ import annotations

import math

import numpy as np

from consilience.statistics.components import VarianceComponents
from consilience.statistics.estimate import IntArray
from consilience.statistics.rated_variance import rated_variance_components
from validation.rates import Array
from validation.study import COVERAGE, Row, Study, covers, each

GROUP = "Variance components with raters"
PLANTED = {
    "item": 1.0, "laboratory": 0.04, "item:laboratory": 0.25, "rater": 0.05, "item:rater": 0.2,
    "laboratory:rater": 0.02, "item:laboratory:rater": 0.1, "attempt": 0.6, "residual": 0.4,
}  # fmt: skip
ERRORS = (0.02, 0.1, 0.15, 0.05)
"""How often each rater of 0/1 scores is wrong."""


def _sums(scores: Array, there: Array) -> tuple[Array, Array, Array, Array]:
    """Sums, counts, squares and cross of scores (rows, attempts, raters)."""
    scores = scores * there[:, :, None]
    total, own = scores.sum(2), (scores**2).sum(2)
    return scores.sum(1).T, there.sum(1), own.sum(1), ((total**2 - own) / 2).sum(1)


def _found(
    scores: Array, item: IntArray, lab: IntArray, rng: np.random.Generator, missing: float
) -> VarianceComponents:
    there = (rng.random(scores.shape[:2]) >= missing).astype(np.float64)
    return rated_variance_components({"item": item, "laboratory": lab}, *_sums(scores, there))


def _normal(name: str, items: int, labs: int, raters: int, missing: float, n: int) -> Study:
    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        shape = {"item": items, "laboratory": labs, "rater": raters}
        y = np.zeros((items, labs, raters))
        for source, variance in PLANTED.items():
            facets = source.split(":")
            if set(facets) <= set(shape):
                size = [shape[f] if f in facets else 1 for f in shape]
                y = y + rng.normal(0, math.sqrt(variance), size)
        scores = np.repeat(y.reshape(items * labs, 1, raters), 2, axis=1)
        scores = scores + rng.normal(0, math.sqrt(PLANTED["attempt"]), (*scores.shape[:2], 1))
        scores += rng.normal(0, math.sqrt(PLANTED["residual"]), scores.shape)
        item, lab = (x.ravel() for x in np.indices((items, labs), dtype=np.int64))
        return _hits(_found(scores, item, lab, rng, missing), PLANTED)

    return Study(GROUP, f"{name}, {items} items × {labs} laboratories × {raters} raters × 2", n, each(one))


def _binary(items: int, labs: int, raters: int, base: float, spread: float, n: int) -> Study:
    """Raters see whether an answer is right and err, each at its own rate; items differ in difficulty."""
    errors = np.array(ERRORS[:raters])
    slope = 1.0 - 2.0 * errors
    gains = np.outer(slope, slope)
    pair = float((gains.sum() - np.trace(gains)) / (raters * (raters - 1)))
    own = float(np.mean(slope**2))
    edges = np.linspace(0.0, 1.0, 20_001)[1:-1]
    chances = _chances(edges, base, spread)
    bernoulli = float(np.mean(chances * (1.0 - chances)))
    truth = {
        "item": pair * float(chances.var()), "attempt": pair * bernoulli, "laboratory": 0.0,
        "residual": (own - pair) * bernoulli + float(np.mean(errors * (1.0 - errors))),
    }  # fmt: skip

    def one(rng: np.random.Generator) -> dict[Row, float | None]:
        item, lab = (x.ravel() for x in np.indices((items, labs), dtype=np.int64))
        chance = _chances(rng.random(items), base, spread)[item]
        right = rng.random((item.size, 3)) < chance[:, None]
        wrong = rng.random((*right.shape, raters)) < errors
        return _hits(_found((right[:, :, None] ^ wrong).astype(float), item, lab, rng, 0.0), truth)

    name = f"0/1 scores, {base:.0%} right, {items} items × {labs} laboratories × {raters} raters × 3"
    return Study(GROUP, name, n, each(one))


def _chances(uniform: Array, base: float, spread: float) -> Array:
    """Success probabilities of items, uniform around the base."""
    return np.asarray(base + spread * (2.0 * uniform - 1.0))


def _hits(found: VarianceComponents, truth: dict[str, float]) -> dict[Row, float | None]:
    hits: dict[Row, float | None] = {}
    for component in found.components:
        if component.source in truth:
            many = component.source.startswith("item") or component.source in {"attempt", "residual"}
            method = "group_jackknife" if many else "williams_tukey"
            hits[(method, component.source, COVERAGE)] = covers(component.interval, truth[component.source])
    return hits


def studies() -> list[Study]:
    """Return the studies of components with raters."""
    return [
        _normal("complete", 100, 6, 4, 0.0, 1_500),
        _normal("25 % of the generations missing", 100, 6, 4, 0.25, 1_500),
        _normal("two raters", 100, 6, 2, 0.0, 1_500),
        _normal("small", 30, 4, 3, 0.0, 1_500),
        _binary(100, 6, 4, 0.6, 0.3, 1_500),
        _binary(200, 5, 3, 0.05, 0.05, 1_500),
    ]
