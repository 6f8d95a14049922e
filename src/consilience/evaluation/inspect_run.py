"""The run of a protocol of tasks: Inspect runs each of them in a process, and its log becomes scores.

Invariants:
- a task whose log is whole is never run again; one that was interrupted goes on by `inspect eval-retry`,
  which keeps every sample that its log holds;
- the run is finished only when the logs of all tasks are whole, and then has the same files as any other run:
  manifest, scores, and the account of the import;
- Inspect is never imported into this process.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import resource
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from consilience.errors import IncompatibleError, InputError, PartnerError, Where
from consilience.evaluation.inspect_process import call_inspect, check_installed
from consilience.evaluation.inspect_scores import (
    asked,
    log_status,
    newest_log,
    rater_identities,
    write_task_scores,
)
from consilience.evaluation.inspect_task import (
    KEY_VARIABLE,
    NO_KEY,
    Care,
    InspectModel,
    eval_words,
    generate_config,
    retry_words,
)
from consilience.evaluation.journal import Journal, only_one, open_journal, write_atomically
from consilience.evaluation.manifest import Served, Tally, build_manifest
from consilience.evaluation.metering import Meter, machine_counters
from consilience.evaluation.model import without_query
from consilience.evaluation.protocol import Task
from consilience.evaluation.run_folder import SCORES, SESSIONS, claim_folder, write_manifest
from consilience.evaluation.run_plan import RunPlan
from consilience.evaluation.run_record import Manifest, RaterIdentity, Session
from consilience.evaluation.score_file import sealed

INSPECT = "inspect"
"""The folder of the logs, in that of the run."""
SUCCESS = "success"


class TaskOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a person ordered."""

    plan: RunPlan
    home: Path
    """The folder of the protocol; task files are found from there."""
    model: InspectModel
    grader: str | None = None
    care: Care = Care()


def run_tasks(
    order: TaskOrder,
    folder: Path,
    *,
    environment: Mapping[str, str],
    key: str | None,
    tell: Callable[[str], None],
    now: Callable[[], datetime.datetime],
) -> Manifest:
    """Carry out the tasks of a protocol, or go on with them.

    Args:
        order: What was ordered.
        folder: Of the run; it exists.
        environment: For Inspect, which finds the keys of its providers there.
        key: Of an endpoint that is named by its URL.
        tell: Told what is being done.
        now: The present, UTC.

    Raises:
        MissingExtraError: Inspect is not installed.
        InputError: A task cannot be started, or lacks a scorer.
        PartnerError: A task ended with an error; what its log holds is kept.
        StoreError: The folder is in use or cannot be written.
        IncompatibleError: The folder belongs to another run.
    """
    check_installed()
    environment = {**environment, KEY_VARIABLE: key or NO_KEY} if order.model.url else environment
    with only_one(folder):
        earlier = claim_folder(folder, order.plan)
        if earlier is not None and earlier.finished_at is not None and _is_as_sealed(folder, earlier):
            return earlier
        _hold_to_order(order, folder / INSPECT)
        session = _Session(order, folder, now)
        try:
            session.save("running")
            session.write_manifest()
            logs = []
            for number, task in enumerate(order.plan.protocol.tasks, start=1):
                if not _is_chosen(task, order.plan):
                    continue
                place = folder / INSPECT / f"{number:02}"
                tell(f"task {number}: {task.task}; what Inspect prints is in {place / 'output.log'}")
                logs.append((task, _whole_log(task, order, place, environment, tell)))
            imported = write_task_scores(order.plan, logs, folder, now=now())
            session.save("finished")
            return session.finish(rater_identities(imported), len(imported.findings))
        finally:
            session.close()


def _hold_to_order(order: TaskOrder, place: Path) -> None:
    """Refuse to go on with another model or grader than the logs of this run have."""
    place.mkdir(exist_ok=True)
    told = msgspec.json.encode({"model": order.model.sent, "grader": order.grader})
    file = place / "order.json"
    if not file.exists():
        write_atomically(file, told)
    elif file.read_bytes() != told:
        raise IncompatibleError(
            "this run was begun with another model or another --judge",
            where=Where(file=f"{INSPECT}/{file.name}"),
            next_step="Give the same, or another folder by --out.",
        )


def _is_as_sealed(folder: Path, manifest: Manifest) -> bool:
    return (folder / SCORES).exists() and sealed(folder, manifest).files == manifest.files


def _is_chosen(task: Task, plan: RunPlan) -> bool:
    return not plan.selection.languages or task.language in plan.selection.languages


def _whole_log(
    task: Task, order: TaskOrder, place: Path, environment: Mapping[str, str], tell: Callable[[str], None]
) -> Path:
    """Return the log of a task that is whole, after having run what is missing."""
    logs = place / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = newest_log(logs)
    state = None if log is None else log_status(log)
    if log is not None and state == SUCCESS:
        return log
    write_atomically(place / "generate.json", msgspec.json.encode(generate_config(order.plan)))
    write_atomically(place / "args.json", msgspec.json.encode(task.args))
    if log is None or state is None:
        words = eval_words(
            task, order.plan, order.model, grader=order.grader, care=order.care, place=place.resolve()
        )
    else:
        tell(f"{task.task}: goes on from its log")
        words = retry_words(log.resolve(), care=order.care, place=place.resolve())
    status = call_inspect(
        words, folder=order.home, log=place / "output.log", environment=environment,
        tell=lambda seconds: tell(f"{task.task}: {seconds:.0f} s"),
    )  # fmt: skip
    newest = newest_log(logs)
    if newest is not None and log_status(newest) == SUCCESS:
        return newest
    where = Where(file=f"{place.name}/output.log")
    if newest is None or newest == log:
        raise InputError(
            f"Inspect could not start the task {task.task} (exit status {status})",
            where=where,
            next_step="Read that file: mostly the name is wrong, or a package is not installed.",
        )
    raise PartnerError(
        f"the task {task.task} did not come to its end ({log_status(newest) or 'interrupted'})",
        where=where,
        next_step="Read that file; the same command goes on with what the task's log does not hold yet.",
    )


class _Session:
    """One start of the command, and what it writes down."""

    def __init__(self, order: TaskOrder, folder: Path, now: Callable[[], datetime.datetime]) -> None:
        self.order, self.folder, self.now = order, folder, now
        self.journal: Journal[Session] = open_journal(folder / SESSIONS, Session, None)
        self.number = max((session.number for session in self.journal.records()), default=0) + 1
        self.started_at = _iso(now())
        counters, reason = machine_counters()
        self.meter = Meter(clock=time.monotonic, cpu=_cpu_seconds, counters=counters, reason=reason)

    def save(self, state: str) -> None:
        reading = self.meter.read()
        self.journal.append(
            msgspec.convert(
                {
                    "number": self.number,
                    "started_at": self.started_at,
                    "saved_at": _iso(self.now()),
                    "state": state,
                    "endpoint": self._endpoint(),
                    "runner_cpu_seconds": reading.runner_cpu_seconds,
                    "model_cpu_seconds": None,
                    "wall_seconds": reading.wall_seconds,
                    "energy": reading.energy,
                },
                Session,
                from_attributes=True,
            )
        )
        self.journal.commit()

    def write_manifest(self) -> None:
        write_manifest(self.folder, self._manifest([], Tally(), None, []))

    def finish(self, raters: list[RaterIdentity], findings: int) -> Manifest:
        found = asked(self.folder / SCORES)
        notes = [f"{findings} findings about the logs are in import.json"] if findings else []
        manifest = self._manifest(raters, found.counts, _iso(self.now()), notes)
        manifest = msgspec.structs.replace(manifest, items=found.items, items_digest=found.items_digest)
        manifest = sealed(self.folder, manifest)
        write_manifest(self.folder, manifest)
        return manifest

    def _manifest(
        self, raters: list[RaterIdentity], counts: Tally, finished_at: str | None, notes: list[str]
    ) -> Manifest:
        plan = self.order.plan
        last = {session.number: session for session in self.journal.records()}
        served = Served(endpoint=self._endpoint(), software=inspect_version())
        manifest = build_manifest(
            plan, served=served, raters=raters, counts=counts, sessions=[last[n] for n in sorted(last)],
            finished_at=finished_at, notes=notes,
        )  # fmt: skip
        chosen = [task.language for task in plan.protocol.tasks if _is_chosen(task, plan)]
        tags = tuple(language.tag for language in plan.protocol.languages if language.tag in chosen)
        return msgspec.structs.replace(manifest, languages=tags)

    def _endpoint(self) -> str:
        model = self.order.model
        return f"{INSPECT}:{model.sent}" if model.url is None else without_query(model.url)

    def close(self) -> None:
        self.journal.close()


def inspect_version() -> dict[str, str]:
    """Return the version of Inspect, which is known without importing it."""
    return {"inspect_ai": importlib.metadata.version("inspect_ai")}


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + used.ru_utime + used.ru_stime


def _iso(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
