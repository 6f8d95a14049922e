"""Raters in a joint result: their agreement, judges against humans, what correction makes of a number,
severity.

Pure types; `joint_result` holds the document.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from consilience.evaluation.result_values import Axis, Estimate, Interval, Message


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """How far two raters, or all, agree on the generations that both rated."""

    raters: tuple[str, ...]
    concept: str
    language: str | None
    statistic: str
    """Key of `methods`, such as `krippendorff_alpha_nominal`."""
    value: float | None
    interval: Interval | None
    percent_agreement: float | None
    n_shared: int
    simulated: bool
    reason: Message | None = None
    n_items: int | None = None
    """Items of these generations: the independent units. None: not known."""


class JudgeAgainstHuman(msgspec.Struct, frozen=True, kw_only=True):
    """A judge or program held against the human sample, in one language (None: all) and concept."""

    rater: str
    human: str
    concept: str
    language: str | None
    laboratory: str | None
    agreement: Estimate
    sensitivity: Estimate
    """Share of the humans' positives that the rater also calls positive."""
    specificity: Estimate
    bias: Estimate
    """Mean of rater minus human."""
    n_shared: int
    simulated: bool


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """A mean of a judge or program, and what it is after the errors that the human sample shows are taken
    out. `laboratory` or `language` None: all of them together, each with the same weight."""

    rater: str
    humans: tuple[str, ...]
    """Whose ratings it is held against; an answer that several rated counts with their mean."""
    concept: str
    model: str
    language: str | None
    laboratory: str | None
    raw: Estimate
    """As the rater scored."""
    corrected: Estimate
    """By prediction-powered inference (PPI++); its `reason` says why there is none."""
    rogan_gladen: Estimate
    """By sensitivity and specificity, in one language; its `reason` says why there is none."""
    weight: float | None
    """Weight of the rater's scores in PPI++, from 0 (no use) to 1."""
    clipped: bool
    """Whether the corrected value lay outside the scale and was set to its end."""
    n_human: int
    """Answers that humans and the rater scored (items, where the protocol gives an item one score)."""
    n_judge: int
    """Answers that the rater scored, or items."""
    human_needed: int | None
    """Human ratings that would bring the half width to `wanted`; None: `human_needed_reason` says why."""
    wanted: float | None
    """None where the scores of a scale that nobody knows are all equal."""
    primary: bool
    simulated: bool
    human_needed_reason: Message | None = None
    wanted_basis: Literal["margin", "wanted difference", "scale", "observed range"] = "scale"
    """What `wanted` is taken from: half of the margin or of the wanted difference of the protocol, else 5 %
    of the scale, or of the range of the scores where the scale is not known."""


class CorrectedDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A difference `left - right` along one axis, corrected on each side by that side's own human ratings."""

    axis: Axis
    left: str
    right: str
    model: str | None
    """None on the axis `model`."""
    concept: str
    rater: str
    raw: float | None
    corrected: Estimate
    p_value: float | None
    p_adjusted: float | None
    """After correction over the pairs of this axis, concept and rater."""
    margin: float | None
    verdict: Literal["equivalent", "different", "inconclusive", "not estimable"]
    n_human: int
    human_needed: int | None
    """Human ratings that would bring the half width to `wanted`; None: `human_needed_reason` says why."""
    wanted: float | None
    primary: bool
    simulated: bool
    human_needed_reason: Message | None = None
    wanted_basis: Literal["margin", "wanted difference", "scale", "observed range"] = "scale"


class RaterSeverity(msgspec.Struct, frozen=True, kw_only=True):
    """One rater beside the others. Above 0: it gives lower scores than the mean rater to the same answers."""

    rater: str
    severity: Estimate
    n_ratings: int
    connected_set: int | None
    """Raters with the same number are linked by answers that they share; None: rated nothing."""
    simulated: bool


class SeverityTable(msgspec.Struct, frozen=True, kw_only=True):
    """How severe the raters of a concept are (additive model: score = answer + rater + error)."""

    concept: str
    language: str | None
    raters: tuple[RaterSeverity, ...]
    residual_sd: float | None
    p_equal: float | None
    """Test of "all raters are equally severe"."""
    n_objects: int
    """Answers that entered."""
    n_sets: int
    method: str
    reason: Message | None = None
