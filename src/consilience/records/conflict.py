"""Derived conflict: two claims that cannot both be right, found without anybody saying so.

Pure. Rule: same subject, concept, conditions and unit or scale, different measurers that are both known, and
intervals apart or different levels. A number without an interval conflicts with nothing, and neither does an
unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from consilience.records.claim import Claim, Conditions, Interval, Level, Number

Ground = tuple[str, str, Conditions | None, str | tuple[str, ...]]


def in_conflict(left: Claim, right: Claim, *, same: Mapping[str, str] | None = None) -> bool:
    """Say whether two claims are in conflict.

    Args:
        left: A claim.
        right: Another.
        same: Subject or concept id → the id that stands for it, where several records mean the same thing.
    """
    return next(conflicts((left, right), same=same), None) is not None


def conflicts(
    claims: Iterable[Claim], *, same: Mapping[str, str] | None = None
) -> Iterator[tuple[Claim, Claim]]:
    """Yield every pair of claims in conflict once. Withdrawn claims and old versions do not count.

    Args:
        claims: Any claims; of several versions of one claim, the highest counts.
        same: Subject or concept id → the id that stands for it, where several records mean the same thing.
    """
    stands_for = same or {}
    grounds: dict[Ground, list[Claim]] = {}
    for claim in _standing(claims):
        ground = _ground(claim, stands_for)
        if ground is not None:
            grounds.setdefault(ground, []).append(claim)
    for group in grounds.values():
        for index, left in enumerate(group):
            for right in group[index + 1 :]:
                if left.measured_by != right.measured_by and _apart(left, right):
                    yield left, right


def _standing(claims: Iterable[Claim]) -> list[Claim]:
    latest: dict[str, Claim] = {}
    for claim in claims:
        if claim.id not in latest or latest[claim.id].version < claim.version:
            latest[claim.id] = claim
    return [claim for claim in latest.values() if claim.withdrawal is None and claim.measured_by is not None]


def _ground(claim: Claim, same: Mapping[str, str]) -> Ground | None:
    match claim.value:
        case Number(uncertainty=Interval()):
            scale: str | tuple[str, ...] = claim.value.unit
        case Level():
            scale = claim.value.scale
        case _:
            return None
    subject, concept = (same.get(name, name) for name in (claim.subject, claim.concept))
    return subject, concept, claim.conditions, scale


def _apart(left: Claim, right: Claim) -> bool:
    match left.value, right.value:
        case Number(uncertainty=Interval() as one), Number(uncertainty=Interval() as other):
            return one.high < other.low or other.high < one.low
        case Level(), Level():
            return left.value.level != right.value.level
        case _:
            return False
