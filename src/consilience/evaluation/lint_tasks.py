"""Checks of a plan whose items come from tasks of Inspect: what can be said before they have run.

Pure. A task is not run, and its file not executed, to be checked.
"""

from __future__ import annotations

from consilience.evaluation.findings import Findings, Severity
from consilience.evaluation.lint_view import LintView


def lint_tasks(view: LintView, found: Findings) -> None:
    """Note what the tasks leave open: items, and concepts without a task in a language."""
    protocol = view.protocol
    for place, task in enumerate(protocol.tasks):
        code = "its file is in the digest" if task.digest is not None else "its code is that of the package"
        found.add(
            view.of_plan(
                "task-items",
                Severity.NOTE,
                f"the items of `{task.task[:100]}` are known only when it has run; {code}",
                "Every laboratory needs the same version of the task; the report tells items that differ.",
                "tasks",
                place,
            )
        )
    for number, concept in enumerate(protocol.concepts):
        asked = {task.language for task in protocol.tasks if task.concept == concept.id}
        for language in protocol.languages:
            if language.tag not in asked:
                message = f"no task asks `{concept.id}` in `{language.tag}`"
                step = "Add a `[[tasks]]` for it, or take the language or the concept away."
                found.add(view.of_plan("no-items", Severity.ERROR, message, step, "concepts", number))
