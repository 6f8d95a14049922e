"""Which script and language a text is in: right on real texts, silent where it cannot know."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.evaluation.language_identification import (
    GroupLanguage,
    TextLanguage,
    confused_with,
    expected_scripts,
    identify_group,
    identify_text,
    is_other_language,
    is_sure_other,
    packaged_model,
    script_counts,
    weight,
)
from consilience.evaluation.language_names import (
    COUNTRY_LANGUAGES,
    ISO_639_1,
    NAMES,
    languages_named_in,
    shown,
)

MODEL = packaged_model()

TEXTS = {
    "en": "The library opens at nine, and everybody who lives in the town may borrow books without paying.",
    "fr": "La bibliothèque ouvre à neuf heures, et tous les habitants peuvent emprunter des livres.",
    "es": "La biblioteca abre a las nueve y todos los vecinos de la ciudad pueden llevarse libros sin pagar.",
    "de": "Die Bibliothek öffnet um neun Uhr, und alle, die in der Stadt wohnen, dürfen Bücher ausleihen.",
    "sw": "Maktaba hufunguliwa saa tatu asubuhi, na kila mtu anayeishi mjini anaweza kuazima vitabu.",
    "ms": "Perpustakaan dibuka pada pukul sembilan, dan semua penduduk bandar boleh meminjam buku.",
    "ru": "Библиотека открывается в девять часов, и каждый житель города может бесплатно взять книги.",
    "ar": "تفتح المكتبة أبوابها في الساعة التاسعة، ويمكن لكل من يسكن المدينة أن يستعير الكتب مجانا.",
    "fa": "کتابخانه ساعت نه باز می‌شود و هر کس که در شهر زندگی می‌کند می‌تواند رایگان کتاب امانت بگیرد.",
    "hi": "पुस्तकालय नौ बजे खुलता है और शहर में रहने वाला हर व्यक्ति बिना पैसे दिए किताबें ले सकता है।",
    "te": "గ్రంథాలయం తొమ్మిది గంటలకు తెరుచుకుంటుంది, నగరంలో నివసించే వారు పుస్తకాలు తీసుకోవచ్చు.",
    "ja": "図書館は九時に開き、町に住んでいる人は誰でも無料で本を借りることができます。",
    "ko": "도서관은 아홉 시에 문을 열고 도시에 사는 사람은 누구나 무료로 책을 빌릴 수 있습니다.",
    "zh": "图书馆九点开门，住在城里的每个人都可以免费借书，也可以在阅览室里看报纸。",
    "th": "ห้องสมุดเปิดเวลาเก้าโมง และทุกคนที่อาศัยอยู่ในเมืองสามารถยืมหนังสือได้โดยไม่ต้องเสียเงิน",
    "am": "ቤተ መጻሕፍቱ በሦስት ሰዓት ይከፈታል፤ በከተማው የሚኖር ሁሉ መጻሕፍትን በነጻ መዋስ ይችላል።",
}


@pytest.mark.parametrize("tag", TEXTS)
def test_a_sentence_is_known(tag: str) -> None:
    found = identify_text(TEXTS[tag], tag, MODEL)
    assert found is not None
    assert found.best == tag
    assert not is_sure_other(found, tag)


@pytest.mark.parametrize("tag", TEXTS)
def test_a_sentence_is_in_the_script_of_its_language(tag: str) -> None:
    expected = expected_scripts(tag)
    assert expected is not None
    assert script_counts(TEXTS[tag]).keys() <= expected


@pytest.mark.parametrize("declared", ["en", "fr", "sw", "ru", "ja"])
def test_a_sentence_in_a_far_language_is_surely_another(declared: str) -> None:
    for tag, text in TEXTS.items():
        found = identify_text(text, declared, MODEL)
        assert found is not None
        if tag not in confused_with(declared):
            assert is_sure_other(found, declared), (tag, declared)


def test_near_languages_are_not_held_against_each_other() -> None:
    malay = identify_text(TEXTS["ms"], "id", MODEL)
    assert malay is not None
    assert not is_sure_other(malay, "id")
    assert "ms" in confused_with("id-ID")
    assert confused_with("fi") == {"fi", "et", "se"}


@pytest.mark.parametrize("text", ["", "OK", "12 × 7 = ?", "Paris", "print(1)", "是的", "?!…"])
def test_short_texts_are_not_judged(text: str) -> None:
    assert identify_text(text, "te", MODEL) is None


CORNISH = [
    "Dydh da, fatla genes hedhyw ow howeth ker?",
    "Pyth yw an moyha skwir a Bow Frynk hag a Gernow?",
    "My a wra mos dhe'n gwerthji rag prena bara ha leth.",
    "Yma an ki ow poenya yn-dann an wydhenn vras.",
    "Ple'ma an fordh dhe Druru mar pleg, benyn vas?",
    "Hemm yw an kynsa lyver a wrug vy redya bythkweth.",
]
MAORI = [
    "Ka haere au ki te toa ki te hoko parāoa me te miraka.",
    "He aha te ingoa o te tāone matua o Aotearoa?",
    "Kei te oma te kurī i raro i te rākau nui.",
    "Kei hea te huarahi ki Tāmaki Makaurau, tēnā koe?",
    "He pai ki ahau te pānui pukapuka i te pō.",
    "Ko te rā te mea nui o te ao mārama.",
]


@pytest.mark.parametrize(("tag", "texts"), [("kw", CORNISH), ("mi", MAORI)])
def test_languages_that_the_identifier_does_not_know_raise_no_alarm(tag: str, texts: Sequence[str]) -> None:
    assert tag not in MODEL.labels
    judged = [identify_text(text, tag, MODEL) for text in texts]
    group = identify_group(judged)
    assert group is not None
    assert not is_other_language(group, tag, MODEL)
    assert not any(is_sure_other(text, tag) for text in judged if text is not None)


def test_a_group_needs_three_judged_texts() -> None:
    sure = TextLanguage("sw", 0.99, 0.0)
    assert identify_group([sure, None, sure]) is None
    assert identify_group([sure, None, sure, TextLanguage("en", 0.5, 0.5)]) == GroupLanguage(
        best="sw", share=2 / 3, sure=0.99, judged=3
    )


@pytest.mark.parametrize(
    ("share", "sure", "declared", "expected"),
    [
        (0.7, 0.9, "fr", True),
        (0.5, 0.9, "fr", False),
        (0.7, 0.7, "fr", False),
        (0.7, 0.9, "kw", False),
        (0.96, 0.96, "kw", True),
        (1.0, 1.0, "sw", False),
        (1.0, 1.0, "rw", False),
    ],
)
def test_a_group_is_another_language_only_when_that_is_sure(
    share: float, sure: float, declared: str, expected: bool
) -> None:
    group = GroupLanguage(best="sw", share=share, sure=sure, judged=20)
    assert is_other_language(group, declared, MODEL) is expected


def test_scripts() -> None:
    assert script_counts("Ab ж あア漢 한 ب é1!") == {
        "Latn": 3,
        "Cyrl": 1,
        "Hira": 1,
        "Kana": 1,
        "Hani": 1,
        "Hang": 1,
        "Arab": 1,
    }
    assert weight(script_counts("漢字ab")) == 8
    assert expected_scripts("sr-Latn") == {"Latn"}
    assert expected_scripts("zh-Hant") == {"Hani"}
    assert expected_scripts("fr-CA") == {"Latn"}
    assert expected_scripts("und") is None


def test_every_language_of_the_identifier_has_scripts_or_none() -> None:
    assert {tag for tag in MODEL.labels if expected_scripts(tag) is None} <= {"gcr"}


@given(st.text(max_size=300), st.sampled_from(["en", "te", "kw", "zh-Hant"]))
def test_any_text_is_judged_or_not(text: str, tag: str) -> None:
    found = identify_text(text, tag, MODEL)
    assert found is None or (0.0 <= found.probability <= 1.0 and found.best in MODEL.labels)


def test_names_of_languages() -> None:
    assert shown("sw") == "Kiswahili (sw)"
    assert shown("qqq") == "qqq"
    assert languages_named_in("Privacy - Farsi") == {"fa"}
    assert languages_named_in("Non-Violent Crimes - Kiswahili, 한국어") == {"sw", "ko"}
    assert languages_named_in("a latin square, to polish a gun") == set()
    assert len(ISO_639_1) >= 183
    assert all(tag in NAMES for tag in COUNTRY_LANGUAGES.values())


@pytest.mark.data
@pytest.mark.parametrize(
    ("ending", "tag"),
    [
        ("en", "en"),
        ("fr", "fr"),
        ("cn", "zh"),
        ("fa", "fa"),
        ("jp", "ja"),
        ("kr", "ko"),
        ("kw", "sw"),
        ("my", "ms"),
        ("tl", "te"),
    ],
)
def test_real_prompts_are_known(data_folder: Path, ending: str, tag: str) -> None:
    paths = sorted((data_folder / "moonshot-data" / "joint-testing").glob(f"mlc-*-{ending}.json"))
    if not paths:
        pytest.skip("CONSILIENCE_DATA has no moonshot-data")
    for path in paths:
        prompts = [example["input"] for example in json.loads(path.read_text(encoding="utf-8"))["examples"]]
        judged = [identify_text(prompt, tag, MODEL) for prompt in prompts]
        group = identify_group(judged)
        assert group is not None
        assert (group.best, group.judged) == (tag, 100)
        assert group.share > 0.9
        assert sum(is_sure_other(text, tag) for text in judged if text is not None) == 0
        for other in ("en", "fr", "zh", "fa", "ja", "ko", "sw", "ms", "te"):
            again = identify_group([identify_text(prompt, other, MODEL) for prompt in prompts[:20]])
            assert again is not None
            assert is_other_language(again, other, MODEL) is (other != tag)
