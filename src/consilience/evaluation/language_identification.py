"""In which script and which language is a text written, and how sure can one be?

Responsible for identification only; what follows from it is judged by `lint_languages`. Two independent
witnesses: the scripts of the letters (certain, but many languages share one) and a naive-Bayes identifier
over byte n-grams (140 languages, unsure on short texts). Invariants: a text without enough letters is never
judged; languages that the identifier confuses with each other are never held against each other; a group is
judged by its majority.

References:
    Unicode Standard Annex 24 (scripts); Lui and Baldwin 2012, "langid.py: an off-the-shelf language
    identification tool" (ACL demonstrations), in the implementation py3langid.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Protocol as Interface

import msgspec

from consilience.languages import primary

MIN_LETTERS = 20
"""Texts with fewer letters are not judged (ideographs count threefold, other syllables twice)."""
SURE = 0.8
VERY_SURE = 0.99
MIN_TEXTS = 3
"""A group with fewer judged texts is not judged."""

_RANGES = (
    (0x0041, 0x005A, "Latn"), (0x0061, 0x007A, "Latn"), (0x00AA, 0x00AA, "Latn"), (0x00BA, 0x00BA, "Latn"),
    (0x00C0, 0x024F, "Latn"), (0x0250, 0x02AF, "Latn"), (0x0370, 0x03FF, "Grek"), (0x0400, 0x052F, "Cyrl"),
    (0x0530, 0x058F, "Armn"), (0x0590, 0x05FF, "Hebr"), (0x0600, 0x06FF, "Arab"), (0x0700, 0x074F, "Syrc"),
    (0x0750, 0x077F, "Arab"), (0x0780, 0x07BF, "Thaa"), (0x07C0, 0x07FF, "Nkoo"), (0x08A0, 0x08FF, "Arab"),
    (0x0900, 0x097F, "Deva"), (0x0980, 0x09FF, "Beng"), (0x0A00, 0x0A7F, "Guru"), (0x0A80, 0x0AFF, "Gujr"),
    (0x0B00, 0x0B7F, "Orya"), (0x0B80, 0x0BFF, "Taml"), (0x0C00, 0x0C7F, "Telu"), (0x0C80, 0x0CFF, "Knda"),
    (0x0D00, 0x0D7F, "Mlym"), (0x0D80, 0x0DFF, "Sinh"), (0x0E00, 0x0E7F, "Thai"), (0x0E80, 0x0EFF, "Laoo"),
    (0x0F00, 0x0FFF, "Tibt"), (0x1000, 0x109F, "Mymr"), (0x10A0, 0x10FF, "Geor"), (0x1100, 0x11FF, "Hang"),
    (0x1200, 0x139F, "Ethi"), (0x13A0, 0x13FF, "Cher"), (0x1400, 0x167F, "Cans"), (0x1780, 0x17FF, "Khmr"),
    (0x1800, 0x18AF, "Mong"), (0x1C50, 0x1C7F, "Olck"), (0x1C90, 0x1CBF, "Geor"), (0x1E00, 0x1EFF, "Latn"),
    (0x1F00, 0x1FFF, "Grek"), (0x2C60, 0x2C7F, "Latn"), (0x2D30, 0x2D7F, "Tfng"), (0x2D80, 0x2DDF, "Ethi"),
    (0x3005, 0x3007, "Hani"), (0x3040, 0x309F, "Hira"), (0x30A0, 0x30FF, "Kana"), (0x3130, 0x318F, "Hang"),
    (0x31F0, 0x31FF, "Kana"), (0x3400, 0x4DBF, "Hani"), (0x4E00, 0x9FFF, "Hani"), (0xA000, 0xA4CF, "Yiii"),
    (0xA640, 0xA69F, "Cyrl"), (0xA720, 0xA7FF, "Latn"), (0xAB00, 0xAB2F, "Ethi"), (0xABC0, 0xABFF, "Mtei"),
    (0xAC00, 0xD7AF, "Hang"), (0xF900, 0xFAFF, "Hani"), (0xFB1D, 0xFB4F, "Hebr"), (0xFB50, 0xFDFF, "Arab"),
    (0xFE70, 0xFEFE, "Arab"), (0xFF21, 0xFF3A, "Latn"), (0xFF41, 0xFF5A, "Latn"), (0xFF66, 0xFF9F, "Kana"),
    (0x1E900, 0x1E95F, "Adlm"), (0x20000, 0x3134F, "Hani"),
)  # fmt: skip
_STARTS = tuple(start for start, _, _ in _RANGES)
_WEIGHTS = {"Hani": 3, "Hira": 2, "Kana": 2, "Hang": 2, "Ethi": 2, "Yiii": 3}

SCRIPT_NAMES = {
    "Latn": "Latin", "Grek": "Greek", "Cyrl": "Cyrillic", "Armn": "Armenian", "Hebr": "Hebrew",
    "Arab": "Arabic", "Syrc": "Syriac", "Thaa": "Thaana", "Nkoo": "N'Ko", "Deva": "Devanagari",
    "Beng": "Bengali", "Guru": "Gurmukhi", "Gujr": "Gujarati", "Orya": "Oriya", "Taml": "Tamil",
    "Telu": "Telugu", "Knda": "Kannada", "Mlym": "Malayalam", "Sinh": "Sinhala", "Thai": "Thai",
    "Laoo": "Lao", "Tibt": "Tibetan", "Mymr": "Myanmar", "Geor": "Georgian", "Hang": "Hangul",
    "Ethi": "Ethiopic", "Khmr": "Khmer", "Hira": "Hiragana", "Kana": "Katakana", "Hani": "Han",
}  # fmt: skip

_SCRIPTS: dict[str, tuple[str, ...]] = {
    "ja": ("Hira", "Kana", "Hani"), "ko": ("Hang", "Hani"), "zh": ("Hani",), "yue": ("Hani",),
    "wuu": ("Hani",), "cmn": ("Hani",), "nan": ("Hani", "Latn"), "sr": ("Cyrl", "Latn"),
    "bs": ("Latn", "Cyrl"), "mn": ("Cyrl", "Mong"), "az": ("Latn", "Arab", "Cyrl"), "uz": ("Latn", "Cyrl"),
    "kk": ("Cyrl", "Latn", "Arab"), "tg": ("Cyrl",), "ky": ("Cyrl",), "tt": ("Cyrl", "Latn"),
    "ku": ("Latn", "Arab"), "pa": ("Guru", "Arab"), "sd": ("Arab", "Deva"), "ks": ("Arab", "Deva"),
    "sa": ("Deva",), "am": ("Ethi",), "ti": ("Ethi",), "ka": ("Geor",), "hy": ("Armn",), "el": ("Grek",),
    "grc": ("Grek",), "he": ("Hebr",), "hbo": ("Hebr",), "yi": ("Hebr",), "dv": ("Thaa",), "bn": ("Beng",),
    "as": ("Beng",), "gu": ("Gujr",), "or": ("Orya",), "ta": ("Taml",), "te": ("Telu",), "kn": ("Knda",),
    "ml": ("Mlym",), "si": ("Sinh",), "th": ("Thai",), "lo": ("Laoo",), "bo": ("Tibt",), "dz": ("Tibt",),
    "my": ("Mymr",), "km": ("Khmr",), "ii": ("Yiii",), "nqo": ("Nkoo",), "sat": ("Olck", "Deva"),
    "mni": ("Mtei", "Beng"), "iu": ("Cans", "Latn"), "cr": ("Cans", "Latn"),
    "tzm": ("Tfng", "Latn", "Arab"), "ms": ("Latn", "Arab"), "ha": ("Latn", "Arab"),
    "crh": ("Latn", "Cyrl"), "gom": ("Deva", "Latn"),
}  # fmt: skip
_SCRIPTS |= dict.fromkeys(("hi", "mr", "ne", "mai", "bho"), ("Deva",))
_SCRIPTS |= dict.fromkeys(("ru", "uk", "be", "bg", "mk", "ba", "cv", "ce", "os", "kv", "ab", "av"), ("Cyrl",))
_SCRIPTS |= dict.fromkeys(
    ("ar", "ary", "arz", "acm", "apc", "fa", "prs", "ur", "ps", "ug", "ckb", "sdh", "uzs"), ("Arab",)
)
_LATIN_TAGS = """
af an ast ay bi bm br ca ceb co cs cy da de ee en eo es et eu ff fi fil fj fo fr fy ga gd gl gn gug gsw gv
haw hr ht hu id ig ik is it jv kea kg ki kik kl kw la lb lg li ln lt ltg lu lv mg mi mt nb nd nl nn no nr
nso nv ny oc om pap pcm pl pt qu rm rn ro rw sc scn se sg sk sl sm sn so sq ss st su sv sw tk tl tn to tpi
tr ts tw ty ve vec vi vo wa war wo xh yo za zu ace bcl ext fuv gcf guw ilo kab kam lij lus luo mos szl umb
"""
_LATIN = frozenset(_LATIN_TAGS.split())

_CONFUSED = (
    ("ms", "id", "jv", "su", "ace", "zsm", "ban"), ("bs", "hr", "sr", "sh", "sl", "mk"),
    ("no", "nb", "nn", "da", "sv"), ("zh", "yue", "wuu", "cmn", "nan"), ("en", "pcm", "tpi"),
    ("cs", "sk", "szl", "pl"), ("es", "ext", "an", "ast", "gl", "pt", "ca", "kea"),
    ("it", "vec", "lij", "scn", "co", "sc"), ("fr", "oc", "ca", "wa", "gcf", "ht"),
    ("hi", "mr", "ne", "sa", "gom", "mai", "bho"), ("fa", "prs", "sdh", "ckb", "ps"),
    ("ar", "ary", "arz", "acm", "apc"), ("ur", "fa", "sdh", "sd", "ks"), ("ug", "uzs", "ckb", "kk"),
    ("zu", "xh", "ss", "nr", "nd", "ts", "ve"),
    ("rn", "rw", "lg", "sw", "ny", "kik", "ki", "ln", "lu", "kam"), ("st", "tn", "nso", "ve", "ts"),
    ("kk", "ky", "tt", "ba", "tg", "mn", "uz", "crh"), ("tr", "az", "tk", "crh", "uz"),
    ("nl", "af", "fy", "li", "lb", "de", "gsw"), ("ru", "uk", "be", "bg", "mk", "sr"), ("am", "ti"),
    ("bn", "as"), ("ga", "gd", "gv"), ("tl", "fil", "bcl", "ceb", "war", "ilo"), ("lv", "ltg", "lt"),
    ("et", "fi", "se"), ("la", "it", "es", "pt"), ("el", "grc"), ("he", "hbo", "yi", "arc"), ("so", "om"),
    ("ha", "ff", "fuv"), ("gn", "gug"), ("sn", "ny", "rw"), ("is", "fo"), ("bo", "dz"), ("ku", "kmr"),
    ("cy", "kw", "br"), ("yo", "guw", "ee"),
)  # fmt: skip
"""Languages that are too near to each other for the identifier to hold one against the other."""


class LanguageModel(Interface):
    """What knows how likely each language is."""

    labels: frozenset[str]

    def rank(self, text: str) -> Sequence[tuple[str, float]]:
        """Return (language, probability) pairs, the most likely first."""


class BayesModel:
    """The packaged identifier, loaded on first use (about one second)."""

    def __init__(self) -> None:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self.labels = frozenset(self._identifier.labels) - {"zxx"}

    def rank(self, text: str) -> Sequence[tuple[str, float]]:
        """Return (language, probability) pairs, the most likely first."""
        ranked: Sequence[tuple[str, float]] = self._identifier.rank(text)
        return ranked


@lru_cache(maxsize=1)
def packaged_model() -> BayesModel:
    """Return the packaged identifier; it is loaded once."""
    return BayesModel()


class TextLanguage(msgspec.Struct, frozen=True):
    """What the identifier thinks of one text."""

    best: str
    probability: float
    """Of `best` and those confused with it."""
    declared_probability: float | None
    """Of the declared language and those confused with it; None: the identifier does not know it."""


class GroupLanguage(msgspec.Struct, frozen=True, kw_only=True):
    """What the identifier thinks of the texts of one file in one language."""

    best: str
    share: float
    """Of the judged texts in which `best` is most likely."""
    sure: float
    """Mean probability of `best` in those."""
    judged: int


def script_counts(text: str) -> Counter[str]:
    """Return how many letters of each script (ISO 15924 code) a text has; other signs are not counted."""
    counts: Counter[str] = Counter()
    for sign in unicodedata.normalize("NFC", text):
        code = ord(sign)
        place = bisect_right(_STARTS, code) - 1
        if place >= 0 and code <= _RANGES[place][1] and unicodedata.category(sign)[0] in "LM":
            counts[_RANGES[place][2]] += 1
    return counts


def weight(counts: Mapping[str, int]) -> int:
    """Return the number of letters, where a sign that stands for a syllable or word counts as several."""
    return sum(count * _WEIGHTS.get(script, 1) for script, count in counts.items())


def expected_scripts(tag: str) -> frozenset[str] | None:
    """Return the scripts in which a language is written, by the tag's own script if it names one; None: not
    known.
    """
    named = next((part for part in tag.split("-")[1:] if len(part) == 4 and part.isalpha()), None)
    if named is not None:
        spelled = {"Hans": ("Hani",), "Hant": ("Hani",), "Jpan": _SCRIPTS["ja"], "Kore": _SCRIPTS["ko"]}
        return frozenset(spelled.get(named, (named,)))
    language = primary(tag)
    if language in _SCRIPTS:
        return frozenset(_SCRIPTS[language])
    return frozenset({"Latn"}) if language in _LATIN else None


def script_name(code: str) -> str:
    """Return the English name of a script."""
    return SCRIPT_NAMES.get(code, code)


def confused_with(tag: str) -> frozenset[str]:
    """Return the languages, itself included, that the identifier confuses with this one."""
    return _confused_with(primary(tag))


@lru_cache(maxsize=1_000)
def _confused_with(language: str) -> frozenset[str]:
    return frozenset({language}.union(*(group for group in _CONFUSED if language in group)))


def identify_text(text: str, declared: str, model: LanguageModel) -> TextLanguage | None:
    """Return what the identifier thinks of a text, or None where the text has too few letters.

    Args:
        text: Any text.
        declared: The tag that it is said to be in.
        model: The identifier.
    """
    if weight(script_counts(text)) < MIN_LETTERS:
        return None
    ranked = [(label, chance) for label, chance in model.rank(text) if label != "zxx"]
    if not ranked:
        return None
    best = ranked[0][0]
    of_declared = _chance(ranked, declared) if primary(declared) in model.labels else None
    return TextLanguage(best, _chance(ranked, best), of_declared)


def _chance(ranked: Sequence[tuple[str, float]], tag: str) -> float:
    near = confused_with(tag)
    return min(1.0, sum(chance for label, chance in ranked if label in near))


def identify_group(judged: Sequence[TextLanguage | None]) -> GroupLanguage | None:
    """Return the language of the majority of texts, or None where too few of them could be judged."""
    texts = [text for text in judged if text is not None]
    if len(texts) < MIN_TEXTS:
        return None
    best, count = Counter(text.best for text in texts).most_common(1)[0]
    sure = sum(text.probability for text in texts if text.best == best) / count
    return GroupLanguage(best=best, share=count / len(texts), sure=sure, judged=len(texts))


def is_other_language(group: GroupLanguage, declared: str, model: LanguageModel) -> bool:
    """Say whether a group is surely in another language than declared.

    A declared language that the identifier does not know must be contradicted more strongly, since its texts
    are then bound to be taken for something else.
    """
    if group.best in confused_with(declared):
        return False
    if primary(declared) in model.labels:
        return group.share >= 0.6 and group.sure >= SURE
    return group.judged >= 5 and group.share >= 0.95 and group.sure >= 0.95


def is_sure_other(text: TextLanguage, declared: str) -> bool:
    """Say whether one text is surely in another language than declared (only where the identifier knows
    both).
    """
    if text.declared_probability is None or text.best in confused_with(declared):
        return False
    return text.probability >= VERY_SURE and text.declared_probability <= 0.002
