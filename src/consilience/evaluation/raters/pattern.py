"""Regular expressions of a protocol, matched in linear time, and the program `regex`.

A pattern comes from another laboratory and the text from a model, so neither may decide how long the match
takes: patterns run in RE2 (the engine inside DuckDB), which never backtracks. The syntax is RE2's: no
look-around, no back-references; `\\d`, `\\w`, `\\s` and `\\b` are ASCII, `\\p{L}` and `\\p{N}` are Unicode.

Source: R. Cox, "Regular Expression Matching in the Wild" (2010), for the bound;
github.com/google/re2/wiki/Syntax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consilience.errors import InputError, LimitError
from consilience.evaluation.protocol import Item, Rater
from consilience.evaluation.raters.matching import right_answers
from consilience.evaluation.raters.normalise import fold
from consilience.evaluation.raters.program import NO_TARGET, Options, Program, Verdict, scored
from consilience.languages import is_tag, primary

if TYPE_CHECKING:
    import duckdb

REGEX_VERSION = "1"
MAX_PATTERN_CHARS = 2_000
FLAGS = "ims"


class Pattern:
    """One pattern, ready to search. Holds a connection to an in-memory engine that has no access to files.

    Args:
        source: The pattern in RE2 syntax.
        flags: Letters of `i` (letter case does not matter), `m` (`^` and `$` at lines), `s` (`.` also matches
            line ends).
        owner: Who it belongs to, for the error message.

    Raises:
        InputError: It is not a pattern of RE2, or a flag is unknown.
        LimitError: It is too long.
    """

    def __init__(self, source: str, *, flags: str = "", owner: str) -> None:
        if len(source) > MAX_PATTERN_CHARS:
            raise LimitError(
                f"the pattern of {owner} has {len(source)} characters; the limit is {MAX_PATTERN_CHARS}",
                next_step="Shorten it, or use several raters.",
            )
        if "\x00" in source or any(flag not in FLAGS for flag in flags):
            raise InputError(
                f"the pattern of {owner} has a NUL character or a flag that is none of {', '.join(FLAGS)}",
                next_step="See docs/reference/raters.md, program regex.",
            )
        self.source = f"(?{flags}){source}" if flags else source
        self.groups = count_groups(source)
        self._owner = owner
        self._connection, self._statement = self._prepare()

    def _prepare(self) -> tuple[duckdb.DuckDBPyConnection, Any]:
        import duckdb

        literal = "'" + self.source.replace("'", "''") + "'"
        group = 1 if self.groups else 0
        connection = duckdb.connect(
            ":memory:", config={"threads": 1, "enable_external_access": "false", "memory_limit": "256MB"}
        )
        query = f"SELECT regexp_matches(?1, {literal}), regexp_extract(?1, {literal}, {group})"
        try:
            statement = connection.extract_statements(query)[0]
            connection.execute(statement, [""]).fetchone()
        except duckdb.Error as error:
            reason = str(error).splitlines()[0].partition(":")[2].strip()[:200]
            raise InputError(
                f"the pattern of {self._owner} is not a pattern of RE2: {reason}",
                next_step="RE2 has no look-around and no back-references; rewrite the pattern without them.",
            ) from error
        return connection, statement

    def search(self, text: str) -> str | None:
        """Return group 1 of the first match (the whole match where there is no group), or None.

        Lone surrogates in the text are matched as `?`.
        """
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode()
        row = self._connection.execute(self._statement, [text]).fetchone()
        return str(row[1]) if row is not None and row[0] else None


def count_groups(source: str) -> int:
    """Return how many capturing groups a pattern has."""
    count, position, in_class = 0, 0, False
    while position < len(source):
        character = source[position]
        if character == "\\":
            position += 1
        elif in_class:
            in_class = character != "]"
        elif character == "[":
            in_class = True
            position += (
                source[position + 1 : position + 3] == "^]" or source[position + 1 : position + 2] == "]"
            )
        elif character == "(":
            after = source[position + 1 : position + 4]
            count += not after.startswith("?") or after.startswith(("?P<", "?<"))
        position += 1
    return count


def regex(rater: Rater) -> Program:
    """Make the program `regex`.

    Options: `pattern` (needed), `pattern_TAG` (for items of a language, such as `pattern_ar`), `flags`
    (letters of `ims`), `expect` (match: any match is a hit; target: what group 1 captures equals a right
    answer after folding; default match), `invert`.

    Raises:
        InputError: An option is unknown or wrong.
    """
    options = Options(rater)
    owner = f"rater {rater.id}"
    flags = options.text("flags", "-").replace("-", "")
    by_target = options.one_of("expect", "match", ("match", "target")) == "target"
    invert = options.flag("invert", False)
    default = Pattern(options.text("pattern"), flags=flags, owner=owner)
    languages = [name.removeprefix("pattern_") for name in options.left if name.startswith("pattern_")]
    patterns = {
        tag: Pattern(options.text(f"pattern_{tag}"), flags=flags, owner=owner)
        for tag in languages
        if is_tag(tag)
    }
    options.finish()

    def rate(item: Item, answer: str) -> Verdict:
        pattern = patterns.get(item.language) or patterns.get(primary(item.language)) or default
        found = pattern.search(answer)
        if not by_target:
            return scored(rater, (found is not None) != invert, label=found)
        right = {fold(text, item.language) for text in right_answers(item)}
        if not right:
            return NO_TARGET
        hit = found is not None and fold(found, item.language) in right
        return scored(rater, hit != invert, label=found)

    return rate
