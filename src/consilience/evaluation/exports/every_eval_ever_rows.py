"""Every Eval Ever 0.3.0: the instance rows of one task, and the rows of our own file for what has no score.

Pure. Written for `instance_level_eval.schema.json` of the package every-eval-ever 0.3.0 (MIT). Invariant: a
row without a score is never an instance row, since the schema demands a number there.
"""

from __future__ import annotations

import hashlib
from typing import Any

from consilience.evaluation.exports.every_eval_ever import SCHEMA_VERSION, About, result_id
from consilience.evaluation.exports.own_keys import PREFIX, UNSCORED_FORMAT
from consilience.evaluation.exports.rows import Row
from consilience.evaluation.importers.imported import Metric


class InstanceRows:
    """Makes the instance rows of one task."""

    def __init__(self, about: About, metrics: dict[str, Metric], *, with_texts: bool) -> None:
        """Take the task.

        Args:
            about: Whose rows.
            metrics: Result id → what its scores mean.
            with_texts: Whether `input.raw` is the prompt; else it is the item's digest.
        """
        self.metrics, self.with_texts = metrics, with_texts
        self.same = {
            "schema_version": SCHEMA_VERSION,
            "evaluation_id": about.evaluation_id,
            "model_id": about.task.model,
        }
        self.concept = about.task.concept

    def scored(self, row: Row) -> dict[str, Any]:
        """Return the instance row of a rating that has a score."""
        key = result_id(row.language, row.split, row.rater)
        text = row.prompt if self.with_texts else None
        split = "" if row.split in {None, "evaluation"} else f"/{row.split}"
        document = self.same | {
            "evaluation_name": f"{self.concept}/{row.language}{split}",
            "evaluation_result_id": key,
            "sample_id": row.item,
            "interaction_type": "single_turn",
            "input": {"raw": text if text is not None else row.item_digest or "", "reference": []},
            "output": {"raw": []},
            "answer_attribution": [],
            "evaluation": {"score": row.score, "is_correct": is_correct(row.score, self.metrics[key])},
            "metadata": self._metadata(row),
        }
        if text is not None:
            document["sample_hash"] = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
        return document

    def unscored(self, row: Row) -> dict[str, Any]:
        """Return the row of our own file for a rating without a score."""
        return {
            "format": UNSCORED_FORMAT,
            "evaluation_id": self.same["evaluation_id"],
            "model_id": self.same["model_id"],
            "evaluation_result_id": result_id(row.language, row.split, row.rater),
            "sample_id": row.item,
            "status": row.status,
            "cause": row.cause,
            "metadata": self._metadata(row),
        }

    def _metadata(self, row: Row) -> dict[str, str]:
        told = {
            f"{PREFIX}language": row.language,
            f"{PREFIX}rater": row.rater,
            f"{PREFIX}rater_kind": self.metrics[result_id(row.language, row.split, row.rater)].kind.value,
            f"{PREFIX}attempt": str(row.attempt),
            f"{PREFIX}input": "text" if self.with_texts and row.prompt is not None else "digest",
        }
        for name, value in (("item_digest", row.item_digest), ("generation", row.generation)):
            if value is not None:
                told[PREFIX + name] = value
        if self.metrics[result_id(row.language, row.split, row.rater)].simulated:
            told[f"{PREFIX}simulated"] = "true"
        return told


def is_correct(score: float | None, metric: Metric) -> bool:
    """Say whether a score stands at the good end of its scale; the schema demands a yes or no of every row.

    Where the direction is not known the upper end counts as good, where the scale is not, 0 and 1.
    """
    if score is None:
        return False
    if metric.direction == "lower is better":
        return score <= (metric.minimum if metric.minimum is not None else 0.0)
    return score >= (metric.maximum if metric.maximum is not None else 1.0)
