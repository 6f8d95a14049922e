"""The second sentence of the verdict: how far the laboratories agree, and who stands apart.

Pure. Stands on `verdict_pairs`. Invariants: "no significant difference" is never called agreement; a
laboratory that stands apart is named with what its manifest shows, which is not called the cause; every
sentence says whether the rater's errors are taken out of its numbers (`basis`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from consilience.evaluation.analysis_contrasts import Cube, compare, make_cube, side
from consilience.evaluation.analysis_setting import to_estimate
from consilience.evaluation.joint_result import Deviation, Estimate, Message
from consilience.evaluation.message_codes import say
from consilience.evaluation.verdict_findings import Findings, Params, high, low, scale_of
from consilience.evaluation.verdict_pairs import Basis, Compared, basis_of, compared

MAX_FIELDS = 3
"""Deviations that a sentence names."""
_SEVERITY = {"major": 0, "minor": 1, "unknown": 2}


@dataclass(frozen=True)
class Odd:
    """A laboratory against the mean of the others."""

    laboratory: str
    model: str
    concept: str
    difference: Estimate
    others: tuple[str, ...]
    basis: Basis
    rater: str
    n_human: int


def agreement(f: Findings) -> Message:
    """Return the sentence."""
    laboratories = f.tables.laboratories
    if not laboratories:
        return say("laboratories_none")
    if len(laboratories) == 1:
        return say("laboratories_one", laboratory=laboratories[0])
    pairs = compared(f)
    usable = [pair for pair in pairs if pair.difference.value is not None]
    if not usable:
        most = max((pair.raw.n_common for pair in pairs), default=0)
        return say("laboratories_not_comparable", n_laboratories=len(laboratories), n_common=most)
    different = [pair for pair in usable if pair.different]
    if different:
        return _differ(f, different)
    return _no_difference(f, pairs, usable)


def _no_difference(f: Findings, pairs: Sequence[Compared], usable: Sequence[Compared]) -> Message:
    largest = max(usable, key=lambda pair: pair.size)
    params: Params = {
        "n_laboratories": len(f.tables.laboratories),
        "n_pairs": len(usable),
        "n_corrected": sum(pair.basis == "corrected" for pair in usable),
        **_pair(f, largest),
    }
    equivalent = sum(pair.verdict == "equivalent" for pair in usable)
    if equivalent == len(pairs):
        margins = [pair.raw.margin for pair in usable if pair.raw.margin is not None]
        return say("laboratories_agree", margin=max(margins), **params)
    detectable = [
        m.difference
        for m in f.minimum_differences
        if m.axis == "laboratory" and m.concept == largest.raw.concept
    ]
    return say(
        "laboratories_inconclusive",
        n_equivalent=equivalent,
        margin=largest.raw.margin,
        detectable=detectable[0] if detectable else None,
        **params,
    )


def _pair(f: Findings, pair: Compared) -> Params:
    return {
        "left": pair.raw.left,
        "right": pair.raw.right,
        "model": pair.model,
        "concept": pair.raw.concept,
        "difference": pair.difference.value,
        "low": low(pair.difference),
        "high": high(pair.difference),
        "level": f.setting.level,
        "scale": scale_of(f, pair.raw.concept),
        "basis": pair.basis,
        "rater": pair.rater,
        "n_human": pair.n_human,
    }


def _differ(f: Findings, different: Sequence[Compared]) -> Message:
    """Name the laboratory that stands apart, or the pair where that cannot be said."""
    found = farthest(f, different)
    if len(f.tables.laboratories) < 3 or found is None:
        return _differing_pair(f, max(different, key=lambda pair: pair.size))
    params = _odd_params(f, found, different)
    missing = missing_documents(f, found)
    if missing:
        return say("laboratories_differ_unknown", missing=missing, **params)
    own = own_deviations(f, found.laboratory, found.model, found.others)
    if not own:
        return say("laboratories_differ_unexplained", **params)
    return say("laboratories_differ_deviation", n_deviations=len(own), **named(own), **params)


def _odd_params(f: Findings, odd: Odd, different: Sequence[Compared]) -> Params:
    pairs = [(pair.raw.left, pair.raw.right) for pair in different]
    rest = {name for ends in pairs if odd.laboratory not in ends for name in ends}
    between = next(
        (b for b in f.between if (b.model, b.concept, b.language) == (odd.model, odd.concept, None)), None
    )
    concept = next(c for c in f.setting.concepts if c.id == odd.concept)
    return {
        **off_params(f, odd),
        "n_laboratories": len(f.tables.laboratories),
        "others": list(odd.others),
        "also": sorted(rest),
        "margin": concept.margins.laboratory,
        "spread": between.between_sd if between else None,
        "spread_without": between.leave_one_out.get(odd.laboratory) if between else None,
        "basis": odd.basis,
        "n_human": odd.n_human,
    }


def off_params(f: Findings, odd: Odd) -> Params:
    """Return what every sentence says of a laboratory that is off."""
    return {
        "laboratory": odd.laboratory,
        "model": odd.model,
        "concept": odd.concept,
        "rater": odd.rater,
        "difference": odd.difference.value,
        "low": low(odd.difference),
        "high": high(odd.difference),
        "n_items": odd.difference.n_items,
        "level": f.setting.level,
        "scale": scale_of(f, odd.concept),
    }


def missing_documents(f: Findings, odd: Odd) -> list[str]:
    """Return which of manifest and protocol is not there, so that no deviation can be told."""
    has_manifest = (odd.laboratory, odd.model) in f.with_manifest
    known = {"manifest": has_manifest, "protocol": f.has_protocol}
    return [name for name, there in known.items() if not there]


def named(deviations: Sequence[Deviation]) -> Params:
    """Return the first deviations as lists that stand side by side."""
    first = deviations[:MAX_FIELDS]
    return {
        "fields": [one.field for one in first],
        "planned": [one.planned for one in first],
        "actual": [one.actual for one in first],
    }


def farthest(f: Findings, different: Sequence[Compared], *, raw: bool = False) -> Odd | None:
    """Return the laboratory of these pairs that is farthest from the mean of the others; None where none of
    them can be held against it.

    Args:
        f: The findings.
        different: Pairs that differ.
        raw: As the rater scored, though a corrected difference may be there.
    """
    ends: dict[tuple[str, str], set[str]] = {}
    for pair in different:
        ends.setdefault((pair.model, pair.raw.concept), set()).update((pair.raw.left, pair.raw.right))
    candidates = [
        odd
        for model, concept in sorted(ends)
        for odd in _against_others(f, model, concept, raw=raw)
        if odd.laboratory in ends[model, concept]
    ]
    return max(candidates, key=lambda one: abs(one.difference.value or 0.0), default=None)


def _against_others(f: Findings, model: str, concept: str, *, raw: bool) -> list[Odd]:
    """Compare each laboratory with the mean of the others, corrected where that could be done."""
    corrected = {
        one.laboratory: one for one in f.corrected_odds if (one.model, one.concept) == (model, concept)
    }
    found = []
    for odd in _raw_against_others(f, model, concept):
        better = None if raw else corrected.get(odd.laboratory)
        if better is not None:
            odd = Odd(
                odd.laboratory, model, concept, better.difference, better.others, "corrected", odd.rater,
                better.n_human,
            )  # fmt: skip
        found.append(odd)
    return found


def _raw_against_others(f: Findings, model: str, concept: str) -> Iterable[Odd]:
    """Compare each laboratory with the mean of the others on the items that it shares with at least one of
    them."""
    number = next(k for k, one in enumerate(f.setting.concepts) if one.id == concept)
    primary = f.setting.concepts[number].primary
    rater, names = f.setting.raters[primary], f.tables.laboratories
    cube = make_cube(f.tables, number, primary)
    if cube is None:
        return
    one_model = side(cube, (f.tables.models.index(model),))
    given = [code for code in range(len(names)) if np.isfinite(one_model.means[code]).any()]
    for code in given:
        rest = [k for k in given if k != code]
        if not rest:
            continue
        contrast, _, _ = compare(side(one_model, (code,)), _mean_of(one_model, rest), rater, f.setting.level)
        if contrast.difference.value is not None:
            others = tuple(names[k] for k in rest)
            found = to_estimate(contrast.difference, "generalized")
            yield Odd(names[code], model, concept, found, others, basis_of(rater), rater.id, 0)


def _mean_of(cube: Cube, laboratories: Sequence[int]) -> Cube:
    """Return the mean of several laboratories, item by item."""
    means = cube.means[list(laboratories)]
    given = np.isfinite(means)
    number = given.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(given, means, 0.0).sum(axis=0) / number
    return Cube(mean, cube.scores[list(laboratories)].sum(axis=0))


def own_deviations(f: Findings, laboratory: str, model: str, others: Sequence[str]) -> list[Deviation]:
    """Return deviations of one laboratory that not all of the others have in the same way, major ones
    first."""
    mine = [d for d in f.deviations if (d.laboratory, d.model) == (laboratory, model)]
    theirs: dict[tuple[str, str], set[str]] = {}
    for d in f.deviations:
        if d.model == model and d.laboratory in others:
            theirs.setdefault((d.field, str(d.actual)), set()).add(d.laboratory)
    own = [d for d in mine if not theirs.get((d.field, str(d.actual)))]
    return sorted(own, key=lambda d: _SEVERITY[d.severity])


def _differing_pair(f: Findings, pair: Compared) -> Message:
    left, right = pair.raw.left, pair.raw.right
    own = [
        *own_deviations(f, left, pair.model, (right,)),
        *own_deviations(f, right, pair.model, (left,)),
    ]
    own = sorted(own, key=lambda d: _SEVERITY[d.severity])[:MAX_FIELDS]
    return say(
        "laboratories_differ_pair",
        n_laboratories=len(f.tables.laboratories),
        n_items=pair.difference.n_items,
        margin=pair.raw.margin,
        laboratories=[d.laboratory for d in own],
        **named(own),
        **_pair(f, pair),
    )
