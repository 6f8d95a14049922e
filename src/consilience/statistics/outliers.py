"""Tests for a laboratory that stands out: by its spread within (Cochran), by its mean (Grubbs).

Invariant: a test that cannot be made has its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from consilience.statistics.estimate import Reason
from consilience.statistics.laboratory_effects import LaboratoryEffects
from consilience.statistics.precision import OutlierTest, cochran_test, grubbs_test
from consilience.statistics.within_variance import WithinVariance


@dataclass(frozen=True, slots=True, kw_only=True)
class Outliers:
    """Cochran's test of the largest variance within and Grubbs' test of the mean farthest off.

    `position` of a test is the laboratory's code. A missing test has its reason; scores of 0 and 1 have no
    Cochran test, since their variance is told by their mean.
    """

    cochran: OutlierTest | None
    cochran_reason: Reason | None
    grubbs: OutlierTest | None
    grubbs_reason: Reason | None


def outlier_tests(effects: LaboratoryEffects, within: WithinVariance | None, *, binary: bool) -> Outliers:
    """Return both tests of laboratories that share items.

    Args:
        effects: Of the laboratories.
        within: Variance within each, or None.
        binary: Whether all scores are 0 or 1.
    """

    def named(test: OutlierTest | None) -> OutlierTest | None:
        return None if test is None else replace(test, position=int(effects.present[test.position]))

    cochran, why = None, Reason.ONE_ATTEMPT_PER_ITEM
    if binary:
        why = Reason.SPREAD_FOLLOWS_MEAN
    elif within is not None and within.basis == "attempts":
        cochran, why = named(cochran_test(within.variance, within.effective_df)), Reason.ZERO_SPREAD
    grubbs = named(grubbs_test(effects.effect))
    few = effects.effect.size < 3
    return Outliers(
        cochran=cochran, cochran_reason=None if cochran else why, grubbs=grubbs,
        grubbs_reason=None if grubbs else Reason.FEW_LABORATORIES if few else Reason.ZERO_SPREAD,
    )  # fmt: skip
