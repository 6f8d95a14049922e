"""Checks of the plan without its items: settings, judges, the human sample, margins.

Pure. Each follows from the checklist of the Network's practice for automated evaluation (July 2026).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from consilience.evaluation.findings import Findings, Severity
from consilience.evaluation.lint_view import LintView
from consilience.evaluation.protocol import Concept, Rater, RaterKind, primary_rater
from consilience.evaluation.protocol_form import ExerciseTable
from consilience.evaluation.toml_lines import format_path

JUDGE_FIELDS = frozenset({"prompt", "answer", "target", "language", "concept"})
_FIELD = re.compile(r"\{([a-z_]{1,40})\}")
_PLACEHOLDER = re.compile(r"<<[^<>\n]{1,300}>>")


def lint_plan(view: LintView, found: Findings) -> None:
    """Note findings about the plan."""
    _check_generation(view, found)
    for place, rater in enumerate(view.protocol.raters):
        if rater.simulated:
            message = f"`{rater.id}` is simulated: nobody is asked, its ratings are made up"
            step = "Right for a demonstration. Where something is to be found out, ask a real rater."
            found.add(view.of_plan("simulated-rater", Severity.NOTE, message, step, "raters", place))
        elif rater.kind is RaterKind.JUDGE and rater.scorer is None:
            _check_judge(view, place, rater, found)
    _check_humans(view, found)
    for place, concept in enumerate(view.protocol.concepts):
        _check_judges_of(view, place, concept, found)
        _check_margins(view, place, concept, found)
    if view.protocol.analysis.wanted_difference is None:
        message = "the plan does not say which difference it should be able to see"
        step = "Set `wanted_difference` in `[analysis]`, in units of the score, such as 0.05."
        found.add(view.of_plan("no-wanted-difference", Severity.WARNING, message, step, "analysis"))
    _check_placeholders(view, found)


def _check_generation(view: LintView, found: Findings) -> None:
    generation = view.protocol.generation
    for key in ("temperature", "max_tokens"):
        if getattr(generation, key) is None:
            message = f"`{key}` is not fixed, so each endpoint uses its own default"
            step = f"Set `{key}` in `[generation]`: laboratories would differ for this reason alone."
            found.add(view.of_plan("settings-not-fixed", Severity.WARNING, message, step, "generation"))
    if generation.temperature == 0 and view.protocol.attempts > 1:
        message = (
            f"{view.protocol.attempts} attempts at temperature 0 differ only by the endpoint's own noise"
        )
        step = "One attempt is enough, or sample with a temperature above 0."
        found.add(view.of_plan("repeated-greedy", Severity.NOTE, message, step, "generation", "temperature"))


def _check_judge(view: LintView, place: int, rater: Rater, found: Findings) -> None:
    prompt = rater.prompt or ""
    line: tuple[str | int, ...] = ("raters", place, "prompt")
    if "{answer}" not in prompt:
        message = f"the prompt of the judge `{rater.id}` has no {{answer}}, so it never sees what it rates"
        found.add(
            view.of_plan(
                "judge-prompt", Severity.ERROR, message, "Put {answer} where the answer is to stand.", *line
            )
        )
    unknown = sorted(set(_FIELD.findall(prompt)) - JUDGE_FIELDS)
    if unknown:
        message = f"the prompt of the judge `{rater.id}` has {{{unknown[0]}}}, which is not replaced"
        step = f"Known are {', '.join('{' + name + '}' for name in sorted(JUDGE_FIELDS))}."
        found.add(view.of_plan("judge-prompt", Severity.WARNING, message, step, *line))
    if rater.model is None:
        message = f"the model of the judge `{rater.id}` is not named"
        step = "Set `model`: another judge model is another measurement."
        found.add(view.of_plan("judge-model", Severity.WARNING, message, step, "raters", place))


def _check_humans(view: LintView, found: Findings) -> None:
    kinds = {rater.kind for rater in view.protocol.raters}
    sample = view.protocol.human_sample
    if sample is None and RaterKind.JUDGE in kinds and not view.protocol.tasks:
        message = "judges give scores, and no human sample is planned to hold them against"
        step = (
            'Add `[human_sample]` and a rater of kind "human"; per language, since judges differ by language.'
        )
        found.add(view.of_plan("no-human-sample", Severity.WARNING, message, step))
    if sample is None and RaterKind.HUMAN in kinds:
        step = "Add `[human_sample]` with `per_cell`."
        found.add(
            view.of_plan(
                "human-plan", Severity.WARNING, "humans rate, and the plan has no human sample", step
            )
        )
    if sample is not None and RaterKind.HUMAN not in kinds:
        step = 'Add a rater of kind "human" with its guideline.'
        message = "a human sample is planned, and no human rater"
        found.add(view.of_plan("human-plan", Severity.WARNING, message, step, "human_sample"))


def _check_judges_of(view: LintView, place: int, concept: Concept, found: Findings) -> None:
    primary = primary_rater(view.protocol, concept)
    judges = [
        rater for rater in view.raters(concept.id) if rater.kind is RaterKind.JUDGE and not rater.simulated
    ]
    if primary is not None and primary.kind is RaterKind.JUDGE and len(judges) == 1:
        message = f"the verdict on `{concept.id}` rests on one judge"
        step = "Add a second judge of another family: their agreement says how far one can be trusted."
        found.add(view.of_plan("one-judge", Severity.WARNING, message, step, "concepts", place))


def _check_margins(view: LintView, place: int, concept: Concept, found: Findings) -> None:
    plan = view.protocol.analysis
    axes = {"language": len(view.protocol.languages), "model": plan.models, "laboratory": plan.laboratories}
    missing = [axis for axis, count in axes.items() if count > 1 and getattr(concept.margins, axis) is None]
    if missing:
        message = f"`{concept.id}` has no equivalence margin for {', '.join(missing)}"
        step = "Set `margins`: without them nothing can be called equivalent, only different or not."
        found.add(view.of_plan("no-margin", Severity.WARNING, message, step, "concepts", place))


def _check_placeholders(view: LintView, found: Findings) -> None:
    plan = msgspec.to_builtins(msgspec.structs.replace(view.protocol, items=()))
    for path, text in _texts(plan, ()):
        if _PLACEHOLDER.search(text):
            message = f"`{format_path(path)}` still holds a text of the template"
            found.add(
                view.of_plan(
                    "placeholder", Severity.NOTE, message, "Write your own between the quotes.", *path
                )
            )


def _texts(value: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every text of a plan with its path in the protocol file."""
    if isinstance(value, str):
        yield (("exercise", *path) if path[0] in ExerciseTable.__struct_fields__ else path), value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _texts(member, (*path, key))
    elif isinstance(value, (list, tuple)):
        for place, member in enumerate(value):
            yield from _texts(member, (*path, place))
