"""Moonshot (AI Verify): result files of benchmark runs.

Moonshot keeps no verdict for a single prompt, only metrics over all. Invariants: prompts come in as rows
without a score (`not_rated`), since a mean says nothing of its items; told metrics stay told, and counts that
disagree with the prompts in the file are findings; nothing is recomputed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from consilience.evaluation.importers import plain
from consilience.evaluation.importers.imported import ImportedRun, Metric, Options
from consilience.evaluation.importers.json_lines import document
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source
from consilience.evaluation.protocol import RaterKind
from consilience.evaluation.scores import Cause, Status

HARNESS = "moonshot"
NOT_METRICS = {"grading_criteria"}


class Moonshot:
    """The reader."""

    name = HARNESS

    def recognise(self, source: Source, head: bytes) -> bool:
        """Say whether a file is a result of Moonshot."""
        start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
        names = (b'"recipes"', b'"endpoints"', b'"prompt_selection_percentage"')
        return re.match(rb'\{\s*"metadata"\s*:\s*\{', start) is not None and all(n in start for n in names)

    def read(self, sources: Sequence[Source], sink: Sink, options: Options) -> None:
        """Read all files."""
        for source in sources:
            whole = document(source, sink)
            if isinstance(whole, dict):
                for recipe in _recipes(plain.table(whole.get("results"))):
                    for detail in plain.rows(recipe.get("details")):
                        _read(source, sink, options, (whole, recipe, plain.table(detail)))


def _recipes(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for recipe in plain.rows(results.get("recipes")):
        yield plain.table(recipe)
    for cookbook in plain.rows(results.get("cookbooks")):
        for recipe in plain.rows(plain.table(cookbook).get("recipes")):
            yield plain.table(recipe)


def _read(
    source: Source, sink: Sink, options: Options, parts: tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
) -> None:  # fmt: skip
    whole, recipe, detail = parts
    about = plain.table(whole.get("metadata"))
    dataset = plain.text(detail.get("dataset_id")) or "unknown"
    run = sink.add_run(
        ImportedRun(
            harness=HARNESS,
            format="moonshot result",
            file=source.name,
            task=f"{plain.text(recipe.get('id')) or 'recipe'}/{dataset}",
            concept=f"{plain.text(recipe.get('id')) or 'recipe'}/{dataset}",
            model=plain.text(detail.get("model_id")) or "unknown",
            state="complete" if about.get("status") == "completed" else "interrupted",
            settings=plain.settings(
                {"prompt_template": detail.get("prompt_template_id"), "random_seed": about.get("random_seed"),
                 "prompt_selection_percentage": about.get("prompt_selection_percentage")}
            ),
            unmapped=("evaluation_summary.grade", "grading_scale", "details.data.duration"),
        )
    )  # fmt: skip
    told = _metrics(detail)
    names = [name for name in told if not options.scorers or name in options.scorers]
    data = plain.rows(detail.get("data"))
    for number, row in enumerate(data):
        prompt = plain.text(plain.table(row).get("prompt"))
        digest = sink.add_prompt(prompt) if prompt is not None else None
        answered = isinstance(plain.table(row).get("predicted_result"), str)
        for name in names or ["verdict"]:
            sink.add_score(
                run, str(number), rater=name, score=None,
                status=Status.UNSCORED if answered else Status.FAILED,
                cause=Cause.NOT_RATED if answered else Cause.UNKNOWN, item_digest=digest,
            )  # fmt: skip
    for name in names or ["verdict"]:
        sink.add_metric(
            run, Metric(rater=name, name=name, kind=RaterKind.PROGRAM, note="told over all prompts")
        )
        if name in told:
            sink.add_summary(run, name, "mean", told[name], "the source keeps no verdict for each prompt")
    if data:
        sink.add_finding(
            "warning", "no_verdicts", "the source keeps no verdict for each prompt, so there are no scores",
            file=source.name,
            next_step="Rate the answers again, or give the told metric as a declared number.",
        )  # fmt: skip
    _counts(sink, run, recipe, detail, names or ["verdict"])


def _metrics(detail: dict[str, Any]) -> dict[str, float]:
    told: dict[str, float] = {}
    for metrics in plain.rows(detail.get("metrics")):
        for name, value in plain.table(metrics).items():
            found = plain.number(value)
            if name not in NOT_METRICS and found is not None:
                told[str(name)[:200]] = found
    return told


def _counts(
    sink: Sink, run: int, recipe: dict[str, Any], detail: dict[str, Any], names: Sequence[str]
) -> None:
    """Hold the told number of prompts against those in the file."""
    same_model = [
        plain.table(one)
        for one in plain.rows(recipe.get("evaluation_summary"))
        if plain.table(one).get("model_id") == detail.get("model_id")
    ]
    of_model = [
        plain.table(one)
        for one in plain.rows(recipe.get("details"))
        if plain.table(one).get("model_id") == detail.get("model_id")
    ]
    for told in same_model:
        count = plain.whole(told.get("num_of_prompts"))
        if count is not None:
            reason = "" if len(of_model) == 1 else "it counts several data sets together"
            sink.add_summary(run, names[0], "items", float(count), reason)
