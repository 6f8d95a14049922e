"""The options that programs read."""

from __future__ import annotations

import pytest

from consilience.errors import InputError
from consilience.evaluation.protocol import Rater, RaterKind, Scale
from consilience.evaluation.raters.program import NO_CLOSE_LABEL, Options, scored, short


def options(**values: str | int | float | bool) -> Options:
    return Options(Rater(id="r", kind=RaterKind.PROGRAM, program="exact", options=values))


def test_options_are_read_once_and_what_is_left_is_refused() -> None:
    read = options(a=True, b=2, c="x", d="text", e=1)
    assert read.flag("a", False)
    assert read.number("b", 0, minimum=0, maximum=2) == 2.0
    assert read.one_of("c", "y", ("x", "y")) == "x"
    assert read.text("d") == "text"
    with pytest.raises(InputError, match="no option e"):
        read.finish()


def test_defaults() -> None:
    read = options()
    assert read.flag("a", True)
    assert read.number("b", 0.5, minimum=0, maximum=2) == 0.5
    assert read.one_of("c", "y", ("x", "y")) == "y"
    assert read.text("d", "z") == "z"
    read.finish()


def test_wrong_values_name_option_and_rater() -> None:
    for read in (
        lambda: options(a=1).flag("a", True),
        lambda: options(a=3).number("a", 0, minimum=0, maximum=2),
        lambda: options(a=True).number("a", 0, minimum=0, maximum=2),
        lambda: options(a=float("nan")).number("a", 0, minimum=0, maximum=2),
        lambda: options(a="q").one_of("a", "x", ("x",)),
        lambda: options().text("a"),
    ):
        with pytest.raises(InputError, match="option `a` of rater r"):
            read()


def test_labels_are_short_and_scores_are_the_ends_of_the_scale() -> None:
    assert short("x" * 1000) == "x" * (NO_CLOSE_LABEL - 1) + "…"
    rater = Rater(id="r", kind=RaterKind.PROGRAM, scale=Scale(kind="ordinal", minimum=1, maximum=3))
    assert (scored(rater, True).score, scored(rater, False).score) == (3.0, 1.0)
