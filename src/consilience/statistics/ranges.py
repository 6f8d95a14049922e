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

    From `n_holds` units on (items, human ratings, laboratories, results or raters, as the method has it) it
    holds; below, it is conservative, or where `narrow` is set, its interval may be too narrow. A report says
    in words what else to mind.
    """

    method: str
    """Key of `references.METHODS`."""
    n_holds: int
    narrow: bool


_ENTRIES = (
    Range(method="wilson", n_holds=30, narrow=False),
    Range(method="effective_wilson", n_holds=30, narrow=False),
    Range(method="stratified_wilson", n_holds=30, narrow=False),
    Range(method="student_t", n_holds=30, narrow=True),
    Range(method="mcnemar_exact", n_holds=100, narrow=False),
    Range(method="newcombe_paired", n_holds=30, narrow=False),
    Range(method="sign_flip_exact", n_holds=50, narrow=False),
    Range(method="paired_t", n_holds=30, narrow=False),
    Range(method="holm", n_holds=2, narrow=False),
    Range(method="benjamini-hochberg", n_holds=2, narrow=False),
    Range(method="tost", n_holds=100, narrow=False),
    Range(method="krippendorff_alpha_nominal", n_holds=100, narrow=True),
    Range(method="krippendorff_alpha_ordinal", n_holds=100, narrow=True),
    Range(method="krippendorff_alpha_interval", n_holds=100, narrow=True),
    Range(method="gwet_ac1", n_holds=100, narrow=True),
    Range(method="cohen_kappa", n_holds=100, narrow=True),
    Range(method="percent_agreement", n_holds=100, narrow=True),
    Range(method="clustered_share", n_holds=30, narrow=False),
    Range(method="rogan_gladen", n_holds=200, narrow=False),
    Range(method="ppi_plus_plus", n_holds=200, narrow=False),
    Range(method="ppi_stratified", n_holds=200, narrow=False),
    Range(method="mixed_raters", n_holds=10, narrow=False),
    Range(method="additive_raters", n_holds=2, narrow=False),
    Range(method="group_jackknife", n_holds=30, narrow=True),
    Range(method="williams_tukey", n_holds=2, narrow=False),
    Range(method="variance_recovery", n_holds=40, narrow=False),
    Range(method="q_profile", n_holds=2, narrow=False),
    Range(method="item_paired_laboratories", n_holds=3, narrow=False),
    Range(method="hartung_knapp", n_holds=5, narrow=False),
    Range(method="prediction", n_holds=5, narrow=False),
    Range(method="cochran", n_holds=3, narrow=False),
    Range(method="algorithm_a", n_holds=3, narrow=False),
    Range(method="zeta_score", n_holds=20, narrow=False),
    Range(method="setting_regression", n_holds=8, narrow=False),
    Range(method="decision_study", n_holds=10, narrow=False),
)
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
