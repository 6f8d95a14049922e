"""The bill of materials: valid under the official schema, with card, intervals, weights, metered energy."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from tests.evaluation.exercises import make_manifest, make_protocol
from tests.evaluation.exports.exported import NOW
from tests.evaluation.exports.schemas import cyclonedx, faults
from tests.simulators.joint_result import joint_result

from consilience.evaluation.exports.cyclonedx import JOULES_PER_KWH, bill_of_materials
from consilience.evaluation.exports.material import Material
from consilience.evaluation.run_record import Energy, Manifest

MODEL = "SmolLM2-135M-Instruct"
METERED = Energy(joules=7_200_000.0, basis="metered", counter="rapl", boundary="CPU package")


def material_of(*manifests: Manifest) -> Material:
    return Material((), manifests, (), (), None, joint_result(), ())


def a_manifest(laboratory: str = "north", energy: Energy | None = None, **changes: Any) -> Manifest:
    made = make_manifest(make_protocol(), laboratory, model=MODEL, **changes)
    if energy is None:
        return made
    return msgspec.structs.replace(made, usage=msgspec.structs.replace(made.usage, energy=energy))


def made(*manifests: Manifest) -> tuple[Any, set[str]]:
    document, losses = bill_of_materials(joint_result(), material_of(*manifests), now=NOW)
    document = json.loads(msgspec.json.encode(document))
    assert faults(cyclonedx(), document) == []
    return document, {loss.code for loss in losses}


def test_it_is_valid_and_every_metric_has_its_interval_as_text() -> None:
    document, codes = made()
    (component,) = document["components"]
    assert (component["type"], component["name"]) == ("machine-learning-model", MODEL)
    card = component["modelCard"]
    metrics = card["quantitativeAnalysis"]["performanceMetrics"]
    assert len(metrics) == 2 * 4 * 5
    for metric in metrics:
        interval = metric["confidenceInterval"]
        assert float(interval["lowerBound"]) <= float(metric["value"]) <= float(interval["upperBound"])
    names = {one["name"] for one in card["properties"]}
    assert {"consilience:metric.0.n_items", "consilience:metric.0.interval_method"} <= names
    assert codes == {"in_properties"}
    assert "hashes" not in component


def test_the_schema_would_refuse_numbers() -> None:
    document, _ = made()
    metric = document["components"][0]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0]
    metric["value"] = float(metric["value"])
    assert faults(cyclonedx(), document) != []


def test_known_weights_are_a_hash_and_different_ones_are_none() -> None:
    weights = "sha256:" + "a1" * 32
    document, _ = made(a_manifest(weights_digest=weights))
    assert document["components"][0]["hashes"] == [{"alg": "SHA-256", "content": "a1" * 32}]
    other = a_manifest("south", weights_digest="sha256:" + "b2" * 32)
    document, codes = made(a_manifest(weights_digest=weights), other)
    assert "hashes" not in document["components"][0]
    assert "weights_differ" in codes


def test_energy_stands_there_only_where_it_was_metered() -> None:
    document, codes = made(a_manifest())
    assert "environmentalConsiderations" not in document["components"][0]["modelCard"].get(
        "considerations", {}
    )
    assert "energy_not_metered" in codes
    document, codes = made(a_manifest(energy=METERED), a_manifest("south"))
    card = document["components"][0]["modelCard"]
    (one,) = card["considerations"]["environmentalConsiderations"]["energyConsumptions"]
    assert one["activityEnergyCost"] == {"value": 7_200_000.0 / JOULES_PER_KWH, "unit": "kWh"}
    assert {"name": "consilience:basis", "value": "metered"} in one["properties"]
    assert "energy_not_metered" in codes


def test_a_declared_reading_without_joules_is_no_zero() -> None:
    none = Energy(joules=None, basis="metered", counter="rapl", boundary="CPU package", reason="wrapped")
    document, _ = made(a_manifest(energy=none))
    assert "environmentalConsiderations" not in document["components"][0]["modelCard"].get(
        "considerations", {}
    )


def test_simulated_raters_are_named_as_such() -> None:
    result = joint_result()
    raters = tuple(msgspec.structs.replace(rater, simulated=True) for rater in result.raters)
    document, _ = bill_of_materials(msgspec.structs.replace(result, raters=raters), material_of(), now=NOW)
    properties = document["components"][0]["modelCard"]["properties"]
    assert {"name": "consilience:metric.0.simulated", "value": "true"} in properties


def test_the_same_result_has_the_same_serial_number() -> None:
    assert made()[0]["serialNumber"] == made()[0]["serialNumber"]
