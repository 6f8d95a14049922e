"""What the verdict must be read with: whose errors could not be taken out and why, and who stands apart in
the raw scores alone.

Pure. Invariants: the reason and, where it is known, how many human ratings would do stand in the sentence; a
deviation is named beside a difference and not called its cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from consilience.reporting.language_names import N_
from consilience.reporting.verdict import Composer, departures, higher_or_lower

if TYPE_CHECKING:
    from consilience.reporting.messages import Voice

CAUSES = {
    "no_human_ratings": N_("no human rated the same answers"),
    "human_ratings_missing_in": N_("no human rated in {languages:language}"),
    "human_ratings_few_in": N_("in {languages:language} humans rated too few items at {laboratories}"),
    "too_few_human_ratings": N_("humans rated too few answers"),
    "simulated_humans": N_("the human ratings are simulated, and such ratings correct no verdict"),
    "simulated_rater": N_("the scores themselves are simulated"),
    "different_scales": N_("humans rated on another scale"),
    "correction_needs_mean": N_(
        "the protocol does not take the mean of an item’s attempts, and only means can be corrected"
    ),
    "too_many_levels": N_("there are more laboratories and languages than can be corrected at once"),
}
"""Cause of `verdict_uncorrected` → words."""


def uncorrected(voice: Voice, params: Mapping[str, Any]) -> Markup:
    """Say that scores stand as a rater gave them, why, and how many human ratings would do."""
    cause = CAUSES.get(str(params.get("cause")))
    why = voice.t("the reason is not known") if cause is None else voice.t(cause, **params)
    told = voice.t(
        "On {concepts:concept} the verdict speaks of scores as {raters} gave them, errors and all: {why}.",
        **{**params, "why": why},
    )
    needed = _needed(voice, params)
    return Markup(" ").join([told, needed]) if needed else told


def _needed(voice: Voice, params: Mapping[str, Any]) -> Markup:
    if params.get("cause") == "simulated_rater":
        return Markup("")
    if params.get("needed") is not None:
        return voice.t(
            "About {needed:count} human ratings for each score would do to know it within {wanted:spread}.",
            **params,
        )
    if params.get("items") is not None:
        return voice.t(
            "Human ratings of all {n_answers:count} answers would not be enough to know it within "
            "{wanted:spread}; about {items:count} items would be.",
            **params,
        )
    return voice.t("How many human ratings would do is not known.")


def hidden(voice: Voice, params: Mapping[str, Any]) -> Markup:
    """Say who stands apart as scored and is not shown to once the errors are taken out."""
    whole = {**params, "how": higher_or_lower(voice, params), "departures": departures(voice, params)}
    if params.get("fields"):
        return voice.t(
            "As {rater} scored, errors and all, {laboratory} would stand apart: {how}; there {departures}. "
            "With the errors taken out that is not shown.",
            **whole,
        )
    return voice.t(
        "As {rater} scored, errors and all, {laboratory} would stand apart: {how}. "
        "With the errors taken out that is not shown.",
        **whole,
    )


def more_items(voice: Voice, params: Mapping[str, Any]) -> Markup:
    """Say that no number of human ratings would do, and how many items would where that is known."""
    if params.get("items") is None:
        return voice.t("rating all {answers:count} answers would not be enough", **params)
    return voice.t(
        "rating all {answers:count} answers would not be enough; about {items:count} items would be", **params
    )


COMPOSERS: dict[str, Composer] = {
    "verdict_uncorrected": uncorrected,
    "verdict_hidden": hidden,
    "more_items_needed": more_items,
}
"""Message code → how its sentence is composed."""
