"""Every Eval Ever: aggregate documents (schema 0.2 and 0.3) and their instance rows.

An evaluation name of a document is a run, each of its results a rater. Rows are joined with their result by
`evaluation_id` and `evaluation_result_id`, else by the name. Invariants: a result whose rows are not there is
told and no score; a row that tells an error and the score 0 has no score; a row that does not say which
attempt it is, is numbered in order. What `exercise export` put under `consilience_…` comes back as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from consilience.evaluation.exports.own_keys import PREFIX, UNSCORED_FORMAT
from consilience.evaluation.importers import plain
from consilience.evaluation.importers.every_eval_ever_results import (
    Document,
    Told,
    clean,
    read_document,
    told_alone,
)
from consilience.evaluation.importers.every_eval_ever_rows import MAX_ATTEMPT, attempt_of, cause_of
from consilience.evaluation.importers.imported import Options
from consilience.evaluation.importers.json_lines import document, json_lines
from consilience.evaluation.importers.json_parts import parts
from consilience.evaluation.importers.scales import SeenScale
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source
from consilience.evaluation.importers.writing import file_digest
from consilience.evaluation.scores import Cause, Status
from consilience.languages import is_tag

HARNESS = "every-eval-ever"
MAX_DOCUMENTS = 100_000
"""Aggregate documents of one import."""
GENERATION, INPUT, ITEM_DIGEST = (f"{PREFIX}{name}" for name in ("generation", "input", "item_digest"))
LANGUAGE_KEYS = ("language", "lang", "language_code")


class EveryEvalEver:
    """The reader."""

    name = HARNESS

    def recognise(self, source: Source, head: bytes) -> bool:
        """Say whether a file is an aggregate document or rows, by the keys at its beginning."""
        start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
        if not start.startswith((b"{", b"[")) or b'"evaluation_id"' not in start:
            return False
        if UNSCORED_FORMAT.encode() in start[:200]:
            return True
        rows = b'"sample_id"' in start and b'"model_id"' in start and b'"interaction_type"' in start
        whole = b'"schema_version"' in start and (
            b'"source_metadata"' in start or b'"evaluation_results"' in start
        )
        return rows or whole

    def read(self, sources: Sequence[Source], sink: Sink, options: Options) -> None:
        """Read the documents first, then the rows that belong to them."""
        reading = _Reading(sink, options)
        rows: list[Source] = []
        for source in sources:
            if _is_rows(source):
                rows.append(source)
            else:
                reading.add_document(source)
        for source in rows:
            reading.read_rows(source)
        reading.finish()


def _is_rows(source: Source) -> bool:
    with source.open() as stream:
        start = stream.read(65_536)
    return (b'"sample_id"' in start and b'"model_id"' in start) or UNSCORED_FORMAT.encode() in start[:200]


class _Reading:
    """One import on its way into the sink."""

    def __init__(self, sink: Sink, options: Options) -> None:
        self.sink, self.options = sink, options
        self.documents: dict[str, Document] = {}
        self.scales: dict[tuple[int, str], SeenScale] = {}
        self.rows: Counter[tuple[int, str]] = Counter()
        self.by_file: Counter[str] = Counter()
        """Rows of the file that is being read, by evaluation."""
        self.by_samples: dict[str, list[Document]] = {}
        """Documents by the name of the file of their rows."""
        self.unnumbered: set[int] = set()
        self.laboratories: set[str] = set()

    def add_document(self, source: Source) -> None:
        """Read an aggregate document and begin its runs."""
        if len(self.documents) >= MAX_DOCUMENTS:
            self.sink.add_finding(
                "error", "too_many_documents", f"more than {MAX_DOCUMENTS:,} documents; left out",
                file=source.name,
            )  # fmt: skip
            return
        whole = document(source, self.sink)
        if not isinstance(whole, dict):
            return
        found = read_document(whole, source, self.sink)
        if found.evaluation_id in self.documents:
            self.sink.add_finding(
                "warning", "same_evaluation", "another document has the same evaluation_id; this one "
                "was left out", file=source.name,
            )  # fmt: skip
            return
        self.documents[found.evaluation_id] = found
        if found.samples_file is not None:
            self.by_samples.setdefault(found.samples_file, []).append(found)
        if found.laboratory is not None:
            self.laboratories.add(found.laboratory)

    def _is_other(self, found: Document) -> bool:
        """Say whether a document is of a laboratory that this import is not of, where there are several."""
        mine = {None, self.options.laboratory}
        return len(self.laboratories) > 1 and found.laboratory not in mine

    def read_rows(self, source: Source) -> None:
        """Read the rows of one file."""
        self.by_file = Counter()
        for number, row in _rows(source, self.sink):
            if isinstance(row, dict):
                self._take(row, source, number)
            else:
                self.sink.add_finding(
                    "warning", "no_row", "this is no row and was left out", file=source.name, line=number
                )
        for found in self.by_samples.get(source.base, ()):
            self._check(found, source)

    def _check(self, found: Document, source: Source) -> None:
        """Hold a file of rows against what its document says of it."""
        read = self.by_file[found.evaluation_id]
        if found.samples_rows is not None and found.samples_rows != read:
            self.sink.add_finding(
                "warning", "rows_missing", f"{found.samples_rows:,} rows are declared, {read:,} were read",
                file=source.name,
            )  # fmt: skip
        if found.samples_sha256 is not None and found.samples_sha256 != file_digest(source.path):
            self.sink.add_finding(
                "warning", "digest_differs", "these rows are not the ones that their document names by its "
                "checksum", file=source.name, next_step="Get the rows and the document again.",
            )  # fmt: skip

    def _take(self, row: dict[str, Any], source: Source, number: int | None) -> None:
        key = plain.text(row.get("evaluation_id")) or ""
        found = self.documents.get(key)
        if found is None:
            found = self.documents[key] = told_alone(row, key, source, self.sink)
        self.by_file[key] += row.get("format") != UNSCORED_FORMAT
        if self._is_other(found):
            self.sink.add_finding(
                "error", "other_laboratory", "these files are of several laboratories; rows of another "
                "one than was named were left out", file=source.name,
                next_step="Import each laboratory by itself, and name it as the files do.",
            )  # fmt: skip
            return
        if isinstance(row.get("result"), dict) and row.get("format") == UNSCORED_FORMAT:
            found.add_own(row, self.sink)
            return
        told = found.told_by(row, self.sink)
        if told is None:
            self.sink.add_finding(
                "warning", "no_result", "rows name no result of their document and were left out",
                file=source.name, line=number,
            )  # fmt: skip
            return
        if self.options.scorers and not {told.rater, told.metric} & set(self.options.scorers):
            return
        run = self.sink.runs[told.run]
        if source.name not in run.files:
            self.sink.change_run(told.run, files=tuple(sorted({run.file, *run.files, source.name})))
        self._score(row, told)

    def _score(self, row: dict[str, Any], told: Told) -> None:
        metadata = plain.table(row.get("metadata"))
        attempt = attempt_of(metadata)
        if attempt is None:
            self.unnumbered.add(told.run)
        score, status, cause = self._value(row)
        scale = self.scales.setdefault((told.run, told.rater), SeenScale())
        if score is not None:
            scale.see(score)
        self.rows[told.run, told.rater] += 1
        self.sink.add_score(
            told.run,
            _item(row),
            rater=told.rater,
            score=score,
            status=status,
            cause=cause,
            attempt=attempt or 1,
            item_digest=self._digest(row, metadata),
            language=None if told.own else _language(metadata),
            generation=plain.text(metadata.get(GENERATION)),
        )

    def _value(self, row: dict[str, Any]) -> tuple[float | None, Status, Cause | None]:
        if row.get("format") == UNSCORED_FORMAT:
            return (
                None,
                _one_of(Status, row.get("status"), Status.UNSCORED),
                _one_of(Cause, row.get("cause"), Cause.UNKNOWN),
            )
        told = plain.table(row.get("evaluation"))
        value = told.get("score")
        score = plain.number(value) if isinstance(value, int | float) else None
        error = plain.text(row.get("error"))
        if error is not None and not score and not told.get("is_correct"):
            return None, Status.FAILED, cause_of(error)
        if score is None:
            return None, Status.UNSCORED, Cause.UNKNOWN
        return score, Status.SCORED, None

    def _digest(self, row: dict[str, Any], metadata: dict[str, Any]) -> str | None:
        text = plain.text(plain.table(row.get("input")).get("raw"))
        if INPUT in metadata:
            if metadata[INPUT] == "text" and text is not None:
                self.sink.add_prompt(text)
            return plain.text(metadata.get(ITEM_DIGEST))
        return self.sink.add_prompt(text) if text is not None else None

    def finish(self) -> None:
        """Tell what is known only after all rows."""
        self._number_attempts()
        for found in self.documents.values():
            if self._is_other(found):
                continue
            for told in found.all_told():
                seen = self.scales.get((told.run, told.rater))
                told.add_metric(self.sink, seen)
                told.add_summaries(self.sink, n_rows=self.rows[told.run, told.rater])
            if found.results and not any(self.rows[t.run, t.rater] for t in found.all_told()):
                self.sink.add_finding(
                    "note", "results_without_rows", f"{len(found.results):,} numbers stand without their "
                    "rows; they are told and no scores", file=found.file,
                    next_step="Import the file of its rows too, if there is one.",
                )  # fmt: skip
        _say_laboratory(self)

    def _number_attempts(self) -> None:
        """Number the rows of runs that do not say which attempt a row is, in their order."""
        if not self.unnumbered:
            return
        database = self.sink.database
        database.execute("CREATE OR REPLACE TEMP TABLE unnumbered (run INTEGER)")
        database.executemany("INSERT INTO unnumbered VALUES (?)", [[run] for run in sorted(self.unnumbered)])
        database.execute(
            f"""
            UPDATE row SET attempt = n.place FROM (
              SELECT number, least({MAX_ATTEMPT}, row_number() OVER (
                PARTITION BY run, rater, language, source_item ORDER BY attempt, number)) AS place
              FROM row WHERE run IN (SELECT run FROM unnumbered)) AS n
            WHERE row.number = n.number AND row.attempt <> n.place
            """  # noqa: S608 - a constant of ours
        )


def _rows(source: Source, sink: Sink) -> Iterator[tuple[int | None, Any]]:
    with source.open() as stream:
        start = stream.read(64).lstrip(b"\xef\xbb\xbf \r\n\t")
    if start.startswith(b"["):
        for _, row in parts(source, sink):
            yield None, row
        return
    for line in json_lines(source, sink):
        yield line.number, line.value


def _say_laboratory(reading: _Reading) -> None:
    told = sorted(reading.laboratories)
    if len(told) == 1 and told[0] != reading.options.laboratory:
        file = next(found.file for found in reading.documents.values() if found.laboratory is not None)
        reading.sink.add_finding(
            "note", "laboratory_differs", f"the files name the laboratory {clean(told[0])}; the scores stand "
            "under the one that was given", file=file,
        )  # fmt: skip


def _item(row: dict[str, Any]) -> str:
    sample = row.get("sample_id")
    return str(sample)[:1_000] if isinstance(sample, str | int) else "unknown"


def _language(metadata: dict[str, Any]) -> str | None:
    for name in LANGUAGE_KEYS:
        tag = metadata.get(name)
        if isinstance(tag, str) and is_tag(tag):
            return tag
    return None


def _one_of(words: Any, value: object, otherwise: Any) -> Any:
    try:
        return words(value)
    except ValueError:
        return otherwise
