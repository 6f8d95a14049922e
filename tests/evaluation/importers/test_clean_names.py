"""Names that somebody else wrote."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.importers.imports import a_metric, a_run, a_sink, finish

from consilience.evaluation.importers.clean_names import MAX_NAME, clean_name


@pytest.mark.parametrize(
    "name", ["acc,none", "judge.harm[0]", "模型", "مقياس", "=1+1", "a  b", "\u200d"[:0] or "x"]
)
def test_a_sound_name_stays(name: str) -> None:
    assert clean_name(name) == name


@pytest.mark.parametrize(
    ("name", "clean"), [("", "unknown"), (" \n", "unknown"), ("a\tb\n", "a b"), ("a\u00a0b", "a b")]
)
def test_white_space_is_a_space(name: str, clean: str) -> None:
    assert clean_name(name) == clean


@pytest.mark.parametrize(
    "odd", ["\x00", "\x1b[31m", "\u202e", "\u2066", "\ud800", "\u200b", "\ufeff", "\U000e0041"]
)
def test_what_is_not_seen_or_turns_the_text_is_taken_out(odd: str) -> None:
    clean = clean_name(f"acc{odd}uracy")
    assert clean.isprintable()
    assert clean.startswith("acc")
    assert clean not in {"accuracy", "acc uracy"}
    assert clean.encode()


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_becomes_a_name(text: str) -> None:
    clean = clean_name(text)
    assert 0 < len(clean) <= MAX_NAME
    assert clean == clean.strip()
    assert not {unicodedata.category(c) for c in clean} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert clean_name(clean) == clean
    assert clean.encode()


@given(st.text("a\u202e\x00\ud800", max_size=8), st.text("a\u202e\x00\ud800", max_size=8))
def test_different_names_stay_different(one: str, other: str) -> None:
    assert (clean_name(one) == clean_name(other)) is (one == other)


def test_every_name_that_a_reader_tells_is_cleaned(tmp_path: Path) -> None:
    odd = "a\u202eb\ud800c" + "x" * 500
    with a_sink() as sink:
        run = sink.add_run(a_run(model=odd, task=odd, concept=odd, metrics=()))
        sink.add_metric(run, a_metric(odd))
        sink.add_score(run, odd, rater=odd, score=1.0, concept=odd, generation=odd)
        sink.add_score(run, "a\u202eb\ud800d", rater=odd, score=0.0)
        sink.add_summary(run, odd, "n", 2.0)
        imported, rows = finish(sink, tmp_path)
    (told,) = imported.runs
    names = [told.model, told.task, told.concept, told.metrics[0].rater]
    names += [row[column] for row in rows for column in ("model", "concept", "item", "rater", "source_item")]
    assert all(name.isprintable() and len(name) <= MAX_NAME for name in names)
    assert {row["rater"] for row in rows} == {told.metrics[0].rater}
    assert {row["rater_kind"] for row in rows} == {"program"}
    assert len({row["item"] for row in rows}) == 2
    assert [(summary.computed, summary.agrees) for summary in imported.summaries] == [(2.0, True)]
