"""Raters made ready to rate: from a protocol's raters to things that turn an answer into a rating.

Responsible for the list of raters of a run and for running programs. Invariants:
- every answer that a rater applies to gets exactly one rating, with a score or a cause; a program never
  raises for what an answer contains;
- an empty answer has no score: it is neither right nor wrong, neither a refusal nor none (cause `empty`).

Human raters are not here: they rate a sheet (see `annotation`). Nor are simulated ones: their ratings are
added to a finished run (see `simulated_ratings`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol as Interface

from consilience.errors import InputError
from consilience.evaluation.model import Chat
from consilience.evaluation.protocol import Item, Protocol, Rater, RaterKind
from consilience.evaluation.raters.choice import choice
from consilience.evaluation.raters.identity import prompt_digest, rater_version
from consilience.evaluation.raters.judge import Judge
from consilience.evaluation.raters.matching import contains, exact
from consilience.evaluation.raters.number import number
from consilience.evaluation.raters.pattern import regex
from consilience.evaluation.raters.program import MAX_ANSWER_CHARS, Program, Verdict
from consilience.evaluation.raters.refusal import refusal
from consilience.evaluation.run_record import Answer, RaterIdentity, Rating, rating_id
from consilience.evaluation.scores import Cause, Status

__all__ = [
    "ProgramRater", "RaterRunner", "build_raters", "judges_to_ask", "prompt_digest", "rater_version",
    "simulated_judges",
]  # fmt: skip

PROGRAMS: dict[str, Callable[[Rater], Program]] = {
    "exact": exact,
    "choice": choice,
    "number": number,
    "regex": regex,
    "contains": contains,
    "refusal": refusal,
}
_EMPTY = Verdict(cause=Cause.EMPTY)
_TOO_LONG = Verdict(
    cause=Cause.LIMIT_REACHED, explanation=f"the answer is longer than {MAX_ANSWER_CHARS} characters"
)


class RaterRunner(Interface):
    """A rater that is ready."""

    is_async: bool
    """Whether it must be waited for: a judge, by `rate`; a program rates at once, by `rate_now`."""
    identity: RaterIdentity

    def applies(self, item: Item, answer: Answer) -> bool:
        """Say whether it rates this answer. An answer without text is rated by nobody."""
        ...

    def rate_now(self, protocol: Protocol, item: Item, answer: Answer) -> Rating:
        """Rate at once. Only for programs."""
        ...

    async def rate(self, protocol: Protocol, item: Item, answer: Answer) -> Rating:
        """Rate, whatever the rater is."""
        ...


class ProgramRater:
    """A program as a rater.

    Args:
        rater: From the protocol.

    Raises:
        InputError: The program is unknown, or an option is wrong.
    """

    is_async = False

    def __init__(self, rater: Rater) -> None:
        maker = PROGRAMS.get(rater.program or "")
        if rater.kind is not RaterKind.PROGRAM or maker is None:
            raise InputError(
                f"rater {rater.id} names no program that there is",
                next_step="Use one of " + ", ".join(PROGRAMS) + ".",
            )
        self._concepts = frozenset(rater.concepts)
        self._program = maker(rater)
        self.identity = RaterIdentity(id=rater.id, kind=RaterKind.PROGRAM, version=rater_version(rater))

    def applies(self, item: Item, answer: Answer) -> bool:
        """Say whether it rates this answer."""
        return answer.text is not None and (not self._concepts or item.concept in self._concepts)

    def rate_now(self, protocol: Protocol, item: Item, answer: Answer) -> Rating:
        """Rate at once."""
        verdict = self._verdict(item, answer)
        if verdict.score is not None:
            status = Status.SCORED
        else:
            status = Status.FAILED if answer.text is None else Status.UNSCORED
        identity = self.identity
        return Rating(
            rating=rating_id(generation=answer.generation, rater=identity.id, version=identity.version),
            generation=answer.generation,
            rater=identity.id,
            rater_kind=RaterKind.PROGRAM,
            version=identity.version,
            status=status,
            score=verdict.score,
            cause=verdict.cause,
            label=verdict.label,
            explanation=verdict.explanation,
        )

    async def rate(self, protocol: Protocol, item: Item, answer: Answer) -> Rating:
        """Rate at once, for callers that do not tell raters apart."""
        return self.rate_now(protocol, item, answer)

    def _verdict(self, item: Item, answer: Answer) -> Verdict:
        if answer.text is None:
            return Verdict(cause=answer.cause or Cause.UNKNOWN)
        if not answer.text or answer.text.isspace():
            return _EMPTY
        if len(answer.text) > MAX_ANSWER_CHARS:
            return _TOO_LONG
        return self._program(item, answer.text)


def build_raters(protocol: Protocol, *, judge_clients: Mapping[str, Chat]) -> tuple[RaterRunner, ...]:
    """Make the programs and judges of a protocol ready.

    Args:
        protocol: The plan.
        judge_clients: For each judge that can rate now, by rater id, the model that judges. A judge without a
            client is left out; its scores are `not_rated` until the run is gone on with and it has one.

    Returns:
        Programs and judges in the protocol's order, without human raters.

    Raises:
        InputError: A rater's program, option, prompt or pattern cannot be used, or a client is for no judge
            of the protocol.
    """
    judges = {rater.id for rater in judges_to_ask(protocol)}
    unknown = sorted(set(judge_clients) - judges)
    if unknown:
        raise InputError(
            f"the protocol has no judge {', '.join(unknown)}",
            next_step="Its judges: " + (", ".join(sorted(judges)) or "none") + ".",
        )
    runners: list[RaterRunner] = []
    for rater in protocol.raters:
        if rater.kind is RaterKind.PROGRAM:
            runners.append(ProgramRater(rater))
        elif rater.id in judge_clients:
            runners.append(Judge(rater, judge_clients[rater.id]))
    return tuple(runners)


def judges_to_ask(protocol: Protocol) -> tuple[Rater, ...]:
    """Return the judges of a protocol that a model gives their scores: all but the simulated ones."""
    return tuple(rater for rater in protocol.raters if rater.kind is RaterKind.JUDGE and not rater.simulated)


def simulated_judges(protocol: Protocol) -> tuple[RaterIdentity, ...]:
    """Return the simulated judges of a protocol as a manifest names them."""
    return tuple(
        RaterIdentity(id=rater.id, kind=rater.kind, version=rater_version(rater), simulated=True)
        for rater in protocol.raters
        if rater.kind is RaterKind.JUDGE and rater.simulated
    )
