"""Tables of where the spread comes from, and of what more of each facet would bring.

Pure. See `tables` for the invariants.
"""

from __future__ import annotations

from typing import Any

from consilience.evaluation import joint_result as jr
from consilience.reporting.table_columns import (
    Field,
    Table,
    as_json,
    boolean_column,
    integer_column,
    interval_columns,
    make_table,
    number_column,
    reason_text,
    text_column,
)


def _of(row: Any) -> Any:
    """The variance table or study that a row belongs to."""
    return row[0]


_WHICH: tuple[Field, ...] = (
    text_column("model", "name of the model", lambda row: _of(row).model),
    text_column("concept", "id of the concept", lambda row: _of(row).concept),
    text_column("rater", "id of the rater that carries the verdict", lambda row: _of(row).rater),
    text_column(
        "raters", "ids of the raters that enter, as JSON", lambda row: as_json(list(_of(row).raters))
    ),
)
_VARIANCE = (
    *_WHICH,
    boolean_column("simulated", "whether simulated ratings enter", lambda row: row[0].simulated),
    boolean_column("drawn", "whether it rests on drawn items", lambda row: row[0].drawn),
    text_column(
        "source", "source of variance; interactions are joined with a colon", lambda row: row[1].source
    ),
    number_column("variance", "variance component; may be negative", lambda row: row[1].variance),
    interval_columns("variance", "the variance", lambda row: row[1].interval),
    number_column(
        "share", "share of the sum of the components, negative ones counted as 0", lambda row: row[1].share
    ),
    interval_columns("share", "the share", lambda row: row[1].share_interval),
    integer_column("levels", "how many different ones there are", lambda row: row[1].levels),
    text_column("method", "key of the table methods", lambda row: row[0].method),
    integer_column("n_scores", "single scores that entered", lambda row: row[0].n_scores),
    text_column("reason", "why a number is missing", lambda row: reason_text(row[1].reason or row[0].reason)),
)
_DECISIONS = (
    *_WHICH,
    number_column("margin", "half width that is aimed at", lambda row: row[0].margin),
    text_column("margin_basis", "where the margin is from", lambda row: row[0].margin_basis),
    number_column(
        "half_width_now", "expected half width of the mean's interval", lambda row: row[0].half_width
    ),
    integer_column("n_generations", "generations that there are", lambda row: row[0].n_generations),
    number_column(
        "tokens_per_generation", "mean over the manifests", lambda row: row[0].tokens_per_generation
    ),
    boolean_column(
        "tokens_leave_out_judges",
        "whether tokens of judge models come on top",
        lambda row: row[0].tokens_leave_out_judges,
    ),
    text_column("parts", "shares of the variance of the mean, as JSON", lambda row: as_json(row[0].parts)),
    text_column("cheapest", "facet whose extra levels cost least", lambda row: row[0].cheapest),
    number_column("generalizability", "of the items' order", lambda row: row[0].generalizability),
    number_column("dependability", "of the items' values", lambda row: row[0].dependability),
    text_column(
        "left_out", "sources that were not estimated, as JSON", lambda row: as_json(list(row[0].left_out))
    ),
    text_column("method", "key of the table methods", lambda row: row[0].method),
    text_column("facet", "what there would be more of", lambda row: row[1] and row[1].facet),
    integer_column("now", "how many there are", lambda row: row[1] and row[1].now),
    integer_column(
        "needed", "how many in all bring it under the margin", lambda row: row[1] and row[1].needed
    ),
    number_column(
        "half_width", "half width with as many as needed", lambda row: row[1] and row[1].half_width
    ),
    number_column("left", "half width with endlessly many", lambda row: row[1] and row[1].left),
    integer_column(
        "extra_calls", "calls that the extra ones cost", lambda row: row[1] and row[1].extra_calls
    ),
    number_column("extra_tokens", "tokens of these calls", lambda row: row[1] and row[1].extra_tokens),
    text_column(
        "reason",
        "why a number is missing",
        lambda row: reason_text((row[1].reason if row[1] else None) or row[0].reason),
    ),
)
_CURVES = (
    *_WHICH,
    text_column("facet", "what there would be more of", lambda row: row[1].facet),
    integer_column("levels", "so many in all", lambda row: row[2].levels),
    number_column("half_width", "expected half width of the mean's interval", lambda row: row[2].half_width),
)


def variance_tables(result: jr.JointResult) -> tuple[Table, ...]:
    """Return the tables of components and of decision studies."""
    components = [(table, component) for table in result.variance for component in table.components]
    rows = [(study, more) for study in result.decisions for more in (study.more or (None,))]
    points = [
        (study, more, point) for study in result.decisions for more in study.more for point in more.curve
    ]
    return (
        make_table("variance", "Variance components.", _VARIANCE, components),
        make_table("decisions", "What more of each facet would bring.", _DECISIONS, rows),
        make_table("decision_curves", "Half widths with more of each facet.", _CURVES, points),
    )
