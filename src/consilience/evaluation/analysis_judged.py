"""Judges and programs beside the humans who rated some of the same answers, in strata that can be corrected.

Pure. A stratum is one laboratory × language of one model: within it the rated answers are a simple random
sample (see `human_sample`). Invariants: humans are on the rater's own scale; real human ratings are never
mixed with simulated ones; a rater that cannot be corrected has the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from consilience.evaluation.analysis_setting import Setting
from consilience.evaluation.joint_result import Message
from consilience.evaluation.merge import Merged
from consilience.evaluation.merge_columns import narrow
from consilience.evaluation.merge_tables import ScoreTables
from consilience.evaluation.message_codes import say
from consilience.evaluation.protocol import RaterKind
from consilience.statistics.item_rows import compact
from consilience.statistics.judges import JudgeAccuracy
from consilience.statistics.strata import MAX_STRATA, Strata, fit_strata

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
    n_human: Ints
    """What humans and the rater scored in the stratum: answers, or items where these have one score."""
    strata: Strata | None
    """None where `reason` says why nothing can be corrected."""
    reason: Message | None
    accuracies: dict[tuple[int, int | None, int | None], JudgeAccuracy] = field(default_factory=dict)
    """Of each model, laboratory (None: all) and language, filled when asked."""


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
        n_human=_counted(tables, (concept, rater, humans), keys, whole=per_item != "mean"),
    )  # fmt: skip


def _counted(tables: ScoreTables, who: tuple[int, int, tuple[int, ...]], keys: Ints, *, whole: bool) -> Ints:
    """Count what a rater and humans scored in each stratum: answers, or whole items."""
    if not who[2]:
        return np.zeros(keys.size, dtype=np.int64)
    rows = _shared_rows(tables, *who)
    place = _place(tables, rows)
    if whole:
        n_items = len(tables.item_names)
        place = np.unique(place * n_items + tables.units.item[rows]) // n_items
    return np.bincount(np.searchsorted(keys, place), minlength=keys.size)


def _place(tables: ScoreTables, rows: Ints) -> Ints:
    """Return laboratory, model and language of answers as one number."""
    units, n_models, n_languages = tables.units, len(tables.models), len(tables.languages)
    place: Ints = (units.laboratory[rows] * n_models + units.model[rows]) * n_languages + units.language[rows]
    return place


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
    n_items = len(tables.item_names)
    row_key = keys[stratum] * n_items + items.item[used]
    at = np.searchsorted(row_key, _place(tables, rows) * n_items + units.item[rows])
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
        shared_products=[
            narrow(np.bincount(at, weights=product, minlength=size))
            for product in (judge * judge, judge * human, human * human)
        ],
        binary=one.scale == "binary",
    )


def _shared(
    tables: ScoreTables, concept: int, rater: int, humans: Sequence[int]
) -> tuple[Ints, Floats, Floats]:
    """Return the answers that the rater and a human scored: their rows, and the score of each side."""
    scores = tables.units.scores
    rows = _shared_rows(tables, concept, rater, humans)
    given = np.isfinite(scores[list(humans)][:, rows])
    human = np.where(given, scores[list(humans)][:, rows], 0.0).sum(axis=0) / given.sum(axis=0)
    return rows, scores[rater][rows], human


def _shared_rows(tables: ScoreTables, concept: int, rater: int, humans: Sequence[int]) -> Ints:
    units = tables.units
    by_human = np.isfinite(units.scores[list(humans)]).any(axis=0)
    return np.flatnonzero((units.concept == concept) & np.isfinite(units.scores[rater]) & by_human)
