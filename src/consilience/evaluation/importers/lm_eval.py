"""lm-eval (EleutherAI's harness): `results_*.json` and `samples_*.jsonl`, versions 0.3 to 0.4.

Samples are joined with their results by content, the digest over the digests of all samples that the results
hold (`task_hashes`), and where it fits several by the stamp in the names and the folder. Invariants: each
filter of each metric is a rater of its own; a value that is a pair or a list is not scored and counted, never
averaged; a task without samples is a finding, its told numbers stay told.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from consilience.evaluation.importers import plain
from consilience.evaluation.importers.imported import ImportedRun, Metric, Options, Plain
from consilience.evaluation.importers.json_lines import document, json_lines
from consilience.evaluation.importers.scales import SeenScale
from consilience.evaluation.importers.sink import Sink
from consilience.evaluation.importers.source import Source
from consilience.evaluation.protocol import RaterKind
from consilience.evaluation.scores import Cause, Status
from consilience.languages import is_tag

HARNESS = "lm-eval"
MAX_RESULTS = 10_000
"""Results files of one import."""
KNOWN = frozenset(
    {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash",
     "prompt_hash", "target_hash"}
)  # fmt: skip
STAMP = re.compile(r"_(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:\.\d+)?)\.jsonl?$")
SAMPLING = {"temperature", "top_p", "top_k", "do_sample", "max_gen_toks", "max_new_tokens", "max_tokens"}
SETTINGS = ("limit", "random_seed", "numpy_seed", "torch_seed", "fewshot_seed", "model_dtype", "model_sha")
TOP_SETTINGS = ("git_hash", "chat_template_sha", "system_instruction_sha", "fewshot_as_multiturn")
MAPPED = frozenset(
    {"results", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "config", "date",
     "lm_eval_version", "task_hashes", "model_name", "model_source", *TOP_SETTINGS}
)  # fmt: skip
NOT_SCORES = {"alias", "name", "sample_len", "sample_count"}


class Results(msgspec.Struct):
    """One results file."""

    source: Source
    whole: dict[str, Any]
    taken: set[str]
    """Tasks whose samples were found."""

    def part(self, name: str) -> dict[str, Any]:
        """Return an object of the document."""
        return plain.table(self.whole.get(name))


class _Seen(msgspec.Struct):
    """What the samples of a file tell that their results need."""

    task: str
    """By the file's name."""
    hash: str
    repeats: int
    scales: dict[str, tuple[bool, float | None, float | None]]


class LmEval:
    """The reader."""

    name = HARNESS

    def recognise(self, source: Source, head: bytes) -> bool:
        """Say whether a file holds results or samples of lm-eval."""
        start = head.lstrip(b"\xef\xbb\xbf \r\n\t")[:65_536]
        if not start.startswith(b"{"):
            return False
        if b'"doc_id"' in start and b'"arguments"' in start and b'"filtered_resps"' in start:
            return True
        return re.match(rb'\{\s*"results"\s*:\s*\{', start) is not None and (
            b"_stderr," in start
            or b'"alias"' in start
            or b'"lm_eval_version"' in start
            or b'_stderr"' in start
        )

    def read(self, sources: Sequence[Source], sink: Sink, options: Options) -> None:
        """Read the samples, then the results that they belong to."""
        parts = [(len(sink.runs), self.read_part(source, sink, options)) for source in sources]
        self.finish(parts, sources, sink)

    def read_part(self, source: Source, sink: Sink, options: Options) -> bytes:
        """Read one file of samples; results wait for `finish`."""
        return _Samples(source, sink, options).read() if _is_samples(source) else b""

    def finish(self, parts: Sequence[tuple[int, bytes]], sources: Sequence[Source], sink: Sink) -> None:
        """Say of all samples what their results tell."""
        results: list[Results] = []
        for (_, seen), source in zip(parts, sources, strict=True):
            if seen:
                continue
            if len(results) >= MAX_RESULTS:
                sink.add_finding(
                    "error", "too_many_results", f"more than {MAX_RESULTS:,} results files; left out",
                    file=source.name,
                )  # fmt: skip
                continue
            whole = document(source, sink)
            if isinstance(whole, dict):
                results.append(Results(source, whole, set()))
        for (run, seen), source in zip(parts, sources, strict=True):
            if seen:
                _settle(run, msgspec.json.decode(seen, type=_Seen), source, results, sink)
        for found in results:
            _say_without_samples(found, sink)


def _is_samples(source: Source) -> bool:
    with source.open() as stream:
        return b'"doc_id"' in stream.read(65_536)


class _Samples:
    """One samples file on its way into the sink."""

    def __init__(self, source: Source, sink: Sink, options: Options) -> None:
        self.source, self.sink, self.options = source, sink, options
        self.scales: dict[str, SeenScale] = {}
        self.hash = hashlib.sha256()
        self.repeats = 1
        self.odd = 0

    def read(self) -> bytes:
        """Read all lines, and return what their results need of them."""
        task = _task_of_name(self.source)
        run = self.sink.add_run(
            ImportedRun(
                harness=HARNESS, format="lm-eval samples", file=self.source.name, task=task, concept=task,
                model="unknown",
            )
        )  # fmt: skip
        for line in json_lines(self.source, self.sink):
            if isinstance(line.value, dict) and "doc_id" in line.value:
                self._take(run, line.value)
            else:
                self.sink.add_finding(
                    "warning", "no_sample", "this line is no sample", file=self.source.name, line=line.number
                )
        if self.odd:
            self.sink.add_finding(
                "warning", "not_a_number", f"{self.odd:,} values are pairs, lists or words and have no score "
                "here", file=self.source.name,
            )  # fmt: skip
        scales = {rater: scale.seen for rater, scale in self.scales.items()}
        return msgspec.json.encode(_Seen(task, self.hash.hexdigest(), self.repeats, scales))

    def _take(self, run: int, sample: dict[str, Any]) -> None:
        for name in ("doc_hash", "prompt_hash", "target_hash"):
            self.hash.update(str(sample.get(name, "")).encode("utf-8", "replace"))
        prompt = _prompt(sample.get("arguments"))
        digest = self.sink.add_prompt(prompt) if prompt is not None else None
        language = _language(sample.get("doc"))
        filter_ = plain.text(sample.get("filter"))
        responses = plain.rows(sample.get("resps"))
        if responses and isinstance(responses[0], list):
            self.repeats = max(self.repeats, len(responses[0]))
        named = plain.rows(sample.get("metrics")) or [name for name in sample if name not in KNOWN]
        for metric in named:
            if isinstance(metric, str) and metric in sample:
                self._score(run, sample, metric, filter_, digest, language)

    def _score(
        self, run: int, sample: dict[str, Any], metric: str, filter_: str | None, digest: str | None,
        language: str | None,
    ) -> None:  # fmt: skip
        rater = metric if filter_ is None else f"{metric},{filter_}"
        if self.options.scorers and not {rater, metric} & set(self.options.scorers):
            return
        value = sample[metric]
        score = plain.number(value) if isinstance(value, int | float) else None
        scale = self.scales.setdefault(rater, SeenScale())
        if score is not None:
            scale.see(score)
        elif value is not None:
            self.odd += 1
        self.sink.add_score(
            run, str(sample["doc_id"])[:1_000], rater=rater, score=score,
            status=Status.UNSCORED if score is None else Status.SCORED,
            cause=Cause.UNKNOWN if score is None else None, item_digest=digest, language=language,
        )  # fmt: skip


def _settle(run: int, seen: _Seen, source: Source, results: Sequence[Results], sink: Sink) -> None:
    """Fill in what the results tell of a run."""
    scales = {rater: SeenScale(*scale) for rater, scale in seen.scales.items()}
    found = _belonging(source, seen, results)
    if len(found) != 1:
        code, text = "samples_without_results", "no results file belongs to these samples"
        if found:
            code, text = "several_results", f"{len(found):,} results files could belong to these samples"
        sink.add_finding(
            "warning", code, f"{text}: model, date and settings are not known", file=source.name,
            next_step="Import them by themselves together with their results.",
        )  # fmt: skip
        for rater, scale in scales.items():
            sink.add_metric(run, _metric(rater, {}, scale))
        return
    of, task = found[0]
    of.taken.add(task)
    sink.change_run(run, files=(source.name, of.source.name), **_about(of, task, seen.repeats))
    direction = plain.table(of.part("higher_is_better").get(task))
    for rater, scale in scales.items():
        sink.add_metric(run, _metric(rater, direction, scale))
    _summaries(of, task, run, scales, sink)


def _task_of_name(source: Source) -> str:
    name = STAMP.sub("", source.base)
    return name.removeprefix("samples_").removesuffix(".jsonl") or "unknown"


def _belonging(source: Source, seen: _Seen, results: Sequence[Results]) -> list[tuple[Results, str]]:
    """Return the results that samples belong to. The hash is of the items alone, so two models that were
    asked the same share it; the stamp and then the folder tell them apart."""
    same = [
        (found, name)
        for found in results
        for name, told in found.part("task_hashes").items()
        if told == seen.hash
    ]
    if len(same) == 1:
        return same
    candidates = same or [(found, seen.task) for found in results if seen.task in found.part("results")]
    stamp = STAMP.search(source.base)
    stamped = [of for of in candidates if stamp is not None and stamp.group(1) in of[0].source.base]
    beside = [of for of in stamped or candidates if of[0].source.folder == source.folder]
    return beside or stamped or same


def _prompt(arguments: Any) -> str | None:
    """Return the prompt of the first request: `gen_args_0.arg_0`, or the first of a list (0.3)."""
    if isinstance(arguments, dict):
        arguments = list(arguments.values())
    first = plain.rows(arguments)[:1]
    if not first:
        return None
    request = first[0]
    if isinstance(request, dict):
        return plain.text(request.get("arg_0"))
    return plain.text(request[0]) if isinstance(request, list) and request else plain.text(request)


def _language(doc: Any) -> str | None:
    for name in ("lang", "language"):
        tag = plain.table(doc).get(name)
        if isinstance(tag, str) and is_tag(tag):
            return tag
    return None


def _metric(rater: str, higher: Mapping[str, Any], scale: SeenScale) -> Metric:
    name = rater.partition(",")[0]
    direction = {True: "higher is better", False: "lower is better"}.get(higher.get(name, "?"), "unknown")
    return Metric(
        rater=rater, name=rater, kind=RaterKind.PROGRAM, direction=direction, scale=scale.kind,  # type: ignore[arg-type]
        minimum=0.0 if scale.kind == "binary" else None, maximum=1.0 if scale.kind == "binary" else None,
    )  # fmt: skip


def _about(results: Results, task: str, repeats: int) -> dict[str, Any]:
    """Return the fields of a run that its results tell."""
    whole, config = results.whole, plain.table(results.part("configs").get(task))
    top = results.part("config")
    generation = plain.table(config.get("generation_kwargs"))
    kept: dict[str, Plain] = plain.settings({name: top.get(name) for name in SETTINGS})
    kept |= plain.settings({name: whole.get(name) for name in TOP_SETTINGS})
    kept |= plain.settings({"num_fewshot": results.part("n-shot").get(task), "repeats": repeats})
    kept |= plain.settings(
        {"dataset": config.get("dataset_path"), "dataset_name": config.get("dataset_name"),
         "output_type": config.get("output_type"), "backend": top.get("model")}
    )  # fmt: skip
    version = results.part("versions").get(task)
    return {
        "task": task,
        "concept": task,
        "harness_version": plain.text(whole.get("lm_eval_version")),
        "task_version": None if version is None else str(version)[:100],
        "model": _model(results),
        "created": plain.moment(whole.get("date")),
        "state": "complete",
        "attempts": 1,
        "items_declared": plain.whole(plain.table(results.part("n-samples").get(task)).get("effective")),
        "sampling": plain.settings({k: v for k, v in generation.items() if k in SAMPLING}),
        "settings": kept,
        "unmapped": tuple(sorted(str(name)[:200] for name in whole if name not in MAPPED))[:100],
    }


def _model(results: Results) -> str:
    named = plain.text(results.whole.get("model_name"))
    if named is not None:
        return plain.without_path(named)
    arguments = results.part("config").get("model_args")
    if isinstance(arguments, str):
        found = re.search(r"(?:pretrained|model|engine)=([^,]+)", arguments)
        if found is not None:
            return plain.without_path(found.group(1))
    return plain.text(results.part("config").get("model")) or "unknown"


def _summaries(results: Results, task: str, run: int, scales: Mapping[str, SeenScale], sink: Sink) -> None:
    """Hold the told means and numbers of items against the samples."""
    config = plain.table(results.part("configs").get(task))
    aggregation = {
        str(entry.get("metric")): entry.get("aggregation")
        for entry in plain.rows(config.get("metric_list"))
        if isinstance(entry, dict)
    }
    items = plain.whole(plain.table(results.part("n-samples").get(task)).get("effective"))
    for key, value in plain.table(results.part("results").get(task)).items():
        metric = key.partition(",")[0]
        rater = key if key in scales else metric
        if metric.endswith("_stderr") or metric in NOT_SCORES or rater not in scales:
            continue
        by = aggregation.get(metric)
        reason = "" if by in {None, "mean"} else f"aggregated by {str(by)[:40]}"
        sink.add_summary(run, rater, "mean", plain.number(value), reason)
        if items is not None:
            sink.add_summary(run, rater, "items", float(items))


def _say_without_samples(results: Results, sink: Sink) -> None:
    groups = set(results.part("groups")) | set(results.part("group_subtasks"))
    tasks = [str(task)[:200] for task in results.part("results") if task not in results.taken | groups]
    if tasks:
        sink.add_finding(
            "warning", "results_without_samples", f"no samples for {len(tasks):,} tasks, such as {tasks[0]}: "
            "their told numbers are no scores", file=results.source.name,
            next_step="Run lm-eval with --log_samples, and import the samples too.",
        )  # fmt: skip
    if groups & set(results.part("results")) | set(results.part("groups")):
        sink.add_finding(
            "note", "groups", "numbers of groups are averages over tasks and were left out",
            file=results.source.name,
        )  # fmt: skip
