"""Attribution in a joint result: a planted setting is found, told per unit, and never as more than it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.evaluation.exercises import make_protocol, planned_rows, write_run
from tests.evaluation.test_analysis import check_document, run

from consilience.errors import IncompatibleError
from consilience.evaluation import analysis_attribution
from consilience.evaluation.joint_result import Attribution, JointResult
from consilience.evaluation.recorded_settings import MAX_SETTINGS

PLAN = make_protocol(items=[f"i{k}" for k in range(60)], attempts=4)
Settings = dict[str, Any]


def exercise(folder: Path, laboratories: Sequence[tuple[str, float, Settings]], seed: int = 1) -> JointResult:
    """Laboratories with their success rate and the changes of their manifest."""
    rng = np.random.default_rng(seed)
    difficulty = rng.uniform(-0.2, 0.2, len(PLAN.items))
    for name, rate, changes in laboratories:
        rows = planned_rows(PLAN, name)
        chances = np.repeat(np.clip(rate + difficulty, 0.0, 1.0), PLAN.attempts)
        for row, hit in zip(rows, rng.random(chances.size) < chances, strict=True):
            row["score"] = float(hit)
        write_run(folder / name, PLAN, name, rows, **changes)
    return run([folder])


def warm(temperature: float, **changes: Any) -> Settings:
    return {"sampling": {"temperature": temperature, "max_tokens": 8}} | changes


def by_name(result: JointResult) -> dict[tuple[str, str | None], Attribution]:
    return {(one.setting, one.level): one for one in result.attributions}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> JointResult:
    """Eight laboratories; each 0.1 of temperature costs two points; the odd ones used another harness."""
    rng = np.random.default_rng(3)
    laboratories = [
        (
            f"lab-{k}",
            0.6 - 0.2 * temperature + float(rng.normal(0, 0.01)),
            warm(temperature, software={"consilience": str(k % 2), "harness": str(k % 2)}),
        )
        for k, temperature in enumerate((0.0, 0.0, 0.25, 0.25, 0.5, 0.75, 1.0, 1.0))
    ]
    return exercise(tmp_path_factory.mktemp("planted"), laboratories)


def test_a_planted_setting_is_found_per_unit(planted: JointResult) -> None:
    check_document(planted)
    one = by_name(planted)["sampling.temperature", None]
    interval = one.association.interval
    assert interval is not None
    assert interval.low < -0.2 < interval.high < 0
    assert one.unit == "per unit"
    assert one.values["lab-5"] == 0.75
    assert one.p_adjusted is not None
    assert one.p_adjusted < 0.01
    assert one.p_permutation is not None
    assert one.p_permutation < 0.01
    assert one.sign_holds
    assert one.between_sd is not None
    assert one.between_sd_with is not None
    assert one.between_sd_with < 0.5 * one.between_sd
    assert one.n_laboratories == one.association.n_items == 8
    assert one.only is None
    assert "setting_regression" in planted.methods


def test_what_was_not_planted_is_not_found_and_counts_once(planted: JointResult) -> None:
    """Two packages changed together: one comparison, each naming the other."""
    first = by_name(planted)["software.consilience", "1"]
    second = by_name(planted)["software.harness", "1"]
    assert (first.same_as, second.same_as) == (("software.harness",), ("software.consilience",))
    assert first.association == second.association
    assert first.p_value is not None
    assert first.p_value > 0.05
    temperature = by_name(planted)["sampling.temperature", None]
    assert temperature.p_value is not None
    assert temperature.p_adjusted == pytest.approx(2 * temperature.p_value)


def test_three_laboratories_give_a_difference_and_no_interval(tmp_path: Path) -> None:
    result = exercise(tmp_path, [("a", 0.6, {}), ("b", 0.6, {}), ("c", 0.3, warm(1.0))])
    check_document(result)
    (one,) = result.attributions
    assert one.association.value == pytest.approx(-0.3, abs=0.08)
    assert one.association.interval is None
    assert one.association.reason is not None
    assert one.association.reason.code == "few_laboratories"
    assert one.association.reason.params == {"n_laboratories": 3}
    assert (one.p_value, one.p_permutation, one.sign_holds) == (None, None, None)
    assert one.only == "c"


def test_a_setting_of_one_laboratory_is_told_as_one_with_it(tmp_path: Path) -> None:
    laboratories = [(name, 0.6, {}) for name in "abcd"] + [("e", 0.3, warm(1.0))]
    (one,) = exercise(tmp_path, laboratories).attributions
    assert one.only == "e"
    assert one.association.interval is not None
    assert one.association.reason is not None
    assert one.association.reason.code == "confounded"


def test_units_and_directions_of_one_setting_do_not_matter(tmp_path: Path) -> None:
    """A token limit that falls as the temperature rises is the same column turned round."""
    laboratories = [
        (f"lab-{k}", 0.6 - 0.2 * t, {"sampling": {"temperature": t, "max_tokens": round(1000 - 800 * t)}})
        for k, t in enumerate((0.0, 0.25, 0.5, 0.75, 1.0))
    ]
    found = by_name(exercise(tmp_path, laboratories))
    tokens, temperature = found["sampling.max_tokens", None], found["sampling.temperature", None]
    assert temperature.association.value is not None
    assert tokens.association.value == pytest.approx(-temperature.association.value / 800)
    assert tokens.association.interval is not None
    assert temperature.association.interval is not None
    assert tokens.association.interval.low == pytest.approx(-temperature.association.interval.high / 800)
    assert tokens.same_as == ("sampling.temperature",)
    assert tokens.p_value == temperature.p_value == temperature.p_adjusted


def test_a_laboratory_without_manifest_is_unknown(tmp_path: Path) -> None:
    laboratories = [(name, 0.6, warm(1.0) if name > "b" else {}) for name in "abcde"]
    exercise(tmp_path, laboratories)
    (tmp_path / "e" / "manifest.json").unlink()
    (one,) = run([tmp_path]).attributions
    assert one.values == {"a": 0.0, "b": 0.0, "c": 1.0, "d": 1.0, "e": None}
    assert one.n_laboratories == 4


def test_without_manifests_or_with_one_laboratory_there_is_none(tmp_path: Path) -> None:
    assert exercise(tmp_path / "one", [("a", 0.6, warm(1.0))]).attributions == ()
    exercise(tmp_path / "two", [("a", 0.6, warm(1.0)), ("b", 0.5, {})])
    for name in "ab":
        (tmp_path / "two" / name / "manifest.json").unlink()
    assert run([tmp_path / "two"]).attributions == ()


def test_settings_beyond_the_limit_are_left_out_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis_attribution, "MAX_SETTINGS", 2)
    other = {"sampling": {"temperature": 1.0, "max_tokens": 8, "top_k": 5, "min_p": 0.1}}
    result = exercise(tmp_path, [("a", 0.6, {}), ("b", 0.6, {}), ("c", 0.5, other)])
    assert [one.setting for one in result.attributions] == ["sampling.temperature", "sampling.min_p"]
    (note,) = (note for note in result.notes if note.code == "note_settings_capped")
    assert note.params == {"n_settings": 3, "limit": 2}
    assert MAX_SETTINGS >= 20


def test_the_same_seed_draws_the_same_arrangements(planted: JointResult, tmp_path: Path) -> None:
    laboratories = [(f"lab-{k}", 0.5, warm(k / 10)) for k in range(9)]
    first = exercise(tmp_path, laboratories).attributions
    assert first == run([tmp_path]).attributions
    assert first[0].p_smallest == pytest.approx(1e-4)


def test_one_laboratory_cannot_bring_two_runs_of_the_same_items(tmp_path: Path) -> None:
    """Both settings in one laboratory would be the strongest evidence, but rows are named by laboratory and
    model: the second run must come under another name of the laboratory or the model."""
    exercise(tmp_path, [("a", 0.6, {}), ("b", 0.5, {})])
    rows = [row | {"score": 1.0 - row["score"]} for row in planned_rows(PLAN, "a")]
    write_run(tmp_path / "a-again", PLAN, "a", rows, **warm(1.0))
    with pytest.raises(IncompatibleError, match="a"):
        run([tmp_path])
