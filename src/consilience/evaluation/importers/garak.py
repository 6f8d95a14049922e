"""garak: `*.report.jsonl`, with old and new field names.

A probe is a task, a detector a rater, an output an attempt. Invariants: a score of 1 is a hit, so lower is
better and nothing is turned round; of an attempt that is written several times the last status counts; a
score of None is unscored and never 0; a report without `completion` is interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from consilience.evaluation.importers import plain
from consilience.evaluation.importers.imported import ImportedRun, Metric, Options, Plain
from consilience.evaluation.importers.json_lines import json_lines
from consilience.evaluation.importers.prompt import joined
from consilience.evaluation.importers.scales import SeenScale
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source
from consilience.evaluation.protocol import RaterKind
from consilience.evaluation.scores import Cause, Status
from consilience.languages import is_tag

HARNESS = "garak"
ENTRY_TYPES = (b'"start_run setup"', b'"init"', b'"attempt"', b'"eval"', b'"completion"', b'"digest"')
SCORED = 2
"""Status of an attempt that detectors have seen."""
MAX_WAITING = 1_000_000
"""Attempts without a scored line that are remembered."""
MAX_OUTPUTS = 10_000
"""Outputs of one attempt."""
SETTINGS = {
    "run.seed": "seed", "run.generations": "generations", "run.eval_threshold": "eval_threshold",
    "run.deprefix": "deprefix", "run.soft_probe_prompt_cap": "soft_probe_prompt_cap",
    "plugins.target_type": "target_type", "plugins.model_type": "target_type",
    "plugins.probe_spec": "probe_spec", "plugins.detector_spec": "detector_spec",
    "plugins.buff_spec": "buff_spec", "aggregation": "aggregation",
}  # fmt: skip


class Garak:
    """The reader."""

    name = HARNESS

    def recognise(self, source: Source, head: bytes) -> bool:
        """Say whether a file is a report or a hit log of garak."""
        start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
        if not start.startswith(b"{"):
            return False
        line = start.split(b"\n", 1)[0]
        if b'"entry_type"' in line:
            return any(entry in line for entry in ENTRY_TYPES)
        return _is_hit(line)

    def read(self, sources: Sequence[Source], sink: Sink, options: Options) -> None:
        """Read all reports; hit logs are left out, with a finding."""
        for source in sources:
            with source.open() as stream:
                hits = _is_hit(stream.readline(65_536))
            if hits:
                sink.add_finding(
                    "warning", "hit_log", "a hit log holds the hits only, so no rate can be had from it",
                    file=source.name, next_step="Import the report beside it (*.report.jsonl).",
                )  # fmt: skip
            else:
                _Report(source, sink, options).read()


def _is_hit(line: bytes) -> bool:
    return all(name in line for name in (b'"attempt_id"', b'"detector"', b'"generator"', b'"probe"'))


class _Waiting(msgspec.Struct):
    """An attempt that was generated and not scored yet."""

    run: int
    name: str
    digest: str | None
    language: str | None
    answered: list[bool]


class _Report:
    """One report on its way into the sink."""

    def __init__(self, source: Source, sink: Sink, options: Options) -> None:
        self.source, self.sink, self.options = source, sink, options
        self.runs: dict[str, int] = {}
        self.scales: dict[tuple[int, str], SeenScale] = {}
        self.waiting: dict[str, _Waiting] = {}
        self.told: list[tuple[int, str, dict[str, Any]]] = []
        self.about: dict[str, Any] = {"model": "unknown", "harness_version": None, "created": None}
        self.settings: dict[str, Plain] = {}
        self.complete = False

    def read(self) -> None:
        """Read all entries."""
        for line in json_lines(self.source, self.sink):
            entry = line.value
            kind = entry.get("entry_type") if isinstance(entry, dict) else None
            if kind == "attempt":
                self._attempt(entry, line.number)
            elif kind == "eval":
                self._eval(entry)
            elif kind == "start_run setup":
                self._setup(entry)
            elif kind == "init":
                self._init(entry)
            elif kind == "completion":
                self.complete = True
            elif kind != "digest":
                self.sink.add_finding(
                    "warning", "unknown_entry", "this entry is of no known type and was left out",
                    file=self.source.name, line=line.number,
                )  # fmt: skip
        self._settle()

    def _setup(self, entry: dict[str, Any]) -> None:
        named = plain.text(entry.get("plugins.target_name")) or plain.text(entry.get("plugins.model_name"))
        kind = plain.text(entry.get("plugins.target_type")) or plain.text(entry.get("plugins.model_type"))
        self.about["model"] = plain.without_path(named or kind or "unknown")
        self.about["harness_version"] = plain.text(entry.get("_config.version"))
        self.settings |= plain.settings({ours: entry.get(theirs) for theirs, ours in SETTINGS.items()
                                         if entry.get(theirs) is not None})  # fmt: skip

    def _init(self, entry: dict[str, Any]) -> None:
        self.about["harness_version"] = (
            plain.text(entry.get("garak_version")) or self.about["harness_version"]
        )
        self.about["created"] = plain.moment(entry.get("start_time"))
        if plain.text(entry.get("orig_uuid")):
            self.settings["merged"] = True

    def _run(self, probe: str) -> int:
        if probe not in self.runs:
            self.runs[probe] = self.sink.add_run(
                ImportedRun(
                    harness=HARNESS, format="garak report", file=self.source.name, task=probe, concept=probe,
                    model="unknown",
                )
            )  # fmt: skip
        return self.runs[probe]

    def _attempt(self, entry: dict[str, Any], line: int) -> None:
        probe = plain.text(entry.get("probe_classname"))
        if probe is None:
            self.sink.add_finding(
                "warning", "no_probe", "an attempt names no probe and was left out", file=self.source.name,
                line=line,
            )  # fmt: skip
            return
        uuid = str(entry.get("uuid") or f"{probe}/{entry.get('seq')}")[:200]
        prompt, language = _prompt(entry.get("prompt"))
        outputs = plain.rows(entry.get("outputs"))[:MAX_OUTPUTS]
        attempt = _Waiting(
            self._run(probe),
            uuid,
            self.sink.add_prompt(prompt) if prompt is not None else None,
            language,
            [_answer(output) is not None for output in outputs],
        )
        if entry.get("status") == SCORED or entry.get("detector_results"):
            self.waiting.pop(uuid, None)
            for detector, scores in plain.table(entry.get("detector_results")).items():
                self._scores(attempt, str(detector)[:200], plain.rows(scores)[:MAX_OUTPUTS])
        elif len(self.waiting) < MAX_WAITING:
            self.waiting[uuid] = attempt

    def _scores(self, attempt: _Waiting, detector: str, scores: list[Any]) -> None:
        if self.options.scorers and detector not in self.options.scorers:
            return
        scale = self.scales.setdefault((attempt.run, detector), SeenScale())
        for place, value in enumerate(scores):
            score = plain.number(value) if not isinstance(value, str) else None
            answered = attempt.answered[place] if place < len(attempt.answered) else True
            status, cause = Status.SCORED, None
            if score is None:
                status = Status.UNSCORED if answered else Status.FAILED
                cause = Cause.UNKNOWN if answered else Cause.MODEL_ERROR
            else:
                scale.see(score)
            self.sink.add_score(
                attempt.run, attempt.name, rater=detector, score=score, status=status, cause=cause,
                attempt=place + 1, item_digest=attempt.digest, language=attempt.language,
            )  # fmt: skip

    def _eval(self, entry: dict[str, Any]) -> None:
        probe = plain.text(entry.get("probe")) or plain.text(entry.get("probe_spec"))
        detector = plain.text(entry.get("detector"))
        if probe is not None and detector is not None:
            self.told.append((self._run(probe), detector.removeprefix("detector."), entry))

    def _settle(self) -> None:
        """Say what only the whole file tells."""
        for attempt in self.waiting.values():
            self._unscored(attempt)
        if self.waiting:
            self.sink.add_finding(
                "warning", "not_scored", f"{len(self.waiting):,} attempts were generated and never scored",
                file=self.source.name,
            )  # fmt: skip
        if not self.complete:
            self.sink.add_finding(
                "warning",
                "interrupted",
                "the report has no end: the run was interrupted",
                file=self.source.name,
            )
        for probe, run in self.runs.items():
            self.sink.change_run(
                run, state="complete" if self.complete else "interrupted", settings=dict(self.settings),
                attempts=plain.whole(self.settings.get("generations")), task=probe, **self.about,
            )  # fmt: skip
        for (run, detector), scale in self.scales.items():
            low, high = scale.within(0.0, 1.0)
            self.sink.add_metric(
                run,
                Metric(
                    rater=detector, name=detector, kind=RaterKind.PROGRAM, direction="lower is better",
                    scale=scale.kind, minimum=low, maximum=high, note="1 is a hit",
                ),
            )  # fmt: skip
        for run, detector, entry in self.told:
            self._summary(run, detector, entry)

    def _unscored(self, attempt: _Waiting) -> None:
        """Rows of an attempt that no detector saw, for every detector of its probe."""
        detectors = [name for run, name in self.scales if run == attempt.run] or ["detector"]
        for detector in detectors:
            if detector == "detector":
                self.scales.setdefault((attempt.run, detector), SeenScale())
            for place, answered in enumerate(attempt.answered or [False]):
                self.sink.add_score(
                    attempt.run, attempt.name, rater=detector, score=None,
                    status=Status.UNSCORED if answered else Status.FAILED,
                    cause=Cause.NOT_RATED if answered else Cause.UNKNOWN, attempt=place + 1,
                    item_digest=attempt.digest, language=attempt.language,
                )  # fmt: skip

    def _summary(self, run: int, detector: str, entry: dict[str, Any]) -> None:
        passed, fails = plain.whole(entry.get("passed")), plain.whole(entry.get("fails"))
        total = plain.whole(entry.get("total_evaluated"))
        total = plain.whole(entry.get("total")) if total is None else total
        scale = self.scales.get((run, detector))
        if total is None or passed is None or scale is None:
            return
        fails = total - passed if fails is None else fails
        self.sink.add_summary(run, detector, "n", float(total))
        if total:
            reason = "" if scale.binary else "it counts scores above a threshold"
            self.sink.add_summary(run, detector, "mean", fails / total, reason)


def _answer(output: Any) -> str | None:
    """Return an output's text: a string in old reports, an object in new ones; None: no answer."""
    if isinstance(output, dict):
        output = output.get("text")
    return output if isinstance(output, str) else None


def _prompt(prompt: Any) -> tuple[str | None, str | None]:
    """Return text and language of a prompt: a string in old reports, turns in new ones."""
    if isinstance(prompt, str):
        return prompt, None
    whole = plain.table(prompt)
    if isinstance(whole.get("text"), str):
        return whole["text"], _tag(whole.get("lang"))
    turns, language = [], None
    for turn in plain.rows(whole.get("turns")):
        content = plain.table(plain.table(turn).get("content"))
        if isinstance(content.get("text"), str) and plain.table(turn).get("role") != "system":
            turns.append(content["text"])
            language = _tag(content.get("lang")) or language
    return (joined(turns) if turns else None), language


def _tag(value: Any) -> str | None:
    return value if isinstance(value, str) and is_tag(value) else None
