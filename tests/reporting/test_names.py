"""Names that others chose come out as one short, safe line."""

from __future__ import annotations

import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.reporting.names import MAX_NAME, clean, isolated, left_to_right, short_digest

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202egnirts desrever\u202c",
    "\u2066isolate",
    "a" * 10_000,
    "\x00\x1b[31mred",
    "line\nbreak\r\n\ttab",
    "{{ 7 * 7 }} {name} %s",
    "",
    "   ",
    "\ud800 lone surrogate",
]


class Tags(HTMLParser):
    """Collects the tags of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        assert {name for name, _ in attrs} <= {"title", "dir"}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_inside_one_bdi(text: str) -> None:
    parser = Tags()
    parser.feed(str(isolated(text)))
    assert parser.seen == ["bdi"]


@given(st.text(max_size=400), st.integers(2, 60))
def test_clean_is_short_and_has_no_controls(text: str, limit: int) -> None:
    told = clean(text, limit=limit)
    assert len(told) <= limit
    for character in told:
        assert unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
        assert character not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"


def test_an_override_is_shown_not_obeyed() -> None:
    assert clean("abc\u202edef") == "abc\ufffddef"


def test_joiners_stay() -> None:
    assert clean("می\u200cخواهم") == "می\u200cخواهم"


def test_a_cut_name_keeps_more_in_its_title() -> None:
    markup = str(isolated("x" * 100))
    assert 'title="' + "x" * 100 + '"' in markup
    assert "x" * (MAX_NAME - 1) + "…</bdi>" in markup


def test_an_empty_name_is_visible() -> None:
    assert isolated("\u200b") == "<bdi>“”</bdi>"


def test_numbers_read_from_left_to_right() -> None:
    assert left_to_right("1 < 2") == '<bdi dir="ltr">1 &lt; 2</bdi>'


def test_short_digest() -> None:
    assert short_digest("sha256:" + "ab" * 32) == "sha256:abababababab…"
    assert short_digest("abc") == "abc"
