"""The run: asks every item of a plan that has no answer yet, has every answer rated, and writes both down.

Invariants:
- what the journals hold is never asked or rated again; `kill -9` at any instruction loses at most what was
  on its way;
- a generation is on disk before any of its ratings, and before the progress counts it;
- memory does not grow with the number of answers, apart from their ids;
- what failed by the fault of endpoint or network goes to the `.failed` journals and is asked again at the
  next start.
"""

from __future__ import annotations

import asyncio
import datetime
import gc
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from consilience.errors import ConsilienceError, PartnerError
from consilience.evaluation.journal import GroupCommit, Journal, only_one, open_journal
from consilience.evaluation.manifest import Served, build_manifest, tally
from consilience.evaluation.metering import Meter
from consilience.evaluation.model import Chat, ChatReply, ChatRequest
from consilience.evaluation.progress import Progress as Progress
from consilience.evaluation.protocol import Item
from consilience.evaluation.raters.rating import RaterRunner, simulated_judges
from consilience.evaluation.run_folder import (
    FAILED_GENERATIONS,
    FAILED_RATINGS,
    GENERATIONS,
    RATINGS,
    SCORES,
    SESSIONS,
    claim_folder,
    read_manifest,
    write_manifest,
)
from consilience.evaluation.run_plan import Asked, RunPlan
from consilience.evaluation.run_record import Answer, Manifest, Rating, Session, rating_id
from consilience.evaluation.score_file import sealed, write_scores
from consilience.evaluation.scores import ENVIRONMENT_CAUSES, Cause, Status

TRANSIENT_RATINGS = ENVIRONMENT_CAUSES | {Cause.JUDGE_ERROR}
SAVE_EVERY_S = 5.0
WATCH_EVERY_S = 0.5


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a run is carried out. Nothing here changes what is asked."""

    concurrency: int = 16
    judge_concurrency: int = 8
    retry_failed: bool = True
    """Ask again what failed by the fault of endpoint or network."""


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a run takes from outside, so that tests can give their own."""

    meter: Meter
    now: Callable[[], datetime.datetime]
    """UTC."""
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    watch: Callable[[Progress], None] = lambda _progress: None
    stopped_by: Callable[[], ConsilienceError | None] = lambda: None
    """Why no judge can be asked any more; a judge itself turns every failure into a rating."""


async def carry_out(
    plan: RunPlan,
    folder: Path,
    *,
    model: Chat,
    served: Served,
    raters: Sequence[RaterRunner],
    surroundings: Surroundings,
    settings: RunSettings | None = None,
) -> Manifest:
    """Carry out a run, or go on with it; at the end write its scores.

    Args:
        plan: What is asked.
        folder: Of this run; it exists.
        model: Who is asked.
        served: How the model is reached, for the manifest.
        raters: Who rates.
        surroundings: Meter, clocks, and who watches.
        settings: How it is carried out.

    Returns:
        The manifest; `finished_at` is set.

    Raises:
        PartnerError: The model or a judge cannot be asked any more. What is on disk stays.
        StoreError: The folder is in use or cannot be written.
        IncompatibleError: The folder belongs to another run.
    """
    with only_one(folder):
        earlier = claim_folder(folder, plan)
        with _Run(
            plan, folder, model, served, tuple(raters), surroundings, settings or RunSettings()
        ) as session:
            if earlier is not None and earlier.finished_at is not None and not session.has_work(earlier):
                return earlier
            await session.carry_out()
        del session
        gc.collect()  # and with it the ids, before the scores need memory
        write_scores(folder)
        return read_manifest(folder)


class _Run:
    """One session of a run."""

    def __init__(
        self,
        plan: RunPlan,
        folder: Path,
        model: Chat,
        served: Served,
        raters: tuple[RaterRunner, ...],
        surroundings: Surroundings,
        settings: RunSettings,
    ) -> None:
        self.plan = plan
        self.folder = folder
        self.model = model
        self.served = served
        self.programs = [rater for rater in raters if not rater.is_async]
        self.judges = [rater for rater in raters if rater.is_async]
        self.surroundings = surroundings
        self.settings = settings
        self.answers: Journal[Answer] = open_journal(folder / GENERATIONS, Answer, "generation")
        self.ratings: Journal[Rating] = open_journal(folder / RATINGS, Rating, "rating")
        self.failed_answers: Journal[Answer] = open_journal(folder / FAILED_GENERATIONS, Answer, None)
        self.failed_ratings: Journal[Rating] = open_journal(folder / FAILED_RATINGS, Rating, None)
        self.sessions: Journal[Session] = open_journal(folder / SESSIONS, Session, None)
        self.earlier_bytes = (folder / GENERATIONS).stat().st_size
        self.given_up, self.given_up_ratings = self._given_up()
        self.progress = Progress(total=plan.total, kept=self._kept())
        self.commit = GroupCommit(
            (self.answers, self.failed_answers, self.ratings, self.failed_ratings, self.sessions),
            sleep=surroundings.sleep,
            committed=self._committed,
        )
        self.earlier_sessions = self._last_of_sessions()
        self.started_at = _iso(surroundings.now())
        self.began = surroundings.clock()
        self.final_replies = 0
        self.to_judge: asyncio.Queue[tuple[RaterRunner, Item, Answer]] = asyncio.Queue(
            2 * settings.judge_concurrency
        )

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, *error: object) -> None:
        for journal in (self.answers, self.failed_answers, self.ratings, self.failed_ratings, self.sessions):
            closing: Journal[Any] = journal
            closing.close()

    # -- what there is to do

    def _given_up(self) -> tuple[set[str], set[str]]:
        if self.settings.retry_failed:
            return set(), set()
        return (
            {answer.generation for answer in self.failed_answers.records()},
            {rating.rating for rating in self.failed_ratings.records()},
        )

    def _kept(self) -> int:
        return sum(1 for asked in self.plan.asked() if self._has(asked))

    def _has(self, asked: Asked) -> bool:
        return asked.generation in self.answers or asked.generation in self.given_up

    def _pending(self) -> Iterator[Asked]:
        return (asked for asked in self.plan.asked() if not self._has(asked))

    def _unrated(self) -> Iterator[tuple[RaterRunner, Item, Answer]]:
        """Earlier answers whose ratings are missing."""
        items = {(item.id, item.language): item for item in self.plan.items}
        for answer in self.answers.records(until=self.earlier_bytes):
            item = items.get((answer.item, answer.language))
            if item is None or answer.text is None:
                continue
            for rater in (*self.programs, *self.judges):
                name = rating_id(
                    generation=answer.generation, rater=rater.identity.id, version=rater.identity.version
                )
                if rater.applies(item, answer) and not (
                    name in self.ratings or name in self.given_up_ratings
                ):
                    yield rater, item, answer

    def has_work(self, earlier: Manifest) -> bool:
        """Whether anything is left to ask, rate or write."""
        raters = {rater.identity.version for rater in (*self.programs, *self.judges)}
        same_raters = raters <= {rater.version for rater in earlier.raters}
        nothing = next(self._pending(), None) is None and next(self._unrated(), None) is None
        if not (same_raters and nothing and (self.folder / SCORES).exists()):
            return True
        return sealed(self.folder, earlier).files != earlier.files  # killed between scores and manifest

    async def carry_out(self) -> None:
        """Ask and rate all that is left, then write the manifest."""
        state, finished_at = "stopped", None
        self._save("running")
        self._write_manifest(None)
        try:
            await self._ask_and_rate()
            self._check_that_something_came()
            state, finished_at = "finished", _iso(self.surroundings.now())
        except BaseExceptionGroup as group:
            raise _first(group) from group
        finally:
            self._save(state)
            await self.commit.flush()
            self._write_manifest(finished_at)
            self._tell()

    async def _ask_and_rate(self) -> None:
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(self.commit.run()), group.create_task(self._keep_telling())]
            beside += [group.create_task(self._judge()) for _ in range(self.settings.judge_concurrency)]
            pending = self._pending()
            workers = [group.create_task(self._rate_earlier())]
            workers += [group.create_task(self._ask(pending)) for _ in range(self.settings.concurrency)]
            for worker in workers:
                await worker
            await self.to_judge.join()
            for task in beside:
                task.cancel()

    async def _ask(self, pending: Iterator[Asked]) -> None:
        for asked in pending:
            request = self.plan.request(asked)
            started_at = _iso(self.surroundings.now())
            reply = await self.model.chat(request)
            answer = _answer(asked, request, reply, started_at)
            if reply.text is None and reply.cause is not None:
                self.progress.failed[reply.cause] = self.progress.failed.get(reply.cause, 0) + 1
            self.final_replies += reply.final
            (self.answers if reply.final else self.failed_answers).append(answer)
            if answer.text is not None:
                await self._rate(asked.item, answer)
            await self.commit.room()

    async def _rate(self, item: Item, answer: Answer) -> None:
        for rater in self.programs:
            if rater.applies(item, answer):
                self._keep_rating(rater.rate_now(self.plan.protocol, item, answer))
        for rater in self.judges:
            if rater.applies(item, answer):
                await self.to_judge.put((rater, item, answer))

    async def _rate_earlier(self) -> None:
        for rater, item, answer in self._unrated():
            if rater.is_async:
                await self.to_judge.put((rater, item, answer))
            else:
                self._keep_rating(rater.rate_now(self.plan.protocol, item, answer))
                await self.commit.room()
                await asyncio.sleep(0)

    async def _judge(self) -> None:
        while True:
            rater, item, answer = await self.to_judge.get()
            rating = await rater.rate(self.plan.protocol, item, answer)
            error = self.surroundings.stopped_by()
            if error is not None:
                raise error
            self._keep_rating(rating)
            self.to_judge.task_done()
            await self.commit.room()

    def _keep_rating(self, rating: Rating) -> None:
        rating = msgspec.structs.replace(rating, rated_at=rating.rated_at or _iso(self.surroundings.now()))
        transient = rating.status is not Status.SCORED and rating.cause in TRANSIENT_RATINGS
        (self.failed_ratings if transient else self.ratings).append(rating)

    def _check_that_something_came(self) -> None:
        """A session in which every request failed by the fault of the endpoint is no finished run."""
        failed = sum(self.progress.failed.values())
        if failed and not self.final_replies:
            causes = ", ".join(f"{cause} {count}" for cause, count in sorted(self.progress.failed.items()))
            raise PartnerError(
                f"{self.served.endpoint}: none of {failed} requests was answered ({causes})",
                next_step="See that the endpoint works, then run the same command again.",
            )

    def _committed(self, lines: Sequence[int]) -> None:
        self.progress.answered += lines[0] + lines[1]
        self.progress.ratings += lines[2]

    def _tell(self) -> None:
        self.progress.seconds = self.surroundings.clock() - self.began
        self.surroundings.watch(self.progress)

    async def _keep_telling(self) -> None:
        last_saved = self.surroundings.clock()
        while True:
            self._tell()
            await self.surroundings.sleep(WATCH_EVERY_S)
            if self.surroundings.clock() - last_saved >= SAVE_EVERY_S:
                last_saved = self.surroundings.clock()
                self._save("running")

    def _save(self, state: Any) -> None:
        reading = self.surroundings.meter.read()
        self.sessions.append(
            Session(
                number=len(self.earlier_sessions) + 1,
                started_at=self.started_at,
                saved_at=_iso(self.surroundings.now()),
                state=state,
                endpoint=self.served.endpoint,
                runner_cpu_seconds=reading.runner_cpu_seconds,
                model_cpu_seconds=reading.model_cpu_seconds,
                wall_seconds=reading.wall_seconds,
                energy=reading.energy,
            )
        )
        if state == "running" and not self.progress.answered:
            self.sessions.commit()

    def _last_of_sessions(self) -> list[Session]:
        last = {session.number: session for session in self.sessions.records()}
        return [last[number] for number in sorted(last)]

    def _write_manifest(self, finished_at: str | None) -> None:
        counts = tally(self.answers.records(), self.failed_answers.records())
        notes = []
        transient = counts.answers - len(self.answers)
        if transient:
            notes.append(
                f"{transient} generations failed by the fault of endpoint or network, not of the model"
            )
        asked = [rater.identity for rater in (*self.programs, *self.judges)]
        manifest = build_manifest(
            self.plan,
            served=self.served,
            raters=[*asked, *simulated_judges(self.plan.protocol)],
            counts=counts,
            sessions=self._last_of_sessions(),
            finished_at=finished_at,
            notes=notes,
        )
        write_manifest(self.folder, manifest)


def _answer(asked: Asked, request: ChatRequest, reply: ChatReply, started_at: str) -> Answer:
    return Answer(
        generation=asked.generation,
        item=asked.item.id,
        language=asked.item.language,
        concept=asked.item.concept,
        attempt=asked.attempt,
        text=reply.text,
        cause=reply.cause,
        detail=reply.detail,
        finish_reason=reply.finish_reason,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        seed=request.seed,
        started_at=started_at,
        seconds=None if reply.seconds is None else round(reply.seconds, 4),
        tries=reply.tries,
        served_model=reply.served_model,
    )


def _iso(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error to show of those that ended the tasks: one of ours if there is one."""
    flat = [_first(error) if isinstance(error, BaseExceptionGroup) else error for error in group.exceptions]
    return next((error for error in flat if isinstance(error, ConsilienceError)), flat[0])
