"""Tables of the cross-check by a hierarchical model; there are none where it was not asked for.

Pure. See `tables` for the invariants.
"""

from __future__ import annotations

from consilience.evaluation import joint_result as jr
from consilience.reporting.table_columns import (
    Table,
    boolean_column,
    estimate_columns,
    integer_column,
    interval_columns,
    make_table,
    number_column,
    reason_text,
    text_column,
)

_PLACE = (
    text_column("model", "name of the model", lambda row: row[0].model),
    text_column("concept", "id of the concept; see the table concepts", lambda row: row[0].concept),
    text_column("rater", "id of the rater; see the table raters", lambda row: row[0].rater),
)
_CELLS = (
    *_PLACE,
    text_column("laboratory", "laboratory; null: all of them together", lambda row: row[1].laboratory),
    text_column("language", "language tag (BCP 47); null: all of them together", lambda row: row[1].language),
    estimate_columns("benchmark", "mean on exactly these items, by the model", lambda row: row[1].benchmark),
    estimate_columns("generalized", "mean on items like these, by the model", lambda row: row[1].generalized),
    estimate_columns(
        "core_benchmark",
        "mean on exactly these items, as in the table cells",
        lambda row: row[1].core_benchmark,
    ),
    estimate_columns(
        "core_generalized",
        "mean on items like these, as in the table cells",
        lambda row: row[1].core_generalized,
    ),
    boolean_column(
        "benchmark_overlaps", "whether the two intervals overlap", lambda row: row[1].benchmark_overlaps
    ),
    boolean_column(
        "generalized_overlaps", "whether the two intervals overlap", lambda row: row[1].generalized_overlaps
    ),
)
_SPREADS = (
    *_PLACE,
    text_column(
        "source", "source of spread; interactions are joined with a colon", lambda row: row[1].source
    ),
    number_column("sd", "standard deviation in log-odds", lambda row: row[1].sd),
    interval_columns("sd", "it", lambda row: row[1].interval),
    integer_column("levels", "how many different ones there are", lambda row: row[1].levels),
    text_column("reason", "why a number is missing", lambda row: reason_text(row[1].reason)),
)
_FITS = (
    *(text_column(name, text) for name, text in (("model", "name of the model"), ("concept", "id"))),
    text_column("rater", "id of the rater"),
    estimate_columns("between", "standard deviation between these laboratories", lambda row: row.between),
    number_column("core_between_sd", "the same, as in the table between"),
    integer_column("n_items", "items that were fitted"),
    integer_column("n_items_all", "items that there are"),
    integer_column("n_scores", "scores that were fitted"),
    integer_column("chains", "chains of the sampler"),
    integer_column("draws", "kept draws of each chain"),
    integer_column("divergences", "divergences of the sampler"),
    number_column("r_hat", "worst R-hat of all quantities; near 1 where chains agree"),
    number_column("effective_size", "smallest effective sample size of all quantities"),
    text_column("method", "key of the table methods"),
    text_column("reason", "why there are no numbers", lambda row: reason_text(row.reason)),
)
_AGREEMENT = (
    *_PLACE,
    text_column("estimand", "benchmark or generalized", lambda row: row[1].estimand),
    integer_column("n_cells", "scores with both intervals", lambda row: row[1].n_cells),
    integer_column(
        "n_overlapping", "of these, with intervals that overlap", lambda row: row[1].n_overlapping
    ),
    integer_column(
        "n_inside", "of these, whose number lies inside the model's interval", lambda row: row[1].n_inside
    ),
    number_column(
        "largest_difference",
        "model minus report, where it is largest in size",
        lambda row: row[1].largest_difference,
    ),
    text_column("laboratory", "where; null: all of them together", lambda row: row[1].laboratory),
    text_column("language", "where; null: all of them together", lambda row: row[1].language),
)


def bayes_tables(result: jr.JointResult) -> tuple[Table, ...]:
    """Return the tables of the cross-check, or none."""
    if not result.bayes:
        return ()
    cells = [(table, cell) for table in result.bayes for cell in table.cells]
    spreads = [(table, one) for table in result.bayes for one in table.spreads]
    agreement = [(table, one) for table in result.bayes for one in table.agreement]
    return (
        make_table("bayes", "Every score by the hierarchical model, beside the report's.", _CELLS, cells),
        make_table("bayes_agreement", "How far the two ways agree.", _AGREEMENT, agreement),
        make_table("bayes_spreads", "Spread of each source in the hierarchical model.", _SPREADS, spreads),
        make_table("bayes_fits", "How the hierarchical model was fitted.", _FITS, result.bayes),
    )
