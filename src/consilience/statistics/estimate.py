"""What every method returns: an estimate with its interval, its n and, where something is missing, the
reason.

Invariants:
- no field is ever NaN or infinite: a number that is not known is None and `reason` says why;
- an estimate without an interval always has a reason; a standard error is never 0;
- `method` is a key of `references.METHODS`.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
ArrayLike = npt.ArrayLike


class Reason(enum.StrEnum):
    """Why a value, an interval or a verdict is missing."""

    NO_SCORES = "no_scores"
    """Nothing was scored."""
    ONE_ITEM = "one_item"
    """A single item says nothing about other items."""
    ONE_CLUSTER = "one_cluster"
    """All items belong to one cluster."""
    ONE_ATTEMPT_PER_ITEM = "one_attempt_per_item"
    """Without repeated attempts the spread between attempts is unknown."""
    ALL_EQUAL = "all_equal"
    """All scores are equal and the scale has no known bounds."""
    NO_PAIRS = "no_pairs"
    """The two sides have no item in common."""
    ALL_DIFFERENCES_ZERO = "all_differences_zero"
    """Every item has the same score on both sides and the scale has no known bounds."""
    TOO_FEW_SHARED = "too_few_shared"
    """Fewer units were rated by two raters than the method needs."""
    ALL_SAME_CATEGORY = "all_same_category"
    """All ratings are equal: agreement beyond chance is not defined."""
    PERFECT_AGREEMENT = "perfect_agreement"
    """No disagreement was seen; how rare it may be is told by the interval of the percent agreement."""
    ONE_LABORATORY = "one_laboratory"
    FEW_LABORATORIES = "few_laboratories"
    """Fewer than four laboratories: not estimable with useful precision."""
    ONE_LEVEL = "one_level"
    """The factor has one level in these data."""
    FEW_LEVELS = "few_levels"
    """Fewer than four levels of another factor."""
    CONFOUNDED = "confounded"
    """The design cannot tell this source apart from another one."""
    NO_POSITIVES = "no_positives"
    """The human sample has no positive rating."""
    NO_NEGATIVES = "no_negatives"
    """The human sample has no negative rating."""
    NO_HUMAN_RATINGS = "no_human_ratings"
    TOO_FEW_HUMAN_RATINGS = "too_few_human_ratings"
    JUDGE_NOT_INFORMATIVE = "judge_not_informative"
    """Sensitivity plus specificity is not clearly above 1."""
    NO_MARGIN = "no_margin"
    NO_INTERVAL = "no_interval"
    SPREAD_FOLLOWS_MEAN = "spread_follows_mean"
    """Scores of 0 and 1: their variance within a laboratory is told by its mean."""
    NOT_CONVERGED = "not_converged"
    """The chains of a sampler do not agree, so that no number can be taken from them."""
    ITEMS_SAMPLED = "items_sampled"
    """Only a random subset of the items was used, so that nothing is said about exactly these items."""
    TOO_LARGE = "too_large"
    """The design is larger than the method's documented limit."""
    ZERO_SPREAD = "zero_spread"
    """The results do not differ at all, so that a distance in units of their spread is not defined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A two-sided interval at confidence `level`."""

    low: float
    high: float
    level: float
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with what it rests on.

    `n_items` counts the independent units (items, or clusters of items), `n_scores` the scored attempts.
    `df` are degrees of freedom of the standard error; None where the interval does not rest on any.
    """

    value: float | None
    interval: Interval | None
    standard_error: float | None
    n_items: int
    n_scores: int
    method: str
    reason: Reason | None = None
    df: float | None = None


def finite(value: Any) -> float | None:
    """Return `value` as a float, or None where it is missing, NaN or infinite."""
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def positive(value: Any) -> float | None:
    """Return `value` as a float where it is finite and above 0 (a standard error is never 0), else None."""
    number = finite(value)
    return number if number is not None and number > 0.0 else None


def check_level(level: float) -> float:
    """Return the confidence level.

    Raises:
        ValueError: If it is not strictly between 0 and 1 (95 % is 0.95, not 95).
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"confidence level must lie strictly between 0 and 1, not {level!r}")
    return float(level)


def empty(reason: Reason, method: str, *, n_items: int = 0, n_scores: int = 0) -> Estimate:
    """Return an estimate that has no value, with its reason."""
    return Estimate(
        value=None,
        interval=None,
        standard_error=None,
        n_items=n_items,
        n_scores=n_scores,
        method=method,
        reason=reason,
    )
