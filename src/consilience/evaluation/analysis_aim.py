"""The half width that is aimed at, and why no number of human ratings reaches it.

Pure. It stands on the protocol where that fixes something, else on the width of the scale, else on the range
of the scores that were seen. Invariants: a scale that nobody knows is never taken for one from 0 to 1; where
no number is told there is a reason.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from consilience.evaluation.analysis_setting import Setting
from consilience.evaluation.joint_result import Message
from consilience.evaluation.merge import Merged
from consilience.evaluation.message_codes import say
from consilience.statistics.human_ratings import MIN_HUMAN, HumanNeed

SHARE = 0.05
"""Half width that is aimed at where the protocol fixes neither margin nor wanted difference, as a share of
the scale, or of the range of the scores."""
AimBasis = Literal["margin", "wanted difference", "scale", "observed range"]


class Aim(NamedTuple):
    """A half width and what it stands on."""

    half_width: float | None
    """None: the scores of a scale that nobody knows are all equal."""
    basis: AimBasis


def width_of_scores(merged: Merged, setting: Setting, rater: int, concept: int) -> float | None:
    """Return the width of a rater's scale, or where it is not known the range of its scores of the concept;
    None where these are all equal."""
    one, name = setting.raters[rater], setting.concepts[concept].id
    if one.span is not None:
        return one.span
    mine = [g for g in merged.groups if g.rater == one.id and g.concept == name]
    lows = [g.lowest for g in mine if g.lowest is not None]
    highs = [g.highest for g in mine if g.highest is not None]
    return max(highs) - min(lows) if lows and highs and max(highs) > min(lows) else None


def corrected_aim(merged: Merged, setting: Setting, rater: int, concept: int, margin: float | None) -> Aim:
    """Return the half width that corrected numbers should have: half of the margin, else of the wanted
    difference, else SHARE of the scale."""
    plan = merged.protocol.analysis if merged.protocol is not None else None
    if margin is not None:
        return Aim(margin / 2.0, "margin")
    if plan is not None and plan.wanted_difference is not None:
        return Aim(plan.wanted_difference / 2.0, "wanted difference")
    width = width_of_scores(merged, setting, rater, concept)
    basis: AimBasis = "observed range" if setting.raters[rater].span is None else "scale"
    return Aim(None if width is None else SHARE * width, basis)


def need_reason(need: HumanNeed, aim: Aim, *, n_judge: int, n_items: int) -> Message | None:
    """Return why no number of human ratings is told, or None where one is.

    Args:
        need: What the statistics found.
        aim: What was aimed at.
        n_judge: Answers that there are to rate.
        n_items: Items that there are; 0: not known.
    """
    if need.ratings is not None:
        return None
    if n_judge == 0:
        return say("no_scores")
    if need.left is None or aim.half_width is None:
        return say("all_equal")
    times = max((need.left / aim.half_width) ** 2, MIN_HUMAN / n_judge)
    items = max(math.ceil(n_items * times), n_items + 1) if n_items else None
    return say("more_items_needed", answers=n_judge, left=need.left, items=items)
