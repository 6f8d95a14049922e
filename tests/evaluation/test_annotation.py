"""Blind rows: codes, order, what is shown, and protection against formulas."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.annotated_runs import HUMAN, answers_of, plan

from consilience.errors import InputError
from consilience.evaluation.annotation import (
    MAX_ROWS,
    MAX_SHOWN_CHARS,
    export_problem,
    human_rater,
    in_random_order,
    make_row,
    protected,
    row_code,
    shown,
    text_check,
    unprotected,
)
from consilience.evaluation.protocol import Item

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
texts = st.text(alphabet=st.characters() | st.sampled_from("=+-@'\t\r\n ＝"), max_size=60)


@given(text=texts)
def test_protection_is_reversible(text: str) -> None:
    assert unprotected(protected(text)) == text


@given(text=texts)
def test_protected_text_never_begins_like_a_formula(text: str) -> None:
    assert protected(text).lstrip(" \n\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0")[:1] not in set("=+-@\t\r＝＋－＠")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "'=1", "＝1"]
)
def test_what_could_be_a_formula_is_protected(text: str) -> None:
    assert protected(text) == "'" + text


@pytest.mark.parametrize("text", ["", "word", "1 = 1", "'quoted'", "'", "a\t=b"])
def test_other_text_is_left_alone(text: str) -> None:
    assert protected(text) == text


def test_codes_are_blind_stable_and_no_numbers() -> None:
    code = row_code(KEY, "people", "g1")
    assert code == row_code(KEY, "people", "g1")
    assert (
        len(
            {
                code,
                row_code(OTHER_KEY, "people", "g1"),
                row_code(KEY, "other", "g1"),
                row_code(KEY, "people", "g2"),
            }
        )
        == 4
    )
    assert code.isalpha()
    assert code.isupper()
    assert not set(code) & set("AEIOUY")
    assert len({row_code(KEY, "people", str(number)) for number in range(20_000)}) == 20_000


def test_a_row_tells_nothing_but_what_was_asked_and_said() -> None:
    protocol = plan()
    answer = answers_of(protocol, laboratory="Northland")[0]
    row = make_row(KEY, "sha256:0", HUMAN, protocol.items[0], answer)
    text = str(row)
    for secret in ("Northland", "a-model", answer.generation, answer.item):
        assert secret not in text
    assert row.target is None
    with_target = msgspec.structs.replace(HUMAN, options={"show_target": True})
    assert make_row(KEY, "sha256:0", with_target, protocol.items[0], answer).target == "0"


def test_the_order_is_random_and_does_not_depend_on_the_order_given() -> None:
    item = Item(id="i", language="en", concept="c", prompt="?")
    base = answers_of(plan(items=50), laboratory="North")
    rows = [("north", make_row(KEY, "d", HUMAN, item, answer)) for answer in base]
    once = in_random_order({"north": KEY}, rows)
    assert once == in_random_order({"north": KEY}, reversed(rows))
    assert [row.code for row in once] != [row.code for _, row in rows]
    assert [row.code for row in once] != sorted(row.code for row in once)
    assert {row.code for row in once} == {row.code for _, row in rows}


@given(text=st.text(max_size=200))
def test_shown_text_can_stand_in_xml_and_is_stable(text: str) -> None:
    result = shown(text)
    assert shown(result) == result
    assert not [c for c in result if (ord(c) < 32 and c not in "\t\n") or 0xD800 <= ord(c) <= 0xDFFF]


def test_what_cannot_be_shown_is_made_visible() -> None:
    assert shown("a\x00b\x1b\x7f\u202ec\r\nd") == "a␀b␛␡⟨U+202E⟩c\nd"
    assert shown("a\u200fb") == "a\u200fb"


def test_long_text_is_cut_visibly() -> None:
    assert shown("x" * MAX_SHOWN_CHARS) == "x" * MAX_SHOWN_CHARS
    cut = shown("x" * (MAX_SHOWN_CHARS + 1))
    assert cut.endswith(f"\n[cut: {MAX_SHOWN_CHARS} of {MAX_SHOWN_CHARS + 1} characters are shown]")


def test_the_check_sees_words_and_not_line_ends() -> None:
    check = text_check("p", "one\ntwo", None, "d")
    assert check == text_check("p", "one \r\ntwo\n", "", "d")
    for other in (
        ("q", "one\ntwo", None, "d"),
        ("p", "one two", None, "d"),
        ("p", "one\ntwo", "t", "d"),
        ("p", "one\ntwo", None, "e"),
    ):
        assert text_check(*other) != check
    assert check.startswith("x")
    assert len(check) == 17


def test_human_raters_are_found_by_name() -> None:
    assert human_rater(plan(), "people") == HUMAN
    for name in ("exact", "nobody"):
        with pytest.raises(InputError) as error:
            human_rater(plan(), name)
        assert "people" in error.value.next_step


def test_how_many_rows_a_sheet_may_have() -> None:
    assert export_problem(1) is None
    assert export_problem(MAX_ROWS) is None
    assert export_problem(0) is not None
    assert export_problem(MAX_ROWS + 1) is not None
