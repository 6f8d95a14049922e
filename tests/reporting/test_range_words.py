"""Every range of use can be said, in each language of the report."""

from __future__ import annotations

import pytest

from consilience.reporting.messages import LANGUAGES, catalogue
from consilience.reporting.method_names import METHOD_NAMES
from consilience.reporting.range_words import RANGE_WORDS
from consilience.statistics.ranges import RANGES
from consilience.statistics.references import METHODS


def test_every_range_has_words_and_no_words_are_left_over() -> None:
    assert set(RANGE_WORDS) == set(RANGES)


def test_every_method_has_a_name() -> None:
    assert set(METHOD_NAMES) == set(METHODS)
    assert len(set(METHOD_NAMES.values())) == len(METHOD_NAMES)


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
@pytest.mark.parametrize("method", sorted(RANGE_WORDS))
def test_the_words_are_translated(language: str, method: str) -> None:
    told = catalogue(language).gettext(RANGE_WORDS[method])
    assert told != RANGE_WORDS[method]
    assert len(told) > 20
