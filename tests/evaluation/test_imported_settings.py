"""Settings of imports: told as they stand in the account, unknown where it is silent, and no results."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.evaluation.exercises import make_manifest, make_protocol
from tests.evaluation.importers.imports import a_metric, a_run, a_sink, finish

from consilience.evaluation.analysis import analyse
from consilience.evaluation.imported_settings import imported_facts
from consilience.evaluation.importers import writing
from consilience.evaluation.importers.imported import ImportedRun, Options
from consilience.evaluation.joint_result import Attribution
from consilience.evaluation.protocol import RaterKind
from consilience.evaluation.recorded_settings import MAX_KEYS, RecordedSetting, recorded_settings
from consilience.evaluation.run_record import Manifest

NOW = datetime.datetime(2026, 11, 22, tzinfo=datetime.UTC)
LABORATORIES = ("a", "b", "c")


def found(
    runs: dict[str, ImportedRun], manifests: tuple[Manifest, ...] = (), laboratories: Any = LABORATORIES
) -> dict[str, RecordedSetting]:
    told = [(laboratory, imported_facts(run, "acc")) for laboratory, run in runs.items()]
    settings = recorded_settings(manifests, laboratories, model="model-0", rater="acc", told=told)
    return {one.name + (f"={one.level}" if one.level else ""): one for one in settings}


def test_what_the_account_tells_differs_between_laboratories() -> None:
    judged = msgspec.structs.replace(a_metric(), kind=RaterKind.JUDGE, judge_model="old", prompt_digest="p1")
    newer = msgspec.structs.replace(judged, judge_model="new")
    settings = found(
        {
            "a": a_run(harness_version="0.3", sampling={"temperature": 0.0}, metrics=(judged,), attempts=1),
            "b": a_run(harness_version="0.4", sampling={"temperature": 1.0}, metrics=(judged,), attempts=5),
            "c": a_run(harness_version="0.3", sampling={"temperature": 0.5}, metrics=(newer,), attempts=1),
        }
    )
    assert settings["software.toy=0.4"].values == (0.0, 1.0, 0.0)
    assert settings["sampling.temperature"].values == (0.0, 1.0, 0.5)
    assert settings["rater.acc.model=new"].values == (0.0, 0.0, 1.0)
    assert settings["attempts"].values == (1.0, 5.0, 1.0)
    assert set(settings) == {
        "software.toy=0.4", "sampling.temperature", "rater.acc.model=new", "attempts"
    }  # fmt: skip


def test_what_is_not_told_is_not_known() -> None:
    settings = found(
        {
            "a": a_run(sampling={"temperature": 0.0}, settings={"num_fewshot": 0}, state="complete"),
            "b": a_run(sampling={"temperature": 1.0, "top_p": 0.9}, settings={"num_fewshot": 5}),
            "c": a_run(),
        }
    )
    assert settings["sampling.temperature"].values == (0.0, 1.0, None)
    assert settings["settings.num_fewshot"].values == (0.0, 5.0, None)
    assert set(settings) == {"sampling.temperature", "settings.num_fewshot"}


def test_a_manifest_and_an_import_stand_beside_each_other() -> None:
    """The manifest tells all that was sent; the import what its source told. The harness is one setting."""
    plan = make_protocol()
    manifests = tuple(
        make_manifest(plan, laboratory, sampling={"temperature": 0.0, "max_tokens": 8, "top_p": 0.5})
        for laboratory in "ab"
    )
    run = a_run(sampling={"temperature": 1.0, "max_gen_toks": 16, "min_p": 0.1}, harness_version="2")
    settings = found({"c": run}, manifests)
    assert settings["sampling.temperature"].values == (0.0, 0.0, 1.0)
    assert settings["sampling.max_tokens"].values == (8.0, 8.0, 16.0)
    assert "sampling.top_p" not in settings
    assert settings["harness=toy"].values == (0.0, 0.0, 1.0)
    assert settings["software.toy=2"].values == (0.0, 0.0, 1.0)
    assert not any(name.startswith(("endpoint", "items", "system_prompt")) for name in settings)


def test_runs_of_one_laboratory_that_contradict_each_other_are_unknown() -> None:
    told = [
        (laboratory, imported_facts(a_run(sampling={"temperature": value}, language=tag), "acc"))
        for laboratory, value, tag in (("a", 0.0, "en"), ("a", 0.0, "fr"), ("b", 1.0, "en"), ("b", 0.5, "fr"))
    ]
    assert recorded_settings((), ("a", "b"), model="m", rater="acc", told=told) == ()
    told.append(("c", imported_facts(a_run(sampling={"temperature": 1.0}, language="en"), "acc")))
    settings = recorded_settings((), ("a", "b", "c"), model="m", rater="acc", told=told)
    assert {one.name: one.values for one in settings} == {
        "sampling.temperature": (0.0, None, 1.0),
        "languages.fr": (0.0, 0.0, 1.0),
    }


@pytest.mark.parametrize(
    "name",
    ["seed", "random_seed", "run.seed", "run_id", "eval_id", "evalId", "run_uid", "stats.started_at",
     "stats.completed_at", "numeric_grade", "text_grade", "reference"],
)  # fmt: skip
def test_names_of_a_run_seeds_times_and_results_are_no_settings(name: str) -> None:
    runs = {laboratory: a_run(settings={name: k}, sampling={"seed": k}) for k, laboratory in enumerate("aab")}
    assert found(runs, laboratories=("a", "b")) == {}


def test_an_account_cannot_make_many_or_long_settings() -> None:
    runs = {
        laboratory: a_run(settings={f"key-{n:04d}-{'x' * 500}": n + k for n in range(500)})
        for k, laboratory in enumerate("ab")
    }
    settings = found(runs, laboratories=("a", "b"))
    assert len(settings) == MAX_KEYS
    assert all(len(name) < 70 for name in settings)


def an_import(folder: Path, laboratory: str, rate: float, sampling: dict[str, Any], version: str) -> Path:
    folder.mkdir(parents=True)
    chance = np.random.default_rng(1).uniform(-0.2, 0.2, 80) + rate
    rng = np.random.default_rng(ord(laboratory[-1]))
    with a_sink() as sink:
        run = sink.add_run(
            a_run(sampling=sampling, harness_version=version, model="m", language="en", attempts=4)
        )
        for item, p in enumerate(chance):
            for attempt in range(4):
                sink.add_score(
                    run, f"q{item}", rater="acc", score=float(rng.random() < p), attempt=attempt + 1
                )
        imported, _ = finish(sink, folder, Options(exercise="e", laboratory=laboratory))
        writing.write_account(imported, folder / writing.IMPORT)
    return folder


def test_the_temperature_of_imported_runs_is_found_in_the_joint_result(tmp_path: Path) -> None:
    """Six laboratories, all imported: those with temperature 1 are 20 points lower."""
    for k, temperature in enumerate((0.0, 0.0, 0.0, 1.0, 1.0, 1.0)):
        an_import(
            tmp_path / str(k), f"lab-{k}", 0.6 - 0.2 * temperature, {"temperature": temperature}, f"1.{k % 2}"
        )
    result = analyse([tmp_path], protocol=None, now=NOW)
    known: dict[str, Attribution] = {one.setting: one for one in result.attributions}
    assert set(known) == {"sampling.temperature", "software.toy"}
    one = known["sampling.temperature"]
    assert one.values == {f"lab-{k}": float(k > 2) for k in range(6)}
    interval = one.association.interval
    assert interval is not None
    assert interval.low < -0.2 < interval.high < 0.0
    assert known["software.toy"].association.interval is not None
    assert known["software.toy"].association.interval.high > 0.0
