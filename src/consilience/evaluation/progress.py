"""How far a run is, for whoever watches it. Pure."""

from __future__ import annotations

import msgspec


class Progress(msgspec.Struct, kw_only=True):
    """How far a run is. Answers count once they are on disk."""

    total: int
    kept: int
    """Answers that were there at the start."""
    answered: int = 0
    """Of this session, failures included."""
    ratings: int = 0
    """Of this session."""
    failed: dict[str, int] = {}
    """Of this session, by cause."""
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """How many generations need no asking any more."""
        return self.kept + self.answered

    @property
    def rate(self) -> float | None:
        """Answers per second of this session; None before the first."""
        return self.answered / self.seconds if self.answered and self.seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """At the rate so far."""
        return (self.total - self.done) / self.rate if self.rate else None
