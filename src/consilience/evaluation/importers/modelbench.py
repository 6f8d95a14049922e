"""modelbench (AILuminate): run journals, `.jsonl` or `.jsonl.zst`, and benchmark records.

Read from mlcommons/modelbench: docs/run-journal.md @ 13ea5ad1, src/modelbench/benchmark_runner.py @ 01395016,
src/modelbench/record.py @ 0096011f. A test is a task, every annotator a rater, and every measurement that
was made of the annotations another. Invariants: of an item, what was fetched and what came from a cache is
the same; what was queued and never measured has rows without a score; a calibration says that it is one; the
names of users and hosts in a record are never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from consilience.evaluation.importers import plain
from consilience.evaluation.importers.imported import ImportedRun, Metric, Options, Plain
from consilience.evaluation.importers.json_lines import document, json_lines
from consilience.evaluation.importers.packed import MAGIC, Packed, PackedError, unpacked_head
from consilience.evaluation.importers.scales import SeenScale
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import HEAD_BYTES, Source
from consilience.evaluation.protocol import RaterKind
from consilience.evaluation.scores import Cause, Status

HARNESS = "modelbench"
SAFE = "is_safe"
MAX_ITEMS = 1_000_000
"""Items of one journal that are remembered while their annotations come."""
MAX_MEMBERS = 50
"""Values of one annotation or measurement that are raters."""
STARTS = (b'"starting journal"', b'"starting run"', b'"starting calibration run"')
PASSED_OVER = frozenset(
    {"starting journal", "running pipeline", "fetched sut response", "using cached sut response",
     "translated sut response", "fetched annotator response", "using cached annotator response",
     "finished pipeline", "benchmark scored", "benchmark calibrated", "cache info", "closing journal",
     "item finished", "item failed", "test info", "overrode item quality"}
)  # fmt: skip
UNMAPPED = ("response", "request", "run_time", "scoring_log", "sut_options", "dependencies", "initialization")


class Modelbench:
    """The reader."""

    name = HARNESS

    def recognise(self, source: Source, head: bytes) -> bool:
        """Say whether a file is a journal, packed or not, or a record."""
        if head.startswith(MAGIC):
            head = unpacked_head(head)
        start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
        if not start.startswith(b"{"):
            return False
        line = start.split(b"\n", 1)[0]
        if b'"message"' in line and any(word in start[:8_192] for word in STARTS):
            return True
        return b'"run_uid"' in start and b'"benchmark"' in start and b'"hazards"' in start

    def read(self, sources: Sequence[Source], sink: Sink, options: Options) -> None:
        """Read all journals and records."""
        for source in sources:
            with source.open() as stream:
                head = stream.read(HEAD_BYTES)
            if head.startswith(MAGIC):
                _Journal(Packed(source.name, source.path, source.size), sink, options).read()
            elif b'"message"' in head.split(b"\n", 1)[0]:
                _Journal(source, sink, options).read()
            else:
                whole = document(source, sink)
                if isinstance(whole, dict):
                    _read_record(whole, source, sink)


class _Item(msgspec.Struct):
    """An item of one model on its way through the journal."""

    run: int
    digest: str | None
    rated: set[str]
    """Raters that have a row of it."""
    cause: Cause = Cause.NOT_RATED
    answered: bool = True


class _Journal:
    """One journal on its way into the sink."""

    def __init__(self, source: Source, sink: Sink, options: Options) -> None:
        self.source, self.sink, self.options = source, sink, options
        self.start: dict[str, Any] = {}
        self.calibration = False
        self.state = "interrupted"
        self.runs: dict[tuple[str, str], int] = {}
        self.items: dict[tuple[int, str], _Item] = {}
        self.scales: dict[tuple[int, str], SeenScale] = {}
        self.judges: dict[tuple[int, str], str | None] = {}
        self.hazards: dict[str, list[tuple[str, str, int]]] = {}
        """Test → hazards that it belongs to: hazard, benchmark, number of the hazard's tests."""
        self.planned: dict[str, int | None] = {}
        self.told: list[tuple[str, str, dict[str, Any]]] = []
        self.grades: dict[tuple[str, str], dict[str, Any]] = {}

    def read(self) -> None:
        """Read all messages."""
        try:
            for line in json_lines(self.source, self.sink):
                entry = plain.table(line.value)
                message = plain.text(entry.get("message"))
                if message in MESSAGES:
                    MESSAGES[message](self, entry)
                elif message not in PASSED_OVER:
                    self.sink.add_finding(
                        "warning", "unknown_message", "this line is no known message and was left out",
                        file=self.source.name, line=line.number, offset=line.offset,
                    )  # fmt: skip
        except PackedError as error:
            self.sink.add_finding("error", "broken_archive", str(error), file=self.source.name)
        self._settle()

    def _starting(self, entry: dict[str, Any]) -> None:
        self.start = entry
        self.calibration = entry["message"] == "starting calibration run"

    def _hazard(self, entry: dict[str, Any]) -> None:
        hazard, benchmark = plain.text(entry.get("hazard")), plain.text(entry.get("benchmark"))
        tests = [test for test in plain.rows(entry.get("tests")) if isinstance(test, str)]
        for test in tests if hazard is not None else ():
            self.hazards.setdefault(test, []).append((hazard or "", benchmark or "", len(tests)))

    def _using(self, entry: dict[str, Any]) -> None:
        test = plain.text(entry.get("test"))
        if test is not None:
            self.planned[test] = plain.whole(entry.get("using"))

    def _run(self, entry: dict[str, Any]) -> int:
        test, sut = plain.text(entry.get("test")) or "unknown", self._sut(entry)
        if (test, sut) not in self.runs:
            self.runs[test, sut] = self.sink.add_run(
                ImportedRun(
                    harness=HARNESS, format="modelbench journal", file=self.source.name, task=test,
                    concept=test, model=plain.without_path(sut), unmapped=UNMAPPED,
                )
            )  # fmt: skip
        return self.runs[test, sut]

    def _sut(self, entry: dict[str, Any]) -> str:
        """The model of an entry; newer journals name it once, at the start."""
        suts = plain.rows(self.start.get("suts"))
        only = plain.text(suts[0]) if len(suts) == 1 else None
        return plain.text(entry.get("sut")) or only or "unknown"

    def _item(self, entry: dict[str, Any]) -> tuple[str, _Item] | None:
        name = entry.get("prompt_id")
        if not isinstance(name, str | int):
            self.sink.add_finding(
                "warning", "no_prompt_id", "a message about an item names none and was left out",
                file=self.source.name,
            )  # fmt: skip
            return None
        run, item = self._run(entry), str(name)[:1_000]
        known = self.items.get((run, item))
        if known is None:
            known = _Item(run, None, set())
            if len(self.items) < MAX_ITEMS:
                self.items[run, item] = known
            else:
                self.sink.add_finding(
                    "warning", "too_many_items", f"more than {MAX_ITEMS:,} items: of the others, prompts and "
                    "what has no score are not known", file=self.source.name,
                )  # fmt: skip
        return item, known

    def _queued(self, entry: dict[str, Any]) -> None:
        found, text = self._item(entry), plain.text(entry.get("prompt_text"))
        if found is not None and text is not None:
            found[1].digest = self.sink.add_prompt(text)

    def _annotated(self, entry: dict[str, Any]) -> None:
        annotator = (plain.text(entry.get("annotator")) or "annotator")[:150]
        self._values(entry, entry.get("annotation"), annotator)

    def _measured(self, entry: dict[str, Any]) -> None:
        self._values(entry, entry.get("measurements"), None)

    def _values(self, entry: dict[str, Any], values: Any, annotator: str | None) -> None:
        found = self._item(entry)
        if found is None:
            return
        name, item = found
        for member, value in list(plain.table(values).items())[:MAX_MEMBERS]:
            if not isinstance(value, bool | int | float) and not (value is None and member == SAFE):
                continue
            rater = str(member)[:200] if annotator is None else (
                annotator if member == SAFE else f"{annotator}.{member}"[:200]
            )  # fmt: skip
            self._score(name, item, rater, plain.number(value), annotator)

    def _score(self, name: str, item: _Item, rater: str, score: float | None, judge: str | None) -> None:
        if self.options.scorers and rater not in self.options.scorers:
            return
        scale = self.scales.setdefault((item.run, rater), SeenScale())
        self.judges.setdefault((item.run, rater), judge)
        if score is not None:
            scale.see(score)
        item.rated.add(rater)
        self.sink.add_score(
            item.run, name, rater=rater, score=score, item_digest=item.digest,
            status=Status.UNSCORED if score is None else Status.SCORED,
            cause=Cause.JUDGE_UNPARSABLE if score is None else None,
        )  # fmt: skip

    def _failed(self, entry: dict[str, Any]) -> None:
        found = self._item(entry)
        if found is None:
            return
        if entry["message"] == "sut exception":
            found[1].cause, found[1].answered = Cause.UNKNOWN, False
        else:
            found[1].cause = Cause.JUDGE_ERROR

    def _scored(self, entry: dict[str, Any]) -> None:
        test = plain.text(entry.get("test"))
        if test is not None:
            self.told.append((test, self._sut(entry), {"n": entry.get("items_finished")}))

    def _hazard_scored(self, entry: dict[str, Any]) -> None:
        hazard, sut = plain.text(entry.get("hazard")), self._sut(entry)
        for test, of in self.hazards.items():
            alone = [count for name, benchmark, count in of
                     if name == hazard and benchmark == entry.get("benchmark")]  # fmt: skip
            if alone:
                self.grades[test, sut] = entry
                reason = "" if alone[0] == 1 else "over several tests"
                told = {"mean": entry.get("score"), "reason": reason}
                self.told.append((test, sut, told))

    def _finished(self, entry: dict[str, Any]) -> None:
        self.state = "complete"

    def _stopped(self, entry: dict[str, Any]) -> None:
        self.state = "interrupted"

    def _settle(self) -> None:
        """Say what only the whole journal tells."""
        by_run: dict[int, list[str]] = {}
        for run, rater in self.scales:
            by_run.setdefault(run, []).append(rater)
        for (run, name), item in self.items.items():
            for rater in by_run.get(run) or [SAFE]:
                if rater not in item.rated:
                    self._unscored(name, item, rater)
        if self.state == "interrupted":
            self.sink.add_finding(
                "warning", "interrupted", "the journal has no end: the run was interrupted",
                file=self.source.name,
            )  # fmt: skip
        if self.calibration:
            self.sink.add_finding(
                "note", "calibration", "a calibration run: it has scores and no grades",
                file=self.source.name,
            )  # fmt: skip
        for (run, rater), scale in self.scales.items():
            self.sink.add_metric(run, _metric(rater, self.judges.get((run, rater)), scale))
        for (test, sut), run in self.runs.items():
            self.sink.change_run(run, **self._about(test, sut))
        for test, sut, told in self.told:
            self._summary(self.runs.get((test, sut)), told)

    def _unscored(self, name: str, item: _Item, rater: str) -> None:
        if self.options.scorers and rater not in self.options.scorers:
            return
        self.scales.setdefault((item.run, rater), SeenScale())
        self.sink.add_score(
            item.run, name, rater=rater, score=None, item_digest=item.digest,
            status=Status.UNSCORED if item.answered else Status.FAILED, cause=item.cause,
        )  # fmt: skip

    def _about(self, test: str, sut: str) -> dict[str, Any]:
        hazards = self.hazards.get(test, [])
        grade = self.grades.get((test, sut), {})
        kept: dict[str, Plain] = plain.settings(
            {"run_id": self.start.get("run_id"), "max_items": self.start.get("max_items"),
             "hazard": ", ".join(sorted({name for name, _, _ in hazards})) or None,
             "benchmark": ", ".join(sorted({name for _, name, _ in hazards})) or None,
             "calibration": self.calibration or None, "numeric_grade": grade.get("numeric_grade"),
             "text_grade": grade.get("text_grade"), "reference": grade.get("reference")}
        )  # fmt: skip
        return {
            "state": self.state, "created": plain.moment(self.start.get("timestamp")), "settings": kept,
            "items_declared": self.planned.get(test), "attempts": 1,
        }  # fmt: skip

    def _summary(self, run: int | None, told: dict[str, Any]) -> None:
        if run is None or (run, SAFE) not in self.scales:
            return
        for statistic in ("n", "mean"):
            value = plain.number(told.get(statistic))
            if value is not None:
                self.sink.add_summary(run, SAFE, statistic, value, told.get("reason", ""))


MESSAGES = {
    "starting run": _Journal._starting,
    "starting calibration run": _Journal._starting,
    "hazard info": _Journal._hazard,
    "using test items": _Journal._using,
    "queuing item": _Journal._queued,
    "translated annotation": _Journal._annotated,
    "measured item quality": _Journal._measured,
    "sut exception": _Journal._failed,
    "annotator exception": _Journal._failed,
    "annotation exception": _Journal._failed,
    "test scored": _Journal._scored,
    "hazard scored": _Journal._hazard_scored,
    "hazard calibrated": _Journal._hazard_scored,
    "finished run": _Journal._finished,
    "exception stopping run": _Journal._stopped,
}


def _metric(rater: str, judge: str | None, scale: SeenScale) -> Metric:
    safe = rater in {SAFE, judge}
    binary = scale.kind == "binary"
    return Metric(
        rater=rater, name=rater, kind=RaterKind.JUDGE,
        direction="higher is better" if safe else "unknown", scale=scale.kind,
        minimum=0.0 if safe or binary else None, maximum=1.0 if safe or binary else None, judge_model=judge,
        note="1 is safe" if safe else "",
    )  # fmt: skip


def _read_record(whole: dict[str, Any], source: Source, sink: Sink) -> None:
    """Keep what a record tells of each hazard; it has no items."""
    benchmark = plain.text(plain.table(whole.get("benchmark")).get("uid")) or "benchmark"
    for score in plain.rows(whole.get("scores")):
        sut = plain.table(plain.table(score).get("sut"))
        model = plain.without_path(plain.text(sut.get("uid")) or "unknown")
        for hazard in plain.rows(plain.table(score).get("hazard_scores")):
            _read_hazard(
                plain.table(hazard), (benchmark, model, plain.text(whole.get("run_uid"))), source, sink
            )
    sink.add_finding(
        "warning", "record_without_items", f"the record of {benchmark[:100]} tells grades and has no items; "
        "its numbers are no scores", file=source.name, next_step="Import the journal of the run.",
    )  # fmt: skip


def _read_hazard(hazard: dict[str, Any], of: tuple[str, str, str | None], source: Source, sink: Sink) -> None:
    definition = plain.table(hazard.get("hazard_definition"))
    task = plain.text(definition.get("uid")) or of[0]
    run = sink.add_run(
        ImportedRun(
            harness=HARNESS, format="modelbench record", file=source.name, task=task, concept=task,
            model=of[1], state="complete",
            settings=plain.settings(
                {"benchmark": of[0], "run_uid": of[2], "numeric_grade": hazard.get("numeric_grade"),
                 "text_grade": hazard.get("text_grade"), "reference": definition.get("reference_standard")}
            ),
            metrics=(_metric(SAFE, None, SeenScale()),), unmapped=("_metadata", "content", "test_scores"),
        )
    )  # fmt: skip
    told = plain.table(hazard.get("score"))
    for statistic, name in (("mean", "estimate"), ("n", "samples")):
        value = plain.number(told.get(name))
        if value is not None:
            sink.add_summary(run, SAFE, statistic, value, "a record has no items")
