"""Names of languages in English, as message ids, so that a reader meets a name that he can read.

Pure data; the languages are those whose own name stands in `consilience.languages`.
"""

from __future__ import annotations


def N_(text: str) -> str:  # noqa: N802 - the customary mark of gettext for "to be translated later"
    """Mark a text for the catalogue and return it unchanged."""
    return text


LANGUAGE_NAMES: dict[str, str] = {
    "am": N_("Amharic"),
    "ar": N_("Arabic"),
    "bn": N_("Bengali"),
    "de": N_("German"),
    "en": N_("English"),
    "es": N_("Spanish"),
    "fa": N_("Persian"),
    "fr": N_("French"),
    "ha": N_("Hausa"),
    "he": N_("Hebrew"),
    "hi": N_("Hindi"),
    "id": N_("Indonesian"),
    "it": N_("Italian"),
    "ja": N_("Japanese"),
    "ko": N_("Korean"),
    "ms": N_("Malay"),
    "nl": N_("Dutch"),
    "pl": N_("Polish"),
    "ps": N_("Pashto"),
    "pt": N_("Portuguese"),
    "ru": N_("Russian"),
    "sw": N_("Swahili"),
    "ta": N_("Tamil"),
    "te": N_("Telugu"),
    "th": N_("Thai"),
    "tl": N_("Tagalog"),
    "tr": N_("Turkish"),
    "uk": N_("Ukrainian"),
    "ur": N_("Urdu"),
    "vi": N_("Vietnamese"),
    "yo": N_("Yoruba"),
    "yue": N_("Cantonese"),
    "zh": N_("Chinese"),
    "zu": N_("Zulu"),
}
