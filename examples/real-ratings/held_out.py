"""Hold the corrected numbers against the human ratings that were kept back, and PyRIT's published errors
against simple guesses.

    CONSILIENCE_DATA=… python examples/real-ratings/held_out.py DIR

DIR is the folder of `make_scores.py`, with `joint-result.json` of each exercise beside its scores.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
import numpy as np
from human_ratings import LEVELS, Rated, draw, read_published, read_ratings

from consilience.errors import ConsilienceError, InputError
from consilience.evaluation.joint_result import Correction, JointResult
from consilience.statistics.cells import estimate_generalized
from consilience.statistics.estimate import Estimate
from consilience.statistics.intervals import t_quantile
from consilience.statistics.prediction import ppi_mean

DRAWS = 200
"""Draws of the human sample over which coverage is counted."""


class HeldOut(msgspec.Struct, frozen=True, kw_only=True):
    """One corrected rate beside the rate of all human ratings of the same answers."""

    rater: str
    raw: float
    corrected: float
    low: float
    high: float
    n_human: int
    all_humans: float
    n_all: int

    @property
    def covers(self) -> bool:
        """Whether the corrected interval holds the rate that was kept back."""
        return self.low <= self.all_humans <= self.high


class PublishedBeside(msgspec.Struct, frozen=True, kw_only=True):
    """The published error of one scorer beside that of guessing one level for every answer, on a scale from 0
    to 1. `low` to `high`: 95 % from the published standard error."""

    area: str
    scorer: str
    version: str
    n: int
    error: float
    low: float
    high: float
    alpha: float
    guess: float
    guess_error: float


def main() -> int:
    """Print the comparisons."""
    parser = argparse.ArgumentParser(description="Corrected numbers beside what was kept back.")
    parser.add_argument("folder", type=Path, help="The folder that make_scores.py wrote.")
    given = parser.parse_args()
    try:
        data = os.environ.get("CONSILIENCE_DATA")
        if not data:
            raise InputError("CONSILIENCE_DATA is not set")
        _show(given.folder, Path(data))
    except (ConsilienceError, OSError) as error:
        click.echo(str(error), err=True)
        return 2
    return 0


def _show(folder: Path, data: Path) -> None:
    for one in held_out(folder):
        click.echo(
            f"{one.rater}: as scored {one.raw:.3f}, corrected {one.corrected:.3f} ({one.low:.3f} to "
            f"{one.high:.3f}) by {one.n_human} human ratings; all {one.n_all} human ratings: "
            f"{one.all_humans:.3f}, {'covered' if one.covers else 'NOT covered'}"
        )
    scores = read_scores(folder / "objective" / "scores.csv")
    for share in (0.2, 0.4, 0.6):
        covered = coverage(scores, "not-declined", share, DRAWS)
        click.echo(f"draws of {share:.0%}: {covered:.1%} of {DRAWS} corrected intervals hold the rate of all")
    for one in uncorrected(folder):
        click.echo(f"{one.rater} on {one.concept}: cannot be corrected by {one.n_human} human ratings")
    harm = read_ratings(data, "harm")
    for pair, found in human_differences(harm["hate_speech_multi_score"]).items():
        click.echo(f"human {pair[0]} and human {pair[1]} lie apart by {_written(found)}")
    for row in published_beside(data):
        click.echo(
            f"{row.area} ({row.n}): {row.scorer} {row.version} errs by {row.error:.3f} ({row.low:.3f} to "
            f"{row.high:.3f}), the guess {row.guess:.2f} by {row.guess_error:.3f}"
        )


def _written(found: Estimate) -> str:
    value, ends = found.value, found.interval
    if value is None or ends is None:
        return "an unknown amount"
    return f"{value:.3f} ({ends.low:.3f} to {ends.high:.3f}; {found.n_items} objectives)"


def read_result(folder: Path) -> JointResult:
    """Read the joint result of one exercise."""
    return msgspec.json.decode((folder / "joint-result.json").read_bytes(), type=JointResult)


def read_scores(path: Path) -> dict[str, dict[tuple[str, int], float]]:
    """Read a scores table: rater → (item, attempt) → score."""
    found: dict[str, dict[tuple[str, int], float]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["status"] == "scored":
                found.setdefault(row["rater"], {})[row["item"], int(row["attempt"])] = float(row["score"])
    return found


def held_out(folder: Path) -> list[HeldOut]:
    """Hold every corrected rate of `objective-part` against all human ratings, which only `objective` has.

    There every answer that the rater scored has its human rating, so that the corrected rate is the humans'
    own. Every objective counts the same, however many answers it has.
    """
    everyone = {one.rater: one for one in read_result(folder / "objective").corrections if _whole(one)}
    found = []
    for one in read_result(folder / "objective-part").corrections:
        value, ends = one.corrected.value, one.corrected.interval
        if _whole(one) and value is not None and ends is not None:
            kept_back = everyone[one.rater]
            found.append(
                HeldOut(
                    rater=one.rater,
                    raw=one.raw.value or 0.0,
                    corrected=value,
                    low=ends.low,
                    high=ends.high,
                    n_human=one.n_human,
                    all_humans=kept_back.corrected.value or 0.0,
                    n_all=kept_back.n_human,
                )
            )
    return found


def _whole(row: Any) -> bool:
    return row.laboratory is None and row.language is None


def uncorrected(folder: Path) -> list[Correction]:
    """Return the rates of single areas that too few human ratings cannot correct."""
    rows = read_result(folder / "objective-areas").corrections
    return [one for one in rows if _whole(one) and one.corrected.value is None]


def coverage(scores: dict[str, dict[tuple[str, int], float]], rater: str, share: float, draws: int) -> float:
    """Return the share of draws in which the corrected interval holds the mean of all human ratings.

    Every answer counts the same here; answers to one objective are a cluster.
    """
    keys = sorted(set(scores[rater]) & set(scores["human-1"]))
    judge = np.array([scores[rater][key] for key in keys])
    human = np.array([scores["human-1"][key] for key in keys])
    items = np.array([item for item, _ in keys])
    answers = [Rated(area="", item=i, attempt=a, objective="", response="", scores=()) for i, a in keys]
    hits = 0
    for seed in range(draws):
        drawn = draw(answers, share, seed)
        seen = np.where([key in drawn for key in keys], human, np.nan)
        ends = ppi_mean(judge, seen, items).estimate.interval
        hits += ends is not None and ends.low <= human.mean() <= ends.high
    return hits / draws


def human_differences(rated: Sequence[Rated]) -> dict[tuple[int, int], Estimate]:
    """Return the mean absolute difference of each two humans, on a scale from 0 to 1, objectives as
    clusters."""
    return {
        (a + 1, b + 1): _mean_by_item(
            (one.item, abs(one.scores[a] - one.scores[b]) / LEVELS) for one in rated
        )
        for a, b in ((0, 1), (0, 2), (1, 2))
    }


def _mean_by_item(values: Iterable[tuple[str, float]]) -> Estimate:
    sums: dict[str, list[float]] = {}
    for item, value in values:
        sums.setdefault(item, []).append(value)
    groups = list(sums.values())
    return estimate_generalized(
        [sum(group) for group in groups],
        [len(group) for group in groups],
        [sum(value**2 for value in group) for group in groups],
    )


def published_beside(data: Path) -> list[PublishedBeside]:
    """Put every published error beside that of guessing the level that errs least for every answer.

    Raises:
        InputError: A metrics file counts other answers than the ratings file holds.
    """
    harm = read_ratings(data, "harm")
    found = []
    for one in read_published(data):
        scores = np.array([row.scores[0] for row in harm[one.area]]) / LEVELS
        if scores.size != one.responses:
            raise InputError(
                f"the metrics of {one.area} count {one.responses} answers, the file has {scores.size}"
            )
        guess = float(np.median(scores))
        half = float(t_quantile(0.95, one.responses - 1.0)) * one.mae_standard_error
        found.append(
            PublishedBeside(
                area=one.area,
                scorer=one.scorer,
                version=one.version,
                n=one.responses,
                error=one.mean_absolute_error,
                low=one.mean_absolute_error - half,
                high=one.mean_absolute_error + half,
                alpha=one.alpha,
                guess=guess,
                guess_error=float(np.abs(scores - guess).mean()),
            )
        )
    return found


if __name__ == "__main__":
    sys.exit(main())
