"""Tables of laboratories as a sample, tests for outliers, tie groups, and settings beside the spread.

Pure. See `tables` for the invariants.
"""

from __future__ import annotations

from typing import Any

from consilience.evaluation import joint_result as jr
from consilience.reporting.sections.ties import letter
from consilience.reporting.table_columns import (
    Field,
    Table,
    as_json,
    boolean_column,
    estimate_columns,
    integer_column,
    interval_columns,
    make_table,
    number_column,
    reason_text,
    text_column,
)


def _of_table(name: str, description: str) -> Field:
    return text_column(name, description, lambda row: getattr(row[0], name))


_PLACE = (
    _of_table("model", "name of the model"),
    _of_table("language", "language tag; null: over all languages"),
    _of_table("concept", "id of the concept"),
    _of_table("rater", "id of the rater"),
)
_SUMMARIES = (
    *_PLACE,
    estimate_columns(
        "mean", "random-effects mean of the laboratories (n_items counts them)", lambda row: row[1].mean
    ),
    number_column("tau", "standard deviation between laboratories", lambda row: row[1].tau),
    interval_columns("tau", "it", lambda row: row[1].tau_interval),
    number_column(
        "i_squared",
        "share of the spread of results that is more than their errors",
        lambda row: row[1].i_squared,
    ),
    interval_columns("i_squared", "it", lambda row: row[1].i_squared_interval),
    interval_columns(
        "prediction", "a further laboratory's result on these items", lambda row: row[1].prediction
    ),
    number_column("robust_mean", "Algorithm A (ISO 13528)", lambda row: row[0].robust_mean),
    number_column("robust_sd", "its standard deviation", lambda row: row[0].robust_sd),
    integer_column("n_laboratories", "laboratories that entered", lambda row: row[1].n_laboratories),
    text_column("method", "key of the table methods", lambda row: row[1].method),
    text_column("reason", "why a number is missing", lambda row: reason_text(row[1].reason)),
)
_OUTLIER_TESTS = (
    *_PLACE,
    text_column("test", "key of the table methods", lambda row: row[1].test),
    text_column("laboratory", "the one farthest off, found or not", lambda row: row[1].laboratory),
    number_column("statistic", "of the test", lambda row: row[1].statistic),
    number_column("critical_5", "beyond it: straggler", lambda row: row[1].critical_5),
    number_column("critical_1", "beyond it: outlier", lambda row: row[1].critical_1),
    text_column("found", "outlier, straggler, none or not estimable", lambda row: row[1].found),
    text_column("reason", "why there is no test", lambda row: reason_text(row[1].reason)),
)
_TIES = (
    text_column("axis", "laboratory, language or model", lambda row: row[0].axis),
    text_column("concept", "id of the concept", lambda row: row[0].concept),
    text_column("rater", "id of the rater", lambda row: row[0].rater),
    text_column("model", "name of the model; null: along the axis model", lambda row: row[0].model),
    text_column("name", "laboratory, language tag or model", lambda row: row[1]),
    integer_column("best_rank", "best rank that the data leave open", lambda row: row[0].best_rank[row[1]]),
    integer_column("worst_rank", "worst rank", lambda row: row[0].worst_rank[row[1]]),
    text_column(
        "groups", "letters of its groups, from the best; who has one in common is not told apart",
        lambda row: _letters(*row),
    ),
    text_column("reason", "why there are no groups", lambda row: reason_text(row[0].reason)),
)  # fmt: skip
_ATTRIBUTIONS = (
    text_column("model", "name of the model"),
    text_column("concept", "id of the concept"),
    text_column("rater", "id of the rater"),
    text_column("setting", "such as sampling.temperature"),
    text_column("level", "the name that counts as 1; null: the setting is a number"),
    text_column("unit", "per unit, or present or not"),
    text_column("values", "at each laboratory, as JSON; null: not known", lambda row: as_json(row.values)),
    estimate_columns(
        "association", "change of the score per unit; no proof of a cause (n_items counts laboratories)",
        lambda row: row.association,
    ),
    number_column("p_value", "of no association"),
    number_column("p_adjusted", "Holm over the settings of the model and concept"),
    number_column("p_permutation", "of the setting dealt out to laboratories at random"),
    number_column("p_smallest", "smallest permutation p value that these laboratories could give"),
    number_column("between_sd", "spread between the laboratories"),
    number_column("between_sd_with", "spread with the setting taken into account"),
    boolean_column("sign_holds", "whether the direction stays whichever laboratory is left out"),
    text_column("same_as", "settings not told from it, as JSON", lambda row: as_json(list(row.same_as))),
    text_column("only", "the single laboratory that differs in it"),
    integer_column("n_laboratories", "laboratories whose setting is known"),
)  # fmt: skip


def _letters(ties: jr.TieGroups, name: str) -> str | None:
    if not ties.groups:
        return None
    return " ".join(letter(at) for at, group in enumerate(ties.groups) if name in group)


def laboratory_tables(result: jr.JointResult) -> tuple[Table, ...]:
    """Return the tables of summaries, outlier tests, tie groups and attributions."""
    summaries: list[tuple[Any, Any]] = [(b, b.summary) for b in result.between if b.summary is not None]
    tests = [(table, test) for table in result.between for test in table.outlier_tests]
    ties = [(one, name) for one in result.ties for name in one.best_rank]
    return (
        make_table(
            "laboratory_summaries", "Laboratories as a sample of laboratories.", _SUMMARIES, summaries
        ),
        make_table("outlier_tests", "Cochran's and Grubbs' tests (ISO 5725-2).", _OUTLIER_TESTS, tests),
        make_table("ties", "Groups that the data cannot tell apart, in place of ranks.", _TIES, ties),
        make_table(
            "attributions", "Recorded settings beside the spread.", _ATTRIBUTIONS, result.attributions
        ),
    )
