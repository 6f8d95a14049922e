"""Groups of laboratories, languages or models that these data cannot tell apart, in place of a ranking.

Pure. Made from the paired contrasts after correction over their family, for each axis, concept and model
(models: all of them together). Invariants: a pair that could not be compared, or is not significant, counts
as not told apart, which is not the same as equal; who is better is read from the paired difference and the
direction of the scale, never from means over different items.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from consilience.evaluation.analysis_setting import ConceptSetting, Setting
from consilience.evaluation.joint_result import Axis, Contrast, TieGroups
from consilience.evaluation.message_codes import say
from consilience.statistics.multiplicity import MAX_TIE_GROUPS, tie_groups

TIED_AXES: tuple[Axis, ...] = ("laboratory", "language", "model")
"""Raters are no contestants: their differences are told by their severity."""


def make_ties(contrasts: Sequence[Contrast], setting: Setting) -> tuple[TieGroups, ...]:
    """Return the tie groups of every axis, concept and model that has contrasts over all languages and
    laboratories."""
    concepts = {concept.id: concept for concept in setting.concepts}
    families: dict[tuple[Axis, str, str | None], list[Contrast]] = {}
    for contrast in contrasts:
        if contrast.axis in TIED_AXES and contrast.laboratory is None and contrast.language is None:
            families.setdefault((contrast.axis, contrast.concept, contrast.model), []).append(contrast)
    ordered = sorted(families, key=lambda key: TIED_AXES.index(key[0]))
    return tuple(_tied(key, families[key], concepts[key[1]], setting) for key in ordered)


def _tied(
    key: tuple[Axis, str, str | None], pairs: Sequence[Contrast], concept: ConceptSetting, setting: Setting
) -> TieGroups:
    axis, _, model = key
    names = sorted({name for pair in pairs for name in (pair.left, pair.right)})
    place = {name: position for position, name in enumerate(names)}
    sign = 1.0 if concept.higher_is_better else -1.0
    better = []
    for pair in pairs:
        if pair.significant and pair.difference.value:
            ends = (place[pair.left], place[pair.right])
            better.append(ends if sign * pair.difference.value > 0.0 else ends[::-1])
    standing = _standing(names, pairs, sign)
    found = tie_groups([standing[name] for name in names], better)
    order = sorted(names, key=lambda name: (-standing[name], name))
    return TieGroups(
        axis=axis,
        concept=concept.id,
        rater=setting.raters[concept.primary].id,
        model=model,
        groups=tuple(tuple(names[at] for at in group) for group in found.groups or ()),
        best_rank={name: found.best_rank[place[name]] for name in order},
        worst_rank={name: found.worst_rank[place[name]] for name in order},
        reason=say("too_many_groups", limit=MAX_TIE_GROUPS) if found.groups is None else None,
    )


def _standing(names: Sequence[str], pairs: Iterable[Contrast], sign: float) -> dict[str, float]:
    """The mean paired difference of each from the others; only the order of groups is taken from it."""
    sums, counts = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0)
    for pair in pairs:
        value = pair.difference.value
        if value is not None:
            for name, towards in ((pair.left, sign), (pair.right, -sign)):
                sums[name] += towards * value
                counts[name] += 1
    return {name: sums[name] / max(counts[name], 1) for name in names}
