"""How the report speaks: texts from the catalogue of a language, with parameters written in that language's
way.

English texts are the message ids; `locale/LANGUAGE/LC_MESSAGES/report.mo` holds the other languages (GNU
gettext, read with the standard library). A placeholder names its kind, `{low:score}`, so that translators see
what stands there and callers pass raw values. Kinds are the keys of `_WRITERS`.

Invariants: a text never fails: an unknown code, a missing or oddly typed parameter comes out as words that
say so; in HTML every parameter is escaped, names stand in `bdi`, numbers and ranges in `bdi dir="ltr"`.
"""

from __future__ import annotations

import gettext
import html
import re
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any, Protocol

from markupsafe import Markup, escape

from consilience import languages
from consilience.evaluation.joint_result import Message
from consilience.reporting import evidence, names, numbers, verdict, verdict_limits
from consilience.reporting.language_names import LANGUAGE_NAMES
from consilience.reporting.sentences import CODES, RATER_PARTS, WORD_KINDS

LANGUAGES = ("en", "fr")
"""Languages that the report speaks completely."""

DOMAIN = "report"
PLACEHOLDER = re.compile(r"\{([a-z_0-9]+)(?::([a-z_]+))?\}")
COMPOSERS = verdict.COMPOSERS | verdict_limits.COMPOSERS | evidence.COMPOSERS
"""Message code → how its sentence is composed, where it has several forms."""
MAX_LISTED = 12
"""Names of a list that are written out; the rest is counted."""


class Catalogue(Protocol):
    """What is needed of a translation: the interface of `gettext.NullTranslations`."""

    def gettext(self, message: str, /) -> str:
        """Return the translation of a text, or the text."""

    def ngettext(self, singular: str, plural: str, n: int, /) -> str:
        """Return the form for `n`."""


def catalogue(language: str) -> Catalogue:
    """Return the catalogue of a language; the English texts themselves where there is none."""
    path = resources.files("consilience.reporting") / "locale" / language / "LC_MESSAGES" / f"{DOMAIN}.mo"
    if language not in LANGUAGES or not path.is_file():
        return gettext.NullTranslations()
    with path.open("rb") as file:
        return gettext.GNUTranslations(file)


class Voice:
    """One language's way to say things, for one report.

    Args:
        language: BCP 47 tag; texts are English where `texts` knows nothing else.
        titles: Id → title, for the placeholder kind `concept`.
        scales: Id of a concept → scale of the rater that carries its verdict; `binary` where not given.
        texts: A catalogue other than the packaged one (for example a pseudo-language).
    """

    def __init__(
        self,
        language: str = "en",
        *,
        titles: Mapping[str, str] | None = None,
        scales: Mapping[str, str] | None = None,
        texts: Catalogue | None = None,
    ) -> None:
        self.language = language
        self.direction = languages.direction(language)
        self.titles = dict(titles or {})
        self.scales = dict(scales or {})
        self.style = numbers.style_of(language)
        self._texts = texts or catalogue(languages.primary(language))

    def t(self, text: str, **params: Any) -> Markup:
        """Return a text of the catalogue as HTML, its placeholders filled."""
        return self.fill(self._texts.gettext(text), params)

    def tn(self, one: str, many: str, n: int, **params: Any) -> Markup:
        """Return the form of a text for `n`, which is also the placeholder `{n:count}`."""
        known = isinstance(n, int | float) and numbers.is_known(n)
        return self.fill(self._texts.ngettext(one, many, int(n) if known else 0), {"n": n, **params})

    def plain(self, text: str, **params: Any) -> str:
        """Return a text without markup, for titles, attributes and files."""
        return without_markup(self.t(text, **params))

    def sentence(self, message: Message) -> Markup:
        """Return what a message says, as HTML."""
        if message.code in COMPOSERS:
            return COMPOSERS[message.code](self, message.params)
        template = CODES.get(message.code)
        if template is None:
            told = ", ".join(f"{key}: {value}" for key, value in sorted(message.params.items()))
            return self.t("No wording for “{code}” ({told}).", code=message.code, told=told)
        return self.t(template, **message.params)

    def reason(self, message: Message | None) -> Markup:
        """Return why something is missing; there is always an answer."""
        return self.sentence(message) if message is not None else self.t("no reason was recorded")

    def fill(self, template: str, params: Mapping[str, Any]) -> Markup:
        """Fill the placeholders of a translated text; everything is escaped on the way."""
        pieces: list[Markup] = []
        end = 0
        for found in PLACEHOLDER.finditer(template):
            pieces.append(escape(template[end : found.start()]))
            pieces.append(self.write(found[2] or "name", params.get(found[1]), params))
            end = found.end()
        pieces.append(escape(template[end:]))
        return Markup("").join(pieces)

    def write(self, kind: str, value: Any, params: Mapping[str, Any] | None = None) -> Markup:
        """Write one value as its kind says; what does not fit the kind is written as a name."""
        if isinstance(value, Markup):
            return value
        if value is None or (isinstance(value, float) and not numbers.is_known(value)):
            return self.t("not set") if kind == "setting" and value is None else self.t("not known")
        if isinstance(value, list | tuple):
            return self.listed([self.write(kind, one, params) for one in value])
        if kind in _NUMBER_WRITERS:
            if isinstance(value, bool) or not isinstance(value, int | float):
                return names.isolated(str(value))
            return names.left_to_right(self.number(kind, value, params))
        return self._write_word(kind, value)

    def _write_word(self, kind: str, value: Any) -> Markup:
        if kind == "setting" and isinstance(value, str) and value.startswith("sha256:"):
            return names.left_to_right(names.short_digest(value))
        if kind == "date":
            return names.left_to_right(written_date(str(value)))
        if kind in WORD_KINDS:
            return self.word(kind, str(value))
        if kind == "language":
            return self.language_name(str(value))
        if kind == "concept":
            return names.isolated(self.titles.get(str(value), str(value)))
        return names.isolated(
            self._plain_value(value), limit=names.MAX_TEXT if kind == "text" else names.MAX_NAME
        )

    def number(self, kind: str, value: float, params: Mapping[str, Any] | None = None) -> str:
        """Return a finite number as plain text, written as its kind says; see `_NUMBER_WRITERS`."""
        return _NUMBER_WRITERS[kind](value, self.style, self._scaled(params or {}))

    def _scaled(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        if "scale" in params or "concept" not in params:
            return params
        return {**params, "scale": self.scales.get(str(params["concept"]), "binary")}

    def range(self, low: float, high: float, kind: str, params: Mapping[str, Any] | None = None) -> Markup:
        """Return `low to high`, read from left to right, both written as `kind` says."""
        ends = []
        for value in (low, high):
            if isinstance(value, bool) or not isinstance(value, int | float) or not numbers.is_known(value):
                return self.t("not known")
            ends.append(self.number(kind, value, params))
        return names.left_to_right(numbers.range_of(ends[0], ends[1], self.style))

    def word(self, kind: str, value: str) -> Markup:
        """Return a code in words; interactions such as `item:language` are joined with ×."""
        words = WORD_KINDS[kind]
        if value in words:
            return escape(self._texts.gettext(words[value]))
        if kind == "field" and value.startswith("rater."):
            return self._rater_field(value.removeprefix("rater."))
        if kind == "source" and ":" in value:
            return Markup(" × ").join(self.word(kind, part) for part in value.split(":")[:5])
        return names.isolated(value)

    def _rater_field(self, name: str) -> Markup:
        rater, _, part = name.rpartition(".")
        if rater and part in RATER_PARTS:
            return self.t("{part} of rater {rater}", part=self.t(RATER_PARTS[part]), rater=rater)
        return self.t("rater {rater}", rater=name)

    def _plain_value(self, value: Any) -> str:
        """A setting as it stands in a protocol: 0.2, yes, a word."""
        if isinstance(value, bool):
            return self._texts.gettext("yes") if value else self._texts.gettext("no")
        if isinstance(value, int):
            return str(value).replace("-", numbers.MINUS)
        if isinstance(value, float):
            written = f"{value:.6g}"
            if written.lstrip("-").isdigit():
                written += ".0"
            return written.replace(".", self.style.decimal).replace("-", numbers.MINUS)
        return str(value)

    def listed(self, parts: list[Markup]) -> Markup:
        """Join parts as a sentence does: `A, B and C`."""
        if not parts:
            return self.t("none")
        if len(parts) > MAX_LISTED:
            rest = self.tn("{n:count} more", "{n:count} more", len(parts) - MAX_LISTED + 1)
            parts = [*parts[: MAX_LISTED - 1], rest]
        if len(parts) == 1:
            return parts[0]
        head = self.t(", ").join(parts[:-1])
        return Markup("").join([head, self.t(" and "), parts[-1]])

    def language_name(self, tag: str) -> Markup:
        """Return the name of a language in the report's language, or its tag where that is not known."""
        name = LANGUAGE_NAMES.get(tag) or LANGUAGE_NAMES.get(languages.primary(tag))
        if name is None:
            return names.isolated(tag)
        told = self._texts.gettext(name)
        whole = told if tag in LANGUAGE_NAMES else f"{told} ({tag})"
        return names.isolated(whole)


Style = numbers.NumberStyle
_NumberWriter = Callable[[float, Style, Mapping[str, Any]], str]


def _is_binary(params: Mapping[str, Any]) -> bool:
    return bool(params.get("scale", "binary") == "binary")


def _difference(value: float, style: Style, params: Mapping[str, Any], *, signed: bool) -> str:
    if _is_binary(params):
        return numbers.points(
            value, style, places=0 if abs(value) >= 0.01 or value == 0 else 1, signed=signed
        )
    return numbers.decimal(value, style, places=3, signed=signed)


_NUMBER_WRITERS: dict[str, _NumberWriter] = {
    "count": lambda value, style, _: numbers.integer(value, style),
    "rate": lambda value, style, _: numbers.percent(value, style, places=0),
    "level": lambda value, style, _: numbers.percent(
        value, style, places=0 if round(value * 100, 6) % 1 == 0 else 1
    ),
    "score": lambda value, style, params: numbers.score(
        value, style, binary=_is_binary(params), places=0 if _is_binary(params) else 1
    ),
    "gap": lambda value, style, params: _difference(value, style, params, signed=True),
    "spread": lambda value, style, params: _difference(value, style, params, signed=False),
    "p": lambda value, style, _: numbers.probability(value, style),
    "number": lambda value, style, _: numbers.decimal(value, style, places=2),
    "seconds": lambda value, style, _: numbers.seconds(value, style),
}
"""Kinds of numbers. `score`, `gap` and `spread` look at the parameter `scale`: percent (points) where it
is binary."""

KINDS = (
    frozenset(_NUMBER_WRITERS)
    | frozenset(WORD_KINDS)
    | {"name", "text", "language", "concept", "setting", "date"}
)
"""Every kind that a placeholder may have."""

ISO_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::\d{2}(?:\.\d+)?)?(Z|\+00:00)?)?")


def written_date(text: str) -> str:
    """Return a date of ISO 8601 as `2026-08-03 09:00 UTC`; other text as a clean name."""
    found = ISO_DATE.fullmatch(text)
    if found is None:
        return names.clean(text)
    date, time, zone = found.groups()
    return " ".join(part for part in (date, time, "UTC" if zone else None) if part)


_TAG = re.compile(r"<[^<>]*>")


def without_markup(text: Markup) -> str:
    """Return HTML made by a `Voice` as plain text; its white space stays as it is."""
    return html.unescape(_TAG.sub("", str(text)))


def sentence(message: Message, language: str = "en", *, titles: Mapping[str, str] | None = None) -> str:
    """Return what a message says, as plain text, for terminals and files.

    Args:
        message: Code and parameters.
        language: `en` or `fr`; others fall back to English.
        titles: Titles of concepts by id.
    """
    return without_markup(Voice(language, titles=titles).sentence(message))
