"""Where a method keeps what its interval or test says, and where it does not: found by simulation.

Invariant: every method that is off its band in some design of the validity suite has an entry here, and the
suite fails otherwise. `outside` lets a report say it beside the number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from consilience.statistics.estimate import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The range of use of one method.

    From `n_holds` units on (items, laboratories, results or raters, as the text says) it holds; below, it is
    conservative, or where `narrow` is set, its interval may be too narrow.
    """

    method: str
    """Key of `references.METHODS`."""
    n_holds: int
    narrow: bool
    text: str


_ENTRIES = (
    Range(
        method="wilson", n_holds=30, narrow=False,
        text="Rates with fewer than 10 successes or failures take the exact interval instead (Clopper and "
        "Pearson), which is conservative: all rates of 10 items, rare ones up to some hundred items.",
    ),
    Range(
        method="effective_wilson", n_holds=30, narrow=False,
        text="Conservative below about 30 items, and for rare outcomes below some hundred.",
    ),
    Range(
        method="stratified_wilson", n_holds=30, narrow=False,
        text="Conservative: unequal items vary less than the bound that it keeps to.",
    ),
    Range(
        method="student_t", n_holds=30, narrow=True,
        text="Scales without bounds: exact for normal scores. Strongly skewed scores (log-normal) need about "
        "1,000 items; with 100 it covers some 92 %, with 10 some 84 %. Give the scale's bounds where it "
        "has any.",
    ),
    Range(
        method="mcnemar_exact", n_holds=100, narrow=False,
        text="Exact, and therefore conservative with few discordant items (below some 100 items).",
    ),
    Range(
        method="newcombe_paired", n_holds=30, narrow=False,
        text="Conservative below about 30 items.",
    ),
    Range(
        method="sign_flip_exact", n_holds=50, narrow=False,
        text="Exact, and therefore conservative below about 50 items, where its p values are coarse.",
    ),
    Range(
        method="paired_t", n_holds=30, narrow=False,
        text="Conservative where nearly all differences are 0 (outcomes of 0.5 % on a few hundred items).",
    ),
    Range(
        method="holm", n_holds=2, narrow=False,
        text="At most 5 % over the family; less where the comparisons depend on each other.",
    ),
    Range(
        method="benjamini-hochberg", n_holds=2, narrow=False,
        text="At most 5 % false discoveries, times the share of comparisons without a difference.",
    ),
    Range(
        method="tost", n_holds=100, narrow=False,
        text="Conservative where the interval is hardly narrower than the margin.",
    ),
    *(
        Range(
            method=method, n_holds=100, narrow=True,
            text="Bootstrap of units: holds from about 100 units on; with 30 it covers about 92 to 93 %.",
        )
        for method in (
            "krippendorff_alpha_nominal", "krippendorff_alpha_ordinal", "krippendorff_alpha_interval",
            "gwet_ac1", "cohen_kappa", "percent_agreement",
        )
    ),
    Range(
        method="clustered_share", n_holds=30, narrow=False,
        text="Conservative with fewer than about 30 human positives (sensitivity) or negatives "
        "(specificity).",
    ),
    Range(
        method="rogan_gladen", n_holds=200, narrow=False,
        text="Conservative, more so the larger the share of rows that humans rated, since it takes the "
        "judge's rate "
        "and the human sample as independent; `ppi_plus_plus` is closer there.",
    ),
    Range(
        method="ppi_plus_plus", n_holds=200, narrow=False,
        text="Conservative with about 50 human ratings, and for rates near 0 or 1.",
    ),
    Range(
        method="mixed_raters", n_holds=10, narrow=False,
        text="Conservative with few raters (4), or where raters do not differ; there prefer "
        "`additive_raters`.",
    ),
    Range(
        method="additive_raters", n_holds=2, narrow=False,
        text="Errors must be about equally large for all raters and objects.",
    ),
    Range(
        method="group_jackknife", n_holds=30, narrow=True,
        text="Simulated from 30 items on; with fewer its groups are too few to know their spread. It is "
        "a little wide for components a few standard errors above 0.",
    ),
    Range(
        method="williams_tukey", n_holds=2, narrow=False,
        text="Conservative only where the component is 0.",
    ),
    Range(
        method="q_profile", n_holds=2, narrow=False,
        text="Conservative only where there is no spread at all.",
    ),
    Range(
        method="item_paired_laboratories", n_holds=3, narrow=False,
        text="Calling a laboratory odd is cautious on purpose: false alarms stay below 5 % over all "
        "laboratories.",
    ),
    Range(
        method="hartung_knapp", n_holds=5, narrow=False,
        text="The mean over laboratories on these items. Conservative with 3 results, and where results "
        "differ "
        "less than their errors, since agreement by chance is not allowed to narrow it.",
    ),
    Range(
        method="prediction", n_holds=5, narrow=True,
        text="Holds where the spread between results is clearly larger than their errors. With 3 "
        "results it is "
        "nearly always too wide; where spread and errors are alike it covers some 88 to 93 %.",
    ),
    Range(
        method="setting_regression", n_holds=8, narrow=False,
        text="Conservative with 4 laboratories, and where laboratories differ less than their errors. "
        "The permutation "
        "test cannot reject where its smallest p value is above 5 %.",
    ),
    Range(
        method="decision_study", n_holds=10, narrow=False,
        text="The half width is that of an interval which has to estimate its variances; with few "
        "laboratories it "
        "is therefore far wider than what known variances would need.",
    ),
)  # fmt: skip
RANGES: dict[str, Range] = {entry.method: entry for entry in _ENTRIES}
"""Method → its range of use."""

_FAMILY = {
    "clopper_pearson": "wilson",
    "effective_clopper_pearson": "effective_wilson",
    "stratified_clopper_pearson": "stratified_wilson",
}


def range_of(method: str) -> Range | None:
    """Return the range of use of a method; None: it held in all simulated designs."""
    return RANGES.get(_FAMILY.get(method, method))


def outside(estimate: Estimate) -> Range | None:
    """Return the range of use where an estimate with an interval rests on fewer units than its method needs.

    Args:
        estimate: `n_items` counts its units.

    Returns:
        None where the method holds for so many units, or where there is no interval.
    """
    if estimate.interval is None or not math.isfinite(estimate.n_items):
        return None
    found = range_of(estimate.method)
    return found if found is not None and estimate.n_items < found.n_holds else None
