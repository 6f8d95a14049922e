"""The sheet that humans fill in: its rows, its blind codes, its order, and the texts that are safe to show.

Pure. Invariants:
- a sheet names no laboratory, no model, no other rater's score, and no generation id; a row's code is a keyed
  hash (HMAC-SHA-256, RFC 2104) whose key stays beside the run;
- what is shown differs from the answer only where a spreadsheet could not carry it, and visibly so;
- `check` is the digest of what a row shows, so that a changed text is found when the sheet comes back.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping

import msgspec

from consilience.errors import ConsilienceError, InputError
from consilience.evaluation.protocol import Item, Protocol, Rater, RaterKind
from consilience.evaluation.raters.label import scale_labels
from consilience.evaluation.run_record import Answer

COLUMNS = ("code", "language", "prompt", "answer", "target", "score", "comment", "check")
"""Of the sheet; `target` only where the rater's option `show_target` is true."""
MAX_SHOWN_CHARS = 30_000
"""Of one cell; a spreadsheet cell holds 32,767 (ECMA-376 as implemented)."""
MAX_COMMENT_CHARS = 2_000
MAX_ROWS = 50_000
KEY_BYTES = 32
_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_CODE_LENGTH = 14
_RISKY = re.compile(r"'*[\s\x00-\x20]*[=+\-@\t\r＝＋－＠]")
_UNSHOWABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff\u202d\u202e]")


class SheetRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row as it leaves: texts as they are shown."""

    code: str
    language: str
    prompt: str
    answer: str
    target: str | None
    check: str

    def cells(self) -> dict[str, str]:
        """Return the row's cells by column, `target` only where it is shown."""
        cells = {
            "code": self.code, "language": self.language, "prompt": self.prompt, "answer": self.answer,
            "target": self.target or "", "score": "", "comment": "", "check": self.check,
        }  # fmt: skip
        if self.target is None:
            del cells["target"]
        return cells


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A sheet ready to be written."""

    title: str
    guideline: str
    protocol_digest: str
    rater: Rater
    rows: tuple[SheetRow, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of this sheet in their order."""
        with_target = shows_target(self.rater)
        return tuple(name for name in COLUMNS if name != "target" or with_target)


def human_rater(protocol: Protocol, name: str) -> Rater:
    """Return a human rater of a protocol by its id.

    Raises:
        InputError: There is none of this name.
    """
    humans = [rater for rater in protocol.raters if rater.kind is RaterKind.HUMAN]
    for rater in humans:
        if rater.id == name:
            return rater
    known = ", ".join(rater.id for rater in humans) or "none"
    raise InputError(
        f"the protocol has no human rater {name!r}",
        next_step=f"Its human raters: {known}. Name one by --rater.",
    )


def shows_target(rater: Rater) -> bool:
    """Say whether the rater is shown the right answer (option `show_target`)."""
    return rater.options.get("show_target") is True


def rates(rater: Rater, concept: str) -> bool:
    """Say whether a rater rates a concept."""
    return not rater.concepts or concept in rater.concepts


def row_code(key: bytes, rater: str, generation: str) -> str:
    """Return the code of a row: 14 consonants (60 bits), which no spreadsheet takes for a number."""
    number = int.from_bytes(_keyed(key, "code", rater, generation)[:8], "big")
    letters = []
    for _ in range(_CODE_LENGTH):
        number, rest = divmod(number, len(_CODE_LETTERS))
        letters.append(_CODE_LETTERS[rest])
    return "".join(letters)


def _keyed(key: bytes, *parts: str) -> bytes:
    return hmac.new(key, "\x1f".join(parts).encode(), hashlib.sha256).digest()


def shown(text: str) -> str:
    """Return a text as a sheet shows it: cut at the limit, line ends as `\\n`, what no cell can hold made
    visible.

    Control characters become their pictures (U+2400), overrides of the writing direction their names.
    """
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    plain = _UNSHOWABLE.sub(_visible, plain)
    if len(plain) > MAX_SHOWN_CHARS:
        plain = f"{plain[:MAX_SHOWN_CHARS]}\n[cut: {MAX_SHOWN_CHARS} of {len(plain)} characters are shown]"
    return plain


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"⟨U+{code:04X}⟩" if code in {0x202D, 0x202E} else "\ufffd"


def text_check(prompt: str, answer: str, target: str | None, protocol_digest: str) -> str:
    """Return 16 hexadecimal digits over what a row shows and the protocol's digest."""
    parts = [protocol_digest, _settled(prompt), _settled(answer), _settled(target or "")]
    return "x" + hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


def _settled(text: str) -> str:
    """Return a text without what programs for spreadsheets change by themselves: line ends, white space at
    the ends.
    """
    return "\n".join(
        line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n")
    )


def protected(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: an apostrophe stands before it where it could be
    one.

    `unprotected` gives the text back. Source: OWASP, CSV Injection, extended by white space before the mark.
    """
    return "'" + text if _RISKY.match(text) else text


def unprotected(text: str) -> str:
    """Return the text that `protected` was given."""
    return text[1:] if text.startswith("'") and _RISKY.match(text) else text


def make_row(key: bytes, protocol_digest: str, rater: Rater, item: Item, answer: Answer) -> SheetRow:
    """Return the row of one generation."""
    prompt, text = shown(item.prompt), shown(answer.text or "")
    target = shown(item.target or "") if shows_target(rater) else None
    return SheetRow(
        code=row_code(key, rater.id, answer.generation),
        language=item.language,
        prompt=prompt,
        answer=text,
        target=target,
        check=text_check(prompt, text, target, protocol_digest),
    )


def in_random_order(keys: Mapping[str, bytes], rows: Iterable[tuple[str, SheetRow]]) -> tuple[SheetRow, ...]:
    """Return rows in an order that tells nothing about where they come from.

    Args:
        keys: Run → its key.
        rows: (run, row).
    """
    ranked = sorted((_keyed(keys[run], "order", row.code), row.code, row) for run, row in rows)
    return tuple(row for _, _, row in ranked)


def guideline_text(protocol: Protocol, rater: Rater) -> str:
    """Return what humans are told: the rater's guideline, or what the scale says where it has none."""
    return rater.guideline or f"Rate each answer. What is measured: {protocol.construct}"


def allowed_scores(rater: Rater) -> tuple[str, ...]:
    """Return the labels a human may write; empty where the scale has none and numbers are written."""
    return tuple(scale_labels(rater.scale))


def export_problem(rows: int) -> ConsilienceError | None:
    """Say what is wrong with the number of rows of a sheet, if anything."""
    if rows == 0:
        return InputError(
            "the sample has no answer for this rater and these languages",
            next_step="Check --language, the rater's concepts, and that the runs have answers.",
        )
    if rows > MAX_ROWS:
        return InputError(
            f"the sheet would have {rows} rows; the limit is {MAX_ROWS}",
            next_step="Export one language at a time by --language, or fewer runs.",
        )
    return None
