"""Claim: subject, concept and value with its interval, on a basis, under conditions, with evidence.

Pure. Invariants:
- the three roles stay apart: who measured, who commissioned, who published;
- a value is a number, a level, or one of four different unknowns; unknown is never 0;
- a number has an interval, or a reason why it has none.
"""

from __future__ import annotations

import enum
import math
from typing import Annotated

from msgspec import Meta

from consilience.records.fields import (
    ClaimId,
    ConceptId,
    Count,
    Digest,
    Digests,
    Language,
    Line,
    Moment,
    PartyId,
    ProtocolId,
    SubjectId,
    Text,
    read_moment,
)
from consilience.records.part import Part
from consilience.records.record import Record


class Basis(enum.StrEnum):
    """How the value came to be known."""

    METERED = "metered"
    """Read from an instrument."""
    TESTED = "tested"
    """Counted over items or trials."""
    MODELLED = "modelled"
    """Computed from assumptions."""
    JUDGED = "judged"
    """Given by people or models after looking at evidence."""
    DECLARED = "declared"
    """Stated by a party, not checked."""


class Interval(Part, frozen=True, kw_only=True, tag_field="form", tag="interval"):
    """Where the number lies, at a confidence level, by a named method."""

    low: float
    high: float
    level: Annotated[float, Meta(gt=0.0, lt=1.0)]
    method: Line

    def check(self) -> None:
        """Raise ValueError where the bounds are no interval."""
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ValueError("an interval needs finite bounds with low <= high")


class NoInterval(Part, frozen=True, kw_only=True, tag_field="form", tag="none"):
    """Why a number stands without an interval."""

    reason: Line


class Number(Part, frozen=True, kw_only=True, tag_field="state", tag="number"):
    """A measured number."""

    number: float
    unit: Line
    """UCUM where it has a word, such as `1` for a share, `J`, `kW.h`."""
    uncertainty: Interval | NoInterval
    sample_size: Count | None = None
    """Independent units (items) that it rests on."""

    def check(self) -> None:
        """Raise ValueError where the number is none."""
        if not math.isfinite(self.number):
            raise ValueError("a number must be finite; use one of the four unknowns where there is none")


class Level(Part, frozen=True, kw_only=True, tag_field="state", tag="level"):
    """A place on an ordered scale of words."""

    level: Line
    scale: Annotated[tuple[Line, ...], Meta(min_length=2, max_length=100)]
    """All levels, lowest first."""

    def check(self) -> None:
        """Raise ValueError where the level is not on its scale."""
        if len(set(self.scale)) != len(self.scale):
            raise ValueError("the scale names a level twice")
        if self.level not in self.scale:
            raise ValueError(f"the level {self.level!r} is not on its scale")


class Unknown(Part, frozen=True, kw_only=True):
    """Base of the four unknowns, which are four different things."""

    note: Text | None = None


class NotAssessed(Unknown, frozen=True, kw_only=True, tag_field="state", tag="not-assessed"):
    """Nobody has looked."""


class NotDisclosed(Unknown, frozen=True, kw_only=True, tag_field="state", tag="not-disclosed"):
    """Somebody knows and does not say."""


class NotApplicable(Unknown, frozen=True, kw_only=True, tag_field="state", tag="not-applicable"):
    """The concept does not speak of this subject."""


class NotMet(Unknown, frozen=True, kw_only=True, tag_field="state", tag="not-met"):
    """It was looked for, and the condition for a value does not hold."""


Value = Number | Level | NotAssessed | NotDisclosed | NotApplicable | NotMet


class Conditions(Part, frozen=True, kw_only=True):
    """Under what the value holds. What is absent was not said."""

    language: Language | None = None
    age_band: Line | None = None
    deployment_context: Line | None = None
    system_prompt_digest: Digest | None = None
    sampling_digest: Digest | None = None
    """Digest of the canonical sampling settings as sent."""
    rater: Line | None = None
    harness: Line | None = None
    harness_version: Line | None = None

    def check(self) -> None:
        """Raise ValueError where nothing is said: a claim without conditions leaves the field out."""
        if not self.unknown_json and all(getattr(self, name) is None for name in CONDITION_NAMES):
            raise ValueError("conditions say nothing; leave them out")


CONDITION_NAMES = tuple(name for name in Conditions.__struct_fields__ if name != "unknown_json")


class Claim(Record, frozen=True, kw_only=True, tag="claim"):
    """What somebody says of a subject, and what it rests on."""

    id: ClaimId
    subject: SubjectId
    concept: ConceptId
    value: Value
    basis: Basis
    published_by: PartyId
    measured_by: PartyId | None = None
    """Absent: not known. Not the same as the publisher."""
    commissioned_by: PartyId | None = None
    """Absent: not known. Work on one's own initiative names the measurer again."""
    protocol: ProtocolId | None = None
    conditions: Conditions | None = None
    evidence: Digests = ()
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    statement: Text | None = None
    """The claim in words."""

    @property
    def title(self) -> str:
        """Return the value in a few words."""
        return f"{say_value(self.value)} ({self.basis})"

    def check(self) -> None:
        """Raise ValueError where the fields contradict each other."""
        super().check()
        if len(set(self.evidence)) != len(self.evidence):
            raise ValueError("evidence names a digest twice")
        times = [read_moment(time) for time in (self.valid_from, self.valid_until) if time is not None]
        if times != sorted(times):
            raise ValueError("valid_until lies before valid_from")


UNKNOWNS: dict[str, type[NotAssessed | NotDisclosed | NotApplicable | NotMet]] = {
    "not-assessed": NotAssessed,
    "not-disclosed": NotDisclosed,
    "not-applicable": NotApplicable,
    "not-met": NotMet,
}
"""The four unknowns by their name in documents."""


def say_value(value: Value) -> str:
    """Return a value in a few words, never without its interval or its reason."""
    match value:
        case Number(uncertainty=Interval() as interval):
            return f"{value.number:g} [{interval.low:g}, {interval.high:g}] {value.unit}"
        case Number(uncertainty=NoInterval() as none):
            return f"{value.number:g} {value.unit}, no interval: {none.reason}"
        case Level():
            return value.level
        case _:
            return str(value.__struct_config__.tag).replace("-", " ")
