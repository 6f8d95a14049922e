"""What goes out as Every Eval Ever and comes back is the same, but for what the export listed."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.evaluation.exports.exported import as_every_eval_ever, back, documents, instance_rows, scores_in
from tests.evaluation.exports.schemas import every_eval_ever, faults
from tests.simulators.scores import row

from consilience.evaluation.exports.every_eval_ever_files import OWN_FOLDER
from consilience.evaluation.scores import Cause, Status

KINDS = {"exact": "program", "judge|a": "judge", "Anna & co": "human", "=panel": "judge"}
SIMULATED = {"=panel"}
DIGEST = st.integers(0, 3).map(lambda n: "sha256:" + f"{n:064x}")
NAME = st.sampled_from(["q1", "q 2", "p-00ff", "ق", "a/b|c", "=1+1", "x" * 200])
SCORES = st.floats(-1e9, 1e9, allow_nan=False) | st.sampled_from([0.0, 1.0, 1 / 3, -0.0, 5e-324])


@st.composite
def ratings(draw: st.DrawFn) -> dict[str, Any]:
    rater = draw(st.sampled_from(sorted(KINDS)))
    known: dict[str, Any] = {
        "exercise": "joint-3",
        "laboratory": "North",
        "model": draw(st.sampled_from(["org/model-1", "model 2", "../up"])),
        "language": draw(st.sampled_from(["en", "sw", "zh-Hant", "und"])),
        "concept": draw(st.sampled_from(["maths", "refusal/harm"])),
        "item": draw(NAME),
        "attempt": draw(st.integers(1, 3)),
        "rater": rater,
        "rater_kind": KINDS[rater],
        "simulated": rater in SIMULATED,
        "protocol_digest": "sha256:" + "ab" * 32,
        "generation": draw(st.none() | st.text("0123456789abcdef", min_size=32, max_size=32)),
        "split": None,
        "run": "run-1",
    }
    if draw(st.booleans()):
        return known | {"score": draw(SCORES), "status": "scored", "cause": None}
    status = draw(st.sampled_from([status.value for status in Status if status is not Status.SCORED]))
    return known | {"score": None, "status": status, "cause": draw(st.sampled_from(list(Cause))).value}


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = draw(st.lists(ratings(), min_size=1, max_size=25))
    unique: dict[tuple[Any, ...], dict[str, Any]] = {}
    keys = ("model", "language", "concept", "item", "attempt", "rater")
    digests: dict[tuple[str, str], str | None] = {}
    for one in found:
        place = (one["item"], one["language"])
        if place not in digests:
            digests[place] = draw(st.none() | DIGEST)
        unique.setdefault(tuple(one[key] for key in keys), one | {"item_digest": digests[place]})
    return list(unique.values())


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
def test_scores_come_back_as_they_were(rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out, losses = as_every_eval_ever(rows, folder)
        for document in documents(out):
            assert faults(every_eval_ever("eval"), document) == []
        for one in instance_rows(out):
            assert faults(every_eval_ever("instance_level_eval"), one) == []
        imported = back(out, folder / "again", exercise="joint-3", laboratory="North")
        assert scores_in(folder / "again/scores.parquet") == scores_in(folder / "in/scores.parquet")
        assert [f for f in imported.findings if f.severity != "note"] == []
        assert all(summary.agrees is not False for summary in imported.summaries)
        counts = {loss.code: 0 for loss in losses}
        for loss in losses:
            counts[loss.code] += loss.count
        unscored = sum(one["score"] is None for one in rows)
        assert counts.get("unscored", 0) == unscored
        assert counts.get("texts", 0) == counts.get("is_correct", 0) == len(rows) - unscored


def test_what_the_import_decides_is_listed_and_nothing_else_is_lost(tmp_path: Path) -> None:
    rows = [row(run="run-1", item=f"q{n}", score=float(n % 2)) for n in range(4)]
    out, losses = as_every_eval_ever(rows, tmp_path)
    assert {loss.code for loss in losses} == {
        "answers", "texts", "is_correct", "decided_on_import", "direction_unknown",
        "no_developer",
    }  # fmt: skip
    back(out, tmp_path / "again", exercise="other", laboratory="South")
    before, after = scores_in(tmp_path / "in/scores.parquet"), scores_in(tmp_path / "again/scores.parquet")
    changed = {name for a, b in zip(before, after, strict=True) for name in a if a[name] != b[name]}
    assert changed == {"exercise", "laboratory", "simulated"}
    assert {b["simulated"] for b in after} == {False}
    assert {a["simulated"] for a in before} == {None}


def test_several_runs_of_one_rater_lose_their_name_and_say_so(tmp_path: Path) -> None:
    rows = [row(run=f"run-{n}", item=f"q{n}") for n in range(2)]
    out, losses = as_every_eval_ever(rows, tmp_path)
    assert "several_runs" in {loss.code for loss in losses}
    back(out, tmp_path / "again", exercise="simulated", laboratory="lab-a")
    assert {one["run"] for one in scores_in(tmp_path / "again/scores.parquet")} == {None}


def test_splits_stay_apart(tmp_path: Path) -> None:
    rows = [row(item=f"q{n}", split=split) for n, split in enumerate(("evaluation", "tuning", "exploratory"))]
    out, _ = as_every_eval_ever([one | {"simulated": False} for one in rows], tmp_path)
    names = {result["evaluation_name"] for d in documents(out) for result in d["evaluation_results"]}
    assert names == {"maths/en", "maths/en/tuning", "maths/en/exploratory"}
    back(out, tmp_path / "again", exercise="simulated", laboratory="lab-a")
    assert scores_in(tmp_path / "again/scores.parquet") == scores_in(tmp_path / "in/scores.parquet")


def test_each_laboratory_is_imported_by_itself(tmp_path: Path) -> None:
    rows = [row(laboratory=lab, score=score, simulated=False) for lab, score in (("A", 1.0), ("B", 0.0))]
    out, _ = as_every_eval_ever(rows, tmp_path)
    imported = back(out, tmp_path / "again", exercise="simulated", laboratory="B")
    assert [f.code for f in imported.findings if f.severity == "error"] == ["other_laboratory"]
    found = scores_in(tmp_path / "again/scores.parquet")
    assert [(one["laboratory"], one["attempt"], one["score"]) for one in found] == [("B", 1, 0.0)]


def test_rows_that_were_cut_or_changed_are_findings(tmp_path: Path) -> None:
    out, _ = as_every_eval_ever([row(item=f"q{n}", score=n % 2) for n in range(6)], tmp_path)
    (samples,) = (out / "data").rglob("*_samples.jsonl")
    samples.write_bytes(b"".join(samples.read_bytes().splitlines(keepends=True)[:-1]))
    imported = back(out, tmp_path / "again", exercise="simulated", laboratory="lab-a")
    assert imported.rows == 5
    codes = {finding.code for finding in imported.findings}
    assert {"rows_missing", "digest_differs", "summary_disagrees"} <= codes


def test_rows_without_a_score_are_in_our_own_file_and_never_zero(tmp_path: Path) -> None:
    rows = [row(), row(item="q2", score=None, status="failed", cause="timeout")]
    out, _ = as_every_eval_ever(rows, tmp_path)
    assert [one["evaluation"]["score"] for one in instance_rows(out)] == [1.0]
    (own,) = (out / OWN_FOLDER).iterdir()
    head, line = map(json.loads, own.read_bytes().splitlines())
    assert head["result"]["consilience_rater"] == "exact"
    assert (line["status"], line["cause"], line["sample_id"]) == ("failed", "timeout", "q2")
    (document,) = documents(out)
    listed = dict(json.loads(document["source_metadata"]["additional_details"]["consilience_not_held"]))
    assert listed["unscored"] == 1
