"""The manifest: how a run was really done, told from what lies in its folder and from this machine.

Invariants: counts come from the journals on disk, never from memory; nothing in a manifest names a machine,
a person, a path or a key; what is not known is None.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from consilience import __version__
from consilience.evaluation.metering import added_energy
from consilience.evaluation.run_plan import RunPlan
from consilience.evaluation.run_record import Answer, Manifest, RaterIdentity, Session, Usage

MAX_SERVED_MODELS = 20
PACKAGES = ("aiohttp", "duckdb", "msgspec")


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """The model as it was reached."""

    endpoint: str
    weights_digest: str | None = None
    extra_sampling: dict[str, str | int | float | bool | list[str] | None] = {}
    """Keys that the client adds to every request."""
    software: dict[str, str] = {}
    """Of the model's server, where this command started it."""


class Tally(msgspec.Struct, kw_only=True):
    """Counts over the answers of a run; grows by `add`, never holds a text."""

    answers: int = 0
    answered: int = 0
    with_tokens: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    failed_by_cause: dict[str, int] = {}
    served: dict[str, int] = {}

    def add(self, answer: Answer) -> None:
        """Count one answer."""
        self.answers += 1
        if answer.text is not None:
            self.answered += 1
        elif answer.cause is not None:
            self.failed_by_cause[answer.cause.value] = self.failed_by_cause.get(answer.cause.value, 0) + 1
        if answer.prompt_tokens is not None and answer.completion_tokens is not None:
            self.with_tokens += 1
            self.prompt_tokens += answer.prompt_tokens
            self.completion_tokens += answer.completion_tokens
        name = answer.served_model
        if name is not None and (name in self.served or len(self.served) < MAX_SERVED_MODELS):
            self.served[name] = self.served.get(name, 0) + 1


def tally(answers: Iterable[Answer], failed: Iterable[Answer]) -> Tally:
    """Count the final answers, and of the failures the last of each generation that has no answer yet."""
    counts = Tally()
    last: dict[str, Answer] = {answer.generation: answer for answer in failed}
    for answer in answers:
        last.pop(answer.generation, None)
        counts.add(answer)
    for answer in last.values():
        counts.add(answer)
    return counts


def build_manifest(
    plan: RunPlan,
    *,
    served: Served,
    raters: Sequence[RaterIdentity],
    counts: Tally,
    sessions: Sequence[Session],
    finished_at: str | None,
    notes: Sequence[str] = (),
) -> Manifest:
    """Return the manifest of a run as it stands now.

    Args:
        plan: What was to be asked.
        served: How the model was reached.
        raters: As they really were.
        counts: Over the answers on disk.
        sessions: The last state of every session, in order; at least one.
        finished_at: None while the run is not complete.
        notes: What a reader must know besides.
    """
    killed = sum(1 for session in sessions[:-1] if session.state == "running")
    said = [*notes]
    if killed:
        said.append(
            f"{killed} of {len(sessions)} sessions ended without a last reading; what they used "
            "after their last saved reading is not counted"
        )
    return Manifest(
        run=plan.run,
        exercise=plan.protocol.name,
        protocol_digest=plan.protocol_digest,
        laboratory=plan.laboratory,
        model=plan.model,
        endpoint=served.endpoint,
        weights_digest=served.weights_digest,
        served_models=tuple(sorted(counts.served)),
        sampling=plan.sampling() | served.extra_sampling,
        system_prompt_digest=plan.system_prompt_digest(),
        attempts=plan.attempts,
        languages=plan.languages(),
        items=len(plan.items),
        items_digest=plan.items_digest(),
        raters=tuple(raters),
        answers=counts.answers,
        answered=counts.answered,
        failed_by_cause=dict(sorted(counts.failed_by_cause.items())),
        usage=_usage(counts, sessions),
        software=software() | served.software,
        machine=machine(),
        started_at=sessions[0].started_at,
        finished_at=finished_at,
        sessions=len(sessions),
        notes=tuple(said),
        selection=plan.selection,
        max_tokens_key=plan.max_tokens_key,
    )


def _usage(counts: Tally, sessions: Sequence[Session]) -> Usage:
    model = [session.model_cpu_seconds for session in sessions]
    known = [seconds for seconds in model if seconds is not None]
    return Usage(
        answers=counts.answers,
        answers_with_tokens=counts.with_tokens,
        prompt_tokens=counts.prompt_tokens if counts.with_tokens else None,
        completion_tokens=counts.completion_tokens if counts.with_tokens else None,
        runner_cpu_seconds=round(sum(session.runner_cpu_seconds for session in sessions), 3),
        model_cpu_seconds=round(sum(known), 3) if len(known) == len(model) else None,
        wall_seconds=round(sum(session.wall_seconds for session in sessions), 3),
        energy=added_energy([session.energy for session in sessions]),
    )


def software() -> dict[str, str]:
    """Return the versions of what carried out the run."""
    versions = {"consilience": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        versions[package] = importlib.metadata.version(package)
    return versions


def machine(
    cpuinfo: Path = Path("/proc/cpuinfo"), meminfo: Path = Path("/proc/meminfo")
) -> dict[str, str | int]:
    """Return what kind of machine this is, without its name or its users."""
    facts: dict[str, str | int] = {
        "system": platform.system(),
        "kernel": platform.release().split("-", 1)[0],
        "architecture": platform.machine(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1),
    }
    model = _fact(cpuinfo, "model name")
    if model:
        facts["cpu"] = model
    memory = _fact(meminfo, "MemTotal")
    if memory and memory.split()[0].isdigit():
        facts["memory_bytes"] = int(memory.split()[0]) * 1024
    return facts


def _fact(path: Path, name: str) -> str | None:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return None
    return next(
        (line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name), None
    )
