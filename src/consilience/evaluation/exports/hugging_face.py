"""Hugging Face: entries for `.eval_results/*.yaml` and the evaluation section of a model card.

Pure. The entries have the keys that huggingface_hub writes (`_eval_results.py`, release 1.x: `dataset{id,
task_id}`, `value`, `date`, `source{url}`, `notes`). Invariants: a number never goes without its n and its
interval, or the reason why there is none, in `notes`; what is simulated says so; `source` is left out where
no address was given, since the format demands one there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from consilience.evaluation.exports.estimates import Estimates, handling_of, why_none
from consilience.evaluation.exports.written import NotHeld
from consilience.evaluation.joint_result import Cell, Estimate, JointResult

BEGIN, END = "<!-- consilience: begin -->", "<!-- consilience: end -->"
MARKDOWN = "\\`*_{}[]<>#|!~$&"


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What the person says of the export."""

    dataset: str | None = None
    """Id of the data set on the Hub; None: the exercise's name."""
    url: str | None = None
    """Of the signed record or the report."""


def entries(result: JointResult, model: str, setting: Setting) -> tuple[list[dict[str, Any]], list[NotHeld]]:
    """Return the entries of one model's file, and what the format cannot hold.

    Args:
        result: The joint result.
        model: One of its models.
        setting: What the person says.
    """
    estimates = Estimates(result)
    kinds = {rater.id: rater.kind for rater in result.raters}
    simulated = {rater.id for rater in result.raters if rater.simulated}
    found: list[dict[str, Any]] = []
    losses: list[NotHeld] = []
    for cell in estimates.primary(model):
        estimate = estimates.verdict(cell)
        if estimate.value is None:
            losses.append(
                NotHeld(code="no_value", text=f"a cell without a number is no entry: {why_none(estimate)}")
            )
            continue
        entry: dict[str, Any] = {
            "dataset": {"id": setting.dataset or result.exercise.name, "task_id": task_id(cell)},
            "value": estimate.value,
            "date": result.generated_at,
        }
        if setting.url is not None:
            entry["source"] = {"url": setting.url, "name": result.exercise.name}
        entry["notes"] = notes(cell, estimate, kinds.get(cell.rater, "unknown"), cell.rater in simulated)
        found.append(entry)
    if found:
        losses.append(
            NotHeld(
                code="in_notes", text="interval, n, laboratory, language and rater have no field; they stand "
                "in the notes", count=len(found),
            )
        )  # fmt: skip
    return found, losses


def task_id(cell: Cell) -> str:
    """Return the name of a cell's task: concept, language, and the laboratory where it is one of several."""
    parts = [cell.concept, cell.language or "all-languages", cell.laboratory or "all-laboratories"]
    return "/".join(parts)


def notes(cell: Cell, estimate: Estimate, kind: str, simulated: bool) -> str:
    """Return in words what the format has no field for."""
    parts = [interval_words(estimate), f"{estimate.n_items} items, {estimate.n_scores} scores"]
    if cell.n_unscored:
        parts.append(f"{cell.n_unscored} without a score")
    parts.append(f"language {cell.language or 'all'}")
    parts.append(f"measured by {cell.laboratory or 'all laboratories'}")
    parts.append(f"rated by {cell.rater} ({kind}{', SIMULATED' if simulated else ''})")
    parts.append(f"estimand {estimate.estimand}")
    return "; ".join(parts)


def interval_words(estimate: Estimate) -> str:
    """Return an interval with its level and method, or why there is none."""
    interval = estimate.interval
    if interval is None:
        return f"no interval: {why_none(estimate)}"
    level = f"{100 * interval.level:g} % interval"
    return f"{level} {interval.low:.4g} to {interval.high:.4g} ({interval.method})"


def model_card(result: JointResult, model: str, setting: Setting) -> str:
    """Return the evaluation section of a model card, in Markdown, between two marks.

    Args:
        result: The joint result.
        model: One of its models.
        setting: What the person says.
    """
    exercise = result.exercise
    several = len(result.laboratories) > 1
    lines = [
        BEGIN,
        "## Evaluation",
        "",
        f"Exercise: {shown(exercise.name)}. Measured by {', '.join(map(shown, result.laboratories))}"
        f" on {result.generated_at[:10]}. Marking: {handling_of(result) or 'not known'}.",
        "",
        "| Concept | Language | Laboratory | Rater | Value | Interval | Items | Scores | Unscored |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    estimates = Estimates(result)
    simulated = {rater.id for rater in result.raters if rater.simulated}
    lines += [
        _line(cell, estimates.verdict(cell), cell.rater in simulated) for cell in estimates.primary(model)
    ]
    lines += ["", *_meaning(result)]
    if several:
        lines.append("Averages over laboratories and languages weigh each the same.")
    if setting.url is not None:
        lines += ["", f"Source: <{setting.url}>"]
    return "\n".join([*lines, END, ""])


def _line(cell: Cell, estimate: Estimate, simulated: bool) -> str:
    value = "—" if estimate.value is None else f"{estimate.value:.3f}"
    interval = estimate.interval
    width = why_none(estimate) if interval is None else f"{interval.low:.3f} to {interval.high:.3f}"
    cells = [
        shown(cell.concept),
        shown(cell.language or "all"),
        shown(cell.laboratory or "all"),
        shown(cell.rater) + (" (simulated)" if simulated else ""),
        value,
        width,
        str(estimate.n_items),
        str(estimate.n_scores),
        str(cell.n_unscored),
    ]
    return f"| {' | '.join(cells)} |"


def _meaning(result: JointResult) -> list[str]:
    lines = [
        f"Intervals are at {100 * result.exercise.confidence_level:g} % "
        f"({result.exercise.verdict_estimand} estimand). An interval that is missing says why."
    ]
    for concept in result.concepts:
        better = "higher" if concept.higher_is_better else "lower"
        lines.append(f"{shown(concept.id)}: {better} is better.")
    return lines


def shown(text: str) -> str:
    """Return a name as Markdown shows it: nothing in it is a mark, a link or a line break."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return "".join(f"\\{c}" if c in MARKDOWN else c for c in plain)


def yaml_text(found: Sequence[dict[str, Any]]) -> str:
    """Return entries as YAML."""
    import yaml

    return yaml.safe_dump(list(found), sort_keys=False, allow_unicode=True, width=100)
