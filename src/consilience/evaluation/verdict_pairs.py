"""The differences between laboratories that the verdict goes by: with the errors of the rater taken out where
real humans rated enough on both sides, else as the rater scored.

Pure. Invariants: a corrected difference takes the place of the raw one of the same pair, model and concept,
whatever it says; simulated human ratings correct nothing here; a raw one is never called corrected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from consilience.evaluation.analysis_setting import RaterSetting
from consilience.evaluation.joint_result import Contrast, CorrectedDifference, Estimate
from consilience.evaluation.protocol import RaterKind
from consilience.evaluation.verdict_findings import Findings

Basis = Literal["corrected", "as_given", "plain"]
"""`corrected`: the errors of the rater are taken out; `as_given`: the raw scores of a judge, which has errors
of its own; `plain`: the scores of a program or of humans."""


@dataclass(frozen=True)
class Compared:
    """One pair of laboratories on one model and concept."""

    raw: Contrast
    model: str
    difference: Estimate
    verdict: str
    different: bool
    basis: Basis
    rater: str
    n_human: int
    """Answers of both sides that humans rated; 0 where nothing is corrected."""

    @property
    def size(self) -> float:
        """How far the two lie apart."""
        return abs(self.difference.value or 0.0)


def is_different(pair: Contrast) -> bool:
    """Also a difference that is the same on every item, which has a p value and no interval."""
    return pair.verdict == "different" or (pair.verdict == "not estimable" and bool(pair.significant))


def basis_of(rater: RaterSetting) -> Basis:
    """Return what raw scores of a rater are."""
    return "as_given" if rater.kind is RaterKind.JUDGE else "plain"


def compared(f: Findings) -> list[Compared]:
    """Return every pair of laboratories over all languages, corrected where that could be done."""
    known = {
        (one.model, one.concept, one.rater, one.left, one.right): one
        for one in f.corrected_differences
        if one.axis == "laboratory" and not one.simulated and one.corrected.value is not None
    }
    raters = {rater.id: rater for rater in f.setting.raters}
    return [
        _compared(
            pair, known.get((pair.model, pair.concept, pair.rater or "", pair.left, pair.right)), raters
        )
        for pair in f.contrasts
        if pair.axis == "laboratory" and pair.language is None
    ]


def _compared(
    pair: Contrast, corrected: CorrectedDifference | None, raters: dict[str, RaterSetting]
) -> Compared:
    rater = pair.rater or ""
    if corrected is None:
        return Compared(
            raw=pair, model=pair.model or "", difference=pair.difference, verdict=pair.verdict,
            different=is_different(pair), basis=basis_of(raters[rater]), rater=rater, n_human=0,
        )  # fmt: skip
    return Compared(
        raw=pair, model=pair.model or "", difference=corrected.corrected, verdict=corrected.verdict,
        different=corrected.verdict == "different", basis="corrected", rater=rater,
        n_human=corrected.n_human,
    )  # fmt: skip


def hidden(pairs: Sequence[Compared]) -> list[Compared]:
    """Return the pairs that differ as scored and are not shown to differ once they are corrected."""
    return [
        pair for pair in pairs if pair.basis == "corrected" and not pair.different and is_different(pair.raw)
    ]
