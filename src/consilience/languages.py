"""Languages as BCP 47 tags: how to check a tag, which way it is written, what it calls itself.

Pure: no I/O. A tag that is not in the table is still a good tag; its name is then the tag itself.
"""

from __future__ import annotations

import re

TAG = re.compile(r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?(-[a-z0-9]{5,8})*$")
"""The part of BCP 47 (RFC 5646, section 2.1) in use here: language, script, region, variants."""

RIGHT_TO_LEFT_LANGUAGES = frozenset(
    {"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"}
)
RIGHT_TO_LEFT_SCRIPTS = frozenset({"Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm", "Rohg"})

ENDONYMS = {
    "am": "አማርኛ", "ar": "العربية", "bn": "বাংলা", "de": "Deutsch", "en": "English", "es": "Español",
    "fa": "فارسی", "fr": "Français", "ha": "Hausa", "he": "עברית", "hi": "हिन्दी", "id": "Bahasa Indonesia",
    "it": "Italiano", "ja": "日本語", "ko": "한국어", "ms": "Bahasa Melayu", "nl": "Nederlands",
    "pl": "Polski", "ps": "پښتو", "pt": "Português", "ru": "Русский", "sw": "Kiswahili", "ta": "தமிழ்",
    "te": "తెలుగు", "th": "ไทย", "tl": "Tagalog", "tr": "Türkçe", "uk": "Українська", "ur": "اردو",
    "vi": "Tiếng Việt", "yo": "Yorùbá", "yue": "粵語", "zh": "中文", "zu": "isiZulu",
}  # fmt: skip


def is_tag(text: str) -> bool:
    """Say whether `text` is a language tag in canonical case, such as `sw`, `zh-Hant` or `fr-CA`."""
    return len(text) <= 35 and TAG.fullmatch(text) is not None


def primary(tag: str) -> str:
    """Return the language part of a tag: `fr` of `fr-CA`."""
    return tag.split("-", 1)[0]


def direction(tag: str) -> str:
    """Return `rtl` where the tag's script is written right to left, else `ltr`."""
    script = next((part for part in tag.split("-")[1:] if len(part) == 4 and part.isalpha()), None)
    if script is not None:
        return "rtl" if script in RIGHT_TO_LEFT_SCRIPTS else "ltr"
    return "rtl" if primary(tag) in RIGHT_TO_LEFT_LANGUAGES else "ltr"


def endonym(tag: str) -> str:
    """Return what the language calls itself, or the tag where that is not known here."""
    return ENDONYMS.get(tag) or ENDONYMS.get(primary(tag)) or tag
