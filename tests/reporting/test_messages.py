"""Every code has words, in every language of the report, and no parameter can break them."""

from __future__ import annotations

import io
import re
from importlib import resources
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from consilience.evaluation import message_codes
from consilience.evaluation.joint_result import Message
from consilience.evaluation.scores import Cause
from consilience.languages import ENDONYMS
from consilience.reporting.language_names import LANGUAGE_NAMES
from consilience.reporting.messages import (
    COMPOSERS,
    DOMAIN,
    KINDS,
    LANGUAGES,
    PLACEHOLDER,
    Voice,
    sentence,
    without_markup,
)
from consilience.reporting.sentences import CAUSES, CODES

PACKAGE = Path(str(resources.files("consilience.reporting")))
LOCALE = PACKAGE / "locale"
KEYWORDS = {"t": None, "tn": (1, 2), "plain": None, "N_": None, "gettext": None}
TRANSLATED = [language for language in LANGUAGES if language != "en"]


def po(language: str) -> Catalog:
    with (LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        return read_po(file, locale=language)


def texts_in_the_source() -> set[str | tuple[str, ...]]:
    methods = [("**.py", "python"), ("templates/**.html", "jinja2")]
    return {found[2] for found in extract_from_dir(str(PACKAGE), methods, keywords=KEYWORDS) if found[2]}


def test_every_code_of_the_analysis_has_words() -> None:
    assert set(message_codes.CODES) == set(CODES) | set(COMPOSERS)


def test_no_code_has_words_twice() -> None:
    assert not set(CODES) & set(COMPOSERS)


@pytest.mark.parametrize("code", sorted(CODES))
def test_words_use_only_parameters_that_the_code_has(code: str) -> None:
    used = {found[1] for found in PLACEHOLDER.finditer(CODES[code])}
    assert used <= set(message_codes.CODES[code])


@pytest.mark.parametrize("code", sorted(CODES))
def test_kinds_of_placeholders_exist(code: str) -> None:
    assert {found[2] or "name" for found in PLACEHOLDER.finditer(CODES[code])} <= KINDS


def test_every_cause_and_language_has_words() -> None:
    assert set(CAUSES) == {cause.value for cause in Cause}
    assert set(LANGUAGE_NAMES) == set(ENDONYMS)


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_catalogue_has_exactly_the_texts_of_the_source(language: str) -> None:
    there = {message.id for message in po(language) if message.id}
    wanted = texts_in_the_source()
    assert wanted - there == set(), "run: make messages"
    assert there - wanted == set(), "no longer in the source; run: make messages"


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_and_keeps_its_placeholders(language: str) -> None:
    def written(text: str) -> list[str]:
        return sorted(found[0] for found in PLACEHOLDER.finditer(text))

    for message in po(language):
        if not message.id:
            continue
        sources = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(strings), message.id
        assert not message.fuzzy, message.id
        for text in strings:
            assert written(text) == written(sources[-1]), message.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_compiled_catalogue_is_current(language: str) -> None:
    fresh = io.BytesIO()
    write_mo(fresh, po(language))
    assert fresh.getvalue() == (LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.mo").read_bytes()


def test_french_spaces_do_not_break() -> None:
    for message in po("fr"):
        for text in message.string if isinstance(message.string, tuple) else (message.string,):
            if message.id and text.strip() not in {";", ": "}:
                assert not re.search(r" [;:!?»]|« ", text), text


def test_numbers_follow_the_language() -> None:
    message = Message(code="check_power", params={"wanted": 0.05, "power": 0.8, "scale": "binary"})
    assert "80%;" in sentence(message, "en")
    assert "80\u202f%" in sentence(message, "fr")


def test_names_become_sentences() -> None:
    def told(names: list[str]) -> str:
        return without_markup(Voice().write("name", names))

    assert told([]) == "none"
    assert told(["A"]) == "A"
    assert told(["A", "B", "C"]) == "A, B and C"
    assert told([str(number) for number in range(30)]).endswith(" and 19 more")


def test_an_unknown_code_is_told_as_it_is() -> None:
    assert (
        sentence(Message(code="from_the_future", params={"n": 3}))
        == "No wording for “from_the_future” (n: 3)."
    )


def test_a_missing_parameter_is_not_known() -> None:
    assert sentence(Message(code="laboratories_one")) == (
        "Only one laboratory, not known, measured: whether another one would find the same is not known."
    )


def test_interactions_are_joined() -> None:
    assert Voice().word("source", "item:language") == Markup("item × language")


def test_dates_lose_their_seconds() -> None:
    voice = Voice()
    assert without_markup(voice.write("date", "2026-08-03T09:00:12Z")) == "2026-08-03 09:00 UTC"
    assert without_markup(voice.write("date", "2026-08-03")) == "2026-08-03"
    assert without_markup(voice.write("date", "soon <b>")) == "soon <b>"


def test_in_html_numbers_are_isolated_and_names_escaped() -> None:
    params = {"laboratory": "<b>x</b>"}
    told = Voice().sentence(Message(code="laboratories_one", params=params))
    assert "<bdi>&lt;b&gt;x&lt;/b&gt;</bdi>" in told
    counted = Voice().sentence(Message(code="note_withheld", params={"rows": 1200}))
    assert '<bdi dir="ltr">1,200</bdi>' in counted


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.lists(st.text(max_size=5), max_size=3),
)


@given(st.sampled_from(sorted(message_codes.CODES)), st.data(), st.sampled_from(LANGUAGES))
def test_no_parameter_breaks_a_sentence(code: str, data: st.DataObject, language: str) -> None:
    params = {name: data.draw(VALUES, label=name) for name in message_codes.CODES[code]}
    told = Voice(language).sentence(Message(code=code, params=params))
    assert str(told).strip()
    assert not re.search(r"<(?!/?(?:bdi|strong)\b)", str(told))
    assert "nan" not in without_markup(told).split()
