"""CycloneDX 1.6 (ECMA-424): a machine-learning bill of materials with a model card and its intervals.

Pure. Written by hand for `bom-1.6.schema.json`. Invariants: values are texts, as the schema demands; a
component without known weights has no hash; energy stands there only where it was metered; what a metric has
no field for (n, method, level) stands in the card's properties under the same number.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Sequence
from typing import Any

from consilience import __version__
from consilience.evaluation.exports.estimates import Estimates, why_none
from consilience.evaluation.exports.material import Material
from consilience.evaluation.exports.written import NotHeld
from consilience.evaluation.joint_result import Cell, Estimate, JointResult
from consilience.evaluation.run_record import Manifest
from consilience.records.canonical import canonical_bytes, digest

JOULES_PER_KWH = 3_600_000.0
NAMESPACE = "consilience:"
WEIGHTS = re.compile(r"sha256:([0-9a-f]{64})")


def bill_of_materials(
    result: JointResult, material: Material, *, now: datetime.datetime
) -> tuple[dict[str, Any], list[NotHeld]]:
    """Return the document, and what it cannot hold.

    Args:
        result: The joint result; each of its models is a component.
        material: With manifests, for weights and energy.
        now: UTC.
    """
    losses: list[NotHeld] = []
    components = [
        _component(result, model, [m for m in material.manifests if m.model == model], losses)
        for model in result.models
    ]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": now.astimezone(datetime.UTC).isoformat(timespec="seconds"),
            "tools": {"components": [{"type": "application", "name": "consilience", "version": __version__}]},
            "properties": _properties(
                {
                    "exercise": result.exercise.name,
                    "protocol_digest": result.exercise.protocol_digest,
                    "handling": material.marking.value if material.marking is not None else None,
                    "laboratories": ", ".join(result.laboratories),
                }
            ),
        },
        "components": components,
    }
    name = digest(canonical_bytes(document)).removeprefix("sha256:")
    return {"serialNumber": f"urn:uuid:{uuid.UUID(hex=name[:32], version=4)}"} | document, losses


def _component(
    result: JointResult, model: str, manifests: Sequence[Manifest], losses: list[NotHeld]
) -> dict[str, Any]:
    estimates = Estimates(result)
    metrics: list[dict[str, Any]] = []
    details: list[dict[str, str]] = []
    simulated = {rater.id for rater in result.raters if rater.simulated}
    for cell in estimates.primary(model):
        estimate = estimates.verdict(cell)
        if estimate.value is None:
            losses.append(
                NotHeld(code="no_value", text=f"a metric without a number is left out: {why_none(estimate)}")
            )
            continue
        number = len(metrics)
        metrics.append(_metric(cell, estimate))
        details += _of_metric(number, cell, estimate, simulated=cell.rater in simulated)
    if metrics:
        losses.append(
            NotHeld(
                code="in_properties", text="n, level and method of an interval have no field; they stand in "
                "properties", count=len(metrics),
            )
        )  # fmt: skip
    card: dict[str, Any] = {
        "quantitativeAnalysis": {"performanceMetrics": metrics},
        "properties": details,
    }
    considerations = _considerations(result, model, manifests, losses)
    if considerations:
        card["considerations"] = considerations
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": f"model:{digest(model.encode()).removeprefix('sha256:')[:16]}",
        "name": model,
    }
    hashes = sorted({found[1] for m in manifests if (found := WEIGHTS.fullmatch(m.weights_digest or ""))})
    if len(hashes) == 1:
        component["hashes"] = [{"alg": "SHA-256", "content": hashes[0]}]
    elif hashes:
        losses.append(
            NotHeld(code="weights_differ", text="laboratories ran different weights; no hash stands")
        )
    return component | {"modelCard": card}


def _metric(cell: Cell, estimate: Estimate) -> dict[str, Any]:
    metric: dict[str, Any] = {
        "type": f"{cell.concept} ({cell.rater})",
        "value": repr(estimate.value),
        "slice": f"language={cell.language or 'all'}; laboratory={cell.laboratory or 'all'}",
    }
    if estimate.interval is not None:
        metric["confidenceInterval"] = {
            "lowerBound": repr(estimate.interval.low),
            "upperBound": repr(estimate.interval.high),
        }
    return metric


def _of_metric(number: int, cell: Cell, estimate: Estimate, *, simulated: bool) -> list[dict[str, str]]:
    interval = estimate.interval
    told = {
        "n_items": estimate.n_items,
        "n_scores": estimate.n_scores,
        "n_unscored": cell.n_unscored,
        "estimand": estimate.estimand,
        "interval_level": None if interval is None else interval.level,
        "interval_method": None if interval is None else interval.method,
        "no_interval": why_none(estimate) if interval is None else None,
        "simulated": "true" if simulated else None,
    }
    return _properties({f"metric.{number}.{name}": value for name, value in told.items()})


def _considerations(
    result: JointResult, model: str, manifests: Sequence[Manifest], losses: list[NotHeld]
) -> dict[str, Any]:
    failed = sum(row.count for row in result.failures if row.model == model)
    considerations: dict[str, Any] = {}
    if failed:
        considerations["technicalLimitations"] = [f"{failed} ratings have no score; their causes are listed"]
    consumptions = [found for m in manifests if (found := _energy(m)) is not None]
    unmetered = len(manifests) - len(consumptions)
    if unmetered:
        losses.append(
            NotHeld(
                code="energy_not_metered", text="energy that was not metered is left out", count=unmetered
            )
        )
    if consumptions:
        considerations["environmentalConsiderations"] = {"energyConsumptions": consumptions}
    return considerations


def _energy(manifest: Manifest) -> dict[str, Any] | None:
    energy = manifest.usage.energy
    if energy.basis != "metered" or energy.joules is None:
        return None
    return {
        "activity": "validation",
        "energyProviders": [],
        "activityEnergyCost": {"value": energy.joules / JOULES_PER_KWH, "unit": "kWh"},
        "properties": _properties(
            {
                "basis": energy.basis,
                "counter": energy.counter,
                "boundary": energy.boundary,
                "laboratory": manifest.laboratory,
            }
        ),
    }


def _properties(values: dict[str, object]) -> list[dict[str, str]]:
    """Return properties under our name; None and empty ones are left out."""
    return [
        {"name": NAMESPACE + name, "value": str(value)}
        for name, value in values.items()
        if value not in (None, "")
    ]
