"""Where the methods of the report keep what they say, and how many of its numbers rest on less.

Pure. Invariant: a method that may be too narrow below its range is told apart from one that is too wide.
"""

from __future__ import annotations

from markupsafe import Markup

from consilience.evaluation.joint_result import RangeOfUse
from consilience.reporting.range_words import RANGE_WORDS
from consilience.reporting.sections.context import Context
from consilience.reporting.sections.view import DataTable, data_table


def range_table(context: Context) -> DataTable | None:
    """Return the ranges of use, those with numbers that may be too narrow first; None where there is none."""
    if not context.result.ranges:
        return None
    voice = context.voice
    ranges = sorted(context.result.ranges, key=lambda one: (_rank(one), one.method))
    heads = [
        (voice.t("Method"), False),
        (voice.t("Simulated to hold from"), True),
        (voice.t("Used here"), True),
        (voice.t("Of these on less"), True),
        (voice.t("What that means"), False),
    ]
    rows = [
        (
            voice.word("method", one.method),
            context.count(one.n_holds),
            context.count(one.n_estimates),
            context.count(one.n_outside),
            _meaning(context, one),
        )
        for one in ranges
    ]
    caption = voice.t("Where each method was found to hold, and how many numbers of this report rest on less")
    return data_table("table-ranges", caption, heads, rows)


def _rank(one: RangeOfUse) -> int:
    if not one.n_outside:
        return 2
    return 0 if one.narrow else 1


def _meaning(context: Context, one: RangeOfUse) -> Markup:
    voice = context.voice
    words = voice.t(RANGE_WORDS[one.method]) if one.method in RANGE_WORDS else voice.t("not known")
    if not one.n_outside:
        return words
    if one.narrow:
        return voice.t("{n:count} may be too narrow. {words}", n=one.n_outside, words=words)
    return voice.t("{n:count} are more cautious than need be. {words}", n=one.n_outside, words=words)
