"""What the conformance list is filled from, and what a line of it is.

Pure types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from consilience.evaluation.analysis_setting import Setting
from consilience.evaluation.joint_result import (
    Agreement,
    BetweenLaboratories,
    Cell,
    Contrast,
    CorrectedDifference,
    Correction,
    JudgeAgainstHuman,
    Message,
    MinimumDifference,
    SeverityTable,
    VarianceTable,
)
from consilience.evaluation.merge import Merged
from consilience.evaluation.message_codes import say

State = Literal["met", "not met", "not applicable", "not assessed"]
Line = tuple[State, Message]


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """What the list is filled from."""

    merged: Merged
    setting: Setting
    cells: Sequence[Cell]
    contrasts: Sequence[Contrast]
    agreement: Sequence[Agreement]
    judges: Sequence[JudgeAgainstHuman]
    minimum_differences: Sequence[MinimumDifference]
    corrections: Sequence[Correction]
    corrected_differences: Sequence[CorrectedDifference]
    between: Sequence[BetweenLaboratories]
    severity: Sequence[SeverityTable]
    variance: Sequence[VarianceTable]


def without_protocol(line: int) -> Line:
    """Return that a line cannot be assessed without a protocol."""
    return "not assessed", say("check_no_protocol", line=line)
