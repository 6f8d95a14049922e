"""English names of languages by ISO 639 code, for messages, and the languages that a name in a title may
mean.

Pure data. The two-letter codes are complete (ISO 639-1, 183 codes); of the three-letter codes only those that
occur in practice are here. Countries are here only because their codes are mistaken for languages.
"""

from __future__ import annotations

import re

from consilience.languages import ENDONYMS, primary

_TWO_LETTERS = """
aa Afar; ab Abkhazian; ae Avestan; af Afrikaans; ak Akan; am Amharic; an Aragonese; ar Arabic; as Assamese;
av Avaric; ay Aymara; az Azerbaijani; ba Bashkir; be Belarusian; bg Bulgarian; bi Bislama; bm Bambara;
bn Bengali; bo Tibetan; br Breton; bs Bosnian; ca Catalan; ce Chechen; ch Chamorro; co Corsican; cr Cree;
cs Czech; cu Church Slavonic; cv Chuvash; cy Welsh; da Danish; de German; dv Divehi; dz Dzongkha; ee Ewe;
el Greek; en English; eo Esperanto; es Spanish; et Estonian; eu Basque; fa Persian; ff Fulah; fi Finnish;
fj Fijian; fo Faroese; fr French; fy Western Frisian; ga Irish; gd Scottish Gaelic; gl Galician;
gn Guarani; gu Gujarati; gv Manx; ha Hausa; he Hebrew; hi Hindi; ho Hiri Motu; hr Croatian; ht Haitian;
hu Hungarian; hy Armenian; hz Herero; ia Interlingua; id Indonesian; ie Interlingue; ig Igbo;
ii Sichuan Yi; ik Inupiaq; io Ido; is Icelandic; it Italian; iu Inuktitut; ja Japanese; jv Javanese;
ka Georgian; kg Kongo; ki Kikuyu; kj Kuanyama; kk Kazakh; kl Kalaallisut; km Khmer; kn Kannada; ko Korean;
kr Kanuri; ks Kashmiri; ku Kurdish; kv Komi; kw Cornish; ky Kyrgyz; la Latin; lb Luxembourgish; lg Ganda;
li Limburgish; ln Lingala; lo Lao; lt Lithuanian; lu Luba-Katanga; lv Latvian; mg Malagasy; mh Marshallese;
mi Maori; mk Macedonian; ml Malayalam; mn Mongolian; mr Marathi; ms Malay; mt Maltese; my Burmese;
na Nauru; nb Norwegian Bokmål; nd North Ndebele; ne Nepali; ng Ndonga; nl Dutch; nn Norwegian Nynorsk;
no Norwegian; nr South Ndebele; nv Navajo; ny Chichewa; oc Occitan; oj Ojibwa; om Oromo; or Oriya;
os Ossetian; pa Punjabi; pi Pali; pl Polish; ps Pashto; pt Portuguese; qu Quechua; rm Romansh; rn Rundi;
ro Romanian; ru Russian; rw Kinyarwanda; sa Sanskrit; sc Sardinian; sd Sindhi; se Northern Sami; sg Sango;
si Sinhala; sk Slovak; sl Slovenian; sm Samoan; sn Shona; so Somali; sq Albanian; sr Serbian; ss Swati;
st Southern Sotho; su Sundanese; sv Swedish; sw Kiswahili; ta Tamil; te Telugu; tg Tajik; th Thai;
ti Tigrinya; tk Turkmen; tl Tagalog; tn Tswana; to Tonga; tr Turkish; ts Tsonga; tt Tatar; tw Twi;
ty Tahitian; ug Uyghur; uk Ukrainian; ur Urdu; uz Uzbek; ve Venda; vi Vietnamese; vo Volapük; wa Walloon;
wo Wolof; xh Xhosa; yi Yiddish; yo Yoruba; za Zhuang; zh Chinese; zu Zulu; sh Serbo-Croatian; mo Moldavian
"""
_THREE_LETTERS = """
ace Acehnese; arc Aramaic; ary Moroccan Arabic; arz Egyptian Arabic; ban Balinese; bcl Central Bikol;
ceb Cebuano; ckb Central Kurdish; crh Crimean Tatar; ext Extremaduran; fil Filipino; fuv Nigerian Fulfulde;
gcf Guadeloupean Creole; gom Konkani; grc Ancient Greek; gsw Swiss German; gug Paraguayan Guarani; guw Gun;
haw Hawaiian; hbo Ancient Hebrew; ilo Iloko; kab Kabyle; kik Kikuyu; lij Ligurian; ltg Latgalian;
mai Maithili; mni Manipuri; nso Northern Sotho; nqo N’Ko; pcm Nigerian Pidgin; sat Santali; scn Sicilian;
sdh Southern Kurdish; srl Serbian; tzm Central Atlas Tamazight; uzs Southern Uzbek; vec Venetian;
war Waray; wuu Wu Chinese; yue Cantonese; zxx no language; und undetermined; mul several languages;
acm Mesopotamian Arabic; apc Levantine Arabic; bho Bhojpuri; din Dinka; dyu Dyula; kam Kamba;
kmr Northern Kurdish; luo Luo; lus Mizo; mos Mossi; nan Min Nan Chinese; pap Papiamento; prs Dari;
tpi Tok Pisin; umb Umbundu; zsm Standard Malay; cmn Mandarin Chinese; kea Kabuverdianu; ber Berber;
szl Silesian; ast Asturian
"""


def _table(text: str) -> dict[str, str]:
    entries = text.replace("\n", " ").split(";")
    return {code: name.strip() for code, _, name in (entry.strip().partition(" ") for entry in entries)}


ISO_639_1 = _table(_TWO_LETTERS)
NAMES = ISO_639_1 | _table(_THREE_LETTERS)

COUNTRY_LANGUAGES = {
    "bd": "bn", "br": "pt", "cn": "zh", "cz": "cs", "dk": "da", "ee": "et", "gr": "el", "in": "hi",
    "ir": "fa", "jp": "ja", "ke": "sw", "kr": "ko", "kw": "ar", "kz": "kk", "mm": "my", "my": "ms",
    "np": "ne", "ph": "tl", "pk": "ur", "se": "sv", "tw": "zh", "ua": "uk", "uk": "en", "us": "en",
    "vn": "vi",
}  # fmt: skip
"""Country code (ISO 3166-1, lower case) → a language that people mean when they write the country's code."""

_OTHER_NAMES = {
    "farsi": "fa", "dari": "fa", "swahili": "sw", "mandarin": "zh", "bahasa": "ms", "filipino": "tl",
    "castilian": "es", "bangla": "bn", "burmese": "my", "myanmar": "my", "flemish": "nl", "odia": "or",
    "sinhalese": "si", "hangul": "ko",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")


def language_name(tag: str) -> str:
    """Return the English name of a tag's language, or the tag where it is not known here."""
    return NAMES.get(primary(tag), tag)


def shown(tag: str) -> str:
    """Return a tag for messages: `Kiswahili (sw)`."""
    name = language_name(tag)
    return f"{name} ({tag})" if name != tag else tag


def languages_named_in(text: str) -> set[str]:
    """Return the languages that a title names, such as {"fa"} for "Privacy - Farsi".

    Only whole words count that are the English name, a usual other name or the language's own name; names
    which are also common English words ("Latin", "Polish" with a small letter, "Wolof" never) count only with
    a capital letter.
    """
    found = set()
    for word in _WORD.findall(text[:10_000]):
        tag = _BY_NAME.get(word.casefold())
        if tag is not None and (word[0] != word[0].lower() or not word.isascii()):
            found.add(tag)
    return found


_BY_NAME = (
    {name.casefold(): tag for tag, name in NAMES.items() if " " not in name and tag != "und"}
    | {name.casefold(): tag for tag, name in ENDONYMS.items() if " " not in name}
    | _OTHER_NAMES
)
