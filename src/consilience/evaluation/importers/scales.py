"""What kind of scale the scores of a rater are on, seen from the scores while they pass."""

from __future__ import annotations

from consilience.evaluation.importers.imported import ScaleKind


class SeenScale:
    """The smallest and largest score of a rater, and whether all are 0 or 1."""

    __slots__ = ("binary", "high", "low")

    def __init__(self, binary: bool = True, low: float | None = None, high: float | None = None) -> None:
        """Begin with nothing seen, or with what `seen` gave."""
        self.binary, self.low, self.high = binary, low, high

    @property
    def seen(self) -> tuple[bool, float | None, float | None]:
        """Whether all are 0 or 1, the smallest, the largest."""
        return self.binary, self.low, self.high

    def see(self, score: float) -> None:
        """Take one score into account."""
        if self.binary and score not in (0.0, 1.0):
            self.binary = False
        if self.low is None or score < self.low:
            self.low = score
        if self.high is None or score > self.high:
            self.high = score

    @property
    def kind(self) -> ScaleKind:
        """`binary` where all scores are 0 or 1, else `continuous`; `unknown` where there is none."""
        if self.low is None:
            return "unknown"
        return "binary" if self.binary else "continuous"

    def within(self, low: float, high: float) -> tuple[float | None, float | None]:
        """Return the ends that a source tells of a scale, or None and None where a score lies beyond."""
        if self.low is None or self.high is None or (low <= self.low and self.high <= high):
            return low, high
        return None, None
