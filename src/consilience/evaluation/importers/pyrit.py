"""PyRIT: its SQLite memory, read only, of the schema versions that are known here.

An attack's objective is an item, an attack on it an attempt; the outcome and each scorer are raters: a scorer
is its class, what it scored (the category) and, where a memory has several of those, its configuration.
Invariants: only tables are read, never views; an unknown schema version is refused with a finding; a value
that is a path to media is never opened; a score that is not complete has no number; of the turns of one
conversation the last that a scorer rated counts; two questions are never one rater.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from consilience.evaluation.importers import plain
from consilience.evaluation.importers.imported import Direction, ImportedRun, Metric, Options, Severity
from consilience.evaluation.importers.pyrit_database import MAGIC, Database, opened
from consilience.evaluation.importers.pyrit_scorers import COLUMNS as SCORER_COLUMNS
from consilience.evaluation.importers.pyrit_scorers import MAX_SCORERS, Scorers
from consilience.evaluation.importers.scales import SeenScale
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source
from consilience.evaluation.protocol import RaterKind
from consilience.evaluation.scores import Cause, Status

HARNESS = "pyrit"
VERSIONS = frozenset({"8d1e3f5a7b9c"})
"""Known values of `pyrit_memory_alembic_version`."""
VERSION_TABLE = "pyrit_memory_alembic_version"
OUTCOME = "outcome"
OUTCOMES = {"success": 1.0, "failure": 0.0}
SCORE_COLUMNS = (
    "id", "score_value", "score_type", "prompt_request_response_id", "status", "pyrit_version", "timestamp",
    *SCORER_COLUMNS,
)  # fmt: skip


class Place(NamedTuple):
    """Where the scores of a conversation belong."""

    run: int
    item: str
    attempt: int
    digest: str | None


class Pyrit:
    """The reader."""

    name = HARNESS

    def recognise(self, source: Source, head: bytes) -> bool:
        """Say whether a file is a memory of PyRIT, or a DuckDB file as its older versions wrote."""
        if head[8:12] == b"DUCK":
            return True
        if not head.startswith(MAGIC):
            return False
        try:
            with opened(source) as database:
                return {VERSION_TABLE, "PromptMemoryEntries"} & database.tables != set()
        except (sqlite3.Error, OSError, UnicodeDecodeError):
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
                with opened(source, sink) as database:
                    _Memory(source, sink, options, database).read()
            except (sqlite3.Error, OSError, OverflowError, UnicodeDecodeError, MemoryError) as error:
                sink.add_finding(
                    "error", "broken_database",
                    f"the database cannot be read to its end ({type(error).__name__})", file=source.name,
                    next_step="Check it with `PRAGMA integrity_check`.",
                )  # fmt: skip


class _Memory:
    """One database on its way into the sink."""

    def __init__(self, source: Source, sink: Sink, options: Options, database: Database) -> None:
        self.source, self.sink, self.options, self.database = source, sink, options, database
        self.runs: dict[str, int] = {}
        self.scales: dict[tuple[int, str], SeenScale] = {}
        self.kinds: dict[tuple[int, str], RaterKind] = {}
        self.tries: Counter[tuple[int, str]] = Counter()
        self.places: dict[str, Place] = {}
        """Conversation → where its scores belong."""
        self.scorers = Scorers()

    def read(self) -> None:
        """Read attacks and scores, where the schema is known."""
        versions = {str(row["version_num"]) for row in self.database.rows(VERSION_TABLE, ("version_num",))}
        if not versions <= VERSIONS or not versions:
            told = ", ".join(sorted(versions))[:100] or "none"
            self.sink.add_finding(
                "error", "unknown_schema", f"the schema version of this memory is {told}; known is "
                f"{', '.join(sorted(VERSIONS))}", file=self.source.name,
                next_step="Bring the memory to a known version with PyRIT, or report the version.",
            )  # fmt: skip
            return
        models = self._models()
        prompts = self._prompts()
        for attack in self.database.rows(
            "AttackResultEntries", ("conversation_id", "objective", "outcome", "timestamp", "pyrit_version")
        ):
            self._attack(attack, models)
        self.scorers.see(self.database.rows("ScoreEntries", SCORER_COLUMNS))
        self._scores(models, prompts, self._last(prompts))
        for (run, rater), scale in self.scales.items():
            low, high = scale.within(0.0, 1.0)
            direction: Direction = "lower is better" if rater == OUTCOME else "unknown"
            self.sink.add_metric(
                run,
                Metric(
                    rater=rater, name=rater, kind=self.kinds[run, rater], direction=direction,
                    scale=scale.kind, minimum=low, maximum=high,
                    note="1: the objective was achieved" if rater == OUTCOME else "",
                ),
            )  # fmt: skip

    def _models(self) -> dict[str, str]:
        """Return the model of each conversation: name of the model, else class of the target."""
        rows = self.database.rows
        targets = {
            str(row["hash"]): plain.text(row["model_name"]) or plain.text(row["class_name"]) or "unknown"
            for row in rows("TargetIdentifiers", ("hash", "model_name", "class_name"))
        }
        return {
            str(row["conversation_id"]): targets.get(str(row["target_identifier_hash"]), "unknown")
            for row in rows("Conversations", ("conversation_id", "target_identifier_hash"))
        }

    def _prompts(self) -> dict[str, tuple[str, str | None]]:
        """Return, by message, its conversation and the digest of the conversation's first question."""
        first: dict[str, str] = {}
        messages: dict[str, tuple[str, str | None]] = {}
        columns = ("id", "conversation_id", "role", "original_value", "original_value_data_type", "timestamp")
        for row in self.database.rows("PromptMemoryEntries", columns):
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

    def _attack(self, attack: dict[str, Any], models: dict[str, str]) -> None:
        conversation, objective = str(attack["conversation_id"]), plain.text(attack["objective"])
        digest = self.sink.add_prompt(objective) if objective is not None else None
        run = self._run(models.get(conversation, "unknown"), attack["pyrit_version"])
        place = self._place(conversation, run, digest)
        score = OUTCOMES.get(str(attack["outcome"]).lower())
        self._score(place, OUTCOME, RaterKind.PROGRAM, score, Cause.UNKNOWN)

    def _place(self, conversation: str, run: int, digest: str | None) -> Place:
        item = digest or conversation
        self.tries[run, item] += 1
        self.places[conversation] = Place(run, item, self.tries[run, item], digest)
        return self.places[conversation]

    def _last(self, prompts: dict[str, tuple[str, str | None]]) -> dict[tuple[str, str], str]:
        """Return, by conversation and rater, the message that was rated last."""
        last: dict[tuple[str, str], str] = {}
        for row in self.database.rows("ScoreEntries", SCORE_COLUMNS):
            message, rater = str(row["prompt_request_response_id"]), self.scorers.rater_of(row)
            if rater is not None and message in prompts:
                last[prompts[message][0], rater[0]] = message
        return last

    def _scores(
        self, models: dict[str, str], prompts: dict[str, tuple[str, str | None]],
        last: dict[tuple[str, str], str],
    ) -> None:  # fmt: skip
        lost = earlier = 0
        for row in self.database.rows("ScoreEntries", SCORE_COLUMNS):
            message, found = str(row["prompt_request_response_id"]), self.scorers.rater_of(row)
            conversation, digest = prompts.get(message, (None, None))
            if conversation is None or found is None:
                lost += conversation is None
                continue
            if last[conversation, found[0]] != message:
                earlier += 1
                continue
            place = self.places.get(conversation)
            if place is None:
                run = self._run(models.get(conversation, "unknown"), row["pyrit_version"])
                place = self._place(conversation, run, digest)
            complete = row["status"] in {None, "complete"}
            self._score(place, *found, _number(row) if complete else None, Cause.JUDGE_ERROR)
        self._say_left_out(lost, earlier)

    def _say_left_out(self, lost: int, earlier: int) -> None:
        told: list[tuple[Severity, str, int, str]] = [
            ("warning", "lost_scores", lost, "scores belong to no message of this memory"),
            ("note", "earlier_turns", earlier, "scores are of earlier turns of a conversation; that of the "
             "last one counts"),
            ("error", "too_many_raters", self.scorers.dropped, f"scores are of more than {MAX_SCORERS:,} "
             "scorers and were left out"),
        ]  # fmt: skip
        for severity, code, count, text in told:
            if count:
                self.sink.add_finding(severity, code, f"{count:,} {text}", file=self.source.name)

    def _score(self, place: Place, rater: str, kind: RaterKind, score: float | None, cause: Cause) -> None:
        if self.options.scorers and rater not in self.options.scorers:
            return
        scale = self.scales.setdefault((place.run, rater), SeenScale())
        self.kinds.setdefault((place.run, rater), kind)
        if score is not None:
            scale.see(score)
        self.sink.add_score(
            place.run, place.item, rater=rater, score=score, attempt=place.attempt, item_digest=place.digest,
            status=Status.SCORED if score is not None else Status.UNSCORED,
            cause=None if score is not None else cause,
        )  # fmt: skip


def _number(row: dict[str, Any]) -> float | None:
    value = row["score_value"]
    if row["score_type"] == "true_false":
        return {"true": 1.0, "false": 0.0}.get(str(value).strip().lower())
    return plain.number(value)
