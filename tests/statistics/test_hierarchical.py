"""The hierarchical model: planted effects, the exact posterior of a small case, the intervals of the core,
and what has no answer."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, NamedTuple

import numpy as np
import pytest
from tests.optional import optional

from consilience.statistics import hierarchical
from consilience.statistics.cells import estimate_averages
from consilience.statistics.convergence import AGREED_R_HAT, MIN_EFFECTIVE
from consilience.statistics.estimate import Reason
from consilience.statistics.hierarchical import HierarchicalFit, _sources, fit_hierarchical
from consilience.statistics.hierarchical_draws import Grid, cell_probabilities
from consilience.statistics.hierarchical_model import (
    CHAINS,
    DRAWS,
    GRID_AXES,
    GROUP_SCALE,
    INTERCEPT_SD,
    ITEM_SCALE,
    Structure,
)

K, L, ITEMS, N = 3, 2, 60, 3
SPREADS = {"item": 1.2, "item:language": 0.7, "item:laboratory": 0.3}
SHIFTS = np.array([0.5, 0.4, -0.9])
"""Planted effects of the laboratories, in log-odds."""


def expit(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


class Planted(NamedTuple):
    rows: tuple[np.ndarray, ...]
    """Laboratory, language, item, successes, attempts."""
    truth: np.ndarray
    """Probabilities of the items that are there, shape (laboratories, languages)."""
    new: np.ndarray
    """Of a new item."""


def planted(seed: int) -> Planted:
    rng = np.random.default_rng(seed)
    language = np.array([0.3, -0.3])
    effects = (
        rng.normal(0, SPREADS["item"], ITEMS)[None, None, :]
        + rng.normal(0, SPREADS["item:language"], (L, ITEMS))[None]
        + rng.normal(0, SPREADS["item:laboratory"], (K, ITEMS))[:, None]
    )
    centre = (0.4 + SHIFTS[:, None] + language[None, :])[:, :, None]
    p = expit(centre + effects)
    rows = tuple(axis.ravel() for axis in np.indices(p.shape))
    successes = rng.binomial(N, p).ravel()
    draws = rng.normal(0, np.sqrt(sum(sd**2 for sd in SPREADS.values())), 200_000)
    new = expit(centre + draws).mean(axis=2)
    return Planted((*rows, successes, np.full(successes.size, N)), p.mean(axis=2), new)


def masks() -> np.ndarray:
    """Every cell, every laboratory over languages, and all together."""
    cells = np.eye(K * L, dtype=bool).reshape(-1, K, L)
    laboratories = np.repeat(np.eye(K, dtype=bool)[:, :, None], L, axis=2)
    return np.concatenate([cells, laboratories, np.ones((1, K, L), dtype=bool)])


LABORATORIES = tuple(range(K * L, K * L + K))
ALL = K * L + K


@pytest.fixture(scope="module")
def data() -> Planted:
    return planted(11)


@pytest.fixture(scope="module")
def fit(data: Planted) -> HierarchicalFit:
    optional("numpyro")
    return fit_hierarchical(
        *data.rows, masks(), compared=LABORATORIES, level=0.95, rng=np.random.default_rng(0)
    )


def test_the_chains_agree(fit: HierarchicalFit) -> None:
    told = fit.convergence
    assert told is not None
    assert told.holds
    assert fit.reason is None
    assert (told.chains, told.draws) == (CHAINS, DRAWS)
    assert (told.r_hat or 9) <= AGREED_R_HAT
    assert (told.effective_size or 0) >= MIN_EFFECTIVE


def test_planted_effects_are_recovered(fit: HierarchicalFit, data: Planted) -> None:
    for found, truth in ((fit.benchmark, data.truth), (fit.generalized, data.new)):
        inside = [
            e.interval is not None and e.interval.low <= t <= e.interval.high
            for e, t in zip(found, truth.ravel(), strict=False)
        ]
        assert sum(inside) >= K * L - 1
    spreads = {one.source: one for one in fit.spreads}
    for source, sd in SPREADS.items():
        interval = spreads[source].interval
        assert interval is not None
        assert interval.low <= sd <= interval.high
    value = spreads["item"].value
    assert value == pytest.approx(SPREADS["item"], rel=0.35)
    expected = float(np.std(data.new.mean(axis=1), ddof=1))
    assert fit.between.value == pytest.approx(expected, rel=0.35)


def test_it_agrees_with_the_intervals_of_the_core(fit: HierarchicalFit, data: Planted) -> None:
    laboratory, language, item, successes, attempts = data.rows
    for estimand, ours in (("generalized", fit.generalized), ("benchmark", fit.benchmark)):
        core = estimate_averages(
            laboratory, language, item, successes, attempts, None, K, estimand=estimand, level=0.95
        )
        for number, group in enumerate(LABORATORIES):
            theirs, mine = core.estimate(number), ours[group]
            assert theirs.interval is not None
            assert mine.interval is not None
            assert theirs.value is not None
            assert mine.value == pytest.approx(theirs.value, abs=0.03)
            width = theirs.interval.high - theirs.interval.low
            assert mine.interval.high - mine.interval.low == pytest.approx(width, rel=0.3)
            assert (mine.n_items, mine.n_scores) == (theirs.n_items, theirs.n_scores)


def test_averages_are_those_of_their_cells(fit: HierarchicalFit) -> None:
    for found in (fit.benchmark, fit.generalized):
        values = np.array([one.value for one in found], dtype=float)
        cells = values[: K * L].reshape(K, L)
        np.testing.assert_allclose(values[list(LABORATORIES)], cells.mean(axis=1), atol=1e-9)
        assert values[ALL] == pytest.approx(cells.mean(), abs=1e-9)


def test_a_new_item_makes_intervals_wider(fit: HierarchicalFit) -> None:
    for benchmark, generalized in zip(fit.benchmark, fit.generalized, strict=True):
        assert (benchmark.standard_error or 1.0) < (generalized.standard_error or 0.0)


class Posterior(NamedTuple):
    """The exact posterior on a grid of intercept and spread of items."""

    weights: np.ndarray
    generalized: np.ndarray
    benchmark: float


def exact_posterior(successes: np.ndarray, attempts: int) -> Posterior:
    """Integrate one laboratory and language by brute force: no sampler, no code of ours."""
    nodes, node_weights = np.polynomial.hermite_e.hermegauss(61)
    node_weights = node_weights / node_weights.sum()
    centre = np.linspace(-6, 6, 241)[:, None, None]
    spread = np.linspace(0.02, 6.0, 240)[None, :, None]
    p = expit(centre + spread * nodes)
    likelihood = np.zeros((241, 240))
    mean = []
    for count in successes:
        each = p**count * (1 - p) ** (attempts - count) * node_weights
        total = each.sum(axis=2)
        likelihood += np.log(total)
        mean.append((each * p).sum(axis=2) / total)
    prior = -0.5 * (centre / INTERCEPT_SD) ** 2 - 0.5 * (spread / ITEM_SCALE) ** 2
    log = likelihood + prior[:, :, 0]
    weights = np.exp(log - log.max())
    weights /= weights.sum()
    return Posterior(weights, (p * node_weights).sum(axis=2), float((weights * np.mean(mean, axis=0)).sum()))


def quantile(posterior: Posterior, share: float) -> float:
    order = np.argsort(posterior.generalized, axis=None)
    total = np.cumsum(posterior.weights.ravel()[order])
    return float(posterior.generalized.ravel()[order][np.searchsorted(total, share)])


def test_one_cell_has_the_exact_posterior() -> None:
    optional("numpyro")
    successes = np.array([0, 1, 2, 3, 4, 5, 5, 5, 1, 4, 5, 3])
    zeros = np.zeros(successes.size, dtype=int)
    found = fit_hierarchical(
        zeros, zeros, np.arange(successes.size), successes, np.full(successes.size, 5), [[[True]]],
        level=0.9, rng=np.random.default_rng(3),
    )  # fmt: skip
    exact = exact_posterior(successes, 5)
    generalized, benchmark = found.generalized[0], found.benchmark[0]
    assert generalized.value == pytest.approx(float((exact.weights * exact.generalized).sum()), abs=0.01)
    assert benchmark.value == pytest.approx(exact.benchmark, abs=0.005)
    assert generalized.interval is not None
    assert generalized.interval.low == pytest.approx(quantile(exact, 0.05), abs=0.02)
    assert generalized.interval.high == pytest.approx(quantile(exact, 0.95), abs=0.02)
    reasons = {one.source: one.reason for one in found.spreads}
    assert reasons["laboratory"] is Reason.ONE_LEVEL
    assert found.between.reason is Reason.ONE_LABORATORY


def prior_draws(structure: Structure, *_: object) -> tuple[dict[str, np.ndarray], int]:
    """What a sampler would give without data: draws of the prior."""
    rng = np.random.default_rng(0)
    values = {"intercept": rng.normal(0, INTERCEPT_SD, (CHAINS, DRAWS))}
    for source in structure.sources:
        scale = ITEM_SCALE if 2 in GRID_AXES[source] else GROUP_SCALE
        values[f"sd_{source}"] = np.abs(rng.normal(0, scale, (CHAINS, DRAWS)))
        shape = tuple(structure.shape[axis] for axis in GRID_AXES[source])
        values[f"z_{source}"] = rng.normal(0, 1, (CHAINS, DRAWS, *shape))
    return {name: value.astype(np.float32) for name, value in values.items()}, 0


def test_chains_that_do_not_agree_give_no_number(monkeypatch: pytest.MonkeyPatch, data: Planted) -> None:
    calls = []

    def stuck(structure: Structure, *rest: object) -> tuple[dict[str, np.ndarray], int]:
        calls.append(rest[-1])
        draws, _ = prior_draws(structure)
        draws["intercept"][0] += 3.0
        return draws, 40

    monkeypatch.setattr(hierarchical, "sample", stuck)
    found = fit_hierarchical(*data.rows, masks(), compared=LABORATORIES, rng=np.random.default_rng(0))
    assert found.reason is Reason.NOT_CONVERGED
    assert found.convergence is not None
    assert found.convergence.divergences == 40
    every = (*found.benchmark, *found.generalized, found.between)
    assert all(one.value is None and one.reason is Reason.NOT_CONVERGED for one in every)
    assert all(one.value is None and one.interval is None for one in found.spreads)
    assert len(set(calls)) == len(hierarchical.TRIES)


def test_too_many_items_are_sampled_and_said_so(monkeypatch: pytest.MonkeyPatch, data: Planted) -> None:
    seen = []

    def watching(structure: Structure, *rest: object) -> tuple[dict[str, np.ndarray], int]:
        seen.append(np.asarray(rest[0]))
        return prior_draws(structure)

    monkeypatch.setattr(hierarchical, "sample", watching)
    for seed in (0, 0, 1):
        found = fit_hierarchical(
            *data.rows, masks(), compared=LABORATORIES, rng=np.random.default_rng(seed), max_entries=200
        )
    assert (found.n_items, found.n_items_all, found.n_scores) == (33, ITEMS, 33 * K * L * N)
    assert all(one.reason is Reason.ITEMS_SAMPLED and one.value is None for one in found.benchmark)
    assert all(one.reason is None and one.n_items == 33 for one in found.generalized)
    np.testing.assert_array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], seen[2])


def test_more_laboratories_and_languages_than_fit_are_refused(data: Planted) -> None:
    found = fit_hierarchical(*data.rows, masks(), rng=np.random.default_rng(0), max_entries=19 * K * L)
    assert found.reason is Reason.TOO_LARGE
    assert {one.reason for one in (*found.benchmark, *found.generalized)} == {Reason.TOO_LARGE}


def test_nothing_scored_has_no_answer() -> None:
    found = fit_hierarchical([0, 0], [0, 0], [0, 1], [0, 0], [0, 0], [[[True]]], rng=np.random.default_rng(0))
    assert found.reason is Reason.NO_SCORES
    assert found.convergence is None


@pytest.mark.parametrize(
    ("successes", "attempts"), [([0.5, 1], [1, 1]), ([2, 1], [1, 1]), ([-1, 1], [1, 1]), ([1], [1, 1])]
)
def test_what_is_no_count_is_refused(successes: list[float], attempts: list[float]) -> None:
    with pytest.raises(ValueError, match=r"successes|shape"):
        fit_hierarchical(
            [0, 0], [0, 0], [0, 1], successes, attempts, [[[True]]], rng=np.random.default_rng(0)
        )


def test_cells_without_a_row_have_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hierarchical, "sample", prior_draws)
    # laboratory 0 has one item in language 1; laboratory 1 nothing in language 1
    laboratory, language, item = [0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 0, 0, 0], [0, 1, 2, 0, 0, 1, 2]
    groups = np.eye(4, dtype=bool).reshape(4, 2, 2)
    found = fit_hierarchical(
        laboratory, language, item, [1] * 7, [4] * 7, groups, rng=np.random.default_rng(0)
    )
    assert [one.reason for one in found.generalized] == [None, Reason.ONE_ITEM, None, Reason.NO_SCORES]
    assert [one.reason for one in found.benchmark] == [None, None, None, Reason.NO_SCORES]
    assert [one.n_items for one in found.generalized] == [3, 1, 3, 0]


def design(shape: tuple[int, int, int], attempts: int) -> np.ndarray:
    return np.full(shape, float(attempts))


def disjoint() -> np.ndarray:
    """Each language has items of its own."""
    found = np.zeros((2, 2, 10))
    found[:, 0, :5] = found[:, 1, 5:] = 1.0
    return found


@pytest.mark.parametrize(
    ("attempts", "kept"),
    [
        (design((3, 4, 20), 2), set(GRID_AXES)),
        (design((1, 4, 20), 2), {"language", "item", "item:language"}),
        (design((1, 4, 20), 1), {"language", "item"}),
        (design((3, 1, 20), 1), {"laboratory", "item"}),
        (design((3, 4, 20), 1), set(GRID_AXES)),
        (design((1, 1, 20), 1), set()),
        (design((1, 1, 20), 2), {"item"}),
        (design((2, 2, 1), 5), {"laboratory", "language", "laboratory:language"}),
        (disjoint(), {"laboratory", "language", "laboratory:language", "item"}),
    ],
)
def test_only_what_the_design_can_tell_apart_is_modelled(attempts: np.ndarray, kept: set[str]) -> None:
    sources, reasons = _sources(attempts)
    assert set(sources) == kept
    assert set(reasons) == set(GRID_AXES) - kept


def test_laboratories_with_a_language_each_have_no_interaction() -> None:
    attempts = np.zeros((2, 2, 8))
    attempts[0, 0] = attempts[1, 1] = 2.0
    assert "laboratory:language" not in _sources(attempts)[0]


@pytest.mark.parametrize("centred", [True, False])
def test_probabilities_follow_from_the_effects(centred: bool) -> None:
    rng = np.random.default_rng(5)
    structure = Structure((2, 3, 4), tuple(GRID_AXES), centred)
    values = {"intercept": rng.normal(size=5)}
    for source, axes in GRID_AXES.items():
        values[f"sd_{source}"] = rng.uniform(0.2, 1.5, 5)
        values[f"z_{source}"] = rng.normal(size=(5, *(structure.shape[axis] for axis in axes)))
    attempts = np.ones(structure.shape)
    attempts[0, 1, 2:] = 0.0
    grid = Grid(attempts * 0, attempts, 4, np.ones((2, 3), dtype=bool))
    benchmark, generalized = (found.reshape(5, 2, 3) for found in cell_probabilities(values, structure, grid))
    v = values

    def effect(source: str, *at: int) -> float:
        if source == "item" and centred:
            return float(v["z_item"][at] - v["intercept"][at[0]])
        return float(v[f"z_{source}"][at] * v[f"sd_{source}"][at[0]])

    d, k, m = 2, 0, 1
    centre = v["intercept"][d] + effect("laboratory", d, k) + effect("language", d, m)
    centre += effect("laboratory:language", d, k, m)
    items = [
        expit(
            centre
            + effect("item", d, i)
            + effect("item:language", d, m, i)
            + effect("item:laboratory", d, k, i)
        )
        for i in (0, 1)
    ]
    assert benchmark[d, k, m] == pytest.approx(np.mean(items))
    scale = np.sqrt(sum(v[f"sd_{s}"][d] ** 2 for s in ("item", "item:language", "item:laboratory")))
    x = np.linspace(-9, 9, 20_001)
    density = np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)
    assert generalized[d, k, m] == pytest.approx(
        float(np.sum(density * expit(centre + scale * x)) * (x[1] - x[0])), abs=1e-6
    )


def test_the_core_never_imports_it() -> None:
    """The command line, an analysis and the statistics themselves work without jax and numpyro."""
    script = """
import json, sys
import consilience.cli
import consilience.cli.exercise.analyse
import consilience.evaluation.analysis
import consilience.statistics.hierarchical
import consilience.reporting.joint_report
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules} & {"jax", "jaxlib", "numpyro"})))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
