"""The sentences of the verdict: each code with its meaning and its parameters.

Pure data; `message_codes` holds the whole list. Invariant: parameters are numbers, words or ids, and lists
that stand side by side have the same length.
"""

from __future__ import annotations

_WHOSE = {
    "basis": "`corrected`: the rater's errors are taken out of the difference; `as_given`: raw "
    "scores of a judge; `plain`: scores of a program or of humans",
    "rater": "whose scores they are",
    "n_human": "answers of both sides that humans rated; 0 where nothing is corrected",
}
_LARGEST = {
    "left": "laboratory of the largest difference",
    "right": "the other one",
    "model": "its model",
    "concept": "its concept id",
    "difference": "left minus right (signed)",
    "low": "lower end of its interval or null",
    "high": "upper end or null",
    "level": "confidence level",
}
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
        "n_corrected": "results of which the rater's errors could be taken out",
        "lowest_model": "model of the lowest result",
        "lowest_concept": "its concept id",
        "lowest_value": "its number",
        "lowest_low": "lower end of its interval or null",
        "lowest_high": "upper end or null",
        "lowest_corrected": "the number after the rater's errors are taken out, or null",
        "lowest_corrected_low": "lower end of its interval, or null",
        "lowest_corrected_high": "upper end, or null",
        "lowest_humans": "answers that humans rated too, or null",
        "highest_model": "model of the highest result",
        "highest_concept": "its concept id",
        "highest_value": "its number",
        "highest_low": "lower end of its interval or null",
        "highest_high": "upper end or null",
        "highest_corrected": "the number after the rater's errors are taken out, or null",
        "highest_corrected_low": "lower end of its interval, or null",
        "highest_corrected_high": "upper end, or null",
        "highest_humans": "answers that humans rated too, or null",
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
        "n_corrected": "of the pairs compared, those with the rater's errors taken out",
        **_WHOSE,
        "margin": "the largest of the margins fixed in the protocol",
        **_LARGEST,
    },
    "laboratories_inconclusive": {
        "scale": "`binary` (numbers are rates), `ordinal` or `continuous`",
        "n_laboratories": "number of laboratories",
        "n_pairs": "pairs compared",
        "n_equivalent": "of these, equivalent within the margin",
        "n_corrected": "of the pairs compared, those with the rater's errors taken out",
        **_WHOSE,
        "margin": "margin of the concept named, or null where the protocol fixes none",
        **_LARGEST,
        "detectable": "the smallest difference that these data could have shown, or null",
    },
}

_DIFFER: dict[str, str] = {
    "scale": "`binary` (numbers are rates), `ordinal` or `continuous`",
    "laboratory": "the laboratory that differs",
    "basis": "`corrected`: the rater's errors are taken out of the difference; `as_given`: raw "
    "scores of a judge; `plain`: scores of a program or of humans",
    "rater": "whose scores they are",
    "n_human": "answers of both sides that humans rated; 0 where nothing is corrected",
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
VERDICT_CODES["laboratories_differ_unknown"] = {
    **_DIFFER,
    "missing": "list: which of `manifest` and `protocol` is not there, so that deviations cannot be computed",
}
VERDICT_CODES["laboratories_differ_pair"] = {
    "scale": "`binary` (numbers are rates), `ordinal` or `continuous`",
    "basis": "`corrected`: the rater's errors are taken out of the difference; `as_given`: raw "
    "scores of a judge; `plain`: scores of a program or of humans",
    "rater": "whose scores they are",
    "n_human": "answers of both sides that humans rated; 0 where nothing is corrected",
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

VERDICT_CODES["verdict_uncorrected"] = {
    "cause": "why the errors of a rater could not be taken out: a reason such as `no_human_ratings` or "
    "`human_ratings_missing_in`, or `simulated_humans`, `simulated_rater`",
    "raters": "list: raters that carry a verdict as they scored",
    "concepts": "list: concepts that they carry",
    "languages": "list: languages that lack human ratings, where the cause names some",
    "laboratories": "list: laboratories that lack human ratings, where the cause names some",
    "n_results": "model × concept results that this holds for",
    "needed": "human ratings that would do for the result that needs most of them, or null",
    "items": "items that it would take where human ratings of every answer are not enough, or null",
    "n_answers": "answers that the rater scored there",
    "wanted": "half width that they would bring",
    "scale": "its scale: `binary` (numbers are rates), `ordinal` or `continuous`",
}
"""The verdict speaks of scores as a rater gave them."""
VERDICT_CODES["verdict_hidden"] = {
    **{name: _DIFFER[name] for name in (
        "laboratory", "model", "concept", "rater", "difference", "low", "high", "n_items", "level", "scale",
    )},
    "fields": "list: fields in which it deviates from the protocol and the others do not, at most 3",
    "planned": "list: what the protocol says",
    "actual": "list: what its manifest shows",
}  # fmt: skip
"""A laboratory that stands apart as scored, and is not shown to once the rater's errors are taken out."""
