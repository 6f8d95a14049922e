from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.importers.imports import OPTIONS, a_metric, a_run, a_sink, finish

from consilience.errors import LimitError
from consilience.evaluation.importers import sink as sinks
from consilience.evaluation.importers.imported import Options
from consilience.evaluation.scores import Cause, Status


def test_a_row_has_the_names_of_the_scores_table(tmp_path: Path) -> None:
    with a_sink() as sink:
        run = sink.add_run(a_run(language="fr", language_basis="declared"))
        digest = sink.add_prompt("Combien font 2 et 2 ?")
        sink.add_score(run, "q1", rater="acc", score=1.0, item_digest=digest)
        sink.add_score(
            run, "q2", rater="acc", score=None, status=Status.UNSCORED, cause=Cause.UNPARSABLE, language="en"
        )
        imported, rows = finish(sink, tmp_path)
    assert [
        (row["item"][:2], row["language"], row["score"], row["status"], row["cause"]) for row in rows
    ] == [
        ("q2", "en", None, "unscored", "unparsable"),
        ("p-", "fr", 1.0, "scored", None),
    ]
    first = rows[1]
    assert (first["exercise"], first["laboratory"], first["model"]) == ("exercise", "North", "model-a")
    assert (first["concept"], first["rater"], first["rater_kind"]) == ("sums", "acc", "program")
    assert first["item_digest"] == digest
    assert first["source_item"] == "q1"
    assert (imported.rows, imported.items, imported.scored) == (2, 2, 1)
    assert imported.unscored == {"unparsable": 1}


def test_an_unknown_language_is_undetermined(tmp_path: Path) -> None:
    with a_sink() as sink:
        sink.add_score(sink.add_run(a_run()), "q1", rater="acc", score=1.0)
        _, rows = finish(sink, tmp_path)
    assert rows[0]["language"] == "und"


def test_a_task_run_again_gives_further_attempts_in_the_order_of_dates(tmp_path: Path) -> None:
    with a_sink() as sink:
        later = sink.add_run(a_run(created="2026-02-01T00:00:00+00:00", file="b"))
        first = sink.add_run(a_run(created="2026-01-01T00:00:00+00:00", file="a"))
        sink.add_score(later, "q", rater="acc", score=0.0, attempt=1)
        sink.add_score(first, "q", rater="acc", score=1.0, attempt=2)
        _, rows = finish(sink, tmp_path)
    assert [(row["attempt"], row["score"]) for row in rows] == [(2, 1.0), (3, 0.0)]


def test_attempts_of_two_raters_stay_side_by_side(tmp_path: Path) -> None:
    with a_sink() as sink:
        run = sink.add_run(a_run(metrics=(a_metric("a"), a_metric("b"))))
        sink.add_score(run, "q", rater="a", score=1.0, attempt=1)
        sink.add_score(run, "q", rater="a", score=0.0, attempt=2)
        sink.add_score(run, "q", rater="b", score=0.0, attempt=2)
        _, rows = finish(sink, tmp_path)
    assert [(row["rater"], row["attempt"]) for row in rows] == [("a", 1), ("a", 2), ("b", 2)]


def test_equal_rows_count_once_and_contradictory_ones_are_told(tmp_path: Path) -> None:
    with a_sink() as sink:
        run = sink.add_run(a_run())
        for score in (1.0, 1.0):
            sink.add_score(run, "same", rater="acc", score=score)
        for score in (1.0, 0.0):
            sink.add_score(run, "other", rater="acc", score=score)
        imported, rows = finish(sink, tmp_path)
    assert [(row["item"], row["score"]) for row in rows] == [("other", 1.0), ("same", 1.0)]
    assert {finding.code: finding.severity for finding in imported.findings} == {
        "doubled": "note",
        "contradictory": "error",
    }


def test_a_prompt_under_two_ids_stays_two_items_with_a_finding(tmp_path: Path) -> None:
    with a_sink() as sink:
        run = sink.add_run(a_run())
        digest = sink.add_prompt("Which is it?")
        sink.add_score(run, "q1", rater="acc", score=1.0, item_digest=digest)
        sink.add_score(run, "q2", rater="acc", score=0.0, item_digest=digest)
        imported, rows = finish(sink, tmp_path)
    names = [row["item"] for row in rows]
    assert names[1] == names[0] + ".2"
    assert [finding.code for finding in imported.findings] == ["same_prompt_twice"]


def test_names_that_the_table_cannot_hold_are_made_fit_and_stay_different(tmp_path: Path) -> None:
    with a_sink() as sink:
        run = sink.add_run(a_run(model="m\x1b[31m" + "x" * 500, task="t", concept="\x00"))
        for end in ("a", "b"):
            sink.add_score(run, "i" * 300 + end, rater="acc", score=1.0)
        _, rows = finish(sink, tmp_path)
    assert len({row["item"] for row in rows}) == 2
    assert all(len(row["item"]) <= 200 and len(row["model"]) <= 200 for row in rows)
    assert "\x1b" not in rows[0]["model"]
    assert rows[0]["concept"].startswith("unknown~")


@pytest.mark.parametrize(
    ("told", "decimals", "agrees"),
    [
        (2 / 3, None, True),
        (0.667, 3, True),
        (0.7, 1, True),
        (0.66, 2, False),
        (0.667, None, False),
        (0.7, None, False),
        (1.0, None, False),
        (0.0, None, False),
        (0.5, None, False),
    ],
)
def test_a_told_mean_is_held_against_the_items(
    tmp_path: Path, told: float, decimals: int | None, agrees: bool
) -> None:
    with a_sink() as sink:
        run = sink.add_run(a_run())
        for number, score in enumerate((1.0, 1.0, 0.0)):
            sink.add_score(run, f"q{number}", rater="acc", score=score)
        sink.add_summary(run, "acc", "mean", told, decimals=decimals)
        sink.add_summary(run, "acc", "n", 3)
        sink.add_summary(run, "acc", "stderr", 0.1)
        sink.add_summary(run, "gone", "mean", 0.1)
        imported, _ = finish(sink, tmp_path)
    by = {(summary.rater, summary.statistic): summary for summary in imported.summaries}
    assert by["acc", "mean"].agrees is agrees
    assert by["acc", "n"].agrees is True
    assert by["acc", "stderr"].agrees is None
    assert by["gone", "mean"].reason
    told_of = [finding.text for finding in imported.findings if finding.code == "summary_disagrees"]
    assert bool(told_of) is not agrees
    if told_of:
        assert "0.666667" in told_of[0]


def test_options_go_before_what_the_source_tells(tmp_path: Path) -> None:
    options = Options(exercise="e", laboratory="L", model="m", concept="c", language="sw")
    with a_sink() as sink:
        sink.add_score(sink.add_run(a_run(language=None)), "q", rater="acc", score=1.0)
        imported, rows = finish(sink, tmp_path, options)
    assert (rows[0]["model"], rows[0]["concept"], rows[0]["language"]) == ("m", "c", "sw")
    assert (imported.runs[0].model, imported.runs[0].language_basis) == ("m", "declared")


def test_too_many_runs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "MAX_RUNS", 2)
    with a_sink() as sink:
        for _ in range(2):
            sink.add_run(a_run())
        with pytest.raises(LimitError, match="more than 2 runs"):
            sink.add_run(a_run())


def test_findings_are_counted_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "MAX_FINDINGS", 2)
    with a_sink() as sink:
        for line in (3, 4):
            sink.add_finding("warning", "odd", "odd line", file="f", line=line)
        sink.add_finding("error", "b", "b", file="f")
        sink.add_finding("error", "c", "c", file="f")
        found = sink.findings()
        assert [(f.code, f.count, f.line) for f in found] == [("b", 1, None), ("odd", 2, 3)]
        assert sink.dropped_findings == 1


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 3), st.sampled_from(["a", "b"]), st.booleans()),
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
def test_every_rating_has_one_row_whatever_the_order(rows: list[tuple[int, int, str, bool]], random) -> None:  # type: ignore[no-untyped-def]
    import tempfile

    equal = {(item, attempt, rater): score for item, attempt, rater, score in rows}
    mixed = [(*key, score) for key, score in equal.items()] * 2
    random.shuffle(mixed)
    with a_sink() as sink, tempfile.TemporaryDirectory() as folder:
        run = sink.add_run(a_run(metrics=(a_metric("a"), a_metric("b"))))
        for item, attempt, rater, score in mixed:
            sink.add_score(run, f"q{item}", rater=rater, score=float(score), attempt=attempt)
        _, found = finish(sink, Path(folder), OPTIONS)
    assert {(row["item"], row["attempt"], row["rater"]): row["score"] for row in found} == {
        (f"q{item}", attempt, rater): float(score) for (item, attempt, rater), score in equal.items()
    }


def test_the_account_says_which_runs_each_cell_came_from(tmp_path: Path) -> None:
    with a_sink() as sink:
        for file in ("a", "b"):
            sink.add_score(sink.add_run(a_run(file=file)), "q", rater="acc", score=1.0)
        sink.add_score(sink.add_run(a_run(model="model-ab")), "q", rater="acc", score=1.0)
        imported, _ = finish(sink, tmp_path)
    assert [(cell.model, cell.concept, cell.rater, cell.runs) for cell in imported.cells] == [
        ("model-a", "sums", "acc", (0, 1)),
        ("model-ab", "sums", "acc", (2,)),
    ]


def test_texts_that_are_no_utf8_are_escaped(tmp_path: Path) -> None:
    with a_sink() as sink:
        run = sink.add_run(a_run(task="t\udcff", model="m", file="f\udcff"))
        digest = sink.add_prompt("What is \ud800?")
        sink.add_score(run, "q\udcff", rater="acc", score=1.0, item_digest=digest, generation="g\udcff")
        imported, rows = finish(sink, tmp_path)
    assert imported.runs[0].file == "f\\udcff"
    assert rows[0]["source_item"].isprintable()
    assert scores_prompt(tmp_path) == "What is \\ud800?"


def scores_prompt(folder: Path) -> str:
    """The only prompt that was kept."""
    with duckdb.connect(":memory:") as database:
        found = database.execute("SELECT prompt FROM read_parquet(?)", [str(folder / "items.parquet")])
        return str(found.fetchall()[0][0])


def test_rows_that_stand_there_again_are_few_or_many(tmp_path: Path) -> None:
    with a_sink() as sink:
        run = sink.add_run(a_run())
        for number in range(3_000):
            sink.add_score(run, f"q{number % 1_000}", rater="acc", score=float(number == 2_500))
        imported, rows = finish(sink, tmp_path)
    assert len(rows) == 1_000
    assert {finding.code: finding.text.split(":")[1].split()[0] for finding in imported.findings} == {
        "doubled": "1,998",
        "contradictory": "2",
    }
