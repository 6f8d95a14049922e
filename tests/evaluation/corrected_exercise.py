"""An exercise whose judge errs and of which humans rated a random sample, as rows of score files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tests.simulators.scores import row, write_rows

from consilience.evaluation.merge import Merged, merge
from consilience.evaluation.protocol import Protocol

LABORATORIES = ("lab-a", "lab-b", "lab-c")
LANGUAGES = ("en", "fr")


def judged_rows(
    *, laboratories: Sequence[str] = LABORATORIES, languages: Sequence[str] = LANGUAGES,
    models: Sequence[str] = ("model-0",), items: int = 20, attempts: int = 2,
    per_cell: int | Mapping[str, int] = 10, humans: Sequence[str] = ("human",), rate: float = 0.4,
    false_yes: float = 0.5, seed: int = 3, judge: Mapping[str, Any] | None = None,
    human: Mapping[str, Any] | None = None, scale: float = 1.0,
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows of a judge that says yes to `false_yes` of the noes, and of humans who see the truth.

    Args:
        laboratories: Names.
        languages: Tags.
        models: Names.
        items: Items in each language.
        attempts: Of each item.
        per_cell: Answers that humans rate in each laboratory and language, or by language.
        humans: Names; each rates the same answers.
        rate: Share of answers that are a yes.
        false_yes: The judge's error.
        seed: Of the draws.
        judge: Changes of the judge's rows.
        human: Changes of the humans' rows.
        scale: What a yes scores.
    """
    rng = np.random.default_rng(seed)
    chance = rng.beta(2 * rate, 2 * (1 - rate), items)
    rows: list[dict[str, Any]] = []
    for laboratory in laboratories:
        for model in models:
            for language in languages:
                truth = (rng.random((items, attempts)) < chance[:, None]).astype(float)
                said = np.where(truth > 0, 1.0, (rng.random(truth.shape) < false_yes).astype(float))
                drawn = rng.permutation(truth.size)
                number = per_cell if isinstance(per_cell, int) else per_cell.get(language, 0)
                sample = set(drawn[:number].tolist())
                for place in range(truth.size):
                    item, attempt = divmod(place, attempts)
                    known = {
                        "laboratory": laboratory, "model": model, "language": language,
                        "item": f"i{item}", "attempt": attempt + 1,
                    }  # fmt: skip
                    score = scale * float(said[item, attempt])
                    rows.append(
                        row(**known, rater="judge", rater_kind="judge", score=score) | dict(judge or {})
                    )
                    for name in humans if place in sample else ():
                        told = scale * float(truth[item, attempt])
                        rows.append(
                            row(**known, rater=name, rater_kind="human", score=told) | dict(human or {})
                        )
    return rows


def merged_rows(folder: Path, rows: Sequence[dict[str, Any]], protocol: Protocol | None = None) -> Merged:
    """Merge rows as one score file."""
    folder.mkdir(parents=True, exist_ok=True)
    return merge([write_rows(rows, folder / "scores.parquet")], protocol=protocol)
