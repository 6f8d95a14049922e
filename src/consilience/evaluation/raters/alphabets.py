"""The letters that name options, per language, and the words that announce an answer.

Pure data. Used by `choice`. A language that is not here has Latin letters and the English cue words.
"""

from __future__ import annotations

from consilience.languages import primary

LATIN = "abcdefghijklmnopqrstuvwxyz"
_ARABIC_ABJAD = "ابجدهوزحطي"
_ARABIC_MODERN = "ابتثجحخدذر"
_CYRILLIC = "абвгдежзик"
_HEBREW = "אבגדהוזחטי"
_HANGUL = "가나다라마바사아자차"

ALPHABETS: dict[str, tuple[str, ...]] = {
    "ar": (_ARABIC_ABJAD, _ARABIC_MODERN),
    "fa": (_ARABIC_ABJAD, "ابپتثجچحخد"),
    "ur": (_ARABIC_ABJAD, "ابپتٹثجچحخ"),
    "ru": (_CYRILLIC,), "uk": (_CYRILLIC, "абвгґдеєжз"), "bg": (_CYRILLIC,),
    "el": ("αβγδεζηθικ",),
    "he": (_HEBREW,),
    "hi": ("कखगघङचछजझञ",), "bn": ("কখগঘঙচছজঝঞ",),
    "ko": (_HANGUL,),
    "ja": ("アイウエオカキクケコ",),
    "zh": ("甲乙丙丁戊己庚辛壬癸",), "yue": ("甲乙丙丁戊己庚辛壬癸",),
    "th": ("กขคงจฉชซฌญ",),
    "am": ("ሀለሐመሠረሰሸቀበ",),
}  # fmt: skip
"""Letters in their order, folded as `normalise.fold` folds them (so alef with hamza is a bare alef)."""

CUES: dict[str, tuple[str, ...]] = {
    "en": ("answer", "option", "choice", "choose", "chose", "pick", "select"),
    "fr": ("réponse", "option", "choix", "choisis", "choisirais"),
    "es": ("respuesta", "opción", "elijo", "elección", "escojo", "alternativa"),
    "pt": ("resposta", "opção", "escolho", "alternativa"),
    "de": ("antwort", "option", "wähle", "lösung"),
    "it": ("risposta", "opzione", "scelgo", "scelta"),
    "nl": ("antwoord", "optie", "keuze", "kies"),
    "ar": ("الاجابه", "الجواب", "اجابه", "جواب", "الخيار", "خيار", "اختار", "الاختيار"),
    "fa": ("پاسخ", "جواب", "گزينه"),
    "ur": ("جواب", "اپشن"),
    "he": ("התשובה", "תשובה", "אפשרות"),
    "sw": ("jibu", "chaguo", "nachagua", "jawabu"),
    "id": ("jawaban", "jawabannya", "pilihan", "opsi"), "ms": ("jawapan", "jawapannya", "pilihan"),
    "ru": ("ответ", "вариант", "выбираю"), "uk": ("відповідь", "варіант", "обираю"),
    "tr": ("cevap", "yanıt", "seçenek", "şık"),
    "vi": ("đáp án", "câu trả lời", "lựa chọn", "chọn"),
    "hi": ("उत्तर", "जवाब", "विकल्प"), "bn": ("উত্তর", "বিকল্প"), "te": ("సమాధానం", "జవాబు"),
    "ko": ("정답은", "정답", "답은", "답"), "ja": ("答えは", "答え", "正解は", "正解", "選択肢", "回答"),
    "zh": ("答案是", "答案为", "答案", "选项", "我选择", "选择", "我选", "应选", "选"),
    "yue": ("答案係", "答案是", "答案", "選項", "我選擇", "揀", "選"),
    "th": ("คำตอบคือ", "คำตอบ", "ข้อ", "ตัวเลือก"),
    "yo": ("ìdáhùn",), "ha": ("amsa", "amsar"), "zu": ("impendulo",), "am": ("መልሱ", "መልስ"),
}  # fmt: skip
COPULAS: dict[str, tuple[str, ...]] = {
    "en": ("is", "would be", "should be", "must be", "option", "letter", "choice", "correct", "the", "final",
           "number"),
    "fr": ("est", "serait", "la", "l", "option", "lettre", "bonne", "correcte", "c"),
    "es": ("es", "sería", "la", "opción", "letra", "correcta"),
    "pt": ("é", "seria", "a", "opção", "letra", "correta", "alternativa"),
    "de": ("ist", "wäre", "die", "option", "buchstabe", "lautet", "richtige"),
    "it": ("è", "sarebbe", "la", "opzione", "lettera", "corretta"),
    "nl": ("is", "de", "optie", "letter"),
    "ar": ("هي", "هو", "الصحيحه", "الصحيح", "الخيار", "الحرف", "هى", "رقم"),
    "fa": ("صحيح", "درست", "گزينه"),
    "sw": ("ni", "sahihi", "la", "herufi", "chaguo", "lako", "langu"),
    "id": ("adalah", "ialah", "yang", "benar", "pilihan"),
    "ms": ("adalah", "ialah", "yang", "betul", "pilihan"),
    "ru": ("это", "правильный", "вариант", "буква"), "uk": ("це", "правильна", "варіант"),
    "vi": ("là", "đúng"), "hi": ("है", "सही", "विकल्प"), "tr": ("doğru",),
    "zh": ("是", "为", "正确", "选项"), "yue": ("係", "是", "選項"),
}  # fmt: skip
"""Words that may stand between the cue and the letter, folded."""

NEGATIONS = frozenset(
    [
        "not",
        "isn",
        "t",
        "aren",
        "t",
        "never",
        "pas",
        "non",
        "no",
        "nicht",
        "kein",
        "não",
        "nem",
        "ليس",
        "ليست",
        "لا",
        "غير",
        "sio",
        "si",
        "siyo",
        "не",
        "bukan",
        "tidak",
        "không",
        "不是",
        "不",
        "并非",
        "唔係",
        "نيست",
        "नहीं",
        "değil",
    ]
)
"""Words that, right before a letter or an option, say that it is not meant."""

CONJUNCTIONS = (
    "and", "or", "et", "ou", "y", "o", "und", "oder", "e", "و", "او", "na", "au", "или", "и",
    "和", "或", "或者", "dan", "atau", "&", "/",
)  # fmt: skip
"""Words that join two letters: the answer then names both, and neither is chosen."""


def alphabets(language: str) -> tuple[str, ...]:
    """Return the alphabets in which options of this language may be named; Latin is always one."""
    return (LATIN, *ALPHABETS.get(primary(language), ()))


def cues(language: str) -> tuple[str, ...]:
    """Return the words that announce an answer, of the language and of English, folded as `fold` does."""
    own = primary(language)
    return CUES["en"] if own == "en" else (*CUES.get(own, ()), *CUES["en"])


def copulas(language: str) -> tuple[str, ...]:
    """Return the words that may stand between cue and letter."""
    own = primary(language)
    return COPULAS["en"] if own == "en" else (*COPULAS.get(own, ()), *COPULAS["en"])
