from __future__ import annotations

import itertools

import pytest

from consilience.records.marking import Marking, may_be_shown_at, read_marking, strictest

ORDER = [Marking.CLEAR, Marking.GREEN, Marking.AMBER, Marking.AMBER_STRICT, Marking.RED]


@pytest.mark.parametrize(("marking", "ceiling"), list(itertools.product(ORDER, ORDER)))
def test_the_complete_table(marking: Marking, ceiling: Marking) -> None:
    assert may_be_shown_at(marking, ceiling) is (ORDER.index(marking) <= ORDER.index(ceiling))


def test_all_five_are_in_the_order() -> None:
    assert sorted(Marking, key=lambda marking: marking.rank) == ORDER


@pytest.mark.parametrize(
    ("text", "marking"),
    [(marking.value, marking) for marking in ORDER]
    + [
        ("amber+strict", Marking.AMBER_STRICT),
        (" tlp:green ", Marking.GREEN),
        ("TLP:WHITE", Marking.CLEAR),
        ("TLP:PINK", None),
        ("", None),
        ("TLP:", None),
        ("AMBER STRICT", None),
        ("CLEARLY", None),
    ],
)
def test_reading(text: str, marking: Marking | None) -> None:
    assert read_marking(text) is marking


def test_the_whole_is_as_strict_as_its_strictest_part() -> None:
    assert strictest(Marking.GREEN, Marking.RED, Marking.CLEAR) is Marking.RED
    assert strictest() is Marking.CLEAR
