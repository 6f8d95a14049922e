"""What each message code of the joint result says, in English, which is also the message id of the catalogue.

Pure data. Sentences whose parameters are lists or that have several forms are composed in `verdict`.
Placeholders name the kind of what stands there (see `messages`).
"""

from __future__ import annotations

from consilience.reporting.language_names import N_
from consilience.reporting.method_names import METHOD_NAMES

REASONS: dict[str, str] = {
    "no_scores": N_("there is no score"),
    "one_item": N_("only one item, so its spread cannot be seen"),
    "one_attempt_per_item": N_("only one attempt per item, so the spread between attempts cannot be seen"),
    "one_cluster": N_("only one group of items, so the spread between groups cannot be seen"),
    "all_equal": N_("all scores are the same"),
    "all_differences_zero": N_("every item has the same score on both sides"),
    "all_same_category": N_("all ratings are the same, so agreement beyond chance is not defined"),
    "perfect_agreement": N_("no disagreement was seen; how rare it may be, the share of same ratings tells"),
    "few_levels": N_("fewer than four levels of another source"),
    "confounded": N_("these data cannot tell this source from another one"),
    "no_human_ratings": N_("no human rated this"),
    "too_few_human_ratings": N_("too few human ratings"),
    "judge_not_informative": N_("the judge is not clearly better than chance against the humans"),
    "different_scales": N_("the scales of {raters} differ, so their scores are not compared"),
    "correction_needs_mean": N_(
        "the protocol takes {per_item:aggregation} as the score of an item, and only means can be corrected"
    ),
    "human_ratings_missing_in": N_("no human rated in {languages:language}"),
    "human_ratings_few_in": N_(
        "in {languages:language} humans rated fewer than {needed:count} items at {laboratories}"
    ),
    "rogan_gladen_one_language": N_("sensitivity and specificity hold within one language only"),
    "no_interval": N_("the method gives no interval here"),
    "spread_follows_mean": N_(
        "scores of yes and no: how far they spread follows from their mean and says nothing more"
    ),
    "not_converged": N_("the chains of the sampler do not agree, so no number is taken from them"),
    "items_sampled": N_("only a random part of the items was used, which says nothing about all of them"),
    "too_large": N_("there are more laboratories and languages than this method takes"),
    "zero_spread": N_("the results do not differ at all, so there is no spread to measure distances in"),
    "no_pairs": N_("no item was scored on both sides"),
    "one_laboratory": N_("only one laboratory"),
    "few_laboratories": N_("only {n_laboratories:count} laboratories: too few for a useful precision"),
    "too_few_shared": N_("only {n_shared:count} answers were rated by both; {needed:count} are needed"),
    "one_level": N_("these data have only one of it"),
    "no_positives": N_("the humans called none positive"),
    "no_negatives": N_("the humans called none negative"),
    "not_binary": N_("the scale of {rater} is not yes or no"),
    "no_margin": N_("the protocol fixes no margin"),
    "no_contrast": N_("there is nothing to compare"),
    "no_number_suffices": N_("however many there are, other sources keep the interval too wide"),
    "not_estimated": N_(
        "its part of the spread could not be estimated, so nobody can say what more would do"
    ),
    "held_fixed": N_("held fixed: the result speaks of exactly these"),
    "one_level_elsewhere": N_("another source has only one of its kind, so its spread cannot be seen"),
    "too_many_groups": N_("there are more than {limit:count} overlapping groups"),
    "too_many_levels": N_("more than {limit:count} levels of “{source:source}”"),
    "raters_unlinked": N_(
        "the raters form {n_sets:count} groups that share no answers, so they compare only within a group"
    ),
    "raters_few_items": N_("too few items ({n_items:count}) to test {n_raters:count} raters at once"),
}

VERDICTS: dict[str, str] = {
    "measured_nothing": N_(
        "Nothing could be measured: of {rows:count} ratings none has a score "
        "({unscored:count} without a score, {failed:count} without an answer, {withheld:count} withheld)."
    ),
    "laboratories_none": N_("No laboratory sent scores, so nothing can be said about agreement."),
    "laboratories_one": N_(
        "Only one laboratory, {laboratory}, measured: whether another one would find the same is not known."
    ),
    "laboratories_not_comparable": N_(
        "The {n_laboratories:count} laboratories cannot be compared: "
        "two of them share at most {n_common:count} items."
    ),
}
"""Verdicts of one form; the others are in `verdict.COMPOSERS`."""

CHECKLIST_EVIDENCE: dict[str, str] = {
    "check_no_protocol": N_("The analysis had no protocol to look at."),
    "check_construct_before": N_(
        "Construct and estimand stand in the protocol of {created:date}, before the first run "
        "({first_run:date})."
    ),
    "check_construct_after": N_(
        "The protocol is dated {created:date}, after the first run began ({first_run:date})."
    ),
    "check_construct_undated": N_(
        "Both stand in the protocol of {created:date}; no run says when it began, so the order is not known."
    ),
    "check_construct_missing": N_("The protocol leaves empty: {fields:field}."),
    "check_humans_per_language": N_(
        "{raters} held against humans in {languages:language}: all {of:count} combinations of judge, concept "
        "and language, each on at least {n_shared:count} answers."
    ),
    "check_humans_partial": N_(
        "Humans rated in {held:count} of {of:count} combinations of judge, concept and language; "
        "some are lacking for {raters} in {languages:language}."
    ),
    "check_humans_simulated": N_(
        "The {n_ratings:count} human ratings are simulated; they show the method and prove nothing."
    ),
    "check_humans_none": N_("No human sample for {raters}."),
    "check_humans_no_judge": N_("No judge model was used."),
    "check_judges_simulated": N_("The only judges are simulated ({raters}), and count as none."),
    "check_correction_done": N_("Done for {raters}, on {concepts:concept}."),
    "check_correction_missing": N_(
        "Scores of {raters} are shown as given; the judge's own error is not in the interval."
    ),
    "check_correction_simulated": N_("Possible for {raters} only with simulated human ratings, so not done."),
    "check_correction_no_judge": N_("No judge carries a verdict."),
    "check_power_missing": N_("The protocol names no wanted difference."),
    "check_aggregation": N_("Per item: {per_item:aggregation}; attempts of each item: {attempts:count}."),
    "check_splits_disjoint": N_(
        "Exploratory {exploratory:count}, tuning {tuning:count}, evaluation {evaluation:count} items; none "
        "is in two sets."
    ),
    "check_splits_one": N_("All {items:count} items are in one set ({split:split})."),
    "check_splits_overlap": N_("{n_overlap:count} items are in more than one set."),
    "check_logs_kept": N_("{runs:count} of {of:count} runs with a manifest name their logs by digest."),
    "check_logs_partial": N_(
        "{runs:count} of {of:count} runs with a manifest name their logs by digest; none from {without}."
    ),
    "check_logs_unknown": N_("No manifest names any log."),
    "check_modules": N_(
        "Raters described as data in the protocol: {raters:count}; models behind one interface: "
        "{models:count}."
    ),
    "check_pilot_unknown": N_("The inputs do not show whether there was a pilot."),
    "check_pilot_rows": N_("{rows:count} rows of exploratory or tuning items came before the evaluation."),
    "check_uncertainty_none": N_("There is no number that could have an interval."),
    "check_transcripts_unknown": N_("The inputs do not show whether anybody read the transcripts."),
}

NOTES: dict[str, str] = {
    "note_simulated": N_(
        "Simulated ratings: the {n_scores:count} scores of {raters} were made by a program for "
        "demonstration. "
        "Nobody gave them."
    ),
    "note_few_laboratories": N_(
        "{n_laboratories:count} laboratories are too few to know the spread between laboratories well; "
        "read its interval, not its number."
    ),
    "note_one_laboratory": N_(
        "{laboratory} is the only laboratory: differences between laboratories cannot be seen."
    ),
    "note_one_language": N_(
        "{language:language} is the only language: gaps between languages cannot be seen."
    ),
    "note_one_rater": N_("{rater} is the only rater: its errors cannot be seen."),
    "note_one_attempt": N_(
        "Each item was asked once: the model's own variation cannot be told from the rest."
    ),
    "note_no_protocol": N_(
        "The analysis had no protocol: margins, plan and deviations are not known, and no agreement can be "
        "shown."
    ),
    "note_no_manifest": N_(
        "No manifest from {laboratories}: how it really ran is not known, so its deviations cannot be "
        "computed."
    ),
    "note_unfinished": N_(
        "A run of {laboratories} is not complete; its missing answers are not counted as wrong."
    ),
    "note_direction_unknown": N_(
        "Nobody says whether a high score of {rater} on “{concept:concept}” is good or bad; it is shown "
        "as good."
    ),
    "note_no_human_sample": N_("There is no human sample: whether the raters are right is not known."),
    "note_human_sample_simulated": N_(
        "The only human sample is simulated ({raters}): whether the raters are right is not known."
    ),
    "note_human_sample_partial": N_(
        "No human ratings in {languages:language}: the raters are unchecked there."
    ),
    "note_agreement_sampled": N_(
        "Agreement of {raters} was computed on {n_units:count} answers, drawn by a hash of their names."
    ),
    "note_doubled": N_("{rows:count} rows were there more than once, identical, and counted once."),
    "note_withheld": N_("The scores of {rows:count} rows are withheld; they enter no number."),
    "note_other_splits": N_("{rows:count} rows of exploratory or tuning items are left out of every number."),
    "note_only_other_splits": N_(
        "There are no evaluation items; these sets were used instead: {splits:split}."
    ),
    "note_unplanned_raters": N_("The protocol does not name these raters: {raters}."),
    "note_primary_absent": N_(
        "For {concept:concept} the protocol names {planned}, which gave no score; {used} was used instead."
    ),
    "note_no_margin": N_(
        "The protocol fixes no margin between laboratories for {concepts:concept}: "
        "it cannot be shown there that laboratories agree."
    ),
    "note_environment": N_(
        "{count:count} of {of:count} ratings ({rate:rate}) were lost to causes that say nothing about the "
        "model."
    ),
    "note_no_digest": N_(
        "These files name no protocol, so that belonging was checked by item only: {files}."
    ),
    "note_pooled_laboratories": N_(
        "Intervals over all laboratories speak of these {n_laboratories:count} laboratories, not of "
        "further ones."
    ),
    "note_missing_cells": N_(
        "{n_missing:count} of {of:count} combinations of laboratory, model, language and concept have "
        "no row. Averages over languages use the languages that every laboratory has."
    ),
    "note_narrow": N_(
        "Of the {n_all:count} ranges and tests of this report {n_inside:count} lie where their methods were "
        "found to hold. {n_wide:count} rest on less and are more cautious than need be; "
        "{n_narrow:count} rest on less and may be too narrow ({methods:method}). "
        "“Where the methods hold” has them by method."
    ),
    "note_corrections_cut": N_(
        "There are {rows:count} corrected means, more than the limit of {limit:count}: "
        "single laboratories in single languages are left out beyond it."
    ),
    "note_corrected_differences_capped": N_(
        "There are {pairs:count} pairs along “{axis:source}” to correct for the errors of raters, more than "
        "the limit of {limit:count}: none was corrected."
    ),
    "note_settings_capped": N_(
        "The manifests differ in {n_settings:count} settings; {limit:count} of them were held against the "
        "results, those that deviate from the protocol first."
    ),
    "note_contrasts_capped": N_(
        "There are {pairs:count} pairs along “{axis:source}”, more than the limit of {limit:count}: none "
        "was compared."
    ),
}

CODES: dict[str, str] = {**REASONS, **VERDICTS, **CHECKLIST_EVIDENCE, **NOTES}

CAUSES: dict[str, str] = {
    "empty": N_("empty answer"),
    "cut_off": N_("cut off at the token limit"),
    "refused_by_endpoint": N_("refused by the endpoint"),
    "model_refused_tool": N_("model refused the tool"),
    "model_error": N_("error of the model"),
    "provider_error": N_("error of the provider"),
    "rate_limited": N_("rate limited"),
    "timeout": N_("timeout"),
    "oversized": N_("answer too large"),
    "malformed_response": N_("malformed response"),
    "environment_fault": N_("fault of the environment"),
    "tool_fault": N_("fault of a tool"),
    "judge_error": N_("error of the judge"),
    "judge_unparsable": N_("judge not understood"),
    "unparsable": N_("nothing to score in the answer"),
    "not_rated": N_("not rated (yet)"),
    "no_target": N_("item without a target"),
    "harness_bug": N_("bug of the harness"),
    "limit_reached": N_("a limit was reached"),
    "unknown": N_("cause unknown"),
}
"""Cause code of the scores table → words."""

SOURCES: dict[str, str] = {
    "item": N_("item"),
    "laboratory": N_("laboratory"),
    "language": N_("language"),
    "model": N_("model"),
    "rater": N_("rater"),
    "attempt": N_("attempt"),
    "residual": N_("residual"),
}
"""Source of variance or axis → words; interactions are joined with ×."""

SPLITS: dict[str, str] = {
    "exploratory": N_("exploratory"),
    "tuning": N_("tuning"),
    "evaluation": N_("evaluation"),
}

AGGREGATIONS: dict[str, str] = {
    "mean": N_("the mean of its attempts"),
    "majority": N_("the majority of its attempts"),
    "any": N_("whether any attempt is right"),
    "all": N_("whether all attempts are right"),
    "first": N_("the first attempt"),
}

FIELDS: dict[str, str] = {
    "harness": N_("harness"),
    "task_version": N_("task version"),
    "sampling.temperature": N_("temperature"),
    "sampling.top_p": N_("top-p"),
    "sampling.max_tokens": N_("token limit"),
    "sampling.seed": N_("seed"),
    "sampling.stop": N_("stop words"),
    "system_prompt": N_("system prompt"),
    "attempts": N_("attempts"),
    "items": N_("items"),
    "languages": N_("languages"),
    "model": N_("model"),
    "raters": N_("raters"),
    "finished": N_("answers (the run is not complete)"),
    "served_model": N_("model as served"),
    "construct": N_("construct"),
    "estimand": N_("estimand"),
    "protocol": N_("protocol"),
}
"""Field of a deviation → words; other fields are shown as they are."""

KINDS: dict[str, str] = {
    "capability": N_("capability"),
    "safeguard": N_("safeguard"),
    "limit": N_("limit"),
    "risk": N_("risk"),
    "program": N_("program"),
    "judge": N_("judge model"),
    "human": N_("human"),
    "scores": N_("scores"),
    "manifest": N_("manifest"),
    "protocol": N_("protocol"),
    "source": N_("source language"),
    "machine": N_("machine translation"),
    "adapted": N_("adapted"),
    "reviewed": N_("reviewed translation"),
}
"""Words of the protocol → words of the report."""

RATER_PARTS: dict[str, str] = {
    "model": N_("model"),
    "prompt": N_("prompt"),
    "version": N_("version"),
    "kind": N_("kind"),
    "simulated": N_("simulated"),
}
"""Last part of a field such as `rater.judge.model` → words."""

Z_BASES: dict[str, str] = {
    "protocol": N_("half the margin of the protocol"),
    "robust": N_("the robust spread of the laboratories"),
}
"""Unit of the distance z → words."""

NUMBER_KINDS: dict[str, str] = {
    "score": N_("scores in the estimand of the verdict"),
    "difference": N_("differences"),
    "corrected_score": N_("corrected scores"),
    "corrected_difference": N_("corrected differences"),
    "judge_rate": N_("rates of raters against humans"),
    "agreement": N_("agreements between raters"),
    "severity": N_("severities"),
    "laboratory_mean": N_("means of laboratories"),
    "spread": N_("spreads between laboratories"),
    "variance_share": N_("shares of variance"),
}
"""Kind of a number → words, for counts of them."""

DOCUMENTS: dict[str, str] = {"manifest": N_("its manifest"), "protocol": N_("the protocol")}
"""What a laboratory or an analysis can lack → words."""

WORD_KINDS: dict[str, dict[str, str]] = {
    "cause": CAUSES,
    "source": SOURCES,
    "split": SPLITS,
    "aggregation": AGGREGATIONS,
    "field": FIELDS,
    "kind": KINDS,
    "basis": Z_BASES,
    "counted": NUMBER_KINDS,
    "document": DOCUMENTS,
    "method": METHOD_NAMES,
}
"""Placeholder kind → its dictionary."""
