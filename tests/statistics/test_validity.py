"""The validity suite: its counting, its page, and one quick pass over every design."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from validation import __main__ as program
from validation.page import page
from validation.study import COVERAGE, POWER, TYPE_I, Outcome, Study, covers, each, rejects, run, share

from consilience.reporting.range_words import RANGE_WORDS
from consilience.statistics.estimate import Interval
from consilience.statistics.ranges import RANGES
from consilience.statistics.references import METHODS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "validity.md"


def _outcome(kind: str, rate: float | None, method: str = "wilson") -> Outcome:
    return Outcome("g", "d", method, "mean", kind, rate, 0.01, 100, 100)


@pytest.fixture(scope="module")
def quick() -> list[Outcome]:
    return program.simulate(program.all_studies(), quick=True)


def test_verdicts_follow_the_bands() -> None:
    assert [_outcome(COVERAGE, rate).verdict for rate in (0.92, 0.93, 0.97, 0.98)] == [
        "misses", "holds", "holds", "conservative",
    ]  # fmt: skip
    assert [_outcome(TYPE_I, rate).verdict for rate in (0.02, 0.03, 0.07, 0.08)] == [
        "conservative", "holds", "holds", "misses",
    ]  # fmt: skip
    assert _outcome(POWER, 0.5).verdict == _outcome(COVERAGE, None).verdict == "-"


def test_hits_are_counted_and_unanswered_ones_are_kept_apart() -> None:
    answers = iter([1.0, 0.0, None, 1.0])
    study = Study("g", "d", 4, each(lambda rng: {("wilson", "mean", COVERAGE): next(answers)}))
    found = run(study, 4)[0]
    assert (found.rate, found.answered, found.replications) == (pytest.approx(2 / 3), 3, 4)
    assert found.error == pytest.approx(np.sqrt(2 / 9 / 3))
    assert share([None, 1.0, 0.0]) == 0.5
    assert share([None]) is None
    interval = Interval(low=0.1, high=0.2, level=0.95, method="wilson")
    assert (covers(interval, 0.1), covers(interval, 0.3), covers(None, 0.1)) == (1.0, 0.0, None)
    assert (rejects(0.05), rejects(0.06), rejects(None)) == (1.0, 0.0, None)


def test_a_study_that_covers_too_rarely_is_seen() -> None:
    """The suite would find an interval that is too narrow: one of a single standard error."""

    def one(rng: np.random.Generator) -> dict:
        x = rng.normal(size=50)
        return {("student_t", "mean", COVERAGE): float(abs(x.mean()) <= x.std(ddof=1) / np.sqrt(50))}

    assert run(Study("g", "d", 500, each(one)), 500)[0].verdict == "misses"


def test_a_seed_gives_the_same_numbers_and_studies_do_not_touch_each_other() -> None:
    studies = program.all_studies()
    chosen = next(s for s in studies if "judge errs" in s.design)
    assert run(chosen, 5) == run(chosen, 5)
    assert run(chosen, 5, seed=1) != run(chosen, 5, seed=2) or run(chosen, 5, seed=3) != run(chosen, 5)


def test_names_of_designs_differ_and_there_are_enough() -> None:
    names = [(s.group, s.design) for s in program.all_studies()]
    assert len(names) == len(set(names))
    assert len(names) >= 12


def test_every_design_runs_and_names_methods_that_have_a_reference(quick: list[Outcome]) -> None:
    assert {(o.group, o.design) for o in quick} == {(s.group, s.design) for s in program.all_studies()}
    assert {o.method for o in quick} <= set(METHODS)
    assert {
        "wilson", "effective_wilson", "stratified_wilson", "student_t", "newcombe_paired", "mcnemar_exact",
        "sign_flip_exact", "paired_t", "holm", "benjamini-hochberg", "tost", "krippendorff_alpha_nominal",
        "krippendorff_alpha_ordinal", "gwet_ac1", "cohen_kappa", "clustered_share", "rogan_gladen",
        "ppi_plus_plus", "additive_raters", "mixed_raters", "group_jackknife", "williams_tukey", "q_profile",
        "laboratory_deviation", "hotelling", "hartung_knapp", "prediction", "setting_regression",
        "decision_study", "cochran", "grubbs", "paired_power",
    } <= {o.method for o in quick}  # fmt: skip
    assert all(o.rate is None or 0.0 <= o.rate <= 1.0 for o in quick)
    answered = [o for o in quick if o.kind == COVERAGE and o.rate is not None]
    assert np.mean([o.rate for o in answered]) > 0.85


def test_ranges_name_methods_that_have_a_reference() -> None:
    assert set(RANGES) <= set(METHODS)
    for key, entry in RANGES.items():
        assert entry.method == key
        assert entry.n_holds >= 2


def test_a_method_off_its_band_needs_a_stated_range() -> None:
    assert program.unexplained([_outcome(COVERAGE, 0.8, "no_such_method")])
    assert not program.unexplained([_outcome(COVERAGE, 0.95, "no_such_method")])


def test_the_committed_page_is_of_these_designs_and_explains_what_is_off() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for study in program.all_studies():
        assert f"| {study.design} | `" in text, study.design
    assert not re.search(r"\b20\d\d-\d\d-\d\d\b", text)
    off = re.findall(r"^\| [^|]+ \| `([a-z0-9_-]+)` \|.*\*(?:conservative|misses)\*", text, re.MULTILINE)
    assert set(off) <= set(RANGES)
    for method in set(off):
        assert RANGE_WORDS[method] in text


def test_the_page_tells_rates_errors_and_what_was_declined() -> None:
    outcome = Outcome("Group", "Design", "wilson", "mean", COVERAGE, 0.912, 0.004, 90, 100)
    text = page([outcome, _outcome(COVERAGE, None)])
    assert "| Design | `wilson` | mean | covers 91.2 | 0.4 | 100 | 10 | **misses** |" in text
    assert "| d | `wilson` | mean | – |" in text


def test_the_program_prints_with_quick_and_refuses_an_unknown_design(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(program, "PAGE", tmp_path / "validity.md")
    assert program.main(["--quick", "--only", "outlier tests"]) == 0
    assert "`cochran`" in capsys.readouterr().out
    assert not (tmp_path / "validity.md").exists()
    with pytest.raises(SystemExit) as stop:
        program.main(["--only", "no such design"])
    assert stop.value.code == 2


def test_the_program_fails_where_a_range_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bad = Study("g", "d", 20, each(lambda rng: {("hotelling", "x", COVERAGE): 0.0}))
    monkeypatch.setattr(program, "all_studies", lambda: [bad])
    monkeypatch.setattr(program, "RANGES", {})
    monkeypatch.setattr(program, "PAGE", tmp_path / "validity.md")
    assert program.main([]) == 1
    assert "hotelling: misses in 'd'" in capsys.readouterr().err
    assert "**misses**" in (tmp_path / "validity.md").read_text(encoding="utf-8")
