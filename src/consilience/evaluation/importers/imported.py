"""What an import found: runs with their metrics, findings, and summaries held against their own items.

Pure types; they are the document `import.json` beside the imported scores. Invariants: every rater of the
scores has a metric here that says what its numbers mean; nothing that was in the source and could not be
mapped is left out of `unmapped` or `findings`; unknown is None or `unknown`, never a default.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from consilience.evaluation.protocol import RaterKind

Plain = str | int | float | bool | None
Direction = Literal["higher is better", "lower is better", "unknown"]
ScaleKind = Literal["binary", "ordinal", "continuous", "unknown"]
Basis = Literal["declared", "identified", "unknown"]
Severity = Literal["error", "warning", "note"]


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """What the scores of one rater of one run mean."""

    rater: str
    """Its name in the scores table."""
    name: str
    """The metric as the source names it, such as `acc,none` or `dan.DAN`."""
    kind: RaterKind
    direction: Direction = "unknown"
    scale: ScaleKind = "unknown"
    minimum: float | None = None
    maximum: float | None = None
    judge_model: str | None = None
    prompt_digest: str | None = None
    """Of the judge's prompt."""
    values: dict[str, float] = {}
    """How words became numbers, such as {"C": 1.0, "I": 0.0}."""
    note: str = ""
    simulated: bool = False
    """Nobody really gave these ratings, and their source says so."""


class Returned(msgspec.Struct, frozen=True, kw_only=True):
    """What an export of a scores table tells of its rows, so that they come back as they were."""

    protocol_digest: str | None = None
    split: str | None = None
    run: str | None = None


class ImportedRun(msgspec.Struct, frozen=True, kw_only=True):
    """One task given to one model, as the source tells it."""

    harness: str
    harness_version: str | None = None
    format: str
    file: str
    """Where it stands, as it is spoken of: a file, or the folder of all its files."""
    files: tuple[str, ...] = ()
    """All files that it was read from, where they are more than `file`."""
    task: str
    task_version: str | None = None
    model: str
    concept: str
    """What the scores are filed under: the task, or what the user named."""
    created: str | None = None
    """UTC, ISO 8601; None: not told, or told without a zone."""
    state: Literal["complete", "interrupted", "unknown"] = "unknown"
    language: str | None = None
    language_basis: Basis = "unknown"
    languages: tuple[str, ...] = ()
    """Of its rows: several where the source tells the language of each item."""
    attempts: int | None = None
    """Planned repetitions."""
    items_declared: int | None = None
    """Items that the source says it has."""
    sampling: dict[str, Plain] = {}
    settings: dict[str, Plain] = {}
    """Further settings by their names in the source: seeds, shots, dataset, revision, limit …"""
    metrics: tuple[Metric, ...] = ()
    unmapped: tuple[str, ...] = ()
    """Fields of the source that have no place here."""
    returned: Returned | None = None
    """The source is an export of a scores table: its items keep the names that they have there."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a reader of the import must know. The text never repeats the content of an item."""

    severity: Severity
    code: str
    """Such as `truncated`, `duplicate_sample`, `summary_disagrees`."""
    text: str
    file: str
    line: int | None = None
    offset: int | None = None
    """Byte from the start of the file (of an entry, in an archive)."""
    count: int = 1
    """How often it occurred; the place is that of the first."""
    next_step: str | None = None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A number that the source tells of its own items, and the same computed from the items here."""

    run: int
    rater: str
    statistic: str
    """Such as `mean`, `n`."""
    told: float | None
    computed: float | None
    agrees: bool | None
    """None: cannot be said, `reason` says why."""
    reason: str = ""
    decimals: int | None = None
    """Digits after the point that the source rounds to; None: it writes all digits."""


class ImportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the source."""

    name: str
    sha256: str
    bytes: int
    format: str | None
    """None: no format was recognised, and nothing was read from it."""


class ImportedCell(msgspec.Struct, frozen=True, kw_only=True):
    """Scores that are analysed together, and the runs that they came from."""

    model: str
    language: str
    concept: str
    rater: str
    runs: tuple[int, ...]
    """Their places in `runs`, from 0."""


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """The document `import.json`."""

    format: Literal["consilience-import-1"] = "consilience-import-1"
    exercise: str
    laboratory: str
    imported_at: str
    software: dict[str, str]
    files: tuple[ImportedFile, ...]
    runs: tuple[ImportedRun, ...]
    findings: tuple[Finding, ...]
    summaries: tuple[Summary, ...]
    rows: int
    items: int
    scored: int
    unscored: dict[str, int]
    """Cause → rows without a score."""
    scores_sha256: str
    cells: tuple[ImportedCell, ...] = ()
    """Where the scores of each model, language, concept and rater came from."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the user decides; None: as the source tells it."""

    exercise: str
    laboratory: str
    model: str | None = None
    concept: str | None = None
    language: str | None = None
    columns: dict[str, str] = {}
    """Column map for tables: our column → theirs, or `=VALUE`."""
    values: dict[str, float] = {}
    """Words → numbers, beside the harness's own."""
    raters: dict[str, str] = {}
    """Metrics of the source → raters in the scores table, such as those of a protocol."""
    directions: dict[str, Direction] = {}
    """Metrics of the source → whether higher or lower is better, where the source does not say."""
    scorers: tuple[str, ...] = ()
    """Only these metrics; empty: all."""
