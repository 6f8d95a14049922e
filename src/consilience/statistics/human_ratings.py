"""How many human ratings would bring a corrected number under a wanted half width, and what would be left.

Answers are drawn in two steps: items, all of which the judge rated, and of their answers those that humans
rated. More human ratings lower the second part of the variance only, and when humans have rated every answer
nothing of it is left. Invariants: never more ratings than there are answers; where rating all of them would
not do, there is no number, and the half width that would be left instead, since then more items are needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from consilience.statistics.estimate import ArrayLike, FloatArray
from consilience.statistics.intervals import normal_quantile

MIN_HUMAN = 20
"""Fewer human ratings than this do not correct a mean."""
MIN_PER_STRATUM = 2
"""Fewer human ratings, or items among them, do not tell how much they vary within a stratum."""


@dataclass(frozen=True, slots=True)
class HumanNeed:
    """What human ratings can bring. Both None: not known."""

    ratings: int | None
    """That would do; None: no number would, or it is not known."""
    left: float | None = None
    """Half width with every answer rated by humans, where even that is not enough."""


def ratings_needed(
    rated: ArrayLike, answers: ArrayLike, sampling: ArrayLike, variance: float, *,
    quantile: float, wanted: float | None, unseen: float = 0.0,
) -> HumanNeed:  # fmt: skip
    """Return how many human ratings bring the half width to `wanted`, spread over strata as those now.

    With t times as many ratings the variance is `variance - sum a + sum max(a / t - a n / N, 0) + unseen /
    t^2`: sampling in two phases (Särndal, Swensson & Wretman 1992, Model Assisted Survey Sampling, sec. 9.3),
    a simple random sample of n of N answers in each stratum (Cochran 1977, Sampling Techniques, eq. 2.11).

    Args:
        rated: Answers n that humans rated, above 0, shape (strata,).
        answers: Answers N that there are.
        sampling: Part a of the variance that comes from which n answers of endlessly many humans rated.
        variance: Of the corrected number, without `unseen`.
        quantile: Of the confidence level.
        wanted: Half width that is aimed at, above 0; None: nothing is.
        unseen: Variance added for disagreements that were not seen.

    Raises:
        ValueError: If `wanted` is not above 0.
    """
    if wanted is None:
        return HumanNeed(None)
    if not wanted > 0.0:
        raise ValueError(f"a half width that is aimed at must be above 0, not {wanted!r}")
    n, a = np.asarray(rated, dtype=np.float64), np.asarray(sampling, dtype=np.float64)
    most = np.maximum(np.asarray(answers, dtype=np.float64) / n, 1.0)
    fixed = max(variance - float(a.sum()) + float((a / most).sum()), 0.0)
    end = float(most.max())
    room = (wanted / quantile) ** 2 - fixed
    if room < unseen / end**2:
        return HumanNeed(None, quantile * math.sqrt(fixed + unseen / end**2))
    times = _times(a, most, room, unseen, end)
    whole = np.ceil(np.minimum(times, most) * n - 1e-9)
    least = min(max(MIN_HUMAN, MIN_PER_STRATUM * n.size), int((most * n).sum()))
    return HumanNeed(max(least, int(whole.sum())))


def _times(a: FloatArray, most: FloatArray, room: float, unseen: float, end: float) -> float:
    """Return the smallest t with `sum max(a / t - a / most, 0) + unseen / t^2 <= room`.

    Strata that are rated altogether before t leave the sum, one round after the other; what stays is a
    quadratic equation in 1 / t.
    """
    active, times = np.ones(a.size, dtype=np.bool_), 0.0
    while True:
        part = float(a[active].sum())
        right = room + float((a[active] / most[active]).sum())
        if right <= 0.0:
            return end
        times = (part + math.sqrt(part**2 + 4.0 * unseen * right)) / (2.0 * right)
        still = active & (most > times)
        if still.sum() == active.sum():
            return min(times, end)
        active = still


def ratings_planned(
    span: float | None, wanted: float | None, n_judge: int, *, raw_error: float | None = None,
    level: float = 0.95, n_strata: int = 1,
) -> HumanNeed:  # fmt: skip
    """Return how many human ratings would do where nothing is known of the judge's errors: those of a plain
    human mean of scores at both ends of the scale.

    Args:
        span: Width of the scale, or of the scores seen on it; None: not known.
        wanted: Half width of the interval that is aimed at, above 0; None: nothing is.
        n_judge: Answers that there are to rate.
        raw_error: Standard error of the judge's own mean over items: so much is left when humans rate all.
        level: Confidence level.
        n_strata: How many strata they are spread over.
    """
    if span is None or wanted is None or not span > 0.0 or n_judge < 1:
        return HumanNeed(None)
    quantile, single = normal_quantile(level), (0.5 * span) ** 2
    beyond = max((raw_error or 0.0) ** 2 - single / n_judge, 0.0)
    """What items that share answers add to answers that do not."""
    room = (wanted / quantile) ** 2 - beyond
    least = max(MIN_HUMAN, MIN_PER_STRATUM * n_strata)
    needed = max(least, math.ceil(single / room - 1e-9)) if room > 0.0 else None
    if needed is None or needed > n_judge:
        return HumanNeed(None, quantile * math.sqrt(beyond + single / n_judge))
    return HumanNeed(needed)
