"""The sentences that a joint result can hold: each code with its meaning and its parameters.

Responsible for the list that the analysis writes from and that `reporting` says in each language. Pure data.
Invariant: `say` refuses a code or a parameter that is not listed here, so no sentence can appear that nobody
has words for. Parameters are numbers, words or ids; lists that stand side by side have the same length.
"""

from __future__ import annotations

from collections.abc import Sequence

from consilience.evaluation.joint_result import Message, Value
from consilience.statistics.estimate import Reason

VERDICT_CODES: dict[str, dict[str, str]] = {
    "measured": {
        "models": "list: model of each result",
        "concepts": "list: concept id of each result (titles are in `concepts` of the document)",
        "values": "list: the number, on the rater's scale",
        "lows": "list: lower end of the interval, or null where there is none",
        "highs": "list: upper end, or null",
        "n_items": "list: items that entered",
        "n_scores": "list: scored attempts that entered",
        "raters": "list: the rater whose scores carry the verdict",
        "scales": "list: `binary` (the number is a rate), `ordinal` or `continuous`",
        "higher_is_better": "list of true or false",
        "simulated": "list: true where the rater's scores are simulated",
        "corrected": "list: the number after the rater's errors that real human ratings show are taken out, "
        "or null",
        "corrected_lows": "list: lower end of its interval, or null",
        "corrected_highs": "list: upper end, or null",
        "corrected_humans": "list: answers that humans rated too, or null where there is no corrected number",
        "level": "confidence level, such as 0.95",
        "estimand": "`benchmark` (on exactly these items) or `generalized` (on items like these)",
        "n_laboratories": "laboratories in the exercise",
        "n_languages": "languages in the exercise",
    },
    "measured_many": {
        "scales": "list of two: scale of the lowest and of the highest result",
        "n_results": "number of model × concept results (more than 6)",
        "n_models": "number of models",
        "n_concepts": "number of concepts",
        "lowest_model": "model of the lowest result",
        "lowest_concept": "its concept id",
        "lowest_value": "its number",
        "lowest_low": "lower end of its interval or null",
        "lowest_high": "upper end or null",
        "highest_model": "model of the highest result",
        "highest_concept": "its concept id",
        "highest_value": "its number",
        "highest_low": "lower end of its interval or null",
        "highest_high": "upper end or null",
        "level": "confidence level",
        "estimand": "`benchmark` or `generalized`",
        "n_laboratories": "laboratories in the exercise",
        "n_languages": "languages in the exercise",
    },
    "measured_nothing": {
        "rows": "rows in the tables",
        "unscored": "rows with an answer and no score",
        "failed": "rows without an answer",
        "withheld": "rows that are withheld",
    },
    "laboratories_none": {},
    "laboratories_one": {"laboratory": "the only laboratory"},
    "laboratories_not_comparable": {
        "n_laboratories": "number of laboratories",
        "n_common": "the largest number of items that two of them share",
    },
    "laboratories_agree": {
        "scale": "`binary` (numbers are rates), `ordinal` or `continuous`",
        "n_laboratories": "number of laboratories",
        "n_pairs": "pairs compared (per model and concept), all equivalent",
        "margin": "the largest of the margins fixed in the protocol",
        "left": "laboratory of the largest difference",
        "right": "the other one",
        "model": "its model",
        "concept": "its concept id",
        "difference": "left minus right (signed)",
        "low": "lower end of its interval or null",
        "high": "upper end or null",
        "level": "confidence level",
    },
    "laboratories_inconclusive": {
        "scale": "`binary` (numbers are rates), `ordinal` or `continuous`",
        "n_laboratories": "number of laboratories",
        "n_pairs": "pairs compared",
        "n_equivalent": "of these, equivalent within the margin",
        "margin": "margin of the concept named, or null where the protocol fixes none",
        "left": "laboratory of the largest difference",
        "right": "the other one",
        "model": "its model",
        "concept": "its concept id",
        "difference": "left minus right (signed)",
        "low": "lower end of its interval or null",
        "high": "upper end or null",
        "level": "confidence level",
        "detectable": "the smallest difference that these data could have shown, or null",
    },
}

_DIFFER: dict[str, str] = {
    "scale": "`binary` (numbers are rates), `ordinal` or `continuous`",
    "laboratory": "the laboratory that differs",
    "n_laboratories": "number of laboratories",
    "model": "model of the largest difference",
    "concept": "its concept id",
    "difference": "this laboratory minus the mean of the others (signed), on their common items",
    "low": "lower end of its interval or null",
    "high": "upper end or null",
    "level": "confidence level",
    "n_items": "items in common",
    "others": "list: the laboratories that it is compared with",
    "also": "list: further laboratories that differ (may be empty)",
    "margin": "margin of the concept, or null",
    "spread": "between-laboratory standard deviation, or null",
    "spread_without": "the same with this laboratory left out, or null",
}

VERDICT_CODES["laboratories_differ_deviation"] = {
    **_DIFFER,
    "fields": "list: fields of the protocol from which this laboratory deviates and the others do not, "
    "major first",
    "planned": "list: what the protocol says (null: not sent / none)",
    "actual": "list: what its manifest shows",
    "n_deviations": "how many there are in all (the lists hold at most 3)",
}
VERDICT_CODES["laboratories_differ_unexplained"] = {**_DIFFER}
"""It has a manifest, and the manifest shows no deviation that the others do not have."""
VERDICT_CODES["laboratories_differ_unknown"] = {**_DIFFER}
"""It has no manifest (or there is no protocol), so deviations cannot be computed."""
VERDICT_CODES["laboratories_differ_pair"] = {
    "scale": "`binary` (numbers are rates), `ordinal` or `continuous`",
    "n_laboratories": "number of laboratories (2: it cannot be said which one is off; or several pairs, "
    "no odd one)",
    "left": "laboratory of the largest difference",
    "right": "the other one",
    "model": "its model",
    "concept": "its concept id",
    "difference": "left minus right (signed)",
    "low": "lower end of its interval or null",
    "high": "upper end or null",
    "level": "confidence level",
    "n_items": "items in common",
    "margin": "margin of the concept, or null",
    "laboratories": "list, beside `fields`: the laboratory that deviates (empty: no deviation known)",
    "fields": "list: fields in which exactly one of the two deviates from the protocol, major first, at "
    "most 3",
    "planned": "list: what the protocol says",
    "actual": "list: what the manifest shows",
}

REASON_CODES: dict[str, dict[str, str]] = {
    **{reason.value: {} for reason in Reason},
    "too_few_shared": {"n_shared": "generations rated by both", "needed": "how many are needed"},
    "few_laboratories": {"n_laboratories": "number of laboratories (fewer than 4: no useful precision)"},
    "not_binary": {"rater": "a rater whose scale is not binary"},
    "no_contrast": {},
    "no_number_suffices": {},
    "not_estimated": {},
    "held_fixed": {},
    "one_level_elsewhere": {},
    "correction_needs_mean": {
        "per_item": "how the protocol makes an item's score: majority, any, all or first"
    },
    "human_ratings_missing_in": {"languages": "list: languages without human ratings"},
    "human_ratings_few_in": {
        "laboratories": "list: laboratories with fewer human ratings than needed in one of the languages",
        "languages": "list: languages in which that is so",
        "needed": "human-rated items that each laboratory needs in each language",
    },
    "rogan_gladen_one_language": {},
    "different_scales": {"raters": "list: raters whose scales differ, so that their scores are not compared"},
    "too_many_groups": {"limit": "groups that are listed at most"},
    "too_many_levels": {"source": "what there are too many of", "limit": "the limit"},
    "raters_unlinked": {"n_sets": "groups of raters that share no answers with each other"},
    "raters_few_items": {
        "n_items": "items that several raters rated",
        "n_raters": "raters to compare at once",
    },
}
"""Why a value or an interval is missing: the reasons of the statistics, and those of the analysis."""

CHECKLIST_CODES: dict[str, dict[str, str]] = {
    "check_no_protocol": {"line": "number of the line that cannot be assessed without a protocol"},
    "check_construct_before": {
        "created": "date of the protocol",
        "first_run": "start of the first run",
        "digest": "protocol digest",
    },
    "check_construct_after": {"created": "date of the protocol", "first_run": "start of the first run"},
    "check_construct_undated": {"created": "date of the protocol", "digest": "protocol digest"},
    "check_construct_missing": {"fields": "list: of `construct`, `estimand`, those that are empty"},
    "check_humans_per_language": {
        "raters": "list: raters held against humans",
        "languages": "list",
        "n_shared": "generations rated by both, smallest over languages",
    },
    "check_humans_partial": {"languages_with": "list", "languages_without": "list"},
    "check_humans_simulated": {"n_shared": "generations"},
    "check_humans_none": {"raters": "list: judges without a human sample"},
    "check_humans_no_judge": {},
    "check_judges_agreement": {"raters": "list: judges", "n_pairs": "agreement rows between judges"},
    "check_judges_one": {"rater": "the only judge"},
    "check_judges_none": {},
    "check_correction_done": {"raters": "list", "concepts": "list"},
    "check_correction_partial": {
        "raters": "list: judges that are not corrected everywhere",
        "languages": "list: languages in which they are not",
        "n_human": "human ratings in the one of these languages that has fewest",
        "needed": "human ratings that would do in one language",
    },
    "check_correction_no_human": {
        "raters": "list: judges that no human rating can correct",
        "needed": "human ratings that would do in one language",
    },
    "check_correction_missing": {"raters": "list: judges whose error is not carried into the estimate"},
    "check_correction_simulated": {"raters": "list"},
    "check_correction_no_judge": {},
    "check_power_stated": {
        "scale": "scale of the numbers",
        "wanted": "wanted difference",
        "power": "planned power",
        "detectable": "smallest detectable difference of these data or null",
    },
    "check_power_not_reached": {
        "scale": "scale of the numbers",
        "wanted": "wanted difference",
        "power": "planned power",
        "detectable": "smallest detectable difference of these data",
    },
    "check_power_missing": {},
    "check_aggregation": {"per_item": "mean, majority, any, all or first", "attempts": "attempts per item"},
    "check_splits_disjoint": {"exploratory": "items", "tuning": "items", "evaluation": "items"},
    "check_splits_one": {"split": "the only split", "items": "items"},
    "check_splits_overlap": {"n_overlap": "items in more than one split"},
    "check_logs_kept": {"runs": "runs with a manifest that names its files by digest"},
    "check_logs_partial": {"runs": "runs with logs", "without": "list: laboratories without"},
    "check_logs_unknown": {},
    "check_modules": {
        "raters": "number of raters that the protocol describes as data",
        "models": "number of models",
    },
    "check_pilot_unknown": {},
    "check_pilot_rows": {"rows": "rows of exploratory or tuning items beside the evaluation"},
    "check_uncertainty_all": {"n": "estimates with an interval"},
    "check_uncertainty_some": {
        "n": "estimates with an interval",
        "without": "estimates without one, each with its reason",
    },
    "check_transcripts_unknown": {},
}
"""Evidence of the twelve lines of the Network's practice of July 2026, as worded in the list of the
report."""

NOTE_CODES: dict[str, dict[str, str]] = {
    "note_simulated": {"raters": "list: raters with simulated scores", "n_scores": "simulated scores"},
    "note_few_laboratories": {
        "n_laboratories": "fewer than 4: the spread between laboratories has no useful precision"
    },
    "note_one_laboratory": {"laboratory": "the only laboratory"},
    "note_one_language": {"language": "the only language"},
    "note_one_rater": {"rater": "the only rater: rater error cannot be seen"},
    "note_one_attempt": {},
    "note_no_protocol": {},
    "note_no_manifest": {"laboratories": "list: laboratories whose deviations cannot be computed"},
    "note_unfinished": {"laboratories": "list: laboratories with a run that is not complete"},
    "note_no_human_sample": {},
    "note_human_sample_partial": {"languages": "list: languages without human ratings"},
    "note_doubled": {"rows": "rows that were there more than once, identical, and counted once"},
    "note_withheld": {"rows": "rows whose score is withheld"},
    "note_other_splits": {"rows": "rows of exploratory or tuning items, left out of every number"},
    "note_only_other_splits": {"splits": "list: there are no evaluation items; these were used instead"},
    "note_unplanned_raters": {"raters": "list: raters that the protocol does not name"},
    "note_primary_absent": {
        "concept": "concept id",
        "planned": "rater that the protocol names",
        "used": "rater used instead",
    },
    "note_no_margin": {"concepts": "list: concepts without a margin between laboratories"},
    "note_environment": {
        "count": "ratings lost to causes that say nothing of the model",
        "of": "all ratings",
        "rate": "share",
    },
    "note_no_digest": {
        "files": "list: files whose rows name no protocol, so that belonging was checked by item only"
    },
    "note_pooled_laboratories": {
        "n_laboratories": "intervals over all laboratories speak of these laboratories, not of further ones"
    },
    "note_missing_cells": {
        "n_missing": "laboratory × model × language × concept cells without any row",
        "of": "all",
    },
    "note_agreement_sampled": {
        "raters": "list",
        "n_units": "generations used, drawn by a hash of their names",
    },
    "note_narrow": {
        "n_outside": "intervals that rest on fewer units than their method needs and may be too narrow",
        "n_estimates": "intervals of these methods",
        "methods": "list: keys of these methods",
    },
    "note_corrections_cut": {
        "rows": "corrected means that there are",
        "limit": "limit: the rest is left out",
    },
    "note_corrected_differences_capped": {
        "axis": "axis",
        "pairs": "pairs that there are",
        "limit": "limit: none was corrected",
    },
    "note_settings_capped": {
        "n_settings": "recorded settings that differ between laboratories, where there are most",
        "limit": "how many of them were held against the results",
    },
    "note_contrasts_capped": {
        "axis": "axis",
        "pairs": "pairs that there are",
        "limit": "limit: none was computed",
    },
}

CODES: dict[str, dict[str, str]] = {**VERDICT_CODES, **REASON_CODES, **CHECKLIST_CODES, **NOTE_CODES}
MESSAGE_CODES = tuple(CODES)


def say(code: str, **params: Value | Sequence[Value]) -> Message:
    """Return a message after checking its code and the names of its parameters.

    Raises:
        KeyError: The code is not listed.
        ValueError: A parameter is missing or not listed.
    """
    expected = CODES[code]
    if set(params) != set(expected):
        raise ValueError(f"{code} takes {sorted(expected)}, not {sorted(params)}")
    listed = {name: _listed(value) for name, value in params.items()}
    return Message(code=code, params=listed)


def _listed(value: Value | Sequence[Value]) -> Value | list[Value]:
    return value if value is None or isinstance(value, str | int | float | bool) else list(value)
