"""How many items a paired contrast needs, and the smallest difference that it can see.

A contrast of two languages, models or laboratories on the same items rests on the variance of the items' true
differences and on the variance between attempts. Both come from a pilot, or are assumed.

Invariants: more items or attempts never raise the smallest difference; formula and simulation agree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from consilience.statistics.estimate import ArrayLike, check_level
from consilience.statistics.intervals import normal_quantile, t_quantile

MAX_ITEMS = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedVariances:
    """What a paired contrast rests on: variances per item.

    `item`: of the items' true differences. `within_left`, `within_right`: between attempts of one item,
    averaged over items.
    """

    item: float
    within_left: float
    within_right: float

    def per_item(self, attempts_left: int, attempts_right: int) -> float:
        """Return the variance of one item's difference of means (Miller 2024, power analysis)."""
        return self.item + self.within_left / attempts_left + self.within_right / attempts_right


def _check(power: float, attempts_left: int, attempts_right: int) -> None:
    if not 0.0 < power < 1.0:
        raise ValueError(f"power must lie strictly between 0 and 1, not {power!r}")
    if attempts_left < 1 or attempts_right < 1:
        raise ValueError("attempts per item must be at least 1")


def assumed_variances(
    left: float, right: float, *, consistency: float = 0.5, correlation: float = 0.5
) -> PairedVariances:
    """Return variances of binary scores for planning without a pilot.

    An item's success probabilities on the two sides vary over items with variance `consistency × p (1 - p)`
    and correlate by `correlation`; what is left of p (1 - p) is between attempts.

    Args:
        left: Expected rate on the left side.
        right: Expected rate on the right side.
        consistency: Share of the variance that lies between items: 0, every attempt is a coin toss of the
            same coin; 1, an item's attempts are all equal.
        correlation: How alike the two sides find the items.

    Raises:
        ValueError: If an argument lies outside [0, 1].
    """
    for value in (left, right, consistency, correlation):
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"rates, consistency and correlation lie in [0, 1], not {value!r}")
    v_left, v_right = left * (1.0 - left), right * (1.0 - right)
    item = consistency * (v_left + v_right - 2.0 * correlation * math.sqrt(v_left * v_right))
    return PairedVariances(
        item=item, within_left=(1.0 - consistency) * v_left, within_right=(1.0 - consistency) * v_right
    )


def piloted_variances(
    sums_left: ArrayLike, counts_left: ArrayLike, sums_right: ArrayLike, counts_right: ArrayLike,
    squares_left: ArrayLike | None = None, squares_right: ArrayLike | None = None,
) -> PairedVariances | None:  # fmt: skip
    """Estimate the variances from item tables of a pilot, or of finished results (Miller 2024, power
    analysis).

    The variance of the observed differences, less that of the attempts, is the items'. With one attempt per
    item nothing can be taken off; it then all counts as the items', which holds for further designs with one
    attempt.

    Args:
        sums_left: Sum of each common item's attempts on the left side, shape (items,).
        counts_left: Number of its attempts.
        sums_right: On the right side.
        counts_right: On the right side.
        squares_left: Sum of squares; None: scores are 0 or 1.
        squares_right: Sum of squares; None: scores are 0 or 1.

    Returns:
        The variances, or None for fewer than 2 common items.
    """
    means, withins, parts = [], [], []
    n_left, n_right = np.asarray(counts_left, dtype=np.float64), np.asarray(counts_right, dtype=np.float64)
    common = (n_left > 0) & (n_right > 0)
    if int(common.sum()) < 2:
        return None
    for sums, n, squares in ((sums_left, n_left, squares_left), (sums_right, n_right, squares_right)):
        s = np.asarray(sums, dtype=np.float64)[common]
        q = s if squares is None else np.asarray(squares, dtype=np.float64)[common]
        k = n[common]
        repeated = k > 1
        within = float(np.mean((q - s**2 / k)[repeated] / (k[repeated] - 1.0))) if repeated.any() else 0.0
        means.append(s / k)
        withins.append(max(within, 0.0))
        parts.append(max(within, 0.0) * float(np.mean(1.0 / k)))
    observed = float(np.var(means[0] - means[1], ddof=1))
    return PairedVariances(
        item=max(observed - sum(parts), 0.0), within_left=withins[0], within_right=withins[1]
    )


def items_needed(
    difference: float, variances: PairedVariances, attempts_left: int = 1, attempts_right: int = 1, *,
    power: float = 0.8, level: float = 0.95,
) -> int:  # fmt: skip
    """Return the items that a paired test needs to see a difference (Miller 2024, power analysis).

    `(z_(alpha/2) + z_beta)^2 (w2 + va/Ka + vb/Kb) / difference^2`, raised until the power of the t test,
    which knows the variance only from n items, reaches `power`.

    Args:
        difference: True difference to be seen, in units of the score, not 0.
        variances: Per item.
        attempts_left: Attempts per item, Ka.
        attempts_right: Kb.
        power: Wanted probability of seeing it.
        level: Confidence level of the two-sided test.

    Raises:
        ValueError: If the difference is 0, or power or attempts are out of range.
    """
    _check(power, attempts_left, attempts_right)
    if difference == 0.0:
        raise ValueError("no number of items shows a difference of 0; plan an equivalence margin instead")
    z = normal_quantile(check_level(level)) + float(special.ndtri(power))
    per_item = variances.per_item(attempts_left, attempts_right)
    n = max(2, math.ceil(min(z * z * per_item / difference**2, MAX_ITEMS)))
    while (
        n < MAX_ITEMS
        and paired_power(n, difference, variances, attempts_left, attempts_right, level=level) < power
    ):
        n += max(1, n // 1000)
    return n


def paired_power(
    n_items: int, difference: float, variances: PairedVariances, attempts_left: int = 1,
    attempts_right: int = 1, *,
    level: float = 0.95,
) -> float:  # fmt: skip
    """Return the power of the two-sided paired t test: noncentral t with n - 1 df (Miller 2024, power
    analysis, with t for z)."""
    if n_items < 2:
        return 0.0
    error = math.sqrt(variances.per_item(attempts_left, attempts_right) / n_items)
    if error == 0.0:
        return 0.0 if difference == 0.0 else 1.0
    df, shift = n_items - 1.0, abs(difference) / error
    quantile = float(t_quantile(level, df))
    if df > 1000.0 or shift > 30.0:
        return float(special.ndtr(shift - quantile) + special.ndtr(-shift - quantile))
    return float(1.0 - special.nctdtr(df, shift, quantile) + special.nctdtr(df, shift, -quantile))


def minimum_detectable_difference(
    n_items: int, variances: PairedVariances, attempts_left: int = 1, attempts_right: int = 1, *,
    power: float = 0.8, level: float = 0.95,
) -> float | None:  # fmt: skip
    """Return the smallest true difference that the paired test sees with probability `power` (Miller 2024,
    eq. 10).

    `(t_(alpha/2) + t_beta) sqrt((w2 + va/Ka + vb/Kb) / n)` with n - 1 degrees of freedom.

    Args:
        n_items: Common items.
        variances: Per item.
        attempts_left: Attempts per item.
        attempts_right: Attempts per item.
        power: Probability of seeing it.
        level: Confidence level of the two-sided test.

    Returns:
        The difference in units of the score; None for fewer than 2 items, or where the variances are 0
        (nothing is known about the spread then).
    """
    _check(power, attempts_left, attempts_right)
    per_item = variances.per_item(attempts_left, attempts_right)
    if n_items < 2 or per_item <= 0.0:
        return None
    df = n_items - 1.0
    quantile = float(t_quantile(check_level(level), df)) + float(special.stdtrit(df, power))
    return quantile * math.sqrt(per_item / n_items)


def simulate_power(
    n_items: int, difference: float, variances: PairedVariances, attempts_left: int = 1,
    attempts_right: int = 1, *,
    rng: np.random.Generator, level: float = 0.95, replicates: int = 4000,
) -> float:  # fmt: skip
    """Return the share of simulated exercises in which the paired t test sees the difference.

    Items' true differences and attempts are normal with the given variances; a check of `paired_power`.
    """
    per_item = variances.per_item(attempts_left, attempts_right)
    draws = rng.normal(difference, math.sqrt(per_item), size=(replicates, n_items))
    error = draws.std(axis=1, ddof=1) / math.sqrt(n_items)
    return float(np.mean(np.abs(draws.mean(axis=1)) > float(t_quantile(level, n_items - 1.0)) * error))
