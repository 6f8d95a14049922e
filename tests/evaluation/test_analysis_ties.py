"""Tie groups of a joint result: from significant pairs only, in the direction of the scale."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import msgspec
import pytest
from tests.evaluation.test_analysis import run
from tests.simulators.scores import Components, Design, write

from consilience.evaluation import analysis_ties
from consilience.evaluation.analysis_setting import ConceptSetting, RaterSetting, Setting
from consilience.evaluation.analysis_ties import make_ties
from consilience.evaluation.joint_result import Contrast, Estimate, JointResult
from consilience.evaluation.protocol import Concept, ConceptKind, RaterKind


def setting(*, higher_is_better: bool = True) -> Setting:
    concept = Concept(id="maths", title="Maths", kind=ConceptKind.RISK, higher_is_better=higher_is_better)
    rater = RaterSetting("exact", RaterKind.PROGRAM, False, "binary", (0.0, 1.0), True, 1, 0)
    return Setting(
        level=0.95, multiplicity="holm", estimand="generalized", power=0.8, seed=1, raters=(rater,),
        concepts=(ConceptSetting("maths", concept, 0, None),),
    )  # fmt: skip


def pair(left: str, right: str, difference: float | None, *, significant: bool | None, **changes) -> Contrast:
    estimate = Estimate(value=difference, interval=None, n_items=10, n_scores=20, estimand="generalized")
    known = Contrast(
        axis="laboratory", left=left, right=right, model="m", laboratory=None, language=None,
        concept="maths", rater="exact", difference=estimate, p_value=None, p_adjusted=None, test=None,
        n_common=10, n_left_only=0, n_right_only=0, margin=None, verdict="inconclusive",
        significant=significant, family="laboratory:maths",
    )  # fmt: skip
    return msgspec.structs.replace(known, **changes)


PAIRS = (
    pair("a", "b", 0.05, significant=False),
    pair("a", "c", 0.2, significant=True),
    pair("b", "c", 0.15, significant=False),
)


def test_the_middle_ties_with_both_ends() -> None:
    (found,) = make_ties(PAIRS, setting())
    assert (found.axis, found.concept, found.model, found.rater) == ("laboratory", "maths", "m", "exact")
    assert found.groups == (("a", "b"), ("b", "c"))
    assert (found.best_rank, found.worst_rank) == ({"a": 1, "b": 1, "c": 2}, {"a": 2, "b": 3, "c": 3})
    assert list(found.best_rank) == ["a", "b", "c"]


def test_lower_is_better_turns_the_order() -> None:
    (found,) = make_ties(PAIRS, setting(higher_is_better=False))
    assert found.groups == (("c", "b"), ("b", "a"))
    assert found.best_rank == {"c": 1, "b": 1, "a": 2}


def test_a_pair_that_could_not_be_compared_is_not_told_apart() -> None:
    pairs = (pair("a", "b", None, significant=None), pair("a", "c", 0.2, significant=True))
    (found,) = make_ties(pairs, setting())
    assert found.groups == (("a", "b"), ("b", "c"))


def test_pairs_within_a_language_or_of_raters_make_no_groups() -> None:
    pairs = (
        pair("a", "b", 0.5, significant=True, language="en"),
        pair("x", "y", 0.5, significant=True, axis="rater"),
    )
    assert make_ties(pairs, setting()) == ()


def test_too_many_groups_are_ranks_only(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"l{k:02d}" for k in range(16)]
    pairs = [
        pair(left, right, 0.1, significant=int(left[1:]) // 2 == int(right[1:]) // 2)
        for left, right in combinations(names, 2)
    ]
    (found,) = make_ties(pairs, setting())
    assert found.groups == ()
    assert found.reason is not None
    assert (found.reason.code, found.reason.params) == (
        "too_many_groups",
        {"limit": analysis_ties.MAX_TIE_GROUPS},
    )
    assert found.best_rank["l01"] == 2


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> JointResult:
    design = Design(
        laboratories=4, languages=3, models=2, items=80, attempts=2, raters=1, shifts={2: -0.2},
        components=Components(item=0.15),
    )  # fmt: skip
    return run(write(design, tmp_path_factory.mktemp("planted")))


def test_an_analysis_has_groups_for_every_axis_and_no_two_of_a_group_differ(planted: JointResult) -> None:
    assert [(one.axis, one.model) for one in planted.ties] == [
        ("laboratory", "model-0"), ("laboratory", "model-1"), ("language", "model-0"),
        ("language", "model-1"), ("model", None),
    ]  # fmt: skip
    assert "tie_groups" in planted.methods
    for one in planted.ties:
        different = {
            frozenset((c.left, c.right))
            for c in planted.contrasts
            if (c.axis, c.model, c.language) == (one.axis, one.model, None) and c.significant
        }
        together = {frozenset(two) for group in one.groups for two in combinations(group, 2)}
        everyone = {frozenset(two) for two in combinations(one.best_rank, 2)}
        assert together == everyone - different
    for one in planted.ties[:2]:
        assert one.groups[-1] == ("lab-02",)
        assert (one.best_rank["lab-02"], one.worst_rank["lab-02"]) == (4, 4)


def test_one_laboratory_has_no_groups(tmp_path: Path) -> None:
    result = run(write(Design(laboratories=1, languages=1, items=12), tmp_path))
    assert result.ties == ()
