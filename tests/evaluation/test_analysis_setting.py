"""What an analysis goes by: scales, bounds and primary raters, from the protocol or from the scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.exercises import make_protocol
from tests.simulators.scores import row, write_rows

from consilience.errors import IncompatibleError
from consilience.evaluation.analysis_setting import DEFAULT_SEED, Setting, make_setting, reason_message
from consilience.evaluation.merge import merge
from consilience.evaluation.protocol import AnalysisPlan, Concept, ConceptKind, Rater, RaterKind, Scale
from consilience.statistics.estimate import Reason

EXACT = Rater(id="exact", kind=RaterKind.PROGRAM, program="exact")


def setting(tmp_path: Path, rows: Sequence[dict[str, Any]], **options: Any) -> Setting:
    seed = options.pop("seed", None)
    plan = make_protocol(**options) if options else None
    return make_setting(merge([write_rows(rows, tmp_path / "s.jsonl")], protocol=plan), seed=seed)


def scored(*scores: float, **changes: Any) -> list[dict[str, Any]]:
    return [row(item=f"i{k}", score=score, **changes) for k, score in enumerate(scores)]


@pytest.mark.parametrize(
    ("scores", "scale", "bounds"),
    [
        ((0.0, 1.0, 1.0), "binary", (0.0, 1.0)),
        ((1.0, 1.0), "binary", (0.0, 1.0)),
        ((0.0, 2.0, 4.0), "ordinal", None),
        ((-1.0, 0.0, 1.0), "ordinal", None),
        ((0.0, 0.5, 1.0), "continuous", None),
        ((0.0, 1.0, 50.0), "continuous", None),
        ((0.25, 0.75), "continuous", None),
        ((2.0, -1.0), "ordinal", None),
    ],
)
def test_a_scale_is_seen_from_the_scores(
    tmp_path: Path, scores: tuple[float, ...], scale: str, bounds: tuple[float, float] | None
) -> None:
    (rater,) = setting(tmp_path, scored(*scores)).raters
    assert (rater.scale, rater.bounds) == (scale, bounds)


def test_the_protocol_says_the_scale(tmp_path: Path) -> None:
    rater = Rater(
        id="exact", kind=RaterKind.PROGRAM, program="exact", scale=Scale(kind="ordinal", minimum=0, maximum=4)
    )
    found = setting(tmp_path, scored(1.0, 1.0), items=("i0", "i1"), raters=[rater])
    assert (found.raters[0].scale, found.raters[0].bounds, found.raters[0].span) == ("ordinal", (0, 4), 4)


def test_scores_outside_the_planned_scale_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IncompatibleError, match=r"`exact` gave scores from 0 to 3; .* from 0 to 1"):
        setting(tmp_path, scored(0.0, 3.0), items=("i0", "i1"), raters=[EXACT])


def test_a_planned_binary_scale_with_fractions_is_continuous(tmp_path: Path) -> None:
    found = setting(tmp_path, scored(0.5, 1.0), items=("i0", "i1"), raters=[EXACT])
    assert (found.raters[0].scale, found.raters[0].bounds) == ("continuous", (0.0, 1.0))


def test_without_a_protocol_the_rater_with_most_scores_is_primary(tmp_path: Path) -> None:
    rows = [*scored(1.0, 0.0), *scored(1.0, 0.0, 1.0, rater="judge", rater_kind="judge")]
    found = setting(tmp_path, rows)
    assert found.raters[found.concepts[0].primary].id == "judge"


def test_of_equals_the_program_is_primary(tmp_path: Path) -> None:
    rows = [
        *scored(1.0, 0.0, rater="a", rater_kind="human"),
        *scored(1.0, 0.0, rater="b", rater_kind="judge"),
        *scored(1.0, 0.0, rater="c", rater_kind="program"),
    ]
    found = setting(tmp_path, rows)
    assert found.raters[found.concepts[0].primary].id == "c"


def test_the_planned_rater_is_primary_even_with_fewer_scores(tmp_path: Path) -> None:
    raters = [EXACT, Rater(id="judge", kind=RaterKind.JUDGE, prompt="{answer}")]
    concept = Concept(
        id="maths", title="Maths", kind=ConceptKind.LIMIT, rater="judge", higher_is_better=False
    )
    rows = [*scored(1.0, 0.0), *scored(1.0, rater="judge", rater_kind="judge")]
    found = setting(tmp_path, rows, items=("i0", "i1"), raters=raters, concepts=(concept,))
    assert found.raters[found.concepts[0].primary].id == "judge"
    assert found.concepts[0].planned_primary is None
    assert found.concepts[0].higher_is_better is False


def test_a_planned_rater_without_scores_is_replaced_and_told(tmp_path: Path) -> None:
    raters = [Rater(id="judge", kind=RaterKind.JUDGE, prompt="{answer}"), EXACT]
    found = setting(tmp_path, scored(1.0, 0.0), items=("i0", "i1"), raters=raters)
    assert found.raters[found.concepts[0].primary].id == "exact"
    assert found.concepts[0].planned_primary == "judge"


def test_level_estimand_and_seed_come_from_the_protocol(tmp_path: Path) -> None:
    plan = AnalysisPlan(
        estimand="benchmark", confidence_level=0.9, multiplicity="benjamini-hochberg", power=0.9, seed=7
    )
    found = setting(tmp_path, scored(1.0, 0.0), items=("i0", "i1"), analysis=plan)
    assert (found.level, found.estimand, found.multiplicity, found.power, found.seed) == (
        0.9,
        "benchmark",
        "benjamini-hochberg",
        0.9,
        7,
    )
    assert setting(tmp_path, scored(1.0, 0.0), seed=3).seed == 3
    assert setting(tmp_path, scored(1.0, 0.0)).seed == DEFAULT_SEED


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_of_the_statistics_can_be_said(reason: Reason) -> None:
    message = reason_message(reason, n_shared=3, n_laboratories=2)
    assert message is not None
    assert message.code == reason.value
    assert reason_message(None) is None
