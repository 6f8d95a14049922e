"""What would settle it: for each variance table, what more of each facet would bring, and at what cost.

The margin is the one that the protocol fixed between laboratories for the concept, else the difference that
it wants to see, else a twentieth of the scale. Languages are held fixed, since a report speaks of these
languages; laboratories, items and attempts stand for others like them, so that the widths are those of a mean
over further laboratories. No half width is wider than half of the scale. Calls are counted from the
generations that there are; a generation's tokens are the mean over the manifests of the model, and not known
without them. Tokens of judge models stand in no manifest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from consilience.evaluation.analysis_aim import SHARE, width_of_scores
from consilience.evaluation.analysis_setting import Setting, reason_message
from consilience.evaluation.analysis_variance import Spread
from consilience.evaluation.joint_result import DecisionStudy, Message, MoreOfOne, WidthAt
from consilience.evaluation.merge import Merged
from consilience.evaluation.message_codes import say
from consilience.evaluation.protocol import RaterKind
from consilience.statistics import decision_study as statistics
from consilience.statistics.components import ATTEMPT, RESIDUAL
from consilience.statistics.generalizability import MAX_LEVELS, coefficients, facets_of

ITEM, LANGUAGE = "item", "language"
Basis = Literal["laboratory margin", "wanted difference", "default"]


def make_decisions(spreads: Sequence[Spread], merged: Merged, setting: Setting) -> tuple[DecisionStudy, ...]:
    """Return a decision study for every model and concept, by the rater that carries the verdict and, where
    there is a table with raters, by all of them."""
    return tuple(_decision(one, merged, setting) for one in spreads)


def _decision(spread: Spread, merged: Merged, setting: Setting) -> DecisionStudy:
    margin, basis = _margin(spread, merged, setting)
    design = {facet: spread.found.get(facet).levels for facet in facets_of(spread.found)}
    design |= {ITEM: spread.n_items, ATTEMPT: spread.attempts}
    cost = _cost(spread, merged, setting)
    nothing = DecisionStudy(
        model=merged.tables.models[spread.model],
        concept=merged.tables.concepts[spread.concept],
        rater=setting.raters[spread.raters[0]].id,
        raters=tuple(setting.raters[rater].id for rater in spread.raters),
        margin=margin,
        margin_basis=basis,
        half_width=None,
        design=design,
        n_generations=spread.n_generations,
        tokens_per_generation=cost.generation_tokens,
        tokens_leave_out_judges=cost.judges > 0.0,
        more=(),
        cheapest=None,
        generalizability=None,
        dependability=None,
        left_out=(),
        method="decision_study",
    )
    too_many = next((facet for facet, number in design.items() if number > MAX_LEVELS), None)
    if too_many is not None:
        reason: Message | None = say("too_many_levels", source=too_many, limit=MAX_LEVELS)
    elif spread.found.reason is not None or margin is None:
        reason = reason_message(spread.found.reason) or say("all_equal")
    else:
        return _studied(nothing, spread, cost, margin, setting)
    return msgspec.structs.replace(nothing, reason=reason)


def _studied(
    frame: DecisionStudy, spread: Spread, cost: statistics.CallCost, margin: float, setting: Setting
) -> DecisionStudy:
    """Fill in what the statistics say."""
    present = _present(spread)
    fixed = [LANGUAGE] if LANGUAGE in frame.design else []
    study = statistics.decision_study(
        spread.found, frame.design, margin, cost=cost, fixed=fixed, present=present, level=setting.level,
        span=setting.raters[spread.raters[0]].span,
    )  # fmt: skip
    dependable = coefficients(spread.found, frame.design, present=present, fixed=fixed)
    return msgspec.structs.replace(
        frame,
        half_width=study.half_width,
        parts=dict(study.parts),
        more=tuple(_more(one) for one in study.more),
        cheapest=study.cheapest,
        generalizability=dependable.relative,
        dependability=dependable.absolute,
        left_out=study.left_out,
        reason=reason_message(study.reason, n_laboratories=frame.design.get("laboratory", 0)),
        speaks_of_further=study.random,
        speaks_of_these=study.fixed,
        widest=study.widest,
        capped=study.capped,
    )


def _present(spread: Spread) -> dict[str, int]:
    """Return how many levels of each source there are in all; drawn items stand for all items."""
    found, n_raters = spread.found, len(spread.raters)
    times = spread.n_items / max(found.get(ITEM).levels, 1)
    present = {
        one.source: round(one.levels * times) if ITEM in one.source.split(":") else one.levels
        for one in found.components
        if one.variance is not None
    }
    return present | {ATTEMPT: spread.n_generations, RESIDUAL: spread.n_generations * n_raters}


def _margin(spread: Spread, merged: Merged, setting: Setting) -> tuple[float | None, Basis]:
    """Return the half width that is aimed at; None where all scores are equal on a scale nobody knows."""
    concept, protocol = setting.concepts[spread.concept], merged.protocol
    if concept.margins.laboratory:
        return concept.margins.laboratory, "laboratory margin"
    if protocol is not None and protocol.analysis.wanted_difference:
        return protocol.analysis.wanted_difference, "wanted difference"
    width = width_of_scores(merged, setting, concept.primary, spread.concept)
    return None if width is None else SHARE * width, "default"


def _cost(spread: Spread, merged: Merged, setting: Setting) -> statistics.CallCost:
    answers = tokens = 0
    for manifest in merged.manifests:
        usage = manifest.usage
        known = usage.prompt_tokens is not None and usage.completion_tokens is not None
        if manifest.model == merged.tables.models[spread.model] and known:
            answers += usage.answers_with_tokens
            tokens += (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)
    judges = sum(setting.raters[rater].kind is RaterKind.JUDGE for rater in spread.raters)
    return statistics.CallCost(
        generation_tokens=tokens / answers if answers > 0 else None, judges=judges / len(spread.raters)
    )


def _more(one: statistics.MoreOfOne) -> MoreOfOne:
    return MoreOfOne(
        facet=one.facet,
        now=one.now,
        needed=one.needed,
        half_width=one.half_width,
        left=one.left,
        extra_calls=one.cost.calls if one.cost is not None else None,
        extra_tokens=one.cost.tokens if one.cost is not None else None,
        curve=tuple(WidthAt(levels=levels, half_width=width) for levels, width in one.curve),
        reason=None if one.reason is None else say(one.reason.value),
    )
