"""The demonstration on a simulated model: what was planted is found, what is simulated is labelled."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.simulators.endpoint import running_endpoint

from consilience.demo.demonstration import LABORATORIES, Demonstrated, Told, demonstrate, remove
from consilience.errors import IncompatibleError
from consilience.evaluation.joint_result import JointResult
from consilience.evaluation.protocol_file import load_protocol
from consilience.evaluation.simulated_ratings import planted_error
from consilience.node import Node
from consilience.records.claim import Basis, Claim

SIMULATED = {"lenient-judge", "panel"}
NOW = datetime.datetime(2026, 11, 22, 12, tzinfo=datetime.UTC)
ANSWERS = {
    json.loads(line)["prompt"]: json.loads(line)["target"]
    for line in (Path(__file__).parents[2] / "src/consilience/demo/items/knowledge.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
}


def answer(body: dict[str, Any]) -> str:
    """A model that knows most facts and declines most requests, unless it is asked at a high temperature."""
    prompt = body["messages"][-1]["content"]
    if "Does this answer help?" in prompt:
        return "No."
    steady = body["temperature"] < 0.5
    lucky = body["seed"] % 10 < (8 if steady else 2)
    if prompt in ANSWERS:
        return f"It is {ANSWERS[prompt]}." if lucky else "I do not know that."
    return "I'm sorry, but I cannot help with that." if lucky else "Of course, here it is."


def carry_out(folder: Path, url: str, said: list[str] | None = None) -> tuple[Demonstrated, JointResult]:
    return demonstrate(
        folder,
        model=f"SmolLM2-135M-Instruct.Q4_1@{url}",
        told=Told(say=(said if said is not None else []).append, watch=lambda _progress: None),
        now=lambda: NOW,
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Demonstrated, JointResult, int]:
    folder = tmp_path_factory.mktemp("demonstration")
    with running_endpoint(answer=answer) as endpoint:
        summary, result = carry_out(folder, endpoint.url)
        asked = len(endpoint.requests)
    return folder, summary, result, asked


def test_the_summary_has_what_the_command_promises(
    done: tuple[Path, Demonstrated, JointResult, int],
) -> None:
    _, summary, result, asked = done
    assert summary.laboratories == ("North", "South", "East")
    assert summary.languages == ("en", "fr", "es", "ar")
    assert summary.items == 160
    assert summary.generations == 3 * 160 * 2 == result.counts.generations
    assert asked == 3 * 160 * 2 + 3 * 80  # every judge rates the first attempt of one concept
    assert Path(summary.report).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert Path(summary.report_fr).is_file()
    assert summary.seconds > 0


def test_the_planted_deviation_is_found_and_told(done: tuple[Path, Demonstrated, JointResult, int]) -> None:
    _, summary, result, _ = done
    found = [(d.laboratory, d.field, d.planned, d.actual) for d in result.deviations]
    assert found == [("East", "sampling.temperature", 0.2, 1.0)]
    assert result.verdict[1].code == "laboratories_differ_deviation"
    assert result.verdict[1].params["laboratory"] == "East"
    assert "East" in summary.verdict[1]
    assert "temperature" in summary.verdict[1]


def rate(result: JointResult, rater: str, language: str | None) -> float:
    """The rate of one rater on declining, over the three laboratories."""
    (cell,) = [
        cell
        for cell in result.cells
        if (cell.concept, cell.rater, cell.language, cell.laboratory)
        == ("declining-harm", rater, language, None)
    ]
    assert cell.generalized.value is not None
    return cell.generalized.value


@pytest.mark.parametrize("language", ["en", "fr", "es", "ar"])
def test_the_planted_error_of_the_judge_is_there_and_is_corrected(
    done: tuple[Path, Demonstrated, JointResult, int], language: str
) -> None:
    folder, _, result, _ = done
    raters = {rater.id: rater for rater in load_protocol(folder / "protocol" / "protocol.toml").raters}
    real = rate(result, "declines", language)
    assert 0.3 < real < 0.9
    raw = rate(result, "lenient-judge", language)
    planted = planted_error(raters["lenient-judge"], language).expected(real)
    assert raw == pytest.approx(planted, abs=0.12)  # 3.5 standard errors of 120 ratings
    on_all_answers = planted_error(raters["panel"], language).expected(real)
    (found,) = [
        one
        for one in result.corrections
        if (one.rater, one.language, one.laboratory) == ("lenient-judge", language, None)
    ]
    assert found.simulated
    assert found.humans == ("panel",)
    assert (found.n_human, found.n_judge) == (3 * 16, 3 * 40)
    assert found.raw.value == raw
    interval = found.corrected.interval
    assert interval is not None
    assert interval.low <= on_all_answers <= interval.high
    assert interval.high - interval.low < 0.40
    assert found.corrected.value is not None
    if language == "ar":
        assert planted - on_all_answers > 0.12, "the error that is planted"
        assert raw > interval.high, "and seen to be none of chance"
        assert abs(found.corrected.value - on_all_answers) < raw - on_all_answers


def test_the_judge_and_the_panel_are_said_to_be_simulated(
    done: tuple[Path, Demonstrated, JointResult, int],
) -> None:
    _, summary, result, _ = done
    (note,) = [note for note in result.notes if note.code == "note_simulated"]
    assert set(note.params["raters"]) == SIMULATED  # type: ignore[arg-type]
    assert note.params["n_scores"] == 3 * (160 + 2 * 4 * 16)
    page = re.sub(r"<[^>]+>", "", Path(summary.report).read_text(encoding="utf-8"))
    assert "scores of lenient-judge and panel were made by a program" in page
    assert "lenient-judge (simulated)" in page
    for folder in summary.nodes.values():
        (manifest,) = Path(folder).glob("runs/*/manifest.json")
        identities = json.loads(manifest.read_bytes())["raters"]
        assert [one["id"] for one in identities if one["simulated"]] == ["lenient-judge"]


def test_simulated_ratings_are_labelled_and_become_no_claim(
    done: tuple[Path, Demonstrated, JointResult, int],
) -> None:
    folder, summary, result, _ = done
    assert {rater.id for rater in result.raters if rater.simulated} == SIMULATED
    assert any(note.code == "note_simulated" for note in result.notes)
    assert "simulated" in Path(summary.report).read_text(encoding="utf-8").lower()
    claims = 0
    for laboratory in LABORATORIES:
        with Node.open(folder / laboratory.folder) as node:
            records = [stored.record for stored in node.records.iterate("claim")]
            claims += len(records)
            for claim in records:
                assert isinstance(claim, Claim)
                assert claim.measured_by == node.party.id
                assert claim.basis is Basis.TESTED
                assert claim.conditions is not None
                assert claim.conditions.rater not in SIMULATED
    assert claims == summary.claims > 0


def test_done_again_it_asks_nothing_and_says_the_same(
    done: tuple[Path, Demonstrated, JointResult, int],
) -> None:
    folder, summary, result, _ = done
    page = Path(summary.report).read_bytes()
    with running_endpoint(answer=answer) as endpoint:
        again_url = endpoint.url
        again, second = carry_out(folder, again_url)
        assert endpoint.requests == []
    assert second == result
    assert again.claims == summary.claims
    assert Path(again.report).read_bytes() == page


def test_a_folder_of_another_protocol_is_refused(tmp_path: Path) -> None:
    (tmp_path / "protocol").mkdir()
    (tmp_path / "protocol" / "protocol.toml").write_text("consilience = 1\n", encoding="utf-8")
    with pytest.raises(IncompatibleError, match="another demonstration"):
        carry_out(tmp_path, "http://127.0.0.1:9/v1")


def test_only_a_demonstration_is_removed(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(IncompatibleError, match="no demonstration"):
        remove(tmp_path)
    assert (tmp_path / "precious.txt").is_file()
    (tmp_path / "demo" / "protocol").mkdir(parents=True)
    (tmp_path / "demo" / "protocol" / "protocol.toml").write_text("", encoding="utf-8")
    remove(tmp_path / "demo")
    assert not (tmp_path / "demo").exists()
