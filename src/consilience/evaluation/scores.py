"""The scores table: one row per rating, the meeting point of all laboratories, harnesses and raters.

Responsible for the columns, their meaning, the statuses and the cause codes. Files are Parquet, CSV or JSONL
with the same column names. Reading and merging is done by `merge`; writing by `score_file`.

Invariant: `score` has a value exactly when `status` is `scored`; a row without a score has a cause.
"""

from __future__ import annotations

import enum

REQUIRED_COLUMNS = (
    "exercise", "laboratory", "model", "language", "concept", "item", "attempt", "rater", "rater_kind",
    "score", "status",
)  # fmt: skip
OPTIONAL_COLUMNS = (
    "cause", "protocol_digest", "item_digest", "generation", "split", "simulated", "run",
)  # fmt: skip
COLUMN_TYPES = {
    "exercise": "VARCHAR", "laboratory": "VARCHAR", "model": "VARCHAR", "language": "VARCHAR",
    "concept": "VARCHAR", "item": "VARCHAR", "attempt": "INTEGER", "rater": "VARCHAR",
    "rater_kind": "VARCHAR", "score": "DOUBLE", "status": "VARCHAR", "cause": "VARCHAR",
    "protocol_digest": "VARCHAR", "item_digest": "VARCHAR", "generation": "VARCHAR", "split": "VARCHAR",
    "simulated": "BOOLEAN", "run": "VARCHAR",
}  # fmt: skip
"""DuckDB types. `item` is the id shared by all translations; `attempt` counts from 1; `simulated` is true for
ratings that nobody really gave (a demonstration), and such rows are labelled wherever they are shown."""


class Status(enum.StrEnum):
    """What became of one rating."""

    SCORED = "scored"
    UNSCORED = "unscored"
    """There is an answer, but no score could be given."""
    FAILED = "failed"
    """There is no answer."""
    WITHHELD = "withheld"
    """There may be a score; it is not shown here."""


class Cause(enum.StrEnum):
    """Why there is no score. Rates are given with and without the causes of ENVIRONMENT_CAUSES."""

    EMPTY = "empty"
    """The model answered with nothing."""
    CUT_OFF = "cut_off"
    """The answer stopped at the token limit before it could be rated."""
    REFUSED_BY_ENDPOINT = "refused_by_endpoint"
    """The endpoint refused to pass the request to the model or blocked the answer (content filter, 4xx)."""
    MODEL_REFUSED_TOOL = "model_refused_tool"
    MODEL_ERROR = "model_error"
    PROVIDER_ERROR = "provider_error"
    """5xx or a connection that broke, after all tries."""
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    OVERSIZED = "oversized"
    """The answer was larger than the limit and was not kept."""
    MALFORMED_RESPONSE = "malformed_response"
    """What came back is not an answer of the interface (garbage, HTML, wrong JSON)."""
    ENVIRONMENT_FAULT = "environment_fault"
    TOOL_FAULT = "tool_fault"
    JUDGE_ERROR = "judge_error"
    JUDGE_UNPARSABLE = "judge_unparsable"
    UNPARSABLE = "unparsable"
    """A program rater found nothing in the answer that it can score."""
    NOT_RATED = "not_rated"
    """Planned, but nobody gave a rating (yet)."""
    NO_TARGET = "no_target"
    HARNESS_BUG = "harness_bug"
    LIMIT_REACHED = "limit_reached"
    UNKNOWN = "unknown"


ENVIRONMENT_CAUSES = frozenset(
    {
        Cause.PROVIDER_ERROR, Cause.RATE_LIMITED, Cause.TIMEOUT, Cause.MALFORMED_RESPONSE,
        Cause.ENVIRONMENT_FAULT, Cause.TOOL_FAULT, Cause.HARNESS_BUG,
    }
)  # fmt: skip
"""Causes that say nothing about the model."""
