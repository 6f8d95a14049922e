"""The aggregate document: what it says, and that it is valid whatever is known and not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.exercises import make_manifest, make_protocol
from tests.evaluation.exports.exported import NOW
from tests.evaluation.exports.schemas import every_eval_ever, faults

from consilience.evaluation import joint_result as jr
from consilience.evaluation.exports import every_eval_ever as eee
from consilience.evaluation.exports.rows import Result, Task
from consilience.evaluation.importers.imported import Metric
from consilience.evaluation.protocol import RaterKind

TASK = Task("joint-3", "North", "org/model-1", "maths")
ABOUT = eee.About(task=TASK, retrieved_at=NOW)


def a_result(**changes: Any) -> Result:
    known: dict[str, Any] = {
        "task": TASK, "language": "sw", "split": None, "rater": "exact", "rater_kind": "program",
        "simulated": False, "protocol_digest": None, "run": None, "runs": 0, "rows": 10, "scored": 8,
        "items": 4, "mean": 0.5, "item_mean": 0.625, "lowest": 0.0, "highest": 1.0, "binary": True,
    }  # fmt: skip
    return Result(**(known | changes))


def a_metric(**changes: Any) -> Metric:
    return Metric(**({"rater": "exact", "name": "acc", "kind": RaterKind.PROGRAM} | changes))


def an_estimate(**changes: Any) -> jr.Estimate:
    interval = jr.Interval(low=0.4, high=0.9, level=0.95, method="wilson")
    known = {"value": 0.7, "interval": interval, "n_items": 4, "n_scores": 8, "estimand": "generalized",
             "standard_error": 0.1}  # fmt: skip
    return jr.Estimate(**(known | changes))


def document_of(*entries: dict[str, Any] | None, about: eee.About = ABOUT) -> dict[str, Any]:
    found = eee.aggregate(about, [entry for entry in entries if entry is not None], [], None)
    assert faults(every_eval_ever("eval"), found) == []
    return found


def test_an_interval_goes_out_with_level_method_and_n() -> None:
    entry = eee.aggregate_result(a_result(), a_metric(), an_estimate(), about=ABOUT)
    document_of(entry)
    assert entry is not None
    assert entry["score_details"]["score"] == 0.7
    assert entry["score_details"]["uncertainty"] == {
        "num_samples": 4,
        "standard_error": {"value": 0.1, "method": "wilson"},
        "confidence_interval": {"lower": 0.4, "upper": 0.9, "confidence_level": 0.95, "method": "wilson"},
    }
    assert entry["evaluation_name"] == "maths/sw"
    own = entry["metric_config"]["additional_details"]
    assert (own["consilience_language"], own["consilience_rater_kind"]) == ("sw", "program")


def test_without_an_interval_it_says_why() -> None:
    bare = an_estimate(interval=None, standard_error=None, reason=jr.Message(code="one_item"))
    entry = eee.aggregate_result(a_result(), a_metric(), bare, about=ABOUT)
    document_of(entry)
    assert entry is not None
    assert entry["score_details"]["details"]["consilience_no_interval"] == "one_item"
    assert "confidence_interval" not in entry["score_details"]["uncertainty"]


def test_without_a_joint_result_the_mean_of_the_items_stands_there() -> None:
    entry = eee.aggregate_result(a_result(), a_metric(), None, about=ABOUT)
    document_of(entry)
    assert entry is not None
    assert entry["score_details"]["score"] == 0.625
    assert entry["score_details"]["uncertainty"] == {"num_samples": 4}


def test_a_result_without_a_number_is_no_result_and_never_zero() -> None:
    nothing = a_result(scored=0, items=0, mean=None, item_mean=None, binary=False)
    assert eee.aggregate_result(nothing, a_metric(), None, about=ABOUT) is None
    codes = {loss.code for loss in eee.losses_of(nothing, a_metric(), texts=False)}
    assert {"no_result", "unscored"} <= codes
    assert document_of()["evaluation_results"] == []


@pytest.mark.parametrize("scale", ["binary", "ordinal", "continuous", "unknown"])
@pytest.mark.parametrize("bounds", [(None, None), (0.0, 5.0)])
@pytest.mark.parametrize("kind", list(RaterKind))
def test_every_kind_of_metric_is_valid(scale: str, bounds: tuple[Any, Any], kind: RaterKind) -> None:
    metric = a_metric(scale=scale, minimum=bounds[0], maximum=bounds[1], kind=kind, judge_model="org/judge")
    entry = eee.aggregate_result(a_result(rater_kind=kind.value), metric, an_estimate(), about=ABOUT)
    document_of(entry)
    assert entry is not None
    assert ("llm_scoring" in entry["metric_config"]) == (kind is RaterKind.JUDGE)
    expected = {"unknown": None, "ordinal": "continuous"}.get(scale, scale)
    assert entry["metric_config"].get("score_type") == expected


def test_a_direction_that_is_not_known_is_listed_and_stays_unknown_in_our_field() -> None:
    entry = eee.aggregate_result(a_result(), a_metric(), None, about=ABOUT)
    assert entry is not None
    assert entry["metric_config"]["lower_is_better"] is False
    assert entry["metric_config"]["additional_details"]["consilience_direction"] == "unknown"
    assert "direction_unknown" in {loss.code for loss in eee.losses_of(a_result(), a_metric(), texts=False)}
    known = a_metric(direction="lower is better")
    assert "direction_unknown" not in {loss.code for loss in eee.losses_of(a_result(), known, texts=False)}


def test_a_manifest_tells_how_the_model_was_asked() -> None:
    manifest = make_manifest(make_protocol(), "North", weights_digest="sha256:" + "0" * 64)
    about = eee.About(task=TASK, retrieved_at=NOW, manifest=manifest)
    entry = eee.aggregate_result(a_result(), a_metric(), None, about=about)
    found = document_of(entry, about=about)
    assert found["model_info"]["additional_details"] == {
        "deployment_type": "self_deployed", "model_availability": "unknown",
        "consilience_weights_digest": "sha256:" + "0" * 64,
    }  # fmt: skip
    assert found["model_info"]["developer"] == "org"
    assert entry is not None
    assert entry["generation_config"]["generation_args"] == {"temperature": 0.0, "max_tokens": 8}
    assert found["evaluation_timestamp"] == "2026-02-01T00:00:00Z"


@pytest.mark.parametrize(
    ("score", "changes", "correct"),
    [
        (1.0, {}, True),
        (0.5, {}, False),
        (0.0, {"direction": "lower is better"}, True),
        (0.5, {"direction": "lower is better"}, False),
        (5.0, {"minimum": 1.0, "maximum": 5.0}, True),
        (4.0, {"minimum": 1.0, "maximum": 5.0}, False),
        (1.0, {"minimum": 1.0, "maximum": 5.0, "direction": "lower is better"}, True),
    ],
)
def test_correct_is_the_good_end_of_the_scale(score: float, changes: dict[str, Any], correct: bool) -> None:
    from consilience.evaluation.exports.every_eval_ever_rows import is_correct

    assert is_correct(score, a_metric(**changes)) is correct


def test_names_of_files_have_the_form_of_a_random_uuid_and_depend_on_the_evaluation() -> None:
    import uuid

    assert uuid.UUID(ABOUT.name).version == 4
    assert ABOUT.name == eee.About(task=TASK, retrieved_at=NOW).name
    assert ABOUT.name != eee.About(task=TASK._replace(laboratory="South"), retrieved_at=NOW).name
    assert ABOUT.folder == "data/joint-3.North/org/model-1"


def test_the_schemas_are_the_ones_that_their_source_names() -> None:
    import hashlib

    from tests.evaluation.exports.schemas import VECTORS

    for source in sorted(VECTORS.glob("*/SOURCE.md")):
        text = source.read_text(encoding="utf-8")
        files = [path for path in source.parent.iterdir() if path.suffix == ".json"]
        assert files
        for path in files:
            assert f"| `{path.name}` | `{hashlib.sha256(path.read_bytes()).hexdigest()}` |" in text
            json.loads(path.read_bytes())
        assert (source.parent / "LICENSE").is_file()


def test_the_validator_can_fail(tmp_path: Path) -> None:
    document = document_of() | {"own": 1}
    assert faults(every_eval_ever("eval"), document) != []
