"""Laboratories beside each other in a joint result: precision, proficiency, summary, tie groups, and which
setting goes with the spread.

Pure types; `joint_result` holds the document.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from consilience.evaluation.result_values import Axis, Estimate, Interval, Message


class LaboratoryScore(msgspec.Struct, frozen=True, kw_only=True):
    """One laboratory beside the others."""

    laboratory: str
    mean: Estimate
    h: float | None
    """Mandel's h (ISO 5725-2)."""
    k: float | None
    z: float | None
    """Distance from the robust mean of the laboratories in units of `z_basis`."""
    z_basis: str | None
    """`protocol`: half the planned margin; `robust`: the robust spread of the laboratories."""
    flagged: bool
    reason: Message | None = None
    deviation: Estimate | None = None
    """Distance from the mean of the laboratories on the items that they share."""
    differs_from: int | None = None
    """From how many of the others it differs (paired by item, Holm over all pairs)."""
    zeta: float | None = None
    """As z, in units of the errors of this laboratory and of the robust mean (ISO 13528)."""


class RandomEffects(msgspec.Struct, frozen=True, kw_only=True):
    """Mean over laboratories as a sample of laboratories, with the spread between them."""

    mean: Estimate
    """On these items; its `n_items` counts laboratories, which are the units here."""
    tau: float | None
    """Standard deviation between laboratories."""
    tau_interval: Interval | None
    i_squared: float | None
    """Share of the spread of results that is more than their own errors."""
    i_squared_interval: Interval | None
    prediction: Interval | None
    """Where a further laboratory's true value on these items would lie."""
    n_laboratories: int
    method: str
    reason: Message | None = None
    """Why a number or an interval is missing."""


class OutlierTest(msgspec.Struct, frozen=True, kw_only=True):
    """Cochran's test of the largest variance or Grubbs' test of an extreme mean (ISO 5725-2): a straggler
    beyond the 5 % value, an outlier beyond the 1 % value."""

    test: str
    """Key of `methods`."""
    laboratory: str | None
    """The one farthest off, found or not."""
    statistic: float | None
    critical_5: float | None
    critical_1: float | None
    found: Literal["outlier", "straggler", "none", "not estimable"]
    reason: Message | None = None


class BetweenLaboratories(msgspec.Struct, frozen=True, kw_only=True):
    """Repeatability and reproducibility for one model, concept, rater (language None: averaged over
    languages)."""

    model: str
    concept: str
    rater: str
    language: str | None
    laboratories: tuple[LaboratoryScore, ...]
    repeatability_sd: float | None
    between_sd: float | None
    between_sd_interval: Interval | None
    between_variance_raw: float | None
    """Before a negative estimate is set to 0."""
    reproducibility_sd: float | None
    leave_one_out: dict[str, float | None]
    """Laboratory left out → between_sd of the others."""
    p_homogeneous: float | None
    """Test of "all laboratories have the same mean"."""
    reason: Message | None = None
    n_items: int = 0
    """Items that at least two laboratories share."""
    item_laboratory_variance_raw: float | None = None
    """Of the interaction of item and laboratory, before a negative estimate is set to 0."""
    h_critical: float | None = None
    """Critical value of h at 1 %, as for k."""
    k_critical: float | None = None
    repeatability_basis: str | None = None
    """`attempts`, or `items` where nothing was repeated: the repeatability then holds the interaction too."""
    summary: RandomEffects | None = None
    """Random-effects mean of the laboratories."""
    robust_mean: float | None = None
    """Algorithm A (ISO 13528, Annex C) of three laboratories or more."""
    robust_sd: float | None = None
    outlier_tests: tuple[OutlierTest, ...] = ()


class TieGroups(msgspec.Struct, frozen=True, kw_only=True):
    """Groups along one axis that these data cannot tell apart, instead of a ranking."""

    axis: Axis
    concept: str
    rater: str
    model: str | None
    groups: tuple[tuple[str, ...], ...]
    """From the best; a name may stand in several groups. Within a group no two differ significantly."""
    best_rank: dict[str, int]
    """Name → best rank that the data leave open: 1 + how many are significantly better. In the order of the
    mean paired difference."""
    worst_rank: dict[str, int]
    reason: Message | None = None
    """Why `groups` is empty."""


class Attribution(msgspec.Struct, frozen=True, kw_only=True):
    """How one recorded setting goes with the laboratories' results: an association, never a proof."""

    model: str
    concept: str
    rater: str
    setting: str
    """Such as `sampling.temperature`."""
    level: str | None
    """The name that counts as 1 (0: any other); None where the setting is a number."""
    unit: Literal["per unit", "present or not"]
    values: dict[str, float | None]
    """Laboratory → its setting as a number; None where it is not known."""
    association: Estimate
    """Change of the score per unit, or of laboratories with the name; its `n_items` counts laboratories."""
    p_value: float | None
    p_adjusted: float | None
    """Holm over the settings of this model and concept; settings that cannot be told apart count once."""
    p_permutation: float | None
    p_smallest: float | None
    """The smallest p value that arrangements of the setting over these laboratories could give."""
    between_sd: float | None
    """Spread between the laboratories whose setting is known."""
    between_sd_with: float | None
    """Spread between laboratories with the setting taken into account."""
    sign_holds: bool | None
    """Whether the association keeps its sign whichever laboratory is left out."""
    same_as: tuple[str, ...]
    """Settings that these laboratories cannot tell apart from this one."""
    n_laboratories: int
    """Whose setting is known."""
    only: str | None = None
    """The single laboratory that has the setting: it cannot be told from anything else about it."""
    equal_weights: bool = False
    """Whether all laboratories count the same: fewer than four, or errors so alike that weights by them would
    take the association beyond what any two laboratories show."""
