"""What the scores of a rater mean: told by the protocol, by the account of an import, or not known.

Pure. Invariant: direction and scale are told or `unknown`, never guessed from a name.
"""

from __future__ import annotations

import msgspec

from consilience.evaluation.exports.material import Material
from consilience.evaluation.exports.rows import Result
from consilience.evaluation.importers.imported import Direction, Metric
from consilience.evaluation.protocol import Protocol, RaterKind


def meaning(material: Material, result: Result) -> Metric:
    """Return what the scores of one result mean.

    Args:
        material: With what was told.
        result: Whose rater is asked for.
    """
    task = result.task
    run = material.run_of(task.laboratory, task.model, task.concept, result.rater)
    if run is not None:
        metric = next(metric for metric in run.metrics if metric.rater == result.rater)
        return msgspec.structs.replace(metric, simulated=result.simulated)
    planned = _planned(material.protocol, result) if material.protocol is not None else None
    metric = planned or _seen(result)
    manifest = material.manifest_of(task.laboratory, task.model)
    identity = next((r for r in manifest.raters if r.id == result.rater), None) if manifest else None
    if identity is None:
        return metric
    return msgspec.structs.replace(
        metric,
        judge_model=identity.model or metric.judge_model,
        prompt_digest=identity.prompt_digest or metric.prompt_digest,
    )


def _planned(protocol: Protocol, result: Result) -> Metric | None:
    rater = next((rater for rater in protocol.raters if rater.id == result.rater), None)
    concept = next((one for one in protocol.concepts if one.id == result.task.concept), None)
    if rater is None or concept is None:
        return None
    direction: Direction = "higher is better" if concept.higher_is_better else "lower is better"
    return Metric(
        rater=result.rater,
        name=result.rater,
        kind=RaterKind(result.rater_kind),
        direction=direction,
        scale=rater.scale.kind,
        minimum=rater.scale.minimum,
        maximum=rater.scale.maximum,
        judge_model=rater.model,
        values=rater.scale.labels,
        simulated=result.simulated,
    )


def _seen(result: Result) -> Metric:
    """What the scores show by themselves: whether all are 0 or 1."""
    binary = result.binary and result.scored > 0
    return Metric(
        rater=result.rater,
        name=result.rater,
        kind=RaterKind(result.rater_kind),
        scale="binary" if binary else "unknown",
        minimum=0.0 if binary else None,
        maximum=1.0 if binary else None,
        simulated=result.simulated,
    )
