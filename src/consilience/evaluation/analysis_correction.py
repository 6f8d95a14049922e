"""Means of judges and programs with their own error taken out, by what humans said of a sample.

Each rater on each concept is held against the humans on its scale; an answer that several humans rated counts
with their mean. A stratum is one laboratory × language of one model: within it the rated answers are a simple
random sample (see `human_sample`). Averages weigh laboratories and languages the same, as those of
`analysis_cells`, and use the same languages.

Invariants: a language without human ratings gets no corrected number, and no average over it does; real human
ratings are never mixed with simulated ones; the numbers always speak of items like these (estimand
`generalized`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from consilience.evaluation.analysis_aim import Aim, corrected_aim, need_reason, width_of_scores
from consilience.evaluation.analysis_judged import Judged, Mask
from consilience.evaluation.analysis_setting import Setting, no_estimate, reason_message, to_estimate
from consilience.evaluation.joint_result import Cell, Correction, Estimate, Message
from consilience.evaluation.merge import Merged
from consilience.evaluation.merge_tables import ScoreTables
from consilience.evaluation.message_codes import say
from consilience.statistics import estimate as statistics
from consilience.statistics.human_ratings import MIN_PER_STRATUM, HumanNeed, ratings_planned
from consilience.statistics.judges import Corrected, JudgeAccuracy, judge_accuracy, rogan_gladen, uncorrected
from consilience.statistics.stratified_prediction import METHOD, average

MAX_CORRECTIONS = 20_000
"""Corrected means in one document; averages come before single laboratories in single languages."""


class Place(NamedTuple):
    """What a corrected mean speaks of, as codes; None: all of them together."""

    model: int
    laboratory: int | None
    language: int | None


def make_corrections(
    merged: Merged, setting: Setting, judged: Sequence[Judged], cells: Sequence[Cell]
) -> tuple[tuple[Correction, ...], list[Message]]:
    """Correct the means of every rater that is held against humans.

    Args:
        merged: The tables.
        setting: What the analysis goes by.
        judged: Of `judged_raters`.
        cells: Of the document, which hold the means as scored.

    Returns:
        Averages first, then each laboratory in each language (raters that carry a concept only), at most
        MAX_CORRECTIONS; and notes on what was left out.
    """
    raw = {(c.model, c.laboratory, c.language, c.concept, c.rater): c.generalized for c in cells}
    places = [
        (one, place)
        for single in (False, True)
        for one in judged
        for place in _places(one, primary=setting.concepts[one.concept].primary == one.rater)
        if (place.laboratory is not None and place.language is not None) == single
    ]
    notes = []
    if len(places) > MAX_CORRECTIONS:
        notes.append(say("note_corrections_cut", rows=len(places), limit=MAX_CORRECTIONS))
    chosen = places[:MAX_CORRECTIONS]
    return tuple(_correction(merged, setting, one, place, raw) for one, place in chosen), notes


def _places(one: Judged, *, primary: bool) -> Iterator[Place]:
    for model in np.unique(one.model).tolist():
        here = one.model == model
        yield Place(model, None, None)
        for language in np.unique(one.language[here]).tolist():
            yield Place(model, None, language)
        for laboratory in np.unique(one.laboratory[here]).tolist():
            yield Place(model, laboratory, None)
        if primary and one.strata is not None:
            for stratum in np.flatnonzero(here).tolist():
                yield Place(model, int(one.laboratory[stratum]), int(one.language[stratum]))


def _correction(
    merged: Merged, setting: Setting, one: Judged, place: Place,
    raw: dict[tuple[str, str | None, str | None, str, str], Estimate],
) -> Correction:  # fmt: skip
    tables, rater, concept = merged.tables, setting.raters[one.rater], setting.concepts[one.concept]
    model = tables.models[place.model]
    laboratory = None if place.laboratory is None else tables.laboratories[place.laboratory]
    language = None if place.language is None else tables.languages[place.language]
    scored = raw.get((model, laboratory, language, concept.id, rater.id))
    if scored is None:
        scored = no_estimate(say("no_scores"), "generalized")
    aim = corrected_aim(merged, setting, one.rater, one.concept, concept.margins.laboratory)
    found = _corrected(merged, setting, one, _chosen(one, place), scored, aim)
    corrected = to_estimate(found.estimate, "generalized")
    if found.estimate.value is None:
        corrected = no_estimate(one.reason or lacking(tables, one, _chosen(one, place)), "generalized")
    return Correction(
        rater=rater.id,
        humans=tuple(setting.raters[human].id for human in one.humans),
        concept=concept.id,
        model=model,
        language=language,
        laboratory=laboratory,
        raw=scored,
        corrected=corrected,
        rogan_gladen=_rogan_gladen(tables, setting, one, place, scored),
        weight=found.weight,
        clipped=found.clipped,
        n_human=found.n_human,
        n_judge=found.n_judge,
        human_needed=found.human_needed,
        human_needed_reason=_why_no_number(one, found, scored, aim),
        wanted=aim.half_width,
        wanted_basis=aim.basis,
        primary=concept.primary == one.rater,
        simulated=one.simulated,
    )


def _chosen(one: Judged, place: Place) -> Mask:
    chosen: Mask = one.model == place.model
    chosen &= one.averaged if place.language is None else one.language == place.language
    if place.laboratory is not None:
        chosen &= one.laboratory == place.laboratory
    return chosen


def _corrected(
    merged: Merged, setting: Setting, one: Judged, chosen: Mask, scored: Estimate, aim: Aim
) -> Corrected:
    spread = width_of_scores(merged, setting, one.rater, one.concept)
    if one.strata is not None:
        return average(
            one.strata, chosen, level=setting.level, bounds=setting.raters[one.rater].bounds,
            wanted=aim.half_width, spread=spread, raw_error=scored.standard_error,
        )  # fmt: skip
    need = HumanNeed(None)
    if not _beyond_ratings(one):
        need = ratings_planned(
            spread, aim.half_width, scored.n_scores, raw_error=scored.standard_error, level=setting.level,
            n_strata=int(chosen.sum()),
        )  # fmt: skip
    return uncorrected(
        statistics.Reason.NO_HUMAN_RATINGS, scored.value, int(one.n_human[chosen].sum()), scored.n_scores,
        METHOD, need,
    )  # fmt: skip


def _beyond_ratings(one: Judged) -> bool:
    """Whether it is something else than human ratings that keeps a rater from being corrected."""
    return one.reason is not None and one.reason.code not in ("no_human_ratings", "different_scales")


def _why_no_number(one: Judged, found: Corrected, scored: Estimate, aim: Aim) -> Message | None:
    """Say why it is not told how many human ratings would do."""
    if _beyond_ratings(one):
        return one.reason
    n_items = found.estimate.n_items or scored.n_items
    return need_reason(found.need, aim, n_judge=found.n_judge, n_items=n_items)


def lacking(tables: ScoreTables, one: Judged, chosen: Mask) -> Message:
    """Say which human ratings are missing for a combination of strata that gives no corrected number."""
    assert one.strata is not None
    rated, usable = one.strata.n_human > 0, one.strata.usable
    if not (rated & chosen).any():
        return say("no_human_ratings")
    languages = np.unique(one.language[chosen]).tolist()
    without = [code for code in languages if not (rated & chosen & (one.language == code)).any()]
    if without:
        return say("human_ratings_missing_in", languages=[tables.languages[code] for code in without])
    few = chosen & ~usable
    if few.any():
        return say(
            "human_ratings_few_in",
            laboratories=[tables.laboratories[code] for code in np.unique(one.laboratory[few])],
            languages=[tables.languages[code] for code in np.unique(one.language[few])],
            needed=MIN_PER_STRATUM,
        )
    return say("too_few_human_ratings")


def _rogan_gladen(
    tables: ScoreTables, setting: Setting, one: Judged, place: Place, scored: Estimate
) -> Estimate:
    rater = setting.raters[one.rater]
    if one.reason is not None:
        return no_estimate(one.reason, "generalized")
    if rater.scale != "binary" or rater.bounds != (0.0, 1.0):
        return no_estimate(say("not_binary", rater=rater.id), "generalized")
    if place.language is None:
        return no_estimate(say("rogan_gladen_one_language"), "generalized")
    if place not in one.accuracies:
        one.accuracies[place] = _accuracy(tables, one, place, setting.level)
    raw = statistics.Estimate(
        value=scored.value, interval=None, standard_error=scored.standard_error, n_items=scored.n_items,
        n_scores=scored.n_scores, method="item_mean",
    )  # fmt: skip
    found = rogan_gladen(raw, one.accuracies[place], level=setting.level)
    if found.estimate.value is None:
        return no_estimate(
            reason_message(found.estimate.reason) or say("too_few_human_ratings"), "generalized"
        )
    return to_estimate(found.estimate, "generalized")


def _accuracy(tables: ScoreTables, one: Judged, place: Place, level: float) -> JudgeAccuracy:
    """Hold the rater against each human rating of one model and language, in all laboratories or in one.

    A laboratory's mean is corrected by its own ratings: the same rater may err otherwise on other answers.
    """
    units = tables.units
    here = (units.concept == one.concept) & (units.model == place.model) & (units.language == place.language)
    if place.laboratory is not None:
        here &= units.laboratory == place.laboratory
    humans = units.scores[list(one.humans)][:, here]
    judge = np.broadcast_to(units.scores[one.rater][here], humans.shape).ravel()
    item = np.broadcast_to(units.item[here], humans.shape).ravel()
    return judge_accuracy(judge, humans.ravel(), item, level=level)
