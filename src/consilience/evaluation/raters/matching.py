"""The programs `exact` and `contains`: the answer is the target, or says it.

Pure. Both compare folded texts (see `normalise`); the right answers are the item's target and its `accept`.
"""

from __future__ import annotations

from functools import lru_cache

from consilience.evaluation.protocol import Item, Rater
from consilience.evaluation.raters.normalise import Diacritics, checked_diacritics, fold, word_position
from consilience.evaluation.raters.program import NO_TARGET, Options, Program, Verdict, scored, unparsable

EXACT_VERSION = "1"
CONTAINS_VERSION = "1"


def right_answers(item: Item) -> tuple[str, ...]:
    """Return the target and the further right answers; empty where the item has no target."""
    if item.target is None:
        return item.accept
    return (item.target, *item.accept)


def exact(rater: Rater) -> Program:
    """Make the program `exact`: the whole answer (or one line of it) equals a right answer.

    Options: `part` (all, first_line, last_line; default all), `diacritics` (auto, keep, strip),
    `punctuation` (strip, keep), `case` (fold, keep).

    Raises:
        InputError: An option is unknown or wrong.
    """
    options = Options(rater)
    part = options.one_of("part", "all", ("all", "first_line", "last_line"))
    diacritics = checked_diacritics(options.left.pop("diacritics", "auto"), rater=rater.id)
    keep_punctuation = options.one_of("punctuation", "strip", ("strip", "keep")) == "keep"
    keep_case = options.one_of("case", "fold", ("fold", "keep")) == "keep"
    options.finish()
    hit, miss = scored(rater, True), scored(rater, False)

    def folded(text: str, language: str) -> str:
        return fold(
            text, language, diacritics=diacritics, keep_punctuation=keep_punctuation, keep_case=keep_case
        )

    @lru_cache(maxsize=65_536)
    def targets(language: str, texts: tuple[str, ...]) -> frozenset[str]:
        return frozenset(filter(None, (folded(text, language) for text in texts)))

    def rate(item: Item, answer: str) -> Verdict:
        right = targets(item.language, right_answers(item))
        if not right:
            return NO_TARGET
        given = folded(answer if part == "all" else _line(answer, part), item.language)
        if not given:
            return unparsable("nothing is left of the answer but punctuation")
        return hit if given in right else miss

    return rate


def _line(text: str, part: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return (lines[0] if part == "first_line" else lines[-1]) if lines else ""


def contains(rater: Rater) -> Program:
    """Make the program `contains`: right answers appear in the answer as words. Negation is not understood.

    Options: `mode` (any, all; default any), `words` (default true; false: also inside words), `clitics`
    (default true: Arabic and Hebrew prefixes may stand before the word), `diacritics`, `invert` (a hit scores
    the minimum).

    Raises:
        InputError: An option is unknown or wrong.
    """
    options = Options(rater)
    every = options.one_of("mode", "any", ("any", "all")) == "all"
    words = options.flag("words", True)
    clitics = options.flag("clitics", True)
    invert = options.flag("invert", False)
    diacritics: Diacritics = checked_diacritics(options.left.pop("diacritics", "auto"), rater=rater.id)
    options.finish()

    @lru_cache(maxsize=65_536)
    def targets(language: str, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(filter(None, (fold(text, language, diacritics=diacritics) for text in texts)))

    def is_there(text: str, phrase: str, language: str) -> bool:
        if not words:
            return phrase in text
        return word_position(text, phrase, language, clitics=clitics) is not None

    def rate(item: Item, answer: str) -> Verdict:
        phrases = targets(item.language, right_answers(item))
        if not phrases:
            return NO_TARGET
        text = fold(answer, item.language, diacritics=diacritics)
        found = [phrase for phrase in phrases if is_there(text, phrase, item.language)]
        hit = len(found) == len(phrases) if every else bool(found)
        return scored(rater, hit != invert, label=", ".join(found) or None)

    return rate
