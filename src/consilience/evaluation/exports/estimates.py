"""The cells of a joint result as an export needs them: a number with its interval, or why there is none.

Pure. Invariant: an export never computes an interval of its own; it takes those of the joint result.
"""

from __future__ import annotations

from collections.abc import Iterator

from consilience.evaluation.joint_result import Cell, Estimate, JointResult

Key = tuple[str | None, str, str | None, str, str]


class Estimates:
    """The cells of one joint result by laboratory, model, language, concept and rater."""

    def __init__(self, result: JointResult | None) -> None:
        """Take a result; None: nothing is known."""
        self.result = result
        cells = result.cells if result is not None else ()
        self._cells = {(c.laboratory, c.model, c.language, c.concept, c.rater): c for c in cells}

    def of(self, key: Key) -> Estimate | None:
        """Return the estimate that carries the verdict for a cell, or None where the result has no cell."""
        cell = self._cells.get(key)
        return None if cell is None else self.verdict(cell)

    def verdict(self, cell: Cell) -> Estimate:
        """Return the estimate of a cell that the protocol chose to carry the verdict."""
        benchmark = self.result is not None and self.result.exercise.verdict_estimand == "benchmark"
        return cell.benchmark if benchmark else cell.generalized

    def primary(self, model: str) -> Iterator[Cell]:
        """Yield the cells of a model whose rater carries the verdict; with one laboratory, only its own."""
        result = self.result
        if result is None:
            return
        one = len(result.laboratories) == 1
        for cell in result.cells:
            if cell.primary and cell.model == model and not (one and cell.laboratory is None):
                yield cell


def handling_of(result: JointResult) -> str | None:
    """Return the marking of a result's items, or None: it had no protocol, and nobody said."""
    return result.exercise.handling if result.exercise.construct is not None else None


def why_none(estimate: Estimate) -> str:
    """Return in plain words why an estimate has no value or no interval."""
    return estimate.reason.code.replace("_", " ") if estimate.reason is not None else "no reason was recorded"
