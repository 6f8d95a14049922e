"""Methods held against libraries and direct computations that no other test file holds them against.

Which method is held against what is listed in docs/explanation/statistics.md; the last tests keep it whole.
"""

from __future__ import annotations

import ast
import importlib.metadata
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm
from statsmodels.formula.api import ols
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multivariate import test_mvmean as mean_vector_test
from statsmodels.stats.proportion import proportion_confint
from tests.optional import optional

from consilience.statistics.cells import estimate_averages, estimate_benchmark, estimate_generalized
from consilience.statistics.contrasts import paired_difference, sign_flip_p
from consilience.statistics.equivalence import tost_p
from consilience.statistics.interlaboratory import between_laboratories
from consilience.statistics.judges import judge_accuracy
from consilience.statistics.multiplicity import adjust
from consilience.statistics.prediction import ppi_difference, ppi_mean
from consilience.statistics.random_effects import random_effects
from consilience.statistics.references import METHODS
from consilience.statistics.variance import variance_components

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "explanation" / "statistics.md"
ROW = re.compile(r"^\| `([a-z0-9_-]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
PEERS = ("statsmodels", "scipy", "krippendorff", "pingouin", "ppi-python", "pt13528", "numpyro")
"""Libraries that the list may name, with or without a version."""
Z95 = float(scipy.stats.norm.ppf(0.975))


def _judged(n: int, labelled: int, seed: int, bias: float = 0.2) -> tuple[np.ndarray, np.ndarray]:
    """Judge's scores of independent rows, and humans' on the first of them (NaN elsewhere)."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    judge = 0.8 * truth + bias + rng.normal(0, 0.5, n)
    return judge, np.where(np.arange(n) < labelled, truth, np.nan)


def _peer_error(ppi_py, y: np.ndarray, f: np.ndarray, f_rest: np.ndarray, weight: float) -> float:
    low, high = ppi_py.ppi_mean_ci(y, f, f_rest, alpha=0.05, lam=weight)
    return float(np.squeeze(high - low)) / 2 / Z95


def _weights(rows: np.ndarray) -> np.ndarray:
    """Moore-Penrose inverse square root."""
    values, vectors = np.linalg.eigh(rows)
    scale = np.where(values > 1e-9, 1.0 / np.sqrt(np.maximum(values, 1e-9)), 0.0)
    return vectors @ np.diag(scale) @ vectors.T


def _cr2(x: np.ndarray, y: np.ndarray, weight: np.ndarray, cluster: np.ndarray, contrast: np.ndarray):
    """Value, CR2 error and Satterthwaite df of a contrast in weighted least squares, by whole matrices.

    Bell & McCaffrey (2002); Pustejovsky & Tipton (2018), eqs. 4-8, working model of independent errors whose
    variance is the inverse of the weight.
    """
    root = np.sqrt(weight)
    x, y = x * root[:, None], y * root
    bread = np.linalg.inv(x.T @ x)
    left = np.eye(y.size) - x @ bread @ x.T
    residual = left @ y
    variance, rows = 0.0, []
    for label in np.unique(cluster):
        mine = cluster == label
        moved = _weights(left[np.ix_(mine, mine)]) @ x[mine] @ bread @ contrast
        variance += float(moved @ residual[mine]) ** 2
        rows.append(left[:, mine] @ moved)
    gram = np.array(rows) @ np.array(rows).T
    df = float(np.trace(gram) ** 2 / np.trace(gram @ gram))
    return float(contrast @ bread @ x.T @ y), math.sqrt(variance), df


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_plain_ppi_equals_ppi_python(seed: int) -> None:
    ppi_py = optional("ppi_py")
    judge, human = _judged(600, 120, seed)
    ours = ppi_mean(judge, human, weight=1.0, bounds=None)
    y, f, rest = human[:120], judge[:120], judge[120:]
    assert ours.estimate.value == pytest.approx(
        float(np.squeeze(ppi_py.ppi_mean_pointestimate(y, f, rest, lam=1)))
    )
    peer = _peer_error(ppi_py, y, f, rest, 1.0)
    assert ours.estimate.standard_error == pytest.approx(peer * math.sqrt(600 / 599), rel=1e-9)


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_tuned_weight_and_its_estimate_come_near_ppi_python(seed: int) -> None:
    """ppi-python pools the judge's variance over all rows, and gives z intervals; else the two are alike."""
    ppi_py = optional("ppi_py")
    judge, human = _judged(3_000, 600, seed)
    y, f, rest = human[:600], judge[:600], judge[600:]
    ours = ppi_mean(judge, human, bounds=None)
    peer = float(np.squeeze(ppi_py.ppi_mean_pointestimate(y, f, rest)))
    error = ours.estimate.standard_error
    assert ours.estimate.value == pytest.approx(peer, abs=0.05 * error)
    assert ours.weight is not None
    same = float(np.squeeze(ppi_py.ppi_mean_pointestimate(y, f, rest, lam=ours.weight)))
    assert ours.estimate.value == pytest.approx(same, rel=1e-9)
    low, high = (float(np.squeeze(end)) for end in ppi_py.ppi_mean_ci(y, f, rest, alpha=0.05))
    assert ours.estimate.interval is not None
    assert (ours.estimate.interval.low, ours.estimate.interval.high) == pytest.approx(
        (low, high), abs=0.08 * error
    )


def test_corrected_difference_of_disjoint_sides_equals_ppi_python() -> None:
    ppi_py = optional("ppi_py")
    sides = [_judged(900, 200, 6), _judged(700, 150, 7, bias=-0.4)]
    (a, a_human), (b, b_human) = sides
    ours = ppi_difference(a, a_human, None, b, b_human, None, span=None)
    values, variances = [], []
    for (judge, human), labelled in zip(sides, (200, 150), strict=True):
        weight = ppi_mean(judge, human, bounds=None).weight
        y, f, rest = human[:labelled], judge[:labelled], judge[labelled:]
        values.append(float(np.squeeze(ppi_py.ppi_mean_pointestimate(y, f, rest, lam=weight))))
        variances.append(_peer_error(ppi_py, y, f, rest, weight) ** 2)
    assert ours.estimate.value == pytest.approx(values[0] - values[1], rel=1e-9)
    assert ours.estimate.standard_error == pytest.approx(math.sqrt(sum(variances)), rel=2e-3)


@pytest.mark.filterwarnings("ignore:The inplace keyword")
def test_shares_of_components_are_pingouins_intraclass_correlation() -> None:
    pingouin = optional("pingouin")
    rng = np.random.default_rng(11)
    table = rng.normal(size=(60, 1)) + rng.normal(0, 0.5, (1, 5)) + rng.normal(0, 0.8, (60, 5))
    item, laboratory = (axis.ravel() for axis in np.indices(table.shape))
    frame = pd.DataFrame({"item": item, "laboratory": laboratory, "score": table.ravel()})
    peer = pingouin.intraclass_corr(frame, targets="item", raters="laboratory", ratings="score")
    peer = peer.set_index("Type")["ICC"]
    absolute = peer["ICC(A,1)"] if "ICC(A,1)" in peer.index else peer["ICC2"]
    consistent = peer["ICC(C,1)"] if "ICC(C,1)" in peer.index else peer["ICC3"]
    found = variance_components(
        {"item": item, "laboratory": laboratory}, table.ravel(), np.ones(300), table.ravel() ** 2
    )
    of_item, of_lab = found.get("item").variance, found.get("laboratory").variance
    rest = found.get("attempt").variance
    assert of_item / (of_item + of_lab + rest) == pytest.approx(float(absolute), abs=6e-4)
    assert of_item / (of_item + rest) == pytest.approx(float(consistent), abs=6e-4)


@pytest.mark.parametrize("seed", [0, 1])
def test_paired_t_equals_pingouin(seed: int) -> None:
    pingouin = optional("pingouin")
    rng = np.random.default_rng(seed)
    left = rng.normal(size=60)
    right = left + rng.normal(0.2, 0.7, 60)
    ours = paired_difference(left, right, span=None)
    peer = pingouin.ttest(left, right, paired=True).iloc[0]
    assert ours.test == "paired_t"
    assert ours.p_value == pytest.approx(
        float(peer[next(c for c in peer.index if c.lower().startswith("p"))]), rel=1e-6
    )
    low, high = next(value for name, value in peer.items() if name.startswith("CI95"))
    assert (ours.difference.interval.low, ours.difference.interval.high) == pytest.approx(
        (low, high), abs=6e-3
    )


@pytest.mark.parametrize("margin", [0.1, 0.3, 0.5])
def test_two_one_sided_tests_equal_pingouin(margin: float) -> None:
    pingouin = optional("pingouin")
    rng = np.random.default_rng(4)
    left = rng.normal(size=50)
    right = left + rng.normal(0.1, 0.6, 50)
    peer = float(pingouin.tost(left, right, bound=margin, paired=True).iloc[0].filter(like="p").iloc[0])
    assert tost_p(paired_difference(left, right, span=None).difference, margin) == pytest.approx(
        peer, rel=1e-6
    )


@pytest.mark.parametrize(("ours", "peer"), [("holm", "holm"), ("benjamini-hochberg", "fdr_bh")])
def test_corrections_equal_pingouin(ours: str, peer: str) -> None:
    pingouin = optional("pingouin")
    p_values = np.random.default_rng(5).beta(0.4, 3.0, 40)
    assert adjust(p_values, ours) == pytest.approx(pingouin.multicomp(p_values, method=peer)[1], rel=1e-9)


@pytest.mark.parametrize("attempts", [1, 4])
def test_cell_means_are_cr2_by_whole_matrices(attempts: int) -> None:
    """Equal attempts: value, error and degrees of freedom are exactly those of CR2 with items as clusters."""
    rng = np.random.default_rng(attempts)
    item = np.repeat(np.arange(12), attempts)
    y = rng.normal(size=12)[item] + rng.normal(size=item.size)
    ours = estimate_generalized(
        np.bincount(item, weights=y), np.bincount(item), np.bincount(item, weights=y**2), bounds=None
    )
    value, error, df = _cr2(np.ones((y.size, 1)), y, np.ones(y.size), item, np.ones(1))
    assert (ours.value, ours.standard_error, ours.df) == pytest.approx((value, error, df), rel=1e-9)
    assert df == pytest.approx(11.0)


def test_cell_means_of_unequal_attempts_are_cr2_of_item_means() -> None:
    """One mean per item is the cluster, so that CR2 is s²/n; rows of weight 1 / attempts give the same."""
    rng = np.random.default_rng(8)
    sizes = rng.integers(1, 8, 15)
    item = np.repeat(np.arange(15), sizes)
    y = rng.normal(size=15)[item] + rng.normal(size=item.size)
    ours = estimate_generalized(
        np.bincount(item, weights=y), sizes, np.bincount(item, weights=y**2), bounds=None
    )
    value, error, df = _cr2(np.ones((y.size, 1)), y, 1.0 / sizes[item], item, np.ones(1))
    assert ours.value == pytest.approx(value)
    assert ours.standard_error == pytest.approx(error, rel=1e-9)
    assert ours.df == pytest.approx(df, rel=1e-9)


@pytest.mark.parametrize(("missing", "tolerance"), [(0.0, 1e-9), (0.3, 0.06)])
def test_averages_over_laboratories_are_cr2_or_near_it(missing: float, tolerance: float) -> None:
    """Complete items: exactly CR2. With 30 % of the items missing in each laboratory: within 6 % of it."""
    rng = np.random.default_rng(21)
    item, part = (axis.ravel() for axis in np.indices((25, 4)))
    y = rng.normal(size=25)[item] + rng.normal(size=4)[part] + rng.normal(size=item.size)
    keep = rng.random(item.size) >= missing
    item, part, y = item[keep], part[keep], y[keep]
    ours = estimate_averages(
        np.zeros(y.size, dtype=int), part, item, y, np.ones(y.size), y**2, 1, bounds=None
    ).estimate(0)
    value, error, df = _cr2(np.eye(4)[part], y, np.ones(y.size), item, np.full(4, 0.25))
    assert ours.value == pytest.approx(value)
    assert ours.standard_error == pytest.approx(error, rel=tolerance)
    assert ours.df is not None
    assert df <= ours.df + 1e-6
    assert float(scipy.stats.t.ppf(0.975, ours.df)) == pytest.approx(scipy.stats.t.ppf(0.975, df), rel=0.02)


def _items(
    kind: str, n: int, attempts: int, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[float, float]]:
    """Scores (items, attempts) on a scale, and its ends."""
    level = rng.beta(1.5, 1.5, (n, 1))
    if kind == "binary":
        return (rng.random((n, attempts)) < level).astype(float), (0.0, 1.0)
    if kind == "ordinal":
        return rng.binomial(4, np.broadcast_to(level, (n, attempts))).astype(float), (0.0, 4.0)
    return np.clip(level + rng.normal(0, 0.1, (n, attempts)), 0.0, 1.0), (0.0, 1.0)


@pytest.mark.parametrize("kind", ["binary", "ordinal", "continuous"])
@pytest.mark.parametrize("attempts", [1, 5])
def test_intervals_of_cells_are_those_of_a_bootstrap_of_items(kind: str, attempts: int) -> None:
    scores, bounds = _items(kind, 300, attempts, np.random.default_rng(attempts))
    counts = np.full(300, attempts)
    ours = estimate_generalized(scores.sum(1), counts, (scores**2).sum(1), bounds=bounds).interval
    peer = scipy.stats.bootstrap(
        (scores.mean(1),), np.mean, n_resamples=4_000, method="percentile", rng=np.random.default_rng(9)
    ).confidence_interval
    width = peer.high - peer.low
    assert (ours.low, ours.high) == pytest.approx((peer.low, peer.high), abs=0.06 * width)


def test_two_items_of_a_benchmark_are_welchs_interval() -> None:
    """Strata with spreads of their own and Satterthwaite's degrees of freedom, as in Welch's test."""
    rng = np.random.default_rng(12)
    first, second = rng.normal(1.0, 1.0, 6), rng.normal(2.0, 3.0, 9)
    ours = estimate_benchmark(
        [first.sum(), second.sum()], [6, 9], [(first**2).sum(), (second**2).sum()], bounds=None
    )
    peer = scipy.stats.ttest_ind(first, -second, equal_var=False)
    interval = peer.confidence_interval(0.95)
    assert ours.method == "stratified_t"
    assert ours.df == pytest.approx(peer.df)
    assert (ours.interval.low, ours.interval.high) == pytest.approx((interval.low / 2, interval.high / 2))


def test_shares_clustered_by_item_are_least_squares_of_statsmodels() -> None:
    rng = np.random.default_rng(13)
    item = np.repeat(np.arange(80), 5)
    human = (rng.random(400) < rng.beta(2, 2, 80)[item]).astype(float)
    judge = np.where(rng.random(400) < 0.8, human, 1 - human)
    found = judge_accuracy(judge, human, item)
    positive = human == 1
    groups = item[positive]
    fit = sm.OLS(judge[positive], np.ones(positive.sum())).fit(
        cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
    )
    n = np.unique(groups).size
    assert found.sensitivity.value == pytest.approx(fit.params[0])
    assert found.sensitivity.n_items == n
    assert found.sensitivity.standard_error == pytest.approx(fit.bse[0] * math.sqrt(n / (n - 1)), rel=1e-9)


def test_random_sign_flips_come_near_scipys() -> None:
    differences = np.random.default_rng(14).normal(0.3, 1.0, 25)
    p, method = sign_flip_p(differences, np.random.default_rng(0))
    peer = scipy.stats.permutation_test(
        (differences,), np.sum, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(1)
    )
    assert method == "sign_flip_random"
    assert p == pytest.approx(float(peer.pvalue), abs=0.01)


@pytest.mark.parametrize("n", [5, 40])
def test_no_difference_is_bounded_by_the_exact_bound_of_nothing_in_n(n: int) -> None:
    ours = paired_difference(np.full(n, 2.0), np.full(n, 2.0), span=4.0).difference
    assert ours.method == "zero_differences"
    assert ours.interval.high == pytest.approx(4.0 * proportion_confint(0, n, method="beta")[1])
    assert ours.interval.low == -ours.interval.high


def test_equality_of_laboratories_is_the_mean_vector_test_of_statsmodels() -> None:
    rng = np.random.default_rng(15)
    table = rng.normal(size=(30, 1)) + rng.normal(0, 0.5, (30, 4)) + [0.0, 0.1, 0.0, 0.3]
    item, laboratory = (axis.ravel() for axis in np.indices(table.shape))
    y = table.ravel()
    found = between_laboratories(laboratory, item, y, np.ones(y.size), y**2, 4, bounds=None)
    peer = mean_vector_test(table[:, 1:] - table[:, [0]], np.zeros(3))
    assert found.p_homogeneous == pytest.approx(float(peer.pvalue), rel=1e-7)
    deviation = table - table.mean(1)[:, None]
    for place, one in enumerate(found.laboratories):
        test = scipy.stats.ttest_1samp(deviation[:, place], 0.0).confidence_interval(0.95)
        assert one.deviation is not None
        assert one.deviation.interval is not None
        assert (one.deviation.interval.low, one.deviation.interval.high) == pytest.approx(
            (test.low, test.high), rel=1e-6
        )


def test_the_jackknife_is_leaving_out_each_item_in_turn() -> None:
    rng = np.random.default_rng(16)
    n = 150
    table = 3 * rng.normal(size=(n, 1)) + rng.normal(0, 0.3, (n, 4))
    item, laboratory = (axis.ravel() for axis in np.indices(table.shape))
    y = table.ravel()

    def of_item(keep: np.ndarray) -> float:
        factors = {"item": np.unique(item[keep], return_inverse=True)[1], "laboratory": laboratory[keep]}
        return variance_components(factors, y[keep], np.ones(keep.sum()), y[keep] ** 2).get("item").variance

    left_out = np.array([of_item(item != one) for one in range(n)])
    value = of_item(item >= 0)
    variance = (n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()
    df = 2 * value**2 / variance
    found = variance_components({"item": item, "laboratory": laboratory}, y, np.ones(y.size), y**2, groups=n)
    interval = found.get("item").interval
    assert value / math.sqrt(variance) > 6
    assert interval.method == "group_jackknife"
    ends = df * value / scipy.stats.chi2.ppf([0.975, 0.025], df)
    assert (interval.low, interval.high) == pytest.approx(tuple(ends), rel=1e-6)


def test_the_laboratories_interval_is_that_of_their_mean_square() -> None:
    """Balanced: (SS / chi-squared - mean square of the interaction) / items, of statsmodels' table."""
    rng = np.random.default_rng(17)
    table = rng.normal(size=(40, 1)) + rng.normal(0, 0.6, (1, 8)) + rng.normal(0, 0.7, (40, 8))
    item, laboratory = (axis.ravel() for axis in np.indices(table.shape))
    y = table.ravel()
    fit = ols("y ~ C(i) + C(l)", pd.DataFrame({"y": y, "i": item, "l": laboratory})).fit()
    anova = sm.stats.anova_lm(fit)
    squares, rest = float(anova.loc["C(l)", "sum_sq"]), float(anova.loc["Residual", "mean_sq"])
    found = variance_components({"item": item, "laboratory": laboratory}, y, np.ones(y.size), y**2)
    interval = found.get("laboratory").interval
    ends = (squares / scipy.stats.chi2.ppf([0.975, 0.025], 7) - rest) / 40
    assert interval.method == "williams_tukey"
    assert (interval.low, interval.high) == pytest.approx(tuple(ends), rel=1e-6)


def test_the_prediction_interval_is_its_formula() -> None:
    """Mean ± t(k - 2) sqrt(tau² + se²) (Higgins, Thompson & Spiegelhalter 2009), parts from statsmodels."""
    values = np.array([0.61, 0.55, 0.70, 0.42, 0.66, 0.58, 0.31])
    variances = np.array([0.001, 0.002, 0.0015, 0.001, 0.003, 0.0008, 0.002])
    peer = combine_effects(values, variances, method_re="iterated", use_t=True, atol=1e-14)
    error = peer.sd_eff_w_re_hksj if peer.scale_hksj_re > 1 else peer.sd_eff_w_re
    half = scipy.stats.t.ppf(0.975, 5) * math.sqrt(peer.tau2 + error**2)
    ours = random_effects(values, variances).prediction
    assert ours is not None
    assert (ours.low, ours.high) == pytest.approx(
        (peer.mean_effect_re - half, peer.mean_effect_re + half), rel=1e-6
    )


def held_against() -> dict[str, tuple[str, list[str]]]:
    """The list of the page: method → against what, and the tests as `file::function`."""
    text = PAGE.read_text(encoding="utf-8")
    part = text.split("## Held against", 1)[1].split("\n## ", 1)[0]
    return {
        key: (what, re.findall(r"`([a-z0-9_/]+\.py::[a-z0-9_]+)`", tests))
        for key, what, tests in ROW.findall(part)
    }


def test_every_method_is_held_against_something_by_a_test_that_exists() -> None:
    listed = held_against()
    assert set(METHODS) - set(listed) == set(), "add a row under 'Held against'"
    assert set(listed) - set(METHODS) == set(), "no such method"
    for method, (what, tests) in listed.items():
        assert len(what) > 10, method
        assert tests, f"{method} names no test"
        for name in tests:
            file, function = name.split("::")
            tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
            there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
            assert function in there, name


def test_versions_of_the_list_are_those_that_are_installed() -> None:
    text = PAGE.read_text(encoding="utf-8").split("## Held against", 1)[1].split("\n## ", 1)[0]
    named = dict(re.findall(r"^- ([a-z0-9-]+) (\d[\w.]*)", text, re.MULTILINE))
    assert {"statsmodels", "scipy", "krippendorff", "pingouin", "ppi-python"} <= set(named) <= set(PEERS)
    for name, version in named.items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra
        assert version.split(".")[:2] == installed.split(".")[:2], name
