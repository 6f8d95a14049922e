"""Clustered errors of rater effects against the matrix formulas written out, and Hotelling's test."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm

from consilience.statistics import clustered_raters
from consilience.statistics.estimate import Reason
from consilience.statistics.severity import rater_severity

Rated = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _rated(items: int, raters: int, seed: int, *, complete: bool = False) -> Rated:
    """Answers to items; each rater errs on an item as a whole, and on each answer."""
    rng = np.random.default_rng(seed)
    answers = np.repeat(np.arange(items), rng.integers(1, 5, items))
    o, r = [], []
    for answer in range(answers.size):
        who = (
            np.arange(raters) if complete else rng.choice(raters, rng.integers(2, raters + 1), replace=False)
        )
        o += [answer] * who.size
        r += who.tolist()
    o, r = np.array(o), np.array(r)
    item = answers[o]
    y = rng.normal(size=answers.size)[o] + rng.normal(size=(items, raters))[item, r] + rng.normal(size=o.size)
    return o, r, item, y


def _brute_force(o: np.ndarray, r: np.ndarray, item: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Rows (severity, CR2 error, Satterthwaite df) by rater, from the whole design with N x N matrices
    (Bell & McCaffrey 2002; Pustejovsky & Tipton 2018, eqs. 4-8), objects as columns of their own."""
    n_objects, n_raters, n = o.max() + 1, r.max() + 1, y.size
    x = np.hstack([np.eye(n_objects)[o], np.eye(n_raters)[r]])
    bread = np.linalg.pinv(x.T @ x)
    hat = x @ bread @ x.T
    residual, left = y - hat @ y, np.eye(n) - hat
    found = []
    for rater in range(n_raters):
        contrast = np.zeros(x.shape[1])
        contrast[n_objects:] = -1.0 / n_raters
        contrast[n_objects + rater] += 1.0
        direction = bread @ contrast
        variance, rows = 0.0, []
        for label in np.unique(item):
            mine = item == label
            values, vectors = np.linalg.eigh(left[np.ix_(mine, mine)])
            scale = np.where(values > 1e-9, 1.0 / np.sqrt(np.maximum(values, 1e-9)), 0.0)
            moved = vectors @ np.diag(scale) @ vectors.T @ x[mine] @ direction
            variance += float(moved @ residual[mine]) ** 2
            rows.append(left[:, mine] @ moved)
        gram = np.array(rows) @ np.array(rows).T
        df = np.trace(gram) ** 2 / np.trace(gram @ gram)
        found.append((-(contrast @ bread @ x.T @ y), np.sqrt(variance), df))
    return np.array(found)


@pytest.mark.parametrize(("items", "raters", "seed"), [(6, 3, 0), (8, 4, 1), (12, 5, 2), (20, 3, 3)])
def test_errors_and_degrees_of_freedom_equal_the_whole_matrices(items: int, raters: int, seed: int) -> None:
    o, r, item, y = _rated(items, raters, seed)
    result = rater_severity(o, r, y, clusters=item)
    told = [(e.severity.value, e.severity.standard_error, e.severity.df) for e in result.raters]
    assert np.array(told) == pytest.approx(_brute_force(o, r, item, y), rel=1e-8)


def test_large_samples_come_near_the_sandwich_of_statsmodels() -> None:
    o, r, item, y = _rated(400, 3, 5)
    result = rater_severity(o, r, y, clusters=item)
    objects = np.eye(o.max() + 1)[o]
    raters = np.eye(3)[r][:, :2] - np.eye(3)[r][:, [2]]
    within = raters - (objects @ (objects.T @ raters / objects.sum(0)[:, None]))
    centred = y - (objects @ (objects.T @ y / objects.sum(0)))
    fit = sm.OLS(centred, within).fit(cov_type="cluster", cov_kwds={"groups": item, "use_correction": False})
    for place in range(2):
        severity = result.raters[place].severity
        assert severity.value == pytest.approx(-fit.params[place], rel=1e-9)
        assert severity.standard_error == pytest.approx(fit.bse[place], rel=0.02)


def test_complete_ratings_of_one_answer_per_item_give_hotellings_test() -> None:
    rng = np.random.default_rng(8)
    table = rng.normal(size=(15, 4)) @ rng.normal(size=(4, 4)) + [0.3, 0.0, 0.0, -0.2]
    o, r = (x.ravel() for x in np.indices(table.shape))
    result = rater_severity(o, r, table.ravel(), clusters=o)
    differences = table[:, :3] - table[:, [3]]
    mean, covariance = differences.mean(0), np.cov(differences.T)
    t2 = 15 * mean @ np.linalg.solve(covariance, mean)
    f = (15 - 3) / (3 * 14) * t2
    assert result.p_equal == pytest.approx(float(scipy.stats.f.sf(f, 3, 12)), rel=1e-8)
    centred = table - table.mean(1)[:, None]
    for place, entry in enumerate(result.raters):
        assert entry.severity.standard_error == pytest.approx(centred[:, place].std(ddof=1) / np.sqrt(15))
        assert entry.severity.df == pytest.approx(14.0)


def test_copied_answers_change_nothing() -> None:
    o, r, item, y = _rated(10, 3, 4, complete=True)
    once = rater_severity(o, r, y, clusters=item)
    again = rater_severity(
        np.concatenate([o, o + o.max() + 1]), np.tile(r, 2), np.tile(y, 2), clusters=np.tile(item, 2)
    )
    plain = rater_severity(np.concatenate([o, o + o.max() + 1]), np.tile(r, 2), np.tile(y, 2))
    for one, two, wrong in zip(once.raters, again.raters, plain.raters, strict=True):
        assert two.severity.value == pytest.approx(one.severity.value)
        assert two.severity.standard_error == pytest.approx(one.severity.standard_error)
        assert wrong.severity.standard_error < 0.8 * one.severity.standard_error
    assert again.p_equal == pytest.approx(once.p_equal)


def test_order_and_labels_do_not_matter() -> None:
    o, r, item, y = _rated(9, 4, 6)
    mixed = np.random.default_rng(0).permutation(o.size)
    one = rater_severity(o, r, y, clusters=item)
    other = rater_severity(
        o[mixed], r[mixed], y[mixed], clusters=np.array([f"i{k:02}" for k in 8 - item])[mixed]
    )
    for left, right in zip(one.raters, other.raters, strict=True):
        assert right.severity.standard_error == pytest.approx(left.severity.standard_error, rel=1e-9)
        assert right.severity.df == pytest.approx(left.severity.df, rel=1e-9)


def test_more_clusters_than_the_limit_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    o, r, item, y = _rated(300, 3, 7)
    whole = rater_severity(o, r, y, clusters=item)
    monkeypatch.setattr(clustered_raters, "MAX_CLUSTERS", 60)
    grouped = rater_severity(o, r, y, clusters=item)
    for left, right in zip(whole.raters, grouped.raters, strict=True):
        assert right.severity.value == pytest.approx(left.severity.value)
        assert right.severity.n_items == left.severity.n_items > 200
        assert right.severity.standard_error == pytest.approx(left.severity.standard_error, rel=0.3)
        assert right.severity.df is not None
        assert right.severity.df < 60


def test_degenerate_designs_have_stated_answers() -> None:
    o, r = (x.ravel() for x in np.indices((5, 3)))
    y = np.random.default_rng(1).normal(size=15)
    single = rater_severity(o, r, y, clusters=np.zeros(15, dtype=int))
    assert {e.severity.reason for e in single.raters} == {Reason.ONE_CLUSTER}
    assert all(e.severity.interval is None and e.severity.value is not None for e in single.raters)
    assert single.p_equal is None
    two = rater_severity(o, r, y, clusters=(o > 1).astype(int))
    assert two.p_equal is None
    assert all(e.severity.df == pytest.approx(1.0, abs=0.3) for e in two.raters)
    same = rater_severity(o, r, np.ones(15), clusters=o)
    assert {e.severity.reason for e in same.raters} == {Reason.NO_INTERVAL}
    apart = rater_severity(
        [0, 0, 1, 1, 2, 2, 3, 3],
        [0, 1, 0, 1, 2, 3, 2, 3],
        np.arange(8.0) ** 2,
        clusters=[0, 0, 1, 1, 2, 2, 3, 3],
    )
    assert apart.n_sets == 2
    assert {e.severity.reason for e in apart.raters} == {Reason.CONFOUNDED}
    nothing = rater_severity([0, 1], [0, 1], [np.nan, np.nan], clusters=[0, 0])
    assert nothing.reason is Reason.NO_SCORES
    assert nothing.method == "additive_raters_clustered"


def test_wrong_clusters_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustered_raters, "MAX_CLUSTERED_RATERS", 2)
    with pytest.raises(ValueError, match="at most 2"):
        rater_severity([0, 0, 0], [0, 1, 2], [1.0, 2.0, 3.0], clusters=[0, 0, 0])
    with pytest.raises(ValueError, match="shape"):
        rater_severity([0, 0], [0, 1], [1.0, 2.0], clusters=[0])
    with pytest.raises(ValueError, match="two clusters"):
        rater_severity([0, 0], [0, 1], [1.0, 2.0], clusters=[0, 1])
    with pytest.raises(ValueError, match="mixed"):
        rater_severity([0, 0], [0, 1], [1.0, 2.0], clusters=[0, 0], model="mixed")
