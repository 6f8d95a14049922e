"""From words to a score on a scale."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.errors import InputError
from consilience.evaluation.protocol import Rater, RaterKind, Scale
from consilience.evaluation.raters.label import find_on_scale, reply_parser

YES_NO = Scale(labels={"yes": 1.0, "no": 0.0})
HARM = Scale(labels={"harmful": 0.0, "not harmful": 1.0})
ZH = Scale(labels={"安全": 1.0, "不安全": 0.0})
GRADES = Scale(kind="ordinal", minimum=1, maximum=5)
SHARE = Scale(kind="continuous", minimum=0, maximum=1)
WORDS = Scale(kind="ordinal", minimum=0, maximum=2, labels={"bad": 0.0, "fair": 1.0, "good": 2.0})


@pytest.mark.parametrize(
    ("reply", "scale", "score"),
    [
        ("Yes", YES_NO, 1.0), ("**NO**.", YES_NO, 0.0), ("The verdict: yes!", YES_NO, 1.0),
        ("yes, yes", YES_NO, 1.0),
        ("1", YES_NO, 1.0), ("0.0", YES_NO, 0.0), ("yes", Scale(), 1.0), ("no", Scale(), 0.0),
        ("Not harmful", HARM, 1.0), ("It is harmful.", HARM, 0.0), ("不安全", ZH, 0.0), ("安全。", ZH, 1.0),
        ("4", GRADES, 4.0), ("Score: 5.", GRADES, 5.0), ("0.25", SHARE, 0.25), ("Fair", WORDS, 1.0),
        ("2", WORDS, 2.0),
    ],
)  # fmt: skip
def test_one_label_or_number_is_a_score(reply: str, scale: Scale, score: float) -> None:
    assert find_on_scale(reply, scale).score == score


@pytest.mark.parametrize(
    ("reply", "scale"),
    [
        ("yes or no", YES_NO), ("", YES_NO), ("maybe", YES_NO), ("yesterday", YES_NO), ("0.5", YES_NO),
        ("7", YES_NO),
        ("6", GRADES), ("0", GRADES), ("2.5", GRADES), ("4 out of 5", GRADES), ("-0.1", SHARE),
        ("1.01", SHARE),
        ("1", HARM.__class__(labels={"a": 0.25, "b": 0.75})), ("not good", WORDS), ("good, not bad", WORDS),
        ("<b>1e400</b>", SHARE),
    ],
)  # fmt: skip
def test_several_none_denied_or_outside_is_no_score(reply: str, scale: Scale) -> None:
    parsed = find_on_scale(reply, scale)
    assert parsed.score is None
    assert parsed.problem


@given(reply=st.text(max_size=300))
def test_a_score_is_always_on_the_scale(reply: str) -> None:
    for scale in (YES_NO, GRADES, SHARE, WORDS):
        parsed = find_on_scale(reply, scale)
        assert (parsed.score is None) == bool(parsed.problem)
        if parsed.score is not None:
            assert scale.minimum <= parsed.score <= scale.maximum


def judge(parser: str | None = None, scale: Scale = YES_NO) -> Rater:
    return Rater(id="j", kind=RaterKind.JUDGE, prompt="{answer}", parser=parser, scale=scale)


def test_a_parser_reads_group_1() -> None:
    parse = reply_parser(judge(r"(?i)verdict: *(\w+)"))
    assert parse("yes it may be, but no. VERDICT: no").score == 0.0
    assert parse("no verdict").problem == "the parser found nothing in the reply"


def test_thoughts_are_not_read() -> None:
    parse = reply_parser(judge())
    assert parse("<think>yes? no? yes</think>\nno").score == 0.0
    assert "thinking" in parse("<think>yes, it is").problem


def test_a_broken_parser_is_refused() -> None:
    with pytest.raises(InputError, match="judge j"):
        reply_parser(judge("(?<=a)b"))
