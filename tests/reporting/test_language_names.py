"""Languages have a name that the reader can read."""

from __future__ import annotations

from consilience.reporting.messages import Voice, without_markup


def test_a_language_is_named_in_the_language_of_the_report() -> None:
    assert without_markup(Voice("en").language_name("ar")) == "Arabic"
    assert without_markup(Voice("fr").language_name("ar")) == "arabe"


def test_a_region_is_kept() -> None:
    assert without_markup(Voice("en").language_name("fr-CA")) == "French (fr-CA)"


def test_an_unknown_language_is_shown_as_its_tag() -> None:
    assert without_markup(Voice("en").language_name("tlh")) == "tlh"
