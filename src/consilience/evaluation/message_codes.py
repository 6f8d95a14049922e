"""The sentences that a joint result can hold: each code with its meaning and its parameters.

Responsible for the list that the analysis writes from and that `reporting` says in each language. Pure data.
Invariant: `say` refuses a code or a parameter that is not listed here, so no sentence can appear that nobody
has words for. Parameters are numbers, words or ids; lists that stand side by side have the same length.
"""

from __future__ import annotations

from collections.abc import Sequence

from consilience.evaluation.joint_result import Message, Value
from consilience.evaluation.verdict_codes import VERDICT_CODES as VERDICT_CODES
from consilience.statistics.estimate import Reason

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
    "more_items_needed": {
        "answers": "answers that there are for humans to rate",
        "left": "half width that would be left with all of them rated",
        "items": "about how many items would do, or null where it is not known how many there are",
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
        "raters": "list: judges held against humans",
        "languages": "list",
        "of": "combinations of judge, concept and language, all of them held against humans",
        "n_shared": "generations rated by judge and human, in the combination that has fewest",
    },
    "check_humans_partial": {
        "held": "combinations of judge, concept and language that humans rated",
        "of": "all of them",
        "raters": "list: judges that lack some",
        "languages": "list: languages in which some are lacking",
    },
    "check_humans_simulated": {"n_ratings": "scores of simulated humans, each counted once"},
    "check_humans_none": {"raters": "list: judges without a human sample"},
    "check_humans_no_judge": {},
    "check_judges_agreement": {
        "raters": "list: judges",
        "n_pairs": "pairs of judges whose agreement is reported",
        "of": "pairs of judges",
        "simulated": "list: simulated judges, which do not count",
    },
    "check_judges_one": {
        "rater": "the only judge",
        "simulated": "list: simulated judges, which do not count",
    },
    "check_judges_simulated": {"raters": "list: judges, all of them simulated"},
    "check_correction_done": {"raters": "list", "concepts": "list"},
    "check_correction_partial": {
        "raters": "list: judges that are not corrected everywhere",
        "languages": "list: languages in which they are not",
        "n_human": "human ratings in the one of these languages that has fewest",
        "needed": "human ratings that would do in one language, or null",
        "items": "items that it would take where rating every answer is not enough, or null",
    },
    "check_correction_no_human": {
        "raters": "list: judges that no human rating can correct",
        "needed": "human ratings that would do in one language, or null",
        "items": "items that it would take where rating every answer is not enough, or null",
    },
    "check_correction_missing": {"raters": "list: judges whose error is not carried into the estimate"},
    "check_correction_simulated": {"raters": "list"},
    "check_correction_no_judge": {},
    "check_power": {
        "wanted": "wanted difference",
        "power": "planned power",
        "axes": "list: axes along which the data show a smallest difference",
        "concepts": "list: the concept of each in which that is largest",
        "detectable": "list: the smallest difference that these data could have shown there",
        "scales": "list: scale of each",
        "scale": "scale of the wanted difference",
        "n_compared": "combinations of axis and concept with something to compare",
        "n_unknown": "of these, those of which no smallest difference is known",
    },
    "check_power_missing": {},
    "check_aggregation": {"per_item": "mean, majority, any, all or first", "attempts": "attempts per item"},
    "check_splits_disjoint": {"exploratory": "items", "tuning": "items", "evaluation": "items"},
    "check_splits_one": {"split": "the only split", "items": "items"},
    "check_splits_overlap": {"n_overlap": "items in more than one split"},
    "check_logs_kept": {
        "runs": "runs whose manifest names their files by digest",
        "of": "runs with a manifest",
    },
    "check_logs_partial": {
        "runs": "runs whose manifest names their files by digest",
        "of": "runs with a manifest",
        "without": "list: laboratories without",
    },
    "check_logs_unknown": {},
    "check_modules": {
        "raters": "number of raters that the protocol describes as data",
        "models": "number of models",
    },
    "check_pilot_unknown": {},
    "check_pilot_rows": {"rows": "rows of exploratory or tuning items beside the evaluation"},
    "check_uncertainty": {
        "kinds": "list: kinds of numbers that have a value",
        "with_interval": "list: how many of each have an interval",
        "of": "list: how many of each there are",
    },
    "check_uncertainty_none": {},
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
    "note_direction_unknown": {"rater": "the rater", "concept": "the concept"},
    "note_one_attempt": {},
    "note_no_protocol": {},
    "note_no_manifest": {"laboratories": "list: laboratories whose deviations cannot be computed"},
    "note_unfinished": {"laboratories": "list: laboratories with a run that is not complete"},
    "note_no_human_sample": {},
    "note_human_sample_simulated": {"raters": "list: the humans, all of them simulated"},
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
        "n_narrow": "intervals and tests that rest on less than their method needs and may be too narrow",
        "n_wide": "intervals and tests that rest on less and are more cautious than need be",
        "n_inside": "intervals and tests within their method's range of use",
        "n_all": "intervals and tests of the document",
        "methods": "list: keys of the methods of those that may be too narrow",
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
