"""One sample or one summary of an Inspect log: bytes in, the few fields that are needed out.

Responsible for decoding and for what the prompt of a sample is. Invariants: fields that are not named here
are skipped, not kept; a field of another shape than Inspect's does not lose the others; the bare words NaN
and Infinity, which are no JSON, become `inspect_values.NAN` and `INFINITE`; texts that cannot be written as
UTF-8 are made so.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from consilience.evaluation.importers.json_elements import has_too_many_values
from consilience.evaluation.importers.prompt import joined
from consilience.languages import is_tag

MAX_GENERIC_BYTES = 16 * 2**20
"""Of a value that msgspec refuses and the standard decoder is given."""
MAX_TURNS = 10_000
"""Messages of one input that are looked at."""
ATTACHMENT = "attachment://"
_OLD_ATTACHMENT = "tc://"
CUT_MARKS = ("...", "(content truncated)")
"""How a shortened text ends in a summary (`inspect_ai/log/_util.py`; the first in older versions)."""
_PLACEHOLDER = re.compile(r"\((?:Image|Audio|Video|Document|Data|Reasoning|Tool_use)\)")
_BEFORE_WORD = re.compile(rb'(?:[^"NI\-]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"|-(?!Infinity))*+', re.DOTALL)
_WORD = re.compile(rb"NaN|-?Infinity")
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<lone>u[dD][89a-fA-F]..)|.)", re.DOTALL)


class Score(msgspec.Struct):
    """A score of a sample."""

    value: Any = None
    reason: Any = None
    metadata: Any = None
    history: Any = None

    @property
    def edited(self) -> bool:
        """Somebody changed it after the run; `value` is the last one."""
        return isinstance(self.history, list) and len(self.history) > 0

    def why(self) -> Any:
        """Return the reason, where older versions had it too."""
        if self.reason is None and isinstance(self.metadata, dict):
            return self.metadata.get("unscored_reason")
        return self.reason


class SummaryScore(msgspec.Struct):
    """A score of a summary, which has no history."""

    value: Any = None
    reason: Any = None

    @property
    def edited(self) -> bool:
        """Not told by a summary."""
        return False

    def why(self) -> Any:
        """Return the reason."""
        return self.reason


class Tongue(msgspec.Struct):
    """The metadata of a sample, as far as they tell its language."""

    lang: Any = None
    language: Any = None


class Choice(msgspec.Struct):
    """One answer of the model."""

    stop_reason: Any = None


class Output(msgspec.Struct):
    """What the model answered."""

    choices: list[Choice] = []
    completion: Any = None


class Summary(msgspec.Struct):
    """A row of `summaries.json`."""

    id: Any = None
    epoch: Any = None
    input: Any = None
    choices: Any = None
    metadata: Tongue | None = None
    scores: dict[str, SummaryScore] | None = None
    error: Any = None
    limit: Any = None
    uuid: Any = None


class Sample(msgspec.Struct):
    """An entry `samples/*.json`, or an element of `samples` in a JSON log."""

    id: Any = None
    epoch: Any = None
    input: Any = None
    choices: Any = None
    metadata: Tongue | None = None
    scores: dict[str, Score] | None = None
    score: Score | None = None
    """The only one, in logs of 2024."""
    error: Any = None
    limit: Any = None
    uuid: Any = None
    output: Output | None = None
    invalidation: Any = None
    attachments: msgspec.Raw = msgspec.Raw(b"")


AnySample = Summary | Sample
AnyScore = SummaryScore | Score
SUMMARIES = msgspec.json.Decoder(list[Summary])
FIELDS = frozenset(Sample.__struct_fields__)
"""Members of a sample that are read."""
_DECODERS: dict[type, msgspec.json.Decoder[Any]] = {
    Summary: msgspec.json.Decoder(Summary),
    Sample: msgspec.json.Decoder(Sample),
}
_REFUSED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, MemoryError)


def decode_sample(raw: bytes) -> Sample | None:
    """Return a sample, or None where the bytes are no object of JSON, or hold too many values."""
    found = _decode(raw, Sample)
    return found if isinstance(found, Sample) else None


def decode_summary(raw: bytes) -> Summary | None:
    """Return a summary, or None where the bytes are no object of JSON, or hold too many values."""
    found = _decode(raw, Summary)
    return found if isinstance(found, Summary) else None


def _decode(raw: bytes, form: type[Summary] | type[Sample]) -> AnySample | None:
    decoder = _DECODERS[form]
    if has_too_many_values(raw):
        return None
    try:
        return decoder.decode(raw)  # type: ignore[no-any-return]
    except _REFUSED:
        mended = mend(raw)
    try:
        return decoder.decode(mended)  # type: ignore[no-any-return]
    except _REFUSED:
        fields = _generic(mended)
    return _from_fields(fields, form) if isinstance(fields, dict) else None


def decode_generic(raw: bytes) -> Any:
    """Decode any JSON; None where it is none, larger than MAX_GENERIC_BYTES, nested too deep, or of too many
    values."""
    if has_too_many_values(raw):
        return None
    try:
        return msgspec.json.decode(raw)
    except _REFUSED:
        return _generic(mend(raw))


class _Dataset(msgspec.Struct):
    """The data set of a header, without the ids of all its samples."""

    name: Any = None
    location: Any = None
    samples: Any = None
    shuffled: Any = None


def decode_member(key: str, raw: bytes) -> Any:
    """Decode a member of a header; the ids of all samples, which `eval` has, are passed over.

    Args:
        key: Its name.
        raw: Its bytes.
    """
    if key != "eval":
        return decode_generic(raw) if len(raw) <= MAX_GENERIC_BYTES else None
    mended = mend(raw)
    try:
        parts = msgspec.json.decode(mended, type=dict[str, msgspec.Raw])
    except _REFUSED:
        return _generic(mended)
    found: dict[str, Any] = {}
    for name, part in parts.items():
        if name == "dataset":
            try:
                found[name] = msgspec.structs.asdict(msgspec.json.decode(part, type=_Dataset))
            except _REFUSED:
                continue
        elif len(bytes(part)) <= MAX_GENERIC_BYTES:
            found[name] = decode_generic(bytes(part))
    return found


def _generic(mended: bytes) -> Any:
    if len(mended) > MAX_GENERIC_BYTES:
        return None
    try:
        return json.loads(mended)
    except (ValueError, RecursionError):
        return None


def mend(raw: bytes) -> bytes:
    """Return JSON with what msgspec refuses replaced: bare words by strings with a mark, what is no UTF-8
    and lone surrogates by U+FFFD."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        raw = raw.decode("utf-8", "replace").encode("utf-8")
    if b"\\ud" in raw or b"\\uD" in raw:
        raw = _ESCAPE.sub(_paired, raw)
    return _with_words(raw)


def _paired(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape["lone"] else escape[0]


def _with_words(raw: bytes) -> bytes:
    if b"NaN" not in raw and b"Infinity" not in raw:
        return raw
    parts: list[bytes] = []
    at = 0
    while found := _BEFORE_WORD.match(raw, at):
        word = _WORD.match(raw, found.end())
        if word is None:
            break
        parts += [raw[at : found.end()], b'"\\u0000', word[0], b'"']
        at = word.end()
    return b"".join([*parts, raw[at:]])


def sample_of_members(members: Mapping[str, bytes]) -> Sample:
    """Return a sample whose members were found one by one, since it is too large to be held."""
    found = _from_fields({name: decode_generic(raw) for name, raw in members.items()}, Sample)
    return found if isinstance(found, Sample) else Sample()


def _from_fields(fields: Mapping[str, Any], form: type[Summary] | type[Sample]) -> AnySample:
    """Build it field by field; a field of another shape stays empty."""
    sample = form()
    for field in msgspec.structs.fields(form):
        value = fields.get(field.name)
        if value is None or field.name == "attachments":
            continue
        try:
            setattr(sample, field.name, msgspec.convert(value, field.type))
        except (msgspec.ValidationError, RecursionError):
            continue
    if isinstance(sample, Sample) and isinstance(fields.get("attachments"), dict):
        sample.attachments = msgspec.Raw(json.dumps(fields["attachments"]).encode())
    return sample


class Prompt:
    """What was asked in a sample."""

    def __init__(self, sample: AnySample, attached: Callable[[str], str | None] | None = None) -> None:
        """Take the text of a sample.

        Args:
            sample: A sample or summary.
            attached: From the name by which an input refers to a text to that text; None: the sample's own.
        """
        self._sample = sample
        self._attached = attached or self._own
        self._attachments: dict[str, Any] | None = None
        self.whole = True
        """Nothing was shortened, replaced or could not be resolved."""
        self.text = self._of_input()

    def _of_input(self) -> str:
        given = self._sample.input
        texts: list[str] = []
        if isinstance(given, str):
            texts = [self._text(given)]
        elif isinstance(given, list):
            turns = [turn for turn in given[:MAX_TURNS] if isinstance(turn, dict)]
            asked = [turn for turn in turns if turn.get("role") == "user"] or turns
            texts = [text for turn in asked for text in self._of_content(turn.get("content"))]
        if not any(texts):
            return ""
        choices = self._sample.choices if isinstance(self._sample.choices, list) else []
        return joined([*texts, *(self._text(choice) for choice in choices if isinstance(choice, str))])

    def _of_content(self, content: Any) -> list[str]:
        if isinstance(content, str):
            return [self._text(content)]
        parts = content[:MAX_TURNS] if isinstance(content, list) else []
        return [self._of_part(part) for part in parts if isinstance(part, dict)]

    def _of_part(self, part: dict[str, Any]) -> str:
        text = part.get("text")
        if isinstance(text, str):
            if _PLACEHOLDER.fullmatch(text):
                self.whole = False
            return self._text(text)
        kind = part.get("type")
        content = part.get(kind) if isinstance(kind, str) else None
        if not isinstance(content, str):
            return ""
        medium = self._text(content).encode("utf-8", "replace")
        return f"[{kind} {hashlib.sha256(medium).hexdigest()}]"

    def _text(self, text: str) -> str:
        if text.endswith(CUT_MARKS) and isinstance(self._sample, Summary):
            self.whole = False
        for start in (ATTACHMENT, _OLD_ATTACHMENT):
            if text.startswith(start):
                found = self._attached(text.removeprefix(start))
                self.whole = self.whole and found is not None
                return text if found is None else found
        return text

    def _own(self, name: str) -> str | None:
        if self._attachments is None:
            raw = self._sample.attachments if isinstance(self._sample, Sample) else b""
            held = decode_generic(bytes(raw)) if raw else None
            self._attachments = held if isinstance(held, dict) else {}
        found = self._attachments.get(name)
        return found if isinstance(found, str) else None


def language_of(sample: AnySample) -> str | None:
    """Return the language that the metadata of a sample tell as a tag of BCP 47, or None."""
    if sample.metadata is None:
        return None
    for tag in (sample.metadata.lang, sample.metadata.language):
        if isinstance(tag, str) and is_tag(tag):
            return tag
    return None


def told_language(sample: AnySample) -> bool:
    """Say whether the metadata name a language, in whatever words."""
    told = sample.metadata
    return told is not None and bool(told.lang or told.language)
