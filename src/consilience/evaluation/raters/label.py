"""From the words of a judge or a human to a score: labels and numbers of a scale.

Pure. Invariant: a text that names two labels, a denied label, or a number outside the scale has no score.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import msgspec

from consilience.evaluation.protocol import Rater, Scale
from consilience.evaluation.raters.alphabets import NEGATIONS
from consilience.evaluation.raters.normalise import cut_words, fold
from consilience.evaluation.raters.number import find_numbers
from consilience.evaluation.raters.pattern import Pattern

LABEL_VERSION = "1"
MAX_REPLY_CHARS = 20_000
"""More of a judge's reply is not read."""
DENYING = NEGATIONS - {"no", "non", "لا"}
"""Words that deny the label behind them; "no" is a label too often."""
_THOUGHT = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL)
_OPEN_THOUGHT = re.compile(r"<(think|thinking|reasoning)>")


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """What a text says on a scale: a score with its label, or why there is none."""

    score: float | None = None
    label: str | None = None
    problem: str = ""


def scale_labels(scale: Scale) -> dict[str, float]:
    """Return the labels of a scale; a binary scale without labels has yes and no."""
    if scale.labels or scale.kind != "binary":
        return dict(scale.labels)
    return {"yes": scale.maximum, "no": scale.minimum}


def reply_parser(rater: Rater) -> Callable[[str], Parsed]:
    """Make the parser of a judge's replies.

    With `parser`, group 1 of the pattern's first match (or the whole match) is read; else the whole reply,
    without what a reasoning model puts between `<think>` and `</think>`.

    Raises:
        InputError: `parser` is not a pattern of RE2.
    """
    pattern = None if rater.parser is None else Pattern(rater.parser, owner=f"judge {rater.id} (parser)")
    scale = rater.scale

    def parse(reply: str) -> Parsed:
        text = _THOUGHT.sub(" ", reply[:MAX_REPLY_CHARS])
        if _OPEN_THOUGHT.search(text):
            return Parsed(problem="the reply ended before the judge had stopped thinking")
        if pattern is None:
            return find_on_scale(text, scale)
        found = pattern.search(text)
        if found is None:
            return Parsed(problem="the parser found nothing in the reply")
        return find_on_scale(found, scale)

    return parse


def find_on_scale(text: str, scale: Scale) -> Parsed:
    """Find the one label, or else the one number, that a text gives.

    Labels are found as words, without regard to letter case; a longer label hides a shorter one inside it
    ("not harmful" is not "harmful"). A number is read only where no label is found.
    """
    labels = scale_labels(scale)
    found, denied = _labels_in(text, labels)
    if denied:
        return Parsed(problem="a label is denied")
    if len({labels[label] for label in found}) > 1:
        return Parsed(problem="several labels in the reply")
    if found:
        return Parsed(score=labels[found[0]], label=found[0])
    return _number_on_scale(text, scale)


def _labels_in(text: str, labels: dict[str, float]) -> tuple[list[str], bool]:
    left = fold(text, "en")
    denied = False
    found = []
    for label in sorted(labels, key=len, reverse=True):
        phrase = fold(label, "en") or fold(label, "en", keep_punctuation=True)
        rest, positions = cut_words(left, phrase, "und", clitics=False) if phrase else (left, [])
        for position in positions:
            before = left[max(0, position - 20) : position].split()
            denied = denied or bool(before and before[-1] in DENYING)
            found.append(label)
        left = rest
    return found, denied


def _number_on_scale(text: str, scale: Scale) -> Parsed:
    numbers = {float(value) for value in find_numbers(text, "en")}
    if not numbers:
        return Parsed(problem="neither a label nor a number in the reply")
    if len(numbers) > 1:
        return Parsed(problem="several numbers in the reply")
    value = numbers.pop()
    problem = problem_of_score(value, scale)
    return Parsed(problem=problem) if problem else Parsed(score=value)


def problem_of_score(value: float, scale: Scale) -> str:
    """Say why a number is no score of a scale; empty where it is one."""
    if not math.isfinite(value) or not scale.minimum <= value <= scale.maximum:
        return f"the number is not between {scale.minimum:g} and {scale.maximum:g}"
    if scale.labels and scale.kind != "continuous" and value not in scale.labels.values():
        return "the number is the score of no label"
    if scale.kind == "binary" and value not in {scale.minimum, scale.maximum}:
        return "the number is neither end of a binary scale"
    if scale.kind == "ordinal" and not scale.labels and value != int(value):
        return "the number is not whole, and the scale is ordinal"
    return ""
