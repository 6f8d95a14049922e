"""Ratings that nobody gives: of the raters which a protocol calls simulated, with errors that it plants.

Pure. Only for demonstrations and tests of the method. A simulated judge or human sees a reference score and
errs as often as its `options` say: `sensitivity` and `specificity`, and `sensitivity_TAG` or
`specificity_TAG` where a language has its own. Invariants:
- every rating says that it is simulated;
- the planted errors stand in the protocol, so its digest covers them, and a reader can hold them against
  what the analysis finds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from consilience.errors import InputError
from consilience.evaluation.protocol import Protocol, Rater, RaterKind
from consilience.evaluation.raters.identity import rater_version
from consilience.evaluation.run_record import Answer, Rating, rating_id
from consilience.evaluation.scores import Status
from consilience.languages import is_tag

if TYPE_CHECKING:
    import numpy as np

SENSITIVITY, SPECIFICITY = "sensitivity", "specificity"


class PlantedError(msgspec.Struct, frozen=True, kw_only=True):
    """How a simulated rater sees the reference score in one language."""

    sensitivity: float
    """Chance that a positive is called positive."""
    specificity: float
    """Chance that another answer is not called positive."""

    def expected(self, rate: float) -> float:
        """Return the share of positives that the rater is expected to give where `rate` is the true one."""
        return rate * self.sensitivity + (1.0 - rate) * (1.0 - self.specificity)


def error_problems(options: Mapping[str, object]) -> Iterator[tuple[str | None, str, str]]:
    """Yield what is wrong with the options of a simulated rater: key (None: one is missing), what, what to
    do.
    """
    for name in (SENSITIVITY, SPECIFICITY):
        if name not in options:
            yield None, f"a simulated rater needs the option `{name}`", f"Add `{name} = …`, from 0 to 1."
    for key, value in options.items():
        name, _, tag = key.partition("_")
        if name not in (SENSITIVITY, SPECIFICITY) or (tag != "" and not is_tag(tag)) or key.endswith("_"):
            yield (
                key,
                f"a simulated rater has no option `{key[:60]}`",
                "Known are `sensitivity`, `specificity`, and both with a language: `specificity_ar`.",
            )
        elif isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
            yield key, f"`{key}` must be a number from 0 to 1", "Write a chance, such as 0.9."


def planted_error(rater: Rater, language: str) -> PlantedError:
    """Return the error that the protocol plants in a simulated rater, in one language.

    Raises:
        InputError: The rater is not simulated, or its options are wrong.
    """
    if not rater.simulated or rater.kind is RaterKind.PROGRAM:
        raise InputError(
            f"the rater {rater.id} is not simulated",
            next_step="Only ratings of raters with `simulated = true` are made up.",
        )
    for _, message, step in error_problems(rater.options):
        raise InputError(f"{rater.id}: {message}", next_step=step)

    def chance(name: str) -> float:
        return float(rater.options.get(f"{name}_{language}", rater.options[name]))

    return PlantedError(sensitivity=chance(SENSITIVITY), specificity=chance(SPECIFICITY))


def simulate_ratings(
    protocol: Protocol,
    answers: Sequence[Answer],
    reference_scores: Mapping[str, float],
    *,
    rater: str,
    rng: np.random.Generator,
    rated_at: str = "",
) -> tuple[Rating, ...]:
    """Make up the ratings of one simulated rater, who sees the reference scores through its planted errors.

    An answer is a positive where its reference score lies in the upper half of the rater's scale. A positive
    gets the scale's maximum with probability `sensitivity`, another answer with probability 1 -
    `specificity`, else the minimum.

    Args:
        protocol: With the rater.
        answers: That the rater is to rate. Left out are those of other concepts than its own, to items that
            the protocol does not have, and of attempts that it does not rate (`attempts = "first"`).
        reference_scores: Generation id → score; answers without one are left out.
        rater: Id of the simulated rater.
        rng: Source of the errors; one draw per rating, in the order of the answers.
        rated_at: UTC, ISO 8601.

    Returns:
        Ratings with `simulated` true, in the order of the answers.

    Raises:
        InputError: The protocol has no such rater, it is not simulated, or its options are wrong.
    """
    found = next((one for one in protocol.raters if one.id == rater), None)
    if found is None:
        raise InputError(f"the protocol has no rater {rater}")
    middle = (found.scale.minimum + found.scale.maximum) / 2
    errors = {language.tag: planted_error(found, language.tag) for language in protocol.languages}
    known = {(item.id, item.language) for item in protocol.items}
    ratings = []
    for answer in answers:
        reference = reference_scores.get(answer.generation)
        if reference is None or (answer.item, answer.language) not in known or not _rates(found, answer):
            continue
        error = errors[answer.language]
        chance = error.sensitivity if reference >= middle else 1.0 - error.specificity
        ratings.append(_rating(found, answer, positive=bool(rng.random() < chance), rated_at=rated_at))
    return tuple(ratings)


def _rates(rater: Rater, answer: Answer) -> bool:
    first_only = rater.kind is RaterKind.JUDGE and rater.attempts == "first"
    return (not rater.concepts or answer.concept in rater.concepts) and not (
        first_only and answer.attempt > 1
    )


def _rating(rater: Rater, answer: Answer, *, positive: bool, rated_at: str) -> Rating:
    version = rater_version(rater)
    score = rater.scale.maximum if positive else rater.scale.minimum
    return Rating(
        rating=rating_id(generation=answer.generation, rater=rater.id, version=version),
        generation=answer.generation,
        rater=rater.id,
        rater_kind=rater.kind,
        version=version,
        status=Status.SCORED,
        score=score,
        label=next((label for label, value in rater.scale.labels.items() if value == score), None),
        explanation="simulated",
        simulated=True,
        rated_at=rated_at,
    )
