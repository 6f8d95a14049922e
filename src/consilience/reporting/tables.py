"""Every number of the joint result as flat tables, for people who compute on.

Pure. One table for each part of the result; an estimate becomes nine columns. Invariants: a missing number is
null, and the column `…_reason` of the same row says why, in English words; rows stand in the order of the
result; a column's type is the same in every row.
"""

from __future__ import annotations

from consilience.evaluation import joint_result as jr
from consilience.reporting.messages import sentence
from consilience.reporting.table_columns import Column as Column
from consilience.reporting.table_columns import Field as _Field
from consilience.reporting.table_columns import Table as Table
from consilience.reporting.table_columns import Value as Value
from consilience.reporting.table_columns import as_json as _as_json
from consilience.reporting.table_columns import boolean_column as _boolean
from consilience.reporting.table_columns import estimate_columns as _estimate
from consilience.reporting.table_columns import integer_column as _integer
from consilience.reporting.table_columns import interval_columns as _interval
from consilience.reporting.table_columns import make_table as _table
from consilience.reporting.table_columns import number_column as _number
from consilience.reporting.table_columns import reason_column as _reason
from consilience.reporting.table_columns import reason_text as reason_text
from consilience.reporting.table_columns import text_column as _text
from consilience.reporting.tables_bayes import bayes_tables
from consilience.reporting.tables_corrections import correction_tables
from consilience.reporting.tables_laboratories import laboratory_tables
from consilience.reporting.tables_raters import rater_tables
from consilience.reporting.tables_variance import variance_tables

_WHERE = (
    _text("laboratory", "name of the laboratory; null: all of them together"),
    _text("model", "name of the model"),
    _text("language", "language tag (BCP 47); null: all of them together"),
    _text("concept", "id of the concept; see the table concepts"),
)
_RATER = _text("rater", "id of the rater; see the table raters")

_CELLS = (
    *_WHERE,
    _RATER,
    _boolean("primary", "whether this rater carries the verdict for the concept"),
    _estimate("benchmark", "mean score on exactly these items", lambda row: row.benchmark),
    _estimate("generalized", "mean score on items like these", lambda row: row.generalized),
    _integer("n_unscored", "ratings without a score"),
)
_CONTRASTS = (
    _text("axis", "what is compared: language, model, laboratory or rater"),
    _text("left", "left side"),
    _text("right", "right side"),
    *_WHERE,
    _RATER,
    _estimate("difference", "left minus right on the items that both have", lambda row: row.difference),
    _number("p_value", "p value of the paired test"),
    _number("p_adjusted", "after correction over the family"),
    _text("test", "key of the table methods"),
    _text("family", "comparisons that are corrected together"),
    _integer("n_common", "items that both sides have"),
    _integer("n_left_only", "items of the left side only"),
    _integer("n_right_only", "items of the right side only"),
    _number("margin", "margin of equivalence that the protocol fixed"),
    _text("verdict", "equivalent, different, inconclusive or not estimable"),
    _boolean("significant", "after correction; null where there is no p value"),
)
_AGREEMENT = (
    _text("raters", "ids of the raters, joined with +", lambda row: "+".join(row.raters)),
    _WHERE[3],
    _WHERE[2],
    _text("statistic", "key of the table methods"),
    _number("value", "the statistic; 1 is perfect agreement"),
    _interval("value", "the statistic", lambda row: row.interval),
    _number("percent_agreement", "share of answers with the same rating, 0 to 1"),
    _integer("n_shared", "answers that both rated"),
    _integer("n_items", "items of these answers"),
    _boolean("simulated", "whether simulated ratings entered"),
    _reason(),
)
_JUDGES = (
    _RATER,
    _text("human", "id of the human rater"),
    _WHERE[3],
    _WHERE[2],
    _WHERE[0],
    _estimate("agreement", "share of answers with the same rating", lambda row: row.agreement),
    _estimate(
        "sensitivity",
        "share of the humans' positives that the rater calls positive",
        lambda row: row.sensitivity,
    ),
    _estimate(
        "specificity",
        "share of the humans' negatives that the rater calls negative",
        lambda row: row.specificity,
    ),
    _estimate("bias", "mean of rater minus human", lambda row: row.bias),
    _integer("n_shared", "answers that both rated"),
    _boolean("simulated", "whether the human ratings are simulated"),
)
_BETWEEN = (
    *_WHERE[1:],
    _RATER,
    _number("repeatability_sd", "standard deviation within laboratories (ISO 5725-2)"),
    _number("between_sd", "standard deviation between laboratories"),
    _interval("between_sd", "it", lambda row: row.between_sd_interval),
    _number("between_variance_raw", "variance between laboratories before a negative value is set to 0"),
    _number("reproducibility_sd", "within and between together"),
    _number("p_homogeneous", "p value of: all laboratories have the same mean"),
    _integer("n_items", "items that at least two laboratories share"),
    _number(
        "item_laboratory_variance_raw", "variance of the interaction of item and laboratory; may be negative"
    ),
    _number("h_critical", "critical value of h at 1 %"),
    _number("k_critical", "critical value of k at 1 %"),
    _text("repeatability_basis", "attempts, or items where nothing was repeated"),
    _reason(),
)
_LABORATORY_SCORES = (
    _text("model", "name of the model", lambda row: row[0].model),
    _text("language", "language tag; null: over all languages", lambda row: row[0].language),
    _text("concept", "id of the concept", lambda row: row[0].concept),
    _text("rater", "id of the rater", lambda row: row[0].rater),
    _text("laboratory", "name of the laboratory", lambda row: row[1].laboratory),
    _estimate("mean", "mean of the laboratory", lambda row: row[1].mean),
    _number("h", "Mandel's h (ISO 5725-2)", lambda row: row[1].h),
    _number("k", "Mandel's k (ISO 5725-2)", lambda row: row[1].k),
    _number("z", "distance from the robust mean, in units of z_basis (ISO 13528)", lambda row: row[1].z),
    _text("z_basis", "unit of z", lambda row: row[1].z_basis),
    _number("zeta", "the same in units of the errors of both (ISO 13528)", lambda row: row[1].zeta),
    _boolean("flagged", "whether it stands apart", lambda row: row[1].flagged),
    _estimate("deviation", "distance from the mean of the laboratories", lambda row: row[1].deviation),
    _integer("differs_from", "from how many of the others it differs", lambda row: row[1].differs_from),
    _number(
        "between_sd_without",
        "between_sd with this one left out",
        lambda row: row[0].leave_one_out.get(row[1].laboratory),
    ),
    _text("reason", "why a number is missing", lambda row: reason_text(row[1].reason or row[0].reason)),
)
_MINIMUM_DIFFERENCES = (
    _text("axis", "what is compared"),
    _WHERE[3],
    _number("difference", "smallest difference that these data could have shown"),
    _number("power", "with this probability"),
    _reason(),
)
_FAILURES = (
    *_WHERE,
    _RATER,
    _text("cause", "cause code of the scores table"),
    _integer("count", "ratings without a score for this cause"),
    _integer("of", "all ratings of the cell"),
    _boolean("environment", "whether the cause says nothing about the model"),
)
_DEVIATIONS = (
    *_WHERE[:2],
    _text("field", "what deviates"),
    _text("planned", "what the protocol says, as JSON", lambda row: _as_json(row.planned)),
    _text("actual", "what the manifest shows, as JSON", lambda row: _as_json(row.actual)),
    _text("severity", "major, minor or unknown"),
)
_CHECKLIST = (
    _integer("line", "number of the line"),
    _text("state", "met, not met, not applicable or not assessed"),
    _text("evidence", "in English words", lambda row: sentence(row.evidence, "en")),
)
_RUNS = (
    *_WHERE[:2],
    _boolean("has_manifest", "whether the run came with its manifest"),
    _text("endpoint", "where the model was asked"),
    _text("started_at", "UTC, ISO 8601"),
    _text("finished_at", "UTC, ISO 8601; null: not complete or not known"),
    _integer("prompt_tokens", "tokens sent"),
    _integer("completion_tokens", "tokens received"),
    _number("cpu_seconds", "CPU time of runner and local model, in seconds"),
    _number("energy_joules", "energy in joules, where a counter exists"),
    _text("energy_note", "basis and boundary of the energy, or why there is none"),
    _text("sampling", "settings as sent, as JSON", lambda row: _as_json(row.sampling)),
    _text("software", "versions, as JSON", lambda row: _as_json(row.software)),
)
_INPUTS = (
    _text("name", "name of the file"),
    _text("kind", "scores, manifest or protocol"),
    _text("laboratories", "laboratories in it, as JSON", lambda row: _as_json(list(row.laboratories))),
    _integer("rows", "rows of the table"),
    _integer("bytes", "size"),
    _text("sha256", "digest of its bytes"),
)
_RATERS = (
    _text("id", "id of the rater"),
    _text("kind", "program, judge or human"),
    _text("scale", "binary, ordinal or continuous"),
    _boolean("simulated", "whether nobody really gave these ratings"),
    _integer("n_scored", "scores given"),
    _integer("n_unscored", "ratings without a score"),
)


def _margin(axis: str) -> _Field:
    return _number(
        f"margin_{axis}", f"margin of equivalence between {axis}s", lambda row: row.margins.get(axis)
    )


_CONCEPTS = (
    _text("id", "id of the concept"),
    _text("titles", "titles by language, as JSON", lambda row: _as_json(row.titles)),
    _text("kind", "capability, safeguard, limit or risk"),
    _boolean("higher_is_better", "direction of the score"),
    _text("definition", "what is measured"),
    _text("primary_rater", "the rater that carries the verdict"),
    *(_margin(axis) for axis in ("language", "model", "laboratory", "rater")),
)
_METHODS = (
    _text("method", "key", lambda row: row[0]),
    _text("reference", "paper and equation, or standard and clause", lambda row: row[1]),
)


def tables(result: jr.JointResult) -> tuple[Table, ...]:
    """Return every table of a joint result, in the order of the report."""
    scores = [(table, score) for table in result.between for score in table.laboratories]
    return (
        _table(
            "cells", "Every score: laboratory × model × language × concept × rater.", _CELLS, result.cells
        ),
        _table("contrasts", "Every paired difference.", _CONTRASTS, result.contrasts),
        _table("between", "Spread within and between laboratories.", _BETWEEN, result.between),
        _table("laboratory_scores", "Each laboratory beside the others.", _LABORATORY_SCORES, scores),
        *laboratory_tables(result),
        *variance_tables(result),
        _table("judges", "Raters held against humans.", _JUDGES, result.judges),
        _table("agreement", "Agreement between raters.", _AGREEMENT, result.agreement),
        *correction_tables(result),
        *bayes_tables(result),
        _table(
            "minimum_differences",
            "What these data could have shown.",
            _MINIMUM_DIFFERENCES,
            result.minimum_differences,
        ),
        _table("failures", "Ratings without a score, by cause.", _FAILURES, result.failures),
        _table("deviations", "Differences between protocol and manifests.", _DEVIATIONS, result.deviations),
        _table("checklist", "The checklist of the Network's practice.", _CHECKLIST, result.checklist),
        _table("runs", "Runs, as their manifests tell.", _RUNS, result.runs),
        _table("inputs", "Files that entered.", _INPUTS, result.inputs),
        _table("raters", "Who gave scores.", _RATERS, result.raters),
        _table("concepts", "What was measured.", _CONCEPTS, result.concepts),
        _table("methods", "Methods with their references.", _METHODS, sorted(result.methods.items())),
        *rater_tables(result),
    )
