"""The power analysis: the numbers follow from the formula, the plan and the assumptions that are shown."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.protocol_folder import TOML, clean_items, edit, jsonl, read, write

from consilience.evaluation.planning import (
    PowerAnalysis,
    PowerRow,
    Variances,
    analyse_power,
    common_items,
    evaluation_counts,
)
from consilience.evaluation.protocol import Item, Protocol
from consilience.statistics.power import PairedVariances, items_needed, paired_power, simulate_power


@pytest.fixture
def protocol(tmp_path: Path) -> Protocol:
    return read(write(tmp_path)).protocol


def plan(protocol: Protocol, **changes: object) -> Protocol:
    return msgspec.structs.replace(protocol, analysis=msgspec.structs.replace(protocol.analysis, **changes))


def row(analysis: PowerAnalysis, axis: str, place: int = 0) -> PowerRow:
    return [found for found in analysis.rows if found.axis == axis][place]


def test_rows_are_the_planned_comparisons(protocol: Protocol) -> None:
    found = [
        (row.axis, row.sides, row.items, row.attempts, row.comparisons)
        for row in analyse_power(protocol).rows
    ]
    assert found == [
        ("language", "two languages, one laboratory and model", 12, 2, 1),
        ("language", "two languages, mean of 2 laboratories", 12, 4, 1),
        ("laboratory", "two laboratories, one language and model", 12, 2, 1),
    ]
    more = analyse_power(plan(protocol, models=3, laboratories=5))
    assert row(more, "model").comparisons == 3
    assert row(more, "laboratory").comparisons == 10


def test_numbers_follow_from_the_formula(protocol: Protocol) -> None:
    found = row(analyse_power(plan(protocol, wanted_difference=0.2)), "language")
    variances = PairedVariances(item=0.125, within_left=0.125, within_right=0.125)
    assert found.variances.paired() == variances
    per_item = 0.125 + 0.125 / 2 + 0.125 / 2
    normal = (1.959964 + 0.841621) * math.sqrt(per_item / 12)
    assert found.smallest_difference is not None
    assert normal < found.smallest_difference < 1.3 * normal
    assert found.items_needed == items_needed(0.2, variances, 2, 2)
    assert found.items_needed >= (1.959964 + 0.841621) ** 2 * per_item / 0.2**2
    assert found.enough is False


def test_the_smallest_difference_is_seen_as_often_as_the_plan_says(protocol: Protocol) -> None:
    found = row(analyse_power(protocol), "language")
    assert found.smallest_difference is not None
    seen = simulate_power(
        found.items, found.smallest_difference, found.variances.paired(), 2, 2, rng=np.random.default_rng(5)
    )
    assert seen == pytest.approx(0.8, abs=0.03)
    at_limit = paired_power(found.items, found.smallest_difference, found.variances.paired(), 2, 2)
    assert at_limit == pytest.approx(0.8, abs=0.01)


def test_a_family_needs_more(protocol: Protocol) -> None:
    found = row(analyse_power(plan(protocol, laboratories=4, wanted_difference=0.3)), "laboratory")
    assert found.smallest_difference is not None
    assert found.smallest_difference_family is not None
    assert found.items_needed is not None
    assert found.items_needed_family is not None
    assert found.smallest_difference_family > found.smallest_difference
    assert found.items_needed_family > found.items_needed


def test_fixed_items_count_only_attempts(protocol: Protocol) -> None:
    fixed = analyse_power(plan(protocol, estimand="benchmark"))
    assert row(fixed, "language").variances.item == 0.0
    assert "items are fixed" in " ".join(fixed.assumptions)
    assert "items are a sample" in " ".join(analyse_power(protocol).assumptions)


def test_the_scale_counts(protocol: Protocol) -> None:
    scale = msgspec.structs.replace(protocol.raters[0].scale, kind="ordinal", minimum=1.0, maximum=5.0)
    wide = msgspec.structs.replace(
        protocol, raters=(msgspec.structs.replace(protocol.raters[0], scale=scale),)
    )
    narrow, wider = (row(analyse_power(one), "language").smallest_difference for one in (protocol, wide))
    assert narrow is not None
    assert wider == pytest.approx(4 * narrow)


def test_attempts_that_are_not_averaged_count_once(protocol: Protocol) -> None:
    worst = msgspec.structs.replace(
        protocol, aggregation=msgspec.structs.replace(protocol.aggregation, per_item="any")
    )
    analysis = analyse_power(worst)
    assert {row.attempts for row in analysis.rows} == {1}
    assert "overstates" in " ".join(analysis.assumptions)


def test_only_common_evaluation_items_count(tmp_path: Path) -> None:
    rows = edit(lambda row: None if row["id"] == "bee" and row["language"] == "fr" else row)
    rows = [row | {"split": "tuning"} if row["id"] in {"red", "key"} else row for row in rows]
    rows = [row for row in rows if (row["id"], row["language"]) != ("milk", "en")]
    protocol = read(write(tmp_path, items=jsonl(rows))).protocol
    assert evaluation_counts(protocol, "knowledge") == {"en": 9, "fr": 9}
    assert common_items(protocol, "knowledge") == 8
    assert row(analyse_power(protocol), "language").items == 8
    assert row(analyse_power(protocol), "laboratory").items == 9


def test_what_cannot_be_known_has_a_reason(protocol: Protocol) -> None:
    empty = msgspec.structs.replace(protocol, items=protocol.items[:2])
    found = row(analyse_power(empty), "language")
    assert (found.items, found.smallest_difference) == (1, None)
    assert "two are the least" in found.reason
    flat = Variances(item=0.0, within_left=0.0, within_right=0.0, basis="pilot", pilot_items=9)
    found = row(analyse_power(protocol, {("language", "knowledge"): flat}), "language")
    assert (found.smallest_difference, found.items_needed, found.enough) == (None, None, None)
    assert "no spread" in found.reason
    tiny = row(analyse_power(plan(protocol, wanted_difference=1e-4)), "language")
    assert tiny.items_needed is not None
    nothing = row(analyse_power(plan(protocol, wanted_difference=None)), "language")
    assert (nothing.items_needed, nothing.enough, nothing.reason) == (None, None, "")


def test_one_of_everything_compares_nothing(tmp_path: Path) -> None:
    toml = TOML.replace('[[languages]]\ntag = "fr"\ntranslation = "human"\nchecked_by = "A. Reader"\n', "")
    toml = toml.replace("wanted_difference = 0.8", "laboratories = 1")
    rows = [row for row in clean_items() if row["language"] == "en"]
    analysis = analyse_power(read(write(tmp_path, toml, items=jsonl(rows))).protocol)
    assert analysis.rows == ()


@given(
    items=st.integers(2, 500),
    attempts=st.integers(1, 20),
    laboratories=st.integers(2, 6),
    wanted=st.floats(0.01, 1.0),
)
def test_more_items_and_attempts_see_more(
    items: int, attempts: int, laboratories: int, wanted: float
) -> None:
    rows = tuple(
        Item(id=str(number), language=tag, concept="knowledge", prompt="x")
        for number in range(items + 1)
        for tag in ("en", "fr")
    )
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        base = read(write(Path(folder))).protocol
    small = plan(msgspec.structs.replace(base, items=rows[:-2], attempts=attempts), laboratories=laboratories)
    small = plan(small, wanted_difference=wanted)
    more_items = msgspec.structs.replace(small, items=rows)
    more_attempts = msgspec.structs.replace(small, attempts=attempts + 1)
    for left, right, third in zip(
        analyse_power(small).rows,
        analyse_power(more_items).rows,
        analyse_power(more_attempts).rows,
        strict=True,
    ):
        assert left.smallest_difference is not None
        assert right.smallest_difference is not None
        assert third.smallest_difference is not None
        assert right.smallest_difference < left.smallest_difference
        assert third.smallest_difference < left.smallest_difference
        assert left.items_needed is not None
        assert left.enough is (left.items >= left.items_needed)
        assert (left.smallest_difference <= wanted) is left.enough or abs(left.items - left.items_needed) <= 1
