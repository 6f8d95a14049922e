"""Tasks of Inspect in a protocol: how they are named, what must hold of them, and the digest of their files.

Invariants: a protocol has items or tasks, never both; a task file lies below the protocol's folder and is
never run here; its digest enters that of the protocol.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from consilience.errors import ConsilienceError, LimitError, Where
from consilience.evaluation import toml_lines
from consilience.evaluation.bounded_file import inside
from consilience.evaluation.faults import Faults
from consilience.evaluation.protocol import RaterKind, Task
from consilience.evaluation.protocol_form import Problem, ProtocolForm, RaterTable, TaskTable, suggestion

PREFIX = "inspect:"
MAX_TASKS = 100
"""`[[tasks]]` of one protocol."""
MAX_ARGS = 100
"""Arguments of one task."""
MAX_TASK_FILE_BYTES = 1024 * 1024
"""Of a file with tasks."""
REGISTERED = re.compile(r"[A-Za-z_][\w.-]{0,99}(?:/[A-Za-z_][\w.-]{0,99}){0,3}")
IN_FILE = re.compile(r"(?P<path>[\w./-]{1,300}\.py)(?:@(?P<name>[A-Za-z_]\w{0,99}))?")
ARGUMENT = re.compile(r"[A-Za-z_]\w{0,99}")

Placed = Callable[[toml_lines.Path], Where]


class TaskName(msgspec.Struct, frozen=True):
    """What `inspect:TASK` names."""

    name: str
    """Of the task; empty: the only one in its file."""
    path: str | None
    """Of its file, relative to the protocol; None: a registered task."""


def parse_task(text: str) -> TaskName | None:
    """Return what a task's name says, or None where it is no name of a task."""
    word = text.removeprefix(PREFIX)
    if word == text:
        return None
    in_file = IN_FILE.fullmatch(word)
    if in_file is not None:
        return TaskName(in_file["name"] or "", in_file["path"])
    return TaskName(word, None) if REGISTERED.fullmatch(word) else None


def task_problems(form: ProtocolForm) -> Iterator[Problem]:
    """Return every mistake in the tasks of a plan, and in what stands beside them."""
    for place, rater in enumerate(form.raters):
        yield from _rater_problems(rater, ("raters", place), with_tasks=bool(form.tasks))
    if not form.tasks:
        return
    if form.items:
        yield Problem(
            ("tasks", 0), "there are `[[items]]` and `[[tasks]]`", "Write two protocols, one for each."
        )
    if form.human_sample is not None:
        yield Problem(("human_sample",), "answers of tasks cannot be given to people here", "Leave it away.")
    if len(form.tasks) > MAX_TASKS:
        yield Problem(
            ("tasks", MAX_TASKS), f"there are {len(form.tasks)} `[[tasks]]`; the limit is {MAX_TASKS}"
        )
    seen: set[tuple[object, ...]] = set()
    for place, task in enumerate(form.tasks[:MAX_TASKS]):
        yield from _task_problems(form, task, ("tasks", place))
        key = (task.task, task.concept, task.language, *sorted(task.args.items()))
        if key in seen:
            yield Problem(("tasks", place), "this task stands there twice", "Keep one.")
        seen.add(key)


def _task_problems(form: ProtocolForm, task: TaskTable, path: toml_lines.Path) -> Iterator[Problem]:
    if parse_task(task.task) is None:
        yield Problem(
            (*path, "task"),
            f"`{task.task[:60]}` names no task",
            "Write `inspect:PACKAGE/TASK`, or `inspect:FILE.py@TASK` with the file below the protocol.",
        )
    for key, value, known in (
        ("concept", task.concept, [concept.id for concept in form.concepts]),
        ("language", task.language, [language.tag for language in form.languages]),
    ):
        if value not in known:
            yield Problem((*path, key), f"there is no {key} `{value[:100]}`", suggestion(value, known))
    if len(task.args) > MAX_ARGS or not all(map(ARGUMENT.fullmatch, task.args)):
        yield Problem((*path, "args"), "these are no arguments of a task", "Write `args = { name = value }`.")


def _rater_problems(rater: RaterTable, path: toml_lines.Path, *, with_tasks: bool) -> Iterator[Problem]:
    name = rater.id[:100]
    if rater.scorer is not None and not with_tasks:
        yield Problem((*path, "scorer"), f"`{name}` names a scorer, and there are no `[[tasks]]`")
    if not with_tasks:
        return
    if rater.kind is RaterKind.HUMAN or rater.simulated:
        yield Problem(path, f"`{name}` cannot rate the answers of a task", "Leave it away.")
    elif rater.scorer is None:
        yield Problem(path, f"`{name}` names no scorer of the tasks", 'Add such as `scorer = "includes"`.')
    for key in ("program", "prompt", "prompt_file", "system_prompt", "system_prompt_file", "parser"):
        if rater.scorer is not None and getattr(rater, key) is not None:
            yield Problem(
                (*path, key), f"`{name}` is a scorer of the task, which decides `{key}`", "Leave it away."
            )


def read_tasks(
    tables: Sequence[TaskTable], folder: Path, label: str, where: Placed, faults: Faults
) -> tuple[Task, ...]:
    """Return the tasks with the digests of their files; what is wrong is added to `faults`.

    Args:
        tables: Checked by `task_problems`.
        folder: Of the protocol.
        label: Name of the protocol file in messages.
        where: Gives the place of a value in it.
        faults: Mistakes are added here.
    """
    tasks = []
    for place, table in enumerate(tables):
        named = parse_task(table.task)
        digest = None
        if named is not None and named.path is not None:
            try:
                digest = _file_digest(
                    inside(folder, named.path, where=where(("tasks", place, "task"))), label
                )
            except ConsilienceError as error:
                faults.take(error)
        tasks.append(
            Task(
                task=table.task,
                concept=table.concept,
                language=table.language,
                args=table.args,
                digest=digest,
            )
        )
    return tuple(tasks)


def _file_digest(path: Path, label: str) -> str:
    with path.open("rb") as file:
        content = file.read(MAX_TASK_FILE_BYTES + 1)
    if len(content) > MAX_TASK_FILE_BYTES:
        raise LimitError(
            f"a file with tasks has at most {MAX_TASK_FILE_BYTES:,} bytes", where=Where(file=label)
        )
    return "sha256:" + hashlib.sha256(content).hexdigest()
