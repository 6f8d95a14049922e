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
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from consilience.evaluation.analysis_setting import Setting, no_estimate, reason_message, to_estimate
from consilience.evaluation.joint_result import Cell, Correction, Estimate, Message
from consilience.evaluation.merge import Merged
from consilience.evaluation.merge_columns import narrow
from consilience.evaluation.merge_tables import ScoreTables
from consilience.evaluation.message_codes import say
from consilience.evaluation.protocol import RaterKind
from consilience.statistics import estimate as statistics
from consilience.statistics.item_rows import compact
from consilience.statistics.judges import Corrected, JudgeAccuracy, judge_accuracy, rogan_gladen, uncorrected
from consilience.statistics.strata import MAX_STRATA, MIN_PER_STRATUM, Strata, fit_strata
from consilience.statistics.stratified_prediction import METHOD, average, human_ratings_planned

MAX_CORRECTIONS = 20_000
"""Corrected means in one document; averages come before single laboratories in single languages."""
WANTED = 0.05
"""Half width that is aimed at where the protocol fixes neither margin nor wanted difference, as a share of
the scale."""
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Judged:
    """One rater on one concept beside its humans; entries of the arrays are strata."""

    concept: int
    rater: int
    humans: tuple[int, ...]
    simulated: bool
    model: Ints
    laboratory: Ints
    language: Ints
    averaged: Mask
    """Whether the stratum's language enters averages over languages."""
    strata: Strata | None
    """None where `reason` says why nothing can be corrected."""
    reason: Message | None
    accuracies: dict[tuple[int, int], JudgeAccuracy] = field(default_factory=dict)
    """Of each model and language, filled when asked."""


class Place(NamedTuple):
    """What a corrected mean speaks of, as codes; None: all of them together."""

    model: int
    laboratory: int | None
    language: int | None


def judged_raters(merged: Merged, setting: Setting) -> list[Judged]:
    """Hold every judge and program against its humans, concept by concept.

    Raters that share no answer with a human on their scale are left out, unless they are judges that carry a
    concept: of these it is said that nothing can be corrected.
    """
    found = []
    for concept in range(len(setting.concepts)):
        for rater, one in enumerate(setting.raters):
            if one.kind is RaterKind.HUMAN:
                continue
            judged = _judged(merged, setting, concept, rater)
            if judged is not None:
                found.append(judged)
    return found


def _judged(merged: Merged, setting: Setting, concept: int, rater: int) -> Judged | None:
    tables, one = merged.tables, setting.raters[rater]
    humans, reason = _humans(tables, setting, concept, rater)
    carries = setting.concepts[concept].primary == rater and one.kind is RaterKind.JUDGE
    rated = (tables.items.concept == concept) & (tables.items.counts[rater] > 0)
    if not (humans or carries) or not rated.any():
        return None
    used = slice(None) if rated.all() else rated
    per_item = merged.protocol.aggregation.per_item if merged.protocol is not None else "mean"
    if reason is None and per_item != "mean":
        reason = say("correction_needs_mean", per_item=per_item)
    n_models, n_languages = len(tables.models), len(tables.languages)
    items = tables.items
    key = (items.laboratory[used] * n_models + items.model[used]) * n_languages + items.language[used]
    keys, stratum = compact(key, len(tables.laboratories) * n_models * n_languages)
    stratum = narrow(stratum)
    del key
    laboratory, rest = np.divmod(keys, n_models * n_languages)
    model, language = np.divmod(rest, n_languages)
    if reason is None and keys.size > MAX_STRATA:
        reason = say("too_many_levels", source="laboratory:language", limit=MAX_STRATA)
    strata = None
    if reason is None:
        group = compact(model * n_languages + language, n_models * n_languages)[1]
        strata = _fit(tables, setting, (concept, rater, humans), used, stratum, keys, group)
    return Judged(
        concept=concept, rater=rater, humans=humans,
        simulated=one.simulated or any(setting.raters[human].simulated for human in humans),
        model=model, laboratory=laboratory, language=language,
        averaged=_averaged(model, laboratory, language), strata=strata, reason=reason,
    )  # fmt: skip


def _humans(
    tables: ScoreTables, setting: Setting, concept: int, rater: int
) -> tuple[tuple[int, ...], Message | None]:
    """Return the humans to hold a rater against, real ones where there are any, or why there are none."""
    units, one = tables.units, setting.raters[rater]
    by_rater = np.isfinite(units.scores[rater]) & (units.concept == concept)
    sharing = [
        number
        for number, other in enumerate(setting.raters)
        if other.kind is RaterKind.HUMAN and np.any(by_rater & np.isfinite(units.scores[number]))
    ]
    same = [
        h for h in sharing if (setting.raters[h].scale, setting.raters[h].bounds) == (one.scale, one.bounds)
    ]
    real = [h for h in same if not setting.raters[h].simulated]
    if same:
        return tuple(real or same), None
    if sharing:
        return (), say("different_scales", raters=[one.id, *(setting.raters[h].id for h in sharing)])
    return (), say("no_human_ratings")


def _averaged(model: Ints, laboratory: Ints, language: Ints) -> Mask:
    """Say which strata enter averages over languages: those of the languages that every laboratory has."""
    kept = np.ones(model.size, dtype=np.bool_)
    for one in np.unique(model).tolist():
        here = model == one
        sets = [set(language[here & (laboratory == lab)].tolist()) for lab in np.unique(laboratory[here])]
        shared = set.intersection(*sets)
        if shared:
            kept[here] = np.isin(language[here], sorted(shared))
    return kept


def _fit(
    tables: ScoreTables, setting: Setting, who: tuple[int, int, tuple[int, ...]], used: Mask | slice,
    stratum: Ints, keys: Ints, group: Ints,
) -> Strata:  # fmt: skip
    """Fit the strata; every item of a stratum counts the same, as in the cells."""
    concept, rater, humans = who
    items, units = tables.items, tables.units
    rows, judge, human = _shared(tables, concept, rater, humans)
    n_models, n_languages, n_items = len(tables.models), len(tables.languages), len(tables.item_names)
    place = (units.laboratory[rows] * n_models + units.model[rows]) * n_languages + units.language[rows]
    row_key = keys[stratum] * n_items + items.item[used]
    at = np.searchsorted(row_key, place * n_items + units.item[rows])
    del row_key
    size, counts = stratum.size, narrow(items.counts[rater][used])
    one = setting.raters[rater]
    return fit_strata(
        stratum,
        narrow(items.item[used]),
        narrow(items.sums[rater][used]),
        counts,
        narrow(np.bincount(at, minlength=size)),
        narrow(np.bincount(at, weights=judge, minlength=size)),
        narrow(np.bincount(at, weights=human, minlength=size)),
        group=group,
        row_weight=1.0 / counts,
        binary=one.scale == "binary",
    )


def _shared(
    tables: ScoreTables, concept: int, rater: int, humans: Sequence[int]
) -> tuple[Ints, Floats, Floats]:
    """Return the answers that the rater and a human scored: their rows, and the score of each side."""
    units = tables.units
    by_human = np.isfinite(units.scores[list(humans)])
    rows = np.flatnonzero(
        (units.concept == concept) & np.isfinite(units.scores[rater]) & by_human.any(axis=0)
    )
    given = by_human[:, rows]
    human = np.where(given, units.scores[list(humans)][:, rows], 0.0).sum(axis=0) / given.sum(axis=0)
    return rows, units.scores[rater][rows], human


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
    wanted = wanted_half_width(merged, setting, one, concept.margins.laboratory)
    found = _corrected(setting, one, _chosen(one, place), scored, wanted)
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
        rogan_gladen=_rogan_gladen(tables, setting, one, place, scored, wanted),
        weight=found.weight,
        clipped=found.clipped,
        n_human=found.n_human,
        n_judge=found.n_judge,
        human_needed=found.human_needed,
        wanted=wanted,
        primary=concept.primary == one.rater,
        simulated=one.simulated,
    )


def _chosen(one: Judged, place: Place) -> Mask:
    chosen: Mask = one.model == place.model
    chosen &= one.averaged if place.language is None else one.language == place.language
    if place.laboratory is not None:
        chosen &= one.laboratory == place.laboratory
    return chosen


def wanted_half_width(merged: Merged, setting: Setting, one: Judged, margin: float | None) -> float:
    """Return the half width that corrected numbers should have: half of the margin, else of the wanted
    difference, else WANTED of the scale."""
    plan = merged.protocol.analysis if merged.protocol is not None else None
    if margin is not None:
        return margin / 2.0
    if plan is not None and plan.wanted_difference is not None:
        return plan.wanted_difference / 2.0
    return WANTED * (setting.raters[one.rater].span or 1.0)


def _corrected(setting: Setting, one: Judged, chosen: Mask, scored: Estimate, wanted: float) -> Corrected:
    bounds = setting.raters[one.rater].bounds
    if one.strata is not None:
        return average(one.strata, chosen, level=setting.level, bounds=bounds, wanted=wanted)
    unable = one.reason is None or one.reason.code not in ("no_human_ratings", "different_scales")
    needed = human_ratings_planned(
        setting.raters[one.rater].span, wanted, level=setting.level, n_strata=int(chosen.sum())
    )
    return uncorrected(
        statistics.Reason.NO_HUMAN_RATINGS, scored.value, 0, scored.n_scores, METHOD,
        None if unable else needed,
    )  # fmt: skip


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
    tables: ScoreTables, setting: Setting, one: Judged, place: Place, scored: Estimate, wanted: float
) -> Estimate:
    rater = setting.raters[one.rater]
    if one.reason is not None:
        return no_estimate(one.reason, "generalized")
    if rater.scale != "binary" or rater.bounds != (0.0, 1.0):
        return no_estimate(say("not_binary", rater=rater.id), "generalized")
    if place.language is None:
        return no_estimate(say("rogan_gladen_one_language"), "generalized")
    at = (place.model, place.language)
    if at not in one.accuracies:
        one.accuracies[at] = _accuracy(tables, one, at, setting.level)
    raw = statistics.Estimate(
        value=scored.value, interval=None, standard_error=scored.standard_error, n_items=scored.n_items,
        n_scores=scored.n_scores, method="item_mean",
    )  # fmt: skip
    found = rogan_gladen(raw, one.accuracies[at], level=setting.level, wanted=wanted)
    if found.estimate.value is None:
        return no_estimate(
            reason_message(found.estimate.reason) or say("too_few_human_ratings"), "generalized"
        )
    return to_estimate(found.estimate, "generalized")


def _accuracy(tables: ScoreTables, one: Judged, at: tuple[int, int], level: float) -> JudgeAccuracy:
    """Hold the rater against each human rating of one model and language, over all laboratories."""
    units = tables.units
    here = (units.concept == one.concept) & (units.model == at[0]) & (units.language == at[1])
    humans = units.scores[list(one.humans)][:, here]
    judge = np.broadcast_to(units.scores[one.rater][here], humans.shape).ravel()
    item = np.broadcast_to(units.item[here], humans.shape).ravel()
    return judge_accuracy(judge, humans.ravel(), item, level=level)
