"""What every program rater shares: its verdict, its options, and the limit on what it reads.

Pure. A program is a function of an item and an answer's text; it has no state that a rating can change.
Invariant: a verdict has a score or a cause, never both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from consilience.errors import InputError
from consilience.evaluation.protocol import Item, Rater
from consilience.evaluation.scores import Cause

MAX_ANSWER_CHARS = 100_000
"""A longer answer is not scored by a program: cause `limit_reached`."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a program finds in one answer."""

    score: float | None = None
    cause: Cause | None = None
    label: str | None = None
    """What was found: the letter, the number, the phrase."""
    explanation: str = ""


Program = Callable[[Item, str], Verdict]
NO_TARGET = Verdict(cause=Cause.NO_TARGET, explanation="the item has no target")
NO_CLOSE_LABEL = 200


def short(text: str) -> str:
    """Return a label that is short enough for a table."""
    return text if len(text) <= NO_CLOSE_LABEL else text[: NO_CLOSE_LABEL - 1] + "…"


def scored(rater: Rater, hit: bool, *, label: str | None = None, explanation: str = "") -> Verdict:
    """Return the scale's maximum for a hit and its minimum for a miss; `invert` is the caller's matter."""
    score = rater.scale.maximum if hit else rater.scale.minimum
    return Verdict(score=score, label=None if label is None else short(label), explanation=explanation)


def unparsable(explanation: str) -> Verdict:
    """Return the verdict that nothing in the answer can be scored."""
    return Verdict(cause=Cause.UNPARSABLE, explanation=explanation)


class Options:
    """The options of one program, read by name; what is left over is an error.

    Args:
        rater: The program rater.
    """

    def __init__(self, rater: Rater) -> None:
        self.rater = rater
        self.left = dict(rater.options)

    def _wrong(self, name: str, value: object, wanted: str) -> InputError:
        return InputError(
            f"option `{name}` of rater {self.rater.id} is {value!r}, not {wanted}",
            next_step="See docs/reference/raters.md for the options of each program.",
        )

    def flag(self, name: str, default: bool) -> bool:
        """Return a true-or-false option."""
        value = self.left.pop(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, value, "true or false")
        return value

    def number(self, name: str, default: float, *, minimum: float, maximum: float) -> float:
        """Return a number within bounds."""
        value = self.left.pop(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not minimum <= value <= maximum:
            raise self._wrong(name, value, f"a number from {minimum:g} to {maximum:g}")
        return float(value)

    def one_of(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """Return one of the allowed words."""
        value = self.left.pop(name, default)
        if value not in allowed:
            raise self._wrong(name, value, "one of " + ", ".join(allowed))
        return str(value)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; without default it must be there."""
        value: Any = self.left.pop(name, default)
        if not isinstance(value, str) or not value:
            raise self._wrong(name, value, "a text")
        return value

    def finish(self) -> None:
        """Refuse options that the program does not know.

        Raises:
            InputError: There are some.
        """
        if self.left:
            names = ", ".join(sorted(self.left))
            raise InputError(
                f"program `{self.rater.program}` of rater {self.rater.id} has no option {names}",
                next_step="See docs/reference/raters.md for the options of each program.",
            )
