"""`consilience exercise run` of a protocol whose items come from tasks of Inspect."""

from __future__ import annotations

import contextlib
import datetime
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from consilience.cli.output import say, show_json

if TYPE_CHECKING:
    from consilience.evaluation.inspect_run import TaskOrder
    from consilience.evaluation.protocol import Protocol
    from consilience.evaluation.run_plan import Overrides


def task_order(protocol: Protocol, home: Path, overrides: Overrides, options: dict[str, Any]) -> TaskOrder:
    """Return what was ordered.

    Args:
        protocol: With tasks.
        home: The protocol's folder.
        overrides: What is done otherwise.
        options: Of the command line.

    Raises:
        InputError: An option cannot be used, or says nothing to Inspect.
    """
    from consilience.errors import InputError
    from consilience.evaluation.inspect_run import TaskOrder
    from consilience.evaluation.inspect_task import Care, grader_of, parse_inspect_model
    from consilience.evaluation.protocol import protocol_digest
    from consilience.evaluation.run_plan import plan_run

    model = parse_inspect_model(options["model"], model_name=options["model_name"])
    if options["splits"]:
        raise InputError("a task says itself what it asks", next_step="Leave --split away.")
    words = [word.partition("=") for word in options["judges"]]
    plan = plan_run(
        protocol, protocol_digest(protocol), laboratory=options["laboratory"], model=model.name,
        overrides=overrides,
    )  # fmt: skip
    return TaskOrder(
        plan=plan,
        home=home,
        model=model,
        grader=grader_of(protocol, {rater: spec for rater, _, spec in words}),
        care=Care(
            concurrency=options["concurrency"], max_tries=options["max_tries"], timeout_s=options["timeout"]
        ),
    )


def dry_run(order: TaskOrder, *, as_json: bool) -> None:
    """Say what would be run, and run nothing."""
    from consilience.evaluation.inspect_task import NOT_PASSED, generate_config

    plan = order.plan
    document = {
        "run": plan.run,
        "protocol_digest": plan.protocol_digest,
        "laboratory": plan.laboratory,
        "model": plan.model,
        "inspect_model": order.model.sent,
        "grader": order.grader,
        "tasks": [task.task for task in plan.protocol.tasks],
        "attempts": plan.attempts,
        "limit": plan.selection.limit,
        "items": None,
        "items_reason": "only the task knows what it asks",
        "generation": generate_config(plan),
        "not_passed": list(NOT_PASSED),
    }
    if as_json:
        show_json(document)
        return
    for name, value in document.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else value
        click.echo(f"{name.replace('_', ' '):24}{'not known' if shown is None else shown}")
    say("Nothing was run. Leave --dry-run away to run it.")


def carry_out(order: TaskOrder, folder: Path, key: str | None) -> Any:
    """Run the tasks; SIGTERM stops them as Ctrl-C does. Return the manifest."""
    from consilience.evaluation.inspect_run import run_tasks

    with _stopped_by_sigterm():
        return run_tasks(
            order, folder, environment=os.environ, key=key, tell=say,
            now=lambda: datetime.datetime.now(datetime.UTC),
        )  # fmt: skip


@contextlib.contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
