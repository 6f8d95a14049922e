"""Raters beside each other: agreement on the generations that several scored, and judges and programs
against humans.

Agreement is computed among raters on one scale only. With more than MAX_UNITS generations in a language
and concept it rests on a sample of them (see `merge_tables`), and a note says so. Simulated ratings are
marked wherever they enter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from consilience.evaluation.analysis_setting import (
    RaterSetting,
    Setting,
    no_estimate,
    reason_message,
    to_estimate,
    to_interval,
)
from consilience.evaluation.joint_result import Agreement, Estimate, JudgeAgainstHuman
from consilience.evaluation.merge_tables import ScoreTables
from consilience.evaluation.message_codes import say
from consilience.evaluation.protocol import RaterKind
from consilience.statistics.agreement import MAX_CATEGORIES, AgreementEstimate, krippendorff_alpha
from consilience.statistics.cells import estimate_generalized
from consilience.statistics.contrasts import paired_difference
from consilience.statistics.judges import judge_accuracy
from consilience.statistics.kappa import cohen_kappa, gwet_ac1

MAX_AGREEMENTS = 5_000
"""Rows of agreement in one document; pairs come first over all languages, then by language."""
REPLICATES = 500
MAX_GROUPS = 200
"""Items are put together into so many groups, which the bootstrap draws (random groups: Wolter 2007, ch.
2)."""
METRICS = {"binary": "nominal", "ordinal": "ordinal", "continuous": "interval"}
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class _Task:
    """One row of agreement to compute."""

    raters: tuple[int, ...]
    concept: int
    language: int | None
    statistic: str


def make_agreement(
    tables: ScoreTables, setting: Setting, rng: np.random.Generator
) -> tuple[tuple[Agreement, ...], list[tuple[str, ...]]]:
    """Compute agreement per concept, over all languages and in each.

    Returns:
        The rows, and the sets of raters whose agreement rests on a sample.
    """
    groups = rng.permutation(len(tables.item_names)) % MAX_GROUPS
    tasks = sorted(
        _tasks(tables, setting), key=lambda t: (t.language is not None, t.concept, len(t.raters) != 2)
    )
    rows, sampled = [], []
    for task in tasks[:MAX_AGREEMENTS]:
        rows.append(_agreement(tables, setting, task, groups, rng))
        if tables.units.sampled and task.language is None:
            sampled.append(rows[-1].raters)
    return tuple(rows), sorted(set(sampled))


def _tasks(tables: ScoreTables, setting: Setting) -> Iterator[_Task]:
    units = tables.units
    for concept in range(len(tables.concepts)):
        here = units.concept == concept
        present = [r for r in range(len(tables.raters)) if np.isfinite(units.scores[r][here]).any()]
        by_scale: dict[object, list[int]] = {}
        for rater in present:
            one = setting.raters[rater]
            by_scale.setdefault((one.scale, one.bounds), []).append(rater)
        languages = [None, *np.unique(units.language[here]).tolist()] if here.any() else []
        for raters in by_scale.values():
            for language in languages:
                yield from _tasks_of(setting, tuple(raters), concept, language)


def _tasks_of(
    setting: Setting, raters: tuple[int, ...], concept: int, language: int | None
) -> Iterator[_Task]:
    if len(raters) < 2:
        return
    scale = setting.raters[raters[0]].scale
    alpha = f"krippendorff_alpha_{METRICS[scale]}"
    if len(raters) > 2:
        yield _Task(raters, concept, language, alpha)
    for pair in combinations(raters, 2):
        human = any(setting.raters[rater].kind is RaterKind.HUMAN for rater in pair)
        if language is not None and len(raters) > 2 and not human:
            continue
        yield _Task(pair, concept, language, alpha)
        if language is None and scale != "continuous":
            yield _Task(pair, concept, language, "gwet_ac1")
            yield _Task(pair, concept, language, "cohen_kappa")


def _agreement(
    tables: ScoreTables, setting: Setting, task: _Task, groups: NDArray[np.int64], rng: np.random.Generator
) -> Agreement:
    units = tables.units
    here = units.concept == task.concept
    if task.language is not None:
        here &= units.language == task.language
    scores = units.scores[list(task.raters)][:, here]
    found = _statistic(task.statistic, scores, groups[units.item[here]], setting, rng)
    return Agreement(
        raters=tuple(tables.raters[rater] for rater in task.raters),
        concept=tables.concepts[task.concept],
        language=None if task.language is None else tables.languages[task.language],
        statistic=found.method,
        value=found.value,
        interval=to_interval(found.interval),
        percent_agreement=found.percent_agreement,
        n_shared=found.n_shared,
        simulated=any(setting.raters[rater].simulated for rater in task.raters),
        reason=reason_message(found.reason, n_shared=found.n_shared),
        n_items=int(np.unique(units.item[here][np.isfinite(scores).sum(axis=0) >= 2]).size),
    )


def _statistic(
    name: str, scores: Floats, group: NDArray[np.int64], setting: Setting, rng: np.random.Generator
) -> AgreementEstimate:
    level = setting.level
    if name == "gwet_ac1":
        return gwet_ac1(scores, rng=rng, clusters=group, level=level, replicates=REPLICATES)
    if name == "cohen_kappa":
        return cohen_kappa(scores[0], scores[1], rng=rng, clusters=group, level=level, replicates=REPLICATES)
    metric = name.rsplit("_", 1)[1]
    if metric != "interval" and np.unique(scores[np.isfinite(scores)]).size > MAX_CATEGORIES:
        metric = "interval"
    return krippendorff_alpha(
        scores, metric=metric, rng=rng, clusters=group, level=level, replicates=REPLICATES
    )


def make_judges(tables: ScoreTables, setting: Setting) -> tuple[JudgeAgainstHuman, ...]:
    """Hold every judge and program against every human rater: over all, per language, and per laboratory."""
    units = tables.units
    rows: list[JudgeAgainstHuman] = []
    humans = [r for r, one in enumerate(setting.raters) if one.kind is RaterKind.HUMAN]
    others = [r for r, one in enumerate(setting.raters) if one.kind is not RaterKind.HUMAN]
    for concept in range(len(tables.concepts)):
        for rater in others:
            for human in humans:
                shared = np.isfinite(units.scores[rater]) & np.isfinite(units.scores[human])
                shared &= units.concept == concept
                if shared.any():
                    rows += _against(tables, setting, (rater, human, concept), shared)
    return tuple(rows)


def _against(
    tables: ScoreTables, setting: Setting, who: tuple[int, int, int], shared: Mask
) -> Iterator[JudgeAgainstHuman]:
    units = tables.units
    yield _judge(tables, setting, who, shared, None, None)
    for language in np.unique(units.language[shared]).tolist():
        yield _judge(tables, setting, who, shared & (units.language == language), language, None)
    laboratories = np.unique(units.laboratory[shared]).tolist()
    for laboratory in laboratories if len(laboratories) > 1 else []:
        yield _judge(tables, setting, who, shared & (units.laboratory == laboratory), None, laboratory)


def _judge(
    tables: ScoreTables, setting: Setting, who: tuple[int, int, int], rows: Mask, language: int | None,
    laboratory: int | None,
) -> JudgeAgainstHuman:  # fmt: skip
    rater, human, concept = who
    one, other = setting.raters[rater], setting.raters[human]
    units = tables.units
    sensitivity, specificity, agreement, bias = _accuracy(
        units.scores[rater][rows], units.scores[human][rows], units.item[rows], one, other, setting.level
    )
    return JudgeAgainstHuman(
        rater=one.id,
        human=other.id,
        concept=tables.concepts[concept],
        language=None if language is None else tables.languages[language],
        laboratory=None if laboratory is None else tables.laboratories[laboratory],
        agreement=agreement,
        sensitivity=sensitivity,
        specificity=specificity,
        bias=bias,
        n_shared=int(rows.sum()),
        simulated=one.simulated or other.simulated,
    )


def _accuracy(
    judge: Floats,
    human: Floats,
    item: NDArray[np.int64],
    one: RaterSetting,
    other: RaterSetting,
    level: float,
) -> tuple[Estimate, Estimate, Estimate, Estimate]:
    """Return sensitivity, specificity, agreement and bias."""
    plain = (0.0, 1.0)
    if all(r.scale == "binary" and r.bounds == plain for r in (one, other)):
        found = judge_accuracy(judge, human, item, level=level)
        shares = (found.sensitivity, found.specificity, found.agreement, found.bias)
        first, second, third, fourth = (
            to_estimate(share, "generalized", n_shared=found.n_shared) for share in shares
        )
        return first, second, third, fourth
    odd = one if one.scale != "binary" or one.bounds != plain else other
    no_share = no_estimate(say("not_binary", rater=odd.id), "generalized")
    if one.bounds != other.bounds or one.scale != other.scale:
        apart = no_estimate(say("different_scales", raters=[one.id, other.id]), "generalized")
        return no_share, no_share, apart, apart
    codes = np.unique(item, return_inverse=True)[1].ravel()
    counts = np.bincount(codes).astype(np.float64)
    equal = np.bincount(codes, weights=(judge == human).astype(np.float64))
    agreement = estimate_generalized(equal, counts, level=level)
    bias = paired_difference(judge, human, clusters=codes, n_scores=judge.size, level=level, span=one.span)
    return (
        no_share,
        no_share,
        to_estimate(agreement, "generalized"),
        to_estimate(bias.difference, "generalized"),
    )
