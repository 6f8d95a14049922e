"""What every part of a joint result is made of: sentences as codes, intervals, estimates.

Pure types; `joint_result` holds the document. Invariants: a number that is not known is None and has a
`reason`; an estimate never stands without its n, and never without an interval unless `reason` says why.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Value = str | int | float | bool | None
Axis = Literal["language", "model", "laboratory", "rater"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence as a code with its parameters, so that it can be said in any language."""

    code: str
    params: dict[str, Value | list[Value]] = {}


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """An interval at `level` with the name of its method (a key of `methods`)."""

    low: float
    high: float
    level: float
    method: str


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A number with what it rests on."""

    value: float | None
    interval: Interval | None
    n_items: int
    """Items (independent units) that entered."""
    n_scores: int
    """Scored attempts that entered."""
    estimand: Literal["benchmark", "generalized"]
    standard_error: float | None = None
    reason: Message | None = None
    """Why value or interval is missing."""
