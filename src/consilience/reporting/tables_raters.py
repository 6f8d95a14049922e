"""Tables of raters beside each other, and of the ranges of use of the methods.

Pure. See `tables` for the invariants.
"""

from __future__ import annotations

from consilience.evaluation import joint_result as jr
from consilience.reporting.range_words import RANGE_WORDS
from consilience.reporting.table_columns import (
    Table,
    boolean_column,
    estimate_columns,
    integer_column,
    make_table,
    number_column,
    reason_text,
    text_column,
)

_SEVERITY = (
    text_column("concept", "id of the concept; see the table concepts", lambda row: row[0].concept),
    text_column("language", "language tag (BCP 47); null: all of them together", lambda row: row[0].language),
    text_column("rater", "id of the rater; see the table raters", lambda row: row[1].rater),
    estimate_columns(
        "severity", "how much lower it scores than the mean rater, same answers", lambda row: row[1].severity
    ),
    integer_column("n_ratings", "ratings of the rater that entered", lambda row: row[1].n_ratings),
    integer_column(
        "connected_set",
        "raters with the same number are linked by shared answers; null: rated nothing",
        lambda row: row[1].connected_set,
    ),
    boolean_column("simulated", "whether its ratings are simulated", lambda row: row[1].simulated),
    number_column(
        "p_equal", "p value of: all raters of the table are equally severe", lambda row: row[0].p_equal
    ),
    number_column("residual_sd", "standard deviation of what is left", lambda row: row[0].residual_sd),
    integer_column("n_objects", "answers that two raters or more scored", lambda row: row[0].n_objects),
    integer_column("n_sets", "groups of raters that share no answers", lambda row: row[0].n_sets),
    text_column("method", "key of the table methods", lambda row: row[0].method),
    text_column("reason", "what limits the comparison", lambda row: reason_text(row[0].reason)),
)
_RANGES = (
    text_column("method", "key of the table methods"),
    integer_column(
        "n_holds", "units (items, ratings, laboratories) from which on simulation found it to hold"
    ),
    boolean_column("narrow", "whether it may be too narrow below that; else it is wider than need be"),
    integer_column("n_estimates", "intervals and tests of it in this result"),
    integer_column("n_outside", "of these on fewer units"),
    text_column("words", "what else to mind, in English words", lambda row: RANGE_WORDS.get(row.method)),
)


def rater_tables(result: jr.JointResult) -> tuple[Table, ...]:
    """Return the tables of severity and of ranges of use."""
    severity = [(table, one) for table in result.severity for one in table.raters]
    return (
        make_table("severity", "How severe raters are on the same answers.", _SEVERITY, severity),
        make_table("ranges", "Where each method was found to hold.", _RANGES, result.ranges),
    )
