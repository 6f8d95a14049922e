"""promptfoo: the JSON of `-o out.json` (`results.results`) and its JSONL, one result in each line.

A provider is a model, a prompt with its variables an item. Invariants: `pass`, `score`, each named score and
each assertion without a name are raters of their own; a failed assertion is a score and a real error
(failureReason 2) is none; promptfoo numbers repetitions as further tests, so results of one prompt with the
same variables are attempts, in their order.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from consilience.evaluation.importers import plain
from consilience.evaluation.importers.imported import ImportedRun, Metric, Options
from consilience.evaluation.importers.json_elements import elements
from consilience.evaluation.importers.json_lines import json_lines
from consilience.evaluation.importers.json_parts import parts
from consilience.evaluation.importers.scales import SeenScale
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source
from consilience.evaluation.protocol import RaterKind
from consilience.evaluation.scores import Cause, Status
from consilience.languages import is_tag

HARNESS = "promptfoo"
ERROR = 2
"""failureReason of a real error; 1 is a failed assertion."""
MAX_COMPONENTS = 200
"""Assertions of one result."""
JUDGED = re.compile(
    r"^(not-)?(llm-rubric|model-graded|g-eval|factuality|answer-relevance|context-|moderation|pi|search-rubric|"
    r"select-best|conversation-relevance|agent-rubric)"
)
BEHIND = ("results.stats", "config", "metadata")
"""Members that stand behind the results: where none of them is, the file was cut."""
TOLD = ("evalId", "runtimeOptions", "results.version", "results.timestamp", "results.prompts", *BEHIND)
"""Members of a document, beside its results, that are read."""
RESULT = ("promptIdx", "testIdx", "provider")
"""Members of every result."""
HUMAN = "human"
PASS, SCORE = "pass", "score"


class Promptfoo:
    """The reader."""

    name = HARNESS

    def recognise(self, source: Source, head: bytes) -> bool:
        """Say whether a file is promptfoo's, as a document or as lines."""
        start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
        if not start.startswith(b"{"):
            return False
        whole = re.match(rb'\{\s*"evalId"\s*:', start) is not None and b'"results"' in start
        return whole or _is_line(start)

    def read(self, sources: Sequence[Source], sink: Sink, options: Options) -> None:
        """Read all files."""
        for source in sources:
            with source.open() as stream:
                lines = _is_line(stream.read(65_536).lstrip(b"\xef\xbb\xbf \r\n\t"))
            if lines:
                _Results(source, sink, options, {}).read(_of_lines(source, sink))
                continue
            told = {str(name): value for name, value in parts(source, sink, members=TOLD)}
            results = (result for _, result in parts(source, sink, lists=("results.results",)))
            _Results(source, sink, options, told).read(results)


def _is_line(start: bytes) -> bool:
    """Say whether a file begins with one result; a whole document in one line has the same words within."""
    line = start.split(b"\n", 1)[0]
    if not all(b'"' + name.encode() + b'"' in line for name in RESULT):
        return False
    members: set[str] = set()

    def see(name: str) -> bool:
        members.add(name)
        return False

    for _ in elements(iter([line]), wanted=see, spread=lambda _: False):
        pass
    return "results" not in members and not members.isdisjoint(RESULT)


def _of_lines(source: Source, sink: Sink) -> Iterator[Any]:
    for line in json_lines(source, sink):
        yield line.value


class _Results:
    """The results of one file on their way into the sink."""

    def __init__(self, source: Source, sink: Sink, options: Options, told: dict[str, Any]) -> None:
        self.source, self.sink, self.options, self.told = source, sink, options, told
        self.task = plain.text(plain.table(told.get("config")).get("description")) or HARNESS
        self.runs: dict[str, int] = {}
        self.kinds: dict[tuple[int, str], RaterKind] = {}
        self.scales: dict[tuple[int, str], SeenScale] = {}
        self.tries: Counter[tuple[Any, ...]] = Counter()
        self.errors: Counter[int] = Counter()

    def read(self, results: Iterator[Any]) -> None:
        """Read all results."""
        for result in results:
            if isinstance(result, dict):
                self._take(result)
            else:
                self.sink.add_finding(
                    "warning", "no_result", "this is no result and was left out", file=self.source.name
                )
        for (run, rater), scale in self.scales.items():
            low, high = scale.within(0.0, 1.0) if rater in {PASS, SCORE} else (None, None)
            self.sink.add_metric(
                run,
                Metric(
                    rater=rater, name=rater, kind=self.kinds[run, rater], direction="higher is better",
                    scale=scale.kind, minimum=low, maximum=high,
                ),
            )  # fmt: skip
        self._summaries()

    def _run(self, model: str) -> int:
        if model not in self.runs:
            metadata = plain.table(self.told.get("metadata"))
            version = self.told.get("results.version")
            options = plain.table(self.told.get("runtimeOptions"))
            self.runs[model] = self.sink.add_run(
                ImportedRun(
                    harness=HARNESS,
                    harness_version=plain.text(metadata.get("promptfooVersion")),
                    format="promptfoo JSONL"
                    if not self.told
                    else f"promptfoo results {plain.whole(version)}",
                    file=self.source.name,
                    task=self.task,
                    concept=self.task,
                    model=model,
                    created=plain.moment(self.told.get("results.timestamp")),
                    state=self._state(),
                    attempts=plain.whole(options.get("repeat")),
                    settings=plain.settings(
                        {"evalId": self.told.get("evalId"), "cache": options.get("cache")}
                    ),
                    unmapped=("latencyMs", "cost", "tokenUsage", "gradingResult.reason", "response.metadata"),
                )
            )
        return self.runs[model]

    def _state(self) -> Literal["complete", "interrupted", "unknown"]:
        if not self.told:
            return "unknown"
        return "interrupted" if self.told.keys().isdisjoint(BEHIND) else "complete"

    def _take(self, result: dict[str, Any]) -> None:
        provider = result.get("provider")
        named = plain.table(provider)
        model = plain.text(named.get("label")) or plain.text(named.get("id")) or plain.text(provider)
        run = self._run(plain.without_path(model or "unknown"))
        item = _item(result)
        self.tries[run, item] += 1
        prompt = plain.text(plain.table(result.get("prompt")).get("raw"))
        place: dict[str, Any] = {
            "attempt": self.tries[run, item],
            "item_digest": self.sink.add_prompt(prompt) if prompt is not None else None,
            "language": _language(result),
            "generation": plain.text(result.get("id")),
        }
        failed = result.get("failureReason") == ERROR
        self.errors[run] += failed
        for rater, kind, value in _scores(result):
            self._score(run, item, (rater, kind), None if failed else value, failed=failed, place=place)

    def _score(
        self, run: int, item: str, rater: tuple[str, RaterKind], value: Any, *, failed: bool,
        place: dict[str, Any],
    ) -> None:  # fmt: skip
        name, kind = rater
        if self.options.scorers and name not in self.options.scorers:
            return
        score = plain.number(value) if not isinstance(value, str) else None
        scale = self.scales.setdefault((run, name), SeenScale())
        self.kinds.setdefault((run, name), kind)
        if score is not None:
            scale.see(score)
        self.sink.add_score(
            run, item, rater=name, score=score,
            status=Status.FAILED if failed else Status.SCORED if score is not None else Status.UNSCORED,
            cause=Cause.PROVIDER_ERROR if failed else None if score is not None else Cause.UNKNOWN, **place,
        )  # fmt: skip

    def _summaries(self) -> None:
        """Hold the numbers of passes that each provider's prompts tell against the results."""
        passes: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        for prompt in plain.rows(self.told.get("results.prompts")):
            told = plain.table(plain.table(prompt).get("metrics"))
            passed, failed = plain.whole(told.get("testPassCount")), plain.whole(told.get("testFailCount"))
            model = plain.text(plain.table(prompt).get("provider"))
            if model is not None and passed is not None and failed is not None:
                passes[model] += passed
                counts[model] += passed + failed
        for model, run in self.runs.items():
            if counts[model] and (run, PASS) in self.scales:
                self.sink.add_summary(run, PASS, "n", float(counts[model]))
                self.sink.add_summary(run, PASS, "mean", passes[model] / counts[model])


def _scores(result: dict[str, Any]) -> Iterator[tuple[str, RaterKind, Any]]:
    """Yield rater, kind and value of everything that scored a result."""
    components = plain.rows(plain.table(result.get("gradingResult")).get("componentResults"))[:MAX_COMPONENTS]
    kinds: dict[str, RaterKind] = {}
    unnamed = []
    for number, component in enumerate(components, start=1):
        assertion = plain.table(plain.table(component).get("assertion"))
        type_ = plain.text(assertion.get("type")) or "assertion"
        kind = RaterKind.JUDGE if JUDGED.match(type_) else RaterKind.PROGRAM
        kind = RaterKind.HUMAN if type_ == HUMAN else kind
        metric = plain.text(assertion.get("metric"))
        if metric is not None:
            kinds[metric] = kind
        else:
            unnamed.append((f"{type_}#{number}"[:200], kind, plain.table(component).get("score")))
    every = {*kinds.values(), *(kind for _, kind, _ in unnamed)}
    whole = RaterKind.JUDGE if RaterKind.JUDGE in every else RaterKind.PROGRAM
    yield PASS, whole, result.get("success")
    yield SCORE, whole, result.get("score")
    for name, value in plain.table(result.get("namedScores")).items():
        yield name[:200], kinds.get(name, whole), value
    yield from unnamed


def _item(result: dict[str, Any]) -> str:
    """Name an item by its prompt and variables; the number of a test differs between repetitions."""
    variables = msgspec.json.encode(result.get("vars"), order="sorted")
    return f"{result.get('promptIdx')}/{hashlib.sha256(variables).hexdigest()[:16]}"[:200]


def _language(result: dict[str, Any]) -> str | None:
    case = plain.table(result.get("testCase"))
    for part in (result.get("vars"), case.get("vars"), case.get("metadata"), result.get("metadata")):
        for name in ("language", "lang"):
            tag = plain.table(part).get(name)
            if isinstance(tag, str) and is_tag(tag):
                return tag
    return None
