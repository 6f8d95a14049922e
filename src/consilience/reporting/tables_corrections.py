"""Flat tables of what corrections make of the numbers of judges and programs.

Pure; see `tables`.
"""

from __future__ import annotations

from consilience.evaluation import joint_result as jr
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

_RATER = text_column("rater", "id of the rater that is corrected; see the table raters")
_CONCEPT = text_column("concept", "id of the concept; see the table concepts")
_COUNTS = (
    integer_column("n_human", "answers that humans and the rater scored"),
    integer_column(
        "human_needed",
        "human ratings that would bring the interval's half width to wanted; null: none would, or unknown",
    ),
    text_column(
        "human_needed_reason", "why human_needed is null", lambda row: reason_text(row.human_needed_reason)
    ),
    number_column("wanted", "half width that is aimed at"),
    text_column("wanted_basis", "what it stands on: margin, wanted difference, scale or observed range"),
    boolean_column("primary", "whether this rater carries the verdict for the concept"),
    boolean_column("simulated", "whether simulated ratings entered"),
)
_CORRECTIONS = (
    _RATER,
    text_column("humans", "ids of the human raters, joined with +", lambda row: "+".join(row.humans)),
    _CONCEPT,
    text_column("model", "name of the model"),
    text_column("language", "language tag (BCP 47); null: all of them together"),
    text_column("laboratory", "name of the laboratory; null: all of them together"),
    estimate_columns("raw", "mean score as the rater gave it", lambda row: row.raw),
    estimate_columns("corrected", "mean score that humans would give (PPI++)", lambda row: row.corrected),
    estimate_columns(
        "rogan_gladen", "the same by sensitivity and specificity (Rogan-Gladen)", lambda row: row.rogan_gladen
    ),
    number_column("weight", "weight of the rater's scores in PPI++, 0 to 1"),
    boolean_column("clipped", "whether the corrected value lay outside the scale"),
    integer_column("n_judge", "answers that the rater scored"),
    *_COUNTS,
)
_DIFFERENCES = (
    text_column("axis", "what is compared: language, laboratory or model"),
    text_column("left", "left side"),
    text_column("right", "right side"),
    text_column("model", "name of the model; null on the axis model"),
    _CONCEPT,
    _RATER,
    number_column("raw", "left minus right as the rater scored"),
    estimate_columns("corrected", "left minus right that humans would give", lambda row: row.corrected),
    number_column("p_value", "p value of: no difference"),
    number_column("p_adjusted", "after correction over the pairs of axis, concept and rater"),
    number_column("margin", "margin of equivalence that the protocol fixed"),
    text_column("verdict", "equivalent, different, inconclusive or not estimable"),
    *_COUNTS,
)


def correction_tables(result: jr.JointResult) -> tuple[Table, ...]:
    """Return the tables `corrections` and `corrected_differences`."""
    return (
        make_table(
            "corrections",
            "Scores with the rater's errors taken out, as human ratings show them.",
            _CORRECTIONS,
            result.corrections,
        ),
        make_table(
            "corrected_differences",
            "Differences with the rater's errors taken out on each side.",
            _DIFFERENCES,
            result.corrected_differences,
        ),
    )
