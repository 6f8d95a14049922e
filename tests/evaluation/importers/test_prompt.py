from hypothesis import given
from hypothesis import strategies as st

from consilience.evaluation.importers.prompt import item_name, normalised, prompt_digest


def test_case_spaces_and_forms_of_a_letter_make_no_difference() -> None:
    assert prompt_digest("What  is\n2 + 2?") == prompt_digest(" what is 2 + 2? ")
    assert prompt_digest("Café ﬁn") == prompt_digest("cafe\u0301 fin")
    assert prompt_digest("Straße") == prompt_digest("STRASSE")


def test_other_words_and_signs_do() -> None:
    assert prompt_digest("2 + 2") != prompt_digest("2 - 2")
    assert prompt_digest("ab") != prompt_digest("a b")
    assert prompt_digest("cafe") != prompt_digest("café")


@given(st.text())
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalised(text)
    assert normalised(once) == once


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_ascii_takes_the_same_way_as_all_text(text: str) -> None:
    import unicodedata

    folded = unicodedata.normalize("NFKC", text.casefold())
    assert normalised(text) == " ".join(folded.split())


def test_a_name_is_short_and_a_lone_surrogate_is_no_harm() -> None:
    assert item_name(prompt_digest("a \ud800")).startswith("p-")
    assert len(item_name(prompt_digest("a"))) == 18
