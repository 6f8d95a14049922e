"""Paired contrasts: common items only, balanced over the other axes, corrected over families, exact where
n is small."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from scipy import stats
from tests.evaluation.exercises import make_protocol
from tests.simulators.scores import row, table, write_rows

from consilience.errors import LimitError
from consilience.evaluation import analysis_contrasts
from consilience.evaluation.analysis_contrasts import make_contrasts
from consilience.evaluation.analysis_setting import make_setting
from consilience.evaluation.joint_result import Contrast, Message
from consilience.evaluation.merge import merge
from consilience.evaluation.protocol import AnalysisPlan
from consilience.statistics.multiplicity import holm


def contrasts(
    tmp_path: Path, rows: Sequence[dict[str, Any]], **options: Any
) -> tuple[tuple[Contrast, ...], list[Message]]:
    merged = merge([write_rows(rows, tmp_path / "s.jsonl")], protocol=options.get("protocol"))
    return make_contrasts(merged.tables, make_setting(merged))


def test_single_binary_attempts_take_mcnemar(tmp_path: Path) -> None:
    left, right = [1, 1, 1, 1, 1, 1, 0, 1, 0, 1], [0, 0, 0, 0, 1, 1, 1, 0, 0, 1]
    scores = {("lab", "en", f"i{k}"): [float(s)] for k, s in enumerate(left)}
    scores |= {("lab", "fr", f"i{k}"): [float(s)] for k, s in enumerate(right)}
    ((found,), _) = contrasts(tmp_path, table(scores))
    assert (found.axis, found.left, found.right, found.test) == ("language", "en", "fr", "mcnemar_exact")
    assert found.difference.value == pytest.approx(0.4)
    assert found.p_value == pytest.approx(stats.binomtest(1, 6).pvalue)
    assert (found.n_common, found.n_left_only, found.n_right_only) == (10, 0, 0)


def test_only_common_items_enter_and_the_others_are_counted(tmp_path: Path) -> None:
    scores = {("lab", "en", f"i{k}"): [1.0, 0.0] for k in range(6)}
    scores |= {("lab", "fr", f"i{k}"): [0.0, 0.0] for k in range(4, 9)}
    ((found,), _) = contrasts(tmp_path, table(scores))
    assert (found.n_common, found.n_left_only, found.n_right_only) == (2, 4, 3)
    assert found.difference.value == pytest.approx(0.5)


def test_a_language_is_compared_within_laboratories(tmp_path: Path) -> None:
    """Lab a is good and asked both languages; lab b is bad and asked one: that must not look like a gap."""
    scores = {("lab-a", tag, f"i{k}"): [1.0, 1.0] for tag in ("en", "fr") for k in range(5)}
    scores |= {("lab-b", "fr", f"i{k}"): [0.0, 0.0] for k in range(5)}
    found = [c for c in contrasts(tmp_path, table(scores))[0] if c.axis == "language"]
    assert [c.difference.value for c in found] == [0.0]


def test_laboratories_are_compared_over_the_languages_both_asked(tmp_path: Path) -> None:
    scores = {("lab-a", "en", f"i{k}"): [1.0] for k in range(5)}
    scores |= {("lab-b", "en", f"i{k}"): [float(k < 3)] for k in range(5)}
    scores |= {("lab-b", "sw", f"i{k}"): [0.0] for k in range(5)}
    found = [c for c in contrasts(tmp_path, table(scores))[0] if c.axis == "laboratory"]
    assert [(c.left, c.right, c.laboratory, c.language) for c in found] == [
        ("lab-a", "lab-b", None, None),
        ("lab-a", "lab-b", None, "en"),
    ]
    assert [c.difference.value for c in found] == pytest.approx([0.4, 0.4])


def test_laboratories_are_compared_in_each_language_in_a_family_of_their_own(tmp_path: Path) -> None:
    scores = {
        (lab, tag, f"i{k}"): [float((k * step + n) % 7 < limit), float(k % 2)]
        for n, (lab, limit) in enumerate((("lab-a", 6), ("lab-b", 3), ("lab-c", 2)))
        for tag, step in (("en", 1), ("fr", 3))
        for k in range(12)
    }
    found, _ = contrasts(tmp_path, table(scores))
    apart = [c for c in found if c.family == "laboratory:language:maths"]
    assert {(c.left, c.right, c.language) for c in apart} == {
        (a, b, tag)
        for a, b in (("lab-a", "lab-b"), ("lab-a", "lab-c"), ("lab-b", "lab-c"))
        for tag in ("en", "fr")
    }
    assert len([c for c in found if c.family == "laboratory:maths"]) == 3
    assert [c.p_adjusted for c in apart] == pytest.approx(holm([c.p_value for c in apart]))
    english = [r for r in table(scores) if r["language"] == "en"]
    alone = contrasts(tmp_path, english)[0]
    assert [c.difference for c in apart if c.language == "en"] == [c.difference for c in alone]


def test_too_many_pairs_in_languages_leave_the_pairs_over_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis_contrasts, "MAX_CONTRASTS", 5)
    scores = {(lab, tag, f"i{k}"): [1.0] for lab in "abc" for tag in ("en", "fr") for k in range(3)}
    found, notes = contrasts(tmp_path, table(scores))
    assert {c.family for c in found} == {"language:maths", "laboratory:maths"}
    assert [note.params for note in notes] == [{"axis": "laboratory:language", "pairs": 6, "limit": 5}]


def test_models_are_compared_by_item(tmp_path: Path) -> None:
    rows = [
        row(item=f"i{k}", model=m, score=float(k < n)) for k in range(8) for m, n in (("m1", 6), ("m2", 2))
    ]
    found = [c for c in contrasts(tmp_path, rows)[0] if c.axis == "model"]
    assert [(c.left, c.right, c.model) for c in found] == [("m1", "m2", None)]
    assert found[0].difference.value == pytest.approx(0.5)
    assert found[0].rater == "exact"


def test_raters_are_compared_on_what_both_scored(tmp_path: Path) -> None:
    rows = [row(item=f"i{k}", attempt=a, score=float(k % 2)) for k in range(6) for a in (1, 2)]
    rows += [row(item=f"i{k}", attempt=1, rater="human", rater_kind="human", score=0.0) for k in range(4)]
    ((found,), _) = contrasts(tmp_path, rows)
    assert (found.axis, found.left, found.right, found.rater) == ("rater", "exact", "human", None)
    assert found.difference.value == pytest.approx(0.5)
    assert (found.n_common, found.n_left_only, found.n_right_only) == (4, 2, 0)
    assert found.test == "mcnemar_exact"


def test_raters_on_different_scales_are_not_compared(tmp_path: Path) -> None:
    rows = [row(item=f"i{k}", rater=r, score=float(k % n)) for k in range(6) for r, n in (("a", 2), ("b", 5))]
    assert contrasts(tmp_path, rows)[0] == ()


def test_p_values_are_corrected_over_the_family(tmp_path: Path) -> None:
    scores = {
        ("lab", tag, f"i{k}"): [float((k * step) % 7 < limit) for _ in (1, 2)]
        for tag, step, limit in (("en", 1, 6), ("fr", 2, 3), ("sw", 3, 2))
        for k in range(12)
    }
    found, _ = contrasts(tmp_path, table(scores))
    ordered = sorted(found, key=lambda c: c.p_value or 0)
    raw = [c.p_value for c in ordered]
    assert all(p is not None for p in raw)
    stepped: list[float] = []
    for k, p in enumerate(raw):
        assert p is not None
        stepped.append(min(1.0, max([p * (3 - k), *stepped])))
    assert [c.p_adjusted for c in ordered] == pytest.approx(stepped)
    assert [c.significant for c in ordered] == [p < 0.05 for p in stepped]


def test_the_verdict_looks_at_the_margin_of_its_axis(tmp_path: Path) -> None:
    plan = make_protocol(items=[f"i{k}" for k in range(40)], analysis=AnalysisPlan(estimand="generalized"))
    rows = [
        row(item=f"i{k}", language=tag, attempt=a, score=float(k % 2))
        for k in range(40)
        for tag in ("en", "fr")
        for a in (1, 2)
    ]
    ((found,), _) = contrasts(tmp_path, rows, protocol=plan)
    assert (found.margin, found.verdict) == (0.1, "equivalent")
    ((bare,), _) = contrasts(tmp_path, rows)
    assert (bare.margin, bare.verdict) == (None, "inconclusive")


def test_too_many_pairs_are_not_computed_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis_contrasts, "MAX_CONTRASTS", 2)
    scores = {("lab", tag, f"i{k}"): [1.0] for tag in ("en", "fr", "sw") for k in range(3)}
    found, notes = contrasts(tmp_path, table(scores))
    assert found == ()
    assert [(note.code, note.params) for note in notes] == [
        ("note_contrasts_capped", {"axis": "language", "pairs": 3, "limit": 2})
    ]


def test_a_cube_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = {("lab", tag, f"i{k}"): [1.0] for tag in ("en", "fr") for k in range(3)}
    assert len(contrasts(tmp_path, table(scores))[0]) == 1
    monkeypatch.setattr(analysis_contrasts, "MAX_CUBE", 5)
    with pytest.raises(LimitError, match="items of maths are more than 5"):
        contrasts(tmp_path, table(scores))
