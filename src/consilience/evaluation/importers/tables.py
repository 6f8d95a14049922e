"""Tables: CSV, JSONL rows and Parquet, by the user's column map or in a form that is known.

A file is a task, a column with scores a rater (or a rater is named by a column). Invariants: a table without
a map and of no known form is not read, and the finding says which columns it has; a cell is data, so a
formula is no score; words become numbers only where the user says which; a row of a simulated rating is left
out, since its mark would be lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from consilience.evaluation.importers import plain
from consilience.evaluation.importers.clean_names import MAX_NAME, clean_name
from consilience.evaluation.importers.imported import Direction, ImportedRun, Metric, Options
from consilience.evaluation.importers.prompt import joined
from consilience.evaluation.importers.scales import SeenScale
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import HEAD_BYTES, Source
from consilience.evaluation.importers.table_files import Record, Table, look, records, wrong_encoding
from consilience.evaluation.importers.table_layout import (
    DIRECTIONS,
    Layout,
    check_map,
    layout_of,
    missing_columns,
    shown_columns,
    wanted_columns,
)
from consilience.evaluation.protocol import RaterKind
from consilience.evaluation.scores import Cause, Status
from consilience.languages import is_tag

HARNESS = "table"
MAX_SCORE = 1_000_000_000
"""Largest score, either side of 0, that an analysis takes."""
MAX_ATTEMPT = 100_000
"""Number of an attempt."""
NOTHING = frozenset({"", "nan", "na", "n/a", "null", "none", "-"})
"""Words in the column of scores that mean that there is none."""
TRUTH = {"true": 1.0, "false": 0.0}
FORMULA = ("=", "@", "+", "-")
TABLE_ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
TEXTS = {
    "formula": "cells of scores hold a formula; it was not evaluated, and they have no score",
    "not_a_number": "scores are words that nobody gave a number to, and have no score",
    "too_large": f"scores lie beyond {MAX_SCORE:,} and were left out",
    "no_item": "rows have neither an item nor a prompt and were left out",
    "attempt": f"rows have an attempt that is no whole number from 0 to {MAX_ATTEMPT:,} and were left out",
    "language": "languages are no language tags (BCP 47) and were left out",
    "direction": "directions are none of higher and lower and were left out",
    "rater_kind": "kinds of raters are none of program, judge and human; they were taken from the names",
    "simulated": "ratings are marked as simulated and were left out",
}
STEPS = {
    "not_a_number": "Say what they count as, such as --value yes=1 --value no=0.",
    "simulated": "`consilience exercise analyse` takes this table as it is, with its marks.",
}


class Tables:
    """The reader."""

    name = HARNESS

    def __init__(self, columns: Mapping[str, str] | None = None) -> None:
        """Take the user's column map.

        Args:
            columns: Ours → theirs, or `=VALUE`.

        Raises:
            InputError: The map cannot be meant.
        """
        self._columns = dict(columns or {})
        check_map(self._columns)

    def recognise(self, source: Source, head: bytes) -> bool:
        """Say whether the map fits the table, or its form is known."""
        return self._layout(source, head)[1] is not None

    def _layout(self, source: Source, head: bytes) -> tuple[Table | None, Layout | None]:
        table = look(source, head, wanted_columns(self._columns))
        return table, None if table is None else layout_of(table, source.name, self._columns)

    def say_why_not(self, source: Source, head: bytes, sink: Sink) -> bool:
        """Say what a table that is not recognised lacks; return False where it is no table."""
        if not source.base.lower().endswith(TABLE_ENDINGS):
            return False
        if not head.startswith((b"PAR1", b"{")):
            wrong = wrong_encoding(head)
            if wrong is not None:
                sink.add_finding(
                    "error", "encoding", f"the text is not UTF-8 (it seems to be {wrong[0]})",
                    file=source.name, line=1, offset=wrong[1], next_step="Save the table as UTF-8.",
                )  # fmt: skip
                return True
        table = look(source, head, wanted_columns(self._columns))
        if table is None or len(table.columns) < 2:
            return False
        missing = missing_columns(table, self._columns)
        lacks = f"; the map names {shown_columns(missing)}, which is not there" if missing else ""
        sink.add_finding(
            "warning" if missing else "note", "unmapped_table",
            f"a table with the columns {shown_columns(table.columns)}: nobody says what they mean{lacks}",
            file=source.name, next_step="Say it with --column OURS=THEIRS, such as --column item=id "
            "--column score=correct.",
        )  # fmt: skip
        return True

    def read(self, sources: Sequence[Source], sink: Sink, options: Options) -> None:
        """Read all tables."""
        for source in sources:
            with source.open() as stream:
                table, layout = self._layout(source, stream.read(HEAD_BYTES))
            if table is not None and layout is not None:
                _Rows(source, sink, options, table, layout).read()


class _Place(NamedTuple):
    """Where the scores of a row belong."""

    run: int
    concept: str
    item: str
    attempt: int
    digest: str | None
    language: str | None
    generation: str | None


class _Rows:
    """One table on its way into the sink."""

    def __init__(self, source: Source, sink: Sink, options: Options, table: Table, layout: Layout) -> None:
        self.source, self.sink, self.options, self.table, self.layout = source, sink, options, table, layout
        self.runs: dict[tuple[str, str], int] = {}
        self.kinds: dict[tuple[int, str], RaterKind] = {}
        self.scales: dict[tuple[int, str], SeenScale] = {}
        self.directions: dict[tuple[str, str], set[Direction]] = {}
        """Concept and rater → directions that rows tell."""
        self.words: dict[str, float] = {}
        self.faults: Counter[str] = Counter()
        self.first: dict[str, Record] = {}
        self.from_zero = False
        self.rows = 0

    def read(self) -> None:
        """Read all rows, then say what only all of them tell."""
        for record in records(self.table, self.source, self.sink, self.layout.read):
            self._take(record)
        self._say_form()
        for code, count in self.faults.items():
            at = self.first[code]
            self.sink.add_finding(
                "error" if code in {"no_item", "attempt", "simulated"} else "warning", code,
                f"{count:,} {TEXTS[code]}", file=self.source.name, line=at.line, offset=at.offset,
                next_step=STEPS.get(code),
            )  # fmt: skip
        self._say_directions()
        concepts = {run: concept for (_, concept), run in self.runs.items()}
        for (run, rater), scale in self.scales.items():
            told = self.directions.get((concepts[run], rater), {self.layout.direction})
            direction = next(iter(told)) if len(told) == 1 else "unknown"
            self.sink.add_metric(run, self._metric(rater, self.kinds[run, rater], scale, direction))
        if self.from_zero:
            runs = ", ".join(str(run) for run in self.runs.values())
            self.sink.database.execute(f"UPDATE row SET attempt = attempt + 1 WHERE run IN ({runs})")  # noqa: S608
            self.sink.add_finding(
                "note", "attempts_from_0", "attempts are counted from 0 there, and from 1 here",
                file=self.source.name,
            )  # fmt: skip

    def _say_directions(self) -> None:
        both = sorted({rater for (_, rater), told in self.directions.items() if len(told) > 1})
        if both:
            self.sink.add_finding(
                "warning", "direction_contradicts", f"rows of {len(both):,} raters, such as {both[0][:100]}, "
                "tell both higher and lower as better; their direction is not known", file=self.source.name,
                next_step="Correct the column, or name one direction: --column direction==lower.",
            )  # fmt: skip

    def _say_form(self) -> None:
        twice = [name for name, count in Counter(self.table.columns).items() if count > 1]
        if set(twice) & set(self.layout.read):
            self.sink.add_finding(
                "warning", "column_twice", f"the columns {shown_columns(twice)} stand there twice; the last "
                "counts", file=self.source.name,
            )  # fmt: skip
        if not {"rater_kind"} & {*self.layout.fields, *self.layout.constants} and self.kinds:
            self.sink.add_finding(
                "note", "rater_kind_assumed", "nobody says what kind the raters are; it was taken from their "
                "names, else `program`", file=self.source.name,
                next_step="Say it with --column rater_kind==human (or judge, program).",
            )  # fmt: skip

    def _fault(self, code: str, record: Record) -> None:
        self.faults[code] += 1
        self.first.setdefault(code, record)

    def _cell(self, record: Record, ours: str) -> Any:
        if ours in self.layout.constants:
            return self.layout.constants[ours]
        column = self.layout.fields.get(ours)
        return None if column is None else record.cells.get(column)

    def _take(self, record: Record) -> None:
        if str(self._cell(record, "simulated")).strip().lower() in {"true", "1"}:
            self._fault("simulated", record)
            return
        place = self._place(record)
        if place is None:
            return
        named = _text(self._cell(record, "rater"))
        several = len(self.layout.scores) > 1
        for number, column in enumerate(self.layout.scores):
            if self.layout.raters:
                rater = self.layout.raters[number]
            elif named is None:
                rater = _name(column)
            else:
                rater = _name(f"{named},{column}" if several else named)
            if not self.options.scorers or {rater, column} & set(self.options.scorers):
                self._score(record, place, rater, record.cells.get(column))

    def _place(self, record: Record) -> _Place | None:
        prompt = [_text(record.cells.get(column)) or "" for column in self.layout.prompt]
        digest = self.sink.add_prompt(joined(prompt)) if any(prompt) else None
        self.rows += 1
        item = str(self.rows) if self.layout.row_is_item else _text(self._cell(record, "item")) or digest
        if item is None:
            self._fault("no_item", record)
            return None
        told = self._cell(record, "attempt")
        attempt = 1 if told is None or told == "" else plain.whole(told)
        if attempt is None or not 0 <= attempt <= MAX_ATTEMPT:
            self._fault("attempt", record)
            return None
        self.from_zero = self.from_zero or attempt == 0
        language = _text(self._cell(record, "language"))
        if language is not None and not is_tag(language):
            self._fault("language", record)
            language = None
        model = _text(self._cell(record, "model")) or "unknown"
        concept = _text(self._cell(record, "concept")) or self.layout.task
        generation = _text(self._cell(record, "generation"))
        run = self._run(plain.without_path(model)[:1_000], concept[:1_000])
        return _Place(
            run,
            concept[:1_000],
            item[:1_000],
            attempt,
            digest,
            language,
            generation and generation[:MAX_NAME],
        )

    def _run(self, model: str, concept: str) -> int:
        if (model, concept) not in self.runs:
            read = set(self.layout.read)
            rest = [name[:200] for name in self.table.columns if name not in read]
            lost = ("exercise", "laboratory", "item_digest", "protocol_digest", "split", "run")
            rest += [name for name in lost if name in self.layout.fields]
            self.runs[model, concept] = self.sink.add_run(
                ImportedRun(
                    harness=HARNESS, format=self.layout.format, file=self.source.name, task=self.layout.task,
                    model=model, concept=concept, unmapped=tuple(rest)[:100],
                )
            )  # fmt: skip
        return self.runs[model, concept]

    def _kind(self, record: Record, rater: str) -> RaterKind:
        told = _text(self._cell(record, "rater_kind"))
        if told is not None:
            try:
                return RaterKind(told.strip().lower())
            except ValueError:
                self._fault("rater_kind", record)
        low = rater.lower()
        if any(word in low for word in ("human", "annotator", "labeler", "labeller")):
            return RaterKind.HUMAN
        return RaterKind.JUDGE if any(word in low for word in ("judge", "llm")) else RaterKind.PROGRAM

    def _score(self, record: Record, place: _Place, rater: str, value: Any) -> None:
        key = (place.run, rater)
        if key not in self.kinds:
            self.kinds[key], self.scales[key] = self._kind(record, rater), SeenScale()
        self._direction(record, place.concept, rater)
        score = self._number(record, value)
        if score is not None:
            self.scales[key].see(score)
        status, cause = self._status(record, score)
        self.sink.add_score(
            place.run, place.item, rater=rater, score=score if status is Status.SCORED else None,
            status=status, cause=cause, attempt=place.attempt, item_digest=place.digest,
            language=place.language, generation=place.generation,
        )  # fmt: skip

    def _direction(self, record: Record, concept: str, rater: str) -> None:
        if "direction" not in self.layout.fields:
            return
        word = _text(self._cell(record, "direction"))
        found = None if word is None else DIRECTIONS.get(word.strip().lower())
        if found is not None:
            self.directions.setdefault((concept, rater), set()).add(found)
        elif word is not None:
            self._fault("direction", record)

    def _status(self, record: Record, score: float | None) -> tuple[Status, Cause | None]:
        told = _text(self._cell(record, "status"))
        status = Status(told) if told in set(Status) else None
        if score is not None and status in {None, Status.SCORED}:
            return Status.SCORED, None
        word = _text(self._cell(record, "cause"))
        cause = Cause(word) if word in set(Cause) else Cause.UNKNOWN
        return (Status.UNSCORED if status in {None, Status.SCORED} else status) or Status.UNSCORED, cause

    def _number(self, record: Record, value: Any) -> float | None:
        if isinstance(value, str):
            word = value.strip()
            if word in self.options.values:
                self.words[word] = self.options.values[word]
                return self.options.values[word]
            if word.lower() in TRUTH:
                self.words[word[:MAX_NAME]] = TRUTH[word.lower()]
                return TRUTH[word.lower()]
            if word.lower() in NOTHING:
                return None
        elif value is None:
            return None
        score = plain.number(value)
        if score is None:
            formula = isinstance(value, str) and value.strip().startswith(FORMULA)
            odd = not isinstance(value, float)
            if odd:
                self._fault("formula" if formula else "not_a_number", record)
        elif abs(score) > MAX_SCORE:
            self._fault("too_large", record)
            return None
        return score

    def _metric(self, rater: str, kind: RaterKind, scale: SeenScale, direction: Direction) -> Metric:
        low, high = (None, None) if self.layout.bounds is None else scale.within(*self.layout.bounds)
        inside = self.layout.bounds is None or low is not None
        return Metric(
            rater=rater, name=rater, kind=kind, direction=direction,
            scale=(self.layout.scale or scale.kind) if inside else scale.kind, minimum=low, maximum=high,
            values=dict(self.words), note=self.layout.note,
        )  # fmt: skip


def _text(value: Any) -> str | None:
    """Return a cell as a text; None where it is empty or holds a list or an object."""
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, bool | int) or (isinstance(value, float) and value == value):
        return str(int(value) if isinstance(value, float) and value.is_integer() else value)
    return None


def _name(text: str) -> str:
    """Return the name of a rater as the scores table can hold it."""
    return clean_name(text)
