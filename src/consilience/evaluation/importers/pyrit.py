"""PyRIT: its SQLite memory, read only, of the schema versions that are known here.

An attack's objective is an item, an attack on it an attempt; the outcome and each scorer are raters.
Invariants: only tables are read, never views; an unknown schema version is refused with a finding; a value
that is a path to media is never opened; a score that is not complete has no number.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from consilience.evaluation.importers import plain
from consilience.evaluation.importers.imported import ImportedRun, Metric, Options
from consilience.evaluation.importers.scales import SeenScale
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source
from consilience.evaluation.protocol import RaterKind
from consilience.evaluation.scores import Cause, Status

HARNESS = "pyrit"
VERSIONS = frozenset({"8d1e3f5a7b9c"})
"""Known values of `pyrit_memory_alembic_version`."""
VERSION_TABLE = "pyrit_memory_alembic_version"
TABLES = ("AttackResultEntries", "ScoreEntries", "PromptMemoryEntries", "Conversations", "TargetIdentifiers")
MAX_VALUE_BYTES = 4 * 2**20
"""Of one value of the database."""
MAX_ROWS = 5_000_000
"""Of one table."""
OUTCOME = "outcome"
OUTCOMES = {"success": 1.0, "failure": 0.0}
JUDGED = re.compile(r"(SelfAsk|LLM|Gandalf|AzureContentFilter|Likert|Refusal|Insecure)")
HUMAN = re.compile(r"Human")


class Pyrit:
    """The reader."""

    name = HARNESS

    def recognise(self, source: Source, head: bytes) -> bool:
        """Say whether a file is a memory of PyRIT, or a DuckDB file as its older versions wrote."""
        if head[8:12] == b"DUCK":
            return True
        if not head.startswith(b"SQLite format 3\x00"):
            return False
        try:
            with _open(source) as database:
                return {VERSION_TABLE, "PromptMemoryEntries"} & _tables(database) != set()
        except (sqlite3.Error, UnicodeDecodeError):
            return b"PromptMemoryEntries" in head

    def read(self, sources: Sequence[Source], sink: Sink, options: Options) -> None:
        """Read all databases."""
        for source in sources:
            with source.open() as stream:
                old = stream.read(12)[8:12] == b"DUCK"
            if old:
                sink.add_finding(
                    "error", "duckdb", "a DuckDB file: PyRIT kept its memory so before it changed to SQLite",
                    file=source.name, next_step="Move it into SQLite with the PyRIT that wrote it.",
                )  # fmt: skip
                continue
            try:
                with _open(source) as database:
                    _Memory(source, sink, options, database).read()
            except (sqlite3.Error, OverflowError, UnicodeDecodeError) as error:
                sink.add_finding(
                    "error", "broken_database",
                    f"the database cannot be read to its end ({type(error).__name__})", file=source.name,
                    next_step="Check it with `PRAGMA integrity_check`.",
                )  # fmt: skip


@contextlib.contextmanager
def _open(source: Source) -> Iterator[sqlite3.Connection]:
    """Open a database that somebody else wrote: nothing is written, no schema code is trusted."""
    address = f"{source.path.resolve().as_uri()}?mode=ro&immutable=1"
    connection = sqlite3.connect(address, uri=True, isolation_level=None)
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        yield connection
    finally:
        connection.close()


def _tables(database: sqlite3.Connection) -> set[str]:
    """Return the names of real tables that have one of our names (no view stands for one)."""
    found = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchmany(10_000)
    return {
        str(name)
        for name, sql in found
        if isinstance(sql, str) and not sql.lstrip().upper().startswith("CREATE VIRTUAL")
    }


class _Memory:
    """One database on its way into the sink."""

    def __init__(self, source: Source, sink: Sink, options: Options, database: sqlite3.Connection) -> None:
        self.source, self.sink, self.options, self.database = source, sink, options, database
        self.tables = _tables(database)
        self.runs: dict[str, int] = {}
        self.scales: dict[tuple[int, str], SeenScale] = {}
        self.kinds: dict[tuple[int, str], RaterKind] = {}
        self.tries: Counter[tuple[int, str]] = Counter()

    def read(self) -> None:
        """Read attacks and scores, where the schema is known."""
        versions = {str(row.get("version_num")) for row in self._rows(VERSION_TABLE, ("version_num",))}
        if not versions <= VERSIONS or not versions:
            told = ", ".join(sorted(versions))[:100] or "none"
            self.sink.add_finding(
                "error", "unknown_schema", f"the schema version of this memory is {told}; known is "
                f"{', '.join(sorted(VERSIONS))}", file=self.source.name,
                next_step="Bring the memory to a known version with PyRIT, or report the version.",
            )  # fmt: skip
            return
        models = self._models()
        attempts: dict[str, tuple[int, str, int, str | None]] = {}
        prompts = self._prompts()
        for attack in self._rows(
            "AttackResultEntries", ("conversation_id", "objective", "outcome", "timestamp", "pyrit_version")
        ):
            self._attack(attack, models, attempts)
        self._scores(models, attempts, prompts)
        for (run, rater), scale in self.scales.items():
            direction = "lower is better" if rater == OUTCOME else "unknown"
            self.sink.add_metric(
                run,
                Metric(
                    rater=rater, name=rater, kind=self.kinds[run, rater], direction=direction,  # type: ignore[arg-type]
                    scale=scale.kind, minimum=0.0, maximum=1.0,
                    note="1: the objective was achieved" if rater == OUTCOME else "",
                ),
            )  # fmt: skip

    def _rows(self, table: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield rows of a table, with None for columns that it does not have."""
        if table not in self.tables:
            return
        have = {str(row[1]) for row in self.database.execute(f'PRAGMA table_info("{table}")')}
        wanted = [column for column in columns if column in have]
        if not wanted:
            return
        names = ", ".join(f'"{column}"' for column in wanted)
        order = ' ORDER BY "timestamp", rowid' if "timestamp" in have else " ORDER BY rowid"
        query = f'SELECT {names} FROM "{table}"{order} LIMIT {MAX_ROWS}'  # noqa: S608 - names of ours
        for row in self.database.execute(query):
            yield dict.fromkeys(columns) | dict(zip(wanted, row, strict=True))

    def _models(self) -> dict[str, str]:
        """Return the model of each conversation: name of the model, else class of the target."""
        targets = {
            str(row["hash"]): plain.text(row["model_name"]) or plain.text(row["class_name"]) or "unknown"
            for row in self._rows("TargetIdentifiers", ("hash", "model_name", "class_name"))
        }
        return {
            str(row["conversation_id"]): targets.get(str(row["target_identifier_hash"]), "unknown")
            for row in self._rows("Conversations", ("conversation_id", "target_identifier_hash"))
        }

    def _prompts(self) -> dict[str, tuple[str, str | None]]:
        """Return, by message, its conversation and the digest of the conversation's first question."""
        first: dict[str, str] = {}
        messages: dict[str, tuple[str, str | None]] = {}
        columns = ("id", "conversation_id", "role", "original_value", "original_value_data_type", "timestamp")
        for row in self._rows("PromptMemoryEntries", columns):
            conversation = str(row["conversation_id"])
            text = plain.text(row["original_value"])
            if row["role"] == "user" and row["original_value_data_type"] == "text" and text is not None:
                first.setdefault(conversation, self.sink.add_prompt(text))
            messages[str(row["id"])] = (conversation, first.get(conversation))
        return messages

    def _run(self, model: str, version: Any) -> int:
        if model not in self.runs:
            self.runs[model] = self.sink.add_run(
                ImportedRun(
                    harness=HARNESS,
                    harness_version=plain.text(version),
                    format="pyrit SQLite memory",
                    file=self.source.name,
                    task="pyrit",
                    concept="pyrit",
                    model=plain.without_path(model),
                    unmapped=("labels", "score_rationale", "converters", "scenarios", "embeddings"),
                )
            )
        return self.runs[model]

    def _attack(
        self, attack: dict[str, Any], models: dict[str, str],
        attempts: dict[str, tuple[int, str, int, str | None]],
    ) -> None:  # fmt: skip
        conversation, objective = str(attack["conversation_id"]), plain.text(attack["objective"])
        run = self._run(models.get(conversation, "unknown"), attack["pyrit_version"])
        digest = self.sink.add_prompt(objective) if objective is not None else None
        item = digest or conversation
        self.tries[run, item] += 1
        attempts[conversation] = (run, item, self.tries[run, item], digest)
        score = OUTCOMES.get(str(attack["outcome"]).lower())
        self._score(attempts[conversation], OUTCOME, RaterKind.PROGRAM, score, Cause.UNKNOWN)

    def _scores(
        self, models: dict[str, str], attempts: dict[str, tuple[int, str, int, str | None]],
        prompts: dict[str, tuple[str, str | None]],
    ) -> None:  # fmt: skip
        columns = (
            "score_value", "score_type", "scorer_class_identifier", "prompt_request_response_id", "status",
            "pyrit_version", "timestamp",
        )  # fmt: skip
        lost = 0
        for row in self._rows("ScoreEntries", columns):
            conversation, digest = prompts.get(str(row["prompt_request_response_id"]), (None, None))
            if conversation is None:
                lost += 1
                continue
            place = attempts.get(conversation)
            if place is None:
                run = self._run(models.get(conversation, "unknown"), row["pyrit_version"])
                item = digest or conversation
                self.tries[run, item] += 1
                place = attempts[conversation] = (run, item, self.tries[run, item], digest)
            name, kind = _scorer(row["scorer_class_identifier"])
            complete = row["status"] in {None, "complete"}
            self._score(place, name, kind, _number(row) if complete else None, Cause.JUDGE_ERROR)
        if lost:
            self.sink.add_finding(
                "warning", "lost_scores", f"{lost:,} scores belong to no message of this memory",
                file=self.source.name,
            )  # fmt: skip

    def _score(
        self, place: tuple[int, str, int, str | None], rater: str, kind: RaterKind, score: float | None,
        cause: Cause,
    ) -> None:  # fmt: skip
        run, item, attempt, digest = place
        if self.options.scorers and rater not in self.options.scorers:
            return
        scale = self.scales.setdefault((run, rater), SeenScale())
        self.kinds.setdefault((run, rater), kind)
        if score is not None:
            scale.see(score)
        self.sink.add_score(
            run, item, rater=rater, score=score, attempt=attempt, item_digest=digest,
            status=Status.SCORED if score is not None else Status.UNSCORED,
            cause=None if score is not None else cause,
        )  # fmt: skip


def _number(row: dict[str, Any]) -> float | None:
    value = row["score_value"]
    if row["score_type"] == "true_false":
        return {"true": 1.0, "false": 0.0}.get(str(value).strip().lower())
    return plain.number(value)


def _scorer(identifier: Any) -> tuple[str, RaterKind]:
    """Return name and kind of a scorer, from its identifier (JSON, or a table in other versions)."""
    whole: Any = identifier
    if isinstance(identifier, str):
        try:
            whole = json.loads(identifier)
        except (ValueError, RecursionError):
            whole = {}
    told = plain.table(whole)
    name = plain.text(told.get("class_name")) or plain.text(told.get("__type__")) or "scorer"
    if HUMAN.search(name):
        return name[:200], RaterKind.HUMAN
    return name[:200], RaterKind.JUDGE if JUDGED.search(name) else RaterKind.PROGRAM
