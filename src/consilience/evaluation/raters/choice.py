"""The program `choice`: which of the item's options does the answer choose?

Pure. An answer names an option by its letter (Latin or of the language), its number, or its text. The stages,
of which the first that finds something decides: the whole answer is a name; a cue announces it ("Answer: B");
a line starts with it ("B. …"); it stands in brackets; an option's text is said; a lone capital letter.
Whatever names two options, or names one by letter and another by text, is unparsable: it is never resolved by
position.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from consilience.evaluation.protocol import Item, Rater
from consilience.evaluation.raters.alphabets import CONJUNCTIONS, LATIN, NEGATIONS, alphabets, copulas, cues
from consilience.evaluation.raters.matching import right_answers
from consilience.evaluation.raters.normalise import cut_words, fold
from consilience.evaluation.raters.program import NO_TARGET, Options, Program, Verdict, scored, unparsable

CHOICE_VERSION = "1"
MAX_CHOICES = 26
_MARKDOWN = re.compile(r"[*_`#]+|\$|\\(?:boxed|text|textbf|mathrm)?")
_OPEN, _CLOSE = r"[(\[{（【「『<]", r"[)\]}）】」』>]"
_AFTER = r"[).:،,;\]}）】」』>。．、：؛-]"


class _Names(msgspec.Struct, frozen=True, kw_only=True):
    """How the options of one item may be named, ready for search."""

    letters: dict[str, int]
    """Folded letter or number → index."""
    texts: tuple[str, ...]
    """Folded text of each option."""
    whole: re.Pattern[str]
    announced: tuple[re.Pattern[str], ...]
    """Cue, start of line, brackets: in the order in which they decide."""
    joined: re.Pattern[str]
    """A second letter right behind the first."""


def choice(rater: Rater) -> Program:
    """Make the program `choice`.

    Options: `text` (default true: an option may be named by its text), `letters` (a string of letters in
    their order instead of the language's), `numbers` (default true: an option may be named by its position,
    unless an option's text is itself a number).

    Raises:
        InputError: An option is unknown or wrong.
    """
    options = Options(rater)
    by_text = options.flag("text", True)
    numbers = options.flag("numbers", True)
    letters = options.text("letters", "auto")
    options.finish()

    @lru_cache(maxsize=65_536)
    def names(language: str, choices: tuple[str, ...], prompt: str) -> _Names:
        return _names(language, choices, prompt, letters=letters, numbers=numbers)

    def rate(item: Item, answer: str) -> Verdict:
        if not 2 <= len(item.choices) <= MAX_CHOICES:
            return Verdict(cause=NO_TARGET.cause, explanation=f"the item has not 2 to {MAX_CHOICES} choices")
        known = names(item.language, item.choices, item.prompt)
        right = {_meant(known, text, item.language) for text in right_answers(item)} - {None}
        if not right:
            return Verdict(
                cause=NO_TARGET.cause, explanation="the item's target is none of its choices, or two"
            )
        found = chosen(known, answer, item.language, by_text=by_text)
        if len(found) != 1:
            return unparsable("several choices are named" if found else "no choice is named")
        index = next(iter(found))
        return scored(rater, index in right, label=f"{LATIN[index].upper()}")

    return rate


def _names(language: str, choices: tuple[str, ...], prompt: str, *, letters: str, numbers: bool) -> _Names:
    count = len(choices)
    texts = tuple(fold(text, language) for text in choices)
    tables = (fold(letters, language).replace(" ", ""),) if letters != "auto" else alphabets(language)
    tables = _shown(tables, prompt, language, count) or tables
    index: dict[str, int] = {}
    for table in tables:
        for position, letter in enumerate(table[:count]):
            index.setdefault(letter, position)
    if numbers and not any(text.replace(".", "").isdigit() for text in texts):
        index |= {str(position + 1): position for position in range(count)}
    label = "(?:" + "|".join(sorted(map(re.escape, index), key=len, reverse=True)) + ")"
    cue = "|".join(
        sorted((re.escape(fold(word, language)) for word in cues(language)), key=len, reverse=True)
    )
    link = "|".join(
        sorted((re.escape(fold(word, language)) for word in copulas(language)), key=len, reverse=True)
    )
    edge = r"(?![^\W_])"
    also = "|".join(re.escape(word) for word in CONJUNCTIONS)
    cue_to_label = rf"(?:{cue})\s*[:：]?\s*(?:(?:{link})\s*[:：]?\s*){{0,4}}['\"“«]?{_OPEN}?\s*"
    return _Names(
        letters=index,
        texts=texts,
        whole=re.compile(rf"\s*{_OPEN}?\s*({label})\s*{_AFTER}?\s*{_CLOSE}?[.!。]?\s*", re.IGNORECASE),
        announced=(
            re.compile(rf"{cue_to_label}({label}){edge}(?!['’])", re.IGNORECASE),
            re.compile(rf"^\s*{_OPEN}?({label})\s*{_AFTER}", re.MULTILINE | re.IGNORECASE),
            re.compile(rf"{_OPEN}\s*({label})\s*{_CLOSE}|(?<![\w(])({label})\)", re.IGNORECASE),
        ),
        joined=re.compile(
            rf"[)\]}}）】]?\s*(?:[,،、]|(?:{also}))\s*{_OPEN}?\s*({label}){edge}(?!['’])", re.IGNORECASE
        ),
    )


def _shown(tables: tuple[str, ...], prompt: str, language: str, count: int) -> tuple[str, ...]:
    """Return the alphabets whose letters the prompt itself shows before the options."""
    text = _soft(prompt, language).casefold()
    shown = []
    for table in tables:
        marks = [re.search(rf"(?<!\w){re.escape(letter)}\s*{_AFTER}", text) for letter in table[:count]]
        if len(table) >= count and all(marks):
            shown.append(table)
    return tuple(shown)


def _soft(text: str, language: str) -> str:
    """Fold forms of letters and digits; keep capitals, punctuation and lines."""
    lines = (_MARKDOWN.sub(" ", line) for line in text.splitlines())
    return "\n".join(fold(line, language, keep_punctuation=True, keep_case=True) for line in lines)


def _meant(names: _Names, target: str, language: str) -> int | None:
    """Return the index that a target names: by text, else by letter; None if by neither or by two texts."""
    folded = fold(target, language)
    by_text = [index for index, text in enumerate(names.texts) if text == folded]
    if by_text:
        return by_text[0] if len(by_text) == 1 else None
    return names.letters.get(folded)


def chosen(names: _Names, answer: str, language: str, *, by_text: bool = True) -> set[int]:
    """Return the indices of the options that the answer chooses: one, none, or several (ambiguous)."""
    text = _soft(answer, language)
    said = _by_text(names, fold(answer, language), language) if by_text else set()
    by_letter = _by_letter(names, text)
    if not by_letter:
        return said or _lone_capital(names, answer, language)
    if len(by_letter) == 1 and len(said) == 1 and said != by_letter:
        return by_letter | said
    return by_letter


def _by_letter(names: _Names, text: str) -> set[int]:
    whole = names.whole.fullmatch(text)
    if whole:
        return {names.letters[whole[1].casefold()]}
    for pattern in names.announced:
        found: set[int] = set()
        for match in pattern.finditer(text):
            group = next(number for number, letter in enumerate(match.groups(), 1) if letter)
            if not _is_denied(text, match.start()) and not _is_word(match[group], text, match.end(group)):
                found.add(names.letters[match[group].casefold()])
                found |= _joined(names, text, match.end())
        if found:
            return found
    return set()


def _is_word(letter: str, text: str, end: int) -> bool:
    """Say whether a small letter is more likely a word, such as the article in "the answer is a city"."""
    return letter in "aieoyàéè" and re.match(r"\s+\w", text[end : end + 3]) is not None


def _joined(names: _Names, text: str, end: int) -> set[int]:
    """Return the letter that follows after "and", "or", a comma."""
    match = names.joined.match(text, end)
    return {names.letters[match[1].casefold()]} if match else set()


def _is_denied(text: str, start: int) -> bool:
    before = text[max(0, start - 20) : start].casefold().replace("'", " ").split()
    return bool(before) and before[-1].strip('(*"“«') in NEGATIONS


def _by_text(names: _Names, text: str, language: str) -> set[int]:
    """Return the options whose text is said as words; a text inside a longer option that is said does not
    count.
    """
    left = text
    found: set[int] = set()
    for index in sorted(range(len(names.texts)), key=lambda index: -len(names.texts[index])):
        phrase = names.texts[index]
        if not phrase:
            continue
        rest, positions = cut_words(left, phrase, language)
        if any(not _is_denied(left, position) for position in positions):
            found.add(index)
        left = rest
    return found


_CAPITAL = re.compile(r"(?<![^\W_])(?<!['’])([A-Z\u0391-\u03a9\u0410-\u042f])(?!['’])(?![^\W_])")
_CLAUSE_END = re.compile(r"\s*(?:[.,;:!?)\n]|$)")


def _lone_capital(names: _Names, answer: str, language: str) -> set[int]:
    """Return the options named by a capital letter that stands alone ("I think B because …").

    Capitals that are words of a language ("A", "I", "Y", "O", "E") count only at the end of a clause or
    before "and" with another letter; letters of scripts without capitals never count.
    """
    found: set[int] = set()
    for match in _CAPITAL.finditer(answer):
        letter = fold(match[1], language)
        if letter not in names.letters or _is_denied(answer, match.start()):
            continue
        joined = _joined(names, answer, match.end())
        if match[1] not in "AIYOE" or joined or _CLAUSE_END.match(answer, match.end()):
            found |= joined | {names.letters[letter]}
    return found
