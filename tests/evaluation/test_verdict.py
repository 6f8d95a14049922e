"""The two sentences: which is said when, and with which numbers."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.corrected_exercise import judged_rows
from tests.evaluation.exercises import make_protocol, planned_rows, write_run
from tests.simulators.scores import row, write_rows

from consilience.evaluation.analysis import analyse
from consilience.evaluation.joint_result import JointResult, Message
from consilience.evaluation.message_codes import say
from consilience.evaluation.protocol import AnalysisPlan

NOW = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)
ITEMS = tuple(f"i{k}" for k in range(60))


def result_of(tmp_path: Path, rows: Sequence[dict[str, Any]]) -> JointResult:
    return analyse([write_rows(rows, tmp_path / "s.parquet")], protocol=None, now=NOW)


def shifted(rates: dict[str, int], items: Sequence[str] = ITEMS) -> list[dict[str, Any]]:
    """Rows in which a laboratory succeeds on the first so many items of every ten."""
    return [
        row(laboratory=lab, item=item, attempt=a, score=float(k % 10 < rate))
        for lab, rate in rates.items()
        for k, item in enumerate(items)
        for a in (1, 2)
    ]


def test_laboratories_that_scatter_are_not_called_equal(tmp_path: Path) -> None:
    second = result_of(tmp_path, shifted({"a": 5, "b": 5, "c": 5})).verdict[1]
    assert second.code == "laboratories_inconclusive"
    assert second.params["margin"] is None
    assert second.params["n_pairs"] == 3


def test_the_odd_one_is_the_farthest_from_the_others(tmp_path: Path) -> None:
    second = result_of(tmp_path, shifted({"a": 6, "b": 6, "c": 2, "d": 6})).verdict[1]
    assert second.code == "laboratories_differ_unknown"
    assert second.params["laboratory"] == "c"
    assert second.params["difference"] == pytest.approx(-0.4)
    assert (second.params["others"], second.params["also"], second.params["n_items"]) == (
        ["a", "b", "d"],
        [],
        60,
    )


def test_others_that_differ_among_themselves_are_named_too(tmp_path: Path) -> None:
    second = result_of(tmp_path, shifted({"a": 9, "b": 5, "c": 1, "d": 9})).verdict[1]
    assert second.params["laboratory"] == "c"
    assert second.params["also"] == ["a", "b", "d"]


def test_a_manifest_without_deviations_leaves_it_unexplained(tmp_path: Path) -> None:
    plan = make_protocol(items=ITEMS)
    for name in ("lab-a", "lab-b", "lab-c"):
        rows = planned_rows(plan, name)
        if name == "lab-a":
            rows = [one | {"score": 0.0} for one in rows]
        write_run(tmp_path / name, plan, name, rows)
    second = analyse([tmp_path], protocol=None, now=NOW).verdict[1]
    assert second.code == "laboratories_differ_unexplained"
    assert second.params["laboratory"] == "lab-a"


def test_a_deviation_that_the_others_share_is_not_named(tmp_path: Path) -> None:
    plan = make_protocol(items=ITEMS)
    for name in ("lab-a", "lab-b", "lab-c"):
        rows = planned_rows(plan, name)
        if name == "lab-a":
            rows = [one | {"score": 0.0} for one in rows]
        write_run(tmp_path / name, plan, name, rows, sampling={"temperature": 1.0, "max_tokens": 8})
    result = analyse([tmp_path], protocol=None, now=NOW)
    assert len(result.deviations) == 3
    assert result.verdict[1].code == "laboratories_differ_unexplained"


def test_the_estimand_of_the_protocol_carries_the_verdict(tmp_path: Path) -> None:
    values = {}
    for estimand in ("benchmark", "generalized"):
        plan = make_protocol(items=ITEMS, analysis=AnalysisPlan(estimand=estimand))
        write_run(tmp_path / estimand, plan, "lab-a")
        result = analyse([tmp_path / estimand], protocol=None, now=NOW)
        assert result.verdict[0].params["estimand"] == estimand
        values[estimand] = result.verdict[0].params["lows"]
    assert values["benchmark"] != values["generalized"]


def test_a_corrected_number_stands_beside_the_raw_one(tmp_path: Path) -> None:
    result = result_of(tmp_path, judged_rows(items=40, per_cell=30))
    total = next(one for one in result.corrections if (one.laboratory, one.language) == (None, None))
    first = result.verdict[0].params
    assert total.corrected.value is not None
    assert total.corrected.interval is not None
    assert first["corrected"] == [total.corrected.value]
    assert first["corrected_lows"] == [total.corrected.interval.low]
    assert first["corrected_highs"] == [total.corrected.interval.high]
    assert first["corrected_humans"] == [180]
    assert first["values"] == [total.raw.value]


@pytest.mark.parametrize("changes", [{"human": {"simulated": True}}, {"per_cell": {"en": 30}}])
def test_simulated_humans_and_a_language_without_humans_never_enter_the_verdict(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    first = result_of(tmp_path, judged_rows(items=40, **({"per_cell": 30} | changes))).verdict[0].params
    assert first["corrected"] == first["corrected_lows"] == first["corrected_humans"] == [None]


def test_a_sentence_needs_exactly_its_parameters() -> None:
    assert say("laboratories_one", laboratory="a") == Message(
        code="laboratories_one", params={"laboratory": "a"}
    )
    with pytest.raises(ValueError, match="laboratories_one takes"):
        say("laboratories_one")
    with pytest.raises(ValueError, match="laboratories_none takes"):
        say("laboratories_none", laboratory="a")
    with pytest.raises(KeyError):
        say("laboratories_happy")
