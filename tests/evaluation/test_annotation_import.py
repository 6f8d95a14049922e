"""What a sheet that came back gives: ratings for good rows, findings for all others."""

from __future__ import annotations

import datetime

import msgspec
import pytest
from tests.evaluation.annotated_runs import HUMAN, answers_of, plan

from consilience.evaluation.annotation import MAX_COMMENT_CHARS, make_row, protected
from consilience.evaluation.annotation_file import FilledRow, Value
from consilience.evaluation.annotation_import import Expected, Import, Judged, judge_rows, read_score
from consilience.evaluation.protocol import Rater, RaterKind, Scale
from consilience.evaluation.run_record import Rating
from consilience.evaluation.scores import Status

PROTOCOL = plan()
KEY = b"k" * 32
NOW = datetime.datetime(2026, 2, 1, tzinfo=datetime.UTC)
ROWS = {
    answer.generation: make_row(KEY, "sha256:0", HUMAN, item, answer)
    for item, answer in zip(
        PROTOCOL.items, answers_of(PROTOCOL, laboratory="North", texts=["an\nanswer", "=1+1"]), strict=True
    )
}
EXPECTED = {
    row.code: Expected(run="north", generation=generation, row=row, protocol_digest="sha256:0")
    for generation, row in ROWS.items()
}
GENERATION, ROW = next(iter(ROWS.items()))
FORMULA = list(ROWS.values())[1]


def filled(score: Value = "yes", line: int = 2, row: object = ROW, **changes: Value) -> FilledRow:
    cells: dict[str, Value] = {**row.cells(), "score": score} | changes  # type: ignore[attr-defined]
    return FilledRow(line=line, cells=cells)


def judged(
    *rows: FilledRow, earlier: tuple[Rating, ...] = (), now: datetime.datetime = NOW, **settings: object
) -> Judged:
    expected = EXPECTED | {ROW.code: msgspec.structs.replace(EXPECTED[ROW.code], earlier=earlier)}
    basis = Import(rater=HUMAN, annotator="ann-1", simulated=False, replace=False, now=now)
    return judge_rows(rows, expected, msgspec.structs.replace(basis, **settings))


def kinds(result: Judged) -> list[tuple[int, str]]:
    return [(finding.line, finding.kind) for finding in result.findings]


def test_a_good_row_is_a_rating() -> None:
    result = judged(filled(comment=" because "))
    ((run, rating),) = result.ratings
    assert (run, rating.generation, rating.rater, rating.rater_kind) == (
        "north",
        GENERATION,
        "people",
        RaterKind.HUMAN,
    )
    assert (rating.status, rating.score, rating.label) == (Status.SCORED, 1.0, "yes")
    assert (rating.explanation, rating.annotator, rating.simulated) == ("because", "ann-1", False)
    assert rating.rated_at == "2026-02-01T00:00:00.000Z"
    assert result.findings == ()


def test_simulated_ratings_say_so() -> None:
    assert judged(filled(), simulated=True).ratings[0][1].simulated


@pytest.mark.parametrize("score", [None, "", "  ", "\u00a0"])
def test_an_empty_score_is_no_rating(score: Value) -> None:
    result = judged(filled(score))
    assert (result.ratings, result.findings, result.not_rated) == ((), (), 1)


def test_bad_rows_are_findings_and_good_rows_are_taken() -> None:
    others = list(ROWS.values())[2:]
    result = judged(
        filled(),
        filled(line=3, row=others[0], code=""),
        filled(line=4, row=others[0], code="BCDFGHJKLMNPQR"),
        filled(line=5, row=others[1]),
        filled(line=6, row=others[1]),
        filled(line=7, row=others[2], answer="an other answer"),
        filled(line=8, row=others[3], prompt="What?"),
        filled(line=9, row=others[4], check="x0"),
        filled(line=10, row=others[5], score="perhaps"),
        filled(line=11, row=others[6], comment="x" * (MAX_COMMENT_CHARS + 1)),
    )
    assert kinds(result) == [
        (3, "no_code"), (4, "unknown_code"), (5, "doubled_code"), (6, "doubled_code"), (7, "changed_text"),
        (8, "changed_text"), (9, "changed_text"), (10, "bad_score"), (11, "long_comment"),
    ]  # fmt: skip
    assert [rating.generation for _, rating in result.ratings] == [GENERATION]


@pytest.mark.parametrize("answer", ["an\r\nanswer", "an \nanswer\n", "an\ranswer"])
def test_what_spreadsheet_programs_change_by_themselves_is_no_change(answer: str) -> None:
    assert len(judged(filled(answer=answer, code=f" {ROW.code.lower()} ")).ratings) == 1


@pytest.mark.parametrize("read", [str, protected])
def test_a_text_like_a_formula_comes_back_from_either_format(read: object) -> None:
    row = filled(row=FORMULA, answer=read("=1+1"), prompt=read(FORMULA.prompt))  # type: ignore[operator]
    assert len(judged(row).ratings) == 1


def test_a_formula_that_was_computed_is_a_changed_text() -> None:
    assert kinds(judged(filled(row=FORMULA, answer=2))) == [(2, "changed_text")]


def test_the_same_rating_again_changes_nothing() -> None:
    first = judged(filled()).ratings[0][1]
    again = judged(filled(), earlier=(first,))
    assert (again.ratings, again.findings, again.unchanged) == ((), (), 1)


@pytest.mark.parametrize(
    ("row", "settings", "word"),
    [
        (filled("no"), {}, "another score"),
        (filled(comment="hm"), {}, "another comment"),
        (filled(), {"annotator": "ann-2"}, "another annotator"),
    ],
)
def test_a_changed_rating_is_refused_or_replaces(
    row: FilledRow, settings: dict[str, object], word: str
) -> None:
    first = judged(filled()).ratings[0][1]
    refused = judged(row, earlier=(first,), **settings)
    assert kinds(refused) == [(2, "rated_otherwise")]
    assert word in refused.findings[0].detail
    replaced = judged(row, earlier=(first,), replace=True, **settings)
    assert (replaced.findings, replaced.replaced) == ((), 1)
    new = replaced.ratings[0][1]
    assert new.rating != first.rating
    assert new.version != first.version
    assert new.rated_at > first.rated_at


def test_a_replacement_is_newer_even_if_the_clock_went_back() -> None:
    first = judged(filled()).ratings[0][1]
    earlier_clock = NOW - datetime.timedelta(days=1)
    new = judged(filled("no"), earlier=(first,), replace=True, now=earlier_clock).ratings[0][1]
    assert new.rated_at == "2026-02-01T00:00:00.001Z"


def test_going_back_to_the_first_score_is_a_third_rating() -> None:
    first = judged(filled()).ratings[0][1]
    second = judged(filled("no"), earlier=(first,), replace=True).ratings[0][1]
    third = judged(filled(), earlier=(first, second), replace=True).ratings[0][1]
    assert len({first.rating, second.rating, third.rating}) == 3


GRADES = Rater(id="g", kind=RaterKind.HUMAN, scale=Scale(kind="ordinal", minimum=1, maximum=5))
SHARE = Rater(id="s", kind=RaterKind.HUMAN, scale=Scale(kind="continuous"))
LIKELY = Rater(
    id="l",
    kind=RaterKind.HUMAN,
    scale=Scale(kind="ordinal", maximum=2, labels={"1-2": 0.0, "très bien": 2.0}),
)


@pytest.mark.parametrize(
    ("rater", "value", "score"),
    [
        (HUMAN, "Yes", 1.0), (HUMAN, " NO ", 0.0), (HUMAN, 1, 1.0), (HUMAN, "0", 0.0), (HUMAN, 1.0, 1.0),
        (GRADES, "5", 5.0), (GRADES, 3, 3.0), (GRADES, "٤", 4.0), (SHARE, "0,5", 0.5), (SHARE, "0.25", 0.25),
        (LIKELY, "TRÈS BIEN", 2.0), (LIKELY, "1-2", 0.0),
    ],
)  # fmt: skip
def test_scores_that_are_read(rater: Rater, value: Value, score: float) -> None:
    assert read_score(value, rater)[0] == score


@pytest.mark.parametrize(
    ("rater", "value"),
    [
        (HUMAN, "y"), (HUMAN, True), (HUMAN, 0.5), (HUMAN, "2"), (HUMAN, "yes no"), (GRADES, 0),
        (GRADES, 2.5),
        (GRADES, "4 or 5"), (GRADES, "4 stars"), (SHARE, "-0.1"), (SHARE, float("nan")),
        (SHARE, float("inf")),
        (SHARE, "nan"), (SHARE, "1e400"), (LIKELY, 1), (LIKELY, "2024-01-02 00:00:00"), (GRADES, "#REF!"),
    ],
)  # fmt: skip
def test_scores_that_are_refused(rater: Rater, value: Value) -> None:
    score, label, problem = read_score(value, rater)
    assert (score, label) == (None, None)
    assert problem
