"""Verdicts on a difference against a margin fixed before the results, decided by intervals.

- equivalent: the interval at 1 - 2 alpha lies inside (-margin, margin), that is both one-sided tests reject.
- different: not equivalent, and the interval at 1 - alpha excludes 0 (or the adjusted p value is below
  alpha).
- inconclusive: neither. "No significant difference" alone is never "equivalent".
- not estimable: there is no interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scipy import special

from consilience.statistics.contrasts import Contrast
from consilience.statistics.estimate import Estimate, Interval, Reason

Verdict = Literal["equivalent", "different", "inconclusive", "not estimable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalence:
    """The verdict on one difference.

    `beyond_margin`: the whole interval lies beyond the margin, so that the difference is larger than what
    matters. `p_value`: the larger of the two one-sided p values, where the difference has a standard error;
    for correction over a
    family of equivalence tests.
    """

    verdict: Verdict
    beyond_margin: bool
    p_value: float | None
    margin: float | None
    reason: Reason | None = None
    """Why it is not estimable (`no_interval`), or can never be equivalent (`no_margin`)."""


def tost_p(estimate: Estimate, margin: float) -> float | None:
    """Return the p value of two one-sided t tests (Schuirmann 1987): the larger of the two.

    None where the estimate has no standard error.
    """
    if estimate.value is None or estimate.standard_error is None:
        return None
    df = estimate.df if estimate.df is not None else max(estimate.n_items - 1.0, 1.0)
    above = special.stdtr(df, -(estimate.value + margin) / estimate.standard_error)
    below = special.stdtr(df, (estimate.value - margin) / estimate.standard_error)
    return float(max(above, below))


def _verdict(wide: Interval, interval: Interval, margin: float | None, different: bool | None) -> Verdict:
    if margin is not None and -margin < wide.low and wide.high < margin:
        return "equivalent"
    apart = interval.low > 0.0 or interval.high < 0.0
    return "different" if (apart if different is None else different) else "inconclusive"


def equivalence(
    estimate: Estimate,
    wide_interval: Interval | None,
    margin: float | None,
    *,
    different: bool | None = None,
) -> Equivalence:
    """Return the verdict on a difference (two one-sided tests by intervals, Schuirmann 1987; Westlake 1981).

    Args:
        estimate: The difference with its interval at 1 - alpha.
        wide_interval: Its interval at 1 - 2 alpha; see `Contrast.wide_interval`. Give the interval at 1 -
            alpha to be stricter than two one-sided tests need.
        margin: Equivalence margin in units of the score, above 0; None: not fixed, and then nothing is
            equivalent.
        different: Whether the difference is significant after correction over its family; None: by its own
            interval.

    Raises:
        ValueError: If the margin is not above 0.
    """
    if margin is not None and not margin > 0.0:
        raise ValueError(f"an equivalence margin must be above 0, not {margin!r}")
    if estimate.value is None or estimate.interval is None or wide_interval is None:
        return Equivalence(
            verdict="not estimable",
            beyond_margin=False,
            p_value=None,
            margin=margin,
            reason=Reason.NO_INTERVAL,
        )
    interval = estimate.interval
    beyond = margin is not None and (interval.low > margin or interval.high < -margin)
    return Equivalence(
        verdict=_verdict(wide_interval, interval, margin, different),
        beyond_margin=beyond,
        p_value=None if margin is None else tost_p(estimate, margin),
        margin=margin,
        reason=Reason.NO_MARGIN if margin is None else None,
    )


def tost(contrast: Contrast, margin: float | None, *, different: bool | None = None) -> Equivalence:
    """Return the verdict on a paired contrast; see `equivalence`."""
    return equivalence(contrast.difference, contrast.wide_interval, margin, different=different)
