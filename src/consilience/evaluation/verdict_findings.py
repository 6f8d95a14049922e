"""What the verdict is made from, and the ends of an estimate as its sentences take them.

Pure types. Invariant: nothing here is computed; `analysis` fills it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consilience.evaluation.analysis_corrected_differences import CorrectedOdd
from consilience.evaluation.analysis_setting import Setting
from consilience.evaluation.joint_result import (
    BetweenLaboratories,
    Cell,
    Contrast,
    CorrectedDifference,
    Correction,
    Counts,
    Deviation,
    Estimate,
    MinimumDifference,
    Value,
)
from consilience.evaluation.merge_tables import ScoreTables

Params = dict[str, Value | Sequence[Value]]


@dataclass(frozen=True, eq=False)
class Findings:
    """What the verdict is made from."""

    tables: ScoreTables
    setting: Setting
    counts: Counts
    cells: Sequence[Cell]
    contrasts: Sequence[Contrast]
    between: Sequence[BetweenLaboratories]
    minimum_differences: Sequence[MinimumDifference]
    deviations: Sequence[Deviation]
    has_protocol: bool
    """Without one no deviation can be computed."""
    with_manifest: frozenset[tuple[str, str]]
    """Laboratory and model of every run with a manifest."""
    corrections: Sequence[Correction] = ()
    corrected_differences: Sequence[CorrectedDifference] = ()
    corrected_odds: Sequence[CorrectedOdd] = ()


def low(estimate: Estimate) -> float | None:
    """Return the lower end of the interval; None where there is none."""
    return None if estimate.interval is None else estimate.interval.low


def high(estimate: Estimate) -> float | None:
    """Return the upper end of the interval; None where there is none."""
    return None if estimate.interval is None else estimate.interval.high


def scale_of(f: Findings, concept: str) -> str:
    """Return the scale of the rater that carries a concept."""
    chosen = next(one for one in f.setting.concepts if one.id == concept)
    return f.setting.raters[chosen.primary].scale
