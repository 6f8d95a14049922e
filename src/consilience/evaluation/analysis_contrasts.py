"""Paired contrasts along every axis: languages, models, laboratories, raters, over the items that both
sides have.

Each concept is compared by its primary rater (raters: every pair on one scale). A side's value of an item
is its mean over the laboratories and languages in which both sides have the item, so that nothing but the
axis differs. Families of correction are axis × concept; laboratories are compared in each language too, and
these pairs are a family of their own, so that looking closer costs the comparison over all languages nothing.
Verdicts look at the margin of the axis; without a margin nothing is called equivalent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from consilience.errors import LimitError
from consilience.evaluation.analysis_setting import RaterSetting, Setting, to_estimate
from consilience.evaluation.joint_result import Axis, Contrast, Message
from consilience.evaluation.merge_tables import ScoreTables
from consilience.evaluation.message_codes import say
from consilience.statistics import contrasts as statistics
from consilience.statistics.equivalence import tost
from consilience.statistics.item_rows import compact
from consilience.statistics.multiplicity import adjust

MAX_CONTRASTS = 20_000
"""Contrasts along one axis (of laboratories: also of those in each language together); where there are more,
none of them is computed and a note says so."""
MAX_CUBE = 40_000_000
"""Numbers in the cube of one concept: models × laboratories × languages × items."""
AXES: tuple[Axis, ...] = ("language", "model", "laboratory", "rater")
IN_LANGUAGE = "laboratory:language"
"""Laboratories in each language, as a family and in notes."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Cube:
    """Item means of one concept and rater, shape (models, laboratories, languages, items); NaN where there
    is none."""

    means: Floats
    scores: NDArray[np.float32]
    """Scored attempts behind each mean; 0 where there is none."""


@dataclass(frozen=True)
class RawContrast:
    """A contrast before correction, with what is needed to write it down."""

    axis: Axis
    left: str
    right: str
    model: str | None
    language: str | None
    concept: int
    rater: str | None
    found: statistics.Contrast
    n_left_only: int
    n_right_only: int


def make_cube(tables: ScoreTables, concept: int, rater: int) -> Cube | None:
    """Return the cube of a concept and rater, or None where there are no scores.

    Raises:
        LimitError: It would hold more than MAX_CUBE numbers.
    """
    items = tables.items
    used = (items.concept == concept) & (items.counts[rater] > 0)
    codes, item = compact(items.item[used], len(tables.item_names))
    shape = (len(tables.models), len(tables.laboratories), len(tables.languages), codes.size)
    if codes.size == 0:
        return None
    if np.prod(shape, dtype=np.float64) > MAX_CUBE:
        raise LimitError(
            f"models × laboratories × languages × items of {tables.concepts[concept]} are more than "
            f"{MAX_CUBE}",
            next_step="Analyse fewer models at once.",
        )
    means, scores = np.full(shape, np.nan), np.zeros(shape, dtype=np.float32)
    place = (items.model[used], items.laboratory[used], items.language[used], item)
    means[place] = items.sums[rater][used] / items.counts[rater][used]
    scores[place] = items.attempts[rater][used]
    return Cube(means, scores)


def compare(
    left: Cube, right: Cube, rater: RaterSetting, level: float
) -> tuple[statistics.Contrast, int, int]:
    """Compare two sides over their common items.

    Args:
        left: Arrays of shape (…, items); places before the last axis are averaged over where both sides
            have the item.
        right: The same shape.
        rater: Whose scale the scores are on.
        level: Confidence level.

    Returns:
        The contrast, and the numbers of items that only the left and only the right side has.
    """
    size = left.means.shape[-1]
    a, b = left.means.reshape(-1, size), right.means.reshape(-1, size)
    has_a, has_b = np.isfinite(a), np.isfinite(b)
    both = has_a & has_b
    places = both.sum(axis=0)
    common = places > 0
    with np.errstate(invalid="ignore"):
        mean_a = np.where(both, a, 0.0).sum(axis=0)[common] / places[common]
        mean_b = np.where(both, b, 0.0).sum(axis=0)[common] / places[common]
    attempts = np.where(both, left.scores.reshape(-1, size) + right.scores.reshape(-1, size), 0.0)
    attempts = attempts.sum(axis=0, dtype=np.float64)
    single = rater.scale == "binary" and rater.bounds == (0.0, 1.0) and bool(np.all(attempts[common] == 2))
    found = statistics.paired_difference(
        mean_a, mean_b, single_binary=single, n_scores=int(attempts.sum()), level=level, span=rater.span
    )
    only_a = int((has_a.any(axis=0) & ~common).sum())
    only_b = int((has_b.any(axis=0) & ~common).sum())
    return found, only_a, only_b


def side(cube: Cube, index: tuple[int | slice, ...]) -> Cube:
    """Return one side of a cube."""
    return Cube(cube.means[index], cube.scores[index])


def make_contrasts(tables: ScoreTables, setting: Setting) -> tuple[tuple[Contrast, ...], list[Message]]:
    """Compute the contrasts of every axis, corrected over their families, and notes on what was not
    computed."""
    raw: dict[str, list[RawContrast]] = {family: [] for family in (*AXES, IN_LANGUAGE)}
    notes, computed = [], []
    for family in raw:
        pairs = _planned(tables, family)
        if pairs > MAX_CONTRASTS:
            notes.append(say("note_contrasts_capped", axis=family, pairs=pairs, limit=MAX_CONTRASTS))
        else:
            computed.append(family)
    along = [axis for axis in AXES if axis in computed and axis != "rater"]
    for concept, chosen in enumerate(setting.concepts if along else ()):
        cube = make_cube(tables, concept, chosen.primary)
        if cube is not None:
            for axis in along:
                raw[axis] += _along(tables, setting, axis, concept, cube)
            if IN_LANGUAGE in computed and len(tables.languages) > 1:
                raw[IN_LANGUAGE] += _in_each_language(tables, setting, concept, cube)
    if "rater" in computed:
        raw["rater"] += _between_raters(tables, setting)
    return _corrected([one for family in raw.values() for one in family], setting), notes


def _planned(tables: ScoreTables, family: str) -> int:
    sizes = {
        "language": len(tables.languages),
        "model": len(tables.models),
        "laboratory": len(tables.laboratories),
        "rater": len(tables.raters),
    }  # fmt: skip
    n = sizes[family.partition(":")[0]]
    times = len(tables.concepts) * (1 if family == "model" else len(tables.models))
    return n * (n - 1) // 2 * times * (len(tables.languages) if family == IN_LANGUAGE else 1)


def _along(
    tables: ScoreTables, setting: Setting, axis: Axis, concept: int, cube: Cube
) -> Iterator[RawContrast]:
    """Every pair along an axis other than the raters', within each model."""
    names = {"language": tables.languages, "model": tables.models, "laboratory": tables.laboratories}[axis]
    rater = setting.raters[setting.concepts[concept].primary]
    every = slice(None)
    models: Sequence[int | None] = [None] if axis == "model" else range(len(tables.models))
    for model in models:
        for i, j in combinations(range(len(names)), 2):
            if axis == "model":
                sides = [side(cube, (k,)) for k in (i, j)]
            elif axis == "laboratory":
                sides = [side(cube, (model or 0, k)) for k in (i, j)]
            else:
                sides = [side(cube, (model or 0, every, k)) for k in (i, j)]
            if not all(np.isfinite(s.means).any() for s in sides):
                continue
            found, only_left, only_right = compare(sides[0], sides[1], rater, setting.level)
            yield RawContrast(
                axis=axis,
                left=names[i],
                right=names[j],
                model=None if model is None else tables.models[model],
                language=None,
                concept=concept,
                rater=rater.id,
                found=found,
                n_left_only=only_left,
                n_right_only=only_right,
            )


def _in_each_language(
    tables: ScoreTables, setting: Setting, concept: int, cube: Cube
) -> Iterator[RawContrast]:
    """Every pair of laboratories in every language, within each model."""
    rater = setting.raters[setting.concepts[concept].primary]
    given = np.asarray(np.isfinite(cube.means).any(axis=-1))
    for model, language in np.ndindex(len(tables.models), len(tables.languages)):
        for i, j in combinations(np.flatnonzero(given[model, :, language]).tolist(), 2):
            sides = [side(cube, (model, k, language)) for k in (i, j)]
            found, only_left, only_right = compare(sides[0], sides[1], rater, setting.level)
            yield RawContrast(
                axis="laboratory",
                left=tables.laboratories[i],
                right=tables.laboratories[j],
                model=tables.models[model],
                language=tables.languages[language],
                concept=concept,
                rater=rater.id,
                found=found,
                n_left_only=only_left,
                n_right_only=only_right,
            )


def _between_raters(tables: ScoreTables, setting: Setting) -> Iterator[RawContrast]:
    """Pairs of raters on one scale, over the generations that both scored, item by item."""
    items = tables.items
    for (a, b), pair in sorted(tables.pairs.items()):
        first, second = setting.raters[a], setting.raters[b]
        if (first.scale, first.bounds) != (second.scale, second.bounds):
            continue
        for concept in range(len(tables.concepts)):
            for model in range(len(tables.models)):
                here = (items.concept == concept) & (items.model == model)
                rows = here & (pair.count > 0)
                if not rows.any():
                    continue
                found = _paired(
                    tables, pair.count[rows], pair.first[rows], pair.second[rows], rows, first, setting
                )
                size = len(tables.item_names)
                have = [_n_different(items.item[here & (items.attempts[r] > 0)], size) for r in (a, b)]
                yield RawContrast(
                    axis="rater",
                    left=first.id,
                    right=second.id,
                    model=tables.models[model],
                    language=None,
                    concept=concept,
                    rater=None,
                    found=found,
                    n_left_only=have[0] - found.n_common,
                    n_right_only=have[1] - found.n_common,
                )


def _n_different(codes: NDArray[np.int64], span: int) -> int:
    """Return how many different codes there are; all lie below `span`."""
    present = np.zeros(span, dtype=np.bool_)
    present[codes] = True
    return int(np.count_nonzero(present))


def _paired(
    tables: ScoreTables, count: NDArray[np.int64], first: Floats, second: Floats, rows: NDArray[np.bool_],
    rater: RaterSetting, setting: Setting,
) -> statistics.Contrast:  # fmt: skip
    """Compare two raters: mean over the places of each item, every generation counted where both scored
    it."""
    item = compact(tables.items.item[rows], len(tables.item_names))[1]
    places = np.bincount(item).astype(np.float64)
    left = np.bincount(item, weights=first / count) / places
    right = np.bincount(item, weights=second / count) / places
    single = (
        rater.scale == "binary"
        and rater.bounds == (0.0, 1.0)
        and bool(np.all(np.bincount(item, weights=count) == 1))
    )
    return statistics.paired_difference(
        left, right, single_binary=single, n_scores=2 * int(count.sum()), level=setting.level, span=rater.span
    )


def _corrected(raw: Sequence[RawContrast], setting: Setting) -> tuple[Contrast, ...]:
    families: dict[str, list[int]] = {}
    for number, one in enumerate(raw):
        families.setdefault(_family(one, setting), []).append(number)
    adjusted: list[float | None] = [None] * len(raw)
    for members in families.values():
        p_values = adjust([raw[number].found.p_value for number in members], setting.multiplicity)
        for number, p_value in zip(members, p_values, strict=True):
            adjusted[number] = p_value
    return tuple(_written(one, p_value, setting) for one, p_value in zip(raw, adjusted, strict=True))


def _written(one: RawContrast, p_adjusted: float | None, setting: Setting) -> Contrast:
    concept = setting.concepts[one.concept]
    margin = getattr(concept.margins, one.axis)
    significant = None if p_adjusted is None else p_adjusted < 1.0 - setting.level
    verdict = tost(one.found, margin, different=significant).verdict
    return Contrast(
        axis=one.axis,
        left=one.left,
        right=one.right,
        model=one.model,
        laboratory=None,
        language=one.language,
        concept=concept.id,
        rater=one.rater,
        difference=to_estimate(one.found.difference, "generalized"),
        p_value=one.found.p_value,
        p_adjusted=p_adjusted,
        test=one.found.test,
        n_common=one.found.n_common,
        n_left_only=one.n_left_only,
        n_right_only=one.n_right_only,
        margin=margin,
        verdict=verdict,
        significant=significant,
        family=_family(one, setting),
    )


def _family(one: RawContrast, setting: Setting) -> str:
    axis = one.axis if one.language is None else IN_LANGUAGE
    return f"{axis}:{setting.concepts[one.concept].id}"
