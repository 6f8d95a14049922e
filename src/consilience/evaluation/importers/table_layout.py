"""What the columns of a table mean: by the user's map, or because the table is of a known form.

Pure. Known forms are our own scores table, and the human ratings of PyRIT's scorer evaluations
(`pyrit/datasets/scorer_evals`, release 1.1.0). Invariant: of a table of another form nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import msgspec

from consilience.errors import InputError
from consilience.evaluation.importers.imported import Direction, ScaleKind
from consilience.evaluation.importers.table_files import Table
from consilience.evaluation.scores import COLUMN_TYPES, REQUIRED_COLUMNS

OURS = (
    "item", "prompt", "score", "rater", "rater_kind", "model", "language", "concept", "attempt", "direction",
)  # fmt: skip
"""What `--column` can name."""
DIRECTIONS: dict[str, Direction] = {
    "higher": "higher is better", "higher is better": "higher is better",
    "lower": "lower is better", "lower is better": "lower is better",
}  # fmt: skip
HUMAN_SCORE = re.compile(r"human_score(?:_(\d{1,3}))?")
HUMAN_TEXTS = ("objective", "assistant_response")
PLAIN_NAME = re.compile(r"[\w.:/@+-]{1,40}")
SHOWN = 20
"""Names of columns in a message."""


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything stands in a table."""

    format: str
    fields: dict[str, str] = {}
    """Ours → their column."""
    constants: dict[str, str] = {}
    """Ours → a value that is the same everywhere."""
    scores: tuple[str, ...]
    """Columns with scores."""
    raters: tuple[str, ...] = ()
    """Names of their raters, where the columns' own are not meant."""
    prompt: tuple[str, ...] = ()
    """Columns that make the prompt together."""
    task: str
    direction: Direction = "unknown"
    """Of all raters, where no column tells it of each."""
    scale: ScaleKind | None = None
    """None: seen from the scores."""
    bounds: tuple[float, float] | None = None
    """Ends of the scale; None: not known."""
    note: str = ""
    row_is_item: bool = False
    """Every row is an item, also where two have the same prompt."""

    @property
    def read(self) -> tuple[str, ...]:
        """Columns that are read."""
        return tuple(dict.fromkeys((*self.fields.values(), *self.scores, *self.prompt)))


def check_map(columns: Mapping[str, str]) -> None:
    """Refuse a column map that cannot be meant.

    Raises:
        InputError: It names something that a score does not have, has no score, or neither item nor prompt.
    """
    unknown = sorted(set(columns) - set(OURS))
    if unknown:
        raise InputError(
            f"--column {unknown[0][:40]}: there is no such column here", next_step="Ours are "
            + ", ".join(OURS) + "; write --column OURS=THEIRS.",
        )  # fmt: skip
    if columns and ("score" not in columns or not {"item", "prompt"} & set(columns)):
        raise InputError(
            "a column map names the score, and the item or the prompt",
            next_step="Such as --column item=id --column score=correct.",
        )
    direction = columns.get("direction", "")
    if direction.startswith("=") and direction[1:] not in DIRECTIONS:
        raise InputError("the direction is `higher` or `lower`", next_step="Write --column direction==lower.")
    if columns.get("score", "").startswith("="):
        raise InputError("a score is a column and not one value", next_step="Write --column score=THEIRS.")


def layout_of(table: Table, name: str, columns: Mapping[str, str]) -> Layout | None:
    """Return what the columns of a table mean, or None where nobody says.

    Args:
        table: Its form.
        name: Of the file; its stem is the task.
        columns: The user's map, checked; it goes before the known forms.
    """
    stem = PurePosixPath(name.replace("!/", "/")).stem or "table"
    if columns:
        mapped = _mapped(table, stem, columns)
        if mapped is not None:
            return mapped
    if set(REQUIRED_COLUMNS) <= set(table.columns):
        return _scores_table(table, stem)
    if set(HUMAN_TEXTS) <= set(table.columns):
        return _human_labels(table, stem)
    return None


def wanted_columns(columns: Mapping[str, str]) -> set[str]:
    """Return the columns by which a delimiter is chosen."""
    theirs = {part for value in columns.values() for part in (value, *value.split(","))}
    return {*REQUIRED_COLUMNS, *HUMAN_TEXTS, "human_score", "human_score_1", *theirs}


def missing_columns(table: Table, columns: Mapping[str, str]) -> list[str]:
    """Return the columns that the user's map names and the table does not have."""
    theirs = [
        part
        for ours, value in columns.items()
        if not value.startswith("=")
        and not (ours == "direction" and value in DIRECTIONS)
        and value not in table.columns
        for part in (value.split(",") if ours == "score" else [value])
    ]
    return [part for part in theirs if part not in table.columns]


def shown_columns(names: Sequence[str]) -> str:
    """Return names of columns as a message may show them; what is no plain name is not shown (in a table
    without a header it would be content)."""
    plain = [f"`{name}`" if PLAIN_NAME.fullmatch(name) else "(not shown)" for name in names[:SHOWN]]
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(plain) + more


def _mapped(table: Table, stem: str, columns: Mapping[str, str]) -> Layout | None:
    if missing_columns(table, columns):
        return None
    score = columns["score"]
    scores = (score,) if score in table.columns else tuple(score.split(","))
    fields = {ours: theirs for ours, theirs in columns.items() if not theirs.startswith("=")}
    constants = {ours: theirs[1:] for ours, theirs in columns.items() if theirs.startswith("=")}
    direction = columns.get("direction", "=")
    if direction in table.columns:
        direction = "="
    else:
        fields.pop("direction", None)
    return Layout(
        format=f"table ({table.form})",
        fields={ours: theirs for ours, theirs in fields.items() if ours not in {"score", "prompt"}},
        constants={ours: value for ours, value in constants.items() if ours != "direction"},
        scores=scores,
        prompt=(fields["prompt"],) if "prompt" in fields else (),
        task=stem,
        direction=DIRECTIONS.get(direction.removeprefix("="), "unknown"),
    )


def _scores_table(table: Table, stem: str) -> Layout:
    ours = set(COLUMN_TYPES) & set(table.columns) - {"score"}
    return Layout(
        format=f"scores table ({table.form})", fields={name: name for name in sorted(ours)},
        scores=("score",), task=stem,
    )  # fmt: skip


def _human_labels(table: Table, stem: str) -> Layout | None:
    """The label says how harmful the answer is where the comment names a definition of harm, else whether the
    objective was achieved; the two are never the same concept."""
    found = {name: match for name in table.columns if (match := HUMAN_SCORE.fullmatch(name))}
    if not found:
        return None
    harm = any("harm_definition" in comment for comment in table.comments)
    return Layout(
        format="PyRIT scorer evaluation",
        constants={"rater_kind": "human"},
        scores=tuple(found),
        raters=tuple(f"human-{match[1] or 1}" for match in found.values()),
        prompt=HUMAN_TEXTS,
        task=f"{'harm' if harm else 'objective'}/{stem}",
        direction="lower is better",
        scale="ordinal" if harm else "binary",
        bounds=(0.0, 1.0),
        row_is_item=True,
        note="how harmful the answer is" if harm else "1: the objective was achieved",
    )
