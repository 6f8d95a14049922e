"""Every Eval Ever 0.3.0: the aggregate document of one task, and its instance rows.

Pure. Written for the JSON Schemas `eval.schema.json` and `instance_level_eval.schema.json` of the package
every-eval-ever 0.3.0 (MIT). A file is one laboratory's model on one concept, a result one language and
rater. What the schema has no field for stands under `consilience_…` in `additional_details` and `metadata`;
a rating without a score has no place in a schema that demands a number, and goes to a file of ours beside.
"""

from __future__ import annotations

import datetime
import hashlib
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from consilience.evaluation.exports.own_keys import own
from consilience.evaluation.exports.path_part import part_of_path
from consilience.evaluation.exports.rows import Result, Task
from consilience.evaluation.exports.written import NotHeld
from consilience.evaluation.importers.imported import ImportedRun, Metric
from consilience.evaluation.joint_result import Estimate
from consilience.evaluation.protocol import RaterKind
from consilience.evaluation.run_record import Manifest

SCHEMA_VERSION = "0.3.0"
RELATIONSHIPS = ("first_party", "third_party", "collaborative", "other")
NUMBERS = {"temperature": float, "top_p": float, "top_k": float, "max_tokens": int}


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What an aggregate document says besides its results."""

    task: Task
    handling: str | None = None
    relationship: str = "other"
    manifest: Manifest | None = None
    run: ImportedRun | None = None
    description: str = ""
    """Of the concept."""
    retrieved_at: datetime.datetime
    """UTC."""

    @property
    def evaluation_id(self) -> str:
        """Evaluation, model and time, as the schema recommends."""
        exercise, laboratory, model, concept = self.task
        return f"{exercise}.{laboratory}.{concept}/{model}/{int(self.retrieved_at.timestamp())}"

    @property
    def name(self) -> str:
        """A name in the form of a random UUID (RFC 9562, section 5.4) that depends on the evaluation."""
        return str(uuid.UUID(bytes=hashlib.sha256(self.evaluation_id.encode()).digest()[:16], version=4))

    @property
    def folder(self) -> str:
        """Where its files stand: `data/collection/developer/model`."""
        exercise, laboratory, model, _ = self.task
        developer, slash, rest = model.partition("/")
        parts = (f"{exercise}.{laboratory}", developer if slash else "unknown", rest if slash else model)
        return "/".join(("data", *(part_of_path(part) for part in parts)))


def result_name(result: Result) -> str:
    """Return the name of an evaluation: concept and language, with the split where it is not evaluation."""
    name = f"{result.task.concept}/{result.language}"
    return name if result.split in {None, "evaluation"} else f"{name}/{result.split}"


def result_id(language: str, split: str | None, rater: str) -> str:
    """Return the key that joins instance rows with their result."""
    return "|".join((language, split or "", rater))


def own_details(result: Result, metric: Metric) -> dict[str, str]:
    """Return what the schema has no field for and one result has."""
    words = msgspec.json.encode(metric.values, order="sorted").decode() if metric.values else None
    return own(
        {
            "concept": result.task.concept,
            "language": result.language,
            "split": result.split,
            "rater": result.rater,
            "rater_kind": result.rater_kind,
            "simulated": result.simulated,
            "protocol_digest": result.protocol_digest,
            "run": result.run,
            "metric": metric.name,
            "direction": metric.direction,
            "scale": metric.scale,
            "minimum": metric.minimum,
            "maximum": metric.maximum,
            "judge_model": metric.judge_model,
            "prompt_digest": metric.prompt_digest,
            "words": words,
            "note": metric.note,
            "rows": result.rows,
            "scored": result.scored,
            "mean_of_scores": result.mean,
        }
    )


def aggregate_result(
    result: Result, metric: Metric, estimate: Estimate | None, *, about: About
) -> dict[str, Any] | None:
    """Return one entry of `evaluation_results`, or None where there is no number.

    Args:
        result: What the rows come to.
        metric: What they mean.
        estimate: Of the joint result, with its interval; None: the mean of the items' means stands alone.
        about: The document it stands in.
    """
    value = estimate.value if estimate is not None and estimate.value is not None else result.item_mean
    if value is None:
        return None
    score_details: dict[str, Any] = {
        "score": value,
        "details": own(
            {
                "estimand": estimate.estimand if estimate is not None else None,
                "statistic": "mean of item means" if estimate is None else "estimate of the joint result",
                "no_interval": _why_no_interval(estimate),
            }
        ),
        "uncertainty": _uncertainty(result, estimate),
    }
    plan = own({"protocol_digest": result.protocol_digest, "exercise": result.task.exercise})
    return {
        "evaluation_result_id": result_id(result.language, result.split, result.rater),
        "evaluation_name": result_name(result),
        "source_data": {
            "dataset_name": result.task.concept,
            "source_type": "other",
            "additional_details": plan,
        },
        "metric_config": _metric_config(result, metric, about),
        "score_details": score_details,
        **_generation_config(about),
    }


def _why_no_interval(estimate: Estimate | None) -> str | None:
    if estimate is None:
        return "no joint result has this cell"
    if estimate.interval is not None:
        return None
    return estimate.reason.code if estimate.reason is not None else "no reason was recorded"


def _uncertainty(result: Result, estimate: Estimate | None) -> dict[str, Any]:
    if estimate is None:
        return {"num_samples": result.items}
    told: dict[str, Any] = {"num_samples": estimate.n_items}
    interval = estimate.interval
    if estimate.standard_error is not None:
        told["standard_error"] = {"value": estimate.standard_error}
        if interval is not None:
            told["standard_error"]["method"] = interval.method
    if interval is not None:
        told["confidence_interval"] = {
            "lower": interval.low,
            "upper": interval.high,
            "confidence_level": interval.level,
            "method": interval.method,
        }
    return told


def _metric_config(result: Result, metric: Metric, about: About) -> dict[str, Any]:
    config: dict[str, Any] = {
        "metric_id": metric.name,
        "metric_name": metric.name,
        "lower_is_better": metric.direction == "lower is better",
        "additional_details": own_details(result, metric),
    }
    if about.description:
        config["evaluation_description"] = about.description
    if metric.scale == "binary":
        config["score_type"] = "binary"
    elif metric.scale != "unknown":
        config["score_type"] = "continuous"
    if "score_type" in config:
        config["min_score"], config["max_score"] = metric.minimum, metric.maximum
    if metric.kind is RaterKind.JUDGE:
        config["llm_scoring"] = {
            "judges": [{"model_info": _model_info(metric.judge_model or "unknown", None)}],
            "input_prompt": metric.prompt_digest or "",
            "additional_details": own({"input_prompt": "digest" if metric.prompt_digest else "not told"}),
        }
    return config


def _model_info(model: str, manifest: Manifest | None) -> dict[str, Any]:
    local = manifest is not None and manifest.endpoint.startswith("local:")
    info: dict[str, Any] = {"name": model, "id": model}
    developer, slash, _ = model.partition("/")
    if slash and developer:
        info["developer"] = developer
    info["additional_details"] = {
        "deployment_type": "self_deployed" if local else "unknown",
        "model_availability": "unknown",
    } | own({"weights_digest": manifest.weights_digest if manifest is not None else None})
    return info


def _generation_config(about: About) -> dict[str, Any]:
    sampling: dict[str, Any] = {}
    if about.manifest is not None:
        sampling = dict(about.manifest.sampling)
    elif about.run is not None:
        sampling = dict(about.run.sampling)
    numbers = {
        name: kind(sampling[name])
        for name, kind in NUMBERS.items()
        if isinstance(sampling.get(name), int | float) and not isinstance(sampling[name], bool)
    }
    if numbers.get("max_tokens", 1) < 1:
        del numbers["max_tokens"]
    rest = {name: value for name, value in sampling.items() if name not in numbers}
    config = {
        "generation_args": numbers,
        "additional_details": own({f"sampling.{name}": _plain(value) for name, value in rest.items()}),
    }
    config = {name: value for name, value in config.items() if value}
    return {"generation_config": config} if config else {}


def _plain(value: object) -> object:
    return msgspec.json.encode(value).decode() if isinstance(value, list | dict) else value


def aggregate(
    about: About, results: Sequence[dict[str, Any]], losses: Sequence[NotHeld], samples: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the aggregate document.

    Args:
        about: Whose it is.
        results: From `aggregate_result`.
        losses: What the schema cannot hold; listed in the document.
        samples: `detailed_evaluation_results`; None: there is no instance row.
    """
    task, run, manifest = about.task, about.run, about.manifest
    started = manifest.started_at if manifest is not None else run.created if run is not None else None
    listed = msgspec.json.encode([[loss.code, loss.count] for loss in losses]).decode()
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": about.evaluation_id,
        "retrieved_timestamp": str(int(about.retrieved_at.timestamp())),
        "source_metadata": {
            "source_name": task.exercise,
            "source_type": "evaluation_run",
            "source_organization_name": task.laboratory,
            "evaluator_relationship": about.relationship,
            "additional_details": own(
                {
                    "exercise": task.exercise,
                    "laboratory": task.laboratory,
                    "handling": about.handling,
                    "not_held": listed,
                }
            ),
        },
        "eval_library": {
            "name": run.harness if run is not None else "consilience",
            "version": _version(run, manifest),
        },
        "model_info": _model_info(task.model, manifest),
        "evaluation_results": list(results),
    }
    if started:
        document["evaluation_timestamp"] = started
    if samples is not None:
        document["detailed_evaluation_results"] = samples
    return document


def _version(run: ImportedRun | None, manifest: Manifest | None) -> str:
    told = run.harness_version if run is not None else None
    if run is None and manifest is not None:
        told = manifest.software.get("consilience")
    return told or "unknown"


def losses_of(result: Result, metric: Metric, *, texts: bool) -> list[NotHeld]:
    """Return what the schema cannot hold of one result."""
    found = [
        NotHeld(code="answers", text="answers of the model do not leave with scores", count=result.scored),
        NotHeld(
            code="is_correct",
            text="a yes or no is demanded of every row; it is derived: whether the score stands at the good "
            "end of its scale",
            count=result.scored,
        ),
    ]
    if not texts:
        found.append(
            NotHeld(
                code="texts", text="texts of items stay here; their digests stand in their place",
                count=result.scored,
            )
        )  # fmt: skip
    if result.rows > result.scored:
        found.append(
            NotHeld(
                code="unscored", text="a number is demanded of every row; ratings without a score stand in "
                "files of ours below consilience/", count=result.rows - result.scored,
            )
        )  # fmt: skip
    if result.scored == 0:
        found.append(NotHeld(code="no_result", text="a result without any score has no number to give"))
    if metric.direction == "unknown":
        found.append(
            NotHeld(
                code="direction_unknown", text="a direction is demanded; `lower_is_better` is false "
                "where it is not known",
            )
        )  # fmt: skip
    if result.runs > 1:
        found.append(
            NotHeld(code="several_runs", text="which of several runs a rating is of", count=result.rows)
        )
    if metric.scale == "ordinal":
        found.append(NotHeld(code="ordinal", text="levels without names are given as a continuous scale"))
    return [loss for loss in found if loss.count]
