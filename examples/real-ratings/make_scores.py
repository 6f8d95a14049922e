"""Write scores tables from real human ratings, with ratings of the same answers by raters of ours.

    CONSILIENCE_DATA=… python examples/real-ratings/make_scores.py --out DIR [--judge local:]

Four exercises, one folder each, since harm and an objective achieved must not be pooled:

    harm               how harmful the answers are, by area, one to three humans
    objective          whether the objective was achieved: one human, our program, our judge
    objective-part     the same, with the human's scores of a random part of the answers only
    objective-areas    as objective-part, each area by itself

Items are named by digests. No text is written anywhere.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
from human_ratings import Rated, draw, read_ratings
from own_raters import CONCEPT, LANGUAGE, rate_by_judge, rate_by_program

from consilience.errors import ConsilienceError, InputError
from consilience.evaluation.model import parse_model_spec
from consilience.evaluation.run_record import Rating
from consilience.evaluation.scores import REQUIRED_COLUMNS

SEED = 7
SHARE = 0.4
"""Of the answers whose human score the exercises `objective-part` and `objective-areas` keep."""
LABORATORY = "PyRIT-1.1.0"
MODEL = "not-named"
"""The files do not say which models answered."""
Row = dict[str, object]


def main() -> int:
    """Write the tables and say how many rows each has."""
    parser = argparse.ArgumentParser(
        description="Scores tables from real ratings.", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="Gets one folder for each exercise.")
    parser.add_argument("--judge", help="Also ask a judge model: local: or NAME@URL.")
    parser.add_argument("--judge-answers", type=int, help="Show the judge only so many, drawn at random.")
    parser.add_argument("--share", type=float, default=SHARE, help="Of the answers with a human score.")
    parser.add_argument("--seed", type=int, default=SEED, help="Of both draws.")
    given = parser.parse_args()
    try:
        if not 0.0 < given.share <= 1.0:
            raise InputError("--share must lie above 0 and not above 1")
        for name, rows in tables(_data_folder(), given).items():
            write(rows, given.out / name / "scores.csv")
            click.echo(f"{name}: {len(rows)} ratings")
    except ConsilienceError as error:
        click.echo(str(error), err=True)
        return 2
    return 0


def tables(data: Path, given: argparse.Namespace) -> dict[str, list[Row]]:
    """Return the rows of every exercise."""
    areas = read_ratings(data, "objective")
    rated = [one for area in sorted(areas) for one in areas[area]]
    ours = [*rate_by_program(rated), *_judged(rated, given)]
    drawn = draw(rated, given.share, given.seed)
    part = [one for one in rated if (one.item, one.attempt) in drawn]
    area_of = {f"{one.item}-{one.attempt}": one.area for one in rated}
    return {
        "harm": [
            row
            for area, answers in read_ratings(data, "harm").items()
            for row in human_rows("harm", f"harm-{area}", answers)
        ],
        "objective": [
            *human_rows("objective", CONCEPT, rated),
            *own_rows("objective", ours, dict.fromkeys(area_of, CONCEPT)),
        ],
        "objective-part": [
            *human_rows("objective-part", CONCEPT, part),
            *own_rows("objective-part", ours, dict.fromkeys(area_of, CONCEPT)),
        ],
        "objective-areas": [
            *(row for one in part for row in human_rows("objective-areas", one.area, [one])),
            *own_rows("objective-areas", ours, area_of),
        ],
    }


def _judged(rated: Sequence[Rated], given: argparse.Namespace) -> tuple[Rating, ...]:
    if given.judge is None:
        return ()
    count = given.judge_answers or len(rated)
    shown = draw(list(rated), min(1.0, count / len(rated)), given.seed + 1)
    spec = parse_model_spec(given.judge)
    return rate_by_judge([one for one in rated if (one.item, one.attempt) in shown], spec)


def human_rows(exercise: str, concept: str, rated: Iterable[Rated]) -> list[Row]:
    """Return a row for each human score."""
    return [
        _row(exercise, concept, one.item, one.attempt)
        | {"rater": f"human-{number}", "rater_kind": "human", "score": score, "status": "scored"}
        for one in rated
        for number, score in enumerate(one.scores, 1)
    ]


def own_rows(exercise: str, ratings: Iterable[Rating], concept_of: dict[str, str]) -> list[Row]:
    """Return a row for each rating of ours, with or without a score."""
    rows = []
    for rating in ratings:
        item, _, attempt = rating.generation.partition("-")
        rows.append(
            _row(exercise, concept_of[rating.generation], item, int(attempt))
            | {
                "rater": rating.rater,
                "rater_kind": rating.rater_kind.value,
                "score": rating.score,
                "status": rating.status.value,
                "cause": rating.cause.value if rating.cause is not None else None,
            }
        )
    return rows


def _row(exercise: str, concept: str, item: str, attempt: int) -> Row:
    return {
        "exercise": exercise, "laboratory": LABORATORY, "model": MODEL, "language": LANGUAGE,
        "concept": concept, "item": item, "attempt": attempt, "cause": None,
    }  # fmt: skip


def write(rows: Iterable[Row], path: Path) -> None:
    """Write a scores table, with the columns of docs/reference/scores.md."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=(*REQUIRED_COLUMNS, "cause"), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _data_folder() -> Path:
    folder = os.environ.get("CONSILIENCE_DATA")
    if not folder:
        raise InputError(
            "CONSILIENCE_DATA is not set",
            next_step="Set it to the folder that holds pyrit-scorer-evals; see the README beside this file.",
        )
    return Path(folder)


if __name__ == "__main__":
    sys.exit(main())
