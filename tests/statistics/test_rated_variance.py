"""Components with raters against Henderson on single ratings, REML and planted values; degenerate designs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.statistics.components import VarianceComponents
from consilience.statistics.estimate import Reason
from consilience.statistics.rated_variance import METHOD, rated_variance_components
from consilience.statistics.references import METHODS
from consilience.statistics.variance import variance_components

PLANTED = {
    "item": 1.0, "laboratory": 0.25, "language": 0.16, "item:laboratory": 0.3, "item:language": 0.2,
    "laboratory:language": 0.05, "item:laboratory:language": 0.1, "rater": 0.3, "item:rater": 0.2,
    "laboratory:rater": 0.08, "language:rater": 0.06, "item:laboratory:rater": 0.1,
    "item:language:rater": 0.08, "laboratory:language:rater": 0.03, "item:laboratory:language:rater": 0.1,
    "attempt": 0.8, "residual": 0.5,
}  # fmt: skip
FEW = {"laboratory", "language", "rater", "laboratory:language", "laboratory:rater", "language:rater"}
"""Sources with few levels, whose estimates vary much."""


def _scores(sizes: Mapping[str, int], attempts: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Codes of rows, and scores of shape (rows, attempts, raters) with the planted components."""
    rng = np.random.default_rng(seed)
    facets = [name for name in sizes if name != "rater"]
    codes = dict(zip(facets, (x.ravel() for x in np.indices([sizes[f] for f in facets])), strict=True))
    rows, raters = codes["item"].size, sizes["rater"]
    scores = rng.normal(0, np.sqrt(PLANTED["attempt"]), (rows, attempts, 1)) + rng.normal(
        0, np.sqrt(PLANTED["residual"]), (rows, attempts, raters)
    )
    for source, variance in PLANTED.items():
        names = source.split(":")
        if not set(names) <= set(sizes):
            continue
        effect = rng.normal(0, np.sqrt(variance), [sizes[name] for name in names])
        index = tuple(codes[name] for name in names if name != "rater")
        part = effect[index]
        scores += (
            part[:, None, :] if part.ndim == 2 else part[None, None, :] if not index else part[:, None, None]
        )
    return codes, scores


def _sums(scores: np.ndarray, there: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
    """Sums, counts, squares and cross of scores; `there` (rows, attempts): which generations exist."""
    exists = np.ones(scores.shape[:2]) if there is None else there.astype(float)
    s = scores * exists[:, :, None]
    total, own = s.sum(2), (s**2).sum(2)
    return s.sum(1).T, exists.sum(1), own.sum(1), ((total**2 - own) / 2.0).sum(1)


def _values(found: VarianceComponents) -> dict[str, float]:
    return {component.source: component.variance for component in found.components}


def test_one_generation_per_row_is_henderson_on_single_ratings() -> None:
    """With missing rows too: a factor that is complete within each row splits off orthogonally."""
    codes, scores = _scores({"item": 30, "laboratory": 5, "rater": 3}, 1, 1)
    keep = np.random.default_rng(0).random(codes["item"].size) > 0.3
    codes, scores = {name: code[keep] for name, code in codes.items()}, scores[keep]
    found = rated_variance_components(codes, *_sums(scores))
    flat = scores[:, 0, :].ravel()
    single = {name: np.repeat(code, 3) for name, code in codes.items()}
    single["rater"] = np.tile(np.arange(3), keep.sum())
    other = variance_components(single, flat, np.ones(flat.size), flat**2)
    for source in ("item", "laboratory", "rater", "item:rater", "laboratory:rater"):
        assert found.get(source).variance == pytest.approx(other.get(source).variance, rel=1e-9)
    assert found.get("attempt").variance == pytest.approx(other.get("item:laboratory").variance, rel=1e-9)
    assert found.get("residual").variance == pytest.approx(other.get("attempt").variance, rel=1e-9)
    assert found.get("item:laboratory").reason is Reason.CONFOUNDED
    assert found.get("item:laboratory:rater").reason is Reason.CONFOUNDED


def test_small_complete_design_equals_reml() -> None:
    sizes = {"item": 12, "laboratory": 4, "rater": 3}
    codes, scores = _scores(sizes, 2, 1)
    found = rated_variance_components(codes, *_sums(scores))
    row, attempt, rater = (x.ravel() for x in np.indices(scores.shape))
    frame = pd.DataFrame({"y": scores.ravel(), "rater": rater, "one": 1, "generation": row * 2 + attempt})
    frame["item"], frame["lab"] = codes["item"][row], codes["laboratory"][row]
    terms = {
        "item": "0 + C(item)", "laboratory": "0 + C(lab)", "rater": "0 + C(rater)",
        "item:laboratory": "0 + C(item):C(lab)", "item:rater": "0 + C(item):C(rater)",
        "laboratory:rater": "0 + C(lab):C(rater)", "item:laboratory:rater": "0 + C(item):C(lab):C(rater)",
        "attempt": "0 + C(generation)",
    }  # fmt: skip
    assert min(_values(found).values()) > 0.0, "REML agrees where no component is negative"
    start = np.array([found.get(name).variance for name in sorted(terms)]) / found.get("residual").variance
    model = smf.mixedlm("y ~ 1", frame, groups="one", vc_formula=terms)
    fit = model.fit(reml=True, start_params=np.concatenate([[scores.mean()], start**0.5]), method="bfgs")
    named = dict(zip(model.exog_vc.names, fit.vcomp, strict=True))
    for source in terms:
        assert found.get(source).variance == pytest.approx(named[source], rel=0.02), source
    assert found.get("residual").variance == pytest.approx(fit.scale, rel=0.02)


@pytest.mark.parametrize("missing", [0.0, 0.25])
def test_planted_components_are_recovered(missing: float) -> None:
    """10 laboratories × 500 items: means over exercises come within 10 %, of few levels within 3 errors."""
    results = []
    for seed in range(4):
        codes, scores = _scores({"item": 500, "laboratory": 10, "language": 3, "rater": 4}, 2, seed)
        there = np.random.default_rng(seed).random(scores.shape[:2]) >= missing
        results.append(_values(rated_variance_components(codes, *_sums(scores, there))))
    for source, planted in PLANTED.items():
        values = np.array([result[source] for result in results])
        few = 4 * values.std(ddof=1) / 2.0
        assert values.mean() == pytest.approx(
            planted, abs=max(0.1 * planted, few if source in FEW else 0.0)
        ), source


def test_binary_ratings_split_chance_of_the_model_from_errors_of_raters() -> None:
    """The covariance of two raters of one generation is the attempt; what is left is their own error."""
    rng = np.random.default_rng(3)
    codes = dict(zip(("item", "laboratory"), (x.ravel() for x in np.indices((800, 5))), strict=True))
    chance = np.clip(0.5 + rng.normal(0, 0.15, 800), 0.05, 0.95)[codes["item"]]
    truth = rng.random((chance.size, 3)) < chance[:, None]
    wrong = rng.random((*truth.shape, 3)) < 0.1
    scores = np.where(wrong, ~truth[:, :, None], truth[:, :, None]).astype(float)
    sums, counts, _, cross = _sums(scores)
    found = rated_variance_components(codes, sums, counts, None, cross)
    attempt = 0.8**2 * float(np.mean(chance * (1 - chance)))
    assert found.get("attempt").variance == pytest.approx(attempt, rel=0.05)
    assert found.get("residual").variance == pytest.approx(0.1 * 0.9, rel=0.05)
    assert found.get("item").variance == pytest.approx(0.8**2 * chance.reshape(800, 5)[:, 0].var(), rel=0.1)
    assert found.get("rater").variance == pytest.approx(0.0, abs=0.001)
    interval = found.get("attempt").interval
    assert interval.low < attempt < interval.high
    assert interval.method == "group_jackknife"


def test_a_constant_added_to_one_rater_changes_only_the_rater() -> None:
    codes, scores = _scores({"item": 40, "laboratory": 4, "language": 3, "rater": 3}, 2, 4)
    once = rated_variance_components(codes, *_sums(scores))
    moved = rated_variance_components(codes, *_sums(scores + np.array([0.0, 1.5, 0.0])))
    for source, value in _values(once).items():
        same = moved.get(source).variance == pytest.approx(value, abs=1e-8)
        assert same == (source != "rater"), source


@settings(max_examples=15)
@given(st.integers(0, 1000), st.floats(-5, 5))
def test_order_and_a_common_constant_change_nothing(seed: int, constant: float) -> None:
    codes, scores = _scores({"item": 12, "laboratory": 4, "rater": 2}, 2, seed)
    once = rated_variance_components(codes, *_sums(scores))
    order = np.random.default_rng(seed).permutation(len(scores))
    codes = {name: code[order] for name, code in codes.items()}
    other = rated_variance_components(codes, *_sums(scores[order][:, :, ::-1] + constant))
    for source, value in _values(once).items():
        assert other.get(source).variance == pytest.approx(value, abs=1e-7), source


def test_shares_add_up_and_few_raters_are_marked() -> None:
    codes, scores = _scores({"item": 60, "laboratory": 5, "language": 4, "rater": 3}, 2, 5)
    found = rated_variance_components(codes, *_sums(scores))
    assert [component.source for component in found.components] == list(PLANTED)
    assert sum(component.share for component in found.components) == pytest.approx(1.0)
    assert found.n_scores == scores.size
    for source in ("rater", "laboratory:rater", "language:rater"):
        assert found.get(source).reason is Reason.FEW_LEVELS
    for source in ("item", "item:rater", "laboratory", "attempt", "residual"):
        assert found.get(source).reason is None
    for component in found.components:
        interval = component.interval
        assert interval.low >= 0.0
        assert interval.low <= max(component.variance, 0.0) <= interval.high


def test_one_rater_is_the_table_without_raters() -> None:
    codes, scores = _scores({"item": 30, "laboratory": 4, "rater": 1}, 2, 6)
    sums, counts, squares, cross = _sums(scores)
    found = rated_variance_components(codes, sums, counts, squares, cross)
    alone = variance_components(codes, sums[0], counts, squares)
    for component in alone.components:
        assert found.get(component.source) == component
    assert found.get("rater").reason is Reason.ONE_LEVEL
    assert found.get("residual").reason is Reason.CONFOUNDED


def test_one_laboratory_one_item_nothing_and_all_equal_are_stated() -> None:
    codes, scores = _scores({"item": 30, "laboratory": 1, "language": 1, "rater": 3}, 2, 7)
    found = rated_variance_components(codes, *_sums(scores))
    assert found.get("laboratory").reason is Reason.ONE_LABORATORY
    assert found.get("language").reason is Reason.ONE_LEVEL
    assert found.get("item:rater").variance is not None
    one = {name: code[:1] for name, code in codes.items()}
    assert rated_variance_components(one, *_sums(scores[:1])).reason is Reason.ONE_ITEM
    nothing = rated_variance_components(codes, *_sums(scores, np.zeros(scores.shape[:2])))
    assert nothing.reason is Reason.NO_SCORES
    assert all(component.variance is None for component in nothing.components)
    codes, scores = _scores({"item": 10, "laboratory": 4, "rater": 3}, 2, 8)
    flat = rated_variance_components(codes, *_sums(np.full_like(scores, 2.0)))
    for component in flat.components:
        assert component.variance == pytest.approx(0.0, abs=1e-12)


def test_two_names_of_one_factor_are_confounded() -> None:
    codes, scores = _scores({"item": 10, "laboratory": 4, "rater": 3}, 2, 9)
    found = rated_variance_components({**codes, "language": codes["laboratory"]}, *_sums(scores))
    assert all(component.variance is None for component in found.components)
    assert found.get("rater").reason is Reason.CONFOUNDED


def test_wrong_input_is_refused() -> None:
    codes, scores = _scores({"item": 5, "laboratory": 2, "rater": 2}, 1, 10)
    sums, counts, squares, cross = _sums(scores)
    with pytest.raises(ValueError, match="shape"):
        rated_variance_components(codes, sums[:, 1:], counts, squares, cross)
    with pytest.raises(ValueError, match="shape"):
        rated_variance_components(codes, sums, counts, squares[1:], cross)
    with pytest.raises(ValueError, match="two or three"):
        rated_variance_components({"item": codes["item"]}, sums, counts, squares, cross)
    with pytest.raises(ValueError, match="rater"):
        rated_variance_components({**codes, "rater": codes["item"]}, sums, counts, squares, cross)


def test_method_has_a_reference() -> None:
    assert METHOD in METHODS
